"""Functions of one number, activations and dropout."""

from typing import Any

from netspec.catalogue import FUNCTIONS
from netspec.catalogue.functions.pointwise import Pointwise
from netspec.tensor import DType, Tensor
from tests.oracle.calls import grid
from tests.oracle.cases.shapes import EVERY, FEW, KINDS

_X = [{"input": x} for x in EVERY]
_SMALL = {"input": Tensor((2, 6))}

CASES: dict[str, list[dict[str, Any]]] = {
    name: list(_X) for name, function in FUNCTIONS.items() if issubclass(function, Pointwise)
}
for _name, _pools in {
    "logit": {"eps": [0.1, None]},
    "round": {"decimals": [0, 2, -1]},
    "nan_to_num": {"nan": [1.0, 2], "posinf": [3.0, None], "neginf": [-3.0, None]},
    "elu": {"alpha": [0.5, 2, 0]},
    "celu": {"alpha": [0.5, 2, -1.0, 0.0]},
    "gelu": {"approximate": ["none", "tanh", "other"]},
    "leaky_relu": {"negative_slope": [0.2, 0, -1.5]},
    "softplus": {"beta": [2, 0.5], "threshold": [10, 1.0]},
    "hardshrink": {"lambd": [0.1, -1.0, 2]},
    "softshrink": {"lambd": [0.1, -1.0, 2]},
    "hardtanh": {"min_val": [0.0, 2.0, -3], "max_val": [1.0, 0.0, 6]},
    "rrelu": {"lower": [0.1, 0.5], "upper": [0.2, 0.4]},
}.items():
    CASES[_name] += list(grid(_SMALL, **_pools))  # type: ignore[arg-type]
CASES["threshold"] = [{**given, "threshold": 0.1, "value": 2} for given in _X]
CASES["threshold"] += [{**_SMALL, "threshold": 0.1}, {**_SMALL, "value": 1}]
CASES["threshold"] += [
    {"input": x, "threshold": 0, "value": value} for x in KINDS for value in (-1, 300)
]
CASES["prelu"] = [
    {"input": Tensor(x), "weight": Tensor(w)}
    for x in [(), (6,), (2, 6), (2, 4, 6), (2, 1, 6)]
    for w in [(), (1,), (4,), (6,), (1, 1), (2, 6)]
]
CASES["prelu"] += [{"input": x, "weight": Tensor((4,), x.dtype)} for x in KINDS]
CASES["prelu"] += [{"input": x, "weight": Tensor((4,))} for x in KINDS]
CASES["glu"] = [
    {"input": x, "dim": dim}
    for x in [*EVERY, Tensor((5,)), Tensor((2, 3))]
    for dim in (0, 1, -1, 2, -3, 4)
]
for _name in ("softmax", "log_softmax", "softmin"):
    CASES[_name] = [{"input": x, "dim": dim} for x in EVERY for dim in (0, -1, 1, 2, -3, 5)]
    CASES[_name] += [
        {"input": x, "dim": 1, "dtype": DType(dtype)}
        for x in KINDS
        for dtype in ("float64", "float16", "int64")
    ]
CASES["gumbel_softmax"] = [
    {**({"logits": x}), **more}
    for x in [*FEW, *KINDS]
    for more in ({}, {"tau": 2, "hard": True}, {"dim": 1}, {"dim": 3}, {"dim": -2})
]
