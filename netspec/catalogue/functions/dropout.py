"""Functions that put zeros at random while training."""

from typing import ClassVar

from netspec.catalogue.dtypes import require_dtype
from netspec.catalogue.example import UNCHANGED, Shapes
from netspec.catalogue.function import Example, Functional
from netspec.catalogue.shapes import require_dimensions
from netspec.catalogue.signature import Input, Probability
from netspec.misfit import Misfit
from netspec.tensor import FLOATING, Tensor, write_shape


class _Dropout(Functional):
    """`ranks`: the numbers of dimensions that torch means it for, any for an empty tuple."""

    shapes: ClassVar[tuple[Shapes, ...]] = UNCHANGED

    random: ClassVar[bool] = True
    training: ClassVar[bool] = True
    ranks: ClassVar[tuple[int, ...]] = ()
    takes: ClassVar[str] = ""

    input: Input
    p: Probability = 0.5

    def apply(self) -> Tensor:
        x = self.input
        require_dtype(self.name, x, FLOATING)
        if self.ranks and x.rank not in self.ranks:
            raise Misfit(
                f"`{self.name}` takes {self.takes}, found {write_shape(x.shape)}",
                label=f"the input has {x.rank} dimension{'s' if x.rank != 1 else ''}",
                help="use `dropout`, which takes any shape",
            )
        return x


class Dropout(_Dropout, name="dropout"):
    """Numbers put to 0 with probability p, the others scaled up."""

    examples = (Example("x -> dropout(0.1)", "x: float32[N, T, 8]", "float32[N, T, 8]"),)


class Dropout1d(_Dropout, name="dropout1d"):
    """Whole channels of signals put to 0 with probability p."""

    ranks: ClassVar[tuple[int, ...]] = (2, 3)
    takes: ClassVar[str] = "signals [N, C, L]"
    examples = (Example("x -> dropout1d(0.1)", "x: float32[N, 8, L]", "float32[N, 8, L]"),)


class Dropout2d(_Dropout, name="dropout2d"):
    """Whole channels of images put to 0 with probability p."""

    ranks: ClassVar[tuple[int, ...]] = (4,)
    takes: ClassVar[str] = "images [N, C, H, W]"
    examples = (Example("x -> dropout2d(0.1)", "x: float32[N, 8, H, W]", "float32[N, 8, H, W]"),)


class Dropout3d(_Dropout, name="dropout3d"):
    """Whole channels of volumes put to 0 with probability p."""

    ranks: ClassVar[tuple[int, ...]] = (4, 5)
    takes: ClassVar[str] = "volumes [N, C, D, H, W]"
    examples = (
        Example("x -> dropout3d(0.1)", "x: float32[N, 8, D, H, W]", "float32[N, 8, D, H, W]"),
    )


class AlphaDropout(_Dropout, name="alpha_dropout"):
    """Dropout that keeps mean and variance, for `selu`."""

    examples = (Example("x -> alpha_dropout(0.1)", "x: float32[N, 8]", "float32[N, 8]"),)


class FeatureAlphaDropout(_Dropout, name="feature_alpha_dropout"):
    """Alpha dropout of whole channels."""

    examples = (
        Example("x -> feature_alpha_dropout(0.1)", "x: float32[N, 8, H, W]", "float32[N, 8, H, W]"),
    )

    def apply(self) -> Tensor:
        require_dimensions(self.input, self.name, 2)
        return super().apply()
