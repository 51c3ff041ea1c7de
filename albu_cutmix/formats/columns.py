"""Texts and values per row in flat arrays, so that worker processes share their memory.

A list of a million Python objects is copied page by page into every worker as soon as their
reference counts are touched; an array is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.errors import InvalidSampleError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Column", "PackedText"]


class PackedText:
    """Many texts in one buffer.

    Args:
        texts: The texts, in order.

    >>> PackedText(["a.jpg", "b.jpg"])[1]
    'b.jpg'
    """

    def __init__(self, texts: Iterable[str]) -> None:
        # File names that are not UTF-8 come from the system with surrogates.
        encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
        self._buffer = b"".join(encoded)
        self._ends = np.cumsum([0, *map(len, encoded)], dtype=np.int64)

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self._ends) - 1

    def __getitem__(self, index: int) -> str:
        """Return text *index*, from 0."""
        start, end = self._ends[index], self._ends[index + 1]
        return self._buffer[start:end].decode("utf-8", "surrogatepass")


@dataclass(frozen=True, eq=False)
class Column:
    """One value per row: numbers, or texts as codes into a vocabulary.

    Args:
        values: Shape (M,), int64 or float64; with `names` int32 codes.
        names: The vocabulary.
    """

    values: NDArray[Any]
    names: PackedText | None = None

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
        """Return the values of some rows, free to be changed."""
        values = self.values[rows]
        if self.names is None:
            return values.copy()
        return [self.names[code] for code in values.tolist()]

    def at(self, row: int) -> int | float | str:
        """Return the value of one row as a Python object."""
        value: int | float = self.values[row].item()
        return value if self.names is None else self.names[int(value)]
