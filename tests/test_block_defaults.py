"""Parameters that are blocks, with defaults: as if the default were written where it is used."""

import json
from pathlib import Path

import pytest
import torch

import netspec
from netspec.report import write_json

BLOCKS = """block Inner(width: int)(x: [N, C]) {
    return x -> Linear(width) -> ReLU
}
block Outer(body: block = (Inner(4) -> Linear(4)), act: block = ReLU, last: int = 3)(x: [N, C]) {
    return x -> body -> Linear(last) -> act
}
"""


def net(body: str) -> str:
    return f"net A(depth: int = 2)(x: float32[N, 5]) {{\n    {body}\n}}\n"


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("return x -> Outer", "return x -> Outer(Inner(4) -> Linear(4), ReLU)"),
        ("return x -> Outer(act=Tanh)", "return x -> Outer(Inner(4) -> Linear(4), act=Tanh)"),
        (
            "return x -> Outer -> Outer(Linear(7))",
            "return x -> Outer(Inner(4) -> Linear(4), ReLU) -> Outer(Linear(7), ReLU)",
        ),
        (
            "return x -> repeat(depth) Outer(last=5)",
            "return x -> repeat(depth) Outer(Inner(4) -> Linear(4), ReLU, last=5)",
        ),
        (
            "for i in range(depth) as h { x = x -> Outer(last=5) -> BatchNorm1d }\n    return x",
            "for i in range(depth) as h "
            "{ x = x -> Outer(Inner(4) -> Linear(4), ReLU, last=5) -> BatchNorm1d }\n    return x",
        ),
    ],
)
def test_a_default_is_what_is_written_out(short: str, long: str) -> None:
    left_out, given = (netspec.loads(BLOCKS + net(body)) for body in (short, long))
    assert left_out.source == given.source
    assert str(left_out.summary()) == str(given.summary())
    assert left_out.build(depth=3)(torch.zeros(2, 5)).shape[0] == 2


def test_a_default_of_another_file_must_be_known_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("blocks.net").write_text(BLOCKS)
    Path("a.net").write_text('use Outer from "blocks.net"\n' + net("return x -> Outer"))
    with pytest.raises(netspec.SpecError) as caught:
        netspec.load("a.net")
    (error,) = caught.value.diagnostics
    assert error.code == "missing-argument"
    assert error.message == (
        "the default of `body` is `Inner(4) -> Linear(4)`, which is not known here"
    )
    assert error.place == "a.net:3:17"
    Path("a.net").write_text('use Outer, Inner from "blocks.net"\n' + net("return x -> Outer"))
    assert netspec.load("a.net").build()(torch.zeros(2, 5)).shape == (2, 3)


def test_what_is_wrong_with_a_default_is_said_where_it_is_used() -> None:
    block = (
        "block B(n: int = 2, body: block = (Linear(3) -> Conv2d(3, 3)))(x) { return x -> body }\n"
    )
    spec = block + net("return x -> B(n=1)")
    with pytest.raises(netspec.SpecError) as caught:
        netspec.loads(spec)
    error = next(found for found in caught.value.diagnostics if found.severity == "error")
    assert (error.code, error.place) == ("shape-mismatch", "<spec>:3:17")
    assert "in `Linear(3) -> Conv2d(3, 3)`, the default of `body`" in error.notes
    assert error.span is not None
    assert spec[error.span.start : error.span.end] == "B(n=1)"
    place = json.loads(write_json([error]))["diagnostics"][0]["span"]
    assert place["end"] == {"line": 3, "column": 23, "offset": error.span.end}


NESTED = """block Inner(act: block = ReLU, width: int = 4)(x: [N, C]) {
    return x -> Linear(width) -> act -> Linear(width) -> act
}
block Outer(body: block = (Inner -> Linear(5)), last: block = Inner)(x: [N, C]) {
    return x -> body -> last
}
block Top(a: block = Outer, b: block = (Outer -> Outer))(x: [N, C]) {
    return x -> a -> b
}
"""


def test_defaults_have_defaults() -> None:
    spec = netspec.loads(NESTED + net("return x -> Outer -> Outer -> repeat(depth) Top"))
    for depth in (1, 3):
        checked = spec.with_parameters(depth=depth).graph.nets["A"].parameter_shapes()
        model = spec.build(depth=depth)
        built = {name: tuple(value.shape) for name, value in model.named_parameters()}
        assert list(built.items()) == list(checked.items())
        assert model(torch.rand(2, 5)).shape == (2, 4)
