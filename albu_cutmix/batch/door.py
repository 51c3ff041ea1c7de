"""What each part of a batch must be: checked once at the door, then trusted.

Shapes and dtypes are always checked. Values are where that needs no waiting for a device: in host
memory. On a device a class index outside the classes gives a label of NaN, and a box that is none
is dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from albu_cutmix._backends import library_of
from albu_cutmix.checks import LARGEST
from albu_cutmix.errors import InvalidSampleError

if TYPE_CHECKING:
    from albu_cutmix._backends import Library

__all__ = ["Door", "open_batch"]

KEYS = ("image", "label", "mask", "bboxes", "num_bboxes", "keypoints", "num_keypoints")
ROWS = {"bboxes": (4, "xyxy"), "keypoints": (2, "x and y")}  # what their first columns are
CHANNELS = (1, 3, 4)
WIDE = 16  # fewer rows or columns than this are no image


class Door(NamedTuple):
    """A batch that was let in.

    Attributes:
        library: That all its arrays belong to.
        arrays: As they came, by name.
        size: Number of samples.
        shape: (height, width) of the images.
        columns: The axis of W in images; in masks without channels it is 2.
        mixer: The class that mixes it, for messages.
    """

    library: Library
    arrays: dict[str, Any]
    size: int
    shape: tuple[int, int]
    columns: int
    mixer: str

    def columns_of(self, name: str) -> int:
        """Return the axis of W in an image or a mask."""
        return self.columns if self.arrays[name].ndim == 4 else 2


def open_batch(batch: Any, layout: str, backend: str, mixer: str) -> Door:
    """Return a batch, checked; see the module.

    Args:
        batch: A mapping of arrays.
        layout: Axes of the images, "NCHW" or "NHWC".
        backend: See `library_of`.
        mixer: The class that mixes it, for messages.

    Raises:
        InvalidSampleError: If a part is missing, unknown, or not what it must be.
    """
    if not isinstance(batch, Mapping):
        raise InvalidSampleError(
            'a batch must be a mapping such as {"image": images, "label": labels}, got '
            f"{type(batch).__name__}."
        )
    arrays = {key: value for key, value in batch.items() if value is not None}
    odd = [key for key in arrays if key not in KEYS]
    if odd or "image" not in arrays:
        what = f"{odd[0]!r}" if odd else f"no 'image' among {[*arrays]}"
        raise InvalidSampleError(
            f"a batch may hold {', '.join(KEYS)}, and must hold an image; got {what}. What is no "
            'target goes past the mix: {**batch, **mix({"image": ..., "label": ...})}. '
            "Stacks of instance masks are mixed sample by sample, in the pipeline."
        )
    library = library_of(arrays, backend)
    for name, array in arrays.items():
        library.refuse(array, name)
        if library.kind(array) not in "biuf":
            raise InvalidSampleError(f"{name} must hold plain numbers, got dtype {array.dtype}.")
    image = arrays["image"]
    columns = 3 if layout == "NCHW" else 2
    _check_image(image, layout, mixer)
    size, shape = image.shape[0], (image.shape[columns - 1], image.shape[columns])
    door = Door(library, arrays, size, shape, columns, mixer)
    if "mask" in arrays:
        _check_mask(door)
    if "label" in arrays:
        _check_label(door)
    for name, (least, meaning) in ROWS.items():
        if name in arrays or f"num_{name}" in arrays:
            _check_rows(door, name, least, meaning)
    return door


def _check_image(image: Any, layout: str, mixer: str) -> None:
    shape = tuple(image.shape)
    if len(shape) != 4 or 0 in shape[1:]:
        raise InvalidSampleError(
            f"image must have shape {_axes(layout)} with at least one pixel, got {shape}."
        )
    here, there = (shape[1], shape[3]) if layout == "NCHW" else (shape[3], shape[1])
    if min(here, shape[2]) >= WIDE and there in CHANNELS:
        other = "NHWC" if layout == "NCHW" else "NCHW"
        raise InvalidSampleError(
            f"image of shape {shape} looks like {_axes(other)}, and layout is {layout!r}. Pass "
            f"{mixer}(layout={other!r}); if the axes really are {_axes(layout)}, exchange rows "
            "and columns for the mix."
        )


def _axes(layout: str) -> str:
    return "(B, C, H, W)" if layout == "NCHW" else "(B, H, W, C)"


def _check_mask(door: Door) -> None:
    mask, columns = door.arrays["mask"], door.columns_of("mask")
    shape = tuple(mask.shape)
    good = len(shape) in (3, 4) and shape[0] == door.size
    if not good or shape[columns - 1 : columns + 1] != door.shape or 0 in shape[1:]:
        raise InvalidSampleError(
            f"mask must have shape {(door.size, *door.shape)}, or four axes in the layout of the "
            f"image, got {shape}."
        )
    if door.library.kind(mask) == "f":
        raise InvalidSampleError(
            f"mask must be of whole numbers, got {mask.dtype}. Convert it before the mix, which "
            "takes values of masks as they are, and weighs none."
        )


def _check_label(door: Door) -> None:
    label, library = door.arrays["label"], door.library
    shape, kind = tuple(label.shape), library.kind(label)
    whole = len(shape) == 1 and kind in "iu"
    if shape[:1] != (door.size,) or not (whole or (len(shape) == 2 and shape[1] > 0)):
        raise InvalidSampleError(
            f"label must be class indices ({door.size},) of whole numbers, or vectors "
            f"({door.size}, classes), got {label.dtype} {shape}."
        )
    if library.on_host and kind == "f":
        values = np.asarray(library.real(library.open(label)))
        wrong = np.argwhere(~(np.abs(values) < LARGEST))
        if len(wrong):
            sample, column = wrong[0].tolist()
            raise InvalidSampleError(
                f"label vectors must be finite, and below {LARGEST:g}, got "
                f"{values[sample, column]} for class {column} in sample {sample} of the batch. "
                "Leave such samples out."
            )


def _check_rows(door: Door, name: str, least: int, meaning: str) -> None:
    """Check padded rows and their counts."""
    number = f"num_{name}"
    missing = {name, number} - door.arrays.keys()
    if missing:
        raise InvalidSampleError(
            f"padded {name} and their counts {number} (B,) go together, got no {missing.pop()!r}. "
            f"Where every row counts, all of {number} are {name}.shape[1]."
        )
    rows, counts, library = door.arrays[name], door.arrays[number], door.library
    shape = tuple(rows.shape)
    if len(shape) != 3 or shape[0] != door.size or shape[2] < least:
        raise InvalidSampleError(
            f"{name} must have shape ({door.size}, rows, {least} or more), {meaning} in pixels "
            f"and then further columns, got {shape}."
        )
    if str(rows.dtype).removeprefix("torch.") not in ("float32", "float64", "int32", "int64"):
        raise InvalidSampleError(
            f"{name} must be float32, float64, int32 or int64, which hold every pixel's edge, got "
            f"{rows.dtype}."
        )
    if tuple(counts.shape) != (door.size,) or library.kind(counts) not in "iu":
        raise InvalidSampleError(
            f"{number} must be whole numbers of shape ({door.size},), got {counts.dtype} "
            f"{tuple(counts.shape)}."
        )
    if library.on_host:
        _check_values(door, name, _values(rows, library), _values(counts, library))


def _values(array: Any, library: Library) -> Any:
    """Return an array of the host as a NumPy array."""
    return np.asarray(library.open(array))


def _check_values(door: Door, name: str, rows: Any, counts: Any) -> None:
    wrong = (counts < 0) | (counts > rows.shape[1])
    if wrong.any():
        at = int(wrong.argmax())
        raise InvalidSampleError(
            f"num_{name} must be 0 to {rows.shape[1]}, the rows of {name}, got {counts[at]} in "
            f"sample {at} of the batch."
        )
    there = np.arange(rows.shape[1]) < counts[:, None]
    if name == "bboxes":
        (x_min, y_min, x_max, y_max), (height, width) = np.moveaxis(rows[..., :4], 2, 0), door.shape
        good = (x_min < x_max) & (y_min < y_max) & (x_min < width) & (y_min < height)
        good &= (x_max > 0) & (y_max > 0) & (np.abs(rows[..., :4]) < LARGEST).all(2)
        what = f"must be xyxy pixels with an area, in an image of width {width}, height {height}"
        if _look_like_shares(rows[there][:, :4]):
            raise InvalidSampleError(
                f"bboxes must be xyxy pixels, and all edges lie from 0 to 1: are they shares "
                f"of the image? Multiply them by its width {width} and height {height}."
            )
    else:
        good = (np.abs(rows[..., :2]) < LARGEST).all(2)
        what = f"must be finite, and below {LARGEST:g}"
    if not (good | ~there).all():
        sample, row = np.argwhere(there & ~good)[0].tolist()
        columns = ROWS[name][0]
        raise InvalidSampleError(
            f"row {row} of {name} in sample {sample} of the batch {what}, got "
            f"{rows[sample, row, :columns].tolist()}. Rows that are none go behind num_{name}."
        )


def _look_like_shares(boxes: Any) -> bool:
    """Return whether several boxes, (N, 4), lie in the first pixel, and not only at its ends."""
    inside = (boxes >= 0).all() and (boxes <= 1).all()
    return bool(len(boxes) > 1 and inside and ((boxes > 0) & (boxes < 1)).any())
