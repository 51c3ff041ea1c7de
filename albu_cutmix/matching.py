"""What became of each box, told from a mix and its primary alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from albu_cutmix import masks as instance_masks
from albu_cutmix.boxes import round_out, visible_extent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from albu_cutmix.record import MixRecord

__all__ = ["TOLERANCE", "Fates", "match_fates"]

TOLERANCE = 0.01  # pixels: the host's float32 round trip is far below


class Fates(NamedTuple):
    """Row numbers by fate: `dropped` of the primary's boxes, all others of the output's."""

    kept: NDArray[np.intp]
    clipped: NDArray[np.intp]
    dropped: NDArray[np.intp]
    donor: NDArray[np.intp]


def match_fates(
    out_bboxes: NDArray[np.float64],
    primary_bboxes: NDArray[np.float64],
    record: MixRecord,
    primary_masks: Any = None,
) -> Fates:
    """Say what became of each box by comparing a mix with its primary.

    Args:
        out_bboxes: Boxes of the output, (N, 4), xyxy pixels; the primary's come first, in order.
        primary_bboxes: Boxes of the primary, (M, 4), xyxy pixels.
        record: The record of the mix.
        primary_masks: Instance masks of the primary, one per box, if they were mixed too.

    Returns:
        An output box equal to the next primary's is kept, one equal to its visible extent is
        clipped; primary boxes without a match are dropped, output boxes without one are the
        donor's.
    """
    shown = primary_bboxes
    if record.applied:
        covered = record.covered
        shown = visible_extent(primary_bboxes, *covered)
        if primary_masks is not None and len(primary_masks) == len(primary_bboxes):
            hints = round_out(primary_bboxes, tuple(record.shape.tolist()))
            found = instance_masks.find_hidden(primary_masks, covered, hints)
            for row, (_, _, where) in found.items():
                extent = instance_masks.visible_extent(primary_masks[row], covered, where)
                shown[row] = extent or (0, 0, 0, 0)
    found_rows: dict[str, list[int]] = {name: [] for name in Fates._fields}
    row = 0
    for number, pair in enumerate(zip(primary_bboxes, shown, strict=True)):
        same = [
            row < len(out_bboxes) and bool(np.allclose(out_bboxes[row], box, 0, TOLERANCE))
            for box in pair
        ]
        if not any(same):
            found_rows["dropped"].append(number)
            continue
        found_rows["kept" if same[0] else "clipped"].append(row)
        row += 1
    found_rows["donor"] = list(range(row, len(out_bboxes)))
    return Fates(*(np.array(rows, np.intp) for rows in found_rows.values()))
