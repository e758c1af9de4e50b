"""Each excuse for refusing what torch takes is needed by a call that no other one covers."""

from collections.abc import Iterator

import pytest

from netspec import catalogue
from netspec.tensor import Tensor
from tests.oracle.calls import REFUSALS, answer, call, is_unknown, type_of
from tests.oracle.cases import CASES
from tests.oracle.comparison import Call, calls, ours, theirs
from tests.oracle.excuses import Excuse, functions, layers
from tests.oracle.grid import arguments, inputs
from tests.oracle.test_sequences import COUNT
from tests.oracle.test_sequences import MAKERS as SEQUENCES
from tests.oracle.test_several_inputs import MAKERS as SEVERAL

MAKERS = {**SEVERAL, **SEQUENCES}


@pytest.mark.parametrize("name", functions.EXCUSES)
def test_each_excuse_of_a_function_is_needed(name: str) -> None:
    needed: set[Excuse] = set()
    for given in CASES[name]:
        holding = functions.excuses(name, given)
        if len(holding) == 1 and holding[0] not in needed and isinstance(answer(name, given), str):
            try:
                output = type_of(call(name, given))
            except REFUSALS:
                continue
            needed.update([] if is_unknown(output) else holding)
    assert [each.reason for each in functions.EXCUSES[name] if each not in needed] == []


@pytest.mark.parametrize("name", layers.LAYERS)
def test_each_excuse_of_a_layer_is_needed(name: str) -> None:
    layer = catalogue.LAYERS[name]
    needed: set[Excuse] = set()
    for given in _calls(name):
        if len(needed) == len(layers.LAYERS[name]):
            break
        if not isinstance(ours(layer, given), str):
            continue
        real = theirs(layer, given, "cpu")
        holding = [] if isinstance(real, Exception) else layers.excuses(layer, given, real[1])
        if len(holding) == 1 and holding != [layers.EMPTY]:
            needed.update(holding)
    assert [each.reason for each in layers.LAYERS[name] if each not in needed] == []


def test_a_layer_that_leaves_no_elements_needs_its_excuse() -> None:
    layer = catalogue.LAYERS["ConstantPad1d"]
    given = Call({"padding": -3, "value": 0.0}, (Tensor((2, 4, 6)),))
    real = theirs(layer, given, "cpu")
    assert isinstance(ours(layer, given), str)
    assert layers.excuses(layer, given, real[1]) == [layers.EMPTY]


@pytest.mark.parametrize("name", layers.FUNCTIONS)
def test_a_layer_is_excused_as_its_function_is(name: str) -> None:
    assert layers.FUNCTIONS[name] in functions.EXCUSES
    assert name not in layers.LAYERS


def _calls(name: str) -> Iterator[Call]:
    if name in MAKERS:
        yield from (given for given, _ in calls(MAKERS[name], name, 20 * COUNT))
        return
    layer = catalogue.LAYERS[name]
    yield from (Call(given, (x,)) for given in arguments(layer, 60) for x in inputs(layer))
