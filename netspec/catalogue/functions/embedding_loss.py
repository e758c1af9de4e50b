"""Losses of two or three tensors that shall be near each other or far apart, or in an order."""

from typing import Annotated, ClassVar

from netspec.catalogue.dtypes import REAL, TRUTH
from netspec.catalogue.example import Shapes
from netspec.catalogue.function import Example
from netspec.catalogue.functions.loss_function import (
    KeywordReduction,
    LossFunction,
    NothingElse,
    are_alike,
    pairs,
)
from netspec.catalogue.shapes import require_dimensions
from netspec.catalogue.signature import KEYWORD, Input, KeywordFlag, PositiveFloat
from netspec.elementwise import promote
from netspec.misfit import Misfit
from netspec.tensor import Tensor, write_shape


class CosineEmbeddingLoss(LossFunction, name="cosine_embedding_loss"):
    """1 - cos(input1, input2) where the target is 1; max(0, cos - margin) where it is -1.

    `[N, D]`, `[N, D]` and `[N]`, or `[D]`, `[D]` and `[]`.
    """

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[N, D], [N, D], [N]", "[]"),
        Shapes("[N, D], [N, D], [N]", "[N]", 'reduction="none"'),
        Shapes("[D], [D], []", "[]"),
    )
    examples = (
        Example(
            "cosine_embedding_loss(a, b, target)",
            "a: float32[N, 8], b: float32[N, 8], target: int64[N]",
            "float32[]",
        ),
        Example(
            'cosine_embedding_loss(a, b, target, reduction="none")',
            "a: float32[N, 8], b: float32[N, 8], target: int64[N]",
            "float32[N]",
        ),
    )

    input1: Input
    input2: Input
    target: Input
    margin: float = 0
    reduction: KeywordReduction = "mean"

    def apply(self) -> Tensor:
        self.require_dtypes(("input1", "input2"))
        self.require_dtypes(("target",), REAL | TRUTH)
        shape = self.require_one_shape("input1", "input2")
        if len(shape) not in (1, 2):
            raise Misfit(
                f"`{self.title}` takes vectors [N, D] or [D], found {write_shape(shape)}",
                label=f"{len(shape)} dimensions",
                help="bring them to two dimensions first, with `reshape` or `flatten`",
                argument="input1",
            )
        if not are_alike(self.target.shape, shape[:-1]):
            raise Misfit(
                f"`target` of `{self.title}` must be {write_shape(shape[:-1])}, "
                f"found {write_shape(self.target.shape)}",
                label=f"the inputs have shape {write_shape(shape)}",
                help="it has a 1 or -1 for each pair of vectors",
                argument="target",
                equal=pairs(self.target.shape, shape[:-1]),
            )
        return self.reduced(shape[:-1], promote(self.input1.dtype, self.input2.dtype))


class MarginRankingLoss(LossFunction, name="margin_ranking_loss"):
    """max(0, margin - target * (input1 - input2)): a target of 1 says that input1 is larger."""

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*], [*], [*]", "[]"),
        Shapes("[*], [*], [*]", "[*]", 'reduction="none"'),
    )
    examples = (
        Example(
            "margin_ranking_loss(a, b, target, margin=0.1)",
            "a: float32[N], b: float32[N], target: float32[N]",
            "float32[]",
        ),
    )

    input1: Input
    input2: Input
    target: Input
    margin: float = 0
    reduction: KeywordReduction = "mean"

    def apply(self) -> Tensor:
        self.require_dtypes(("input1", "input2"))
        self.require_dtypes(("target",), REAL)
        shape = self.require_one_shape("input1", "input2", "target")
        dtype = promote(self.input1.dtype, self.input2.dtype)
        return self.reduced(shape, promote(dtype, self.target.dtype))


class _Triplet(LossFunction):
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[*, D], [*, D], [*, D]", "[]"),
        Shapes("[*, D], [*, D], [*, D]", "[*]", 'reduction="none"'),
    )
    against: ClassVar[str] = ""

    anchor: Input
    positive: Input
    negative: Input

    def apply(self) -> Tensor:
        self.require_dtypes(("anchor", "positive", "negative"))
        shape = self.require_one_shape("anchor", "positive", "negative")
        require_dimensions(self.anchor, self.title)
        dtype = promote(self.anchor.dtype, self.positive.dtype)
        return self.reduced(shape[:-1], promote(dtype, self.negative.dtype))


class TripletMarginLoss(_Triplet, name="triplet_margin_loss"):
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), with the p-norm as distance d.

    `[*, D]` three times: with reduction="none", `[*]`. With `swap`, the distance of `positive` and
    `negative` counts where it is the smaller.
    """

    examples = (
        Example(
            "triplet_margin_loss(a, p, n)",
            "a: float32[N, 8], p: float32[N, 8], n: float32[N, 8]",
            "float32[]",
        ),
        Example(
            'triplet_margin_loss(a, p, n, reduction="none")',
            "a: float32[N, 8], p: float32[N, 8], n: float32[N, 8]",
            "float32[N]",
        ),
    )

    margin: PositiveFloat = 1.0
    p: PositiveFloat = 2
    eps: float = 1e-06
    swap: bool = False
    reduction: KeywordReduction = "mean"


class TripletMarginWithDistanceLoss(_Triplet, name="triplet_margin_with_distance_loss"):
    """As triplet_margin_loss, with the distance of `pairwise_distance`.

    `distance_function` can only be None: a spec has no functions as arguments.
    """

    examples = (
        Example(
            "triplet_margin_with_distance_loss(a, p, n, swap=True)",
            "a: float32[N, 8], p: float32[N, 8], n: float32[N, 8]",
            "float32[]",
        ),
    )

    distance_function: NothingElse = None
    margin: Annotated[PositiveFloat, KEYWORD] = 1.0
    swap: KeywordFlag = False
    reduction: KeywordReduction = "mean"
