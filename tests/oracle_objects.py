"""The slow oracle, second part: instance masks, fates of objects, keypoints.

A mask is a set of pixels (x, y), walked one by one; points are exact rationals. Like `oracle` it
imports nothing of the package.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from math import atan2, cos, degrees, pi, radians, sin
from typing import NamedTuple

import numpy as np
from oracle import (
    SNAP,
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
    donor_fate,
    exact,
    meet,
    primary_fate,
    source_pixel,
)

# --- instance masks -----------------------------------------------------------------------------


def pixels_of(row: np.ndarray) -> Pixels:
    """The pixels (x, y) of an instance mask: every value but 0."""
    return frozenset(
        (x, y) for y, line in enumerate(row.tolist()) for x, value in enumerate(line) if value
    )


def in_rectangle(pixels: Pixels, rect: Rectangle) -> Pixels:
    """The pixels that lie in a rectangle."""
    return frozenset((x, y) for x, y in pixels if rect[0] <= x < rect[2] and rect[1] <= y < rect[3])


def mask_extent(pixels: Pixels) -> Box:
    """The tightest box around some pixels, each one pixel wide."""
    columns, rows = [x for x, _ in pixels], [y for _, y in pixels]
    return exact((min(columns), min(rows), max(columns) + 1, max(rows) + 1))


def pasted_pixels(pixels: Pixels, patch: Rectangle, source: Rectangle) -> Pixels:
    """The patch's pixels that are filled from some donor pixels."""
    return frozenset(
        (x, y)
        for x in range(patch[0], patch[2])
        for y in range(patch[1], patch[3])
        if source_pixel(x, y, patch, source) in pixels
    )


def covered_row(row: np.ndarray, patch: Rectangle) -> np.ndarray:
    """A primary's row of `masks` after the mix: 0 under the patch."""
    out = row.copy()
    for x in range(patch[0], patch[2]):
        for y in range(patch[1], patch[3]):
            out[y, x] = 0
    return out


def pasted_row(row: np.ndarray, shape: Shape, patch: Rectangle, source: Rectangle) -> np.ndarray:
    """A donor's row of `masks` after the mix: the source in the patch, 0 elsewhere."""
    out = np.zeros(shape, row.dtype)
    for x in range(patch[0], patch[2]):
        for y in range(patch[1], patch[3]):
            column, line = source_pixel(x, y, patch, source)
            out[y, x] = row[line, column]
    return out


def primary_mask_fate(
    pixels: Pixels,
    box: Sequence[float] | None,
    patch: Rectangle | None,
    mode: str,
    least: Fraction,
    *,
    ignore: bool = False,
) -> Fate:
    """Rule 6: a primary object with a mask that has a pixel."""
    seen = pixels if patch is None else pixels - in_rectangle(pixels, patch)
    visibility = Fraction(len(seen), len(pixels))
    dropped = below(visibility, least, mode)
    ignored = ignore and dropped and visibility > VISIBILITY_STEP
    shrinks = visibility < 1 and (ignored or not dropped) and mode != "keep" and box is not None
    where = None if box is None else mask_extent(seen) if shrinks else exact(box)
    return Fate(ignored or not dropped, where, visibility, shrinks, False, ignored, lambda _: seen)


def donor_mask_fate(
    pixels: Pixels,
    patch: Rectangle,
    source: Rectangle,
    mode: str,
    least: Fraction,
    *,
    ignore: bool = False,
) -> Fate:
    """Rule 6: a donor object with a mask that has a pixel; counted in donor pixels."""
    seen = pasted_pixels(pixels, patch, source)
    visibility = Fraction(len(in_rectangle(pixels, source)), len(pixels)) if seen else Fraction(0)
    dropped = below(visibility, least, mode)
    ignored = ignore and dropped and visibility > VISIBILITY_STEP
    where = mask_extent(seen) if seen else None
    return Fate(ignored or not dropped, where, visibility, True, False, ignored, lambda _: seen)


# --- objects ------------------------------------------------------------------------------------


class Thing(NamedTuple):
    """One object of a sample: its box, its row of `masks`, or both."""

    box: Sequence[float] | None
    row: np.ndarray | None


def things(sample: Sample, primary: Sample, settings: Settings) -> list[Thing]:
    """The objects of a sample, as the call (the primary) says what is in play."""
    rows = None
    if primary.masks is not None and settings.masks_mode == "instances":
        assert sample.masks is not None, "masks of the primary need masks of the donor"
        rows = list(sample.masks)
    if primary.boxes is None:
        return [Thing(None, row) for row in rows or []]
    boxes = list(sample.boxes or [])
    if rows is None:
        return [Thing(box, None) for box in boxes]
    index = [int(k) for k in sample.fields.get(settings.mask_index_field, range(len(rows)))]
    return [Thing(box, rows[k]) for box, k in zip(boxes, index, strict=True)]


def within_limits(box: Box, shape: Shape, limits: Mapping[str, float]) -> tuple[bool, bool]:
    """Whether a box passes the pipeline's own thresholds, and whether float32 may tip it."""
    own = meet(box, (0, 0, shape[1], shape[0]))
    width, height = own[2] - own[0], own[3] - own[1]
    bounds = {"min_width": width, "min_height": height, "min_area": width * height}
    tests = [(Fraction(limits[name]), value) for name, value in bounds.items() if name in limits]
    if "max_accept_ratio" in limits and area(own):
        ratio = max(width / height, height / width)
        tests.append((1 / Fraction(limits["max_accept_ratio"]), 1 / ratio))
    near = any(abs(value - bound) < bound / 200 for bound, value in tests)
    return all(value >= bound for bound, value in tests), near


def _limited(fate: Fate, shape: Shape, settings: Settings) -> Fate:
    """A fate after the thresholds of the pipeline, which know neither mask nor mark."""
    if not fate.kept or fate.box is None:
        return fate
    passes, near = within_limits(fate.box, shape, settings.bbox_limits)
    kept = fate.kept and passes
    return replace(fate, kept=kept, ignored=fate.ignored and kept, unsure=fate.unsure or near)


def fates(
    primary: Sample,
    donor: Sample | None,
    patch: Rectangle | None,
    source: Rectangle | None,
    settings: Settings,
) -> tuple[list[Fate], list[Fate]]:
    """The fates of all objects of the primary, and of the donor; without a patch of the first."""
    least, least_donor = settings.thresholds
    mode, marks = settings.bbox_mode, settings.ignore_field is not None
    first = [
        _first_fate(thing, primary.shape, patch, mode, least, ignore=marks)
        for thing in things(primary, primary, settings)
    ]
    second = []
    if donor is not None and patch is not None and source is not None:
        second = [
            _second_fate(thing, donor.shape, patch, source, mode, least_donor, ignore=marks)
            for thing in things(donor, primary, settings)
        ]
    return (
        [_limited(fate, primary.shape, settings) for fate in first],
        [_limited(fate, primary.shape, settings) for fate in second],
    )


def _first_fate(
    thing: Thing,
    shape: Shape,
    patch: Rectangle | None,
    mode: str,
    least: Fraction,
    *,
    ignore: bool,
) -> Fate:
    pixels = frozenset() if thing.row is None else pixels_of(thing.row)
    if pixels:
        return primary_mask_fate(pixels, thing.box, patch, mode, least, ignore=ignore)
    if thing.box is not None:
        return primary_fate(thing.box, shape, patch, mode, least, ignore=ignore)
    return Fate(True, None, Fraction(1), False, False)  # nothing of it was hidden


def _second_fate(
    thing: Thing,
    shape: Shape,
    patch: Rectangle,
    source: Rectangle,
    mode: str,
    least: Fraction,
    *,
    ignore: bool,
) -> Fate:
    pixels = frozenset() if thing.row is None else pixels_of(thing.row)
    if pixels:
        return donor_mask_fate(pixels, patch, source, mode, least, ignore=ignore)
    if thing.box is not None:
        return donor_fate(thing.box, shape, patch, source, mode, least, ignore=ignore)
    return Fate(False, None, Fraction(0), True, False)


def mixed_masks(
    primary: Sample,
    donor: Sample | None,
    rows: tuple[list[Fate], list[Fate]],
    patch: Rectangle | None,
    source: Rectangle | None,
    settings: Settings,
) -> list[np.ndarray]:
    """The rows of `masks` in the output: survivors of the primary, then the donor's."""
    first = [thing.row for thing in things(primary, primary, settings)]
    out = [row for row, fate in zip(first, rows[0], strict=True) if fate.kept]
    if donor is None or patch is None or source is None:
        return out
    second = [thing.row for thing in things(donor, primary, settings)]
    return [covered_row(row, patch) for row in out] + [
        pasted_row(row, primary.shape, patch, source)
        for row, fate in zip(second, rows[1], strict=True)
        if fate.kept
    ]


def remnant(rows: tuple[list[Fate], list[Fate]]) -> tuple[int, int]:
    """Least and most pixels of objects that show but are not in the output.

    Of each side: pixels of objects that are out, minus pixels of objects that are in. The two
    differ only where float32 may move a box across a pixel's centre.
    """
    least = most = 0
    for side, bound in zip(rows, (Fraction(1), Fraction(2)), strict=True):
        out = [f for f in side if not f.kept and VISIBILITY_STEP < f.visibility < bound]
        stay = [fate for fate in side if fate.kept] if out else []
        least += len(_shown(out, -SNAP) - _shown(stay, SNAP))
        most += len(_shown(out, SNAP) - _shown(stay, -SNAP))
    return least, most


def _shown(some: Sequence[Fate], grown: Fraction) -> Pixels:
    return frozenset().union(*(fate.shows(grown) for fate in some))


# --- keypoints ----------------------------------------------------------------------------------

# Columns of x, y, z, angle, scale.
LAYOUTS = {
    "xy": (0, 1),
    "yx": (1, 0),
    "xya": (0, 1, 3),
    "xys": (0, 1, 4),
    "xyas": (0, 1, 3, 4),
    "xysa": (0, 1, 4, 3),
    "xyz": (0, 1, 2),
}


def to_keypoint_format(
    point: Sequence[float], keypoint_format: str, *, in_degrees: bool = True
) -> list[float]:
    """A point x, y or x, y, z, angle (radians), scale as the user of a pipeline would write it."""
    full = [float(value) for value in point] + [0.0] * (5 - len(point))
    if in_degrees:
        full[3] = degrees(full[3])
    return [full[column] for column in LAYOUTS[keypoint_format]]


def from_keypoint_format(
    row: Sequence[float], keypoint_format: str, *, in_degrees: bool = True
) -> list[float]:
    """A row of a pipeline's output as x, y, z, angle (radians), scale; 0 for what it lacks."""
    out = [0.0] * 5
    for column, value in zip(LAYOUTS[keypoint_format], row, strict=True):
        out[column] = float(value)
    if in_degrees:
        out[3] = radians(out[3])
    return out


def holds(rect: Sequence[int], point: Sequence[float]) -> bool:
    """Whether a point lies in a half-open rectangle."""
    x, y = Fraction(float(point[0])), Fraction(float(point[1]))
    return rect[0] <= x < rect[2] and rect[1] <= y < rect[3]


def mapped_point(point: Sequence[float], patch: Rectangle, source: Rectangle) -> list[float]:
    """A donor point in primary pixels: source onto patch.

    z as it is, scale times the larger factor, the angle that of the mapped direction.
    """
    x, y = Fraction(float(point[0])), Fraction(float(point[1]))
    across = Fraction(patch[2] - patch[0], source[2] - source[0])
    down = Fraction(patch[3] - patch[1], source[3] - source[1])
    z, angle, scale = (float(v) for v in point[2:]) if len(point) == 5 else (0.0, 0.0, 0.0)
    if across != down:
        angle = atan2(float(down) * sin(angle), float(across) * cos(angle)) % (2 * pi)
    return [
        float((x - source[0]) * across + patch[0]),
        float((y - source[1]) * down + patch[1]),
        z,
        angle,
        scale * float(max(across, down)),
    ]


class PointFate(NamedTuple):
    """What becomes of one point.

    Attributes:
        side: 0 for the primary's, 1 for the donor's.
        number: Which one of that side.
        shows: Whether it can be seen in the output.
    """

    side: int
    number: int
    shows: bool


def point_fates(
    primary: Sequence[Sequence[float]],
    donor: Sequence[Sequence[float]],
    patch: Rectangle,
    source: Rectangle,
    mode: str,
) -> list[PointFate]:
    """The points of the output in order: "remove" leaves out those that do not show."""
    first = [PointFate(0, k, not holds(patch, point)) for k, point in enumerate(primary)]
    second = [PointFate(1, k, holds(source, point)) for k, point in enumerate(donor)]
    return [fate for fate in first + second if fate.shows or mode == "flag"]
