"""Try a training for one batch, from its data to its optimisers, and leave nothing behind."""

import functools
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from netspec.checkpoint import read_last
from netspec.instantiate import require_device
from netspec.randomness import kept_random_state
from netspec.script import Row, Script, said_by_script
from netspec.table import align
from netspec.tensor import write_shape


class Memory(NamedTuple):
    """Bytes that a step takes, as they were counted; what torch needs for its work is not in them.

    `activations`: what the forward pass keeps for the backward pass.
    """

    weights: int
    gradients: int
    optimizers: int
    activations: int

    def __str__(self) -> str:
        parts = [f"{name} {_bytes(size)}" for name, size in zip(self._fields, self, strict=True)]
        return f"at least {_bytes(sum(self))}: {', '.join(parts)}"


class Rehearsal(NamedTuple):
    """What one batch has shown. `fields`: the tensors of the batch; `seconds`: for the batch."""

    nets: tuple[str, ...]
    device: str
    samples: int
    validation: int
    fields: tuple[str, ...]
    steps_per_epoch: int
    steps: int
    memory: Memory
    row: Row
    seconds: float

    def __str__(self) -> str:
        figures = " ".join(f"{k}={v:.4g}" for k, v in self.row.items() if k != "epoch")
        kept = f", {self.validation:,} to validate" if self.validation else ""
        rows = [
            *(("net", text) for text in self.nets),
            ("device", self.device),
            ("data", f"{self.samples:,} samples to train on{kept}"),
            ("batch", ", ".join(self.fields)),
            ("steps", f"{self.steps_per_epoch:,} an epoch, {self.steps:,} in all"),
            ("memory", str(self.memory)),
            ("one batch", f"{figures} in {self.seconds:.2g} s"),
        ]
        return "\n".join([*align(rows), "nothing has been saved"])


def rehearse(script: Script, config: Any) -> Rehearsal:
    """Load the data, and train and validate on one batch with the script's own `train`.

    Raises:
        RunError: where the script would end itself.
    """
    device = require_device(script.training.nets[0].net.device)
    module: Any = script.module
    with kept_random_state(), tempfile.TemporaryDirectory(prefix="netspec-") as folder:
        with said_by_script():
            module.load_data = functools.cache(module.load_data)
            _, loader, *others = module.make_loaders(config, 0, 1)
            batch = next(iter(loader))
        found = _Counter(script, others)
        accumulate = getattr(config, "accumulate", 1)
        short = {"out": folder, "resume": False, "max_batches": accumulate}
        start = perf_counter()
        rows = module.train(replace(config, **short))
        with said_by_script(), saved_tensors_hooks(found.keep, lambda tensor: tensor):
            row = next(rows)
        seconds = perf_counter() - start
        rows.close()
        state = read_last(script.training, Path(folder))
    steps_per_epoch = -(-len(loader) // accumulate)
    return Rehearsal(
        nets=tuple(found.told()),
        device=str(device),
        samples=len(loader.dataset),
        validation=len(others[0].dataset) if others else 0,
        fields=tuple(
            f"{name} {str(one.dtype).removeprefix('torch.')}{write_shape(tuple(one.shape))}"
            for name, one in zip(script.training.fields, batch, strict=True)
        ),
        steps_per_epoch=steps_per_epoch,
        steps=getattr(config, "steps", 0) or steps_per_epoch * config.epochs,
        memory=found.memory(state),
        row=row,
        seconds=seconds,
    )


class _OneBatch:
    """Stands for the loader of `dataset`: it has the first batch only."""

    def __init__(self, dataset: Any, batches: list[Any]) -> None:
        self.dataset = dataset
        self.batches = batches

    def __iter__(self) -> Iterator[Any]:
        return iter(self.batches)


class _Counter:
    """Stands in the script where nets and loaders are made: notes the nets, shortens validation."""

    def __init__(self, script: Script, others: list[Any]) -> None:
        self.script = script
        self.nets: dict[str, nn.Module] = {}
        self.saved: dict[int, int] = {}
        module: Any = script.module
        self._make_loaders: Callable[..., tuple[Any, ...]] = module.make_loaders
        self._make_nets: Callable[..., Any] = module.make_nets
        self._short = [_OneBatch(other.dataset, [next(iter(other))]) for other in others]
        module.make_loaders = self._loaders
        module.make_nets = self._made

    def _loaders(self, *arguments: Any) -> tuple[Any, ...]:
        """The loaders as they are, but for validation one with a single batch."""
        sampler, loader, *_ = self._make_loaders(*arguments)
        return sampler, loader, *self._short

    def _made(self, device: torch.device) -> Any:
        made = self._make_nets(device)
        self.nets = dict(
            zip(self.script.nets, made if isinstance(made, tuple) else (made,), strict=True)
        )
        return made

    def keep(self, tensor: Tensor) -> Tensor:
        """Count a tensor that is saved for the backward pass, once for each storage."""
        storage = tensor.untyped_storage()
        self.saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    def told(self) -> list[str]:
        """The nets with their parameters."""
        titles = {item.name: item.net.name for item in self.script.training.nets}
        return [_told(titles.get(name, type(net).__name__), net) for name, net in self.nets.items()]

    def memory(self, state: dict[str, Any]) -> Memory:
        """What there is to keep in memory at a step."""
        parameters = [p for net in self.nets.values() for p in net.parameters()]
        own = {p.untyped_storage().data_ptr() for p in parameters}
        own |= {b.untyped_storage().data_ptr() for net in self.nets.values() for b in net.buffers()}
        others = [value for name, value in state.items() if name not in self.nets]
        return Memory(
            weights=_size([net.state_dict() for net in self.nets.values()]),
            gradients=sum(p.nbytes for p in parameters if p.requires_grad),
            optimizers=_size(others),
            activations=sum(size for pointer, size in self.saved.items() if pointer not in own),
        )


def _told(title: str, net: nn.Module) -> str:
    total = sum(p.numel() for p in net.parameters())
    moved = sum(p.numel() for p in net.parameters() if p.requires_grad)
    frozen = "" if moved == total else f", {moved:,} of them trained"
    return f"{title}: {total:,} parameters{frozen}"


def _size(value: object) -> int:
    """The bytes of all tensors in a nest of containers."""
    match value:
        case Tensor():
            return value.nbytes
        case dict():
            return sum(map(_size, value.values()))
        case list() | tuple():
            return sum(map(_size, value))
    return 0


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"
