"""Random batches, and a slow oracle of what `BatchCutMix` must return: sample by sample.

The rules are those of `oracle`, of a donor of the primary's size. What is drawn is taken from the
record (tests of the draw are apart); everything else is worked out anew, pixel by pixel.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import oracle
import oracle_objects
import oracle_safety
import torch
from oracle import Settings

LEAST = Fraction(1, 10)
IMAGES = ("uint8", "uint16", "float16", "float32", "bfloat16")
MASKS = ("uint8", "int32", "int64", "bool", "uint16")


def random_batch(seed: int, size: int, shape: tuple[int, int], **kinds: Any) -> dict[str, Any]:
    """A batch of NumPy arrays (bfloat16 stands as uint16 here) with every target.

    Args:
        seed: Of all values.
        size: Number of samples.
        shape: (height, width).
        kinds: `image` and `mask` (dtypes), `layout`, `classes`, `planes` (channels of the mask).
    """
    rng = np.random.default_rng(seed)
    layout, channels = kinds.get("layout", "NCHW"), kinds.get("channels", 3)
    axes = (channels, *shape) if layout == "NCHW" else (*shape, channels)
    raw = rng.integers(0, 256, (size, *axes, 4), np.uint8)
    dtype = kinds.get("image", "float32")
    image = raw.view(np.float32)[..., 0]
    if dtype != "float32":
        image = np.ascontiguousarray(raw[..., :2]).view(np.uint16)[..., 0]
        image = raw[..., 0].copy() if dtype == "uint8" else image
    image = rng.random(image.shape, np.float32) if dtype == "float32" else image
    image = rng.random(image.shape).astype(np.float16) if dtype == "float16" else image
    planes = kinds.get("planes")
    mask = rng.integers(0, 3, (size, *shape)).astype(kinds.get("mask", "uint8"))
    if planes:
        stack = [rng.integers(0, 3, mask.shape).astype(mask.dtype) for _ in range(planes)]
        mask = np.stack(stack, 1 if layout == "NCHW" else 3)
    boxes, counts = _random_boxes(rng, size, shape)
    points = rng.uniform(-1, max(shape) + 1, (size, 5, 3)).astype(np.float32)
    points[:, :2, :2] = rng.integers(0, min(shape), (size, 2, 2))
    return {
        "image": image,
        "label": rng.integers(0, kinds.get("classes", 4), size),
        "mask": mask,
        "bboxes": boxes,
        "num_bboxes": counts,
        "keypoints": points,
        "num_keypoints": rng.integers(0, 6, size),
    }


def _random_boxes(
    rng: np.random.Generator, size: int, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Whole, fractional, nearly whole and outreaching boxes with a class; unused rows hold NaN."""
    limits = np.array(shape[::-1])
    low = rng.uniform(-2, limits - 2, (size, 6, 2))
    high = np.maximum(low + rng.uniform(1.5, limits, (size, 6, 2)), 1.0)
    rows = np.concatenate((low, high, rng.integers(0, 90, (size, 6, 1))), 2)
    kind = rng.integers(0, 3, (size, 6, 1))
    whole = np.concatenate((np.floor(rows[..., :2]), np.ceil(rows[..., 2:])), 2)
    rows = np.where(kind == 1, whole, rows)
    rows[..., :4] += np.where(kind == 2, np.rint(rows[..., :4]) - rows[..., :4] + 2e-4, 0)
    rows[..., 2:4] = np.maximum(rows[..., 2:4], rows[..., :2] + 1)
    counts = rng.integers(0, 7, size)
    rows[np.arange(6) >= counts[:, None]] = np.nan
    return rows.astype(np.float32), counts


def as_hwc(array: np.ndarray, layout: str) -> np.ndarray:
    """One sample as (H, W) or (H, W, C)."""
    return array.transpose(1, 2, 0) if array.ndim == 3 and layout == "NCHW" else array


def plain(value: Any) -> np.ndarray:
    """An array of any library as NumPy; bfloat16 as its bits."""
    if isinstance(value, torch.Tensor):
        return (value.view(torch.int16) if value.dtype == torch.bfloat16 else value).numpy()
    return np.asarray(value)


def check_batch(batch: dict[str, Any], out: dict[str, Any], layout: str, classes: int) -> None:
    """Assert that every target of every sample is what the rules say."""
    record = out["mix"]
    before, after = ({k: plain(v) for k, v in one.items() if k != "mix"} for one in (batch, out))
    assert set(after) - {"seam"} == set(before)
    for row in range(len(before["image"])):
        applied = bool(record.applied[row])
        donor = int(record.donors[row, 0]) if applied else row
        patch = tuple(int(edge) for edge in record.patches[row, 0])
        assert applied == (donor != row) == (record.reason[row] == "")
        check_pixels(before, after, row, donor, patch, layout)
        lam = check_label(before, after, row, donor, patch, classes)
        assert np.float32(float(lam)) == record.lam[row]
        check_rows(before, after, row, donor, patch)
        if "seam" in after:
            check_seam(before, after, row, donor, patch, layout, record)


def check_pixels(before, after, row, donor, patch, layout) -> None:
    """Image and mask: the donor's bytes in the patch, the primary's elsewhere."""
    for name in ("image", "mask"):
        own, other, got = (
            as_hwc(np.ascontiguousarray(one[name])[at], layout)
            for one, at in ((before, row), (before, donor), (after, row))
        )
        assert before[name].dtype == after[name].dtype
        assert before[name].shape == after[name].shape
        expected = oracle.mixed_image(own, other, patch, patch)
        assert expected.tobytes() == np.ascontiguousarray(got).tobytes(), f"{name} of {row}"


def check_label(before, after, row, donor, patch, classes) -> Fraction:
    """Soft labels from counted pixels; returns the counted lam."""
    lam = oracle.lam_of(_height_width(before), patch if patch[2] else None)
    expected = oracle.soft_label(before["label"][row], before["label"][donor], lam, classes)
    got = after["label"][row]
    assert after["label"].dtype == np.float32
    assert got.tolist() == [float(np.float32(float(value))) for value in expected]
    return lam


def _height_width(before) -> tuple[int, int]:
    mask = before["mask"]
    if mask.ndim == 3:
        return mask.shape[1], mask.shape[2]
    image = before["image"]
    return (image.shape[2:]) if mask.shape[2:] == image.shape[2:] else image.shape[1:3]


def check_rows(before, after, row, donor, patch) -> None:
    """Boxes and keypoints: kept ones of the primary, then the donor's, then zeros."""
    shape = _height_width(before)
    own, theirs = (before["bboxes"][at, : before["num_bboxes"][at]] for at in (row, donor))
    expected = []
    for box in own:
        fate = oracle.primary_fate(box[:4].tolist(), shape, patch, "clip", LEAST)
        if not patch[2]:
            expected.append(box.tolist())
        elif fate.kept:
            moved = [float(edge) for edge in fate.box] if fate.touched else box[:4].tolist()
            expected.append([*moved, box[4]])
    for box in theirs if patch[2] else ():
        fate = oracle.donor_fate(box[:4].tolist(), shape, patch, patch, "clip", LEAST)
        if fate.kept:
            expected.append([*(float(edge) for edge in fate.box), box[4]])
    _check_padded(after, "bboxes", row, expected, before)
    own, theirs = (before["keypoints"][at, : before["num_keypoints"][at]] for at in (row, donor))
    points = [p.tolist() for p in own if not oracle_objects.holds(patch, p)]
    points += [p.tolist() for p in theirs if oracle_objects.holds(patch, p)]
    _check_padded(after, "keypoints", row, points, before)


def _check_padded(after, name, row, expected, before) -> None:
    got = after[name]
    assert got.dtype == before[name].dtype
    assert got.shape == (len(got), 2 * before[name].shape[1], before[name].shape[2])
    assert after[f"num_{name}"][row] == len(expected)
    rows = np.zeros(got.shape[1:], got.dtype)
    if expected:
        rows[: len(expected)] = expected
    assert got[row].tolist() == rows.tolist(), f"{name} of {row}"


def check_seam(before, after, row, donor, patch, layout, record) -> None:
    """The seam map and its counts: SEAM, and LABEL_JUMP of the masks."""
    shape = _height_width(before)
    masks = tuple(as_hwc(before["mask"][at], layout) for at in (row, donor))
    pairs = oracle_safety.seam_pairs(shape, shape, patch, patch)
    bits = [oracle_safety.pair_bits(pair, ([], []), masks) for pair in pairs]
    marks = oracle_safety.seam_marks(shape, patch, pairs, bits, Settings().seam_width)
    assert after["seam"].dtype == np.uint8
    assert after["seam"][row].tolist() == marks.tolist()
    assert record.seam_px[row] == len(pairs)
    assert record.seam_jump_px[row] == sum(value > oracle_safety.SEAM for value in bits)
