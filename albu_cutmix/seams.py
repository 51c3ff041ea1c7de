"""Seams: the pairs of neighbouring pixels of different owner, and what goes wrong there.

Pairs are 4-neighbours across an edge of a patch; an edge on the image's border is no seam. Owners
are the primary and every patch.
"""

from __future__ import annotations

from enum import IntFlag
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from albu_cutmix.functional import source_pixels
from albu_cutmix.geometry import Rect

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from albu_cutmix.plan import MixPlan, Paste
    from albu_cutmix.shapes import Index, Shapes

__all__ = [
    "Edge",
    "SeamFlag",
    "Side",
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


class Side(NamedTuple):
    """How one owner sees the pairs of an edge, in pixels of its own image.

    Attributes:
        number: Of the patch; -1 for the primary.
        seen: Index of its pixels that are seen there.
        beyond: Index of those that lie where the other side is seen; None where it has none.
    """

    number: int
    seen: Index
    beyond: Index | None


class Edge(NamedTuple):
    """Pairs along one edge of a patch, between two owners.

    Attributes:
        outer: Index of the output's pixels beside the patch.
        inner: Index of those in it, pair by pair.
        under: The side that the patch was laid over.
        over: The side of the patch.
        patch: The patch.
        upright: Whether the edge runs along a column.
        forward: Whether the patch lies towards greater coordinates.
        bits: `SeamFlag` of each pair, (L,) uint8.
    """

    outer: Index
    inner: Index
    under: Side
    over: Side
    patch: Rect
    upright: bool
    forward: bool
    bits: NDArray[np.uint8]


def find_edges(plan: MixPlan) -> list[Edge]:
    """Return the edges of patches that are a seam; every pair holds `SEAM` alone.

    A pair belongs to the upper of its two owners, so that it is found once.

    Args:
        plan: A plan that pastes patches.
    """
    views = [_View(paste, *source_pixels(paste)) for paste in plan.pastes]
    edges = []
    for number, paste in enumerate(plan.pastes):
        for upright, forward, outer, inner, along in _find_lines(paste.patch, plan.shape):
            for owner, run in _find_runs(plan, number, upright, (outer, inner), along):
                beside, within = _line(upright, outer, run), _line(upright, inner, run)
                under = Side(owner, beside, within)
                if owner >= 0:
                    under = views[owner].side(owner, upright, outer, inner, run)
                over = views[number].side(number, upright, inner, outer, run)
                bits = np.ones(run.stop - run.start, np.uint8)
                edges.append(Edge(beside, within, under, over, paste.patch, upright, forward, bits))
    return edges


def _line(upright: bool, across: int, along: Any) -> Index:
    """Return the index of pixels along a column, or along a row."""
    return (along, across) if upright else (across, along)


def _find_lines(
    patch: Rect, shape: tuple[int, int]
) -> Iterator[tuple[bool, bool, int, int, slice]]:
    """Yield the edges of a patch inside its image: upright, forward, outer, inner, along."""
    for upright, along, (low, high), side in (
        (True, patch.rows_cols[0], patch[::2], shape[1]),
        (False, patch.rows_cols[1], patch[1::2], shape[0]),
    ):
        if low > 0:
            yield upright, True, low - 1, low, along
        if high < side:
            yield upright, False, high, high - 1, along


def _find_runs(
    plan: MixPlan, number: int, upright: bool, across: tuple[int, int], along: slice
) -> Iterator[tuple[int, slice]]:
    """Yield the parts of an edge that its patch owns, and who owns what lies beside them."""
    if len(plan.pastes) == 1:
        yield -1, along
        return
    outer, inner = (np.full(along.stop - along.start, -1) for _ in across)
    for other, paste in enumerate(plan.pastes):
        patch = paste.patch if upright else _turned(paste.patch)
        part = slice(*(min(max(y, along.start), along.stop) - along.start for y in patch[1::2]))
        for owners, at in zip((outer, inner), across, strict=True):
            if patch.x_min <= at < patch.x_max:
                owners[part] = other
    beside = np.where((inner == number) & (outer < number), outer, number)
    ends = [0, *(np.flatnonzero(np.diff(beside)) + 1).tolist(), len(beside)]
    for start, stop in pairwise(ends):
        if beside[start] != number:
            yield int(beside[start]), slice(along.start + start, along.start + stop)


def _turned(rect: Rect) -> Rect:
    """Return a rectangle with both axes exchanged."""
    return Rect(rect.y_min, rect.x_min, rect.y_max, rect.x_max)


class _View(NamedTuple):
    """A patch, and the rows and columns of its donor that are seen in it."""

    paste: Paste
    rows: Any
    cols: Any

    def side(self, number: int, upright: bool, near: int, far: int, run: slice) -> Side:
        """Return how a donor sees pairs: it is seen on the near line, not on the far one."""
        seen = self._find(upright, near, run)
        assert seen is not None  # noqa: S101 - for the type checker
        return Side(number, seen, self._find(upright, far, run))

    def _find(self, upright: bool, at: int, run: slice) -> Index | None:
        """Return the donor's pixels at a line of the primary's; None where it ends before."""
        patch, source, shape = self.paste.patch, self.paste.source, self.paste.donor.shape
        rows, cols = self.rows, self.cols
        if not upright:
            patch, source, shape = _turned(patch), _turned(source), shape[::-1]
            rows, cols = cols, rows
        if patch.x_min <= at < patch.x_max:
            start = at - patch.x_min
            across = cols.start + start if isinstance(cols, slice) else int(cols[start])
        else:
            across = source.x_min - 1 if at < patch.x_min else source.x_max
            if not 0 <= across < shape[1]:
                return None
        start, stop = run.start - patch.y_min, run.stop - patch.y_min
        if isinstance(rows, slice):
            return _line(upright, across, slice(rows.start + start, rows.start + stop))
        return _line(upright, across, rows[start:stop])


def seam_length(plan: MixPlan) -> int:
    """Return how many pairs a seam has."""
    if len(plan.pastes) > 1:
        return sum(len(edge.bits) for edge in find_edges(plan))
    (x_min, y_min, x_max, y_max), (height, width) = plan.pastes[0].patch, plan.shape
    upright = (x_min > 0) + (x_max < width)
    return upright * (y_max - y_min) + ((y_min > 0) + (y_max < height)) * (x_max - x_min)


def mark_cuts(edges: list[Edge], shapes: Sequence[Shapes]) -> None:
    """Set `PRIMARY_CUT` and `DONOR_CUT` where an object goes on across the seam.

    Args:
        edges: Their bits are written.
        shapes: The primary's objects, before the mix; then those of the donor of each patch.
    """
    for edge in edges:
        bits = edge.bits
        for number, seen, beyond in (edge.under, edge.over):
            if beyond is not None:
                shift = 1 if number < 0 else 2
                bits |= shapes[number + 1].joined(seen, beyond).view(np.uint8) << shift


def mark_jumps(edges: list[Edge], masks: Sequence[NDArray[Any]]) -> None:
    """Set `LABEL_JUMP` where the semantic masks of two owners differ across the seam.

    Args:
        edges: Their bits are written.
        masks: The primary's, (H, W) or (H, W, C), before the mix; then the whole mask of the
            donor of each patch, with as many axes.
    """
    for edge in edges:
        one, other = (masks[side.number + 1][side.seen] for side in (edge.under, edge.over))
        differs = one != other
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


def draw_seam(edges: Sequence[Edge], shape: tuple[int, int], width: int) -> Any:
    """Return the seam map, (H, W) uint8 of `SeamFlag` bits.

    Each pair marks itself and the pixels in line behind it, `width` deep on either side.
    """
    out = np.zeros(shape, np.uint8)
    for edge in edges:
        for strip in _strips(edge, shape, width):
            part = out[strip]
            part |= edge.bits[:, None] if edge.upright else edge.bits
    return out


def ignore_cuts(mask: NDArray[Any], edges: Sequence[Edge], width: int, value: int) -> None:
    """Write a value into a mask, (H, W) or (H, W, C), wherever a pair is more than a seam."""
    for edge in edges:
        rows = (edge.bits > int(SeamFlag.SEAM)).nonzero()[0]
        for strip in _strips(edge, mask.shape[:2], width) if len(rows) else ():
            if edge.upright:
                mask[strip][rows] = value
            else:
                mask[strip][:, rows] = value


def _strips(edge: Edge, shape: tuple[int, ...], width: int) -> Iterator[tuple[Any, Any]]:
    """Yield the pixels that pairs mark, inside the patch and outside."""
    across, patch = (1, edge.patch) if edge.upright else (0, edge.patch)
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
