"""What transformer layers are made of: the names and shapes of their parameters, their modules."""

from typing import Any

from netspec.dim import Dim, product
from netspec.tensor import Shape

_LINEAR = dict.fromkeys(("linear1", "linear2"), "Linear")
_SELF = {"self_attn": "MultiheadAttention", "self_attn.out_proj": "Linear"}
_CROSS = {name.replace("self", "multihead"): kind for name, kind in _SELF.items()}
# The modules inside the layers of an encoder and of a decoder, with their classes.
ENCODER = _SELF | _LINEAR | dict.fromkeys(("norm1", "norm2"), "LayerNorm")
DECODER = _SELF | _CROSS | _LINEAR | dict.fromkeys(("norm1", "norm2", "norm3"), "LayerNorm")


def _attention(prefix: str, width: Dim, bias: bool) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {f"{prefix}.in_proj_weight": (product((3, width)), width)}
    if bias:
        shapes[f"{prefix}.in_proj_bias"] = (product((3, width)),)
    return shapes | _linear(f"{prefix}.out_proj", width, width, bias)


def _linear(prefix: str, width: Dim, out: Dim, bias: bool) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {f"{prefix}.weight": (out, width)}
    return shapes | ({f"{prefix}.bias": (out,)} if bias else {})


def norm_shapes(prefix: str, width: Dim, bias: bool) -> dict[str, Shape]:
    """The parameters of a LayerNorm."""
    shapes: dict[str, Shape] = {f"{prefix}.weight": (width,)}
    return shapes | ({f"{prefix}.bias": (width,)} if bias else {})


def encoder_shapes(prefix: str, layer: Any) -> dict[str, Shape]:
    """The parameters of an encoder layer, with `prefix` before their names."""
    width, bias = layer.d_model, layer.bias
    return (
        _attention(f"{prefix}self_attn", width, bias)
        | _linear(f"{prefix}linear1", width, layer.dim_feedforward, bias)
        | _linear(f"{prefix}linear2", layer.dim_feedforward, width, bias)
        | norm_shapes(f"{prefix}norm1", width, bias)
        | norm_shapes(f"{prefix}norm2", width, bias)
    )


def decoder_shapes(prefix: str, layer: Any) -> dict[str, Shape]:
    """The parameters of a decoder layer, with `prefix` before their names."""
    width, bias = layer.d_model, layer.bias
    return (
        _attention(f"{prefix}self_attn", width, bias)
        | _attention(f"{prefix}multihead_attn", width, bias)
        | _linear(f"{prefix}linear1", width, layer.dim_feedforward, bias)
        | _linear(f"{prefix}linear2", layer.dim_feedforward, width, bias)
        | norm_shapes(f"{prefix}norm1", width, bias)
        | norm_shapes(f"{prefix}norm2", width, bias)
        | norm_shapes(f"{prefix}norm3", width, bias)
    )
