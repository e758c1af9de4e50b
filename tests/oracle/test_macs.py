"""PyTorch is the oracle for multiplications: half of what its FlopCounterMode counts."""

from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import netspec
from netspec.catalogue import FUNCTIONS, LAYERS
from netspec.dim import Dim, value_of
from netspec.substitute import substitute
from netspec.tensor import Tensor
from tests.oracle import calls
from tests.oracle.comparison import Call, map_type, module_of, ours
from tests.oracle.drawing import fitting_calls, fitting_layers
from tests.oracle.test_drawn_calls import MAKERS

pytestmark = pytest.mark.filterwarnings("ignore")
SPECS = Path(__file__).parents[2] / "specs"

# What torch's counter takes for nothing, and why.
VECTORS = "torch counts products of matrices, not those of vectors or of single numbers"
NOT_COUNTED = {
    "Bilinear": "torch's counter does not know the product of three",
    **dict.fromkeys(("dot", "einsum", "linear", "matmul", "mv"), VECTORS),
}

# Nets that torch counts more of, and why.
COUNTED_LESS = {"elman": "a loop over what only data counts has one turn in the summary"}


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_macs_of_a_layer_are_half_of_torchs_flops(name: str) -> None:
    counted = 0
    for call in _fitting(name):
        if counted == 8:
            break
        made = ours(LAYERS[name], call)
        assert not isinstance(made, str)
        module = module_of(LAYERS[name], call)
        mine = value_of(made[0].macs(call.inputs[0], made[1], *call.inputs[1:]))
        real = call.map(lambda x: torch.zeros(x.shape, dtype=getattr(torch, x.dtype)))
        try:
            theirs = _flops(module, real.inputs, real.named)
        except RuntimeError as error:
            assert calls.is_lacking(error), call
            continue
        assert 2 * (mine or 0) == theirs or (name in NOT_COUNTED and theirs == 0), call
        counted += 1
    assert counted


def _fitting(name: str) -> Iterable[Call]:
    if name not in MAKERS:
        return fitting_layers(name)
    draw = Random(name)
    made = (MAKERS[name](draw) for _ in range(16))
    return (call for call in made if not isinstance(ours(LAYERS[name], call), str))


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_macs_of_a_function_are_half_of_torchs_flops(name: str) -> None:
    for given in fitting_calls(name)[:20]:
        function = FUNCTIONS[name](**given)
        mine = value_of(function.macs(function.apply()))
        try:
            with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
                calls.call(name, given)
        except calls.REFUSALS:
            continue
        theirs = counter.get_total_flops()
        assert 2 * (mine or 0) == theirs or (name in NOT_COUNTED and theirs == 0), given


def test_a_layer_that_torch_does_not_count_counts_its_multiplications() -> None:
    call = Call({"out_features": 4}, (Tensor((3, 2)), Tensor((3, 6))))
    made = ours(LAYERS["Bilinear"], call)
    assert not isinstance(made, str)
    assert value_of(made[0].macs(call.inputs[0], made[1])) == 3 * 4 * 2 * 6


def _flops(module: nn.Module, inputs: Iterable[Any], named: Any) -> int:
    """What torch counts, which is nothing for its fused kernels."""
    with (
        FlopCounterMode(display=False) as counter,
        sdpa_kernel(SDPBackend.MATH),
        torch.backends.mkldnn.flags(enabled=False),
    ):
        module(*inputs, **named)
    return int(counter.get_total_flops())


@pytest.mark.parametrize("path", sorted(SPECS.glob("*.net")), ids=lambda path: path.stem)
def test_macs_of_a_net_are_half_of_torchs_flops(path: Path) -> None:
    spec = netspec.load(path)
    for name in spec.nets:
        net = spec.net(name)
        # the batch first, then sizes that can be halved often
        sizes: dict[str, Dim] = {size: 32 * number or 2 for number, size in enumerate(net.sizes)}
        inputs = [
            map_type(
                lambda x: torch.zeros(
                    [int(value_of(substitute(size, sizes)) or 0) for size in x.shape],  # noqa: B023
                    dtype=getattr(torch, x.dtype),
                    device="meta",
                ),
                port.type,
            )
            for port in net.inputs
        ]
        theirs = _flops(spec.build(net=name, device="meta"), inputs, {})
        mine = value_of(substitute(spec.summary(net=name).macs, sizes))
        assert mine is not None
        assert 2 * mine == theirs or (path.stem in COUNTED_LESS and 2 * mine < theirs), name


def test_the_summary_counts_functions_and_operators_too() -> None:
    text = """net Attend()(q: [N, 5, 8], k: [N, 7, 8]) -> [N, 5, 8] {
        weights = q @ (k -> transpose(1, 2)) -> softmax(dim=-1)
        return matmul(weights, k)
    }"""
    spec = netspec.loads(text)
    rows = [(row.type, str(row.macs)) for row in spec.summary().rows if row.macs != 0]
    assert rows == [("matmul", "280 * N"), ("matmul", "280 * N")]
    inputs = [torch.zeros(3, 5, 8), torch.zeros(3, 7, 8)]
    assert _flops(spec.build(device="cpu"), inputs, {}) == 2 * 560 * 3
