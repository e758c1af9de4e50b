"""Diagonals and triangles of matrices."""

from typing import ClassVar

from netspec.catalogue.dtypes import TRUTH, as_total, require_dtype
from netspec.catalogue.example import UNCHANGED, Shapes
from netspec.catalogue.function import Example, Method
from netspec.catalogue.shapes import require_dimensions, resolve_axes, resolve_axis
from netspec.catalogue.signature import Input
from netspec.compare import at_least
from netspec.dim import Dim, smallest, value_of
from netspec.misfit import Misfit
from netspec.tensor import DTYPES, Tensor, write_shape


class _Triangle(Method):
    shapes: ClassVar[tuple[Shapes, ...]] = UNCHANGED
    input: Input
    diagonal: int = 0

    def apply(self) -> Tensor:
        require_dimensions(self.input, self.name, 2)
        return self.input


class Tril(_Triangle, name="tril"):
    """The lower triangle of a matrix, 0 above the diagonal."""

    examples = (Example("x -> tril", "x: float32[N, T, T]", "float32[N, T, T]"),)


class Triu(_Triangle, name="triu"):
    """The upper triangle of a matrix, 0 below the diagonal."""

    examples = (Example("ones(T, T) -> triu(diagonal=1)", "x: float32[N, T, 8]", "float32[T, T]"),)


def _length(x: Tensor, first: int, second: int, offset: int, argument: str) -> Dim:
    """How many entries a diagonal has, `offset` places to the right of the main one."""
    rows, columns = x.shape[first], x.shape[second]
    length = smallest(rows, columns - offset) if offset >= 0 else smallest(rows + offset, columns)
    if at_least(length, 1) is False:
        raise Misfit(
            f"{write_shape(x.shape)} has no diagonal {offset} places off the main one",
            label=f"its length would be {value_of(length)}",
            help=f"choose a number for `{argument}` nearer to 0",
            argument=argument,
        )
    return length


class Diagonal(Method, name="diagonal"):
    """The diagonal of two dimensions, as the last one."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes(
            "[*A, n, *B, m, *C]",
            "[*A, *B, *C, min(n + min(offset, 0), m - max(offset, 0))]",
            "n along `dim1`; m along `dim2`",
        ),
        Shapes(
            "[*A, m, *B, n, *C]",
            "[*A, *B, *C, min(n + min(offset, 0), m - max(offset, 0))]",
            "n along `dim1`; m along `dim2`",
        ),
    )
    examples = (Example("x -> diagonal(dim1=1, dim2=2)", "x: float32[N, 4, 6]", "float32[N, 4]"),)

    input: Input
    offset: int = 0
    dim1: int = 0
    dim2: int = 1

    def apply(self) -> Tensor:
        x = self.input
        require_dimensions(x, "diagonal")
        first = resolve_axis(x, self.dim1, "diagonal", "dim1")
        second = resolve_axis(x, self.dim2, "diagonal", "dim2")
        if first == second:
            raise Misfit(
                f"`diagonal` takes two dimensions, found {self.dim1} and {self.dim2}",
                label="the same one",
                help="name two different ones",
                argument="dim2",
            )
        length = _length(x, first, second, self.offset, "offset")
        rest = [size for axis, size in enumerate(x.shape) if axis not in (first, second)]
        return Tensor((*rest, length), x.dtype)


class Diag(Method, name="diag"):
    """The diagonal of a matrix, or a matrix with this diagonal."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[n]", "[n + abs(diagonal), n + abs(diagonal)]"),
        Shapes("[n, m]", "[min(n + min(diagonal, 0), m - max(diagonal, 0))]"),
    )
    examples = (
        Example("x -> diag", "x: float32[4]", "float32[4, 4]"),
        Example("x -> diag", "x: float32[4, 6]", "float32[4]"),
    )

    input: Input
    diagonal: int = 0

    def apply(self) -> Tensor:
        x = self.input
        if x.rank == 1:
            size = x.shape[0] + abs(self.diagonal)
            return Tensor((size, size), x.dtype)
        if x.rank != 2:
            raise Misfit(
                f"`diag` takes a list or a matrix, found {write_shape(x.shape)}",
                label=f"the input has {x.rank} dimensions",
                help="use `diagonal` or `diag_embed`",
            )
        return Tensor((_length(x, 0, 1, self.diagonal, "diagonal"),), x.dtype)


class DiagEmbed(Method, name="diag_embed"):
    """The last dimension as the diagonal of matrices."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*, n]", "[*, n + abs(offset), n + abs(offset)]", "dim1=-2; dim2=-1"),
        Shapes("[*A, *B, *C, n]", "[*A, k', *B, k', *C]", "k' = n + abs(offset)"),
    )
    examples = (
        Example("x -> diag_embed", "x: float32[N, 4]", "float32[N, 4, 4]"),
        Example("x -> diag_embed(offset=1)", "x: float32[N, 4]", "float32[N, 5, 5]"),
    )

    input: Input
    offset: int = 0
    dim1: int = -2
    dim2: int = -1

    def apply(self) -> Tensor:
        x = self.input
        require_dimensions(x, "diag_embed")
        size = x.shape[-1] + abs(self.offset)
        shape = [*x.shape[:-1]]
        out = Tensor((1, *x.shape), x.dtype)
        axes = resolve_axes(out, (self.dim1, self.dim2), "diag_embed", "dim2")
        for axis in sorted(axes):
            shape.insert(axis, size)
        return Tensor(tuple(shape), x.dtype)


class Trace(Method, name="trace"):
    """The sum of the diagonal of a matrix."""

    dtypes: ClassVar[frozenset[str]] = DTYPES - TRUTH
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[n, m]", "[]"),)
    examples = (Example("x -> trace", "x: float32[4, 4]", "float32[]"),)

    input: Input

    def apply(self) -> Tensor:
        require_dtype("trace", self.input, self.dtypes)
        if self.input.rank != 2:
            raise Misfit(
                f"`trace` takes a matrix, found {write_shape(self.input.shape)}",
                label=f"the input has {self.input.rank} dimensions",
                help="use `diagonal` and `sum`",
            )
        return Tensor((), as_total(self.input.dtype))
