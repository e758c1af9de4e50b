"""Functions that change the shape alone: the same numbers under other dimensions."""

from typing import ClassVar

from netspec.catalogue.example import Shapes
from netspec.catalogue.function import Example, Method
from netspec.catalogue.shapes import (
    fill_in,
    flatten,
    require_dimensions,
    resolve_axes,
    resolve_axis,
)
from netspec.catalogue.signature import Input, Sizes
from netspec.compare import agree, at_least
from netspec.dim import product, sample_of
from netspec.misfit import Misfit
from netspec.tensor import Tensor, write_shape

Dims = int | tuple[int, ...]


class Reshape(Method, name="reshape"):
    """The same numbers in another shape; one size may be -1: `x -> reshape(N, -1)`."""

    variadic: ClassVar[str] = "shape"
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[*A]", "[*shape]", "-1 becomes what is left"),)
    examples = (
        Example("x -> reshape(N, -1)", "x: float32[N, 16, 5, 5]", "float32[N, 400]"),
        Example("x -> reshape(N, T, 8, 64)", "x: float32[N, T, 512]", "float32[N, T, 8, 64]"),
    )

    input: Input
    shape: Sizes

    def apply(self) -> Tensor:
        x = self.input
        return Tensor(fill_in(tuple(self.shape), product(x.shape), "shape", x), x.dtype)


class View(Method, name="view"):
    """`reshape` without a copy: torch refuses it where the numbers lie in another order."""

    variadic: ClassVar[str] = "size"
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[*A]", "[*size]", "-1 becomes what is left"),)
    examples = (Example("x -> view(N, 4, -1)", "x: float32[N, 64]", "float32[N, 4, 16]"),)

    input: Input
    size: Sizes

    def apply(self) -> Tensor:
        x = self.input
        return Tensor(fill_in(tuple(self.size), product(x.shape), "size", x), x.dtype)


class _LikeOther(Method):
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[*A], [*B]", "[*B]"),)
    input: Input
    other: Input

    def apply(self) -> Tensor:
        x, other = self.input, self.other
        if not agree(product(x.shape), product(other.shape)):
            raise Misfit(
                f"{write_shape(x.shape)} does not fit into {write_shape(other.shape)}",
                label=f"{product(x.shape)} elements here, {product(other.shape)} there",
                help="the product of the sizes must stay the same",
                argument="other",
            )
        return Tensor(other.shape, x.dtype)


class ReshapeAs(_LikeOther, name="reshape_as"):
    """`reshape` to the shape of another tensor."""

    examples = (
        Example("x -> reshape_as(y)", "x: float32[N, 64], y: float32[N, 8, 8]", "float32[N, 8, 8]"),
    )


class ViewAs(_LikeOther, name="view_as"):
    """`view` in the shape of another tensor."""

    examples = (
        Example("x -> view_as(y)", "x: float32[N, 64], y: float32[N, 8, 8]", "float32[N, 8, 8]"),
    )


class Flatten(Method, name="flatten"):
    """Dimensions `start_dim` to `end_dim` joined to one: `x -> flatten(1)`."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*A, *n, *B]", "[*A, prod(n), *B]", "n from `start_dim` to `end_dim`"),
    )
    examples = (
        Example("x -> flatten(1)", "x: float32[N, 16, 5, 5]", "float32[N, 400]"),
        Example("x -> flatten(2)", "x: float32[N, 16, H, W]", "float32[N, 16, H * W]"),
    )

    input: Input
    start_dim: int = 0
    end_dim: int = -1

    def apply(self) -> Tensor:
        return flatten(self.input, self.start_dim, self.end_dim, "flatten")


class Ravel(Method, name="ravel"):
    """All dimensions joined to one."""

    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[*A]", "[prod(A)]"),)
    examples = (Example("x -> ravel", "x: float32[N, 8]", "float32[8 * N]"),)

    input: Input

    def apply(self) -> Tensor:
        return flatten(self.input, 0, -1, "ravel")


class Unflatten(Method, name="unflatten"):
    """Dimension `dim` split into several; one size may be -1: `x -> unflatten(-1, (heads, -1))`."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*A, n, *B]", "[*A, *sizes, *B]", "n along `dim`; -1 becomes what is left"),
    )
    examples = (
        Example("x -> unflatten(-1, (8, -1))", "x: float32[N, T, 512]", "float32[N, T, 8, 64]"),
    )

    input: Input
    dim: int
    sizes: Sizes

    def apply(self) -> Tensor:
        x = self.input
        require_dimensions(x, "unflatten")
        axis = resolve_axis(x, self.dim, "unflatten", "dim")
        if not self.sizes:
            raise Misfit(
                "`unflatten` needs at least one size, found none",
                label="`sizes` is empty",
                help="write `unflatten(1, (4, -1))`, say",
                argument="sizes",
            )
        sizes = fill_in(tuple(self.sizes), x.shape[axis], "sizes", x)
        return Tensor((*x.shape[:axis], *sizes, *x.shape[axis + 1 :]), x.dtype)


class Permute(Method, name="permute"):
    """The dimensions in another order: `x -> permute(0, 2, 3, 1)`."""

    variadic: ClassVar[str] = "dims"
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[*A]", "[*(A[d] for d in dims)]"),)
    examples = (
        Example("x -> permute(0, 2, 3, 1)", "x: float32[N, 3, H, W]", "float32[N, H, W, 3]"),
    )

    input: Input
    dims: tuple[int, ...]

    def apply(self) -> Tensor:
        x = self.input
        axes = [resolve_axis(x, axis, "permute", "dims") for axis in self.dims]
        if sorted(axes) != list(range(x.rank)):
            raise Misfit(
                f"`permute` names each dimension of {write_shape(x.shape)} once, found "
                f"{tuple(self.dims)}",
                label=f"{x.rank} dimensions, {len(axes)} named"
                if len(axes) != x.rank
                else "one is named twice",
                help=f"use each of 0 to {x.rank - 1} once",
            )
        return Tensor(tuple(x.shape[axis] for axis in axes), x.dtype)


def swap(x: Tensor, first: int, second: int) -> Tensor:
    """`x` with two dimensions swapped."""
    if not x.shape:
        return x
    sizes = list(x.shape)
    sizes[first], sizes[second] = sizes[second], sizes[first]
    return Tensor(tuple(sizes), x.dtype)


class _SwapDims(Method):
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*A, n, *B, m, *C]", "[*A, m, *B, n, *C]", "n and m are the two dimensions"),
    )
    input: Input
    dim0: int
    dim1: int

    def apply(self) -> Tensor:
        first = resolve_axis(self.input, self.dim0, self.name, "dim0")
        return swap(self.input, first, resolve_axis(self.input, self.dim1, self.name, "dim1"))


class Transpose(_SwapDims, name="transpose"):
    """Two dimensions swapped: `x -> transpose(1, 2)`."""

    examples = (Example("x -> transpose(1, 2)", "x: float32[N, T, 8]", "float32[N, 8, T]"),)


class Swapdims(_SwapDims, name="swapdims"):
    """Two dimensions swapped: another name of `transpose`."""

    examples = (Example("x -> swapdims(1, 2)", "x: float32[N, T, 8]", "float32[N, 8, T]"),)


class Swapaxes(Method, name="swapaxes"):
    """Two dimensions swapped: NumPy's name of `transpose`."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*A, n, *B, m, *C]", "[*A, m, *B, n, *C]", "n and m are the two dimensions"),
    )
    examples = (Example("x -> swapaxes(1, 2)", "x: float32[N, T, 8]", "float32[N, 8, T]"),)

    input: Input
    axis0: int
    axis1: int

    def apply(self) -> Tensor:
        first = resolve_axis(self.input, self.axis0, "swapaxes", "axis0")
        return swap(self.input, first, resolve_axis(self.input, self.axis1, "swapaxes", "axis1"))


class T(Method, name="t"):
    """A matrix transposed."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[n, m]", "[m, n]"),
        Shapes("[n]", "[n]"),
    )
    examples = (Example("x -> t", "x: float32[N, 8]", "float32[8, N]"),)

    input: Input

    def apply(self) -> Tensor:
        x = self.input
        if x.rank > 2:
            raise Misfit(
                f"`t` transposes a matrix, found {write_shape(x.shape)}",
                label=f"the input has {x.rank} dimensions",
                help="name the two to swap: `transpose(1, 2)`",
            )
        return Tensor(x.shape[::-1], x.dtype)


class _MoveDim(Method):
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*A, *n, *B, *C]", "[*A, *B, *n, *C]", "n are `source`, moved back"),
        Shapes("[*A, *B, *n, *C]", "[*A, *n, *B, *C]", "n are `source`, moved to the front"),
    )
    input: Input
    source: Dims
    destination: Dims

    def apply(self) -> Tensor:
        x = self.input
        sources = resolve_axes(x, self.source, self.name, "source")
        destinations = resolve_axes(x, self.destination, self.name, "destination")
        if isinstance(self.source, tuple | list) != isinstance(self.destination, tuple | list):
            raise Misfit(
                f"`{self.name}` takes two numbers or two tuples, found source={self.source} and "
                f"destination={self.destination}",
                label="a number and a tuple",
                help="write both as numbers, or both as tuples",
                argument="destination",
            )
        if len(sources) != len(destinations):
            raise Misfit(
                f"`{self.name}` needs a place for each dimension, found {len(sources)} in "
                f"`source` and {len(destinations)} in `destination`",
                label="not as many",
                help="give both the same length",
                argument="destination",
            )
        if not x.shape:
            return x
        rest = [size for axis, size in enumerate(x.shape) if axis not in sources]
        moved = dict(zip(destinations, sources, strict=True))
        sizes = [x.shape[moved[at]] if at in moved else rest.pop(0) for at in range(x.rank)]
        return Tensor(tuple(sizes), x.dtype)


class Movedim(_MoveDim, name="movedim"):
    """Dimensions moved to other places, the others in their order: `x -> movedim(1, -1)`."""

    examples = (
        Example("x -> movedim(1, -1)", "x: float32[N, 3, H, W]", "float32[N, H, W, 3]"),
        Example("x -> movedim((2, 3), (0, 1))", "x: float32[N, 3, H, W]", "float32[H, W, N, 3]"),
    )


class Moveaxis(_MoveDim, name="moveaxis"):
    """Dimensions moved to other places: NumPy's name of `movedim`."""

    examples = (Example("x -> moveaxis(1, -1)", "x: float32[N, 3, H, W]", "float32[N, H, W, 3]"),)


class Unsqueeze(Method, name="unsqueeze"):
    """A new dimension of size 1 at `dim`: `x -> unsqueeze(1)`."""

    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[*A, *B]", "[*A, 1, *B]", "1 at `dim`"),)
    examples = (Example("x -> unsqueeze(1)", "x: float32[N, 8]", "float32[N, 1, 8]"),)

    input: Input
    dim: int

    def apply(self) -> Tensor:
        x = self.input
        axis = resolve_axis(Tensor((1, *x.shape)), self.dim, "unsqueeze", "dim")
        return Tensor((*x.shape[:axis], 1, *x.shape[axis:]), x.dtype)


class Squeeze(Method, name="squeeze"):
    """Dimensions of size 1 taken out: the one or those named, or all."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*A, 1, *B]", "[*A, *B]", "1 at `dim`; so for each of several"),
        Shapes("[*A, n, *B]", "[*A, n, *B]", "n along `dim`, which is not 1"),
        Shapes("[*A]", "[*(n for n in A if n != 1)]", "dim=()"),
    )
    examples = (
        Example("x -> squeeze(1)", "x: float32[N, 1, 8]", "float32[N, 8]"),
        Example("x -> squeeze", "x: float32[8, 1, 1]", "float32[8]"),
    )

    input: Input
    dim: Dims = ()

    def apply(self) -> Tensor:
        x = self.input
        axes = list(range(x.rank))
        if "dim" in self.given:
            axes = resolve_axes(x, self.dim, "squeeze", "dim")
        ones = [axis for axis in axes if x.shape and self._is_one(x, axis)]
        return Tensor(tuple(s for axis, s in enumerate(x.shape) if axis not in ones), x.dtype)

    def _is_one(self, x: Tensor, axis: int) -> bool:
        size = x.shape[axis]
        number = sample_of(size)
        if number is not None:
            return number == 1
        if at_least(size, 2):
            return False
        raise Misfit(
            f"whether `squeeze` takes out dimension {axis} is known only when data flows: "
            f"`{size}` may be 1",
            label=f"the input has shape {write_shape(x.shape)}",
            help="name the dimensions of size 1: `squeeze(1)`",
            argument="dim" if "dim" in self.given else None,
        )
