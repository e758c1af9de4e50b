"""Turn the catalogue into reference pages: every layer, function, scheme, loss, optimiser in it.

`python -m netspec.reference docs` writes them.
"""

import inspect
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from netspec.catalogue import families
from netspec.catalogue.annotation import describe
from netspec.catalogue.function import Function
from netspec.catalogue.layer import ALIASES, RANK_OPEN, Layer
from netspec.catalogue.signature import Field, Signature, write_value
from netspec.parse import parse
from netspec.source import Source
from netspec.syntax import Block
from netspec.tensor import COMPLEX, FLOATING, INTEGER
from netspec.uses import library

Entry = type[Signature]


class Page(NamedTuple):
    """A page of the reference: its title, what stands at its top, the classes that it is about."""

    title: str
    introduction: str
    kinds: tuple[str, ...]


_ARGUMENTS = "An argument without a default must be given; what stands behind `*`, by keyword."
_PAGES = {
    "layers.md": Page(
        "Layers",
        "Layers are the classes of `torch.nn`, with its names, its order of arguments and its "
        "defaults. What the input's shape decides is left out; by keyword it may be given, and is "
        "then checked. The dtype of the input is floating point where nothing else is said. "
        f"{_ARGUMENTS}",
        ("Layer",),
    ),
    "functions.md": Page(
        "Functions",
        "Functions and methods of tensors have their names in torch, in lower case. One is written "
        "after `->`, as a call, or as a method: `x -> mean(dim=1)`, `mean(x, dim=1)` and "
        f"`x.mean(dim=1)` mean the same. {_ARGUMENTS}",
        ("Function",),
    ),
    "init.md": Page(
        "Initialisation schemes",
        "Schemes are the functions of `torch.nn.init`, without the underscore at their end. They "
        f"stand in `with (…)`: [how rules are chosen](language.md#initialisation). {_ARGUMENTS}",
        ("Initialiser",),
    ),
    "training.md": Page(
        "What a train section can name",
        "Losses, optimisers and schedulers have their names in torch. A loss begins with an output "
        "of the net and its target: [the train section](language.md#the-train-section). "
        f"{_ARGUMENTS}",
        (),
    ),
}


def pages() -> dict[str, str]:
    """The pages by file name. What no page is about by name goes to the last one."""
    shelves = [(module, _entries(module)) for module in families()]
    named = {kind for page in _PAGES.values() for kind in page.kinds}
    kinds = {_kind(entry) for _, entries in shelves for entry in entries}
    others = tuple(sorted(kinds - named))
    written = {
        file: _write_page(page, page.kinds or others, shelves) for file, page in _PAGES.items()
    }
    return {**written, "std.md": _write_library(library())}


def _entries(module: ModuleType) -> list[Entry]:
    """What a family adds to the catalogue, in its order."""
    classes = [cls for cls in vars(module).values() if isinstance(cls, type)]
    return [
        cls
        for cls in classes
        if issubclass(cls, Signature)
        and cls.__module__ == module.__name__
        and not cls.__name__.startswith("_")
        and cls is not Signature
        and Signature not in cls.__bases__
        and (not issubclass(cls, Function) or "name" in vars(cls))
    ]


def _kind(entry: Entry) -> str:
    """The class below `Signature` that an entry comes from."""
    lineage = entry.__mro__
    return lineage[lineage.index(Signature) - 1].__name__


def _title(entry: Entry) -> str:
    name = vars(entry).get("name")
    return name if isinstance(name, str) else entry.__name__


# ---- writing -----------------------------------------------------------------------------------


def _write_page(
    page: Page, kinds: Sequence[str], shelves: Iterable[tuple[ModuleType, list[Entry]]]
) -> str:
    shown: list[tuple[ModuleType, list[Entry]]] = []
    for module, entries in shelves:
        chosen = [entry for entry in entries if _kind(entry) in kinds]
        shown += [(module, chosen)] if chosen else []
    parts = [
        "<!-- Written by `python -m netspec.reference docs`: change the catalogue instead. -->\n",
        f"# {page.title}\n\n{page.introduction}\n",
        "\n".join(_write_contents(module, entries) for module, entries in shown) + "\n",
    ]
    for module, entries in shown:
        parts.append(f"## {_heading(module)}\n\n{inspect.getdoc(module)}\n")
        parts += [_write_entry(entry) for entry in entries]
    return "\n".join(parts)


_LIBRARY = """<!-- Written by `python -m netspec.reference docs`, from netspec/std.net. -->

# The library

These blocks come with netspec, and are written in it: `use Bottleneck, SqueezeExcite from "std"`.
Each becomes a class of the generated file. The input of one without a shape may have any rank.
"""


def _write_library(source: Source) -> str:
    """The blocks of the library: what each takes, gives and is."""
    parts = [_LIBRARY]
    for item in parse(source).file.items:
        if isinstance(item, Block):
            header = source.text[item.span.start : item.body[0].span.start]
            signature = " ".join(header.rstrip().removesuffix("{").split())
            signature = re.sub(r"\( (.*?),? \)", r"(\1)", signature)
            parts.append(f"## {item.name.id}\n\n```\n{signature}\n```\n\n{item.doc}\n")
    return "\n".join(parts)


def _write_contents(module: ModuleType, entries: Iterable[Entry]) -> str:
    links = [f"[{_title(entry)}](#{_title(entry).lower()})" for entry in entries]
    return f"- {_heading(module)}: {', '.join(links)}"


def _heading(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2].replace("_", " ").capitalize()


def _write_entry(entry: Entry) -> str:
    parts = [
        f"### {_title(entry)}",
        f"```\n{usage(entry)}\n```",
        inspect.cleandoc(entry.__doc__ or ""),
    ]
    parts += [part for part in (_names(entry), _dtypes(entry)) if part]
    fields = entry.fields().values()
    if fields:
        rows = [(f"`{field.name}`", _takes(field)) for field in fields]
        parts.append(_table(("argument", "what it takes"), rows))
    examples = entry.examples if issubclass(entry, Layer) else ()
    if examples:
        shown = [tuple(f"`{cell}`" for cell in example) for example in examples]
        parts.append(_table(("example", "input", "output"), shown))
    return "\n\n".join(parts) + "\n"


_TENSORS = {"Loss": ("output", "target"), "Metric": ("output", "target")}


def usage(entry: Entry) -> str:
    """How an entry is written with all that it takes: `Linear(out_features, bias=True)`."""
    by_position = entry.positional()
    fields = [field for field in entry.fields().values() if not field.inferred]
    texts = [_argument(entry, field) for field in fields if field.name in by_position]
    keywords = [_argument(entry, field) for field in fields if field.name not in by_position]
    star = ["*"] if keywords else []
    tensors = _TENSORS.get(_kind(entry), ())
    return f"{_title(entry)}({', '.join([*tensors, *texts, *star, *keywords])})"


def _argument(entry: Entry, field: Field) -> str:
    if field.name == entry.variadic:
        return f"*{field.name}"
    return field.name if field.required else f"{field.name}={write_value(field.default)}"


def _takes(field: Field) -> str:
    words = describe(field.annotation)
    return f"{words}; follows from the input" if field.inferred else words


def _names(entry: Entry) -> str:
    """The other names of a layer, and those under which the input decides the rank."""
    title = _title(entry)
    aliases = [f"`{alias}`" for alias, name in ALIASES.items() if name == title != alias]
    open_ = [
        f"`{name}`"
        for name, ranks in RANK_OPEN.items()
        if title in ranks.values() and name not in ALIASES
    ]
    if not issubclass(entry, Layer) or not (aliases or open_):
        return ""
    parts = [f"Also {_listing(aliases)}"] if aliases else []
    if open_:
        parts.append(f"{'also' if parts else 'Also'} {_listing(open_)}, where the rank is open")
    return f"{'; '.join(parts)}."


def _dtypes(entry: Entry) -> str:
    if not issubclass(entry, Layer) or entry.dtypes == Layer.dtypes:
        return ""
    groups = {"floating point": FLOATING, "integer": INTEGER, "complex": COMPLEX}
    whole = [name for name, group in groups.items() if group <= entry.dtypes]
    rest = entry.dtypes.difference(*(groups[name] for name in whole))
    kinds = [*whole, *(f"`{dtype}`" for dtype in sorted(rest))]
    return f"Input dtype: {_listing(kinds, 'or')}."


def _listing(words: Sequence[str], link: str = "and") -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {link} {words[-1]}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    cells = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def main(folder: str) -> None:
    """Write the pages to `folder`."""
    for file, text in pages().items():
        Path(folder, file).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
