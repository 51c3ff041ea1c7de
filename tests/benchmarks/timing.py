"""Time candidates side by side, so that figures are ratios of one run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np

Call = Callable[[], object]


def race(calls: dict[str, Call], *, rounds: int = 41, inner: int = 30) -> dict[str, list[float]]:
    """Return microseconds per call of every candidate in every round.

    Each round times all candidates in a new order, so that a change of the machine's speed falls
    on all of them alike.
    """
    rng = np.random.default_rng(0)
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(rounds):
        for name in rng.permutation(list(calls)).tolist():
            call = calls[name]
            start = time.perf_counter()
            for _ in range(inner):
                call()
            times[name].append((time.perf_counter() - start) / inner * 1e6)
    return times


def median(values: list[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def row(what: str, bound: str, figure: float, limit: float, unit: str) -> str:
    """Return one line of the table: what, bound, figure, and whether it is within."""
    verdict = "within" if figure <= limit else "OVER"
    return f"| {what} | {bound} | {figure:.3g} {unit} | {verdict} |"
