"""Box rows of the host: its normalised coordinates, and its label encoders.

Inside a pipeline a box is a float row: x_min, y_min, x_max, y_max as shares of the image, then
the columns that the user passed beyond the fourth, then one column per label field.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.boxes import snap
from albu_cutmix.errors import InvalidSampleError
from albu_cutmix.sample import column_field

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from albu_cutmix.plan import Fates, Paste

__all__ = [
    "bbox_format",
    "donor_rows",
    "encode_fields",
    "label_fields",
    "read_bboxes",
    "scale_field",
    "write_bboxes",
]


def bbox_format(processor: Any) -> str:
    """Return the box format of a pipeline; the two hosts name it differently."""
    params = processor.params
    return str(getattr(params, "coord_format", None) or params.format)


def label_fields(processor: Any) -> list[str]:
    """Return the label fields of a processor, none where it is None."""
    return [] if processor is None else list(processor.params.label_fields or [])


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
        out[:, column] = _numbers(_field(fields, name, kept, paste.where), name, paste.where)
    values = {name: _field(fields, name, kept, paste.where) for name in declared}
    encoded = encode_fields(processor, "bboxes", values, data, paste.where)
    for column, codes in enumerate(encoded, width):
        out[:, column] = codes
    return out


def _field(fields: Mapping[str, Any], name: str, kept: NDArray[np.intp], where: str) -> list[Any]:
    """Return a donor's values of the kept rows as plain Python values: nothing is cast."""
    if name not in fields:
        raise InvalidSampleError(
            f"{where} has boxes but no field {name!r}, which the pipeline declares. Give "
            f"it one value per box in Donor.fields; it has {sorted(fields)}."
        )
    values = fields[name]
    if isinstance(values, np.ndarray):
        return list(values[kept].tolist())
    picked = (values[row] for row in kept.tolist())
    return [value.item() if isinstance(value, np.generic) else value for value in picked]


def encode_fields(
    processor: Any,
    data_name: str,
    fields: Mapping[str, list[Any]],
    data: Mapping[str, Any],
    where: str,
) -> list[NDArray[Any]]:
    """Encode a donor's label fields as the pipeline encodes the primary's.

    Args:
        processor: The pipeline's processor of *data_name*.
        data_name: "bboxes" or "keypoints".
        fields: Values of every declared field, in order.
        data: The call. The host registers no field of an empty primary; its container and
            dtype, still in the call, are then those of the result.
        where: The donor's name for messages.

    Returns:
        One column, (n,), per field.

    Raises:
        InvalidSampleError: If a value does not fit the field.
    """
    known = processor.label_manager.metadata[data_name]
    columns = []
    for name, values in fields.items():
        if not values:
            columns.append(np.zeros(0))
            continue
        if name not in known:  # the first call of this pipeline, and the primary is empty
            like = _as_container(values, data.get(name), name, where)
            processor.label_manager.process_field(data_name, name, like)
        columns.append(_encode(known[name], values, name, where))
    return columns


def _encode(meta: Any, values: list[Any], name: str, where: str) -> NDArray[Any]:
    """Return the codes of values that come back from the field's column as they went in."""
    if meta.is_numerical or meta.encoder.is_numerical:
        numbers = _numbers(values, name, where)
        # Numbers in containers that 2.0.8 does not know as such come back through int.
        _check_holds(meta.dtype if meta.is_numerical else np.dtype(int), numbers, name, where)
        return numbers
    odd = next((value for value in values if isinstance(value, Real)), None)
    if odd is not None:
        raise InvalidSampleError(
            f"field {name!r} holds strings in this pipeline, got the number {odd!r} in "
            f"{where}. Use one kind of label in primary and donors."
        )
    meta.encoder.update(values)  # never .fit(): in 2.0.8 it can turn the field numeric
    if meta.dtype is not None and meta.dtype.kind in "US":
        # 2.0.8 would cut unseen strings to the primary's width.
        meta.dtype = np.result_type(meta.dtype, np.asarray(values).dtype)
    return np.array([meta.encoder.classes_[value] for value in values])


def _as_container(values: list[Any], like: Any, name: str, where: str) -> Any:
    """Return values in the container, and for numbers the dtype, of an empty primary's field."""
    numbers = [isinstance(value, Real) for value in values]
    if any(numbers) and not all(numbers):
        raise InvalidSampleError(
            f"field {name!r} must hold numbers or strings, not both, got {values!r} in {where}."
        )
    if not isinstance(like, np.ndarray):
        return values
    if not (all(numbers) and like.dtype.kind in "biuf"):
        return np.asarray(values)
    _check_holds(like.dtype, _numbers(values, name, where), name, where)
    return np.asarray(values, like.dtype)


def _check_holds(
    dtype: np.dtype[Any] | None, numbers: NDArray[np.float64], name: str, where: str
) -> None:
    """Raise unless an integer field holds the numbers exactly."""
    if dtype is None or dtype.kind not in "biu":
        return
    with np.errstate(invalid="ignore"):
        bad = numbers.astype(dtype).astype(np.float64) != numbers
    if bad.any():
        raise InvalidSampleError(
            f"field {name!r} has dtype {dtype} in this pipeline, which cannot hold "
            f"{numbers[bad][0]!r} of {where}. Pass the primary's field as a list or with a wider "
            "dtype."
        )


def _numbers(values: list[Any], name: str, where: str) -> NDArray[np.float64]:
    """Return values as float64, every one a number that float32 holds."""
    plain = np.asarray(values) if values else np.zeros(0)
    if plain.dtype.kind not in "biuf" or plain.ndim != 1:
        odd = next((value for value in values if not isinstance(value, Real)), None)
        if odd is not None or None in values:
            raise InvalidSampleError(
                f"field {name!r} holds numbers in this pipeline, got {odd!r} in {where}. Use one "
                "kind of label in primary and donors."
            )
    numbers = plain.astype(np.float64)
    with np.errstate(over="ignore"):
        short = numbers.astype(np.float32)
    # Fractions are rounded, as the host rounds the primary's; whole numbers must stay exact.
    bad = short != numbers
    if bad.any():
        bad &= (np.rint(numbers) == numbers) | ~np.isfinite(short)
    if bad.any():
        raise InvalidSampleError(
            f"field {name!r} travels as float32, which cannot hold "
            f"{values[int(np.argmax(bad))]!r} of {where}. Pass a small row index and keep the "
            "values in a table beside it."
        )
    return numbers


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
