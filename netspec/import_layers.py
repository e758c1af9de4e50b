"""Import the modules that register layers, where a user names them on the command line."""

from collections.abc import Iterable
from importlib import import_module
from keyword import iskeyword

from netspec.catalogue.layer import Layer
from netspec.catalogue.own import place_of
from netspec.catalogue.registry import own_layers


class NoLayers(Exception):
    """A module that cannot be imported, or registers nothing; `help` is a way out."""

    def __init__(self, message: str, help: str) -> None:
        super().__init__(message)
        self.message = message
        self.help = help


def import_layers(modules: Iterable[str]) -> None:
    """Import each module, so that a spec can name the layers which it registers.

    Raises:
        NoLayers: for the first that is not there, raises something, or registers no layer.
    """
    for module in modules:
        _require_path(module)
        before = len(own_layers())
        try:
            imported = import_module(module)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{module}.".startswith(f"{error.name}."):
                raise _failed(module, error) from error
            missing = "" if error.name == module else f": there is no `{error.name}`"
            raise NoLayers(
                f"there is no module `{module}`{missing}",
                "install it, or start netspec in the folder that holds it",
            ) from error
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a script that is no module may end the process
            raise _failed(module, error) from error
        holds = any(isinstance(x, type) and issubclass(x, Layer) for x in vars(imported).values())
        if len(own_layers()) == before and not holds:
            raise NoLayers(
                f"the module `{module}` registers no layer",
                "define one in it, `class Maxout(netspec.Layer)`, or name the module that does",
            )


def _require_path(module: str) -> None:
    if module.endswith(".py"):
        name = module.removesuffix(".py").removeprefix("./").replace("/", ".")
        raise NoLayers(f"`{module}` is a file, not a module", f"write it as in an import: {name}")
    if not all(part.isidentifier() and not iskeyword(part) for part in module.split(".")):
        raise NoLayers(
            f"`{module}` is no module that Python could import",
            "write it as in an import: my_layers.description",
        )


def _failed(module: str, error: BaseException) -> NoLayers:
    first = (str(error).splitlines() or [""])[0]
    words = f"{type(error).__name__}{': ' if first else ''}{first}"
    place = place_of(error.__traceback__)
    return NoLayers(
        f"importing `{module}` raises {words}",
        f"correct the module{f': {place}' if place else ''}",
    )
