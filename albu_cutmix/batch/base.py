"""`BatchMix`: what every mix over a batch does the same way."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from albu_cutmix._backends import BACKENDS
from albu_cutmix.arguments import check_choice, is_number, is_whole
from albu_cutmix.batch.door import Door, open_batch
from albu_cutmix.batch.labels import mix_labels
from albu_cutmix.batch.outputs import OUTS, Outputs
from albu_cutmix.batch.plan import CYCLES, BatchPlan, draw_plan
from albu_cutmix.batch.record import batch_record
from albu_cutmix.batch.rows import Where, mix_bboxes, mix_keypoints
from albu_cutmix.errors import InvalidArgumentError
from albu_cutmix.host.workers import rank, stream_seed, worker_seed
from albu_cutmix.labels import LabelRule
from albu_cutmix.patches import PatchRule
from albu_cutmix.schedule import MixSchedule

__all__ = ["BatchMix"]

LAYOUTS = ("NCHW", "NHWC")


class BatchMix(ABC):
    """A mix over batches of NumPy, torch and CuPy arrays; see `BatchCutMix` for the arguments.

    Attributes:
        kind: Of its records.
        least: Least visibility of a primary's and of a donor's box.
        faded: A further column of boxes that is multiplied by the weight of its row's side.
    """

    kind: ClassVar[str]
    least: tuple[float, float] = (0.0, 0.0)
    faded: int | None = None

    def __init__(
        self,
        rule: PatchRule,
        *,
        classes: int | Sequence[str] | None,
        label_mode: str,
        layout: str,
        out: str,
        pairing: str,
        seam: bool,
        schedule: MixSchedule | Mapping[str, Any] | None,
        p: float,
        seed: int | None,
        backend: str,
    ) -> None:
        check_choice("layout", layout, LAYOUTS)
        check_choice("out", out, OUTS)
        check_choice("pairing", pairing, tuple(CYCLES))
        check_choice("backend", backend, BACKENDS)
        if not (is_number(p) and 0 <= p <= 1):
            raise InvalidArgumentError(f"p must be a probability from 0 to 1, got {p!r}.")
        if not isinstance(seam, (bool, np.bool_)):
            raise InvalidArgumentError(f"seam must be True or False, got {seam!r}.")
        self.rule = rule
        self.label_rule = LabelRule(label_mode, classes)
        self.layout, self.out, self.pairing, self.backend = layout, out, pairing, backend
        self.seam, self.p = bool(seam), p
        self.schedule = MixSchedule.of(schedule)
        self.set_random_seed(seed)
        self._outputs = Outputs(out)

    def __repr__(self) -> str:
        """Return the call that makes it, without what is as by default."""
        names = inspect.signature(type(self)).parameters
        own = self._settings()
        given = [f"{k}={own.get(k)!r}" for k, one in names.items() if own.get(k) != one.default]
        return f"{type(self).__name__}({', '.join(given)})"

    def _settings(self) -> dict[str, Any]:
        """Return the arguments by name, among others."""
        rules = {**vars(self.rule), **vars(self.label_rule), "label_mode": self.label_rule.mode}
        return {**rules, **vars(self)}

    def set_random_seed(self, seed: int | None) -> None:
        """Begin a new stream of draws; None: one that does not repeat."""
        if seed is not None and not is_whole(seed):
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
        door = open_batch(batch, self.layout, self.backend, type(self).__name__)
        self._check(door)
        factor = 1.0 if self.schedule is None else self.schedule.factor()
        plan = draw_plan(
            self._stream(), door.size, door.shape, self.rule,
            pairing=self.pairing, p=self.p, factor=factor,
        )  # fmt: skip
        with door.library.active():
            out = self._mix(door, plan)
        return {name: out[name] for name in (*batch, *out) if name in out}

    @abstractmethod
    def _check(self, door: Door) -> None:
        """Raise InvalidSampleError for a batch that every other mix would take."""

    @abstractmethod
    def _plan_pixels(
        self, name: str, memory: tuple[Any, Any], plan: BatchPlan, door: Door
    ) -> Callable[[], None]:
        """Return what writes the mix of `image` or `mask` once it is called.

        Args:
            name: Of the two.
            memory: Where it is read, and where it is written: see `Outputs.prepare`.
            plan: What goes where.
            door: The batch.
        """

    @abstractmethod
    def _mix_seams(self, door: Door, plan: BatchPlan) -> tuple[dict[str, Any], Any]:
        """Return the seam maps where asked for, and jumps of the mask, (B,) or None."""

    def _mix(self, door: Door, plan: BatchPlan) -> dict[str, Any]:
        """Carry out a plan on every part of a batch."""
        pixels = self._outputs.prepare(door)
        moves = [self._plan_pixels(name, memory, plan, door) for name, memory in pixels.items()]
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
        record = batch_record(plan, self.kind, counts, jumps, door.library)
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
        own, given = plan.weights
        where = Where(
            library,
            donors,
            library.put(plan.applied[:, None]),
            library.put(plan.patches[:, None].astype(np.float64)),
            library.put(plan.covered[:, None].astype(np.float64)),
            library.put(np.array([[[0.0, 0.0, *plan.shape[::-1]]]])),
            (library.put(own[:, None]), library.put(given[:, None])),
        )
        if "bboxes" in arrays:
            rows, number = (library.open(arrays[name]) for name in ("bboxes", "num_bboxes"))
            mixed, number, counts = mix_bboxes(rows, number, where, self.least, self.faded)
            out |= {"bboxes": library.close(mixed), "num_bboxes": library.close(number)}
        if "keypoints" in arrays:
            rows, number = (library.open(arrays[name]) for name in ("keypoints", "num_keypoints"))
            mixed, number = mix_keypoints(rows, number, where)
            out |= {"keypoints": library.close(mixed), "num_keypoints": library.close(number)}
        return out, counts
