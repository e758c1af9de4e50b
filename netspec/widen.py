"""Find the sizes that change from turn to turn of a loop, and put variables in their place."""

from collections.abc import Collection, Mapping

from netspec.dim import Dim
from netspec.facts import Running
from netspec.flow import Value, flows_in
from netspec.resize import with_size
from netspec.size_names import SizeNames
from netspec.source import Span
from netspec.substitute import symbols

_Place = tuple[str, int, int]  # a name, which of its tensors, which axis


class Widening:
    """The sizes of one loop that change, as far as they are known.

    The loop is run again from its start, until no turn changes a size that has no name yet.
    """

    def __init__(self, span: Span, names: SizeNames) -> None:
        self._span = span
        self._size_names = names
        self._names: dict[_Place, str] = {}
        self._entries: dict[str, Dim] = {}  # what a size is before the first turn
        self._updates: dict[str, Dim] = {}  # what it is after a turn

    def begin(self, flows: dict[str, Value]) -> None:
        """Put names in place of the sizes that change, in front of the first turn."""
        self._entries, self._updates = {}, {}
        for (variable, place, axis), name in self._names.items():
            old = flows_in(flows[variable])[place].type.shape[axis]
            self._entries[name] = old
            new = self._size_names.variable(name, old)
            flows[variable] = with_size(flows[variable], place, axis, new)

    def finds_more(self, before: Mapping[str, Value], after: Mapping[str, Value]) -> bool:
        """Compare the sizes before and after a turn; True where another one got a name."""
        found = False
        for variable, value in before.items():
            now = after.get(variable, value)
            for place, (a, b) in enumerate(zip(flows_in(value), flows_in(now), strict=False)):
                for axis, (old, new) in enumerate(zip(a.type.shape, b.type.shape, strict=False)):
                    key = (variable, place, axis)
                    if key in self._names:
                        self._updates[self._names[key]] = new
                    elif old != new:
                        name = self._size_names.name(self._span, *key, b.type.rank)
                        self._names[key] = name
                        found = True
        return found

    def next_turn(self, flows: dict[str, Value]) -> None:
        """Name the changed sizes again, with the values that the next turn begins with."""
        for (variable, place, axis), name in self._names.items():
            value = flows.get(variable)
            if value is None or place >= len(flows_in(value)):
                continue
            new = self._size_names.variable(name, flows_in(value)[place].type.shape[axis])
            flows[variable] = with_size(value, place, axis, new)

    def running(self) -> list[Running]:
        """The sizes that have got names: variables that run along."""
        return [
            Running(name, entry, self._updates.get(name, entry))
            for name, entry in self._entries.items()
        ]

    def settle(self, flows: dict[str, Value], own: Collection[str]) -> None:
        """Write behind a loop that has a turn what each turn sets a size to.

        `own`: the names of the loop, that mean nothing there.
        """
        for (variable, place, axis), name in self._names.items():
            update = self._updates.get(name)
            if update is not None and not symbols(update) & {*self._entries, *own}:
                flows[variable] = with_size(flows[variable], place, axis, update)
