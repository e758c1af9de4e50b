"""Functions of one number, at each place of a tensor: roots, logarithms, rounding."""

from typing import ClassVar

from netspec.catalogue.dtypes import (
    ANY,
    NOT_COMPLEX,
    NUMBERS,
    TRUTH,
    as_floating,
    as_modulus,
    require_dtype,
)
from netspec.catalogue.example import UNCHANGED, Shapes
from netspec.catalogue.function import Example, Function
from netspec.catalogue.signature import Input
from netspec.tensor import COMPLEX, INTEGER, Tensor


class Pointwise(Function):
    """A function whose output has the shape of its `input`."""

    shapes: ClassVar[tuple[Shapes, ...]] = UNCHANGED

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

    examples = (Example("x -> exp", "x: float32[N, 8]", "float32[N, 8]"),)


class Exp2(_Floating, name="exp2"):
    """2 ** x."""

    examples = (Example("x -> exp2", "x: float32[N, 8]", "float32[N, 8]"),)


class Expm1(_Floating, name="expm1"):
    """e ** x - 1, exact for small x."""

    examples = (Example("x -> expm1", "x: float32[N, 8]", "float32[N, 8]"),)


class Log(_Floating, name="log"):
    """The natural logarithm."""

    examples = (Example("x -> log", "x: float32[N, 8]", "float32[N, 8]"),)


class Log2(_Floating, name="log2"):
    """The logarithm to base 2."""

    examples = (Example("x -> log2", "x: float32[N, 8]", "float32[N, 8]"),)


class Log10(_Floating, name="log10"):
    """The logarithm to base 10."""

    examples = (Example("x -> log10", "x: float32[N, 8]", "float32[N, 8]"),)


class Log1p(_Floating, name="log1p"):
    """log(1 + x), exact for small x."""

    examples = (Example("x -> log1p", "x: float32[N, 8]", "float32[N, 8]"),)


class Sqrt(_Floating, name="sqrt"):
    """The square root."""

    examples = (
        Example("x -> sqrt", "x: float32[N, 8]", "float32[N, 8]"),
        Example("x -> sqrt", "x: int64[N]", "float32[N]"),
    )


class Rsqrt(_Floating, name="rsqrt"):
    """1 / sqrt(x)."""

    examples = (Example("x -> rsqrt", "x: float32[N, 1]", "float32[N, 1]"),)


class Reciprocal(_Floating, name="reciprocal"):
    """1 / x."""

    examples = (Example("x -> reciprocal", "x: float32[N, 8]", "float32[N, 8]"),)


class Sin(_Floating, name="sin"):
    """The sine."""

    examples = (Example("x -> sin", "x: float32[T, 8]", "float32[T, 8]"),)


class Cos(_Floating, name="cos"):
    """The cosine."""

    examples = (Example("x -> cos", "x: float32[T, 8]", "float32[T, 8]"),)


class Tan(_Floating, name="tan"):
    """The tangent."""

    examples = (Example("x -> tan", "x: float32[N, 8]", "float32[N, 8]"),)


class Asin(_Floating, name="asin"):
    """The inverse of the sine."""

    examples = (Example("x -> asin", "x: float32[N, 8]", "float32[N, 8]"),)


class Acos(_Floating, name="acos"):
    """The inverse of the cosine."""

    examples = (Example("x -> acos", "x: float32[N, 8]", "float32[N, 8]"),)


class Atan(_Floating, name="atan"):
    """The inverse of the tangent."""

    examples = (Example("x -> atan", "x: float32[N, 8]", "float32[N, 8]"),)


class Sinh(_Floating, name="sinh"):
    """The hyperbolic sine."""

    examples = (Example("x -> sinh", "x: float32[N, 8]", "float32[N, 8]"),)


class Cosh(_Floating, name="cosh"):
    """The hyperbolic cosine."""

    examples = (Example("x -> cosh", "x: float32[N, 8]", "float32[N, 8]"),)


class Asinh(_Floating, name="asinh"):
    """The inverse of the hyperbolic sine."""

    examples = (Example("x -> asinh", "x: float32[N, 8]", "float32[N, 8]"),)


class Acosh(_Floating, name="acosh"):
    """The inverse of the hyperbolic cosine."""

    examples = (Example("x -> acosh", "x: float32[N, 8]", "float32[N, 8]"),)


class Atanh(_Floating, name="atanh"):
    """The inverse of the hyperbolic tangent."""

    examples = (Example("x -> atanh", "x: float32[N, 8]", "float32[N, 8]"),)


class Sigmoid(_Floating, name="sigmoid"):
    """1 / (1 + exp(-x))."""

    examples = (Example("x -> sigmoid", "x: float32[N, 1]", "float32[N, 1]"),)


class Tanh(_Floating, name="tanh"):
    """The hyperbolic tangent."""

    examples = (Example("x -> tanh", "x: float32[N, 8]", "float32[N, 8]"),)


class Sinc(_Floating, name="sinc"):
    """sin(πx) / (πx)."""

    examples = (Example("x -> sinc", "x: float32[N, 8]", "float32[N, 8]"),)


class Erf(_RealFloating, name="erf"):
    """The error function."""

    examples = (Example("x -> erf", "x: float32[N, 8]", "float32[N, 8]"),)


class Erfc(_RealFloating, name="erfc"):
    """1 - erf(x)."""

    examples = (Example("x -> erfc", "x: float32[N, 8]", "float32[N, 8]"),)


class Erfinv(_RealFloating, name="erfinv"):
    """The inverse of the error function."""

    examples = (Example("x -> erfinv", "x: float32[N, 8]", "float32[N, 8]"),)


class Lgamma(_RealFloating, name="lgamma"):
    """The logarithm of the gamma function's absolute value."""

    examples = (Example("x -> lgamma", "x: float32[N, 8]", "float32[N, 8]"),)


class Digamma(_RealFloating, name="digamma"):
    """The derivative of lgamma."""

    examples = (Example("x -> digamma", "x: float32[N, 8]", "float32[N, 8]"),)


class Deg2rad(_RealFloating, name="deg2rad"):
    """Degrees as radians."""

    examples = (Example("x -> deg2rad", "x: float32[N]", "float32[N]"),)


class Rad2deg(_RealFloating, name="rad2deg"):
    """Radians as degrees."""

    examples = (Example("x -> rad2deg", "x: float32[N]", "float32[N]"),)


class Logit(_RealFloating, name="logit"):
    """log(x / (1 - x)), the inverse of the sigmoid; x is kept within eps of 0 and 1."""

    examples = (Example("p -> logit(1e-6)", "p: float32[N, 8]", "float32[N, 8]"),)

    eps: float | None = None


class Abs(Pointwise, name="abs"):
    """|x|; a complex number gives a real one."""

    dtypes: ClassVar[frozenset[str]] = NUMBERS
    examples = (
        Example("x -> abs", "x: float32[N, 8]", "float32[N, 8]"),
        Example("x -> abs", "x: complex64[N, 8]", "float32[N, 8]"),
    )

    def result(self, dtype: str) -> str:
        return as_modulus(dtype)


class Angle(_Floating, name="angle"):
    """The angle of a complex number."""

    examples = (Example("x -> angle", "x: complex64[N, 8]", "float32[N, 8]"),)

    def result(self, dtype: str) -> str:
        return as_modulus(as_floating(dtype))


class Real(Pointwise, name="real"):
    """The real parts."""

    examples = (Example("x -> real", "x: complex64[N, 8]", "float32[N, 8]"),)

    def result(self, dtype: str) -> str:
        return as_modulus(dtype)


class Imag(Pointwise, name="imag"):
    """The imaginary parts."""

    dtypes: ClassVar[frozenset[str]] = COMPLEX
    examples = (Example("x -> imag", "x: complex64[N, 8]", "float32[N, 8]"),)

    def result(self, dtype: str) -> str:
        return as_modulus(dtype)


class Conj(Pointwise, name="conj"):
    """Complex numbers with their imaginary parts negated."""

    examples = (Example("x -> conj", "x: complex64[N, 8]", "complex64[N, 8]"),)


class Square(Pointwise, name="square"):
    """x * x; truth values count as integers."""

    examples = (Example("x -> square", "x: float32[N, 8]", "float32[N, 8]"),)

    def result(self, dtype: str) -> str:
        return "int64" if dtype == "bool" else dtype


class Sign(Pointwise, name="sign"):
    """-1, 0 or 1."""

    dtypes: ClassVar[frozenset[str]] = NOT_COMPLEX
    examples = (Example("x -> sign", "x: float32[N, 8]", "float32[N, 8]"),)


class Neg(Pointwise, name="neg"):
    """-x."""

    dtypes: ClassVar[frozenset[str]] = NUMBERS
    examples = (Example("x -> neg", "x: float32[N, 8]", "float32[N, 8]"),)


class NanToNum(Pointwise, name="nan_to_num"):
    """NaN as `nan`, the infinities as the largest numbers or `posinf` and `neginf`."""

    examples = (Example("x -> nan_to_num(0.0)", "x: float32[N, 8]", "float32[N, 8]"),)

    nan: float = 0.0
    posinf: float | None = None
    neginf: float | None = None


class Isnan(_Test, name="isnan"):
    """Whether a number is NaN."""

    examples = (Example("x -> isnan", "x: float32[N, 8]", "bool[N, 8]"),)


class Isinf(_Test, name="isinf"):
    """Whether a number is infinite."""

    examples = (Example("x -> isinf", "x: float32[N, 8]", "bool[N, 8]"),)


class Isfinite(_Test, name="isfinite"):
    """Whether a number is neither infinite nor NaN."""

    examples = (Example("x -> isfinite", "x: float32[N, 8]", "bool[N, 8]"),)


class Signbit(_Test, name="signbit"):
    """Whether a number is negative, -0.0 included."""

    dtypes: ClassVar[frozenset[str]] = NOT_COMPLEX
    examples = (Example("x -> signbit", "x: float32[N, 8]", "bool[N, 8]"),)


class LogicalNot(_Test, name="logical_not"):
    """Whether a number is 0."""

    examples = (Example("mask -> logical_not", "mask: bool[N, T]", "bool[N, T]"),)


class BitwiseNot(Pointwise, name="bitwise_not"):
    """Every bit turned over."""

    dtypes: ClassVar[frozenset[str]] = INTEGER | TRUTH
    examples = (Example("x -> bitwise_not", "x: int64[N]", "int64[N]"),)
