"""Write how a training script makes its optimisers, and what they do with the loss of a batch."""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from netspec import syntax as s
from netspec.catalogue import ALIASES, RANK_OPEN
from netspec.lower_call import call_arguments, write_arguments
from netspec.lower_schedule import write_schedule
from netspec.lower_step import StepCode
from netspec.training import Group, OptimizerCall, Step, Training
from netspec.write import write_expression, write_literal


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
    """A step with its movers and the variable of its loss.

    `moves`: the variables of what the step trains, by the names that it has for them.
    """

    step: Step
    code: StepCode
    movers: tuple[Mover, ...]
    moves: dict[str, str]
    loss: str

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
    updates: list[Update] = []
    for step, code in zip(training.steps, codes, strict=True):
        prefix = f"{step.name.lower()}_" if step.name else ""
        movers: list[Mover] = []
        for number, call in enumerate(step.optimizers, 1):
            ending = "" if number == 1 else str(number)
            schedule = call.schedule
            reads = schedule is None or schedule.reads_rate()
            turns = schedule is not None and len(schedule.peaks()) == 1
            movers.append(
                Mover(
                    f"{prefix}optimizer{ending}",
                    f"{prefix}scheduler{ending}" if schedule else "",
                    f"{prefix}scaler" if training.settings.precision == "float16" else "",
                    call,
                    f"{prefix}lr{ending}" if reads else "",
                    f"{prefix}max_lr{ending}" if turns else "",
                )
            )
        moves = {name: code.variables.get(name, name) for name in step.moves}
        updates.append(Update(step, code, tuple(movers), moves, f"{prefix}loss"))
    return updates


# ---- making ------------------------------------------------------------------------------------


def write_optimizers(training: Training, update: Update) -> list[str]:
    """The lines that make the optimisers of a step, their schedules and scalers."""
    lines: list[str] = []
    whole = update.whole([item.name for item in training.nets])
    first, *others = update.movers
    split = bool(others or first.call.groups) or training.settings.decay == "matrices"
    if split:
        lines.append(f"rest = dict({whole}.named_parameters())")
        for mover in others:
            lines += _take(f"{mover.optimizer}_parameters", mover.call.selectors, whole)
        lines += _groups(training, first, whole)
        own = "groups"
    else:
        own = update.parameters()
    for mover in update.movers:
        parameters = own if mover is first else f"{mover.optimizer}_parameters"
        lines.append(_optimizer(training, mover, parameters))
        if mover.scheduler:
            assert mover.call.schedule is not None
            lines += write_schedule(
                mover.call.schedule,
                mover.optimizer,
                mover.scheduler,
                _constant(training),
                peak=_peak(training, mover),
            )
    if first.scaler:
        lines.append(f"{first.scaler} = torch.amp.GradScaler(device.type)")
    return lines


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


def _groups(training: Training, mover: Mover, whole: str) -> list[str]:
    """The groups of parameters: those that are taken out, then the rest."""
    lines: list[str] = []
    groups: list[str] = []
    for number, group in enumerate(mover.call.groups, 1):
        name = f"group{number}" if len(mover.call.groups) > 1 else "group"
        lines += _take(name, group.selectors, whole)
        options = [f'"params": {name}', *_options(training, mover, group)]
        groups.append(f"{{{', '.join(options)}}}")
    if training.settings.decay == "matrices":
        lines.append("vectors = [rest.pop(name) for name in [*rest] if rest[name].ndim < 2]")
        groups.append('{"params": vectors, "weight_decay": 0.0}')
    groups.append('{"params": [*rest.values()]}')
    return [*lines, f"groups: list[dict[str, Any]] = [{', '.join(groups)}]"]


def _options(training: Training, mover: Mover, group: Group) -> list[str]:
    """What a group has of its own; its rate is the schedule's to say where that overwrites it."""
    return [
        f'"{argument.name.id}": {_group_value(training, argument, mover.rate)}'
        for argument in group.arguments
        if argument.name is not None and (mover.rate or argument.name.id != "lr")
    ]


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
    return f"[{', '.join([*rates, *vectors, whole])}]"


def _is_rate(argument: s.Argument) -> bool:
    return argument.name is not None and argument.name.id == "lr"


def _take(variable: str, selectors: Sequence[s.Name | s.Literal], whole: str) -> list[str]:
    """Take the parameters that selectors mean out of the rest."""
    lines: list[str] = []
    classes = [x.id for x in selectors if isinstance(x, s.Name) and _is_class(x.id)]
    layers = [x.id for x in selectors if isinstance(x, s.Name) and not _is_class(x.id)]
    patterns = [str(x.value) for x in selectors if isinstance(x, s.Literal)]
    tests: list[str] = []
    if classes:
        kinds = " | ".join(f"nn.{name}" for title in classes for name in _titles(title))
        owners = f"{variable}_names"
        lines.append(
            f'{owners} = {{f"{{name}}.{{key}}" for name, m in {whole}.named_modules() '
            f"if isinstance(m, {kinds}) for key, _ in m.named_parameters(recurse=False)}}"
        )
        tests.append(f"name in {owners}")
    for layer in layers:
        tests.append(f"name.startswith({write_literal(f'{layer}.')})")
    for pattern in patterns:
        tests.append(f"fnmatch(name, {write_literal(pattern)})")
        tests.append(f"fnmatch(name, {write_literal(f'{pattern}.*')})")
    lines.append(f"{variable} = [rest.pop(name) for name in [*rest] if {' or '.join(tests)}]")
    return lines


def _is_class(title: str) -> bool:
    return title in ALIASES or title in RANK_OPEN


def _titles(title: str) -> list[str]:
    return [ALIASES[title]] if title in ALIASES else [*RANK_OPEN[title].values()]


# ---- using -------------------------------------------------------------------------------------


def write_update(training: Training, update: Update, *, averaged: bool) -> list[str]:
    """The lines that compute the loss of a batch and move the parameters."""
    code = update.code
    settings = training.settings
    call = f"{code.name}({', '.join([*code.modules, 'batch'])})"
    several = code.returns != "Tensor"
    compute = f"{update.loss}, *_ = {call}" if several else f"{update.loss} = {call}"
    if any(mover.call.optimizer.closure for mover in update.movers):
        return _write_closure(training, update, compute, averaged)
    lines = autocast_lines(training, [compute])
    scaler = update.movers[0].scaler
    share = f"{update.loss} / window" if settings.accumulate > 1 else update.loss
    scaled = share if settings.accumulate == 1 else f"({share})"
    scaled = f"{scaler}.scale({share})" if scaler else scaled
    if settings.accumulate == 1:
        lines += [f"{mover.optimizer}.zero_grad()" for mover in update.movers]
        return [*lines, f"{scaled}.backward()", *_move(training, update, averaged)]
    first = ["window = min(cfg.accumulate, len(loader) - step + step % cfg.accumulate)"]
    moved = [
        *_move(training, update, averaged),
        *(f"{mover.optimizer}.zero_grad()" for mover in update.movers),
    ]
    test = "if (step + 1) % cfg.accumulate == 0 or step + 1 == len(loader):"
    return [*first, *lines, f"{scaled}.backward()", test, *(f"    {line}" for line in moved)]


def autocast_lines(training: Training, lines: list[str]) -> list[str]:
    """Lines that compute something of the nets, in the precision of the training."""
    precision = training.settings.precision
    if precision == "float32":
        return lines
    head = f"with torch.autocast(device.type, torch.{precision}):"
    return [head, *(f"    {line}" for line in lines)]


def _move(training: Training, update: Update, averaged: bool) -> list[str]:
    """What happens between `backward` and the next batch."""
    settings = training.settings
    lines: list[str] = []
    if averaged:
        lines += ["if world > 1:"]
        lines += [f"    average_gradients({mover.optimizer})" for mover in update.movers]
    for mover in update.movers:
        clips = settings.clip_norm or settings.clip_value
        if mover.scaler and clips:
            lines.append(f"{mover.scaler}.unscale_({mover.optimizer})")
    lines += _clip(training, update)
    lines += _step(update)
    if settings.ema:
        lines.append(f"ema.update_parameters({update.step.moves[0]})")
    return lines


def _step(update: Update) -> list[str]:
    """A step of all optimisers; of their schedules, too, unless the scaler skipped that."""
    scaler = update.movers[0].scaler
    if not scaler:
        return [*(f"{mover.optimizer}.step()" for mover in update.movers), *_scheduled(update)]
    lines = [*(f"{scaler}.step({mover.optimizer})" for mover in update.movers)]
    lines.append(f"{scaler}.update()")
    if not _scheduled(update):
        return lines
    test = f"if {scaler}.get_scale() >= scale:"
    before = f"scale = {scaler}.get_scale()"
    return [before, *lines, test, *(f"    {line}" for line in _scheduled(update))]


def _scheduled(update: Update) -> list[str]:
    """The steps of those schedules that take one with each step of their optimiser."""
    schedules = ((mover.call.schedule, mover.scheduler) for mover in update.movers)
    return [f"{name}.step()" for schedule, name in schedules if schedule and schedule.by_step]


def _clip(training: Training, update: Update) -> list[str]:
    settings, parameters = training.settings, update.parameters()
    if settings.clip_norm:
        return [f"nn.utils.clip_grad_norm_({parameters}, cfg.clip_norm)"]
    if settings.clip_value:
        return [f"nn.utils.clip_grad_value_({parameters}, cfg.clip_value)"]
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
    lines = ["", *closure, "", f"{update.loss} = torch.as_tensor({mover.optimizer}.step(closure))"]
    lines += _scheduled(update)
    if training.settings.ema:
        lines.append(f"ema.update_parameters({update.step.moves[0]})")
    return lines
