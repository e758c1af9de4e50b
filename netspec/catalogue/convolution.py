"""Convolutions and transposed convolutions over signals, images and volumes."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from netspec.catalogue.example import Shapes
from netspec.catalogue.layer import (
    Example,
    Layer,
    Misfit,
    require_positive,
    require_rank,
    spread,
)
from netspec.catalogue.signature import (
    InferredInt,
    Padding1,
    Padding2,
    Padding3,
    PositiveInt,
    Size1,
    Size2,
    Size3,
)
from netspec.compare import at_least
from netspec.dim import Dim, product, value_of
from netspec.tensor import Shape, Tensor, write_shape

PaddingMode = Literal["zeros", "reflect", "replicate", "circular"]
NamedPadding = Literal["same", "valid"]
PICTURES = {1: "signals [N, C, L]", 2: "images [N, C, H, W]", 3: "volumes [N, C, D, H, W]"}


def _infer(layer: Layer, x: Tensor) -> Mapping[str, Dim]:
    ndim = layer.ndim or 0
    require_rank(layer, x, (ndim + 1, ndim + 2), PICTURES[ndim])
    return {"in_channels": x.shape[-ndim - 1]}


def _require_groups(layer: Any) -> None:
    for name in ("in_channels", "out_channels"):
        channels = getattr(layer, name)
        rest = value_of(channels % layer.groups)
        if rest:
            raise Misfit(
                f"`groups` must divide the channels: {name}={channels} is no multiple of "
                f"groups={layer.groups}",
                label=f"{value_of(channels)} % {value_of(layer.groups)} is {rest}",
                help="choose `groups` so that it divides both, or change the channels",
                argument="groups",
            )


def _picture(x: Tensor, channels: Dim, sizes: list[Dim]) -> Tensor:
    return Tensor((*x.shape[: -len(sizes) - 1], channels, *sizes), x.dtype)


def _convolve(layer: Any, x: Tensor) -> Tensor:
    """The output of a convolution: `(L + 2 padding - dilation (kernel - 1) - 1) // stride + 1`."""
    _require_groups(layer)
    ndim = layer.ndim
    kernels, strides = spread(layer.kernel_size, ndim), spread(layer.stride, ndim)
    dilations = spread(layer.dilation, ndim)
    if layer.padding == "same":
        _require_no_stride(strides)
        # What does not split evenly goes to the end, so the end is padded most.
        reaches = [d * (k - 1) for d, k in zip(dilations, kernels, strict=True)]
        _require_padding_mode(layer, x, tuple(reach - reach // 2 for reach in reaches))
        return _picture(x, layer.out_channels, list(x.shape[-ndim:]))
    paddings = spread(0 if layer.padding == "valid" else layer.padding, ndim)
    _require_padding_mode(layer, x, paddings)
    sizes: list[Dim] = []
    for size, kernel, stride, padding, dilation in zip(
        x.shape[-ndim:], kernels, strides, paddings, dilations, strict=True
    ):
        padded, reach = size + 2 * padding, dilation * (kernel - 1) + 1
        if at_least(padded, reach) is False:
            raise _too_small(kernel, dilation, reach, size, padding, x)
        sizes.append((padded - reach) // stride + 1)
    return _picture(x, layer.out_channels, sizes)


def _too_small(
    kernel: Dim, dilation: Dim, reach: Dim, size: Dim, padding: Dim, x: Tensor
) -> Misfit:
    dilated = f" (dilated to {value_of(reach)})" if value_of(dilation) != 1 else ""
    padded = f" with padding {padding} on both sides" if padding != 0 else ""
    return Misfit(
        f"kernel size {kernel}{dilated} is larger than the input size {size}{padded}",
        label=f"the input has shape {write_shape(x.shape)}",
        help="use a smaller kernel, more padding, or less pooling before it",
    )


def _require_no_stride(strides: tuple[Dim, ...]) -> None:
    if any(value_of(stride) != 1 for stride in strides):
        raise Misfit(
            'padding="same" wants stride=1: with a stride no padding keeps the size',
            label=f"stride is {', '.join(map(str, dict.fromkeys(strides)))}",
            help="give the padding as a number",
            argument="padding",
        )


def _require_padding_mode(layer: Any, x: Tensor, paddings: tuple[Dim, ...]) -> None:
    if layer.padding_mode not in ("reflect", "circular"):
        return
    slack = 1 if layer.padding_mode == "reflect" else 0
    for size, padding in zip(x.shape[-layer.ndim :], paddings, strict=True):
        if at_least(size - slack, padding) is False:
            raise Misfit(
                f'padding_mode="{layer.padding_mode}" cannot pad a size of {size} by {padding}',
                label=f"the most is {value_of(size - slack)}",
                help="use less padding, or another padding_mode",
                argument="padding",
            )


def _weights(layer: Any, first: Dim, second: Dim) -> Mapping[str, Shape]:
    kernel = spread(layer.kernel_size, layer.ndim)
    shapes: dict[str, Shape] = {"weight": (first, second // layer.groups, *kernel)}
    return shapes | ({"bias": (layer.out_channels,)} if layer.bias else {})


class _Convolution(Layer):
    stateless: ClassVar[bool] = False
    optional: ClassVar[frozenset[str]] = frozenset({"bias"})
    dtypes: ClassVar[frozenset[str]] = frozenset({"float32"})

    def infer(self, x: Tensor) -> Mapping[str, Dim]:
        return _infer(self, x)


class _Conv(_Convolution):
    def output(self, x: Tensor) -> Tensor:
        return _convolve(self, x)

    def parameters(self) -> Mapping[str, Shape]:
        layer: Any = self
        return _weights(self, layer.out_channels, layer.in_channels)

    def macs(self, x: Tensor, y: Tensor, *rest: Any) -> Dim:
        return product((*y.shape, *self.parameters()["weight"][1:]))


class Conv1d(_Conv):
    """Convolution over a signal.

    `L' = (L + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1`.
    """

    ndim: ClassVar[int] = 1
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N?, C, L]", "[N?, out_channels, L']"),)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("Conv1d(32, 80, stride=16)", "float32[N, 1, 16000]", "float32[N, 32, 996]"),
    )

    in_channels: InferredInt
    out_channels: PositiveInt
    kernel_size: Size1
    stride: Size1 = 1
    padding: Padding1 | NamedPadding = 0
    dilation: Size1 = 1
    groups: PositiveInt = 1
    bias: bool = True
    padding_mode: PaddingMode = "zeros"


class Conv2d(_Conv):
    """Convolution over an image.

    `H' = (H + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1`, W' alike.
    """

    ndim: ClassVar[int] = 2
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N?, C, H, W]", "[N?, out_channels, H', W']"),)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("Conv2d(6, 5, padding=2)", "float32[N, 1, 28, 28]", "float32[N, 6, 28, 28]"),
        Example(
            "Conv2d(64, 3, 2, 1)",
            "float32[N, 3, H, W]",
            "float32[N, 64, (H + 1) // 2, (W + 1) // 2]",
        ),
    )

    in_channels: InferredInt
    out_channels: PositiveInt
    kernel_size: Size2
    stride: Size2 = 1
    padding: Padding2 | NamedPadding = 0
    dilation: Size2 = 1
    groups: PositiveInt = 1
    bias: bool = True
    padding_mode: PaddingMode = "zeros"


class Conv3d(_Conv):
    """Convolution over a volume.

    `D' = (D + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1`, H' and W' alike.
    """

    ndim: ClassVar[int] = 3
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[N?, C, D, H, W]", "[N?, out_channels, D', H', W']"),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("Conv3d(8, 3)", "float32[N, 1, 9, 9, 9]", "float32[N, 8, 7, 7, 7]"),
    )

    in_channels: InferredInt
    out_channels: PositiveInt
    kernel_size: Size3
    stride: Size3 = 1
    padding: Padding3 | NamedPadding = 0
    dilation: Size3 = 1
    groups: PositiveInt = 1
    bias: bool = True
    padding_mode: PaddingMode = "zeros"


class _ConvTranspose(_Convolution):
    def output(self, x: Tensor) -> Tensor:
        return _convolve_transposed(self, x)

    def parameters(self) -> Mapping[str, Shape]:
        layer: Any = self
        return _weights(self, layer.in_channels, layer.out_channels)

    def macs(self, x: Tensor, y: Tensor, *rest: Any) -> Dim:
        return product((*x.shape, *self.parameters()["weight"][1:]))


def _convolve_transposed(layer: Any, x: Tensor) -> Tensor:
    """`(L - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1`."""
    _require_groups(layer)
    ndim = layer.ndim
    sizes: list[Dim] = []
    for size, kernel, stride, padding, extra, dilation in zip(
        x.shape[-ndim:],
        spread(layer.kernel_size, ndim),
        spread(layer.stride, ndim),
        spread(layer.padding, ndim),
        spread(layer.output_padding, ndim),
        spread(layer.dilation, ndim),
        strict=True,
    ):
        if at_least(extra, stride) and at_least(extra, dilation):
            raise Misfit(
                f"output_padding={extra} must be smaller than the stride ({stride}) or the "
                f"dilation ({dilation})",
                label="too large",
                help="output_padding picks one of the sizes that the stride leaves open",
                argument="output_padding",
            )
        sizes.append((size - 1) * stride - 2 * padding + dilation * (kernel - 1) + extra + 1)
    why = "the padding takes away more than the kernel adds"
    require_positive(layer, x, tuple(sizes), why, "use less padding or a larger kernel")
    return _picture(x, layer.out_channels, sizes)


class ConvTranspose1d(_ConvTranspose, aliases=("Deconv1d",)):
    """Transposed convolution over a signal.

    `L' = (L - 1) * stride - 2 * padding + dilation * (kernel_size - 1) + output_padding + 1`.
    """

    ndim: ClassVar[int] = 1
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N?, C, L]", "[N?, out_channels, L']"),)
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "ConvTranspose1d(8, 4, stride=2, padding=1)", "float32[N, 4, 9]", "float32[N, 8, 18]"
        ),
    )

    in_channels: InferredInt
    out_channels: PositiveInt
    kernel_size: Size1
    stride: Size1 = 1
    padding: Padding1 = 0
    output_padding: Padding1 = 0
    groups: PositiveInt = 1
    bias: bool = True
    dilation: Size1 = 1
    padding_mode: Literal["zeros"] = "zeros"


class ConvTranspose2d(_ConvTranspose, aliases=("Deconv2d",)):
    """Transposed convolution over an image.

    `H' = (H - 1) * stride - 2 * padding + dilation * (kernel_size - 1) + output_padding + 1`, W'
    alike.
    """

    ndim: ClassVar[int] = 2
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N?, C, H, W]", "[N?, out_channels, H', W']"),)
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Deconv2d(16, 4, stride=2, padding=1)", "float32[N, 32, 7, 7]", "float32[N, 16, 14, 14]"
        ),
    )

    in_channels: InferredInt
    out_channels: PositiveInt
    kernel_size: Size2
    stride: Size2 = 1
    padding: Padding2 = 0
    output_padding: Padding2 = 0
    groups: PositiveInt = 1
    bias: bool = True
    dilation: Size2 = 1
    padding_mode: Literal["zeros"] = "zeros"


class ConvTranspose3d(_ConvTranspose, aliases=("Deconv3d",)):
    """Transposed convolution of a volume, `[N, C, D, H, W]` to `[N, out_channels, D', H', W']`.

    `D' = (D - 1) * stride - 2 * padding + dilation * (kernel_size - 1) + output_padding + 1`, H'
    and W' alike.
    """

    ndim: ClassVar[int] = 3
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[N?, C, D, H, W]", "[N?, out_channels, D', H', W']"),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("ConvTranspose3d(4, 2, 2)", "float32[N, 8, 3, 3, 3]", "float32[N, 4, 6, 6, 6]"),
    )

    in_channels: InferredInt
    out_channels: PositiveInt
    kernel_size: Size3
    stride: Size3 = 1
    padding: Padding3 = 0
    output_padding: Padding3 = 0
    groups: PositiveInt = 1
    bias: bool = True
    dilation: Size3 = 1
    padding_mode: Literal["zeros"] = "zeros"
