"""CutMix over a batch: one rectangle, one donor and true targets for every sample."""

from albu_cutmix.batch.cutmix import BatchCutMix

__all__ = ["BatchCutMix"]
