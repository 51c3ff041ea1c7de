"""The record of a batch: `MixRecord` with every field stacked, as torch's default_collate does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.batch.seams import seam_lengths
from albu_cutmix.record import VERSION, MixRecord

if TYPE_CHECKING:
    from albu_cutmix._backends import Library
    from albu_cutmix.batch.plan import BatchPlan
    from albu_cutmix.batch.rows import Counts

__all__ = ["batch_record"]

UNKNOWN = -1  # a count that a batch does not measure


def batch_record(
    plan: BatchPlan, kind: str, counts: Counts | None, jumps: Any, library: Library
) -> MixRecord:
    """Return the record of a batch in arrays of the caller's library.

    What the plan knows lies on the host; what was counted on a device stays there, so that nobody
    waits for it.

    Args:
        plan: What was drawn.
        kind: As in a single record.
        counts: What became of boxes; None where there are none.
        jumps: Seam pairs with different mask values, (B,); None without a mask.
        library: Of the batch.
    """
    size, applied = len(plan.donors), plan.applied
    rows = plan.patches.astype(np.int32)[:, None]
    shape = np.full((size, 2), plan.shape, np.int32)
    unknown = np.where(plan.owned > 0, UNKNOWN, 0)  # a blend has no seam, and hides nothing
    put = library.close
    return MixRecord(
        version=put(np.full(size, VERSION)),
        kind=(kind,) * size,  # type: ignore[arg-type]  # every field holds a value per sample
        applied=put(applied),
        reason=tuple(plan.reasons),  # type: ignore[arg-type]
        shape=put(shape),
        donors=put(np.where(applied, plan.donors, -1)[:, None]),
        seeds=put(np.full((size, 1), -1)),
        donor_shapes=put((shape * applied[:, None])[:, None]),
        patches=put(rows),
        sources=put(rows.copy()),
        owned_px=put(plan.owned[:, None]),
        lam=put(plan.weights[0].astype(np.float32)),
        blend=put(plan.blends),
        lam_object=put(-np.ones(size)),
        **{
            name: put(np.zeros(size, np.int64) if counts is None else getattr(counts, name))
            for name in ("kept", "clipped", "dropped", "donor_kept", "donor_dropped")
        },
        least_visibility=put(np.ones(size) if counts is None else counts.least_visibility),
        remnant_px=put(unknown),
        seam_px=put(seam_lengths(plan)),
        seam_object_px=put(unknown.copy()),
        seam_jump_px=put(unknown.copy() if jumps is None else jumps),
        flags=put(np.zeros(size, np.int64)),
    )
