"""How the learning rate of a training goes, checked: schedulers, and those that they hold."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from netspec import syntax as s
from netspec.catalogue.scheduler import (
    ChainedScheduler,
    ConstantLR,
    CyclicLR,
    ExponentialLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    Scheduler,
    SequentialLR,
    StepLR,
)
from netspec.dim import Dim, symbol, value_of
from netspec.misfit import Misfit
from netspec.source import Span
from netspec.substitute import substitute

EPOCHS, STEPS, STEPS_PER_EPOCH = "epochs", "steps", "steps_per_epoch"
# Those that multiply the rate that there is, and keep none where they begin.
_MULTIPLYING = (
    *(ConstantLR, LinearLR, ExponentialLR, StepLR, MultiStepLR, PolynomialLR, MultiplicativeLR),
)


class Schedule(NamedTuple):
    """A scheduler with the arguments that its author gave, and the schedules that it holds.

    `by_step`: it takes a step with each step of the optimiser, else with each epoch. `names`: what
    it wants to know of `epochs`, `steps` and `steps_per_epoch`.
    """

    scheduler: Scheduler
    arguments: tuple[s.Argument, ...]
    parts: tuple[Any, ...]  # Schedule
    by_step: bool
    names: frozenset[str]
    span: Span

    @property
    def title(self) -> str:
        return type(self.scheduler).__name__

    @property
    def metric(self) -> bool:
        """Whether its step takes a figure that is to become better."""
        return self.scheduler.metric

    def schedulers(self) -> Iterator[Scheduler]:
        """The scheduler and all that it holds."""
        yield self.scheduler
        for part in self.parts:
            yield from part.schedulers()

    def peaks(self) -> list[float]:
        """The rates that its schedulers turn around, where they have one of their own."""
        own = (x for x in self.schedulers() if isinstance(x, CyclicLR | OneCycleLR))
        return list(dict.fromkeys(float(x.max_lr) for x in own))

    def reads_rate(self) -> bool:
        """Whether the optimiser's rate has a part in it.

        torch lets `OneCycleLR` overwrite it, and the rate that those behind and before it begin
        with; `CyclicLR` does it where it is made first.
        """
        holders = (ChainedScheduler, SequentialLR)
        first, *others = (x for x in self.schedulers() if not isinstance(x, holders))
        if isinstance(first, CyclicLR | OneCycleLR):
            return False
        overwritten = bool(others) and isinstance(others[0], OneCycleLR)
        return not (overwritten and isinstance(first, _MULTIPLYING))


def known_at_start(epochs: int) -> Mapping[str, Dim]:
    """The names that a schedule may have in its arguments, and what is known of them.

    `epochs` is what the training says; how many steps there are shows when it starts.
    """
    return {
        EPOCHS: symbol(EPOCHS, epochs),
        STEPS: symbol(STEPS),
        STEPS_PER_EPOCH: symbol(STEPS_PER_EPOCH),
    }


def in_any_run(dim: Dim) -> Dim:
    """A number of steps or epochs with nothing known of either: a script has flags for both."""
    epochs = symbol(EPOCHS)
    return substitute(dim, {EPOCHS: epochs, STEPS: epochs * symbol(STEPS_PER_EPOCH)})


def with_warmup(schedule: Schedule | None, warmup: int) -> Schedule:
    """A schedule behind a linear warm-up: from 1 / `warmup` of the rate to all of it.

    The warm-up takes the first `warmup` steps of the optimiser; the schedule counts from its end.

    Raises:
        Misfit: for a schedule that cannot stand behind another, or that counts epochs.
    """
    span = Span(0, 0) if schedule is None else schedule.span
    factor = s.Binary("/", s.Literal(1, span), s.Literal(warmup, span), span)
    ramp = Schedule(
        LinearLR(start_factor=1 / warmup, total_iters=warmup),
        (_keyword("start_factor", factor), _keyword("total_iters", s.Literal(warmup, span))),
        parts=(),
        by_step=True,
        names=frozenset(),
        span=span,
    )
    if schedule is None:
        return ramp
    _require_behind(schedule)
    parts, milestones = _taken_apart(schedule)
    starts = [warmup, *(warmup + milestone for milestone, _ in milestones)]
    written = [s.Literal(warmup, span), *(_shifted(warmup, node) for _, node in milestones)]
    return Schedule(
        SequentialLR(tuple(part.scheduler for part in (ramp, *parts)), milestones=starts),
        (
            s.Argument(None, s.Sequence(list, (), span), span),
            _keyword("milestones", s.Sequence(list, tuple(written), span)),
        ),
        parts=(ramp, *parts),
        by_step=True,
        names=schedule.names,
        span=span,
    )


def _keyword(name: str, value: s.Expression) -> s.Argument:
    return s.Argument(s.Name(name, value.span), value, value.span)


def _require_behind(schedule: Schedule) -> None:
    title = schedule.title
    if not schedule.scheduler.behind and not isinstance(schedule.scheduler, SequentialLR):
        raise Misfit(
            f"`{title}` cannot stand behind a warm-up",
            label="its step wants a figure" if schedule.metric else "holds several schedulers",
            help="leave `warmup` out",
        )
    if not schedule.by_step:
        raise Misfit(
            f"`warmup` counts steps of the optimiser, and `{title}` counts epochs",
            label="names neither `steps` nor `steps_per_epoch`",
            help="count steps here, too: `StepLR(30 * steps_per_epoch)`, "
            "`LambdaLR(0.9 ** (epoch / steps_per_epoch))`",
        )


def _taken_apart(
    schedule: Schedule,
) -> tuple[tuple[Schedule, ...], list[tuple[Dim, s.Expression]]]:
    """The schedules that follow each other, and where each but the first begins."""
    if not isinstance(schedule.scheduler, SequentialLR):
        return (schedule,), []
    values = schedule.scheduler.milestones
    written = next(a.value for a in schedule.arguments[::-1] if _is_milestones(a, schedule))
    if isinstance(written, s.Sequence):
        return schedule.parts, list(zip(values, written.items, strict=True))
    numbers = [s.Literal(value_of(value), schedule.span) for value in values]
    return schedule.parts, list(zip(values, numbers, strict=True))


def _is_milestones(argument: s.Argument, schedule: Schedule) -> bool:
    if argument.name is None:
        return argument is not schedule.arguments[0]
    return argument.name.id == "milestones"


def _shifted(warmup: int, node: s.Expression) -> s.Expression:
    if isinstance(node, s.Literal) and isinstance(node.value, int):
        return s.Literal(warmup + node.value, node.span)
    return s.Binary("+", s.Literal(warmup, node.span), node, node.span)
