"""Take the parts of nets that have devices of their own apart, and find what crosses between them.

A device is known by its name; None stands for the rest: what lives where the net does.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from netspec import syntax as s
from netspec.names import free_name
from netspec.naming import Names
from netspec.source import Span
from netspec.visit import elements_of, names_in, statements_in

# ---- apart ---------------------------------------------------------------------------------------


def take_apart(file: s.File) -> s.File:
    """A file whose `on` statements stand in `parts`, and their bodies in their place.

    A part changes where things are, not what they mean: no phase after this one meets it again.
    """
    items = (_flat(item) if isinstance(item, s.Net | s.Block) else item for item in file.items)
    return file._replace(items=tuple(items))


def _flat(definition: Any) -> Any:
    parts: list[s.On] = []
    body = tuple(_statements(definition.body, parts))
    return definition._replace(body=body, parts=tuple(parts))


def _statements(body: Sequence[s.Statement], parts: list[s.On]) -> Iterator[s.Statement]:
    for statement in body:
        match statement:
            case s.On(body=inner):
                parts.append(statement)
                yield from _statements(inner, parts)
            case s.For(body=inner):
                yield statement._replace(body=tuple(_statements(inner, parts)))
            case s.If(then=then, other=other):
                yield statement._replace(
                    then=tuple(_statements(then, parts)), other=tuple(_statements(other, parts))
                )
            case _:
                yield statement


def device_at(definition: "s.Net | s.Block", span: Span, inside: s.For | None = None) -> str | None:
    """The device of the innermost part around a place; only of parts `inside` a loop, if given."""
    around = [
        part
        for part in definition.parts
        if contains(part.span, span) and (inside is None or contains(inside.span, part.span))
    ]
    return str(around[-1].device.value) if around else None


def contains(outer: Span, inner: Span) -> bool:
    """Whether a place stands inside another, or is it."""
    return outer.start <= inner.start and inner.end <= outer.end


# ---- what crosses --------------------------------------------------------------------------------


class Move(NamedTuple):
    """A tensor that goes from one device to another; `name` is "" for what a block returns."""

    name: str
    source: str | None
    target: str | None
    span: Span


class Copy(NamedTuple):
    """A line of forward, `variable = name.to(target)`."""

    variable: str
    name: str
    target: str | None


def crossings_of(definition: "s.Net | s.Block", names: Names) -> "Crossings":
    """What crosses between the parts of a definition whose layers are called `names`."""
    return Crossings(definition, {span for span, loop in names.loops.items() if loop.level})


class Crossings:
    """What crosses between the parts of a definition, and where forward moves it.

    `places`: the device that each statement is run on. `before`, `behind`: the lines that move
    tensors, by the statement that they stand around. `readings`: how a statement reads a tensor
    that is elsewhere: by another name, or None for a move on the spot. `homes`: the devices of bare
    tensors and of kept values, which are moved wherever they are read.
    """

    def __init__(self, definition: "s.Net | s.Block", levels: set[Span]) -> None:
        self.definition = definition
        self.levels = levels  # the loops whose turns have a forward of their own
        self.places: dict[Span, str | None] = {}
        self.before: dict[Span, list[Copy]] = {}
        self.behind: dict[Span, list[Copy]] = {}
        self.readings: dict[Span, dict[str, str | None]] = {}
        self.homes: dict[str, str | None] = {
            item.name.id: device_at(definition, item.span)
            for item in statements_in(definition.body)
            if isinstance(item, s.Variable)
        }
        self.moves: list[Move] = []
        self.names = {name.id for name in names_in(definition.body)}
        where = _Where({item.name.id: None for item in definition.inputs}, {}, None, ())
        if definition.parts:
            self._run(definition.body, where, set())

    def _run(self, body: Sequence[s.Statement], where: "_Where", after: set[str]) -> None:
        """Follow the tensors through a body; `after`: the names that are read once it has run."""
        for number, statement in enumerate(body):
            rest = body[number + 1 :]
            live = (after - _given(rest)) | exposed(rest)
            place = self.places[statement.span] = self._place(statement)
            self._enter(statement, place, rest, live, where, after)
            self._inside(statement, place, live, where)
            for name in _touched([statement]):
                where.located[name] = place
                where.copies.pop(name, None)
        for name in sorted(after & _touched(body)):
            place = where.located[name]
            if place != where.context:
                copy = Copy(name, name, where.context)
                self.behind.setdefault(body[-1].span, []).append(copy)
                self.moves.append(Move(name, place, where.context, body[-1].span))
                where.located[name] = where.context

    def _place(self, statement: s.Statement) -> str | None:
        """Where a statement is run: a loop there where all that it does is."""
        if isinstance(statement, s.For):
            inner = {
                self._place(item)
                for item in statement.body
                if isinstance(item, s.Assign | s.For | s.If)
            }
            if len(inner) == 1:
                return inner.pop()
        return device_at(self.definition, statement.span)

    def _inside(
        self, statement: s.Statement, place: str | None, live: set[str], where: "_Where"
    ) -> None:
        match statement:
            case s.For(span=span, body=body):
                inner = where.inside(place, span in self.levels)
                self._run(body, inner, live | exposed(body))
            case s.If(then=then, other=other):
                for side in (then, other):
                    self._run(side, where.inside(place, False), live)
            case s.Assign(target, span=span):
                for element in elements_of(target):
                    name = element.name.id
                    home = self.homes.setdefault(name, (*where.anchors, place)[0])
                    if home != place:
                        self.moves.append(Move(name, place, home, span))
            case s.Return(span=span) if isinstance(self.definition, s.Block) and place is not None:
                self.moves.append(Move("", place, None, span))

    def _enter(
        self,
        statement: s.Statement,
        place: str | None,
        rest: Sequence[s.Statement],
        live: set[str],
        where: "_Where",
        after: set[str],
    ) -> None:
        """Move what a statement reads to where it is run."""
        simple = not isinstance(statement, s.For | s.If)
        for name, span in self._wanted(statement, live).items():
            if name in self.homes:
                if simple and self.homes[name] != place:
                    self.moves.append(Move(name, self.homes[name], place, span))
                continue
            source = where.located.get(name, place)
            if source == place:
                continue
            readings = self.readings.setdefault(statement.span, {})
            given = name in _given([statement])
            uncertain = not given and name in _touched([statement])
            if not uncertain and place in where.copies.get(name, {}):
                readings[name] = where.copies[name][place]
                continue
            self.moves.append(Move(name, source, place, span))
            later = set() if given else _later(name, rest, self._place, where.context, after)
            if later <= {place} or uncertain:
                self.before.setdefault(statement.span, []).append(Copy(name, name, place))
                where.located[name] = place
                where.copies.pop(name, None)
            elif simple and place not in later and _count(statement, name) == 1:
                readings[name] = None
            else:
                variable = free_name(f"{name}_there", lambda known: known in self.names)
                self.names.add(variable)
                self.before.setdefault(statement.span, []).append(Copy(variable, name, place))
                where.copies.setdefault(name, {})[place] = variable
                readings[name] = variable

    def _wanted(self, statement: s.Statement, live: set[str]) -> dict[str, Span]:
        """The names that a statement reads, with the first place of each.

        A name that a loop or branch may give a value, or not, has to be on one device after it.
        """
        wanted = exposed([statement]) | (_touched([statement]) - _given([statement])) & live
        found: dict[str, Span] = {}
        for name in names_in(statement):
            if name.id in wanted:
                found.setdefault(name.id, name.span)
        return found


class _Where(NamedTuple):
    """Where tensors are: under their own names, and as copies under others.

    `context`: the device of the body. `anchors`: those of the loops and branches around it that
    decide where kept values go.
    """

    located: dict[str, str | None]
    copies: dict[str, dict[str | None, str]]
    context: str | None
    anchors: tuple[str | None, ...]

    def inside(self, place: str | None, level: bool) -> "_Where":
        """The same inside a loop or branch; the turns of a level are handed all they read."""
        if level:
            return _Where({}.fromkeys(self.located, place), {}, place, (place,))
        copies = {name: dict(known) for name, known in self.copies.items()}
        return _Where(dict(self.located), copies, place, self.anchors or (place,))


def exposed(body: Sequence[s.Statement]) -> set[str]:
    """The names that a body reads before it gives them a value."""
    found: set[str] = set()
    given: set[str] = set()
    for statement in body:
        match statement:
            case s.Assign(value=value) | s.Return(value=value):
                reads = {name.id for name in names_in(value)}
            case s.For(body=inner):
                reads = exposed(inner)
            case s.If(then=then, other=other):
                reads = exposed(then) | exposed(other)
            case _:
                continue
        found |= reads - given
        given |= _given([statement])
    return found


def _given(body: Sequence[s.Statement]) -> set[str]:
    """The names that a body gives a value in any case."""
    found: set[str] = set()
    for statement in body:
        match statement:
            case s.Assign(target):
                found |= _targets(target)
            case s.If(then=then, other=other):
                found |= _given(then) & _given(other)
    return found


def _touched(body: Sequence[s.Statement]) -> set[str]:
    """The names that a body gives a value in some case."""
    statements = statements_in(tuple(body))
    return {n for item in statements if isinstance(item, s.Assign) for n in _targets(item.target)}


def _targets(target: Any) -> set[str]:
    match target:
        case s.Name(id):
            return {id}
        case s.Targets(items):
            return {name for item in items for name in _targets(item)}
    return set()


def _later(
    name: str, rest: Sequence[s.Statement], place: Any, context: str | None, after: set[str]
) -> set[str | None]:
    """The devices on which the present value of a name is read later."""
    found: set[str | None] = set()
    for statement in rest:
        if name in exposed([statement]) | _touched([statement]) - _given([statement]):
            found.add(place(statement))
        if name in _given([statement]):
            return found
    return found | {context} if name in after else found


def _count(statement: s.Statement, name: str) -> int:
    assert isinstance(statement, s.Assign | s.Return)
    return sum(found.id == name for found in names_in(statement.value))
