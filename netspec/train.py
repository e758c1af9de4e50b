"""Run the training script of a spec, as `netspec build` writes it, from a temporary folder."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from netspec.diagnostic import Diagnostics, SpecError
from netspec.lower_data import externs_of
from netspec.permission import require_allowed
from netspec.program import Import
from netspec.spec import Spec

_INTERRUPTED = 130


def train(
    spec: Spec,
    arguments: Sequence[str],
    net: str | None = None,
    allow_extern: Sequence[str] = (),
) -> int:
    """Run `train.py` with command-line `arguments`, in the current folder.

    Modules written in Python are also looked for there.

    Returns:
        The exit code of the script.

    Raises:
        SpecError: if the spec has no `train` section for the net, or if an `extern` of it is not
            allowed, not there, or not what the spec says.
    """
    net = _trained_net(spec, net)
    name = spec.script_name(net)
    environment = dict(os.environ)
    data = externs_of(spec.graph.trainings[net])
    if spec.program.externs or data:
        require_allowed([*spec.program.externs, *data], allow_extern)
        path = [os.getcwd(), *filter(None, [environment.get("PYTHONPATH")])]
        environment["PYTHONPATH"] = os.pathsep.join(path)
        _try_externs(spec, net, data, allow_extern)
    with tempfile.TemporaryDirectory(prefix="netspec-") as folder:
        for file, text in spec.render().items():
            Path(folder, file).write_text(text, encoding="utf-8")
        command = [sys.executable, str(Path(folder, name)), *arguments]
        try:
            return subprocess.run(command, check=False, env=environment).returncode
        except KeyboardInterrupt:
            return _INTERRUPTED


def _try_externs(spec: Spec, net: str, data: Sequence[Import], allow_extern: Sequence[str]) -> None:
    """Build the net once: what is wrong with an extern is said before the script starts."""
    from netspec.import_extern import import_data

    folder = os.getcwd()
    sys.path.insert(0, folder)
    try:
        import_data(data)
        if spec.program.externs:
            spec.build(net=net, device="cpu", allow_extern=allow_extern)
    finally:
        sys.path.remove(folder)


def _trained_net(spec: Spec, net: str | None) -> str:
    """The net that is meant."""
    trainings = spec.graph.trainings
    found = Diagnostics(spec.graph.source)
    if net is None and len(trainings) == 1:
        net = next(iter(trainings))
    if net is not None and net in trainings:
        return net
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
