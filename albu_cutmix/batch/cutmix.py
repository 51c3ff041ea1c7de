"""`BatchCutMix`: CutMix over batches of NumPy, torch and CuPy arrays."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from albu_cutmix._backends import BACKENDS
from albu_cutmix.batch.door import Door, open_batch
from albu_cutmix.batch.labels import mix_labels
from albu_cutmix.batch.outputs import OUTS, Outputs
from albu_cutmix.batch.pixels import plan_pixels
from albu_cutmix.batch.plan import CYCLES, PLACEMENTS, BatchPlan, draw_plan
from albu_cutmix.batch.record import batch_record
from albu_cutmix.batch.rows import Where, mix_bboxes, mix_keypoints
from albu_cutmix.batch.seams import count_jumps, draw_seams, find_edges
from albu_cutmix.errors import InvalidArgumentError
from albu_cutmix.fates import ObjectRule
from albu_cutmix.host.workers import rank, stream_seed, worker_seed
from albu_cutmix.labels import LabelRule
from albu_cutmix.plan import RATIO_RANGE, PatchRule, check_choice, is_number
from albu_cutmix.schedule import MixSchedule

__all__ = ["BatchCutMix"]

LAYOUTS = ("NCHW", "NHWC")


class BatchCutMix:
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
        check_choice("layout", layout, LAYOUTS)
        check_choice("out", out, OUTS)
        check_choice("pairing", pairing, tuple(CYCLES))
        check_choice("backend", backend, BACKENDS)
        if not (is_number(p) and 0 <= p <= 1):
            raise InvalidArgumentError(f"p must be a probability from 0 to 1, got {p!r}.")
        whole = isinstance(seam_width, (int, np.integer)) and not isinstance(seam_width, bool)
        if not whole or seam_width < 1:
            raise InvalidArgumentError(f"seam_width must be at least 1 pixel, got {seam_width!r}.")
        self.rule = PatchRule(alpha, area_range, ratio_range, placement, "error")
        self.object_rule = ObjectRule(min_visibility=min_visibility)
        self.label_rule = LabelRule(label_mode, classes)
        self.layout, self.out, self.pairing, self.backend = layout, out, pairing, backend
        if not isinstance(seam, (bool, np.bool_)):
            raise InvalidArgumentError(f"seam must be True or False, got {seam!r}.")
        self.seam, self.seam_width, self.p = bool(seam), int(seam_width), p
        self.schedule = MixSchedule.of(schedule)
        self.set_random_seed(seed)
        self._outputs = Outputs(out)

    def __repr__(self) -> str:
        """Return the call that makes it, without what is as by default."""
        names = inspect.signature(type(self)).parameters
        own = {**vars(self.rule), **vars(self.object_rule), **vars(self.label_rule), **vars(self)}
        own["label_mode"] = self.label_rule.mode
        given = [f"{k}={own.get(k)!r}" for k, one in names.items() if own.get(k) != one.default]
        return f"{type(self).__name__}({', '.join(given)})"

    def set_random_seed(self, seed: int | None) -> None:
        """Begin a new stream of draws; None: one that does not repeat."""
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, (int, np.integer))):
            raise InvalidArgumentError(f"seed must be a whole number or None, got {seed!r}.")
        self.seed = None if seed is None else int(seed)
        self._rng: np.random.Generator | None = None
        self._worker_seed: int | None = None

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Mix a batch.

        Args:
            batch: Arrays of one library, on one device. `image` (B, C, H, W), or (B, H, W, C),
                any real dtype. All others are optional: `label`, class indices (B,) or vectors
                (B, K); `mask` (B, H, W), or with channels as the image, of whole numbers;
                `bboxes` (B, M, 4+), xyxy pixels and further columns, of which the first
                `num_bboxes` (B,) rows count; `keypoints` (B, K, 2+) and `num_keypoints` (B,).

        Returns:
            The same keys. `label` is (B, classes) float32 (or as it came, with `label_donor`);
            `bboxes` (B, 2M, 4+), those of the primary first, clipped to what shows, then the
            donor's; `keypoints` (B, 2K, 2+); zeros in rows that do not count. And `mix`, a
            `MixRecord` of arrays, where -1 says that a batch does not measure this; `donors` are
            indices in the batch. A batch of one sample has no donor and comes back unmixed.
        """
        door = open_batch(batch, self.layout, self.backend)
        factor = 1.0 if self.schedule is None else self.schedule.factor()
        plan = draw_plan(
            self._stream(), door.size, door.shape, self.rule,
            pairing=self.pairing, p=self.p, factor=factor,
        )  # fmt: skip
        with door.library.active():
            out = self._mix(door, plan)
        return {name: out[name] for name in (*batch, *out) if name in out}

    def _mix(self, door: Door, plan: BatchPlan) -> dict[str, Any]:
        """Carry out a plan on every part of a batch."""
        pixels = self._outputs.prepare(door)
        moves = [
            plan_pixels(*memory, plan, door.columns_of(name), door.library, name)
            for name, memory in pixels.items()
        ]
        donors = door.library.put(plan.donors)
        out = mix_labels(door, plan, donors, self.label_rule)
        seams, jumps = self._mix_seams(door, plan)  # before pixels move: in place they are gone
        rows, counts = self._mix_rows(door, plan, donors)
        for move in moves:
            move()
        for name, (source, target) in pixels.items():
            given = door.arrays[name]
            if target is source:
                door.library.note_write(given)
            out[name] = given if target is source else door.library.close(target, given)
        record = batch_record(plan, "cutmix", counts, jumps, door.library)
        return out | rows | seams | {"mix": record}

    def _stream(self) -> np.random.Generator:
        """Return the source of randomness, a new one in each DataLoader worker and epoch."""
        seed = worker_seed()
        if seed is not None and self.out == "reuse":
            raise InvalidArgumentError(
                "out='reuse' writes into memory that batches still on their way from a DataLoader "
                "worker lie in. Use out='new' there, or mix after the loader."
            )
        if self._rng is None or seed != self._worker_seed:
            self._worker_seed = seed
            own = self.seed if seed is None else (seed, self.seed)
            keys = (own, rank(), type(self).__name__)
            self._rng = np.random.default_rng(None if own is None else stream_seed(*keys))
        return self._rng

    def _mix_rows(self, door: Door, plan: BatchPlan, donors: Any) -> tuple[dict[str, Any], Any]:
        """Return boxes and keypoints with their counts, and what became of the boxes."""
        library, arrays = door.library, door.arrays
        out: dict[str, Any] = {}
        counts = None
        if not arrays.keys() & {"bboxes", "keypoints"}:
            return out, counts
        where = Where(
            library,
            donors,
            library.put(plan.applied[:, None]),
            library.put(plan.patches[:, None].astype(np.float64)),
            library.put(np.array([[[0.0, 0.0, *plan.shape[::-1]]]])),
        )
        if "bboxes" in arrays:
            rows, number = (library.open(arrays[name]) for name in ("bboxes", "num_bboxes"))
            mixed, number, counts = mix_bboxes(rows, number, where, self.object_rule.thresholds)
            out |= {"bboxes": library.close(mixed), "num_bboxes": library.close(number)}
        if "keypoints" in arrays:
            rows, number = (library.open(arrays[name]) for name in ("keypoints", "num_keypoints"))
            mixed, number = mix_keypoints(rows, number, where)
            out |= {"keypoints": library.close(mixed), "num_keypoints": library.close(number)}
        return out, counts

    def _mix_seams(self, door: Door, plan: BatchPlan) -> tuple[dict[str, Any], Any]:
        """Return the seam maps where they are asked for, and the jumps of the mask."""
        library, mask = door.library, door.arrays.get("mask")
        if mask is None and not self.seam:
            return {}, None
        columns = 2 if mask is None else door.columns_of("mask")
        mask = None if mask is None else library.bits(mask)
        edges = find_edges(plan, min(self.seam_width, max(plan.shape)), mask, columns, library)
        out = {"seam": library.close(draw_seams(edges))} if self.seam else {}
        return out, None if mask is None else count_jumps(edges)
