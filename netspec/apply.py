"""Follow values through chains, calls and operators of a net, building layers on the way."""

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any

from netspec import syntax as s
from netspec.arguments import bind
from netspec.catalogue import ALIASES, FUNCTIONS, LAYERS, RANK_OPEN
from netspec.catalogue.function import Function
from netspec.catalogue.layer import Layer, Misfit
from netspec.catalogue.signature import write_value
from netspec.diagnostic import Diagnostics, did_you_mean, nearest
from netspec.dim import same
from netspec.elementwise import operate, operate_number
from netspec.evaluate import UNKNOWN, NotConstant, evaluate, names_in, value_of_number
from netspec.flow import Bundle, Flow, Unknown, Value
from netspec.graph import Application, BuiltLayer, FunctionCall
from netspec.names import free_name, label_problem, layer_stem, numbered_name
from netspec.source import Span
from netspec.tensor import Tensor, write_shape


class _Definition:
    """A layer of the net on its way to being built."""

    def __init__(
        self,
        name: str,
        title: str,
        callee: s.Expression,
        schemes: s.Schemes | None,
        span: Span,
        place: s.Name | None,
    ) -> None:
        self.name = name
        self.title = title
        self.callee = callee
        self.schemes = schemes
        self.span = span
        self.place = place
        self.layer: Layer | None = None
        self.settled: dict[str, Any] = {}
        self.used = False
        self.failed = False


class Applier:
    """Gives the type of each expression that tensors flow through, and records what it built.

    `use` is told every name that is read. `forgiving`: a statement could not be read, so that an
    unknown name may have been defined in it.
    """

    def __init__(
        self,
        net: s.Net,
        scope: dict[str, Any],
        flows: Mapping[str, Value],
        found: Diagnostics,
        use: Callable[[str], None],
    ) -> None:
        self.scope = scope
        self.flows = flows
        self.found = found
        self.use = use
        self.forgiving = False
        self.layers: dict[str, _Definition] = {}
        self.shared: dict[tuple[str, str], str] = {}
        self.applications: dict[Span, Application | FunctionCall] = {}
        self.types: dict[Span, Tensor] = {}
        self.labels = _labels(net)
        self.numbers: dict[str, Iterator[int]] = {}

    # ---- layers ------------------------------------------------------------------------------

    def define(self, statement: s.LayerDefinition) -> None:
        """Take note of `layer name = …`; it is built where it is first used."""
        name, callee = statement.name, statement.callee
        title = self._layer_title(callee)
        if not self._label_is_free(name):
            return
        if name.id in self.scope:
            self.found.add(
                "duplicate-name",
                f"`{name.id}` has a meaning already",
                name.span,
                label="the same name again",
                help="give the layer another name",
            )
            return
        definition = _Definition(
            name.id, title or "", callee, statement.schemes, statement.span, name
        )
        definition.failed = title is None
        self.layers[name.id] = definition
        self.scope[name.id] = NotConstant(
            f"`{name.id}` is a layer", f"apply it to a tensor: `{name.id}(x)` or `x -> {name.id}`"
        )

    def definitions(self) -> dict[str, tuple[BuiltLayer, s.Schemes | None]]:
        """The layers that could be built, by attribute, each with its own `with (…)`."""
        return {
            d.name: (
                BuiltLayer(d.name, d.layer, d.callee, d.layer.parameters(), {}, d.span),
                d.schemes,
            )
            for d in self.layers.values()
            if d.layer is not None and not d.failed
        }

    def report_unused_layers(self) -> None:
        for definition in self.layers.values():
            if not definition.used and definition.place is not None:
                self.found.add(
                    "unused-layer",
                    f"layer `{definition.name}` is never applied",
                    definition.place.span,
                    label="its input is not known",
                    help=f"apply it, `x -> {definition.name}`, or remove it",
                )

    def _layer_title(self, callee: s.Expression) -> str | None:
        """The layer class that a callee names, as it is written; None after reporting why not."""
        function = callee.function if isinstance(callee, s.Call) else callee
        if isinstance(function, s.Name):
            if function.id in ALIASES or function.id in RANK_OPEN:
                return function.id
            self._unknown_layer(function)
        else:
            self.found.add(
                "wrong-layer", "a layer of torch.nn is wanted here", callee.span, label="no layer"
            )
        return None

    def _unknown_layer(self, name: s.Name) -> None:
        if name.id in FUNCTIONS or name.id in self.scope:
            kind = "a tensor function" if name.id in FUNCTIONS else "a value"
            self.found.add(
                "wrong-layer",
                f"`{name.id}` is {kind}, not a layer",
                name.span,
                label="no layer",
                help="layers are the classes of torch.nn, with a capital letter",
            )
            return
        if self.forgiving:
            return
        self.found.add(
            "unknown-layer",
            f"unknown layer `{name.id}`",
            name.span,
            label="no class of torch.nn that netspec knows",
            help=did_you_mean(name.id, [*ALIASES, *RANK_OPEN])
            or "layers have the names of torch.nn, as in `Conv2d`, `Linear`, `ReLU`",
        )

    def _label_is_free(self, name: s.Name) -> bool:
        problem = label_problem(name.id)
        if problem:
            code, why = problem
            self.found.add(
                code, why, name.span, label="not free", help=f"call the layer `{name.id}_`, say"
            )
            return False
        if name.id in self.layers:
            line, _ = self.found.source.position(self.layers[name.id].span.start)
            self.found.add(
                "duplicate-label",
                f"there is a layer `{name.id}` already",
                name.span,
                label="the same name again",
                notes=(f"the first one is in line {line}",),
                help="give it another label; to share weights, name the layer once with `layer`",
            )
            return False
        return True

    def _new_layer(
        self, stage: s.Stage, title: str, inputs: tuple[Flow, ...]
    ) -> _Definition | None:
        label = stage.label
        if label is not None and not self._label_is_free(label):
            return None
        definition = _Definition("", title, stage.callee, stage.schemes, stage.span, None)
        if not self._build(definition, inputs):
            return None
        assert definition.layer is not None
        if label is not None:
            definition.name = label.id
        else:
            known = self._name_unlabelled(definition)
            if known is not None:
                return known
        self.layers[definition.name] = definition
        return definition

    def _name_unlabelled(self, definition: _Definition) -> _Definition | None:
        """Name a layer without a label; the layer that does the same already, if there is one."""
        layer = definition.layer
        assert layer is not None
        stem = layer_stem(type(layer).__name__)
        if not layer.stateless:
            numbers = self.numbers.setdefault(stem, count(1))  # goes on where it stopped
            definition.name = numbered_name(stem, self._taken, numbers)
            return None
        arguments = definition.callee.arguments if isinstance(definition.callee, s.Call) else ()
        text = repr([(a.name and a.name.id, _spanless(a.value)) for a in arguments])
        key = (type(layer).__name__, text)
        if key in self.shared:
            return self.layers[self.shared[key]]
        definition.name = free_name(stem, self._taken)
        self.shared[key] = definition.name
        return None

    def _taken(self, name: str) -> bool:
        return name in self.layers or name in self.labels or label_problem(name) is not None

    def _build(self, definition: _Definition, inputs: tuple[Flow, ...]) -> bool:
        """Make the layer for its first input; False after reporting why it cannot be."""
        callee = definition.callee
        arguments = callee.arguments if isinstance(callee, s.Call) else ()
        for argument in arguments:
            self._use_names(argument.value)
        title = self._resolve_rank(definition, inputs)
        if title is None:
            return False
        layer = bind(
            LAYERS[title], definition.title, arguments, callee.span, self.scope, self.found
        )
        if not isinstance(layer, Layer):
            return False
        definition.layer = layer
        return True

    def _resolve_rank(self, definition: _Definition, inputs: tuple[Flow, ...]) -> str | None:
        title = definition.title
        if title in ALIASES:
            return ALIASES[title]
        ranks = RANK_OPEN[title]
        tensor = inputs[0].type
        if tensor.rank - 2 in ranks:
            return ranks[tensor.rank - 2]
        wanted = " or ".join(str(rank + 2) for rank in sorted(ranks))
        self.found.add(
            "shape-mismatch",
            f"`{title}` takes an input of {wanted} dimensions, found {write_shape(tensor.shape)}",
            definition.callee.span,
            label=f"the input has {tensor.rank} dimensions",
            notes=(f"the input comes from {inputs[0].origin}",),
            help=f"give it [N, C, …] with 1 to 3 further dimensions, or name the rank: "
            f"`{title}{min(ranks)}d`",
        )
        return None

    def _apply_layer(
        self, definition: _Definition, inputs: tuple[Flow, ...], span: Span, callee: s.Expression
    ) -> Value:
        definition.used = True
        if definition.failed:
            return UNKNOWN
        if definition.layer is None and not self._build(definition, inputs):
            definition.failed = True
            return UNKNOWN
        layer = definition.layer
        assert layer is not None
        if len(inputs) != 1:
            self._wrong_count(definition.title, 1, len(inputs), span)
            return UNKNOWN
        try:
            output = self._run_layer(definition, layer, inputs[0].type)
        except Misfit as misfit:
            definition.failed = definition.failed or not definition.settled
            self._misfit(misfit, callee, inputs)
            return UNKNOWN
        types = tuple(flow.type for flow in inputs)
        self.applications[span] = Application(definition.name, layer, types, output, span)
        self.types[span] = output
        first = layer.ndim is not None or (
            inputs[0].channels_first and output.shape == inputs[0].type.shape
        )
        self._warn_linear(definition, layer, inputs[0], callee)
        return Flow(output, f"`{definition.name}`", span, first)

    def _run_layer(self, definition: _Definition, layer: Layer, tensor: Tensor) -> Tensor:
        if definition.settled:
            for name, dim in layer.infer(tensor).items():
                built = definition.settled[name]
                if same(built, dim) is not True:
                    raise Misfit(
                        f"layer `{definition.name}` was built with {name}={built}, "
                        f"this input of shape {write_shape(tensor.shape)} wants {dim}",
                        label="shared, so its weights fit one size only",
                        help="give this place a layer of its own",
                    )
        output = layer.apply(tensor)
        definition.settled = definition.settled or dict(layer.infer(tensor)) or {"": 0}
        return output

    def _warn_linear(
        self, definition: _Definition, layer: Layer, flow: Flow, callee: s.Expression
    ) -> None:
        if type(layer).__name__ != "Linear" or not flow.channels_first or flow.type.rank < 3:
            return
        shape = flow.type.shape
        self.found.add(
            "linear-on-image",
            f"`{definition.title}` works on the last dimension ({shape[-1]}) of "
            f"{write_shape(shape)}, which is no channel dimension",
            callee.span,
            label=f"takes {shape[-1]} features, and keeps the other dimensions",
            notes=(f"the input comes from {flow.origin}",),
            help="put `Flatten` before it, or `permute` the channels to the end",
            severity="warning",
        )

    # ---- values ------------------------------------------------------------------------------

    def flow(self, node: s.Expression) -> Value:
        """The value of an expression that tensors flow through."""
        value = self._value(node)
        if isinstance(value, Flow | Bundle | Unknown):
            return value
        self.found.add(
            "not-a-tensor",
            f"a tensor is wanted here, found {write_value(value)}",
            node.span,
            label="a build-time value",
            help="build-time values are named with `let`",
        )
        return UNKNOWN

    def _value(self, node: s.Expression) -> Any:
        """A flow, or a build-time value."""
        match node:
            case s.Chain():
                return self._chain(node)
            case s.Name(id) if id in self.flows:
                self.use(id)
                return self.flows[id]
            case s.Name(id) if id not in self.scope and self.forgiving:
                return UNKNOWN
            case s.Name(id) if id not in self.scope:
                return self._unknown_name(node)
            case s.Sequence(_, items) if self._has_flow(node):
                return Bundle(tuple(self.flow(item) for item in items))
            case s.Call() if not self._is_build_time(node):
                return self._call(node)
            case s.Unary(operator, operand) if self._has_flow(node):
                return self._unary(operator, operand, node.span)
            case s.Binary(operator, left, right) if self._has_flow(node):
                return self._binary(node, operator, left, right)
            case s.Comparison() | s.Conditional() | s.Subscript() | s.Attribute() if self._has_flow(
                node
            ):
                return self._unsupported(node)
        self._use_names(node)
        return evaluate(node, self.scope, self.found)

    def _unknown_name(self, node: s.Name) -> Unknown:
        known = [*self.scope, *self.flows]
        near = did_you_mean(node.id, known)
        if node.id in ALIASES or node.id in RANK_OPEN:
            near = f"a layer needs an input: `x -> {node.id}`"
        self.found.add(
            "unknown-name",
            f"unknown name `{node.id}`",
            node.span,
            label="not defined here",
            help=near or "values are inputs of the net, or named with `name = …` before their use",
        )
        return UNKNOWN

    def _unsupported(self, node: s.Expression) -> Unknown:
        what = {
            s.Comparison: "tensors cannot be compared",
            s.Conditional: "a condition cannot depend on a tensor",
            s.Subscript: "a tensor has no elements to take here",
            s.Attribute: "a tensor has no attributes here, only methods that are called",
        }[type(node)]
        self.found.add(
            "not-supported",
            what,
            node.span,
            label="works on build-time values only",
            help="use layers, tensor functions and arithmetic",
        )
        return UNKNOWN

    def _has_flow(self, node: s.Expression) -> bool:
        """Whether tensors take part in an expression."""
        if isinstance(node, s.Chain):
            return True
        if any(
            name.id in self.flows or (name.id not in self.scope and not _is_builtin(name.id))
            for name in names_in(node)
        ):
            return True
        return _contains_chain(node)

    def _is_build_time(self, node: s.Call) -> bool:
        return isinstance(node.function, s.Name) and _is_builtin(node.function.id)

    def _use_names(self, node: s.Expression) -> None:
        for name in names_in(node):
            self.use(name.id)

    def _unary(self, operator: str, operand: s.Expression, span: Span) -> Value:
        value = self.flow(operand)
        if operator == "not" or isinstance(value, Bundle):
            self.found.add(
                "wrong-operand", f"`{operator}` does not go with tensors here", span, label="here"
            )
            return UNKNOWN
        return value if isinstance(value, Unknown) else value._replace(span=span)

    def _binary(
        self, node: s.Binary, operator: str, left: s.Expression, right: s.Expression
    ) -> Value:
        a, b = self._value(left), self._value(right)
        if isinstance(a, Unknown) or isinstance(b, Unknown):
            return UNKNOWN
        for value, side in ((a, left), (b, right)):
            number = isinstance(value, int | float) or type(value).__name__ == "Expression"
            if operator in ("and", "or") or not (isinstance(value, Flow) or number):
                what = "several tensors" if isinstance(value, Bundle) else write_value(value)
                found = "tensors" if operator in ("and", "or") else what
                self.found.add(
                    "wrong-operand",
                    f"`{operator}` does not go with {found}",
                    side.span,
                    label="no single tensor, no number",
                    help="join several tensors with `cat` first" if found != what else "",
                )
                return UNKNOWN
        return self._operate(node, operator, a, b)

    def _operate(self, node: s.Binary, operator: str, a: Any, b: Any) -> Value:
        flows = tuple(value for value in (a, b) if isinstance(value, Flow))
        try:
            if len(flows) == 2:
                tensor = operate(operator, a.type, b.type)
            else:
                number = value_of_number(b if isinstance(a, Flow) else a)
                tensor = operate_number(operator, flows[0].type, number)
        except Misfit as misfit:
            notes = self._origins(node)
            self._report(misfit, node.span, notes)
            return UNKNOWN
        first = all(flow.channels_first for flow in flows)
        self.types[node.span] = tensor
        return Flow(tensor, f"`{operator}`", node.span, first)

    def _origins(self, node: s.Binary) -> tuple[str, ...]:
        parts: list[str] = []
        for side in (node.left, node.right):
            flow = self.flows.get(side.id) if isinstance(side, s.Name) else None
            if isinstance(flow, Flow) and not flow.origin.startswith("the input"):
                line, _ = self.found.source.position(flow.span.start)
                name = side.id if isinstance(side, s.Name) else ""
                parts.append(f"`{name}` comes from {flow.origin} (line {line})")
        return (", ".join(parts),) if parts else ()

    # ---- chains and calls ----------------------------------------------------------------------

    def _chain(self, chain: s.Chain) -> Value:
        value = self.flow(chain.first)
        for stage in chain.stages:
            value = self._stage(stage, value)
        return value

    def _stage(self, stage: s.Stage, value: Value) -> Value:
        inputs = _single_flows(value)
        function = stage.callee.function if isinstance(stage.callee, s.Call) else stage.callee
        if not isinstance(function, s.Name):
            self.found.add(
                "wrong-layer",
                "a stage is a layer or a function by its name",
                stage.callee.span,
                label="no name",
                help="write `-> Layer(…)` or `-> function(…)`",
            )
            return UNKNOWN
        name = function.id
        if name in self.layers:
            return self._stage_of_shared(stage, name, inputs)
        if name in FUNCTIONS and name not in self.flows:
            return self._stage_of_function(stage, FUNCTIONS[name], inputs)
        if name not in ALIASES and name not in RANK_OPEN:
            self._unknown_stage(function)
            return UNKNOWN
        if inputs is None:
            self._check_blind(stage, name)
            return UNKNOWN
        if len(inputs) != 1:
            self._wrong_count(name, 1, len(inputs), stage.callee.span)
            return UNKNOWN
        definition = self._new_layer(stage, name, inputs)
        if definition is None:
            return UNKNOWN
        return self._apply_layer(definition, inputs, stage.span, stage.callee)

    def _check_blind(self, stage: s.Stage, title: str) -> None:
        """Check what can be checked of a layer whose input is unknown."""
        if stage.label is not None and self._label_is_free(stage.label):
            definition = _Definition(
                stage.label.id, title, stage.callee, stage.schemes, stage.span, None
            )
            definition.used = definition.failed = True
            self.layers[stage.label.id] = definition
        arguments = stage.callee.arguments if isinstance(stage.callee, s.Call) else ()
        for argument in arguments:
            self._use_names(argument.value)
        known = ALIASES.get(title) or next(iter(RANK_OPEN[title].values()))
        bind(LAYERS[known], title, arguments, stage.callee.span, self.scope, self.found)

    def _stage_of_shared(self, stage: s.Stage, name: str, inputs: tuple[Flow, ...] | None) -> Value:
        definition = self.layers[name]
        definition.used = True
        if isinstance(stage.callee, s.Call) or stage.label or stage.schemes:
            self.found.add(
                "wrong-layer",
                f"`{name}` is a layer already, it takes no arguments here",
                stage.span,
                label="has its arguments where it is defined",
                help=f"write `-> {name}`",
            )
            return UNKNOWN
        if inputs is None:
            return UNKNOWN
        return self._apply_layer(definition, inputs, stage.span, stage.callee)

    def _unknown_stage(self, name: s.Name) -> None:
        if name.id in self.flows or (name.id in self.scope and name.id not in self.layers):
            kind = "a tensor" if name.id in self.flows else "a build-time value"
            self.found.add(
                "wrong-layer",
                f"`{name.id}` is {kind}, not a layer or function",
                name.span,
                label="cannot be applied",
                help="after `->` stands what is applied: a layer or a function",
            )
        elif name.id[:1].islower() and not nearest(name.id, [*ALIASES, *RANK_OPEN]):
            if self.forgiving:
                return
            self.found.add(
                "unknown-function",
                f"unknown function `{name.id}`",
                name.span,
                label="no tensor function that netspec knows",
                help=did_you_mean(name.id, [*FUNCTIONS, *self.layers])
                or "layers begin with a capital letter; named ones are defined before their use",
            )
        elif name.id[:1].islower() and nearest(name.id, [*FUNCTIONS, *self.layers]):
            self.found.add(
                "unknown-function",
                f"unknown function `{name.id}`",
                name.span,
                label="no tensor function that netspec knows",
                help=did_you_mean(name.id, [*FUNCTIONS, *self.layers]),
            )
        else:
            self._unknown_layer(name)

    def _stage_of_function(
        self, stage: s.Stage, function: type[Function], inputs: tuple[Flow, ...] | None
    ) -> Value:
        if stage.label is not None or stage.schemes is not None:
            self.found.add(
                "wrong-layer",
                f"`{function.name}` is a function: it has no label and no weights",
                stage.span,
                label="not a layer",
                help=f"write `-> {function.name}(…)`",
            )
        arguments = stage.callee.arguments if isinstance(stage.callee, s.Call) else ()
        return self._apply_function(function, inputs, arguments, stage.callee, stage.span)

    def _apply_function(
        self,
        function: type[Function],
        inputs: tuple[Flow, ...] | None,
        arguments: tuple[s.Argument, ...],
        callee: s.Expression,
        span: Span,
    ) -> Value:
        for argument in arguments:
            self._use_names(argument.value)
        bound = bind(function, function.name, arguments, callee.span, self.scope, self.found)
        if not isinstance(bound, Function) or inputs is None:
            return UNKNOWN
        wanted = max(2, len(inputs)) if function.sequence else function.arity
        if len(inputs) != wanted:
            self._wrong_count(function.name, wanted, len(inputs), callee.span)
            return UNKNOWN
        types = tuple(flow.type for flow in inputs)
        try:
            output = bound.apply(*types)
        except Misfit as misfit:
            self._misfit(misfit, callee, inputs)
            return UNKNOWN
        self.applications[span] = FunctionCall(bound, types, output, span)
        origin = f"`{function.name}`"
        if isinstance(output, tuple) and not isinstance(output, Tensor):
            return Bundle(tuple(Flow(item, origin, span) for item in output))
        self.types[span] = output
        kept = inputs[0].channels_first and output.shape == inputs[0].type.shape
        return Flow(output, origin, span, kept or (function.name == "cat" and output.rank > 2))

    def _call(self, node: s.Call) -> Value:
        match node.function:
            case s.Name(id) if id in self.layers:
                return self._call_layer(node, id)
            case s.Name(id) if id in FUNCTIONS:
                return self._call_function(node, FUNCTIONS[id], None)
            case s.Name(id) if id in ALIASES or id in RANK_OPEN:
                self.found.add(
                    "missing-input",
                    f"the layer `{id}` has no input",
                    node.span,
                    label="a layer, not a tensor",
                    help=f"write `x -> {id}(…)`, or `layer name = {id}(…)` to share it",
                )
                return UNKNOWN
            case s.Attribute(value, name) if name.id in FUNCTIONS:
                return self._call_function(node, FUNCTIONS[name.id], value)
            case s.Attribute(_, name):
                self._unknown_stage(name)
                return UNKNOWN
            case s.Name() as name:
                self._unknown_stage(name)
                return UNKNOWN
        self.found.add(
            "wrong-layer", "this cannot be called", node.function.span, label="no function"
        )
        return UNKNOWN

    def _call_layer(self, node: s.Call, name: str) -> Value:
        definition = self.layers[name]
        definition.used = True
        if any(argument.name for argument in node.arguments):
            self.found.add(
                "unknown-argument",
                f"`{name}` takes tensors by position only",
                node.span,
                label="a keyword here",
            )
            return UNKNOWN
        values = [self.flow(argument.value) for argument in node.arguments]
        inputs = _single_flows(values[0] if len(values) == 1 else Bundle(tuple(values)))
        if inputs is None:
            return UNKNOWN
        if len(inputs) != 1:
            self._wrong_count(name, 1, len(inputs), node.span)
            return UNKNOWN
        return self._apply_layer(definition, inputs, node.span, node)

    def _call_function(
        self, node: s.Call, function: type[Function], receiver: s.Expression | None
    ) -> Value:
        """`cat((a, b), 1)`, `reshape(x, N, 4)` or, with a receiver, `x.reshape(N, 4)`."""
        count = 1 if function.sequence else function.arity
        operands = [] if receiver is None else [receiver]
        rest = list(node.arguments)
        while len(operands) < count and rest and rest[0].name is None:
            operands.append(rest.pop(0).value)
        if len(operands) < count:
            self._wrong_count(function.name, count, len(operands), node.span)
            return UNKNOWN
        values = [self.flow(operand) for operand in operands]
        inputs = _single_flows(values[0] if count == 1 else Bundle(tuple(values)))
        return self._apply_function(function, inputs, tuple(rest), node, node.span)

    # ---- reports -----------------------------------------------------------------------------

    def _wrong_count(self, name: str, wanted: int, given: int, span: Span) -> None:
        self.found.add(
            "wrong-input",
            f"`{name}` takes {_tensors(wanted)}, found {given}",
            span,
            label=f"{_tensors(given)} flow into it" if given != 1 else "one tensor flows into it",
            help="join tensors first, with `+` or `-> cat(dim=1)`" if given > wanted else "",
        )

    def _misfit(self, misfit: Misfit, callee: s.Expression, inputs: tuple[Flow, ...]) -> None:
        span = callee.span
        arguments = callee.arguments if isinstance(callee, s.Call) else ()
        for argument in arguments:
            if argument.name is not None and argument.name.id == misfit.argument:
                span = argument.span
        origins = dict.fromkeys(flow.origin for flow in inputs)
        notes = tuple(
            f"the input {write_shape(flow.type.shape)} comes from {flow.origin}"
            for flow in inputs
            if origins.pop(flow.origin, "") is None
        )
        self._report(misfit, span, notes)

    def _report(self, misfit: Misfit, span: Span, notes: tuple[str, ...]) -> None:
        self.found.add(
            "shape-mismatch",
            misfit.message,
            span,
            label=misfit.label,
            notes=notes,
            help=misfit.help,
        )


def _labels(net: s.Net) -> set[str]:
    """Every label and layer name of a net, so that unlabelled layers keep clear of them."""
    found: set[str] = set()
    pending: list[Any] = [*net.body]
    while pending:
        node = pending.pop()
        if isinstance(node, s.Stage) and node.label is not None:
            found.add(node.label.id)
        if isinstance(node, s.LayerDefinition):
            found.add(node.name.id)
        if isinstance(node, tuple) and not isinstance(node, Span):
            pending += node
    return found


def _single_flows(value: Value) -> tuple[Flow, ...] | None:
    """The tensors that flow into a stage; None where one of them is unknown."""
    if isinstance(value, Flow):
        return (value,)
    if isinstance(value, Bundle):
        flows = tuple(item for item in value.items if isinstance(item, Flow))
        return flows if len(flows) == len(value.items) else None
    return None


def _contains_chain(node: Any) -> bool:
    pending: list[Any] = [node]
    while pending:
        part = pending.pop()
        if isinstance(part, s.Chain):
            return True
        if isinstance(part, tuple) and not isinstance(part, Span):
            pending += part
    return False


def _spanless(node: Any) -> Any:
    """A syntax node without its spans, for comparison."""
    if isinstance(node, Span):
        return None
    if isinstance(node, tuple):
        return (type(node).__name__, *(_spanless(part) for part in node))
    return node


def _is_builtin(name: str) -> bool:
    from netspec.evaluate import BUILTINS

    return name in BUILTINS


def _tensors(number: int) -> str:
    return "one tensor" if number == 1 else f"{number} tensors"
