"""PyTorch is the oracle: every layer of the catalogue agrees with the module of torch.

For a grid of arguments and inputs: whether they fit, the shape and dtype of the output, the shapes
of the parameters, the defaults. On small CPU tensors, and on the meta device.
"""

import inspect

import pytest
from torch import nn

from netspec.catalogue import LAYERS, LAZY
from netspec.catalogue.layer import Layer, Misfit
from netspec.catalogue.signature import MISSING, ArgumentErrors
from netspec.dim import symbol
from netspec.tensor import Tensor
from tests.oracle.comparison import (
    Call,
    calls,
    compare,
    compare_symbolic,
    constructor,
    known,
    ours,
    theirs,
    type_of,
)
from tests.oracle.excuses.layers import excuses
from tests.oracle.grid import arguments, inputs
from tests.oracle.test_losses import LAYERS as LOSSES
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
    "size_average": "deprecated: reduction",
    "reduce": "deprecated: reduction",
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

SINGLE = sorted(name for name in LAYERS if name not in (*SEVERAL, *SEQUENCES, *LOSSES))


@pytest.mark.parametrize("name", SINGLE)
def test_a_layer_agrees_with_torch(name: str) -> None:
    layer = LAYERS[name]
    cases = fitting = 0
    for given in arguments(layer, 60):
        for x in inputs(layer):
            call = Call(given, (x,))
            if compare(layer, call, excuses):
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


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_a_misfit_says_what_where_and_the_way_out(name: str) -> None:
    layer = LAYERS[name]
    makers = {**SEVERAL, **SEQUENCES}
    tried = (
        (call for call, _ in calls(makers[name], name, 40))
        if name in makers
        else (Call(given, (x,)) for given in arguments(layer, 10) for x in inputs(layer))
    )
    for call in tried:
        try:
            layer(**call.arguments).apply(*call.inputs, **call.named)
        except ArgumentErrors:
            continue
        except Misfit as misfit:
            assert misfit.message[0] != " ", call
            assert misfit.label, misfit.message
            assert misfit.help, misfit.message


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


@pytest.mark.parametrize("name", sorted(LAZY))
def test_a_lazy_class_stands_for_a_layer(name: str) -> None:
    assert LAZY[name] in LAYERS
    assert getattr(nn, name).cls_to_become is getattr(nn, LAZY[name])
