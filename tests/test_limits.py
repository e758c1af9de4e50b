"""Building always ends: what grows beyond a limit is an error, and the caller sets the limits."""

import pytest
import torch

import netspec
from netspec.cli import main

LOOPS = """net A(n: int = 100)(x: [N, 4]) {
    for i in range(n) { for j in range(n) { x = x + 1 } }
    return x
}"""
BLOCKS = """block B0()(x: [N, C]) { return x + 1 }
block B1()(x: [N, C]) { return x -> repeat(90) B0 }
block B2()(x: [N, C]) { return x -> repeat(90) B1 }
block B3()(x: [N, C]) { return x -> repeat(90) B2 }
net A()(x: [N, 4]) { return x -> B3 }"""


def refusal(text: str, **parameters: int) -> netspec.Diagnostic:
    with pytest.raises(netspec.SpecError) as caught:
        netspec.loads(text, **parameters)
    errors = [found for found in caught.value.diagnostics if found.severity == "error"]
    assert len(errors) == 1
    return errors[0]


@pytest.mark.parametrize("text", [LOOPS.replace("100", "3000"), BLOCKS])
def test_nested_loops_and_blocks_end(text: str) -> None:
    with netspec.limits(steps=10_000):
        error = refusal(text)
    assert (error.code, error.message) == (
        "too-large",
        "the check of the net takes more than 10,000 steps",
    )


def test_the_caller_sets_the_limits_and_what_is_loaded_keeps_them() -> None:
    with netspec.limits(steps=1_000):
        assert refusal(LOOPS).code == "too-large"
        with netspec.limits(steps=30_000):
            spec = netspec.loads(LOOPS)
    with netspec.limits(steps=1_000):
        assert spec.build(n=20)(torch.zeros(1, 4))[0, 0] == 400
        assert spec.with_parameters(n=110).nets == ("A",)
    assert netspec.loads(LOOPS).nets == ("A",)


@pytest.mark.parametrize(
    ("limit", "value", "text"),
    [
        ("layers", 5, "net A()(x: [N, 4]) { return x -> repeat(6) Linear(4) }"),
        ("layers", 5, "net A()(x: [N, 4]) { return x -> repeat(3) (repeat(2) Linear(4)) }"),
        ("blocks", 2, BLOCKS),
        ("bits", 8, "net A()(x: [N, 4]) {\n    let k = 2 ** 9\n    return x * k\n}"),
        ("items", 3, "net A()(x: [N, 4]) {\n    let k = [1, 2] * 2\n    return x * len(k)\n}"),
    ],
)
def test_each_limit_holds(limit: str, value: int, text: str) -> None:
    with netspec.limits(**{limit: value}):
        assert refusal(text).code in ("too-large", "recursion")


def test_a_limit_must_be_one() -> None:
    with pytest.raises(TypeError, match="there is no limit `layer`: limits are layers, steps"):
        netspec.limits(layer=3).__enter__()
    with pytest.raises(TypeError, match=r"must be an integer, found 2\.5"):
        netspec.limits(layers=2.5).__enter__()  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="must be at least 1, found 0"):
        netspec.limits(layers=0).__enter__()


def test_limits_on_the_command_line(tmp_path: object, capsys: pytest.CaptureFixture[str]) -> None:
    path = f"{tmp_path}/loops.net"
    with open(path, "w", encoding="utf-8") as file:
        file.write(LOOPS)
    assert main(["check", path]) == 0
    assert main(["check", path, "--limit", "steps=1000"]) == 1
    assert "more than 1,000 steps" in capsys.readouterr().out
    for wrong in ("step=3", "steps=0", "steps=x", "steps"):
        with pytest.raises(SystemExit) as caught:
            main(["check", path, "--limit", wrong])
        assert caught.value.code == 2
        assert "Traceback" not in capsys.readouterr().err


def test_a_formula_that_explodes_is_refused() -> None:
    sizes = ", ".join(f"S{number}" for number in range(20))
    pad = ", ".join(["1", "0"] * 20)
    body = f"    y = x -> pad(({pad}))\n    return y -> flatten\n"
    error = refusal(f"net A()(x: [{sizes}]) {{\n{body}}}")
    assert (error.code, error.place) == ("too-large", "<spec>:3:5")
    assert "follows a formula of more than 10,000 terms" in error.message
    parameters = [f"p{number}" for number in range(20)]
    product = " * ".join(f"({name} + 1)" for name in parameters)
    head = ", ".join(f"{name}: int = 1" for name in parameters)
    body = f"    for i in range(p0) {{ x = x -> Linear({product}) }}\n    return x\n"
    assert refusal(f"net A({head})(x: [N, 4]) {{\n{body}}}").code == "too-large"
