"""The objects of a call: its box rows and instance masks, judged once for every target.

The host calls the targets in the caller's order, so that none may wait for another: what becomes
of each object is decided before, and masks, boxes and label fields follow the same list.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from albu_cutmix.arguments import check_choice
from albu_cutmix.errors import InvalidArgumentError, InvalidSampleError
from albu_cutmix.fates import (
    Fates,
    ObjectRule,
    Verdict,
    judge_donor,
    judge_primary,
)
from albu_cutmix.geometry import Rect
from albu_cutmix.host.fields import check_declared, field_column
from albu_cutmix.host.instances import bind_donor, bind_masks, dtype_of
from albu_cutmix.host.rows import (
    donor_rows,
    filters,
    join_rows,
    read_bboxes,
    survivors,
    write_bboxes,
)
from albu_cutmix.plan import MixPlan, Paste
from albu_cutmix.remnants import count_remnant

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FieldNames", "judge_call", "mix_bboxes"]


KINDS = {"visibility_field": "floats", "ignore_field": "numbers", "mask_index_field": "numbers"}


class FieldNames(NamedTuple):
    """Label fields of boxes that a mix writes; the arguments of `CutMix` of the same names."""

    visibility_field: str | None = None
    ignore_field: str | None = None
    mask_index_field: str | None = None

    def check_pipeline(self, rows: NDArray[Any], processor: Any) -> None:
        """Raise InvalidSampleError unless all are label fields, of numbers, of a bbox processor."""
        for argument, name in self._asdict().items():
            if name is not None:
                check_declared(processor, name, argument)
                if rows.size:
                    field_column(rows, name, processor, "bboxes", argument, KINDS[argument])

    def check(self, masks_mode: str) -> None:
        """Raise InvalidArgumentError unless they and `masks_mode` agree."""
        check_choice("masks_mode", masks_mode, ("instances", "layers"))
        given = [name for name in self if name is not None]
        if not all(isinstance(name, str) for name in given) or len(set(given)) < len(given):
            raise InvalidArgumentError(
                f"visibility_field, ignore_field and mask_index_field must be names of different "
                f"label fields, or None, got {tuple(self)!r}."
            )
        if masks_mode == "layers" and self.mask_index_field is not None:
            raise InvalidArgumentError(
                "mask_index_field says which instance mask a box owns and cannot be combined with "
                "masks_mode='layers'. Leave it out, or use masks_mode='instances'."
            )


def judge_call(
    plan: MixPlan,
    data: Mapping[str, Any],
    rule: ObjectRule,
    names: FieldNames,
    processor: Any,
    *,
    instances: bool,
) -> Verdict | None:
    """Say what becomes of every object of a call; None where it has no object.

    Args:
        plan: A plan that pastes a patch.
        data: The call, rows and masks in the host's form.
        rule: Mode and thresholds.
        names: Label fields.
        processor: The pipeline's bbox processor, None where it has none.
        instances: Whether `masks` hold instances, one row per object.

    Raises:
        InvalidSampleError: If boxes or masks of primary or donor cannot be mixed truthfully.
    """
    pastes, rows = plan.pastes, data.get("bboxes")
    masks = data.get("masks") if instances else None
    if not pastes or (rows is None and masks is None):
        return None
    planes, index = None, None
    if masks is not None:
        planes = bind_masks(masks, rows, names.mask_index_field, processor)
        field, boxed = names.mask_index_field, rows is not None
        index = [bind_donor(paste.donor, paste.where, field, boxed) for paste in pastes]
        dtype_of(masks, pastes)
    for paste in pastes if rows is not None else ():
        _check_boxes(paste)
    own = None if rows is None else read_bboxes(rows, plan.shape)
    sides = [judge_primary(own, plan.covered, plan.shape, rule, planes)]
    for number, paste in enumerate(pastes):
        boxes = None if rows is None else paste.donor.bboxes
        sides.append(judge_donor(boxes, paste, rule, None if index is None else index[number]))
    if rows is not None and (planes is not None or filters(processor)):
        sides = _filter(rows, sides, processor, plan.shape)
    fates, *donors = sides
    image = Rect(0, 0, plan.shape[1], plan.shape[0])
    places = fates.bboxes if own is None else own
    remnant = count_remnant(fates, places, image, plan.covered, planes, only_torn=True)
    for paste, theirs in zip(pastes, donors, strict=True):
        remnant += count_remnant(theirs, theirs.bboxes, paste.patch, paste.covered)
    return Verdict(fates, donors, planes, index, remnant)


def _check_boxes(paste: Paste) -> None:
    if paste.donor.bboxes is None:
        raise InvalidSampleError(
            f"the primary has bboxes, {paste.where} has none. Give a donor without objects an "
            "empty array (0, 4), or leave bboxes out of the call."
        )


def _filter(
    rows: NDArray[Any], sides: list[Fates], processor: Any, shape: tuple[int, int]
) -> list[Fates]:
    """Drop what the pipeline's own thresholds will drop, so that masks go with their boxes."""
    four = rows[:, :4] if rows.size else np.zeros((0, 4), rows.dtype)
    added = np.concatenate([side.bboxes[side.keep] for side in sides[1:]])
    out = join_rows(four, sides[0], write_bboxes(added, shape), shape)
    left, start, judged = survivors(out, processor, shape), 0, []
    for side in sides:
        keep = side.keep.copy()
        stop = start + int(np.count_nonzero(keep))
        keep[side.keep] = left[start:stop]
        judged.append(side._replace(keep=keep, ignored=side.ignored & keep))
        start = stop
    return judged


def mix_bboxes(
    rows: NDArray[Any],
    plan: MixPlan,
    verdict: Verdict,
    names: FieldNames,
    processor: Any,
    data: Mapping[str, Any],
) -> NDArray[Any]:
    """Return the box rows after a mix: what comes out of the primary, then of the donors.

    Args:
        rows: The primary's rows, any number of them. Not modified.
        plan: A plan that pastes a patch.
        verdict: What becomes of the objects.
        names: Label fields that are written.
        processor: The pipeline's bbox processor.
        data: The call, in which an empty primary still has its label fields.
    """
    fresh: set[str] | None = None if rows.size else set()
    added = [
        donor_rows(rows, paste, fates, plan.shape, processor, data, _defaults(names, fates), fresh)
        for paste, fates in zip(plan.pastes, verdict.donors, strict=True)
    ]
    out = join_rows(rows, verdict.primary, np.concatenate(added), plan.shape)
    if not len(out):
        return out
    sides = verdict.sides
    columns = {
        argument: field_column(out, name, processor, "bboxes", argument, KINDS[argument])
        for argument, name in names._asdict().items()
        if name is not None
    }
    if "visibility_field" in columns:
        weights = plan.weights if plan.is_blend else (1.0,) * len(sides)
        shares = [
            weight * side.visibility[side.keep] for weight, side in zip(weights, sides, strict=True)
        ]
        out[:, columns["visibility_field"]] *= np.concatenate(shares)
    if "ignore_field" in columns:
        ignored = np.concatenate([side.ignored[side.keep] for side in sides])
        out[ignored, columns["ignore_field"]] = 1
    if "mask_index_field" in columns and verdict.planes is not None:
        out[:, columns["mask_index_field"]] = range(len(out))
    return out


def _defaults(names: FieldNames, fates: Fates) -> dict[str, NDArray[Any]]:
    """Return values of the label fields that a donor may lack, one per box."""
    count = len(fates.keep)
    values = (np.ones(count), np.zeros(count, np.int64), np.arange(count))
    pairs = zip(names, values, strict=True)
    return {name: column for name, column in pairs if name is not None}
