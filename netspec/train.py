"""Run the training script of a spec, as `netspec build` writes it, from a temporary folder."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import current_thread, main_thread

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
        return _run(command, environment)


def _run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """The exit code of a command, which a signal that ends this process ends, too."""
    with subprocess.Popen(command, env=environment) as process:
        is_main = current_thread() is main_thread()  # no other one may handle signals
        before = signal.signal(signal.SIGTERM, lambda *_: process.terminate()) if is_main else None
        try:
            code = process.wait()
        except KeyboardInterrupt:  # the script has it as well, and says how to go on
            process.wait()
            return _INTERRUPTED
        finally:
            if is_main:
                signal.signal(signal.SIGTERM, before or signal.SIG_DFL)
    return code if code >= 0 else 128 - code  # as shells tell of a signal


@contextmanager
def importing_here() -> Iterator[None]:
    """Let modules of the current folder be imported, as `python` does for a script there."""
    folder = os.getcwd()
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
