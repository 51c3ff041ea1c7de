"""Keypoints as numbers: formats, which of them lie in a rectangle, and source onto patch.

Points are rows (K, 5), float64: x, y, z, angle, scale; x and y in continuous pixels from the
image's corner, angles in radians. That is the host's own layout. Inputs are never modified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.errors import InvalidArgumentError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from albu_cutmix.geometry import Rect

__all__ = ["KEYPOINT_FORMATS", "in_rect", "keypoint_columns", "map_keypoints", "read_keypoints"]

KEYPOINT_FORMATS = ("xy", "yx", "xya", "xys", "xyas", "xysa", "xyz")
ORDER = "xyzas"


def read_keypoints(rows: Any, keypoint_format: str, *, in_degrees: bool) -> NDArray[np.float64]:
    """Return keypoints of an Albumentations format, one letter per column, as points (K, 5).

    Args:
        rows: Shape (K, len(keypoint_format)). Not modified.
        keypoint_format: One of `KEYPOINT_FORMATS`.
        in_degrees: Whether angles come in degrees.

    Returns:
        Columns that the format lacks hold 0.

    Raises:
        InvalidArgumentError: If the format is unknown.

    >>> read_keypoints([[7, 3]], "yx", in_degrees=True)
    array([[3., 7., 0., 0., 0.]])
    """
    _check_format(keypoint_format)
    values = np.asarray(rows, np.float64).reshape(-1, len(keypoint_format))
    out = np.zeros((len(values), len(ORDER)))
    for column, letter in enumerate(keypoint_format):
        turn = np.deg2rad(values[:, column]) if letter == "a" and in_degrees else values[:, column]
        out[:, ORDER.index(letter)] = turn
    return out


def keypoint_columns(
    points: NDArray[np.float64], keypoint_format: str, *, in_degrees: bool
) -> NDArray[np.float64]:
    """Return points, (K, 5), in an Albumentations format: the inverse of `read_keypoints`."""
    _check_format(keypoint_format)
    out = points[:, [ORDER.index(letter) for letter in keypoint_format]]
    if in_degrees and "a" in keypoint_format:
        column = keypoint_format.index("a")
        out[:, column] = np.rad2deg(out[:, column])
    return out


def in_rect(points: NDArray[Any], *rects: Rect) -> NDArray[np.bool_]:
    """Return which points, shape (K, 2+), lie in one of some half-open rectangles, shape (K,)."""
    x, y = points[:, 0], points[:, 1]
    inside = np.zeros(len(points), bool)
    for rect in rects:
        inside |= (x >= rect.x_min) & (x < rect.x_max) & (y >= rect.y_min) & (y < rect.y_max)
    return inside


def map_keypoints(points: NDArray[np.float64], source: Rect, patch: Rect) -> NDArray[np.float64]:
    """Return points, shape (K, 5), of donor pixels in primary pixels: source onto patch.

    z stays. The scale grows by the greater factor of both axes, as where the host resizes. The
    angle is that of the mapped direction, so it turns only where the factors differ. A point in
    the source stays in the half-open patch, as float32 too.
    """
    fx, fy = patch.width / source.width, patch.height / source.height
    out = points.copy()
    out[:, 0] = (points[:, 0] - source.x_min) * fx + patch.x_min
    out[:, 1] = (points[:, 1] - source.y_min) * fy + patch.y_min
    shows = in_rect(points, source)
    for column, edge in enumerate((patch.x_max, patch.y_max)):
        last = np.nextafter(np.float32(edge), np.float32(0))
        np.minimum(out[:, column], last, out=out[:, column], where=shows)
    out[:, 4] *= max(fx, fy)
    if fx != fy:
        angle = points[:, 3]
        out[:, 3] = np.arctan2(np.sin(angle) * fy, np.cos(angle) * fx) % (2 * np.pi)
    return out


def _check_format(keypoint_format: str) -> None:
    if keypoint_format not in KEYPOINT_FORMATS:
        raise InvalidArgumentError(
            f"keypoint_format must be one of {', '.join(KEYPOINT_FORMATS)}, got "
            f"{keypoint_format!r}."
        )
