"""What a class is written from, and how it calls the names that its definition uses."""

from collections.abc import Sequence
from typing import Any

from netspec import syntax as s
from netspec.dim import Expression
from netspec.evaluate import Listing
from netspec.facts import Facts
from netspec.flow import Bundle, Constructor, Flow, Value
from netspec.names import free_name, label_problem
from netspec.program import Argument
from netspec.source import Span
from netspec.visit import all_stages, names_in, statements_in
from netspec.write import write_literal


class Plan:
    """One class on its way to being written: that of a definition, or of the turns of a loop.

    `needed`: the names that the constructor takes, as the definition calls them. `attributes`:
    those that forward reads, by the attribute that the constructor keeps them in.
    """

    def __init__(
        self, name: str, facts: Facts, body: Sequence[s.Statement], loop: s.For | None = None
    ) -> None:
        self.name = name
        self.facts = facts
        self.body = tuple(body)
        self.loop = loop
        self.parameters = {p.name.id: p for p in facts.definition.parameters}
        self.dim_names: dict[str, str] = {}
        self.attributes: dict[str, str] = {}
        self.taken = set(facts.names.stages.values()) | {
            place.name for place in facts.names.loops.values()
        }
        self.handed = _handed_names(facts)
        self.required_dims: set[str] = set()
        self.exports: set[str] = set()  # sizes that the user of a turn reads from it
        self.foreign = False  # a block of another file, whose `init` rules hold for it

    def holds(self, span: Span) -> bool:
        """Whether what stands at a place is built by this class."""
        if self.loop is None:
            return True
        return self.loop.span.start <= span.start and span.end <= self.loop.span.end

    # ---- names -------------------------------------------------------------------------------

    def is_constant(self, name: str) -> bool:
        """Whether a name stands for a build-time value."""
        return (
            name in self.parameters
            or name in self.facts.dims
            or name in self.facts.examples
            or name in self.running()
        )

    def running(self) -> set[str]:
        """The variables that run along."""
        named = {r.name for found in self.facts.running.values() for r in found}
        return named | {j.name for found in self.facts.joined.values() for j in found}

    def lists(self) -> set[str]:
        """The lists of sizes that kept values fill."""
        return {name for found in self.facts.kept.values() for name, _ in found}

    def in_constructor(self, name: str) -> str:
        """How the constructor calls a name."""
        return self.dim_name(name) if name in self.facts.dims else name

    def dim_name(self, name: str) -> str:
        """The parameter of the constructor for a dimension of the signature."""
        if name not in self.dim_names:
            taken = set(self.parameters) | set(self.dim_names.values()) | set(self.facts.examples)
            wanted = _common_name(name, self.facts) if len(name) == 1 else name
            self.dim_names[name] = free_name(wanted, lambda candidate: candidate in taken)
        return self.dim_names[name]

    def attribute(self, name: str) -> str:
        """The attribute that forward reads a name from."""
        if name not in self.attributes:
            attribute = self.in_constructor(name)
            while attribute in self.taken or label_problem(attribute):
                attribute += "_"
            self.attributes[name] = attribute
        return self.attributes[name]

    # ---- signatures --------------------------------------------------------------------------

    def argument(self, name: str) -> Argument:
        """The parameter of the constructor for a name."""
        if name in self.parameters:
            parameter = self.parameters[name]
            value = self.example(name)
            kind = parameter.type.id if parameter.type else ""
            given = isinstance(self.facts.definition, s.Net) or parameter.default is not None
            default = _default(self.facts, name, value) if given else ""
            return Argument(name, annotation(value, kind), default)
        if name in self.lists():
            return Argument(name, "dict[int, int]")
        if name in self.facts.dims or name in self.running():
            return Argument(self.in_constructor(name), "int")
        return Argument(name, annotation(self.facts.examples.get(name), ""))

    def example(self, name: str) -> Any:
        return plain(self.facts.values.get(name))


def _handed_names(facts: Facts) -> dict[Span, str]:
    """The constructor's parameters for blocks that the definition takes: one for each use.

    A use is known by its stage, or by its name where it is handed on as an argument.
    """
    blocks = {
        p.name.id
        for p in facts.definition.parameters
        if p.type is not None and p.type.id == "block"
    }
    found: dict[Span, str] = {}
    counts: dict[str, int] = {}
    for statement in statements_in(facts.definition.body) if blocks else ():
        if isinstance(statement, s.For | s.If):
            continue
        stages = {stage.callee.span: stage.span for stage in all_stages(statement)}
        for name in names_in(statement):
            if name.id in blocks:
                number = counts[name.id] = counts.get(name.id, 0) + 1
                key = stages.get(name.span, name.span)
                found[key] = name.id if number == 1 else f"{name.id}{number}"
    return found


def _common_name(name: str, facts: Facts) -> str:
    """What people call a size: `in_channels` for C in [N, C, H, W]."""
    for value in facts.inputs.values():
        for flow in _flows(value):
            for axis, dim in enumerate(flow.type.shape):
                if str(dim) == name:
                    if axis == 1 and flow.type.rank > 3:
                        return "in_channels"
                    if axis == flow.type.rank - 1 and flow.type.rank <= 3:
                        return "dim" if flow.type.rank == 3 else "in_features"
                    if axis == 1:
                        return "in_channels"
    return name


def _flows(value: Value) -> list[Flow]:
    match value:
        case Flow():
            return [value]
        case Bundle(items):
            return [flow for item in items for flow in _flows(item)]
    return []


def plain(value: Any) -> Any:
    """A value without the names that it is known by."""
    if isinstance(value, Expression):
        return value.value
    if isinstance(value, Constructor):
        return value
    if isinstance(value, list | tuple):
        kind = list if isinstance(value, Listing) else type(value)
        return kind(plain(item) for item in value)
    return value


_ANNOTATIONS: dict[type, str] = {bool: "bool", int: "int", float: "float", str: "str"}


def annotation(value: Any, kind: str) -> str:
    """The type of a parameter, from what the spec says and from an example."""
    value = plain(value)
    if kind == "block" or isinstance(value, Constructor):
        return "nn.Module"
    if isinstance(value, list | tuple):
        items = list(dict.fromkeys(annotation(item, "") for item in value))
        if set(items) == {"int", "float"}:
            items = ["float"]
        return f"Sequence[{' | '.join(items) or 'int'}]"
    return kind or _ANNOTATIONS.get(type(value), "int" if value is not None else "None")


def _default(facts: Facts, name: str, value: Any) -> str:
    """The default of a parameter: of a block the one that it is written with."""
    if isinstance(facts.definition, s.Block):
        from netspec.evaluate import UNKNOWN, evaluate

        (parameter,) = (p for p in facts.definition.parameters if p.name.id == name)
        assert parameter.default is not None
        from netspec.diagnostic import Diagnostics

        known = evaluate(parameter.default, {}, Diagnostics(facts.home.source))
        if known is UNKNOWN:
            return ""
        value = known
    return write_default(value)


def write_default(value: Any) -> str:
    """A default as Python writes it: nothing that could be changed by accident."""
    if isinstance(value, list | tuple):
        inner = ", ".join(write_default(item) for item in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return write_literal(value)
