"""Walk a net or block with its parameters as names: sizes become expressions of what is in scope.

Both sides of a branch are walked and joined, a loop is walked until its sizes settle; a size that
has no formula becomes a variable that runs along.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from netspec import syntax as s
from netspec.arguments import Given
from netspec.borders import as_declared, leaving, name_foreign, note_foreign, parametric_in
from netspec.catalogue.function import Function
from netspec.catalogue.layer import Layer
from netspec.check_extern import declared_output
from netspec.check_flow import decided_by_data, is_open, poison
from netspec.compare import assuming
from netspec.decide import decide, implied
from netspec.diagnostic import Diagnostics
from netspec.dim import Dim, Expression, symbol, value_of
from netspec.evaluate import UNKNOWN, Scope, evaluate
from netspec.facts import BlockFact, ExternFact, Facts, LayerFact, Use
from netspec.flow import Bundle, Constructor, Flow, Value, flow_of, type_of
from netspec.graph import FunctionCall
from netspec.home import Entry
from netspec.join import BranchSizes, JoinSizes, first_size, join, structure_of
from netspec.keep import KeptSizes
from netspec.make_layer import layer_output, make_layer
from netspec.misfit import Misfit
from netspec.name_values import bind_turn, let_value, stand_in
from netspec.no_formula import report_kinds, require_formulas
from netspec.requirement import note_divisibility
from netspec.resize import forget_examples, substituted
from netspec.resolve import names_of
from netspec.signature_match import match_inputs, untyped_sizes
from netspec.size_names import SizeNames
from netspec.source import Span
from netspec.tensor import Tensor, Type
from netspec.turns import surely_has_turns, surely_turns
from netspec.visit import names_in, title_of
from netspec.walk import Walker
from netspec.widen import Widening

_CARRIED = "*"  # what flows through a `repeat`
_frames = [0]


def new_frame() -> int:
    """A number for the names of one definition as it is walked, or as it is used."""
    _frames[0] += 1
    return _frames[0]


class Generaliser(Walker):
    """Walks a definition for all values of its parameters at once."""

    muted = False
    missed = False  # something was read that no turn so far had kept

    def __init__(
        self,
        facts: Facts,
        scope: Scope,
        found: Diagnostics,
        inside: tuple[s.Block, ...] = (),
    ) -> None:
        super().__init__(facts.definition, facts.home, scope, found, facts.names, inside)
        self.facts = facts
        self.unfollowed: dict[Span, s.Stage] = {}  # stages with an input of unknown form
        self.size_names = SizeNames(facts, scope)
        self.kept_sizes = KeptSizes(facts, scope)

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
        layer = make_layer(stage.callee, title, given, inputs, self.found)
        types = [type_of(value) for value in inputs]
        others = {name: type_of(value) for name, value in named.items()}
        if layer is None or None in types or None in others.values():
            return UNKNOWN
        output = self._output(layer, stage, types, others)
        if output is None:
            return UNKNOWN
        if not self.muted:
            if self.facts.frame:
                require_formulas(layer, stage, self.facts.frame, self.facts.unfilled, self.found)
            self.facts.layers[key] = LayerFact(layer, stage)
            self.facts.uses[span] = Use(key, len(inputs))
        if isinstance(output, Tensor):
            self.note_type(stage.span, output)
            self.note_type(span, output)
        name = self.names.stages.get(key) or title
        return layer_output(layer, output, name, inputs, span)

    def _output(
        self, layer: Layer, stage: s.Stage, types: Sequence[Any], named: Mapping[str, Any]
    ) -> Type | None:
        """The output of a layer; with sizes left open where the example does not fit."""
        try:
            return layer.apply(*types, **named)
        except Misfit:
            pass
        try:
            opened = {name: forget_examples(kind) for name, kind in named.items()}
            return layer.apply(*map(forget_examples, types), **opened)
        except Misfit as misfit:
            self.misfit(misfit, stage.callee, [])
            return None

    def run_function(self, function: Function) -> Type:
        try:
            return function.apply()
        except Misfit:
            opened = {name: forget_examples(value) for name, value in function.given.items()}
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
                side._replace(type=forget_examples(side.type)) if isinstance(side, Flow) else side
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
        scope = Scope(values, new_frame())
        scope.parametric = parametric_in(entry, stage, values, self.scope)
        if isinstance(block, s.Extern):
            return self._run_extern(entry, block, stage, scope, inputs, key, span)
        assert isinstance(block, s.Block)
        names = names_of(entry.home, block, Diagnostics(entry.home.source))
        facts = Facts(block, entry.home, names)
        found = self.found.inside(entry.home.source, ())
        child = Generaliser(facts, scope, found, (*self.inside, block))
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
        value = as_declared(value, block.outputs, scope, entry.home.source)
        dims |= child.facts.dims
        if not self.muted:
            fact = BlockFact(entry, stage, values, tuple(inputs), dims)
            self.facts.blocks[key] = fact
            self.facts.uses[span] = Use(key, len(inputs))
        return self._leaving(value, block.name.id, stage, span)

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
        return self._leaving(flow_of(output, "", span), extern.name.id, stage, span)

    def _leaving(self, value: Value, title: str, stage: s.Stage, span: Span) -> Value:
        value = leaving(value, f"`{title}`", span)
        if isinstance(value, Flow):
            self.note_type(stage.span, value.type)
            self.note_type(span, value.type)
        return value

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
        title = title_of(stage.callee)
        if own:
            output = name_foreign(output, title, self.facts, self.scope)
        else:
            note_foreign(output, title, self.facts)
        if isinstance(output, Flow):
            self.note_type(stage.span, output.type)
        return output

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

    def apply_stage(self, stage: s.Stage, value: Value) -> Value:
        if type_of(value) is None and not self.muted:
            self.unfollowed[stage.span] = stage
        return super().apply_stage(stage, value)

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
            self._bind_turn(loop, items[number] if items else stand_in(loop.target))

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

    def _bind_turn(self, loop: s.For, item: Any) -> None:
        """The names of a loop in one turn: symbols with the values of the turn."""
        bind_turn(loop, item, self.scope)
        if not self.muted:
            names = [name.id for name in names_in(loop.target)]
            self.facts.examples.update({name: self.scope.get(name) for name in names})
            self.facts.entries.setdefault(loop.span, dict(self.flows))

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
        widening = Widening(span, self.size_names)
        state = self._state()
        again = True
        outer, kept = self.missed, 0
        while again:
            self._restore(state)
            self.facts.entries.pop(span, None)
            widening.begin(self.flows)
            self.missed = False
            again = self._turns(count, bind, body, widening)
            now = sum(map(len, self.stores.values()))
            if self.missed and not again and now > kept:
                kept, again = now, True
                state = (*state[:2], self._state()[2], *state[3:])
        self.missed = self.missed or outer
        running = widening.running()
        if running and not self.muted:
            self.facts.running[span] = running
        if sure:
            widening.settle(self.flows, own)

    def _turns(
        self,
        count: int,
        bind: Callable[[int], None],
        body: Callable[[], None],
        widening: Widening,
    ) -> bool:
        """Run the turns of a loop, one where there is none; True after one that changes a size."""
        for number in range(max(count, 1)):
            start = dict(self.flows)
            bind(number)
            body()
            if widening.finds_more(start, self.flows):
                return True
            widening.next_turn(self.flows)
            if count == 0:
                self.flows = start
        return False

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

    # ---- branches ----------------------------------------------------------------------------

    def run_branch(self, branch: s.If) -> None:
        if decided_by_data(self, branch.test):
            if not self.muted:
                self.facts.opened.add(branch.span)
            self._both(branch, {}, {}, first_size)
            return
        truth = decide(branch.test, self.scope, self.found)
        if truth is not None:
            if not self.muted:
                self.facts.decided[branch.span] = truth
            self.run(branch.then if truth else branch.other)
            return
        if_true = implied(branch.test, True, self.scope)
        if_false = implied(branch.test, False, self.scope)
        sizes = BranchSizes(branch.span, if_true, if_false, self.size_names)
        self._both(branch, if_true, if_false, sizes.one)
        if sizes.joined and not self.muted:
            self.facts.joined[branch.span] = sizes.joined

    def _both(
        self,
        branch: s.If,
        if_true: Mapping[str, Dim],
        if_false: Mapping[str, Dim],
        sizes: JoinSizes,
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
        for name in then.keys() & other.keys():
            self._require_one_kind(branch, name, then[name], other[name])
        self.flows = {n: join(then[n], value, sizes) for n, value in other.items() if n in then}
        for name, value in then_lets.items():
            self.scope.setdefault(name, value)
        for name, kept in then_stores.items():
            self._join_kept(self.stores[name], kept, sizes)
        poison(self, set(state[0]), set(then), set(other))

    def _require_one_kind(self, branch: s.If, name: str, then: Value, other: Value) -> None:
        """Refuse one tensor on one side and several on the other: no name stands for both."""
        a, b = structure_of(then), structure_of(other)
        if "?" not in (a + b) and a != b and not self.muted:
            report_kinds(name, (a, b), branch.test.span, self.found)

    def _join_kept(
        self, other: dict[Any, Value], then: Mapping[Any, Value], sizes: JoinSizes
    ) -> None:
        """What either side keeps; a loop's turns may decide which, and check knows of each."""
        for at, value in then.items():
            other[at] = join(value, other[at], sizes) if at in other else value

    def _assume(self, equal: Mapping[str, Dim]) -> None:
        """Write the sizes of all values as a test implies that they are."""
        if equal:
            self.flows = {name: substituted(value, equal) for name, value in self.flows.items()}

    def choose(self, node: s.Conditional, test: bool) -> Value:
        if not self.scope.depends(node.test):
            return super().choose(node, test)
        return join(self.flow(node.then), self.flow(node.other), first_size)

    # ---- build-time values and kept ones -----------------------------------------------------

    def set_let(self, name: str, value: Any, expression: s.Expression) -> None:
        if self.scope.depends(expression):
            self.scope.parametric.add(name)
        self.scope[name] = let_value(name, value, self.scope.frame)
        self.facts.examples[name] = self.scope[name]

    def run_require(self, statement: s.Require) -> None:
        note_divisibility(statement.test, self.scope)

    def store(self, target: s.Element, value: Value) -> None:
        index = evaluate(target.at, self.scope, self.found)
        at = value_of(index) if isinstance(index, Expression) else index
        template, lists = self.kept_sizes.template(target, value, index)
        self.stores[target.name.id][at] = template
        self.facts.stored[target.span] = template
        if lists and not self.muted:
            self.facts.kept[target.span] = lists

    def read_store(self, node: s.Subscript, name: str, items: Any) -> Value:
        kept = self.stores[name]
        index = self._index(items[0]) if len(items) == 1 else UNKNOWN
        at = value_of(index) if isinstance(index, Expression) else index
        value = kept.get(at) if isinstance(at, int | str) else None
        if value is None:
            value = next(iter(kept.values()), UNKNOWN)
            self.missed = self.missed or not kept
            at = next(iter(kept), None)
        self.facts.stored[node.span] = value
        if isinstance(value, Flow):
            value = value._replace(span=node.span)
        return self.kept_sizes.at_index(value, name, at, index)


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
