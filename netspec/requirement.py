"""Check what `require` demands, and keep in mind what follows from it."""

from typing import Any

from netspec import syntax as s
from netspec.catalogue.signature import write_value
from netspec.diagnostic import Diagnostics
from netspec.dim import Expression, divisible, value_of
from netspec.evaluate import UNKNOWN, Scope, evaluate, is_undecided
from netspec.source import Source
from netspec.visit import names_in


def check_requirement(statement: s.Require, scope: Scope, found: Diagnostics) -> bool:
    """Whether a requirement holds; True, too, where only data can tell.

    What fails goes to `found`. `require H % 16 == 0` lets later shape rules know that H divides.
    """
    note_divisibility(statement.test, scope)
    if is_undecided(statement.test, scope):
        return True
    value = evaluate(statement.test, scope, found)
    if value is UNKNOWN or value:
        return value is not UNKNOWN
    names = dict.fromkeys(name.id for name in names_in(statement.test) if name.id in scope)
    shown = ", ".join(f"{name} is {_show(scope[name])}" for name in names)
    found.add(
        "requirement",
        statement.message or "a requirement does not hold",
        statement.test.span,
        label=shown or "does not hold",
        help="change the parameters, or what flows in, so that it holds",
    )
    return False


def _show(value: Any) -> str:
    number = value_of(value) if isinstance(value, int | Expression) else None
    return str(number) if number is not None else write_value(value)


def note_divisibility(test: s.Expression, scope: Scope) -> None:
    """Keep `H % 16 == 0` in mind, for a size that data brings."""
    match test:
        case s.Binary("and", left, right):
            note_divisibility(left, scope)
            note_divisibility(right, scope)
        case s.Comparison(("==",), (s.Binary("%", s.Name(id), by), s.Literal(0))):
            size = scope.get(id)
            if isinstance(size, Expression) and value_of(size) is None:
                factor = evaluate(by, scope, Diagnostics(Source("")))
                if isinstance(factor, Expression):
                    factor = value_of(factor)
                if isinstance(factor, int) and factor > 1:
                    divisible(size, factor)
