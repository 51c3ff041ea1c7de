"""`coco_pool` on small files, true and false."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hostile_files import HEIGHT, WIDTH, change, coco, pixels, save_coco, save_image, square
from pycocotools import mask as oracle
from scene_files import run_lengths, write_scenes

from albu_cutmix.errors import InvalidSampleError
from albu_cutmix.formats import coco_pool
from albu_cutmix.pool import BasePool, DonorPool
from albu_cutmix.scenes import scene_pool
from albu_cutmix.wrappers import weighted

CROWD_RUNS = {"size": [HEIGHT, WIDTH], "counts": [0, 22, 165]}


def with_crowd() -> dict[str, Any]:
    """The true file and a crowd."""
    data = coco()
    crowd = {"id": 5, "image_id": 7, "category_id": 4, "iscrowd": 1, "bbox": [0, 0, 2, 11]}
    data["annotations"].insert(0, crowd | {"segmentation": CROWD_RUNS})
    return data


def test_donors_are_what_the_file_says(tmp_path: Path) -> None:
    """A donor has its image in RGB, its boxes as xyxy pixels, its labels and its name."""
    pool = coco_pool(*save_coco(tmp_path))
    assert isinstance(pool, BasePool)
    assert isinstance(pool, DonorPool)
    assert (len(pool), pool.classes, pool.findings) == (2, ("apple", "pear"), ())
    donor = pool[0]
    np.testing.assert_array_equal(donor.image, pixels(0))
    np.testing.assert_array_equal(donor.bboxes, [[2.5, 3, 6.5, 8], [0, 0, 2, 2]])
    assert donor.fields["labels"].tolist() == [9, 4]
    assert (donor.id, donor.masks, donor.label) == ("a.png", None, None)


def test_images_without_annotations_are_donors(tmp_path: Path) -> None:
    """An image without annotations has boxes of shape (0, 4), masks and fields of none."""
    donor = coco_pool(*save_coco(tmp_path), masks=True)[1]
    assert donor.bboxes.shape == (0, 4)
    assert donor.masks.shape == (0, HEIGHT, WIDTH)
    assert len(donor.fields["labels"]) == 0


@pytest.mark.parametrize(
    ("labels", "expected"), [("id", [9, 4]), ("index", [1, 0]), ("name", ["pear", "apple"])]
)
def test_labels(tmp_path: Path, labels: str, expected: list[Any]) -> None:
    """A category is its id, its index among the sorted ids, or its name."""
    pool = coco_pool(*save_coco(tmp_path), labels=labels)
    assert list(pool[0].fields["labels"]) == expected


def test_other_keys_are_fields(tmp_path: Path) -> None:
    """Any number or string of an annotation can be a label field."""
    data = coco()
    for index, entry in enumerate(data["annotations"]):
        entry |= {"who": "änne" if index else "bo", "occluded": bool(index)}
    fields = {"cls": "category_id", "area": "area", "who": "who", "occ": "occluded"}
    donor = coco_pool(*save_coco(tmp_path, data), fields=fields)[0]
    assert {key: list(values) for key, values in donor.fields.items()} == {
        "cls": [9, 4],
        "area": [6.0, 6.0],
        "who": ["bo", "änne"],
        "occ": [0, 1],
    }


def test_donors_may_be_written_to(tmp_path: Path) -> None:
    """What a caller does to a donor's arrays does not reach the pool."""
    pool = coco_pool(*save_coco(tmp_path))
    pool[0].bboxes[:] = -1
    pool[0].fields["labels"][:] = -1
    assert pool[0].bboxes.min() == 0
    assert pool[0].fields["labels"].tolist() == [9, 4]


def test_masks_belong_to_boxes(tmp_path: Path) -> None:
    """Row i of the masks is the object of box i."""
    data = change("annotations", 0, bbox=[2, 3, 4, 5], segmentation=square(2, 3, 4, 5))
    masks = coco_pool(*save_coco(tmp_path, data), masks=True)[0].masks
    assert (masks.shape, masks.dtype, masks[0].sum(), masks[1].sum()) == (
        (2, HEIGHT, WIDTH),
        np.uint8,
        20,
        4,
    )
    assert masks[0, 3:8, 2:6].all()


@pytest.mark.parametrize("masks", [False, True], ids=["boxes", "masks"])
def test_crowds_are_no_objects(tmp_path: Path, masks: bool) -> None:
    """A crowd stays out, noted in the findings without a warning."""
    pool = coco_pool(*save_coco(tmp_path, with_crowd()), masks=masks)
    assert len(pool[0].bboxes) == 2
    (finding,) = pool.findings
    assert "1 crowd regions (iscrowd 1) are no objects" in finding
    assert "Map a field to 'iscrowd'" in finding


def test_crowds_come_marked(tmp_path: Path) -> None:
    """With a field for "iscrowd", a crowd is a row with a 1, and its mask too."""
    fields = {"labels": "category_id", "ignore": "iscrowd"}
    pool = coco_pool(*save_coco(tmp_path, with_crowd()), fields=fields, masks=True)
    assert pool[0].fields["ignore"].tolist() == [1, 0, 0]
    assert pool[0].masks[0].sum() == 22
    assert pool[0].masks[0][:, :2].all()
    assert pool.findings == ()


def test_iscrowd_is_zero_by_default(tmp_path: Path) -> None:
    """An annotation without "iscrowd" is no crowd."""
    data = change("annotations", 0, iscrowd=...)
    assert coco_pool(*save_coco(tmp_path, data), fields={"i": "iscrowd"})[0].fields["i"][0] == 0


def test_zero_area_boxes_never_enter(tmp_path: Path) -> None:
    """A box of no area is left out with one warning that says where it stands."""
    data = change("annotations", 0, bbox=[2, 3, 0, 5])
    with pytest.warns(UserWarning, match="coco_pool left out 1 ") as caught:
        pool = coco_pool(*save_coco(tmp_path, data))
    assert len(caught) == 1
    assert caught[0].filename == __file__
    text = str(caught[0].message)
    assert "coco_pool left out 1 boxes of no area." in text
    assert "annotation at position 0 (id 1, image 7) has box [2.0, 3.0, 0.0, 5.0]" in text
    assert "pool.findings lists all" in text
    assert len(pool.findings) == 1
    assert pool[0].fields["labels"].tolist() == [4]


def test_images_of_another_size(tmp_path: Path) -> None:
    """An image that is not of its annotated size is an error at the draw, naming both files."""
    path, images = save_coco(tmp_path)
    save_image(images / "a.png", pixels(0, (7, 13, 3)))
    with pytest.raises(InvalidSampleError) as caught:
        coco_pool(path, images)[0]
    assert "a.png: is 13 x 7 pixels (width x height), its annotation says 17 x 11" in str(
        caught.value
    )
    assert f"('a.png' is named by {path}.)" in str(caught.value)


def test_text_ids_and_marks(tmp_path: Path) -> None:
    """Ids may be strings, and a byte order mark does not matter."""
    text = json.dumps(coco()).replace('"id": 7', '"id": "x7"').replace('e_id": 7', 'e_id": "x7"')
    assert len(coco_pool(*save_coco(tmp_path, "\ufeff" + text))[0].bboxes) == 2


def test_drawn_scenes_come_back(tmp_path: Path) -> None:
    """What `write_scenes` writes as COCO is read to the pixel, masks too; there are no points."""
    write_scenes(tmp_path, 3)
    pool = coco_pool(
        tmp_path / "instances.json", tmp_path / "images", labels="name", masks=True, keypoints=True
    )
    for donor, scene in zip(pool, scene_pool(3, size=(240, 320)), strict=True):
        np.testing.assert_array_equal(donor.image, scene.image)
        np.testing.assert_array_equal(donor.masks, scene.masks)
        np.testing.assert_array_equal(donor.bboxes, scene.bboxes)
        assert donor.fields["labels"] == list(scene.fields["labels"])
        assert donor.keypoints.shape == (0, 2)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("corner", [0, 1])
def test_run_lengths_of_scenes_are_coco_s(corner: int) -> None:
    """The run lengths that tests write are those that pycocotools reads."""
    mask = pixels(3, (HEIGHT, WIDTH)) & 1
    mask[0, 0] = corner
    rle = oracle.frPyObjects(run_lengths(mask), HEIGHT, WIDTH)
    np.testing.assert_array_equal(oracle.decode(rle), mask)


@pytest.mark.parametrize("name", ["a", "z"])
def test_the_order_of_fields_says_nothing(tmp_path: Path, name: str) -> None:
    """YAML sorts keys: classes, donors and digest are the same in any order of the fields."""
    path, images = save_coco(tmp_path, change("annotations", 0, iscrowd=1))
    fields = {"labels": "category_id", name: "iscrowd", "m": "area"}
    one = coco_pool(path, images, fields=fields)
    other = coco_pool(path, images, fields=dict(reversed(fields.items())))
    assert list(one[0].fields) == list(other[0].fields) == ["labels", *sorted(["m", name])]
    assert one.class_rows()[2] == other.class_rows()[2] == (4, 9)
    assert one.digest() == other.digest()
    weights = [weighted(pool, "inverse").weights.tolist() for pool in (one, other)]
    assert weights[0] == weights[1]
