"""Functions that stretch, repeat, or turn numbers around along dimensions."""

from typing import Annotated, ClassVar

from annotated_types import MinLen

from netspec.catalogue.example import UNCHANGED, Shapes
from netspec.catalogue.function import Example, Method
from netspec.catalogue.functions.reshaping import Dims, swap
from netspec.catalogue.shapes import flatten, require_dimensions, resolve_axes, resolve_axis
from netspec.catalogue.signature import FREE, Input, Sizes
from netspec.compare import at_least, same
from netspec.dim import Dim, sample_of
from netspec.misfit import Misfit
from netspec.tensor import Shape, Tensor, write_shape


def _expand(x: Tensor, sizes: Shape, title: str, argument: str) -> Tensor:
    """`x` with dimensions of size 1 stretched, and new ones in front."""
    added = len(sizes) - x.rank
    if added < 0:
        raise Misfit(
            f"`{title}` to {write_shape(sizes)} has fewer dimensions than {write_shape(x.shape)}",
            label=f"{x.rank} dimensions, {len(sizes)} sizes",
            help="give a size for each dimension, -1 to keep one",
            argument=argument,
        )
    out: list[Dim] = []
    for axis, size in enumerate(sizes):
        old = x.shape[axis - added] if axis >= added else None
        if same(size, -1) and old is not None:
            out.append(old)
            continue
        fits = old is None or same(size, old) or same(old, 1)
        if at_least(size, 0) is False or not fits:
            raise Misfit(
                f"cannot stretch {write_shape(x.shape)} to {write_shape(sizes)}",
                label=f"a new dimension of size {size}"
                if old is None
                else f"dimension {axis - added}: {old} is neither 1 nor {size}",
                help="only dimensions of size 1 stretch; -1 keeps one as it is"
                if old is not None
                else "give new dimensions, in front, a size of their own",
                argument=argument,
            )
        out.append(size)
    return Tensor(tuple(out), x.dtype)


class Expand(Method, name="expand"):
    """Dimensions of size 1 stretched, -1 keeps one: `cls -> expand(N, -1, -1)`."""

    variadic: ClassVar[str] = "size"
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[*A]", "[*size]", "-1 keeps a size"),)
    examples = (
        Example(
            "x -> expand(N, -1, -1)", "x: float32[1, 4, 8], y: float32[N, 8]", "float32[N, 4, 8]"
        ),
    )

    input: Input
    size: Sizes

    def apply(self) -> Tensor:
        return _expand(self.input, tuple(self.size), "expand", "size")


class BroadcastTo(Method, name="broadcast_to"):
    """Dimensions of size 1 stretched to the shape `size`."""

    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[*A]", "[*size]", "-1 keeps a size"),)
    examples = (
        Example("x -> broadcast_to((N, 8))", "x: float32[8], y: float32[N, 4]", "float32[N, 8]"),
    )

    input: Input
    size: Sizes

    def apply(self) -> Tensor:
        return _expand(self.input, tuple(self.size), "broadcast_to", "size")


class ExpandAs(Method, name="expand_as"):
    """Dimensions of size 1 stretched to the shape of `other`."""

    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[*A], [*B]", "[*B]"),)
    examples = (
        Example("x -> expand_as(y)", "x: float32[N, 1], y: float32[N, 8]", "float32[N, 8]"),
    )

    input: Input
    other: Input

    def apply(self) -> Tensor:
        return _expand(self.input, self.other.shape, "expand_as", "other")


def _repeat(x: Tensor, times: tuple[Dim, ...], argument: str) -> Tensor:
    if any(at_least(time, 0) is False for time in times):
        raise Misfit(
            f"`{argument}`={write_shape(times)} says how often to repeat: no number below 0",
            label="below 0",
            help="1 leaves a dimension as it is",
            argument=argument,
        )
    shape = (1,) * (len(times) - x.rank) + x.shape
    return Tensor(tuple(size * time for size, time in zip(shape, times, strict=True)), x.dtype)


class Repeat(Method, name="repeat"):
    """Copies side by side along each dimension, new ones in front: `x -> repeat(1, 3)`."""

    variadic: ClassVar[str] = "repeats"
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes(
            "[*A]", "[*(n * k for n, k in zip(A, repeats))]", "one of `repeats` for each dimension"
        ),
        Shapes(
            "[*A]",
            "[repeats[0], *(n * k for n, k in zip(A, repeats[1:]))]",
            "one more, which makes a dimension; likewise for more",
        ),
    )
    examples = (
        Example("x -> repeat(1, 3)", "x: float32[N, 8]", "float32[N, 24]"),
        Example("x -> repeat(4, 1, 1)", "x: float32[N, 8]", "float32[4, N, 8]"),
    )

    input: Input
    repeats: Sizes

    def apply(self) -> Tensor:
        x, times = self.input, tuple(self.repeats)
        if len(times) < x.rank:
            raise Misfit(
                f"`repeat` needs a number for each dimension of {write_shape(x.shape)}, found "
                f"{len(times)}",
                label=f"{x.rank} dimensions, {len(times)} numbers",
                help="give 1 where nothing is repeated",
                argument="repeats",
            )
        return _repeat(x, times, "repeats")


class Tile(Method, name="tile"):
    """Copies side by side along the last dimensions."""

    variadic: ClassVar[str] = "dims"
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes(
            "[*A, n]", "[*A, n * dims[-1]]", "one of `dims`; each more for the dimension before"
        ),
    )
    examples = (Example("x -> tile(2)", "x: float32[N, 8]", "float32[N, 16]"),)

    input: Input
    dims: Sizes

    def apply(self) -> Tensor:
        times = (1,) * (self.input.rank - len(self.dims)) + tuple(self.dims)
        return _repeat(self.input, times, "dims")


class RepeatInterleave(Method, name="repeat_interleave"):
    """Each entry along `dim`, or of all, `repeats` times: `[a, a, b, b]`."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*A, n, *B]", "[*A, n * repeats, *B]", "n along `dim`"),
        Shapes("[*A]", "[prod(A) * repeats]", "dim=None"),
    )
    examples = (
        Example("x -> repeat_interleave(2, dim=1)", "x: float32[N, 8]", "float32[N, 16]"),
        Example("x -> repeat_interleave(2)", "x: float32[N, 8]", "float32[16 * N]"),
    )

    input: Input
    repeats: Annotated[int, FREE]
    dim: int | None = None

    def apply(self) -> Tensor:
        x = self.input
        if self.dim is None:
            x = flatten(x, 0, -1, self.name)
        require_dimensions(x, self.name)
        axis = resolve_axis(x, 0 if self.dim is None else self.dim, self.name, "dim")
        if at_least(self.repeats, 0) is False:
            raise Misfit(
                f"`repeats` of `repeat_interleave` is at least 0, found {self.repeats}",
                label="below 0",
                help="1 leaves the tensor as it is",
                argument="repeats",
            )
        size = x.shape[axis] * self.repeats
        return Tensor((*x.shape[:axis], size, *x.shape[axis + 1 :]), x.dtype)


class Flip(Method, name="flip"):
    """The order turned around along some dimensions: `x -> flip(-1)`."""

    variadic: ClassVar[str] = "dims"
    shapes: ClassVar[tuple[Shapes, ...]] = UNCHANGED
    examples = (Example("x -> flip(-1)", "x: float32[N, 3, H, W]", "float32[N, 3, H, W]"),)

    input: Input
    dims: tuple[int, ...]

    def apply(self) -> Tensor:
        resolve_axes(self.input, tuple(self.dims), "flip", "dims")
        return self.input


class _FlipSides(Method):
    shapes: ClassVar[tuple[Shapes, ...]] = UNCHANGED
    ranks: ClassVar[int] = 1

    input: Input

    def apply(self) -> Tensor:
        x = self.input
        if x.rank < self.ranks:
            raise Misfit(
                f"`{self.name}` turns dimension {self.ranks - 1} around, found "
                f"{write_shape(x.shape)}",
                label=f"the input has {x.rank} dimensions",
                help="name the dimension: `flip(-1)`",
            )
        return x


class Fliplr(_FlipSides, name="fliplr"):
    """Dimension 1 turned around."""

    ranks: ClassVar[int] = 2
    examples = (Example("x -> fliplr", "x: float32[N, 8]", "float32[N, 8]"),)


class Flipud(_FlipSides, name="flipud"):
    """Dimension 0 turned around."""

    examples = (Example("x -> flipud", "x: float32[N, 8]", "float32[N, 8]"),)


class Roll(Method, name="roll"):
    """Numbers moved along `dims` by `shifts`; those that leave come in at the other end."""

    shapes: ClassVar[tuple[Shapes, ...]] = UNCHANGED
    examples = (
        Example(
            "x -> roll((-1, -1), dims=(2, 3))", "x: float32[N, 3, H, W]", "float32[N, 3, H, W]"
        ),
    )

    input: Input
    shifts: Annotated[int | Annotated[tuple[int, ...], MinLen(1)], FREE]
    dims: Dims = ()

    def apply(self) -> Tensor:
        x = self.input
        shifts = len(self.shifts) if isinstance(self.shifts, tuple | list) else 1
        axes = self.dims if isinstance(self.dims, tuple | list) else (self.dims,)
        if shifts != len(axes) and (axes or shifts != 1):
            raise Misfit(
                f"`roll` needs a shift for each dimension, found {shifts} in `shifts` and "
                f"{len(axes)} in `dims`",
                label="not as many",
                help="give both the same length; without `dims`, one shift moves all numbers",
                argument="shifts",
            )
        for axis in axes:
            require_dimensions(x, "roll")
            resolve_axis(x, axis, "roll", "dims")
        return x


class Rot90(Method, name="rot90"):
    """Turned by 90 degrees `k` times in the plane of two dimensions."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*A, n, *B, m, *C]", "[*A, m, *B, n, *C]", "n and m are `dims`, `k` is odd"),
        Shapes("[*]", "[*]", "`k` is even"),
    )
    examples = (Example("x -> rot90(1, (2, 3))", "x: float32[N, 3, H, W]", "float32[N, 3, W, H]"),)

    input: Input
    k: int = 1
    dims: tuple[int, int] = (0, 1)

    def apply(self) -> Tensor:
        x = self.input
        require_dimensions(x, "rot90", 2)
        first, second = resolve_axes(x, self.dims, "rot90", "dims")
        turns = sample_of(self.k)
        return swap(x, first, second) if turns is not None and turns % 2 else x
