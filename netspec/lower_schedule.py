"""Turn a checked schedule into the lines of a training script that make it."""

from collections.abc import Callable, Iterator, Sequence

from netspec import syntax as s
from netspec.catalogue.scheduler import Formula, SequentialLR
from netspec.compare import at_least
from netspec.dim import Expression
from netspec.document import columns
from netspec.layout import WIDTH
from netspec.lower_call import Written, call_arguments
from netspec.schedule import EPOCHS, STEPS, STEPS_PER_EPOCH, Schedule, in_any_run
from netspec.visit import names_in
from netspec.wrap import wrap
from netspec.write import write_expression

# What the names of a schedule are called in the script.
NAMES = {EPOCHS: "cfg.epochs", STEPS: "steps", STEPS_PER_EPOCH: "steps_per_epoch"}


def write_schedule(
    schedule: Schedule,
    optimizer: str = "optimizer",
    target: str = "scheduler",
    rename: Callable[[str], str] = str,
    indent: int = 1,
    peak: str = "",
) -> list[str]:
    """The statement `target = …`, broken as ruff's formatter does, without the first `indent`.

    Two schedules, one behind the other, have statements of their own before it where one line would
    not hold all. `epochs` becomes `cfg.epochs`; `steps` and `steps_per_epoch` are variables that
    the script must have where `schedule.names` has them. Other names, those of parameters, go
    through `rename`. `peak` is written as the rate that a schedule has of its own.
    """
    writer = _Writer(optimizer, rename, peak)
    statements = [f"{target} = {writer.call(schedule)}"]
    is_wide = columns(statements[0]) + 4 * indent > WIDTH
    if is_wide and schedule.title == "SequentialLR" and len(schedule.parts) == 2:
        names = [target.replace("scheduler", name) for name in ("before", "after")]
        own = [f"{k} = {writer.call(p)}" for k, p in zip(names, schedule.parts, strict=True)]
        statements = [*own, f"{target} = {writer.call(schedule, names)}"]
    return [line for statement in statements for line in wrap(statement, indent)]


def counts_steps(schedule: Schedule) -> bool:
    """Whether the script holds the number of steps against the end of a schedule."""
    return schedule.by_step and any(True for _ in _ends(schedule, ""))


def write_ends(schedule: Schedule, target: str, per_epoch: str) -> list[str]:
    """The lines that end a run before it begins where a schedule ends before it: torch raises.

    A resumed run has the schedule of the one before. They need the variable `steps` where
    `counts_steps`; `per_epoch`: the number of them in an epoch.
    """
    unit = "steps" if schedule.by_step else "epochs"
    message = f"the schedule ends after {{end}} {unit}, and {{wanted}} are wanted"
    lines: list[str] = []
    for done, end in _ends(schedule, target):
        left = f"{done} + steps - len(rows) * {per_epoch}"
        lines += [
            f"end = {end}",
            f"wanted = {left if schedule.by_step else NAMES[EPOCHS]}",
            "if wanted > end:",
            f'    raise SystemExit(f"{message}")',
        ]
    return [f"state = {target}.state_dict()", *lines] if lines and schedule.parts else lines


def _ends(schedule: Schedule, target: str) -> Iterator[tuple[str, str]]:
    """For each schedule that has an end, how many steps it has taken, and how many it can take.

    A schedule that holds others has its variable for them, and `state` for what they are made of.
    """
    if not schedule.parts and schedule.scheduler.lasts() is not None:
        yield f"{target}.last_epoch", f"{target}.total_steps"
    elif schedule.parts:
        yield from _ends_inside(schedule, "state")


def _ends_inside(schedule: Schedule, state: str) -> Iterator[tuple[str, str]]:
    done = f'{state}["last_epoch"]'
    if schedule.scheduler.lasts() is not None:
        yield done, f'{state}["total_steps"]'
    elif isinstance(schedule.scheduler, SequentialLR):
        for _, end in _ends_inside(schedule.parts[-1], f'{state}["_schedulers"][-1]'):
            start = f'{state}["_milestones"][-1] + ' if len(schedule.parts) > 1 else ""
            yield done, f"{start}{end}"
    else:
        for i, part in enumerate(schedule.parts):
            yield from _ends_inside(part, f'{state}["_schedulers"][{i}]')


class _Writer:
    """Writes the calls of a schedule, those of what it holds inside of its own."""

    def __init__(self, optimizer: str, rename: Callable[[str], str], peak: str) -> None:
        self.optimizer = optimizer
        self.rename = rename
        self.peak = peak

    def call(self, schedule: Schedule, parts: Sequence[str] = ()) -> str:
        """The call that makes a schedule; `parts`: the variables of those that it holds."""
        names = iter(schedule.scheduler.positional())
        held = parts or [self.call(part) for part in schedule.parts]
        written = [
            self._argument(
                schedule, argument.name.id if argument.name else next(names), argument, held
            )
            for argument in schedule.arguments
        ]
        texts = call_arguments(schedule.scheduler, written, self._name)
        first = [self.optimizer] if schedule.scheduler.takes_optimizer else []
        return f"{schedule.title}({', '.join([*first, *texts])})"

    def _argument(
        self, schedule: Schedule, field: str, argument: s.Argument, held: Sequence[str]
    ) -> Written:
        name = argument.name.id if argument.name else None
        value = schedule.scheduler.given[field]
        if field == "schedulers":
            return Written(name, f"[{', '.join(held)}]")
        if field == "max_lr" and self.peak:
            return Written(name, self.peak)
        if isinstance(value, Formula):
            counted = "step" if schedule.by_step else "epoch"
            text = write_expression(
                argument.value, lambda n: counted if n == "epoch" else self._name(n)
            )
            return Written(name, f"lambda {counted}: {text}")
        text = write_expression(argument.value, self._name)
        least = schedule.scheduler.least(field)
        if least is not None and isinstance(value, Expression):
            text = _at_least(least, value, argument.value, text)
        return Written(name, text, not any(True for _ in names_in(argument.value)))

    def _name(self, name: str) -> str:
        return NAMES.get(name) or self.rename(name)


def _at_least(least: int, value: Expression, node: s.Expression, text: str) -> str:
    """A number of steps, raised to what torch takes where a short run could have fewer."""
    if at_least(in_any_run(value), least) is True:
        return text
    match node:
        case s.Call(s.Name("max"), arguments) if any(
            isinstance(a.value, s.Literal) and a.value.value == least for a in arguments
        ):
            return text
    return f"max({least}, {text})"
