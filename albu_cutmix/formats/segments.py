"""Instance masks of COCO: polygons and run lengths, checked, packed flat, decoded when drawn.

A run-length mask counts pixels column by column, zeros first. The compressed form writes each
count as a text of 6-bit letters (value + 48): five bits of a two's complement number, lowest
first, the sixth bit says that more letters follow; from the fourth count on the difference from
the count two before is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from albu_cutmix.errors import InvalidSampleError
from albu_cutmix.formats.columns import PackedNumbers, narrow
from albu_cutmix.formats.door import near_image

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Segment", "Segments", "decode_counts", "draw_polygon", "draw_runs", "parse_segment"]

LETTERS_PER_COUNT = 7  # 35 bits; counts of images that may be read need 31
MOST_CROSSINGS = 2_000_000  # of pixel rows by one outline; real ones have some thousands


class Segment(NamedTuple):
    """One mask: `runs`, int32, or `parts` of points, each float64 of shape (P, 2)."""

    runs: NDArray[np.int32] | None
    parts: tuple[NDArray[np.float64], ...]


def parse_segment(segmentation: Any, shape: tuple[int, int], max_pixels: int) -> Segment:
    """Return a COCO segmentation checked.

    Args:
        segmentation: A list of polygons `[x, y, x, y, ...]`, or a run-length mask `{"size":
            [height, width], "counts": list or compressed text}`.
        shape: (height, width) of the image, pixels.
        max_pixels: Most pixels a mask may have.

    Raises:
        InvalidSampleError: If it is none of these, or does not fit the image; the message
            continues "... has a segmentation that ".
    """
    if isinstance(segmentation, dict):
        return Segment(_parse_runs(segmentation, shape, max_pixels), ())
    if not isinstance(segmentation, list) or not segmentation:
        raise InvalidSampleError(
            f"must be a list of polygons or a run-length mask, got {_short(segmentation)}"
        )
    return Segment(None, tuple(_parse_polygon(part, shape) for part in segmentation))


def _parse_polygon(part: Any, shape: tuple[int, int]) -> NDArray[np.float64]:
    if not isinstance(part, list) or not set(map(type, part)) <= {int, float}:
        raise InvalidSampleError(f"must hold lists of numbers, got {_short(part)}")
    if len(part) < 6 or len(part) % 2:
        raise InvalidSampleError(
            f"must have x and y of three points or more in each polygon, got {len(part)} numbers"
        )
    try:
        points = np.array(part, np.float64).reshape(-1, 2)
    except OverflowError:
        points = np.full((1, 2), np.inf)
    near = near_image(points, shape)
    if not near.all():
        point = points[int(np.argmin(near))].tolist()
        raise InvalidSampleError(
            f"must be finite and near its image of width {shape[1]}, height {shape[0]}, got the "
            f"point {point}"
        )
    return points


def _parse_runs(mask: dict[str, Any], shape: tuple[int, int], limit: int) -> NDArray[np.int32]:
    size, counts = mask.get("size"), mask.get("counts")
    if size != list(shape):
        raise InvalidSampleError(
            f"must have the image's size [height, width] {list(shape)}, got {_short(size)}"
        )
    if shape[0] * shape[1] > limit:
        raise InvalidSampleError(
            f"has {shape[0] * shape[1]} pixels, more than max_pixels={limit} allows"
        )
    if isinstance(counts, str):
        runs = decode_counts(counts)
    elif isinstance(counts, list) and set(map(type, counts)) <= {int}:
        if any(not 0 <= count <= limit for count in counts):
            raise InvalidSampleError("must have counts from 0 to the pixels of the image")
        runs = np.array(counts, np.int64)
    else:
        raise InvalidSampleError(
            f"must have counts as a list of whole numbers or a compressed text, got "
            f"{_short(counts)}"
        )
    # Each is judged before the sum, which could otherwise overflow back to the right number.
    if (runs < 0).any() or (runs > limit).any() or runs.sum() != shape[0] * shape[1]:
        raise InvalidSampleError(
            f"must have counts that sum to height x width = {shape[0] * shape[1]}, got "
            f"{len(runs)} counts with the sum {int(runs.sum())}: is it truncated?"
        )
    return runs.astype(np.int32)


def decode_counts(text: str) -> NDArray[np.int64]:
    """Return the counts of a compressed run-length text, shape (R,), int64, not yet summed up.

    Raises:
        InvalidSampleError: If it holds a letter that is not of the format, or ends within a
            count.
    """
    try:
        letters = np.frombuffer(text.encode("ascii"), np.uint8).astype(np.int64) - 48
    except UnicodeEncodeError as error:
        raise InvalidSampleError("has compressed counts that are not ASCII") from error
    if not len(letters):
        return letters
    if letters.min() < 0 or letters.max() > 63:
        raise InvalidSampleError(
            "has compressed counts with a letter outside '0' to 'o', so it is not COCO's form"
        )
    last = (letters & 32) == 0
    if not last[-1]:
        raise InvalidSampleError("has compressed counts that end within a number: truncated?")
    ends = np.flatnonzero(last)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > LETTERS_PER_COUNT:
        raise InvalidSampleError("has a compressed count of more than 35 bits")
    place = np.arange(len(letters)) - np.repeat(starts, lengths)
    counts = np.add.reduceat((letters & 31) << (5 * place), starts)
    negative = (letters[ends] & 16) != 0
    counts -= np.where(negative, np.int64(1) << (5 * lengths), 0)
    for first in (1, 2):  # the differences run in two chains
        counts[first::2] = np.cumsum(counts[first::2])
    return counts


def draw_runs(runs: NDArray[np.integer], out: NDArray[np.uint8]) -> None:
    """Write a run-length mask, column by column, into an (H, W) mask of zeros."""
    values = (np.arange(len(runs)) & 1).astype(np.uint8)
    out[...] = np.repeat(values, runs).reshape(out.shape[1], out.shape[0]).T


def draw_polygon(corners: NDArray[np.float64], out: NDArray[np.uint8]) -> None:
    """Add the pixels of a polygon to an (H, W) mask: those whose centre lies inside (even-odd).

    Where none does, the polygon is too thin, and the pixels of its outline are added. OpenCV's
    `fillPoly` takes the outline always, which makes objects a tenth too large on COCO.

    Args:
        corners: Shape (P, 2), x and y in pixels, origin in the corner of the first pixel.
        out: uint8, written to.

    Raises:
        InvalidSampleError: If the outline crosses absurdly many pixel rows.
    """
    height, width = out.shape
    row, x = _crossings(corners, height, "rows")
    column = np.clip(np.ceil(x - 0.5), 0, width).astype(np.int64)
    if _fill_rows(row, column, out):
        return
    column, y = _crossings(corners[:, ::-1], width, "columns")
    spots = np.stack([np.concatenate([x, column + 0.5]), np.concatenate([row + 0.5, y])], 1)
    spots = np.concatenate([spots, corners])
    inside = ((spots >= 0) & (spots < [width, height])).all(1)
    column, row = spots[inside].astype(np.int64).T
    out[row, column] = 1


def _crossings(
    points: NDArray[np.float64], rows: int, what: str
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return where an outline crosses the centre lines of pixel rows: row and x of each."""
    start, end = points, np.roll(points, -1, 0)
    low, high = np.minimum(start[:, 1], end[:, 1]), np.maximum(start[:, 1], end[:, 1])
    first = np.clip(np.ceil(low - 0.5), 0, rows).astype(np.int64)
    number = np.clip(np.ceil(high - 0.5), 0, rows).astype(np.int64) - first
    if number.sum() > MOST_CROSSINGS:
        raise InvalidSampleError(
            f"has a polygon whose outline crosses {number.sum()} pixel {what}, more than "
            f"{MOST_CROSSINGS}"
        )
    edge = np.repeat(np.arange(len(start)), number)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(number) - number, number) + first[edge]
    share = (row + 0.5 - start[edge, 1]) / (end[edge, 1] - start[edge, 1])
    return row, start[edge, 0] + share * (end[edge, 0] - start[edge, 0])


def _fill_rows(row: NDArray[np.int64], column: NDArray[np.int64], out: NDArray[np.uint8]) -> bool:
    """Fill between crossings: the parity of those to the left decides. Return if any pixel."""
    if not len(row):
        return False
    top, left = int(row.min()), int(column.min())
    box = int(row.max()) + 1 - top, int(column.max()) + 1 - left
    at = (row - top) * box[1] + (column - left)
    crossings = np.bincount(at, minlength=box[0] * box[1]).reshape(box).astype(np.uint8) & 1
    inside = np.bitwise_xor.accumulate(crossings, axis=1)[:, : out.shape[1] - left]
    out[top : top + box[0], left : left + inside.shape[1]] |= inside
    return bool(inside.any())


@dataclass(frozen=True, eq=False)
class Segments:
    """The masks of all rows of a pool, flat.

    Args:
        points: Points of all polygons, shape (P, 2), x and y.
        part_ends: Where each polygon ends in `points`, after a 0.
        runs: Counts of all run-length masks.
        row_parts: Row i owns polygons row_parts[i] to row_parts[i + 1].
        row_runs: The same for `runs`; a row has either.
        in_shares: Whether points are shares of the image instead of pixels.
    """

    points: PackedNumbers
    part_ends: NDArray[np.integer]
    runs: NDArray[np.integer]
    row_parts: NDArray[np.integer]
    row_runs: NDArray[np.integer]
    in_shares: bool = False

    @classmethod
    def pack(cls, segments: Sequence[Segment], *, in_shares: bool = False) -> Segments:
        """Lay checked segments one after the other."""
        parts = [part for segment in segments for part in segment.parts]
        runs = [np.zeros(0, np.int32) if s.runs is None else s.runs for s in segments]
        return cls(
            PackedNumbers.pack(np.concatenate([np.zeros((0, 2)), *parts])),
            _ends(map(len, parts)),
            narrow(np.concatenate([np.zeros(0, np.int32), *runs])),
            _ends(len(segment.parts) for segment in segments),
            _ends(map(len, runs)),
            in_shares,
        )

    def decode(self, rows: range, shape: tuple[int, int], most: int) -> NDArray[np.uint8]:
        """Return the masks of some rows, shape (N, H, W), uint8, 0 or 1.

        Raises:
            InvalidSampleError: If they have more than *most* pixels together.
        """
        if len(rows) * shape[0] * shape[1] > most:
            raise InvalidSampleError(
                f"{len(rows)} masks of {shape[1]} x {shape[0]} pixels are more than {most} pixels "
                "(16 x max_pixels). Raise max_pixels if the file can be trusted."
            )
        size = (shape[1], shape[0]) if self.in_shares else (1, 1)
        out = np.zeros((len(rows), *shape), np.uint8)
        for mask, row in zip(out, rows, strict=True):
            runs = self.runs[self.row_runs[row] : self.row_runs[row + 1]]
            if len(runs):
                draw_runs(runs, mask)
            for part in range(self.row_parts[row], self.row_parts[row + 1]):
                points = self.points[self.part_ends[part] : self.part_ends[part + 1]]
                draw_polygon(points * size, mask)
        return out


def _ends(lengths: Iterable[int]) -> NDArray[np.integer]:
    """Return where each of some lists ends when they lie one after the other, after a 0."""
    return narrow(np.cumsum([0, *lengths], dtype=np.int64))


def _short(value: Any) -> str:
    """Return a value for a message: it may be as long as a file."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
