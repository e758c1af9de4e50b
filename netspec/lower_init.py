"""Turn `init` rules and layers' own schemes into the lines that initialise a class."""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from netspec import syntax as s
from netspec.arguments import bind, evaluate_arguments
from netspec.catalogue import ALIASES, LAYERS, RANK_OPEN
from netspec.catalogue.initialiser import INITIALISERS, Initialiser
from netspec.catalogue.layer import Layer
from netspec.catalogue.registry import is_own
from netspec.diagnostic import Diagnostics
from netspec.glob import may_meet
from netspec.lower_call import call_arguments, write_arguments
from netspec.lower_extern import Outside
from netspec.own_rules import Own, own_stages
from netspec.plan import Plan
from netspec.pool import ClassPool
from netspec.program import Line, Method
from netspec.treatment import only_schemes, scheme_rules
from netspec.visit import arguments_of, names_in, stages_in, statements_in, title_of
from netspec.write import write_literal


class Initialisation(NamedTuple):
    """How the parameters of a class get their values: what its constructor does, and methods.

    `names`: those that the lines mention; `kept`: those that methods read from attributes.
    `by_class`, `by_name`: the methods that a class around this one calls after its rules by class
    and after its patterns, "" where they name nothing that this class initialises itself.
    `ending`: what comes after, once: parameters that become others, layers that are not learnt.
    """

    lines: tuple[Line, ...]
    methods: tuple[Method, ...]
    by_class: str
    by_name: str
    names: tuple[str, ...]
    kept: tuple[str, ...]
    ending: tuple[Line, ...]


class _Kind(NamedTuple):
    """A class of layers in a subtree, with the parameters that some of them have."""

    name: str
    parameters: frozenset[str]
    lacking: frozenset[str]


def lower_init(plan: Plan, pool: ClassPool) -> Initialisation:
    """The initialisation of a class, weaker rules first: a stronger one has the last word.

    Rules by class come before what is named, by patterns and by layers' own `with (…)`; either part
    is a method where a class around this one has rules that this one's must be called again after.
    """
    statements = scheme_rules(statements_of(plan))
    own = _own_schemes(plan)
    patterns = [item for item in statements if _has(item, s.Literal)]
    after_classes = _meets_outer_rules(plan, pool, statements, own)
    after_patterns = _meets_outer_patterns(plan, pool, patterns, own)
    classes = Writer(plan, pool, after_classes)
    classes.by_classes([item for item in statements if _has(item, s.Name)])
    named = Writer(plan, pool, after_classes or after_patterns)
    for statement in patterns:
        named.by_pattern(statement)
    named.inner_names(patterns)
    for item in own:
        named.own(item)
    for variable in _variables(plan):
        named.variable(variable)
    ending = Writer(plan, pool, False)
    ending.ties_and_freezes()
    return _divided(classes, named, tuple(ending.lines), after_classes, after_patterns)


def _divided(
    classes: "Writer",
    named: "Writer",
    ending: tuple[Line, ...],
    after_classes: bool,
    after_patterns: bool,
) -> Initialisation:
    """The two parts of an initialisation, each where it must be callable from."""
    lines, by_name = list(classes.lines), ""
    methods: list[Method] = []
    after_patterns = after_patterns and bool(named.lines)
    if after_patterns and lines:
        by_name = "init_named_weights"
        methods = [Method(by_name, tuple(named.lines))]
        lines.append(Line(f"self.{by_name}()"))
    else:
        lines += named.lines
    whole = bool(lines) and (after_classes or (after_patterns and not methods))
    if whole:
        methods.insert(0, Method("init_weights", tuple(lines)))
        lines = [Line("self.init_weights()")]
        by_name = by_name or ("init_weights" if after_patterns else "")
    kept = {**(classes.names if classes.again else {}), **(named.names if named.again else {})}
    return Initialisation(
        tuple(lines),
        tuple(methods),
        "init_weights" if whole and after_classes else "",
        by_name,
        tuple({**classes.names, **named.names}),
        tuple(kept),
        ending,
    )


def _has(statement: s.Init, kind: type) -> bool:
    return any(isinstance(selector, kind) for selector in statement.selectors)


def statements_of(plan: Plan) -> list[s.Init]:
    """The `init` statements of a class: its file's before its own."""
    if plan.loop is not None:
        return []
    definition = plan.facts.definition
    own = [item for item in definition.body if isinstance(item, s.Init)]
    outer = isinstance(definition, s.Net) or plan.foreign
    return [*(plan.facts.home.rules if outer else ()), *own]


def _own_schemes(plan: Plan) -> list[Own]:
    """The layers that a `with (…)` of their own initialises."""
    return [
        own._replace(stage=own.stage._replace(schemes=schemes))
        for own in own_stages(plan)
        if (schemes := only_schemes(own.stage.schemes)) is not None
    ]


def _variables(plan: Plan) -> list[s.Variable]:
    return [item for item in plan.body if isinstance(item, s.Variable)]


def _meets_outer_rules(
    plan: Plan, pool: ClassPool, statements: Sequence[s.Init], own: Sequence[Own]
) -> bool:
    """Whether a class around this one has a rule for what this one initialises itself."""
    definition = plan.facts.definition
    if isinstance(definition, s.Net) and plan.loop is None:
        return False
    outer = set(pool.selected)
    if plan.loop is None:
        mine = scheme_rules(item for item in definition.body if isinstance(item, s.Init))
        outer = {
            name for statement, names in pool.selections if statement not in mine for name in names
        }
    ruled: set[str] = set()
    for statement in statements:
        for selector in statement.selectors:
            if isinstance(selector, s.Name):
                ruled |= classes_of(selector.id)
            else:
                return bool(outer)
    for item in own:
        fact = plan.facts.layers.get(item.stage.span)
        if fact is not None:
            ruled.add(type(fact.layer).__name__)
    return bool(ruled & outer)


def _meets_outer_patterns(
    plan: Plan, pool: ClassPool, patterns: Sequence[s.Init], own: Sequence[Own]
) -> bool:
    """Whether a pattern of a class around this one may match what this one names itself."""
    definition = plan.facts.definition
    if isinstance(definition, s.Net) and plan.loop is None:
        return False
    mine = patterns if plan.loop is None else ()
    outer = [
        pattern
        for statement, _ in pool.selections
        if statement not in mine
        for pattern in _parameter_patterns(statement)
    ]
    named = [pattern for statement in patterns for pattern in _parameter_patterns(statement)]
    for item in own:
        assert item.stage.schemes is not None
        arguments = item.stage.schemes.arguments
        named += [f"{item.path}.{a.name.id}" for a in arguments if a.name is not None]
    return any(may_meet(pattern, f"*.{name}") for pattern in outer for name in named)


def _parameter_patterns(statement: s.Init) -> list[str]:
    """The patterns of a statement, each with the parameters that it is for."""
    return [
        f"{selector.value}.{argument.name.id}"
        for selector in statement.selectors
        if isinstance(selector, s.Literal)
        for argument in statement.schemes.arguments
        if argument.name is not None
    ]


def classes_of(name: str) -> set[str]:
    """The classes of torch.nn that a selector means."""
    if name in ALIASES:
        return {ALIASES[name]}
    return set(RANK_OPEN.get(name, {}).values())


def kinds_in(plan: Plan, pool: ClassPool) -> dict[str, _Kind]:
    """The classes of all layers that a class holds, those of its parts included."""
    kinds: dict[str, _Kind] = {}
    for layer in _layers_in(plan, pool, set()):
        parameters = list(layer.parameters())
        for place, name in {"": type(layer).__name__, **layer.inside()}.items():
            own = frozenset(_own_parameters(parameters, place))
            known = kinds.get(name, _Kind(name, own, frozenset()))
            optional = LAYERS[name].optional & own
            lacking = known.lacking | (known.parameters ^ own) | optional
            kinds[name] = _Kind(name, known.parameters | own, lacking)
    return kinds


def _own_parameters(parameters: Sequence[str], place: str) -> list[str]:
    """Of the parameters of a layer, those of the module at a place inside, "" for itself."""
    prefix = f"{place}." if place else ""
    inner = [name.removeprefix(prefix) for name in parameters if name.startswith(prefix)]
    return [name for name in inner if "." not in name]


def _layers_in(plan: Plan, pool: ClassPool, seen: set[str]) -> list[Layer]:
    if plan.name in seen:
        return []
    seen.add(plan.name)
    layers = [fact.layer for span, fact in plan.facts.layers.items() if plan.holds(span)]
    for span, fact in plan.facts.blocks.items():
        made = pool.block_class(fact)
        if plan.holds(span):
            layers += _layers_in(made.plan, pool, seen)
    return layers


class Writer:
    """Writes the lines that initialise one class; `again`: in a method that others call."""

    def __init__(self, plan: Plan, pool: ClassPool, again: bool) -> None:
        self.plan = plan
        self.pool = pool
        self.again = again
        self.lines: list[Line] = []
        self.looped: set[str] = set()  # the classes that the loop over the modules has reached
        self.outside = Outside(plan, pool)
        self.names: dict[str, None] = {}

    def rename(self, name: str) -> str:
        """Names in a scheme: variables of the constructor, attributes in a method of its own."""
        self.names[name] = None
        if self.again:
            return f"self.{self.plan.attribute(name)}"
        return self.plan.in_constructor(name)

    # ---- rules -------------------------------------------------------------------------------

    def by_classes(self, statements: Sequence[s.Init]) -> None:
        for number, statement in enumerate(statements):
            self.by_class(statement, statements[number + 1 :])
        if statements:
            self._call_again([(c.name, c.by_class) for c in self.pool.classes])

    def by_class(self, statement: s.Init, later: Sequence[s.Init]) -> None:
        """A loop over the modules, with a branch for the classes that have the same parameters."""
        kinds = kinds_in(self.plan, self.pool)
        groups: dict[tuple[tuple[str, ...], bool], list[str]] = {}
        for selector in statement.selectors:
            if not isinstance(selector, s.Name):
                continue
            for name in sorted(classes_of(selector.id) & set(kinds)):
                wanted = [a.name.id for a in statement.schemes.arguments if a.name]
                own = tuple(
                    p
                    for p in sorted(wanted, key=weight_first)
                    if p in kinds[name].parameters and not _overruled(name, p, later)
                )
                key = own, is_own(LAYERS[name])
                if own and name not in groups.setdefault(key, []):
                    groups[key].append(name)
        schemes = {a.name.id: a for a in statement.schemes.arguments if a.name}
        for (own, registered), names in groups.items():
            if not names:
                continue
            classes = [self.pool.layer_class(name) for name in names]
            mixed = any(is_own(LAYERS[name]) is not registered for name in self.looped)
            if not self.looped or mixed or self.looped & set(names):
                self._loop_over_modules(registered)
                self.looped = set()
            test = classes[0] if len(classes) == 1 else f"({', '.join(classes)})"
            word = "elif" if self.looped else "if"
            self.lines.append(Line(f"{word} isinstance(module, {test}):", 1))
            self.looped |= set(names)
            for name in names if registered else ():
                self.pool.keep_apart(name, self.outside.beside(classes))
            for parameter in own:
                guarded = any(parameter in kinds[name].lacking for name in names)
                self.lines += self._apply(f"module.{parameter}", schemes[parameter], 2, guarded)

    def _loop_over_modules(self, registered: bool) -> None:
        """Go through all modules but those of what is written in Python, or inside of it.

        `registered`: layers that a user has registered are wanted, and not those of torch.nn.
        """
        kind = "inner_modules" if registered else "imported"
        imported = self.outside.variable(kind, self.lines)
        self.lines.append(Line("for module in self.modules():"))
        tests = [f"module in {imported}"] if imported else []
        if self.outside.plain() and not registered:
            tests.append(f"isinstance(module, {self.outside.plain()})")
        if tests:
            self.lines += [Line(f"if {' or '.join(tests)}:", 1), Line("continue", 2)]

    def inner_names(self, patterns: Sequence[s.Init]) -> None:
        """What inner classes name themselves beats a pattern of this one."""
        if patterns:
            self._call_again([(c.name, c.by_name) for c in self.pool.classes])

    def _call_again(self, methods: Sequence[tuple[str, str]]) -> None:
        """Inner rules beat outer ones: classes with rules for the same apply theirs again."""
        classes: dict[str, list[str]] = {}
        for name, method in methods:
            if method:
                classes.setdefault(method, []).append(name)
        if not classes:
            return
        # Inside out: what a class says of its parts beats what these say.
        several = sum(map(len, classes.values())) > 1
        modules = "reversed(list(self.modules()))" if several else "self.modules()"
        self.lines.append(Line(f"for module in {modules}:"))
        for number, (method, names) in enumerate(classes.items()):
            shown = names[0] if len(names) == 1 else f"({', '.join(names)})"
            word = "elif" if number else "if"
            self.lines.append(Line(f"{word} isinstance(module, {shown}):", 1))
            self.lines.append(Line(f"module.{method}()", 2))

    def by_pattern(self, statement: s.Init) -> None:
        """Layers by their names: one by one where they are this class's own, else by a loop."""
        for selector in statement.selectors:
            if not isinstance(selector, s.Literal):
                continue
            pattern = str(selector.value)
            for argument in statement.schemes.arguments:
                if argument.name is not None:
                    self._by_pattern(pattern, argument, argument.name.id)

    def _by_pattern(self, pattern: str, argument: s.Argument, parameter: str) -> None:
        if self._is_flat():
            for name, layer in self._direct():
                if fnmatchcase(name, pattern) and parameter in layer.parameters():
                    guarded = parameter in layer.optional
                    self.lines += self._apply(f"self.{name}.{parameter}", argument, 0, guarded)
            return
        imported = self.outside.variable("imported_parameters", self.lines)
        test = name_test(f"{pattern}.{parameter}")
        test += f" and parameter not in {imported}" if imported else ""
        inner = self.outside.variable("inner_parameters", self.lines)
        test += f" and parameter not in {inner}" if inner else ""
        self.lines.append(Line("for name, parameter in self.named_parameters():"))
        self.lines.append(Line(f"if {test}:", 1))
        self.lines += self._apply("parameter", argument, 2, False)

    def _is_flat(self) -> bool:
        names = self.plan.facts.names
        return (
            not self.plan.facts.blocks
            and not names.loops
            and not any(fact.layer.inside() for fact in self.plan.facts.layers.values())
            and not any(
                isinstance(stage.callee, s.Group | s.Repeat)
                for statement in statements_in(self.plan.facts.definition.body)
                if isinstance(statement, s.Assign | s.Return)
                for stage in stages_in(statement.value, lambda name: name[:1].isupper())
                if stage.label is not None or isinstance(stage.callee, s.Repeat)
            )
        )

    def _direct(self) -> list[tuple[str, Layer]]:
        stages = self.plan.facts.names.stages
        found: dict[str, Layer] = {}
        for span, fact in self.plan.facts.layers.items():
            if stages.get(span):
                found[stages[span]] = fact.layer
        return list(found.items())

    def own(self, own: Own) -> None:
        """The schemes of a layer's own `with (…)`."""
        fact = self.plan.facts.layers.get(own.stage.span)
        schemes = own.stage.schemes
        if fact is None or schemes is None:
            return
        for argument in sorted(
            schemes.arguments, key=lambda a: weight_first(a.name.id if a.name else "")
        ):
            if argument.name is None or argument.name.id not in fact.layer.parameters():
                continue
            parameter = argument.name.id
            each, module = own.reach(self.rename)
            if each:
                self.lines.append(Line(f"for module in {each}:"))
            if len(own.steps) == 1:
                guarded = parameter in fact.layer.optional
                self.lines += self._apply(f"{module}.{parameter}", argument, 0, guarded)
            elif "*" not in own.path:
                target = f'self.get_parameter("{own.path}.{parameter}")'
                self.lines += self._apply(target, argument, 0, False)
            else:
                target = f'{module}.get_parameter("{parameter}")'
                self.lines += self._apply(target, argument, int(bool(each)), False)

    def variable(self, variable: s.Variable) -> None:
        """The scheme of a bare tensor, where `torch.zeros` or `torch.ones` does not serve."""
        scheme = variable.scheme
        if scheme is None or (title_of(scheme) in ("zeros", "ones") and not arguments_of(scheme)):
            return
        name = self.plan.facts.names.stages[variable.span]
        argument = s.Argument(variable.name, scheme, scheme.span)
        self.lines += self._apply(f"self.{name}", argument, 0, False)

    def ties_and_freezes(self) -> None:
        if self.plan.loop is not None:
            return
        for statement in self.plan.facts.definition.body:
            if isinstance(statement, s.Tie):
                # After the initialisation, since the rules for the second parameter hold.
                first, second = statement.first.text, statement.second.text
                self.lines.append(Line(f"self.{first} = self.{second}"))
            elif isinstance(statement, s.Freeze):
                for selector in statement.selectors:
                    self._freeze(selector)

    def _freeze(self, selector: s.Name | s.Literal) -> None:
        if isinstance(selector, s.Name):
            classes = sorted(classes_of(selector.id) & set(kinds_in(self.plan, self.pool)))
            extern = self.plan.facts.home.externs().get(selector.id)
            if extern is not None:
                self.lines.append(Line("for module in self.modules():"))
                self._freeze_instances(self.pool.extern_class(extern))
            elif not classes_of(selector.id):
                self._freeze_attribute(selector.id)
            else:
                self._freeze_classes(classes)
            return
        test = name_test(str(selector.value))
        if not test:
            self.lines.append(Line("self.requires_grad_(False)"))
            return
        imported = self.outside.variable("imported_parts", self.lines)
        test += f" and module not in {imported}" if imported else ""
        self.lines.append(Line("for name, module in self.named_modules():"))
        self.lines.append(Line(f"if {test}:", 1))
        self.lines.append(Line("module.requires_grad_(False)", 2))

    def _freeze_classes(self, names: Sequence[str]) -> None:
        for registered in (False, True):
            classes = [
                self.pool.layer_class(name) for name in names if is_own(LAYERS[name]) is registered
            ]
            for name in names if registered else ():
                if is_own(LAYERS[name]):
                    self.pool.keep_apart(name, self.outside.beside(classes))
            if classes:
                self._loop_over_modules(registered)
                shown = ", ".join(classes)
                self._freeze_instances(shown if len(classes) == 1 else f"({shown})")

    def _freeze_attribute(self, name: str) -> None:
        there = self.plan.facts.names.presence(name, self.plan.facts.definition.body)
        if there:
            self.lines.append(Line(f"self.{name}.requires_grad_(False)"))
        if there is not None:
            return
        self.lines += [
            Line("for name, module in self.named_children():"),
            Line(f"if name == {write_literal(name)}:", 1),
            Line("module.requires_grad_(False)", 2),
        ]

    def _freeze_instances(self, classes: str) -> None:
        self.lines += [
            Line(f"if isinstance(module, {classes}):", 1),
            Line("module.requires_grad_(False)", 2),
        ]

    # ---- schemes -----------------------------------------------------------------------------

    def _apply(self, target: str, argument: s.Argument, depth: int, guarded: bool) -> list[Line]:
        lines: list[Line] = []
        if guarded:
            lines.append(Line(f"if {target} is not None:", depth))
            depth += 1
        scheme = self._scheme(argument)
        for written in arguments_of(argument.value):
            for name in names_in(written.value):
                self.rename(name.id)
        texts = call_arguments(
            scheme, write_arguments(arguments_of(argument.value), self.rename), self.rename
        )
        call = f"{scheme.torch.removeprefix('torch.')}({', '.join([target, *texts])})"
        return [*lines, Line(call, depth)]

    def _scheme(self, argument: s.Argument) -> Initialiser:
        found = Diagnostics(self.plan.facts.home.source)
        name = title_of(argument.value)
        given = evaluate_arguments(arguments_of(argument.value), self.plan.facts.values, found)
        bound = bind(INITIALISERS[name], name, given or [], argument.span, found)
        assert isinstance(bound, Initialiser), found.in_order()
        return bound


def _overruled(name: str, parameter: str, later: Sequence[s.Init]) -> bool:
    """Whether a later rule by class decides the same parameter."""
    return any(
        isinstance(selector, s.Name)
        and name in classes_of(selector.id)
        and any(a.name is not None and a.name.id == parameter for a in statement.schemes.arguments)
        for statement in later
        for selector in statement.selectors
    )


def weight_first(parameter: str) -> tuple[bool, str]:
    """The order of parameters in a class: its weight, then the others by name."""
    return parameter != "weight", parameter


def name_test(pattern: str) -> str:
    """The test of a name for a pattern: the plain methods of strings where they serve.

    "" for a pattern that every name passes.
    """
    special = set("*?[")
    pattern = re.sub(r"\*+", "*", pattern)
    if pattern == "*":
        return ""
    if not special & set(pattern):
        return f"name == {write_literal(pattern)}"
    if pattern[0] == "*" and not special & set(pattern[1:]):
        return f"name.endswith({write_literal(pattern[1:])})"
    if pattern[-1] == "*" and not special & set(pattern[:-1]):
        return f"name.startswith({write_literal(pattern[:-1])})"
    return f"fnmatch(name, {write_literal(pattern)})"
