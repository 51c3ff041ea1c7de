"""Where donors come from: the `DonorPool` protocol, and pools that hold or adapt samples.

A plain list of donors or mappings is a pool too: anything with `len()` and `[i]`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from albu_cutmix.errors import InvalidArgumentError, InvalidSampleError
from albu_cutmix.sample import Donor

__all__ = [
    "BasePool",
    "DatasetPool",
    "DonorPool",
    "MemoryPool",
    "dataset_pool",
    "describe_pool",
    "digest_of",
]

MOST_DIGESTED = 64  # donors that are read for a digest


@runtime_checkable
class DonorPool(Protocol):
    """Anything with a length and an index.

    Optional: `classes` (names or a count), which `CutMix` reads where its own `classes` is None;
    `to_spec()`, plain data that makes the pool anew; `digest()`, a text that names its content.
    """

    def __len__(self) -> int:
        """Return the number of donors."""

    def __getitem__(self, index: int) -> Donor | Mapping[str, Any]:
        """Return donor *index*; a mapping holds the keys and formats of a pipeline call."""


class BasePool:
    """What every pool of this package offers: iteration, `classes`, `sample`."""

    classes: Sequence[str] | int | None = None

    def __len__(self) -> int:
        """Return the number of donors."""
        raise NotImplementedError

    def __getitem__(self, index: int) -> Donor:
        """Return donor *index*, read when asked for."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[Donor]:
        """Yield every donor in order."""
        return (self[index] for index in range(len(self)))

    def __repr__(self) -> str:
        """Return name and size: pixels are never printed."""
        return f"{type(self).__name__}({len(self)} donors)"

    def sample(
        self, index: int, bbox_format: str = "pascal_voc", keypoint_format: str = "xy"
    ) -> dict[str, Any]:
        """Return a sample as keywords of a pipeline call: `transform(**pool.sample(i, "coco"))`.

        Args:
            index: Which sample.
            bbox_format: The format of the pipeline's `BboxParams`.
            keypoint_format: The format of its `KeypointParams`; angles in degrees.
        """
        return self[index].to_mapping(bbox_format, keypoint_format)

    def _check_index(self, index: int) -> int:
        if not -len(self) <= index < len(self):
            raise IndexError(f"{self!r} has no donor {index}.")
        return index % len(self)


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


class DatasetPool(BasePool):
    """Any indexable data set, seen as a pool. See `dataset_pool`."""

    def __init__(
        self,
        dataset: Any,
        to_donor: Callable[[Any], Donor],
        *,
        classes: Sequence[str] | int | None = None,
    ) -> None:
        self._dataset, self._to_donor, self.classes = dataset, to_donor, classes

    def __len__(self) -> int:
        """Return the number of donors."""
        return len(self._dataset)

    def __getitem__(self, index: int) -> Donor:
        """Return item *index* of the data set as a donor."""
        donor = self._to_donor(self._dataset[self._check_index(index)])
        if not isinstance(donor, Donor):
            raise InvalidSampleError(
                f"to_donor must return a Donor, got {type(donor).__name__} for item {index}."
            )
        return donor


def dataset_pool(
    dataset: Any,
    to_donor: Callable[[Any], Donor],
    *,
    classes: Sequence[str] | int | None = None,
) -> DatasetPool:
    """Make a pool of any data set with `len()` and `[i]`: torch, Hugging Face, your own.

    Args:
        dataset: The data set. Give it untransformed: a donor that was mixed already, or turned
            into a normalised tensor, cannot be mixed truthfully.
        to_donor: Turns an item into a `Donor`. For spawned workers it must be picklable, so a
            function of a module, no lambda.
        classes: Names or count of the class labels.

    Returns:
        The pool. Items are fetched when drawn.
    """
    return DatasetPool(dataset, to_donor, classes=classes)


def describe_pool(pool: Any) -> dict[str, Any] | None:
    """Return plain data that names a pool: its spec, else its length and a digest.

    The digest is the pool's own where it has a method `digest`; else that of up to 64 donors,
    spread evenly, which are read for it.
    """
    if pool is None:
        return None
    if callable(getattr(pool, "to_spec", None)):
        return dict(pool.to_spec())
    own = getattr(pool, "digest", None)
    if callable(own):
        return {"length": len(pool), "digest": own()}
    few = np.unique(np.linspace(0, len(pool) - 1, min(len(pool), MOST_DIGESTED)).astype(int))
    return {"length": len(pool), "digest": digest_of(pool[index] for index in few.tolist())}


def digest_of(parts: Iterable[Any]) -> str:
    """Return a short hash of arrays, plain values, mappings, and objects made of them."""
    found = hashlib.blake2b(digest_size=8)
    for part in parts:
        _update(found, part)
    return found.hexdigest()


def _update(found: Any, part: Any) -> None:
    if hasattr(part, "__array__") and not isinstance(part, np.generic):
        part = np.asarray(part)
    if isinstance(part, np.ndarray) and part.dtype != object:
        found.update(f"{part.dtype}{part.shape}".encode())
        found.update(np.ascontiguousarray(part).reshape(-1).view(np.uint8).data)
    elif isinstance(part, Mapping):
        found.update(f"{len(part)}{{".encode())
        for key in sorted(part, key=str):
            _update(found, str(key))
            _update(found, part[key])
    elif isinstance(part, (list, tuple, np.ndarray)):
        part = part.reshape(-1).tolist() if isinstance(part, np.ndarray) else part
        found.update(f"{len(part)}[".encode())
        for item in part:
            _update(found, item)
    elif isinstance(part, Donor):
        _update(found, part.content)
    elif type(part).__module__.startswith("albu_cutmix."):  # the flat tables of a file pool
        _update(found, vars(part))
    else:
        plain = part.item() if isinstance(part, np.generic) else part
        found.update(f"{type(plain).__name__} {plain!r};".encode())
