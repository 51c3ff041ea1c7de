"""A slow oracle of the placements that spare objects: every size and every place, in plain loops.

It shares no code with the package and imports nothing of it. Order as everywhere: x before y,
rectangles half-open `(x_min, y_min, x_max, y_max)`, shapes `(height, width)`, sizes
`(width, height)`. The `check_*` functions assert; the others compute.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf
from typing import NamedTuple

Rectangle = tuple[int, int, int, int]
Size = tuple[int, int]


class Span(NamedTuple):
    """The values, shares or ratios, from `low` to before `high` for which a patch has a size."""

    low: float
    high: float
    size: Size


def pixels(rect: Rectangle) -> set[tuple[int, int]]:
    """Every pixel of a rectangle."""
    return {(x, y) for x in range(rect[0], rect[2]) for y in range(rect[1], rect[3])}


def is_clear(rect: Rectangle, others: Sequence[Rectangle], *, allow_whole: bool = False) -> bool:
    """Whether a rectangle shares no pixel with others; or, if allowed, has all of theirs."""
    own = pixels(rect)
    return all(
        not own & pixels(other) or (allow_whole and own >= pixels(other)) for other in others
    )


def places(shape: tuple[int, int], size: Size) -> Iterator[Rectangle]:
    """Every rectangle of a size that an image holds."""
    for y in range(shape[0] - size[1] + 1):
        for x in range(shape[1] - size[0] + 1):
            yield x, y, x + size[0], y + size[1]


def clear_places(
    shape: tuple[int, int], size: Size, others: Sequence[Rectangle], *, allow_whole: bool = False
) -> list[Rectangle]:
    """Every rectangle of a size that is clear of others."""
    return [at for at in places(shape, size) if is_clear(at, others, allow_whole=allow_whole)]


def fits(shape: tuple[int, int], size: Size, others: Sequence[Rectangle]) -> bool:
    """Whether a size has a clear place."""
    taken: set[tuple[int, int]] = set().union(*map(pixels, others))
    return any(not taken & pixels(at) for at in places(shape, size))


def sides(side: int) -> Iterator[tuple[int, float, float]]:
    """Each length of a side, and the squares of the shares of the side that round to it.

    At least one pixel, at most all.
    """
    for length in range(1, side + 1):
        low = 0.0 if length == 1 else ((length - 0.5) / side) ** 2
        yield length, low, inf if length == side else ((length + 0.5) / side) ** 2


def by_share(
    shape: tuple[int, int], ratio: float, area_range: tuple[float, float]
) -> Iterator[Span]:
    """Every size of a ratio, with the shares of the image in a range that give it."""
    for width, w_low, w_high in sides(shape[1]):
        for height, h_low, h_high in sides(shape[0]):
            low = max(w_low / ratio, h_low * ratio, area_range[0])
            end = min(w_high / ratio, h_high * ratio)
            if low < end and low <= area_range[1]:
                yield Span(low, min(end, area_range[1]), (width, height))


def by_ratio(
    shape: tuple[int, int], share: float, ratio_range: tuple[float, float]
) -> Iterator[Span]:
    """Every size of a share, with the ratios in a range that give it."""
    for width, w_low, w_high in sides(shape[1]):
        for height, h_low, h_high in sides(shape[0]):
            low = max(w_low / share, share / h_high, ratio_range[0])
            end = min(w_high / share, share / h_low if h_low else inf)
            if low < end and low <= ratio_range[1]:
                yield Span(low, min(end, ratio_range[1]), (width, height))


def avoid_size(
    shape: tuple[int, int],
    area_range: tuple[float, float],
    ratio: float,
    ratio_range: tuple[float, float],
    others: Sequence[Rectangle],
) -> tuple[Size | None, float]:
    """The size that placement "avoid" gives, and how near to a tie it stands.

    Args:
        shape: (height, width) of the image.
        area_range: Least share and drawn share.
        ratio: Drawn ratio.
        ratio_range: Least and greatest ratio, already narrowed to the least share.
        others: What the patch may not touch.

    Returns:
        The size, or None where no size of the least share has a place; and the margin, relative:
        a nearer tie may be decided either way by float arithmetic.
    """
    least = area_range[0]
    wide, tall = ([low for _, low, _ in sides(side) if low] for side in (shape[1], shape[0]))
    margin = min(
        nearness([low / ratio for low in wide] + [low * ratio for low in tall], area_range),
        nearness([low / least for low in wide] + [least / low for low in tall], ratio_range),
        nearness([low / least for low in wide], [least / low for low in tall]),
    )
    for span in sorted(by_share(shape, ratio, area_range), key=lambda span: -span.high):
        if fits(shape, span.size, others):
            return span.size, margin
    away = [
        (max(span.low / ratio, ratio / span.high), span.size)
        for span in by_ratio(shape, least, ratio_range)
        if fits(shape, span.size, others)
    ]
    if not away:
        return None, margin
    away.sort()
    return away[0][1], min([margin] + [other[0] / away[0][0] - 1 for other in away[1:2]])


def nearness(values: Sequence[float], others: Sequence[float]) -> float:
    """The least relative distance of one number to another."""
    return min((abs(a / b - 1) for a in values for b in others), default=inf)


def check_objects(
    found: tuple[Rectangle, Rectangle],
    shape: tuple[int, int],
    rects: Sequence[Rectangle],
    donor_shape: tuple[int, int],
    donor_rects: Sequence[Rectangle],
    area_range: tuple[float, float],
    scale: tuple[float, float],
) -> None:
    """Assert the rules of placement "objects"."""
    patch, source = found
    for rect, (height, width) in ((patch, shape), (source, donor_shape)):
        assert 0 <= rect[0] < rect[2] <= width
        assert 0 <= rect[1] < rect[3] <= height
    assert is_clear(patch, rects, allow_whole=True)
    assert is_clear(source, donor_rects, allow_whole=True)
    assert any(pixels(source) >= pixels(rect) for rect in donor_rects)
    for axis in (0, 1):
        side = patch[axis + 2] - patch[axis]
        exact = (source[axis + 2] - source[axis]) * scale[axis]
        assert abs(side - max(exact, 1)) <= 0.5 or side == shape[1 - axis]
    width, height = patch[2] - patch[0], patch[3] - patch[1]
    total = shape[0] * shape[1]
    assert (width - 0.5) * (height - 0.5) <= area_range[1] * total
    assert (width + 0.5) * (height + 0.5) >= area_range[0] * total


def can_place_objects(
    shape: tuple[int, int],
    rects: Sequence[Rectangle],
    donor_rects: Sequence[Rectangle],
    area_range: tuple[float, float],
) -> bool:
    """Whether any source and patch obey the rules, for a donor of the primary's size."""
    total = shape[0] * shape[1]
    for width in range(1, shape[1] + 1):
        for height in range(1, shape[0] + 1):
            if not area_range[0] * total <= width * height <= area_range[1] * total:
                continue
            size = width, height
            sources = clear_places(shape, size, donor_rects, allow_whole=True)
            if any(pixels(at) >= pixels(rect) for at in sources for rect in donor_rects) and (
                clear_places(shape, size, rects, allow_whole=True)
            ):
                return True
    return False
