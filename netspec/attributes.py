"""Find which attributes of a class tell of its branches and loops."""

from netspec import syntax as s
from netspec.plan import Plan
from netspec.source import Span
from netspec.visit import stages_in, statements_in


def optional_layer(branch: s.If, stages: dict[Span, str], hoisted: set[Span]) -> str | None:
    """The layer that tells whether a branch was taken: the first that it builds."""
    if branch.other:
        return None
    for statement in branch.then:
        value = getattr(statement, "value", None)
        for stage in stages_in(value, lambda name: True) if value is not None else ():
            single = not isinstance(stage.callee, s.Repeat) and stage.span not in hoisted
            if single and stages.get(stage.span):
                return stages[stage.span]
    return None


def only_stage(loop: s.For, stages: dict[Span, str]) -> s.Stage:
    """The stage of a loop that its container holds."""
    for statement in loop.body:
        value = getattr(statement, "value", None)
        for stage in stages_in(value, lambda name: True) if value is not None else ():
            found = _unnamed(stage, stages)
            if found is not None:
                return found
    raise LookupError(f"a loop without a layer at {loop.span}")


def _unnamed(stage: s.Stage, stages: dict[Span, str]) -> s.Stage | None:
    if isinstance(stage.callee, s.Group) and stage.label is None:
        parts = (_unnamed(part, stages) for part in stage.callee.stages)
        return next((part for part in parts if part is not None), None)
    return stage if stages.get(stage.span) == "" else None


def set_twice(plan: Plan) -> set[str]:
    """Attributes that both sides of a branch set."""
    counts: dict[str, int] = {}
    inner = [
        item.span
        for item in statements_in(plan.body)
        if isinstance(item, s.For)
        and item.span in plan.facts.names.loops
        and plan.facts.names.loops[item.span].level
    ]
    for span, name in plan.facts.names.stages.items():
        outside = any(part.start <= span.start < part.end for part in inner)
        if plan.loop is not None:
            outside = outside or not plan.loop.span.start <= span.start < plan.loop.span.end
        if span not in plan.facts.names.hoisted and name and not outside:
            counts[name] = counts.get(name, 0) + 1
    return {name for name, count in counts.items() if count > 1}
