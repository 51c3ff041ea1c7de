"""Placement "objects": the source holds whole donor objects, and no object is cut on either side.

From each donor object grows a hull that cuts none; around it lie the sources that are tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from math import floor
from typing import TYPE_CHECKING

import numpy as np

from albu_cutmix.geometry import PatchDraw, Rect
from albu_cutmix.search.clear import MOST_EXACT, place_clear

if TYPE_CHECKING:
    from albu_cutmix.search.avoid import Range
    from albu_cutmix.search.clear import Ints, Shape, Size

__all__ = ["place_objects"]

# So many sizes of source are tried, up to five around one hull.
MOST_TRIES = 40


def place_objects(
    draw: PatchDraw,
    shape: Shape,
    rects: Ints,
    donor_shape: Shape,
    donor_rects: Ints,
    area_range: Range,
    scale: tuple[float, float],
) -> tuple[Rect, Rect] | None:
    """Return a patch and its source that cut no object.

    The source holds one donor object or more; objects of either side are held whole or not met.
    Donor objects are tried in drawn order: the source is such an object with all that would be cut
    beside it, widened to the drawn share, or failing that to a smaller one, down to the least.
    Both are uniform over the places that cut nothing.

    Args:
        draw: Random numbers: beta the share, source_x the order, x and y the place of the patch,
            ratio and source_y that of the source around its object.
        shape: (height, width) of the primary, pixels.
        rects: Objects of the primary, shape (N, 4), int64, inside it. Not modified. Many are
            widened first, as in `place_clear`.
        donor_shape: (height, width) of the donor.
        donor_rects: Objects of the donor, likewise; `MOST_EXACT` of them at most are tried.
        area_range: Least and greatest share of the primary: the patch's sides are rounded from
            those of a rectangle within it.
        scale: Primary pixels per donor pixel, across and down.

    Returns:
        Patch and source, or None where none was found in `MOST_TRIES`. The patch's sides are the
        source's times the scale, rounded to at least a pixel.
    """
    source_draw = draw._replace(x=draw.ratio, y=draw.source_y)
    sizes = _source_sizes(draw, shape, donor_shape, donor_rects, area_range, scale)
    for hull, source_size, size in islice(sizes, MOST_TRIES):
        source = _place_around(source_draw, hull, source_size, donor_shape, donor_rects)
        patch = source and place_clear(draw, shape, size, rects, allow_whole=True)
        if patch and source:
            return patch, source
    return None


def _source_sizes(
    draw: PatchDraw,
    shape: Shape,
    donor_shape: Shape,
    donor_rects: Ints,
    area_range: Range,
    scale: tuple[float, float],
) -> Iterator[tuple[Rect, Size, Size]]:
    """Yield what a source is to hold, its size and the patch's, from the drawn share to the least.

    Both sides of a hull grow alike; with the least share also only the one or the other.
    """
    total = shape[0] * shape[1]
    least, most = area_range[0] * total, area_range[1] * total
    drawn = least + (most - least) * draw.beta
    steps = ((drawn, 0.5), ((drawn + least) / 2, 0.5), (least, 0.5), (least, 1.0), (least, 0.0))
    limit = [
        min(donor_side, floor((side + 0.5) / by))
        for donor_side, side, by in zip(donor_shape[::-1], shape[::-1], scale, strict=True)
    ]
    for hull in _hulls(draw, donor_rects):
        if hull.width > limit[0] or hull.height > limit[1]:
            continue
        tried = set()
        for share, bend in steps:
            area = max(share / (scale[0] * scale[1]), hull.area)
            width = min(round(hull.width * (area / hull.area) ** bend), limit[0])
            height = min(max(round(area / width), hull.height), limit[1])
            width = min(max(round(area / height), hull.width), limit[0])
            size = _scaled((width, height), shape, scale)
            within = (size[0] - 0.5) * (size[1] - 0.5) <= most
            within &= (size[0] + 0.5) * (size[1] + 0.5) >= least
            if within and (width, height) not in tried:
                tried.add((width, height))
                yield hull, (width, height), size


def _hulls(draw: PatchDraw, rects: Ints) -> Iterator[Rect]:
    """Yield rectangles in drawn order, each grown until it cuts no other, without repeats."""
    waiting, rest, seen = list(range(len(rects))), draw.source_x, set()
    for _ in range(min(len(rects), MOST_EXACT)):
        rest *= len(waiting)  # the digits of the drawn number, to a base that falls by one
        hull = rects[waiting.pop(floor(rest))]
        rest -= floor(rest)
        while True:
            held = rects[(rects[:, :2] < hull[2:]).all(1) & (rects[:, 2:] > hull[:2]).all(1)]
            grown = np.concatenate((held[:, :2].min(0), held[:, 2:].max(0)))
            if (grown == hull).all():
                break
            hull = grown
        found = Rect(*hull.tolist())
        if found not in seen:
            seen.add(found)
            yield found


def _place_around(
    draw: PatchDraw, hull: Rect, size: Size, shape: Shape, rects: Ints
) -> Rect | None:
    """Return a rectangle that holds a hull and cuts none, uniform over its places."""
    if size == (hull.width, hull.height):
        return hull
    # Any rectangle of that size within reach holds the hull.
    x, y = max(hull.x_max - size[0], 0), max(hull.y_max - size[1], 0)
    reach = min(hull.y_min + size[1], shape[0]) - y, min(hull.x_min + size[0], shape[1]) - x
    near = rects - (x, y, x, y)
    near = near[(near[:, :2] < reach[::-1]).all(1) & (near[:, 2:] > 0).all(1)]
    found = place_clear(draw, reach, size, near, allow_whole=True)
    return found and found.moved(x, y)


def _scaled(size: Size, shape: Shape, scale: tuple[float, float]) -> Size:
    """Return the size of the patch that a source of a size fills."""
    width, height = (floor(side * by + 0.5) for side, by in zip(size, scale, strict=True))
    return min(max(width, 1), shape[1]), min(max(height, 1), shape[0])
