"""Lines of YOLO texts on their way into flat arrays."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from albu_cutmix.errors import DonorReadError, InvalidSampleError
from albu_cutmix.formats.columns import Column, PackedNumbers, PackedText
from albu_cutmix.formats.door import Door, judge_bboxes, near_image
from albu_cutmix.formats.number_text import parse_numbers
from albu_cutmix.formats.paths import is_there, read_text
from albu_cutmix.formats.segments import Segment, Segments
from albu_cutmix.formats.table import BoxTable, group_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["YoloReader"]

LONGEST_LINE = 2**20  # letters; an outline of some 30,000 points
BOX, POLYGON = "'class cx cy w h'", "'class x y x y x y ...'"


@dataclass
class YoloReader:
    """The lines of all texts, checked; thrown away when the pool is made.

    Args:
        door: Refuses or counts what is false.
        texts: The text of each image; not all need to be there.
        classes: Names of the classes; None: any number is one.
        masks: Whether every line must be a polygon, whose mask is taken.
    """

    door: Door
    texts: Sequence[Path]
    classes: tuple[str, ...] | None
    masks: bool
    images: array[int] = field(default_factory=lambda: array("q"))
    lines: array[int] = field(default_factory=lambda: array("q"))
    labels: array[int] = field(default_factory=lambda: array("q"))
    bboxes: array[float] = field(default_factory=lambda: array("d"))
    segments: list[Segment] = field(default_factory=list)

    def read(self) -> None:
        """Take every line of every text."""
        for image, text in enumerate(self.texts):
            try:
                content = read_text(text) if is_there(text) else ""
            except DonorReadError as error:
                if self.door.on_error == "raise":
                    raise
                self.door.leave_out(str(error), "label files")
                continue
            for number, line in enumerate(content.splitlines(), 1):
                if line.strip():
                    self._read_line(image, number, line)

    def _read_line(self, image: int, number: int, line: str) -> None:
        """Take one line, all of it or nothing."""
        try:
            values = _parse(line, masks=self.masks)
            label = self._read_label(values[0])
            points = None if len(values) == 5 else _read_polygon(values[1:])
        except InvalidSampleError as error:
            self.door.refuse(f"{self.texts[image]}, line {number} {error}.")
            return
        self.images.append(image)
        self.lines.append(number)
        self.labels.append(label)
        self.bboxes.extend(values[1:] if points is None else _extent(points))
        if self.masks and points is not None:
            self.segments.append(Segment(None, (points,)))

    def _read_label(self, value: float) -> int:
        most = 2**31 if self.classes is None else len(self.classes)
        if not value.is_integer() or not 0 <= value < most:
            known = "a whole number from 0"
            if self.classes is not None:
                known = f"from 0 to {most - 1}, as in names"
            raise InvalidSampleError(f"must have a class that is {known}, got {value:.6g}")
        return int(value)

    def table(self, field: str, *, named: bool) -> BoxTable:
        """Return the rows that may enter; they are in the order of their images already.

        Args:
            field: Label field that takes the classes.
            named: Whether labels are the names of the classes.
        """
        bboxes = np.array(self.bboxes).reshape(-1, 4)
        good = judge_bboxes(
            self.door,
            bboxes,
            "yolo",
            np.zeros((len(bboxes), 2), np.int32),
            lambda row: f"{self.texts[self.images[row]]}, line {self.lines[row]}",
        )
        _, offsets = group_rows(np.array(self.images)[good], len(self.texts))
        labels = Column(
            np.array(self.labels)[good], PackedText(self.classes or ()) if named else None
        )
        rows = np.flatnonzero(good).tolist()
        segments = [self.segments[row] for row in rows] if self.masks else None
        return BoxTable(
            offsets,
            PackedNumbers.pack(bboxes[good]),
            "yolo",
            {field: labels},
            None if segments is None else Segments.pack(segments, in_shares=True),
        )


def _parse(line: str, *, masks: bool) -> list[float]:
    """Return the numbers of a line that is a box or, told by its columns, a polygon.

    An error continues the sentence "file, line 3 ...".
    """
    values = parse_numbers(line, longest=LONGEST_LINE)
    columns = len(line.split())
    if columns != 5 and (columns < 7 or columns % 2 == 0):
        raise InvalidSampleError(
            f"has {columns} columns: must be {BOX} or {POLYGON} with three points or more; poses "
            "are not read"
        )
    if columns == 5 and masks:
        raise InvalidSampleError(
            f"is a box: with masks=True every line must be a polygon, {POLYGON}. Of a set that "
            "mixes both only boxes can be taken: masks=False"
        )
    if len(values) != columns:
        raise InvalidSampleError(f"must be {BOX if columns == 5 else POLYGON}, got {line[:80]!r}")
    return values


def _read_polygon(values: list[float]) -> NDArray[np.float64]:
    """Return the points of a polygon in shares of its image, shape (P, 2)."""
    points = np.array(values).reshape(-1, 2)
    near = near_image(points, (1, 1))
    if not near.all():
        raise InvalidSampleError(
            "must have a polygon of points in shares of the image, 0 to 1, got the point "
            f"{points[int(np.argmin(near))].tolist()}"
        )
    return points


def _extent(points: NDArray[np.float64]) -> list[float]:
    """Return the box around points as cx, cy, w, h."""
    low, high = points.min(0), points.max(0)
    return [*((low + high) / 2).tolist(), *(high - low).tolist()]
