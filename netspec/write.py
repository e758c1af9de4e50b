"""Turn build-time expressions into Python source."""

from collections.abc import Callable

from netspec import syntax as s
from netspec.literal import write_literal as write_literal

_LEVELS = {
    "or": 1,
    "and": 2,
    "not": 3,
    "<": 4,
    "+": 5,
    "-": 5,
    "*": 6,
    "/": 6,
    "//": 6,
    "%": 6,
    "@": 6,
    "unary": 7,
    "**": 8,
}
_ATOM = 10


def write_expression(node: s.Expression, rename: Callable[[str], str] = str) -> str:
    """Python source with the value of `node`; every name goes through `rename`.

    Values are written with `repr`, so that no text of a spec becomes code.
    """
    return _write(node, rename)[0]


def _write(node: s.Expression, rename: Callable[[str], str]) -> tuple[str, int]:
    """The text, and how tightly it binds."""
    match node:
        case s.Literal(value):
            negative = isinstance(value, int | float) and not isinstance(value, bool) and value < 0
            return write_literal(value), _LEVELS["unary"] if negative else _ATOM
        case s.Name(id):
            return rename(id), _ATOM
        case s.Sequence(kind, items):
            texts = [write_expression(item, rename) for item in items]
            inner = ", ".join(texts)
            if kind is list:
                return f"[{inner}]", _ATOM
            return (f"({inner},)" if len(texts) == 1 else f"({inner})"), _ATOM
        case s.Unary("not", operand):
            return f"not {_at(operand, _LEVELS['not'], rename)}", _LEVELS["not"]
        case s.Unary(operator, operand):
            return f"{operator}{_signed(operand, rename)}", _LEVELS["unary"]
        case s.Binary("**", left, right):
            base = _at(left, _LEVELS["**"] + 1, rename)
            sign = "**" if _is_simple(left) and _is_simple(right) else " ** "
            return f"{base}{sign}{_at(right, _LEVELS['unary'], rename)}", _LEVELS["**"]
        case s.Binary(operator, left, right):
            level = _LEVELS[operator]
            texts = [_at(left, level, rename), _at(right, level + 1, rename)]
            return f"{texts[0]} {operator} {texts[1]}", level
        case s.Comparison(operators, operands):
            texts = [_at(operand, _LEVELS["<"] + 1, rename) for operand in operands]
            pairs = zip(operators, texts[1:], strict=True)
            return " ".join([texts[0], *(f"{op} {text}" for op, text in pairs)]), _LEVELS["<"]
        case s.Conditional(then, test, other):
            parts = (_at(then, 1, rename), _at(test, 1, rename), _at(other, 0, rename))
            return f"{parts[0]} if {parts[1]} else {parts[2]}", 0
        case s.Subscript(value, items):
            inner = ", ".join(write_index(item, rename) for item in items)
            return f"{_at(value, _ATOM, rename)}[{inner}]", _ATOM
        case s.Call(s.Name(id), arguments):
            inner = ", ".join(write_expression(argument.value, rename) for argument in arguments)
            inner += ", strict=True" if id == "zip" else ""
            return f"{id}({inner})", _ATOM
    raise TypeError(f"no build-time expression: {type(node).__name__}")


def write_index(
    item: s.Expression | s.Slice | s.Ellipsis, rename: Callable[[str], str] = str
) -> str:
    """What stands between [ and ], as ruff's formatter spaces it."""
    match item:
        case s.Ellipsis():
            return "..."
        case s.Slice(start, stop, step):
            parts = [
                "" if part is None else write_expression(part, rename) for part in (start, stop)
            ]
            parts += [] if step is None else [write_expression(step, rename)]
            simple = all(
                part is None or isinstance(part, s.Name | s.Literal) for part in (start, stop, step)
            )
            return ":".join(parts) if simple else " : ".join(parts).strip()
    return write_expression(item, rename)


def _signed(operand: s.Expression, rename: Callable[[str], str]) -> str:
    """What stands behind a sign: formatters put brackets around a power there."""
    text = _at(operand, _LEVELS["unary"], rename)
    power = isinstance(operand, s.Binary) and operand.operator == "**"
    return f"({text})" if power else text


def _is_simple(node: s.Expression) -> bool:
    """Whether formatters write a power of it without spaces."""
    match node:
        case s.Name() | s.Literal(int() | float()):
            return True
        case s.Unary(_, operand):
            return _is_simple(operand)
    return False


def _at(node: s.Expression, level: int, rename: Callable[[str], str]) -> str:
    text, binds = _write(node, rename)
    return text if binds >= level else f"({text})"
