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

from netspec.catalogue import LAYERS, LAZY
from netspec.catalogue.layer import Layer
from netspec.catalogue.signature import MISSING
from netspec.dim import symbol, value_of
from netspec.tensor import Tensor
from tests.oracle.comparison import (
    Call,
    compare,
    compare_symbolic,
    constructor,
    inferred,
    known,
    ours,
    theirs,
    type_of,
)
from tests.oracle.grid import arguments, inputs
from tests.oracle.test_sequences import MAKERS as SEQUENCES
from tests.oracle.test_several_inputs import MAKERS as SEVERAL

# Fields of torch that the catalogue leaves out, and why.
LEFT_OUT = {
    "min_value": "deprecated: min_val",
    "max_value": "deprecated: max_val",
    "device": "netspec places whole nets",
    "dtype": "parameters are float32",
    "_weight": "private",
    "_freeze": "private",
    "_random_samples": "private",
    "custom_encoder": "a module, which no argument of a spec can be",
    "custom_decoder": "a module, which no argument of a spec can be",
    "process_group": "training on several machines",
}

# Arguments of torch's forward that are no tensors: they keep torch's defaults.
FORWARD_LEFT_OUT = (
    "need_weights",
    "average_attn_weights",
    "is_causal",
    "src_is_causal",
    "tgt_is_causal",
    "memory_is_causal",
    "output_size",
)

# Where the catalogue refuses what torch takes.
STRICTER = {
    "empty": "an argument that makes a tensor without elements is a mistake",
    "negative": "torch takes negative sizes in places and fails later or computes nonsense",
    "guess": "torch guesses `dim` of a softmax, with a warning that this will end",
    "rank": "channel dropout warns that it will refuse them, adaptive pooling reads past the end, "
    "UpsamplingNearest2d resizes signals and volumes too",
    "dtype": "torch takes these dtypes on the CPU only, or for some arguments only",
}

_ALSO_OTHER_DTYPES = (
    "Hardtanh",
    "LayerNorm",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "GroupNorm",
    "RMSNorm",
    "SyncBatchNorm",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LocalResponseNorm",
    "Fold",
    "Unfold",
)

# Public modules of torch.nn that are no layers of the catalogue, and why.
NO_LAYERS = {
    "Module": "the base of all",
    "Container": "deprecated, a Module",
    "Sequential": "written `->`",
    "ModuleList": "written `for`, `repeat` or `layer`",
    "ModuleDict": "written `layer`",
    "ParameterList": "written `parameter`",
    "ParameterDict": "written `parameter`",
    "DataParallel": "wraps a whole net while training",
    "RNNBase": "the base of RNN, GRU and LSTM",
    "RNNCellBase": "the base of the cells",
}

SINGLE = sorted(name for name in LAYERS if name not in (*SEVERAL, *SEQUENCES))


def is_stricter(layer: type[Layer], call: Call, output: Any) -> str:
    """The reason on the list for refusing what torch takes, or nothing."""
    given, (x,) = call.arguments, call.inputs
    assert isinstance(x, Tensor)
    numbers = [n for v in given.values() for n in (v if isinstance(v, tuple) else (v,))]
    plain = [n for n in numbers if isinstance(n, int | float) and not isinstance(n, bool)]
    if layer.__name__ in ("Softmax", "Softmin", "LogSoftmax") and given.get("dim") is None:
        return "guess"
    if "Dropout" in layer.__name__ or "Adaptive" in layer.__name__:
        return "rank" if x.dtype == "float32" else "dtype"
    if layer.__name__ == "UpsamplingNearest2d" and x.rank != 4:
        return "rank"
    if x.dtype != "float32" and (
        "Pool" in layer.__name__ or "Pad" in layer.__name__ or layer.__name__ in _ALSO_OTHER_DTYPES
    ):
        return "dtype"
    result = output if isinstance(output, torch.Tensor) else output[0]
    if result.numel() == 0:
        return "empty"
    if "must be" not in str(ours(layer, call)):
        return ""  # what is refused is not the range of an argument
    if any(n == 0 for n in plain):
        return "empty"
    if any(n < 0 for n in plain):
        return "negative"
    return ""


@pytest.mark.parametrize("name", SINGLE)
def test_a_layer_agrees_with_torch(name: str) -> None:
    layer = LAYERS[name]
    cases = fitting = 0
    for given in arguments(layer, 60):
        for x in inputs(layer):
            call = Call(given, (x,))
            if compare(layer, call, lambda call, output: is_stricter(layer, call, output)):
                _compare_on_meta(layer, call)
                fitting += 1
            cases += 1
    assert cases >= 20
    assert fitting >= 20


def _compare_on_meta(layer: type[Layer], call: Call) -> None:
    if call.arguments.get("momentum", 0) is None:
        return  # torch reads a number from a tensor, which meta tensors do not have
    on_meta = theirs(layer, call, "meta")
    assert not isinstance(on_meta, Exception), f"{layer.__name__}: {call}: meta says {on_meta}"
    made = ours(layer, call)
    assert not isinstance(made, str)
    assert type_of(on_meta[1]) == known(made[1]), call


@pytest.mark.parametrize("name", SINGLE)
def test_numbers_with_names_come_to_the_same(name: str) -> None:
    for given in arguments(LAYERS[name], 10):
        for x in inputs(LAYERS[name]):
            compare_symbolic(LAYERS[name], Call(given, (x,)))


@pytest.mark.parametrize("name", SINGLE)
def test_sizes_that_data_brings_are_refused_only_where_they_must_be(name: str) -> None:
    layer = LAYERS[name]
    for given in arguments(layer, 10):
        for x in inputs(layer):
            if not x.shape or isinstance(ours(layer, Call(given, (x,))), str):
                continue
            free = Tensor((symbol("N"), *x.shape[1:]), x.dtype)
            result = ours(layer, Call(given, (free,)))
            told = "known only when data flows" in str(result) or "not known" in str(result)
            assert not isinstance(result, str) or told or len(x.shape) == 1 or _unbatched(layer, x)


def _unbatched(layer: type[Layer], x: Tensor) -> bool:
    return len(x.shape) <= 1 + (layer.ndim or 0) or layer.__name__ in ("LayerNorm", "PixelShuffle")


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_arguments_have_torchs_names_order_and_defaults(name: str) -> None:
    layer = LAYERS[name]
    wanted = {
        key: MISSING if parameter.default is parameter.empty else parameter.default
        for key, parameter in constructor(name).items()
        if key not in ("self", "args", "kwargs", *LEFT_OUT)
    }
    if "activation" in wanted:
        assert wanted["activation"] is nn.functional.relu
        wanted["activation"] = "relu"
    assert {k: f.default for k, f in layer.fields().items()} == wanted
    assert list(layer.fields()) == list(wanted)


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_inputs_have_torchs_names_and_order(name: str) -> None:
    layer = LAYERS[name]
    real = inspect.signature(getattr(nn, name).forward).parameters
    tensors = [key for key in real if key not in ("self", *FORWARD_LEFT_OUT)]
    assert [*layer.takes, *layer.may_take] == tensors
    assert [key for key in tensors if real[key].default is inspect.Parameter.empty] == [
        *layer.takes
    ]


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_a_layer_has_examples_and_a_docstring(name: str) -> None:
    assert LAYERS[name].examples
    first = (LAYERS[name].__doc__ or "").splitlines()[0]
    assert first.endswith((".", ":", "shape unchanged"))


def test_macs_are_half_of_torchs_flops() -> None:
    from torch.utils.flop_counter import FlopCounterMode

    for name in ("Conv1d", "Conv2d", "Conv3d", "ConvTranspose2d", "ConvTranspose3d", "Linear"):
        layer = LAYERS[name]
        for given in arguments(layer, 10):
            for x in inputs(layer):
                mine = ours(layer, Call(given, (x,)))
                if isinstance(mine, str) or len(x.shape) != 2 + (layer.ndim or 0):
                    continue
                module = getattr(nn, name)(**inferred(layer, (x,)), **given).to("meta")
                with FlopCounterMode(display=False) as counter, warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    module(torch.zeros(x.shape, device="meta"))
                assert value_of(mine[0].macs(x, mine[1])) * 2 == counter.get_total_flops()


def test_the_catalogue_has_all_of_torchs_layers() -> None:
    have = {*LAYERS, *LAZY, *NO_LAYERS}
    public = {
        name
        for name in dir(nn)
        if not name.startswith("_")
        and inspect.isclass(getattr(nn, name))
        and issubclass(getattr(nn, name), nn.Module)
        and (name in LAYERS or not name.endswith(("Loss", "Loss2d")))
    }
    assert public - have == set()
    assert have - public == set(), "torch has no such layer"
    assert not {*LAYERS} & {*LAZY, *NO_LAYERS}


@pytest.mark.parametrize("name", sorted(LAZY))
def test_a_lazy_class_stands_for_a_layer(name: str) -> None:
    assert LAZY[name] in LAYERS
    assert getattr(nn, name).cls_to_become is getattr(nn, LAZY[name])
