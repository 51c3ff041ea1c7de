"""Label fields of the host: a donor's values through the pipeline's own encoders.

The host turns every label field into a float32 column, numbers as they are and anything else
through an encoder, and back when the pipeline ends. What would not come back as it went in is an
error here.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.errors import InvalidSampleError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "check_declared",
    "check_numbers",
    "check_undeclared",
    "encode_fields",
    "field_column",
    "label_fields",
    "pick_values",
]


def label_fields(processor: Any) -> list[str]:
    """Return the label fields of a processor, none where it is None."""
    return [] if processor is None else list(processor.params.label_fields or [])


def check_declared(processor: Any, name: str, argument: str) -> None:
    """Raise InvalidSampleError unless the field that an argument names is a label field."""
    declared = label_fields(processor)
    if name not in declared:
        raise InvalidSampleError(
            f"{argument}={name!r} must be one of the pipeline's label_fields {declared!r}."
        )


def check_undeclared(
    fields: Mapping[str, Any], declared: list[str], data: Mapping[str, Any], where: str
) -> None:
    """Raise where the call and a donor both hold a field that the pipeline does not declare.

    It would come back as it went in, of another length than the rows.
    """
    odd = [name for name in fields if name not in declared and data.get(name) is not None]
    if odd:
        raise InvalidSampleError(
            f"the call and {where} both hold {odd[0]!r}, which is no label field of the pipeline, "
            f"so that its values would not follow their rows. Declare it: label_fields="
            f"{[*declared, odd[0]]!r}, or leave it out of the call."
        )


def field_column(
    rows: NDArray[Any], name: str, processor: Any, data_name: str, argument: str, kind: str
) -> int:
    """Return the column of host rows that holds a label field of numbers.

    Args:
        rows: Rows with label columns, at least one.
        name: The label field.
        processor: The pipeline's processor of *data_name*.
        data_name: "bboxes" or "keypoints".
        argument: The argument that names the field, for messages.
        kind: "floats" or "numbers": what the field must hold.

    Raises:
        InvalidSampleError: If the field is not declared or holds something else.
    """
    check_declared(processor, name, argument)
    declared = label_fields(processor)
    meta = processor.label_manager.metadata[data_name][name]
    kinds = "f" if kind == "floats" else "biuf"
    if not meta.is_numerical or (meta.dtype is not None and meta.dtype.kind not in kinds):
        raise InvalidSampleError(
            f"{argument}={name!r} must hold {kind}, got "
            f"{meta.dtype or 'labels that are no plain numbers'}. Pass it as a list of {kind} or "
            f"an array of them."
        )
    return int(rows.shape[1]) - len(declared) + declared.index(name)


def pick_values(
    fields: Mapping[str, Any],
    name: str,
    kept: NDArray[np.intp],
    where: str,
    data_name: str = "bboxes",
) -> list[Any]:
    """Return a donor's values of the kept rows as plain Python values: nothing is cast."""
    if name not in fields:
        holder = "fields" if data_name == "bboxes" else "keypoint_fields"
        raise InvalidSampleError(
            f"{where} has {data_name} but no field {name!r}, which the pipeline declares. Give it "
            f"one value per row in Donor.{holder}; it has {sorted(fields)}."
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
    fresh: set[str] | None,
) -> list[NDArray[Any]]:
    """Encode a donor's label fields as the pipeline encodes the primary's.

    Args:
        processor: The pipeline's processor of *data_name*.
        data_name: "bboxes" or "keypoints".
        fields: Values of every declared field, in order.
        data: The call. The host registers no field of an empty primary; its container and
            dtype, still in the call, are then those of the result.
        where: The donor's name for messages.
        fresh: Of a sample without a row, for which the host registers no field: those that donors
            of this call registered, to which this one adds; None where it has rows.

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
        if fresh is not None and name not in known and name not in fresh:
            known = _make_fleeting(processor.label_manager, data_name)
            like = _as_container(values, data.get(name), name, where)
            processor.label_manager.process_field(data_name, name, like)
            known.fleeting |= {name}
            fresh.add(name)
        columns.append(_encode(known[name], values, name, where))
    return columns


class FleetingFields(dict[str, Any]):
    """Fields of one kind of rows, some of them registered for the running call only.

    2.0.8 keeps container, dtype and codes of a field from the first call that has rows. What a
    donor of an empty primary registers must not become that: such a field can be read, but the
    next call does not find it and registers its own.
    """

    fleeting: frozenset[str] = frozenset()

    def __contains__(self, name: object) -> bool:
        """Whether a field is registered for good."""
        return super().__contains__(name) and name not in self.fleeting

    def __setitem__(self, name: str, meta: Any) -> None:
        """Register a field for good."""
        self.fleeting -= {name}
        super().__setitem__(name, meta)


def _make_fleeting(manager: Any, data_name: str) -> FleetingFields:
    known = manager.metadata[data_name]
    if not isinstance(known, FleetingFields):
        known = manager.metadata[data_name] = FleetingFields(known)
    return known


def _encode(meta: Any, values: list[Any], name: str, where: str) -> NDArray[Any]:
    """Return the codes of values that come back from the field's column as they went in."""
    if meta.is_numerical or meta.encoder.is_numerical:
        numbers = check_numbers(values, name, where)
        # Numbers in containers that 2.0.8 does not know as such come back through int.
        dtype = meta.dtype if meta.is_numerical else np.dtype(int)
        _check_holds(dtype, numbers, values, name, where)
        return numbers
    odd = [value for value in values if not isinstance(value, str)]
    if odd:
        what = "number" if isinstance(odd[0], Real) else type(odd[0]).__name__
        raise InvalidSampleError(
            f"field {name!r} holds strings in this pipeline, got the {what} {odd[0]!r} in "
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
    _check_holds(like.dtype, check_numbers(values, name, where), values, name, where)
    return np.asarray(values, like.dtype)


def _check_holds(
    dtype: np.dtype[Any] | None,
    numbers: NDArray[np.float64],
    values: list[Any],
    name: str,
    where: str,
) -> None:
    """Raise unless an integer field holds the numbers exactly."""
    if dtype is None or dtype.kind not in "biu":
        return
    with np.errstate(invalid="ignore"):
        bad = numbers.astype(dtype).astype(np.float64) != numbers
    if bad.any():
        raise InvalidSampleError(
            f"field {name!r} has dtype {dtype} in this pipeline, which cannot hold "
            f"{values[int(np.argmax(bad))]!r} of {where}. Pass the primary's field as a list or "
            "with a wider dtype."
        )


def check_numbers(values: list[Any], name: str, where: str) -> NDArray[np.float64]:
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
    if not np.isfinite(numbers).all():
        raise InvalidSampleError(
            f"field {name!r} must hold finite numbers, got {values!r} in {where}."
        )
    if bad.any():
        raise InvalidSampleError(
            f"field {name!r} travels as float32, which cannot hold "
            f"{values[int(np.argmax(bad))]!r} of {where}. Pass a small row index and keep the "
            "values in a table beside it."
        )
    return numbers
