"""Instance masks of a call: which belongs to which object, and the stack that comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.errors import InvalidSampleError
from albu_cutmix.functional import paste_instances
from albu_cutmix.host.fields import field_column
from albu_cutmix.host.rows import survivors
from albu_cutmix.host.versions import SampledParams

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from albu_cutmix.fates import Verdict
    from albu_cutmix.plan import MixPlan, Paste
    from albu_cutmix.sample import Donor

__all__ = ["align_masks", "bind_donor", "bind_masks", "dtype_of", "mix_instances"]


def bind_masks(
    masks: Any, rows: NDArray[Any] | None, index_field: str | None, processor: Any
) -> list[NDArray[Any]]:
    """Return the instance mask, (H, W), of each object: of each box where there are boxes.

    Raises:
        InvalidSampleError: If masks and boxes do not belong together.
    """
    planes = [_plane(mask) for mask in masks]
    if rows is None:
        return planes
    count = len(rows) if rows.size else 0
    if index_field is None:
        if len(planes) != count:
            raise InvalidSampleError(
                f"masks and bboxes must be as many, row i of masks for box i, got {len(planes)} "
                f"masks and {count} boxes. Where an earlier transform dropped boxes, declare a "
                "label field with each box's row of masks and pass mask_index_field=...; for one "
                "mask per class masks_mode='layers'."
            )
        return planes
    if not count:
        return []
    column = field_column(rows, index_field, processor, "bboxes", "mask_index_field", "numbers")
    return [planes[row] for row in check_index(rows[:, column], len(planes), "the primary")]


def _plane(mask: NDArray[Any]) -> NDArray[Any]:
    """Return an instance mask without the channel axis that one host adds."""
    if mask.ndim == 3 and mask.shape[2] == 1:
        return mask[:, :, 0]
    if mask.ndim != 2:
        raise InvalidSampleError(
            f"instance masks must have shape (N, H, W), got rows of shape {mask.shape}. For masks "
            "with channels use masks_mode='layers'."
        )
    return mask


def bind_donor(donor: Donor, where: str, index_field: str | None, boxed: bool) -> list[int]:
    """Return which of a donor's masks belongs to each of its objects."""
    masks, rows = donor.masks, donor.bboxes
    if masks is None:
        raise InvalidSampleError(
            f"the primary has masks, {where} has none. Give a donor without objects an "
            "empty list, or leave masks out of the call."
        )
    if len(masks):
        _plane(masks[0])
    if not boxed or rows is None:
        return list(range(len(masks)))
    values = donor.fields.get(index_field) if index_field is not None else None
    if values is not None:
        return check_index(values, len(masks), where)
    if len(masks) != len(rows):
        raise InvalidSampleError(
            f"masks and bboxes must be as many, row i of masks for box i, got {len(masks)} masks "
            f"and {len(rows)} boxes in {where}."
        )
    return list(range(len(masks)))


def check_index(values: Any, count: int, where: str) -> list[int]:
    """Return rows of masks, whole, in range, none twice."""
    plain = np.asarray(values)
    numbers = plain.dtype.kind in "iuf"
    plain = plain.astype(np.float64) if numbers else plain
    good = numbers and np.isin(plain, np.arange(count)).all()
    if not good or len(np.unique(plain)) < len(plain):
        raise InvalidSampleError(
            f"mask_index_field must name a row of its own of the {count} masks for each box, got "
            f"{plain.tolist()} in {where}."
        )
    return [int(row) for row in plain]


def dtype_of(masks: Any, pastes: Sequence[Paste]) -> np.dtype[Any]:
    """Return the dtype of the instance masks of a call: of an empty list that of the donors'.

    Raises:
        InvalidSampleError: If a donor's masks have another.
    """
    given = [(np.asarray(paste.donor.masks), paste.where) for paste in pastes]
    some = [theirs for theirs, _ in given if len(theirs)] or [theirs for theirs, _ in given]
    own: np.dtype[Any] = some[0].dtype
    if isinstance(masks, np.ndarray) or len(masks):
        own = masks.dtype if isinstance(masks, np.ndarray) else masks[0].dtype
    for theirs, where in given:
        if len(theirs) and own != theirs.dtype:
            raise InvalidSampleError(
                f"masks of primary and donor must have one dtype, got {own} and {theirs.dtype} in "
                f"{where}. Convert one of them; nothing is cast here."
            )
    return own


def mix_instances(masks: Any, plan: MixPlan, verdict: Verdict) -> Any:
    """Return the instance masks after a mix, (N, H, W), in the axes that came.

    Args:
        masks: Shape (N, H, W) or (N, H, W, 1), or an empty list. Not modified.
        plan: A plan that pastes patches.
        verdict: What becomes of the objects.
    """
    fates = verdict.primary
    pieces = [
        donor.pieces.get(row)
        for donor in verdict.donors
        for row in np.flatnonzero(donor.keep).tolist()
    ]
    if not fates.keep.any() and not pieces:
        return no_masks(masks)
    out = paste_instances(
        verdict.planes or (), fates.keep, fates.visibility < 1, plan.covered, pieces,
        (plan.shape, dtype_of(masks, plan.pastes)),
    )  # fmt: skip
    return out[..., None] if len(masks) and masks[0].ndim == 3 else out


def no_masks(masks: Any) -> Any:
    """Return masks without a row, in a form that the host carries through what follows."""
    if SampledParams is not None or not len(masks):
        return masks[:0]
    return []  # transforms of 2.0.8 fail on an array without rows, not on an empty list


def align_masks(
    data: dict[str, Any], index_field: str | None, processor: Any, shape: tuple[int, int]
) -> None:
    """Bring the masks of a call in which nothing is pasted into the order of its boxes.

    The same as where the mix fires: row i of `masks` is then that of box i, a field that names
    the rows counts them, and boxes that the host will drop go with their masks.
    """
    rows, masks = data.get("bboxes"), data.get("masks")
    if rows is None or masks is None:
        return
    count = len(bind_masks(masks, rows, index_field, processor))
    if not count:
        data["masks"] = no_masks(masks) if len(masks) else masks
        return
    left = survivors(rows[:, :4], processor, shape)
    if index_field is None and left.all():
        return
    index = np.arange(count)
    if index_field is not None:
        column = field_column(rows, index_field, processor, "bboxes", "mask_index_field", "numbers")
        index = rows[:, column].astype(np.int64)
    data["bboxes"] = rows[left]
    if not left.any():
        data["masks"] = no_masks(masks)
    elif isinstance(masks, np.ndarray):
        data["masks"] = masks[index[left]]
    else:
        data["masks"] = type(masks)(masks[row] for row in index[left].tolist())
    if index_field is not None:
        data["bboxes"][:, column] = range(len(data["bboxes"]))
