"""Functions that make tensors: of numbers alone, or like another tensor."""

import math
from typing import Annotated, ClassVar

from annotated_types import MaxLen, MinLen

from netspec.catalogue.dtypes import require_dtype
from netspec.catalogue.example import UNCHANGED, Shapes
from netspec.catalogue.function import Example, Function
from netspec.catalogue.signature import (
    FREE,
    OMITTED,
    Input,
    KeywordDType,
    NonNegativeInt,
    Sizes,
    Value,
)
from netspec.compare import at_least
from netspec.dim import Dim, Expression, divide, value_of
from netspec.misfit import Misfit
from netspec.tensor import COMPLEX, FLOATING, INTEGER, DType, Shape, Tensor, write_shape

Number = Annotated[float, FREE]
Filling = Annotated[float | bool, FREE]
Count = Annotated[int, FREE]


def require_sizes(sizes: Shape, title: str, argument: str) -> Shape:
    if any(at_least(size, 0) is False for size in sizes):
        raise Misfit(
            f"`{title}` makes no tensor of shape {write_shape(sizes)}",
            label="a size below 0",
            help="sizes are at least 0",
            argument=argument,
        )
    return sizes


def _dtype_of(value: Value) -> str:
    if isinstance(value, bool):
        return "bool"
    return "float32" if isinstance(value, float) else "int64"


class _Sized(Function):
    """`dtypes`: those that it can be made in."""

    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("", "[*size]"),)

    creates: ClassVar[bool] = True
    variadic: ClassVar[str | None] = "size"
    dtypes: ClassVar[frozenset[str] | None] = None

    size: Sizes
    dtype: KeywordDType = None

    def apply(self) -> Tensor:
        shape = require_sizes(tuple(self.size), self.name, "size")
        x = Tensor(shape, str(self.dtype or "float32"))
        if self.dtypes is not None:
            require_makeable(self.name, x, self.dtypes)
        return x


def require_makeable(title: str, x: Tensor, dtypes: frozenset[str]) -> None:
    if x.dtype not in dtypes:
        raise Misfit(
            f"`{title}` makes no {x.dtype} tensors",
            label="no such numbers to draw",
            help="leave `dtype` out, and convert: `-> to(int64)`, say",
            argument="dtype",
        )


class Zeros(_Sized, name="zeros"):
    """A tensor of zeros: `zeros(N, 4)`."""

    examples = (
        Example("zeros(N, 4)", "x: float32[N, 8]", "float32[N, 4]"),
        Example("zeros(2, 3, dtype=int64)", "", "int64[2, 3]"),
    )


class Ones(_Sized, name="ones"):
    """A tensor of ones."""

    examples = (Example("ones(T, T)", "x: float32[N, T, 8]", "float32[T, T]"),)


class Empty(_Sized, name="empty"):
    """A tensor of whatever is in the memory."""

    examples = (Example("empty(N, 4)", "x: float32[N, 8]", "float32[N, 4]"),)


class Rand(_Sized, name="rand"):
    """Random numbers from 0 to 1."""

    random: ClassVar[bool] = True
    dtypes: ClassVar[frozenset[str] | None] = FLOATING | COMPLEX
    examples = (Example("rand(N, 1, 1, 1)", "x: float32[N, 3, H, W]", "float32[N, 1, 1, 1]"),)


class Randn(_Sized, name="randn"):
    """Random numbers of the normal distribution."""

    random: ClassVar[bool] = True
    dtypes: ClassVar[frozenset[str] | None] = FLOATING | COMPLEX
    examples = (Example("randn(N, 100)", "x: float32[N, 8]", "float32[N, 100]"),)


class Full(Function, name="full"):
    """A tensor of one number: `full((N, 1), 0.5)`."""

    creates: ClassVar[bool] = True
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("", "[*size]"),)
    examples = (
        Example("full((N, 1), 0.5)", "x: float32[N, 8]", "float32[N, 1]"),
        Example("full((2, 3), 7)", "", "int64[2, 3]"),
    )

    size: Sizes
    fill_value: Filling
    dtype: KeywordDType = None

    def apply(self) -> Tensor:
        shape = require_sizes(tuple(self.size), "full", "size")
        return Tensor(shape, str(self.dtype or _dtype_of(self.fill_value)))


class Arange(Function, name="arange"):
    """The numbers from 0, or a start, up to an end without it: `arange(T)`, `arange(1, 10, 2)`."""

    creates: ClassVar[bool] = True
    variadic: ClassVar[str | None] = "bounds"
    placed: ClassVar[bool] = True
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("", "[n']", "n' = ceil((end - start) / step); start is 0 and step 1 where left out"),
    )
    examples = (
        Example("arange(T)", "tokens: int64[N, T]", "int64[T]"),
        Example("arange(1, 10, 2)", "", "int64[5]"),
        Example("arange(0.0, 1.0, 0.25)", "", "float32[4]"),
    )

    bounds: Annotated[tuple[float, ...], FREE, MinLen(1), MaxLen(3)]
    dtype: KeywordDType = None

    def apply(self) -> Tensor:
        start, end, step = self._bounds()
        floating = any(isinstance(bound, float) for bound in (start, end, step))
        dtype = str(self.dtype or ("float32" if floating else "int64"))
        if dtype in COMPLEX | {"bool"}:
            require_makeable("arange", Tensor((), dtype), FLOATING | INTEGER)
        if value_of(step) == 0:
            raise self._empty("the step is 0")
        count = _count_floats(start, end, step) if floating else _count(start, end, step)
        if at_least(count, 1) is False:
            raise self._empty(f"{count} numbers")
        return Tensor((count,), dtype)

    def _bounds(self) -> tuple[Value, Value, Value]:
        match tuple(self.bounds):
            case (end,):
                return 0, end, 1
            case (start, end):
                return start, end, 1
            case (start, end, step):
                return start, end, step
        raise TypeError(self.bounds)

    def _empty(self, label: str) -> Misfit:
        written = ", ".join(map(str, self.bounds))
        return Misfit(
            f"`arange({written})` makes no numbers",
            label=label,
            help="the step leads from the start to the end",
        )


def _count(start: Dim, end: Dim, step: Dim) -> Dim:
    if at_least(step, 0) is False:
        return divide(start - end - step - 1, -step)
    return divide(end - start + step - 1, step)


def _count_floats(start: Value, end: Value, step: Value) -> int:
    bounds = (start, end, step)
    first, last, width = (value_of(x) if isinstance(x, Expression) else x for x in bounds)
    if first is None or last is None or width is None:
        raise Misfit(
            "how many numbers `arange` makes cannot be written as a formula",
            label="one bound has a fraction, another only the data decides",
            help="use whole numbers, and scale them afterwards: `0.5 * arange(T)`",
        )
    return math.ceil((last - first) / width)


class _Spaced(Function):
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("", "[steps]"),)
    creates: ClassVar[bool] = True

    start: Number
    end: Number
    steps: Count

    def spaced(self, dtype: DType | None) -> Tensor:
        (steps,) = require_sizes((self.steps,), self.name, "steps")
        return Tensor((steps,), str(dtype or "float32"))


class Linspace(_Spaced, name="linspace"):
    """`steps` numbers from `start` to `end`, both among them."""

    examples = (Example("linspace(0.0, 1.0, 11)", "", "float32[11]"),)

    dtype: KeywordDType = None

    def apply(self) -> Tensor:
        return self.spaced(self.dtype)


class Logspace(_Spaced, name="logspace"):
    """`base` to the power of `steps` numbers from `start` to `end`."""

    examples = (Example("logspace(0, 3, 4)", "", "float32[4]"),)

    base: float = 10.0
    dtype: KeywordDType = None

    def apply(self) -> Tensor:
        return self.spaced(self.dtype)


class Eye(Function, name="eye"):
    """A matrix with ones on the diagonal: [n, m]."""

    creates: ClassVar[bool] = True
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("", "[n, n]", "m=None"),
        Shapes("", "[n, m]"),
    )
    examples = (
        Example("eye(T)", "x: float32[N, T, 8]", "float32[T, T]"),
        Example("eye(2, 3)", "", "float32[2, 3]"),
    )

    n: Count
    m: Count = OMITTED
    dtype: KeywordDType = None

    def apply(self) -> Tensor:
        sizes = (self.n, self.given.get("m", self.n))
        return Tensor(require_sizes(sizes, "eye", "n"), str(self.dtype or "float32"))


class _TriangleIndices(Function):
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("", "[2, n']", "n' = the number of places in the triangle of `row` times `col`"),
    )
    creates: ClassVar[bool] = True
    lower: ClassVar[bool]

    row: NonNegativeInt
    col: NonNegativeInt
    offset: int = 0

    def apply(self) -> Tensor:
        rows, columns, offset = (value_of(x) or 0 for x in (self.row, self.col, self.offset))
        below = sum(min(max(row + offset + self.lower, 0), columns) for row in range(rows))
        return Tensor((2, below if self.lower else rows * columns - below), "int64")


class TrilIndices(_TriangleIndices, name="tril_indices"):
    """Where the lower triangle of a matrix is: rows and columns, [2, count]."""

    lower: ClassVar[bool] = True
    examples = (Example("tril_indices(3, 3)", "", "int64[2, 6]"),)


class TriuIndices(_TriangleIndices, name="triu_indices"):
    """Where the upper triangle of a matrix is: rows and columns, [2, count]."""

    lower: ClassVar[bool] = False
    examples = (Example("triu_indices(3, 3, 1)", "", "int64[2, 3]"),)


class _Like(Function):
    shapes: ClassVar[tuple[Shapes, ...]] = UNCHANGED
    dtypes: ClassVar[frozenset[str] | None] = None

    input: Input
    dtype: KeywordDType = None

    def apply(self) -> Tensor:
        x = Tensor(self.input.shape, str(self.dtype or self.input.dtype))
        if self.dtypes is not None:
            require_dtype(self.name, x, self.dtypes, help="give it another dtype: dtype=float32")
        return x


class ZerosLike(_Like, name="zeros_like"):
    """Zeros in the shape of another tensor."""

    examples = (Example("x -> zeros_like", "x: float32[N, 8]", "float32[N, 8]"),)


class OnesLike(_Like, name="ones_like"):
    """Ones in the shape of another tensor."""

    examples = (Example("x -> ones_like(dtype=bool)", "x: float32[N, T]", "bool[N, T]"),)


class EmptyLike(_Like, name="empty_like"):
    """Whatever is in the memory, in the shape of another tensor."""

    examples = (Example("x -> empty_like", "x: float32[N, 8]", "float32[N, 8]"),)


class RandLike(_Like, name="rand_like"):
    """Random numbers from 0 to 1 in the shape of another tensor."""

    random: ClassVar[bool] = True
    dtypes: ClassVar[frozenset[str] | None] = FLOATING | COMPLEX
    examples = (Example("x -> rand_like", "x: float32[N, 8]", "float32[N, 8]"),)


class RandnLike(_Like, name="randn_like"):
    """Random numbers of the normal distribution in the shape of another tensor."""

    random: ClassVar[bool] = True
    dtypes: ClassVar[frozenset[str] | None] = FLOATING | COMPLEX
    examples = (Example("x -> randn_like", "x: float32[N, 8]", "float32[N, 8]"),)


class FullLike(Function, name="full_like"):
    """One number in the shape of another tensor."""

    shapes: ClassVar[tuple[Shapes, ...]] = UNCHANGED
    examples = (Example("x -> full_like(0.5)", "x: float32[N, 8]", "float32[N, 8]"),)

    input: Input
    fill_value: Filling
    dtype: KeywordDType = None

    def apply(self) -> Tensor:
        return Tensor(self.input.shape, str(self.dtype or self.input.dtype))
