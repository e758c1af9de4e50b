"""Try what is written in Python on the meta device, and hold it against what is said of it."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from netspec.catalogue.registry import is_own
from netspec.catalogue.signature import write_value
from netspec.diagnostic import Diagnostics, SpecError
from netspec.dim import Dim, value_of
from netspec.graph import Application, BuiltLayer, ExternUse, Net, steps_in
from netspec.source import Span
from netspec.substitute import substitute
from netspec.tensor import Tensor, Type, write_shape, write_type

_BATCH = 2


def probe(model: nn.Module, net: Net) -> None:
    """Try each extern and registered layer once with what flows into it, on a copy without data.

    A module that raises on the meta device proves nothing: it may look at its numbers. The
    parameters and buffers of a registered layer must be those that its description names.

    Raises:
        SpecError: where one is not what its signature or its description says.
    """
    tried: set[str] = set()
    for step, _, _ in steps_in(net.steps):
        if isinstance(step, ExternUse):
            key = f"{step.source.name} {step.extern.span} {step.values} {step.inputs}"
            if key not in tried:
                tried.add(key)
                _try(model.get_submodule(step.name), step, net)
        elif isinstance(step, Application) and is_own(type(step.layer)):
            built = net.layers[step.name]
            key = f"{type(step.layer).__name__} {vars(step.layer)} {step.inputs}"
            if key not in tried:
                tried.add(key)
                module = model.get_submodule(step.name)
                _hold_state(module, built)
                _try_layer(module, step, built, net)


def _try(module: nn.Module, step: ExternUse, net: Net) -> None:
    for sizes in _samples(net):
        inputs = [_sized(kind, sizes) for kind in step.inputs]
        wanted = _sized(step.output, sizes)
        if wanted is None or None in inputs:
            continue
        given = _outputs(module, inputs, {})
        if given is not None:
            _compare(step, inputs, wanted, given)
            return


def _try_layer(module: nn.Module, step: Application, built: BuiltLayer, net: Net) -> None:
    names = (*step.layer.takes, *step.layer.may_take)
    kinds = {n: kind for n, kind in zip(names, step.inputs, strict=True) if kind is not None}
    for sizes in _samples(net):
        inputs = {name: _sized(kind, sizes) for name, kind in kinds.items()}
        wanted = _sized(step.output, sizes)
        if wanted is None or None in inputs.values():
            continue
        placed = [inputs.pop(name) for name in step.layer.takes]
        given = _outputs(module, placed, inputs)
        if given is not None:
            if _kind(given) != wanted:
                shown = [f"{name}: {write_type(kind)}" for name, kind in inputs.items()]
                _differs(
                    built,
                    f"gives {_write(_kind(given))}, its layer says {_write(wanted)}",
                    f"tried with {', '.join([*map(write_type, placed), *shown])}",
                )
            return


def _hold_state(module: nn.Module, built: BuiltLayer) -> None:
    """Hold the names and shapes of parameters and buffers against the layer's."""
    parameters = dict(module.named_parameters(remove_duplicate=False))
    state = {k: v for k, v in module.state_dict().items() if isinstance(v, torch.Tensor)}
    buffers = {name: tensor for name, tensor in state.items() if name not in parameters}
    kinds = (
        ("parameter", parameters, built.parameters),
        ("buffer", buffers, built.layer.buffers()),
    )
    for kind, there, said in kinds:
        for name in dict.fromkeys([*said, *there]):
            real = list(there[name].shape) if name in there else None
            described = [value_of(dim) for dim in said[name]] if name in said else None
            if real is None:
                _differs(built, f"has no {kind} `{name}`, its layer says {described}")
            elif described is None:
                _differs(built, f"has a {kind} `{name}` of shape {real}, its layer has none")
            elif real != described:
                _differs(
                    built, f"has a {kind} `{name}` of shape {real}, its layer says {described}"
                )


def _differs(built: BuiltLayer, how: str, note: str = "") -> None:
    """Say in what the class of a registered layer is not what the layer says."""
    title = type(built.layer).__name__
    arguments = ", ".join(
        f"{name}={write_value(getattr(built.layer, name))}" for name in built.layer.fields()
    )
    found = Diagnostics(built.source)
    found.add(
        "layer-differs",
        f"`{built.layer.torch}` {how}",
        built.callee.span,
        label=f"the layer `{title}` stands for it",
        notes=(f"`{built.name}` is {title}({arguments}){f', {note}' if note else ''}",),
        help=f"correct the layer in `{type(built.layer).__module__}`, or the class that it "
        "stands for",
    )
    raise SpecError(found.in_order())


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


def _outputs(module: nn.Module, inputs: list[Any], named: Mapping[str, Any]) -> Any:
    """What comes out of a copy of a module on the meta device; None where it raises there."""
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            named = {name: _tensor(kind) for name, kind in named.items()}
            return _without_data(module)(*map(_tensor, inputs), **named)
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
