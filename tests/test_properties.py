"""Random nets: what check accepts is what runs, shape for shape, in code that ruff leaves alone."""

import subprocess
import sys
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import netspec
from netspec.dim import Dim, value_of
from netspec.graph import Application, Net, steps_in
from netspec.substitute import substitute

RUFF = str(Path(sys.executable).parent / "ruff")
HEAD = """block Unit(width: int, kernel: int = 3)(x: [N, C, H, W]) {
    y = x -> Conv2d(width, kernel, padding=kernel // 2, bias=False) -> BatchNorm2d -> ReLU
    return y
}

block Same()(x: [N, C, H, W]) -> [N, C, H, W] {
    return x -> Unit(2 * C) -> Conv2d(C, 1)
}

block Around(body: block)(x) {
    return x + (x -> body)
}
"""
# What takes a picture `x` of any size and leaves one. KEY is a name of its own each time.
KINDS = [
    "x = x -> Conv2d({width}, 3, padding=1)",
    "x = x -> Conv2d({width}, kernel_size=1) -> GELU",
    "x = x -> Unit({width})",
    "x = x -> label{key}: Unit({width}, kernel=5) -> Dropout(0.1)",
    "x = x -> Around(Same) -> Conv2d({width}, 1, groups=1)",
    "x = x -> repeat(depth) (Conv2d({width}, 3, padding=1) -> ReLU)",
    "x = x -> part{key}: (Conv2d({width}, 1) -> act: Tanh) -> BatchNorm2d",
    "y = x -> Conv2d({width}, 1)\nx = (x, y) -> cat(dim=1)",
    "y = x -> Unit({width})\nx = y * sigmoid(y) + y.mean(dim=(2, 3), keepdim=True)",
    "let size{key} = {width}\nx = x -> Conv2d(size{key}, 1) -> Conv2d(size{key} + 1, 1)",
    "layer twice{key} = Conv2d({width}, 1)\nx = x -> Conv2d({width}, 1)\n"
    "x = twice{key}(x) + twice{key}(2 * x)",
    "x = x -> pad((1, 1, 0, 2)) -> Conv2d({width}, 2)",
    "x = x -> Deconv2d({width}, 2, stride=2) -> MaxPool2d(2)",
    "parameter gain{key}: [{width}, 1, 1] = ones\nx = (x -> Conv2d({width}, 1)) * gain{key}",
]
NO_LOOP = ("layer", "parameter", "let")  # one of a name each
WIDTHS = ["width", "2 * width", "width + 1", "3", "8", "width if flag else 5"]


@st.composite
def blocks_of_lines(draw: st.DrawFn, keys: Any, depth: int, looped: bool) -> list[str]:
    """Statements, nested `depth` levels deep at most."""
    lines: list[str] = []
    kinds = [kind for kind in KINDS if not (looped and kind.startswith(NO_LOOP))]
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from([*kinds, "for", "if", "else"] if depth else kinds))
        key = next(keys)
        if kind not in ("for", "if", "else"):
            width = draw(st.sampled_from(WIDTHS))
            lines += kind.format(width=f"({width})" if "if" in width else width, key=key).split(
                "\n"
            )
            continue
        test = draw(st.sampled_from(["flag", "depth > 2", "not flag and width > 3"]))
        head = f"for i{key} in range(depth) as loop{key} {{" if kind == "for" else f"if {test} {{"
        lines += [head, *_indented(draw(blocks_of_lines(keys, depth - 1, True)))]
        if kind == "else":
            lines += ["} else {", *_indented(draw(blocks_of_lines(keys, depth - 1, True)))]
        lines.append("}")
    return lines


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


@st.composite
def specs(draw: st.DrawFn) -> str:
    height = draw(st.sampled_from(["H", "7"]))
    body = "\n".join(_indented(draw(blocks_of_lines(count(), 2, False))))
    ending = draw(
        st.sampled_from(["AdaptiveAvgPool2d(1) -> Flatten -> Linear(classes)", "mean((2, 3))"])
    )
    return (
        f"{HEAD}\nnet A(width: int = 4, depth: int = 2, flag: bool = True, classes: int = 3)(\n"
        f"    image: float32[N, 3, {height}, W],\n) {{\n    x = image\n{body}\n"
        f"    return x -> {ending}\n}}\n"
    )


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=specs(), width=st.integers(3, 6), depth=st.integers(0, 3), flag=st.booleans())
def test_a_random_net_is_what_check_says(text: str, width: int, depth: int, flag: bool) -> None:
    spec = netspec.loads(text)
    _hold_against_ruff(spec.source)
    values = {"width": width, "depth": depth, "flag": flag}
    changed = spec.with_parameters(**values)
    model = spec.build(device="cpu")
    image = torch.rand(2, 3, 7, 9)
    _hold_against_check(model, spec.graph.nets["A"], image)
    # The generated class takes other values as the spec does.
    other = changed.build(device="cpu")
    _hold_against_check(other, changed.graph.nets["A"], image)
    again = type(model)(**values)
    again.load_state_dict(other.state_dict())
    assert torch.equal(again.eval()(image), other.eval()(image))


def _hold_against_ruff(source: str) -> None:
    for command in (["check", "--extend-select", "I,UP,B,F,E"], ["format", "--check"]):
        line = [RUFF, *command, "--isolated", "--no-cache", "--stdin-filename", "model.py", "-"]
        run = subprocess.run(line, input=source, capture_output=True, text=True, check=False)
        assert run.returncode == 0, f"{run.stdout}{run.stderr}\n{source}"


def _hold_against_check(model: nn.Module, net: Net, image: Tensor) -> None:
    """Each layer gives the shapes that check says, in the order that check says."""
    sizes = {"N": 2, "H": 7, "W": 9}
    expected = [
        (step.name, tuple(_known(dim, sizes) for dim in step.output.shape))
        for step, _, _ in steps_in(net.steps)
        if isinstance(step, Application) and not step.layer.stateless
    ]
    seen: list[tuple[str, tuple[int, ...]]] = []
    for name, module in model.named_modules():
        if type(module).__module__.startswith("torch.nn"):
            module.register_forward_hook(
                lambda _, __, output, name=name: seen.append((name, tuple(output.shape)))
            )
    output = model(image)
    learnt = {name for name, _ in expected}
    assert [item for item in seen if item[0] in learnt] == expected
    (port,) = net.outputs
    assert tuple(output.shape) == tuple(_known(dim, sizes) for dim in port.type.shape)
    assert {n: p.shape for n, p in model.named_parameters()} == {
        name: torch.Size(map(value_of, shape)) for name, shape in net.parameter_shapes().items()
    }


def _known(dim: Dim, sizes: dict[str, int]) -> int | None:
    return value_of(substitute(dim, dict(sizes)))
