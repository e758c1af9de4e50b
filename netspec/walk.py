"""Follow values through the statements of a net or block, applying layers and blocks on the way."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any, NamedTuple

from netspec import syntax as s
from netspec.arguments import Given, bind
from netspec.bounds import current
from netspec.call_helps import help_for_layer
from netspec.catalogue import ALIASES, FUNCTIONS, LAYERS, LAZY, RANK_OPEN
from netspec.catalogue.layer import Layer
from netspec.catalogue.signature import kind_of, write_value
from netspec.check_defaults import strange_names
from netspec.check_signature import check_outputs, default_value, fits_type, type_words
from netspec.diagnostic import Diagnostics, did_you_mean, nearest
from netspec.evaluate import UNKNOWN, NotConstant, Scope, Unknown, evaluate
from netspec.expressions import Expressions
from netspec.flow import Bundle, Constructor, Flow, Value, flow_of, flows_in, type_of
from netspec.home import Entry, Home
from netspec.lazy import report_lazy
from netspec.misfit import Misfit
from netspec.naming import Kind, Names, name_layers
from netspec.relocate import relocated
from netspec.signature_match import match_inputs
from netspec.source import Span
from netspec.tensor import Tensor, Type, write_shape
from netspec.visit import all_stages, arguments_of, names_in, title_of

# What can be wrong with a statement whatever the values are.
STATIC = frozenset(
    {
        *("unknown-name", "unknown-layer", "unknown-function", "unknown-argument", "wrong-layer"),
        *("surplus-argument", "missing-argument", "duplicate-argument", "argument-order"),
        *("duplicate-label", "reserved-name", "keyword", "unknown-scheme", "not-supported"),
        "unknown-parametrization",
        *("duplicate-name", "recursion", "unknown-selector"),
    }
)


class Named(NamedTuple):
    """`layer name = …`, with its arguments as they were where it stands."""

    statement: s.LayerDefinition
    given: list[Given] | None


class Walker(Expressions):
    """The statements of one net or block, run in order with types for values.

    What becomes of layers, branches and loops is up to the two kinds of walkers. `sizes` are the
    dimensions of the net's inputs that only data decides.
    """

    sizes: Collection[str] = ()

    def __init__(
        self,
        definition: "s.Net | s.Block",
        home: Home,
        scope: Scope,
        found: Diagnostics,
        names: Names,
        inside: tuple[s.Block, ...] = (),
    ) -> None:
        super().__init__(scope, found)
        self.definition = definition
        self.home = home
        self.names = names
        self.inside = inside  # the blocks that this one is being built in
        self.layers: dict[str, Named] = {}
        self.returned: Value | None = None

    # ---- what the kinds of walkers do -----------------------------------------------------------

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
        """Apply a layer of the catalogue; `key` is what its name is known by, `span` the place."""
        raise NotImplementedError

    def run_block(
        self,
        entry: Entry,
        stage: s.Stage,
        given: list[Given],
        inputs: Sequence[Value],
        key: Span,
        span: Span,
    ) -> Value:
        """Apply a block."""
        raise NotImplementedError

    def run_group(self, stage: s.Stage, group: s.Group, value: Value) -> Value:
        """Apply the layers of a labelled group."""
        raise NotImplementedError

    def run_repeat(self, stage: s.Stage, repeat: s.Repeat, value: Value) -> Value:
        """Apply a layer several times over."""
        raise NotImplementedError

    def run_constructor(
        self, stage: s.Stage, constructor: Constructor, inputs: Sequence[Value]
    ) -> Value:
        """Apply a block that this one got as an argument."""
        raise NotImplementedError

    def run_loop(self, loop: s.For) -> None:
        raise NotImplementedError

    def run_branch(self, branch: s.If) -> None:
        raise NotImplementedError

    def run_variable(self, variable: s.Variable, tensor: Tensor) -> None:
        raise NotImplementedError

    def store(self, target: s.Element, value: Value) -> None:
        """Keep a value for later under `name[index]`."""
        raise NotImplementedError

    def run_require(self, statement: s.Require) -> None:
        raise NotImplementedError

    # ---- statements --------------------------------------------------------------------------

    def run(self, body: Sequence[s.Statement]) -> None:
        """Run the statements of a body."""
        for statement in body:
            self.statement(statement)

    def statement(self, statement: s.Statement) -> None:
        match statement:
            case s.Assign(target, value):
                self.assign(target, self.flow(value))
            case s.Return(value):
                self.returned = self.flow(value)
                self.check_returned(statement)
            case s.LayerDefinition():
                self._define(statement)
            case s.Let(name, value):
                self.let(name, value)
            case s.For():
                self.run_loop(statement)
            case s.If():
                self.run_branch(statement)
            case s.Require():
                self.run_require(statement)
            case s.Variable(name=name, type=written):
                tensor = self.tensor(written)
                if tensor is not None:
                    self.run_variable(statement, tensor)
                    self.bind(name, Flow(tensor, f"`{name.id}`", name.span))
                else:
                    self.bind(name, UNKNOWN)
            case s.Broken():
                self.forgiving = True

    def tensor(self, written: s.TensorType) -> Tensor | None:
        from netspec.check_signature import tensor_type

        return tensor_type(written, self.scope, self.found)

    def let(self, name: s.Name, expression: s.Expression) -> None:
        value = evaluate(expression, self.scope, self.found)
        self.set_let(name.id, value, expression)

    def set_let(self, name: str, value: Any, expression: s.Expression) -> None:
        self.scope[name] = value

    def assign(self, target: s.Name | s.Element | s.Targets, value: Value) -> None:
        match target:
            case s.Name("_"):
                pass
            case s.Name():
                self.bind(target, value)
            case s.Element():
                self.store(target, value)
            case s.Targets(items):
                for part, item in zip(items, self.unpack(target, value), strict=True):
                    self.assign(part, item)

    def unpack(self, target: s.Targets, value: Value) -> Sequence[Value]:
        """The parts of a value, one for each target; UNKNOWN ones where that cannot be."""
        count = len(target.items)
        if isinstance(value, Bundle) and len(value.items) == count:
            return value.items
        if not isinstance(value, Unknown):
            found = len(value.items) if isinstance(value, Bundle) else 1
            self.found.add(
                "wrong-unpacking",
                f"{count} names for {found} value{'' if found == 1 else 's'}",
                target.span,
                label=f"{count} names",
                help="write one name for each value; `_` drops one",
            )
        return [UNKNOWN] * count

    def bind(self, name: s.Name, value: Value) -> None:
        """Give a name to a value that flows."""
        self.flows[name.id] = value
        self.poisoned.pop(name.id, None)
        self.scope[name.id] = NotConstant(
            f"`{name.id}` is a tensor, known only when data flows",
            "use a number, a parameter or a `let`",
        )

    def check_returned(self, statement: s.Return) -> None:
        """Hold what is returned against the outputs that the signature declares."""
        value = self.returned
        items = value.items if isinstance(value, Bundle) else (value,)
        flows = [item for item in items if isinstance(item, Flow)]
        if self.definition.outputs and len(flows) == len(items):
            given = [(flow.type, flow.origin) for flow in flows]
            last = statement.value
            span = last.stages[-1].span if isinstance(last, s.Chain) else last.span
            check_outputs(self.definition.outputs, given, self.scope, self.sizes, span, self.found)

    # ---- layers by name ----------------------------------------------------------------------

    def _define(self, statement: s.LayerDefinition) -> None:
        """Take note of `layer name = …`; it is built where it is first used."""
        name, callee = statement.name, statement.callee
        if isinstance(callee, s.Group | s.Repeat):
            what = "a group" if isinstance(callee, s.Group) else "a `repeat`"
            self.found.add(
                "wrong-layer",
                f"`layer` names one layer or block, found {what}",
                callee.span,
                label="several layers",
                help="write a block for them, and name that",
            )
        elif not self.is_module(title_of(callee)):
            self._no_layer(callee, title_of(callee))
        given = self.module_arguments(callee)
        self.layers[name.id] = Named(statement, given)
        self.scope[name.id] = NotConstant(
            f"`{name.id}` is a layer", f"apply it to a tensor: `{name.id}(x)` or `x -> {name.id}`"
        )

    def _no_layer(self, callee: Any, title: str) -> None:
        if title:
            if not report_lazy(_name_of(callee), self.found, callee):
                self.unknown_layer(s.Name(title, callee.span))
        else:
            self.found.add(
                "wrong-layer", "a layer of torch.nn is wanted here", callee.span, label="no layer"
            )

    def is_module(self, title: str) -> bool:
        """Whether a name stands for a layer or a block."""
        return (
            title in self.home.blocks()
            or title in ALIASES
            or title in RANK_OPEN
            or isinstance(self.scope.get(title), Constructor)
        )

    def is_layer(self, name: str) -> bool:
        return name in self.layers or super().is_layer(name) or self.is_module(name)

    def module_arguments(self, callee: Any) -> list[Given] | None:
        """The arguments of a layer or block; for parameters that take blocks, constructors."""
        entry = self.home.blocks().get(title_of(callee))
        given: list[Given] = []
        complete = True
        for position, argument in enumerate(arguments_of(callee)):
            if entry is not None and self._takes_block(entry, argument, position):
                value: Any = self._constructor(argument.value)
            elif entry is None and takes_part(title_of(callee), argument, position):
                value = self._part(argument.value)
            else:
                value = evaluate(argument.value, self.scope, self.found)
            complete = complete and value is not UNKNOWN
            given.append(Given(argument.name, value, argument.span))
        return given if complete else None

    def _part(self, node: s.Expression) -> Any:
        """A layer that another one takes: what it is, with its arguments checked."""
        title = title_of(node)
        if not title or not (self.is_layer(title) or title[:1].isupper()):
            return evaluate(node, self.scope, self.found)
        if title in ALIASES and title not in self.home.blocks():
            given = self.module_arguments(node)
            if given is None:
                return UNKNOWN
            bound = bind(LAYERS[ALIASES[title]], title, given, node.span, self.found)
            return UNKNOWN if bound is None else bound
        name = s.Name(title, node.span)
        if not self.is_layer(title):
            self.unknown_layer(name)
        else:
            self._no_part(name)
        return UNKNOWN

    def _no_part(self, name: s.Name) -> None:
        """Report what is a layer, but none that a layer can take."""
        what = "a layer that has its place already" if name.id in self.layers else "a block"
        help = "write a layer of torch.nn here, with its arguments"
        if name.id in RANK_OPEN:
            what = "a layer of any rank"
            help = f"name the rank: `{next(iter(RANK_OPEN[name.id].values()))}`"
        self.found.add(
            "wrong-argument",
            f"a layer of torch.nn is wanted here, found `{name.id}`, {what}",
            name.span,
            label="cannot be handed to a layer",
            help=help,
        )

    def _takes_block(self, entry: Entry, argument: s.Argument, position: int) -> bool:
        parameters = entry.definition.parameters
        if argument.name is not None:
            wanted = [p for p in parameters if p.name.id == argument.name.id]
        else:
            wanted = list(parameters[position : position + 1])
        return bool(wanted) and wanted[0].type is not None and wanted[0].type.id == "block"

    def _constructor(self, node: s.Expression) -> Any:
        """A layer, a block or a chain of them that is handed on."""
        match node:
            case s.Name(id) if isinstance(self.scope.get(id), Constructor):
                return Constructor(s.Stage(None, node, None, node.span), self)  # handed on
            case s.Chain() if any(stage.schemes for stage in all_stages(node)):
                self._report_handed_scheme(node)
                return UNKNOWN
            case s.Chain(first, stages):
                group = s.Group((s.Stage(None, first, None, first.span), *stages), node.span)
                return Constructor(s.Stage(None, group, None, node.span), self)
            case s.Name() | s.Call() if self.is_module(title_of(node)):
                return Constructor(s.Stage(None, node, None, node.span), self)
            case s.Name() | s.Call() if title_of(node) in LAZY:
                report_lazy(_name_of(node), self.found, node)
                return UNKNOWN
        self.found.add(
            "wrong-argument",
            "a layer or a block is wanted here",
            node.span,
            label="no layer",
            help="hand it on as a chain writes it: `Linear(64)`, or `LayerNorm -> Linear(64)`",
        )
        return UNKNOWN

    def _report_handed_scheme(self, node: s.Chain) -> None:
        schemes = next(stage.schemes for stage in all_stages(node) if stage.schemes)
        self.found.add(
            "not-supported",
            "a layer that is handed on takes no `with (…)`",
            schemes.span,
            label="handed to a block",
            help='select it by its name: `init "…" with (…)`; `netspec summary` tells the names',
        )

    # ---- stages ------------------------------------------------------------------------------

    def apply_stage(self, stage: s.Stage, value: Value) -> Value:
        match stage.callee:
            case s.Group(stages) if stage.label is None:
                for part in stages:
                    value = self.apply_stage(part, value)
                return value
            case s.Group() as group:
                return self.run_group(stage, group, value)
            case s.Repeat() as repeat:
                return self.run_repeat(stage, repeat, value)
        name = title_of(stage.callee)
        if name in self.layers:
            return self._stage_of_shared(stage, name, value)
        if self.is_module(name):
            key = stage.span
            return self.run_module(stage, self.module_arguments(stage.callee), value, {}, key, key)
        if name in FUNCTIONS and name not in self.flows:
            return self._stage_of_function(stage, name, value)
        self.unknown_stage(stage, name)
        return UNKNOWN

    def run_module(
        self,
        stage: s.Stage,
        given: list[Given] | None,
        value: Value,
        named: dict[str, Value],
        key: Span,
        span: Span,
    ) -> Value:
        """Apply the layer or block that a stage names."""
        title = title_of(stage.callee)
        constructor = self.scope.get(title)
        if isinstance(constructor, Constructor):
            return self.run_constructor(stage, constructor, spread_inputs(value))
        entry = self.home.blocks().get(title)
        if entry is None:
            return self.run_layer(stage, title, given, spread_inputs(value), named, key, span)
        if named or stage.schemes:
            self._report_extras(entry, title, bool(named), stage)
        if given is None or entry.broken:
            return UNKNOWN
        if self._recurses(entry, stage):
            return UNKNOWN
        return self.run_block(entry, stage, given, block_inputs(entry, value), key, span)

    def _report_extras(self, entry: Entry, title: str, named: bool, stage: s.Stage) -> None:
        extern = isinstance(entry.definition, s.Extern)
        help = "initialise its layers inside it, or with a pattern in an `init`"
        if named:
            help = "give all tensors by position, in the order of its inputs"
        elif extern:
            help = "initialise it in its own constructor"
        self.found.add(
            "wrong-layer",
            f"the {self._kind(title)} `{title}` takes no "
            f"{'keyword tensors' if named else '`with (…)`'}",
            stage.span,
            label="written in Python" if extern else "a block, not a layer",
            help=help,
        )

    def _kind(self, title: str) -> str:
        """What a name stands for, in a word."""
        if title in self.home.externs():
            return "extern"
        return "block" if title in self.home.blocks() else "layer"

    def _recurses(self, entry: Entry, stage: s.Stage) -> bool:
        chain = [*self.inside, self.definition]
        if entry.definition not in chain and len(chain) < current().blocks:
            return False
        loop = (
            [d.name.id for d in chain[chain.index(entry.definition) :]]
            if (entry.definition in chain)
            else [d.name.id for d in chain[-3:]]
        )
        self.found.add(
            "recursion",
            f"the block `{entry.definition.name.id}` is built inside itself",
            stage.callee.span,
            label=" -> ".join([*loop, entry.definition.name.id]),
            help="use `repeat` or `for` to build a block several times",
        )
        return True

    def _stage_of_shared(self, stage: s.Stage, name: str, value: Value) -> Value:
        if isinstance(stage.callee, s.Call) or stage.label or stage.schemes:
            self.found.add(
                "wrong-layer",
                f"`{name}` is a layer already, it takes no arguments here",
                stage.span,
                label="has its arguments where it is defined",
                help=f"write `-> {name}`",
            )
            return UNKNOWN
        return self.run_shared(name, value, {}, stage.span)

    def run_shared(self, name: str, value: Value, named: dict[str, Value], span: Span) -> Value:
        """Apply a layer that has a name."""
        statement, given = self.layers[name]
        own = s.Stage(statement.name, statement.callee, statement.schemes, statement.span)
        if isinstance(value, Unknown) or given is None:
            return UNKNOWN
        if not self.is_module(title_of(own.callee)):
            return UNKNOWN
        return self.run_module(own, given, value, named, statement.span, span)

    def _stage_of_function(self, stage: s.Stage, name: str, value: Value) -> Value:
        function = FUNCTIONS[name]
        if stage.label is not None or stage.schemes is not None:
            self.found.add(
                "wrong-layer",
                f"`{name}` is a function: it has no label and no weights",
                stage.span,
                label="not a layer",
                help=f"write `-> {name}(…)`",
            )
        operands = self.operands_for(function, value)
        arguments = arguments_of(stage.callee)
        return self.apply_function(function, operands, arguments, stage.callee, stage.span)

    def call_layer(self, node: s.Call, name: str) -> Value | None:
        if name in self.layers:
            values = [self.flow(a.value) for a in node.arguments if a.name is None]
            named = {a.name.id: self.flow(a.value) for a in node.arguments if a.name}
            value = values[0] if len(values) == 1 else Bundle(tuple(values))
            return self.run_shared(name, value, named, node.span)
        if not self.is_module(name):
            return None
        kind = self._kind(name)
        given = [a.value for a in node.arguments if a.name is None and self.has_flow(a.value)]
        section = self.offered() is not None
        is_loss = section and name in ALIASES and name not in self.home.blocks()
        help = f"write `x -> {name}(…)`, or `layer name = {name}(…)` to share it"
        if kind == "layer" and (given or is_loss):
            written = [self.found.source.cut(value.span) for value in given]
            help = help_for_layer(name, written, section)
        self.found.add(
            "missing-input",
            f"the {kind} `{name}` has no input",
            node.span,
            label=f"{'an' if kind == 'extern' else 'a'} {kind}, not a tensor",
            help=help,
        )
        return UNKNOWN

    # ---- unknown names -----------------------------------------------------------------------

    def offered(self) -> Sequence[str] | None:
        return self.home.offered

    def known_names(self) -> list[str]:
        return [*super().known_names(), *self.layers]

    def unknown_layer(self, name: s.Name) -> None:
        """Report a name that stands where a layer should, and is none."""
        if name.id in FUNCTIONS or name.id in self.scope:
            kind = "a tensor function" if name.id in FUNCTIONS else "a value"
            self.found.add(
                "wrong-layer",
                f"`{name.id}` is {kind}, not a layer",
                name.span,
                label="no layer",
                help="layers are the classes of torch.nn, with a capital letter",
            )
        elif name.id in self.home.entries:
            self.found.add(
                "wrong-layer",
                f"`{name.id}` is a net, not a layer",
                name.span,
                label="a net",
                help=f"write `block {name.id}` where it is defined, to use it like a layer",
            )
        elif not (report_lazy(name, self.found) or self.forgiving):
            candidates = [*self.home.blocks(), *ALIASES, *RANK_OPEN]
            self.found.add(
                "unknown-layer",
                f"unknown layer `{name.id}`",
                name.span,
                label="no block of this file, no class of torch.nn"
                if self.home.blocks()
                else "no class of torch.nn that netspec knows",
                help=did_you_mean(name.id, candidates)
                or "layers have the names of torch.nn, as in `Conv2d`, `Linear`, `ReLU`",
            )

    def unknown_stage(self, stage: s.Stage, name: str) -> None:
        function = stage.callee.function if isinstance(stage.callee, s.Call) else stage.callee
        if not isinstance(function, s.Name):
            self.found.add(
                "wrong-layer",
                "a stage is a layer or a function by its name",
                stage.callee.span,
                label="no name",
                help="write `-> Layer(…)` or `-> function(…)`",
            )
        elif not report_lazy(function, self.found, stage.callee):
            self.unknown_function(function)

    def unknown_function(self, name: s.Name) -> None:
        if name.id in self.flows or (name.id in self.scope and name.id not in self.layers):
            kind = "a tensor" if name.id in self.flows else "a build-time value"
            self.found.add(
                "wrong-layer",
                f"`{name.id}` is {kind}, not a layer or function",
                name.span,
                label="cannot be applied",
                help="after `->` stands what is applied: a layer or a function",
            )
            return
        layers = [*self.home.blocks(), *ALIASES, *RANK_OPEN]
        functions = [*FUNCTIONS, *self.layers]
        lower = name.id[:1].islower()
        near_function = nearest(name.id, functions)
        if not lower or (nearest(name.id, layers) and not near_function):
            self.unknown_layer(name)
        elif near_function or not self.forgiving:
            self.found.add(
                "unknown-function",
                f"unknown function `{name.id}`",
                name.span,
                label="no tensor function that netspec knows",
                help=did_you_mean(name.id, functions)
                or "layers begin with a capital letter; named ones are defined before their use",
            )

    # ---- layers ------------------------------------------------------------------------------

    def make_layer(
        self, stage: s.Stage, title: str, given: list[Given] | None, inputs: Sequence[Value]
    ) -> Layer | None:
        """The layer that a stage names, its arguments checked; None after reporting why not."""
        known = self._resolve_rank(stage.callee, title, inputs)
        if known is None or given is None:
            return None
        bound = bind(LAYERS[known], title, given, stage.callee.span, self.found)
        return bound if isinstance(bound, Layer) else None

    def _resolve_rank(self, place: Any, title: str, inputs: Sequence[Value]) -> str | None:
        if title in ALIASES:
            return ALIASES[title]
        ranks = RANK_OPEN[title]
        tensors = [flow.type for value in inputs for flow in flows_in(value)]
        if not tensors:
            return next(iter(ranks.values()))
        rank = tensors[0].rank
        if rank - 2 in ranks:
            return ranks[rank - 2]
        wanted = " or ".join(str(rank + 2) for rank in sorted(ranks))
        self.found.add(
            "shape-mismatch",
            f"`{title}` takes an input of {wanted} dimensions, "
            f"found {write_shape(tensors[0].shape)}",
            place.span,
            label=f"the input has {rank} dimensions",
            notes=(f"the input comes from {flows_in(inputs[0])[0].origin}",),
            help=f"give it [N, C, …] with 1 to 3 further dimensions, or name the rank: "
            f"`{title}{min(ranks)}d`",
        )
        return None

    def apply_layer(
        self,
        layer: Layer,
        place: s.Expression,
        inputs: Sequence[Value],
        named: dict[str, Value],
    ) -> Type | None:
        """The output of a layer; None after reporting at `place` why there is none."""
        types = [type_of(value) for value in inputs]
        others = {name: type_of(value) for name, value in named.items()}
        if None in types or None in others.values():
            return None
        try:
            return layer.apply(*types, **others)
        except Misfit as misfit:
            self.misfit(misfit, place, [*inputs, *named.values()])
            return None

    def warn_linear(
        self, layer: Layer, stage: s.Stage, title: str, inputs: Sequence[Value]
    ) -> None:
        """Hint at a Linear that works on the width of a picture."""
        flow = inputs[0] if inputs else None
        if type(layer).__name__ != "Linear" or not isinstance(flow, Flow):
            return
        if not flow.channels_first or flow.type.rank < 3:
            return
        shape = flow.type.shape
        self.found.add(
            "linear-on-image",
            f"`{title}` works on the last dimension ({shape[-1]}) of "
            f"{write_shape(shape)}, which is no channel dimension",
            stage.callee.span,
            label=f"takes {shape[-1]} features, and keeps the other dimensions",
            notes=(f"the input comes from {flow.origin}",),
            help="put `Flatten` before it, or `permute` the channels to the end",
            severity="warning",
        )

    def layer_output(
        self, layer: Layer, output: Type, name: str, inputs: Sequence[Value], span: Span
    ) -> Value:
        """What comes out of a layer, as a value."""
        flow = inputs[0] if inputs else None
        first = layer.ndim is not None or (
            isinstance(flow, Flow)
            and isinstance(output, Tensor)
            and flow.channels_first
            and output.shape == flow.type.shape
        )
        return flow_of(output, f"`{name}`", span, first)

    # ---- blocks ------------------------------------------------------------------------------

    def block_arguments(
        self, entry: Entry, stage: s.Stage, given: Sequence[Given]
    ) -> dict[str, Any] | None:
        """The value of each parameter of a block; None after reporting why there is none."""
        definition = entry.definition
        title = definition.name.id
        values: dict[str, Any] = {}
        known = [parameter.name.id for parameter in definition.parameters]
        before = self.found.error_count
        for position, (name, value, span) in enumerate(given):
            if name is None and position >= len(known):
                self._surplus(title, known, len(given), span)
            elif name is not None and name.id not in known:
                self.found.add(
                    "unknown-argument",
                    f"`{title}` has no parameter `{name.id}`",
                    span,
                    label="no such parameter",
                    help=did_you_mean(name.id, known)
                    or (f"it takes {', '.join(known)}" if known else "it takes none"),
                )
            elif (name.id if name else known[position]) in values:
                wrong = name.id if name else known[position]
                message = f"`{title}` got `{wrong}` twice"
                self.found.add("duplicate-argument", message, span, label="given again here")
            else:
                values[name.id if name else known[position]] = value
        ordered: dict[str, Any] = {}
        for parameter in definition.parameters:
            name_ = parameter.name.id
            if name_ in values:
                ordered[name_] = self._fitting(parameter, values[name_], title, given)
            else:
                ordered[name_] = self._default(entry, parameter, ordered, stage)
        return ordered if self.found.error_count == before else None

    def _surplus(self, title: str, known: list[str], given: int, span: Span) -> None:
        self.found.add(
            "surplus-argument",
            f"`{title}` takes {len(known)} argument{'' if len(known) == 1 else 's'}, found {given}",
            span,
            label="one too many",
            help=f"it takes {', '.join(known)}" if known else "it takes none",
        )

    def _fitting(
        self, parameter: s.Parameter, value: Any, title: str, given: Sequence[Given]
    ) -> Any:
        kind = parameter.type.id if parameter.type else ""
        if not kind or isinstance(value, Unknown) or fits_type(value, kind):
            return value
        span = next(item.span for item in given if item.value is value)
        wanted = type_words(kind)
        self.found.add(
            "wrong-argument",
            f"`{parameter.name.id}` of `{title}` must be {wanted}, found {write_value(value)}",
            span,
            label=f"{kind_of(value)}, not {wanted}",
            help=f"give {wanted}",
        )
        return UNKNOWN

    def _default(
        self, entry: Entry, parameter: s.Parameter, values: dict[str, Any], stage: s.Stage
    ) -> Any:
        name = parameter.name.id
        if parameter.default is None:
            kind = f", {type_words(parameter.type.id)}" if parameter.type else ""
            self.found.add(
                "missing-argument",
                f"`{entry.definition.name.id}` needs `{name}`{kind}",
                stage.callee.span,
                label=f"`{name}` is missing",
                help=f"write `{entry.definition.name.id}({name}=…)`",
            )
            return UNKNOWN
        if parameter.type is not None and parameter.type.id == "block":
            return self._default_constructor(entry, parameter, stage)
        return default_value(parameter, self.found.inside(entry.home.source, self.found.notes))

    def _default_constructor(self, entry: Entry, parameter: s.Parameter, stage: s.Stage) -> Any:
        """The default of a parameter that is a block, as if it were written where it is used."""
        default = parameter.default
        assert default is not None
        text = entry.home.source.cut(default.span)
        theirs, ours = entry.home.blocks(), self.home.blocks()
        if strange_names(default, theirs):
            return UNKNOWN  # that has been reported where it stands
        named = [name.id for name in names_in(default) if name.id in theirs]
        strange = [id for id in named if id not in ours or ours[id] != theirs[id]]
        if strange:
            self.found.add(
                "missing-argument",
                f"the default of `{parameter.name.id}` is `{text}`, which is not known here",
                stage.callee.span,
                label=f"`{parameter.name.id}` is left out",
                help=f"add `use {strange[0]} from …`, or hand on a block that is known here",
            )
            return UNKNOWN
        first = 1 + 1024 * entry.definition.parameters.index(parameter)
        constructor = self._constructor(relocated(default, stage.callee.span, count(first)))
        return constructor._replace(text=text) if isinstance(constructor, Constructor) else UNKNOWN

    def match(
        self, entry: Entry, inputs: Sequence[Value], scope: Scope, span: Span, frame: int = 0
    ) -> dict[str, Value] | None:
        """The inputs of a block by name; its dimensions go to `scope`. None where they misfit."""
        assert isinstance(entry.definition, s.Block | s.Extern)
        try:
            return match_inputs(entry.definition, inputs, scope, frame)
        except Misfit as misfit:
            self.misfit(misfit, s.Stage(None, s.Name("", span), None, span), inputs)
            return None

    @contextmanager
    def hypothetical(self) -> Iterator[None]:
        """While this lasts, only what is wrong whatever the values are is reported."""
        found, self.found = self.found, self.found.only(STATIC)
        try:
            yield
        finally:
            self.found = found


def _name_of(callee: s.Name | s.Call) -> s.Name:
    """The name that a stage begins with."""
    name = callee.function if isinstance(callee, s.Call) else callee
    assert isinstance(name, s.Name)
    return name


def takes_part(title: str, argument: s.Argument, position: int) -> bool:
    """Whether an argument of a layer of the catalogue is a layer."""
    if title not in ALIASES:
        return False
    layer = LAYERS[ALIASES[title]]
    names = layer.positional()
    place = names[position] if position < len(names) else ""
    field = layer.fields().get(argument.name.id if argument.name else place)
    return field is not None and field.part


def spread_inputs(value: Value) -> Sequence[Value]:
    """A value that flows into a layer, as its inputs."""
    return value.items if isinstance(value, Bundle) else (value,)


def block_inputs(entry: Entry, value: Value) -> Sequence[Value]:
    """A value that flows into a block, as its inputs: all of it where the block takes one."""
    if isinstance(value, Bundle) and len(entry.definition.inputs) != 1:
        return value.items
    return (value,)


def resolver(home: Home, definition: "s.Net | s.Block") -> Any:
    """What names stand for as stages of a definition."""
    blocks = {
        parameter.name.id
        for parameter in definition.parameters
        if parameter.type is not None and parameter.type.id == "block"
    }
    entries = home.blocks()

    def resolve(name: str) -> Kind | None:
        if name in blocks:
            return Kind(name, parameter=True)
        if name in entries:
            return Kind(name)
        if name in ALIASES:
            return Kind(ALIASES[name], LAYERS[ALIASES[name]].stateless)
        if name in RANK_OPEN:
            stateless = all(LAYERS[known].stateless for known in RANK_OPEN[name].values())
            return Kind(next(iter(RANK_OPEN[name].values())), stateless)
        return None

    return resolve


def names_of(home: Home, definition: "s.Net | s.Block", found: Diagnostics) -> Names:
    """The names of all layers of a definition."""
    parameters = {parameter.name.id for parameter in definition.parameters}
    return name_layers(definition.body, parameters, resolver(home, definition), found)
