"""The calls that tensor functions are held against torch with, by function."""

from collections.abc import Iterable, Mapping
from typing import Any

from tests.oracle.cases import arithmetic, indexing, pointwise, reduction, reshaping

CASES: Mapping[str, Iterable[Mapping[str, Any]]] = {
    **arithmetic.CASES,
    **indexing.CASES,
    **pointwise.CASES,
    **reduction.CASES,
    **reshaping.CASES,
}

# What the catalogue refuses though torch takes it, each with the reason.
STRICTER: Mapping[str, str] = {
    "addcmul": "torch cuts a fractional `value` down where all tensors hold integers",
    "eq": "float16 with a single complex number",
    "logsumexp": "dim=() works with keepdim=True only",
    "masked_fill": "torch cuts the value down to the dtype of the tensor without a word",
    "ne": "float16 with a single complex number",
    "where": "uint8 conditions are deprecated",
}
