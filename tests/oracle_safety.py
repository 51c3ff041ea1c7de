"""The slow oracle, fourth part: objects as pixels, seams, fates counted, and what is unsafe.

Written from the meanings of the metrics alone; like `oracle` it imports nothing of the package.
Objects are sets of pixels (x, y), pairs are found by asking every pixel of the patch for its four
neighbours, and shares are exact.

Where the host's float32 may carry the edge of a box across the centre of a pixel, everything is
measured twice, with boxes a hair smaller and a hair larger; a number that differs has no one
answer. `Report.unsure` names such numbers and `Report.doubtful` holds such flags: only these are
not compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Any, NamedTuple

import numpy as np
from oracle import (
    HALF,
    SNAP,
    VISIBILITY_STEP,
    Box,
    Fate,
    Pixels,
    Rectangle,
    Sample,
    Settings,
    Shape,
    check_array,
    exact,
    lam_of,
    meet,
    source_pixel,
)
from oracle_objects import (
    Thing,
    fates,
    in_rectangle,
    mask_extent,
    pasted_pixels,
    pixels_of,
    remnant,
    things,
)

SEAM, PRIMARY_CUT, DONOR_CUT, LABEL_JUMP = 1, 2, 4, 8
FLAGS = (
    "ERASED",
    "TRUNCATED",
    "SLIVER",
    "SPLIT",
    "REMNANT",
    "SEAM_ON_OBJECT",
    "LABEL_JUMP",
    "GHOST",
    "LABEL_NOISE",
)
LIMITS: Mapping[str, Any] = {
    "erased": 0,
    "truncated": 0.9,
    "slivers": 0,
    "sliver_side": 4.0,
    "sliver_aspect": 8.0,
    "splits": 0,
    "remnant": 0.0,
    "seam_on_object": 0.25,
    "label_jump": 0.5,
    "label_noise": 0.35,
    "ghosts": True,
}
COUNTS = ("kept", "clipped", "dropped", "donor_kept", "donor_dropped")
SEAM_COUNTS = ("seam_px", "seam_object_px", "seam_jump_px")
VISIBILITY_TOLERANCE = 1e-4
TIE = Fraction(1, 10**6)
JITTER = Fraction(1, 500)

Pixel = tuple[int, int]


def flag_names(bits: int) -> set[str]:
    """The names of the flags in some bits."""
    return {name for k, name in enumerate(FLAGS) if bits >> k & 1}


def flag_bits(*names: str) -> int:
    """The bits of some flags."""
    return sum(1 << FLAGS.index(name) for name in names)


# --- objects as pixels ----------------------------------------------------------------------------


def object_kind(primary: Sample, settings: Settings) -> str | None:
    """Which kind of objects counts, for both sides: what the call holds, in one order."""
    if primary.masks is not None and settings.masks_mode == "instances":
        return "masks"
    if primary.mask is not None:
        return "mask"
    return None if primary.boxes is None else "boxes"


def whole(shape: Shape) -> Pixels:
    """Every pixel of an image."""
    return frozenset((x, y) for x in range(shape[1]) for y in range(shape[0]))


def regions(
    mask: np.ndarray, background: int | tuple[int, ...] | None, asked: Pixels
) -> list[Pixels]:
    """The objects of a semantic mask: all pixels of one value of one channel are one."""
    nothing = background if isinstance(background, tuple) else (background,)
    found: dict[tuple[int, Any], set[Pixel]] = {}
    planes = mask.reshape(*mask.shape[:2], -1)
    for x, y in asked:
        for channel, value in enumerate(planes[y, x].tolist()):
            if value not in nothing:
                found.setdefault((channel, value), set()).add((x, y))
    return [frozenset(pixels) for pixels in found.values()]


def box_pixels(box: Box, asked: Pixels, grown: Fraction) -> Pixels:
    """The pixels whose centre a box holds, half-open, its edges moved out by so much."""
    slack = (-grown, -grown, grown, grown)
    x_min, y_min, x_max, y_max = (ceil(v + s - HALF) for v, s in zip(box, slack, strict=True))
    return frozenset((x, y) for x, y in asked if x_min <= x < x_max and y_min <= y < y_max)


def pixel_objects(
    sample: Sample,
    kind: str | None,
    settings: Settings,
    asked: Pixels,
    grown: Fraction = Fraction(0),
) -> list[Pixels]:
    """The objects of one side as pixels of its own image.

    Args:
        sample: Primary or donor.
        kind: See `object_kind`.
        settings: What was asked for.
        asked: Pixels that will be looked at: of a large donor few are.
        grown: How far the edges of boxes are moved out.
    """
    if kind == "masks":
        rows = range(len(sample.masks))
        if sample.boxes is not None and settings.mask_index_field in sample.fields:
            rows = sample.fields[settings.mask_index_field]  # others come out of no mix
        return [pixels_of(sample.masks[int(row)]) for row in rows]
    if kind == "mask":
        return regions(sample.mask, settings.background, asked)
    if kind is None:
        return []
    image = (0, 0, sample.shape[1], sample.shape[0])
    return [box_pixels(meet(exact(box), image), asked, grown) for box in sample.boxes]


def looked_at(pairs: Sequence[Pair], patch: Rectangle, source: Rectangle) -> Pixels:
    """The donor's pixels that the patch shows, and those just outside the source."""
    shown = {
        source_pixel(x, y, patch, source)
        for x in range(patch[0], patch[2])
        for y in range(patch[1], patch[3])
    }
    return frozenset(shown | {pair.beyond for pair in pairs if pair.beyond is not None})


def visible(
    objects: tuple[list[Pixels], list[Pixels]], patch: Rectangle, source: Rectangle
) -> tuple[int, int]:
    """How many output pixels show an object of the primary, and of the donor."""
    first, second = (frozenset().union(*side) for side in objects)
    return len(first - in_rectangle(first, patch)), len(pasted_pixels(second, patch, source))


# --- seams ----------------------------------------------------------------------------------------


class Pair(NamedTuple):
    """Two neighbouring pixels of different owner.

    Attributes:
        outer: The primary's pixel.
        inner: The patch's pixel.
        step: From the outer to the inner one.
        shown: The donor's pixel that the inner one shows.
        beyond: The donor's pixel just outside the source on that side, None where it has none.
    """

    outer: Pixel
    inner: Pixel
    step: Pixel
    shown: Pixel
    beyond: Pixel | None


def seam_pairs(shape: Shape, donor_shape: Shape, patch: Rectangle, source: Rectangle) -> list[Pair]:
    """Every pair of the seam: each pixel of the patch asks its four neighbours."""
    pairs = []
    image, donor = (0, 0, shape[1], shape[0]), (0, 0, donor_shape[1], donor_shape[0])
    for x in range(patch[0], patch[2]):
        for y in range(patch[1], patch[3]):
            shown = source_pixel(x, y, patch, source)
            outside = {
                (1, 0): (source[0] - 1, shown[1]),
                (-1, 0): (source[2], shown[1]),
                (0, 1): (shown[0], source[1] - 1),
                (0, -1): (shown[0], source[3]),
            }
            for step, beyond in outside.items():
                outer = x - step[0], y - step[1]
                if _is_in(outer, image) and not _is_in(outer, patch):
                    there = beyond if _is_in(beyond, donor) else None
                    pairs.append(Pair(outer, (x, y), step, shown, there))
    return pairs


def _is_in(pixel: Pixel, rect: Rectangle) -> bool:
    return rect[0] <= pixel[0] < rect[2] and rect[1] <= pixel[1] < rect[3]


def pair_bits(
    pair: Pair,
    objects: tuple[list[Pixels], list[Pixels]],
    masks: tuple[np.ndarray | None, np.ndarray | None],
) -> int:
    """What goes wrong at one pair; `masks` are the semantic ones."""
    bits = SEAM
    if any(pair.outer in one and pair.inner in one for one in objects[0]):
        bits |= PRIMARY_CUT
    if any(pair.shown in one and pair.beyond in one for one in objects[1]):
        bits |= DONOR_CUT
    if masks[0] is not None:
        mine, theirs = (
            mask[y, x].tolist()
            for mask, (x, y) in zip(masks, (pair.outer, pair.shown), strict=True)
        )
        if mine != theirs:
            bits |= LABEL_JUMP
    return bits


def seam_marks(
    shape: Shape, patch: Rectangle, pairs: Sequence[Pair], bits: Sequence[int], width: int
) -> np.ndarray:
    """The seam map of one mix: each pair marks itself and what lies in line behind it."""
    out = np.zeros(shape, np.uint8)
    image = (0, 0, shape[1], shape[0])
    for pair, value in zip(pairs, bits, strict=True):
        (dx, dy), (ax, ay), (bx, by) = pair.step, pair.inner, pair.outer
        for k in range(width):
            inward, outward = (ax + k * dx, ay + k * dy), (bx - k * dx, by - k * dy)
            for (x, y), rect in ((inward, patch), (outward, image)):
                if _is_in((x, y), rect):
                    out[y, x] |= value
    return out


def seam_map(marks: np.ndarray, patch: Rectangle, earlier: np.ndarray | None) -> np.ndarray:
    """The seam map of a call: that of an earlier mix goes on, but not under the patch."""
    out = marks.copy()
    if earlier is None:
        return out
    for y, line in enumerate(earlier.tolist()):
        for x, value in enumerate(line):
            if not _is_in((x, y), patch):
                out[y, x] |= value
    return out


def ignored(mask: np.ndarray, marks: np.ndarray, value: int | None) -> np.ndarray:
    """A mixed mask with the ignore value wherever more than a seam is marked."""
    out = mask.copy()
    for y, line in enumerate(marks.tolist() if value is not None else []):
        for x, bits in enumerate(line):
            if bits not in (0, SEAM):
                out[y, x] = value
    return out


# --- objects that have a row ----------------------------------------------------------------------


class Rows(NamedTuple):
    """What became of boxes and instance masks, counted.

    Attributes:
        kept: Rows of the primary that come out unchanged.
        clipped: Rows of the primary that come out, with another box or mask, or marked.
        dropped: The rest of the primary's.
        donor_kept: Rows of the donor that come out.
        donor_dropped: Rows of the donor that show and do not come out.
        least_visibility: Of the primary's rows that come out unmarked.
        erased: Rows of the primary of which no pixel is left.
        slivers: Rows that come out, unmarked, and have become too thin.
        splits: Rows of the primary that the patch cuts in two.
        unsure: Whether the host's float32 may tip the fate of a row.
        unsure_slivers: Whether it may tip a comparison with a limit of slivers.
        jitter: Whether it may move the visibilities a little.
    """

    kept: int = 0
    clipped: int = 0
    dropped: int = 0
    donor_kept: int = 0
    donor_dropped: int = 0
    least_visibility: Fraction = Fraction(1)
    erased: int = 0
    slivers: int = 0
    splits: int = 0
    unsure: bool = False
    unsure_slivers: bool = False
    jitter: bool = False


def extent_before(thing: Thing, shape: Shape) -> Box | None:
    """The box of an object in its own image; of a mask without one its extent."""
    if thing.box is not None:
        return meet(exact(thing.box), (0, 0, shape[1], shape[0]))
    pixels = pixels_of(thing.row)
    return mask_extent(pixels) if pixels else None


def extent_after(thing: Thing, fate: Fate) -> Box | None:
    """The box of an object that comes out; of a mask without one the extent of what shows."""
    if thing.box is not None:
        return fate.box
    pixels = fate.shows(Fraction(0))
    return mask_extent(pixels) if pixels else None


def is_changed(thing: Thing, fate: Fate, shape: Shape) -> bool:
    """Whether a row of the primary that comes out differs from what went in."""
    if fate.ignored:
        return True
    if thing.row is not None and pixels_of(thing.row):
        return fate.visibility < 1
    image = (0, 0, shape[1], shape[0])
    return fate.touched and meet(fate.box, image) != extent_before(thing, shape)


def is_thin(box: Box | None, limits: Mapping[str, Any]) -> bool:
    """Whether a box is a sliver, all by itself."""
    if box is None:
        return False
    short, long = sorted((box[2] - box[0], box[3] - box[1]))
    return short < Fraction(limits["sliver_side"]) or long > short * Fraction(
        limits["sliver_aspect"]
    )


def near_thin(box: Box | None, limits: Mapping[str, Any]) -> bool:
    """Whether that hangs by less than a hair; edges on whole pixels cannot move."""
    if box is None or all(value.denominator == 1 for value in box):
        return False
    short, long = sorted((box[2] - box[0], box[3] - box[1]))
    side, aspect = Fraction(limits["sliver_side"]), Fraction(limits["sliver_aspect"])
    return abs(short - side) < JITTER or abs(long - short * aspect) < JITTER * (1 + aspect)


def is_split(box: Box | None, patch: Rectangle) -> bool:
    """Whether the patch spans a box fully in one axis and lies strictly inside in the other."""
    if box is None:
        return False

    def spans(axis: int) -> bool:
        return patch[axis] <= box[axis] and box[axis + 2] <= patch[axis + 2]

    def inside(axis: int) -> bool:
        return box[axis] < patch[axis] and patch[axis + 2] < box[axis + 2]

    return (spans(0) and inside(1)) or (spans(1) and inside(0))


def count_rows(
    primary: Sample,
    donor: Sample,
    judged: tuple[list[Fate], list[Fate]],
    patch: Rectangle,
    settings: Settings,
    limits: Mapping[str, Any],
) -> Rows:
    """Count what became of boxes and instance masks, given their fates."""
    first, second = (
        list(zip(things(sample, primary, settings), side, strict=True))
        for sample, side in zip((primary, donor), judged, strict=True)
    )
    out = [(thing, fate) for thing, fate in first if fate.kept]
    clipped = sum(is_changed(thing, fate, primary.shape) for thing, fate in out)
    donor_kept = sum(fate.kept for _, fate in second)
    showing = sum(fate.kept or fate.visibility > VISIBILITY_STEP for _, fate in second)
    shares = [fate.visibility for _, fate in out if not fate.ignored]
    befores = [extent_before(thing, primary.shape) for thing, _ in first]
    changes = [
        (extent_before(thing, sample.shape), extent_after(thing, fate))
        for sample, side in ((primary, first), (donor, second))
        for thing, fate in side
        if fate.kept and not fate.ignored
    ]
    return Rows(
        len(out) - clipped,
        clipped,
        len(first) - len(out),
        donor_kept,
        showing - donor_kept,
        min(shares, default=Fraction(1)),
        sum(fate.visibility <= VISIBILITY_STEP for _, fate in first),
        sum(is_thin(after, limits) and not is_thin(before, limits) for before, after in changes),
        sum(
            is_split(box, patch) and 0 < fate.visibility < 1
            for box, (_, fate) in zip(befores, first, strict=True)
        ),
        any(fate.unsure for side in judged for fate in side),
        any(near_thin(box, limits) for pair in changes for box in pair),
        any(v.denominator != 1 for box in befores if box is not None for v in box),
    )


# --- limits ---------------------------------------------------------------------------------------


def limits_of(settings: Settings) -> dict[str, Any]:
    """The limits that hold: those given, the rest as they are by default."""
    return {**LIMITS, **(settings.limits or {})}


def over(value: Fraction | int, limit: float | None, slack: Fraction = TIE) -> bool | None:
    """Whether a number is over its limit; None where rounding may tip it.

    A tie that both numbers hold exactly is none: a limit itself is allowed.
    """
    if limit is None:
        return False
    gap = Fraction(value) - Fraction(limit)
    if isinstance(value, int) or gap == 0:
        return gap > 0
    return None if abs(gap) < slack else gap > 0


def label_weights(
    lam: Fraction, shown: tuple[int, int], settings: Settings
) -> tuple[Fraction, Fraction]:
    """The weights of the primary's and of the donor's class."""
    if settings.label_weight == "object" and sum(shown):
        lam = Fraction(shown[0], sum(shown))
    return lam, 1 - lam


def judge(
    primary: Sample,
    patch: Rectangle,
    rows: Rows,
    shown: tuple[int, int],
    counts: tuple[int, int, int],
    remnant_px: int,
    settings: Settings,
) -> dict[str, bool | None]:
    """Every flag by its name: raised, not raised, or None where rounding may tip it."""
    limits = limits_of(settings)
    pairs, on_object, jumps = counts
    height, width = primary.shape
    known = object_kind(primary, settings) is not None and primary.label is not None
    lam = lam_of(primary.shape, patch)
    weights = label_weights(lam, shown, settings)
    ghost = any(weight and not pixels for weight, pixels in zip(weights, shown, strict=True))
    noise: bool | None = False
    if known and sum(shown):
        noise = over(abs(weights[0] - Fraction(shown[0], sum(shown))), limits["label_noise"])
    least = limits["truncated"]
    slack = JITTER if rows.jitter else TIE
    return {
        "ERASED": over(rows.erased, limits["erased"]),
        "TRUNCATED": least is not None and over(-rows.least_visibility, -least, slack),
        "SLIVER": over(rows.slivers, limits["slivers"]),
        "SPLIT": over(rows.splits, limits["splits"]),
        "REMNANT": over(Fraction(remnant_px, height * width), limits["remnant"]),
        "SEAM_ON_OBJECT": over(Fraction(on_object, pairs or 1), limits["seam_on_object"]),
        "LABEL_JUMP": over(Fraction(jumps, pairs or 1), limits["label_jump"]),
        "GHOST": known and bool(limits["ghosts"]) and ghost,
        "LABEL_NOISE": noise,
    }


# --- the whole report -----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Report:
    """Everything that is measured of one mix.

    Attributes:
        rows: Fates, counted.
        lam_object: The primary's share of the pixels that show an object; None where none does,
            or the call has no class label.
        weights: Label weights of primary and donor.
        remnant: Least and most pixels that still show a dropped object.
        seam_px: Pairs of the seam.
        seam_object_px: Those at which an object is cut.
        seam_jump_px: Those at which the mask jumps.
        marks: The seam map of this mix alone.
        flags: Bits of the limits that are passed.
        doubtful: Bits that the host's float32 or a tie may tip.
        unsure: Names of what the host's float32 may tip: "rows", "shown" or "seam".
    """

    rows: Rows
    lam_object: Fraction | None
    weights: tuple[Fraction, Fraction]
    remnant: tuple[int, int]
    seam_px: int
    seam_object_px: int
    seam_jump_px: int
    marks: np.ndarray
    flags: int
    doubtful: int
    unsure: frozenset[str]


def measure(
    primary: Sample, donor: Sample, patch: Rectangle, source: Rectangle, settings: Settings
) -> Report:
    """Measure one mix."""
    judged = fates(primary, donor, patch, source, settings)
    rows = count_rows(primary, donor, judged, patch, settings, limits_of(settings))
    left = remnant(judged)
    pairs = seam_pairs(primary.shape, donor.shape, patch, source)
    kind, semantic = object_kind(primary, settings), (primary.mask, donor.mask)
    shown, bits, counts = [], [], []
    for grown in (-SNAP, SNAP) if kind == "boxes" else (SNAP,):
        objects = (
            pixel_objects(primary, kind, settings, whole(primary.shape), grown),
            pixel_objects(donor, kind, settings, looked_at(pairs, patch, source), grown),
        )
        shown.append(visible(objects, patch, source))
        bits.append([pair_bits(pair, objects, semantic) for pair in pairs])
        cut = sum(bool(value & (PRIMARY_CUT | DONOR_CUT)) for value in bits[-1])
        counts.append((len(pairs), cut, sum(bool(value & LABEL_JUMP) for value in bits[-1])))
    one, other = (
        judge(primary, patch, rows, shown[k], counts[k], left[k], settings) for k in (0, -1)
    )
    doubtful = {name for name in FLAGS if one[name] is None or one[name] != other[name]}
    unsure = set()
    if rows.unsure:
        unsure.add("rows")
        doubtful |= {"ERASED", "TRUNCATED", "SLIVER", "REMNANT"}
    if rows.unsure_slivers:
        doubtful.add("SLIVER")
    labelled = primary.label is not None
    if shown[0] != shown[-1]:
        unsure.add("shown")
        doubtful |= {"GHOST", "LABEL_NOISE"}
    if bits[0] != bits[-1]:
        unsure.add("seam")
    return Report(
        rows,
        Fraction(shown[0][0], sum(shown[0])) if labelled and sum(shown[0]) else None,
        label_weights(lam_of(primary.shape, patch), shown[0], settings),
        left,
        *counts[0],
        seam_marks(primary.shape, patch, pairs, bits[0], settings.seam_width),
        flag_bits(*(name for name in FLAGS if one[name])),
        flag_bits(*doubtful),
        frozenset(unsure),
    )


# --- checks ---------------------------------------------------------------------------------------


def check_numbers(record: Any, report: Report) -> None:
    """Assert what the record of a fired mix says about safety."""
    plain = {
        **{name: getattr(report.rows, name) for name in COUNTS if "rows" not in report.unsure},
        "seam_px": report.seam_px,
        "seam_jump_px": report.seam_jump_px,
    }
    if "seam" not in report.unsure:
        plain["seam_object_px"] = report.seam_object_px
    for name, expected in plain.items():
        got = getattr(record, name)
        assert type(got) is int, f"{name}: {type(got)} is not int"
        assert got == expected, f"{name}: {got} is not {expected}"
    least, most = report.remnant
    assert type(record.remnant_px) is int
    assert least <= record.remnant_px <= most, f"remnant {record.remnant_px}, not {least}..{most}"
    assert type(record.lam_object) is float
    if "shown" not in report.unsure:
        share = -1.0 if report.lam_object is None else float(report.lam_object)
        assert record.lam_object == share, f"lam_object: {record.lam_object} is not {share}"
    assert type(record.least_visibility) is float
    if "rows" not in report.unsure:
        off = abs(record.least_visibility - float(report.rows.least_visibility))
        bound = VISIBILITY_TOLERANCE if report.rows.jitter else 1e-12
        assert off <= bound, f"{record.least_visibility} is not {report.rows.least_visibility}"
    check_flags(record.flags, report)


def check_flags(got: Any, report: Report) -> None:
    """Assert the flags that have one answer."""
    assert type(got) is int, f"flags: {type(got)} is not int"
    wrong = flag_names((got ^ report.flags) & ~report.doubtful)
    assert not wrong, f"{wrong} of {flag_names(got)} are not as in {flag_names(report.flags)}"
    assert 0 <= got < 1 << len(FLAGS)


def check_no_numbers(record: Any) -> None:
    """Assert that the record of a call in which nothing was pasted measures nothing."""
    for name in (*COUNTS, "remnant_px", *SEAM_COUNTS):
        assert (type(getattr(record, name)), getattr(record, name)) == (int, 0), name
    for name, unused in (("lam_object", -1.0), ("least_visibility", 1.0)):
        assert (type(getattr(record, name)), getattr(record, name)) == (float, unused), name
    assert type(record.flags) is int
    assert (record.flags > 0) == (record.reason == "unsafe"), "flags are those of a refused draw"


def check_seam(got: Any, report: Report, patch: Rectangle, earlier: np.ndarray | None) -> None:
    """Assert the seam map, bit for bit; where a box may cut or not, all bits but those."""
    expected = seam_map(report.marks, patch, earlier)
    if "seam" in report.unsure:
        sure = np.uint8(SEAM | LABEL_JUMP)
        assert got.dtype == np.uint8
        got, expected = got & sure, expected & sure
    check_array(got, expected, "seam map")
