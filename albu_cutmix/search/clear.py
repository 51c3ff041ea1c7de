"""Where a rectangle of a given size may lie: all places at once.

Each object forbids a rectangle of places, those at which it would be met. These are painted on the
grid that their edges make; what stays clear is the answer.
"""

from __future__ import annotations

from math import floor
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from albu_cutmix.geometry import PatchDraw, Rect

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints: TypeAlias = NDArray[np.int64]
    Shape: TypeAlias = tuple[int, int]  # (height, width)
    Size: TypeAlias = tuple[int, int]  # (width, height)

__all__ = ["MOST_EXACT", "clear_places", "distinct", "place_clear", "widened"]

# More objects than this are widened to a lattice of as many cells a side, so that work is bounded.
MOST_EXACT = 64


def place_clear(
    draw: PatchDraw, shape: Shape, size: Size, rects: Ints, *, allow_whole: bool = False
) -> Rect | None:
    """Return a rectangle of a given size, uniform over all places where it meets no object.

    Args:
        draw: Random numbers; x and y choose the place.
        shape: (height, width) of the image that holds the rectangle.
        size: (width, height) of the rectangle, at least one pixel each.
        rects: The objects, shape (N, 4), int64; parts may lie outside the image. Not modified.
            Many are `widened` first.
        allow_whole: Whether an object may be met if it is covered wholly.

    Returns:
        The rectangle, or None where there is no such place.
    """
    if size[0] > shape[1] or size[1] > shape[0]:
        return None
    xs, ys, clear = clear_places(shape, size, widened(shape, rects), allow_whole=allow_whole)
    rows = ys[1:] - ys[:-1]
    per_column = clear @ rows
    ends = (per_column * (xs[1:] - xs[:-1])).cumsum()
    if not ends[-1]:
        return None
    # x first, each column by the number of its clear places, then one of those.
    nth = floor(draw.x * int(ends[-1]))
    i = ends.searchsorted(nth, "right")
    x = int(xs[i + 1] - 1 - (ends[i] - 1 - nth) // per_column[i])
    nth = floor(draw.y * int(per_column[i]))
    ends = (clear[i] * rows).cumsum()
    j = ends.searchsorted(nth, "right")
    y = int(ys[j + 1] - ends[j] + nth)
    return Rect(x, y, x + size[0], y + size[1])


def widened(shape: Shape, rects: Ints) -> Ints:
    """Return rectangles whose edges are few enough: many are moved outward to a lattice.

    Up to `MOST_EXACT` rectangles, and edges along an axis that share as few lines, stay as they
    are; other edges move to the next line of `MOST_EXACT` cells a side, but not over the border.
    """
    if len(rects) <= MOST_EXACT:
        return rects
    out = rects.copy()
    for axis, side in enumerate(shape[::-1]):
        low, high = rects[:, axis], rects[:, axis + 2]
        if len(np.unique(np.concatenate((low, high)))) > MOST_EXACT + 1:
            cell = -(-side // MOST_EXACT)
            out[:, axis] = low // cell * cell
            out[:, axis + 2] = np.minimum(-(-high // cell) * cell, np.maximum(high, side))
    return out


def clear_places(
    shape: Shape, size: Size, rects: Ints, *, allow_whole: bool = False
) -> tuple[Ints, Ints, NDArray[np.bool_]]:
    """Return where a rectangle of a size may lie, as cells of a grid of places; see `place_clear`.

    Returns:
        The grid's lines across and down, ascending, and for each cell, (X - 1, Y - 1), whether
        its places are clear.
    """
    xs, left, right = _axis(rects[:, 0], rects[:, 2], size[0], shape[1], allow_whole)
    ys, top, bottom = _axis(rects[:, 1], rects[:, 3], size[1], shape[0], allow_whole)
    if allow_whole:  # exchanged, the places that cover an object take away what the others add
        n = len(rects)
        top[n:], bottom[n:] = bottom[n:].copy(), top[n:].copy()
    left, right = left * len(ys), right * len(ys)
    met = np.bincount(np.concatenate((left + top, right + bottom)), minlength=len(xs) * len(ys))
    met -= np.bincount(np.concatenate((left + bottom, right + top)), minlength=len(met))
    return xs, ys, met.reshape(-1, len(ys))[:-1, :-1].cumsum(0).cumsum(1) == 0


def _axis(
    low: Ints, high: Ints, side: int, length: int, allow_whole: bool
) -> tuple[Ints, Ints, Ints]:
    """Return lines between places along an axis, and at which each object begins and ends.

    From the first of them to the second it is met; with `allow_whole`, as many more follow, from
    and to which it is covered.
    """
    span = length - side + 1
    first, last = low - (side - 1), high
    if allow_whole:
        first, last = np.concatenate((first, high - side)), np.concatenate((last, low + 1))
    first = np.minimum(np.maximum(first, 0), span)
    last = np.maximum(np.minimum(last, span), first)
    lines = distinct(first, last, (0, span))
    return lines, lines.searchsorted(first), lines.searchsorted(last)


def distinct(*values: Ints | tuple[int, ...]) -> Ints:
    """Return the values, none of them negative, ascending and without repeats."""
    return np.bincount(np.concatenate(values)).nonzero()[0]
