"""Products of matrices and vectors."""

from typing import Annotated, ClassVar

from netspec.catalogue.dtypes import (
    NUMBERS,
    require_dtype,
    require_one_dtype,
)
from netspec.catalogue.example import Shapes
from netspec.catalogue.function import Example, Function, Functional
from netspec.catalogue.shapes import require_dimensions, resolve_axes, resolve_axis
from netspec.catalogue.signature import KEYWORD, Input
from netspec.compare import agree, same
from netspec.dim import Dim, product, value_of
from netspec.elementwise import broadcast, multiply_matrices, promote, require_product, result_type
from netspec.misfit import Misfit
from netspec.tensor import Shape, Tensor, write_shape

Scale = Annotated[float, KEYWORD]


def require_rank(title: str, x: Tensor, rank: int, argument: str, what: str) -> None:
    if x.rank != rank:
        raise Misfit(
            f"`{argument}` of `{title}` is {what}, found {write_shape(x.shape)}",
            label=f"{x.rank} dimension{'s' if x.rank != 1 else ''}, not {rank}",
            help="use `matmul`, which takes vectors, matrices and stacks of them",
            argument=argument,
        )


class _Product(Function):
    """A product of matrices: `left` names the argument whose rows it multiplies with columns."""

    left: ClassVar[str] = "input"

    def macs(self, output: Tensor) -> Dim:
        left: Tensor = getattr(self, self.left)
        return product((*output.shape, left.shape[-1]))


class Matmul(_Product, name="matmul"):
    """The product of matrices, of stacks of them, or with vectors: `x @ y`."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*A, n, k], [*B, k, m]", "[*broadcast(A, B), n, m]"),
        Shapes("[*, n, k], [k]", "[*, n]"),
        Shapes("[k], [*, k, m]", "[*, m]"),
        Shapes("[k], [k]", "[]"),
    )
    examples = (
        Example("matmul(x, w)", "x: float32[N, T, 8], w: float32[8, 4]", "float32[N, T, 4]"),
        Example(
            "matmul(q, k)",
            "q: float32[N, 8, T, 64], k: float32[N, 1, 64, S]",
            "float32[N, 8, T, S]",
        ),
        Example("matmul(x, v)", "x: float32[N, 8], v: float32[8]", "float32[N]"),
    )

    input: Input
    other: Input

    def apply(self) -> Tensor:
        return multiply_matrices(self.input, self.other, "matmul")


class Mm(_Product, name="mm"):
    """The product of two matrices."""

    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[n, k], [k, m]", "[n, m]"),)
    examples = (Example("mm(x, w)", "x: float32[N, 8], w: float32[8, 4]", "float32[N, 4]"),)

    input: Input
    mat2: Input

    def apply(self) -> Tensor:
        require_rank("mm", self.input, 2, "input", "a matrix")
        require_rank("mm", self.mat2, 2, "mat2", "a matrix")
        return multiply_matrices(self.input, self.mat2, "mm")


def _require_batches(title: str, left: Tensor, right: Tensor, names: tuple[str, str]) -> None:
    for x, name in zip((left, right), names, strict=True):
        require_rank(title, x, 3, name, "a stack of matrices [N, rows, columns]")
    if not agree(left.shape[0], right.shape[0]):
        raise Misfit(
            f"`{title}` takes as many matrices on both sides, found {left.shape[0]} and "
            f"{right.shape[0]}",
            label=f"{write_shape(left.shape)} and {write_shape(right.shape)}",
            help="use `matmul`, which broadcasts",
            argument=names[1],
        )


class Bmm(_Product, name="bmm"):
    """The products of two stacks of matrices, one by one."""

    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[N, n, k], [N, k, m]", "[N, n, m]"),)
    examples = (
        Example("bmm(x, y)", "x: float32[N, T, 8], y: float32[N, 8, S]", "float32[N, T, S]"),
    )

    input: Input
    mat2: Input

    def apply(self) -> Tensor:
        _require_batches("bmm", self.input, self.mat2, ("input", "mat2"))
        return multiply_matrices(self.input, self.mat2, "bmm")


class Mv(_Product, name="mv"):
    """The product of a matrix and a vector."""

    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[n, k], [k]", "[n]"),)
    examples = (Example("mv(x, v)", "x: float32[N, 8], v: float32[8]", "float32[N]"),)

    input: Input
    vec: Input

    def apply(self) -> Tensor:
        require_rank("mv", self.input, 2, "input", "a matrix")
        require_rank("mv", self.vec, 1, "vec", "a vector")
        return multiply_matrices(self.input, self.vec, "mv")


class Dot(_Product, name="dot"):
    """The sum of the products of two vectors' numbers."""

    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[k], [k]", "[]"),)
    examples = (Example("dot(v, w)", "v: float32[8], w: float32[8]", "float32[]"),)

    input: Input
    tensor: Input

    def apply(self) -> Tensor:
        require_rank("dot", self.input, 1, "input", "a vector")
        require_rank("dot", self.tensor, 1, "tensor", "a vector")
        return multiply_matrices(self.input, self.tensor, "dot")


class Outer(Function, name="outer"):
    """Each number of one vector times each of another: [m, n]."""

    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[n], [m]", "[n, m]"),)
    examples = (Example("outer(v, w)", "v: float32[N], w: float32[8]", "float32[N, 8]"),)

    input: Input
    vec2: Input

    def apply(self) -> Tensor:
        require_rank("outer", self.input, 1, "input", "a vector")
        require_rank("outer", self.vec2, 1, "vec2", "a vector")
        shape = (self.input.shape[0], self.vec2.shape[0])
        return Tensor(shape, result_type(self.input, self.vec2))


def _added(x: Tensor, both: Tensor, title: str) -> Tensor:
    """The type of a product with `x`, stretched to its shape, added."""
    require_one_dtype(title, (x, both))
    if not _stretches(x.shape, both.shape):
        raise Misfit(
            f"`input` of `{title}` does not broadcast to {write_shape(both.shape)}, found "
            f"{write_shape(x.shape)}",
            label=f"the product has shape {write_shape(both.shape)}",
            help="add it afterwards, with `+`",
            argument="input",
        )
    return both


def _stretches(shape: Shape, target: Shape) -> bool:
    """Whether a shape broadcasts to exactly this one."""
    return len(shape) <= len(target) and all(
        same(a, b) or same(a, 1) for a, b in zip(shape[::-1], target[::-1], strict=False)
    )


class Addmm(_Product, name="addmm"):
    """beta * input + alpha * mat1 @ mat2."""

    left: ClassVar[str] = "mat1"
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[*], [n, k], [k, m]", "[n, m]"),)
    examples = (
        Example(
            "addmm(bias, x, w)",
            "bias: float32[4], x: float32[N, 8], w: float32[8, 4]",
            "float32[N, 4]",
        ),
    )

    input: Input
    mat1: Input
    mat2: Input
    beta: Scale = 1
    alpha: Scale = 1

    def apply(self) -> Tensor:
        require_rank("addmm", self.mat1, 2, "mat1", "a matrix")
        require_rank("addmm", self.mat2, 2, "mat2", "a matrix")
        return _added(self.input, multiply_matrices(self.mat1, self.mat2, "addmm"), "addmm")


class Baddbmm(_Product, name="baddbmm"):
    """beta * input + alpha * batch1 @ batch2, matrix by matrix."""

    left: ClassVar[str] = "batch1"
    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[*], [N, n, k], [N, k, m]", "[N, n, m]"),)
    examples = (
        Example(
            "baddbmm(mask, q, k, alpha=0.125)",
            "mask: float32[N, T, S], q: float32[N, T, 64], k: float32[N, 64, S]",
            "float32[N, T, S]",
        ),
    )

    input: Input
    batch1: Input
    batch2: Input
    beta: Scale = 1
    alpha: Scale = 1

    def apply(self) -> Tensor:
        _require_batches("baddbmm", self.batch1, self.batch2, ("batch1", "batch2"))
        both = multiply_matrices(self.batch1, self.batch2, "baddbmm")
        return _added(self.input, both, "baddbmm")


class Tensordot(Function, name="tensordot"):
    """The products summed over the last `dims` dimensions of `a` and the first of `b`."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*A, *C], [*C, *B]", "[*A, *B]", "`dims` dimensions in C"),
        Shapes(
            "[*A], [*B]",
            "[*without(A, dims[0]), *without(B, dims[1])]",
            "`dims` is a pair of lists",
        ),
    )
    examples = (
        Example(
            "tensordot(a, b, dims=1)",
            "a: float32[N, T, 8], b: float32[8, 3, 4]",
            "float32[N, T, 3, 4]",
        ),
        Example(
            "tensordot(a, b, dims=((1, 2), (1, 0)))",
            "a: float32[N, 3, 4], b: float32[4, 3, 5]",
            "float32[N, 5]",
        ),
    )

    a: Input
    b: Input
    dims: int | tuple[tuple[int, ...], tuple[int, ...]] = 2

    def apply(self) -> Tensor:
        a, b = self.a, self.b
        require_product("tensordot", a, b)
        first, second = self._axes()
        pairs = [(a.shape[i], b.shape[j]) for i, j in zip(first, second, strict=False)]
        if len(first) != len(second) or not all(map(_meet, pairs)):
            raise Misfit(
                f"`tensordot` sums over dimensions of one size, found "
                f"{write_shape(tuple(a.shape[i] for i in first))} and "
                f"{write_shape(tuple(b.shape[i] for i in second))}",
                label=f"of {write_shape(a.shape)} and {write_shape(b.shape)}",
                help="name the dimensions of both: dims=((1,), (0,))",
                argument="dims",
            )
        left = [size for axis, size in enumerate(a.shape) if axis not in first]
        right = [size for axis, size in enumerate(b.shape) if axis not in second]
        return Tensor((*left, *right), a.dtype)

    def _axes(self) -> tuple[list[int], list[int]]:
        """The dimensions of both that it sums over."""
        a, b = self.a, self.b
        if isinstance(self.dims, tuple | list):
            for x in (a, b):
                require_dimensions(x, "tensordot")
            first = resolve_axes(a, self.dims[0], "tensordot", "dims")
            return first, resolve_axes(b, self.dims[1], "tensordot", "dims")
        count = value_of(self.dims) or 0
        if not 0 <= count <= min(a.rank, b.rank):
            raise Misfit(
                f"`tensordot` cannot sum over {count} dimensions of {write_shape(a.shape)} and "
                f"{write_shape(b.shape)}",
                label="not as many are there",
                help=f"choose `dims` from 0 to {min(a.rank, b.rank)}",
                argument="dims",
            )
        return list(range(a.rank - count, a.rank)), list(range(count))

    def macs(self, output: Tensor) -> Dim:
        pairs = [(self.a.shape[i], self.b.shape[j]) for i, j in zip(*self._axes(), strict=True)]
        # where one side is stretched, torch sums the other first
        return product((*output.shape, *(x for x, y in pairs if agree(x, y))))


def _meet(sizes: tuple[Dim, Dim]) -> bool:
    """Whether a sum can run over both: they are equal, or one of them is stretched."""
    return agree(*sizes) or bool(same(sizes[0], 1) or same(sizes[1], 1))


class Cross(Function, name="cross"):
    """The cross product of vectors of three numbers along `dim`."""

    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[*A], [*B]", "[*broadcast(A, B)]"),)
    examples = (
        Example("cross(a, b, dim=1)", "a: float32[N, 3], b: float32[N, 3]", "float32[N, 3]"),
    )

    input: Input
    other: Input
    dim: int

    def apply(self) -> Tensor:
        dtype = require_one_dtype("cross", (self.input, self.other))
        require_dtype("cross", self.input, NUMBERS)
        if self.input.rank != self.other.rank:
            raise Misfit(
                f"`cross` takes tensors with as many dimensions, found "
                f"{write_shape(self.input.shape)} and {write_shape(self.other.shape)}",
                label=f"{self.input.rank} and {self.other.rank} dimensions",
                help="add dimensions with `unsqueeze`",
            )
        require_dimensions(self.input, "cross")
        axis = resolve_axis(self.input, self.dim, "cross", "dim")
        sizes = self.input.shape[axis], self.other.shape[axis]
        if any(same(size, 3) is False for size in sizes):
            raise Misfit(
                f"`cross` multiplies vectors of three numbers, dimension {axis} has {sizes[0]} and "
                f"{sizes[1]}",
                label="not three",
                help="choose the dimension of size 3",
                argument="dim",
            )
        return Tensor(broadcast("multiply", self.input.shape, self.other.shape), dtype)


class Linear(Functional, name="linear"):
    """input @ weight.T + bias, along the last dimension."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*, k], [n, k]", "[*, n]"),
        Shapes("[*, k], [k]", "[*]"),
    )
    examples = (
        Example(
            "linear(x, w, bias)",
            "x: float32[N, T, 8], w: float32[4, 8], bias: float32[4]",
            "float32[N, T, 4]",
        ),
    )

    input: Input
    weight: Input
    bias: Input | None = None

    def apply(self) -> Tensor:
        x, weight = self.input, self.weight
        require_dimensions(x, "linear")
        if weight.rank not in (1, 2):
            require_rank("linear", weight, 2, "weight", "a matrix [out, in]")
        require_product("linear", x, weight)
        if not agree(x.shape[-1], weight.shape[-1]):
            raise Misfit(
                f"`weight` of `linear` takes {weight.shape[-1]} numbers, found "
                f"{write_shape(x.shape)}",
                label=f"the last dimension has {x.shape[-1]}",
                help="give it the shape [out, in]",
                argument="weight",
            )
        if self.bias is not None:
            require_rank("linear", weight, 2, "weight", "a matrix [out, in] where `bias` is given")
        out = Tensor((*x.shape[:-1], *weight.shape[:-1]), x.dtype)
        return out if self.bias is None else _with_bias(out, self.bias, weight, "linear")

    def macs(self, output: Tensor) -> Dim:
        return product((*output.shape, self.input.shape[-1]))


def _with_bias(out: Tensor, bias: Tensor, weight: Tensor, title: str) -> Tensor:
    require_one_dtype(title, (out, bias))
    wanted = weight.shape[:-1]
    if bias.rank != len(wanted) or not all(map(same, bias.shape, wanted)):
        raise Misfit(
            f"`bias` of `{title}` has shape {write_shape(wanted)}, found {write_shape(bias.shape)}",
            label=f"`weight` is {write_shape(weight.shape)}",
            help="give it a number for each output",
            argument="bias",
        )
    return out


class Kron(Function, name="kron"):
    """Each number of one tensor times all of another, block by block."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[n], [m]", "[n * m]"),
        Shapes("[n, m], [p, q]", "[n * p, m * q]", "likewise for any number of dimensions"),
    )
    examples = (Example("kron(a, b)", "a: float32[2, 3], b: float32[4, 5]", "float32[8, 15]"),)

    input: Input
    other: Input

    def apply(self) -> Tensor:
        rank = max(self.input.rank, self.other.rank)
        a, b = ((1,) * (rank - x.rank) + x.shape for x in (self.input, self.other))
        shape = tuple(x * y for x, y in zip(a, b, strict=True))
        return Tensor(shape, promote(self.input.dtype, self.other.dtype))
