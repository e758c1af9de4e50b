"""Find the initialisation scheme of every parameter: which rule names it, and whether it can be."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple, TypeVar

from netspec import syntax as s
from netspec.arguments import bind, evaluate_arguments
from netspec.catalogue import ALIASES, PARAMETRIZATIONS, RANK_OPEN
from netspec.catalogue.initialiser import INITIALISERS, Initialiser
from netspec.catalogue.layer import Misfit
from netspec.catalogue.parametrization import Parametrization
from netspec.check_fans import Weight, hint_fans
from netspec.check_parametrization import (
    bind_parametrization,
    can_have,
    refuse_sparse,
    report_replaced,
)
from netspec.diagnostic import Diagnostics, did_you_mean
from netspec.graph import BuiltLayer, Net, ParametrizationRule, Scheme
from netspec.lazy import report_lazy
from netspec.names import listing
from netspec.source import Span
from netspec.tensor import Shape, write_shape
from netspec.treatment import treatment_of
from netspec.visit import arguments_of, title_of

_CLASS, _PATTERN, _OWN = range(3)


_R = TypeVar("_R", bound=Scheme | ParametrizationRule)


class RuleScope(NamedTuple):
    """The `init` statements of a net, a block or a file, and the part of the net they reign over.

    `depth`: how far inside; an inner scope beats an outer one. `externs`: the classes written in
    Python that its file knows. `whole_file`: the statements stand outside of nets and blocks, and
    need not select something in each.
    """

    prefix: str
    statements: tuple[s.Init, ...]
    depth: int
    values: Mapping[str, Any]
    found: Diagnostics
    externs: Collection[str]
    whole_file: bool = False


class Owner(NamedTuple):
    """What rules select and has parameters: a layer, or a module inside one.

    `prefix` is what its parameters are called by in `layer`, up to their own names.
    """

    name: str
    kind: str
    prefix: str
    parameters: Mapping[str, Shape]
    layer: BuiltLayer


def owners_in(layer: BuiltLayer) -> Iterator[Owner]:
    """A layer, and the modules of torch.nn that it is made of."""
    for name, kind in {"": type(layer.layer).__name__, **layer.layer.inside()}.items():
        prefix = f"{name}." if name else ""
        own = {
            parameter.removeprefix(prefix): shape
            for parameter, shape in layer.parameters.items()
            if parameter.startswith(prefix) and "." not in parameter.removeprefix(prefix)
        }
        yield Owner(f"{layer.name}.{name}".removesuffix("."), kind, prefix, own, layer)


class Ruled(NamedTuple):
    """A layer with its own `with (…)`, and the values of the names in that."""

    layer: BuiltLayer
    schemes: s.Schemes | None
    values: Mapping[str, Any]
    found: Diagnostics


class _Rule(NamedTuple):
    """One selector of one statement, with its rank: kind, then scope, then order."""

    rank: tuple[int, int, int]
    selector: s.Name | s.Literal | None
    owner: str
    schemes: s.Schemes
    span: Span
    prefix: str
    checked: "_Checked"
    whole_file: bool = False

    def covers(self, owner: Owner) -> bool:
        if self.selector is None:
            return owner.name == self.owner
        return owner.name.startswith(self.prefix) and _selects(self.selector, owner, self.prefix)

    def turn(self, parameter: str) -> tuple[int | bool | str, ...]:
        """When it parametrizes: a layer's own, then inside out, what is stronger before the rest.

        Of the parameters of one rule, the weight comes first, then the others by name.
        """
        kind, depth, order = self.rank
        return (kind != _OWN, -depth, -kind, -order, parameter != "weight", parameter)

    def title(self) -> str:
        return self.owner if self.selector is None else _title(self.selector)

    def opening(self) -> str:
        """What the author wrote before the schemes."""
        return "with" if self.selector is None else f"init {self.title()}"


def resolve_schemes(
    layers: Mapping[str, Ruled],
    scopes: Iterable[RuleScope],
    externs: Collection[str],
    complete: bool,
) -> dict[str, BuiltLayer]:
    """The layers with the schemes of each parameter, the one that wins first.

    A layer's own `with` beats a pattern, a pattern beats a class; then an inner scope beats an
    outer one, and what is written later what is written before. `externs`: the names of what is
    written in Python; no rule reaches inside. `complete`: no layer is missing for an error.
    """
    rules = [rule for scope in scopes for rule in _rules(scope)]
    rules += _own_rules(layers)
    rules.sort(key=lambda rule: rule.rank)
    built = {name: ruled.layer for name, ruled in layers.items()}
    owners = [owner for layer in built.values() for owner in owners_in(layer)]
    schemes: dict[str, dict[str, tuple[Scheme, ...]]] = {name: {} for name in built}
    changes: dict[str, dict[str, tuple[ParametrizationRule, ...]]] = {name: {} for name in built}
    depths: dict[tuple[str, str], int] = {}
    turns: dict[tuple[str, str], tuple[int | bool | str, ...]] = {}
    weights: dict[str, Weight] = {}
    for rule in rules:
        found = rule.checked.found
        covered = [owner for owner in owners if rule.covers(owner)]
        if complete and not covered and rule.selector is not None and not rule.whole_file:
            inside = [n.removeprefix(rule.prefix) for n in externs if n.startswith(rule.prefix)]
            _report_unmatched(rule.selector, inside, found)
        for argument in rule.schemes.arguments:
            for owner in _holders(rule, argument, covered, found):
                assert argument.name is not None
                top, name = owner.layer.name, f"{owner.prefix}{argument.name.id}"
                scheme, parametrization = rule.checked.treatment(rule, argument, owner)
                if scheme is not None:
                    schemes[top][name] = _first(scheme, schemes[top].get(name, ()))
                    if name == "weight":
                        weights[owner.name] = Weight(owner.layer, scheme, argument.span, found)
                if parametrization is not None:
                    before = changes[top].get(name, ())
                    changes[top][name] = _first(parametrization, before)
                    depth = rule.rank[1]
                    if before and rule.selector is not None and depths[top, name] > depth:
                        path = f"{owner.name}.{argument.name.id}"
                        report_replaced(path, argument.span, before[0], parametrization, found)
                    depths[top, name] = max(depth, depths.get((top, name), depth))
                    turns[top, name] = rule.turn(argument.name.id)
    hint_fans(weights.values())
    return {
        name: layer._replace(
            schemes=schemes[name],
            parametrizations=dict(
                sorted(changes[name].items(), key=lambda change: turns[name, change[0]])
            ),
        )
        for name, layer in built.items()
    }


def _first(rule: _R, known: tuple[_R, ...]) -> tuple[_R, ...]:
    """A rule before the weaker ones; two selectors of one statement may mean the same parameter."""
    weaker = (one for one in known if one.span != rule.span or one.source is not rule.source)
    return (rule, *weaker)


def _own_rules(layers: Mapping[str, Ruled]) -> list[_Rule]:
    """The rules of layers' own `with (…)`."""
    return [
        _Rule((_OWN, 0, 0), None, name, schemes, schemes.span, "", _Checked(values, found))
        for name, (_, schemes, values, found) in layers.items()
        if schemes is not None
    ]


def _check_selectors(scope: RuleScope) -> None:
    """Report selectors that no net could have: unknown classes, and those written in Python."""
    for statement in scope.statements:
        for selector in statement.selectors:
            if not isinstance(selector, s.Name) or _is_layer(selector.id):
                continue
            if report_lazy(selector, scope.found):
                continue
            extern = selector.id in scope.externs
            scope.found.add(
                "unknown-layer",
                f"`init` cannot reach into `{selector.id}`"
                if extern
                else f"unknown layer `{selector.id}`",
                selector.span,
                label="written in Python: its parameters are not known"
                if extern
                else "no class of torch.nn that netspec knows",
                help="initialise it in its own constructor"
                if extern
                else did_you_mean(selector.id, [*ALIASES, *RANK_OPEN])
                or 'select layers by class, `Linear`, or by a quoted pattern, `"fc*"`',
            )


def warn_unmatched(statements: Iterable[s.Init], nets: Collection[Net], found: Diagnostics) -> None:
    """Report selectors of a whole file that select no layer of any of its nets."""
    owners = [o for net in nets for layer in net.layers.values() for o in owners_in(layer)]
    externs = [name for net in nets for name in net.externs]
    for statement in statements:
        for selector in statement.selectors:
            if not any(_selects(selector, owner, "") for owner in owners):
                _report_unmatched(selector, externs, found)


def _selects(selector: s.Name | s.Literal, owner: Owner, prefix: str) -> bool:
    if isinstance(selector, s.Literal):
        return fnmatchcase(owner.name.removeprefix(prefix), str(selector.value))
    kind = owner.kind
    return kind == ALIASES.get(selector.id) or kind in RANK_OPEN.get(selector.id, {}).values()


def _title(selector: s.Name | s.Literal) -> str:
    return selector.id if isinstance(selector, s.Name) else f'"{selector.value}"'


def _report_unmatched(
    selector: s.Name | s.Literal, externs: Iterable[str], found: Diagnostics
) -> None:
    """Say that a selector selects nothing; `externs`: what is written in Python beside it."""
    if isinstance(selector, s.Name) and not _is_layer(selector.id):
        return
    inside = isinstance(selector, s.Literal) and any(
        means_extern(str(selector.value), name) for name in externs
    )
    found.add(
        "unused-rule",
        f"`init` selects {_title(selector)}, "
        f"{'which is written in Python' if inside else 'but there is no such layer'}",
        selector.span,
        label="its parameters are not known" if inside else "selects nothing",
        help="initialise it in its own constructor"
        if inside
        else "remove the selector, or correct it",
        severity="warning",
    )


def means_extern(pattern: str, name: str) -> bool:
    """Whether a pattern names what is written in Python, or something inside it."""
    return fnmatchcase(name, pattern) or pattern.startswith(f"{name}.")


def _is_layer(name: str) -> bool:
    return name in ALIASES or name in RANK_OPEN


def _rules(scope: RuleScope) -> list[_Rule]:
    checked = _Checked(scope.values, scope.found)
    _check_selectors(scope)
    rules: list[_Rule] = []
    for order, statement in enumerate(scope.statements):
        for selector in statement.selectors:
            kind = _CLASS if isinstance(selector, s.Name) else _PATTERN
            rank = (kind, scope.depth, order)
            rule = _Rule(
                rank, selector, "", statement.schemes, statement.span, scope.prefix, checked
            )
            rules.append(rule._replace(whole_file=scope.whole_file))
    return rules


def _holders(
    rule: _Rule, argument: s.Argument, covered: list[Owner], found: Diagnostics
) -> list[Owner]:
    """The covered owners that have the parameter; reports one that none of their kind can have."""
    if argument.name is None:
        found.add(
            "wrong-argument",
            "a scheme needs the name of its parameter",
            argument.span,
            label="which parameter?",
            help="write `weight=…` or `bias=…`",
        )
        return []
    name = argument.name.id
    holders = [owner for owner in covered if name in owner.parameters]
    possible = {p for owner in covered for p in ("weight", "bias", *owner.parameters)}
    if covered and not holders and (rule.selector is None or name not in possible):
        having = sorted({p for owner in covered for p in owner.parameters})
        found.add(
            "unknown-parameter",
            f"{rule.title()} has no parameter `{name}`",
            argument.name.span,
            label="no such parameter",
            help=did_you_mean(name, having)
            or (f"it has {listing(having)}" if having else "it has no parameters at all"),
        )
    return holders


class _Checked:
    """Checks what a rule says of a parameter once, and once for each shape that it meets."""

    def __init__(self, scope: Mapping[str, Any], found: Diagnostics) -> None:
        self.scope = scope
        self.found = found
        self.bound: dict[Span, _Bound] = {}

    def treatment(
        self, rule: _Rule, argument: s.Argument, owner: Owner
    ) -> tuple[Scheme | None, ParametrizationRule | None]:
        """How a parameter is filled, and what it is worked out from, as far as the rule says."""
        if argument.span not in self.bound:
            self.bound[argument.span] = self._bind(argument)
        initialiser, parametrization = self.bound[argument.span]
        written = treatment_of(argument.value)
        assert argument.name is not None
        shape, path = owner.parameters[argument.name.id], f"{owner.name}.{argument.name.id}"
        place = rule.opening(), rule.span, self.found.source
        scheme = changed = None
        if initialiser and written.scheme:
            span = written.scheme.span if written.parametrization else argument.span
            if _fits(initialiser, shape, path, span, self.found):
                scheme = Scheme(initialiser, arguments_of(written.scheme), *place)
        if parametrization and written.parametrization:
            span = written.parametrization.span if written.scheme else argument.span
            table = owner.layer.layer
            refused = refuse_sparse(parametrization, table, path, span, self.found)
            if not refused and can_have(parametrization, shape, owner.kind, path, span, self.found):
                given = arguments_of(written.parametrization)
                changed = ParametrizationRule(parametrization, given, *place)
        return scheme, changed

    def _bind(self, argument: s.Argument) -> "_Bound":
        scheme, parametrization = treatment_of(argument.value)
        return _Bound(
            scheme and _bind_scheme(scheme, self.scope, self.found),
            parametrization and bind_parametrization(parametrization, self.scope, self.found),
        )


class _Bound(NamedTuple):
    """What a rule says of a parameter, with its arguments checked."""

    initialiser: Initialiser | None
    parametrization: Parametrization | None


def check_variable(
    variable: s.Variable, path: str, shape: Shape, scope: Mapping[str, Any], found: Diagnostics
) -> Scheme | None:
    """The scheme of a bare tensor; None where it has none, or after reporting what is wrong."""
    value = variable.scheme
    if value is None:
        return None
    if treatment_of(value).parametrization is not None:
        found.add(
            "wrong-parametrization",
            f"`{variable.name.id}` is a tensor without a layer: it has no parametrization",
            value.span,
            label="for parameters of layers",
            help="give it an initialisation scheme, and work out what you need from it",
        )
        return None
    initialiser = _bind_scheme(value, scope, found)
    if initialiser is None or not _fits(initialiser, shape, path, value.span, found):
        return None
    rule = f"{variable.kind} {variable.name.id}"
    return Scheme(initialiser, arguments_of(value), rule, variable.span, found.source)


def _bind_scheme(
    value: s.Expression, scope: Mapping[str, Any], found: Diagnostics
) -> Initialiser | None:
    """The scheme that an expression names, with its arguments."""
    function = value.function if isinstance(value, s.Call) else value
    if not isinstance(function, s.Name) or function.id not in INITIALISERS:
        _report_unknown(function, found)
        return None
    given = evaluate_arguments(arguments_of(value), scope, found)
    if given is None:
        return None
    bound = bind(INITIALISERS[function.id], function.id, given, value.span, found)
    return bound if isinstance(bound, Initialiser) else None


def _report_unknown(function: s.Expression, found: Diagnostics) -> None:
    """Say that there is no such scheme, or that a chain is more than a scheme can be part of."""
    pair = "write one scheme, then one parametrization: `weight=normal -> weight_norm`"
    if isinstance(function, s.Chain):
        number = 1 + len(function.stages)
        found.add(
            "unknown-scheme",
            f"a parameter has one scheme and one parametrization, found {number}"
            if number > 2
            else "a scheme and a parametrization are plain names or calls",
            function.span,
            label=f"{number} in a row" if number > 2 else "with a label, or in brackets",
            help=pair,
        )
        return
    title = function.name.id if isinstance(function, s.Attribute) else title_of(function)
    near = pair if title in PARAMETRIZATIONS else did_you_mean(title, INITIALISERS)
    if isinstance(function, s.Attribute) and title in INITIALISERS:
        near = f"write `{title}`"
    is_name = isinstance(function, s.Name | s.Attribute)
    shown = f"`{found.source.cut(function.span)}`" if is_name else "an expression"
    found.add(
        "unknown-scheme",
        f"unknown initialisation scheme {shown}",
        function.span,
        label="no function of torch.nn.init",
        help=near or f"schemes are {listing(INITIALISERS, 14)}",
    )


def _fits(
    initialiser: Initialiser, shape: Shape, path: str, span: Span, found: Diagnostics
) -> bool:
    try:
        initialiser.check(shape)
    except Misfit as misfit:
        found.add(
            "wrong-scheme",
            misfit.message,
            span,
            label=misfit.label or f"`{path}` has shape {write_shape(shape)}",
            notes=(f"`{path}` has shape {write_shape(shape)}",),
            help=misfit.help,
        )
        return False
    return True
