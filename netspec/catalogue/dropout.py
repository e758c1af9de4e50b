"""Dropout: numbers or whole channels set to zero at random while training."""

from typing import ClassVar

from netspec.catalogue.example import UNCHANGED, Shapes
from netspec.catalogue.layer import Example, Layer, Misfit, rank_help, require_rank
from netspec.catalogue.signature import Probability
from netspec.tensor import Tensor, write_shape


class Dropout(Layer):
    """Set numbers to zero with probability `p` while training."""

    shapes: ClassVar[tuple[Shapes, ...]] = UNCHANGED
    examples: ClassVar[tuple[Example, ...]] = (
        Example("Dropout(0.1)", "float32[N, 8]", "float32[N, 8]"),
    )

    p: Probability = 0.5
    inplace: bool = False


class _ChannelDropout(Layer):
    shapes: ClassVar[tuple[Shapes, ...]] = UNCHANGED
    ranks: ClassVar[tuple[int, ...]] = ()
    wanted: ClassVar[str] = ""

    def output(self, x: Tensor) -> Tensor:
        require_rank(self, x, self.ranks, self.wanted)
        return x


class Dropout1d(_ChannelDropout):
    """Set whole channels of a signal to zero with probability `p` while training."""

    ndim: ClassVar[int] = 1
    ranks: ClassVar[tuple[int, ...]] = (2, 3)
    wanted: ClassVar[str] = "signals [N, C, L]"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("Dropout1d", "float32[N, 8, 5]", "float32[N, 8, 5]"),
    )

    p: Probability = 0.5
    inplace: bool = False


class Dropout2d(_ChannelDropout):
    """Set whole channels of an image to zero with probability `p` while training."""

    ndim: ClassVar[int] = 2
    ranks: ClassVar[tuple[int, ...]] = (4,)
    wanted: ClassVar[str] = "images [N, C, H, W]"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("Dropout2d(0.2)", "float32[N, 8, 5, 5]", "float32[N, 8, 5, 5]"),
    )

    p: Probability = 0.5
    inplace: bool = False


class Dropout3d(_ChannelDropout):
    """Set whole channels of a volume to zero with probability `p` while training."""

    ndim: ClassVar[int] = 3
    ranks: ClassVar[tuple[int, ...]] = (4, 5)
    wanted: ClassVar[str] = "volumes [N, C, D, H, W]"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("Dropout3d", "float32[N, 8, 5, 5, 5]", "float32[N, 8, 5, 5, 5]"),
    )

    p: Probability = 0.5
    inplace: bool = False


class AlphaDropout(Layer):
    """Dropout that keeps the mean and variance of SELU's output."""

    shapes: ClassVar[tuple[Shapes, ...]] = UNCHANGED
    examples: ClassVar[tuple[Example, ...]] = (
        Example("AlphaDropout(0.1)", "float32[N, 8]", "float32[N, 8]"),
    )

    p: Probability = 0.5
    inplace: bool = False


class FeatureAlphaDropout(Layer):
    """AlphaDropout of whole channels."""

    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N, C, *]", "[N, C, *]"),)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("FeatureAlphaDropout", "float32[N, 8, 5, 5, 5]", "float32[N, 8, 5, 5, 5]"),
    )

    p: Probability = 0.5
    inplace: bool = False

    def output(self, x: Tensor) -> Tensor:
        if x.rank < 2:
            raise Misfit(
                f"`FeatureAlphaDropout` takes [N, C, *], found {write_shape(x.shape)}",
                label=f"the input has {x.rank} dimension{'s' if x.rank != 1 else ''}",
                help=rank_help(self, x, 2),
            )
        return x
