"""PyTorch is the oracle: layers that take several tensors agree with its modules.

Each layer gets calls that fit, with all the options, and each of them once more with something
spoilt: whether they fit, every shape and dtype that comes out, and every parameter agree.
"""

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from netspec.catalogue import LAYERS
from netspec.misfit import Misfit
from netspec.tensor import Tensor
from tests.oracle.comparison import Call, calls, compare, compare_free, compare_symbolic
from tests.oracle.excuses.layers import excuses

N, T = 3, 5
COUNT = 60


def _options(draw: Random, **pools: list[object]) -> dict[str, Any]:
    return {name: draw.choice(pool) for name, pool in pools.items() if draw.random() < 0.5}


def _bilinear(draw: Random) -> Call:
    given = {"out_features": draw.choice([1, 4])} | _options(draw, bias=[True, False])
    outer = draw.choice([(), (N,), (N, T)])
    return Call(given, (Tensor((*outer, draw.choice([2, 6]))), Tensor((*outer, 4))))


def _bags(draw: Random) -> Call:
    dtype = draw.choice(["int64", "int32"])
    given = {"num_embeddings": 9, "embedding_dim": draw.choice([1, 4])} | _options(
        draw,
        max_norm=[None, 1.0],
        norm_type=[2.0, 1.0],
        scale_grad_by_freq=[True, False],
        mode=["sum", "mean", "max", "sum"],
        sparse=[True, False],
        include_last_offset=[True, False],
        padding_idx=[None, 0, 8, -9, 9],
    )
    named = {}
    if draw.random() < 0.5:
        x = Tensor((N, T), dtype)
    else:
        x = Tensor((T,), dtype)
        named["offsets"] = Tensor((N,), dtype)
    if draw.random() < 0.4:
        named["per_sample_weights"] = Tensor(x.shape)
    return Call(given, (x,), named)


def _unpool(ndim: int) -> Callable[[Random], Call]:
    def make(draw: Random) -> Call:
        def size(*values: int) -> Any:
            each = tuple(draw.choice(values) for _ in range(ndim))
            return each if draw.random() < 0.5 else each[0]

        given = {"kernel_size": size(1, 2, 4)}
        if draw.random() < 0.5:
            given["stride"] = size(1, 2)
        if draw.random() < 0.5:
            given["padding"] = size(0, 1, 2)
        outer = (N, 2) if draw.random() < 0.7 else (2,)
        shape = (*outer, *(draw.choice([1, 2, 4]) for _ in range(ndim)))
        return Call(given, (Tensor(shape), Tensor(shape, "int64")))

    return make


def _pair(draw: Random) -> tuple[Tensor, Tensor]:
    return draw.choice(
        [
            (Tensor((N, 4)), Tensor((N, 4))),
            (Tensor((N, 4)), Tensor((4,))),
            (Tensor((N, 1, 4)), Tensor((T, 4))),
            (Tensor((4,)), Tensor((4,))),
            (Tensor((N, 4), "float64"), Tensor((N, 4))),
            (Tensor(()), Tensor(())),
        ]
    )


def _cosine(draw: Random) -> Call:
    return Call(_options(draw, dim=[0, 1, -1, -2], eps=[1e-6]), _pair(draw))


def _distance(draw: Random) -> Call:
    given = _options(draw, p=[1.0, 2, 0.0, -1.0], eps=[0.0], keepdim=[True, False])
    return Call(given, _pair(draw))


def _adaptive(draw: Random) -> Call:
    given = {
        "n_classes": draw.choice([8, 20]),
        "cutoffs": draw.choice(
            [(2,), (2, 4), (4, 7), (1, 2, 6), (4, 8), (4, 2), (2, 2), (), (19,)]
        ),
    } | _options(draw, div_value=[1.0, 2.0, 1.5, 4], head_bias=[True, False])
    batch = (N,) if draw.random() < 0.7 else ()
    return Call(given, (Tensor((*batch, draw.choice([16, 70]))), Tensor(batch, "int64")))


MAKERS: dict[str, Callable[[Random], Call]] = {
    "Bilinear": _bilinear,
    "EmbeddingBag": _bags,
    **{f"MaxUnpool{ndim}d": _unpool(ndim) for ndim in (1, 2, 3)},
    "CosineSimilarity": _cosine,
    "PairwiseDistance": _distance,
    "AdaptiveLogSoftmaxWithLoss": _adaptive,
}


@pytest.mark.parametrize("name", MAKERS)
def test_a_layer_of_several_inputs_agrees_with_torch(name: str) -> None:
    fitting = 0
    for call, _ in calls(MAKERS[name], name, COUNT):
        fitting += compare(LAYERS[name], call, excuses)
        compare_symbolic(LAYERS[name], call)
    assert fitting >= 20


@pytest.mark.parametrize("name", MAKERS)
def test_sizes_may_be_left_to_the_data(name: str) -> None:
    for call, sound in calls(MAKERS[name], name, COUNT):
        if sound:
            compare_free(LAYERS[name], call, {N: "N", T: "T"})


def test_an_end_of_bags_that_ends_none_is_refused() -> None:
    bags = LAYERS["EmbeddingBag"](num_embeddings=9, embedding_dim=4, include_last_offset=True)
    x = Tensor((T,), "int64")
    assert bags.apply(x, offsets=Tensor((2,), "int64")) == Tensor((1, 4))
    with pytest.raises(Misfit, match=r"needs a bag, found `offsets` \[1\]"):
        bags.apply(x, offsets=Tensor((1,), "int64"))
