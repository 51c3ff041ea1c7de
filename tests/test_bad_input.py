"""Every error message: what was expected, what came, where, and the way out.

Errors of `seed_worker` are in `test_workers.py`, where there are real workers, those of `replay`
in `test_replay.py` and those of `attach_pool` in `test_settings.py`.
"""

from __future__ import annotations

import json
import re
from typing import Any

import albumentations as A
import numpy as np
import pytest

from albu_cutmix import (
    CutMix,
    CutMixError,
    Donor,
    EmptyPoolError,
    InvalidArgumentError,
    InvalidSampleError,
    MemoryPool,
    MixRecord,
    MixTargets,
    dataset_pool,
)

SHAPE = (11, 17)
FULL = [0.0, 0.0, 17.0, 11.0]


def pixels(value: int = 0, dtype: str = "uint8", shape: tuple[int, ...] = (*SHAPE, 3)) -> Any:
    """An image or mask of one value, read-only."""
    out = np.full(shape, value, dtype)
    out.setflags(write=False)
    return out


def donor(**parts: Any) -> Donor:
    """A donor of the primary's size, named in messages."""
    return Donor(**{"image": pixels(255), "id": "d.png", **parts})


def pipeline(donors: Any, *, fields: tuple[str, ...] | None = None, **settings: Any) -> A.Compose:
    """CutMix alone, always on; with boxes where label fields are given."""
    params = None
    if fields is not None:
        params = A.BboxParams(format="pascal_voc", label_fields=list(fields))
    rest = {"p": 1.0, "area_range": (0.3, 0.3), **settings}
    return A.Compose([CutMix(donors, **rest)], seed=1, bbox_params=params)


def snapshot(value: Any) -> Any:
    """Everything of an input that an error must not change."""
    if isinstance(value, np.ndarray):
        return str(value.dtype), value.shape, value.tobytes()
    if isinstance(value, Donor):
        return {name: snapshot(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, dict):
        return {key: snapshot(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [snapshot(part) for part in value]
    return repr(value)


def check_refused(
    run: Any, donors: Any, call: dict[str, Any], words: str, error: type = InvalidSampleError
) -> None:
    """Assert that a call raises with these words and leaves its inputs bit for bit as they were."""
    before = snapshot([donors, call])
    with pytest.raises(error, match=re.escape(words)) as caught:
        run(**call)
    assert isinstance(caught.value, CutMixError)
    assert snapshot([donors, call]) == before


# Arguments ---------------------------------------------------------------------------------------

PAIR = "must be a pair of numbers, got"
SHARES = "must be shares of the image with 0 < least <= greatest <= 1, got"
NAMED = (
    "visibility_field, ignore_field and mask_index_field must be names of different label fields, "
    "or None, got"
)
NAMES = "classes must be a count > 0 or a sequence of distinct names, got"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"p": 1.5}, "p must be a probability in [0, 1], got 1.5."),
        ({"p": -0.1}, "p must be a probability in [0, 1], got -0.1."),
        ({"p": True}, "p must be a probability in [0, 1], got True."),
        ({"p": "often"}, "p must be a probability in [0, 1], got 'often'."),
        ({"p": None}, "p must be a probability in [0, 1], got None."),
        ({"p": float("nan")}, "p must be a probability in [0, 1], got nan."),
        ({"alpha": 0}, "alpha must be a number > 0, got 0."),
        ({"alpha": float("inf")}, "alpha must be a number > 0, got inf."),
        ({"alpha": float("nan")}, "alpha must be a number > 0, got nan."),
        ({"alpha": "1"}, "alpha must be a number > 0, got '1'."),
        ({"area_range": 0.3}, f"area_range {PAIR} 0.3."),
        ({"area_range": (0.1, 0.2, 0.3)}, f"area_range {PAIR} (0.1, 0.2, 0.3)."),
        ({"area_range": (0, 0.3)}, f"area_range {SHARES} (0, 0.3). For patches of 2 to 33 %"),
        ({"area_range": (0.3, 0.1)}, f"area_range {SHARES} (0.3, 0.1)."),
        ({"area_range": (0.3, 1.1)}, f"area_range {SHARES} (0.3, 1.1)."),
        ({"ratio_range": 1}, f"ratio_range {PAIR} 1."),
        (
            {"ratio_range": (2, 0.5)},
            "ratio_range must hold 0 < least <= greatest, got (2, 0.5). (1, 1) is the image's own",
        ),
        ({"ratio_range": (0, 1)}, "ratio_range must hold 0 < least <= greatest, got (0, 1)."),
        (
            {"placement": "outside"},
            "placement must be one of inside, paper, avoid, objects, got 'outside'.",
        ),
        ({"fit": "zoom"}, "fit must be one of cover, stretch, crop, whole, error, got 'zoom'."),
        ({"bbox_mode": "cut"}, "bbox_mode must be one of clip, keep, drop, got 'cut'."),
        ({"bbox_mode": None}, "bbox_mode must be one of clip, keep, drop, got None."),
        (
            {"min_visibility": 2},
            "min_visibility must be a share in [0, 1], or two of them (primary, donor), got 2.",
        ),
        (
            {"min_visibility": (0.1, -1)},
            "min_visibility must be a share in [0, 1], or two of them (primary, donor), got (0.1",
        ),
        ({"min_visibility": (0.1,)}, f"min_visibility {PAIR} (0.1,)."),
        ({"masks_mode": "layer"}, "masks_mode must be one of instances, layers, got 'layer'."),
        ({"keypoint_mode": "hide"}, "keypoint_mode must be one of remove, flag, got 'hide'."),
        (
            {"ignore_field": 3},
            f"{NAMED} (None, 3, None).",
        ),
        ({"label_mode": "hard"}, "label_mode must be one of soft, pair, got 'hard'."),
        ({"classes": 0}, f"{NAMES} 0."),
        ({"classes": True}, f"{NAMES} True."),
        ({"classes": 3.0}, f"{NAMES} 3.0."),
        ({"classes": "cat"}, f"{NAMES} 'cat'."),
        ({"classes": ["a", "a"]}, f"{NAMES} ['a', 'a']."),
        ({"classes": [0, 1]}, f"{NAMES} [0, 1]."),
        ({"classes": []}, f"{NAMES} []."),
        ({"label_key": "a label"}, "label_key must be a keyword name, got 'a label'."),
        ({"label_key": 3}, "label_key must be a keyword name, got 3."),
        ({"record_key": ""}, "record_key must be a keyword name, got ''."),
    ],
    ids=str,
)
def test_argument_out_of_range(settings, words):
    """The constructor names the argument, what it takes and what came."""
    with pytest.raises(InvalidArgumentError, match=re.escape(words)) as caught:
        CutMix([donor()], **settings)
    assert isinstance(caught.value, CutMixError)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        pytest.param(
            {"placement": "paper", "area_range": (0.1, 0.2)},
            "placement='paper' draws the patch by the paper's own procedure and takes no "
            "area_range. Leave it out, or use placement='inside'.",
            id="paper-and-area",
        ),
        pytest.param(
            {"placement": "paper", "ratio_range": (1, 1)},
            "placement='paper' draws the patch by the paper's own procedure and takes no "
            "ratio_range. Leave it out",
            id="paper-and-ratio",
        ),
        pytest.param(
            {"fit": "whole", "placement": "paper"},
            "fit='whole' gives the patch the donor's aspect and cannot be combined with "
            "placement='paper'. Leave it out, or use another fit.",
            id="whole-and-paper",
        ),
        pytest.param(
            {"fit": "whole", "ratio_range": (1, 1)},
            "fit='whole' gives the patch the donor's aspect and cannot be combined with "
            "ratio_range.",
            id="whole-and-ratio",
        ),
        pytest.param(
            {"area_range": (0.5, 1.0), "ratio_range": (0.25, 0.5)},
            "no patch of 1 of the image has a ratio within (0.25, 0.5): it would reach over the "
            "edge. Widen ratio_range towards 1, or lower area_range.",
            id="too-upright-for-its-area",
        ),
        pytest.param(
            {"area_range": (0.5, 0.8), "ratio_range": (2, 3)},
            "no patch of 0.8 of the image has a ratio within (2, 3)",
            id="too-flat-for-its-area",
        ),
        pytest.param(
            {"ignore_field": "seen", "visibility_field": "seen"},
            f"{NAMED} ('seen', 'seen', None).",
            id="ignore-is-visibility",
        ),
        pytest.param(
            {"mask_index_field": "row", "ignore_field": "row"},
            f"{NAMED} (None, 'row', 'row').",
            id="index-is-ignore",
        ),
        pytest.param(
            {"masks_mode": "layers", "mask_index_field": "row"},
            "mask_index_field says which instance mask a box owns and cannot be combined with "
            "masks_mode='layers'. Leave it out, or use masks_mode='instances'.",
            id="index-and-layers",
        ),
        pytest.param(
            {"keypoint_mode": "flag"},
            "keypoint_mode='flag' and keypoint_visibility_field go together, got 'flag' and None. "
            "Name the label field that is set to 0 for covered points, or use "
            "keypoint_mode='remove'.",
            id="flag-without-field",
        ),
        pytest.param(
            {"keypoint_visibility_field": "seen"},
            "go together, got 'remove' and 'seen'. Name the label field",
            id="field-without-flag",
        ),
        pytest.param(
            {"label_key": "mix"},
            "must be different names, got ['mix', 'mix', 'mix_metadata', 'mix_donor',",
            id="label-is-record",
        ),
    ],
)
def test_arguments_that_contradict(settings, words):
    """The message names both arguments and says which one to leave out."""
    with pytest.raises(InvalidArgumentError, match=re.escape(words)):
        CutMix([donor()], **settings)


TARGETS = ["image", "mask", "bboxes", "masks", "keypoints", "images", "volume", "mask3d"]


@pytest.mark.parametrize("key", TARGETS)
@pytest.mark.parametrize("argument", ["label_key", "record_key"])
@pytest.mark.parametrize("kind", [CutMix, MixTargets], ids=["CutMix", "MixTargets"])
def test_key_is_a_target(kind, argument, key):
    """Label and record cannot take the name of a target, in either transform."""
    words = f"{argument}={key!r} is the name of a target. Choose another name."
    with pytest.raises(InvalidArgumentError, match=re.escape(words)):
        kind(**{argument: key})


@pytest.mark.parametrize("p", [0.0, 0.5])
def test_mix_targets_always_runs(p):
    """Batches would hold two kinds of labels otherwise."""
    with pytest.raises(InvalidArgumentError, match=f"must always run: p must be 1.0, got {p}"):
        MixTargets(classes=2, p=p)


def test_mix_targets_checks_its_label_arguments():
    """MixTargets refuses what CutMix refuses."""
    with pytest.raises(InvalidArgumentError, match="label_mode must be one of soft, pair"):
        MixTargets(label_mode="hard")
    with pytest.raises(InvalidArgumentError, match="classes must be a count > 0"):
        MixTargets(classes=0)


# Pools -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pool",
    [
        pytest.param("donors/", id="text"),
        pytest.param(b"donors", id="bytes"),
        pytest.param(Donor(pixels()), id="one-donor"),
        pytest.param(7, id="number"),
        pytest.param(iter([Donor(pixels())]), id="iterator"),
    ],
)
def test_pool_of_a_wrong_type(pool):
    """The type is named, and lists and pools are shown as the way out."""
    words = (
        f"pool must have len() and [i], got {type(pool).__name__}. Give a list of donors, or one "
        "of albu_cutmix's pools"
    )
    with pytest.raises(InvalidArgumentError, match=re.escape(words)):
        CutMix(pool)


@pytest.mark.parametrize("pool", [[], (), MemoryPool([])], ids=["list", "tuple", "MemoryPool"])
def test_empty_pool(pool):
    """An empty pool is refused when the transform is built, by the pool's type."""
    words = f"CutMix needs at least one donor, got none in an empty {type(pool).__name__}."
    with pytest.raises(EmptyPoolError, match=re.escape(words)) as caught:
        CutMix(pool)
    assert isinstance(caught.value, LookupError)


def test_pool_emptied_later():
    """A pool that lost its donors is noticed in the call."""
    donors = [donor()]
    run = pipeline(donors)
    donors.clear()
    words = "CutMix needs at least one donor, got none in an empty list."
    check_refused(run, donors, {"image": pixels()}, words, EmptyPoolError)


def test_empty_list_in_the_call():
    """An empty list in the call wins over the pool, and is refused."""
    donors = [donor()]
    words = "CutMix needs at least one donor, got none in an empty list."
    call = {"image": pixels(), "mix_metadata": []}
    check_refused(pipeline(donors), donors, call, words, EmptyPoolError)


@pytest.mark.parametrize("key", ["mix_metadata", "others"])
def test_no_pool_at_all(key):
    """Both ways to give donors are named, with the key as the user chose it."""
    run = pipeline(None, metadata_key=key)
    words = (
        f"CutMix has no pool and the call no '{key}'. Use CutMix(pool), attach_pool(pipeline, "
        "pool) for a pipeline that was loaded, or pass a list of donors in the call: "
        f"transform(..., {key}=[...])."
    )
    check_refused(run, None, {"image": pixels()}, words, EmptyPoolError)


@pytest.mark.parametrize("index", [3, 17, -1])
def test_pool_index_out_of_range(index):
    """The primary's own index must be one of the pool's."""
    donors = [donor()] * 3
    words = f"pool_index must be an index of the pool of 3 donors, got {index}."
    check_refused(pipeline(donors), donors, {"image": pixels(), "pool_index": index}, words)


@pytest.mark.parametrize(
    ("item", "words"),
    [
        pytest.param(
            pixels(),
            "donor 0 must be a Donor or a mapping with the key 'image', got ndarray. For other "
            "data sets: dataset_pool(dataset, to_donor).",
            id="array",
        ),
        pytest.param(
            (pixels(), 1),
            "donor 0 must be a Donor or a mapping with the key 'image', got tuple.",
            id="tuple",
        ),
        pytest.param(
            {"img": pixels(), "id": "m.png"},
            "donor 'm.png' must be a Donor or a mapping with the key 'image', got ['id', 'img'].",
            id="mapping-without-image",
        ),
        pytest.param(
            {"image": None, "id": "m.png"},
            "got NoneType in donor 'm.png'. cv2.imread returns None for a missing or damaged file",
            id="image-not-read",
        ),
    ],
)
@pytest.mark.parametrize("where", ["pool", "call"])
def test_donor_of_a_wrong_kind(where, item, words):
    """The donor is named by its id or index, from the pool and from the call alike."""
    donors = [item]
    call = {"image": pixels()} | ({"mix_metadata": donors} if where == "call" else {})
    check_refused(pipeline(donors if where == "pool" else None), donors, call, words)


def test_memory_pool_takes_donors():
    """A mapping in a MemoryPool is refused by its place, with the way out."""
    words = "MemoryPool takes Donor objects, got dict at 1. Use Donor.from_mapping, or give"
    with pytest.raises(InvalidArgumentError, match=re.escape(words)):
        MemoryPool([donor(), {"image": pixels()}])


@pytest.mark.parametrize("index", [1, -2])
def test_memory_pool_index(index):
    """A pool without that donor says how many it has, as a sequence does."""
    with pytest.raises(IndexError, match=re.escape(f"MemoryPool(1 donors) has no donor {index}.")):
        MemoryPool([donor()])[index]


def test_dataset_pool_needs_donors():
    """What to_donor returned is named, and for which item."""
    run = pipeline(dataset_pool([pixels()], lambda item: item))
    words = "to_donor must return a Donor, got ndarray for item 0."
    check_refused(run, None, {"image": pixels()}, words)


# Donors at the door ------------------------------------------------------------------------------

OUTSIDE = "lies outside its image of width 17, height 11: are the boxes those of another image"
FINITE = "must be finite with x_max > x_min and y_max > y_min. Remove it from the data."
NAN, INF = float("nan"), float("inf")
POINTS = [(1.0, 2.0), (8.0, 5.0)]


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        pytest.param(
            {"image": None},
            "image must be a numpy array of shape (H, W) or (H, W, C), got NoneType in donor "
            "'d.png'. cv2.imread returns None for a missing or damaged file; convert PIL images "
            "with np.asarray, and place the mix before ToTensorV2.",
            id="no-image",
        ),
        pytest.param(
            {"image": [[0]]},
            "image must be a numpy array of shape (H, W) or (H, W, C), got list",
            id="image-list",
        ),
        pytest.param(
            {"image": pixels(shape=(1, 11, 17, 3))},
            "image must have shape (H, W) or (H, W, C) and at least one pixel, got (1, 11, 17, 3) "
            "in donor 'd.png'.",
            id="image-of-rank-4",
        ),
        pytest.param(
            {"image": pixels(shape=(0, 17, 3))},
            "and at least one pixel, got (0, 17, 3) in donor 'd.png'.",
            id="image-without-pixels",
        ),
        pytest.param(
            {"image": pixels(dtype="float64")},
            "image must be uint8, uint16 or float32, got float64 in donor 'd.png'. Convert it",
            id="image-float64",
        ),
        pytest.param(
            {"mask": [[0]]},
            "mask must be a numeric numpy array of shape (H, W) or (H, W, C), got list in donor",
            id="mask-list",
        ),
        pytest.param(
            {"mask": pixels(dtype="S1", shape=SHAPE)},
            "mask must be a numeric numpy array of shape (H, W) or (H, W, C), got |S1 (11, 17)",
            id="mask-of-text",
        ),
        pytest.param(
            {"mask": pixels(shape=(17, 11))},
            "mask must have the image's height and width (11, 17), got (17, 11) in donor 'd.png'.",
            id="mask-transposed",
        ),
        pytest.param(
            {"masks": pixels(shape=(2, 17, 11))},
            "each of masks must have the image's height and width (11, 17), got (17, 11) in donor",
            id="masks-transposed",
        ),
        pytest.param(
            {"masks": [pixels(shape=SHAPE), pixels(dtype="int32", shape=SHAPE)]},
            "masks must share one dtype and shape, got ['int32 (11, 17)', 'uint8 (11, 17)'] in",
            id="masks-of-two-dtypes",
        ),
        pytest.param(
            {"bboxes": ["cat"]},
            "bboxes must be numbers of shape (N, 4), got ['cat'] in donor 'd.png'. Pass labels in "
            "label fields.",
            id="boxes-of-text",
        ),
        pytest.param(
            {"bboxes": np.array(FULL)},
            "bboxes must have shape (N, 4), got (4,) in donor 'd.png'.",
            id="boxes-flat",
        ),
        pytest.param(
            {"bboxes": [[1, 2, 3]]},
            "bboxes must have shape (N, 4), got (1, 3) in donor 'd.png'.",
            id="boxes-of-three",
        ),
        pytest.param(
            {"bboxes": [[*FULL, 1]]},
            "bboxes must have shape (N, 4), got (1, 5) in donor 'd.png'. Pass further columns as "
            "fields named 'bboxes[4]' and so on.",
            id="boxes-of-five",
        ),
        pytest.param(
            {"bboxes": [FULL], "fields": {"kind": [1, 2]}},
            "donor 'd.png' has 1 boxes, got 2 values in field 'kind'. Give one value per box.",
            id="field-too-long",
        ),
        pytest.param(
            {"bboxes": [FULL], "fields": {"kind": "x"}},
            "got str in field 'kind'. Give one value per box.",
            id="field-of-one-string",
        ),
        pytest.param(
            {"fields": {"kind": [1]}},
            "donor 'd.png' has 0 boxes, got 1 values in field 'kind'.",
            id="field-without-boxes",
        ),
        pytest.param(
            {"keypoints": [(1, 2), (3, NAN)]},
            "keypoint 1 of donor 'd.png' must be finite, and below 1e+30, got [3.0, nan].",
            id="point-nan",
        ),
        pytest.param(
            {"keypoints": [(1, INF)]},
            "keypoint 0 of donor 'd.png' must be finite, and below 1e+30, got [1.0, inf].",
            id="point-infinite",
        ),
        pytest.param(
            {"keypoints": [(1, 2, 3)]},
            "keypoints must have shape (K, 2), x and y in pixels, or (K, 5), x, y, z, angle in "
            "radians and scale, got (1, 3) in donor 'd.png'.",
            id="points-of-three",
        ),
        pytest.param(
            {"keypoints": np.array([1.0, 2.0])},
            "keypoints must have shape (K, 2), x and y in pixels, or (K, 5),",
            id="points-flat",
        ),
        pytest.param(
            {"keypoints": [("nose", 2)]},
            "keypoints must be numbers of shape (K, 2), got [('nose', 2)] in donor 'd.png'. Pass "
            "labels in label fields.",
            id="points-of-text",
        ),
        pytest.param(
            {"keypoints": POINTS, "keypoint_fields": {"part": [1]}},
            "donor 'd.png' has 2 keypoints, got 1 values in field 'part'. Give one value per "
            "keypoint.",
            id="keypoint-field-too-short",
        ),
        pytest.param(
            {"keypoints": POINTS, "keypoint_fields": {"part": "ab"}},
            "donor 'd.png' has 2 keypoints, got str in field 'part'.",
            id="keypoint-field-of-one-string",
        ),
        pytest.param(
            {"keypoint_fields": {"part": [1]}},
            "donor 'd.png' has 0 keypoints, got 1 values in field 'part'.",
            id="keypoint-field-without-points",
        ),
        pytest.param(
            {"keypoints": POINTS, "keypoint_fields": None},
            "keypoint_fields must be a mapping of names to one value per keypoint, got NoneType in",
            id="keypoint-fields-none",
        ),
        pytest.param(
            {"aliases": [pixels()]},
            "aliases must be a mapping of names to arrays, got list in donor 'd.png'.",
            id="aliases-list",
        ),
    ],
)
def test_donor_checked_at_the_door(parts, words):
    """A donor that could not be mixed is refused when it is made, by name."""
    before = snapshot(parts)
    with pytest.raises(InvalidSampleError, match=re.escape(words)):
        donor(**parts)
    assert snapshot(parts) == before


BOXES = [
    pytest.param([3, 3, 3, 6], FINITE, id="no-width"),
    pytest.param([3, 3, 6, 3], FINITE, id="no-height"),
    pytest.param([6, 3, 3, 6], FINITE, id="inverted"),
    pytest.param([NAN, 0, 3, 3], FINITE, id="nan"),
    pytest.param([0, 0, INF, 3], FINITE, id="infinite"),
    pytest.param([20, 0, 25, 5], OUTSIDE, id="right-of-the-image"),
    pytest.param([0, 11, 5, 14], OUTSIDE, id="below-the-image"),
    pytest.param([-5, -5, 0, 0], OUTSIDE, id="touches-the-corner"),
]


@pytest.mark.parametrize(("box", "words"), BOXES)
def test_donor_box_that_is_none(box, words):
    """Row, donor and coordinates of the bad box are named; the good row before it is not."""
    where = f"box 1 of donor 'd.png', xyxy pixels {[float(v) for v in box]!r}, {words}"
    with pytest.raises(InvalidSampleError, match=re.escape(where)):
        donor(bboxes=[FULL, box])


@pytest.mark.parametrize(("box", "words"), BOXES)
def test_mapping_box_that_is_none(box, words):
    """A mapping is checked when it is drawn, in the pipeline's format."""
    donors = [{"image": pixels(255), "bboxes": [FULL, box], "kind": [1, 2], "id": "m.png"}]
    call = {"image": pixels(), "bboxes": [FULL], "kind": [1]}
    where = f"box 1 of donor 'm.png', xyxy pixels {[float(v) for v in box]!r}, {words}"
    check_refused(pipeline(donors, fields=("kind",)), donors, call, where)


def test_donor_without_an_id_is_still_named():
    """A donor made without an id is 'a donor' at the door and has its index in a call."""
    with pytest.raises(InvalidSampleError, match="got float64 in a donor"):
        Donor(pixels(dtype="float64"))
    with pytest.raises(InvalidSampleError, match=r"^a donor must be a Donor or a mapping"):
        Donor.from_mapping({})
    donors = [Donor(pixels(dtype="float32"))]
    words = "got uint8 and float32 in donor 0. Convert one of them; nothing is cast here."
    check_refused(pipeline(donors), donors, {"image": pixels()}, words)


@pytest.mark.parametrize(
    "convert",
    [
        pytest.param(lambda item: item.to_mapping("xywh"), id="to"),
        pytest.param(
            lambda item: Donor.from_mapping(item.to_mapping(), bbox_format="xywh"), id="from"
        ),
    ],
)
def test_unknown_box_format(convert):
    """The formats are listed."""
    words = "bbox_format must be one of pascal_voc, coco, cxcywh, albumentations, yolo, got 'xywh'."
    item = donor(bboxes=[FULL])
    with pytest.raises(InvalidArgumentError, match=re.escape(words)):
        convert(item)


# Primary and donor that do not go together -------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "call", "words"),
    [
        pytest.param(
            {},
            {"mask": pixels(shape=SHAPE)},
            "the primary has a mask, donor 'd.png' has none. Give every donor of the pool its "
            "own, or leave 'mask' out of the call.",
            id="donor-without-mask",
        ),
        pytest.param(
            {"mask": pixels(dtype="int32", shape=SHAPE)},
            {"mask": pixels(shape=SHAPE)},
            "mask of primary and donor must have one dtype, got uint8 and int32 in donor 'd.png'. "
            "Convert one of them; nothing is cast here.",
            id="mask-dtype",
        ),
        pytest.param(
            {"mask": pixels(shape=(*SHAPE, 2))},
            {"mask": pixels(shape=SHAPE)},
            "mask of primary and donor must have equal channels, got shapes (11, 17) and "
            "(11, 17, 2) in donor 'd.png'.",
            id="mask-channels",
        ),
        pytest.param(
            {"image": pixels(dtype="float32")},
            {},
            "image of primary and donor must have one dtype, got uint8 and float32 in donor "
            "'d.png'. Convert one of them",
            id="image-dtype",
        ),
        pytest.param(
            {"image": pixels(shape=SHAPE)},
            {},
            "image of primary and donor must have equal channels, got shapes (11, 17, 3) and "
            "(11, 17) in donor 'd.png'. Read both in one colour mode.",
            id="image-channels",
        ),
        pytest.param(
            {},
            {"label": 1},
            "the primary has a class label under 'label', donor 'd.png' has none. Give every donor "
            "of the pool a label, or leave the label out of the call.",
            id="donor-without-label",
        ),
    ],
)
def test_donor_that_does_not_fit_the_primary(parts, call, words):
    """The field, both sides and the donor are named, and the way out."""
    donors = [donor(**parts)]
    check_refused(pipeline(donors, classes=3), donors, {"image": pixels(), **call}, words)


def rows_of(count: int, dtype: str = "uint8", shape: tuple[int, ...] = SHAPE) -> Any:
    """Instance masks or layers whose every pixel counts, read-only."""
    return pixels(1, dtype, (count, *shape))


@pytest.mark.parametrize(
    ("theirs", "words"),
    [
        pytest.param(
            rows_of(2),
            "masks_mode='layers' needs as many masks in the donor as in the primary, 3, got 2 in "
            "donor 'd.png'. Give every donor the same layers.",
            id="fewer",
        ),
        pytest.param(
            None,
            "needs as many masks in the donor as in the primary, 3, got none in donor 'd.png'.",
            id="none",
        ),
        pytest.param(
            rows_of(3, "int32"),
            "masks of primary and donor must have one dtype, got uint8 and int32 in donor 'd.png'. "
            "Convert one of them; nothing is cast here.",
            id="dtype",
        ),
        pytest.param(
            rows_of(3, shape=(*SHAPE, 2)),
            "masks of primary and donor must have equal channels, got shapes (11, 17) and "
            "(11, 17, 2) in donor 'd.png'.",
            id="channels",
        ),
    ],
)
def test_layers_that_do_not_fit(theirs, words):
    """Layers are pasted row into row, so both sides need the same ones."""
    donors = [donor(masks=theirs)]
    run = pipeline(donors, masks_mode="layers")
    check_refused(run, donors, {"image": pixels(), "masks": rows_of(3)}, words)


@pytest.mark.parametrize(
    ("name", "who"), [("d.png", "donor 'd.png'"), ("", "donor 0")], ids=["id", "no-id"]
)
def test_fit_error_asks_for_equal_sizes(name, who):
    """fit='error' names both sizes and the other fits."""
    donors = [donor(id=name)]
    words = (
        f"{who} has size (11, 17), the primary (17, 11) (height, width), and fit='error' asks for "
        "equal sizes. Resize the donor, or use fit='cover', 'stretch', 'crop' or 'whole'."
    )
    call = {"image": pixels(shape=(17, 11, 3))}
    check_refused(pipeline(donors, fit="error"), donors, call, words)


@pytest.mark.parametrize("p", [0.0, 1.0], ids=["not-fired", "fired"])
@pytest.mark.parametrize(
    ("call", "words"),
    [
        pytest.param(
            {"image": pixels().astype(float)},
            "image must be uint8, uint16 or float32, got float64 in the primary.",
            id="image-float64",
        ),
        pytest.param(
            {"image": None},
            "got NoneType in the primary. cv2.imread returns None for a missing or damaged file",
            id="image-none",
        ),
        pytest.param(
            {"image": pixels(shape=(2, 11, 17, 3))},
            "and at least one pixel, got (2, 11, 17, 3) in the primary.",
            id="rank-4",
        ),
        pytest.param(
            {"image": pixels(), "mask": pixels(shape=(17, 11))},
            "mask must have the image's height and width (11, 17), got (17, 11) in the primary.",
            id="mask-transposed",
        ),
        pytest.param(
            {"image": pixels(), "mask": [[0]]},
            "mask must be a numeric numpy array of shape (H, W) or (H, W, C), got list in the",
            id="mask-list",
        ),
        pytest.param(
            {"image": pixels(), "bboxes": [FULL]},
            "CutMix got bboxes without their format. Put it into a pipeline with bbox_params: "
            "A.Compose([...], bbox_params=A.BboxParams(...)).",
            id="boxes-outside-of-a-pipeline",
        ),
        pytest.param(
            {"image": pixels(), "keypoints": [(1.0, 2.0)]},
            "CutMix got keypoints without their format. Put it into a pipeline with "
            "keypoint_params: A.Compose([...], keypoint_params=A.KeypointParams(...)).",
            id="keypoints-outside-of-a-pipeline",
        ),
    ],
)
def test_direct_call_is_checked_too(call, words, p):
    """Outside of a pipeline, where the host checks nothing, the primary is checked as well."""
    check_refused(CutMix([donor()], p=p), None, call, words)


@pytest.mark.parametrize("p", [0.0, 1.0], ids=["not-fired", "fired"])
@pytest.mark.parametrize(
    ("key", "rows", "argument"),
    [("bboxes", [FULL], "bbox_params"), ("keypoints", [(1.0, 2.0)], "keypoint_params")],
    ids=["bboxes", "keypoints"],
)
def test_rows_without_their_params(key, rows, argument, p):
    """A pipeline without bbox_params or keypoint_params would pass rows through: refused."""
    words = f"CutMix got {key} without their format. Put it into a pipeline with {argument}"
    check_refused(pipeline([donor()], p=p), None, {"image": pixels(), key: rows}, words)


MIXED = (
    "mixes image, mask, masks, bboxes, keypoints, additional targets of image, mask and bboxes, "
    "and a class label; the call also holds"
)


@pytest.mark.parametrize("p", [0.0, 1.0], ids=["not-fired", "fired"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("images", pixels(shape=(1, *SHAPE, 3))),
        ("volume", pixels(shape=(1, *SHAPE, 3))),
        ("volumes", pixels(shape=(1, 1, *SHAPE, 3))),
        ("mask3d", pixels(shape=(1, *SHAPE))),
        ("masks3d", pixels(shape=(1, 1, *SHAPE))),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_target_refused_by_name(name, value, p):
    """A target that is not mixed is never passed through, whether or not the mix fires."""
    words = (
        f"CutMix {MIXED} ['{name}'], which would no longer be true after a mix. Leave them out of "
        "the call."
    )
    run = A.Compose([CutMix([donor()], p=p)])
    check_refused(run, None, {"image": pixels(), name: value}, words)


@pytest.mark.parametrize("p", [0.0, 1.0], ids=["not-fired", "fired"])
@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("masks", pixels(shape=(1, *SHAPE))),
        ("keypoints", [(1.0, 2.0)]),
        ("images", pixels(shape=(1, *SHAPE, 3))),
        ("volume", pixels(shape=(1, *SHAPE, 3))),
        ("mask3d", pixels(shape=(1, *SHAPE))),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_alias_of_another_kind_refused_by_name(kind, value, p):
    """Such an additional target is refused by the user's own name for it, fired or not."""
    run = A.Compose(
        [CutMix([donor()], p=p)],
        additional_targets={"other": kind},
        keypoint_params=A.KeypointParams(format="xy"),
    )
    words = f"CutMix {MIXED} ['other'], which would no longer be true after a mix."
    check_refused(run, None, {"image": pixels(), "other": value}, words)


def test_mix_targets_refuses_under_its_own_name():
    """The transform that refuses is named, all odd targets at once."""
    call = {"image": pixels(), "volume": pixels(shape=(1, *SHAPE)), "mask3d": pixels(shape=SHAPE)}
    words = f"MixTargets {MIXED} ['mask3d', 'volume'], which would no longer be true"
    check_refused(MixTargets(classes=2), None, call, words)


# Aliases -----------------------------------------------------------------------------------------

LACKS = (
    "the primary has the additional target 'extra', donor 'd.png' has none. Give every donor of "
    "the pool its own, or leave 'extra' out of the call."
)


def with_alias(kind: str, donors: Any, **settings: Any) -> A.Compose:
    """A mix with boxes without fields, and one additional target."""
    return A.Compose(
        [CutMix(donors, **{"p": 1.0, "area_range": (0.3, 0.3), **settings})],
        seed=1,
        bbox_params=A.BboxParams(format="pascal_voc"),
        additional_targets={"extra": kind},
    )


@pytest.mark.parametrize(
    ("kind", "mine", "theirs", "words"),
    [
        pytest.param("image", pixels(), None, LACKS, id="no-image"),
        pytest.param("mask", pixels(shape=SHAPE), None, LACKS, id="no-mask"),
        pytest.param("bboxes", [FULL], None, LACKS, id="no-boxes"),
        pytest.param(
            "image",
            pixels(),
            pixels(shape=(17, 11, 3)),
            "extra must have the image's height and width (11, 17), got (17, 11) in donor 'd.png'.",
            id="image-transposed",
        ),
        pytest.param(
            "mask",
            pixels(shape=SHAPE),
            pixels(shape=(17, 11)),
            "extra must have the image's height and width (11, 17), got (17, 11) in donor 'd.png'.",
            id="mask-transposed",
        ),
        pytest.param(
            "image",
            pixels(),
            pixels(dtype="float32"),
            "extra of primary and donor must have one dtype, got uint8 and float32 in donor "
            "'d.png'. Convert one of them; nothing is cast here.",
            id="image-dtype",
        ),
        pytest.param(
            "mask",
            pixels(shape=SHAPE),
            pixels(dtype="int32", shape=SHAPE),
            "extra of primary and donor must have one dtype, got uint8 and int32 in donor",
            id="mask-dtype",
        ),
        pytest.param(
            "image",
            pixels(),
            pixels(shape=SHAPE),
            "extra of primary and donor must have equal channels, got shapes (11, 17, 3) and "
            "(11, 17) in donor 'd.png'. Read both in one colour mode.",
            id="image-channels",
        ),
        pytest.param(
            "image",
            pixels(),
            [[0]],
            "extra must be a numeric numpy array of shape (H, W) or (H, W, C), got list in donor",
            id="image-list",
        ),
        pytest.param(
            "bboxes",
            [FULL],
            [FULL, [6, 3, 3, 6]],
            f"box 1 of donor 'd.png', target 'extra', xyxy pixels [6.0, 3.0, 3.0, 6.0], {FINITE}",
            id="boxes-inverted",
        ),
        pytest.param(
            "bboxes",
            [FULL],
            [[20, 0, 25, 5]],
            "box 0 of donor 'd.png', target 'extra', xyxy pixels [20.0, 0.0, 25.0, 5.0], "
            f"{OUTSIDE}",
            id="boxes-outside",
        ),
        pytest.param(
            "bboxes",
            [FULL],
            [[*FULL, 1]],
            "boxes under 'extra' must have 4 columns, as in the primary and without label fields, "
            "got 5 in donor 'd.png'.",
            id="boxes-of-five",
        ),
        pytest.param(
            "bboxes",
            [FULL],
            ["cat"],
            "extra must be numbers of shape (N, 4), got ['cat'] in donor 'd.png'.",
            id="boxes-of-text",
        ),
    ],
)
def test_alias_that_does_not_fit(kind, mine, theirs, words):
    """The user's own name for the additional target is in the message, and the donor's."""
    donors = [donor(aliases={} if theirs is None else {"extra": theirs})]
    run = with_alias(kind, donors)
    check_refused(run, donors, {"image": pixels(), "extra": mine}, words)


@pytest.mark.parametrize("dtype", ["int32", "float64", "bool"])
@pytest.mark.parametrize("p", [0.0, 1.0], ids=["not-fired", "fired"])
def test_alias_of_image_holds_an_image(p, dtype):
    """An additional image may hold what an image may hold: the kernels can scale no other."""
    donors = [donor(image=pixels(shape=(23, 31, 3)), aliases={"extra": pixels(1, dtype, (23, 31))})]
    words = f"extra must be uint8, uint16 or float32, got {dtype} in the primary."
    run = with_alias("image", donors, p=p)
    check_refused(run, donors, {"image": pixels(), "extra": pixels(0, dtype, SHAPE)}, words)


@pytest.mark.parametrize("p", [0.0, 1.0], ids=["not-fired", "fired"])
@pytest.mark.parametrize("kind", ["image", "mask"])
def test_alias_of_another_size_than_the_image(kind, p):
    """Where the host's own check of shapes is off, the primary's alias is checked all the same."""
    shape = (17, 11, 3) if kind == "image" else (17, 11)
    run = A.Compose(
        [CutMix([donor()], p=p)], additional_targets={"extra": kind}, is_check_shapes=False
    )
    words = "extra must have the image's height and width (11, 17), got (17, 11) in the primary."
    check_refused(run, None, {"image": pixels(), "extra": pixels(shape=shape)}, words)


@pytest.mark.parametrize("p", [0.0, 1.0], ids=["not-fired", "fired"])
def test_alias_boxes_without_bbox_params(p):
    """Boxes under another name need a format as well."""
    run = A.Compose(
        [CutMix([donor(aliases={"extra": [FULL]})], p=p)], additional_targets={"extra": "bboxes"}
    )
    words = "CutMix got extra without their format. Put it into a pipeline with bbox_params"
    check_refused(run, None, {"image": pixels(), "extra": [FULL]}, words)


@pytest.mark.parametrize("kind", [CutMix, MixTargets], ids=["CutMix", "MixTargets"])
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        pytest.param("label", {}, id="label"),
        pytest.param("mix", {}, id="record"),
        pytest.param("target", {"label_key": "target"}, id="own-label-key"),
        pytest.param("r", {"record_key": "r"}, id="own-record-key"),
        pytest.param("mix_metadata", {}, id="metadata"),
        pytest.param("pool_index", {}, id="pool-index"),
        pytest.param("label_donor", {}, id="donor-label"),
    ],
)
def test_alias_named_like_a_key_of_the_mix(name, settings, kind):
    """The pipeline is refused when it is built, before a label is taken for pixels."""
    words = (
        f"additional target {name!r} is a key of {kind.__name__} itself. Choose another name, "
        "label_key, record_key or metadata_key."
    )
    with pytest.raises(InvalidArgumentError, match=re.escape(words)):
        A.Compose([kind(**settings)], additional_targets={name: "mask"})


# Class labels ------------------------------------------------------------------------------------

KINDS = "a class label must be an index, a name or a vector of numbers, got"


@pytest.mark.parametrize("p", [0.0, 1.0], ids=["not-fired", "fired"])
@pytest.mark.parametrize(
    ("classes", "label", "words"),
    [
        pytest.param(3, 3, "class index 3 of the primary is outside the 3 classes 0 to 2.", id="3"),
        pytest.param(3, -1, "class index -1 of the primary is outside the 3 classes", id="-1"),
        pytest.param(
            None,
            1,
            "class index 1 of the primary can be mixed only if the number of classes is known. "
            "Pass classes=<count or names>, or give labels as vectors.",
            id="unknown-count",
        ),
        pytest.param(
            3,
            "cat",
            "class name 'cat' of the primary can be mixed only if the names are known. Pass "
            "classes=[<names>]; it is 3.",
            id="unknown-names",
        ),
        pytest.param(
            ["ant", "bee"],
            "cat",
            "class name 'cat' of the primary is not one of the classes ['ant', 'bee'].",
            id="unknown-name",
        ),
        pytest.param(
            3, [0, 1], "must have one value per class, 3, got 2 in the primary.", id="short"
        ),
        pytest.param(
            None, [NAN, 1], "a label vector must be finite, got [nan, 1] in the primary.", id="nan"
        ),
        pytest.param(3, 1.5, f"{KINDS} 1.5 in the primary.", id="fraction"),
        pytest.param(3, True, f"{KINDS} True in the primary.", id="bool"),
        pytest.param(3, [], f"{KINDS} [] in the primary.", id="empty"),
        pytest.param(3, b"cat", f"{KINDS} b'cat' in the primary.", id="bytes"),
        pytest.param(3, ["a", "b"], f"{KINDS} ['a', 'b'] in the primary.", id="names"),
        pytest.param(3, [[0, 1], [1]], f"{KINDS} [[0, 1], [1]] in the primary.", id="ragged"),
        pytest.param(3, np.eye(2), f"{KINDS} array([[1., 0.]", id="matrix"),
    ],
)
def test_label_of_the_primary(classes, label, words, p):
    """A label that cannot be mixed is refused whether or not the mix fires."""
    donors = [donor(label=[0.0, 1.0])]
    call = {"image": pixels(), "label": label}
    check_refused(pipeline(donors, classes=classes, p=p), donors, call, words)


@pytest.mark.parametrize(
    ("classes", "label", "other", "words"),
    [
        pytest.param(3, 0, 9, "class index 9 of donor 'd.png' is outside the 3", id="index"),
        pytest.param(
            ["ant", "bee"],
            0,
            "cat",
            "class name 'cat' of donor 'd.png' is not one of the classes ['ant', 'bee'].",
            id="name",
        ),
        pytest.param(
            None,
            [1, 0, 0],
            [0, 1],
            "label vectors must have one length, got 3 in the primary and 2 in donor 'd.png'.",
            id="length",
        ),
        pytest.param(
            None,
            [1, 0],
            [INF, 1],
            "a label vector must be finite, got [inf, 1] in donor 'd.png'.",
            id="infinite",
        ),
        pytest.param(3, 0, 0.5, f"{KINDS} 0.5 in donor 'd.png'.", id="fraction"),
    ],
)
def test_label_of_the_donor(classes, label, other, words):
    """A donor's label that cannot be mixed is refused by the donor's name."""
    donors = [donor(label=other)]
    call = {"image": pixels(), "label": label}
    check_refused(pipeline(donors, classes=classes), donors, call, words)


@pytest.mark.parametrize(
    ("label", "other", "kinds"),
    [
        ("cat", 1, "name in the primary and index in donor 'd.png'"),
        (1, [0, 1], "index in the primary and vector of 2 in donor 'd.png'"),
        ([0, 0, 1], [0, 1], "vector of 3 in the primary and vector of 2 in donor 'd.png'"),
    ],
    ids=["name-index", "index-vector", "lengths"],
)
def test_pair_of_two_kinds(label, other, kinds):
    """A pair holds two labels of one kind, so that batches of either stack."""
    donors = [donor(label=other)]
    words = (
        f"label_mode='pair' keeps both labels as they are and needs them of one kind, got {kinds}."
    )
    call = {"image": pixels(), "label": label}
    check_refused(pipeline(donors, label_mode="pair"), donors, call, words)


def test_pair_checks_known_classes():
    """In pair mode an index outside of known classes is refused too."""
    donors = [donor(label=7)]
    words = "class index 7 of donor 'd.png' is outside the 3 classes 0 to 2."
    call = {"image": pixels(), "label": 1}
    check_refused(pipeline(donors, label_mode="pair", classes=3), donors, call, words)


# Two mixes in one pipeline -----------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.0, 1.0], ids=["not-fired", "fired"])
def test_second_mix_under_the_same_record_key(p):
    """Two mixes under one record key are refused, whether or not the first fired."""
    mixes = [CutMix([donor()], p=p), CutMix([donor()], p=p)]
    words = (
        "the call already holds a record under 'mix'. Two mixes that can both be called need "
        "different names: CutMix(record_key=...)."
    )
    check_refused(A.Compose(mixes), None, {"image": pixels()}, words)


def test_mix_targets_after_a_mix():
    """MixTargets belongs before the mix; after it, it would wipe out the record."""
    run = A.Compose([CutMix([donor()], p=1), MixTargets()])
    words = "already holds a record under 'mix'. Two mixes that can both be called need"
    check_refused(run, None, {"image": pixels()}, words)


@pytest.mark.parametrize("p", [0.0, 1.0], ids=["not-fired", "fired"])
def test_pair_mixed_twice(p):
    """A pair mixed a second time would need three labels: soft labels are named as the way out."""
    donors = [donor(label=1)]
    pair = {"label_mode": "pair", "p": p}
    run = A.Compose([CutMix(donors, **pair), CutMix(donors, record_key="second", **pair)])
    words = (
        "the label 'label' was mixed before, and a pair cannot be mixed a second time. Use "
        "label_mode='soft' in every mix of the pipeline."
    )
    check_refused(run, donors, {"image": pixels(), "label": 0}, words)


# Label fields of boxes ---------------------------------------------------------------------------

ONE_KIND = "Use one kind of label in primary and donors."
WIDER = "Pass the primary's field as a list or with a wider dtype."
TABLE = "Pass a small row index and keep the values in a table beside it."


@pytest.mark.parametrize(
    ("mine", "theirs", "words"),
    [
        pytest.param(
            [1],
            ["ox"],
            f"field 'kind' holds numbers in this pipeline, got 'ox' in donor 'd.png'. {ONE_KIND}",
            id="string-into-numbers",
        ),
        pytest.param(
            np.array([1]),
            np.array(["ox"]),
            "field 'kind' holds numbers in this pipeline, got 'ox' in donor 'd.png'.",
            id="string-array-into-ints",
        ),
        pytest.param(
            ["ox"],
            [1],
            "field 'kind' holds strings in this pipeline, got the number 1 in donor 'd.png'. "
            f"{ONE_KIND}",
            id="number-into-strings",
        ),
        pytest.param(
            np.array(["ox"]),
            np.array([1.5]),
            "field 'kind' holds strings in this pipeline, got the number 1.5 in donor 'd.png'.",
            id="float-array-into-strings",
        ),
        pytest.param(
            [1], [None], "field 'kind' holds numbers in this pipeline, got None", id="none"
        ),
        pytest.param(
            np.array([1]),
            [1.5],
            "field 'kind' has dtype int64 in this pipeline, which cannot hold",
            id="fraction-into-ints",
        ),
        pytest.param(
            np.array([1], np.uint8),
            [300],
            "field 'kind' has dtype uint8 in this pipeline, which cannot hold",
            id="large-into-uint8",
        ),
        pytest.param(
            np.array([1], np.uint8), [-1], f"of donor 'd.png'. {WIDER}", id="negative-into-uint8"
        ),
        pytest.param(
            [np.int64(1)],
            [2.5],
            "in this pipeline, which cannot hold",
            id="fraction-into-numpy-ints",
        ),
        pytest.param(
            [1],
            [2**24 + 1],
            "field 'kind' travels as float32, which cannot hold 16777217 of donor 'd.png'. "
            f"{TABLE}",
            id="too-long-for-float32",
        ),
        pytest.param(
            np.array([1]),
            np.array([2**33 + 7]),
            f"field 'kind' travels as float32, which cannot hold 8589934599 of donor 'd.png'. "
            f"{TABLE}",
            id="int64-too-long-for-float32",
        ),
        pytest.param(
            [1.0], [1e39], "travels as float32, which cannot hold 1e+39", id="too-great-for-float32"
        ),
    ],
)
def test_label_field_of_another_kind(mine, theirs, words):
    """Field and donor are named; nothing is cast, rounded or cut off in silence."""
    donors = [donor(bboxes=[FULL], fields={"kind": theirs})]
    call = {"image": pixels(), "bboxes": [FULL], "kind": mine}
    check_refused(pipeline(donors, fields=("kind",)), donors, call, words)


@pytest.mark.parametrize(
    ("mine", "theirs", "words"),
    [
        pytest.param(
            [],
            ["ox", 2],
            "field 'kind' must hold numbers or strings, not both, got ['ox', 2] in donor 'd.png'.",
            id="both-kinds",
        ),
        pytest.param(
            np.array([], np.uint8),
            [1, 300],
            "field 'kind' has dtype uint8 in this pipeline, which cannot hold",
            id="empty-uint8",
        ),
        pytest.param(
            np.array([]),
            [1, 2**24 + 1],
            "field 'kind' travels as float32, which cannot hold 16777217",
            id="empty-float64",
        ),
    ],
)
def test_label_field_of_an_empty_primary(mine, theirs, words):
    """The first call of a pipeline checks a donor's values against an empty field too."""
    donors = [donor(bboxes=[FULL, FULL], fields={"kind": theirs})]
    call = {"image": pixels(), "bboxes": np.zeros((0, 4)), "kind": mine}
    check_refused(pipeline(donors, fields=("kind",)), donors, call, words)


def test_strings_and_numbers_in_one_donor():
    """A donor that mixes both kinds is refused in a field of strings as well."""
    donors = [donor(bboxes=[FULL, FULL], fields={"kind": ["ox", 2]})]
    call = {"image": pixels(), "bboxes": [FULL], "kind": ["cow"]}
    words = "field 'kind' holds strings in this pipeline, got the number 2 in donor 'd.png'."
    check_refused(pipeline(donors, fields=("kind",)), donors, call, words)


def test_donor_without_boxes():
    """Not annotated is not the same as nothing there: both ways out are named."""
    donors = [donor()]
    call = {"image": pixels(), "bboxes": [FULL], "kind": [1]}
    words = (
        "the primary has bboxes, donor 'd.png' has none. Give a donor without objects an empty "
        "array (0, 4), or leave bboxes out of the call."
    )
    check_refused(pipeline(donors, fields=("kind",)), donors, call, words)


def test_donor_without_a_declared_field():
    """The missing field is named, and the fields that are there."""
    donors = [donor(bboxes=[FULL], fields={"score": [0.5]})]
    call = {"image": pixels(), "bboxes": [FULL], "kind": [1]}
    words = (
        "donor 'd.png' has bboxes but no field 'kind', which the pipeline declares. Give it one "
        "value per row in Donor.fields; it has ['score']."
    )
    check_refused(pipeline(donors, fields=("kind",)), donors, call, words)


def test_donor_without_an_extra_box_column():
    """A fifth column of the primary's boxes is needed in the donor too."""
    donors = [donor(bboxes=[FULL], fields={"kind": [1]})]
    call = {"image": pixels(), "bboxes": [[*FULL, 7.0]], "kind": [1]}
    words = "donor 'd.png' has bboxes but no field 'bboxes[4]'"
    check_refused(pipeline(donors, fields=("kind",)), donors, call, words)


@pytest.mark.parametrize(
    ("mine", "theirs", "got"),
    [
        pytest.param(np.array([1]), np.array([1]), "int64", id="int-array"),
        pytest.param(["ox"], ["ox"], "labels that are no plain numbers", id="strings"),
    ],
)
def test_visibility_field_holds_floats(mine, theirs, got):
    """A field of ints or strings cannot be multiplied by a visibility."""
    donors = [donor(bboxes=[FULL], fields={"seen": theirs})]
    call = {"image": pixels(), "bboxes": [FULL], "seen": mine}
    words = f"visibility_field='seen' must hold floats, got {got}. Pass it as a list of floats or"
    check_refused(pipeline(donors, fields=("seen",), visibility_field="seen"), donors, call, words)


@pytest.mark.parametrize("rows", [0, 1], ids=["no-boxes", "one-box"])
@pytest.mark.parametrize("argument", ["visibility_field", "ignore_field", "mask_index_field"])
def test_field_that_is_written_is_declared(argument, rows):
    """A field that is no label field of the pipeline is refused, boxes or not."""
    parts = {"bboxes": [FULL][:rows], "masks": rows_of(rows)}
    donors = [donor(**parts, fields={"kind": [1][:rows]})]
    call = {"image": pixels(), **parts, "kind": [1][:rows]}
    words = f"{argument}='seen' must be one of the pipeline's label_fields ['kind']."
    run = pipeline(donors, fields=("kind",), **{argument: "seen"})
    check_refused(run, donors, call, words)


@pytest.mark.parametrize(
    ("mine", "got"),
    [(["no"], "labels that are no plain numbers"), (np.array(["no"]), "<U2")],
    ids=["list", "array"],
)
def test_ignore_field_holds_numbers(mine, got):
    """A field of strings cannot say 0 or 1."""
    donors = [donor(bboxes=[FULL], fields={"crowd": ["ok"]})]
    call = {"image": pixels(), "bboxes": [FULL], "crowd": mine}
    words = (
        f"ignore_field='crowd' must hold numbers, got {got}. Pass it as a list of numbers or an "
        "array of them."
    )
    check_refused(pipeline(donors, fields=("crowd",), ignore_field="crowd"), donors, call, words)


# Instance masks ----------------------------------------------------------------------------------

AS_MANY = "masks and bboxes must be as many, row i of masks for box i, got"
PLANES = (
    "instance masks must have shape (N, H, W), got rows of shape (11, 17, 2). For masks with "
    "channels use masks_mode='layers'."
)


def of_masks(masks: Any, boxes: int = 1, **settings: Any) -> tuple[A.Compose, dict[str, Any]]:
    """A pipeline whose donor has one box and its mask, and a call with these masks."""
    donors = [donor(bboxes=[FULL], masks=rows_of(1), fields={"kind": [1]})]
    call = {"image": pixels(), "bboxes": [FULL] * boxes, "kind": [1] * boxes, "masks": masks}
    return pipeline(donors, fields=("kind",), **settings), call


@pytest.mark.parametrize(
    ("masks", "boxes", "got"),
    [
        pytest.param(rows_of(2), 1, "2 masks and 1 boxes", id="more-masks"),
        pytest.param(list(rows_of(2)), 1, "2 masks and 1 boxes", id="more-masks-listed"),
        pytest.param(rows_of(1), 2, "1 masks and 2 boxes", id="more-boxes"),
        pytest.param([], 1, "0 masks and 1 boxes", id="no-masks"),
        pytest.param(rows_of(1), 0, "1 masks and 0 boxes", id="no-boxes"),
    ],
)
@pytest.mark.parametrize("p", [0.0, 1.0], ids=["not-fired", "fired"])
def test_masks_and_boxes_of_different_count(p, masks, boxes, got):
    """Which mask is whose cannot be guessed, fired or not; both ways out are named."""
    run, call = of_masks(masks, boxes, p=p)
    words = (
        f"{AS_MANY} {got}. Where an earlier transform dropped boxes, declare a label field with "
        "each box's row of masks and pass mask_index_field=...; for one mask per class "
        "masks_mode='layers'."
    )
    check_refused(run, None, call, words)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        pytest.param({"masks": rows_of(2)}, f"{AS_MANY} 2 masks and 1 boxes in", id="more-masks"),
        pytest.param({"masks": []}, f"{AS_MANY} 0 masks and 1 boxes in", id="no-masks-but-a-box"),
        pytest.param(
            {},
            "the primary has masks, donor 'd.png' has none. Give a donor without objects an empty "
            "list, or leave masks out of the call.",
            id="not-annotated",
        ),
        pytest.param(
            {"masks": rows_of(1, "int32")},
            "masks of primary and donor must have one dtype, got uint8 and int32 in donor 'd.png'. "
            "Convert one of them; nothing is cast here.",
            id="dtype",
        ),
        pytest.param({"masks": rows_of(1, shape=(*SHAPE, 2))}, PLANES, id="channels"),
    ],
)
@pytest.mark.parametrize("listed", [False, True], ids=["array", "list"])
def test_masks_of_a_donor_that_do_not_fit(listed, parts, words):
    """The donor is named, whatever holds the primary's masks."""
    donors = [donor(bboxes=[FULL], fields={"kind": [1]}, **parts)]
    masks = list(rows_of(1)) if listed else rows_of(1)
    call = {"image": pixels(), "bboxes": [FULL], "kind": [1], "masks": masks}
    check_refused(pipeline(donors, fields=("kind",)), donors, call, words)


def test_masks_alone_need_a_donor_with_masks():
    """Where there are no boxes either, a donor without masks is not annotated."""
    donors = [donor(bboxes=[FULL])]
    words = "the primary has masks, donor 'd.png' has none."
    check_refused(pipeline(donors), donors, {"image": pixels(), "masks": rows_of(1)}, words)


@pytest.mark.parametrize("p", [0.0, 1.0], ids=["not-fired", "fired"])
def test_masks_with_channels(p):
    """An instance has one plane: masks with channels are layers."""
    run, call = of_masks(rows_of(1, shape=(*SHAPE, 2)), p=p)
    check_refused(run, None, call, PLANES)


@pytest.mark.parametrize("mode", ["instances", "layers"])
@pytest.mark.parametrize(
    ("masks", "words"),
    [
        pytest.param(
            rows_of(1, shape=(17, 11)),
            "each of masks must have the image's height and width (11, 17), got (17, 11) in the "
            "primary.",
            id="transposed",
        ),
        pytest.param(
            [pixels(shape=(17, 11))],
            "each of masks must have the image's height and width (11, 17), got (17, 11) in the",
            id="transposed-in-a-list",
        ),
        pytest.param(
            5, "masks must be an array (N, H, W) or a sequence of (H, W) masks, got int", id="int"
        ),
        pytest.param(
            pixels(shape=SHAPE),
            "each of masks must be a numeric numpy array of shape (H, W) or (H, W, C), got",
            id="one-plane",
        ),
    ],
)
@pytest.mark.parametrize("p", [0.0, 1.0], ids=["not-fired", "fired"])
def test_masks_of_a_direct_call(p, masks, words, mode):
    """Outside of a pipeline, where the host checks nothing, masks are checked as image and mask."""
    mix = CutMix([donor(masks=rows_of(1))], p=p, masks_mode=mode)
    check_refused(mix, None, {"image": pixels(), "masks": masks}, words)


@pytest.mark.parametrize("p", [0.0, 1.0], ids=["not-fired", "fired"])
def test_masks_of_another_size_than_the_image(p):
    """Where the host's own check of shapes is off, masks are checked all the same."""
    run = A.Compose([CutMix([donor(masks=rows_of(1))], p=p)], is_check_shapes=False)
    words = "each of masks must have the image's height and width (11, 17), got (17, 11) in the"
    check_refused(run, None, {"image": pixels(), "masks": rows_of(1, shape=(17, 11))}, words)


OWN_ROW = "mask_index_field must name a row of its own of the 2 masks for each box, got"
WRONG_ROWS = [
    pytest.param([0, 2], f"{OWN_ROW} [0.0, 2.0] in", id="beyond"),
    pytest.param([0, -1], f"{OWN_ROW} [0.0, -1.0] in", id="negative"),
    pytest.param([1, 1], f"{OWN_ROW} [1.0, 1.0] in", id="twice"),
    pytest.param([0, 0.5], f"{OWN_ROW} [0.0, 0.5] in", id="not-whole"),
]


def of_rows(mine: Any, theirs: Any, p: float = 1.0) -> tuple[A.Compose, list, dict[str, Any]]:
    """A pipeline with mask_index_field, its donor and a call; two masks on either side."""
    parts = {"bboxes": [FULL] * 2, "masks": rows_of(2)}
    donors = [donor(**parts, fields={"row": theirs})]
    run = pipeline(donors, fields=("row",), mask_index_field="row", p=p)
    return run, donors, {"image": pixels(), **parts, "row": mine}


@pytest.mark.parametrize(("rows", "words"), WRONG_ROWS)
@pytest.mark.parametrize("p", [0.0, 1.0], ids=["not-fired", "fired"])
def test_mask_index_of_the_primary(p, rows, words):
    """A row of masks that is not there, or not one box's own, is refused fired or not."""
    run, donors, call = of_rows(rows, [0, 1], p)
    check_refused(run, donors, call, f"{words} the primary.")


@pytest.mark.parametrize(("rows", "words"), WRONG_ROWS)
def test_mask_index_of_the_donor(rows, words):
    """A donor's rows are checked as the primary's, by the donor's name."""
    run, donors, call = of_rows([0, 1], rows)
    check_refused(run, donors, call, f"{words} donor 'd.png'.")


@pytest.mark.parametrize("p", [0.0, 1.0], ids=["not-fired", "fired"])
def test_mask_index_holds_numbers(p):
    """A field of strings names no row."""
    run, donors, call = of_rows(["a", "b"], [0, 1], p)
    words = "mask_index_field='row' must hold numbers, got labels that are no plain numbers."
    check_refused(run, donors, call, words)


@pytest.mark.parametrize("rows", [["a", "b"], [None, 1], [NAN, 1.0]], ids=["text", "none", "nan"])
def test_mask_index_of_the_donor_holds_numbers(rows):
    """What is no number in a donor's rows is refused by name, and warns of nothing."""
    run, donors, call = of_rows([0, 1], rows)
    check_refused(run, donors, call, f"{OWN_ROW} {rows!r} in donor 'd.png'.")


# Keypoints ---------------------------------------------------------------------------------------


def with_points(donors: Any, keypoints: A.KeypointParams, **settings: Any) -> A.Compose:
    """CutMix alone, always on, with keypoints."""
    rest = {"p": 1.0, "area_range": (0.3, 0.3), **settings}
    return A.Compose([CutMix(donors, **rest)], seed=1, keypoint_params=keypoints)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        pytest.param(
            {},
            "the primary has keypoints, donor 'd.png' has none. Give a donor without points an "
            "empty array (0, 2), or leave keypoints out of the call.",
            id="not-annotated",
        ),
        pytest.param(
            {"keypoints": POINTS, "keypoint_fields": {"side": [1, 2]}},
            "donor 'd.png' has keypoints but no field 'part', which the pipeline declares. Give it "
            "one value per row in Donor.keypoint_fields; it has ['side'].",
            id="no-field",
        ),
        pytest.param(
            {"keypoints": [(x, 5.0) for x in range(17)], "keypoint_fields": {"part": range(17)}},
            "field 'part' holds strings in this pipeline, got the number",
            id="numbers-for-strings",
        ),
    ],
)
def test_keypoints_of_a_donor_that_do_not_fit(parts, words):
    """What is missing is named, the donor and the way out."""
    donors = [donor(**parts)]
    run = with_points(donors, A.KeypointParams("xy", label_fields=["part"]))
    call = {"image": pixels(), "keypoints": POINTS, "part": ["nose", "eye"]}
    check_refused(run, donors, call, words)


@pytest.mark.parametrize("form", ["xya", "xys", "xyas", "xyz"])
@pytest.mark.parametrize(
    ("name", "who"), [("d.png", "donor 'd.png'"), ("", "donor 0")], ids=["id", "no-id"]
)
def test_points_of_two_columns_where_the_format_needs_more(name, who, form):
    """An angle, a scale or a depth is never made up."""
    donors = [donor(keypoints=POINTS, id=name)]
    run = with_points(donors, A.KeypointParams(form))
    words = (
        f"keypoints of format '{form}' need more than x and y, got shape (2, 2) in {who}. Give "
        "Donor.keypoints as (K, 5): x, y, z, angle in radians, scale."
    )
    call = {"image": pixels(), "keypoints": [(1.0,) * len(form)]}
    check_refused(run, donors, call, words)


def test_further_columns_of_keypoints():
    """A column beyond the format has no meaning that could be kept."""
    donors = [donor(keypoints=POINTS)]
    words = (
        "keypoints must have the columns of their format, got 1 more in the primary. Pass them as "
        "label fields."
    )
    run = with_points(donors, A.KeypointParams("xy"))
    check_refused(run, donors, {"image": pixels(), "keypoints": [(1.0, 2.0, 3.0)]}, words)


@pytest.mark.parametrize(
    ("points", "words"),
    [
        pytest.param(
            [(1.0, 2.0, 3.0)],
            "keypoints of format 'xy' must have shape (K, 2), got (1, 3) in donor 'm.png'. Pass "
            "further columns as label fields.",
            id="three-columns",
        ),
        pytest.param([1.0, 2.0], "must have shape (K, 2), got (2,) in donor 'm.png'.", id="flat"),
        pytest.param(
            [("nose", 2.0)],
            "keypoints must be numbers of shape (K, 2), got [('nose', 2.0)] in donor 'm.png'. Pass "
            "labels in label fields.",
            id="text",
        ),
        pytest.param(
            [(1.0, NAN)],
            "keypoint 0 of donor 'm.png' must be finite, and below 1e+30, got",
            id="nan",
        ),
    ],
)
def test_keypoints_of_a_mapping(points, words):
    """A mapping is checked when it is drawn, in the pipeline's format."""
    donors = [{"image": pixels(255), "keypoints": points, "id": "m.png"}]
    run = with_points(donors, A.KeypointParams("xy"))
    check_refused(run, donors, {"image": pixels(), "keypoints": POINTS}, words)


FLAG = {"keypoint_mode": "flag", "keypoint_visibility_field": "seen"}


@pytest.mark.parametrize("count", [0, 2], ids=["no-points", "two-points"])
def test_flagged_field_is_declared(count):
    """A visibility field that is no label field of the keypoints is refused, points or not."""
    donors = [donor(keypoints=POINTS[:count])]
    words = "keypoint_visibility_field='seen' must be one of the pipeline's label_fields []."
    run = with_points(donors, A.KeypointParams("xy", remove_invisible=False), **FLAG)
    check_refused(run, donors, {"image": pixels(), "keypoints": POINTS[:count]}, words)


def test_flagged_field_holds_numbers():
    """A field of strings cannot be set to 0."""
    donors = [donor(keypoints=POINTS, keypoint_fields={"seen": ["a", "b"]})]
    params = A.KeypointParams("xy", label_fields=["seen"], remove_invisible=False)
    words = "keypoint_visibility_field='seen' must hold numbers, got labels that are no plain"
    call = {"image": pixels(), "keypoints": POINTS, "seen": ["a", "b"]}
    check_refused(with_points(donors, params, **FLAG), donors, call, words)


@pytest.mark.parametrize("p", [0.0, 1.0], ids=["not-fired", "fired"])
def test_flags_where_the_host_removes_points(p):
    """A pipeline that removes what lies outside would tear the skeletons that flags keep whole."""
    donors = [donor(keypoints=POINTS, keypoint_fields={"seen": [2, 2]})]
    params = A.KeypointParams("xy", label_fields=["seen"], remove_invisible=True)
    call = {"image": pixels(), "keypoints": POINTS, "seen": [2, 2]}
    words = (
        "keypoint_mode='flag' keeps every row, also of points outside the image, and the pipeline "
        "removes them. Use A.KeypointParams(..., remove_invisible=False)."
    )
    check_refused(with_points(donors, params, p=p, **FLAG), donors, call, words)


@pytest.mark.parametrize("kind", ["bboxes", "keypoints"])
def test_field_that_is_not_declared(kind):
    """A field of call and donor that the pipeline does not declare would fall out of step."""
    if kind == "bboxes":
        donors = [donor(bboxes=[FULL], fields={"name": ["ox"]})]
        run, call = pipeline(donors, fields=()), {"bboxes": [FULL]}
    else:
        donors = [donor(keypoints=POINTS, keypoint_fields={"name": ["nose", "eye"]})]
        run, call = with_points(donors, A.KeypointParams("xy")), {"keypoints": POINTS}
    words = (
        "the call and donor 'd.png' both hold 'name', which is no label field of the pipeline, so "
        "that its values would not follow their rows. Declare it: label_fields=['name'], or leave"
    )
    check_refused(run, donors, {"image": pixels(), **call, "name": ["cat"]}, words)


def test_masks_of_two_dtypes_in_a_direct_call():
    """Where the host does not stack them, masks of two dtypes are refused, fired or not."""
    masks = [pixels(1, "uint8", SHAPE), pixels(1, "int32", SHAPE)]
    for p in (0.0, 1.0):
        mix = CutMix([donor(masks=masks[:1])], p=p)
        words = "masks must share one dtype and shape, got ['int32 (11, 17)', 'uint8 (11, 17)'] in"
        check_refused(mix, None, {"image": pixels(), "masks": masks}, words)


@pytest.mark.parametrize("p", [0.0, 1.0], ids=["not-fired", "fired"])
def test_alias_boxes_beside_label_fields(p):
    """Boxes of another name have no labels of their own, which the pipeline would need."""
    donors = [donor(bboxes=[FULL], fields={"kind": [1]}, aliases={"extra": [FULL]})]
    params = A.BboxParams("pascal_voc", label_fields=["kind"])
    run = A.Compose(
        [CutMix(donors, p=p)], bbox_params=params, additional_targets={"extra": "bboxes"}
    )
    words = "boxes of the additional target 'extra' have no label fields of their own"
    call = {"image": pixels(), "bboxes": [], "kind": [], "extra": []}
    check_refused(run, donors, call, words)


def test_plan_of_an_image_of_another_size():
    """The host's replay on another size is refused: its rectangle was drawn for the first."""
    run = A.ReplayCompose([CutMix([donor()], p=1.0)])
    saved = run(image=pixels())["replay"]
    words = "CutMix was planned for an image of (11, 17) (height, width), got (22, 34)."
    with pytest.raises(InvalidSampleError, match=re.escape(words)):
        A.ReplayCompose.replay(saved, image=pixels(shape=(22, 34, 3)))
    saved = A.ReplayCompose([MixTargets(classes=2)])(image=pixels(), label=1)["replay"]
    out = A.ReplayCompose.replay(saved, image=pixels(shape=(22, 34, 3)), label=0)
    assert out["mix"].shape.tolist() == [22, 34]  # nothing is pasted: any size will do


def test_pipeline_works_after_an_error():
    """A refused donor leaves the pipeline's label encoders as they were."""
    bad = donor(bboxes=[FULL], fields={"kind": ["ox"]})
    good = donor(bboxes=[FULL], fields={"kind": [300]})
    run = pipeline(None, fields=("kind",))
    call = {"image": pixels(), "bboxes": [FULL], "kind": np.array([7])}
    check_refused(run, bad, {**call, "mix_metadata": [bad]}, "holds numbers in this pipeline")
    out = run(**call, mix_metadata=[good])
    assert out["kind"].dtype == np.int64
    assert out["kind"].tolist() == [7, 300]


# Records -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param("{", "a record must be one line of JSON, got '{'.", id="no-json"),
        pytest.param(
            '{"version": 4}',
            "a record must be a JSON object of version 3, got version 4. Read it with the release "
            "of albu_cutmix that wrote it.",
            id="newer",
        ),
        pytest.param('{"version": 1}', "of version 3, got version 1.", id="older"),
        pytest.param("[1]", "of version 3, got version None.", id="no-object"),
        pytest.param("{}", "of version 3, got version None.", id="no-version"),
        pytest.param(
            '{"version": 3, "colour": 3}',
            "a record must hold every field once; missing or odd: ['applied', 'blend', 'clipped',",
            id="odd-fields",
        ),
    ],
)
def test_line_that_is_no_record(line, words):
    """What is wrong with a line of a records file is said, and the way out."""
    with pytest.raises(InvalidSampleError, match=re.escape(words)):
        MixRecord.from_json(line)


def check_named(run: Any, words: str, **call: Any) -> None:
    """Assert that a call raises an error of this package that says these words."""
    with pytest.raises(CutMixError, match=re.escape(words)):
        run(image=pixels(), **call)


@pytest.mark.parametrize("index", [0.5, "0", [0]], ids=["float", "text", "list"])
def test_pool_index_that_is_no_index(index):
    """A pool_index that is no whole number is refused by name."""
    words = f"pool_index must be an index of the pool of 3 donors, got {index!r}."
    check_named(pipeline([donor()] * 3), words, pool_index=index)


@pytest.mark.parametrize(
    "value", [5, {"image": pixels()}, donor()], ids=["number", "mapping", "donor"]
)
def test_metadata_that_is_no_list(value):
    """A single donor under metadata_key is refused by name, as it is for pool."""
    words = f"mix_metadata must have len() and [i], got {type(value).__name__}."
    check_named(pipeline(None), words, mix_metadata=value)


@pytest.mark.parametrize(
    "keys",
    [
        {"metadata_key": "image"},
        {"metadata_key": 3},
        {"metadata_key": "mix"},
        {"metadata_key": "label"},
        {"metadata_key": "pool_index"},
        {"record_key": "pool_index"},
        {"record_key": "label_donor"},
    ],
    ids=str,
)
def test_keys_that_collide(keys):
    """No two names of a call may be one."""
    with pytest.raises(InvalidArgumentError):
        CutMix([donor()], **keys)


@pytest.mark.parametrize("modes", [("pair", "soft"), ("soft", "pair")], ids=str)
def test_pair_and_soft_of_one_label(modes):
    """A label mixed twice, once as a pair, is refused and the message names soft."""
    donors = [donor(label=[0.0, 1.0])]
    mixes = [
        CutMix(donors, label_mode=mode, record_key=f"mix{row}", p=1)
        for row, mode in enumerate(modes)
    ]
    with pytest.raises(InvalidSampleError, match="soft"):
        A.Compose(mixes)(image=pixels(), label=[1.0, 0.0])


@pytest.mark.parametrize(
    "parts",
    [
        {"bboxes": [FULL], "fields": {"kind": 3}},
        {"bboxes": [FULL], "fields": None},
        {"masks": 5},
    ],
    ids=["field-number", "fields-none", "masks-number"],
)
def test_donor_parts_without_a_length(parts):
    """A part that is no sequence is refused by name."""
    with pytest.raises(InvalidSampleError):
        donor(**parts)


@pytest.mark.parametrize(
    "damage", [{"donors": "a"}, {"patches": [1]}], ids=["text-for-ints", "short-patch"]
)
def test_record_with_damaged_values(damage):
    """A line with every field but damaged values is refused as no record."""
    row = json.loads(pipeline([donor()])(image=pixels())["mix"].to_json())
    with pytest.raises(InvalidSampleError):
        MixRecord.from_json(json.dumps({**row, **damage}))


@pytest.mark.parametrize("value", [None, b"ox"], ids=["none", "bytes"])
def test_field_of_strings_takes_strings(value):
    """What is neither string nor number never enters a field of strings."""
    donors = [donor(bboxes=[FULL], fields={"kind": [value]})]
    words = f"field 'kind' holds strings in this pipeline, got the {type(value).__name__} {value!r}"
    check_named(pipeline(donors, fields=("kind",)), words, bboxes=[FULL], kind=["cow"])


def test_nan_in_a_field_is_called_by_its_name():
    """A NaN is refused as not finite: float32 could hold it."""
    donors = [donor(bboxes=[FULL], fields={"score": [NAN]})]
    with pytest.raises(InvalidSampleError, match="finite"):
        pipeline(donors, fields=("score",))(image=pixels(), bboxes=[FULL], score=[0.5])


def test_value_shown_as_it_came():
    """A value that does not fit is shown as the user wrote it."""
    donors = [donor(bboxes=[FULL], fields={"kind": [300]})]
    call = {"image": pixels(), "bboxes": [FULL], "kind": np.array([1], np.uint8)}
    with pytest.raises(InvalidSampleError, match="cannot hold 300 of"):
        pipeline(donors, fields=("kind",))(**call)


def test_p_as_a_numpy_float():
    """A numpy number is a number, for p as for alpha."""
    assert CutMix([donor()], alpha=np.float32(0.5), p=np.float32(0.5)).p == 0.5
