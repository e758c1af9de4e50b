"""The generated program as data: a module with classes, each with a constructor and a forward."""

from collections.abc import Mapping
from typing import NamedTuple

from netspec.source import Source, Span


class Line(NamedTuple):
    """A statement or its header, `depth` levels deep inside its function, and a comment on it."""

    text: str
    depth: int = 0
    comment: str = ""


class Argument(NamedTuple):
    """A parameter of a function, as its definition writes it."""

    name: str
    annotation: str
    default: str = ""

    def __str__(self) -> str:
        value = f" = {self.default}" if self.default else ""
        return f"{self.name}: {self.annotation}{value}"


class Method(NamedTuple):
    """A method without arguments that returns nothing."""

    name: str
    lines: tuple[Line, ...]


class Class(NamedTuple):
    """An `nn.Module`; `arguments` are those of its constructor, `inputs` those of forward.

    `buffers` are the names of tensors that type checkers must be told of. `initialisation` and
    `ending` end the constructor. `by_class`, `by_name`: the methods that classes around this one
    call again after their rules by class and after their patterns.
    """

    name: str
    doc: str
    buffers: tuple[str, ...]
    arguments: tuple[Argument, ...]
    constructor: tuple[Line, ...]
    initialisation: tuple[Line, ...]
    methods: tuple[Method, ...]
    by_class: str
    by_name: str
    ending: tuple[Line, ...]
    inputs: tuple[Argument, ...]
    returns: str
    forward_doc: str
    forward: tuple[Line, ...]


class Import(NamedTuple):
    """A class of the author's own that the program imports, and calls `alias`.

    `parameters`: those that its declaration names, in order; `defaults`: the values that some have
    there. The spans are those of its name and of its module in `source`. `placed`: how many
    arguments the program gives by position, at most. `layer`: the layer that describes it, where
    none of the spec's own declarations does; the spans are then those of a place that uses it.
    `apart`: by what the program calls them, the classes that must not derive from it, since a rule
    means it alone.
    """

    alias: str
    module: str
    name: str
    parameters: tuple[str, ...]
    defaults: Mapping[str, object]
    source: Source
    name_span: Span
    module_span: Span
    placed: int = 0
    layer: str = ""
    apart: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return self.name if self.name == self.alias else f"{self.name} as {self.alias}"


class Program(NamedTuple):
    """A module of generated code; `externs` are what its `imports` take from the author's own."""

    doc: str
    imports: tuple[tuple[str, ...], ...]
    classes: tuple[Class, ...]
    externs: tuple[Import, ...]
