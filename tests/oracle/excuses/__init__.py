"""Where the catalogue refuses what torch takes: for which calls exactly, and why.

An excuse looks at the call alone, never at what the catalogue says about it, so that a rule which
refuses more than it should is not excused. It holds for no call that fits: the comparisons ask.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

Given = Mapping[str, Any]


class Excuse(NamedTuple):
    """`holds` gets all arguments of a call, with the defaults of those that it leaves out."""

    reason: str
    holds: Callable[[Given], bool]


def holding(excuses: Iterable[Excuse], given: Given) -> list[Excuse]:
    """Those that hold for a call; one that is ever the only one is needed."""
    return [excuse for excuse in excuses if excuse.holds(given)]
