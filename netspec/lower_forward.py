"""Turn the statements of a net into those of `forward`."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from netspec import syntax as s
from netspec.catalogue.function import Function
from netspec.dim import Dim, at_least, form_of
from netspec.dim import write as write_dim
from netspec.evaluate import BUILTINS, names_in
from netspec.graph import Application, FunctionCall, Net
from netspec.layout import WIDTH, bracketed
from netspec.lower_call import call_arguments
from netspec.names import free_name, variable_problem
from netspec.program import Line
from netspec.source import Span
from netspec.tensor import Tensor
from netspec.write import write_expression

_INDENT = 8
_CHAINED = 60  # characters of nested calls in one line
_LEVELS = {"+": 5, "-": 5, "*": 6, "/": 6, "//": 6, "%": 6, "@": 6, "**": 8}
_UNARY, _ATOM = 7, 10


class Code(NamedTuple):
    """An expression: its text, how tightly it binds, and whether type checkers see a tensor."""

    text: str
    level: int = _ATOM
    typed: bool = False


class Forward(NamedTuple):
    """The body of forward, and the parameters and `let`s that it reads from attributes."""

    lines: list[Line]
    attributes: set[str]


def lower_forward(net: Net, attribute: Callable[[str], str]) -> Forward:
    """The body of `forward`: a line of a chain becomes a line of code."""
    writer = _Writer(net, attribute)
    for statement in net.syntax.body:
        writer.statement(statement)
    return Forward([*writer.size_lines(), *writer.lines], writer.attributes)


class _Writer:
    def __init__(self, net: Net, attribute: Callable[[str], str]) -> None:
        self.net = net
        self.attribute = attribute
        self.lines: list[Line] = []
        self.attributes: set[str] = set()
        self.sizes: set[str] = set()
        self.size_names = _size_names(net)
        self.typed = {port.name for port in net.inputs}
        self.returned = _returned_name(net)
        self.read = _read_names(net)
        self.local_lets = {
            item.name.id: item
            for item in net.syntax.body
            if isinstance(item, s.Let) and self._depends_on_sizes(item.value)
        }
        self.wanted_lets = self._wanted_lets()

    # ---- statements --------------------------------------------------------------------------

    def statement(self, statement: s.Statement) -> None:
        match statement:
            case s.Assign(s.Name(id), value) if id == "_" or id not in self.read:
                self._drop(value)
            case s.Assign(s.Name(id), value):
                self._assign(id, value)
            case s.Assign(s.Targets() as targets, value):
                text = _without_brackets(self._inline(value).text, value)
                self._line(f"{_target_text(targets)} = {text}")
            case s.Return(value):
                self._return(value)
            case s.Let(name, value) if name.id in self.wanted_lets:
                self._line(f"{name.id} = {write_expression(value, self._rename)}")

    def _drop(self, value: s.Expression) -> None:
        """A value that nothing reads: it is computed where that calls something."""
        code = self._inline(value)
        if code.text.endswith(")"):
            self._line(code.text)

    def _assign(self, name: str, value: s.Expression) -> None:
        if isinstance(value, s.Chain):
            code = self._chain(value, name)
            if code.text == name:
                return
            self._line(self._assignment(name, code), self._comment(value))
        else:
            self._line(self._assignment(name, self._inline(value)))

    def _assignment(self, name: str, code: Code) -> str:
        annotate = name == self.returned and not code.typed and name not in self.typed
        if code.typed or annotate:
            self.typed.add(name)
        return f"{name}{': Tensor' if annotate else ''} = {code.text}"

    def _return(self, value: s.Expression) -> None:
        if isinstance(value, s.Chain):
            temporary = free_name("x", self._is_read_later)
            code = self._chain(value, temporary)
            comment = self._comment(value)
        else:
            code, comment = self._inline(value), ""
        if len(self.net.outputs) > 1 or code.typed or code.text in self.typed:
            self._line(f"return {_without_brackets(code.text, value)}", comment)
            return
        name = self.net.outputs[0].name
        known = {port.name for port in self.net.inputs} | {
            item.target.id
            for item in self.net.syntax.body
            if isinstance(item, s.Assign) and isinstance(item.target, s.Name)
        }
        name = free_name(name, lambda name: name in known or name in ("nn", "F", "torch", "x"))
        self._line(f"{name}: Tensor = {code.text}", comment)
        self._line(f"return {name}")

    def size_lines(self) -> list[Line]:
        """The lines that take the sizes that are used from the shapes of the inputs."""
        lines: list[Line] = []
        for port in self.net.inputs:
            own = {
                axis: name
                for name, (source, axis) in self.net.sizes.items()
                if source == port.name and name in self.sizes
            }
            if len(own) == 1:
                ((axis, name),) = own.items()
                lines.append(Line(f"{self.size_names[name]} = {port.name}.shape[{axis}]"))
            elif own:
                known = {axis: self.size_names[name] for axis, name in own.items()}
                names = ", ".join(known.get(axis, "_") for axis in range(port.type.rank))
                lines.append(Line(f"{names} = {port.name}.shape"))
        return lines

    # ---- chains ------------------------------------------------------------------------------

    def _chain(self, chain: s.Chain, temporary: str) -> Code:
        """The code of the last line of a chain; the lines before it are written."""
        code = self._inline(chain.first)
        groups = self._group(chain)
        for index, group in enumerate(groups):
            comment = ""
            for stage in group:
                step = self._stage(stage, code)
                if len(step.text) > _CHAINED and stage is not group[0]:
                    self._line(f"{temporary} = {code.text}", comment)
                    if code.typed:
                        self.typed.add(temporary)
                    step = self._stage(stage, Code(temporary, typed=code.typed))
                code = step
                comment = self._shape_comment(stage)
            if index < len(groups) - 1:
                self._line(self._assignment(temporary, code), comment)
                code = Code(temporary, typed=temporary in self.typed)
        return code

    def _group(self, chain: s.Chain) -> list[list[s.Stage]]:
        """The stages, a list for each line of the spec that they stand in."""
        groups: list[list[s.Stage]] = []
        line = 0
        for stage in chain.stages:
            number = self.net.line_of(stage.span.start)
            if not groups or number != line:
                groups.append([])
            groups[-1].append(stage)
            line = number
        first = self.net.line_of(chain.first.span.start)
        if len(groups) > 1 and self.net.line_of(chain.stages[0].span.start) == first:
            pass  # the first line holds the start and its stages already
        return groups

    def _comment(self, chain: s.Chain) -> str:
        return self._shape_comment(chain.stages[-1])

    def _shape_comment(self, stage: s.Stage) -> str:
        """The shape after a stage without its batch dimension, for pictures, signals, sequences."""
        tensor = self.net.types.get(stage.span)
        if tensor is None or tensor.rank < 3:
            return ""
        return " x ".join(_size_text(dim) for dim in tensor.shape[1:])

    def _stage(self, stage: s.Stage, value: Code) -> Code:
        step = self.net.applications[stage.span]
        if isinstance(step, Application):
            return Code(f"self.{step.name}({value.text})")
        arguments = stage.callee.arguments if isinstance(stage.callee, s.Call) else ()
        return self._function(step, [value], arguments)

    # ---- expressions -------------------------------------------------------------------------

    def _inline(self, node: s.Expression) -> Code:
        """An expression that tensors flow through, in one piece."""
        match node:
            case s.Name(id) if id in self.net.constants:
                return self._constant(node)
            case s.Name(id):
                return Code(id, typed=id in self.typed)
            case s.Chain(first, stages):
                code = self._inline(first)
                for stage in stages:
                    code = self._stage(stage, code)
                return code
            case s.Sequence(_, items):
                texts = [self._inline(item).text for item in items]
                inner = f"{texts[0]}," if len(texts) == 1 else ", ".join(texts)
                return Code(f"({inner})")
            case s.Call() if node.span in self.net.applications:
                return self._call(node)
            case s.Unary(operator, operand) if self._flows(node):
                code = self._inline(operand)
                level = _ATOM if code.level == _LEVELS["**"] else _UNARY
                return Code(f"{operator}{_at(code, level)}", _UNARY, code.typed)
            case s.Binary(operator, left, right) if self._flows(node):
                return self._binary(operator, left, right)
        return self._constant(node)

    def _binary(self, operator: str, left: s.Expression, right: s.Expression) -> Code:
        level = _LEVELS[operator]
        a, b = self._inline(left), self._inline(right)
        power = operator == "**"
        texts = _at(a, level + power), _at(b, _UNARY if power else level + 1)
        sign = "**" if power and texts[0].isidentifier() and b.text.isalnum() else f" {operator} "
        return Code(f"{texts[0]}{sign}{texts[1]}", level, a.typed or b.typed)

    def _constant(self, node: s.Expression) -> Code:
        self._note(node)
        text = write_expression(node, self._rename)
        return Code(text, _ATOM if isinstance(node, s.Name | s.Literal) else 0)

    def _call(self, node: s.Call) -> Code:
        step = self.net.applications[node.span]
        if isinstance(step, Application):
            values = [self._inline(argument.value) for argument in node.arguments]
            return Code(f"self.{step.name}({', '.join(value.text for value in values)})")
        function = type(step.function)
        arguments = list(node.arguments)
        operands = [node.function.value] if isinstance(node.function, s.Attribute) else []
        count = 1 if function.sequence else function.arity
        while len(operands) < count:
            operands.append(arguments.pop(0).value)
        return self._function(step, [self._inline(item) for item in operands], arguments)

    def _function(
        self, step: FunctionCall, operands: Sequence[Code], arguments: Sequence[s.Argument]
    ) -> Code:
        for argument in arguments:
            self._note(argument.value)
        texts = call_arguments(step.function, arguments, self._rename)
        path = step.function.torch
        if path.startswith("torch.Tensor."):
            receiver = _at(operands[0], _ATOM)
            method = path.removeprefix("torch.Tensor.")
            return Code(f"{receiver}.{method}({', '.join(texts)})", typed=operands[0].typed)
        name = path.replace("torch.nn.functional.", "F.")
        return Code(f"{name}({', '.join([*(o.text for o in operands), *texts])})", typed=True)

    def _flows(self, node: s.Expression) -> bool:
        if node.span in self.net.types:
            return True
        known = {*self.net.constants, *BUILTINS}
        return any(name.id not in known for name in names_in(node)) or any(
            span in self.net.applications for span in _spans(node)
        )

    # ---- names -------------------------------------------------------------------------------

    def _rename(self, name: str) -> str:
        if name in self.net.sizes:
            return self.size_names[name]
        if name in self.local_lets or name not in self.net.constants:
            return name
        return f"self.{self.attribute(name)}"

    def _note(self, node: s.Expression) -> None:
        """Remember which sizes and attributes an expression needs."""
        for name in names_in(node):
            if name.id in self.net.sizes:
                self.sizes.add(name.id)
            elif name.id in self.local_lets:
                self._note(self.local_lets[name.id].value)
            elif name.id in self.net.constants:
                self.attributes.add(name.id)

    def _depends_on_sizes(self, node: s.Expression) -> bool:
        lets = {x.name.id: x.value for x in self.net.syntax.body if isinstance(x, s.Let)}
        pending, seen = [node], set()
        while pending:
            for name in names_in(pending.pop()):
                if name.id in self.net.sizes:
                    return True
                if name.id in lets and name.id not in seen:
                    seen.add(name.id)
                    pending.append(lets[name.id])
        return False

    def _wanted_lets(self) -> set[str]:
        """The `let`s that depend on sizes and that some function call in forward uses."""
        used: set[str] = set()
        pending: list[Any] = [
            item for item in self.net.syntax.body if not isinstance(item, s.Let | s.Init)
        ]
        while pending:
            for name in names_in(pending.pop()):
                if name.id in self.local_lets and name.id not in used:
                    used.add(name.id)
                    pending.append(self.local_lets[name.id].value)
        return used

    def _is_read_later(self, name: str) -> bool:
        """Whether a returned value reads `name` after its first chain, so that it must be kept."""
        last = self.net.syntax.body[-1]
        value = last.value if isinstance(last, s.Return) else None
        if isinstance(value, s.Chain):
            return name in self.net.layers and False
        return name in {used.id for used in names_in(value)} if value is not None else False

    # ---- lines -------------------------------------------------------------------------------

    def _line(self, text: str, comment: str = "") -> None:
        room = WIDTH - _INDENT
        if len(text) > room:
            for part in _broken(text):
                self.lines.append(Line(part))
            return
        fits = comment and len(text) + len(comment) + 4 <= room
        self.lines.append(Line(text, 0, comment if fits else ""))


def _broken(text: str) -> list[str]:
    """A line that is too wide, broken at its last call."""
    opening = text.find("(")
    if opening < 0 or not text.endswith(")"):
        return [text]
    inner = text[opening + 1 : -1]
    parts: list[str] = []
    depth, start = 0, 0
    for index, character in enumerate(inner):
        depth += (character in "([{") - (character in ")]}")
        if depth < 0:
            return [text]
        if character == "," and depth == 0:
            parts.append(inner[start:index].strip())
            start = index + 1
    parts.append(inner[start:].strip())
    return bracketed(text[: opening + 1], [part for part in parts if part], ")", 2)


def _at(code: Code, level: int) -> str:
    return code.text if code.level >= level else f"({code.text})"


def _without_brackets(text: str, value: s.Expression) -> str:
    if isinstance(value, s.Sequence) and len(value.items) > 1:
        return text[1:-1]
    return text


def _target_text(targets: s.Targets) -> str:
    parts = [
        item.id if isinstance(item, s.Name) else f"({_target_text(item)})" for item in targets.items
    ]
    return f"{parts[0]}," if len(parts) == 1 else ", ".join(parts)


def _returned_name(net: Net) -> str:
    last = net.syntax.body[-1]
    for statement in net.syntax.body:
        if isinstance(statement, s.Return):
            last = statement
    value = last.value if isinstance(last, s.Return) else None
    return value.id if isinstance(value, s.Name) else ""


def _size_names(net: Net) -> dict[str, str]:
    """The variable for each size: its own name, where the code does not use that otherwise."""
    taken = {port.name for port in net.inputs} | set(net.layers)
    taken |= {
        name.id
        for statement in net.syntax.body
        if isinstance(statement, s.Assign)
        for name in _target_names(statement.target)
    }
    return {
        size: free_name(size, lambda n: n in taken or variable_problem(n) is not None)
        for size in net.sizes
    }


def _target_names(target: s.Name | s.Targets) -> list[s.Name]:
    if isinstance(target, s.Name):
        return [target]
    return [name for item in target.items for name in _target_names(item)]


def _read_names(net: Net) -> set[str]:
    """Every name that some statement reads."""
    return {
        name.id
        for statement in net.syntax.body
        if isinstance(statement, s.Assign | s.Return | s.Let)
        for name in names_in(statement.value)
    }


def _size_text(dim: Dim) -> str:
    text = min(str(dim), write_dim(form_of(dim)), key=len)
    return f"({text})" if " " in text else text


def _spans(node: Any) -> list[Span]:
    found: list[Span] = []
    pending: list[Any] = [node]
    while pending:
        part = pending.pop()
        if isinstance(part, Span):
            found.append(part)
        elif isinstance(part, tuple):
            pending += part
    return found


__all__ = ["Forward", "Function", "Tensor", "at_least", "lower_forward"]
