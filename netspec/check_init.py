"""Find the initialisation scheme of every parameter: which rule names it, and whether it can be."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from netspec import syntax as s
from netspec.arguments import bind, evaluate_arguments
from netspec.catalogue import ALIASES, RANK_OPEN
from netspec.catalogue.initialiser import INITIALISERS, Initialiser
from netspec.catalogue.layer import Misfit
from netspec.check_fans import Weight, hint_fans
from netspec.diagnostic import Diagnostics, did_you_mean
from netspec.graph import BuiltLayer, Net, Scheme
from netspec.names import listing
from netspec.source import Span
from netspec.tensor import Shape, write_shape
from netspec.visit import arguments_of

_CLASS, _PATTERN, _OWN = range(3)


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
    weights: dict[str, Weight] = {}
    for rule in rules:
        found = rule.checked.found
        covered = [owner for owner in owners if rule.covers(owner)]
        if complete and not covered and rule.selector is not None and not rule.whole_file:
            inside = [n.removeprefix(rule.prefix) for n in externs if n.startswith(rule.prefix)]
            _report_unmatched(rule.selector, inside, found)
        for argument in rule.schemes.arguments:
            for owner in _holders(rule, argument, covered, found):
                scheme = rule.checked.scheme(rule, argument, owner)
                if scheme is not None and argument.name is not None:
                    own, name = schemes[owner.layer.name], f"{owner.prefix}{argument.name.id}"
                    others = (other for other in own.get(name, ()) if not _same_rule(other, scheme))
                    own[name] = (scheme, *others)
                    if name == "weight":
                        weights[owner.name] = Weight(owner.layer, scheme, argument.span, found)
    hint_fans(weights.values())
    return {name: layer._replace(schemes=schemes[name]) for name, layer in built.items()}


def _same_rule(one: Scheme, other: Scheme) -> bool:
    """Whether two selectors of one statement mean the same parameter."""
    return one.span == other.span and one.source is other.source


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
    """Checks each scheme once a rule and parameter, and once for each shape that it meets."""

    def __init__(self, scope: Mapping[str, Any], found: Diagnostics) -> None:
        self.scope = scope
        self.found = found
        self.bound: dict[Span, Initialiser | None] = {}

    def scheme(self, rule: _Rule, argument: s.Argument, owner: Owner) -> Scheme | None:
        if argument.span not in self.bound:
            self.bound[argument.span] = self._bind(argument)
        initialiser = self.bound[argument.span]
        if initialiser is None or argument.name is None:
            return None
        name = argument.name.id
        shape = owner.parameters[name]
        if not _fits(initialiser, shape, f"{owner.name}.{name}", argument.span, self.found):
            return None
        arguments = arguments_of(argument.value)
        return Scheme(initialiser, arguments, rule.opening(), rule.span, self.found.source)

    def _bind(self, argument: s.Argument) -> Initialiser | None:
        return _bind_scheme(argument.value, self.scope, self.found)


def check_variable(
    variable: s.Variable, path: str, shape: Shape, scope: Mapping[str, Any], found: Diagnostics
) -> Scheme | None:
    """The scheme of a bare tensor; None where it has none, or after reporting what is wrong."""
    value = variable.scheme
    if value is None:
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
        shown = f"`{function.id}`" if isinstance(function, s.Name) else "an expression"
        near = did_you_mean(function.id, INITIALISERS) if isinstance(function, s.Name) else ""
        found.add(
            "unknown-scheme",
            f"unknown initialisation scheme {shown}",
            function.span,
            label="no function of torch.nn.init",
            help=near or f"schemes are {listing(INITIALISERS, 14)}",
        )
        return None
    given = evaluate_arguments(arguments_of(value), scope, found)
    if given is None:
        return None
    bound = bind(INITIALISERS[function.id], function.id, given, value.span, found)
    return bound if isinstance(bound, Initialiser) else None


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
