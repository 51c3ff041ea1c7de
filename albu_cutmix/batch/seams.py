"""Seam maps of a batch: `SEAM`, and `LABEL_JUMP` where there is a mask; see `albu_cutmix.seams`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from albu_cutmix.seams import SeamFlag

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from albu_cutmix._backends import Library
    from albu_cutmix.batch.plan import BatchPlan

__all__ = ["Edges", "count_jumps", "draw_seams", "find_edges", "seam_lengths"]


class Edges(NamedTuple):
    """One edge of the patch of every sample: the left ones, say.

    Attributes:
        upright: Whether it runs along a column.
        bits: `SeamFlag` of each pair, (B, H) or (B, W) uint8; 0 where there is no seam.
        strip: Which columns, or rows, it marks, (B, W) or (B, H) uint8 of 0 and 1.
    """

    upright: bool
    bits: Any
    strip: Any


def seam_lengths(plan: BatchPlan) -> NDArray[np.int64]:
    """Return how many pairs each seam has, (B,); see `seams.seam_length`."""
    (x_min, y_min, x_max, y_max), (height, width) = plan.patches.T, plan.shape
    upright = (x_min > 0).astype(np.int64) + (x_max < width)
    flat = (y_min > 0).astype(np.int64) + (y_max < height)
    pairs: NDArray[np.int64] = upright * (y_max - y_min) + flat * (x_max - x_min)
    return pairs


def find_edges(
    plan: BatchPlan, width: int, mask: Any, columns: int, library: Library
) -> list[Edges]:
    """Return the four edges of all patches.

    Args:
        plan: Patches and donors.
        width: How many pixels are marked on either side.
        mask: The primaries' masks before the mix, (B, H, W) or with channels; None: no jumps.
        columns: The axis of the masks' columns.
        library: Of the mask.
    """
    edges = []
    for upright, line, strip, across in _lines(plan, width, library):
        bits = library.cast(line, "uint8") * int(SeamFlag.SEAM)
        if mask is not None:
            differ = _differ(mask, plan, across, upright, columns, library)
            bits |= bits * library.cast(differ, "uint8") * int(SeamFlag.LABEL_JUMP)
        edges.append(Edges(upright, bits, library.cast(strip, "uint8")))
    return edges


def draw_seams(edges: list[Edges]) -> Any:
    """Return the seam maps, (B, H, W) uint8."""
    maps = [
        bits[:, :, None] * strip[:, None, :] if upright else bits[:, None, :] * strip[:, :, None]
        for upright, bits, strip in edges
    ]
    out = maps[0]
    for other in maps[1:]:
        out |= other
    return out


def count_jumps(edges: list[Edges]) -> Any:
    """Return how many pairs of each seam have different mask values, (B,)."""
    jump = int(SeamFlag.LABEL_JUMP)
    return sum(((edge.bits & jump) > 0).sum(1) for edge in edges)


def _lines(plan: BatchPlan, width: int, library: Library) -> Iterator[tuple[bool, Any, Any, Any]]:
    """Yield the edges: upright, its pairs, what it marks across, and the pixels on both sides.

    Only the patches are brought to the device: whole lines would be too much to do so unawaited.
    """
    xp, (x_min, y_min, x_max, y_max) = library.xp, library.put(plan.patches.T)
    spans = (x_min, x_max, plan.shape[1]), (y_min, y_max, plan.shape[0])
    for upright, (low, high, side), (start, stop, length) in (
        (True, *spans),
        (False, *spans[::-1]),
    ):
        at, on = (library.put(np.arange(count))[None] for count in (side, length))
        line = (on >= start[:, None]) & (on < stop[:, None])
        first = (at >= (low - width)[:, None]) & (at < xp.minimum(low + width, high)[:, None])
        outer, inner = (low - 1) * (low > 0), low
        yield upright, line & (low > 0)[:, None], first, (outer, inner)
        last = (at >= xp.maximum(high - width, low)[:, None]) & (at < (high + width)[:, None])
        outer, inner = high * (high < side), (high - 1) * (high > 0)
        yield upright, line & (high < side)[:, None], last, (outer, inner)


def _differ(
    mask: Any,
    plan: BatchPlan,
    across: tuple[Any, Any],
    upright: bool,
    columns: int,
    library: Library,
) -> Any:
    """Return where a line of each mask differs from the donor's line that meets it, (B, L)."""
    axis = columns if upright else columns - 1
    rows = (library.put(samples) for samples in (np.arange(len(plan.donors)), plan.donors))
    between = (slice(None),) * (axis - 1)
    own, theirs = (
        mask[(samples, *between, line)] for samples, line in zip(rows, across, strict=True)
    )
    differ = own != theirs  # (B, L), (B, C, L) or (B, L, C)
    return differ if mask.ndim == 3 else differ.any(1 if columns == 3 else 2)
