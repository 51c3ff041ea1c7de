"""`coco_pool(..., keypoints=True)` on false keypoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hostile_files import save_coco
from test_formats_keypoints import people, points_of

from albu_cutmix.errors import InvalidArgumentError, InvalidSampleError
from albu_cutmix.formats import coco_pool

NAN, INF = float("nan"), float("inf")
FALSE = [
    pytest.param({"keypoints": None}, "must be a list of numbers, got None", id="null"),
    pytest.param({"keypoints": "1, 2, 2"}, "must be a list of numbers, got 1, 2, 2", id="text"),
    pytest.param(
        {"keypoints": [[1, 2, 2], [3, 4, 2]]}, "a list of numbers, got [[1, 2, 2]", id="rows"
    ),
    pytest.param(
        {"keypoints": [1, "2", 2, 0, 0, 0]}, "a list of numbers, got [1, '2'", id="text-in-list"
    ),
    pytest.param({"keypoints": [1, 2, True]}, "a list of numbers, got [1, 2, True]", id="bool"),
    pytest.param(
        {"keypoints": [1, 2, 3, 4]}, "x, y and v, for each point, got 4 numbers", id="pairs"
    ),
    pytest.param(
        {"keypoints": [NAN, 3, 2, 0, 0, 0]}, "must be finite, got the point [nan, 3.0", id="nan"
    ),
    pytest.param(
        {"keypoints": [0, 0, 0, 2, INF, 2]},
        "must be finite, got the point [2.0, inf",
        id="infinite",
    ),
    pytest.param(
        {"keypoints": [10**400, 3, 2, 0, 0, 0]}, "a number too large for a float", id="huge"
    ),
    pytest.param(
        {"keypoints": [2, 3, 3, 0, 0, 0]},
        "must have a v of 0 (not labelled), 1 (hidden) or 2 (visible), got the point "
        "[2.0, 3.0, 3.0]",
        id="v-3",
    ),
    pytest.param(
        {"keypoints": [0, 0, 0, 2, 3, -1]}, "a v of 0 (not labelled), 1 (hidden)", id="v-negative"
    ),
    pytest.param(
        {"keypoints": [0, 0, 0, 2, 3, 0.5]}, "got the point [2.0, 3.0, 0.5]", id="v-score"
    ),
    pytest.param(
        {"keypoints": [2, 3, 2]}, "must be the 2 points that its category names, got 1", id="one"
    ),
    pytest.param(
        {"num_keypoints": 2},
        "must be as many with v > 0 as 'num_keypoints' says, 2, got 1",
        id="count",
    ),
    pytest.param({"num_keypoints": "1"}, "'num_keypoints' says, '1', got 1", id="count-text"),
    pytest.param({"keypoints": ...}, "'num_keypoints' says, 1, got 0", id="count-alone"),
    pytest.param(
        {"keypoints": [34.5, 3, 2, 0, 0, 0]},
        "must be near its image of width 17, height 11 where v > 0, got the point [34.5, 3.0, 2.0]",
        id="far-right",
    ),
    pytest.param(
        {"keypoints": [0, 0, 0, 2, -11.5, 1]}, "got the point [2.0, -11.5, 1.0]", id="far-up"
    ),
]


@pytest.mark.parametrize(("values", "words"), FALSE)
def test_false_points_are_errors(tmp_path: Path, values: Any, words: str) -> None:
    """False keypoints are an error that names file, annotation and value."""
    path, images = save_coco(tmp_path, people(**values))
    with pytest.raises(InvalidSampleError) as caught:
        coco_pool(path, images, keypoints=True)
    where = f"{path}: annotation at position 0 (id 1, image 7) has keypoints that must "
    assert str(caught.value).startswith(where)
    assert words in str(caught.value)
    assert str(caught.value).endswith(". Correct it, or pass on_error='skip'.")


@pytest.mark.parametrize(("values", "words"), FALSE)
def test_false_points_can_be_skipped(tmp_path: Path, values: Any, words: str) -> None:
    """With on_error="skip" their annotation is left out whole, and counted."""
    arguments = save_coco(tmp_path, people(**values))
    with pytest.warns(UserWarning, match="coco_pool left out 1 false annotations"):
        pool = coco_pool(*arguments, masks=True, keypoints=True, on_error="skip")
    (finding,) = pool.findings
    assert words in finding
    assert points_of(pool) == [[0.25, 1, 1]]
    assert (pool[0].bboxes.tolist(), int(pool[0].masks.sum())) == ([[0, 0, 2, 2]], 4)


@pytest.mark.parametrize("names", ["stalk", [1, 2], {"stalk": 1}], ids=["text", "ids", "object"])
def test_false_names_of_points(tmp_path: Path, names: Any) -> None:
    """The names of points are a list; a false category is always an error."""
    data = people()
    data["categories"][0]["keypoints"] = names
    arguments = save_coco(tmp_path, data)
    words = "category 0 must have 'keypoints' as a list of names, got"
    with pytest.raises(InvalidSampleError, match=words):
        coco_pool(*arguments, keypoints=True, on_error="skip")
    assert len(coco_pool(*arguments)) == 2


def test_visible_is_the_name_of_the_points_field(tmp_path: Path) -> None:
    """A label field of boxes cannot be named as the field of the keypoints."""
    data = people()
    fields = {"visible": "area"}
    with pytest.raises(InvalidArgumentError) as caught:
        coco_pool("no.json", tmp_path, fields=fields, keypoints=True)
    assert "fields must not name 'visible', which with keypoints=True is the field of the" in str(
        caught.value
    )
    assert "got {'visible': 'area'}. Give it another name." in str(caught.value)
    assert coco_pool(*save_coco(tmp_path, data), fields=fields)[0].fields["visible"].sum() == 12
