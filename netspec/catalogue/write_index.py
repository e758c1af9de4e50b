"""Turn the families of the catalogue into the index that knows them without importing them."""

from collections.abc import Mapping

from netspec.catalogue import FUNCTIONS, LAYERS, families
from netspec.catalogue.registry import TITLES, open_name, own_layers

_HEAD = '''"""Which module of the catalogue holds a name, so that it is imported when it is needed.

Written by `pytest --update`, and held current by a test.
"""
'''


def write_index() -> str:
    """The source of `index.py`."""
    families()
    assert not own_layers(), "the index has the layers of torch.nn alone"
    prefix = "netspec.catalogue."
    layers = {n: c.__module__.removeprefix(prefix) for n, c in sorted(LAYERS.loaded.items())}
    functions = {n: c.__module__.removeprefix(prefix) for n, c in sorted(FUNCTIONS.loaded.items())}
    aliases = {title: name for name in layers for title in TITLES[name]}
    ranks: dict[str, dict[int, str]] = {}
    for title, name in sorted(aliases.items()):
        short, ndim = open_name(LAYERS[name], title), LAYERS[name].ndim
        if short and ndim:
            ranks.setdefault(short, {})[ndim] = name
    parts = [
        _HEAD,
        _write("LAYERS", "dict[str, str]", layers),
        "# A name that a spec may use, and the class that it means.\n"
        + _write("ALIASES", "dict[str, str]", dict(sorted(aliases.items()))),
        "# Names without their rank, and the class for each number of spatial dimensions.\n"
        + _write("RANK_OPEN", "dict[str, dict[int, str]]", dict(sorted(ranks.items()))),
        _write("FUNCTIONS", "dict[str, str]", functions),
    ]
    return "\n".join(parts)


def _write(name: str, kind: str, entries: Mapping[str, object]) -> str:
    lines = [f"    {_quote(key)}: {_quote(value)},\n" for key, value in entries.items()]
    return f"{name}: {kind} = {{\n{''.join(lines)}}}\n"


def _quote(value: object) -> str:
    return repr(value).replace("'", '"')
