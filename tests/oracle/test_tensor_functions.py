"""PyTorch is the oracle for tensor functions: names, shapes, dtypes, and what does not fit."""

import pytest

from netspec.catalogue import FUNCTIONS
from tests.oracle.calls import agree, answer, call
from tests.oracle.cases import CASES


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_function_agrees_with_torch(name: str) -> None:
    taken = [agree(name, given) for given in CASES[name]]
    assert any(taken), "no call fits"


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_positional_arguments_stand_in_torchs_order(name: str) -> None:
    fitting = [given for given in CASES[name] if isinstance(answer(name, given), tuple)]
    for given in sorted(fitting, key=len, reverse=True)[:20]:
        if agree(name, given):
            call(name, given, by_position=True)
