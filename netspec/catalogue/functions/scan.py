"""Functions that go along a dimension: the sum, product or extreme of all up to each."""

from typing import ClassVar

from netspec.catalogue.dtypes import (
    ANY,
    NOT_COMPLEX,
    as_total,
    require_dtype,
)
from netspec.catalogue.example import UNCHANGED, Shapes
from netspec.catalogue.function import Example, Method
from netspec.catalogue.shapes import resolve_axis
from netspec.catalogue.signature import Input, KeywordDType
from netspec.tensor import COMPLEX, FLOATING, Tensor, Type


class _Scan(Method):
    shapes: ClassVar[tuple[Shapes, ...]] = UNCHANGED
    dtypes: ClassVar[frozenset[str]] = ANY

    input: Input
    dim: int
    dtype: KeywordDType = None

    def apply(self) -> Tensor:
        x = self.input
        require_dtype(self.name, x, self.dtypes)
        resolve_axis(x, self.dim, self.name, "dim")
        return Tensor(x.shape, as_total(x.dtype) if self.dtype is None else str(self.dtype))


class Cumsum(_Scan, name="cumsum"):
    """The sum of all numbers up to each, along `dim`."""

    examples = (
        Example("x -> cumsum(dim=1)", "x: float32[N, T]", "float32[N, T]"),
        Example("mask -> cumsum(1)", "mask: bool[N, T]", "int64[N, T]"),
    )


class Cumprod(_Scan, name="cumprod"):
    """The product of all numbers up to each, along `dim`."""

    examples = (Example("x -> cumprod(dim=1)", "x: float32[N, T]", "float32[N, T]"),)


class Logcumsumexp(Method, name="logcumsumexp"):
    """log Σ exp(x) of all numbers up to each, along `dim`."""

    shapes: ClassVar[tuple[Shapes, ...]] = UNCHANGED
    examples = (Example("x -> logcumsumexp(dim=1)", "x: float32[N, T]", "float32[N, T]"),)

    input: Input
    dim: int

    def apply(self) -> Tensor:
        require_dtype(self.name, self.input, FLOATING | COMPLEX)
        resolve_axis(self.input, self.dim, self.name, "dim")
        return self.input


class _ExtremeScan(Method):
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[*]", "([*], [*])"),)
    input: Input
    dim: int

    def apply(self) -> Type:
        x = self.input
        require_dtype(self.name, x, NOT_COMPLEX)
        resolve_axis(x, self.dim, self.name, "dim")
        return x, Tensor(x.shape, "int64")


class Cummax(_ExtremeScan, name="cummax"):
    """The largest number up to each, along `dim`: `values, indices`."""

    examples = (Example("x -> cummax(dim=1)", "x: float32[N, T]", "(float32[N, T], int64[N, T])"),)


class Cummin(_ExtremeScan, name="cummin"):
    """The smallest number up to each, along `dim`: `values, indices`."""

    examples = (Example("x -> cummin(dim=1)", "x: float32[N, T]", "(float32[N, T], int64[N, T])"),)
