"""Decide the test of a branch for all values of the parameters, or say what it implies."""

from netspec import syntax as s
from netspec.diagnostic import Diagnostics
from netspec.dim import Dim, Expression, symbol, value_of
from netspec.evaluate import Scope, evaluate
from netspec.source import Source
from netspec.substitute import atoms
from netspec.symbol import Symbol


def decide(test: s.Expression, scope: Scope, found: Diagnostics) -> bool | None:
    """Whether a test holds; None where that depends on parameters."""
    match test:
        case s.Unary("not", operand):
            truth = decide(operand, scope, found)
            return None if truth is None else not truth
        case s.Binary(("and" | "or") as operator, left, right):
            sides = decide(left, scope, found), decide(right, scope, found)
            enough = operator == "or"
            if enough in sides:
                return enough
            return None if None in sides else not enough
    if scope.depends(test):
        return None
    value = evaluate(test, scope, found)
    return bool(value_of(value)) if isinstance(value, Expression) else bool(value)


def implied(test: s.Expression, holds: bool, scope: Scope) -> dict[str, Dim]:
    """What sizes are equal to, where a test holds or does not: `C == out`."""
    match test:
        case s.Unary("not", operand):
            return implied(operand, not holds, scope)
        case s.Binary("and", left, right) if holds:
            return implied(left, True, scope) | implied(right, True, scope)
        case s.Binary("or", left, right) if not holds:
            return implied(left, False, scope) | implied(right, False, scope)
        case s.Comparison((("==" | "!=") as operator,), (left, right)) if (
            operator == "=="
        ) == holds:
            return _equal(left, right, scope)
    return {}


def _equal(left: s.Expression, right: s.Expression, scope: Scope) -> dict[str, Dim]:
    for name, other in ((left, right), (right, left)):
        if isinstance(name, s.Name):
            own = scope.get(name.id)
            value = evaluate(other, scope, Diagnostics(Source("")))
            if isinstance(value, bool) or not isinstance(value, int | Expression):
                continue
            found = atoms(own) if isinstance(own, Expression) else set()
            for atom in found:
                alone = isinstance(atom, Symbol) and own == symbol(atom.name, None, atom.frame)
                if alone and len(found) == 1:
                    return {atom.name: value}
    return {}
