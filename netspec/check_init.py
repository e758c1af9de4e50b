"""Find the initialisation scheme of every parameter: which rule names it, and whether it can be."""

from collections.abc import Collection, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from netspec import syntax as s
from netspec.arguments import bind, evaluate_arguments
from netspec.catalogue import ALIASES, RANK_OPEN
from netspec.catalogue.initialiser import INITIALISERS, Initialiser
from netspec.catalogue.layer import Misfit
from netspec.diagnostic import Diagnostics, did_you_mean
from netspec.graph import BuiltLayer, Scheme
from netspec.names import listing
from netspec.source import Span
from netspec.tensor import Shape, write_shape

_CLASS, _PATTERN, _OWN = range(3)


class RuleScope(NamedTuple):
    """The `init` statements of a net, a block or a file, and the part of the net they reign over.

    `depth`: how far inside; an inner scope beats an outer one. `externs`: the classes written in
    Python that its file knows.
    """

    prefix: str
    statements: tuple[s.Init, ...]
    depth: int
    values: Mapping[str, Any]
    found: Diagnostics
    externs: Collection[str]


class _Rule(NamedTuple):
    """One selector of one statement, with its rank: kind, then scope, then order."""

    rank: tuple[int, int, int]
    selector: s.Name | s.Literal | None
    owner: str
    schemes: s.Schemes
    span: Span
    prefix: str
    checked: "_Checked"

    def covers(self, layer: BuiltLayer) -> bool:
        kind = type(layer.layer).__name__
        if not layer.name.startswith(self.prefix):
            return False
        match self.selector:
            case s.Name(id):
                return kind == ALIASES.get(id) or kind in RANK_OPEN.get(id, {}).values()
            case s.Literal(value):
                return fnmatchcase(layer.name.removeprefix(self.prefix), str(value))
        return layer.name == self.owner

    def title(self) -> str:
        match self.selector:
            case s.Name(id):
                return id
            case s.Literal(value):
                return f'"{value}"'
        return self.owner


def resolve_schemes(
    layers: Mapping[str, tuple[BuiltLayer, s.Schemes | None, Diagnostics]],
    scopes: Iterable[RuleScope],
    externs: Collection[str],
) -> dict[str, BuiltLayer]:
    """The layers with the scheme that wins for each parameter.

    A layer's own `with` beats a pattern, a pattern beats a class; then an inner scope beats an
    outer one, and what is written later what is written before. `externs`: the names of what is
    written in Python; no rule reaches inside.
    """
    scopes = list(scopes)
    rules = [rule for scope in scopes for rule in _rules(scope)]
    rules += _own_rules(layers, scopes)
    rules.sort(key=lambda rule: rule.rank)
    built = {name: layer for name, (layer, _, _) in layers.items()}
    schemes: dict[str, dict[str, Scheme]] = {name: {} for name in built}
    for rule in rules:
        found = rule.checked.found
        covered = [layer for layer in built.values() if rule.covers(layer)]
        if not covered and rule.rank[1] >= 0:
            _report_unmatched(rule, externs, found)
        for argument in rule.schemes.arguments:
            for layer in _holders(rule, argument, covered, found):
                scheme = rule.checked.scheme(rule, argument, layer)
                if scheme is not None and argument.name is not None:
                    schemes[layer.name][argument.name.id] = scheme
    return {name: layer._replace(schemes=schemes[name]) for name, layer in built.items()}


def _own_rules(
    layers: Mapping[str, tuple[BuiltLayer, s.Schemes | None, Diagnostics]],
    scopes: list[RuleScope],
) -> list[_Rule]:
    """The rules of layers' own `with (…)`."""
    rules: list[_Rule] = []
    for name, (_, schemes, found) in layers.items():
        if schemes is not None:
            inner = [scope for scope in scopes if name.startswith(scope.prefix)]
            values = max(inner, key=lambda scope: scope.depth).values
            checked = _Checked(values, found)
            rules.append(_Rule((_OWN, 0, 0), None, name, schemes, schemes.span, "", checked))
    return rules


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


def _report_unmatched(rule: _Rule, externs: Collection[str], found: Diagnostics) -> None:
    selector = rule.selector
    if selector is None or (isinstance(selector, s.Name) and not _is_layer(selector.id)):
        return
    inside = isinstance(selector, s.Literal) and any(
        name.startswith(rule.prefix)
        and means_extern(str(selector.value), name.removeprefix(rule.prefix))
        for name in externs
    )
    found.add(
        "unused-rule",
        f"`init` selects {rule.title()}, which is written in Python"
        if inside
        else f"`init` selects {rule.title()}, but there is no such layer",
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
            rules.append(
                _Rule(rank, selector, "", statement.schemes, statement.span, scope.prefix, checked)
            )
    return rules


def _holders(
    rule: _Rule, argument: s.Argument, covered: list[BuiltLayer], found: Diagnostics
) -> list[BuiltLayer]:
    """The covered layers that have the parameter; reports one that none of their kind can have."""
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
    holders = [layer for layer in covered if name in layer.parameters]
    possible = {p for layer in covered for p in ("weight", "bias", *layer.parameters)}
    if covered and not holders and (rule.selector is None or name not in possible):
        having = sorted({p for layer in covered for p in layer.parameters})
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

    def scheme(self, rule: _Rule, argument: s.Argument, layer: BuiltLayer) -> Scheme | None:
        if argument.span not in self.bound:
            self.bound[argument.span] = self._bind(argument)
        initialiser = self.bound[argument.span]
        if initialiser is None or argument.name is None:
            return None
        shape = layer.parameters[argument.name.id]
        if not self._fits(initialiser, shape, argument, layer):
            return None
        arguments = argument.value.arguments if isinstance(argument.value, s.Call) else ()
        return Scheme(initialiser, arguments, argument.span, *rule.rank[:2], rule.span)

    def _bind(self, argument: s.Argument) -> Initialiser | None:
        value = argument.value
        function = value.function if isinstance(value, s.Call) else value
        if not isinstance(function, s.Name) or function.id not in INITIALISERS:
            shown = f"`{function.id}`" if isinstance(function, s.Name) else "an expression"
            near = did_you_mean(function.id, INITIALISERS) if isinstance(function, s.Name) else ""
            self.found.add(
                "unknown-scheme",
                f"unknown initialisation scheme {shown}",
                function.span,
                label="no function of torch.nn.init",
                help=near or f"schemes are {listing(INITIALISERS, 14)}",
            )
            return None
        arguments = value.arguments if isinstance(value, s.Call) else ()
        scheme = INITIALISERS[function.id]
        given = evaluate_arguments(arguments, self.scope, self.found)
        if given is None:
            return None
        bound = bind(scheme, function.id, given, value.span, self.found)
        return bound if isinstance(bound, Initialiser) else None

    def _fits(
        self, initialiser: Initialiser, shape: Shape, argument: s.Argument, layer: BuiltLayer
    ) -> bool:
        try:
            initialiser.check(shape)
        except Misfit as misfit:
            name = argument.name.id if argument.name else ""
            self.found.add(
                "wrong-scheme",
                misfit.message,
                argument.span,
                label=misfit.label or f"`{layer.name}.{name}` has shape {write_shape(shape)}",
                notes=(f"`{layer.name}.{name}` has shape {write_shape(shape)}",),
                help=misfit.help,
            )
            return False
        return True
