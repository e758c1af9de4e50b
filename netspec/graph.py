"""What check finds out about a spec: nets with their built layers, shapes and rules."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from netspec import syntax
from netspec.catalogue.function import Function
from netspec.catalogue.initialiser import Initialiser
from netspec.catalogue.layer import Layer, count
from netspec.catalogue.parametrization import Parametrization
from netspec.diagnostic import Diagnostic
from netspec.dim import Dim
from netspec.home import Entry, Home
from netspec.source import Source, Span
from netspec.tensor import Shape, Tensor, Type


class Port(NamedTuple):
    """An input or an output of a net."""

    name: str
    type: Tensor


class Scheme(NamedTuple):
    """How one parameter is initialised: a call of `torch.nn.init`, and the rule that says so.

    `rule` is what its author wrote, up to the schemes: `init Linear`, or `with`.
    """

    initialiser: Initialiser
    arguments: tuple[syntax.Argument, ...]
    rule: str
    span: Span
    source: Source


class ParametrizationRule(NamedTuple):
    """What one parameter is worked out from: a call of `torch.nn.utils.parametrizations`.

    `rule` is what its author wrote, up to that: `init Linear`, or `with`.
    """

    parametrization: Parametrization
    arguments: tuple[syntax.Argument, ...]
    rule: str
    span: Span
    source: Source


class BuiltLayer(NamedTuple):
    """One layer of a net: its dotted name, its arguments, where it stands.

    `schemes` has the schemes of each parameter that rules name, the one that holds first; the other
    parameters keep torch's default. `parametrizations` is the same for these.
    """

    name: str
    layer: Layer
    callee: Any
    parameters: Mapping[str, Shape]
    schemes: Mapping[str, tuple[Scheme, ...]]
    span: Span
    source: Source
    parametrizations: Mapping[str, tuple[ParametrizationRule, ...]] = {}

    def learnt(self, parameter: str) -> Mapping[str, Shape]:
        """What is learnt for a parameter, by its names in a `state_dict` of the layer."""
        shape = self.parameters[parameter]
        if parameter not in self.parametrizations:
            return {parameter: shape}
        owner, dot, own = parameter.rpartition(".")
        parts = self.parametrizations[parameter][0].parametrization.learnt(shape)
        prefix = f"{owner}{dot}parametrizations.{own}."
        return {f"{prefix}{part}": size for part, size in parts.items()}

    def all_learnt(self) -> dict[str, Shape]:
        """All that is learnt, by its names in a `state_dict` of the layer.

        Those that are parametrized stand in the order in which that is done.
        """
        turns: dict[str, list[str]] = {}
        for name in self.parametrizations:
            turns.setdefault(name.rpartition(".")[0], []).append(name)
        names = [
            turns[name.rpartition(".")[0]].pop(0) if name in self.parametrizations else name
            for name in self.parameters
        ]
        return {k: v for name in names for k, v in self.learnt(name).items()}


class BuiltVariable(NamedTuple):
    """A bare tensor of a net: a parameter, or a buffer; without a scheme it is left as it is."""

    name: str
    kind: str
    type: Tensor
    scheme: Scheme | None


class Application(NamedTuple):
    """A layer at work: which one, on what, giving what.

    `given`: the input of the net whose numbers it takes first, "" for what was worked out.
    """

    name: str
    layer: Layer
    inputs: tuple[Type | None, ...]
    output: Type
    span: Span
    given: str = ""


class FunctionCall(NamedTuple):
    """A tensor function at work; `operands` are the values that stand before its arguments."""

    function: Function
    operands: int
    output: Type
    span: Span


class BlockUse(NamedTuple):
    """A block at work: its dotted name, what it is an instance of, what it gives."""

    name: str
    title: str
    output: Type | None
    steps: "list[Step]"


class Failure(NamedTuple):
    """Where a net fails: the layer or block at work, "" elsewhere, and what is wrong."""

    name: str
    error: Diagnostic


class ExternUse(NamedTuple):
    """What is written in Python at work, by its declaration: with which arguments, on what.

    `given`: for each input that of the net whose numbers it has, "" for what was worked out.
    """

    name: str
    extern: syntax.Extern
    source: Source
    values: Mapping[str, Any]
    inputs: tuple[Type, ...]
    output: Type
    given: tuple[str, ...] = ()


Step = Application | FunctionCall | BlockUse | ExternUse | Failure


def steps_in(steps: "Sequence[Step]", block: str = "", depth: int = 0) -> "Iterator[Placed]":
    """The steps in order, those inside a block after it and one level deeper."""
    for step in steps:
        yield Placed(step, block, depth)
        if isinstance(step, BlockUse):
            yield from steps_in(step.steps, step.name, depth + 1)


class Placed(NamedTuple):
    """A step, the name of the block that it is in, "" outside of all, and how deep that is."""

    step: Step
    block: str
    depth: int


class Net(NamedTuple):
    """A checked net, for the parameter values that it was checked with.

    `steps`: what is done, in order. `ties`: parameters that are another one. `sizes`: the
    dimensions that only data decides, each with the input and the axis that bind it. `externs`:
    what is written in Python, by its dotted name; nobody knows its parameters. `devices`: those of
    parts that do not live where the net does; `returns_on`: the one that `return` stands in.
    `opened`: the branches that only data or the mode decides, behind the names of their files.
    """

    name: str
    doc: str
    syntax: syntax.Net
    home: Home
    parameters: Mapping[str, Any]
    sizes: Mapping[str, tuple[str, int]]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    layers: Mapping[str, BuiltLayer]
    variables: Mapping[str, BuiltVariable]
    externs: Mapping[str, Entry]
    ties: Mapping[str, str]
    frozen: frozenset[str]
    steps: Sequence[Step]
    device: str
    devices: tuple[str, ...]
    returns_on: str | None
    source: Source
    opened: frozenset[tuple[str, Span]] = frozenset()

    def parameter_shapes(self) -> dict[str, Shape]:
        """The shapes of all learnable tensors by name; tied ones stand under one name.

        What a module has itself comes before what its children have, as torch goes through them.
        """
        shapes = {
            f"{layer.name}.{name}": shape
            for layer in self.layers.values()
            for name, shape in layer.all_learnt().items()
        }
        shapes |= {v.name: v.type.shape for v in self.variables.values() if v.kind == "parameter"}
        own = {name: shape for name, shape in shapes.items() if name not in self.ties}
        return {name: own[name] for name in _by_modules(own)}

    def sparse_parameters(self) -> frozenset[str]:
        """The learnable tensors with sparse gradients: tables that are made with `sparse=True`.

        What is learnt for a parametrized one has a dense gradient. One that is tied to a weight
        with a dense gradient has a dense gradient, too.
        """
        sparse = {
            f"{layer.name}.{name}"
            for layer in self.layers.values()
            for name in layer.parameters
            if layer.layer.given.get("sparse") is True and name not in layer.parametrizations
        }
        mixed = {name for pair in self.ties.items() for name in pair if not sparse.issuperset(pair)}
        return frozenset(sparse - mixed)

    def parameter_count(self) -> Dim:
        """The number of learnable numbers, without those of `externs`."""
        return count(self.parameter_shapes())


def _by_modules(names: Collection[str]) -> list[str]:
    """Names of tensors in the order of a walk over modules: their own first, then child by child.

    Children stand in the order of the names, `parametrizations`, which torch adds, behind them.
    """
    first: dict[str, int] = {}
    keys: dict[str, list[tuple[int, int]]] = {}
    for number, name in enumerate(names):
        parts = name.split(".")
        key = keys[name] = []
        for end, part in enumerate(parts, 1):
            place = first.setdefault(".".join(parts[:end]), number)
            inner = 1 + (part == "parametrizations") if end < len(parts) else 0
            key.append((inner, place))
    return sorted(names, key=lambda name: keys[name])


class Unfinished(NamedTuple):
    """What could be followed of a net that fails: for a look at it, nothing is made of it.

    `parameters` and `inputs` are those of its signature, None for inputs that are not known.
    """

    name: str
    syntax: syntax.Net
    home: Home
    parameters: Mapping[str, Any]
    inputs: tuple[Port, ...] | None
    steps: Sequence[Step]
    device: str
    source: Source

    def stand_in(self) -> Net:
        """A net of this signature that yields nothing, so that what is beside it can be checked."""
        return Net(
            name=self.name,
            doc="",
            syntax=self.syntax,
            home=self.home,
            parameters=self.parameters,
            sizes={},
            inputs=self.inputs or (),
            outputs=(),
            layers={},
            variables={},
            externs={},
            ties={},
            frozen=frozenset(),
            steps=(),
            device=self.device,
            devices=(),
            returns_on=None,
            source=self.source,
        )
