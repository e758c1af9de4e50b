"""What the constructor of a class is made of, and how its lines are written: no line in vain."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from netspec import syntax as s
from netspec.plan import Plan
from netspec.program import Line
from netspec.visit import names_in
from netspec.write import write_expression, write_literal


class Assign(NamedTuple):
    """A local variable; it is written where something uses it."""

    target: str
    text: str
    uses: frozenset[str]


class Effect(NamedTuple):
    """A statement that is always written."""

    text: str
    uses: frozenset[str]


class Nest(NamedTuple):
    """A branch or a loop: written where something in it is."""

    header: str
    body: "tuple[Item, ...]"
    other: "tuple[Item, ...]"
    uses: frozenset[str]
    target: Any = None
    iterable: s.Expression | None = None


class Fill(NamedTuple):
    """A container that a loop fills: a comprehension, or a loop where sizes run along."""

    attribute: str
    kind: str
    target: Any
    iterable: s.Expression | None
    times: str
    element: str
    before: "tuple[Item, ...]"
    after: "tuple[Item, ...]"
    uses: frozenset[str]
    variable: str = ""


class Place(NamedTuple):
    """What is made on a device of its own."""

    device: str
    body: "tuple[Item, ...]"


Item = Assign | Effect | Nest | Fill | Place


def needed_names(items: Sequence[Item], wanted: Iterable[str]) -> set[str]:
    """The names that the items use, and those that the local variables among them need."""
    needed = set(wanted)
    while True:
        found = needed | {name for item in items for name in _uses(item, needed)}
        if found == needed:
            return needed
        needed = found


def _is_live(item: Item, needed: set[str]) -> bool:
    match item:
        case Assign(target):
            return target.partition("[")[0] in needed
        case Nest(body=body, other=other):
            return any(_is_live(part, needed) for part in (*body, *other))
        case Place(_, body):
            return any(_is_live(part, needed) for part in body)
    return True


def _uses(item: Item, needed: set[str]) -> set[str]:
    if not _is_live(item, needed):
        return set()
    match item:
        case Assign(uses=uses) | Effect(uses=uses):
            return set(uses)
        case Nest(body=body, other=other, uses=uses):
            return set(uses) | {n for part in (*body, *other) for n in _uses(part, needed)}
        case Place(_, body):
            return {n for part in body for n in _uses(part, needed)}
        case Fill(before=before, after=after, uses=uses):
            return set(uses) | {n for part in (*before, *after) for n in _uses(part, needed)}
    return set()


def defined_names(items: Sequence[Item]) -> set[str]:
    """The local variables of a constructor."""
    found: set[str] = set()
    for item in items:
        match item:
            case Assign(target):
                found.add(target.partition("[")[0])
            case Nest(body=body, other=other, target=target):
                found |= defined_names((*body, *other))
                found |= {name.id for name in names_in(target)} if target else set()
            case Place(_, body):
                found |= defined_names(body)
            case Fill(before=before, after=after, target=target):
                found |= defined_names((*before, *after))
                found |= {name.id for name in names_in(target)} if target else set()
    return found


def write_items(
    items: Sequence[Item],
    needed: set[str],
    plan: Plan,
    depth: int = 0,
    known: set[str] | None = None,
) -> list[Line]:
    """The lines of a constructor; what nothing needs is left out. `known`: lists made before."""
    lines: list[Line] = []
    seen = set[str]() if known is None else known
    for item in items:
        if not _is_live(item, needed):
            continue
        match item:
            case Assign(target, text):
                if text == "{}":
                    if target in seen:
                        continue
                    seen.add(target)
                    lines.append(Line(f"{target}: dict[int, int] = {{}}", depth))
                else:
                    lines.append(Line(f"{target} = {text}", depth))
            case Effect(text):
                lines.append(Line(text, depth))
            case Place(device, body):
                lines.append(Line(f"with torch.device({write_literal(device)}):", depth))
                lines += write_items(body, needed, plan, depth + 1, seen)
            case Nest():
                lines += _write_nest(item, needed, plan, depth)
            case Fill():
                lines += _write_fill(item, needed, plan, depth)
    return lines


def _write_nest(item: Nest, needed: set[str], plan: Plan, depth: int) -> list[Line]:
    body = write_items(item.body, needed, plan, depth + 1)
    other = write_items(item.other, needed, plan, depth + 1)
    header = item.header
    if item.iterable is not None:
        used = {n for part in item.body for n in _uses(part, needed)}
        header = f"for {loop_clause(item.target, item.iterable, used, plan.in_constructor)}:"
    lines = [Line(header, depth), *(body or [Line("pass", depth + 1)])]
    return [*lines, Line("else:", depth), *other] if other else lines


def _write_fill(item: Fill, needed: set[str], plan: Plan, depth: int) -> list[Line]:
    extra = [part for part in (*item.before, *item.after) if _is_live(part, needed)]
    if item.iterable is None:
        clause = f"_ in range({item.times})"
    else:
        used = set(item.uses) | {n for part in extra for n in _uses(part, needed)}
        clause = loop_clause(item.target, item.iterable, used, plan.in_constructor)
    sequential = item.kind == "nn.Sequential"
    if not extra:
        each = f"{item.element} for {clause}"
        code = f"{item.kind}({f'*({each})' if sequential else each})"
        return [Line(f"self.{item.attribute} = {code}", depth)]
    target = item.attribute if sequential else f"self.{item.attribute}"
    start = f"{target}: list[nn.Module] = []" if sequential else f"{target} = nn.ModuleList()"
    lines = [Line(start, depth), Line(f"for {clause}:", depth)]
    lines += write_items(item.before, needed, plan, depth + 1)
    if item.variable and any(_is_live(part, needed) for part in item.after):
        lines.append(Line(f"{item.variable} = {item.element}", depth + 1))
        lines.append(Line(f"{target}.append({item.variable})", depth + 1))
    else:
        lines.append(Line(f"{target}.append({item.element})", depth + 1))
    lines += write_items(item.after, needed, plan, depth + 1)
    if sequential:
        lines.append(Line(f"self.{item.attribute} = nn.Sequential(*{target})", depth))
    return lines


def loop_clause(target: Any, iterable: s.Expression, used: set[str], rename: Any) -> str:
    """`i, width in enumerate(widths)`, with what is not used left out."""
    match target, iterable:
        case (
            s.Targets((s.Name(index), inner)),
            s.Call(s.Name("enumerate"), (s.Argument(None, items),)),
        ) if index not in used:
            return loop_clause(inner, items, used, rename)
    return f"{_loop_target(target, used)} in {write_expression(iterable, rename)}"


def _loop_target(target: Any, used: set[str]) -> str:
    match target:
        case s.Name(id):
            return id if id in used else "_"
        case s.Targets(items):
            parts = [_loop_target(part, used) for part in items]
            nested = [
                f"({text})" if isinstance(part, s.Targets) else text
                for part, text in zip(items, parts, strict=True)
            ]
            return ", ".join(nested)
    raise TypeError(target)
