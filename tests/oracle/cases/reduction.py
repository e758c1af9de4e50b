"""Reductions, running totals and orders."""

from typing import Any

from netspec.catalogue import FUNCTIONS
from netspec.tensor import DType, Tensor
from tests.oracle.cases.shapes import EVERY, FEW, KINDS

_DIMS: list[Any] = [None, 0, 1, -1, 2, 3, -4, 7, (0, 1), (2, 3), (1, 1), (-1, 1), (0,), ()]
_REDUCTIONS = (
    *("sum", "nansum", "prod", "mean", "nanmean", "std", "var", "std_mean", "var_mean"),
    *("amax", "amin", "aminmax", "argmax", "argmin", "max", "min", "median", "mode", "any", "all"),
    *("count_nonzero", "logsumexp", "norm"),
)
CASES: dict[str, list[dict[str, Any]]] = {}
for _name in _REDUCTIONS:
    _plain: list[dict[str, Any]] = [{"input": x} for x in EVERY]
    _some = [{"input": x, "dim": dim} for x in [*FEW, *KINDS] for dim in _DIMS]
    CASES[_name] = _plain + _some
    if "keepdim" in FUNCTIONS[_name].fields():
        CASES[_name] += [{**given, "keepdim": True} for given in _plain + _some[:60]]
for _name in ("sum", "nansum", "prod", "mean", "nanmean"):
    CASES[_name] += [
        {"input": x, "dtype": DType(dtype)} for x in KINDS for dtype in ("float64", "int32", "bool")
    ]
for _name in ("std", "var", "std_mean", "var_mean"):
    CASES[_name] += [{"input": x, "correction": c} for x in FEW for c in (0, 1, 2, 0.5)]
CASES["norm"] += [
    {"input": x, "p": p, "dim": dim}
    for x in FEW
    for p in (1, 2, 0.5, 0, "fro", "nuclear")
    for dim in (None, 0, 1, (0, 1))
]
_DIM = [0, 1, -1, 2, -3, 5]
_SCANS = ("cumsum", "cumprod", "logcumsumexp", "cummax", "cummin", "sort", "argsort")
for _name in _SCANS:
    CASES[_name] = [{"input": x, "dim": dim} for x in EVERY for dim in _DIM]
for _name in ("cummax", "cummin", "mode"):
    CASES[_name] += [{"input": Tensor((), x.dtype), "dim": dim} for x in KINDS for dim in (0, -1)]
for _name in ("cumsum", "cumprod"):
    CASES[_name] += [{"input": x, "dim": 0, "dtype": DType("float64")} for x in KINDS]
for _name in ("sort", "argsort"):
    CASES[_name] += [{"input": x, "descending": True} for x in EVERY]
CASES["topk"] = [
    {"input": x, "k": k, **more}
    for x in EVERY
    for k in (1, 2, 5, 7, 0, -1)
    for more in ({}, {"dim": 0}, {"dim": -2, "largest": False}, {"dim": 1, "sorted": False})
]
CASES["bucketize"] = [{"input": x, "boundaries": Tensor((4,))} for x in EVERY]
CASES["bucketize"] += [{"input": Tensor((2, 3)), "boundaries": x, "right": True} for x in EVERY]
CASES["bucketize"] += [
    {"input": x, "boundaries": Tensor((4,), y.dtype)} for x in FEW for y in KINDS
]
CASES["quantile"] = [
    {"input": x, "q": q, **more}
    for x in EVERY
    for q in (0.5, 0, 1, 1.5, -0.5)
    for more in ({}, {"dim": 0}, {"dim": -1, "keepdim": True}, {"dim": 2}, {"keepdim": True})
]
