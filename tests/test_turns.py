"""Sizes behind loops that surely have a turn follow a formula; those of other loops do not."""

import pytest
import torch

import netspec

SPEC = """block Body(width: int, depth: int = 2, widths: list = [4, 5])(x: [N, C, L]) {
    REQUIRE
    LOOP
    return x
}
net A(width: int = 6, depth: int = 3, widths: list = [1, 2])(
    x: float32[N, 3, 8],
) -> [N, 2 * width, 8] {
    return x -> Body(width, depth, widths) -> Body(2 * width, depth, widths) -> Conv1d(2 * width, 1)
}
"""
REPEAT = "x = x -> repeat({}) (Conv1d(width, 3, padding=1) -> ReLU)"
FOR = "for i in {} {{ x = x -> Conv1d(width, 3, padding=1) -> BatchNorm1d }}"


def spec(loop: str, require: str = "") -> str:
    return SPEC.replace("LOOP", loop).replace("REQUIRE", f"require {require}" if require else "")


@pytest.mark.parametrize(
    ("loop", "require"),
    [
        (REPEAT.format(2), ""),
        (REPEAT.format("depth"), "depth >= 1"),
        (REPEAT.format("depth + 1"), "depth + 1 > 0 and width > 1"),
        (FOR.format("range(2)"), ""),
        (FOR.format("range(depth)"), "1 <= depth"),
        (FOR.format("reversed(range(depth))"), "0 < depth"),
        (FOR.format("widths"), "len(widths) > 0"),
        (FOR.format("[4, 4, 4]"), ""),
    ],
)
def test_a_size_behind_a_loop_is_what_each_turn_makes_it(loop: str, require: str) -> None:
    for width, depth in [(6, 3), (4, 1)]:
        model = netspec.loads(spec(loop, require)).build(width=width, depth=depth)
        assert model(torch.zeros(2, 3, 8)).shape == (2, 2 * width, 8)


@pytest.mark.parametrize(
    ("loop", "require"),
    [
        (REPEAT.format("depth"), ""),
        (REPEAT.format("depth"), "depth >= 0"),
        (REPEAT.format("depth"), "width >= 1"),
        (REPEAT.format("depth"), "depth <= 4"),
        (FOR.format("range(depth)"), "depth > -1"),
        (FOR.format("widths"), "depth > 0"),
    ],
)
def test_a_loop_that_may_have_no_turn_leaves_no_formula(loop: str, require: str) -> None:
    with pytest.raises(netspec.SpecError) as caught:
        netspec.loads(spec(loop, require))
    errors = [found for found in caught.value.diagnostics if found.severity == "error"]
    assert {found.code for found in errors} == {"no-formula"}
    assert "`require` that its loops have a turn" in errors[0].help
