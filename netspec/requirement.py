"""Check what `require` demands, and keep in mind what follows from it."""

from collections.abc import Iterable, Iterator
from typing import Any

from netspec import syntax as s
from netspec.catalogue.signature import write_value
from netspec.diagnostic import Diagnostics
from netspec.dim import Expression, divisible, value_of
from netspec.evaluate import COMPARE, UNKNOWN, Scope, evaluate, is_undecided
from netspec.source import Source
from netspec.visit import names_in, spanless


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


def check_contradictions(body: Iterable[s.Statement], found: Diagnostics) -> None:
    """Report requirements of a body that exclude each other, whatever the values are."""
    tests = [statement.test for statement in body if isinstance(statement, s.Require)]
    demanded: list[s.Comparison] = []
    for part in (part for test in tests for part in _comparisons(test)):
        other = next((other for other in demanded if _exclude(other, part)), None)
        demanded.append(part)
        if other is None:
            continue
        line, _ = found.source.position(other.span.start)
        shown = [found.source.cut(one.span) for one in (other, part)]
        found.add(
            "requirement",
            f"`{shown[0]}` and `{shown[1]}` cannot both hold",
            part.span,
            label="excludes the other one",
            notes=(f"the other one is demanded in line {line}",),
            help="drop one of them",
        )


def _comparisons(test: s.Expression) -> Iterator[s.Comparison]:
    """The comparisons of two sides that a test demands."""
    match test:
        case s.Binary("and", left, right):
            yield from _comparisons(left)
            yield from _comparisons(right)
        case s.Comparison((_,)):
            yield test


def _exclude(one: s.Comparison, other: s.Comparison) -> bool:
    """Whether comparisons of one thing, with another or with numbers, exclude each other."""
    (left, right), (again, bound) = one.operands, other.operands
    if spanless(left) != spanless(again):
        return False
    if spanless(right) == spanless(bound):
        limits: tuple[Any, Any] = (0, 0)
    else:
        limits = (_number(right), _number(bound))
    if None in limits:
        return False
    # Numbers around and between the two: one of them holds for both where any number does.
    a, b = limits
    trials = [a - 1, a, a + 1, b - 1, b, b + 1, (a + b) / 2]
    holds = [COMPARE[side.operators[0]] for side in (one, other)]
    return not any(holds[0](x, a) and holds[1](x, b) for x in trials)


def _number(node: s.Expression) -> int | float | None:
    match node:
        case s.Literal(int() | float() as value) if not isinstance(value, bool):
            return value
    return None


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
