"""The plan of a batch: every draw of every sample, on the host, before anything moves.

The formulas are those of `geometry`, over arrays: row i equals the single sample's patch of the
same draw. So a seed gives one plan, wherever the batch lives.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import exp, log
from typing import TYPE_CHECKING

import numpy as np

from albu_cutmix.blends import round_blend
from albu_cutmix.patches import BlendRule

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from albu_cutmix.patches import PatchRule

__all__ = ["CYCLES", "PLACEMENTS", "BatchPlan", "draw_plan", "place_rows"]

PLACEMENTS = ("paper", "inside")
#: Least length of a donor cycle. Short ones let many threads mix in place side by side; a sample's
#: donor is uniform over the others whatever the length.
CYCLES = {"permutation": 32, "pairs": 2}


@dataclass(frozen=True)
class BatchPlan:
    """What one call does to a batch of B samples.

    Attributes:
        shape: (height, width) of the samples.
        order: A permutation of the samples, (B,) int64. Cut into cycles as `np.array_split` does,
            a sample's donor is the next one of its cycle, the last one's the first.
        cycles: How many cycles there are.
        donors: Of which sample the patch is taken, (B,) int64; the sample itself where nothing
            is mixed.
        patches: Half-open xyxy, pixels, (B, 4) int64; zeros where nothing is mixed.
        blends: Weight of the primary where all pixels are blended, and the patch is the whole
            image, (B,) float64; 1.0: it is pasted.
        reasons: Why nothing is mixed: "", "p", "schedule", "no_donor" or "no_patch".
    """

    shape: tuple[int, int]
    order: NDArray[np.int64]
    cycles: int
    donors: NDArray[np.int64]
    patches: NDArray[np.int64]
    blends: NDArray[np.float64]
    reasons: list[str]

    @cached_property
    def applied(self) -> NDArray[np.bool_]:
        """Whether a sample is mixed, (B,)."""
        return self.patches[:, 2] > 0

    @cached_property
    def owned(self) -> NDArray[np.int64]:
        """Pixels taken from the donor, (B,): none of a blend."""
        x_min, y_min, x_max, y_max = self.patches.T
        owned: NDArray[np.int64] = (x_max - x_min) * (y_max - y_min) * (self.blends == 1)
        return owned

    @property
    def covered(self) -> NDArray[np.int64]:
        """The patches that hide what is under them, (B, 4); zeros elsewhere."""
        return self.patches * (self.owned > 0)[:, None]

    @cached_property
    def weights(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Weights of primary and donor, (B,) each: shares of pixels owned, or the blend."""
        total = self.shape[0] * self.shape[1]
        return (total - self.owned) / total * self.blends, self.owned / total + (1 - self.blends)


def draw_plan(
    rng: np.random.Generator,
    count: int,
    shape: tuple[int, int],
    rule: PatchRule,
    *,
    pairing: str = "permutation",
    p: float = 1.0,
    factor: float = 1.0,
) -> BatchPlan:
    """Draw a plan; always the same numbers of the stream, whatever p and the placement are.

    Args:
        rng: The source of randomness.
        count: Number of samples.
        shape: (height, width) of the samples.
        rule: How patches, or blends, are drawn.
        pairing: One of `CYCLES`.
        p: Probability that a sample is mixed.
        factor: That of the schedule, on p.
    """
    order = rng.permutation(count)
    draws = np.column_stack((rng.beta(rule.alpha, rule.alpha, count), rng.random((count, 5))))
    gate = rng.random(count)
    if isinstance(rule, BlendRule):
        patches, blends = (
            np.tile(np.array([0, 0, *shape[::-1]]), (count, 1)),
            round_blend(draws[:, 0]),
        )
    else:
        patches, blends = place_rows(draws, shape, rule), np.ones(count)
    fired = (gate < p * factor) & (patches[:, 2] > 0) & (count > 1)
    reasons = [""] * count if fired.all() else _reasons(gate, patches, p, factor)
    patches *= fired[:, None]
    cycles = max(1, count // CYCLES[pairing])
    donors = np.where(fired, _next_of(order, cycles), np.arange(count))
    blends = np.where(fired, blends, 1.0)
    return BatchPlan(shape, order, cycles, donors, patches, blends, reasons)


def _reasons(
    gate: NDArray[np.float64], patches: NDArray[np.int64], p: float, factor: float
) -> list[str]:
    """Return why a sample is not mixed, "" where it is."""
    tests = [gate >= p, gate >= p * factor, np.full(len(gate), len(gate) < 2), patches[:, 2] == 0]
    out: list[str] = np.select(tests, ["p", "schedule", "no_donor", "no_patch"], "").tolist()
    return out


def _next_of(order: NDArray[np.int64], cycles: int) -> NDArray[np.int64]:
    """Return the sample that follows each one in its cycle; see `BatchPlan.order`."""
    if not len(order):
        return order
    short, longer = divmod(len(order), cycles)
    numbers = np.arange(cycles + 1)
    first = numbers * short + np.minimum(numbers, longer)
    following = np.arange(1, len(order) + 1)
    following[first[1:] - 1] = first[:-1]
    donors = np.empty_like(order)
    donors[order] = order[following]
    return donors


def place_rows(
    draws: NDArray[np.float64], shape: tuple[int, int], rule: PatchRule
) -> NDArray[np.int64]:
    """Return the patch of every draw, (B, 4), zeros where it has no pixel.

    Args:
        draws: The numbers of `PatchDraw`, one row per sample, (B, 6).
        shape: (height, width), pixels.
        rule: Placement "paper" or "inside", and its ranges.
    """
    place = _place_paper if rule.placement == "paper" else _place_inside
    low, high = place(draws, np.array(shape[::-1]), rule)
    return np.concatenate((low, high), 1) * (high > low).all(1, keepdims=True)


Corners = tuple["NDArray[np.int64]", "NDArray[np.int64]"]


def _place_paper(
    draws: NDArray[np.float64],
    sides: NDArray[np.int64],
    rule: PatchRule,  # noqa: ARG001
) -> Corners:
    """See `geometry.place_paper`. `sides` are (width, height)."""
    ratio = np.sqrt(1.0 - draws[:, :1])
    centre = (draws[:, 2:4] * sides).astype(np.int64)
    half = (sides * ratio).astype(np.int64) // 2
    return np.maximum(centre - half, 0), np.minimum(centre + half, sides)


def _place_inside(draws: NDArray[np.float64], sides: NDArray[np.int64], rule: PatchRule) -> Corners:
    """See `geometry.place_inside`. `sides` are (width, height)."""
    (least, most), (narrow, wide) = rule.shares, rule.ratio_range
    share = least + (most - least) * draws[:, 0]
    ends = np.maximum(narrow, share).tolist(), np.minimum(wide, 1.0 / share).tolist()
    # NumPy's exp and log may differ from the single sample's in the last bit.
    ratio = np.array(
        [
            exp(log(low) + (log(high) - log(low)) * at)
            for low, high, at in zip(*ends, draws[:, 1].tolist(), strict=True)
        ]
    )
    shares = np.stack((np.sqrt(share * ratio), np.sqrt(share / ratio)), 1)
    size = np.minimum((shares * sides + 0.5).astype(np.int64), sides)
    low = (draws[:, 2:4] * (sides - size + 1)).astype(np.int64)
    return low, low + size
