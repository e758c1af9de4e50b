"""Functions that join tensors and take them apart."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from netspec.catalogue.dtypes import require_one_dtype
from netspec.catalogue.example import Shapes
from netspec.catalogue.function import Example, Function, Method
from netspec.catalogue.shapes import require_dimensions, resolve_axis
from netspec.catalogue.signature import FREE, KEYWORD, Input, Inputs, PositiveInt
from netspec.compare import agree, at_least, same
from netspec.dim import Dim, divide, sample_of, total
from netspec.elementwise import promote, result_type
from netspec.misfit import Misfit
from netspec.tensor import Tensor, Type, write_shape


class Cat(Function, name="cat"):
    """Join tensors along `dim`; all other sizes must agree: `(a, b) -> cat(dim=1)`."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*A, n, *B], [*A, m, *B], …", "[*A, n + m + …, *B]", "n along `dim`"),
    )
    examples = (
        Example(
            "(a, b) -> cat(dim=1)",
            "a: float32[N, 3, H, W], b: float32[N, 5, H, W]",
            "float32[N, 8, H, W]",
        ),
        Example("cat([a, b])", "a: float32[N, 8], b: float32[M, 8]", "float32[M + N, 8]"),
    )

    tensors: Inputs
    dim: int = 0

    def apply(self) -> Tensor:
        first, *others = self.tensors
        if not first.shape:
            raise Misfit(
                "`cat` cannot join tensors without dimensions, found []",
                label="a single number",
                help="put single numbers side by side with `stack`",
            )
        axis = resolve_axis(first, self.dim, "cat", "dim")
        dtype = first.dtype
        for other in others:
            _require_joinable(first, other, axis)
            dtype = promote(dtype, other.dtype)
        joined = total(tensor.shape[axis] for tensor in self.tensors)
        return Tensor((*first.shape[:axis], joined, *first.shape[axis + 1 :]), dtype)


def _require_joinable(first: Tensor, other: Tensor, axis: int) -> None:
    shapes = f"{write_shape(first.shape)} and {write_shape(other.shape)}"
    if first.rank != other.rank:
        raise Misfit(
            f"cannot join tensors of shape {shapes}",
            label=f"{first.rank} and {other.rank} dimensions",
            help="bring them to the same number of dimensions, with `Flatten` say",
        )
    sizes = list(zip(first.shape, other.shape, strict=True))
    for at, (a, b) in enumerate(sizes):
        if at != axis and not agree(a, b):
            differs = "differs" if same(a, b) is False else "is not known to agree"
            raise Misfit(
                f"cannot join tensors of shape {shapes} along dimension {axis}",
                label=f"dimension {at} {differs}: {a} and {b}",
                help=f"give both the same size in dimension {at}, or join along it: dim={at}",
                equal=(*sizes[:axis], *sizes[axis + 1 :]),
            )


class Stack(Function, name="stack"):
    """Tensors of one shape side by side in a new dimension `dim`: `(a, b) -> stack(dim=1)`."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*A, *B], [*A, *B], …", "[*A, k', *B]", "k' = the number of tensors, along `dim`"),
    )
    examples = (
        Example("(a, b) -> stack(dim=1)", "a: float32[N, 8], b: float32[N, 8]", "float32[N, 2, 8]"),
    )

    tensors: Inputs
    dim: int = 0

    def apply(self) -> Tensor:
        first, *others = self.tensors
        axis = resolve_axis(Tensor((1, *first.shape)), self.dim, "stack", "dim")
        for other in others:
            alike = first.rank == other.rank and all(map(same, first.shape, other.shape))
            if not alike:
                raise Misfit(
                    f"`stack` takes tensors of one shape, found {write_shape(first.shape)} and "
                    f"{write_shape(other.shape)}",
                    label="the shapes differ, or are not known to be equal",
                    help="join along a dimension that is there: `cat`",
                    equal=zip(first.shape, other.shape, strict=False),
                )
        shape = (*first.shape[:axis], len(self.tensors), *first.shape[axis:])
        return Tensor(shape, result_type(*self.tensors))


def _with_rank(x: Tensor, rank: int) -> Tensor:
    """`x` with dimensions of size 1 in front, as many as it lacks."""
    return Tensor((*(1,) * (rank - x.rank), *x.shape), x.dtype)


class Hstack(Function, name="hstack"):
    """Tensors joined along dimension 1, or along their only one."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[N, n, *], [N, m, *], …", "[N, n + m + …, *]"),
        Shapes("[n], [m], …", "[n + m + …]"),
    )
    examples = (Example("(a, b) -> hstack", "a: float32[N, 3], b: float32[N, 5]", "float32[N, 8]"),)

    tensors: Inputs

    def apply(self) -> Tensor:
        tensors = tuple(_with_rank(x, 1) for x in self.tensors)
        return Cat(tensors, 0 if tensors[0].rank == 1 else 1).apply()


class Vstack(Function, name="vstack"):
    """Tensors joined along dimension 0, vectors as rows."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[n, *], [m, *], …", "[n + m + …, *]"),
        Shapes("[k], [n, k], …", "[1 + n + …, k]", "a vector is a row"),
    )
    examples = (
        Example("(a, b) -> vstack", "a: float32[8], b: float32[N, 8]", "float32[N + 1, 8]"),
    )

    tensors: Inputs

    def apply(self) -> Tensor:
        return Cat(tuple(_with_rank(x, 2) for x in self.tensors), 0).apply()


def _pieces(x: Tensor, axis: int, sizes: Sequence[Dim]) -> tuple[Tensor, ...]:
    return tuple(Tensor((*x.shape[:axis], size, *x.shape[axis + 1 :]), x.dtype) for size in sizes)


def _number_of(dim: Dim, title: str, x: Tensor) -> int:
    """The number that decides how many tensors come out."""
    number = sample_of(dim)
    if number is None:
        raise Misfit(
            f"how many tensors `{title}` gives is known only when data flows: `{dim}` decides it",
            label=f"the input has shape {write_shape(x.shape)}",
            help=f"write a number or a parameter in place of `{dim}` in the net's signature, or "
            "leave the tensor whole",
        )
    return number


class Split(Method, name="split"):
    """Pieces of `split_size` along `dim`, the last one smaller, or of the sizes given."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes(
            "[*A, n, *B]",
            "([*A, n', *B], …)",
            "n along `dim`; n' = split_size, or the rest; or the sizes given",
        ),
    )
    examples = (
        Example(
            "x -> split(4, dim=1)",
            "x: float32[N, 10]",
            "(float32[N, 4], float32[N, 4], float32[N, 2])",
        ),
        Example("x -> split((2, 8), dim=1)", "x: float32[N, 10]", "(float32[N, 2], float32[N, 8])"),
    )

    input: Input
    split_size: Annotated[int | tuple[int, ...], FREE]
    dim: int = 0

    def apply(self) -> Type:
        x = self.input
        require_dimensions(x, "split")
        axis = resolve_axis(x, self.dim, "split", "dim")
        size = x.shape[axis]
        if isinstance(self.split_size, tuple | list):
            return _pieces(x, axis, self._given_sizes(x, axis, tuple(self.split_size)))
        piece: Dim = self.split_size
        if at_least(piece, 1) is False:
            raise Misfit(
                f"`split` makes pieces of at least 1, found {piece}",
                label="no size of a piece",
                help=f"choose a number up to {size}",
                argument="split_size",
            )
        return _pieces(x, axis, _equal_sizes(size, piece, "split", x))

    def _given_sizes(self, x: Tensor, axis: int, sizes: tuple[Dim, ...]) -> tuple[Dim, ...]:
        size = x.shape[axis]
        negative = any(at_least(part, 0) is False for part in sizes)
        if negative or not agree(total(sizes), size):
            raise Misfit(
                f"the pieces {write_shape(sizes)} of `split` do not add up to {size}",
                label=f"dimension {axis} of {write_shape(x.shape)} has size {size}, "
                f"the pieces {total(sizes)}",
                help="give the size of each piece, all of dimension `dim` together",
                argument="split_size",
            )
        return sizes


def _equal_sizes(size: Dim, piece: Dim, title: str, x: Tensor) -> list[Dim]:
    """Pieces of one size, the last one smaller where it does not come out even."""
    count = divide(size, piece)
    if same(count * piece, size):
        return [piece] * _number_of(count, title, x)
    number = _number_of(divide(size + piece - 1, piece), title, x)
    return [piece] * (number - 1) + [size - piece * (number - 1)]


class Chunk(Method, name="chunk"):
    """At most `chunks` pieces of one size along `dim`, the last one smaller."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes(
            "[*A, n, *B]",
            "([*A, n', *B], …)",
            "n along `dim`; n' = ceil(n / chunks), the last one what is left",
        ),
    )
    examples = (
        Example(
            "x -> chunk(3, dim=-1)",
            "x: float32[N, T, 96]",
            "(float32[N, T, 32], float32[N, T, 32], float32[N, T, 32])",
        ),
    )

    input: Input
    chunks: PositiveInt
    dim: int = 0

    def apply(self) -> Type:
        x = self.input
        require_dimensions(x, "chunk")
        axis = resolve_axis(x, self.dim, "chunk", "dim")
        size, chunks = x.shape[axis], _number_of(self.chunks, "chunk", x)
        if same(size % chunks, 0):
            return _pieces(x, axis, [divide(size, chunks)] * chunks)
        return _pieces(x, axis, _equal_sizes(size, divide(size + chunks - 1, chunks), "chunk", x))


class Unbind(Method, name="unbind"):
    """The slices along `dim`, as many tensors as its size: `q, k, v = qkv -> unbind(0)`."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*A, n, *B]", "([*A, *B], …)", "n along `dim`"),
    )
    examples = (
        Example(
            "x -> unbind(0)",
            "x: float32[3, N, T, 8]",
            "(float32[N, T, 8], float32[N, T, 8], float32[N, T, 8])",
        ),
    )

    input: Input
    dim: int = 0

    def apply(self) -> Type:
        x = self.input
        require_dimensions(x, "unbind")
        axis = resolve_axis(x, self.dim, "unbind", "dim")
        piece = Tensor((*x.shape[:axis], *x.shape[axis + 1 :]), x.dtype)
        return (piece,) * _number_of(x.shape[axis], "unbind", x)


class Meshgrid(Function, name="meshgrid"):
    """The coordinates of a grid, one tensor for each axis, from the numbers along each."""

    variadic: ClassVar[str] = "tensors"
    placed: ClassVar[bool] = True
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[n], [m]", "([n, m], [n, m])", 'indexing="ij"; likewise for more'),
        Shapes("[n], [m]", "([m, n], [m, n])", 'indexing="xy"; likewise for more'),
    )
    examples = (
        Example(
            'meshgrid(y, x, indexing="ij")',
            "y: float32[H], x: float32[W]",
            "(float32[H, W], float32[H, W])",
        ),
        Example(
            'meshgrid(x, y, indexing="xy")',
            "x: float32[W], y: float32[H]",
            "(float32[H, W], float32[H, W])",
        ),
    )

    tensors: Inputs
    indexing: Annotated[Literal["ij", "xy"], KEYWORD]

    def apply(self) -> Type:
        dtype = require_one_dtype("meshgrid", self.tensors)
        for x in self.tensors:
            if x.rank > 1:
                raise Misfit(
                    "`meshgrid` takes a list of numbers for each axis, found "
                    f"{write_shape(x.shape)}",
                    label=f"{x.rank} dimensions, not one",
                    help="flatten it: `-> flatten`",
                )
        sizes = [x.shape[0] if x.shape else 1 for x in self.tensors]
        if self.indexing == "xy":
            sizes[:2] = sizes[1::-1]
        return (Tensor(tuple(sizes), dtype),) * len(sizes)
