"""`BatchCutMix`: CutMix over batches of NumPy, torch and CuPy arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from albu_cutmix.arguments import check_choice, is_whole
from albu_cutmix.batch.base import BatchMix
from albu_cutmix.batch.door import Door
from albu_cutmix.batch.pixels import plan_pixels
from albu_cutmix.batch.plan import PLACEMENTS, BatchPlan
from albu_cutmix.batch.seams import count_jumps, draw_seams, find_edges
from albu_cutmix.errors import InvalidArgumentError
from albu_cutmix.fates import ObjectRule
from albu_cutmix.patches import RATIO_RANGE, PatchRule
from albu_cutmix.schedule import MixSchedule

__all__ = ["BatchCutMix"]


class BatchCutMix(BatchMix):
    """Mix the samples of a batch with each other: a rectangle and a donor for every sample.

    Arrays of NumPy, torch or CuPy go in, and the same kind comes out, on the same device. CUDA
    tensors are mixed by one kernel launch for each array of pixels where CuPy is installed, by
    torch's own operations otherwise (see `backend_info`); host memory by slices. The plan is drawn
    on the host: a seed gives the same plan for every kind of array, and nothing waits for a device.

    Args:
        alpha: See `CutMix`.
        area_range: See `CutMix`.
        ratio_range: See `CutMix`.
        placement: "paper": the reference procedure; or "inside".
        classes: Number or names of the classes, for labels that are class indices.
        label_mode: "soft": float32 vectors; "pair": the label as it is, the donor's beside it as
            `label_donor`, and `lam` in the record.
        layout: Axes of the images: "NCHW" (channels_last memory is seen and kept) or "NHWC".
        out: "new": new arrays; "reuse": images and masks in memory that the next call of this
            object writes again; "inplace": images and masks are mixed where they lie.
        pairing: How donors are found: "permutation", cycles of 32 to 63 samples (all of a
            smaller batch); or "pairs", partners that give to each other (three where one is left
            over). Either way every other sample is equally likely.
        min_visibility: Boxes of which less can still be seen are dropped: a share, or two
            (primary, donor).
        seam: Whether `out["seam"]` comes, a map (B, H, W) uint8 of `SeamFlag`: SEAM, and
            LABEL_JUMP where there is a mask. Objects that are cut are not marked in a batch.
        seam_width: How many pixels it is marked on either side.
        schedule: A `MixSchedule`, or a mapping of its arguments: a factor on `p` by epoch.
        p: Probability that a sample is mixed; each has its own draw.
        seed: A whole number for draws that repeat; each rank, and each DataLoader worker and
            epoch, draws its own.
        backend: "auto": by the type of the arrays; "numpy" (host memory), "torch" (torch's own
            operations) or "cupy" (the kernel): that one, or an error.

    Raises:
        InvalidArgumentError: If an argument is out of range or contradicts another.
        InvalidSampleError: In a call, if the batch cannot be mixed truthfully.
        MissingExtraError: In a call, if "cupy" was asked for and cannot be used.

    >>> import numpy as np
    >>> quarter = {"area_range": (0.25, 0.25), "ratio_range": (1, 1)}
    >>> mix = BatchCutMix(classes=2, placement="inside", **quarter)
    >>> images = np.stack([np.zeros((3, 8, 8), np.uint8), np.ones((3, 8, 8), np.uint8)])
    >>> out = mix({"image": images, "label": np.array([0, 1])})
    >>> out["label"].tolist(), out["mix"].donors[:, 0].tolist()
    ([[0.75, 0.25], [0.25, 0.75]], [1, 0])
    """

    kind = "cutmix"

    def __init__(
        self,
        *,
        alpha: float = 1.0,
        area_range: tuple[float, float] | None = None,
        ratio_range: tuple[float, float] = RATIO_RANGE,
        placement: str = "paper",
        classes: int | Sequence[str] | None = None,
        label_mode: str = "soft",
        layout: str = "NCHW",
        out: str = "new",
        pairing: str = "permutation",
        min_visibility: float | tuple[float, float] = 0.1,
        seam: bool = False,
        seam_width: int = 2,
        schedule: MixSchedule | Mapping[str, Any] | None = None,
        p: float = 1.0,
        seed: int | None = None,
        backend: str = "auto",
    ) -> None:
        if placement in ("avoid", "objects"):
            raise InvalidArgumentError(
                f"placement={placement!r} looks at the objects of one sample, and a batch draws "
                "all patches at once. Use CutMix in the pipeline, or placement='inside'."
            )
        check_choice("placement", placement, PLACEMENTS)
        if not is_whole(seam_width) or seam_width < 1:
            raise InvalidArgumentError(f"seam_width must be at least 1 pixel, got {seam_width!r}.")
        super().__init__(
            PatchRule(alpha, area_range, ratio_range, placement, "error"),
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
        self.object_rule = ObjectRule(min_visibility=min_visibility)
        self.least = self.object_rule.thresholds
        self.seam_width = int(seam_width)

    def _settings(self) -> dict[str, Any]:
        return {**super()._settings(), "min_visibility": self.object_rule.min_visibility}

    def _check(self, door: Door) -> None:
        """Take every batch: bytes are moved, whatever they mean."""

    def _plan_pixels(
        self, name: str, memory: tuple[Any, Any], plan: BatchPlan, door: Door
    ) -> Callable[[], None]:
        return plan_pixels(*memory, plan, door.columns_of(name), door.library, name)

    def _mix_seams(self, door: Door, plan: BatchPlan) -> tuple[dict[str, Any], Any]:
        library, mask = door.library, door.arrays.get("mask")
        if mask is None and not self.seam:
            return {}, None
        columns = 2 if mask is None else door.columns_of("mask")
        mask = None if mask is None else library.bits(mask)
        edges = find_edges(plan, min(self.seam_width, max(plan.shape)), mask, columns, library)
        out = {"seam": library.close(draw_seams(edges))} if self.seam else {}
        return out, None if mask is None else count_jumps(edges)
