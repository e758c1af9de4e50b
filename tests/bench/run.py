"""Measure start-up, long nets and built modules: one table of ratios.

What is compared is run in turns, so that a busy machine slows both; each figure is a median.
"""

import argparse
import gc
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent
LENET = str(ROOT / "specs" / "lenet5.net")
NETSPEC = "import sys; from netspec.cli import main; sys.exit(main())"  # as the installed command
LENGTHS = (100, 1_000, 10_000)


class Row(NamedTuple):
    """One line of the table: seconds of the thing measured, and of what it is held against."""

    what: str
    seconds: float
    against: str
    reference: float
    goal: float | None

    def __str__(self) -> str:
        ratio = self.seconds / self.reference
        goal = "" if self.goal is None else f"<= {self.goal:g}"
        verdict = "" if self.goal is None or ratio <= self.goal else "  missed"
        return (
            f"{self.what:<44} {self.seconds * 1000:>9.1f}   {self.against:<36} "
            f"{self.reference * 1000:>9.1f} {ratio:>7.2f}  {goal}{verdict}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15, help="of each process (15)")
    runs = max(1, parser.parse_args().runs)
    print(f"{'':<44} {'ms':>9}   {'against':<36} {'ms':>9} {'ratio':>7}  goal")
    for measure in (start_up, long_nets, built_module):
        for row in measure(runs):
            print(row, flush=True)


def medians(works: list[Callable[[], float]], runs: int) -> list[float]:
    """The median of what each of `works` returns, run in turns, after one turn to warm up."""
    turns = [[work() for work in works] for _ in range(runs + 1)]
    return [statistics.median(column) for column in zip(*turns[1:], strict=True)]


# ---- whole processes -------------------------------------------------------------------------


def start_up(runs: int) -> Iterator[Row]:
    """Commands against a Python that only imports what they cannot do without."""
    with TemporaryDirectory() as folder:
        build = ("build", LENET, "--force", "-o", folder)
        pairs = (
            ("netspec check specs/lenet5.net", ("check", LENET), "import lark, pydantic", 1.5),
            ("netspec build specs/lenet5.net", build, "import lark, pydantic, jinja2", 1.5),
            ("netspec --help", ("--help",), "pass", 4.0),
        )
        for what, arguments, code, goal in pairs:
            ours, theirs = medians(
                [lambda a=arguments: process(NETSPEC, *a), lambda c=code: process(c)], runs
            )
            yield Row(what, ours, f'python -c "{code}"', theirs, goal)


def process(code: str, *arguments: str) -> float:
    """The seconds that a Python process takes from start to end."""
    begin = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL, check=True
    )
    return time.perf_counter() - begin


# ---- long nets -------------------------------------------------------------------------------


def straight_net(layers: int) -> str:
    lines = "".join(f"        -> Linear({8 + i % 2})\n" for i in range(layers))
    return f"net Long()(x: [N, 8]) {{\n    return x\n{lines}}}\n"


def long_nets(runs: int) -> Iterator[Row]:
    """Parsing and checking against the same with a tenth of the layers."""
    works = [lambda n=n, phase=phase: phase(straight_net(n)) for n in LENGTHS for phase in PHASES]
    found = medians(works, max(1, runs // 3))
    seconds = {n: found[i * len(PHASES) :][: len(PHASES)] for i, n in enumerate(LENGTHS)}
    for fewer, more in pairwise(LENGTHS):
        goal = 11.0 if more == 10_000 else None
        total = [sum(seconds[fewer]), sum(seconds[more])]
        parts = [*zip(("parse", "check"), seconds[fewer], seconds[more], strict=True)]
        for name, small, large in [*parts, ("parse and check", *total)]:
            wanted = goal if name == "parse and check" else None
            yield Row(f"{name}, {more:,} layers", large, f"{fewer:,} layers", small, wanted)


def parse_seconds(text: str) -> float:
    from netspec.parse import parse
    from netspec.source import Source

    return timed(lambda: parse(Source(text)))


def check_seconds(text: str) -> float:
    from netspec.check import check
    from netspec.parse import parse
    from netspec.source import Source

    source = Source(text)
    parsed = parse(source)
    seconds = timed(lambda: check(source, parsed, {}))
    assert not parsed.found.has_errors
    return seconds


PHASES = (parse_seconds, check_seconds)


def timed(work: Callable[[], object]) -> float:
    """Seconds without garbage collection, which the command line switches off too."""
    gc.collect()
    gc.disable()
    begin = time.perf_counter()
    work()
    seconds = time.perf_counter() - begin
    gc.enable()
    return seconds


# ---- built modules ---------------------------------------------------------------------------


def built_module(runs: int) -> Iterator[Row]:
    """LeNet-5 as `load` builds it against one written by hand."""
    import torch
    import torch.nn.functional as F
    from torch import Tensor, nn

    import netspec

    class LeNet5(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
            self.conv2 = nn.Conv2d(6, 16, 5)
            self.fc1 = nn.Linear(400, 120)
            self.fc2 = nn.Linear(120, 84)
            self.fc3 = nn.Linear(84, 10)
            self.relu = nn.ReLU()
            self.pool = nn.MaxPool2d(2)

        def forward(self, x: Tensor) -> Tensor:
            x = self.pool(self.relu(self.conv1(x)))
            x = self.pool(self.relu(self.conv2(x)))
            x = x.flatten(1)
            x = self.relu(self.fc1(x))
            x = self.relu(self.fc2(x))
            return self.fc3(x)

    torch.set_num_threads(1)
    images, labels = torch.rand(64, 1, 28, 28), torch.randint(10, (64,))

    def step(model: nn.Module) -> float:
        begin = time.perf_counter()
        for _ in range(10):
            F.cross_entropy(model(images), labels).backward()
        return (time.perf_counter() - begin) / 10

    built, written = netspec.load(LENET).build(device="cpu"), LeNet5()
    ours, theirs = medians([lambda: step(built), lambda: step(written)], runs)
    yield Row("built LeNet-5, forward and backward of 64", ours, "written by hand", theirs, None)


if __name__ == "__main__":
    main()
