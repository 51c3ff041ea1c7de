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
    hidden: Sequence[Rect] = (),
    planes: Sequence[NDArray[Any]] | None = None,
    *,
    only_torn: bool = False,
) -> int:
    """Return how many pixels show objects of one side that do not come out.

    Args:
        fates: What becomes of the objects.
        bboxes: Their boxes, (N, 4), xyxy primary pixels. Objects without a mask own the pixels
            whose centre is inside.
        frame: Where they can show: the image for the primary, the patch for the donor.
        hidden: Rectangles under which they do not show.
        planes: Of the primary: the instance mask, (H, W), of each object, if there are masks.
        only_torn: Of the primary: objects that show whole were not dropped by the mix.

    Returns:
        Pixels of dropped objects, without those of objects that come out, kept or ignored.
    """
    rows = ((fates.visibility > EPS) ^ fates.keep).nonzero()[0].tolist()
    if only_torn:
        rows = [row for row in rows if fates.visibility[row] < 1]
    if not rows:
        return 0
    places = meet_all(_pixels_of(bboxes[rows]), frame).tolist()
    lost = [
        fates.pieces[row][0] if row in fates.pieces else Rect(*place)
        for row, place in zip(rows, places, strict=True)
    ]
    edges = np.array(lost, np.float64)
    hull = Rect(*map(int, (*edges[:, :2].min(0), *edges[:, 2:].max(0))))
    left = np.zeros((hull.height, hull.width), bool)
    for row, rect in zip(rows, lost, strict=True):
        if row in fates.pieces:
            left[_within(rect, hull)] |= fates.pieces[row][1] != 0
        else:
            left[_within(rect, hull)] = True
    masks.clear(left, hidden, hull)
    found = masks.extent_of(left)
    if found is None:
        return 0
    left, hull = left[found.rows_cols], found.moved(hull.x_min, hull.y_min)
    by_box = _clear_masks(left, hull, fates, planes)
    _clear_boxes(left, hull, edges, bboxes, by_box, planes)
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
            left[_within(part, hull)][pixels[_within(part, rect)] != 0] = False
        by_box[row] = False
    return by_box


def _clear_boxes(
    left: NDArray[np.bool_],
    hull: Rect,
    lost: NDArray[np.float64],
    bboxes: NDArray[np.float64],
    by_box: NDArray[np.bool_],
    planes: Sequence[NDArray[Any]] | None,
) -> None:
    """Clear the pixels of objects that come out and have no mask, where one was lost."""
    x_min, y_min, x_max, y_max = bboxes.T
    left_, top, right, bottom = lost.T[:, :, None]
    meets = (x_min < right) & (x_max > left_)
    meets &= (y_min < bottom) & (y_max > top)
    rows = (meets.any(0) & by_box).nonzero()[0].tolist()
    near = meet_all(_pixels_of(bboxes[rows]), hull) - np.array(hull[:2] * 2)
    for row, (x, y, x_end, y_end) in zip(rows, near.tolist(), strict=True):
        if planes is None or not masks.has_pixel(planes[row]):
            left[y:y_end, x:x_end] = False


def _pixels_of(bboxes: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the pixels whose centre lies in each box, as rectangles, (N, 4)."""
    return np.ceil(bboxes - 0.5).astype(np.int64)


def _within(rect: Rect, frame: Rect) -> tuple[slice, slice]:
    """Return the index that cuts a rectangle out of an array that shows a frame."""
    x, y = frame.x_min, frame.y_min
    return slice(rect.y_min - y, rect.y_max - y), slice(rect.x_min - x, rect.x_max - x)
