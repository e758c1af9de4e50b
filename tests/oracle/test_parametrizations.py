"""PyTorch is the oracle: parametrizations have its names, and what they make of a parameter."""

import inspect
import warnings
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from netspec.catalogue import PARAMETRIZATIONS
from netspec.dim import value_of
from netspec.misfit import Misfit

SHAPES = [(), (3,), (3, 4), (4, 3), (4, 4), (2, 3, 5), (2, 3, 4, 5), (2, 1, 3, 3, 3)]
ARGUMENTS: dict[str, list[dict[str, Any]]] = {
    "weight_norm": [{}, *({"dim": dim} for dim in range(-6, 7))],
    "spectral_norm": [
        {},
        {"n_power_iterations": 3},
        {"eps": 0.5},
        *({"dim": dim} for dim in (None, *range(-6, 7))),
    ],
    "orthogonal": [
        {"orthogonal_map": name, "use_trivialization": flag}
        for name in (None, "matrix_exp", "cayley", "householder")
        for flag in (True, False)
    ],
}
REFUSALS = (ValueError, IndexError, RuntimeError)


class _Plain(nn.Module):
    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(shape))


class _Transposed(nn.ConvTranspose2d):
    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__(1, 1, 1)
        self.weight = nn.Parameter(torch.randn(shape))


def test_these_are_all_that_torch_has() -> None:
    assert set(PARAMETRIZATIONS) == set(parametrizations.__all__)


@pytest.mark.parametrize("name", PARAMETRIZATIONS)
def test_a_parametrization_has_torchs_arguments(name: str) -> None:
    real = inspect.signature(getattr(parametrizations, name)).parameters
    wanted = {
        key: (item.default, item.kind is item.KEYWORD_ONLY)
        for key, item in real.items()
        if key not in ("module", "name")
    }
    fields = PARAMETRIZATIONS[name].fields()
    assert {k: (field.default, field.keyword) for k, field in fields.items()} == wanted
    assert list(fields) == list(wanted)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("name", PARAMETRIZATIONS)
def test_what_is_learnt_and_kept_is_what_torch_has(name: str, transposed: bool) -> None:
    fitting = 0
    for given in ARGUMENTS[name]:
        for shape in SHAPES:
            ours, theirs = (
                _ours(name, given, shape, transposed),
                _theirs(name, given, shape, transposed),
            )
            assert ours == theirs, (name, given, shape)
            fitting += ours is not None
    assert fitting >= 20


def _ours(name: str, given: dict[str, Any], shape: Any, transposed: bool) -> Any:
    made = PARAMETRIZATIONS[name](**given)
    try:
        made.check(shape, transposed)
    except Misfit:
        return None
    learnt = {f"parametrizations.weight.{k}": v for k, v in made.learnt(shape).items()}
    kept = made.kept(shape, transposed)
    return learnt | {
        f"parametrizations.weight.0.{k}": tuple(map(value_of, v)) for k, v in kept.items()
    }


def _theirs(name: str, given: dict[str, Any], shape: Any, transposed: bool) -> Any:
    module = (_Transposed if transposed else _Plain)(shape)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            getattr(parametrizations, name)(module, **given)
            assert module.weight.shape == torch.Size(shape)
    except REFUSALS:
        return None
    state = {k: tuple(tensor.shape) for k, tensor in module.state_dict().items()}
    state.pop("bias", None)
    return state
