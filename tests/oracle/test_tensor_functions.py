"""PyTorch is the oracle for tensor functions: names, shapes, dtypes, and what does not fit."""

import inspect
from typing import Any

import pytest
import torch.nn.functional as F

from netspec.catalogue import FUNCTIONS
from netspec.catalogue.signature import MISSING
from tests.oracle.calls import agree, answer, call
from tests.oracle.cases import CASES, STRICTER


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_function_agrees_with_torch(name: str) -> None:
    taken = [agree(name, given, name in STRICTER) for given in CASES[name]]
    assert any(taken), "no call fits"


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_positional_arguments_stand_in_torchs_order(name: str) -> None:
    fitting = [given for given in CASES[name] if isinstance(answer(name, given), tuple)]
    for given in sorted(fitting, key=len, reverse=True)[:20]:
        if agree(name, given):
            call(name, given, by_position=True)


def _parameters(name: str) -> dict[str, inspect.Parameter]:
    """Those of torch's function, where it is written in Python and can be asked."""
    function: Any = getattr(F, name, None)
    return dict(inspect.signature(function).parameters) if inspect.isfunction(function) else {}


@pytest.mark.parametrize("name", [n for n in sorted(FUNCTIONS) if "input" in _parameters(n)])
def test_a_function_has_torchs_defaults(name: str) -> None:
    fields = FUNCTIONS[name].fields()
    for key, parameter in _parameters(name).items():
        if key in fields:
            default = MISSING if parameter.default is inspect.Parameter.empty else parameter.default
            assert fields[key].default == default or name in _OTHER_DEFAULTS, key


# `dim` may be left out in torch, which then warns and guesses.
_OTHER_DEFAULTS = ("softmax", "softmin", "log_softmax")


# The functions of torch.nn.functional that a spec does not name, each with the reason.
LEFT_OUT = {
    **dict.fromkeys(
        ("celu_", "elu_", "hardtanh_", "leaky_relu_", "relu_", "rrelu_", "selu_", "threshold_"),
        "changes its input in place",
    ),
    **dict.fromkeys(
        (
            *(f"conv{n}d" for n in (1, 2, 3)),
            *(f"conv_transpose{n}d" for n in (1, 2, 3)),
            *("conv_tbc", "bilinear", "embedding_bag", "multi_head_attention_forward"),
        ),
        "has weights: the layer of the same name makes them",
    ),
    **dict.fromkeys(
        (
            *(f"max_pool{n}d_with_indices" for n in (1, 2, 3)),
            *(f"adaptive_max_pool{n}d_with_indices" for n in (1, 2, 3)),
        ),
        "is return_indices=True",
    ),
    **dict.fromkeys(
        (
            *(f"fractional_max_pool{n}d" for n in (2, 3)),
            *(f"fractional_max_pool{n}d_with_indices" for n in (2, 3)),
            *(f"max_unpool{n}d" for n in (1, 2, 3)),
        ),
        "belongs to a layer of the same name",
    ),
    **dict.fromkeys(("upsample", "upsample_bilinear", "upsample_nearest"), "is now `interpolate`"),
    **dict.fromkeys(
        ("grouped_mm", "scaled_grouped_mm", "scaled_mm"), "multiplies formats of one GPU"
    ),
    "batch_norm": "has running statistics: BatchNorm2d keeps them",
    "native_channel_shuffle": "is `channel_shuffle`",
}


HOMES = ("torch", "torch._C._nn", "torch.nn.functional")


def test_all_of_torch_nn_functional_is_there_or_left_out_for_a_reason() -> None:
    public = {
        name
        for name, member in vars(F).items()
        if name[0] != "_"
        and callable(member)
        and not inspect.isclass(member)
        and getattr(member, "__module__", "") in HOMES
    }
    assert public - {"assert_int_or_pair"} - set(FUNCTIONS) == set(LEFT_OUT)
    assert not set(LEFT_OUT) & set(FUNCTIONS)
