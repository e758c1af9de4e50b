"""Check one net: build its layers for the given parameters, follow the shapes through it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

from netspec import syntax as s
from netspec.arguments import Given
from netspec.bounds import TooComplex, current, report_complex
from netspec.catalogue import FUNCTIONS
from netspec.check_device import check_crossings, check_device, report_far_layer
from netspec.check_extern import run_extern
from netspec.check_init import RuleScope, check_variable, resolve_schemes
from netspec.check_kept import read_store, store
from netspec.check_lengths import check_lengths
from netspec.check_linear import warn_linear
from netspec.check_order import hint_order
from netspec.check_parametrization import check_tied, check_values
from netspec.check_signature import Header, check_header
from netspec.check_ties import check_freezes, check_ties
from netspec.compare import same
from netspec.diagnostic import Diagnostics
from netspec.dim import value_of
from netspec.evaluate import UNKNOWN, Scope, evaluate
from netspec.flow import Bundle, Constructor, Flow, Value, flows_in, from_here, type_of
from netspec.graph import (
    Application,
    BlockUse,
    BuiltLayer,
    BuiltVariable,
    FunctionCall,
    Net,
    Port,
    Unfinished,
)
from netspec.home import Entry, Home
from netspec.make_layer import layer_output, make_layer, resolve_rank
from netspec.misfit import Misfit
from netspec.naming import Names
from netspec.placement import crossings_of, device_at
from netspec.proof import proof_of
from netspec.requirement import check_requirement
from netspec.site import Exhausted, Made, Site
from netspec.source import Span
from netspec.tensor import Shape, Tensor, write_shape
from netspec.unknown_names import report_unknown_stage
from netspec.visit import statements_in, title_of
from netspec.walk import Walker


def check_net(
    net: s.Net, home: Home, overrides: Mapping[str, Any], device: str, found: Diagnostics
) -> Net | Unfinished:
    """Check `net`; an unfinished one after reporting why it cannot be built."""
    before = found.error_count
    site = Site(_device_of(net, device, found))
    found = found.heard(site.mark)
    header = check_header(net, overrides, found)
    names = site.names_of(home, net, found)
    checker = Checker(net, home, Scope(header.scope), found, site, names)
    checker.take_inputs(header)
    try:
        checker.run(net.body)
    except Exhausted:
        return _unfinished(net, home, header, site, found)
    complete = found.error_count == before
    checker.finish()
    rules = RuleScope("", home.rules, -1, checker.scope, found, home.externs(), True)
    site.rules.append(rules)
    layers = resolve_schemes(site.layers(), site.rules, site.externs, complete)
    check_tied(site.ties, site.tied_at, layers)
    check_lengths(layers.values(), found)
    check_values(layers.values(), (site.device, *site.devices), found)
    if found.error_count > before or header.inputs is None or not checker.outputs():
        return _unfinished(net, home, header, site, found)
    return Net(
        name=net.name.id,
        doc=net.doc,
        syntax=net,
        home=home,
        parameters=header.parameters,
        sizes=header.sizes,
        inputs=header.inputs,
        outputs=checker.outputs(),
        layers=layers,
        variables=site.variables,
        externs=site.externs,
        ties=site.ties,
        frozen=_frozen(site.frozen, layers),
        steps=site.steps,
        device=site.device,
        devices=tuple(site.devices),
        returns_on=checker.returns_on,
        source=found.source,
        opened=frozenset(site.opened),
    )


def _unfinished(
    net: s.Net, home: Home, header: Header, site: Site, found: Diagnostics
) -> Unfinished:
    return Unfinished(
        net.name.id,
        net,
        home,
        header.parameters,
        header.inputs,
        site.steps,
        site.device,
        found.source,
    )


def _frozen(names: Collection[str], layers: Mapping[str, BuiltLayer]) -> frozenset[str]:
    """What is not learnt, by its names in the `state_dict`."""
    kept = dict.fromkeys(names)
    for layer in layers.values():
        for parameter in layer.parametrizations:
            path = f"{layer.name}.{parameter}"
            if path in kept:
                del kept[path]
                kept |= dict.fromkeys(f"{layer.name}.{n}" for n in layer.learnt(parameter))
    return frozenset(kept)


def _device_of(net: s.Net, device: str, found: Diagnostics) -> str:
    """The device that a net names, or else `device`."""
    for statement in statements_in(net.body):
        if isinstance(statement, s.Device):
            device = check_device(statement.name, found)
    return device


class Checker(Walker):
    """Builds a net or block for known parameters; loops and branches unfold."""

    foreign = False  # the block comes from another file than its user
    turn = ""  # the name of a loop's only layer in this turn
    base = ""  # the device of the part that a block is used in
    part: str | None = None  # the device of the part that the present statement stands in
    returns_on: str | None = None  # the device of the part that `return` stands in

    def __init__(
        self,
        definition: "s.Net | s.Block",
        home: Home,
        scope: Scope,
        found: Diagnostics,
        site: Site,
        names: Names,
        inside: tuple[s.Block, ...] = (),
        prefix: str = "",
    ) -> None:
        super().__init__(definition, home, scope, found, names, inside)
        self.site = site
        self.prefix = prefix
        self.lost: dict[tuple[str, Any], str] = {}  # what is kept on some ways only, and why
        self.bundles: set[str] = set()  # the names that have stood for several tensors in one
        self.places: dict[Span, str] = {}  # names of what stands in groups, in this turn
        self.handed: dict[Span, dict[str, Mapping[str, Shape]]] = {}  # of what it is handed

    def take_inputs(self, header: Header) -> None:
        """Bind the inputs of a net."""
        self.sizes = header.sizes
        known = {port.name: port.type for port in header.inputs or ()}
        for item in self.definition.inputs:
            tensor = known.get(item.name.id)
            name = item.name.id
            flow = Flow(tensor, f"the input `{name}`", item.span, given=name) if tensor else UNKNOWN
            self.bind(item.name, flow)

    def outputs(self) -> tuple[Port, ...]:
        """What the net returns, by name."""
        flows = flows_in(self.returned) if self.returned is not None else []
        declared = [output.name.id if output.name else "" for output in self.definition.outputs]
        names = declared + [""] * (len(flows) - len(declared))
        if len(flows) == 1:
            return (Port(names[0] or "output", flows[0].type),)
        return tuple(
            Port(name or f"output{number}", flow.type)
            for number, (name, flow) in enumerate(zip(names, flows, strict=False), 1)
        )

    def finish(self) -> None:
        """What can be said only when all layers of the definition are known."""
        self._check_crossings()
        rules = tuple(item for item in self.definition.body if isinstance(item, s.Init))
        depth = len(self.inside) * 2 + 1
        externs = self.home.externs()
        if rules and not self.site.muted:
            own = RuleScope(self.prefix, rules, depth, self.scope, self.found, externs)
            self.site.rules.append(own)
        if self.foreign and self.home.rules and not self.site.muted:
            rules = self.home.rules
            outer = RuleScope(
                self.prefix, rules, depth - 1, self.scope, self.found, externs, whole_file=True
            )
            self.site.rules.append(outer)
        shapes = {
            f"{path}.{name}": shape
            for path, made in self.site.made.items()
            if path.startswith(self.prefix) and path not in self.site.failed
            for name, shape in made.layer.parameters().items()
        }
        shapes |= {v.name: v.type.shape for v in self.site.variables.values()}
        if self.site.failed or self.found.has_errors:
            return  # what is named here may be missing only because of an error
        foreign = {path: e.definition.name.id for path, e in self.site.externs.items()}
        check_ties(
            self.definition,
            self.prefix,
            shapes,
            foreign,
            self.site.located,
            self.site.ties,
            self.site.tied_at,
            self.found,
        )
        kinds = {path: type(made.layer).__name__ for path, made in self.site.made.items()}
        kinds |= {
            f"{path}.{name}": kind
            for path, made in self.site.made.items()
            for name, kind in made.layer.inside().items()
        }
        check_freezes(
            self.definition,
            self.prefix,
            shapes,
            kinds,
            foreign,
            self.names.attributes(),
            self.site.frozen,
            self.found,
        )

    def report(self, misfit: Misfit, span: Span, notes: tuple[str, ...]) -> None:
        proof = proof_of(misfit.equal, self.sizes)
        if proof:
            misfit.help = f"add `require {proof}` at the start of the net"
        super().report(misfit, span, notes)

    def statement(self, statement: s.Statement) -> None:
        outer, self.part = self.part, device_at(self.definition, statement.span)
        if self.part is not None and not self.site.muted:
            self.site.devices[self.part] = None
        if isinstance(statement, s.Return):
            self.returns_on = self.part
        try:
            super().statement(statement)
        except TooComplex:
            report_complex(statement.span, self.found)
            raise Exhausted from None
        self.part = outer

    @property
    def device(self) -> str:
        """Where the present statement is run; "" for where the net lives."""
        return self.base if self.part is None else self.part

    def bind(self, name: s.Name, value: Value) -> None:
        super().bind(name, value)
        if isinstance(value, Bundle):
            self.bundles.add(name.id)

    def _check_crossings(self) -> None:
        if not self.definition.parts:
            return
        crossings = crossings_of(self.definition, self.names)
        bundles = set(self.bundles)
        if _returns_bundle(self.definition, self.returned):
            bundles.add("")
        check_crossings(crossings, self.base or self.site.device, bundles, self.found)

    def run_shared(self, name: str, value: Value, named: dict[str, Value], span: Span) -> Value:
        own = device_at(self.definition, self.layers[name].statement.span)
        if own != self.part:
            report_far_layer(name, own, self.part, span, self.found)
        return super().run_shared(name, value, named, span)

    # ---- names -------------------------------------------------------------------------------

    def path(self, key: Span) -> str:
        """The dotted name of what stands at a place."""
        if key in self.places:
            return self.places[key]
        name = self.names.stages.get(key, "")
        return f"{self.prefix}{name}" if name else self.turn

    @contextmanager
    def placed(self, key: Span, path: str) -> Any:
        """While this lasts, what stands at `key` is called `path`."""
        before = self.places.get(key)
        self.places[key] = path
        try:
            yield
        finally:
            if before is None:
                del self.places[key]
            else:
                self.places[key] = before

    def _define(self, statement: s.LayerDefinition) -> None:
        super()._define(statement)
        self.places[statement.span] = f"{self.prefix}{statement.name.id}"

    # ---- layers ------------------------------------------------------------------------------

    def apply_stage(self, stage: s.Stage, value: Value) -> Value:
        named = self.is_module(title_of(stage.callee))
        with self.site.at(self.path(stage.span) if named else ""):
            return super().apply_stage(stage, value)

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
        path = self.path(key)
        with self.site.at(path):
            return self._run_layer(path, stage, title, given, inputs, named, key, span)

    def _run_layer(
        self,
        path: str,
        stage: s.Stage,
        title: str,
        given: list[Given] | None,
        inputs: Sequence[Value],
        named: dict[str, Value],
        key: Span,
        span: Span,
    ) -> Value:
        made = self.site.made.get(path) if not self.site.muted else None
        if path in self.site.failed and not self.site.muted:
            return UNKNOWN
        if made is None:
            layer = make_layer(stage.callee, title, given, inputs, self.found)
            if layer is None:
                self._fail(path)
                return UNKNOWN
            made = Made(layer, stage, key, self.scope, self.found)
            if not self._room(stage):
                return UNKNOWN
        types = [type_of(value) for value in inputs]
        if None in types:
            self._fail(path)
            return UNKNOWN
        place = stage.callee if span == key else s.Name(title, span)
        if not self._same_again(made, title, path, inputs, place):
            return UNKNOWN
        hint_order(made.layer, stage.callee, given, inputs, self.found)
        output = self.apply_layer(made.layer, place, inputs, named)
        if output is None:
            if not made.settled:
                self._fail(path)
            return UNKNOWN
        warn_linear(made.layer, stage.callee.span, title, inputs, self.found)
        if not made.settled:
            bound = made.layer.bind_inputs(types, {k: type_of(v) for k, v in named.items()})
            made.settled = dict(made.layer.decide(*bound)) or {"": 0}
        if self.site.muted and key != span:
            self.site.made.setdefault(
                path, made
            )  # a named layer is built whether it is used or not
        if not self.site.muted:
            self.site.made[path] = made
            self.site.located.setdefault(path, self.device)
            kept = made.layer.bind_inputs(types, {k: type_of(v) for k, v in named.items()})
            given_input = _given(inputs[0]) if inputs else ""
            step = Application(path, made.layer, kept, output, span, given_input)
            self.site.steps.append(step)
        return layer_output(made.layer, output, path, inputs, span)

    def _fail(self, path: str) -> None:
        if not self.site.muted:
            self.site.failed.add(path)

    def _room(self, stage: s.Stage) -> bool:
        if len(self.site.made) < current().layers:
            return True
        self.found.add(
            "too-large",
            f"the net has more than {current().layers:,} layers",
            stage.span,
            label="one too many",
            help="check the counts of `repeat` and `for`",
        )
        return False

    def _same_again(
        self, made: Made, title: str, path: str, inputs: Sequence[Value], place: Any
    ) -> bool:
        """Whether a layer that is used again fits its new input."""
        if not made.settled:
            return True
        wanted = resolve_rank(title, inputs, place.span, self.found)
        if wanted is not None and wanted != type(made.layer).__name__:
            self.found.add(
                "shape-mismatch",
                f"`{path}` is a `{type(made.layer).__name__}`, here it would be a `{wanted}`",
                place.span,
                label="one layer serves both places",
                help="label one of them, so that each is a layer of its own",
            )
            return False
        types = [type_of(value) for value in inputs]
        try:
            bound = made.layer.bind_inputs(types, {})
            again = made.layer.decide(*bound)
        except Misfit as misfit:
            self.misfit(misfit, place, inputs)
            return False
        for name, dim in again.items():
            if name in made.settled and same(made.settled[name], dim) is not True:
                shown = write_shape(flows_in(inputs[0])[0].type.shape)
                differs = Misfit(
                    f"layer `{path}` was built with {name}={made.settled[name]}, "
                    f"this input of shape {shown} wants {dim}",
                    label="shared, so its weights fit one size only",
                    help="give this place a layer of its own",
                )
                self.misfit(differs, place, inputs)
                return False
        return True

    def run_variable(self, variable: s.Variable, tensor: Tensor) -> None:
        path = self.path(variable.span)
        self._require_known(variable, tensor)
        scheme = check_variable(variable, path, tensor.shape, self.scope, self.found)
        if not self.site.muted:
            self.site.located[path] = self.device
            self.site.variables[path] = BuiltVariable(path, variable.kind, tensor, scheme)

    def _require_known(self, variable: s.Variable, tensor: Tensor) -> None:
        """Report a bare tensor with a size that only data decides."""
        for written, dim in zip(variable.type.shape, tensor.shape, strict=True):
            if value_of(dim) is None:
                self.found.add(
                    "shape-mismatch",
                    f"the shape of `{variable.name.id}` must be known when the net is built, "
                    f"but `{dim}` is known only when data flows",
                    written.span,
                    label="decided by the input",
                    help="write numbers or parameters in the net's signature",
                )

    def note_function(self, span: Span, call: FunctionCall) -> None:
        self.site.spend(span, self.found)
        if not self.site.muted:
            self.site.steps.append(call)

    def note_product(self, span: Span, left: Tensor, right: Tensor, output: Tensor) -> None:
        self.note_function(span, FunctionCall(FUNCTIONS["matmul"](left, right), 2, output, span))

    # ---- blocks ------------------------------------------------------------------------------

    def run_block(
        self,
        entry: Entry,
        stage: s.Stage,
        given: list[Given],
        inputs: Sequence[Value],
        key: Span,
        span: Span,
    ) -> Value:
        self.site.spend(stage.span, self.found)
        definition = entry.definition
        if isinstance(definition, s.Extern):
            return run_extern(self, entry, stage, given, inputs, key, span)
        values = self.block_arguments(entry, stage, given)
        if values is None or any(type_of(value) is None for value in inputs):
            return UNKNOWN
        if UNKNOWN in values.values():
            return UNKNOWN
        scope = Scope(values)
        flows = self.match(entry, inputs, scope, stage.callee.span)
        if flows is None:
            return UNKNOWN
        path = self.path(key)
        assert isinstance(definition, s.Block)
        return self._run_child(entry, definition, scope, flows, path, span)

    def built_note(
        self, definition: s.Block | s.Extern, values: Mapping[str, Any], span: Span
    ) -> str:
        """With which arguments a definition is used here, and where."""
        line, column = self.found.source.position(span.start)
        shown = ", ".join(f"{p.name.id}={_shown(values[p.name.id])}" for p in definition.parameters)
        return (
            f"in {definition.name.id}({shown}), built at {self.found.source.name}:{line}:{column}"
        )

    def _run_child(
        self,
        entry: Entry,
        definition: s.Block,
        scope: Scope,
        flows: Mapping[str, Value],
        path: str,
        span: Span,
    ) -> Value:
        note = self.built_note(definition, scope, span)
        found = self.found.inside(entry.home.source, (note, *self.found.notes))
        own = self.found.inside(entry.home.source, ())
        names = self.site.names_of(entry.home, definition, own)
        inside = (*self.inside, definition)
        prefix = f"{path}."
        child = Checker(definition, entry.home, scope, found, self.site, names, inside, prefix)
        child.sizes = self.sizes
        child.base = self.device
        child.foreign = entry.home is not self.home
        for item in definition.inputs:
            child.bind(item.name, flows[item.name.id])
        steps, self.site.steps = self.site.steps, []
        with self.site.at(""):
            child.run(definition.body)
            child.finish()
        inner, self.site.steps = self.site.steps, steps
        value = child.returned if child.returned is not None else UNKNOWN
        if not self.site.muted:
            steps.append(BlockUse(path, definition.name.id, type_of(value), inner))
        return from_here(value, f"`{path}`", span)

    def run_constructor(
        self, stage: s.Stage, constructor: Constructor, inputs: Sequence[Value]
    ) -> Value:
        if stage.schemes is not None or isinstance(stage.callee, s.Call):
            self.found.add(
                "wrong-layer",
                f"`{constructor}` has its arguments already",
                stage.span,
                label="handed on as it is",
            )
            return UNKNOWN
        value = inputs[0] if len(inputs) == 1 else Bundle(tuple(inputs))
        giver = constructor.walker
        assert isinstance(giver, Checker)
        giver.site = self.site
        path, before = self.path(stage.span), len(self.site.made)
        with giver.located(self.device), giver.noting(constructor.note(title_of(stage.callee))):
            output = giver.run_placed(constructor.stage, path, value)
        made = islice(self.site.made.items(), before, None)
        shapes = {name.removeprefix(path): one.layer.parameters() for name, one in made}
        sound = not self.site.muted and not self.found.has_errors
        if sound and self.handed.setdefault(stage.span, shapes) != shapes:
            self.found.add(
                "shape-mismatch",
                f"`{title_of(stage.callee)}` gets another size in another turn of the loop",
                stage.span,
                label="it is made once, and copied for each turn",
                help=f"bring the input to one size before the loop, or write `{constructor}` in it",
            )
        return output

    @contextmanager
    def located(self, device: str) -> Iterator[None]:
        """While this lasts, what is built is on `device`: a block that is handed on."""
        before, self.part = self.part, device
        try:
            yield
        finally:
            self.part = before

    @contextmanager
    def noting(self, note: str) -> Iterator[None]:
        """While this lasts, what is found wrong comes with a note, where there is one."""
        before = self.found
        if note:
            self.found = before.inside(before.source, (note, *before.notes))
        try:
            yield
        finally:
            self.found = before

    # ---- groups and repeats ------------------------------------------------------------------

    def run_placed(self, stage: s.Stage, path: str, value: Value) -> Value:
        """Apply one entry of a group under a name."""
        with self.placed(stage.span, path):
            match stage.callee:
                case s.Group() as group:
                    return self.run_group(stage, group, value)
                case s.Repeat() as repeat:
                    return self.run_repeat(stage, repeat, value)
            if not self._is_entry(stage):
                return UNKNOWN
            return self.apply_stage(stage._replace(label=None), value)

    def _is_entry(self, stage: s.Stage) -> bool:
        title = title_of(stage.callee)
        if self.is_module(title) and title not in self.layers:
            return True
        if title in self.layers:
            what, help = f"`{title}` has a name of its own", "use it outside the group"
        else:
            what = f"`{title}` is a function, and a group holds layers"
            help = "use the layer of that name, or put the group into a block"
        known = title in self.layers or self.is_layer(title)
        if known:
            self.found.add("wrong-layer", what, stage.span, label="no layer", help=help)
        else:
            report_unknown_stage(stage, self.reach, self.found)
        return False

    def run_group(self, stage: s.Stage, group: s.Group, value: Value) -> Value:
        base = self.path(stage.span)
        number = 0
        parts = self._flat(group)
        self._require_labels(parts)
        for part in parts:
            value = self._single(part, value)
            if isinstance(part.callee, s.Repeat) and part.label is None:
                for _ in range(self.repeats(part.callee)):
                    value = self.run_placed(part.callee.stage, f"{base}.{number}", value)
                    number += 1
            else:
                name = part.label.id if part.label else str(number)
                value = self.run_placed(part, f"{base}.{name}", value)
                number += 1
        return value

    def _require_labels(self, parts: Sequence[s.Stage]) -> None:
        """In a group with labels, a `repeat` is one entry, so that it needs a label, too."""
        if not any(part.label for part in parts):
            return
        for part in parts:
            if isinstance(part.callee, s.Repeat) and part.label is None:
                self.found.add(
                    "missing-label",
                    "a `repeat` in a group with labels needs one, too",
                    part.span,
                    label="what are its layers called?",
                    help="write `label: repeat(…) …`: they are `label.0`, `label.1` …",
                )

    def _flat(self, group: s.Group) -> list[s.Stage]:
        """The entries of a group; those of a group in it that has no label stand with them."""
        flat: list[s.Stage] = []
        for part in group.stages:
            if isinstance(part.callee, s.Group) and part.label is None:
                flat += self._flat(part.callee)
            else:
                flat.append(part)
        return flat

    def _single(self, stage: s.Stage, value: Value) -> Value:
        """A group takes and gives one tensor from layer to layer."""
        if not isinstance(value, Bundle):
            return value
        self.found.add(
            "wrong-input",
            f"{len(value.items)} tensors cannot flow from layer to layer of a group",
            stage.span,
            label="takes one tensor",
            help="write a block for it, with `a, b = …` between the layers",
        )
        return UNKNOWN

    def repeats(self, repeat: s.Repeat) -> int:
        """How often; 0 after reporting what is wrong with that."""
        value = evaluate(repeat.times, self.scope, self.found)
        if value is UNKNOWN:
            return 0
        whole = isinstance(value, int) and not isinstance(value, bool)
        if whole and value > current().layers:
            self.found.add(
                "too-large",
                f"a net has at most {current().layers:,} layers, found `repeat` of {_shown(value)}",
                repeat.times.span,
                label="too often",
                help="check the number",
            )
            return 0
        if whole and value >= 0:
            return int(value)
        self.found.add(
            "wrong-argument",
            f"`repeat` takes how often as an integer of at least 0, found {_shown(value)}",
            repeat.times.span,
            label="cannot be",
            help="give a number, or an expression of parameters",
        )
        return 0

    def run_repeat(self, stage: s.Stage, repeat: s.Repeat, value: Value) -> Value:
        base = self.path(stage.span)
        for number in range(self.repeats(repeat)):
            self.site.spend(repeat.span, self.found)
            value = self._single(repeat.stage, value)
            value = self.run_placed(repeat.stage, f"{base}.{number}", value)
        return value

    # ---- loops and branches --------------------------------------------------------------------

    def run_loop(self, loop: s.For) -> None:
        from netspec.check_flow import run_loop

        run_loop(self, loop)

    def run_branch(self, branch: s.If) -> None:
        from netspec.check_flow import run_branch

        run_branch(self, branch)

    def run_require(self, statement: s.Require) -> None:
        check_requirement(statement, self.scope, self.found)

    def store(self, target: s.Element, value: Value) -> None:
        store(self, target, value)

    def read_store(self, node: s.Subscript, name: str, items: Any) -> Value:
        return read_store(self, node, name, self._index(items[0]) if len(items) == 1 else ())


def _given(value: Value) -> str:
    """The input of the net whose numbers a value has, "" where it has others."""
    return value.given if isinstance(value, Flow) else ""


def _returns_bundle(definition: "s.Net | s.Block", returned: Value | None) -> bool:
    """Whether something that is returned is several tensors in one."""
    if not isinstance(returned, Bundle):
        return False
    written = [item.value for item in definition.body if isinstance(item, s.Return)]
    one_by_one = bool(written) and isinstance(written[0], s.Sequence)
    return not one_by_one or any(isinstance(item, Bundle) for item in returned.items)


def _shown(value: Any) -> str:
    from netspec.catalogue.signature import write_value

    return str(value) if isinstance(value, Constructor) else write_value(value)
