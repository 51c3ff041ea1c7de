"""Where donors come from: the `DonorPool` protocol, and pools that hold or adapt samples.

A plain list of donors or mappings is a pool too: anything with `len()` and `[i]`.
"""

from __future__ import annotations

from albu_cutmix.pool.base import BasePool, DonorPool
from albu_cutmix.pool.dataset import DatasetPool, dataset_pool
from albu_cutmix.pool.digest import describe_pool, digest_of
from albu_cutmix.pool.memory import MemoryPool, list_classes

__all__ = [
    "BasePool",
    "DatasetPool",
    "DonorPool",
    "MemoryPool",
    "dataset_pool",
    "describe_pool",
    "digest_of",
    "list_classes",
]
