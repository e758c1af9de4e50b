"""What the command line says: diagnostics, complaints, and the spec of a command."""

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

    from netspec.diagnostic import Diagnostic
    from netspec.spec import Spec


def load_spec(options: "argparse.Namespace") -> "Spec | None":
    """The spec of a command; None after printing its errors. Warnings are printed, too."""
    from netspec.diagnostic import SpecError
    from netspec.spec import load_with

    try:
        spec = load_with(options.spec, dict(options.set))
    except SpecError as error:
        print_diagnostics(error.diagnostics, sys.stderr)
        return None
    print_diagnostics(spec.diagnostics, sys.stderr)
    return spec


def print_diagnostics(diagnostics: "Sequence[Diagnostic]", stream: Any) -> None:
    """Write them, and how many errors they are."""
    if not diagnostics:
        return
    from netspec.report import write_text

    colour = stream.isatty() and not os.environ.get("NO_COLOR")
    stream.write(write_text(diagnostics, colour=colour))
    errors = sum(found.severity == "error" for found in diagnostics)
    if errors:
        stream.write(f"{errors} error{'s' if errors > 1 else ''}\n")


def complain(message: str, help: str) -> None:
    """Say what is wrong with something else than the spec."""
    from netspec.report import printable

    advice = f"\n = help: {printable(help)}" if help else ""
    print(f"error: {printable(message)}{advice}", file=sys.stderr)
