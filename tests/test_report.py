"""Diagnostics as text, JSON and SARIF: excerpts, carets, cuts and spans."""

import json
import re

import pytest

from netspec.diagnostic import Diagnostic, Diagnostics, SpecError, did_you_mean, nearest
from netspec.report import printable, write_json, write_sarif, write_text
from netspec.source import Source, Span


def finding(text: str, start: int, end: int, label: str = "") -> Diagnostic:
    found = Diagnostics(Source(text, "a.net"))
    found.add("some-code", "something is wrong", Span(start, end), label=label)
    return found.in_order()[0]


def excerpt(text: str, start: int, end: int, label: str = "") -> tuple[str, str]:
    """The source line as shown, and the line with the carets, without their margin."""
    lines = write_text([finding(text, start, end, label)]).splitlines()
    return lines[3].split("| ", 1)[-1], lines[4].split("| ", 1)[-1]


def marked(text: str, start: int, end: int) -> str:
    """What stands over the carets."""
    line, carets = excerpt(text, start, end)
    return line[carets.index("^") : carets.rindex("^") + 1]


# ---- text --------------------------------------------------------------------------------------


def test_a_diagnostic_is_laid_out_as_people_know_it() -> None:
    found = Diagnostics(Source("one\ntwo three\n", "a.net"))
    notes = ("because of this", "and that")
    found.add("a-code", "no", Span(8, 13), label="this", notes=notes, help="do that")
    assert write_text(found.in_order()) == (
        "error[a-code]: no\n"
        "  --> a.net:2:5\n"
        "  |\n"
        "2 | two three\n"
        "  |     ^^^^^ this\n"
        "  |\n"
        "  = note: because of this\n"
        "  = note: and that\n"
        "  = help: do that\n"
        "\n"
    )


def test_the_margin_is_as_wide_as_the_line_number() -> None:
    text = "\n" * 99 + "word"
    assert write_text([finding(text, 99, 103)]) == (
        "error[some-code]: something is wrong\n"
        "    --> a.net:100:1\n"
        "    |\n"
        "100 | word\n"
        "    | ^^^^\n"
        "\n"
    )


def test_a_finding_about_the_whole_file_has_no_excerpt() -> None:
    found = Diagnostics(Source("", "a.net"))
    found.add("empty", "nothing here", None, help="write something")
    assert write_text(found.in_order()) == (
        "error[empty]: nothing here\n  --> a.net\n  = help: write something\n\n"
    )


@pytest.mark.parametrize("at", [0, 10, 39, 40, 41, 100, 119, 120, 121, 250, 480, 497])
def test_a_long_line_is_cut_around_the_place(at: int) -> None:
    text = "".join(f"{i:04d} " for i in range(100))
    assert marked(text, at, at + 3) == text[at : at + 3]
    line, carets = excerpt(text, at, at + 3)
    assert len(line) <= 122
    assert len(carets) <= 122
    assert line.startswith("…") == (at > 40)


def test_carets_end_with_the_line() -> None:
    assert marked("abc def\nghi\n", 4, 12) == "def"
    long = "x" * 1000
    line, carets = excerpt(long, 10, 1000)
    assert len(carets) <= len(line) <= 122


def test_a_place_behind_the_last_character_has_a_caret() -> None:
    assert excerpt("abc", 3, 4) == ("abc", "   ^")
    assert excerpt("abc\n", 4, 5)[1] == "^"
    assert excerpt("", 0, 0)[1] == "^"


def test_tabs_and_line_ends_keep_carets_in_place() -> None:
    assert marked("\tabc\r\n", 1, 4) == "abc"
    assert excerpt("\tabc\r\n", 1, 4) == (" abc", " ^^^")


def test_no_control_character_reaches_a_terminal() -> None:
    assert printable("a\x1b[31m\u202eb\x00\n") == "a�[31m�b��"
    found = Diagnostics(Source("x\x1b]0;title\x07y", "a.net"))
    found.add("c", "m\x1b", Span(0, 1), label="l\x1b", notes=["n\x1b"], help="h\x1b")
    text = write_text(found.in_order())
    assert all(c.isprintable() or c == "\n" for c in text)


def test_a_file_name_is_made_printable_too() -> None:
    found = Diagnostics(Source("x", "a\x1b[2J\n.net"))
    found.add("c", "m", Span(0, 1))
    assert "--> a�[2J�.net:1:1\n" in write_text(found.in_order())


def test_colours_change_no_words() -> None:
    diagnostics = [finding("one two\n", 4, 7, "this")]
    coloured = write_text(diagnostics, colour=True)
    assert coloured != write_text(diagnostics)
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == write_text(diagnostics)


def test_many_findings_are_cut_and_counted() -> None:
    text = "x" * 80
    found = Diagnostics(Source(text, "a.net"))
    for at in range(80):
        found.add("c", "m", Span(at, at + 1))
    shown = write_text(found.in_order())
    assert shown.count("error[c]") == 50
    assert shown.endswith("… and 30 more; `--format json` lists them all\n\n")
    assert len(json.loads(write_json(found.in_order()))["diagnostics"]) == 80


def test_long_texts_are_cut_in_the_middle() -> None:
    found = Diagnostics(Source("x", "a.net"))
    found.add("c", "a" * 200 + "b" * 200, Span(0, 1), label="c" * 301, help="d" * 300)
    (only,) = found.in_order()
    assert only.message == "a" * 200 + "b" * 39 + "…" + "b" * 60
    assert len(only.label) == 300
    assert only.help == "d" * 300


# ---- order -------------------------------------------------------------------------------------


def test_findings_come_in_source_order_and_once() -> None:
    found = Diagnostics(Source("abc", "a.net"))
    found.add("late", "m", Span(2, 3))
    found.add("early", "m", Span(0, 1))
    found.add("early", "m", Span(0, 1), help="again")
    found.add("whole", "m", None)
    found.add("warn", "m", Span(1, 2), severity="warning")
    assert [d.code for d in found.in_order()] == ["whole", "early", "warn", "late"]
    assert found.error_count == 3


def test_an_exception_tells_the_first_error_and_how_many_more() -> None:
    found = Diagnostics(Source("abc", "a.net"))
    found.add("warn", "careful", Span(0, 1), severity="warning")
    found.add("one", "first", Span(1, 2))
    found.add("two", "second", Span(2, 3))
    error = SpecError(found.in_order())
    assert str(error) == "a.net:1:2: error[one]: first (and 1 more)"
    assert len(error.diagnostics) == 3


def test_a_slip_of_the_pen_finds_its_name() -> None:
    names = ["Conv2d", "ConvTranspose2d", "Linear", "ReLU"]
    assert did_you_mean("Linaer", names) == "did you mean `Linear`?"
    assert did_you_mean("conv2D", names) == "did you mean `Conv2d`?"
    assert did_you_mean("relu", names) == "did you mean `ReLU`?"
    assert did_you_mean("Banana", names) == ""
    assert did_you_mean("Linear", ["Linear"]) == ""


def test_a_short_name_is_forgiven_one_slip() -> None:
    names = ["floor", "relu", "elu", "cat", "full", "var", "flatten", "GRU", "h1", "cls"]
    slips = {"rlu": "relu", "cta": "cat", "ful": "full", "fuxl": "full", "catt": "cat"}
    slips |= {"flat": "flatten", "gur": "GRU", "relv": "relu", "cl": "cls", "flor": "floor"}
    assert {name: nearest(name, names) for name in slips} == slips
    assert {nearest(name, names) for name in ("foo", "bar", "x", "h2", "fool", "tac")} == {None}


# ---- JSON and SARIF ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [("ab\ncdé\n", 0, 2), ("ab\ncdé\n", 3, 6), ("ab\ncdé\n", 1, 5), ("ab", 2, 3), ("é\n", 2, 3)],
)
def test_json_spans_point_at_the_text(text: str, start: int, end: int) -> None:
    (data,) = json.loads(write_json([finding(text, start, end)]))["diagnostics"]
    lines = text.split("\n")
    for side, offset in (("start", start), ("end", end)):
        place = data["span"][side]
        assert place["offset"] == offset
        before = sum(len(line) + 1 for line in lines[: place["line"] - 1])
        assert before + place["column"] - 1 == offset


def test_json_has_every_part() -> None:
    found = Diagnostics(Source("x", "ä.net"))
    found.add("c", "m", None, label="l", notes=["n"], help="h", severity="hint")
    assert json.loads(write_json(found.in_order())) == {
        "diagnostics": [
            {
                "code": "c",
                "severity": "hint",
                "message": "m",
                "file": "ä.net",
                "span": None,
                "label": "l",
                "notes": ["n"],
                "help": "h",
            }
        ]
    }


def test_sarif_has_levels_regions_and_rules() -> None:
    found = Diagnostics(Source("ab\ncd\n", "dir\\a.net"))
    found.add("b-rule", "m", Span(1, 4), label="l", notes=["n"], help="h")
    found.add("a-rule", "m", None, severity="hint")
    found.add("b-rule", "m2", Span(5, 5), severity="warning")
    (run,) = json.loads(write_sarif(found.in_order(), "1.2"))["runs"]
    assert run["tool"]["driver"]["rules"] == [{"id": "a-rule"}, {"id": "b-rule"}]
    assert [result["level"] for result in run["results"]] == ["note", "error", "warning"]
    first, second, _ = run["results"]
    assert second["message"]["text"] == "m\nl\nn\nhelp: h"
    place = second["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "dir/a.net"}
    assert place["region"] == {"startLine": 1, "startColumn": 2, "endLine": 2, "endColumn": 2}
    assert "region" not in first["locations"][0]["physicalLocation"]
