"""`mapped`: every drawn donor goes through a pipeline first."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import albumentations as A

from albu_cutmix.errors import InvalidArgumentError, InvalidSampleError
from albu_cutmix.host.mapping import copy_pipeline, map_donor
from albu_cutmix.host.settings import as_floats, as_plain
from albu_cutmix.host.workers import stream_seed
from albu_cutmix.locks import fork_safe_lock
from albu_cutmix.pool import describe_pool, digest_of
from albu_cutmix.sample import Donor
from albu_cutmix.wrappers.wrapper import Wrapper

__all__ = ["MappedPool", "mapped"]


_lock = fork_safe_lock()  # a pipeline has one stream: two draws at once would mix their donors


class MappedPool(Wrapper):
    """Donors of another pool through a pipeline. See `mapped`."""

    takes_seed = True

    def __init__(self, pool: Any, compose: Any, mask_index_field: str | None = None) -> None:
        super().__init__(pool)
        if isinstance(compose, Mapping):
            compose = _load(compose)
        self._pipeline = copy_pipeline(compose)
        self._compose = copy.deepcopy(compose)  # as it was given, to be written down
        self._mask_index_field = mask_index_field

    def __getitem__(self, index: int) -> Donor:
        """Return donor *index* as mapped under the seed *index*: always the same."""
        return self.draw(index, self._check_index(index))

    def draw(self, index: int, seed: int) -> Donor:
        """Return donor *index* as mapped under a seed.

        Raises:
            InvalidSampleError: If the pipeline does not carry a target of the donor, or the pool
                gives no `Donor`.
        """
        inner, seed = self.pool, int(seed)
        if getattr(inner, "takes_seed", False):
            donor = inner.draw(index, stream_seed(seed, "inner") % 2**32)
        else:
            donor = inner[index]
        if not isinstance(donor, Donor):
            raise InvalidSampleError(
                f"mapped needs a pool of Donor objects, got {type(donor).__name__} at {index}. Use "
                "dataset_pool(data, Donor.from_mapping) or a pool of files."
            )
        with _lock:
            return map_donor(donor, self._pipeline, seed, self._mask_index_field)

    def read(self, index: int) -> Any:
        """Return donor *index*, mapped, or raise: never another in its place."""
        return self[index]

    def digest(self) -> str:
        """Return a short hash of the pool's own and of the pipeline."""
        inner = {k: v for k, v in (describe_pool(self.pool) or {}).items() if k != "spec"}
        own = as_floats(self._plain_compose())  # 0 and 0.0 are one setting
        return digest_of([inner, own, self._mask_index_field])

    def to_spec(self) -> dict[str, Any] | None:
        """Return plain data that makes the pool anew; None where the inner pool has none."""
        field = self._mask_index_field
        more = {} if field is None else {"mask_index_field": field}
        return self._spec("mapped", compose=self._plain_compose(), **more)

    def _plain_compose(self) -> Any:
        try:
            return as_plain(A.to_dict(self._compose))
        except Exception as error:  # a step may be of anybody's making
            raise InvalidArgumentError(
                f"the pipeline of mapped cannot be written as plain data: {error} Its steps must "
                "be such as A.to_dict takes; a policy and a fingerprint need it."
            ) from error


def mapped(pool: Any, compose: Any, *, mask_index_field: str | None = None) -> MappedPool:
    """Send every donor through a pipeline when it is drawn: other geometry, other colours.

    `CutMix` draws a seed for each donor, runs the pipeline under it, and keeps it in the record
    (`seeds`), so that `replay` sees the same donor. All targets are carried; masks of boxes that a
    crop removed go with them.

    Args:
        pool: A pool of `Donor` objects. Put a cache inside: `mapped(cached(pool), compose)`.
        compose: An `A.Compose`, with `bbox_params` and `keypoint_params` where donors have such
            targets; or its `A.to_dict`. It is copied. Label fields follow their rows, declared
            or not.
        mask_index_field: A field of boxes that says which row of `masks` each one owns; see
            `CutMix`. It comes back as 0, 1, 2, ...

    Returns:
        The pool. `pool[i]` is donor i under the seed i.

    Raises:
        InvalidArgumentError: If `compose` is no pipeline, or holds a mix.

    >>> import albumentations as A
    >>> from albu_cutmix.scenes import scene_pool
    >>> flip = A.Compose([A.HorizontalFlip(p=1)], bbox_params=A.BboxParams("coco", ["labels"]))
    >>> pool, turned = scene_pool(1, size=(64, 96)), mapped(scene_pool(1, size=(64, 96)), flip)
    >>> bool((turned[0].image == pool[0].image[:, ::-1]).all())
    True
    """
    return MappedPool(pool, compose, mask_index_field)


def _load(saved: Mapping[str, Any]) -> Any:
    try:
        return A.from_dict(dict(saved))
    except Exception as error:  # the host raises what its constructors raise
        raise InvalidArgumentError(
            f"compose must be a pipeline or its A.to_dict, got a mapping that the host cannot "
            f"load: {error}."
        ) from error
