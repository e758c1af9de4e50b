"""Trainings with what the author has written: layers of losses, and data read in Python."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import netspec
from netspec.cli import main
from netspec.layers import Layer, Tensor
from netspec.trainer import Trainer

FINE, WRONG = 0, 1
GAPS = """
import torch
from torch import nn


class Gap(nn.Module):
    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((), gain))

    def forward(self, input, target):
        return ((input - target) ** 2).mean() * self.weight


class Wide(Gap):
    def forward(self, input, target):
        return (input - target) ** 2


class Failing(nn.Module):
    def __init__(self, gain: float = 1.0) -> None:
        raise KeyError("no weights")


model = type("model", (Gap,), {})
load_diabetes = type("load_diabetes", (Gap,), {})
y = type("y", (Gap,), {})
"""
DESCRIBED = """
from netspec.layers import Layer, Shape, Tensor


class Gap(Layer):
    torch = "gaps.Gap"
    takes = ("input", "target")
    gain: float = 1.0

    def output(self, input: Tensor, target: Tensor) -> Tensor:
        return Tensor((), input.dtype)

    def parameters(self) -> dict[str, Shape]:
        return {"weight": ()}
"""
SPEC = """
net D()(features: float32[N, 10]) -> (y: [N, 1]) {
    return features -> Linear(1)
}
train D {
    data = Diabetes()
    loss = Gap(2.0)(y, target)
    optimizer = Adam(lr=0.01)
    epochs = 1
    validation = 0.2
}
"""
PICTURES = """
net P()(image: float32[N, 3, 8, 8]) -> (logits: [N, 2]) {
    return image -> Flatten -> Linear(2)
}
train P {
    data = ImageFolder("pictures", 8, classes=2)
    loss = cross_entropy(logits, label)
    optimizer = SGD(lr=0.01)
    epochs = 1
    validation = 0.25
}
"""
EXTERN = """
extern dataset mine(count: int) -> (image: float32[N, 3, 8, 8], label: int64[N]) from "my_data"
"""
MY_DATA = """
import torch


def mine(count):
    return [(torch.full((3, 8, 8), i / count), i % 2) for i in range(count)]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, with modules of a user's; pytest alone cannot import from it."""
    for name, text in {"gaps.py": GAPS, "described.py": DESCRIBED, "my_data.py": MY_DATA}.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "d.net").write_text(SPEC)
    monkeypatch.chdir(tmp_path)
    for name in ("gaps", "described", "my_data"):  # another test may have had such a module
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield tmp_path
    for name in ("gaps", "described", "my_data"):
        sys.modules.pop(name, None)


def describe(name: str, path: str = "gaps.Gap", shape: tuple[int, ...] = ()) -> None:
    """Register a loss, `name(gain)(input, target)`, with a parameter of that shape."""

    def output(self: Layer, input: Tensor, target: Tensor) -> Tensor:
        return Tensor((), input.dtype)

    body = {
        "torch": path,
        "takes": ("input", "target"),
        "__annotations__": {"gain": float},
        "__module__": "described",
        "gain": 1.0,
        "output": output,
        "parameters": lambda self: {"weight": shape},
    }
    type(name, (Layer,), body)


# ---- layers of losses --------------------------------------------------------------------------


@pytest.mark.slow
def test_a_layer_of_a_loss_alone_is_trained(capfd: pytest.CaptureFixture[str]) -> None:
    for command in ("train", "eval"):
        assert main([command, "d.net", "--layers", "described"]) == FINE
    out = capfd.readouterr().out
    assert "epoch=0 loss=" in out
    assert "\nval_loss=" in out


def test_a_layer_of_a_loss_alone_is_rehearsed(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "d.net", "--layers", "described", "--dry-run"]) == FINE
    assert "Gap: 1 parameters" in capfd.readouterr().out


@pytest.mark.parametrize("name", ["model", "load_diabetes", "y"])
def test_a_class_of_a_loss_may_be_called_as_something_in_the_script(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(folder)
    describe("Mine", f"gaps.{name}")
    trainer = Trainer(netspec.loads(SPEC.replace("Gap", "Mine")), max_batches=1)
    assert trainer.fit()[0]["loss"] > 0


@pytest.mark.parametrize(
    ("path", "shape", "message"),
    [
        ("nowhere.Gap", (), "there is no module `nowhere` for the layer `Mine`"),
        ("gaps.Nope", (), "the module `gaps` has no class `Nope` for the layer `Mine`"),
        ("gaps.Wide", (), "`gaps.Wide` gives [2, 1], its layer says []"),
        ("gaps.Gap", (3,), "`gaps.Gap` has a parameter `weight` of shape [], its layer says [3]"),
        ("gaps.Failing", (), "`Failing` cannot be made: KeyError: 'no weights'"),
    ],
)
@pytest.mark.parametrize("rest", [(), ("--dry-run",)])
def test_a_layer_of_a_loss_is_held_against_its_class_before_a_run(
    path: str,
    shape: tuple[int, ...],
    message: str,
    rest: tuple[str, ...],
    folder: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    describe("Mine", path, shape)
    (folder / "m.net").write_text(SPEC.replace("Gap", "Mine"))
    assert main(["train", "m.net", *rest]) == WRONG
    out, err = capfd.readouterr()
    assert out == ""
    assert message in err
    assert "m.net:7:12" in err


# ---- data --------------------------------------------------------------------------------------


def test_a_folder_of_pictures_is_rehearsed(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for number in range(8):
        place = folder / "pictures" / str(number % 2)
        place.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number, 0, 0)).save(place / f"{number}.png")
    (folder / "p.net").write_text(PICTURES)
    assert main(["train", "p.net", "--dry-run"]) == FINE
    assert "6 samples to train on, 2 to validate" in capfd.readouterr().out


def test_data_read_in_python_takes_leave(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    text = EXTERN + PICTURES.replace('ImageFolder("pictures", 8, classes=2)', "mine(8)")
    (folder / "e.net").write_text(text)
    for command in (("train", "e.net", "--dry-run"), ("eval", "e.net")):
        assert main(command) == WRONG
        assert "importing `my_data` has not been allowed" in capfd.readouterr().err
    allowed = ("--allow-extern", "my_data")
    assert main(["train", "e.net", "--dry-run", *allowed]) == FINE
    assert "6 samples to train on, 2 to validate" in capfd.readouterr().out
    with pytest.raises(netspec.SpecError, match="importing `my_data` has not been allowed"):
        Trainer(netspec.loads(text))
    assert main(["eval", "e.net", *allowed]) == WRONG
    assert capfd.readouterr().err.startswith("error: there is no checkpoint out/best.pt")


def test_a_class_of_a_loss_may_be_called_as_a_scheduler(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(folder)
    (folder / "gaps.py").write_text(f"{GAPS}\nLinearLR = type('LinearLR', (Gap,), {{}})\n")
    describe("Mine", "gaps.LinearLR")
    schedule = "epochs = 1\n    scheduler = LinearLR(0.5)\n"
    text = SPEC.replace("Gap(2.0)", "Mine(2.0)").replace("epochs = 1\n", schedule)
    assert Trainer(netspec.loads(text), max_batches=1).fit()[0]["loss"] > 0
