"""Turn arithmetic on dimensions into canonical integer expressions over named symbols.

A dimension is a plain `int` where it is known, and an `Expression` where it depends on a parameter
of the net (whose value is known while checking) or on a size that is known only when data flows.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from math import lcm
from typing import TYPE_CHECKING, NamedTuple

from netspec.bounds import MOST_TERMS, TooComplex
from netspec.form import Form, Rename, sum_form, write
from netspec.symbol import Opaque, Symbol

if TYPE_CHECKING:
    from fractions import Fraction  # it takes its time, and few specs have need of it

    Coefficient = int | Fraction


class Lookup:
    """An element of a list that is a parameter: `widths[i]`, or `stages[i][0]`."""

    __slots__ = ("frame", "indices", "items", "name")

    def __init__(self, name: str, indices: "tuple[Dim, ...]", items: "Items", frame: int) -> None:
        self.name = name
        self.indices = indices
        self.items = items
        self.frame = frame

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Lookup) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def _identity(self) -> tuple[object, ...]:
        return self.name, self.frame, self.indices

    @property
    def key(self) -> str:
        return f"{self.name}[{', '.join(map(str, self.indices))}] {self.frame}"

    def evaluate(self) -> int | None:
        item: object = self.items
        for index in self.indices:
            at = value_of(index)
            match item:
                case Mapping():
                    item = item.get(at)
                case Sequence() if at is not None and -len(item) <= at < len(item):
                    item = item[at]
                case _:
                    return None
        return item if isinstance(item, int) else None

    def form(self) -> Form:
        form: Form = ("name", self.name)
        for index in self.indices:
            form = ("[]", form, form_of(index))
        return form


class Quotient(NamedTuple):
    """`numerator // denominator`, where it does not come out even."""

    numerator: "Dim"
    denominator: "Dim"

    @property
    def key(self) -> str:
        return f"({self.numerator})//({self.denominator})"

    def evaluate(self) -> int | None:
        top, bottom = value_of(self.numerator), value_of(self.denominator)
        return None if top is None or not bottom else top // bottom

    def form(self) -> Form:
        return ("//", form_of(self.numerator), form_of(self.denominator))


class Remainder(NamedTuple):
    """`numerator % denominator`, where it is not known."""

    numerator: "Dim"
    denominator: "Dim"

    @property
    def key(self) -> str:
        return f"({self.numerator})%({self.denominator})"

    def evaluate(self) -> int | None:
        top, bottom = value_of(self.numerator), value_of(self.denominator)
        return None if top is None or not bottom else top % bottom

    def form(self) -> Form:
        return ("%", form_of(self.numerator), form_of(self.denominator))


class Extremum(NamedTuple):
    """`min(…)` or `max(…)` of dimensions whose order is not known."""

    function: str
    arguments: tuple["Dim", ...]

    @property
    def key(self) -> str:
        return f"{self.function}({', '.join(map(str, self.arguments))})"

    def evaluate(self) -> int | None:
        values = [value_of(argument) for argument in self.arguments]
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            return None
        return min(known) if self.function == "min" else max(known)

    def form(self) -> Form:
        return (self.function, *map(form_of, self.arguments))


Items = Sequence[object] | Mapping[object, object]
Atom = Symbol | Lookup | Quotient | Remainder | Extremum
Monomial = tuple[Atom, ...]


class Expression:
    """A polynomial with integer coefficients over atoms; equal ones compare equal.

    A coefficient is a fraction where a `require` says that the size divides.
    `form` is how the author or a rule came to it (`16 * 5 * 5`); it takes no part in comparison.
    """

    __slots__ = ("__dict__", "_form", "terms")

    def __init__(self, terms: "Mapping[Monomial, Coefficient]", form: Form | None = None) -> None:
        self.terms = {m: c for m, c in sorted(terms.items(), key=_term_key) if c}
        self._form = form

    def __eq__(self, other: object) -> bool:
        if isinstance(other, int):
            return self.constant == other
        return isinstance(other, Expression) and self.terms == other.terms

    def __hash__(self) -> int:
        constant = self.constant
        return hash(tuple(self.terms.items())) if constant is None else hash(constant)

    def __add__(self, other: "Dim") -> "Dim":
        terms = dict(self.terms)
        for monomial, coefficient in terms_of(other).items():
            terms[monomial] = terms.get(monomial, 0) + coefficient
        return _settle(terms)

    __radd__ = __add__

    def __neg__(self) -> "Dim":
        return _settle({m: -c for m, c in self.terms.items()})

    def __sub__(self, other: "Dim") -> "Dim":
        return self + -other

    def __rsub__(self, other: "Dim") -> "Dim":
        return -self + other

    def __mul__(self, other: "Dim") -> "Dim":
        if len(self.terms) * len(terms_of(other)) > MOST_TERMS:
            raise TooComplex
        terms: dict[Monomial, Coefficient] = {}
        for left, a in self.terms.items():
            for right, b in terms_of(other).items():
                monomial = tuple(sorted((*left, *right), key=lambda atom: atom.key))
                terms[monomial] = terms.get(monomial, 0) + a * b
        return _settle(terms)

    __rmul__ = __mul__

    def __floordiv__(self, other: "Dim") -> "Dim":
        return divide(self, other)

    def __rfloordiv__(self, other: "Dim") -> "Dim":
        return divide(other, self)

    def __mod__(self, other: "Dim") -> "Dim":
        return remainder(self, other)

    def __rmod__(self, other: "Dim") -> "Dim":
        return remainder(other, self)

    def __str__(self) -> str:
        return write(_canonical_form(self))

    def __repr__(self) -> str:
        return f"Expression({self})"

    @property
    def constant(self) -> int | None:
        """The number, where no symbol is left."""
        if not self.terms:
            return 0
        number = self.terms.get(()) if len(self.terms) == 1 else None
        return None if number is None else int(number)

    @cached_property
    def value(self) -> int | None:
        """The number under the values of the parameters, None where data decides."""
        total: Coefficient = 0
        for monomial, coefficient in self.terms.items():
            for atom in monomial:
                factor = atom.evaluate()
                if factor is None:
                    return None
                coefficient *= factor
            total += coefficient
        return int(total)

    @property
    def form(self) -> Form:
        return self._form if self._form is not None else _canonical_form(self)


Dim = int | Expression


def symbol(name: str, value: int | None = None, frame: int = 0) -> Expression:
    """The dimension called `name`: a parameter with its value, or a size that data brings."""
    return Expression({(Symbol(name, value, frame),): 1})


def opaque(
    names: frozenset[str], write: Callable[[Rename], str], loose: bool, value: int, frame: int
) -> Expression:
    """A build-time expression as one symbol, with its value."""
    return Expression({(Opaque(names, write, loose, value, frame),): 1})


def lookup(name: str, indices: tuple[Dim, ...], items: Items, frame: int) -> Expression:
    """An element of the list parameter `name`."""
    return Expression({(Lookup(name, indices, items, frame),): 1})


def named(name: str, dim: Dim) -> Expression:
    """`dim`, written as `name`: what a `let` stands for."""
    return Expression(terms_of(dim), ("name", name))


def value_of(dim: Dim) -> int | None:
    """The number that `dim` is under the values of the parameters, None where data decides."""
    return dim.value if isinstance(dim, Expression) else dim


def terms_of(dim: Dim) -> "Mapping[Monomial, Coefficient]":
    """The products of atoms in `dim`, each with its coefficient; () has the constant."""
    if isinstance(dim, Expression):
        return dim.terms
    return {(): dim} if dim else {}


def sample_of(dim: Dim) -> int | None:
    """The number that structure which depends on `dim` is built for, None where there is none."""
    return value_of(dim)


def divide(top: Dim, bottom: Dim) -> Dim:
    """`top // bottom`, with every multiple of `bottom` taken out; `bottom` must not be 0."""
    if isinstance(top, int) and isinstance(bottom, int):
        return top // bottom
    divisor = bottom if isinstance(bottom, int) else bottom.constant
    if divisor is None:
        return _divide_by_expression(top, bottom)
    if divisor == 1:
        return top
    if divisor < 0:
        return divide(-top, -divisor)
    whole: dict[Monomial, Coefficient] = {}
    rest: dict[Monomial, Coefficient] = {}
    for monomial, coefficient in terms_of(top).items():
        if _divides(monomial, coefficient, divisor):
            whole[monomial] = _simple(_fraction(coefficient) / divisor)
            continue
        if not isinstance(coefficient, int):
            return Expression({(Quotient(top, divisor),): 1})
        quotient, left = divmod(coefficient, divisor)
        whole[monomial] = quotient
        rest[monomial] = left
    left_over = _settle(rest)
    if isinstance(left_over, int):
        return _settle(whole) + left_over // divisor
    return _settle(whole) + _quotient(left_over, divisor)


def _divides(monomial: Monomial, coefficient: "Coefficient", divisor: int) -> bool:
    """Whether a term is known to be a multiple of `divisor`, by what symbols are multiples of."""
    factor = coefficient
    for atom in monomial:
        factor *= atom.multiple if isinstance(atom, Symbol) else 1
    return factor % divisor == 0


def _fraction(number: "Coefficient") -> "Fraction":
    from fractions import Fraction

    return Fraction(number)


def _simple(number: "Fraction") -> "Coefficient":
    return int(number) if number.denominator == 1 else number


def remainder(top: Dim, bottom: Dim) -> Dim:
    """`top % bottom`; `bottom` must not be 0."""
    if isinstance(top, int) and isinstance(bottom, int):
        return top % bottom
    quotient = divide(top, bottom)
    if top == quotient * bottom:
        return 0
    if isinstance(bottom, int) and bottom > 0:
        top = _settle(
            {m: c % bottom for m, c in terms_of(top).items() if not _divides(m, c, bottom)}
        )
        if isinstance(top, int):
            return top % bottom
    return Expression({(Remainder(top, bottom),): 1})


def smallest(*dims: Dim) -> Dim:
    """`min` of dimensions; one that is never the smallest is dropped where that can be told."""
    return _extremum("min", dims)


def largest(*dims: Dim) -> Dim:
    """`max` of dimensions; one that is never the largest is dropped where that can be told."""
    return _extremum("max", dims)


def product(dims: Iterable[Dim]) -> Dim:
    """The product, written as its factors are: 16 * 5 * 5 rather than 400."""
    factors = [dim for dim in dims if dim != 1] or [1]
    if len(factors) == 1:
        return factors[0]
    total: Dim = 1
    for factor in factors:
        total = total * factor
    return Expression(terms_of(total), ("*", *map(form_of, factors)))


def total(dims: Iterable[Dim]) -> Dim:
    """The sum, written as its parts are: 64 + 32 rather than 96, and 2 * width for equal ones."""
    parts = [dim for dim in dims if dim != 0] or [0]
    if len(parts) == 1:
        return parts[0]
    if isinstance(parts[0], Expression) and len({*map(form_of, parts)}) == 1:
        return product([len(parts), parts[0]])
    whole: Dim = 0
    for part in parts:
        whole = whole + part
    return Expression(terms_of(whole), ("+", *map(form_of, parts)))


def form_of(dim: Dim) -> Form:
    """How `dim` is written, as a tree."""
    return ("int", dim) if isinstance(dim, int) else dim.form


def _canonical_form(expression: Expression) -> Form:
    terms = expression.terms.items()
    return sum_form(([atom.form() for atom in monomial], number) for monomial, number in terms)


def _term_key(item: "tuple[Monomial, Coefficient]") -> tuple[int, list[str]]:
    monomial, _ = item
    return (-len(monomial), [atom.key for atom in monomial])


def _settle(terms: "Mapping[Monomial, Coefficient]") -> Dim:
    expression = Expression({m: c if isinstance(c, int) else _simple(c) for m, c in terms.items()})
    constant = expression.constant
    return expression if constant is None else constant


def _divide_by_expression(top: Dim, bottom: Dim) -> Dim:
    if top == 0:
        return 0
    if top == bottom:
        return 1
    divisor = terms_of(bottom)
    if len(divisor) == 1:
        exact = _divide_by_monomial(top, *next(iter(divisor.items())))
        if exact is not None:
            return exact
    return Expression({(Quotient(top, bottom),): 1})


def _divide_by_monomial(top: Dim, monomial: Monomial, coefficient: "Coefficient") -> Dim | None:
    quotient: dict[Monomial, Coefficient] = {}
    for term, factor in terms_of(top).items():
        rest = list(term)
        for atom in monomial:
            if atom not in rest:
                return None
            rest.remove(atom)
        if factor % coefficient:
            return None
        quotient[tuple(rest)] = factor // coefficient
    return _settle(quotient)


def _quotient(top: Expression, divisor: int) -> Dim:
    """Fold `(a // b + c) // d` to `(a + b * c) // (b * d)`."""
    constant = top.terms.get((), 0)
    inner = {m: c for m, c in top.terms.items() if m != ()}
    if len(inner) == 1:
        (monomial, coefficient), *_ = inner.items()
        if coefficient == 1 and len(monomial) == 1 and isinstance(constant, int):
            atom = monomial[0]
            if isinstance(atom, Quotient) and isinstance(atom.denominator, int):
                by = atom.denominator
                return divide(atom.numerator + constant * by, by * divisor)
    return Expression({(Quotient(top, divisor),): 1})


def _extremum(function: str, dims: tuple[Dim, ...]) -> Dim:
    kept: list[Dim] = []
    for dim in dims:
        beaten = False
        for other in list(kept):
            difference = dim - other
            if not isinstance(difference, int):
                continue
            if (difference >= 0) == (function == "min"):
                beaten = True
            else:
                kept.remove(other)
        if not beaten:
            kept.append(dim)
    if len(kept) == 1:
        return kept[0]
    ordered = tuple(sorted(kept, key=str))
    return Expression({(Extremum(function, ordered),): 1})


def divisible(size: Expression, factor: int) -> None:
    """Keep in mind that a size that data brings is a multiple of `factor`."""
    for monomial, coefficient in size.terms.items():
        if len(monomial) == 1 and coefficient == 1 and isinstance(monomial[0], Symbol):
            known = monomial[0]
            known.multiple = lcm(known.multiple, factor)
