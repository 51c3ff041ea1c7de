"""The objects of a call: its box rows and instance masks, judged once for every target.

The host calls the targets in the caller's order, so that none may wait for another: what becomes
of each object is decided before, and masks, boxes and label fields follow the same list.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

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
from albu_cutmix.plan import MixPlan, check_choice
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
    paste, rows = plan.paste, data.get("bboxes")
    masks = data.get("masks") if instances else None
    if paste is None or (rows is None and masks is None):
        return None
    planes, index = None, None
    if masks is not None:
        planes = bind_masks(masks, rows, names.mask_index_field, processor)
        index = bind_donor(paste, names.mask_index_field, rows is not None)
        dtype_of(masks, paste)
    if rows is not None and paste.donor.bboxes is None:
        raise InvalidSampleError(
            f"the primary has bboxes, {paste.where} has none. Give a donor without objects an "
            "empty array (0, 4), or leave bboxes out of the call."
        )
    own = None if rows is None else read_bboxes(rows, plan.shape)
    fates = judge_primary(own, paste.patch, plan.shape, rule, planes)
    theirs = judge_donor(None if rows is None else paste.donor.bboxes, paste, rule, index)
    if rows is not None and (planes is not None or filters(processor)):
        fates, theirs = _filter(rows, fates, theirs, processor, plan.shape)
    image = Rect(0, 0, plan.shape[1], plan.shape[0])
    remnant = count_remnant(fates, fates.bboxes if own is None else own, image, paste.patch, planes)
    remnant += count_remnant(theirs, theirs.bboxes, paste.patch)
    return Verdict(fates, theirs, planes, index, remnant)


def _filter(
    rows: NDArray[Any], fates: Fates, theirs: Fates, processor: Any, shape: tuple[int, int]
) -> tuple[Fates, Fates]:
    """Drop what the pipeline's own thresholds will drop, so that masks go with their boxes."""
    four = rows[:, :4] if rows.size else np.zeros((0, 4), rows.dtype)
    out = join_rows(four, fates, write_bboxes(theirs.bboxes[theirs.keep], shape), shape)
    left = survivors(out, processor, shape)
    count = np.count_nonzero(fates.keep)
    judged = []
    for side, some in ((fates, left[:count]), (theirs, left[count:])):
        keep = side.keep.copy()
        keep[side.keep] = some
        judged.append(side._replace(keep=keep, ignored=side.ignored & keep))
    return judged[0], judged[1]


def mix_bboxes(
    rows: NDArray[Any],
    plan: MixPlan,
    verdict: Verdict,
    names: FieldNames,
    processor: Any,
    data: Mapping[str, Any],
) -> NDArray[Any]:
    """Return the box rows after a mix: what comes out of the primary, then of the donor.

    Args:
        rows: The primary's rows, any number of them. Not modified.
        plan: A plan that pastes a patch.
        verdict: What becomes of the objects.
        names: Label fields that are written.
        processor: The pipeline's bbox processor.
        data: The call, in which an empty primary still has its label fields.
    """
    assert plan.paste is not None  # noqa: S101 - for the type checker
    sides = verdict.primary, verdict.donor
    count = len(verdict.donor.keep)
    own = {names.visibility_field: np.ones(count), names.ignore_field: np.zeros(count, np.int64)}
    own[names.mask_index_field] = np.arange(count)
    defaults = {name: values for name, values in own.items() if name is not None}
    added = donor_rows(rows, plan.paste, verdict.donor, plan.shape, processor, data, defaults)
    out = join_rows(rows, verdict.primary, added, plan.shape)
    if not len(out):
        return out
    columns = {
        argument: field_column(out, name, processor, "bboxes", argument, KINDS[argument])
        for argument, name in names._asdict().items()
        if name is not None
    }
    if "visibility_field" in columns:
        shares = np.concatenate([side.visibility[side.keep] for side in sides])
        out[:, columns["visibility_field"]] *= shares
    if "ignore_field" in columns:
        ignored = np.concatenate([side.ignored[side.keep] for side in sides])
        out[ignored, columns["ignore_field"]] = 1
    if "mask_index_field" in columns and verdict.planes is not None:
        out[:, columns["mask_index_field"]] = range(len(out))
    return out
