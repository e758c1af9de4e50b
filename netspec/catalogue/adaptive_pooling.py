"""Pooling to a number of windows that is given, whatever the size of the input."""

from typing import Annotated, Any, ClassVar

from annotated_types import Gt, Lt

from netspec.catalogue.convolution import PICTURES
from netspec.catalogue.example import Shapes
from netspec.catalogue.layer import Example, Layer, Misfit, require_rank, spread
from netspec.catalogue.pooling import with_indices
from netspec.catalogue.shaping import scale
from netspec.catalogue.signature import PositiveInt, Size1, Size2, Size3
from netspec.compare import at_least
from netspec.dim import Dim
from netspec.tensor import Tensor, Type


class _Adaptive(Layer):
    """None in `output_size` keeps that size of the input."""

    def output(self, x: Tensor) -> Type:
        layer: Any = self
        ndim = layer.ndim
        require_rank(self, x, (ndim + 1, ndim + 2), PICTURES[ndim])
        wanted = layer.output_size
        each = wanted if isinstance(wanted, tuple | list) else (wanted,) * ndim
        sizes = [
            size if new is None else new
            for size, new in zip(x.shape[-ndim:], each * (ndim // len(each)), strict=True)
        ]
        y = Tensor((*x.shape[:-ndim], *sizes), x.dtype)
        return with_indices(layer, y) if hasattr(layer, "return_indices") else y


MaybeSize = PositiveInt | None


class AdaptiveAvgPool1d(_Adaptive):
    """The means of `output_size` windows, whatever the length.

    `L' = output_size`; None keeps a size.
    """

    ndim: ClassVar[int] = 1
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N?, C, L]", "[N?, C, L']"),)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("AdaptiveAvgPool1d(1)", "float32[N, 8, L]", "float32[N, 8, 1]"),
    )

    output_size: Size1


class AdaptiveAvgPool2d(_Adaptive):
    """The means of `output_size` windows, whatever the size.

    `H' = output_size`, W' alike; None keeps a size.
    """

    ndim: ClassVar[int] = 2
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N?, C, H, W]", "[N?, C, H', W']"),)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("AdaptiveAvgPool2d(1)", "float32[N, 8, H, W]", "float32[N, 8, 1, 1]"),
        Example("AdaptiveAvgPool2d((None, 7))", "float32[N, 8, H, W]", "float32[N, 8, H, 7]"),
    )

    output_size: PositiveInt | tuple[MaybeSize, MaybeSize]


class AdaptiveAvgPool3d(_Adaptive):
    """The means of `output_size` windows.

    `D' = output_size`, H' and W' alike; None keeps a size.
    """

    ndim: ClassVar[int] = 3
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N?, C, D, H, W]", "[N?, C, D', H', W']"),)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("AdaptiveAvgPool3d(2)", "float32[N, 8, D, H, W]", "float32[N, 8, 2, 2, 2]"),
    )

    output_size: PositiveInt | tuple[MaybeSize, MaybeSize, MaybeSize]


class AdaptiveMaxPool1d(_Adaptive):
    """The largest numbers of `output_size` windows.

    `L' = output_size`; None keeps a size.
    """

    ndim: ClassVar[int] = 1
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[N?, C, L]", "[N?, C, L']"),
        Shapes("[N?, C, L]", "([N?, C, L'], [N?, C, L'])", "return_indices=True"),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("AdaptiveMaxPool1d(4)", "float32[N, 8, L]", "float32[N, 8, 4]"),
    )

    output_size: Size1
    return_indices: bool = False


class AdaptiveMaxPool2d(_Adaptive):
    """The largest numbers of `output_size` windows.

    `H' = output_size`, W' alike; None keeps a size.
    """

    ndim: ClassVar[int] = 2
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[N?, C, H, W]", "[N?, C, H', W']"),
        Shapes("[N?, C, H, W]", "([N?, C, H', W'], [N?, C, H', W'])", "return_indices=True"),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("AdaptiveMaxPool2d((2, 3))", "float32[N, 8, H, W]", "float32[N, 8, 2, 3]"),
    )

    output_size: PositiveInt | tuple[MaybeSize, MaybeSize]
    return_indices: bool = False


class AdaptiveMaxPool3d(_Adaptive):
    """The largest numbers of `output_size` windows.

    `D' = output_size`, H' and W' alike; None keeps a size.
    """

    ndim: ClassVar[int] = 3
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[N?, C, D, H, W]", "[N?, C, D', H', W']"),
        Shapes(
            "[N?, C, D, H, W]", "([N?, C, D', H', W'], [N?, C, D', H', W'])", "return_indices=True"
        ),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("AdaptiveMaxPool3d(2)", "float32[N, 8, D, H, W]", "float32[N, 8, 2, 2, 2]"),
    )

    output_size: PositiveInt | tuple[MaybeSize, MaybeSize, MaybeSize]
    return_indices: bool = False


class _FractionalMaxPool(Layer):
    """At most `size - kernel + spare` windows: torch takes one fewer in three dimensions."""

    spare: ClassVar[int] = 1

    def output(self, x: Tensor) -> Type:
        layer: Any = self
        ndim = layer.ndim
        require_rank(self, x, (ndim + 1, ndim + 2), PICTURES[ndim])
        self._require_one_target()
        kernels = spread(layer.kernel_size, ndim)
        sizes = self._sizes(x)
        for size, kernel, wanted in zip(x.shape[-ndim:], kernels, sizes, strict=True):
            most = size - kernel + self.spare
            if at_least(most, wanted) is False or at_least(wanted, 1) is False:
                raise Misfit(
                    f"`{type(self).__name__}` cannot take {wanted} windows of {kernel} from "
                    f"a size of {size}",
                    label=f"the most is {most}" if at_least(most, 1) else "too small an input",
                    help="ask for fewer windows (at least one), or use a smaller kernel",
                )
        return with_indices(layer, Tensor((*x.shape[:-ndim], *sizes), x.dtype))

    def _sizes(self, x: Tensor) -> tuple[Dim, ...]:
        layer: Any = self
        ndim = layer.ndim
        if layer.output_size is not None:
            return spread(layer.output_size, ndim)
        ratio = layer.output_ratio
        ratios = tuple(ratio) if isinstance(ratio, tuple | list) else (ratio,) * ndim
        return tuple(
            scale(s, r, "output_ratio") for s, r in zip(x.shape[-ndim:], ratios, strict=True)
        )

    def _require_one_target(self) -> None:
        layer: Any = self
        if (layer.output_size is None) == (layer.output_ratio is None):
            both = "both" if layer.output_size is not None else "neither"
            raise Misfit(
                f"`{type(self).__name__}` takes either `output_size` or `output_ratio`, "
                f"found {both}",
                label=f"{both} given",
                help=f"write `{type(self).__name__}(3, output_ratio=0.5)`, say",
            )


Ratio = Annotated[float, Gt(0), Lt(1)]


class FractionalMaxPool2d(_FractionalMaxPool):
    """The largest numbers of windows placed at random.

    With `output_ratio` in place of `output_size`, the sizes are that part of H and W, rounded down.
    """

    ndim: ClassVar[int] = 2
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[N?, C, H, W]", "[N?, C, *output_size]"),
        Shapes("[N?, C, H, W]", "([N?, C, H', W'], [N?, C, H', W'])", "return_indices=True"),
        Shapes("[N?, C, H, W]", "[N?, C, int(H * r), int(W * r)]", "r = output_ratio"),
        Shapes("[N?, C, H, W]", "[N?, C, int(H * r), int(W * s)]", "r, s = output_ratio"),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "FractionalMaxPool2d(3, (13, 12))", "float32[N, 8, 32, 32]", "float32[N, 8, 13, 12]"
        ),
        Example(
            "FractionalMaxPool2d(3, output_ratio=0.5)",
            "float32[N, 8, 32, 32]",
            "float32[N, 8, 16, 16]",
        ),
    )

    kernel_size: Size2
    output_size: Size2 | None = None
    output_ratio: Ratio | tuple[Ratio, Ratio] | None = None
    return_indices: bool = False


class FractionalMaxPool3d(_FractionalMaxPool):
    """The largest numbers of windows placed at random.

    With `output_ratio` in place of `output_size`, the sizes are that part of D, H and W.
    """

    ndim: ClassVar[int] = 3
    spare: ClassVar[int] = 0
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[N?, C, D, H, W]", "[N?, C, *output_size]"),
        Shapes(
            "[N?, C, D, H, W]",
            "([N?, C, D', H', W'], [N?, C, D', H', W'])",
            "return_indices=True",
        ),
        Shapes(
            "[N?, C, D, H, W]", "[N?, C, int(D * r), int(H * r), int(W * r)]", "r = output_ratio"
        ),
        Shapes(
            "[N?, C, D, H, W]",
            "[N?, C, int(D * r), int(H * s), int(W * t)]",
            "r, s, t = output_ratio",
        ),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("FractionalMaxPool3d(3, 4)", "float32[N, 8, 9, 9, 9]", "float32[N, 8, 4, 4, 4]"),
    )

    kernel_size: Size3
    output_size: Size3 | None = None
    output_ratio: Ratio | tuple[Ratio, Ratio, Ratio] | None = None
    return_indices: bool = False
