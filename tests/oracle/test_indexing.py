"""PyTorch is the oracle for `x[…]`."""

import itertools
from typing import Any

import pytest
import torch

from netspec.dim import symbol
from netspec.indexing import index
from netspec.misfit import Misfit
from netspec.tensor import Tensor
from tests.oracle.calls import known, type_of
from tests.oracle.tally import counted

SHAPES = [(), (3,), (2, 4), (2, 4, 6), (5, 4, 3, 2)]
I3, I23, I1 = Tensor((3,), "int64"), Tensor((2, 3), "int32"), Tensor((1,), "int64")
ITEMS: list[Any] = [
    *(0, 1, -1, 2, -3, 9, None, ..., slice(None), slice(1, None), slice(None, -1), slice(-2, None)),
    *(slice(0, 2), slice(1, 99), slice(3, 1), slice(None, None, 2), slice(1, None, 3)),
    *(slice(-99, 2), slice(None, None, 0), slice(None, None, -1), slice(9, None)),
    *(I3, I1, Tensor((), "int64"), Tensor((2, 4), "bool"), Tensor((2,), "float32")),
]
FEW = [0, -1, None, ..., slice(None), slice(1, None, 2), I3, I23, I1, Tensor((), "int64")]
INDICES = [
    *((item,) for item in ITEMS),
    *itertools.product(ITEMS, FEW),
    *itertools.product(FEW, FEW, FEW),
    *itertools.product([0, slice(None), I3, ...], [I1, None, 0], [slice(None), I3], [I23, 0]),
]


def _real(item: Any) -> Any:
    if isinstance(item, Tensor):
        return torch.zeros(item.shape, dtype=getattr(torch, item.dtype))
    return item


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_an_index_agrees_with_torch(shape: tuple[int, ...]) -> None:
    for items in INDICES:
        _compare(shape, items)


@counted("indices")
def _compare(shape: tuple[int, ...], items: tuple[Any, ...]) -> bool:
    try:
        mine: Any = known(index(Tensor(shape), items))
    except Misfit as misfit:
        mine = misfit.message
    try:
        theirs = type_of(torch.ones(shape)[tuple(map(_real, items))])
    except (IndexError, ValueError, TypeError, RuntimeError) as error:
        assert isinstance(mine, str), f"{shape}{items}: torch says {error}, mine is {mine}"
        return False
    # Torch takes `x[..., ...]`, too; NumPy does not, and no documentation says what it means.
    stricter = items.count(...) > 1 or any(
        isinstance(item, Tensor) and item.dtype == "bool" for item in items
    )
    if isinstance(mine, str):
        assert stricter or 0 in theirs.shape, (
            f"{shape}{items}: torch gives {theirs}, refused: {mine}"
        )
        return False
    assert mine == theirs, f"{shape}{items}"
    return True


N, T, H = symbol("N"), symbol("T"), symbol("H")


@pytest.mark.parametrize(
    ("shape", "items", "wanted"),
    [
        ((N, T, 8), (slice(None), symbol("t")), "[N, 8]"),
        ((N, T, 8), (slice(None), slice(1, None)), "[N, T - 1, 8]"),
        ((N, T, 8), (slice(None), slice(None, -1)), "[N, T - 1, 8]"),
        ((N, T, 8), (slice(None), -1), "[N, 8]"),
        ((N, T, 8), (slice(None), slice(-3, None)), "[N, 3, 8]"),
        ((N, T, 8), (..., slice(None, None, 2)), "[N, T, 4]"),
        ((N, 8, 2 * H), (..., slice(None, None, 2)), "[N, 8, H]"),
        ((N, 8, H), (..., slice(1, None, 2)), "[N, 8, H // 2]"),
        ((N, T + 2, 8), (slice(None), slice(None, T)), "[N, T, 8]"),
        ((N, H, 8), (slice(None), slice(None, T)), "[N, min(H, T), 8]"),
        ((N, 3 * T, 8), (slice(None), slice(T, 2 * T)), "[N, T, 8]"),
        ((N, T), (None, ..., None), "[1, N, T, 1]"),
        ((10, 8), (Tensor((N, T), "int64"),), "[N, T, 8]"),
    ],
)
def test_sizes_stay_symbolic(shape: Any, items: Any, wanted: str) -> None:
    assert str(index(Tensor(shape), items)) == f"float32{wanted}"


def test_only_what_is_certainly_outside_is_refused() -> None:
    assert index(Tensor((T,)), (5,)) == Tensor(())
    with pytest.raises(Misfit, match="index 5 is outside dimension 0"):
        index(Tensor((5,)), (5,))
    with pytest.raises(Misfit, match="index T is outside dimension 0"):
        index(Tensor((T,)), (T,))
