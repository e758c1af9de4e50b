"""Turn the statements of a definition into those of the constructor of its class."""

import re
from collections.abc import Sequence
from typing import Any

from netspec import syntax as s
from netspec.catalogue.layer import Layer
from netspec.dim import Dim, Expression, form_of
from netspec.facts import BlockFact, ExternFact, Running
from netspec.form import form_names, write
from netspec.items import Assign, Effect, Fill, Item, Nest, Place
from netspec.lower_call import call_arguments, write_arguments
from netspec.lower_parametrization import wrap, wraps
from netspec.names import free_name, single
from netspec.no_formula import report_no_formula
from netspec.placement import device_at
from netspec.plan import Plan
from netspec.pool import ClassPool
from netspec.source import Span
from netspec.substitute import atoms, symbols
from netspec.visit import (
    all_stages,
    arguments_of,
    names_in,
    repeats,
    stages_in,
    statements_in,
    title_of,
)
from netspec.write import write_expression, write_literal


class Constructor:
    """The items of a constructor, and the names that they need."""

    def __init__(self, plan: Plan, pool: ClassPool) -> None:
        self.plan = plan
        self.pool = pool
        self.uses: set[str] = set()
        self.typed_twice = _set_twice(plan)
        self.seen: set[str] = set()
        self.items: list[Item] = []
        self.elements: dict[Any, str] = {}  # names of loops for elements of lists: `width`
        self.device: str | None = None  # that of the part that is being written

    def build(self) -> list[Item]:
        """All items, in the order of the definition."""
        for statement in self.plan.body:
            self.items += self._shared_inside(statement)
            self._join(self.items, self._placed(statement))
        return self.items

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
                items.append(self._set(name, self.construct(stage)))
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
                if self._depends_on_data(value):
                    return []
                return [self._let(statement)]
            case s.LayerDefinition(name, _, _, span):
                facts = self.plan.facts
                if span not in {*facts.layers, *facts.blocks, *facts.externs}:
                    return []
                stage = s.Stage(name, statement.callee, statement.schemes, span)
                return [self._set(name.id, self.construct(stage))]
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
        return Assign(let.name.id, self._written(let.value), uses)

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
        if name is None or name == "" or name in self.seen_hoisted(stage):
            return []
        return [self._set(name, self.construct(stage))]

    def seen_hoisted(self, stage: s.Stage) -> set[str]:
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
        return Effect(f"self.{name}{annotation} = {code}", self._taken_uses())

    def _taken_uses(self) -> frozenset[str]:
        uses, self.uses = frozenset(self.uses), set()
        return uses

    def _variable(self, variable: s.Variable) -> Effect:
        tensor = self.plan.facts.variables[variable.span]
        for part in variable.type.shape:
            self._note(part)
        sizes = [self._written(part) for part in variable.type.shape]
        name = self.plan.facts.names.stages[variable.span]
        sizes += [] if tensor.dtype == "float32" else [f"dtype=torch.{tensor.dtype}"]
        maker = _MAKERS.get(title_of(variable.scheme) if variable.scheme else "", "")
        plain = not arguments_of(variable.scheme) if variable.scheme else True
        made = f"torch.{maker if maker and plain else 'empty'}({', '.join(sizes)})"
        if variable.kind == "parameter":
            return Effect(f"self.{name} = nn.Parameter({made})", self._taken_uses())
        return Effect(f'self.register_buffer("{name}", {made})', self._taken_uses())

    def _require(self, statement: s.Require) -> list[Item]:
        names = {name.id for name in names_in(statement.test)}
        if names & set(self.plan.facts.sizes) - self.plan_needs():
            return []
        if any(self._is_data(name) for name in names):
            return []
        test = self._written(negated(statement.test))
        uses = frozenset(names)
        refusal = Effect(f"raise ValueError({_message(statement, self.plan)})", frozenset())
        return [Nest(f"if {test}:", (refusal,), (), uses)]

    def plan_needs(self) -> set[str]:
        """The dimensions that the constructor takes in any case."""
        found: set[str] = set()
        for fact in self.plan.facts.layers.values():
            for part in fact.layer.whole():
                found |= _names_inferred(part)
            for argument in arguments_of(fact.stage.callee):
                found |= {name.id for name in names_in(argument.value)}
        return found & set(self.plan.facts.dims)

    def _is_data(self, name: str) -> bool:
        return self.plan.facts.loop_sizes(name) if hasattr(self.plan.facts, "loop_sizes") else False

    def _depends_on_data(self, node: s.Expression) -> bool:
        """Whether a build-time value is one of forward: it depends on sizes of a net's inputs."""
        if not isinstance(self.plan.facts.definition, s.Net):
            return False
        lets = {
            item.name.id: item.value
            for item in self.plan.facts.definition.body
            if isinstance(item, s.Let)
        }
        pending, seen = [node], set[str]()
        while pending:
            for name in names_in(pending.pop()):
                if name.id in self.plan.facts.dims:
                    return True
                if name.id in lets and name.id not in seen:
                    seen.add(name.id)
                    pending.append(lets[name.id])
        return False

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
        wanted = self._sizes_that_layers_want() | self.plan.exports
        for joined in facts.joined.get(branch.span, ()):
            if joined.name not in wanted:
                continue
            then.append(self._size(joined.name, joined.then))
            other.append(self._size(joined.name, joined.other))
        first: list[Item] = []
        name = optional_layer(branch, facts.names.stages, facts.names.hoisted)
        if name is not None:
            first = [Effect(f"self.{name}: nn.Module | None = None", frozenset())]
            then = [_without_annotation(item) for item in then]
        uses = frozenset(name.id for name in names_in(branch.test))
        test = self._written(branch.test)
        if not then and other:
            return [
                *tests,
                *first,
                Nest(f"if {self._written(negated(branch.test))}:", tuple(other), (), uses),
            ]
        return [*tests, *first, Nest(f"if {test}:", tuple(then), tuple(other), uses)]

    def _size(self, name: str, dim: Dim) -> Assign:
        text, uses = self._sized(dim)
        return Assign(name, text, frozenset(uses))

    def _sized(self, dim: Dim) -> tuple[str, set[str]]:
        """A size as the place writes it, and the names that it mentions."""
        facts = self.plan.facts
        if isinstance(dim, Expression) and any(a.frame != facts.frame for a in atoms(dim)):
            owner = facts.definition.name
            report_no_formula(f"a size of {owner.id}", owner.span, facts.found, own=False)
        if dim in self.elements:
            return self.elements[dim], {self.elements[dim]}
        return write(form_of(dim), self.plan.in_constructor), _names_of(dim)

    def _loop(self, loop: s.For) -> list[Item]:
        facts = self.plan.facts
        if loop.span in facts.opened:
            return self._items(loop.body)
        wanted = self._sizes_that_layers_want()
        found = facts.running.get(loop.span, ())
        running = [r for r in found if _text(r.entry) != r.name and r.name in wanted]
        outer = self.elements
        self.elements = outer | self._elements_of(loop)
        items = self._loop_items(loop, running)
        self.elements = outer
        return items

    def _elements_of(self, loop: s.For) -> dict[Any, str]:
        """The elements of lists that the variables of a loop stand for."""
        found: dict[Any, str] = {}
        for name in names_in(loop.target):
            value = self.plan.facts.examples.get(name.id)
            if isinstance(value, Expression) and symbols(value) != {name.id}:
                found[value] = name.id
        return found

    def _loop_items(self, loop: s.For, running: Sequence[Running]) -> list[Item]:
        facts = self.plan.facts
        wanted = self._sizes_that_layers_want()
        entries: list[Item] = [self._size(r.name, r.entry) for r in running]
        updates: list[Item] = [
            self._size(r.name, r.update)
            for r in facts.running.get(loop.span, ())
            if _text(r.update) != r.name and r.name in wanted
        ]
        kept = self._kept(loop)
        place = facts.names.loops.get(loop.span)
        uses = frozenset(name.id for name in names_in(loop.iterable))
        lists: list[Item] = [
            Assign(item.target.partition("[")[0], "{}", frozenset()) for item in kept
        ]
        if place is None:
            body = (*self._items(loop.body), *kept, *updates)
            return [*entries, *lists, self._for(loop, body, uses)]
        variable = ""
        if place.level:
            exports = self._exports(loop)
            element = self.pool.loop_class(self.plan, loop, self, exports)
            if exports:
                variable = free_name(single(place.name), lambda n: self.plan.is_constant(n))
                updates = [_from_turn(item, exports, variable, self.plan) for item in updates]
            before: tuple[Item, ...] = tuple(
                self._let(item) for item in loop.body if isinstance(item, s.Let)
            )
            hoisted: list[Item] = []
            device = self.device
        else:
            inner = _without_places(self._items(loop.body))
            hoisted = [item for item in inner if isinstance(item, Effect)]
            before = tuple(item for item in inner if not isinstance(item, Effect))
            stage = only_stage(loop, facts.names.stages)
            device = self._device(stage.span)
            element = self.construct(stage)
        fill = Fill(
            place.name,
            "nn.ModuleList",
            loop.target,
            loop.iterable,
            "",
            element,
            before,
            (*kept, *updates),
            self._taken_uses() | uses,
            variable,
        )
        if device is None or device == self.device:
            return [*hoisted, *entries, *lists, fill]
        return [*hoisted, *entries, *lists, Place(device, (fill,))]

    def _exports(self, loop: s.For) -> set[str]:
        """The sizes that run along inside a turn, and that the next turn begins with."""
        facts = self.plan.facts
        inner = {
            item.name
            for spans in (facts.running, facts.joined)
            for span, found in spans.items()
            if loop.span.start < span.start and span.end <= loop.span.end
            for item in found
        }
        wanted = self._sizes_that_layers_want()
        return {
            name
            for r in facts.running.get(loop.span, ())
            if r.name in wanted
            for name in _names_of(r.update) & inner
        }

    def _sizes_that_layers_want(self) -> set[str]:
        """The names that arguments of layers and blocks mention, or that those depend on."""
        facts = self.plan.facts
        found: set[str] = set()
        for fact in facts.layers.values():
            for part in fact.layer.whole():
                for field in part.fields().values():
                    if field.inferred:
                        found |= _names_of(getattr(part, field.name, None))
        for block in facts.blocks.values():
            for name in self.pool.block_class(block).dims:
                found |= _names_of(block.dims[name])
        changing = {
            r.name: _names_of(r.update) | _names_of(r.entry)
            for rs in facts.running.values()
            for r in rs
        } | {
            j.name: _names_of(j.then) | _names_of(j.other)
            for js in facts.joined.values()
            for j in js
        }
        for _ in changing:
            for name, names in changing.items():
                found |= names if name in found else set()
        return found

    def _kept(self, loop: s.For) -> list[Assign]:
        """The lists of sizes that stores in a loop fill."""
        found: list[Assign] = []
        for statement in loop.body:
            if isinstance(statement, s.Assign) and isinstance(statement.target, s.Element):
                index = self._written(statement.target.at)
                uses = {name.id for name in names_in(statement.target.at)}
                for name, dim in self.plan.facts.kept.get(statement.target.span, ()):
                    text = write(form_of(dim), self.plan.in_constructor)
                    found.append(Assign(f"{name}[{index}]", text, frozenset(uses | _names_of(dim))))
        return found

    def _for(self, loop: s.For, body: tuple[Item, ...], uses: frozenset[str]) -> Nest:
        return Nest("", body, (), uses, loop.target, loop.iterable)

    def _repeat(self, stage: s.Stage, repeat: s.Repeat) -> list[Item]:
        name = self.plan.facts.names.stages[stage.span]
        wanted = self._sizes_that_layers_want()
        running = [r for r in self.plan.facts.running.get(repeat.span, ()) if r.name in wanted]
        entries = [self._size(r.name, r.entry) for r in running if _text(r.entry) != r.name]
        updates = [self._size(r.name, r.update) for r in running if _text(r.update) != r.name]
        element = self.construct(repeat.stage)
        uses = self._taken_uses() | {n.id for n in names_in(repeat.times)}
        count = self._written(repeat.times)
        fill = Fill(name, "nn.Sequential", None, None, count, element, (), tuple(updates), uses)
        return [*entries, fill]

    # ---- layers ------------------------------------------------------------------------------

    def construct(self, stage: s.Stage) -> str:
        """The call that makes what a stage names."""
        facts = self.plan.facts
        match stage.callee:
            case s.Group() as group:
                return self._group(group)
            case s.Repeat(count, inner):
                self._require_one_size(stage.callee)
                element = self.construct(inner)
                self._note(count)
                clause = f"for _ in range({self._written(count)})"
                return f"nn.Sequential(*({element} {clause}))"
        if stage.span in self.plan.handed:
            made = self._handed_on(stage.span)
            device = device_at(facts.definition, stage.span)  # it was made by the user
            return f"{made}.to({write_literal(device)})" if device else made
        if stage.span in facts.blocks:
            return self._block(facts.blocks[stage.span])
        if stage.span in facts.externs:
            return self._extern(facts.externs[stage.span])
        code = self._layer(facts.layers[stage.span].layer, stage.callee)
        around = wraps(stage, self.pool)
        for argument in around:
            self._note(argument.value)
        return wrap(code, around, self.plan)

    def _layer(self, layer: Layer, callee: Any) -> str:
        """The call that makes a layer, with those that it takes made in its arguments."""
        self.uses |= _names_inferred(layer)
        arguments = arguments_of(callee)
        for argument in arguments:
            self._note(argument.value)
        written = write_arguments(arguments, self.plan.in_constructor)
        names = layer.positional()
        for place, argument in enumerate(arguments):
            key = argument.name.id if argument.name else names[min(place, len(names) - 1)]
            part = layer.given.get(key)
            if isinstance(part, Layer):
                code = self._layer(part, argument.value)
                written[place] = written[place]._replace(text=code, constant=False)
        texts = call_arguments(layer, written, self.plan.in_constructor)
        placed = sum(not _KEYWORD.match(text) for text in texts)
        self.pool.note_layer(layer, self.plan.facts.home.source, callee.span, placed)
        return f"{self.pool.layer_class(type(layer).__name__)}({', '.join(texts)})"

    def _group(self, group: s.Group) -> str:
        entries = self._entries(group)
        if any(part.label for part, _ in entries):
            pairs = [
                f'("{part.label.id if part.label else number}", {code})'
                for number, (part, code) in enumerate(entries)
            ]
            return f"nn.Sequential(OrderedDict([{', '.join(pairs)}]))"
        return f"nn.Sequential({', '.join(code for _, code in entries)})"

    def _entries(self, group: s.Group) -> list[tuple[s.Stage, str]]:
        entries: list[tuple[s.Stage, str]] = []
        for part in group.stages:
            match part.callee:
                case s.Group() as inner if part.label is None:
                    entries += self._entries(inner)
                case s.Repeat(count, stage) if part.label is None:
                    element = self.construct(stage)
                    self._note(count)
                    clause = f"for _ in range({self._written(count)})"
                    entries.append((part, f"*({element} {clause})"))
                case _:
                    entries.append((part, self.construct(part)))
        return entries

    def _block(self, fact: BlockFact) -> str:
        made = self.pool.block_class(fact)
        definition = fact.entry.definition
        arguments: list[str] = []
        for name in made.dims:
            self._require_formula(name, fact)
            text, uses = self._sized(fact.dims[name])
            self.uses |= uses
            arguments.append(text)
        by_position = True
        written = _by_parameter(definition, fact.stage)
        for parameter in definition.parameters:
            name = parameter.name.id
            takes = [n for n in made.handed if n[0] == name]
            if parameter.type is not None and parameter.type.id == "block":
                for _, keyword in takes:
                    code = self._handed(fact, name, written.get(name))
                    arguments.append(code if by_position else f"{keyword}={code}")
                by_position = by_position and len(takes) > 0
                continue
            argument_ = written.get(name)
            if argument_ is None:
                by_position = False
                continue
            self._note(argument_.value)
            text = self._written(argument_.value)
            by_position = by_position and argument_.name is None
            arguments.append(text if by_position else f"{name}={text}")
        return f"{made.name}({', '.join(arguments)})"

    def _extern(self, fact: ExternFact) -> str:
        """What is written in Python: its arguments in the order of its signature."""
        definition = fact.entry.definition
        written = _by_parameter(definition, fact.stage)
        arguments: list[str] = []
        by_position = True
        for parameter in definition.parameters:
            argument = written.get(parameter.name.id)
            by_position = by_position and argument is not None and argument.name is None
            if argument is not None:
                self._note(argument.value)
                text = self._written(argument.value)
                arguments.append(text if by_position else f"{parameter.name.id}={text}")
        name = self.pool.extern_class(fact.entry)
        self.pool.note_positions(name, sum(item.name is None for item in written.values()))
        return f"{name}({', '.join(arguments)})"

    def _require_formula(self, name: str, fact: BlockFact) -> None:
        facts = self.plan.facts
        dim = fact.dims[name]
        if isinstance(dim, Expression) and any(a.frame != facts.frame for a in atoms(dim)):
            report_no_formula(name, fact.stage.callee.span, facts.found, own=False)

    def _require_one_size(self, repeat: s.Repeat) -> None:
        """Refuse a `repeat` inside of another whose layers get sizes that change in it."""
        facts = self.plan.facts
        wanted = self._sizes_that_layers_want()
        if any(running.name in wanted for running in facts.running.get(repeat.span, ())):
            facts.found.add(
                "no-formula",
                "the layers of a `repeat` inside of another get sizes that change",
                repeat.span,
                label="its first layer gets another size than those behind it",
                help="write `for … in range(…) { … }` for the outer one, or put the first layer "
                "before both",
            )

    def _handed(self, fact: BlockFact, name: str, argument: s.Argument | None) -> str:
        """A block that is handed to a block: made here, or handed on."""
        if argument is not None and argument.value.span in self.plan.handed:
            return self._handed_on(argument.value.span)
        given = fact.values[name]
        stage = given.stage
        if isinstance(stage.callee, s.Group):
            return self._group(stage.callee)
        return self.construct(stage)

    def _handed_on(self, span: Span) -> str:
        """What the constructor was handed for a place; in a loop, a copy for each turn."""
        name = self.plan.handed[span]
        self.uses.add(name)
        return f"deepcopy({name})" if repeats(self.plan.body, span) else name

    # ---- texts -------------------------------------------------------------------------------

    def _written(self, node: s.Expression) -> str:
        return write_expression(node, self.plan.in_constructor)

    def _note(self, node: s.Expression) -> None:
        self.uses |= {name.id for name in names_in(node)}

    def _dim(self, dim: Dim) -> str:
        self.uses |= _names_of(dim)
        return write(form_of(dim), self.plan.in_constructor)


def _by_parameter(definition: s.Net | s.Block | s.Extern, stage: s.Stage) -> dict[str, s.Argument]:
    """What a stage gives, by the parameter that it is for."""
    known = [parameter.name.id for parameter in definition.parameters]
    return {
        argument.name.id if argument.name else known[position]: argument
        for position, argument in enumerate(arguments_of(stage.callee))
    }


_KEYWORD = re.compile(r"[^\W\d]\w*=(?!=)")
_MAKERS = {"zeros": "zeros", "ones": "ones"}


def _from_turn(item: Item, exports: set[str], variable: str, plan: Plan) -> Item:
    """An update of a size that a turn has worked out: it is read from the turn's attributes."""
    if not isinstance(item, Assign) or not item.uses & exports:
        return item
    text = re.sub(
        r"[^\W\d]\w*",
        lambda m: f"{variable}.{m[0]}" if m[0] in exports else m[0],
        item.text,
    )
    return Assign(item.target, text, item.uses - exports)


def _without_places(items: Sequence[Item]) -> list[Item]:
    """Items with those of parts in their place: a loop's only layer decides where all are made."""
    flat: list[Item] = []
    for item in items:
        flat += _without_places(item.body) if isinstance(item, Place) else [item]
    return flat


def _message(statement: s.Require, plan: Plan) -> str:
    if statement.message:
        return write_literal(statement.message)
    source = plan.facts.home.source.cut(statement.test.span)
    return write_literal(f"{source} does not hold")


def negated(test: s.Expression) -> s.Expression:
    """The test that holds where `test` does not."""
    opposite = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
    match test:
        case s.Unary("not", operand):
            return operand
        case s.Comparison((operator,), operands, span):
            return s.Comparison((opposite[operator],), operands, span)
    return s.Unary("not", test, test.span)


def optional_layer(branch: s.If, stages: dict[Span, str], hoisted: set[Span]) -> str | None:
    """The layer that tells whether a branch was taken: the first that it builds."""
    if branch.other:
        return None
    for statement in branch.then:
        value = getattr(statement, "value", None)
        for stage in stages_in(value, lambda name: True) if value is not None else ():
            single = not isinstance(stage.callee, s.Repeat) and stage.span not in hoisted
            if single and stages.get(stage.span):
                return stages[stage.span]
    return None


def _without_annotation(item: Item) -> Item:
    return item


def _set_twice(plan: Plan) -> set[str]:
    """Attributes that both sides of a branch set."""
    counts: dict[str, int] = {}
    inner = [
        item.span
        for item in statements_in(plan.body)
        if isinstance(item, s.For)
        and item.span in plan.facts.names.loops
        and plan.facts.names.loops[item.span].level
    ]
    for span, name in plan.facts.names.stages.items():
        outside = any(part.start <= span.start < part.end for part in inner)
        if plan.loop is not None:
            outside = outside or not plan.loop.span.start <= span.start < plan.loop.span.end
        if span not in plan.facts.names.hoisted and name and not outside:
            counts[name] = counts.get(name, 0) + 1
    return {name for name, count in counts.items() if count > 1}


def only_stage(loop: s.For, stages: dict[Span, str]) -> s.Stage:
    """The stage of a loop that its container holds."""
    for statement in loop.body:
        value = getattr(statement, "value", None)
        for stage in stages_in(value, lambda name: True) if value is not None else ():
            found = _unnamed(stage, stages)
            if found is not None:
                return found
    raise LookupError(f"a loop without a layer at {loop.span}")


def _unnamed(stage: s.Stage, stages: dict[Span, str]) -> s.Stage | None:
    if isinstance(stage.callee, s.Group) and stage.label is None:
        parts = (_unnamed(part, stages) for part in stage.callee.stages)
        return next((part for part in parts if part is not None), None)
    return stage if stages.get(stage.span) == "" else None


def _names_of(value: Any) -> set[str]:
    """The names that a size mentions as it is written."""
    if isinstance(value, tuple | list):
        return {name for item in value for name in _names_of(item)}
    return form_names(form_of(value)) if not isinstance(value, str | None) else set()


def _names_inferred(layer: Layer) -> set[str]:
    """The names that the sizes mention which the input decides."""
    return {
        name
        for field in layer.fields().values()
        if field.inferred and field.name not in layer.given
        for name in _names_of(getattr(layer, field.name))
    }


def _text(dim: Dim) -> str:
    return write(form_of(dim))


# ---- what is needed, and the lines ---------------------------------------------------------------
