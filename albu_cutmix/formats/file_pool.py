"""`FilePool`: annotations in flat arrays, images read when drawn."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.boxes import to_xyxy
from albu_cutmix.errors import (
    DonorReadError,
    EmptyPoolError,
    InvalidArgumentError,
    InvalidSampleError,
)
from albu_cutmix.formats.columns import Column, PackedText, narrow
from albu_cutmix.formats.images import FileOptions, read_image
from albu_cutmix.formats.paths import resolve_inside
from albu_cutmix.pool import BasePool, digest_of
from albu_cutmix.sample import Donor
from albu_cutmix.sharing import SharedArrays

if TYPE_CHECKING:
    from functools import partial
    from pathlib import Path

    from numpy.typing import NDArray

    from albu_cutmix.formats.recipe import Recipe
    from albu_cutmix.formats.table import BoxTable

__all__ = ["FilePool"]

MASKS_PER_IMAGE = 16  # of max_pixels: room for a crowded image, none for an absurd one


class FilePool(SharedArrays, BasePool):
    """Donors whose images are files below one folder.

    Made by `coco_pool`, `yolo_pool`, `pascal_voc_pool`, `folder_pool` and `frame_pool`. It works
    in forked and spawned workers: nothing is open between draws, and all processes share its
    tables. Its pickle names a file with them that lasts as long as the process that wrote it;
    where that file is gone, the pool is made anew of its own files.

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
        findings: What was left out of the annotations and why, one text each.
        recipe: The call that made the pool; None where no plain data can make it anew.

    Attributes:
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
        recipe: Recipe | None = None,
    ) -> None:
        if not len(names):
            raise EmptyPoolError(f"{source} gives no image to draw from.")
        self._root = os.path.realpath(root)
        self._names = PackedText(names)
        self._source, self._options, self._on_error = source, options, on_error
        self._boxes, self._labels, self._recipe = boxes, labels, recipe
        self._shapes = None if shapes is None else narrow(shapes)
        self._findings = PackedText(findings)
        self.classes = classes
        self._skipped, self._process = 0, os.getpid()

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._names)

    def shared_state(self) -> dict[str, Any]:
        """Return all but the count of this process."""
        return super().shared_state() | {"_skipped": 0, "_process": -1}

    def remake(self) -> partial[FilePool] | None:
        """Return the call that makes the pool anew of its files."""
        return None if self._recipe is None else self._recipe.call()

    def to_spec(self) -> dict[str, Any] | None:
        """Return the call that made the pool as plain data; None for a table."""
        return None if self._recipe is None else self._recipe.spec()

    def digest(self) -> str:
        """Return a short hash of names, colours and annotations; no image is read for it."""
        color = self._options.color
        return digest_of(
            [self._names, self._shapes, self._labels, self.classes, self._boxes, color]
        )

    @property
    def on_error(self) -> str:
        """Whether an unreadable image is an error ("raise") or the next one is drawn ("skip")."""
        return self._on_error

    @property
    def findings(self) -> tuple[str, ...]:
        """What was left out of the annotations and why, one text each."""
        return tuple(self._findings)

    def class_rows(self) -> tuple[NDArray[np.int64], NDArray[np.int32], tuple[Any, ...]]:
        """Return the classes of every donor. See `BasePool.class_rows`.

        Raises:
            InvalidArgumentError: If the pool was made without labels.
        """
        if self._labels is not None:
            return np.arange(len(self) + 1, dtype=np.int64), *self._labels.codes()
        if self._boxes is None or not self._boxes.columns:
            raise InvalidArgumentError(
                f"{self._source} was read without labels, so its donors have no classes. Make the "
                "pool with labels, or give `weighted` an array with a weight per donor."
            )
        first = next(iter(self._boxes.columns.values()))
        return self._boxes.offsets.astype(np.int64), *first.codes()

    def name_of(self, index: int) -> str:
        """Return the file of donor *index*, relative to the pool's folder."""
        return self._names[self._check_index(index)]

    @property
    def skipped(self) -> int:
        """Draws that met an unreadable image and gave the next one instead.

        Every process counts its own: those of workers are not in the count of their parent. Each
        gives one warning, at its first.
        """
        return self._skipped if self._process == os.getpid() else 0

    def __getitem__(self, index: int) -> Donor:
        """Return donor *index*, its image read now.

        Raises:
            DonorReadError: If the file cannot be read; with on_error="skip" if none can.
            InvalidSampleError: If image and annotation contradict each other.
        """
        start = self._check_index(index)
        if self._on_error == "raise":
            return self.read(start)
        first: Exception | None = None
        for step in range(len(self)):
            try:
                return self.read((start + step) % len(self))
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

    def read(self, index: int) -> Donor:
        """Return donor *index* itself or raise, whatever `on_error` says."""
        name = self.name_of(index)
        try:
            return self._read_donor(self._check_index(index), name)
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
