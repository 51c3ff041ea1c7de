"""`CutMix`: a rectangle of a donor in place of one of the primary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from albu_cutmix.errors import InvalidArgumentError
from albu_cutmix.fates import ObjectRule
from albu_cutmix.host.objects import FieldNames
from albu_cutmix.host.points import KeypointRule
from albu_cutmix.labels import LabelRule
from albu_cutmix.limits import SafetyLimits, SafetyRule
from albu_cutmix.patches import PatchRule
from albu_cutmix.sample import Donor
from albu_cutmix.schedule import MixSchedule
from albu_cutmix.seams import ignore_cuts
from albu_cutmix.transforms.pooled import PooledMix

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from albu_cutmix.pool import DonorPool

__all__ = ["CutMix"]


class CutMix(PooledMix):
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
        num_patches: How many patches are pasted, each from its own donor and over the ones
            before: a number, or the least and the greatest. Those that find no place are left
            out. "avoid" and "objects" spare earlier patches too.
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
            and the donor's beside it under `<label_key>_donor`, with `lam` in the record; for one
            patch.
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
    >>> import numpy as np
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
        num_patches: int | tuple[int, int] = 1,
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
        patches = PatchRule(alpha, area_range, ratio_range, placement, fit, num_patches)
        if label_mode == "pair" and patches.counts[1] > 1:
            raise InvalidArgumentError(
                f"label_mode='pair' holds the label of one donor, got num_patches={num_patches!r}. "
                "Use label_mode='soft', which mixes any number of them."
            )
        super().__init__(
            patches,
            ObjectRule(bbox_mode, min_visibility, ignore_field is not None),
            FieldNames(visibility_field, ignore_field, mask_index_field),
            masks_mode,
            KeypointRule(keypoint_mode, keypoint_visibility_field),
            LabelRule(label_mode, classes),
            SafetyRule(
                seam_width, ignore_index, background, label_weight, SafetyLimits.of(limits),
                on_unsafe,
            ),
            pool=pool, label_key=label_key, seam_key=seam_key, schedule=schedule,
            record_key=record_key, metadata_key=metadata_key, p=p,
        )  # fmt: skip

    def apply_to_mask(self, mask: NDArray[Any], **params: Any) -> NDArray[Any]:
        """Paste the donors' semantic masks; where their seam misleads, write `ignore_index`."""
        out, rule = self.put_mask(mask, params["plan"]), self.safety_rule
        if rule.ignore_index is not None:
            ignore_cuts(out, params["safety"].edges, rule.seam_width, rule.ignore_index)
        return out
