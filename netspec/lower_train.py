"""Turn a checked training into the text of `train.py`, by way of a Jinja template."""

from collections.abc import Sequence
from typing import Any

from netspec import syntax as s
from netspec.layout import WIDTH, bracketed, docstring, escaped, opening, wrapped
from netspec.lower_call import call_arguments, write_arguments
from netspec.render import fill
from netspec.training import Training
from netspec.write import write_expression, write_literal

# Names that an epoch uses itself, so that no output or field is called so.
_TAKEN = frozenset(
    (
        *("F", "Tensor", "batch", "correct", "count", "device", "loader", "loss"),
        *("model", "nn", "np", "optimizer", "sums", "torch", "tqdm"),
    )
)
# Names that the script has a meaning for, so that a net of that name is imported under another.
_SCRIPT = _TAKEN | frozenset(
    (
        *("Any", "Config", "DataLoader", "Path", "Subset", "TensorDataset", "argparse", "as_file"),
        *("best", "cfg", "dataclass", "epoch", "error", "f", "fields", "files", "flag", "found"),
        *("generator", "is_bool", "key", "kind", "least", "load_data", "main", "math"),
        *(
            "out",
            "parser",
            "part",
            "path",
            "pin",
            "random_split",
            "run_epoch",
            "save",
            "start",
            "state",
        ),
        *("train", "val", "val_loader"),
    )
)

_RUN = (
    "model: nn.Module",
    "loader: DataLoader[tuple[Tensor, ...]]",
    "device: torch.device",
    "optimizer: torch.optim.Optimizer | None = None",
)


def render_train(training: Training) -> str:
    """The source of `train.py`."""
    fields = [_variable(name) for name in training.fields]
    used = _used_fields(training)
    metrics = [_metric(training, call) for call in training.metrics]
    net = f"{training.net}Net" if training.net in _SCRIPT else training.net
    return fill(
        "train.py.jinja",
        imported=f"{training.net} as {net}" if net != training.net else net,
        net_class=net,
        title=_title(training),
        parser=_parser_lines(training),
        standard_imports=_standard_imports(training),
        imports=_imports(training),
        dataset=training.dataset,
        data_doc=docstring(training.dataset.doc, 1),
        options=_options(training),
        device=_device_lines(training.device),
        may_lack_device=training.device not in ("auto", "cpu"),
        tried=_tried_devices(training),
        map_location=write_literal("cpu") if training.devices else "device",
        fields=", ".join(f if f in used else "_" for f in fields) + _comma(fields),
        call=_call(training),
        outputs=", ".join(_variable(name) for name in training.outputs),
        first=_variable(training.feeds[0]),
        loss=_loss_lines(training),
        metrics=metrics,
        run_signature=bracketed("def run_epoch(", _RUN, ") -> list[float]:", 0),
        parts=_parts(_variable(training.feeds[0]), [item["variable"] for item in metrics]),
        optimizer=_optimizer_lines(training),
        validation=write_literal(training.validation),
        **_figures(training),
        training_share=_training_share(training.validation),
    )


def _figures(training: Training) -> dict[str, object]:
    """What the script averages, prints and picks the best checkpoint by."""
    names = [call.metric.name for call in training.metrics]
    results, val_results = ["loss", *names], ["val_loss", *(f"val_{name}" for name in names)]
    shown = " ".join(["{epoch=}", *(f"{{{name}=:.3f}}" for name in [*results, *val_results])])
    return {
        "means": " and ".join(results),
        "results": ", ".join(results) if names else "(loss,)",
        "val_results": ", ".join(val_results) if names else "(val_loss,)",
        "report": bracketed("print(", [f'f"{shown}"'], ")", 2),
        "best": names[0] if names else "loss",
        "worst": "-1.0" if names else "math.inf",
        "figure": val_results[1] if names else "val_loss",
        "improved": f"{val_results[1]} > best" if names else "val_loss < best",
    }


def _device_lines(device: str) -> list[str]:
    if device != "auto":
        return [f"device = torch.device({write_literal(device)})"]
    return [
        "found = torch.accelerator.is_available() and torch.accelerator.current_accelerator()",
        'device = found or torch.device("cpu")',
    ]


def _tried_devices(training: Training) -> str:
    """What the script tries before it begins, where parts of the net have devices of their own."""
    if not training.devices:
        return ""
    named = dict.fromkeys(write_literal(name) for name in training.devices)
    items = ["device", *named]
    return f"({', '.join(items)})"


def _call(training: Training) -> str:
    """The call of the net; its outputs come to the labels where they are on another device."""
    call = f"model({', '.join(_variable(name) for name in training.feeds)})"
    if not training.returns_elsewhere:
        return call
    if len(training.outputs) == 1:
        return f"{call}.to(device)"
    return f"(t.to(device) for t in {call})"


def _title(training: Training) -> list[str]:
    """The first lines of the script's docstring."""
    first, *rest = wrapped(escaped(training.doc.split("\n")[0]) or _purpose(training), WIDTH - 4)
    return [opening(first), *rest]


def _purpose(training: Training) -> str:
    return f"Train {training.net} on {type(training.dataset).__name__}."


def _parser_lines(training: Training) -> list[str]:
    description = f"description={write_literal(_purpose(training))}"
    return bracketed("parser = argparse.ArgumentParser(", [description], ")", 1)


def _training_share(validation: float) -> str:
    """What is left to train on; the two shares must not add up to more than 1."""
    share = round(1 - validation, 10)
    return write_literal(share if share + validation == 1 else 1 - validation)


def _comma(items: Sequence[str]) -> str:
    return "," if len(items) == 1 else ""


def _variable(name: str) -> str:
    return f"{name}_" if name in _TAKEN else name


def _used_fields(training: Training) -> set[str]:
    from netspec.visit import names_in

    names = {name.id for name in names_in(training.loss)} | set(training.feeds)
    names |= {call.target for call in training.metrics}
    return {_variable(name) for name in names & set(training.fields)}


def _standard_imports(training: Training) -> list[str]:
    plain = ["import argparse", "import math"]
    named = [
        "from dataclasses import dataclass, fields",
        "from pathlib import Path",
        "from typing import Any",
    ]
    return plain + sorted([*named, *training.dataset.standard_imports], key=_import_key)


def _imports(training: Training) -> list[str]:
    plain = [*training.dataset.imports, "import torch", "import torch.nn.functional as F"]
    named = [
        "from torch import Tensor, nn",
        "from torch.utils.data import DataLoader, Subset, TensorDataset, random_split",
        "from tqdm import tqdm",
    ]
    return plain + named


def _import_key(line: str) -> str:
    return line.split()[1]


def _options(training: Training) -> list[str]:
    """The fields of the script's settings."""
    rate = training.optimizer.given.get("lr", training.optimizer.fields()["lr"].default)
    return [
        f"epochs: int = {training.epochs}",
        f"batch_size: int = {training.batch_size}",
        f"lr: float = {write_literal(float(rate))}",
        f"seed: int = {training.seed}",
    ]


def _optimizer_lines(training: Training) -> list[str]:
    texts = call_arguments(
        training.optimizer,
        write_arguments(training.optimizer_arguments, training.write_constant),
        training.write_constant,
    )
    names = [text.partition("=")[0] for text in texts]
    written = training.optimizer_arguments
    by_position = bool(written) and written[0].name is None
    if "lr" in names:
        texts = [t for t in texts if not t.startswith("lr=")]
    elif by_position and texts:
        texts = texts[1:]
    head = f"optimizer = {training.optimizer.torch}("
    more = len(written) > 1 and written[1].name is None  # by position: so is the rate, then
    rate = "cfg.lr" if more else "lr=cfg.lr"
    return bracketed(head, ["model.parameters()", rate, *texts], ")", 1)


def _metric(training: Training, call: Any) -> dict[str, str]:
    code = call.metric.code.format(output=_variable(call.output), target=_variable(call.target))
    return {"variable": call.metric.variable, "code": code}


def _parts(first: str, metrics: Sequence[str]) -> str:
    """The sums over a batch, as one tensor."""
    loss = f"loss.detach() * len({first})"
    return f"torch.stack([{', '.join([loss, *metrics])}])" if metrics else loss


def _loss_lines(training: Training) -> list[str]:
    text = _loss_text(training, training.loss)[0]
    if len(text) + 24 <= WIDTH:
        return [f"loss: Any = {text}"]
    return ["loss: Any = (", *(f"    {line}" for line in _split_sum(text)), ")"]


def _split_sum(text: str) -> list[str]:
    """A sum, a line for each term, as formatters break it."""
    lines, depth, start = [], 0, 0
    for index, character in enumerate(text):
        depth += (character in "([") - (character in ")]")
        if depth == 0 and text[index : index + 3] in (" + ", " - "):
            lines.append(text[start:index])
            start = index + 1
    return [*lines, text[start:]]


_LEVELS = {"+": 1, "-": 1, "*": 2, "/": 2}


def _loss_text(training: Training, node: s.Expression) -> tuple[str, int]:
    match node:
        case s.Call() if node.span in training.losses:
            return _loss_call(training, node), 9
        case s.Unary(operator, operand):
            text, level = _loss_text(training, operand)
            return f"{operator}{text if level > 2 else f'({text})'}", 3
        case s.Binary(operator, left, right):
            level = _LEVELS[operator]
            a, la = _loss_text(training, left)
            b, lb = _loss_text(training, right)
            a = a if la >= level else f"({a})"
            return f"{a} {operator} {b if lb > level else f'({b})'}", level
    value = write_expression(node, training.write_constant)
    return (value, 9) if isinstance(node, s.Literal) else (f"({value})", 9)


def _loss_call(training: Training, node: s.Call) -> str:
    loss = training.losses[node.span]
    output, target = (argument.value for argument in node.arguments[:2])
    further = write_arguments(node.arguments[2:], training.write_constant)
    texts = call_arguments(loss, further, training.write_constant)
    first, second = _operand(training, output), _operand(training, target)
    if not isinstance(target, s.Name):
        second = f"torch.full_like({first}, {second})"
    name = loss.torch.replace("torch.nn.functional.", "F.")
    return f"{name}({', '.join([first, second, *texts])})"


def _operand(training: Training, node: s.Expression) -> str:
    if isinstance(node, s.Name):
        return _variable(node.id)
    return write_expression(node, training.write_constant)
