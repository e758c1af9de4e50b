"""Find the `require` that would prove sizes equal."""

from collections.abc import Collection, Iterable
from itertools import islice, product
from math import lcm, prod

from netspec.compare import same
from netspec.dim import Dim, Expression, Quotient, Remainder
from netspec.substitute import atoms, substitute
from netspec.symbol import Symbol

Pair = tuple[Dim, Dim]
_MOST_MODULI = 24  # for one size
_MOST_CHOICES = 4096  # of factors for all sizes together
_MOST_TRIALS = 400
_LARGEST = 1 << 20


def proof_of(pairs: Iterable[Pair], names: Collection[str]) -> str:
    """What to require so that the sizes of each pair are known to be equal.

    Only the sizes called `names` can be spoken of. "" where no divisibility proves it.

    >>> from netspec.dim import symbol
    >>> H = symbol("H")
    >>> proof_of([(H // 2, 2 * (H // 4)), (H, H)], ["H"])
    'H % 4 == 0'
    """
    pairs = [pair for pair in pairs if same(*pair) is not True]
    factors: dict[str, int] = {}
    for pair in pairs:
        found = _factors(pair, names) if same(*pair) is None else None
        if found is None:
            return ""
        factors = {name: lcm(factors.get(name, 1), found.get(name, 1)) for name in factors | found}
    if not all(_holds(pair, factors) for pair in pairs):
        return ""
    return " and ".join(f"{name} % {factor} == 0" for name, factor in factors.items())


def _factors(pair: Pair, names: Collection[str]) -> dict[str, int] | None:
    """The smallest factors of sizes that prove a pair equal, by name."""
    divisors: dict[str, list[int]] = {}
    for dim in pair:
        _collect(dim, divisors)
    known = [name for name in divisors if name in names]
    room = int(_MOST_CHOICES ** (1 / max(1, len(known))))
    choices = product(*(_moduli(divisors[name])[:room] for name in known))
    for choice in islice(sorted(choices, key=prod), _MOST_TRIALS):
        factors = dict(zip(known, choice, strict=True))
        if _holds(pair, factors):
            return {name: factor for name, factor in factors.items() if factor > 1}
    return None


def _collect(dim: Dim, divisors: dict[str, list[int]]) -> None:
    """Note what each size that data brings is divided by."""
    for monomial in dim.terms if isinstance(dim, Expression) else ():
        for atom in monomial:
            if isinstance(atom, Quotient | Remainder):
                if isinstance(atom.denominator, int):
                    for size in _sizes(atom.numerator):
                        divisors.setdefault(size.name, []).append(atom.denominator)
                _collect(atom.numerator, divisors)


def _sizes(dim: Dim) -> list[Symbol]:
    found = [atom for atom in atoms(dim) if isinstance(atom, Symbol) and atom.value is None]
    return sorted(found, key=lambda atom: atom.key)


def _moduli(divisors: list[int]) -> list[int]:
    """The products of some of the divisors, the smallest first."""
    products = {1}
    for divisor in divisors:
        products |= {p * divisor for p in products if p * divisor <= _LARGEST}
    return sorted(products)[:_MOST_MODULI]


def _holds(pair: Pair, factors: dict[str, int]) -> bool:
    """Whether a pair is equal where the sizes are multiples of these factors."""
    values: dict[str, Dim] = {}
    for size in {size for dim in pair for size in _sizes(dim)}:
        if size.name in factors:
            assumed = Symbol(size.name, None, size.frame)
            assumed.multiple = lcm(size.multiple, factors[size.name])
            values[size.name] = Expression({(assumed,): 1})
    left, right = (substitute(dim, values) for dim in pair)
    return same(left, right) is True
