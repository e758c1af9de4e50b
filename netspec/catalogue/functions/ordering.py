"""Functions that order numbers along a dimension."""

from typing import Annotated, ClassVar

from netspec.catalogue.dtypes import NOT_COMPLEX, REAL, require_dtype
from netspec.catalogue.example import UNCHANGED, Shapes
from netspec.catalogue.function import Example, Function, Method
from netspec.catalogue.shapes import resolve_axis
from netspec.catalogue.signature import FREE, Input, KeywordFlag
from netspec.compare import at_least
from netspec.misfit import Misfit
from netspec.tensor import FLOATING, Tensor, Type, write_shape


class Topk(Method, name="topk"):
    """The `k` largest numbers along `dim`, or the smallest: `values, indices`."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*A, n, *B]", "([*A, k, *B], [*A, k, *B])", "n along `dim`"),
    )
    examples = (Example("x -> topk(5)", "x: float32[N, 10]", "(float32[N, 5], int64[N, 5])"),)

    input: Input
    k: Annotated[int, FREE]
    dim: int = -1
    largest: bool = True
    sorted: bool = True

    def apply(self) -> Type:
        x = self.input
        require_dtype("topk", x, REAL)
        axis = resolve_axis(x, self.dim, "topk", "dim")
        size = x.shape[axis] if x.shape else 1
        if at_least(self.k, 0) is False or at_least(size, self.k) is False:
            raise Misfit(
                f"`topk` cannot take {self.k} of {size} numbers",
                label=f"dimension {axis} of {write_shape(x.shape)} has size {size}",
                help=f"choose a `k` of at most {size}, or another `dim`",
                argument="k",
            )
        shape = (*x.shape[:axis], self.k, *x.shape[axis + 1 :]) if x.shape else ()
        return Tensor(shape, x.dtype), Tensor(shape, "int64")


class Sort(Method, name="sort"):
    """The numbers along `dim` in order, and where each came from: `values, indices`."""

    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[*]", "([*], [*])"),)
    examples = (
        Example(
            "x -> sort(descending=True)", "x: float32[N, 10]", "(float32[N, 10], int64[N, 10])"
        ),
    )

    input: Input
    dim: int = -1
    descending: bool = False

    def apply(self) -> Type:
        x = self.input
        require_dtype("sort", x, NOT_COMPLEX)
        resolve_axis(x, self.dim, "sort", "dim")
        return x, Tensor(x.shape, "int64")


class Argsort(Method, name="argsort"):
    """Where the numbers along `dim` come from, once in order."""

    shapes: ClassVar[tuple[Shapes, ...]] = UNCHANGED
    examples = (Example("x -> argsort(dim=1)", "x: float32[N, 10]", "int64[N, 10]"),)

    input: Input
    dim: int = -1
    descending: bool = False

    def apply(self) -> Tensor:
        require_dtype("argsort", self.input, NOT_COMPLEX)
        resolve_axis(self.input, self.dim, "argsort", "dim")
        return Tensor(self.input.shape, "int64")


class Bucketize(Function, name="bucketize"):
    """Between which of the sorted `boundaries` each number falls."""

    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[*], [n]", "[*]"),)
    examples = (
        Example("bucketize(x, edges)", "x: float32[N, 8], edges: float32[11]", "int64[N, 8]"),
    )

    input: Input
    boundaries: Input
    right: KeywordFlag = False

    def apply(self) -> Tensor:
        require_dtype("bucketize", self.input, NOT_COMPLEX)
        require_dtype("bucketize", self.boundaries, REAL, "boundaries")
        if self.boundaries.rank != 1:
            raise Misfit(
                f"`boundaries` of `bucketize` is a list of numbers, found "
                f"{write_shape(self.boundaries.shape)}",
                label=f"{self.boundaries.rank} dimensions, not one",
                help="flatten it: `-> flatten`",
                argument="boundaries",
            )
        return Tensor(self.input.shape, "int64")


class Quantile(Method, name="quantile"):
    """The number below which the fraction `q` lies, along `dim` or of all."""

    dtypes: ClassVar[frozenset[str]] = FLOATING - {"float16", "bfloat16"}
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*A, n, *B]", "[*A, *B]", "n along `dim`"),
        Shapes("[*A, n, *B]", "[*A, 1, *B]", "n along `dim`; keepdim=True"),
        Shapes("[*A]", "[]", "dim=None"),
        Shapes("[*A]", "[*(1 for n in A)]", "dim=None; keepdim=True"),
    )
    examples = (
        Example("x -> quantile(0.5, dim=1)", "x: float32[N, 10]", "float32[N]"),
        Example("x -> quantile(0.5)", "x: float32[N, 10]", "float32[]"),
    )

    input: Input
    q: float
    dim: int | None = None
    keepdim: bool = False

    def apply(self) -> Tensor:
        x = self.input
        require_dtype("quantile", x, self.dtypes)
        if not 0 <= self.q <= 1:
            raise Misfit(
                f"`q` of `quantile` is a fraction from 0 to 1, found {self.q}",
                label="out of range",
                help="0.5 is the median",
                argument="q",
            )
        axes = list(range(x.rank))
        if self.dim is not None:
            axes = [resolve_axis(x, self.dim, "quantile", "dim")]
        if self.keepdim:
            return Tensor(tuple(1 if a in axes else s for a, s in enumerate(x.shape)), x.dtype)
        return Tensor(tuple(s for a, s in enumerate(x.shape) if a not in axes), x.dtype)
