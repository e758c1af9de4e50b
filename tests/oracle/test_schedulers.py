"""PyTorch is the oracle for schedulers: their arguments, what they refuse, on which optimisers."""

import inspect
import warnings
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.optim import lr_scheduler

from netspec.catalogue.layer import Misfit
from netspec.catalogue.optimizer import OPTIMIZERS
from netspec.catalogue.scheduler import SCHEDULERS, Scheduler
from netspec.catalogue.signature import MISSING, ArgumentErrors
from tests.oracle.draws import drawn

Arguments = dict[str, Any]

# What torch has and a spec cannot say.
LEFT_OUT = {
    "optimizer": "that of the train section",
    "last_epoch": "the script loads the state of a scheduler to go on, which has it",
    "scale_fn": "a function: `LambdaLR` takes any formula",
    "scale_mode": "torch reads it with `scale_fn` only",
}
STEPS = 14  # more than any drawn number of steps
FORMULAS = ("LambdaLR", "MultiplicativeLR")  # tests/test_schedules.py
HOLDERS = ("ChainedScheduler", "SequentialLR")
PLAIN = sorted(SCHEDULERS.keys() - {*FORMULAS, *HOLDERS})
MODELS = ("SGD", "Adam", "RMSprop", "Adagrad", "Muon", "NAdam")


def real(name: str) -> Any:
    module, _, title = SCHEDULERS[name].torch.rpartition(".")
    return getattr(import_module(module), title)


def test_all_schedulers_of_torch_are_there() -> None:
    named = set(lr_scheduler.__all__) - {"LRScheduler"}
    assert set(SCHEDULERS) == {*named, "SWALR"}
    assert len(SCHEDULERS) == 16


@pytest.mark.parametrize("name", sorted(SCHEDULERS))
def test_a_scheduler_has_torchs_names_order_and_defaults(name: str) -> None:
    signature = inspect.signature(real(name).__init__)
    parameters = {k: p for k, p in signature.parameters.items() if k not in ("self", "optimizer")}
    fields = SCHEDULERS[name].fields()
    assert set(parameters) - set(fields) <= set(LEFT_OUT)
    assert [(k, f.default) for k, f in fields.items()] == [
        (k, MISSING if p.default is inspect.Parameter.empty else p.default)
        for k, p in parameters.items()
        if k in fields
    ]
    first_left_out = next(i for i, k in enumerate([*parameters, ""]) if k in LEFT_OUT or not k)
    assert SCHEDULERS[name].positional() == list(parameters)[:first_left_out]
    leading = list(signature.parameters)[1]
    assert SCHEDULERS[name].takes_optimizer == (leading == "optimizer")


# ---- arguments ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PLAIN)
def test_a_scheduler_refuses_what_torch_refuses(name: str) -> None:
    compared = []

    @settings(derandomize=True, max_examples=60, deadline=None)
    @given(drawn(SCHEDULERS[name]), st.sampled_from(MODELS))
    def compare(case: Arguments, optimizer: str) -> None:
        _compare(name, case, optimizer)
        compared.append(case)

    compare()
    assert len(compared) >= 40


def _compare(name: str, case: Arguments, optimizer: str) -> None:
    ours, theirs = _refusal(name, case, optimizer), _real_refusal(name, case, optimizer)
    if not (ours and _is_stricter(name, case, optimizer)):
        what = f"{name}({case}) on {optimizer}"
        assert bool(ours) == bool(theirs), f"{what}: {ours or 'taken'}, torch: {theirs}"


def _is_stricter(name: str, case: Arguments, optimizer: str) -> bool:
    """Whether a case is refused though torch takes it.

    Rates, factors and numbers of steps below 0; an end after 0 steps, behind which torch's
    schedulers stay where they began; milestones that are not in order; a momentum from 1 on for a
    beta, and one that starts with 0 for others.
    """
    numbers = list(_numbers(case))
    betas = "betas" in OPTIMIZERS[optimizer].fields()
    momenta = [case.get("base_momentum", 0.8), case.get("max_momentum", 0.9)]
    beyond = max(momenta) >= 1 if betas else momenta[1] <= 0
    milestones = list(case.get("milestones", ()))
    return (
        any(number < 0 for number in numbers)
        or case.get("total_iters") == 0
        or milestones != sorted(milestones)
        or (case.get("cycle_momentum", True) and beyond)
    )


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, int | float):
        yield value
    elif isinstance(value, tuple | list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _numbers(item)


def _refusal(name: str, case: Arguments, optimizer: str) -> str:
    try:
        scheduler = SCHEDULERS[name](**case)
        scheduler.check()
        scheduler.check_optimizer(OPTIMIZERS[optimizer]())
    except (Misfit, ArgumentErrors) as error:
        return str(error)
    return ""


def _real_refusal(name: str, case: Arguments, optimizer: str) -> str:
    """What torch says against a scheduler and its steps, on a real optimiser."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _try_steps(name, case, optimizer)


def _try_steps(name: str, case: Arguments, optimizer: str) -> str:
    weight = nn.Parameter(torch.ones(2, 2))
    trained = getattr(torch.optim, optimizer)([weight], lr=0.1)
    steps = STEPS
    try:
        scheduler = _make(name, case, trained)
        if name == "OneCycleLR":
            steps = min(steps, scheduler.total_steps)
        for _ in range(steps):
            weight.grad = torch.ones(2, 2)
            trained.step()
            scheduler.step(*([1.0] if name == "ReduceLROnPlateau" else []))
    except Exception as error:  # whatever it is, the scheduler cannot be used
        return repr(error)
    return ""


def _make(name: str, case: Arguments, optimizer: torch.optim.Optimizer) -> Any:
    given = dict(case)
    if "schedulers" in given:
        parts = given["schedulers"]
        given["schedulers"] = [_make(type(p).__name__, p.given, optimizer) for p in parts]
    if not SCHEDULERS[name].takes_optimizer:
        return real(name)(**given)
    return real(name)(optimizer, **given)


# ---- schedulers that hold others ---------------------------------------------------------------


def _parts() -> list[Scheduler]:
    made = SCHEDULERS
    return [
        made["LinearLR"](0.5, total_iters=3),
        made["ConstantLR"](0.5, 2),
        made["StepLR"](3),
        made["ExponentialLR"](0.9),
        made["CosineAnnealingLR"](6),
        made["CosineAnnealingWarmRestarts"](4),
        made["PolynomialLR"](4),
        made["MultiStepLR"]((2, 4)),
        made["OneCycleLR"](0.1, STEPS),
        made["CyclicLR"](0.01, 0.1, 3),
        made["SWALR"](0.05, 4),
        made["ReduceLROnPlateau"](),
        made["ChainedScheduler"]((made["StepLR"](3), made["ExponentialLR"](0.9))),
        made["SequentialLR"]((made["StepLR"](3), made["ExponentialLR"](0.9)), (2,)),
    ]


@pytest.mark.parametrize("name", HOLDERS)
def test_what_holds_schedulers_refuses_what_torch_refuses(name: str) -> None:
    stones = st.lists(st.sampled_from([0, 1, 3, 5, 8]), max_size=3).map(tuple)
    more = {"milestones": stones} if name == "SequentialLR" else {}
    parts = st.lists(st.sampled_from(_parts()), max_size=3).map(tuple)

    @settings(derandomize=True, max_examples=60, deadline=None)
    @given(st.fixed_dictionaries({"schedulers": parts, **more}))
    def compare(case: Arguments) -> None:
        first = case["schedulers"][:1]
        starts_early = name == "SequentialLR" and any(type(p).__name__ in HOLDERS for p in first)
        if not starts_early:
            _compare(name, case, "SGD")

    compare()


@pytest.mark.filterwarnings("ignore:Detected call of")
@pytest.mark.parametrize("first", HOLDERS)
def test_torch_starts_what_holds_others_a_step_early_in_a_sequence(first: str) -> None:
    def optimizer() -> torch.optim.Optimizer:
        return torch.optim.SGD([nn.Parameter(torch.ones(2))], lr=1.0)

    def held(trained: torch.optim.Optimizer) -> Any:
        parts = [lr_scheduler.ExponentialLR(trained, 0.5), lr_scheduler.ConstantLR(trained, 1.0)]
        if first == "ChainedScheduler":
            return lr_scheduler.ChainedScheduler(parts)
        return lr_scheduler.SequentialLR(trained, parts, [3])

    alone, within = optimizer(), optimizer()
    schedulers = [
        held(alone),
        lr_scheduler.SequentialLR(within, [held(within), lr_scheduler.StepLR(within, 9)], [9]),
    ]
    rates = [[alone.param_groups[0]["lr"]], [within.param_groups[0]["lr"]]]
    for _ in range(3):
        for trained, scheduler, seen in zip((alone, within), schedulers, rates, strict=True):
            trained.step()
            scheduler.step()
            seen.append(trained.param_groups[0]["lr"])
    assert rates[0] != rates[1]  # FIXME of torch 2.13: they should be the same


# ---- optimisers --------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
@pytest.mark.parametrize("name", ["CyclicLR", "OneCycleLR"])
def test_who_moves_the_momentum_needs_an_optimiser_that_has_one(name: str, optimizer: str) -> None:
    needed: Arguments = {"base_lr": 0.1} if name == "CyclicLR" else {"total_steps": 9}
    for cycle in (True, False):
        case = {"max_lr": 1.0, "cycle_momentum": cycle, **needed}
        trained = getattr(torch.optim, optimizer)([nn.Parameter(torch.ones(2, 2))], lr=0.1)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                real(name)(trained, **case)
            theirs = True
        except ValueError:
            theirs = False
        assert (not _refusal(name, case, optimizer)) == theirs


@pytest.mark.parametrize("momentum", [0.0, 0.5, 1.0, -0.1])
@pytest.mark.parametrize("optimizer", MODELS)
def test_a_momentum_that_breaks_a_step_is_refused(optimizer: str, momentum: float) -> None:
    for name in ("base_momentum", "max_momentum"):
        case = {"base_lr": 0.1, "max_lr": 1.0, "step_size_up": 3, name: momentum}
        _compare("CyclicLR", case, optimizer)


# ---- what torch divides by ---------------------------------------------------------------------


@pytest.mark.parametrize("three_phase", [False, True])
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5, 10])
def test_a_cycle_refuses_the_phases_that_torch_divides_by(steps: int, three_phase: bool) -> None:
    for pct_start in (0.0, 0.1, 0.2, 0.25, 0.3, 0.5, 0.55, 0.6, 0.75, 1.0):
        case = {"total_steps": steps, "pct_start": pct_start, "three_phase": three_phase}
        _compare("OneCycleLR", {"max_lr": 0.1, **case}, "SGD")
