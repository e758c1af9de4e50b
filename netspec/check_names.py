"""Check the names of a net or block: each has one meaning, is allowed, and is used."""

from collections.abc import Collection, Container
from typing import Any

from netspec import syntax as s
from netspec.check_signature import check_parameter_type, check_variable, report_duplicate
from netspec.diagnostic import Diagnostics
from netspec.source import Span
from netspec.visit import names_in, statements_in


def check_names(
    definition: "s.Net | s.Block", modules: Collection[str], found: Diagnostics
) -> None:
    """Report names with two meanings and names that are not allowed.

    `modules`: the blocks and externs that the file knows.
    """
    _Names(definition, modules, found).check()


class _Names:
    def __init__(
        self, definition: "s.Net | s.Block", modules: Collection[str], found: Diagnostics
    ) -> None:
        self.definition = definition
        self.modules = modules
        self.found = found
        self.kinds: dict[str, str] = {}  # what each name is: "value", "build-time value", "layer" …
        self.broken = any(isinstance(x, s.Broken) for x in statements_in(definition.body))

    def check(self) -> None:
        for parameter in self.definition.parameters:
            self.kinds[parameter.name.id] = "parameter"
            if parameter.name.id in self.modules:
                self._report_taken(parameter.name, "module", "parameter")
        for item in self.definition.inputs:
            for dim in item.type.shape if item.type else ():
                if isinstance(dim, s.Name):
                    self.kinds.setdefault(dim.id, "dimension")
        for item in self.definition.inputs:
            self.kinds[item.name.id] = "value"
        for output in self.definition.outputs:
            if output.name:
                check_variable(output.name, self.found)
        if isinstance(self.definition, s.Block):
            self._check_block_header(self.definition)
        self._check_return()
        for statement in self.definition.body:
            self._statement(statement)

    def _check_block_header(self, block: s.Block) -> None:
        for parameter in block.parameters:
            check_parameter_type(parameter, self.found)
        seen: set[str] = set()
        for name in (*(p.name for p in block.parameters), *(i.name for i in block.inputs)):
            if check_variable(name, self.found) and name.id in seen:
                report_duplicate("name", name, self.found)
            seen.add(name.id)
        if not block.inputs:
            self.found.add(
                "missing-input",
                f"block `{block.name.id}` has no inputs",
                block.name.span,
                label="nothing flows through it",
                help=f"name them in the second list: `block {block.name.id}()(x: [N, C, H, W])`",
            )

    def _check_return(self) -> None:
        kind = type(self.definition).__name__.lower()
        body = self.definition.body
        ends = [at for at, item in enumerate(body) if isinstance(item, s.Return)]
        nested = [
            item for item in statements_in(body) if isinstance(item, s.Return) and item not in body
        ]
        for item in nested:
            self.found.add(
                "early-return",
                f"`return` stands inside a loop or branch of the {kind}",
                item.span,
                label="not at the end",
                help="give the value a name inside, and return it at the end",
            )
        if not ends and not nested and not self.broken:
            self.found.add(
                "missing-return",
                f"{kind} `{self.definition.name.id}` returns nothing",
                self.definition.name.span,
                label="no `return` in its body",
                help="end the body with `return` and the value that comes out",
            )
        for late in body[ends[0] + 1 :] if ends else ():
            if not isinstance(late, s.Init | s.Device | s.Broken | s.Tie | s.Freeze):
                self.found.add(
                    "unreachable",
                    "nothing is run after `return`",
                    late.span,
                    label="never reached",
                    help="move it before `return`, or remove it",
                )

    def _statement(self, statement: s.Statement) -> None:
        match statement:
            case s.Assign(target):
                self._target(target, "value")
            case s.LayerDefinition(name):
                self._define(name, "layer")
            case s.Let(name):
                self._define(name, "build-time value")
            case s.Variable(name=name):
                self._define(name, "value")
            case s.For(target, _, _, body):
                before = dict(self.kinds)
                self._target(target, "build-time value")
                for inner in body:
                    self._statement(inner)
                for new in [name for name in self.kinds if name not in before]:
                    if self.kinds[new] == "build-time value":
                        del self.kinds[new]
            case s.If(_, then, other):
                before = dict(self.kinds)
                for inner in then:
                    self._statement(inner)
                after, self.kinds = self.kinds, before
                for inner in other:
                    self._statement(inner)
                self.kinds |= after

    def _target(self, target: Any, kind: str) -> None:
        match target:
            case s.Name("_"):
                return
            case s.Name() if kind == "value":
                free = check_variable(target, self.found)
                known = self.kinds.get(target.id)
                if known not in (None, "value"):
                    self._report_taken(target, known, "value")
                elif free:
                    self.kinds[target.id] = "value"
            case s.Name():
                self._define(target, kind)
            case s.Element(name):
                check_variable(name, self.found)
                known = self.kinds.get(name.id)
                if known not in (None, "kept values"):
                    self._report_taken(name, known, "value")
                self.kinds[name.id] = "kept values"
            case s.Targets(items):
                for item in items:
                    self._target(item, kind)

    def _define(self, name: s.Name, kind: str) -> None:
        if not check_variable(name, self.found):
            return
        if kind == "build-time value" and name.id in self.modules:
            self._report_taken(name, "module", kind)
        if name.id in self.kinds:
            if kind == "build-time value":
                report_duplicate("name", name, self.found)
            else:
                self._report_taken(name, self.kinds[name.id], kind)
            return
        self.kinds[name.id] = kind

    def _report_taken(self, name: s.Name, known: str | None, kind: str) -> None:
        article = "an" if (known or "")[0] in "aeiou" else "a"
        what = known if known == "kept values" else f"{article} {known}"
        self.found.add(
            "duplicate-name",
            f"`{name.id}` is the name of {what} already",
            name.span,
            label="the same name again",
            help=f"call this {kind} something else",
        )


def warn_shadowed(
    definition: "s.Net | s.Block", blocks: Container[str], found: Diagnostics
) -> None:
    """Warn of layers that hide a block of the same name."""
    for statement in statements_in(definition.body):
        if isinstance(statement, s.LayerDefinition) and statement.name.id in blocks:
            name = statement.name
            found.add(
                "shadowed",
                f"the layer `{name.id}` hides the block of that name",
                name.span,
                label=f"here, `-> {name.id}` is the layer",
                help="call the layer something else",
                severity="warning",
            )


# ---- what is never used --------------------------------------------------------------------------


def warn_unused(
    definition: "s.Net | s.Block", elsewhere: Collection[str], found: Diagnostics
) -> None:
    """Warn of names that nothing uses, in a definition without errors.

    `elsewhere`: the parameters that its train sections read.
    """
    kinds = {item.name.id: "input" for item in definition.inputs}
    for statement in statements_in(definition.body):
        if isinstance(statement, s.Let):
            kinds[statement.name.id] = "build-time value"
    uses = _Uses()
    for item in definition.inputs:
        uses.define(item.name)
    uses.run(definition.body)
    for name in (*uses.open.values(), *uses.lost.values()):
        what = kinds.get(name.id, "value")
        found.add(
            "unused",
            f"{what} `{name.id}` is never used",
            name.span,
            label="not used after this",
            help="remove it, or call it `_`: `_ = …` drops a value"
            if what == "value"
            else "remove it",
            severity="warning",
        )
    _warn_unused_parameters(definition, elsewhere, found)
    _report_unused_layers(definition, found)


class _Uses:
    """Follows names through a body: `open` are those that nothing has used yet."""

    def __init__(self) -> None:
        self.open: dict[str, s.Name] = {}
        self.lost: dict[Span, s.Name] = {}
        self.looping: set[str] = set()

    def define(self, name: s.Name) -> None:
        if name.id in self.open:
            self.lost[name.span] = self.open[name.id]
        if name.id != "_" and name.id not in self.looping:
            self.open[name.id] = name

    def use(self, node: Any) -> None:
        for name in names_in(node):
            self.open.pop(name.id, None)

    def run(self, body: tuple[s.Statement, ...]) -> None:
        for statement in body:
            self._statement(statement)

    def _statement(self, statement: s.Statement) -> None:
        match statement:
            case s.Assign(target, value):
                self.use(value)
                self._target(target)
            case s.Let(name, value):
                self.use(value)
                self.define(name)
            case s.For(_, iterable, _, body):
                self.use(iterable)
                # What a turn leaves may be used by the next one.
                outer = self.looping
                self.looping = outer | {name.id for item in body for name in names_in(item)}
                self.run(body)
                self.looping = outer
            case s.If(test, then, other):
                self.use(test)
                before = dict(self.open)
                self.run(then)
                after, self.open = self.open, dict(before)
                self.run(other)
                self.open = {**self.open, **after} if other else after
                self.open = {k: v for k, v in self.open.items() if k not in before or k in after}
                self.lost = {k: v for k, v in self.lost.items() if v not in before.values()}
            case s.Init() | s.Device() | s.Freeze() | s.Tie() | s.Broken():
                pass
            case _:
                self.use(statement)

    def _target(self, target: Any) -> None:
        match target:
            case s.Name():
                self.define(target)
            case s.Element(_, index):
                self.use(index)
            case s.Targets(items):
                for item in items:
                    self._target(item)


def _warn_unused_parameters(
    definition: "s.Net | s.Block", elsewhere: Collection[str], found: Diagnostics
) -> None:
    shapes = [dim for item in definition.inputs if item.type for dim in item.type.shape]
    shapes += [dim for output in definition.outputs for dim in output.type.shape]
    used = {name.id for part in (*shapes, *definition.body) for name in names_in(part)}
    used.update(elsewhere)
    for parameter in definition.parameters:
        if parameter.name.id not in used:
            found.add(
                "unused",
                f"parameter `{parameter.name.id}` is never used",
                parameter.name.span,
                label="nothing depends on it",
                help="remove it",
                severity="warning",
            )


def _report_unused_layers(definition: "s.Net | s.Block", found: Diagnostics) -> None:
    body = definition.body
    used = {
        name.id
        for statement in statements_in(body)
        if not isinstance(statement, s.LayerDefinition | s.For | s.If)
        for name in names_in(statement)
    }
    for statement in statements_in(body):
        if isinstance(statement, s.LayerDefinition) and statement.name.id not in used:
            found.add(
                "unused-layer",
                f"layer `{statement.name.id}` is never applied",
                statement.name.span,
                label="its input is not known",
                help=f"apply it, `x -> {statement.name.id}`, or remove it",
            )
