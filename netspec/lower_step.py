"""Turn what a training step computes into a function: nets and a batch in, loss out."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from netspec.catalogue.registry import own_named
from netspec.generalise import generalise_net
from netspec.lower import write_class
from netspec.names import free_name
from netspec.plan import Plan
from netspec.pool import ClassPool
from netspec.program import Line
from netspec.training import Step, TrainedNet
from netspec.visit import names_in

# An attribute of the class that the step would be, outside of strings.
_SELF = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|\bself\.(\w+)')


class StepCode(NamedTuple):
    """A function that computes a loss: its name, the modules that it takes, and its lines.

    `layers`: the modules of the loss itself, by name, as the script makes them. `fields`: the
    names that it reads from a batch. `imports`: layers of the user's own, by module.
    """

    name: str
    modules: tuple[str, ...]
    layers: dict[str, str]
    batch: str
    lines: tuple[str, ...]
    returns: str
    imports: tuple[tuple[str, str], ...]


def lower_step(step: Step, nets: Sequence[TrainedNet], reserved: set[str]) -> StepCode:
    """The function of a step."""
    facts = generalise_net(step.graph)
    home = step.graph.home
    used = {name.id for name in names_in(step.graph.syntax.body)}
    foreign = [name for title in sorted(used) for name in own_named(title)]
    pool = ClassPool(write_class, home, reserved, list(home.externs().values()), foreign)
    pool.require_general(facts)
    written, _ = write_class(Plan(step.graph.name, facts, step.graph.syntax.body), pool)
    names = [item.name for item in nets]
    layers = dict(_made(line) for line in written.constructor)
    own = {name: text for name, text in layers.items() if name not in names}
    lines = [_local(line, names[0]) for line in written.forward]
    modules = tuple(name for name in names if name in used) + tuple(own)
    read = [item.name for item in written.inputs]
    shown = [name if _reads(lines, name) else "_" for name in read]
    batch = free_name("batch", lambda name: name in used or name in read)
    unpacked = f"{', '.join(shown) if len(shown) > 1 else f'({shown[0]},)'} = {batch}"
    body = (unpacked, *(f"{'    ' * depth}{text}" for text, depth, _ in lines))
    title = f"compute_{step.name.lower()}_loss" if step.name else "compute_loss"
    imports = tuple((item.module, str(item)) for item in pool.imports() if item.module != "model")
    return StepCode(title, modules, own, batch, body, written.returns, imports)


def _made(line: Line) -> tuple[str, str]:
    """A module and the call that makes it."""
    target, _, call = line.text.partition(" = ")
    return target.removeprefix("self."), call


def _local(line: Line, first: str) -> Line:
    """A line of forward as one of a function, where modules are arguments."""

    def plain(match: re.Match[str]) -> str:
        if not match[1]:
            return match[0]
        return f"{first}.training" if match[1] == "training" else match[1]

    return line._replace(text=_SELF.sub(plain, line.text))


def _reads(lines: Sequence[Line], name: str) -> bool:
    return any(re.search(rf"\b{name}\b", line.text) for line in lines)
