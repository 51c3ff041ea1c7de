"""Images, categories and annotations of a COCO file on their way into flat arrays."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.errors import InvalidSampleError
from albu_cutmix.formats.columns import Column, PackedNumbers, PackedText
from albu_cutmix.formats.door import Door, judge_bboxes
from albu_cutmix.formats.keypoints import Keypoints, parse_keypoints
from albu_cutmix.formats.paths import check_name
from albu_cutmix.formats.segments import Segment, Segments, parse_segment
from albu_cutmix.formats.table import BoxTable, group_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CocoReader"]

LONGEST_SIDE = 1_000_000


@dataclass
class CocoReader:
    """The rows of a file, checked; thrown away when the pool is made.

    Args:
        path: The file, for messages.
        door: Refuses or counts what is false.
        max_pixels: Most pixels a run-length mask may have.
        fields: Annotation key of each label field.
        labels: "id", "index" or "name".
        masks: Whether to take segmentations.
        keypoints: Whether to take keypoints.
    """

    path: Path
    door: Door
    max_pixels: int
    fields: dict[str, str]
    labels: str
    masks: bool
    keypoints: bool
    classes: list[str] = field(default_factory=list)
    category_ids: dict[int, int] = field(default_factory=dict)  # id -> index
    image_ids: dict[int | str, int] = field(default_factory=dict)  # id -> index; -1: left out
    names: list[str] = field(default_factory=list)
    shapes: list[tuple[int, int]] = field(default_factory=list)
    annotations: Sequence[Any] = ()
    positions: array[int] = field(default_factory=lambda: array("q"))  # of the rows taken
    images: array[int] = field(default_factory=lambda: array("q"))
    bboxes: array[float] = field(default_factory=lambda: array("d"))
    values: list[list[Any]] = field(default_factory=list)  # of each field
    segments: list[Segment] = field(default_factory=list)
    points: list[NDArray[np.float64]] = field(default_factory=list)
    point_counts: dict[int, int] = field(default_factory=dict)  # category id -> points it names

    def read_categories(self, categories: Sequence[Any]) -> None:
        """Take ids and names; a false one is always an error, since every label hangs on it."""
        names: dict[int, str] = {}
        for position, category in enumerate(categories):
            entry = category if isinstance(category, dict) else {}
            key, name = entry.get("id"), entry.get("name")
            if type(key) is not int or key in names or not isinstance(name, str):
                raise InvalidSampleError(
                    f"{self.path}: category {position} must have a whole 'id' of its own and a "
                    f"'name', got {str(category)[:80]}."
                )
            names[key] = name
            if self.keypoints:
                self.point_counts[key] = self._count_points(entry.get("keypoints"), position)
        self.category_ids = {key: index for index, key in enumerate(sorted(names))}
        self.classes = [names[key] for key in self.category_ids]
        if self.labels == "name" and len(set(self.classes)) < len(self.classes):
            twice = next(name for name in self.classes if self.classes.count(name) > 1)
            raise InvalidSampleError(
                f"{self.path}: two categories have the name {twice!r}. Use labels='id'."
            )

    def _count_points(self, names: Any, position: int) -> int:
        """Return how many points a category names; 0 where it does not say."""
        names = [] if names is None else names
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise InvalidSampleError(
                f"{self.path}: category {position} must have 'keypoints' as a list of names, got "
                f"{str(names)[:60]}."
            )
        return len(names)

    def read_images(self, images: Sequence[Any]) -> None:
        """Take id, file name and size of every image."""
        for position, entry in enumerate(images):
            where = f"{self.path}: image at position {position}"
            try:
                key, name, shape = self._read_image(entry, where)
            except InvalidSampleError as error:
                self.door.refuse(str(error), "images")
                left_out: Any = entry.get("id") if isinstance(entry, dict) else None
                if type(left_out) in (int, str):
                    self.image_ids.setdefault(left_out, -1)
                continue
            self.image_ids[key] = len(self.names)
            self.names.append(name)
            self.shapes.append(shape)

    def _read_image(self, entry: Any, where: str) -> tuple[int | str, str, tuple[int, int]]:
        if not isinstance(entry, dict):
            raise InvalidSampleError(f"{where} must be an object, got {str(entry)[:60]}.")
        key: Any = entry.get("id")
        if type(key) not in (int, str):
            raise InvalidSampleError(f"{where} must have an 'id', got {key!r}.")
        if key in self.image_ids:
            raise InvalidSampleError(f"{where} has the id {key!r} of another image.")
        where = f"{where} (id {key!r})"
        name = check_name(entry.get("file_name"), where)
        shape: tuple[Any, Any] = entry.get("height"), entry.get("width")
        if not all(type(side) is int and 1 <= side <= LONGEST_SIDE for side in shape):
            raise InvalidSampleError(
                f"{where} must have 'height' and 'width' in whole pixels, got {shape[0]!r} and "
                f"{shape[1]!r}."
            )
        return key, name, shape

    def read_annotations(self, annotations: Sequence[Any]) -> None:
        """Take box, fields, mask and keypoints of every annotation."""
        self.annotations = annotations
        self.values = [[] for _ in self.fields]
        seen: set[int | str] = set()
        crowds = 0
        for position, entry in enumerate(annotations):
            try:
                crowds += self._read_annotation(position, entry, seen)
            except InvalidSampleError as error:  # noqa: PERF203 - costs nothing where it is true
                self.door.refuse(f"{self._place(position)} {error}")
        if crowds:
            self.door.note(
                f"{self.path}: {crowds} crowd regions (iscrowd 1) are no objects and were left "
                "out. Map a field to 'iscrowd' to carry them as regions to ignore."
            )

    def _place(self, position: int) -> str:
        """Return where an annotation stands: made for messages only, there may be millions."""
        entry, where = self.annotations[position], f"{self.path}: annotation at position {position}"
        if not isinstance(entry, dict) or type(entry.get("id")) not in (int, str):
            return where
        return f"{where} (id {entry['id']!r}, image {entry.get('image_id')!r})"

    def _read_annotation(self, position: int, entry: Any, seen: set[int | str]) -> bool:
        """Take one annotation; return whether it was a crowd that stays out."""
        if not isinstance(entry, dict):
            raise InvalidSampleError(f"must be an object, got {str(entry)[:60]}.")
        key: Any = entry.get("id")
        if type(key) not in (int, str) or key in seen:
            raise InvalidSampleError(f"must have an 'id' of its own, got {key!r}.")
        seen.add(key)
        image_id: Any = entry.get("image_id")
        if type(image_id) not in (int, str) or image_id not in self.image_ids:
            raise InvalidSampleError("must have the 'image_id' of an image.")
        image = self.image_ids[image_id]
        if image < 0:
            raise InvalidSampleError("belongs to an image that was left out.")
        crowd = entry.get("iscrowd", 0)
        if crowd not in (0, 1):
            raise InvalidSampleError(f"must have 'iscrowd' 0 or 1, got {crowd!r}.")
        if crowd and "iscrowd" not in self.fields.values():
            return True
        self._read_row(position, entry, image)
        return False

    def _read_row(self, position: int, entry: dict[str, Any], image: int) -> None:
        """Take what a donor has of an annotation: all of it, or nothing and an error."""
        bbox = _read_bbox(entry.get("bbox"))
        values = [self._read_field(entry, source) for source in self.fields.values()]
        segment = self._read_segment(entry, self.shapes[image]) if self.masks else None
        if self.keypoints:
            self.points.append(self._read_keypoints(entry, self.shapes[image]))
        if segment is not None:
            self.segments.append(segment)
        self.positions.append(position)
        self.images.append(image)
        self.bboxes.extend(bbox)
        for column, value in zip(self.values, values, strict=True):
            column.append(value)

    def _read_segment(self, entry: dict[str, Any], shape: tuple[int, int]) -> Segment:
        try:
            return parse_segment(entry.get("segmentation"), shape, self.max_pixels)
        except InvalidSampleError as error:
            raise InvalidSampleError(f"has a segmentation that {error}.") from error

    def _read_keypoints(self, entry: dict[str, Any], shape: tuple[int, int]) -> NDArray[np.float64]:
        category: Any = entry.get("category_id")
        expected = self.point_counts.get(category, 0) if type(category) is int else 0
        try:
            return parse_keypoints(entry, shape, expected)
        except InvalidSampleError as error:
            raise InvalidSampleError(f"has keypoints that {error}.") from error

    def _read_field(self, entry: dict[str, Any], source: str) -> Any:
        if source == "iscrowd":
            return int(entry.get("iscrowd", 0))
        if source not in entry:
            raise InvalidSampleError(f"must have {source!r}, which a field asks for.")
        value = entry[source]
        if source == "category_id":
            if type(value) is not int or value not in self.category_ids:
                raise InvalidSampleError(
                    f"must have the 'category_id' of a category, got {value!r}."
                )
            return value if self.labels == "id" else self.category_ids[value]
        if not isinstance(value, int | float | str):
            raise InvalidSampleError(
                f"must have a number or a string as {source!r}, got {str(value)[:60]}."
            )
        return value

    def table(self) -> BoxTable:
        """Return the rows that may enter, in the order of their images."""
        bboxes = np.array(self.bboxes).reshape(-1, 4)
        image = np.array(self.images)
        shapes = np.array(self.shapes, np.int32).reshape(-1, 2)[image]
        good = judge_bboxes(
            self.door, bboxes, "coco", shapes, lambda row: self._place(self.positions[row])
        )
        order, offsets = group_rows(image[good], len(self.names))
        rows = np.flatnonzero(good)[order]
        columns = {}
        for index, (name, source) in enumerate(self.fields.items()):
            values = [self.values[index][row] for row in rows.tolist()]
            if source == "category_id" and self.labels == "name":
                columns[name] = Column(np.array(values, np.int32), PackedText(self.classes))
            else:
                columns[name] = Column.of(values, f"{self.path}: key {source!r} of annotations")
        segments = Segments.pack([self.segments[row] for row in rows]) if self.masks else None
        points = Keypoints.pack([self.points[row] for row in rows]) if self.keypoints else None
        packed = PackedNumbers.pack(bboxes[rows])
        return BoxTable(offsets, packed, "coco", columns, segments, points)


def _read_bbox(bbox: Any) -> list[float]:
    if type(bbox) is not list or len(bbox) != 4 or not set(map(type, bbox)) <= {int, float}:
        raise InvalidSampleError(
            f"must have 'bbox' as four numbers [x, y, width, height], got {str(bbox)[:80]}."
        )
    try:
        return [float(value) for value in bbox]
    except OverflowError:  # a whole number too large for a float is as good as infinite
        return [math.inf] * 4
