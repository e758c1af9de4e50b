"""How to train nets, checked: data, what is computed in a step, optimisers, settings."""

from collections.abc import Mapping
from typing import NamedTuple

from netspec import syntax
from netspec.catalogue.dataset import Dataset
from netspec.catalogue.metric import Metric
from netspec.catalogue.optimizer import Optimizer
from netspec.check_transforms import TransformCall
from netspec.dim import Dim
from netspec.graph import Net
from netspec.schedule import Schedule
from netspec.settings import Settings


class TrainedNet(NamedTuple):
    """A net of a training: what section and script call it, and the arguments that it is made with.

    `start`: the file that its weights begin with; `strict`: all of them must be there.
    """

    name: str
    net: Net
    arguments: tuple[syntax.Argument, ...]
    start: str = ""
    strict: bool = True


class MetricCall(NamedTuple):
    """A metric, of values of a step by the names that they have there."""

    name: str
    metric: Metric
    operands: tuple[str, ...]


class Group(NamedTuple):
    """Parameters that an optimiser treats otherwise: those that no group before it selects.

    `arguments` are written with `lr` for the learning rate of the command line.
    """

    selectors: tuple[syntax.Name | syntax.Literal, ...]
    arguments: tuple[syntax.Argument, ...]


class OptimizerCall(NamedTuple):
    """An optimiser of a step; `rate`: the learning rate where no argument is given.

    The first one of a step has all parameters of `moves`, nets and layers by their names, that no
    other has; the others have those that `selectors` choose.
    """

    optimizer: Optimizer
    arguments: tuple[syntax.Argument, ...]
    selectors: tuple[syntax.Name | syntax.Literal, ...]
    groups: tuple[Group, ...]
    schedule: Schedule | None


class Step(NamedTuple):
    """What is computed for a batch before an optimiser moves: a net whose inputs are the fields.

    It returns the loss, then the `figures`, values that metrics are made of. `name`: "" for the
    only one. `moves`: the nets and layers whose parameters the optimisers share.
    """

    name: str
    graph: Net
    figures: tuple[str, ...]
    moves: tuple[str, ...]
    optimizers: tuple[OptimizerCall, ...]


class Training(NamedTuple):
    """A checked `train` section.

    `fields`: the names of the data's fields, in its order. `bound`: sizes of the data that the net
    decides. `validation_data`: what validates in place of a part of the data. `samples`: what works
    out pictures after each epoch, a net as that of a step. `constants`: the values of names that
    arguments of the section may use.
    """

    name: str
    doc: str
    nets: tuple[TrainedNet, ...]
    dataset: Dataset
    validation_data: Dataset | None
    fields: tuple[str, ...]
    transforms: tuple[TransformCall, ...]
    bound: Mapping[str, Dim]
    steps: tuple[Step, ...]
    metrics: tuple[MetricCall, ...]
    samples: Net | None
    settings: Settings
    constants: Mapping[str, object]

    @property
    def kept(self) -> Mapping[str, str]:
        """The files of the nets that are frozen as they begin: no checkpoint has their weights."""
        moved = {name for step in self.steps for name in step.moves}
        nets = [item for item in self.nets if item.start and item.strict]
        return {item.name: item.start for item in nets if item.name not in moved}

    @property
    def validates(self) -> bool:
        """Whether some data is for validation: a part of it, or other data."""
        return bool(self.settings.validation) or self.validation_data is not None
