"""Where an array lies in memory, as numbers: of NumPy, torch and CuPy alike, host or device."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

__all__ = ["Memory", "overlap", "repeats"]

SEARCH = 10_000  # steps of the exact test; a question too hard for it counts as an overlap


class Memory(NamedTuple):
    """An array without its values.

    Attributes:
        pointer: Address of the first element.
        shape: Length of each axis.
        strides: Bytes from one element to the next, along each axis.
        itemsize: Bytes of an element.
    """

    pointer: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    itemsize: int

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """What NumPy needs to reason about the addresses; the values are never looked at."""
        return {
            "data": (self.pointer, True),
            "shape": self.shape,
            "strides": self.strides,
            "typestr": f"|V{self.itemsize}",
            "version": 3,
        }


def overlap(one: Memory, other: Memory) -> bool:
    """Return whether two arrays share a byte; also where that cannot be told in good time."""
    try:
        return np.shares_memory(np.asarray(one), np.asarray(other), max_work=SEARCH)  # type: ignore[arg-type]  # NumPy takes any count
    except np.exceptions.TooHardError:
        return True


def repeats(memory: Memory) -> bool:
    """Return whether an array may hold one element twice, as expanded ones do.

    Axes from short to long strides: each must step over all that lies within the ones before.
    """
    if 0 in memory.shape:  # NumPy gives these any strides
        return False
    end = memory.itemsize
    axes = zip(memory.strides, memory.shape, strict=True)
    for stride, length in sorted((abs(step), length) for step, length in axes if length > 1):
        if stride < end:
            return True
        end += stride * (length - 1)
    return False
