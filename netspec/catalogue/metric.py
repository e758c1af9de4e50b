"""Metrics: what a training script reports beside the loss."""

from typing import ClassVar

from netspec.catalogue.layer import Misfit
from netspec.catalogue.signature import Signature
from netspec.tensor import Tensor, write_shape

METRICS: dict[str, type["Metric"]] = {}


class Metric(Signature):
    """A metric that is a mean over samples; larger is better.

    `code` is the sum over a batch, of `output` and `target`, and `variable` what to call it.
    """

    name: ClassVar[str]
    variable: ClassVar[str]
    code: ClassVar[str]

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


class Accuracy(Metric, name="accuracy"):
    """The share of samples whose largest logit is that of their label."""

    variable: ClassVar[str] = "correct"
    code: ClassVar[str] = "({output}.argmax(1) == {target}).sum()"

    def check(self, output: Tensor, target: Tensor) -> None:
        if output.rank != 2 or target.rank != 1 or target.dtype != "int64":
            raise Misfit(
                f"`accuracy` takes logits [N, C] and labels int64[N], found "
                f"{write_shape(output.shape)} and {target}",
                label="not logits and labels",
                help="name the output with the logits first, then the field with the labels",
            )
