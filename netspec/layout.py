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
    text = text.replace("\\", "\\\\").replace('"""', "'''").strip()
    room = WIDTH - len(_INDENT) * indent
    closing = "" if not text.endswith('"') else " "
    if "\n" not in text and len(text) + 6 + len(closing) <= room:
        return [f'"""{text}{closing}"""']
    paragraphs = text.split("\n")
    first = textwrap.wrap(paragraphs[0], room - 3) or [""]
    lines = [f'"""{first[0]}', *first[1:]]
    for paragraph in paragraphs[1:]:
        lines += textwrap.wrap(paragraph, room) or [""]
    return [*lines, '"""']
