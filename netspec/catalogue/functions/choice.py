"""Functions that choose a number of a dimension, and say where it stands."""

from typing import ClassVar

from netspec.catalogue.dtypes import NOT_COMPLEX, REAL, require_dtype
from netspec.catalogue.example import Shapes
from netspec.catalogue.function import Example, Method
from netspec.catalogue.functions.reduction import require_dim, without
from netspec.catalogue.shapes import resolve_axis
from netspec.catalogue.signature import OMITTED, Input
from netspec.tensor import Tensor, Type


class _Chosen(Method):
    """One number of all, or with `dim` one along it and its index: `(values, indices)`."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*A, n, *B]", "([*A, *B], [*A, *B])", "n along `dim`"),
        Shapes("[*A, n, *B]", "([*A, 1, *B], [*A, 1, *B])", "n along `dim`; keepdim=True"),
        Shapes("[*A]", "[]", "dim=None"),
    )

    dtypes: ClassVar[frozenset[str]] = NOT_COMPLEX

    input: Input
    dim: int = OMITTED
    keepdim: bool = False

    def apply(self) -> Type:
        x = self.input
        require_dtype(self.name, x, self.dtypes)
        require_dim(self)
        if self.dim is OMITTED:
            return Tensor((), x.dtype)
        shape = without(x, [resolve_axis(x, self.dim, self.name, "dim")], self.keepdim)
        return Tensor(shape, x.dtype), Tensor(shape, "int64")


class Max(_Chosen, name="max"):
    """The largest number of all; with `dim`, `values, indices` along it."""

    examples = (
        Example("x -> max(dim=1)", "x: float32[N, T, 8]", "(float32[N, 8], int64[N, 8])"),
        Example("x -> max", "x: float32[N, 8]", "float32[]"),
    )


class Min(_Chosen, name="min"):
    """The smallest number of all; with `dim`, `values, indices` along it."""

    examples = (Example("x -> min(dim=1)", "x: float32[N, 8]", "(float32[N], int64[N])"),)


class Median(_Chosen, name="median"):
    """The number in the middle, the lower of two; with `dim`, `values, indices` along it."""

    dtypes: ClassVar[frozenset[str]] = REAL
    examples = (Example("x -> median(dim=1)", "x: float32[N, 8]", "(float32[N], int64[N])"),)


class Mode(_Chosen, name="mode"):
    """The most frequent number along `dim`: `values, indices`."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*A, n, *B]", "([*A, *B], [*A, *B])", "n along `dim`"),
        Shapes("[*A, n, *B]", "([*A, 1, *B], [*A, 1, *B])", "n along `dim`; keepdim=True"),
    )
    examples = (Example("x -> mode", "x: int64[N, 8]", "(int64[N], int64[N])"),)

    dim: int = -1
