"""Losses of logits or probabilities and the classes that they should name, as layers.

A weight has a number for each class, and becomes a buffer: `CrossEntropyLoss(weight=[1.0, 2.0])`.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from netspec.catalogue.example import Shapes
from netspec.catalogue.functions import label_loss as rules
from netspec.catalogue.functions.loss_function import (
    KeywordReduction,
    LossFunction,
    NothingElse,
    Reduction,
)
from netspec.catalogue.functions.sequence_loss import CtcLoss
from netspec.catalogue.layer import Example, require_rank
from netspec.catalogue.loss_layers import KeywordWeights, LossLayer, Weights
from netspec.catalogue.signature import (
    KEYWORD,
    InferredInt,
    KeywordFlag,
    NonNegativeInt,
    PositiveInt,
    Probability,
)
from netspec.dim import Dim, product
from netspec.tensor import Shape, Tensor


class CrossEntropyLoss(LossLayer):
    """Cross entropy of logits and labels, or of logits and a probability for each class.

    `[N, C, *]` and int64 `[N, *]`, or floating point `[N, C, *]`; or `[C]` and `[]`, or `[C]`.
    """

    stateless: ClassVar[bool] = False
    rule: ClassVar[type[LossFunction]] = rules.CrossEntropy
    examples: ClassVar[tuple[Example, ...]] = (
        Example("CrossEntropyLoss(label_smoothing=0.1)", "float32[N, 10], int64[N]", "float32[]"),
        Example("CrossEntropyLoss", "float32[N, 10], float32[N, 10]", "float32[]"),
        Example(
            'CrossEntropyLoss([1.0, 2.0, 0.5], reduction="none")',
            "float32[N, 3, H, W], int64[N, H, W]",
            "float32[N, H, W]",
        ),
    )

    weight: Weights = None
    ignore_index: Annotated[int, KEYWORD] = -100
    reduction: KeywordReduction = "mean"
    label_smoothing: Annotated[Probability, KEYWORD] = 0.0


class NLLLoss(LossLayer):
    """Minus the log probability of each label: `[N, C, *]` and `[N, *]`, or `[C]` and `[]`."""

    stateless: ClassVar[bool] = False
    rule: ClassVar[type[LossFunction]] = rules.NllLoss
    examples: ClassVar[tuple[Example, ...]] = (
        Example("NLLLoss(ignore_index=0)", "float32[N, 10, T], int64[N, T]", "float32[]"),
    )

    weight: Weights = None
    ignore_index: Annotated[int, KEYWORD] = -100
    reduction: KeywordReduction = "mean"


class LinearCrossEntropyLoss(LossLayer):
    """A Linear without an output of its own, and the cross entropy of its logits.

    `[N, in_features]` and labels `[N, *out_features]`, or probabilities `[N, C, *out_features]`;
    without `out_features` also `[in_features]` and `[]`, or `[C]`. `options`, how torch cuts the
    work into pieces, can only be None.
    """

    stateless: ClassVar[bool] = False
    rule: ClassVar[type[LossFunction]] = rules.LinearCrossEntropy
    dtypes: ClassVar[frozenset[str]] = frozenset({"float32"})
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[N, in_features], [N, *out_features]", "[]"),
        Shapes("[N, in_features], [N, *out_features]", "[N, *out_features]", 'reduction="none"'),
        Shapes("[N, in_features], [N, C, *out_features]", "[]"),
        Shapes("[N, in_features], [N, C, *out_features]", "[N, *out_features]", 'reduction="none"'),
        Shapes("[in_features], []", "[]"),
        Shapes("[in_features], [C]", "[]"),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("LinearCrossEntropyLoss(50000)", "float32[N, 64], int64[N]", "float32[]"),
        Example(
            'LinearCrossEntropyLoss(10, out_features=(4,), bias=True, reduction="none")',
            "float32[N, 64], int64[N, 4]",
            "float32[N, 4]",
        ),
    )

    in_features: InferredInt
    num_classes: PositiveInt
    out_features: Annotated[tuple[PositiveInt, ...], KEYWORD] = ()
    bias: KeywordFlag = False
    reduction: KeywordReduction = "mean"
    weight: KeywordWeights = None
    ignore_index: Annotated[int | None, KEYWORD] = None
    label_smoothing: Annotated[Probability, KEYWORD] = 0.0
    options: NothingElse = None

    def infer(self, x: Tensor, target: Tensor) -> Mapping[str, Dim]:
        require_rank(self, x, (1, 2), "[N, in_features], or [in_features] alone")
        return {"in_features": x.shape[-1]}

    def call(self, x: Tensor, target: Tensor) -> LossFunction:
        own = ("in_features", "num_classes", "out_features", "bias")
        rest = {name: value for name, value in self.given.items() if name not in own}
        rest |= {name: Tensor(shape) for name, shape in self.buffers().items()}
        weight = Tensor((self.num_classes, *self.out_features, x.shape[-1]))
        made = self.rule(x, weight, target, **rest)
        made.title = type(self).__name__
        return made

    def parameters(self) -> Mapping[str, Shape]:
        width = product((self.num_classes, *self.out_features))
        weight: dict[str, Shape] = {"linear.weight": (width, self.in_features)}
        return weight | ({"linear.bias": (width,)} if self.bias else {})

    def inside(self) -> Mapping[str, str]:
        return {"linear": "Linear"}

    def macs(self, x: Tensor, y: Tensor, *rest: Any) -> Dim:
        return product((*x.shape, self.num_classes, *self.out_features))


class MultiMarginLoss(LossLayer):
    """max(0, margin - input[label] + input[i])ᵖ over all other classes i, divided by C.

    `[N, C]` and labels int64 `[N]`, or `[C]` and `[]`.
    """

    stateless: ClassVar[bool] = False
    rule: ClassVar[type[LossFunction]] = rules.MultiMarginLoss
    examples: ClassVar[tuple[Example, ...]] = (
        Example("MultiMarginLoss(p=2)", "float32[N, 10], int64[N]", "float32[]"),
    )

    p: Literal[1, 2] = 1
    margin: float = 1.0
    weight: Weights = None
    reduction: KeywordReduction = "mean"


class MultiLabelMarginLoss(LossLayer):
    """max(0, 1 - input[label] + input[i]) over the labels and all other classes i, divided by C.

    `[N, C]` and int64 `[N, C]`, or `[C]` and `[C]`: the labels of each sample, then -1.
    """

    rule: ClassVar[type[LossFunction]] = rules.MultilabelMarginLoss
    examples: ClassVar[tuple[Example, ...]] = (
        Example("MultiLabelMarginLoss", "float32[N, 10], int64[N, 10]", "float32[]"),
    )

    reduction: KeywordReduction = "mean"


class CTCLoss(LossLayer):
    """Connectionist temporal classification: minus the log probability of a sequence of labels.

    `log_probs` `[T, N, C]`; `targets` `[N, S]`, or one after the other in one dimension;
    `input_lengths` and `target_lengths` `[N]`. Without a batch `[T, C]`, `[S]`, `[]` and `[]`.
    Class `blank` stands for none of the labels.
    """

    rule: ClassVar[type[LossFunction]] = CtcLoss
    dtypes: ClassVar[frozenset[str]] = frozenset({"float32", "float64"})
    takes: ClassVar[tuple[str, ...]] = ("log_probs", "targets", "input_lengths", "target_lengths")
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "CTCLoss(zero_infinity=True)",
            "float32[T, N, 20], int64[N, S], int64[N], int64[N]",
            "float32[]",
        ),
    )

    blank: NonNegativeInt = 0
    reduction: Reduction = "mean"
    zero_infinity: bool = False
