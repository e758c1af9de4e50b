"""Run the training script of a spec, as `netspec build` writes it, from a temporary folder."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from netspec.script import choose_training, own_imports, require_installed, try_externs
from netspec.spec import Spec

_INTERRUPTED = 130


def train(
    spec: Spec,
    arguments: Sequence[str],
    net: str | None = None,
    allow_extern: Collection[str] = (),
    processes: int = 1,
) -> int:
    """Run `train.py` with command-line `arguments`, in the current folder.

    Modules written in Python are also looked for there. Several `processes` run under torchrun, on
    this machine.

    Returns:
        The exit code of the script.

    Raises:
        SpecError: if the spec has no `train` section called `net`, or if an `extern` of it is not
            allowed, not there, or not what the spec says.
        RunError: if the script imports a library that is not installed.
    """
    training = choose_training(spec, net)
    name = spec.script_name(training.name)
    environment = dict(os.environ)
    if own_imports(spec, training):
        path = [os.getcwd(), *filter(None, [environment.get("PYTHONPATH")])]
        environment["PYTHONPATH"] = os.pathsep.join(path)
        with importing_here():
            try_externs(spec, training, allow_extern)
    files = spec.render()
    require_installed(files[name])
    launcher = [sys.executable]
    if processes > 1:
        launcher += ["-m", "torch.distributed.run", "--standalone"]
        launcher += ["--nproc-per-node", str(processes)]
    with tempfile.TemporaryDirectory(prefix="netspec-") as folder:
        for file in ("model.py", name):
            Path(folder, file).write_text(files[file], encoding="utf-8")
        command = [*launcher, str(Path(folder, name)), *arguments]
        try:
            return subprocess.run(command, check=False, env=environment).returncode
        except KeyboardInterrupt:
            return _INTERRUPTED


@contextmanager
def importing_here() -> Iterator[None]:
    """Let modules of the current folder be imported, as `python` does for a script there."""
    folder = os.getcwd()
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
