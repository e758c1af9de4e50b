"""Rules on dtypes that functions share: which ones torch takes, which one comes out."""

import math
from collections.abc import Iterable, Mapping

from netspec.dim import Dim, value_of
from netspec.misfit import Misfit
from netspec.tensor import COMPLEX, DTYPES, FLOATING, INTEGER, Tensor

TRUTH = frozenset({"bool"})
REAL = FLOATING | INTEGER
NUMBERS = REAL | COMPLEX
NOT_COMPLEX = REAL | TRUTH
ANY = DTYPES

# What fits into a dtype, where it is less than what a spec can write.
RANGES: Mapping[str, tuple[int, int]] = {
    "bool": (0, 1),
    "uint8": (0, 2**8 - 1),
    **{f"int{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32)},
    "float16": (-65504, 65504),
}

_KINDS = ((FLOATING, "floating point"), (INTEGER, "integer"), (COMPLEX, "complex"))


def require_dtype(
    title: str, x: Tensor, dtypes: frozenset[str], argument: str | None = None, help: str = ""
) -> None:
    """Refuse a tensor whose dtype torch would refuse.

    Raises:
        Misfit: naming the dtypes that do, and the conversion that leads there.
    """
    if x.dtype in dtypes:
        return
    place = f" for `{argument}`" if argument else ""
    raise Misfit(
        f"`{title}` takes {write_dtypes(dtypes)} tensors{place}, found {x.dtype}",
        label=f"`{argument}` is {x}" if argument else f"the input is {x}",
        help=help or f"turn it into another dtype first: `-> to({_nearest(x.dtype, dtypes)})`",
        argument=argument,
    )


def require_one_dtype(title: str, tensors: Iterable[Tensor]) -> str:
    """The one dtype that all tensors have.

    Raises:
        Misfit: where they differ; torch promotes in elementwise functions only.
    """
    found = list(dict.fromkeys(tensor.dtype for tensor in tensors))
    if len(found) > 1:
        raise Misfit(
            f"`{title}` takes tensors of one dtype, found {' and '.join(found)}",
            label="dtypes differ",
            help=f"turn the others into it first: `-> to({found[0]})`",
        )
    return found[0]


def require_inside(title: str, argument: str, number: float | Dim, dtype: str) -> None:
    """Refuse a number that a tensor of this dtype cannot hold.

    Raises:
        Misfit: naming the range of the dtype.
    """
    known = number if isinstance(number, float) else value_of(number)
    lowest, highest = RANGES.get(dtype, (-math.inf, math.inf))
    if known is not None and not lowest <= known <= highest:
        raise Misfit(
            f"`{argument}` of `{title}` comes to {known}, which does not go into {dtype}",
            label=f"{dtype} runs from {lowest} to {highest}",
            help="choose another number, or a dtype with a wider range",
            argument=argument,
        )


def require_padding(title: str, number: float | Dim | None, dtype: str) -> None:
    """Refuse to pad with a number that does not go in; any but 0 is true, and none is 0."""
    if number is not None and dtype not in TRUTH:
        require_inside(title, "value", number, dtype)


def write_dtypes(dtypes: frozenset[str]) -> str:
    """A set of dtypes in words: `floating point or integer`."""
    rest = set(dtypes)
    words: list[str] = []
    for kind, word in _KINDS:
        if kind <= rest:
            words.append(word)
            rest -= kind
    words += sorted(rest)
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _nearest(dtype: str, dtypes: frozenset[str]) -> str:
    order = ["float32", "int64", "bool", "complex64"]
    if dtype == "bool":
        order = ["int64", "float32", "complex64"]
    return next((name for name in order if name in dtypes), min(dtypes))


def as_floating(dtype: str) -> str:
    """The dtype of a function whose answers are no whole numbers: exp, atan2."""
    return dtype if dtype in FLOATING | COMPLEX else "float32"


def as_total(dtype: str) -> str:
    """The dtype of a sum or product: integers and truth values add up to int64."""
    return "int64" if dtype in INTEGER | TRUTH else dtype


def as_modulus(dtype: str) -> str:
    """The dtype of an absolute value, which is real."""
    return {"complex64": "float32", "complex128": "float64"}.get(dtype, dtype)
