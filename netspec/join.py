"""Join what the two sides of a branch leave: one value, with sizes that hold for both."""

from collections.abc import Callable, Mapping

from netspec.dim import Dim
from netspec.facts import Joined
from netspec.flow import UNKNOWN, Bundle, Flow, Unknown, Value
from netspec.size_names import SizeNames
from netspec.source import Span
from netspec.substitute import substitute
from netspec.tensor import Tensor

JoinSizes = Callable[[Dim, Dim, int, int], Dim]


def join(a: Value, b: Value, sizes: JoinSizes) -> Value:
    """One value for both sides.

    `sizes` gives one size for two, which are such an axis of so many.
    """
    match a, b:
        case Bundle(), Bundle() if len(a.items) == len(b.items):
            pairs = zip(a.items, b.items, strict=True)
            return Bundle(tuple(join(x, y, sizes) for x, y in pairs))
        case Flow(), Flow() if a.type.rank == b.type.rank:
            axes = enumerate(zip(a.type.shape, b.type.shape, strict=True))
            shape = tuple(sizes(x, y, axis, a.type.rank) for axis, (x, y) in axes)
            return a._replace(type=Tensor(shape, a.type.dtype))
        case Flow(), Unknown():
            return a
        case Unknown(), Flow():
            return b
    return UNKNOWN


def structure_of(value: Value) -> str:
    """How many tensors a value is, as it is nested; "?" in it where that is unknown."""
    match value:
        case Flow():
            return "a tensor"
        case Bundle(items):
            return f"({', '.join(map(structure_of, items))})"
    return "?"


def first_size(a: Dim, b: Dim, axis: int, rank: int) -> Dim:
    """One size for two that are the same, as where only data decides."""
    return a


class BranchSizes:
    """The sizes behind a branch that parameters decide.

    `if_true`, `if_false`: what sizes are equal to on either side; `joined`: those that differ.
    """

    def __init__(
        self,
        span: Span,
        if_true: Mapping[str, Dim],
        if_false: Mapping[str, Dim],
        names: SizeNames,
    ) -> None:
        self.joined: list[Joined] = []
        self._span = span
        self._if_true = if_true
        self._if_false = if_false
        self._names = names

    def one(self, a: Dim, b: Dim, axis: int, rank: int) -> Dim:
        """One size for both sides: `a` where the test holds, `b` where it does not."""
        if a == b:
            return a
        if substitute(a, self._if_false) == substitute(b, self._if_false):
            return a
        if substitute(a, self._if_true) == substitute(b, self._if_true):
            return b
        for known in self.joined:
            if (known.then, known.other) == (a, b):
                return self._names.variable(known.name, a)
        name = self._names.name(self._span, "", len(self.joined), axis, rank)
        self.joined.append(Joined(name, a, b))
        return self._names.variable(name, a)
