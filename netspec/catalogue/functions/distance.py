"""How far vectors are from each other: angles, and norms of differences."""

from typing import ClassVar

from netspec.catalogue.dtypes import (
    NUMBERS,
    as_floating,
    as_modulus,
    require_dtype,
    require_one_dtype,
)
from netspec.catalogue.example import Shapes
from netspec.catalogue.function import Example, Function, Functional
from netspec.catalogue.functions.matrix import require_rank
from netspec.catalogue.shapes import require_dimensions, resolve_axis
from netspec.catalogue.signature import Input, NonNegativeFloat
from netspec.compare import agree
from netspec.dim import Dim, divide
from netspec.elementwise import broadcast, result_type
from netspec.misfit import Misfit
from netspec.tensor import FLOATING, Tensor, write_shape


class CosineSimilarity(Functional, name="cosine_similarity"):
    """The cosine of the angle between vectors along `dim`."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*A], [*B]", "[*without(broadcast(A, B), dim)]"),
    )
    examples = (
        Example("cosine_similarity(a, b)", "a: float32[N, 8], b: float32[N, 8]", "float32[N]"),
        Example(
            "cosine_similarity(a, b, dim=-1)",
            "a: float32[N, 1, 8], b: float32[M, 8]",
            "float32[N, M]",
        ),
    )

    x1: Input
    x2: Input
    dim: int = 1
    eps: NonNegativeFloat = 1e-08

    def apply(self) -> Tensor:
        dtype = result_type(self.x1, self.x2)
        if dtype not in FLOATING:
            for x in (self.x1, self.x2):
                require_dtype("cosine_similarity", x, FLOATING)
        both = Tensor(broadcast("compare", self.x1.shape, self.x2.shape), dtype)
        axis = resolve_axis(both, self.dim, "cosine_similarity", "dim")
        return Tensor((*both.shape[:axis], *both.shape[axis + 1 :]), dtype)


class PairwiseDistance(Functional, name="pairwise_distance"):
    """The p-norm of the difference of vectors along the last dimension."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*A, n], [*B, n]", "[*broadcast(A, B)]"),
        Shapes("[*A, n], [*B, n]", "[*broadcast(A, B), 1]", "keepdim=True"),
    )
    examples = (
        Example("pairwise_distance(a, b)", "a: float32[N, 8], b: float32[N, 8]", "float32[N]"),
        Example(
            "pairwise_distance(a, b, keepdim=True)",
            "a: float32[N, 8], b: float32[N, 8]",
            "float32[N, 1]",
        ),
    )

    x1: Input
    x2: Input
    p: float = 2.0
    eps: float = 1e-06
    keepdim: bool = False

    def apply(self) -> Tensor:
        for x in (self.x1, self.x2):
            require_dtype("pairwise_distance", x, NUMBERS)
        shape = broadcast("compare", self.x1.shape, self.x2.shape)
        dtype = as_modulus(as_floating(result_type(self.x1, self.x2)))
        if self.keepdim:
            return Tensor((*shape[:-1], 1) if shape else (), dtype)
        return Tensor(shape[:-1], dtype)


class Cdist(Function, name="cdist"):
    """The p-norm distance of each row of one matrix to each of another: [..., P, R]."""

    dtypes: ClassVar[frozenset[str]] = frozenset({"float32", "float64"})
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*A, P, n], [*B, R, n]", "[*broadcast(A, B), P, R]"),
    )
    examples = (
        Example("cdist(x, centres)", "x: float32[N, 8], centres: float32[10, 8]", "float32[N, 10]"),
    )

    x1: Input
    x2: Input
    p: NonNegativeFloat = 2.0

    def apply(self) -> Tensor:
        a, b = self.x1, self.x2
        for x, name in ((a, "x1"), (b, "x2")):
            require_dtype("cdist", x, self.dtypes, name)
            require_dimensions(x, "cdist", 2)
        if not agree(a.shape[-1], b.shape[-1]):
            raise Misfit(
                f"`cdist` compares rows of one length, found {a.shape[-1]} and {b.shape[-1]}",
                label=f"{write_shape(a.shape)} and {write_shape(b.shape)}",
                help="give both the same last dimension",
                argument="x2",
            )
        batch = broadcast("compare", a.shape[:-2], b.shape[:-2])
        return Tensor((*batch, a.shape[-2], b.shape[-2]), require_one_dtype("cdist", (a, b)))


class Pdist(Functional, name="pdist"):
    """The p-norm distance of each pair of rows."""

    shapes: ClassVar[tuple[Shapes, ...]] = (Shapes("[n, m]", "[n * (n - 1) // 2]"),)
    examples = (Example("x -> pdist", "x: float32[4, 8]", "float32[6]"),)

    input: Input
    p: NonNegativeFloat = 2.0

    def apply(self) -> Tensor:
        require_dtype("pdist", self.input, frozenset({"float32", "float64"}))
        require_rank("pdist", self.input, 2, "input", "a matrix")
        rows: Dim = self.input.shape[0]
        return Tensor((divide(rows * (rows - 1), 2),), self.input.dtype)
