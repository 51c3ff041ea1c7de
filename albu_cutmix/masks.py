"""Instance masks as numbers: how many pixels, where, and how many a patch hides.

A mask is (H, W) of any dtype; every value but 0 is the object. To look is what costs, so each
function looks only where pixels can be: at the patch, and at a hint of where the object lies,
which may be wrong without harm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from albu_cutmix.geometry import Rect, meet_all

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["clear", "count", "extent_of", "find_hidden", "has_pixel", "locate", "visible_extent"]


BYTE = np.dtype(np.uint8)


def as_bytes(mask: NDArray[Any]) -> NDArray[np.uint8]:
    """Return masks as bytes that are 0 where they are; a view where that can be."""
    if mask.dtype is BYTE:
        return mask
    return mask.view(np.uint8) if mask.dtype.itemsize == 1 else (mask != 0).view(np.uint8)


def count(mask: NDArray[Any]) -> int:
    """Return the number of pixels of a mask, (H, W)."""
    return cv2.countNonZero(as_bytes(mask)) if mask.size else 0


def has_pixel(mask: NDArray[Any]) -> bool:
    """Return whether a mask, (H, W), holds a pixel."""
    return mask.size > 0 and cv2.hasNonZero(as_bytes(mask))


def extent_of(mask: NDArray[Any]) -> Rect | None:
    """Return the tightest rectangle around a mask, (H, W); None where it holds no pixel.

    >>> extent_of(np.eye(4, 6, 2))
    Rect(x_min=2, y_min=0, x_max=6, y_max=4)
    """
    x, y, w, h = cv2.boundingRect(as_bytes(mask)) if mask.size else (0, 0, 0, 0)
    return Rect(x, y, x + w, y + h) if w else None


def locate(mask: NDArray[Any], hint: Rect) -> tuple[int, Rect]:
    """Return the number of pixels of a mask, (H, W), and a rectangle that holds them all.

    Args:
        mask: Shape (H, W).
        hint: Where they probably are, inside the image; else the whole image is looked at.
    """
    total = count(mask)
    if count(mask[hint.rows_cols]) < total:
        return total, Rect(0, 0, mask.shape[1], mask.shape[0])
    return total, hint


def find_hidden(
    planes: Sequence[NDArray[Any]], covered: Sequence[Rect], hints: NDArray[np.int64]
) -> dict[int, tuple[int, int, Rect]]:
    """Return which masks have pixels in rectangles.

    Args:
        planes: Masks, each (H, W).
        covered: Half-open rectangles, pixels, disjoint ones.
        hints: Of each mask where its pixels probably are, (N, 4); see `locate`.

    Returns:
        Of each such mask its pixels in the rectangles, its pixels altogether, and a rectangle
        that holds them.
    """
    found = {}
    inside = [rect.rows_cols for rect in covered]
    near = np.stack([meet_all(hints, rect) for rect in covered], 1).tolist() if covered else ()
    for row, (plane, parts) in enumerate(zip(planes, near, strict=bool(covered))):
        hidden = sum(count(plane[y:y_max, x:x_max]) for x, y, x_max, y_max in parts)
        if hidden or any(has_pixel(plane[part]) for part in inside):
            hint = Rect(*hints[row].tolist())
            total, where = locate(plane, hint)
            if where is not hint:
                hidden = sum(count(plane[part]) for part in inside)
            found[row] = hidden, total, where
    return found


def visible_extent(mask: NDArray[Any], covered: Sequence[Rect], where: Rect) -> Rect | None:
    """Return the tightest rectangle around the pixels of a mask that no rectangle covers.

    Args:
        mask: Shape (H, W). Not modified.
        covered: Half-open rectangles, pixels.
        where: A rectangle that holds all pixels of the mask; see `locate`.
    """
    part = as_bytes(mask[where.rows_cols]).copy()
    clear(part, covered, where)
    found = extent_of(part)
    return found and found.moved(where.x_min, where.y_min)


def clear(pixels: NDArray[Any], covered: Sequence[Rect], where: Rect) -> None:
    """Set pixels, (h, w), that lie in a rectangle of an image, to 0 where others cover them."""
    for rect in covered:
        part = rect.meet(where)
        if part.area:
            pixels[part.moved(-where.x_min, -where.y_min).rows_cols] = 0
