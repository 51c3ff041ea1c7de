"""The slow oracle of the family: CutMix of several patches, Cutout and MixUp.

Who shows at a pixel stands in an owner map, a whole number for each pixel; shares of boxes are
sums over the cells between all edges, exact. Everything follows from the record's rectangles and
the samples, by the rules alone: like `oracle` this imports nothing of the package. What is
measured of a mix is in `family_report`; `family_checks` judges whole outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from oracle import (
    VISIBILITY_STEP,
    Box,
    Fate,
    Pixels,
    Rectangle,
    Sample,
    Settings,
    Shape,
    area,
    below,
    centres,
    exact,
    extent,
    meet,
    resized,
    source_pixel,
)
from oracle_objects import (
    Thing,
    holds,
    mask_extent,
    pasted_pixels,
    pixels_of,
    things,
    within_limits,
)

PRIMARY = -1
NEAR = Fraction(1, 500)


@dataclass(frozen=True)
class Asked(Settings):
    """What a pipeline was asked for, with the arguments of the family."""

    kind: str = "cutmix"
    alpha: float = 1.0
    num_patches: int | tuple[int, int] = 1
    mask_mode: str = "heavier"
    fill: Any = 0

    @property
    def slots(self) -> tuple[int, int]:
        """Least and most patches."""
        pair = self.num_patches
        return pair if isinstance(pair, tuple) else (pair, pair)


class Piece(NamedTuple):
    """One patch: its rectangle, and what fills it; a hole of Cutout is filled by no donor."""

    slot: int
    patch: Rectangle
    source: Rectangle | None
    donor: Sample | None


def owner_map(shape: Shape, patches: Sequence[Rectangle]) -> np.ndarray:
    """Who owns each pixel: the last patch on top, else the primary (-1)."""
    owners = np.full(shape, PRIMARY, np.int64)
    for y in range(shape[0]):
        for x in range(shape[1]):
            for slot, patch in enumerate(patches):
                if holds(patch, (x, y)):
                    owners[y, x] = slot
    return owners


@dataclass(frozen=True, eq=False)
class Mix:
    """One mix that fired, as its record tells it.

    Attributes:
        kind: "cutmix", "cutout" or "mixup".
        primary: The primary.
        pieces: The patches in the order in which they are pasted; of "mixup" one.
        blend: Weight of the primary's pixels, 1 but for "mixup".
    """

    kind: str
    primary: Sample
    pieces: tuple[Piece, ...]
    blend: Fraction = Fraction(1)

    @cached_property
    def owners(self) -> np.ndarray:
        """The owner map."""
        return owner_map(self.primary.shape, [piece.patch for piece in self.pieces])

    @property
    def pixels(self) -> int:
        """How many pixels the output has."""
        return self.primary.shape[0] * self.primary.shape[1]

    def owned(self, slot: int) -> int:
        """How many pixels someone owns; nobody owns those of a blend."""
        return 0 if self.kind == "mixup" else int((self.owners == slot).sum())

    @cached_property
    def _seen(self) -> dict[int, Pixels]:
        found: dict[int, set[tuple[int, int]]] = {}
        for (y, x), owner in np.ndenumerate(self.owners):
            slots = (PRIMARY, 0) if self.kind == "mixup" else (int(owner),)
            for slot in slots:
                found.setdefault(slot, set()).add((x, y))
        return {slot: frozenset(pixels) for slot, pixels in found.items()}

    def seen_at(self, slot: int) -> Pixels:
        """The pixels at which someone shows: in a blend everyone shows everywhere."""
        return self._seen.get(slot, frozenset())

    def covers(self, slot: int) -> list[Rectangle]:
        """The rectangles that lie over someone."""
        later = [piece.patch for piece in self.pieces if piece.slot > slot]
        return [] if self.kind == "mixup" else later

    @property
    def lam(self) -> Fraction:
        """The primary's share: of the pixels, or of each pixel."""
        if self.kind == "mixup":
            return self.blend
        return Fraction(self.owned(PRIMARY), self.pixels)

    @property
    def area_weights(self) -> list[Fraction]:
        """The weight of each label, the primary's first, by pixels."""
        if self.kind == "mixup":
            return [self.blend, 1 - self.blend]
        if self.kind == "cutout":
            return [Fraction(1)]
        return [Fraction(self.owned(k), self.pixels) for k in (PRIMARY, *range(len(self.pieces)))]


def mix_of(record: Any, primary: Sample, donors: Sequence[Sample]) -> Mix:
    """The mix of a record; slots that were not used have no patch."""
    pieces = []
    for slot, row in enumerate(record.patches.tolist()):
        patch = tuple(row)
        if patch[0] < patch[2] and patch[1] < patch[3]:
            index, source = int(record.donors[slot]), tuple(record.sources[slot].tolist())
            filled = record.kind != "cutout"
            pieces.append(
                Piece(slot, patch, *((source, donors[index]) if filled else (None, None)))
            )
    return Mix(record.kind, primary, tuple(pieces), Fraction(record.blend))


# --- pixels ---------------------------------------------------------------------------------------


def fill_values(image: np.ndarray, fill: Any) -> np.ndarray:
    """What a hole of an image holds, one value for each channel; not for noise."""
    planes = image.reshape(image.shape[0] * image.shape[1], -1)
    if fill != "mean":
        return np.broadcast_to(np.asarray(fill, image.dtype), planes.shape[1:])
    means = []
    for channel in range(planes.shape[1]):
        values = planes[:, channel].tolist()
        mean = sum(map(Fraction, values)) / len(values)
        means.append(float(mean) if image.dtype.kind == "f" else round(mean))
    return np.array(means, image.dtype)


def mixed_image(
    mix: Mix, mine: np.ndarray, theirs: Sequence[np.ndarray], fill: Any = 0
) -> np.ndarray:
    """The output image, pixel by pixel; `theirs` holds an image for each patch with a donor."""
    out = mine.copy()
    fills = [
        _window(piece, image)
        for piece, image in zip(mix.pieces, theirs, strict=mix.kind != "cutout")
    ]
    if mix.kind == "mixup":
        return _blended(mine, fills[0], mix.blend)
    hole = None if mix.kind == "cutmix" else fill_values(mine, fill).reshape(mine.shape[2:])
    for y, row in enumerate(mix.owners.tolist()):
        for x, slot in enumerate(row):
            if slot == PRIMARY:
                continue
            if hole is not None:
                out[y, x] = hole
                continue
            patch = mix.pieces[slot].patch
            out[y, x] = fills[slot][y - patch[1], x - patch[0]]
    return out


def _window(piece: Piece, image: np.ndarray) -> np.ndarray:
    """The source of a donor's image at the size of its patch."""
    patch, source = piece.patch, piece.source
    window = image[source[1] : source[3], source[0] : source[2]]
    return resized(window, patch[2] - patch[0], patch[3] - patch[1])


def _blended(mine: np.ndarray, theirs: np.ndarray, blend: Fraction) -> np.ndarray:
    """Two images blended: integers exact, half to even; float32 in three float32 operations."""
    if mine.dtype.kind == "f":
        return np.float32(float(blend)) * mine + np.float32(float(1 - blend)) * theirs
    pairs = zip(mine.ravel().tolist(), theirs.ravel().tolist(), strict=True)
    values = [round(blend * one + (1 - blend) * other) for one, other in pairs]
    return np.array(values, mine.dtype).reshape(mine.shape)


def mixed_mask(
    mix: Mix,
    mine: np.ndarray,
    theirs: Sequence[np.ndarray],
    asked: Asked,
    *,
    hole: Any = None,
) -> np.ndarray:
    """The output mask or layer before any seam is written into it; nearest donor pixels."""
    out = mine.copy()
    for y, row in enumerate(mix.owners.tolist()):
        for x, slot in enumerate(row):
            if slot == PRIMARY:
                continue
            if mix.kind == "cutout":
                out[y, x] = hole
                continue
            piece = mix.pieces[slot]
            column, line = source_pixel(x, y, piece.patch, piece.source)
            out[y, x] = theirs[slot][line, column]
    if mix.kind != "mixup":
        return out
    if asked.mask_mode == "heavier":
        return mine.copy() if mix.blend >= Fraction(1, 2) else out
    pairs = zip(mine.ravel().tolist(), out.ravel().tolist(), strict=True)
    values = [one if one == other else asked.ignore_index for one, other in pairs]
    return np.array(values, mine.dtype).reshape(mine.shape)


def semantic_hole(asked: Asked) -> Any:
    """What a hole of Cutout holds in the semantic mask."""
    if asked.ignore_index is not None:
        return asked.ignore_index
    return asked.background[0] if isinstance(asked.background, tuple) else asked.background


# --- fates of objects -----------------------------------------------------------------------------


def cells(box: Box, holes: Sequence[Rectangle]) -> list[Box]:
    """A box minus rectangles, as cells between all edges."""
    if area(box) == 0:
        return []
    columns, rows = (
        sorted(
            {box[axis], box[axis + 2]}
            | {
                Fraction(h[k])
                for h in holes
                for k in (axis, axis + 2)
                if box[axis] < h[k] < box[axis + 2]
            }
        )
        for axis in (0, 1)
    )
    return [
        (x_min, y_min, x_max, y_max)
        for x_min, x_max in pairwise(columns)
        for y_min, y_max in pairwise(rows)
        if not any(
            h[0] <= x_min and x_max <= h[2] and h[1] <= y_min and y_max <= h[3] for h in holes
        )
    ]


def _total(parts: Sequence[Box]) -> Fraction:
    return sum(map(area, parts), Fraction(0))


def _near_a_bound(visibility: Fraction, least: Fraction) -> bool:
    """Whether the host's float32 may tip the fate of a box that it moves."""
    return abs(visibility - least) < NEAR or 0 < visibility < NEAR or 1 - NEAR < visibility < 1


def scale_of(piece: Piece) -> list[Fraction]:
    """Patch pixels for each donor pixel, across and down; of a hole none."""
    patch, source = piece.patch, piece.source
    if source is None:
        return []
    return [Fraction(patch[k + 2] - patch[k], source[k + 2] - source[k]) for k in (0, 1)]


def box_fate(mix: Mix, box: Sequence[float], asked: Asked) -> Fate:
    """A box of the primary under the union of all patches."""
    least, marks = asked.thresholds[0], asked.ignore_field is not None
    height, width = mix.primary.shape
    image = (0, 0, width, height)
    own = meet(exact(box), image)
    assert area(own) > 0, "a primary box thinner than the snap: a case without a rule"
    parts = cells(own, mix.covers(PRIMARY))
    visibility = _total(parts) / area(own)
    dropped = below(visibility, least, asked.bbox_mode)
    ignored = marks and dropped and visibility > VISIBILITY_STEP
    shrinks = visibility < 1 and (ignored or not dropped) and asked.bbox_mode != "keep"
    jitter = any(value.denominator != 1 for value in own)
    return Fate(
        ignored or not dropped,
        extent(parts) if shrinks else own,
        visibility,
        shrinks,
        jitter and _near_a_bound(visibility, least),
        ignored,
        lambda grown: centres(own, image, grown) & mix.seen_at(PRIMARY),
    )


def donor_box_fate(mix: Mix, piece: Piece, box: Sequence[float], asked: Asked) -> Fate:
    """A donor's box, mapped, and clipped to what its patch still owns."""
    least, marks = asked.thresholds[1], asked.ignore_field is not None
    patch, source, holes = piece.patch, piece.source, mix.covers(piece.slot)
    own = meet(exact(box), (0, 0, piece.donor.shape[1], piece.donor.shape[0]))
    scale = scale_of(piece)
    raw = tuple((own[k] - source[k % 2]) * scale[k % 2] + patch[k % 2] for k in range(4))
    mapped, whole = exact(raw), area(raw)
    parts = cells(meet(mapped, patch), holes)
    seen = _total(cells(meet(raw, patch), holes))
    visibility = seen / whole if whole else Fraction(0)
    dropped = below(visibility, least, asked.bbox_mode)
    ignored = marks and dropped and visibility > VISIBILITY_STEP
    return Fate(
        bool(parts) and (ignored or not dropped),
        extent(parts) if parts else None,
        visibility,
        True,
        mapped != raw and _near_a_bound(visibility, least),
        bool(parts) and ignored,
        lambda grown: centres(meet(mapped, patch), patch, grown) & mix.seen_at(piece.slot),
    )


def mask_fate(mix: Mix, thing: Thing, pixels: Pixels, asked: Asked) -> Fate:
    """An object of the primary with a mask that has a pixel."""
    seen = pixels & mix.seen_at(PRIMARY)
    visibility = Fraction(len(seen), len(pixels))
    dropped = below(visibility, asked.thresholds[0], asked.bbox_mode)
    ignored = asked.ignore_field is not None and dropped and visibility > VISIBILITY_STEP
    stays = ignored or not dropped
    shrinks = visibility < 1 and stays and asked.bbox_mode != "keep" and thing.box is not None
    where = None if thing.box is None else mask_extent(seen) if shrinks else exact(thing.box)
    return Fate(stays, where, visibility, shrinks, False, ignored, lambda _: seen)


def donor_mask_fate(mix: Mix, piece: Piece, pixels: Pixels, asked: Asked) -> Fate:
    """A donor's object with a mask that has a pixel: what the fit and later patches leave of it."""
    before = pasted_pixels(pixels, piece.patch, piece.source)
    seen = before & mix.seen_at(piece.slot)
    fitted = sum(holds(piece.source, pixel) for pixel in pixels)
    left = Fraction(len(seen), len(before)) if before else Fraction(0)
    visibility = Fraction(fitted, len(pixels)) * left
    dropped = below(visibility, asked.thresholds[1], asked.bbox_mode)
    ignored = asked.ignore_field is not None and dropped and visibility > VISIBILITY_STEP
    where = mask_extent(seen) if seen else None
    return Fate(ignored or not dropped, where, visibility, True, False, ignored, lambda _: seen)


def _fate(mix: Mix, piece: Piece | None, thing: Thing, asked: Asked) -> Fate:
    pixels = frozenset() if thing.row is None else pixels_of(thing.row)
    if pixels and piece is None:
        return mask_fate(mix, thing, pixels, asked)
    if pixels:
        return donor_mask_fate(mix, piece, pixels, asked)
    if thing.box is None:  # an empty row: nothing of the primary's is hidden, nothing comes
        return Fate(piece is None, None, Fraction(int(piece is None)), piece is not None, False)
    if piece is None:
        return box_fate(mix, thing.box, asked)
    return donor_box_fate(mix, piece, thing.box, asked)


def fates(mix: Mix, asked: Asked) -> list[list[Fate]]:
    """The fates of all objects: the primary's, then those of each patch's donor."""
    sides = [(None, mix.primary), *((p, p.donor) for p in mix.pieces if p.donor is not None)]
    return [
        [_limited(_fate(mix, piece, thing, asked), mix.primary.shape, asked) for thing in own]
        for piece, own in ((piece, things(one, mix.primary, asked)) for piece, one in sides)
    ]


def _limited(fate: Fate, shape: Shape, asked: Asked) -> Fate:
    """A fate after the thresholds of the pipeline, which know neither mask nor mark."""
    if not fate.kept or fate.box is None:
        return fate
    passes, near = within_limits(fate.box, shape, asked.bbox_limits)
    return replace(fate, kept=passes, ignored=fate.ignored and passes, unsure=fate.unsure or near)


def mixed_masks(mix: Mix, judged: Sequence[Sequence[Fate]], asked: Asked) -> list[np.ndarray]:
    """The rows of `masks`: survivors of the primary, then those of donor after donor."""
    shown, out = mix.seen_at(PRIMARY), []
    for thing, fate in zip(things(mix.primary, mix.primary, asked), judged[0], strict=True):
        if fate.kept:
            out.append(_only(thing.row.copy(), shown))
    pieces = [piece for piece in mix.pieces if piece.donor is not None]
    for piece, side in zip(pieces, judged[1:], strict=True):
        shown = mix.seen_at(piece.slot)
        for thing, fate in zip(things(piece.donor, mix.primary, asked), side, strict=True):
            if fate.kept:
                row = np.zeros(mix.primary.shape, thing.row.dtype)
                for x, y in shown:
                    column, line = source_pixel(x, y, piece.patch, piece.source)
                    row[y, x] = thing.row[line, column]
                out.append(row)
    return out


def _only(row: np.ndarray, shown: Pixels) -> np.ndarray:
    for y in range(row.shape[0]):
        for x in range(row.shape[1]):
            if (x, y) not in shown:
                row[y, x] = 0
    return row
