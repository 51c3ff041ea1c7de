"""What an audit sees of one call: the record, and every object with its fate, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from albu_cutmix import masks
from albu_cutmix.boxes import area, clip_bboxes
from albu_cutmix.fates import EPS, Fates, Verdict
from albu_cutmix.harm import find_changed, find_gone
from albu_cutmix.host.fields import label_fields
from albu_cutmix.record import MixRecord
from albu_cutmix.safety import Safety
from albu_cutmix.seams import Edge, draw_seam, find_edges

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from albu_cutmix.plan import MixPlan
    from albu_cutmix.sample import Donor

__all__ = ["Observation", "observe"]


class Observation(NamedTuple):
    """One call of a mix.

    Attributes:
        record: What happened.
        primary: The primary's objects, as plain data: class, area, visibility, fate, box (xyxy,
            own pixels), before (width and height), after (xyxy primary pixels, None where it does
            not come out), sliver, split.
        donor: The donor's objects that show.
        image: The image that came out, (H, W) or (H, W, C).
        edges: The seam, pair by pair.
        before: The image that entered.
        given: The image of each patch's donor, none of holes.
    """

    record: MixRecord
    primary: list[dict[str, Any]]
    donor: list[dict[str, Any]]
    image: NDArray[Any]
    edges: Sequence[Edge] | None = None
    before: NDArray[Any] | None = None
    given: Sequence[NDArray[Any]] = ()

    def draw_seam(self, width: int) -> NDArray[np.uint8]:
        """Return the seam map, (H, W), marked so many pixels deep; see `seams.draw_seam`."""
        seam: NDArray[np.uint8] = draw_seam(self.edges or (), self.image.shape[:2], width)
        return seam


def observe(
    mix: Any,
    data: Mapping[str, Any],
    out: Mapping[str, Any],
    plan: MixPlan | None = None,
    verdict: Verdict | None = None,
    safety: Safety | None = None,
) -> Observation:
    """Return what an audit sees of one call.

    Args:
        mix: The transform.
        data: The call, as it entered the mix, in the host's form.
        out: What the mix made of it.
        plan: A plan that pastes a patch; None where nothing was pasted.
        verdict: What became of the objects.
        safety: How safe that was.
    """
    record = out[mix.record_key]
    edges, given = [], []
    primary: list[dict[str, Any]] = []
    donor: list[dict[str, Any]] = []
    if plan is not None and plan.pastes and safety is not None:
        edges = safety.edges or find_edges(plan)
        given = [paste.donor.image for paste in plan.pastes if paste.number >= 0]
        if verdict is not None:
            primary = _describe_primary(mix, data, plan, verdict, safety)
            donor = _describe_donors(mix, plan, verdict, safety)
    return Observation(record, primary, donor, out["image"], edges, data["image"], given)


def _describe_primary(
    mix: Any, data: Mapping[str, Any], plan: MixPlan, verdict: Verdict, safety: Safety
) -> list[dict[str, Any]]:
    own, places = _measure(verdict.primary, verdict.planes, plan.shape)
    names = _primary_classes(mix, data, len(own))
    changed = find_changed(verdict.primary)
    rows = _describe(verdict.primary, names, own, places, safety.slivers[0], safety.splits, changed)
    gone = find_gone(verdict.primary, plan.shape).tolist()
    return [row for row, out in zip(rows, gone, strict=True) if not out]


def _describe_donors(
    mix: Any, plan: MixPlan, verdict: Verdict, safety: Safety
) -> list[dict[str, Any]]:
    found = []
    for side, (paste, fates) in enumerate(zip(plan.pastes, verdict.donors, strict=True)):
        index = None if verdict.owned is None else verdict.owned[side]
        theirs, places = _measure_donor(paste.donor, fates, index)
        values = paste.donor.fields.get(mix.tap_field, [""] * len(theirs))
        names, no = [_name(value) for value in values], np.zeros(len(theirs), bool)
        rows = _describe(fates, names, theirs, places, safety.slivers[side + 1], no, no)
        found += [row for row in rows if row["visibility"] > EPS]
    return found


def _measure(
    fates: Fates, planes: Any, shape: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return area and box of the primary's objects before the mix; masks count in pixels."""
    places = clip_bboxes(fates.before, (0, 0, shape[1], shape[0]))
    areas = area(places)
    for row, plane in enumerate(planes or ()):
        pixels = masks.count(plane)
        areas[row] = pixels or areas[row]
        if pixels and not places[row].any():
            places[row] = masks.extent_of(plane)
    return areas, places


def _measure_donor(
    donor: Donor, fates: Fates, index: Sequence[int] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    places = clip_bboxes(fates.before, (0, 0, donor.shape[1], donor.shape[0]))
    areas = area(places)
    if index is not None:
        pixels = donor.mask_places[0][list(index)]
        areas = np.where(pixels > 0, pixels, areas)
    return areas, places


def _primary_classes(mix: Any, data: Mapping[str, Any], count: int) -> list[str]:
    """Return the class of each of the primary's boxes, as the user named it."""
    rows, processor = data.get("bboxes"), mix.row_processors["bboxes"]
    declared = label_fields(processor)
    if rows is None or not count or mix.tap_field not in declared:
        return [""] * count
    codes = rows[:, rows.shape[1] - len(declared) + declared.index(mix.tap_field)]
    meta = processor.label_manager.metadata["bboxes"][mix.tap_field]
    if meta.is_numerical or meta.encoder.is_numerical:
        return [_name(code) for code in codes.tolist()]
    return [str(name) for name in meta.encoder.inverse_transform(codes.astype(int))]


def _name(value: Any) -> str:
    """Return a class as text, alike for primary and donor: numbers travel as float32."""
    if not isinstance(value, (Real, np.generic)) or isinstance(value, str):
        return str(value)
    number = float(np.float32(value))
    return str(int(number)) if number.is_integer() else f"{number:.6g}"


def _describe(
    fates: Fates,
    names: list[str],
    areas: NDArray[np.float64],
    places: NDArray[np.float64],
    slivers: NDArray[np.bool_],
    splits: NDArray[np.bool_],
    changed: NDArray[np.bool_],
) -> list[dict[str, Any]]:
    """Return the objects of one side as plain data."""
    words = np.where(changed, "clipped", "kept")
    words[fates.ignored], words[~fates.keep] = "ignored", "dropped"
    boxes, after = places.round(3).tolist(), fates.bboxes.round(3).tolist()
    return [
        {
            "class": name, "area": size, "visibility": share, "fate": fate, "box": box,
            "before": [box[2] - box[0], box[3] - box[1]], "after": now if out else None,
            "sliver": sliver, "split": split,
        }
        for name, size, share, fate, box, now, out, sliver, split in zip(
            names, areas.tolist(), fates.visibility.tolist(), words.tolist(), boxes, after,
            fates.keep.tolist(), slivers.tolist(), splits.tolist(), strict=True,
        )
    ]  # fmt: skip
