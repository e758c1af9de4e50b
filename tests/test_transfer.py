"""Weights that move into a net that differs."""

import pytest
import torch
from torch import nn

import netspec
from netspec.moving import Difference

SPEC = """net A(width: int = 4, classes: int = 3, extra: bool = False)(x: [N, 5]) {
    x = x -> fc1: Linear(width) -> norm: BatchNorm1d -> ReLU
    if extra { x = x -> more: Linear(width) }
    return x -> head: Linear(classes)
}"""


def build(**parameters: object) -> nn.Module:
    return netspec.loads(SPEC).build(device="cpu", **parameters)


def test_what_has_the_same_name_and_shape_is_moved() -> None:
    old, new = build(), build(classes=7, extra=True).double()
    fresh = {name: value.clone() for name, value in new.state_dict().items()}
    nn.init.ones_(old.get_buffer("norm.running_mean"))
    report = netspec.transfer(old, new)
    assert report.differing == (
        Difference("head.weight", (3, 4), (7, 4)),
        Difference("head.bias", (3,), (7,)),
    )
    assert report.missing == ("more.weight", "more.bias")
    assert report.unused == ()
    state = new.state_dict()
    assert set(report.moved) == set(state) - {
        "more.weight",
        "more.bias",
        *("head.weight", "head.bias"),
    }
    for name in report.moved:
        assert torch.equal(state[name], old.state_dict()[name].to(state[name].dtype))
    for name in set(state) - set(report.moved):
        assert torch.equal(state[name], fresh[name])
    assert str(report).splitlines() == [
        "moved 7 of 11 tensors",
        "other shapes, kept as they were:",
        "  head.weight  [3, 4]  ->  [7, 4]",
        "  head.bias    [3]     ->  [7]",
        "not in the old net, kept as they were:",
        "  more.weight",
        "  more.bias",
    ]
    back = netspec.transfer(new.state_dict(), build())
    assert back.unused == ("more.weight", "more.bias")
    assert str(back).splitlines()[-3:] == ["not in the new net:", "  more.weight", "  more.bias"]


def test_a_net_without_values_is_refused() -> None:
    old = netspec.loads(SPEC).build(device="meta")
    with pytest.raises(
        ValueError, match=r'`fc1\.weight` has no values: the old net lives on "meta"'
    ):
        netspec.transfer(old, build())


@pytest.mark.parametrize(
    ("old", "message"),
    [
        (3, "found int"),
        ({"model": {}, "epoch": 3}, '`model` is a dict, not a tensor: .*`checkpoint."model".`'),
    ],
)
def test_what_is_no_net_is_refused(old: object, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        netspec.transfer(old, build())  # type: ignore[arg-type]


def test_weights_go_into_a_net_only() -> None:
    with pytest.raises(TypeError, match=r"into an nn\.Module, found dict"):
        netspec.transfer(build(), {})  # type: ignore[arg-type]
