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
from netspec.parse import parse
from netspec.setting_texts import with_settings
from netspec.source import Source
from netspec.syntax import Block
from netspec.uses import library


class Page(NamedTuple):
    """A page of the reference: its title, what stands at its top, the classes that it is about."""

    title: str
    introduction: str
    kinds: tuple[str, ...]


_ARGUMENTS = "An argument without a default must be given; what stands behind `*`, by keyword."
_SHAPES = (
    "In a shape a name stands for a size, `N?` for one that may be missing, `*` and `*A` for any "
    "number of sizes, the same ones on both sides. In what comes out a name with an asterisk puts "
    "in all sizes of a tuple, and a size is a formula of those that go in and of the arguments: "
    "`broadcast(A, B)` is what torch stretches both to, `without(A, dim)` lacks the dimensions "
    "`dim`, `prod` multiplies all sizes, and `pair` makes two of one number."
)
_PAGES = {
    "layers.md": Page(
        "Layers",
        "Layers are the classes of `torch.nn`, with its names, its order of arguments and its "
        "defaults. What the input's shape decides is left out; by keyword it may be given, and is "
        "then checked. The dtype of the input is floating point where nothing else is said. "
        f"{_ARGUMENTS} {_SHAPES}",
        ("Layer",),
    ),
    "functions.md": Page(
        "Functions",
        "Functions and methods of tensors have their names in torch, in lower case. One is written "
        "after `->`, as a call, or as a method: `x -> mean(dim=1)`, `mean(x, dim=1)` and "
        f"`x.mean(dim=1)` mean the same. {_ARGUMENTS} An example is a call as a body has it, the "
        "inputs of the net around it, and what it gives; a tuple is taken apart by "
        f"`values, indices = x -> topk(5)`. {_SHAPES}",
        ("Function",),
    ),
    "init.md": Page(
        "Initialisation schemes and parametrizations",
        "Schemes are the functions of `torch.nn.init`, without the underscore at their end, "
        "parametrizations those of `torch.nn.utils.parametrizations`. Both stand in `with (…)`: "
        "[how rules are chosen](language.md#initialisation), "
        f"[what a parametrization does](language.md#parametrizations). {_ARGUMENTS}",
        ("Initialiser", "Parametrization"),
    ),
    "training.md": Page(
        "What a train section can name",
        "Data sources, transforms, metrics, optimisers and schedulers, as "
        "[the train section](language.md#the-train-section) names them. Optimisers and schedulers "
        "have their names in torch, metrics in torchmetrics, transforms in torchvision's `v2`. A "
        "metric begins with an output of the net and its target. Losses stand with the "
        "[functions](functions.md#label-loss) and the [layers](layers.md#label-loss-layers), since "
        "nets may have them, too. "
        f"{_ARGUMENTS}",
        (),
    ),
}


def pages() -> dict[str, str]:
    """The pages by file name. What no page is about by name goes to the last one."""
    all_shelves = shelves()
    named = {kind for page in _PAGES.values() for kind in page.kinds}
    kinds = {kind_of(entry) for _, entries in all_shelves for entry in entries}
    others = tuple(sorted(kinds - named))
    written = {
        file: _write_page(page, page.kinds or others, all_shelves) for file, page in _PAGES.items()
    }
    return {**written, "std.md": _write_library(library())}


# ---- writing -----------------------------------------------------------------------------------


def _write_page(
    page: Page, kinds: Sequence[str], filled: Iterable[tuple[ModuleType, list[Entry]]]
) -> str:
    shown: list[tuple[ModuleType, list[Entry]]] = []
    for module, entries in filled:
        chosen = [entry for entry in entries if kind_of(entry) in kinds]
        shown += [(module, chosen)] if chosen else []
    parts = [
        "<!-- Written by `python -m netspec.reference docs`: change the catalogue instead. -->\n",
        f"# {page.title}\n\n{page.introduction}\n",
        "\n".join(_write_contents(module, entries) for module, entries in shown) + "\n",
    ]
    for module, entries in shown:
        parts.append(f"## {_heading(module)}\n\n{inspect.getdoc(module) or ''}\n")
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
    links = [f"[{title_of(entry)}](#{title_of(entry).lower()})" for entry in entries]
    return f"- {_heading(module)}: {', '.join(links)}"


def _heading(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2].replace("_", " ").capitalize()


def _write_entry(entry: Entry) -> str:
    parts = [
        f"### {title_of(entry)}",
        f"```\n{usage(entry)}\n```",
        inspect.cleandoc(entry.__doc__ or ""),
    ]
    if entry.torch:
        parts.append(f"In torch: `{entry.torch}`.")
    parts += [part for part in (other_names(entry), input_dtypes(entry)) if part]
    fields = entry.fields().values()
    if fields:
        rows = [(_code(field.name), _code(default_of(field)), takes(field)) for field in fields]
        parts.append(_table(("argument", "default", "what it takes"), rows))
    shapes = shapes_of(entry)
    if shapes:
        rules = [(_code(rule.inputs), _code(rule.output), rule.where) for rule in shapes]
        width = 3 if any(rule.where for rule in shapes) else 2
        head = ("input shape", "output shape", "where")
        parts.append(_table(head[:width], [rule[:width] for rule in rules]))
    examples = examples_of(entry)
    if examples:
        shown = [tuple(map(_code, example)) for example in examples]
        parts.append(_table(("example", "input", "output"), shown))
    return "\n\n".join(parts) + "\n"


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    cells = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def main(folder: str) -> None:
    """Write the pages to `folder`, and the table of settings into the page of the language."""
    for file, text in pages().items():
        Path(folder, file).write_text(text, encoding="utf-8")
    page = Path(folder, "language.md")
    page.write_text(with_settings(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
