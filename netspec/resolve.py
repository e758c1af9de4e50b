"""Tell what names stand for as stages of a definition, and name its layers after that."""

from netspec import syntax as s
from netspec.catalogue import ALIASES, LAYERS, RANK_OPEN
from netspec.diagnostic import Diagnostics
from netspec.home import Home
from netspec.naming import Kind, Names, Resolve, name_layers


def names_of(home: Home, definition: "s.Net | s.Block", found: Diagnostics) -> Names:
    """The names of all layers of a definition."""
    parameters = {parameter.name.id for parameter in definition.parameters}
    return name_layers(definition.body, parameters, _resolver(home, definition), found)


def _resolver(home: Home, definition: "s.Net | s.Block") -> Resolve:
    """What names stand for as stages of a definition."""
    blocks = {
        parameter.name.id
        for parameter in definition.parameters
        if parameter.type is not None and parameter.type.id == "block"
    }
    entries = home.blocks()

    def resolve(name: str) -> Kind | None:
        if name in blocks:
            return Kind(name, parameter=True)
        if name in entries:
            return Kind(name)
        if name in ALIASES:
            return Kind(ALIASES[name], LAYERS[ALIASES[name]].stateless)
        if name in RANK_OPEN:
            stateless = all(LAYERS[known].stateless for known in RANK_OPEN[name].values())
            return Kind(next(iter(RANK_OPEN[name].values())), stateless)
        return None

    return resolve
