"""The syntax tree: what the author wrote, each node with its span.

Where nodes of one kind stand inside each other, the field is `Any` to type checkers, which follow
named tuples by their structure and would not come to an end.
"""

from typing import Any, NamedTuple, TypeAlias

from netspec.source import Span

# ---- expressions -----------------------------------------------------------------------------


class Name(NamedTuple):
    id: str
    span: Span


class Literal(NamedTuple):
    """A number, string, truth value or None."""

    value: int | float | bool | str | None
    span: Span


class Sequence(NamedTuple):
    """A list, or a tuple with or without its parentheses."""

    kind: type[list[Any]] | type[tuple[Any, ...]]
    items: tuple["Expression", ...]
    span: Span


class Unary(NamedTuple):
    operator: str
    operand: "Expression"
    span: Span


class Binary(NamedTuple):
    operator: str
    left: "Expression"
    right: "Expression"
    span: Span


class Comparison(NamedTuple):
    """`first < second <= third`: one operator less than operands."""

    operators: tuple[str, ...]
    operands: tuple["Expression", ...]
    span: Span


class Conditional(NamedTuple):
    """`then if test else other`."""

    then: "Expression"
    test: "Expression"
    other: "Expression"
    span: Span


class Argument(NamedTuple):
    """An argument of a call; `name` is None where it is given by position."""

    name: Name | None
    value: "Expression"
    span: Span


class Call(NamedTuple):
    function: "Expression"
    arguments: tuple[Argument, ...]
    span: Span


class Attribute(NamedTuple):
    value: "Expression"
    name: Name
    span: Span


class Slice(NamedTuple):
    """`start:stop:step` between [ and ]; None for what is left out."""

    start: Any  # Expression, or None
    stop: Any
    step: Any
    span: Span


class Ellipsis(NamedTuple):
    """`...` between [ and ]."""

    span: Span


class Subscript(NamedTuple):
    value: "Expression"
    items: tuple[Any, ...]  # Expression, Slice or Ellipsis
    span: Span


class Schemes(NamedTuple):
    """`with (weight=…, bias=…)`."""

    arguments: tuple[Argument, ...]
    span: Span


class Group(NamedTuple):
    """`(a -> b)` in place of a layer: several, one after another."""

    stages: tuple[Any, ...]  # Stage
    span: Span


class Repeat(NamedTuple):
    """`repeat(n) Layer(…)`: n layers, one after another."""

    times: "Expression"
    stage: Any  # Stage
    span: Span


class Stage(NamedTuple):
    """`label: Layer(…) with (…)` in a chain."""

    label: Name | None
    callee: Any  # Expression, Group or Repeat
    schemes: Schemes | None
    span: Span


class Chain(NamedTuple):
    """`first -> stage -> stage`."""

    first: "Expression"
    stages: tuple[Stage, ...]
    span: Span


Expression: TypeAlias = (
    Name
    | Literal
    | Sequence
    | Unary
    | Binary
    | Comparison
    | Conditional
    | Call
    | Attribute
    | Subscript
    | Chain
)

# ---- statements ------------------------------------------------------------------------------


class Element(NamedTuple):
    """`name[index]` as a target: it keeps a value of a loop for later."""

    name: Name
    at: Expression
    span: Span


class Targets(NamedTuple):
    """Several names that take a tuple apart; they nest as the value does."""

    items: tuple[Any, ...]  # Name, Element or Targets
    span: Span


class Assign(NamedTuple):
    target: Name | Element | Targets
    value: Expression
    span: Span


class Return(NamedTuple):
    value: Expression
    span: Span


class LayerDefinition(NamedTuple):
    """`layer name = Constructor(…) with (…)`."""

    name: Name
    callee: Expression
    schemes: Schemes | None
    span: Span


class Let(NamedTuple):
    name: Name
    value: Expression
    span: Span


class Init(NamedTuple):
    """`init selector, … with (…)`; a selector is a class name or a quoted pattern."""

    selectors: tuple[Name | Literal, ...]
    schemes: Schemes
    span: Span


class Device(NamedTuple):
    name: Literal
    span: Span


class For(NamedTuple):
    """`for target in iterable as label { body }`."""

    target: Name | Element | Targets
    iterable: Expression
    label: Name | None
    body: tuple[Any, ...]  # Statement
    span: Span


class If(NamedTuple):
    """`if test { then } else { other }`."""

    test: Expression
    then: tuple[Any, ...]  # Statement
    other: tuple[Any, ...]  # Statement
    span: Span


class Require(NamedTuple):
    """`require test, "message"`."""

    test: Expression
    message: str
    span: Span


class Variable(NamedTuple):
    """`parameter cls: [1, 1, dim] = zeros`, or a buffer; `scheme` is None where none is given."""

    kind: str
    name: Name
    type: "TensorType"
    scheme: Expression | None
    span: Span


class Path(NamedTuple):
    """`head.weight`: a parameter by the name of its layer and its own."""

    names: tuple[Name, ...]
    span: Span

    @property
    def text(self) -> str:
        return ".".join(name.id for name in self.names)


class Tie(NamedTuple):
    """`tie first = second`: the first parameter becomes the second."""

    first: Path
    second: Path
    span: Span


class Freeze(NamedTuple):
    selectors: tuple[Name | Literal, ...]
    span: Span


class On(NamedTuple):
    """`on "cuda:1" { body }`."""

    device: Literal
    body: tuple[Any, ...]  # Statement
    span: Span


class Broken(NamedTuple):
    """A statement that could not be read; what it would have defined is unknown."""

    span: Span


Statement: TypeAlias = (
    Assign
    | Return
    | LayerDefinition
    | Let
    | For
    | If
    | Require
    | Variable
    | Tie
    | Freeze
    | On
    | Init
    | Device
    | Broken
)

# ---- declarations ----------------------------------------------------------------------------


class TensorType(NamedTuple):
    """`float32[N, 3, H, W]`."""

    dtype: Name | None
    shape: tuple[Expression, ...]
    span: Span


class Parameter(NamedTuple):
    name: Name
    type: Name | None
    default: Expression | None
    span: Span


class Input(NamedTuple):
    name: Name
    type: TensorType | None
    span: Span


class Output(NamedTuple):
    """An output of a net; `name` is None for the only one, where none was given."""

    name: Name | None
    type: TensorType
    span: Span


class Net(NamedTuple):
    """A net. `parts`: its `on` statements, once they have been taken apart from `body`."""

    name: Name
    parameters: tuple[Parameter, ...]
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    body: tuple[Statement, ...]
    doc: str
    span: Span
    parts: tuple[On, ...] = ()


class Block(NamedTuple):
    """A part of nets; the same fields as a net's."""

    name: Name
    parameters: tuple[Parameter, ...]
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    body: tuple[Statement, ...]
    doc: str
    span: Span
    parts: tuple[On, ...] = ()


class Use(NamedTuple):
    """`use Up, Down from "blocks.net"`."""

    names: tuple[Name, ...]
    path: Literal
    span: Span


class Extern(NamedTuple):
    """A module written in Python, with its signature; `module` is where it is imported from."""

    name: Name
    parameters: tuple[Parameter, ...]
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    module: Literal
    doc: str
    span: Span


class ExternData(NamedTuple):
    """Data that is read in Python, with its fields; `module` is where it is imported from."""

    name: Name
    parameters: tuple[Parameter, ...]
    outputs: tuple[Output, ...]
    module: Literal
    doc: str
    span: Span


class Trained(NamedTuple):
    """`G=Generator(nz=64)`: a net of a train section, by the name that it has there."""

    name: Name
    net: Name
    arguments: tuple[Argument, ...]
    span: Span


class Options(NamedTuple):
    """`group "head.*" with (lr=0.01)`: what the optimiser does with some parameters."""

    selectors: tuple[Name | Literal, ...]
    arguments: tuple[Argument, ...]
    span: Span


class Start(NamedTuple):
    """`from "pretrained.pt"`: the weights to begin with."""

    path: Literal
    arguments: tuple[Argument, ...]
    span: Span


class Step(NamedTuple):
    """`step D { … }`: one of several optimisers that take turns; `items` are those of a section."""

    name: Name
    items: tuple[Any, ...]  # Assign, LayerDefinition, Freeze, Options, Start, Broken
    span: Span


TrainItem: TypeAlias = Assign | Step | Options | Start | Freeze | LayerDefinition | Broken


class Train(NamedTuple):
    """How to train a net called `name`, or the `nets` of that training."""

    name: Name
    nets: tuple[Trained, ...]
    items: tuple[TrainItem, ...]
    doc: str
    span: Span


class File(NamedTuple):
    """A whole spec. `doc` is the documentation that belongs to no net: that of the file."""

    items: tuple[Net | Block | Train | Init | Device | Use | Extern | ExternData | Broken, ...]
    doc: str
