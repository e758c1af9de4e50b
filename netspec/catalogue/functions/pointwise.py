"""Functions of one number, at each place of a tensor: roots, logarithms, rounding."""

from typing import Annotated, ClassVar

from netspec.catalogue.dtypes import (
    ANY,
    NOT_COMPLEX,
    NUMBERS,
    REAL,
    TRUTH,
    as_floating,
    as_modulus,
    require_dtype,
)
from netspec.catalogue.function import Function
from netspec.catalogue.signature import KEYWORD, Input
from netspec.tensor import COMPLEX, FLOATING, INTEGER, Tensor


class Pointwise(Function):
    """A function whose output has the shape of its `input`."""

    dtypes: ClassVar[frozenset[str]] = ANY

    input: Input

    def apply(self) -> Tensor:
        require_dtype(self.name, self.input, self.dtypes)
        return Tensor(self.input.shape, self.result(self.input.dtype))

    def result(self, dtype: str) -> str:
        """The dtype of the output."""
        return dtype


class _Floating(Pointwise):
    """Integers and truth values give float32."""

    def result(self, dtype: str) -> str:
        return as_floating(dtype)


class _RealFloating(_Floating):
    dtypes: ClassVar[frozenset[str]] = NOT_COMPLEX


class _Test(Pointwise):
    """A question to each number."""

    def result(self, dtype: str) -> str:
        return "bool"


class Exp(_Floating, name="exp"):
    """e ** x."""


class Exp2(_Floating, name="exp2"):
    """2 ** x."""


class Expm1(_Floating, name="expm1"):
    """e ** x - 1, exact for small x."""


class Log(_Floating, name="log"):
    """The natural logarithm."""


class Log2(_Floating, name="log2"):
    """The logarithm to base 2."""


class Log10(_Floating, name="log10"):
    """The logarithm to base 10."""


class Log1p(_Floating, name="log1p"):
    """log(1 + x), exact for small x."""


class Sqrt(_Floating, name="sqrt"):
    """The square root."""


class Rsqrt(_Floating, name="rsqrt"):
    """1 / sqrt(x)."""


class Reciprocal(_Floating, name="reciprocal"):
    """1 / x."""


class Sin(_Floating, name="sin"):
    """The sine."""


class Cos(_Floating, name="cos"):
    """The cosine."""


class Tan(_Floating, name="tan"):
    """The tangent."""


class Asin(_Floating, name="asin"):
    """The inverse of the sine."""


class Acos(_Floating, name="acos"):
    """The inverse of the cosine."""


class Atan(_Floating, name="atan"):
    """The inverse of the tangent."""


class Sinh(_Floating, name="sinh"):
    """The hyperbolic sine."""


class Cosh(_Floating, name="cosh"):
    """The hyperbolic cosine."""


class Asinh(_Floating, name="asinh"):
    """The inverse of the hyperbolic sine."""


class Acosh(_Floating, name="acosh"):
    """The inverse of the hyperbolic cosine."""


class Atanh(_Floating, name="atanh"):
    """The inverse of the hyperbolic tangent."""


class Sigmoid(_Floating, name="sigmoid"):
    """1 / (1 + exp(-x))."""


class Tanh(_Floating, name="tanh"):
    """The hyperbolic tangent."""


class Sinc(_Floating, name="sinc"):
    """sin(πx) / (πx)."""


class Erf(_RealFloating, name="erf"):
    """The error function."""


class Erfc(_RealFloating, name="erfc"):
    """1 - erf(x)."""


class Erfinv(_RealFloating, name="erfinv"):
    """The inverse of the error function."""


class Lgamma(_RealFloating, name="lgamma"):
    """The logarithm of the gamma function's absolute value."""


class Digamma(_RealFloating, name="digamma"):
    """The derivative of lgamma."""


class Deg2rad(_RealFloating, name="deg2rad"):
    """Degrees as radians."""


class Rad2deg(_RealFloating, name="rad2deg"):
    """Radians as degrees."""


class Logit(_RealFloating, name="logit"):
    """log(x / (1 - x)), the inverse of the sigmoid; x is kept within eps of 0 and 1."""

    eps: float | None = None


class Abs(Pointwise, name="abs"):
    """|x|; a complex number gives a real one."""

    dtypes: ClassVar[frozenset[str]] = NUMBERS

    def result(self, dtype: str) -> str:
        return as_modulus(dtype)


class Angle(_Floating, name="angle"):
    """The angle of a complex number."""

    def result(self, dtype: str) -> str:
        return as_modulus(as_floating(dtype))


class Real(Pointwise, name="real"):
    """The real parts."""

    def result(self, dtype: str) -> str:
        return as_modulus(dtype)


class Imag(Pointwise, name="imag"):
    """The imaginary parts."""

    dtypes: ClassVar[frozenset[str]] = COMPLEX

    def result(self, dtype: str) -> str:
        return as_modulus(dtype)


class Conj(Pointwise, name="conj"):
    """Complex numbers with their imaginary parts negated."""


class Square(Pointwise, name="square"):
    """x * x; truth values count as integers."""

    def result(self, dtype: str) -> str:
        return "int64" if dtype == "bool" else dtype


class Sign(Pointwise, name="sign"):
    """-1, 0 or 1."""

    dtypes: ClassVar[frozenset[str]] = NOT_COMPLEX


class Neg(Pointwise, name="neg"):
    """-x."""

    dtypes: ClassVar[frozenset[str]] = NUMBERS


class Floor(Pointwise, name="floor"):
    """The next whole number below."""

    dtypes: ClassVar[frozenset[str]] = REAL


class Ceil(Pointwise, name="ceil"):
    """The next whole number above."""

    dtypes: ClassVar[frozenset[str]] = REAL


class Trunc(Pointwise, name="trunc"):
    """The whole number towards 0."""

    dtypes: ClassVar[frozenset[str]] = REAL


class Round(Pointwise, name="round"):
    """The nearest whole number, or the nearest with some decimals."""

    dtypes: ClassVar[frozenset[str]] = REAL

    decimals: Annotated[int, KEYWORD] = 0

    def apply(self) -> Tensor:
        if "decimals" in self.given:
            require_dtype("round", self.input, FLOATING, help="leave `decimals` out")
        return super().apply()


class Frac(Pointwise, name="frac"):
    """The part behind the decimal point."""

    dtypes: ClassVar[frozenset[str]] = FLOATING


class NanToNum(Pointwise, name="nan_to_num"):
    """NaN as `nan`, the infinities as the largest numbers or `posinf` and `neginf`."""

    nan: float = 0.0
    posinf: float | None = None
    neginf: float | None = None


class Isnan(_Test, name="isnan"):
    """Whether a number is NaN."""


class Isinf(_Test, name="isinf"):
    """Whether a number is infinite."""


class Isfinite(_Test, name="isfinite"):
    """Whether a number is neither infinite nor NaN."""


class Signbit(_Test, name="signbit"):
    """Whether a number is negative, -0.0 included."""

    dtypes: ClassVar[frozenset[str]] = NOT_COMPLEX


class LogicalNot(_Test, name="logical_not"):
    """Whether a number is 0."""


class BitwiseNot(Pointwise, name="bitwise_not"):
    """Every bit turned over."""

    dtypes: ClassVar[frozenset[str]] = INTEGER | TRUTH
