"""Polygons of YOLO texts as boxes and as instance masks."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hostile_files import HEIGHT, WIDTH, coco, save_coco, save_image

from albu_cutmix.errors import InvalidSampleError
from albu_cutmix.formats import coco_pool, yolo_pool

SHAPE = [(2.0, 1.0), (14.0, 3.0), (9.0, 10.0)]  # pixels
POLYGON = "1 " + " ".join(f"{x / WIDTH:.8f} {y / HEIGHT:.8f}" for x, y in SHAPE) + "\n"
BOX = "0 0.5 0.5 0.5 0.25\n"
DATA = Path(__file__).parents[2] / "shared" / "data" / "coco_panoptic"


def save(folder: Path, text: str) -> Path:
    """Write one image and its text; return the image folder."""
    save_image(folder / "images" / "a.png")
    (folder / "labels").mkdir()
    (folder / "labels" / "a.txt").write_text(text, encoding="utf-8")
    return folder / "images"


def test_the_box_is_the_extent(tmp_path: Path) -> None:
    """Polygons and boxes may stand in one text; a polygon gives its extent."""
    donor = yolo_pool(save(tmp_path, BOX + POLYGON))[0]
    np.testing.assert_allclose(donor.bboxes[1], [2, 1, 14, 10], atol=1e-6)
    assert donor.fields["labels"].tolist() == [0, 1]
    assert donor.masks is None


def test_masks_are_those_of_coco(tmp_path: Path) -> None:
    """The mask holds the pixels that the same polygon has in a COCO file."""
    mask = yolo_pool(save(tmp_path / "yolo", POLYGON), masks=True)[0].masks[0]
    data = coco()
    outline = [side for point in SHAPE for side in point]
    data["annotations"][0] |= {"segmentation": [outline], "bbox": [2, 1, 12, 9]}
    expected = coco_pool(*save_coco(tmp_path / "coco", data), masks=True)[0].masks[0]
    assert 40 < expected.sum() < 60
    np.testing.assert_array_equal(mask, expected)


def test_polygons_over_the_border(tmp_path: Path) -> None:
    """A polygon may overshoot its image like a box; the mask ends at the border."""
    donor = yolo_pool(save(tmp_path, "0 -.1 -.1 .5 -.1 .5 1.1 -.1 1.1\n"), masks=True)[0]
    np.testing.assert_allclose(donor.bboxes, [[-1.7, -1.1, 8.5, 12.1]])
    # The centre of column 8 lies on the edge, which belongs to the right-hand side.
    assert np.flatnonzero(donor.masks[0].all(0)).tolist() == list(range(8))


def test_polygons_of_no_area(tmp_path: Path) -> None:
    """A polygon on one line has no box, and takes its mask along."""
    with pytest.warns(UserWarning, match=r"a.txt, line 1 has box .* of no area"):
        pool = yolo_pool(save(tmp_path, "0 .1 .5 .2 .5 .3 .5\n" + POLYGON), masks=True)
    assert len(pool[0].masks) == len(pool[0].bboxes) == 1
    assert pool[0].masks[0].sum() > 40


def test_boxes_have_no_masks(tmp_path: Path) -> None:
    """With masks a line that is a box is an error, or left out on request."""
    root = save(tmp_path, POLYGON + BOX)
    with pytest.raises(InvalidSampleError, match=r"a.txt, line 2 is a box: with masks=True"):
        yolo_pool(root, masks=True)
    with pytest.warns(UserWarning, match="left out 1 false annotations"):
        pool = yolo_pool(root, masks=True, on_error="skip")
    assert len(pool[0].masks) == 1


def test_long_outlines(tmp_path: Path) -> None:
    """A polygon of ten thousand points is read; one of a megabyte is an error."""
    turn = np.linspace(0, 2 * np.pi, 10_000, endpoint=False)
    points = 0.5 + 0.4 * np.stack([np.cos(turn), np.sin(turn)], 1)
    line = "0 " + " ".join(f"{side:.6f}" for side in points.ravel())
    donor = yolo_pool(save(tmp_path / "a", line), masks=True)[0]
    assert abs(donor.masks[0].mean() - np.pi * 0.16) < 0.02
    long = "0" + " 0.123456" * 2**18
    with pytest.raises(
        InvalidSampleError, match="line 1 must have at most 1048576 letters, got 2359297"
    ):
        yolo_pool(save(tmp_path / "b", long), masks=True)


def iou(first: np.ndarray, second: np.ndarray) -> float:
    """Share of two masks that both have."""
    return float((first & second).sum() / (first | second).sum())


def box_iou(first: np.ndarray, second: np.ndarray) -> float:
    """Share of two boxes, xyxy, that both have."""
    low, high = np.maximum(first[:2], second[:2]), np.minimum(first[2:], second[2:])
    both = np.prod(np.maximum(high - low, 0))
    return float(both / (np.prod(first[2:] - first[:2]) + np.prod(second[2:] - second[:2]) - both))


@pytest.mark.skipif(not DATA.is_dir(), reason="the real annotated samples are not here")
def test_real_polygons_are_the_segments() -> None:
    """The 181 polygons of COCO are its panoptic things: IoU of masks 0.86, of boxes 0.93, mean.

    It is no more since these outlines were traced through the outermost pixels of each object,
    so half a pixel is lost on either side, which is much of an object of ten pixels.
    """
    pool = yolo_pool(DATA / "images", DATA / "labels_yolo_seg", masks=True)
    panoptic = json.loads((DATA / "panoptic.json").read_text(encoding="utf-8"))
    segments = {a["file_name"][:-4]: a["segments_info"] for a in panoptic["annotations"]}
    masks, boxes = [], []
    for donor in pool:
        stem = Path(donor.id).stem
        ids = cv2.imread(str(DATA / "panoptic" / f"{stem}.png")).astype(np.int64)
        ids = ids @ [65536, 256, 1]  # OpenCV gives blue first
        for mask, label, bbox in zip(
            donor.masks, donor.fields["labels"].tolist(), donor.bboxes, strict=True
        ):
            same = [one for one in segments[stem] if one["category_id"] == label]
            best = max(same, key=lambda one: iou(mask > 0, ids == one["id"]))
            masks.append(iou(mask > 0, ids == best["id"]))
            x, y, width, height = best["bbox"]
            boxes.append(box_iou(bbox, np.array([x, y, x + width, y + height])))
    assert len(masks) == 181
    assert (np.mean(masks) > 0.86, np.median(masks) > 0.9) == (True, True)
    assert (np.mean(boxes) > 0.93, np.min(boxes) >= 0.6) == (True, True)
