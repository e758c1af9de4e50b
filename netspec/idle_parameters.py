"""Find out whether a loss leaves parameters of a net without a gradient."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from netspec import syntax as s
from netspec.check_step import CONSTANT
from netspec.graph import Net
from netspec.home import Home
from netspec.source import Source, Span
from netspec.training import Step
from netspec.visit import arguments_of, names_in, title_of

_Outputs = frozenset[int] | None  # those that are read, by their places; None for all


def why_idle(net: Net, name: str, step: Step) -> str:
    """Why a step may give some parameters of its net `name` no gradient; "" where it gives all one.

    `DistributedDataParallel` waits for the gradients of all, unless it is told.
    """
    loss = _Reading(step.graph, step.graph.home)
    loss.run(step.graph.syntax.body, frozenset([0]))
    inner = _Reading(net, net.home)
    inner.run(net.syntax.body, loss.wanted.get(name))
    if inner.opened:
        return "the data decides which layers run"
    return "not all parameters are part of the loss" if inner.idle() else ""


class _Used(NamedTuple):
    callee: Any
    outputs: _Outputs


class _Reading:
    """What is read of a net, a block or a step, from its last statement to its first.

    `live`: the names whose values a gradient comes back to. `wanted`: the outputs that are read of
    each layer with a name. `opened`: only data decides which of the layers in it run.
    """

    def __init__(self, net: Net, home: Home) -> None:
        self.net = net
        self.home = home
        self.live: set[str] = set()
        self.wanted: dict[str, _Outputs] = {}
        self.defined: dict[str, s.LayerDefinition] = {}
        self.variables: dict[str, s.Variable] = {}
        self.used: dict[Span, _Used] = {}  # stages that a gradient goes through
        self.left: dict[Span, s.Stage] = {}  # the others
        self.inner: list[_Reading] = []
        self.opened = False

    def run(self, body: Sequence[s.Statement], outputs: _Outputs) -> None:
        self._body(body, outputs)
        for callee, read in self.used.values():
            self._enter(callee, read)
        for name, definition in self.defined.items():
            if name in self.wanted:
                self._enter(definition.callee, self.wanted[name])

    def idle(self) -> bool:
        """Whether a parameter has no gradient."""
        left = [stage for span, stage in self.left.items() if span not in self.used]
        unread = [item for name, item in self.defined.items() if name not in self.wanted]
        return (
            any(self._learns(stage.callee, stage.span) for stage in left)
            or any(self._learns(item.callee, item.span) for item in unread)
            or any(self._is_learnt(name) for name in self.variables.keys() - self.wanted.keys())
            or any(reading.idle() for reading in self.inner)
        )

    # ---- statements ------------------------------------------------------------------------------

    def _body(self, body: Sequence[s.Statement], outputs: _Outputs) -> None:
        for statement in body:  # they may stand behind what uses them
            if isinstance(statement, s.LayerDefinition):
                self.defined[statement.name.id] = statement
            elif isinstance(statement, s.Variable) and statement.kind == "parameter":
                self.variables[statement.name.id] = statement
        for statement in reversed(body):
            self._statement(statement, outputs)

    def _statement(self, statement: s.Statement, outputs: _Outputs) -> None:
        match statement:
            case s.Return(s.Sequence(_, items)) if outputs is not None:
                for place, item in enumerate(items):
                    self._value(item, place in outputs)
            case s.Return(value):
                self._value(value, True)
            case s.Assign(s.Name(id), value):
                read = id in self.live
                self.live.discard(id)
                self._value(value, read)
            case s.Assign(s.Element() as element, value):
                self._value(value, element.name.id in self.live)
            case s.Assign(s.Targets(items), value):
                self._unpacked(items, value)
            case s.For(body=inner):
                self._body(inner, outputs)
                self._body(inner, outputs)  # what a turn reads, the one before has left
            case s.If():
                self._branch(statement, outputs)

    def _unpacked(self, items: Sequence[Any], value: s.Expression) -> None:
        names = [{name.id for name in names_in(item)} for item in items]
        read = frozenset(place for place, own in enumerate(names) if own & self.live)
        for item, own in zip(items, names, strict=True):
            if not isinstance(item, s.Element):
                self.live -= own
        self._value(value, bool(read), read)

    def _branch(self, branch: s.If, outputs: _Outputs) -> None:
        behind = set(self.live)
        sides: list[set[str]] = []
        known = (self.home.source.name, branch.span) in self.net.opened
        training = known and isinstance(branch.test, s.Name)  # `if training { … }`
        for side in (branch.then, branch.other):
            self.live = set(behind)
            self._body(side, outputs)
            sides.append(self.live)
        own = [any(self._learns(x, x.span) for x in side) for side in (branch.then, branch.other)]
        self.opened |= known and (own[1] if training else any(own))
        self.live = sides[0] | sides[1]

    # ---- values ----------------------------------------------------------------------------------

    def _value(self, node: Any, read: bool, outputs: _Outputs = None) -> None:
        """Note what a value is made of; `read`: a gradient comes back to it."""
        match node:
            case s.Name(id) if read:
                self.live.add(id)
                self._want(id, None)
            case s.Call(s.Name(id)) | s.Call(s.Attribute(name=s.Name(id))) if id in CONSTANT:
                self._parts(node, False)
            case s.Call(s.Name(id), arguments) if id in self.defined:
                if read:
                    self._want(id, outputs)
                self._parts(arguments, read)
            case s.Comparison():
                self._parts(node, False)
            case s.Chain(first, stages):
                for stage in reversed(stages):
                    read = read and title_of(stage.callee) not in CONSTANT
                    self._stage(stage, read, outputs)
                    outputs = None
                self._value(first, read)
            case s.Stage():
                self._stage(node, read, outputs)
            case _:
                self._parts(node, read)

    def _parts(self, node: Any, read: bool) -> None:
        if isinstance(node, tuple) and not isinstance(node, Span):
            for part in node:
                self._value(part, read)

    def _stage(self, stage: s.Stage, read: bool, outputs: _Outputs) -> None:
        match stage.callee:
            case s.Group(stages):
                for inner in reversed(stages):
                    self._stage(inner, read, outputs)
                    outputs = None
                return
            case s.Repeat(_, inner):
                self._stage(inner, read, outputs)
                return
        title = title_of(stage.callee)
        if not read:
            self.left[stage.span] = stage
        elif title in self.defined:
            self._want(title, outputs)
        else:
            before = self.used.get(stage.span, _Used(stage.callee, frozenset()))
            self.used[stage.span] = _Used(stage.callee, _both(before.outputs, outputs))
        self._parts(arguments_of(stage.callee), read)

    def _want(self, name: str, outputs: _Outputs) -> None:
        self.wanted[name] = _both(self.wanted.get(name, frozenset()), outputs)

    def _enter(self, callee: Any, outputs: _Outputs) -> None:
        """Read a block from the outputs that are read of it."""
        entry = self.home.entries.get(title_of(callee))
        if entry is not None and isinstance(entry.definition, s.Block):
            reading = _Reading(self.net, entry.home)
            reading.run(entry.definition.body, outputs)
            self.inner.append(reading)
            self.opened |= reading.opened

    # ---- what is learnt --------------------------------------------------------------------------

    def _learns(self, node: Any, place: Span) -> bool:
        """Whether what stands at a place, or is called there, has parameters that are trained."""
        return any(_stands_in(self.net, source, span) for source, span in self._places(node, place))

    def _places(self, node: Any, place: Span) -> "Iterable[_Place]":
        """The place, and the blocks that it names, with those that they name."""
        pending, seen = [(self.home, node, place)], set[_Place]()
        while pending:
            home, part, span = pending.pop()
            if _Place(home.source, span) in seen:
                continue
            seen.add(_Place(home.source, span))
            for name in names_in(part):
                entry = home.entries.get(name.id)
                if entry is not None and isinstance(entry.definition, s.Block):
                    pending.append((entry.home, entry.definition.body, entry.definition.span))
        return seen

    def _is_learnt(self, name: str) -> bool:
        variables = [v.name for v in self.net.variables.values() if v.kind == "parameter"]
        own = [path for path in variables if path.rpartition(".")[2] == name]
        return any(path not in self.net.frozen for path in own)


def _both(one: _Outputs, other: _Outputs) -> _Outputs:
    return None if one is None or other is None else one | other


class _Place(NamedTuple):
    source: Source
    span: Span


def _stands_in(net: Net, source: Source, place: Span) -> bool:
    """Whether a layer stands at a place of a file, and some of its parameters are trained."""
    return any(
        layer.source.name == source.name
        and place.start <= layer.span.start
        and layer.span.end <= place.end
        and any(f"{layer.name}.{name}" not in net.frozen for name in layer.all_learnt())
        for layer in net.layers.values()
    )
