"""Pooling: the largest, the mean or a norm of each window."""

from typing import Annotated, Any, ClassVar

from netspec.catalogue.convolution import PICTURES
from netspec.catalogue.example import Shapes
from netspec.catalogue.layer import Example, Layer, Misfit, require_rank, spread
from netspec.catalogue.signature import (
    KERNEL,
    Padding1,
    Padding2,
    Padding3,
    PositiveInt,
    Size1,
    Size2,
    Size3,
    Stride1,
    Stride2,
    Stride3,
)
from netspec.compare import at_least
from netspec.dim import Dim, divide, smallest, value_of
from netspec.tensor import Tensor, Type, write_shape


def _pool(layer: Any, x: Tensor, dilation: Any = 1) -> Tensor:
    """`(L + 2 padding - dilation (kernel - 1) - 1) // stride + 1`, rounded up with `ceil_mode`."""
    ndim = layer.ndim
    require_rank(layer, x, (ndim + 1, ndim + 2), PICTURES[ndim])
    stride = layer.kernel_size if layer.stride is None else layer.stride
    sizes = [
        _pooled(layer, x, *numbers)
        for numbers in zip(
            x.shape[-ndim:],
            spread(layer.kernel_size, ndim),
            spread(stride, ndim),
            spread(layer.padding, ndim),
            spread(dilation, ndim),
            strict=True,
        )
    ]
    return Tensor((*x.shape[:-ndim], *sizes), x.dtype)


def _pooled(
    layer: Any, x: Tensor, size: Dim, kernel: Dim, stride: Dim, padding: Dim, dilation: Dim
) -> Dim:
    half = divide(kernel, 2)
    if at_least(half, padding) is False:
        raise Misfit(
            f"`padding` may be at most half the kernel size: {padding} is more than {half}",
            label=f"the kernel size is {kernel}",
            help=f"use padding={value_of(half)}, or a larger kernel",
            argument="padding",
        )
    reach = dilation * (kernel - 1) + 1
    room = size + 2 * padding - reach
    if layer.ceil_mode:
        # The last window must begin inside the input or the padding before it.
        rounded = divide(room + stride - 1, stride) + 1
        out = smallest(rounded, divide(size + padding - 1, stride) + 1)
    else:
        out = divide(room, stride) + 1
    if at_least(out, 1) is False:
        padded = f" with padding {padding} on both sides" if padding != 0 else ""
        raise Misfit(
            f"kernel size {kernel} is larger than the input size {size}{padded}",
            label=f"the input has shape {write_shape(x.shape)}",
            help="pool less before it, or use a smaller kernel",
        )
    return out


class _MaxPool(Layer):
    def output(self, x: Tensor) -> Type:
        layer: Any = self
        return with_indices(layer, _pool(layer, x, layer.dilation))


def with_indices(layer: Any, y: Tensor) -> Type:
    """The output, and where each number came from with return_indices=True."""
    return (y, Tensor(y.shape, "int64")) if layer.return_indices else y


class MaxPool1d(_MaxPool):
    """The largest number of each window of a signal.

    `L' = (L + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1`; rounded up with
    `ceil_mode`.
    """

    ndim: ClassVar[int] = 1
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[N?, C, L]", "[N?, C, L']"),
        Shapes("[N?, C, L]", "([N?, C, L'], [N?, C, L'])", "return_indices=True"),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("MaxPool1d(4)", "float32[N, 8, 100]", "float32[N, 8, 25]"),
    )

    kernel_size: Size1
    stride: Stride1 = None
    padding: Padding1 = 0
    dilation: Size1 = 1
    return_indices: bool = False
    ceil_mode: bool = False


class MaxPool2d(_MaxPool):
    """The largest number of each window of an image.

    `H' = (H + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1`, W' alike; rounded up
    with `ceil_mode`.
    """

    ndim: ClassVar[int] = 2
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[N?, C, H, W]", "[N?, C, H', W']"),
        Shapes("[N?, C, H, W]", "([N?, C, H', W'], [N?, C, H', W'])", "return_indices=True"),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("MaxPool2d(2)", "float32[N, 6, 28, 28]", "float32[N, 6, 14, 14]"),
        Example(
            "MaxPool2d(3, stride=2, padding=1)", "float32[N, 6, 28, 28]", "float32[N, 6, 14, 14]"
        ),
    )

    kernel_size: Size2
    stride: Stride2 = None
    padding: Padding2 = 0
    dilation: Size2 = 1
    return_indices: bool = False
    ceil_mode: bool = False


class MaxPool3d(_MaxPool):
    """The largest number of each window of a volume.

    `D' = (D + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1`, H' and W' alike;
    rounded up with `ceil_mode`.
    """

    ndim: ClassVar[int] = 3
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[N?, C, D, H, W]", "[N?, C, D', H', W']"),
        Shapes(
            "[N?, C, D, H, W]", "([N?, C, D', H', W'], [N?, C, D', H', W'])", "return_indices=True"
        ),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("MaxPool3d(2)", "float32[N, 6, 8, 8, 8]", "float32[N, 6, 4, 4, 4]"),
    )

    kernel_size: Size3
    stride: Stride3 = None
    padding: Padding3 = 0
    dilation: Size3 = 1
    return_indices: bool = False
    ceil_mode: bool = False


class _AvgPool(Layer):
    def output(self, x: Tensor) -> Tensor:
        return _pool(self, x)


class AvgPool1d(_AvgPool):
    """The mean of each window of a signal.

    `L' = (L + 2 * padding - kernel_size) // stride + 1`; rounded up with `ceil_mode`.
    """

    ndim: ClassVar[int] = 1
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N?, C, L]", "[N?, C, L']"),)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("AvgPool1d(4)", "float32[N, 8, 100]", "float32[N, 8, 25]"),
    )

    kernel_size: Size1
    stride: Stride1 = None
    padding: Padding1 = 0
    ceil_mode: bool = False
    count_include_pad: bool = True


class AvgPool2d(_AvgPool):
    """The mean of each window of an image.

    `H' = (H + 2 * padding - kernel_size) // stride + 1`, W' alike; rounded up with `ceil_mode`.
    """

    ndim: ClassVar[int] = 2
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N?, C, H, W]", "[N?, C, H', W']"),)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("AvgPool2d(3, ceil_mode=True)", "float32[N, 6, 28, 28]", "float32[N, 6, 10, 10]"),
    )

    kernel_size: Size2
    stride: Stride2 = None
    padding: Padding2 = 0
    ceil_mode: bool = False
    count_include_pad: bool = True
    divisor_override: PositiveInt | None = None


class AvgPool3d(_AvgPool):
    """The mean of each window of a volume.

    `D' = (D + 2 * padding - kernel_size) // stride + 1`, H' and W' alike; rounded up with
    `ceil_mode`.
    """

    ndim: ClassVar[int] = 3
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N?, C, D, H, W]", "[N?, C, D', H', W']"),)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("AvgPool3d(2)", "float32[N, 6, 8, 8, 8]", "float32[N, 6, 4, 4, 4]"),
    )

    kernel_size: Size3
    stride: Stride3 = None
    padding: Padding3 = 0
    ceil_mode: bool = False
    count_include_pad: bool = True
    divisor_override: PositiveInt | None = None

    def output(self, x: Tensor) -> Tensor:
        y = super().output(x)
        _require_whole_windows(self, x)
        return y


def _require_whole_windows(layer: Any, x: Tensor) -> None:
    """The mean in three dimensions does not begin with a window that is cut off."""
    for size, kernel in zip(x.shape[-3:], spread(layer.kernel_size, 3), strict=True):
        if at_least(size, kernel) is False:
            raise Misfit(
                f"kernel size {kernel} is larger than the input size {size}",
                label=f"`{type(layer).__name__}` does not count the padding",
                help="pool less before it, or use a smaller kernel",
            )


class _LPPool(Layer):
    def output(self, x: Tensor) -> Tensor:
        layer: Any = self
        if layer.norm_type == 0:
            raise Misfit(
                f"`norm_type` of `{type(self).__name__}` cannot be 0: it is divided by",
                label="zero",
                help="use 2 for the Euclidean norm, or 1 for the sum",
                argument="norm_type",
            )
        return _pool(layer, x)


class LPPool1d(_LPPool):
    """(Σ xᵖ) ** (1 / p) of windows of a signal, p = `norm_type`.

    `L' = (L - kernel_size) // stride + 1`; rounded up with `ceil_mode`.
    """

    ndim: ClassVar[int] = 1
    padding: ClassVar[int] = 0
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N?, C, L]", "[N?, C, L']"),)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("LPPool1d(2, 4)", "float32[N, 8, 100]", "float32[N, 8, 25]"),
    )

    norm_type: float
    kernel_size: PositiveInt
    stride: Annotated[PositiveInt | None, KERNEL] = None
    ceil_mode: bool = False


class LPPool2d(_LPPool):
    """(Σ xᵖ) ** (1 / p) of windows of an image, p = `norm_type`.

    `H' = (H - kernel_size) // stride + 1`, W' alike; rounded up with `ceil_mode`.
    """

    ndim: ClassVar[int] = 2
    padding: ClassVar[int] = 0
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N?, C, H, W]", "[N?, C, H', W']"),)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("LPPool2d(2, 4)", "float32[N, 6, 28, 28]", "float32[N, 6, 7, 7]"),
    )

    norm_type: float
    kernel_size: Size2
    stride: Stride2 = None
    ceil_mode: bool = False


class LPPool3d(_LPPool):
    """(Σ xᵖ) ** (1 / p) of windows of a volume, p = `norm_type`.

    `D' = (D - kernel_size) // stride + 1`, H' and W' alike; rounded up with `ceil_mode`.
    """

    ndim: ClassVar[int] = 3
    padding: ClassVar[int] = 0
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N?, C, D, H, W]", "[N?, C, D', H', W']"),)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("LPPool3d(2, 4)", "float32[N, 6, 8, 8, 8]", "float32[N, 6, 2, 2, 2]"),
    )

    norm_type: float
    kernel_size: Size3
    stride: Stride3 = None
    ceil_mode: bool = False

    def output(self, x: Tensor) -> Tensor:
        y = super().output(x)
        _require_whole_windows(self, x)
        return y
