"""Find which classes hold what is written in Python, and write what keeps rules out of it."""

from netspec.names import free_name
from netspec.plan import Plan
from netspec.pool import ClassPool
from netspec.program import Line
from netspec.visit import names_in

# What a rule goes through, by the variable for what it must leave alone: an `init` rule leaves all
# of an extern alone, `freeze` may name it as a whole.
_INSIDE = {
    "imported": ("for {inner} in {part}.modules()",),
    "imported_parameters": ("for {inner} in {part}.parameters()",),
    "imported_parts": ("for {inner} in {part}.modules()", "if {inner} is not {part}"),
}


def externs_in(plan: Plan, pool: ClassPool, seen: set[str]) -> set[str]:
    """The externs that a class holds, those of its parts included, as the program calls them."""
    if plan.name in seen:
        return set()
    seen.add(plan.name)
    entries = [fact.entry for span, fact in plan.facts.externs.items() if plan.holds(span)]
    if plan.handed:  # what is handed to it may be any of them
        entries += pool.externs
    found = {pool.extern_name(entry) for entry in entries}
    for span, block in plan.facts.blocks.items():
        if plan.holds(span):
            found |= externs_in(pool.block_class(block).plan, pool, seen)
    return found


class Outside:
    """The variables for what rules leave alone, each worked out once."""

    def __init__(self, plan: Plan, pool: ClassPool) -> None:
        self.pool = pool
        self.externs = sorted(externs_in(plan, pool, set())) if pool.externs else []
        self.taken = {name.id for name in names_in(tuple(plan.facts.definition))}
        self.taken |= set(self.externs)
        self.names: dict[str, str] = {}

    def variable(self, kind: str, lines: list[Line]) -> str:
        """The variable of a kind, "" where nothing is written in Python; it is set in `lines`."""
        if self.externs and kind not in self.names:
            self.names[kind] = self._free(kind)
            self.pool.imported |= set(self.externs)
            part, inner = self._free("part"), self._free("inner")
            classes = ", ".join(self.externs)
            test = classes if len(self.externs) == 1 else f"({classes})"
            clauses = [clause.format(part=part, inner=inner) for clause in _INSIDE[kind]]
            lines.append(Line(f"{self.names[kind]} = {{"))
            lines += [
                Line(text, 1)
                for text in (
                    inner,
                    f"for {part} in self.modules()",
                    f"if isinstance({part}, {test})",
                    *clauses,
                )
            ]
            lines.append(Line("}"))
        return self.names.get(kind, "")

    def _free(self, name: str) -> str:
        return free_name(name, lambda candidate: candidate in self.taken)
