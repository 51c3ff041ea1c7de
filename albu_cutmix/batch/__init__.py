"""Mixes over a batch: one donor, and true targets, for every sample."""

from albu_cutmix.batch.cutmix import BatchCutMix
from albu_cutmix.batch.mixup import BatchMixUp

__all__ = ["BatchCutMix", "BatchMixUp"]
