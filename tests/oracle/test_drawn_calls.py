"""PyTorch is the oracle for calls that Hypothesis draws: `--oracle-examples 2000` draws many."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy

from netspec.catalogue import FUNCTIONS, LAYERS
from tests.oracle import test_losses, test_sequences, test_several_inputs
from tests.oracle.calls import agree
from tests.oracle.comparison import compare
from tests.oracle.drawing import function_calls, layer_calls
from tests.oracle.excuses.layers import excuses

MAKERS = {**test_several_inputs.MAKERS, **test_sequences.MAKERS, **test_losses.MAKERS}


@pytest.fixture
def examples(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--oracle-examples"))


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_a_drawn_call_of_a_layer_agrees_with_torch(name: str, examples: int) -> None:
    _try(
        layer_calls(name, MAKERS),
        lambda call: compare(LAYERS[name], call, excuses),
        examples,
    )


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_drawn_call_of_a_function_agrees_with_torch(name: str, examples: int) -> None:
    _try(function_calls(name), lambda given: agree(name, given), examples)


def _try(calls: SearchStrategy[Any], check: Callable[[Any], bool], examples: int) -> None:
    """The same calls in each run: a failure is met again."""
    taken: list[bool] = []

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(calls)
    def run(call: Any) -> None:
        taken.append(check(call))

    run()
    assert any(taken), "no call fits"
