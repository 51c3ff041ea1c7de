"""Seams: the pairs of neighbouring pixels of different owner, and what goes wrong there.

Pairs are 4-neighbours across an edge of the patch; an edge on the image's border is no seam.
"""

from __future__ import annotations

from enum import IntFlag
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from albu_cutmix.functional import source_pixels
from albu_cutmix.geometry import Rect

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from albu_cutmix.plan import Paste
    from albu_cutmix.shapes import Index, Shapes

__all__ = [
    "Edge",
    "SeamFlag",
    "count_pairs",
    "draw_seam",
    "find_edges",
    "ignore_cuts",
    "mark_cuts",
    "mark_jumps",
    "seam_length",
]


class SeamFlag(IntFlag):
    """Bits of the seam map.

    Attributes:
        SEAM: Within `seam_width` pixels of the seam.
        PRIMARY_CUT: A primary object goes on under the patch.
        DONOR_CUT: A donor object was cut off.
        LABEL_JUMP: The two sides carry different mask values.
    """

    SEAM = 1
    PRIMARY_CUT = 2
    DONOR_CUT = 4
    LABEL_JUMP = 8


CUT = int(SeamFlag.PRIMARY_CUT | SeamFlag.DONOR_CUT)
JUMP = int(SeamFlag.LABEL_JUMP)


class Edge(NamedTuple):
    """The pairs along one edge of a patch.

    Attributes:
        outer: Index of the primary's pixels beside the patch.
        inner: Index of those under it, pair by pair.
        shown: Index of the donor's pixels that are seen there.
        beyond: Index of the donor's pixels just outside the source; None where it has none.
        upright: Whether the edge runs along a column.
        forward: Whether the patch lies towards greater coordinates.
        bits: `SeamFlag` of each pair, (L,) uint8.
    """

    outer: Index
    inner: Index
    shown: Index
    beyond: Index | None
    upright: bool
    forward: bool
    bits: NDArray[np.uint8]


def find_edges(paste: Paste, shape: tuple[int, int]) -> list[Edge]:
    """Return the edges of a patch that are a seam; every pair holds `SEAM` alone.

    Args:
        paste: Donor, patch and source.
        shape: (height, width) of the primary.
    """
    patch, source, (d_height, d_width) = paste.patch, paste.source, paste.donor.shape
    rows, cols = patch.rows_cols
    d_rows, d_cols = source_pixels(paste)
    spans = (patch.x_min, patch.x_max, shape[1]), (source.x_min, source.x_max, d_width)
    edges = [
        Edge((rows, outer), (rows, inner), (d_rows, shown), past and (d_rows, past[0]), True, on,
             np.ones(patch.height, np.uint8))
        for outer, inner, shown, past, on in _ends(*spans)
    ]  # fmt: skip
    spans = (patch.y_min, patch.y_max, shape[0]), (source.y_min, source.y_max, d_height)
    return edges + [
        Edge((outer, cols), (inner, cols), (shown, d_cols), past and (past[0], d_cols), False, on,
             np.ones(patch.width, np.uint8))
        for outer, inner, shown, past, on in _ends(*spans)
    ]  # fmt: skip


def _ends(
    patch: tuple[int, int, int], source: tuple[int, int, int]
) -> Iterator[tuple[int, int, int, tuple[int] | None, bool]]:
    """Yield what meets at both ends of an axis: outer, inner, shown, beyond, forward.

    Args:
        patch: Where it starts and stops, and how long the primary is.
        source: The same in the donor.
    """
    (low, high, side), (d_low, d_high, d_side) = patch, source
    span, d_span = high - low, d_high - d_low
    if low > 0:
        yield low - 1, low, d_low + d_span // (2 * span), (d_low - 1,) if d_low else None, True
    if high < side:
        last = d_low + (2 * span - 1) * d_span // (2 * span)
        yield high, high - 1, last, (d_high,) if d_high < d_side else None, False


def seam_length(patch: Rect, shape: tuple[int, int]) -> int:
    """Return how many pairs a seam has."""
    (x_min, y_min, x_max, y_max), (height, width) = patch, shape
    upright = (x_min > 0) + (x_max < width)
    return upright * (y_max - y_min) + ((y_min > 0) + (y_max < height)) * (x_max - x_min)


def mark_cuts(edges: list[Edge], primary: Shapes, donor: Shapes) -> None:
    """Set `PRIMARY_CUT` and `DONOR_CUT` where an object goes on across the seam.

    Args:
        edges: Their bits are written.
        primary: The primary's objects, before the mix.
        donor: The donor's, in donor pixels.
    """
    for edge in edges:
        bits = edge.bits
        bits |= primary.joined(edge.outer, edge.inner).view(np.uint8) << 1
        if edge.beyond is not None:
            bits |= donor.joined(edge.shown, edge.beyond).view(np.uint8) << 2


def mark_jumps(edges: list[Edge], mask: NDArray[Any], donor: NDArray[Any]) -> None:
    """Set `LABEL_JUMP` where the semantic masks of primary and donor differ across the seam.

    Args:
        edges: Their bits are written.
        mask: The primary's, (H, W) or (H, W, C), before the mix.
        donor: The donor's whole mask, with as many axes.
    """
    for edge in edges:
        differs = mask[edge.outer] != donor[edge.shown]
        differs = differs if differs.ndim == 1 else differs.any(-1)
        bits = edge.bits
        bits |= differs.view(np.uint8) << 3


def count_pairs(edges: list[Edge]) -> tuple[int, int, int]:
    """Return how many pairs a seam has, how many cut an object, and how many jump."""
    if not edges:
        return 0, 0, 0
    bits = np.concatenate([edge.bits for edge in edges])
    cuts, jumps = (int(np.count_nonzero(bits & some)) for some in (CUT, JUMP))
    return len(bits), cuts, jumps


def draw_seam(edges: Sequence[Edge], patch: Rect, shape: tuple[int, int], width: int) -> Any:
    """Return the seam map, (H, W) uint8 of `SeamFlag` bits.

    Each pair marks itself and the pixels in line behind it, `width` deep on either side.
    """
    out = np.zeros(shape, np.uint8)
    for edge in edges:
        for strip in _strips(edge, patch, shape, width):
            part = out[strip]
            part |= edge.bits[:, None] if edge.upright else edge.bits
    return out


def ignore_cuts(mask: NDArray[Any], edges: list[Edge], patch: Rect, width: int, value: int) -> None:
    """Write a value into a mask, (H, W) or (H, W, C), wherever a pair is more than a seam."""
    for edge in edges:
        rows = (edge.bits > int(SeamFlag.SEAM)).nonzero()[0]
        for strip in _strips(edge, patch, mask.shape[:2], width) if len(rows) else ():
            if edge.upright:
                mask[strip][rows] = value
            else:
                mask[strip][:, rows] = value


def _strips(
    edge: Edge, patch: Rect, shape: tuple[int, ...], width: int
) -> Iterator[tuple[Any, Any]]:
    """Yield the pixels that pairs mark, inside the patch and outside."""
    across = 1 if edge.upright else 0
    inner, outer = edge.inner[across], edge.outer[across]
    low, high = (patch.x_min, patch.x_max) if edge.upright else (patch.y_min, patch.y_max)
    if edge.forward:
        spans = slice(inner, min(inner + width, high)), slice(max(outer - width + 1, 0), outer + 1)
    else:
        spans = (
            slice(max(inner - width + 1, low), inner + 1),
            slice(outer, min(outer + width, shape[across])),
        )
    for span in spans:
        yield (edge.inner[0], span) if edge.upright else (span, edge.inner[1])
