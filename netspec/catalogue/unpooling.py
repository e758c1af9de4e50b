"""Unpooling: the numbers that max pooling picked, put back where they came from."""

from typing import Any, ClassVar

from netspec.catalogue.convolution import PICTURES
from netspec.catalogue.example import Shapes
from netspec.catalogue.layer import (
    Example,
    Layer,
    require_positive,
    require_rank,
    require_same_dtype,
    require_shape,
    spread,
)
from netspec.catalogue.signature import (
    Padding1,
    Padding2,
    Padding3,
    Size1,
    Size2,
    Size3,
    Stride1,
    Stride2,
    Stride3,
)
from netspec.tensor import Tensor


class _MaxUnpool(Layer):
    """The size is `(L - 1) stride - 2 padding + kernel`; torch's `output_size` is not offered."""

    takes: ClassVar[tuple[str, ...]] = ("input", "indices")

    def output(self, x: Tensor, indices: Tensor) -> Tensor:
        layer: Any = self
        ndim = layer.ndim
        require_rank(self, x, (ndim + 1, ndim + 2), PICTURES[ndim])
        require_same_dtype(self, "indices", indices, "int64")
        require_shape(self, "indices", indices, x.shape, "it has one index for each number")
        kernels = spread(layer.kernel_size, ndim)
        strides = kernels if layer.stride is None else spread(layer.stride, ndim)
        sizes = tuple(
            (size - 1) * stride - 2 * padding + kernel
            for size, kernel, stride, padding in zip(
                x.shape[-ndim:], kernels, strides, spread(layer.padding, ndim), strict=True
            )
        )
        why = "the padding takes away more than the kernel adds"
        require_positive(self, x, sizes, why, "use the padding that the pooling had")
        return Tensor((*x.shape[:-ndim], *sizes), x.dtype)


class MaxUnpool1d(_MaxUnpool):
    """Put back what max pooling of a signal found.

    `L' = (L - 1) * stride - 2 * padding + kernel_size`.
    """

    ndim: ClassVar[int] = 1
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N?, C, L], [N?, C, L]", "[N?, C, L']"),)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("MaxUnpool1d(2)", "float32[N, 8, 25], int64[N, 8, 25]", "float32[N, 8, 50]"),
    )

    kernel_size: Size1
    stride: Stride1 = None
    padding: Padding1 = 0


class MaxUnpool2d(_MaxUnpool):
    """Put back what max pooling of an image found.

    `H' = (H - 1) * stride - 2 * padding + kernel_size`, W' alike.
    """

    ndim: ClassVar[int] = 2
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[N?, C, H, W], [N?, C, H, W]", "[N?, C, H', W']"),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "MaxUnpool2d(2)", "float32[N, 8, 14, 14], int64[N, 8, 14, 14]", "float32[N, 8, 28, 28]"
        ),
    )

    kernel_size: Size2
    stride: Stride2 = None
    padding: Padding2 = 0


class MaxUnpool3d(_MaxUnpool):
    """Put back what max pooling of a volume found.

    `D' = (D - 1) * stride - 2 * padding + kernel_size`, H' and W' alike.
    """

    ndim: ClassVar[int] = 3
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[N?, C, D, H, W], [N?, C, D, H, W]", "[N?, C, D', H', W']"),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "MaxUnpool3d(2)",
            "float32[N, 8, 4, 4, 4], int64[N, 8, 4, 4, 4]",
            "float32[N, 8, 8, 8, 8]",
        ),
    )

    kernel_size: Size3
    stride: Stride3 = None
    padding: Padding3 = 0
