"""The specs that come with data are trained: for a few batches, and to their figures."""

import csv
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from PIL import Image

import netspec

SPECS = Path(__file__).parent.parent / "specs"


class Goal(NamedTuple):
    """A figure of `metrics.csv`, and the bounds that its last value has to be within.

    Of accuracies it is the best value, that of `best.pt`.
    """

    figure: str
    least: float
    most: float


# What a full run ends with.
GOALS = {
    "autoencoder": [Goal("val_loss", 0.0, 0.05)],
    "char_gpt": [Goal("loss", 0.0, 2.6), Goal("val_loss", 0.0, 2.6)],
    "dcgan_mnist": [Goal("d_loss", 0.1, 1.35), Goal("g_loss", 0.3, 6.0)],  # neither has won
    "diabetes": [Goal("r2_score", 0.4, 1.0)],
    "digits_lstm": [Goal("accuracy", 0.95, 1.0)],
    "lenet5": [Goal("accuracy", 0.97, 1.0)],
    "siamese": [Goal("val_loss", 0.0, 0.2)],
    "vae": [Goal("val_loss", 0.0, 150.0)],
    "wine": [Goal("accuracy", 0.95, 1.0), Goal("f1_score", 0.95, 1.0)],
}


def train(name: str, folder: Path, *options: str) -> dict[str, float]:
    """The last line of the figures of a spec's training, with its best accuracy."""
    spec = netspec.load(SPECS / f"{name}.net")
    for file, source in spec.render().items():
        (folder / file).write_text(source, encoding="utf-8")
    command = [sys.executable, "train.py", "--out", "out", *options]
    threads = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=folder, env=threads, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    with open(folder / "out/metrics.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    figures = {key: float(value) for key, value in rows[-1].items()}
    if "accuracy" in figures:
        figures["accuracy"] = max(float(row["accuracy"]) for row in rows)
    return figures


def require_samples(path: Path) -> None:
    """Hold a grid of 8 x 8 digits to its size; none of them is flat, and no two are the same."""
    with Image.open(path) as image:
        assert (image.mode, image.size) == ("L", (224, 224))
        grid = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    digits = grid.view(8, 28, 8, 28).transpose(1, 2).reshape(64, -1)
    assert (digits.amin(), digits.amax()) == (0, 255)
    assert (digits.float().std(dim=1) > 1).all()
    assert len(digits.unique(dim=0)) == 64


def test_every_spec_with_data_has_its_goal() -> None:
    trained = {path.stem for path in SPECS.glob("*.net") if netspec.load(path).graph.trainings}
    assert trained == set(GOALS)


@pytest.mark.parametrize("name", GOALS)
def test_a_spec_trains_for_a_few_batches(name: str, tmp_path: Path) -> None:
    text = (SPECS / f"{name}.net").read_text(encoding="utf-8")
    length = ["--steps", "3"] if "    steps = " in text else ["--epochs", "1"]
    last = train(name, tmp_path, "--max-batches", "3", *length)
    assert all(value == value for value in last.values())  # no NaN
    if name == "dcgan_mnist":
        require_samples(tmp_path / "out/samples.png")


@pytest.mark.slow
@pytest.mark.parametrize("name", GOALS)
def test_a_spec_comes_to_its_figures(name: str, tmp_path: Path) -> None:
    last = train(name, tmp_path)
    for figure, least, most in GOALS[name]:
        assert least <= last[figure] <= most, (figure, last)
    if name == "dcgan_mnist":
        require_samples(tmp_path / "out/samples.png")
