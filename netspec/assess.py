"""Work out the figures of a checkpoint on the validation data, as its training script does."""

from pathlib import Path
from typing import Any

import torch

from netspec.instantiate import require_device
from netspec.randomness import kept_random_state
from netspec.script import Row, Script, said_by_script


def assess(script: Script, config: Any, path: Path) -> Row:
    """The figures of the weights at `path`: the script's own `evaluate`, on its own share of data.

    Raises:
        RunError: where no data is kept for validation or it cannot be read, where the weights are
            not those of the net, and where torch does not have the device of the spec.
    """
    script.require_validation()
    device = require_device(script.training.nets[0].net.device)
    with kept_random_state():
        torch.manual_seed(config.seed)
        nets = script.make_nets(device)
        script.load(nets, path)
        loader = script.validation_loader(config)
        torch.manual_seed(config.seed)  # a net that draws noise gets the same each time
        with said_by_script():
            row: Row = script.module.evaluate(*nets.values(), loader, device)
    return row
