"""Tensor functions with sizes that are parameters, or that only data decides."""

from collections.abc import Callable
from typing import Any

import pytest

from netspec.catalogue import FUNCTIONS
from netspec.catalogue.signature import ArgumentErrors
from netspec.dim import Dim, symbol
from netspec.misfit import Misfit
from netspec.tensor import DType, Tensor
from tests.oracle.calls import answer, known
from tests.oracle.cases import CASES


def _with_sizes(name: str, given: Any, make: Callable[[int], Dim]) -> dict[str, Any]:
    """The arguments with other dimensions in the tensors, and where sizes may be given."""
    fields = FUNCTIONS[name].fields()
    return {
        key: _replace(value, make, fields[key].free) if key in fields else value
        for key, value in given.items()
    }


def _replace(value: Any, make: Callable[[int], Dim], free: bool) -> Any:
    if isinstance(value, Tensor):
        return Tensor(tuple(make(size) for size in value.shape), value.dtype)
    if isinstance(value, tuple):
        return tuple(_replace(item, make, free) for item in value)
    if free and isinstance(value, int) and not isinstance(value, bool | DType):
        return make(value)
    return value


def _parameter(size: int) -> Dim:
    return symbol(f"s{size}", size) if size > 0 else size


def _free(size: int) -> Dim:
    return symbol(f"S{size}") if size > 1 else size


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_parameter_as_a_size_comes_to_the_same(name: str) -> None:
    for given in CASES[name][::3]:
        plain = answer(name, given)
        try:
            mine: Any = known(FUNCTIONS[name](**_with_sizes(name, given, _parameter)).apply())
        except (Misfit, ArgumentErrors) as error:
            mine = str(error)
        assert isinstance(mine, str) == isinstance(plain, str), (given, mine)
        assert isinstance(mine, str) or mine == plain, given


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_misfit_says_what_where_and_the_way_out(name: str) -> None:
    for given in CASES[name][::3]:
        for make in (lambda size: size, _free):
            try:
                FUNCTIONS[name](**_with_sizes(name, given, make)).apply()
            except ArgumentErrors:
                continue
            except Misfit as misfit:
                assert misfit.message[0] != " ", given
                assert misfit.label, misfit.message
                assert misfit.help, misfit.message
                assert misfit.argument in (None, *FUNCTIONS[name].fields()), misfit.message


N, T, D, H, W = (symbol(name) for name in "NTDHW")
heads = symbol("heads", 4)
IMAGE = Tensor((N, 3, H, W))
SEQUENCE = Tensor((N, T, 64))
QKV = Tensor((N, heads, T, 16))


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        (("chunk", Tensor((N, T, 3 * D)), 3, -1), " ".join(3 * ["float32[N, T, D]"])),
        (("split", Tensor((N, 10)), 4, 1), "float32[N, 4] float32[N, 4] float32[N, 2]"),
        (("split", Tensor((N, T + 5)), (T, 5), 1), "float32[N, T] float32[N, 5]"),
        (("unbind", Tensor((3, N, T)), 0), "float32[N, T] float32[N, T] float32[N, T]"),
        (("unflatten", SEQUENCE, -1, (heads, -1)), "float32[N, T, heads, 64 // heads]"),
        (("reshape", SEQUENCE, N * T, 64), "float32[N * T, 64]"),
        (("transpose", SEQUENCE, 1, 2), "float32[N, 64, T]"),
        (("squeeze", Tensor((N, 1, T)), 1), "float32[N, T]"),
        (("expand", Tensor((1, 1, 64)), N, T, -1), "float32[N, T, 64]"),
        (("repeat", SEQUENCE, 1, 2, 1), "float32[N, 2 * T, 64]"),
        (("cat", (IMAGE, Tensor((N, D, H, W))), 1), "float32[N, D + 3, H, W]"),
        (("stack", (SEQUENCE, SEQUENCE), 1), "float32[N, 2, T, 64]"),
        (("mean", IMAGE, (2, 3)), "float32[N, 3]"),
        (("max", SEQUENCE, 1), "float32[N, 64] int64[N, 64]"),
        (("matmul", SEQUENCE, Tensor((64, D))), "float32[N, T, D]"),
        (("einsum", "bid,bjd->bij", SEQUENCE, SEQUENCE), "float32[N, T, T]"),
        (("scaled_dot_product_attention", QKV, QKV, QKV), "float32[N, heads, T, 16]"),
        (("topk", SEQUENCE, 5), "float32[N, T, 5] int64[N, T, 5]"),
        (("arange", T), "int64[T]"),
        (("arange", 0, 2 * T, 2), "int64[T]"),
        (("zeros", N, 4), "float32[N, 4]"),
        (("full", (N, 1), 0.5), "float32[N, 1]"),
        (("eye", T), "float32[T, T]"),
        (("narrow", SEQUENCE, 1, 0, T - 1), "float32[N, T - 1, 64]"),
        (("select", SEQUENCE, 1, -1), "float32[N, 64]"),
        (("one_hot", Tensor((N, T), "int64"), 10), "int64[N, T, 10]"),
        (("embedding", Tensor((N, T), "int64"), Tensor((100, D))), "float32[N, T, D]"),
        (("where", Tensor((T, T), "bool"), Tensor((N, T, T)), 0.0), "float32[N, T, T]"),
        (("pad", IMAGE, (1, 1, 2, 2)), "float32[N, 3, H + 4, W + 2]"),
        (("interpolate", IMAGE, None, 2), "float32[N, 3, 2 * H, 2 * W]"),
        (("max_pool2d", IMAGE, 2), "float32[N, 3, H // 2, W // 2]"),
        (("unfold", IMAGE, 4, 1, 0, 4), "float32[N, 48, H // 4 * (W // 4)]"),
        (("pixel_unshuffle", IMAGE, 2), "float32[N, 12, H // 2, W // 2]"),
        (("cdist", SEQUENCE, Tensor((N, 9, 64))), "float32[N, T, 9]"),
        (("tile", SEQUENCE, 2), "float32[N, T, 128]"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_sizes_stay_symbolic(call: tuple[Any, ...], wanted: str) -> None:
    name, *arguments = call
    output: Any = FUNCTIONS[name](*arguments).apply()
    parts = [output] if isinstance(output, Tensor) else list(output)
    assert " ".join(map(str, parts)) == wanted


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (("chunk", Tensor((N, T)), 3, 1), "how many tensors `chunk` gives is known only when data"),
        (("unbind", SEQUENCE, 1), "how many tensors `unbind` gives is known only when data flows"),
        (("squeeze", IMAGE), "whether `squeeze` takes out dimension 0 is known only when data"),
        (("stack", (SEQUENCE, Tensor((N, D, 64)))), "`stack` takes tensors of one shape"),
        (("matmul", Tensor((N, T)), Tensor((D, 4))), "cannot multiply matrices"),
        (("cat", (SEQUENCE, Tensor((D, T, 64))), 1), "cannot join tensors of shape"),
        (("arange", 0, T, 0.5), "cannot be written as a formula"),
        (("reshape", SEQUENCE, N, 60), "is not known to fit into"),
        (("transpose", SEQUENCE, T, 1), "must be an integer"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_what_only_data_decides_is_said(call: tuple[Any, ...], reason: str) -> None:
    name, *arguments = call
    with pytest.raises((Misfit, ArgumentErrors), match=reason):
        FUNCTIONS[name](*arguments).apply()


def test_what_flows_into_einsum_may_stand_first() -> None:
    flowing = FUNCTIONS["einsum"]((SEQUENCE, SEQUENCE), "bid,bjd->bij")
    assert flowing.apply() == FUNCTIONS["einsum"]("bid,bjd->bij", SEQUENCE, SEQUENCE).apply()
