"""What is no error, yet hardly meant: torch agrees with what hints and warnings claim."""

import re
from pathlib import Path

import pytest
import torch
from torch import nn

import netspec
from netspec.diagnostic import Diagnostic
from netspec.source import Source
from netspec.spec import examine, read_source, read_used

ROOT = Path(__file__).parent.parent
ERRORS = ROOT / "tests" / "errors"


def diagnose(text: str, **others: str) -> tuple[Diagnostic, ...]:
    """The findings about a spec, which may use files of the names given."""
    files = {f"{name}.net": Source(other, f"{name}.net") for name, other in others.items()}
    return examine(Source(text, "a.net"), None, {}, lambda path, _: files.get(path))[1]


def codes(text: str, **others: str) -> list[str]:
    return [found.code for found in diagnose(text, **others)]


@pytest.mark.parametrize("path", sorted((ROOT / "specs").glob("*.net")), ids=lambda path: path.stem)
def test_nothing_is_hinted_at_in_the_specs(path: Path) -> None:
    assert examine(*read_source(path), {}, read_used)[1] == ()


def test_nothing_is_hinted_at_in_the_library() -> None:
    assert examine(*read_source(ROOT / "netspec" / "std.net"), {}, read_used)[1] == ()


def test_nothing_is_hinted_at_in_the_blocks_of_the_library_where_they_are_built() -> None:
    found = diagnose(
        'use ConvBNReLU, DoubleConv, BasicBlock, Bottleneck from "std"\n'
        "net A()(x: [N, 3, 32, 32]) {\n"
        "    return x -> ConvBNReLU(8) -> DoubleConv(8) -> BasicBlock(8, 2) -> Bottleneck(8, 2)\n}"
    )
    assert found == ()


# ---- biases ------------------------------------------------------------------------------------


def biases_without_effect(model: nn.Module, inputs: list[torch.Tensor]) -> set[str]:
    """The biases of convolutions and linear layers that change no output, in training."""

    def run() -> list[torch.Tensor]:
        torch.manual_seed(0)
        given = model(*inputs)
        return list(given) if isinstance(given, tuple) else [given]

    before = run()
    idle = set()
    for name, module in model.named_modules():
        if isinstance(module, nn.modules.conv._ConvNd | nn.Linear) and module.bias is not None:
            kept = module.bias.detach().clone()
            module.bias.data = kept + torch.randn(kept.shape)
            if all(torch.allclose(a, b, atol=1e-3) for a, b in zip(before, run(), strict=True)):
                idle.add(name)
            module.bias.data = kept
    return idle


def test_the_biases_that_are_hinted_at_are_those_without_effect() -> None:
    text = (ERRORS / "idle_bias.net").read_text(encoding="utf-8")
    spec = netspec.loads(text.replace("SyncBatchNorm", "BatchNorm2d"))
    hinted = {d.span for d in spec.diagnostics if d.code == "idle-bias"}
    built = spec.net("Hinted").layers
    torch.manual_seed(0)
    idle = biases_without_effect(spec.build(net="Hinted"), [torch.rand(5, 3, 32, 32)])
    assert idle == {name for name, layer in built.items() if layer.span in hinted}
    assert len(idle) > 10


def test_a_bias_that_a_norm_does_not_take_as_a_channel_is_left_alone() -> None:
    for body in (
        "x -> Linear(5) -> BatchNorm1d",
        "x -> Linear(5) -> InstanceNorm1d",
        "x[0] -> Conv1d(5, 1) -> BatchNorm1d",
        "x -> Conv1d(5, 1) -> GroupNorm(1)",
        "x -> Conv1d(5, 1) -> Dropout -> BatchNorm1d",
    ):
        text = f"net A()(x: [8, 4, 6]) {{\n    return {body}\n}}"
        assert codes(text) in ([], ["linear-on-image"])
        model = netspec.loads(text).build()
        assert biases_without_effect(model, [torch.rand(8, 4, 6)]) == set()


def test_a_hint_about_a_block_of_another_file_points_there_once() -> None:
    cell = "block Cell()(x) {\n    return x -> Conv2d(4, 1) -> BatchNorm2d\n}\n"
    text = (
        'use Cell from "cells.net"\n'
        "net A()(x: [N, 3, 8, 8]) {\n    return x -> Cell -> Cell\n}\n"
        "net B()(x: [N, 3, 8, 8]) {\n    return x -> Cell\n}\n"
    )
    assert [found.place for found in diagnose(text, cells=cell)] == ["cells.net:2:17"]


# ---- schemes -----------------------------------------------------------------------------------


def test_the_fans_of_a_hint_are_those_that_torch_counts() -> None:
    spec = netspec.loads((ERRORS / "swapped_fans.net").read_text(encoding="utf-8"))
    hints = [found for found in spec.diagnostics if found.code == "swapped-fans"]
    assert len(hints) == 3
    for hint in hints:
        match = re.search(r"takes (\d+) for the fan_in of `(\w+)`, which is (\d+)", hint.message)
        assert match is not None
        net = "Alone" if "conv_transpose" in match[2] else "Decoder"
        layer = spec.build(net=net, device="meta").get_submodule(match[2])
        fan_in, fan_out = nn.init._calculate_fan_in_and_fan_out(layer.weight)
        assert (int(match[1]), int(match[3])) == (fan_in, fan_out)


# ---- what a file has in vain -------------------------------------------------------------------


def test_a_file_of_blocks_is_a_library() -> None:
    block = "block Cell(width: int)(x) {\n    return x -> Linear(width)\n}\n"
    net = "net A()(x: [N, 4]) {\n    return x -> Linear(2)\n}\n"
    assert codes(block) == []
    assert codes('use Cell from "other.net"\n', other=block) == []
    assert codes(block + net) == ["unused-block"]
    assert codes('use Cell from "other.net"\n' + net, other=block) == ["unused-block"]


# ---- labels ------------------------------------------------------------------------------------

LOOSE = """
block Residual(body: block)(x) {
    return x + (x -> body)
}

net A(depth: int = 2)(x: float32[N, 4]) -> [N, 4] {
    layer shared = Linear(4)
    x = x -> shared -> Linear(4) -> fc: Linear(4) -> g: (Linear(4) -> Tanh) -> Residual(Linear(4))
    for i in range(depth) {
        x = x -> Linear(4) -> norm: LayerNorm
    }
    for i in range(depth) as h {
        x = x -> Linear(4) -> Dropout
    }
    return x -> repeat(2) Linear(4)
}
"""


def test_layers_are_unlabelled_whose_keys_begin_with_a_name_of_their_place() -> None:
    spec = netspec.loads(LOOSE)
    assert spec.diagnostics == ()
    found = spec.unlabelled()
    assert {one.code for one in found} == {"unlabelled"}
    names = [re.findall(r"called `(\w+)`", one.message)[0] for one in found]
    assert names == ["linear1", "residual1", "layers", "linear1", "linears"]
    keys = set(spec.build(device="meta").state_dict())
    assert {key.split(".")[0] for key in keys} == {
        *("shared", "fc", "g", "h"),  # labels
        *("linear1", "residual1", "layers", "linears"),
    }


def test_published_nets_label_what_has_weights() -> None:
    for name in ("resnet50", "gpt2", "unet"):
        assert netspec.load(ROOT / "specs" / f"{name}.net").unlabelled() == ()
