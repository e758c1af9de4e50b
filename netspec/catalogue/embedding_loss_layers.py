"""Losses of tensors that shall be near each other or far apart, or in an order, as layers."""

from typing import Annotated, ClassVar

from netspec.catalogue.functions import embedding_loss as rules
from netspec.catalogue.functions.loss_function import KeywordReduction, LossFunction, NothingElse
from netspec.catalogue.layer import Example
from netspec.catalogue.loss_layers import LossLayer
from netspec.catalogue.signature import KEYWORD, KeywordFlag, PositiveFloat


class CosineEmbeddingLoss(LossLayer):
    """1 - cos(input1, input2) where the target is 1; max(0, cos - margin) where it is -1.

    `[N, D]`, `[N, D]` and `[N]`, or `[D]`, `[D]` and `[]`.
    """

    rule: ClassVar[type[LossFunction]] = rules.CosineEmbeddingLoss
    takes: ClassVar[tuple[str, ...]] = ("input1", "input2", "target")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("CosineEmbeddingLoss", "float32[N, 8], float32[N, 8], int64[N]", "float32[]"),
    )

    margin: float = 0.0
    reduction: KeywordReduction = "mean"


class MarginRankingLoss(LossLayer):
    """max(0, margin - target * (input1 - input2)): a target of 1 says that input1 is larger."""

    rule: ClassVar[type[LossFunction]] = rules.MarginRankingLoss
    takes: ClassVar[tuple[str, ...]] = ("input1", "input2", "target")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("MarginRankingLoss(0.1)", "float32[N], float32[N], float32[N]", "float32[]"),
    )

    margin: float = 0.0
    reduction: KeywordReduction = "mean"


class TripletMarginLoss(LossLayer):
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), with the p-norm as distance d.

    `[*, D]` three times: with reduction="none", `[*]`. With `swap`, the distance of `positive` and
    `negative` counts where it is the smaller.
    """

    rule: ClassVar[type[LossFunction]] = rules.TripletMarginLoss
    takes: ClassVar[tuple[str, ...]] = ("anchor", "positive", "negative")
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "TripletMarginLoss(0.5)", "float32[N, 8], float32[N, 8], float32[N, 8]", "float32[]"
        ),
    )

    margin: PositiveFloat = 1.0
    p: PositiveFloat = 2.0
    eps: float = 1e-06
    swap: bool = False
    reduction: KeywordReduction = "mean"


class TripletMarginWithDistanceLoss(LossLayer):
    """As TripletMarginLoss, with the distance of `PairwiseDistance`.

    `distance_function` can only be None: a spec has no functions as arguments.
    """

    rule: ClassVar[type[LossFunction]] = rules.TripletMarginWithDistanceLoss
    takes: ClassVar[tuple[str, ...]] = ("anchor", "positive", "negative")
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            'TripletMarginWithDistanceLoss(swap=True, reduction="none")',
            "float32[N, 8], float32[N, 8], float32[N, 8]",
            "float32[N]",
        ),
    )

    distance_function: NothingElse = None
    margin: Annotated[PositiveFloat, KEYWORD] = 1.0
    swap: KeywordFlag = False
    reduction: KeywordReduction = "mean"
