"""Metrics: what a training script reports beside the loss."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from netspec.catalogue import index
from netspec.catalogue.shelf import Shelf
from netspec.catalogue.signature import KEYWORD, Signature
from netspec.compare import same
from netspec.dim import value_of
from netspec.misfit import Misfit
from netspec.tensor import FLOATING, INTEGER, Tensor

METRICS: Shelf["Metric"] = Shelf(index.METRICS)
Task = Annotated[Literal["binary", "multiclass", "multilabel"] | None, KEYWORD]
Average = Annotated[Literal["micro", "macro", "weighted"], KEYWORD]


class Metric(Signature):
    """A figure of an output and its target, over all samples, named as torchmetrics names it.

    Either a mean over samples: `code` is the sum over a batch. Or what a class of torchmetrics
    works out: `made` is the call that makes it, `imports` where it is from, `operands` what it is
    updated with. `falls`: smaller is better; `least`: of how many samples it can be taken.
    `either`: output and target may stand in any order. `itself`: what it is of a value and itself.
    """

    name: ClassVar[str]
    falls: ClassVar[bool] = False
    least: ClassVar[int] = 1
    either: ClassVar[bool] = False
    itself: ClassVar[str] = ""

    def __init_subclass__(cls, name: str = "") -> None:
        if name:
            cls.name = name
            METRICS.add(name, cls)

    def check(self, output: Tensor, target: Tensor) -> None:
        """Refuse tensors that the metric is not for.

        Raises:
            Misfit: naming what it takes.
        """
        raise NotImplementedError

    def fits(self, output: Tensor, target: Tensor) -> bool:
        """Whether tensors are what the metric is for."""
        try:
            self.check(output, target)
        except Misfit:
            return False
        return True

    def code(self, output: Tensor, target: Tensor, names: Sequence[str]) -> str:
        """The sum over a batch of `count` as an expression of `names`, "" for what is no mean."""
        return ""

    def orders(self, output: Tensor, target: Tensor) -> bool:
        """Whether it asks only which of some numbers is the largest, in whatever precision."""
        return False

    def made(self, output: Tensor, target: Tensor) -> str:
        """The call that makes the object that works it out, "" for a mean."""
        return ""

    def imports(self, output: Tensor, target: Tensor) -> tuple[str, ...]:
        """The import lines that `made` needs."""
        call = self.made(output, target)
        return (
            (f"from {self.home(output, target)} import {call.partition('(')[0]}",) if call else ()
        )

    def home(self, output: Tensor, target: Tensor) -> str:
        """The module of the class that `made` calls."""
        return "torchmetrics.classification"

    def operands(self, output: Tensor, target: Tensor, names: Sequence[str]) -> tuple[str, str]:
        """What the object is updated with, as expressions of `names`."""
        first, second = names
        return first, second


# ---- classification ----------------------------------------------------------------------------


class Classification(Metric):
    """A figure of logits and labels: [N, C, …] and int64[N, …], or of one shape, label by label.

    `task`: which of the two it is, and whether labels of one shape stand in columns of their own,
    "multilabel"; where nothing is said, the shapes decide, and more than one column is multilabel.
    `logits=False`: the outputs are probabilities. `labels`: it works on the labels that the outputs
    stand for, the largest of [N, C].
    """

    labels: ClassVar[bool] = True
    kinds: ClassVar[tuple[str, ...]] = ("binary", "multiclass", "multilabel")

    task: Task = None
    logits: Annotated[bool, KEYWORD] = True

    def kind(self, output: Tensor, target: Tensor) -> str:
        """The task, as torchmetrics calls it.

        Raises:
            Misfit: where there is none for these shapes.
        """
        rest = (*output.shape[:1], *output.shape[2:])
        many = output.rank == target.rank + 1 and _alike(rest, target.shape)
        found = ""
        if output.dtype in FLOATING and many and target.dtype == "int64":
            found = "multiclass"
        elif output.dtype in FLOATING and _alike(output.shape, target.shape):
            single = output.rank == 1 or (output.rank == 2 and value_of(output.shape[1]) == 1)
            found = "binary" if single else "multilabel" if output.rank == 2 else ""
        if found == "multilabel" and self.task == "binary":
            found = "binary"
        if found == "multiclass" and value_of(output.shape[1]) is None:
            found = ""
        if not found or found not in self.kinds or self.task not in (None, found):
            raise self.misfit(output, target)
        return found

    def misfit(self, output: Tensor, target: Tensor) -> Misfit:
        """What to say of tensors that it does not take."""
        wanted = {
            "multiclass": "logits [N, C] and labels int64[N]",
            "binary": "one logit and one label for each sample, of one shape",
            "multilabel": "logits and labels [N, L]",
        }
        kinds = self.kinds if self.task not in self.kinds else (self.task,)
        words = " or ".join(wanted[kind] for kind in kinds if kind in wanted)
        return Misfit(
            f"`{self.name}` takes {words}, found {output} and {target}",
            label="not logits and labels",
            help="name the output with the logits first, then the field with the labels",
        )

    def check(self, output: Tensor, target: Tensor) -> None:
        self.kind(output, target)

    def orders(self, output: Tensor, target: Tensor) -> bool:
        return self.labels and self.kind(output, target) == "multiclass"

    def title(self) -> str:
        """The end of the name of the class: `F1Score`."""
        raise NotImplementedError

    def options(self, kind: str) -> dict[str, Any]:
        """What the class is made with, beside the number of classes."""
        return {}

    def made(self, output: Tensor, target: Tensor) -> str:
        kind = self.kind(output, target)
        sizes = {"multiclass": "num_classes", "multilabel": "num_labels"}
        given = {sizes[kind]: value_of(output.shape[1])} if kind in sizes else {}
        given |= self.options(kind)
        return f"{kind.capitalize()}{self.title()}({_write(given)})"

    def operands(self, output: Tensor, target: Tensor, names: Sequence[str]) -> tuple[str, str]:
        first, second = names
        if self.logits and not self.orders(output, target):
            # torchmetrics guesses from the values of a batch whether they are logits.
            first += ".softmax(1)" if self.kind(output, target) == "multiclass" else ".sigmoid()"
        if target.dtype in FLOATING:
            second += ".int()"
        return first, second


class Accuracy(Classification, name="accuracy"):
    """The share of labels that are right: that of the largest of [N, C] logits is the label.

    `top_k`: it is among so many largest ones. Logits and labels of one shape are right where
    both are positive or neither is.
    """

    task: Task = None
    logits: Annotated[bool, KEYWORD] = True
    top_k: Annotated[int, KEYWORD] = 1

    def check(self, output: Tensor, target: Tensor) -> None:
        kind = self.kind(output, target)
        most = value_of(output.shape[1]) if kind == "multiclass" else 1
        if not 1 <= self.top_k <= (most or 1):
            raise Misfit(
                f"`top_k` of `accuracy` is from 1 to the number of classes, {most}, found "
                f"{self.top_k}",
                label="not as many classes",
                help="write `top_k=1`, or leave it out",
                argument="top_k",
            )

    def orders(self, output: Tensor, target: Tensor) -> bool:
        return True

    def code(self, output: Tensor, target: Tensor, names: Sequence[str]) -> str:
        first, second = names
        if self.kind(output, target) != "multiclass":
            border = 0 if self.logits else 0.5
            truth = f" == ({second} > 0.5)" if target.dtype != "bool" else f" == {second}"
            return _total(f"(({first} > {border}){truth})", output, ".float()")
        if self.top_k == 1:
            return _total(f"({first}.argmax(1) == {second})", target, ".float()")
        best = f"{first}.topk({self.top_k}, 1).indices == {second}.unsqueeze(1)"
        return _total(f"({best}).any(1)", target, ".float()")


class Averaged(Classification):
    """A figure for each class, then their mean: "macro", by their numbers "weighted", or "micro".

    It works on the labels that the logits stand for.
    """

    task: Task = None
    logits: Annotated[bool, KEYWORD] = True
    average: Average = "macro"

    def options(self, kind: str) -> dict[str, Any]:
        return {} if kind == "binary" or self.average == "macro" else {"average": self.average}


class F1Score(Averaged, name="f1_score"):
    """The harmonic mean of precision and recall."""

    def title(self) -> str:
        return "F1Score"


class Precision(Averaged, name="precision"):
    """The share of what is found that is right."""

    def title(self) -> str:
        return "Precision"


class Recall(Averaged, name="recall"):
    """The share of what is there that is found."""

    def title(self) -> str:
        return "Recall"


class Specificity(Averaged, name="specificity"):
    """The share of what is not there that is not found."""

    def title(self) -> str:
        return "Specificity"


class JaccardIndex(Averaged, name="jaccard_index"):
    """Intersection over union of what is found and what is there."""

    def title(self) -> str:
        return "JaccardIndex"


class AUROC(Averaged, name="auroc"):
    """The area under the curve of true over false positives, as the threshold moves."""

    labels: ClassVar[bool] = False

    average: Annotated[Literal["macro", "weighted"], KEYWORD] = "macro"

    def title(self) -> str:
        return "AUROC"


class AveragePrecision(Averaged, name="average_precision"):
    """The area under the curve of precision over recall, as the threshold moves."""

    labels: ClassVar[bool] = False

    average: Annotated[Literal["macro", "weighted"], KEYWORD] = "macro"

    def title(self) -> str:
        return "AveragePrecision"


class CohenKappa(Classification, name="cohen_kappa"):
    """The agreement of labels beyond chance (Cohen, 1960)."""

    kinds: ClassVar[tuple[str, ...]] = ("binary", "multiclass")

    def title(self) -> str:
        return "CohenKappa"


class MatthewsCorrCoef(Classification, name="matthews_corrcoef"):
    """The correlation of labels and those that are found (Matthews, 1975)."""

    def title(self) -> str:
        return "MatthewsCorrCoef"


class Perplexity(Metric, name="perplexity"):
    """The exponential of the mean cross entropy of tokens: logits [N, T, C] and int64[N, T]."""

    falls: ClassVar[bool] = True

    def check(self, output: Tensor, target: Tensor) -> None:
        fits = output.rank == 3 and output.dtype in FLOATING and target.dtype == "int64"
        if not fits or not _alike(output.shape[:2], target.shape):
            turned = output.rank == 3 and target.rank == 2
            raise Misfit(
                f"`perplexity` takes logits [N, T, C] and tokens int64[N, T], found {output} and "
                f"{target}",
                label="not logits and tokens",
                help="turn the classes to the end: `-> transpose(1, 2)`"
                if turned
                else "name the output with the logits first, then the field with the tokens",
            )

    def made(self, output: Tensor, target: Tensor) -> str:
        return "Perplexity()"

    def home(self, output: Tensor, target: Tensor) -> str:
        return "torchmetrics.text"


# ---- regression --------------------------------------------------------------------------------


class Regression(Metric):
    """A figure of numbers and their targets, of one shape."""

    falls: ClassVar[bool] = True

    def check(self, output: Tensor, target: Tensor) -> None:
        real = {output.dtype, target.dtype} <= FLOATING | INTEGER
        if not real or not _alike(output.shape, target.shape):
            raise Misfit(
                f"`{self.name}` takes an output and a target of one shape, found {output} and "
                f"{target}",
                label="shapes differ" if real else "no real numbers",
                help="bring both to one shape, as with `unsqueeze` or `squeeze`",
            )

    def home(self, output: Tensor, target: Tensor) -> str:
        return "torchmetrics.regression"


class MeanSquaredError(Regression, name="mean_squared_error"):
    """The mean of squared differences; with `squared=False` its root."""

    either: ClassVar[bool] = True
    itself: ClassVar[str] = "0"

    squared: bool = True

    def code(self, output: Tensor, target: Tensor, names: Sequence[str]) -> str:
        first, second = names
        if not self.squared:
            return ""
        if _is_plain(output, target):
            return f"F.mse_loss({first}, {second}) * count"
        return _total(f"({first} - {second}).float().square()", output)

    def made(self, output: Tensor, target: Tensor) -> str:
        return "" if self.squared else "MeanSquaredError(squared=False)"


class MeanAbsoluteError(Regression, name="mean_absolute_error"):
    """The mean of absolute differences."""

    either: ClassVar[bool] = True
    itself: ClassVar[str] = "0"

    def code(self, output: Tensor, target: Tensor, names: Sequence[str]) -> str:
        first, second = names
        if _is_plain(output, target):
            return f"F.l1_loss({first}, {second}) * count"
        return _total(f"({first} - {second}).abs().float()", output)


class MeanAbsolutePercentageError(Regression, name="mean_absolute_percentage_error"):
    """The mean of absolute differences as shares of the target: 0.1 for ten percent."""

    itself: ClassVar[str] = "0"

    def code(self, output: Tensor, target: Tensor, names: Sequence[str]) -> str:
        first, second = names
        share = f"({first} - {second}).abs() / {second}.abs().clamp(min=1.17e-06)"
        return _total(f"({share})", output)


class _Column(Regression):
    """A figure of one number for each sample, and of how they vary: [N], or [N, 1]."""

    falls: ClassVar[bool] = False
    least: ClassVar[int] = 2

    def check(self, output: Tensor, target: Tensor) -> None:
        super().check(output, target)
        if output.rank != 1 and not (output.rank == 2 and value_of(output.shape[1]) == 1):
            raise Misfit(
                f"`{self.name}` takes one number for each sample, [N] or [N, 1], found {output}",
                label="several numbers",
                help="take it of one column: `pick = output[:, 0]`",
            )

    def operands(self, output: Tensor, target: Tensor, names: Sequence[str]) -> tuple[str, str]:
        ending = ".flatten()" if output.rank > 1 else ""
        return f"{names[0]}{ending}", f"{names[1]}{ending}"


class R2Score(_Column, name="r2_score"):
    """The share of the targets' variance that the output explains."""

    itself: ClassVar[str] = "1"

    def made(self, output: Tensor, target: Tensor) -> str:
        return "R2Score()"


class PearsonCorrCoef(_Column, name="pearson_corrcoef"):
    """The linear correlation of outputs and targets."""

    either: ClassVar[bool] = True
    itself: ClassVar[str] = "1"

    def made(self, output: Tensor, target: Tensor) -> str:
        return "PearsonCorrCoef()"


class ExplainedVariance(_Column, name="explained_variance"):
    """The share of the targets' variance that is not one of the differences."""

    itself: ClassVar[str] = "1"

    def made(self, output: Tensor, target: Tensor) -> str:
        return "ExplainedVariance()"


# ---- code --------------------------------------------------------------------------------------


def _alike(first: Sequence[Any], second: Sequence[Any]) -> bool:
    return len(first) == len(second) and all(
        same(a, b) is True for a, b in zip(first, second, strict=True)
    )


def _is_plain(output: Tensor, target: Tensor) -> bool:
    """Whether torch's losses take both: numbers of one type, of floating point."""
    return output.dtype == target.dtype and output.dtype in FLOATING


def _total(values: str, like: Tensor, real: str = "") -> str:
    """The sum over samples of the mean of each; `real`: what makes numbers of truth values."""
    single = all(value_of(size) == 1 for size in like.shape[1:])
    return f"{values}.sum()" if single else f"{values}{real}.mean() * count"


def _write(given: dict[str, Any]) -> str:
    texts = (f'"{value}"' if isinstance(value, str) else value for value in given.values())
    return ", ".join(f"{name}={text}" for name, text in zip(given, texts, strict=True))
