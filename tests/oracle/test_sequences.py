"""PyTorch is the oracle: recurrent layers, attention and transformers agree with its modules.

Each layer gets calls that fit, with all the options, and each of them once more with something
spoilt: whether they fit, every shape and dtype that comes out, and every parameter agree.
"""

from collections.abc import Callable
from random import Random

import pytest

from netspec.catalogue import LAYERS
from netspec.tensor import Tensor, Type
from tests.oracle.comparison import (
    Call,
    calls,
    compare,
    compare_free,
    compare_symbolic,
)
from tests.oracle.excuses.layers import excuses

LayerNorm, RMSNorm, Identity, Linear = map(
    LAYERS.__getitem__, ("LayerNorm", "RMSNorm", "Identity", "Linear")
)
N, T, S = 3, 5, 7
FREE = {N: "N", T: "T", S: "S"}
COUNT = 60


def _options(draw: Random, **pools: list[object]) -> dict[str, object]:
    return {name: draw.choice(pool) for name, pool in pools.items() if draw.random() < 0.5}


def _recurrent(name: str) -> Callable[[Random], Call]:
    def make(draw: Random) -> Call:
        given = {"hidden_size": draw.choice([1, 4, 6])} | _options(
            draw,
            num_layers=[1, 2, 4],
            bias=[True, False],
            batch_first=[True, False],
            dropout=[0.0, 0.5, 1],
            bidirectional=[True, False],
        )
        if name == "RNN":
            given |= _options(draw, nonlinearity=["tanh", "relu"])
        if name == "LSTM":
            given |= _options(draw, proj_size=[0, 1, 2, 4])
        batched, width = draw.random() < 0.7, draw.choice([4, 2])
        outer = (N, T) if given.get("batch_first") else (T, N)
        x = Tensor((*outer, width) if batched else (T, width))
        layers = given.get("num_layers", 1) * (2 if given.get("bidirectional") else 1)
        state = (layers, N) if batched else (layers,)
        hidden = given["hidden_size"]
        hx: Type = Tensor((*state, hidden))
        if name == "LSTM":
            hx = (Tensor((*state, given.get("proj_size", 0) or hidden)), Tensor((*state, hidden)))
        return Call(given, *_maybe(draw, x, hx))

    return make


def _maybe(draw: Random, x: Tensor, hx: Type) -> tuple[tuple[Type, ...], dict[str, Type]]:
    way = draw.randrange(3)
    return ((x,), {}) if way == 0 else ((x, hx), {}) if way == 1 else ((x,), {"hx": hx})


def _cell(name: str) -> Callable[[Random], Call]:
    def make(draw: Random) -> Call:
        given = {"hidden_size": draw.choice([1, 4, 6])} | _options(draw, bias=[True, False])
        if name == "RNNCell":
            given |= _options(draw, nonlinearity=["tanh", "relu"])
        batch = (N,) if draw.random() < 0.7 else ()
        state = Tensor((*batch, given["hidden_size"]))
        hx = (state, state) if name == "LSTMCell" else state
        return Call(given, *_maybe(draw, Tensor((*batch, draw.choice([4, 2]))), hx))

    return make


def _sequence(given: dict[str, object], batched: bool, length: int, width: int) -> Tensor:
    if not batched:
        return Tensor((length, width))
    return Tensor((N, length, width) if given.get("batch_first") else (length, N, width))


def _mask(draw: Random, batched: bool, heads: int, to: int, of: int) -> Tensor:
    dtype = draw.choice(["bool", "float32"])
    if draw.random() < 0.5:
        return Tensor((N * heads if batched else heads, to, of), dtype)
    return Tensor((to, of), dtype)


def _padding(draw: Random, batched: bool, of: int) -> Tensor:
    return Tensor((N, of) if batched else (of,), draw.choice(["bool", "float32"]))


def _attention(draw: Random) -> Call:
    heads = draw.choice([1, 2, 4, 8])
    given = {"num_heads": heads} | _options(
        draw,
        dropout=[0.0, 0.5],
        bias=[True, False],
        add_bias_kv=[True, False],
        add_zero_attn=[True, False],
        batch_first=[True, False],
    )
    batched, width = draw.random() < 0.7, draw.choice([8, 4])
    key_width, value_width = draw.choice([(width, width), (width, 2), (2, width), (2, 6)])
    query = _sequence(given, batched, T, width)
    key, value = (_sequence(given, batched, S, w) for w in (key_width, value_width))
    masks = {}
    if draw.random() < 0.5:
        masks["key_padding_mask"] = _padding(draw, batched, S)
    if draw.random() < 0.5:
        masks["attn_mask"] = _mask(draw, batched, heads, T, S)
    if draw.random() < 0.3:
        given |= {"kdim": key_width, "vdim": draw.choice([value_width, 2])}
    return Call(given, (query, key, value), masks)


def _transformer_options(draw: Random) -> dict[str, object]:
    return {"nhead": draw.choice([1, 2, 4, 8]), "dim_feedforward": draw.choice([6, 16])} | _options(
        draw,
        dropout=[0.0, 0.5],
        activation=["relu", "gelu"],
        layer_norm_eps=[1e-6, 0.1],
        batch_first=[True, False],
        norm_first=[True, False],
        bias=[True, False],
    )


def _encoder(draw: Random) -> Call:
    given = _transformer_options(draw)
    batched = draw.random() < 0.7
    masks = {}
    if draw.random() < 0.5:
        masks["src_mask"] = _mask(draw, batched, given["nhead"], T, T)
    if draw.random() < 0.5:
        masks["src_key_padding_mask"] = _padding(draw, batched, T)
    return Call(given, (_sequence(given, batched, T, draw.choice([8, 4])),), masks)


def _cross_masks(draw: Random, given: dict[str, object], batched: bool) -> dict[str, Type]:
    heads = given["nhead"]
    masks = {
        "tgt_mask": _mask(draw, batched, heads, T, T),
        "memory_mask": _mask(draw, batched, heads, T, S),
        "tgt_key_padding_mask": _padding(draw, batched, T),
        "memory_key_padding_mask": _padding(draw, batched, S),
    }
    return {name: mask for name, mask in masks.items() if draw.random() < 0.4}


def _decoder(draw: Random) -> Call:
    given = _transformer_options(draw)
    batched, width = draw.random() < 0.7, draw.choice([8, 4])
    both = _sequence(given, batched, T, width), _sequence(given, batched, S, width)
    return Call(given, both, _cross_masks(draw, given, batched))


def _transformer(draw: Random) -> Call:
    given = _transformer_options(draw) | {
        "num_encoder_layers": draw.choice([1, 2]),
        "num_decoder_layers": draw.choice([1, 2]),
    }
    batched, width = draw.random() < 0.7, draw.choice([8, 4])
    both = _sequence(given, batched, S, width), _sequence(given, batched, T, width)
    masks = _cross_masks(draw, given, batched)
    if draw.random() < 0.4:
        masks["src_mask"] = _mask(draw, batched, given["nhead"], S, S)
    if draw.random() < 0.4:
        masks["src_key_padding_mask"] = _padding(draw, batched, S)
    return Call(given, both, masks)


def _stack(one: str, make: Callable[[Random], Call]) -> Callable[[Random], Call]:
    """A stack of what `make` draws, with a norm or without."""

    def stack(draw: Random) -> Call:
        given, inputs, masks = make(draw)
        norms = [LayerNorm(), LayerNorm(eps=0.1, bias=False), RMSNorm(), Identity(), Linear(5)]
        field = f"{one.lower()}_layer"
        stacked = {field: LAYERS[f"Transformer{one}Layer"](**given)} | _options(draw, norm=norms)
        stacked["num_layers"] = draw.choice([1, 2, 3])
        if one == "Encoder":
            masks = {name.replace("src_mask", "mask"): mask for name, mask in masks.items()}
            stacked |= _options(draw, enable_nested_tensor=[True, False], mask_check=[False])
        return Call(stacked, inputs, masks)

    return stack


MAKERS: dict[str, Callable[[Random], Call]] = {
    **{name: _recurrent(name) for name in ("RNN", "GRU", "LSTM")},
    **{name: _cell(name) for name in ("RNNCell", "GRUCell", "LSTMCell")},
    "MultiheadAttention": _attention,
    "TransformerEncoderLayer": _encoder,
    "TransformerDecoderLayer": _decoder,
    "Transformer": _transformer,
    "TransformerEncoder": _stack("Encoder", _encoder),
    "TransformerDecoder": _stack("Decoder", _decoder),
}


@pytest.mark.parametrize("name", MAKERS)
def test_a_layer_over_sequences_agrees_with_torch(name: str) -> None:
    fitting = 0
    for call, _ in calls(MAKERS[name], name, COUNT):
        fitting += compare(LAYERS[name], call, excuses)
        compare_symbolic(LAYERS[name], call)
    assert fitting >= 20


@pytest.mark.parametrize("name", MAKERS)
def test_batch_and_lengths_may_be_left_to_the_data(name: str) -> None:
    for call, sound in calls(MAKERS[name], name, COUNT):
        if sound:
            compare_free(LAYERS[name], call, FREE)
