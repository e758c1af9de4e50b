"""What forward is handed: the inputs of a definition, or what a turn of a loop reads."""

from typing import NamedTuple

from netspec import syntax as s
from netspec.facts import Facts
from netspec.flow import UNKNOWN, Bundle, Flow, Value
from netspec.plan import Plan
from netspec.ports import ports_of, source_of
from netspec.program import Argument
from netspec.visit import elements_in


class Inputs(NamedTuple):
    """The inputs of a forward.

    `values`: what is known of them; `tensors`: the names that have a type of their own; `first`:
    the first tensor that flows in, "" where there is none. In a turn, `stored` has the inputs that
    are kept values, by the text of those; `whole` are the dictionaries of kept values and `modules`
    the layers that it is handed.
    """

    arguments: tuple[Argument, ...]
    values: dict[str, Value]
    tensors: frozenset[str]
    first: str
    stored: dict[str, str]
    whole: tuple[str, ...]
    modules: frozenset[str]


def inputs_of(plan: Plan) -> Inputs:
    """What the forward of a class is handed."""
    if plan.loop is not None:
        return _inputs_of_turn(plan.facts, plan.loop)
    facts = plan.facts
    names = [item.name.id for item in facts.definition.inputs]
    arguments = tuple(Argument(name, annotation(facts.inputs[name])) for name in names)
    first = _first(facts.inputs)
    return Inputs(arguments, facts.inputs, frozenset(names), first, {}, (), frozenset())


def _first(values: dict[str, Value]) -> str:
    """The first tensor of some values, "" where there is none."""
    for text, value in values.items():
        match value:
            case Flow():
                return text
            case Bundle(items):
                inner = _first({f"{text}[{number}]": item for number, item in enumerate(items)})
                if inner:
                    return inner
    return ""


def _inputs_of_turn(facts: Facts, loop: s.For) -> Inputs:
    ports = ports_of(facts, loop)
    values = {name: value_at(facts, loop, node) for name, node in ports.inputs}
    arguments = [Argument(name, annotation(value)) for name, value in values.items()]
    arguments += [Argument(name, annotation_of_kept(facts, name)) for name in ports.whole]
    return Inputs(
        (*arguments, *(Argument(name, "nn.Module") for name in ports.modules)),
        {name: values[name] for name, node in ports.inputs if isinstance(node, s.Name)},
        frozenset(values),
        _first(values),
        {
            source_of(facts, node): name
            for name, node in ports.inputs
            if not isinstance(node, s.Name)
        },
        ports.whole,
        frozenset(ports.modules),
    )


def value_at(facts: Facts, loop: s.For, node: s.Expression | s.Element) -> Value:
    """What flows into or out of a turn: a tensor or several, by name or kept."""
    if isinstance(node, s.Name):
        return facts.entries[loop.span][node.id]
    return facts.stored[node.span]


def annotation(value: Value) -> str:
    """The type of a value, as Python has it."""
    if isinstance(value, Bundle):
        return f"tuple[{', '.join(annotation(item) for item in value.items)}]"
    return "Tensor"


def annotation_of_kept(facts: Facts, name: str) -> str:
    """The type of the dictionary of kept values."""
    elements = elements_in(facts.definition.body)
    spans = [element.span for element in elements if element.name.id == name]
    value = next((facts.stored[span] for span in spans if span in facts.stored), UNKNOWN)
    return f"dict[int, {annotation(value)}]"
