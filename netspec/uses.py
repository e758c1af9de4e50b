"""Find what the names of a file stand for: its own definitions, and those that it uses."""

from collections.abc import Callable
from pathlib import Path

from netspec import syntax as s
from netspec.catalogue import ALIASES, RANK_OPEN
from netspec.catalogue.registry import registered_by
from netspec.check_defaults import check_block_defaults
from netspec.check_device import check_parts
from netspec.check_extern import check_extern
from netspec.check_names import check_names
from netspec.check_signature import report_duplicate
from netspec.diagnostic import Diagnostics, did_you_mean
from netspec.home import Entry, Home
from netspec.names import class_problem
from netspec.parse import parse
from netspec.placement import take_apart
from netspec.source import Source

# Gives the source that a path means, seen from a file; None where there is none.
Loader = Callable[[str, Source], Source | None]
_STD = Path(__file__).parent / "std.net"


def library() -> Source:
    """The library that comes with netspec, `use … from "std"`."""
    return Source(_STD.read_text(encoding="utf-8"), "std")


def open_home(
    source: Source,
    file: s.File,
    found: Diagnostics,
    loader: Loader | None,
    opened: dict[str, Home] | None = None,
    way: tuple[str, ...] = (),
) -> Home:
    """The names of a file. `opened` has the files that have been read, `way` those on the way."""
    opened = {} if opened is None else opened
    home = Home(source, {}, tuple(item for item in file.items if isinstance(item, s.Init)))
    opened[source.name] = home
    for item in file.items:
        if isinstance(item, s.Net | s.Block):
            check_parts(item, found)
            _enter(home, item.name, Entry(item, home), found)
        elif isinstance(item, s.Extern):
            broken = not check_extern(item, found)
            _enter(home, item.name, Entry(item, home, broken), found)
        elif isinstance(item, s.Use):
            _use(home, item, found, loader, opened, (*way, source.name))
    for item in file.items:
        if isinstance(item, s.Net | s.Block):
            _check_class(item, found)
            check_names(item, home.blocks(), found)
        if isinstance(item, s.Block):
            check_block_defaults(item, home.blocks(), found)
    return home


def _check_class(item: s.Net | s.Block, found: Diagnostics) -> None:
    problem = class_problem(item.name.id)
    if problem:
        code, why = problem
        help = f"call it `{item.name.id}{type(item).__name__}`, say"
        found.add(code, why, item.name.span, label="not free", help=help)


def _enter(home: Home, name: s.Name, entry: Entry, found: Diagnostics) -> None:
    kind = type(entry.definition).__name__.lower()
    if name.id in ALIASES or name.id in RANK_OPEN:
        module = registered_by(name.id)
        found.add(
            "duplicate-name",
            f"`{name.id}` is a layer {f'that `{module}` registers' if module else 'of torch.nn'}",
            name.span,
            label="not free",
            help=f"call the {kind} something else"
            if kind != "extern"
            else "give the class another name in Python",
        )
    elif name.id in home.entries:
        if kind != "net" or not isinstance(home.entries[name.id].definition, s.Net):
            report_duplicate("name", name, found)
    else:
        home.entries[name.id] = entry


def _use(
    home: Home,
    use: s.Use,
    found: Diagnostics,
    loader: Loader | None,
    opened: dict[str, Home],
    way: tuple[str, ...],
) -> None:
    other = _open_used(home, use, found, loader, opened, way)
    for name in use.names:
        entry = other.entries.get(name.id) if other else None
        if entry is None and other is not None:
            blocks = [
                key for key, e in other.entries.items() if not isinstance(e.definition, s.Net)
            ]
            found.add(
                "unknown-block",
                f'there is no block `{name.id}` in "{use.path.value}"',
                name.span,
                label="not defined there",
                help=did_you_mean(name.id, blocks) or f"it has {', '.join(blocks) or 'no blocks'}",
            )
        elif entry is not None and isinstance(entry.definition, s.Net):
            found.add(
                "unknown-block",
                f"`{name.id}` is a net: only blocks can be used",
                name.span,
                label="a net",
                help="write `block` in place of `net` there",
            )
        elif entry is not None:
            _enter(home, name, entry, found)


def _open_used(
    home: Home,
    use: s.Use,
    found: Diagnostics,
    loader: Loader | None,
    opened: dict[str, Home],
    way: tuple[str, ...],
) -> Home | None:
    path = str(use.path.value)
    if path == "std":
        source: Source | None = library()
    elif loader is None:
        source = None
    else:
        source = loader(path, home.source)
    if source is None:
        found.add(
            "cannot-read",
            f'cannot read "{path}"',
            use.path.span,
            label="there is no such file, seen from this one",
            help='the path is relative to this file; the library is `"std"`',
        )
        return None
    if source.name in way:
        circle = [*way[way.index(source.name) :], source.name]
        found.add(
            "circular-use",
            "files use each other in a circle",
            use.path.span,
            label=" -> ".join(circle),
            help="move what both need into a third file",
        )
        return None
    if source.name in opened:
        return opened[source.name]
    parsed = parse(source)
    found.extend(parsed.found.in_order())
    inner = found.inside(source, ())
    return open_home(source, take_apart(parsed.file), inner, loader, opened, way)
