"""Find the layers with a `with (…)` of their own, and how the constructor reaches each."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from netspec import syntax as s
from netspec.plan import Plan
from netspec.visit import stages_in
from netspec.write import write_expression

Rename = Callable[[str], str]


class Entry(NamedTuple):
    """An attribute, or an entry of a container, by its name."""

    name: str


class At(NamedTuple):
    """An entry behind `number` others and all those that `repeat`s add so many times."""

    number: int
    times: tuple[s.Expression, ...]


class Span(NamedTuple):
    """The entries that a `repeat` of a group adds, behind others as in `At`."""

    begin: At
    times: s.Expression


class Each(NamedTuple):
    """All entries of a container."""


Step = Entry | At | Span | Each


class Own(NamedTuple):
    """A layer with a `with (…)` of its own, and the steps that lead to it from `self`."""

    stage: s.Stage
    steps: tuple[Step, ...]

    @property
    def path(self) -> str:
        """Its name as a pattern has it: `*` where a loop or a parameter decides."""
        return ".".join(step.name if isinstance(step, Entry) else "*" for step in self.steps)

    def reach(self, rename: Rename) -> tuple[str, str]:
        """What a loop goes through, "" without one, and the expression for the module."""
        each, module = "", "self"
        for number, step in enumerate(self.steps):
            match step:
                case Entry(name) if number == 0:
                    module += f".{name}"
                case Entry(name):
                    module += f'.get_submodule("{name}")'
                case At():
                    module = f"{_indexable(module, number)}[{_sum(step, rename)}]"
                case Span(begin, times):
                    end = At(begin.number, (*begin.times, times))
                    part = f"{_sum(begin, rename)} : {_sum(end, rename)}".removeprefix("0 ")
                    items = module if number == 1 else f"{module}.children()"
                    # A list, since type checkers take a part of a Sequential for one module.
                    each = _inside(each, f"list({items})[{part}]")
                    module = "module"
                case Each():
                    each = _inside(each, module if number == 1 else f"{module}.children()")
                    module = "module"
        return each, module.replace('").get_submodule("', ".")


def own_stages(plan: Plan) -> list[Own]:
    """The layers of a class with a `with (…)` of their own, in the order of its definition."""
    return [own for statement in plan.body for own in _in_statement(plan, statement, ())]


def _in_statement(plan: Plan, statement: s.Statement, around: tuple[Step, ...]) -> Iterator[Own]:
    """`around`: the steps to what the loop around it builds, where that has no name of its own."""
    match statement:
        case s.LayerDefinition(name, callee, schemes, span) if schemes is not None:
            yield Own(s.Stage(name, callee, schemes, span), (Entry(name.id),))
        case s.For(span=span, body=body):
            loop = plan.facts.names.loops.get(span)
            if loop is None or not loop.level:
                steps: tuple[Step, ...] = (Entry(loop.name), Each()) if loop else ()
                for inner in body:
                    yield from _in_statement(plan, inner, steps)
        case s.If(then=then, other=other):
            for inner in (*then, *other):
                yield from _in_statement(plan, inner, around)
        case s.Assign(value=value) | s.Return(value=value):
            for stage in stages_in(value, lambda name: name[:1].isupper()):
                yield from _in_chain(plan, stage, around)


def _in_chain(plan: Plan, stage: s.Stage, around: tuple[Step, ...]) -> Iterator[Own]:
    if isinstance(stage.callee, s.Group) and stage.label is None:
        for part in stage.callee.stages:
            yield from _in_chain(plan, part, around)
        return
    name = plan.facts.names.stages.get(stage.span, "")
    yield from _in_stage(stage, (Entry(name),) if name else around)


def _in_stage(stage: s.Stage, steps: tuple[Step, ...]) -> Iterator[Own]:
    """The layers of what stands behind the steps: a layer, a group or a `repeat`."""
    match stage.callee:
        case s.Group() as group:
            number, times = 0, tuple[s.Expression, ...]()
            for part in _entries(group):
                if isinstance(part.callee, s.Repeat) and part.label is None:
                    span = Span(At(number, times), part.callee.times)
                    yield from _in_stage(part.callee.stage, (*steps, span))
                    times += (part.callee.times,)
                    continue
                name = part.label.id if part.label else str(number)
                entry = At(number, times) if times and not part.label else Entry(name)
                yield from _in_stage(part, (*steps, entry))
                number += 1
        case s.Repeat(_, inner):
            yield from _in_stage(inner, (*steps, Each()))
        case _ if stage.schemes is not None:
            yield Own(stage, steps)


def _entries(group: s.Group) -> Iterator[s.Stage]:
    """The entries of a group; those of a group in it that has no label stand with them."""
    for part in group.stages:
        if isinstance(part.callee, s.Group) and part.label is None:
            yield from _entries(part.callee)
        else:
            yield part


# ---- texts -----------------------------------------------------------------------------------


def _indexable(module: str, number: int) -> str:
    """A container as something with an index: what is no attribute is known as a module only."""
    return module if number == 1 else f"list({module}.children())"


def _inside(each: str, items: str) -> str:
    """What a loop in a loop goes through."""
    if not each:
        return items
    return f"(inner for part in {each} for inner in {items.replace('module', 'part', 1)})"


def _sum(place: At, rename: Rename) -> str:
    texts = [_term(times, rename) for times in place.times]
    parts: Sequence[str] = [str(place.number), *texts] if place.number or not texts else texts
    return " + ".join(parts)


def _term(times: s.Expression, rename: Rename) -> str:
    text = write_expression(times, rename)
    return text if isinstance(times, s.Name | s.Literal) else f"({text})"
