"""`Wrapper`: a pool around a pool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.errors import InvalidArgumentError
from albu_cutmix.host.donors import check_pool
from albu_cutmix.pool import BasePool, MemoryPool, describe_pool, digest_of
from albu_cutmix.sample import Donor

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Wrapper", "free_arrays"]


class Wrapper(BasePool):
    """A pool around a pool: the inner one answers whatever this one does not change.

    Args:
        pool: A pool, or a list of donors or mappings; it may be a wrapper itself.

    Attributes:
        pool: The inner pool.

    Raises:
        InvalidArgumentError: If it is no pool.
        EmptyPoolError: If it is empty.
    """

    def __init__(self, pool: Any) -> None:
        check_pool(pool, "pool", InvalidArgumentError, optional=False)
        self.pool = pool

    def __len__(self) -> int:
        """Return the number of donors."""
        return len(self.pool)

    def __getitem__(self, index: int) -> Any:
        """Return donor *index* of the inner pool."""
        return self.pool[self._check_index(index)]

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """Return itself: it never changes, and pixels must not travel with parameters."""
        return self

    # What follows is asked of the inner pool each time: a copy here would travel in each pickle.

    @property
    def classes(self) -> Sequence[str] | int | None:  # type: ignore[override]
        """Names or count of the class labels."""
        return getattr(self.pool, "classes", None)

    @property
    def weights(self) -> NDArray[np.float64] | None:  # type: ignore[override]
        """Chance of each donor to be drawn, shape (N,), in any scale; None: equal."""
        return getattr(self.pool, "weights", None)

    @property
    def takes_seed(self) -> bool:  # type: ignore[override]
        """Whether a donor depends on the seed it is drawn with."""
        return bool(getattr(self.pool, "takes_seed", False))

    @property
    def findings(self) -> Sequence[str]:
        """What was left out when the inner pool was made and why, one text each."""
        return getattr(self.pool, "findings", ())

    @property
    def skipped(self) -> int:
        """Draws of this process that met an unreadable image. See `FilePool.skipped`."""
        return getattr(self.pool, "skipped", 0)

    def sample(
        self, index: int, bbox_format: str = "pascal_voc", keypoint_format: str = "xy"
    ) -> dict[str, Any]:
        """Return a sample whose arrays are free to be changed. See `BasePool.sample`."""
        return free_arrays(super().sample(index, bbox_format, keypoint_format))

    def draw(self, index: int, seed: int) -> Any:
        """Return donor *index* as drawn with a seed."""
        return self.pool.draw(index, seed) if self.takes_seed else self[index]

    def read(self, index: int) -> Any:
        """Return donor *index* itself or raise: never another in its place."""
        own = getattr(self.pool, "read", None)
        return own(index) if callable(own) else self.pool[self._check_index(index)]

    def name_of(self, index: int) -> str:
        """Return the name of donor *index* without reading it, "" where it is not known."""
        own = getattr(self.pool, "name_of", None)
        return str(own(index)) if callable(own) else ""

    def digest(self) -> str:
        """Return a short hash of what the donors are."""
        known = describe_pool(self.pool) or {}
        return str(known["digest"] if "digest" in known else digest_of([known]))

    def class_rows(self) -> tuple[NDArray[np.int64], NDArray[np.int32], tuple[Any, ...]]:
        """Return the classes of every donor. See `BasePool.class_rows`."""
        inner = self.pool
        if isinstance(inner, (list, tuple)) and all(isinstance(one, Donor) for one in inner):
            inner = MemoryPool(inner)
        own = getattr(inner, "class_rows", super().class_rows)
        found: tuple[NDArray[np.int64], NDArray[np.int32], tuple[Any, ...]] = own()
        return found

    def _spec(self, name: str, **arguments: Any) -> dict[str, Any] | None:
        """Return plain data of this wrapper; None where the inner pool has none."""
        own = getattr(self.pool, "to_spec", None)
        inner = own() if callable(own) else None
        return None if inner is None else {"format": name, "pool": inner, **arguments}


def free_arrays(sample: Mapping[str, Any]) -> dict[str, Any]:
    """Return a sample with copies of read-only arrays and lists: a pipeline may work in place."""
    return {key: _free(value) for key, value in sample.items()}


def _free(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value if value.flags.writeable else value.copy()
    return [_free(one) for one in value] if isinstance(value, list) else value
