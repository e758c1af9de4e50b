"""Turn what crosses between the parts of a definition into the moves that its forward makes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from netspec import syntax as s
from netspec.code_text import ATOM, Text
from netspec.lower_placement import device_of, device_of_rest
from netspec.names import free_name
from netspec.placement import Copy, crossings_of
from netspec.plan import Plan
from netspec.pool import ClassPool
from netspec.program import Line


class Around(NamedTuple):
    """The copies that stand before a statement, and those behind it."""

    before: Sequence[Copy]
    behind: Sequence[Copy]


class Moves:
    """Where the present statement is run, and how tensors come there and go from there.

    `first`: the first tensor that flows in. `taken`: names that are in use.
    """

    def __init__(self, plan: Plan, pool: ClassPool, first: str, taken: set[str]) -> None:
        definition = plan.facts.definition
        self._plan = plan
        self._pool = pool
        self._first = first
        self._crossings = crossings_of(definition, plan.facts.names)
        self._taken = taken | self._crossings.names
        self._rest = self._crossings.places.get(plan.loop.span) if plan.loop else None
        self._rest_name = ""  # the variable for the device of the input
        self._place = self._rest
        self._readings: dict[str, str | None] = {}  # how the present statement reads tensors

    @contextmanager
    def at(self, statement: s.Statement) -> Iterator[Around]:
        """Be where a statement is run."""
        crossings, span = self._crossings, statement.span
        before = self._place, self._readings
        self._place = crossings.places.get(span)
        self._readings = crossings.readings.get(span, {})
        yield Around(crossings.before.get(span, ()), crossings.behind.get(span, ()))
        self._place, self._readings = before

    def from_home(self, name: str, text: Text) -> Text:
        """A bare tensor or a kept value, read here."""
        homes = self._crossings.homes
        return self._moved(text, homes[name], self._place) if name in homes else text

    def from_rest(self, text: Text) -> Text:
        """What a turn is handed from outside of all parts, read here."""
        return self._moved(text, self._rest, self._place)

    def read(self, name: str, typed: bool) -> Text:
        """A tensor by its name, read here."""
        if name not in self._readings:
            return Text(name, typed=typed)
        copy = self._readings[name]
        if copy:
            return Text(copy, typed=typed)
        return Text(f"{name}.to({self.here()})", ATOM, typed)

    def to_home(self, name: str, text: Text) -> Text:
        """A value from here, to be kept in `name`."""
        return self._moved(text, self._place, self._crossings.homes.get(name))

    def at_input(self) -> bool:
        """Whether the present statement is run where the definition itself is."""
        return self._place is None

    def to_input(self, text: Text) -> Text:
        """A value from here, on the device of a block's input."""
        return self._moved(text, self._place, None)

    def copied(self, copy: Copy) -> str:
        """The line that makes a copy."""
        return f"{copy.variable} = {copy.name}.to({self._device(copy.target)})"

    def here(self) -> str:
        """The device of the present statement, as forward writes it."""
        return self._device(self._place)

    def rest_line(self) -> list[Line]:
        """The line that takes the device of what stands in no part from the input."""
        if not self._rest_name:
            return []
        return [Line(f"{self._rest_name} = {device_of_rest(self._plan, self._pool, self._first)}")]

    def _device(self, device: str | None) -> str:
        """A device, as forward writes it."""
        if device == self._rest:
            if not self._rest_name:
                self._rest_name = free_name("device", lambda name: name in self._taken)
            return self._rest_name
        assert device is not None
        return device_of(self._plan, self._pool, device, self._first)

    def _moved(self, text: Text, source: str | None, target: str | None) -> Text:
        """A tensor on another device."""
        if source == target:
            return text
        return Text(f"{text.at(ATOM)}.to({self._device(target)})", ATOM, text.typed)
