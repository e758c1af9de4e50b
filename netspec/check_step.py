"""Check what is computed in a training step: that it can be, and that one number comes out."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from netspec import syntax as s
from netspec.arguments import bind, evaluate_arguments
from netspec.catalogue.functions.loss_function import LossFunction
from netspec.catalogue.layer import Misfit
from netspec.catalogue.loss_layers import LossLayer
from netspec.catalogue.metric import METRICS, Metric
from netspec.check_data import Fields
from netspec.check_net import check_net
from netspec.diagnostic import Diagnostics, did_you_mean
from netspec.graph import Application, FunctionCall, Net
from netspec.names import listing, variable_problem
from netspec.source import Span
from netspec.step_body import Body
from netspec.tensor import Tensor
from netspec.training import MetricCall
from netspec.visit import names_in


class Computation(NamedTuple):
    """A step as a net that returns its loss, then its figures by name."""

    graph: Net
    figures: tuple[str, ...]


def check_step(
    title: str,
    values: Sequence[s.Assign | s.LayerDefinition],
    figures: Sequence[str],
    body: Body,
    fields: Fields,
    device: str,
    found: Diagnostics,
) -> Computation | None:
    """The computation of a step; None after reporting why there is none.

    `values` are those of the section, `loss` among them; `figures` the names that it has to yield.
    """
    before = found.error_count
    _check_targets(values, body, found)
    (loss,) = (item for item in values if _is_called(item, "loss"))
    assert isinstance(loss, s.Assign)
    net = body.net(title, values)
    names = ("loss", *figures)
    returned = [body.name(name) for name in names]
    value = s.Sequence(tuple, tuple(returned), body.span()) if figures else returned[0]
    net = net._replace(body=(*net.body, s.Return(value, loss.value.span)))
    if found.error_count > before:
        return None
    graph = check_net(net, body.home(found.source), {}, device, found)
    if not isinstance(graph, Net) or found.error_count > before:
        return None
    if not _depends_on_nets(net.body, set(body.nets)):
        found.add(
            "wrong-loss",
            "the loss does not depend on the net",
            loss.value.span,
            label="nothing of it can be learnt",
            help="write a loss of an output, as in `cross_entropy(logits, label)`",
        )
    _check_loss(graph.outputs[0].type, loss, found)
    _check_classes(graph, net.body, fields, found)
    if found.error_count > before:
        return None
    return Computation(graph, tuple(figures))


def _is_called(item: s.Assign | s.LayerDefinition, name: str) -> bool:
    return isinstance(item, s.Assign) and isinstance(item.target, s.Name) and item.target.id == name


def _check_targets(
    values: Sequence[s.Assign | s.LayerDefinition], body: Body, found: Diagnostics
) -> None:
    """Report names that stand for something else already, or that no variable can have."""
    for item in values:
        names = names_in(item.target) if isinstance(item, s.Assign) else [item.name]
        for name in names:
            problem = variable_problem(name.id)
            taken = name.id in body.fields or name.id in body.nets
            taken = taken or (name.id in body.titles and name.id != "loss")  # a net of that name
            if problem and name.id != "_":
                code, why = problem
                found.add(code, why, name.span, label="not free", help=f"call it `{name.id}_`, say")
            elif taken:
                what = "a field of the data" if name.id in body.fields else "a net"
                found.add(
                    "duplicate-name",
                    f"`{name.id}` is the name of {what} already",
                    name.span,
                    label="the same name again",
                    help="call this value something else",
                )


def _depends_on_nets(body: Sequence[s.Statement], nets: set[str]) -> bool:
    """Whether something that a net or a layer of the section yields reaches the loss."""
    reached = set(nets) | {x.name.id for x in body if isinstance(x, s.LayerDefinition)}
    for statement in body:
        if isinstance(statement, s.Assign):
            read = {name.id for name in names_in(statement.value)}
            if read & reached:
                reached |= {name.id for name in names_in(statement.target)}
    return "loss" in reached


def _check_loss(loss: Tensor, written: s.Assign, found: Diagnostics) -> None:
    if loss.shape == ():
        return
    found.add(
        "wrong-loss",
        f"a loss is one number, found {loss}",
        written.value.span,
        label=f"{loss.rank} dimension{'s' if loss.rank != 1 else ''}",
        help="take its mean, `-> mean`, or compare it with a target: `mse_loss(output, target)`",
    )


def _check_classes(
    graph: Net, body: Sequence[s.Statement], fields: Fields, found: Diagnostics
) -> None:
    """Refuse labels of more classes than the output has places for."""
    written = {node.span: node for node in _nodes(tuple(body)) if isinstance(node, s.Call)}
    chained = {
        node.stages[0].span: node
        for node in _nodes(tuple(body))
        if isinstance(node, s.Chain) and isinstance(node.first, s.Sequence)
    }
    for step in graph.steps:
        if isinstance(step, FunctionCall) and step.span in written:
            targets = [argument.value for argument in written[step.span].arguments[1:]]
            _require_classes(step.function, targets, (), fields, step.span, found)
        elif isinstance(step, Application) and step.span in chained:
            first = chained[step.span].first
            assert isinstance(first, s.Sequence)
            _require_classes(step.layer, first.items[1:], step.inputs, fields, step.span, found)


def _require_classes(
    loss: Any,
    targets: Sequence[s.Expression],
    inputs: Sequence[Any],
    fields: Fields,
    span: Span,
    found: Diagnostics,
) -> None:
    """Ask a loss about each target that is a field with classes."""
    if not isinstance(loss, LossFunction | LossLayer):
        return
    for target in targets:
        if isinstance(target, s.Name) and target.id in fields.classes:
            try:
                loss.require_classes(fields.classes[target.id], *inputs)
            except Misfit as misfit:
                label, help = misfit.label, misfit.help
                found.add("shape-mismatch", misfit.message, span, label=label, help=help)


def _nodes(node: Any) -> list[Any]:
    """All nodes in a node, itself included."""
    found, pending = [], [node]
    while pending:
        item = pending.pop()
        found.append(item)
        if isinstance(item, tuple) and not isinstance(item, Span):
            pending += item
    return found


# ---- metrics -----------------------------------------------------------------------------------


class Named(NamedTuple):
    """A metric with the names of its operands, its arguments checked; not yet held against them."""

    call: MetricCall
    span: Span


def read_metrics(
    node: s.Expression | None, scope: Mapping[str, Any], found: Diagnostics
) -> list[Named]:
    """The metrics that a section lists."""
    if node is None:
        return []
    items = node.items if isinstance(node, s.Sequence) else (node,)
    known = [named for item in items if (named := _read_metric(item, scope, found)) is not None]
    names = [named.call.name for named in known]
    for named in known:
        if names.count(named.call.name) > 1:
            found.add(
                "duplicate-setting",
                "a metric stands here twice",
                named.span,
                label="twice",
                help="remove one of them",
            )
            return known[:1]
    return known


def _read_metric(node: s.Expression, scope: Mapping[str, Any], found: Diagnostics) -> Named | None:
    function = node.function if isinstance(node, s.Call) else node
    name = function.id if isinstance(function, s.Name) else ""
    if not isinstance(node, s.Call) or name not in METRICS:
        found.add(
            "unknown-metric",
            f"unknown metric `{name}`" if name else "the name of a metric is wanted here",
            function.span,
            label="no metric that netspec knows" if name not in METRICS else "of what?",
            help=did_you_mean(name, METRICS)
            or (
                f"write `{name}(output, target)`"
                if name in METRICS
                else f"there are {listing(METRICS, 12)}"
            ),
        )
        return None
    leading = [a.value for a in node.arguments[:2] if a.name is None]
    operands = [value.id for value in leading if isinstance(value, s.Name)]
    if len(operands) < 2:
        found.add(
            "missing-argument",
            f"`{name}` takes an output and its target",
            node.span,
            label=f"{len(operands)} given by name",
            help=f"write `{name}(output, target)`",
        )
        return None
    given = evaluate_arguments(node.arguments[2:], scope, found)
    bound = None if given is None else bind(METRICS[name], name, given, node.span, found)
    if not isinstance(bound, Metric):
        return None
    return Named(MetricCall(name, bound, tuple(operands)), node.span)


def check_metrics(
    metrics: Sequence[Named], types: Mapping[str, Tensor], found: Diagnostics
) -> None:
    """Hold metrics against the tensors that they are of."""
    for call, span in metrics:
        try:
            call.metric.check(*(types[name] for name in call.operands))
        except Misfit as misfit:
            found.add("shape-mismatch", misfit.message, span, label=misfit.label, help=misfit.help)
