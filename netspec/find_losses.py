"""Find the losses of a step where they are written, with the output and the target of each."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from netspec import syntax as s
from netspec.catalogue.functions.loss_function import LossFunction
from netspec.catalogue.loss_layers import LossLayer
from netspec.check_values import nodes_in
from netspec.expressions import KEEPS
from netspec.graph import Application, FunctionCall, Net
from netspec.source import Span
from netspec.swapped import values_by_name
from netspec.visit import title_of


class Loss(NamedTuple):
    """A loss at work: what it is of, how it is written, and where it stands there."""

    rule: LossFunction
    output: s.Expression
    target: s.Expression
    node: s.Call | s.Chain
    span: Span

    @property
    def field(self) -> str:
        """The value whose numbers it is compared with, in whatever shape; "" for none."""
        return _numbers_of(self.target)


def losses_in(graph: Net, statement: s.Assign) -> Iterator[Loss]:
    """The losses of a statement that are written with an output and a target."""
    nodes = nodes_in(statement.value)
    calls = {x.span: x for x in nodes if isinstance(x, s.Call) and isinstance(x.function, s.Name)}
    chains = {x.stages[0].span: x for x in nodes if isinstance(x, s.Chain)}
    for step in graph.steps:
        match step:
            case FunctionCall(function=LossFunction() as rule, span=span):
                pass
            case Application(layer=LossLayer() as layer, inputs=inputs, span=span):
                rule = layer.call(*inputs)
            case _:
                continue
        if span in chains:
            first = chains[span].first
            items = first.items if isinstance(first, s.Sequence) else ()
            given: Mapping[str, s.Expression] = dict(zip(rule.positional(), items, strict=False))
            node: s.Call | s.Chain = chains[span]
        elif span in calls:
            node = calls[span]
            given = values_by_name(node, rule.positional())
        else:
            continue
        output = given.get(rule.positional()[0])
        target = given.get(rule.against)
        if output is not None and target is not None:
            yield Loss(rule, output, target, node, span)


def _numbers_of(node: s.Expression) -> str:
    """The value whose numbers an expression has, in whatever shape; "" for what is worked out."""
    match node:
        case s.Name(id):
            return id
        case s.Chain(first, stages) if all(title_of(x.callee) in KEEPS for x in stages):
            return _numbers_of(first)
        case s.Call(s.Attribute(value, s.Name(id))) if id in KEEPS:
            return _numbers_of(value)
    return ""
