"""Functions that change the shape, join tensors and take them apart."""

from typing import Any

from netspec.tensor import Tensor
from tests.oracle.cases.shapes import EVERY, FEW, KINDS, RANKS

Calls = list[dict[str, Any]]
_SIZES = [(2, -1), (-1,), (6, 4), (2, 24), (3, -1, 2), (2, 2), (-1, -1), (0, 4), (-2, 3), (), (1,)]
_DIMS = [0, 1, -1, 2, 3, -3, 7]
_LISTS = [(0,), (0, 1), (1, 0), (-1, 0), (1, 1), (0, 2, 1), (2, 3, 0, 1), (5,), ()]


def _each(argument: str, values: list[Any], inputs: list[Tensor] = EVERY, **more: Any) -> Calls:
    return [{"input": x, argument: value, **more} for x in inputs for value in values]


def _other(inputs: list[Tensor], others: list[tuple[int, ...]]) -> Calls:
    return [{"input": x, "other": Tensor(other)} for x in inputs for other in others]


_X: Calls = [{"input": x} for x in EVERY]
CASES: dict[str, Calls] = {
    "reshape": _each("shape", _SIZES),
    "view": _each("size", _SIZES),
    "reshape_as": _other(EVERY, [(6,), (12,), (2, 3), (8, 6), (1,), (), (6, 2, 4)]),
    "view_as": _other(EVERY, [(6,), (12,), (2, 3), (8, 6), (1,), (), (6, 2, 4)]),
    "flatten": _X
    + [{"input": x, "start_dim": a, "end_dim": b} for x in EVERY for a in _DIMS for b in _DIMS],
    "ravel": _X,
    "unflatten": [
        {"input": x, "dim": dim, "sizes": sizes}
        for x in EVERY
        for dim in _DIMS
        for sizes in ((2, -1), (2, 3), (6,), (2, 2), (-1, -1), (-1, 1, 2), (1,), ())
    ],
    "permute": _each("dims", [*_LISTS, (0, 1, 2, 3, 4), (0, 3, 1, 2), (-1, 0, 1)]),
    "t": _X,
    "unsqueeze": _each("dim", _DIMS),
    "squeeze": _X + _each("dim", [*_DIMS, *_LISTS], [*RANKS, Tensor((1,)), Tensor((1, 1, 2))]),
    "expand": [
        {"input": Tensor(x), "size": size}
        for x in [(), (1,), (6,), (1, 6), (4, 1), (2, 1, 6), (4, 6)]
        for size in [(6,), (4, 6), (-1,), (4, -1), (-1, 6), (2, 4, 6), (2, -1, -1), (1,), (2, 0)]
    ],
    "expand_as": _other([*FEW, Tensor((1, 6)), Tensor((4, 1))], [(6,), (4, 6), (2, 4, 6), ()]),
    "repeat": _each("repeats", [(2,), (1, 2), (2, 1, 3), (0, 1), (2, -1), (1, 1, 1, 1), ()]),
    "tile": _each("dims", [(2,), (1, 2), (2, 1, 3), (0, 1), (2, -1), (1, 1, 1, 1), ()]),
    "repeat_interleave": [
        {"input": x, "repeats": times, **more}
        for x in EVERY
        for times in (2, 1, 0, -1, 3)
        for more in ({}, {"dim": 0}, {"dim": -1}, {"dim": 2}, {"dim": None})
    ],
    "flip": _each("dims", _LISTS),
    "fliplr": _X,
    "flipud": _X,
    "roll": [
        {"input": x, "shifts": shifts, **more}
        for x in EVERY
        for shifts in (1, -2, 9, (1,), (1, 2), ())
        for more in ({}, {"dims": 0}, {"dims": (0, 1)}, {"dims": -1}, {"dims": (1,)}, {"dims": 6})
    ],
    "rot90": _X
    + [
        {"input": x, "k": k, "dims": d}
        for x in EVERY
        for k in (0, 1, 2, -1)
        for d in ((0, 1), (1, 2), (-1, 0), (1, 1), (0, 5))
    ],
}
CASES["broadcast_to"] = CASES["expand"]
for _name, _a, _b in (
    ("transpose", "dim0", "dim1"),
    ("swapdims", "dim0", "dim1"),
    ("swapaxes", "axis0", "axis1"),
):
    CASES[_name] = [{"input": x, _a: a, _b: b} for x in EVERY for a in _DIMS for b in _DIMS]
for _name in ("movedim", "moveaxis"):
    CASES[_name] = [
        {"input": x, "source": a, "destination": b}
        for x in RANKS
        for a, b in [
            *((a, b) for a in _DIMS for b in _DIMS),
            *((a, b) for a in _LISTS for b in _LISTS),
        ]
    ]

_TWO = [(a, b) for a in RANKS for b in [*RANKS, Tensor((2, 5, 6)), Tensor((2, 4, 9))]]
_KINDS = [(Tensor((2, 3), a.dtype), Tensor((2, 3), b.dtype)) for a in KINDS for b in KINDS]
_KINDS += [(Tensor((), a.dtype), Tensor((), b.dtype)) for a in KINDS for b in KINDS]
for _name in ("cat", "stack"):
    CASES[_name] = [{"tensors": pair, "dim": dim} for pair in _TWO for dim in _DIMS]
    CASES[_name] += [{"tensors": pair} for pair in _KINDS]
    CASES[_name] += [{"tensors": (x,)} for x in RANKS] + [{"tensors": (x, x, x)} for x in RANKS]
    CASES[_name] += [{"tensors": ()}]
for _name in ("hstack", "vstack"):
    CASES[_name] = [{"tensors": pair} for pair in [*_TWO, *_KINDS]]
CASES["split"] = [
    {"input": x, "split_size": size, **more}
    for x in EVERY
    for size in (1, 2, 4, 5, 9, 0, -1, (2, 4), (1, 1), (1, 2, 3), (6,), (3, -1), ())
    for more in ({}, {"dim": 1}, {"dim": -1}, {"dim": 5})
]
CASES["chunk"] = [
    {"input": x, "chunks": n, **more}
    for x in EVERY
    for n in (1, 2, 3, 4, 5, 9, 0, -1)
    for more in ({}, {"dim": 1}, {"dim": -1}, {"dim": 5})
]
CASES["unbind"] = _each("dim", _DIMS) + _X
CASES["meshgrid"] = [
    {"tensors": tuple(map(Tensor, shapes)), "indexing": indexing}
    for shapes in [((3,),), ((3,), (4,)), ((3,), (), (5,)), ((2, 3), (4,)), ((), ())]
    for indexing in ("ij", "xy", "yx")
]
CASES["meshgrid"] += [
    {"tensors": (Tensor((3,)), Tensor((4,), x.dtype)), "indexing": "ij"} for x in KINDS
]
