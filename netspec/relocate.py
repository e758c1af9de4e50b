"""Put a piece of syntax where another one stands: the default of a block, where it is used."""

from collections.abc import Iterator
from itertools import count
from typing import Any

from netspec.source import Span


def relocated(node: Any, place: Span, numbers: Iterator[int] | None = None) -> Any:
    """`node` as if it stood inside `place`.

    What it holds gets spans without length, each its own: facts are kept by spans, and no node that
    was read has one of these. `numbers` goes on where several nodes come to one place.
    """
    numbers = count() if numbers is None else numbers
    if not isinstance(node, tuple):
        return node
    if isinstance(node, Span):
        return _inside(place, next(numbers))
    parts = [relocated(part, place, numbers) for part in node]
    return type(node)(*parts) if hasattr(node, "_fields") else tuple(parts)


def _inside(place: Span, number: int) -> Span:
    """The span of a number, with as many before it as `place` has characters, then shorter ones."""
    round_, offset = divmod(number, max(1, place.end - place.start))
    start = place.start + offset
    return Span(start, start - round_)
