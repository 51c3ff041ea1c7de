"""`FilePool`: annotations in flat arrays, images read when drawn."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.boxes import to_xyxy
from albu_cutmix.errors import DonorReadError, EmptyPoolError, InvalidSampleError
from albu_cutmix.formats.columns import Column, PackedText
from albu_cutmix.formats.images import FileOptions, read_image
from albu_cutmix.formats.paths import resolve_inside
from albu_cutmix.pool import BasePool, digest_of
from albu_cutmix.sample import Donor

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from albu_cutmix.formats.keypoints import Keypoints
    from albu_cutmix.formats.segments import Segments

__all__ = ["BoxTable", "FilePool", "group_rows"]

MASKS_PER_IMAGE = 16  # of max_pixels: room for a crowded image, none for an absurd one


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
        bboxes: Shape (M, 4), float64, as the file has them.
        bbox_format: Their format, one of `sample.BBOX_FORMATS`.
        columns: A value per row under the name of each label field.
        segments: The instance mask of each row.
        keypoints: The keypoints of each row, of any number.
    """

    offsets: NDArray[np.int64]
    bboxes: NDArray[np.float64]
    bbox_format: str
    columns: Mapping[str, Column] = field(default_factory=dict)
    segments: Segments | None = None
    keypoints: Keypoints | None = None


class FilePool(BasePool):
    """Donors whose images are files below one folder.

    Made by `coco_pool`, `yolo_pool`, `pascal_voc_pool` and `frame_pool`. It pickles, and works
    in forked and spawned workers: nothing is open between draws.

    Args:
        root: The folder that holds the images.
        names: File of each image, relative to the root; also the donor's `id`.
        source: What the annotations were read from, for messages.
        options: How images are read.
        on_error: "skip": where an image cannot be read the next one that can is drawn.
        boxes: Boxes of the images; None: not annotated with boxes.
        shapes: (height, width) of each image as annotated, shape (N, 2), int32; 0: not known.
        labels: Class label of each image.
        classes: Names, or count, of the classes.
        findings: See the attribute.

    Attributes:
        findings: What was left out of the annotations and why, one text each.
        classes: Names, or count, of the classes.

    Raises:
        EmptyPoolError: If there is no image.
    """

    def __init__(
        self,
        root: Path,
        names: Sequence[str],
        *,
        source: str,
        options: FileOptions,
        on_error: str,
        boxes: BoxTable | None = None,
        shapes: NDArray[np.int32] | None = None,
        labels: Column | None = None,
        classes: Sequence[str] | int | None = None,
        findings: Sequence[str] = (),
    ) -> None:
        if not names:
            raise EmptyPoolError(f"{source} gives no image to draw from.")
        self._root = os.path.realpath(root)
        self._names = PackedText(names)
        self._source, self._options, self._on_error = source, options, on_error
        self._boxes, self._shapes, self._labels = boxes, shapes, labels
        self.classes = classes
        self.findings = tuple(findings)
        self._skipped, self._process = 0, os.getpid()

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._names)

    def __getstate__(self) -> dict[str, Any]:
        """Return all but the count of this process."""
        return self.__dict__ | {"_skipped": 0, "_process": -1}

    def digest(self) -> str:
        """Return a short hash of names and annotations; no image is read for it."""
        table = () if self._boxes is None else tuple(vars(self._boxes).items())
        return digest_of([self._names, self._shapes, self._labels, self.classes, *table])

    @property
    def skipped(self) -> int:
        """Draws of this process that met an unreadable image and gave the next one instead."""
        return self._skipped if self._process == os.getpid() else 0

    def __getitem__(self, index: int) -> Donor:
        """Return donor *index*, its image read now.

        Raises:
            DonorReadError: If the file cannot be read; with on_error="skip" if none can.
            InvalidSampleError: If image and annotation contradict each other.
        """
        start = self._check_index(index)
        if self._on_error == "raise":
            return self._draw(start)
        first: Exception | None = None
        for step in range(len(self)):
            try:
                return self._draw((start + step) % len(self))
            except (DonorReadError, InvalidSampleError) as error:  # noqa: PERF203 - it is the point
                first = first or error
                self._count_skipped(error)
        raise DonorReadError(
            f"none of the {len(self)} images of {self._source} can be read. {first}"
        ) from first

    def _count_skipped(self, error: Exception) -> None:
        """Count, and warn the first time in this process."""
        count, self._process = self.skipped, os.getpid()
        self._skipped = count + 1
        if not count:
            warnings.warn(
                f"an image was skipped for the next one: {error} pool.skipped counts further ones.",
                UserWarning,
                stacklevel=3,
            )

    def _draw(self, index: int) -> Donor:
        name = self._names[index]
        try:
            return self._read_donor(index, name)
        except (DonorReadError, InvalidSampleError) as error:
            raise type(error)(f"{error} ({name!r} is named by {self._source}.)") from error

    def _read_donor(self, index: int, name: str) -> Donor:
        shape = (0, 0) if self._shapes is None else self._shapes[index].tolist()
        image = read_image(resolve_inside(self._root, name), self._options, tuple(shape))
        label = None if self._labels is None else self._labels.at(index)
        boxes = self._boxes
        if boxes is None:
            return Donor(image, label=label, id=name)
        start, end = boxes.offsets[index : index + 2].tolist()
        masks = points = None
        visible: dict[str, NDArray[np.int64]] = {}
        if boxes.keypoints is not None:
            points, visible["visible"] = boxes.keypoints.of(start, end)
        if boxes.segments is not None:
            most = MASKS_PER_IMAGE * self._options.max_pixels
            masks = boxes.segments.decode(range(start, end), image.shape[:2], most)
        return Donor(
            image,
            masks=masks,
            bboxes=to_xyxy(boxes.bboxes[start:end], boxes.bbox_format, image.shape),
            keypoints=points,
            fields={key: c.rows(slice(start, end)) for key, c in boxes.columns.items()},
            keypoint_fields=visible,
            label=label,
            id=name,
        )
