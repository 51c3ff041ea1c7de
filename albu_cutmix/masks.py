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

__all__ = ["count", "extent_of", "find_hidden", "has_pixel", "locate", "visible_extent"]


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
    planes: Sequence[NDArray[Any]], patch: Rect, hints: NDArray[np.int64]
) -> dict[int, tuple[int, int, Rect]]:
    """Return which masks have pixels in a patch.

    Args:
        planes: Masks, each (H, W).
        patch: Half-open rectangle, pixels.
        hints: Of each mask where its pixels probably are, (N, 4); see `locate`.

    Returns:
        Of each such mask its pixels in the patch, its pixels altogether, and a rectangle that
        holds them.
    """
    found = {}
    inside = patch.rows_cols
    near = meet_all(hints, patch).tolist()
    for row, (plane, (x_min, y_min, x_max, y_max)) in enumerate(zip(planes, near, strict=True)):
        hidden = count(plane[y_min:y_max, x_min:x_max])
        if hidden or has_pixel(plane[inside]):
            hint = Rect(*hints[row].tolist())
            total, where = locate(plane, hint)
            found[row] = (hidden if where is hint else count(plane[inside])), total, where
    return found


def visible_extent(mask: NDArray[Any], patch: Rect, where: Rect) -> Rect | None:
    """Return the tightest rectangle around the pixels of a mask that a patch does not cover.

    Args:
        mask: Shape (H, W). Not modified.
        patch: Half-open rectangle, pixels.
        where: A rectangle that holds all pixels of the mask; see `locate`.
    """
    left, top = where[:2]
    part = as_bytes(mask[where.rows_cols]).copy()
    x_min, y_min, x_max, y_max = patch
    rows = slice(max(y_min - top, 0), max(y_max - top, 0))
    part[rows, max(x_min - left, 0) : max(x_max - left, 0)] = 0
    found = extent_of(part)
    return found and found.moved(left, top)
