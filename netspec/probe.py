"""Try what is written in Python on the meta device, and hold its outputs against its signature."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from netspec.catalogue.signature import write_value
from netspec.diagnostic import Diagnostics, SpecError
from netspec.dim import Dim, substitute, value_of
from netspec.graph import ExternUse, Net, steps_in
from netspec.source import Span
from netspec.tensor import Tensor, Type, write_shape, write_type

_BATCH = 2


def probe(model: nn.Module, net: Net) -> None:
    """Try each extern of a net once with what flows into it, on a copy without data.

    A module that raises on the meta device proves nothing: it may look at its numbers.

    Raises:
        SpecError: where a declared output is not what comes out.
    """
    tried: set[str] = set()
    for step, _, _ in steps_in(net.steps):
        if isinstance(step, ExternUse):
            key = f"{step.source.name} {step.extern.span} {step.values} {step.inputs}"
            if key not in tried:
                tried.add(key)
                _try(model.get_submodule(step.name), step, net)


def _try(module: nn.Module, step: ExternUse, net: Net) -> None:
    for sizes in _samples(net):
        inputs = [_sized(kind, sizes) for kind in step.inputs]
        wanted = _sized(step.output, sizes)
        if wanted is None or None in inputs:
            continue
        given = _outputs(module, inputs)
        if given is not None:
            _compare(step, inputs, wanted, given)
            return


def _samples(net: Net) -> list[dict[str, Dim]]:
    """Numbers for the sizes that only data decides: first all different, then all the same."""
    free = [name for name, (_, axis) in net.sizes.items() if axis > 0]
    batch: dict[str, Dim] = dict.fromkeys(net.sizes, _BATCH)
    return [
        batch | {name: 64 * number for number, name in enumerate(free, 1)},
        batch | dict.fromkeys(free, 64),
    ]


def _sized(kind: Type, sizes: Mapping[str, Dim]) -> Any:
    """A type with numbers for its sizes; None where they do not come out even."""
    if not isinstance(kind, Tensor):
        parts = tuple(_sized(part, sizes) for part in kind)
        return None if None in parts else parts
    shape = tuple(value_of(substitute(dim, sizes)) for dim in kind.shape)
    if any(size is None or size < 1 for size in shape):
        return None
    return Tensor(tuple(size for size in shape if size is not None), kind.dtype)


def _outputs(module: nn.Module, inputs: list[Any]) -> Any:
    """What comes out of a copy of a module on the meta device; None where it raises there."""
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            return _without_data(module)(*map(_tensor, inputs))
    except Exception:
        return None


def _without_data(module: nn.Module) -> nn.Module:
    """A copy of a module whose parameters and buffers have shapes only."""
    memo: dict[int, Any] = {}
    for tensor in (*module.parameters(), *module.buffers()):
        empty = torch.empty_like(tensor, device="meta")
        is_parameter = isinstance(tensor, nn.Parameter)
        memo[id(tensor)] = nn.Parameter(empty, tensor.requires_grad) if is_parameter else empty
    return copy.deepcopy(module, memo)


def _tensor(kind: Any) -> Any:
    if not isinstance(kind, Tensor):
        return tuple(map(_tensor, kind))
    shape = [value_of(dim) or 0 for dim in kind.shape]
    return torch.empty(shape, dtype=getattr(torch, kind.dtype), device="meta")


def _kind(value: Any) -> Any:
    """The type of what came out; what is no tensor, by the name of its class."""
    if isinstance(value, torch.Tensor):
        return Tensor(tuple(value.shape), str(value.dtype).removeprefix("torch."))
    if isinstance(value, tuple | list):
        return tuple(map(_kind, value))
    return type(value).__name__


def _compare(step: ExternUse, inputs: list[Any], wanted: Type, given: Any) -> None:
    found = _kind(given)
    if found == wanted:
        return
    extern = step.extern
    title = extern.name.id
    shown = ", ".join(
        f"{item.name.id}: {write_type(kind)}"
        for item, kind in zip(extern.inputs, inputs, strict=True)
    )
    arguments = ", ".join(f"{name}={write_value(value)}" for name, value in step.values.items())
    diagnostics = Diagnostics(step.source)
    first, last = extern.outputs[0].type.span, extern.outputs[-1].type.span
    diagnostics.add(
        "wrong-extern",
        f"`{title}` is declared to give {_write(wanted)}, but gives {_write(found)}",
        Span(first.start, last.end),
        label="not what comes out",
        notes=(f"`{step.name}` is {title}({arguments}), tried with {shown}",),
        help=f"correct the signature here, or the class in `{extern.module.value}`",
    )
    raise SpecError(diagnostics.in_order())


def _write(kind: Any) -> str:
    """A type in words: the shape alone where it is the usual dtype."""
    if isinstance(kind, Tensor):
        return write_shape(kind.shape) if kind.dtype == "float32" else str(kind)
    if isinstance(kind, str):
        return f"a {kind}"
    return f"({', '.join(map(_write, kind))})"
