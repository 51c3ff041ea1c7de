"""Arguments of a wrong type: an error that names them, from every pool of files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hostile_files import coco, save_coco, save_image, voc

from albu_cutmix.errors import InvalidArgumentError
from albu_cutmix.formats import coco_pool, folder_pool, frame_pool, pascal_voc_pool, yolo_pool
from albu_cutmix.formats.brief import brief

NO_NAMES = ("\0", "a" * 5000, "\ud800", "~no-such-user/x", None, 5, ["a"])


def false_calls(folder: Path) -> dict[str, Callable[[], Any]]:
    """Calls by what is false in them, each with files that are there."""
    json, images = save_coco(folder, coco())
    (folder / "a.xml").write_text(voc(), encoding="utf-8")
    (folder / "images" / "a.txt").write_text("", encoding="utf-8")
    save_image(folder / "class" / "a.png")
    table = pd.DataFrame({"image": ["a.png"], "bbox": [[1, 1, 2, 2]], "label": [0]})
    calls: dict[str, Callable[[], Any]] = {
        "json": lambda: coco_pool(None, images),
        "labels": lambda: coco_pool(json, images, labels=[]),
        "fields": lambda: coco_pool(json, images, fields=5),
        "color": lambda: coco_pool(json, images, color=[]),
        "max_pixels": lambda: coco_pool(json, images, max_pixels=10**5000),
        "on_error": lambda: coco_pool(json, images, on_error={}),
        "yolo images": lambda: yolo_pool([5]),
        "yolo images by name": lambda: yolo_pool({"a.png": 1}),
        "yolo field": lambda: yolo_pool(images, field=5),
        "yolo field of a target": lambda: yolo_pool(images, field="image"),
        "yolo names": lambda: yolo_pool(images, names=["pear", 5]),
        "annotations": lambda: pascal_voc_pool(5, images),
        "an annotation": lambda: pascal_voc_pool([5], images),
        "voc field": lambda: pascal_voc_pool(folder, images, field=[]),
        "classes": lambda: folder_pool(folder, classes=5),
        "a class": lambda: folder_pool(folder, classes=[[]]),
        "classes by name": lambda: folder_pool(folder, classes={"class": 1}),
        "frame bbox": lambda: frame_pool(table, bbox=5, root=images),
        "frame field": lambda: frame_pool(table, "image", "bbox", "label", root=images, field=[]),
        "frame classes": lambda: frame_pool(table, label="label", root=images, classes=1.5),
    }
    return calls


def test_wrong_types(tmp_path: Path) -> None:
    """Each is our error, short, and says what is expected."""
    for what, call in false_calls(tmp_path).items():
        with pytest.raises(InvalidArgumentError, match=" must ") as caught:
            call()
        assert len(str(caught.value)) < 400, what


@pytest.mark.parametrize("name", NO_NAMES, ids=lambda name: repr(name)[:9])
@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda name, json: coco_pool(json, name), id="coco"),
        pytest.param(lambda name, _: folder_pool(name), id="folder"),
        pytest.param(lambda name, _: pascal_voc_pool([], name), id="voc"),
        pytest.param(
            lambda name, _: frame_pool(pd.DataFrame({"image": []}), root=name), id="frame"
        ),
    ],
)
def test_folders_that_cannot_be(tmp_path: Path, call: Any, name: Any) -> None:
    """Letters, lengths and types that no folder has are told as a folder that is not there."""
    with pytest.raises(InvalidArgumentError, match="must be a folder that exists") as caught:
        call(name, save_coco(tmp_path)[0])
    assert len(str(caught.value)) < 400


def test_images_with_names_too_long(tmp_path: Path) -> None:
    """A name longer than any file has is one that is not there."""
    with pytest.raises(InvalidArgumentError, match="none of 1 images has one"):
        yolo_pool([tmp_path / ("a" * 300 + ".png")])
    (tmp_path / "a.xml").write_text(voc(filename="b" * 300), encoding="utf-8")
    save_image(tmp_path / "a.png")
    assert pascal_voc_pool(tmp_path, tmp_path)[0].id == "a.png"


class Rude:
    """An object that cannot be shown."""

    def __repr__(self) -> str:
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("pear", "'pear'"),
        (["id"], "['id']"),
        ({"a": {"b": {"c": 1}}}, "{'a': {'b': {...}}}"),
        (Rude(), "<Rude instance at 0x"),
    ],
)
def test_short_values_are_shown_whole(value: Any, text: str) -> None:
    """What is short is shown as it is, what is deep is not walked."""
    assert brief(value).startswith(text)


def test_long_values_are_cut() -> None:
    """A message stays short whatever came."""
    shared: list[Any] = ["x"] * 10
    for _ in range(30):
        shared = [shared] * 10
    for value in (shared, ["a" * 10**6] * 9, 10**5000, list(range(10**5)), Path("a" * 10**4)):
        assert len(brief(value)) < 250
