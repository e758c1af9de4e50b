"""Functions that make tensors, dropout and normalisation."""

from typing import Any

from netspec.tensor import DTYPES, DType, Tensor
from tests.oracle.cases.shapes import EVERY, KINDS

Calls = list[dict[str, Any]]
_NAMES = [DType(name) for name in sorted(DTYPES)]
_SIZES = [(), (3,), (2, 3), (1,), (2, 1, 4), (1, 1), (2, 0), (-1,), (2, -3)]
_X: Calls = [{"input": x} for x in EVERY]

CASES: dict[str, Calls] = {
    name: [{"size": size} for size in _SIZES] + [{"size": (2, 3), "dtype": d} for d in _NAMES]
    for name in ("zeros", "ones", "empty", "rand", "randn")
}
CASES["full"] = [
    {"size": size, "fill_value": value, **more}
    for size in _SIZES
    for value in (0, 1.5, True)
    for more in ({}, {"dtype": DType("float16")}, {"dtype": DType("bool")})
]
CASES["arange"] = [
    {"bounds": bounds}
    for bounds in [
        *((5,), (1,), (0,), (-2,), (2.5,), (1, 4), (4, 1), (1, 10, 3), (10, 1, -3), (1, 1)),
        *((0, 1, 0.25), (0, 10, 0), (5, 1, 1), (1, 10, 4), (0.5, 3), (1, 2, 3, 4), (0, -7, -2)),
    ]
]
CASES["arange"] += [{"bounds": (3,), "dtype": dtype} for dtype in _NAMES]
for _name in ("linspace", "logspace"):
    CASES[_name] = [
        {"start": 0, "end": 1.5, "steps": steps, **more}
        for steps in (1, 2, 3, 7, 12, 0, -1)
        for more in ({}, {"dtype": DType("float64")}, {"dtype": DType("int64")})
    ]
CASES["logspace"] += [{"start": 0, "end": 1, "steps": 3, "base": base} for base in (2, 0.5, 1)]
CASES["eye"] = [
    {"n": n, **more}
    for n in (1, 3, -1)
    for more in ({}, {"m": 2}, {"m": -1}, *({"dtype": d} for d in _NAMES))
]
CASES["randint"] = [
    {"low": low, "high": high, "size": size, **more}
    for low, high in [(0, 5), (-3, 3), (3, 3), (5, 1)]
    for size in _SIZES
    for more in ({}, {"dtype": DType("float32")}, {"dtype": DType("int32")})
]
CASES["randint"] += [{"low": 0, "high": 1, "size": (2,), "dtype": dtype} for dtype in _NAMES]
CASES["randperm"] = [{"n": n} for n in (1, 2, 3, 5, 7, 0, -1, -5)] + [
    {"n": 4, "dtype": d} for d in _NAMES
]
for _name in ("tril_indices", "triu_indices"):
    CASES[_name] = [
        {"row": row, "col": col, **more}
        for row in (1, 3, 5)
        for col in (1, 4, -1)
        for more in ({}, {"offset": 1}, {"offset": -1}, {"offset": 3}, {"offset": -3})
    ]
for _name in ("zeros_like", "ones_like", "empty_like", "rand_like", "randn_like"):
    CASES[_name] = _X + [
        {"input": x, "dtype": dtype}
        for x in (Tensor((2, 3)), Tensor((2,), "int64"))
        for dtype in _NAMES
    ]
CASES["full_like"] = [
    {"input": x, "fill_value": value, **more}
    for x in EVERY
    for value in (0, 1.5, True)
    for more in ({}, {"dtype": DType("float16")})
]
CASES["bernoulli"] = _X
CASES["multinomial"] = [
    {"input": x, "num_samples": n, **more}
    for x in EVERY
    for n in (1, 3, 6, 7, 0, -1)
    for more in ({}, {"replacement": True})
]
for _name in (
    *("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout"),
):
    CASES[_name] = _X + [{"input": Tensor((2, 3, 4, 5)), "p": p} for p in (0, 0.1, 1, 1.5, -0.1)]
    CASES[_name] += [
        {"input": Tensor((2, 3, 4, 5)[: 3 if "1d" in _name else 4], x.dtype), **more}
        for x in KINDS
        for more in ({}, {"p": 0}, {"p": 1})
    ]
    CASES[_name] += [{"input": Tensor((3,)), "p": p} for p in (0, 1)]
CASES["normalize"] = [
    {"input": x, **more}
    for x in EVERY
    for more in ({}, {"dim": 0}, {"dim": -1}, {"dim": 3}, {"p": 1}, {"eps": 0.1})
]
_AFFINE: Calls = [
    {},
    *({"weight": Tensor(shape)} for shape in ((6,), (4, 6), (4,), ())),
    {"weight": Tensor((6,), "float64")},
    {"eps": 0.1},
]
_BIASES: Calls = [{"bias": Tensor((6,))}, {"weight": Tensor((6,)), "bias": Tensor((6,))}]
CASES["rms_norm"] = [
    {"input": x, "normalized_shape": shape, **more}
    for x in EVERY
    for shape in [(6,), (4, 6), (5,), (), (2, 4, 6)]
    for more in _AFFINE
]
CASES["layer_norm"] = CASES["rms_norm"] + [
    {"input": x, "normalized_shape": (6,), **more} for x in EVERY for more in _BIASES
]
CASES["group_norm"] = [
    {"input": x, "num_groups": n, **more}
    for x in [*EVERY, Tensor((2, 6, 3)), Tensor((1, 6)), Tensor((1, 6, 1))]
    for n in (1, 2, 3, 6, 0, -1)
    for more in [*_AFFINE, *_BIASES]
]
CASES["instance_norm"] = [*_X, {"input": Tensor((2, 3, 1))}, {"input": Tensor((1, 1, 2))}]
CASES["local_response_norm"] = [
    {"input": x, "size": size, **more}
    for x in EVERY
    for size in (1, 2, 5, 0, -1)
    for more in ({}, {"alpha": 0.1, "k": 2})
]
