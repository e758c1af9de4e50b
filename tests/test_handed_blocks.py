"""Blocks that blocks are handed: in a loop, each turn has weights of its own."""

import pytest
import torch

import netspec

BLOCK = """block B(body: block, depth: int = 2)(x: [N, C]) {
    LOOP
    return x
}
net A(depth: int = 2)(x: [N, 4]) { return x -> B(Linear(SIZE), depth) }
"""


@pytest.mark.parametrize(
    "loop",
    [
        "for i in range(depth) as h { x = x -> body }",
        "for i in range(depth) as h { x = x -> body -> fc: Linear(4) -> body }",
        "x = x -> repeat(depth) body",
        "x = x -> repeat(depth) (body -> ReLU)",
    ],
)
def test_each_turn_has_weights_of_its_own(loop: str) -> None:
    spec = netspec.loads(BLOCK.replace("LOOP", loop).replace("SIZE", "4"))
    for depth in (1, 3):
        checked = spec.with_parameters(depth=depth).graph.nets["A"].parameter_shapes()
        model = spec.build(depth=depth)
        built = dict(model.named_parameters())
        assert list(built) == list(checked)
        assert len({parameter.data_ptr() for parameter in built.values()}) == len(built)
        assert model(torch.rand(2, 4)).shape == (2, 4)


def test_what_is_copied_for_each_turn_must_have_one_size() -> None:
    loop = "for i in range(depth) as h { x = x -> body }"
    with pytest.raises(netspec.SpecError) as caught:
        netspec.loads(BLOCK.replace("LOOP", loop).replace("SIZE", "6"))
    (error,) = caught.value.diagnostics
    assert error.code == "shape-mismatch"
    assert error.message == "`body` gets another size in another turn of the loop"


HANDED_ON = """block Around(body: block)(x) { return x + (x -> body) }
block P(body: block, norm: block = LayerNorm, depth: int = 2)(x: [N, C]) {
    for i in range(depth) as h { x = x -> Around(body) -> Around(norm) }
    return x -> Around(body) -> Around(norm -> Linear(C))
}
net A(depth: int = 2)(x: [N, 4]) { return x -> P(Linear(4), depth=depth) }
"""


def test_a_block_hands_on_what_it_was_handed() -> None:
    spec = netspec.loads(HANDED_ON)
    for depth in (0, 1, 3):
        checked = spec.with_parameters(depth=depth).graph.nets["A"].parameter_shapes()
        model = spec.build(depth=depth)
        built = dict(model.named_parameters())
        assert list(built) == list(checked)
        assert len({parameter.data_ptr() for parameter in built.values()}) == len(built)
        assert model(torch.rand(2, 4)).shape == (2, 4)
