"""What holds for a net or block whatever its parameters are: what its class is written from."""

from typing import Any, NamedTuple

from netspec import syntax as s
from netspec.catalogue.layer import Layer
from netspec.diagnostic import Diagnostics
from netspec.dim import Dim
from netspec.flow import Value
from netspec.graph import FunctionCall
from netspec.home import Entry, Home
from netspec.naming import Names
from netspec.source import Span
from netspec.tensor import Tensor, Type


class LayerFact(NamedTuple):
    """A layer: its class, and its arguments as expressions of the names in scope."""

    layer: Layer
    stage: s.Stage


class BlockFact(NamedTuple):
    """A use of a block: what it is given, its dimensions as its user sees them.

    `values` and `inputs` serve as an example of what the block meets.
    """

    entry: Entry
    stage: s.Stage
    values: dict[str, Any]
    inputs: tuple[Value, ...]
    dims: dict[str, Dim]


class ExternFact(NamedTuple):
    """A use of what is written in Python."""

    entry: Entry
    stage: s.Stage


class Use(NamedTuple):
    """A module applied: by the key of what is applied, and to how many values."""

    key: Span
    inputs: int


class Running(NamedTuple):
    """A size that changes from turn to turn: a variable that runs along.

    `entry`: its value before the loop; `update`: after a turn.
    """

    name: str
    entry: Dim
    update: Dim


class Joined(NamedTuple):
    """A size that differs between the sides of a branch: a variable that each side sets."""

    name: str
    then: Dim
    other: Dim


class Facts:
    """The facts of one class, by the spans of its definition."""

    def __init__(self, definition: "s.Net | s.Block", home: Home, names: Names) -> None:
        self.definition = definition
        self.home = home
        self.names = names
        self.frame = 0
        self.found = Diagnostics(home.source)  # what cannot be said for all values of parameters
        self.layers: dict[Span, LayerFact] = {}
        self.blocks: dict[Span, BlockFact] = {}
        self.externs: dict[Span, ExternFact] = {}
        self.handed: dict[Span, int] = {}  # uses of blocks that are parameters, in order
        self.uses: dict[Span, Use | FunctionCall] = {}
        self.types: dict[Span, Tensor] = {}
        self.running: dict[Span, list[Running]] = {}
        self.named: dict[tuple[Span, str, int, int], str] = {}  # sizes that change, by place
        self.joined: dict[Span, list[Joined]] = {}
        self.stored: dict[Span, Value] = {}  # what is kept, where it is and where it is read
        self.kept: dict[Span, list[tuple[str, Dim]]] = {}  # lists of sizes that a store fills
        self.unfilled: dict[str, Span] = {}  # such lists that no constructor fills
        self.entries: dict[Span, dict[str, Value]] = {}  # what flows into a loop's first turn
        self.examples: dict[str, Any] = {}  # values of `let`s and loop variables
        self.variables: dict[Span, Tensor] = {}
        self.decided: dict[Span, bool] = {}  # branches that no parameter changes
        self.opened: set[Span] = set()  # loops and branches that only data decides
        self.parametric: set[str] = set()
        self.values: dict[str, Any] = {}
        self.dims: dict[str, Dim] = {}  # the dimensions of the signature
        self.sizes: dict[str, tuple[str, int]] = {}  # where forward finds a dimension
        self.inputs: dict[str, Value] = {}
        self.outputs: tuple[Tensor, ...] = ()
        self.returned: Type | None = None
        self.constants: set[str] = set()
