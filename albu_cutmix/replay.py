"""`replay`: rebuild a mix from its record, its primary and its pool, bit for bit."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.blends import round_blend
from albu_cutmix.errors import InvalidArgumentError, InvalidSampleError
from albu_cutmix.geometry import Rect
from albu_cutmix.host.base import MixTransform
from albu_cutmix.host.donors import check_pool
from albu_cutmix.host.pipelines import alone, find_mixes
from albu_cutmix.plan import MixPlan, Paste
from albu_cutmix.pool import describe_pool
from albu_cutmix.record import VERSION, MixRecord

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["replay"]


def replay(
    record: MixRecord,
    primary: Mapping[str, Any],
    pool: Any,
    transform: Any,
    *,
    record_key: str | None = None,
) -> dict[str, Any]:
    """Rebuild the output of one mix.

    Args:
        record: What happened; `MixRecord.from_json` reads one from a log.
        primary: The sample as it entered the mix, in the keys and formats of the pipeline call.
        pool: The pool; or the list of donors that the call held, which then stays in `primary`.
            A `Cutout` needs none.
        transform: The mix, or a pipeline that holds one mix of this kind. Settings are the
            mix's, formats and additional targets those of its pipeline, whose other steps are
            not run.
        record_key: Of a pipeline with several mixes the one whose record it is.

    Returns:
        What the mix returned, every target, label and record, equal in every byte.

    Raises:
        InvalidArgumentError: If the transform holds no such mix, or more than one.
        InvalidSampleError: If the record is of another version, kind, shape, dtype or pool.

    >>> import albumentations as A
    >>> from albu_cutmix import CutMix
    >>> pool = [{"image": np.full((8, 8, 3), 255, np.uint8)}]
    >>> mix, primary = CutMix(pool, p=1.0), {"image": np.zeros((8, 8, 3), np.uint8)}
    >>> out = mix(**primary)
    >>> again = replay(MixRecord.from_json(out["mix"].to_json()), primary, pool, mix)
    >>> bool((again["image"] == out["image"]).all())
    True
    """
    mix = _find_mix(record, transform, record_key)
    if not isinstance(primary, Mapping):
        raise InvalidSampleError(
            f"replay needs the primary as a mapping of the call's keys, got "
            f"{type(primary).__name__}."
        )
    if record.applied and mix.takes_pool:
        in_call = primary.get(getattr(mix, "metadata_key", ""))
        _check_pool(mix.pool if in_call is None else in_call, pool)
    shape = getattr(primary.get("image"), "shape", ())[:2]
    if list(shape) != record.shape.tolist():
        raise InvalidSampleError(
            f"the record speaks of a primary of {record.shape.tolist()} (height, width), got an "
            f"image of {list(shape)}. Give the sample as it entered the mix."
        )
    if record.applied:
        _check_kind(record, mix)
    again = copy.deepcopy(mix, {id(mix.pool): None})  # a pool is not copied
    again.p, again.most_patches = 1.0, len(record.donors)  # as `MixTargets` may have announced
    if mix.takes_pool:
        again.pool = pool
    again.script = partial(_rebuild_plan, record, again)
    return dict(alone(again, transform, mix.aliases)(**primary))


def _rebuild_plan(record: MixRecord, mix: MixTransform, data: Mapping[str, Any]) -> MixPlan:
    """Return the plan of a record; donors are read in the pipeline's format."""
    shape = data["image"].shape[:2]
    if not record.applied:
        return MixPlan(shape, reason=record.reason, flags=record.flags)
    pastes = [_rebuild_paste(record, slot, mix, data) for slot in range(len(record.used))]
    plan = MixPlan.of(shape, pastes, record.blend)
    slots = len(record.donors) - len(pastes)
    if not pastes or record.owned_px.tolist() != [*plan.owned_px, *[0] * slots]:
        raise InvalidSampleError(
            f"a record must hold patches and the pixels that each of them owns, got "
            f"{record.patches.tolist()} and {record.owned_px.tolist()}. Is the line damaged?"
        )
    return plan


def _check_kind(record: MixRecord, mix: MixTransform) -> None:
    """Raise for a record of a mix that this one cannot have made."""
    blends = record.kind == "mixup"
    whole = [(0, 0, *record.shape.tolist()[::-1])]
    if blends:
        good = record.blend == round_blend(record.blend) and record.used == whole
    else:
        good = record.blend == 1.0
    if not good or len(record.used) > mix.most_patches:
        raise InvalidSampleError(
            f"a record of {type(mix).__name__} must hold up to {mix.most_patches} patches"
            f"{', the whole image,' if blends else ''} and a blend {'in (0, 1)' if blends else '1'}"
            f", got {record.patches.tolist()} and {record.blend!r}. Is the line damaged?"
        )


def _rebuild_paste(
    record: MixRecord, slot: int, mix: MixTransform, data: Mapping[str, Any]
) -> Paste:
    """Return one patch of a record."""
    number, seed = int(record.donors[slot]), int(record.seeds[slot])
    patch = _check_inside(record.patches[slot], data["image"].shape[:2], "patch")
    count = 0 if mix.pool is None else len(mix.pool)
    if mix.takes_pool and not 0 <= number < count:
        raise InvalidSampleError(
            f"the record speaks of donor {number}, got a pool of {count} donors. Give the pool "
            "that the mix drew from."
        )
    if (seed >= 0) != mix.takes_seed:
        raise InvalidSampleError(
            f"the record speaks of seed {seed}, and pool or fill take "
            f"{'one' if seed < 0 else 'none'}. Give the pool and the mix that made it."
        )
    source = Rect(*record.sources[slot].tolist())
    paste = mix.remake(data, number, seed, patch, source)
    if not mix.takes_pool:
        return paste
    if paste.donor.shape != tuple(record.donor_shapes[slot].tolist()):
        raise InvalidSampleError(
            f"the record speaks of donor {number} as {record.donor_shapes[slot].tolist()} "
            f"(height, width), got {list(paste.donor.shape)}. Give the pool that the mix drew from."
        )
    _check_inside(record.sources[slot], paste.donor.shape, "source")
    return paste


def _check_inside(edges: NDArray[np.int32], shape: tuple[int, int], name: str) -> Rect:
    """Return a rectangle of a record; it holds a pixel, and lies inside its image."""
    rect = Rect(*edges.tolist())
    if rect.width < 1 or rect.height < 1 or rect.meet(Rect(0, 0, shape[1], shape[0])) != rect:
        raise InvalidSampleError(
            f"the {name} of a record must lie inside its image of {list(shape)} (height, width), "
            f"got {list(rect)}. Is the line damaged?"
        )
    return rect


def _find_mix(record: Any, transform: Any, record_key: str | None) -> MixTransform:
    """Return the mix of a pipeline that a record is of."""
    if not isinstance(record, MixRecord) or not isinstance(record.version, int):
        got = "a batch of them" if isinstance(record, MixRecord) else type(record).__name__
        raise InvalidSampleError(
            f"replay needs one MixRecord, got {got}. Take one of record.rows(), and read a line of "
            "a log with MixRecord.from_json."
        )
    if record.version != VERSION:
        raise InvalidSampleError(
            f"a record must be of version {VERSION}, got {record.version}. Replay it with the "
            "release of albu_cutmix that wrote it."
        )
    mixes = [mix for mix in find_mixes(transform, record_key) if mix.kind == record.kind]
    if len(mixes) != 1:
        raise InvalidArgumentError(
            f"replay needs a transform that holds one mix of kind {record.kind!r}, got "
            f"{len(mixes)} in {type(transform).__name__}. Give it the pipeline of the record; of "
            "several mixes name one: record_key=..."
        )
    return mixes[0]


def _check_pool(held: Any, pool: Any) -> None:
    """Raise for no pool, and where mix or call hold another one than that given."""
    if pool is None:
        raise InvalidSampleError(
            "a record of a pasted patch needs the donors, got None as the pool. Give the pool that "
            "the mix drew from."
        )
    check_pool(pool, "pool", InvalidArgumentError)
    if held is None or held is pool:
        return
    known, given = describe_pool(held) or {}, describe_pool(pool) or {}
    where = {"spec"} if "digest" in known else set()  # the same donors may lie elsewhere
    if any(known.get(key) != given.get(key) for key in (known.keys() | given.keys()) - where):
        raise InvalidSampleError(
            f"transform or call hold another pool, {known}, than the one given, {given}. Give the "
            "pool that the mix drew from; donors that came in the call must stay in the primary."
        )
