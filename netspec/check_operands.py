"""Check what losses and metrics are of: an output, then its target, and not one value twice."""

from collections.abc import Sequence
from typing import Any

from netspec import syntax as s
from netspec.catalogue import FUNCTIONS
from netspec.catalogue.functions.loss_function import LossFunction
from netspec.check_step import Named
from netspec.check_values import nodes_in
from netspec.diagnostic import Diagnostics
from netspec.find_losses import Loss, losses_in
from netspec.graph import Net
from netspec.source import Source, Span
from netspec.step_body import Body
from netspec.swapped import help_for_chain, help_to_swap
from netspec.visit import names_in, spanless, title_of

DATA, NET = "data", "net"


def check_operands(graph: Net, body: Body, metrics: Sequence[Named], found: Diagnostics) -> None:
    """Warn of losses and metrics of a step that are swapped, or whose value is always the same."""
    made = _Made(graph, body)
    for statement in graph.syntax.body:
        if isinstance(statement, s.Assign):
            for loss in losses_in(graph, statement):
                _check_loss(loss, made, found)
            made.note(statement)
    for named in metrics:
        first, second = named.node.arguments[0].value, named.node.arguments[1].value
        metric = named.call.metric
        if metric.itself and spanless(first) == spanless(second):
            _report_constant(metric.name, metric.itself, named.node.span, found)
        elif not metric.either and made.swaps(first, second):
            help = help_to_swap(named.node, ("output", "target"), found.source)
            _report_swapped(metric.name, named.node.span, help, found)


def _check_loss(loss: Loss, made: "_Made", found: Diagnostics) -> None:
    rule, span = loss.rule, loss.node.span
    if rule.always():
        _report_one_class(rule, span, found)
    elif rule.itself and made.is_same(loss.output, loss.target):
        _report_constant(rule.title, rule.itself, span, found)
    elif not rule.either and made.swaps(loss.output, loss.target):
        _report_swapped(rule.title, span, _help_to_swap(loss, found.source), found)


def _help_to_swap(loss: Loss, source: Source) -> str:
    if isinstance(loss.node, s.Call):
        return help_to_swap(loss.node, loss.rule.positional(), source)
    return help_for_chain(loss.node, source)


class _Made:
    """What values are made of, `DATA` and `NET`, as they are known up to a statement."""

    def __init__(self, graph: Net, body: Body) -> None:
        self.of: dict[str, frozenset[str]] = dict.fromkeys(body.fields, frozenset((DATA,)))
        learnt = [layer for layer in graph.layers.values() if layer.parameters]
        modules = (*body.nets, *(layer.name for layer in learnt))
        self.of |= dict.fromkeys(modules, frozenset((NET,)))
        self.spans = {layer.span for layer in learnt}

    def note(self, statement: s.Assign) -> None:
        """Take note of the values that a statement names."""
        kinds = self._kinds(statement.value)
        self.of |= {name.id: kinds for name in names_in(statement.target)}

    def swaps(self, output: s.Expression, target: s.Expression) -> bool:
        """Whether what should be an output is data alone, and what should be its target is none."""
        return self._kinds(output) == {DATA} and NET in self._kinds(target)

    def is_same(self, first: s.Expression, second: s.Expression) -> bool:
        """Whether two values are sure to be one: a net may drop out others in each of its calls."""
        if spanless(first) != spanless(second):
            return False
        if isinstance(first, s.Name):
            return True
        nodes = nodes_in(first)
        called = [_called(x) for x in nodes if isinstance(x, s.Call | s.Stage)]
        return all(name in FUNCTIONS and not FUNCTIONS[name].random for name in called)

    def _kinds(self, node: Any) -> frozenset[str]:
        kinds = [self.of.get(name.id, frozenset()) for name in names_in(node)]
        inside = self.spans & {x.span for x in nodes_in(node) if isinstance(x, s.Stage)}
        return frozenset[str]().union(*kinds, (NET,) if inside else ())


def _called(node: s.Call | s.Stage) -> str:
    """The name of what a call or a stage applies, "" where it has none."""
    match node:
        case s.Call(s.Attribute(name=s.Name(id))):
            return id
        case s.Stage():
            return title_of(node.callee)
    return title_of(node)


def _report_swapped(title: str, span: Span, help: str, found: Diagnostics) -> None:
    found.add(
        "swapped-operands",
        f"`{title}` takes an output and its target, and gets them the other way round",
        span,
        label="the first is made of data alone, the second of what a net yields",
        help=help,
        severity="warning",
    )


def _report_constant(title: str, value: str, span: Span, found: Diagnostics) -> None:
    found.add(
        "constant-loss",
        f"`{title}` of a value and itself is always {value}",
        span,
        label="the same on both sides",
        help="compare it with something else, or leave this out",
        severity="warning",
    )


def _report_one_class(rule: LossFunction, span: Span, found: Diagnostics) -> None:
    found.add(
        "constant-loss",
        f"`{rule.title}` over a single class is always {rule.always()}",
        span,
        label="the output has a place for one class",
        help="end the net with an output for each class, or tell two classes apart by one number: "
        "`binary_cross_entropy_with_logits`",
        severity="warning",
    )
