"""All layers, functions, initialisation schemes and parametrizations that a spec can name.

A family is imported when something of it is asked for: `index` knows which one holds a name.
"""

from importlib import import_module
from pkgutil import walk_packages
from types import ModuleType

from netspec.catalogue.function import FUNCTIONS
from netspec.catalogue.initialiser import INITIALISERS
from netspec.catalogue.layer import ALIASES, LAYERS, LAZY, RANK_OPEN
from netspec.catalogue.parametrization import PARAMETRIZATIONS


def families() -> list[ModuleType]:
    """All modules of the catalogue, imported."""
    found = walk_packages(__path__, f"{__name__}.")
    return [import_module(item.name) for item in sorted(found, key=lambda item: item.name)]


__all__ = [
    "ALIASES",
    "FUNCTIONS",
    "INITIALISERS",
    "LAYERS",
    "LAZY",
    "PARAMETRIZATIONS",
    "RANK_OPEN",
    "families",
]
