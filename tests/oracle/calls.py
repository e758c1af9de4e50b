"""Call a tensor function of the catalogue and torch's own on the same arguments, and compare."""

import re
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import torch
import torch.nn.functional as F

from netspec.catalogue import FUNCTIONS
from netspec.catalogue.signature import ArgumentErrors
from netspec.dim import value_of
from netspec.misfit import Misfit
from netspec.tensor import DTYPES, DType, Tensor
from tests.oracle.excuses.functions import excuses
from tests.oracle.tally import counted

torch.set_num_threads(1)

Arguments = Mapping[str, Any]

REFUSALS = (
    RuntimeError,
    IndexError,
    TypeError,
    ValueError,
    NotImplementedError,
    AssertionError,
    ZeroDivisionError,
)

# What numbers are named by, as an index is.
CLASSES = (("embedding", "input"), ("one_hot", "input"))

# Functions that take their tensors by position only, or numbers in place of them.
STARRED = ("arange", "einsum", "meshgrid", "where")


@counted("functions")
def agree(name: str, given: Arguments) -> bool:
    """Whether torch takes the call; it must give the type that the catalogue gives, or refuse too.

    Where the catalogue refuses what torch takes, there is an excuse, which holds for no other call.
    """
    mine = answer(name, given)
    case = f"{name}({', '.join(f'{k}={v}' for k, v in given.items())})"
    try:
        theirs = type_of(call(name, given))
    except REFUSALS as error:
        if is_lacking(error):
            return False
        assert isinstance(mine, str), f"{case}: torch says {error}, the catalogue {mine}"
        return False
    reasons = [excuse.reason for excuse in excuses(name, given)]
    if isinstance(mine, str):
        assert reasons or is_unknown(theirs), f"{case}: torch gives {theirs}, refused with {mine}"
        return False
    assert mine == theirs, f"{case}: torch gives {theirs}"
    assert not reasons, f"{case} fits, and would be excused: {reasons}"
    return True


_LACKING = "not implemented for '(Half|BFloat16)'"
_NO_LABELS = "[Tt]arget'?( 1 is)? (is )?out of (bounds|range)|ctc_loss_allocate_outputs"


def is_lacking(error: Exception) -> bool:
    """Whether the CPU lacks what other devices have, or the numbers of these tests are no labels.

    Labels and lengths are ones here, whatever the sizes are that a call has been drawn with.
    """
    return bool(re.search(f"{_LACKING}|{_NO_LABELS}", str(error)))


def answer(name: str, given: Arguments) -> Any:
    """What the catalogue says: the type of the output, or why there is none."""
    try:
        return known(FUNCTIONS[name](**given).apply())
    except (Misfit, ArgumentErrors) as error:
        return str(error)


def call(name: str, given: Arguments, by_position: bool = False) -> Any:
    """What torch makes of the same call, with all by keyword or as much as can be by position."""
    function = FUNCTIONS[name]
    values = {
        key: real(value, "index" if (name, key) in CLASSES else key) for key, value in given.items()
    }
    if function.torch.startswith("torch.Tensor."):
        receiver = values.pop(next(iter(function.fields())))
        callee = getattr(receiver, function.torch.removeprefix("torch.Tensor."))
    else:
        home = F if function.torch.startswith("torch.nn.functional.") else torch
        callee = getattr(home, function.torch.rpartition(".")[2])
    if function.training:
        values["training"] = True
    first: list[Any] = []
    for key in function.positional() if by_position or name in STARRED else ():
        if key in values:
            value = values.pop(key)
            first += value if key == function.variadic and value else [value]
        elif first or function.torch.startswith("torch.Tensor."):
            break
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return callee(*first, **values)


def real(value: Any, argument: str) -> Any:
    """A value of torch for one of the catalogue: ones for a tensor, zeros where it is an index."""
    if isinstance(value, DType):
        return getattr(torch, value)
    if isinstance(value, Tensor):
        make = torch.zeros if argument in ("index", "indices") else torch.ones
        return make(value.shape, dtype=getattr(torch, value.dtype))
    if isinstance(value, tuple):
        return tuple(real(item, argument) for item in value)
    return value


def type_of(output: Any) -> Any:
    """The type of what torch gives."""
    if isinstance(output, torch.Tensor):
        return Tensor(tuple(output.shape), str(output.dtype).removeprefix("torch."))
    return tuple(type_of(item) for item in output)


def known(output: Any) -> Any:
    """A type with its dimensions as plain numbers."""
    if isinstance(output, Tensor):
        return Tensor(tuple(map(value_of, output.shape)), output.dtype)  # type: ignore[arg-type]
    return tuple(known(item) for item in output)


def is_unknown(output: Any) -> bool:
    """Whether no spec has such a tensor: with a size of 0, or of a dtype without a name."""
    if isinstance(output, Tensor):
        return 0 in output.shape or output.dtype not in DTYPES
    return any(is_unknown(item) for item in output)


def grid(*inputs: Arguments, **pools: list[Any]) -> Iterator[dict[str, Any]]:
    """Each of `inputs` with each value of each pool, one pool at a time, then all at once."""
    for given in inputs:
        yield dict(given)
        for key, pool in pools.items():
            for value in pool:
                yield {**given, key: value}
        if len(pools) > 1:
            for values in zip(*(pool[::-1] for pool in pools.values()), strict=False):
                yield {**given, **dict(zip(pools, values, strict=True))}
