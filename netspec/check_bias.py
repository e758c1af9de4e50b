"""Find biases without effect: those of layers whose mean a normalisation subtracts."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from netspec import syntax as s
from netspec.diagnostic import Diagnostics
from netspec.graph import Application, BlockUse, BuiltLayer, Net, Step
from netspec.home import Home
from netspec.source import Span
from netspec.tensor import Tensor
from netspec.visit import names_in, statements_in, title_of

_CONVOLUTIONS = tuple(f"{kind}{n}d" for kind in ("Conv", "ConvTranspose") for n in (1, 2, 3))
_Built = Mapping[Span, Sequence[tuple[Net, BuiltLayer]]]


def hint_biases(home: Home, nets: Sequence[Net], found: Diagnostics) -> None:
    """Hint at biases that the next layer cancels, in all that was built of a file's nets.

    One that is asked for, `bias=True`, is left alone.
    """
    if not any(_is_norm(layer) for net in nets for layer in net.layers.values()):
        return
    ranks = {net.name: dict(_ranks(net.steps)) for net in nets}
    for place in _homes(home):
        built: dict[Span, list[tuple[Net, BuiltLayer]]] = {}
        for net in nets:
            for layer in net.layers.values():
                if layer.source.name == place.source.name:
                    built.setdefault(layer.span, []).append((net, layer))
        for entry in place.entries.values():
            if entry.home is place and not isinstance(entry.definition, s.Extern):
                pairs = [*_pairs(entry.definition)]
                _hint_pairs(pairs, built, ranks, found.inside(place.source, ()))


def _is_norm(layer: BuiltLayer) -> bool:
    kind = type(layer.layer).__name__
    return kind == "SyncBatchNorm" or kind.startswith(("BatchNorm", "InstanceNorm"))


def _homes(home: Home) -> list[Home]:
    """A file, and those that it uses."""
    homes = [home]
    for place in homes:
        for entry in place.entries.values():
            if all(entry.home is not known for known in homes):
                homes.append(entry.home)
    return homes


def _ranks(steps: Sequence[Step]) -> Iterator[tuple[str, int]]:
    """The number of dimensions that each layer gives, by its name."""
    for step in steps:
        if isinstance(step, BlockUse):
            yield from _ranks(step.steps)
        elif isinstance(step, Application) and isinstance(step.output, Tensor):
            yield step.name, step.output.rank


def _hint_pairs(
    pairs: Sequence[tuple[Span, Span]],
    built: _Built,
    ranks: Mapping[str, Mapping[str, int]],
    found: Diagnostics,
) -> None:
    for before, after in pairs:
        layers, norms = built.get(before, ()), built.get(after, ())
        if not layers or not norms or "bias" in layers[0][1].layer.given:
            continue
        kinds = {type(norm.layer).__name__ for _, norm in norms}
        if all(_is_cancelled(net, x, ranks[net.name].get(x.name), kinds) for net, x in layers):
            layer, norm = layers[0][1], norms[0][1]
            found.add(
                "idle-bias",
                f"the bias of `{title_of(layer.callee)}` has no effect before "
                f"`{title_of(norm.callee)}`",
                before,
                label="the mean is subtracted, and the bias with it",
                help="write `bias=False`, or `bias=True` to keep it all the same",
                severity="hint",
            )


def _is_cancelled(net: Net, layer: BuiltLayer, rank: int | None, norms: set[str]) -> bool:
    """Whether each of the norms takes the channels of the layer, which the bias shifts, as such."""
    bias = f"{layer.name}.bias"
    kind, ndim = type(layer.layer).__name__, layer.layer.ndim
    if "bias" not in layer.parameters or bias in net.ties or bias in net.ties.values():
        return False
    if kind == "Linear":
        return rank == 2 and norms <= {"BatchNorm1d", "SyncBatchNorm"}
    if kind not in _CONVOLUTIONS or ndim is None:
        return False
    batched = {f"BatchNorm{ndim}d", "SyncBatchNorm"} if rank == ndim + 2 else set()
    return norms <= {f"InstanceNorm{ndim}d"} | batched


# ---- what flows from layer to layer, and nowhere else ------------------------------------------


def _pairs(definition: "s.Net | s.Block") -> Iterator[tuple[Span, Span]]:
    """The places of layers of which one's output is the other's input, and flows nowhere else."""
    uses = Counter(name.id for name in names_in(definition.body))
    shared = {
        statement.name.id: statement.span
        for statement in statements_in(definition.body)
        if isinstance(statement, s.LayerDefinition) and uses[statement.name.id] == 2
    }
    flow = _Flow(shared)
    for body in _bodies(definition.body):
        yield from flow.between(body, uses)
    yield from flow.within(definition.body)


def _bodies(body: Sequence[s.Statement]) -> Iterator[Sequence[s.Statement]]:
    yield body
    for statement in body:
        match statement:
            case s.For(body=inner):
                yield from _bodies(inner)
            case s.If(then=then, other=other):
                yield from _bodies(then)
                yield from _bodies(other)


class _Flow:
    """Follows values from layer to layer; `shared` are layers with a name that is used once."""

    def __init__(self, shared: Mapping[str, Span]) -> None:
        self.shared = shared

    def within(self, node: Any) -> Iterator[tuple[Span, Span]]:
        """The pairs inside expressions: in chains, groups and calls."""
        match node:
            case s.Chain(first, stages):
                yield from _adjacent([self.last(first), *self.places(stages)])
            case s.Group(stages) | s.Repeat(stage=s.Stage(callee=s.Group(stages))):
                yield from _adjacent(self.places(stages))
            case s.Call(s.Name(id), (s.Argument(None, value),)) if id in self.shared:
                yield from _adjacent([self.last(value), self.shared[id]])
        if isinstance(node, tuple) and not isinstance(node, Span):
            for part in node:
                if isinstance(part, tuple):
                    yield from self.within(part)

    def between(
        self, body: Sequence[s.Statement], uses: Mapping[str, int]
    ) -> Iterator[tuple[Span, Span]]:
        """The pairs of layers in statements, with a name between them."""
        for at, statement in enumerate(body):
            if isinstance(statement, s.Assign) and isinstance(statement.target, s.Name):
                name = statement.target.id
                user = next((x for x in body[at + 1 :] if _mentions(x, name)), None)
                if isinstance(user, s.Assign | s.Return) and _mentions(user, name) == 1:
                    ends = isinstance(user, s.Assign) and user.target[0] == name
                    if ends or uses[name] == 2:
                        pair = [self.last(statement.value), self.first(user.value, name)]
                        yield from _adjacent(pair)

    def last(self, node: Any) -> Span | None:
        """The layer that an expression ends with."""
        match node:
            case s.Chain(_, stages):
                return self.places(stages)[-1]
            case s.Call(s.Name(id)) if id in self.shared:
                return self.shared[id]
            case s.Name() | s.Call():
                return node.span  # the first layer of a chain that is handed to a block
        return None

    def first(self, node: Any, name: str) -> Span | None:
        """The layer that takes the value called `name`, somewhere in an expression."""
        match node:
            case s.Chain(s.Name(id), stages) if id == name:
                return self.places(stages)[0]
            case s.Call(s.Name(id), (s.Argument(None, s.Name(given)),)) if given == name:
                return self.shared.get(id)
        parts = node if isinstance(node, tuple) and not isinstance(node, Span) else ()
        found = (self.first(part, name) for part in parts if isinstance(part, tuple))
        return next((span for span in found if span is not None), None)

    def places(self, stages: Sequence[s.Stage]) -> list[Span | None]:
        """The places of layers one after another; None for what is no single layer."""
        places: list[Span | None] = []
        for stage in stages:
            match stage.callee:
                case s.Group(inner):
                    places += self.places(inner)
                case s.Repeat():
                    places.append(None)
                case callee:
                    places.append(self.shared.get(title_of(callee), stage.span))
        return places


def _adjacent(places: Sequence[Span | None]) -> Iterator[tuple[Span, Span]]:
    for before, after in pairwise(places):
        if before is not None and after is not None:
            yield before, after


def _mentions(statement: s.Statement, name: str) -> int:
    """How often a statement uses a name; a target that it is given is none."""
    node: Any = statement
    if isinstance(statement, s.Assign) and isinstance(statement.target, s.Name):
        node = statement.value
    return sum(found.id == name for found in names_in(node))
