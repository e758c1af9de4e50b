"""The calls that tensor functions are held against torch with, by function."""

from collections.abc import Iterable, Mapping
from typing import Any

from tests.oracle.cases import (
    arithmetic,
    creation,
    indexing,
    loss,
    matrix,
    pointwise,
    pooling,
    reduction,
    reshaping,
)

CASES: Mapping[str, Iterable[Mapping[str, Any]]] = {
    **arithmetic.CASES,
    **creation.CASES,
    **indexing.CASES,
    **loss.CASES,
    **matrix.CASES,
    **pointwise.CASES,
    **pooling.CASES,
    **reduction.CASES,
    **reshaping.CASES,
}

POOLS = [f"{kind}_pool{n}d" for kind in ("avg", "lp", "max", "adaptive_avg") for n in (1, 2, 3)]

_STRETCHED = "torch stretches tensors of other shapes, which is hardly meant in a loss"
DROPOUTS = [f"{kind}dropout" for kind in ("", "alpha_", "feature_alpha_")]
DROPOUTS += [f"dropout{n}d" for n in (1, 2, 3)]

# What the catalogue refuses though torch takes it, each with the reason.
STRICTER: Mapping[str, str] = {
    **dict.fromkeys(POOLS, "integers and complex numbers on CPUs only, pictures of other ranks"),
    **dict.fromkeys(loss.CASES, f"{_STRETCHED}; outputs without fractions have no gradient"),
    "addcmul": "torch cuts a fractional `value` down where all tensors hold integers",
    "bucketize": "truth values are boundaries of numbers, but not of truth values",
    **dict.fromkeys(("cummax", "cummin", "mode"), "a single complex number is its own largest"),
    **dict.fromkeys(DROPOUTS, "torch hands anything on where p is 0 or 1, and some other ranks"),
    "einsum": "torch transposes truth values, too, but does not multiply them",
    "eq": "float16 with a single complex number",
    "group_norm": "only CPUs scale half precision by float32",
    "interpolate": "bytes on CPUs only",
    "layer_norm": "only CPUs scale half precision by float32",
    "linear": "torch stretches a `bias` of one number, which its documentation does not allow",
    "local_response_norm": "only CPUs pool integers",
    "logsumexp": "dim=() works with keepdim=True only",
    "masked_fill": "torch cuts the value down to the dtype of the tensor without a word",
    "ne": "float16 with a single complex number",
    "one_hot": "torch counts the classes in the data where num_classes is -1",
    "rms_norm": "torch rounds a `weight` of another dtype without a word",
    "scaled_dot_product_attention": "one of torch's kernels does not compare the lengths of `key` "
    "and `value`, and takes a mask besides `is_causal`; the other refuses both",
    "threshold": "torch takes -1 for 255 in uint8",
    "where": "uint8 conditions are deprecated",
}
