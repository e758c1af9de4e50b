"""Turn a dimension into the names that it depends on, or into one with others in their place."""

from collections.abc import Mapping

from netspec.dim import (
    Atom,
    Dim,
    Expression,
    Extremum,
    Lookup,
    Quotient,
    Remainder,
    divide,
    largest,
    lookup,
    remainder,
    smallest,
    terms_of,
)
from netspec.form import form_names
from netspec.symbol import Symbol


def symbols(dim: Dim) -> set[str]:
    """The names that the value of `dim` depends on."""
    return {atom.name for atom in atoms(dim)}


def atoms(dim: Dim) -> set[Symbol | Lookup]:
    """The symbols and the elements of lists that the value of `dim` depends on."""
    found: set[Symbol | Lookup] = set()
    pending: list[Dim] = [dim]
    while pending:
        for monomial in terms_of(pending.pop()):
            for atom in monomial:
                match atom:
                    case Symbol():
                        found.add(atom)
                    case Lookup(indices=indices):
                        found.add(atom)
                        pending += indices
                    case Quotient(top, bottom) | Remainder(top, bottom):
                        pending += [top, bottom]
                    case Extremum(_, arguments):
                        pending += arguments
    return found


def substitute(dim: Dim, values: Mapping[str, Dim]) -> Dim:
    """`dim` with other dimensions in place of some of its names."""
    result: Dim = 0
    for monomial, coefficient in terms_of(dim).items():
        term: Dim = coefficient if isinstance(coefficient, int) else Expression({(): coefficient})
        for atom in monomial:
            term = term * _substitute_atom(atom, values)
        result = result + term
    return result


def _substitute_atom(atom: Atom, values: Mapping[str, Dim]) -> Dim:
    match atom:
        case Symbol(name=name):
            return values.get(name, Expression({(atom,): 1}))
        case Lookup(name=name, indices=indices, items=items, frame=frame):
            return lookup(name, tuple(substitute(i, values) for i in indices), items, frame)
        case Quotient(top, bottom):
            return divide(substitute(top, values), substitute(bottom, values))
        case Remainder(top, bottom):
            return remainder(substitute(top, values), substitute(bottom, values))
        case Extremum(function, arguments):
            choose = smallest if function == "min" else largest
            return choose(*(substitute(item, values) for item in arguments))
    raise TypeError(atom)


def own_form(dim: Dim) -> Dim:
    """`dim`, written with the names that its value depends on, not those that stand for parts."""
    if not isinstance(dim, Expression) or form_names(dim.form) <= symbols(dim):
        return dim
    return Expression(dim.terms)
