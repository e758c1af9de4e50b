"""The layers that a spec can name: those of torch.nn by the index, and those of users."""

from typing import TYPE_CHECKING

from netspec.catalogue import index
from netspec.catalogue.shelf import Shelf

if TYPE_CHECKING:
    from netspec.catalogue.layer import Layer

LAYERS: "Shelf[Layer]" = Shelf(index.LAYERS)
ALIASES = dict(index.ALIASES)
RANK_OPEN = {name: dict(ranks) for name, ranks in index.RANK_OPEN.items()}

TITLES: dict[str, tuple[str, ...]] = {}  # the name and the aliases of what has been imported

# torch's classes that infer what netspec always infers, and what to write instead.
LAZY = {
    f"Lazy{name}{ndim}d": f"{name}{ndim}d"
    for name in ("Conv", "ConvTranspose", "BatchNorm", "InstanceNorm")
    for ndim in (1, 2, 3)
} | {"LazyLinear": "Linear"}


def enter(layer: "type[Layer]", aliases: tuple[str, ...]) -> None:
    """Put a layer on the shelf: under its name, its aliases, and those without their rank."""
    name = layer.__name__
    LAYERS.add(name, layer)
    TITLES[name] = (name, *aliases)
    for title in TITLES[name]:
        ALIASES[title] = name
        short = open_name(layer, title)
        if short and layer.ndim:
            RANK_OPEN.setdefault(short, {})[layer.ndim] = name


def remove(name: str) -> None:
    """Take a layer that a user has registered from the shelf again, with all its names."""
    del LAYERS.loaded[name], TITLES[name]
    for alias in [alias for alias, known in ALIASES.items() if known == name]:
        del ALIASES[alias]
    for title, ranks in [*RANK_OPEN.items()]:
        for ndim in [ndim for ndim, known in ranks.items() if known == name]:
            del ranks[ndim]
        if not ranks:
            del RANK_OPEN[title]


def open_name(layer: "type[Layer]", title: str) -> str:
    """A name without its rank, `Conv` for `Conv2d`; "" where it has none."""
    ending = f"{layer.ndim}d"
    return title.removesuffix(ending) if layer.ndim and title.endswith(ending) else ""


def is_own(layer: type) -> bool:
    """Whether a class describes a layer that a user has registered, and not one of torch.nn."""
    return not layer.__module__.startswith("netspec.catalogue.")


def own_named(title: str) -> list[str]:
    """The registered layers that a name in a spec means: several where it leaves the rank open."""
    names = [ALIASES[title]] if title in ALIASES else RANK_OPEN.get(title, {}).values()
    return [name for name in names if name in LAYERS.loaded and is_own(LAYERS.loaded[name])]


def own_layers() -> "list[type[Layer]]":
    """The layers that users have registered, in the order in which they did."""
    return [layer for layer in LAYERS.loaded.values() if is_own(layer)]


def registered_by(title: str) -> str:
    """The module that registers the layer with that name; "" where it is one of torch.nn."""
    name = ALIASES.get(title) or next(iter(RANK_OPEN[title].values()))
    known = LAYERS.loaded.get(name)
    return known.__module__ if known is not None and is_own(known) else ""
