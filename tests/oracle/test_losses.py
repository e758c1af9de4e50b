"""PyTorch is the oracle: losses agree with it, as functions and as layers.

The layers get the calls of the functions, with all that their classes take.
"""

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import netspec
from netspec import catalogue
from netspec.catalogue import FUNCTIONS, families
from netspec.catalogue.functions.loss_function import LossFunction
from netspec.catalogue.loss_layers import LossLayer
from netspec.catalogue.signature import MISSING, write_value
from netspec.dim import Dim, symbol
from netspec.misfit import Misfit
from netspec.substitute import substitute
from netspec.tensor import FLOATING, Tensor
from tests.oracle.calls import REFUSALS, answer, is_lacking, known, real, type_of
from tests.oracle.cases.loss import CASES
from tests.oracle.comparison import Call, compare, compare_free, compare_symbolic, map_type, ours
from tests.oracle.excuses.layers import excuses

families()
NAMES = sorted(name for name, entry in FUNCTIONS.items() if issubclass(entry, LossFunction))
LAYERS: Mapping[str, type[LossLayer]] = {
    name: layer for name, layer in sorted(catalogue.LAYERS.items()) if issubclass(layer, LossLayer)
}
FREE = {3: "N", 5: "T"}  # the sizes that data brings

DEPRECATED = ("size_average", "reduce")


def test_all_losses_of_torch_are_there() -> None:
    assert len(NAMES) == 22
    named = {n for n in dir(nn) if n.endswith("Loss") and not n.endswith("WithLoss")}
    assert {*LAYERS} == named
    assert len(LAYERS) == 22
    assert {layer.rule.name for layer in LAYERS.values()} == {*NAMES}


# ---- names, order and defaults -----------------------------------------------------------------


def _positions(parameters: Mapping[str, inspect.Parameter]) -> list[str]:
    """What torch takes by position up to the first argument that the catalogue does not have."""
    names: list[str] = []
    for name, parameter in parameters.items():
        if name in DEPRECATED or parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            break
        names.append(name)
    return names


@pytest.mark.parametrize("name", NAMES)
def test_a_loss_function_has_torchs_names_order_and_defaults(name: str) -> None:
    real = inspect.signature(getattr(F, name)).parameters
    wanted = {
        key: MISSING if parameter.default is parameter.empty else parameter.default
        for key, parameter in real.items()
        if key not in DEPRECATED
    }
    fields = FUNCTIONS[name].fields()
    assert {key: field.default for key, field in fields.items()} == wanted
    assert list(fields) == list(wanted)
    assert FUNCTIONS[name].positional() == _positions(real)


@pytest.mark.parametrize("name", LAYERS)
def test_a_loss_layer_takes_by_position_what_torch_does(name: str) -> None:
    real = dict(list(inspect.signature(getattr(nn, name).__init__).parameters.items())[1:])
    inferred = [key for key, field in LAYERS[name].fields().items() if field.inferred]
    positions = [key for key in _positions(real) if key not in inferred]
    assert LAYERS[name].positional() == positions


@pytest.mark.parametrize("name", LAYERS)
def test_what_an_output_is_compared_with_is_an_input(name: str) -> None:
    layer = LAYERS[name]
    assert layer.against in ("", *layer.takes)
    assert layer.rule.against in ("", *layer.rule.fields())
    assert (layer.against == "") == name.startswith("Triplet")


# ---- functions -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_loss_is_tried_with_calls_that_fit_and_others(name: str) -> None:
    refused = sum(isinstance(answer(name, given), str) for given in CASES[name])
    assert min(refused, len(CASES[name]) - refused) >= 20


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMES)
def test_what_fits_has_a_gradient(name: str) -> None:
    first = next(iter(FUNCTIONS[name].fields()))
    for given in CASES[name]:
        if isinstance(answer(name, given), str) or given[first].dtype not in FLOATING:
            continue
        values = {key: real(value, key) for key, value in given.items()}
        values[first].requires_grad_()
        try:
            loss = getattr(F, name)(**values)
        except REFUSALS as error:
            assert is_lacking(error), given
            continue
        loss.sum().backward()
        assert values[first].grad is not None, given


@pytest.mark.parametrize("name", NAMES)
def test_sizes_of_a_loss_function_may_be_left_to_the_data(name: str) -> None:
    sizes: dict[int, Dim] = {size: symbol(free) for size, free in FREE.items()}
    values: dict[str, Dim] = {free: size for size, free in FREE.items()}
    tried = 0
    for given in CASES[name]:
        plain = answer(name, given)
        if isinstance(plain, str):
            continue
        opened = {
            key: Tensor(tuple(sizes.get(size, size) for size in value.shape), value.dtype)
            if isinstance(value, Tensor)
            else value
            for key, value in given.items()
        }
        result = FUNCTIONS[name](**opened).apply()
        assert known(map_type(lambda x: _closed(x, values), result)) == plain, given
        tried += 1
    assert tried >= 20


def _closed(x: Tensor, values: Mapping[str, Dim]) -> Tensor:
    return Tensor(tuple(substitute(size, values) for size in x.shape), x.dtype)


# ---- layers --------------------------------------------------------------------------------------


def calls_of(name: str) -> Iterator[Call]:
    """The calls of the function with what the class takes, weights as numbers."""
    layer = LAYERS[name]
    fields = layer.fields()
    for given in CASES[layer.rule.name]:
        rest = dict(given)
        inputs = tuple(rest.pop(key) for key in list(layer.rule.fields())[: len(layer.takes)])
        if name == "LinearCrossEntropyLoss":
            linear = _linear(inputs[1], rest.pop("target"), rest)
            if linear is None:
                continue
            inputs, rest = (inputs[0], linear[0]), linear[1]
        weights = {key: value for key, value in rest.items() if isinstance(value, Tensor)}
        plain = all(x.rank == 1 and x.dtype == "float32" for x in weights.values())
        if not plain or not {*rest} <= {*fields} or not all(isinstance(x, Tensor) for x in inputs):
            continue
        numbers = {key: (1.0,) * int(x.shape[0]) for key, x in weights.items()}
        yield Call({**rest, **numbers}, inputs)


def _linear(
    weight: Tensor, target: Tensor, rest: dict[str, Any]
) -> tuple[Tensor, dict[str, Any]] | None:
    """The target and the arguments of a class that makes such a weight."""
    if weight.rank < 2:
        return None
    classes, *outputs, _ = weight.shape
    bias = rest.pop("linear_bias", None)
    shape = {"num_classes": classes, "out_features": tuple(outputs), "bias": bias is not None}
    return target, {**shape, **rest}


def _maker(name: str) -> Callable[[Random], Call]:
    """Draws of the calls of a loss, two of three among those that fit."""

    @functools.cache
    def kinds() -> tuple[list[Call], list[Call]]:
        every = list(calls_of(name))
        return every, [made for made in every if not isinstance(ours(LAYERS[name], made), str)]

    def make(draw: Random) -> Call:
        every, fitting = kinds()
        return draw.choice(fitting if draw.random() < 2 / 3 else every)

    return make


MAKERS = {name: _maker(name) for name in LAYERS}


@pytest.mark.parametrize("name", LAYERS)
def test_a_loss_layer_agrees_with_torch(name: str) -> None:
    layer = LAYERS[name]
    fitting = refused = 0
    for made in calls_of(name):
        fits = compare(layer, made, excuses)
        fitting += fits
        refused += not fits
    assert min(fitting, refused) >= 20


@pytest.mark.parametrize("name", LAYERS)
def test_numbers_with_names_come_to_the_same_in_a_loss_layer(name: str) -> None:
    for made in list(calls_of(name))[::5]:
        compare_symbolic(LAYERS[name], made)


@pytest.mark.parametrize("name", LAYERS)
def test_sizes_of_a_loss_layer_may_be_left_to_the_data(name: str) -> None:
    sizes = {3: "N"} if name == "LinearCrossEntropyLoss" else FREE  # it makes one for each T
    for made in calls_of(name):
        compare_free(LAYERS[name], made, sizes)


# ---- in a spec -----------------------------------------------------------------------------------


def _net(written: str, inputs: list[Tensor]) -> str:
    head = ", ".join(f"t{number}: {type}" for number, type in enumerate(inputs))
    names = ", ".join(f"t{number}" for number in range(len(inputs)))
    return f"net A()({head}) {{\n    return ({names}) -> {written}\n}}\n"


def _different(name: str) -> list[Call]:
    """A few calls that check and torch take, no two with the same kinds of arguments."""
    found: dict[object, Call] = {}
    for made in calls_of(name):
        kinds = tuple(
            (k, v if isinstance(v, bool | str) else "") for k, v in made.arguments.items()
        )
        if kinds not in found and compare(LAYERS[name], made, excuses):
            found[kinds] = made
    return list(found.values())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", LAYERS)
def test_a_loss_layer_of_a_spec_runs(name: str) -> None:
    for made in _different(name):
        result = ours(LAYERS[name], made)
        assert not isinstance(result, str)
        arguments = ", ".join(f"{key}={write_value(v)}" for key, v in made.arguments.items())
        inputs = [x for x in made.inputs if isinstance(x, Tensor)]
        spec = netspec.loads(_net(f"loss: {name}({arguments})", inputs))
        model = spec.build(device="cpu")
        output = model(*[real(x, "") for x in inputs])
        assert type_of(output) == known(result[1]), spec.source
        keys = {*result[0].parameters(), *result[0].buffers()}
        assert {*model.state_dict()} == {f"loss.{key}" for key in keys}


WEIGHTS = """net A(weights: list = [1, 2, 3])(logits: float32[N, 3], label: int64[N]) {
    return (logits, label) -> CrossEntropyLoss(weight=weights, label_smoothing=0.1)
}
"""


@pytest.mark.parametrize("weights", [[1, 2, 3], [0.5, 2, 3]])
def test_numbers_of_a_weight_are_floats_however_they_are_written(weights: list[float]) -> None:
    logits, label = torch.randn(4, 3), torch.tensor([0, 2, 1, 2])
    loss = netspec.loads(WEIGHTS, weights=weights).build(device="cpu")(logits, label)
    weight = torch.tensor(weights, dtype=torch.float32)
    assert torch.equal(loss, F.cross_entropy(logits, label, weight, label_smoothing=0.1))


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("CrossEntropyLoss", "nn.CrossEntropyLoss()"),
        ("CrossEntropyLoss(weight=None)", "nn.CrossEntropyLoss()"),
        ("CrossEntropyLoss([1.0, 2.5, 1])", "nn.CrossEntropyLoss(torch.tensor([1.0, 2.5, 1]))"),
        (
            "NLLLoss(weight=(1, 2, 3))",
            "nn.NLLLoss(weight=torch.tensor((1, 2, 3), dtype=torch.float32))",
        ),
        ('MultiMarginLoss(2, reduction="sum")', 'nn.MultiMarginLoss(2, reduction="sum")'),
    ],
)
def test_a_loss_is_written_as_torch_takes_it(written: str, code: str) -> None:
    spec = netspec.loads(_net(written, [Tensor((4, 3)), Tensor((4,), "int64")]))
    assert f" = {code}\n" in spec.source


# ---- classes -------------------------------------------------------------------------------------

LOGITS, LABELS = Tensor((symbol("N"), 10)), Tensor((symbol("N"),), "int64")
DENSE = (Tensor((symbol("N"), 10, 7)), Tensor((symbol("N"), 7), "int64"))
LENGTHS = (LABELS, LABELS)
SEQUENCES = (Tensor((symbol("T"), symbol("N"), 10)), Tensor((symbol("N"), 4), "int64"), *LENGTHS)
CLASSES = [
    ("CrossEntropyLoss", {}, (LOGITS, LABELS)),
    ("CrossEntropyLoss", {}, DENSE),
    ("CrossEntropyLoss", {}, (Tensor((10,)), Tensor((), "int64"))),
    ("NLLLoss", {}, (LOGITS, LABELS)),
    ("MultiMarginLoss", {}, (LOGITS, LABELS)),
    ("MultiLabelMarginLoss", {}, (LOGITS, Tensor(LOGITS.shape, "int64"))),
    ("LinearCrossEntropyLoss", {"num_classes": 10}, (Tensor((symbol("N"), 64)), LABELS)),
    ("CTCLoss", {}, SEQUENCES),
]


@pytest.mark.parametrize(("name", "arguments", "inputs"), CLASSES)
def test_labels_beyond_the_output_are_refused(
    name: str, arguments: dict[str, Any], inputs: tuple[Tensor, ...]
) -> None:
    layer = LAYERS[name](**arguments)
    layer.apply(*inputs)
    layer.call(*inputs).require_classes(10)
    with pytest.raises(Misfit, match="the labels have 11 classes, the output has 10"):
        layer.call(*inputs).require_classes(11)


@pytest.mark.parametrize("name", ["CrossEntropyLoss", "MSELoss"])
def test_numbers_in_place_of_labels_are_of_no_class(name: str) -> None:
    LAYERS[name]().call(LOGITS, LOGITS).require_classes(11)
    LAYERS[name].rule(LOGITS, LOGITS).require_classes(11)
