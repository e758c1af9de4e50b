"""What each setting of a train section does: for `netspec explain`, and for docs/language.md."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from netspec.catalogue.signature import write_value
from netspec.settings import KINDS, Settings
from netspec.table import align

_NONE = "none"


class SettingText(NamedTuple):
    """A setting: what it is when it is left out, what it says, what it may be, and one to write."""

    name: str
    default: str
    does: str
    wanted: str
    example: str


# Those that are expressions: default, what they say, what they may be, an example.
_EXPRESSIONS: Mapping[str, tuple[str, str, str, str]] = {
    "data": ("required", "a data source: `MNIST5k()`", "a data source", "MNIST5k()"),
    "loss": (
        "required",
        "one number: an expression over the net's outputs and the data's fields",
        "a tensor of no dimensions",
        "cross_entropy(logits, label)",
    ),
    "optimizer": (
        "required",
        "a class of `torch.optim`, without the parameters to optimise",
        "an optimiser",
        "AdamW(lr=1e-3, weight_decay=0.01)",
    ),
    "scheduler": (
        _NONE,
        "how the learning rate goes: a class of `torch.optim.lr_scheduler`, or `SWALR`",
        "a scheduler",
        "CosineAnnealingLR(T_max=steps)",
    ),
    "validation_data": (
        "a part of `data`",
        "another data source with the same fields, in place of `validation`",
        "a data source",
        'CSV("validation.csv", target="price")',
    ),
    "transforms": (
        _NONE,
        "what is done to batches before the net sees them",
        "a chain from a field, or several in brackets",
        "image -> Normalize(0.5, 0.5)",
    ),
    "fields": (
        "the data's own",
        "new names for the fields of the data, in its order: `(x, y)`",
        "names in brackets",
        "(image, digit)",
    ),
    "metrics": (
        _NONE,
        "what the script reports beside the loss, in brackets",
        "metrics of an output and its target",
        "[accuracy(logits, label)]",
    ),
    "samples": (
        _NONE,
        "pictures that the script draws after each epoch: `G(randn(64, nz, 1, 1))`",
        "a tensor of floating point, [n, 1 or 3, H, W]",
        "G(randn(64, nz, 1, 1))",
    ),
}

# Those that are numbers, choices and switches: what they may be is in `KINDS`.
_VALUES: Mapping[str, str] = {
    "warmup": "the steps of the optimiser in which the rate rises to its value; the schedule "
    "begins behind them: `T_max=steps - warmup`",
    "validation": "the share of the data that is held out; 0 where there are several steps",
    "batch_size": "samples in a batch, in each process",
    "epochs": "passes over the data",
    "steps": "how many steps the optimiser takes, in place of `epochs`",
    "shuffle": "whether an epoch has an order of its own",
    "workers": "processes that read data",
    "seed": "decides weights, batches and noise",
    "accumulate": "batches for one step of the optimiser; not with several steps",
    "clip_norm": "the largest norm of all gradients together",
    "clip_value": "the largest gradient of a number",
    "decay": '`"matrices"`: no weight decay on biases, scales and other vectors; not with `LBFGS` '
    "or `Rprop`, which have none",
    "ema": "the decay of an average of the weights, with which figures are worked out: `0.999`",
    "swa": "the epoch from which on weights are averaged evenly, of `epochs`; they become `swa.pt`",
    "early_stopping": "the training ends after so many epochs without a better figure",
    "best": 'the figure that `best.pt` is chosen by: `"val_loss"`, or a metric',
    "precision": '`"bfloat16"`, or `"float16"` with a gradient scaler',
    "compile": "whether `torch.compile` compiles the nets",
    "channels_last": "whether images have that order in memory",
    "deterministic": "whether torch refuses operations that are not deterministic",
    "save_every": "also keep a checkpoint every so many epochs",
    "keep": "how many of the checkpoints of `save_every` are kept",
    "export": 'the best weights as `best.pt`; `"safetensors"`: as `best.safetensors`, too',
    "log": 'the table `metrics.csv`; `"tensorboard"` or `"wandb"`: there, too, with '
    "`netspec[tensorboard]` or `netspec[wandb]` installed",
    "shard": "under `torchrun` each process has a [share of the net](#the-script)",
}

# The order in which the docs tell of them.
_FIRST = ("data", "loss", "optimizer", "scheduler", "warmup")
NAMES = tuple(dict.fromkeys((*_FIRST, *_EXPRESSIONS, *_VALUES)))
_HEAD = "| setting | default | what it says |"


def setting_text(name: str) -> SettingText | None:
    """What a setting does; None for a name that is none."""
    if name in _EXPRESSIONS:
        default, does, wanted, example = _EXPRESSIONS[name]
        return SettingText(name, default, does, wanted, f"{name} = {example}")
    if name not in _VALUES:
        return None
    kind, value = KINDS[name], getattr(Settings(), name)
    unset = value == "" or not kind.fits(value)
    default = _NONE if unset else f"`{write_value(value)}`"
    example = f"{name} = {write_value(kind.example)}"
    return SettingText(name, default, _VALUES[name], kind.wanted, example)


def write_setting(text: SettingText) -> str:
    """What `netspec explain` says of a setting."""
    does = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", text.does)  # links are for the docs
    rows = [("default", "takes"), (text.default.replace("`", ""), text.wanted)]
    head = f"{text.example}\nsetting of a train section"
    return "\n\n".join((head, f"{does[0].upper()}{does[1:]}.", "\n".join(align(rows))))


def with_settings(page: str) -> str:
    """A page of the docs, its table of settings as it should be."""
    before, _, rest = page.partition(_HEAD)
    texts = [text for text in map(setting_text, NAMES) if text is not None]
    lines = [f"| `{x.name}` | {x.default} | {x.does} |" for x in texts]
    table = "\n".join([_HEAD, "| --- | --- | --- |", *lines])
    after = rest.partition("\n\n")[2]
    return f"{before}{table}\n\n{after}"
