"""Diagnostics as people and programs read them."""

import json
from typing import Any

import pytest

import netspec
from netspec.diagnostic import Diagnostic, Diagnostics, did_you_mean
from netspec.report import write_json, write_sarif, write_text
from netspec.source import Source, Span
from netspec.spec import examine


def examined(text: str) -> tuple[Diagnostic, ...]:
    return examine(Source(text, "a.net"), None, {})[1]


def finding(text: str, start: int, end: int, **parts: Any) -> Diagnostic:
    return Diagnostic("a-code", "a message", Source(text, "a.net"), Span(start, end), **parts)


def shown(text: str, start: int, end: int, **parts: Any) -> list[str]:
    return write_text([finding(text, start, end, **parts)]).splitlines()


# ---- text ------------------------------------------------------------------------------------


def test_a_finding_has_place_excerpt_reason_notes_and_help() -> None:
    text = "net A\n    one two\n"
    lines = shown(text, 14, 17, label="why", notes=("a note", "another"), help="the way out")
    assert lines[1].lstrip() == "--> a.net:2:9"
    assert lines[:1] + lines[2:] == [
        "error[a-code]: a message",
        "  |",
        "2 |     one two",
        "  |         ^^^ why",
        "  |",
        "  = note: a note",
        "  = note: another",
        "  = help: the way out",
        "",
    ]


def test_a_finding_about_the_whole_file_has_no_excerpt() -> None:
    found = Diagnostic("a-code", "a message", Source("", "a.net"), help="the way out")
    assert write_text([found]) == (
        "error[a-code]: a message\n  --> a.net\n  = help: the way out\n\n"
    )


@pytest.mark.parametrize("number", [1, 9, 10, 99, 100, 12345])
def test_the_bars_stand_below_each_other(number: int) -> None:
    text = "\n" * (number - 1) + "some words\n"
    lines = shown(text, number - 1 + 5, number - 1 + 10, help="help")
    column = lines[3].index("|")
    assert lines[3].startswith(f"{number} | some words")
    for line in (lines[2], lines[4], lines[5]):
        assert line.index("|") == column
    assert lines[6].index("=") == column
    assert lines[1].index("-->") in (column - 1, column)
    assert lines[4] == " " * column + "|      ^^^^^"


@pytest.mark.parametrize(
    ("start", "end"), [(0, 5), (39, 45), (41, 42), (500, 520), (880, 900), (899, 900), (10, 900)]
)
def test_a_long_line_is_cut_around_the_place(start: int, end: int) -> None:
    text = "".join(chr(ord("a") + i % 26) for i in range(900))
    source, carets = shown(text, start, end)[3:5]
    assert len(source) <= 130
    first = carets.index("^")
    width = carets.count("^")
    assert source[first : first + min(width, 5)] == text[start : start + min(width, 5)]
    assert width == end - start or source.endswith("…")
    assert len(carets) <= len(source)


def test_a_cut_is_marked_on_the_side_where_it_is() -> None:
    text = "x" * 900
    assert shown(text, 0, 1)[3].endswith("x…")
    middle = shown(text, 450, 451)[3]
    assert middle.startswith("1 | …x")
    assert middle.endswith("x…")
    assert not shown(text, 899, 900)[3].endswith("…")
    assert "…" not in shown("x" * 120, 5, 6)[3]


def test_the_carets_stay_in_the_first_line_of_a_span() -> None:
    text = "one (\n    two\n)\n"
    assert shown(text, 4, 15)[3:5] == ["1 | one (", "  |     ^"]


def test_the_end_of_a_line_and_of_the_file_can_be_pointed_at() -> None:
    assert shown("one\ntwo", 3, 4)[3:5] == ["1 | one", "  |    ^"]
    assert shown("one\ntwo", 7, 7)[3:5] == ["2 | two", "  |    ^"]
    assert shown("", 0, 0)[3:5] == ["1 | ", "  | ^"]


def test_tabs_do_not_shift_the_carets() -> None:
    source, carets = shown("\tone\ttwo", 5, 8)[3:5]
    assert source == "1 |  one two"
    assert carets == "  |      ^^^"


def test_what_a_terminal_would_act_on_is_replaced() -> None:
    text = 'x = "\x1b[31m\x9b\u202e\x07"'
    found = finding(text, 0, 1, label=text, notes=(text,), help=text)._replace(message=text)
    plain = write_text([found])
    assert all(c.isprintable() or c == "\n" for c in plain)


def test_colours_add_nothing_but_colours() -> None:
    import re

    found = examined("net A()(x: [N, 4]) {\n    y = x\n    return x -> Linaer(2)\n}\n")
    colour = write_text(found, colour=True)
    assert "\x1b[1;31m" in colour
    assert re.sub(r"\x1b\[[\d;]*m", "", colour) == write_text(found)


# ---- length ----------------------------------------------------------------------------------


def test_what_is_quoted_from_a_spec_is_cut_where_it_is_long() -> None:
    name = "L" + "o" * 5_000 + "ng"
    (found,) = examined(f"net A()(x: [N, 4]) {{\n    return x -> {name}(2)\n}}\n")
    assert len(found.message) < 200
    assert "Looo" in found.message
    assert "…`" in found.message
    found = examined(f"net A()(x: [N, 4]) {{\n    return x -> Linear({name})\n}}\n")[0]
    assert len(found.message) < 200


def test_short_names_are_quoted_in_full() -> None:
    name = "L" + "o" * 90
    (found,) = examined(f"net A()(x: [N, 4]) {{\n    return x -> {name}(2)\n}}\n")
    assert f"`{name}`" in found.message


def test_a_finding_is_told_once() -> None:
    found = Diagnostics(Source("abc"))
    for _ in range(3):
        found.add("a-code", "a message", Span(0, 1))
    found.add("a-code", "a message", Span(1, 2))
    assert len(found.in_order()) == 2


def test_findings_come_in_the_order_of_the_file() -> None:
    text = (
        'device "gpu"\n\nnet A(k: ant = 1)(x: [N, 4]) {\n    init Linaer with (weight=zeros)\n'
        "    y = x -> Conv2d(3, 1)\n    return x -> Linear(2, nope=3)\n}\n\n"
        "train B {\n    epochs = 0\n}\n"
    )
    found = examined(text)
    starts = [d.span.start for d in found if d.span]
    assert starts == sorted(starts)
    assert len(found) >= 5


# ---- JSON, SARIF -----------------------------------------------------------------------------


def test_the_spans_of_json_cut_the_text_out_of_the_file() -> None:
    text = "# é 日本 😀\nnet A()(x: [N, 4]) {\n    return x -> Linaer(2) -> ReLu\n}\n"
    data = json.loads(write_json(examined(text)))["diagnostics"]
    cut = []
    for item in data:
        start, end = item["span"]["start"], item["span"]["end"]
        cut.append(text[start["offset"] : end["offset"]])
        line = text.split("\n")[start["line"] - 1]
        assert start["line"] == end["line"] == 3
        assert line[start["column"] - 1 : end["column"] - 1] == cut[-1]
    assert cut[0] == "Linaer"


def test_json_has_all_parts_of_a_finding() -> None:
    found = finding("some text", 0, 4, label="why", notes=("a note",), help="the way out")
    (item,) = json.loads(write_json([found]))["diagnostics"]
    assert item == {
        "code": "a-code",
        "severity": "error",
        "message": "a message",
        "file": "a.net",
        "span": {
            "start": {"line": 1, "column": 1, "offset": 0},
            "end": {"line": 1, "column": 5, "offset": 4},
        },
        "label": "why",
        "notes": ["a note"],
        "help": "the way out",
    }


def test_json_of_a_whole_file_has_no_span() -> None:
    (item,) = json.loads(write_json(examined("")))["diagnostics"]
    assert (item["code"], item["span"]) == ("empty-spec", None)


@pytest.mark.parametrize(
    ("severity", "level"), [("error", "error"), ("warning", "warning"), ("hint", "note")]
)
def test_sarif_has_words_of_its_own_for_severities(severity: Any, level: str) -> None:
    found = finding("text", 0, 1, severity=severity, label="why", help="the way out")
    (run,) = json.loads(write_sarif([found], "1.2"))["runs"]
    assert run["tool"]["driver"]["version"] == "1.2"
    (result,) = run["results"]
    assert result["level"] == level
    assert result["message"]["text"] == "a message\nwhy\nhelp: the way out"


# ---- exceptions, suggestions -----------------------------------------------------------------


def test_the_exception_says_the_first_error_and_how_many_more() -> None:
    text = "net A(k: int = 1)(x: [N, 4]) {\n    return x -> Linaer(2)\n}\n"
    with pytest.raises(netspec.SpecError) as caught:
        netspec.loads(text, name="a.net")
    assert str(caught.value).startswith("a.net:2:17: error[unknown-layer]: unknown layer `Linaer`")
    with pytest.raises(netspec.SpecError, match=r"\(and 1 more\)"):
        netspec.loads(text.replace("}", "}\n\nnet B()(x: [N]) { return x -> ReLUU }"))


@pytest.mark.parametrize(
    ("name", "near"),
    [("conv2d", "Conv2d"), ("Conv2", "Conv2d"), ("Lienar", "Linear"), ("Wombat", None), ("", None)],
)
def test_suggestions_are_slips_of_the_pen(name: str, near: str | None) -> None:
    words = did_you_mean(name, ["Conv1d", "Conv2d", "Linear", "ReLU"])
    assert words == (f"did you mean `{near}`?" if near else "")
