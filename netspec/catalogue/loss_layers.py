"""Losses of two tensors of one shape, as layers.

The class of torch keeps the arguments of its function, and gives what the function gives. A weight
is written as a list of numbers, and becomes a buffer of float32: `BCELoss(weight=[1.0, 2.0])`. A
weight of more dimensions, or one that flows, goes with the function.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import MinLen

from netspec.catalogue.functions import loss as rules
from netspec.catalogue.functions.loss_function import (
    KeywordFloat,
    KeywordReduction,
    LossFunction,
    Reduction,
)
from netspec.catalogue.layer import Example, Layer
from netspec.catalogue.signature import (
    KEYWORD,
    NUMBERS,
    KeywordFlag,
    NonNegativeFloat,
    PositiveFloat,
)
from netspec.tensor import COMPLEX, FLOATING, Shape, Tensor, Type

Weights = Annotated[Annotated[tuple[float, ...], MinLen(1)] | None, NUMBERS]
KeywordWeights = Annotated[Annotated[tuple[float, ...], MinLen(1)] | None, NUMBERS, KEYWORD]


class LossLayer(Layer, abstract=True):
    """A loss of torch.nn.

    `rule`: the function that forward calls, with the shape rule that the two share.
    `against`: the input that the output is compared with, "" where there is none.
    """

    rule: ClassVar[type[LossFunction]] = LossFunction
    against: ClassVar[str] = LossFunction.against
    takes: ClassVar[tuple[str, ...]] = ("input", "target")

    def __init_subclass__(cls, aliases: tuple[str, ...] = (), abstract: bool = False) -> None:
        super().__init_subclass__(aliases, abstract)
        cls.against = cls.rule.against
        cls.shapes = vars(cls).get("shapes", cls.rule.shapes)

    def require_dtype(self, x: Tensor) -> None:
        """The rule looks at the dtypes."""

    def output(self, *bound: Any) -> Type:
        return self.call(*bound).apply()

    def call(self, *bound: Any) -> LossFunction:
        """The call of the function that forward makes."""
        weights = {name: Tensor(shape) for name, shape in self.buffers().items()}
        made = self.rule(*bound, **{**self.given, **weights})
        made.title = type(self).__name__
        return made

    def buffers(self) -> Mapping[str, Shape]:
        return {
            name: (len(self.given[name]),)
            for name, field in self.fields().items()
            if field.numbers and self.given.get(name) is not None
        }


class MSELoss(LossLayer):
    """(input - target)²: two tensors of one shape."""

    rule: ClassVar[type[LossFunction]] = rules.MseLoss
    examples: ClassVar[tuple[Example, ...]] = (
        Example("MSELoss", "float32[N, 8], float32[N, 8]", "float32[]"),
        Example('MSELoss(reduction="none")', "float32[N, 8], float32[N, 8]", "float32[N, 8]"),
    )

    reduction: KeywordReduction = "mean"


class L1Loss(LossLayer):
    """|input - target|: two tensors of one shape."""

    rule: ClassVar[type[LossFunction]] = rules.L1Loss
    dtypes: ClassVar[frozenset[str]] = FLOATING | COMPLEX
    examples: ClassVar[tuple[Example, ...]] = (
        Example("L1Loss", "float32[N, 3, H, W], float32[N, 3, H, W]", "float32[]"),
    )

    reduction: KeywordReduction = "mean"


class SmoothL1Loss(LossLayer):
    """(input - target)² / (2 beta) below a difference `beta`, else difference - beta / 2."""

    rule: ClassVar[type[LossFunction]] = rules.SmoothL1Loss
    examples: ClassVar[tuple[Example, ...]] = (
        Example("SmoothL1Loss(beta=0.5)", "float32[N, 4], float32[N, 4]", "float32[]"),
    )

    reduction: KeywordReduction = "mean"
    beta: Annotated[NonNegativeFloat, KEYWORD] = 1.0


class HuberLoss(LossLayer):
    """(input - target)² / 2 below a difference `delta`, else delta * (difference - delta / 2)."""

    rule: ClassVar[type[LossFunction]] = rules.HuberLoss
    examples: ClassVar[tuple[Example, ...]] = (
        Example("HuberLoss(delta=2.0)", "float32[N, 4], float32[N, 4]", "float32[]"),
    )

    reduction: Reduction = "mean"
    delta: PositiveFloat = 1.0


class BCELoss(LossLayer):
    """Cross entropy of probabilities and targets from 0 to 1; `weight` is stretched to them."""

    stateless: ClassVar[bool] = False
    rule: ClassVar[type[LossFunction]] = rules.BinaryCrossEntropy
    examples: ClassVar[tuple[Example, ...]] = (
        Example("BCELoss", "float32[N, 1], float32[N, 1]", "float32[]"),
        Example("BCELoss(weight=[1.0, 2.0])", "float32[N, 2], float32[N, 2]", "float32[]"),
    )

    weight: Weights = None
    reduction: KeywordReduction = "mean"


class BCEWithLogitsLoss(LossLayer):
    """Cross entropy of the sigmoid of logits and targets from 0 to 1.

    `weight` weighs each number, `pos_weight` those whose target is 1; both are stretched.
    """

    stateless: ClassVar[bool] = False
    rule: ClassVar[type[LossFunction]] = rules.BinaryCrossEntropyWithLogits
    examples: ClassVar[tuple[Example, ...]] = (
        Example("BCEWithLogitsLoss", "float32[N, 1, H, W], float32[N, 1, H, W]", "float32[]"),
        Example(
            "BCEWithLogitsLoss(pos_weight=[3.0, 1.5])",
            "float32[N, 2], float32[N, 2]",
            "float32[]",
        ),
    )

    weight: Weights = None
    reduction: KeywordReduction = "mean"
    pos_weight: KeywordWeights = None


class KLDivLoss(LossLayer):
    """target * (log(target) - input): the input is a logarithm, with `log_target` the target, too.

    "batchmean" divides by the size of the first dimension, as the divergence wants it; "mean"
    divides by the number of all places.
    """

    rule: ClassVar[type[LossFunction]] = rules.KlDiv
    examples: ClassVar[tuple[Example, ...]] = (
        Example('KLDivLoss(reduction="batchmean")', "float32[N, 9], float32[N, 9]", "float32[]"),
    )

    reduction: Annotated[Literal["none", "batchmean", "mean", "sum"], KEYWORD] = "mean"
    log_target: KeywordFlag = False


class PoissonNLLLoss(LossLayer):
    """exp(input) - target * input, or input - target * log(input + eps) without `log_input`."""

    rule: ClassVar[type[LossFunction]] = rules.PoissonNllLoss
    takes: ClassVar[tuple[str, ...]] = ("log_input", "target")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("PoissonNLLLoss(full=True)", "float32[N, 5], float32[N, 5]", "float32[]"),
    )

    log_input: bool = True
    full: bool = False
    eps: KeywordFloat = 1e-08
    reduction: KeywordReduction = "mean"


class GaussianNLLLoss(LossLayer):
    """(log(var) + (input - target)² / var) / 2, with `var` at least `eps`.

    `var` is a tensor of the input's shape, which may lack the last dimension, or have size 1 in
    one. A number in its place is for `gaussian_nll_loss`.
    """

    rule: ClassVar[type[LossFunction]] = rules.GaussianNllLoss
    takes: ClassVar[tuple[str, ...]] = ("input", "target", "var")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("GaussianNLLLoss", "float32[N, 4], float32[N, 4], float32[N, 4]", "float32[]"),
        Example(
            'GaussianNLLLoss(reduction="none")',
            "float32[N, 4], float32[N, 4], float32[N, 1]",
            "float32[N, 4]",
        ),
    )

    full: KeywordFlag = False
    eps: KeywordFloat = 1e-06
    reduction: KeywordReduction = "mean"


class HingeEmbeddingLoss(LossLayer):
    """The input, a distance, where the target is 1; max(0, margin - input) where it is -1."""

    rule: ClassVar[type[LossFunction]] = rules.HingeEmbeddingLoss
    examples: ClassVar[tuple[Example, ...]] = (
        Example("HingeEmbeddingLoss(0.5)", "float32[N], int64[N]", "float32[]"),
    )

    margin: float = 1.0
    reduction: KeywordReduction = "mean"


class SoftMarginLoss(LossLayer):
    """log(1 + exp(-target * input)), with targets 1 and -1."""

    rule: ClassVar[type[LossFunction]] = rules.SoftMarginLoss
    examples: ClassVar[tuple[Example, ...]] = (
        Example("SoftMarginLoss", "float32[N, 4], float32[N, 4]", "float32[]"),
    )

    reduction: KeywordReduction = "mean"


class MultiLabelSoftMarginLoss(LossLayer):
    """Binary cross entropy of logits `[*, C]` and targets 0 or 1, a mean over the classes."""

    stateless: ClassVar[bool] = False
    rule: ClassVar[type[LossFunction]] = rules.MultilabelSoftMarginLoss
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            'MultiLabelSoftMarginLoss(reduction="none")',
            "float32[N, 8], float32[N, 8]",
            "float32[N]",
        ),
    )

    weight: Weights = None
    reduction: KeywordReduction = "mean"
