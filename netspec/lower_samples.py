"""Write how a training script draws pictures at the end of an epoch, and what it saves of them."""

import re
from typing import Any

from netspec.compare import at_least
from netspec.layout import bracketed
from netspec.lower_data import move_batch
from netspec.lower_step import StepCode
from netspec.lower_transforms import call_transform
from netspec.lower_update import autocast_lines
from netspec.script_plan import ScriptPlan
from netspec.training import Training

# What a script imports to draw pictures and to write them.
IMPORTS = ("from PIL import Image",)


def samples_context(training: Training, code: StepCode | None) -> dict[str, Any]:
    """What the template needs; `samples` is None where the section wants no pictures.

    `signature`: that of a function which works them out of a batch, "" where they are made of noise
    alone. `empty`: whether a batch may be too small for a single one.
    """
    if code is None:
        return {"samples": None}
    nets = [f"{name}: nn.Module" for name in code.modules]
    given = [*nets, f"{code.batch}: Sequence[Tensor]"]
    noise = noise_lines(training, code)
    drawn_of = [*nets, *([] if noise else ["batch: Sequence[Tensor]"]), "device: torch.device"]
    call = f"pictures: Tensor = {code.name}({', '.join([*code.modules, 'batch'])})"
    return {
        "samples": {
            "signature": "" if noise else bracketed(f"def {code.name}(", given, ") -> Any:", 0),
            "lines": code.lines,
            "draw_signature": bracketed("def draw_samples(", drawn_of, ") -> Tensor:", 0),
            "nets": code.modules,
            "batch": [] if noise else [move_batch(training), *call_transform(training, "False")],
            "empty": not noise and _may_be_none(training),
            "made": autocast_lines(training, noise or [call]),
        }
    }


def noise_lines(training: Training, code: StepCode) -> list[str]:
    """The lines that draw pictures where they are made of noise alone; none where a batch is read.

    The function of a step unpacks a batch in its first line; the device is all it takes of it.
    """
    unpacked, *lines, last = code.lines
    names = re.findall(r"\w+", unpacked.partition(" = ")[0])
    text = "\n".join([*lines, last.replace("return ", "pictures: Tensor = ", 1)])
    for name in names:
        text = re.sub(rf"(?<![\w.]){name}\.device\b", "device", text)
    is_read = any(re.search(rf"(?<![\w.]){name}\b", text) for name in names if name != "_")
    return [] if is_read or _may_be_none(training) else text.split("\n")


def _may_be_none(training: Training) -> bool:
    net = training.samples
    return net is not None and at_least(net.outputs[0].type.shape[0], 1) is not True


def shown_lines(plan: ScriptPlan) -> list[str]:
    """The line that takes the batch whose fields the pictures may be made of."""
    if plan.samples is None or noise_lines(plan.training, plan.samples):
        return []
    loader = "val_loader" if plan.training.validates else "loader"
    return [f"shown = next(iter(DataLoader({loader}.dataset, cfg.batch_size)))"]


def draw_lines(plan: ScriptPlan) -> list[str]:
    """The line that draws in all processes, where parts of the net are spread over them."""
    if plan.samples is None or not plan.settings.shard:
        return []
    return [f"pictures = {_drawn(plan, plan.samples)}"]


def grid_lines(plan: ScriptPlan) -> list[str]:
    """The line that saves the pictures, in one process."""
    if plan.samples is None:
        return []
    pictures = "pictures" if plan.settings.shard else _drawn(plan, plan.samples)
    return [f'save_grid({pictures}, out / "samples.png")']


def _drawn(plan: ScriptPlan, code: StepCode) -> str:
    """The call that draws: with the average of a net, where there is one."""
    nets = ["ema" if name == plan.averaged() else name for name in code.modules]
    batch = [] if noise_lines(plan.training, code) else ["shown"]
    return f"draw_samples({', '.join([*nets, *batch, 'device'])})"
