"""`--layers`: a command imports the modules that register layers, before it reads the spec."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from netspec.cli import main

ROOT = Path(__file__).parent.parent
PARTS = """
import torch
from torch import Tensor, nn


class Scale(nn.Module):
    def __init__(self, features: int, gain: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((features,), gain))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight
"""
DESCRIBED = '''
from __future__ import annotations

from netspec.layers import InferredInt, Layer, Shape, Tensor


class Scale(Layer):
    """Each feature times a weight."""

    torch = "parts.Scale"

    features: InferredInt
    gain: float = 1.0

    def infer(self, x: Tensor) -> dict[str, int]:
        return {"features": x.shape[-1]}

    def parameters(self) -> dict[str, Shape]:
        return {"weight": (self.features,)}
'''
SCALED = "net Model()(x: [N, 8]) {\n    return x -> Scale\n}\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a module of a user's and what describes it."""
    (tmp_path / "parts.py").write_text(PARTS)
    (tmp_path / "described.py").write_text(DESCRIBED)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "described", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (["check", "a.net"], "a.net: no errors (Model)\n"),
        (["build", "a.net", "--stdout"], "self.scale1 = Scale(8)\n"),
        (["summary", "a.net"], "Model: 8 parameters"),
        (["explain", "init", "a.net"], "scale1.weight  [8]"),
        (["layers", "scale"], "Each feature times a weight."),
        (["explain", "Scale"], "layer: parts.Scale\n"),
    ],
)
def test_every_command_takes_layers(
    command: list[str], shown: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.net").write_text(SCALED)
    path = [*sys.path]
    assert main([*command, "--layers", "described"]) == 0
    assert shown in capsys.readouterr().out
    assert sys.path == path
    assert "parts" not in sys.modules


WRONG_MODULES = [
    ("nowhere", "", "there is no module `nowhere`", "install it"),
    ("bad.inner", "", "there is no module `bad.inner`: there is no `bad`", "install it"),
    ("bad.py", "", "`bad.py` is a file, not a module", "write it as in an import: bad"),
    ("a b", "", "`a b` is no module that Python could import", "write it as in an import"),
    ("bad1", "raise OSError('no\\nfile')", "importing `bad1` raises OSError: no", "line 1 of bad1"),
    ("bad2", "import torhc", "importing `bad2` raises ModuleNotFoundError: No module", "line 1 of"),
    ("bad3", "def f(:", "importing `bad3` raises SyntaxError: invalid", "correct the module"),
    ("bad4", "import sys\nsys.exit(3)", "importing `bad4` raises SystemExit: 3", "line 2 of bad4"),
    (
        "bad5",
        "import netspec\nclass ReLU(netspec.Layer):\n    torch = 'a.B'",
        "importing `bad5` raises TypeError: cannot register the layer `ReLU`: "
        "`ReLU` is a layer of torch.nn already",
        "line 2 of bad5.py",
    ),
    ("bad6", "x = 3", "the module `bad6` registers no layer", "define one in it"),
]


@pytest.mark.parametrize(("module", "text", "message", "way_out"), WRONG_MODULES)
def test_a_module_that_registers_nothing_is_said_in_one_line(
    module: str,
    text: str,
    message: str,
    way_out: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if text:
        (folder / f"{module}.py").write_text(text)
    assert main(["layers", "--layers", module]) == 2
    shown = capsys.readouterr()
    first, second = shown.err.splitlines()
    assert first.startswith(f"error: {message}")
    assert way_out in second
    assert shown.out == ""


@pytest.mark.slow
def test_training_finds_the_module_in_the_current_folder(folder: Path) -> None:
    body = "return image -> Flatten -> Scale -> Linear(10)"
    (folder / "a.net").write_text(
        f"net A()(image: float32[N, 1, 28, 28]) -> (logits: [N, 10]) {{ {body} }}\n"
        "train A {\n    data = MNIST5k()\n    loss = cross_entropy(logits, label)\n"
        "    optimizer = SGD(lr=0.1)\n}\n"
    )
    command = [sys.executable, "-m", "netspec.cli", "train", "a.net", "--layers", "described"]
    done = subprocess.run(
        [*command, "--max-batches", "2", "--out", "run"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "epoch=0" in done.stdout
