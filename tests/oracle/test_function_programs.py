"""Calls of tensor functions as a spec writes them: the generated code gives what check says."""

from typing import Any, NamedTuple

import pytest

import netspec
from netspec.catalogue import FUNCTIONS
from netspec.catalogue.signature import write_value
from netspec.tensor import Tensor
from tests.oracle.calls import REFUSALS, answer, call, real, type_of
from tests.oracle.cases import CASES

CALLS = 5  # a function, of different kinds of arguments


class Program(NamedTuple):
    """A net of one call, and what flows into it: each tensor, with the argument that it is for."""

    text: str
    inputs: list[tuple[Tensor, str]]


def test_dtypes_are_arguments_by_name() -> None:
    text = """net L()(x: float32[N, 4]) {
        m = zeros(N, 4, dtype=int64)
        y = x -> to(float64)
        z = x -> flip(1) -> neg
        return y + m + z
    }"""
    output = netspec.loads(text).build()(real(Tensor((2, 4)), "x"))
    assert type_of(output) == Tensor((2, 4), "float64")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_call_in_a_spec_runs(name: str) -> None:
    tried = 0
    for given in _different(name):
        expected = answer(name, given)
        for program in _programs(name, given):
            spec = netspec.loads(program.text)
            model = spec.build(device="cpu").train(FUNCTIONS[name].training)
            output = model(*[real(value, argument) for value, argument in program.inputs])
            assert type_of(output) == expected, f"{program.text}\n{spec.source}"
            tried += 1
    assert tried >= 2


def _different(name: str) -> list[dict[str, Any]]:
    """A few calls that check and torch take, no two with the same kinds of arguments."""
    found: dict[object, dict[str, Any]] = {}
    for given in CASES[name]:
        kinds = tuple(
            (k, type(v), v if isinstance(v, bool | str) else "") for k, v in given.items()
        )
        if len(found) < CALLS and kinds not in found and not isinstance(answer(name, given), str):
            try:
                call(name, given)
            except REFUSALS:
                continue
            found[kinds] = dict(given)
    return list(found.values())


def _programs(name: str, given: dict[str, Any]) -> list[Program]:
    """The call with its tensors by position, all by keyword, and in a chain."""
    inputs: list[tuple[Tensor, str]] = []
    written = {key: _write(value, key, inputs) for key, value in given.items()}
    if not inputs:
        inputs = [(Tensor((2, 3)), "x")]
    leading = _leading_tensors(name, given)
    rest = [f"{key}={text}" for key, text in written.items() if key not in leading]
    places = [written[key] for key in leading]
    every = [f"{key}={text}" for key, text in written.items()]
    lines = [f"{name}({', '.join([*places, *rest])})", f"{name}({', '.join(every)})"]
    if len(leading) > 1:
        lines.append(f"({', '.join(places)}) -> {name}({', '.join(rest)})")
    elif leading:
        lines.append(f"{places[0]} -> {name}({', '.join(rest)})")
    head = ", ".join(f"t{number}: {type}" for number, (type, _) in enumerate(inputs))
    return [Program(f"net A()({head}) {{\n    return {line}\n}}\n", inputs) for line in lines]


def _leading_tensors(name: str, given: dict[str, Any]) -> list[str]:
    leading: list[str] = []
    for key in FUNCTIONS[name].positional():
        value = given.get(key)
        several = isinstance(value, tuple) and any(isinstance(item, Tensor) for item in value)
        if not isinstance(value, Tensor) and not several:
            break
        leading.append(key)
    return leading


def _write(value: Any, argument: str, inputs: list[tuple[Tensor, str]]) -> str:
    if isinstance(value, Tensor):
        inputs.append((value, argument))
        return f"t{len(inputs) - 1}"
    if isinstance(value, tuple) and any(isinstance(item, Tensor) for item in value):
        parts = [_write(item, argument, inputs) for item in value]
        return f"({parts[0]},)" if len(parts) == 1 else f"({', '.join(parts)})"
    return write_value(value)
