"""PyTorch is the oracle: losses agree with it, as functions and as layers.

The layers get the calls of the functions, with all that their classes take.
"""

import functools
import inspect
import re
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
from netspec.catalogue.layer import Layer
from netspec.catalogue.loss_layers import LossLayer
from netspec.catalogue.signature import MISSING, write_value
from netspec.dim import Dim, substitute, symbol
from netspec.misfit import Misfit
from netspec.tensor import FLOATING, Tensor
from tests.oracle.calls import REFUSALS, answer, call, is_lacking, known, real, type_of
from tests.oracle.cases.loss import CASES
from tests.oracle.comparison import Call, compare, compare_free, compare_symbolic, map_type, ours

families()
NAMES = sorted(name for name, entry in FUNCTIONS.items() if issubclass(entry, LossFunction))
LAYERS: Mapping[str, type[LossLayer]] = {
    name: layer for name, layer in sorted(catalogue.LAYERS.items()) if issubclass(layer, LossLayer)
}
FREE = {3: "N", 5: "T"}  # the sizes that data brings

DEPRECATED = ("size_average", "reduce")

# What the catalogue refuses though torch takes it: how it says so, and the reason.
STRICTER = {
    "compares tensors of one shape": "torch stretches one to the other",
    "takes .* tensors for `(input|input1|input2|anchor|positive|negative)`": "an output without "
    "fractions has no gradient, and torch takes complex ones only where nothing looks at them",
    "takes .* tensors for `(target|weight|pos_weight)`": "a complex number is no target or weight; "
    "of signs that are truth values torch cannot take the gradient",
    "`target` of .* must be .* as `input` is": "huber_loss has no gradient, and "
    "binary_cross_entropy_with_logits the dtype of the target, however narrow",
    "takes int32 or int64 tensors for `targets`": "torch turns any numbers into labels",
    "takes labels of dtype int64, found uint8": "torch takes them in two dimensions only",
    r"takes labels \[\] with an output \[\d+\], found \[1\]": "the batch is missing in the output; "
    "torch gives one loss or a tensor of one, as it happens",
    r"takes labels \[1\] with an output \[1, \d+\], found \[\]": "the label has no batch",
    "`weight` of .* must be .* as the output is": "torch is not so with probabilities",
    "`weight` of .* has a number for each": "torch takes [1, C] in more than two dimensions",
    "`weight` of .* does not broadcast": "torch stretches the loss to the weight",
    "at least one dimension": "the distance of two numbers",
    r"`target` of .*cosine_embedding_loss` must be|`target` of `CosineEmbeddingLoss`": "torch "
    "stretches one sign to all",
    "_lengths` of .* must be": "torch takes [1] for one sequence without a batch",
    r"`targets` of .* must be \[S\]": "torch takes [1, S] for one sequence without a batch",
    "`p` of .* must be a positive number": "the number of differences has no gradient",
    "must be a number from 0 to 1": "torch takes a negative smoothing for none",
}


def _reason(refusal: str) -> str:
    return next((why for said, why in STRICTER.items() if re.search(said, refusal)), "")


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
def test_a_loss_refuses_what_torch_takes_for_a_reason_only(name: str) -> None:
    fitting = refused = 0
    for given in CASES[name]:
        mine = answer(name, given)
        fitting += not isinstance(mine, str)
        refused += isinstance(mine, str)
        if isinstance(mine, str) and not _reason(mine):
            with pytest.raises(REFUSALS):
                call(name, given)
    assert min(fitting, refused) >= 20


def test_each_reason_is_needed() -> None:
    needed: set[str] = set()
    for name in NAMES:
        for given in CASES[name]:
            mine = answer(name, given)
            if isinstance(mine, str) and _reason(mine) not in needed and _is_taken(name, given):
                needed.add(_reason(mine))
    assert needed == {*STRICTER.values()}


def _is_taken(name: str, given: Mapping[str, Any]) -> bool:
    try:
        call(name, given)
    except REFUSALS:
        return False
    return True


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


def _calls(name: str) -> Iterator[Call]:
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


def excuse(layer: type[Layer], call: Call, output: Any) -> str:
    """The reason on the list for refusing what torch takes, or nothing."""
    mine = ours(layer, call)
    return _reason(mine) if isinstance(mine, str) else ""


def _maker(name: str) -> Callable[[Random], Call]:
    """Draws of the calls of a loss, two of three among those that fit."""

    @functools.cache
    def kinds() -> tuple[list[Call], list[Call]]:
        every = list(_calls(name))
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
    for made in _calls(name):
        fits = compare(layer, made, excuse)
        fitting += fits
        refused += not fits
    assert min(fitting, refused) >= 20


@pytest.mark.parametrize("name", LAYERS)
def test_numbers_with_names_come_to_the_same_in_a_loss_layer(name: str) -> None:
    for made in list(_calls(name))[::5]:
        compare_symbolic(LAYERS[name], made)


@pytest.mark.parametrize("name", LAYERS)
def test_sizes_of_a_loss_layer_may_be_left_to_the_data(name: str) -> None:
    sizes = {3: "N"} if name == "LinearCrossEntropyLoss" else FREE  # it makes one for each T
    for made in _calls(name):
        compare_free(LAYERS[name], made, sizes)


# ---- in a spec -----------------------------------------------------------------------------------


def _net(written: str, inputs: list[Tensor]) -> str:
    head = ", ".join(f"t{number}: {type}" for number, type in enumerate(inputs))
    names = ", ".join(f"t{number}" for number in range(len(inputs)))
    return f"net A()({head}) {{\n    return ({names}) -> {written}\n}}\n"


def _different(name: str) -> list[Call]:
    """A few calls that check and torch take, no two with the same kinds of arguments."""
    found: dict[object, Call] = {}
    for made in _calls(name):
        kinds = tuple(
            (k, v if isinstance(v, bool | str) else "") for k, v in made.arguments.items()
        )
        if kinds not in found and compare(LAYERS[name], made, lambda *_: "not this one"):
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
    layer.require_classes(10, *inputs)
    with pytest.raises(Misfit, match="the labels have 11 classes, the output has 10"):
        layer.require_classes(11, *inputs)


@pytest.mark.parametrize("name", ["CrossEntropyLoss", "MSELoss"])
def test_numbers_in_place_of_labels_are_of_no_class(name: str) -> None:
    LAYERS[name]().require_classes(11, LOGITS, LOGITS)
    LAYERS[name].rule(LOGITS, LOGITS).require_classes(11)
