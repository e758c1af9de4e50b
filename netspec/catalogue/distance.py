"""How near the vectors of one tensor are to those of another."""

from typing import ClassVar

from netspec.catalogue.example import Shapes
from netspec.catalogue.layer import Example, Layer, Misfit
from netspec.catalogue.shapes import resolve_axis
from netspec.catalogue.signature import NonNegativeFloat
from netspec.elementwise import broadcast, promote
from netspec.tensor import FLOATING, INTEGER, Tensor


class CosineSimilarity(Layer):
    """x1 · x2 / (|x1| |x2|) over dimension `dim`."""

    dtypes: ClassVar[frozenset[str]] = FLOATING | INTEGER | {"bool"}
    takes: ClassVar[tuple[str, ...]] = ("x1", "x2")
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*A], [*B]", "[*without(broadcast(A, B), dim)]"),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("CosineSimilarity", "float32[N, 8], float32[N, 8]", "float32[N]"),
    )

    dim: int = 1
    eps: NonNegativeFloat = 1e-08

    def output(self, x1: Tensor, x2: Tensor) -> Tensor:
        both = _join(x1, x2)
        if both.dtype not in FLOATING:
            raise Misfit(
                f"`CosineSimilarity` takes floating point tensors, found {x1.dtype} and {x2.dtype}",
                label="neither has fractions",
                help="convert one of them to float32 first",
            )
        axis = resolve_axis(both, self.dim, "CosineSimilarity", "dim")
        return Tensor((*both.shape[:axis], *both.shape[axis + 1 :]), both.dtype)


class PairwiseDistance(Layer):
    """The p-norm of x1 - x2 over the last dimension."""

    dtypes: ClassVar[frozenset[str]] = FLOATING | INTEGER
    takes: ClassVar[tuple[str, ...]] = ("x1", "x2")
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*A, n], [*B, n]", "[*broadcast(A, B)]"),
        Shapes("[*A, n], [*B, n]", "[*broadcast(A, B), 1]", "keepdim=True"),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("PairwiseDistance", "float32[N, 8], float32[N, 8]", "float32[N]"),
        Example("PairwiseDistance(1, keepdim=True)", "float32[N, 8], float32[8]", "float32[N, 1]"),
    )

    p: float = 2.0
    eps: float = 1e-06
    keepdim: bool = False

    def output(self, x1: Tensor, x2: Tensor) -> Tensor:
        if x2.dtype not in self.dtypes:
            raise Misfit(
                f"`x2` of `PairwiseDistance` must be numbers, found {x2.dtype}",
                label=f"this is {x2}",
                help="convert it to float32 first",
                argument="x2",
            )
        both = _join(x1, x2)
        dtype = both.dtype if both.dtype in FLOATING else "float32"
        kept = (1,) if self.keepdim and both.shape else ()
        return Tensor((*both.shape[:-1], *kept), dtype)


def _join(x1: Tensor, x2: Tensor) -> Tensor:
    return Tensor(broadcast("compare", x1.shape, x2.shape), promote(x1.dtype, x2.dtype))
