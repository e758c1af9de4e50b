"""Turn rendered source into modules of this process: what runs is what is read."""

import builtins
import hashlib
import linecache
import sys
from collections.abc import Collection, Iterable, Mapping
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch import nn

from netspec.diagnostic import Diagnostics, SpecError
from netspec.guard import verify, verify_script
from netspec.run_error import RunError
from netspec.source import Source

GENERATED = "netspec_generated_"  # what the modules of generated source are called, before a digest


class Origin(NamedTuple):
    """What a built model was made from: enough to make its class again in another process.

    `externs`: the author's own classes that the source imports: module, name, and what it calls it.
    """

    source: str
    name: str
    class_name: str
    externs: tuple[tuple[str, str, str], ...] = ()


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


def require_device(name: str) -> torch.device:
    """`pick_device`, for what is to run now.

    Raises:
        RunError: where torch does not have the device.
    """
    device = pick_device(name)
    try:
        torch.zeros(1, device=device)
    except (AssertionError, RuntimeError) as error:  # torch has both for this
        reason = str(error).partition("\n")[0]
        raise RunError(f"cannot use {device}: {reason}", "give the net another device") from None
    return device


def load_class(origin: Origin) -> type[nn.Module]:
    """The class of generated source; the same source gives the same class."""
    module = _load_source(origin)
    cls = getattr(module, origin.class_name)
    assert isinstance(cls, type)
    assert issubclass(cls, nn.Module)
    return cls


def load_script(
    source: str, name: str, imports: Iterable[str], nets: Collection[str], origin: Origin
) -> ModuleType:
    """Run a training script as a module of its own each time; nothing is trained.

    What it imports from `model` is the generated module of `origin`.

    Args:
        source: the text of the script.
        name: what tracebacks call it, beside a digest.
        imports: import lines of the catalogue that it may have.
        nets: the classes that it may import from `model`.
        origin: the source of the nets.

    Raises:
        ModuleNotFoundError: if it imports a library that is not installed.
    """
    tree = verify_script(source, imports, nets)
    model = _load_source(origin)

    def import_(path: str, *rest: Any) -> ModuleType:
        return model if path == "model" else builtins.__import__(path, *rest)

    digest = hashlib.sha256(f"{name}\0{origin.source}\0{source}".encode()).hexdigest()[:16]
    title, filename = f"{GENERATED}{digest}", f"<generated {name} {digest[:8]}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    module = ModuleType(title)
    module.__file__ = filename
    vars(module)["__builtins__"] = {**vars(builtins), "__import__": import_}
    sys.modules[title] = module
    exec(compile(tree, filename, "exec", dont_inherit=True), vars(module))
    return module


def _load_source(origin: Origin) -> ModuleType:
    """Run generated source as a module that tracebacks and `inspect` can show."""
    source, name, _, externs = origin
    digest = hashlib.sha256(f"{name}\0{source}".encode()).hexdigest()[:16]
    title = f"{GENERATED}{digest}"
    if title in sys.modules and _is_current(sys.modules[title], externs):
        return sys.modules[title]
    _require_imported(origin)
    tree = verify(source, [(module, cls) for module, cls, _ in externs])
    filename = f"<generated from {name} {digest[:8]}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    module = ModuleType(title)
    module.__file__ = filename
    sys.modules[title] = module
    exec(compile(tree, filename, "exec", dont_inherit=True), module.__dict__)
    for cls in list(vars(module).values()):
        if isinstance(cls, type) and cls.__module__ == title:
            _make_portable(cls, origin._replace(class_name=cls.__name__))
    return module


def _is_current(module: ModuleType, externs: Iterable[tuple[str, str, str]]) -> bool:
    """Whether what a module has imported is still what is imported under that name."""
    return all(
        getattr(module, alias) is getattr(sys.modules[path], name, None)
        for path, name, alias in externs
        if path in sys.modules
    )


def _require_imported(origin: Origin) -> None:
    """Refuse to import anything by running generated source: whoever may import has done so.

    Raises:
        SpecError: where a class is not there, which is so only where a model is unpickled.
    """
    found = Diagnostics(Source("", origin.name))
    for path, name, _ in origin.externs:
        cls = getattr(sys.modules.get(path), name, None)
        if not (isinstance(cls, type) and issubclass(cls, nn.Module)):
            found.add(
                "extern-not-allowed",
                f"the model has a part written in Python, `{name}` from `{path}`, "
                "and loading a model imports nothing",
                None,
                help=f"`import {path}` before the model is loaded",
            )
    if found.has_errors:
        raise SpecError(found.in_order())


def _make_portable(cls: type[nn.Module], origin: Origin) -> None:
    """Let instances pickle and copy: their class travels as its source."""

    def reduce(self: nn.Module) -> tuple[object, ...]:
        return _restore, tuple(origin), vars(self)

    cls.__reduce__ = reduce  # type: ignore[method-assign,assignment]


def _restore(*origin: Any) -> nn.Module:
    """An empty instance for pickle to fill."""
    cls = load_class(Origin(*origin))
    return cls.__new__(cls)
