"""A slow oracle of a mix: what must come back, from the rules alone.

It shares no code with the package and imports nothing of it: geometry and boxes are exact rationals
(`Fraction`), pixels are copied one by one. Order as everywhere: x before y, rectangles half-open
`(x_min, y_min, x_max, y_max)`, shapes `(height, width)`. The `check_*` functions assert; the others
compute.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from fractions import Fraction
from math import floor, isqrt
from typing import Any, NamedTuple

import cv2
import numpy as np

SNAP = Fraction(1, 2**10)
VISIBILITY_STEP = Fraction(1, 10**6)
PIXEL_TOLERANCE = 1e-3
HALF = Fraction(1, 2)

Box = tuple[Fraction, Fraction, Fraction, Fraction]
Rectangle = tuple[int, int, int, int]
Shape = tuple[int, int]


# --- samples and settings -----------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Sample:
    """A sample as a person would write it down: boxes as xyxy pixels of its own image."""

    image: np.ndarray
    mask: np.ndarray | None = None
    boxes: Sequence[Sequence[float]] | None = None
    fields: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    label: Any = None

    @property
    def shape(self) -> Shape:
        """(height, width), pixels."""
        return self.image.shape[0], self.image.shape[1]

    def __repr__(self) -> str:
        """Everything but the pixels."""
        mask = None if self.mask is None else f"{self.mask.dtype} {self.mask.shape}"
        return (
            f"Sample({self.image.dtype} {self.image.shape}, mask={mask}, boxes={self.boxes}, "
            f"fields={self.fields}, label={self.label!r})"
        )


@dataclass(frozen=True)
class Settings:
    """What the pipeline was asked for."""

    placement: str = "inside"
    fit: str = "cover"
    area_range: tuple[float, float] = (0.02, 0.33)
    ratio_range: tuple[float, float] = (0.5, 2.0)
    bbox_mode: str = "clip"
    min_visibility: float | tuple[float, float] = 0.1
    visibility_field: str | None = None
    label_key: str = "label"
    classes: int | tuple[str, ...] | None = None
    label_mode: str = "soft"
    record_key: str = "mix"
    bbox_format: str = "pascal_voc"

    @property
    def thresholds(self) -> tuple[Fraction, Fraction]:
        """(primary, donor) least visibility."""
        pair = self.min_visibility
        primary, donor = pair if isinstance(pair, tuple) else (pair, pair)
        return Fraction(str(primary)), Fraction(str(donor))


class Draw(NamedTuple):
    """The raw numbers of one patch, each in [0, 1)."""

    beta: float
    ratio: float = 0.5
    x: float = 0.5
    y: float = 0.5
    source_x: float = 0.5
    source_y: float = 0.5


class Place(NamedTuple):
    """A patch, and how far the nearest rounding decision was from falling the other way."""

    patch: Rectangle | None
    margin: float


# --- geometry from raw draws --------------------------------------------------------------------


def _round(value: Fraction) -> int:
    return floor(value + HALF)


def _root(square: Fraction) -> Decimal:
    with localcontext() as context:
        context.prec = 60
        return (Decimal(square.numerator) / Decimal(square.denominator)).sqrt()


def _root_floor(square: Fraction) -> int:
    """floor(sqrt(square)), exact."""
    return isqrt(square.numerator // square.denominator)


def _root_round(square: Fraction) -> int:
    """floor(sqrt(square) + 1/2), exact: sqrt(square) + 1/2 >= n means 4 * square >= (2n - 1)**2."""
    return (_root_floor(4 * square) + 1) // 2


def _tie(square: Fraction, offset: Decimal) -> float:
    """Distance of sqrt(square) + offset from the nearest integer."""
    value = _root(square) + offset
    return float(abs(value - value.to_integral_value()))


def _spot(uniform: float, places: int) -> tuple[int, float]:
    """Place number floor(u * places), and its margin; an exact integer cannot fall elsewhere."""
    value = Fraction(uniform) * places
    gap = abs(value - round(value))
    return floor(value), float(gap) if gap else 1.0


def _put(draw: Draw, shape: Shape, squares: tuple[Fraction, Fraction]) -> Place:
    """Round sides given by their squares, and put them on one of the places that hold them."""
    height, width = shape
    w = min(_root_round(squares[0]), width)
    h = min(_root_round(squares[1]), height)
    margin = min(_tie(square, Decimal("0.5")) for square in squares)
    if w < 1 or h < 1:
        return Place(None, margin)
    x, margin_x = _spot(draw.x, width - w + 1)
    y, margin_y = _spot(draw.y, height - h + 1)
    return Place((x, y, x + w, y + h), min(margin, margin_x, margin_y))


def share_of(draw: Draw, area_range: tuple[float, float]) -> Fraction:
    """The drawn share of the image: lo + (hi - lo) * beta."""
    low, high = (Fraction(value) for value in area_range)
    return low + (high - low) * Fraction(draw.beta)


def inside_patch(
    draw: Draw, shape: Shape, area_range: tuple[float, float], ratio_range: tuple[float, float]
) -> Place:
    """Placement "inside": the share, a log-uniform side ratio that fits it, a uniform place."""
    share = share_of(draw, area_range)
    if share <= 0:
        return Place(None, 1.0)
    low = max(Fraction(ratio_range[0]), share)
    high = min(Fraction(ratio_range[1]), 1 / share)
    assert low <= high, "no side ratio of the range fits the share: a case without a rule"
    with localcontext() as context:
        context.prec = 60
        logs = [(Decimal(v.numerator) / Decimal(v.denominator)).ln() for v in (low, high)]
        ratio = Fraction((logs[0] + (logs[1] - logs[0]) * Decimal(draw.ratio)).exp())
    height, width = shape
    return _put(draw, shape, (share * ratio * width**2, share / ratio * height**2))


def whole_patch(
    draw: Draw, shape: Shape, area_range: tuple[float, float], donor_shape: Shape
) -> Place:
    """Fit "whole": the patch has the donor's aspect; too long a donor shrinks until it fits."""
    height, width = shape
    area = share_of(draw, area_range) * height * width
    if area <= 0:
        return Place(None, 1.0)
    aspect = Fraction(donor_shape[1], donor_shape[0])
    squares = area * aspect, area / aspect
    shrink = max(Fraction(1), squares[0] / width**2, squares[1] / height**2)
    return _put(draw, shape, (squares[0] / shrink, squares[1] / shrink))


def paper_patch(draw: Draw, shape: Shape) -> Place:
    """Placement "paper": lam = beta, sides int(side * sqrt(1 - lam)), centre -+ side // 2."""
    height, width = shape
    left = 1 - Fraction(draw.beta)
    squares = left * width**2, left * height**2
    half_w, half_h = (_root_floor(square) // 2 for square in squares)
    ties = [_tie(square, Decimal(0)) or 1.0 for square in squares]
    x, margin_x = _spot(draw.x, width)
    y, margin_y = _spot(draw.y, height)
    patch = (
        max(x - half_w, 0),
        max(y - half_h, 0),
        min(x + half_w, width),
        min(y + half_h, height),
    )
    empty = patch[0] >= patch[2] or patch[1] >= patch[3]
    return Place(None if empty else patch, min(*ties, margin_x, margin_y))


def _interval(low: Fraction, high: Fraction, side: int) -> tuple[int, int]:
    """Round an interval to whole pixels of [0, side): at least one pixel, and inside."""
    first = min(max(_round(low), 0), side - 1)
    last = min(max(_round(high), first + 1), side)
    return first, last


def cover_source(patch: Rectangle, shape: Shape, donor_shape: Shape) -> Rectangle:
    """Fit "cover": scale by one factor until the primary is covered, centre, cut at the patch."""
    (height, width), (d_height, d_width) = shape, donor_shape
    scale = max(Fraction(width, d_width), Fraction(height, d_height))
    left, top = (d_width * scale - width) / 2, (d_height * scale - height) / 2
    x_min, x_max = _interval((patch[0] + left) / scale, (patch[2] + left) / scale, d_width)
    y_min, y_max = _interval((patch[1] + top) / scale, (patch[3] + top) / scale, d_height)
    return x_min, y_min, x_max, y_max


def stretch_source(patch: Rectangle, shape: Shape, donor_shape: Shape) -> Rectangle:
    """Fit "stretch": scale each axis to the primary's size, cut at the patch."""
    across, down = Fraction(donor_shape[1], shape[1]), Fraction(donor_shape[0], shape[0])
    x_min, x_max = _interval(patch[0] * across, patch[2] * across, donor_shape[1])
    y_min, y_max = _interval(patch[1] * down, patch[3] * down, donor_shape[0])
    return x_min, y_min, x_max, y_max


def crop_size(patch: Rectangle, donor_shape: Shape) -> tuple[int, int]:
    """(width, height) of a "crop" source: the patch's, or less where the donor is scaled up."""
    w, h = patch[2] - patch[0], patch[3] - patch[1]
    scale = max(Fraction(w, donor_shape[1]), Fraction(h, donor_shape[0]), Fraction(1))
    return (
        min(max(_round(w / scale), 1), donor_shape[1]),
        min(max(_round(h / scale), 1), donor_shape[0]),
    )


def crop_source(draw: Draw, patch: Rectangle, donor_shape: Shape) -> tuple[Rectangle, float]:
    """Fit "crop": a window of that size at a uniform place, and its margin."""
    w, h = crop_size(patch, donor_shape)
    x, margin_x = _spot(draw.source_x, donor_shape[1] - w + 1)
    y, margin_y = _spot(draw.source_y, donor_shape[0] - h + 1)
    return (x, y, x + w, y + h), min(margin_x, margin_y)


# --- pixels -------------------------------------------------------------------------------------


def ownership(shape: Shape, patch: Rectangle | None) -> list[list[bool]]:
    """Which pixels the donor owns, row by row."""
    return [
        [
            patch is not None and patch[0] <= x < patch[2] and patch[1] <= y < patch[3]
            for x in range(shape[1])
        ]
        for y in range(shape[0])
    ]


def resized(window: np.ndarray, width: int, height: int) -> np.ndarray:
    """A source window at the patch's size: INTER_AREA if no axis is enlarged, else INTER_LINEAR."""
    if window.shape[:2] == (height, width):
        return window
    shrinks = height <= window.shape[0] and width <= window.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    planes = window.reshape(*window.shape[:2], -1)
    out = [
        cv2.resize(np.ascontiguousarray(planes[:, :, c]), (width, height), interpolation=how)
        for c in range(planes.shape[2])
    ]
    return np.stack(out, axis=-1).reshape(height, width, *window.shape[2:])


def mixed_image(
    primary: np.ndarray, donor: np.ndarray, patch: Rectangle, source: Rectangle
) -> np.ndarray:
    """The output image, pixel by pixel."""
    window = donor[source[1] : source[3], source[0] : source[2]]
    pasted = resized(window, patch[2] - patch[0], patch[3] - patch[1])
    out = primary.copy()
    for y, row in enumerate(ownership(primary.shape[:2], patch)):
        for x, donor_owns in enumerate(row):
            if donor_owns:
                out[y, x] = pasted[y - patch[1], x - patch[0]]
    return out


def mixed_mask(
    primary: np.ndarray, donor: np.ndarray, patch: Rectangle, source: Rectangle
) -> np.ndarray:
    """The output mask: nearest source index ((2i + 1) * n_src) // (2 * n_dst)."""
    out = primary.copy()
    source_w, source_h = source[2] - source[0], source[3] - source[1]
    patch_w, patch_h = patch[2] - patch[0], patch[3] - patch[1]
    for y, row in enumerate(ownership(primary.shape[:2], patch)):
        for x, donor_owns in enumerate(row):
            if donor_owns:
                i = (2 * (y - patch[1]) + 1) * source_h // (2 * patch_h)
                j = (2 * (x - patch[0]) + 1) * source_w // (2 * patch_w)
                out[y, x] = donor[source[1] + i, source[0] + j]
    return out


# --- class labels -------------------------------------------------------------------------------


def lam_of(shape: Shape, patch: Rectangle | None) -> Fraction:
    """Share of the output pixels that the primary owns, counted."""
    owned = sum(not donor_owns for row in ownership(shape, patch) for donor_owns in row)
    return Fraction(owned, shape[0] * shape[1])


def label_vector(label: Any, classes: int | Sequence[str] | None) -> list[Fraction]:
    """A class label as exact weights: an index or a name as one class, a vector as it is."""
    if isinstance(label, (list, tuple, np.ndarray)) and np.ndim(label) == 1:
        return [Fraction(float(value)) for value in label]
    assert classes is not None, "an index or a name needs classes"
    names = range(classes) if isinstance(classes, int) else list(classes)
    at = list(names).index(label) if isinstance(label, str) else int(label)
    return [Fraction(int(k == at)) for k in range(len(names))]


def soft_label(
    primary: Any, donor: Any, lam: Fraction, classes: int | Sequence[str] | None
) -> list[Fraction]:
    """Sum of weight times label."""
    return [
        lam * a + (1 - lam) * b
        for a, b in zip(label_vector(primary, classes), label_vector(donor, classes), strict=True)
    ]


# --- boxes --------------------------------------------------------------------------------------


def exact(box: Sequence[float]) -> Box:
    """A box as rationals, coordinates within 2**-10 of an integer put on it."""
    values = [Fraction(float(v)) if not isinstance(v, Fraction) else v for v in box]
    return tuple(Fraction(round(v)) if abs(v - round(v)) < SNAP else v for v in values)


def area(box: Box) -> Fraction:
    """Area, 0 where inverted."""
    return max(box[2] - box[0], Fraction(0)) * max(box[3] - box[1], Fraction(0))


def meet(box: Box, other: Sequence[Any]) -> Box:
    """The part of a box that lies in another."""
    return (
        max(box[0], Fraction(other[0])),
        max(box[1], Fraction(other[1])),
        min(box[2], Fraction(other[2])),
        min(box[3], Fraction(other[3])),
    )


def strips(box: Box, patch: Rectangle) -> list[Box]:
    """A box minus a rectangle, as up to four boxes that do not overlap."""
    hole = meet(box, patch)
    if area(hole) == 0:
        return [box] if area(box) else []
    parts = [
        (box[0], box[1], hole[0], box[3]),
        (hole[2], box[1], box[2], box[3]),
        (hole[0], box[1], hole[2], hole[1]),
        (hole[0], hole[3], hole[2], box[3]),
    ]
    return [part for part in parts if area(part) > 0]


def extent(parts: Sequence[Box]) -> Box:
    """The tightest box around some boxes."""
    return (
        min(part[0] for part in parts),
        min(part[1] for part in parts),
        max(part[2] for part in parts),
        max(part[3] for part in parts),
    )


@dataclass(frozen=True)
class Fate:
    """What becomes of one box.

    Attributes:
        kept: Whether it is in the output.
        box: Where, pixels of the primary.
        visibility: How much of it can be seen.
        touched: Whether a pixel that changed hands lies in it (a donor box: always).
        unsure: Whether the host's float32 may tip the decision.
    """

    kept: bool
    box: Box
    visibility: Fraction
    touched: bool
    unsure: bool


def _below(visibility: Fraction, least: Fraction) -> bool:
    return visibility == 0 or visibility < least - VISIBILITY_STEP


def _unsure(visibility: Fraction, least: Fraction, jitter: bool) -> bool:
    """Whether a jittery box is near one of the bounds 0, least, 1 (0 and 1 sharp are safe)."""
    near = Fraction(1, 500)
    return jitter and (
        abs(visibility - least) < near or 0 < visibility < near or 1 - near < visibility < 1
    )


def primary_fate(
    box: Sequence[float], shape: Shape, patch: Rectangle | None, mode: str, least: Fraction
) -> Fate:
    """Rule 4: a primary box under the patch."""
    own = meet(exact(box), (0, 0, shape[1], shape[0]))
    assert area(own) > 0, "a primary box thinner than the snap: a case without a rule"
    parts = [own] if patch is None else strips(own, patch)
    visibility = Fraction(sum(area(part) for part in parts)) / area(own)
    covered = visibility < 1
    jitter = any(value.denominator != 1 for value in own)
    kept = not _below(visibility, least)
    if mode == "drop" and visibility < 1 - VISIBILITY_STEP:
        kept = False
    where = extent(parts) if kept and mode == "clip" else own
    return Fate(kept, where, visibility, covered, _unsure(visibility, least, jitter))


def donor_fate(
    box: Sequence[float],
    donor_shape: Shape,
    patch: Rectangle,
    source: Rectangle,
    mode: str,
    least: Fraction,
) -> Fate:
    """Rule 5: a donor box, mapped from source to patch and clipped to the patch."""
    own = meet(exact(box), (0, 0, donor_shape[1], donor_shape[0]))
    across = Fraction(patch[2] - patch[0], source[2] - source[0])
    down = Fraction(patch[3] - patch[1], source[3] - source[1])
    raw = (
        (own[0] - source[0]) * across + patch[0],
        (own[1] - source[1]) * down + patch[1],
        (own[2] - source[0]) * across + patch[0],
        (own[3] - source[1]) * down + patch[1],
    )
    mapped = exact(raw)
    seen = meet(mapped, patch)
    whole = area(raw)
    visibility = area(meet(raw, patch)) / whole if whole else Fraction(0)
    kept = area(seen) > 0 and not _below(visibility, least)
    if mode == "drop" and visibility < 1 - VISIBILITY_STEP:
        kept = False
    return Fate(kept, seen, visibility, True, _unsure(visibility, least, mapped != raw))


def fates(
    primary: Sample, donor: Sample, patch: Rectangle, source: Rectangle, settings: Settings
) -> tuple[list[Fate], list[Fate]]:
    """The fates of all primary boxes, and of all donor boxes."""
    least, least_donor = settings.thresholds
    mode = settings.bbox_mode
    first = [primary_fate(b, primary.shape, patch, mode, least) for b in primary.boxes or []]
    second = [
        donor_fate(b, donor.shape, patch, source, mode, least_donor) for b in donor.boxes or []
    ]
    return first, second


def to_format(box: Sequence[float], bbox_format: str, shape: Shape) -> list[float]:
    """An xyxy pixel box as the user of a pipeline would write it."""
    x_min, y_min, x_max, y_max = (float(value) for value in box)
    height, width = shape
    if bbox_format == "pascal_voc":
        return [x_min, y_min, x_max, y_max]
    if bbox_format == "coco":
        return [x_min, y_min, x_max - x_min, y_max - y_min]
    if bbox_format == "albumentations":
        return [x_min / width, y_min / height, x_max / width, y_max / height]
    assert bbox_format == "yolo", bbox_format
    return [
        (x_min + x_max) / 2 / width,
        (y_min + y_max) / 2 / height,
        (x_max - x_min) / width,
        (y_max - y_min) / height,
    ]


def from_format(row: Sequence[float], bbox_format: str, shape: Shape) -> list[float]:
    """A row of a pipeline's output as xyxy pixels."""
    a, b, c, d = (float(value) for value in row[:4])
    height, width = shape
    if bbox_format == "pascal_voc":
        return [a, b, c, d]
    if bbox_format == "coco":
        return [a, b, a + c, b + d]
    if bbox_format == "albumentations":
        return [a * width, b * height, c * width, d * height]
    assert bbox_format == "yolo", bbox_format
    return [(a - c / 2) * width, (b - d / 2) * height, (a + c / 2) * width, (b + d / 2) * height]


# --- checks -------------------------------------------------------------------------------------


def check_same_kind(got: Any, expected: Any, what: str) -> None:
    """Assert type, and for arrays dtype: containers and dtypes come back as they came."""
    assert type(got) is type(expected), f"{what}: {type(got)} is not {type(expected)}"
    if isinstance(expected, np.ndarray):
        assert got.dtype == expected.dtype, f"{what}: {got.dtype} is not {expected.dtype}"


def check_array(got: Any, expected: np.ndarray, what: str) -> None:
    """Assert an array bit for bit, dtype and shape too."""
    check_same_kind(got, expected, what)
    assert got.shape == expected.shape, f"{what}: {got.shape} is not {expected.shape}"
    assert got.tobytes() == expected.tobytes(), f"{what}: {np.argwhere(got != expected)[:5]}"


def check_source(
    patch: Rectangle, source: Rectangle, shape: Shape, donor_shape: Shape, fit: str
) -> None:
    """Assert that the source is the one the fit says; a "crop" has its size and lies inside."""
    if fit == "whole":
        assert source == (0, 0, donor_shape[1], donor_shape[0])
    elif fit == "crop":
        assert (source[2] - source[0], source[3] - source[1]) == crop_size(patch, donor_shape)
        assert 0 <= source[0] < source[2] <= donor_shape[1]
        assert 0 <= source[1] < source[3] <= donor_shape[0]
    elif fit == "error":
        assert shape == donor_shape
        assert source == patch
    else:
        rule = {"cover": cover_source, "stretch": stretch_source}[fit]
        assert source == rule(patch, shape, donor_shape)


def check_patch(patch: Rectangle, shape: Shape, donor_shape: Shape, settings: Settings) -> None:
    """Assert what every draw of the placement has in common: inside, right size, right aspect."""
    height, width = shape
    w, h = patch[2] - patch[0], patch[3] - patch[1]
    assert 0 <= patch[0] < patch[2] <= width
    assert 0 <= patch[1] < patch[3] <= height
    if settings.placement == "paper":
        assert w % 2 == 0 or patch[0] == 0 or patch[2] == width
        assert h % 2 == 0 or patch[1] == 0 or patch[3] == height
        return
    low, high = (share * width * height for share in settings.area_range)
    assert (w - 0.5) * (h - 0.5) <= high + 1e-9
    if settings.fit == "whole":
        aspect = donor_shape[1] / donor_shape[0]
        assert (w - 0.5) / (h + 0.5) <= aspect <= (w + 0.5) / (h - 0.5)
        return
    assert (w + 0.5) * (h + 0.5) >= low - 1e-9
    ratio_low, ratio_high = settings.ratio_range
    assert (w - 0.5) / width / ((h + 0.5) / height) <= ratio_high + 1e-9
    assert (w + 0.5) / width / ((h - 0.5) / height) >= ratio_low - 1e-9


def check_unfired_record(record: Any, shape: Shape, reason: str) -> None:
    """Assert the record of a call in which nothing was pasted."""
    assert (record.kind, record.applied, record.reason) == ("cutmix", False, reason)
    assert tuple(record.shape) == shape
    assert record.lam == 1.0
    assert type(record.lam) is np.float32
    assert record.blend == 1.0
    for name, unused in (("donors", -1), ("seeds", -1), ("owned_px", 0)):
        assert (getattr(record, name) == unused).all(), name
    for name in ("donor_shapes", "patches", "sources"):
        assert not getattr(record, name).any(), name


def check_record(
    record: Any, primary: Sample, donors: Sequence[Sample], settings: Settings
) -> tuple[Sample, Rectangle, Rectangle]:
    """Assert a fired record against itself and the samples; return donor, patch and source."""
    assert (record.version, record.kind) == (1, "cutmix")
    assert record.applied is True
    assert record.reason == ""
    assert tuple(record.shape) == primary.shape
    assert record.donors.shape == (1,)
    index = int(record.donors[0])
    assert 0 <= index < len(donors)
    donor = donors[index]
    assert tuple(record.donor_shapes[0]) == donor.shape
    patch = tuple(int(value) for value in record.patches[0])
    source = tuple(int(value) for value in record.sources[0])
    check_patch(patch, primary.shape, donor.shape, settings)
    check_source(patch, source, primary.shape, donor.shape, settings.fit)
    lam = lam_of(primary.shape, patch)
    owned = (1 - lam) * primary.shape[0] * primary.shape[1]
    assert record.owned_px.tolist() == [owned]
    assert type(record.lam) is np.float32
    assert record.lam == np.float32(float(lam)), f"lam {record.lam} is not {lam}"
    assert record.seeds.tolist() == [-1]
    assert record.blend == 1.0
    return donor, patch, source


def check_label(
    out: Mapping[str, Any], primary: Any, donor: Any, lam: Fraction, settings: Settings
) -> None:
    """Assert the class label; `donor` is the primary's own where nothing was pasted."""
    got = out[settings.label_key]
    if settings.label_mode == "pair":
        for value, expected in ((got, primary), (out[settings.label_key + "_donor"], donor)):
            assert type(value) is type(primary), f"{type(value)} is not {type(primary)}"
            assert np.array_equal(value, expected), f"{value!r} is not {expected!r}"
        return
    expected = soft_label(primary, donor, lam, settings.classes)
    assert isinstance(got, np.ndarray)
    assert got.dtype == np.float32
    assert got.shape == (len(expected),)
    for value, weight in zip(got.tolist(), expected, strict=True):
        assert abs(value - float(weight)) <= 2.0**-24 * max(1.0, abs(float(weight)))
        assert value == weight or weight not in (0, 1), "certain classes stay certain"


def check_boxes(
    out: Mapping[str, Any],
    untouched: Mapping[str, Any],
    primary: Sample,
    donor: Sample,
    rows: tuple[list[Fate], list[Fate]],
    settings: Settings,
) -> None:
    """Assert boxes and every label field, row by row: survivors of the primary, then the donor's.

    Args:
        out: What came back.
        untouched: What the same pipeline returns with an identity transform in place of the mix.
        primary: The primary.
        donor: The donor.
        rows: Fates of primary and donor boxes.
        settings: What was asked for.
    """
    first = [k for k, fate in enumerate(rows[0]) if fate.kept]
    second = [k for k, fate in enumerate(rows[1]) if fate.kept]
    got = out["bboxes"]
    assert type(got) is type(untouched["bboxes"])
    assert len(got) == len(first) + len(second), (
        f"{len(got)} rows are not {len(first)} + {len(second)}"
    )
    chosen = [rows[0][k] for k in first] + [rows[1][k] for k in second]
    for row, fate in zip(got, chosen, strict=True):
        pixels = from_format(row, settings.bbox_format, primary.shape)
        for value, expected in zip(pixels, fate.box, strict=True):
            assert abs(value - float(expected)) <= PIXEL_TOLERANCE, f"{pixels} not {fate.box}"
    for at, k in enumerate(first):
        if not rows[0][k].touched:
            same = np.asarray(got[at]).tobytes() == np.asarray(untouched["bboxes"][k]).tobytes()
            assert same, f"untouched row {k}: {got[at]} is not {untouched['bboxes'][k]}"
    for name in primary.fields:
        check_field(name, out, untouched, donor, rows, settings)


def check_field(
    name: str,
    out: Mapping[str, Any],
    untouched: Mapping[str, Any],
    donor: Sample,
    rows: tuple[list[Fate], list[Fate]],
    settings: Settings,
) -> None:
    """Assert one label field: container, dtype, every value."""
    got, before = out[name], untouched[name]
    ones = [1.0] * len(rows[1]) if name == settings.visibility_field else None
    theirs = donor.fields.get(name, ones)
    expected = [
        (values[k], fate)
        for values, fated in ((before, rows[0]), (theirs, rows[1]))
        for k, fate in enumerate(fated)
        if fate.kept
    ]
    assert len(got) == len(expected)
    if expected:  # of a sample without a row the host makes every field an empty list
        assert type(got) is type(before), f"{name}: {type(got)} is not {type(before)}"
    if expected and isinstance(before, np.ndarray) and before.dtype.kind in "iufb":
        assert got.dtype == before.dtype
    for value, (source, fate) in zip(got, expected, strict=True):
        if name == settings.visibility_field:
            share = float(source) * float(fate.visibility)
            assert abs(float(value) - share) <= 1e-4, f"{name}: {value} is not {share}"
        else:
            assert value == source, f"{name}: {value!r} is not {source!r}"
            assert isinstance(value, str) == isinstance(source, str)


def check_mix(
    out: Mapping[str, Any],
    primary: Sample,
    donors: Sequence[Sample],
    settings: Settings,
    untouched: Mapping[str, Any] | None = None,
) -> None:
    """Assert everything about one mix that fired.

    Args:
        out: What the pipeline returned.
        primary: The sample that went in.
        donors: The pool, in its order.
        settings: What was asked for.
        untouched: What the same pipeline returns for the same call with an identity transform in
            place of the mix; needed where there are boxes.
    """
    donor, patch, source = check_record(out[settings.record_key], primary, donors, settings)
    check_array(
        out["image"], mixed_image(primary.image, donor.image, patch, source), "output image"
    )
    if primary.mask is not None:
        assert donor.mask is not None
        check_array(out["mask"], mixed_mask(primary.mask, donor.mask, patch, source), "output mask")
    if primary.label is not None:
        check_label(out, primary.label, donor.label, lam_of(primary.shape, patch), settings)
    if primary.boxes is not None:
        assert untouched is not None, "boxes are compared with an identity run"
        rows = fates(primary, donor, patch, source, settings)
        check_boxes(out, untouched, primary, donor, rows, settings)


def check_unfired(
    out: Mapping[str, Any],
    primary: Sample,
    settings: Settings,
    reason: str,
    untouched: Mapping[str, Any] | None = None,
) -> None:
    """Assert everything about a call in which nothing was pasted: the sample as it was."""
    check_unfired_record(out[settings.record_key], primary.shape, reason)
    check_array(out["image"], primary.image, "output image")
    if primary.mask is not None:
        check_array(out["mask"], primary.mask, "output mask")
    if primary.label is not None:
        check_label(out, primary.label, primary.label, Fraction(1), settings)
    if primary.boxes is not None:
        assert untouched is not None, "boxes are compared with an identity run"
        for name in ("bboxes", *primary.fields):
            check_same_kind(out[name], untouched[name], name)
            assert np.array_equal(np.asarray(out[name]), np.asarray(untouched[name])), name


def is_unsure(primary: Sample, donors: Sequence[Sample], record: Any, settings: Settings) -> bool:
    """Whether the host's float32 may tip the fate of a box: such a case has no one answer."""
    if not record.applied or primary.boxes is None:
        return False
    patch, source = (tuple(map(int, rows[0])) for rows in (record.patches, record.sources))
    rows = fates(primary, donors[int(record.donors[0])], patch, source, settings)
    return any(fate.unsure for fate in rows[0] + rows[1])


def check_same_output(one: Mapping[str, Any], other: Mapping[str, Any]) -> None:
    """Assert two outputs equal in keys, types and bytes."""
    assert one.keys() == other.keys()
    for key, value in one.items():
        if isinstance(value, np.ndarray):
            check_array(other[key], value, key)
        else:
            assert type(value) is type(other[key]), key
            assert repr(value) == repr(other[key]), key


def snapshot(items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Every value of some mappings as bytes or text, so that later writing shows."""
    return [
        {
            key: value.tobytes() if isinstance(value, np.ndarray) else repr(value)
            for key, value in item.items()
        }
        for item in items
    ]


def check_unwritten(before: list[dict[str, Any]], items: Sequence[Mapping[str, Any]]) -> None:
    """Assert that no value changed since the snapshot."""
    for then, now in zip(before, snapshot(items), strict=True):
        assert then.keys() == now.keys()
        changed = [key for key in then if then[key] != now[key]]
        assert not changed, f"written to: {changed}"
