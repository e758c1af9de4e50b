"""How forward finds out where the parts of a net are: from their weights, wherever those went."""

from collections.abc import Iterator, Sequence

from netspec import syntax as s
from netspec.attributes import only_stage
from netspec.placement import contains, device_at
from netspec.plan import Plan
from netspec.pool import ClassPool
from netspec.source import Span
from netspec.visit import stages_in
from netspec.write import write_literal


def device_of(plan: Plan, pool: ClassPool, device: str, tensor: str) -> str:
    """The device of the parts on `device`, as forward writes it.

    It is that of a weight which there always is; else that of any weight of the one loop which may
    have some (`tensor` stays where it is if there is none); else the name itself.
    """
    for path in _weights(plan, pool, plan.body, device):
        return f"{path}.device"
    for container in _containers(plan, pool, device) if tensor else ():
        return f"next(self.{container}.parameters(), {tensor}).device"
    return write_literal(device)


def device_of_rest(plan: Plan, pool: ClassPool, tensor: str) -> str:
    """The device of what stands in no part: that of an input, `tensor`, where there is one."""
    if tensor:
        return f"{tensor}.device"
    for path in _weights(plan, pool, plan.body, None):
        return f"{path}.device"
    return "torch.get_default_device()"


def _weights(
    plan: Plan, pool: ClassPool, body: Sequence[s.Statement], device: str | None
) -> Iterator[str]:
    """The tensors on a device that the layers of a class have for all values of its parameters."""
    facts = plan.facts
    for statement in body:
        if device_at(facts.definition, statement.span, plan.loop) != device:
            continue
        match statement:
            case s.Variable(kind="parameter", span=span):
                yield f"self.{facts.names.stages[span]}"
            case s.LayerDefinition(span=span):
                yield from _weights_of(plan, pool, span)
            case s.Assign(value=value) | s.Return(value=value):
                for stage in stages_in(value, lambda name: name[:1].isupper()):
                    yield from _weights_in(plan, pool, stage)


def _weights_in(plan: Plan, pool: ClassPool, stage: s.Stage) -> Iterator[str]:
    match stage.callee:
        case s.Group(stages) if stage.label is None:
            for part in stages:
                yield from _weights_in(plan, pool, part)
        case s.Group(stages):
            yield from _weights_in_group(plan, pool, stages, plan.facts.names.stages[stage.span])
        case s.Repeat():
            return
        case _:
            yield from _weights_of(plan, pool, stage.span)


def _weights_in_group(
    plan: Plan, pool: ClassPool, stages: Sequence[s.Stage], name: str
) -> Iterator[str]:
    """The weights of the first entries of a `Sequential`, up to one whose number is not known."""
    facts = plan.facts
    for number, part in enumerate(stages):
        if isinstance(part.callee, s.Group | s.Repeat):
            return
        entry = f"{name}.{part.label.id if part.label else number}"
        if part.span in facts.layers:
            layer = facts.layers[part.span].layer
            yield from (_get(f"{entry}.{p}") for p in layer.parameters() if p not in layer.optional)
        elif part.span in facts.blocks:
            inner = pool.block_class(facts.blocks[part.span]).plan
            for path in _weights(inner, pool, inner.body, None):
                yield _get(f"{entry}.{_dotted(path)}")


def _weights_of(plan: Plan, pool: ClassPool, key: Span) -> Iterator[str]:
    """The weights of a layer or block that stands in an attribute of its own."""
    facts = plan.facts
    name = facts.names.stages.get(key)
    if not name or key in plan.handed:
        return
    if key in facts.layers:
        layer = facts.layers[key].layer
        for parameter in layer.parameters():
            if parameter not in layer.optional:
                plain = parameter == "weight"
                yield f"self.{name}.weight" if plain else _get(f"{name}.{parameter}")
    elif key in facts.blocks:
        inner = pool.block_class(facts.blocks[key]).plan
        for path in _weights(inner, pool, inner.body, None):
            inside = _dotted(path)
            yield (
                f"self.{name}.{inside}"
                if path.startswith(f"self.{inside}")
                else _get(f"{name}.{inside}")
            )


def _get(path: str) -> str:
    return f'self.get_parameter("{path}")'


def _dotted(path: str) -> str:
    """`fc.weight` of `self.fc.weight`, and of `self.get_parameter("fc.weight")`."""
    return path.removeprefix("self.").removeprefix('get_parameter("').removesuffix('")')


def _containers(plan: Plan, pool: ClassPool, device: str) -> Iterator[str]:
    """What is on a device as a whole, with weights or none: loops, repeats, blocks taken."""
    names = plan.facts.names
    for statement in plan.body:
        found: dict[Span, str] = {}
        match statement:
            case s.For(span=span) if span in names.loops:
                own = span if names.loops[span].level else only_stage(statement, names.stages).span
                found[own] = names.loops[span].name
            case s.Assign(value=value) | s.Return(value=value):
                for stage in stages_in(value, lambda name: name[:1].isupper()):
                    open_ = isinstance(stage.callee, s.Repeat) or stage.span in plan.handed
                    if open_ and names.stages.get(stage.span):
                        found[stage.span] = names.stages[stage.span]
        for span, name in found.items():
            inside = device_at(plan.facts.definition, span, plan.loop) == device
            if inside and _is_alone(plan, pool, statement.span, device):
                yield name


def _is_alone(plan: Plan, pool: ClassPool, span: Span, device: str) -> bool:
    """Whether what is built at a place is on one device, and nothing else there has weights."""
    facts = plan.facts
    weighty = {key for key, fact in facts.layers.items() if fact.layer.parameters()}
    return not _has_parts(plan, pool, span) and all(
        contains(span, key) or device_at(facts.definition, key, plan.loop) != device
        for key in (*weighty, *facts.blocks, *plan.handed)
    )


def _has_parts(plan: Plan, pool: ClassPool, span: Span) -> bool:
    """Whether what is built at a place has parts of its own, so that it is on several devices."""
    if any(contains(span, part.span) for part in plan.facts.definition.parts):
        return True
    inner = [pool.block_class(f).plan for k, f in plan.facts.blocks.items() if contains(span, k)]
    return any(_has_parts(block, pool, block.facts.definition.span) for block in inner)
