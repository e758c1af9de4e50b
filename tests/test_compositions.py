"""Kept values, tuples, loops and branches in one another: what check accepts builds and runs."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

import netspec

BIN = Path(sys.executable).parent
KEPT_ON_BOTH_SIDES = """net A(c: bool = True, width: int = 6)(x: float32[N, 4]) {
    if c { h[0] = x -> Linear(width) } else { h[0] = x }
    for i in range(2) { if i > 0 { h[i] = h[0] * i } }
    return h[0] -> Linear(3), h[1]
}
"""
KEPT_IN_EACH_MODE = """net A()(x: float32[N, T, 4]) {
    if training { h[0] = x -> Linear(4) } else { h[0] = x + 1 }
    for t in range(T) { h[0] = h[0] + x[:, t, None] }
    return h[0]
}
"""
TUPLE_INTO_A_TURN = """net A(n: int = 3)(x: float32[N, 8]) {
    s = (x, x)
    for i in range(n) {
        y = s[0] -> Linear(8)
        z = y + s[1] + zeros(8) -> Linear(8)
        s = (y, z)
    }
    return s[0]
}
"""
TUPLES_KEPT_BY_TURNS = """net A(n: int = 3)(x: float32[N, 8]) {
    for i in range(n) { h[i] = x -> Linear(8) -> Tanh -> Linear(8) }
    for i in range(n) {
        g[i] = (h[i] -> Linear(8), x)
        x = x -> Linear(8)
    }
    for i in range(n) {
        y, z = g[i]
        x = g[i][0] + y + z + h[i] + zeros(8) -> Linear(8) -> Tanh -> Linear(8)
    }
    return x
}
"""
FILLED_AND_READ_IN_A_TURN = """net A(n: int = 3)(x: float32[N, 8]) {
    for i in range(n) {
        let last = n - 1 - i
        if i > 0 { h[2 * i] = x -> Linear(8) } else { h[0] = x }
        h[2 * last + 1] = h[2 * i] -> Linear(8)
        for j in range(i) { x = x + h[2 * j] }
    }
    return x + h[0] + h[1]
}
"""
SEVERAL_AS_ONE = """net A()(x: float32[N, T, 8]) {
    y = x -> LSTM(8)
    return y
}
"""
READ_ABOVE_WHERE_IT_IS_KEPT = """net A(n: int = 1)(x: float32[N, 4]) {
    for i in range(n) {
        if i > 0 { x = x + h[i - 1] -> Linear(4) }
        h[i] = x -> Linear(4)
    }
    for i in range(n) {
        if i > 0 { y = g[i - 1] + x } else { y = x }
        g[i] = y * 2
    }
    return x
}
"""
TAKEN_APART_AND_KEPT = """block Two()(x: [N, C]) {
    for i in range(2) { a[i], (b[i], y) = (x * i, (x + i, x)) }
    return a[1], b[1]
}
net A(n: int = 2)(x: float32[N, 4]) {
    for i in range(n) {
        a[i], y = x -> Linear(8) -> chunk(2, dim=1)
        b[i], c[i] = x + y -> Two
        x = a[i] + b[i] -> Linear(4)
    }
    return x, c[0]
}
"""
SIZES_OF_WHAT_IS_KEPT = """block Wider(width: int)(x: [N, C]) {
    return x -> Linear(width) -> LayerNorm
}
net A(widths: list = [5, 6])(x: float32[N, 4]) {
    y = x
    first[0] = x
    for i, width in enumerate(widths) {
        x = x -> Wider(2 ** (i + 2))
        y = (y, x -> Linear(width)) -> cat(dim=1)
        first[i + 1] = y
        pairs[i] = (x, y)
        last[0] = y
    }
    for i in reversed(range(len(widths))) {
        a, b = pairs[i]
        x = a * 2 -> Linear(3)
        x = x + (b -> Linear(3))
    }
    return x, first[1] -> Linear(2), pairs[0][0] -> Linear(2), last[0] -> Linear(2)
}
"""
SPECS = {name: text for name, text in globals().items() if name.isupper() and name != "BIN"}


def rendered(text: str) -> ModuleType:
    """The generated file, executed as it is."""
    module = ModuleType("model")
    exec(compile(netspec.loads(text).render()["model.py"], "model.py", "exec"), module.__dict__)
    return module


def agree(text: str, *inputs: torch.Tensor, **values: Any) -> Any:
    """What the built module gives: what the class of the file gives, with the same keys."""
    built = []
    for made in (netspec.loads(text).build, rendered(text).A):
        torch.manual_seed(0)
        built.append(made(**values))
    one, other = built
    assert list(one.state_dict()) == list(other.state_dict())
    outputs = []
    for mode in (True, False):
        first, then = (model.train(mode)(*inputs) for model in built)
        same = zip(leaves(first), leaves(then), strict=True)
        assert all(torch.equal(one, other) for one, other in same)
        outputs.append(first)
    return outputs[-1]


def leaves(output: Any) -> list[torch.Tensor]:
    """The tensors of an output, however it is nested."""
    if isinstance(output, torch.Tensor):
        return [output]
    return [leaf for part in output for leaf in leaves(part)]


def codes(text: str, **values: Any) -> list[tuple[str, str]]:
    """The errors of a spec: their codes, and the label at the place."""
    with pytest.raises(netspec.SpecError) as caught:
        netspec.loads(text, **values)
    return [(found.code, found.label) for found in caught.value.diagnostics]


def test_ruff_finds_nothing(tmp_path: Path) -> None:
    for name, text in SPECS.items():
        (tmp_path / f"{name.lower()}.py").write_text(netspec.loads(text).source)
    for command in (["check", "--extend-select", "I,UP,B,F,E"], ["format", "--check"]):
        run([str(BIN / "ruff"), *command, "--isolated", "--no-cache", "."], tmp_path)


@pytest.mark.slow
def test_mypy_strict_finds_nothing(tmp_path: Path) -> None:
    for name, text in SPECS.items():
        (tmp_path / f"{name.lower()}.py").write_text(netspec.loads(text).source)
    run([str(BIN / "mypy"), "--strict", f"--cache-dir={tmp_path / 'cache'}", "."], tmp_path)


def run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_value_kept_on_both_sides_of_a_branch_is_there_behind_it() -> None:
    for c, width in [(True, 6), (True, 2), (False, 6)]:
        outputs = agree(KEPT_ON_BOTH_SIDES, torch.randn(2, 4), c=c, width=width)
        assert [tuple(output.shape) for output in outputs] == [(2, 3), (2, width if c else 4)]


def test_a_value_kept_in_each_mode_is_there_in_a_loop_of_the_run() -> None:
    x = torch.randn(2, 3, 4)
    output = agree(KEPT_IN_EACH_MODE, x)
    torch.testing.assert_close(output, x + 1 + x.sum(1, keepdim=True))


@pytest.mark.parametrize("c", [True, False])
@pytest.mark.parametrize("before", ["", "for i in range(2) {", "if d {"])
def test_what_one_side_of_a_branch_keeps_cannot_be_read_behind_it(c: bool, before: str) -> None:
    text = f"""net A(c: bool = True, d: bool = True)(x: [N, 4]) {{
    {before or "if True {"}
        if c {{ h[0] = x -> Linear(4) }}
    }}
    return h[0]
}}
"""
    why = "given a value on one side of an `if` only"
    assert codes(text, c=c) == [("maybe-undefined", why)]
    assert netspec.loads(text.replace("4]) {", "4]) {\n    h[0] = x", 1), c=c)


def test_what_a_loop_or_a_mode_of_the_run_keeps_cannot_be_read_behind_it() -> None:
    text = "net A()(x: [N, 4]) {\n    HEAD { h[0] = x }\n    return h[0]\n}\n"
    loop = "given a value inside a loop that may run no turn"
    side = "given a value on one side of an `if` only"
    assert codes(text.replace("HEAD", "for n in range(N)")) == [("maybe-undefined", loop)]
    assert codes(text.replace("HEAD", "if training")) == [("maybe-undefined", side)]
    assert codes(text.replace("HEAD", "if N > 1")) == [("maybe-undefined", side)]


def test_what_is_kept_has_one_shape_in_a_loop_and_in_both_modes_of_the_run() -> None:
    text = "net A()(x: [N, 4]) {\n    h[0] = x\n    HEAD { h[0] = (h[0], x) -> cat(dim=1) }\n"
    text += "    return h[0]\n}\n"
    assert codes(text.replace("HEAD", "for n in range(N)"))[0][0] == "loop-shape"
    assert codes(text.replace("HEAD", "if training"))[0][0] == "branch-shape"


def test_a_turn_takes_and_gives_a_tuple() -> None:
    for n in (3, 1, 0):
        agree(TUPLE_INTO_A_TURN, torch.randn(2, 8), n=n)


def test_turns_keep_tuples_and_read_them() -> None:
    for n in (3, 1):
        agree(TUPLES_KEPT_BY_TURNS, torch.randn(2, 8), n=n)


def test_a_turn_reads_what_it_may_have_kept_itself() -> None:
    for n in (3, 1):
        agree(FILLED_AND_READ_IN_A_TURN, torch.randn(2, 8), n=n)


def test_a_name_that_stands_for_several_tensors_is_returned() -> None:
    assert len(leaves(agree(SEVERAL_AS_ONE, torch.randn(2, 3, 8)))) == 3


def test_a_turn_reads_what_an_earlier_one_has_kept_further_below() -> None:
    for n in (1, 2, 4):
        agree(READ_ABOVE_WHERE_IT_IS_KEPT, torch.randn(2, 4), n=n)


def test_values_that_are_taken_apart_are_kept() -> None:
    for n in (1, 3):
        agree(TAKEN_APART_AND_KEPT, torch.randn(2, 4), n=n)


def test_values_that_are_taken_apart_are_kept_on_the_device_of_their_home() -> None:
    source = netspec.loads("""net A()(x: float32[N, 4]) {
    h[0] = x
    on "cuda:1" { h[1], y = x -> Linear(8) -> chunk(2, dim=1) }
    return h[1] + y
}
""").source
    assert "        h[1] = h[1].to(device)\n" in source


def test_what_has_other_dimensions_on_each_side_of_a_branch_flows_into_no_layer() -> None:
    text = """net A(c: bool = True)(x: [N, 4]) {
    if c { y = x -> Unflatten(1, (2, 2)) } else { y = x }
    return y -> Linear(4)
}
"""
    assert codes(text) == [("no-formula", "built for one of them only")]
    assert netspec.loads(text.replace("y -> Linear(4)", "y"))


def test_a_name_is_one_tensor_or_several_on_both_sides_of_a_branch() -> None:
    text = """net A(c: bool = True)(x: [N, 4]) {
    if c { y = (x, x) } else { y = x }
    return y
}
"""
    assert codes(text) == [("branch-shape", "one name for both")]


def test_nothing_is_kept_where_a_value_is_read_too_early() -> None:
    text = "net A()(x: [N, 4]) {\n    y = h[0] + x\n    h[0] = y\n    return y\n}\n"
    assert codes(text) == [("index-out-of-range", "nothing is kept yet")]


def test_each_turn_keeps_sizes_of_its_own() -> None:
    for widths in ([5, 6], [3], [4, 4, 7]):
        agree(SIZES_OF_WHAT_IS_KEPT, torch.randn(2, 4), widths=widths)


def test_a_size_that_a_branch_of_a_loop_keeps_flows_into_no_layer() -> None:
    text = """net A(widths: list = [5, 6])(x: [N, 4]) {
    y = x
    for i, width in enumerate(widths) {
        y = (y, x -> Linear(width)) -> cat(dim=1)
        if i > 0 { h[i] = y } else { h[i] = y + 1 }
    }
    return h[0] -> Linear(3)
}
"""
    assert codes(text) == [("no-formula", "in a branch, or in loops in one another")]
    assert netspec.loads(text.replace("h[0] -> Linear(3)", "h[0]")).build()


# ---- branches in branches ------------------------------------------------------------------------

NESTED = """net A(a: bool = True, b: bool = True, c: bool = False, h: int = 2)(x: float32[N, 4]) {
    if a { if b or c { x = x -> relu } }
    if a { if b { x = x -> Linear(4) } }
    if a { } else { if b { x = x -> tanh } }
    if a { if b { require 4 % h == 0, "h must divide 4" } }
    if a { if b { x = x + 1 } else { x = x + 2 } }
    if c {
        if b { x = x * 2 }
        x = x + 3
    }
    return x
}
"""


def test_a_branch_that_is_nothing_but_another_has_one_test_for_both(tmp_path: Path) -> None:
    spec = netspec.loads(NESTED)
    source = spec.render()["model.py"]
    for line in (
        "if self.a and (self.b or self.c):",
        "if self.a and self.linear1 is not None:",
        "if not self.a and self.b:",
        "if a and b and 4 % h != 0:",
    ):
        assert line in source
    (tmp_path / "model.py").write_text(source)
    check = [
        str(BIN / "ruff"),
        "check",
        "--isolated",
        "--no-cache",
        "--extend-select",
        "SIM102",
        ".",
    ]
    done = subprocess.run(check, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    written: dict[str, Any] = {}
    exec(source, written)
    x = torch.randn(3, 4)
    for number in range(8):
        a, b, c = (bool(number & 1 << place) for place in range(3))
        torch.manual_seed(0)
        model = written["A"](a=a, b=b, c=c)
        y = x.relu() if a and (b or c) else x
        y = model.linear1(y) if a and b else y
        y = y.tanh() if not a and b else y
        y = y + (1 if b else 2) if a else y
        y = (y * 2 if b else y) + 3 if c else y
        torch.testing.assert_close(model(x), y)
    with pytest.raises(ValueError, match="h must divide 4"):
        written["A"](h=3)
    assert written["A"](b=False, h=3)(x).shape == (3, 4)


def test_a_first_value_of_another_size_fails_when_it_runs() -> None:
    # FIXME: the check should say that `Linear` has no size that holds in each turn.
    model = netspec.loads(
        """net A(n: int = 3)(x: float32[N, 4]) {
            h[0] = x
            for i in range(1, n) { h[i] = h[i - 1] -> Linear(5) }
            return h[n - 1]
        }"""
    ).build(device="cpu")
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        model(torch.zeros(2, 4))
