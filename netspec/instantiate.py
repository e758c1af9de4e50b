"""Turn rendered source into modules of this process: what runs is what is read."""

import hashlib
import linecache
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch import nn

from netspec.guard import verify


class Origin(NamedTuple):
    """What a built model was made from: enough to make its class again in another process."""

    source: str
    name: str
    class_name: str


def build_module(origin: Origin, arguments: Mapping[str, Any], device: str) -> nn.Module:
    """An instance of the generated class on `device`, its weights drawn from torch's generator.

    Weights are drawn on the CPU and then moved, so that one seed gives one net wherever it lives;
    on "meta" nothing is drawn.

    Raises:
        RuntimeError: where torch does not have the device.
    """
    cls = load_class(origin)
    target = pick_device(device)
    if target.type == "meta":
        with target:
            return cls(**arguments)
    return cls(**arguments).to(target)


def build_in_parts(origin: Origin, arguments: Mapping[str, Any], device: str) -> nn.Module:
    """The same for a class that has parts on devices of their own: `device` is that of the rest.

    Nothing is moved, since that would move the parts, too: weights are drawn where they live.

    Raises:
        RuntimeError: where torch does not have one of the devices.
    """
    with pick_device(device):
        return load_class(origin)(**arguments)


def pick_device(name: str) -> torch.device:
    """The device that a spec's `device` means here: "auto" is the accelerator, else the CPU."""
    if name != "auto":
        return torch.device(name)
    if torch.accelerator.is_available():
        found = torch.accelerator.current_accelerator()
        if found is not None:
            return found
    return torch.device("cpu")


def load_class(origin: Origin) -> type[nn.Module]:
    """The class of generated source; the same source gives the same class."""
    module = _load_source(origin.source, origin.name)
    cls = getattr(module, origin.class_name)
    assert isinstance(cls, type)
    assert issubclass(cls, nn.Module)
    return cls


def _load_source(source: str, name: str) -> ModuleType:
    """Run generated source as a module that tracebacks and `inspect` can show."""
    digest = hashlib.sha256(f"{name}\0{source}".encode()).hexdigest()[:16]
    title = f"netspec_generated_{digest}"
    if title in sys.modules:
        return sys.modules[title]
    tree = verify(source)
    filename = f"<generated from {name} {digest[:8]}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    module = ModuleType(title)
    module.__file__ = filename
    sys.modules[title] = module
    exec(compile(tree, filename, "exec", dont_inherit=True), module.__dict__)
    for cls in list(vars(module).values()):
        if isinstance(cls, type) and cls.__module__ == title:
            _make_portable(cls, Origin(source, name, cls.__name__))
    return module


def _make_portable(cls: type[nn.Module], origin: Origin) -> None:
    """Let instances pickle and copy: their class travels as its source."""

    def reduce(self: nn.Module) -> tuple[object, ...]:
        return _restore, tuple(origin), vars(self)

    cls.__reduce__ = reduce  # type: ignore[method-assign,assignment]


def _restore(source: str, name: str, class_name: str) -> nn.Module:
    """An empty instance for pickle to fill."""
    cls = load_class(Origin(source, name, class_name))
    return cls.__new__(cls)
