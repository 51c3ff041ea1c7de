"""A pandas or polars table as a pool; neither library is imported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from albu_cutmix.boxes import BBOX_FORMATS
from albu_cutmix.errors import InvalidArgumentError, InvalidSampleError
from albu_cutmix.formats.columns import Column
from albu_cutmix.formats.door import Door, judge_bboxes
from albu_cutmix.formats.file_pool import BoxTable, FilePool, group_rows
from albu_cutmix.formats.images import FileOptions
from albu_cutmix.formats.number_text import parse_numbers
from albu_cutmix.formats.paths import check_folder, check_name

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
    names = _read_names(door, _values(df, image, "image"), image, suffix)
    labels = None if label is None else _values(df, label, "label")
    table: BoxTable | None = None
    if bbox is None:
        files, column = _one_row_each(door, names, labels, label)
    else:
        files, rows, table = _boxes(door, names, _box_cells(df, bbox), labels, bbox_format)
        column = None if labels is None else _label_column([labels[row] for row in rows], label)
        if column is not None:
            table = replace(table, columns={field: column})
    known = _check_classes(column, classes, label)
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


def _values(df: Any, column: Any, argument: str) -> list[Any]:
    """Return a column as a list of Python values."""
    if hasattr(df, "collect") or not hasattr(df, "columns"):
        raise InvalidArgumentError(
            f"df must be a pandas or polars DataFrame, got {type(df).__name__}. Collect a "
            "LazyFrame first."
        )
    if column not in list(df.columns):
        raise InvalidArgumentError(
            f"{argument} must name a column of the table, {list(df.columns)}, got {column!r}."
        )
    return list(df[column].to_list())


def _missing(value: Any) -> bool:
    """Return whether a cell is empty: None, NaN, or the NA of pandas, known by its name."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def _read_names(door: Door, cells: Sequence[Any], column: str, suffix: str) -> list[str | None]:
    """Return the file of each row; None where it is false and left out."""
    names: list[str | None] = []
    for row, cell in enumerate(cells):
        where = f"row {row} of the table"
        try:
            names.append(check_name(f"{_name(cell, column, where)}{suffix}", where))
        except InvalidSampleError as error:
            door.refuse(str(error), "rows")
            names.append(None)
    return names


def _name(cell: Any, column: str, where: str) -> str:
    # Ids may be whole numbers; a float has lost the digits that the file is named by.
    whole = isinstance(cell, int | np.integer) and not isinstance(cell, bool)
    if not whole and not isinstance(cell, str | Path):
        raise InvalidSampleError(
            f"{where} must have the name of a file in {column!r}, got {cell!r}. Read this column "
            "as strings."
        )
    return str(cell)


def _one_row_each(
    door: Door, names: Sequence[str | None], labels: Sequence[Any] | None, column: str | None
) -> tuple[list[str], Column | None]:
    """Return the images and their class labels, one row each."""
    rows: dict[str, int] = {}
    for row, name in enumerate(names):
        if name is None:
            continue
        if name in rows:
            door.refuse(
                f"row {row} of the table has the image {name!r} of row {rows[name]}; without "
                "bbox each image has one row.",
                "rows",
            )
        elif labels is not None and _missing(labels[row]):
            door.refuse(f"row {row} of the table ({name!r}) has no value in {column!r}.", "rows")
        else:
            rows[name] = row
    if labels is None:
        return list(rows), None
    return list(rows), _label_column([labels[row] for row in rows.values()], column)


def _label_column(values: Sequence[Any], column: str | None) -> Column:
    """Return labels as a column; whole floats are the integers that a NaN made them of."""
    python = [v.item() if isinstance(v, np.generic) else v for v in values]
    out = Column.of(python, f"column {column!r} of the table")
    if out.names is None and out.values.dtype == np.float64:
        whole = np.isfinite(out.values) & (out.values == np.rint(out.values))
        if not (whole & (np.abs(out.values) < 2**53)).all():
            raise InvalidSampleError(
                f"column {column!r} of the table must hold class names or whole numbers, got "
                f"{out.values[np.argmin(whole)]}."
            )
        return Column(out.values.astype(np.int64))
    return out


def _box_cells(df: Any, bbox: str | Sequence[str]) -> list[Any]:
    """Return one cell per row: a sequence, a text, or None."""
    if isinstance(bbox, str):
        return _values(df, bbox, "bbox")
    if len(bbox) != 4:
        raise InvalidArgumentError(f"bbox must be one column or a list of four, got {bbox!r}.")
    columns = [_values(df, column, "bbox") for column in bbox]
    return [None if all(map(_missing, cell)) else cell for cell in zip(*columns, strict=True)]


def _read_box(cell: Any) -> list[float] | None:
    """Return the numbers of a cell, None for an empty one."""
    if isinstance(cell, str):
        numbers: Sequence[Any] = parse_numbers(cell)
    elif isinstance(cell, list | tuple | np.ndarray):
        numbers = cell.tolist() if isinstance(cell, np.ndarray) else cell
        if not all(isinstance(n, int | float | np.number) for n in numbers):
            raise InvalidSampleError(f"must be four numbers, got {str(cell)[:80]}")
    else:
        raise InvalidSampleError(f"must be four numbers or a text of them, got {str(cell)[:80]}")
    if not numbers:
        return None
    if len(numbers) != 4:
        raise InvalidSampleError(f"must be four numbers, got {len(numbers)}: {str(cell)[:80]}")
    return [float(n) for n in numbers]


def _boxes(
    door: Door,
    names: Sequence[str | None],
    cells: Sequence[Any],
    labels: Sequence[Any] | None,
    bbox_format: str,
) -> tuple[list[str], list[int], BoxTable]:
    """Group the boxes by image; return images, the row of the table of each box, and boxes."""
    files: dict[str, int] = {}
    rows, bboxes = [], []
    for row, (name, cell) in enumerate(zip(names, cells, strict=True)):
        if name is None:
            continue
        files.setdefault(name, len(files))
        where = f"row {row} of the table ({name!r})"
        try:
            box = None if _missing(cell) else _read_box(cell)
        except (InvalidSampleError, OverflowError) as error:
            door.refuse(f"{where} has a box that is false: it {error}.")
            continue
        if box is None:
            continue
        if labels is not None and _missing(labels[row]):
            door.refuse(f"{where} has a box without a label.")
            continue
        rows.append(row)
        bboxes.append(box)
    flat = np.array(bboxes, np.float64).reshape(-1, 4)
    good = judge_bboxes(
        door,
        flat,
        bbox_format,
        np.zeros((len(flat), 2), np.int32),
        lambda i: f"row {rows[i]} of the table ({names[rows[i]]!r})",
    )
    image = np.array([files[str(names[row])] for row in rows], np.int64)[good]
    order, offsets = group_rows(image, len(files))
    kept = np.flatnonzero(good)[order]
    table = BoxTable(offsets, flat[kept], bbox_format)
    return list(files), [rows[index] for index in kept], table


def _check_classes(
    column: Column | None, classes: Sequence[str] | int | None, label: str | None
) -> tuple[str, ...] | int | None:
    """Return the classes, and refuse a label that is none of them."""
    if isinstance(classes, str) or (isinstance(classes, int) and classes < 1):
        raise InvalidArgumentError(f"classes must be names or a count, got {classes!r}.")
    known = classes if isinstance(classes, int) or classes is None else tuple(classes)
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
