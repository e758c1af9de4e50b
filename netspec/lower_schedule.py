"""Turn a checked schedule into the lines of a training script that make it."""

from collections.abc import Callable, Sequence

from netspec import syntax as s
from netspec.catalogue.scheduler import Formula
from netspec.dim import Expression, at_least
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
        text = write_expression(argument.value, self._name)
        if isinstance(value, Formula):
            return Written(name, f"lambda epoch: {text}")
        least = schedule.scheduler.least(field)
        if least is not None and isinstance(value, Expression):
            text = _at_least(least, value, argument.value, text)
        return Written(name, text, not any(True for _ in names_in(argument.value)))

    def _name(self, name: str) -> str:
        if name == "epoch":
            return name
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
