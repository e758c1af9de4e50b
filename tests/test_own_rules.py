"""Layers with a `with (…)` of their own are reached wherever they stand: in groups, in repeats."""

import pytest
import torch

import netspec

NET = """block B(n: int)(x: [N, 8]) { return x -> CHAIN }
net A(n: int = 2)(x: float32[N, 8]) {
    OUTER
    return x -> LayerNorm -> B(n)
}"""
CHAINS = [
    "body: (Linear(8) -> repeat(n) Linear(8) -> Linear(8) with (weight=RULE))",
    "body: (Linear(8) -> repeat(n + 1) Linear(8) with (weight=RULE))",
    "body: (Linear(8) -> (ReLU -> Linear(8) with (weight=RULE)))",
    "body: (a: Linear(8) with (weight=RULE) -> b: (c: Linear(8) with (weight=RULE) -> ReLU))",
    "body: (repeat(n) (ReLU -> Linear(8)) -> repeat(3) Linear(8) with (weight=RULE) -> Linear(8))",
    "repeat(n) (Linear(8) with (weight=RULE) -> ReLU)",
    "repeat(2) repeat(n) Linear(8) with (weight=RULE)",
    "repeat(2) (ReLU -> repeat(n) (Linear(8) with (weight=RULE) -> ReLU)"
    " -> Linear(8) with (weight=RULE))",
]


@pytest.mark.parametrize("outer", ["", "init Linear with (bias=ones)"])
@pytest.mark.parametrize("rule", ["constant(7.0)", "constant(7.0) -> weight_norm", "weight_norm"])
@pytest.mark.parametrize("chain", CHAINS)
def test_a_rule_of_its_own_holds_wherever_a_layer_stands(chain: str, rule: str, outer: str) -> None:
    spec = netspec.loads(NET.replace("CHAIN", chain.replace("RULE", rule)).replace("OUTER", outer))
    for n in (1, 3):
        model, net = spec.build(device="cpu", n=n), spec.with_parameters(n=n).net()
        built = {name: tuple(tensor.shape) for name, tensor in model.named_parameters()}
        assert built == net.parameter_shapes()
        filled = {
            f"{name}.weight"
            for name, module in model.named_modules()
            if isinstance(module, torch.nn.Linear)
            and torch.allclose(module.weight, torch.tensor(7.0))
        }
        assert filled == {
            f"{layer.name}.{parameter}"
            for layer in net.layers.values()
            for parameter, schemes in layer.schemes.items()
            if schemes[0].initialiser.name == "constant"
        }
        assert model(torch.randn(3, 8)).shape == (3, 8)


def test_what_is_handed_to_a_block_is_ruled_by_its_name() -> None:
    text = """block Hold(body: block)(x: [N, C]) { return x + (x -> body) }
net A()(x: float32[N, 4]) {
    RULE
    return x -> hold: Hold(LayerNorm -> Linear(4) OWN)
}"""
    with pytest.raises(netspec.SpecError, match="takes no `with"):
        netspec.loads(text.replace("OWN", "with (weight=zeros)").replace("RULE", ""))
    ruled = text.replace("RULE", 'init "hold.body.1" with (weight=zeros)').replace("OWN", "")
    assert not netspec.loads(ruled).build(device="cpu").hold.body[1].weight.any()
