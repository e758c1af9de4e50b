"""Losses of logits or probabilities and the classes that they should name."""

from typing import Annotated, ClassVar, Literal

from netspec.catalogue.dtypes import require_dtype
from netspec.catalogue.example import Shapes
from netspec.catalogue.function import Example
from netspec.catalogue.functions.loss_function import (
    KeywordInput,
    KeywordReduction,
    LossFunction,
    NothingElse,
    are_alike,
    pairs,
)
from netspec.catalogue.signature import KEYWORD, Input, Probability
from netspec.compare import agree, at_least, same
from netspec.dim import Dim, product, value_of
from netspec.elementwise import result_type
from netspec.misfit import Misfit
from netspec.tensor import FLOATING, Shape, Tensor, write_shape


class _Labels(LossFunction):
    """A loss of an output `[N, C, *]` and labels `[N, *]`, or `[C]` and `[]`."""

    def logits(self) -> Tensor:
        """The output, with a place for each class."""
        raise NotImplementedError

    def labels(self) -> Tensor:
        """What it is compared with."""
        raise NotImplementedError

    def classes(self) -> Dim:
        """How many classes the output tells apart."""
        return self.logits().shape[1 if self.logits().rank > 1 else 0]

    def require_classes(self, classes: int) -> None:
        if self.labels().dtype in FLOATING or at_least(self.classes(), classes) is not False:
            return
        raise Misfit(
            f"the labels have {classes} classes, the output has {value_of(self.classes())}",
            label=f"the output is {write_shape(self.logits().shape)}",
            help=f"end the net with {classes} outputs",
        )

    def labels_taken(self) -> tuple[Dim, int | None] | None:
        if self.labels().dtype in FLOATING:
            return None
        return self.classes(), getattr(self, "ignore_index", None)

    def places(self) -> Shape:
        """The shape of the output without the dimension of the classes."""
        output = self.logits().shape
        return (*output[:1], *output[2:]) if len(output) > 1 else ()

    def require_labels(self) -> None:
        """Refuse labels of another shape than `places`, or of another dtype than int64."""
        output, target, places = self.logits().shape, self.labels(), self.places()
        if target.dtype != "int64":
            raise Misfit(
                f"`{self.title}` takes labels of dtype int64, found {target.dtype}",
                label=f"`target` is {target}",
                help="compare numbers with `mse_loss` or `l1_loss`"
                if target.dtype in FLOATING
                else "turn them into it first: `-> to(int64)`",
                argument="target",
            )
        if not are_alike(target.shape, places):
            raise Misfit(
                f"`{self.title}` takes labels {write_shape(places)} with an output "
                f"{write_shape(output)}, found {write_shape(target.shape)}",
                label=f"`target` is {target}",
                help=_labels_help(output, target.shape),
                argument="target",
                equal=pairs(target.shape, places),
            )

    def require_class_weights(self, weight: Tensor | None) -> None:
        """Refuse weights that are not one for each class."""
        if weight is None:
            return
        if weight.dtype != self.logits().dtype:
            raise Misfit(
                f"`weight` of `{self.title}` must be {self.logits().dtype} as the output is, "
                f"found {weight.dtype}",
                label=f"`weight` is {weight}",
                help=f"turn the output or the weights into the other's dtype: "
                f"`-> to({weight.dtype})`",
                argument="weight",
            )
        if weight.rank != 1 or not agree(weight.shape[0], self.classes()):
            raise Misfit(
                f"`weight` of `{self.title}` has a number for each of {self.classes()} classes, "
                f"found {write_shape(weight.shape)}",
                label=f"the output is {write_shape(self.logits().shape)}",
                help="give one weight for each class",
                argument="weight",
                equal=[(weight.shape[0], self.classes())] if weight.rank == 1 else [],
            )

    def require_output(self, ranks: tuple[int, ...], wanted: str) -> None:
        """Refuse an output without classes, or of no float."""
        require_dtype(self.title, self.logits(), FLOATING, "input")
        rank = self.logits().rank
        if rank == 0 or (ranks and rank not in ranks):
            raise Misfit(
                f"`{self.title}` takes outputs {wanted}, found {write_shape(self.logits().shape)}",
                label=f"the output has {rank} dimension{'s' if rank != 1 else ''}",
                help="end the net with `Flatten` and `Linear(classes)`"
                if rank
                else "the dimension of the classes is missing",
                argument="input",
            )


def _labels_help(output: Shape, target: Shape) -> str:
    if len(output) == len(target) > 1 and same(target[1], 1):
        return "drop that dimension: `-> squeeze(1)`"
    if len(output) == len(target) > 1:
        return "turn them into numbers of classes first: `-> argmax(1)`"
    if len(output) > 2 and len(target) == 1:
        return "end the net with `Flatten` and `Linear(classes)`"
    return "classes are dimension 1 of the output, the others agree"


class _Given(_Labels):
    """The output and the labels are arguments."""

    input: Input
    target: Input

    def logits(self) -> Tensor:
        return self.input

    def labels(self) -> Tensor:
        return self.target


class NllLoss(_Given, name="nll_loss"):
    """Minus the log probability of each label.

    `[N, C, *]` and int64 `[N, *]`, or `[C]` and `[]`. `weight` has a number for each class.
    """

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[N, C, *], [N, *]", "[]"),
        Shapes("[N, C, *], [N, *]", "[N, *]", 'reduction="none"'),
        Shapes("[C], []", "[]"),
    )
    examples = (
        Example(
            "nll_loss(log_probs, labels)",
            "log_probs: float32[N, 10], labels: int64[N]",
            "float32[]",
        ),
        Example(
            'nll_loss(log_probs, labels, reduction="none")',
            "log_probs: float32[N, 10, T], labels: int64[N, T]",
            "float32[N, T]",
        ),
    )

    weight: Input | None = None
    ignore_index: Annotated[int, KEYWORD] = -100
    reduction: KeywordReduction = "mean"

    def apply(self) -> Tensor:
        self.require_output((), "[N, C] or [N, C, …]")
        self.require_labels()
        self.require_class_weights(self.weight)
        return self.reduced(self.places(), self.input.dtype)


class _CrossEntropy(_Labels):
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[N, C, *], [N, *]", "[]"),
        Shapes("[N, C, *], [N, *]", "[N, *]", 'reduction="none"'),
        Shapes("[C], []", "[]"),
        Shapes("[N, C, *], [N, C, *]", "[]"),
        Shapes("[N, C, *], [N, C, *]", "[N, *]", 'reduction="none"'),
        Shapes("[C], [C]", "[]"),
    )

    def always(self) -> str:
        return "0" if value_of(self.classes()) == 1 else ""  # one class has all probability

    def compare(self, weight: Tensor | None, ignored: object) -> Tensor:
        """The loss of the logits; `ignored` is the label to ignore, None where there is none."""
        self.require_output((), "[N, C] or [N, C, …]")
        output, target = self.logits(), self.labels()
        likely = target.dtype in FLOATING and target.rank == output.rank
        if likely:
            self._require_probabilities(ignored)
        else:
            self.require_labels()
        self.require_class_weights(weight)
        dtype = result_type(output, target) if likely else output.dtype
        return self.reduced(self.places(), dtype)

    def _require_probabilities(self, ignored: object) -> None:
        """Refuse a target that has no probability for each class, and a label to ignore."""
        output, target = self.logits().shape, self.labels().shape
        if not are_alike(output, target):
            raise Misfit(
                f"`{self.title}` takes a probability for each class in the shape of the output, "
                f"{write_shape(output)}, found {write_shape(target)}",
                label=f"`target` is {self.labels()}",
                help="give it the shape of the output, or labels of dtype int64",
                argument="target",
                equal=pairs(output, target),
            )
        if ignored is not None:
            raise Misfit(
                f"`ignore_index` of `{self.title}` goes with labels, found probabilities",
                label=f"`target` is {self.labels()}",
                help="leave it out",
                argument="ignore_index",
            )


class CrossEntropy(_CrossEntropy, _Given, name="cross_entropy"):
    """Cross entropy of logits and labels, or of logits and a probability for each class.

    `[N, C, *]` and int64 `[N, *]`, or floating point `[N, C, *]`; or `[C]` and `[]`, or `[C]`.
    `weight` has a number for each class.
    """

    examples = (
        Example(
            "cross_entropy(logits, labels, label_smoothing=0.1)",
            "logits: float32[N, 10], labels: int64[N]",
            "float32[]",
        ),
        Example(
            'cross_entropy(logits, labels, reduction="none")',
            "logits: float32[N, 10, H, W], labels: int64[N, H, W]",
            "float32[N, H, W]",
        ),
        Example(
            "cross_entropy(logits, target)",
            "logits: float32[N, 10], target: float32[N, 10]",
            "float32[]",
        ),
    )

    weight: Input | None = None
    ignore_index: Annotated[int, KEYWORD] = -100
    reduction: KeywordReduction = "mean"
    label_smoothing: Annotated[Probability, KEYWORD] = 0.0

    def apply(self) -> Tensor:
        ignored = self.ignore_index if at_least(self.ignore_index, 0) is not False else None
        return self.compare(self.weight, ignored)


class LinearCrossEntropy(_CrossEntropy, name="linear_cross_entropy"):
    """The cross entropy of `input @ linear_weight.T`, whose classes come first in the weight.

    `[N, F]`, weights `[C, *, F]` and labels `[N, *]`, or probabilities `[N, C, *]`; without `*`
    also `[F]` and `[]`, or `[C]`. `options`, how torch cuts the work into pieces, can only be None.
    """

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[N, F], [C, *, F], [N, *]", "[]"),
        Shapes("[N, F], [C, *, F], [N, *]", "[N, *]", 'reduction="none"'),
        Shapes("[N, F], [C, *, F], [N, C, *]", "[]"),
        Shapes("[N, F], [C, *, F], [N, C, *]", "[N, *]", 'reduction="none"'),
        Shapes("[F], [C, F], []", "[]"),
        Shapes("[F], [C, F], [C]", "[]"),
    )
    examples = (
        Example(
            "linear_cross_entropy(x, weight, labels)",
            "x: float32[N, 64], weight: float32[10, 64], labels: int64[N]",
            "float32[]",
        ),
    )

    input: Input
    linear_weight: Input
    target: Input
    linear_bias: KeywordInput = None
    weight: KeywordInput = None
    reduction: KeywordReduction = "mean"
    ignore_index: Annotated[int | None, KEYWORD] = None
    label_smoothing: Annotated[Probability, KEYWORD] = 0.0
    options: NothingElse = None

    def logits(self) -> Tensor:
        return Tensor((*self.input.shape[:-1], *self.linear_weight.shape[:-1]), self.input.dtype)

    def labels(self) -> Tensor:
        return self.target

    def classes(self) -> Dim:
        return self.linear_weight.shape[0]

    def apply(self) -> Tensor:
        self.require_dtypes(("input",))
        self.require_dtype_of("input", "linear_weight", "linear_bias")
        self._require_product()
        bias = self.linear_bias
        if bias is not None and not are_alike(bias.shape, self.linear_weight.shape[:-1]):
            raise Misfit(
                f"`linear_bias` of `{self.title}` must be "
                f"{write_shape(self.linear_weight.shape[:-1])}, found {write_shape(bias.shape)}",
                label=f"`linear_weight` is {self.linear_weight}",
                help="it has the shape of the weight without its last dimension",
                argument="linear_bias",
                equal=pairs(bias.shape, self.linear_weight.shape[:-1]),
            )
        return self.compare(self.weight, self.ignore_index)

    def macs(self, output: Tensor) -> Dim:
        return product((*self.input.shape, *self.linear_weight.shape[:-1]))

    def _require_product(self) -> None:
        x, weight = self.input, self.linear_weight
        fits = x.rank in (1, 2) and weight.rank >= 2 and (x.rank == 2 or weight.rank == 2)
        if not fits or not agree(x.shape[-1], weight.shape[-1]):
            raise Misfit(
                f"`{self.title}` takes an input [N, F] with weights [C, F] or [C, …, F], or [F] "
                f"with [C, F], found {write_shape(x.shape)} and {write_shape(weight.shape)}",
                label=f"`linear_weight` is {weight}",
                help="the features are the last dimension of both",
                argument="linear_weight",
                equal=[(x.shape[-1], weight.shape[-1])] if fits else [],
            )


class MultiMarginLoss(_Given, name="multi_margin_loss"):
    """max(0, margin - input[label] + input[i])ᵖ over all other classes i, divided by C.

    `[N, C]` and labels int64 `[N]`, or `[C]` and `[]`. `weight` has a number for each class.
    """

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[N, C], [N]", "[]"),
        Shapes("[N, C], [N]", "[N]", 'reduction="none"'),
        Shapes("[C], []", "[]"),
    )
    examples = (
        Example(
            "multi_margin_loss(scores, labels)",
            "scores: float32[N, 10], labels: int64[N]",
            "float32[]",
        ),
        Example(
            'multi_margin_loss(scores, labels, reduction="none")',
            "scores: float32[N, 10], labels: int64[N]",
            "float32[N]",
        ),
    )

    p: Literal[1, 2] = 1
    margin: float = 1.0
    weight: Input | None = None
    reduction: KeywordReduction = "mean"

    def apply(self) -> Tensor:
        self.require_output((1, 2), "[N, C] or [C]")
        self.require_labels()
        self.require_class_weights(self.weight)
        return self.reduced(self.places(), self.input.dtype)


class MultilabelMarginLoss(_Given, name="multilabel_margin_loss"):
    """max(0, 1 - input[label] + input[i]) over the labels and all other classes i, divided by C.

    `[N, C]` and int64 `[N, C]`, or `[C]` and `[C]`: the labels of each sample, then -1.
    """

    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[N, C], [N, C]", "[]"),
        Shapes("[N, C], [N, C]", "[N]", 'reduction="none"'),
        Shapes("[C], [C]", "[]"),
    )
    examples = (
        Example(
            "multilabel_margin_loss(scores, labels)",
            "scores: float32[N, 10], labels: int64[N, 10]",
            "float32[]",
        ),
    )

    reduction: KeywordReduction = "mean"

    def apply(self) -> Tensor:
        self.require_output((1, 2), "[N, C] or [C]")
        self.require_dtypes(("target",), frozenset({"int64"}))
        shape = self.require_one_shape("input", "target")
        return self.reduced(shape[:-1], self.input.dtype)
