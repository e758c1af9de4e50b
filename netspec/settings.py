"""The settings of a training that are numbers, choices and switches, and what each may be."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Settings(NamedTuple):
    """How a training runs; 0 and "" stand for what was not asked for.

    `validation`: the share of the data that is kept for it. `steps`: how many the optimiser takes,
    in place of `epochs`. `warmup`: over how many of them the learning rate rises. `ema`: the decay
    of an average of the weights, `swa`: the epoch after which they are averaged evenly.
    `early_stopping`: after how many epochs without a better figure the training ends; `best` names
    that figure. `save_every`: after how many epochs a checkpoint is kept, `keep`: how many are.
    `shard`: each process has a share of the weights, and of all that is kept of them.
    """

    batch_size: int = 64
    epochs: int = 1
    steps: int = 0
    seed: int = 0
    validation: float = 0.2
    workers: int = 0
    shuffle: bool = True
    accumulate: int = 1
    clip_norm: float = 0.0
    clip_value: float = 0.0
    warmup: int = 0
    decay: str = "all"
    ema: float = 0.0
    swa: int = 0
    early_stopping: int = 0
    best: str = ""
    precision: str = "float32"
    compile: bool = False
    channels_last: bool = False
    deterministic: bool = False
    save_every: int = 0
    keep: int = 0
    export: str = "pt"
    log: str = "csv"
    shard: bool = False


# The settings of a script that are at least 1; no other number is below 0.
POSITIVE = frozenset(("accumulate", "batch_size", "epochs", "keep", "save_every", "steps"))


class Kind(NamedTuple):
    """What a setting may be, and in words; `example`: a value to write in its place."""

    wanted: str
    fits: Callable[[Any], bool]
    example: object


def is_int(value: Any) -> bool:
    """Whether a value is an integer, not True or False."""
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return is_int(value) or isinstance(value, float)


def _integer(least: int, example: int) -> Kind:
    words = {1: "a positive integer", 0: "an integer of at least 0"}[least]
    return Kind(words, lambda value: is_int(value) and value >= least, example)


def _positive(example: float) -> Kind:
    return Kind("a positive number", lambda value: _is_number(value) and value > 0, example)


def _choice(*names: str) -> Kind:
    words = f"{', '.join(map(_quoted, names[:-1]))} or {_quoted(names[-1])}"
    return Kind(words, lambda value: isinstance(value, str) and value in names, names[-1])


def _quoted(name: str) -> str:
    return f'"{name}"'


_FLAG = Kind("True or False", lambda value: isinstance(value, bool), True)

KINDS: Mapping[str, Kind] = {
    "batch_size": _integer(1, 64),
    "epochs": _integer(1, 10),
    "steps": _integer(1, 1000),
    "seed": _integer(0, 0),
    "validation": Kind(
        "0, or a number from 0.001 to 0.999",
        lambda value: _is_number(value) and (value == 0 or 0.001 <= value <= 0.999),
        0.2,
    ),
    "workers": _integer(0, 2),
    "shuffle": _FLAG,
    "accumulate": _integer(1, 4),
    "clip_norm": _positive(1.0),
    "clip_value": _positive(1.0),
    "warmup": _integer(0, 100),
    "decay": _choice("all", "matrices"),
    "ema": Kind(
        "a number between 0 and 1", lambda value: isinstance(value, float) and 0 < value < 1, 0.999
    ),
    "swa": _integer(1, 5),
    "early_stopping": _integer(1, 5),
    "best": Kind("the name of a figure", lambda value: isinstance(value, str), "val_loss"),
    "precision": _choice("float32", "bfloat16", "float16"),
    "compile": _FLAG,
    "channels_last": _FLAG,
    "deterministic": _FLAG,
    "save_every": _integer(1, 5),
    "keep": _integer(1, 3),
    "export": _choice("pt", "safetensors"),
    "log": _choice("csv", "tensorboard", "wandb"),
    "shard": _FLAG,
}
