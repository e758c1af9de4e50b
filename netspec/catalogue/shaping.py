"""Layers that change the shape alone: flatten, unflatten, upsample, pixel shuffle."""

from fractions import Fraction
from typing import Any, ClassVar, Literal

from netspec.catalogue.example import Shapes
from netspec.catalogue.layer import Example, Layer, Misfit, rank_help, require_divides, require_rank
from netspec.catalogue.shapes import fill_in, flatten, resolve_axis
from netspec.catalogue.signature import PositiveFloat, PositiveInt, Size1, Size2, Size3, Value
from netspec.compare import at_least
from netspec.dim import Dim, Expression, divide, product, value_of
from netspec.tensor import COMPLEX, FLOATING, INTEGER, Tensor, write_shape

_ANY = FLOATING | INTEGER | COMPLEX | {"bool"}


class Flatten(Layer):
    """Join dimensions `start_dim` to `end_dim`."""

    dtypes: ClassVar[frozenset[str]] = _ANY
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*A, *n, *B]", "[*A, prod(n), *B]", "n from `start_dim` to `end_dim`"),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("Flatten", "float32[N, 16, 5, 5]", "float32[N, 400]"),
        Example("Flatten(2)", "float32[N, 16, H, W]", "float32[N, 16, H * W]"),
    )

    start_dim: int = 1
    end_dim: int = -1

    def output(self, x: Tensor) -> Tensor:
        return flatten(x, self.start_dim, self.end_dim, "Flatten")


class Unflatten(Layer):
    """Split one dimension into several: `Unflatten(1, (32, 7, 7))`; one of them may be -1."""

    dtypes: ClassVar[frozenset[str]] = _ANY
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes(
            "[*A, n, *B]", "[*A, *unflattened_size, *B]", "n along `dim`; -1 becomes what is left"
        ),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("Unflatten(1, (32, 7, 7))", "float32[N, 1568]", "float32[N, 32, 7, 7]"),
        Example("Unflatten(1, (4, -1))", "float32[N, 64]", "float32[N, 4, 16]"),
    )

    dim: int
    unflattened_size: tuple[int, ...]

    def output(self, x: Tensor) -> Tensor:
        if not x.shape:
            raise Misfit(
                "`Unflatten` splits a dimension, found []",
                label="the input has none",
                help=rank_help(self, x, 1),
            )
        axis = resolve_axis(x, self.dim, "Unflatten", "dim")
        if not self.unflattened_size:
            raise Misfit(
                "`Unflatten` needs at least one size, found none",
                label="`unflattened_size` is empty",
                help="write `Unflatten(1, (4, -1))`, say",
                argument="unflattened_size",
            )
        sizes = fill_in(tuple(self.unflattened_size), x.shape[axis], "unflattened_size", x)
        return Tensor((*x.shape[:axis], *sizes, *x.shape[axis + 1 :]), x.dtype)


_RANKS = {"linear": 3, "bilinear": 4, "bicubic": 4, "trilinear": 5}
Scale = PositiveFloat
Mode = Literal["nearest", "linear", "bilinear", "bicubic", "trilinear", "area", "nearest-exact"]


class _Resize(Layer):
    dtypes: ClassVar[frozenset[str]] = FLOATING

    def output(self, x: Tensor) -> Tensor:
        layer: Any = self
        self._require_one_target()
        self._require_mode(x)
        ndim = x.rank - 2
        target = layer.scale_factor if layer.size is None else layer.size
        each = _each(target, ndim, "scale_factor" if layer.size is None else "size", x)
        if layer.size is None:
            sizes = [
                scale(size, factor, "scale_factor")
                for size, factor in zip(x.shape[2:], each, strict=True)
            ]
        else:
            sizes = list(each)
        if any(at_least(size, 1) is False for size in sizes):
            shape = write_shape((*x.shape[:2], *sizes))
            raise Misfit(
                f"the output of `{type(self).__name__}` would have shape {shape}",
                label="a size of zero",
                help="use a larger scale_factor",
            )
        return Tensor((*x.shape[:2], *sizes), x.dtype)

    def _require_one_target(self) -> None:
        layer: Any = self
        if (layer.size is None) == (layer.scale_factor is None):
            both = "both" if layer.size is not None else "neither"
            raise Misfit(
                f"`{type(self).__name__}` takes either `size` or `scale_factor`, found {both}",
                label=f"{both} given",
                help=f"write `{type(self).__name__}(scale_factor=2)`, say",
            )
        if layer.recompute_scale_factor and layer.size is not None:
            raise Misfit(
                "recompute_scale_factor=True wants a `scale_factor`, found `size`",
                label="`size` is given",
                help="leave `recompute_scale_factor` out",
                argument="recompute_scale_factor",
            )

    def _require_mode(self, x: Tensor) -> None:
        layer: Any = self
        wanted = _RANKS.get(layer.mode)
        if (wanted is not None and x.rank != wanted) or not 3 <= x.rank <= 5:
            ranks = str(wanted) if wanted else "3, 4 or 5"
            modes = {3: "linear", 4: "bilinear", 5: "trilinear"}
            raise Misfit(
                f'`Upsample` with mode="{layer.mode}" takes an input of {ranks} dimensions, '
                f"found {write_shape(x.shape)}",
                label=f"the input has {x.rank} dimension{'s' if x.rank != 1 else ''}",
                help=f'use mode="{modes[x.rank]}"' if x.rank in modes else rank_help(self, x, 3),
                argument="mode",
            )
        smooth = layer.mode in _RANKS
        if layer.align_corners is not None and not smooth:
            raise Misfit(
                f'`align_corners` does not go with mode="{layer.mode}"',
                label="there are no corners to align",
                help='leave it out, or use mode="bilinear"',
                argument="align_corners",
            )


class Upsample(_Resize):
    """Resize a signal, image or volume to `size`, or by `scale_factor`: `[N, C, *]`."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[N, C, *A]", "[N, C, *size]"),
        Shapes("[N, C, *A]", "[N, C, *(int(n * scale_factor) for n in A)]"),
        Shapes(
            "[N, C, *A]",
            "[N, C, *(int(n * s) for n, s in zip(A, scale_factor))]",
            "`scale_factor` is a tuple",
        ),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("Upsample(scale_factor=2)", "float32[N, 8, H, W]", "float32[N, 8, 2 * H, 2 * W]"),
        Example(
            'Upsample(size=(9, 7), mode="bilinear")', "float32[N, 8, 4, 4]", "float32[N, 8, 9, 7]"
        ),
    )

    size: Size1 | Size2 | Size3 | None = None
    scale_factor: Scale | tuple[Scale] | tuple[Scale, Scale] | tuple[Scale, Scale, Scale] | None = (
        None
    )
    mode: Mode = "nearest"
    align_corners: bool | None = None
    recompute_scale_factor: bool | None = None


def _each(target: Value, ndim: int, name: str, x: Tensor) -> tuple[Value, ...]:
    if not isinstance(target, tuple | list):
        return (target,) * ndim
    if len(target) != ndim:
        raise Misfit(
            f"`{name}` has {len(target)} numbers, but the input {write_shape(x.shape)} has "
            f"{ndim} spatial dimension{'s' if ndim != 1 else ''}",
            label="one number for each",
            help="give one number for all, or as many as there are spatial dimensions",
            argument=name,
        )
    return tuple(target)


def scale(size: Dim, factor: Value, argument: str) -> Dim:
    """`floor(size * factor)`, exact where the factor is a simple fraction."""
    if isinstance(factor, Expression | int):
        return size * factor
    known = value_of(size)
    if known is not None and not isinstance(size, Expression):
        return int(known * factor)
    fraction = Fraction(factor)
    if fraction.denominator > 64:
        raise Misfit(
            f"the size {size} scaled by {factor} cannot be written as a formula",
            label=f"{factor} is no simple fraction",
            help="use a whole number or a fraction like 0.5, or give the size",
            argument=argument,
        )
    return divide(size * fraction.numerator, fraction.denominator)


class _Upsampling2d(_Resize):
    """`Upsample` of images alone; torch keeps these two classes for old code."""

    align_corners: ClassVar[bool | None] = None
    recompute_scale_factor: ClassVar[bool | None] = None

    def output(self, x: Tensor) -> Tensor:
        require_rank(self, x, (4,), "images [N, C, H, W]")
        return super().output(x)


class UpsamplingNearest2d(_Upsampling2d):
    """Repeat the pixels of an image, as `Upsample` does.

    `H' = int(H * scale_factor)`, W' alike; or `size`.
    """

    mode: ClassVar[str] = "nearest"
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N, C, H, W]", "[N, C, H', W']"),)
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "UpsamplingNearest2d(scale_factor=2)",
            "float32[N, 8, H, W]",
            "float32[N, 8, 2 * H, 2 * W]",
        ),
    )

    size: PositiveInt | tuple[PositiveInt, PositiveInt] | None = None
    scale_factor: Scale | tuple[Scale, Scale] | None = None


class UpsamplingBilinear2d(_Upsampling2d):
    """Interpolate between pixels with corners aligned.

    `H' = int(H * scale_factor)`, W' alike; or `size`.
    """

    mode: ClassVar[str] = "bilinear"
    align_corners: ClassVar[bool] = True
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N, C, H, W]", "[N, C, H', W']"),)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("UpsamplingBilinear2d((9, 7))", "float32[N, 8, 4, 4]", "float32[N, 8, 9, 7]"),
    )

    size: PositiveInt | tuple[PositiveInt, PositiveInt] | None = None
    scale_factor: Scale | tuple[Scale, Scale] | None = None


class PixelShuffle(Layer):
    """Move channels into space."""

    dtypes: ClassVar[frozenset[str]] = _ANY
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*, C, H, W]", "[*, C // r**2, H * r, W * r]", "r = upscale_factor"),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("PixelShuffle(2)", "float32[N, 16, 5, 5]", "float32[N, 4, 10, 10]"),
    )

    upscale_factor: PositiveInt

    def output(self, x: Tensor) -> Tensor:
        if x.rank < 3:
            raise Misfit(
                f"`PixelShuffle` takes images [N, C, H, W], found {write_shape(x.shape)}",
                label=f"the input has {x.rank} dimension{'s' if x.rank != 1 else ''}",
                help=rank_help(self, x, 3),
            )
        factor = self.upscale_factor
        channels, height, width = x.shape[-3:]
        if value_of(channels % (factor * factor)):
            raise Misfit(
                f"{channels} channels do not divide by upscale_factor ** 2 = "
                f"{value_of(factor * factor)}",
                label=f"upscale_factor is {factor}",
                help=f"give it a multiple of {value_of(factor * factor)} channels",
            )
        channels = divide(channels, factor * factor)
        return Tensor((*x.shape[:-3], channels, height * factor, width * factor), x.dtype)


class PixelUnshuffle(Layer):
    """Move space into channels."""

    dtypes: ClassVar[frozenset[str]] = _ANY
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*, C, H, W]", "[*, C * r**2, H // r, W // r]", "r = downscale_factor"),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("PixelUnshuffle(2)", "float32[N, 4, 10, 10]", "float32[N, 16, 5, 5]"),
    )

    downscale_factor: PositiveInt

    def output(self, x: Tensor) -> Tensor:
        if x.rank < 3:
            raise Misfit(
                f"`PixelUnshuffle` takes images [N, C, H, W], found {write_shape(x.shape)}",
                label=f"the input has {x.rank} dimension{'s' if x.rank != 1 else ''}",
                help=rank_help(self, x, 3),
            )
        factor = self.downscale_factor
        channels, height, width = x.shape[-3:]
        for what, size in (("the height", height), ("the width", width)):
            require_divides(self, "downscale_factor", factor, size, what)
        sizes = divide(height, factor), divide(width, factor)
        return Tensor((*x.shape[:-3], product((channels, factor, factor)), *sizes), x.dtype)


class ChannelShuffle(Layer):
    """Deal the channels out from `groups` groups."""

    dtypes: ClassVar[frozenset[str]] = _ANY
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N, C, *]", "[N, C, *]"),)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("ChannelShuffle(2)", "float32[N, 8, 5, 5]", "float32[N, 8, 5, 5]"),
    )

    groups: PositiveInt

    def output(self, x: Tensor) -> Tensor:
        if x.rank < 3:
            raise Misfit(
                f"`ChannelShuffle` takes [N, C, *] of at least 3 dimensions, "
                f"found {write_shape(x.shape)}",
                label=f"the input has {x.rank} dimension{'s' if x.rank != 1 else ''}",
                help=rank_help(self, x, 3),
            )
        require_divides(self, "groups", self.groups, x.shape[1], "the channels")
        return x
