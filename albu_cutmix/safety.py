"""Where a mix teaches something false: the metrics of one mix, and the flags they raise.

Definitions: section 7 of the design; lam_object and ghosts go back to OA-CutMix,
arXiv:2606.04820. Nothing here knows Albumentations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from albu_cutmix import masks
from albu_cutmix.fates import EPS, Fates, Verdict
from albu_cutmix.functional import source_pixels, whole_mask
from albu_cutmix.geometry import Rect
from albu_cutmix.harm import find_changed, find_gone, find_slivers, find_splits
from albu_cutmix.limits import SafetyFlag, SafetyLimits, SafetyRule
from albu_cutmix.seams import (
    Edge,
    count_pairs,
    find_edges,
    mark_cuts,
    mark_jumps,
    seam_length,
)
from albu_cutmix.shapes import (
    NO_SHAPES,
    Background,
    BoxShapes,
    MaskShapes,
    Regions,
    Shapes,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from albu_cutmix.plan import MixPlan, Paste

__all__ = ["NOTHING", "Metrics", "Safety", "assess"]


class Metrics(NamedTuple):
    """The safety metrics of one mix, as they stand in `MixRecord`; those of no mix by default."""

    lam_object: float = -1.0
    kept: int = 0
    clipped: int = 0
    dropped: int = 0
    donor_kept: int = 0
    donor_dropped: int = 0
    least_visibility: float = 1.0
    remnant_px: int = 0
    seam_px: int = 0
    seam_object_px: int = 0
    seam_jump_px: int = 0
    flags: int = 0


NOTHING = Metrics()
NONE = np.zeros(0, bool)


class Safety(NamedTuple):
    """What is known of the safety of one mix.

    Attributes:
        metrics: For the record.
        edges: The seam, pair by pair; not looked at in a call with nothing but an image.
        weights: Weights of the class labels; see `MixPlan.weights`.
        slivers: Which objects of the primary, and of each patch's donor, come out as slivers.
        splits: Which boxes of the primary a patch cuts in two.
    """

    metrics: Metrics
    edges: list[Edge]
    weights: tuple[float, ...]
    slivers: Sequence[NDArray[np.bool_]]
    splits: NDArray[np.bool_]


def assess(
    plan: MixPlan,
    verdict: Verdict | None,
    mask: NDArray[Any] | None,
    rule: SafetyRule,
    *,
    labelled: bool,
) -> Safety:
    """Measure a mix, and flag what is over the limits.

    Args:
        plan: A plan that pastes patches.
        verdict: What becomes of boxes and instance masks; None where there are none.
        mask: The primary's semantic mask, (H, W) or (H, W, C), before the mix. Not modified.
        rule: Limits, background and label weight.
        labelled: Whether the call has a class label.

    Raises:
        InvalidSampleError: If the donor's mask does not go with the primary's.
    """
    limits = rule.limits
    if verdict is None and mask is None:  # nothing to look at but how long the seam is
        bare = NOTHING._replace(seam_px=seam_length(plan))
        return Safety(bare, [], plan.weights, [NONE] * (1 + len(plan.pastes)), NONE)
    edges = find_edges(plan)
    theirs = None if mask is None else [whole_mask(mask, paste) for paste in plan.pastes]
    ignored = not plan.has_donors and rule.ignore_index is not None  # holes teach nothing
    if mask is not None and theirs is not None and not ignored:
        mark_jumps(edges, [mask, *theirs])
    shapes = find_shapes(plan, verdict, mask, theirs, rule.background)
    weights, seen, lam_object = plan.weights, None, -1.0
    if shapes is not None:
        mark_cuts(edges, shapes)
        if labelled:
            seen, total = count_seen(plan, shapes)
            lam_object = seen[0] / total if total else -1.0
            if rule.label_weight == "object" and total:
                weights = tuple(one / total for one in seen)
    pairs, cut, jumps = count_pairs(edges)
    slivers, splits = [NONE] * (1 + len(plan.pastes)), NONE
    if verdict is not None:
        slivers = find_slivers(plan, verdict, limits)
        splits = find_splits(plan, verdict.primary)
    metrics, flags = _judge_rows(plan, verdict, limits)
    flags |= _over(SafetyFlag.SLIVER, sum(map(np.count_nonzero, slivers)), limits.slivers)
    flags |= _over(SafetyFlag.SPLIT, np.count_nonzero(splits), limits.splits)
    flags |= _over(SafetyFlag.SEAM_ON_OBJECT, cut, limits.seam_on_object, pairs)
    flags |= _over(SafetyFlag.LABEL_JUMP, jumps, limits.label_jump, pairs)
    flags |= 0 if seen is None else _judge_label(weights, seen, lam_object, limits)
    metrics = metrics._replace(
        lam_object=lam_object,
        seam_px=pairs,
        seam_object_px=cut,
        seam_jump_px=jumps,
        flags=int(flags),
    )
    return Safety(metrics, edges, weights, slivers, splits)


def _judge_label(
    weights: Sequence[float], seen: Sequence[float], lam_object: float, limits: SafetyLimits
) -> int:
    """Return the flags that a class label raises, by its weights and by what shows of each side."""
    ghost = any(weight and not count for weight, count in zip(weights, seen, strict=True))
    gap = abs(weights[0] - lam_object) if lam_object >= 0 else 0.0
    flags = int(SafetyFlag.GHOST) if ghost and limits.ghosts else 0
    return flags | _over(SafetyFlag.LABEL_NOISE, gap, limits.label_noise)


def _over(flag: SafetyFlag, value: Any, limit: float | None, whole: int = 1) -> int:
    """Return a flag where a value is over its limit, as a share of a whole."""
    return int(flag) if limit is not None and value > limit * whole else 0


def find_shapes(
    plan: MixPlan,
    verdict: Verdict | None,
    mask: NDArray[Any] | None,
    theirs: Sequence[NDArray[Any]] | None,
    background: Background,
) -> list[Shapes] | None:
    """Return the pixel objects of the primary and each patch's donor; None where there are none.

    Args:
        plan: A plan that pastes patches.
        verdict: See `assess`.
        mask: See `assess`.
        theirs: The whole semantic mask of each patch's donor.
        background: Values of it that are no object.
    """
    pastes = plan.pastes
    shapes: list[Shapes]
    if verdict is not None and verdict.planes is not None and verdict.owned is not None:
        shapes = [_own_masks(verdict.planes, verdict.primary)]
        for paste, index, fates in zip(pastes, verdict.owned, verdict.donors, strict=True):
            shapes.append(_donor_masks(paste, index, fates))
    elif mask is not None and theirs is not None:
        shapes = [Regions(one, background) for one in (mask, *theirs)]
    elif verdict is not None:
        frame = pastes[0].patch if len(pastes) == 1 else None
        shapes = [BoxShapes.of(verdict.primary.before, plan.shape, frame)]
        for paste, fates in zip(pastes, verdict.donors, strict=True):
            frame = None if paste.covered else paste.source
            shapes.append(BoxShapes.of(fates.before, paste.donor.shape, frame))
    else:
        return None
    # What fills a hole is no object, whatever value its mask has.
    return shapes if plan.has_donors else [shapes[0], *[NO_SHAPES] * len(pastes)]


def _own_masks(planes: Any, fates: Fates) -> MaskShapes:
    """Return the primary's instance masks; looked at for cuts are those that lie on both sides."""
    torn = [
        (planes[row], where)
        for row, (where, _) in fates.pieces.items()
        if EPS < fates.visibility[row] < 1
    ]
    return MaskShapes(planes, None, torn)


def _donor_masks(paste: Paste, index: Any, fates: Fates) -> MaskShapes:
    """Return a donor's instance masks; see `_own_masks`."""
    theirs: Any = paste.donor.masks
    planes, places = [theirs[row] for row in index], paste.donor.mask_places[1][list(index)]
    torn = [
        (planes[row], places[row].tolist()) for row in fates.pieces if fates.visibility[row] < 1
    ]
    return MaskShapes(planes, places, torn)


def count_seen(plan: MixPlan, shapes: Sequence[Shapes]) -> tuple[list[float], float]:
    """Return how many output pixels show an object of each labelled side, and their sum.

    In a blend a pixel counts by its weight. Without donors the sum is that of the primary's
    object pixels before.
    """
    image = Rect(0, 0, plan.shape[1], plan.shape[0])
    own = shapes[0].fill(image)
    before = masks.count(own)
    seen: list[float] = [before - sum(masks.count(own[rect.rows_cols]) for rect in plan.covered)]
    if not plan.has_donors:
        return seen, before
    for paste, theirs in zip(plan.pastes, shapes[1:], strict=True):
        seen.append(_count_donor(paste, theirs.fill(paste.source)))
    if plan.is_blend:
        seen = [count * weight for count, weight in zip(seen, plan.weights, strict=True)]
    return seen, sum(seen)


def _count_donor(paste: Paste, shown: NDArray[Any]) -> int:
    """Return how many output pixels show an object of a donor, from what fills its source."""
    rows, cols = source_pixels(paste)
    left, top, right, bottom = paste.source
    if paste.covered:
        pixels = (
            shown.copy() if isinstance(rows, slice) else shown[rows[:, None] - top, cols - left]
        )
        masks.clear(pixels, paste.covered, paste.patch)
        return masks.count(pixels)
    if isinstance(rows, slice):
        return masks.count(shown)
    # Scaled: each donor pixel counts as often as it is seen.
    often = np.bincount(rows - top, minlength=bottom - top)
    across = np.bincount(cols - left, minlength=right - left)
    return int(often @ ((shown != 0).astype(np.float64) @ across))


def _judge_rows(
    plan: MixPlan, verdict: Verdict | None, limits: SafetyLimits
) -> tuple[Metrics, int]:
    """Return the counts of boxes and instance masks by fate, and the flags that they raise."""
    if verdict is None:
        return Metrics(), 0
    own = verdict.primary
    changed = find_changed(own)
    clipped = int(np.count_nonzero(own.keep & changed))
    gone = find_gone(own, plan.shape)
    out = int(np.count_nonzero(own.keep))
    donor_out = sum(int(np.count_nonzero(fates.keep)) for fates in verdict.donors)
    donor_seen = sum(int(np.count_nonzero(fates.visibility > EPS)) for fates in verdict.donors)
    seen = own.visibility[own.keep & ~own.ignored]
    least = float(seen.min()) if len(seen) else 1.0
    metrics = Metrics(
        kept=out - clipped, clipped=clipped, donor_kept=donor_out,
        dropped=len(own.keep) - out - int(np.count_nonzero(gone)),
        donor_dropped=donor_seen - donor_out,
        least_visibility=least, remnant_px=verdict.remnant_px,
    )  # fmt: skip
    erased = np.count_nonzero((own.visibility <= EPS) & ~gone)
    flags = _over(SafetyFlag.ERASED, erased, limits.erased)
    if limits.truncated is not None and least < limits.truncated - EPS:
        flags |= int(SafetyFlag.TRUNCATED)
    flags |= _over(
        SafetyFlag.REMNANT, verdict.remnant_px, limits.remnant, plan.shape[0] * plan.shape[1]
    )
    return metrics, flags
