"""Functions of two or three tensors that broadcast."""

from typing import Any

from netspec.tensor import Tensor
from tests.oracle.cases.shapes import KINDS

_SHAPES = [(), (6,), (1,), (4, 6), (4, 1), (2, 4, 6), (3, 6)]
_PAIRS = [(Tensor(a), Tensor(b)) for a in _SHAPES for b in _SHAPES]
_PAIRS += [(Tensor((4, 6), a.dtype), Tensor((4, 6), b.dtype)) for a in KINDS for b in KINDS]
_PAIRS += [(Tensor((4, 6), a.dtype), Tensor((), b.dtype)) for a in KINDS for b in KINDS]
_NUMBERS = [
    (Tensor(shape, x.dtype), number) for x in KINDS for shape in ((4, 6), ()) for number in (2, 0.5)
]
_TRIPLES = [(a, b, c) for a, b in _PAIRS[::3] for c in (Tensor((4, 1)), Tensor((), "float64"))]
_TRIPLES += [(x, x, x) for x in KINDS]


def _calls(names: tuple[str, ...], values: list[Any]) -> list[dict[str, Any]]:
    return [dict(zip(names, each, strict=True)) for each in values]


CASES: dict[str, list[dict[str, Any]]] = {
    name: _calls(("input", "other"), _PAIRS)
    for name in (
        *("maximum", "minimum", "fmax", "fmin", "atan2", "hypot", "logaddexp", "isclose"),
        *("logical_and", "logical_or", "logical_xor"),
    )
}
for _name in (
    *("add", "sub", "mul", "div", "floor_divide", "remainder", "fmod", "xlogy"),
    *("eq", "ne", "lt", "le", "gt", "ge", "bitwise_and", "bitwise_or", "bitwise_xor"),
):
    CASES[_name] = _calls(("input", "other"), _PAIRS + _NUMBERS)
CASES["div"] += [
    {"input": x, "other": other, "rounding_mode": mode}
    for x in KINDS
    for other in (x, 2, 0.5)
    for mode in ("floor", "trunc", "up", None)
]
CASES["pow"] = _calls(("input", "exponent"), _PAIRS + _NUMBERS)
CASES["clamp"] = [{"input": x} for x in KINDS[:3]]
CASES["clamp"] += _calls(("input", "min"), _PAIRS + _NUMBERS)
CASES["clamp"] += _calls(("input", "max"), _PAIRS + _NUMBERS)
CASES["clamp"] += _calls(("input", "min", "max"), _TRIPLES)
CASES["clamp"] += [
    {"input": x, "min": low, "max": high}
    for x in KINDS
    for low, high in [(0, 1), (0.5, 1), (None, 1), (x, 1), (0, x)]
]
CASES["where"] = [
    {"condition": Tensor(shape, "bool"), "input": a, "other": b}
    for shape in ((), (4, 1), (2, 4, 6), (3,))
    for a, b in _PAIRS[::2]
]
CASES["where"] += [{"condition": x, "input": x, "other": x} for x in KINDS]
CASES["where"] += [
    {"condition": Tensor((4, 6), "bool"), "input": a, "other": b}
    for x in KINDS
    for a, b in [(x, 0.5), (2, x), (1, 2), (0.5, 1), (Tensor((), x.dtype), 0.5)]
]
CASES["lerp"] = _calls(("input", "end", "weight"), _TRIPLES)
CASES["lerp"] += [{"input": x, "end": y, "weight": w} for x, y in _PAIRS[::2] for w in (0.5, 1, y)]
CASES["addcmul"] = _calls(("input", "tensor1", "tensor2"), _TRIPLES)
CASES["addcmul"] += [
    {"input": x, "tensor1": x, "tensor2": x, "value": v} for x in KINDS for v in (2, 0.5)
]
CASES["addcdiv"] = CASES["addcmul"]
