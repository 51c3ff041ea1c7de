"""`Donor`: the sample that gives the patch, checked once at the door."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.boxes import from_xyxy, to_xyxy
from albu_cutmix.errors import InvalidSampleError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Donor", "column_field"]

IMAGE_DTYPES = tuple(np.dtype(name) for name in ("uint8", "uint16", "float32"))


@dataclass(frozen=True, eq=False, repr=False)
class Donor:
    """A sample of a pool. Arrays are shared, never written to.

    Args:
        image: Shape (H, W) or (H, W, C), uint8, uint16 or float32.
        mask: Semantic mask, shape (H, W) or (H, W, C).
        masks: Instance masks, shape (N, H, W), or a sequence of N (H, W) masks.
        bboxes: Boxes, shape (N, 4), xyxy pixels, so that they fit any pipeline. Boxes may
            reach over the image's edge (they are clipped when mixed), not lie outside it.
            None: not annotated; an empty array: nothing there.
        fields: A value per box under the name of each label field of the pipeline.
        label: Class label: index, name or vector.
        id: A name for messages, such as the file.

    Raises:
        InvalidSampleError: If a shape, dtype, length or box is not as said here.
    """

    image: NDArray[Any]
    mask: NDArray[Any] | None = None
    masks: NDArray[Any] | Sequence[NDArray[Any]] | None = None
    bboxes: NDArray[Any] | None = None
    fields: Mapping[str, Sequence[Any] | NDArray[Any]] = field(default_factory=dict)
    label: Any = None
    id: str = ""

    def __post_init__(self) -> None:
        """Check every part once, so that later code can trust it."""
        where = f"donor {self.id!r}" if self.id else "a donor"
        check_image(self.image, where)
        if self.mask is not None:
            check_mask(self.mask, self.shape, where)
        if self.masks is not None:
            object.__setattr__(self, "masks", _check_masks(self.masks, self.shape, where))
        if self.bboxes is not None:
            object.__setattr__(self, "bboxes", _check_bboxes(self.bboxes, self.shape, where))
        _check_fields(self.fields, 0 if self.bboxes is None else len(self.bboxes), where)

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

    @classmethod
    def from_mapping(
        cls,
        data: Mapping[str, Any],
        *,
        bbox_format: str = "pascal_voc",
        label_fields: Sequence[str] = (),
        label_key: str = "label",
        id: str = "",  # noqa: A002 - the field's name
    ) -> Donor:
        """Build a donor from the keys and formats of a pipeline call.

        Args:
            data: `image`, and where there are such targets `mask`, `masks`, `bboxes`, the label
                fields and the class label. Columns of `bboxes` after the fourth become fields
                named by `column_field`.
            bbox_format: Format of `bboxes`, relative to the donor's own size.
            label_fields: Names of the pipeline's label fields.
            label_key: Name of the class label.
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
            rows = _rows(bboxes, where)
            bboxes = to_xyxy(rows[:, :4], bbox_format, shape)
            fields |= {column_field(k): rows[:, k] for k in range(4, rows.shape[1])}
        label = None if label_key in label_fields else data.get(label_key)
        return cls(data["image"], data.get("mask"), data.get("masks"), bboxes, fields, label, name)

    def to_mapping(self, bbox_format: str = "pascal_voc") -> dict[str, Any]:
        """Return the keys of a pipeline call, so that `transform(**donor.to_mapping("coco"))`.

        Parts that are None are left out. Fields named by `column_field` become columns.
        """
        out: dict[str, Any] = {"image": self.image, "mask": self.mask, "masks": self.masks}
        fields = dict(self.fields)
        if self.bboxes is not None:
            bboxes = from_xyxy(self.bboxes, bbox_format, self.shape)
            columns: list[NDArray[np.float64]] = []
            while column_field(4 + len(columns)) in fields:
                values = fields.pop(column_field(4 + len(columns)))
                columns.append(np.asarray(values, np.float64).reshape(-1, 1))
            out["bboxes"] = np.hstack([bboxes, *columns]) if columns else bboxes
        out |= {"label": self.label, **fields}
        return {key: value for key, value in out.items() if value is not None}


def column_field(column: int) -> str:
    """Return the field name of a box column after the fourth, such as `"bboxes[4]"`."""
    return f"bboxes[{column}]"


def check_image(image: Any, where: str) -> None:
    """Raise InvalidSampleError unless *image* is an array that can be mixed."""
    if not isinstance(image, np.ndarray):
        raise InvalidSampleError(
            f"image must be a numpy array of shape (H, W) or (H, W, C), got "
            f"{type(image).__name__} in {where}. cv2.imread returns None for a missing or damaged "
            "file; convert PIL images with np.asarray, and place the mix before ToTensorV2."
        )
    if image.ndim not in (2, 3) or image.size == 0:
        raise InvalidSampleError(
            f"image must have shape (H, W) or (H, W, C) and at least one pixel, got "
            f"{image.shape} in {where}."
        )
    if image.dtype not in IMAGE_DTYPES:
        raise InvalidSampleError(
            f"image must be uint8, uint16 or float32, got {image.dtype} in {where}. "
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


def _check_masks(masks: Any, shape: tuple[int, int], where: str) -> NDArray[Any]:
    """Return instance masks as one array (N, H, W), checked."""
    if not hasattr(masks, "__len__") or isinstance(masks, str):
        raise InvalidSampleError(
            f"masks must be an array (N, H, W) or a sequence of (H, W) masks, got "
            f"{type(masks).__name__} in {where}."
        )
    for row in masks:
        check_mask(row, shape, where, "each of masks")
    if isinstance(masks, np.ndarray):
        return masks if len(masks) else masks.reshape(0, *shape)
    kinds = sorted({f"{row.dtype} {row.shape}" for row in masks})
    if len(kinds) > 1:
        raise InvalidSampleError(f"masks must share one dtype and shape, got {kinds} in {where}.")
    return np.stack(masks) if len(masks) else np.zeros((0, *shape), np.uint8)


def _check_fields(fields: Any, rows: int, where: str) -> None:
    """Raise InvalidSampleError unless every field holds one value per box."""
    if not isinstance(fields, Mapping):
        raise InvalidSampleError(
            f"fields must be a mapping of names to one value per box, got "
            f"{type(fields).__name__} in {where}."
        )
    for name, values in fields.items():
        count = None if isinstance(values, str) or not hasattr(values, "__len__") else len(values)
        if count != rows:
            got = f"{count} values" if count is not None else type(values).__name__
            raise InvalidSampleError(
                f"{where} has {rows} boxes, got {got} in field {name!r}. Give one value per box."
            )


def _rows(bboxes: Any, where: str) -> NDArray[np.float64]:
    """Return boxes as float64 rows of four or more columns; nothing becomes (0, 4)."""
    try:
        rows = np.asarray(bboxes, np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidSampleError(
            f"bboxes must be numbers of shape (N, 4), got {bboxes!r} in {where}. Pass labels in "
            "label fields."
        ) from error
    if rows.size == 0:
        return np.zeros((0, max(4, rows.shape[1] if rows.ndim == 2 else 4)))
    if rows.ndim != 2 or rows.shape[1] < 4:
        raise InvalidSampleError(f"bboxes must have shape (N, 4), got {rows.shape} in {where}.")
    return rows


def _check_bboxes(bboxes: Any, shape: tuple[int, int], where: str) -> NDArray[np.float64]:
    rows = _rows(bboxes, where)
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
