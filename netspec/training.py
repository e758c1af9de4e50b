"""How to train a net, checked: the data, the loss, the optimiser, the settings."""

from collections.abc import Mapping
from typing import NamedTuple

from netspec import syntax
from netspec.catalogue.dataset import Dataset
from netspec.catalogue.loss import Loss
from netspec.catalogue.metric import Metric
from netspec.catalogue.optimizer import Optimizer
from netspec.source import Span
from netspec.write import write_literal


class MetricCall(NamedTuple):
    """A metric of an output and a field."""

    metric: Metric
    output: str
    target: str


class Training(NamedTuple):
    """A checked `train` section.

    `fields`: the names of the data's fields, in its order. `feeds`: the field for each input of the
    net. `losses`: the losses in the `loss` expression, by the span of their call. `devices`: those
    of parts of the net; `returns_elsewhere`: one of them has the outputs.
    """

    net: str
    doc: str
    device: str
    devices: tuple[str, ...]
    returns_elsewhere: bool
    dataset: Dataset
    fields: tuple[str, ...]
    feeds: tuple[str, ...]
    outputs: tuple[str, ...]
    loss: syntax.Expression
    losses: Mapping[Span, Loss]
    optimizer: Optimizer
    optimizer_arguments: tuple[syntax.Argument, ...]
    metrics: tuple[MetricCall, ...]
    batch_size: int
    epochs: int
    seed: int
    validation: float
    constants: Mapping[str, object]

    def write_constant(self, name: str) -> str:
        """The value of a parameter of the net, as Python writes it: the script has no such name."""
        return write_literal(self.constants[name])
