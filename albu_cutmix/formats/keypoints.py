"""Keypoints of COCO: checked, packed flat, handed out when drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.errors import InvalidSampleError
from albu_cutmix.formats.columns import PackedNumbers, narrow
from albu_cutmix.formats.door import near_image

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Keypoints", "parse_keypoints"]


@dataclass(frozen=True, eq=False)
class Keypoints:
    """The keypoints of all rows of a pool, flat.

    Args:
        points: Shape (P, 2), x and y in pixels.
        visible: Shape (P,), int8: 0 not labelled, 1 labelled and hidden, 2 labelled and visible.
        row_ends: Row i owns the points row_ends[i] to row_ends[i + 1].
    """

    points: PackedNumbers
    visible: NDArray[np.int8]
    row_ends: NDArray[np.integer]

    @classmethod
    def pack(cls, rows: Sequence[NDArray[np.float64]]) -> Keypoints:
        """Lay checked rows, each of shape (K, 3): x, y, v, one after the other."""
        table = np.concatenate([np.zeros((0, 3)), *rows])
        ends = np.cumsum([0, *map(len, rows)], dtype=np.int64)
        return cls(PackedNumbers.pack(table[:, :2]), table[:, 2].astype(np.int8), narrow(ends))

    def of(self, start: int, end: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the points of rows *start* to *end*, free to be changed.

        Returns:
            Points, shape (K, 2), float64, x and y in pixels; visible, shape (K,), int64.
        """
        own = slice(self.row_ends[start], self.row_ends[end])
        return self.points[own], self.visible[own].astype(np.int64)


def parse_keypoints(
    entry: Mapping[str, Any], shape: tuple[int, int], expected: int
) -> NDArray[np.float64]:
    """Return the keypoints of a COCO annotation checked; none where it has none.

    Args:
        entry: The annotation, with `keypoints` as a flat list of x, y, v of each point, and
            perhaps `num_keypoints`, the number of points with v > 0.
        shape: (height, width) of the image, pixels.
        expected: How many points its category names; 0: it names none.

    Returns:
        Shape (K, 3), float64: x, y in pixels and v.

    Raises:
        InvalidSampleError: If they are not as said here, or labelled far from the image; the
            message continues "... has keypoints that ".
    """
    points = _read_points(entry.get("keypoints", []))
    if len(points) and expected and len(points) != expected:
        raise InvalidSampleError(
            f"must be the {expected} points that its category names, got {len(points)}"
        )
    labelled = points[points[:, 2] > 0]
    told = entry.get("num_keypoints")
    if told is not None and told != len(labelled):
        raise InvalidSampleError(
            f"must be as many with v > 0 as 'num_keypoints' says, {repr(told)[:60]}, got "
            f"{len(labelled)}"
        )
    near = near_image(labelled[:, :2], shape)
    if not near.all():
        raise InvalidSampleError(
            f"must be near its image of width {shape[1]}, height {shape[0]} where v > 0, got the "
            f"point {labelled[int(np.argmin(near))].tolist()}"
        )
    return points


def _read_points(values: Any) -> NDArray[np.float64]:
    """Return finite numbers in rows of x, y, v."""
    if not isinstance(values, list) or not set(map(type, values)) <= {int, float}:
        raise InvalidSampleError(f"must be a list of numbers, got {str(values)[:60]}")
    if len(values) % 3:
        raise InvalidSampleError(
            f"must be three numbers, x, y and v, for each point, got {len(values)} numbers"
        )
    try:
        points = np.array(values, np.float64).reshape(-1, 3)
    except OverflowError as error:
        raise InvalidSampleError("must be finite, got a number too large for a float") from error
    finite = np.isfinite(points).all(1)
    if not finite.all():
        raise InvalidSampleError(
            f"must be finite, got the point {points[int(np.argmin(finite))].tolist()}"
        )
    if not set(values[2::3]) <= {0, 1, 2}:
        point = points[int(np.argmin(np.isin(points[:, 2], (0, 1, 2))))].tolist()
        raise InvalidSampleError(
            f"must have a v of 0 (not labelled), 1 (hidden) or 2 (visible), got the point {point}"
        )
    return points
