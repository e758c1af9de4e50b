"""Functions that take entries out, put them in, or change the dtype."""

from typing import Any

from netspec.tensor import DTYPES, DType, Tensor
from tests.oracle.cases.shapes import EVERY, FEW, KINDS, RANKS

Calls = list[dict[str, Any]]
_DIMS = [0, 1, -1, 2, -3, 5]
_X: Calls = [{"input": x} for x in EVERY]
_NUMBERS = [Tensor((2,), x.dtype) for x in KINDS] + [Tensor((), "int64"), Tensor((2, 3), "int64")]
_INDEX = [Tensor(s, "int64") for s in [(), (3,), (6,), (2, 4), (2, 4, 6), (1, 9, 6), (2, 4, 2)]]
_KINDS = [Tensor((2, 4, 6), x.dtype) for x in KINDS]

CASES: dict[str, Calls] = {
    "narrow": [
        {"input": x, "dim": dim, "start": start, "length": length}
        for x in EVERY
        for dim in _DIMS
        for start, length in [(0, 1), (1, 2), (2, 4), (0, 9), (-1, 1), (-2, 3), (7, 1), (0, -1)]
    ],
    "select": [
        {"input": x, "dim": dim, "index": at} for x in EVERY for dim in _DIMS for at in _DIMS
    ],
    "index_select": [
        {"input": x, "dim": dim, "index": at}
        for x in RANKS
        for dim in _DIMS
        for at in [*_INDEX, Tensor((3,), "int32"), Tensor((3,), "float32"), Tensor((3,), "bool")]
    ],
    "gather": [
        {"input": x, "dim": dim, "index": at}
        for x in RANKS
        for dim in _DIMS
        for at in [*_INDEX, *_KINDS]
    ],
    "take_along_dim": [
        {"input": x, "indices": at, **more}
        for x in RANKS
        for more in ({}, {"dim": 0}, {"dim": 1}, {"dim": -1}, {"dim": 7})
        for at in [*_INDEX, Tensor((1, 1, 3), "int64"), *_KINDS]
    ],
    "masked_fill": [
        {"input": x, "mask": Tensor(shape, "bool"), "value": value}
        for x in EVERY
        for shape in [(), (6,), (4, 1), (2, 4, 6), (1, 1, 4, 6), (5,)]
        for value in (0, -1.5, Tensor(()), Tensor((), "int64"), Tensor((1,)))
    ]
    + [{"input": x, "mask": x, "value": 0} for x in KINDS]
    + [
        {"input": x, "mask": Tensor((), "bool"), "value": Tensor((), y.dtype)}
        for x in KINDS
        for y in KINDS
    ],
    "tril": _X + [{"input": x, "diagonal": d} for x in EVERY for d in (-1, 1, 9)],
    "triu": _X + [{"input": x, "diagonal": d} for x in EVERY for d in (-1, 1, 9)],
    "diagonal": _X
    + [
        {"input": x, "offset": offset, "dim1": a, "dim2": b}
        for x in EVERY
        for offset in (0, 1, -1, 3, -9)
        for a, b in [(0, 1), (1, 0), (-2, -1), (1, 1), (0, 3)]
    ],
    "diag": _X + [{"input": x, "diagonal": d} for x in RANKS for d in (-1, 1, 2, 7)],
    "diag_embed": _X
    + [
        {"input": x, "offset": offset, "dim1": a, "dim2": b}
        for x in EVERY
        for offset in (0, 1, -2)
        for a, b in [(0, 1), (1, 0), (-2, -1), (1, 1), (0, -1), (0, 3)]
    ],
    "trace": _X + [{"input": Tensor((3, 4), x.dtype)} for x in KINDS],
    "one_hot": [
        {"input": Tensor(shape, dtype), "num_classes": n}
        for shape in [(), (3,), (2, 4)]
        for dtype in ("int64", "int32", "float32", "bool")
        for n in (2, 5, 0, -1)
    ],
    "embedding": [
        {"input": x, "weight": Tensor(shape)}
        for x in [Tensor((2,), y.dtype) for y in KINDS]
        + [Tensor((), "int64"), Tensor((2, 3), "int64")]
        for shape in [(5, 4), (5,), (2, 5, 4)]
    ]
    + [
        {"input": Tensor((2,), "int64"), "weight": Tensor((5, 4)), "padding_idx": at}
        for at in (0, 4, 5, -1, -5, -6)
    ],
    "isin": [
        {"elements": x, "test_elements": y} for x in EVERY for y in (Tensor((3,)), Tensor(()))
    ],
    "to": [{"input": x, "dtype": DType(dtype)} for x in FEW for dtype in sorted(DTYPES)],
    "type_as": [{"input": x, "other": y} for x in FEW for y in KINDS],
}
for _name in ("scatter", "scatter_add"):
    CASES[_name] = [
        {"input": x, "dim": dim, "index": at, "src": src}
        for x in RANKS[:4]
        for dim in (0, 1, -1, 3)
        for at in _INDEX
        for src in (at._replace(dtype="float32"), x, Tensor((2, 4, 6), "float64"))
    ]
    CASES[_name] += [
        {"input": x, "dim": 0, "index": at, "src": x} for x in KINDS for at in (x, _INDEX[4])
    ]
for _name in (
    *("float", "double", "half", "bfloat16", "int", "long", "bool"),
    *("detach", "contiguous", "clone"),
):
    CASES[_name] = _X
