"""Metrics: what a training script reports beside the loss."""

from typing import ClassVar

from netspec.catalogue.layer import Misfit
from netspec.catalogue.signature import Signature
from netspec.tensor import Tensor, write_shape

METRICS: dict[str, type["Metric"]] = {}


class Metric(Signature):
    """A figure of an output and its target, over all samples.

    Either a mean over samples: `code` is the sum over a batch, of `output` and `target`. Or what a
    class of torchmetrics works out: `made` is the call that makes it, `imports` where it is from.
    `falls`: smaller is better.
    """

    name: ClassVar[str]
    code: ClassVar[str] = ""
    imports: ClassVar[tuple[str, ...]] = ()
    falls: ClassVar[bool] = False

    def __init_subclass__(cls, name: str = "") -> None:
        if name:
            cls.name = name
            METRICS[name] = cls

    def check(self, output: Tensor, target: Tensor) -> None:
        """Refuse tensors that the metric is not for.

        Raises:
            Misfit: naming what it takes.
        """
        raise NotImplementedError

    def made(self, output: Tensor, target: Tensor) -> str:
        """The call that makes the object that works it out, "" for a mean."""
        return ""


class Accuracy(Metric, name="accuracy"):
    """The share of samples whose largest logit is that of their label."""

    code: ClassVar[str] = "({output}.argmax(1) == {target}).sum()"

    def check(self, output: Tensor, target: Tensor) -> None:
        if output.rank != 2 or target.rank != 1 or target.dtype != "int64":
            raise Misfit(
                f"`accuracy` takes logits [N, C] and labels int64[N], found "
                f"{write_shape(output.shape)} and {target}",
                label="not logits and labels",
                help="name the output with the logits first, then the field with the labels",
            )
