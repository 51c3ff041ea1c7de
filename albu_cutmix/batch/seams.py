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
    for upright, line, strip, across in _lines(plan, width):
        bits = library.put(line.astype(np.uint8) * int(SeamFlag.SEAM))
        if mask is not None:
            differ = _differ(mask, plan, across, upright, columns, library)
            bits |= bits * library.cast(differ, "uint8") * int(SeamFlag.LABEL_JUMP)
        edges.append(Edges(upright, bits, library.put(strip.astype(np.uint8))))
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


def _lines(
    plan: BatchPlan, width: int
) -> Iterator[tuple[bool, NDArray[np.bool_], NDArray[np.bool_], tuple[Any, Any]]]:
    """Yield the edges: upright, its pairs, what it marks across, and the pixels on both sides."""
    spans = (plan.patches[:, 0::2], plan.shape[1]), (plan.patches[:, 1::2], plan.shape[0])
    for upright, (span, side), (along, length) in ((True, *spans), (False, *spans[::-1])):
        low, high = span[:, :1], span[:, 1:]
        at, on = np.arange(side)[None], np.arange(length)[None]
        line = (on >= along[:, :1]) & (on < along[:, 1:])
        first = (at >= low - width) & (at < np.minimum(low + width, high))
        yield upright, line & (low > 0), first, (np.maximum(low - 1, 0)[:, 0], low[:, 0])
        last = (at >= np.maximum(high - width, low)) & (at < high + width)
        beyond = np.minimum(high, side - 1)[:, 0]
        inner = np.maximum(high - 1, 0)[:, 0]
        yield upright, line & (high < side), last, (beyond, inner)


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
    rows = np.arange(len(plan.donors)), plan.donors
    between = (slice(None),) * (axis - 1)
    own, theirs = (
        mask[(library.put(samples), *between, library.put(line))]
        for samples, line in zip(rows, across, strict=True)
    )
    differ = own != theirs  # (B, L), (B, C, L) or (B, L, C)
    return differ if mask.ndim == 3 else differ.any(1 if columns == 3 else 2)
