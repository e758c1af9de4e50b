"""Walk a net or block with its parameters as names: sizes become expressions of what is in scope.

Both sides of a branch are walked and joined, a loop is walked until its sizes settle; a size that
has no formula becomes a variable that runs along.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from netspec import syntax as s
from netspec.arguments import Given
from netspec.catalogue.function import Function
from netspec.catalogue.layer import Layer
from netspec.check_extern import declared_output
from netspec.check_flow import decided_by_data, is_open, poison
from netspec.check_signature import tensor_type
from netspec.diagnostic import Diagnostics
from netspec.dim import (
    Dim,
    Expression,
    Lookup,
    Symbol,
    assuming,
    atoms,
    lookup,
    named,
    own_form,
    substitute,
    symbol,
    symbols,
    value_of,
)
from netspec.evaluate import UNKNOWN, Listing, Scope, evaluate, listing_of
from netspec.facts import BlockFact, ExternFact, Facts, Joined, LayerFact, Running, Use
from netspec.flow import Bundle, Constructor, Flow, Unknown, Value, flow_of, flows_in, type_of
from netspec.graph import FunctionCall, Net
from netspec.home import Entry
from netspec.misfit import Misfit
from netspec.names import CODE_NAMES, free_name
from netspec.requirement import note_divisibility
from netspec.signature_match import match_inputs, untyped_sizes
from netspec.source import Source, Span
from netspec.tensor import Tensor, Type
from netspec.turns import surely_has_turns, surely_turns
from netspec.visit import arguments_of, names_in, statements_in, title_of
from netspec.walk import Walker, names_of

_CARRIED = "*"  # what flows through a `repeat`
_frames = [0]


def generalise_net(net: Net) -> Facts:
    """The facts of a net that has been checked."""
    frame = _new_frame()
    scope = Scope({}, frame)
    walker = _walker(net.syntax, net.home, scope)
    _bind_parameters(net.syntax, net.parameters, scope)
    inputs: dict[str, Value] = {}
    for name in net.sizes:
        scope[name] = symbol(name, None, frame)
        scope.parametric.add(name)
    for item in net.syntax.inputs:
        assert item.type is not None
        tensor = tensor_type(item.type, scope, walker.found)
        assert tensor is not None
        inputs[item.name.id] = Flow(tensor, "", item.span)
    walker.facts.dims = {name: scope[name] for name in net.sizes}
    return _run(walker, inputs)


def generalise_block(fact: BlockFact) -> Facts:
    """The facts of a block, as it is used with tensors of these ranks."""
    definition, home, _ = fact.entry
    assert isinstance(definition, s.Block)
    frame = _new_frame()
    scope = Scope({}, frame)
    walker = _walker(definition, home, scope)
    _bind_parameters(definition, fact.values, scope)
    before = set(scope)
    inputs = walker.matched(fact.entry, fact.inputs, frame)
    walker.facts.dims = {k: v for k, v in scope.items() if k not in before}
    return _run(walker, inputs)


def _walker(definition: "s.Net | s.Block", home: Any, scope: Scope) -> "Generaliser":
    found = Diagnostics(home.source)
    names = names_of(home, definition, found)
    walker = Generaliser(definition, home, scope, found, names)
    walker.facts = Facts(definition, home, names)
    walker.facts.frame = scope.frame
    return walker


def _run(walker: "Generaliser", inputs: Mapping[str, Value]) -> Facts:
    facts = walker.facts
    facts.inputs = dict(inputs)
    for item in walker.definition.inputs:
        walker.bind(item.name, inputs[item.name.id])
    _note_sizes(facts, walker.scope)
    with assuming():
        walker.run(walker.definition.body)
    facts.found = walker.found
    facts.parametric = walker.scope.parametric
    facts.values = dict(walker.scope)
    value = walker.returned
    facts.returned = type_of(value) if value is not None else None
    return facts


def _note_sizes(facts: Facts, scope: Scope) -> None:
    """Where forward can read each dimension off."""
    for name, value in facts.inputs.items():
        if isinstance(value, Flow):
            for axis, dim in enumerate(value.type.shape):
                if isinstance(dim, Expression) and str(dim) in facts.dims:
                    facts.sizes.setdefault(str(dim), (name, axis))


def _new_frame() -> int:
    _frames[0] += 1
    return _frames[0]


def _bind_parameters(
    definition: "s.Net | s.Block", values: Mapping[str, Any], scope: Scope
) -> None:
    """Parameters under their own names, with their present values as examples."""
    for parameter in definition.parameters:
        name = parameter.name.id
        scope[name] = named_value(name, values[name], scope.frame)
        scope.parametric.add(name)


def named_value(name: str, value: Any, frame: int) -> Any:
    """A value that is known by a name: numbers become symbols, lists keep the name."""
    if isinstance(value, Constructor):
        return value
    plain = value_of(value) if isinstance(value, Expression) else value
    if isinstance(value, Expression) and plain is None:
        return symbol(name, None, frame)
    if isinstance(plain, int) and not isinstance(plain, bool):
        return symbol(name, plain, frame)
    if isinstance(plain, list | tuple):
        return listing_of(_plain_items(plain), name, frame)
    return plain


def _plain_items(items: Sequence[Any]) -> list[Any]:
    return [
        _plain_items(item)
        if isinstance(item, list | tuple)
        else value_of(item)
        if isinstance(item, Expression)
        else item
        for item in items
    ]


class _Join(NamedTuple):
    """Two sides of a branch on their way to one: what its test implies, and what differs.

    `open_`: only data decides, so that both sides have the same sizes.
    """

    span: Span
    if_true: Mapping[str, Dim]
    if_false: Mapping[str, Dim]
    joined: list[Joined]
    open_: bool


class Generaliser(Walker):
    """Walks a definition for all values of its parameters at once."""

    facts: Facts
    muted = False

    # ---- layers ------------------------------------------------------------------------------

    def run_layer(
        self,
        stage: s.Stage,
        title: str,
        given: list[Given] | None,
        inputs: Sequence[Value],
        named: dict[str, Value],
        key: Span,
        span: Span,
    ) -> Value:
        layer = self.make_layer(stage, title, given, inputs)
        types = [type_of(value) for value in inputs]
        others = {name: type_of(value) for name, value in named.items()}
        if layer is None or None in types or None in others.values():
            return UNKNOWN
        output = self._output(layer, stage, types, others)
        if output is None:
            return UNKNOWN
        self._require_formula(layer, stage)
        if not self.muted:
            self.facts.layers[key] = LayerFact(layer, stage)
            self.facts.uses[span] = Use(key, len(inputs))
        if isinstance(output, Tensor):
            self.note_type(stage.span, output)
            self.note_type(span, output)
        name = self.names.stages.get(key) or title
        return self.layer_output(layer, output, name, inputs, span)

    def _require_formula(self, layer: Layer, stage: s.Stage) -> None:
        """Report an argument that no name of this definition can give."""
        if not self.facts.frame or self.muted:
            return
        for part in layer.whole():
            for field in part.fields().values():
                value = getattr(part, field.name, None) if field.inferred else None
                if field.name not in part.given and self._is_foreign(value):
                    report_no_formula(field.name, stage.callee.span, self.found)

    def _is_foreign(self, value: Any) -> bool:
        parts = value if isinstance(value, tuple | list) else (value,)
        return any(
            atom.frame != self.facts.frame
            for part in parts
            if isinstance(part, Expression)
            for atom in atoms(part)
        )

    def _output(
        self, layer: Layer, stage: s.Stage, types: Sequence[Any], named: Mapping[str, Any]
    ) -> Type | None:
        """The output of a layer; with sizes left open where the example does not fit."""
        try:
            return layer.apply(*types, **named)
        except Misfit:
            pass
        try:
            opened = {name: _forget(kind) for name, kind in named.items()}
            return layer.apply(*map(_forget, types), **opened)
        except Misfit as misfit:
            self.misfit(misfit, stage.callee, [])
            return None

    def run_function(self, function: Function) -> Type:
        try:
            return function.apply()
        except Misfit:
            opened = {name: _forget(value) for name, value in function.given.items()}
            function.__dict__.update(opened)
            try:
                return function.apply()
            finally:
                function.__dict__.update(function.given)

    def run_operator(self, operator: str, a: Any, b: Any) -> Tensor:
        try:
            return super().run_operator(operator, a, b)
        except Misfit:
            opened = [
                side._replace(type=_forget(side.type)) if isinstance(side, Flow) else side
                for side in (a, b)
            ]
            return super().run_operator(operator, *opened)

    def note_function(self, span: Span, call: FunctionCall) -> None:
        if not self.muted:
            self.facts.uses[span] = call

    def note_type(self, span: Span, tensor: Tensor) -> None:
        if not self.muted:
            self.facts.types[span] = tensor

    def run_variable(self, variable: s.Variable, tensor: Tensor) -> None:
        if not self.muted:
            self.facts.variables[variable.span] = tensor

    # ---- blocks ------------------------------------------------------------------------------

    def matched(self, entry: Entry, inputs: Sequence[Value], frame: int) -> dict[str, Value]:
        """The inputs of a block by name; its dimensions go to the scope."""
        assert isinstance(entry.definition, s.Block)
        with assuming():
            return match_inputs(entry.definition, inputs, self.scope, frame)

    def run_block(
        self,
        entry: Entry,
        stage: s.Stage,
        given: list[Given],
        inputs: Sequence[Value],
        key: Span,
        span: Span,
    ) -> Value:
        block = entry.definition
        values = self.block_arguments(entry, stage, given)
        if values is None or any(type_of(value) is None for value in inputs):
            return UNKNOWN
        scope = Scope(values, _new_frame())
        scope.parametric = self._parametric(entry, stage, values)
        if isinstance(block, s.Extern):
            return self._run_extern(entry, block, stage, scope, inputs, key, span)
        assert isinstance(block, s.Block)
        names = names_of(entry.home, block, Diagnostics(entry.home.source))
        child = Generaliser(
            block,
            entry.home,
            scope,
            self.found.inside(entry.home.source, ()),
            names,
            (*self.inside, block),
        )
        child.facts = Facts(block, entry.home, names)
        before = set(scope)
        try:
            flows = child.matched(entry, inputs, 0)
        except Misfit:
            return UNKNOWN
        dims = {name: dim for name, dim in scope.items() if name not in before}
        dims |= untyped_sizes(block, inputs)
        for item in block.inputs:
            child.bind(item.name, flows[item.name.id])
        child.run(block.body)
        value = child.returned if child.returned is not None else UNKNOWN
        value = child.as_declared(value)
        dims |= child.facts.dims
        if not self.muted:
            fact = BlockFact(entry, stage, values, tuple(inputs), dims)
            self.facts.blocks[key] = fact
            self.facts.uses[span] = Use(key, len(inputs))
        value = _leaving(value, f"`{block.name.id}`", span)
        if isinstance(value, Flow):
            self.note_type(stage.span, value.type)
            self.note_type(span, value.type)
        return value

    def _run_extern(
        self,
        entry: Entry,
        extern: s.Extern,
        stage: s.Stage,
        scope: Scope,
        inputs: Sequence[Value],
        key: Span,
        span: Span,
    ) -> Value:
        """Apply what is written in Python: sizes as its signature has them, in the user's names."""
        try:
            with assuming():
                match_inputs(extern, inputs, scope)
        except Misfit:
            return UNKNOWN
        quiet = Diagnostics(entry.home.source)  # check has reported what is wrong
        output = declared_output(extern, scope, quiet)
        if output is None:
            return UNKNOWN
        if not self.muted:
            self.facts.externs[key] = ExternFact(entry, stage)
            self.facts.uses[span] = Use(key, len(inputs))
        value = _leaving(flow_of(output, "", span), f"`{extern.name.id}`", span)
        if isinstance(value, Flow):
            self.note_type(stage.span, value.type)
            self.note_type(span, value.type)
        return value

    def as_declared(self, value: Value) -> Value:
        """What is returned: sizes that follow no formula as the signature declares them."""
        declared = self.definition.outputs
        flows = flows_in(value)
        if len(declared) != len(flows):
            return value
        for place, (output, flow) in enumerate(zip(declared, flows, strict=True)):
            for axis, (part, dim) in enumerate(
                zip(output.type.shape, flow.type.shape, strict=False)
            ):
                if any(atom.frame == self.scope.frame for atom in atoms(dim)):
                    known = evaluate(part, self.scope, Diagnostics(self.home.source))
                    if isinstance(known, int | Expression):
                        value = _with_size(value, place, axis, own_form(known))
        return value

    def _parametric(self, entry: Entry, stage: s.Stage, values: dict[str, Any]) -> set[str]:
        """The parameters of a block whose values depend on those of its user."""
        known = [parameter.name.id for parameter in entry.definition.parameters]
        found = {name for name, value in values.items() if isinstance(value, Listing)}
        for position, argument in enumerate(arguments_of(stage.callee)):
            name = argument.name.id if argument.name else known[position]
            if self.scope.depends(argument.value):
                found.add(name)
        return found

    def run_constructor(
        self, stage: s.Stage, constructor: Constructor, inputs: Sequence[Value]
    ) -> Value:
        giver = constructor.walker
        value = inputs[0] if len(inputs) == 1 else Bundle(tuple(inputs))
        own = self.facts.frame != 0  # the class itself is walked, not a use of it
        if isinstance(giver, Generaliser) and not own:
            output = giver.run_entry(constructor.stage, value)
        else:
            output = _on_the_side(giver, constructor.stage, value)
        if not self.muted:
            self.facts.handed.setdefault(stage.span, len(self.facts.handed))
            self.facts.uses[stage.span] = Use(stage.span, len(inputs))
        output = self._abstract(output, title_of(stage.callee), own)
        if isinstance(output, Flow):
            self.note_type(stage.span, output.type)
        return output

    def _abstract(self, value: Value, title: str, own: bool) -> Value:
        """What a block that is a parameter gives: sizes that only its giver knows get names."""
        if isinstance(value, Bundle):
            return Bundle(tuple(self._abstract(item, title, own) for item in value.items))
        if not isinstance(value, Flow):
            return value
        shape: list[Dim] = []
        for axis, dim in enumerate(value.type.shape):
            foreign = own and any(atom.frame != self.scope.frame for atom in atoms(dim))
            constant = own and not atoms(dim) and axis > 0
            name = f"{title}_size{axis}"
            if not own:
                self.facts.dims.setdefault(name, dim)
            if foreign or constant:
                dim = symbol(name, value_of(dim), self.scope.frame)
                self.facts.dims[name] = dim
                self.scope[name] = dim
                self.scope.parametric.add(name)
            shape.append(dim)
        return value._replace(type=Tensor(tuple(shape), value.type.dtype))

    def check_returned(self, statement: s.Return) -> None:
        """The outputs have been held against the signature already."""

    # ---- groups and repeats ------------------------------------------------------------------

    def run_entry(self, stage: s.Stage, value: Value) -> Value:
        """Apply one entry of a group."""
        match stage.callee:
            case s.Group() as group:
                return self.run_group(stage, group, value)
            case s.Repeat() as repeat:
                return self.run_repeat(stage, repeat, value)
        return self.apply_stage(stage, value)

    def run_group(self, stage: s.Stage, group: s.Group, value: Value) -> Value:
        for part in group.stages:
            if isinstance(part.callee, s.Group) and part.label is None:
                value = self.run_group(part, part.callee, value)
            else:
                value = self.run_entry(part, value)
        if isinstance(value, Flow):
            self.note_type(stage.span, value.type)
        return value

    def run_repeat(self, stage: s.Stage, repeat: s.Repeat, value: Value) -> Value:
        count = evaluate(repeat.times, self.scope, self.found)
        number = value_of(count) if isinstance(count, int | Expression) else 0

        def turn() -> None:
            self.flows[_CARRIED] = self.run_entry(repeat.stage, self.flows[_CARRIED])

        outer = self.flows.get(_CARRIED)
        self.flows[_CARRIED] = value
        sure = surely_turns(repeat.times, number or 0, self.scope, self.definition.body)
        self._iterate(repeat.span, number or 0, lambda number: None, turn, sure)
        result = self.flows.pop(_CARRIED)
        if outer is not None:
            self.flows[_CARRIED] = outer
        if isinstance(result, Flow):
            self.note_type(stage.span, result.type)
        return result

    # ---- loops -------------------------------------------------------------------------------

    def run_loop(self, loop: s.For) -> None:
        if is_open(self, loop.iterable, loop.span):
            self._run_open_loop(loop)
            return
        items = evaluate(loop.iterable, self.scope, self.found)
        if not isinstance(items, list | tuple):
            return
        before = set(self.flows)
        outer = dict(self.scope)
        parametric = set(self.scope.parametric)

        def bind(number: int) -> None:
            item = items[number] if items else _stand_in(loop.target)
            self._bind_turn(loop, item, number)

        sure = surely_has_turns(loop.iterable, len(items), self.scope, self.definition.body)
        own = frozenset(name.id for name in names_in(loop.target))
        self._iterate(loop.span, len(items), bind, lambda: self.run(loop.body), sure, own)
        self.scope.parametric = parametric
        self._leave(loop, outer, before)

    def _leave(self, loop: s.For, outer: Mapping[str, Any], before: set[str]) -> None:
        for name in names_in(loop.target):
            if name.id in outer:
                self.scope[name.id] = outer[name.id]
            else:
                self.scope.pop(name.id, None)
        for inner in set(self.flows) - before:
            del self.flows[inner]
            self.scope.pop(inner, None)

    def _run_open_loop(self, loop: s.For) -> None:
        if not self.muted:
            self.facts.opened.add(loop.span)
        before, outer = set(self.flows), dict(self.scope)
        start = dict(self.flows)
        parametric = set(self.scope.parametric)
        assert isinstance(loop.target, s.Name)
        self.scope[loop.target.id] = symbol(loop.target.id, None, self.scope.frame)
        self.scope.parametric.add(loop.target.id)
        self.facts.entries[loop.span] = dict(self.flows)
        self.run(loop.body)
        self.flows.update(start)  # shapes do not change
        self.scope.parametric = parametric
        self._leave(loop, outer, before)

    def _bind_turn(self, loop: s.For, item: Any, number: int) -> None:
        """The names of a loop in one turn: symbols with the values of the turn."""
        target = loop.target
        names = [name.id for name in names_in(target)]
        self.scope.parametric.update(names)
        counted = self._counted(loop, item)
        if counted is not None:
            self.scope.update(counted)
        else:
            self._bind_part(target, item)
        if not self.muted:
            self.facts.examples.update({name: self.scope.get(name) for name in names})
            self.facts.entries.setdefault(loop.span, dict(self.flows))

    def _counted(self, loop: s.For, item: Any) -> dict[str, Any] | None:
        """`for i, width in enumerate(widths)`: width is `widths[i]` elsewhere."""
        match loop.target, loop.iterable:
            case (
                s.Targets((s.Name(i), s.Name(element))),
                s.Call(s.Name("enumerate"), (s.Argument(None, s.Name(source)),)),
            ) if isinstance(self.scope.get(source), Listing):
                index = symbol(i, item[0], self.scope.frame)
                value = self.scope[source].element(index) if item[0] is not None else item[1]
                if isinstance(value, Expression):
                    value = named(element, value)
                return {i: index, element: value}
        return None

    def _bind_part(self, target: Any, item: Any) -> None:
        match target:
            case s.Name("_"):
                pass
            case s.Name(id):
                self.scope[id] = named_value(id, item, self.scope.frame)
            case s.Targets(parts):
                values = item if isinstance(item, list | tuple) else [item] * len(parts)
                for part, value in zip(parts, values, strict=False):
                    self._bind_part(part, value)

    def _iterate(
        self,
        span: Span,
        count: int,
        bind: Callable[[int], None],
        body: Callable[[], None],
        sure: bool,
        own: frozenset[str] = frozenset(),
    ) -> None:
        """Run the turns of a loop; sizes that change from turn to turn get names.

        `sure`: there is at least one turn. Then a size that each turn sets to the same, whatever
        the names `own` of the loop are, is that behind the loop.
        """
        widened: dict[tuple[str, int, int], str] = {}
        state = self._state()
        while True:
            self._restore(state)
            self.facts.entries.pop(span, None)
            entries = self._widen(self.flows, widened)
            updates: dict[str, Dim] = {}
            again = False
            for number in range(max(count, 1)):
                start = dict(self.flows)
                bind(number)
                body()
                again = self._changes(span, start, widened, updates)
                if again:
                    break
                self._next_turn(start, widened)
                if count == 0:
                    self.flows = start
            if not again:
                break
        running = [
            Running(name, entries[name], updates.get(name, entries[name])) for name in entries
        ]
        if running and not self.muted:
            self.facts.running[span] = running
        for (variable, place, axis), name in widened.items():
            update = updates.get(name)
            if sure and update is not None and not symbols(update) & {*entries, *own}:
                self.flows[variable] = _with_size(self.flows[variable], place, axis, update)

    def _state(self) -> tuple[Any, ...]:
        stores = {name: dict(kept) for name, kept in self.stores.items()}
        return dict(self.flows), self.scope.copy(), stores, dict(self.layers)

    def _restore(self, state: tuple[Any, ...]) -> None:
        flows, scope, stores, layers = state
        self.flows = dict(flows)
        self.scope.clear()
        self.scope.update(scope)
        self.scope.parametric = set(scope.parametric)
        self.stores = {name: dict(kept) for name, kept in stores.items()}
        self.layers = dict(layers)

    def _widen(
        self, flows: dict[str, Value], widened: Mapping[tuple[str, int, int], str]
    ) -> dict[str, Dim]:
        """Put names in place of the sizes that change; their first values."""
        entries: dict[str, Dim] = {}
        for (variable, place, axis), name in widened.items():
            old = flows_in(flows[variable])[place].type.shape[axis]
            entries[name] = old
            new = symbol(name, value_of(old), self.scope.frame)
            flows[variable] = _with_size(flows[variable], place, axis, new)
            self.scope.parametric.add(name)
        return entries

    def _changes(
        self,
        span: Span,
        start: Mapping[str, Value],
        widened: dict[tuple[str, int, int], str],
        updates: dict[str, Dim],
    ) -> bool:
        """Compare the sizes after a turn with those before it; True where one got a name."""
        found = False
        for variable, value in start.items():
            now = self.flows.get(variable, value)
            for place, (a, b) in enumerate(zip(flows_in(value), flows_in(now), strict=False)):
                for axis, (old, new) in enumerate(zip(a.type.shape, b.type.shape, strict=False)):
                    key = (variable, place, axis)
                    if key in widened:
                        updates[widened[key]] = new
                    elif old != new:
                        widened[key] = self._fresh((span, *key), axis, b.type.rank)
                        found = True
        return found

    def _fresh(self, key: tuple[Span, str, int, int], axis: int, rank: int) -> str:
        """A name for a size that changes: what people call it, and no other is called."""
        if key in self.facts.named:
            return self.facts.named[key]
        stem = _stem(axis, rank)
        taken = {name.id for name in names_in(tuple(self.definition))}
        taken |= set(self.facts.named.values()) | set(self.scope) | set(CODE_NAMES)
        loop = self.names.loops.get(key[0])
        container = loop.name if loop else self.names.stages.get(key[0], "")
        if stem in taken and container:
            stem = f"{container}_{stem}"  # a later loop's
        self.facts.named[key] = free_name(stem, lambda name: name in taken)
        return self.facts.named[key]

    def _next_turn(
        self, start: Mapping[str, Value], widened: Mapping[tuple[str, int, int], str]
    ) -> None:
        """Name the changed sizes again, with the values that the next turn begins with."""
        for (variable, place, axis), name in widened.items():
            value = self.flows.get(variable)
            if value is None or place >= len(flows_in(value)):
                continue
            dim = flows_in(value)[place].type.shape[axis]
            new = symbol(name, value_of(dim), self.scope.frame)
            self.flows[variable] = _with_size(value, place, axis, new)

    # ---- branches ----------------------------------------------------------------------------

    def run_branch(self, branch: s.If) -> None:
        if decided_by_data(self, branch.test):
            if not self.muted:
                self.facts.opened.add(branch.span)
            self._both(branch, {}, {}, open_=True)
            return
        truth = self._decided(branch.test)
        if truth is not None:
            if not self.muted:
                self.facts.decided[branch.span] = truth
            self.run(branch.then if truth else branch.other)
            return
        self._both(branch, self._implied(branch.test, True), self._implied(branch.test, False))

    def _both(
        self,
        branch: s.If,
        if_true: Mapping[str, Dim],
        if_false: Mapping[str, Dim],
        open_: bool = False,
    ) -> None:
        """Walk both sides and join what they leave."""
        state = self._state()
        self._assume(if_true)
        self.run(branch.then)
        then, then_stores = self.flows, self.stores
        then_lets = dict(self.scope)
        self._restore(state)
        self._assume(if_false)
        self.run(branch.other)
        other = self.flows
        join = _Join(branch.span, if_true, if_false, [], open_)
        self.flows = {
            n: self._join(then[n], value, join) for n, value in other.items() if n in then
        }
        for name, value in then_lets.items():
            self.scope.setdefault(name, value)
        for name, kept in then_stores.items():
            self.stores.setdefault(name, {}).update(kept)
        poison(self, set(state[0]), set(then), set(other))
        if join.joined and not self.muted:
            self.facts.joined[branch.span] = join.joined

    def _assume(self, equal: Mapping[str, Dim]) -> None:
        """Write the sizes of all values as a test implies that they are."""
        if equal:
            self.flows = {name: _moved(value, equal) for name, value in self.flows.items()}

    def _join(self, a: Value, b: Value, join: "_Join") -> Value:
        match a, b:
            case Bundle(), Bundle() if len(a.items) == len(b.items):
                pairs = zip(a.items, b.items, strict=True)
                return Bundle(tuple(self._join(x, y, join) for x, y in pairs))
            case Flow(), Flow() if a.type.rank == b.type.rank:
                pairs_ = enumerate(zip(a.type.shape, b.type.shape, strict=True))
                shape = tuple(
                    self._join_sizes(x, y, axis, a.type.rank, join) for axis, (x, y) in pairs_
                )
                return a._replace(type=Tensor(shape, a.type.dtype))
            case Flow(), Unknown():
                return a
            case Unknown(), Flow():
                return b
        return UNKNOWN

    def _join_sizes(self, a: Dim, b: Dim, axis: int, rank: int, join: "_Join") -> Dim:
        """One size for both sides: `a` where the test holds, `b` where it does not."""
        if a == b or join.open_:
            return a
        if substitute(a, join.if_false) == substitute(b, join.if_false):
            return a
        if substitute(a, join.if_true) == substitute(b, join.if_true):
            return b
        for known in join.joined:
            if (known.then, known.other) == (a, b):
                return symbol(known.name, value_of(a), self.scope.frame)
        name = self._fresh((join.span, "", len(join.joined), axis), axis, rank)
        join.joined.append(Joined(name, a, b))
        self.scope.parametric.add(name)
        return symbol(name, value_of(a), self.scope.frame)

    def _decided(self, test: s.Expression) -> bool | None:
        """Whether a test holds; None where that depends on parameters."""
        match test:
            case s.Unary("not", operand):
                truth = self._decided(operand)
                return None if truth is None else not truth
            case s.Binary(("and" | "or") as operator, left, right):
                sides = self._decided(left), self._decided(right)
                enough = operator == "or"
                if enough in sides:
                    return enough
                return None if None in sides else not enough
        if self.scope.depends(test):
            return None
        value = evaluate(test, self.scope, self.found)
        return bool(value_of(value)) if isinstance(value, Expression) else bool(value)

    def _implied(self, test: s.Expression, holds: bool) -> dict[str, Dim]:
        """What sizes are equal to, where a test holds or does not: `C == out`."""
        match test:
            case s.Unary("not", operand):
                return self._implied(operand, not holds)
            case s.Binary("and", left, right) if holds:
                return self._implied(left, True) | self._implied(right, True)
            case s.Binary("or", left, right) if not holds:
                return self._implied(left, False) | self._implied(right, False)
            case s.Comparison((("==" | "!=") as operator,), (left, right)) if (
                operator == "=="
            ) == holds:
                return self._equal(left, right)
        return {}

    def _equal(self, left: s.Expression, right: s.Expression) -> dict[str, Dim]:
        for name, other in ((left, right), (right, left)):
            if isinstance(name, s.Name):
                own = self.scope.get(name.id)
                value = evaluate(other, self.scope, Diagnostics(Source("")))
                if isinstance(value, bool) or not isinstance(value, int | Expression):
                    continue
                found = atoms(own) if isinstance(own, Expression) else set()
                for atom in found:
                    alone = isinstance(atom, Symbol) and own == symbol(atom.name, None, atom.frame)
                    if alone and len(found) == 1:
                        return {atom.name: value}
        return {}

    def choose(self, node: s.Conditional, test: bool) -> Value:
        if not self.scope.depends(node.test):
            return super().choose(node, test)
        then, other = self.flow(node.then), self.flow(node.other)
        implied = self._implied(node.test, True), self._implied(node.test, False)
        return self._join(then, other, _Join(node.span, *implied, [], True))

    # ---- build-time values and kept ones -----------------------------------------------------

    def set_let(self, name: str, value: Any, expression: s.Expression) -> None:
        if self.scope.depends(expression):
            self.scope.parametric.add(name)
        self.scope[name] = self._let_value(name, value)
        self.facts.examples[name] = self.scope[name]

    def _let_value(self, name: str, value: Any) -> Any:
        """What a `let` stands for: its value, under its own name."""
        if isinstance(value, list | tuple):
            return listing_of(_plain_items(value), name, self.scope.frame)
        if not isinstance(value, Expression):
            return value
        known = value_of(value)
        if any(not atom.name.isidentifier() for atom in atoms(value)) and known is not None:
            return symbol(name, known, self.scope.frame)
        return named(name, value)

    def run_require(self, statement: s.Require) -> None:
        note_divisibility(statement.test, self.scope)

    def store(self, target: s.Element, value: Value) -> None:
        index = evaluate(target.at, self.scope, self.found)
        kept = self.stores.setdefault(target.name.id, {})
        at = value_of(index) if isinstance(index, Expression) else index
        lists: list[tuple[str, Dim]] = []
        kept[at] = self._template(target, value, index, lists)
        if lists and not self.muted:
            self.facts.kept[target.span] = lists

    def _template(
        self, target: s.Element, value: Value, index: Any, lists: list[tuple[str, Dim]]
    ) -> Value:
        """A kept value with sizes that hold for each index, or that stand in a list."""
        if not isinstance(value, Flow) or not isinstance(index, Expression):
            return value
        bound = {name.id for loop in self._loops_around(target) for name in names_in(loop.target)}
        changing = bound | {r.name for rs in self.facts.running.values() for r in rs}
        changing |= set(self._open_names())
        shape: list[Dim] = []
        for axis, dim in enumerate(value.type.shape):
            names = {atom.name for atom in atoms(dim) if isinstance(atom, Symbol)}
            free = (names - {str(index)}) & changing
            if free:
                stem = "channels" if axis == 1 and value.type.rank > 2 else f"size{axis}"
                name = f"{target.name.id}_{stem}"
                items = self._list_of(name)
                items[value_of(index)] = value_of(dim)
                lists.append((name, dim))
                dim = lookup(name, (index,), items, self.scope.frame)
            shape.append(dim)
        return value._replace(type=Tensor(tuple(shape), value.type.dtype))

    def _open_names(self) -> list[str]:
        return [name for name in self.scope.parametric if name not in self.scope]

    def _list_of(self, name: str) -> dict[Any, Any]:
        lists = self.__dict__.setdefault("lists", {})
        found: dict[Any, Any] = lists.setdefault(name, {})
        return found

    def _loops_around(self, target: s.Element) -> list[s.For]:
        return [
            item
            for item in statements_in(self.definition.body)
            if isinstance(item, s.For)
            and item.span.start <= target.span.start
            and target.span.end <= item.span.end
        ]

    def read_store(self, node: s.Subscript, name: str, items: Any) -> Value:
        kept = self.stores[name]
        index = self._index(items[0]) if len(items) == 1 else UNKNOWN
        at = value_of(index) if isinstance(index, Expression) else index
        value = kept.get(at) if isinstance(at, int | str) else None
        if value is None:
            value = next(iter(kept.values()), UNKNOWN)
        if not isinstance(value, Flow):
            return value
        shape = tuple(_at_index(dim, index, at) for dim in value.type.shape)
        return value._replace(type=Tensor(shape, value.type.dtype), span=node.span)


_AXES = {4: ("rows", "columns"), 5: ("slices", "rows", "columns")}


def _stem(axis: int, rank: int) -> str:
    """What people call a size: `channels`, the sizes of an image or a volume, `features`."""
    if axis == 1 and rank > 2:
        return "channels"
    if axis > 1 and rank in _AXES:
        return _AXES[rank][axis - 2]
    return "features" if axis == rank - 1 and rank <= 3 else f"size{axis}"


def report_no_formula(name: str, span: Span, found: Diagnostics, own: bool = True) -> None:
    """Say that a size cannot be written for all values of the parameters.

    `own`: `name` is an argument that the author could give.
    """
    found.add(
        "no-formula",
        f"`{name}` follows no formula of the names in scope here",
        span,
        label="it depends on what happens inside a block",
        help="give the block a last layer whose size is one of its parameters, `require` that its "
        f"loops have a turn{f', or write {name}=…' if own else ''}",
    )


def _at_index(dim: Dim, index: Any, at: Any) -> Dim:
    """A kept size, for the index that is read: `skip[i]` where `widths[j]` was kept under j."""
    if not isinstance(dim, Expression) or not isinstance(index, int | Expression):
        return dim
    names = {
        str(part): index
        for atom in atoms(dim)
        if isinstance(atom, Lookup)
        for part in atom.indices[:1]
        if isinstance(part, Expression)
    }
    moved = substitute(dim, names) if names else dim
    return own_form(moved) if isinstance(moved, Expression) else moved


def _on_the_side(giver: Any, stage: s.Stage, value: Value) -> Value:
    """Apply what a block was given, without leaving facts with the giver."""
    if not isinstance(giver, Generaliser):
        return UNKNOWN
    before, giver.muted = giver.muted, True
    flows, scope = dict(giver.flows), giver.scope.copy()
    output = giver.run_entry(stage, value)
    giver.flows = flows
    giver.scope.clear()
    giver.scope.update(scope)
    giver.muted = before
    return output


def _moved(value: Value, values: Mapping[str, Dim]) -> Value:
    """A value with other sizes in place of names."""
    match value:
        case Flow():
            shape = tuple(substitute(dim, values) for dim in value.type.shape)
            return value._replace(type=Tensor(shape, value.type.dtype))
        case Bundle(items):
            return Bundle(tuple(_moved(item, values) for item in items))
    return value


def _with_size(value: Value, place: int, axis: int, dim: Dim) -> Value:
    """A value with another size at one place."""
    if isinstance(value, Flow):
        shape = list(value.type.shape)
        shape[axis] = dim
        return value._replace(type=Tensor(tuple(shape), value.type.dtype))
    if isinstance(value, Bundle):
        items = list(value.items)
        for number, item in enumerate(items):
            count = len(flows_in(item))
            if place < count:
                items[number] = _with_size(item, place, axis, dim)
                break
            place -= count
        return Bundle(tuple(items))
    return value


def _forget(kind: Any) -> Any:
    """A type without the example values of its names."""
    if isinstance(kind, Tensor):
        return Tensor(tuple(_forget_size(dim) for dim in kind.shape), kind.dtype)
    if isinstance(kind, tuple):
        return tuple(_forget(part) for part in kind)
    return kind


def _forget_size(dim: Dim) -> Dim:
    names = {
        atom.name: symbol(atom.name, None, atom.frame)
        for atom in atoms(dim)
        if isinstance(atom, Symbol)
    }
    return substitute(dim, names)


def _leaving(value: Value, origin: str, span: Span) -> Value:
    """What comes out of a block, as its user writes its sizes."""
    match value:
        case Flow():
            shape = tuple(own_form(dim) for dim in value.type.shape)
            return value._replace(type=Tensor(shape, value.type.dtype), origin=origin, span=span)
        case Bundle(items):
            return Bundle(tuple(_leaving(item, origin, span) for item in items))
    return value


def _stand_in(target: Any) -> Any:
    """An item for a loop that runs no turn with the present parameters."""
    if isinstance(target, s.Targets):
        return [_stand_in(part) for part in target.items]
    return 1
