"""Box rows of the host: its normalised coordinates, and columns of labels. See `fields`.

Inside a pipeline a box is a float row: x_min, y_min, x_max, y_max as shares of the image, then
the columns that the user passed beyond the fourth, then one column per label field.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.boxes import snap
from albu_cutmix.errors import InvalidSampleError
from albu_cutmix.host.fields import check_numbers, encode_fields, label_fields, pick_values
from albu_cutmix.sample import column_field

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from albu_cutmix.plan import Fates, Paste

__all__ = ["bbox_format", "donor_rows", "read_bboxes", "scale_field", "write_bboxes"]


def bbox_format(processor: Any) -> str:
    """Return the box format of a pipeline; the two hosts name it differently."""
    params = processor.params
    return str(getattr(params, "coord_format", None) or params.format)


def read_bboxes(rows: NDArray[Any], shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return the boxes of host rows as xyxy pixels, (N, 4) float64, jitter snapped away."""
    if rows.size == 0:
        return np.zeros((0, 4))
    return snap(rows[:, :4].astype(np.float64) * _sides(shape))


def write_bboxes(bboxes: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return xyxy pixel boxes as shares of the image, (N, 4) float64."""
    return bboxes / _sides(shape)


def _sides(shape: tuple[int, int]) -> NDArray[np.float64]:
    return np.array([shape[1], shape[0], shape[1], shape[0]], np.float64)


def donor_rows(
    rows: NDArray[Any],
    paste: Paste,
    fates: Fates,
    shape: tuple[int, int],
    processor: Any,
    data: Mapping[str, Any],
    default_field: str | None,
) -> NDArray[np.float64]:
    """Return the donor's surviving boxes as rows of the host.

    Args:
        rows: The primary's rows, any number of them.
        paste: Donor and patch.
        fates: What becomes of the donor's boxes.
        shape: (height, width) of the primary.
        processor: The pipeline's bbox processor.
        data: The call, in which an empty primary still has its label fields.
        default_field: A label field that a donor may lack; it counts as 1.

    Raises:
        InvalidSampleError: If the donor lacks a column or field, or a value does not fit it.
    """
    fields = dict(paste.donor.fields)
    if default_field is not None:
        fields.setdefault(default_field, np.ones(len(fates.keep)))
    declared = label_fields(processor)
    extra = [name for name in fields if name.startswith("bboxes[")]
    width = rows.shape[1] - len(declared) if rows.size else 4 + len(extra)
    kept = np.flatnonzero(fates.keep)
    out = np.empty((len(kept), width + len(declared)))
    out[:, :4] = write_bboxes(fates.bboxes[kept], shape)
    for column in range(4, width):
        name = column_field(column)
        out[:, column] = check_numbers(
            pick_values(fields, name, kept, paste.where), name, paste.where
        )
    values = {name: pick_values(fields, name, kept, paste.where) for name in declared}
    encoded = encode_fields(processor, "bboxes", values, data, paste.where)
    for column, codes in enumerate(encoded, width):
        out[:, column] = codes
    return out


def scale_field(
    rows: NDArray[Any], visibility: NDArray[np.float64], name: str, processor: Any
) -> NDArray[Any]:
    """Return rows with one label field multiplied by each row's visibility.

    Args:
        rows: Host rows with label columns, (N, ...). Not modified.
        visibility: Factor of each row, (N,); rows of 1 stay as they are, bit for bit.
        name: The label field.
        processor: The pipeline's bbox processor.

    Raises:
        InvalidSampleError: If the field is not declared or holds no floats.
    """
    declared = label_fields(processor)
    if name not in declared:
        raise InvalidSampleError(
            f"visibility_field={name!r} must be one of the pipeline's label_fields {declared!r}."
        )
    if not len(rows):
        return rows
    meta = processor.label_manager.metadata["bboxes"][name]
    if not meta.is_numerical or (meta.dtype is not None and meta.dtype.kind != "f"):
        raise InvalidSampleError(
            f"visibility_field={name!r} must hold floats, got "
            f"{meta.dtype or 'labels that are no plain numbers'}. Pass it as a list of floats or "
            "a float array."
        )
    column = rows.shape[1] - len(declared) + declared.index(name)
    out = rows.copy()
    out[:, column] *= visibility
    return out
