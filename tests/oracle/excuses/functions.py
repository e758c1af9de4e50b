"""The calls of tensor functions that torch takes and the catalogue refuses."""

import math
from collections.abc import Collection
from typing import Any

from netspec.catalogue import FUNCTIONS
from netspec.catalogue.dtypes import RANGES
from netspec.catalogue.signature import MISSING
from netspec.tensor import COMPLEX, FLOATING, INTEGER, Tensor
from tests.oracle.excuses import Excuse, Given, holding
from tests.oracle.excuses.losses import LOSSES

HALF = ("float16", "bfloat16")
TRUTH = frozenset({"bool"})

_KINDS = (TRUTH, INTEGER, FLOATING, COMPLEX)
_DIMENSIONS = {"1d": 1, "2d": 2, "3d": 3}


def excuses(name: str, given: Given) -> list[Excuse]:
    """The reasons for which the catalogue refuses a call that torch takes."""
    return holding(EXCUSES.get(name, ()), _complete(name, given))


def _complete(name: str, given: Given) -> Given:
    fields = FUNCTIONS[name].fields()
    defaults = {key: f.default for key, f in fields.items() if f.default is not MISSING}
    return {**defaults, **given}


def _takes(argument: str, dtypes: Collection[str]) -> Any:
    """Whether an argument is a tensor of one of some dtypes."""
    return lambda g: isinstance(g[argument], Tensor) and g[argument].dtype in dtypes


def _single_complex(g: Given) -> bool:
    return g["input"].dtype in COMPLEX and g["input"].rank == 0


def _drops_all_or_nothing(g: Given) -> bool:
    return g["input"].dtype not in FLOATING and g["p"] in (0, 1)


def _kind(value: Any) -> int:
    """Truth values, integers, fractions and complex numbers, in the order torch promotes them."""
    if isinstance(value, Tensor):
        return next(place for place, kind in enumerate(_KINDS) if value.dtype in kind)
    return (bool, int, float).index(type(value))


def _half_and_single_complex(g: Given) -> bool:
    """Whether one is half precision, and the other a complex number of no dimension."""
    pair = g["input"], g["other"]
    return all(isinstance(x, Tensor) for x in pair) and any(
        a.dtype == "float16" and b.dtype in COMPLEX and b.rank == 0 for a, b in (pair, pair[::-1])
    )


def _scaled_by_float32(g: Given) -> bool:
    scales = [x for x in (g["weight"], g.get("bias")) if x is not None]
    return g["input"].dtype in HALF and "float32" in [x.dtype for x in scales]


def _hardly_sums(g: Given) -> bool:
    """Whether truth values are summed over one place at most."""
    operands = g["operands"]
    return "bool" in [x.dtype for x in operands] and (
        len(operands) == 1 or any(1 in x.shape for x in operands)
    )


def _stretches_number(g: Given) -> bool:
    if g["bias"] is None:
        return False
    bias, weight = g["bias"].shape, g["weight"].shape
    return bias in ((), (1,)) and bias != weight[:-1]


def _adds_number(g: Given) -> bool:
    """Whether both `weight` and `bias` lack the outputs; torch fails for matrices alone."""
    lack = g["bias"] is not None and (g["weight"].rank, g["bias"].rank) == (1, 0)
    return lack and g["input"].rank != 2


def _lengths_differ(g: Given) -> bool:
    key, value = g["key"].shape, g["value"].shape
    return min(len(key), len(value)) > 1 and key[-2] != value[-2]


def _lacks_one(dims: int) -> Any:
    return lambda g: g["input"].rank not in (dims + 1, dims + 2)


NOTHING_PADDED = "torch does not look at the number where nothing is padded"


def nothing_padded(padding: Any, given: Given) -> bool:
    """Whether a number that does not go into the input is put around it nowhere."""
    x, value = given["input"], given["value"]
    around = padding if isinstance(padding, tuple) else (padding,)
    if value is None or x.dtype == "bool" or any(number > 0 for number in around):
        return False
    lowest, highest = RANGES.get(x.dtype, (-math.inf, math.inf))
    return not lowest <= value <= highest


_CPU = "only CPUs pool"
_WEIGHTS = Excuse("only CPUs scale half precision by float32", _scaled_by_float32)
_LARGEST = Excuse("a single complex number is its own largest", _single_complex)
_HANDED_ON = Excuse("torch hands anything on where p is 0 or 1", _drops_all_or_nothing)
_EQUAL = Excuse(
    "float16 and a single complex number make complex32, which few functions take",
    _half_and_single_complex,
)

EXCUSES: dict[str, tuple[Excuse, ...]] = {
    **LOSSES,
    **dict.fromkeys(("cummax", "cummin", "mode"), (_LARGEST,)),
    **dict.fromkeys(("dropout", "alpha_dropout", "dropout1d"), (_HANDED_ON,)),
    "dropout2d": (
        _HANDED_ON,
        Excuse("torch warns that it will refuse other ranks", lambda g: g["input"].rank != 4),
    ),
    "dropout3d": (
        _HANDED_ON,
        Excuse("torch warns of other ranks", lambda g: g["input"].rank not in (4, 5)),
    ),
    "feature_alpha_dropout": (
        _HANDED_ON,
        Excuse(
            "there are no channels to drop, and none are where p is 0",
            lambda g: g["input"].rank < 2 and g["p"] in (0, 1),
        ),
    ),
    **dict.fromkeys(("group_norm", "layer_norm"), (_WEIGHTS,)),
    **dict.fromkeys(("eq", "ne"), (_EQUAL,)),
    "addcmul": (
        Excuse(
            "torch cuts a fractional `value` down where all tensors hold integers",
            lambda g: (
                isinstance(g["value"], float)
                and {g[key].dtype for key in ("input", "tensor1", "tensor2")} <= INTEGER
            ),
        ),
    ),
    "bucketize": (
        Excuse(
            "truth values are boundaries of numbers, but not of truth values",
            _takes("boundaries", TRUTH),
        ),
    ),
    "einsum": (
        Excuse("torch transposes truth values, too, but does not multiply them", _hardly_sums),
    ),
    "interpolate": (Excuse("bytes on CPUs only", _takes("input", ("uint8",))),),
    "linear": (
        Excuse(
            "torch stretches a `bias` of one number, which its documentation does not allow",
            _stretches_number,
        ),
        Excuse("torch adds a number with any input but a matrix", _adds_number),
    ),
    "local_response_norm": (Excuse(f"{_CPU} integers", _takes("input", INTEGER)),),
    "logsumexp": (
        Excuse("works with keepdim=True or no dimensions only", lambda g: g.get("dim") == ()),
    ),
    "masked_fill": (
        Excuse(
            "torch cuts the value down to the dtype of the tensor without a word",
            lambda g: _kind(g["value"]) > max(_kind(g["input"]), 1),
        ),
    ),
    "one_hot": (
        Excuse(
            "torch counts the classes in the data where num_classes is -1",
            lambda g: g["num_classes"] == -1,
        ),
    ),
    "pad": (
        Excuse(
            NOTHING_PADDED,
            lambda g: g["mode"] == "constant" and nothing_padded(g["pad"], g),
        ),
    ),
    "rms_norm": (
        Excuse(
            "torch rounds a `weight` of another dtype without a word",
            lambda g: g["weight"] is not None and g["weight"].dtype != g["input"].dtype,
        ),
        Excuse(
            "torch takes the squares of complex numbers, not of their moduli",
            _takes("input", COMPLEX),
        ),
    ),
    "scaled_dot_product_attention": (
        Excuse("one of torch's kernels does not compare the lengths", _lengths_differ),
        Excuse(
            "one of torch's kernels takes a mask besides, the other refuses it",
            lambda g: g["is_causal"] and g["attn_mask"] is not None,
        ),
        Excuse(
            "one of torch's kernels takes a mask of one dimension, the other refuses it",
            lambda g: g["attn_mask"] is not None and g["attn_mask"].rank == 1,
        ),
    ),
    "threshold": (
        Excuse(
            "torch takes -1 for 255 in uint8",
            lambda g: g["input"].dtype == "uint8" and min(g["threshold"], g["value"]) < 0,
        ),
    ),
    "where": (Excuse("uint8 conditions are deprecated", _takes("condition", ("uint8",))),),
}

for _suffix, _dims in _DIMENSIONS.items():
    EXCUSES[f"avg_pool{_suffix}"] = (Excuse(f"{_CPU} integers", _takes("input", ("int64",))),)
    EXCUSES[f"lp_pool{_suffix}"] = (
        Excuse(f"{_CPU} integers and truth values", _takes("input", INTEGER | TRUTH)),
    )
    EXCUSES[f"max_pool{_suffix}"] = (Excuse(f"{_CPU} integers", _takes("input", INTEGER)),)
    EXCUSES[f"adaptive_avg_pool{_suffix}"] = (
        Excuse("a pool of one place is a mean, of complex numbers, too", _takes("input", COMPLEX)),
    )
    if _dims > 1:
        EXCUSES[f"avg_pool{_suffix}"] += (
            Excuse(
                "torch divides by any number but 0",
                lambda g: g["divisor_override"] is not None and g["divisor_override"] < 0,
            ),
        )
        EXCUSES[f"adaptive_avg_pool{_suffix}"] += (
            Excuse("a pool of one place is a mean, of all ranks, too", _lacks_one(_dims)),
        )
