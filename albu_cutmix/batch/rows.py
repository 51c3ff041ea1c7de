"""Boxes and keypoints of a batch: padded rows with counts in, padded rows with counts out.

The rules are those of `fates` and `keypoints`, of a donor of the primary's size, so source and
patch are one rectangle. Everything is one expression over (B, M): no loop, no wait for a device.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from albu_cutmix.boxes import SNAP
from albu_cutmix.checks import LARGEST
from albu_cutmix.fates import EPS

if TYPE_CHECKING:
    from albu_cutmix._backends import Library

__all__ = ["Counts", "Where", "mix_bboxes", "mix_keypoints"]

LOW, HIGH = slice(0, 2), slice(2, 4)  # the corners of a box


class Where(NamedTuple):
    """A plan beside the rows that it mixes.

    Attributes:
        library: Of the arrays.
        donors: Of which sample the patch is taken, (B,).
        applied: Whether a sample is mixed, (B, 1) bool.
        patches: Where donors show, (B, 1, 4) float64.
        covered: Those patches that hide the primary; zeros where both sides show.
        image: The whole image as such a rectangle, (1, 1, 4).
        weights: Of primary and donor, (B, 1) float64.
    """

    library: Library
    donors: Any
    applied: Any
    patches: Any
    covered: Any
    image: Any
    weights: tuple[Any, Any]


class Counts(NamedTuple):
    """What became of the boxes of each sample, (B,) each; the fields of `MixRecord`."""

    kept: Any
    clipped: Any
    dropped: Any
    donor_kept: Any
    donor_dropped: Any
    least_visibility: Any


def mix_bboxes(
    bboxes: Any,
    counts: Any,
    where: Where,
    least: tuple[float, float],
    faded: int | None = None,
) -> tuple[Any, Any, Counts]:
    """Return boxes of primary and donor, clipped to what shows, kept ones first.

    Args:
        bboxes: (B, M, 4 + E), xyxy pixels and further columns.
        counts: How many rows of each sample are boxes, (B,).
        where: Plan and library.
        least: Least visibility of a primary's and of a donor's box.
        faded: A further column that is multiplied by the weight of its row's side; None: none.

    Returns:
        Boxes (B, 2M, 4 + E), their counts, and what became of them.
    """
    library, xp = where.library, where.library.xp
    there = _there(library, bboxes, counts)
    if not library.on_host:  # the door could not look
        there = there & _are_boxes(library.real(bboxes[..., :4]), where.image)
    edges = _snap(xp, _real_rows(library, bboxes[..., :4], there))
    whole = _area(xp, edges, where.image)
    shown = _share(xp, whole - _area(xp, edges, where.covered), whole)
    keep = there & (_passes(shown, least[0]) | ~where.applied)
    extent = _visible_extent(xp, _clip(xp, edges, where.image), where.covered)
    touched = keep & (shown < 1) & where.applied
    moved = xp.where(touched[..., None], library.cast(extent, bboxes.dtype), bboxes[..., :4])
    changed = touched & (extent != edges).any(2)

    theirs, d_there, d_whole = edges[where.donors], there[where.donors], whole[where.donors]
    seen = _share(xp, _area(xp, theirs, where.patches), d_whole)
    d_keep = d_there & _passes(seen, least[1]) & where.applied
    cut = library.cast(_clip(xp, theirs, where.patches), bboxes.dtype)

    rows = xp.concatenate((moved, cut), 1)
    sides = (bboxes, keep), (bboxes[where.donors], d_keep)
    more = [
        side[..., 4:]
        if faded is None
        else _fade(library, side, kept & where.applied, weight, faded)
        for (side, kept), weight in zip(sides, where.weights, strict=True)
    ]
    both = xp.concatenate((rows, xp.concatenate(more, 1)), 2)
    out, number = _compact(library, both, keep, d_keep)
    fates = {
        "kept": keep & ~changed,
        "clipped": keep & changed,
        "dropped": there & ~keep & (whole > 0),
        "donor_kept": d_keep,
        "donor_dropped": d_there & ~d_keep & (seen > EPS),
    }
    found = {name: (rows & where.applied).sum(1) for name, rows in fates.items()}
    return (
        out,
        number,
        Counts(**found, least_visibility=_least(library, shown, keep & where.applied)),
    )


def _fade(library: Library, rows: Any, there: Any, weight: Any, column: int) -> Any:
    """Return the further columns of rows, one of them multiplied by a weight where *there*."""
    xp, further = library.xp, rows[..., 4:]
    product = _real_rows(library, rows[..., column : column + 1], there) * weight[..., None]
    here = library.put(np.arange(4, rows.shape[2]) == column) & there[..., None]
    return xp.where(here, library.cast(product, rows.dtype), further)


def mix_keypoints(keypoints: Any, counts: Any, where: Where) -> tuple[Any, Any]:
    """Return points of the primary that no patch hides, then those of the donor in the patch.

    Args:
        keypoints: (B, K, 2 + E), x and y in continuous pixels and further columns.
        counts: How many rows of each sample are points, (B,).
        where: Plan and library.

    Returns:
        Points (B, 2K, 2 + E), and their counts.
    """
    there = _there(where.library, keypoints, counts)
    if not where.library.on_host:
        there = there & (abs(where.library.real(keypoints[..., :2])) < LARGEST).all(2)
    points = _real_rows(where.library, keypoints[..., :2], there)
    keep = there & ~_inside(points, where.covered)
    d_keep = there[where.donors] & _inside(points[where.donors], where.patches)
    rows = where.library.xp.concatenate((keypoints, keypoints[where.donors]), 1)
    return _compact(where.library, rows, keep, d_keep)


def _slots(library: Library, count: int) -> Any:
    return library.put(np.arange(count))[None]


def _there(library: Library, rows: Any, counts: Any) -> Any:
    """Return which rows count, (B, M)."""
    # torch compares none of its unsigned counts with int64.
    return _slots(library, rows.shape[1]) < library.cast(counts, "int64")[:, None]


def _are_boxes(edges: Any, image: Any) -> Any:
    """Return which rows are finite boxes with an area, not outside of the image, (B, M)."""
    low, high = edges[..., LOW], edges[..., HIGH]
    good = (low < high) & (low < image[..., HIGH]) & (high > 0)
    return good.all(2) & (abs(edges) < LARGEST).all(2)


def _passes(visibility: Any, least: float) -> Any:
    return visibility > max(least - EPS, EPS)


def _real_rows(library: Library, rows: Any, there: Any) -> Any:
    """Return rows as float64, zeros in unused ones: what lies there may be anything."""
    return library.xp.where(there[..., None], library.real(rows), 0.0)


def _snap(xp: Any, edges: Any) -> Any:
    """See `boxes.snap`."""
    whole = edges.round()
    return xp.where(abs(edges - whole) < SNAP, whole, edges)


def _area(xp: Any, edges: Any, rect: Any) -> Any:
    """See `boxes.covered_area`: (B, M, 4) and (B, 1, 4) give (B, M)."""
    low = xp.maximum(edges[..., :2], rect[..., :2])
    sides = xp.minimum(edges[..., 2:], rect[..., 2:]) - low
    sides = sides * (sides > 0)
    return sides[..., 0] * sides[..., 1]


def _share(xp: Any, part: Any, whole: Any) -> Any:
    """See `boxes.share`."""
    return part / xp.where(whole > 0, whole, 1.0)


def _clip(xp: Any, edges: Any, rect: Any) -> Any:
    """See `boxes.clip_bboxes`."""
    low, high = (xp.concatenate((rect[..., at], rect[..., at]), 2) for at in (LOW, HIGH))
    return xp.minimum(xp.maximum(edges, low), high)


def _visible_extent(xp: Any, edges: Any, rect: Any) -> Any:
    """See `boxes.visible_extent`."""
    low, high = edges[..., LOW], edges[..., HIGH]
    start, stop = rect[..., LOW], rect[..., HIGH]
    from_low, from_high = low >= start, high <= stop
    across = from_low & from_high  # whether the rectangle spans this axis, and so the other shrinks
    spans = xp.stack((across[..., 1], across[..., 0]), 2)
    new_low = xp.where(spans & from_low, xp.minimum(xp.maximum(low, stop), high), low)
    new_high = xp.where(spans & from_high, xp.minimum(high, start), high)
    return xp.concatenate((new_low, xp.maximum(new_high, new_low)), 2)


def _inside(points: Any, rect: Any) -> Any:
    """See `keypoints.in_rect`."""
    return ((points >= rect[..., LOW]) & (points < rect[..., HIGH])).all(2)


def _least(library: Library, visibility: Any, kept: Any) -> Any:
    """Return the least visibility of the kept boxes of each sample, 1 where there is none."""
    shown = library.xp.where(kept, visibility, 1.0)
    one = library.put(np.ones((len(shown), 1)))  # there may be no column
    return library.xp.amin(library.xp.concatenate((shown, one), 1), 1)


def _compact(library: Library, rows: Any, keep: Any, d_keep: Any) -> tuple[Any, Any]:
    """Return the kept rows first, in their order, zeros behind them, and how many there are."""
    both = library.xp.concatenate((keep, d_keep), 1)
    number = both.sum(1)
    rows = library.take(rows, library.order(both))
    filled = _slots(library, rows.shape[1]) < number[:, None]
    return library.xp.where(filled[..., None], rows, library.xp.zeros_like(rows)), number
