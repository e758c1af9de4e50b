"""How fast the generated script of LeNet-5 trains, beside a loop in the manner of torch's example.

`python -m tests.bench.training`: both on the same data, one after the other, several times over.
"""

import runpy
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

import netspec
from tests.bench.table import Row, alternate, show, timed

SPEC = Path(__file__).parent.parent.parent / "specs" / "lenet5.net"
TURNS = 5
EPOCHS = 2


def open_script(folder: Path) -> dict[str, Any]:
    """What the generated script defines."""
    for name, source in netspec.load(SPEC).render().items():
        (folder / name).write_text(source, encoding="utf-8")
    sys.path.insert(0, str(folder))
    return runpy.run_path(str(folder / "train.py"), run_name="script")


def generated(script: dict[str, Any], folder: Path) -> Iterator[None]:
    config = script["Config"](epochs=EPOCHS, out=str(folder / "out"))
    for _ in script["train"](config):
        yield


def by_hand(script: dict[str, Any]) -> Iterator[None]:
    """The loop of the MNIST example: a loader of samples, a step, a test after each epoch."""
    torch.manual_seed(0)
    model = script["LeNet5"]()
    data: TensorDataset = script["load_data"]()
    train, test = random_split(data, [0.8, 0.2], torch.Generator().manual_seed(0))
    loader = DataLoader(train, batch_size=64, shuffle=True)
    test_loader = DataLoader(test, batch_size=64)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    for _ in range(EPOCHS):
        model.train()
        for image, label in loader:
            optimizer.zero_grad()
            loss: Any = F.cross_entropy(model(image), label)
            loss.backward()
            optimizer.step()
        _test(model, test_loader)
        yield


def _test(model: nn.Module, loader: DataLoader[Any]) -> None:
    model.eval()
    loss, correct = 0.0, 0
    with torch.no_grad():
        for image, label in loader:
            output = model(image)
            loss += F.cross_entropy(output, label, reduction="sum").item()
            correct += output.argmax(dim=1).eq(label).sum().item()


def main() -> int:
    """Print how long both take for the same epochs: the generated one should not be slower."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        script = open_script(folder)
        ours, theirs = alternate(
            timed(lambda: list(generated(script, folder))),
            timed(lambda: list(by_hand(script))),
            turns=TURNS,
        )
    missed = show([Row("generated script", ours, "loop by hand", theirs, 1.0)])
    for what, seconds in (("generated script", ours), ("loop by hand", theirs)):
        print(f"{what}: {4000 * EPOCHS / seconds:,.0f} samples a second")
    return missed


if __name__ == "__main__":
    sys.exit(main())
