"""Texts and numbers in flat arrays, as narrow as they can be without losing anything.

A list of a million Python objects is copied page by page into every worker as soon as their
reference counts are touched; an array is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.errors import InvalidSampleError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Column", "PackedNumbers", "PackedText", "narrow"]

NARROW = (np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32)
SCALES = tuple(10**digits for digits in range(7))  # up to a millionth
BLOCK = 2**16  # numbers looked at together: a whole column would need room for its doubles


def narrow(values: NDArray[Any]) -> NDArray[Any]:
    """Return whole numbers in the narrowest dtype that holds them, at most int64."""
    if not values.size:
        return values.astype(np.uint8)
    low, high = int(values.min()), int(values.max())
    for dtype in NARROW:
        if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
            return values.astype(dtype)
    return values


class PackedText:
    """Many texts in one buffer.

    Args:
        texts: The texts, in order.

    >>> PackedText(["a.jpg", "b.jpg"])[1]
    'b.jpg'
    """

    def __init__(self, texts: Iterable[str]) -> None:
        buffer, ends = bytearray(), [0]
        for text in texts:
            # File names that are not UTF-8 come from the system with surrogates.
            buffer += text.encode("utf-8", "surrogatepass")
            ends.append(len(buffer))
        self._buffer = np.array(buffer, np.uint8)
        self._ends = narrow(np.array(ends, np.int64))

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self._ends) - 1

    def __getitem__(self, index: int) -> str:
        """Return text *index*, from 0."""
        start, end = self._ends[index], self._ends[index + 1]
        return bytes(self._buffer[start:end]).decode("utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[str]:
        """Yield every text."""
        return (self[index] for index in range(len(self)))


@dataclass(frozen=True, eq=False)
class PackedNumbers:
    """Numbers with few decimals as whole numbers.

    Args:
        values: Shape (M, ...); narrow integers, or float64 where there is no scale.
        scale: What the integers are divided by; 0: they are the numbers.
    """

    values: NDArray[Any]
    scale: int

    @classmethod
    def pack(cls, numbers: NDArray[np.float64]) -> PackedNumbers:
        """Pack numbers so that each comes back equal.

        >>> PackedNumbers.pack(np.array([[0.5, 17.25]]))
        PackedNumbers(values=array([[  50, 1725]], dtype=uint16), scale=100)
        """
        flat = numbers.reshape(-1)
        blocks = [slice(start, start + BLOCK) for start in range(0, len(flat), BLOCK)]
        for scale in SCALES:
            if all(_fits(flat[block], scale) for block in blocks):
                out = np.empty(len(flat), np.int32)
                for block in blocks:
                    out[block] = np.rint(flat[block] * scale)
                return cls(narrow(out).reshape(numbers.shape), scale)
        return cls(numbers.copy(), 0)

    def __getitem__(self, rows: Any) -> NDArray[np.float64]:
        """Return some of the numbers, float64, free to be changed."""
        part = self.values[rows]
        # The dtype is named since NumPy 1 takes float32 for a short integer and a number.
        return np.asarray(np.divide(part, self.scale or 1, dtype=np.float64))


def _fits(numbers: NDArray[np.float64], scale: int) -> bool:
    """Return whether numbers are whole numbers of 32 bits divided by a scale."""
    with np.errstate(invalid="ignore", over="ignore"):  # NaN and infinity fit nowhere
        whole = np.rint(numbers * scale)
        return bool(((whole / scale == numbers) & (np.abs(whole) < 2**31)).all())


@dataclass(frozen=True, eq=False)
class Column:
    """One value per row: numbers, or texts as codes into a vocabulary.

    Args:
        values: Shape (M,), whole numbers or float64; with `names` codes from 0.
        names: The vocabulary.
    """

    values: NDArray[Any]
    names: PackedText | None = None

    def __post_init__(self) -> None:
        """Keep whole numbers narrow."""
        if self.values.dtype != np.float64:
            object.__setattr__(self, "values", narrow(self.values))

    @classmethod
    def of(cls, values: Sequence[Any], where: str) -> Column:
        """Make a column of values that are all numbers or all strings.

        Raises:
            InvalidSampleError: If they are mixed, of another type, or too large for int64.
        """
        kinds = {kind.__name__ for kind in map(type, values)}
        if kinds == {"str"}:
            codes: dict[str, int] = {}
            numbers = [codes.setdefault(value, len(codes)) for value in values]
            return cls(np.array(numbers, np.int32), PackedText(codes))
        if not kinds <= {"int", "float", "bool"}:
            raise InvalidSampleError(
                f"{where} must hold numbers only or strings only, got {' and '.join(sorted(kinds))}"
                "."
            )
        try:
            return cls(np.array(values, np.float64 if "float" in kinds else np.int64))
        except OverflowError as error:
            raise InvalidSampleError(
                f"{where} holds a number that does not fit in 64 bits."
            ) from error

    def rows(self, rows: slice) -> NDArray[Any] | list[str]:
        """Return the values of some rows, int64, float64 or texts, free to be changed."""
        values = self.values[rows]
        if self.names is None:
            return values.astype(np.float64 if values.dtype == np.float64 else np.int64)
        return [self.names[code] for code in values.tolist()]

    def at(self, row: int) -> int | float | str:
        """Return the value of one row as a Python object."""
        value: int | float = self.values[row].item()
        return value if self.names is None else self.names[int(value)]

    def codes(self) -> tuple[NDArray[np.int32], tuple[Any, ...]]:
        """Return a code per row and what the codes stand for."""
        if self.names is not None:
            return self.values.astype(np.int32), tuple(self.names)
        found, codes = np.unique(self.values, return_inverse=True)
        return codes.reshape(-1).astype(np.int32), tuple(found.tolist())
