"""`Mix`: what every mix does to the targets of a call, whatever it draws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.fates import ObjectRule, Verdict
from albu_cutmix.functional import paste_image, paste_layers, paste_mask
from albu_cutmix.host.base import MixTransform
from albu_cutmix.host.calls import check_ignore_index, check_objects
from albu_cutmix.host.instances import align_masks, mix_instances
from albu_cutmix.host.objects import FieldNames, judge_call, mix_bboxes
from albu_cutmix.host.outlining import CallOutlines
from albu_cutmix.host.points import KeypointRule, mix_keypoints
from albu_cutmix.host.rows import alias_rows
from albu_cutmix.labels import LabelRule
from albu_cutmix.limits import SafetyRule
from albu_cutmix.patches import PatchRule
from albu_cutmix.plan import MixPlan
from albu_cutmix.safety import Safety, assess
from albu_cutmix.schedule import MixSchedule

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Mix"]

SEARCHED = ("avoid", "objects")  # placements that look where objects lie


class Mix(MixTransform):
    """A mix of all targets. A subclass draws the plan, and says how pixels are put together.

    Args:
        patches: How patches are drawn.
        objects: What becomes of objects.
        fields: Label fields of boxes that are written.
        masks_mode: See `CutMix`.
        points: What becomes of keypoints.
        labels: How the class label is read and mixed.
        safety: What is measured, drawn and done.
        schedule: See `CutMix`.
        keys: Further arguments of `MixTransform`: keys and p.
    """

    def __init__(
        self,
        patches: PatchRule,
        objects: ObjectRule,
        fields: FieldNames,
        masks_mode: str,
        points: KeypointRule,
        labels: LabelRule,
        safety: SafetyRule,
        *,
        schedule: MixSchedule | Mapping[str, Any] | None,
        **keys: Any,
    ) -> None:
        fields.check(masks_mode)
        super().__init__(labels, **keys, safety_rule=safety, schedule=MixSchedule.of(schedule))
        self._patch_rule, self._object_rule = patches, objects
        self._names, self._keypoint_rule = fields, points
        self.most_patches = patches.counts[1]
        for rule in (vars(patches), vars(objects), vars(points), vars(safety), fields._asdict()):
            self.__dict__.update(rule)  # every argument is an attribute of its name
        self.masks_mode = masks_mode
        self.classes, self.label_mode = labels.classes, labels.mode

    def outline(self, data: Mapping[str, Any]) -> CallOutlines | None:
        """Return where the objects of a call lie, if its placement looks there."""
        placement = self._patch_rule.placement
        if placement not in SEARCHED:
            return None
        return CallOutlines(
            data, self.get_processor("bboxes"), self.masks_mode == "instances",
            self._names.mask_index_field, self.safety_rule.background, placement == "objects",
        )  # fmt: skip

    def check_fields(self, data: Mapping[str, Any]) -> None:
        """Raise where the pipeline or a target lacks what an argument asks for."""
        placement, rule = self._patch_rule.placement, self.safety_rule
        if data.get("mask") is not None:
            check_ignore_index(data["mask"], rule.ignore_index)
        if placement in SEARCHED:
            check_objects(data, self.masks_mode, f"placement={placement!r}")
        if rule.label_weight == "object" and self.has_label(data):
            check_objects(data, self.masks_mode, "label_weight='object'")
        if data.get("bboxes") is not None:
            self._names.check_pipeline(data["bboxes"], self.get_processor("bboxes"))
        if data.get("keypoints") is not None:
            self._keypoint_rule.check(self.get_processor("keypoints"))

    def judge(self, plan: MixPlan, data: Mapping[str, Any]) -> tuple[Verdict | None, Safety]:
        """Say what becomes of every object of a call, and how safe that is."""
        verdict = judge_call(
            plan, data, self._object_rule, self._names, self.get_processor("bboxes"),
            instances=self.masks_mode == "instances",
        )  # fmt: skip
        labelled = self.has_label(data)
        return verdict, assess(plan, verdict, data.get("mask"), self.safety_rule, labelled=labelled)

    def align(self, data: dict[str, Any]) -> None:
        """Bring masks into the order of their boxes, as a mix does."""
        if self.masks_mode == "instances":
            shape = data["image"].shape[:2]
            align_masks(data, self._names.mask_index_field, self.get_processor("bboxes"), shape)

    def put_image(self, image: NDArray[Any], plan: MixPlan, key: str = "image") -> NDArray[Any]:
        """Return an image with the donors' pixels; *key* is "image" or an additional target."""
        return paste_image(image, plan.pastes, key)

    def put_mask(self, mask: NDArray[Any], plan: MixPlan, key: str = "mask") -> NDArray[Any]:
        """Return a semantic mask with the donors'."""
        return paste_mask(mask, plan.pastes, key)

    def put_layers(self, masks: NDArray[Any], plan: MixPlan) -> NDArray[Any]:
        """Return masks, (N, H, W) or (N, H, W, C), with the donors' row by row."""
        return paste_layers(masks, plan.pastes)

    def apply(self, img: NDArray[Any], **params: Any) -> NDArray[Any]:
        """Mix the image."""
        return self.put_image(img, params["plan"])

    def apply_to_mask(self, mask: NDArray[Any], **params: Any) -> NDArray[Any]:
        """Mix the semantic mask."""
        return self.put_mask(mask, params["plan"])

    def apply_to_masks(self, masks: Any, **params: Any) -> Any:
        """Mix instance masks, or layers; a list comes back as a list."""
        if self.masks_mode == "layers":
            out = self.put_layers(np.stack(masks) if len(masks) else masks, params["plan"])
        else:
            out = mix_instances(masks, params["plan"], params["verdict"])
        return type(masks)(out) if isinstance(masks, (list, tuple)) else out

    def apply_to_bboxes(self, bboxes: NDArray[Any], **params: Any) -> NDArray[Any]:
        """Clip or drop the primary's boxes, then append the donors'."""
        return mix_bboxes(
            bboxes, params["plan"], params["verdict"], self._names, self.get_processor("bboxes"),
            params["data"],
        )  # fmt: skip

    def apply_to_keypoints(self, keypoints: NDArray[Any], **params: Any) -> NDArray[Any]:
        """Remove or flag covered points, then append the donors'."""
        return mix_keypoints(
            keypoints, params["plan"], self._keypoint_rule, self.get_processor("keypoints"),
            params["data"],
        )  # fmt: skip

    def apply_to_alias(self, key: str, value: Any, **params: Any) -> Any:
        """Mix an additional target with the donors' data under the same key."""
        plan: MixPlan = params["plan"]
        kind = self.aliases[key]
        if kind == "bboxes":
            return alias_rows(value, plan, key, self._object_rule)
        return (self.put_image if kind == "image" else self.put_mask)(value, plan, key)
