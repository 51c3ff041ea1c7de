"""`CutMix` and `MixTargets`: wiring only. Numbers are in `plan`, pixels in `functional`."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.errors import CutMixError, EmptyPoolError, InvalidArgumentError, InvalidSampleError
from albu_cutmix.functional import paste_image, paste_mask
from albu_cutmix.host.base import MixTransform
from albu_cutmix.host.fields import label_fields
from albu_cutmix.host.rows import (
    bbox_format,
    donor_rows,
    read_bboxes,
    scale_field,
    write_bboxes,
)
from albu_cutmix.labels import LabelRule
from albu_cutmix.plan import (
    BoxRule,
    MixPlan,
    PatchRule,
    judge_donor,
    judge_primary,
    make_plan,
)
from albu_cutmix.sample import Donor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from albu_cutmix.pool import DonorPool

__all__ = ["CutMix", "MixTargets"]


class CutMix(MixTransform):
    """Paste a rectangle of a donor into the image and keep every target true.

    Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable
    Features", ICCV 2019, arXiv:1905.04899, extended to boxes and masks.

    Args:
        pool: Where donors come from: a `DonorPool`, or anything with `len()` and `[i]` that gives
            `Donor` objects or mappings in the keys and formats of the pipeline call. None: donors
            come in the call, under `metadata_key`.
        alpha: The patch's share of the image is lo + (hi - lo) * Beta(alpha, alpha) over
            `area_range`.
        area_range: Least and greatest share; None is (0.02, 0.33), or the paper's own draw with
            `placement="paper"`.
        ratio_range: Least and greatest (w / W) / (h / H) of the patch, log-uniform, narrowed to
            what fits the share; (1, 1) is the image's aspect.
        placement: "inside", uniform over all positions that hold the patch whole, or "paper", the
            reference procedure to the letter (clipped at the border).
        fit: How a donor of another size is fitted: "cover" (scaled, aspect kept, until it covers
            the primary, centred), "stretch" (to the primary's size), "crop" (not scaled: a random
            window), "whole" (the whole donor becomes the patch: ResizeMix) or "error".
        bbox_mode: Partly covered boxes of the primary: "clip" to the visible extent, "keep" as
            they are, or "drop".
        min_visibility: Objects of which less can still be seen are dropped: a share, or
            (primary, donor). In "keep" and "clip" alike, relative to the whole box.
        visibility_field: A label field (floats) multiplied by each box's visibility.
        label_key: Name of the class label in the call: index, name or vector.
        classes: Number or names of the classes; None is `pool.classes`.
        label_mode: "soft": a float32 vector mixed by visible pixels; "pair": the label as it is,
            and the donor's beside it under `<label_key>_donor`, with `lam` in the record.
        record_key: Name of the `MixRecord` in the result. Two mixes that can both be called in
            one pipeline need different names.
        metadata_key: Name of a list of donors in the call; it wins over `pool`.
        p: Probability.

    Targets:
        image, mask, bboxes

    Image types:
        uint8, uint16, float32; any number of channels

    Note:
        Every call returns the same keys and types whether or not the mix fired. A call may hold
        `pool_index`, the primary's own index in the pool, which is then never drawn. Other
        targets in the call are refused by name.

    Raises:
        InvalidArgumentError: If an argument is out of range or contradicts another.
        EmptyPoolError: If the pool is empty.
        InvalidSampleError: In a call, if primary or donor cannot be mixed truthfully.

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
        pool: DonorPool | Sequence[Donor | Mapping[str, Any]] | None = None,
        *,
        alpha: float = 1.0,
        area_range: tuple[float, float] | None = None,
        ratio_range: tuple[float, float] = (0.5, 2.0),
        placement: str = "inside",
        fit: str = "cover",
        bbox_mode: str = "clip",
        min_visibility: float | tuple[float, float] = 0.1,
        visibility_field: str | None = None,
        label_key: str = "label",
        classes: int | Sequence[str] | None = None,
        label_mode: str = "soft",
        record_key: str = "mix",
        metadata_key: str = "mix_metadata",
        p: float = 0.5,
    ) -> None:
        _check_pool(pool, "pool", InvalidArgumentError)
        self._patch_rule = PatchRule(alpha, area_range, ratio_range, placement, fit)
        self._box_rule = BoxRule(bbox_mode, min_visibility)
        known = classes if classes is not None else getattr(pool, "classes", None)
        super().__init__(
            LabelRule(label_mode, known), label_key, record_key, p, metadata_key=metadata_key
        )
        self._pool = pool
        self.alpha, self.area_range, self.ratio_range = alpha, area_range, ratio_range
        self.placement, self.fit = placement, fit
        self.bbox_mode, self.min_visibility = bbox_mode, min_visibility
        self.visibility_field = visibility_field
        self.classes, self.label_mode = classes, label_mode
        self.metadata_key = metadata_key

    def get_transform_init_args_names(self) -> tuple[str, ...]:
        """Return the arguments that a repr shows: a live pool is none of them."""
        return (
            "alpha", "area_range", "ratio_range", "placement", "fit", "bbox_mode",
            "min_visibility", "visibility_field", "label_key", "classes", "label_mode",
            "record_key", "metadata_key",
        )  # fmt: skip

    def draw_plan(self, data: dict[str, Any], rng: np.random.Generator) -> MixPlan:
        """Draw donor and patch for a call."""
        donors = data.get(self.metadata_key)
        exclude = None
        if donors is None:
            donors, exclude = self._pool, data.get("pool_index")
        if donors is None:
            raise EmptyPoolError(
                f"CutMix has no pool and the call no {self.metadata_key!r}. Use CutMix(pool), or "
                f"pass a list of donors in the call: transform(..., {self.metadata_key}=[...])."
            )
        _check_pool(donors, self.metadata_key, InvalidSampleError)
        count = len(donors)
        if exclude is not None:
            exclude = _check_index(exclude, count)
        shape = data["image"].shape[:2]

        def fetch(index: int) -> Donor:
            return self._read(donors, index)

        return make_plan(rng, shape, count, fetch, self._patch_rule, exclude=exclude)

    def _read(self, donors: Any, index: int) -> Donor:
        """Return donor *index*, checked; a mapping is read like a call of the pipeline."""
        item = donors[index]
        if isinstance(item, Donor):
            return item
        if not isinstance(item, Mapping):
            raise InvalidSampleError(
                f"donor {index} must be a Donor or a mapping with the key 'image', got "
                f"{type(item).__name__}. For other data sets: dataset_pool(dataset, to_donor)."
            )
        boxes = self.get_processor("bboxes")
        return Donor.from_mapping(
            item,
            bbox_format="pascal_voc" if boxes is None else bbox_format(boxes),
            label_fields=label_fields(boxes),
            label_key=self.label_key,
            id=str(item.get("id", index)),
        )

    def apply(self, img: NDArray[Any], **params: Any) -> NDArray[Any]:
        """Paste the donor's image."""
        return paste_image(img, params["plan"].paste)

    def apply_to_mask(self, mask: NDArray[Any], **params: Any) -> NDArray[Any]:
        """Paste the donor's semantic mask."""
        return paste_mask(mask, params["plan"].paste)

    def apply_to_bboxes(self, bboxes: NDArray[Any], **params: Any) -> NDArray[Any]:
        """Clip or drop the primary's boxes, then append the donor's."""
        plan: MixPlan = params["plan"]
        paste, shape = plan.paste, plan.shape
        assert paste is not None  # noqa: S101 - for the type checker
        if paste.donor.bboxes is None:
            raise InvalidSampleError(
                f"the primary has bboxes, {paste.where} has none. Give a donor without objects an "
                "empty array (0, 4), or leave bboxes out of the call."
            )
        processor = self.get_processor("bboxes")
        fates = judge_primary(read_bboxes(bboxes, shape), paste.patch, shape, self._box_rule)
        donor_fates = judge_donor(paste, self._box_rule)
        added = donor_rows(
            bboxes, paste, donor_fates, shape, processor, params["data"], self.visibility_field
        )
        rows = bboxes if bboxes.size else np.zeros((0, added.shape[1]), bboxes.dtype)
        kept = rows[fates.keep]
        if fates.changed.any():
            changed = fates.changed[fates.keep]
            kept[changed, :4] = write_bboxes(fates.bboxes[fates.changed], shape)
        out = np.concatenate([kept, added.astype(rows.dtype)])
        if self.visibility_field is None:
            return out
        seen = [fates.visibility[fates.keep], donor_fates.visibility[donor_fates.keep]]
        return scale_field(out, np.concatenate(seen), self.visibility_field, processor)


class MixTargets(MixTransform):
    """Give a call the keys and types that a mix would give it, and change nothing else.

    Put it first in a pipeline whose mix a container may not call (`OneOf`, `SomeOf`): the class
    label is soft (or a pair) and a record of kind "none" is there either way.

    Args:
        classes: Number or names of the classes; see `CutMix`.
        label_key: See `CutMix`.
        label_mode: See `CutMix`.
        record_key: See `CutMix`.
        p: Always 1.0.

    Targets:
        image, mask, bboxes

    Raises:
        InvalidArgumentError: If an argument is not valid.

    >>> import albumentations as A
    >>> tf = A.Compose([MixTargets(classes=2), A.OneOf([CutMix(classes=2), A.NoOp()])], seed=1)
    """

    def __init__(
        self,
        classes: int | Sequence[str] | None = None,
        *,
        label_key: str = "label",
        label_mode: str = "soft",
        record_key: str = "mix",
        p: float = 1.0,
    ) -> None:
        if p != 1.0:
            raise InvalidArgumentError(f"MixTargets must always run: p must be 1.0, got {p!r}.")
        super().__init__(LabelRule(label_mode, classes), label_key, record_key, p)
        self.classes, self.label_mode = classes, label_mode

    def get_transform_init_args_names(self) -> tuple[str, ...]:
        """Return the arguments that a repr shows."""
        return ("classes", "label_key", "label_mode", "record_key")

    def draw_plan(self, data: dict[str, Any], rng: np.random.Generator) -> MixPlan:  # noqa: ARG002
        """Plan nothing."""
        return MixPlan(data["image"].shape[:2])


def _check_pool(pool: Any, name: str, error: type[CutMixError]) -> None:
    """Raise unless a pool, or the list of donors in a call, has len() and [i] and is not empty."""
    if pool is None:
        return
    if isinstance(pool, (str, bytes, Mapping)) or not (
        hasattr(pool, "__len__") and hasattr(pool, "__getitem__")
    ):
        raise error(
            f"{name} must have len() and [i], got {type(pool).__name__}. Give a list of donors, or "
            "one of albu_cutmix's pools such as coco_pool(...)."
        )
    if len(pool) == 0:
        raise EmptyPoolError(
            f"CutMix needs at least one donor, got none in an empty {type(pool).__name__}."
        )


def _check_index(index: Any, count: int) -> int:
    try:
        number = operator.index(index)
    except TypeError:
        number = -1
    if not 0 <= number < count:
        raise InvalidSampleError(
            f"pool_index must be an index of the pool of {count} donors, got {index!r}."
        )
    return number
