"""Find what stands in a file in vain: blocks that no net uses, branches that are never taken."""

from collections.abc import Iterator

from netspec import syntax as s
from netspec.diagnostic import Diagnostics
from netspec.evaluate import UNKNOWN, evaluate
from netspec.home import Home
from netspec.source import Source
from netspec.visit import names_in, statements_in


def hint_idle(file: s.File, home: Home, found: Diagnostics) -> None:
    """Hint at blocks without use, warn of tests that always come out the same."""
    offered = list(_offered(file))
    if offered and any(isinstance(item, s.Net) for item in file.items):
        used = _used(file, home)
        for name, kind in offered:
            if name.id not in used:
                found.add(
                    "unused-block",
                    f"block `{name.id}` is never used",
                    name.span,
                    label="no net of this file builds it",
                    help=f"use it, or {kind}",
                    severity="hint",
                )
    for item in file.items:
        if isinstance(item, s.Net | s.Block):
            for statement in statements_in(item.body):
                if isinstance(statement, s.If):
                    _warn_constant(statement, found)


def _offered(file: s.File) -> Iterator[tuple[s.Name, str]]:
    for item in file.items:
        match item:
            case s.Block(name) | s.Extern(name):
                yield name, "keep it in a file of blocks"
            case s.Use(names):
                for name in names:
                    yield name, "remove it here"


def _used(file: s.File, home: Home) -> set[str]:
    """The names that nets of the file speak of, themselves or through its blocks."""
    used: set[str] = set()
    pending: list[s.Net | s.Block] = [item for item in file.items if isinstance(item, s.Net)]
    while pending:
        definition = pending.pop()
        for name in names_in((definition.parameters, definition.body)):
            entry = home.entries.get(name.id)
            if entry is not None and name.id not in used:
                used.add(name.id)
                if entry.home is home and not isinstance(entry.definition, s.Extern):
                    pending.append(entry.definition)
    return used


def _warn_constant(branch: s.If, found: Diagnostics) -> None:
    value = evaluate(branch.test, {}, Diagnostics(Source("")))
    if value is UNKNOWN:
        return
    idle = "`else` is never run" if branch.other else "it decides nothing"
    found.add(
        "constant-test",
        f"this test is always {'true' if value else 'false'}",
        branch.test.span,
        label=idle if value else "this branch is never run",
        help="let a parameter decide, or remove what is never run",
        severity="warning",
    )
