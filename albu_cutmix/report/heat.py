"""Heat maps: where in the image something lies, on a coarse grid of shares of its sides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["GRID", "Heat"]

GRID = 24
_BATCH = 128  # rectangles that are added at once


class Heat:
    """Rectangles with a value each, summed up over a grid; every cell by the part covered."""

    def __init__(self) -> None:
        self._covered = np.zeros((GRID, GRID))
        self._values = np.zeros((GRID, GRID))
        self._waiting: list[tuple[float, ...]] = []

    def add(self, box: Sequence[float], shape: tuple[int, int], value: float = 1.0) -> None:
        """Add a rectangle, xyxy in the pixels of an image of (height, width)."""
        height, width = shape
        self._waiting.append(
            (box[0] / width, box[1] / height, box[2] / width, box[3] / height, value)
        )
        if len(self._waiting) >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        rows = np.array(self._waiting, np.float64).reshape(-1, 5)
        across, down = _overlap(rows[:, 0], rows[:, 2]), _overlap(rows[:, 1], rows[:, 3])
        self._covered += down.T @ across
        self._values += (down * rows[:, 4:]).T @ across
        self._waiting.clear()

    def share(self, of: int) -> list[list[float]]:
        """Return how much of each cell was covered, per each of *of* images."""
        self._flush()
        values: list[list[float]] = (self._covered / max(of, 1)).tolist()
        return values

    def mean(self) -> list[list[float]]:
        """Return the mean value of the rectangles over each cell; 0 where there is none."""
        self._flush()
        there = self._covered > 0
        values: list[list[float]] = (
            np.divide(self._values, self._covered, out=np.zeros((GRID, GRID)), where=there)
        ).tolist()
        return values


def _overlap(low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return which part of each cell of a side lies in each range, (N, GRID)."""
    starts = np.arange(GRID) / GRID
    inside = np.minimum(high[:, None], starts + 1 / GRID) - np.maximum(low[:, None], starts)
    cells: NDArray[np.float64] = np.maximum(inside, 0) * GRID
    return cells
