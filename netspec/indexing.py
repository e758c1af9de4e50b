"""The type of `x[…]`: numbers, slices, new axes and tensors of indices, as torch takes them."""

from collections.abc import Sequence
from types import EllipsisType

from netspec.compare import at_least
from netspec.dim import Dim, divide, smallest
from netspec.elementwise import broadcast
from netspec.misfit import Misfit
from netspec.tensor import Shape, Tensor, write_shape

# The bounds and the step of a slice are dimensions or None.
Item = Dim | slice | None | EllipsisType | Tensor

_INDICES = frozenset({"int8", "int16", "int32", "int64"})


def index(x: Tensor, items: Sequence[Item]) -> Tensor:
    """The type of `x[items]`.

    A number takes its dimension out, a slice keeps part of it, None puts in one of size 1, and
    `…` stands for all that is not named. Tensors of indices give their common shape: in their
    place, or in front where something stands between them.

    Raises:
        Misfit: where torch would raise, where nothing is left, or where only the data tells how
            much is.
    """
    shape: list[Dim] = []
    tensors: dict[int, Shape] = {}  # by the place in the output that they stand at
    axis = 0
    for item in _complete(x, items):
        if item is None:
            shape.append(1)
            continue
        size = x.shape[axis]
        if isinstance(item, slice):
            shape.append(_length(item, size, axis, x))
        elif isinstance(item, Tensor) and item.shape:
            tensors[len(shape)] = item.shape
            shape.append(0)
        elif not isinstance(item, Tensor | EllipsisType):
            _require_inside(item, size, axis, x)
        axis += 1
    return Tensor(_with_tensors(shape, tensors), x.dtype)


def _complete(x: Tensor, items: Sequence[Item]) -> list[Item]:
    """The items with whole slices for `…` and for what is left out at the end."""
    dots = [at for at, item in enumerate(items) if item is ...]
    if len(dots) > 1:
        raise Misfit(
            "an index has `…` at most once, found twice",
            label="`...` twice",
            help="write `:` for one dimension",
        )
    for item in items:
        if isinstance(item, Tensor):
            _require_indices(item)
    named = sum(item is not None and item is not ... for item in items)
    missing = x.rank - named
    if missing < 0:
        raise Misfit(
            f"{write_shape(x.shape)} has {x.rank} dimension{'s' if x.rank != 1 else ''}, the index "
            f"names {named}",
            label="too many",
            help="`None` puts in a new dimension, `...` stands for all that are not named",
        )
    at = dots[0] if dots else len(items)
    whole: list[Item] = [slice(None)] * missing
    return [*items[:at], *whole, *items[at + 1 :]]


def _require_indices(item: Tensor) -> None:
    if item.dtype == "bool":
        raise Misfit(
            "how many entries a mask takes is known only when data flows",
            label=f"the index is {item}",
            help="keep the shape: `where(mask, x, 0.0)` or `x -> masked_fill(mask, 0.0)`",
        )
    if item.dtype not in _INDICES:
        raise Misfit(
            f"a tensor as an index holds integers, found {item.dtype}",
            label=f"the index is {item}",
            help="turn it into integers first: `-> to(int64)`",
        )


def _require_inside(number: Dim, size: Dim, axis: int, x: Tensor) -> None:
    if at_least(number, size) or at_least(-size - 1, number):
        raise Misfit(
            f"index {number} is outside dimension {axis} of {write_shape(x.shape)}",
            label=f"dimension {axis} has size {size}",
            help=f"choose one from 0 to {size - 1}, or from -{_bracketed(size)} to -1 counted from "
            "the end",
        )


def _bracketed(size: Dim) -> str:
    return f"({size})" if " " in str(size) else str(size)


def _length(item: slice, size: Dim, axis: int, x: Tensor) -> Dim:
    """How many entries a slice keeps.

    What the data alone decides is taken to fit: a start inside the dimension and before the stop.
    A stop that may lie behind the end is cut off there, as torch does.
    """
    step: Dim = 1 if item.step is None else item.step
    if at_least(step, 1) is False:
        raise Misfit(
            f"the step of a slice is at least 1, found {step}",
            label="torch takes no other step",
            help="turn the order around with `flip`",
        )
    start = 0 if item.start is None else _place(item.start, size)
    stop = size if item.stop is None else _place(item.stop, size)
    length = stop - start
    if at_least(length, 1) is False:
        raise Misfit(
            f"`{_write(item)}` takes nothing of dimension {axis} of {write_shape(x.shape)}",
            label=f"dimension {axis} has size {size}",
            help=f"start before the stop, inside 0 to {size}",
        )
    return divide(length + step - 1, step)


def _place(bound: Dim, size: Dim) -> Dim:
    """A bound counted from the front and kept inside the dimension."""
    if at_least(bound, 0) is False:
        place = size + bound
        return 0 if at_least(place, 0) is False else place
    return bound if at_least(size, bound) else smallest(bound, size)


def _write(item: slice) -> str:
    bounds = ["" if bound is None else str(bound) for bound in (item.start, item.stop)]
    return ":".join([*bounds, *([] if item.step is None else [str(item.step)])])


def _with_tensors(shape: list[Dim], tensors: dict[int, Shape]) -> Shape:
    if not tensors:
        return tuple(shape)
    common: Shape = ()
    for each in tensors.values():
        common = broadcast("index with", common, each)
    places = list(tensors)
    rest = [size for at, size in enumerate(shape) if at not in tensors]
    together = places[-1] - places[0] == len(places) - 1
    at = places[0] if together else 0
    return (*rest[:at], *common, *rest[at:])
