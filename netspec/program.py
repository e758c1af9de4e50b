"""The generated program as data: a module with classes, each with a constructor and a forward."""

from typing import NamedTuple


class Line(NamedTuple):
    """A line of code, `depth` levels deep inside its function, with a comment behind it."""

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


class Program(NamedTuple):
    """A module of generated code."""

    doc: str
    imports: tuple[tuple[str, ...], ...]
    classes: tuple[Class, ...]
