"""Follow values through the statements of a net or block, applying layers and blocks on the way."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from netspec import syntax as s
from netspec.arguments import Given
from netspec.block_arguments import bind_block
from netspec.bounds import current
from netspec.call_helps import help_for_layer
from netspec.catalogue import ALIASES, FUNCTIONS, LAYERS, RANK_OPEN
from netspec.catalogue.layer import Layer
from netspec.check_signature import check_outputs, tensor_type
from netspec.diagnostic import Diagnostics
from netspec.evaluate import UNKNOWN, NotConstant, Scope, Unknown, evaluate
from netspec.expressions import Expressions
from netspec.flow import Bundle, Constructor, Flow, Value, type_of
from netspec.hand_on import hand_on_default
from netspec.home import Entry, Home
from netspec.misfit import Misfit
from netspec.module_arguments import module_arguments
from netspec.naming import Names
from netspec.several import take_apart
from netspec.signature_match import match_inputs
from netspec.source import Span
from netspec.swapped import help_for_loss_layer
from netspec.tensor import Tensor, Type
from netspec.unknown_names import (
    Reach,
    report_no_layer,
    report_unknown_function,
    report_unknown_stage,
)
from netspec.visit import arguments_of, elements_in, title_of


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
        self.stores = {element.name.id: {} for element in elements_in(definition.body)}
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
            outputs = value.outputs if isinstance(value, Bundle) else None
            self.found.add(
                "wrong-unpacking",
                f"{count} names for {found} value{'' if found == 1 else 's'}",
                target.span,
                label=f"{count} names",
                help=f"write {take_apart(outputs, self.flows)}; `_` drops one"
                if outputs
                else "write one name for each value; `_` drops one",
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
        if self.offered() is not None:
            self._check_single(statement)
        if self.definition.outputs and len(flows) == len(items):
            given = [(flow.type, flow.origin) for flow in flows]
            last = statement.value
            span = last.stages[-1].span if isinstance(last, s.Chain) else last.span
            check_outputs(self.definition.outputs, given, self.scope, self.sizes, span, self.found)

    def _check_single(self, statement: s.Return) -> None:
        """What a train section works out, the loss first, is one tensor each."""
        node = statement.value
        for place, name in enumerate(node.items if isinstance(node, s.Sequence) else (node,)):
            value = self.flows.get(name.id) if isinstance(name, s.Name) else None
            if isinstance(name, s.Name) and isinstance(value, Bundle) and value.outputs:
                wanted = "a metric" if place else f"`{name.id}`"
                code = "wrong-loss" if name.id == "loss" else "wrong-samples"
                code = "shape-mismatch" if place else code
                self.report_several(value, wanted, code, value.outputs.span)

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
            report_no_layer(callee, self.reach, self.found)
        given = module_arguments(callee, self)
        self.layers[name.id] = Named(statement, given)
        self.scope[name.id] = NotConstant(
            f"`{name.id}` is a layer", f"apply it to a tensor: `{name.id}(x)` or `x -> {name.id}`"
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
            return self.run_module(stage, module_arguments(stage.callee, self), value, {}, key, key)
        if name in FUNCTIONS and name not in self.flows:
            return self._stage_of_function(stage, name, value)
        report_unknown_stage(stage, self.reach, self.found)
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
        if self._takes_one(entry, title) and self._reports_several(value, title, span):
            return UNKNOWN
        if entry is None:
            return self.run_layer(stage, title, given, spread_inputs(value), named, key, span)
        if named or stage.schemes:
            self._report_extras(entry, title, bool(named), stage)
        if given is None or entry.broken:
            return UNKNOWN
        if self._recurses(entry, stage):
            return UNKNOWN
        return self.run_block(entry, stage, given, block_inputs(entry, value), key, span)

    def _takes_one(self, entry: Entry | None, title: str) -> bool:
        """Whether a layer or a block takes one tensor; an input without a type may be several."""
        if entry is not None:
            inputs = entry.definition.inputs
            return len(inputs) == 1 and inputs[0].type is not None
        known = LAYERS[ALIASES.get(title) or next(iter(RANK_OPEN[title].values()))]
        return len(known.takes) + len(known.may_take) == 1

    def _reports_several(self, value: Value, title: str, span: Span) -> bool:
        """Report several tensors that flow into what takes one, where they have names."""
        return isinstance(value, Bundle) and self.report_several(
            value, f"`{title}`", "shape-mismatch", span
        )

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
        if function.takes_one() and self._reports_several(value, name, stage.span):
            return UNKNOWN
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

    # ---- names -------------------------------------------------------------------------------

    def offered(self) -> Sequence[str] | None:
        return self.home.offered

    @property
    def reach(self) -> Reach:
        """What the present statement can speak of."""
        return Reach(self.home, self.scope, self.flows, self.layers, self.forgiving)

    def unknown_function(self, name: s.Name) -> None:
        report_unknown_function(name, self.reach, self.found)

    def known_names(self) -> list[str]:
        return [*super().known_names(), *self.layers]

    # ---- layers ------------------------------------------------------------------------------

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
            swap = "" if others else help_for_loss_layer(layer, types)
            self.misfit(misfit.helped(swap), place, [*inputs, *named.values()])
            return None

    # ---- blocks ------------------------------------------------------------------------------

    def block_arguments(
        self, entry: Entry, stage: s.Stage, given: Sequence[Given]
    ) -> dict[str, Any] | None:
        """The value of each parameter of a block; None after reporting why there is none."""
        place = stage.callee.span

        def hand_default(parameter: s.Parameter) -> Any:
            return hand_on_default(entry, parameter, place, self)

        return bind_block(entry, given, place, hand_default, self.found)

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


def spread_inputs(value: Value) -> Sequence[Value]:
    """A value that flows into a layer, as its inputs."""
    return value.items if isinstance(value, Bundle) else (value,)


def block_inputs(entry: Entry, value: Value) -> Sequence[Value]:
    """A value that flows into a block, as its inputs: all of it where the block takes one."""
    if isinstance(value, Bundle) and len(entry.definition.inputs) != 1:
        return value.items
    return (value,)
