"""Turn build-time expressions into values: numbers, dimensions, strings, lists."""

import operator
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from netspec import syntax as s
from netspec.bounds import current
from netspec.catalogue.signature import kind_of
from netspec.compare import at_least, same
from netspec.diagnostic import Diagnostics, did_you_mean
from netspec.dim import Dim, Expression, largest, lookup, opaque, remainder, smallest, value_of
from netspec.source import Source, Span
from netspec.tensor import DTYPES
from netspec.visit import names_in

Value = Any


class Unknown:
    """A value that could not be worked out; what was wrong has been reported already."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = Unknown()


class NotConstant:
    """Stands in a scope for a name that is no build-time value, with the reason."""

    def __init__(self, reason: str, help: str) -> None:
        self.reason = reason
        self.help = help


class Listing(list[Any]):
    """A list that is a parameter, so that its elements keep their names: `widths[i]`."""

    def __init__(
        self, items: Sequence[Any], name: str, indices: tuple[Dim, ...], root: Any, frame: int
    ) -> None:
        super().__init__(items)
        self.name = name
        self.indices = indices
        self.root = root
        self.frame = frame

    def element(self, index: Dim) -> Value:
        """The element at `index`, under its name."""
        at = value_of(index)
        assert at is not None
        item = self[at]
        indices = (*self.indices, index)
        if isinstance(item, list | tuple):
            return Listing(item, self.name, indices, self.root, self.frame)
        if isinstance(item, int) and not isinstance(item, bool):
            return lookup(self.name, indices, self.root, self.frame)
        return item


def listing_of(items: Sequence[Any], name: str, frame: int) -> Listing:
    """The list parameter `name`."""
    return Listing(items, name, (), list(items), frame)


class Scope(dict[str, Any]):
    """Build-time values by name.

    With a `frame`, integers that depend on parameters keep their names; `parametric` are the names
    whose values depend on parameters, sizes or the turn of a loop.
    """

    def __init__(self, values: Mapping[str, Any], frame: int = 0) -> None:
        super().__init__(values)
        self.frame = frame
        self.parametric: set[str] = set()

    def depends(self, node: s.Expression) -> bool:
        """Whether the value of `node` would be another with other parameters."""
        return bool(self.frame) and any(name.id in self.parametric for name in names_in(node))

    def copy(self) -> "Scope":
        other = Scope(self, self.frame)
        other.parametric = set(self.parametric)
        return other


class _Problem(Exception):
    def __init__(
        self, code: str, message: str, span: Span, label: str = "", help: str = ""
    ) -> None:
        super().__init__(message)
        self.report = (code, message, span, label, help)


def evaluate(expression: s.Expression, scope: Mapping[str, Value], found: Diagnostics) -> Value:
    """The value of `expression`, or UNKNOWN after reporting why there is none.

    An integer that depends on parameters keeps them as symbols, in an `Expression`.
    """
    try:
        return _Evaluation(scope).value(expression)
    except _Problem as problem:
        code, message, span, label, help = problem.report
        found.add(code, message, span, label=label, help=help)
        return UNKNOWN


def is_undecided(expression: s.Expression, scope: Mapping[str, Value]) -> bool:
    """Whether only data decides the value of an expression."""
    quiet = Diagnostics(Source(""))
    if evaluate(expression, scope, quiet) is not UNKNOWN:
        return False
    sizes = [
        name.id
        for name in names_in(expression)
        if isinstance(scope.get(name.id), Expression) and value_of(scope[name.id]) is None
    ]
    return bool(sizes) and all(d.message == _UNDECIDED for d in quiet.in_order())


_UNDECIDED = "the value of this is known only when data flows"


class _Evaluation:
    def __init__(self, scope: Mapping[str, Value]) -> None:
        self.scope = scope

    def value(self, node: s.Expression) -> Value:
        match node:
            case s.Literal(value):
                return value
            case s.Name():
                return self._name(node)
            case s.Sequence(kind, items):
                values = [self.value(item) for item in items]
                return UNKNOWN if UNKNOWN in values else kind(values)
            case s.Unary():
                return self._unary(node)
            case s.Binary(op, left, right, span):
                return self._binary(node, op, left, right, span)
            case s.Comparison():
                return self._comparison(node)
            case s.Conditional(then, test, other):
                chosen, left_out = (then, other) if self.truth(test) else (other, then)
                self._check_left_out(left_out)
                return self._opaque(node, self.value(chosen), test)
            case s.Subscript(value, (index,), span) if not isinstance(index, s.Slice | s.Ellipsis):
                return self._subscript(self.value(value), index, span)
            case s.Subscript(value, (s.Slice() as part,), span):
                return self._opaque(node, self._slice(self.value(value), part, span))
            case s.Call():
                return self._call(node)
        raise _Problem(
            "not-constant",
            "a value that is known when the net is built is wanted here, found a chain",
            node.span,
            "known only when data flows",
            "use a number, a parameter or a `let`",
        )

    def _check_left_out(self, node: s.Expression) -> None:
        """Other parameter values may ask for what these leave out: its names must be there."""
        try:
            self.value(node)
        except _Problem as problem:
            if problem.report[0] in ("unknown-name", "not-constant", "unknown-argument"):
                raise

    def truth(self, node: s.Expression) -> bool:
        return self._truth_of(self.value(node), node)

    def _truth_of(self, value: Value, node: s.Expression) -> bool:
        if isinstance(value, Expression):
            if value.value is None:
                raise self._undecided(node.span)
            return value.value != 0
        return bool(value)

    def _undecided(self, span: Span) -> _Problem:
        return _Problem(
            "not-constant",
            _UNDECIDED,
            span,
            "depends on the size of an input",
            "use numbers and parameters only",
        )

    def _name(self, node: s.Name) -> Value:
        value = self.scope.get(node.id, self.scope)
        if value is self.scope:
            builtin = "a function; call it" if node.id in BUILTINS else ""
            near = did_you_mean(node.id, [*self.scope, *BUILTINS, "True", "False", "None"])
            if node.id in DTYPES:
                builtin = "a dtype, which only functions of tensors take"
                near = f"write it where it is used: `x -> to({node.id})`"
            raise _Problem(
                "unknown-name",
                f"`{node.id}` is {builtin}" if builtin else f"unknown name `{node.id}`",
                node.span,
                "not defined here",
                near or "define it as a parameter of the net, or with `let`",
            )
        if isinstance(value, NotConstant):
            raise _Problem(
                "not-constant", value.reason, node.span, "no build-time value", value.help
            )
        return value

    def _opaque(
        self, node: s.Expression, value: Value, decider: s.Expression | None = None
    ) -> Value:
        """An integer that depends on parameters in a way that no polynomial shows."""
        if isinstance(value, bool) or not isinstance(value, int | Expression):
            return value
        number = value_of(value)
        scope = self.scope
        if number is None or not isinstance(scope, Scope) or not scope.depends(node):
            return value
        if decider is not None and not scope.depends(decider):
            return value
        names = frozenset(name.id for name in names_in(node))
        from netspec.write import write_expression

        loose = not isinstance(node, s.Call | s.Subscript)
        return opaque(names, partial(write_expression, node), loose, number, scope.frame)

    def _unary(self, node: s.Unary) -> Value:
        if node.operator == "not":
            return not self.truth(node.operand)
        value = self.value(node.operand)
        if value is UNKNOWN:
            return UNKNOWN
        self._number(value, node.operand)
        return -value if node.operator == "-" else value

    def _number(self, value: Value, node: s.Expression) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float | Expression):
            raise _Problem(
                "wrong-operand",
                f"a number is wanted here, found {kind_of(value)}",
                node.span,
                kind_of(value),
            )

    def _binary(
        self, node: s.Binary, op: str, left: s.Expression, right: s.Expression, span: Span
    ) -> Value:
        if op in ("and", "or"):
            return self._opaque(node, self._either(op, left, right))
        a, b = self.value(left), self.value(right)
        if a is UNKNOWN or b is UNKNOWN:
            return UNKNOWN
        if op == "+" and type(a) is type(b) and isinstance(a, str | list | tuple):
            return self._bounded(a + b, span)
        if op == "*" and isinstance(a, list | tuple) and isinstance(b, int):
            if len(a) * b > current().items:
                raise self._too_large(span)
            return a * b
        self._number(a, left)
        self._number(b, right)
        if op not in _ON_NUMBERS:
            raise _Problem(
                "wrong-operand",
                f"`{op}` does not go with build-time numbers",
                span,
                "works on tensors only",
            )
        if op in ("/", "//", "%") and value_of_number(b) == 0:
            raise _Problem("division-by-zero", "division by zero", span, f"`{op}` by 0")
        if (op in ("/", "**") and isinstance(a, Expression)) or isinstance(b, Expression):
            return self._mixed(node, op, a, b, span)
        return self._arithmetic(op, a, b, span)

    def _either(self, op: str, left: s.Expression, right: s.Expression) -> Value:
        first = self.value(left)
        if self._truth_of(first, left) == (op == "or"):
            self._check_left_out(right)
            return first
        return self.value(right)

    def _mixed(self, node: s.Binary, op: str, a: Value, b: Value, span: Span) -> Value:
        if op in _ON_DIMS and not isinstance(a, float) and not isinstance(b, float):
            return _ON_DIMS[op](a, b)
        if op == "**" and isinstance(b, int) and 0 <= b <= 4:
            power: Dim = 1
            for _ in range(b):
                power = power * a
            return power
        first, second = value_of_number(a), value_of_number(b)
        if first is None or second is None:
            raise self._undecided(node.span)
        return self._opaque(node, self._arithmetic(op, first, second, span))

    def _arithmetic(self, op: str, a: Value, b: Value, span: Span) -> Value:
        if isinstance(a, Expression) or isinstance(b, Expression):
            if isinstance(a, float) or isinstance(b, float):
                a, b = value_of_number(a), value_of_number(b)
                if a is None or b is None:
                    raise self._undecided(span)
            else:
                return _ON_DIMS[op](a, b)
        whole = isinstance(a, int) and isinstance(b, int)
        if op == "**" and whole and b > 0 and abs(a).bit_length() * b > current().bits:
            raise self._too_large(span)
        try:
            return self._bounded(_ON_NUMBERS[op](a, b), span)
        except (OverflowError, ZeroDivisionError):
            raise self._too_large(span) from None

    def _bounded(self, value: Value, span: Span) -> Value:
        if isinstance(value, complex):
            raise _Problem("wrong-operand", "the result is no real number", span, "a root of it")
        if isinstance(value, int) and value.bit_length() > current().bits:
            raise self._too_large(span)
        if isinstance(value, str | list | tuple) and len(value) > current().items:
            raise self._too_large(span)
        return value

    def _too_large(self, span: Span) -> _Problem:
        return _Problem(
            "too-large",
            "the result is too large",
            span,
            f"more than {current().bits:,} bits or {current().items:,} items",
            "no tensor has such a size: check the expression",
        )

    def _comparison(self, node: s.Comparison) -> Value:
        values = [self.value(operand) for operand in node.operands]
        if UNKNOWN in values:
            return UNKNOWN
        for i, op in enumerate(node.operators):
            holds = self._compare(op, values[i], values[i + 1], node)
            if not holds:
                return False
        return True

    def _compare(self, op: str, a: Value, b: Value, node: s.Comparison) -> bool:
        dims = isinstance(a, Expression) or isinstance(b, Expression)
        if dims and isinstance(a, int | Expression) and isinstance(b, int | Expression):
            holds = _compare_dims(op, a, b)
            if holds is None:
                raise self._undecided(node.span)
            return holds
        a, b = value_of_number(a), value_of_number(b)
        try:
            return bool(COMPARE[op](a, b))
        except TypeError:
            raise _Problem(
                "wrong-operand", f"cannot compare {kind_of(a)} and {kind_of(b)}", node.span
            ) from None

    def _subscript(self, value: Value, index: s.Expression, span: Span) -> Value:
        if not isinstance(value, list | tuple | str):
            raise _Problem(
                "wrong-operand",
                f"a list is wanted before `[`, found {kind_of(value)}",
                span,
                "has no elements",
            )
        index_value = self.value(index)
        at = value_of_number(index_value)
        if isinstance(at, bool) or not isinstance(at, int):
            raise _Problem("wrong-operand", "an index must be an integer", index.span, kind_of(at))
        if not -len(value) <= at < len(value):
            raise _Problem(
                "index-out-of-range",
                f"index {at} is out of range",
                index.span,
                f"there are {len(value)} elements",
                f"use 0 to {len(value) - 1}" if value else "the list is empty",
            )
        if isinstance(value, Listing):
            return value.element(index_value)
        return value[at]

    def _slice(self, value: Value, part: s.Slice, span: Span) -> Value:
        if not isinstance(value, list | tuple | str):
            raise _Problem(
                "wrong-operand",
                f"a list is wanted before `[`, found {kind_of(value)}",
                span,
                "has no elements",
            )
        bounds = [
            None if bound is None else value_of_number(self.value(bound))
            for bound in (part.start, part.stop, part.step)
        ]
        if not all(b is None or (isinstance(b, int) and not isinstance(b, bool)) for b in bounds):
            raise _Problem("wrong-operand", "the ends of a slice must be integers", part.span)
        if bounds[2] == 0:
            raise _Problem("wrong-operand", "the step of a slice cannot be 0", part.span)
        return value[slice(*bounds)]

    def _call(self, node: s.Call) -> Value:
        name = node.function.id if isinstance(node.function, s.Name) else ""
        if name not in BUILTINS:
            near = did_you_mean(name, BUILTINS)
            raise _Problem(
                "not-constant",
                "a value that is known when the net is built is wanted here, found a call",
                node.span,
                "no function of build-time values",
                near or f"such functions are {', '.join(f'`{f}`' for f in BUILTINS)}",
            )
        if any(argument.name for argument in node.arguments):
            raise _Problem("unknown-argument", f"`{name}` takes no keywords", node.span)
        values = [self.value(argument.value) for argument in node.arguments]
        if UNKNOWN in values:
            return UNKNOWN
        try:
            result = BUILTINS[name](*values)
        except (TypeError, ValueError, OverflowError):
            shown = ", ".join(kind_of(value) for value in values) or "nothing"
            raise _Problem(
                "wrong-argument", f"`{name}` does not take {shown}", node.span, "cannot be"
            ) from None
        return result if isinstance(result, Expression) else self._opaque(node, result)


def value_of_number(value: Value) -> Value:
    """The number that an expression is, None where data decides; other values as they are."""
    return value_of(value) if isinstance(value, Expression) else value


def _compare_dims(op: str, a: Dim, b: Dim) -> bool | None:
    match op:
        case "==":
            return same(a, b)
        case "!=":
            equal = same(a, b)
            return None if equal is None else not equal
        case ">=":
            return at_least(a, b)
        case "<=":
            return at_least(b, a)
        case ">":
            return at_least(a, b + 1)
    return at_least(b, a + 1)


def _whole_range(*bounds: int) -> list[int]:
    numbers = range(*bounds)
    if len(numbers) > current().items:
        raise OverflowError
    return list(numbers)


def _least(*values: Value) -> Value:
    return _extreme(min, smallest, values)


def _greatest(*values: Value) -> Value:
    return _extreme(max, largest, values)


def _extreme(
    plain: Callable[..., Value], symbolic: Callable[..., Value], values: tuple[Value, ...]
) -> Value:
    items = values[0] if len(values) == 1 and isinstance(values[0], list | tuple) else values
    if len(values) == 1 and items is values:
        raise TypeError("a list is wanted")
    if all(isinstance(item, int | Expression) for item in items) and items:
        return (
            symbolic(*items)
            if any(isinstance(item, Expression) for item in items)
            else plain(items)
        )
    return plain([value_of_number(item) for item in items])


_ON_DIMS: dict[str, Callable[[Value, Value], Value]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "%": remainder,
}
_ON_NUMBERS: dict[str, Callable[[Value, Value], Value]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
}
COMPARE: dict[str, Callable[[Value, Value], Value]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
BUILTINS: dict[str, Callable[..., Value]] = {
    "min": _least,
    "max": _greatest,
    "abs": lambda value: abs(value_of_number(value)),
    "len": len,
    "sum": lambda values: sum(value_of_number(value) for value in values),
    "round": lambda value: round(value_of_number(value)),
    "range": lambda *bounds: _whole_range(*map(value_of_number, bounds)),
    "reversed": lambda values: list(reversed(values)),
    "enumerate": lambda values: list(enumerate(values)),
    "zip": lambda *lists: list(zip(*lists, strict=True)),
    "int": lambda value: int(value_of_number(value)),
    "float": lambda value: float(value_of_number(value)),
}
