"""Rules on shapes that layers and functions share: axes, flattening, filling in a -1."""

from netspec.catalogue.signature import Value
from netspec.compare import agree, same
from netspec.dim import Dim, divide, product, sample_of, value_of
from netspec.misfit import Misfit
from netspec.tensor import Shape, Tensor, write_shape


def resolve_axis(x: Tensor, axis: Value, title: str, argument: str) -> int:
    """An axis counted from the front.

    Raises:
        Misfit: where `x` has no such axis.
    """
    number = sample_of(axis)
    rank = max(x.rank, 1)
    if number is None or not -rank <= number < rank:
        raise Misfit(
            f"`{argument}`={axis} is no dimension of {write_shape(x.shape)}",
            label=f"`{title}` gets {x.rank} dimension{'s' if x.rank != 1 else ''}",
            help=f"choose one from {-rank} to {rank - 1}",
            argument=argument,
        )
    return number % rank


def require_dimensions(x: Tensor, title: str, count: int = 1) -> None:
    """Refuse a tensor with fewer than `count` dimensions."""
    if x.rank < count:
        least = "one dimension" if count == 1 else f"{count} dimensions"
        raise Misfit(
            f"`{title}` takes a tensor with at least {least}, found {write_shape(x.shape)}",
            label="the input is a single number"
            if not x.shape
            else f"the input has {x.rank} dimension{'s' if x.rank != 1 else ''}",
            help="give it one: `-> unsqueeze(0)`",
        )


def resolve_axes(x: Tensor, axes: Value, title: str, argument: str) -> list[int]:
    """One axis or several, counted from the front.

    Raises:
        Misfit: where `x` lacks one of them, or one is named twice.
    """
    each = axes if isinstance(axes, tuple | list) else (axes,)
    found = [resolve_axis(x, axis, title, argument) for axis in each]
    if len(set(found)) < len(found):
        raise Misfit(
            f"`{argument}`={axes} of `{title}` names a dimension twice",
            label=f"the input has shape {write_shape(x.shape)}",
            help="name each once",
            argument=argument,
        )
    return found


def flatten(x: Tensor, start: Value, end: Value, title: str) -> Tensor:
    """`x` with the dimensions from `start` to `end` joined to one."""
    first = resolve_axis(x, start, title, "start_dim")
    last = resolve_axis(x, end, title, "end_dim")
    if not x.shape:
        return Tensor((1,), x.dtype)
    if first > last:
        raise Misfit(
            f"`start_dim`={start} comes after `end_dim`={end} in {write_shape(x.shape)}",
            label="nothing to flatten",
            help="swap them",
        )
    joined = product(x.shape[first : last + 1])
    return Tensor((*x.shape[:first], joined, *x.shape[last + 1 :]), x.dtype)


def fill_in(sizes: Shape, total: Dim, argument: str, x: Tensor) -> Shape:
    """`sizes` with a -1 worked out, so that their product is `total`.

    Raises:
        Misfit: where no size for the -1, or no -1 at all, makes the product come out.
    """
    open_axes = [axis for axis, size in enumerate(sizes) if same(size, -1)]
    if len(open_axes) > 1 or any(_is_negative(size) for size in sizes):
        raise Misfit(
            f"`{argument}` has {write_shape(sizes)}: one size may be -1, the others are positive",
            label="cannot be sizes",
            help="-1 stands for what is left over, once",
            argument=argument,
        )
    known = product(size for axis, size in enumerate(sizes) if axis not in open_axes)
    if not open_axes:
        if agree(known, total):
            return sizes
        raise _uneven(sizes, total, known, argument, x)
    if value_of(known) == 0 or not agree(divide(total, known) * known, total):
        raise _uneven(sizes, total, known, argument, x)
    return tuple(divide(total, known) if axis in open_axes else s for axis, s in enumerate(sizes))


def _is_negative(size: Dim) -> bool:
    number = value_of(size)
    return number is not None and number < 0 and number != -1


def _uneven(sizes: Shape, total: Dim, known: Dim, argument: str, x: Tensor) -> Misfit:
    certain = value_of(total) is not None and value_of(known) is not None
    reason = "does not" if certain else "is not known to"
    rest = any(same(size, -1) for size in sizes) and value_of(known) != 0
    return Misfit(
        f"{write_shape(x.shape)} {reason} fit into {write_shape(sizes)}",
        label=f"{total} elements, not a multiple of {known}"
        if any(same(size, -1) for size in sizes)
        else f"{total} elements here, {known} wanted",
        help="the product of the sizes must stay the same; -1 stands for the rest",
        argument=argument,
        equal=[(divide(total, known) * known, total) if rest else (known, total)],
    )
