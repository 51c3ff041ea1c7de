"""`CutMix`: wiring only. Numbers are in `plan` and `fates`, pixels in `functional`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.fates import ObjectRule, Verdict
from albu_cutmix.functional import paste_image, paste_layers, paste_mask
from albu_cutmix.host.calls import check_ignore_index, check_objects
from albu_cutmix.host.instances import align_masks, mix_instances
from albu_cutmix.host.objects import FieldNames, judge_call, mix_bboxes
from albu_cutmix.host.outlining import CallOutlines
from albu_cutmix.host.points import KeypointRule, mix_keypoints
from albu_cutmix.host.rows import alias_rows
from albu_cutmix.labels import LabelRule
from albu_cutmix.limits import SafetyLimits, SafetyRule
from albu_cutmix.plan import MixPlan, PatchRule, make_plan
from albu_cutmix.safety import Safety, assess
from albu_cutmix.sample import Donor
from albu_cutmix.schedule import MixSchedule
from albu_cutmix.seams import ignore_cuts
from albu_cutmix.transforms.pooled import PooledTransform

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from albu_cutmix.pool import DonorPool

__all__ = ["CutMix"]


class CutMix(PooledTransform):
    """Paste a rectangle of a donor into the image and keep every target true.

    Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable
    Features", ICCV 2019, arXiv:1905.04899, extended to boxes, instance masks and keypoints.

    Args:
        pool: Where donors come from: a `DonorPool`, or anything with `len()` and `[i]` that gives
            `Donor` objects or mappings in the keys and formats of the pipeline call; or its plain
            data, such as `{"format": "coco", "json": ..., "images": ...}`, which is saved with the
            pipeline. None: donors come in the call, under `metadata_key`.
        alpha: The patch's share of the image is lo + (hi - lo) * Beta(alpha, alpha) over
            `area_range`.
        area_range: Least and greatest share; None is (0.02, 0.33), or the paper's own draw with
            `placement="paper"`.
        ratio_range: Least and greatest (w / W) / (h / H) of the patch, log-uniform, narrowed to
            what fits the share; (1, 1) is the image's aspect.
        placement: "inside", uniform over all positions that hold the patch whole; "paper", the
            reference procedure to the letter (clipped at the border); "avoid", where it touches
            no object of the primary (shrunk where there is no room); "objects", the patch holds
            whole objects of the donor and cuts none of either side. Without room: "no_patch".
        fit: How a donor of another size is fitted: "cover" (scaled, aspect kept, until it covers
            the primary, centred), "stretch" (to the primary's size), "crop" (not scaled: a random
            window), "whole" (the whole donor becomes the patch: ResizeMix) or "error".
        bbox_mode: Partly covered boxes of the primary: "clip" to the visible extent, "keep" as
            they are, or "drop".
        min_visibility: Objects of which less can still be seen are dropped, in every mode: a
            share, or (primary, donor).
        visibility_field: A label field of boxes (floats) multiplied by each one's visibility.
        ignore_field: A label field of boxes (COCO: "iscrowd") that is set to 1 where an object
            would be dropped though it still shows: it stays, and no visible object silently
            becomes background. None: dropped, and counted as `remnant_px` of the record.
        masks_mode: "instances": row i of `masks` is the object of box i (without boxes each row
            is one), and what shows is judged by it; or "layers": row k of the donor goes into
            row k, their number stays.
        mask_index_field: A label field of boxes that says which row of `masks` each one owns,
            where an earlier crop dropped boxes but no masks. It comes back as 0, 1, 2, ...
        keypoint_mode: "remove": covered points go, those of the donor's patch come; "flag":
            every row of both stays, and points that do not show get 0 in
            `keypoint_visibility_field`. The pipeline then needs `remove_invisible=False`.
        keypoint_visibility_field: See `keypoint_mode`.
        label_key: Name of the class label in the call: index, name or vector.
        classes: Number or names of the classes; None is `pool.classes`.
        label_mode: "soft": a float32 vector mixed by visible pixels; "pair": the label as it is,
            and the donor's beside it under `<label_key>_donor`, with `lam` in the record.
        label_weight: Labels are weighted by owned pixels, "area", or by those that show an
            "object", of instance masks, else `mask`, else boxes; where none shows, by area.
        background: Value or values of `mask` that are no object; None: each value is one.
        seam_key: Name under which a map of `SeamFlag` bits comes, (H, W) uint8. Registered in
            `additional_targets` as a mask, later geometry carries it along.
        seam_width: How many pixels deep the map is marked on either side of the seam.
        ignore_index: Written into `mask` wherever the map holds more than SEAM: where an object
            is cut or the labels jump. None: nothing is.
        limits: From where on a mix is unsafe: `SafetyLimits`, or a mapping of its arguments.
        on_unsafe: What becomes of a flagged mix: "flag" (it stays, flagged in the record),
            "resample" (up to 10 draws, then skip), "skip" (not applied, reason "unsafe") or
            "raise".
        schedule: A `MixSchedule`, or a mapping of its arguments: a factor on `p` by epoch.
        record_key: Name of the `MixRecord` in the result. Two mixes that can both be called in
            one pipeline need different names.
        metadata_key: Name of a list of donors in the call; it wins over `pool`.
        p: Probability.

    Targets:
        image, mask, masks, bboxes, keypoints

    Image types:
        uint8, uint16, float32; any number of channels

    Note:
        Every call returns the same keys and types, fired or not. A call may hold `pool_index`, the
        primary's own index in the pool, which is then never drawn. Additional targets of image,
        mask and bboxes take the donor's data of that key; volumes, `images` and others are refused.

    Raises:
        InvalidArgumentError: If an argument is out of range or contradicts another.
        EmptyPoolError: If the pool is empty.
        InvalidSampleError: In a call, if primary or donor cannot be mixed truthfully.
        UnsafeMixError: In a call, if the mix is unsafe and `on_unsafe` is "raise".

    >>> import albumentations as A
    >>> donors = [{"image": np.full((8, 8, 3), 255, np.uint8), "label": 1}]
    >>> mix = A.Compose([CutMix(donors, classes=2, area_range=(0.25, 0.25), p=1.0)], seed=1)
    >>> out = mix(image=np.zeros((8, 8, 3), np.uint8), label=0)
    >>> out["label"], float(out["mix"].lam)
    (array([0.75, 0.25], dtype=float32), 0.75)
    """

    kind = "cutmix"

    def __init__(
        self,
        pool: DonorPool | Sequence[Donor | Mapping[str, Any]] | Mapping[str, Any] | None = None,
        *,
        alpha: float = 1.0,
        area_range: tuple[float, float] | None = None,
        ratio_range: tuple[float, float] = (0.5, 2.0),
        placement: str = "inside",
        fit: str = "cover",
        bbox_mode: str = "clip",
        min_visibility: float | tuple[float, float] = 0.1,
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
        seam_width: int = 2,
        ignore_index: int | None = None,
        limits: SafetyLimits | Mapping[str, Any] | None = None,
        on_unsafe: str = "flag",
        schedule: MixSchedule | Mapping[str, Any] | None = None,
        record_key: str = "mix",
        metadata_key: str = "mix_metadata",
        p: float = 0.5,
    ) -> None:
        self._patch_rule = PatchRule(alpha, area_range, ratio_range, placement, fit)
        self._object_rule = ObjectRule(bbox_mode, min_visibility, ignore_field is not None)
        self._names = FieldNames(visibility_field, ignore_field, mask_index_field)
        self._names.check(masks_mode)
        self._keypoint_rule = KeypointRule(keypoint_mode, keypoint_visibility_field)
        safety = SafetyRule(
            seam_width, ignore_index, background, label_weight, SafetyLimits.of(limits), on_unsafe
        )
        super().__init__(
            LabelRule(label_mode, classes), label_key, record_key, p, metadata_key=metadata_key,
            seam_key=seam_key, safety_rule=safety, schedule=MixSchedule.of(schedule),
        )  # fmt: skip
        for rule in (self._patch_rule, safety):
            self.__dict__.update(vars(rule))  # every argument is an attribute of its name
        self.bbox_mode, self.min_visibility = bbox_mode, min_visibility
        self.visibility_field, self.ignore_field = visibility_field, ignore_field
        self.masks_mode, self.mask_index_field = masks_mode, mask_index_field
        self.keypoint_mode = keypoint_mode
        self.keypoint_visibility_field = keypoint_visibility_field
        self.classes, self.label_mode = classes, label_mode
        self._classes_of_pool = classes is None
        self.metadata_key = metadata_key
        self.pool = pool

    def draw_plan(self, data: dict[str, Any], rng: np.random.Generator) -> MixPlan:
        """Draw donor and patch for a call."""
        donors = self.donors_of(data)
        outlines, placement = None, self._patch_rule.placement
        if placement in ("avoid", "objects"):
            outlines = CallOutlines(
                data, self.get_processor("bboxes"), self.masks_mode == "instances",
                self.mask_index_field, self.safety_rule.background, placement == "objects",
            )  # fmt: skip
        return make_plan(
            rng, data["image"].shape[:2], donors.number, donors.fetch, self._patch_rule,
            exclude=donors.exclude, chances=donors.chances, seeded=donors.seeded,
            outlines=outlines,
        )  # fmt: skip

    def check_fields(self, data: Mapping[str, Any]) -> None:
        """Raise where the pipeline or a target lacks what an argument asks for."""
        placement, rule = self._patch_rule.placement, self.safety_rule
        if data.get("mask") is not None:
            check_ignore_index(data["mask"], rule.ignore_index)
        if placement in ("avoid", "objects"):
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
            align_masks(data, self.mask_index_field, self.get_processor("bboxes"), shape)

    def apply(self, img: NDArray[Any], **params: Any) -> NDArray[Any]:
        """Paste the donor's image."""
        return paste_image(img, params["plan"].paste)

    def apply_to_mask(self, mask: NDArray[Any], **params: Any) -> NDArray[Any]:
        """Paste the donor's semantic mask; where its seam misleads, write `ignore_index`."""
        paste, rule = params["plan"].paste, self.safety_rule
        out = paste_mask(mask, paste)
        if rule.ignore_index is not None:
            edges = params["safety"].edges
            ignore_cuts(out, edges, paste.patch, rule.seam_width, rule.ignore_index)
        return out

    def apply_to_masks(self, masks: Any, **params: Any) -> Any:
        """Paste the donor's instance masks, or layers; a list comes back as a list."""
        if self.masks_mode == "layers":
            out = paste_layers(np.stack(masks) if len(masks) else masks, params["plan"].paste)
        else:
            out = mix_instances(masks, params["plan"], params["verdict"])
        return type(masks)(out) if isinstance(masks, (list, tuple)) else out

    def apply_to_bboxes(self, bboxes: NDArray[Any], **params: Any) -> NDArray[Any]:
        """Clip or drop the primary's boxes, then append the donor's."""
        return mix_bboxes(
            bboxes, params["plan"], params["verdict"], self._names, self.get_processor("bboxes"),
            params["data"],
        )  # fmt: skip

    def apply_to_keypoints(self, keypoints: NDArray[Any], **params: Any) -> NDArray[Any]:
        """Remove or flag covered points, then append the donor's."""
        return mix_keypoints(
            keypoints, params["plan"].paste, self._keypoint_rule, self.get_processor("keypoints"),
            params["data"],
        )  # fmt: skip

    def apply_to_alias(self, key: str, value: Any, **params: Any) -> Any:
        """Mix an additional target with the donor's data under the same key."""
        plan: MixPlan = params["plan"]
        assert plan.paste is not None  # noqa: S101 - for the type checker
        kind = self.aliases[key]
        if kind == "bboxes":
            return alias_rows(value, plan.paste, key, plan.shape, self._object_rule)
        return (paste_image if kind == "image" else paste_mask)(value, plan.paste, key)
