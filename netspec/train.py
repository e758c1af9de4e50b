"""Run the training script of a spec, as `netspec build` writes it, from a temporary folder."""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from netspec.diagnostic import Diagnostics, SpecError
from netspec.spec import Spec

_INTERRUPTED = 130


def train(spec: Spec, arguments: Sequence[str], net: str | None = None) -> int:
    """Run `train.py` with command-line `arguments`, in the current folder.

    Returns:
        The exit code of the script.

    Raises:
        SpecError: if the spec has no `train` section for the net.
    """
    name = _trained_net(spec, net)
    with tempfile.TemporaryDirectory(prefix="netspec-") as folder:
        for file, text in spec.render().items():
            Path(folder, file).write_text(text, encoding="utf-8")
        command = [sys.executable, str(Path(folder, name)), *arguments]
        try:
            return subprocess.run(command, check=False).returncode
        except KeyboardInterrupt:
            return _INTERRUPTED


def _trained_net(spec: Spec, net: str | None) -> str:
    """The file name of the script for a net."""
    trainings = spec.graph.trainings
    found = Diagnostics(spec.graph.source)
    if net is None and len(trainings) == 1:
        net = next(iter(trainings))
    if net is not None and net in trainings:
        return spec.script_name(net)
    if not trainings:
        message, help = "the spec has no `train` section", "add one: `train Name { … }`"
    elif net is None:
        message = f"the spec trains several nets: {', '.join(trainings)}"
        help = f"say which one: --net {next(iter(trainings))}"
    else:
        message = f"the spec has no `train` section for `{net}`"
        help = f"it trains {', '.join(trainings)}"
    found.add("no-training", message, None, help=help)
    raise SpecError(found.in_order())
