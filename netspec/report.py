"""Turn diagnostics into text for people, JSON for programs and SARIF for code scanning."""

import json
from collections.abc import Sequence
from typing import Any

from netspec.diagnostic import Diagnostic

_WIDEST = 120  # characters of an excerpt
_BEFORE = 40  # of them before the place, where a line is cut
_MOST = 50  # findings that a person reads at once
_COLOURS = {"error": "31", "warning": "33", "hint": "36"}


def write_text(diagnostics: Sequence[Diagnostic], *, colour: bool = False) -> str:
    """The diagnostics as a person reads them, an empty line after each; the first ones of many."""
    paint = _paint if colour else _plain
    text = "".join(f"{_write_one(found, paint)}\n" for found in diagnostics[:_MOST])
    more = len(diagnostics) - _MOST
    return f"{text}… and {more:,} more; `--format json` lists them all\n\n" if more > 0 else text


def _plain(text: str, code: str) -> str:
    return text


def _paint(text: str, code: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m"


def _write_one(found: Diagnostic, paint: Any) -> str:
    colour = _COLOURS[found.severity]
    title = paint(f"{found.severity}[{found.code}]", f"1;{colour}")
    lines = [f"{title}: {printable(found.message)}", f"  --> {printable(found.place)}"]
    margin = " "
    if found.span is not None:
        number, column = found.source.position(found.span.start)
        margin = " " * (len(str(number)))
        text, start, width = _excerpt(found, number, column)
        carets = paint("^" * width, f"1;{colour}")
        label = f" {printable(found.label)}" if found.label else ""
        lines[1] = f"{margin[1:]} {lines[1][1:]}" if len(margin) > 1 else lines[1]
        lines += [
            f"{margin} |",
            f"{number} | {text}",
            f"{margin} | {' ' * start}{carets}{label}",
        ]
        if found.notes or found.help:
            lines.append(f"{margin} |")
    lines += [f"{margin} = note: {printable(note)}" for note in found.notes]
    if found.help:
        lines.append(f"{margin} = help: {printable(found.help)}")
    return "\n".join(lines) + "\n"


def _excerpt(found: Diagnostic, number: int, column: int) -> tuple[str, int, int]:
    """The source line, cut where it is long, and where in it the carets stand."""
    assert found.span is not None
    line = found.source.line(number)
    start = column - 1
    width = max(1, min(found.span.end - found.span.start, len(line) - start))
    if len(line) > _WIDEST:
        first = max(0, start - _BEFORE)
        last = first + _WIDEST
        head, tail = ("…" if first else ""), ("…" if last < len(line) else "")
        line = f"{head}{line[first:last]}{tail}"
        start = start - first + len(head)
        width = max(1, min(width, len(line) - start))
    return printable(line.replace("\t", " ")), start, width


def printable(text: str) -> str:
    """`text` without characters that a terminal would act on."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def write_json(diagnostics: Sequence[Diagnostic]) -> str:
    """All diagnostics as a JSON document; lines and columns count from 1, offsets from 0."""
    return json.dumps({"diagnostics": [_as_data(d) for d in diagnostics]}, indent=2) + "\n"


def _as_data(found: Diagnostic) -> dict[str, Any]:
    data: dict[str, Any] = {
        "code": found.code,
        "severity": found.severity,
        "message": found.message,
        "file": found.source.name,
        "span": None,
        "label": found.label,
        "notes": list(found.notes),
        "help": found.help,
    }
    if found.span is not None:
        line, column = found.source.position(found.span.start)
        end_line, end_column = found.source.position(found.span.end)
        data["span"] = {
            "start": {"line": line, "column": column, "offset": found.span.start},
            "end": {"line": end_line, "column": end_column, "offset": found.span.end},
        }
    return data


def write_sarif(diagnostics: Sequence[Diagnostic], version: str) -> str:
    """All diagnostics as a SARIF 2.1.0 log."""
    rules = sorted({found.code for found in diagnostics})
    driver = {
        "name": "netspec",
        "version": version,
        "rules": [{"id": rule} for rule in rules],
    }
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "results": [_sarif_result(found) for found in diagnostics],
            }
        ],
    }
    return json.dumps(log, indent=2) + "\n"


def _sarif_result(found: Diagnostic) -> dict[str, Any]:
    from urllib.parse import quote

    parts = [found.message, *([found.label] if found.label else []), *found.notes]
    if found.help:
        parts.append(f"help: {found.help}")
    uri = quote(found.source.name.replace("\\", "/"), errors="surrogateescape")
    location: dict[str, Any] = {"artifactLocation": {"uri": uri}}
    if found.span is not None:
        line, column = found.source.position(found.span.start)
        end_line, end_column = found.source.position(found.span.end)
        location["region"] = {
            "startLine": line,
            "startColumn": column,
            "endLine": end_line,
            "endColumn": end_column,
        }
    return {
        "ruleId": found.code,
        "level": "note" if found.severity == "hint" else found.severity,
        "message": {"text": "\n".join(parts)},
        "locations": [{"physicalLocation": location}],
    }
