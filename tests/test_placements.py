"""Placements "avoid" and "objects" in the transform: on every kind of object, nothing is cut."""

from __future__ import annotations

import albumentations as A
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from albu_cutmix import (
    CutMix,
    Donor,
    InvalidArgumentError,
    InvalidSampleError,
    MemoryPool,
    SafetyLimits,
    replay,
)
from albu_cutmix.outlines import outline_boxes, outline_masks, outline_regions, outline_runs
from albu_cutmix.scenes import scene_pool
from albu_cutmix.shapes import Regions

SHAPE = (37, 53)
KINDS = ("masks", "mask", "bboxes")
FITS = ("cover", "stretch", "crop", "whole")


def scatter(seed: int, shape: tuple[int, int] = SHAPE, count: int = 3) -> Donor:
    """A sample of small blobs that do not touch, as instance masks, regions and boxes."""
    rng = np.random.default_rng(seed)
    mask, masks, boxes = np.zeros(shape, np.uint8), [], []
    for value in range(1, count + 1):
        for _ in range(20):
            h, w = rng.integers(2, 6, 2)
            y, x = rng.integers(0, shape[0] - h), rng.integers(0, shape[1] - w)
            if not mask[max(y - 1, 0) : y + h + 1, max(x - 1, 0) : x + w + 1].any():
                blob = np.zeros(shape, np.uint8)
                blob[y : y + h, x : x + w] = 1
                mask[blob == 1] = value
                masks.append(blob)
                boxes.append((x, y, x + w, y + h))
                break
    image = rng.integers(0, 255, (*shape, 3), np.uint8)
    return Donor(image, mask, np.array(masks), np.array(boxes, np.float64))


def call(sample: Donor, kind: str) -> dict:
    """The keywords of a call that holds one kind of object."""
    return {"image": sample.image, kind: getattr(sample, kind)}


def only(sample: Donor, kind: str) -> Donor:
    """A donor that holds one kind of object."""
    return Donor(sample.image, **{kind: getattr(sample, kind)})


def run(placement, kind, primary, donor, seed, **rest):
    """Mix once; boxes stand as pascal_voc."""
    mix = CutMix([only(donor, kind)], placement=placement, p=1.0, **rest)
    params = A.BboxParams("pascal_voc") if kind == "bboxes" else None
    pipeline = A.Compose([mix], bbox_params=params, seed=seed)
    data = call(primary, kind)
    if kind == "masks":
        data["masks"] = list(data["masks"])
    return pipeline(**data)["mix"], pipeline


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25)
@given(seed=st.integers(0, 10**6))
def test_avoid_touches_no_object(kind, fit, seed):
    """No pixel of a primary object is under the patch; the donor's size does not matter."""
    primary, donor = scatter(seed), scatter(seed + 1, (29, 31))
    record, _ = run("avoid", kind, primary, donor, seed, fit=fit)
    assert record.applied or record.reason == "no_patch"
    x_min, y_min, x_max, y_max = record.patches[0].tolist()
    assert not primary.mask[y_min:y_max, x_min:x_max].any()
    if record.applied and fit != "whole":
        assert 0.01 < float(1 - record.lam) < 0.36


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25)
@given(seed=st.integers(0, 10**6))
def test_objects_cuts_nothing_on_either_side(kind, fit, seed):
    """Each object is inside patch or source as a whole, or not at all; one of the donor's is."""
    primary, donor = scatter(seed), scatter(seed + 1, (29, 31))
    record, _ = run("objects", kind, primary, donor, seed, fit=fit)
    assert record.applied or record.reason == "no_patch"
    if not record.applied:
        return
    held = 0
    for sample, edges in ((primary, record.patches[0]), (donor, record.sources[0])):
        x_min, y_min, x_max, y_max = edges.tolist()
        for blob in sample.masks:
            inside = int(blob[y_min:y_max, x_min:x_max].sum())
            assert inside in (0, int(blob.sum()))
            held += sample is donor and inside > 0
    assert held
    assert record.seam_object_px == 0


@pytest.mark.parametrize("placement", ["avoid", "objects"])
def test_most_scenes_are_mixed(placement):
    """On scenes with room the placements do their work, and their mixes replay."""
    pool = scene_pool(6)
    mix = CutMix(pool, placement=placement, p=1.0)
    params = A.BboxParams("pascal_voc", label_fields=["labels"])
    pipeline = A.Compose([mix], bbox_params=params, seed=0)
    applied = 0
    for number in range(30):
        sample = pool.sample(number % 6)
        out = pipeline(**sample, pool_index=number % 6)
        applied += out["mix"].applied
        again = replay(out["mix"], sample, pool, pipeline)
        assert again["mix"] == out["mix"]
        assert np.array_equal(again["image"], out["image"])
    assert applied >= 20


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("placement", ["avoid", "objects"])
def test_no_room_is_no_patch(placement, kind):
    """An object that fills the image leaves no place for a patch that cuts nothing."""
    full = Donor(
        np.zeros((*SHAPE, 3), np.uint8), np.ones(SHAPE, np.uint8), np.ones((1, *SHAPE), np.uint8),
        np.array([[0.0, 0.0, SHAPE[1], SHAPE[0]]]),
    )  # fmt: skip
    record, _ = run(placement, kind, full, scatter(0), 0)
    assert (record.applied, record.reason) == (False, "no_patch")


def test_a_donor_without_objects_gives_no_patch():
    """With "objects" there is nothing to hold; the record says so."""
    empty = Donor(np.zeros((*SHAPE, 3), np.uint8), bboxes=np.zeros((0, 4)))
    record, _ = run("objects", "bboxes", scatter(0), empty, 0)
    assert record.reason == "no_patch"


@pytest.mark.parametrize("placement", ["avoid", "objects"])
def test_objects_must_be_in_the_call(placement):
    """A call that holds no objects cannot spare them, fired or not."""
    image = np.zeros((*SHAPE, 3), np.uint8)
    for p in (0.0, 1.0):
        mix = CutMix([{"image": image}], placement=placement, p=p)
        with pytest.raises(InvalidSampleError, match=f"placement='{placement}' needs objects in"):
            mix(image=image)


def test_layers_are_no_objects():
    """Masks as layers do not say where objects are."""
    image, masks = np.zeros((*SHAPE, 3), np.uint8), [np.zeros(SHAPE, np.uint8)]
    mix = CutMix([{"image": image, "masks": masks}], placement="avoid", masks_mode="layers", p=1)
    with pytest.raises(InvalidSampleError, match="got masks as layers"):
        mix(image=image, masks=masks)


def test_a_donor_that_is_not_annotated_is_refused():
    """Not annotated is not empty."""
    donor = Donor(np.zeros((*SHAPE, 3), np.uint8))
    mix = CutMix([donor], placement="objects", p=1.0)
    with pytest.raises(InvalidSampleError, match="looks for objects in 'mask', as in the primary"):
        mix(image=donor.image, mask=np.ones(SHAPE, np.uint8))


def test_objects_takes_no_ratio():
    """The patch has the shape of what it holds."""
    with pytest.raises(InvalidArgumentError, match="takes no ratio_range"):
        CutMix(placement="objects", ratio_range=(1, 1))


# Outlines ----------------------------------------------------------------------------------------


def test_boxes_are_outlined_outward():
    """Every pixel that a box touches, jitter snapped away; parts outside are cut off."""
    boxes = np.array([[1.2, 2.0, 3.0001, 4.5], [-2.0, -2.0, 1.0, 1.0]])
    assert outline_boxes(boxes, (10, 12)).tolist() == [[1, 2, 3, 5], [0, 0, 1, 1]]


def test_empty_masks_have_no_outline():
    """A mask without a pixel is nowhere."""
    planes = [np.zeros((5, 7), bool), np.eye(5, 7, 1, dtype=bool)]
    assert outline_masks(planes).tolist() == [[1, 0, 6, 5]]
    assert outline_masks([]).shape == (0, 4)


def test_regions_are_connected_pixels_of_one_value():
    """Touching regions of two values are two, corners do not connect, background is none."""
    mask = np.array([[1, 1, 2, 0], [0, 0, 2, 0], [1, 0, 0, 2]])
    found = sorted(map(tuple, outline_regions(Regions(mask)).tolist()))
    assert found == [(0, 0, 2, 1), (0, 2, 1, 3), (2, 0, 3, 2), (3, 2, 4, 3)]
    assert outline_regions(Regions(mask, (0, 1))).tolist() == [[2, 0, 3, 2], [3, 2, 4, 3]]
    assert len(outline_regions(Regions(mask, None))) == 6


@settings(max_examples=40)
@given(height=st.integers(1, 150), width=st.integers(1, 150), seed=st.integers(0, 99))
def test_runs_hold_every_object_pixel(height, width, seed):
    """Runs cover all object pixels; in images of up to 64 pixels a side, and nothing else."""
    mask = (np.random.default_rng(seed).random((height, width)) < 0.1).astype(np.int32)
    covered = np.zeros(mask.shape, bool)
    for x_min, y_min, x_max, y_max in outline_runs(Regions(mask)).tolist():
        covered[y_min:y_max, x_min:x_max] = True
    assert covered[mask != 0].all()
    if max(height, width) <= 64:
        assert np.array_equal(covered, mask != 0)


# Limits ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"erased": -1}, "SafetyLimits.erased must be a count >= 0, or None, got -1."),
        ({"slivers": 0.5}, "SafetyLimits.slivers must be a count >= 0, or None, got 0.5."),
        ({"splits": True}, "SafetyLimits.splits must be a count >= 0, or None, got True."),
        ({"truncated": 1.1}, r"SafetyLimits.truncated must be a share in \[0, 1\], or None, got"),
        ({"remnant": "x"}, r"SafetyLimits.remnant must be a share in \[0, 1\], or None, got 'x'."),
        ({"label_noise": float("nan")}, "SafetyLimits.label_noise must be a share"),
        ({"sliver_side": None}, "SafetyLimits.sliver_side must be a number >= 0, got None."),
        ({"sliver_aspect": 0.5}, "SafetyLimits.sliver_aspect must be a number >= 1, got 0.5."),
        ({"ghosts": 1}, "SafetyLimits.ghosts must be True, False or None, got 1."),
        ({"ghost": True}, r"limits must be SafetyLimits\(...\), a mapping of its arguments"),
        (0.5, "or None, got 0.5."),
    ],
)
def test_limits_out_of_range(limits, words):
    """Every limit is checked in the constructor, and the message names it."""
    with pytest.raises(InvalidArgumentError, match=words):
        CutMix(limits=limits)


def test_limits_are_printed_as_they_are_written():
    """Only what differs from the default is shown, and evaluates to the same limits."""
    limits = SafetyLimits(truncated=None, remnant=0.5)
    assert repr(limits) == "SafetyLimits(truncated=None, remnant=0.5)"
    assert SafetyLimits.of(limits.as_dict()) == limits
    assert repr(SafetyLimits()) == "SafetyLimits()"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"seam_width": 0}, "seam_width must be a whole number of pixels >= 1, got 0."),
        ({"seam_width": 1.5}, "seam_width must be a whole number of pixels >= 1, got 1.5."),
        ({"ignore_index": "a"}, "ignore_index must be a whole number or None, got 'a'."),
        ({"background": "a"}, "background must be a value of mask, a tuple of values, or None"),
        ({"background": ()}, "background must be a value of mask, a tuple of values, or None"),
        ({"label_weight": "pixels"}, "label_weight must be one of area, object, got 'pixels'."),
        ({"on_unsafe": "drop"}, "on_unsafe must be one of flag, resample, skip, raise, got"),
        ({"seam_key": "mask"}, "seam_key='mask' is the name of a target. Choose another name."),
        ({"seam_key": "label"}, "pool_index must be different names"),
        ({"seam_key": "mix"}, "pool_index must be different names"),
        ({"seam_key": 3}, "seam_key must be a keyword name, got 3."),
    ],
)
def test_safety_arguments_out_of_range(arguments, words):
    """Each is refused in the constructor."""
    with pytest.raises(InvalidArgumentError, match=words):
        CutMix(**arguments)


@pytest.mark.parametrize("kind", ["image", "bboxes"])
def test_a_seam_key_cannot_be_a_target_of_another_kind(kind):
    """Registered as anything but a mask, the key is refused where the pipeline is made."""
    image = np.zeros((*SHAPE, 3), np.uint8)
    mix = CutMix([{"image": image}], seam_key="seam")
    with pytest.raises(InvalidArgumentError, match="additional target 'seam' is a key of CutMix"):
        A.Compose([mix], additional_targets={"seam": kind})


@pytest.mark.parametrize(
    ("dtype", "index", "good"),
    [
        ("uint8", 255, True), ("uint8", 256, False), ("uint8", -1, False), ("int8", -1, True),
        ("bool", 1, True), ("bool", 2, False), ("float32", 2**24, True),
        ("float32", 2**24 + 2, False), ("int64", 2**40, True),
    ],
)  # fmt: skip
@pytest.mark.parametrize("p", [0.0, 1.0])
def test_an_index_that_the_mask_cannot_hold_is_refused(p, dtype, index, good):
    """Fired or not: nothing is wrapped around or rounded."""
    sample = {"image": np.zeros((*SHAPE, 3), np.uint8), "mask": np.zeros(SHAPE, dtype)}
    mix = CutMix([sample], ignore_index=index, p=p)
    if good:
        assert mix(**sample)["mask"].dtype == dtype
        return
    with pytest.raises(InvalidSampleError, match=f"ignore_index={index} must be a value that mask"):
        mix(**sample)


def test_weights_by_objects_need_objects():
    """A label cannot be weighted by what the call does not hold."""
    sample = {"image": np.zeros((*SHAPE, 3), np.uint8), "label": 0}
    mix = CutMix(MemoryPool([Donor(**sample)]), classes=2, label_weight="object", p=0.0)
    with pytest.raises(InvalidSampleError, match="label_weight='object' needs objects in the call"):
        mix(**sample)
