"""How far a rate that was counted may be from the true one."""

from __future__ import annotations

import math

__all__ = ["wilson"]

Z = 1.959963984540054  # the 97.5 % point of the normal distribution: intervals of 95 %


def wilson(count: int, of: int) -> tuple[float, float]:
    """Return the 95 % interval of a rate.

    Wilson, E. B., "Probable Inference, the Law of Succession, and Statistical Inference", Journal
    of the American Statistical Association 22 (1927), 209-212. Unlike rate +- 2 standard errors it
    stays in [0, 1] and says something at 0 of n.

    >>> [round(bound, 4) for bound in wilson(0, 10)]
    [0.0, 0.2775]
    """
    rate, spread = count / of, Z * Z / of
    centre = rate + spread / 2
    half = Z * math.sqrt(rate * (1 - rate) / of + spread / (4 * of))
    low, high = (centre - half) / (1 + spread), (centre + half) / (1 + spread)
    return (low if count else 0.0), (high if count < of else 1.0)
