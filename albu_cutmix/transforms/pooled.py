"""`PooledMix`: a mix whose donors come from a pool, or in the call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from albu_cutmix.choice import Chances
from albu_cutmix.errors import EmptyPoolError, InvalidArgumentError, InvalidSampleError
from albu_cutmix.geometry import Rect
from albu_cutmix.host.donors import check_pool, check_pool_index, read_donor
from albu_cutmix.labels import LabelRule
from albu_cutmix.plan import Donors, MixPlan, Paste, make_plan
from albu_cutmix.sample import Donor
from albu_cutmix.specs import pool_from_spec
from albu_cutmix.transforms.mix import Mix

__all__ = ["PooledMix"]


class PooledMix(Mix):
    """What every mix with donors shares: its pool, and the classes that a pool may bring.

    Args:
        rules: See `Mix`.
        pool: See `CutMix`.
        metadata_key: See `CutMix`.
        keys: See `Mix`.
    """

    takes_pool = True

    def __init__(self, *rules: Any, pool: Any, metadata_key: str, **keys: Any) -> None:
        super().__init__(*rules, metadata_key=metadata_key, **keys)
        self._classes_of_pool = self.classes is None
        self.metadata_key = metadata_key
        self.pool = pool

    def draw_plan(self, data: dict[str, Any], rng: np.random.Generator) -> MixPlan:
        """Draw donors and patches for a call."""
        shape = data["image"].shape[:2]
        return make_plan(rng, shape, self.donors_of(data), self._patch_rule, self.outline(data))

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

    @property
    def takes_seed(self) -> bool:  # type: ignore[override]
        """Whether the pool gives each donor under a seed."""
        return bool(getattr(self._pool, "takes_seed", False))

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
            self.takes_seed,
        )

    def remake(
        self,
        data: Mapping[str, Any],  # noqa: ARG002 - of the call a hole is made of
        number: int,
        seed: int,
        patch: Rect,
        source: Rect,
    ) -> Paste:
        """Return a patch as a record has it; see `replay`."""
        return Paste(number, self.read_donor(self.pool, number, seed), patch, source, seed)

    def read_donor(self, donors: Any, index: int, seed: int = -1) -> Donor:
        """Return donor *index*, checked; a mapping is read like a call of the pipeline."""
        return read_donor(
            donors, index, self.row_processors, self.label_key, self.aliases, seed=seed
        )
