"""Placement "avoid": the patch touches no object.

Each pair of a left and a right edge bounds a strip of the image, and the tallest gap in it is the
height that a patch of that width may have. All strips together say of every size whether it fits.
"""

from __future__ import annotations

from math import exp, floor, log, sqrt
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from albu_cutmix.geometry import PatchDraw, Rect, place_inside
from albu_cutmix.search.clear import MOST_EXACT, clear_places, distinct, place_clear, widened

if TYPE_CHECKING:
    from albu_cutmix.search.clear import Ints, Shape, Size

    Range: TypeAlias = tuple[float, float]

__all__ = ["place_avoid"]

# A share is found to 2^-32 of its range; mostly ten halvings leave no size between.
HALVINGS = 32


def place_avoid(
    draw: PatchDraw, shape: Shape, area_range: Range, ratio_range: Range, obstacles: Ints
) -> Rect | None:
    """Return a patch that shares no pixel with any obstacle.

    It has the size that `place_inside` gives it, if that fits anywhere. If not, it has the drawn
    ratio and the greatest share below the drawn one that fits; if not even the least share fits,
    it has the least share and the ratio nearest to the drawn one at which it does. Its place is
    uniform over all free places. Without obstacles it is the patch of `place_inside`.

    Args:
        draw: Random numbers.
        shape: (height, width) of the primary, pixels.
        area_range: Least and greatest share of the image.
        ratio_range: Least and greatest (w / W) / (h / H).
        obstacles: Shape (N, 4), int64, inside the image. Not modified. Many are `widened` first,
            and "fits" and "free" are then meant of the widened ones.

    Returns:
        The patch, or None where no patch of the least share, with any ratio in range and sides
        rounded to at least one pixel, has a free place, or the drawn one rounds to no pixel.
    """
    drawn = place_inside(draw, shape, area_range, ratio_range)
    if drawn is None or not len(obstacles):
        return drawn
    rects = widened(shape, obstacles)
    low, high = _narrowed(ratio_range, area_range[0])
    narrowest, widest = (_sides(shape, area_range[0], ratio)[0] for ratio in (low, high))
    gaps = _tallest_gaps(shape, rects, narrowest, max(widest, drawn.width))
    size: Size | None = (drawn.width, drawn.height)
    if gaps[drawn.width] < drawn.height:
        size = _shrunk(draw, shape, area_range, ratio_range, gaps)
    return None if size is None else place_clear(draw, shape, size, rects)


def _tallest_gaps(shape: Shape, rects: Ints, narrowest: int, widest: int) -> Ints:
    """Return the height of the tallest free rectangle of each width, shape (W + 1,).

    Widths from *narrowest* to *widest* count; of others the height may come out too small.
    """
    height, width = shape
    lefts, rights = distinct(rects[:, 2], (0,))[:, None], distinct(rects[:, 0], (0, width))
    # Not a strip with another in it that is wide enough.
    i, j = np.nonzero((lefts <= rights[1:] - narrowest) & (lefts > rights[:-1] - widest))
    left, right = lefts[i, 0], rights[j + 1]
    if len(rects) <= MOST_EXACT:
        x_min, tops, x_max, bottoms = rects[rects[:, 1].argsort()].T[..., None]
        blocked = (x_min < right) & (x_max > left)
    else:  # they share few lines: the rows of that lattice are fewer than they
        xs, ys, clear = clear_places(shape, (1, 1), rects)
        tops, bottoms = ys[:-1, None], ys[1:, None]
        before = np.vstack((np.zeros_like(ys[1:]), (~clear).cumsum(0))).T
        blocked = before[:, xs.searchsorted(left)] < before[:, xs.searchsorted(right)]
    # Row k: how far down each strip is taken by what begins above the k-th top.
    taken = np.zeros((len(tops) + 1, len(left)), np.int64)
    np.multiply(blocked, bottoms, out=taken[1:])
    np.maximum.accumulate(taken, axis=0, out=taken)
    tallest = np.zeros(width + 1, np.int64)
    np.maximum.at(tallest, right - left, np.maximum((tops - taken[:-1]).max(0), height - taken[-1]))
    return np.maximum.accumulate(tallest[::-1])[::-1]


def _shrunk(
    draw: PatchDraw, shape: Shape, area_range: Range, ratio_range: Range, gaps: Ints
) -> Size | None:
    """Return the size that fits the gaps where the drawn one does not; see `place_avoid`."""
    low, high = area_range[0], area_range[0] + (area_range[1] - area_range[0]) * draw.beta
    logs = [log(end) for end in _narrowed(ratio_range, high)]
    ratio = exp(logs[0] + (logs[1] - logs[0]) * draw.ratio)
    fitting, over = _sides(shape, low, ratio), _sides(shape, high, ratio)
    if gaps[fitting[0]] < fitting[1]:
        return _bent(shape, low, ratio, ratio_range, gaps)
    for _ in range(HALVINGS):
        if over[0] - fitting[0] + over[1] - fitting[1] == 1:
            break  # no size lies between
        share = (low + high) / 2
        size = _sides(shape, share, ratio)
        if gaps[size[0]] < size[1]:
            high, over = share, size
        else:
            low, fitting = share, size
    return fitting


def _bent(shape: Shape, share: float, ratio: float, ratio_range: Range, gaps: Ints) -> Size | None:
    """Return the size of a share that fits the gaps with the ratio nearest to a given one."""
    low, high = _narrowed(ratio_range, share)
    # The ratios at which a rounded side steps: from one to the next the size is the same.
    sides = np.array((shape[1], shape[0]))
    wide, tall = (((np.arange(side) + 0.5) / side) ** 2 for side in sides)
    steps = np.concatenate((wide / share, share / tall, (ratio,)))
    steps = steps[(steps > low) & (steps < high)]
    ends = np.sort(np.concatenate(((low, low, high, high), steps)))
    middle = (ends[1:] + ends[:-1]) / 2
    relative = np.sqrt(np.stack((share * middle, share / middle), axis=1))
    sizes = np.clip(np.floor(relative * sides + 0.5).astype(np.int64), 1, sides)
    fitting = np.flatnonzero(gaps[sizes[:, 0]] >= sizes[:, 1])
    if not len(fitting):
        return None
    away = np.maximum(ends[:-1] / ratio, ratio / ends[1:])[fitting]
    width, height = sizes[fitting[away.argmin()]].tolist()
    return width, height


def _narrowed(ratio_range: Range, share: float) -> Range:
    """Return the ratios at which a share reaches over no border."""
    return max(ratio_range[0], share), min(ratio_range[1], 1.0 / share)


def _sides(shape: Shape, share: float, ratio: float) -> Size:
    """Return the sides of a patch, rounded as by `place_inside`, but at least a pixel."""
    width = floor(sqrt(share * ratio) * shape[1] + 0.5)
    height = floor(sqrt(share / ratio) * shape[0] + 0.5)
    return min(max(width, 1), shape[1]), min(max(height, 1), shape[0])
