"""Which donor is drawn: all alike, or by weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.errors import InvalidArgumentError
from albu_cutmix.sharing import SharedArrays

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Chances", "check_weights", "draw_index"]

QUICK = 8  # draws that may meet a donor that was drawn before


def check_weights(weights: Any, count: int) -> NDArray[np.float64]:
    """Return the weights of *count* donors as a new array, (N,), float64.

    Raises:
        InvalidArgumentError: If they are not finite numbers of at least 0, one of them above 0.
    """
    try:
        plain = np.asarray(weights)
        found = np.array(plain, np.float64) if plain.dtype.kind in "iuf" else np.zeros(0)
    except (TypeError, ValueError, OverflowError):
        found = np.zeros(0)
    if found.shape != (count,) or not np.isfinite(found).all() or (found < 0).any():
        raise InvalidArgumentError(
            f"weights must be {count} finite numbers of at least 0, one for each donor, got "
            f"{_short(weights)}."
        )
    if not found.any():
        raise InvalidArgumentError("weights must not all be 0: no donor could be drawn.")
    return found


class Chances(SharedArrays):
    """Weights of donors, summed up once so that a draw takes a search only.

    Args:
        weights: One for each donor, any scale; see `check_weights`.

    Raises:
        InvalidArgumentError: If they are no weights.
    """

    def __init__(self, weights: Any, count: int) -> None:
        found = check_weights(weights, count)
        found /= found.max()  # no sum of finite weights overflows
        self._ends = np.cumsum(found)
        self._rests = np.cumsum(found[::-1])  # from the last: a large weight drowns those behind it

    def draw(self, rng: np.random.Generator, exclude: int | None = None) -> int | None:
        """Return the index of a donor, never *exclude*; None where no other has a weight."""
        count = len(self._ends)
        if exclude is None:
            return _find(self._ends, rng.random() * self._ends[-1])
        # Those before and after are two lists, each with sums of its own.
        left, right = self._ends[:exclude], self._rests[: count - 1 - exclude]
        before, behind = (sums[-1] if len(sums) else 0.0 for sums in (left, right))
        if before + behind <= 0:
            return None
        point = rng.random() * (before + behind)
        if behind <= 0 or point < before:
            return _find(left, point)
        return count - 1 - _find(right, point - before)

    def draw_other(self, rng: np.random.Generator, others: set[int]) -> int | None:
        """Return the index of a donor that is none of some; None where no other has a weight."""
        for _ in range(QUICK):
            index = _find(self._ends, rng.random() * self._ends[-1])
            if index not in others:
                return index
        # Those that are left have little of the weight: it drowns in one sum, not in both.
        left = np.diff(self._ends, prepend=0.0)
        np.maximum(left, np.diff(self._rests, prepend=0.0)[::-1], out=left)
        left[list(others)] = 0.0
        ends = np.cumsum(left)
        return _find(ends, rng.random() * ends[-1]) if ends[-1] > 0 else None


def draw_index(
    rng: np.random.Generator,
    count: int,
    exclude: int | None,
    chances: Chances | None = None,
    used: Sequence[int] = (),
) -> int | None:
    """Return which of *count* donors is drawn; None where only *exclude* is left.

    Args:
        rng: The source of randomness.
        count: Number of donors.
        exclude: Index that is never drawn; None: all may be.
        chances: Weights; None: all alike.
        used: Indices that are drawn only where no other is left.
    """
    others = {*used, *(() if exclude is None else (exclude,))}
    if len(used) and (chances is not None or len(others) == count):
        found = None if chances is None else chances.draw_other(rng, others)
        return draw_index(rng, count, exclude, chances) if found is None else found
    if len(others) == count:
        return None
    if chances is not None:
        return chances.draw(rng, exclude)
    index = int(rng.integers(count - len(others)))
    for other in sorted(others):
        index += index >= other
    return index


def _find(ends: NDArray[np.float64], point: float) -> int:
    """Return the first slot that ends behind a point; by rounding it may be the last end itself."""
    # The slot of the last end is the last one with a weight: those behind it end there too.
    index = min(np.searchsorted(ends, point, "right"), np.searchsorted(ends, ends[-1], "left"))
    return int(index)


def _short(value: Any) -> str:
    shape = getattr(value, "shape", None)
    text = f"an array of shape {shape} with " if shape is not None else ""
    return text + repr(value)[:80]
