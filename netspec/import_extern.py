"""Import the classes that a spec takes from Python, and hold them against their signatures."""

import inspect
import sys
from collections.abc import Iterable
from importlib import import_module
from types import ModuleType, TracebackType

from torch import nn

from netspec.catalogue.signature import write_value
from netspec.diagnostic import Diagnostics, SpecError, did_you_mean
from netspec.instantiate import GENERATED
from netspec.program import Import


def import_classes(externs: Iterable[Import]) -> None:
    """Import each class; afterwards, the generated source finds it.

    Raises:
        SpecError: for a module or a class that is not there, or is not what the spec says.
    """
    externs = list(externs)
    for item in externs:
        found = Diagnostics(item.source)
        module = _import(item, found)
        if module is not None:
            _check_class(item, module, found)
        if found.has_errors:
            raise SpecError(found.in_order())
    _require_apart(externs)


def _require_apart(externs: Iterable[Import]) -> None:
    """Refuse classes that a rule for another class would reach, since they derive from it."""
    classes = {item.alias: getattr(sys.modules[item.module], item.name) for item in externs}
    for item in externs:
        for alias in sorted(item.apart):
            if issubclass(classes[alias], classes[item.alias]):
                found = Diagnostics(item.source)
                found.add(
                    "layer-differs",
                    f"`{alias}` derives from `{item.name}`: "
                    f"a rule for the layer `{item.layer}` would reach it, too",
                    item.name_span,
                    label="stands for a class that others derive from",
                    help="select layers by quoted patterns in place of the class, "
                    "or let both classes derive from a third one",
                )
                raise SpecError(found.in_order())


def import_data(items: Iterable[Import]) -> None:
    """Import what reads data in Python.

    Raises:
        SpecError: for a module that is not there, or has nothing of that name that can be called.
    """
    for item in items:
        found = Diagnostics(item.source)
        module = _import(item, found)
        if module is not None and not callable(getattr(module, item.name, None)):
            found.add(
                "extern-not-found",
                f"the module `{item.module}` has no function or class `{item.name}`",
                item.name_span,
                label="not there",
                help=did_you_mean(item.name, vars(module))
                or f"correct the name, or define it in `{item.module}`",
            )
        if found.has_errors:
            raise SpecError(found.in_order())


def _import(item: Import, found: Diagnostics) -> ModuleType | None:
    try:
        return import_module(item.module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{item.module}.".startswith(f"{error.name}."):
            _report_import(item, error, found)
            return None
        found.add(
            "layer-not-found" if item.layer else "extern-not-found",
            f"there is no module `{item.module}`{_for_layer(item)}",
            item.module_span,
            label="cannot be imported"
            if error.name == item.module
            else f"there is no `{error.name}`",
            help="install it, or start Python where it is found",
        )
    except Exception as error:
        _report_import(item, error, found)
    return None


def _report_import(item: Import, error: Exception, found: Diagnostics) -> None:
    found.add(
        "layer-differs" if item.layer else "wrong-extern",
        f"importing `{item.module}`{_for_layer(item)} raises {words(error)}",
        item.module_span,
        label="cannot be imported",
        help="correct the module",
    )


def _for_layer(item: Import) -> str:
    return f" for the layer `{item.layer}`" if item.layer else ""


def _check_class(item: Import, module: ModuleType, found: Diagnostics) -> None:
    cls = getattr(module, item.name, None)
    if cls is None:
        near = did_you_mean(item.name, [n for n, v in vars(module).items() if isinstance(v, type)])
        found.add(
            "layer-not-found" if item.layer else "extern-not-found",
            f"the module `{item.module}` has no class `{item.name}`{_for_layer(item)}",
            item.name_span,
            label="not there",
            help=near or f"correct the name, or define the class in `{item.module}`",
        )
    elif not (isinstance(cls, type) and issubclass(cls, nn.Module)):
        kind = "another class" if isinstance(cls, type) else f"a {type(cls).__name__}"
        found.add(
            "layer-differs" if item.layer else "wrong-extern",
            f"`{item.name}` of `{item.module}`{_for_layer(item)} is no `nn.Module`",
            item.name_span,
            label=kind,
            help=f"derive it from `nn.Module`: `class {item.name}(nn.Module)`",
        )
    else:
        _check_signature(item, cls, found)


def _check_signature(item: Import, cls: type[nn.Module], found: Diagnostics) -> None:
    """Positions and defaults must mean in Python what they mean in the spec."""
    try:
        parameters = inspect.signature(cls).parameters
    except (TypeError, ValueError):  # written in C, or by a metaclass: nobody can tell
        return
    names = list(parameters)
    declared = item.parameters[: item.placed]
    if any(name in names and names.index(name) != at for at, name in enumerate(declared)):
        found.add(
            "layer-differs" if item.layer else "wrong-extern",
            f"`{item.name}` takes its arguments in another order: {', '.join(names)}",
            item.name_span,
            label=f"{'in its layer' if item.layer else 'here'} "
            f"they are {', '.join(item.parameters)}",
            help="give the fields of the layer the order of the class"
            if item.layer
            else "write them in the order of the class, or give them by name where it is used",
        )
    for name, value in item.defaults.items():
        if name in names and not _is_same(parameters[name].default, value):
            default = parameters[name].default
            there = "there is none" if default is inspect.Parameter.empty else f"{default!r}"
            place = f"for the layer `{item.layer}`" if item.layer else "here"
            found.add(
                "layer-differs" if item.layer else "wrong-extern",
                f"the default of `{name}` is {write_value(value)} {place}, "
                f"{there} in `{item.module}`",
                item.name_span,
                label="what is left out is not handed over, so that the class decides",
                help="give both the same default",
            )


def _is_same(there: object, here: object) -> bool:
    if isinstance(there, list | tuple) and isinstance(here, list | tuple):
        return list(there) == list(here)
    plain = type(there) in (bool, int, float, str, type(None))
    return plain and isinstance(there, bool) == isinstance(here, bool) and there == here


# ---- what its constructor raises ---------------------------------------------------------------


def constructor_error(error: Exception, externs: Iterable[Import], source: str) -> SpecError | None:
    """What an exception from the generated `source` says where an extern's constructor raised it.

    None where another part of the source did.
    """
    call = _failing_call(error.__traceback__, source)
    for item in externs:
        if call.startswith(f"{item.alias}("):
            found = Diagnostics(item.source)
            found.add(
                "layer-differs" if item.layer else "wrong-extern",
                f"`{item.name}` cannot be made: {words(error)}",
                item.name_span,
                label=f"raised by {' '.join(call.split())}",
                help=f"correct the {f'layer `{item.layer}`' if item.layer else 'signature here'}, "
                f"or the class in `{item.module}`",
            )
            return SpecError(found.in_order())
    return None


def _failing_call(traceback: TracebackType | None, source: str) -> str:
    """The text of the innermost call of the generated source on the way to an exception."""
    call = ""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if str(traceback.tb_frame.f_globals.get("__name__")).startswith(GENERATED):
            positions = [*code.co_positions()][traceback.tb_lasti // 2]
            call = _text_at(source, *positions)
        traceback = traceback.tb_next
    return call


def _text_at(
    source: str, line: int | None, last: int | None, start: int | None, end: int | None
) -> str:
    if line is None or last is None or start is None or end is None:
        return ""  # Python was told to keep no positions
    lines = [text.encode() for text in source.split("\n")[line - 1 : last]]
    lines[-1] = lines[-1][:end]
    lines[0] = lines[0][start:]
    return b"\n".join(lines).decode()


def words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
