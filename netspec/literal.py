"""Turn plain values into Python source."""

import math


def write_literal(value: object) -> str:
    """`repr`, with the double quotes that ruff's formatter wants, and infinity as a call."""
    match value:
        case float() if not math.isfinite(value):
            return f'{"-" if value < 0 else ""}float("{abs(value)}")'
        case list():
            return f"[{', '.join(map(write_literal, value))}]"
        case tuple():
            inner = ", ".join(map(write_literal, value))
            return f"({inner},)" if len(value) == 1 else f"({inner})"
        case str():
            return _write_string(value)
    return repr(value)


def _write_string(value: str) -> str:
    text = repr(value)
    if text[0] == "'" and '"' not in text:
        return f'"{text[1:-1]}"'
    return text
