"""What is told of a name of the catalogue, and which names are listed."""

import ast
import re

import pytest

from netspec import reference
from netspec.catalogue.function import Function
from netspec.catalogue.layer import LAZY, RANK_OPEN, Layer
from netspec.check_section import SETTINGS
from netspec.entries import default_of, shelves, takes, title_of
from netspec.explain import advice, explain, layers, write_lines
from netspec.setting_texts import NAMES, setting_text
from netspec.settings import KINDS

SECTIONS = {
    section.partition("\n")[0]: section
    for file in ("layers.md", "functions.md")
    for section in re.split(r"^### ", reference.pages()[file], flags=re.MULTILINE)[1:]
}
TITLES = sorted({title_of(entry) for _, entries in shelves() for entry in entries})


def test_a_layer_is_told_with_its_arguments_and_its_examples() -> None:
    assert f"\n{explain('Linear')}\n" == LINEAR


LINEAR = """
Linear(out_features, bias=True)
layer: torch.nn.Linear

y = x Wᵀ + b over the last dimension.

Input dtype: `float32`.

argument      default  takes
in_features            a positive integer; follows from the input
out_features           a positive integer
bias          True     True or False

input shape       output shape
[*, in_features]  [*, out_features]

example                input              output
Linear(120)            float32[N, 400]    float32[N, 120]
Linear(8, bias=False)  float32[N, T, 16]  float32[N, T, 8]
"""


def test_a_function_is_told_with_its_name_in_torch() -> None:
    assert explain("cat").startswith("cat(tensors, dim=0)\nfunction: torch.cat\n\nJoin tensors")
    assert "function: torch.Tensor.reshape" in explain("reshape")


def test_a_function_is_told_with_calls_of_it_and_what_they_give() -> None:
    assert f"\n{explain('split')}\n".endswith(SPLIT)


SPLIT = """
input shape  output shape       where
[*A, n, *B]  ([*A, n', *B], …)  n along `dim`; n' = split_size, or the rest; or the sizes given

example                    input              output
x -> split(4, dim=1)       x: float32[N, 10]  (float32[N, 4], float32[N, 4], float32[N, 2])
x -> split((2, 8), dim=1)  x: float32[N, 10]  (float32[N, 2], float32[N, 8])
"""


CALLED = [
    entry
    for _, entries in shelves()
    for entry in entries
    if issubclass(entry, Layer | Function) and entry.__module__.startswith("netspec.")
]


@pytest.mark.parametrize("entry", CALLED, ids=title_of)
def test_a_layer_or_function_is_told_with_all_its_parts(entry: type[Layer | Function]) -> None:
    told = explain(title_of(entry))
    section = SECTIONS[title_of(entry)]
    assert f": {entry.torch}\n" in told
    assert f"In torch: `{entry.torch}`." in section
    for field in entry.fields().values():
        row = (field.name, default_of(field), takes(field))
        assert re.search(r" +".join(map(re.escape, filter(None, row))), told)
        assert f"| `{field.name}` | {f'`{row[1]}`' if row[1] else ''} | {row[2]} |" in section
    assert entry.shapes
    for rule in entry.shapes:
        assert re.search(rf"^{re.escape(rule.inputs)} +{re.escape(rule.output)}", told, re.M)
        assert f"`{rule.output}` |" in section
    assert entry.examples
    for example in entry.examples:
        assert re.search(rf"^{re.escape(example.call)} .* {re.escape(example.output)}$", told, re.M)
        assert f"| `{example.call}` |" in section


def test_a_stride_that_is_left_out_is_told_to_be_the_size_of_the_window() -> None:
    told = explain("MaxPool2d")
    assert re.search(r"^stride +kernel_size +.* or None, which is kernel_size$", told, re.M)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("kaiming_normal", "initialisation scheme: torch.nn.init.kaiming_normal_"),
        ("AdamW", "optimiser: torch.optim.AdamW"),
        ("OneCycleLR", "scheduler: torch.optim.lr_scheduler.OneCycleLR"),
        ("SWALR", "scheduler: torch.optim.swa_utils.SWALR"),
        ("cross_entropy", "function: torch.nn.functional.cross_entropy"),
        ("CrossEntropyLoss", "layer: torch.nn.CrossEntropyLoss"),
        ("accuracy", "metric"),
        ("MNIST5k", "data source"),
    ],
)
def test_each_part_of_a_spec_is_told(name: str, kind: str) -> None:
    assert explain(name).splitlines()[1] == kind


def test_a_setting_is_told_with_what_it_may_be_and_an_example() -> None:
    assert f"\n{explain('early_stopping')}\n" == EARLY_STOPPING


EARLY_STOPPING = """
early_stopping = 5
setting of a train section

The training ends after so many epochs without a better figure.

default  takes
none     a positive integer
"""


@pytest.mark.parametrize("name", NAMES)
def test_the_example_of_a_setting_is_what_it_may_be(name: str) -> None:
    text = setting_text(name)
    assert text is not None
    assert f"{text.example}\nsetting of a train section\n\n" in explain(name)
    if name in KINDS:
        example = text.example.removeprefix(f"{name} = ")
        assert KINDS[name].fits(ast.literal_eval(example))
        assert KINDS[name].wanted == text.wanted


def test_every_setting_is_told_and_nothing_else() -> None:
    assert sorted(NAMES) == sorted(SETTINGS)
    assert setting_text("learning_rate") is None


def test_a_setting_and_a_function_of_one_name_are_both_told() -> None:
    first, second = explain("log").split("\n\nlog = ")
    assert "function: torch.log" in first
    assert second.startswith('"wandb"\nsetting of a train section')


def test_a_link_of_the_docs_is_none_in_the_console() -> None:
    assert "a share of the net." in explain("shard")


def test_a_setting_that_is_misspelt_is_found() -> None:
    assert advice("early_stoping") == "did you mean `early_stopping`?"


def test_a_scheme_and_a_parametrization_of_one_name_are_both_told() -> None:
    both, alone = explain("orthogonal"), explain("parametrizations.orthogonal")
    scheme = "orthogonal(gain=1)\ninitialisation scheme: torch.nn.init.orthogonal_\n"
    assert both.startswith(scheme)
    assert both.endswith(alone)
    assert "parametrization: torch.nn.utils.parametrizations.orthogonal\n" in alone
    assert "written `parametrizations.orthogonal`" in alone
    assert explain("parametrizations.zeros") == ""


def test_a_name_with_two_meanings_is_told_twice() -> None:
    text = explain("zeros")
    assert "function: torch.zeros\n" in text
    assert "initialisation scheme: torch.nn.init.zeros_\n" in text


def test_other_names_of_a_layer_are_known() -> None:
    assert explain("Deconv2d") == explain("ConvTranspose2d")
    assert explain("Deconv") == explain("ConvTranspose2d")


@pytest.mark.parametrize("name", [*TITLES, *RANK_OPEN])
def test_every_name_of_the_catalogue_is_told(name: str) -> None:
    assert explain(name)


def test_a_layer_of_any_rank_is_not_taken_for_one_of_its_name_with_a_rank() -> None:
    assert explain("Dropout").startswith("Dropout(p=0.5, inplace=False)\nlayer: torch.nn.Dropout\n")


def test_an_unknown_name_has_no_text_but_advice() -> None:
    assert explain("Conv2D") == ""
    assert advice("Conv2D") == "did you mean `Conv2d`?"
    assert advice("kaimin_normal") == "did you mean `kaiming_normal`?"
    assert advice("Frobnicate") == "`netspec layers` lists all layers and functions"


@pytest.mark.parametrize("name", LAZY)
def test_a_lazy_class_has_the_layer_to_use_in_its_place(name: str) -> None:
    assert explain(name) == ""
    assert advice(name).endswith(f"write `{LAZY[name]}`")
    assert explain(LAZY[name])


def test_a_part_of_a_name_or_a_pattern_finds_it() -> None:
    def names(pattern: str) -> list[str]:
        return [line.name for line in layers(pattern)]

    assert names("GELU") == ["GELU", "gelu"]
    assert names("pixel") == ["PixelShuffle", "PixelUnshuffle", "pixel_shuffle", "pixel_unshuffle"]
    assert names("conv?d") == ["Conv1d", "Conv2d", "Conv3d"]
    assert names("deconv2d") == ["ConvTranspose2d"]
    assert names("kaiming_normal") == []


def test_the_list_is_in_columns_layers_before_functions() -> None:
    assert f"\n{write_lines(layers('dropout2d'))}\n" == DROPOUT


DROPOUT = """
Dropout2d  layer     Set whole channels of an image to zero with probability `p` while training.
dropout2d  function  Whole channels of images put to 0 with probability p.
"""
