"""Functions that reduce dimensions: sums, means, extremes, norms."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import MinLen

from netspec.catalogue.dtypes import (
    ANY,
    NOT_COMPLEX,
    REAL,
    as_floating,
    as_modulus,
    as_total,
    require_dtype,
)
from netspec.catalogue.example import Shapes
from netspec.catalogue.function import Example, Function, Method
from netspec.catalogue.shapes import resolve_axes
from netspec.catalogue.signature import KEYWORD, OMITTED, Input, KeywordDType, KeywordFlag
from netspec.misfit import Misfit
from netspec.tensor import COMPLEX, FLOATING, Shape, Tensor, Type

Dims = int | tuple[int, ...]


def without(x: Tensor, axes: list[int], keepdim: bool) -> Shape:
    """The shape after a reduction over `axes`."""
    if keepdim:
        return tuple(1 if axis in axes else size for axis, size in enumerate(x.shape))
    return tuple(size for axis, size in enumerate(x.shape) if axis not in axes)


def require_dim(function: Function) -> None:
    """Refuse `keepdim` without `dim` where torch has no such overload."""
    given = function.given
    if "keepdim" in given and "dim" not in given and function.fields()["dim"].default is None:
        none = function.fields()["dim"].annotation is not int
        raise Misfit(
            f"`keepdim` of `{function.name}` goes with `dim`, found `keepdim` alone",
            label="which dimensions to keep?",
            help="write dim=None for all" if none else "name a dimension, or leave `keepdim` out",
            argument="keepdim",
        )


_KEPT: Mapping[str, str] = {"keepdim": "dim"}


class _Reduction(Method):
    """A subclass declares `dim` and, but for a few, `keepdim`."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*A, n, *B]", "[*A, *B]", "n along `dim`; so for each of several"),
        Shapes("[*A, n, *B]", "[*A, 1, *B]", "n along `dim`; so for each of several; keepdim=True"),
        Shapes("[*A]", "[]", "dim=None or ()"),
        Shapes("[*A]", "[*(1 for n in A)]", "dim=None or (); keepdim=True"),
    )

    dtypes: ClassVar[frozenset[str]] = ANY

    input: Input

    def apply(self) -> Tensor:
        require_dtype(self.name, self.input, self.dtypes)
        if self.beside:
            require_dim(self)
        return Tensor(self.shape(), self.result(self.input.dtype))

    def shape(self) -> Shape:
        """Without the dimensions `dim`, all of them for None, or with 1 in their places."""
        dim: Any = vars(self).get("dim")
        axes = list(range(self.input.rank))
        if dim is not None and dim not in ((), []):
            axes = resolve_axes(self.input, dim, self.name, "dim")
        return without(self.input, axes, vars(self).get("keepdim", False))

    def result(self, dtype: str) -> str:
        """The dtype of the output."""
        return dtype


class _Total(_Reduction):
    beside = _KEPT

    dim: Dims | None = None
    keepdim: bool = False
    dtype: KeywordDType = None

    def result(self, dtype: str) -> str:
        return as_total(dtype) if self.dtype is None else str(self.dtype)


class Sum(_Total, name="sum"):
    """The sum over one dimension, several, or all: `x -> sum(dim=1)`."""

    examples = (
        Example("x -> sum(dim=1)", "x: float32[N, 8]", "float32[N]"),
        Example("x -> sum", "x: bool[N, T]", "int64[]"),
    )


class Nansum(_Total, name="nansum"):
    """The sum, NaN counting as 0."""

    dtypes: ClassVar[frozenset[str]] = NOT_COMPLEX
    beside: ClassVar[Mapping[str, str]] = {}
    examples = (Example("x -> nansum(dim=1)", "x: float32[N, 8]", "float32[N]"),)

    def apply(self) -> Tensor:
        if self.input.dtype in FLOATING and self.dtype in COMPLEX:
            raise Misfit(
                f"`nansum` gives no {self.dtype} tensors",
                label=f"the input is {self.input}",
                help=f"sum first, then convert: `-> to({self.dtype})`",
                argument="dtype",
            )
        return super().apply()


class Prod(_Reduction, name="prod"):
    """The product over one dimension or all."""

    beside = _KEPT
    examples = (Example("x -> prod(dim=1)", "x: float32[N, 8]", "float32[N]"),)

    dim: int = OMITTED
    keepdim: bool = False
    dtype: KeywordDType = None

    def result(self, dtype: str) -> str:
        return as_total(dtype) if self.dtype is None else str(self.dtype)


class _Mean(_Reduction):
    beside = _KEPT
    means: ClassVar[frozenset[str]] = FLOATING | COMPLEX

    dim: Dims | None = None
    keepdim: bool = False
    dtype: KeywordDType = None

    def apply(self) -> Tensor:
        x = self.input
        if self.dtype is not None:
            x = Tensor(x.shape, str(self.dtype))
        require_dtype(self.name, x, self.means)
        return Tensor(super().apply().shape, x.dtype)


class Mean(_Mean, name="mean"):
    """The mean over one dimension, several, or all: `x -> mean(dim=(2, 3))`."""

    examples = (
        Example("x -> mean(dim=(2, 3))", "x: float32[N, 8, H, W]", "float32[N, 8]"),
        Example("x -> mean(dim=1, keepdim=True)", "x: float32[N, 8]", "float32[N, 1]"),
        Example("x -> mean", "x: float32[N, 8]", "float32[]"),
    )


class Nanmean(_Mean, name="nanmean"):
    """The mean of all that is not NaN."""

    dtypes: ClassVar[frozenset[str]] = FLOATING
    means: ClassVar[frozenset[str]] = FLOATING
    beside: ClassVar[Mapping[str, str]] = {}
    examples = (Example("x -> nanmean(dim=1)", "x: float32[N, 8]", "float32[N]"),)


class _Spread(_Reduction):
    dtypes: ClassVar[frozenset[str]] = FLOATING | COMPLEX

    dim: Dims | None = None
    correction: Annotated[float, KEYWORD] = 1
    keepdim: KeywordFlag = False

    def result(self, dtype: str) -> str:
        return as_modulus(dtype)


class Std(_Spread, name="std"):
    """The standard deviation over one dimension, several, or all."""

    examples = (Example("x -> std(dim=1)", "x: float32[N, 8]", "float32[N]"),)


class Var(_Spread, name="var"):
    """The variance over one dimension, several, or all."""

    examples = (
        Example(
            "x -> var(dim=(2, 3), correction=0, keepdim=True)",
            "x: float32[N, 8, H, W]",
            "float32[N, 8, 1, 1]",
        ),
    )


_PAIRS = (
    Shapes("[*A, n, *B]", "([*A, *B], [*A, *B])", "n along `dim`; so for each of several"),
    Shapes(
        "[*A, n, *B]",
        "([*A, 1, *B], [*A, 1, *B])",
        "n along `dim`; so for each of several; keepdim=True",
    ),
    Shapes("[*A]", "([], [])", "dim=None or ()"),
    Shapes("[*A]", "([*(1 for n in A)], [*(1 for n in A)])", "dim=None or (); keepdim=True"),
)


class _SpreadAndMean(Function):
    shapes: ClassVar[tuple[Shapes, ...]] = _PAIRS
    input: Input
    dim: Dims | None = None
    correction: Annotated[float, KEYWORD] = 1
    keepdim: KeywordFlag = False

    def apply(self) -> Type:
        x = self.input
        require_dtype(self.name, x, FLOATING | COMPLEX)
        axes = list(range(x.rank))
        if self.dim is not None and self.dim != ():
            axes = resolve_axes(x, self.dim, self.name, "dim")
        shape = without(x, axes, self.keepdim)
        return Tensor(shape, as_modulus(x.dtype)), Tensor(shape, x.dtype)


class StdMean(_SpreadAndMean, name="std_mean"):
    """The standard deviation and the mean."""

    examples = (Example("x -> std_mean(dim=1)", "x: float32[N, 8]", "(float32[N], float32[N])"),)


class VarMean(_SpreadAndMean, name="var_mean"):
    """The variance and the mean."""

    examples = (
        Example(
            "x -> var_mean(dim=1, keepdim=True)",
            "x: float32[N, 8]",
            "(float32[N, 1], float32[N, 1])",
        ),
    )


class _Extreme(_Reduction):
    dtypes: ClassVar[frozenset[str]] = NOT_COMPLEX

    dim: Dims | None = None
    keepdim: bool = False


class Amax(_Extreme, name="amax"):
    """The largest number over one dimension, several, or all."""

    examples = (Example("x -> amax(dim=(2, 3))", "x: float32[N, 8, H, W]", "float32[N, 8]"),)


class Amin(_Extreme, name="amin"):
    """The smallest number over one dimension, several, or all."""

    examples = (Example("x -> amin(dim=1)", "x: float32[N, 8]", "float32[N]"),)


class Aminmax(_Reduction, name="aminmax"):
    """The smallest and the largest number over one dimension or all."""

    dtypes: ClassVar[frozenset[str]] = NOT_COMPLEX
    shapes: ClassVar[tuple[Shapes, ...]] = _PAIRS
    examples = (Example("x -> aminmax(dim=1)", "x: float32[N, 8]", "(float32[N], float32[N])"),)

    dim: Annotated[int | None, KEYWORD] = None
    keepdim: KeywordFlag = False

    def apply(self) -> Type:  # type: ignore[override]
        return super().apply(), super().apply()


class _ExtremeIndex(_Reduction):
    dtypes: ClassVar[frozenset[str]] = REAL

    dim: int | None = None
    keepdim: bool = False

    def result(self, dtype: str) -> str:
        return "int64"


class Argmax(_ExtremeIndex, name="argmax"):
    """Where the largest number is: its index along `dim`, or among all numbers."""

    examples = (Example("logits -> argmax(dim=1)", "logits: float32[N, 10]", "int64[N]"),)


class Argmin(_ExtremeIndex, name="argmin"):
    """Where the smallest number is: its index along `dim`, or among all numbers."""

    examples = (Example("x -> argmin(dim=1, keepdim=True)", "x: float32[N, 10]", "int64[N, 1]"),)


class _Truth(_Reduction):
    dim: Dims | None = None
    keepdim: bool = False

    def shape(self) -> Shape:
        return self.input.shape if self.dim == () else super().shape()

    def result(self, dtype: str) -> str:
        return "uint8" if dtype == "uint8" else "bool"


class Any_(_Truth, name="any"):
    """Whether some number is other than 0."""

    examples = (Example("mask -> any(dim=1)", "mask: bool[N, T]", "bool[N]"),)


class All(_Truth, name="all"):
    """Whether every number is other than 0."""

    examples = (Example("mask -> all", "mask: bool[N, T]", "bool[]"),)


class CountNonzero(_Reduction, name="count_nonzero"):
    """How many numbers are other than 0."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*A, n, *B]", "[*A, *B]", "n along `dim`; so for each of several"),
        Shapes("[*A]", "[]", "dim=None or ()"),
    )
    examples = (Example("tokens -> count_nonzero(dim=1)", "tokens: int64[N, T]", "int64[N]"),)

    dim: Dims | None = None

    def result(self, dtype: str) -> str:
        return "int64"


class Logsumexp(_Reduction, name="logsumexp"):
    """log Σ exp(x) over one dimension or several."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*A, n, *B]", "[*A, *B]", "n along `dim`; so for each of several"),
        Shapes("[*A, n, *B]", "[*A, 1, *B]", "n along `dim`; so for each of several; keepdim=True"),
    )
    examples = (Example("x -> logsumexp(dim=1)", "x: float32[N, 10]", "float32[N]"),)

    dim: int | Annotated[tuple[int, ...], MinLen(1)]
    keepdim: bool = False

    def result(self, dtype: str) -> str:
        return as_floating(dtype)


class Norm(_Reduction, name="norm"):
    """The `p`-norm over one dimension, several, or all."""

    dtypes: ClassVar[frozenset[str]] = FLOATING | COMPLEX
    examples = (
        Example("x -> norm(dim=1)", "x: float32[N, 8]", "float32[N]"),
        Example("x -> norm(1, dim=-1, keepdim=True)", "x: float32[N, T, 8]", "float32[N, T, 1]"),
    )

    p: float | Literal["fro"] = "fro"
    dim: Dims | None = None
    keepdim: bool = False

    def result(self, dtype: str) -> str:
        return as_modulus(dtype)
