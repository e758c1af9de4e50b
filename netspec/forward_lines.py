"""The lines of a forward while they are written: how deep they stand, what comes before a loop."""

from collections.abc import Iterator
from contextlib import contextmanager

from netspec.program import Line


class Lines:
    """Lines that grow; `depth`: how deep the next one stands."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.depth = 0
        self._outermost = self.lines  # those that stand in no loop or branch
        self._outer = 0  # the line at which the outermost loop or branch begins
        self._stores: set[str] = set()

    def add(self, text: str, comment: str = "") -> None:
        self.lines.append(Line(text, self.depth, comment))

    def add_inside(self, text: str) -> None:
        """A line of what the last line opens."""
        self.lines.append(Line(text, self.depth + 1))

    def begin_loop(self) -> None:
        """Keep in mind where a loop or branch begins that stands in no other."""
        if not self.depth:
            self._outer = len(self.lines)

    def hand(self, name: str) -> None:
        """Take the dictionary of kept values for made: the forward is handed it."""
        self._stores.add(name)

    def store(self, name: str, annotation: str = "") -> None:
        """Make the dictionary of kept values, before the loop or branch that fills it."""
        if name in self._stores:
            return
        self._stores.add(name)
        place = self._outer if self.depth else len(self._outermost)
        self._outermost.insert(place, Line(f"{name}{annotation and f': {annotation}'} = {{}}"))

    @contextmanager
    def apart(self) -> Iterator[list[Line]]:
        """Collect the lines that are written meanwhile, one level deeper."""
        self.begin_loop()
        inner: list[Line] = []
        outer, self.lines = self.lines, inner
        self.depth += 1
        yield inner
        self.depth -= 1
        self.lines = outer
