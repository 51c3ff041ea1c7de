"""Donors that are in memory already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.errors import InvalidArgumentError
from albu_cutmix.pool.base import BasePool
from albu_cutmix.sample import Donor

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MemoryPool", "list_classes"]


class MemoryPool(BasePool):
    """Donors that are in memory already.

    Args:
        donors: Donors.
        classes: Names or count of the class labels.
    """

    def __init__(
        self, donors: Sequence[Donor], *, classes: Sequence[str] | int | None = None
    ) -> None:
        self._donors = list(donors)
        for index, donor in enumerate(self._donors):
            if not isinstance(donor, Donor):
                raise InvalidArgumentError(
                    f"MemoryPool takes Donor objects, got {type(donor).__name__} at {index}. "
                    "Use Donor.from_mapping, or give CutMix the plain list."
                )
        self.classes = classes

    def __len__(self) -> int:
        """Return the number of donors."""
        return len(self._donors)

    def __getitem__(self, index: int) -> Donor:
        """Return donor *index*."""
        return self._donors[self._check_index(index)]

    def class_rows(self) -> tuple[NDArray[np.int64], NDArray[np.int32], tuple[Any, ...]]:
        """Return the classes of every donor. See `BasePool.class_rows`.

        Raises:
            InvalidArgumentError: If the first field of a donor holds no plain values.
        """
        try:
            return list_classes(map(_classes_of, self._donors))
        except (TypeError, ValueError) as error:  # lists in lists, and the like
            raise InvalidArgumentError(
                f"the first field of boxes must hold plain values to be classes: {error}. Give "
                "`weighted` an array with a weight per donor."
            ) from error


def list_classes(
    rows: Iterable[Sequence[Any]],
) -> tuple[NDArray[np.int64], NDArray[np.int32], tuple[Any, ...]]:
    """Return lists of classes as offsets, codes and what they stand for.

    >>> list_classes([["pear", "fig"], [], ["pear"]])
    (array([0, 2, 2, 3]), array([0, 1, 0], dtype=int32), ('pear', 'fig'))
    """
    codes: dict[Any, int] = {}
    flat: list[int] = []
    ends = [0]
    for row in rows:
        flat += [codes.setdefault(value, len(codes)) for value in row]
        ends.append(len(flat))
    return np.array(ends, np.int64), np.array(flat, np.int32), tuple(codes)


def _classes_of(donor: Donor) -> list[Any]:
    """Return the classes of a donor; of a label vector those with a share."""
    if donor.label is None:
        return list(np.asarray(next(iter(donor.fields.values()), ())).tolist())
    label = np.asarray(donor.label)
    return list(np.flatnonzero(label).tolist()) if label.ndim else [label.item()]
