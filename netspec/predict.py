"""Turn samples into the outputs of a trained net, as a table."""

import csv
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from netspec import syntax
from netspec.graph import Net, Port
from netspec.instantiate import require_device
from netspec.names import listing
from netspec.randomness import kept_random_state
from netspec.run_error import RunError
from netspec.samples import Batch, Form, read_samples
from netspec.script import Script
from netspec.training import TrainedNet, Training
from netspec.visit import title_of

_CLASSIFYING = ("cross_entropy", "CrossEntropyLoss")


class Predictor(NamedTuple):
    """A trained net, ready to work on samples.

    `inputs`: what a sample is, with the types that the fields have before the `transform` of the
    training, which takes those of them that are fields, by their `places`. `scored`: the output
    that the loss takes for logits of classes, "" where there is none; `classes`: their names, where
    the data has some. `form`: that of tables.
    """

    model: nn.Module
    net: Net
    device: torch.device
    inputs: tuple[Port, ...]
    transform: Callable[[list[Tensor]], Any] | None
    places: tuple[int, ...]
    scored: str
    classes: tuple[str, ...]
    form: Form


def open_predictor(script: Script, path: Path, part: str | None = None) -> Predictor:
    """A net of a training with the weights at `path`, in eval mode on the spec's device.

    `part`: which net, where the training has several.

    Raises:
        RunError: where the weights are not those of the nets, where the training has several nets
            and `part` names none of them, and where torch does not have the device.
    """
    item = _choose(script.training, part)
    for port in item.net.outputs:
        if port.type.shape[:1] != item.net.inputs[0].type.shape[:1]:
            raise RunError(
                f"the output `{port.name}` of `{item.net.name}` is {port.type}: "
                "nothing of it belongs to one sample",
                "give the net outputs with the batch as first dimension",
            )
    device = require_device(item.net.device)
    with kept_random_state():
        nets = script.make_nets(device)
    others = script.training.kept.keys() - {item.name}
    script.load({name: net for name, net in nets.items() if name not in others}, path)
    given = script.training.dataset.given
    names = [port.name for port in item.net.inputs]
    fields = script.training.fields
    return Predictor(
        nets[item.name].eval(),
        item.net,
        device,
        _inputs(script.training, item.net),
        script.transform(names),
        tuple(names.index(name) for name in fields if name in names),
        _scored(script.training, item.net),
        _names(given.get("classes")),
        Form(
            _names(given.get("features")),
            _names(given.get("target")),
            str(given.get("delimiter", ",")),
        ),
    )


def _names(value: object) -> tuple[str, ...]:
    """The names of an argument that takes one or several, and maybe a number in their place."""
    if isinstance(value, str):
        return (value,)
    return tuple(map(str, value)) if isinstance(value, list | tuple) else ()


def _inputs(training: Training, net: Net) -> tuple[Port, ...]:
    """The inputs of a net, as they are before the transforms of the fields of their names."""
    first = {call.field: call.kind for call in reversed(training.transforms)}
    return tuple(port._replace(type=first.get(port.name, port.type)) for port in net.inputs)


def predict(predictor: Predictor, source: Path, target: Path, batch_size: int = 64) -> int:
    """Write a table to `target` with a line for each sample at `source`; return how many.

    The first column is `sample`: its number from 0, or the name of its file. Then come `class` and
    `probability`, of the most likely class, if the loss of the net is a cross entropy of one of its
    outputs; then the outputs, each number in a column of its own. `target` is written as a whole,
    at the end. What the transforms of the training do in validation is done to samples, too.

    Raises:
        RunError: where samples cannot be read or do not fit the net, where an output is not finite,
            and where `target` cannot be written.
    """
    if target.is_dir():
        raise RunError(f"cannot write {target}: it is a folder", "name a file in it with -o")
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    count = 0
    try:
        with draft.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            for batch in read_samples(source, predictor.inputs, batch_size, predictor.form):
                outputs = _run(predictor, batch)
                if not count:
                    writer.writerow(_header(predictor, outputs))
                writer.writerows(_rows(predictor, batch.names, outputs))
                count += len(batch.names)
        draft.replace(target)
    except OSError as error:
        reason = str(error.strerror).lower()
        raise RunError(f"cannot write {target}: {reason}", "choose another with -o") from None
    finally:
        draft.unlink(missing_ok=True)
    return count


def _choose(training: Training, part: str | None) -> TrainedNet:
    nets = {item.name: item for item in training.nets}
    titles = [item.net.name for item in training.nets]
    nets |= {i.net.name: i for i in training.nets if titles.count(i.net.name) == 1} | nets
    if part is None and len(training.nets) == 1:
        return training.nets[0]
    if part is not None and part in nets:
        return nets[part]
    names = [item.name for item in training.nets] if len(titles) > 1 else titles
    first = names[0]
    if part is None:
        message = f"the training `{training.name}` has several nets: {', '.join(names)}"
        raise RunError(message, f"say which one predicts: --part {first}")
    raise RunError(
        f"the training `{training.name}` has no net `{part}`", f"it has {listing(names)}"
    )


def _scored(training: Training, net: Net) -> str:
    """The output that a cross entropy is of, `[N, classes]`."""
    outputs = [port.name for port in net.outputs if port.type.rank == 2]
    if len(training.nets) > 1:
        return ""
    for step in training.steps:
        for call in _calls(step.graph.syntax.body):
            operand = call.arguments[0].value if call.arguments else None
            classifying = title_of(_callee(call)) in _CLASSIFYING
            if classifying and isinstance(operand, syntax.Name) and operand.id in outputs:
                return operand.id
    return ""


def _callee(call: syntax.Call) -> Any:
    """What is called: `cross_entropy(…)`, or `CrossEntropyLoss()(…)`."""
    return call.function if isinstance(call.function, syntax.Call) else call


def _calls(node: Any) -> Iterator[syntax.Call]:
    if isinstance(node, syntax.Call):
        yield node
    if isinstance(node, tuple):
        for part in node:
            yield from _calls(part)


def _run(predictor: Predictor, batch: Batch) -> list[Tensor]:
    """The outputs for a batch, on the CPU."""
    span = f"{batch.names[0]} to {batch.names[-1]}"
    inputs = [tensor.to(predictor.device) for tensor in batch.inputs]
    try:
        with torch.inference_mode():
            if predictor.transform is not None:
                fields = predictor.transform([inputs[place] for place in predictor.places])
                for place, field in zip(predictor.places, fields, strict=True):
                    inputs[place] = field
            given = predictor.model(*inputs)
    except (RuntimeError, IndexError) as error:  # sizes and indices that only data decides
        reason = str(error).partition("\n")[0]
        raise RunError(f"the net fails on the samples {span}: {reason:.200}") from None
    outputs = [one.cpu() for one in (given if isinstance(given, tuple) else (given,))]
    for port, output in zip(predictor.net.outputs, outputs, strict=True):
        finite = output.isfinite().reshape(len(output), -1).all(1)
        if not finite.all():
            sample = batch.names[int(finite.int().argmin())]
            raise RunError(
                f"the output `{port.name}` of sample {sample} is not finite",
                "look at the sample, and at the figures of the training",
            )
    return outputs


def _header(predictor: Predictor, outputs: Sequence[Tensor]) -> list[str]:
    names = ["sample", *(["class", "probability"] if predictor.scored else [])]
    for port, output in zip(predictor.net.outputs, outputs, strict=True):
        shape = tuple(output.shape[1:])
        if shape in ((), (1,)):
            names.append(port.name)
        else:
            places = itertools.product(*(range(size) for size in shape))
            names += [f"{port.name}_{'_'.join(map(str, place))}" for place in places]
    return names


def _rows(
    predictor: Predictor, names: Sequence[str], outputs: Sequence[Tensor]
) -> Iterator[list[object]]:
    flat = [output.reshape(len(names), -1) for output in outputs]
    table = [[value for one in flat for value in one[row].tolist()] for row in range(len(names))]
    scores = dict(zip((port.name for port in predictor.net.outputs), outputs, strict=True))
    if not predictor.scored:
        yield from ([name, *row] for name, row in zip(names, table, strict=True))
        return
    best = scores[predictor.scored].float().softmax(1).max(1)
    for name, row, chance, number in zip(
        names, table, best.values.tolist(), best.indices.tolist(), strict=True
    ):
        title = predictor.classes[number] if number < len(predictor.classes) else number
        yield [name, title, chance, *row]
