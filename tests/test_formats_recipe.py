"""What a pool of files says of itself: its spec, its digest, its classes."""

from __future__ import annotations

import copy
import json
import pickle
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hostile_files import coco, pixels, save_coco, save_image, voc, voc_object

from albu_cutmix import Donor, MemoryPool, dataset_pool
from albu_cutmix.errors import DonorReadError, InvalidArgumentError
from albu_cutmix.formats import coco_pool, folder_pool, frame_pool, pascal_voc_pool, yolo_pool
from albu_cutmix.pool import describe_pool

MAKERS = {
    "coco": coco_pool,
    "yolo": yolo_pool,
    "pascal_voc": pascal_voc_pool,
    "folder": folder_pool,
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The same two images under annotations of every format."""
    save_coco(tmp_path)
    for name, text in (
        ("labels/a.txt", "1 .5 .5 .5 .5"),
        ("ann/a.xml", voc(voc_object("pear", 1, 2, 3, 4))),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def specs(root: Path) -> list[dict[str, Any]]:
    """One spec of each format, with options."""
    images = str(root / "images")
    return [
        {"format": "coco", "json": str(root / "ann.json"), "images": images, "masks": True},
        {"format": "coco", "json": str(root / "ann.json"), "images": images, "fields": {"n": "id"}},
        {"format": "yolo", "images": images, "names": ["a", "b"], "label_as": "name"},
        {"format": "yolo", "images": [f"{images}/a.png", f"{images}/b.png"]},
        {"format": "pascal_voc", "annotations": str(root / "ann"), "images": images},
        {"format": "folder", "root": str(root), "classes": ["images"], "color": "gray"},
    ]


def make(spec: dict[str, Any]) -> Any:
    """Make the pool of a spec."""
    arguments = {key: value for key, value in spec.items() if key != "format"}
    return MAKERS[spec["format"]](**arguments)


@pytest.mark.parametrize("number", range(6))
def test_specs_are_the_arguments(root: Path, number: int) -> None:
    """A spec is the call in plain data, JSON brings it back, and it makes an equal pool."""
    spec = specs(root)[number]
    pool = make(spec)
    assert pool.to_spec() == spec
    again = make(json.loads(json.dumps(pool.to_spec())))
    assert describe_pool(again) == describe_pool(pool)


def test_paths_and_defaults(root: Path) -> None:
    """Paths become texts as they were given; what is as by default is left out."""
    pool = coco_pool(root / "ann.json", root / "images", labels="id", max_pixels=10**6)
    spec = {"json": str(root / "ann.json"), "images": str(root / "images"), "max_pixels": 10**6}
    assert pool.to_spec() == {"format": "coco", **spec}


def test_numbered_names(root: Path) -> None:
    """Names by number, which JSON cannot have as keys, are written as a list."""
    pool = yolo_pool(root / "images", names={1: "b", 0: "a"})
    assert pool.to_spec()["names"] == ["a", "b"]


def test_a_spec_is_free_to_be_changed(root: Path) -> None:
    """Who changes a spec does not change the pool's."""
    pool = coco_pool(root / "ann.json", root / "images", fields={"n": "id"})
    pool.to_spec()["fields"]["n"] = "other"
    assert pool.to_spec()["fields"] == {"n": "id"}


def test_what_has_no_spec(root: Path) -> None:
    """A table, donors in memory and a data set cannot be written down."""
    table = pd.DataFrame({"image": ["a.png", "b.png"]})
    pools = [
        frame_pool(table, root=root / "images"),
        MemoryPool([Donor(pixels())]),
        dataset_pool([Donor(pixels())]),
    ]
    assert [pool.to_spec() for pool in pools] == [None] * 3
    assert set(describe_pool(pools[0])) == {"length", "digest"}


def test_long_lists_travel_in_the_file(root: Path) -> None:
    """A list of a thousand images is in the spec, and not in the pickle."""
    files = [str(root / "images" / f"{number:04}.png") for number in range(1000)]
    (root / "labels" / "0000.txt").write_text("0 .5 .5 .5 .5", encoding="utf-8")
    pool = yolo_pool(files)
    assert pool.to_spec()["images"] == files
    data = pickle.dumps(pool)
    assert len(data) < 10_000
    assert pickle.loads(data).to_spec() == pool.to_spec()


def test_the_shared_file_is_gone(root: Path) -> None:
    """Where the file of a pickle is gone the pool is made anew; what has no spec says so."""
    many = coco(
        images=[
            {"id": i, "file_name": f"{i:04}.jpg", "width": 17, "height": 11} for i in range(1000)
        ],
        annotations=[],
    )
    pool = coco_pool(*save_coco(root, many), keypoints=True)
    table = frame_pool(pd.DataFrame({"image": [f"{i:04}.jpg" for i in range(1000)]}), root=root)
    packed = [pickle.dumps(one) for one in (pool, table)]
    for one in (pool, table):
        one._index[0].unlink()
    assert describe_pool(pickle.loads(packed[0])) == describe_pool(pool)
    with pytest.raises(DonorReadError, match="the shared table of a pickled FilePool is gone"):
        pickle.loads(packed[1])


def test_copies_are_the_pool(root: Path) -> None:
    """A deep copy, which a host makes of its settings, does not copy a table."""
    pool = yolo_pool(root / "images")
    assert copy.deepcopy({"pool": pool})["pool"] is pool


def test_donors_of_a_copy_are_free_to_be_changed(root: Path) -> None:
    """What a worker draws is its own: boxes, fields and points, although its tables are shared."""
    data = coco()
    for annotation in data["annotations"]:
        annotation |= {"keypoints": [1, 2, 2] * 300, "score": 0.5}
    fields = {"labels": "category_id", "score": "score"}
    pool = coco_pool(*save_coco(root, data), fields=fields, keypoints=True)
    other = pickle.loads(pickle.dumps(pool))
    assert not other._boxes.keypoints.points.values.flags.writeable
    donor = other[0]
    donor.bboxes[:] = donor.keypoints[:] = donor.keypoint_fields["visible"][:] = 0
    donor.fields["labels"][:] = donor.fields["score"][:] = 0
    assert other[0].bboxes.tolist() == pool[0].bboxes.tolist()
    assert other[0].fields["score"].tolist() == [0.5, 0.5]


def test_digest_is_of_content(root: Path) -> None:
    """Masks, keypoints and colours are part of the digest; the path and limits are not."""
    path, images = save_coco(root)
    for annotation in (data := coco())["annotations"]:
        annotation["keypoints"] = [1, 2, 2]
    save_coco(root / "more", data)
    digests = [
        coco_pool(path, images).digest(),
        coco_pool(path, images, masks=True).digest(),
        coco_pool(path, images, color="bgr").digest(),
        coco_pool(path, images, keypoints=True).digest(),
        coco_pool(root / "more" / "ann.json", images, keypoints=True).digest(),
    ]
    assert len(set(digests)) == 5
    elsewhere = coco_pool(root / "more" / "ann.json", root / "more" / "images", max_pixels=10**6)
    assert elsewhere.digest() == digests[0]


def listed(pool: Any) -> list[list[Any]]:
    """The classes of every donor."""
    offsets, codes, names = pool.class_rows()
    assert (offsets.dtype, codes.dtype) == (np.int64, np.int32)
    return [[names[code] for code in codes[a:b]] for a, b in pairwise(offsets)]


def test_classes_of_files(root: Path) -> None:
    """Classes of donors are known without an image: those of the boxes, or of the folder."""
    path, images = root / "ann.json", root / "images"
    for image in images.iterdir():
        image.write_bytes(b"")
    assert listed(coco_pool(path, images)) == [[9, 4], []]
    assert listed(coco_pool(path, images, labels="name")) == [["pear", "apple"], []]
    assert listed(yolo_pool(images)) == [[1], []]
    assert listed(pascal_voc_pool(root / "ann", images)) == [["pear"]]


def test_classes_of_folders_and_tables(tmp_path: Path) -> None:
    """A class label per image is its class."""
    save_image(tmp_path / "fig" / "a.png")
    save_image(tmp_path / "pear" / "b.png")
    assert listed(folder_pool(tmp_path)) == [["fig"], ["pear"]]
    table = pd.DataFrame({"image": ["fig/a.png", "pear/b.png"], "label": [7, 3]})
    assert listed(frame_pool(table, label="label", root=tmp_path)) == [[7], [3]]
    with pytest.raises(
        InvalidArgumentError, match="was read without labels, so its donors have no"
    ):
        frame_pool(table, root=tmp_path).class_rows()


def test_classes_in_memory() -> None:
    """Donors in memory have the class of their label, else those of their boxes."""
    box = np.array([[0.0, 0, 5, 5]] * 2)
    pool = MemoryPool(
        [
            Donor(pixels(), label="fig"),
            Donor(pixels(), label=np.float32([0, 0.5, 0.5])),
            Donor(pixels(), bboxes=box, fields={"a": ["x", "fig"], "b": [1, 2]}),
            Donor(pixels()),
            Donor(pixels(), label=np.int64(2)),
        ]
    )
    assert listed(pool) == [["fig"], [1, 2], ["x", "fig"], [], [2]]


def test_classes_of_data_sets() -> None:
    """A data set would have to be read for its classes."""
    with pytest.raises(InvalidArgumentError, match="Give `weighted` an array with a weight per"):
        dataset_pool([Donor(pixels())]).class_rows()
