"""PyTorch is the oracle: parametrizations have its names, and what they make of a parameter."""

import inspect
import itertools
import re
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

import netspec
from netspec.catalogue import INITIALISERS, LAYERS, PARAMETRIZATIONS
from netspec.check_lengths import zeroed
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


# ---- lengths of 0 ------------------------------------------------------------------------------

FILLS: list[tuple[str, dict[str, Any]]] = [
    ("zeros", {}),
    ("ones", {}),
    ("constant", {"val": 0.0}),
    ("constant", {"val": -2.0}),
    ("uniform", {"a": 0.0, "b": 0.0}),
    ("uniform", {"a": 1.0, "b": 1.0}),
    ("normal", {"std": 0.0}),
    ("normal", {"mean": 1.0, "std": 0.0}),
    ("trunc_normal", {"a": 0.0, "b": 0.0}),
    ("xavier_uniform", {"gain": 0.0}),
    ("xavier_normal", {"gain": 0.0}),
    ("xavier_normal", {}),
    ("kaiming_normal", {}),
    ("orthogonal", {"gain": 0.0}),
    ("orthogonal", {}),
    ("eye", {}),
    ("dirac", {}),
    ("dirac", {"groups": 2}),
    ("sparse", {"sparsity": 0.0}),
    ("sparse", {"sparsity": 0.5, "std": 0.0}),
    ("sparse", {"sparsity": 0.9}),
    ("sparse", {"sparsity": 1.0}),
]
FILLED = [(3,), (4, 2), (2, 4), (4, 4), (8, 1), (60, 60), (2, 4, 1), (6, 2, 1), (4, 2, 3, 3)]


DIVIDED: list[tuple[str, dict[str, Any]]] = [
    ("spectral_norm", {}),
    *(("weight_norm", {"dim": dim}) for dim in (0, 1, 2, -1)),
]


@pytest.mark.parametrize(("scheme", "given"), FILLS)
def test_what_is_divided_by_its_length_is_nan_where_that_is_0(
    scheme: str, given: dict[str, Any]
) -> None:
    initialiser, seen = INITIALISERS[scheme](**given), 0
    for shape, (name, how) in itertools.product(FILLED, DIVIDED):
        parametrization = PARAMETRIZATIONS[name](**how)
        try:
            initialiser.check(shape)
            parametrization.check(shape, False)
        except Misfit:
            continue
        seen += 1
        zeros = any(initialiser.leaves_zeros(shape, dim) for dim in parametrization.lengths(shape))
        nan = False
        torch.manual_seed(0)
        for _ in range(40 if scheme == "sparse" else 1):
            module = _Plain(shape)
            getattr(nn.init, f"{scheme}_")(module.weight, **given)
            assert initialiser.leaves_zeros(shape, None) is not bool(torch.any(module.weight != 0))
            getattr(parametrizations, name)(module, **how)
            nan |= bool(module.weight.isnan().any())
        if name == "spectral_norm" and len(shape) == 1:
            assert not nan
        elif scheme == "sparse":  # by chance
            assert zeros or not nan, (shape, how)
        else:
            assert nan == zeros, (shape, how)
    assert seen > 10


def test_torch_fills_with_zeros_what_the_catalogue_says() -> None:
    told = 0
    for name, text in _examples():
        spec = netspec.loads(text)
        model = spec.build(device="cpu")
        zeros = {
            key for key, p in model.named_parameters() if p.numel() > 1 and not torch.any(p != 0)
        }
        for layer in spec.net().layers.values():
            assert {
                f"{layer.name}.{key}" for key in zeroed(layer.layer) if key in layer.parameters
            } == zeros, name
            told += bool(zeros)
    assert told > 10


def _examples() -> Iterator[tuple[str, str]]:
    """A net of each layer with weights, as its first example has it."""
    for name, layer in LAYERS.items():
        if layer.stateless or not layer.examples:
            continue
        call, given, _ = layer.examples[0]
        inputs = [f"x{i}: {part}" for i, part in enumerate(re.findall(r"\w+\[[^]]*\]", given))]
        names = [item.partition(":")[0] for item in inputs]
        start = names[0] if len(names) == 1 else f"({', '.join(names)})"
        yield (
            name,
            f"net A()({', '.join(inputs)}) {{\n    y = {start} -> {call}\n    return y\n}}\n",
        )
