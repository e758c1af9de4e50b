"""What forward is handed: the inputs of a definition, or what a turn of a loop reads."""

from typing import NamedTuple

from netspec import syntax as s
from netspec.facts import Facts
from netspec.flow import Bundle, Value
from netspec.plan import Plan
from netspec.ports import ports_of, source_of
from netspec.program import Argument


class Inputs(NamedTuple):
    """The inputs of a forward.

    `values`: what is known of them; `tensors`: the names that have a type of their own; `first`:
    the first tensor that flows in, "" where there is none. In a turn, `stored` has the inputs that
    are kept values, by the text of those; `modules` are the layers that it is handed.
    """

    arguments: tuple[Argument, ...]
    values: dict[str, Value]
    tensors: frozenset[str]
    first: str
    stored: dict[str, str]
    modules: frozenset[str]


def inputs_of(plan: Plan) -> Inputs:
    """What the forward of a class is handed."""
    if plan.loop is not None:
        return _inputs_of_turn(plan.facts, plan.loop)
    facts = plan.facts
    names = [item.name.id for item in facts.definition.inputs]
    arguments = tuple(Argument(name, _annotation(facts.inputs[name])) for name in names)
    return Inputs(arguments, facts.inputs, frozenset(names), _first(facts.inputs), {}, frozenset())


def _first(values: dict[str, Value]) -> str:
    for text, value in values.items():
        while isinstance(value, Bundle):
            text, value = f"{text}[0]", value.items[0]
        return text
    return ""


def _inputs_of_turn(facts: Facts, loop: s.For) -> Inputs:
    ports = ports_of(facts, loop)
    entries = facts.entries.get(loop.span, {})
    names = [name for name, _ in ports.inputs]
    arguments = [
        Argument(name, _annotation(entries[name]) if name in entries else "Tensor")
        for name in names
    ]
    return Inputs(
        (*arguments, *(Argument(name, "nn.Module") for name in ports.modules)),
        {
            name: entries[node.id]
            for name, node in ports.inputs
            if isinstance(node, s.Name) and node.id in entries
        },
        frozenset(names),
        names[0] if names else "",
        {
            source_of(facts, node): name
            for name, node in ports.inputs
            if not isinstance(node, s.Name)
        },
        frozenset(ports.modules),
    )


def _annotation(value: Value) -> str:
    if isinstance(value, Bundle):
        return f"tuple[{', '.join(_annotation(item) for item in value.items)}]"
    return "Tensor"
