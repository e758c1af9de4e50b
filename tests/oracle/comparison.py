"""One call of a layer held against the same call of torch's module."""

import typing
import warnings
from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any, NamedTuple

import torch
from torch import nn

from netspec.catalogue.layer import Layer, Misfit
from netspec.catalogue.loss_layers import LossLayer
from netspec.catalogue.signature import ArgumentErrors
from netspec.dim import Dim, symbol, value_of
from netspec.substitute import substitute
from netspec.tensor import Tensor, Type
from tests.oracle.calls import is_lacking
from tests.oracle.excuses import Excuse
from tests.oracle.tally import counted

torch.set_num_threads(1)

RAISED = (
    RuntimeError,
    ValueError,
    TypeError,
    IndexError,
    NotImplementedError,
    AssertionError,
    AttributeError,
    ZeroDivisionError,
    OverflowError,
)


class Call(NamedTuple):
    """A layer's arguments and what flows into it, by position and by name."""

    arguments: dict[str, Any]
    inputs: tuple[Type, ...]
    named: Mapping[str, Type] = {}

    def map(self, change: Callable[[Tensor], Tensor]) -> "Call":
        inputs = tuple(map_type(change, item) for item in self.inputs)
        return Call(
            self.arguments, inputs, {name: map_type(change, t) for name, t in self.named.items()}
        )


def map_type(change: Callable[[Tensor], Any], type_: Any) -> Any:
    if isinstance(type_, Tensor):
        return change(type_)
    return tuple(map_type(change, part) for part in type_)


def ours(layer: type[Layer], call: Call) -> tuple[Layer, Any] | str:
    """The layer and its output, or why there is none."""
    try:
        made = layer(**call.arguments)
        return made, made.apply(*call.inputs, **call.named)
    except ArgumentErrors as errors:
        return str(errors)
    except Misfit as misfit:
        return misfit.message


def inferred(layer: type[Layer], inputs: tuple[Any, ...]) -> dict[str, Any]:
    """What torch's class wants to be told about the inputs, worked out here again."""
    ndim = layer.ndim or 0
    channels = 1 if layer.__name__.startswith(("Batch", "Sync", "Group")) else -ndim - 1
    places = {
        "in_features": (0, -1),
        "in1_features": (0, -1),
        "in2_features": (1, -1),
        "normalized_shape": (0, -1),
        "input_size": (0, -1),
        "embed_dim": (0, -1),
        "kdim": (1, -1),
        "vdim": (2, -1),
        "d_model": (0, -1),
        "in_channels": (0, -ndim - 1),
        "num_features": (0, channels),
        "num_channels": (0, 1),
    }
    values: dict[str, Any] = {}
    for field in layer.fields().values():
        if field.inferred:
            number, axis = places[field.name]
            shape = inputs[number].shape if number < len(inputs) else ()
            values[field.name] = shape[axis] if -len(shape) <= axis < len(shape) else 1
    return values


def module_of(layer: type[Layer], call: Call) -> nn.Module:
    """Torch's module for a call; the layers among its arguments are made for the same inputs."""
    known = {**inferred(layer, call.inputs), **call.arguments}
    for name, value in known.items():
        if isinstance(value, Layer):
            known[name] = module_of(type(value), Call(value.given, call.inputs))
    for name, field in layer.fields().items():
        if field.numbers and known.get(name) is not None:
            known[name] = torch.tensor(known[name], dtype=torch.float32)
    module: nn.Module = getattr(nn, layer.__name__)(**known)
    return module


def theirs(layer: type[Layer], call: Call, device: str) -> Any:
    """Torch's module and output, or the exception."""
    fill = 1 if issubclass(layer, LossLayer) else 0  # ones are lengths and signs, too

    def make(x: Tensor) -> torch.Tensor:
        return torch.full(x.shape, fill, dtype=getattr(torch, x.dtype), device=device)

    if _crashes(layer, call):
        return RuntimeError("torch would end the process")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            module = module_of(layer, call).to(device)
            real = call.map(make)
            return module, module(*real.inputs, **real.named)
        except RAISED as error:
            return error


def _crashes(layer: type[Layer], call: Call) -> bool:
    """Whether torch reads beyond a tensor: the maximum of no bags is a segmentation fault."""
    ends = call.arguments.get("include_last_offset", False) and call.named.get("offsets")
    return layer.__name__ == "EmbeddingBag" and isinstance(ends, Tensor) and ends.shape == (1,)


def type_of(output: Any) -> Any:
    """The type of what torch gives, in our terms."""
    if isinstance(output, torch.Tensor):
        return Tensor(tuple(output.shape), str(output.dtype).removeprefix("torch."))
    return tuple(type_of(part) for part in output)


def known(type_: Any) -> Any:
    """A type with the numbers of its dimensions."""
    return map_type(lambda x: Tensor(tuple(map(value_of, x.shape)), x.dtype), type_)


@counted("layers")
def compare(
    layer: type[Layer], call: Call, excuses: Callable[[type[Layer], Call, Any], list[Excuse]]
) -> bool:
    """Whether the call fits, after holding everything about it against torch.

    `excuses` has the reasons for which the catalogue refuses what torch makes its output of, and
    none where the call fits.
    """
    case = f"{layer.__name__}: {call}"
    mine, real = ours(layer, call), theirs(layer, call, "cpu")
    if isinstance(real, Exception):
        if is_lacking(real):
            return False
        assert isinstance(mine, str), f"{case}: torch says {real}, the catalogue {mine[1]}"
        return False
    module, output = real
    if isinstance(mine, str):
        assert excuses(layer, call, output), f"{case}: torch takes it, refused with {mine}"
        return False
    made, result = mine
    assert known(result) == type_of(output), case
    reasons = [excuse.reason for excuse in excuses(layer, call, output)]
    assert not reasons, f"{case} fits, and would be excused: {reasons}"
    weights = {name: tuple(tensor.shape) for name, tensor in module.named_parameters()}
    assert {k: tuple(map(value_of, s)) for k, s in made.parameters().items()} == weights, case
    buffers = {name: tuple(tensor.shape) for name, tensor in module.named_buffers()}
    assert {k: tuple(map(value_of, s)) for k, s in made.buffers().items()} == buffers, case
    _compare_inside(made, module, case)
    assert made.stateless == (not module.state_dict()) or not made.stateless, case
    return True


def _compare_inside(made: Layer, module: nn.Module, case: str) -> None:
    """Whether what rules select inside is what torch has there."""
    real = dict(module.named_modules())
    inside = made.inside()
    for name, kind in inside.items():
        assert isinstance(real[name], getattr(nn, kind)), (case, name)
    own = {
        name for name, part in real.items() if name and any(part.named_parameters(recurse=False))
    }
    assert own <= set(inside), case


def compare_symbolic(layer: type[Layer], call: Call) -> None:
    """The same call with names for its numbers comes to the same numbers."""

    def name(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(name, value))
        return symbol(f"a{value}", value) if type(value) is int else value

    symbolic = call.map(
        lambda x: Tensor(tuple(symbol(f"d{size}", value_of(size)) for size in x.shape), x.dtype)
    )
    symbolic = symbolic._replace(arguments={k: name(v) for k, v in call.arguments.items()})
    plain, result = ours(layer, call), ours(layer, symbolic)
    if isinstance(plain, str) or isinstance(result, str):
        if "cannot be written as a formula" in str(result):
            return
        assert isinstance(plain, str) == isinstance(result, str), (call, plain, result)
        return
    assert known(result[1]) == known(plain[1]), call
    shapes = dict(result[0].parameters()) | dict(result[0].buffers())
    numbers = {name: tuple(map(value_of, shape)) for name, shape in shapes.items()}
    assert numbers == dict(plain[0].parameters()) | dict(plain[0].buffers()), call


def compare_free(layer: type[Layer], call: Call, free: Mapping[int, str]) -> None:
    """A call that fits still fits where data brings some sizes, and gives the same formulas."""
    plain = ours(layer, call)
    if isinstance(plain, str):
        return
    sizes: dict[int, Dim] = {size: symbol(name) for size, name in free.items()}
    opened = call.map(lambda x: Tensor(tuple(sizes.get(s, s) for s in x.shape), x.dtype))
    result = ours(layer, opened)
    assert not isinstance(result, str), (call, result)
    values: dict[str, Dim] = {name: size for size, name in free.items()}
    closed = map_type(
        lambda x: Tensor(tuple(substitute(s, values) for s in x.shape), x.dtype), result[1]
    )
    assert known(closed) == known(plain[1]), call


def spoil(call: Call, draw: Random) -> Call:
    """The call with one tensor of another size, rank or dtype, or with one input too few."""
    tensors: list[Tensor] = []
    call.map(lambda x: tensors.append(x) or x)  # type: ignore[func-returns-value]
    chosen = draw.randrange(len(tensors))
    how = draw.choice(["size", "size", "more", "fewer", "dtype", "drop"])
    if how == "drop":
        return call._replace(inputs=call.inputs[:-1])
    seen = iter(range(len(tensors)))

    def change(x: Tensor) -> Tensor:
        if next(seen) != chosen:
            return x
        if how == "dtype":
            return Tensor(x.shape, draw.choice(["float64", "int64", "bool", "float32"]))
        if how == "more" or not x.shape:
            return Tensor((2, *x.shape), x.dtype)
        if how == "fewer":
            return Tensor(x.shape[1:], x.dtype)
        axis = draw.randrange(len(x.shape))
        size = draw.choice([1, x.shape[axis] + 1, x.shape[axis] * 2])
        return Tensor((*x.shape[:axis], size, *x.shape[axis + 1 :]), x.dtype)

    return call.map(change)


def _single(x: Tensor) -> Tensor:
    return Tensor(tuple(1 if size == 3 else size for size in x.shape), x.dtype)


def constructor(name: str) -> Mapping[str, Any]:
    """The parameters of torch's class by name, from the overload that says them all."""
    import inspect

    init = getattr(nn, name).__init__
    overloads = typing.get_overloads(init)
    chosen = overloads[0] if overloads else init
    return inspect.signature(chosen).parameters


def calls(make: Callable[[Random], Call], seed: str, count: int) -> Iterator[tuple[Call, bool]]:
    """Calls that should fit, each followed by a spoilt one, and one with a batch of one."""
    draw = Random(seed)
    for _ in range(count):
        call = make(draw)
        yield call, True
        yield spoil(call, draw), False
        yield call.map(_single), False
