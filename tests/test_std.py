"""The library that comes with netspec: each block in a small net, forward and backward."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

import netspec

STD = Path(netspec.__file__).parent / "std.net"


class Case(NamedTuple):
    """A use of a block: what flows in, what comes out, and how many parameters it has."""

    use: str
    given: tuple[int, ...]
    gives: tuple[int, ...]
    count: int


CASES = [
    Case("ConvBNReLU(6)", (2, 3, 8), (2, 6, 8), 3 * 3 * 6 + 2 * 6),
    Case("ConvBNReLU(6, 1, stride=2)", (2, 3, 8, 8), (2, 6, 4, 4), 3 * 6 + 2 * 6),
    Case("ConvBNReLU(6, 5, groups=3)", (2, 3, 4, 4, 4), (2, 6, 4, 4, 4), 125 * 6 + 2 * 6),
    Case("DoubleConv(6)", (2, 3, 8), (2, 6, 8), 9 * 6 + 18 * 6 + 4 * 6),
    Case("DoubleConv(6)", (2, 3, 8, 4), (2, 6, 8, 4), 27 * 6 + 54 * 6 + 4 * 6),
    Case("BasicBlock(4)", (2, 4, 8, 8), (2, 4, 8, 8), 2 * 36 * 4 + 4 * 4),
    Case("BasicBlock(6, stride=2)", (2, 4, 8, 8), (2, 6, 4, 4), 36 * 6 + 54 * 6 + 24 + 36),
    Case("Bottleneck(2)", (2, 8, 8, 8), (2, 8, 8, 8), 16 + 36 + 16 + 4 + 4 + 16),
    Case("Bottleneck(2, 2)", (2, 3, 7, 7), (2, 8, 4, 4), 6 + 36 + 16 + 4 + 4 + 16 + 24 + 16),
    Case("DepthwiseSeparableConv(6)", (2, 3, 8, 8), (2, 6, 8, 8), 27 + 6 + 18 + 12),
    Case("InvertedResidual(6)", (2, 6, 8, 8), (2, 6, 8, 8), 216 + 72 + 324 + 72 + 216 + 12),
    Case("InvertedResidual(6, 2, 1)", (2, 3, 8, 8), (2, 6, 4, 4), 27 + 6 + 18 + 12),
    Case("SqueezeExcite(2)", (2, 6, 8, 8), (2, 6, 8, 8), 6 * 2 + 2 + 2 * 6 + 6),
    Case("DenseBlock(2, growth=3)", (2, 4, 8, 8), (2, 10, 8, 8), 11 * 12 + 48 + 648 + 22),
    Case("MLP(5)", (2, 7, 4), (2, 7, 4), 25 + 24),
    Case("SelfAttention(2)", (2, 7, 4), (2, 7, 4), 5 * 12 + 5 * 4),
    Case("TransformerBlock(2, dropout=0.1)", (2, 7, 4), (2, 7, 4), 80 + 5 * 16 + 17 * 4 + 16),
    Case("Residual(Linear(4) -> ReLU -> Linear(3))", (2, 3), (2, 3), 16 + 15),
    Case("Residual(MLP(5))", (2, 7, 4), (2, 7, 4), 25 + 24),
    Case("LocallyConnected2d(5, 2)", (2, 3, 4, 6), (2, 5, 3, 5), 12 * 5 * 15 + 5 * 15),
]


def blocks() -> list[str]:
    return re.findall(r"^block (\w+)", STD.read_text(encoding="utf-8"), re.MULTILINE)


def load(case: Case) -> netspec.Spec:
    """The block in a net, between a layer that widens and one that reads what comes out."""
    used = [name for name in blocks() if re.search(rf"\b{name}\b", case.use)]
    shapes = [", ".join(map(str, ("N", *shape[1:]))) for shape in (case.given, case.gives)]
    return netspec.loads(
        f'use {", ".join(used)} from "std"\n'
        f"net Try()(x: float32[{shapes[0]}]) -> (y: [{shapes[1]}]) {{\n"
        f"    return x -> tried: {case.use}\n}}\n"
    )


def run(model: nn.Module, x: Tensor) -> Tensor:
    torch.manual_seed(0)
    y = model(x)
    assert isinstance(y, Tensor)
    return y


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.use)
def test_a_block_builds_runs_and_learns(case: Case) -> None:
    spec = load(case)
    assert spec.diagnostics == ()
    model = spec.build(device="cpu")
    assert sum(p.numel() for p in model.parameters()) == case.count
    x = torch.rand(case.given, requires_grad=True)
    y = run(model, x)
    assert tuple(y.shape) == case.gives
    (y * torch.rand(case.gives)).sum().backward()
    assert x.grad is not None
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_every_block_is_tried() -> None:
    assert {name for name in blocks() if any(name in case.use for case in CASES)} == set(blocks())


def test_every_block_is_documented() -> None:
    lines = STD.read_text(encoding="utf-8").splitlines()
    for above, line in pairwise(lines):
        if line.startswith("block"):
            assert above.startswith("## "), line


def built(use: str, *given: int) -> Any:
    torch.manual_seed(0)
    return load(Case(use, given, given, 0)).build(device="cpu").eval()


def test_causal_attention_does_not_look_ahead() -> None:
    model = built("SelfAttention(2, causal=True)", 1, 5, 4)
    x = torch.rand(1, 5, 4)
    changed = x.clone()
    changed[:, 3:] = 0
    assert torch.allclose(model(x)[:, :3], model(changed)[:, :3])
    assert not torch.allclose(model(x)[:, 3:], model(changed)[:, 3:])


def test_a_locally_connected_layer_with_equal_weights_is_a_convolution() -> None:
    model = load(Case("LocallyConnected2d(5, 2)", (2, 3, 4, 6), (2, 5, 3, 5), 0)).build(
        device="cpu"
    )
    kernel = torch.rand(5, 3, 2, 2)
    with torch.no_grad():
        model.tried.weight.copy_(kernel.reshape(5, 12, 1).expand(5, 12, 15))
        model.tried.bias.zero_()
    x = torch.rand(2, 3, 4, 6)
    expected = torch.nn.functional.conv2d(x, kernel)
    assert torch.allclose(model(x), expected, atol=1e-6)


def test_a_locally_connected_layer_starts_as_a_convolution_does() -> None:
    tried = (
        load(Case("LocallyConnected2d(5, 2)", (2, 3, 9, 9), (2, 5, 8, 8), 0))
        .build(device="cpu")
        .tried
    )
    bound = nn.Conv2d(3, 5, 2).weight[0].numel() ** -0.5
    for tensor in (tried.weight, tried.bias):
        assert 0.9 * bound < tensor.abs().max() <= bound


def test_squeeze_excite_weighs_channels_between_nothing_and_all() -> None:
    x = torch.rand(2, 6, 3, 3) + 1
    share = built("SqueezeExcite(2)", 2, 6, 3, 3)(x) / x
    assert torch.allclose(share, share[:, :, :1, :1].expand_as(share))
    assert ((share > 0) & (share < 1)).all()
