"""`MixUp`: all pixels of two samples blended, objects of both kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.blends import MaskRule, blend_image, blend_mask
from albu_cutmix.fates import ObjectRule
from albu_cutmix.functional import fit_image, fit_layers, fit_mask
from albu_cutmix.host.calls import check_ignore_index
from albu_cutmix.host.objects import FieldNames
from albu_cutmix.host.points import KeypointRule
from albu_cutmix.labels import LabelRule
from albu_cutmix.limits import SafetyLimits, SafetyRule
from albu_cutmix.patches import BlendRule
from albu_cutmix.plan import MixPlan
from albu_cutmix.sample import Donor
from albu_cutmix.schedule import MixSchedule
from albu_cutmix.transforms.pooled import PooledMix

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from albu_cutmix.pool import DonorPool

__all__ = ["MixUp"]


class MixUp(PooledMix):
    """Blend all pixels with those of a donor and keep every target true.

    Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018, arXiv:1710.09412,
    extended to masks, boxes, instance masks and keypoints. The primary's weight is the record's
    `blend`, Beta(alpha, alpha) in whole 65,536ths and never 0 or 1: `image = blend * primary +
    (1 - blend) * donor`, rounded half to even where they are integers.

    Args:
        pool: See `CutMix`.
        alpha: The primary's weight is Beta(alpha, alpha).
        fit: How a donor of another size is fitted to the primary: "cover" (scaled, aspect kept,
            until it covers the primary, centred), "stretch", "crop" (not scaled: a random window,
            scaled up just enough where it is smaller) or "error".
        mask_mode: "heavier": `mask` is that of the side of more weight; "ignore": it keeps what
            both sides agree on, and holds `ignore_index` elsewhere. Values are never blended.
        min_visibility: Objects of a donor of which the fit leaves less inside are dropped. The
            weight drops none: all objects of both sides stay.
        visibility_field: A label field of boxes (floats) multiplied by blend, or 1 - blend times
            what the fit leaves of the donor's: a weight per box for the loss.
        ignore_field: See `CutMix`.
        masks_mode: "instances": the instance masks of both stay, one row each; or "layers":
            each one follows `mask_mode`.
        mask_index_field: See `CutMix`.
        keypoint_mode: "remove": the points of both stay, without those of the donor that the fit
            leaves outside; "flag": these stay too, with 0 in `keypoint_visibility_field`.
        keypoint_visibility_field: See `keypoint_mode`.
        label_key: See `CutMix`.
        classes: See `CutMix`.
        label_mode: "soft": a float32 vector of blend * label + (1 - blend) * the donor's; or
            "pair": see `CutMix`.
        label_weight: "area": by blend; "object": by blend times object pixels of the primary,
            and 1 - blend times those of the donor; where there are none, by blend.
        background: See `CutMix`.
        seam_key: See `CutMix`: a blend has no seam, the map is zero.
        ignore_index: See `mask_mode`.
        limits: See `CutMix`.
        on_unsafe: See `CutMix`.
        schedule: See `CutMix`.
        record_key: See `CutMix`.
        metadata_key: See `CutMix`.
        p: Probability.

    Targets:
        image, mask, masks, bboxes, keypoints

    Image types:
        uint8, uint16, float32; any number of channels

    Raises:
        InvalidArgumentError: If an argument is out of range or contradicts another.
        EmptyPoolError: If the pool is empty.
        InvalidSampleError: In a call, if primary or donor cannot be mixed truthfully.
        UnsafeMixError: In a call, if the mix is unsafe and `on_unsafe` is "raise".

    >>> import albumentations as A
    >>> import numpy as np
    >>> donors = [{"image": np.full((8, 8, 3), 255, np.uint8), "label": 1}]
    >>> mix = A.Compose([MixUp(donors, classes=2, p=1.0)], seed=1)
    >>> out = mix(image=np.zeros((8, 8, 3), np.uint8), label=0)
    >>> bool(out["label"][0] == out["mix"].blend), float(out["label"].sum())
    (True, 1.0)
    """

    kind = "mixup"

    def __init__(
        self,
        pool: DonorPool | Sequence[Donor | Mapping[str, Any]] | Mapping[str, Any] | None = None,
        *,
        alpha: float = 0.4,
        fit: str = "cover",
        mask_mode: str = "heavier",
        min_visibility: float = 0.1,
        visibility_field: str | None = None,
        ignore_field: str | None = None,
        masks_mode: str = "instances",
        mask_index_field: str | None = None,
        keypoint_mode: str = "remove",
        keypoint_visibility_field: str | None = None,
        label_key: str = "label",
        classes: int | Sequence[str] | None = None,
        label_mode: str = "soft",
        label_weight: str = "area",
        background: int | Sequence[int] | None = 0,
        seam_key: str | None = None,
        ignore_index: int | None = None,
        limits: SafetyLimits | Mapping[str, Any] | None = None,
        on_unsafe: str = "flag",
        schedule: MixSchedule | Mapping[str, Any] | None = None,
        record_key: str = "mix",
        metadata_key: str = "mix_metadata",
        p: float = 0.5,
    ) -> None:
        super().__init__(
            BlendRule(alpha, fit=fit),
            ObjectRule("clip", min_visibility, ignore_field is not None),
            FieldNames(visibility_field, ignore_field, mask_index_field),
            masks_mode,
            KeypointRule(keypoint_mode, keypoint_visibility_field),
            LabelRule(label_mode, classes),
            SafetyRule(
                ignore_index=ignore_index, background=background, label_weight=label_weight,
                limits=SafetyLimits.of(limits), on_unsafe=on_unsafe,
            ),
            pool=pool, label_key=label_key, seam_key=seam_key, schedule=schedule,
            record_key=record_key, metadata_key=metadata_key, p=p,
        )  # fmt: skip
        self.mask_mode = MaskRule(mask_mode, ignore_index).mask_mode

    def check_fields(self, data: Mapping[str, Any]) -> None:
        """Raise where the pipeline or a target lacks what an argument asks for."""
        super().check_fields(data)
        others = [data.get(key) for key, kind in self.aliases.items() if kind == "mask"]
        if self.masks_mode == "layers" and data.get("masks") is not None:
            others.extend(data["masks"][:1])
        for mask in others:
            if mask is not None:
                check_ignore_index(mask, self.safety_rule.ignore_index)

    def put_image(self, image: NDArray[Any], plan: MixPlan, key: str = "image") -> NDArray[Any]:
        """Return an image blended with the donor's."""
        return blend_image(image, fit_image(image, plan.pastes[0], key), plan.blend)

    def put_mask(self, mask: NDArray[Any], plan: MixPlan, key: str = "mask") -> NDArray[Any]:
        """Return the mask of the heavier side, or what both agree on."""
        return self._choose(mask, fit_mask(mask, plan.pastes[0], key), plan)

    def put_layers(self, masks: NDArray[Any], plan: MixPlan) -> NDArray[Any]:
        """Return masks, each chosen by itself."""
        layers = fit_layers(masks, plan.pastes[0])
        chosen = [self._choose(*pair, plan) for pair in zip(masks, layers, strict=True)]
        return np.stack(chosen) if chosen else masks

    def _choose(self, mask: NDArray[Any], other: NDArray[Any], plan: MixPlan) -> NDArray[Any]:
        index = self.safety_rule.ignore_index
        return blend_mask(mask, other, plan.blend, self.mask_mode, index)
