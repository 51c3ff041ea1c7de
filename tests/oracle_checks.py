"""The slow oracle, third part: it judges whole outputs. Every function asserts.

`untouched` is always what the same pipeline, without thresholds of its own, returns for the same
call with an identity transform in place of the mix: rows that no patch touched are compared with
it bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from math import cos, hypot, sin
from typing import Any

import numpy as np
from oracle import (
    PIXEL_TOLERANCE,
    Fate,
    Rectangle,
    Sample,
    Settings,
    check_array,
    check_record,
    check_same_kind,
    check_unfired_record,
    from_format,
    mixed_image,
    mixed_mask,
    soft_label,
)
from oracle_objects import (
    fates,
    from_keypoint_format,
    mapped_point,
    mixed_masks,
    point_fates,
    to_keypoint_format,
)
from oracle_safety import (
    Report,
    check_no_numbers,
    check_numbers,
    check_seam,
    ignored,
    measure,
)

FLOAT_IMAGE_TOLERANCE = 1e-6
VALUE_TOLERANCE = 1e-4

Rows = tuple[list[Fate], list[Fate]]


# --- one part of an output ------------------------------------------------------------------------


def check_image(
    got: Any, primary: np.ndarray, donor: np.ndarray, patch: Rectangle, source: Rectangle, what: str
) -> None:
    """Assert an image, bit for bit but for scaled float32.

    On some machines OpenCV scales a float32 image of three channels and each of its channels to
    values that differ in the last bit; on such pixels a millionth of full scale is allowed.
    """
    expected = mixed_image(primary, donor, patch, source)
    same_size = (patch[2] - patch[0], patch[3] - patch[1]) == (
        source[2] - source[0],
        source[3] - source[1],
    )
    if expected.dtype == np.float32 and not same_size:
        check_same_kind(got, expected, what)
        assert got.shape == expected.shape, f"{what}: {got.shape} is not {expected.shape}"
        inside = np.s_[patch[1] : patch[3], patch[0] : patch[2]]
        off = np.abs(got[inside] - expected[inside]).max()
        assert off <= FLOAT_IMAGE_TOLERANCE, f"{what}: off by {off}"
        got = got.copy()
        got[inside] = expected[inside]
    check_array(got, expected, what)


def check_label(
    out: Mapping[str, Any], primary: Any, donor: Any, lam: Fraction, settings: Settings
) -> None:
    """Assert the class label; `donor` is the primary's own where nothing was pasted."""
    got = out[settings.label_key]
    if settings.label_mode == "pair":
        for value, expected in ((got, primary), (out[settings.label_key + "_donor"], donor)):
            assert type(value) is type(primary), f"{type(value)} is not {type(primary)}"
            assert np.array_equal(value, expected), f"{value!r} is not {expected!r}"
        return
    expected = soft_label(primary, donor, lam, settings.classes)
    assert isinstance(got, np.ndarray)
    assert got.dtype == np.float32
    assert got.shape == (len(expected),)
    for value, weight in zip(got.tolist(), expected, strict=True):
        assert abs(value - float(weight)) <= 2.0**-24 * max(1.0, abs(float(weight)))
        assert value == weight or weight not in (0, 1), "certain classes stay certain"


def check_masks(got: Any, given: Any, expected: Sequence[np.ndarray]) -> None:
    """Assert `masks`, row by row, in the container in which they were given.

    Where an array was given and no row is left, the host cannot carry an empty one: a list.
    """
    assert len(got) == len(expected), f"{len(got)} rows of masks are not {len(expected)}"
    if isinstance(given, list) or (len(given) and not expected):
        assert type(got) is list, f"masks: {type(got)} is not a list"
    elif expected:
        assert type(got) is np.ndarray, f"masks: {type(got)} is not an array"
    for k, (row, rule) in enumerate(zip(got, expected, strict=True)):
        check_array(np.ascontiguousarray(row), rule, f"row {k} of masks")


def check_rows(got: Any, untouched: Any, rows: Rows, primary: Sample, settings: Settings) -> None:
    """Assert boxes: survivors of the primary in order, then the donor's."""
    first = [k for k, fate in enumerate(rows[0]) if fate.kept]
    second = [k for k, fate in enumerate(rows[1]) if fate.kept]
    assert type(got) is type(untouched)
    assert len(got) == len(first) + len(second), (
        f"{len(got)} rows are not {len(first)} + {len(second)}"
    )
    chosen = [rows[0][k] for k in first] + [rows[1][k] for k in second]
    for at, (row, fate) in enumerate(zip(got, chosen, strict=True)):
        if not fate.touched:
            before = untouched[first[at]]
            same = np.asarray(row).tobytes() == np.asarray(before).tobytes()
            assert same, f"untouched row {first[at]}: {row} is not {before}"
            continue
        pixels = from_format(row, settings.bbox_format, primary.shape)
        for value, expected in zip(pixels, fate.box, strict=True):
            assert abs(value - float(expected)) <= PIXEL_TOLERANCE, f"{pixels} not {fate.box}"


def check_values(name: str, got: Any, before: Any, expected: Sequence[Any]) -> None:
    """Assert a label field: container, dtype, every value; floats marked by a Fraction nearly."""
    assert len(got) == len(expected), f"{name}: {len(got)} values are not {len(expected)}"
    if not expected:  # of a sample without a row the host makes every field an empty list
        return
    assert type(got) is type(before), f"{name}: {type(got)} is not {type(before)}"
    if isinstance(before, np.ndarray) and before.dtype.kind in "iufb":
        assert got.dtype == before.dtype, f"{name}: {got.dtype} is not {before.dtype}"
    for value, rule in zip(got, expected, strict=True):
        if isinstance(rule, Fraction):
            off = abs(float(value) - float(rule))
            assert off <= VALUE_TOLERANCE, f"{name}: {value} is not {float(rule)}"
        else:
            assert value == rule, f"{name}: {value!r} is not {rule!r}"
            assert isinstance(value, str) == isinstance(rule, str)


def box_values(
    name: str, before: Any, theirs: Mapping[str, Sequence[Any]], rows: Rows, settings: Settings
) -> list[Any]:
    """The values of a label field of boxes in the output (a Fraction: nearly)."""
    lacking = {settings.visibility_field: 1.0, settings.ignore_field: 0}
    default = [lacking.get(name)] * len(rows[1])
    pairs = zip([*before, *theirs.get(name, default)], rows[0] + rows[1], strict=True)
    kept = [(value, fate) for value, fate in pairs if fate.kept]
    if name == settings.mask_index_field:
        return list(range(len(kept)))
    if name == settings.visibility_field:
        return [Fraction(float(value)) * fate.visibility for value, fate in kept]
    if name == settings.ignore_field:
        return [1 if fate.ignored else value for value, fate in kept]
    return [value for value, _ in kept]


def check_boxes(
    out: Mapping[str, Any],
    untouched: Mapping[str, Any],
    primary: Sample,
    donor: Sample | None,
    rows: Rows,
    settings: Settings,
) -> None:
    """Assert boxes and every label field, row by row: survivors of the primary, then the donor's.

    Args:
        out: What came back.
        untouched: See the module.
        primary: The primary.
        donor: The donor, None where nothing was pasted.
        rows: Fates of the objects of primary and donor.
        settings: What was asked for.
    """
    check_rows(out["bboxes"], untouched["bboxes"], rows, primary, settings)
    theirs = {} if donor is None else donor.fields
    for name in primary.fields:
        before = untouched[name]
        check_values(name, out[name], before, box_values(name, before, theirs, rows, settings))


def check_point(got: Sequence[float], expected: Sequence[float], what: str) -> None:
    """Assert a point x, y, z, angle, scale nearly, its angle by the direction it stands for."""
    for axis in (0, 1, 2, 4):
        bound = PIXEL_TOLERANCE * max(1.0, abs(expected[axis]) / 100)
        assert abs(got[axis] - expected[axis]) <= bound, f"{what}: {got} is not {expected}"
    off = hypot(cos(got[3]) - cos(expected[3]), sin(got[3]) - sin(expected[3]))
    assert off <= PIXEL_TOLERANCE, f"{what}: angle {got[3]} is not {expected[3]}"


def check_keypoints(
    out: Mapping[str, Any],
    untouched: Mapping[str, Any],
    primary: Sample,
    donor: Sample,
    patch: Rectangle,
    source: Rectangle,
    settings: Settings,
) -> None:
    """Assert points and their label fields: the primary's bit for bit, then the donor's."""
    got, before, form = out["keypoints"], untouched["keypoints"], settings.keypoint_format
    degrees = settings.angle_in_degrees
    points = point_fates(primary.keypoints, donor.keypoints, patch, source, settings.keypoint_mode)
    assert type(got) is type(before), f"keypoints: {type(got)} is not {type(before)}"
    assert len(got) == len(points), f"{len(got)} points are not {len(points)}"
    for row, point in zip(got, points, strict=True):
        if point.side == 0:
            same = np.asarray(row).tobytes() == np.asarray(before[point.number]).tobytes()
            assert same, f"point {point.number}: {row} is not {before[point.number]}"
            continue
        whole = mapped_point(donor.keypoints[point.number], patch, source)
        expected = to_keypoint_format(whole, form, in_degrees=degrees)
        check_point(
            from_keypoint_format(row, form, in_degrees=degrees),
            from_keypoint_format(expected, form, in_degrees=degrees),
            f"donor point {point.number}",
        )
    for name in primary.keypoint_fields:
        values = [(untouched[name], donor.keypoint_fields[name])[p.side][p.number] for p in points]
        if name == settings.keypoint_visibility_field:
            values = [v if p.shows else 0 for v, p in zip(values, points, strict=True)]
        check_values(name, out[name], untouched[name], values)


# --- whole outputs --------------------------------------------------------------------------------


def as_boxes_alone(sample: Sample, name: str) -> Sample:
    """A sample that has only the boxes of one of its aliases."""
    return Sample(sample.image, boxes=sample.aliases[name])


def for_aliases(settings: Settings) -> Settings:
    """The settings under which boxes of an alias are judged: they have no label fields."""
    return replace(settings, visibility_field=None, ignore_field=None, mask_index_field=None)


def check_aliases(
    out: Mapping[str, Any],
    untouched: Mapping[str, Any] | None,
    primary: Sample,
    donor: Sample,
    patch: Rectangle,
    source: Rectangle,
    settings: Settings,
) -> None:
    """Assert every additional target: it takes the donor's data of the same name."""
    for name, kind in settings.aliases.items():
        mine, theirs = primary.aliases[name], donor.aliases[name]
        if kind == "image":
            check_image(out[name], mine, theirs, patch, source, f"output {name}")
        elif kind == "mask":
            check_array(out[name], mixed_mask(mine, theirs, patch, source), f"output {name}")
        else:
            assert kind == "bboxes", kind
            assert untouched is not None, "boxes are compared with an identity run"
            alone = as_boxes_alone(primary, name), as_boxes_alone(donor, name)
            rows = fates(*alone, patch, source, for_aliases(settings))
            check_rows(out[name], untouched[name], rows, primary, settings)


def check_objects(
    out: Mapping[str, Any],
    untouched: Mapping[str, Any] | None,
    primary: Sample,
    donor: Sample | None,
    patch: Rectangle | None,
    source: Rectangle | None,
    settings: Settings,
) -> Rows:
    """Assert boxes, label fields and instance masks: one keep-list; return the fates."""
    rows = fates(primary, donor, patch, source, settings)
    if primary.boxes is not None:
        assert untouched is not None, "boxes are compared with an identity run"
        check_boxes(out, untouched, primary, donor, rows, settings)
    if primary.masks is None:
        return rows
    if settings.masks_mode == "layers":
        expected = list(primary.masks)
        if donor is not None:
            pairs = zip(primary.masks, donor.masks, strict=True)
            expected = [mixed_mask(mine, theirs, patch, source) for mine, theirs in pairs]
    else:
        expected = mixed_masks(primary, donor, rows, patch, source, settings)
    check_masks(out["masks"], primary.masks, expected)
    return rows


def check_mask_and_label(
    out: Mapping[str, Any],
    primary: Sample,
    donor: Sample,
    patch: Rectangle,
    source: Rectangle,
    report: Report,
    settings: Settings,
) -> None:
    """Assert the semantic mask and the class label, unless a box may cut or show, or not."""
    ignores = settings.ignore_index is not None
    if primary.mask is not None and not (ignores and "seam" in report.unsure):
        assert donor.mask is not None
        mask = mixed_mask(primary.mask, donor.mask, patch, source)
        check_array(out["mask"], ignored(mask, report.marks, settings.ignore_index), "output mask")
    if primary.label is not None and not (
        settings.label_weight == "object" and "shown" in report.unsure
    ):
        check_label(out, primary.label, donor.label, report.weights[0], settings)


def check_mix(
    out: Mapping[str, Any],
    primary: Sample,
    donors: Sequence[Sample],
    settings: Settings,
    untouched: Mapping[str, Any] | None = None,
    earlier: np.ndarray | None = None,
) -> None:
    """Assert everything about one mix that fired.

    Args:
        out: What the pipeline returned.
        primary: The sample that went in.
        donors: The pool, in its order.
        settings: What was asked for.
        untouched: See the module; needed where there are boxes or keypoints.
        earlier: The seam map that went in.
    """
    record = out[settings.record_key]
    donor, patch, source = check_record(record, primary, donors, settings)
    check_image(out["image"], primary.image, donor.image, patch, source, "output image")
    report = measure(primary, donor, patch, source, settings)
    check_numbers(record, report)
    if settings.on_unsafe != "flag":
        assert record.flags == 0, "an unsafe mix was let through"
    if settings.seam_key is not None:
        check_seam(out[settings.seam_key], report, patch, earlier)
    check_mask_and_label(out, primary, donor, patch, source, report, settings)
    check_objects(out, untouched, primary, donor, patch, source, settings)
    if primary.keypoints is not None:
        assert untouched is not None, "keypoints are compared with an identity run"
        check_keypoints(out, untouched, primary, donor, patch, source, settings)
    check_aliases(out, untouched, primary, donor, patch, source, settings)


def check_unfired(
    out: Mapping[str, Any],
    primary: Sample,
    settings: Settings,
    reason: str,
    untouched: Mapping[str, Any] | None = None,
    earlier: np.ndarray | None = None,
) -> None:
    """Assert everything about a call in which nothing was pasted: the sample as it was.

    Thresholds of the pipeline hold all the same, and row i of `masks` belongs to box i.
    """
    check_unfired_record(out[settings.record_key], primary.shape, reason)
    check_no_numbers(out[settings.record_key])
    if settings.seam_key is not None:
        empty = np.zeros(primary.shape, np.uint8)
        check_array(out[settings.seam_key], empty if earlier is None else earlier, "seam map")
    check_array(out["image"], primary.image, "output image")
    if primary.mask is not None:
        check_array(out["mask"], primary.mask, "output mask")
    if primary.label is not None:
        check_label(out, primary.label, primary.label, Fraction(1), settings)
    check_objects(out, untouched, primary, None, None, None, settings)
    names = []
    if primary.boxes is not None and not (settings.bbox_limits or settings.mask_index_field):
        names += ["bboxes", *primary.fields]
    if primary.keypoints is not None:
        names += ["keypoints", *primary.keypoint_fields]
    for name, kind in settings.aliases.items():
        if kind == "bboxes":
            rows = fates(as_boxes_alone(primary, name), None, None, None, for_aliases(settings))
            check_rows(out[name], untouched[name], rows, primary, settings)
        else:
            names.append(name)
    for name in names:
        assert untouched is not None, "targets are compared with an identity run"
        check_same_kind(out[name], untouched[name], name)
        assert np.array_equal(np.asarray(out[name]), np.asarray(untouched[name])), name


def is_unsure(primary: Sample, donors: Sequence[Sample], record: Any, settings: Settings) -> bool:
    """Whether the host's float32 may tip the fate of a box: such a case has no one answer."""
    donor = patch = source = None
    if record.applied:
        donor = donors[int(record.donors[0])]
        patch, source = (tuple(map(int, rows[0])) for rows in (record.patches, record.sources))
    judged = [fates(primary, donor, patch, source, settings)]
    for name, kind in settings.aliases.items():
        if kind == "bboxes":
            theirs = None if donor is None else as_boxes_alone(donor, name)
            alone = as_boxes_alone(primary, name), theirs
            judged.append(fates(*alone, patch, source, for_aliases(settings)))
    return any(fate.unsure for rows in judged for side in rows for fate in side)
