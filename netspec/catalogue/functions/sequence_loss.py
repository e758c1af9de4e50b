"""Losses of sequences and the labels that they should spell."""

from typing import ClassVar

from netspec.catalogue.example import Shapes
from netspec.catalogue.function import Example
from netspec.catalogue.functions.loss_function import (
    LossFunction,
    Reduction,
    are_alike,
    pairs,
)
from netspec.catalogue.signature import Input, NonNegativeInt
from netspec.compare import agree, at_least
from netspec.dim import Dim, value_of
from netspec.misfit import Misfit
from netspec.tensor import INTEGER, Shape, Tensor, write_shape


class CtcLoss(LossFunction, name="ctc_loss"):
    """Connectionist temporal classification: minus the log probability of a sequence of labels.

    `log_probs` `[T, N, C]`; `targets` `[N, S]`, or one after the other in one dimension;
    `input_lengths` and `target_lengths` `[N]`. Without a batch `[T, C]`, `[S]`, `[]` and `[]`.
    Class `blank` stands for none of the labels. The lengths are tensors, not torch's tuples.
    """

    against: ClassVar[str] = "targets"
    shapes: ClassVar[tuple[Shapes, ...]] = (
        Shapes("[T, N, C], [N, S], [N], [N]", "[]"),
        Shapes("[T, N, C], [N, S], [N], [N]", "[N]", 'reduction="none"'),
        Shapes("[T, N, C], [S], [N], [N]", "[]", "S is the sum of `target_lengths`"),
        Shapes("[T, N, C], [S], [N], [N]", "[N]", 'reduction="none"'),
        Shapes("[T, C], [S], [], []", "[]"),
    )
    examples = (
        Example(
            "ctc_loss(log_p, labels, steps, counts)",
            "log_p: float32[T, N, 20], labels: int64[N, S], steps: int64[N], counts: int64[N]",
            "float32[]",
        ),
    )

    log_probs: Input
    targets: Input
    input_lengths: Input
    target_lengths: Input
    blank: NonNegativeInt = 0
    reduction: Reduction = "mean"
    zero_infinity: bool = False

    def apply(self) -> Tensor:
        self.require_dtypes(("log_probs",), frozenset({"float32", "float64"}))
        self.require_dtypes(("targets",), frozenset({"int32", "int64"}))
        self.require_dtypes(("input_lengths", "target_lengths"), INTEGER)
        self._require_log_probs()
        batch = self.log_probs.shape[1:-1]
        self._require_targets(batch)
        for name in ("input_lengths", "target_lengths"):
            self._require_lengths(name, batch)
        return self.reduced(batch, self.log_probs.dtype)

    def _require_log_probs(self) -> None:
        given = self.log_probs
        if given.rank not in (2, 3):
            raise Misfit(
                f"`{self.title}` takes log probabilities [T, N, C] or [T, C], "
                f"found {write_shape(given.shape)}",
                label=f"`log_probs` is {given}",
                help="time comes first, the classes last: `-> permute(2, 0, 1)` for [N, C, T]",
                argument="log_probs",
            )
        classes = given.shape[-1]
        if at_least(classes, self.blank + 1) is False:
            raise Misfit(
                f"`blank` of `{self.title}` must be one of {classes} classes, found {self.blank}",
                label=f"`log_probs` is {given}",
                help=f"choose it from 0 to {classes - 1}",
                argument="blank",
            )

    def _require_targets(self, batch: Shape) -> None:
        targets = self.targets.shape
        if len(targets) == 1 or (batch and len(targets) == 2 and agree(targets[0], batch[0])):
            return
        wanted = f"[{batch[0]}, S], or [S] for all in a row" if batch else "[S]"
        raise Misfit(
            f"`targets` of `{self.title}` must be {wanted}, found {write_shape(targets)}",
            label=f"`log_probs` is {self.log_probs}",
            help="the batch is dimension 1 of `log_probs`, and dimension 0 of the targets"
            if batch
            else "give both a batch, or neither",
            argument="targets",
            equal=[(targets[0], batch[0])] if batch and len(targets) == 2 else [],
        )

    def _require_lengths(self, name: str, batch: Shape) -> None:
        given: Tensor = getattr(self, name)
        if not are_alike(given.shape, batch):
            raise Misfit(
                f"`{name}` of `{self.title}` must be {write_shape(batch)}, "
                f"found {write_shape(given.shape)}",
                label=f"`log_probs` is {self.log_probs}",
                help="it has a number for each sequence of the batch",
                argument=name,
                equal=pairs(given.shape, batch),
            )

    def labels_taken(self) -> tuple[Dim, int | None] | None:
        return self.log_probs.shape[-1], None

    def require_classes(self, classes: int) -> None:
        places = self.log_probs.shape[-1]
        if at_least(places, classes) is False:
            raise Misfit(
                f"the labels have {classes} classes, the output has {value_of(places)}",
                label=f"`log_probs` is {self.log_probs}",
                help=f"end the net with {classes} outputs, the blank among them",
            )
