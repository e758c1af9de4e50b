"""What is being built while a net is checked: its layers by name, and the steps that it takes."""

from collections.abc import Iterator
from contextlib import contextmanager

from netspec import syntax as s
from netspec.bounds import current
from netspec.catalogue.layer import Layer
from netspec.check_init import Ruled, RuleScope
from netspec.diagnostic import Diagnostic, Diagnostics
from netspec.dim import Dim
from netspec.evaluate import Scope
from netspec.graph import BuiltLayer, BuiltVariable, Failure, Step
from netspec.home import Entry, Home
from netspec.naming import Names
from netspec.resolve import names_of
from netspec.source import Span


class Made:
    """A layer that has been built, with the sizes that its first input settled."""

    def __init__(
        self, layer: Layer, stage: s.Stage, span: Span, scope: Scope, found: Diagnostics
    ) -> None:
        self.layer = layer
        self.stage = stage
        self.span = span
        self.scope = scope
        self.found = found
        self.settled: dict[str, Dim] = {}


class Exhausted(Exception):
    """The check of a net takes more steps than it may; that has been reported."""


class Site:
    """What is being built: the layers of the whole net by name, and the steps that it takes."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.devices: dict[str, None] = {}  # those of parts
        self.located: dict[str, str] = {}  # the devices of layers and bare tensors in parts
        self.made: dict[str, Made] = {}
        self.failed: set[str] = set()
        self.variables: dict[str, BuiltVariable] = {}
        self.externs: dict[str, Entry] = {}
        self.ties: dict[str, str] = {}
        self.tied_at: dict[str, tuple[Span, Diagnostics]] = {}  # where the ties stand
        self.frozen: set[str] = set()
        self.rules: list[RuleScope] = []
        self.steps: list[Step] = []
        self.opened: set[tuple[str, Span]] = set()  # branches, by file, that only data decides
        self.names: dict[tuple[str, Span], Names] = {}
        self.place = ""
        self.muted = 0
        self.spent = 0

    def spend(self, span: Span, found: Diagnostics) -> None:
        """Count a step.

        Raises:
            Exhausted: after reporting one too many.
        """
        self.spent += 1
        if self.spent > current().steps:
            found.add(
                "too-large",
                f"the check of the net takes more than {current().steps:,} steps",
                span,
                label="loops and blocks come to more",
                help="check the counts of `repeat` and `for`; the caller may allow more steps",
            )
            raise Exhausted

    @contextmanager
    def at(self, path: str) -> Iterator[None]:
        """While this lasts, the layer or block of that name is at work."""
        before, self.place = self.place, path
        try:
            yield
        finally:
            self.place = before

    def mark(self, error: Diagnostic) -> None:
        """Take note that the net fails here."""
        failure = Failure(self.place, error)
        if failure not in self.steps:
            self.steps.append(failure)

    def names_of(self, home: Home, definition: "s.Net | s.Block", found: Diagnostics) -> Names:
        key = (home.source.name, definition.span)
        if key not in self.names:
            self.names[key] = names_of(home, definition, found)
        return self.names[key]

    def layers(self) -> dict[str, Ruled]:
        """The layers that could be built."""
        return {
            path: Ruled(
                BuiltLayer(
                    path,
                    made.layer,
                    made.stage.callee,
                    made.layer.parameters(),
                    {},
                    made.span,
                    made.found.source,
                ),
                made.stage.schemes,
                made.scope,
                made.found,
            )
            for path, made in self.made.items()
            if path not in self.failed
        }
