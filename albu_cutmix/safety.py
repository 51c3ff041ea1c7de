"""Where a mix teaches something false: the metrics of one mix, and the flags they raise.

Definitions: section 7 of the design; lam_object and ghosts go back to OA-CutMix,
arXiv:2606.04820. Nothing here knows Albumentations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from albu_cutmix import masks
from albu_cutmix.fates import EPS, Verdict
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
from albu_cutmix.shapes import Background, BoxShapes, MaskShapes, Regions, Shapes

if TYPE_CHECKING:
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
        weights: Weights of the primary's and the donor's class label.
        slivers: Which objects of the primary, and of the donor, come out as slivers.
        splits: Which boxes of the primary the patch cuts in two.
    """

    metrics: Metrics
    edges: list[Edge]
    weights: tuple[float, float]
    slivers: tuple[NDArray[np.bool_], NDArray[np.bool_]]
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
        plan: A plan that pastes a patch.
        verdict: What becomes of boxes and instance masks; None where there are none.
        mask: The primary's semantic mask, (H, W) or (H, W, C), before the mix. Not modified.
        rule: Limits, background and label weight.
        labelled: Whether the call has a class label.

    Raises:
        InvalidSampleError: If the donor's mask does not go with the primary's.
    """
    paste, limits = plan.paste, rule.limits
    assert paste is not None  # noqa: S101 - for the type checker
    if verdict is None and mask is None:  # nothing to look at but how long the seam is
        bare = NOTHING._replace(seam_px=seam_length(paste.patch, plan.shape))
        return Safety(bare, [], plan.weights, (NONE, NONE), NONE)
    edges = find_edges(paste, plan.shape)
    theirs = None if mask is None else whole_mask(mask, paste)
    if mask is not None and theirs is not None:
        mark_jumps(edges, mask, theirs)
    shapes = find_shapes(plan, verdict, mask, theirs, rule.background)
    weights, seen = plan.weights, None
    if shapes is not None:
        mark_cuts(edges, *shapes)
        seen = count_seen(plan, *shapes) if labelled else None
    lam_object = -1.0 if seen is None or not sum(seen) else seen[0] / sum(seen)
    if rule.label_weight == "object" and lam_object >= 0:
        weights = lam_object, 1.0 - lam_object
    pairs, cut, jumps = count_pairs(edges)
    slivers, splits = (NONE, NONE), NONE
    if verdict is not None:
        slivers = find_slivers(plan, verdict, limits)
        splits = find_splits(plan, verdict.primary)
    metrics, flags = _judge_rows(plan, verdict, limits)
    flags |= _over(SafetyFlag.SLIVER, sum(map(np.count_nonzero, slivers)), limits.slivers)
    flags |= _over(SafetyFlag.SPLIT, np.count_nonzero(splits), limits.splits)
    flags |= _over(SafetyFlag.SEAM_ON_OBJECT, cut, limits.seam_on_object, pairs)
    flags |= _over(SafetyFlag.LABEL_JUMP, jumps, limits.label_jump, pairs)
    if seen is not None:
        ghost = any(weight > 0 and not count for weight, count in zip(weights, seen, strict=True))
        flags |= int(SafetyFlag.GHOST) if ghost and limits.ghosts else 0
        gap = abs(weights[0] - lam_object) if lam_object >= 0 else 0.0
        flags |= _over(SafetyFlag.LABEL_NOISE, gap, limits.label_noise)
    metrics = metrics._replace(
        lam_object=lam_object,
        seam_px=pairs,
        seam_object_px=cut,
        seam_jump_px=jumps,
        flags=int(flags),
    )
    return Safety(metrics, edges, weights, slivers, splits)


def _over(flag: SafetyFlag, value: Any, limit: float | None, whole: int = 1) -> int:
    """Return a flag where a value is over its limit, as a share of a whole."""
    return int(flag) if limit is not None and value > limit * whole else 0


def find_shapes(
    plan: MixPlan,
    verdict: Verdict | None,
    mask: NDArray[Any] | None,
    theirs: NDArray[Any] | None,
    background: Background,
) -> tuple[Shapes, Shapes] | None:
    """Return the pixel objects of primary and donor; None where the call has none.

    Args:
        plan: A plan that pastes a patch.
        verdict: See `assess`.
        mask: See `assess`.
        theirs: The donor's whole semantic mask.
        background: Values of it that are no object.
    """
    paste = plan.paste
    assert paste is not None  # noqa: S101 - for the type checker
    if verdict is not None and verdict.planes is not None and verdict.owned is not None:
        return _mask_shapes(verdict, verdict.planes, verdict.owned, paste)
    if mask is not None and theirs is not None:
        return Regions(mask, background), Regions(theirs, background)
    if verdict is None:
        return None
    own, donor = verdict.primary.before, verdict.donor.before
    return (
        BoxShapes.of(own, plan.shape, paste.patch),
        BoxShapes.of(donor, paste.donor.shape, paste.source),
    )


def _mask_shapes(
    verdict: Verdict, planes: Any, index: Any, paste: Paste
) -> tuple[MaskShapes, MaskShapes]:
    """Return instance masks of both sides; looked at for cuts are those that lie on both."""
    pieces, seen, theirs = verdict.primary.pieces, verdict.donor, paste.donor.masks
    donor_planes: Any = [theirs[row] for row in index]  # type: ignore[index]
    places = paste.donor.mask_places[1][list(index)]
    own_torn = [
        (planes[row], pieces[row][0]) for row in pieces if EPS < verdict.primary.visibility[row] < 1
    ]
    donor_torn = [
        (donor_planes[row], places[row].tolist()) for row in seen.pieces if seen.visibility[row] < 1
    ]
    return MaskShapes(planes, None, own_torn), MaskShapes(donor_planes, places, donor_torn)


def count_seen(plan: MixPlan, primary: Shapes, donor: Shapes) -> tuple[int, int]:
    """Return how many output pixels show an object of the primary, and of the donor."""
    paste, (height, width) = plan.paste, plan.shape
    assert paste is not None  # noqa: S101 - for the type checker
    own = primary.fill(Rect(0, 0, width, height))
    theirs = donor.fill(paste.source)
    rows, cols = source_pixels(paste)
    seen = masks.count(own) - masks.count(own[paste.patch.rows_cols])
    if isinstance(rows, slice):
        return seen, masks.count(theirs)
    # Scaled: each donor pixel counts as often as it is seen.
    left, top, right, bottom = paste.source
    often = np.bincount(rows - top, minlength=bottom - top)
    shown = (theirs != 0).astype(np.float64) @ np.bincount(cols - left, minlength=right - left)
    return seen, int(often @ shown)


def _judge_rows(
    plan: MixPlan, verdict: Verdict | None, limits: SafetyLimits
) -> tuple[Metrics, int]:
    """Return the counts of boxes and instance masks by fate, and the flags that they raise."""
    if verdict is None:
        return Metrics(), 0
    own, donor = verdict.primary, verdict.donor
    changed = find_changed(own)
    clipped = int(np.count_nonzero(own.keep & changed))
    gone = find_gone(own, plan.shape)
    out, donor_out = int(np.count_nonzero(own.keep)), int(np.count_nonzero(donor.keep))
    seen = own.visibility[own.keep & ~own.ignored]
    least = float(seen.min()) if len(seen) else 1.0
    metrics = Metrics(
        kept=out - clipped, clipped=clipped, donor_kept=donor_out,
        dropped=len(own.keep) - out - int(np.count_nonzero(gone)),
        donor_dropped=int(np.count_nonzero(donor.visibility > EPS)) - donor_out,
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
