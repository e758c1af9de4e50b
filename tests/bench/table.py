"""Medians of actions that take turns, and the table that shows their ratios."""

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple


class Row(NamedTuple):
    """One line of the table; `goal` is what the ratio must not exceed, None where it is free."""

    what: str
    ours: float
    against: str
    theirs: float
    goal: float | None = None


def show(rows: Sequence[Row]) -> int:
    """Print the table, times in milliseconds.

    Returns:
        The number of goals that were missed.
    """
    width, other = max(len(row.what) for row in rows), max(len(row.against) for row in rows)
    print(f"{'measured':{width}}  {'ms':>9}  {'against':{other}}  {'ms':>9}  {'ratio':>6}  goal")
    missed = 0
    for row in rows:
        ratio = row.ours / row.theirs
        over = row.goal is not None and ratio > row.goal
        missed += over
        goal = "" if row.goal is None else f"≤ {row.goal:g}{'  MISSED' if over else ''}"
        print(
            f"{row.what:{width}}  {row.ours * 1e3:9.2f}  {row.against:{other}}  "
            f"{row.theirs * 1e3:9.2f}  {ratio:6.2f}  {goal}".rstrip()
        )
    return missed


def alternate(*actions: Callable[[], float], turns: int) -> list[float]:
    """The median time of each action, over turns in which each has its go."""
    times: list[list[float]] = [[] for _ in actions]
    for turn in range(turns + 1):
        for kept, action in zip(times, actions, strict=True):
            seconds = action()
            if turn:  # the first turn fills caches
                kept.append(seconds)
    return [median(kept) for kept in times]


def timed(action: Callable[[], object]) -> Callable[[], float]:
    def run() -> float:
        start = time.perf_counter()
        action()
        return time.perf_counter() - start

    return run
