"""A pandas or polars table as a pool; neither library is imported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.boxes import BBOX_FORMATS
from albu_cutmix.errors import InvalidArgumentError, InvalidSampleError
from albu_cutmix.formats.columns import Column, PackedNumbers
from albu_cutmix.formats.door import Door, check_classes, check_field, judge_bboxes
from albu_cutmix.formats.file_pool import FilePool
from albu_cutmix.formats.frame_reader import (
    Rows,
    box_cells,
    label_column,
    missing_cells,
    read_boxes,
    read_cells,
    read_rows,
)
from albu_cutmix.formats.images import FileOptions
from albu_cutmix.formats.paths import check_folder
from albu_cutmix.formats.table import BoxTable, group_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["frame_pool"]


def frame_pool(
    df: Any,
    image: str = "image",
    bbox: str | Sequence[str] | None = None,
    label: str | None = None,
    *,
    bbox_format: str = "coco",
    root: str | Path = ".",
    suffix: str = "",
    field: str = "labels",
    classes: Sequence[str] | int | None = None,
    max_pixels: int = 64_000_000,
    color: str = "rgb",
    on_error: str = "raise",
) -> FilePool:
    """Make a pool of a table: one row per box, or with no `bbox` one row per image.

    Values are copied and checked now; images are opened when drawn, in the order of their first
    rows. A row without a box (None, NaN) stands for an image without that box. Boxes of no area
    are left out with a warning.

    Args:
        df: A pandas or polars DataFrame.
        image: Column with the file of each row, relative to `root`.
        bbox: Column whose cells are sequences or texts such as "[834.0, 222.0, 56.0, 36.0]", or
            a list of four columns. Texts are read as numbers, never evaluated.
        label: Column with the class of each box; with no `bbox`, of each image.
        bbox_format: "coco", "pascal_voc", "cxcywh", "yolo" or "albumentations".
        root: The folder of the images.
        suffix: Added to each file name, such as ".jpg".
        field: Label field of the pipeline that takes `label`, where there are boxes.
        classes: Class names in order, or their count. None: the strings in `label`, sorted;
            numbers give no classes.
        max_pixels: See `coco_pool`.
        color: See `coco_pool`.
        on_error: See `coco_pool`.

    Returns:
        The pool; see `coco_pool`. The table is not kept.

    Raises:
        InvalidArgumentError: If an argument is not as said here.
        InvalidSampleError: If a row is false; the message names it, counted from 0.
        EmptyPoolError: If there is no row.

    Example:
        ```python
        pool = frame_pool(df, "image_id", "bbox", "source", root="train", suffix=".jpg")
        ```
    """
    options = FileOptions(max_pixels, color)
    door = Door("frame_pool", on_error)
    folder = check_folder(root, "root")
    if bbox_format not in BBOX_FORMATS:
        raise InvalidArgumentError(
            f"bbox_format must be one of {', '.join(BBOX_FORMATS)}, got {bbox_format!r}."
        )
    rows = read_rows(door, read_cells(df, image, "image"), image, suffix)
    labels = None if label is None else read_cells(df, label, "label")
    table: BoxTable | None = None
    if bbox is None:
        files, kept = _one_row_each(door, rows, labels, label)
    else:
        files, (kept, table) = (
            rows.files,
            _boxes(door, rows, box_cells(df, bbox), labels, bbox_format),
        )
    column = None if labels is None else label_column(labels, kept, str(label))
    known = _check_classes(column, classes, label)
    if table is not None and column is not None:
        table = replace(table, columns={check_field(field): column})
    door.announce()
    return FilePool(
        folder,
        files,
        source="the table",
        options=options,
        on_error=on_error,
        boxes=table,
        labels=column if bbox is None else None,
        classes=known,
        findings=door.findings,
    )


def _one_row_each(
    door: Door, rows: Rows, labels: Any, column: str | None
) -> tuple[list[str], NDArray[np.int64]]:
    """Return the images, and the row of each."""
    kept: dict[int, int] = {}
    empty = np.zeros(len(rows.image), bool) if labels is None else missing_cells(labels)
    for row, image in enumerate(rows.image.tolist()):
        if image < 0:
            continue
        if image in kept:
            door.refuse(
                f"row {row} of the table has the image {rows.files[image]!r} of row "
                f"{kept[image]}; without bbox each image has one row.",
                "rows",
            )
        elif empty[row]:
            door.refuse(f"{rows.where(row)} has no value in {column!r}.", "rows")
        else:
            kept[image] = row
    return [rows.files[image] for image in kept], np.array(list(kept.values()), np.int64)


def _boxes(
    door: Door, rows: Rows, cells: Any, labels: Any, bbox_format: str
) -> tuple[NDArray[np.int64], BoxTable]:
    """Return the row of the table of each box that may enter, and the boxes."""
    taken, bboxes = read_boxes(door, rows, cells, labels)
    good = judge_bboxes(
        door,
        bboxes,
        bbox_format,
        np.zeros((len(bboxes), 2), np.int32),
        lambda index: rows.where(taken[index]),
    )
    order, offsets = group_rows(rows.image[taken[good]], len(rows.files))
    kept = np.flatnonzero(good)[order]
    return taken[kept], BoxTable(offsets, PackedNumbers.pack(bboxes[kept]), bbox_format)


def _check_classes(
    column: Column | None, classes: Sequence[str] | int | None, label: str | None
) -> tuple[str, ...] | int | None:
    """Return the classes, and refuse a label that is none of them."""
    false = isinstance(classes, int) and (classes < 1 or isinstance(classes, bool))
    if false or isinstance(classes, str):
        raise InvalidArgumentError(f"classes must be names or a count, got {classes!r}.")
    known = classes if isinstance(classes, int) else check_classes(classes)
    if column is None:
        return known
    if column.names is None:
        count = known if isinstance(known, int) else len(known) if known else None
        wrong = column.values[(column.values < 0) | (column.values >= (count or np.inf))]
        if count and len(wrong):
            raise InvalidSampleError(
                f"column {label!r} must hold class indices from 0 to {count - 1}, got {wrong[0]}."
            )
        return known
    found = sorted({column.names[code] for code in range(len(column.names))})
    if known is None:
        return tuple(found)
    unknown = [] if isinstance(known, int) else [name for name in found if name not in known]
    if unknown:
        raise InvalidSampleError(
            f"column {label!r} must hold names of classes, got {unknown[0]!r}."
        )
    return known
