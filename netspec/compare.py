"""Compare two dimensions as far as that can be told without data."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from netspec.dim import Dim, Lookup, terms_of, value_of
from netspec.symbol import Symbol

if TYPE_CHECKING:
    from netspec.dim import Coefficient


def same(left: Dim, right: Dim) -> bool | None:
    """Whether two dimensions are equal; None where only data can tell."""
    if left == right:
        return True
    lowest, highest = _range(left - right)
    if lowest is not None and lowest == highest:
        return lowest == 0
    apart = (lowest is not None and lowest > 0) or (highest is not None and highest < 0)
    return False if apart else None


_assumptions = [False]


@contextmanager
def assuming() -> Iterator[None]:
    """While this lasts, sizes that may agree are taken to agree: they have been checked before."""
    _assumptions.append(True)
    try:
        yield
    finally:
        _assumptions.pop()


def agree(left: Dim, right: Dim) -> bool:
    """Whether two dimensions are known to be equal."""
    equal = same(left, right)
    return _assumptions[-1] if equal is None else equal


def at_least(dim: Dim, bound: Dim) -> bool | None:
    """Whether `dim >= bound`; None where only data can tell."""
    lowest, highest = _range(dim - bound)
    if lowest is not None and lowest >= 0:
        return True
    return False if highest is not None and highest < 0 else None


def _range(dim: Dim) -> "tuple[Coefficient | None, Coefficient | None]":
    """The least and the greatest value, as far as known: sizes that data brings are at least 1."""
    known = value_of(dim)
    if known is not None:
        return known, known
    lowest: Coefficient | None = 0
    highest: Coefficient | None = 0
    for monomial, coefficient in terms_of(dim).items():
        open_atoms = [atom for atom in monomial if atom.evaluate() is None]
        for atom in monomial:
            number = atom.evaluate()
            coefficient *= 1 if number is None else number
        if not open_atoms:
            lowest = None if lowest is None else lowest + coefficient
            highest = None if highest is None else highest + coefficient
            continue
        if not all(isinstance(atom, Symbol | Lookup) for atom in open_atoms):
            return None, None
        for atom in open_atoms:
            coefficient *= atom.multiple if isinstance(atom, Symbol) else 1
        if coefficient > 0:
            highest = None
            lowest = None if lowest is None else lowest + coefficient
        else:
            lowest = None
            highest = None if highest is None else highest + coefficient
    return lowest, highest
