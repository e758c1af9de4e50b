"""Examples of layers as a spec writes them: the generated code gives what check says."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import torch

import netspec
from netspec.catalogue import ALIASES, LAYERS, RANK_OPEN
from netspec.catalogue.layer import Example, Layer
from netspec.catalogue.signature import write_value
from netspec.dim import Dim, value_of
from netspec.spec import Spec
from netspec.substitute import substitute, symbols
from netspec.tensor import Tensor, Type
from tests.oracle.calls import real
from tests.oracle.comparison import map_type, type_of
from tests.test_catalogue import read

EXAMPLES = [(name, example) for name in sorted(LAYERS) for example in LAYERS[name].examples]
SIZES: dict[str, Dim] = {"N": 3, "T": 5, "S": 7, "L": 6, "H": 16, "W": 12, "D": 10, "C": 4, "F": 8}


class Case(NamedTuple):
    """A layer, what it is called in a chain, and what flows into it."""

    layer: Layer
    call: str
    inputs: tuple[Type, ...]
    output: Type


def _case(example: Example) -> Case:
    made = read(example.call)
    layer = made() if isinstance(made, type) else made
    return Case(layer, example.call, read(f"({example.input},)"), read(example.output))


def _tensors(types: Type) -> list[Tensor]:
    """The tensors of a type, in order."""
    found: list[Tensor] = []
    map_type(found.append, types)
    return found


def _head(inputs: tuple[Type, ...]) -> str:
    return ", ".join(f"t{number}: {tensor}" for number, tensor in enumerate(_tensors(inputs)))


def _flow(inputs: tuple[Type, ...]) -> str:
    """What stands before the arrow: `t0`, `(t0, (t1, t2))`."""
    numbers = iter(range(len(_tensors(inputs))))

    def write(type_: Type) -> str:
        if isinstance(type_, Tensor):
            return f"t{next(numbers)}"
        return f"({', '.join(map(write, type_))})"

    return write(inputs[0]) if len(inputs) == 1 else write(inputs)


def _by_keyword(layer: Layer) -> str:
    """The call with all that the layer can be told, sizes left out that the input decides."""
    known = {
        name: layer.given.get(name, field.default)
        for name, field in layer.fields().items()
        if not field.inferred and (name in layer.given or not field.required)
    }
    given = [f"{name}={_written(value)}" for name, value in known.items()]
    return f"{type(layer).__name__}({', '.join(given)})"


def _written(value: Any) -> str:
    return _by_keyword(value) if isinstance(value, Layer) else write_value(value)


def _programs(case: Case) -> Iterator[str]:
    """The call in a chain, under all its names, all by keyword, shared, handed on, in loops."""
    head, flow = _head(case.inputs), _flow(case.inputs)
    title = type(case.layer).__name__
    names = [alias for alias, name in ALIASES.items() if name == title]
    rank = next(tensor.rank for tensor in _tensors(case.inputs))
    names += [
        name
        for name, ranks in RANK_OPEN.items()
        if name not in ALIASES and ranks.get(rank - 2) == title
    ]
    for name in names:
        yield f"net A()({head}) {{\n    return {flow} -> {case.call.replace(title, name, 1)}\n}}\n"
    yield f"net A()({head}) {{\n    return {flow} -> {_by_keyword(case.layer)}\n}}\n"
    yield f"net A()({head}) {{\n    layer own = {case.call}\n    return {flow} -> own\n}}\n"
    if case.inputs == (case.output,):
        yield f"net A()({head}) {{\n    return t0 -> repeat(2) {case.call}\n}}\n"
        loop = f"for i in range(2) {{ t0 = t0 -> {case.call} }}"
        yield f"net A()({head}) {{\n    {loop}\n    return t0\n}}\n"
    yield (
        f"block B(body: block)({head}) {{\n    return {flow} -> body\n}}\n"
        f"net A()({head}) {{\n    return {_all(case.inputs)} -> B({case.call})\n}}\n"
    )


def _all(inputs: tuple[Type, ...]) -> str:
    names = [f"t{number}" for number in range(len(_tensors(inputs)))]
    return names[0] if len(names) == 1 else f"({', '.join(names)})"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=lambda item: getattr(item, "call", ""))
def test_an_example_in_a_spec_runs(name: str, example: Example) -> None:
    case = _case(example)
    for text in _programs(case):
        _run(netspec.loads(text), case, text)


def _run(spec: Spec, case: Case, text: str) -> None:
    """Build and run a spec, in training and in evaluation; hold what comes out against check."""
    torch.manual_seed(0)
    net, model = spec.net(), spec.build(device="cpu")
    names = [name for name, _ in model.named_parameters()]
    assert names == list(net.parameter_shapes()), text
    assert sum(p.numel() for p in model.parameters()) == value_of(net.parameter_count()), text
    inputs = [_sized(tensor) for tensor in _tensors(case.inputs)]
    for training in (True, False):
        output = model.train(training)(*map(_filled, inputs))
        wanted = [_sized(port.type) for port in net.outputs]
        assert _tensors(type_of(output)) == wanted, f"{text}\n{spec.source}"


def _filled(tensor: Tensor) -> torch.Tensor:
    """Ones; zeros where they are indices."""
    made: torch.Tensor = real(tensor, "index" if tensor.dtype == "int64" else "")
    return made


def _sized(tensor: Tensor) -> Tensor:
    """A tensor of numbers, in place of the names of sizes."""
    missing = {name for dim in tensor.shape for name in symbols(dim)} - set(SIZES)
    assert not missing
    sizes = tuple(value_of(substitute(dim, SIZES)) for dim in tensor.shape)
    return Tensor(tuple(size for size in sizes if size is not None), tensor.dtype)
