"""`Donor`: the sample that gives the patch, checked once at the door."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import fields as dataclass_fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix import masks as instance_masks
from albu_cutmix.boxes import from_xyxy, round_out, to_xyxy
from albu_cutmix.checks import (
    as_numbers,
    bbox_rows,
    check_bboxes,
    check_fields,
    check_image,
    check_keypoints,
    check_mask,
    column_field,
    stack_masks,
)
from albu_cutmix.errors import InvalidSampleError
from albu_cutmix.geometry import Rect
from albu_cutmix.keypoints import keypoint_columns, read_keypoints

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Donor"]


@dataclass(frozen=True, eq=False, repr=False)
class Donor:
    """A sample of a pool. Arrays are shared, never written to.

    Args:
        image: Shape (H, W) or (H, W, C), uint8, uint16 or float32.
        mask: Semantic mask, shape (H, W) or (H, W, C).
        masks: Instance masks, shape (N, H, W), or a sequence of N (H, W) masks; row i belongs
            to box i. Every value but 0 is the object.
        bboxes: Boxes, shape (N, 4), xyxy pixels, so that they fit any pipeline. Boxes may
            reach over the image's edge (they are clipped when mixed), not lie outside it.
            None: not annotated; an empty array: nothing there.
        keypoints: Points, shape (K, 2), x and y in pixels from the image's corner, or (K, 5),
            x, y, z, angle in radians and scale. None: not annotated.
        fields: A value per box under the name of each label field of the pipeline.
        keypoint_fields: A value per point under the name of each label field of the keypoints.
        label: Class label: index, name or vector.
        id: A name for messages, such as the file.
        aliases: Data under the names of the pipeline's `additional_targets`: images and masks
            of this image's height and width, boxes as xyxy pixels.

    Raises:
        InvalidSampleError: If a shape, dtype, length or box is not as said here.
    """

    image: NDArray[Any]
    mask: NDArray[Any] | None = None
    masks: NDArray[Any] | Sequence[NDArray[Any]] | None = None
    bboxes: NDArray[Any] | None = None
    keypoints: NDArray[Any] | None = None
    fields: Mapping[str, Sequence[Any] | NDArray[Any]] = field(default_factory=dict)
    keypoint_fields: Mapping[str, Sequence[Any] | NDArray[Any]] = field(default_factory=dict)
    label: Any = None
    id: str = ""
    aliases: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check every part once, so that later code can trust it."""
        where = f"donor {self.id!r}" if self.id else "a donor"
        check_image(self.image, where)
        if self.mask is not None:
            check_mask(self.mask, self.shape, where)
        if self.masks is not None:
            object.__setattr__(self, "masks", stack_masks(self.masks, self.shape, where))
        boxes = points = 0
        if self.bboxes is not None:
            object.__setattr__(self, "bboxes", check_bboxes(self.bboxes, self.shape, where))
            boxes = len(self.bboxes)
        if self.keypoints is not None:
            object.__setattr__(self, "keypoints", check_keypoints(self.keypoints, where))
            points = len(self.keypoints)
        check_fields(self.fields, boxes, where)
        check_fields(self.keypoint_fields, points, where, "keypoint_fields", "keypoint")
        if not isinstance(self.aliases, Mapping):
            raise InvalidSampleError(
                f"aliases must be a mapping of names to arrays, got "
                f"{type(self.aliases).__name__} in {where}."
            )

    def __repr__(self) -> str:
        """Return id and sizes: pixels are never printed."""
        boxes = "not annotated" if self.bboxes is None else f"{len(self.bboxes)} boxes"
        return f"Donor({self.id!r}, {self.image.dtype} {self.image.shape}, {boxes})"

    def __deepcopy__(self, memo: dict[int, Any]) -> Donor:
        """Return itself: replay copies parameters, and pixels must not travel with them."""
        return self

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of the image, pixels."""
        return self.image.shape[0], self.image.shape[1]

    @property
    def content(self) -> dict[str, Any]:
        """Every part under its name, as given."""
        return {entry.name: getattr(self, entry.name) for entry in dataclass_fields(self)}

    @cached_property
    def mask_places(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Pixels of each instance mask, (N,), and its extent, (N, 4) xyxy, int64; empty ones 0."""
        planes = np.zeros((0, *self.shape)) if self.masks is None else np.asarray(self.masks)
        whole = Rect(0, 0, self.shape[1], self.shape[0])
        hints = [whole] * len(planes)
        if self.bboxes is not None and len(self.bboxes) == len(planes):
            hints = [Rect(*row) for row in round_out(self.bboxes, self.shape).tolist()]
        counts = np.zeros(len(planes), np.int64)
        places = np.zeros((len(planes), 4), np.int64)
        for row, (plane, hint) in enumerate(zip(planes, hints, strict=True)):
            counts[row], where = instance_masks.locate(plane, hint)
            extent = instance_masks.extent_of(plane[where.rows_cols])
            if extent is not None:
                places[row] = extent.moved(where.x_min, where.y_min)
        return counts, places

    @classmethod
    def from_mapping(
        cls,
        data: Mapping[str, Any],
        *,
        bbox_format: str = "pascal_voc",
        label_fields: Sequence[str] = (),
        keypoint_format: str = "xy",
        keypoint_fields: Sequence[str] = (),
        angle_in_degrees: bool = True,
        label_key: str = "label",
        aliases: Mapping[str, str] | None = None,
        id: str = "",  # noqa: A002 - the field's name
    ) -> Donor:
        """Build a donor from the keys and formats of a pipeline call.

        Args:
            data: `image`, and where there are such targets `mask`, `masks`, `bboxes`,
                `keypoints`, their label fields, aliases and the class label. Columns of `bboxes`
                after the fourth become fields named by `column_field`.
            bbox_format: Format of `bboxes`, relative to the donor's own size.
            label_fields: Names of the label fields of boxes.
            keypoint_format: Format of `keypoints`, such as "xy" or "xyas".
            keypoint_fields: Names of the label fields of keypoints.
            angle_in_degrees: Whether the angles of keypoints are in degrees.
            label_key: Name of the class label.
            aliases: Kind of each additional target: {"depth": "image", "ears": "bboxes"}.
            id: A name for messages; `data["id"]` where empty.

        Raises:
            InvalidSampleError: If there is no image, or a part is not as `Donor` says.
        """
        name = id or str(data.get("id", ""))
        where = f"donor {name!r}" if name else "a donor"
        if "image" not in data:
            raise InvalidSampleError(
                f"{where} must be a Donor or a mapping with the key 'image', got {sorted(data)}."
            )
        check_image(data["image"], where)
        shape = data["image"].shape[:2]
        fields = {name: data[name] for name in label_fields if name in data}
        bboxes = data.get("bboxes")
        if bboxes is not None:
            rows = _read_boxes(bboxes, bbox_format, shape, where)
            bboxes = rows[:, :4]
            fields |= {column_field(k): rows[:, k] for k in range(4, rows.shape[1])}
        other = {key: data[key] for key in aliases or () if data.get(key) is not None}
        for key in other:
            if (aliases or {})[key] == "bboxes":
                other[key] = _read_boxes(other[key], bbox_format, shape, where, key)
        return cls(
            data["image"],
            data.get("mask"),
            data.get("masks"),
            bboxes,
            _read_points(data.get("keypoints"), keypoint_format, angle_in_degrees, where),
            fields,
            {name: data[name] for name in keypoint_fields if name in data},
            None if label_key in [*label_fields, *keypoint_fields] else data.get(label_key),
            name,
            other,
        )

    def to_mapping(
        self, bbox_format: str = "pascal_voc", keypoint_format: str = "xy"
    ) -> dict[str, Any]:
        """Return the keys of a pipeline call, so that `transform(**donor.to_mapping("coco"))`.

        Args:
            bbox_format: Format of the boxes.
            keypoint_format: Format of the keypoints; angles in degrees.

        Returns:
            Parts that are None are left out. Fields named by `column_field` become columns.
            Aliases come as they stand. No instance mask at all is an empty list: transforms of
            Albumentations 2.0.8 cannot carry an empty array.

        Raises:
            InvalidSampleError: If the keypoints lack what the format asks for.
        """
        masks = [] if self.masks is not None and not len(self.masks) else self.masks
        out: dict[str, Any] = {"image": self.image, "mask": self.mask, "masks": masks}
        fields = dict(self.fields)
        if self.bboxes is not None:
            bboxes = from_xyxy(self.bboxes, bbox_format, self.shape)
            columns: list[NDArray[np.float64]] = []
            while column_field(4 + len(columns)) in fields:
                values = fields.pop(column_field(4 + len(columns)))
                columns.append(np.asarray(values, np.float64).reshape(-1, 1))
            out["bboxes"] = np.hstack([bboxes, *columns]) if columns else bboxes
        if self.keypoints is not None:
            points = self.points_for(keypoint_format)
            out["keypoints"] = keypoint_columns(points, keypoint_format, in_degrees=True)
        out |= {"label": self.label, **self.aliases, **self.keypoint_fields, **fields}
        return {key: value for key, value in out.items() if value is not None}

    def points_for(self, keypoint_format: str, where: str = "") -> NDArray[np.float64]:
        """Return the keypoints as points, (K, 5), with all that a format asks for.

        Args:
            keypoint_format: Format of the pipeline's `KeypointParams`.
            where: The donor's name for messages.

        Raises:
            InvalidSampleError: If they have x and y only and the format asks for more.
        """
        points = np.zeros((0, 2)) if self.keypoints is None else np.asarray(self.keypoints)
        if points.shape[1] == 5:
            return points
        if len(points) and set(keypoint_format) - set("xy"):
            raise InvalidSampleError(
                f"keypoints of format {keypoint_format!r} need more than x and y, got shape "
                f"{points.shape} in {where or f'donor {self.id!r}'}. Give Donor.keypoints as "
                "(K, 5): x, y, z, angle in radians, scale."
            )
        return np.hstack([points, np.zeros((len(points), 3))])


def _read_boxes(
    bboxes: Any, bbox_format: str, shape: tuple[int, ...], where: str, name: str = "bboxes"
) -> NDArray[np.float64]:
    """Return the boxes of a call as xyxy pixels, further columns after them."""
    rows = bbox_rows(bboxes, where, name)
    return np.hstack([to_xyxy(rows[:, :4], bbox_format, shape), rows[:, 4:]])


def _read_points(
    keypoints: Any, keypoint_format: str, in_degrees: bool, where: str
) -> NDArray[np.float64] | None:
    """Return the keypoints of a call as points, (K, 5)."""
    if keypoints is None:
        return None
    width = len(keypoint_format)
    rows = as_numbers(keypoints, f"keypoints must be numbers of shape (K, {width})", where)
    if rows.size and (rows.ndim != 2 or rows.shape[1] != width):
        raise InvalidSampleError(
            f"keypoints of format {keypoint_format!r} must have shape (K, {width}), got "
            f"{rows.shape} in {where}. Pass further columns as label fields."
        )
    return read_keypoints(rows, keypoint_format, in_degrees=in_degrees)
