"""Measure start-up, the checking of long nets, and built modules; print ratios in one table.

Every figure is the median of runs that take turns, so that a busy moment hits both sides.
"""

import gc
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import netspec
from netspec.check import check
from netspec.parse import parse
from netspec.source import Source
from tests.bench.table import Row, alternate, show, timed

LENET = str(Path(__file__).parents[2] / "specs" / "lenet5.net")
NETSPEC = str(Path(sys.executable).parent / "netspec")


def main() -> int:
    return 1 if show([*start_up(), *long_nets(), *built_modules()]) else 0


# ---- whole processes ---------------------------------------------------------------------------


def start_up() -> list[Row]:
    pairs: list[tuple[str, Sequence[str], str, Sequence[str], float]] = [
        ("netspec check lenet5.net", [NETSPEC, "check", LENET], *importing("lark, pydantic"), 1.5),
        (
            "netspec build lenet5.net",
            [NETSPEC, "build", LENET, "--stdout"],
            *importing("lark, pydantic, jinja2"),
            1.5,
        ),
        (
            "netspec --help",
            [NETSPEC, "--help"],
            "python -c pass",
            [sys.executable, "-c", "pass"],
            4,
        ),
    ]
    actions = [timed(process(command)) for pair in pairs for command in (pair[1], pair[3])]
    times = alternate(*actions, turns=20)
    return [
        Row(ours, times[2 * i], theirs, times[2 * i + 1], goal)
        for i, (ours, _, theirs, _, goal) in enumerate(pairs)
    ]


def importing(libraries: str) -> tuple[str, list[str]]:
    return f"import {libraries}", [sys.executable, "-c", f"import {libraries}"]


def process(command: Sequence[str]) -> Callable[[], object]:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return lambda: subprocess.run(
        command, stdout=subprocess.DEVNULL, env=environment, check=True
    )  # with compiled modules, as after an installation


# ---- long nets ---------------------------------------------------------------------------------


def straight(layers: int) -> Source:
    """A net of so many layers, one a line."""
    stages = "".join(f"        -> Linear({64 + i % 3})\n" for i in range(layers))
    return Source(f"net Long()(x: float32[N, 64]) {{\n    return x\n{stages}}}\n", "long.net")


def parsing(source: Source) -> Callable[[], float]:
    return timed(lambda: parse(source))


def checking(source: Source) -> Callable[[], float]:
    """The time of the check alone: each needs a parse of its own."""

    def run() -> float:
        parsed = parse(source)
        start = time.perf_counter()
        graph = check(source, parsed, {})
        seconds = time.perf_counter() - start
        assert len(graph.nets) == 1
        return seconds

    return run


def long_nets() -> list[Row]:
    sources = [straight(layers) for layers in (100, 1_000, 10_000)]
    gc.disable()  # as the command line does
    try:
        actions = [kind(source) for kind in (parsing, checking) for source in sources]
        times = alternate(*(collected(action) for action in actions), turns=5)
    finally:
        gc.enable()
    parsed, checked = times[:3], times[3:]
    both = [a + b for a, b in zip(parsed, checked, strict=True)]
    rows: list[Row] = []
    for name, seconds in (("parse", parsed), ("check", checked), ("both", both)):
        rows.append(Row(f"{name} 1,000 layers", seconds[1], "100 layers", seconds[0]))
        goal = 11.0 if name == "both" else None
        rows.append(Row(f"{name} 10,000 layers", seconds[2], "1,000 layers", seconds[1], goal))
    return rows


def collected(action: Callable[[], float]) -> Callable[[], float]:
    """The action with the garbage of others out of the way."""

    def run() -> float:
        gc.collect()
        return action()

    return run


# ---- built modules -----------------------------------------------------------------------------


class HandWritten(nn.Module):
    """LeNet-5 as one writes it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, image: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv1(image)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = x.flatten(1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        logits: Tensor = self.fc3(x)
        return logits


def built_modules() -> list[Row]:
    torch.set_num_threads(1)
    built = netspec.load(LENET).build(device="cpu")
    written = HandWritten()
    written.load_state_dict(built.state_dict())
    image = torch.rand(64, 1, 28, 28)
    assert torch.equal(built(image), written(image))
    times = alternate(
        *(timed(action) for model in (built, written) for action in passes(model, image)), turns=200
    )
    return [
        Row("forward of the built LeNet-5", times[0], "written by hand", times[2]),
        Row("forward and backward", times[1], "written by hand", times[3]),
    ]


def passes(model: nn.Module, image: Tensor) -> tuple[Callable[[], object], Callable[[], object]]:
    def forward() -> object:
        with torch.no_grad():
            return model(image)

    def both() -> object:
        model.zero_grad()
        return model(image).sum().backward()

    return forward, both


if __name__ == "__main__":
    sys.exit(main())
