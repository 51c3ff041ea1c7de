"""A slow oracle of a mix: what must come back, from the rules alone.

It shares no code with the package and imports nothing of it: geometry and boxes are exact rationals
(`Fraction`), pixels are copied one by one. Order as everywhere: x before y, rectangles half-open
`(x_min, y_min, x_max, y_max)`, shapes `(height, width)`. The `check_*` functions assert; the others
compute.

Here: draws, pixels, class labels, boxes, records. Instance masks and keypoints are in
`oracle_objects`; `oracle_checks` judges whole outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
Pixels = frozenset[tuple[int, int]]


# --- samples and settings -----------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Sample:
    """A sample as a person would write it down.

    Boxes are xyxy pixels of its own image, `masks` a list or an array of rows in the container in
    which they are passed, keypoints rows of x, y or of x, y, z, angle (radians), scale.
    """

    image: np.ndarray
    mask: np.ndarray | None = None
    boxes: Sequence[Sequence[float]] | None = None
    fields: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    label: Any = None
    masks: Any = None
    keypoints: Sequence[Sequence[float]] | None = None
    keypoint_fields: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    aliases: Mapping[str, Any] = field(default_factory=dict)

    @property
    def shape(self) -> Shape:
        """(height, width), pixels."""
        return self.image.shape[0], self.image.shape[1]

    def __repr__(self) -> str:
        """Everything but the pixels."""
        mask = None if self.mask is None else f"{self.mask.dtype} {self.mask.shape}"
        rows = None if self.masks is None else f"{type(self.masks).__name__} of {len(self.masks)}"
        return (
            f"Sample({self.image.dtype} {self.image.shape}, mask={mask}, boxes={self.boxes}, "
            f"fields={self.fields}, label={self.label!r}, masks={rows}, "
            f"keypoints={self.keypoints}, keypoint_fields={self.keypoint_fields}, "
            f"aliases={sorted(self.aliases)})"
        )


@dataclass(frozen=True)
class Settings:
    """What the pipeline was asked for: the arguments of the mix, then those of the pipeline.

    `bbox_limits` are the thresholds of the pipeline's box parameters (`min_area` and so on),
    `aliases` the kinds of the additional targets by name.
    """

    placement: str = "inside"
    fit: str = "cover"
    area_range: tuple[float, float] = (0.02, 0.33)
    ratio_range: tuple[float, float] = (0.5, 2.0)
    bbox_mode: str = "clip"
    min_visibility: float | tuple[float, float] = 0.1
    visibility_field: str | None = None
    ignore_field: str | None = None
    masks_mode: str = "instances"
    mask_index_field: str | None = None
    keypoint_mode: str = "remove"
    keypoint_visibility_field: str | None = None
    label_key: str = "label"
    classes: int | tuple[str, ...] | None = None
    label_mode: str = "soft"
    label_weight: str = "area"
    background: int | tuple[int, ...] | None = 0
    seam_key: str | None = None
    seam_width: int = 2
    ignore_index: int | None = None
    limits: Mapping[str, Any] | None = None
    on_unsafe: str = "flag"
    record_key: str = "mix"
    bbox_format: str = "pascal_voc"
    bbox_limits: Mapping[str, float] = field(default_factory=dict)
    keypoint_format: str = "xy"
    angle_in_degrees: bool = True
    remove_invisible: bool = True
    aliases: Mapping[str, str] = field(default_factory=dict)

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


def source_pixel(x: int, y: int, patch: Rectangle, source: Rectangle) -> tuple[int, int]:
    """The donor pixel (x, y) of a patch pixel: nearest, index ((2i + 1) * n_src) // (2 * n_dst)."""
    width, height = patch[2] - patch[0], patch[3] - patch[1]
    column = (2 * (x - patch[0]) + 1) * (source[2] - source[0]) // (2 * width)
    row = (2 * (y - patch[1]) + 1) * (source[3] - source[1]) // (2 * height)
    return source[0] + column, source[1] + row


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
    """The output mask: the nearest donor pixel in the patch."""
    out = primary.copy()
    for y, row in enumerate(ownership(primary.shape[:2], patch)):
        for x, donor_owns in enumerate(row):
            if donor_owns:
                column, line = source_pixel(x, y, patch, source)
                out[y, x] = donor[line, column]
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
    """What becomes of one object.

    Attributes:
        kept: Whether it is in the output.
        box: Where, pixels of the primary; None where there are no boxes.
        visibility: How much of it can be seen.
        touched: Whether its row may differ from what came in (a donor's: always).
        unsure: Whether the host's float32 may tip the decision.
        ignored: Whether it is in the output only because it is marked.
        shows: Gives the output pixels that it shows; of a box that is grown by so much, since
            float32 may move its edges across the centre of a pixel.
    """

    kept: bool
    box: Box | None
    visibility: Fraction
    touched: bool
    unsure: bool
    ignored: bool = False
    shows: Callable[[Fraction], Pixels] = lambda grown: frozenset()


def below(visibility: Fraction, least: Fraction, mode: str) -> bool:
    """Whether an object of that visibility is dropped."""
    if mode == "drop" and visibility < 1 - VISIBILITY_STEP:
        return True
    return visibility <= VISIBILITY_STEP or visibility < least - VISIBILITY_STEP


def _unsure(visibility: Fraction, least: Fraction, jitter: bool) -> bool:
    """Whether a jittery box is near one of the bounds 0, least, 1 (0 and 1 sharp are safe)."""
    near = Fraction(1, 500)
    return jitter and (
        abs(visibility - least) < near or 0 < visibility < near or 1 - near < visibility < 1
    )


def centres(box: Box, rect: Sequence[int], slack: Fraction) -> Pixels:
    """The pixels of a rectangle whose centres lie in a box, half-open, grown by *slack*."""
    columns, rows = (
        [k for k in range(rect[axis], rect[axis + 2]) if low <= k + HALF < high]
        for axis, low, high in (
            (0, box[0] - slack, box[2] + slack),
            (1, box[1] - slack, box[3] + slack),
        )
    )
    return frozenset((x, y) for x in columns for y in rows)


def primary_fate(
    box: Sequence[float],
    shape: Shape,
    patch: Rectangle | None,
    mode: str,
    least: Fraction,
    *,
    ignore: bool = False,
) -> Fate:
    """Rule 4: a primary box under the patch; `ignore`: stay, marked, instead of being dropped."""
    image = (0, 0, shape[1], shape[0])
    own = meet(exact(box), image)
    assert area(own) > 0, "a primary box thinner than the snap: a case without a rule"
    parts = [own] if patch is None else strips(own, patch)
    visibility = Fraction(sum(area(part) for part in parts)) / area(own)
    jitter = any(value.denominator != 1 for value in own)
    dropped = below(visibility, least, mode)
    ignored = ignore and dropped and visibility > VISIBILITY_STEP
    shrinks = visibility < 1 and (ignored or not dropped) and mode != "keep"

    def shows(grown: Fraction) -> Pixels:
        hidden = (0, 0, 0, 0) if patch is None else patch
        return centres(own, image, grown) - centres(exact(hidden), hidden, Fraction(0))

    return Fate(
        ignored or not dropped,
        extent(parts) if shrinks else own,
        visibility,
        shrinks,
        _unsure(visibility, least, jitter),
        ignored,
        shows,
    )


def donor_fate(
    box: Sequence[float],
    donor_shape: Shape,
    patch: Rectangle,
    source: Rectangle,
    mode: str,
    least: Fraction,
    *,
    ignore: bool = False,
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
    dropped = below(visibility, least, mode)
    ignored = ignore and dropped and visibility > VISIBILITY_STEP
    return Fate(
        area(seen) > 0 and (ignored or not dropped),
        seen,
        visibility,
        True,
        _unsure(visibility, least, mapped != raw),
        area(seen) > 0 and ignored,
        lambda grown: centres(seen, patch, grown),
    )


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


# --- checks of arrays and records -----------------------------------------------------------------


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
    assert record.remnant_px == 0
    for name, unused in (("donors", -1), ("seeds", -1), ("owned_px", 0)):
        assert (getattr(record, name) == unused).all(), name
    for name in ("donor_shapes", "patches", "sources"):
        assert not getattr(record, name).any(), name


def check_record(
    record: Any, primary: Sample, donors: Sequence[Sample], settings: Settings
) -> tuple[Sample, Rectangle, Rectangle]:
    """Assert a fired record against itself and the samples; return donor, patch and source."""
    assert (record.version, record.kind) == (3, "cutmix")
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
    return [{key: _frozen(value) for key, value in item.items()} for item in items]


def _frozen(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tobytes()
    if isinstance(value, list):  # the text of a long array would leave out its middle
        return [_frozen(part) for part in value]
    if isinstance(value, Mapping):
        return {key: _frozen(part) for key, part in value.items()}
    return repr(value)


def check_unwritten(before: list[dict[str, Any]], items: Sequence[Mapping[str, Any]]) -> None:
    """Assert that no value changed since the snapshot."""
    for then, now in zip(before, snapshot(items), strict=True):
        assert then.keys() == now.keys()
        changed = [key for key in then if then[key] != now[key]]
        assert not changed, f"written to: {changed}"
