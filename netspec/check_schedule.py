"""Check the schedule of a training: schedulers, their arguments, and the optimiser they work on."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from netspec import syntax as s
from netspec.arguments import Given, bind
from netspec.catalogue.optimizer import Optimizer
from netspec.catalogue.scheduler import (
    SCHEDULERS,
    CyclicLR,
    Formula,
    OneCycleLR,
    Scheduler,
    SequentialLR,
)
from netspec.catalogue.signature import kind_of, write_value
from netspec.compare import at_least
from netspec.diagnostic import Diagnostics, did_you_mean
from netspec.dim import Dim, Expression, value_of
from netspec.evaluate import BUILTINS, UNKNOWN, evaluate, is_undecided
from netspec.misfit import Misfit
from netspec.names import listing
from netspec.prefixes import help_without_first, help_without_prefix
from netspec.schedule import (
    EPOCHS,
    STEPS,
    STEPS_PER_EPOCH,
    Schedule,
    in_any_run,
    with_warmup,
)
from netspec.source import Span
from netspec.visit import names_in

_EPOCH = "epoch"
_TRIED = 400  # values of `epoch` that a formula is worked out for
_LARGEST = 1e300  # of a factor, which a rate is multiplied with
_SOME_STEPS = 100  # in an epoch, where a formula asks for it


def check_schedule(
    node: s.Expression,
    scope: Mapping[str, Any],
    optimizer: Optimizer,
    found: Diagnostics,
    warmup: int = 0,
) -> Schedule | None:
    """The schedule that an expression describes; None after reporting why there is none.

    `scope`: build-time values, and with them what `schedule.known_at_start` has. `warmup`: the
    steps of the optimiser before it, in which the rate rises.
    """
    before = found.error_count
    checker = _Checker(node, scope, optimizer, found)
    schedule = checker.schedule(node)
    if schedule is None:
        return None
    try:
        whole = with_warmup(schedule, warmup) if warmup else schedule
    except Misfit as misfit:
        found.add("wrong-argument", misfit.message, node.span, label=misfit.label, help=misfit.help)
        return None
    checker.check_length(whole, scope[STEPS if checker.by_step else EPOCHS])
    return whole if found.error_count == before else None


def check_group_rates(
    schedule: Schedule, groups: Sequence[Sequence[s.Argument]], found: Diagnostics
) -> None:
    """Refuse rates of groups, by their arguments, that a schedule overwrites with its own.

    One of `OneCycleLR`, which takes a rate for each group, does not.
    """
    rates = [a for group in groups for a in group if a.name is not None and a.name.id == "lr"]
    own = [x for x in schedule.schedulers() if isinstance(x, CyclicLR | OneCycleLR)]
    in_turn = all(isinstance(x, OneCycleLR) for x in own)
    if not rates or not own:
        return
    if in_turn and len(schedule.peaks()) == 1 and not schedule.reads_rate():
        return
    title = type(own[0]).__name__
    found.add(
        "conflicting-settings",
        f"the rate of a group does not go with this schedule: `{title}` overwrites it",
        rates[0].span,
        label="would not be the rate",
        help="leave it out, or let one `OneCycleLR` be the schedule, which has one for each group",
    )


class _Checker:
    """Reads the schedulers of one expression, which all take their steps at the same time."""

    def __init__(
        self,
        node: s.Expression,
        scope: Mapping[str, Any],
        optimizer: Optimizer,
        found: Diagnostics,
    ) -> None:
        self.scope = scope
        self.optimizer = optimizer
        self.found = found
        mentioned = {name.id for name in names_in(node)}
        self.names = frozenset(mentioned & {EPOCHS, STEPS, STEPS_PER_EPOCH})
        batchwise = any(SCHEDULERS[n].batchwise for n in mentioned & SCHEDULERS.keys())
        self.by_step = bool(self.names - {EPOCHS}) or (batchwise and not self.names)

    def schedule(self, node: s.Expression, behind: bool = False) -> Schedule | None:
        """A scheduler; `behind`: it follows another one, in a `SequentialLR`."""
        function = node.function if isinstance(node, s.Call) else node
        name = function.id if isinstance(function, s.Name) else ""
        if name not in SCHEDULERS:
            help = did_you_mean(name, SCHEDULERS) or f"there are {listing(SCHEDULERS, 10)}"
            if isinstance(function, s.Attribute) and function.name.id in SCHEDULERS:
                help = help_without_prefix(node, function, self.found.source)
            self.found.add(
                "unknown-scheduler",
                f"unknown scheduler `{name}`" if name else "the name of a scheduler is wanted here",
                function.span,
                label="no scheduler of torch",
                help=help,
            )
            return None
        if isinstance(node, s.Call) and self._report_optimizer(node, name):
            return None
        arguments = node.arguments if isinstance(node, s.Call) else ()
        parts: list[Schedule] = []
        given = [self._argument(SCHEDULERS[name], i, a, parts) for i, a in enumerate(arguments)]
        complete = [item for item in given if item is not None]
        if len(complete) < len(given):
            return None
        bound = bind(SCHEDULERS[name], name, complete, node.span, self.found)
        if not isinstance(bound, Scheduler):
            return None
        schedule = Schedule(
            bound, tuple(arguments), tuple(parts), self.by_step, self.names, node.span
        )
        return schedule if self._fits(schedule, behind) else None

    def _report_optimizer(self, node: s.Call, name: str) -> bool:
        """Report an optimiser as the first argument, where PyTorch takes it."""
        first = node.arguments[0] if node.arguments else None
        if first is None or not isinstance(first.value, s.Name):
            return False
        if first.value.id not in ("optimizer", "opt", "optim") or first.value.id in self.scope:
            return False
        self.found.add(
            "wrong-argument",
            "a scheduler gets no optimiser here: it is for the one of its section",
            first.span,
            label=f"`{name}` has it already",
            help=help_without_first(node, self.found.source),
        )
        return True

    # ---- arguments ---------------------------------------------------------------------------

    def _argument(
        self, entry: type[Scheduler], index: int, argument: s.Argument, parts: list[Schedule]
    ) -> Given | None:
        """An argument with its value; schedules that it holds go to `parts`."""
        names = entry.positional()
        by_position = names[index] if index < len(names) else ""
        field = entry.fields().get(argument.name.id if argument.name else by_position)
        if field is None:
            value = self._value(argument.value)
        elif field.annotation is Formula:
            value = Formula()
        elif field.name == "schedulers":
            held = self._held(argument.value, entry)
            parts += held or ()
            value = UNKNOWN if held is None else tuple(part.scheduler for part in held)
        else:
            value = self._value(argument.value)
        return None if value is UNKNOWN else Given(argument.name, value, argument.span)

    def _value(self, node: s.Expression) -> Any:
        if not is_undecided(node, self.scope):
            return evaluate(node, self.scope, self.found)
        self.found.add(
            "not-constant",
            "how many steps there are is known only when the training starts",
            node.span,
            label="cannot be worked out before",
            help="use + - * // and whole numbers only: `steps // 10` is a tenth of them",
        )
        return UNKNOWN

    def _held(self, node: s.Expression, entry: type[Scheduler]) -> list[Schedule] | None:
        if not isinstance(node, s.Sequence) or not node.items:
            self.found.add(
                "wrong-argument",
                f"`schedulers` of `{entry.__name__}` must be a list of schedulers",
                node.span,
                label="an empty list" if isinstance(node, s.Sequence) else "no list",
                help=f"write `{entry.__name__}([LinearLR(0.1), …])`",
            )
            return None
        behind = issubclass(entry, SequentialLR)
        held = [self.schedule(item, behind and i > 0) for i, item in enumerate(node.items)]
        known = [part for part in held if part is not None]
        return known if len(known) == len(held) else None

    # ---- what goes together ------------------------------------------------------------------

    def _fits(self, schedule: Schedule, behind: bool) -> bool:
        scheduler = schedule.scheduler
        before = self.found.error_count
        try:
            scheduler.check()
            scheduler.check_optimizer(self.optimizer)
        except Misfit as misfit:
            span = _place(schedule, misfit.argument)
            self.found.add(
                "wrong-argument", misfit.message, span, label=misfit.label, help=misfit.help
            )
        for name, value in scheduler.given.items():
            least = scheduler.least(name)
            if isinstance(value, Expression) and least is not None:
                self._check_least(schedule, name, value, least)
        if any(isinstance(value, Formula) for value in scheduler.given.values()):
            node = schedule.arguments[0].value
            self._check_formula(node, 0 if behind else scheduler.first)
        return self.found.error_count == before

    def _check_least(self, schedule: Schedule, name: str, value: Dim, least: int) -> None:
        """Refuse a number of steps that is too small however many there are."""
        if at_least(value, least) is False:
            self.found.add(
                "wrong-argument",
                f"`{name}` of `{schedule.title}` must be at least {least}, found {value}",
                _place(schedule, name),
                label="never as large",
                help=f"write `{name}=steps`, say",
            )

    def check_length(self, schedule: Schedule, length: Dim) -> None:
        """Refuse a schedule that ends before the training does: torch raises there."""
        lasts = schedule.scheduler.lasts()
        if lasts is not None and at_least(in_any_run(lasts - length), 0) is not True:
            unit = "steps" if schedule.by_step else "epochs"
            self.found.add(
                "wrong-argument",
                f"`{schedule.title}` ends after {lasts} {unit}, and is to go on for {length}",
                schedule.span,
                label="torch raises where it goes on",
                help=f"write `total_steps={length}`",
            )
        if isinstance(schedule.scheduler, SequentialLR):
            milestones = schedule.scheduler.milestones
            ends, starts = [*milestones, length], [0, *milestones]
            for part, end, start in zip(schedule.parts, ends, starts, strict=True):
                self.check_length(part, end - start)
        else:
            for part in schedule.parts:
                self.check_length(part, length)

    # ---- formulas ----------------------------------------------------------------------------

    def _check_formula(self, node: s.Expression, first: int) -> None:
        """Work a formula out for the epochs or steps of the training, up to some hundreds."""
        known = all(n.id in (*self.scope, *BUILTINS, _EPOCH) for n in names_in(node))
        for scope in self._moments(first):
            moment = [f"`{n}` is {scope[n]}" for n in (_EPOCH, *sorted(self.names))]
            notes = [f"where {' and '.join(moment)}"] if known else []
            before = self.found.error_count
            found = self.found.inside(self.found.source, [*self.found.notes, *notes])
            value = evaluate(node, scope, found)
            if value is not UNKNOWN:
                _check_factor(node, value, found)
            if self.found.error_count > before:
                return

    def _moments(self, first: int) -> Iterator[dict[str, Any]]:
        """Values of all names, for a long run and a short one."""
        said = value_of(self.scope[EPOCHS]) or 1
        for epochs, per_epoch in ((said, _SOME_STEPS if self.by_step else 1), (1, 1)):
            steps = epochs * per_epoch
            run = {**self.scope, EPOCHS: epochs, STEPS_PER_EPOCH: per_epoch, STEPS: steps}
            stride = max(1, steps // _TRIED)
            tried = {*range(first, min(steps, _TRIED)), *range(first, steps, stride), steps}
            for epoch in sorted(tried):
                yield {**run, _EPOCH: epoch}


def _check_factor(node: s.Expression, value: Any, found: Diagnostics) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and 0 <= value < _LARGEST:
        return
    negative = number and value < 0
    found.add(
        "wrong-argument",
        f"a factor of the rate must be a number of at least 0, found {write_value(value)}",
        node.span,
        label="a negative rate" if negative else "too large" if number else kind_of(value),
        help="write `max(0, …)` around it" if negative else "as in `LambdaLR(0.95 ** epoch)`",
    )


def _place(schedule: Schedule, argument: str | None) -> Span:
    """Where an argument stands; the whole call where it is not given."""
    names = schedule.scheduler.positional()
    for index, item in enumerate(schedule.arguments):
        if argument == (item.name.id if item.name else names[index]):
            return item.span
    return schedule.span
