"""Box rows of the host: its normalised coordinates, and its label encoders.

Inside a pipeline a box is a float row: x_min, y_min, x_max, y_max as shares of the image, then
the columns that the user passed beyond the fourth, then one column per label field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.errors import InvalidSampleError
from albu_cutmix.geometry import snap
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
    if default_field is not None and default_field not in fields:
        fields[default_field] = np.ones(len(fates.keep))
    declared = label_fields(processor)
    extra = [name for name in fields if name.startswith("bboxes[")]
    width = rows.shape[1] - len(declared) if rows.size else 4 + len(extra)
    columns = [column_field(k) for k in range(4, width)]
    encoded: list[NDArray[Any]] = [
        _numbers(_field(fields, name, paste.where)[fates.keep], name, paste.where)
        for name in columns
    ]
    kept = {name: _field(fields, name, paste.where)[fates.keep] for name in declared}
    encoded += encode_fields(processor, "bboxes", kept, data, paste.where)
    boxes = write_bboxes(fates.bboxes[fates.keep], shape)
    return np.hstack([boxes, *(column.reshape(-1, 1) for column in encoded)])


def _field(fields: Mapping[str, Any], name: str, where: str) -> NDArray[Any]:
    """Return a donor's values as an array of objects, so that nothing is cast on the way."""
    if name not in fields:
        raise InvalidSampleError(
            f"{where} has boxes but no field {name!r}, which the pipeline declares. Give "
            f"it one value per box in Donor.fields; it has {sorted(fields)}."
        )
    values = fields[name]
    plain = values.tolist() if isinstance(values, np.ndarray) else list(values)
    out = np.empty(len(plain), object)
    out[:] = [value.item() if isinstance(value, np.generic) else value for value in plain]
    return out


def encode_fields(
    processor: Any,
    data_name: str,
    fields: Mapping[str, NDArray[np.object_]],
    data: Mapping[str, Any],
    where: str,
) -> list[NDArray[np.float32]]:
    """Encode a donor's label fields as the pipeline encodes the primary's.

    Args:
        processor: The pipeline's processor of *data_name*.
        data_name: "bboxes" or "keypoints".
        fields: Values of every declared field, in order.
        data: The call. A field still in it belongs to an empty primary, which the host has not
            registered: its container and dtype are those of the result.
        where: The donor's name for messages.

    Returns:
        One float32 column, (n,), per field.

    Raises:
        InvalidSampleError: If a value does not fit the field.
    """
    manager = processor.label_manager
    columns = []
    for name, values in fields.items():
        if name in data or name not in manager.metadata[data_name]:
            # 2.0.8 keeps metadata of earlier calls: an empty primary starts anew.
            manager.metadata[data_name].pop(name, None)
            if len(values):
                _check_register(values, name, where)
                first = _as_container(values, data.get(name))
                columns.append(manager.process_field(data_name, name, first).ravel())
            else:
                columns.append(np.zeros(0, np.float32))
            _fit(manager.metadata[data_name].get(name), values, name, where)
        else:
            meta = manager.metadata[data_name][name]
            _fit(meta, values, name, where)
            columns.append(_encode(meta, values))
    return columns


def _is_numeric(meta: Any) -> bool:
    return bool(meta.is_numerical or meta.encoder.is_numerical)


def _encode(meta: Any, values: NDArray[np.object_]) -> NDArray[np.float32]:
    if _is_numeric(meta):
        return values.astype(np.float32)
    names = values.tolist()
    meta.encoder.update(names)  # never .fit(): in 2.0.8 it can turn the field numeric
    if meta.dtype is not None and meta.dtype.kind in "US" and names:
        # 2.0.8 would cut unseen strings to the primary's width.
        meta.dtype = np.result_type(meta.dtype, np.asarray(names).dtype)
    return np.array([meta.encoder.classes_[name] for name in names], np.float32)


def _as_container(values: NDArray[np.object_], like: Any) -> Any:
    """Return values in the container, and for numbers the dtype, of an empty primary's field."""
    plain = values.tolist()
    if not isinstance(like, np.ndarray):
        return plain
    if like.dtype.kind in "biuf" and all(isinstance(value, Real) for value in plain):
        # An empty np.array([]) is float64 by default: numbers alone do not say more.
        return np.asarray(plain, like.dtype)
    return np.asarray(plain)


def _check_register(values: NDArray[np.object_], name: str, where: str) -> None:
    """Raise unless the first values of a field are all numbers or all something else."""
    numbers = [isinstance(value, Real) for value in values]
    if any(numbers) and not all(numbers):
        raise InvalidSampleError(
            f"field {name!r} must hold numbers or strings, not both, got {values.tolist()!r} in "
            f"{where}."
        )
    if all(numbers):
        _numbers(values, name, where)


def _fit(meta: Any, values: NDArray[np.object_], name: str, where: str) -> None:
    """Raise unless a donor's values come back from the field's column as they went in."""
    if meta is None or not len(values):
        return
    if not _is_numeric(meta):
        odd = next((value for value in values if isinstance(value, Real)), None)
        if odd is not None:
            raise InvalidSampleError(
                f"field {name!r} holds strings in this pipeline, got the number {odd!r} in "
                f"{where}. Use one kind of label in primary and donors."
            )
        return
    numbers = _numbers(values, name, where)
    kind = meta.dtype if meta.is_numerical else np.dtype(np.int64)
    if kind is not None and kind.kind in "biu":
        back = numbers.astype(kind)
        if (back.astype(np.float64) != numbers).any():
            odd = values[int(np.argmax(back.astype(np.float64) != numbers))]
            raise InvalidSampleError(
                f"field {name!r} has dtype {kind} in this pipeline, which cannot hold {odd!r} of "
                f"{where}. Pass the primary's field as a list or with a wider dtype."
            )


def _numbers(values: NDArray[np.object_], name: str, where: str) -> NDArray[np.float64]:
    """Return values as float64, every one a number that float32 holds."""
    odd = next((value for value in values if not isinstance(value, Real)), None)
    if odd is not None or any(value is None for value in values):
        raise InvalidSampleError(
            f"field {name!r} holds numbers in this pipeline, got {odd!r} in {where}. Use one kind "
            "of label in primary and donors."
        )
    numbers = values.astype(np.float64)
    with np.errstate(over="ignore"):
        short = numbers.astype(np.float32).astype(np.float64)
    whole = np.rint(numbers) == numbers
    bad = ~np.isfinite(short) | (whole & (short != numbers))
    if bad.any():
        raise InvalidSampleError(
            f"field {name!r} travels as float32, which cannot hold {values[int(np.argmax(bad))]!r} "
            f"of {where}. Pass a small row index and keep the values in a table beside it."
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


def field_names(processors: Mapping[str, Any]) -> Sequence[str]:
    """Return the label fields of all processors of a pipeline."""
    return [name for processor in processors.values() for name in label_fields(processor)]
