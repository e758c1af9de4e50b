"""Give sizes that follow no formula the names of variables, as people would call them."""

from netspec.dim import Dim, Expression, symbol, value_of
from netspec.evaluate import Scope
from netspec.facts import Facts
from netspec.names import CODE_NAMES, free_name
from netspec.source import Span
from netspec.visit import names_in

_AXES = {4: ("rows", "columns"), 5: ("slices", "rows", "columns")}


class SizeNames:
    """The names of such sizes in one definition; the same place has the same name always."""

    def __init__(self, facts: Facts, scope: Scope) -> None:
        self.facts = facts
        self.scope = scope

    def name(self, span: Span, variable: str, place: int, axis: int, rank: int) -> str:
        """A name for a size of a loop or branch at `span`: what people call it, used by no other.

        The size is `axis` of `rank` ones, of tensor number `place` of what `variable` stands for.
        """
        named = self.facts.named
        key = (span, variable, place, axis)
        if key in named:
            return named[key]
        stem = _stem(axis, rank)
        taken = {name.id for name in names_in(tuple(self.facts.definition))}
        taken |= set(named.values()) | set(self.scope) | set(CODE_NAMES)
        loop = self.facts.names.loops.get(span)
        container = loop.name if loop else self.facts.names.stages.get(span, "")
        if stem in taken and container:
            stem = f"{container}_{stem}"  # a later loop's
        named[key] = free_name(stem, lambda name: name in taken)
        return named[key]

    def variable(self, name: str, dim: Dim) -> Expression:
        """The size of that name, with the value of `dim` as its example."""
        self.scope.parametric.add(name)
        return symbol(name, value_of(dim), self.scope.frame)


def _stem(axis: int, rank: int) -> str:
    """What people call a size: `channels`, the sizes of an image or a volume, `features`."""
    if axis == 1 and rank > 2:
        return "channels"
    if axis > 1 and rank in _AXES:
        return _AXES[rank][axis - 2]
    return "features" if axis == rank - 1 and rank <= 3 else f"size{axis}"
