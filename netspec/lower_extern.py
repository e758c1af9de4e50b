"""Find which classes hold what is written in Python, and write what keeps rules out of it."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from netspec.catalogue.registry import is_own
from netspec.names import free_name
from netspec.plan import Plan
from netspec.pool import ClassPool
from netspec.program import Line
from netspec.visit import names_in


class _Inside(NamedTuple):
    """What a rule goes through, to be left alone: for externs, for registered layers, or both.

    An extern is left alone by `init` rules, `freeze` may name it as a whole. A registered layer is
    a layer like any other, but the layers that it is made of are left alone.
    """

    externs: bool
    composites: bool
    clauses: tuple[str, ...]


_INSIDE = {  # by the variable
    "imported": _Inside(True, True, ("for {inner} in {part}.modules()",)),
    "inner_modules": _Inside(
        True, True, ("for {inner} in {part}.modules()", "if {inner} is not {part}")
    ),
    "imported_parts": _Inside(
        True, False, ("for {inner} in {part}.modules()", "if {inner} is not {part}")
    ),
    "imported_parameters": _Inside(True, False, ("for {inner} in {part}.parameters()",)),
    "inner_parameters": _Inside(
        False, True, ("for {child} in {part}.children()", "for {inner} in {child}.parameters()")
    ),
}


class _Held(NamedTuple):
    """What a class holds of the author's own, as the program calls it.

    `composites`: registered layers that are made of others; `plain`: those whose parameters and
    buffers are all their own.
    """

    externs: set[str]
    composites: set[str]
    plain: set[str]


def held_in(plan: Plan, pool: ClassPool, seen: set[str]) -> _Held:
    """The externs and registered layers that a class holds, those of its parts included."""
    held = _Held(set(), set(), set())
    if plan.name in seen:
        return held
    seen.add(plan.name)
    entries = [fact.entry for span, fact in plan.facts.externs.items() if plan.holds(span)]
    if plan.handed:  # what is handed to it may be any of them
        entries += pool.externs
        held.composites.update(pool.aliases.values())
    held.externs.update(pool.extern_name(entry) for entry in entries)
    for span, fact in plan.facts.layers.items():
        if plan.holds(span) and is_own(type(fact.layer)):
            names = (*fact.layer.parameters(), *fact.layer.buffers())
            kind = held.composites if any("." in name for name in names) else held.plain
            kind.add(pool.layer_class(type(fact.layer).__name__))
    for span, block in plan.facts.blocks.items():
        if plan.holds(span):
            inner = held_in(pool.block_class(block).plan, pool, seen)
            for mine, theirs in zip(held, inner, strict=True):
                mine.update(theirs)
    held.plain.difference_update(held.composites)
    return held


class Outside:
    """The variables for what rules leave alone, each worked out once."""

    def __init__(self, plan: Plan, pool: ClassPool) -> None:
        self.pool = pool
        near = bool(pool.externs or pool.aliases)
        self.held = held_in(plan, pool, set()) if near else _Held(set(), set(), set())
        self.taken = {name.id for name in names_in(tuple(plan.facts.definition))}
        self.taken |= self.held.externs | self.held.composites
        self.names: dict[str, str] = {}

    def beside(self, classes: Collection[str]) -> set[str]:
        """What the class holds of the author's own beside instances of these."""
        return set().union(*self.held) - set(classes)

    def plain(self) -> str:
        """The classes of registered layers that are not made of others, as isinstance takes them.

        They may derive from one of torch.nn.
        """
        return _either(sorted(self.held.plain))

    def variable(self, kind: str, lines: list[Line]) -> str:
        """The variable of a kind, "" where nothing is to be left alone; it is set in `lines`."""
        inside = _INSIDE[kind]
        held = (self.held.externs if inside.externs else set()) | (
            self.held.composites if inside.composites else set()
        )
        if held and kind not in self.names:
            self.names[kind] = self._free(kind)
            self.pool.imported |= held & self.held.externs
            names = {key: self._free(key) for key in ("part", "inner", "child")}
            lines.append(Line(f"{self.names[kind]} = {{"))
            lines += [
                Line(text, 1)
                for text in (
                    names["inner"],
                    f"for {names['part']} in self.modules()",
                    f"if isinstance({names['part']}, {_either(sorted(held))})",
                    *(clause.format(**names) for clause in inside.clauses),
                )
            ]
            lines.append(Line("}"))
        return self.names.get(kind, "")

    def _free(self, name: str) -> str:
        return free_name(name, lambda candidate: candidate in self.taken)


def _either(classes: Sequence[str]) -> str:
    return classes[0] if len(classes) == 1 else f"({', '.join(classes)})" if classes else ""
