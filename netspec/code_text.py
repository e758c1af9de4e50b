"""Python expressions that are already written: their parts, how they bind."""

import ast
from typing import NamedTuple

ATOM = 10  # the level of a name or a call: nothing binds more tightly


class Text(NamedTuple):
    """An expression: its text, how tightly it binds, and whether type checkers see a tensor."""

    text: str
    level: int = ATOM
    typed: bool = False

    def at(self, level: int) -> str:
        """The text where something binds as tightly as `level`."""
        return self.text if self.level >= level else f"({self.text})"


def parts(text: str) -> list[str]:
    """The items of a tuple as they are written; anything else is its own only part."""
    node = ast.parse(text, mode="eval").body
    if not isinstance(node, ast.Tuple):
        return [text]
    return [_source(text, item) for item in node.elts]


def spread(text: str, count: int) -> list[str]:
    """The expressions of `count` values that `text` holds, as arguments by position.

    A tuple that is no literal stays whole, `*pair`.
    """
    if count == 1:
        return [text]
    items = parts(text)
    return items if len(items) == count else [f"*{text}"]


def level_of(text: str) -> int:
    """ATOM for a name, a call and the like, 0 for what needs brackets before a method of it."""
    match ast.parse(text, mode="eval").body:
        case ast.Name() | ast.Attribute() | ast.Call() | ast.Subscript() | ast.Tuple() | ast.List():
            return ATOM
        case ast.Constant(value) if not isinstance(value, int | float):
            return ATOM
    return 0


def _source(text: str, node: ast.expr) -> str:
    """The text of a part of an expression, with the brackets that stand around it alone."""
    data = text.encode()
    start, end = node.col_offset, node.end_col_offset or len(data)
    while data[:start].rstrip().endswith(b"(") and data[end:].lstrip().startswith(b")"):
        before, after = data[:start].rstrip(), data[end:]
        if len(before) == 1 and after.strip() == b")":
            break  # the brackets of the tuple itself
        start, end = len(before) - 1, end + after.index(b")") + 1
    return data[start:end].decode()
