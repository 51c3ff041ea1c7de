"""`dataset_pool`: any indexable, any function of an index."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import albumentations as A
import numpy as np
import pytest
from hostile_files import pixels

from albu_cutmix import CutMix, Donor, dataset_pool
from albu_cutmix.errors import InvalidArgumentError, InvalidSampleError

DATA = Path(__file__).parents[2] / "shared" / "data"


def make_donor(index: int) -> Donor:
    """A donor named by its index."""
    return Donor(pixels(index), id=str(index))


def name_donor(item: tuple[np.ndarray, str]) -> Donor:
    """A donor of an item of a data set."""
    return Donor(item[0], label=item[1])


class Items:
    """A data set that is no sequence."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> tuple[np.ndarray, str]:
        return pixels(index), "ab"[index]


def test_any_indexable() -> None:
    """What has a length and an index is a data set; items are turned into donors when drawn."""
    pool = dataset_pool(Items(), name_donor, classes=("a", "b"))
    assert (len(pool), pool.classes, [donor.label for donor in pool]) == (2, ("a", "b"), ["a", "b"])
    assert pool[-1].label == "b"
    with pytest.raises(IndexError, match="has no donor 2"):
        pool[2]


def test_any_function() -> None:
    """A function of an index is a data set of a given length, and pickles by its name."""
    pool = pickle.loads(pickle.dumps(dataset_pool(make_donor, length=3)))
    assert [donor.id for donor in pool] == ["0", "1", "2"]
    assert pool[-1].id == "2"


def test_a_function_and_a_donor_of_its_items() -> None:
    """What a function returns is turned into a donor too."""
    pool = dataset_pool(Items().__getitem__, name_donor, length=2)
    assert [donor.label for donor in pool] == ["a", "b"]


def test_mappings_are_read_in_the_formats_of_the_call() -> None:
    """A mapping is handed on as it stands; CutMix reads its boxes in the pipeline's format."""
    item = {"image": pixels(1), "bboxes": np.array([[0.5, 0.5, 1.0, 1.0]]), "labels": [1]}
    pool = dataset_pool([item])
    assert pool[0] is item
    assert pool.sample(0) == item
    run = A.Compose(
        [CutMix(pool, fit="whole", min_visibility=0, p=1)],
        bbox_params=A.BboxParams("yolo", label_fields=["labels"]),
        seed=0,
    )
    out = run(image=pixels(2), bboxes=np.zeros((0, 4)), labels=[])
    x_min, y_min, x_max, y_max = out["mix"].patches[0].tolist()
    width, height = (x_max - x_min) / 17, (y_max - y_min) / 11
    centre = (x_min + x_max) / 34, (y_min + y_max) / 22
    np.testing.assert_allclose(out["bboxes"], [[*centre, width, height]], atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        pytest.param(
            [make_donor], {}, "called with an index, got function. Pass length=", id="no-length"
        ),
        pytest.param(
            [iter([])],
            {},
            r"len\(\) and \[i\].*got list_iterator. Turn it into a list",
            id="iterator",
        ),
        pytest.param([[1]], {"length": 1}, "length is for a dataset that is called", id="both"),
        pytest.param(
            [make_donor], {"length": -1}, "length must be a whole number from 0, got -1", id="minus"
        ),
        pytest.param(
            [make_donor], {"length": True}, "length must be a whole number from 0", id="bool"
        ),
        pytest.param([[1], "name"], {}, "to_donor must be a function that turns", id="to_donor"),
    ],
)
def test_false_arguments(arguments: list[Any], options: dict[str, Any], words: str) -> None:
    """Arguments are checked when the pool is made, and the way out is named."""
    with pytest.raises(InvalidArgumentError, match=words):
        dataset_pool(*arguments, **options)


@pytest.mark.parametrize(
    ("to_donor", "words"),
    [
        pytest.param(
            None,
            "items must be Donor objects or mappings .* got int as item 1. Pass to_donor",
            id="none",
        ),
        pytest.param(str, "to_donor must return a Donor, got str for item 1", id="str"),
    ],
)
def test_items_that_are_no_donors(to_donor: Any, words: str) -> None:
    """What is no donor is refused by its type and index when it is drawn."""
    with pytest.raises(InvalidSampleError, match=words):
        dataset_pool([3, 4], to_donor)[1]
