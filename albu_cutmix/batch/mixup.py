"""`BatchMixUp`: MixUp over batches of NumPy, torch and CuPy arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from albu_cutmix.arguments import is_whole
from albu_cutmix.batch.base import BatchMix
from albu_cutmix.batch.blending import plain_dtype, plan_image, plan_mask
from albu_cutmix.batch.door import Door
from albu_cutmix.batch.plan import BatchPlan
from albu_cutmix.blends import MaskRule, working_dtype
from albu_cutmix.errors import InvalidArgumentError, InvalidSampleError
from albu_cutmix.host.calls import check_ignore_index
from albu_cutmix.patches import BlendRule
from albu_cutmix.schedule import MixSchedule

__all__ = ["BatchMixUp"]


class BatchMixUp(BatchMix):
    """Blend the samples of a batch with each other: a weight and a donor for every sample.

    See `BatchCutMix`: it takes and gives the same, so either may stand in the other's place. Images
    are integers of at most 32 bits, rounded half to even, or floats of 16 to 64 bits.

    Args:
        alpha: The weight of the primary is drawn from Beta(alpha, alpha).
        mask_mode: "heavier": the whole mask of the side that weighs more; "ignore": the values
            in which both masks agree, and `ignore_index` elsewhere.
        ignore_index: What that is.
        classes: See `BatchCutMix`.
        label_mode: See `BatchCutMix`.
        layout: See `BatchCutMix`.
        out: See `BatchCutMix`.
        pairing: See `BatchCutMix`.
        visibility_column: A further column of `bboxes`, 4 or more, that is multiplied by the
            weight of its row's side: by the blend in the primary's rows, by 1 - blend in the
            donor's. Boxes of both sides all stay, however little they weigh.
        schedule: See `BatchCutMix`.
        p: See `BatchCutMix`.
        seed: See `BatchCutMix`.
        backend: See `BatchCutMix`. On a CUDA device pixels are blended by the library's own
            operations; "cupy" and "torch" differ in nothing there.
        seam: Whether `out["seam"]` comes: a blend has no seam, and the map holds zeros.

    Raises:
        InvalidArgumentError: If an argument is out of range or contradicts another.
        InvalidSampleError: In a call, if the batch cannot be mixed truthfully.
        MissingExtraError: In a call, if "cupy" was asked for and cannot be used.

    >>> import numpy as np
    >>> mix = BatchMixUp(classes=2, alpha=1000, seed=1)
    >>> images = np.stack([np.zeros((3, 8, 8), np.float32), np.ones((3, 8, 8), np.float32)])
    >>> out = mix({"image": images, "label": np.array([0, 1])})
    >>> bool(out["label"][0, 1] == out["image"][0, 0, 0, 0] == 1 - out["mix"].blend[0])
    True
    """

    kind = "mixup"

    def __init__(
        self,
        *,
        alpha: float = 0.4,
        mask_mode: str = "heavier",
        ignore_index: int | None = None,
        classes: int | Sequence[str] | None = None,
        label_mode: str = "soft",
        layout: str = "NCHW",
        out: str = "new",
        pairing: str = "permutation",
        visibility_column: int | None = None,
        schedule: MixSchedule | Mapping[str, Any] | None = None,
        p: float = 1.0,
        seed: int | None = None,
        backend: str = "auto",
        seam: bool = False,
    ) -> None:
        if visibility_column is not None and not (
            is_whole(visibility_column) and visibility_column >= 4
        ):
            raise InvalidArgumentError(
                "visibility_column must be the number of a column of bboxes behind xyxy, 4 or "
                f"more, got {visibility_column!r}."
            )
        super().__init__(
            BlendRule(alpha, fit="error"),
            classes=classes,
            label_mode=label_mode,
            layout=layout,
            out=out,
            pairing=pairing,
            seam=seam,
            schedule=schedule,
            p=p,
            seed=seed,
            backend=backend,
        )
        self.mask_rule = MaskRule(mask_mode, ignore_index)
        self.faded = None if visibility_column is None else int(visibility_column)

    def _settings(self) -> dict[str, Any]:
        rules = {**super()._settings(), **vars(self.mask_rule)}
        return {**rules, "visibility_column": self.faded}

    def _check(self, door: Door) -> None:
        mask, bboxes = door.arrays.get("mask"), door.arrays.get("bboxes")
        working_dtype(door.arrays["image"].dtype)
        if mask is not None:
            check_ignore_index(np.empty(0, plain_dtype(mask)), self.mask_rule.ignore_index)
        if bboxes is None or self.faded is None:
            return
        if self.faded >= bboxes.shape[2] or door.library.kind(bboxes) != "f":
            raise InvalidSampleError(
                f"visibility_column={self.faded} must be a column of bboxes, which must be "
                f"floats to hold it, got {bboxes.dtype} {tuple(bboxes.shape)}."
            )

    def _plan_pixels(
        self, name: str, memory: tuple[Any, Any], plan: BatchPlan, door: Door
    ) -> Callable[[], None]:
        given = door.arrays[name]
        if name == "mask":
            return plan_mask(*memory, given, plan, self.mask_rule, door.library)
        return plan_image(*memory, given, plan, door.library)

    def _mix_seams(
        self,
        door: Door,
        plan: BatchPlan,  # noqa: ARG002 - of other mixes
    ) -> tuple[dict[str, Any], Any]:
        if not self.seam:
            return {}, None
        library = door.library
        empty = library.cast(library.zeros((door.size, *door.shape)), "uint8")
        return {"seam": library.close(empty)}, None
