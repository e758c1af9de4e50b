"""The shape rules that the documentation gives of layers and functions hold for their examples."""

from typing import Any

import pytest

import netspec
from netspec.catalogue import FUNCTIONS, LAYERS, families
from netspec.catalogue.example import Example, Shapes
from netspec.catalogue.function import Function
from netspec.graph import FunctionCall
from netspec.tensor import Tensor, Type
from tests.shape_rules import conditions, holds
from tests.test_catalogue import read

families()


def arguments_of(entry: Any) -> dict[str, Any]:
    """The arguments of a call or their defaults, and what the input has decided."""
    return {name: getattr(entry, name, None) for name in entry.fields()}


def layer_call(example: Example) -> tuple[list[Type], Type, dict[str, Any]]:
    call = read(example.call)
    layer = call() if isinstance(call, type) else call
    inputs = read(f"({example.input},)")
    return list(inputs), layer.apply(*inputs), arguments_of(layer)


def function_call(name: str, example: Example) -> tuple[list[Type], Type, dict[str, Any]]:
    spec = netspec.loads(
        f"net A()({example.input or 'x: float32[N]'}) {{\nreturn {example.call}\n}}"
    )
    (*_, call) = (
        step
        for step in spec.net().steps
        if isinstance(step, FunctionCall) and step.function.name == name
    )
    return tensors_of(call.function), call.output, arguments_of(call.function)


def tensors_of(function: Function) -> list[Type]:
    found: list[Type] = []
    for name in function.fields():
        value = getattr(function, name)
        parts = [value] if isinstance(value, Tensor) else value
        found += (
            [part for part in parts if isinstance(part, Tensor)]
            if isinstance(parts, tuple | list)
            else []
        )
    return found


@pytest.mark.parametrize("name", LAYERS)
def test_a_shape_rule_of_a_layer_gives_each_example(name: str) -> None:
    layer = LAYERS[name]
    assert layer.shapes
    assert layer.examples
    for example in layer.examples:
        inputs, output, arguments = layer_call(example)
        assert any(holds(rule, inputs, output, arguments) for rule in layer.shapes), example


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_shape_rule_of_a_function_gives_each_example(name: str) -> None:
    function = FUNCTIONS[name]
    assert function.shapes
    for example in function.examples:
        inputs, output, arguments = function_call(name, example)
        assert any(holds(rule, inputs, output, arguments) for rule in function.shapes), example


@pytest.mark.parametrize("entry", [*LAYERS.values(), *FUNCTIONS.values()])
def test_a_shape_rule_names_arguments_that_there_are(entry: Any) -> None:
    for rule in entry.shapes:
        for name, _ in conditions(rule):
            assert name in entry.fields(), rule


@pytest.mark.parametrize(
    ("rule", "inputs", "output", "arguments"),
    [
        (Shapes("[*, n]", "[*, m]"), [(2, 3)], (2, 5), {"n": 3, "m": 4}),
        (Shapes("[*, n]", "[*, m]"), [(2, 7)], (2, 4), {"n": 3, "m": 4}),
        (Shapes("[*A, n, *B]", "[*A, *B]", "n along `dim`"), [(2, 3, 4)], (2, 4), {"dim": 0}),
        (Shapes("[*]", "[]", "dim=None"), [(2, 3)], (), {"dim": 0}),
        (Shapes("[n]", "[2 * k]", "k = n + 1"), [(3,)], (9,), {}),
        (
            Shapes("[*A, n, *B]", "[*A, *B]", "n along `dim`; so for each of several"),
            [(2, 3, 4)],
            (2,),
            {"dim": (0, 1)},
        ),
    ],
)
def test_a_wrong_rule_does_not_hold(
    rule: Shapes, inputs: list[Any], output: Any, arguments: dict[str, Any]
) -> None:
    assert not holds(rule, list(map(Tensor, inputs)), Tensor(output), arguments)
