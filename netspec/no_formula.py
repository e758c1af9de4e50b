"""Report sizes that cannot be written for all values of the parameters."""

from collections.abc import Mapping
from typing import Any

from netspec import syntax as s
from netspec.catalogue.layer import Layer
from netspec.diagnostic import Diagnostics
from netspec.dim import Expression, Lookup
from netspec.source import Span
from netspec.substitute import atoms


def require_formulas(
    layer: Layer, stage: s.Stage, frame: int, unfilled: Mapping[str, Span], found: Diagnostics
) -> None:
    """Report the arguments of a layer that no name of the definition `frame` can give.

    `unfilled`: the lists of sizes that its constructor does not fill, and what is kept there.
    """
    for part in layer.whole():
        for field in part.fields().values():
            value = getattr(part, field.name, None) if field.inferred else None
            if field.name not in part.given and _is_foreign(value, frame):
                report_no_formula(field.name, stage.callee.span, found)
            for name in _lists_in(value) & unfilled.keys() if field.name not in part.given else ():
                report_no_list(unfilled[name], found)


def _is_foreign(value: Any, frame: int) -> bool:
    parts = value if isinstance(value, tuple | list) else (value,)
    return any(
        atom.frame != frame
        for part in parts
        if isinstance(part, Expression)
        for atom in atoms(part)
    )


def _lists_in(value: Any) -> set[str]:
    parts = value if isinstance(value, tuple | list) else (value,)
    return {
        atom.name
        for part in parts
        if isinstance(part, Expression)
        for atom in atoms(part)
        if isinstance(atom, Lookup)
    }


def report_kinds(name: str, kinds: tuple[str, str], span: Span, found: Diagnostics) -> None:
    """Say that a name stands for one tensor on one side of a branch, for several on the other."""
    found.add(
        "branch-shape",
        f"`{name}` is {kinds[0]} on one side of the branch and {kinds[1]} on the other",
        span,
        label="one name for both",
        help="give it as many tensors on both sides, or call them otherwise",
    )


def report_no_form(title: str, span: Span, found: Diagnostics) -> None:
    """Say that parameters decide how many dimensions an input has."""
    found.add(
        "no-formula",
        f"what flows into `{title}` has other dimensions on each side of a branch",
        span,
        label="built for one of them only",
        help="apply it on both sides, or bring both to the same number of dimensions",
    )


def report_no_list(span: Span, found: Diagnostics) -> None:
    """Say that a kept value has a size that changes, where no list of such sizes is filled."""
    found.add(
        "no-formula",
        "a size of what is kept here changes from turn to turn, and a layer needs it",
        span,
        label="in a branch, or in loops in one another",
        help="keep it in the body of one loop, under the number of the turn",
    )


def report_no_formula(name: str, span: Span, found: Diagnostics, own: bool = True) -> None:
    """Say that a size cannot be written for all values of the parameters.

    `own`: `name` is an argument that the author could give.
    """
    found.add(
        "no-formula",
        f"`{name}` follows no formula of the names in scope here",
        span,
        label="it depends on what happens inside a block",
        help="give the block a last layer whose size is one of its parameters, `require` that its "
        f"loops have a turn{f', or write {name}=…' if own else ''}",
    )
