"""Rectangles as numbers: draw a patch, place it, fit a donor to it.

Order everywhere: x before y, rectangles half-open integers in pixels, shapes
`(height, width)`. Drawing (`rng` to `PatchDraw`) and computing (`PatchDraw` to `Rect`) are
separate, so that a test can feed the second part.
"""

from __future__ import annotations

from math import exp, floor, log, sqrt
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = [
    "PatchDraw",
    "Rect",
    "draw_patch",
    "fit_source",
    "meet_all",
    "minus",
    "place_inside",
    "place_paper",
    "place_square",
    "place_whole",
    "scale_of",
]


class Rect(NamedTuple):
    """A half-open integer rectangle in pixels: columns x_min..x_max-1, rows y_min..y_max-1."""

    x_min: int
    y_min: int
    x_max: int
    y_max: int

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.x_max - self.x_min

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.y_max - self.y_min

    @property
    def area(self) -> int:
        """Number of pixels."""
        return self.width * self.height

    @property
    def rows_cols(self) -> tuple[slice, slice]:
        """The index that cuts this rectangle out of an (H, W, ...) array."""
        return slice(self.y_min, self.y_max), slice(self.x_min, self.x_max)

    def moved(self, x: int, y: int) -> Rect:
        """Return the same rectangle x columns to the right and y rows further down."""
        return Rect(self.x_min + x, self.y_min + y, self.x_max + x, self.y_max + y)

    def meet(self, other: Rect) -> Rect:
        """Return the part that it shares with another; without area where they do not meet."""
        x_min, y_min = max(self.x_min, other.x_min), max(self.y_min, other.y_min)
        x_max, y_max = min(self.x_max, other.x_max), min(self.y_max, other.y_max)
        return Rect(x_min, y_min, max(x_max, x_min), max(y_max, y_min))


def meet_all(rects: NDArray[np.int64], rect: Rect) -> NDArray[np.int64]:
    """Return the part that each of many rectangles, (N, 4), shares with one; see `Rect.meet`."""
    x_min, y_min, x_max, y_max = rect
    out: NDArray[np.int64] = np.maximum(rects, np.array((x_min, y_min, x_min, y_min)))
    np.minimum(out, np.array((x_max, y_max, x_max, y_max)), out=out)
    return out


def minus(rect: Rect, holes: Iterable[Rect]) -> tuple[Rect, ...]:
    """Return what other rectangles leave of one, as rectangles that share no pixel.

    >>> minus(Rect(0, 0, 4, 4), [Rect(1, 0, 9, 2)])
    (Rect(x_min=0, y_min=2, x_max=4, y_max=4), Rect(x_min=0, y_min=0, x_max=1, y_max=2))
    """
    left = [rect]
    for hole in holes:
        left = [part for one in left for part in _around(one, hole)]
    return tuple(left)


def _around(rect: Rect, hole: Rect) -> list[Rect]:
    inner = rect.meet(hole)
    if not inner.area:
        return [rect]
    (x_min, y_min, x_max, y_max), (left, top, right, bottom) = rect, inner
    parts = [
        Rect(x_min, y_min, x_max, top),
        Rect(x_min, bottom, x_max, y_max),
        Rect(x_min, top, left, bottom),
        Rect(right, top, x_max, bottom),
    ]
    return [part for part in parts if part.area]


class PatchDraw(NamedTuple):
    """The random numbers of one patch, before any image is known; all in [0, 1)."""

    beta: float
    ratio: float
    x: float
    y: float
    source_x: float
    source_y: float


def draw_patch(rng: np.random.Generator, alpha: float) -> PatchDraw:
    """Draw the numbers of one patch: Beta(alpha, alpha) for its size, the rest uniform."""
    return PatchDraw(rng.beta(alpha, alpha), *rng.random(5).tolist())


def place_inside(
    draw: PatchDraw,
    shape: tuple[int, int],
    area_range: tuple[float, float],
    ratio_range: tuple[float, float],
) -> Rect | None:
    """Return the patch of a draw, uniform over all positions that hold it whole.

    Args:
        draw: Random numbers.
        shape: (height, width) of the primary, pixels.
        area_range: Least and greatest share of the image; the share is lo + (hi - lo) * beta.
        ratio_range: Least and greatest (w / W) / (h / H), log-uniform, narrowed to what fits
            the share.

    Returns:
        The patch, or None where its sides round to no pixel.
    """
    share = area_range[0] + (area_range[1] - area_range[0]) * draw.beta
    if share <= 0.0:
        return None
    low, high = max(ratio_range[0], share), min(ratio_range[1], 1.0 / share)
    ratio = exp(log(low) + (log(high) - log(low)) * draw.ratio)
    return _settle(draw, shape, sqrt(share * ratio), sqrt(share / ratio))


def place_whole(
    draw: PatchDraw,
    shape: tuple[int, int],
    area_range: tuple[float, float],
    donor_shape: tuple[int, int],
) -> Rect | None:
    """Return the patch that a whole donor becomes, in the donor's own aspect (ResizeMix).

    See `place_inside`. A donor too long for its share is made smaller until it fits.
    """
    share = area_range[0] + (area_range[1] - area_range[0]) * draw.beta
    ratio = donor_shape[1] * shape[0] / (donor_shape[0] * shape[1])
    shrink = max(1.0, sqrt(share * ratio), sqrt(share / ratio))
    return _settle(draw, shape, sqrt(share * ratio) / shrink, sqrt(share / ratio) / shrink)


def _settle(draw: PatchDraw, shape: tuple[int, int], w: float, h: float) -> Rect | None:
    """Round relative sides to pixels and put them at the drawn place."""
    width = min(floor(w * shape[1] + 0.5), shape[1])
    height = min(floor(h * shape[0] + 0.5), shape[0])
    if width < 1 or height < 1:
        return None
    x = floor(draw.x * (shape[1] - width + 1))
    y = floor(draw.y * (shape[0] - height + 1))
    return Rect(x, y, x + width, y + height)


def place_paper(draw: PatchDraw, shape: tuple[int, int]) -> Rect | None:
    """Return the patch of the reference procedure: lam = beta, centre uniform, clipped.

    Yun et al., CutMix (2019), arXiv:1905.04899, and its code: sides `int(side * sqrt(1 - lam))`,
    integer centre, `centre -+ side // 2`, clipped to the image. Sides are even, and the patch
    of a border centre is smaller than drawn: both are kept, to the letter.
    """
    ratio = sqrt(1.0 - draw.beta)
    return _clip_around(draw, shape, int(shape[1] * ratio) // 2, int(shape[0] * ratio) // 2)


def _clip_around(draw: PatchDraw, shape: tuple[int, int], half_w: int, half_h: int) -> Rect | None:
    """Return what lies in the image of a rectangle around the drawn pixel."""
    x, y = floor(draw.x * shape[1]), floor(draw.y * shape[0])
    patch = Rect(
        max(x - half_w, 0), max(y - half_h, 0), min(x + half_w, shape[1]), min(y + half_h, shape[0])
    )
    return patch if patch.width > 0 and patch.height > 0 else None


def place_square(
    draw: PatchDraw, shape: tuple[int, int], area_range: tuple[float, float]
) -> Rect | None:
    """Return the hole of the reference procedure of Cutout: a square around any pixel, clipped.

    DeVries and Taylor, Cutout (2017), arXiv:1708.04552, and its code: `clip(centre -+ length // 2)`
    around a uniform integer centre. There the length is given in pixels; here it is the rounded
    root of the share lo + (hi - lo) * beta of the image's pixels. Sides are even where not clipped.
    """
    share = area_range[0] + (area_range[1] - area_range[0]) * draw.beta
    half = floor(sqrt(share * shape[0] * shape[1]) + 0.5) // 2
    return _clip_around(draw, shape, half, half)


def fit_source(
    fit: str, draw: PatchDraw, patch: Rect, shape: tuple[int, int], donor_shape: tuple[int, int]
) -> Rect:
    """Return the rectangle of the donor that fills the patch, rounded to whole donor pixels.

    Args:
        fit: "cover", "stretch", "crop", "whole" or "error" (then both shapes are equal).
        draw: Random numbers; "crop" takes its place from them.
        patch: Half-open rectangle in primary pixels.
        shape: (height, width) of the primary.
        donor_shape: (height, width) of the donor.

    Returns:
        Half-open rectangle in donor pixels, at least one pixel, inside the donor. Edges are
        floor(x + 0.5) of the exact rational, computed with integers.
    """
    (height, width), (d_height, d_width) = shape, donor_shape
    if fit == "whole":
        return Rect(0, 0, d_width, d_height)
    if fit == "crop":
        return _crop_source(draw, patch, donor_shape)
    if shape == donor_shape or fit == "error":
        return patch
    if fit == "stretch":
        span_x, span_y = d_width, d_height
        scale_x, scale_y = width, height
    elif width * d_height >= height * d_width:  # cover: the donor's width fills the primary's
        span_x, span_y, scale_x, scale_y = d_width, d_width, width, width
    else:
        span_x, span_y, scale_x, scale_y = d_height, d_height, height, height
    x_min, x_max = _fit_axis(patch.x_min, patch.x_max, width, d_width, span_x, scale_x)
    y_min, y_max = _fit_axis(patch.y_min, patch.y_max, height, d_height, span_y, scale_y)
    return Rect(x_min, y_min, x_max, y_max)


def scale_of(fit: str, shape: tuple[int, int], donor_shape: tuple[int, int]) -> tuple[float, float]:
    """Return primary pixels per donor pixel, across and down, as a fit scales a whole donor."""
    across, down = shape[1] / donor_shape[1], shape[0] / donor_shape[0]
    if fit == "stretch":
        return across, down
    return (max(across, down),) * 2 if fit == "cover" else (1.0, 1.0)


def _fit_axis(low: int, high: int, side: int, d_side: int, num: int, den: int) -> tuple[int, int]:
    """Map an interval by x * num / den, centred, and round it to donor pixels."""

    def edge(x: int) -> int:
        return (d_side * den - side * num + 2 * x * num + den) // (2 * den)

    low, high = edge(low), edge(high)
    low = min(max(low, 0), d_side - 1)
    return low, min(max(high, low + 1), d_side)


def _crop_source(draw: PatchDraw, patch: Rect, donor_shape: tuple[int, int]) -> Rect:
    """Return a random window of the patch's size, smaller where the donor must be enlarged."""
    d_height, d_width = donor_shape
    width, height = patch.width, patch.height
    if width > d_width or height > d_height:  # scaled up just enough, aspect kept
        if width * d_height >= height * d_width:
            width, height = d_width, (2 * height * d_width + width) // (2 * width)
        else:
            width, height = (2 * width * d_height + height) // (2 * height), d_height
        width, height = min(max(width, 1), d_width), min(max(height, 1), d_height)
    x = floor(draw.source_x * (d_width - width + 1))
    y = floor(draw.source_y * (d_height - height + 1))
    return Rect(x, y, x + width, y + height)
