"""PyTorch is the oracle: every layer of the catalogue agrees with the module of torch.

For a grid of arguments and inputs: whether they fit, the shape and dtype of the output, the shapes
of the parameters, the defaults. On small CPU tensors, and on the meta device.
"""

import inspect
import warnings
from typing import Any

import pytest
import torch
from torch import nn

from netspec.catalogue import LAYERS
from netspec.catalogue.layer import Layer, Misfit
from netspec.catalogue.signature import MISSING, ArgumentErrors
from netspec.dim import symbol, value_of
from netspec.tensor import Tensor
from tests.oracle.grid import arguments, inputs

# Fields of torch that the catalogue leaves out, and why.
LEFT_OUT = {
    "min_value": "deprecated: min_val",
    "max_value": "deprecated: max_val",
    "device": "netspec places whole nets",
    "dtype": "parameters are float32",
    "_weight": "private",
    "_freeze": "private",
}

# Where the catalogue refuses what torch takes.
STRICTER = {
    "return_indices": "layers have one output so far",
    "empty": "an argument that makes a tensor without elements is a mistake",
    "negative": "torch takes negative sizes in places and fails later or computes nonsense",
    "guess": "torch guesses `dim` of a softmax, with a warning that this will end",
    "rank": "channel dropout warns that it will refuse them, adaptive pooling reads past the end",
    "dtype": "torch takes these dtypes on the CPU only, or for some arguments only",
}

_ALSO_OTHER_DTYPES = (
    "Hardtanh",
    "LayerNorm",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "GroupNorm",
)

CASES: dict[str, int] = {}


def ours(layer: type[Layer], given: dict[str, Any], x: Tensor) -> tuple[Layer, Tensor] | str:
    """The layer and its output, or why there is none."""
    try:
        made = layer(**given)
        return made, made.apply(x)
    except ArgumentErrors as errors:
        return str(errors)
    except Misfit as misfit:
        return misfit.message


def inferred(layer: type[Layer], x: Tensor) -> dict[str, Any]:
    """What torch's class wants to be told about the input, worked out here again."""
    names = [field.name for field in layer.fields().values() if field.inferred]
    values: dict[str, Any] = {}
    for name in names:
        axis = {"in_features": -1, "normalized_shape": -1}.get(name, 1)
        if name == "in_channels":
            axis = -(layer.ndim or 0) - 1
        values[name] = x.shape[axis] if -len(x.shape) <= axis < len(x.shape) else 1
    return values


def make_input(x: Tensor, device: str) -> torch.Tensor:
    dtype = getattr(torch, x.dtype)
    return torch.zeros(x.shape, dtype=dtype, device=device)


def theirs(layer: type[Layer], given: dict[str, Any], x: Tensor, device: str) -> Any:
    """Torch's module and output, or the exception."""
    cls = getattr(nn, layer.__name__)
    known = {**inferred(layer, x), **given}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            module = cls(**known).to(device)
            return module, module(make_input(x, device))
        except (RuntimeError, ValueError, TypeError, IndexError, NotImplementedError) as error:
            return error
        except (AssertionError, AttributeError, ZeroDivisionError, OverflowError) as error:
            return error


def is_stricter(layer: type[Layer], given: dict[str, Any], x: Tensor, output: torch.Tensor) -> str:
    """The reason on the list for refusing what torch takes, or nothing."""
    numbers = [n for v in given.values() for n in (v if isinstance(v, tuple) else (v,))]
    plain = [n for n in numbers if isinstance(n, int | float) and not isinstance(n, bool)]
    if given.get("return_indices"):
        return "return_indices"
    if layer.__name__ in ("Softmax", "LogSoftmax") and given.get("dim") is None:
        return "guess"
    if "Dropout" in layer.__name__ or "Adaptive" in layer.__name__:
        return "rank" if x.dtype == "float32" else "dtype"
    if x.dtype != "float32" and ("Pool" in layer.__name__ or layer.__name__ in _ALSO_OTHER_DTYPES):
        return "dtype"
    if not isinstance(output, torch.Tensor) or output.numel() == 0 or any(n == 0 for n in plain):
        return "empty"
    if any(n < 0 for n in plain):
        return "negative"
    return ""


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_a_layer_agrees_with_torch(name: str) -> None:
    layer = LAYERS[name]
    cases = 0
    for given in arguments(layer, 60):
        for x in inputs(layer):
            _compare(layer, given, x)
            cases += 1
    CASES[name] = cases
    assert cases >= 20


def _compare(layer: type[Layer], given: dict[str, Any], x: Tensor) -> None:
    case = f"{layer.__name__}({given}) on {x}"
    mine = ours(layer, given, x)
    real = theirs(layer, given, x, "cpu")
    if isinstance(real, Exception):
        assert isinstance(mine, str), f"{case}: torch says {real}, the catalogue {mine[1]}"
        return
    module, output = real
    if isinstance(mine, str):
        assert is_stricter(layer, given, x, output), f"{case}: torch takes it, refused with {mine}"
        return
    made, result = mine
    assert (result.shape, result.dtype) == (
        tuple(output.shape),
        str(output.dtype).removeprefix("torch."),
    ), case
    weights = {key: tuple(tensor.shape) for key, tensor in module.named_parameters()}
    known = {key: tuple(map(value_of, shape)) for key, shape in made.parameters().items()}
    assert known == weights, case
    assert made.stateless == (not module.state_dict()) or not made.stateless, case
    if given.get("momentum", 0) is None:
        return  # torch reads a number from a tensor, which meta tensors do not have
    on_meta = theirs(layer, given, x, "meta")
    assert not isinstance(on_meta, Exception), f"{case}: meta says {on_meta}"
    assert tuple(on_meta[1].shape) == result.shape, case


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_symbolic_sizes_come_to_the_same(name: str) -> None:
    layer = LAYERS[name]
    for given in arguments(layer, 10):
        for x in inputs(layer):
            sizes = tuple(symbol(f"d{i}", size) for i, size in enumerate(x.shape))
            plain, symbolic = ours(layer, given, x), ours(layer, given, Tensor(sizes, x.dtype))
            if isinstance(plain, str) or isinstance(symbolic, str):
                assert isinstance(plain, str) == isinstance(symbolic, str), (given, x, symbolic)
                continue
            assert tuple(map(value_of, symbolic[1].shape)) == plain[1].shape, (given, x)


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_sizes_that_data_brings_are_refused_only_where_they_must_be(name: str) -> None:
    layer = LAYERS[name]
    for given in arguments(layer, 10):
        for x in inputs(layer):
            if not x.shape or isinstance(ours(layer, given, x), str):
                continue
            free = Tensor((symbol("N"), *x.shape[1:]), x.dtype)
            result = ours(layer, given, free)
            told = "known only when data flows" in str(result) or "not known" in str(result)
            assert not isinstance(result, str) or told or len(x.shape) == 1 or _unbatched(layer, x)


def _unbatched(layer: type[Layer], x: Tensor) -> bool:
    return len(x.shape) <= 1 + (layer.ndim or 0) or layer.__name__ in ("LayerNorm", "PixelShuffle")


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_arguments_have_torchs_names_order_and_defaults(name: str) -> None:
    layer = LAYERS[name]
    real = inspect.signature(getattr(nn, name).__init__).parameters
    wanted = {
        key: MISSING if parameter.default is inspect.Parameter.empty else parameter.default
        for key, parameter in real.items()
        if key not in ("self", "args", "kwargs", *LEFT_OUT)
    }
    assert {k: f.default for k, f in layer.fields().items()} == wanted
    assert list(layer.fields()) == list(wanted)


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_a_layer_has_examples_and_a_docstring(name: str) -> None:
    assert LAYERS[name].examples
    assert LAYERS[name].__doc__


def test_macs_are_half_of_torchs_flops() -> None:
    from torch.utils.flop_counter import FlopCounterMode

    for name in ("Conv1d", "Conv2d", "Conv3d", "ConvTranspose2d", "ConvTranspose3d", "Linear"):
        layer = LAYERS[name]
        for given in arguments(layer, 10):
            for x in inputs(layer):
                mine = ours(layer, given, x)
                if isinstance(mine, str) or len(x.shape) != 2 + (layer.ndim or 0):
                    continue
                module = getattr(nn, name)(**inferred(layer, x), **given).to("meta")
                with FlopCounterMode(display=False) as counter, warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    module(make_input(x, "meta"))
                assert value_of(mine[0].macs(x, mine[1])) * 2 == counter.get_total_flops()
