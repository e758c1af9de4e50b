"""Turn the sizes that change in a definition into the variables of its constructor."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from netspec import syntax as s
from netspec.catalogue.layer import Layer
from netspec.dim import Dim, Expression, form_of
from netspec.facts import Running
from netspec.form import form_names, write
from netspec.items import Assign
from netspec.no_formula import report_no_formula
from netspec.plan import Plan
from netspec.pool import ClassPool
from netspec.source import Span
from netspec.substitute import atoms, symbols
from netspec.visit import elements_of, names_in
from netspec.write import write_expression


class Sizes:
    """The sizes of one class: how its constructor writes them, and which it keeps in variables."""

    def __init__(self, plan: Plan, pool: ClassPool) -> None:
        self.plan = plan
        self.pool = pool
        self._elements: dict[Any, str] = {}  # names of loops for elements of lists: `width`

    def wanted(self) -> set[str]:
        """The names that arguments of layers and blocks mention, or that those depend on."""
        facts = self.plan.facts
        found: set[str] = set()
        for fact in facts.layers.values():
            for part in fact.layer.whole():
                for field in part.fields().values():
                    if field.inferred:
                        found |= names_of(getattr(part, field.name, None))
        for block in facts.blocks.values():
            for name in self.pool.block_class(block).dims:
                found |= names_of(block.dims[name])
        changing = {
            r.name: names_of(r.update) | names_of(r.entry)
            for rs in facts.running.values()
            for r in rs
        } | {
            j.name: names_of(j.then) | names_of(j.other) for js in facts.joined.values() for j in js
        }
        for name, dim in (one for lists in facts.kept.values() for one in lists):
            changing[name] = changing.get(name, set()) | names_of(dim)
        for _ in changing:
            for name, names in changing.items():
                found |= names if name in found else set()
        return found

    def sized(self, dim: Dim) -> tuple[str, set[str]]:
        """A size as the place writes it, and the names that it mentions."""
        facts = self.plan.facts
        if isinstance(dim, Expression) and any(a.frame != facts.frame for a in atoms(dim)):
            owner = facts.definition.name
            report_no_formula(f"a size of {owner.id}", owner.span, facts.found, own=False)
        if dim in self._elements:
            return self._elements[dim], {self._elements[dim]}
        return write(form_of(dim), self.plan.in_constructor), names_of(dim)

    def assign(self, name: str, dim: Dim) -> Assign:
        text, uses = self.sized(dim)
        return Assign(name, text, frozenset(uses))

    def entries(self, span: Span) -> list[Assign]:
        """What the sizes that run along in a loop or `repeat` are before it."""
        running = [r for r in self._running(span) if _text(r.entry) != r.name]
        return [self.assign(r.name, r.entry) for r in running]

    def updates(self, span: Span) -> list[Assign]:
        """What the sizes that run along in a loop or `repeat` become at the end of a turn."""
        running = [r for r in self._running(span) if _text(r.update) != r.name]
        return [self.assign(r.name, r.update) for r in running]

    def _running(self, span: Span) -> list[Running]:
        wanted = self.wanted()
        return [r for r in self.plan.facts.running.get(span, ()) if r.name in wanted]

    def sides(self, branch: s.If) -> tuple[list[Assign], list[Assign]]:
        """What both sides of a branch make of the sizes that differ between them."""
        wanted = self.wanted() | self.plan.exports
        joined = [j for j in self.plan.facts.joined.get(branch.span, ()) if j.name in wanted]
        then = [self.assign(j.name, j.then) for j in joined]
        return then, [self.assign(j.name, j.other) for j in joined]

    def kept(self, loop: s.For) -> list[Assign]:
        """The lists of sizes that stores in a loop fill."""
        found: list[Assign] = []
        for statement in loop.body:
            for element in elements_of(statement.target) if isinstance(statement, s.Assign) else ():
                index = write_expression(element.at, self.plan.in_constructor)
                uses = {name.id for name in names_in(element.at)}
                for name, dim in self.plan.facts.kept.get(element.span, ()):
                    text = write(form_of(dim), self.plan.in_constructor)
                    found.append(Assign(f"{name}[{index}]", text, frozenset(uses | names_of(dim))))
        return found

    def exports(self, loop: s.For) -> set[str]:
        """The sizes that run along inside a turn, and that the next turn begins with."""
        facts = self.plan.facts
        inner = {
            item.name
            for spans in (facts.running, facts.joined)
            for span, found in spans.items()
            if loop.span.start < span.start and span.end <= loop.span.end
            for item in found
        }
        wanted = self.wanted()
        return {
            name
            for r in facts.running.get(loop.span, ())
            if r.name in wanted
            for name in names_of(r.update) & inner
        }

    @contextmanager
    def inside(self, loop: s.For) -> Iterator[None]:
        """While this lasts, elements of lists are written as the variables of the loop."""
        outer = self._elements
        self._elements = outer | self._elements_of(loop)
        yield
        self._elements = outer

    def _elements_of(self, loop: s.For) -> dict[Any, str]:
        """The elements of lists that the variables of a loop stand for."""
        found: dict[Any, str] = {}
        for name in names_in(loop.target):
            value = self.plan.facts.examples.get(name.id)
            if isinstance(value, Expression) and symbols(value) != {name.id}:
                found[value] = name.id
        return found


def from_turn(item: Assign, exports: set[str], variable: str) -> Assign:
    """An update of a size that a turn has worked out: it is read from the turn's attributes."""
    if not item.uses & exports:
        return item
    text = re.sub(
        r"[^\W\d]\w*",
        lambda m: f"{variable}.{m[0]}" if m[0] in exports else m[0],
        item.text,
    )
    return Assign(item.target, text, item.uses - exports)


def names_of(value: Any) -> set[str]:
    """The names that a size mentions as it is written."""
    if isinstance(value, tuple | list):
        return {name for item in value for name in names_of(item)}
    return form_names(form_of(value)) if not isinstance(value, str | None) else set()


def names_inferred(layer: Layer) -> set[str]:
    """The names that the sizes mention which the input decides."""
    return {
        name
        for field in layer.fields().values()
        if field.inferred and field.name not in layer.given
        for name in names_of(getattr(layer, field.name))
    }


def _text(dim: Dim) -> str:
    return write(form_of(dim))
