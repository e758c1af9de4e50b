"""Check one net: walk its statements, build its layers, follow the shapes through it."""

from collections.abc import Mapping
from typing import Any

from netspec import syntax as s
from netspec.apply import Applier
from netspec.check_init import FileRules, resolve_schemes
from netspec.check_signature import (
    Header,
    check_header,
    check_outputs,
    check_variable,
    report_duplicate,
)
from netspec.diagnostic import Diagnostics
from netspec.dim import Expression, named, symbol, symbols, value_of
from netspec.evaluate import UNKNOWN, NotConstant, evaluate, names_in
from netspec.flow import Bundle, Flow, Unknown, Value
from netspec.graph import Net, Port
from netspec.source import Span
from netspec.tensor import Tensor

DEVICES = ("auto", "cpu", "cuda", "mps", "xpu", "meta")


def check_net(
    net: s.Net,
    overrides: Mapping[str, Any],
    rules: FileRules,
    device: str,
    found: Diagnostics,
) -> Net | None:
    """Check `net`; None after reporting why it cannot be built."""
    before = found.error_count
    header = check_header(net, overrides, found)
    body = _Body(net, header, found)
    for statement in net.body:
        body.run(statement)
    body.finish()
    applier = body.applier
    own_rules = [item for item in net.body if isinstance(item, s.Init)]
    layers = resolve_schemes(applier.definitions(), own_rules, rules, header.scope, found)
    if found.error_count > before or header.inputs is None or not body.outputs:
        return None
    return Net(
        name=net.name.id,
        doc=net.doc,
        syntax=net,
        parameters=header.parameters,
        constants={k: v for k, v in body.scope.items() if not isinstance(v, NotConstant)},
        sizes=header.sizes,
        inputs=header.inputs,
        outputs=body.outputs,
        layers=layers,
        applications=applier.applications,
        types=applier.types,
        device=body.device or device,
        source=found.source,
    )


def check_device(name: s.Literal, found: Diagnostics) -> str:
    """The device that a `device` statement names."""
    text = str(name.value)
    kind, _, index = text.partition(":")
    indexed = index.isdecimal() and kind in ("cuda", "xpu")
    if text not in DEVICES and not indexed:
        from netspec.diagnostic import did_you_mean

        found.add(
            "unknown-device",
            f'unknown device "{text}"',
            name.span,
            label="no device of torch",
            help=did_you_mean(kind, DEVICES)
            or 'devices are "auto", "cpu", "cuda", "cuda:1", "mps", "xpu" and "meta"',
        )
    return text


class _Body:
    """The statements of a net, run in order with types for values."""

    def __init__(self, net: s.Net, header: Header, found: Diagnostics) -> None:
        self.net = net
        self.found = found
        self.scope = dict(header.scope)
        self.flows: dict[str, Value] = {}
        self.defined: dict[str, s.Name] = {}  # names that nothing has used yet
        self.reassigned: dict[str, s.Name] = {}
        self.outputs: tuple[Port, ...] = ()
        self.device = ""
        self.returned: s.Return | None = None
        self.broken = False
        self.applier = Applier(net, self.scope, self.flows, found, self._use)
        self._take_inputs(header)

    def _take_inputs(self, header: Header) -> None:
        for item in self.net.inputs:
            known = {port.name: port.type for port in header.inputs or ()}
            tensor = known.get(item.name.id)
            flow = Flow(tensor, f"the input `{item.name.id}`", item.span) if tensor else UNKNOWN
            self._bind(item.name, flow)

    def run(self, statement: s.Statement) -> None:
        if self.returned is not None and not isinstance(statement, s.Init | s.Device | s.Broken):
            self._unreachable(statement)
            return
        match statement:
            case s.Assign(target, value):
                self._assign(target, self.applier.flow(value))
            case s.Return():
                self._return(statement)
            case s.LayerDefinition():
                self.applier.define(statement)
            case s.Let(name, value):
                self._let(name, value)
            case s.Device(name):
                self.device = check_device(name, self.found)
            case s.Broken():
                self.broken = True
                self.applier.forgiving = True

    def finish(self) -> None:
        """Report what only the end of the body can tell."""
        if self.returned is None and not self.broken:
            self.found.add(
                "missing-return",
                f"net `{self.net.name.id}` returns nothing",
                self.net.name.span,
                label="no `return` in its body",
                help="end the body with `return` and the value that comes out",
            )
        if self.broken or self.found.error_count:
            return
        self._warn_unused()
        self.applier.report_unused_layers()

    def _use(self, name: str) -> None:
        self.defined.pop(name, None)

    def _bind(self, name: s.Name, value: Value) -> None:
        if name.id in self.defined and name.id in self.flows:
            self.reassigned[name.id] = self.defined[name.id]
        self.flows[name.id] = value
        self.scope[name.id] = NotConstant(
            f"`{name.id}` is a tensor, known only when data flows",
            "use a number, a parameter or a `let`",
        )
        self.defined[name.id] = name

    def _assign(self, target: s.Name | s.Targets, value: Value) -> None:
        if isinstance(target, s.Name):
            if target.id == "_":
                return
            free = check_variable(target, self.found)
            if self._is_free(target):
                self._bind(target, value if free else UNKNOWN)
            return
        if isinstance(value, Bundle) and len(value.items) == len(target.items):
            for part, item in zip(target.items, value.items, strict=True):
                self._assign(part, item)
            return
        if not isinstance(value, Unknown):
            count = len(value.items) if isinstance(value, Bundle) else 1
            self.found.add(
                "wrong-unpacking",
                f"{len(target.items)} names for {count} value{'' if count == 1 else 's'}",
                target.span,
                label=f"{len(target.items)} names",
                help="write one name for each value; `_` drops one",
            )
        for part in target.items:
            self._assign(part, UNKNOWN)

    def _is_free(self, name: s.Name) -> bool:
        taken = self.scope.get(name.id)
        if taken is None or name.id in self.flows:
            return True
        kind = "layer" if isinstance(taken, NotConstant) else "build-time value"
        self.found.add(
            "duplicate-name",
            f"`{name.id}` is the name of a {kind} already",
            name.span,
            label="the same name again",
            help="call this value something else",
        )
        return False

    def _let(self, name: s.Name, expression: s.Expression) -> None:
        value = evaluate(expression, self.scope, self.found)
        for used in names_in(expression):
            self._use(used.id)
        if not check_variable(name, self.found):
            return
        if name.id in self.scope:
            report_duplicate("name", name, self.found)
            return
        self.scope[name.id] = _let_value(name.id, value)
        self.defined[name.id] = name

    def _return(self, statement: s.Return) -> None:
        self.returned = statement
        value = self.applier.flow(statement.value)
        items = value.items if isinstance(value, Bundle) else (value,)
        flows = [item for item in items if isinstance(item, Flow)]
        if len(flows) < len(items):
            return
        given = [(flow.type, flow.origin) for flow in flows]
        if self.net.outputs:
            span = _last_part(statement.value)
            check_outputs(self.net.outputs, given, self.scope, span, self.found)
        self.outputs = tuple(
            Port(name, flow.type)
            for name, flow in zip(self._output_names(flows), flows, strict=True)
        )

    def _output_names(self, flows: list[Flow]) -> list[str]:
        names = [output.name.id if output.name else "" for output in self.net.outputs]
        names += [""] * (len(flows) - len(names))
        for output in self.net.outputs:
            if output.name:
                check_variable(output.name, self.found)
        if len(flows) == 1:
            return [names[0] or "output"]
        return [name or f"output{i + 1}" for i, name in enumerate(names[: len(flows)])]

    def _unreachable(self, statement: s.Statement) -> None:
        self.found.add(
            "unreachable",
            "nothing is run after `return`",
            statement.span,
            label="never reached",
            help="move it before `return`, or remove it",
        )

    def _kind(self, name: str) -> str:
        if name in {item.name.id for item in self.net.inputs}:
            return "input"
        return "value" if name in self.flows else "build-time value"

    def _warn_unused(self) -> None:
        for name in [*self.defined.values(), *self.reassigned.values()]:
            what = self._kind(name.id)
            self.found.add(
                "unused",
                f"{what} `{name.id}` is never used",
                name.span,
                label="not used after this",
                help="remove it, or call it `_`: `_ = …` drops a value"
                if what == "value"
                else "remove it",
                severity="warning",
            )
        used = {name.id for part in _parts(self.net) for name in names_in(part)}
        for parameter in self.net.parameters:
            if parameter.name.id not in used:
                self.found.add(
                    "unused",
                    f"parameter `{parameter.name.id}` is never used",
                    parameter.name.span,
                    label="nothing depends on it",
                    help="remove it",
                    severity="warning",
                )


def _let_value(name: str, value: Any) -> Any:
    """What a `let` stands for: its value, under its own name."""
    if isinstance(value, bool) or not isinstance(value, int | Expression):
        return value
    known = value_of(value)
    opaque = any(not part.isidentifier() for part in symbols(value))
    if opaque and known is not None:
        return symbol(name, known)
    return named(name, value)


def _last_part(value: s.Expression) -> Span:
    """The part of a returned value that its type comes from: the last stage of a chain."""
    if isinstance(value, s.Chain):
        return value.stages[-1].span
    return value.span


def _parts(net: s.Net) -> list[Any]:
    shapes = [dim for item in net.inputs if item.type for dim in item.type.shape]
    shapes += [dim for output in net.outputs for dim in output.type.shape]
    return [*shapes, *net.body]


def tensor_of(value: Value) -> Tensor | None:
    """The type of a single tensor, None for anything else."""
    return value.type if isinstance(value, Flow) else None
