"""Pooling as functions; the layers of the same kind have the rules."""

from typing import Any, ClassVar

from netspec.catalogue.dtypes import require_dtype
from netspec.catalogue.example import Shapes
from netspec.catalogue.function import Example, Functional
from netspec.catalogue.layer import LAYERS
from netspec.catalogue.signature import (
    Input,
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
from netspec.misfit import Misfit
from netspec.tensor import FLOATING, Tensor, Type


class OfLayer(Functional):
    """A function that computes what a layer without parameters does.

    `layer`: that layer; `beyond`: arguments that it does not have.
    """

    dtypes: ClassVar[frozenset[str]] = FLOATING
    layer: ClassVar[str]
    beyond: ClassVar[tuple[str, ...]] = ()

    input: Input

    def apply(self) -> Type:
        return self.run()

    def run(self) -> Tensor:
        """The output of the layer.

        Raises:
            Misfit: the layer's, with the name of the function.
        """
        left_out = {"input", *self.beyond}
        given = {name: value for name, value in self.given.items() if name not in left_out}
        require_dtype(self.name, self.input, self.dtypes)
        layer: Any = LAYERS[self.layer](**given)
        try:
            output: Tensor = layer.apply(self.input)
        except Misfit as misfit:
            raise self._renamed(misfit) from None
        return output

    def _renamed(self, misfit: Misfit) -> Misfit:
        def own(text: str) -> str:
            return text.replace(f"`{self.layer}", f"`{self.name}")

        return Misfit(
            own(misfit.message),
            label=own(misfit.label),
            help=own(misfit.help) or "add or join dimensions first: `unsqueeze`, `flatten`",
            argument=misfit.argument,
        )


class _MaxPool(OfLayer):
    """With `return_indices` also where each number comes from."""

    beyond: ClassVar[tuple[str, ...]] = ("return_indices",)

    def apply(self) -> Type:
        output = self.run()
        if self.given.get("return_indices"):
            return output, Tensor(output.shape, "int64")
        return output


class MaxPool1d(_MaxPool, name="max_pool1d"):
    """The largest number of each window of a signal.

    `L' = (L + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1`; rounded up with
    `ceil_mode`.
    """

    layer: ClassVar[str] = "MaxPool1d"
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[N?, C, L]", "[N?, C, L']"),
        Shapes("[N?, C, L]", "([N?, C, L'], [N?, C, L'])", "return_indices=True"),
    )
    examples = (Example("x -> max_pool1d(4)", "x: float32[N, 8, 100]", "float32[N, 8, 25]"),)

    kernel_size: Size1
    stride: Stride1 = None
    padding: Padding1 = 0
    dilation: Size1 = 1
    ceil_mode: bool = False
    return_indices: bool = False


class MaxPool2d(_MaxPool, name="max_pool2d"):
    """The largest number of each window of an image.

    `H' = (H + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1`, W' alike; rounded up
    with `ceil_mode`.
    """

    layer: ClassVar[str] = "MaxPool2d"
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[N?, C, H, W]", "[N?, C, H', W']"),
        Shapes("[N?, C, H, W]", "([N?, C, H', W'], [N?, C, H', W'])", "return_indices=True"),
    )
    examples = (
        Example(
            "x -> max_pool2d(3, stride=2, padding=1)",
            "x: float32[N, 64, 112, 112]",
            "float32[N, 64, 56, 56]",
        ),
        Example(
            "x -> max_pool2d(2, return_indices=True)",
            "x: float32[N, 8, 28, 28]",
            "(float32[N, 8, 14, 14], int64[N, 8, 14, 14])",
        ),
    )

    kernel_size: Size2
    stride: Stride2 = None
    padding: Padding2 = 0
    dilation: Size2 = 1
    ceil_mode: bool = False
    return_indices: bool = False


class MaxPool3d(_MaxPool, name="max_pool3d"):
    """The largest number of each window of a volume.

    `D' = (D + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1`, H' and W' alike;
    rounded up with `ceil_mode`.
    """

    layer: ClassVar[str] = "MaxPool3d"
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[N?, C, D, H, W]", "[N?, C, D', H', W']"),
        Shapes(
            "[N?, C, D, H, W]", "([N?, C, D', H', W'], [N?, C, D', H', W'])", "return_indices=True"
        ),
    )
    examples = (
        Example("x -> max_pool3d(2)", "x: float32[N, 8, 16, 16, 16]", "float32[N, 8, 8, 8, 8]"),
    )

    kernel_size: Size3
    stride: Stride3 = None
    padding: Padding3 = 0
    dilation: Size3 = 1
    ceil_mode: bool = False
    return_indices: bool = False


class AvgPool1d(OfLayer, name="avg_pool1d"):
    """The mean of each window of a signal.

    `L' = (L + 2 * padding - kernel_size) // stride + 1`; rounded up with `ceil_mode`.
    """

    layer: ClassVar[str] = "AvgPool1d"
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N?, C, L]", "[N?, C, L']"),)
    examples = (
        Example("x -> avg_pool1d(4, stride=2)", "x: float32[N, 8, 100]", "float32[N, 8, 49]"),
    )

    kernel_size: Size1
    stride: Stride1 = None
    padding: Padding1 = 0
    ceil_mode: bool = False
    count_include_pad: bool = True


class AvgPool2d(OfLayer, name="avg_pool2d"):
    """The mean of each window of an image.

    `H' = (H + 2 * padding - kernel_size) // stride + 1`, W' alike; rounded up with `ceil_mode`.
    """

    layer: ClassVar[str] = "AvgPool2d"
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N?, C, H, W]", "[N?, C, H', W']"),)
    examples = (Example("x -> avg_pool2d(2)", "x: float32[N, 8, 28, 28]", "float32[N, 8, 14, 14]"),)

    kernel_size: Size2
    stride: Stride2 = None
    padding: Padding2 = 0
    ceil_mode: bool = False
    count_include_pad: bool = True
    divisor_override: PositiveInt | None = None


class AvgPool3d(OfLayer, name="avg_pool3d"):
    """The mean of each window of a volume.

    `D' = (D + 2 * padding - kernel_size) // stride + 1`, H' and W' alike; rounded up with
    `ceil_mode`.
    """

    layer: ClassVar[str] = "AvgPool3d"
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N?, C, D, H, W]", "[N?, C, D', H', W']"),)
    examples = (
        Example("x -> avg_pool3d(2)", "x: float32[N, 8, 16, 16, 16]", "float32[N, 8, 8, 8, 8]"),
    )

    kernel_size: Size3
    stride: Stride3 = None
    padding: Padding3 = 0
    ceil_mode: bool = False
    count_include_pad: bool = True
    divisor_override: PositiveInt | None = None


class _LpPool(OfLayer):
    """A norm of each window is the mean of powers, so the rule is that of the mean."""

    beyond: ClassVar[tuple[str, ...]] = ("norm_type",)

    def apply(self) -> Type:
        if self.given["norm_type"] == 0:
            raise Misfit(
                f"`norm_type` of `{self.name}` divides, found 0",
                label="division by 0",
                help="2 is the root of the sum of squares",
                argument="norm_type",
            )
        return self.run()


class LpPool1d(_LpPool, name="lp_pool1d"):
    """The p-norm of each window of a signal.

    `L' = (L - kernel_size) // stride + 1`; rounded up with `ceil_mode`.
    """

    layer: ClassVar[str] = "AvgPool1d"
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N?, C, L]", "[N?, C, L']"),)
    examples = (Example("x -> lp_pool1d(2, 4)", "x: float32[N, 8, 100]", "float32[N, 8, 25]"),)

    norm_type: float
    kernel_size: PositiveInt
    stride: Stride1 = None
    ceil_mode: bool = False


class LpPool2d(_LpPool, name="lp_pool2d"):
    """The p-norm of each window of an image.

    `H' = (H - kernel_size) // stride + 1`, W' alike; rounded up with `ceil_mode`.
    """

    layer: ClassVar[str] = "AvgPool2d"
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N?, C, H, W]", "[N?, C, H', W']"),)
    examples = (
        Example(
            "x -> lp_pool2d(2, 3, stride=2)", "x: float32[N, 8, 28, 28]", "float32[N, 8, 13, 13]"
        ),
    )

    norm_type: float
    kernel_size: Size2
    stride: Stride2 = None
    ceil_mode: bool = False


class LpPool3d(_LpPool, name="lp_pool3d"):
    """The p-norm of each window of a volume.

    `D' = (D - kernel_size) // stride + 1`, H' and W' alike; rounded up with `ceil_mode`.
    """

    layer: ClassVar[str] = "AvgPool3d"
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N?, C, D, H, W]", "[N?, C, D', H', W']"),)
    examples = (
        Example("x -> lp_pool3d(2, 2)", "x: float32[N, 8, 16, 16, 16]", "float32[N, 8, 8, 8, 8]"),
    )

    norm_type: float
    kernel_size: Size3
    stride: Stride3 = None
    ceil_mode: bool = False


MaybeSize = PositiveInt | None


class AdaptiveAvgPool1d(OfLayer, name="adaptive_avg_pool1d"):
    """The means of `output_size` windows, whatever the length."""

    layer: ClassVar[str] = "AdaptiveAvgPool1d"
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N?, C, L]", "[N?, C, L']"),)
    examples = (Example("x -> adaptive_avg_pool1d(4)", "x: float32[N, 8, L]", "float32[N, 8, 4]"),)

    output_size: Size1


class AdaptiveAvgPool2d(OfLayer, name="adaptive_avg_pool2d"):
    """The means of `output_size` windows, whatever the size; None keeps a size."""

    layer: ClassVar[str] = "AdaptiveAvgPool2d"
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N?, C, H, W]", "[N?, C, H', W']"),)
    examples = (
        Example("x -> adaptive_avg_pool2d(1)", "x: float32[N, 512, H, W]", "float32[N, 512, 1, 1]"),
        Example(
            "x -> adaptive_avg_pool2d((None, 7))", "x: float32[N, 8, H, W]", "float32[N, 8, H, 7]"
        ),
    )

    output_size: PositiveInt | tuple[MaybeSize, MaybeSize]


class AdaptiveAvgPool3d(OfLayer, name="adaptive_avg_pool3d"):
    """The means of `output_size` windows, whatever the size; None keeps a size."""

    layer: ClassVar[str] = "AdaptiveAvgPool3d"
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N?, C, D, H, W]", "[N?, C, D', H', W']"),)
    examples = (
        Example(
            "x -> adaptive_avg_pool3d(1)", "x: float32[N, 8, D, H, W]", "float32[N, 8, 1, 1, 1]"
        ),
    )

    output_size: PositiveInt | tuple[MaybeSize, MaybeSize, MaybeSize]


class AdaptiveMaxPool1d(_MaxPool, name="adaptive_max_pool1d"):
    """The largest numbers of `output_size` windows, whatever the length."""

    layer: ClassVar[str] = "AdaptiveMaxPool1d"
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[N?, C, L]", "[N?, C, L']"),
        Shapes("[N?, C, L]", "([N?, C, L'], [N?, C, L'])", "return_indices=True"),
    )
    examples = (Example("x -> adaptive_max_pool1d(4)", "x: float32[N, 8, L]", "float32[N, 8, 4]"),)

    output_size: Size1
    return_indices: bool = False


class AdaptiveMaxPool2d(_MaxPool, name="adaptive_max_pool2d"):
    """The largest numbers of `output_size` windows, whatever the size; None keeps a size."""

    layer: ClassVar[str] = "AdaptiveMaxPool2d"
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[N?, C, H, W]", "[N?, C, H', W']"),
        Shapes("[N?, C, H, W]", "([N?, C, H', W'], [N?, C, H', W'])", "return_indices=True"),
    )
    examples = (
        Example(
            "x -> adaptive_max_pool2d((2, 3))", "x: float32[N, 8, H, W]", "float32[N, 8, 2, 3]"
        ),
    )

    output_size: PositiveInt | tuple[MaybeSize, MaybeSize]
    return_indices: bool = False


class AdaptiveMaxPool3d(_MaxPool, name="adaptive_max_pool3d"):
    """The largest numbers of `output_size` windows, whatever the size; None keeps a size."""

    layer: ClassVar[str] = "AdaptiveMaxPool3d"
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[N?, C, D, H, W]", "[N?, C, D', H', W']"),
        Shapes(
            "[N?, C, D, H, W]", "([N?, C, D', H', W'], [N?, C, D', H', W'])", "return_indices=True"
        ),
    )
    examples = (
        Example(
            "x -> adaptive_max_pool3d(1)", "x: float32[N, 8, D, H, W]", "float32[N, 8, 1, 1, 1]"
        ),
    )

    output_size: PositiveInt | tuple[MaybeSize, MaybeSize, MaybeSize]
    return_indices: bool = False
