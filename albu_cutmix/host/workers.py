"""Random streams: salted per transform, and different in every DataLoader worker.

Albumentations 2.0.8 gives every transform of a pipeline the same seed, and every worker of a
DataLoader a copy of the same generators. Both are cured here, for our transforms in their own
`__call__`, for the rest of a pipeline by `seed_worker`. torch is looked up, never imported: who
has workers has imported it.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from albumentations.core.composition import BaseCompose
from albumentations.core.transforms_interface import BasicTransform

from albu_cutmix.errors import InvalidArgumentError

__all__ = ["seed_worker", "stream_seed", "worker_seed"]

PIPELINES = (BaseCompose, BasicTransform)
MAX_DEPTH = 8  # how far seed_worker looks into a data set for its pipeline


def stream_seed(*keys: object) -> int:
    """Return a 128-bit seed that depends on every key, equal on every platform."""
    return int.from_bytes(hashlib.sha256(repr(keys).encode()).digest()[:16], "little")


def worker_seed() -> int | None:
    """Return the seed of the DataLoader worker that this process is, None outside of one.

    It is drawn anew for each epoch from torch's own generator, plus the worker's number.
    """
    data = sys.modules.get("torch.utils.data")
    info = None if data is None else data.get_worker_info()
    return None if info is None else int(info.seed)


def rank() -> str:
    """Return the rank of this process in distributed training, as its launcher set it."""
    return os.environ.get("RANK", "0")


def seed_worker(worker_id: int) -> None:
    """Give the pipelines of this DataLoader worker their own random streams.

    Pass it as `worker_init_fn`: Albumentations 2.0.8 otherwise repeats the same draws in every
    worker. Transforms of albu_cutmix need no cure; this is for the others of the pipeline.
    Pipelines are found among the attributes of the data set, its wrapped data sets included.

    Args:
        worker_id: Number of the worker; torch passes it.

    Raises:
        InvalidArgumentError: If it does not run in a worker, or the data set holds no pipeline.

    >>> from torch.utils.data import DataLoader  # doctest: +SKIP
    >>> DataLoader(dataset, num_workers=4, worker_init_fn=seed_worker)  # doctest: +SKIP
    """
    seed = worker_seed()
    if seed is None:
        raise InvalidArgumentError(
            f"seed_worker must run in a DataLoader worker, got worker_id={worker_id!r} outside of "
            "one. Pass it as worker_init_fn=seed_worker."
        )
    dataset = sys.modules["torch.utils.data"].get_worker_info().dataset
    pipelines = list(_find_pipelines(dataset, set(), MAX_DEPTH))
    if not pipelines:
        raise InvalidArgumentError(
            f"seed_worker found no Albumentations pipeline among the attributes of the data set "
            f"{type(dataset).__name__}. Keep it as an attribute (self.transform), or seed it in "
            "your own worker_init_fn with pipeline.set_random_seed(torch.initial_seed() % 2**32)."
        )
    for pipeline in pipelines:
        pipeline.set_random_seed(stream_seed(seed, rank()) % 2**32)


def _find_pipelines(
    holder: Any, seen: set[int], depth: int
) -> Iterator[BaseCompose | BasicTransform]:
    """Yield the outermost pipelines reachable through attributes, lists and mappings."""
    if id(holder) in seen or depth == 0:
        return
    seen.add(id(holder))
    if isinstance(holder, PIPELINES):
        yield holder
        return
    if isinstance(holder, Mapping):
        parts = list(holder.values())
    elif isinstance(holder, (list, tuple)):
        parts = list(holder)
    else:
        parts = list(getattr(holder, "__dict__", {}).values())
        parts += [one for one in vars(type(holder)).values() if isinstance(one, PIPELINES)]
        parts += [cell.cell_contents for cell in getattr(holder, "__closure__", None) or ()]
        parts += [getattr(holder, name, None) for name in ("__self__", "func", "args", "keywords")]
    for part in parts:
        if not isinstance(part, (str, bytes, int, float, type(None))):
            yield from _find_pipelines(part, seen, depth - 1)
