"""The cells of a table on their way into flat arrays; columns of numbers never become objects."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from albu_cutmix.errors import InvalidArgumentError, InvalidSampleError
from albu_cutmix.formats.brief import brief
from albu_cutmix.formats.columns import Column
from albu_cutmix.formats.door import Door
from albu_cutmix.formats.number_text import parse_numbers
from albu_cutmix.formats.paths import check_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "Rows",
    "box_cells",
    "label_column",
    "missing_cells",
    "read_boxes",
    "read_cells",
    "read_rows",
]

Cells: TypeAlias = "Sequence[Any] | NDArray[Any]"


@dataclass(frozen=True)
class Rows:
    """The image of each row of a table.

    Args:
        files: The images, in the order of their first rows.
        image: Index into `files` of each row, shape (rows,); -1: left out.
    """

    files: list[str]
    image: NDArray[np.int64]

    def where(self, row: int) -> str:
        """Name a row for a message."""
        return f"row {row} of the table ({self.files[self.image[row]]!r})"


def read_cells(df: Any, column: Any, argument: str) -> Cells:
    """Return a column: an array where it is one of numbers, else a list of Python values."""
    if hasattr(df, "collect") or not hasattr(df, "columns"):
        raise InvalidArgumentError(
            f"df must be a pandas or polars DataFrame, got {type(df).__name__}. Collect a "
            "LazyFrame first."
        )
    if column not in list(df.columns):
        raise InvalidArgumentError(
            f"{argument} must name a column of the table, {list(df.columns)}, got {column!r}."
        )
    series = df[column]
    dtype = getattr(series, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind in "iuf":
        return np.asarray(series)
    return list(series.to_list())


def is_missing(value: Any) -> bool:
    """Return whether a cell is empty: None, NaN, or the NA of pandas, known by its name."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def missing_cells(cells: Cells) -> NDArray[np.bool_]:
    """Return which cells are empty."""
    if isinstance(cells, np.ndarray):
        return np.asarray(np.isnan(cells))
    return np.fromiter(map(is_missing, cells), bool, len(cells))


def read_rows(door: Door, cells: Cells, column: str, suffix: str) -> Rows:
    """Return the image of each row; false ones are refused."""
    files: dict[str, int] = {}
    known: dict[str, int] = {}  # texts that were judged already
    image = np.empty(len(cells), np.int64)
    for row, cell in enumerate(cells.tolist() if isinstance(cells, np.ndarray) else cells):
        number = known.get(cell) if type(cell) is str else None
        if number is None:
            where = f"row {row} of the table"
            try:
                name = check_name(f"{_name(cell, column, where)}{suffix}", where)
            except InvalidSampleError as error:
                door.refuse(str(error), "rows")
                image[row] = -1
                continue
            number = files.setdefault(name, len(files))
            if type(cell) is str:
                known[cell] = number
        image[row] = number
    return Rows(list(files), image)


def _name(cell: Any, column: str, where: str) -> str:
    # Ids may be whole numbers; a float has lost the digits that the file is named by.
    whole = isinstance(cell, int | np.integer) and not isinstance(cell, bool)
    if not whole and not isinstance(cell, str | Path):
        raise InvalidSampleError(
            f"{where} must have the name of a file in {column!r}, got {cell!r}. Read this column "
            "as strings."
        )
    return str(cell)


def label_column(cells: Cells, rows: NDArray[np.int64], column: str) -> Column:
    """Return the labels of some rows; whole floats are the integers that a NaN made them of."""
    if isinstance(cells, np.ndarray) and cells.dtype != np.uint64:
        part = cells[rows]
        out = Column(part.astype(np.float64 if part.dtype.kind == "f" else np.int64))
    else:
        values = (cells[row] for row in rows.tolist())
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


def box_cells(df: Any, bbox: str | Sequence[str]) -> Cells:
    """Return one cell per row: a sequence, a text, or None; or an array, shape (rows, 4)."""
    if isinstance(bbox, str):
        return read_cells(df, bbox, "bbox")
    if not isinstance(bbox, list | tuple) or len(bbox) != 4:
        raise InvalidArgumentError(f"bbox must be one column or a list of four, got {brief(bbox)}.")
    columns = [read_cells(df, column, "bbox") for column in bbox]
    if all(isinstance(column, np.ndarray) for column in columns):
        return np.column_stack(columns).astype(np.float64, copy=False)
    cells = zip(*columns, strict=True)
    return [None if all(map(is_missing, cell)) else cell for cell in cells]


def read_boxes(
    door: Door,
    rows: Rows,
    cells: Cells,
    labels: Cells | None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the rows that have a box, and the boxes, shape (M, 4), not yet judged."""
    if isinstance(cells, np.ndarray) and cells.ndim == 2:
        taken = np.flatnonzero((rows.image >= 0) & ~np.isnan(cells).all(1))
        bboxes = cells[taken]
    else:
        taken, bboxes = _parse_boxes(door, rows, cells)
    if labels is None:
        return taken, bboxes
    unnamed = missing_cells(labels)[taken]
    for row in taken[unnamed].tolist():
        door.refuse(f"{rows.where(row)} has a box without a label.")
    return taken[~unnamed], bboxes[~unnamed]


def _parse_boxes(
    door: Door, rows: Rows, cells: Cells
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the rows that have a box, and the boxes, of cells that are read one by one."""
    taken, numbers = array("q"), array("d")
    for row, (number, cell) in enumerate(zip(rows.image.tolist(), cells, strict=True)):
        if number < 0 or is_missing(cell):
            continue
        try:
            box = _read_box(cell)
        except (InvalidSampleError, OverflowError) as error:
            door.refuse(f"{rows.where(row)} has a box that is false: it {error}.")
            continue
        if box:
            taken.append(row)
            numbers.extend(box)
    return np.array(taken, np.int64), np.array(numbers, np.float64).reshape(-1, 4)


def _read_box(cell: Any) -> list[float]:
    """Return the four numbers of a cell, none for an empty one."""
    if isinstance(cell, str):
        numbers: Sequence[Any] = parse_numbers(cell)
    elif isinstance(cell, list | tuple | np.ndarray):
        numbers = cell.tolist() if isinstance(cell, np.ndarray) else cell
        if not all(isinstance(n, int | float | np.number) for n in numbers):
            raise InvalidSampleError(f"must be four numbers, got {str(cell)[:80]}")
    else:
        raise InvalidSampleError(f"must be four numbers or a text of them, got {str(cell)[:80]}")
    if len(numbers) not in (0, 4):
        raise InvalidSampleError(f"must be four numbers, got {len(numbers)}: {str(cell)[:80]}")
    return [float(n) for n in numbers]
