"""Turn the statements of a definition into those of the constructor of its class."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from netspec import syntax as s
from netspec.attributes import only_stage, optional_layer, set_twice
from netspec.items import Assign, Effect, Fill, Item, Nest, Place
from netspec.lower_condition import negated, refusal
from netspec.lower_module import Modules
from netspec.lower_sizes import Sizes, from_turn, names_inferred
from netspec.names import free_name, single
from netspec.placement import device_at
from netspec.plan import Plan
from netspec.pool import ClassPool
from netspec.source import Span
from netspec.visit import (
    all_stages,
    arguments_of,
    depends_on,
    names_in,
    stages_in,
    title_of,
)

_MAKERS = {"zeros": "zeros", "ones": "ones"}


def lower_constructor(plan: Plan, pool: ClassPool) -> list[Item]:
    """The items of the constructor of a class, in the order of its definition."""
    return _Writer(plan, pool).items()


class _Turn(NamedTuple):
    """How a turn of a loop makes its element of the container.

    `hoisted`: what is made before the loop; `before`, `updates`: what stands around in a turn.
    `variable`: what the element is called, "" where nothing reads it. `device`: that of its part.
    """

    element: str
    hoisted: tuple[Item, ...]
    before: tuple[Item, ...]
    updates: tuple[Item, ...]
    variable: str
    device: str | None


class _Writer:
    def __init__(self, plan: Plan, pool: ClassPool) -> None:
        self.plan = plan
        self.pool = pool
        self.sizes = Sizes(plan, pool)
        self.modules = Modules(plan, pool, self.sizes)
        self.typed_twice = set_twice(plan)
        self.seen: set[str] = set()
        self.device: str | None = None  # that of the part that is being written

    def items(self) -> list[Item]:
        items: list[Item] = []
        for statement in self.plan.body:
            items += self._shared_inside(statement)
            self._join(items, self._placed(statement))
        return items

    def _shared_inside(self, statement: s.Statement) -> list[Item]:
        """The stateless layers of a branch that serve other places, too: made before it."""
        if not isinstance(statement, s.If):
            return []
        names = self.plan.facts.names
        items: list[Item] = []
        for stage in all_stages(statement):
            name = names.stages.get(stage.span, "")
            places = [span for span in names.hoisted if names.stages[span] == name]
            if stage.span in names.hoisted and len(places) > 1 and name not in self.seen:
                self.seen.add(name)
                items.append(self._set(name, self.modules.construct(stage)))
        return items

    # ---- statements --------------------------------------------------------------------------

    def _items(self, body: Sequence[s.Statement]) -> list[Item]:
        items: list[Item] = []
        for statement in body:
            self._join(items, self._placed(statement))
        return items

    def _placed(self, statement: s.Statement) -> list[Item]:
        """The items of a statement, on the device of the part that it stands in."""
        device = self._device(statement.span)
        plain = isinstance(statement, s.Let | s.Require)
        if plain or device is None or device == self.device:
            return self._statement(statement)
        outer, self.device = self.device, device
        items = self._statement(statement)
        self.device = outer
        return [Place(device, tuple(items))] if items else []

    def _device(self, span: Span) -> str | None:
        return device_at(self.plan.facts.definition, span, self.plan.loop)

    def _join(self, items: list[Item], more: list[Item]) -> None:
        """Add items; neighbours on one device share its `with`."""
        match items, more:
            case [*_, Place(device, first)], [Place(other, second)] if device == other:
                items[-1] = Place(device, first + second)
            case _:
                items += more

    def _statement(self, statement: s.Statement) -> list[Item]:
        match statement:
            case s.Let(_, value):
                if self._is_of_forward(value):
                    return []
                return [self._let(statement)]
            case s.LayerDefinition(name, _, _, span):
                facts = self.plan.facts
                if span not in {*facts.layers, *facts.blocks, *facts.externs}:
                    return []
                stage = s.Stage(name, statement.callee, statement.schemes, span)
                return [self._set(name.id, self.modules.construct(stage))]
            case s.Variable():
                return [self._variable(statement)]
            case s.For():
                return self._loop(statement)
            case s.If():
                return self._branch(statement)
            case s.Require():
                return self._require(statement)
            case s.Assign(_, value) | s.Return(value):
                return self._stages(value)
        return []

    def _let(self, let: s.Let) -> Assign:
        uses = frozenset(name.id for name in names_in(let.value))
        return Assign(let.name.id, self.modules.written(let.value), uses)

    def _stages(self, node: Any) -> list[Item]:
        items: list[Item] = []
        for stage in stages_in(node, self._is_module):
            items += self._stage(stage)
        return items

    def _is_module(self, title: str) -> bool:
        return self.plan.facts.home.blocks().get(title) is not None or title[:1].isupper()

    def _stage(self, stage: s.Stage) -> list[Item]:
        match stage.callee:
            case s.Group(stages) if stage.label is None:
                return [item for part in stages for item in self._stage(part)]
            case s.Repeat() as repeat:
                return self._repeat(stage, repeat)
        name = self.plan.facts.names.stages.get(stage.span)
        if name is None or name == "" or name in self._seen_hoisted(stage):
            return []
        return [self._set(name, self.modules.construct(stage))]

    def _seen_hoisted(self, stage: s.Stage) -> set[str]:
        """The stateless layers that an earlier place has made."""
        name = self.plan.facts.names.stages[stage.span]
        if stage.span not in self.plan.facts.names.hoisted:
            return set()
        before = set(self.seen)
        self.seen.add(name)
        return before

    def _set(self, name: str, code: str) -> Effect:
        annotation = ""
        if name in self.typed_twice:
            annotation = ": nn.Module"
            self.typed_twice.discard(name)
        return Effect(f"self.{name}{annotation} = {code}", self.modules.taken_uses())

    def _variable(self, variable: s.Variable) -> Effect:
        tensor = self.plan.facts.variables[variable.span]
        for part in variable.type.shape:
            self.modules.note(part)
        sizes = [self.modules.written(part) for part in variable.type.shape]
        name = self.plan.facts.names.stages[variable.span]
        sizes += [] if tensor.dtype == "float32" else [f"dtype=torch.{tensor.dtype}"]
        maker = _MAKERS.get(title_of(variable.scheme) if variable.scheme else "", "")
        plain = not arguments_of(variable.scheme) if variable.scheme else True
        made = f"torch.{maker if maker and plain else 'empty'}({', '.join(sizes)})"
        if variable.kind == "parameter":
            return Effect(f"self.{name} = nn.Parameter({made})", self.modules.taken_uses())
        return Effect(f'self.register_buffer("{name}", {made})', self.modules.taken_uses())

    def _require(self, statement: s.Require) -> list[Item]:
        names = {name.id for name in names_in(statement.test)}
        if names & set(self.plan.facts.sizes) - self._needed_dims():
            return []
        test = self.modules.written(negated(statement.test))
        uses = frozenset(names)
        raising = Effect(refusal(statement, self.plan.facts.home.source), frozenset())
        return [Nest(f"if {test}:", (raising,), (), uses)]

    def _needed_dims(self) -> set[str]:
        """The dimensions that the constructor takes in any case."""
        found: set[str] = set()
        for fact in self.plan.facts.layers.values():
            for part in fact.layer.whole():
                found |= names_inferred(part)
            for argument in arguments_of(fact.stage.callee):
                found |= {name.id for name in names_in(argument.value)}
        return found & set(self.plan.facts.dims)

    def _is_of_forward(self, node: s.Expression) -> bool:
        """Whether a build-time value is one of forward: it depends on sizes of a net's inputs."""
        facts = self.plan.facts
        return isinstance(facts.definition, s.Net) and depends_on(
            node, facts.dims, facts.definition.body
        )

    # ---- loops and branches --------------------------------------------------------------------

    def _branch(self, branch: s.If) -> list[Item]:
        facts = self.plan.facts
        tests = self._stages(branch.test)
        if branch.span in facts.decided:
            taken = branch.then if facts.decided[branch.span] else branch.other
            return [*tests, *self._items(taken)]
        then, other = self._items(branch.then), self._items(branch.other)
        if branch.span in facts.opened:
            return [*tests, *then, *other]
        sizes = self.sizes.sides(branch)
        then += sizes[0]
        other += sizes[1]
        first: list[Item] = []
        name = optional_layer(branch, facts.names.stages, facts.names.hoisted)
        if name is not None:
            first = [Effect(f"self.{name}: nn.Module | None = None", frozenset())]
        uses = frozenset(name.id for name in names_in(branch.test))
        test = self.modules.written(branch.test)
        if not then and other:
            return [
                *tests,
                *first,
                Nest(f"if {self.modules.written(negated(branch.test))}:", tuple(other), (), uses),
            ]
        return [*tests, *first, Nest(f"if {test}:", tuple(then), tuple(other), uses)]

    def _loop(self, loop: s.For) -> list[Item]:
        if loop.span in self.plan.facts.opened:
            return self._items(loop.body)
        with self.sizes.inside(loop):
            return self._loop_items(loop)

    def _loop_items(self, loop: s.For) -> list[Item]:
        entries, updates = self.sizes.entries(loop.span), self.sizes.updates(loop.span)
        kept = self.sizes.kept(loop)
        lists = (Assign(item.target.partition("[")[0], "{}", frozenset()) for item in kept)
        before: list[Item] = [*entries, *lists]
        place = self.plan.facts.names.loops.get(loop.span)
        uses = frozenset(name.id for name in names_in(loop.iterable))
        if place is None:
            body = (*self._items(loop.body), *kept, *updates)
            return [*before, Nest("", body, (), uses, loop.target, loop.iterable)]
        turn = (
            self._level_turn(loop, place.name, updates)
            if place.level
            else self._plain_turn(loop, updates)
        )
        fill = Fill(
            place.name,
            "nn.ModuleList",
            loop.target,
            loop.iterable,
            "",
            turn.element,
            turn.before,
            (*kept, *turn.updates),
            self.modules.taken_uses() | uses,
            turn.variable,
        )
        if turn.device is None or turn.device == self.device:
            return [*turn.hoisted, *before, fill]
        return [*turn.hoisted, *before, Place(turn.device, (fill,))]

    def _level_turn(self, loop: s.For, container: str, updates: Sequence[Assign]) -> _Turn:
        """A turn whose layers have a class of their own."""
        exports = self.sizes.exports(loop)
        element, needed = self.pool.loop_class(self.plan, loop, exports)
        self.modules.uses |= set(needed)
        variable = ""
        if exports:
            variable = free_name(single(container), self.plan.is_constant)
            updates = [from_turn(item, exports, variable) for item in updates]
        lets = tuple(self._let(item) for item in loop.body if isinstance(item, s.Let))
        return _Turn(element, (), lets, tuple(updates), variable, self.device)

    def _plain_turn(self, loop: s.For, updates: Sequence[Assign]) -> _Turn:
        """A turn that makes a single layer."""
        inner = _without_places(self._items(loop.body))
        hoisted = tuple(item for item in inner if isinstance(item, Effect))
        before = tuple(item for item in inner if not isinstance(item, Effect))
        stage = only_stage(loop, self.plan.facts.names.stages)
        device = self._device(stage.span)
        element = self.modules.construct(stage)
        return _Turn(element, hoisted, before, tuple(updates), "", device)

    def _repeat(self, stage: s.Stage, repeat: s.Repeat) -> list[Item]:
        name = self.plan.facts.names.stages[stage.span]
        entries, updates = self.sizes.entries(repeat.span), self.sizes.updates(repeat.span)
        element = self.modules.construct(repeat.stage)
        uses = self.modules.taken_uses() | {n.id for n in names_in(repeat.times)}
        count = self.modules.written(repeat.times)
        fill = Fill(name, "nn.Sequential", None, None, count, element, (), tuple(updates), uses)
        return [*entries, fill]


def _without_places(items: Sequence[Item]) -> list[Item]:
    """Items with those of parts in their place: a loop's only layer decides where all are made."""
    flat: list[Item] = []
    for item in items:
        flat += _without_places(item.body) if isinstance(item, Place) else [item]
    return flat
