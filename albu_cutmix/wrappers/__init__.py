"""Pools around pools: kept in memory, weighed, changed by a pipeline, written into one file."""

from __future__ import annotations

from albu_cutmix.wrappers.cached import cached
from albu_cutmix.wrappers.mapped import mapped
from albu_cutmix.wrappers.packed import packed
from albu_cutmix.wrappers.packing import pack
from albu_cutmix.wrappers.weighted import weighted

__all__ = ["cached", "mapped", "pack", "packed", "weighted"]
