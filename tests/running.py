"""Training scripts of specs, written to a folder and run in this process: that spares imports."""

import contextlib
import io
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch

import netspec


class Done(NamedTuple):
    """How a script ended: its exit code, and what it printed; an error message stands in stderr."""

    returncode: int
    stdout: str
    stderr: str


def write(text: str, folder: Path) -> Path:
    """The script of a spec's training, beside the model that it imports."""
    spec = netspec.loads(text)
    for name, source in spec.render().items():
        (folder / name).write_text(source, encoding="utf-8")
    return folder / "train.py"


def run(script: Path, *options: str) -> Done:
    """Run a script as `python train.py` would, for a step or two an epoch."""
    kept = sys.argv
    short = ("--max-batches", "2", "--out", str(script.parent / "out"))
    sys.argv = [str(script), *short, *options]
    out, err = io.StringIO(), io.StringIO()
    code: object = 0
    try:
        with beside(script), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            runpy.run_path(str(script), run_name="__main__")
    except SystemExit as stop:
        code = stop.code
    finally:
        sys.argv = kept
        torch.use_deterministic_algorithms(False)  # what one script asks for is not for the next
    if isinstance(code, str):
        return Done(1, out.getvalue(), f"{err.getvalue()}{code}\n")
    assert code is None or isinstance(code, int)
    return Done(code or 0, out.getvalue(), err.getvalue())


def open_script(script: Path) -> dict[str, Any]:
    """What a script defines, by name; `main` is not run."""
    with beside(script):
        return runpy.run_path(str(script), run_name="script")


@contextlib.contextmanager
def beside(script: Path) -> Iterator[None]:
    """Let a script import the `model` beside it, the one that is there now.

    No bytecode is kept: Python would take it for that of another model, written in the same second,
    with as many characters.
    """
    kept = sys.path[:], sys.dont_write_bytecode
    sys.path.insert(0, str(script.parent))
    sys.dont_write_bytecode = True
    sys.modules.pop("model", None)
    try:
        yield
    finally:
        sys.path, sys.dont_write_bytecode = kept


def errors(text: str) -> list[str]:
    """The codes and messages of what is wrong with a spec."""
    try:
        netspec.loads(text)
    except netspec.SpecError as error:
        return [f"{d.code}: {d.message}" for d in error.diagnostics if d.severity == "error"]
    return []


def same(a: Any, b: Any) -> bool:
    """Whether two checkpoints are equal to the bit."""
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)
