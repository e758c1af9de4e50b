"""Write how a training script draws pictures at the end of an epoch, and what it saves of them."""

from collections.abc import Sequence
from typing import Any

from netspec.dim import at_least
from netspec.layout import bracketed
from netspec.lower_data import move_batch
from netspec.lower_step import StepCode
from netspec.lower_transforms import call_transform
from netspec.lower_update import autocast_lines
from netspec.training import Training

# What a script imports to draw pictures and to write them.
IMPORTS = ("from PIL import Image",)


def samples_context(training: Training, code: StepCode | None) -> dict[str, Any]:
    """What the template needs; `samples` is None where the section wants no pictures.

    `empty`: whether a batch may be too small for a single one.
    """
    net = training.samples
    if code is None or net is None:
        return {"samples": None}
    nets = [f"{name}: nn.Module" for name in code.modules]
    given = [*nets, f"{code.batch}: Sequence[Tensor]"]
    drawn_of = [*nets, "batch: Sequence[Tensor]", "device: torch.device"]
    return {
        "samples": {
            "signature": bracketed(f"def {code.name}(", given, ") -> Any:", 0),
            "lines": code.lines,
            "draw_signature": bracketed("def draw_samples(", drawn_of, ") -> Tensor:", 0),
            "nets": code.modules,
            "batch": [move_batch(training), *call_transform(training, "False")],
            "empty": at_least(net.outputs[0].type.shape[0], 1) is not True,
            "made": autocast_lines(
                training, [f"pictures: Tensor = {code.name}({', '.join([*code.modules, 'batch'])})"]
            ),
        }
    }


def shown_lines(training: Training, code: StepCode | None) -> list[str]:
    """The line that takes the batch whose fields the pictures may be made of."""
    if code is None:
        return []
    loader = "val_loader" if training.validates else "loader"
    return [f"shown = next(iter(DataLoader({loader}.dataset, cfg.batch_size)))"]


def draw_lines(code: StepCode | None, averaged: str) -> list[str]:
    """The line that draws, in all processes: parts of nets may be spread over them.

    `averaged`: the net whose average draws in its place, "" for none.
    """
    if code is None:
        return []
    nets: Sequence[str] = ["ema" if name == averaged else name for name in code.modules]
    return [f"pictures = draw_samples({', '.join([*nets, 'shown', 'device'])})"]


def grid_lines(code: StepCode | None) -> list[str]:
    """The line that saves the pictures, in one process."""
    return [] if code is None else ['save_grid(pictures, out / "samples.png")']
