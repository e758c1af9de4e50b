"""What check finds out about a spec: nets with their built layers, shapes and rules."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from netspec import syntax
from netspec.catalogue.function import Function
from netspec.catalogue.initialiser import Initialiser
from netspec.catalogue.layer import Layer, count
from netspec.dim import Dim
from netspec.source import Source, Span
from netspec.tensor import Shape, Tensor, Type
from netspec.training import Training


class Port(NamedTuple):
    """An input or an output of a net."""

    name: str
    type: Tensor


class Scheme(NamedTuple):
    """How one parameter is initialised: a call of `torch.nn.init`, and the rule that says so.

    `kind`: 0 for a rule by class, 1 by pattern, 2 for the layer's own `with`; `rank`: 0 for a rule
    of the file, 1 for one of the net.
    """

    initialiser: Initialiser
    arguments: tuple[syntax.Argument, ...]
    span: Span
    kind: int
    rank: int
    rule: Span


class BuiltLayer(NamedTuple):
    """One layer of a net: the attribute that holds it, its arguments, where it stands.

    `schemes` has the scheme of each parameter that a rule names; the others keep torch's default.
    """

    name: str
    layer: Layer
    call: syntax.Expression
    parameters: Mapping[str, Shape]
    schemes: Mapping[str, Scheme]
    span: Span


class Application(NamedTuple):
    """A layer at work: which one, on what, giving what."""

    name: str
    layer: Layer
    inputs: tuple[Tensor, ...]
    output: Tensor
    span: Span


class FunctionCall(NamedTuple):
    """A tensor function at work."""

    function: Function
    inputs: tuple[Tensor, ...]
    output: Type
    span: Span


class Net(NamedTuple):
    """A checked net, for the parameter values that it was checked with.

    `applications`: by the span of the stage or call that they stand at.
    `constants`: the values of parameters and `let`s by name.
    `sizes`: the dimensions that only data decides, each with the input and the axis that bind it.
    """

    name: str
    doc: str
    syntax: syntax.Net
    parameters: Mapping[str, Any]
    constants: Mapping[str, Any]
    sizes: Mapping[str, tuple[str, int]]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    layers: Mapping[str, BuiltLayer]
    applications: Mapping[Span, Application | FunctionCall]
    types: Mapping[Span, Tensor]
    device: str
    source: Source

    def line_of(self, offset: int) -> int:
        """The line of the spec that a character stands in."""
        return self.source.position(offset)[0]

    def parameter_count(self) -> Dim:
        """The number of learnable numbers in all layers."""
        total: Dim = 0
        for built in self.layers.values():
            total = total + count(built.parameters)
        return total


class Graph(NamedTuple):
    """A checked spec: its nets in the order of the file, and how to train them, by net."""

    source: Source
    file: syntax.File
    doc: str
    nets: Mapping[str, Net]
    trainings: Mapping[str, Training]
