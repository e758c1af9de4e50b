"""Turn the families of the catalogue into the index that knows them without importing them."""

from collections.abc import Mapping
from typing import Any

from netspec.catalogue import FUNCTIONS, LAYERS, families
from netspec.catalogue.dataset import DATASETS
from netspec.catalogue.metric import METRICS
from netspec.catalogue.registry import TITLES, open_name, own_layers
from netspec.catalogue.shelf import Shelf
from netspec.catalogue.transform import TRANSFORMS

_HEAD = '''"""Which module of the catalogue holds a name, so that it is imported when it is needed.

Written by `pytest --update`, and held current by a test.
"""
'''


def write_index() -> str:
    """The source of `index.py`."""
    families()
    assert not own_layers(), "the index has the layers of torch.nn alone"
    aliases = {title: name for name in sorted(LAYERS.loaded) for title in TITLES[name]}
    ranks: dict[str, dict[int, str]] = {}
    for title, name in sorted(aliases.items()):
        short, ndim = open_name(LAYERS[name], title), LAYERS[name].ndim
        if short and ndim:
            ranks.setdefault(short, {})[ndim] = name
    parts = [
        _HEAD,
        _write("LAYERS", "dict[str, str]", _homes(LAYERS)),
        "# A name that a spec may use, and the class that it means.\n"
        + _write("ALIASES", "dict[str, str]", dict(sorted(aliases.items()))),
        "# Names without their rank, and the class for each number of spatial dimensions.\n"
        + _write("RANK_OPEN", "dict[str, dict[int, str]]", dict(sorted(ranks.items()))),
        _write("FUNCTIONS", "dict[str, str]", _homes(FUNCTIONS)),
        _write("DATASETS", "dict[str, str]", _homes(DATASETS)),
        _write("TRANSFORMS", "dict[str, str]", _homes(TRANSFORMS)),
        _write("METRICS", "dict[str, str]", _homes(METRICS)),
    ]
    return "\n".join(parts)


def _homes(shelf: Shelf[Any]) -> dict[str, str]:
    """The module of each entry."""
    prefix = "netspec.catalogue."
    return {n: c.__module__.removeprefix(prefix) for n, c in sorted(shelf.loaded.items())}


def _write(name: str, kind: str, entries: Mapping[str, object]) -> str:
    lines = [f"    {_quote(key)}: {_quote(value)},\n" for key, value in entries.items()]
    return f"{name}: {kind} = {{\n{''.join(lines)}}}\n"


def _quote(value: object) -> str:
    return repr(value).replace("'", '"')
