"""Check what is computed in a training step: that it can be, and that one number comes out."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from netspec import syntax as s
from netspec.arguments import bind, evaluate_arguments
from netspec.catalogue.layer import Misfit
from netspec.catalogue.metric import METRICS, Metric
from netspec.check_data import Fields
from netspec.check_values import check_values
from netspec.diagnostic import Diagnostics, did_you_mean
from netspec.find_losses import losses_in
from netspec.graph import Net
from netspec.names import listing
from netspec.source import Span
from netspec.step_body import Body
from netspec.swapped import help_to_swap
from netspec.tensor import Tensor
from netspec.training import MetricCall
from netspec.visit import names_in, title_of

# Functions that no gradient passes: what they yield stays as it is, or jumps.
CONSTANT = frozenset(
    """
    argmax argmin argsort bool bucketize count_nonzero detach empty_like eq full_like ge gt int
    isclose isfinite isin isinf isnan le logical_and logical_not logical_or logical_xor long lt ne
    one_hot ones_like rand_like randn_like signbit zeros_like
    """.split()  # noqa: SIM905 - a list of so many would fill the page
)


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
    moves: Collection[str],
    found: Diagnostics,
) -> Computation | None:
    """The computation of a step; None after reporting why there is none.

    `values` are those of the section, `loss` among them; `figures` the names that it has to yield;
    `moves` the nets, by their names in the script, that its loss is to train.
    """
    before = found.error_count
    (loss,) = (item for item in values if _is_called(item, "loss"))
    assert isinstance(loss, s.Assign)
    graph = check_values(title, values, ("loss", *figures), loss.value.span, body, device, found)
    if graph is None:
        return None
    written = graph.syntax.body
    _check_flow(graph, written, body, moves, loss, found)
    _check_loss(graph.outputs[0].type, loss, found)
    _check_classes(graph, written, fields, found)
    if found.error_count > before:
        return None
    return Computation(graph, tuple(figures))


def _is_called(item: s.Assign | s.LayerDefinition, name: str) -> bool:
    return isinstance(item, s.Assign) and isinstance(item.target, s.Name) and item.target.id == name


# ---- what can be learnt ------------------------------------------------------------------------


def _check_flow(
    graph: Net,
    written: Sequence[s.Statement],
    body: Body,
    moves: Collection[str],
    loss: s.Assign,
    found: Diagnostics,
) -> None:
    """Report a loss that nothing reaches of what the step trains: nets and layers of its own."""
    own = [layer for layer in graph.layers.values() if layer.parameters]
    if not moves and not own:
        return  # the optimiser has nothing to move, which is said there
    flow = _Flow([*moves, *(layer.name for layer in own)], [layer.span for layer in own])
    if not flow.reaches_loss(written):
        names = [body.class_of(name) for name in moves] if len(body.nets) > 1 else []
        help = "write a loss of an output, as in `cross_entropy(logits, label)`"
        if names:
            help = f"write a loss of what `{names[0]}` yields, that is not detached"
        found.add(
            "wrong-loss",
            f"the loss does not depend on {listing(names) if names else 'the net'}",
            loss.value.span,
            label="nothing of it can be learnt",
            help=help,
        )


class _Flow:
    """Follows what modules yield through the values of a step, up to where it is detached.

    `names` are those of the modules, `spans` those of layers where they stand in a chain.
    """

    def __init__(self, names: Sequence[str], spans: Sequence[Span]) -> None:
        self.reached = {name.partition(".")[0] for name in names}
        self.spans = spans

    def reaches_loss(self, body: Sequence[s.Statement]) -> bool:
        value = False
        for statement in body:
            if isinstance(statement, s.Assign):
                value = self._reaches(statement.value)
                names = {name.id for name in names_in(statement.target)}
                self.reached = self.reached | names if value else self.reached - names
        return "loss" in self.reached

    def _reaches(self, node: Any) -> bool:
        """Whether the value of an expression has a gradient."""
        match node:
            case s.Name(id):
                return id in self.reached
            case s.Call(s.Name(id)) | s.Call(s.Attribute(name=s.Name(id))) if id in CONSTANT:
                return False
            case s.Comparison():
                return False
            case s.Chain(first, stages):
                return self._reaches_end(self._reaches(first), stages)
            case s.Attribute() | s.Argument():
                return self._reaches(node.value)
            case s.Stage():
                return self._reaches_end(False, [node])
            case tuple() if not isinstance(node, Span):
                return any(self._reaches(part) for part in node)
        return False

    def _reaches_end(self, value: bool, stages: Sequence[Any]) -> bool:
        for stage in stages:
            value = title_of(stage.callee) not in CONSTANT and (value or self._holds(stage))
        return value

    def _holds(self, stage: s.Stage) -> bool:
        inside = any(stage.span.start <= x.start and x.end <= stage.span.end for x in self.spans)
        return inside or self._reaches(stage.callee)


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
    for statement in body:
        losses = losses_in(graph, statement) if isinstance(statement, s.Assign) else ()
        for loss in losses:
            if loss.field in fields.classes:
                try:
                    loss.rule.require_classes(fields.classes[loss.field])
                except Misfit as misfit:
                    label, help = misfit.label, misfit.help
                    found.add("shape-mismatch", misfit.message, loss.span, label=label, help=help)


# ---- metrics -----------------------------------------------------------------------------------


class Named(NamedTuple):
    """A metric with the names of its operands, its arguments checked; not yet held against them."""

    call: MetricCall
    node: s.Call


def items_of(node: s.Expression) -> Sequence[s.Expression]:
    """The metrics as they are written: in brackets, or one alone."""
    return node.items if isinstance(node, s.Sequence) else (node,)


def read_metrics(
    node: s.Expression | None, scope: Mapping[str, Any], found: Diagnostics
) -> list[Named]:
    """The metrics that a section lists, each with the name that its figure gets.

    That is the metric's, and where one is taken several times also what tells them apart:
    `accuracy_left` and `accuracy_right`, or `accuracy` and `accuracy_top_k_5`.
    """
    if node is None:
        return []
    read = [
        named for item in items_of(node) if (named := _read_metric(item, scope, found)) is not None
    ]
    known: dict[str, Named] = {}
    for named, name in zip(read, _names_of([named.call for named in read]), strict=True):
        if name not in known:
            known[name] = named._replace(call=named.call._replace(name=name))
            continue
        same = known[name].call.operands == named.call.operands
        found.add(
            "duplicate-setting",
            f"{'one figure' if same else 'figures of different values'} would be called `{name}` "
            "twice",
            named.node.span,
            label="the same again" if same else "the same name again",
            help="remove one of the two" if same else "give one of the values another name",
        )
    return [*known.values()]


def operands_in(node: s.Expression) -> list[s.Name]:
    """The names of what metrics are taken of, whether or not there are such metrics."""
    return [name for item in items_of(node) if isinstance(item, s.Call) for name in _operands(item)]


def _operands(node: s.Call) -> list[s.Name]:
    leading = [argument.value for argument in node.arguments[:2] if argument.name is None]
    return [value for value in leading if isinstance(value, s.Name)]


def _names_of(calls: Sequence[MetricCall]) -> list[str]:
    """A name for the figure of each: as much of its operands and arguments as tells it apart."""
    names = [call.name for call in calls]
    for metric in set(names):
        places = [place for place, call in enumerate(calls) if call.name == metric]
        alike = [calls[place] for place in places]
        told = [metric] * len(alike)
        for words in (*zip(*(call.operands for call in alike), strict=True), _options(alike)):
            pairs = zip(told, words, strict=True)
            longer = [f"{name}_{word}" if word else name for name, word in pairs]
            if len(set(longer)) > len(set(told)):
                told = longer
        for place, name in zip(places, told, strict=True):
            names[place] = name
    return names


def _options(calls: Sequence[MetricCall]) -> list[str]:
    """Of each call the arguments that are not the same in all: `top_k_5`."""
    given = [call.metric.given for call in calls]
    keys = dict.fromkeys(key for options in given for key in options)
    differ = [key for key in keys if len({options.get(key) for options in given}) > 1]
    return [
        "_".join(f"{key}_{options[key]}".lower() for key in differ if key in options)
        for options in given
    ]


def _read_metric(node: s.Expression, scope: Mapping[str, Any], found: Diagnostics) -> Named | None:
    function = node.function if isinstance(node, s.Call) else node
    name = function.id if isinstance(function, s.Name) else ""
    if isinstance(function, s.Literal) and function.value in METRICS:
        name = str(function.value)
    if name not in METRICS:
        found.add(
            "unknown-metric",
            f"unknown metric `{name}`" if name else "the name of a metric is wanted here",
            function.span,
            label="no metric that netspec knows",
            help=did_you_mean(name, METRICS) or f"there are {listing(METRICS, 12)}",
        )
        return None
    operands = [name.id for name in _operands(node)] if isinstance(node, s.Call) else []
    if len(operands) < 2:
        found.add(
            "missing-argument" if isinstance(node, s.Call) else "unknown-metric",
            f"`{name}` takes an output and its target",
            node.span,
            label=f"{len(operands)} given by name" if isinstance(node, s.Call) else "of what?",
            help=f"write `{name}(output, target)`",
        )
        return None
    assert isinstance(node, s.Call)
    given = evaluate_arguments(node.arguments[2:], scope, found)
    bound = None if given is None else bind(METRICS[name], name, given, node.span, found)
    if not isinstance(bound, Metric):
        return None
    return Named(MetricCall(name, bound, tuple(operands)), node)


def check_counts(metrics: Sequence[Named], kept: int | None, found: Diagnostics) -> None:
    """Refuse metrics that take more samples than validate; `kept` is None where data decides."""
    for call, node in metrics:
        if kept is not None and kept < call.metric.least:
            found.add(
                "wrong-data",
                f"`{call.metric.name}` takes {call.metric.least} samples, and {kept} validates",
                node.span,
                label="how do they vary?",
                help="keep more samples for validation, or leave this metric out",
            )


def check_metrics(
    metrics: Sequence[Named], types: Mapping[str, Tensor], found: Diagnostics
) -> list[Named]:
    """Hold metrics against the tensors that they are of; those that fit."""
    fitting: list[Named] = []
    for named in metrics:
        call, node = named
        first, second = (types[name] for name in call.operands)
        try:
            call.metric.check(first, second)
            fitting.append(named)
        except Misfit as misfit:
            help = misfit.help
            if call.metric.fits(second, first):
                help = help_to_swap(node, ("output", "target"), found.source)
            found.add("shape-mismatch", misfit.message, node.span, label=misfit.label, help=help)
    return fitting
