"""Turn what a training step computes into a function: nets and a batch in, loss out."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from netspec import syntax as s
from netspec.catalogue.loss_layers import LossLayer
from netspec.catalogue.registry import own_named
from netspec.document import columns
from netspec.generalise import generalise_net
from netspec.graph import BuiltLayer, Net
from netspec.inline_layers import keeps_constants, keeps_nothing, with_functions
from netspec.layout import WIDTH
from netspec.lower import write_class
from netspec.names import free_name
from netspec.plan import Plan
from netspec.pool import ClassPool
from netspec.program import Line
from netspec.script_names import script_problem
from netspec.step_body import names_read
from netspec.training import Step, Training
from netspec.visit import all_stages, names_in

# An attribute of the class that the step would be, outside of strings.
_SELF = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|\bself\.(\w+)')
_SPOKEN = re.compile(r"(?<![\w.])[^\W\d]\w*")  # names, but for attributes


class StepCode(NamedTuple):
    """A function that computes a loss, or pictures: its name, the modules it takes, its lines.

    `layers`: the modules of the loss itself, by the variables of the script, as it makes them;
    `variables`: these by the names in the step; `constants`: those that never change.
    `imports`: layers of the user's own, by module.
    """

    name: str
    modules: tuple[str, ...]
    layers: dict[str, str]
    variables: dict[str, str]
    constants: frozenset[str]
    batch: str
    lines: tuple[str, ...]
    returns: str
    imports: tuple[tuple[str, str], ...]


def lower_step(step: Step, training: Training, reserved: set[str]) -> StepCode:
    """The function of a step."""
    used = {name.id for name in names_in(step.graph.syntax.body)}
    title = f"compute_{step.name.lower()}_loss" if step.name else "compute_loss"
    return _lower(title, step, used, training, reserved)


def lower_samples(training: Training, reserved: set[str]) -> StepCode | None:
    """The function that works out pictures; None where the section has no `samples`."""
    if training.samples is None:
        return None
    step = Step("", training.samples, (), (), ())
    used = names_read(training.samples.syntax.body)
    return _lower("compute_samples", step, used, training, reserved)


def _lower(
    title: str, step: Step, used: Collection[str], training: Training, reserved: set[str]
) -> StepCode:
    """The function `title` that works out what a step does; `used`: the names that it reads."""
    graph = _without_unread(with_functions(step.graph))
    facts = generalise_net(graph)
    home = graph.home
    mentioned = {name.id for name in names_in(graph.syntax.body)}
    foreign = [name for own in sorted(mentioned) for name in own_named(own)]
    pool = ClassPool(write_class, home, reserved, list(home.externs().values()), foreign)
    pool.require_general(facts)
    written, _ = write_class(Plan(graph.name, facts, graph.syntax.body), pool)
    names = [item.name for item in training.nets]
    made = dict(_made(line) for line in written.constructor)
    parts = {key: _parts(graph, key) for key in made if key not in names}
    inline = {key: made[key] for key, own in parts.items() if keeps_nothing(own)}
    layers = {key: call for key, call in made.items() if key not in inline}
    read = [item.name for item in written.inputs]
    spoken = {name for line in written.forward for name in _SPOKEN.findall(line.text)}
    taken = {*reserved, *names, *read, *spoken}
    wanted = {key: _wanted(key, parts[key], step, training) for key in layers if key in parts}
    variables = _variables(wanted, taken)
    constants = frozenset(variables[key] for key in variables if keeps_constants(parts[key]))
    own = {variable: layers[name] for name, variable in variables.items()}
    modules = tuple(name for name in names if name in used) + tuple(own)
    learns = next(n for n in (*step.moves, *modules) if variables.get(n, n) in modules)
    learning = f"{variables.get(learns, learns)}.training"
    local = {**inline, **variables, "training": learning}
    lines = _return_value([_local(line, local) for line in written.forward])
    shown = [name if _reads(lines, name) else "_" for name in read]
    batch = free_name("batch", lambda name: name in used or name in read or name in own)
    unpacked = f"{', '.join(shown) if len(shown) > 1 else f'({shown[0]},)'} = {batch}"
    body = (unpacked, *(f"{'    ' * depth}{text}" for text, depth, _ in lines))
    imports = tuple((item.module, str(item)) for item in pool.imports() if item.module != "model")
    return StepCode(
        title, modules, own, variables, constants, batch, body, written.returns, imports
    )


def _made(line: Line) -> tuple[str, str]:
    """A module and the call that makes it."""
    target, _, call = line.text.partition(" = ")
    return target.removeprefix("self."), call


def _without_unread(graph: Net) -> Net:
    """A step that has no names for outputs of its nets that it does not read."""
    body = graph.syntax.body
    read = names_read(body) | {
        name.id for item in body if isinstance(item, s.Return) for name in names_in(item.value)
    }

    def shown(item: s.Statement) -> s.Statement:
        if not (isinstance(item, s.Assign) and isinstance(item.target, s.Targets)):
            return item
        targets = [
            name._replace(id="_") if isinstance(name, s.Name) and name.id not in read else name
            for name in item.target.items
        ]
        return item._replace(target=item.target._replace(items=tuple(targets)))

    return graph._replace(syntax=graph.syntax._replace(body=tuple(map(shown, body))))


def _parts(graph: Net, key: str) -> list[BuiltLayer]:
    """The layers that a module of a step is made of."""
    return [layer for name, layer in graph.layers.items() if name.partition(".")[0] == key]


def _wanted(name: str, parts: Sequence[BuiltLayer], step: Step, training: Training) -> str:
    """What a step's own module should be called: with the step's name where others have such."""
    elsewhere = {
        key.partition(".")[0]
        for other in training.steps
        if other is not step
        for key in other.graph.layers
    }
    named = {
        *(item.name.id for item in step.graph.syntax.body if isinstance(item, s.LayerDefinition)),
        *(x.label.id for x in all_stages(step.graph.syntax.body) if x.label),
    }
    if name not in named and all(isinstance(layer.layer, LossLayer) for layer in parts):
        return f"{step.name.lower()}_criterion" if step.name else "criterion"
    return f"{step.name.lower()}_{name}" if name in elsewhere else name


def _variables(wanted: Mapping[str, str], taken: set[str]) -> dict[str, str]:
    """The variables of a step's own modules."""
    spoken = {*taken}

    def is_taken(name: str) -> bool:
        return name in spoken or script_problem(name) is not None

    variables: dict[str, str] = {}
    for name, text in wanted.items():
        again = text in variables.values() and text.endswith("criterion")
        text = f"{text}_layer" if is_taken(text) and not again else text
        variables[name] = free_name(text, is_taken)
        spoken.add(variables[name])
    return variables


def _local(line: Line, variables: Mapping[str, str]) -> Line:
    """A line of forward as one of a function, where modules are arguments."""

    def plain(match: re.Match[str]) -> str:
        return variables.get(match[1], match[1]) if match[1] else match[0]

    return line._replace(text=_SELF.sub(plain, line.text))


def _return_value(lines: list[Line]) -> list[Line]:
    """Lines whose last two give a value a name and return it, in one where that holds both."""
    *before, made, last = lines
    name, _, rest = last.text.removeprefix("return ").partition(", ")
    target, _, value = made.text.partition(" = ")
    target = target.removesuffix(": Tensor")
    whole = f"return {value}, {rest}" if rest else f"return {value}"
    fits = columns(whole) <= WIDTH - 4
    if target != name or made.depth or last.depth or not fits or _reads([Line(rest)], name):
        return lines
    return [*before, Line(whole)]


def _reads(lines: Sequence[Line], name: str) -> bool:
    return any(re.search(rf"\b{name}\b", line.text) for line in lines)
