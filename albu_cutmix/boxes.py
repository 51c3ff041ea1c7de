"""Boxes as numbers: formats, overlap with a rectangle, and what of them stays visible.

Boxes are arrays (N, 4), float64, xyxy, pixels; the formats of Albumentations are converted at the
door. Rectangles are half-open integers. Inputs are never modified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.errors import InvalidArgumentError
from albu_cutmix.geometry import Rect, meet_all, minus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = [
    "BBOX_FORMATS",
    "area",
    "clip_bboxes",
    "covered_area",
    "extent_in",
    "from_xyxy",
    "map_bboxes",
    "round_out",
    "share",
    "snap",
    "to_xyxy",
    "visible_extent",
    "visible_fraction",
]

BBOX_FORMATS = ("pascal_voc", "coco", "cxcywh", "albumentations", "yolo")
TINY = np.finfo(np.float64).tiny
# The host carries boxes as float32 shares of the image; on images of up to 8,192 pixels the
# round trip moves an integer edge by less than this.
SNAP = 2.0**-10
NO_AREA = 1e-7  # square pixels: what the host takes for a box without area


def snap(bboxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return boxes whose coordinates within 2**-10 of an integer lie on it."""
    out = np.rint(bboxes)
    np.copyto(out, bboxes, where=np.abs(bboxes - out) >= SNAP)
    return out


def clip_bboxes(
    bboxes: NDArray[np.float64], rect: tuple[int, int, int, int]
) -> NDArray[np.float64]:
    """Return the part of each box, shape (N, 4), that lies in a rectangle.

    A box outside comes back with no area, on the rectangle's edge.
    """
    x_min, y_min, x_max, y_max = rect
    low = np.array((x_min, y_min, x_min, y_min), np.float64)
    out: NDArray[np.float64] = np.maximum(bboxes, low)
    high = np.array((x_max, y_max, x_max, y_max), np.float64)
    return np.minimum(out, high, out=out)


def round_out(bboxes: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.int64]:
    """Return the whole pixels of an image, (height, width), that boxes touch, (N, 4) int64."""
    out = np.concatenate([np.floor(bboxes[:, :2]), np.ceil(bboxes[:, 2:])], axis=1)
    return meet_all(out.astype(np.int64), Rect(0, 0, shape[1], shape[0]))


def map_bboxes(bboxes: NDArray[np.float64], source: Rect, patch: Rect) -> NDArray[np.float64]:
    """Return boxes, shape (N, 4), of donor pixels in primary pixels: source onto patch."""
    sx, sy = patch.width / source.width, patch.height / source.height
    out: NDArray[np.float64] = bboxes - np.array(source[:2] * 2, np.float64)
    out *= np.array((sx, sy, sx, sy))
    out += np.array(patch[:2] * 2, np.float64)
    return out


def area(bboxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the area of each box, shape (N,), square pixels; 0 for an inverted one."""
    x_min, y_min, x_max, y_max = bboxes.T
    out: NDArray[np.float64] = np.maximum(x_max - x_min, 0.0) * np.maximum(y_max - y_min, 0.0)
    return out


def covered_area(bboxes: NDArray[np.float64], *rects: Rect) -> NDArray[np.float64]:
    """Return the area, shape (N,), that each box shares with rectangles, disjoint ones."""
    x_min, y_min, x_max, y_max = bboxes.T
    out: NDArray[np.float64] = np.zeros(len(bboxes))
    for rect in rects:
        width = np.minimum(x_max, rect[2]) - np.maximum(x_min, rect[0])
        height = np.minimum(y_max, rect[3]) - np.maximum(y_min, rect[1])
        out += np.maximum(width, 0.0) * np.maximum(height, 0.0)
    return out


def visible_fraction(bboxes: NDArray[np.float64], rect: Rect) -> NDArray[np.float64]:
    """Return how much of each box lies outside a rectangle.

    Args:
        bboxes: Boxes, shape (N, 4), float64, pixels, xyxy. Not modified.
        rect: Half-open integer rectangle, pixels.

    Returns:
        Shape (N,), float64, in [0, 1]. A box of no area gives 0.

    >>> visible_fraction(np.array([[0.0, 0.0, 4.0, 4.0]]), Rect(0, 0, 2, 4))
    array([0.5])
    """
    whole = area(bboxes)
    return share(whole - covered_area(bboxes, rect), whole)


def share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return part / whole, 0 where there is no whole."""
    return part / np.maximum(whole, TINY)


def visible_extent(bboxes: NDArray[np.float64], *rects: Rect) -> NDArray[np.float64]:
    """Return the tightest box around each box minus rectangles, disjoint ones.

    It shrinks only where they span the box's full height or width from a side; a corner or a
    hole leaves it as it is. A box that is covered whole comes back with no area.

    Args:
        bboxes: Boxes, shape (N, 4), float64, pixels, xyxy. Not modified.
        *rects: Half-open integer rectangles, pixels.

    Returns:
        Shape (N, 4), float64.

    >>> visible_extent(np.array([[0.0, 0.0, 4.0, 4.0]]), Rect(0, 0, 2, 4))
    array([[2., 0., 4., 4.]])
    """
    if len(rects) != 1:
        return extent_in(bboxes, minus(_hull(bboxes), rects)) if len(bboxes) else bboxes.copy()
    low, high = bboxes[:, :2], bboxes[:, 2:]  # columns: x, y
    edges = np.array(rects[0], np.float64)
    start, stop = edges[:2], edges[2:]
    from_low, from_high = low >= start, high <= stop
    spans = (from_low & from_high)[:, ::-1]  # whether the other axis is covered from end to end
    out = bboxes.copy()
    np.minimum(np.maximum(low, stop), high, out=out[:, :2], where=spans & from_low)
    np.minimum(high, start, out=out[:, 2:], where=spans & from_high)
    np.maximum(out[:, 2:], out[:, :2], out=out[:, 2:])
    return out


def extent_in(bboxes: NDArray[np.float64], rects: Sequence[Rect]) -> NDArray[np.float64]:
    """Return the tightest box around what of each box, (N, 4), lies in rectangles.

    Where nothing does, the box comes back as no area at its own corner.
    """
    if not len(rects):
        return np.hstack([bboxes[:, :2]] * 2)
    edges = np.array(rects, np.float64)
    low = np.maximum(bboxes[:, None, :2], edges[:, :2])
    high = np.minimum(bboxes[:, None, 2:], edges[:, 2:])
    meets = np.expand_dims((low < high).all(2), 2)
    corners = np.where(meets, low, np.inf).min(1), np.where(meets, high, -np.inf).max(1)
    ends = [np.where(np.isfinite(corner), corner, bboxes[:, :2]) for corner in corners]
    return np.hstack(ends)


def _hull(bboxes: NDArray[np.float64]) -> Rect:
    """Return a rectangle that holds all boxes."""
    low, high = np.floor(bboxes[:, :2].min(0)), np.ceil(bboxes[:, 2:].max(0))
    return Rect(*low.astype(int).tolist(), *high.astype(int).tolist())


def to_xyxy(bboxes: Any, bbox_format: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return boxes of an Albumentations format as xyxy pixels.

    Args:
        bboxes: Shape (N, 4). Not modified.
        bbox_format: One of `BBOX_FORMATS`: "pascal_voc" (xyxy pixels), "coco" (x, y, w, h
            pixels), "cxcywh" (pixels), "albumentations" (xyxy, shares of the image), "yolo"
            (cxcywh, shares).
        shape: (height, width) of the image that the boxes belong to.

    Returns:
        Shape (N, 4), float64.

    Raises:
        InvalidArgumentError: If the format is unknown.
    """
    _check_format(bbox_format)
    rows = np.array(bboxes, np.float64).reshape(-1, 4)
    if bbox_format in ("albumentations", "yolo"):
        rows *= [shape[1], shape[0], shape[1], shape[0]]
    if bbox_format in ("yolo", "cxcywh"):
        rows[:, :2] -= rows[:, 2:] / 2
    if bbox_format in ("yolo", "cxcywh", "coco"):
        rows[:, 2:] += rows[:, :2]
    return rows


def from_xyxy(bboxes: Any, bbox_format: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return xyxy pixel boxes in an Albumentations format: the inverse of `to_xyxy`."""
    _check_format(bbox_format)
    rows = np.array(bboxes, np.float64).reshape(-1, 4)
    if bbox_format in ("yolo", "cxcywh", "coco"):
        rows[:, 2:] -= rows[:, :2]
    if bbox_format in ("yolo", "cxcywh"):
        rows[:, :2] += rows[:, 2:] / 2
    if bbox_format in ("albumentations", "yolo"):
        rows /= [shape[1], shape[0], shape[1], shape[0]]
    return rows


def _check_format(bbox_format: str) -> None:
    if bbox_format not in BBOX_FORMATS:
        raise InvalidArgumentError(
            f"bbox_format must be one of {', '.join(BBOX_FORMATS)}, got {bbox_format!r}."
        )
