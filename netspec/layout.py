"""Break lines of generated code where ruff's formatter would break them."""

import textwrap
from collections.abc import Sequence

WIDTH = 88
_INDENT = "    "


def bracketed(head: str, items: Sequence[str], tail: str, indent: int) -> list[str]:
    """`head` items `tail` in one line, or in several where it is too wide.

    `head` ends with the opening bracket, `tail` begins with the closing one. The lines come without
    the first `indent` levels.
    """
    room = WIDTH - len(_INDENT) * indent
    one = f"{head}{', '.join(items)}{tail}"
    if len(one) <= room:
        return [one]
    inner = f"{_INDENT}{', '.join(items)}"
    if len(inner) <= room or len(items) == 1:
        return [head, inner, tail]
    return [head, *(f"{_INDENT}{item}," for item in items), tail]


def docstring(text: str, indent: int) -> list[str]:
    """`text` as a docstring, wrapped, without the first `indent` levels."""
    text = escaped(text)
    room = WIDTH - len(_INDENT) * indent
    closing = "" if not text.endswith('"') else " "
    if "\n\n" not in text:
        text = " ".join(text.split())
    if "\n" not in text and len(text) + 6 + len(closing) <= room:
        return [f'{opening(text)}{closing}"""']
    paragraphs = _paragraphs(text)
    # The quotes that close a single line would stand beyond its end: it becomes two lines.
    narrow = 6 if len(paragraphs) == 1 else 3
    first = wrapped(paragraphs[0], room - narrow)
    lines = [opening(first[0]), *first[1:]]
    for paragraph in paragraphs[1:]:
        lines += wrapped(paragraph, room)
    return [*lines, '"""']


def escaped(text: str) -> str:
    """`text` as it can stand in a docstring, whatever it holds: it never ends it."""
    text = "".join(c for c in text if c.isprintable() or c.isspace())
    return text.replace("\\", "\\\\").replace('"""', "'''").strip()


def wrapped(paragraph: str, room: int) -> list[str]:
    """Lines of whole words: a cut through an escape would make another character of it."""
    return textwrap.wrap(paragraph, room, break_long_words=False) or [""]


def opening(line: str) -> str:
    """The first line of a docstring, spaced as formatters do where it begins with a quote."""
    return f'""" {line}' if line.startswith('"') else f'"""{line}'


def _paragraphs(text: str) -> list[str]:
    """The paragraphs of a text, an empty one between two: lines of one are filled anew."""
    parts = [" ".join(part.split()) for part in text.split("\n\n")]
    return [line for part in parts for line in (part, "")][:-1]
