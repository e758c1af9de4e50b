"""Tell what a name of the catalogue stands for, and which names there are."""

import inspect
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import NamedTuple

from netspec.catalogue.layer import ALIASES, LAZY, RANK_OPEN, Layer
from netspec.catalogue.parametrization import PARAMETRIZATIONS
from netspec.catalogue.signature import Field
from netspec.diagnostic import did_you_mean
from netspec.entries import (
    Entry,
    default_of,
    examples_of,
    input_dtypes,
    kind_of,
    other_names,
    shapes_of,
    shelves,
    takes,
    title_of,
    usage,
)
from netspec.setting_texts import NAMES, setting_text, write_setting
from netspec.table import align

_KINDS = {
    "Initialiser": "initialisation scheme",
    "Parametrization": "parametrization",
    "Optimizer": "optimiser",
    "Dataset": "data source",
}
_PREFIX = "parametrizations."
_LISTED = ("Layer", "Function")


class Line(NamedTuple):
    """A layer or function in the list of them: `summary` is the first line of what it does."""

    name: str
    kind: str
    summary: str


def layers(pattern: str = "") -> list[Line]:
    """The layers and functions with a name that matches: a pattern with `*`, or a part of it.

    Upper and lower case are the same.
    """
    wanted = pattern.lower()
    if not set("*?[") & set(wanted):
        wanted = f"*{wanted}*"
    found = [
        entry
        for entry in _entries()
        if kind_of(entry) in _LISTED
        and any(fnmatchcase(name.lower(), wanted) for name in _names(entry))
    ]
    found.sort(key=lambda entry: (_LISTED.index(kind_of(entry)), title_of(entry).lower()))
    return [Line(title_of(entry), _kind(entry), _doc(entry).partition("\n")[0]) for entry in found]


def write_lines(lines: Iterable[Line]) -> str:
    """The list as a table."""
    return "\n".join(align(lines))


def explain(name: str) -> str:
    """What a name stands for, in all its meanings; an empty text where it has none."""
    setting = setting_text(name)
    texts = [*map(_write, _meanings(name)), *([write_setting(setting)] if setting else [])]
    return "\n\n".join(texts)


def advice(name: str) -> str:
    """What to write in place of a name that stands for nothing."""
    if name in LAZY:
        return f"the input decides the sizes of every layer here: write `{LAZY[name]}`"
    known = [*(known for entry in _entries() for known in _names(entry)), *RANK_OPEN, *NAMES]
    return did_you_mean(name, known) or "`netspec layers` lists all layers and functions"


def _entries() -> list[Entry]:
    return [entry for _, entries in shelves() for entry in entries]


def _meanings(name: str) -> list[Entry]:
    """The entries of a name; of the layers that differ in their rank, the one for images.

    `parametrizations.orthogonal`, as a spec has it, is the parametrization alone.
    """
    if name.startswith(_PREFIX):
        own = PARAMETRIZATIONS.get(name.removeprefix(_PREFIX))
        return [own] if own else []
    if name in RANK_OPEN and name not in ALIASES:
        ranks = RANK_OPEN[name]
        name = ranks.get(2, next(iter(ranks.values())))
    return [entry for entry in _entries() if name in _names(entry)]


def _names(entry: Entry) -> list[str]:
    title = title_of(entry)
    aliases = [alias for alias, name in ALIASES.items() if name == title]
    return [title, *(aliases if issubclass(entry, Layer) else ())]


def _kind(entry: Entry) -> str:
    kind = kind_of(entry)
    return _KINDS.get(kind, kind.lower())


def _doc(entry: Entry) -> str:
    return inspect.cleandoc(entry.__doc__ or "")


# ---- writing -----------------------------------------------------------------------------------


def _write(entry: Entry) -> str:
    torch = f": {entry.torch}" if entry.torch else ""
    parts = [f"{usage(entry)}\n{_kind(entry)}{torch}", _doc(entry)]
    parts += [part for part in (other_names(entry), input_dtypes(entry)) if part]
    fields = entry.fields().values()
    if fields:
        rows = [("argument", "default", "takes"), *map(_argument, fields)]
        parts.append("\n".join(align(rows)))
    shapes = shapes_of(entry)
    if shapes:
        rules = [("input shape", "output shape", "where"), *shapes]
        width = 3 if any(rule.where for rule in shapes) else 2
        parts.append("\n".join(align([rule[:width] for rule in rules])))
    examples = examples_of(entry)
    if examples:
        parts.append("\n".join(align([("example", "input", "output"), *examples])))
    return "\n\n".join(parts)


def _argument(field: Field) -> tuple[str, ...]:
    return field.name, default_of(field), takes(field)
