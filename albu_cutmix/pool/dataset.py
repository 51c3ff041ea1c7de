"""Any data set as a pool."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from albu_cutmix.errors import InvalidArgumentError, InvalidSampleError
from albu_cutmix.pool.base import BasePool
from albu_cutmix.sample import Donor

__all__ = ["DatasetPool", "dataset_pool"]


class DatasetPool(BasePool):
    """Any data set, seen as a pool. See `dataset_pool`."""

    def __init__(
        self,
        dataset: Any,
        to_donor: Callable[[Any], Donor] | None = None,
        *,
        length: int | None = None,
        classes: Sequence[str] | int | None = None,
    ) -> None:
        self._length = _check_length(dataset, length)
        if to_donor is not None and not callable(to_donor):
            raise InvalidArgumentError(
                f"to_donor must be a function that turns an item into a Donor, got {to_donor!r}."
            )
        self._dataset, self._to_donor, self.classes = dataset, to_donor, classes

    def __len__(self) -> int:
        """Return the number of donors."""
        return len(self._dataset) if self._length is None else self._length

    def __getitem__(self, index: int) -> Donor | Mapping[str, Any]:
        """Return item *index* of the data set as a donor.

        Raises:
            InvalidSampleError: If it is none, or `to_donor` gives none.
        """
        at = self._check_index(index)
        item = self._dataset[at] if self._length is None else self._dataset(at)
        if self._to_donor is None:
            if isinstance(item, Donor | Mapping):
                return item
            raise InvalidSampleError(
                f"items must be Donor objects or mappings with the key 'image', got "
                f"{type(item).__name__} as item {index}. Pass to_donor, which makes a Donor of it."
            )
        donor = self._to_donor(item)
        if not isinstance(donor, Donor):
            raise InvalidSampleError(
                f"to_donor must return a Donor, got {type(donor).__name__} for item {index}. Make "
                "one: Donor(image, mask=..., label=...)."
            )
        return donor


def _check_length(dataset: Any, length: int | None) -> int | None:
    """Return how many items a callable gives; None for a data set that knows it."""
    name = type(dataset).__name__
    if length is None:
        if hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__"):
            return None
        way = "Pass length=<number of items>." if callable(dataset) else "Turn it into a list."
        raise InvalidArgumentError(
            f"dataset must have len() and [i], or be called with an index, got {name}. {way}"
        )
    if not callable(dataset):
        raise InvalidArgumentError(
            f"length is for a dataset that is called with an index, got {name}. Leave it out."
        )
    if not isinstance(length, int) or isinstance(length, bool) or length < 0:
        raise InvalidArgumentError(f"length must be a whole number from 0, got {length!r}.")
    return length


def dataset_pool(
    dataset: Any,
    to_donor: Callable[[Any], Donor] | None = None,
    *,
    length: int | None = None,
    classes: Sequence[str] | int | None = None,
) -> DatasetPool:
    """Make a pool of any data set: torch, Hugging Face, your own, or a function of an index.

    Args:
        dataset: Anything with `len()` and `[i]`, or with `length` anything that is called with
            an index. Give it untransformed: a donor that was mixed already, or turned into a
            normalised tensor, cannot be mixed truthfully.
        to_donor: Turns an item into a `Donor`. For spawned workers it must be picklable, so a
            function of a module, no lambda. None: items are donors already, or mappings with
            the keys and formats of a pipeline call, which are handed on as they stand.
        length: How many items a callable `dataset` gives.
        classes: Names or count of the class labels.

    Returns:
        The pool. Items are fetched when drawn.

    Raises:
        InvalidArgumentError: If the number of items is not known, or an argument is of no use.

    Example:
        ```python
        pool = dataset_pool(load_dataset("my/cells", split="train"), to_donor)
        ```
    """
    return DatasetPool(dataset, to_donor, length=length, classes=classes)
