"""`MixRecord`: what happened in one mix, small, collatable, enough to replay."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from albu_cutmix.errors import InvalidSampleError
from albu_cutmix.geometry import Rect, minus
from albu_cutmix.safety import NOTHING, Metrics

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from albu_cutmix.plan import MixPlan

__all__ = ["REASONS", "VERSION", "MixRecord"]

VERSION = 3
NOWHERE = Rect(0, 0, 0, 0)
REASONS = ("", "p", "schedule", "no_patch", "no_donor", "unsafe")
_DTYPES = {
    "shape": np.int32,
    "donors": np.int64,
    "seeds": np.int64,
    "donor_shapes": np.int32,
    "patches": np.int32,
    "sources": np.int32,
    "owned_px": np.int64,
}
_COUNTS = (
    "kept", "clipped", "dropped", "donor_kept", "donor_dropped", "remnant_px", "seam_px",
    "seam_object_px", "seam_jump_px", "flags",
)  # fmt: skip


class MixRecord(NamedTuple):
    """One call of a mix. N is the most patches there can be; unused slots hold -1 or 0.

    Scalars and arrays of fixed shape, so `torch.utils.data.default_collate` stacks it.

    Attributes:
        version: Version of these fields.
        kind: "cutmix", "mixup", "cutout" (fired or not) or "none" (`MixTargets`).
        applied: Whether anything was mixed.
        reason: Why not: "" (it was), "p", "schedule", "no_patch", "no_donor" or "unsafe".
        shape: (height, width) of the primary, (2,) int32.
        donors: Index of each donor in the pool, or in the list given in the call; -1 for holes,
            (N,) int64.
        seeds: Seed under which a donor was mapped or noise drawn, -1 for none, (N,) int64.
        donor_shapes: (height, width) of each donor, (N, 2) int32.
        patches: Half-open xyxy in primary pixels, (N, 4) int32.
        sources: Half-open xyxy in donor pixels, (N, 4) int32.
        owned_px: Output pixels taken from each patch, (N,) int64; 0 in a blend.
        lam: Share of output pixels owned by the primary, float32; in a blend its weight.
        blend: Weight of the primary in a blend of all pixels; 1.0 where nothing is blended.
        lam_object: The primary's share of all pixels that show an object, of instance masks, else
            of `mask`, else of boxes, by weight in a blend; of a cutout the share of them that
            still shows. -1.0 where there is none, or the call has no class label.
        kept: Boxes, or instance masks, of the primary that come out unchanged.
        clipped: Those that come out with box, mask or ignore field changed.
        dropped: The rest of the primary's that showed before.
        donor_kept: Boxes, or instance masks, of the donor that come out.
        donor_dropped: Those that show, and were dropped.
        least_visibility: Of the primary's that come out and are not ignored; 1.0 for none.
        remnant_px: Pixels that still show an object which was dropped: unlabelled ones.
        seam_px: Pairs of neighbouring pixels of different owner.
        seam_object_px: Those of them that cut an object in two.
        seam_jump_px: Those of them with different values of `mask`.
        flags: `SafetyFlag` bits; with reason "unsafe" those of the draw that was refused.
    """

    version: int
    kind: str
    applied: bool
    reason: str
    shape: NDArray[np.int32]
    donors: NDArray[np.int64]
    seeds: NDArray[np.int64]
    donor_shapes: NDArray[np.int32]
    patches: NDArray[np.int32]
    sources: NDArray[np.int32]
    owned_px: NDArray[np.int64]
    lam: np.float32
    blend: float
    lam_object: float
    kept: int
    clipped: int
    dropped: int
    donor_kept: int
    donor_dropped: int
    least_visibility: float
    remnant_px: int
    seam_px: int
    seam_object_px: int
    seam_jump_px: int
    flags: int

    @classmethod
    def empty(
        cls, kind: str, reason: str, shape: tuple[int, int], slots: int = 1, *, flags: int = 0
    ) -> MixRecord:
        """Return the record of a call in which nothing was pasted."""
        return cls(
            VERSION,
            kind,
            False,
            reason,
            np.array(shape, np.int32),
            np.full(slots, -1, np.int64),
            np.full(slots, -1, np.int64),
            np.zeros((slots, 2), np.int32),
            np.zeros((slots, 4), np.int32),
            np.zeros((slots, 4), np.int32),
            np.zeros(slots, np.int64),
            np.float32(1.0),
            1.0,
            *NOTHING._replace(flags=flags),
        )

    @classmethod
    def from_plan(
        cls, kind: str, plan: MixPlan, metrics: Metrics = NOTHING, slots: int = 1
    ) -> MixRecord:
        """Return the record of a plan that pastes patches, with its safety metrics."""
        pastes, spare = plan.pastes, slots - len(plan.pastes)
        donors = pastes if plan.has_donors else ()
        blank = spare if donors else slots
        return cls(
            VERSION,
            kind,
            True,
            "",
            np.array(plan.shape, np.int32),
            np.array([one.number for one in pastes] + [-1] * spare, np.int64),
            np.array([one.seed for one in pastes] + [-1] * spare, np.int64),
            np.array([one.donor.shape for one in donors] + [(0, 0)] * blank, np.int32),
            np.array([one.patch for one in pastes] + [NOWHERE] * spare, np.int32),
            np.array([one.source for one in donors] + [NOWHERE] * blank, np.int32),
            np.array([*plan.owned_px, *[0] * spare], np.int64),
            np.float32(plan.lam),
            plan.blend,
            *metrics,
        )

    @property
    def used(self) -> list[Rect]:
        """The patches, in the order in which they were pasted; of one sample's record."""
        return [Rect(*row) for row in self.patches.tolist() if row[2]]

    @property
    def covered(self) -> tuple[Rect, ...]:
        """What the primary does not own any more, as rectangles that share no pixel."""
        rects = self.used if self.blend == 1.0 else []
        return tuple(part for k, one in enumerate(rects) for part in minus(one, rects[k + 1 :]))

    def __eq__(self, other: object) -> bool:
        """Return whether another record holds the same values in every field."""
        if not isinstance(other, MixRecord):
            return NotImplemented
        pairs: Any = zip(self, other, strict=True)
        return all(np.array_equal(one, another) for one, another in pairs)

    def __ne__(self, other: object) -> bool:
        """Return the contrary: a tuple's own comparison fails on arrays."""
        return not self == other

    def rows(self) -> list[MixRecord]:
        """Return the records of a batch, stacked by `BatchCutMix` or by torch, one by one.

        Raises:
            InvalidSampleError: If this is the record of one sample.
        """
        if not getattr(self.version, "ndim", 0):
            raise InvalidSampleError("rows() takes a batch of records apart, got one record.")
        columns = [column.tolist() if hasattr(column, "tolist") else column for column in self]
        return [
            MixRecord(**{**row, **_read_arrays(row), "lam": np.float32(row["lam"])})
            for row in (
                dict(zip(self._fields, one, strict=True)) for one in zip(*columns, strict=True)
            )
        ]

    def to_json(self) -> str:
        """Return one line of JSON with every field.

        Raises:
            InvalidSampleError: If this is a batch of records; see `rows`.
        """
        if getattr(self.version, "ndim", 0):
            raise InvalidSampleError(
                "to_json writes the record of one sample, got a batch of them. Write a line for "
                "each: [row.to_json() for row in record.rows()]."
            )
        row = {
            name: value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
            for name, value in self._asdict().items()
        }
        return json.dumps(row, separators=(",", ":"))

    @classmethod
    def from_json(cls, line: str) -> MixRecord:
        """Return the record of a line that `to_json` wrote.

        Raises:
            InvalidSampleError: If the line is no record of this version.
        """
        try:
            row: Any = json.loads(line)
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidSampleError(
                f"a record must be one line of JSON, got {str(line)[:200]!r}."
            ) from error
        if not isinstance(row, dict) or row.get("version") != VERSION:
            version = row.get("version") if isinstance(row, dict) else None
            raise InvalidSampleError(
                f"a record must be a JSON object of version {VERSION}, got version {version!r}. "
                "Read it with the release of albu_cutmix that wrote it."
            )
        if set(row) != set(cls._fields):
            odd = sorted(set(row) ^ set(cls._fields))
            raise InvalidSampleError(f"a record must hold every field once; missing or odd: {odd}.")
        try:
            return cls(**{**row, **_read_arrays(row), "lam": np.float32(_read_scalars(row))})
        except (TypeError, ValueError, OverflowError) as error:
            raise InvalidSampleError(
                f"a record must hold whole numbers in arrays of one length, got {line!r}: {error}."
            ) from error


def _read_arrays(row: dict[str, Any]) -> dict[str, NDArray[Any]]:
    """Return the arrays of a record; raise ValueError or OverflowError for other values."""
    plain = {name: np.array(row[name]) for name in _DTYPES}
    odd = [name for name, values in plain.items() if values.size and values.dtype.kind not in "iu"]
    if odd:
        raise ValueError(f"{odd[0]} is {row[odd[0]]!r}")
    arrays = {name: np.array(row[name], dtype) for name, dtype in _DTYPES.items()}
    slots = len(arrays["donors"])
    arrays |= {key: arrays[key].reshape(slots, 4) for key in ("patches", "sources")}
    shapes = {"donor_shapes": (slots, 2), "shape": (2,), "seeds": (slots,), "owned_px": (slots,)}
    return arrays | {key: arrays[key].reshape(shape) for key, shape in shapes.items()}


def _read_scalars(row: dict[str, Any]) -> float:
    """Return `lam` of a record; raise ValueError where a scalar is of another kind."""
    kinds = {"kind": str, "applied": bool, "reason": str, **dict.fromkeys(_COUNTS, int)}
    odd = [name for name, kind in kinds.items() if type(row[name]) is not kind]
    shares = ("lam", "blend", "lam_object", "least_visibility")
    odd += [name for name in shares if type(row[name]) not in (int, float)]
    if odd:
        raise ValueError(f"{odd[0]} is {row[odd[0]]!r}")
    return float(row["lam"])
