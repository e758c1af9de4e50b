"""Each layer and function is held against torch in many calls of which no two are the same."""

from collections.abc import Iterable

import pytest

from netspec.catalogue import FUNCTIONS, LAYERS
from netspec.tensor import Tensor
from tests.oracle.cases import CASES
from tests.oracle.comparison import Call, calls, ours
from tests.oracle.grid import arguments, inputs
from tests.oracle.test_losses import LAYERS as LOSSES
from tests.oracle.test_losses import calls_of
from tests.oracle.test_sequences import COUNT
from tests.oracle.test_sequences import MAKERS as SEQUENCES
from tests.oracle.test_several_inputs import MAKERS as SEVERAL

LEAST = 20
MAKERS = {**SEVERAL, **SEQUENCES}

# Layers whose first input has one number of dimensions.
ONE_RANK = (
    *("BatchNorm2d", "BatchNorm3d", "CrossMapLRN2d", "Dropout2d"),
    *("UpsamplingBilinear2d", "UpsamplingNearest2d"),
)
ANYTHING = ("Identity", "Sigmoid", "Tanh")


def layer_calls(name: str) -> list[Call]:
    """The calls that a layer is held against torch with, each once."""
    layer = LAYERS[name]
    made: Iterable[Call]
    if name in LOSSES:
        made = calls_of(name)
    elif name in MAKERS:
        made = (call for call, _ in calls(MAKERS[name], name, COUNT))
    else:
        made = (Call(given, (x,)) for given in arguments(layer, 60) for x in inputs(layer))
    return list({repr(call): call for call in made}.values())


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_a_layer_is_tried_with_different_calls(name: str) -> None:
    tried = layer_calls(name)
    fitting = [call for call in tried if not isinstance(ours(LAYERS[name], call), str)]
    assert len(fitting) >= LEAST
    assert len(tried) > len(fitting) or name in ANYTHING
    tensors = [x for call in fitting for x in _tensors(call)]
    assert any(1 in x.shape for x in tensors)
    assert {x.dtype for call in tried for x in _tensors(call)} > {"float32"}
    ranks = {x.rank for call in fitting for x in _tensors(call._replace(inputs=call.inputs[:1]))}
    assert (len(ranks) == 1) == (name in ONE_RANK)


def _tensors(call: Call) -> list[Tensor]:
    found: list[Tensor] = []
    call.map(lambda x: found.append(x) or x)
    return found


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_function_is_tried_with_different_calls(name: str) -> None:
    tried = {repr(sorted(given.items())): given for given in CASES[name]}
    assert len(tried) >= LEAST
