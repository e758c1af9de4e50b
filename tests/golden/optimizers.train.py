"""Train Speaker on Topics.

python train.py --resume                           # go on from out/last.pt
torchrun --standalone --nproc-per-node 2 train.py  # data-parallel
"""

import math
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
import tyro
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    DistributedSampler,
    Subset,
    TensorDataset,
)
from tqdm import tqdm

from model import Speaker  # isort: skip


@dataclass
class Config:
    """Every field is a command-line flag, too: --batch-size 32."""

    out: str = "out"
    epochs: int = 2
    batch_size: int = 64  # per process
    lr: float = 0.02
    adamw_lr: float = 0.001
    clip_norm: float = 1.0
    accumulate: int = 3
    seed: int = 0
    max_batches: int = 0  # in an epoch; 0: all
    resume: bool = False

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            least = name in ("epochs", "batch_size", "accumulate")
            if not isinstance(value, str) and not least <= value < 2**62:
                raise ValueError(f"{name} must be from {least:d} to 2**62, not {value}")


def load_data() -> TensorDataset:
    """Cut a text into windows of 32 bytes, and those that follow."""
    text = "\n\n".join(topics.values()).encode()
    count = (len(text) - 1) // 32
    if count < 1:
        raise SystemExit(f"the text has {len(text)} tokens, too few for a window")
    tokens = torch.frombuffer(bytearray(text), dtype=torch.uint8).long()
    end = count * 32
    return TensorDataset(
        tokens[:end].view(count, 32), tokens[1 : end + 1].view(count, 32)
    )


def make_loaders(cfg: Config, rank: int, world: int) -> tuple[Any, ...]:
    """Return sampler and loader for training, and the loader for validation."""
    data = load_data()
    cut = len(data) - round(len(data) * 0.2)  # the end validates
    limit = cfg.max_batches * cfg.batch_size * world or None
    train_data = Subset(data, range(cut)[:limit])
    val_data = Subset(data, range(cut, len(data)))
    sampler = DistributedSampler[Any](train_data, world, rank, seed=cfg.seed)
    batches = BatchSampler(sampler, cfg.batch_size, drop_last=False)
    loader = DataLoader(train_data, None, sampler=batches)  # a whole batch by one index
    shard = range(rank, len(val_data), world)  # each sample on exactly one rank
    val_batches = BatchSampler(shard, cfg.batch_size, drop_last=False)
    val_loader = DataLoader(val_data, None, sampler=val_batches)
    return sampler, loader, val_loader


def make_nets(device: torch.device) -> nn.Module:
    """Return the net, with random weights."""
    return Speaker().to(device)


def compute_loss(model: nn.Module, batch: Sequence[Tensor]) -> Any:
    """Return the loss of a batch."""
    tokens, target = batch
    logits = model(tokens)
    return F.cross_entropy(logits.flatten(0, 1), target.flatten())


@torch.inference_mode()
def evaluate(model: nn.Module, loader: Any, device: torch.device) -> dict[str, float]:
    """Return the mean loss."""
    model.eval()
    sums = torch.zeros(2, device=device)
    for batch in loader:
        batch = [t.to(device) for t in batch]
        with torch.autocast(device.type, torch.float16):
            loss = compute_loss(model, batch)
        sums[0] += loss.float() * len(batch[0])
        sums[1] += len(batch[0])
    if dist.is_initialized():
        dist.all_reduce(sums)
    return {"val_loss": (sums[0] / sums[1]).item()}


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
    steps = cfg.epochs * math.ceil(len(loader) / cfg.accumulate)
    layers = {
        p
        for m in model.modules()
        if isinstance(m, nn.Embedding | nn.LayerNorm)
        for p in m.parameters()
    }
    adamw_params, group, rest = [], [], []
    for name, p in model.named_parameters():
        if p in layers or name.startswith("head.") or name.endswith(".bias"):
            adamw_params.append(p)
        elif name.startswith("block.1."):
            group.append(p)
        else:
            rest.append(p)
    groups: list[dict[str, Any]] = [
        {"params": rest},
        {"params": group, "lr": 0.5 * cfg.lr},
    ]
    muon = torch.optim.Muon(groups, lr=cfg.lr)
    muon_scheduler = LambdaLR(muon, lambda step: 0.5 ** (step / steps))
    adamw = torch.optim.AdamW(adamw_params, lr=cfg.adamw_lr)
    adamw_scheduler = LambdaLR(adamw, lambda step: 0.5 ** (step / steps))
    scaler = torch.amp.GradScaler(device.type)
    out, rows = Path(cfg.out), []
    parts: dict[str, Any] = {
        "model": model,
        "muon": muon,
        "muon_scheduler LambdaLR": muon_scheduler,
        "scaler GradScaler": scaler,
        "adamw": adamw,
        "adamw_scheduler LambdaLR": adamw_scheduler,
    }
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
    net: Any = DistributedDataParallel(model) if world > 1 else model
    for epoch in range(len(rows), cfg.epochs):
        torch.manual_seed(cfg.seed + epoch * world + rank)  # dropout, noise, workers
        sampler.set_epoch(epoch)
        model.train()
        losses = []
        bar = tqdm(loader, f"epoch {epoch}", leave=False, disable=rank > 0 or None)
        for step, batch in enumerate(bar):
            batch = [t.to(device) for t in batch]
            window = min(cfg.accumulate, len(loader) - (step - step % cfg.accumulate))
            done = (step + 1) % cfg.accumulate == 0 or step + 1 == len(loader)
            if world > 1:
                net.require_backward_grad_sync = done  # average once a window
            with torch.autocast(device.type, torch.float16):
                loss = compute_loss(net, batch)
            scaler.scale(loss / window).backward()
            if done:
                scaler.unscale_(muon)
                scaler.unscale_(adamw)
                grad_norm = nn.utils.clip_grad_norm_(
                    model.parameters(), cfg.clip_norm or math.inf
                )
                if grad_norm.isfinite():  # all step, or none does
                    scaler.step(muon)
                    scaler.step(adamw)
                    muon_scheduler.step()
                    adamw_scheduler.step()
                scaler.update()
                muon.zero_grad()
                adamw.zero_grad()
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
            if row is min(rows, key=lambda row: row["val_loss"]):
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
    cfg = tyro.cli(Config, prog="train.py", description="Train Speaker on Topics.")
    try:
        for row in train(cfg):
            print(*(f"{name}={value:.4g}" for name, value in row.items()))
    except KeyboardInterrupt:
        print(f"stopped: --resume goes on from {cfg.out}", file=sys.stderr)
        raise SystemExit(130) from None
    except OSError as error:
        raise SystemExit(str(error)) from None
