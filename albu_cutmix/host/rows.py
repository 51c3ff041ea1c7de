"""Box rows of the host: its normalised coordinates, and columns of labels. See `fields`.

Inside a pipeline a box is a float row: x_min, y_min, x_max, y_max as shares of the image, then
the columns that the user passed beyond the fourth, then one column per label field.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.boxes import NO_AREA, area, snap
from albu_cutmix.checks import bbox_rows, check_bboxes, column_field
from albu_cutmix.errors import InvalidSampleError
from albu_cutmix.fates import judge_donor, judge_primary
from albu_cutmix.host.fields import (
    check_numbers,
    check_undeclared,
    encode_fields,
    label_fields,
    pick_values,
)
from albu_cutmix.host.versions import SampledParams

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from albu_cutmix.fates import Fates, ObjectRule
    from albu_cutmix.plan import MixPlan, Paste

__all__ = [
    "alias_rows",
    "donor_rows",
    "filters",
    "host_format",
    "join_rows",
    "read_bboxes",
    "survivors",
    "write_bboxes",
]

THRESHOLDS = ("min_area", "min_visibility", "min_width", "min_height", "max_accept_ratio")


def host_format(processor: Any) -> str:
    """Return the format of a processor's rows; the two hosts name it differently."""
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


def filters(processor: Any) -> bool:
    """Return whether the pipeline drops boxes by thresholds of its own after each transform."""
    params = processor.params
    return bool(params.check_each_transform) and any(getattr(params, name) for name in THRESHOLDS)


def survivors(rows: NDArray[Any], processor: Any, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return which rows the host will leave after the transform, (N,): its own filter says.

    Besides its thresholds it drops boxes of no area: its crops of 2.0.8 leave such boxes where an
    object lies outside, until the next transform.

    Args:
        rows: Boxes as they would come out, (N, 4), shares of the image in the rows' dtype.
        processor: The pipeline's bbox processor.
        shape: (height, width) of the image.
    """
    if not len(rows) or not filters(processor):
        return area(np.clip(rows, 0, 1) * _sides(shape)) >= NO_AREA
    numbered = np.hstack([rows, np.arange(len(rows), dtype=np.float64)[:, None]])
    size: Any = {"height": shape[0], "width": shape[1]} if SampledParams is None else shape
    left = np.zeros(len(rows), bool)
    found = processor.filter(numbered.astype(rows.dtype), size)
    if len(found):  # else the host leaves out the further columns too
        left[found[:, 4].astype(np.int64)] = True
    return left


def donor_rows(
    rows: NDArray[Any],
    paste: Paste,
    fates: Fates,
    shape: tuple[int, int],
    processor: Any,
    data: Mapping[str, Any],
    defaults: Mapping[str, Any],
    fresh: set[str] | None,
) -> NDArray[np.float64]:
    """Return the donor's boxes that come out as rows of the host.

    Args:
        rows: The primary's rows, any number of them.
        paste: Donor and patch.
        fates: What becomes of the donor's boxes.
        shape: (height, width) of the primary.
        processor: The pipeline's bbox processor.
        data: The call, in which an empty primary still has its label fields.
        defaults: Values of label fields that a donor may lack, one per box.
        fresh: See `encode_fields`.

    Raises:
        InvalidSampleError: If the donor lacks a column or field, or a value does not fit it.
    """
    fields = {**defaults, **paste.donor.fields}
    declared = label_fields(processor)
    check_undeclared(paste.donor.fields, declared, data, paste.where)
    extra = [name for name in fields if name.startswith("bboxes[")]
    width = rows.shape[1] - len(declared) if rows.size else 4 + len(extra)
    kept = np.flatnonzero(fates.keep)
    out = np.empty((len(kept), width + len(declared)))
    if not len(fates.keep):  # a donor without objects has no value that could be missing
        return out
    out[:, :4] = write_bboxes(fates.bboxes[kept], shape)
    for column in range(4, width):
        name = column_field(column)
        out[:, column] = check_numbers(
            pick_values(fields, name, kept, paste.where), name, paste.where
        )
    values = {name: pick_values(fields, name, kept, paste.where) for name in declared}
    encoded = encode_fields(processor, "bboxes", values, data, paste.where, fresh)
    for column, codes in enumerate(encoded, width):
        out[:, column] = codes
    return out


def join_rows(
    rows: NDArray[Any], fates: Fates, added: NDArray[np.float64], shape: tuple[int, int]
) -> NDArray[Any]:
    """Return the primary's rows that come out, changed ones rewritten, then those of the donor."""
    rows = rows if rows.size else np.zeros((0, added.shape[1]), rows.dtype)
    kept = rows[fates.keep]
    if fates.changed.any():
        changed = fates.changed[fates.keep]
        kept[changed, :4] = write_bboxes(fates.bboxes[fates.changed & fates.keep], shape)
    return np.concatenate([kept, added.astype(rows.dtype)])


def alias_rows(rows: NDArray[Any], plan: MixPlan, key: str, rule: ObjectRule) -> NDArray[Any]:
    """Return the box rows of an additional target after the mix; boxes alone are judged.

    Raises:
        InvalidSampleError: If a donor lacks the target or its columns.
    """
    shape = plan.shape
    fates = judge_primary(read_bboxes(rows, shape), plan.covered, shape, rule)
    added = [_alias_donor(rows, paste, key, shape, rule) for paste in plan.pastes]
    width = max(part.shape[1] for part in added)
    given = [part if len(part) else part.reshape(0, width) for part in added]
    return join_rows(rows, fates, np.concatenate(given), shape)


def _alias_donor(
    rows: NDArray[Any], paste: Paste, key: str, shape: tuple[int, int], rule: ObjectRule
) -> NDArray[np.float64]:
    """Return a donor's rows of an additional target that come out."""
    own = paste.donor.aliases.get(key)
    if own is None:
        raise InvalidSampleError(
            f"the primary has the additional target {key!r}, {paste.where} has none. Give every "
            f"donor of the pool its own, or leave {key!r} out of the call."
        )
    boxes = bbox_rows(own, paste.where, key)
    width = rows.shape[1] if rows.size else boxes.shape[1]
    if boxes.shape[1] != width and len(boxes):
        raise InvalidSampleError(
            f"boxes under {key!r} must have {width} columns, as in the primary and without label "
            f"fields, got {boxes.shape[1]} in {paste.where}."
        )
    checked = check_bboxes(boxes[:, :4], paste.donor.shape, f"{paste.where}, target {key!r}")
    theirs = judge_donor(checked, paste, rule)
    kept = np.flatnonzero(theirs.keep)
    added = np.hstack([write_bboxes(theirs.bboxes[kept], shape), boxes[kept, 4:]])
    return added.reshape(-1, width)
