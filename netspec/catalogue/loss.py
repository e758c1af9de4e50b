"""Losses: functions of torch.nn.functional that compare an output with its target."""

from typing import ClassVar, Literal

from netspec.catalogue.layer import Misfit
from netspec.catalogue.signature import PositiveFloat, Probability, Signature
from netspec.dim import at_least, same, value_of
from netspec.elementwise import broadcast
from netspec.tensor import FLOATING, Tensor, write_shape

LOSSES: dict[str, type["Loss"]] = {}
Mean = Literal["mean"]


class Loss(Signature):
    """A loss of `input` and `target`, averaged over the batch.

    `classes` of the target are known where the data says so: labels run from 0 to classes - 1.
    """

    name: ClassVar[str]

    def __init_subclass__(cls, name: str = "") -> None:
        if name:
            cls.name = name
            cls.torch = f"torch.nn.functional.{name}"
            LOSSES[name] = cls

    def check(self, input: Tensor, target: Tensor, classes: int | None) -> None:
        """Refuse an output and a target that do not go together.

        Raises:
            Misfit: where torch would raise, now or at some batch.
        """
        raise NotImplementedError


def _require_floating(name: str, tensor: Tensor, what: str) -> None:
    if tensor.dtype not in FLOATING:
        raise Misfit(
            f"`{name}` takes floating point numbers, found {tensor.dtype}",
            label=f"the {what} is {tensor}",
        )


class CrossEntropy(Loss, name="cross_entropy"):
    """Cross entropy of logits `[N, C]` or `[N, C, *]` and labels int64 `[N]` or `[N, *]`."""

    ignore_index: int = -100
    reduction: Mean = "mean"
    label_smoothing: Probability = 0.0

    def check(self, input: Tensor, target: Tensor, classes: int | None) -> None:
        _check_labels(self.name, input, target, classes)


class NllLoss(Loss, name="nll_loss"):
    """Negative log likelihood of log-probabilities `[N, C]` and labels int64 `[N]`."""

    ignore_index: int = -100
    reduction: Mean = "mean"

    def check(self, input: Tensor, target: Tensor, classes: int | None) -> None:
        _check_labels(self.name, input, target, classes)


def _check_labels(name: str, input: Tensor, target: Tensor, classes: int | None) -> None:
    _require_floating(name, input, "output")
    if name == "cross_entropy" and target.dtype in FLOATING and input.rank == target.rank:
        _check_same_shape(name, input, target)
        return
    if target.dtype != "int64":
        raise Misfit(
            f"`{name}` takes labels of dtype int64, found {target.dtype}",
            label=f"the target is {target}",
            help="compare numbers with `mse_loss` or `l1_loss`",
        )
    wanted = (input.shape[0], *input.shape[2:]) if input.rank >= 2 else ()
    fits = input.rank >= 2 and target.rank == len(wanted)
    if not fits or any(same(a, b) is False for a, b in zip(wanted, target.shape, strict=True)):
        raise Misfit(
            f"`{name}` takes outputs [N, C] and labels [N], found {write_shape(input.shape)} and "
            f"{write_shape(target.shape)}",
            label="the batch and the other dimensions must agree",
            help="end the net with `Flatten` and `Linear(classes)`" if input.rank > 2 else "",
        )
    if classes is not None and at_least(input.shape[1], classes) is False:
        raise Misfit(
            f"the labels have {classes} classes, the output has {value_of(input.shape[1])}",
            label=f"the output is {write_shape(input.shape)}",
            help=f"end the net with {classes} outputs",
        )


def _check_same_shape(name: str, input: Tensor, target: Tensor) -> None:
    differs = input.rank != target.rank or any(
        same(a, b) is False for a, b in zip(input.shape, target.shape, strict=True)
    )
    if differs:
        try:
            broadcast("compare", input.shape, target.shape)
            hint = "torch would stretch one to the other, which is hardly meant"
        except Misfit:
            hint = "the shapes differ"
        raise Misfit(
            f"`{name}` compares tensors of one shape, found {write_shape(input.shape)} and "
            f"{write_shape(target.shape)}",
            label=hint,
            help="bring both to the same shape",
        )


class _Numbers(Loss):
    """Losses of two floating point tensors of one shape."""

    def check(self, input: Tensor, target: Tensor, classes: int | None) -> None:
        _require_floating(self.name, input, "output")
        _require_floating(self.name, target, "target")
        _check_same_shape(self.name, input, target)


class MseLoss(_Numbers, name="mse_loss"):
    """The mean of (input - target)²."""

    reduction: Mean = "mean"


class L1Loss(_Numbers, name="l1_loss"):
    """The mean of |input - target|."""

    reduction: Mean = "mean"


class SmoothL1Loss(_Numbers, name="smooth_l1_loss"):
    """Squared where the difference is below `beta`, else absolute."""

    reduction: Mean = "mean"
    beta: PositiveFloat = 1.0


class HuberLoss(_Numbers, name="huber_loss"):
    """Squared where the difference is below `delta`, else `delta` times absolute."""

    reduction: Mean = "mean"
    delta: PositiveFloat = 1.0


class BinaryCrossEntropy(_Numbers, name="binary_cross_entropy"):
    """Cross entropy of probabilities and targets from 0 to 1."""

    reduction: Mean = "mean"


class BinaryCrossEntropyWithLogits(_Numbers, name="binary_cross_entropy_with_logits"):
    """Cross entropy of logits and targets from 0 to 1."""

    reduction: Mean = "mean"
