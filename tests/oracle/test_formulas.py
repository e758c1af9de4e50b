"""The formulas of shapes in the documentation of layers give the sizes that the layers give."""

import inspect
import re
from typing import Any

import pytest

from netspec.catalogue import FUNCTIONS, LAYERS
from netspec.dim import value_of
from netspec.tensor import Tensor
from tests.oracle.calls import answer
from tests.oracle.comparison import Call, ours
from tests.oracle.drawing import fitting_calls, fitting_layers
from tests.oracle.test_layers import SINGLE
from tests.shape_rules import holds
from tests.test_shapes import tensors_of

FORMULA = re.compile(r"`([LHD])' = (.+?)`")
FORMULAS = {
    name: found
    for name, layer in LAYERS.items()
    if (found := FORMULA.search(inspect.cleandoc(layer.__doc__ or "")))
}


def first_of(value: Any) -> Any:
    """The number for the first dimension, from one number for all or a tuple."""
    return value[0] if isinstance(value, tuple) else value


def test_layers_that_change_the_size_of_pictures_have_a_formula() -> None:
    primed = {name for name, layer in LAYERS.items() if re.search(r"[LHD]'", layer.__doc__ or "")}
    assert primed == set(FORMULAS)
    assert len(FORMULAS) == 26


@pytest.mark.parametrize("name", [name for name in FORMULAS if name in SINGLE])
def test_a_formula_gives_the_size_of_the_output(name: str) -> None:
    size, formula = FORMULAS[name].groups()
    ndim = LAYERS[name].ndim or 2
    held = 0
    for call in fitting_layers(name):
        made = ours(LAYERS[name], call)
        assert not isinstance(made, str)
        layer, output = made
        output = output[0] if not isinstance(output, Tensor) else output
        values = {key: first_of(getattr(layer, key, None)) for key in layer.fields()}
        if _is_said_otherwise(values):
            continue
        if values.get("stride", 0) is None:
            values["stride"] = values["kernel_size"]
        (x,) = call.inputs
        assert isinstance(x, Tensor)
        known = {key: value_of(v) if not isinstance(v, float) else v for key, v in values.items()}
        known[size] = x.shape[-ndim]
        assert eval(formula, {"int": int}, known) == value_of(output.shape[-ndim]), (call, formula)
        held += 1
    assert held > 3


@pytest.mark.parametrize("name", SINGLE)
def test_a_shape_rule_gives_the_output_of_every_call_that_fits(name: str) -> None:
    calls = fitting_layers(name)
    assert calls
    for call in calls:
        made = ours(LAYERS[name], call)
        assert not isinstance(made, str)
        layer, output = made
        given = {field: getattr(layer, field, None) for field in layer.fields()}
        assert any(holds(rule, call.inputs, output, given) for rule in layer.shapes), (call, output)


# What a rule tells by an example, in words, or for the common case only.
PARTLY = frozenset(
    {
        "cat",
        "diag_embed",
        "einsum",
        "hstack",
        "kron",
        "meshgrid",
        "pad",
        "repeat",
        "squeeze",
        "stack",
        "swapaxes",
        "swapdims",
        "tensordot",
        "tile",
        "transpose",
        "vstack",
    }
)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name not in PARTLY])
def test_a_shape_rule_gives_the_output_of_every_call_of_a_function_that_fits(name: str) -> None:
    held = 0
    for given in fitting_calls(name):
        function = FUNCTIONS[name](**given)
        tensors = tensors_of(function)
        if any(x.rank == 0 for x in tensors if isinstance(x, Tensor)):
            continue  # a number counts as a vector of one here and there
        output = answer(name, given)
        assert not isinstance(output, str)
        values = {field: getattr(function, field) for field in function.fields()}
        assert any(holds(rule, tensors, output, values) for rule in function.shapes), given
        held += 1
    assert held


def _is_said_otherwise(values: dict[str, Any]) -> bool:
    """Whether the sentence around a formula says that this call is another case."""
    return (
        isinstance(values.get("padding"), str)
        or bool(values.get("ceil_mode"))
        or values.get("output_size", 0) is None
        or values.get("size") is not None
    )


def test_a_formula_that_is_wrong_would_be_found() -> None:
    call = Call({"out_channels": 2, "kernel_size": 3}, (Tensor((1, 4, 9, 9)),))
    made = ours(LAYERS["Conv2d"], call)
    assert not isinstance(made, str)
    assert value_of(made[1].shape[-2]) == 7 != eval("(H - 3) // 2 + 1", {}, {"H": 9})
