"""Products, distances and attention."""

from typing import Any

from netspec.tensor import Tensor
from tests.oracle.cases.shapes import EVERY, KINDS

Calls = list[dict[str, Any]]
_SHAPES = [(), (4,), (6,), (4, 6), (6, 4), (6, 5), (2, 4, 6), (2, 6, 4), (1, 6, 3), (3, 1, 6, 4)]
_PAIRS = [(Tensor(a), Tensor(b)) for a in _SHAPES for b in _SHAPES]
_SQUARE = [(Tensor((4, 4), a.dtype), Tensor((4, 4), b.dtype)) for a in KINDS for b in KINDS]
_LINES = [(Tensor((4,), a.dtype), Tensor((4,), b.dtype)) for a in KINDS for b in KINDS]
_STACKS = [(Tensor((2, 4, 4), a.dtype), Tensor((2, 4, 4), b.dtype)) for a in KINDS for b in KINDS]


def _calls(first: str, second: str, pairs: list[tuple[Tensor, Tensor]], **more: Any) -> Calls:
    return [{first: a, second: b, **more} for a, b in pairs]


CASES: dict[str, Calls] = {
    "matmul": _calls("input", "other", _PAIRS + _SQUARE + _LINES + _STACKS),
    "mm": _calls("input", "mat2", _PAIRS + _SQUARE),
    "bmm": _calls("input", "mat2", _PAIRS + _STACKS),
    "mv": _calls("input", "vec", _PAIRS)
    + _calls("input", "vec", [(a, Tensor((4,), b.dtype)) for a, b in _SQUARE]),
    "dot": _calls("input", "tensor", _PAIRS + _LINES),
    "outer": _calls("input", "vec2", _PAIRS + _LINES),
    "kron": _calls("input", "other", _PAIRS + _LINES),
    "addmm": [
        {"input": x, "mat1": a, "mat2": b}
        for x in [Tensor(()), Tensor((4,)), Tensor((4, 1)), Tensor((4, 4)), Tensor((1, 4, 4))]
        for a, b in [*_PAIRS, *_SQUARE[::7]]
    ]
    + [{"input": x, "mat1": x, "mat2": x, "beta": 0.5, "alpha": 2} for x in (Tensor((4, 4)),)],
    "baddbmm": [
        {"input": x, "batch1": a, "batch2": b}
        for x in [Tensor(()), Tensor((4,)), Tensor((2, 1, 1)), Tensor((2, 4, 4)), Tensor((3, 4, 4))]
        for a, b in [*_PAIRS, *_STACKS[::7]]
    ],
    "tensordot": [
        {"a": a, "b": b, **more}
        for a, b in [*_PAIRS, *_STACKS]
        for more in (
            {},
            {"dims": 1},
            {"dims": 0},
            {"dims": ((0,), (1,))},
            {"dims": ((0, 1), (1, 0))},
        )
    ],
    "cross": [
        {"input": a, "other": b, "dim": dim}
        for a in [Tensor((3,)), Tensor((4, 3)), Tensor((3, 3)), Tensor((2, 3, 5)), Tensor(())]
        for b in [Tensor((3,)), Tensor((4, 3)), Tensor((1, 3)), Tensor((2, 3, 5)), Tensor(())]
        for dim in (0, 1, -1, -2, 5)
    ]
    + _calls(
        "input",
        "other",
        [(Tensor((3,), a.dtype), Tensor((3,), b.dtype)) for a in KINDS for b in KINDS],
        dim=0,
    ),
    "linear": [
        {"input": x, "weight": w, **more}
        for x, w in [*_PAIRS, *_SQUARE, *_STACKS[::9]]
        for more in ({}, {"bias": Tensor((4,))}, {"bias": Tensor(())}, {"bias": Tensor((5,))})
    ],
    "cosine_similarity": [
        {"x1": a, "x2": b, **more}
        for a, b in [*_PAIRS, *_SQUARE]
        for more in ({}, {"dim": 0}, {"dim": -1}, {"dim": 3})
    ],
    "pairwise_distance": [
        {"x1": a, "x2": b, **more}
        for a, b in [*_PAIRS, *_SQUARE]
        for more in ({}, {"p": 1}, {"keepdim": True}, {"eps": 0.1})
    ],
    "cdist": [
        {"x1": a, "x2": b, **more}
        for a, b in [*_PAIRS, *_SQUARE]
        for more in ({}, {"p": 1.0}, {"p": -1.0})
    ],
    "pdist": [{"input": x, **more} for x in EVERY for more in ({}, {"p": 1.0}, {"p": -1.0})]
    + [{"input": Tensor((4, 5), x.dtype)} for x in KINDS],
}

_EQUATIONS = [
    *("ij,jk->ik", "ij,jk", "ij->ji", "ij->", "ij->i", "ii->i", "ii", "ii->", "i,j->ij", "i,i->"),
    *("bij,bjk->bik", "bij,bkj->bik", "...ij,...jk->...ik", "...ij->...ji", "...i,...i->..."),
    *("i...->...", "...->...", "...", "ij...,jk...->ik...", "bhqd,bhkd->bhqk", "ij,ij->ij"),
    *(
        "i j , j k -> i k",
        "ij,jk->ijk",
        "ij,kl->ijkl",
        "ij,jk->iik",
        "ij,jk->iz",
        "i.j->i",
        "i1->i",
    ),
    *("ij->ij->i", "a...b,b...c->a...c", "ba", "Ba,aC", "ij,jk,kl->il", "", "->", ",->", "i..->i"),
    *(
        "......->",
        "ij,->ij",
        "...ij,jk",
        "i->ii",
        "i.j->i",
        "ij->...",
        "i...->i",
        "...i...->i",
        "ij->i,j",
    ),
]
_OPERANDS = [
    *((Tensor(a),) for a in [(), (3,), (3, 3), (4, 6), (2, 4, 6), (2, 3, 4, 6)]),
    *(
        (Tensor(a), Tensor(b))
        for a in _SHAPES
        for b in [(6, 5), (6,), (2, 6, 3), (1, 6), (2, 6, 4)]
    ),
    (Tensor((2, 3, 4, 6)), Tensor((2, 3, 5, 6))),
    (Tensor((2, 3)), Tensor((3, 4)), Tensor((4, 5))),
    (Tensor((2, 3)), Tensor((3, 4)), Tensor((5, 5))),
    (Tensor((4, 6)), Tensor((4, 6))),
    (Tensor((4,)), Tensor(())),
]
CASES["einsum"] = [
    {"equation": equation, "operands": operands}
    for equation in _EQUATIONS
    for operands in _OPERANDS
]
CASES["einsum"] += [{"equation": "ij,jk->ik", "operands": pair} for pair in _SQUARE]
CASES["einsum"] += [{"equation": "ij->ji", "operands": (x,)} for x, _ in _SQUARE]

_Q = [(4, 8), (2, 4, 8), (2, 3, 4, 8), (1, 6, 4, 8), (8,), (2, 6, 4, 7), (2, 1, 6, 4, 8)]
_K = [(5, 8), (2, 5, 8), (2, 3, 5, 8), (2, 2, 5, 8), (1, 1, 5, 8), (2, 5, 7)]
CASES["scaled_dot_product_attention"] = [
    {"query": Tensor(q), "key": Tensor(k), "value": Tensor(v), **more}
    for q in _Q
    for k in _K
    for v in (k, (*k[:-1], 3), (*k[:-2], 4, 8), (2, 3, 5, 8))
    for more in ({}, {"enable_gqa": True})
]
_QKV = {key: Tensor((2, 3, 4, 8)) for key in ("query", "key", "value")}
CASES["scaled_dot_product_attention"] += [
    {**_QKV, "attn_mask": Tensor(shape, dtype), **more}
    for shape in [(4, 4), (1, 1, 4, 4), (2, 1, 4, 4), (3, 4, 4), (4, 5), (1, 4), (4,), (2, 4, 4)]
    for dtype in ("bool", "float32", "float64", "int64")
    for more in ({}, {"is_causal": True}, {"scale": 0.5, "dropout_p": 0.1})
]
CASES["scaled_dot_product_attention"] += [
    {
        "query": Tensor((2, 4, 8), a.dtype),
        "key": Tensor((2, 4, 8), b.dtype),
        "value": Tensor((2, 4, 8), b.dtype),
    }
    for a in KINDS
    for b in KINDS
]
CASES["scaled_dot_product_attention"] += [{**_QKV, "dropout_p": p} for p in (0.5, 1.5, -0.1, 1)]
