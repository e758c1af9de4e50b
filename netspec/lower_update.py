"""Write how a training script makes its optimisers, and what they do with the loss of a batch."""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from netspec import syntax as s
from netspec.lower_call import call_arguments, write_arguments
from netspec.lower_groups import Share, Trained, list_name, write_shares
from netspec.lower_schedule import write_schedule
from netspec.lower_step import StepCode
from netspec.names import free_name
from netspec.training import Group, OptimizerCall, Step, Training
from netspec.write import write_expression, write_literal

_NO_DECAY = '"weight_decay": 0.0'


class Mover(NamedTuple):
    """An optimiser of the script, with the variables for it, its schedule and its step's scaler.

    `rate`: the setting that is its learning rate, "" where its schedule overwrites that; `peak`:
    the one that is the schedule's own, "" where it has none.
    """

    optimizer: str
    scheduler: str
    scaler: str
    call: OptimizerCall
    rate: str
    peak: str

    def rates(self) -> Iterator[tuple[str, float]]:
        """The settings that are rates, with what they are where no flag is given."""
        if self.rate:
            given = self.call.optimizer.given
            yield self.rate, float(given.get("lr", self.call.optimizer.fields()["lr"].default))
        if self.peak:
            assert self.call.schedule is not None
            yield self.peak, self.call.schedule.peaks()[0]


class Update(NamedTuple):
    """A step with its movers, and what the names of its variables begin with.

    `moves`: the variables of what the step trains, by the names that it has for them.
    """

    step: Step
    code: StepCode
    movers: tuple[Mover, ...]
    moves: dict[str, str]
    prefix: str

    @property
    def loss(self) -> str:
        """The variable of the loss."""
        return f"{self.prefix}loss"

    def whole(self, nets: Collection[str]) -> str:
        """One module of all that is trained: its parameters have the names that groups mean."""
        names = list(self.moves)
        if len(names) == 1 and names[0] in nets:
            return names[0]
        inner = ", ".join(f'"{name}": {variable}' for name, variable in self.moves.items())
        return f"nn.ModuleDict({{{inner}}})"

    def parameters(self) -> str:
        """All parameters that are trained."""
        if len(self.moves) == 1:
            return f"{next(iter(self.moves.values()))}.parameters()"
        return f"[{', '.join(f'*{variable}.parameters()' for variable in self.moves.values())}]"


def plan_updates(training: Training, codes: Sequence[StepCode]) -> list[Update]:
    """The steps of a training, with names for all that they need."""
    taken = {item.name for item in training.nets} | {k for code in codes for k in code.layers}
    updates: list[Update] = []
    for step, code in zip(training.steps, codes, strict=True):
        prefix = f"{step.name.lower()}_" if step.name else ""
        scaler = f"{prefix}scaler" if training.settings.precision == "float16" else ""
        movers: list[Mover] = []
        for call in step.optimizers:
            name, scheduler = f"{prefix}optimizer", f"{prefix}scheduler"
            if len(step.optimizers) > 1:
                kind = f"{prefix}{type(call.optimizer).__name__.lower()}"
                name = free_name(kind, lambda name: name in taken)
                taken.add(name)
                scheduler = f"{name}_scheduler"
            start = f"{name}_" if movers else prefix
            schedule = call.schedule
            reads = schedule is None or schedule.reads_rate()
            turns = schedule is not None and len(schedule.peaks()) == 1
            movers.append(
                Mover(
                    name,
                    scheduler if schedule else "",
                    scaler,
                    call,
                    f"{start}lr" if reads else "",
                    f"{start}max_lr" if turns else "",
                )
            )
        moves = {name: code.variables.get(name, name) for name in step.moves}
        updates.append(Update(step, code, tuple(movers), moves, prefix))
    return updates


# ---- making ------------------------------------------------------------------------------------


def write_optimizers(training: Training, update: Update, taken: Collection[str]) -> list[str]:
    """The lines that make the optimisers of a step, their schedules and scalers.

    `taken`: the names that the script has for other things.
    """
    lines: list[str] = []
    parts = _parts(training, update, taken)
    if len(parts) > 1:
        shares = [part.share for part in parts]
        lines += write_shares(_trained(training, update), shares, taken)
    for mover in update.movers:
        *groups, last = (part for part in parts if part.mover is mover)
        given = last.share.variable
        if groups:
            given = f"{update.prefix}groups"
            listed = ", ".join(part.group() for part in (last, *groups))
            lines.append(f"{given}: list[dict[str, Any]] = [{listed}]")
        lines.append(_optimizer(training, mover, given))
        if mover.scheduler:
            assert mover.call.schedule is not None
            lines += write_schedule(
                mover.call.schedule,
                mover.optimizer,
                mover.scheduler,
                _constant(training),
                peak=_peak(training, mover),
            )
    if scaler := update.movers[0].scaler:
        lines.append(f"{scaler} = torch.amp.GradScaler(device.type)")
    return lines


class _Part(NamedTuple):
    """A share of the parameters, and how its optimiser treats it: the entries of a dictionary."""

    mover: Mover
    share: Share
    options: tuple[str, ...] = ()

    def group(self) -> str:
        """The group of parameters, as torch's optimisers take it."""
        entries = [f'"params": {self.share.variable}', *self.options]
        return f"{{{', '.join(entries)}}}"


def _parts(training: Training, update: Update, taken: Collection[str]) -> list[_Part]:
    """What the groups of a step select, in the order of its section, then the rest."""
    first, *others = update.movers
    parts = [_Part(m, Share(f"{m.optimizer}_params", m.call.selectors)) for m in others]
    own: list[str] = []
    for group in first.call.groups:
        options = _options(training, first, group)
        own.append(list_name(group.selectors, taken, own))
        parts.append(_Part(first, Share(own[-1], group.selectors), options))
    parts.sort(key=lambda part: part.share.selectors[0].span.start)
    rest = "rest" if first.call.groups else f"{first.optimizer}_params"
    if training.settings.decay == "matrices":
        rest = "matrices"
        parts.append(_Part(first, Share("vectors", vectors=True), (_NO_DECAY,)))
    return [*parts, _Part(first, Share(rest if parts else update.parameters()))]


def _trained(training: Training, update: Update) -> Trained:
    """What the optimisers of a step share."""
    nets = {item.name: item.net for item in training.nets if item.name in update.moves}
    whole = update.whole(nets)
    prefixed = whole not in nets
    names = [
        f"{name}.{key}" if prefixed else key
        for name, net in nets.items()
        for key in net.parameter_shapes()
    ]
    names += [
        f"{name}.{key}"
        for name, layer in update.step.graph.layers.items()
        if name.partition(".")[0] in update.moves
        for key in layer.parameters
    ]
    is_open = any(net.externs for net in nets.values())
    return Trained(update.parameters(), whole, None if is_open else tuple(names))


def _optimizer(training: Training, mover: Mover, parameters: str) -> str:
    call = mover.call
    texts = call_arguments(
        call.optimizer,
        write_arguments(call.arguments, _constant(training)),
        _constant(training),
    )
    names = [text.partition("=")[0] for text in texts]
    by_position = bool(call.arguments) and call.arguments[0].name is None
    more = len(call.arguments) > 1 and call.arguments[1].name is None
    first = texts[:1] if more else []  # the rate stands by position, as what follows
    if "lr" in names:
        texts = [text for text in texts if not text.startswith("lr=")]
    elif by_position and texts:
        texts = texts[1:]
    if mover.rate:
        first = [f"cfg.{mover.rate}" if more else f"lr=cfg.{mover.rate}"]
    given = ", ".join([parameters, *first, *texts])
    typed = ": Any" if call.optimizer.closure else ""  # torch has no types for its step
    return f"{mover.optimizer}{typed} = {call.optimizer.torch}({given})"


def _constant(training: Training) -> "_Constants":
    return _Constants(training)


class _Constants:
    """Writes names of build-time values as what they stand for: the script has no such names."""

    def __init__(self, training: Training) -> None:
        self.training = training

    def __call__(self, name: str) -> str:
        if name in self.training.constants:
            return write_literal(self.training.constants[name])
        return name


def _options(training: Training, mover: Mover, group: Group) -> tuple[str, ...]:
    """What a group has of its own; its rate is the schedule's to say where that overwrites it."""
    return tuple(
        f'"{argument.name.id}": {_group_value(training, argument, mover.rate)}'
        for argument in group.arguments
        if argument.name is not None and (mover.rate or argument.name.id != "lr")
    )


def _group_value(training: Training, argument: s.Argument, rate: str) -> str:
    """An argument of a group, in which `lr` is the setting `rate`."""

    def rename(name: str) -> str:
        return f"cfg.{rate}" if name == "lr" else _constant(training)(name)

    return write_expression(argument.value, rename)


def _peak(training: Training, mover: Mover) -> str:
    """The rate that a schedule turns around: one for each group where one has a rate of its own."""
    if not mover.peak:
        return ""
    whole = f"cfg.{mover.peak}"
    rates = [
        next((_group_value(training, a, mover.peak) for a in group.arguments if _is_rate(a)), whole)
        for group in mover.call.groups
    ]
    if mover.rate or all(rate == whole for rate in rates):
        return whole
    vectors = [whole] if training.settings.decay == "matrices" else []
    return f"[{', '.join([whole, *rates, *vectors])}]"  # the order of the groups


def _is_rate(argument: s.Argument) -> bool:
    return argument.name is not None and argument.name.id == "lr"


# ---- using -------------------------------------------------------------------------------------


def write_update(training: Training, update: Update, *, averaged: bool, wrapped: str) -> list[str]:
    """The lines that compute the loss of a batch and move the parameters.

    `averaged`: the script averages gradients over all processes itself; `wrapped`: the net that
    does it in its backward pass, as `net`, "" for none.
    """
    code = update.code
    settings = training.settings
    modules = ["net" if name == wrapped else name for name in code.modules]
    call = f"{code.name}({', '.join([*modules, 'batch'])})"
    several = code.returns != "Tensor"
    compute = f"{update.loss}, *_ = {call}" if several else f"{update.loss} = {call}"
    if any(mover.call.optimizer.closure for mover in update.movers):
        return _write_closure(training, update, compute, averaged)
    lines = autocast_lines(training, [compute])
    scaler = update.movers[0].scaler
    clear = [f"{mover.optimizer}.zero_grad()" for mover in update.movers]
    if settings.accumulate == 1:
        scaled = f"{scaler}.scale({update.loss})" if scaler else update.loss
        lines.append(f"{scaled}.backward()")
        if len(training.steps) > 1:  # the other steps leave gradients here
            return [*clear, *lines, *_move(training, update, [], averaged)]
        return [*lines, *_move(training, update, clear, averaged)]
    share = f"{update.loss} / window"
    scaled = f"{scaler}.scale({share})" if scaler else f"({share})"
    return [
        *_window(wrapped=bool(wrapped)),
        *lines,
        f"{scaled}.backward()",
        "if done:",
        *(f"    {line}" for line in _move(training, update, clear, averaged)),
    ]


def _window(*, wrapped: bool) -> list[str]:
    """How many batches a step of the optimisers is made of, and whether this is their last one."""
    lines = [
        "window = min(cfg.accumulate, len(loader) - (step - step % cfg.accumulate))",
        "done = (step + 1) % cfg.accumulate == 0 or step + 1 == len(loader)",
    ]
    if wrapped:
        lines.append("if world > 1:")
        lines.append("    net.require_backward_grad_sync = done  # average once a window")
    return lines


def autocast_lines(training: Training, lines: list[str]) -> list[str]:
    """Lines that compute something of the nets, in the precision of the training."""
    precision = training.settings.precision
    if precision == "float32":
        return lines
    head = f"with torch.autocast(device.type, torch.{precision}):"
    return [head, *(f"    {line}" for line in lines)]


def _move(training: Training, update: Update, clear: list[str], averaged: bool) -> list[str]:
    """What happens between `backward` and the next batch; `clear`: what removes the gradients."""
    settings = training.settings
    lines: list[str] = []
    if averaged:
        lines += ["if world > 1:"]
        lines += [f"    average_gradients({mover.optimizer})" for mover in update.movers]
    for mover in update.movers:
        clips = settings.clip_norm or settings.clip_value
        if mover.scaler and clips:
            lines.append(f"{mover.scaler}.unscale_({mover.optimizer})")
    if update.movers[0].scaler and len(update.movers) > 1 and settings.clip_norm:
        lines += [*_step_together(training, update), *clear]
    else:
        lines += [*_clip(training, update), *_step(update, clear)]
    if settings.ema:
        lines.append(f"ema.update_parameters({update.step.moves[0]})")
    return lines


def _step_together(training: Training, update: Update) -> list[str]:
    """A step of all optimisers or of none, which share a scaler and the norm of their gradients.

    The scaler looks for infinite gradients in each optimiser alone, before they are clipped; one of
    them makes the norm infinite, and clipping those of all optimisers no numbers.
    """
    (clip,) = _clip(training, update)
    scaler = update.movers[0].scaler
    steps = [*(f"{scaler}.step({mover.optimizer})" for mover in update.movers), *_scheduled(update)]
    return [
        f"grad_norm = {clip}",
        "if grad_norm.isfinite():  # all step, or none does",
        *(f"    {line}" for line in steps),
        f"{scaler}.update()",
    ]


def _step(update: Update, clear: list[str]) -> list[str]:
    """A step of all optimisers; of their schedules, too, unless the scaler skipped that."""
    scaler = update.movers[0].scaler
    if not scaler:
        steps = [f"{mover.optimizer}.step()" for mover in update.movers]
        return [*steps, *clear, *_scheduled(update)]
    steps = [*(f"{scaler}.step({mover.optimizer})" for mover in update.movers)]
    steps += [f"{scaler}.update()", *clear]
    if not _scheduled(update):
        return steps
    test = f"if {scaler}.get_scale() >= scale:"
    before = f"scale = {scaler}.get_scale()"
    return [before, *steps, test, *(f"    {line}" for line in _scheduled(update))]


def _scheduled(update: Update) -> list[str]:
    """The steps of those schedules that take one with each step of their optimiser."""
    schedules = ((mover.call.schedule, mover.scheduler) for mover in update.movers)
    return [f"{name}.step()" for schedule, name in schedules if schedule and schedule.by_step]


def _clip(training: Training, update: Update) -> list[str]:
    settings, parameters = training.settings, update.parameters()
    if settings.clip_norm:
        return [f"nn.utils.clip_grad_norm_({parameters}, cfg.clip_norm or math.inf)"]
    if settings.clip_value:
        return [f"nn.utils.clip_grad_value_({parameters}, cfg.clip_value or math.inf)"]
    return []


def _write_closure(training: Training, update: Update, compute: str, averaged: bool) -> list[str]:
    """The step of an optimiser that works out the loss several times."""
    (mover,) = update.movers
    before = [f"{mover.optimizer}.zero_grad()", *autocast_lines(training, [compute])]
    after = [f"{update.loss}.backward()"]
    if averaged:
        after += ["if world > 1:", f"    average_gradients({mover.optimizer})"]
    after += _clip(training, update)
    head = "def closure(batch: Any = batch) -> Any:"
    closure = [head, *(f"    {line}" for line in [*before, *after])]
    closure.append(f"    return {update.loss}")
    lines = ["", *closure, "", f"{update.loss} = {mover.optimizer}.step(closure)"]
    lines += _scheduled(update)
    if training.settings.ema:
        lines.append(f"ema.update_parameters({update.step.moves[0]})")
    return lines
