"""`pascal_voc_pool` on small files, true and false."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hostile_files import (
    BILLION_LAUGHS,
    EXTERNAL,
    QUADRATIC,
    pixels,
    save_image,
    voc,
    voc_object,
)

from albu_cutmix.errors import (
    DonorReadError,
    EmptyPoolError,
    InvalidArgumentError,
    InvalidSampleError,
)
from albu_cutmix.formats import pascal_voc_pool

TRUE = voc_object("pear", 2, 3, "6.5", 8) + voc_object("apple", 0, 0, 2, 2)


def save_voc(folder: Path, *texts: str) -> tuple[Path, Path]:
    """Write annotations a.xml, b.xml and their images; return the two arguments."""
    annotations, images = folder / "ann", folder / "img"
    annotations.mkdir()
    for seed, (name, text) in enumerate(zip("abc", texts, strict=False)):
        save_image(images / f"{name}.png", pixels(seed))
        (annotations / f"{name}.xml").write_text(text, encoding="utf-8")
    return annotations, images


def test_donors_are_what_the_files_say(tmp_path: Path) -> None:
    """Coordinates are taken as they stand; labels are names; classes those that occur, sorted."""
    pool = pascal_voc_pool(*save_voc(tmp_path, voc(TRUE), voc(filename="b.png")))
    assert (len(pool), pool.classes, pool.findings) == (2, ("apple", "pear"), ())
    np.testing.assert_array_equal(pool[0].bboxes, [[2, 3, 6.5, 8], [0, 0, 2, 2]])
    np.testing.assert_array_equal(pool[0].image, pixels(0))
    assert pool[0].fields == {"labels": ["pear", "apple"]}
    assert (pool[0].id, pool[1].bboxes.shape, pool[1].fields["labels"]) == ("a.png", (0, 4), [])


def test_given_classes_keep_their_order(tmp_path: Path) -> None:
    """Classes that are given stay as given, and another name is an error."""
    arguments = save_voc(tmp_path, voc(TRUE))
    assert pascal_voc_pool(*arguments, classes=["pear", "apple"]).classes == ("pear", "apple")
    with pytest.raises(InvalidSampleError, match=r"object 1 must be one of the classes \['pear'\]"):
        pascal_voc_pool(*arguments, classes=["pear"])


@pytest.mark.parametrize("filename", ["", "gone.jpg"], ids=["none", "stale"])
def test_images_are_found_by_the_name_of_the_xml(tmp_path: Path, filename: str) -> None:
    """Where the filename leads nowhere, the image is named as the annotation."""
    pool = pascal_voc_pool(*save_voc(tmp_path, voc(TRUE, filename)))
    assert pool[0].id == "a.png"


def test_a_list_of_files(tmp_path: Path) -> None:
    """A list of annotations is one split."""
    annotations, images = save_voc(tmp_path, voc(TRUE), voc(filename="b.png"))
    pool = pascal_voc_pool([annotations / "b.xml"], images, field="names")
    assert (len(pool), pool[0].id) == (1, "b.png")


@pytest.mark.parametrize("size", [(0, 0), (17, 0)], ids=["zero", "half"])
def test_unknown_sizes(tmp_path: Path, size: tuple[int, int]) -> None:
    """A size of 0 says nothing, so any image fits; a box outside is found at the draw."""
    outside = voc_object("pear", 30, 3, 40, 8)
    arguments = save_voc(tmp_path, voc(TRUE, size=size), voc(outside, "b.png", size))
    pool = pascal_voc_pool(*arguments)
    assert len(pool[0].bboxes) == 2
    with pytest.raises(InvalidSampleError, match=r"donor 'b.png'.* lies outside its image") as e:
        pool[1]
    assert f"is named by {arguments[0]}" in str(e.value)


def test_sizes_are_compared(tmp_path: Path) -> None:
    """An image of another size than <size> is an error."""
    pool = pascal_voc_pool(*save_voc(tmp_path, voc(TRUE, size=(20, 11))))
    with pytest.raises(InvalidSampleError, match=r"is 17 x 11 pixels .* says 20 x 11. Is it the"):
        pool[0]


def test_zero_area_boxes_never_enter(tmp_path: Path) -> None:
    """A box of no area is left out with one warning that names file and object."""
    flat = voc_object("pear", 4, 4, 4, 9)
    with pytest.warns(UserWarning, match=r"a.xml: object 0 has box \[4.0, 4.0, 4.0, 9.0\]"):
        pool = pascal_voc_pool(*save_voc(tmp_path, voc(flat + TRUE)))
    assert pool[0].fields["labels"] == ["pear", "apple"]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        pytest.param(
            voc_object("pear", 6, 3, 2, 8), "width and height must be positive", id="inverted"
        ),
        pytest.param(
            voc_object("pear", 20, 3, 22, 8), "outside its image (width 17,", id="outside"
        ),
        pytest.param(voc_object("", 2, 3, 6, 8), "object 0 must have a <name>", id="no-name"),
        pytest.param(voc_object("pear", 2, 3, "nan", 8), "a number as <xmax>, got 'nan'", id="nan"),
        pytest.param(voc_object("pear", "", 3, 4, 8), "a number as <xmin>, got ''", id="empty"),
        pytest.param(voc_object("pear", "1 2", 3, 4, 8), "a number as <xmin>, got '1 2'", id="two"),
        pytest.param("<object><name>p</name></object>", "a number as <xmin>, got ''", id="no-box"),
    ],
)
def test_false_objects(tmp_path: Path, entry: str, words: str) -> None:
    """A false object is an error that names file and object, or is counted on request."""
    arguments = save_voc(tmp_path, voc(entry + TRUE))
    with pytest.raises(InvalidSampleError) as caught:
        pascal_voc_pool(*arguments)
    assert words in str(caught.value)
    assert "a.xml: object 0" in str(caught.value)
    with pytest.warns(UserWarning, match="pascal_voc_pool left out 1 "):
        pool = pascal_voc_pool(*arguments, on_error="skip")
    assert len(pool[0].bboxes) == 2


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        pytest.param(BILLION_LAUGHS, DonorReadError, "declares entities", id="billion-laughs"),
        pytest.param(QUADRATIC, DonorReadError, "declares entities", id="quadratic-blowup"),
        pytest.param(EXTERNAL, DonorReadError, "declares entities", id="external-entity"),
        pytest.param("<annotation>", DonorReadError, "must be XML, got no element", id="syntax"),
        pytest.param("", DonorReadError, "must be XML", id="empty"),
        pytest.param(
            '<?xml version="1.0" encoding="x"?><annotation/>',
            DonorReadError,
            "must be XML",
            id="encoding",
        ),
        pytest.param(
            "<a/>", DonorReadError, "must be a Pascal VOC <annotation>, got <a>", id="other"
        ),
        pytest.param(
            " " * (16 * 2**20 + 1), DonorReadError, "must have at most 16777216 bytes", id="huge"
        ),
        pytest.param(
            voc(size=(-1, 11)), InvalidSampleError, "<height> and <width> in whole", id="size"
        ),
        pytest.param(
            voc(filename="../a.png"), InvalidSampleError, "must not leave the pool", id="up"
        ),
        pytest.param(
            voc(filename="/etc/a"), InvalidSampleError, "must be relative to", id="absolute"
        ),
        pytest.param(
            voc(filename="x\\a.png"), InvalidSampleError, "forward slashes", id="backslash"
        ),
    ],
)
def test_false_files(tmp_path: Path, text: str, error: Any, words: str) -> None:
    """A false or hostile file is an error that names it, or is counted on request."""
    arguments = save_voc(tmp_path, text, voc(TRUE, "b.png"))
    with pytest.raises(error) as caught:
        pascal_voc_pool(*arguments)
    assert words in str(caught.value)
    assert "a.xml" in str(caught.value)
    with pytest.warns(UserWarning, match="left out 1 annotation files"):
        pool = pascal_voc_pool(*arguments, on_error="skip")
    assert [donor.id for donor in pool] == ["b.png"]


def test_missing_images(tmp_path: Path) -> None:
    """An annotation without an image is an error that says what was looked for."""
    annotations, images = save_voc(tmp_path, voc(TRUE))
    (images / "a.png").unlink()
    with pytest.raises(
        DonorReadError, match=r"neither its filename 'a.png' nor 'a' with the suffix"
    ):
        pascal_voc_pool(annotations, images)


@pytest.mark.parametrize(
    "classes", [[], "pear", ["a", "a"], [1]], ids=["none", "text", "twice", "int"]
)
def test_false_classes(tmp_path: Path, classes: Any) -> None:
    """Classes are distinct names."""
    with pytest.raises(InvalidArgumentError, match="classes must be distinct names"):
        pascal_voc_pool(*save_voc(tmp_path, voc(TRUE)), classes=classes)


def test_no_annotation(tmp_path: Path) -> None:
    """A folder without annotations is no pool."""
    with pytest.raises(EmptyPoolError, match="gives no image to draw from"):
        pascal_voc_pool(tmp_path, tmp_path)
