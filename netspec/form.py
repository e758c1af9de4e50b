"""Turn forms, which are how dimensions are written, into Python text."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fractions import Fraction  # it takes its time, and few specs have need of it

Rename = Callable[[str], str]
# A tree: ("int", 5), ("name", "width"), ("*", form, form) …
Form = tuple[object, ...]

_LEVELS = {"+": 1, "-": 1, "*": 2, "//": 2, "%": 2, "neg": 3}


def write(form: Form, rename: Rename = str) -> str:
    """The Python text of a form, each name passed through `rename`.

    >>> write(("+", ("*", ("int", 2), ("name", "H")), ("int", 1)))
    '2 * H + 1'
    """
    kind = form[0]
    if kind == "int":
        return str(form[1])
    if kind == "name":
        return rename(str(form[1]))
    parts = [part for part in form[1:] if isinstance(part, tuple)]
    if kind == "code":
        written: Any = form[2]
        return str(written(rename))
    if kind == "[]":
        return f"{write(parts[0], rename)}[{write(parts[1], rename)}]"
    if kind in ("min", "max"):
        return f"{kind}({', '.join(write(part, rename) for part in parts)})"
    level = _LEVELS[str(kind)]
    if kind == "neg":
        return "-" + _operand(parts[0], level, rename)
    texts = [_operand(parts[0], level, rename)]
    texts += [_operand(part, level + 1, rename) for part in parts[1:]]
    return f" {kind} ".join(texts)


def _operand(form: Form, level: int, rename: Rename) -> str:
    text = write(form, rename)
    loose = form[0] == "code" and form[3] is True
    return f"({text})" if loose or _LEVELS.get(str(form[0]), 9) < level else text


def sum_form(terms: "Iterable[tuple[Sequence[Form], int | Fraction]]") -> Form:
    """The form of a sum, from the factors and the coefficient of each term.

    Constants come last; a leading minus is avoided where another term can lead.
    """
    form: Form | None = None
    for parts, coefficient in sorted(terms, key=lambda term: (term[1] < 0, not term[0])):
        size = coefficient if coefficient > 0 else -coefficient
        factors = [*parts]
        if size.numerator != 1 or not factors:
            factors.insert(0, ("int", size.numerator))
        term: Form = factors[0] if len(factors) == 1 else ("*", *factors)
        if size.denominator != 1:
            term = ("//", term, ("int", size.denominator))
        if form is None:
            form = ("neg", term) if coefficient < 0 else term
        else:
            form = ("-" if coefficient < 0 else "+", form, term)
    return form or ("int", 0)


def form_names(form: Form) -> set[str]:
    """The names that a form mentions."""
    if form[0] == "name":
        return {str(form[1])}
    if form[0] == "code":
        names: Any = form[1]
        return set(names)
    return {name for part in form[1:] if isinstance(part, tuple) for name in form_names(part)}
