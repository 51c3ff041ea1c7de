"""The file pools on real data: counts of the data's own page, pixels and masks against others."""

from __future__ import annotations

import csv
import json
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from pycocotools import mask as oracle

from albu_cutmix import Donor, dataset_pool
from albu_cutmix.formats import coco_pool, folder_pool, frame_pool, pascal_voc_pool, yolo_pool

DATA = Path(__file__).parents[2] / "shared" / "data"
pytestmark = pytest.mark.skipif(
    not DATA.is_dir(),
    reason="the real annotated samples (shared/data beside the checkout) are not here",
)


def coco_files() -> tuple[Path, Path]:
    """The two arguments of `coco_pool`."""
    return DATA / "coco_instances" / "instances.json", DATA / "coco_instances" / "images"


def labels_of(pool: Any) -> Counter[Any]:
    """Read every donor; count labels."""
    return Counter(label for donor in pool for label in donor.fields["labels"])


def near_outline(polygons: list[list[float]], shape: tuple[int, int]) -> np.ndarray:
    """Pixels within one pixel of the outlines, drawn with room for those on the image's edge."""
    canvas = np.zeros((shape[0] + 8, shape[1] + 8), np.uint8)
    for polygon in polygons:
        points = np.rint((np.array(polygon).reshape(-1, 1, 2) + 3.5) * 16).astype(np.int32)
        cv2.polylines(canvas, [points], True, 1, 1, cv2.LINE_8, 4)
    return cv2.dilate(canvas, np.ones((3, 3), np.uint8))[4:-4, 4:-4] > 0


def quiet(make: Any, *arguments: Any, **options: Any) -> Any:
    """Make a pool whose warning another test looks at."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return make(*arguments, **options)


def test_coco_counts() -> None:
    """773 objects and 10 crowds on 73 images, 66 of 80 classes."""
    fields = {"labels": "category_id", "iscrowd": "iscrowd"}
    pool = coco_pool(*coco_files(), fields=fields, labels="name")
    crowds = Counter(flag for donor in pool for flag in donor.fields["iscrowd"].tolist())
    assert (len(pool), len(pool.classes), crowds) == (73, 80, {0: 773, 1: 10})
    assert len(labels_of(pool)) == 66


def test_coco_without_crowds() -> None:
    """Without a field for crowds 773 rows are left, and one finding says so."""
    pool = coco_pool(*coco_files())
    assert sum(labels_of(pool).values()) == 773
    assert "10 crowd regions" in pool.findings[0]


def test_coco_boxes_are_the_file_s() -> None:
    """Every box is the file's own, to the bit, in the order of the file."""
    data = json.loads(coco_files()[0].read_text(encoding="utf-8"))
    pool = coco_pool(*coco_files())
    for image, donor in zip(data["images"], pool, strict=True):
        rows = [a for a in data["annotations"] if a["image_id"] == image["id"] and not a["iscrowd"]]
        xywh = np.array([a["bbox"] for a in rows], np.float64).reshape(-1, 4)
        np.testing.assert_array_equal(donor.bboxes[:, :2], xywh[:, :2])
        np.testing.assert_array_equal(donor.bboxes[:, 2:], xywh[:, :2] + xywh[:, 2:])
        assert donor.fields["labels"].tolist() == [a["category_id"] for a in rows]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_coco_masks_equal_pycocotools() -> None:
    """Run lengths are equal, compressed too; polygons differ only at their outline, unbiased."""
    data = json.loads(coco_files()[0].read_text(encoding="utf-8"))
    by_id = {a["id"]: a for a in data["annotations"]}
    fields = {"labels": "category_id", "id": "id"}
    pool = coco_pool(*coco_files(), fields=fields | {"iscrowd": "iscrowd"}, masks=True)
    ratios, runs = [], 0
    for donor in pool:
        height, width = donor.shape
        for key, ours in zip(donor.fields["id"].tolist(), donor.masks, strict=True):
            segmentation = by_id[key]["segmentation"]
            rle = oracle.frPyObjects(segmentation, height, width)
            if isinstance(segmentation, dict):
                runs += 1
                np.testing.assert_array_equal(ours, oracle.decode(rle))
                continue
            theirs = oracle.decode(oracle.merge(rle))
            assert not ((ours != theirs) & ~near_outline(segmentation, ours.shape)).any(), key
            ratios.append(ours.sum() / theirs.sum())
    assert (runs, len(ratios)) == (10, 773)
    assert abs(np.mean(ratios) - 1) < 0.005


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_coco_compressed_masks(tmp_path: Path) -> None:
    """All 783 masks, compressed by pycocotools, are read to the pixel."""
    data = json.loads(coco_files()[0].read_text(encoding="utf-8"))
    sizes = {image["id"]: (image["height"], image["width"]) for image in data["images"]}
    expected: dict[int, Any] = {}
    for annotation in data["annotations"]:
        rle = oracle.frPyObjects(annotation["segmentation"], *sizes[annotation["image_id"]])
        rle = oracle.merge(rle) if isinstance(rle, list) else rle
        expected[annotation["id"]] = rle
        annotation["segmentation"] = rle | {"counts": rle["counts"].decode()}
    path = tmp_path / "compressed.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    fields = {"id": "id", "iscrowd": "iscrowd"}
    seen = 0
    for donor in coco_pool(path, coco_files()[1], fields=fields, masks=True):
        for key, ours in zip(donor.fields["id"].tolist(), donor.masks, strict=True):
            np.testing.assert_array_equal(ours, oracle.decode(expected[key]))
            seen += 1
    assert seen == 783


def test_bccd() -> None:
    """1,617 boxes on 120 images less the two of no area, both named."""
    arguments = DATA / "bccd_voc" / "Annotations", DATA / "bccd_voc" / "JPEGImages"
    with pytest.warns(UserWarning, match="pascal_voc_pool left out 2 boxes of no area"):
        pool = pascal_voc_pool(*arguments)
    labels = labels_of(pool)
    assert (len(pool), sum(labels.values()), pool.classes) == (
        120,
        1615,
        ("Platelets", "RBC", "WBC"),
    )
    assert [f.split("/")[-1].split(".")[0] for f in pool.findings] == [
        "BloodImage_00338",
        "BloodImage_00343",
    ]


def test_pear() -> None:
    """456 boxes on 40 images, 38 of them with a text, less four of no height."""
    folder = DATA / "pear_yolo"
    with pytest.warns(UserWarning, match="yolo_pool left out 4 boxes of no area"):
        pool = yolo_pool(folder / "images", names=folder / "classes.txt", label_as="name")
    assert (len(pool), pool.classes, labels_of(pool)) == (40, ("pear",), {"pear": 452})
    empty = [donor.id for donor in pool if not len(donor.bboxes)]
    assert {"DSC_1352_12kv2r1k_0.jpg", "DSC_1352_12kv2r1k_3.jpg"} <= set(empty)
    assert len(pool.findings) == 4


def test_coco_panoptic_as_yolo() -> None:
    """181 boxes of 80 classes on 26 images, one without a text."""
    folder = DATA / "coco_panoptic"
    pool = yolo_pool(folder / "images", folder / "labels_yolo", folder / "yolo_classes.yaml")
    labels = labels_of(pool)
    assert (len(pool), len(pool.classes), sum(labels.values())) == (26, 80, 181)
    assert max(labels) < 80
    assert [d.id for d in pool if d.id.startswith("000000000508") and not len(d.bboxes)]


def test_pets_as_table_and_as_xml() -> None:
    """The same boxes come from a table of four columns and from the XML files."""
    folder = DATA / "pets"
    df = pd.read_csv(folder / "index.csv")
    columns = ["xmin", "ymin", "xmax", "ymax"]
    table = frame_pool(
        df, bbox=columns, label="species", bbox_format="pascal_voc", root=folder / "images"
    )
    xml = pascal_voc_pool(folder / "xmls", folder / "images")
    boxes = {donor.id: sorted(donor.bboxes.tolist()) for donor in table}
    assert boxes == {donor.id: sorted(donor.bboxes.tolist()) for donor in xml}
    assert (len(table), sum(map(len, boxes.values()))) == (48, 49)
    assert labels_of(table) == labels_of(xml)


def test_pixels_are_opencv_s() -> None:
    """A donor has the pixels that OpenCV reads, as RGB."""
    folder = DATA / "pear_yolo"
    pool = quiet(yolo_pool, folder / "images")
    for index in range(0, 40, 8):
        expected = cv2.imread(str(folder / "images" / pool[index].id))[..., ::-1]
        np.testing.assert_array_equal(pool[index].image, expected)


def read_camvid(path: Path) -> Donor:
    """A street with its semantic mask."""
    mask = cv2.imread(str(path.parents[1] / "masks" / path.name), cv2.IMREAD_UNCHANGED)
    return Donor(cv2.imread(str(path)), mask=mask, id=path.name)


def read_mouse(row: dict[str, str]) -> Donor:
    """A mouse with its four points."""
    name = row.pop("image")
    image = cv2.imread(str(DATA / "mouse_keypoints" / "images" / name))
    return Donor(image, keypoints=np.array(list(row.values()), np.float64).reshape(-1, 2), id=name)


def of_arrays(path: Path) -> Any:
    """Small images with a class each, out of one file of arrays."""
    arrays = np.load(path)
    pairs = list(zip(arrays["x_train"], arrays["y_train"].tolist(), strict=True))
    return dataset_pool(pairs, lambda pair: Donor(pair[0], label=pair[1]))


def of_mice() -> Any:
    """The table of the mice."""
    with (DATA / "mouse_keypoints" / "keypoints.csv").open(encoding="utf-8") as file:
        return dataset_pool(list(csv.DictReader(file)), lambda row: read_mouse(dict(row)))


SETS = {
    "bccd": lambda: pascal_voc_pool(
        DATA / "bccd_voc" / "Annotations", DATA / "bccd_voc" / "JPEGImages"
    ),
    "coco masks": lambda: coco_pool(*coco_files(), masks=True),
    "coco keypoints": lambda: coco_pool(
        DATA / "coco_instances" / "person_keypoints.json",
        DATA / "coco_instances" / "images",
        masks=True,
        keypoints=True,
    ),
    "panoptic boxes": lambda: yolo_pool(
        DATA / "coco_panoptic" / "images", DATA / "coco_panoptic" / "labels_yolo"
    ),
    "panoptic polygons": lambda: yolo_pool(
        DATA / "coco_panoptic" / "images", DATA / "coco_panoptic" / "labels_yolo_seg", masks=True
    ),
    "pears": lambda: yolo_pool(DATA / "pear_yolo" / "images"),
    "camvid": lambda: dataset_pool(sorted((DATA / "camvid" / "images").iterdir()), read_camvid),
    "mice": of_mice,
    "pets": lambda: pascal_voc_pool(DATA / "pets" / "xmls", DATA / "pets" / "images"),
    "digits": lambda: folder_pool(DATA / "sign_digits" / "original_100px"),
    "small digits": lambda: of_arrays(DATA / "sign_digits" / "sign_digits_32.npz"),
    "cifar": lambda: of_arrays(DATA / "cifar100_10" / "cifar100_10.npz"),
}
EXPECTED: dict[str, tuple[int, dict[str, int]]] = {
    "bccd": (120, {"left out": 2}),
    "coco masks": (73, {"left out": 1}),  # the crowds, in one line
    "coco keypoints": (10, {"left out": 1}),
    "panoptic boxes": (26, {}),
    "panoptic polygons": (26, {}),
    "pears": (40, {"left out": 4, "small": 1}),
    "camvid": (48, {}),
    "mice": (20, {}),
    "pets": (48, {}),
    "digits": (100, {}),
    "small digits": (1644, {}),
    "cifar": (2500, {}),
}


@pytest.mark.parametrize("name", SETS)
def test_every_set_reads(name: str) -> None:
    """Every donor of every set is read, and the findings are those its own page tells of."""
    findings = quiet(SETS[name]).validate()
    assert (findings.donors, findings.counts) == EXPECTED[name]
