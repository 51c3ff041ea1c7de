"""A slow oracle of what `BatchMixUp` must return: sample by sample, from the text of its rules.

Donors and blends are taken from the record (tests of the draw are apart); all else is worked out
anew: integers exactly, floats in steps that float64 holds without an error.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import oracle
from batch_oracle import plain

STEPS = 65536


def check_mixup(
    batch: dict[str, Any],
    out: dict[str, Any],
    layout: str = "NCHW",
    classes: int = 4,
    mode: str = "heavier",
    ignore: int | None = None,
    faded: int | None = None,
) -> None:
    """Assert that every target of every sample is what the rules say."""
    record = out["mix"]
    before, after = ({k: plain(v) for k, v in one.items() if k != "mix"} for one in (batch, out))
    assert set(after) - {"seam"} == set(before)
    halves = str(getattr(batch["image"], "dtype", "")) == "torch.bfloat16"
    for row in range(len(before["image"])):
        applied = bool(record.applied[row])
        donor = int(record.donors[row, 0]) if applied else row
        steps = float(record.blend[row]) * STEPS
        assert steps == int(steps)
        assert 0 < steps < STEPS if applied else steps == STEPS
        assert applied == (donor != row) == (record.reason[row] == "")
        sides = tuple(before["image"][at] for at in (row, donor))
        expected = blended(*sides, int(steps), halves=halves) if applied else sides[0]
        assert after["image"][row].dtype == expected.dtype
        assert after["image"][row].tobytes() == expected.tobytes(), f"image of {row}"
        check_mask(before, after, row, donor, int(steps), mode, ignore)
        check_label(before, after, row, donor, int(steps), classes)
        check_rows(before, after, row, donor if applied else None, int(steps), layout, faded)
        check_record(before, record, row, donor, layout, applied=applied)
    if "seam" in after:
        shape = _height_width(before["image"], layout)
        assert after["seam"].dtype == np.uint8
        assert after["seam"].shape == (len(before["image"]), *shape)
        assert not after["seam"].any()


def _height_width(image: np.ndarray, layout: str) -> tuple[int, int]:
    return image.shape[-2:] if layout == "NCHW" else image.shape[-3:-1]


def blended(own: np.ndarray, other: np.ndarray, steps: int, *, halves: bool = False) -> np.ndarray:
    """Every pixel of a blend of `steps` parts of 65536 of the primary.

    Args:
        own: The primary's pixels.
        other: The donor's.
        steps: Parts of the primary.
        halves: Whether the pixels are the bits of bfloat16.
    """
    if halves:
        sides = (_from_bfloat16(side) for side in (own, other))
        return _to_bfloat16(_blended_floats(*sides, steps)).astype(own.dtype)
    if own.dtype.kind in "iu":
        total = steps * own.astype(np.int64) + (STEPS - steps) * other.astype(np.int64)
        whole, rest = total // STEPS, total % STEPS
        up = (rest > STEPS // 2) | ((rest == STEPS // 2) & (whole % 2 == 1))
        return (whole + up).astype(own.dtype)
    if own.dtype.itemsize == 8:
        first, second = (side.astype(float).astype(object) for side in (own, other))
        part = steps / STEPS
        return (first * part + second * (1 - part)).astype(own.dtype)
    floats = _blended_floats(own.astype(np.float32), other.astype(np.float32), steps)
    return floats.astype(own.dtype)


def _blended_floats(own: np.ndarray, other: np.ndarray, steps: int) -> np.ndarray:
    """Two products and a sum of float32, each rounded once from its exact value in float64."""
    parts = (own, steps), (other, STEPS - steps)
    one, two = ((side.astype(np.float64) * (k / STEPS)).astype(np.float32) for side, k in parts)
    return (one.astype(np.float64) + two.astype(np.float64)).astype(np.float32)


def _from_bfloat16(bits: np.ndarray) -> np.ndarray:
    return (bits.astype(np.uint16).astype(np.uint32) << 16).view(np.float32)


def _to_bfloat16(floats: np.ndarray) -> np.ndarray:
    """The nearest bfloat16, half to even, of finite numbers."""
    bits = floats.view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def check_mask(before, after, row, donor, steps, mode, ignore) -> None:
    """The heavier side's whole mask, or what both agree in."""
    if "mask" not in before:
        return
    own, other = (before["mask"][at] for at in (row, donor))
    expected = own if 2 * steps >= STEPS else other
    if mode == "ignore":
        pairs = zip(own.ravel().tolist(), other.ravel().tolist(), strict=True)
        values = [one if one == two else ignore for one, two in pairs]
        expected = np.array(values, own.dtype).reshape(own.shape)
    assert after["mask"].dtype == before["mask"].dtype
    assert after["mask"].shape == before["mask"].shape
    assert after["mask"][row].tobytes() == expected.tobytes(), f"mask of {row}"


def check_label(before, after, row, donor, steps, classes) -> None:
    """Soft labels: the blend for the primary's class, the rest for the donor's."""
    if "label" not in before:
        return
    expected = oracle.soft_label(
        before["label"][row], before["label"][donor], Fraction(steps, STEPS), classes
    )
    assert after["label"].dtype == np.float32
    assert after["label"][row].tolist() == [float(np.float32(float(one))) for one in expected]


def check_rows(before, after, row, donor, steps, layout, faded) -> None:
    """Boxes and points: all of the primary, then the donor's that lie in the image, then zeros."""
    height, width = _height_width(before["image"], layout)
    whole = (0, 0, width, height)
    for name in ("bboxes", "keypoints"):
        if name not in before:
            continue
        rows, counts = before[name], before[f"num_{name}"]
        expected = [(one.tolist(), steps) for one in rows[row, : counts[row]]]
        for one in [] if donor is None else rows[donor, : counts[donor]]:
            if name == "keypoints":
                inside = 0 <= one[0] < width and 0 <= one[1] < height
                expected += [(one.tolist(), STEPS - steps)] * bool(inside)
                continue
            edges = one[:4].tolist()
            fate = oracle.donor_fate(edges, (height, width), whole, whole, "clip", Fraction(0))
            if fate.kept:
                moved = [float(edge) for edge in fate.box] + one[4:].tolist()
                expected.append((moved, STEPS - steps))
        filled = np.zeros((2 * rows.shape[1], rows.shape[2]), rows.dtype)
        for at, (values, weight) in enumerate(expected):
            if name == "bboxes" and faded is not None:
                values[faded] *= weight / STEPS
            filled[at] = values
        assert after[name].dtype == rows.dtype
        assert after[f"num_{name}"][row] == len(expected)
        assert np.array_equal(after[name][row], filled, equal_nan=True), f"{name} of {row}"


def check_record(before, record, row, donor, layout, *, applied) -> None:
    """The record of one sample: the whole image is the patch, and nobody owns a pixel."""
    height, width = _height_width(before["image"], layout)
    whole = [0, 0, width, height] if applied else [0] * 4
    assert record.kind[row] == "mixup"
    assert record.lam[row] == np.float32(record.blend[row])
    assert record.patches[row].tolist() == record.sources[row].tolist() == [whole]
    assert record.donor_shapes[row].tolist() == [[height, width] if applied else [0, 0]]
    zeros = ("clipped", "dropped", "donor_dropped", "remnant_px", "flags")
    for name in (*zeros, "seam_px", "seam_object_px", "seam_jump_px"):
        assert getattr(record, name)[row] == 0, name
    assert record.owned_px[row].tolist() == [0]
    assert record.least_visibility[row] == 1
    counts = before.get("num_bboxes")
    boxed = applied and counts is not None
    assert record.kept[row] == (counts[row] if boxed else 0)
    assert record.donor_kept[row] == (counts[donor] if boxed else 0)
