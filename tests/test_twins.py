"""Specs against hand-written nets: with the same weights, the same outputs and gradients."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
import twins
from torch import Tensor, nn

import netspec

SPECS = Path(__file__).parent.parent / "specs"


class Pair(NamedTuple):
    """A net of a spec with some parameters, its twin, and what flows in."""

    file: str
    net: str
    parameters: dict[str, Any]
    twin: Callable[[], nn.Module]
    inputs: Callable[[], tuple[Tensor, ...]]


def image(*shape: int) -> Callable[[], tuple[Tensor, ...]]:
    return lambda: (torch.randn(shape),)


def tokens(vocab: int, *shapes: tuple[int, int]) -> Callable[[], tuple[Tensor, ...]]:
    return lambda: tuple(torch.randint(0, vocab, shape) for shape in shapes)


GPT = {"vocab": 13, "context": 7, "dim": 12, "depth": 2, "heads": 3}
VIT = {"size": 8, "patch": 4, "dim": 12, "depth": 2, "heads": 3, "hidden": 10, "classes": 5}
WAVES = {"levels": 8, "width": 3, "skips": 5, "depth": 3, "stacks": 2}
WORDS = {"vocab": 11, "dim": 8, "depth": 2, "heads": 2, "hidden": 6}
DENSE = {"depths": [2, 3, 1, 2], "growth": 4, "classes": 3}

PAIRS = [
    Pair("lenet5", "LeNet5", {}, twins.LeNet5, image(2, 1, 28, 28)),
    Pair(
        "resnet18",
        "ResNet18",
        {"depths": [1, 2, 1, 1], "classes": 3},
        lambda: twins.ResNet([1, 2, 1, 1], 3, bottleneck=False),
        image(2, 3, 40, 40),
    ),
    Pair(
        "resnet50",
        "ResNet50",
        {"depths": [1, 1, 2, 1], "classes": 3},
        lambda: twins.ResNet([1, 1, 2, 1], 3, bottleneck=True),
        image(2, 3, 40, 40),
    ),
    Pair(
        "unet",
        "UNet",
        {"widths": [3, 4, 6], "classes": 2},
        lambda: twins.UNet(3, [3, 4, 6], 2),
        image(2, 3, 16, 24),
    ),
    Pair(
        "unet3d",
        "UNet3d",
        {"widths": [3, 4], "classes": 2},
        lambda: twins.UNet(1, [3, 4], 2, rank=3),
        image(2, 1, 4, 8, 4),
    ),
    Pair("gpt2", "GPT2", GPT, lambda: twins.GPT2(**GPT), tokens(13, (2, 6))),
    Pair("densenet121", "DenseNet121", DENSE, lambda: twins.DenseNet(**DENSE), image(2, 3, 64, 64)),
    Pair("vae", "VAE", {"latent": 3, "hidden": 9}, lambda: twins.VAE(3, 9), image(2, 1, 28, 28)),
    Pair(
        "elman",
        "Elman",
        {"features": 3, "hidden": 4, "classes": 2},
        lambda: twins.Elman(3, 4, 2),
        image(2, 6, 3),
    ),
    Pair(
        "dcgan",
        "Generator",
        {"nz": 5, "width": 2},
        lambda: twins.Generator(5, 2),
        image(3, 5, 1, 1),
    ),
    Pair(
        "dcgan", "Discriminator", {"width": 2}, lambda: twins.Discriminator(2), image(3, 3, 64, 64)
    ),
    Pair("vit_b16", "ViTB16", VIT, lambda: twins.ViT(**VIT), image(2, 3, 8, 8)),
    Pair("wavenet", "WaveNet", WAVES, lambda: twins.WaveNet(**WAVES), tokens(8, (2, 9))),
    Pair(
        "siamese",
        "Siamese",
        {"dim": 4},
        lambda: twins.Siamese(4),
        lambda: (torch.randn(2, 1, 28, 28), torch.randn(2, 1, 28, 28)),
    ),
    Pair(
        "transformer",
        "Translator",
        {**WORDS, "dropout": 0.0},
        lambda: twins.Translator(**WORDS),
        tokens(11, (2, 5), (2, 4)),
    ),
]


def pair_up(ours: nn.Module, theirs: nn.Module) -> list[tuple[str, str]]:
    """The names of the same parameter on both sides: both have them in the order of the paper."""
    mine = [name for name, _ in ours.named_parameters()]
    other = [name for name, _ in theirs.named_parameters()]
    return list(zip(mine, other, strict=True))


def outcome(model: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[list[Tensor], dict[str, Any]]:
    """Outputs, and the gradients of a random weighing of them."""
    torch.manual_seed(3)  # noise inside the net
    given = model(*inputs)
    outputs = list(given) if isinstance(given, tuple) else [given]
    torch.manual_seed(4)
    sum((y * torch.randn_like(y)).sum() for y in outputs).backward()
    return outputs, {name: p.grad for name, p in model.named_parameters()}


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.net)
def test_it_gives_and_learns_what_its_twin_does(pair: Pair) -> None:
    torch.manual_seed(0)
    ours = netspec.load(SPECS / f"{pair.file}.net").build(
        net=pair.net, device="cpu", **pair.parameters
    )
    theirs = pair.twin()
    names = pair_up(ours, theirs)
    with torch.no_grad():
        for mine, other in names:
            tensor = ours.get_parameter(mine)
            tensor.copy_(torch.randn_like(tensor) / max(1, tensor[0].numel()) ** 0.5)
            theirs.get_parameter(other).copy_(tensor)
    inputs = pair.inputs()
    outputs, gradients = outcome(ours, inputs)
    expected, wanted = outcome(theirs, inputs)
    for output, right in zip(outputs, expected, strict=True):
        torch.testing.assert_close(output, right, rtol=1e-4, atol=1e-5)
    for mine, other in names:
        torch.testing.assert_close(gradients[mine], wanted[other], rtol=1e-3, atol=1e-4, msg=mine)
