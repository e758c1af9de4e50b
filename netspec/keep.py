"""Keep a value under an index with sizes for each index, and give them for the one that is read."""

from typing import Any

from netspec import syntax as s
from netspec.dim import Dim, Expression, Lookup, lookup, symbol, value_of
from netspec.evaluate import Scope
from netspec.facts import Facts
from netspec.flow import Bundle, Flow, Value, flows_in
from netspec.resize import resized, with_size
from netspec.substitute import atoms, own_form, substitute
from netspec.symbol import Opaque, Symbol
from netspec.visit import elements_of, names_in, statements_in


class KeptSizes:
    """The sizes of what one definition keeps; those that no index gives stand in lists."""

    def __init__(self, facts: Facts, scope: Scope) -> None:
        self._facts = facts
        self._scope = scope
        self._lists: dict[str, dict[Any, Any]] = {}  # by name and index
        self._under: dict[tuple[str, Any], str] = {}  # the name of a loop that is the index

    def template(
        self, target: s.Element, value: Value, index: Any
    ) -> tuple[Value, list[tuple[str, Dim]]]:
        """A value as it is kept, and the sizes of it that lists take up, with the lists' names."""
        lists: list[tuple[str, Dim]] = []
        loops = self._loops_around(target)
        own = _alone(index) if loops else ""
        self._under[target.name.id, _number(index)] = own
        if not loops or not isinstance(index, int | Expression):
            return value, lists
        changing = self._changing(loops)
        for place, flow in enumerate(flows_in(value)):
            for axis, dim in enumerate(flow.type.shape):
                if not _names_in(dim, own) & changing:
                    continue
                name = self._list_name(target.name.id, flow, place, axis)
                items = self._lists.setdefault(name, {})
                items[value_of(index)] = value_of(dim)
                lists.append((name, dim))
                kept = lookup(name, (index,), items, self._scope.frame)
                value = with_size(value, place, axis, kept)
        if lists and not _is_filled(target, loops):
            self._facts.unfilled |= {name: target.span for name, _ in lists}
        return value, lists

    def at_index(self, value: Value, name: str, at: Any, index: Any) -> Value:
        """What was kept under `at`, for the index that is read: `skip[i]` for `skip[j]`."""
        own = self._under.get((name, at), "")
        if not isinstance(value, Flow | Bundle) or not isinstance(index, int | Expression):
            return value
        return resized(value, lambda dim: self._at_index(dim, own, index))

    def _at_index(self, dim: Dim, own: str, index: Dim) -> Dim:
        if not isinstance(dim, Expression):
            return dim
        moved = substitute(dim, {own: index}) if own else dim
        for atom in atoms(moved):
            alone = isinstance(atom, Lookup) and moved == Expression({(atom,): 1})
            if isinstance(atom, Lookup) and alone and atom.name in self._lists:
                moved = lookup(atom.name, (index,), atom.items, atom.frame)
        return own_form(moved) if isinstance(moved, Expression) else moved

    def _list_name(self, name: str, flow: Flow, place: int, axis: int) -> str:
        stem = "channels" if axis == 1 and flow.type.rank > 2 else f"size{axis}"
        return f"{name}_{stem}" + (f"_{place}" if place else "")

    def _changing(self, loops: list[s.For]) -> set[str]:
        """The names that mean something else in another turn of the loops around a place."""
        bound = {name.id for loop in loops for name in names_in(loop.target)}
        running = {one.name for several in self._facts.running.values() for one in several}
        joined = {
            one.name
            for span, several in self._facts.joined.items()
            for one in several
            if not any(loop.span.start <= span.start < loop.span.end for loop in loops)
        }
        sizes = {name for name in self._scope.parametric if name not in self._scope}
        return bound | running | (sizes - joined)

    def _loops_around(self, target: s.Element) -> list[s.For]:
        return [
            item
            for item in statements_in(self._facts.definition.body)
            if isinstance(item, s.For)
            and item.span not in self._facts.opened
            and item.span.start <= target.span.start
            and target.span.end <= item.span.end
        ]


def _number(index: Any) -> Any:
    return value_of(index) if isinstance(index, Expression) else index


def _alone(index: Any) -> str:
    """The name that an index is, "" where it is none."""
    for atom in atoms(index) if isinstance(index, Expression) else ():
        if isinstance(atom, Symbol) and index == symbol(atom.name, None, atom.frame):
            return "" if isinstance(atom, Opaque) else atom.name
    return ""


def _names_in(dim: Dim, own: str) -> set[str]:
    """The names that a size depends on, but for the index `own` where another can replace it."""
    found: set[str] = set()
    for atom in atoms(dim):
        if isinstance(atom, Opaque):
            found |= {atom.name, *atom.names}
        elif isinstance(atom, Symbol) and atom.name != own:
            found.add(atom.name)
    return found


def _is_filled(target: s.Element, loops: list[s.For]) -> bool:
    """Whether the constructor fills the lists: in the body of one loop, in each turn."""
    body = loops[0].body
    return len(loops) == 1 and any(
        isinstance(item, s.Assign) and target in elements_of(item.target) for item in body
    )
