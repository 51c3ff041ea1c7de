"""`Cutout`: rectangles of the image are filled, and every target is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.arguments import check_choice
from albu_cutmix.fates import ObjectRule
from albu_cutmix.fills import FillRule
from albu_cutmix.geometry import Rect
from albu_cutmix.host.calls import check_background
from albu_cutmix.host.objects import FieldNames
from albu_cutmix.host.points import KeypointRule
from albu_cutmix.labels import LabelRule
from albu_cutmix.limits import SafetyLimits, SafetyRule
from albu_cutmix.patches import HoleRule
from albu_cutmix.plan import MixPlan, Paste, draw_holes
from albu_cutmix.sample import Donor
from albu_cutmix.schedule import MixSchedule
from albu_cutmix.transforms.mix import Mix

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Cutout"]


class Cutout(Mix):
    """Fill rectangles of the image and keep every target true.

    DeVries and Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout",
    2017, arXiv:1708.04552, extended to boxes, masks and keypoints: what is hidden is told by the
    rules of `CutMix`. A hole is a patch of a donor that shows nothing.

    Args:
        alpha: See `CutMix`.
        area_range: Least and greatest share of a hole; None is (0.02, 0.33).
        ratio_range: See `CutMix`.
        placement: "inside" or "avoid", as in `CutMix`; or "paper", the reference procedure: a
            square around any pixel, clipped at the border, of `area_range` before that.
        num_patches: How many holes there are: a number, or the least and the greatest.
        fill: What they hold: a number, or one per channel, that the image's dtype can hold;
            "mean", that of each channel over the whole image; or "noise", uniform over the range
            of the dtype (of float32 over [0, 1)), under the record's `seeds`.
        bbox_mode: See `CutMix`.
        min_visibility: See `CutMix`.
        visibility_field: See `CutMix`.
        ignore_field: See `CutMix`.
        masks_mode: See `CutMix`; layers hold 0 in a hole.
        mask_index_field: See `CutMix`.
        keypoint_mode: See `CutMix`.
        keypoint_visibility_field: See `CutMix`.
        label_key: See `CutMix`.
        classes: Number or names of the classes.
        label_mode: See `CutMix`; in a pair the donor's label is the label itself.
        label_weight: "keep": the label keeps its weight, as in the paper; "object": it is
            multiplied by the share of the object pixels that still show, so that it may sum to
            less than 1. Objects are those of `CutMix`; without one the label stays.
        background: Value or values of `mask` that are no object; the first of them fills holes.
        seam_key: See `CutMix`; the seam is the border of the holes.
        seam_width: See `CutMix`.
        ignore_index: Fills the holes of `mask` in place of the background. Values do not jump
            at their seam then: what is ignored teaches nothing.
        limits: See `CutMix`.
        on_unsafe: See `CutMix`.
        schedule: See `CutMix`.
        record_key: See `CutMix`.
        p: Probability.

    Targets:
        image, mask, masks, bboxes, keypoints

    Image types:
        uint8, uint16, float32; any number of channels

    Raises:
        InvalidArgumentError: If an argument is out of range or contradicts another.
        InvalidSampleError: In a call, if it cannot be mixed truthfully.
        UnsafeMixError: In a call, if the mix is unsafe and `on_unsafe` is "raise".

    >>> import albumentations as A
    >>> import numpy as np
    >>> quarter = {"area_range": (0.25, 0.25), "ratio_range": (1, 1)}
    >>> cut = A.Compose([Cutout(fill=0, **quarter, p=1.0)], seed=1)
    >>> out = cut(image=np.full((8, 8, 3), 7, np.uint8))
    >>> int(out["image"].sum()), float(out["mix"].lam)
    (1008, 0.75)
    """

    kind = "cutout"
    _patch_rule: HoleRule

    def __init__(
        self,
        *,
        alpha: float = 1.0,
        area_range: tuple[float, float] | None = None,
        ratio_range: tuple[float, float] = (0.5, 2.0),
        placement: str = "inside",
        num_patches: int | tuple[int, int] = 1,
        fill: float | str | Sequence[float] = 0,
        bbox_mode: str = "clip",
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
        label_weight: str = "keep",
        background: int | Sequence[int] | None = 0,
        seam_key: str | None = None,
        seam_width: int = 2,
        ignore_index: int | None = None,
        limits: SafetyLimits | Mapping[str, Any] | None = None,
        on_unsafe: str = "flag",
        schedule: MixSchedule | Mapping[str, Any] | None = None,
        record_key: str = "mix",
        p: float = 0.5,
    ) -> None:
        check_choice("label_weight", label_weight, ("keep", "object"))
        weight = "object" if label_weight == "object" else "area"  # holes own no weight
        super().__init__(
            HoleRule(alpha, area_range, ratio_range, placement, num_patches=num_patches),
            ObjectRule(bbox_mode, min_visibility, ignore_field is not None),
            FieldNames(visibility_field, ignore_field, mask_index_field),
            masks_mode,
            KeypointRule(keypoint_mode, keypoint_visibility_field),
            LabelRule(label_mode, classes),
            SafetyRule(
                seam_width, ignore_index, background, weight, SafetyLimits.of(limits), on_unsafe
            ),
            label_key=label_key, seam_key=seam_key, schedule=schedule, record_key=record_key, p=p,
        )  # fmt: skip
        self._fill = FillRule(fill)
        self.takes_seed = self._fill.is_noise
        self.fill, self.label_weight = fill, label_weight

    def draw_plan(self, data: dict[str, Any], rng: np.random.Generator) -> MixPlan:
        """Draw the holes of a call."""
        shape, rule = data["image"].shape[:2], self._patch_rule
        holes = draw_holes(rng, shape, rule, self.outline(data), seeded=self.takes_seed)
        if not holes:
            return MixPlan(shape, reason="no_patch")
        nothing = Rect(0, 0, 0, 0)
        return MixPlan.of(
            shape, [self.remake(data, -1, seed, patch, nothing) for patch, seed in holes]
        )

    def check_fields(self, data: Mapping[str, Any]) -> None:
        """Raise where the pipeline or a target lacks what an argument asks for."""
        super().check_fields(data)
        for key, kind in {"mask": "mask", **self.aliases}.items():
            if kind == "mask" and data.get(key) is not None:
                check_background(data[key], self._mask_value, key)

    @property
    def _mask_value(self) -> int | None:
        """What fills the holes of a mask."""
        rule = self.safety_rule
        values = rule.background if isinstance(rule.background, tuple) else (rule.background,)
        return values[0] if rule.ignore_index is None else rule.ignore_index

    def remake(
        self,
        data: Mapping[str, Any],
        number: int,
        seed: int,
        patch: Rect,
        source: Rect,  # noqa: ARG002 - a hole has none
    ) -> Paste:
        """Return a hole: a blank donor, as large as its patch."""
        size = patch.height, patch.width

        def blank(key: str, kind: str) -> Any:
            value = data[key]
            if kind == "image":
                return self._fill.pixels(value, size, seed, key)
            if kind == "mask":
                return np.full((*size, *value.shape[2:]), self._mask_value, value.dtype)
            return np.zeros((0, max(4, np.shape(value)[-1])))

        donor = Donor(
            blank("image", "image"),
            None if data.get("mask") is None else blank("mask", "mask"),
            self._blank_masks(data.get("masks"), size),
            None if data.get("bboxes") is None else np.zeros((0, 4)),
            None if data.get("keypoints") is None else np.zeros((0, 2)),
            id="a hole",
            aliases={
                key: blank(key, kind)
                for key, kind in self.aliases.items()
                if data.get(key) is not None
            },
        )
        return Paste(number, donor, patch, Rect(0, 0, patch.width, patch.height), seed)

    def _blank_masks(self, masks: Any, size: tuple[int, int]) -> NDArray[Any] | None:
        """Return no instance masks, or layers that hold 0."""
        if masks is None:
            return None
        if not len(masks):
            return np.zeros((0, *size), getattr(masks, "dtype", np.uint8))
        count = len(masks) if self.masks_mode == "layers" else 0
        return np.zeros((count, *size, *masks[0].shape[2:]), masks[0].dtype)
