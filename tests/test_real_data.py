"""Hundreds of mixes of real data, checked against the oracle, then whole pipelines."""

from __future__ import annotations

import csv
from dataclasses import replace

import albumentations as A
import cv2
import numpy as np
import oracle_checks
import pytest
from oracle import Sample, Settings
from strategies import (
    BBOX_MODES,
    Call,
    check_call,
    inputs_of,
    is_sure,
    make_mix,
    make_pipeline,
    pool_of,
)

from albu_cutmix import CutMix, dataset_pool
from albu_cutmix.formats import coco_pool, pascal_voc_pool, yolo_pool
from albu_cutmix.sample import Donor

FITS = ("cover", "stretch", "crop", "whole")
PARAMS = A.BboxParams("pascal_voc", label_fields=["labels"], clip=True)
SIZE = (61, 83)  # small and prime: the oracle walks every pixel


def panoptic(data):
    """Photographs with semantic masks."""
    paths = sorted((data / "coco_panoptic" / "images").glob("*.jpg"))
    return dataset_pool(paths, read_panoptic)


def read_panoptic(path) -> Donor:
    """One photograph with its mask, and the whole image as its only box."""
    image = cv2.imread(str(path))
    mask = cv2.imread(str(path.parents[1] / "semantic" / f"{path.stem}.png"), cv2.IMREAD_UNCHANGED)
    height, width = mask.shape
    return Donor(image, mask=mask, bboxes=[[0, 0, width, height]], fields={"labels": [path.stem]})


def bccd(data):
    """Blood cells; two boxes of no area are left out with a warning."""
    with pytest.warns(UserWarning, match="left out 2 boxes"):
        return pascal_voc_pool(data / "bccd_voc" / "Annotations", data / "bccd_voc" / "JPEGImages")


def pear(data):
    """Small dense objects; four boxes of no height, two images without a label file."""
    folder = data / "pear_yolo"
    with pytest.warns(UserWarning, match="left out 4 boxes"):
        return yolo_pool(folder / "images", folder / "labels", folder / "classes.txt")


def coco(data):
    """Instances, with category names."""
    folder = data / "coco_instances"
    return coco_pool(folder / "instances.json", folder / "images", labels="name")


class Samples:
    """A pool as the oracle sees it, read when asked for."""

    def __init__(self, pool) -> None:
        self.pool = pool

    def __getitem__(self, index) -> Sample:
        donor = self.pool[int(index)]
        return Sample(
            donor.image, donor.mask, donor.bboxes.tolist(), dict(donor.fields), donor.label
        )

    def __len__(self) -> int:
        return len(self.pool)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("make", [bccd, pear, coco, panoptic], ids=lambda make: make.__name__)
def test_mixes_of_real_data_are_the_oracles(make, fit, data_dir):
    """Pixels, masks, boxes and labels of real samples of other sizes are those of the oracle."""
    pool = make(data_dir)
    shrink = A.Compose([A.Resize(*SIZE)], bbox_params=PARAMS)
    mix = A.Compose([CutMix(pool, fit=fit, p=1)], bbox_params=PARAMS, seed=7)
    plain = A.Compose([A.NoOp()], bbox_params=PARAMS)
    settings, donors, checked = Settings(fit=fit), Samples(pool), 0
    for index in range(0, len(pool), max(1, len(pool) // 20)):
        small = shrink(**pool.sample(index))
        out = mix(**small, pool_index=index)
        assert out["mix"].applied
        assert out["mix"].donors[0] != index
        primary = Sample(
            small["image"], small.get("mask"), np.asarray(small["bboxes"]).tolist(),
            {"labels": list(small["labels"])},
        )  # fmt: skip
        if not oracle_checks.is_unsure(primary, donors, out["mix"], settings):
            oracle_checks.check_mix(out, primary, donors, settings, plain(**small))
            checked += 1
    assert checked >= 18


@pytest.mark.parametrize("make", [bccd, pear, coco, panoptic], ids=lambda make: make.__name__)
def test_real_data_through_a_whole_pipeline(make, data_dir):
    """Crop, mix, flip and normalise: rows stay beside their labels, in every pass."""
    pool = make(data_dir)
    steps = [
        A.RandomResizedCrop((96, 128), scale=(0.3, 1.0)),
        CutMix(pool, p=0.8),
        A.HorizontalFlip(p=0.5),
        A.Normalize(),
    ]
    run = A.Compose(steps, bbox_params=PARAMS, seed=11)
    applied = 0
    for turn in range(100):
        index = turn % len(pool)
        out = run(**pool.sample(index), pool_index=index)
        boxes = np.asarray(out["bboxes"], float).reshape(-1, 4)
        assert len(boxes) == len(out["labels"])
        assert (boxes[:, 2:] > boxes[:, :2]).all()
        assert boxes.min(initial=0) >= -1e-3
        assert (boxes[:, 2:] <= np.array([128, 96]) + 1e-3).all()
        applied += out["mix"].applied
    assert 62 <= applied <= 95


# --- instance masks and keypoints -----------------------------------------------------------------

LONGEST = (56, 43, 61, 37)  # pixels of the longer side: the oracle walks every pixel


def shrunk(donor: Donor, longest: int) -> Sample:
    """A donor with all its targets, scaled until its longer side is short, as the oracle sees it.

    Small objects lose their last pixel: their masks are empty, and their boxes are judged.
    """
    sides = tuple(round(side * longest / max(donor.shape)) for side in donor.shape)
    down, across = sides[0] / donor.shape[0], sides[1] / donor.shape[1]
    rows, columns = (
        np.arange(new) * old // new for new, old in zip(sides, donor.shape, strict=True)
    )
    sample = Sample(cv2.resize(donor.image, sides[::-1], interpolation=cv2.INTER_AREA))
    if donor.bboxes is not None:
        boxes = donor.bboxes * [across, down, across, down]
        fields = {name: np.asarray(values).tolist() for name, values in donor.fields.items()}
        sample = replace(sample, boxes=boxes.tolist(), fields=fields)
    if donor.masks is not None:
        planes = [np.ascontiguousarray(plane[rows[:, None], columns]) for plane in donor.masks]
        sample = replace(sample, masks=planes)
    if donor.keypoints is not None:
        points = (donor.keypoints[:, :2] * [across, down]).astype(np.float32)
        fields = {
            name: np.asarray(values).tolist() for name, values in donor.keypoint_fields.items()
        }
        sample = replace(sample, keypoints=points.tolist(), keypoint_fields=fields)
    return sample


def instances(data):
    """Instances with masks, category names, and crowds as marked rows."""
    folder = data / "coco_instances"
    fields = {"labels": "category_id", "crowd": "iscrowd"}
    return coco_pool(
        folder / "instances.json", folder / "images", fields=fields, labels="name", masks=True
    )


def persons(data):
    """The images whose persons have keypoints, with boxes and masks."""
    folder = data / "coco_instances"
    path = folder / "person_keypoints.json"
    return coco_pool(path, folder / "images", masks=True, keypoints=True)


def mice(data):
    """One animal per image, four points with their names, no boxes."""
    folder = data / "mouse_keypoints"
    with (folder / "keypoints.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))

    def read(line) -> Donor:
        joints = [name[:-2] for name in line if name.endswith("_x")]
        points = [[float(line[f"{name}_{axis}"]) for axis in "xy"] for name in joints]
        image = cv2.imread(str(folder / "images" / line["image"]))
        fields = {"joint": joints, "visible": [2] * len(joints)}
        return Donor(image, keypoints=points, keypoint_fields=fields, id=line["image"])

    return dataset_pool(lines, read)


@pytest.fixture(scope="module")
def samples(data_dir):
    """The shrunk samples of a maker of pools, each read once."""
    known = {}

    def of(make):
        if make not in known:
            pool = enumerate(make(data_dir))
            known[make] = [shrunk(donor, LONGEST[index % 4]) for index, donor in pool]
        return known[make]

    return of


def check_each(primaries, donors, asked, *, seed=0, boxed=True) -> int:
    """Mix each primary with one of the donors, and compare with the oracle; return how many."""
    call = Call(primaries[0], donors, asked, clip=boxed, seed=seed)
    pipeline = make_pipeline(call, make_mix(asked, pool_of(call)))
    checked = 0
    for index, primary in enumerate(primaries):
        once = replace(call, primary=primary)
        out = pipeline(**inputs_of(once), pool_index=index)
        assert out["mix"].applied
        assert out["mix"].donors[0] != index
        if is_sure(once, out):
            check_call(once, out)
            checked += 1
    return checked


@pytest.mark.parametrize("ignore_field", [None, "crowd"], ids=["dropped", "marked"])
@pytest.mark.parametrize("bbox_mode", BBOX_MODES)
@pytest.mark.parametrize("fit", FITS)
def test_masks_of_real_instances_are_the_oracles(fit, bbox_mode, ignore_field, samples):
    """Masks, boxes, labels, marks and remnants of 73 real scenes in every fit and mode."""
    everything = samples(instances)
    asked = Settings(
        fit=fit, bbox_mode=bbox_mode, ignore_field=ignore_field, min_visibility=(0.3, 0.2)
    )
    # A third of the scenes for each case: every scene is mixed several times over all cases.
    first = (FITS.index(fit) + BBOX_MODES.index(bbox_mode)) % 3
    primaries = everything[first::3]
    assert check_each(primaries, [*primaries], asked, seed=first) >= len(primaries) - 4


@pytest.mark.parametrize(
    "limits",
    [
        pytest.param({"min_area": 9.3}, id="area"),
        pytest.param({"min_width": 3.3, "min_height": 3.3}, id="sides"),
    ],
)
def test_masks_of_real_instances_under_thresholds(limits, samples):
    """Boxes that the pipeline finds too small take their masks and labels with them."""
    primaries = samples(instances)[::2]
    asked = Settings(bbox_limits=limits, min_visibility=0.2)
    assert check_each(primaries, primaries, asked) >= len(primaries) * 3 // 4


@pytest.mark.parametrize("keypoint_mode", ["remove", "flag"])
@pytest.mark.parametrize("make", [persons, mice], ids=lambda make: make.__name__)
@pytest.mark.parametrize("fit", FITS)
def test_real_keypoints_are_the_oracles(fit, make, keypoint_mode, samples):
    """Points with names and visibility, beside boxes and masks where there are such."""
    everything = samples(make)
    flags = keypoint_mode == "flag"
    asked = Settings(
        fit=fit,
        keypoint_mode=keypoint_mode,
        keypoint_visibility_field="visible" if flags else None,
        remove_invisible=not flags,
        area_range=(0.2, 0.4),
        min_visibility=0.2,
    )
    turns = 4 if make is persons else 2
    boxed = make is persons
    checked = sum(
        check_each(everything, everything, asked, seed=seed, boxed=boxed) for seed in range(turns)
    )
    assert checked >= turns * len(everything) - 4


def test_real_masks_stay_beside_their_boxes(data_dir):
    """Crop, mix, flip: the value of each row of masks is the number beside its box."""
    numbers = iter(range(1, 100_000))

    def number(donor) -> Donor:
        rows = [next(numbers) for _ in range(len(donor.bboxes))]
        stamped = donor.masks.astype(np.int32) * np.array(rows, np.int32).reshape(-1, 1, 1)
        fields = {"number": rows, "at": list(range(len(rows)))}
        return Donor(donor.image, masks=stamped, bboxes=donor.bboxes, fields=fields)

    donors = [number(donor) for donor in list(instances(data_dir))[::4]]
    steps = [
        A.RandomCrop(160, 200, pad_if_needed=True),
        CutMix(donors, mask_index_field="at", p=0.8),
        A.HorizontalFlip(p=0.5),
    ]
    params = A.BboxParams(
        "pascal_voc", label_fields=["number", "at"], clip=True, min_area=16, min_visibility=0.2
    )
    run = A.Compose(steps, bbox_params=params, seed=5)
    seen = applied = 0
    for turn in range(40):
        index = turn % len(donors)
        out = run(**donors[index].to_mapping(), pool_index=index)
        applied += out["mix"].applied
        assert len(out["number"]) == len(out["at"]) == len(out["bboxes"])
        for row, at in zip(out["number"], out["at"], strict=True):
            assert set(np.unique(out["masks"][int(at)])) <= {0, int(row)}
            seen += 1
    assert seen > 100
    assert 20 <= applied < 40
