"""Print a document, text with places where it may be broken, in lines of a given width."""

from collections.abc import Sequence
from typing import NamedTuple
from unicodedata import east_asian_width

_STEP = 4


class Break(NamedTuple):
    """The end of a line where the group around it is broken, else `flat`."""

    flat: str = " "


class IfBroken(NamedTuple):
    """Text that only a broken group has."""

    text: str


class Indent(NamedTuple):
    inner: "Document"


class Group(NamedTuple):
    """What stands in one line if it fits; else each of its own breaks ends a line.

    A `free` one may be broken though what is around it is not: no brackets enclose it.
    """

    inner: "Document"
    free: bool = False


class Either(NamedTuple):
    """`first` where it fits, its free groups broken; else `other`."""

    first: "Document"
    other: "Document"


Document = str | list["Document"] | Break | IfBroken | Indent | Group | Either
_Part = tuple[Document, int, bool]  # what waits, how far its lines are indented, is it broken


def print_document(document: Document, width: int) -> list[str]:
    """The lines of a document, its groups broken from the left to the right."""
    lines = [""]
    pending: list[_Part] = [(document, 0, True)]
    while pending:
        document, indent, broken = pending.pop()
        match document:
            case str():
                lines[-1] += document
            case list():
                pending += [(inner, indent, broken) for inner in reversed(document)]
            case Indent(inner):
                pending.append((inner, indent + _STEP, broken))
            case Break() if broken:
                lines.append(" " * indent)
            case Break(flat):
                lines[-1] += flat
            case IfBroken(text):
                lines[-1] += text if broken else ""
            case Group(inner, free):
                flat_part = (inner, indent, False)
                measured = broken or free
                fits = not measured or _fits(lines[-1], width, flat_part, pending)
                pending.append((inner, indent, not fits))
            case Either(first, other):
                flat_part = (first, indent, False)
                fits = _fits(lines[-1], width, flat_part, pending)
                pending.append(flat_part if fits else (other, indent, broken))
    return lines


def _fits(line: str, width: int, part: _Part, rest: Sequence[_Part]) -> bool:
    """Whether a part and what follows it fit behind `line`, up to where the rest may end it.

    Of a free group that is broken for it every line has to fit.
    """
    column = columns(line)
    following = len(rest)
    pending = [(*part, False)]
    while column <= width:
        if not pending:
            if not following:
                return True
            following -= 1
            pending.append((*rest[following], False))
        document, indent, broken, whole = pending.pop()
        match document:
            case str():
                column += columns(document)
            case list():
                pending += [(inner, indent, broken, whole) for inner in reversed(document)]
            case Indent(inner):
                pending.append((inner, indent + _STEP, broken, whole))
            case Break() if broken and not whole:
                return True
            case Break(flat):
                column = indent if broken else column + len(flat)
            case IfBroken(text):
                column += len(text) if broken else 0
            case Group(inner, free) if free and not broken:
                pending.append((inner, indent, True, True))
            case Group(inner) | Either(_, inner):
                pending.append((inner, indent, broken, whole))
    return False


def columns(text: str) -> int:
    """How wide a text is: characters like those of Chinese take two columns."""
    if text.isascii():
        return len(text)
    return len(text) + sum(east_asian_width(character) in "WF" for character in text)
