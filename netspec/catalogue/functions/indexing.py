"""Functions that take entries out of tensors, or put them in."""

from typing import Annotated, ClassVar

from netspec.catalogue.dtypes import (
    TRUTH,
    require_dtype,
    require_one_dtype,
)
from netspec.catalogue.example import Shapes
from netspec.catalogue.function import Example, Function, Functional, Method
from netspec.catalogue.shapes import require_dimensions, resolve_axis
from netspec.catalogue.signature import FREE, Input, PositiveInt
from netspec.compare import at_least
from netspec.dim import Dim
from netspec.elementwise import broadcast
from netspec.misfit import Misfit
from netspec.tensor import COMPLEX, FLOATING, INTEGER, Shape, Tensor, write_shape

INDEX = frozenset({"int64", "int32"})
Position = Annotated[int, FREE]


def _require_inside(index: Dim, size: Dim, axis: int, title: str, argument: str) -> None:
    if at_least(index, size) or at_least(-size - 1, index):
        raise Misfit(
            f"`{argument}`={index} of `{title}` is outside dimension {axis} of size {size}",
            label=f"dimension {axis} has size {size}",
            help=f"choose one from 0 to {size - 1}, or from -{size} to -1 counted from the end",
            argument=argument,
        )


class Narrow(Method, name="narrow"):
    """`length` entries along `dim` from `start` on."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*A, n, *B]", "[*A, length, *B]", "n along `dim`"),
    )
    examples = (Example("x -> narrow(1, 2, 4)", "x: float32[N, 10]", "float32[N, 4]"),)

    input: Input
    dim: int
    start: Position
    length: Position

    def apply(self) -> Tensor:
        x = self.input
        require_dimensions(x, "narrow")
        axis = resolve_axis(x, self.dim, "narrow", "dim")
        size = x.shape[axis]
        start: Dim = self.start
        if at_least(start, 0) is False:
            start = start + size
        outside = at_least(start, 0) is False or at_least(size, start + self.length) is False
        if outside or at_least(self.length, 0) is False:
            raise Misfit(
                f"`narrow` cannot take {self.length} entries from {self.start} on, dimension "
                f"{axis} of {write_shape(x.shape)} has size {size}",
                label=f"the end would be {start + self.length}, the size is {size}",
                help=f"keep `start` + `length` at {size} or below",
                argument="length",
            )
        return Tensor((*x.shape[:axis], self.length, *x.shape[axis + 1 :]), x.dtype)


class Select(Method, name="select"):
    """The entry number `index` along `dim`, which is taken out: `x -> select(1, 0)`."""

    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[*A, n, *B]", "[*A, *B]", "n along `dim`"),)
    examples = (Example("x -> select(1, 0)", "x: float32[N, T, 8]", "float32[N, 8]"),)

    input: Input
    dim: int
    index: Position

    def apply(self) -> Tensor:
        x = self.input
        require_dimensions(x, "select")
        axis = resolve_axis(x, self.dim, "select", "dim")
        _require_inside(self.index, x.shape[axis], axis, "select", "index")
        return Tensor((*x.shape[:axis], *x.shape[axis + 1 :]), x.dtype)


class IndexSelect(Method, name="index_select"):
    """The entries along `dim` that a list of indices names."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*A, n, *B], [k]", "[*A, k, *B]", "n along `dim`"),
    )
    examples = (
        Example(
            "x -> index_select(1, index)", "x: float32[N, 10], index: int64[4]", "float32[N, 4]"
        ),
    )

    input: Input
    dim: int
    index: Input

    def apply(self) -> Tensor:
        x, index = self.input, self.index
        axis = resolve_axis(x, self.dim, "index_select", "dim")
        require_dtype("index_select", index, INDEX, "index")
        if index.rank > 1:
            raise Misfit(
                f"`index` of `index_select` is a list, found {write_shape(index.shape)}",
                label=f"{index.rank} dimensions, not one",
                help="flatten it: `-> flatten`; or use `gather`, which takes an index for each "
                "entry",
                argument="index",
            )
        size = index.shape[0] if index.shape else 1
        if not x.shape:
            _require_inside(size - 1, 1, 0, "index_select", "index")
            return x
        return Tensor((*x.shape[:axis], size, *x.shape[axis + 1 :]), x.dtype)


def _require_index(x: Tensor, index: Tensor, axis: int, title: str, argument: str) -> None:
    """Refuse an index that has another rank, or is larger than `x` beside `axis`."""
    require_dtype(title, index, INDEX, argument)
    if max(index.rank, 1) != max(x.rank, 1):
        raise Misfit(
            f"`{argument}` of `{title}` has as many dimensions as the input, found "
            f"{write_shape(index.shape)} for {write_shape(x.shape)}",
            label=f"{x.rank} and {index.rank} dimensions",
            help="add dimensions with `unsqueeze`, stretch them with `expand`",
            argument=argument,
        )
    for at, (size, wanted) in enumerate(zip(x.shape, index.shape, strict=False)):
        if at != axis and at_least(size, wanted) is False:
            raise Misfit(
                f"`{argument}` of `{title}` is {write_shape(index.shape)}, larger than "
                f"{write_shape(x.shape)} in dimension {at}",
                label=f"dimension {at}: {wanted} indices for size {size}",
                help=f"only dimension {axis}, along which it is taken, may be larger",
                argument=argument,
            )


class Gather(Method, name="gather"):
    """For each entry of `index` the one that it names along `dim`; the output has its shape."""

    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[*A], [*B]", "[*B]"),)
    examples = (
        Example("x -> gather(1, index)", "x: float32[N, 10], index: int64[N, 3]", "float32[N, 3]"),
    )

    input: Input
    dim: int
    index: Input

    def apply(self) -> Tensor:
        axis = resolve_axis(self.input, self.dim, "gather", "dim")
        _require_index(self.input, self.index, axis, "gather", "index")
        return Tensor(self.index.shape, self.input.dtype)


class TakeAlongDim(Method, name="take_along_dim"):
    """`gather` with the other dimensions broadcast; without `dim`, of all numbers in a row."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes(
            "[*A, n, *B], [*C, k, *D]", "[*broadcast(A, C), k, *broadcast(B, D)]", "n along `dim`"
        ),
        Shapes("[*A], [*B]", "[prod(B)]", "dim=None"),
    )
    examples = (
        Example(
            "x -> take_along_dim(order, dim=1)",
            "x: float32[N, T, 8], order: int64[N, T, 1]",
            "float32[N, T, 8]",
        ),
        Example("x -> take_along_dim(index)", "x: float32[N, 10], index: int64[3]", "float32[3]"),
    )

    input: Input
    indices: Input
    dim: int | None = None

    def apply(self) -> Tensor:
        x, indices = self.input, self.indices
        dtypes = INDEX if self.dim is None else frozenset({"int64"})
        require_dtype("take_along_dim", indices, dtypes, "indices")
        if self.dim is None:
            count: Dim = 1
            for size in indices.shape:
                count = count * size
            return Tensor((count,), x.dtype)
        if x.rank != indices.rank:
            raise Misfit(
                f"`indices` of `take_along_dim` has as many dimensions as the input, found "
                f"{write_shape(indices.shape)} for {write_shape(x.shape)}",
                label=f"{x.rank} and {indices.rank} dimensions",
                help="add dimensions with `unsqueeze`",
                argument="indices",
            )
        require_dimensions(x, "take_along_dim")
        axis = resolve_axis(x, self.dim, "take_along_dim", "dim")
        rest = broadcast("take from", _drop(x.shape, axis), _drop(indices.shape, axis))
        return Tensor((*rest[:axis], indices.shape[axis], *rest[axis:]), x.dtype)


def _drop(shape: Shape, axis: int) -> Shape:
    return (*shape[:axis], *shape[axis + 1 :])


class _Scatter(Method):
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*A], [*B], [*C]", "[*A]"),
        Shapes("[*A], [*B]", "[*A]", "`src` is a number"),
    )

    def scatter(self, x: Tensor, dim: int, index: Tensor, src: Tensor | None) -> Tensor:
        """The rule that all kinds of `scatter` share."""
        axis = resolve_axis(x, dim, self.name, "dim")
        _require_index(x, index, axis, self.name, "index")
        if src is None:
            return x
        require_one_dtype(self.name, (x, src))
        for at, (wanted, size) in enumerate(_sizes(index, src)):
            if at_least(size, wanted) is False:
                raise Misfit(
                    f"`src` of `{self.name}` is {write_shape(src.shape)}, smaller than the index "
                    f"{write_shape(index.shape)}",
                    label=f"dimension {at}: {wanted} indices for {size} values",
                    help="give a value for each index",
                    argument="src",
                )
        if max(src.rank, 1) != max(index.rank, 1):
            raise Misfit(
                f"`src` of `{self.name}` has as many dimensions as the index, found "
                f"{write_shape(src.shape)} for {write_shape(index.shape)}",
                label=f"{index.rank} and {src.rank} dimensions",
                help="add dimensions with `unsqueeze`",
                argument="src",
            )
        return x


def _sizes(index: Tensor, src: Tensor) -> list[tuple[Dim, Dim]]:
    return list(zip(index.shape or (1,), src.shape or (1,), strict=False))


class Scatter(_Scatter, name="scatter"):
    """`input` with the values of `src` at the places along `dim` that `index` names."""

    examples = (
        Example(
            "x -> scatter(1, index, src)",
            "x: float32[N, 10], index: int64[N, 3], src: float32[N, 3]",
            "float32[N, 10]",
        ),
    )

    input: Input
    dim: int
    index: Input
    src: Input

    def apply(self) -> Tensor:
        return self.scatter(self.input, self.dim, self.index, self.src)


class ScatterAdd(_Scatter, name="scatter_add"):
    """`input` with the values of `src` added at the places along `dim` that `index` names."""

    examples = (
        Example(
            "x -> scatter_add(1, index, src)",
            "x: float32[N, 10], index: int64[N, 3], src: float32[N, 3]",
            "float32[N, 10]",
        ),
    )

    input: Input
    dim: int
    index: Input
    src: Input

    def apply(self) -> Tensor:
        return self.scatter(self.input, self.dim, self.index, self.src)


class MaskedFill(Method, name="masked_fill"):
    """`value` where the mask holds: `scores -> masked_fill(mask, -1e9)`."""

    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[*A], [*B]", "[*broadcast(A, B)]"),)
    examples = (
        Example(
            "scores -> masked_fill(mask, -1e9)",
            "scores: float32[N, 8, T, T], mask: bool[T, T]",
            "float32[N, 8, T, T]",
        ),
    )

    input: Input
    mask: Input
    value: Input | float

    def apply(self) -> Tensor:
        x = self.input
        require_dtype("masked_fill", self.mask, TRUTH, "mask", "compare it: `eq(0)`, say")
        value = self.value
        if isinstance(value, Tensor) and value.shape:
            raise Misfit(
                f"`value` of `masked_fill` is a single number, found {write_shape(value.shape)}",
                label=f"{value.rank} dimension{'s' if value.rank != 1 else ''}",
                help="use `where(mask, value, input)`",
                argument="value",
            )
        found = value.dtype if isinstance(value, Tensor) else type(value).__name__
        fraction = found == "float" or found in FLOATING
        whole = x.dtype in INTEGER | TRUTH
        if (whole and (fraction or found in COMPLEX)) or (x.dtype in FLOATING and found in COMPLEX):
            raise Misfit(
                f"`masked_fill` cannot put a {found} number into a tensor of {x.dtype}",
                label=f"the input is {x}",
                help=f"give a value that {x.dtype} has, or turn the input into another dtype",
                argument="value",
            )
        return Tensor(broadcast("mask", x.shape, self.mask.shape), x.dtype)


class OneHot(Functional, name="one_hot"):
    """Each class number as a row of `num_classes` numbers, 1 at its place, 0 elsewhere."""

    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[*]", "[*, num_classes]"),)
    examples = (Example("labels -> one_hot(10)", "labels: int64[N]", "int64[N, 10]"),)

    input: Input
    num_classes: PositiveInt

    def apply(self) -> Tensor:
        require_dtype("one_hot", self.input, frozenset({"int64"}))
        return Tensor((*self.input.shape, self.num_classes), "int64")


class Embedding(Functional, name="embedding"):
    """The rows of `weight` that the numbers in `input` name."""

    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[*], [n, k]", "[*, k]"),)
    examples = (
        Example(
            "embedding(tokens, table)",
            "tokens: int64[N, T], table: float32[1000, 64]",
            "float32[N, T, 64]",
        ),
    )

    input: Input
    weight: Input
    padding_idx: int | None = None

    def apply(self) -> Tensor:
        require_dtype("embedding", self.input, INDEX)
        weight = self.weight
        if weight.rank != 2:
            raise Misfit(
                f"`weight` of `embedding` has a row for each number, found "
                f"{write_shape(weight.shape)}",
                label=f"{weight.rank} dimensions, not two",
                help="give it the shape [numbers, features]",
                argument="weight",
            )
        if self.padding_idx is not None:
            _require_inside(self.padding_idx, weight.shape[0], 0, "embedding", "padding_idx")
        return Tensor((*self.input.shape, weight.shape[1]), weight.dtype)


class Isin(Function, name="isin"):
    """Whether each number is among those of another tensor."""

    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[*A], [*B]", "[*A]"),)
    examples = (
        Example("isin(tokens, special)", "tokens: int64[N, T], special: int64[3]", "bool[N, T]"),
    )

    elements: Input
    test_elements: Input

    def apply(self) -> Tensor:
        for x in (self.elements, self.test_elements):
            require_dtype("isin", x, FLOATING | INTEGER)
        return Tensor(self.elements.shape, "bool")
