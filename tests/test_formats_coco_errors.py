"""`coco_pool` on false and hostile files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hostile_files import change, coco, save_coco

from albu_cutmix.errors import (
    DonorReadError,
    EmptyPoolError,
    InvalidArgumentError,
    InvalidSampleError,
)
from albu_cutmix.formats import coco_pool

FALSE = [
    pytest.param(
        "annotations", {"bbox": [2, 3, -2, 5]}, "width and height must be positive", id="inverted"
    ),
    pytest.param("annotations", {"bbox": [2, 3, float("nan"), 5]}, "it must be finite", id="nan"),
    pytest.param(
        "annotations", {"bbox": [2, 3, float("inf"), 5]}, "it must be finite", id="infinite"
    ),
    pytest.param("annotations", {"bbox": [2, 3, 10**400, 5]}, "it must be finite", id="huge"),
    pytest.param(
        "annotations",
        {"bbox": [17, 3, 2, 5]},
        "outside its image (width 17, height 11)",
        id="outside",
    ),
    pytest.param("annotations", {"bbox": [-3, 3, 2, 5]}, "lies outside its image", id="left"),
    pytest.param(
        "annotations",
        {"bbox": [1, 2, 3]},
        "four numbers [x, y, width, height], got [1, 2, 3]",
        id="three",
    ),
    pytest.param(
        "annotations", {"bbox": ["1", 2, 3, 4]}, "must have 'bbox' as four numbers", id="text"
    ),
    pytest.param("annotations", {"bbox": ...}, "must have 'bbox' as four numbers", id="no-bbox"),
    pytest.param("annotations", {"id": ...}, "must have an 'id' of its own, got None", id="no-id"),
    pytest.param(
        "annotations",
        {"id": 2},
        "position 1 (id 2, image 7) must have an 'id' of its own, got 2",
        id="same-id",
    ),
    pytest.param(
        "annotations",
        {"image_id": 8},
        "image 8) must have the 'image_id' of an image",
        id="dangling",
    ),
    pytest.param(
        "annotations", {"image_id": [7]}, "must have the 'image_id' of an image", id="list-id"
    ),
    pytest.param(
        "annotations", {"category_id": 1}, "'category_id' of a category, got 1", id="category"
    ),
    pytest.param(
        "annotations", {"category_id": True}, "'category_id' of a category, got True", id="bool"
    ),
    pytest.param(
        "annotations",
        {"category_id": ...},
        "must have 'category_id', which a field",
        id="no-category",
    ),
    pytest.param("annotations", {"iscrowd": 2}, "must have 'iscrowd' 0 or 1, got 2", id="crowd"),
    pytest.param(
        "images", {"id": ...}, "image at position 0 must have an 'id', got None", id="image-no-id"
    ),
    pytest.param(
        "images", {"id": 3}, "position 1 has the id 3 of another image", id="image-same-id"
    ),
    pytest.param(
        "images",
        {"width": ...},
        "(id 7) must have 'height' and 'width' in whole pixels",
        id="no-width",
    ),
    pytest.param("images", {"height": 0}, "in whole pixels, got 0 and 17", id="no-height"),
    pytest.param("images", {"width": 10**9}, "got 11 and 1000000000", id="huge-width"),
    pytest.param(
        "images", {"file_name": ...}, "names the file None; it must be the name", id="no-name"
    ),
    pytest.param("images", {"file_name": "../a.png"}, "must not leave the pool's folder", id="up"),
    pytest.param(
        "images", {"file_name": "x/../../a.png"}, "must not leave the pool's folder", id="up-down"
    ),
    pytest.param(
        "images",
        {"file_name": "/etc/passwd"},
        "must be relative to the pool's folder",
        id="absolute",
    ),
    pytest.param("images", {"file_name": "..\\a.png"}, "must use forward slashes", id="backslash"),
    pytest.param("images", {"file_name": "C:/a.png"}, "not a URL or drive", id="drive"),
    pytest.param("images", {"file_name": "http://host/a.png"}, "not a URL or drive", id="url"),
    pytest.param("images", {"file_name": "file:///a.png"}, "not a URL or drive", id="file-url"),
    pytest.param("images", {"file_name": "a.png\0.txt"}, "must not hold a NUL", id="nul"),
]


@pytest.mark.parametrize(("part", "values", "words"), FALSE)
def test_false_entries_are_errors(tmp_path: Path, part: str, values: Any, words: str) -> None:
    """A false entry is an error that names file, position and value."""
    path, images = save_coco(tmp_path, change(part, 0, **values))
    with pytest.raises(InvalidSampleError) as caught:
        coco_pool(path, images)
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"{path}: {part[:-1]} at position ")
    assert "pass on_error='skip'" in str(caught.value)


@pytest.mark.parametrize(("part", "values", "words"), FALSE)
def test_false_entries_can_be_skipped(tmp_path: Path, part: str, values: Any, words: str) -> None:
    """With on_error="skip" the same entries are left out, counted and announced once."""
    path, images = save_coco(tmp_path, change(part, 0, **values))
    with pytest.warns(UserWarning, match=r"coco_pool left out .* pool\.findings") as caught:
        pool = coco_pool(path, images, on_error="skip")
    assert len(caught) == 1
    assert any(words in finding for finding in pool.findings)
    assert len(pool) == (1 if part == "images" else 2)
    assert sum(len(donor.bboxes) for donor in pool) == (0 if part == "images" else 1)


@pytest.mark.parametrize("part", ["images", "annotations"])
def test_entries_are_objects(tmp_path: Path, part: str) -> None:
    """An entry that is no object is an error at its position."""
    data = coco()
    data[part].append(7)
    with pytest.raises(InvalidSampleError, match=f"{part[:-1]} at position 2 must be an object"):
        coco_pool(*save_coco(tmp_path, data))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param('{"images": [1,\n  2,,]}', "Expecting value at line 2, column 5", id="syntax"),
        pytest.param("", "Expecting value at line 1, column 1", id="empty"),
        pytest.param("[" * 100_000, "must be JSON, got", id="deep"),
        pytest.param('{"images": ' + "9" * 5000 + "}", "must be JSON, got", id="long-number"),
        pytest.param("[]", "with the list 'images', got list", id="list"),
        pytest.param('{"images": [], "categories": []}', "the list 'annotations', got", id="part"),
    ],
)
def test_malformed_json(tmp_path: Path, text: str, words: str) -> None:
    """A file that is no COCO JSON is an error that says where it breaks."""
    path, images = save_coco(tmp_path, text)
    with pytest.raises(DonorReadError) as caught:
        coco_pool(path, images)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


def test_missing_json(tmp_path: Path) -> None:
    """A file that is not there is an error of reading."""
    with pytest.raises(DonorReadError, match=r"no\.json: cannot be read: No such file"):
        coco_pool(tmp_path / "no.json", tmp_path)


def test_json_that_is_a_folder(tmp_path: Path) -> None:
    """A folder is no file."""
    with pytest.raises(DonorReadError, match="must be a file, got a folder"):
        coco_pool(tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        pytest.param({"id": 4, "name": "twin"}, "category 2 must have a whole 'id'", id="same-id"),
        pytest.param({"id": "x", "name": "x"}, "category 2 must have a whole 'id'", id="text-id"),
        pytest.param({"id": 8}, "category 2 must have a whole 'id' of its own and a", id="no-name"),
        pytest.param(
            7, "category 2 must have a whole 'id' of its own and a 'name', got 7", id="number"
        ),
    ],
)
def test_false_categories(tmp_path: Path, entry: Any, words: str) -> None:
    """A false category is an error even with on_error="skip": every label hangs on it."""
    data = coco()
    data["categories"].append(entry)
    with pytest.raises(InvalidSampleError, match=words):
        coco_pool(*save_coco(tmp_path, data), on_error="skip")


def test_names_that_mean_two_categories(tmp_path: Path) -> None:
    """Two categories of one name cannot be told apart by name, but by id."""
    data = coco()
    data["categories"].append({"id": 11, "name": "pear"})
    with pytest.raises(InvalidSampleError, match="two categories have the name 'pear'"):
        coco_pool(*save_coco(tmp_path, data), labels="name")
    assert len(coco_pool(*save_coco(tmp_path, data))) == 2


def test_masks_need_segmentations(tmp_path: Path) -> None:
    """With masks=True a false segmentation is an error at its annotation."""
    data = change("annotations", 0, segmentation=...)
    with pytest.raises(InvalidSampleError, match=r"position 0 .* has a segmentation that must be"):
        coco_pool(*save_coco(tmp_path, data), masks=True)


def test_missing_values_are_named(tmp_path: Path) -> None:
    """A key that only some annotations have cannot be a field."""
    data = change("annotations", 1, score=0.5)
    with pytest.raises(InvalidSampleError, match=r"position 0 .* must have 'score', which a field"):
        coco_pool(*save_coco(tmp_path, data), fields={"s": "score"})


def test_mixed_values_are_refused(tmp_path: Path) -> None:
    """A field holds numbers or strings, not both."""
    data = change("annotations", 1, area="big")
    with pytest.raises(InvalidSampleError, match="numbers only or strings only, got float and str"):
        coco_pool(*save_coco(tmp_path, data), fields={"a": "area"})


@pytest.mark.parametrize("value", [None, [1], {"a": 1}], ids=["null", "list", "object"])
def test_values_must_be_scalars(tmp_path: Path, value: Any) -> None:
    """A list or null is no value of a label field."""
    data = change("annotations", 0, area=value)
    with pytest.raises(InvalidSampleError, match="must have a number or a string as 'area'"):
        coco_pool(*save_coco(tmp_path, data), fields={"a": "area"})


def test_numbers_beyond_64_bits_are_refused(tmp_path: Path) -> None:
    """A value that no array holds is refused."""
    data = change("annotations", 0, area=2**70)
    data["annotations"][1]["area"] = 1
    with pytest.raises(InvalidSampleError, match="does not fit in 64 bits"):
        coco_pool(*save_coco(tmp_path, data), fields={"a": "area"})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param({"labels": "names"}, "labels must be 'id', 'index' or 'name'", id="labels"),
        pytest.param({"fields": ["labels"]}, "fields must map names of label fields", id="fields"),
        pytest.param({"fields": {"masks": "id"}}, "not be named image, mask, masks", id="target"),
        pytest.param(
            {"color": "RGB"}, "color must be one of rgb, bgr, gray, unchanged", id="color"
        ),
        pytest.param({"on_error": "warn"}, "on_error must be 'raise' or 'skip'", id="on_error"),
        pytest.param({"max_pixels": 0}, "max_pixels must be a whole number from 1", id="zero"),
        pytest.param({"max_pixels": 1e6}, "max_pixels must be a whole number from 1", id="float"),
    ],
)
def test_false_arguments(tmp_path: Path, arguments: dict[str, Any], words: str) -> None:
    """Arguments are checked before the file is read."""
    with pytest.raises(InvalidArgumentError, match=words):
        coco_pool("no.json", tmp_path, **arguments)


def test_missing_folder(tmp_path: Path) -> None:
    """The folder of the images must exist."""
    path, _ = save_coco(tmp_path)
    with pytest.raises(InvalidArgumentError, match="images must be a folder that exists, got 'no'"):
        coco_pool(path, "no")


def test_no_image(tmp_path: Path) -> None:
    """A pool without images cannot be."""
    path, images = save_coco(tmp_path, coco(images=[], annotations=[]))
    with pytest.raises(EmptyPoolError, match=r"ann\.json gives no image to draw from"):
        coco_pool(path, images)
