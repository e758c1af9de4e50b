"""The `require` that an error names: the smallest that proves the sizes equal, and enough."""

import re
from pathlib import Path

import pytest

from netspec.diagnostic import Diagnostic
from netspec.dim import symbol
from netspec.proof import proof_of
from netspec.source import Source
from netspec.spec import examine, read_source, read_used

SPECS = Path(__file__).parent.parent / "specs"
H, W, K = symbol("H"), symbol("W"), symbol("K", 3)


def errors_of(text: str, name: str = "a.net") -> list[Diagnostic]:
    found = examine(Source(text, name), None, {}, read_used)[1]
    return [one for one in found if one.severity == "error"]


def advised(help: str) -> str:
    found = re.fullmatch(r"add `(require .*)` at the start of the net", help)
    assert found, help
    return found[1]


def with_statement(text: str, statement: str) -> str:
    """The text, with a statement at the start of its last net."""
    at = text.index(" {\n", text.rindex("net ")) + 3
    return f"{text[:at]}    {statement}\n{text[at:]}"


@pytest.mark.parametrize(
    ("name", "statement"),
    [
        ("unet", "require H % 16 == 0 and W % 16 == 0"),
        ("unet3d", "require D % 8 == 0 and H % 8 == 0 and W % 8 == 0"),
    ],
)
def test_a_u_net_without_its_requirement_is_told_it(name: str, statement: str) -> None:
    source, _ = read_source(SPECS / f"{name}.net")
    text = re.sub(r"^ *require.*\n", "", source.text, flags=re.MULTILINE)
    assert text != source.text
    (error,) = errors_of(text, source.name)
    assert advised(error.help) == statement
    assert errors_of(with_statement(text, statement), source.name) == []


NETS = {
    "H % 2 == 0 and W % 2 == 0": """
        net A()(x: [N, 3, H, W]) {
            return x + (x -> MaxPool2d(2) -> Upsample(scale_factor=2))
        }""",
    "H % 4 == 0 and W % 4 == 0": """
        block Skip(body: block)(x) {
            return (x, x -> body) -> cat(dim=1)
        }
        net A()(x: [N, 3, H, W]) {
            return x -> Skip(Conv2d(3, 3, 2, 1) -> MaxPool2d(2) -> Upsample(scale_factor=4))
        }""",
    "H % 8 == 0": """
        net A()(x: [N, 3, H, 16]) -> [N, 3, H, 16] {
            require H % 4 == 0
            return x -> MaxPool2d(8) -> Upsample(scale_factor=8)
        }""",
    "H % 4 == 0 and W % 3 == 0": """
        net A()(x: [N, 3, H, W]) {
            return x -> reshape(N, 3, H // 4, 4, W // 3, 3)
        }""",
    "T % 6 == 0": """
        net A()(x: [N, 4, T]) {
            y = x -> MaxPool1d(2) -> MaxPool1d(3) -> Upsample(scale_factor=6)
            return y @ x.transpose(1, 2), (x, y) -> stack(0)
        }""",
    "T % 5 == 0": """
        block Fifth()(x: [N, C, T], y: [N, C, 5 * T]) {
            return x
        }
        net A()(x: [N, 4, T]) {
            return (x -> MaxPool1d(5), x) -> Fifth
        }""",
}


@pytest.mark.parametrize("proof", NETS)
def test_the_requirement_named_is_enough(proof: str) -> None:
    errors = errors_of(NETS[proof])
    assert {advised(error.help) for error in errors} == {f"require {proof}"}
    assert errors_of(with_statement(NETS[proof], f"require {proof}")) == []


@pytest.mark.parametrize(
    "body",
    [
        "x + (x -> Conv1d(3, 3, 2) -> ConvTranspose1d(3, 3, 2))",  # holds for odd sizes
        "x + (x -> Conv1d(3, 2))",  # never holds
        "x + y",
        "x -> reshape(N, 3, 5, -1)",
    ],
)
def test_nothing_is_advised_where_no_divisor_helps(body: str) -> None:
    (error,) = errors_of(f"net A()(x: [N, 3, T], y: [N, 3, S]) {{\n    return {body}\n}}")
    assert "require" not in error.help


def test_a_proof_names_the_smallest_factors() -> None:
    names = ["H", "W"]
    assert proof_of([(H // 2, 2 * (H // 4))], names) == "H % 4 == 0"
    assert proof_of([(H, 2 * (H // 2)), (H, 3 * (H // 3))], names) == "H % 6 == 0"
    assert proof_of([(H * W, 4 * (H // 4) * W)], names) == "H % 4 == 0"
    assert proof_of([(H % 4, 0)], names) == "H % 4 == 0"


def test_there_is_no_proof_of_what_need_not_be_or_cannot_be() -> None:
    assert proof_of([], ["H"]) == ""
    assert proof_of([(H, H)], ["H"]) == ""
    assert proof_of([(H, W)], ["H", "W"]) == ""
    assert proof_of([(H, H + 1)], ["H"]) == ""
    assert proof_of([(H, 2 * (H // 2)), (H, W)], ["H", "W"]) == ""
    assert proof_of([(H, 2 * (H // 2))], ["W"]) == ""  # the variable of a loop, say
    assert proof_of([(K, 2 * (K // 2))], ["K"]) == ""
