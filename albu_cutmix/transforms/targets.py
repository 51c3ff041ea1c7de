"""`MixTargets`: the keys and types of a mix where a container may not call it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from albu_cutmix.errors import InvalidArgumentError
from albu_cutmix.host.base import MixTransform
from albu_cutmix.labels import LabelRule
from albu_cutmix.patches import PatchRule
from albu_cutmix.plan import MixPlan

__all__ = ["MixTargets"]


class MixTargets(MixTransform):
    """Give a call the keys and types that a mix would give it, and change nothing else.

    Put it first in a pipeline whose mix a container may not call (`OneOf`, `SomeOf`): the class
    label is soft (or a pair), a record of kind "none" and an empty seam map are there either way.

    Args:
        classes: Number or names of the classes; see `CutMix`.
        label_key: See `CutMix`.
        label_mode: See `CutMix`.
        seam_key: See `CutMix`; the map is empty.
        num_patches: The most patches that a mix after it may paste, or its own `num_patches`: so
            many slots has the record.
        record_key: See `CutMix`.
        p: Always 1.0.

    Targets:
        image, mask, masks, bboxes, keypoints

    Raises:
        InvalidArgumentError: If an argument is not valid.

    >>> import albumentations as A
    >>> from albu_cutmix import CutMix
    >>> tf = A.Compose([MixTargets(classes=2), A.OneOf([CutMix(classes=2), A.NoOp()])], seed=1)
    """

    def __init__(
        self,
        classes: int | Sequence[str] | None = None,
        *,
        label_key: str = "label",
        label_mode: str = "soft",
        seam_key: str | None = None,
        num_patches: int | tuple[int, int] = 1,
        record_key: str = "mix",
        p: float = 1.0,
    ) -> None:
        if p != 1.0:
            raise InvalidArgumentError(f"MixTargets must always run: p must be 1.0, got {p!r}.")
        most = PatchRule(num_patches=num_patches).counts[1]
        super().__init__(
            LabelRule(label_mode, classes), label_key, record_key, p, seam_key=seam_key
        )
        self.classes, self.label_mode = classes, label_mode
        self.num_patches, self.most_patches = num_patches, most

    def draw_plan(self, data: dict[str, Any], rng: np.random.Generator) -> MixPlan:  # noqa: ARG002
        """Plan nothing."""
        return MixPlan(data["image"].shape[:2])
