"""The door of a file pool: what is wrong in annotations is refused or counted, never silent."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.boxes import to_xyxy
from albu_cutmix.errors import DonorReadError, InvalidArgumentError, InvalidSampleError
from albu_cutmix.formats.brief import brief

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TARGETS", "Door", "check_classes", "check_field", "judge_bboxes", "near_image"]

TARGETS = ("image", "mask", "masks", "bboxes", "keypoints")
SHOWN = 3  # first offenders named in the warning


class Door:
    """Where annotations enter a pool.

    Args:
        pool: Name of the public function, for messages.
        on_error: "raise": the first false annotation is an error. "skip": it is left out and
            counted.

    Attributes:
        findings: What was left out and why, in the order of the file.
    """

    def __init__(self, pool: str, on_error: str) -> None:
        if on_error not in ("raise", "skip"):
            raise InvalidArgumentError(
                f"on_error must be 'raise' or 'skip', got {brief(on_error)}."
            )
        self.pool, self.on_error = pool, on_error
        self.findings: list[str] = []
        self._announced: list[str] = []
        self._kinds: Counter[str] = Counter()

    def refuse(self, message: str, kind: str = "false annotations") -> None:
        """Raise InvalidSampleError, or with on_error="skip" leave it out and count it."""
        if self.on_error == "raise":
            raise InvalidSampleError(f"{message} Correct it, or pass on_error='skip'.")
        self.leave_out(message, kind)

    def refuse_folder(self, error: OSError) -> None:
        """Raise DonorReadError for a folder that cannot be listed, or leave it out.

        `os.walk` would pass over it without a word, and over all the images in it.
        """
        message = f"{error.filename}: the folder cannot be listed: {error.strerror}."
        if self.on_error == "raise":
            raise DonorReadError(f"{message} Allow it, or pass on_error='skip'.") from error
        self.leave_out(message, "folders")

    def leave_out(self, message: str, kind: str) -> None:
        """Count what never enters, whatever `on_error` says; `announce` tells of it."""
        self._kinds[kind] += 1
        self._announced.append(message)
        self.findings.append(message)

    def note(self, message: str) -> None:
        """Add to the findings what is left out by design: no reason for a warning."""
        self.findings.append(message)

    def announce(self) -> None:
        """Give one warning for all that was left out, at the caller of the public function."""
        if not self._announced:
            return
        counts = ", ".join(f"{number} {kind}" for kind, number in self._kinds.items())
        shown = " ".join(self._announced[:SHOWN])
        more = len(self._announced) - SHOWN
        tail = f" ... and {more} more." if more > 0 else ""
        warnings.warn(
            f"{self.pool} left out {counts}. {shown}{tail} pool.findings lists all.",
            UserWarning,
            stacklevel=3,
        )


def check_classes(classes: Sequence[str] | None) -> tuple[str, ...] | None:
    """Return class names as a tuple.

    Raises:
        InvalidArgumentError: If they are not distinct names.
    """
    if classes is None:
        return None
    several = hasattr(classes, "__iter__") and not isinstance(classes, str | Mapping)
    names = tuple(classes) if several else ()
    if not names or not all(isinstance(n, str) for n in names) or len(set(names)) < len(names):
        raise InvalidArgumentError(f"classes must be distinct names, got {brief(classes)}.")
    return names


def check_field(field: Any) -> str:
    """Return the name of a label field.

    Raises:
        InvalidArgumentError: If it is none, or that of a target.
    """
    if not isinstance(field, str) or field in TARGETS:
        raise InvalidArgumentError(
            f"field must be the name of a label field, none of {', '.join(TARGETS)}; got "
            f"{brief(field)}."
        )
    return field


def judge_bboxes(
    door: Door,
    bboxes: NDArray[np.float64],
    bbox_format: str,
    shapes: NDArray[np.int32],
    where: Callable[[int], str],
) -> NDArray[np.bool_]:
    """Return which boxes enter; the door hears of the others.

    Args:
        door: Refuses or counts.
        bboxes: Shape (M, 4), as the file has them. Not modified.
        bbox_format: Their format, one of `sample.BBOX_FORMATS`.
        shapes: Shape (M, 2): height and width in pixels of each box's image; 0: not known.
        where: Says where row i stands, such as "a.json: annotation 3 of image 17".

    Returns:
        Shape (M,): True for finite boxes with an area that touch their image.

    Raises:
        InvalidSampleError: If a box is not finite, inverted or outside, and on_error="raise".
    """
    shares = bbox_format in ("yolo", "albumentations")
    size = np.ones(shapes.shape) if shares else np.where(shapes > 0, shapes, np.inf)
    with np.errstate(invalid="ignore", over="ignore"):  # NaN and infinity are judged below
        xyxy = to_xyxy(bboxes, bbox_format, (1, 1))
        finite: NDArray[np.bool_] = np.asarray(np.isfinite(xyxy).all(1))
        width, height = xyxy[:, 2] - xyxy[:, 0], xyxy[:, 3] - xyxy[:, 1]
        least = np.minimum(width, height)
        inverted: NDArray[np.bool_] = finite & (least < 0)
        flat: NDArray[np.bool_] = finite & (least == 0)
        inside = (xyxy[:, 0] < size[:, 1]) & (xyxy[:, 1] < size[:, 0]) & (xyxy[:, 2:] > 0).all(1)
    good: NDArray[np.bool_] = finite & ~inverted & ~flat & inside
    for row in np.flatnonzero(~good).tolist():
        box = f"{where(row)} has box {bboxes[row].tolist()} ({bbox_format})"
        if flat[row]:
            door.leave_out(f"{box} of no area.", "boxes of no area")
        elif not finite[row]:
            door.refuse(f"{box}; it must be finite.", "boxes that are not finite")
        elif inverted[row]:
            door.refuse(f"{box}; width and height must be positive.", "inverted boxes")
        else:
            image = "shares of the image, 0 to 1" if shares else _size(shapes[row])
            door.refuse(
                f"{box}, which lies outside its image ({image}): are the boxes those of another "
                "image, another size or another format?",
                "boxes outside their image",
            )
    return good


def near_image(points: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return which points are finite and at most one image size away from their image.

    Annotators overshoot by some pixels, never by a whole image.

    Args:
        points: Shape (P, 2), x and y in pixels.
        shape: (height, width) of the image, pixels.

    Returns:
        Shape (P,).

    >>> near_image(np.array([[-17.0, 5.0], [5.0, 23.0], [np.nan, 5.0]]), (11, 17))
    array([ True, False, False])
    """
    size = np.array([shape[1], shape[0]], np.float64)
    return np.asarray(((points >= -size) & (points <= 2 * size)).all(1))


def _size(shape: NDArray[np.int32]) -> str:
    height, width = shape.tolist()
    return f"width {width}, height {height}" if width else "left of or above it"
