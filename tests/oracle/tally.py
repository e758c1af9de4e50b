"""How many calls were held against torch, and how many of them fit."""

import functools
from collections import Counter
from collections.abc import Callable
from typing import ParamSpec

P = ParamSpec("P")

TALLY: Counter[str] = Counter()  # `layers`, and `layers that fit`


def counted(kind: str) -> Callable[[Callable[P, bool]], Callable[P, bool]]:
    """Count the calls of a comparison, which tells whether its case fits."""

    def wrap(compare: Callable[P, bool]) -> Callable[P, bool]:
        @functools.wraps(compare)
        def counting(*args: P.args, **kwargs: P.kwargs) -> bool:
            fits = compare(*args, **kwargs)
            TALLY[kind] += 1
            TALLY[f"{kind} that fit"] += fits
            return fits

        return counting

    return wrap


def report() -> str:
    """The tally in one line."""
    kinds = sorted(kind for kind in TALLY if not kind.endswith(" that fit"))
    parts = [f"{TALLY[kind]:,} of {kind} ({TALLY[f'{kind} that fit']:,} fit)" for kind in kinds]
    return f"oracle: {sum(TALLY[kind] for kind in kinds):,} cases: {', '.join(parts)}"
