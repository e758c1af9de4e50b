"""Functions on the sizes of pictures and signals: resizing, padding, windows, shuffling."""

from typing import Annotated, ClassVar, Literal

from netspec.catalogue.dtypes import ANY, TRUTH, require_dtype, require_padding
from netspec.catalogue.example import Shapes
from netspec.catalogue.function import Example, Functional
from netspec.catalogue.functions.pooling import OfLayer
from netspec.catalogue.layer import spread
from netspec.catalogue.shapes import require_dimensions
from netspec.catalogue.signature import (
    FREE,
    Input,
    Padding2,
    PositiveFloat,
    PositiveInt,
    Size2,
    Sizes,
    Value,
)
from netspec.compare import at_least, same
from netspec.dim import Dim, divide, product, value_of
from netspec.misfit import Misfit
from netspec.tensor import COMPLEX, FLOATING, Shape, Tensor, Type, write_shape

_MOVABLE = FLOATING | COMPLEX | TRUTH
Scales = PositiveFloat | tuple[PositiveFloat, ...]
Mode = Literal["nearest", "linear", "bilinear", "bicubic", "trilinear", "area", "nearest-exact"]
NewSize = Annotated[PositiveInt | tuple[PositiveInt, ...], FREE]


class Interpolate(OfLayer, name="interpolate"):
    """A signal, image or volume resized to `size`, or by `scale_factor`."""

    layer: ClassVar[str] = "Upsample"
    beyond: ClassVar[tuple[str, ...]] = ("antialias",)
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[N, C, *A]", "[N, C, *size]"),
        Shapes("[N, C, L]", "[N, C, L']", "L' = int(L * scale_factor)"),
        Shapes("[N, C, H, W]", "[N, C, H', W']", "H' = int(H * scale_factor), W' alike"),
        Shapes(
            "[N, C, D, H, W]", "[N, C, D', H', W']", "D' = int(D * scale_factor), H' and W' alike"
        ),
    )
    examples = (
        Example(
            "x -> interpolate(scale_factor=2)",
            "x: float32[N, 8, H, W]",
            "float32[N, 8, 2 * H, 2 * W]",
        ),
        Example(
            'x -> interpolate((9, 7), mode="bilinear")',
            "x: float32[N, 8, H, W]",
            "float32[N, 8, 9, 7]",
        ),
        Example(
            'x -> interpolate(scale_factor=0.5, mode="linear")',
            "x: float32[N, 8, L]",
            "float32[N, 8, L // 2]",
        ),
    )

    size: NewSize | None = None
    scale_factor: Scales | None = None
    mode: Mode = "nearest"
    align_corners: bool | None = None
    recompute_scale_factor: bool | None = None
    antialias: bool = False

    def apply(self) -> Type:
        if self.antialias and self.mode not in ("bilinear", "bicubic"):
            raise Misfit(
                f'antialias=True goes with mode="bilinear" or "bicubic", found "{self.mode}"',
                label="no such filter",
                help='write mode="bilinear", or leave `antialias` out',
                argument="antialias",
            )
        return self.run()


class Pad(Functional, name="pad"):
    """Numbers put around: `pad` has two for each dimension, the last one first."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*A, n]", "[*A, pad[0] + n + pad[1]]"),
        Shapes("[*A, m, n]", "[*A, pad[2] + m + pad[3], pad[0] + n + pad[1]]", "likewise for more"),
    )
    examples = (
        Example("x -> pad((1, 2))", "x: float32[N, 8]", "float32[N, 11]"),
        Example(
            'x -> pad((1, 1, 2, 2), mode="reflect")',
            "x: float32[N, 3, 32, 32]",
            "float32[N, 3, 36, 34]",
        ),
    )

    input: Input
    pad: Annotated[tuple[int, ...], FREE]
    mode: Literal["constant", "reflect", "replicate", "circular"] = "constant"
    value: float | None = None

    def apply(self) -> Tensor:
        x, count = self.input, len(self.pad)
        if count % 2 or count // 2 > x.rank:
            raise Misfit(
                f"`pad` has two numbers for each of the last dimensions, found {count} for "
                f"{write_shape(x.shape)}",
                label="an odd number" if count % 2 else f"{x.rank} dimensions, {count} numbers",
                help="write (left, right), or (left, right, top, bottom)",
                argument="pad",
            )
        if self.mode != "constant":
            self._require_mode(x)
        require_padding("pad", self.value, x.dtype)
        sizes = list(x.shape)
        for at in range(count // 2):
            axis = x.rank - 1 - at
            before, after = self.pad[2 * at : 2 * at + 2]
            sizes[axis] = self._padded(x, axis, before, after)
        return Tensor(tuple(sizes), x.dtype)

    def _padded(self, x: Tensor, axis: int, before: Dim, after: Dim) -> Dim:
        size = x.shape[axis]
        for each in (before, after):
            most = {"reflect": size - 1, "circular": size}.get(self.mode)
            if most is not None and at_least(most, each) is False:
                raise Misfit(
                    f'mode="{self.mode}" cannot pad {size} numbers by {each}',
                    label=f"dimension {axis} of {write_shape(x.shape)} has size {size}",
                    help=f'pad by {most} at most, or use mode="replicate"',
                    argument="pad",
                )
        padded = size + before + after
        # torch cuts before it pads with a number, and pads before it cuts otherwise
        cuts = (before, after) if self.mode == "constant" else ()
        if at_least(padded, 1) is False or any(at_least(size + cut, 0) is False for cut in cuts):
            raise Misfit(
                f"`pad` leaves nothing of dimension {axis} of {write_shape(x.shape)}",
                label=f"a size of {size}, padded by {before} and {after}",
                help="take away less: negative numbers cut off",
                argument="pad",
            )
        return padded

    def _require_mode(self, x: Tensor) -> None:
        dims = len(self.pad) // 2
        if self.value not in (None, 0) or not 1 <= dims <= 3 or x.rank not in (dims + 1, dims + 2):
            raise Misfit(
                f'mode="{self.mode}" pads the last 1 to 3 dimensions of [N, C, *] or [C, *] and '
                f"takes no `value`, found {len(self.pad)} numbers for {write_shape(x.shape)}",
                label=f"the input has {x.rank} dimensions",
                help='give two numbers for each spatial dimension, or use mode="constant"',
                argument="mode",
            )
        if self.mode != "circular":
            require_dtype("pad", x, ANY - TRUTH)


class PixelShuffle(OfLayer, name="pixel_shuffle"):
    """Channels moved into space."""

    layer: ClassVar[str] = "PixelShuffle"
    dtypes: ClassVar[frozenset[str]] = ANY
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*, C, H, W]", "[*, C // r**2, H * r, W * r]", "r = upscale_factor"),
    )
    examples = (
        Example("x -> pixel_shuffle(2)", "x: float32[N, 16, H, W]", "float32[N, 4, 2 * H, 2 * W]"),
    )

    upscale_factor: PositiveInt


class PixelUnshuffle(Functional, name="pixel_unshuffle"):
    """Space moved into channels."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*, C, H, W]", "[*, C * r**2, H // r, W // r]", "r = downscale_factor"),
    )
    examples = (
        Example("x -> pixel_unshuffle(2)", "x: float32[N, 4, 10, 10]", "float32[N, 16, 5, 5]"),
    )

    input: Input
    downscale_factor: PositiveInt

    def apply(self) -> Tensor:
        x, factor = self.input, self.downscale_factor
        require_dimensions(x, "pixel_unshuffle", 3)
        channels, *sizes = x.shape[-3:]
        for axis, size in enumerate(sizes, x.rank - 2):
            if value_of(size % factor):
                raise Misfit(
                    f"dimension {axis} of {write_shape(x.shape)} does not divide by "
                    f"downscale_factor={factor}",
                    label=f"{value_of(size)} % {value_of(factor)} is {value_of(size % factor)}",
                    help="choose a factor that divides both sizes, or pad before",
                    argument="downscale_factor",
                )
        height, width = (divide(size, factor) for size in sizes)
        return Tensor((*x.shape[:-3], channels * factor * factor, height, width), x.dtype)


class ChannelShuffle(Functional, name="channel_shuffle"):
    """The channels of each group dealt out in turn: [N, C, *]."""

    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N, C, *]", "[N, C, *]"),)
    examples = (
        Example("x -> channel_shuffle(2)", "x: float32[N, 8, H, W]", "float32[N, 8, H, W]"),
    )

    input: Input
    groups: PositiveInt

    def apply(self) -> Tensor:
        x = self.input
        require_dimensions(x, "channel_shuffle", 3)
        if value_of(x.shape[1] % self.groups):
            raise Misfit(
                f"{x.shape[1]} channels do not divide into {self.groups} groups",
                label=f"the input has shape {write_shape(x.shape)}",
                help="choose a number of groups that divides the channels",
                argument="groups",
            )
        return x


def _windows(sizes: Shape, kernel: Value, dilation: Value, padding: Value, stride: Value) -> Shape:
    """How many places a window has along each dimension."""
    each = (spread(value, 2) for value in (kernel, dilation, padding, stride))
    numbers = zip(sizes, *each, strict=True)
    return tuple(divide(size + 2 * p - d * (k - 1) - 1, s) + 1 for size, k, d, p, s in numbers)


def _require_windows(title: str, counts: Shape, sizes: Shape, kernel: Value) -> None:
    if any(at_least(count, 1) is False for count in counts):
        raise Misfit(
            f"a window of {kernel} does not fit into {write_shape(sizes)}",
            label=f"{write_shape(counts)} places",
            help=f"pad more in `{title}`, or use a smaller kernel",
            argument="kernel_size",
        )


class Unfold(Functional, name="unfold"):
    """Each window of an image as a column."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes(
            "[N?, C, H, W]",
            "[N?, C * k, L']",
            "k = prod(pair(kernel_size)); L' is the number of places",
        ),
    )
    examples = (
        Example("x -> unfold(4, stride=4)", "x: float32[N, 3, 32, 32]", "float32[N, 48, 64]"),
    )

    input: Input
    kernel_size: Size2
    dilation: Size2 = 1
    padding: Padding2 = 0
    stride: Size2 = 1

    def apply(self) -> Tensor:
        x = self.input
        require_dtype("unfold", x, _MOVABLE)
        if x.rank not in (3, 4):
            raise Misfit(
                f"`unfold` takes images [N, C, H, W] or [C, H, W], found {write_shape(x.shape)}",
                label=f"the input has {x.rank} dimensions",
                help="use a window of height 1 for signals: [N, C, 1, L]",
            )
        sizes = x.shape[-2:]
        counts = _windows(sizes, self.kernel_size, self.dilation, self.padding, self.stride)
        _require_windows("unfold", counts, sizes, self.kernel_size)
        window = product(spread(self.kernel_size, 2))
        return Tensor((*x.shape[:-3], x.shape[-3] * window, product(counts)), x.dtype)


class Fold(Functional, name="fold"):
    """Columns put back and added up."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[N?, n, L]", "[N?, n // k, *output_size]", "k = prod(pair(kernel_size))"),
    )
    examples = (
        Example("x -> fold(32, 4, stride=4)", "x: float32[N, 48, 64]", "float32[N, 3, 32, 32]"),
    )

    input: Input
    output_size: Size2
    kernel_size: Size2
    dilation: Size2 = 1
    padding: Padding2 = 0
    stride: Size2 = 1

    def apply(self) -> Tensor:
        x = self.input
        require_dtype("fold", x, _MOVABLE)
        if x.rank not in (2, 3):
            raise Misfit(
                f"`fold` takes columns [N, C * kernel, places], found {write_shape(x.shape)}",
                label=f"the input has {x.rank} dimensions",
                help="it turns `unfold` around",
            )
        sizes, window = spread(self.output_size, 2), product(spread(self.kernel_size, 2))
        if value_of(x.shape[-2] % window):
            raise Misfit(
                f"{x.shape[-2]} numbers in each column do not divide by the window's {window}",
                label=f"kernel_size={self.kernel_size}",
                help="give it channels times the size of the window",
                argument="kernel_size",
            )
        counts = _windows(sizes, self.kernel_size, self.dilation, self.padding, self.stride)
        _require_windows("fold", counts, sizes, self.kernel_size)
        if same(product(counts), x.shape[-1]) is False:
            raise Misfit(
                f"{write_shape(sizes)} has {product(counts)} places for the window, found "
                f"{x.shape[-1]} columns",
                label=f"the input has shape {write_shape(x.shape)}",
                help="give the sizes and the window that `unfold` had",
                argument="output_size",
            )
        return Tensor((*x.shape[:-2], divide(x.shape[-2], window), *sizes), x.dtype)


class AffineGrid(Functional, name="affine_grid"):
    """The places that affine maps [N, 2, 3] take each pixel of `size` to: [N, H, W, 2]."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[N, 2, 3]", "[N, size[2], size[3], 2]"),
        Shapes("[N, 3, 4]", "[N, size[2], size[3], size[4], 3]"),
    )
    examples = (
        Example(
            "affine_grid(theta, (N, 3, 32, 32))", "theta: float32[N, 2, 3]", "float32[N, 32, 32, 2]"
        ),
    )

    theta: Input
    size: Sizes
    align_corners: bool | None = None

    def apply(self) -> Tensor:
        theta, size = self.theta, tuple(self.size)
        require_dtype("affine_grid", theta, FLOATING)
        dims = len(size) - 2
        wanted = (size[0], dims, dims + 1) if size else ()
        fits = dims in (2, 3) and theta.rank == 3 and all(map(same, theta.shape, wanted))
        if not fits or any(at_least(each, 1) is False for each in size):
            raise Misfit(
                f"`affine_grid` takes [N, 2, 3] for a size [N, C, H, W], [N, 3, 4] for "
                f"[N, C, D, H, W], found {write_shape(theta.shape)} for {write_shape(size)}",
                label="these do not go together",
                help="give a matrix for each sample of `size`",
                argument="size",
            )
        return Tensor((size[0], *size[2:], dims), theta.dtype)


class GridSample(Functional, name="grid_sample"):
    """The pixels of an image at the places of a grid [N, H', W', 2]: [N, C, H', W']."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[N, C, H, W], [N, h, w, 2]", "[N, C, h, w]"),
        Shapes("[N, C, D, H, W], [N, d, h, w, 3]", "[N, C, d, h, w]"),
    )
    examples = (
        Example(
            "grid_sample(x, grid)",
            "x: float32[N, 3, H, W], grid: float32[N, 16, 16, 2]",
            "float32[N, 3, 16, 16]",
        ),
    )

    input: Input
    grid: Input
    mode: Literal["bilinear", "nearest", "bicubic"] = "bilinear"
    padding_mode: Literal["zeros", "border", "reflection"] = "zeros"
    align_corners: bool | None = None

    def apply(self) -> Tensor:
        x, grid = self.input, self.grid
        require_dtype("grid_sample", x, FLOATING)
        require_dtype("grid_sample", grid, frozenset({x.dtype}), "grid")
        dims = x.rank - 2
        fits = (
            dims in (2, 3)
            and grid.rank == x.rank
            and same(grid.shape[0], x.shape[0]) is not False
            and same(grid.shape[-1], dims) is not False
        )
        if not fits or (self.mode == "bicubic" and dims == 3):
            raise Misfit(
                f"`grid_sample` takes [N, C, H, W] and a grid [N, H', W', 2], found "
                f"{write_shape(x.shape)} and {write_shape(grid.shape)}",
                label=f'mode="{self.mode}"',
                help="the last dimension of the grid has a coordinate for each spatial dimension; "
                "volumes take no bicubic mode",
                argument="grid",
            )
        return Tensor((*x.shape[:2], *grid.shape[1:-1]), x.dtype)
