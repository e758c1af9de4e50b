"""Turn the expressions that tensors flow through into Python text."""

from collections.abc import Sequence
from typing import Any

from netspec import syntax as s
from netspec.catalogue.signature import Signature
from netspec.code_text import ATOM, Text, level_of, spread
from netspec.facts import Use
from netspec.forward_inputs import Inputs
from netspec.forward_lines import Lines
from netspec.forward_scope import ForwardScope
from netspec.forward_variables import Variables
from netspec.graph import FunctionCall
from netspec.lower_call import Written, call_arguments
from netspec.lower_moves import Moves
from netspec.names import free_name
from netspec.plan import Plan
from netspec.ports import source_of
from netspec.tensor import DTYPES
from netspec.visit import arguments_of, names_in, statements_in, title_of
from netspec.write import write_expression, write_index

_LEVELS = {"+": 5, "-": 5, "*": 6, "/": 6, "//": 6, "%": 6, "@": 6, "**": 8}
_COMPARISON, _UNARY = 4, 7
_METHOD = "torch.Tensor."


class Expressions:
    """Writes the expressions of one forward.

    `own`: the bare tensors of its class; `handed`: those that it is handed as a turn of a loop.
    `lines` takes what needs a line of its own before the present one.
    """

    def __init__(
        self,
        plan: Plan,
        inputs: Inputs,
        scope: ForwardScope,
        moves: Moves,
        variables: Variables,
        lines: Lines,
    ) -> None:
        self.facts = scope.facts
        self.inputs = inputs
        self.scope = scope
        self.moves = moves
        self.variables = variables
        self.lines = lines
        self.element = ""  # the variable that holds the only layer of the loop around
        self.own = _bare_tensors(plan.body)
        self.handed = _bare_tensors(self.facts.definition.body) - self.own

    def inline(self, node: s.Expression) -> Text:
        """An expression that tensors flow through, in one piece."""
        match node:
            case s.Name(id) if self.scope.is_constant(id):
                return self._constant(node)
            case s.Name(id):
                return self._tensor(id)
            case s.Chain(first, stages):
                text = self.inline(first)
                for stage in flat_stages(stages):
                    text = self.stage(stage, text)
                return text
            case s.Sequence(_, items):
                texts = [self.inline(item).text for item in items]
                inner = f"{texts[0]}," if len(texts) == 1 else ", ".join(texts)
                return Text(f"({inner})")
            case s.Call() if node.span in self.facts.uses:
                return self._call(node)
            case s.Unary(operator, operand) if self.scope.flows(node):
                text = self.inline(operand)
                level = ATOM if text.level == _LEVELS["**"] else _UNARY
                return Text(f"{operator}{text.at(level)}", _UNARY, text.typed)
            case s.Binary(operator, left, right) if self.scope.flows(node):
                return self._binary(operator, left, right)
            case s.Comparison((operator,), (left, right)) if self.scope.flows(node):
                sides = self.inline(left), self.inline(right)
                one, two = (side.at(_COMPARISON + 1) for side in sides)
                typed = sides[0].typed or sides[1].typed
                return Text(f"{one} {operator} {two}", _COMPARISON, typed)
            case s.Conditional(then, test, other) if any(map(self.scope.flows, (then, other))):
                self.scope.note(test)
                sides = self.inline(then), self.inline(other)
                shown = write_expression(test, self.scope.rename)
                return Text(f"{sides[0].at(1)} if {shown} else {sides[1].at(0)}", 0)
            case s.Subscript(value, items) if self.scope.flows(value):
                return self._subscript(node, value, items)
        return self._constant(node)

    def _tensor(self, name: str) -> Text:
        if name in self.own:
            return self.moves.from_home(name, Text(f"self.{name}", typed=True))
        typed = name in self.variables.typed
        if name in self.handed:
            return self.moves.from_rest(Text(name, typed=typed))
        return self.moves.read(name, typed)

    def _subscript(self, node: s.Subscript, value: s.Expression, items: Sequence[Any]) -> Text:
        stored = self.inputs.stored.get(source_of(self.facts, node))
        if stored is not None:
            return self.moves.from_rest(Text(stored, typed=True))
        text = self.inline(value)
        inner = ", ".join(self._index(item) for item in items)
        text = Text(f"{text.at(ATOM)}[{inner}]", typed=text.typed)
        return self.moves.from_home(value.id, text) if isinstance(value, s.Name) else text

    def _index(self, item: Any) -> str:
        if not isinstance(item, s.Slice | s.Ellipsis) and self.scope.flows(item):
            return self.inline(item).text
        for part in item if isinstance(item, s.Slice) else (item,):
            if isinstance(part, tuple) and not isinstance(part, s.Ellipsis):
                self.scope.note(part)
        return write_index(item, self.scope.rename)

    def _binary(self, operator: str, left: s.Expression, right: s.Expression) -> Text:
        level = _LEVELS[operator]
        a, b = self.inline(left), self.inline(right)
        power = operator == "**"
        texts = a.at(level + power), b.at(_UNARY if power else level + 1)
        sign = "**" if power and texts[0].isidentifier() and b.text.isalnum() else f" {operator} "
        # Type checkers know a tensor with a tensor or a plain number; a power may be anything.
        known = [
            side.typed or (not self.scope.flows(node) and "**" not in side.text)
            for side, node in ((a, left), (b, right))
        ]
        return Text(f"{texts[0]}{sign}{texts[1]}", level, all(known))

    def _constant(self, node: s.Expression) -> Text:
        self.scope.note(node)
        text = write_expression(node, self.scope.rename)
        return Text(text, ATOM if isinstance(node, s.Name | s.Literal | s.Subscript) else 0)

    def _call(self, node: s.Call) -> Text:
        step = self.facts.uses[node.span]
        if isinstance(step, Use):
            name = title_of(node)
            values = [
                f"{a.name.id}={self.inline(a.value).text}" if a.name else self.inline(a.value).text
                for a in node.arguments
            ]
            owner = name if name in self.inputs.modules else f"self.{name}"
            return Text(f"{owner}({', '.join(values)})")
        arguments = list(node.arguments)
        if isinstance(node.function, s.Attribute):
            receiver = self.inline(node.function.value)
        elif step.function.torch.startswith(_METHOD):
            receiver = self.inline(_take_receiver(step.function, arguments).value)
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
        texts = call_arguments(function, written, self.scope.rename)
        if function.training:
            texts.append("training=self.training")
        if function.creates:
            texts += self._placement()
        path = function.torch
        if path.startswith(_METHOD):
            method = path.removeprefix(_METHOD)
            typed = not isinstance(step.output, tuple) or hasattr(step.output, "dtype")
            return Text(
                f"{receiver.at(ATOM)}.{method}({', '.join(texts[1:])})",
                typed=receiver.typed and typed,
            )
        name = path.replace("torch.nn.functional.", "F.")
        return Text(f"{name}({', '.join(texts)})", typed=True)

    def _argument(self, function: Any, argument: s.Argument) -> Written:
        """One argument of a function: a tensor, a dtype, or a build-time value."""
        name = argument.name.id if argument.name else None
        node = argument.value
        if isinstance(node, s.Name) and node.id in DTYPES and not self.scope.is_constant(node.id):
            return Written(name, f"torch.{node.id}")
        if self.scope.flows(node):
            return Written(name, self.inline(node).text)
        self.scope.note(node)
        text = write_expression(node, self.scope.rename)
        constant = not any(True for _ in names_in(node))
        if name in function.training_only and text not in ("0.0", "0"):
            return Written(name, f"{text} if self.training else 0.0")
        return Written(name, text, constant)

    def _placement(self) -> list[str]:
        if self.facts.definition.parts:
            return [f"device={self.moves.here()}"]
        first = self.inputs.first
        return [f"device={first}.device"] if first else []

    # ---- stages ------------------------------------------------------------------------------

    def stage(self, stage: s.Stage, value: Text) -> Text:
        """A stage applied to what flows into it."""
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
            name = free_name("x", lambda known: known in self.scope.read)
            self.scope.read.add(name)
            self.lines.add(f"{name} = {text}")
            text = name
        return [f"{text}[{index}]" for index in range(count)]

    def _named_layer(self, stage: s.Stage) -> str | None:
        """How forward calls a layer by its name; None where a stage is no such layer."""
        title = title_of(stage.callee)
        if title in self.inputs.modules:
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


def flat_stages(stages: Sequence[s.Stage]) -> list[s.Stage]:
    """Stages with those of groups without a label in their place."""
    flat: list[s.Stage] = []
    for stage in stages:
        if isinstance(stage.callee, s.Group) and stage.label is None:
            flat += flat_stages(stage.callee.stages)
        else:
            flat.append(stage)
    return flat


def _take_receiver(function: Signature, arguments: list[s.Argument]) -> s.Argument:
    """The argument that a method is called on, taken out of the others."""
    name = next(iter(function.fields()))
    for argument in arguments:
        if argument.name is not None and argument.name.id == name:
            arguments.remove(argument)
            return argument
    return arguments.pop(0)


def _bare_tensors(body: Sequence[s.Statement]) -> set[str]:
    statements = statements_in(tuple(body))
    return {item.name.id for item in statements if isinstance(item, s.Variable)}
