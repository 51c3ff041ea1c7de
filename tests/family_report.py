"""The slow oracle of the family, second part: seams between any owners, counts, flags.

As in `oracle_safety` everything is measured twice where objects are boxes, with boxes a hair
smaller and a hair larger: what differs has no one answer and is not compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from family_oracle import PRIMARY, Asked, Mix, Piece, fates, mixed_mask, semantic_hole
from oracle import SNAP, VISIBILITY_STEP, Fate, Pixels, source_pixel
from oracle_objects import Thing, pasted_pixels, things
from oracle_safety import (
    DONOR_CUT,
    FLAGS,
    JITTER,
    LABEL_JUMP,
    PRIMARY_CUT,
    SEAM,
    TIE,
    Pixel,
    Report,
    Rows,
    extent_after,
    extent_before,
    flag_bits,
    is_changed,
    is_split,
    is_thin,
    limits_of,
    near_thin,
    object_kind,
    over,
    pixel_objects,
    whole,
)

STEPS = ((1, 0), (0, 1))

# --- seams ----------------------------------------------------------------------------------------


class Pair(NamedTuple):
    """Two neighbouring pixels of different owner; the upper one was pasted later."""

    upper: Pixel
    lower: Pixel
    top: int
    below: int


def seam_pairs(mix: Mix) -> list[Pair]:
    """Every pair of the seam, once; a blend has none."""
    if mix.kind == "mixup":
        return []
    pairs, (height, width) = [], mix.primary.shape
    for y in range(height):
        for x in range(width):
            for dx, dy in STEPS:
                if x + dx < width and y + dy < height:
                    one, other = int(mix.owners[y, x]), int(mix.owners[y + dy, x + dx])
                    ends = ((x, y), (x + dx, y + dy))
                    if one != other:
                        upper, lower = ends if one > other else ends[::-1]
                        pairs.append(Pair(upper, lower, max(one, other), min(one, other)))
    return pairs


def _in(pixel: Pixel, rect: Sequence[int]) -> bool:
    return rect[0] <= pixel[0] < rect[2] and rect[1] <= pixel[1] < rect[3]


def _there(piece: Piece, here: Pixel, there: Pixel) -> tuple[Pixel, Pixel | None]:
    """The donor pixels seen at one end of a pair, and lying at the other end."""
    patch, source = piece.patch, piece.source
    seen = source_pixel(*here, patch, source)
    if _in(there, patch):
        return seen, source_pixel(*there, patch, source)
    step = there[0] - here[0], there[1] - here[1]
    beyond = {
        (1, 0): (source[2], seen[1]),
        (-1, 0): (source[0] - 1, seen[1]),
        (0, 1): (seen[0], source[3]),
        (0, -1): (seen[0], source[1] - 1),
    }[step]
    height, width = piece.donor.shape
    return seen, beyond if _in(beyond, (0, 0, width, height)) else None


def pair_bits(
    mix: Mix, pair: Pair, objects: Sequence[Sequence[Pixels]], mask: np.ndarray | None
) -> int:
    """What goes wrong at one pair; `mask` is the semantic one of the output, None for no jumps."""
    bits = SEAM
    for slot, here, there in (
        (pair.top, pair.upper, pair.lower),
        (pair.below, pair.lower, pair.upper),
    ):
        if slot == PRIMARY:
            if any(here in one and there in one for one in objects[0]):
                bits |= PRIMARY_CUT
        elif mix.kind == "cutmix":
            seen, other = _there(mix.pieces[slot], here, there)
            if any(seen in one and other in one for one in objects[slot + 1]):
                bits |= DONOR_CUT
    if mask is not None:
        values = [mask[y, x].tolist() for x, y in (pair.upper, pair.lower)]
        bits |= LABEL_JUMP if values[0] != values[1] else 0
    return bits


def seam_marks(mix: Mix, pairs: Sequence[Pair], bits: Sequence[int], width: int) -> np.ndarray:
    """The seam map of one mix: into the upper owner's patch, and to the other side."""
    height, across = mix.primary.shape
    out, image = np.zeros((height, across), np.uint8), (0, 0, across, height)
    for pair, value in zip(pairs, bits, strict=True):
        dx, dy = pair.upper[0] - pair.lower[0], pair.upper[1] - pair.lower[1]
        patch = mix.pieces[pair.top].patch
        for k in range(width):
            inward = pair.upper[0] + k * dx, pair.upper[1] + k * dy
            outward = pair.lower[0] - k * dx, pair.lower[1] - k * dy
            for (x, y), rect in ((inward, patch), (outward, image)):
                if _in((x, y), rect):
                    out[y, x] |= value
    return out


def seam_map(mix: Mix, marks: np.ndarray, earlier: np.ndarray | None) -> np.ndarray:
    """The seam map of a call: that of an earlier mix goes on where the primary still shows."""
    out = marks.copy()
    for x, y in mix.seen_at(PRIMARY) if earlier is not None else ():
        out[y, x] |= earlier[y, x]
    return out


# --- objects --------------------------------------------------------------------------------------


def side_objects(mix: Mix, asked: Asked, grown: Fraction) -> list[list[Pixels]]:
    """The pixel objects of the primary, then of each patch's donor, each in its own image."""
    kind = object_kind(mix.primary, asked)
    sides = [mix.primary, *(piece.donor for piece in mix.pieces)]
    return [
        [] if one is None else pixel_objects(one, kind, asked, whole(one.shape), grown)
        for one in sides
    ]


def shown_objects(mix: Mix, objects: Sequence[Sequence[Pixels]]) -> list[int]:
    """How many output pixels show an object of each contributor."""
    first, *rest = (frozenset().union(*side) for side in objects)
    shown = [len(first & mix.seen_at(PRIMARY))]
    for piece, pixels in zip(mix.pieces, rest, strict=True):
        if piece.donor is not None:
            seen = pasted_pixels(pixels, piece.patch, piece.source)
            shown.append(len(seen & mix.seen_at(piece.slot)))
    return shown


def object_shares(mix: Mix, shown: Sequence[int], before: int) -> list[Fraction] | None:
    """The share of each contributor in the pixels that show an object; a blend weighs them.

    Of a cutout the share of its own object pixels (`before`) that still show.
    """
    if mix.kind == "cutout":
        return [Fraction(shown[0], before)] if before else None
    parts = [Fraction(count) for count in shown]
    if mix.kind == "mixup":
        parts = [w * count for w, count in zip(mix.area_weights, shown, strict=True)]
    total = sum(parts, Fraction(0))
    return [part / total for part in parts] if total else None


# --- rows -----------------------------------------------------------------------------------------

Sided = list[tuple[Thing, Fate]]


def sides_of(mix: Mix, judged: Sequence[Sequence[Fate]], asked: Asked) -> list[Sided]:
    """The objects of each contributor beside their fates."""
    samples = [mix.primary, *(p.donor for p in mix.pieces if p.donor is not None)]
    return [
        list(zip(things(one, mix.primary, asked), side, strict=True))
        for one, side in zip(samples, judged, strict=True)
    ]


def count_rows(mix: Mix, judged: Sequence[Sequence[Fate]], asked: Asked) -> Rows:
    """Count what became of boxes and instance masks of all contributors."""
    limits, shape = limits_of(asked), mix.primary.shape
    first, *rest = sides_of(mix, judged, asked)
    donors = [piece.donor for piece in mix.pieces if piece.donor is not None]
    out = [(thing, fate) for thing, fate in first if fate.kept]
    clipped = sum(is_changed(thing, fate, shape) for thing, fate in out)
    second = [fate for side in rest for _, fate in side]
    donor_kept = sum(fate.kept for fate in second)
    showing = sum(fate.kept or fate.visibility > VISIBILITY_STEP for fate in second)
    befores = [extent_before(thing, shape) for thing, _ in first]
    holes = mix.covers(PRIMARY)
    changes = [
        (extent_before(thing, sample.shape), extent_after(thing, fate))
        for sample, side in zip((mix.primary, *donors), (first, *rest), strict=True)
        for thing, fate in side
        if fate.kept and not fate.ignored
    ]
    return Rows(
        len(out) - clipped,
        clipped,
        len(first) - len(out),
        donor_kept,
        showing - donor_kept,
        min((f.visibility for _, f in out if not f.ignored), default=Fraction(1)),
        sum(fate.visibility <= VISIBILITY_STEP for _, fate in first),
        sum(is_thin(after, limits) and not is_thin(before, limits) for before, after in changes),
        sum(
            0 < fate.visibility < 1 and any(is_split(box, hole) for hole in holes)
            for box, (_, fate) in zip(befores, first, strict=True)
        ),
        any(fate.unsure for side in judged for fate in side),
        any(near_thin(box, limits) for pair in changes for box in pair),
        any(v.denominator != 1 for box in befores if box is not None for v in box),
    )


def remnant(judged: Sequence[Sequence[Fate]]) -> tuple[int, int]:
    """Least and most pixels of objects that show but are out, minus those of objects that stay."""
    least = most = 0
    for number, side in enumerate(judged):
        bound = 2 if number else 1  # what no patch touched, the pipeline itself dropped
        out = [f for f in side if not f.kept and VISIBILITY_STEP < f.visibility < bound]
        stay = [fate for fate in side if fate.kept] if out else []
        least += len(_shown(out, -SNAP) - _shown(stay, SNAP))
        most += len(_shown(out, SNAP) - _shown(stay, -SNAP))
    return least, most


def _shown(some: Sequence[Fate], grown: Fraction) -> Pixels:
    return frozenset().union(*(fate.shows(grown) for fate in some))


# --- the whole report -----------------------------------------------------------------------------


def judge(
    mix: Mix,
    asked: Asked,
    rows: Rows,
    shown: Sequence[int],
    shares: Sequence[Fraction] | None,
    weights: Sequence[Fraction],
    counts: tuple[int, int, int],
    remnant_px: int,
) -> dict[str, bool | None]:
    """Every flag by its name: raised, not raised, or None where rounding may tip it."""
    limits, (pairs, on_object, jumps) = limits_of(asked), counts
    known = object_kind(mix.primary, asked) is not None and mix.primary.label is not None
    ghost = any(weight and not pixels for weight, pixels in zip(weights, shown, strict=True))
    noise: bool | None = False
    if known and shares is not None:
        noise = over(abs(weights[0] - shares[0]), limits["label_noise"])
    least = limits["truncated"]
    slack = JITTER if rows.jitter else TIE
    return {
        "ERASED": over(rows.erased, limits["erased"]),
        "TRUNCATED": least is not None and over(-rows.least_visibility, -least, slack),
        "SLIVER": over(rows.slivers, limits["slivers"]),
        "SPLIT": over(rows.splits, limits["splits"]),
        "REMNANT": over(Fraction(remnant_px, mix.pixels), limits["remnant"]),
        "SEAM_ON_OBJECT": over(Fraction(on_object, pairs or 1), limits["seam_on_object"]),
        "LABEL_JUMP": over(Fraction(jumps, pairs or 1), limits["label_jump"]),
        "GHOST": known and bool(limits["ghosts"]) and ghost,
        "LABEL_NOISE": noise,
    }


class Look(NamedTuple):
    """What one look at the pixels finds, boxes a hair smaller or a hair larger."""

    shown: list[int]
    bits: list[int]
    counts: tuple[int, int, int]
    shares: list[Fraction] | None
    weights: list[Fraction]
    flags: Mapping[str, bool | None]


def measure(mix: Mix, asked: Asked, judged: Sequence[Sequence[Fate]] | None = None) -> Report:
    """Measure one mix, given the fates of its objects, or not."""
    judged = fates(mix, asked) if judged is None else judged
    rows, left, pairs = count_rows(mix, judged, asked), remnant(judged), seam_pairs(mix)
    mask = None
    if mix.primary.mask is not None:
        theirs = [piece.donor.mask for piece in mix.pieces if piece.donor is not None]
        mask = mixed_mask(mix, mix.primary.mask, theirs, asked, hole=semantic_hole(asked))
    looks: list[Look] = []
    for grown, remnant_px in zip((-SNAP, SNAP), left, strict=True):
        grown = grown if object_kind(mix.primary, asked) == "boxes" else SNAP
        objects = side_objects(mix, asked, grown)
        shown = shown_objects(mix, objects)
        taught = mask if mix.kind != "cutout" or asked.ignore_index is None else None
        bits = [pair_bits(mix, pair, objects, taught) for pair in pairs]
        cut = sum(bool(value & (PRIMARY_CUT | DONOR_CUT)) for value in bits)
        counts = (len(pairs), cut, sum(bool(value & LABEL_JUMP) for value in bits))
        shares = object_shares(mix, shown, len(frozenset().union(*objects[0])))
        by_object = asked.label_weight == "object" and shares is not None
        weights = shares if by_object else mix.area_weights
        flags = judge(mix, asked, rows, shown, shares, weights, counts, remnant_px)
        looks.append(Look(shown, bits, counts, shares, weights, flags))
    return _report(mix, asked, rows, left, pairs, looks)


def _report(
    mix: Mix,
    asked: Asked,
    rows: Rows,
    left: tuple[int, int],
    pairs: Sequence[Pair],
    looks: Sequence[Look],
) -> Report:
    one, other = looks
    same = {name for name in FLAGS if one.flags[name] is not None}
    doubtful = {name for name in FLAGS if name not in same or one.flags[name] != other.flags[name]}
    unsure = set()
    if rows.unsure:
        unsure.add("rows")
        doubtful |= {"ERASED", "TRUNCATED", "SLIVER", "REMNANT"}
    if rows.unsure_slivers:
        doubtful.add("SLIVER")
    if (one.shown, one.shares) != (other.shown, other.shares):
        unsure.add("shown")
        doubtful |= {"GHOST", "LABEL_NOISE"}
    if one.bits != other.bits:
        unsure.add("seam")
    shares = one.shares if mix.primary.label is not None else None
    return Report(
        rows,
        None if shares is None else shares[0],
        tuple(one.weights),
        left,
        *one.counts,
        seam_marks(mix, pairs, one.bits, asked.seam_width),
        flag_bits(*(name for name in FLAGS if one.flags[name])),
        flag_bits(*doubtful),
        frozenset(unsure),
    )
