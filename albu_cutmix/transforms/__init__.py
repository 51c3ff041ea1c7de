"""The transforms: wiring only. Numbers are in `plan` and `fates`, pixels in `functional`."""

from albu_cutmix.transforms.cutmix import CutMix
from albu_cutmix.transforms.cutout import Cutout
from albu_cutmix.transforms.mixup import MixUp
from albu_cutmix.transforms.targets import MixTargets

__all__ = ["CutMix", "Cutout", "MixTargets", "MixUp"]
