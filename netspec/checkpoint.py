"""Load what a training script has saved into its nets, or say what does not fit."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from warnings import catch_warnings
from zipfile import is_zipfile

import torch
from torch import Tensor, nn

from netspec.run_error import RunError
from netspec.tensor import write_shape
from netspec.training import Training

_MOST = 4  # differences that are told of one kind


def checkpoint_path(training: Training, out: str | Path, weights: str | Path | None) -> Path:
    """The file that is meant: `best.pt` or `last.pt` of the folder `out`, or a path to another.

    Where none is named it is `best.pt`, or `last.pt` if no data is kept for validation.

    Raises:
        RunError: where it is not there.
    """
    name = weights or ("best.pt" if training.validates else "last.pt")
    path = Path(out) / name if str(name) in ("best.pt", "last.pt") else Path(name)
    if not path.is_file():
        raise RunError(
            f"there is no checkpoint {path}",
            "train first, or name the folder with --out and the file with --weights",
        )
    return path


def load_checkpoint(nets: Mapping[str, nn.Module], path: Path) -> None:
    """Load the weights in a file into all nets of a training.

    It holds the `state_dict` of the only net, or a dictionary with that of each by name, which
    `last.pt` is. An average of the weights counts for more than what it is of, as in validation.

    Raises:
        RunError: where torch cannot read it, or it is of another net; says what differs.
    """
    state = _read(path)
    if len(nets) == 1 and all(isinstance(value, Tensor) for value in state.values()):
        state = dict.fromkeys(nets, state)
    _require_names(nets, state, path)
    for name, net in nets.items():
        _load(net, _averaged(state, name, nets), f"{path}" if len(nets) == 1 else f"{path}: {name}")


def load_kept(net: nn.Module, path: Path) -> None:
    """Load the weights that a frozen net begins with, and keeps, from the file that has them.

    Raises:
        RunError: where torch cannot read it, or it is of another net; says what differs.
    """
    if path.suffix != ".safetensors":
        _load(net, _read(path), f"{path}")
    elif path.is_file():
        _load(net, dict(_tensors(path)), f"{path}")
    else:
        raise RunError(f"there is no file {path}", "a frozen net has its weights from it")


def read_rows(training: Training, out: Path) -> list[dict[str, float]]:
    """The figures of all epochs so far; none where nothing has been saved in the folder `out`."""
    path = _state_path(training, out)
    rows: list[dict[str, float]] = _read(path).get("rows", []) if path.is_file() else []
    return rows


def read_last(training: Training, out: Path) -> dict[str, Any]:
    """What a run of one process has saved last: the tensors of its nets, and those beside them."""
    path = _state_path(training, out)
    state = _read(path)
    if training.settings.shard:
        tensors = [item for file in path.parent.glob("*.safetensors") for item in _tensors(file)]
        state["optimizers"] = {name: tensor for name, tensor in tensors if " of " in name}
        own = {name: tensor for name, tensor in tensors if " of " not in name}
        state[training.nets[0].name] = own
    return state


def _state_path(training: Training, out: Path) -> Path:
    """The file that says how far a run is; where the net is spread, in its newest folder."""
    if not training.settings.shard:
        return out / "last.pt"
    return max(out.glob(f"epoch{'[0-9]' * 8}/state.pt"), default=out / "state.pt")


def _tensors(path: Path) -> Iterable[tuple[str, Tensor]]:
    from safetensors.torch import load_file

    return load_file(path).items()


def _read(path: Path) -> dict[str, Any]:
    try:
        with catch_warnings(action="ignore"):
            state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}", "name a checkpoint") from None
    except Exception as error:  # there is no telling what a file holds
        raise _unreadable(path, error) from None
    if not isinstance(state, dict) or not state:
        raise RunError(f"{path} holds no weights, but a {type(state).__name__}")
    return state


def _unreadable(path: Path, error: Exception) -> RunError:
    """What torch's refusal means: its own words advise to run what code a file holds."""
    if isinstance(error, UnpicklingError) and is_zipfile(path):
        return RunError(
            f"cannot read {path}: it holds Python objects beside weights, and to load them is to "
            "run code of its author's",
            "write the weights alone: `torch.save(model.state_dict(), path)`",
        )
    return RunError(
        f"cannot read {path}: it is damaged, or no `state_dict` that `torch.save` has written",
        "name a checkpoint",
    )


def _averaged(state: Mapping[str, Any], name: str, nets: Mapping[str, nn.Module]) -> dict[str, Any]:
    """The weights of a net; those of the first one from their average, where there is one."""
    if "ema" in state and "ema" not in nets and name == next(iter(nets)):
        prefix = "module."
        average = state["ema"].items()
        return {k.removeprefix(prefix): v for k, v in average if k.startswith(prefix)}
    own: dict[str, Any] = state[name]
    return own


def _require_names(nets: Mapping[str, nn.Module], state: Mapping[str, Any], path: Path) -> None:
    missing = [name for name in nets if not isinstance(state.get(name), dict)]
    if missing:
        raise RunError(
            f"{path} is of another training: it has no weights for {_listed(missing)}, "
            f"but {_listed(list(map(str, state)))}",
            "name a checkpoint of this training with --weights",
        )


def _load(net: nn.Module, weights: Mapping[str, Any], place: str) -> None:
    own = net.state_dict()
    both = [name for name in own if name in weights]
    differing = [name for name in both if own[name].shape != weights[name].shape]
    missing = [name for name in own if name not in weights]
    surplus = [str(name) for name in weights if name not in own]
    told = [
        f"`{name}` is {write_shape(tuple(weights[name].shape))} there and "
        f"{write_shape(tuple(own[name].shape))} here"
        for name in differing[:_MOST]
    ]
    told += [f"{len(differing) - _MOST} more differ in shape"] if len(differing) > _MOST else []
    told += [f"it lacks {_listed(missing)}"] if missing else []
    told += [f"it also has {_listed(surplus)}"] if surplus else []
    if told:
        raise RunError(
            f"{place} is of another net: {'; '.join(told)}",
            "name a checkpoint of this net, or give the parameters that it had: --set NAME=VALUE",
        )
    net.load_state_dict(dict(weights))


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:_MOST])
    return f"{shown} and {len(names) - _MOST} more" if len(names) > _MOST else shown
