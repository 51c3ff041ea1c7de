"""`PooledTransform`: a mix whose donors come from a pool, or in the call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from albu_cutmix.choice import Chances
from albu_cutmix.errors import EmptyPoolError, InvalidArgumentError, InvalidSampleError
from albu_cutmix.host.base import MixTransform
from albu_cutmix.host.donors import check_pool, check_pool_index, read_donor
from albu_cutmix.labels import LabelRule
from albu_cutmix.sample import Donor
from albu_cutmix.specs import pool_from_spec

__all__ = ["Donors", "PooledTransform"]


class Donors(NamedTuple):
    """The donors of one call: how many, how to get one, and how one is drawn; see `make_plan`."""

    number: int
    fetch: Callable[[int, int], Donor]
    exclude: int | None = None
    chances: Chances | None = None
    seeded: bool = False


class PooledTransform(MixTransform):
    """What every mix with donors shares: its pool, and the classes that a pool may bring."""

    metadata_key: str
    label_mode: str
    classes: Any
    _classes_of_pool: bool

    @property
    def pool(self) -> Any:
        """Where donors come from; None where they come in the call. Assign one to attach it."""
        return self._pool

    @pool.setter
    def pool(self, pool: Any) -> None:
        #: Plain data of the pool where it was given so: only then is it saved.
        self.pool_spec: dict[str, Any] | None = None
        if isinstance(pool, Mapping):
            pool = pool_from_spec(pool)
            self.pool_spec = pool.to_spec()
        check_pool(pool, "pool", InvalidArgumentError)
        self._pool = pool
        weights = getattr(pool, "weights", None)
        self._chances = None if weights is None else Chances(weights, len(pool))
        if self._classes_of_pool and pool is not None:
            # Kept as an argument: a saved pipeline then needs no pool to know its classes.
            self.classes = getattr(pool, "classes", None)
            self.label_rule = LabelRule(self.label_mode, self.classes)

    def donors_of(self, data: Mapping[str, Any]) -> Donors:
        """Return the donors of a call.

        Raises:
            EmptyPoolError: If there is neither a pool nor a list in the call.
            InvalidSampleError: If the call holds no list of donors, or a wrong `pool_index`.
        """
        listed = data.get(self.metadata_key)
        if listed is not None:
            check_pool(listed, self.metadata_key, InvalidSampleError)
            return Donors(len(listed), lambda index, seed: self.read_donor(listed, index, seed))
        pool = self._pool
        if pool is None:
            raise EmptyPoolError(
                f"{type(self).__name__} has no pool and the call no {self.metadata_key!r}. Use "
                f"{type(self).__name__}(pool), attach_pool(pipeline, pool) for a pipeline that was "
                f"loaded, or pass a list of donors in the call: transform(..., "
                f"{self.metadata_key}=[...])."
            )
        check_pool(pool, "pool", InvalidSampleError)
        exclude, count = data.get("pool_index"), len(pool)
        return Donors(
            count,
            lambda index, seed: self.read_donor(pool, index, seed),
            None if exclude is None else check_pool_index(exclude, count),
            self._chances,
            bool(getattr(pool, "takes_seed", False)),
        )

    def read_donor(self, donors: Any, index: int, seed: int = -1) -> Donor:
        """Return donor *index*, checked; a mapping is read like a call of the pipeline."""
        return read_donor(
            donors, index, self.row_processors, self.label_key, self.aliases, seed=seed
        )
