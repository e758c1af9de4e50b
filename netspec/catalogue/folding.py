"""Images to columns of patches, and columns of patches summed up to images."""

from typing import Any, ClassVar

from netspec.catalogue.dtypes import TRUTH
from netspec.catalogue.example import Shapes
from netspec.catalogue.layer import Example, Layer, Misfit, require_rank, spread
from netspec.catalogue.signature import Padding2, Size2
from netspec.compare import at_least, same
from netspec.dim import Dim, divide, product, value_of
from netspec.tensor import COMPLEX, FLOATING, Shape, Tensor, write_shape

_MOVABLE = FLOATING | COMPLEX | TRUTH


def _blocks(layer: Any, image: Shape) -> Dim:
    """How many patches: `(L + 2 padding - dilation (kernel - 1) - 1) // stride + 1` each way."""
    counts: list[Dim] = []
    for size, kernel, dilation, padding, stride in zip(
        image,
        *(
            spread(value, 2)
            for value in (layer.kernel_size, layer.dilation, layer.padding, layer.stride)
        ),
        strict=True,
    ):
        room = size + 2 * padding - dilation * (kernel - 1) - 1
        if at_least(room, 0) is False:
            padded = f" with padding {padding} on both sides" if padding != 0 else ""
            raise Misfit(
                f"kernel size {kernel} is larger than the image size {size}{padded}",
                label=f"the image is {write_shape(image)}",
                help="use a smaller kernel or more padding",
                argument="kernel_size" if "kernel_size" in layer.given else None,
            )
        counts.append(divide(room, stride) + 1)
    return product(counts)


class Unfold(Layer):
    """The patches of an image as columns."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes(
            "[N?, C, H, W]",
            "[N?, C * k, L']",
            "k = prod(pair(kernel_size)); L' is the number of patches",
        ),
    )
    dtypes: ClassVar[frozenset[str]] = _MOVABLE
    examples: ClassVar[tuple[Example, ...]] = (
        Example("Unfold(4, stride=4)", "float32[N, 3, 32, 32]", "float32[N, 48, 64]"),
    )

    kernel_size: Size2
    dilation: Size2 = 1
    padding: Padding2 = 0
    stride: Size2 = 1

    def output(self, x: Tensor) -> Tensor:
        require_rank(self, x, (3, 4), "images [N, C, H, W]")
        column = product((x.shape[-3], *spread(self.kernel_size, 2)))
        return Tensor((*x.shape[:-3], column, _blocks(self, x.shape[-2:])), x.dtype)


class Fold(Layer):
    """Columns of patches summed up to an image."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[N?, n, L]", "[N?, n // k, *output_size]", "k = prod(pair(kernel_size))"),
    )
    dtypes: ClassVar[frozenset[str]] = _MOVABLE
    examples: ClassVar[tuple[Example, ...]] = (
        Example("Fold(32, 4, stride=4)", "float32[N, 48, 64]", "float32[N, 3, 32, 32]"),
    )

    output_size: Size2
    kernel_size: Size2
    dilation: Size2 = 1
    padding: Padding2 = 0
    stride: Size2 = 1

    def output(self, x: Tensor) -> Tensor:
        require_rank(self, x, (2, 3), "columns of patches, [N, C * k * k, L]")
        patch = product(spread(self.kernel_size, 2))
        column, found = x.shape[-2:]
        if value_of(column % patch):
            raise Misfit(
                f"a column of {column} is no multiple of the kernel, "
                f"{' x '.join(map(str, spread(self.kernel_size, 2)))} = {value_of(patch)}",
                label=f"the input has shape {write_shape(x.shape)}",
                help=f"give it [N, C * {value_of(patch)}, L]",
                argument="kernel_size",
            )
        size = spread(self.output_size, 2)
        blocks = _blocks(self, size)
        if same(blocks, found) is False:
            raise Misfit(
                f"an image of {write_shape(size)} has {value_of(blocks)} patches, found {found}",
                label=f"the input has shape {write_shape(x.shape)}",
                help="use the kernel size, dilation, padding and stride that `Unfold` had",
            )
        return Tensor((*x.shape[:-2], divide(column, patch), *size), x.dtype)
