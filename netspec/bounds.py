"""How far a check expands a spec before it stops with a diagnostic."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from netspec.diagnostic import Diagnostics
    from netspec.source import Span


class Limits(NamedTuple):
    """What a spec may come to at most.

    `layers` of a net; `steps` of its check: layers, functions and blocks at work, turns of loops;
    `blocks` that stand in each other; `bits` of an integer; `items` of a list or a string.
    """

    layers: int = 200_000
    steps: int = 500_000
    blocks: int = 40
    bits: int = 4_096
    items: int = 100_000


MOST_TERMS = 10_000  # of a product of sizes, before equal ones come together
_DEFAULT = Limits()
_CURRENT: ContextVar[Limits] = ContextVar("limits", default=_DEFAULT)


def current() -> Limits:
    """The limits that hold now."""
    return _CURRENT.get()


@contextmanager
def limits(**changed: int) -> Iterator[Limits]:
    """Other limits for what is loaded inside: `with limits(layers=1_000_000): …`.

    What has been loaded keeps the limits that it was loaded with.

    Raises:
        TypeError: for a limit that there is not, or one that is no integer.
        ValueError: for one below 1.
    """
    for name, value in changed.items():
        if name not in Limits._fields:
            known = ", ".join(Limits._fields)
            raise TypeError(f"there is no limit `{name}`: limits are {known}")
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"the limit `{name}` must be an integer, found {value!r}")
        if value < 1:
            raise ValueError(f"the limit `{name}` must be at least 1, found {value}")
    with limited(current()._replace(**changed)) as now:
        yield now


@contextmanager
def limited(now: Limits) -> Iterator[Limits]:
    """While this lasts, these limits hold."""
    token = _CURRENT.set(now)
    try:
        yield now
    finally:
        _CURRENT.reset(token)


class TooComplex(Exception):
    """A size follows a formula that is too long to work with."""


def report_complex(span: "Span", found: "Diagnostics") -> None:
    """Say that a size has grown too long a formula."""
    found.add(
        "too-large",
        f"a size here follows a formula of more than {MOST_TERMS:,} terms",
        span,
        label="too long to work with",
        help="give some of the dimensions in it numbers in place of names",
    )
