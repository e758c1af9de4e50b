"""Write the function of a training script that transforms a batch, and the functions it calls."""

import re
from collections.abc import Sequence
from itertools import groupby

from netspec.catalogue.transform import FUNCTIONS, Transform
from netspec.check_transforms import TransformCall
from netspec.lower_call import Written, call_arguments, write_arguments
from netspec.names import free_name
from netspec.training import Training
from netspec.write import write_literal

# What the function means by these names, so that no variable of it is called so.
_TAKEN = {*FUNCTIONS, "batch", "training", "torch", "F", "v2", "x", "len"}


def write_transform(training: Training) -> list[str]:
    """The function `transform` and what it calls, a line each; nothing without transforms."""
    calls = training.transforms
    if not calls:
        return []
    lines: list[str] = []
    for name in dict.fromkeys(
        n for c in calls if isinstance(c.call, Transform) for n in c.call.needs
    ):
        lines += [*FUNCTIONS[name], "", ""]
    made = _made(training)
    if made:
        lines += [*(f"{name} = {text}" for text, name in made.items()), "", ""]
    mode = ", training: bool" if is_random(calls) else ""
    taken = {*_TAKEN, *made.values()}
    names = {field: free_name(field, lambda name: name in taken) for field in training.fields}
    fields = ", ".join(names.values())
    comma = "," if len(names) == 1 else ""
    doc = "Change a batch to what the net takes"
    doc += "; what is random is for training." if mode else "."
    return [
        *lines,
        f"def transform(batch: Sequence[Tensor]{mode}) -> list[Tensor]:",
        f'    """{doc}"""',
        f"    {fields}{comma} = batch",
        *(f"    {line}" for line in _body(training, names, made)),
        f"    return [{fields}]",
    ]


def is_random(calls: Sequence[TransformCall]) -> bool:
    """Whether training changes batches in another way than validation."""
    return any(isinstance(item.call, Transform) and item.call.random for item in calls)


def call_transform(training: Training, mode: str) -> list[str]:
    """The line that transforms a batch; `mode`: whether it is for training, as Python writes it."""
    if not training.transforms:
        return []
    mode = f", training={mode}" if is_random(training.transforms) else ""
    return [f"batch = transform(batch{mode})"]


def transform_imports(training: Training) -> list[str]:
    """The import lines of all transforms."""
    return [
        line
        for item in training.transforms
        if isinstance(item.call, Transform)
        for line in item.call.imports
    ]


def _made(training: Training) -> dict[str, str]:
    """What changes sample by sample, with the constants for it: `COLOR_JITTER`."""
    nets = {item.net.name for item in training.nets}
    made: dict[str, str] = {}
    for call in (item.call for item in training.transforms):
        if isinstance(call, Transform) and (text := call.made()):
            constant = re.sub("(?<=[a-z])(?=[A-Z])", "_", type(call).__name__).upper()
            taken = {*nets, *(name for other, name in made.items() if other != text)}
            made[text] = free_name(constant, taken.__contains__)
    return made


def _body(training: Training, names: dict[str, str], made: dict[str, str]) -> list[str]:
    """The lines for each transform; those of random ones that stand together under one test."""
    lines: list[str] = []

    def random(item: TransformCall) -> bool:
        return isinstance(item.call, Transform) and item.call.random

    for chosen, run in groupby(training.transforms, random):
        items = list(run)
        own = [line for item in items for line in _write(training, item, names[item.field], made)]
        if not chosen:
            lines += own
            continue
        other = [
            line
            for item in items
            if isinstance(item.call, Transform)
            for line in item.call.resting(names[item.field], item.kind)
        ]
        lines += ["if training:", *(f"    {line}" for line in own)]
        lines += ["else:", *(f"    {line}" for line in other)] if other else []
    return lines


def _write(
    training: Training, item: TransformCall, name: str, made: dict[str, str]
) -> tuple[str, ...]:
    call = item.call
    if isinstance(call, Transform):
        if text := call.made():
            return (f"{name} = torch.stack([{made[text]}(x) for x in {name}])",)
        return call.code(name, item.kind)

    def constant(text: str) -> str:
        known = training.constants
        return write_literal(known[text]) if text in known else f"torch.{text}"

    arguments = [Written(None, name), *write_arguments(item.arguments, constant)]
    first, *rest = call_arguments(call, arguments, constant)
    home, _, function = call.torch.rpartition(".")
    if home == "torch.Tensor":
        return (f"{name} = {first}.{function}({', '.join(rest)})",)
    home = "F" if home == "torch.nn.functional" else home
    return (f"{name} = {home}.{function}({', '.join([first, *rest])})",)
