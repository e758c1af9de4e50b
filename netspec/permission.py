"""Hold the modules that a program imports against those that its caller has allowed."""

from collections.abc import Collection, Sequence

from netspec.diagnostic import Diagnostics, SpecError
from netspec.program import Import


def require_allowed(externs: Sequence[Import], allowed: Collection[str]) -> None:
    """Refuse a program with a module that no allowed name covers: its own, or a package around it.

    The class of a registered layer needs none: it was named in Python, by who has run that code in
    this process, and not by the spec.

    Raises:
        SpecError: naming each of them, and how to allow it.
        TypeError: for one string in place of a list of names.
    """
    if isinstance(allowed, str):
        raise TypeError(f"allow_extern takes a list of names: [{allowed!r}]")
    missing = [
        item
        for item in externs
        if not item.layer and not any(_covers(name, item.module) for name in allowed)
    ]
    errors = [
        error
        for item in missing
        for error in _report(item, [other.module for other in missing]).in_order()
    ]
    if errors:
        raise SpecError(errors)


def _covers(name: str, module: str) -> bool:
    return module == name or module.startswith(f"{name}.")


def _report(item: Import, modules: Sequence[str]) -> Diagnostics:
    found = Diagnostics(item.source)
    names = list(dict.fromkeys(modules))
    options = " ".join(f"--allow-extern {name}" for name in names)
    found.add(
        "extern-not-allowed",
        f"`{item.name}` is written in Python, and importing `{item.module}` has not been allowed",
        item.module_span,
        label="an import runs the code of the module",
        help=f"if you trust it: allow_extern={names} in Python, `{options}` on the command line",
    )
    return found
