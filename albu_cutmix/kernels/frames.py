"""A batch as bytes, as the kernels see it.

Sample k begins at `pointer + k * step` and is dense: planes x height rows of `run` bytes each.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from albu_cutmix.errors import InvalidSampleError

if TYPE_CHECKING:
    from albu_cutmix.memory import Memory

__all__ = ["Frames", "read_frames"]

MOST_SIDE = 65_535  # samples, rows and columns are uint16 in a job
MOST_BYTES = 2**32 - 256  # of a sample: the index of the last thread of a block is a uint32


@dataclass(frozen=True)
class Frames:
    """The samples of a batch as bytes.

    Attributes:
        pointer: Address of the first sample.
        count: Number of samples.
        step: Bytes from one sample to the next.
        size: Bytes of a sample.
        run: Bytes of one row of pixels.
        height: Rows of a plane.
        pixel: Bytes from one column to the next.
    """

    pointer: int
    count: int
    step: int
    size: int
    run: int
    height: int
    pixel: int


def read_frames(memory: Memory, columns: int, where: str) -> Frames:
    """Return a batch as bytes; its samples must be dense, in planes or pixel by pixel.

    Args:
        memory: A batch (B, C, H, W), (B, H, W, C) or (B, H, W).
        columns: The axis of W: 3, 2 or 2; the axis of H is the one before it.
        where: What the batch is called in an error.

    Raises:
        InvalidSampleError: If the samples are not dense, overlap, or are too many or too large.
    """
    rows = columns - 1
    channels = tuple(axis for axis in range(1, len(memory.shape)) if axis not in (rows, columns))
    size = prod(memory.shape[1:]) * memory.itemsize
    step = memory.strides[0] if size and memory.shape[0] > 1 else size
    by_pixel = _is_dense(memory, (rows, columns, *channels))
    by_plane = _is_dense(memory, (*channels, rows, columns))
    if size and (step < size or not (by_pixel or by_plane)):
        raise InvalidSampleError(
            f"{where} must be contiguous or channels_last in every sample, and the samples must "
            f"not overlap, got strides {memory.strides} in bytes of shape {memory.shape}: "
            "call .contiguous() (CuPy: cupy.ascontiguousarray)."
        )
    height, width = memory.shape[rows], memory.shape[columns]
    _check_limits(memory.shape[0], height, width, size, where)
    depth = prod(memory.shape[axis] for axis in channels) if by_pixel else 1
    pixel = depth * memory.itemsize
    return Frames(memory.pointer, memory.shape[0], step, size, width * pixel, height, pixel)


def _is_dense(memory: Memory, axes: tuple[int, ...]) -> bool:
    """Return whether a sample fills its memory with the axes nested in this order.

    The stride of an axis of length 1 is never used, and says nothing.
    """
    expected = memory.itemsize
    for axis in reversed(axes):
        if memory.shape[axis] > 1 and memory.strides[axis] != expected:
            return False
        expected *= memory.shape[axis]
    return True


def _check_limits(count: int, height: int, width: int, size: int, where: str) -> None:
    """Refuse what the 16 and 32 bit numbers of a job cannot hold."""
    if max(count, height, width) > MOST_SIDE:
        raise InvalidSampleError(
            f"{where} must have at most {MOST_SIDE} samples, rows and columns for the CUDA "
            f"kernels, got {count} samples of {height} x {width}: split the batch, or mix it "
            "on the CPU."
        )
    if size > MOST_BYTES:
        raise InvalidSampleError(
            f"{where} must have samples of at most {MOST_BYTES} bytes for the CUDA kernels, "
            f"got {size}: use a smaller image or dtype, or mix on the CPU."
        )
