"""The calls that tensor functions are held against torch with, by function."""

from collections.abc import Iterable, Mapping
from typing import Any

from tests.oracle.cases import arithmetic, indexing, matrix, pointwise, reduction, reshaping

CASES: Mapping[str, Iterable[Mapping[str, Any]]] = {
    **arithmetic.CASES,
    **indexing.CASES,
    **matrix.CASES,
    **pointwise.CASES,
    **reduction.CASES,
    **reshaping.CASES,
}

# What the catalogue refuses though torch takes it, each with the reason.
STRICTER: Mapping[str, str] = {
    "addcmul": "torch cuts a fractional `value` down where all tensors hold integers",
    "einsum": "torch transposes truth values, too, but does not multiply them",
    "eq": "float16 with a single complex number",
    "linear": "torch stretches a `bias` of one number, which its documentation does not allow",
    "logsumexp": "dim=() works with keepdim=True only",
    "masked_fill": "torch cuts the value down to the dtype of the tensor without a word",
    "ne": "float16 with a single complex number",
    "scaled_dot_product_attention": "one of torch's kernels reads on behind the end of a `value` "
    "shorter than `key`, and takes a mask besides `is_causal`; the other refuses both",
    "where": "uint8 conditions are deprecated",
}
