"""Outlines: the rectangles that hold each object of an image, for placements that spare objects.

Objects are those of `shapes`: instance masks, else regions of the semantic mask, else boxes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from albu_cutmix import masks
from albu_cutmix.boxes import round_out, snap
from albu_cutmix.geometry import Rect

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from albu_cutmix.shapes import Regions

__all__ = ["outline_boxes", "outline_masks", "outline_regions", "outline_runs"]

MOST_VALUES, MOST_REGIONS = 32, 1024  # of a mask of which each region is outlined by itself
CELLS = 64  # of the lattice on which runs are found, along the longer side


def outline_boxes(bboxes: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.int64]:
    """Return the whole pixels that each box, xyxy, touches in its image, (N, 4) int64."""
    return _with_area(round_out(snap(bboxes), shape))


def outline_masks(planes: Sequence[NDArray[Any]]) -> NDArray[np.int64]:
    """Return the extent of each instance mask, (H, W), that holds a pixel, (N, 4) int64."""
    return _as_rows([extent for extent in map(masks.extent_of, planes) if extent is not None])


def outline_regions(regions: Regions) -> NDArray[np.int64]:
    """Return the extent of each region: connected pixels (4-neighbours) of one value, (N, 4).

    Work is bounded: in a mask of more than `MOST_VALUES` values regions that touch are taken for
    one, and more than `MOST_REGIONS` of them are outlined by runs. Whoever spares what is outlined
    then spares more than the regions, never less.
    """
    found: list[NDArray[np.int64]] = []
    planes = regions.mask if regions.mask.ndim == 3 else regions.mask[..., None]
    for channel in np.moveaxis(planes, -1, 0):
        shown = regions.is_object(channel)
        values = np.unique(channel[shown])
        some = (channel == value for value in values) if len(values) <= MOST_VALUES else (shown,)
        for inside in some:
            stats = cv2.connectedComponentsWithStats(inside.view(np.uint8), connectivity=4)[2][1:]
            found.append(np.hstack([stats[:, :2], stats[:, :2] + stats[:, 2:4]]).astype(np.int64))
    rects = np.concatenate(found) if found else _as_rows([])
    return rects if len(rects) <= MOST_REGIONS else outline_runs(regions)


def outline_runs(regions: Regions) -> NDArray[np.int64]:
    """Return rectangles that hold all pixels of regions and little more, (N, 4) int64.

    They are runs of cells of a lattice, single pixels in images of up to 64 pixels a side, so a
    gap narrower than a cell may be missed, and no object ever is.
    """
    height, width = regions.mask.shape[:2]
    cell = -(-max(height, width) // CELLS)
    inside = regions.fill(Rect(0, 0, width, height)) != 0
    rows, cols = np.arange(0, height, cell), np.arange(0, width, cell)
    cells = np.maximum.reduceat(np.maximum.reduceat(inside, rows, axis=0), cols, axis=1)
    steps = np.diff(cells.astype(np.int8), axis=1, prepend=0, append=0)
    (at, start), (_, stop) = (steps == 1).nonzero(), (steps == -1).nonzero()
    runs = np.stack([start, at, stop, at + 1], axis=1) * cell
    inside_image: NDArray[np.int64] = np.minimum(runs, np.array([width, height, width, height]))
    return inside_image


def _as_rows(rects: list[Any]) -> NDArray[np.int64]:
    return np.array(rects, np.int64).reshape(-1, 4)


def _with_area(rects: NDArray[np.int64]) -> NDArray[np.int64]:
    return rects[(rects[:, :2] < rects[:, 2:]).all(1)]
