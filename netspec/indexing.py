"""The shape rule of `x[…]`: numbers, slices, None, `...` and one tensor of indices."""

from collections.abc import Sequence
from types import EllipsisType
from typing import Any

from netspec.dim import Dim, Expression, at_least, divide, largest, same, smallest, value_of
from netspec.misfit import Misfit
from netspec.tensor import INTEGER, Tensor, write_shape

Item = int | Expression | slice | None | EllipsisType | Tensor


def index(x: Tensor, items: Sequence[Item]) -> Tensor:
    """The type of `x[items]`.

    Raises:
        Misfit: for too many indices, one out of range, or several tensors of indices.
    """
    taken = sum(_dimensions_of(item) for item in items)
    if taken > x.rank:
        raise Misfit(
            f"{taken} indices for {write_shape(x.shape)} of {x.rank} dimensions",
            label="too many",
            help="write one for each dimension at most; `...` stands for the others",
        )
    if sum(item is ... for item in items) > 1:
        raise Misfit("`...` stands here twice", label="which dimensions are where is not clear")
    if sum(isinstance(item, Tensor) for item in items) > 1:
        raise Misfit(
            "several tensors of indices in one place are not supported",
            label="one tensor at the most",
            help="use `gather`, or index one after another",
        )
    shape: list[Dim] = []
    axis = 0
    for item in _filled(items, x.rank - taken):
        if item is None:
            shape.append(1)
            continue
        shape += _along(x, axis, item)
        axis += _dimensions_of(item)
    return Tensor(tuple(shape), x.dtype)


def _dimensions_of(item: Item) -> int:
    if item is None or item is ...:
        return 0
    return item.rank if isinstance(item, Tensor) and item.dtype == "bool" else 1


def _filled(items: Sequence[Item], missing: int) -> list[Any]:
    """The items with whole slices for `...`, and for what is left out at the end."""
    whole = [slice(None)] * missing
    if ... in [item if item is ... else 0 for item in items]:
        at = next(i for i, item in enumerate(items) if item is ...)
        return [*items[:at], *whole, *items[at + 1 :]]
    return [*items, *whole]


def _along(x: Tensor, axis: int, item: Any) -> list[Dim]:
    """The sizes that stand in place of dimension `axis`."""
    size = x.shape[axis]
    if isinstance(item, slice):
        return [_sliced(x, axis, size, item)]
    if isinstance(item, Tensor):
        return _gathered(x, axis, item)
    if at_least(item, size) or at_least(-item - 1, size):
        raise Misfit(
            f"index {item} is out of range for dimension {axis} of {write_shape(x.shape)}",
            label=f"the size is {size}",
            help=f"use 0 to {size - 1}",
        )
    return []


def _gathered(x: Tensor, axis: int, item: Tensor) -> list[Dim]:
    if item.dtype in INTEGER:
        return list(item.shape)
    raise Misfit(
        f"a tensor of indices is of integers, found {item}",
        label="how many it chooses is known only when data flows"
        if item.dtype == "bool"
        else "no integers",
        help="use `where` or `masked_fill`" if item.dtype == "bool" else "",
    )


def _sliced(x: Tensor, axis: int, size: Dim, part: slice) -> Dim:
    step = 1 if part.step is None else value_of(part.step)
    if step is None or step < 1:
        raise Misfit(
            f"the step of a slice is a positive number, found {part.step}",
            label="cannot be",
            help="use `flip` to turn a dimension round",
        )
    start = _clamped(0 if part.start is None else part.start, size)
    stop = _clamped(size if part.stop is None else part.stop, size)
    length = stop - start
    if at_least(0, length):
        return 0
    if at_least(length, 1) is None and not isinstance(length, int):
        length = largest(length, 0)
    return divide(length + (step - 1), step)


def _clamped(bound: Dim, size: Dim) -> Dim:
    """A bound of a slice, counted from the front, and inside the dimension."""
    negative = at_least(-1, bound)
    if negative:
        return largest(size + bound, 0) if at_least(size + bound, 0) is not True else size + bound
    if same(bound, size) or at_least(size, bound):
        return bound
    return smallest(bound, size)
