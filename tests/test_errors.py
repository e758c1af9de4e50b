"""Each spec in errors/ gets the diagnostics that stand beside it."""

from pathlib import Path

import pytest

from netspec.report import write_text
from netspec.source import Source
from netspec.spec import examine, read_source

FOLDER = Path(__file__).parent / "errors"
CASES = sorted(path.stem for path in FOLDER.glob("*.net"))


def diagnose(path: Path) -> str:
    source, unreadable = read_source(path)
    source.name = path.name
    graph, diagnostics = examine(source, unreadable, {})
    verdict = "refused" if graph is None else "accepted"
    return f"{write_text(diagnostics)}{verdict}\n"


@pytest.mark.parametrize("case", CASES)
def test_a_spec_gets_the_diagnostics_beside_it(case: str, update: bool) -> None:
    golden = FOLDER / f"{case}.txt"
    text = diagnose(FOLDER / f"{case}.net")
    if update:
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


def test_no_golden_file_is_an_orphan(update: bool) -> None:
    for golden in FOLDER.glob("*.txt"):
        if golden.stem not in CASES and update:
            golden.unlink()
        assert golden.stem in CASES or not golden.exists()


def test_rules_are_not_called_idle_where_layers_are_missing_for_an_error() -> None:
    spec = """net A()(x: [N, 4]) {
    init Linear with (weight=zeros)
    for w in width { x = x -> Linear(w) }
    return x
}
"""
    _, found = examine(Source(spec, "a.net"), None, {})
    assert [one.code for one in found] == ["unknown-name"]
