"""Write branches of generated code that are nothing but another branch with both tests in one."""

import ast
from collections.abc import Sequence
from itertools import takewhile

from netspec.program import Line


def join_branches(lines: Sequence[Line]) -> tuple[Line, ...]:
    """The lines of a function, `if a:` and `if b:` alone in it as `if a and b:`."""
    joined: list[Line] = []
    place = 0
    while place < len(lines):
        line = lines[place]
        inner = _inside(lines, place) if _is_test(line) else []
        place += 1
        if inner and _is_one_branch(inner) and not _goes_on(lines, place + len(inner)):
            first, *inside = inner
            test = f"if {_operand(line)} and {_operand(first)}:"
            moved = [other._replace(depth=other.depth - 1) for other in inside]
            joined += join_branches([line._replace(text=test), *moved])
            place += len(inner)
        else:
            joined.append(line)
    return tuple(joined)


def _inside(lines: Sequence[Line], place: int) -> list[Line]:
    """The lines of the branch that begins at a place."""
    depth = lines[place].depth
    return [*takewhile(lambda line: line.depth > depth, lines[place + 1 :])]


def _is_test(line: Line) -> bool:
    return line.text.startswith("if ") and not line.comment


def _goes_on(lines: Sequence[Line], place: int) -> bool:
    """Whether the line at a place may belong to the branch before it: another side, or a gap."""
    behind = lines[place].text if place < len(lines) else "return"
    return not behind or behind.startswith(("elif ", "else:"))


def _is_one_branch(lines: Sequence[Line]) -> bool:
    """Whether lines are a branch without another side, and nothing beside it."""
    first, *inside = lines
    return _is_test(first) and all(line.depth > first.depth for line in inside)


def _operand(line: Line) -> str:
    """The test of a branch as an operand of `and`."""
    test = line.text.removeprefix("if ").removesuffix(":")
    match ast.parse(test, mode="eval").body:
        case ast.BoolOp(ast.Or()) | ast.IfExp():
            return f"({test})"
    return test
