"""Write how a training script works out its figures on the data that is kept for validation."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from netspec.lower_data import move_batch
from netspec.lower_transforms import call_transform
from netspec.lower_update import Update, autocast_lines
from netspec.names import free_name, variable_problem
from netspec.script_names import SCRIPT
from netspec.tensor import FLOATING, Tensor
from netspec.training import MetricCall, Step, Training


class Evaluation(NamedTuple):
    """The lines of `evaluate`, and the figure that the best state is chosen by.

    `falls`: the smaller it is, the better.
    """

    objects: tuple[str, ...]
    batch: tuple[str, ...]
    results: tuple[str, ...]
    sums: tuple[str, ...]
    doc: str
    best: str
    falls: bool
    imports: tuple[str, ...]

    def context(self) -> dict[str, Any]:
        """What the template needs."""
        return {
            "metric_objects": self.objects,
            "evaluation": self.batch,
            "results": self.results,
            "sums": self.sums,
            "evaluate_doc": self.doc,
        }


def plan_evaluation(training: Training, updates: Sequence[Update]) -> Evaluation:
    """What `evaluate` does."""
    step = training.steps[-1]
    outputs = (port.type for port in step.graph.outputs[1:])
    types = dict(zip(step.figures, outputs, strict=True))
    named = _variables(step, training, updates)
    given = {call.name: _operands(training, call, types, named) for call in training.metrics}
    sums = {
        call.name: call.metric.code(*_types(call, types), given[call.name])
        for call in training.metrics
    }
    means = [call for call in training.metrics if sums[call.name]]
    objects = [call for call in training.metrics if not sums[call.name]]
    names = [f"val_{update.loss}" for update in updates] + [call.name for call in means]
    lines = [move_batch(training), *call_transform(training, "False")]
    computed = [_compute(training, u, named if u.step is step else {}) for u in updates]
    lines += autocast_lines(training, computed)
    count = len(names)
    whole = "" if training.settings.precision == "float32" else ".float()"
    size = "len(batch[0])"
    if len(updates) > 1 or any(sums[call.name].endswith("* count") for call in means):
        lines.append(f"count = {size}")
        size = "count"
    lines += [f"sums[{i}] += {update.loss}{whole} * {size}" for i, update in enumerate(updates)]
    for place, call in enumerate(means, len(updates)):
        lines.append(f"sums[{place}] += {sums[call.name]}")
    lines.append(f"sums[{count}] += {size}")
    made: list[str] = []
    imports: list[str] = []
    for call in objects:
        output, target = _types(call, types)
        made.append(f"{call.name} = {call.metric.made(output, target)}.to(device)")
        imports += call.metric.imports(output, target)
        texts = call.metric.operands(output, target, given[call.name])
        lines.append(f"{call.name}.update({', '.join(texts)})")
    best = _best(training, names)
    kept = [call for call in training.metrics if call.name == best]
    return Evaluation(
        objects=tuple(made),
        batch=tuple(lines),
        results=tuple(_results(names, [call.name for call in objects])),
        sums=tuple(names),
        doc=_doc(names, objects),
        best=best,
        falls=kept[0].metric.falls if kept else True,
        imports=tuple(imports),
    )


def _variables(step: Step, training: Training, updates: Sequence[Update]) -> dict[str, str]:
    """The variables of `evaluate` for the figures: none that it has another use for."""
    taken = {"batch", "count", "device", "loader", "sums", "transform"}
    taken |= {update.loss for update in updates} | {call.name for call in training.metrics}
    taken |= {name for update in updates for name in update.code.modules}

    def is_taken(name: str) -> bool:
        return name in taken or name in SCRIPT or variable_problem(name) is not None

    variables: dict[str, str] = {}
    for name in step.figures:
        variables[name] = free_name(name, is_taken)
        taken.add(variables[name])
    return variables


def _types(call: MetricCall, types: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    output, target = call.operands
    return types[output], types[target]


def _operands(
    training: Training, call: MetricCall, types: Mapping[str, Tensor], named: Mapping[str, str]
) -> list[str]:
    """What a metric is taken of, in float32 where it counts more than which number is larger."""
    if call.metric.orders(*_types(call, types)):
        return [named[name] for name in call.operands]
    texts: list[str] = []
    for name in call.operands:
        dtype, is_field = types[name].dtype, name in training.fields
        is_half = training.settings.precision != "float32" and dtype in FLOATING and not is_field
        is_half = is_half or dtype in ("bfloat16", "float16")
        texts.append(f"{named[name]}.float()" if is_half else named[name])
    return texts


def _compute(training: Training, update: Update, named: Mapping[str, str]) -> str:
    """The line that computes a step's loss, and what metrics are made of."""
    code, step = update.code, update.step
    call = f"{code.name}({', '.join([*code.modules, 'batch'])})"
    if code.returns == "Tensor":
        return f"{update.loss} = {call}"
    used = {name for metric in training.metrics for name in metric.operands}
    figures = (named.get(name, name) if name in used else "_" for name in step.figures)
    names = [update.loss, *figures]
    return f"{', '.join(names)} = {call}"


def _results(names: Sequence[str], objects: Sequence[str]) -> list[str]:
    lines = [f"{', '.join(names)} = (sums[:-1] / sums[-1]).tolist()"]
    shown = [f'"{name}": {name}' for name in names]
    if len(names) == 1:
        lines, shown = [], [f'"{names[0]}": (sums[0] / sums[1]).item()']
    shown += [f'"{name}": {name}.compute().item()' for name in objects]
    return [*lines, f"return {{{', '.join(shown)}}}"]


def _doc(names: Sequence[str], objects: Sequence[MetricCall]) -> str:
    words = [name.removeprefix("val_").replace("_", " ") for name in names]
    words += [call.name.replace("_", " ") for call in objects]
    listed = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
    return f"the mean {listed}"


def _best(training: Training, names: Sequence[str]) -> str:
    if training.settings.best:
        return training.settings.best
    return training.metrics[0].name if training.metrics else names[0]
