"""Whether a loop makes at least one turn, whatever the parameters are."""

from typing import Any

from netspec import syntax as s
from netspec.evaluate import Scope

_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def surely_turns(count: s.Expression, number: int, scope: Scope, body: Any) -> bool:
    """Whether `count`, which is `number` now, is at least 1 for all parameters.

    It is where it is no matter of parameters, or where a `require` of the body says so.
    """
    if not scope.depends(count):
        return number >= 1
    tests = [statement.test for statement in body if isinstance(statement, s.Require)]
    return any(_says(test, _bare(count)) for test in tests)


def surely_has_turns(iterable: s.Expression, number: int, scope: Scope, body: Any) -> bool:
    """Whether a loop over `iterable`, which has `number` turns now, always has one."""
    match iterable:
        case s.Call(s.Name("range"), (s.Argument(None, count),)):
            return surely_turns(count, number, scope, body)
        case s.Call(s.Name("reversed" | "enumerate"), (s.Argument(None, inner),)):
            return surely_has_turns(inner, number, scope, body)
    length = s.Call(
        s.Name("len", iterable.span), (s.Argument(None, iterable, iterable.span),), iterable.span
    )
    return surely_turns(length, number, scope, body)


def _says(test: Any, count: Any) -> bool:
    """Whether a test says that `count` is at least 1, alone or among others."""
    match test:
        case s.Binary("and", left, right):
            return _says(left, count) or _says(right, count)
        case s.Comparison((operator,), (left, s.Literal(int() as bound))) if _bare(left) == count:
            return (operator == ">=" and bound >= 1) or (operator == ">" and bound >= 0)
        case s.Comparison((operator,), (s.Literal() as bound, right)) if operator in _TURNED:
            turned = s.Comparison((_TURNED[operator],), (right, bound), test.span)
            return _says(turned, count)
    return False


def _bare(node: Any) -> Any:
    """A node without the places where its parts stand."""
    if isinstance(node, tuple):
        fields = zip(getattr(node, "_fields", [""] * len(node)), node, strict=True)
        parts = [_bare(value) for name, value in fields if name != "span"]
        return (type(node).__name__, *parts)
    return node
