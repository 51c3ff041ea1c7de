"""CutMix, MixUp and Cutout for Albumentations that keep every target true."""

from albu_cutmix._backends import backend_info
from albu_cutmix.batch import BatchCutMix, BatchMixUp
from albu_cutmix.draw import draw_mix
from albu_cutmix.errors import (
    CutMixError,
    DonorReadError,
    EmptyPoolError,
    InvalidArgumentError,
    InvalidSampleError,
    MissingExtraError,
    UnsafeMixError,
)
from albu_cutmix.host.pipelines import attach_pool
from albu_cutmix.host.workers import seed_worker
from albu_cutmix.limits import SafetyFlag, SafetyLimits
from albu_cutmix.pool import DonorPool, MemoryPool, dataset_pool
from albu_cutmix.presets import PRESETS
from albu_cutmix.record import MixRecord
from albu_cutmix.replay import replay
from albu_cutmix.report import AuditReport, audit, show
from albu_cutmix.sample import Donor
from albu_cutmix.schedule import MixSchedule
from albu_cutmix.seams import SeamFlag
from albu_cutmix.transforms import CutMix, Cutout, MixTargets, MixUp
from albu_cutmix.wrappers import cached, mapped, pack, packed, weighted

__version__ = "0.1.0"

__all__ = [
    "PRESETS",
    "AuditReport",
    "BatchCutMix",
    "BatchMixUp",
    "CutMix",
    "CutMixError",
    "Cutout",
    "Donor",
    "DonorPool",
    "DonorReadError",
    "EmptyPoolError",
    "InvalidArgumentError",
    "InvalidSampleError",
    "MemoryPool",
    "MissingExtraError",
    "MixRecord",
    "MixSchedule",
    "MixTargets",
    "MixUp",
    "SafetyFlag",
    "SafetyLimits",
    "SeamFlag",
    "UnsafeMixError",
    "attach_pool",
    "audit",
    "backend_info",
    "cached",
    "dataset_pool",
    "draw_mix",
    "mapped",
    "pack",
    "packed",
    "replay",
    "seed_worker",
    "show",
    "weighted",
]
