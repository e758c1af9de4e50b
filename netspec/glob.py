"""What two patterns of names have in common."""

import re
from typing import Final

_ANY: Final = "?"
_STAR: Final = "*"


def may_meet(first: str, second: str) -> bool:
    """Whether some name could match both patterns; a set `[…]` counts as any character."""
    one, two = _tokens(first), _tokens(second)
    reached = {(0, 0)}
    pending = [(0, 0)]
    while pending:
        a, b = pending.pop()
        if a == len(one) and b == len(two):
            return True
        for state in _after(one, two, a, b):
            if state not in reached:
                reached.add(state)
                pending.append(state)
    return False


def _tokens(pattern: str) -> list[str]:
    return re.findall(r"[^\[]", re.sub(r"\[!?\]?[^\]]*\]", _ANY, pattern))


def _after(one: list[str], two: list[str], a: int, b: int) -> list[tuple[int, int]]:
    """The states after one character, or after a star that stands for nothing."""
    head, other = (tokens[at] if at < len(tokens) else "" for tokens, at in ((one, a), (two, b)))
    states: list[tuple[int, int]] = []
    if head == _STAR:
        states.append((a + 1, b))
    if other == _STAR:
        states.append((a, b + 1))
    if head == _STAR and other and other != _STAR:
        states.append((a, b + 1))
    if other == _STAR and head and head != _STAR:
        states.append((a + 1, b))
    if head and other and _STAR not in (head, other) and (head == other or _ANY in (head, other)):
        states.append((a + 1, b + 1))
    return states
