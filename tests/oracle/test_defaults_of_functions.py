"""PyTorch is asked for the defaults of each function: by its signature, or by its schemas."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from netspec.catalogue import FUNCTIONS
from netspec.catalogue.signature import MISSING

_CORRECTION = "torch's None stands for 1"
_EMPTY = "torch's None is an empty tuple here"
_INT64 = "None stands for int64"

# Arguments with another default than torch's, and why.
OTHER_DEFAULTS: Mapping[tuple[str, str], str] = {
    ("cross", "dim"): "torch looks for a dimension of size 3, which may be the wrong one",
    ("meshgrid", "indexing"): "torch warns that its default will be another one",
    ("nan_to_num", "nan"): "torch's None stands for 0.0",
    ("one_hot", "num_classes"): "torch counts the classes in the data, so the shape is not known",
    ("randint", "dtype"): _INT64,
    ("randperm", "dtype"): _INT64,
    ("roll", "dims"): _EMPTY,
    ("round", "decimals"): "two functions of torch, one of which rounds to 0 decimals",
    ("softmin", "dim"): "torch guesses, with a warning that this will end",
    ("squeeze", "dim"): _EMPTY,
    **{(name, "correction"): _CORRECTION for name in ("std", "std_mean", "var", "var_mean")},
}

# What torch takes as *args.
STARRED = (("arange", "bounds"), ("einsum", "equation"), ("einsum", "operands"))

ARGUMENTS = [
    (name, field.name)
    for name, function in sorted(FUNCTIONS.items())
    for field in function.fields().values()
    if (name, field.name) not in STARRED
]


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_function_has_torchs_defaults(name: str) -> None:
    for _, argument in (pair for pair in ARGUMENTS if pair[0] == name):
        if (name, argument) not in OTHER_DEFAULTS:
            assert _agrees(name, argument), (argument, _theirs(name, argument))


@pytest.mark.parametrize(("name", "argument"), OTHER_DEFAULTS)
def test_another_default_is_another(name: str, argument: str) -> None:
    assert not _agrees(name, argument)


def _agrees(name: str, argument: str) -> bool:
    mine = FUNCTIONS[name].fields()[argument].default
    return any(
        mine is default or (mine == default and isinstance(mine, bool) == isinstance(default, bool))
        for default in _theirs(name, argument)
    )


def _theirs(name: str, argument: str) -> list[Any]:
    """What torch takes where the argument is left out; MISSING where it cannot be.

    None where there is a way to call the function that has no such argument.
    """
    ways = _signatures(name)
    found = [way[argument] for way in ways if argument in way]
    assert found, f"torch's {name} has no {argument}"
    return [*found, None] if len(found) < len(ways) else found


def _signatures(name: str) -> list[dict[str, Any]]:
    """The arguments of torch's function with their defaults, once for each way to call it."""
    callee = _callee(name)
    try:
        parameters = inspect.signature(callee).parameters
    except ValueError:  # a builtin
        schemas = torch._C._jit_get_schemas_for_operator(f"aten::{callee.__name__}")
        return [
            {_renamed(item.name): _default_of(item) for item in schema.arguments}
            for schema in schemas
            if not any(item.is_out for item in schema.arguments)
        ] or [{"input": MISSING}]  # `x.float()`, written in C++ without a schema
    return [
        {
            _renamed(key): MISSING if item.default is item.empty else item.default
            for key, item in parameters.items()
        }
    ]


def _callee(name: str) -> Callable[..., Any]:
    home, _, title = FUNCTIONS[name].torch.rpartition(".")
    space = {"torch": torch, "torch.Tensor": torch.Tensor}.get(home, F)
    # what returns indices or not is two functions, behind one of (*args, **kwargs)
    callee: Callable[..., Any] = getattr(F, f"{title}_with_indices", getattr(space, title))
    return callee


def _renamed(argument: str) -> str:
    return "input" if argument == "self" else argument


def _default_of(argument: Any) -> Any:
    """The default of a schema's argument: one number for a list of equal ones, None for none."""
    if not argument.has_default_value():
        return MISSING
    value = argument.default_value
    if isinstance(value, list):
        return None if not value else value[0] if len(set(value)) == 1 else tuple(value)
    return value
