"""Entries as a spec meets them: their examples hold, and what does not fit is said in words."""

import re
from pathlib import Path
from typing import Any

import pytest

import netspec
from netspec.catalogue import ALIASES, FUNCTIONS, LAYERS, families, index
from netspec.catalogue.layer import Example, Misfit
from netspec.catalogue.write_index import write_index
from netspec.dim import symbol
from netspec.tensor import DTYPES, Tensor, write_type


class _DType:
    def __init__(self, name: str) -> None:
        self.name = name

    def __getitem__(self, shape: Any) -> Tensor:
        return Tensor(shape if isinstance(shape, tuple) else (shape,), self.name)


class _Names(dict[str, Any]):
    """A name that is no layer and no dtype is a size that data brings."""

    def __missing__(self, name: str) -> Any:
        return symbol(name)


families()  # also those with a new layer, which the index does not have yet
NAMES = _Names(
    {title: LAYERS[name] for title, name in list(ALIASES.items())} | {d: _DType(d) for d in DTYPES}
)
GALLERY = Path(__file__).parent / "catalogue.txt"
EXAMPLES = [example for layer in LAYERS.values() for example in layer.examples]


def read(text: str) -> Any:
    return eval(text.replace("[]", "[()]"), {"__builtins__": {}}, NAMES)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.call)
def test_an_example_gives_what_it_says(example: Example) -> None:
    call = read(example.call)
    layer = call() if isinstance(call, type) else call
    inputs = read(f"({example.input},)")
    assert layer.apply(*inputs) == read(example.output)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_function_has_examples_of_its_own_that_give_what_they_say(name: str) -> None:
    examples: tuple[Example, ...] = vars(FUNCTIONS[name]).get("examples", ())
    assert examples
    for example in examples:
        assert re.search(rf"\b{name}\b", example.call)
        inputs = example.input or "x: float32[N]"  # a net has some input
        spec = netspec.loads(f"net A()({inputs}) {{\nreturn {example.call}\n}}")
        types = tuple(port.type for port in spec.net().outputs)
        assert write_type(types[0] if len(types) == 1 else types) == example.output


# What the layer is called with: the call, the inputs, the inputs by name.
REFUSED = [
    ("ReLU", "float32[2], float32[2]", ""),
    ("Bilinear(4)", "float32[2, 3]", ""),
    ("Bilinear(4)", "float32[2, 3], float32[3, 4]", ""),
    ("Bilinear(4, in2_features=5)", "float32[2, 3], float32[2, 4]", ""),
    ("ReLU", "(float32[2], float32[2])", ""),
    ("GRU(4)", "float32[5, 3, 8], (float32[1, 3, 4], float32[1, 3, 4])", ""),
    ("LSTM(4)", "float32[5, 3, 8], float32[1, 3, 4]", ""),
    ("LSTM(4, num_layers=2)", "float32[5, 3, 8], (float32[2, 3, 4], float32[1, 3, 4])", ""),
    ("GRU(4)", "float32[3, 5, 8]", "{'hx': float32[1, 3, 4]}"),
    ("GRU(4)", "float32[3, 5, 8]", "{'h0': float32[1, 3, 4]}"),
    ("GRU(4)", "float32[3, 5, 8], float32[1, 5, 4]", "{'hx': float32[1, 3, 4]}"),
    ("LSTM(4, proj_size=4)", "float32[5, 3, 8]", ""),
    ("RNN(4)", "float32[5, 3, 8, 2]", ""),
    ("RNN(4)", "int64[5, 3]", ""),
    ("GRUCell(4)", "float32[3, 8], float32[3, 5]", ""),
    ("MultiheadAttention(6)", "float32[5, 3, 8], float32[7, 3, 8], float32[7, 3, 8]", ""),
    ("MultiheadAttention(4)", "float32[5, 3, 8], float32[7, 2, 8], float32[7, 2, 8]", ""),
    ("MultiheadAttention(4)", "float32[5, 3, 8], float32[7, 3, 8], float32[6, 3, 8]", ""),
    ("MultiheadAttention(4)", "float32[5, 8], float32[7, 3, 8], float32[7, 3, 8]", ""),
    (
        "MultiheadAttention(4)",
        "float32[5, 3, 8], float32[7, 3, 8], float32[7, 3, 8]",
        "{'attn_mask': int64[5, 7]}",
    ),
    (
        "MultiheadAttention(4)",
        "float32[5, 3, 8], float32[7, 3, 8], float32[7, 3, 8]",
        "{'attn_mask': bool[3, 5, 7]}",
    ),
    (
        "MultiheadAttention(4)",
        "float32[5, 3, 8], float32[7, 3, 8], float32[7, 3, 8]",
        "{'key_padding_mask': bool[7, 3]}",
    ),
    ("TransformerDecoderLayer(4)", "float32[5, 3, 8], float32[7, 3, 6]", ""),
    ("EmbeddingBag(9, 4)", "int64[5]", ""),
    ("EmbeddingBag(9, 4)", "int64[5, 3]", "{'per_sample_weights': float32[5, 3]}"),
    ("AdaptiveLogSoftmaxWithLoss(10, (4, 10))", "float32[5, 8], int64[5]", ""),
    ("ReflectionPad2d(5)", "float32[N, 3, 5, 8]", ""),
    ("CircularPad1d((0, 9))", "float32[N, 3, 8]", ""),
    ("ZeroPad1d(-4)", "float32[N, 3, 8]", ""),
    ("GLU", "float32[N, 7]", ""),
    ("Fold(8, 3)", "float32[N, 12, 36]", ""),
    ("Fold(8, 2)", "float32[N, 12, 36]", ""),
    ("MaxUnpool2d(2)", "float32[N, 3, 4, 4], int64[N, 3, 4, 5]", ""),
    ("MaxPool2d(3, padding=2)", "float32[N, 3, 8, 8]", ""),
    ("PixelUnshuffle(3)", "float32[N, 3, 9, 8]", ""),
    ("ChannelShuffle(3)", "float32[N, 8, 9, 9]", ""),
    ("FractionalMaxPool2d(3, 9)", "float32[N, 3, 9, 9]", ""),
    ("CosineSimilarity", "float32[N, 8], float32[N, 7]", ""),
    ("InstanceNorm2d", "float32[N, 3, 1, 1]", ""),
    ("Conv2d(6, 3, groups=4)", "float32[N, 8, 9, 9]", ""),
    ("Conv2d(8, 3, groups=3)", "float32[N, 8, 9, 9]", ""),
    ("Conv2d(8, 3, stride=2, padding='same')", "float32[N, 3, 9, 9]", ""),
    ("Conv1d(8, 7, padding=3, padding_mode='reflect')", "float32[N, 3, 3]", ""),
    ("Conv2d(8, 3, dilation=4)", "float32[N, 3, 8, 8]", ""),
    ("Conv2d(8, 3)", "float32[N, 3, 8, 8, 8]", ""),
    ("Conv2d(8, 3)", "float32[3]", ""),
    ("Conv2d(8, 3)", "uint8[N, 3, 8, 8]", ""),
    ("ConvTranspose2d(8, 3, stride=2, output_padding=2)", "float32[N, 3, 8, 8]", ""),
    ("ConvTranspose2d(8, 2, padding=2)", "float32[N, 3, 1, 1]", ""),
    ("AvgPool2d(9)", "float32[N, 3, 8, 8]", ""),
    ("AdaptiveAvgPool2d(1)", "int64[N, 3, 8, 8]", ""),
    ("BatchNorm1d", "float32[1, 8]", ""),
    ("BatchNorm2d", "float32[N, 8]", ""),
    ("GroupNorm(3)", "float32[N, 8, 9, 9]", ""),
    ("GroupNorm(3)", "float32[8]", ""),
    ("LayerNorm(normalized_shape=(4, 5))", "float32[N, 4, 6]", ""),
    ("Linear(4)", "float32[]", ""),
    ("Embedding(9, 4)", "float32[N]", ""),
    ("Embedding(9, 4, padding_idx=9)", "int64[N]", ""),
    ("PixelShuffle(3)", "float32[N, 8, 9, 9]", ""),
    ("PReLU(5)", "float32[N, 8]", ""),
    ("Unflatten(1, (4, 3))", "float32[N, 8]", ""),
    ("Unflatten(1, ())", "float32[N, 1]", ""),
    ("Upsample(3, scale_factor=2)", "float32[N, 3, 8]", ""),
    ("Upsample(scale_factor=2, mode='bilinear')", "float32[N, 3, 8]", ""),
    ("Upsample(scale_factor=(2, 2))", "float32[N, 3, 8]", ""),
    ("Hardtanh(2.0)", "float32[N, 3]", ""),
    ("RReLU(0.5)", "float32[N, 3]", ""),
    ("ZeroPad1d((-3, 5))", "float32[N, 3, 2]", ""),
    ("ConstantPad2d(1, 0.5)", "float32[3]", ""),
    ("TransformerEncoderLayer(3)", "float32[5, 3, 8]", ""),
    ("Softshrink(-1.0)", "float32[N, 3]", ""),
    ("MSELoss", "float32[N, 1], float32[N]", ""),
    ("MSELoss", "float32[N, 3], float32[M, 3]", ""),
    ("L1Loss", "float32[N, 3], float32[N, 4]", ""),
    ("HuberLoss", "float32[N, 3], int64[N, 3]", ""),
    ("BCELoss(weight=[1.0, 2.0])", "float32[N, 3], float32[N, 3]", ""),
    ("GaussianNLLLoss", "float32[N, 3], float32[N, 3], float32[N, 2]", ""),
    ("CrossEntropyLoss", "float32[N, 10], float32[N]", ""),
    ("CrossEntropyLoss", "float32[N, 10], int64[N, 1]", ""),
    ("CrossEntropyLoss", "float32[N, 10], int64[N, 10]", ""),
    ("CrossEntropyLoss", "float32[N, 10, 4, 4], int64[N]", ""),
    ("CrossEntropyLoss(ignore_index=0)", "float32[N, 10], float32[N, 10]", ""),
    ("CrossEntropyLoss(weight=[1.0, 2.0])", "float32[N, 10], int64[N]", ""),
    ("CrossEntropyLoss(weight=[1.0, 2.0])", "float64[N, 2], int64[N]", ""),
    ("LinearCrossEntropyLoss(10)", "float32[N, 8, 3], int64[N]", ""),
    ("MultiMarginLoss", "float32[N, 10, 4], int64[N, 4]", ""),
    ("CTCLoss(blank=20)", "float32[T, N, 20], int64[N, 9], int64[N], int64[N]", ""),
    ("CTCLoss", "float32[N, 20, T], int64[N, 9], int64[N], int64[N]", ""),
    ("CosineEmbeddingLoss", "float32[N, 8], float32[N, 8], float32[N, 1]", ""),
    ("TripletMarginLoss", "float32[N, 8], float32[N, 8], float32[N, 4]", ""),
]


def test_what_does_not_fit_is_said_in_words(update: bool) -> None:
    text = "\n".join(_refusal(*case) for case in REFUSED)
    if update:
        GALLERY.write_text(text, encoding="utf-8")
    assert text == GALLERY.read_text(encoding="utf-8")


def _refusal(call: str, inputs: str, named: str) -> str:
    made = read(call)
    layer = made() if isinstance(made, type) else made
    with pytest.raises(Misfit) as raised:
        layer.apply(*read(f"({inputs},)"), **read(named or "{}"))
    misfit = raised.value
    told = [f"error: {misfit.message}", f"label: {misfit.label}", f"help: {misfit.help}"]
    flow = f"({inputs}) -> {call} {named}".rstrip()
    return "\n".join([flow, *(f"    {line}" for line in told if not line.endswith(": ")), ""])


INDEX = Path(index.__file__)


def test_the_index_is_current(update: bool) -> None:
    if update:
        INDEX.write_text(write_index(), encoding="utf-8")
    assert INDEX.read_text(encoding="utf-8") == write_index()
