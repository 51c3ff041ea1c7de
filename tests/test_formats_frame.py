"""`frame_pool` on pandas and polars tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hostile_files import pixels, save_image

from albu_cutmix.errors import EmptyPoolError, InvalidArgumentError, InvalidSampleError
from albu_cutmix.formats import frame_pool

Table = Callable[[dict[str, Any]], Any]


@pytest.fixture(
    params=[pd.DataFrame, lambda d: pl.DataFrame(d, strict=False)], ids=["pandas", "polars"]
)
def table(request: pytest.FixtureRequest) -> Table:
    """Both kinds of tables."""
    return request.param


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with two images."""
    for seed, name in enumerate(("a.png", "b.png")):
        save_image(tmp_path / name, pixels(seed))
    return tmp_path


BOXES = {
    "image_id": ["b", "a", "b", "a"],
    "bbox": ["[2.0, 3, 4, 5]", "[0, 0, 2, 2]", "[1.5, 1.5, 3.0, 3.0]", "[5, 5, 1, 1]"],
    "kind": ["pear", "apple", "apple", "pear"],
}


def test_boxes_in_texts(root: Path, table: Table) -> None:
    """Rows are grouped by image, in the order of first appearance."""
    pool = frame_pool(table(BOXES), "image_id", "bbox", "kind", root=root, suffix=".png")
    assert ([donor.id for donor in pool], pool.classes) == (["b.png", "a.png"], ("apple", "pear"))
    np.testing.assert_array_equal(pool[0].bboxes, [[2, 3, 6, 8], [1.5, 1.5, 4.5, 4.5]])
    np.testing.assert_array_equal(pool[0].image, pixels(1))
    assert pool[0].fields == {"labels": ["pear", "apple"]}
    assert pool[0].label is None


def test_boxes_in_lists(root: Path, table: Table) -> None:
    """A cell may hold the numbers themselves."""
    df = table({"image": ["a.png", "a.png"], "bbox": [[1, 2, 3, 4], [2, 3, 4, 5]]})
    pool = frame_pool(df, bbox="bbox", bbox_format="pascal_voc", root=root)
    np.testing.assert_array_equal(pool[0].bboxes, [[1, 2, 3, 4], [2, 3, 4, 5]])
    assert (dict(pool[0].fields), pool.classes) == ({}, None)


def test_boxes_in_arrays(root: Path) -> None:
    """A cell may hold an array or a tuple."""
    df = pd.DataFrame({"image": ["a.png"] * 2, "bbox": [np.array([1, 2, 3, 4]), (2.5, 3, 4, 5)]})
    pool = frame_pool(df, bbox="bbox", bbox_format="pascal_voc", root=root)
    np.testing.assert_array_equal(pool[0].bboxes, [[1, 2, 3, 4], [2.5, 3, 4, 5]])


def test_boxes_in_four_columns(root: Path, table: Table) -> None:
    """Four columns are a box; a row where all four are empty stands for the image."""
    df = table(
        {
            "image": ["a.png", "b.png"],
            "x": [1.0, None],
            "y": [2.0, None],
            "X": [3.0, None],
            "Y": [4.0, None],
            "n": [7, None],
        }
    )
    pool = frame_pool(df, bbox=["x", "y", "X", "Y"], label="n", bbox_format="pascal_voc", root=root)
    np.testing.assert_array_equal(pool[0].bboxes, [[1, 2, 3, 4]])
    assert pool[0].fields["labels"].tolist() == [7]
    assert pool[0].fields["labels"].dtype == np.int64
    assert pool[1].bboxes.shape == (0, 4)


def test_shares_become_pixels(root: Path, table: Table) -> None:
    """Boxes in shares are scaled by the size of the image that was read."""
    df = table({"image": ["a.png"], "bbox": ["0.5 0.5 0.5 0.25"]})
    pool = frame_pool(df, bbox="bbox", bbox_format="yolo", root=root)
    np.testing.assert_allclose(pool[0].bboxes, [[4.25, 4.125, 12.75, 6.875]], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "cell",
    [None, float("nan"), pd.NA, "", "[]", []],
    ids=["none", "nan", "na", "text", "brackets", "list"],
)
def test_rows_without_a_box(root: Path, cell: Any) -> None:
    """A row with an empty cell is an image without that box."""
    df = pd.DataFrame({"image": ["a.png", "b.png"], "bbox": [cell, "[1, 1, 2, 2]"]})
    pool = frame_pool(df, bbox="bbox", root=root)
    assert [len(donor.bboxes) for donor in pool] == [0, 1]


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        pytest.param("__import__('os').getcwd()", "it must be numbers between commas", id="code"),
        pytest.param("[1, 2, 3, (lambda: 4)()]", "it must be numbers between commas", id="lambda"),
        pytest.param("[1, 2, 3]", "it must be four numbers, got 3: [1, 2, 3]", id="three"),
        pytest.param(
            [1, 2, 3, "4"], "it must be four numbers, got [1, 2, 3, '4']", id="text-in-list"
        ),
        pytest.param([1, 2, 3, 10**400], "it int too large to convert to float", id="huge"),
        pytest.param(7, "it must be four numbers or a text of them, got 7", id="number"),
        pytest.param([1, 2, float("nan"), 4], "it must be finite", id="nan"),
        pytest.param("[1, 2, 1e999, 4]", "it must be finite", id="infinite"),
        pytest.param([5, 2, -3, 4], "width and height must be positive", id="inverted"),
        pytest.param([-5, 2, 3, 4], "lies outside its image (left of or above it)", id="outside"),
    ],
)
def test_false_boxes(root: Path, cell: Any, words: str) -> None:
    """A false box is an error that names row and image, or is counted on request."""
    df = pd.DataFrame({"image": ["b.png", "a.png"], "bbox": ["[1, 1, 2, 2]", cell]})
    with pytest.raises(InvalidSampleError) as caught:
        frame_pool(df, bbox="bbox", root=root)
    assert words in str(caught.value)
    assert "row 1 of the table ('a.png')" in str(caught.value)
    with pytest.warns(UserWarning, match="frame_pool left out 1 "):
        pool = frame_pool(df, bbox="bbox", root=root, on_error="skip")
    assert [len(donor.bboxes) for donor in pool] == [1, 0]


def test_zero_area_boxes_never_enter(root: Path, table: Table) -> None:
    """A box of no area is left out with a warning; its image stays."""
    df = table({"image": ["a.png"], "bbox": ["[1, 1, 2, 0]"], "n": ["pear"]})
    with pytest.warns(UserWarning, match=r"row 0 of the table \('a.png'\) has box .* of no area"):
        pool = frame_pool(df, bbox="bbox", label="n", root=root)
    assert pool[0].bboxes.shape == (0, 4)


def test_boxes_outside_are_found_at_the_draw(root: Path) -> None:
    """The size of an image is known when it is read: then a box outside is an error."""
    pool = frame_pool(
        pd.DataFrame({"image": ["a.png"], "bbox": ["[99, 1, 2, 2]"]}), bbox="bbox", root=root
    )
    with pytest.raises(InvalidSampleError, match=r"'a.png'.* lies outside its image of width 17"):
        pool[0]


@pytest.mark.parametrize(
    ("labels", "expected", "classes"),
    [(["pear", "apple"], ["pear", "apple"], ("apple", "pear")), ([3, 1], [3, 1], None)],
    ids=["names", "indices"],
)
def test_class_labels(root: Path, table: Table, labels: Any, expected: Any, classes: Any) -> None:
    """Without boxes the label is the image's own."""
    pool = frame_pool(table({"image": ["a.png", "b.png"], "y": labels}), label="y", root=root)
    assert ([donor.label for donor in pool], pool.classes) == (expected, classes)
    assert pool[0].bboxes is None


def test_images_alone(root: Path, table: Table) -> None:
    """Without boxes and label a row is an image."""
    assert frame_pool(table({"image": ["a.png"]}), root=root)[0].label is None


def test_whole_numbers_name_files(root: Path, table: Table) -> None:
    """An id may be a whole number."""
    save_image(root / "12.png")
    assert frame_pool(table({"image": [12]}), root=root, suffix=".png")[0].id == "12.png"


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        pytest.param(
            {"image": ["a.png", "a.png"]}, "row 1 .* has the image 'a.png' of row 0", id="twice"
        ),
        pytest.param(
            {"image": ["a.png", None]}, "row 1 .* must have the name of a file", id="none"
        ),
        pytest.param({"image": ["a.png", "../b.png"]}, "row 1 .* must not leave the pool", id="up"),
        pytest.param({"image": ["a.png", "/b.png"]}, "row 1 .* must be relative to", id="absolute"),
        pytest.param(
            {"image": ["a.png", "b.png"], "y": ["x", None]}, r"row 1 .* no value in 'y'", id="label"
        ),
    ],
)
def test_false_rows(root: Path, table: Table, columns: dict[str, Any], words: str) -> None:
    """A false row is an error that names it, or is counted on request."""
    label = "y" if "y" in columns else None
    with pytest.raises(InvalidSampleError, match=words):
        frame_pool(table(columns), label=label, root=root)
    with pytest.warns(UserWarning, match="frame_pool left out 1 rows"):
        assert len(frame_pool(table(columns), label=label, root=root, on_error="skip")) == 1


def test_float_names(root: Path) -> None:
    """A float has lost the digits of the file's name."""
    with pytest.raises(InvalidSampleError, match=r"got 1.0. Read this column as strings"):
        frame_pool(pd.DataFrame({"image": [1.0]}), root=root)


def test_boxes_need_labels(root: Path) -> None:
    """A box without a label cannot be mixed."""
    df = pd.DataFrame({"image": ["a.png"], "bbox": ["[1, 1, 2, 2]"], "y": [None]})
    with pytest.raises(InvalidSampleError, match=r"row 0 .* has a box without a label"):
        frame_pool(df, bbox="bbox", label="y", root=root)


@pytest.mark.parametrize(
    ("labels", "classes", "words"),
    [
        (["pear"], ["apple"], "'y' must hold names of classes, got 'pear'"),
        ([5], 5, "'y' must hold class indices from 0 to 4, got 5"),
        ([-1], ["apple"], "'y' must hold class indices from 0 to 0, got -1"),
        ([0.5], None, "'y' of the table must hold class names or whole numbers, got 0.5"),
        (["x", 1], None, "'y' of the table must hold numbers only or strings only"),
    ],
    ids=["name", "index", "negative", "fraction", "mixed"],
)
def test_false_labels(root: Path, labels: Any, classes: Any, words: str) -> None:
    """A label that is no class is refused."""
    df = pd.DataFrame({"image": ["a.png", "b.png"][: len(labels)], "y": pd.Series(labels)})
    with pytest.raises(InvalidSampleError, match=words):
        frame_pool(df, label="y", root=root, classes=classes)


def test_given_classes_keep_their_order(root: Path) -> None:
    """Classes that are given stay as given."""
    df = pd.DataFrame({"image": ["a.png"], "y": ["pear"]})
    assert frame_pool(df, label="y", root=root, classes=["pear", "ox"]).classes == ("pear", "ox")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(
            {"image": "file"}, "image must name a column of the table, .* got 'file'", id="image"
        ),
        pytest.param({"label": "y"}, "label must name a column", id="label"),
        pytest.param({"bbox": "box"}, "bbox must name a column", id="bbox"),
        pytest.param({"bbox": ["x", "y"]}, "bbox must be one column or a list of four", id="two"),
        pytest.param(
            {"bbox_format": "voc"}, "bbox_format must be one of pascal_voc, coco", id="format"
        ),
        pytest.param(
            {"classes": "pear"}, "classes must be names or a count, got 'pear'", id="classes"
        ),
        pytest.param({"classes": 0}, "classes must be names or a count, got 0", id="no-classes"),
        pytest.param({"root": "no"}, "root must be a folder that exists", id="root"),
    ],
)
def test_false_arguments(root: Path, arguments: dict[str, Any], words: str) -> None:
    """Arguments are checked when the pool is made."""
    with pytest.raises(InvalidArgumentError, match=words):
        frame_pool(pd.DataFrame({"image": ["a.png"]}), **({"root": root} | arguments))


@pytest.mark.parametrize(
    "df", [[1], {"image": ["a.png"]}, pl.LazyFrame({"image": ["a"]})], ids=["list", "dict", "lazy"]
)
def test_what_is_no_table(df: Any) -> None:
    """A table is a pandas or polars DataFrame, collected."""
    with pytest.raises(InvalidArgumentError, match="df must be a pandas or polars DataFrame, got"):
        frame_pool(df)


def test_no_row(root: Path, table: Table) -> None:
    """A pool without images cannot be."""
    with pytest.raises(EmptyPoolError, match="the table gives no image"):
        frame_pool(table({"image": []}), root=root)
