"""Hundreds of mixes of real data, checked against the oracle, then whole pipelines."""

from __future__ import annotations

import albumentations as A
import cv2
import numpy as np
import oracle
import pytest
from oracle import Sample, Settings

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
        if not oracle.is_unsure(primary, donors, out["mix"], settings):
            oracle.check_mix(out, primary, donors, settings, plain(**small))
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
