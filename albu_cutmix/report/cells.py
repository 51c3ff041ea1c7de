"""Numbers as a reader of the report sees them: words, and charts as small as a word."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["bar", "interval", "nice_top", "number", "percent", "round_percent", "whisker"]

SPACE = "\N{NO-BREAK SPACE}"
STEPS = (1, 1.5, 2, 3, 4, 5, 6, 8, 10)


def percent(share: float | None) -> str:
    """Return a share for people: one decimal, or two where one would say nothing.

    >>> [percent(share).replace(SPACE, " ") for share in (0.481, 0.0004, 0.00001, 0)]
    ['48.1 %', '0.04 %', '<0.01 %', '0 %']
    """
    if share is None or not math.isfinite(share):
        return "\N{EN DASH}"
    value = 100 * share
    if value in (0, 100):
        return f"{value:.0f}{SPACE}%"
    if value < 0.01:
        return f"<0.01{SPACE}%"
    return f"{value:.{2 if value < 0.095 else 1}f}{SPACE}%"


def round_percent(share: float) -> str:
    """Return a round share, such as the end of an axis, without needless decimals."""
    return f"{round(100 * share, 2):g}{SPACE}%"


def interval(bounds: Sequence[float]) -> str:
    """Return the bounds of a share, with one sign of percent."""
    low, high = (percent(value) for value in bounds)
    return f"{low.removesuffix(SPACE + '%')} \N{EN DASH} {high}"


def number(value: Any) -> str:
    """Return a cell that is no share: numbers with separators, text as it is."""
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def nice_top(values: Iterable[float | None]) -> float:
    """Return a round number just above the largest value, the end of an axis that begins at 0.

    >>> nice_top([0.031, None]), nice_top([7]), nice_top([])
    (0.04, 8.0, 1.0)
    """
    largest = max((value for value in values if value), default=0.0)
    if not largest or not math.isfinite(largest):
        return 1.0
    unit = 10.0 ** math.floor(math.log10(largest))
    step = next(step for step in STEPS if largest <= step * unit + 1e-12)
    return float(f"{step * unit:.6g}")


def whisker(share: float, low: float, high: float, top: float) -> str:
    """Return a small chart of a rate and its interval on an axis from 0 to *top*."""
    at, start, end = (_along(value, top) for value in (share, low, high))
    return (
        '<svg class="whisker" aria-hidden="true">'
        '<line class="track" x2="100%" y1="6" y2="6"/>'
        f'<rect class="span" x="{start:g}%" y="3" width="{end - start:.4g}%" height="6" rx="3"/>'
        f'<circle class="point" cx="{at:g}%" cy="6" r="4"/></svg>'
    )


def bar(share: float | None, top: float) -> str:
    """Return the bar of a share on an axis from 0 to *top*, for a cell of a table."""
    return (
        '<svg class="bar" aria-hidden="true"><rect class="track" width="100%" height="6"/>'
        f'<rect width="{_along(share or 0.0, top):g}%" height="6"/></svg>'
    )


def _along(value: float, top: float) -> float:
    """Return where a value lies on an axis, in percent of its length."""
    return round(100 * min(max(value / top, 0.0), 1.0), 2)
