"""What each part of a sample must be: checked once at the door, then trusted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.errors import InvalidSampleError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "as_numbers",
    "bbox_rows",
    "check_bboxes",
    "check_fields",
    "check_image",
    "check_keypoints",
    "check_mask",
    "check_masks",
    "column_field",
    "stack_masks",
]

IMAGE_DTYPES = tuple(np.dtype(name) for name in ("uint8", "uint16", "float32"))


LARGEST = 1e30  # of a coordinate: it must fit in float32, scaled too


def column_field(column: int) -> str:
    """Return the field name of a box column after the fourth, such as `"bboxes[4]"`."""
    return f"bboxes[{column}]"


def check_image(image: Any, where: str, name: str = "image") -> None:
    """Raise InvalidSampleError unless *image* is an array that can be mixed."""
    if not isinstance(image, np.ndarray):
        raise InvalidSampleError(
            f"{name} must be a numpy array of shape (H, W) or (H, W, C), got "
            f"{type(image).__name__} in {where}. cv2.imread returns None for a missing or damaged "
            "file; convert PIL images with np.asarray, and place the mix before ToTensorV2."
        )
    if image.ndim not in (2, 3) or image.size == 0:
        raise InvalidSampleError(
            f"{name} must have shape (H, W) or (H, W, C) and at least one pixel, got "
            f"{image.shape} in {where}."
        )
    if image.dtype not in IMAGE_DTYPES:
        raise InvalidSampleError(
            f"{name} must be uint8, uint16 or float32, got {image.dtype} in {where}. "
            "Convert it before the mix."
        )


def check_mask(mask: Any, shape: tuple[int, ...], where: str, name: str = "mask") -> None:
    """Raise InvalidSampleError unless *mask* is an array of the image's height and width."""
    if not isinstance(mask, np.ndarray) or mask.ndim not in (2, 3) or mask.dtype.kind not in "biuf":
        got = f"{mask.dtype} {mask.shape}" if isinstance(mask, np.ndarray) else type(mask).__name__
        raise InvalidSampleError(
            f"{name} must be a numeric numpy array of shape (H, W) or (H, W, C), got {got} "
            f"in {where}."
        )
    if mask.shape[:2] != tuple(shape[:2]):
        raise InvalidSampleError(
            f"{name} must have the image's height and width {tuple(shape[:2])}, got "
            f"{mask.shape[:2]} in {where}."
        )


def check_masks(masks: Any, shape: tuple[int, ...], where: str) -> None:
    """Raise InvalidSampleError unless *masks* are (N, H, W), (N, H, W, C), or N such arrays."""
    if not hasattr(masks, "__len__") or isinstance(masks, str):
        raise InvalidSampleError(
            f"masks must be an array (N, H, W) or a sequence of (H, W) masks, got "
            f"{type(masks).__name__} in {where}."
        )
    for row in masks[:1] if isinstance(masks, np.ndarray) else masks:
        check_mask(row, shape, where, "each of masks")
    if not isinstance(masks, np.ndarray):
        kinds = sorted({f"{row.dtype} {row.shape}" for row in masks})
        if len(kinds) > 1:
            raise InvalidSampleError(
                f"masks must share one dtype and shape, got {kinds} in {where}."
            )


def stack_masks(masks: Any, shape: tuple[int, int], where: str) -> NDArray[Any]:
    """Return instance masks as one array (N, H, W) or (N, H, W, C), checked."""
    check_masks(masks, shape, where)
    if len(masks) == 0:
        return np.zeros((0, *shape), getattr(masks, "dtype", np.uint8))
    if isinstance(masks, np.ndarray):
        return masks[..., 0] if masks.ndim == 4 and masks.shape[3] == 1 else masks
    return stack_masks(np.stack(masks), shape, where)


def check_fields(
    fields: Any, rows: int, where: str, name: str = "fields", thing: str = "box"
) -> None:
    """Raise InvalidSampleError unless every field holds one value per box, or keypoint."""
    if not isinstance(fields, Mapping):
        raise InvalidSampleError(
            f"{name} must be a mapping of names to one value per {thing}, got "
            f"{type(fields).__name__} in {where}."
        )
    for field, values in fields.items():
        count = None if isinstance(values, str) or not hasattr(values, "__len__") else len(values)
        if count != rows:
            got = f"{count} values" if count is not None else type(values).__name__
            things = "boxes" if thing == "box" else f"{thing}s"
            raise InvalidSampleError(
                f"{where} has {rows} {things}, got {got} in field {field!r}. Give one value per "
                f"{thing}."
            )


def as_numbers(values: Any, expected: str, where: str) -> NDArray[np.float64]:
    """Return rows as float64; raise InvalidSampleError, saying what is expected, for others."""
    try:
        return np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidSampleError(
            f"{expected}, got {values!r} in {where}. Pass labels in label fields."
        ) from error


def bbox_rows(bboxes: Any, where: str, name: str = "bboxes") -> NDArray[np.float64]:
    """Return boxes as float64 rows of four or more columns; nothing becomes (0, 4)."""
    rows = as_numbers(bboxes, f"{name} must be numbers of shape (N, 4)", where)
    if rows.size == 0:
        return np.zeros((0, max(4, rows.shape[1] if rows.ndim == 2 else 4)))
    if rows.ndim != 2 or rows.shape[1] < 4:
        raise InvalidSampleError(f"{name} must have shape (N, 4), got {rows.shape} in {where}.")
    return rows


def check_bboxes(bboxes: Any, shape: tuple[int, int], where: str) -> NDArray[np.float64]:
    """Return boxes as (N, 4) float64, every one finite, not inverted, not outside its image."""
    rows = bbox_rows(bboxes, where)
    if rows.shape[1] != 4:
        raise InvalidSampleError(
            f"bboxes must have shape (N, 4), got {rows.shape} in {where}. Pass further columns "
            f"as fields named {column_field(4)!r} and so on."
        )
    height, width = shape
    good = (rows[:, 2] > rows[:, 0]) & (rows[:, 3] > rows[:, 1]) & np.isfinite(rows).all(1)
    inside = (rows[:, 0] < width) & (rows[:, 1] < height) & (rows[:, 2] > 0) & (rows[:, 3] > 0)
    if not (good & inside).all():
        row = int(np.argmin(good & inside))
        what = (
            f"lies outside its image of width {width}, height {height}: are the boxes those of "
            "another image or another size?"
            if good[row]
            else "must be finite with x_max > x_min and y_max > y_min. Remove it from the data."
        )
        raise InvalidSampleError(f"box {row} of {where}, xyxy pixels {rows[row].tolist()}, {what}")
    return rows


def check_keypoints(keypoints: Any, where: str) -> NDArray[np.float64]:
    """Return keypoints as (K, 2) or (K, 5) float64, finite; they may lie outside the image."""
    points = as_numbers(keypoints, "keypoints must be numbers of shape (K, 2)", where)
    if points.size == 0:
        return np.zeros((0, 2))
    if points.ndim != 2 or points.shape[1] not in (2, 5):
        raise InvalidSampleError(
            f"keypoints must have shape (K, 2), x and y in pixels, or (K, 5), x, y, z, angle in "
            f"radians and scale, got {points.shape} in {where}."
        )
    good = np.abs(points) < LARGEST  # neither NaN nor infinite
    if not good.all():
        row = int(np.argmin(good.all(1)))
        raise InvalidSampleError(
            f"keypoint {row} of {where} must be finite, and below {LARGEST:g}, got "
            f"{points[row].tolist()}."
        )
    return points
