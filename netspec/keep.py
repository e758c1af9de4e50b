"""Keep a value under an index with sizes for each index, and give them for the one that is read."""

from typing import Any

from netspec import syntax as s
from netspec.dim import Dim, Expression, Lookup, lookup, value_of
from netspec.evaluate import Scope
from netspec.facts import Facts
from netspec.flow import Flow, Value
from netspec.resize import resized
from netspec.substitute import atoms, own_form, substitute
from netspec.symbol import Symbol
from netspec.tensor import Tensor
from netspec.visit import names_in, statements_in


class KeptSizes:
    """The sizes of what one definition keeps; those that no index gives stand in lists."""

    def __init__(self, facts: Facts, scope: Scope) -> None:
        self._facts = facts
        self._scope = scope
        self._lists: dict[str, dict[Any, Any]] = {}  # by name and index

    def template(
        self, target: s.Element, value: Value, index: Any
    ) -> tuple[Value, list[tuple[str, Dim]]]:
        """A value as it is kept, and the sizes of it that lists take up, with the lists' names."""
        lists: list[tuple[str, Dim]] = []
        if not isinstance(value, Flow) or not isinstance(index, Expression):
            return value, lists
        changing = self._changing(target)
        shape: list[Dim] = []
        for axis, dim in enumerate(value.type.shape):
            names = {atom.name for atom in atoms(dim) if isinstance(atom, Symbol)}
            free = (names - {str(index)}) & changing
            if free:
                stem = "channels" if axis == 1 and value.type.rank > 2 else f"size{axis}"
                name = f"{target.name.id}_{stem}"
                items = self._lists.setdefault(name, {})
                items[value_of(index)] = value_of(dim)
                lists.append((name, dim))
                dim = lookup(name, (index,), items, self._scope.frame)
            shape.append(dim)
        return value._replace(type=Tensor(tuple(shape), value.type.dtype)), lists

    def _changing(self, target: s.Element) -> set[str]:
        """The names that mean something else in another turn of the loops around a place."""
        loops = self._loops_around(target)
        bound = {name.id for loop in loops for name in names_in(loop.target)}
        running = {one.name for several in self._facts.running.values() for one in several}
        joined = {
            one.name
            for span, several in self._facts.joined.items()
            for one in several
            if not any(loop.span.start <= span.start < loop.span.end for loop in loops)
        }
        sizes = {name for name in self._scope.parametric if name not in self._scope}
        return bound | running | (sizes - joined)

    def _loops_around(self, target: s.Element) -> list[s.For]:
        return [
            item
            for item in statements_in(self._facts.definition.body)
            if isinstance(item, s.For)
            and item.span.start <= target.span.start
            and target.span.end <= item.span.end
        ]


def at_index(value: Value, index: Any) -> Value:
    """A kept value for the index that is read: `skip[i]` where `widths[j]` was kept under j."""
    return resized(value, lambda dim: _at_index(dim, index))


def _at_index(dim: Dim, index: Any) -> Dim:
    if not isinstance(dim, Expression) or not isinstance(index, int | Expression):
        return dim
    names = {
        str(part): index
        for atom in atoms(dim)
        if isinstance(atom, Lookup)
        for part in atom.indices[:1]
        if isinstance(part, Expression)
    }
    moved = substitute(dim, names) if names else dim
    return own_form(moved) if isinstance(moved, Expression) else moved
