"""Put a piece of syntax where another one stands: the default of a block, where it is used."""

from collections.abc import Iterator
from typing import Any

from netspec.source import Span

MOST = 2**20  # spans of all that is taken to stand at one place


class Relocated(Span):
    """The span of what is taken to stand at a place: no other node has it, by its number.

    Facts are kept by spans, so that each node needs one of its own.
    """

    number: int

    def __new__(cls, place: Span, number: int) -> "Relocated":
        span = super().__new__(cls, *place)
        span.number = number
        return span

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Relocated) and (*self, self.number) == (*other, other.number)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((*self, self.number))


def relocated(node: Any, place: Span, numbers: Iterator[int]) -> Any:
    """`node` as if it stood at `place`.

    `numbers`, from 1 and below `MOST`, go on for what else comes to that place.
    """
    if isinstance(node, Span):
        above = place.number if isinstance(place, Relocated) else 0
        return Relocated(place, above * MOST + next(numbers))
    if not isinstance(node, tuple):
        return node
    parts = [relocated(part, place, numbers) for part in node]
    return type(node)(*parts) if hasattr(node, "_fields") else tuple(parts)
