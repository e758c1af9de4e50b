"""Find what holds for a net or block whatever its parameters are: the facts of its class."""

from collections.abc import Mapping
from typing import Any

from netspec import syntax as s
from netspec.check_signature import tensor_type
from netspec.compare import assuming
from netspec.diagnostic import Diagnostics
from netspec.dim import Expression, symbol
from netspec.evaluate import Scope
from netspec.facts import BlockFact, Facts
from netspec.flow import Flow, Value, type_of
from netspec.graph import Net
from netspec.name_values import bind_parameters
from netspec.no_formula import report_no_form
from netspec.resolve import names_of
from netspec.visit import title_of
from netspec.walk_symbols import Generaliser, new_frame


def generalise_net(net: Net) -> Facts:
    """The facts of a net that has been checked."""
    frame = new_frame()
    scope = Scope({}, frame)
    walker = _walker(net.syntax, net.home, scope)
    bind_parameters(net.syntax, net.parameters, scope)
    inputs: dict[str, Value] = {}
    for name in net.sizes:
        scope[name] = symbol(name, None, frame)
        scope.parametric.add(name)
    for item in net.syntax.inputs:
        assert item.type is not None
        tensor = tensor_type(item.type, scope, walker.found)
        assert tensor is not None
        inputs[item.name.id] = Flow(tensor, "", item.span)
    walker.facts.dims = {name: scope[name] for name in net.sizes}
    return _run(walker, inputs)


def generalise_block(fact: BlockFact) -> Facts:
    """The facts of a block, as it is used with tensors of these ranks."""
    definition, home, _ = fact.entry
    assert isinstance(definition, s.Block)
    frame = new_frame()
    scope = Scope({}, frame)
    walker = _walker(definition, home, scope)
    bind_parameters(definition, fact.values, scope)
    before = set(scope)
    inputs = walker.matched(fact.entry, fact.inputs, frame)
    walker.facts.dims = {k: v for k, v in scope.items() if k not in before}
    return _run(walker, inputs)


def _walker(definition: "s.Net | s.Block", home: Any, scope: Scope) -> "Generaliser":
    found = Diagnostics(home.source)
    facts = Facts(definition, home, names_of(home, definition, found))
    facts.frame = scope.frame
    return Generaliser(facts, scope, found)


def _run(walker: "Generaliser", inputs: Mapping[str, Value]) -> Facts:
    facts = walker.facts
    facts.inputs = dict(inputs)
    for item in walker.definition.inputs:
        walker.bind(item.name, inputs[item.name.id])
    _note_sizes(facts, walker.scope)
    with assuming():
        walker.run(walker.definition.body)
    for span, stage in walker.unfollowed.items():
        if span not in facts.uses and isinstance(stage.callee, s.Name | s.Call):
            report_no_form(title_of(stage.callee), stage.callee.span, walker.found)
    facts.found = walker.found
    facts.parametric = walker.scope.parametric
    facts.values = dict(walker.scope)
    value = walker.returned
    facts.returned = type_of(value) if value is not None else None
    return facts


def _note_sizes(facts: Facts, scope: Scope) -> None:
    """Where forward can read each dimension off."""
    for name, value in facts.inputs.items():
        if isinstance(value, Flow):
            for axis, dim in enumerate(value.type.shape):
                if isinstance(dim, Expression) and str(dim) in facts.dims:
                    facts.sizes.setdefault(str(dim), (name, axis))
