"""The slow oracle of the family, third part: it judges whole outputs. Every function asserts.

`untouched` is what the same pipeline returns with an identity in place of the mix, as in
`oracle_checks`: rows that nothing touched are compared with it bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from family_oracle import (
    PRIMARY,
    Asked,
    Mix,
    Piece,
    fates,
    mix_of,
    mixed_image,
    mixed_mask,
    mixed_masks,
    scale_of,
    semantic_hole,
)
from family_report import measure, seam_map
from oracle import (
    Fate,
    Rectangle,
    Sample,
    check_array,
    check_patch,
    check_same_kind,
    check_source,
    label_vector,
)
from oracle_checks import (
    FLOAT_IMAGE_TOLERANCE,
    box_values,
    check_masks,
    check_point,
    check_rows,
    check_values,
)
from oracle_objects import from_keypoint_format, holds, mapped_point, to_keypoint_format
from oracle_safety import (
    LABEL_JUMP,
    SEAM,
    Report,
    check_no_numbers,
    check_numbers,
    ignored,
)

EDGE = Fraction(1, 2**10)

# --- the record -----------------------------------------------------------------------------------


def check_fired_record(record: Any, primary: Sample, donors: Sequence[Sample], asked: Asked) -> Mix:
    """Assert a fired record against itself and the samples; return the mix it tells of."""
    assert (record.kind, record.applied, record.reason) == (asked.kind, True, "")
    assert tuple(record.shape) == primary.shape
    mix = mix_of(record, primary, donors)
    most, used = asked.slots[1], len(mix.pieces)
    assert 1 <= used <= most
    assert [piece.slot for piece in mix.pieces] == list(range(used)), "used slots come first"
    assert record.owned_px.tolist() == [mix.owned(k) for k in range(used)] + [0] * (most - used)
    assert type(record.lam) is np.float32
    assert record.lam == np.float32(float(mix.lam)), f"lam {record.lam} is not {mix.lam}"
    assert record.seeds.dtype == np.int64
    if asked.kind == "cutout":
        _check_holes(record, mix, asked)
    else:
        _check_donors(record, mix, donors, asked)
    if asked.kind == "mixup":
        assert 0 < record.blend < 1
        assert record.blend * 2**16 == int(record.blend * 2**16)
    else:
        assert record.blend == 1.0
    for name, unused in (("donors", -1), ("seeds", -1), ("donor_shapes", 0), ("sources", 0)):
        rest = getattr(record, name)
        assert len(rest) == most, name
        assert (rest[used:] == unused).all(), f"{name}: {rest[used:]} of unused slots"
    return mix


def _check_holes(record: Any, mix: Mix, asked: Asked) -> None:
    assert (record.donors == -1).all()
    assert not record.donor_shapes.any()
    assert not record.sources.any()
    seeded = record.seeds[: len(mix.pieces)]
    assert (seeded >= 0).all() if asked.fill == "noise" else (seeded == -1).all()
    for piece in mix.pieces:
        if asked.placement == "inside":
            check_patch(piece.patch, mix.primary.shape, mix.primary.shape, asked)


def _check_donors(record: Any, mix: Mix, donors: Sequence[Sample], asked: Asked) -> None:
    assert (record.seeds == -1).all()
    drawn = record.donors[: len(mix.pieces)].tolist()
    assert all(0 <= index < len(donors) for index in drawn)
    if len(donors) >= asked.slots[1]:
        assert len(set(drawn)) == len(drawn), f"donors {drawn} are not distinct"
    for piece in mix.pieces:
        shape, own = mix.primary.shape, piece.donor.shape
        assert tuple(record.donor_shapes[piece.slot]) == own
        if asked.placement != "objects":  # there the source is drawn by itself
            check_source(piece.patch, piece.source, shape, own, asked.fit)
        if asked.kind == "mixup":
            assert piece.patch == (0, 0, shape[1], shape[0])
        elif asked.placement in ("inside", "paper"):
            check_patch(piece.patch, shape, own, asked)


def check_unfired_record(record: Any, shape: tuple[int, int], asked: Asked, reason: str) -> None:
    """Assert the record of a call in which nothing was mixed."""
    assert (record.kind, record.applied, record.reason) == (asked.kind, False, reason)
    assert tuple(record.shape) == shape
    assert (type(record.lam), record.lam, record.blend) == (np.float32, 1.0, 1.0)
    for name, unused in (("donors", -1), ("seeds", -1), ("owned_px", 0)):
        assert getattr(record, name).tolist() == [unused] * asked.slots[1], name
    for name, width in (("donor_shapes", 2), ("patches", 4), ("sources", 4)):
        assert getattr(record, name).shape == (asked.slots[1], width), name
        assert not getattr(record, name).any(), name
    check_no_numbers(record)


# --- pixels and labels ----------------------------------------------------------------------------


def check_image(
    got: Any, mix: Mix, mine: np.ndarray, theirs: Sequence[np.ndarray], fill: Any
) -> None:
    """Assert an image, bit for bit but for scaled float32 (see `oracle_checks`) and its mean."""
    expected = mixed_image(mix, mine, theirs, fill)
    scaled = any(scale_of(piece) not in ([], [1, 1]) for piece in mix.pieces)
    if expected.dtype == np.float32 and (scaled or fill == "mean"):
        check_same_kind(got, expected, "output image")
        assert got.shape == expected.shape
        mixed = np.ones(mine.shape[:2], bool) if mix.kind == "mixup" else mix.owners != PRIMARY
        off = np.abs(got - expected)[mixed].max()
        assert off <= FLOAT_IMAGE_TOLERANCE, f"output image: off by {off}"
        got = got.copy()
        got[mixed] = expected[mixed]
    check_array(got, expected, "output image")


def check_soft_label(
    got: Any, labels: Sequence[Any], weights: Sequence[Fraction], asked: Asked
) -> None:
    """Assert a soft label: the sum of weight times label, cast once."""
    vectors = [label_vector(label, asked.classes) for label in labels]
    expected = [
        sum((w * v for w, v in zip(weights, column, strict=True)), Fraction(0))
        for column in zip(*vectors, strict=True)
    ]
    assert (type(got), got.dtype, got.shape) == (np.ndarray, np.float32, (len(expected),))
    for value, weight in zip(got.tolist(), expected, strict=True):
        bound = 2.0**-24 * max(1.0, abs(float(weight)))
        assert abs(value - float(weight)) <= bound, (
            f"label {got} is not {list(map(float, expected))}"
        )


def check_seam(got: Any, mix: Mix, report: Report, earlier: np.ndarray | None) -> None:
    """Assert the seam map, bit for bit; where a box may cut or not, all bits but those."""
    expected = seam_map(mix, report.marks, earlier)
    if "seam" in report.unsure:
        sure = np.uint8(SEAM | LABEL_JUMP)
        assert got.dtype == np.uint8
        got, expected = got & sure, expected & sure
    check_array(got, expected, "seam map")


# --- keypoints ------------------------------------------------------------------------------------


class Point(NamedTuple):
    """One point of the output: whose, which one, where (None: as it was), and whether it shows."""

    piece: Piece | None
    number: int
    place: list[float] | None
    shows: bool
    unsure: bool


def points(mix: Mix, asked: Asked) -> list[Point]:
    """The points of the output in order: "remove" leaves out those that do not show."""
    holes = mix.covers(PRIMARY)
    out = [
        Point(None, k, None, not any(holds(hole, point) for hole in holes), False)
        for k, point in enumerate(mix.primary.keypoints)
    ]
    for piece in mix.pieces:
        later, scale = mix.covers(piece.slot), scale_of(piece)
        for k, point in enumerate(() if piece.donor is None else piece.donor.keypoints):
            at = tuple(
                (Fraction(float(point[j])) - piece.source[j]) * scale[j] + piece.patch[j]
                for j in (0, 1)
            )
            inside = holds(piece.source, point)
            shows = inside and not any(_holds(hole, at) for hole in later)
            near = inside and scale != [1, 1] and any(_near_an_edge(hole, at) for hole in later)
            out.append(Point(piece, k, mapped_point(point, piece.patch, piece.source), shows, near))
    return [point for point in out if point.shows or asked.keypoint_mode == "flag"]


def _holds(rect: Rectangle, at: Sequence[Fraction]) -> bool:
    return rect[0] <= at[0] < rect[2] and rect[1] <= at[1] < rect[3]


def _near_an_edge(rect: Rectangle, at: Sequence[Fraction]) -> bool:
    """Whether rounding may carry a scaled point over an edge."""
    return any(abs(at[k % 2] - rect[k]) < EDGE for k in range(4))


def check_keypoints(
    out: Mapping[str, Any], untouched: Mapping[str, Any], mix: Mix, asked: Asked
) -> None:
    """Assert points and their label fields: the primary's bit for bit, then donor after donor."""
    got, before, form = out["keypoints"], untouched["keypoints"], asked.keypoint_format
    degrees, rule = asked.angle_in_degrees, points(mix, asked)
    assert type(got) is type(before), f"keypoints: {type(got)} is not {type(before)}"
    assert len(got) == len(rule), f"{len(got)} points are not {len(rule)}"
    for row, point in zip(got, rule, strict=True):
        if point.place is None:
            same = np.asarray(row).tobytes() == np.asarray(before[point.number]).tobytes()
            assert same, f"point {point.number}: {row} is not {before[point.number]}"
            continue
        expected = to_keypoint_format(point.place, form, in_degrees=degrees)
        check_point(
            from_keypoint_format(row, form, in_degrees=degrees),
            from_keypoint_format(expected, form, in_degrees=degrees),
            f"donor point {point.number}",
        )
    for name in mix.primary.keypoint_fields:
        values = [
            (untouched[name] if p.piece is None else p.piece.donor.keypoint_fields[name])[p.number]
            for p in rule
        ]
        if name == asked.keypoint_visibility_field:
            values = [v if p.shows else 0 for v, p in zip(values, rule, strict=True)]
        check_values(name, out[name], untouched[name], values)


# --- boxes and masks ------------------------------------------------------------------------------


def _weighed(mix: Mix, judged: Sequence[Sequence[Fate]]) -> list[list[Fate]]:
    """The fates with visibilities as `visibility_field` tells them: a blend weighs them."""
    weights = mix.area_weights if mix.kind == "mixup" else [Fraction(1)] * len(judged)
    return [
        [replace(fate, visibility=fate.visibility * weight) for fate in side]
        for side, weight in zip(judged, weights, strict=True)
    ]


def check_boxes(
    out: Mapping[str, Any],
    untouched: Mapping[str, Any],
    mix: Mix,
    judged: Sequence[Sequence[Fate]],
    asked: Asked,
) -> None:
    """Assert boxes and every label field: survivors of the primary, then of donor after donor."""
    first, *rest = _weighed(mix, judged)
    rows = first, [fate for side in rest for fate in side]
    check_rows(out["bboxes"], untouched["bboxes"], rows, mix.primary, asked)
    donors = [piece.donor for piece in mix.pieces if piece.donor is not None]
    lacking = {asked.visibility_field: 1.0, asked.ignore_field: 0}
    for name in mix.primary.fields:
        theirs = [
            value
            for donor in donors
            for value in donor.fields.get(name, [lacking.get(name)] * len(donor.boxes))
        ]
        expected = box_values(name, untouched[name], {name: theirs}, rows, asked)
        check_values(name, out[name], untouched[name], expected)


def check_layers_or_masks(
    out: Mapping[str, Any], mix: Mix, judged: Sequence[Sequence[Fate]], asked: Asked
) -> None:
    """Assert the rows of `masks`."""
    if asked.masks_mode != "layers":
        expected = mixed_masks(mix, judged, asked)
    else:
        stacks = [list(piece.donor.masks) for piece in mix.pieces if piece.donor is not None]
        expected = [
            mixed_mask(mix, mine, [stack[k] for stack in stacks], asked, hole=0)
            for k, mine in enumerate(mix.primary.masks)
        ]
    check_masks(out["masks"], mix.primary.masks, expected)


# --- whole outputs --------------------------------------------------------------------------------


def check_fired(
    out: Mapping[str, Any],
    primary: Sample,
    donors: Sequence[Sample],
    asked: Asked,
    untouched: Mapping[str, Any] | None = None,
    earlier: np.ndarray | None = None,
) -> Mix:
    """Assert everything about one mix that fired, and return it.

    Args:
        out: What the pipeline returned.
        primary: The sample that went in.
        donors: The pool, in its order.
        asked: What was asked for.
        untouched: See the module; needed where there are boxes or keypoints.
        earlier: The seam map that went in.
    """
    record = out[asked.record_key]
    mix = check_fired_record(record, primary, donors, asked)
    others = [piece.donor for piece in mix.pieces if piece.donor is not None]
    check_image(out["image"], mix, primary.image, [one.image for one in others], asked.fill)
    judged = fates(mix, asked)
    report = measure(mix, asked, judged)
    check_numbers(record, report)
    if asked.seam_key is not None:
        check_seam(out[asked.seam_key], mix, report, earlier)
    if primary.mask is not None:
        mask = mixed_mask(
            mix, primary.mask, [one.mask for one in others], asked, hole=semantic_hole(asked)
        )
        if asked.kind == "cutmix":  # the others write it where they lie, not along a seam
            mask = ignored(mask, report.marks, asked.ignore_index)
        if asked.kind != "cutmix" or asked.ignore_index is None or "seam" not in report.unsure:
            check_array(out["mask"], mask, "output mask")
    if primary.label is not None and not (
        asked.label_weight == "object" and "shown" in report.unsure
    ):
        labels = [primary.label, *(one.label for one in others)]
        check_soft_label(out[asked.label_key], labels, report.weights, asked)
    if primary.boxes is not None:
        check_boxes(out, untouched, mix, judged, asked)
    if primary.masks is not None:
        check_layers_or_masks(out, mix, judged, asked)
    if primary.keypoints is not None:
        check_keypoints(out, untouched, mix, asked)
    return mix


def check_unfired(
    out: Mapping[str, Any],
    primary: Sample,
    asked: Asked,
    reason: str,
    untouched: Mapping[str, Any] | None = None,
) -> None:
    """Assert a call in which nothing was mixed: the sample as it was, the label converted."""
    check_unfired_record(out[asked.record_key], primary.shape, asked, reason)
    check_array(out["image"], primary.image, "output image")
    if asked.seam_key is not None:
        check_array(out[asked.seam_key], np.zeros(primary.shape, np.uint8), "seam map")
    if primary.mask is not None:
        check_array(out["mask"], primary.mask, "output mask")
    if primary.label is not None:
        check_soft_label(out[asked.label_key], [primary.label], [Fraction(1)], asked)
    nothing = Mix("cutmix", primary, ())
    judged = fates(nothing, asked)
    if primary.masks is not None:
        check_layers_or_masks(out, nothing, judged, asked)
    if primary.boxes is not None:
        check_boxes(out, untouched, nothing, judged, asked)
    for name in () if primary.keypoints is None else ("keypoints", *primary.keypoint_fields):
        check_same_kind(out[name], untouched[name], name)
        assert np.array_equal(np.asarray(out[name]), np.asarray(untouched[name])), name


def is_unsure(record: Any, primary: Sample, donors: Sequence[Sample], asked: Asked) -> bool:
    """Whether the host's float32 may tip the fate of a box or a point: no one answer then."""
    mix = mix_of(record, primary, donors)
    judged = any(fate.unsure for side in fates(mix, asked) for fate in side)
    return judged or (
        primary.keypoints is not None
        and any(p.unsure for p in points(mix, replace(asked, keypoint_mode="flag")))
    )
