"""What a rule says of a parameter: how it is filled, and what it is worked out from."""

from collections.abc import Iterable
from typing import NamedTuple

from netspec import syntax as s
from netspec.catalogue import INITIALISERS, PARAMETRIZATIONS
from netspec.visit import title_of


class Treatment(NamedTuple):
    """An initialisation scheme, a parametrization, or both: `kaiming_normal -> spectral_norm`.

    A parametrization is a call by its plain name here, however it is written.
    """

    scheme: s.Expression | None
    parametrization: s.Expression | None


def treatment_of(value: s.Expression) -> Treatment:
    """What stands behind `weight=`.

    A name that both kinds have means the scheme, where it is alone. A longer chain is taken for a
    scheme, which it is not.
    """
    match value:
        case s.Chain(first, (s.Stage(None, s.Name() | s.Call() | s.Attribute() as last, None),)):
            return Treatment(first, _plain(last))
    plain = _plain(value)
    title = title_of(plain)
    dotted = plain is not value
    if dotted or (title in PARAMETRIZATIONS and title not in INITIALISERS):
        return Treatment(None, plain)
    return Treatment(value, None)


def _plain(value: s.Expression) -> s.Expression:
    """A parametrization by its plain name: `parametrizations.` is taken off."""
    match value:
        case s.Attribute(s.Name("parametrizations"), name):
            return name
        case s.Call(s.Attribute(s.Name("parametrizations"), name), arguments, span):
            return s.Call(name, arguments, span)
    return value


def only_schemes(schemes: s.Schemes | None) -> s.Schemes | None:
    """What a `with (…)` says of initialisation; None where that is nothing."""
    return _only(schemes, 0)


def only_parametrizations(schemes: s.Schemes | None) -> s.Schemes | None:
    """What a `with (…)` says of parametrization; None where that is nothing."""
    return _only(schemes, 1)


def _only(schemes: s.Schemes | None, part: int) -> s.Schemes | None:
    kept: list[s.Argument] = []
    for argument in schemes.arguments if schemes else ():
        value = treatment_of(argument.value)[part]
        if value is not None:
            kept.append(argument._replace(value=value))
    return s.Schemes(tuple(kept), schemes.span) if schemes and kept else None


def scheme_rules(statements: Iterable[s.Init]) -> list[s.Init]:
    """The `init` statements that initialise, without what they say of parametrization."""
    return [
        statement._replace(schemes=schemes)
        for statement in statements
        if (schemes := only_schemes(statement.schemes)) is not None
    ]


def parametrization_rules(statements: Iterable[s.Init]) -> list[s.Init]:
    """The `init` statements that parametrize, without what they say of initialisation."""
    return [
        statement._replace(schemes=schemes)
        for statement in statements
        if (schemes := only_parametrizations(statement.schemes)) is not None
    ]
