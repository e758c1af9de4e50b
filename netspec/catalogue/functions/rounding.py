"""Functions that make whole numbers of others, or keep what is behind the point."""

from typing import Annotated, ClassVar

from netspec.catalogue.dtypes import REAL, require_dtype
from netspec.catalogue.function import Example
from netspec.catalogue.functions.pointwise import Pointwise
from netspec.catalogue.signature import KEYWORD
from netspec.tensor import FLOATING, Tensor


class Floor(Pointwise, name="floor"):
    """The next whole number below."""

    dtypes: ClassVar[frozenset[str]] = REAL
    examples = (Example("x -> floor", "x: float32[N, 8]", "float32[N, 8]"),)


class Ceil(Pointwise, name="ceil"):
    """The next whole number above."""

    dtypes: ClassVar[frozenset[str]] = REAL
    examples = (Example("x -> ceil", "x: float32[N, 8]", "float32[N, 8]"),)


class Trunc(Pointwise, name="trunc"):
    """The whole number towards 0."""

    dtypes: ClassVar[frozenset[str]] = REAL
    examples = (Example("x -> trunc", "x: float32[N, 8]", "float32[N, 8]"),)


class Round(Pointwise, name="round"):
    """The nearest whole number, or the nearest with some decimals."""

    dtypes: ClassVar[frozenset[str]] = REAL
    examples = (Example("x -> round(decimals=2)", "x: float32[N, 8]", "float32[N, 8]"),)

    decimals: Annotated[int, KEYWORD] = 0

    def apply(self) -> Tensor:
        if "decimals" in self.given:
            require_dtype("round", self.input, FLOATING, help="leave `decimals` out")
        return super().apply()


class Frac(Pointwise, name="frac"):
    """The part behind the decimal point."""

    dtypes: ClassVar[frozenset[str]] = FLOATING
    examples = (Example("x -> frac", "x: float32[N, 8]", "float32[N, 8]"),)
