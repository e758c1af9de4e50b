"""torch's Lazy classes: every layer of a spec is lazy, and whoever names one is told so."""

import pytest

import netspec
from netspec.catalogue import LAZY


def error_of(text: str) -> netspec.Diagnostic:
    """The only thing that is wrong with a spec."""
    with pytest.raises(netspec.SpecError) as caught:
        netspec.loads(text)
    (found,) = caught.value.diagnostics
    return found


POSITIONS = [
    "net A()(x: {shape}) {{ return x -> {call} }}",
    "net A()(x: {shape}) {{ return x -> part: ({call} -> ReLU) }}",
    "net A()(x: {shape}) {{ return x -> repeat(2) {call} }}",
    "net A()(x: {shape}) {{\n    layer y = {call}\n    return x -> y\n}}",
    "net A()(x: {shape}) {{\n    y = {call}\n    return y\n}}",
    "net A()(x: {shape}) {{\n    y = {call}(x)\n    return y\n}}",
    "block B(body: block)(x) {{ return x -> body }}\n"
    "net A()(x: {shape}) {{ return x -> B({call}) }}",
    "block B(body: block)(x) {{ return x -> body }}\n"
    "net A()(x: {shape}) {{ return x -> B(ReLU -> {call}) }}",
    "block B(body: block = {call})(x) {{ return x -> body }}\n"
    "net A()(x: {shape}) {{ return x -> B(ReLU) }}",
]
SELECTORS = [
    "init {name} with (weight=zeros)\nnet A()(x: {shape}) {{ return x -> ReLU }}",
    "net A()(x: {shape}) {{\n    init {name} with (weight=zeros)\n    return x -> ReLU\n}}",
    "net A()(x: {shape}) {{\n    freeze {name}\n    return x -> ReLU\n}}",
]


@pytest.mark.parametrize("name", LAZY)
def test_a_lazy_class_is_answered_with_what_to_write(name: str) -> None:
    arguments = {"Linear": "10", "Conv1d": "8, 3", "Conv2d": "8, 3", "Conv3d": "8, 3"}
    given = arguments.get(LAZY[name].replace("Transpose", ""), "")
    call = f"{name}({given})" if given else name
    rank = int(name[-2]) if name[-1] == "d" else 0
    shape = f"[N, {', '.join(['8'] * (rank + 1))}]"
    for text in POSITIONS:
        text = text.replace("{call}(x)", "{call}(x)" if given else "{call}()(x)")
        found = error_of(text.format(call=call, shape=shape))
        assert found.message.startswith(f"`{name}` is `{LAZY[name]}` here"), text
        assert f"write `{call.removeprefix('Lazy')}" in found.help, text
    for text in SELECTORS:
        found = error_of(text.format(name=name, shape=shape))
        assert found.help == f"write `{LAZY[name]}`", text
