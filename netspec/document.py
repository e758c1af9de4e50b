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


class _Part(NamedTuple):
    """A document that waits: the column at which its lines start, whether it is broken.

    Where it is `measured`, each of its lines has to fit, not only the first.
    """

    document: Document
    column: int = 0
    broken: bool = True
    measured: bool = False


def print_document(document: Document, width: int) -> list[str]:
    """The lines of a document, its groups broken from the left to the right."""
    lines = [""]
    pending = [_Part(document)]
    while pending:
        part = pending.pop()
        match part.document:
            case Break() if part.broken:
                lines.append(" " * part.column)
            case Group(inner, free):
                flat = part._replace(document=inner, broken=False)
                measure = part.broken or free
                fits = not measure or _fits(lines[-1], width, flat, pending)
                pending.append(flat._replace(broken=not fits))
            case Either(first, other):
                flat = part._replace(document=first, broken=False)
                fits = _fits(lines[-1], width, flat, pending)
                pending.append(flat if fits else part._replace(document=other))
            case str() | Break() | IfBroken():
                lines[-1] += _text(part)
            case _:
                pending += _inner(part)
    return lines


def _fits(line: str, width: int, part: _Part, rest: Sequence[_Part]) -> bool:
    """Whether a part and what follows it fit behind `line`, up to where the rest may end it."""
    column = columns(line)
    following = len(rest)
    pending = [part]
    while column <= width:
        if not pending:
            if not following:
                return True
            following -= 1
            pending.append(rest[following])
        part = pending.pop()
        match part.document:
            case Break() if part.broken and not part.measured:
                return True
            case Break() if part.broken:
                column = part.column
            case Group(inner, free) if free and not part.broken:
                pending.append(part._replace(document=inner, broken=True, measured=True))
            case Group(inner) | Either(_, inner):
                pending.append(part._replace(document=inner))
            case str() | Break() | IfBroken():
                column += columns(_text(part))
            case _:
                pending += _inner(part)
    return False


def _text(part: _Part) -> str:
    match part.document:
        case str(text):
            return text
        case Break(flat):
            return flat
        case IfBroken(text) if part.broken:
            return text
    return ""


def _inner(part: _Part) -> list[_Part]:
    """The parts of a part, the first one last."""
    match part.document:
        case Indent(inner):
            return [part._replace(document=inner, column=part.column + _STEP)]
        case list(documents):
            return [part._replace(document=document) for document in reversed(documents)]
    raise TypeError(part.document)


def columns(text: str) -> int:
    """How wide a text is: characters like those of Chinese take two columns."""
    return len(text) + sum(east_asian_width(character) in "WF" for character in text)
