"""Schedules of a train section: what is written gives the rates that torch's own objects give."""

import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler as lrs
from torch.optim.swa_utils import SWALR

import netspec
from netspec import syntax
from netspec.catalogue.optimizer import OPTIMIZERS
from netspec.check_schedule import check_schedule
from netspec.diagnostic import Diagnostics
from netspec.lower_schedule import write_schedule
from netspec.parse import parse
from netspec.report import write_text
from netspec.schedule import Schedule, known_at_start, with_warmup
from netspec.source import Source
from netspec.write import write_literal
from tests import running

GALLERY = Path(__file__).parent / "schedules.txt"
EPOCHS, PER_EPOCH = 10, 3
STEPS = EPOCHS * PER_EPOCH
PARAMETERS = {"decay": 0.9, "stones": [3, 6], "width": 4}
Optimizer = torch.optim.Optimizer


def check(
    text: str, optimizer: str = "SGD", warmup: int = 0
) -> tuple[Schedule | None, Diagnostics]:
    """The schedule of a setting `scheduler = text`, and what is said about it."""
    source = Source(f"train Net {{\n    scheduler = {text}\n}}\n", "a.net")
    section = parse(source).file.items[0]
    assert isinstance(section, syntax.Train)
    setting = section.items[0]
    assert isinstance(setting, syntax.Assign)
    found = Diagnostics(source)
    scope = {**PARAMETERS, **known_at_start(EPOCHS)}
    chosen = OPTIMIZERS[optimizer]()
    return check_schedule(setting.value, scope, chosen, found, warmup), found


def accepted(text: str, optimizer: str = "SGD", warmup: int = 0) -> Schedule:
    schedule, found = check(text, optimizer, warmup)
    assert schedule is not None, write_text(found.in_order())
    return schedule


def written(schedule: Schedule, indent: int = 1) -> list[str]:
    return write_schedule(schedule, rename=lambda n: write_literal(PARAMETERS[n]), indent=indent)


# ---- the rates ---------------------------------------------------------------------------------


def optimizer_of(title: str) -> Optimizer:
    made: Optimizer = getattr(torch.optim, title)([nn.Parameter(torch.ones(2, 2))], lr=0.5)
    return made


def rates(optimizer: Optimizer, scheduler: Any, metric: bool) -> Iterator[tuple[Any, ...]]:
    """The rate and the momentum before the first step and behind each of 30."""
    group = optimizer.param_groups[0]
    for step in range(STEPS):
        yield group["lr"], group.get("momentum"), group.get("betas")
        group["params"][0].grad = torch.ones(2, 2)
        optimizer.step()
        scheduler.step(*([1.0 / (step + 1) if step < 5 else 1.0] if metric else []))
    yield group["lr"], group.get("momentum"), group.get("betas")


class Case(NamedTuple):
    """A schedule, the statement that is to come of it, and torch's own objects for it."""

    text: str
    line: str
    real: Callable[[Optimizer], Any]
    optimizer: str = "SGD"


CASES = [
    Case("ConstantLR", "ConstantLR(optimizer)", lambda o: lrs.ConstantLR(o)),
    Case(
        "ConstantLR(0.5, width)",
        "ConstantLR(optimizer, 0.5, 4)",
        lambda o: lrs.ConstantLR(o, 0.5, 4),
    ),
    Case(
        "LinearLR(0.1, total_iters=steps // 10)",
        "LinearLR(optimizer, 0.1, total_iters=max(1, steps // 10))",
        lambda o: lrs.LinearLR(o, 0.1, 1.0, 3),
    ),
    Case(
        "LinearLR(end_factor=0.5, start_factor=1.0)",
        "LinearLR(optimizer, start_factor=1.0, end_factor=0.5)",
        lambda o: lrs.LinearLR(o, 1.0, 0.5),
    ),
    Case("LinearLR(1 / 3)", "LinearLR(optimizer)", lambda o: lrs.LinearLR(o)),
    Case(
        "ExponentialLR(decay)",
        "ExponentialLR(optimizer, 0.9)",
        lambda o: lrs.ExponentialLR(o, 0.9),
    ),
    Case(
        "ExponentialLR(0.01 ** (1 / epochs))",
        "ExponentialLR(optimizer, 0.01 ** (1 / cfg.epochs))",
        lambda o: lrs.ExponentialLR(o, 0.01**0.1),
    ),
    Case(
        "StepLR(2 * steps_per_epoch, gamma=0.5)",
        "StepLR(optimizer, 2 * steps_per_epoch, gamma=0.5)",
        lambda o: lrs.StepLR(o, 6, 0.5),
    ),
    Case("StepLR(4, 0.1)", "StepLR(optimizer, 4)", lambda o: lrs.StepLR(o, 4)),
    Case(
        "MultiStepLR(stones)",
        "MultiStepLR(optimizer, [3, 6])",
        lambda o: lrs.MultiStepLR(o, [3, 6]),
    ),
    Case(
        "MultiStepLR([5, epochs // 2, 8], gamma=0.5)",
        "MultiStepLR(optimizer, [5, cfg.epochs // 2, 8], gamma=0.5)",
        lambda o: lrs.MultiStepLR(o, [5, 5, 8], 0.5),
    ),
    Case(
        "PolynomialLR(total_iters=epochs, power=2)",
        "PolynomialLR(optimizer, total_iters=cfg.epochs, power=2)",
        lambda o: lrs.PolynomialLR(o, 10, 2),
    ),
    Case(
        "CosineAnnealingLR(T_max=epochs)",
        "CosineAnnealingLR(optimizer, T_max=cfg.epochs)",
        lambda o: lrs.CosineAnnealingLR(o, 10),
    ),
    Case(
        "CosineAnnealingLR(epochs - 2, 1e-3)",
        "CosineAnnealingLR(optimizer, max(1, cfg.epochs - 2), 0.001)",
        lambda o: lrs.CosineAnnealingLR(o, 8, 1e-3),
    ),
    Case(
        "CosineAnnealingWarmRestarts(4, T_mult=2, eta_min=0.0)",
        "CosineAnnealingWarmRestarts(optimizer, 4, T_mult=2)",
        lambda o: lrs.CosineAnnealingWarmRestarts(o, 4, 2),
    ),
    Case(
        "LambdaLR(0.95 ** epoch)",
        "LambdaLR(optimizer, lambda epoch: 0.95**epoch)",
        lambda o: lrs.LambdaLR(o, lambda epoch: 0.95**epoch),
    ),
    Case(
        "LambdaLR(min(1, (epoch + 1) / 5) * decay ** (epoch / steps_per_epoch))",
        "LambdaLR(optimizer, lambda step: min(1, (step + 1) / 5) * 0.9 ** (step / "
        "steps_per_epoch))",
        lambda o: lrs.LambdaLR(o, lambda epoch: min(1, (epoch + 1) / 5) * 0.9 ** (epoch / 3)),
    ),
    Case(
        "LambdaLR([1.0, 0.5, 0.1][min(2, epoch // 5)] if epoch != 3 else 2)",
        "LambdaLR(optimizer, lambda epoch: [1.0, 0.5, 0.1][min(2, epoch // 5)] if epoch != 3 "
        "else 2)",
        lambda o: lrs.LambdaLR(o, lambda n: [1.0, 0.5, 0.1][min(2, n // 5)] if n != 3 else 2),
    ),
    Case(
        "MultiplicativeLR(1 - 1 / (epoch + 1))",
        "MultiplicativeLR(optimizer, lambda epoch: 1 - 1 / (epoch + 1))",
        lambda o: lrs.MultiplicativeLR(o, lambda epoch: 1 - 1 / (epoch + 1)),
    ),
    Case(
        "MultiplicativeLR(1 / epoch)",
        "MultiplicativeLR(optimizer, lambda epoch: 1 / epoch)",
        lambda o: lrs.MultiplicativeLR(o, lambda epoch: 1 / epoch),
    ),
    Case(
        "CyclicLR(0.01, max_lr=1, step_size_up=4)",
        "CyclicLR(optimizer, 0.01, max_lr=1, step_size_up=4)",
        lambda o: lrs.CyclicLR(o, 0.01, 1, 4),
    ),
    Case(
        'CyclicLR(0.01, 1, 4, 2, "triangular2", cycle_momentum=False)',
        'CyclicLR(optimizer, 0.01, 1, 4, 2, "triangular2", cycle_momentum=False)',
        lambda o: lrs.CyclicLR(o, 0.01, 1, 4, 2, "triangular2", cycle_momentum=False),
        "Adagrad",
    ),
    Case(
        'CyclicLR(0.01, 1, 4, mode="exp_range", gamma=0.9, max_momentum=0.95)',
        'CyclicLR(optimizer, 0.01, 1, 4, mode="exp_range", gamma=0.9, max_momentum=0.95)',
        lambda o: lrs.CyclicLR(o, 0.01, 1, 4, mode="exp_range", gamma=0.9, max_momentum=0.95),
        "Adam",
    ),
    Case(
        "OneCycleLR(max_lr=0.1, total_steps=steps)",
        "OneCycleLR(optimizer, max_lr=0.1, total_steps=steps)",
        lambda o: lrs.OneCycleLR(o, 0.1, 30),
    ),
    Case(
        "OneCycleLR(0.1, epochs=epochs, steps_per_epoch=steps_per_epoch, three_phase=True)",
        "OneCycleLR(optimizer, 0.1, epochs=cfg.epochs, steps_per_epoch=steps_per_epoch, "
        "three_phase=True)",
        lambda o: lrs.OneCycleLR(o, 0.1, epochs=10, steps_per_epoch=3, three_phase=True),
        "AdamW",
    ),
    Case(
        'ReduceLROnPlateau(patience=2, mode="min")',
        "ReduceLROnPlateau(optimizer, patience=2)",
        lambda o: lrs.ReduceLROnPlateau(o, patience=2),
    ),
    Case(
        'ReduceLROnPlateau("max", 0.5, patience=0)',
        'ReduceLROnPlateau(optimizer, "max", 0.5, patience=0)',
        lambda o: lrs.ReduceLROnPlateau(o, "max", 0.5, patience=0),
    ),
    Case(
        'SWALR(0.05, anneal_epochs=5, anneal_strategy="linear")',
        'SWALR(optimizer, 0.05, anneal_epochs=5, anneal_strategy="linear")',
        lambda o: SWALR(o, 0.05, 5, "linear"),
    ),
    Case(
        "SequentialLR([LinearLR(0.1, total_iters=5), CosineAnnealingLR(T_max=95)], milestones=[5])",
        "SequentialLR(optimizer, [LinearLR(optimizer, 0.1), CosineAnnealingLR(optimizer, "
        "T_max=95)], milestones=[5])",
        lambda o: lrs.SequentialLR(o, [lrs.LinearLR(o, 0.1), lrs.CosineAnnealingLR(o, 95)], [5]),
    ),
    Case(
        "SequentialLR([LinearLR(0.1), OneCycleLR(0.8, steps - 6), SWALR(0.1)], [6, steps])",
        "SequentialLR(optimizer, [LinearLR(optimizer, 0.1), OneCycleLR(optimizer, 0.8, max(1, "
        "steps - 6)), SWALR(optimizer, 0.1)], [6, steps])",
        lambda o: lrs.SequentialLR(
            o, [lrs.LinearLR(o, 0.1), lrs.OneCycleLR(o, 0.8, 24), SWALR(o, 0.1)], [6, 30]
        ),
    ),
    Case(
        "SequentialLR([ConstantLR(0.5, 3), LambdaLR(0.9 ** epoch)], milestones=[4])",
        "SequentialLR(optimizer, [ConstantLR(optimizer, 0.5, 3), LambdaLR(optimizer, lambda "
        "epoch: 0.9**epoch)], milestones=[4])",
        lambda o: lrs.SequentialLR(
            o, [lrs.ConstantLR(o, 0.5, 3), lrs.LambdaLR(o, lambda n: 0.9**n)], [4]
        ),
    ),
    Case(
        "ChainedScheduler([ConstantLR(0.1, 4), ExponentialLR(0.9)])",
        "ChainedScheduler([ConstantLR(optimizer, 0.1, 4), ExponentialLR(optimizer, 0.9)])",
        lambda o: lrs.ChainedScheduler([lrs.ConstantLR(o, 0.1, 4), lrs.ExponentialLR(o, 0.9)]),
    ),
    Case(
        "ChainedScheduler([SequentialLR([ConstantLR, ExponentialLR(0.9)], [3]), StepLR(7)])",
        "ChainedScheduler([SequentialLR(optimizer, [ConstantLR(optimizer), "
        "ExponentialLR(optimizer, 0.9)], [3]), StepLR(optimizer, 7)])",
        lambda o: lrs.ChainedScheduler(
            [
                lrs.SequentialLR(o, [lrs.ConstantLR(o), lrs.ExponentialLR(o, 0.9)], [3]),
                lrs.StepLR(o, 7),
            ]
        ),
    ),
]
WARM_UPS = [
    Case(
        "CosineAnnealingLR(T_max=steps - 6)",
        "SequentialLR(optimizer, [LinearLR(optimizer, start_factor=1 / 6, total_iters=6), "
        "CosineAnnealingLR(optimizer, T_max=max(1, steps - 6))], milestones=[6])",
        lambda o: lrs.SequentialLR(
            o, [lrs.LinearLR(o, 1 / 6, total_iters=6), lrs.CosineAnnealingLR(o, 24)], [6]
        ),
    ),
    Case(
        "OneCycleLR(0.9, steps - 6)",
        "SequentialLR(optimizer, [LinearLR(optimizer, start_factor=1 / 6, total_iters=6), "
        "OneCycleLR(optimizer, 0.9, max(1, steps - 6))], milestones=[6])",
        lambda o: lrs.SequentialLR(
            o, [lrs.LinearLR(o, 1 / 6, total_iters=6), lrs.OneCycleLR(o, 0.9, 24)], [6]
        ),
    ),
    Case(
        "SequentialLR([StepLR(3 * steps_per_epoch), ExponentialLR(0.9)], [2 * steps_per_epoch])",
        "SequentialLR(optimizer, [LinearLR(optimizer, start_factor=1 / 6, total_iters=6), "
        "StepLR(optimizer, 3 * steps_per_epoch), ExponentialLR(optimizer, 0.9)], "
        "milestones=[6, 6 + 2 * steps_per_epoch])",
        lambda o: lrs.SequentialLR(
            o,
            [
                lrs.LinearLR(o, 1 / 6, total_iters=6),
                lrs.StepLR(o, 9),
                lrs.ExponentialLR(o, 0.9),
            ],
            [6, 12],
        ),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.text)
def test_a_schedule_is_written_with_what_differs_from_torchs_defaults(case: Case) -> None:
    assert one_line(accepted(case.text, case.optimizer)) == f"scheduler = {case.line}"


@pytest.mark.parametrize("case", WARM_UPS, ids=lambda case: case.text)
def test_a_warm_up_goes_before_a_schedule(case: Case) -> None:
    assert one_line(accepted(case.text, warmup=6)) == f"scheduler = {case.line}"


def one_line(schedule: Schedule) -> str:
    return "".join(written(schedule, indent=-300))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.text)
def test_it_gives_the_rates_that_torch_gives(case: Case) -> None:
    compare_rates(case, accepted(case.text, case.optimizer))


@pytest.mark.parametrize("case", WARM_UPS, ids=lambda case: case.text)
def test_behind_a_warm_up_it_gives_the_rates_that_torch_gives(case: Case) -> None:
    compare_rates(case, accepted(case.text, case.optimizer, warmup=6))


def imports_of(schedule: Schedule) -> list[str]:
    paths = (scheduler.torch.rpartition(".") for scheduler in schedule.schedulers())
    return [f"from {module} import {name}" for module, _, name in paths]


def compare_rates(case: Case, schedule: Schedule) -> None:
    ours, theirs = optimizer_of(case.optimizer), optimizer_of(case.optimizer)

    class cfg:
        epochs = EPOCHS

    names = {"optimizer": ours, "cfg": cfg, "steps": STEPS, "steps_per_epoch": PER_EPOCH}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec("\n".join([*imports_of(schedule), *written(schedule)]), names)
        wanted = list(rates(theirs, case.real(theirs), schedule.metric))
        assert list(rates(ours, names["scheduler"], schedule.metric)) == wanted
    assert len(set(wanted)) > 1


def test_a_warm_up_alone_ends_at_the_rate() -> None:
    schedule = with_warmup(None, 4)
    assert written(schedule) == [
        "scheduler = LinearLR(optimizer, start_factor=1 / 4, total_iters=4)"
    ]
    compare_rates(Case("", "", lambda o: lrs.LinearLR(o, 0.25, total_iters=4)), schedule)


# ---- rates of their own --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reads", "warmup"),
    [
        ("StepLR(3)", True, 0),
        ("OneCycleLR(0.1, steps)", False, 0),
        ("OneCycleLR(0.1, steps - 6)", False, 6),
        ("CyclicLR(0.01, 0.1, 4)", False, 0),
        ("CyclicLR(0.01, 0.1, steps // 6)", True, 6),
        ("SequentialLR([CyclicLR(0.01, 0.1, 4), StepLR(7)], [9])", False, 0),
        ("SequentialLR([OneCycleLR(0.1, steps), StepLR(7)], [steps])", False, 0),
        ("SequentialLR([ConstantLR(0.5, 3), OneCycleLR(0.1, steps)], [4])", False, 0),
        ("SequentialLR([LambdaLR(0.9 ** epoch), OneCycleLR(0.1, steps)], [4])", True, 0),
        ("SequentialLR([StepLR(2), ConstantLR, OneCycleLR(0.1, steps)], [4, 8])", True, 0),
        ("SequentialLR([StepLR(2), CyclicLR(0.01, 0.1, steps // 6), StepLR(3)], [4, 8])", True, 0),
        ("ChainedScheduler([OneCycleLR(0.1, steps), LambdaLR(0.9 ** epoch)])", False, 0),
        ("ChainedScheduler([StepLR(3), OneCycleLR(0.1, steps)])", False, 0),
        ("ChainedScheduler([SequentialLR([StepLR(3), ConstantLR], [4]), StepLR(2)])", True, 0),
    ],
)
def test_it_is_known_whether_the_optimisers_rate_has_a_part_in_it(
    text: str, reads: bool, warmup: int
) -> None:
    schedule = accepted(text, warmup=warmup)
    one, other = (list(made_rates(schedule, rate)) for rate in (0.5, 0.25))
    assert (one != other) is reads
    assert schedule.reads_rate() is reads


def made_rates(schedule: Schedule, rate: float) -> Iterator[tuple[Any, ...]]:
    """The rates that a schedule gives an optimiser which was made with one."""
    parameters = [nn.Parameter(torch.ones(2, 2))]
    optimizer = torch.optim.SGD(parameters, lr=rate, momentum=0.9)

    class cfg:
        epochs = EPOCHS

    names = {"optimizer": optimizer, "cfg": cfg, "steps": STEPS, "steps_per_epoch": PER_EPOCH}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec("\n".join([*imports_of(schedule), *written(schedule)]), names)
        yield from rates(optimizer, names["scheduler"], schedule.metric)


def tagger(*lines: str) -> str:
    """A spec whose section has these lines, for 2 steps in an epoch of `--max-batches 2`."""
    settings = "".join(f"    {line}\n" for line in lines)
    return (
        "net Tagger(dim: int = 8)(image: float32[N, 1, 8, 8]) -> (logits: [N, 10]) {\n"
        "    return image -> Flatten -> body: Linear(dim) -> LayerNorm -> head: Linear(10)\n}\n"
        "train Tagger {\n    data = Digits()\n    loss = cross_entropy(logits, label)\n"
        f"{settings}}}\n"
    )


CYCLE = "scheduler = OneCycleLR(max_lr=0.01, total_steps=steps)"


def test_a_schedule_with_a_rate_of_its_own_has_the_flag_for_it(tmp_path: Path) -> None:
    script = running.write(tagger("optimizer = SGD(0.1, 0.9)", CYCLE), tmp_path)
    text = script.read_text()
    assert "    max_lr: float = 0.01\n" in text
    assert " lr: float" not in text
    assert "torch.optim.SGD(model.parameters(), 0.1, 0.9)" in text
    assert running.run(script, "--max-lr", "0.5").returncode == 0
    state = torch.load(tmp_path / "out" / "last.pt")
    assert state["optimizer SGD"]["param_groups"][0]["max_lr"] == 0.5


def test_what_warms_up_before_a_cycle_has_the_optimisers_rate() -> None:
    cycle = "scheduler = CyclicLR(0.01, 0.1, steps // 6)"
    text = netspec.loads(tagger("optimizer = SGD(lr=0.5, momentum=0.9)", "warmup = 2", cycle))
    assert "    lr: float = 0.5\n    max_lr: float = 0.1\n" in text.render()["train.py"]


def test_each_group_and_optimiser_has_its_own_peak(tmp_path: Path) -> None:
    lines = (
        "optimizer = AdamW(lr=3e-3)",
        'group "*.bias" with (optimizer=SGD(lr=0.1, momentum=0.9))',
        'group "head.*" with (lr=0.1 * lr)',
        'decay = "matrices"',
    )
    script = running.write(tagger(*lines, CYCLE), tmp_path)
    assert running.run(script, "--max-lr", "0.5", "--sgd-max-lr", "0.25").returncode == 0
    state = torch.load(tmp_path / "out" / "last.pt")
    groups = state["adamw"]["param_groups"]  # matrices, the head, vectors
    assert [group["max_lr"] for group in groups] == [0.5, 0.05, 0.5]
    assert [group["max_lr"] for group in state["sgd"]["param_groups"]] == [0.25]


@pytest.mark.parametrize(
    "schedule",
    [
        "CyclicLR(0.01, 0.1, steps // 6)",
        "SequentialLR([OneCycleLR(0.1, 6), OneCycleLR(0.01, steps)], [6])",
        "SequentialLR([LambdaLR(0.9 ** epoch), OneCycleLR(0.1, steps)], [2])",
    ],
)
def test_the_rate_of_a_group_is_refused_where_a_schedule_overwrites_it(schedule: str) -> None:
    lines = ("optimizer = SGD(lr=0.1, momentum=0.9)", f"scheduler = {schedule}")
    assert running.errors(tagger(*lines, "group Linear with (weight_decay=0.1)")) == []
    (found,) = running.errors(tagger(*lines, "group Linear with (lr=0.1 * lr)"))
    assert found.startswith("conflicting-settings: the rate of a group does not go with this sched")


@pytest.mark.parametrize(
    ("schedule", "more", "said"),
    [
        (CYCLE, (), "4 steps, and 6 are wanted"),
        ("scheduler = OneCycleLR(0.01, epochs)", (), "2 epochs, and 3 are wanted"),
        (
            "scheduler = OneCycleLR(0.01, epochs=epochs, steps_per_epoch=steps_per_epoch)",
            (),
            "4 steps, and 6 are wanted",
        ),
        ("scheduler = OneCycleLR(0.01, steps)", ("warmup = 1",), "5 steps, and 6 are wanted"),
        (
            "scheduler = ChainedScheduler([StepLR(3), OneCycleLR(0.1, steps, pct_start=0.4)])",
            ("accumulate = 2",),
            "2 steps, and 3 are wanted",
        ),
    ],
)
def test_a_resumed_run_says_that_its_schedule_ends_too_early(
    tmp_path: Path, schedule: str, more: tuple[str, ...], said: str
) -> None:
    optimizer = "optimizer = SGD(momentum=0.9)"
    script = running.write(tagger(optimizer, schedule, "epochs = 2", *more), tmp_path)
    done = running.run(script)
    assert done.returncode == 0, done.stderr
    assert running.run(script, "--resume").returncode == 0
    done = running.run(script, "--resume", "--epochs", "3")
    assert done.stderr == f"the schedule ends after {said}\n"
    text = script.read_text()
    assert text.count("are wanted") == 1


def test_it_counts_the_steps_that_are_left(tmp_path: Path) -> None:
    script = running.write(tagger("optimizer = SGD(momentum=0.9)", CYCLE, "steps = 4"), tmp_path)
    assert running.run(script, "--batch-size", "32").returncode == 0
    done = running.run(script, "--resume", "--batch-size", "32", "--steps", "5")
    assert done.stderr == "the schedule ends after 4 steps, and 5 are wanted\n"


# ---- steps and epochs --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "by_step", "names"),
    [
        ("StepLR(3)", False, ""),
        ("CosineAnnealingLR(epochs)", False, "epochs"),
        ("CosineAnnealingLR(steps)", True, "steps"),
        ("StepLR(epochs * steps_per_epoch // 3)", True, "epochs steps_per_epoch"),
        ("LambdaLR(0.9 ** (epoch / steps_per_epoch))", True, "steps_per_epoch"),
        ("CyclicLR(0.1, 1)", True, ""),
        ("CyclicLR(0.1, 1, epochs)", False, "epochs"),
        ("OneCycleLR(0.1, epochs)", False, "epochs"),
        ("SequentialLR([StepLR(3), CosineAnnealingLR(steps)], [5])", True, "steps"),
    ],
)
def test_what_a_schedule_names_says_when_it_takes_its_steps(
    text: str, by_step: bool, names: str
) -> None:
    schedule = accepted(text)
    assert schedule.by_step is by_step
    assert schedule.names == set(names.split())


def test_only_one_wants_a_figure() -> None:
    assert accepted("ReduceLROnPlateau").metric
    assert not accepted("StepLR(3)").metric


# ---- the lines ---------------------------------------------------------------------------------

LONG = [
    "LambdaLR(min(1.0, (epoch + 1) / 500) * 0.95 ** max(0, epoch - 500) if epoch > 3 else 0.1)",
    "LambdaLR(min(1.0, (epoch + 1) / 5000) * 0.95 ** max(0, epoch - 5000) + 1 / (epoch + 100))",
    "LambdaLR(min(1.0, (epoch + 1) / 500000000000, 1000000000 * (epoch + 1), 12 * epoch + 2))",
    "SequentialLR([LinearLR(0.1, total_iters=steps // 10), LambdaLR(max(0.01, 1 - epoch / steps) "
    "** 0.9 * [1.0, 0.5, 0.25][min(2, epoch // (30 * steps_per_epoch))])], [steps // 10])",
    "SequentialLR([ConstantLR, LinearLR, ExponentialLR(decay), StepLR(2), MultiStepLR(stones), "
    "PolynomialLR(5), CosineAnnealingLR(5), CosineAnnealingWarmRestarts(5), SWALR(0.1), "
    "MultiplicativeLR(0.9), LambdaLR(1)], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])",
]


def test_the_lines_are_as_ruff_and_mypy_want_them(tmp_path: Path) -> None:
    script = tmp_path / "schedules.py"
    script.write_text(script_of_all(), encoding="utf-8")
    for command in (
        ["ruff", "format", "--isolated", "--diff"],
        ["ruff", "check", "--isolated", "--extend-select", "E,F,I,UP,B,SIM,C4"],
        ["mypy", "--strict", "--config-file", "", "--cache-dir", str(tmp_path / "cache")],
    ):
        done = subprocess.run(
            [sys.executable, "-m", *command, str(script)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def script_of_all() -> str:
    """A function for each case, and a class of settings as a training script has it."""
    made = [accepted(case.text, case.optimizer) for case in CASES]
    made += [accepted(case.text, warmup=6) for case in WARM_UPS]
    made += [accepted(text) for text in LONG]
    names = {line.rpartition(" ")[2] for schedule in made for line in imports_of(schedule)}
    assert len(names) > 14
    names -= {"SWALR"}
    parts = [
        "import dataclasses\n\nimport torch\nfrom torch.optim.lr_scheduler import (",
        *(f"    {name}," for name in sorted(names, key=str.lower)),
        ")\nfrom torch.optim.swa_utils import SWALR\n\n",
        "@dataclasses.dataclass\nclass Config:\n    epochs: int = 10\n",
    ]
    for i, schedule in enumerate(made):
        head = "cfg: Config, optimizer: torch.optim.Optimizer, steps: int, steps_per_epoch: int"
        parts += ["", f"def make_{i}(", *(f"    {part}," for part in head.split(", "))]
        parts += [") -> object:", *(f"    {line}" for line in written(schedule))]
        parts += ["    return scheduler", ""]
    return "\n".join(parts).rstrip() + "\n"


# ---- what is refused ---------------------------------------------------------------------------

REFUSED: list[tuple[str, str, int]] = [
    ("StepLr(3)", "SGD", 0),
    ("3", "SGD", 0),
    ("CosineAnnealingLR", "SGD", 0),
    ("StepLR(0)", "SGD", 0),
    ("StepLR(-steps)", "SGD", 0),
    ("ExponentialLR(0.9, 0.2, gama=3)", "SGD", 0),
    ("ExponentialLR(steps)", "SGD", 0),
    ("LinearLR(total_iters=steps / 10)", "SGD", 0),
    ("LinearLR(start_factor=0)", "SGD", 0),
    ("LambdaLR(1 / epoch)", "SGD", 0),
    ("LambdaLR(1 - epoch / 5)", "SGD", 0),
    ("LambdaLR(x ** epoch)", "SGD", 0),
    ("LambdaLR(epoch > 3)", "SGD", 0),
    ("LambdaLR(1e301)", "SGD", 0),
    ("LambdaLR([1.0, 0.5][epoch // 5])", "SGD", 0),
    ("LambdaLR(epoch / (steps // 10))", "SGD", 0),
    ("OneCycleLR(0.1)", "SGD", 0),
    ("OneCycleLR(0.1, 1000)", "SGD", 0),
    ("OneCycleLR(0.1, steps, pct_start=1)", "SGD", 0),
    ("OneCycleLR(0.1, steps, pct_start=1.0)", "SGD", 0),
    ("OneCycleLR(0.1, steps)", "Adagrad", 0),
    ("CyclicLR(0.01, 0.1, max_momentum=1.0)", "Adam", 0),
    ("CyclicLR(0.01, 0.1, max_momentum=0.0)", "RMSprop", 0),
    ("SequentialLR(LinearLR(0.1), 5)", "SGD", 0),
    ("SequentialLR([], [])", "SGD", 0),
    ("SequentialLR([LinearLR(0.1)], milestones=[5])", "SGD", 0),
    ("SequentialLR([LinearLR(0.1), StepLR(3), ExponentialLR(0.9)], milestones=[9, 5])", "SGD", 0),
    ("SequentialLR([LinearLR(0.1), ReduceLROnPlateau], milestones=[5])", "SGD", 0),
    ("SequentialLR([StepLR(2), SequentialLR([StepLR(3)], [])], [5])", "SGD", 0),
    ("SequentialLR([StepLR(2), ChainedScheduler([StepLR(3)])], [5])", "SGD", 0),
    ("SequentialLR([LinearLR(0.1), MultiplicativeLR(1 / epoch)], [5])", "SGD", 0),
    ("SequentialLR([LinearLR(0.1), OneCycleLR(0.1, steps // 2)], [5])", "SGD", 0),
    ("SequentialLR([LinearLr(0.1), StepLR(0)], [5])", "SGD", 0),
    ("ChainedScheduler([ReduceLROnPlateau])", "SGD", 0),
    ("ReduceLROnPlateau", "SGD", 100),
    ("ChainedScheduler([StepLR(steps // 2)])", "SGD", 100),
    ("CosineAnnealingLR(epochs)", "SGD", 100),
    ("OneCycleLR(0.1, steps - 200)", "SGD", 100),
]


def test_what_does_not_go_is_said_in_words(update: bool) -> None:
    text = "\n".join(refusal(*case) for case in REFUSED)
    if update:
        GALLERY.write_text(text, encoding="utf-8")
    assert text == GALLERY.read_text(encoding="utf-8")


def refusal(text: str, optimizer: str, warmup: int) -> str:
    schedule, found = check(text, optimizer, warmup)
    assert schedule is None, text
    head = f"optimizer = {optimizer}()" + (f", warmup = {warmup}" if warmup else "")
    return f"{head}\n{write_text(found.in_order()).rstrip()}\n"
