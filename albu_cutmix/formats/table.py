"""The boxes of all images of a pool, in flat arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from albu_cutmix.formats.columns import Column, PackedNumbers, narrow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from albu_cutmix.formats.keypoints import Keypoints
    from albu_cutmix.formats.segments import Segments

__all__ = ["BoxTable", "group_rows"]


def group_rows(
    image: NDArray[np.int64], images: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the order that brings the rows of each image together, and where each image starts.

    Args:
        image: Image of each row, shape (M,), from 0.
        images: Number of images.

    Returns:
        Order, shape (M,), stable; offsets, shape (images + 1,): image i has the rows
        offsets[i] to offsets[i + 1] of the order.
    """
    counts = np.bincount(image, minlength=images)
    return np.argsort(image, kind="stable"), np.concatenate([[0], np.cumsum(counts)])


@dataclass(frozen=True, eq=False)
class BoxTable:
    """The boxes of all images, rows in the order of the images.

    Args:
        offsets: Image i has the rows offsets[i] to offsets[i + 1]; shape (images + 1,).
        bboxes: Shape (M, 4), as the file has them.
        bbox_format: Their format, one of `sample.BBOX_FORMATS`.
        columns: A value per row under the name of each label field.
        segments: The instance mask of each row.
        keypoints: The keypoints of each row, of any number.
    """

    offsets: NDArray[np.integer]
    bboxes: PackedNumbers
    bbox_format: str
    columns: Mapping[str, Column] = field(default_factory=dict)
    segments: Segments | None = None
    keypoints: Keypoints | None = None

    def __post_init__(self) -> None:
        """Keep whole numbers narrow."""
        object.__setattr__(self, "offsets", narrow(self.offsets))
