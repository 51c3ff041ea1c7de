"""Which boxes and instance masks a mix harmed: changed, cut in two, left as a sliver."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from albu_cutmix.boxes import NO_AREA, area, clip_bboxes
from albu_cutmix.fates import EPS, Fates, Verdict

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from albu_cutmix.limits import SafetyLimits
    from albu_cutmix.plan import MixPlan

__all__ = ["find_changed", "find_gone", "find_slivers", "find_splits"]


def find_gone(fates: Fates, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return which of the primary's rows showed nothing before the mix, and so count nowhere.

    Crops of the host leave boxes of no area until the next transform.
    """
    gone = fates.visibility <= EPS
    rows = gone.nonzero()[0]
    if len(rows):
        places = clip_bboxes(fates.before[rows], (0, 0, shape[1], shape[0]))
        gone[rows] = area(places) < NO_AREA
        gone[list(fates.pieces)] = False
    return gone


def find_changed(fates: Fates) -> NDArray[np.bool_]:
    """Return which of the primary's objects have another box, mask or ignore field than before."""
    changed = fates.changed | fates.ignored
    for row in fates.pieces:
        changed[row] |= fates.visibility[row] < 1  # of its mask pixels are gone
    return changed


def find_slivers(plan: MixPlan, verdict: Verdict, limits: SafetyLimits) -> list[NDArray[np.bool_]]:
    """Return which objects of each side come out as slivers, and were none before."""
    found = []
    shapes = (plan.shape, *(paste.donor.shape for paste in plan.pastes))
    for fates, shape in zip(verdict.sides, shapes, strict=True):
        some = fates.keep & ~fates.ignored
        if fates is verdict.primary:
            some &= fates.changed
        some &= _is_thin(fates.bboxes, limits)
        rows = some.nonzero()[0]
        if len(rows):
            before = clip_bboxes(fates.before[rows], (0, 0, shape[1], shape[0]))
            some[rows] = ~_is_thin(before, limits)
        found.append(some)
    return found


def _is_thin(bboxes: NDArray[np.float64], limits: SafetyLimits) -> NDArray[np.bool_]:
    width, height = (bboxes[:, 2:] - bboxes[:, :2]).T
    least, most = np.minimum(width, height), np.maximum(width, height)
    thin: NDArray[np.bool_] = (least < limits.sliver_side) | (most > limits.sliver_aspect * least)
    return thin


def find_splits(plan: MixPlan, fates: Fates) -> NDArray[np.bool_]:
    """Return which boxes of the primary a patch cuts in two."""
    out = np.zeros(len(fates.keep), bool)
    rows = ((fates.visibility < 1) & (fates.visibility > EPS)).nonzero()[0]
    if not len(rows):
        return out
    height, width = plan.shape
    places = clip_bboxes(fates.before[rows], (0, 0, width, height))
    low, high = places[:, :2], places[:, 2:]
    for paste in plan.pastes:
        edges = np.array(paste.patch)
        spanned = (low >= edges[:2]) & (high <= edges[2:])
        inside = (low < edges[:2]) & (high > edges[2:])
        out[rows] |= (spanned & inside[:, ::-1]).any(1)
    return out
