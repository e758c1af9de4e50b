"""Schedulers: classes of torch.optim.lr_scheduler and SWALR, less the optimiser they work on.

`epochs`, `steps` and `steps_per_epoch` may stand in their arguments. Where one of the last two
does, a scheduler takes a step with each step of the optimiser, else with each epoch; `OneCycleLR`
and `CyclicLR` take one with each step of the optimiser where none of the three stands there.
"""

from typing import Annotated, ClassVar, Literal, get_args

from annotated_types import Ge, Gt, Le, MinLen

from netspec.catalogue.annotation import Described
from netspec.catalogue.layer import Misfit
from netspec.catalogue.optimizer import Momentum, Optimizer
from netspec.catalogue.signature import (
    FREE,
    KEYWORD,
    FiniteNonNegativeFloat,
    KeywordFlag,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Probability,
    Signature,
    Sizes,
)
from netspec.compare import at_least
from netspec.dim import Dim, value_of

SCHEDULERS: dict[str, type["Scheduler"]] = {}
Rate = FiniteNonNegativeFloat
Count = Annotated[int, Gt(0), FREE]
CountOrZero = Annotated[int, Ge(0), FREE]
CountOrNone = Annotated[PositiveInt | None, FREE]
KeywordFloat = Annotated[float, KEYWORD]
Annealing = Literal["cos", "linear"]


class Formula(Described):
    """An expression of build-time values and `epoch`, as its author wrote it."""

    noun: ClassVar[str] = "an expression over `epoch`"


class Scheduler(Signature, Described):
    """A scheduler; `check` and `check_optimizer` find what torch refuses.

    `metric`: its step takes a number that is to become better. `batchwise`: it takes a step with
    each step of the optimiser where its arguments do not say how long an epoch is. `first`: the
    `epoch` that its formula is first worked out for. `behind`: torch can go on with it behind
    another one, in `SequentialLR`. `takes_optimizer`: the optimiser is its first argument.
    """

    noun: ClassVar[str] = "a scheduler"
    metric: ClassVar[bool] = False
    batchwise: ClassVar[bool] = False
    first: ClassVar[int] = 0
    behind: ClassVar[bool] = True
    takes_optimizer: ClassVar[bool] = True

    def __init_subclass__(cls, module: str = "torch.optim.lr_scheduler") -> None:
        if not cls.__name__.startswith("_"):
            cls.torch = f"{module}.{cls.__name__}"
            SCHEDULERS[cls.__name__] = cls

    def check(self) -> None:
        """Refuse arguments that do not go together.

        Raises:
            Misfit: where torch would raise, when it is made or at one of its steps.
        """

    def check_optimizer(self, optimizer: Optimizer) -> None:
        """Refuse an optimiser that it cannot work on.

        Raises:
            Misfit: where torch would raise, when it is made or at a step of either.
        """

    @classmethod
    def least(cls, name: str) -> int | None:
        """The least that an argument may be, for one that counts steps or epochs."""
        field = cls.fields()[name]
        return _lowest(field.annotation) if field.free else None

    def lasts(self) -> Dim | None:
        """The number of steps after which torch raises; None where there is no such number."""
        return None


def _lowest(annotation: object) -> int | None:
    for part in get_args(annotation):
        match part:
            case Gt(gt=int() as bound):
                return bound + 1
            case Ge(ge=int() as bound):
                return bound
        found = _lowest(part)
        if found is not None:
            return found
    return None


class ConstantLR(Scheduler):
    """The rate times `factor`, and after `total_iters` steps the rate itself."""

    factor: Annotated[float, Gt(0), Le(1)] = 1.0 / 3
    total_iters: Count = 5


class LinearLR(Scheduler):
    """The rate times a factor that goes from `start_factor` to `end_factor` in equal steps."""

    start_factor: Annotated[float, Gt(0), Le(1)] = 1.0 / 3
    end_factor: Probability = 1.0
    total_iters: Count = 5


class ExponentialLR(Scheduler):
    """The rate times `gamma` at each step."""

    gamma: float


class StepLR(Scheduler):
    """The rate times `gamma` at every `step_size`-th step."""

    step_size: Count
    gamma: float = 0.1


class MultiStepLR(Scheduler):
    """The rate times `gamma` at each of the `milestones`."""

    milestones: Sizes
    gamma: float = 0.1


class PolynomialLR(Scheduler):
    """The rate down to 0 in `total_iters` steps, as a power of what is left of them."""

    total_iters: Count = 5
    power: NonNegativeFloat = 1.0


class CosineAnnealingLR(Scheduler):
    """The rate down to `eta_min` in `T_max` steps, along half a wave (Loshchilov and Hutter, 2017).

    It goes up again behind that, as torch's does.
    """

    T_max: Count
    eta_min: Rate = 0.0


class CosineAnnealingWarmRestarts(Scheduler):
    """Half a wave down to `eta_min`, again and again (Loshchilov and Hutter, 2017).

    The first takes `T_0` steps, each `T_mult` times as many as the one before.
    """

    T_0: Count
    T_mult: Count = 1
    eta_min: Rate = 0.0


class LambdaLR(Scheduler):
    """The first rate times a formula: `LambdaLR(0.95 ** epoch)`.

    `epoch` counts the steps of the scheduler, from 0.
    """

    lr_lambda: Formula


class MultiplicativeLR(Scheduler):
    """The rate times a formula at each step: `MultiplicativeLR(0.95 if epoch < 30 else 1)`.

    `epoch` counts the steps of the scheduler, from 1.
    """

    first: ClassVar[int] = 1

    lr_lambda: Formula


class _Cycling(Scheduler):
    """Those that move the momentum against the rate, if asked to."""

    batchwise: ClassVar[bool] = True

    def check_optimizer(self, optimizer: Optimizer) -> None:
        if not self.given.get("cycle_momentum", True):
            return
        title, fields = type(optimizer).__name__, optimizer.fields()
        if "betas" not in fields and "momentum" not in fields:
            raise Misfit(
                f"`{type(self).__name__}` moves the momentum, and `{title}` has none",
                label="moves the momentum, too",
                help="write cycle_momentum=False",
            )
        for name in ("base_momentum", "max_momentum"):
            self._check_momentum(name, title, by_betas="betas" in fields)

    def _check_momentum(self, name: str, title: str, *, by_betas: bool) -> None:
        value: float = getattr(self, name)
        lowest_fits = value >= 0 if by_betas or name == "base_momentum" else value > 0
        if lowest_fits and (value < 1 or not by_betas):
            return
        wanted = "at least 0 and below 1" if by_betas else "at least 0"
        raise Misfit(
            f"`{name}` becomes {'a beta' if by_betas else 'the momentum'} of `{title}`, which must "
            f"be {wanted if lowest_fits or value < 0 else 'above 0 at first'}, found {value}",
            label="out of range",
            help=f"leave `{name}` out",
            argument=name,
        )


class CyclicLR(_Cycling):
    """The rate up and down between `base_lr` and `max_lr` (Smith, 2017)."""

    base_lr: Rate
    max_lr: Rate
    step_size_up: Count = 2000
    step_size_down: Annotated[NonNegativeInt | None, FREE] = None
    mode: Literal["triangular", "triangular2", "exp_range"] = "triangular"
    gamma: float = 1.0
    cycle_momentum: KeywordFlag = True
    base_momentum: KeywordFloat = 0.8
    max_momentum: KeywordFloat = 0.9


class OneCycleLR(_Cycling):
    """The rate up to `max_lr` and down to next to nothing, once (Smith and Topin, 2018).

    It needs `total_steps`, or `epochs` and `steps_per_epoch`, and raises when there are more steps.
    """

    max_lr: Rate
    total_steps: CountOrNone = None
    epochs: CountOrNone = None
    steps_per_epoch: CountOrNone = None
    pct_start: Probability = 0.3
    anneal_strategy: Annealing = "cos"
    cycle_momentum: bool = True
    base_momentum: float = 0.85
    max_momentum: float = 0.95
    div_factor: PositiveFloat = 25.0
    final_div_factor: PositiveFloat = 10000.0
    three_phase: bool = False

    def lasts(self) -> Dim | None:
        if self.total_steps is not None:
            return self.total_steps
        if self.epochs is None or self.steps_per_epoch is None:
            return None
        return self.epochs * self.steps_per_epoch

    def check(self) -> None:
        steps = self.lasts()
        if steps is None:
            raise Misfit(
                "`OneCycleLR` needs `total_steps`, or `epochs` and `steps_per_epoch`",
                label="how many steps has the cycle?",
                help="write total_steps=steps",
            )
        if not isinstance(self.pct_start, float):
            raise Misfit(
                f"`pct_start` of `OneCycleLR` must be a fraction, found {self.pct_start}",
                label="torch does not take an integer here",
                help=f"write pct_start={float(self.pct_start)}",
                argument="pct_start",
            )
        if self._has_empty_phase(value_of(steps)):
            raise Misfit(
                f"`pct_start={self.pct_start}` of `OneCycleLR` leaves a phase without a step, and "
                "torch divides by its length",
                label="the rate rises in one step or never falls",
                help="write another pct_start, as 0.3",
                argument="pct_start",
            )

    def _has_empty_phase(self, steps: int | None) -> bool:
        """Whether torch divides by 0 at some step: a phase ends where it starts."""
        if steps is None:
            return self.pct_start == 1 and not self.three_phase
        up = float(self.pct_start * steps) - 1
        down = float(2 * self.pct_start * steps) - 2
        last = down if self.three_phase else up
        return up == 0 or last == steps - 1


class ReduceLROnPlateau(Scheduler):
    """The rate times `factor` where a figure has not become better for `patience` epochs."""

    metric: ClassVar[bool] = True
    behind: ClassVar[bool] = False

    mode: Literal["min", "max"] = "min"
    factor: Momentum = 0.1
    patience: NonNegativeInt = 10
    threshold: float = 0.0001
    threshold_mode: Literal["rel", "abs"] = "rel"
    cooldown: NonNegativeInt = 0
    min_lr: Rate = 0
    eps: float = 1e-08


class SWALR(Scheduler, module="torch.optim.swa_utils"):
    """The rate to `swa_lr` in `anneal_epochs` steps, where it stays (Izmailov et al., 2018)."""

    swa_lr: Rate
    anneal_epochs: CountOrZero = 10
    anneal_strategy: Annealing = "cos"


Schedulers = Annotated[tuple[Scheduler, ...], MinLen(1)]


class SequentialLR(Scheduler):
    """Schedulers one behind the other, each from its milestone on, at which it counts from 0.

    `SequentialLR([LinearLR(0.1), CosineAnnealingLR(95)], milestones=[5])`
    """

    behind: ClassVar[bool] = False

    schedulers: Schedulers
    milestones: Sizes

    def check(self) -> None:
        _refuse_metrics(self, self.schedulers)
        for scheduler in self.schedulers:
            if not scheduler.behind:
                title = type(scheduler).__name__
                turned = "`ChainedScheduler([SequentialLR(…), …])`"
                nested = isinstance(scheduler, SequentialLR)
                raise Misfit(
                    f"`SequentialLR` cannot hold `{title}`: torch does not start it right",
                    label=f"`{title}` is in it",
                    help=f"write {'one list of all its schedulers' if nested else turned}",
                    argument="schedulers",
                )
        wanted, found = len(self.schedulers) - 1, len(self.milestones)
        if wanted != found:
            raise Misfit(
                f"`SequentialLR` takes one milestone less than schedulers: {wanted}, found {found}",
                label=f"schedulers: {len(self.schedulers)}, milestones: {found}",
                help="give the step at which each but the first begins",
                argument="milestones",
            )
        for before, milestone in zip(self.milestones, self.milestones[1:], strict=False):
            if at_least(milestone, before) is False:
                raise Misfit(
                    f"milestone {milestone} stands behind {before}",
                    label="not in order",
                    help="give them from the first to the last",
                    argument="milestones",
                )


class ChainedScheduler(Scheduler):
    """Schedulers all at once: each changes the rate that the one before it leaves."""

    behind: ClassVar[bool] = False
    takes_optimizer: ClassVar[bool] = False

    schedulers: Schedulers

    def check(self) -> None:
        _refuse_metrics(self, self.schedulers)


def _refuse_metrics(holder: Scheduler, schedulers: tuple[Scheduler, ...]) -> None:
    for scheduler in schedulers:
        if scheduler.metric:
            title = type(scheduler).__name__
            raise Misfit(
                f"`{type(holder).__name__}` cannot hold `{title}`, whose step wants a figure",
                label=f"`{title}` is in it",
                help=f"let `{title}` be the whole schedule",
                argument="schedulers",
            )
