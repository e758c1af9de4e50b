"""Turn the statements of a definition into those of `forward`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from netspec import syntax as s
from netspec.catalogue.signature import Signature
from netspec.code_text import ATOM, level_of, spread
from netspec.dim import Dim
from netspec.facts import Facts, Use
from netspec.flow import Bundle, Flow, Value
from netspec.graph import FunctionCall
from netspec.items import loop_clause
from netspec.lower_call import Written, call_arguments
from netspec.lower_constructor import negated, optional_layer
from netspec.lower_placement import device_of, device_of_rest
from netspec.names import free_name, free_variable, single
from netspec.placement import Copy, crossings_of
from netspec.plan import Plan
from netspec.pool import ClassPool
from netspec.ports import ports_of, source_of
from netspec.program import Argument, Line
from netspec.substitute import symbols
from netspec.tensor import DTYPES
from netspec.visit import arguments_of, names_in, statements_in, title_of
from netspec.write import write_expression, write_literal

_CHAINED = 60  # characters of nested calls in one line
_LEVELS = {"+": 5, "-": 5, "*": 6, "/": 6, "//": 6, "%": 6, "@": 6, "**": 8}
_COMPARISON, _UNARY = 4, 7
_METHOD = "torch.Tensor."


class Text(NamedTuple):
    """An expression: its text, how tightly it binds, and whether type checkers see a tensor."""

    text: str
    level: int = ATOM
    typed: bool = False


class Forward(NamedTuple):
    """A forward: its inputs, its lines, and the names that it reads from attributes."""

    inputs: tuple[Argument, ...]
    lines: tuple[Line, ...]
    attributes: tuple[str, ...]
    returns: str


def lower_forward(plan: Plan, pool: ClassPool) -> Forward:
    """The forward of a class: a line of a chain becomes a line of code."""
    writer = _Writer(plan, pool)
    if plan.loop is None:
        for statement in plan.body:
            writer.statement(statement)
        inputs = tuple(
            Argument(item.name.id, _annotation(plan.facts.inputs[item.name.id]))
            for item in plan.facts.definition.inputs
        )
        returns = writer.returns
    else:
        inputs, returns = writer.turn(plan.loop)
    lines = (*writer.rest_line(), *writer.size_lines(), *writer.lines)
    return Forward(inputs, lines, tuple(writer.attributes), returns)


def _annotation(value: Value) -> str:
    if isinstance(value, Bundle):
        return f"tuple[{', '.join(_annotation(item) for item in value.items)}]"
    return "Tensor"


class _Writer:
    def __init__(self, plan: Plan, pool: ClassPool) -> None:
        self.plan = plan
        self.pool = pool
        self.facts = plan.facts
        self.lines: list[Line] = []
        self.depth = 0
        self.attributes: dict[str, None] = {}
        self.sizes: dict[str, None] = {}
        self.size_names = _size_names(plan)
        self.running = plan.running()
        self.typed = {item.name.id for item in self.facts.definition.inputs}
        self.assigned: set[str] = set()
        self.declared = set(self.typed)  # what has a type of its own, whatever its value
        self.returned = _returned_name(self.facts)
        self.read = _read_names(self.facts)
        self.replaced: dict[str, str] = {}  # stored values that are inputs of a turn, by their text
        self.elements: dict[Any, str] = {}  # the variable that holds a loop's layer in a turn
        self.local = {
            item.name.id: item
            for item in self.facts.definition.body
            if isinstance(item, s.Let) and self._depends_on_sizes(item.value)
        }
        self.variables = _bare_tensors(plan.body)
        self.handed = _bare_tensors(self.facts.definition.body) - self.variables
        self.wanted = self._wanted_lets()
        self.loop_names: set[str] = set()
        self.returns = "Tensor"
        self.stores_made: set[str] = set()
        self.shared: set[str] = set()  # layers that a turn of a loop is handed
        self.crossings = crossings_of(self.facts.definition, self.facts.names)
        self.place = self.rest = self.crossings.places.get(plan.loop.span) if plan.loop else None
        self.readings: dict[str, str | None] = {}  # how the present statement reads tensors
        self.rest_name = ""  # the variable for the device of the input

    # ---- statements --------------------------------------------------------------------------

    def statement(self, statement: s.Statement) -> None:
        with self._placed(statement):
            self._statement(statement)

    def _statement(self, statement: s.Statement) -> None:
        match statement:
            case s.Assign(s.Name(id), value) if id == "_" or id not in self.read:
                self._drop(value)
            case s.Assign(s.Name(id), value):
                self._assign(id, value)
            case s.Assign(s.Element() as element, value):
                self._keep(element, value)
            case s.Assign(s.Targets() as targets, value):
                self._unpack(targets, value)
            case s.Return(value):
                self._return(value)
            case s.Let(name, value) if name.id in self.wanted:
                self._line(f"{name.id} = {write_expression(value, self._rename)}")
            case s.For():
                self._loop(statement)
            case s.If():
                self._branch(statement)
            case s.Require():
                self._require(statement)

    def _drop(self, value: s.Expression) -> None:
        """A value that nothing reads: it is computed where that calls something."""
        text = self._inline(value)
        if text.text.endswith(")"):
            self._line(text.text)

    def _assign(self, name: str, value: s.Expression) -> None:
        if isinstance(value, s.Chain):
            text = self._chain(value, name)
            if text.text == name:
                return
            self._line(self._assignment(name, text), self._comment(value))
        else:
            self._line(self._assignment(name, self._inline(value)))

    def _assignment(self, name: str, text: Text) -> str:
        first = name not in self.assigned and name not in self.typed
        annotate = first and name == self.returned and not text.typed
        self.assigned.add(name)
        if annotate:
            self.declared.add(name)
        if text.typed or annotate:
            self.typed.add(name)
        elif name not in self.declared and not self.depth:
            self.typed.discard(name)  # type checkers follow the last value
        return f"{name}{': Tensor' if annotate else ''} = {text.text}"

    def _unpack(self, targets: s.Targets, value: s.Expression) -> None:
        if isinstance(value, s.Chain):
            names = [name.id for name in names_in(targets) if name.id != "_"]
            temporary = names[0] if names else "x"
            text = self._chain(value, free_name("x", lambda n: n in self.read and n != temporary))
        else:
            text = self._inline(value)
        self._line(f"{_target_text(targets)} = {_without_brackets(text.text, value)}")

    def _keep(self, element: s.Element, value: s.Expression) -> None:
        index = write_expression(element.at, self._rename)
        self._note(element.at)
        self._store(element.name.id)
        if isinstance(value, s.Chain):
            text = self._chain(value, free_name("x", lambda n: n in self.read))
        else:
            text = self._inline(value)
        text = self._moved(text, self.place, self.crossings.homes.get(element.name.id))
        self._line(f"{element.name.id}[{index}] = {text.text}")

    def _store(self, name: str) -> None:
        """Make the dictionary of kept values, before the loop that fills it."""
        if name in self.stores_made:
            return
        self.stores_made.add(name)
        place = self.outer if self.depth else len(self.lines)
        self.lines.insert(place, Line(f"{name} = {{}}"))

    outer = 0  # the line at which the outermost loop begins

    def _return(self, value: s.Expression) -> None:
        if isinstance(value, s.Chain):
            temporary = free_name("x", lambda name: False)
            text = self._chain(value, temporary)
            comment = self._comment(value)
        else:
            text, comment = self._inline(value), ""
        if isinstance(self.facts.definition, s.Block):
            text = self._returned(text, value)
        kind = self.facts.returned
        several = isinstance(kind, tuple) and not hasattr(kind, "dtype")
        if several:
            self.returns = _tuple_type(kind)
        typed = not self._is_module_call(value) if several else text.typed
        if typed or text.text in self.typed:
            self._line(f"return {_without_brackets(text.text, value)}", comment)
            return
        name = self._output_name()
        self._line(f"{name}: {self.returns} = {text.text}", comment)
        self._line(f"return {name}")

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
        self._note(statement.test)
        test = write_expression(negated(statement.test), self._rename)
        self._line(f"if {test}:")
        source = self.facts.home.source.cut(statement.test.span)
        message = write_literal(statement.message or f"{source} does not hold")
        self.depth += 1
        self._line(f"raise ValueError({message})")
        self.depth -= 1

    def size_lines(self) -> list[Line]:
        """The lines that take the sizes that are used from the shapes of the inputs."""
        lines: list[Line] = []
        inputs = self.facts.inputs if self.plan.loop is None else self.turn_inputs
        for port, value in inputs.items():
            own: dict[int, str] = {}
            if isinstance(value, Flow):
                for axis, dim in enumerate(value.type.shape):
                    if str(dim) in self.sizes and str(dim) not in own.values():
                        first = not any(str(dim) in line.text.split(" = ")[0] for line in lines)
                        if first:
                            own[axis] = str(dim)
            if len(own) == 1:
                ((axis, name),) = own.items()
                lines.append(Line(f"{self.size_names[name]} = {port}.shape[{axis}]"))
            elif own and isinstance(value, Flow):
                known = {axis: self.size_names[name] for axis, name in own.items()}
                names = ", ".join(known.get(axis, "_") for axis in range(value.type.rank))
                lines.append(Line(f"{names} = {port}.shape"))
        return lines

    turn_inputs: dict[str, Value]

    # ---- devices -----------------------------------------------------------------------------

    @contextmanager
    def _placed(self, statement: s.Statement) -> Iterator[None]:
        """Write a statement where it is run, between the lines that move tensors there and back."""
        crossings, before = self.crossings, (self.place, self.readings)
        self.place = crossings.places.get(statement.span)
        self.readings = crossings.readings.get(statement.span, {})
        self._copy(crossings.before.get(statement.span, ()))
        yield
        self._copy(crossings.behind.get(statement.span, ()))
        self.place, self.readings = before

    def _copy(self, copies: Sequence[Copy]) -> None:
        for copy in copies:
            if copy.name in self.typed:
                self.typed.add(copy.variable)
            self._line(f"{copy.variable} = {copy.name}.to({self._device(copy.target)})")

    def _moved(self, text: Text, source: str | None, target: str | None) -> Text:
        """A tensor on another device."""
        if source == target:
            return text
        return Text(f"{_at(text, ATOM)}.to({self._device(target)})", ATOM, text.typed)

    def _returned(self, text: Text, value: s.Expression) -> Text:
        """What a block returns, on the device of its input."""
        if self.place is None or not isinstance(value, s.Sequence):
            return self._moved(text, self.place, None)
        items = (self._moved(self._inline(item), self.place, None).text for item in value.items)
        return Text(f"({', '.join(items)})")

    def _device(self, device: str | None) -> str:
        """A device, as forward writes it."""
        if device == self.rest:
            taken = self.crossings.names | set(self.size_names.values()) | set(self.facts.inputs)
            self.rest_name = self.rest_name or free_name("device", lambda name: name in taken)
            return self.rest_name
        assert device is not None
        return device_of(self.plan, self.pool, device, self._first_input())

    def _first_input(self) -> str:
        """The first tensor that flows in; "" for a turn of a loop that needs none."""
        if self.plan.loop is not None:
            ports = ports_of(self.facts, self.plan.loop)
            return ports.inputs[0][0] if ports.inputs else ""
        text, value = next(iter(self.facts.inputs.items()))
        while isinstance(value, Bundle):
            text, value = f"{text}[0]", value.items[0]
        return text

    def rest_line(self) -> list[Line]:
        """The line that takes the device of what stands in no part from the input."""
        if not self.rest_name:
            return []
        device = device_of_rest(self.plan, self.pool, self._first_input())
        return [Line(f"{self.rest_name} = {device}")]

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
                self._note(branch.test)
            test = write_expression(wanted, self._rename)
        if not then and not other:
            return
        self._line(f"if {test}:")
        self.lines += then or other
        if then and other:
            self._line("else:")
            self.lines += other

    def _lines_of(self, body: Sequence[s.Statement]) -> list[Line]:
        """The lines of a body, one level deeper."""
        lines, self.lines = self.lines, []
        if not self.depth:
            self.outer = len(lines)
        self.depth += 1
        for statement in body:
            self.statement(statement)
        self.depth -= 1
        inner, self.lines = self.lines, lines
        return inner

    def _loop(self, loop: s.For) -> None:
        place = self.facts.names.loops.get(loop.span)
        before = len(self.lines)
        if not self.depth:
            self.outer = before
        names = {name.id for name in names_in(loop.target)}
        added = names - self.loop_names
        self.loop_names |= added
        for item in statements_in(loop.body):
            level = place is not None and place.level
            if isinstance(item, s.Assign) and isinstance(item.target, s.Element) and not level:
                self._store(item.target.name.id)
        if place is not None and place.level:
            self._level_loop(loop, place.name)
        else:
            self._plain_loop(loop, place.name if place else "")
        self.loop_names -= added

    def _plain_loop(self, loop: s.For, container: str) -> None:
        element = ""
        if container:
            taken = self.read | self.loop_names | self.typed
            element = free_name(single(container), lambda name: name in taken)
            self.elements[loop.span] = element
        self.element = element
        lines = self._lines_of(loop.body)
        if not lines:
            return
        used = _words(lines)
        if container:
            clause = self._over(loop, f"self.{container}", element, used)
        else:
            self._note(loop.iterable)
            clause = loop_clause(loop.target, loop.iterable, used, self._rename)
        self._line(f"for {clause}:")
        self.lines += lines

    element = ""

    def _over(self, loop: s.For, container: str, element: str, used: set[str]) -> str:
        """`block in self.h`, with the loop's own variables where something uses them."""
        names = [name.id for name in names_in(loop.target)]
        if not any(name in used for name in names):
            return f"{element} in {container}"
        counting = _counts(loop)
        if counting is not None and not any(n in used for n in names if n != counting):
            return f"{counting}, {element} in enumerate({container})"
        self._note(loop.iterable)
        target, iterable = loop_clause(loop.target, loop.iterable, used, self._rename).split(
            " in ", 1
        )
        shown = f"({target})" if "," in target else target
        return f"{shown}, {element} in zip({iterable}, {container}, strict=True)"

    def _level_loop(self, loop: s.For, container: str) -> None:
        """A loop whose turns have a class of their own: it is called with what it reads."""
        ports = ports_of(self.facts, loop)
        taken = self.read | self.loop_names
        element = free_name(single(container), lambda name: name in taken)
        arguments = [self._inline(node).text for _, node in ports.inputs]
        arguments += [f"self.{name}" for name in ports.modules]
        for _, target in ports.outputs:
            if isinstance(target, s.Element):
                self._store(target.name.id)
        targets = ", ".join(self._outer_target(target) for _, target in ports.outputs)
        call = f"{element}({', '.join(arguments)})"
        text = f"{targets} = {call}" if targets else call
        used = _words([Line(text)])
        self._line(f"for {self._over(loop, f'self.{container}', element, used)}:")
        self.depth += 1
        self._line(text)
        self.depth -= 1

    def _outer_target(self, target: "s.Name | s.Element") -> str:
        if isinstance(target, s.Name):
            return target.id
        self._note(target.at)
        return f"{target.name.id}[{write_expression(target.at, self._rename)}]"

    def turn(self, loop: s.For) -> tuple[tuple[Argument, ...], str]:
        """The forward of the layers of one turn."""
        ports = ports_of(self.facts, loop)
        entries = self.facts.entries.get(loop.span, {})
        self.turn_inputs = {}
        self.typed = set()
        for name, node in ports.inputs:
            value = entries.get(node.id) if isinstance(node, s.Name) else None
            if value is not None:
                self.turn_inputs[name] = value
            self.typed.add(name)
            self.declared.add(name)
            if not isinstance(node, s.Name):
                self.replaced[source_of(self.facts, node)] = name
        self.shared = set(ports.modules)
        self.returned = ""
        stored = {t.name.id: n for n, t in ports.outputs if isinstance(t, s.Element)}
        self.read |= {name for name, _ in ports.outputs}
        for statement in loop.body:
            if isinstance(statement, s.Assign) and isinstance(statement.target, s.Element):
                with self._placed(statement):
                    self._assign(stored[statement.target.name.id], statement.value)
            else:
                self.statement(statement)
        names = [name for name, _ in ports.outputs]
        returns = "Tensor" if len(names) == 1 else f"tuple[{', '.join('Tensor' for _ in names)}]"
        if names:
            self._return_names(names)
        arguments = [
            Argument(name, _annotation(entries[name]) if name in entries else "Tensor")
            for name, _ in ports.inputs
        ]
        arguments += [Argument(name, "nn.Module") for name in ports.modules]
        return tuple(arguments), returns if names else "None"

    def _return_names(self, names: list[str]) -> None:
        self._line(f"return {', '.join(names)}")

    # ---- chains ------------------------------------------------------------------------------

    def _chain(self, chain: s.Chain, temporary: str) -> Text:
        """The code of the last line of a chain; the lines before it are written."""
        text = self._inline(chain.first)
        groups = self._group(chain)
        for index, group in enumerate(groups):
            comment = ""
            for stage in group:
                step = self._stage(stage, text)
                if len(step.text) > _CHAINED and stage is not group[0]:
                    self._line(f"{temporary} = {text.text}", comment)
                    if text.typed:
                        self.typed.add(temporary)
                    step = self._stage(stage, Text(temporary, typed=text.typed))
                text = step
                comment = self._shape_comment(stage)
            if index < len(groups) - 1:
                self._line(self._assignment(temporary, text), comment)
                text = Text(temporary, typed=temporary in self.typed)
        return text

    def _group(self, chain: s.Chain) -> list[list[s.Stage]]:
        """The stages, a list for each line of the spec that they stand in."""
        groups: list[list[s.Stage]] = []
        line = 0
        for stage in _flat_stages(chain.stages):
            number = self.facts.home.source.position(stage.span.start)[0]
            if not groups or number != line:
                groups.append([])
            groups[-1].append(stage)
            line = number
        return groups

    def _comment(self, chain: s.Chain) -> str:
        return self._shape_comment(chain.stages[-1])

    def _shape_comment(self, stage: s.Stage) -> str:
        """The shape after a stage without its batch dimension, for pictures, signals, sequences."""
        tensor = self.facts.types.get(stage.span)
        if tensor is None or tensor.rank < 3 or not isinstance(self.facts.definition, s.Net):
            return ""
        if any(symbols(dim) & self.running for dim in tensor.shape):
            return ""
        return " x ".join(_size_text(dim) for dim in tensor.shape[1:])

    def _stage(self, stage: s.Stage, value: Text) -> Text:
        step = self.facts.uses.get(stage.span)
        name = self._module(stage.span) or self._named_layer(stage)
        if name is not None:
            count = step.inputs if isinstance(step, Use) else 1
            return Text(f"{name}({', '.join(spread(value.text, count))})")
        assert isinstance(step, FunctionCall)
        first, rest = value, list[str]()
        if step.operands > 1:
            one, *rest = self._operands(value.text, step.operands)
            first = Text(one, level_of(one), value.typed)
        operands = [Written(None, part) for part in (first.text, *rest)]
        return self._function(step, operands, arguments_of(stage.callee), first)

    def _operands(self, text: str, count: int) -> list[str]:
        """What flows into a function, one by one: a tuple that is no literal, in a name."""
        items = spread(text, count)
        if len(items) == count:
            return items
        if not text.isidentifier():
            name = free_name("x", lambda known: known in self.read)
            self.read.add(name)
            self._line(f"{name} = {text}")
            text = name
        return [f"{text}[{index}]" for index in range(count)]

    def _named_layer(self, stage: s.Stage) -> str | None:
        """How forward calls a layer by its name; None where a stage is no such layer."""
        title = title_of(stage.callee)
        if title in self.shared:
            return title
        known = title in self._layer_names() and stage.span in self.facts.uses
        return f"self.{title}" if known else None

    def _layer_names(self) -> set[str]:
        return {
            item.name.id
            for item in statements_in(self.facts.definition.body)
            if isinstance(item, s.LayerDefinition)
        }

    def _module(self, key: Any) -> str | None:
        """How forward calls what stands at a place; None where that is no module."""
        name = self.facts.names.stages.get(key)
        if name is None:
            return None
        return f"self.{name}" if name else self.element

    # ---- expressions -------------------------------------------------------------------------

    def _inline(self, node: s.Expression) -> Text:
        """An expression that tensors flow through, in one piece."""
        match node:
            case s.Name(id) if self._is_constant(id):
                return self._constant(node)
            case s.Name(id) if id in self.variables:
                home = self.crossings.homes.get(id)
                return self._moved(Text(f"self.{id}", typed=True), home, self.place)
            case s.Name(id) if id in self.handed:
                return self._moved(Text(id, typed=id in self.typed), self.rest, self.place)
            case s.Name(id) if id in self.readings:
                copy = self.readings[id]
                text = Text(copy or id, typed=id in self.typed)
                return (
                    text if copy else Text(f"{id}.to({self._device(self.place)})", ATOM, text.typed)
                )
            case s.Name(id):
                return Text(id, typed=id in self.typed)
            case s.Chain(first, stages):
                text = self._inline(first)
                for stage in _flat_stages(stages):
                    text = self._stage(stage, text)
                return text
            case s.Sequence(_, items):
                texts = [self._inline(item).text for item in items]
                inner = f"{texts[0]}," if len(texts) == 1 else ", ".join(texts)
                return Text(f"({inner})")
            case s.Call() if node.span in self.facts.uses:
                return self._call(node)
            case s.Unary(operator, operand) if self._flows(node):
                text = self._inline(operand)
                level = ATOM if text.level == _LEVELS["**"] else _UNARY
                return Text(f"{operator}{_at(text, level)}", _UNARY, text.typed)
            case s.Binary(operator, left, right) if self._flows(node):
                return self._binary(operator, left, right)
            case s.Comparison((operator,), (left, right)) if self._flows(node):
                sides = self._inline(left), self._inline(right)
                one, two = (_at(side, _COMPARISON + 1) for side in sides)
                typed = sides[0].typed or sides[1].typed
                return Text(f"{one} {operator} {two}", _COMPARISON, typed)
            case s.Conditional(then, test, other) if self._flows(then) or self._flows(other):
                self._note(test)
                sides = self._inline(then), self._inline(other)
                shown = write_expression(test, self._rename)
                return Text(f"{_at(sides[0], 1)} if {shown} else {_at(sides[1], 0)}", 0)
            case s.Subscript(value, items) if self._flows(value):
                return self._subscript(node, value, items)
        return self._constant(node)

    def _subscript(self, node: s.Subscript, value: s.Expression, items: Sequence[Any]) -> Text:
        replaced = self.replaced.get(source_of(self.facts, node))
        if replaced is not None:
            return self._moved(Text(replaced, typed=True), self.rest, self.place)
        text = self._inline(value)
        inner = ", ".join(self._index(item) for item in items)
        text = Text(f"{_at(text, ATOM)}[{inner}]", typed=text.typed)
        if isinstance(value, s.Name) and value.id in self.crossings.homes:
            return self._moved(text, self.crossings.homes[value.id], self.place)
        return text

    def _index(self, item: Any) -> str:
        from netspec.write import write_index

        if not isinstance(item, s.Slice | s.Ellipsis) and self._flows(item):
            return self._inline(item).text
        for part in item if isinstance(item, s.Slice) else (item,):
            if isinstance(part, tuple) and not isinstance(part, s.Ellipsis):
                self._note(part)
        return write_index(item, self._rename)

    def _binary(self, operator: str, left: s.Expression, right: s.Expression) -> Text:
        level = _LEVELS[operator]
        a, b = self._inline(left), self._inline(right)
        power = operator == "**"
        texts = _at(a, level + power), _at(b, _UNARY if power else level + 1)
        sign = "**" if power and texts[0].isidentifier() and b.text.isalnum() else f" {operator} "
        # Type checkers know a tensor with a tensor or a plain number; a power may be anything.
        known = [
            side.typed or (not self._flows(node) and "**" not in side.text)
            for side, node in ((a, left), (b, right))
        ]
        return Text(f"{texts[0]}{sign}{texts[1]}", level, all(known))

    def _constant(self, node: s.Expression) -> Text:
        self._note(node)
        text = write_expression(node, self._rename)
        return Text(text, ATOM if isinstance(node, s.Name | s.Literal | s.Subscript) else 0)

    def _call(self, node: s.Call) -> Text:
        step = self.facts.uses[node.span]
        if isinstance(step, Use):
            name = title_of(node)
            values = [
                f"{a.name.id}={self._inline(a.value).text}"
                if a.name
                else self._inline(a.value).text
                for a in node.arguments
            ]
            owner = name if name in self.shared else f"self.{name}"
            return Text(f"{owner}({', '.join(values)})")
        arguments = list(node.arguments)
        if isinstance(node.function, s.Attribute):
            receiver = self._inline(node.function.value)
        elif step.function.torch.startswith(_METHOD):
            receiver = self._inline(_take_receiver(step.function, arguments).value)
        else:
            return self._function(step, [], arguments, Text(""))
        return self._function(step, [Written(None, receiver.text)], arguments, receiver)

    def _function(
        self,
        step: FunctionCall,
        operands: Sequence[Written],
        arguments: Sequence[s.Argument],
        receiver: Text,
    ) -> Text:
        function = step.function
        written = [*operands, *(self._argument(function, a) for a in arguments)]
        texts = call_arguments(function, written, self._rename)
        if function.training:
            texts.append("training=self.training")
        if function.creates:
            texts += self._placement()
        path = function.torch
        if path.startswith(_METHOD):
            method = path.removeprefix(_METHOD)
            typed = not isinstance(step.output, tuple) or hasattr(step.output, "dtype")
            return Text(
                f"{_at(receiver, ATOM)}.{method}({', '.join(texts[1:])})",
                typed=receiver.typed and typed,
            )
        name = path.replace("torch.nn.functional.", "F.")
        return Text(f"{name}({', '.join(texts)})", typed=True)

    def _argument(self, function: Any, argument: s.Argument) -> Written:
        """One argument of a function: a tensor, a dtype, or a build-time value."""
        name = argument.name.id if argument.name else None
        node = argument.value
        if isinstance(node, s.Name) and node.id in DTYPES and not self._is_constant(node.id):
            return Written(name, f"torch.{node.id}")
        if self._flows(node):
            return Written(name, self._inline(node).text)
        self._note(node)
        text = write_expression(node, self._rename)
        constant = not any(True for _ in names_in(node))
        if name in function.training_only and text not in ("0.0", "0"):
            return Written(name, f"{text} if self.training else 0.0")
        return Written(name, text, constant)

    def _placement(self) -> list[str]:
        if self.facts.definition.parts:
            return [f"device={self._device(self.place)}"]
        inputs = self.facts.inputs if self.plan.loop is None else self.turn_inputs
        first = next(iter(inputs), None)
        return [f"device={first}.device"] if first else []

    def _flows(self, node: Any) -> bool:
        if getattr(node, "span", None) in self.facts.types or getattr(node, "span", None) in (
            self.facts.uses
        ):
            return True
        match node:
            case s.Chain():
                return True
        return any(
            not self._is_constant(name.id) and name.id not in _BUILD_TIME for name in names_in(node)
        )

    # ---- names -------------------------------------------------------------------------------

    def _is_constant(self, name: str) -> bool:
        if name in self.loop_names or name in self.local:
            return True
        return self.plan.is_constant(name) and name not in self.facts.inputs

    def _rename(self, name: str) -> str:
        if name in self.loop_names and self.plan.loop is None:
            return name
        if name in self.facts.sizes:
            return self.size_names[name]
        if name == "training" and not self._is_constant(name):
            return "self.training"
        if name in self.local or not self._is_constant(name):
            return name
        return f"self.{self.plan.attribute(name)}"

    def _note(self, node: Any) -> None:
        """Remember which sizes and attributes an expression needs."""
        for name in names_in(node):
            if name.id in self.loop_names and self.plan.loop is None:
                continue
            if name.id in self.facts.sizes:
                self.sizes[name.id] = None
            elif name.id in self.local:
                self._note(self.local[name.id].value)
            elif self.plan.is_constant(name.id):
                self.attributes[name.id] = None

    def _depends_on_sizes(self, node: s.Expression) -> bool:
        body = self.facts.definition.body
        lets = {x.name.id: x.value for x in body if isinstance(x, s.Let)}
        pending, seen = [node], set[str]()
        while pending:
            for name in names_in(pending.pop()):
                if name.id in self.facts.sizes and isinstance(self.facts.definition, s.Net):
                    return True
                if name.id in lets and name.id not in seen:
                    seen.add(name.id)
                    pending.append(lets[name.id])
        return False

    def _wanted_lets(self) -> set[str]:
        """The `let`s that depend on sizes and that some function call in forward uses."""
        used: set[str] = set()
        pending: list[Any] = [
            item for item in self.facts.definition.body if not isinstance(item, s.Let | s.Init)
        ]
        while pending:
            for name in names_in(pending.pop()):
                if name.id in self.local and name.id not in used:
                    used.add(name.id)
                    pending.append(self.local[name.id].value)
        return used

    # ---- lines -------------------------------------------------------------------------------

    def _line(self, text: str, comment: str = "") -> None:
        self.lines.append(Line(text, self.depth, comment))


_BUILD_TIME = frozenset(
    {"min", "max", "abs", "len", "sum", "round", "range", "int", "float", "training", *DTYPES}
)


def _bare_tensors(body: Sequence[s.Statement]) -> set[str]:
    statements = statements_in(tuple(body))
    return {item.name.id for item in statements if isinstance(item, s.Variable)}


def _flat_stages(stages: Sequence[s.Stage]) -> list[s.Stage]:
    """Stages with those of groups without a label in their place."""
    flat: list[s.Stage] = []
    for stage in stages:
        if isinstance(stage.callee, s.Group) and stage.label is None:
            flat += _flat_stages(stage.callee.stages)
        else:
            flat.append(stage)
    return flat


def _counts(loop: s.For) -> str | None:
    """The name that counts the turns from 0, where there is one."""
    match loop.target, loop.iterable:
        case s.Name(id), s.Call(s.Name("range"), (s.Argument(None, _),)):
            return id
        case s.Targets((s.Name(id), _)), s.Call(s.Name("enumerate"), (s.Argument(),)):
            return id
    return None


def _words(lines: Sequence[Line]) -> set[str]:
    import re

    return {word for line in lines for word in re.findall(r"(?<![\w.])[^\W\d]\w*", line.text)}


def _tuple_type(kind: Any) -> str:
    if hasattr(kind, "dtype"):
        return "Tensor"
    return f"tuple[{', '.join(_tuple_type(part) for part in kind)}]"


def _take_receiver(function: Signature, arguments: list[s.Argument]) -> s.Argument:
    """The argument that a method is called on, taken out of the others."""
    name = next(iter(function.fields()))
    for argument in arguments:
        if argument.name is not None and argument.name.id == name:
            arguments.remove(argument)
            return argument
    return arguments.pop(0)


def _at(text: Text, level: int) -> str:
    return text.text if text.level >= level else f"({text.text})"


def _without_brackets(text: str, value: s.Expression) -> str:
    if isinstance(value, s.Sequence) and len(value.items) > 1:
        return text[1:-1]
    return text


def _target_text(targets: s.Targets) -> str:
    parts = []
    for item in targets.items:
        match item:
            case s.Name(id):
                parts.append(id)
            case s.Targets():
                parts.append(f"({_target_text(item)})")
            case s.Element(name, index):
                parts.append(f"{name.id}[{write_expression(index)}]")
    return f"{parts[0]}," if len(parts) == 1 else ", ".join(parts)


def _returned_name(facts: Facts) -> str:
    for statement in facts.definition.body:
        if isinstance(statement, s.Return) and isinstance(statement.value, s.Name):
            return statement.value.id
    return ""


def _size_names(plan: Plan) -> dict[str, str]:
    """The variable for each size: its own name, where the code does not use that otherwise."""
    facts = plan.facts
    taken = set(facts.inputs) | {
        name.id
        for statement in statements_in(facts.definition.body)
        if isinstance(statement, s.Assign)
        for name in names_in(statement.target)
    }
    return {size: free_variable(size, lambda n: n in taken) for size in facts.sizes}


def _read_names(facts: Facts) -> set[str]:
    """Every name that some statement reads."""
    return {
        name.id
        for statement in statements_in(facts.definition.body)
        if isinstance(statement, s.Assign | s.Return | s.Let | s.If | s.For)
        for node in _reads_of(statement)
        for name in names_in(node)
    }


def _reads_of(statement: Any) -> list[Any]:
    match statement:
        case s.Assign(s.Element(_, index), value):
            return [index, value]
        case s.Assign(value=value) | s.Return(value=value) | s.Let(value=value):
            return [value]
        case s.If(test=test):
            return [test]
        case s.For(iterable=iterable):
            return [iterable]
    return []


def _size_text(dim: Dim) -> str:
    from netspec.dim import form_of
    from netspec.form import write as write_dim

    text = min(str(dim), write_dim(form_of(dim)), key=len)
    return f"({text})" if " " in text else text
