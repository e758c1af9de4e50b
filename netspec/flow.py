"""Values that flow through a net while it is checked."""

from typing import Any, NamedTuple

from netspec import syntax as s
from netspec.evaluate import UNKNOWN, Unknown
from netspec.source import Span
from netspec.tensor import Tensor, Type


class Flow(NamedTuple):
    """A tensor: its type, and what it comes from, in words (`conv1`, `the input x`).

    `channels_first` where it comes out of a layer that treats it as a picture or a signal.
    `given`: the input of the net whose numbers these are, whatever became of its shape.
    """

    type: Tensor
    origin: str
    span: Span
    channels_first: bool = False
    given: str = ""


class Outputs(NamedTuple):
    """What gives several tensors: what it is called, their names, and how its call is written."""

    title: str
    names: tuple[str, ...]
    written: str
    span: Span


class Bundle(NamedTuple):
    """Several values side by side; `outputs`: of what, where they have names of their own."""

    items: "tuple[Flow | Bundle | Unknown, ...]"
    outputs: Outputs | None = None


Value = Flow | Bundle | Unknown


class Constructor(NamedTuple):
    """A layer or block that is handed to a block: what the author wrote, and where it is read.

    `text`: how a default is written, which stands elsewhere.
    """

    stage: s.Stage
    walker: Any
    text: str = ""

    def note(self, parameter: str) -> str:
        """What is said with errors inside, "" for what stands where it is written."""
        return f"in `{self.text}`, the default of `{parameter}`" if self.text else ""

    def __str__(self) -> str:
        return self.text or str(self.walker.found.source.cut(self.stage.span))


def type_of(value: Value) -> Type | None:
    """The type of a value, nested as it is; None where a part of it is unknown."""
    match value:
        case Flow(type=tensor):
            return tensor
        case Bundle(items):
            types = [type_of(item) for item in items]
            known = tuple(item for item in types if item is not None)
            return known if len(known) == len(types) else None
    return None


def flow_of(output: Type, origin: str, span: Span, channels_first: bool = False) -> Value:
    """The value of a type."""
    if isinstance(output, Tensor):
        return Flow(output, origin, span, channels_first)
    return Bundle(tuple(flow_of(item, origin, span) for item in output))


def flows_in(value: Value) -> list[Flow]:
    """The tensors of a value, in order; unknown ones left out."""
    match value:
        case Flow():
            return [value]
        case Bundle(items):
            return [flow for item in items for flow in flows_in(item)]
    return []


def from_here(value: Value, origin: str, span: Span) -> Value:
    """The value of a block, as its user sees it."""
    match value:
        case Flow():
            return value._replace(origin=origin, span=span)
        case Bundle(items):
            return Bundle(tuple(from_here(item, origin, span) for item in items))
    return value


__all__ = [
    "UNKNOWN",
    "Bundle",
    "Constructor",
    "Flow",
    "Outputs",
    "Unknown",
    "Value",
    "flow_of",
    "flows_in",
    "from_here",
    "type_of",
]
