"""Turn the statements of a definition into those of `forward`."""

import re
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from netspec import syntax as s
from netspec.attributes import optional_layer
from netspec.code_text import ATOM, Text
from netspec.facts import Use
from netspec.forward_inputs import annotation, annotation_of_kept, inputs_of, value_at
from netspec.forward_lines import Lines
from netspec.forward_scope import ForwardScope
from netspec.forward_variables import Variables
from netspec.items import loop_clause
from netspec.lower_chain import Chains
from netspec.lower_condition import negated, refusal
from netspec.lower_expression import Expressions
from netspec.lower_moves import Moves
from netspec.names import free_name, single
from netspec.placement import Copy
from netspec.plan import Plan
from netspec.pool import ClassPool
from netspec.ports import ports_of, read_first
from netspec.program import Argument, Line
from netspec.visit import elements_in, elements_of, names_in, statements_in
from netspec.write import write_expression


class Forward(NamedTuple):
    """A forward: its inputs, its lines, and the names that it reads from attributes."""

    inputs: tuple[Argument, ...]
    lines: tuple[Line, ...]
    attributes: tuple[str, ...]
    returns: str


def lower_forward(plan: Plan, pool: ClassPool) -> Forward:
    """The forward of a class: a line of a chain becomes a line of code."""
    return _Writer(plan, pool).forward()


class _Writer:
    def __init__(self, plan: Plan, pool: ClassPool) -> None:
        self.plan = plan
        self.facts = facts = plan.facts
        self.inputs = inputs = inputs_of(plan)
        self.scope = scope = ForwardScope(plan)
        self.lines = Lines()
        self.variables = Variables(
            inputs.tensors,
            frozenset(item.name.id for item in facts.definition.inputs),
            *_returned(plan),
        )
        taken = {*scope.size_names.values(), *facts.inputs}
        self.moves = Moves(plan, pool, inputs.first, taken)
        self.expressions = Expressions(plan, inputs, scope, self.moves, self.variables, self.lines)
        self.chains = Chains(facts, plan.running(), self.expressions, self.variables, self.lines)
        self.returns = "Tensor"

    def forward(self) -> Forward:
        if self.plan.loop is None:
            for statement in self.plan.body:
                self.statement(statement)
        else:
            self._turn(self.plan.loop)
        sizes = self.scope.size_lines(self.inputs.values)
        lines = (*self.moves.rest_line(), *sizes, *self.lines.lines)
        return Forward(self.inputs.arguments, lines, tuple(self.scope.attributes), self.returns)

    # ---- statements --------------------------------------------------------------------------

    def statement(self, statement: s.Statement) -> None:
        with self._placed(statement):
            self._statement(statement)

    def _statement(self, statement: s.Statement) -> None:
        match statement:
            case s.Assign(s.Name(id), value) if id == "_" or id not in self.scope.read:
                self._drop(value)
            case s.Assign(s.Name(id), value):
                self._assign(id, value)
            case s.Assign(s.Element() as element, value):
                self._keep(element, value)
            case s.Assign(s.Targets() as targets, value):
                self._unpack(targets, value)
            case s.Return(value):
                self._return(value)
            case s.Let(name, value) if name.id in self.scope.wanted:
                self.lines.add(f"{name.id} = {write_expression(value, self.scope.rename)}")
            case s.For():
                self._loop(statement)
            case s.If():
                self._branch(statement)
            case s.Require():
                self._require(statement)

    def _drop(self, value: s.Expression) -> None:
        """A value that nothing reads: it is computed where that calls something."""
        text = self.expressions.inline(value)
        if text.text.endswith(")"):
            self.lines.add(text.text)

    def _assign(self, name: str, value: s.Expression) -> None:
        if isinstance(value, s.Chain):
            text = self.chains.write(value, name)
            if text.text == name:
                return
            self.lines.add(self._assignment(name, text), self.chains.comment(value))
        else:
            self.lines.add(self._assignment(name, self.expressions.inline(value)))

    def _assignment(self, name: str, text: Text) -> str:
        return self.variables.assignment(name, text, self.lines.depth > 0)

    def _unpack(self, targets: s.Targets, value: s.Expression) -> None:
        if isinstance(value, s.Chain):
            names = [name.id for name in _plain_names(targets) if name.id != "_"]
            temporary = names[0] if names else "x"
            taken = self.scope.read - {temporary}
            text = self.chains.write(value, free_name("x", lambda name: name in taken))
        else:
            text = self.expressions.inline(value)
        if isinstance(value, s.Sequence):
            targets = _without_unread(targets, self.scope.read)
        elements = list(elements_of(targets))
        for element in elements:
            self._store(element.name.id)
        self.lines.add(f"{self._targets(targets)} = {_without_brackets(text.text, value)}")
        for element in elements:
            kept = self._targets(element)
            moved = self.moves.to_home(element.name.id, Text(kept, ATOM))
            if moved.text != kept:
                self.lines.add(f"{kept} = {moved.text}")

    def _store(self, name: str, annotate: bool = False) -> None:
        """Make the dictionary of kept values; type checkers see what it holds, or are told."""
        annotate = annotate or name in read_first(self.plan.body)
        self.lines.store(name, annotation_of_kept(self.facts, name) if annotate else "")

    def _keep(self, element: s.Element, value: s.Expression) -> None:
        self._store(element.name.id)
        if isinstance(value, s.Chain):
            text = self.chains.write(value, free_name("x", lambda n: n in self.scope.read))
        else:
            text = self.expressions.inline(value)
        text = self.moves.to_home(element.name.id, text)
        self.lines.add(f"{self._targets(element)} = {text.text}")

    def _return(self, value: s.Expression) -> None:
        if isinstance(value, s.Chain):
            temporary = free_name("x", lambda name: False)
            text = self.chains.write(value, temporary)
            comment = self.chains.comment(value)
        else:
            text, comment = self.expressions.inline(value), ""
        if isinstance(self.facts.definition, s.Block):
            text = self._returned(text, value)
        kind = self.facts.returned
        several = isinstance(kind, tuple) and not hasattr(kind, "dtype")
        if several:
            self.returns = _tuple_type(kind)
        typed = not self._is_module_call(value) if several else text.typed
        if typed or text.text in self.variables.typed:
            self.lines.add(f"return {_without_brackets(text.text, value)}", comment)
            return
        name = self._output_name()
        self.lines.add(f"{name}: {self.returns} = {text.text}", comment)
        self.lines.add(f"return {name}")

    def _is_module_call(self, value: s.Expression) -> bool:
        """Whether a module gives a value, so that type checkers know nothing of it."""
        last = value.stages[-1] if isinstance(value, s.Chain) else value
        return isinstance(self.facts.uses.get(last.span), Use)

    def _output_name(self) -> str:
        definition = self.facts.definition
        declared = definition.outputs[0].name if definition.outputs else None
        known = {item.name.id for item in definition.inputs} | {
            name.id
            for item in statements_in(definition.body)
            if isinstance(item, s.Assign)
            for name in names_in(item.target)
        }
        taken = known | {"nn", "F", "torch", "x"}
        return free_name(declared.id if declared else "output", lambda name: name in taken)

    def _require(self, statement: s.Require) -> None:
        names = {name.id for name in names_in(statement.test)}
        if not names & set(self.facts.sizes):
            return
        constructor = self.plan.required_dims & names
        if constructor == names & set(self.facts.dims):
            return
        self.scope.note(statement.test)
        test = write_expression(negated(statement.test), self.scope.rename)
        self.lines.add(f"if {test}:")
        self.lines.add_inside(refusal(statement, self.facts.home.source))

    # ---- devices -----------------------------------------------------------------------------

    @contextmanager
    def _placed(self, statement: s.Statement) -> Iterator[None]:
        """Write a statement where it is run, between the lines that move tensors there and back."""
        with self.moves.at(statement) as around:
            self._copy(around.before)
            yield
            self._copy(around.behind)

    def _copy(self, copies: Sequence[Copy]) -> None:
        for copy in copies:
            if copy.name in self.variables.typed:
                self.variables.typed.add(copy.variable)
            self.lines.add(self.moves.copied(copy))

    def _returned(self, text: Text, value: s.Expression) -> Text:
        """What a block returns, on the device of its input."""
        if self.moves.at_input() or not isinstance(value, s.Sequence):
            return self.moves.to_input(text)
        items = (self.moves.to_input(self.expressions.inline(item)).text for item in value.items)
        return Text(f"({', '.join(items)})")

    # ---- loops and branches --------------------------------------------------------------------

    def _branch(self, branch: s.If) -> None:
        if branch.span in self.facts.decided:
            for statement in branch.then if self.facts.decided[branch.span] else branch.other:
                self.statement(statement)
            return
        name = None
        if branch.span not in self.facts.opened:
            name = optional_layer(branch, self.facts.names.stages, self.facts.names.hoisted)
        then = self._lines_of(branch.then)
        other = self._lines_of(branch.other)
        if name is not None:
            test = f"self.{name} is not None"
        else:
            wanted = branch.test if then else negated(branch.test)
            if then or other:
                self.scope.note(branch.test)
            test = write_expression(wanted, self.scope.rename)
        if not then and not other:
            return
        self.lines.add(f"if {test}:")
        self.lines.lines += then or other
        if then and other:
            self.lines.add("else:")
            self.lines.lines += other

    def _lines_of(self, body: Sequence[s.Statement]) -> list[Line]:
        """The lines of a body, one level deeper."""
        with self.lines.apart() as inner:
            for statement in body:
                self.statement(statement)
        return inner

    def _loop(self, loop: s.For) -> None:
        place = self.facts.names.loops.get(loop.span)
        self.lines.begin_loop()
        names = {name.id for name in names_in(loop.target)}
        added = names - self.scope.loops
        self.scope.loops |= added
        for element in elements_in(loop.body) if place is None or not place.level else ():
            self._store(element.name.id)
        if place is not None and place.level:
            self._level_loop(loop, place.name)
        else:
            self._plain_loop(loop, place.name if place else "")
        self.scope.loops -= added

    def _plain_loop(self, loop: s.For, container: str) -> None:
        element = ""
        if container:
            taken = self.scope.read | self.scope.loops | self.variables.typed
            element = free_name(single(container), lambda name: name in taken)
        self.expressions.element = element
        lines = self._lines_of(loop.body)
        if not lines:
            return
        used = _words(lines)
        if container:
            clause = self._over(loop, f"self.{container}", element, used)
        else:
            self.scope.note(loop.iterable)
            clause = loop_clause(loop.target, loop.iterable, used, self.scope.rename)
        self.lines.add(f"for {clause}:")
        self.lines.lines += lines

    def _over(self, loop: s.For, container: str, element: str, used: set[str]) -> str:
        """`block in self.h`, with the loop's own variables where something uses them."""
        names = [name.id for name in names_in(loop.target)]
        if not any(name in used for name in names):
            return f"{element} in {container}"
        counting = _counts(loop)
        if counting is not None and not any(n in used for n in names if n != counting):
            return f"{counting}, {element} in enumerate({container})"
        self.scope.note(loop.iterable)
        target, iterable = loop_clause(loop.target, loop.iterable, used, self.scope.rename).split(
            " in ", 1
        )
        shown = f"({target})" if "," in target else target
        return f"{shown}, {element} in zip({iterable}, {container}, strict=True)"

    def _level_loop(self, loop: s.For, container: str) -> None:
        """A loop whose turns have a class of their own: it is called with what it reads."""
        ports = ports_of(self.facts, loop)
        taken = self.scope.read | self.scope.loops
        element = free_name(single(container), lambda name: name in taken)
        arguments = [self.expressions.inline(node).text for _, node in ports.inputs]
        for name in ports.whole:
            self._store(name, annotate=True)
        arguments += [*ports.whole, *(f"self.{name}" for name in ports.modules)]
        for _, target in ports.outputs:
            if isinstance(target, s.Element):
                self._store(target.name.id)
        targets = ", ".join(self._targets(target) for _, target in ports.outputs)
        call = f"{element}({', '.join(arguments)})"
        text = f"{targets} = {call}" if targets else call
        used = _words([Line(text)])
        self.lines.add(f"for {self._over(loop, f'self.{container}', element, used)}:")
        self.lines.add_inside(text)

    def _targets(self, target: "s.Name | s.Element | s.Targets") -> str:
        """What is given a value, as forward writes it."""
        match target:
            case s.Element(name, at):
                self.scope.note(at)
                return f"{name.id}[{write_expression(at, self.scope.rename)}]"
            case s.Targets(items):
                parts = [self._targets(item) for item in items]
                pairs = zip(items, parts, strict=True)
                parts = [f"({text})" if isinstance(i, s.Targets) else text for i, text in pairs]
                return f"{parts[0]}," if len(parts) == 1 else ", ".join(parts)
        return target.id

    def _turn(self, loop: s.For) -> None:
        """The layers of one turn, and what it leaves."""
        outputs = ports_of(self.facts, loop).outputs
        stored = {t.span: n for n, t in outputs if isinstance(t, s.Element)}
        names = [name for name, _ in outputs]
        self.scope.read |= {*names}
        for name in self.inputs.whole:
            self.lines.hand(name)
        for statement in loop.body:
            if isinstance(statement, s.Assign) and statement.target.span in stored:
                with self._placed(statement):
                    self._assign(stored[statement.target.span], statement.value)
            else:
                self.statement(statement)
        types = [annotation(value_at(self.facts, loop, target)) for _, target in outputs]
        if len(types) == 1:
            self.returns = types[0]
        else:
            self.returns = f"tuple[{', '.join(types)}]" if types else "None"
        if names:
            self.lines.add(f"return {', '.join(names)}")


def _counts(loop: s.For) -> str | None:
    """The name that counts the turns from 0, where there is one."""
    match loop.target, loop.iterable:
        case s.Name(id), s.Call(s.Name("range"), (s.Argument(None, _),)):
            return id
        case s.Targets((s.Name(id), _)), s.Call(s.Name("enumerate"), (s.Argument(),)):
            return id
    return None


def _words(lines: Sequence[Line]) -> set[str]:
    return {word for line in lines for word in re.findall(r"(?<![\w.])[^\W\d]\w*", line.text)}


def _tuple_type(kind: Any) -> str:
    if kind is None or hasattr(kind, "dtype"):
        return "Tensor"
    return f"tuple[{', '.join(_tuple_type(part) for part in kind)}]"


def _without_brackets(text: str, value: s.Expression) -> str:
    if isinstance(value, s.Sequence) and len(value.items) > 1:
        return text[1:-1]
    return text


def _plain_names(target: "s.Name | s.Element | s.Targets") -> list[s.Name]:
    """The names that an assignment gives a value, without those of kept values."""
    match target:
        case s.Targets(items):
            return [name for item in items for name in _plain_names(item)]
        case s.Name():
            return [target]
    return []


def _without_unread(targets: s.Targets, read: Container[str]) -> s.Targets:
    """The targets of a tuple that is written out: what nothing reads has no name."""
    items: list[s.Name | s.Element | s.Targets] = []
    for item in targets.items:
        match item:
            case s.Name(id) if id not in read:
                items.append(item._replace(id="_"))
            case s.Targets():
                items.append(_without_unread(item, read))
            case _:
                items.append(item)
    return targets._replace(items=tuple(items))


def _returned(plan: Plan) -> tuple[str, str]:
    """The variable that a forward gives back, and its type; "" where it is no single one."""
    facts = plan.facts
    if plan.loop is not None:
        outputs = ports_of(facts, plan.loop).outputs
        single = [(n, annotation(value_at(facts, plan.loop, target))) for n, target in outputs]
        return single[0] if len(single) == 1 else ("", "Tensor")
    for statement in facts.definition.body:
        if isinstance(statement, s.Return) and isinstance(statement.value, s.Name):
            return statement.value.id, _tuple_type(facts.returned)
    return "", "Tensor"
