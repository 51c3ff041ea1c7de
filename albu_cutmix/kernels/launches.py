"""From a batch and its plan to kernel launches, as numbers: pure NumPy, nothing is launched here.

Every row of a job is a patch, the sample that it lies in and the donor.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib.resources import files
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from albu_cutmix.errors import InvalidArgumentError, InvalidSampleError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from albu_cutmix.kernels.frames import Frames

__all__ = [
    "BLOCK",
    "JOB",
    "ROW",
    "ROWS",
    "Launch",
    "plan_launches",
    "source_code",
]

ROWS = 320  # as many as fit beside the numbers of a job in the 4 KB of a kernel's parameters
BLOCK = 256  # threads
WIDEST = 16  # bytes of a vector

ROW = np.dtype([(name, "<u2") for name in ("x_min", "y_min", "x_max", "y_max", "sample", "donor")])
JOB = np.dtype(
    [
        ("source", "<u8"),
        ("target", "<u8"),
        ("source_step", "<i8"),
        ("target_step", "<i8"),
        ("size", "<u4"),
        ("run", "<u4"),
        ("height", "<u4"),
        ("pixel", "<u4"),
        ("short_cycle", "<u4"),
        ("longer", "<u4"),
        ("rows", ROW, (ROWS,)),
    ],
    align=True,
)
NUMBERS = Struct("<QQqq6I")  # of a job, before its rows


@cache
def source_code() -> str:
    """Return the text of the kernels, `mix.cu`, read once."""
    return files(__package__).joinpath("mix.cu").read_text(encoding="utf-8")


class Launch(NamedTuple):
    """One kernel launch, of `BLOCK` threads a block.

    Attributes:
        kernel: Name of the kernel in `mix.cu`.
        grid: Blocks along x and y.
        job: Its one argument, passed by value: shape (1,), dtype `JOB`.
    """

    kernel: str
    grid: tuple[int, int]
    job: NDArray[np.void]


def plan_launches(
    source: Frames,
    target: Frames,
    order: NDArray[np.int64],
    cycles: int,
    patches: NDArray[np.int64],
) -> list[Launch]:
    """Return the launches that mix a batch, none where nothing would be written.

    Args:
        source: Where the samples are read.
        target: Where they are written: the same memory (in place), or memory apart from it.
        order: A permutation of the samples, (B,): cut into cycles in which every sample takes
            from the next one, and the last from the first.
        cycles: Number of cycles; their lengths are those of `np.array_split(order, cycles)`.
        patches: Half-open xyxy in pixels of each sample, (B, 4), in the order of the samples.

    Raises:
        InvalidArgumentError: If the arguments do not fit each other.
        InvalidSampleError: If a cycle is too long to be mixed in place.
    """
    in_place = source.pointer == target.pointer
    _check_frames(source, target, in_place=in_place)
    _check_plan(source, order, cycles, patches)
    if source.count == 0 or source.size == 0:
        return []
    short, longer = divmod(source.count, cycles)
    numbers = np.arange(cycles + 1)
    first = numbers * short + np.minimum(numbers, longer)
    rows = _rows(order, first, patches)
    parts = _parts_in_place(first, short, longer) if in_place else _parts_new(source.count)
    width = _vector_width(source, target)
    kernel = f"mix_{'inplace' if in_place else 'new'}_{width}"
    blocks = -(-source.size // (width * BLOCK))
    launches = []
    for part in parts:
        some = rows[part.begin : part.end]
        if in_place and not some[:, :4].any():
            continue
        job = _job(source, target, some, short, part.longer)
        launches.append(Launch(kernel, (blocks, part.rows), job))
    return launches


def _check_frames(source: Frames, target: Frames, *, in_place: bool) -> None:
    """Refuse memories whose samples do not lie alike byte for byte."""
    moved = replace(source, pointer=target.pointer, step=target.step)
    if moved != target or (in_place and source != target):
        raise InvalidArgumentError(
            f"source and target must hold as many samples that lie alike in memory, got {source} "
            f"and {target}: make the target with the shape and memory order of the source."
        )


def _check_plan(
    source: Frames, order: NDArray[np.int64], cycles: int, patches: NDArray[np.int64]
) -> None:
    """Refuse numbers that would point outside of the batch, or wrap in 16 bits."""
    count = source.count
    for name, array, shape in (("order", order, (count,)), ("patches", patches, (count, 4))):
        if array.dtype != np.int64 or array.shape != shape:
            raise InvalidArgumentError(
                f"{name} must be int64 of shape {shape}, got {array.dtype} of {array.shape}."
            )
    if not count or not source.size:
        return
    if not 1 <= cycles <= count:
        raise InvalidArgumentError(f"cycles must be 1 to {count} for this batch, got {cycles}.")
    taken = np.zeros(count, dtype=bool)
    if order.view(np.uint64).max() < count:  # where negative numbers are the largest
        taken[order] = True
    if not taken.all():
        raise InvalidArgumentError(f"order must hold each of {count} samples once, got {order!r}.")
    limits = np.array([source.run // source.pixel, source.height] * 2, dtype=np.uint64)
    outside = patches.view(np.uint64) > limits
    if outside.any():
        raise InvalidArgumentError(
            f"patches must be xyxy within {limits[:2]} pixels, got "
            f"{patches[outside.any(axis=1)][0]}."
        )


def _rows(
    order: NDArray[np.int64], first: NDArray[np.int64], patches: NDArray[np.int64]
) -> NDArray[np.uint16]:
    """Return the fields of a `ROW` for each sample, in their order."""
    after = np.arange(1, order.size + 1)
    after[first[1:] - 1] = first[:-1]
    rows = np.empty((order.size, 6), dtype=np.uint16)
    rows[:, :4] = patches.take(order, axis=0)
    rows[:, 4] = order
    rows[:, 5] = order[after]
    return rows


class _Part(NamedTuple):
    """The rows of one launch; `longer` is the number of its cycles that have one sample more."""

    begin: int
    end: int
    rows: int  # of the grid: samples (new) or cycles (in place)
    longer: int


def _parts_new(count: int) -> list[_Part]:
    """Return the samples in parts that a job can hold."""
    begins = range(0, count, ROWS)
    return [
        _Part(begin, end, end - begin, 0) for begin in begins for end in [min(begin + ROWS, count)]
    ]


def _parts_in_place(first: NDArray[np.int64], short: int, longer: int) -> list[_Part]:
    """Return whole cycles in parts that a job can hold."""
    cycles = first.size - 1
    longest = short + (longer > 0)
    if longest > ROWS:
        raise InvalidSampleError(
            f"a cycle of donors must have at most {ROWS} samples to be mixed in place, got "
            f"{longest}: use out='new', or more and shorter cycles."
        )
    parts = []
    for begin in range(0, cycles, ROWS // longest):
        end = min(begin + ROWS // longest, cycles)
        still = min(max(longer - begin, 0), end - begin)
        parts.append(_Part(int(first[begin]), int(first[end]), end - begin, still))
    return parts


def _vector_width(source: Frames, target: Frames) -> int:
    """Return the most bytes, up to 16, that divide all addresses and the size of a sample."""
    bits = source.pointer | target.pointer | source.step | target.step | source.size
    return min(WIDEST, bits & -bits)


def _job(
    source: Frames, target: Frames, rows: NDArray[np.uint16], short: int, longer: int
) -> NDArray[np.void]:
    """Return the argument of a launch, read-only."""
    numbers = NUMBERS.pack(
        source.pointer,
        target.pointer,
        source.step,
        target.step,
        source.size,
        source.run,
        source.height,
        source.pixel,
        short,
        longer,
    )
    return np.frombuffer((numbers + rows.tobytes()).ljust(JOB.itemsize, b"\0"), dtype=JOB)
