"""Check the optimisers of a training step: their arguments, groups of parameters, schedules."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from netspec import syntax as s
from netspec.arguments import Given, bind, evaluate_arguments, read_call
from netspec.catalogue.layer import Misfit
from netspec.catalogue.optimizer import OPTIMIZERS, Optimizer
from netspec.check_schedule import check_group_rates, check_schedule
from netspec.check_ties import is_class, selects
from netspec.diagnostic import Diagnostics, did_you_mean
from netspec.graph import BuiltLayer
from netspec.names import listing
from netspec.prefixes import help_without_first
from netspec.schedule import EPOCHS, known_at_start, with_warmup
from netspec.settings import Settings
from netspec.source import Span
from netspec.tensor import Shape
from netspec.training import Group, OptimizerCall, TrainedNet
from netspec.visit import names_in

_OTHER = "optimizer"  # the argument of a group that gives it an optimiser of its own


class Movable:
    """The parameters that the optimisers of a step share, by name.

    `nets`: those that are moved. `names`: theirs and those of the modules of the loss, those
    without parameters last. `prefixed`: names of parameters begin with these, as a loss has some,
    or there are several nets. `tied`: the other names of parameters that have several.
    """

    def __init__(self, moved: Sequence[TrainedNet], layers: Mapping[str, BuiltLayer]) -> None:
        self.nets = moved
        self.shapes: dict[str, Shape] = {}
        self.kinds: dict[str, str] = {}
        self.sparse: set[str] = set()
        self.tied: dict[str, list[str]] = {}
        own = {name: layer for name, layer in layers.items() if layer.parameters}
        modules = dict.fromkeys(name.partition(".")[0] for name in own)
        empty = [item.name for item in moved if not _has_parameters(item)]
        full = [item.name for item in moved if item.name not in empty]
        self.names = [*full, *modules, *empty]
        self.prefixed = len(moved) > 1 or bool(own)
        for item in moved:
            prefix = f"{item.name}." if self.prefixed else ""
            for name, shape in item.net.parameter_shapes().items():
                if name not in item.net.frozen:
                    self.shapes[f"{prefix}{name}"] = shape
            self.sparse |= {f"{prefix}{name}" for name in item.net.sparse_parameters()}
            for other, name in item.net.ties.items():
                self.tied.setdefault(f"{prefix}{name}", []).append(f"{prefix}{other}")
            for name, layer in item.net.layers.items():
                self.kinds[f"{prefix}{name}"] = type(layer.layer).__name__
        for name, layer in own.items():
            self.kinds[name] = type(layer.layer).__name__
            self.shapes |= {f"{name}.{key}": shape for key, shape in layer.parameters.items()}

    @property
    def is_open(self) -> bool:
        """Whether parts that are written in Python may have parameters that nobody knows of."""
        return any(item.net.externs for item in self.nets)

    def chosen(self, selectors: Sequence[s.Name | s.Literal], left: Sequence[str]) -> list[str]:
        """Those of the parameters `left` that a selector means."""
        return [name for name in left if any(self._means(each, name) for each in selectors)]

    def _means(self, selector: s.Name | s.Literal, name: str) -> bool:
        """Whether a selector means a parameter; where it is tied, all its layers count by class."""
        if isinstance(selector, s.Literal) and fnmatchcase(name, str(selector.value)):
            return True
        names = [name, *self.tied.get(name, ())] if is_class(selector) else [name]
        return any(selects(selector, each, "", self.kinds) for each in names)


def _has_parameters(item: TrainedNet) -> bool:
    return bool(item.net.parameter_shapes() or item.net.externs)


def check_optimizer(
    settings: Mapping[str, s.Assign],
    items: Sequence[Any],
    movable: Movable | None,
    numbers: Settings,
    scope: Mapping[str, Any],
    found: Diagnostics,
) -> list[OptimizerCall] | None:
    """The optimisers of a step; None after reporting what is wrong with one.

    `movable`: the parameters that they have; None where these are not known, for an error.
    """
    before = found.error_count
    known = movable is not None
    movable = movable or Movable((), {})
    node = settings["optimizer"].value
    main = _read(node, scope, found)
    if main is None:
        return None
    calls = [OptimizerCall(main, _arguments(node), (), (), None)]
    left = list(movable.shapes)
    own = list(movable.shapes)  # of the first one, in whatever group
    for item in items:
        if isinstance(item, s.Options):
            chosen = movable.chosen(item.selectors, left)
            left = [name for name in left if name not in chosen]
            if _has_optimizer(item):
                own = [name for name in own if name not in chosen]
            if known and not chosen:
                _report_nothing(item, movable, found)
            _add_group(calls, item, chosen, movable, scope, found)
    if known and (own or not movable.is_open):
        _check_parameters(main, own, movable, node.span, found)
    _check_clip(settings, numbers, movable, found)
    _check_scaled(movable.nets, found)
    calls = _schedule(calls, settings, numbers, scope, found)
    _check_closure(calls, numbers, settings, found)
    _check_decay(main, numbers, node.span, found)
    return calls if found.error_count == before else None


def _read(node: s.Expression, scope: Mapping[str, Any], found: Diagnostics) -> Optimizer | None:
    if _report_parameters(node, scope, found):
        return None
    optimizer = read_call(node, OPTIMIZERS, "optimizer", scope, found)
    if not isinstance(optimizer, Optimizer):
        return None
    return optimizer if _holds(optimizer, node.span, found) else None


def _report_parameters(node: s.Expression, scope: Mapping[str, Any], found: Diagnostics) -> bool:
    """Report `net.parameters()` as the first argument, where PyTorch takes it."""
    match node:
        case s.Call(s.Name(title), (first, *_)) if title in OPTIMIZERS:
            pass
        case _:
            return False
    if first.name is None and not _is_parameters(first.value, scope):
        return False
    if first.name is not None and first.name.id != "params":
        return False
    found.add(
        "wrong-argument",
        "an optimiser gets no parameters here: it moves those of the nets of its section",
        first.span,
        label=f"`{title}` has them already",
        help=help_without_first(node, found.source),
    )
    return True


def _is_parameters(node: s.Expression, scope: Mapping[str, Any]) -> bool:
    match node:
        case s.Call(s.Attribute(_, s.Name("parameters" | "named_parameters"))):
            return True
        case s.Name("params" | "parameters" | "model" | "net" as name):
            return name not in scope
    return False


def _holds(optimizer: Optimizer, span: Span, found: Diagnostics) -> bool:
    try:
        optimizer.check()
    except Misfit as misfit:
        found.add("wrong-argument", misfit.message, span, label=misfit.label, help=misfit.help)
        return False
    return True


def _arguments(node: s.Expression) -> tuple[s.Argument, ...]:
    return node.arguments if isinstance(node, s.Call) else ()


# ---- groups ------------------------------------------------------------------------------------


def _has_optimizer(item: s.Options) -> bool:
    return any(a.name is not None and a.name.id == _OTHER for a in item.arguments)


def _report_nothing(item: s.Options, movable: Movable, found: Diagnostics) -> None:
    selector = item.selectors[0]
    text = selector.id if isinstance(selector, s.Name) else f'"{selector.value}"'
    owners = list(dict.fromkeys(name.rpartition(".")[0] for name in movable.shapes))
    found.add(
        "unused-rule",
        f"`group` selects {text}, but no parameter that is left is of that name",
        selector.span,
        label="selects nothing",
        help=did_you_mean(text.strip('"'), owners)
        or 'name a layer, a class, or a quoted pattern: `"head.*"`, `"*.bias"`',
        severity="warning",
    )


def _add_group(
    calls: list[OptimizerCall],
    item: s.Options,
    chosen: Sequence[str],
    movable: Movable,
    scope: Mapping[str, Any],
    found: Diagnostics,
) -> None:
    other = [a for a in item.arguments if a.name is not None and a.name.id == _OTHER]
    if not other:
        if _check_options(calls[0], item, scope, found):
            group = Group(item.selectors, item.arguments)
            calls[0] = calls[0]._replace(groups=(*calls[0].groups, group))
        return
    if len(item.arguments) > 1:
        found.add(
            "wrong-argument",
            "a group with an optimiser of its own takes no other arguments",
            item.span,
            label="give them to that optimiser",
            help="write `with (optimizer=AdamW(lr=…, …))`",
        )
        return
    node = other[0].value
    optimizer = _read(node, scope, found)
    if optimizer is not None:
        calls.append(OptimizerCall(optimizer, _arguments(node), item.selectors, (), None))
        if movable.names:
            _check_parameters(optimizer, chosen, movable, node.span, found)


def _check_options(
    call: OptimizerCall, item: s.Options, scope: Mapping[str, Any], found: Diagnostics
) -> bool:
    """Hold the arguments of a group against the optimiser, as if they were its own."""
    before = found.error_count
    title = type(call.optimizer).__name__
    for argument in item.arguments:
        if argument.name is None:
            found.add(
                "wrong-argument",
                "the arguments of a group are given by name",
                argument.span,
                label=f"which argument of `{title}` is this?",
                help="write `with (weight_decay=0.0)`, say",
            )
    rate = call.optimizer.given.get("lr", call.optimizer.fields()["lr"].default)
    given = evaluate_arguments(item.arguments, {**scope, "lr": rate}, found)
    if given is None or found.error_count > before:
        return False
    named = {x.name.id for x in given if x.name is not None}
    own = [
        Given(s.Name(name, item.span), value, item.span)
        for name, value in call.optimizer.given.items()
        if name not in named
    ]
    bound = bind(type(call.optimizer), title, [*own, *given], item.span, found)
    return isinstance(bound, Optimizer) and _holds(bound, item.span, found)


# ---- what an optimiser can do --------------------------------------------------------------------


def _check_parameters(
    optimizer: Optimizer,
    names: Sequence[str],
    movable: Movable,
    span: Span,
    found: Diagnostics,
) -> None:
    shapes = {name: movable.shapes[name] for name in names}
    try:
        optimizer.check_parameters(shapes, movable.sparse & set(names))
    except Misfit as misfit:
        found.add("wrong-argument", misfit.message, span, label=misfit.label, help=misfit.help)


def _check_clip(
    settings: Mapping[str, s.Assign], numbers: Settings, movable: Movable, found: Diagnostics
) -> None:
    """Gradients that are clipped are dense: torch clips no others."""
    key = "clip_norm" if numbers.clip_norm else "clip_value"
    sparse = [name for name in movable.shapes if name in movable.sparse]
    if not sparse or not (numbers.clip_norm or numbers.clip_value):
        return
    found.add(
        "conflicting-settings",
        f"`{key}` does not go with sparse gradients, which `{sparse[0]}` has",
        settings[key if key in settings else "optimizer"].value.span,
        label="torch clips dense gradients only",
        help=f"leave `{key}` out, or `sparse=True` where `{sparse[0]}` is made",
    )


def _check_scaled(moved: Sequence[TrainedNet], found: Diagnostics) -> None:
    """Refuse to train tables whose sparse gradients would be scaled, which torch cannot."""
    for item in moved:
        for layer in item.net.layers.values():
            given, path = layer.layer.given, f"{layer.name}.weight"
            if (
                given.get("scale_grad_by_freq") is True
                and path in item.net.sparse_parameters()
                and path not in item.net.frozen
            ):
                found.inside(layer.source, found.notes).add(
                    "wrong-argument",
                    f"`scale_grad_by_freq` does not go with sparse gradients, which `{path}` has",
                    layer.span,
                    label="torch scales dense gradients only, and this is trained",
                    help="leave `scale_grad_by_freq` or `sparse` out",
                )


def _check_closure(
    calls: Sequence[OptimizerCall],
    numbers: Settings,
    settings: Mapping[str, s.Assign],
    found: Diagnostics,
) -> None:
    """An optimiser that evaluates the loss several times a step goes with few other things."""
    (main, *others) = calls
    if not any(call.optimizer.closure for call in calls):
        return
    title = type(next(c for c in calls if c.optimizer.closure).optimizer).__name__
    wrong = [
        text
        for test, text in (
            (bool(others) or bool(main.groups), "groups of parameters"),
            (numbers.accumulate > 1, "`accumulate`"),
            (numbers.precision == "float16", '`precision = "float16"`'),
            (numbers.decay == "matrices", '`decay = "matrices"`'),
        )
        if test
    ]
    if wrong:
        found.add(
            "wrong-optimizer",
            f"`{title}` works out the loss several times in a step, and does not go with "
            f"{' and '.join(wrong)}",
            settings["optimizer"].value.span,
            label=f"not with {listing([title])}",
            help="leave that out, or take another optimiser",
        )


def _check_decay(main: Optimizer, numbers: Settings, span: Span, found: Diagnostics) -> None:
    """Weight decay of matrices alone wants an optimiser that has some."""
    if numbers.decay == "all" or main.closure:
        return
    field = main.fields().get("weight_decay")
    if field is not None and main.given.get("weight_decay", field.default):
        return
    title = type(main).__name__
    found.add(
        "wrong-optimizer",
        f'`{title}` has no weight decay, and does not go with `decay = "matrices"`',
        span,
        label="has no `weight_decay`",
        help="leave that out, or take another optimiser"
        if field is None
        else f"give it some: `{title}(weight_decay=0.01)`",
    )


def _schedule(
    calls: Sequence[OptimizerCall],
    settings: Mapping[str, s.Assign],
    numbers: Settings,
    scope: Mapping[str, Any],
    found: Diagnostics,
) -> list[OptimizerCall]:
    """The optimisers with the schedule, which holds for each of them."""
    warmup = numbers.warmup
    if "scheduler" not in settings:
        schedule = with_warmup(None, warmup) if warmup else None
        return [call._replace(schedule=schedule) for call in calls]
    node = settings["scheduler"].value
    if numbers.steps and EPOCHS in {name.id for name in names_in(node)}:
        found.add(
            "conflicting-settings",
            "the training has a number of `steps`, and the schedule counts `epochs`",
            node.span,
            label="how many epochs there are follows from the data",
            help="count `steps` here, too",
        )
        return list(calls)
    names = {**scope, **known_at_start(numbers.epochs)}
    scheduled = [
        call._replace(schedule=check_schedule(node, names, call.optimizer, found, warmup))
        for call in calls
    ]
    for call in scheduled:
        if call.schedule is not None:
            check_group_rates(call.schedule, [group.arguments for group in call.groups], found)
    return scheduled
