"""What the names of a definition become in its forward, and what forward needs for them."""

from collections.abc import Mapping
from typing import Any

from netspec import syntax as s
from netspec.facts import Facts
from netspec.flow import Flow, Value
from netspec.names import free_variable
from netspec.plan import Plan
from netspec.program import Line
from netspec.tensor import DTYPES
from netspec.visit import depends_on, names_in, statements_in

_BUILD_TIME = frozenset(
    {"min", "max", "abs", "len", "sum", "round", "range", "int", "float", "training", *DTYPES}
)


class ForwardScope:
    """The names that forward uses.

    `attributes`: those that it reads from attributes; `loops`: the variables of the loops around;
    `read`: all names that some statement reads; `size_names`: the variable for each size;
    `wanted`: the `let`s that forward works out.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.facts = plan.facts
        self.attributes: dict[str, None] = {}
        self.loops: set[str] = set()
        self.read = _read_names(plan.facts)
        self.size_names = _size_names(plan.facts)
        self._sizes: dict[str, None] = {}  # those that some line mentions
        body = self.facts.definition.body
        self._local = {
            item.name.id: item
            for item in body
            if isinstance(self.facts.definition, s.Net)
            and isinstance(item, s.Let)
            and depends_on(item.value, self.facts.sizes, body)
        }
        self.wanted = self._wanted_lets()

    def is_constant(self, name: str) -> bool:
        """Whether a name stands for a build-time value."""
        if name in self.loops or name in self._local:
            return True
        return self.plan.is_constant(name) and name not in self.facts.inputs

    def rename(self, name: str) -> str:
        """How forward writes a name."""
        if name in self.loops:
            return name
        if name in self.facts.sizes:
            return self.size_names[name]
        if name == "training" and not self.is_constant(name):
            return "self.training"
        if name in self._local or not self.is_constant(name):
            return name
        return f"self.{self.plan.attribute(name)}"

    def note(self, node: Any) -> None:
        """Remember which sizes and attributes an expression needs."""
        for name in names_in(node):
            if name.id in self.loops:
                continue
            if name.id in self.facts.sizes:
                self._sizes[name.id] = None
            elif name.id in self._local:
                self.note(self._local[name.id].value)
            elif self.plan.is_constant(name.id):
                self.attributes[name.id] = None

    def flows(self, node: Any) -> bool:
        """Whether a tensor flows through an expression."""
        span = getattr(node, "span", None)
        if isinstance(node, s.Chain) or span in self.facts.types or span in self.facts.uses:
            return True
        return any(
            not self.is_constant(name.id) and name.id not in _BUILD_TIME for name in names_in(node)
        )

    def size_lines(self, inputs: Mapping[str, Value]) -> list[Line]:
        """The lines that take the sizes that are used from the shapes of the inputs."""
        lines: list[Line] = []
        for port, value in inputs.items():
            own: dict[int, str] = {}
            if isinstance(value, Flow):
                for axis, dim in enumerate(value.type.shape):
                    if str(dim) in self._sizes and str(dim) not in own.values():
                        first = not any(str(dim) in line.text.split(" = ")[0] for line in lines)
                        if first:
                            own[axis] = str(dim)
            if len(own) == 1:
                ((axis, name),) = own.items()
                lines.append(Line(f"{self.size_names[name]} = {port}.shape[{axis}]"))
            elif own and isinstance(value, Flow):
                known = {axis: self.size_names[name] for axis, name in own.items()}
                names = ", ".join(known.get(axis, "_") for axis in range(value.type.rank))
                lines.append(Line(f"{names} = {port}.shape"))
        return lines

    def _wanted_lets(self) -> set[str]:
        """The `let`s that depend on sizes and that some function call in forward uses."""
        used: set[str] = set()
        pending: list[Any] = [
            item for item in self.facts.definition.body if not isinstance(item, s.Let | s.Init)
        ]
        while pending:
            for name in names_in(pending.pop()):
                if name.id in self._local and name.id not in used:
                    used.add(name.id)
                    pending.append(self._local[name.id].value)
        return used


def _size_names(facts: Facts) -> dict[str, str]:
    """The variable for each size: its own name, where the code does not use that otherwise."""
    taken = set(facts.inputs) | {
        name.id
        for statement in statements_in(facts.definition.body)
        if isinstance(statement, s.Assign)
        for name in names_in(statement.target)
    }
    return {size: free_variable(size, lambda n: n in taken) for size in facts.sizes}


def _read_names(facts: Facts) -> set[str]:
    """Every name that some statement reads."""
    return {
        name.id
        for statement in statements_in(facts.definition.body)
        if isinstance(statement, s.Assign | s.Return | s.Let | s.If | s.For)
        for node in _reads_of(statement)
        for name in names_in(node)
    }


def _reads_of(statement: Any) -> list[Any]:
    match statement:
        case s.Assign(s.Element(_, index), value):
            return [index, value]
        case s.Assign(value=value) | s.Return(value=value) | s.Let(value=value):
            return [value]
        case s.If(test=test):
            return [test]
        case s.For(iterable=iterable):
            return [iterable]
    return []
