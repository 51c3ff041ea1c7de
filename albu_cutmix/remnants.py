"""Remnants: pixels that still show an object which does not come out (rule 7 of the contract).

A detector learns such pixels as background, so they are counted in every record.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix import masks
from albu_cutmix.fates import EPS, Fates
from albu_cutmix.geometry import Rect, meet_all

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["count_remnant"]


def count_remnant(
    fates: Fates,
    bboxes: NDArray[np.float64],
    frame: Rect,
    hidden: Rect | None = None,
    planes: Sequence[NDArray[Any]] | None = None,
) -> int:
    """Return how many pixels show objects of one side that do not come out.

    Args:
        fates: What becomes of the objects.
        bboxes: Their boxes, (N, 4), xyxy primary pixels. Objects without a mask own the pixels
            whose centre is inside.
        frame: Where they can show: the image for the primary, the patch for the donor.
        hidden: Of the primary: the patch, under which it does not show.
        planes: Of the primary: the instance mask, (H, W), of each object, if there are masks.

    Returns:
        Pixels of dropped objects, without those of objects that come out, kept or ignored.
    """
    gone = ~fates.keep & (fates.visibility > EPS)
    if hidden is not None:
        gone &= fates.visibility < 1  # what the patch does not touch was not dropped by the mix
    if not gone.any():
        return 0
    places = np.ceil(bboxes - 0.5).astype(np.int64)
    rows = gone.nonzero()[0].tolist()
    lost = meet_all(places[gone], frame)
    for at, row in enumerate(rows if fates.pieces else ()):
        if row in fates.pieces:
            lost[at] = fates.pieces[row][0]
    hull = Rect(*lost[:, :2].min(0).tolist(), *lost[:, 2:].max(0).tolist())
    left = np.zeros((hull.height, hull.width), bool)
    for row, place in zip(rows, (lost - np.array(hull[:2] * 2)).tolist(), strict=True):
        pixels = fates.pieces[row][1] if row in fates.pieces else True
        left[Rect(*place).rows_cols] |= pixels != 0
    if hidden is not None:
        left[hidden.meet(hull).moved(-hull.x_min, -hull.y_min).rows_cols] = False
    found = masks.extent_of(left)
    if found is None:
        return 0
    left, hull = left[found.rows_cols], found.moved(hull.x_min, hull.y_min)
    by_box = _clear_masks(left, hull, fates, planes)
    _clear_boxes(left, hull, lost, places, by_box, planes)
    return int(np.count_nonzero(left))


def _clear_masks(
    left: NDArray[np.bool_], hull: Rect, fates: Fates, planes: Sequence[NDArray[Any]] | None
) -> NDArray[np.bool_]:
    """Clear the pixels of objects that come out and have a mask; return which others come out."""
    by_box = fates.keep.copy()
    if planes is not None:
        cut = hull.rows_cols
        for row in by_box.nonzero()[0].tolist():
            own = planes[row][cut]
            if masks.has_pixel(own):
                left[own != 0] = False
                by_box[row] = False
        return by_box
    for row, (rect, pixels) in fates.pieces.items():
        part = rect.meet(hull)
        if by_box[row] and part.area:
            own = pixels[part.moved(-rect.x_min, -rect.y_min).rows_cols]
            left[part.moved(-hull.x_min, -hull.y_min).rows_cols][own != 0] = False
        by_box[row] = False
    return by_box


def _clear_boxes(
    left: NDArray[np.bool_],
    hull: Rect,
    lost: NDArray[np.int64],
    places: NDArray[np.int64],
    by_box: NDArray[np.bool_],
    planes: Sequence[NDArray[Any]] | None,
) -> None:
    """Clear the pixels of objects that come out and have no mask, where one was lost."""
    rows = by_box.nonzero()[0]
    (x_min, y_min, x_max, y_max), (left_, top, right, bottom) = lost.T[:, :, None], places[rows].T
    meets = (x_min < right) & (x_max > left_) & (y_min < bottom) & (y_max > top)
    rows = rows[meets.any(0)]
    near = meet_all(places[rows], hull) - np.array(hull[:2] * 2)
    for row, place in zip(rows.tolist(), near.tolist(), strict=True):
        if planes is None or not masks.has_pixel(planes[row]):
            left[place[1] : place[3], place[0] : place[2]] = False
