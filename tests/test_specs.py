"""The nets in `specs/`: what check says of them is what the generated classes do."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

import netspec
from netspec.dim import value_of
from netspec.substitute import symbols

SPECS = Path(__file__).parent.parent / "specs"


class Case(NamedTuple):
    """How a net is tried.

    `count`: the number of parameters, as published, or counted by hand. `others`: other values of
    its parameters. `small`: too large to run by default, so `others[0]` is run. `sizes`: the
    dimensions that only data decides. `idle`: parameters that no output depends on.
    """

    count: int
    others: tuple[dict[str, Any], ...] = ()
    sizes: Mapping[str, int] = {}
    small: bool = False
    idle: tuple[str, ...] = ()


CASES = {
    ("alexnet", "AlexNet"): Case(61_100_840, ({"classes": 3}, {"dropout": 0.0})),
    ("autoencoder", "Autoencoder"): Case(115_217, ({"latent": 5}, {"latent": 1})),
    ("char_gpt", "CharGPT"): Case(
        867_072, ({"dim": 16, "depth": 1, "heads": 2, "vocab": 300}, {"context": 32}), {"T": 6}
    ),
    ("dcgan_mnist", "Generator"): Case(234_177, ({"nz": 5, "width": 2}, {"nz": 1})),
    ("dcgan_mnist", "Discriminator"): Case(36_577, ({"width": 2}, {"width": 1})),
    ("diabetes", "DiabetesRegressor"): Case(1_441, ({"hidden": 3},)),
    ("digits_lstm", "RowReader"): Case(19_594, ({"hidden": 5}, {"classes": 12})),
    ("wine", "WineClassifier"): Case(573, ({"hidden": 4}, {"classes": 5})),
    ("conv1d", "M5"): Case(26_915, ({"classes": 3, "width": 4}, {"width": 1})),
    ("dcgan", "Generator"): Case(3_576_704, ({"nz": 5, "width": 2}, {"nz": 1}, {"width": 3})),
    ("dcgan", "Discriminator"): Case(2_765_568, ({"width": 2}, {"width": 1})),
    ("densenet121", "DenseNet121"): Case(
        7_978_856,
        (
            {"depths": [2, 1, 1, 2], "growth": 3, "classes": 3},
            {"depths": [6, 12, 32, 32]},
            {"growth": 12},
        ),
        {"H": 64, "W": 40},
        small=True,
    ),
    ("efficientnet_b0", "EfficientNetB0"): Case(
        5_288_548, ({"classes": 3}, {"dropout": 0.5}), {"H": 33, "W": 40}
    ),
    ("elman", "Elman"): Case(
        5_061,
        ({"hidden": 7}, {"features": 3, "classes": 2}),
        {"T": 4},
    ),
    ("googlenet", "GoogLeNet"): Case(13_004_888, ({"classes": 3}, {"classes": 1})),
    ("gpt2", "GPT2"): Case(
        124_439_808,
        (
            {"vocab": 11, "context": 6, "dim": 8, "depth": 2, "heads": 2},
            {"dim": 1024, "depth": 24, "heads": 16},
            {"depth": 1},
        ),
        {"T": 5},
        small=True,
    ),
    ("lenet5", "LeNet5"): Case(61_706, ({"classes": 26}, {"classes": 11})),
    ("lstm_tagger", "LSTMTagger"): Case(
        2_635_153,
        ({"vocab": 11, "dim": 3, "hidden": 4, "depth": 1, "tags": 2}, {"depth": 3, "dropout": 0.0}),
        {"T": 5},
    ),
    ("mlp_mixer", "MLPMixer"): Case(
        59_880_472,
        (
            {"size": 32, "patch": 8, "dim": 12, "depth": 2, "tokens": 5, "channels": 7},
            {"dim": 1024, "depth": 24, "tokens": 512, "channels": 4096},
            {"patch": 32},
        ),
        small=True,
    ),
    ("resnet18", "ResNet18"): Case(
        11_689_512,
        ({"depths": [1, 1, 1, 1], "classes": 3}, {"depths": [3, 4, 6, 3]}),
        {"H": 33, "W": 40},
    ),
    ("resnet50", "ResNet50"): Case(
        25_557_032,
        (
            {"depths": [1, 1, 2, 1], "classes": 3},
            {"depths": [3, 4, 23, 3]},
            {"depths": [3, 8, 36, 3]},
        ),
        {"H": 33, "W": 40},
    ),
    ("siamese", "Siamese"): Case(117_696, ({"dim": 3}, {"dim": 128})),
    ("transformer", "Translator"): Case(
        63_082_496,
        (
            {"vocab": 11, "dim": 8, "depth": 2, "heads": 2, "hidden": 5},
            {"dim": 1024, "heads": 16, "hidden": 4096},
            {"depth": 1},
        ),
        {"S": 4, "T": 3},
        small=True,
    ),
    ("two_inputs", "HousePrice"): Case(14_873, ({"width": 4}, {"figures": 3}), {"H": 12, "W": 10}),
    ("two_towers", "TwoTowers"): Case(
        394_049,
        ({"users": 7, "items": 5, "about_user": 1, "about_item": 2, "dim": 3}, {"hidden": 5}),
    ),
    ("unet", "UNet"): Case(
        31_037_698,
        ({"widths": [4, 8]}, {"widths": [3], "classes": 5}, {"widths": [4, 5, 6, 7, 8]}),
        {"H": 8, "W": 12},
        small=True,
    ),
    ("unet3d", "UNet3d"): Case(
        1_401_299,
        ({"widths": [4, 8]}, {"widths": [3], "classes": 5}),
        {"D": 4, "H": 8, "W": 12},
        small=True,
    ),
    ("vae", "VAE"): Case(652_824, ({"latent": 2}, {"hidden": 50})),
    ("vgg16", "VGG16"): Case(
        138_357_544, ({"depths": [2, 2, 4, 4, 4], "classes": 3}, {"depths": [1, 1, 2, 2, 2]})
    ),
    ("vit_b16", "ViTB16"): Case(
        86_567_656,
        (
            {"size": 32, "patch": 8, "dim": 12, "depth": 2, "heads": 3, "hidden": 7},
            {"dim": 1024, "depth": 24, "heads": 16, "hidden": 4096},
            {"size": 384, "patch": 32},
        ),
        small=True,
    ),
    ("wavenet", "WaveNet"): Case(
        549_696,
        ({"width": 4, "skips": 6, "depth": 3, "stacks": 2}, {"levels": 64, "depth": 1}),
        {"T": 9},
        idle=("layers.29.residual.weight", "layers.29.residual.bias"),
    ),
}
NETS = [pytest.param(*key, id=key[1]) for key in CASES]
BATCH = 2


@cache
def load(file: str) -> netspec.Spec:
    return netspec.load(SPECS / f"{file}.net")


@cache
def classes(file: str) -> dict[str, Any]:
    """What the generated file defines."""
    namespace: dict[str, Any] = {"__name__": file}
    exec(compile(load(file).source, f"{file}.py", "exec"), namespace)
    return namespace


def build(file: str, name: str, device: str, parameters: Mapping[str, Any]) -> nn.Module:
    with torch.device(device):
        module: nn.Module = classes(file)[name](**parameters)
    return module


def described(net: "netspec.graph.Net") -> dict[str, tuple[Any, ...]]:
    """What check says of the parameters: their shapes by name."""
    return {name: tuple(map(value_of, shape)) for name, shape in net.parameter_shapes().items()}


def sizes_of(shape: tuple[Any, ...], sizes: Mapping[str, int]) -> list[int]:
    """The shape, with the dimensions that data decides put in."""
    return [
        int(value_of(dim)) if not symbols(dim) else int(eval(str(dim), dict(sizes)))
        for dim in shape
    ]


def make_input(net: "netspec.graph.Net", sizes: Mapping[str, int], device: str) -> list[Tensor]:
    made = []
    for port in net.inputs:
        shape = sizes_of(port.type.shape, sizes)
        if port.type.dtype == "int64":
            made.append(torch.randint(0, 5, shape, device=device))
        else:
            made.append(torch.rand(shape, device=device))
    return made


def test_every_net_of_every_spec_is_tried() -> None:
    there = {(path.stem, name) for path in SPECS.glob("*.net") for name in load(path.stem).nets}
    assert there == set(CASES)


@pytest.mark.parametrize("file", sorted({file for file, _ in CASES}))
def test_check_finds_nothing(file: str) -> None:
    assert load(file).diagnostics == ()


@pytest.mark.parametrize(("file", "name"), NETS)
def test_it_has_the_number_of_parameters_that_is_known(file: str, name: str) -> None:
    count = CASES[file, name].count
    assert value_of(load(file).net(name).parameter_count()) == count
    assert sum(p.numel() for p in build(file, name, "meta", {}).parameters()) == count


@pytest.mark.parametrize(("file", "name"), NETS)
def test_the_generated_class_has_the_parameters_that_check_says(file: str, name: str) -> None:
    for parameters in ({}, *CASES[file, name].others):
        net = load(file).with_parameters(**parameters).net(name)
        module = build(file, name, "meta", parameters)
        real = {key: tuple(tensor.shape) for key, tensor in module.named_parameters()}
        assert real == described(net)


@pytest.mark.parametrize(("file", "name"), NETS)
def test_it_runs_and_every_parameter_gets_a_gradient(file: str, name: str) -> None:
    case = CASES[file, name]
    parameters = case.others[0] if case.small else {}
    net = load(file).with_parameters(**parameters).net(name)
    sizes = {"N": BATCH, **case.sizes}
    torch.manual_seed(0)
    module = build(file, name, "cpu", parameters)
    given = module(*make_input(net, sizes, "cpu"))
    outputs = given if isinstance(given, tuple) else (given,)
    assert [list(y.shape) for y in outputs] == [sizes_of(p.type.shape, sizes) for p in net.outputs]
    sum(y.float().square().sum() for y in outputs).backward()
    gradients = {key: p.grad for key, p in module.named_parameters()}
    assert tuple(key for key, grad in gradients.items() if grad is None) == case.idle
    assert all(grad.isfinite().all() for grad in gradients.values() if grad is not None)


@pytest.mark.parametrize(("file", "name"), NETS)
def test_the_class_alone_takes_other_parameters_as_a_new_build_does(file: str, name: str) -> None:
    case = CASES[file, name]
    alone = type(build(file, name, "meta", {}))
    for parameters in case.others if case.small else ():
        torch.manual_seed(3)
        built = build(file, name, "cpu", parameters).eval()
        torch.manual_seed(3)
        made = alone(**parameters).eval()
        states = built.state_dict(), made.state_dict()
        assert list(states[0]) == list(states[1])
        assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
        if parameters != case.others[0]:
            continue  # the sizes of the case are for these
        net = load(file).with_parameters(**parameters).net(name)
        given = make_input(net, {"N": BATCH, **case.sizes}, "cpu")
        with torch.no_grad():
            pairs = zip(outputs_of(built, given), outputs_of(made, given), strict=True)
            assert all(torch.equal(a, b) for a, b in pairs)


def outputs_of(module: torch.nn.Module, given: Any) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(4)  # nets that draw noise
    outputs = module(*given)
    return outputs if isinstance(outputs, tuple) else (outputs,)


@pytest.mark.parametrize(("file", "name"), NETS)
def test_the_file_changes_with_its_parameters_in_defaults_only(file: str, name: str) -> None:
    spec = load(file)
    lines = spec.source.splitlines()
    for parameters in CASES[file, name].others:
        changed = spec.with_parameters(**parameters).source.splitlines()
        assert unfolded(changed) == unfolded(lines)


def unfolded(lines: list[str]) -> list[str]:
    """The lines of a generated file outside docstrings and signatures, where defaults stand."""
    kept, skipped = [], False
    for line in lines:
        text = line.strip()
        if skipped:
            skipped = not (text.endswith('"""') or text.endswith("-> None:"))
        elif text.startswith('"""'):
            skipped = not (text.endswith('"""') and len(text) > 3)
        elif text.startswith("def __init__"):
            skipped = not text.endswith("-> None:")
        else:
            kept.append(text.split("  #")[0])
    return kept


@pytest.mark.parametrize(("file", "most"), [("resnet50", 90), ("gpt2", 90), ("unet", 70)])
def test_the_generated_file_is_short(file: str, most: int) -> None:
    assert len(load(file).source.splitlines()) <= most


def test_resnet50_has_the_keys_of_the_common_weights() -> None:
    keys = set(build("resnet50", "ResNet50", "meta", {}).state_dict())
    assert {
        "conv1.weight",
        "bn1.running_mean",
        "layer1.0.conv1.weight",
        "layer1.0.downsample.0.weight",
        "layer1.0.downsample.1.num_batches_tracked",
        "layer3.5.conv3.weight",
        "layer4.2.bn3.bias",
        "fc.bias",
    } <= keys
    assert len(keys) == 320


# ---- what is particular to a net ----------------------------------------------------------------


def small(file: str, name: str) -> nn.Module:
    torch.manual_seed(0)
    return build(file, name, "cpu", CASES[file, name].others[0])


def test_gpt2_has_one_matrix_for_reading_and_writing() -> None:
    model = small("gpt2", "GPT2")
    assert model.head.weight is model.wte.weight
    assert "head.weight" not in dict(model.named_parameters())


def test_gpt2_starts_as_its_rules_say() -> None:
    torch.manual_seed(0)
    model = build("gpt2", "GPT2", "cpu", {"vocab": 999, "dim": 64, "depth": 2, "heads": 2})
    scaled = 0.02 / (2 * 2) ** 0.5
    for name, tensor in model.named_parameters():
        if "ln_" in name:
            assert (tensor == float(name.endswith("weight"))).all(), name
        elif name.endswith("bias"):
            assert (tensor == 0).all(), name
        else:
            std = scaled if name.endswith(("proj.weight", "mlp.2.weight")) else 0.02
            assert tensor.std().item() == pytest.approx(std, rel=0.05), name


def test_gpt2_refuses_a_text_longer_than_its_context() -> None:
    with pytest.raises(ValueError, match="the text is longer than the context"):
        small("gpt2", "GPT2")(torch.zeros(1, 7, dtype=torch.long))


def test_a_tied_matrix_starts_as_the_rule_of_its_own_layer_says() -> None:
    torch.manual_seed(0)
    model = build("transformer", "Translator", "cpu", {"vocab": 999, "dim": 64, "depth": 1})
    assert model.head.weight is model.words.weight
    assert model.words.weight.std().item() == pytest.approx(64**-0.5, rel=0.05)


def test_the_translator_does_not_look_ahead_in_the_target() -> None:
    model = small("transformer", "Translator").eval()
    source, target = torch.tensor([[1, 2, 3]]), torch.tensor([[4, 5, 6, 7]])
    changed = torch.tensor([[4, 5, 9, 9]])
    before, after = model(source, target), model(source, changed)
    assert torch.allclose(before[:, :2], after[:, :2], atol=1e-6)
    assert not torch.allclose(before[:, 2:], after[:, 2:])


def test_wavenet_sees_as_far_back_as_its_dilations_reach() -> None:
    model = small("wavenet", "WaveNet")  # two stacks of dilations 1, 2, 4
    inputs = torch.zeros(1, 20, dtype=torch.long)
    first = model(inputs)
    inputs[0, 2] = 1
    seen = (model(inputs) != first).any(dim=1)[0]
    assert seen.nonzero().flatten().tolist() == list(range(2, 2 + 1 + 2 * (1 + 2 + 4)))


def test_unet_refuses_images_that_its_levels_cannot_halve() -> None:
    with pytest.raises(ValueError, match="each level halves the image"):
        small("unet", "UNet")(torch.zeros(1, 3, 30, 28))


def test_googlenet_runs_its_auxiliary_heads_in_training_only() -> None:
    model = small("googlenet", "GoogLeNet")
    image = torch.rand(2, 3, 224, 224)
    assert all((y != 0).any() for y in model(image))
    with torch.no_grad():
        logits, *aux = model.eval()(image)
    assert (logits != 0).any()
    assert all(y.shape == logits.shape and (y == 0).all() for y in aux)


def test_elman_reads_sequences_of_any_length() -> None:
    model = build("elman", "Elman", "cpu", {"hidden": 7})
    for length in (1, 3, 11):
        assert model(torch.rand(2, length, 8)).shape == (2, 5)


def test_siamese_finds_an_image_at_no_distance_from_itself() -> None:
    model = small("siamese", "Siamese")
    left, right = torch.rand(2, 1, 28, 28), torch.rand(2, 1, 28, 28)
    assert torch.allclose(model(left, left)[0], torch.zeros(2), atol=1e-4)
    assert torch.allclose(model(left, right)[0], model(right, left)[0], atol=1e-4)


def test_resnet_blocks_start_as_what_goes_around_them() -> None:
    model = small("resnet50", "ResNet50")
    block = model.layer3[1]
    x = torch.rand(2, 1024, 3, 3)
    assert torch.equal(block(x), x)
