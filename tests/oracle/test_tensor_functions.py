"""PyTorch is the oracle for tensor functions: names, shapes, dtypes, and what does not fit."""

import inspect
from typing import Any

import pytest
import torch.nn.functional as F

from netspec.catalogue import FUNCTIONS
from netspec.catalogue.signature import MISSING
from tests.oracle.calls import agree, answer, call
from tests.oracle.cases import CASES, STRICTER


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_function_agrees_with_torch(name: str) -> None:
    taken = [agree(name, given, name in STRICTER) for given in CASES[name]]
    assert any(taken), "no call fits"


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_positional_arguments_stand_in_torchs_order(name: str) -> None:
    fitting = [given for given in CASES[name] if isinstance(answer(name, given), tuple)]
    for given in sorted(fitting, key=len, reverse=True)[:20]:
        if agree(name, given):
            call(name, given, by_position=True)


def _parameters(name: str) -> dict[str, inspect.Parameter]:
    """Those of torch's function, where it is written in Python and can be asked."""
    function: Any = getattr(F, name, None)
    return dict(inspect.signature(function).parameters) if inspect.isfunction(function) else {}


@pytest.mark.parametrize("name", [n for n in sorted(FUNCTIONS) if "input" in _parameters(n)])
def test_a_function_has_torchs_defaults(name: str) -> None:
    fields = FUNCTIONS[name].fields()
    for key, parameter in _parameters(name).items():
        if key in fields:
            default = MISSING if parameter.default is inspect.Parameter.empty else parameter.default
            assert fields[key].default == default or name in _OTHER_DEFAULTS, key


# `dim` may be left out in torch, which then warns and guesses.
_OTHER_DEFAULTS = ("softmax", "softmin", "log_softmax")
