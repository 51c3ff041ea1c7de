"""Keypoints of COCO: `coco_pool(..., keypoints=True)` on small files and on real ones."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hostile_files import coco, save_coco
from hypothesis import given
from hypothesis import strategies as st

from albu_cutmix.formats import coco_pool
from albu_cutmix.formats.keypoints import Keypoints

CROWD = {"labels": "category_id", "iscrowd": "iscrowd"}


def people(**changes: Any) -> dict[str, Any]:
    """The true file with keypoints: a pear names two points, an apple none.

    Args:
        changes: Of the first annotation; a value of ... takes the key away.
    """
    data = coco()
    data["categories"][0]["keypoints"] = ["stalk", "tip"]
    first, second = data["annotations"]
    entry = first | {"keypoints": [2.5, 3, 2, 0, 0, 0], "num_keypoints": 1} | changes
    data["annotations"] = [
        {key: value for key, value in entry.items() if value is not ...},
        second | {"keypoints": [0.25, 1, 1]},
    ]
    return data


def points_of(pool: Any, index: int = 0) -> list[list[float]]:
    """The keypoints of a donor as rows of x, y, v."""
    donor = pool[index]
    return np.column_stack([donor.keypoints, donor.keypoint_fields["visible"]]).tolist()


def test_donors_have_all_points(tmp_path: Path) -> None:
    """Every point of every annotation comes, unlabelled ones too, with its v in "visible"."""
    pool = coco_pool(*save_coco(tmp_path, people()), keypoints=True)
    assert points_of(pool) == [[2.5, 3, 2], [0, 0, 0], [0.25, 1, 1]]
    donor = pool[0]
    assert (donor.keypoints.dtype, donor.keypoint_fields["visible"].dtype) == (np.float64, np.int64)
    assert list(donor.keypoint_fields) == ["visible"]
    assert donor.fields["labels"].tolist() == [9, 4]


def test_images_without_annotations_have_no_points(tmp_path: Path) -> None:
    """No annotation: points of shape (0, 2), annotated as none."""
    donor = coco_pool(*save_coco(tmp_path, people()), keypoints=True)[1]
    assert donor.keypoints.shape == (0, 2)
    assert donor.keypoint_fields["visible"].shape == (0,)


def test_points_are_not_annotated_unless_asked_for(tmp_path: Path) -> None:
    """Without keypoints=True a donor has none, and false ones do not matter."""
    donor = coco_pool(*save_coco(tmp_path, people(keypoints="?")))[0]
    assert donor.keypoints is None
    assert donor.keypoint_fields == {}


@pytest.mark.parametrize("none", [..., []], ids=["no-key", "empty"])
def test_annotations_without_points(tmp_path: Path, none: Any) -> None:
    """An annotation without "keypoints", or with an empty list, adds none."""
    data = people(keypoints=none, num_keypoints=0)
    assert points_of(coco_pool(*save_coco(tmp_path, data), keypoints=True)) == [[0.25, 1, 1]]


def test_points_follow_the_rows_of_their_image(tmp_path: Path) -> None:
    """Annotations in any order: points come to their image, in the order of its rows."""
    entry = {"category_id": 4, "bbox": [1, 2, 3, 4]}
    order = [3, 7, 3, 7, 7]
    data = coco(
        annotations=[
            entry | {"id": i, "image_id": image, "keypoints": [i, 1, 2] * (i % 3)}
            for i, image in enumerate(order)
        ]
    )
    pool = coco_pool(*save_coco(tmp_path, data), fields={"id": "id"}, keypoints=True)
    assert points_of(pool, 0) == [[1, 1, 2], [4, 1, 2]]
    assert points_of(pool, 1) == [[2, 1, 2], [2, 1, 2]]


def test_crowds_left_out_have_no_points(tmp_path: Path) -> None:
    """The points of a crowd come and go with its row."""
    arguments = save_coco(tmp_path, people(iscrowd=1))
    assert points_of(coco_pool(*arguments, keypoints=True)) == [[0.25, 1, 1]]
    carried = coco_pool(*arguments, fields=CROWD, keypoints=True)
    assert points_of(carried) == [[2.5, 3, 2], [0, 0, 0], [0.25, 1, 1]]


def test_points_of_boxes_of_no_area_stay_out(tmp_path: Path) -> None:
    """What belongs to a box that never enters does not enter either."""
    with pytest.warns(UserWarning, match="left out 1 boxes of no area"):
        pool = coco_pool(*save_coco(tmp_path, people(bbox=[2, 3, 0, 5])), keypoints=True)
    assert points_of(pool) == [[0.25, 1, 1]]


@pytest.mark.parametrize(
    "point",
    [
        pytest.param([34, 22, 1], id="one-size-right"),
        pytest.param([-17, -11, 2], id="one-size-left"),
        pytest.param([1e9, 5, 0], id="far-unlabelled"),
        pytest.param([1, 2, 2.0], id="v-as-float"),
    ],
)
def test_points_that_are_taken(tmp_path: Path, point: list[float]) -> None:
    """Points may lie outside; one that is not labelled lies anywhere, and stays as it is."""
    data = people(keypoints=[*point, 0, 0, 0], num_keypoints=None)
    assert points_of(coco_pool(*save_coco(tmp_path, data), keypoints=True))[0] == point


def test_names_of_points_may_be_missing(tmp_path: Path) -> None:
    """Where a category names no points, any number will do; so for an unknown category."""
    data = people(category_id=5, keypoints=[1, 2, 2] * 5, num_keypoints=5)
    data["categories"][1]["keypoints"] = None
    pool = coco_pool(*save_coco(tmp_path, data), fields={"id": "id"}, keypoints=True)
    assert len(pool[0].keypoints) == 6


def test_donors_may_be_written_to(tmp_path: Path) -> None:
    """What a caller does to a donor's points does not reach the pool."""
    pool = coco_pool(*save_coco(tmp_path, people()), keypoints=True)
    before = points_of(pool)
    donor = pool[0]
    donor.keypoints[:] = -1
    donor.keypoint_fields["visible"][:] = -1
    assert points_of(pool) == before


def test_pickles(tmp_path: Path) -> None:
    """Points survive pickling."""
    pool = coco_pool(*save_coco(tmp_path, people()), masks=True, keypoints=True)
    data = pickle.dumps(pool)
    assert len(data) < 4_000
    copy = pickle.loads(data)
    assert [points_of(copy, i) for i in range(2)] == [points_of(pool, i) for i in range(2)]


def parts(value: Any) -> Iterator[Any]:
    """Everything that an object holds, down to arrays, texts and numbers."""
    if isinstance(value, np.ndarray):
        assert value.dtype != object
    elif isinstance(value, Mapping):
        value = list(value.values())
    elif hasattr(value, "__dict__"):
        value = list(vars(value).values())
    if isinstance(value, list | tuple):
        for part in value:
            yield from parts(part)
    else:
        yield value


def test_nothing_is_kept_per_image(tmp_path: Path) -> None:
    """A thousand annotations are as many objects as two, and a few bytes each."""
    entry = {"image_id": 7, "category_id": 9, "bbox": [1, 2, 3, 4]}
    entry |= {"keypoints": [1, 2, 2] * 17, "segmentation": [[1, 2, 4, 2, 4, 6]]}
    pools = [
        coco_pool(
            *save_coco(tmp_path, coco(annotations=[entry | {"id": i} for i in range(count)])),
            masks=True,
            keypoints=True,
        )
        for count in (2, 1000)
    ]
    assert len(list(parts(pools[0]))) == len(list(parts(pools[1])))
    small, large = (len(pickle.dumps(pool)) for pool in pools)
    assert (large - small) / 998 < 17 * 17 + 150


ROWS = st.lists(
    st.lists(
        st.tuples(st.integers(-99, 99).map(lambda n: n / 4), st.integers(0, 99), st.integers(0, 2)),
        max_size=4,
    )
)


@given(ROWS, st.data())
def test_packed_points_come_out_as_they_went_in(rows: Any, data: st.DataObject) -> None:
    """Any run of rows gives its own points, in order."""
    packed = Keypoints.pack([np.array(row, float).reshape(-1, 3) for row in rows])
    start = data.draw(st.integers(0, len(rows)))
    end = data.draw(st.integers(start, len(rows)))
    points, visible = packed.of(start, end)
    assert points.shape == (len(visible), 2)
    expected = [point for row in rows[start:end] for point in row]
    assert [(x, y, v) for (x, y), v in zip(points, visible, strict=True)] == expected


@pytest.mark.parametrize("fields", [None, CROWD], ids=["objects", "crowds-too"])
def test_real_keypoints(data_dir: Path, fields: Any) -> None:
    """10 photographs: 17 points of each person, 307 labelled on 27 of them, as the file says."""
    folder = data_dir / "coco_instances"
    data = json.loads((folder / "person_keypoints.json").read_text(encoding="utf-8"))
    pool = coco_pool(
        folder / "person_keypoints.json", folder / "images", fields=fields, keypoints=True
    )
    visible, persons = [], 0
    for index, image in enumerate(data["images"]):
        rows = [a for a in data["annotations"] if a["image_id"] == image["id"]]
        rows = [a for a in rows if fields or not a["iscrowd"]]
        expected = np.array([a["keypoints"] for a in rows], float).reshape(-1, 3)
        assert points_of(pool, index) == expected.tolist()
        own = pool[index].keypoint_fields["visible"].reshape(len(rows), 17)
        visible.append(own)
        persons += int((own > 0).any(1).sum())
    table = np.concatenate(visible)
    assert (len(pool), len(table), persons) == (10, 65 if fields else 62, 27)
    assert int((table > 0).sum()) == 307
