"""Layers that take layers: what their arguments become, and what rules reach inside."""

import warnings

import pytest
import torch
from torch import nn

import netspec

STACK = "TransformerEncoder(TransformerEncoderLayer(4, 32, batch_first=True), 3, norm=LayerNorm)"


def test_a_stack_becomes_the_call_that_torch_documents() -> None:
    spec = netspec.loads("""
        net A(dim: int = 16, heads: int = 4, depth: int = 6)(x: float32[N, T, dim]) {
            return x -> TransformerEncoder(
                TransformerEncoderLayer(heads, dim_feedforward=4 * dim, batch_first=True),
                num_layers=depth, norm=LayerNorm(eps=1e-6),
            )
        }""")
    code = " ".join(spec.source.split())
    assert (
        "nn.TransformerEncoder( nn.TransformerEncoderLayer( "
        "dim, heads, dim_feedforward=4 * dim, batch_first=True ), "
        "num_layers=depth, norm=nn.LayerNorm(dim, eps=1e-06), )" in code
    )
    model = spec.build(dim=8, heads=2, depth=2, device="cpu")
    names = [name for name, _ in model.named_parameters()]
    checked = spec.with_parameters(dim=8, heads=2, depth=2).net().parameter_shapes()
    assert names == list(checked)
    assert names[0] == "transformer_encoder1.layers.0.self_attn.in_proj_weight"
    assert names[-1] == "transformer_encoder1.norm.bias"


def test_a_stack_computes_what_its_layers_compute() -> None:
    spec = netspec.loads(f"net A()(x: float32[N, T, 16]) {{ return x -> stack: {STACK} }}")
    model = spec.build(device="cpu").eval()
    x = y = torch.randn(2, 5, 16)
    for layer in model.stack.layers:
        y = layer(y)
    torch.testing.assert_close(model(x), model.stack.norm(y))


RULED = f"""
net A()(x: float32[N, T, 16]) {{
    init Linear with (weight=constant(2.0), bias=constant(3.0))
    init "stack.*.linear2" with (weight=constant(4.0))
    init LayerNorm with (bias=constant(5.0))
    init MultiheadAttention with (in_proj_weight=constant(6.0))
    freeze FROZEN
    return x -> stack: {STACK} -> head: Linear(3)
}}"""


def _reached(text: str) -> tuple[netspec.Spec, nn.Module]:
    spec = netspec.loads(text)
    assert not spec.diagnostics
    return spec, spec.build(device="cpu")


def test_rules_reach_the_modules_that_a_stack_is_made_of() -> None:
    spec, model = _reached(RULED.replace("freeze FROZEN", ""))
    expected = {
        "linear1.weight": 2.0,
        "linear1.bias": 3.0,
        "linear2.weight": 4.0,
        "norm1.bias": 5.0,
        "norm1.weight": 1.0,
        "self_attn.in_proj_weight": 6.0,
        "self_attn.out_proj.weight": 2.0,
        "self_attn.in_proj_bias": 0.0,
    }
    for name, value in expected.items():
        for layer in model.stack.layers:
            assert layer.get_parameter(name).unique().tolist() == [value], name
    assert model.stack.norm.bias.unique().tolist() == [5.0]
    told = {row.name: row.rule for row in spec.explain_init().rows}
    for name, value in expected.items():
        rule = told[f"stack.layers.1.{name}"]
        assert (rule is None) == (value in (0.0, 1.0))
        assert rule is None or rule.scheme == f"constant({value})"


@pytest.mark.parametrize(
    ("selector", "frozen"),
    [
        ("TransformerEncoder", ["stack.layers.0.linear1.weight", "stack.norm.bias"]),
        ("TransformerEncoderLayer", ["stack.layers.2.self_attn.in_proj_weight"]),
        ("Linear", ["stack.layers.1.self_attn.out_proj.bias", "head.weight"]),
        ('"stack.layers.0"', ["stack.layers.0.norm1.weight"]),
        ('"*.self_attn"', ["stack.layers.0.self_attn.out_proj.weight"]),
    ],
)
def test_a_freeze_reaches_inside(selector: str, frozen: list[str]) -> None:
    spec, model = _reached(RULED.replace("FROZEN", selector))
    still = {name for name, tensor in model.named_parameters() if not tensor.requires_grad}
    assert still == spec.net().frozen
    assert still > set(frozen) or still == set(frozen)


def test_rules_reach_inside_the_layers_of_a_transformer_too() -> None:
    spec, model = _reached("""
    net A()(x: float32[N, T, 16]) {
        init Linear with (weight=zeros)
        freeze LayerNorm
        return (x, x) -> Transformer(4, 1, 1, 8, batch_first=True)
    }""")
    told = {row.name for row in spec.explain_init().rows if row.rule}
    zeros = {name for name, tensor in model.named_parameters() if not tensor.any()}
    assert told == {name for name in zeros if name.endswith("weight")}
    assert {n for n, p in model.named_parameters() if not p.requires_grad} == spec.net().frozen


def test_a_shared_stack_serves_one_width() -> None:
    text = f"""net A()(x: float32[N, T, 16], y: float32[N, S, WIDTH]) {{
        layer stack = {STACK}
        return stack(x), y -> stack
    }}"""
    model = netspec.loads(text.replace("WIDTH", "16")).build(device="cpu")
    assert len(list(model.children())) == 1
    with pytest.raises(netspec.SpecError) as caught:
        netspec.loads(text.replace("WIDTH", "8"))
    assert "was built with d_model=16" in caught.value.diagnostics[0].message


def test_an_inner_layer_that_is_repeated_has_the_sizes_of_its_place() -> None:
    spec = netspec.loads("""net A()(x: float32[N, T, 8]) {
        for width in [8, 12] as stages {
            x = x -> proj: Linear(width)
                -> stack: TransformerEncoder(
                    TransformerEncoderLayer(2, 8, batch_first=True), 1, norm=LayerNorm,
                )
        }
        return x
    }""")
    model = spec.build(device="cpu")
    assert [stage.stack.norm.normalized_shape for stage in model.stages] == [(8,), (12,)]
    assert model(torch.randn(5, 2, 8)).shape == (5, 2, 12)


def test_torch_warns_of_a_stack_without_a_fast_path_unless_told_not_to() -> None:
    text = "net A()(x: float32[T, N, 8]) { return x -> TransformerEncoder(LAYER) }"
    slow = netspec.loads(text.replace("LAYER", "TransformerEncoderLayer(2), 1"))
    with pytest.warns(UserWarning, match="enable_nested_tensor is True"):
        slow.build(device="cpu")
    quiet = "TransformerEncoderLayer(2), 1, enable_nested_tensor=False"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        netspec.loads(text.replace("LAYER", quiet)).build(device="cpu")
