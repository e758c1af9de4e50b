"""Turn what rules say of parametrizations into code: around constructors, or after them."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from netspec import syntax as s
from netspec.arguments import bind, evaluate_arguments
from netspec.catalogue.parametrization import PARAMETRIZATIONS, Parametrization
from netspec.diagnostic import Diagnostics
from netspec.home import Home
from netspec.lower_call import call_arguments, write_arguments
from netspec.lower_init import (
    Writer,
    classes_of,
    kinds_in,
    name_test,
    statements_of,
    weight_first,
)
from netspec.own_rules import Own, own_stages
from netspec.plan import Plan
from netspec.pool import ClassPool, Parametrizing
from netspec.program import Class, Line, Method
from netspec.treatment import only_parametrizations, only_schemes, parametrization_rules
from netspec.visit import all_stages, arguments_of, names_in, statements_in, title_of

METHOD = "parametrize_weights"


class Parametrized(NamedTuple):
    """What parametrizes a class at the end of its constructor, or in a method that the net calls.

    `names`: those that the lines mention; `kept`: those that the method reads from attributes.
    """

    lines: tuple[Line, ...]
    methods: tuple[Method, ...]
    names: tuple[str, ...]
    kept: tuple[str, ...]


def lower_parametrization(plan: Plan, pool: ClassPool) -> Parametrized:
    """What a class does once its parameters have their values, stronger rules first.

    What is parametrized already is left alone: a stronger rule has done so.
    """
    outermost = isinstance(plan.facts.definition, s.Net) and plan.loop is None
    apart = pool.parametrizing.late and not outermost
    writer = _Writer(plan, pool, apart)
    for own in own_stages(plan):
        if not is_wrapped(own.stage, pool):
            writer.of_stage(own)
    if pool.parametrizing.late and outermost:
        writer.call_classes()
    rules = parametrization_rules(statements_of(plan))[::-1]
    for rule in rules:
        writer.of_patterns(rule)
    for rule in rules:
        writer.of_classes(rule)
    names, lines = tuple(writer.names), tuple(writer.lines)
    if apart and lines:
        return Parametrized((), (Method(METHOD, lines),), names, names)
    return Parametrized(lines, (), names, ())


def is_wrapped(stage: s.Stage, pool: ClassPool) -> bool:
    """Whether what a stage says of parametrization stands around the call that makes its layer."""
    return not pool.parametrizing.late and only_schemes(stage.schemes) is None


def wraps(stage: s.Stage, pool: ClassPool) -> list[s.Argument]:
    """What stands around the call that makes the layer of a stage, innermost first."""
    schemes = only_parametrizations(stage.schemes)
    return _in_order(schemes) if schemes and is_wrapped(stage, pool) else []


def wrap(code: str, around: Sequence[s.Argument], plan: Plan) -> str:
    """The call that makes a layer, with the calls that parametrize it around."""
    for argument in around:
        code = _call(code, argument, plan, plan.in_constructor)
    return code


def _in_order(schemes: s.Schemes) -> list[s.Argument]:
    named = [argument for argument in schemes.arguments if argument.name is not None]
    return sorted(named, key=lambda a: weight_first(a.name.id if a.name else ""))


def _call(target: str, argument: s.Argument, plan: Plan, rename: Callable[[str], str]) -> str:
    """`spectral_norm(self.fc, n_power_iterations=2)`."""
    assert argument.name is not None
    signature = _bound(argument, plan)
    given = arguments_of(argument.value)
    names = signature.positional()
    written = [
        # By keyword, since torch has the module and the name before them.
        item._replace(name=item.name or names[place])
        for place, item in enumerate(write_arguments(given, rename))
    ]
    texts = call_arguments(signature, written, rename)
    name = argument.name.id
    inner = [target, *([] if name == "weight" else [f'"{name}"']), *texts]
    return f"{signature.name}({', '.join(inner)})"


def _bound(argument: s.Argument, plan: Plan) -> Parametrization:
    found = Diagnostics(plan.facts.home.source)
    title = title_of(argument.value)
    given = evaluate_arguments(arguments_of(argument.value), plan.facts.values, found)
    bound = bind(PARAMETRIZATIONS[title], title, given or [], argument.span, found)
    assert isinstance(bound, Parametrization), found.in_order()
    return bound


class _Writer(Writer):
    """Writes the lines of one class; what they say of a parameter stands in one place each."""

    def of_stage(self, own: Own) -> None:
        """A layer's own `with (…)`."""
        schemes = only_parametrizations(own.stage.schemes)
        fact = self.plan.facts.layers.get(own.stage.span)
        if schemes is None or fact is None:
            return
        for argument in _in_order(schemes):
            if argument.name is None or argument.name.id not in fact.layer.parameters():
                continue
            each, module = own.reach(self.rename)
            if each:
                self.lines.append(Line(f"for module in {each}:"))
            if not each and len(own.steps) > 1 and "*" not in own.path:
                module = f'self.get_submodule("{own.path}")'
            self._apply_to(module, argument, int(bool(each)))

    def call_classes(self) -> None:
        """The methods of the classes inside, inner ones first: what they say beats outer rules."""
        names = [written.name for written in self.pool.classes if _has_method(written)]
        if names:
            shown = names[0] if len(names) == 1 else f"({', '.join(names)})"
            self.lines += [
                Line("for module in reversed(list(self.modules())):"),
                Line(f"if isinstance(module, {shown}):", 1),
                Line(f"module.{METHOD}()", 2),
            ]

    def of_patterns(self, rule: s.Init) -> None:
        for selector in rule.selectors:
            if isinstance(selector, s.Literal):
                for argument in _in_order(rule.schemes):
                    kinds = self._holders(argument, None)
                    self._loop(argument, kinds, name_test(str(selector.value)))

    def of_classes(self, rule: s.Init) -> None:
        chosen = {
            name
            for selector in rule.selectors
            if isinstance(selector, s.Name)
            for name in classes_of(selector.id)
        }
        for argument in _in_order(rule.schemes):
            self._loop(argument, self._holders(argument, chosen), "")

    def _holders(self, argument: s.Argument, chosen: set[str] | None) -> dict[str, bool]:
        """The classes of layers inside that have the parameter, and whether all of them have it."""
        assert argument.name is not None
        return {
            name: argument.name.id in kind.lacking
            for name, kind in sorted(kinds_in(self.plan, self.pool).items())
            if argument.name.id in kind.parameters and (chosen is None or name in chosen)
        }

    def _loop(self, argument: s.Argument, kinds: dict[str, bool], named: str) -> None:
        """A loop over the modules of some classes, for those whose name passes a test."""
        if not kinds:
            return
        assert argument.name is not None
        parameter = argument.name.id
        imported = self.outside.variable("imported", self.lines)
        titles = [f"nn.{name}" for name in kinds]
        classes = titles[0] if len(titles) == 1 else f"({', '.join(titles)})"
        tests = [named] if named else []
        tests += [f"isinstance(module, {classes})"]
        tests += [f"module not in {imported}"] if imported else []
        tests += [f"module.{parameter} is not None"] if any(kinds.values()) else []
        if self.pool.parametrizing.rules[parameter] > 1:
            tests.append(f'not is_parametrized(module, "{parameter}")')
        over = "name, module in self.named_modules()" if named else "module in self.modules()"
        self.lines.append(Line(f"for {over}:"))
        self.lines.append(Line(f"if {' and '.join(tests)}:", 1))
        self._apply_to("module", argument, 2)

    def _apply_to(self, target: str, argument: s.Argument, depth: int) -> None:
        for written in arguments_of(argument.value):
            for name in names_in(written.value):
                self.rename(name.id)
        self.lines.append(Line(_call(target, argument, self.plan, self.rename), depth))


def _has_method(written: Class) -> bool:
    return any(method.name == METHOD for method in written.methods)


# ---- what a spec says as a whole -------------------------------------------------------------


def parametrizing_of(home: Home) -> Parametrizing:
    """Whether what initialises may meet what is parametrized, and how often that is said."""
    filled, changed = set[str](), set[str]()
    rules: Counter[str] = Counter()
    for said in _said(home):
        if said.rule and only_schemes(said.schemes) is not None:
            filled |= said.kinds
        only = only_parametrizations(said.schemes)
        if only is not None:
            changed |= said.kinds
            # Each selector of a rule is a loop of its own.
            names = [argument.name.id for argument in only.arguments if argument.name]
            rules.update(names * said.selectors)
    every = _EVERY in filled | changed
    return Parametrizing(bool(filled & changed or (filled and changed and every)), rules)


_EVERY = "*"


class _Said(NamedTuple):
    """A `with (…)`: for which classes of layers, any for a pattern, and whether of an `init`."""

    kinds: set[str]
    schemes: s.Schemes | None
    rule: bool
    selectors: int = 1


def _said(home: Home) -> Iterator[_Said]:
    """All that stands behind `with` in a file, and in those that it uses."""
    homes = {home.source.name: home}
    pending = [home]
    while pending:
        for entry in pending.pop().entries.values():
            if entry.home.source.name not in homes:
                homes[entry.home.source.name] = entry.home
                pending.append(entry.home)
    for known in homes.values():
        yield from map(_of_rule, known.rules)
        for entry in known.entries.values():
            if entry.home is known and isinstance(entry.definition, s.Net | s.Block):
                yield from _said_in(entry.definition)


def _said_in(definition: s.Net | s.Block) -> Iterator[_Said]:
    for statement in statements_in(definition.body):
        if isinstance(statement, s.Init):
            yield _of_rule(statement)
        elif isinstance(statement, s.LayerDefinition):
            yield _Said(classes_of(title_of(statement.callee)), statement.schemes, False)
    for stage in all_stages(definition.body):
        yield _Said(classes_of(title_of(stage.callee)), stage.schemes, False)


def _of_rule(statement: s.Init) -> _Said:
    kinds = set[str]()
    for selector in statement.selectors:
        kinds |= classes_of(selector.id) if isinstance(selector, s.Name) else {_EVERY}
    return _Said(kinds, statement.schemes, True, len(statement.selectors))
