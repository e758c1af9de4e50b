"""Check what `tie` and `freeze` name, once all layers of a net or block are known."""

from collections.abc import Collection, Iterator, Mapping
from fnmatch import fnmatchcase

from netspec import syntax as s
from netspec.catalogue import ALIASES, RANK_OPEN
from netspec.check_device import report_far_tie
from netspec.compare import same
from netspec.diagnostic import Diagnostics, did_you_mean
from netspec.lazy import report_lazy
from netspec.source import Span
from netspec.tensor import Shape, write_shape


def check_ties(
    definition: "s.Net | s.Block",
    prefix: str,
    shapes: Mapping[str, Shape],
    externs: Mapping[str, str],
    located: Mapping[str, str],
    ties: dict[str, str],
    tied_at: dict[str, tuple[Span, Diagnostics]],
    found: Diagnostics,
) -> None:
    """Hold each `tie` against the parameters that there are; `ties` gets those that hold.

    `tied_at` gets the places of these, by the first parameter, and who hears of them.

    `externs`: what is written in Python by its dotted name, so that its parameters are not known.
    """
    for statement in definition.body:
        if not isinstance(statement, s.Tie):
            continue
        paths = (statement.first, statement.second)
        known = [_find(path, prefix, shapes, externs, found) for path in paths]
        if None in known:
            continue
        first, second = (f"{prefix}{path.text}" for path in paths)
        a, b = shapes[first], shapes[second]
        if len(a) != len(b) or not all(same(x, y) for x, y in zip(a, b, strict=True)):
            found.add(
                "shape-mismatch",
                f"cannot tie `{paths[0].text}` of shape {write_shape(a)} to "
                f"`{paths[1].text}` of shape {write_shape(b)}",
                statement.span,
                label="tied parameters are one tensor",
                help="give both layers the same sizes",
            )
            continue
        if _device(first, located) != _device(second, located):
            report_far_tie(statement, _device(first, located), _device(second, located), found)
            continue
        ties[first] = second
        tied_at[first] = (statement.span, found)


def _device(parameter: str, located: Mapping[str, str]) -> str:
    """The device of a bare tensor, or of the layer that a parameter belongs to."""
    return located.get(parameter) or located.get(parameter.rpartition(".")[0], "")


def _find(
    path: s.Path,
    prefix: str,
    shapes: Mapping[str, Shape],
    externs: Mapping[str, str],
    found: Diagnostics,
) -> str | None:
    name = f"{prefix}{path.text}"
    if name in shapes:
        return name
    own = [key.removeprefix(prefix) for key in shapes if key.startswith(prefix)]
    foreign = any(name.startswith(f"{extern}.") for extern in externs)
    found.add(
        "unknown-parameter",
        f"there is no parameter `{path.text}` that netspec knows"
        if foreign
        else f"there is no parameter `{path.text}`",
        path.span,
        label="inside what is written in Python" if foreign else "no such parameter",
        help="tie it in Python, once the net is built"
        if foreign
        else did_you_mean(path.text, own) or "name the layer, then its parameter: `head.weight`",
    )
    return None


def check_freezes(
    definition: "s.Net | s.Block",
    prefix: str,
    shapes: Mapping[str, Shape],
    kinds: Mapping[str, str],
    externs: Mapping[str, str],
    attributes: Collection[str],
    frozen: set[str],
    found: Diagnostics,
) -> None:
    """Find the parameters that each `freeze` names; `externs` are frozen as a whole.

    `attributes`: the names that layers of the definition have, for some values of its parameters.
    """
    for statement in definition.body:
        if isinstance(statement, s.Freeze):
            for selector in statement.selectors:
                chosen = [
                    name
                    for name in shapes
                    if name.startswith(prefix) and selects(selector, name, prefix, kinds)
                ]
                frozen.update(chosen)
                whole = any(
                    name.startswith(prefix)
                    and (selects(selector, f"{name}.", prefix, {}) or _is_class(selector, title))
                    for name, title in externs.items()
                )
                if not chosen and not whole:
                    _report_nothing(selector, attributes, found)


def _report_nothing(
    selector: s.Name | s.Literal, attributes: Collection[str], found: Diagnostics
) -> None:
    """Say that a selector selects nothing: an error where no parameters of the net change that."""
    text = selector.id if isinstance(selector, s.Name) else f'"{selector.value}"'
    if isinstance(selector, s.Name) and not (selector.id in attributes or is_class(selector)):
        if report_lazy(selector, found):
            return
        found.add(
            "unknown-layer",
            f"`freeze` selects {text}, but there is no such layer",
            selector.span,
            label="selects nothing",
            help=did_you_mean(text, [*attributes, *ALIASES, *RANK_OPEN])
            or 'name a layer of this net, a class, or a quoted pattern, `"layers.*.conv"`',
        )
        return
    found.add(
        "unused-rule",
        f"`freeze` selects {text}, but no such layer has parameters",
        selector.span,
        label="selects nothing",
        help="name a layer of this net, a class, or a quoted pattern",
        severity="warning",
    )


def _is_class(selector: s.Name | s.Literal, title: str) -> bool:
    return isinstance(selector, s.Name) and selector.id == title


def is_class(selector: s.Name | s.Literal) -> bool:
    """Whether a selector means all layers of a class."""
    return isinstance(selector, s.Name) and (selector.id in ALIASES or selector.id in RANK_OPEN)


def selects(
    selector: s.Name | s.Literal, parameter: str, prefix: str, kinds: Mapping[str, str]
) -> bool:
    """Whether a selector means the owner of a parameter, or one that the owner stands in."""
    owner = parameter.rpartition(".")[0]
    relative = owner.removeprefix(prefix)
    match selector:
        case s.Name(id) if id in ALIASES or id in RANK_OPEN:
            titles = {ALIASES.get(id), *RANK_OPEN.get(id, {}).values()}
            return any(kinds.get(name) in titles for name in _and_around(owner))
        case s.Name(id):
            return relative == id or relative.startswith(f"{id}.")
        case s.Literal(value):
            parts = relative.split(".")
            return any(
                fnmatchcase(".".join(parts[:end]), str(value)) for end in range(1, len(parts) + 1)
            )
    return False


def _and_around(owner: str) -> Iterator[str]:
    """A dotted name, and those of what it stands in."""
    while owner:
        yield owner
        owner = owner.rpartition(".")[0]
