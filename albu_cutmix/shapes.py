"""Pixel objects: which pixels of an image show an object, in one of three kinds.

Instance masks where there are such, else the regions of the semantic mask, else boxes. Each kind
answers the same questions, so that seams and visible shares are measured one way. An *index* is a
pair (rows, columns): one a whole number, the other a slice or whole numbers, ascending.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import cv2
import numpy as np

from albu_cutmix import masks
from albu_cutmix.boxes import clip_bboxes
from albu_cutmix.geometry import Rect, meet_all

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "NO_SHAPES",
    "Background",
    "BoxShapes",
    "Index",
    "MaskShapes",
    "Regions",
    "Shapes",
    "holds_pixel",
]

#: Values of a semantic mask that are no object; None: every value is one.
Background = int | tuple[int, ...] | None
#: Rows and columns of a line of pixels.
Index = tuple[Any, Any]


class Shapes(Protocol):
    """The objects of one image."""

    def joined(self, one: Index, other: Index) -> NDArray[np.bool_]:
        """Return where one and the same object has a pixel of two lines, pair by pair."""

    def fill(self, frame: Rect) -> NDArray[Any]:
        """Return the union of all objects in a part of the image, (h, w), 0 where there is none."""


class Regions(NamedTuple):
    """Regions of a semantic mask, (H, W) or (H, W, C): pixels of one value belong together."""

    mask: NDArray[Any]
    background: Background = 0

    def joined(self, one: Index, other: Index) -> NDArray[np.bool_]:
        """See `Shapes`."""
        first = self.mask[one]
        same: NDArray[np.bool_] = first == self.mask[other]
        if self.background is not None:
            same &= self.is_object(first)
        return same if same.ndim == 1 else np.asarray(same.any(-1))

    def fill(self, frame: Rect) -> NDArray[Any]:
        """See `Shapes`."""
        part = self.mask[frame.rows_cols]
        if self.background == 0 and part.ndim == 2 and part.dtype == np.uint8:
            return part
        found = self.is_object(part)
        return (found if found.ndim == 2 else np.asarray(found.any(-1))).view(np.uint8)

    def is_object(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """Return which values are no background, in the shape of the values."""
        if self.background is None:
            return np.ones(values.shape, bool)
        if isinstance(self.background, tuple):
            return ~np.isin(values, self.background)
        return np.asarray(values != self.background)


class MaskShapes(NamedTuple):
    """Instance masks.

    Attributes:
        planes: The mask, (H, W), of each object.
        places: Rectangles that hold the pixels of each, (N, 4); None where not known.
        torn: Masks, and rectangles that hold their pixels, of those that can lie on both sides
            of a seam; others are not looked at.
    """

    planes: Sequence[NDArray[Any]]
    places: NDArray[np.int64] | None
    torn: Sequence[tuple[NDArray[Any], Sequence[int]]]

    def joined(self, one: Index, other: Index) -> NDArray[np.bool_]:
        """See `Shapes`."""
        found = np.zeros(_length(one), bool)
        for plane, rect in self.torn:
            some = _crossing(rect, one, other)
            if some is not None:
                found[some] |= (plane[_part(one, some)] != 0) & (plane[_part(other, some)] != 0)
        return found

    def fill(self, frame: Rect) -> NDArray[Any]:
        """See `Shapes`."""
        out = np.zeros((frame.height, frame.width), np.uint8)
        places = None if self.places is None else meet_all(self.places, frame).tolist()
        for row, plane in enumerate(self.planes):
            near = frame if places is None else Rect(*places[row])
            if near.width > 0 and near.height > 0:
                part = out[near.moved(-frame.x_min, -frame.y_min).rows_cols]
                cv2.bitwise_or(part, masks.as_bytes(plane[near.rows_cols]), part)
        return out


NO_SHAPES = MaskShapes((), None, ())


class BoxShapes(NamedTuple):
    """Boxes as the pixels whose centres they hold.

    Attributes:
        rects: Half-open rectangles, (N, 4).
        torn: Those of them that can lie on both sides of a seam; others are not looked at.
    """

    rects: NDArray[np.int64]
    torn: list[list[int]]

    @classmethod
    def of(
        cls, bboxes: NDArray[np.float64], shape: tuple[int, int], frame: Rect | None
    ) -> BoxShapes:
        """Return the snapped boxes of an image (height, width).

        A seam runs round a frame; None: it may run anywhere.
        """
        rects = _pixels_of(bboxes, shape)
        if frame is None:
            return cls(rects, rects.tolist())
        near = meet_all(rects, frame)
        torn = (near[:, :2] < near[:, 2:]).all(1) & (near != rects).any(1)
        return cls(rects, rects[torn].tolist())

    def joined(self, one: Index, other: Index) -> NDArray[np.bool_]:
        """See `Shapes`."""
        found = np.zeros(_length(one), bool)
        for rect in self.torn:
            some = _crossing(rect, one, other)
            if some is not None:
                found[some] = True
        return found

    def fill(self, frame: Rect) -> NDArray[Any]:
        """See `Shapes`."""
        out = np.zeros((frame.height, frame.width), np.uint8)
        near = meet_all(self.rects, frame) - np.array(frame[:2] * 2)
        for x, y, x_end, y_end in near.tolist():
            out[y:y_end, x:x_end] = 1
        return out


def holds_pixel(bboxes: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return which snapped boxes hold the centre of a pixel of their image, (height, width)."""
    rects = _pixels_of(bboxes, shape)
    return np.asarray((rects[:, :2] < rects[:, 2:]).all(1))


def _pixels_of(bboxes: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.int64]:
    inside = clip_bboxes(bboxes, (0, 0, shape[1], shape[0]))
    return np.ceil(inside - 0.5).astype(np.int64)


def _is_upright(index: Index) -> bool:
    """Whether a line of pixels runs along a column."""
    return isinstance(index[1], int)


def _length(index: Index) -> int:
    along = index[0] if _is_upright(index) else index[1]
    return along.stop - along.start if isinstance(along, slice) else len(along)


def _crossing(rect: Sequence[int], one: Index, other: Index) -> slice | None:
    """Return which pairs of two lines lie in a rectangle, None where it does not hold both."""
    x_min, y_min, x_max, y_max = rect
    if _is_upright(one):
        along, at, beside = one[0], one[1], other[1]
        low, high, start, stop = x_min, x_max, y_min, y_max
    else:
        along, at, beside = one[1], one[0], other[0]
        low, high, start, stop = y_min, y_max, x_min, x_max
    if not (low <= at < high and low <= beside < high):
        return None
    if isinstance(along, slice):
        return slice(max(start - along.start, 0), max(stop - along.start, 0))
    return slice(*np.searchsorted(along, (start, stop)).tolist())


def _part(index: Index, some: slice) -> Index:
    """Return a part of a line."""
    upright = _is_upright(index)
    along = index[0] if upright else index[1]
    if isinstance(along, slice):
        along = slice(along.start + some.start, min(along.start + some.stop, along.stop))
    else:
        along = along[some]
    return (along, index[1]) if upright else (index[0], along)
