"""Give the value of an expression that tensors flow through: operators, indices, calls, chains."""

from collections.abc import Sequence
from typing import Any

from netspec import syntax as s
from netspec.arguments import Given, bind
from netspec.call_helps import call_of, help_for_layer
from netspec.catalogue import ALIASES, FUNCTIONS, RANK_OPEN
from netspec.catalogue.function import Function
from netspec.catalogue.signature import Inputs, write_value
from netspec.diagnostic import Diagnostics, did_you_mean
from netspec.dim import Expression
from netspec.elementwise import broadcast, operate, operate_number, operate_unary, require_right
from netspec.evaluate import BUILTINS, UNKNOWN, Scope, evaluate
from netspec.flow import Bundle, Flow, Unknown, Value, flow_of, flows_in, type_of
from netspec.graph import FunctionCall
from netspec.indexing import index
from netspec.lazy import report_lazy
from netspec.misfit import Misfit
from netspec.names import listing
from netspec.prefixes import prefix_of, report_prefix
from netspec.several import several, take_apart
from netspec.source import Span
from netspec.swapped import help_for_loss
from netspec.tensor import DTYPES, DType, Tensor, Type, write_shape
from netspec.visit import arguments_of, names_in

# Functions that change the shape of a tensor, and none of its numbers.
KEEPS = frozenset(("contiguous", "flatten", "permute", "reshape", "squeeze", "t", "transpose"))
KEEPS |= frozenset(("unflatten", "unsqueeze", "view"))


class Expressions:
    """The values of expressions, with build-time values in `scope` and tensors in `flows`."""

    def __init__(self, scope: Scope, found: Diagnostics) -> None:
        self.scope = scope
        self.found = found
        self.flows: dict[str, Value] = {}
        self.stores: dict[str, dict[Any, Value]] = {}  # what `name[i] = …` keeps
        self.poisoned: dict[str, str] = {}  # names that only some ways through the net give a value
        self.forgiving = False  # a statement could not be read: unknown names may be defined in it

    # ---- what layers do, and what is remembered ------------------------------------------------

    def apply_stage(self, stage: s.Stage, value: Value) -> Value:
        """The value after a stage of a chain."""
        raise NotImplementedError

    def call_layer(self, node: s.Call, name: str) -> Value | None:
        """The value of a call of a layer or a block by name; None where there is no such layer."""
        raise NotImplementedError

    def note_function(self, span: Span, call: FunctionCall) -> None:
        """Remember a function at work."""

    def note_product(self, span: Span, left: Tensor, right: Tensor, output: Tensor) -> None:
        """Remember an `@` at work."""

    def note_type(self, span: Span, tensor: Tensor) -> None:
        """Remember the type of an operator's result."""

    def known_names(self) -> list[str]:
        """All names that could have been meant."""
        return [*self.scope, *self.flows, *self.stores]

    def offered(self) -> Sequence[str] | None:
        """Of a train section, the names of its fields and values; None in a net or a block."""
        raise NotImplementedError

    # ---- values ------------------------------------------------------------------------------

    def flow(self, node: s.Expression) -> Value:
        """The value of an expression that tensors flow through."""
        value: Any = self.value(node)
        if isinstance(value, Flow | Bundle | Unknown):
            return value
        if value is not UNKNOWN:
            self.found.add(
                "not-a-tensor",
                f"a tensor is wanted here, found {write_value(value)}",
                node.span,
                label="a build-time value",
                help=f"without quotes: `{call_of(value)}`"
                if isinstance(value, str) and value in FUNCTIONS
                else "build-time values are named with `let`",
            )
        return UNKNOWN

    def value(self, node: s.Expression) -> Any:
        """A flow, or a build-time value."""
        match node:
            case s.Chain(first, stages):
                value = self.flow(first)
                for stage in stages:
                    value = self.apply_stage(stage, value)
                return value
            case s.Name(id) if id in self.flows:
                return self.flows[id]
            case s.Name(id) if id not in self.scope and not _is_constant(id):
                return self._unknown_name(node)
            case s.Sequence(_, items) if self.has_flow(node):
                return Bundle(tuple(self.flow(item) for item in items))
            case s.Call(s.Name(id)) if _is_builtin(id) and not self.has_flow(node):
                return evaluate(node, self.scope, self.found)
            case s.Call():
                return self._call(node)
            case s.Unary(operator, operand) if self.has_flow(node):
                return self._unary(node, operator, operand)
            case s.Binary(operator, left, right) if self.has_flow(node):
                return self._binary(node, operator, left, right)
            case s.Comparison(operators, operands) if self.has_flow(node):
                return self._comparison(node, operators, operands)
            case s.Conditional() if self.has_flow(node):
                return self._conditional(node)
            case s.Subscript(s.Name(id), items) if id in self.stores:
                return self.read_store(node, id, items)
            case s.Subscript(value, items) if self.has_flow(value):
                return self._subscript(node, value, items)
            case s.Attribute(value, name) if self.has_flow(node):
                return self._attribute(node, name)
        return evaluate(node, self.scope, self.found)

    def has_flow(self, node: Any) -> bool:
        """Whether tensors take part in an expression."""
        for name in names_in(node):
            known = name.id in self.scope or _is_constant(name.id) or name.id in FUNCTIONS
            if name.id in self.flows or name.id in self.stores or not known:
                return True
        return _has_tensor_syntax(node, self.is_layer)

    def is_layer(self, name: str) -> bool:
        """Whether a call of `name` makes a tensor."""
        return name in FUNCTIONS and name not in BUILTINS

    def _unknown_name(self, node: s.Name) -> Unknown:
        if node.id in self.poisoned:
            self.found.add(
                "maybe-undefined",
                f"`{node.id}` has no value on every way to this place",
                node.span,
                label=self.poisoned[node.id],
                help="give it a value before that, too",
            )
            return UNKNOWN
        if self.forgiving or report_lazy(node, self.found):
            return UNKNOWN
        near = did_you_mean(node.id, [*self.known_names(), *sorted(DTYPES)])
        message, label = f"unknown name `{node.id}`", "not defined here"
        if node.id in ALIASES or node.id in RANK_OPEN:
            message, label = f"the layer `{node.id}` has no input", "a layer, not a tensor"
            near = help_for_layer(node.id, (), self.offered() is not None)
        elif node.id in FUNCTIONS and not near:
            message, label = f"`{node.id}` is a function, and has to be called", "not called"
            near = f"write `{call_of(node.id)}`"
        self.found.add(
            "unknown-name", message, node.span, label=label, help=near or self._help_for_values()
        )
        return UNKNOWN

    def _help_for_values(self) -> str:
        """What may stand where there is a name that is none."""
        known = [name for name in self.offered() or () if name in self.flows]
        if known:
            return f"there are {listing(known)}"
        return "values are inputs of the net, or named with `name = …` before their use"

    # ---- operators ---------------------------------------------------------------------------

    def _unary(self, node: s.Unary, operator: str, operand: s.Expression) -> Value:
        value = self.flow(operand)
        if operator == "not" or isinstance(value, Bundle):
            self.found.add(
                "wrong-operand",
                f"`{operator}` does not go with tensors here",
                node.span,
                label="here",
                help="use `logical_not`" if operator == "not" else "",
            )
            return UNKNOWN
        if not isinstance(value, Flow):
            return UNKNOWN
        try:
            result = operate_unary(operator, value.type)
        except Misfit as misfit:
            self.found.add(
                "wrong-operand", misfit.message, node.span, label=misfit.label, help=misfit.help
            )
            return UNKNOWN
        self.note_type(node.span, result)
        return value._replace(type=result, span=node.span, given="")

    def _operand(self, node: s.Expression, operator: str) -> Any:
        """A tensor or a number; UNKNOWN after reporting anything else."""
        value = self.value(node)
        number = isinstance(value, int | float | Expression)
        if isinstance(value, Flow | Unknown) or (number and operator not in ("and", "or")):
            return value
        if isinstance(value, Bundle) and self.report_several(
            value, f"`{operator}`", "wrong-operand", node.span
        ):
            return UNKNOWN
        what = "several tensors" if isinstance(value, Bundle) else write_value(value)
        self.found.add(
            "wrong-operand",
            f"`{operator}` does not go with {what}",
            node.span,
            label="no single tensor, no number",
            help="join several tensors with `cat` first" if isinstance(value, Bundle) else "",
        )
        return UNKNOWN

    def _binary(
        self, node: s.Binary, operator: str, left: s.Expression, right: s.Expression
    ) -> Value:
        a, b = self._operand(left, operator), self._operand(right, operator)
        if isinstance(a, Unknown) or isinstance(b, Unknown):
            return UNKNOWN
        if operator in ("and", "or"):
            self.found.add(
                "wrong-operand",
                f"`{operator}` does not go with tensors",
                node.span,
                label="a tensor is neither true nor false",
                help=f"use `logical_{operator}(a, b)`",
            )
            return UNKNOWN
        flows = [value for value in (a, b) if isinstance(value, Flow)]
        try:
            tensor = self.run_operator(operator, a, b)
        except Misfit as misfit:
            self.report(misfit, node.span, self._origins(left, right))
            return UNKNOWN
        self.note_type(node.span, tensor)
        if operator == "@":
            self.note_product(node.span, flows[0].type, flows[1].type, tensor)
        first = all(flow.channels_first for flow in flows)
        return Flow(tensor, f"`{operator}`", node.span, first)

    def run_operator(self, operator: str, a: Any, b: Any) -> Tensor:
        """The type of an operator between tensors, or a tensor and a number."""
        if isinstance(a, Flow) and isinstance(b, Flow):
            return operate(operator, a.type, b.type)
        tensor, number = (a, b) if isinstance(a, Flow) else (b, a)
        if number is b:
            require_right(operator, tensor.type, number)
        return operate_number(operator, tensor.type, number)

    def _origins(self, *sides: s.Expression) -> tuple[str, ...]:
        parts: list[str] = []
        for side in sides:
            flow = self.flows.get(side.id) if isinstance(side, s.Name) else None
            if isinstance(flow, Flow) and not flow.origin.startswith("the input"):
                line, _ = self.found.source.position(flow.span.start)
                name = side.id if isinstance(side, s.Name) else ""
                parts.append(f"`{name}` comes from {flow.origin} (line {line})")
        return (", ".join(parts),) if parts else ()

    def _comparison(
        self, node: s.Comparison, operators: tuple[str, ...], operands: tuple[s.Expression, ...]
    ) -> Value:
        if len(operators) > 1:
            self.found.add(
                "wrong-operand",
                "comparisons of tensors do not chain",
                node.span,
                label="a tensor is neither true nor false",
                help="use `logical_and(a < b, b < c)`",
            )
            return UNKNOWN
        a, b = (self._operand(operand, operators[0]) for operand in operands)
        if isinstance(a, Unknown) or isinstance(b, Unknown):
            return UNKNOWN
        shapes = [value.type.shape if isinstance(value, Flow) else () for value in (a, b)]
        try:
            tensor = Tensor(broadcast("compare", *shapes), "bool")
        except Misfit as misfit:
            self.report(misfit, node.span, self._origins(*operands))
            return UNKNOWN
        self.note_type(node.span, tensor)
        return Flow(tensor, f"`{operators[0]}`", node.span)

    def _conditional(self, node: s.Conditional) -> Value:
        """`a if c else b` with tensors in a and b; c must be known when the net is built."""
        if self.has_flow(node.test):
            names = {name.id for name in names_in(node.test)}
            mode = "training" in names and not names & set(self.flows)
            self.found.add(
                "not-supported",
                f"`a if … else b` cannot depend on {'`training`' if mode else 'a tensor'}",
                node.test.span,
                label="known only when the net runs" if mode else "known only when data flows",
                help="write `if training { … } else { … }`"
                if mode
                else "use `where(condition, a, b)`",
            )
            return UNKNOWN
        test = evaluate(node.test, self.scope, self.found)
        if isinstance(test, Unknown):
            return UNKNOWN
        return self.choose(node, bool(test))

    def choose(self, node: s.Conditional, test: bool) -> Value:
        """The value of the side that is taken."""
        return self.flow(node.then if test else node.other)

    def _subscript(
        self,
        node: s.Subscript,
        value: s.Expression,
        items: tuple[s.Expression | s.Slice | s.Ellipsis, ...],
    ) -> Value:
        flow = self.flow(value)
        indices = [self._index(item) for item in items]
        if isinstance(flow, Unknown) or UNKNOWN in indices:
            return UNKNOWN
        if isinstance(flow, Bundle):
            return self._element(node, flow, indices)
        try:
            tensor = index(flow.type, tuple(indices))
        except Misfit as misfit:
            self.report(misfit, node.span, self._origins(value))
            return UNKNOWN
        self.note_type(node.span, tensor)
        return Flow(tensor, flow.origin, node.span, given=flow.given)

    def _element(self, node: s.Subscript, bundle: Bundle, indices: list[Any]) -> Value:
        at = indices[0]
        fits = len(indices) == 1 and isinstance(at, int) and not isinstance(at, bool)
        if fits and -len(bundle.items) <= at < len(bundle.items):
            item: Value = bundle.items[at]
            return item
        self.found.add(
            "index-out-of-range",
            f"there are {len(bundle.items)} tensors here",
            node.span,
            label="no such element",
            help=f"use 0 to {len(bundle.items) - 1}, or `a, b = …`",
        )
        return UNKNOWN

    def _index(self, item: s.Expression | s.Slice | s.Ellipsis) -> Any:
        """An index as the shape rule wants it: a number, a slice, None, Ellipsis or a tensor."""
        if isinstance(item, s.Ellipsis):
            return ...
        if isinstance(item, s.Slice):
            bounds = [
                None if p is None else self._bound(p) for p in (item.start, item.stop, item.step)
            ]
            return UNKNOWN if UNKNOWN in bounds else slice(*bounds)
        value = self.value(item)
        if isinstance(value, Flow):
            return value.type
        if value is None or isinstance(value, int | Expression | Unknown):
            return value
        self.found.add(
            "wrong-index",
            f"an index is a number, a slice, None or a tensor, found {write_value(value)}",
            item.span,
            label="no index",
        )
        return UNKNOWN

    def _bound(self, node: s.Expression) -> Any:
        value = evaluate(node, self.scope, self.found)
        if value is UNKNOWN or (
            isinstance(value, int | Expression) and not isinstance(value, bool)
        ):
            return value
        self.found.add(
            "wrong-index",
            f"the ends of a slice are integers, found {write_value(value)}",
            node.span,
            label="no integer",
        )
        return UNKNOWN

    def read_store(
        self,
        node: s.Subscript,
        name: str,
        items: tuple[s.Expression | s.Slice | s.Ellipsis, ...],
    ) -> Value:
        """A value that `name[i] = …` kept."""
        raise NotImplementedError

    def _attribute(self, node: s.Attribute, name: s.Name) -> Unknown:
        value = self.flow(node.value)
        if isinstance(value, Bundle) and value.outputs:
            self.found.add(
                "not-supported",
                f"the outputs of `{value.outputs.title}` are no attributes",
                node.span,
                label=f"{len(value.items)} tensors",
                help=f"take them apart first: {take_apart(value.outputs, self.flows)}",
            )
            return UNKNOWN
        self.found.add(
            "not-supported",
            f"a tensor has no attribute `{name.id}` here, only methods that are called",
            node.span,
            label="not called",
            help=f"write `.{name.id}()`"
            if name.id in FUNCTIONS
            else "sizes have names in the signature: `[N, 3, H, W]`"
            if name.id in ("shape", "size", "ndim")
            else "",
        )
        return UNKNOWN

    # ---- functions ---------------------------------------------------------------------------

    def given(
        self, function: type[Function], leading: int, arguments: Sequence[s.Argument]
    ) -> list[Given] | None:
        """Arguments with their values, types for tensors; None where one is unknown.

        `leading`: how many arguments of the function stand before them.
        """
        given: list[Given] = []
        complete = True
        for place, argument in enumerate(arguments, leading):
            value = self.argument(argument.value, _takes_one(function, argument, place))
            complete = complete and value is not UNKNOWN
            given.append(Given(argument.name, value, argument.span))
        return given if complete else None

    def argument(self, node: s.Expression, wanted: str) -> Any:
        """The value of an argument, the type of a tensor; `wanted`: what takes one, if it does."""
        if isinstance(node, s.Name) and node.id not in self.scope and node.id in DTYPES:
            return DType(node.id)
        value = self.value(node) if self.has_flow(node) else evaluate(node, self.scope, self.found)
        if (
            isinstance(value, Bundle)
            and wanted
            and self.report_several(value, wanted, "wrong-argument", node.span)
        ):
            return UNKNOWN
        if isinstance(value, Flow | Bundle):
            known = type_of(value)
            return UNKNOWN if known is None else known
        return value

    def apply_function(
        self,
        function: type[Function],
        operands: Sequence[Value],
        arguments: Sequence[s.Argument],
        callee: s.Expression,
        span: Span,
    ) -> Value:
        """The value of a function of tensors, which stand before its other arguments."""
        types = [type_of(operand) for operand in operands]
        given = self.given(function, len(operands), arguments)
        if given is None or None in types:
            return UNKNOWN
        leading = [Given(None, value, span) for value in types]
        bound = bind(function, function.name, [*leading, *given], callee.span, self.found)
        if not isinstance(bound, Function):
            return UNKNOWN
        try:
            output = self.run_function(bound)
        except Misfit as misfit:
            swap = help_for_loss(bound, callee, len(operands), self.found.source)
            self.misfit(misfit.helped(swap), callee, operands)
            return UNKNOWN
        self.note_function(span, FunctionCall(bound, len(operands), output, span))
        if isinstance(output, Tensor):
            self.note_type(span, output)
        value = flow_of(
            output, f"`{function.name}`", span, _stays_picture(function, operands, output)
        )
        first = operands[0] if operands else None
        if function.name in KEEPS and isinstance(first, Flow) and isinstance(value, Flow):
            return value._replace(given=first.given)
        return value

    def run_function(self, function: Function) -> Type:
        """The output of a function with its arguments."""
        return function.apply()

    def operands_for(self, function: type[Function], value: Value) -> list[Value]:
        """A value that flows into a function, as its leading arguments."""
        first = next(iter(function.fields().values()), None)
        takes_several = first is not None and first.annotation == Inputs
        if isinstance(value, Bundle) and not takes_several:
            return list(value.items)
        if takes_several and isinstance(value, Flow):
            return [Bundle((value,))]
        return [value]

    def _call(self, node: s.Call) -> Value:
        made = node.function.function if isinstance(node.function, s.Call) else node.function
        front = prefix_of(made)
        if front is not None and front.id not in {*self.scope, *self.flows}:
            report_prefix(node, self.found)
            return UNKNOWN
        match node.function:
            case s.Name(id):
                called = self.call_layer(node, id)
                if called is not None:
                    return called
                if id in FUNCTIONS:
                    return self.apply_function(FUNCTIONS[id], [], node.arguments, node, node.span)
                if not report_lazy(node.function, self.found, node):
                    self.unknown_function(node.function)
                return UNKNOWN
            case s.Attribute(value, name) if name.id in FUNCTIONS:
                operand = self.flow(value)
                wanted = f"`{name.id}`"
                if isinstance(operand, Bundle) and self.report_several(
                    operand, wanted, "wrong-argument", value.span
                ):
                    return UNKNOWN
                return self.apply_function(
                    FUNCTIONS[name.id], [operand], node.arguments, node, node.span
                )
            case s.Attribute(_, name):
                self.unknown_function(name)
                return UNKNOWN
            case s.Call(s.Name() as name) as made if report_lazy(name, self.found, made):
                return UNKNOWN
        self.found.add(
            "wrong-layer", "this cannot be called", node.function.span, label="no function"
        )
        return UNKNOWN

    def unknown_function(self, name: s.Name) -> None:
        """Report a name that is called, and is nothing that can be."""
        raise NotImplementedError

    # ---- reports -----------------------------------------------------------------------------

    def report_several(self, value: Bundle, wanted: str, code: str, span: Span) -> bool:
        """Report several tensors where `wanted` takes one; False where they have no names."""
        texts = several(value, wanted, self.flows)
        if texts is None:
            return False
        self.found.add(code, texts.message, span, label=texts.label, help=texts.help)
        return True

    def misfit(self, misfit: Misfit, callee: Any, operands: Sequence[Value]) -> None:
        """Report what does not fit, at the argument that it is about."""
        span = callee.span
        for argument in arguments_of(callee):
            if argument.name is not None and argument.name.id == misfit.argument:
                span = argument.span
        seen = dict.fromkeys(
            (flow.origin, write_shape(flow.type.shape))
            for value in operands
            for flow in flows_in(value)
        )
        notes = tuple(f"the input {shape} comes from {origin}" for origin, shape in seen)
        self.report(misfit, span, notes)

    def report(self, misfit: Misfit, span: Span, notes: tuple[str, ...]) -> None:
        """Report what does not fit."""
        self.found.add(
            misfit.code,
            misfit.message,
            span,
            label=misfit.label,
            notes=notes,
            help=misfit.help,
        )


def _takes_one(function: type[Function], argument: s.Argument, place: int) -> str:
    """What an argument is, where it is one tensor: "`input` of `mse_loss`"; "" elsewhere."""
    names = function.positional()
    name = argument.name.id if argument.name else "".join(names[place : place + 1])
    field = function.fields().get(name)
    takes_several = field is None or field.annotation == Inputs
    return "" if takes_several else f"`{name}` of `{function.name}`"


def _stays_picture(function: type[Function], operands: Sequence[Value], output: Type) -> bool:
    flows = [flow for operand in operands for flow in flows_in(operand)]
    if not flows or not isinstance(output, Tensor):
        return False
    same_shape = flows[0].channels_first and output.shape == flows[0].type.shape
    return same_shape or (function.name == "cat" and output.rank > 2)


def _has_tensor_syntax(node: Any, makes_tensor: Any) -> bool:
    """Whether a chain, or a call that makes a tensor, is a part of the expression."""
    pending: list[Any] = [node]
    while pending:
        part = pending.pop()
        match part:
            case s.Chain():
                return True
            case s.Call(s.Name(id)) if makes_tensor(id):
                return True
            case s.Call(s.Attribute()):
                return True
        if isinstance(part, tuple) and not isinstance(part, Span):
            pending += part
    return False


def _is_builtin(name: str) -> bool:
    return name in BUILTINS


def _is_constant(name: str) -> bool:
    """Whether a name means something by itself, wherever it stands."""
    return name in BUILTINS or name in DTYPES
