"""`yolo_pool` on small files, true and false, and numbers in text."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hostile_files import pixels, save_image
from hypothesis import given
from hypothesis import strategies as st

from albu_cutmix.errors import (
    DonorReadError,
    EmptyPoolError,
    InvalidArgumentError,
    InvalidSampleError,
)
from albu_cutmix.formats import yolo_pool
from albu_cutmix.formats.number_text import parse_numbers

BOX = "1 0.5 0.5 0.5 0.25\n"


def save_yolo(folder: Path, text: str | None = BOX) -> Path:
    """Write two images, a text for the first, and return the image folder."""
    for seed, name in enumerate(("a.png", "sub/b.PNG")):
        save_image(folder / "images" / name, pixels(seed))
    (folder / "labels").mkdir(exist_ok=True)
    if text is not None:
        (folder / "labels" / "a.txt").write_text(text, encoding="utf-8")
    return folder / "images"


def test_donors_are_what_the_files_say(tmp_path: Path) -> None:
    """A line is a class and a box in shares; an image without a text has no boxes."""
    pool = yolo_pool(save_yolo(tmp_path), names=["apple", "pear"])
    assert (len(pool), pool.classes, pool.findings) == (2, ("apple", "pear"), ())
    np.testing.assert_allclose(pool[0].bboxes, [[4.25, 4.125, 12.75, 6.875]], rtol=0, atol=1e-12)
    np.testing.assert_array_equal(pool[0].image, pixels(0))
    assert pool[0].fields["labels"].tolist() == [1]
    assert (pool[1].id, pool[1].bboxes.shape) == ("sub/b.PNG", (0, 4))


def test_names_as_labels(tmp_path: Path) -> None:
    """Labels may be the names."""
    pool = yolo_pool(save_yolo(tmp_path), names={1: "pear", 0: "apple"}, label_as="name", field="c")
    assert pool[0].fields["c"] == ["pear"]
    assert pool[1].fields["c"] == []


@pytest.mark.parametrize("text", ["", "\n\n", "  \n"], ids=["empty", "lines", "spaces"])
def test_background(tmp_path: Path, text: str) -> None:
    """An empty text means nothing there."""
    assert yolo_pool(save_yolo(tmp_path, text))[0].bboxes.shape == (0, 4)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("classes.txt", "apple\npear\n"),
        ("names.yaml", "names: [apple, pear]\n"),
        ("names.yml", "names:\n  0: apple\n  1: pear\n"),
    ],
)
def test_names_from_files(tmp_path: Path, name: str, text: str) -> None:
    """Names come from a text or a yaml, as list or mapping."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert yolo_pool(save_yolo(tmp_path), names=tmp_path / name).classes == ("apple", "pear")


@pytest.mark.parametrize(
    "head",
    [
        "train: images",
        "path: .\ntrain: [images]",
        "train: ../images",
        "path: {home}\ntrain: images",
    ],
    ids=["folder", "list", "its-own-name", "absolute"],
)
def test_data_yaml(tmp_path: Path, head: str) -> None:
    """A `data.yaml` gives folder and names."""
    save_yolo(tmp_path)
    path = tmp_path / "data.yaml"
    path.write_text(head.format(home=tmp_path) + "\nnames: {0: apple, 1: pear}\n", encoding="utf-8")
    pool = yolo_pool(path)
    assert (len(pool), pool.classes, pool[0].id) == (2, ("apple", "pear"), "a.png")


@pytest.mark.parametrize(
    "text",
    ["train: ../..", "train: /", "path: /\ntrain: etc", "train: none"],
    ids=["up", "absolute", "path", "missing"],
)
def test_data_yaml_that_leads_elsewhere(tmp_path: Path, text: str) -> None:
    """A yaml that comes with the data does not lead to other folders of the machine."""
    (tmp_path / "data.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InvalidArgumentError, match="must lead to a folder inside"):
        yolo_pool(tmp_path / "data.yaml")


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        pytest.param("a: [", DonorReadError, "must be YAML, got", id="syntax"),
        pytest.param("- a", DonorReadError, "must be a YAML mapping, got list", id="list"),
        pytest.param(
            "!!python/object/apply:os.getcwd []", DonorReadError, "must be YAML", id="code"
        ),
        pytest.param("names: [a]", InvalidArgumentError, "'train' must be a folder", id="no-train"),
    ],
)
def test_false_yaml(tmp_path: Path, text: str, error: type[Exception], words: str) -> None:
    """A yaml is data, and an error of it names the file."""
    (tmp_path / "data.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(error, match=words) as caught:
        yolo_pool(tmp_path / "data.yaml")
    assert "data.yaml" in str(caught.value)


def test_a_list_of_images(tmp_path: Path) -> None:
    """A list of files is one split; names are relative to what they share."""
    root = save_yolo(tmp_path)
    pool = yolo_pool([root / "sub" / "b.PNG", str(root / "a.png")])
    assert [donor.id for donor in pool] == ["sub/b.PNG", "a.png"]
    assert [len(donor.bboxes) for donor in pool] == [0, 1]


def test_texts_beside_the_images(tmp_path: Path) -> None:
    """Without a folder `images` the texts lie beside the images."""
    save_image(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text(BOX, encoding="utf-8")
    assert len(yolo_pool(tmp_path)[0].bboxes) == 1


def test_only_the_last_images_is_renamed(tmp_path: Path) -> None:
    """An earlier folder `images` in the path stays."""
    root = save_yolo(tmp_path / "images" / "set")
    assert len(yolo_pool(root)[0].bboxes) == 1


def test_no_text_at_all(tmp_path: Path) -> None:
    """Where no image has a text the folder is wrong, not the data empty."""
    with pytest.raises(InvalidArgumentError, match=r"none of 2 images has one; looked for .*a.txt"):
        yolo_pool(save_yolo(tmp_path, None))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param("1 0.5 0.5 0.5", "has 4 columns: must be 'class cx cy w h' or", id="four"),
        pytest.param("1 0.5 0.5 0.5 0.5 0.9", "has 6 columns: must be", id="six"),
        pytest.param("1 .1 .1 .5 .1 .5 .5 2", "poses are not read", id="pose"),
        pytest.param("1 .1 .1 .5 .1 .5 3.5", "got the point [0.5, 3.5]", id="far"),
        pytest.param("1 .1 .1 .5 .1 .5 1e999", "got the point [0.5, inf]", id="infinite-point"),
        pytest.param(
            "1 .1 .1 .5 .1 .5,5 .5", "must be 'class x y x y x y ...', got", id="comma-point"
        ),
        pytest.param(
            "2 .5 .5 .5 .5", "a class that is from 0 to 1, as in names, got 2", id="class"
        ),
        pytest.param(
            "-1 .5 .5 .5 .5", "a class that is from 0 to 1, as in names, got -1", id="minus"
        ),
        pytest.param(
            "0.5 .5 .5 .5 .5", "a class that is from 0 to 1, as in names, got 0.5", id="half"
        ),
        pytest.param("1 nan .5 .5 .5", "numbers between commas or spaces, got '1 nan", id="nan"),
        pytest.param("pear .5 .5 .5 .5", "must be numbers between commas or spaces", id="name"),
        pytest.param("1 1,2 .5 .5 .5", "must be 'class cx cy w h', got '1 1,2", id="comma"),
        pytest.param("1 1e999 .5 .5 .5", "it must be finite", id="infinite"),
        pytest.param("1 .5 .5 -.5 .5", "width and height must be positive", id="inverted"),
        pytest.param(
            "1 320 240 50 50", "outside its image (shares of the image, 0 to 1)", id="pixels"
        ),
    ],
)
def test_false_lines(tmp_path: Path, line: str, words: str) -> None:
    """A false line is an error that names file and line, or is counted on request."""
    root = save_yolo(tmp_path, BOX + line + "\n" + BOX)
    with pytest.raises(InvalidSampleError) as caught:
        yolo_pool(root, names=["apple", "pear"])
    assert words in str(caught.value)
    assert "a.txt, line 2 " in str(caught.value)
    with pytest.warns(UserWarning, match="yolo_pool left out 1 "):
        pool = yolo_pool(root, names=["apple", "pear"], on_error="skip")
    assert words in pool.findings[0]
    assert len(pool[0].bboxes) == 2


def test_zero_area_boxes_never_enter(tmp_path: Path) -> None:
    """A box of no height is left out with a warning that names its line."""
    with pytest.warns(UserWarning, match=r"a.txt, line 2 has box .* \(yolo\) of no area"):
        pool = yolo_pool(save_yolo(tmp_path, BOX + "0 .5 .5 .5 0\n"))
    assert len(pool[0].bboxes) == 1


def test_texts_that_cannot_be_read(tmp_path: Path) -> None:
    """A text that is not UTF-8 is an error, or counted on request."""
    root = save_yolo(tmp_path)
    (tmp_path / "labels" / "a.txt").write_bytes(b"1 \xff")
    with pytest.raises(DonorReadError, match="must be UTF-8 text, got byte 0xff at 2"):
        yolo_pool(root)
    with pytest.warns(UserWarning, match="left out 1 label files"):
        assert len(yolo_pool(root, on_error="skip")[0].bboxes) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param({"label_as": "id"}, "label_as must be 'index' or 'name'", id="label_as"),
        pytest.param({"label_as": "name"}, "label_as='name' needs names", id="no-names"),
        pytest.param({"names": {0: "a", 2: "b"}}, "from 0 without gaps", id="gap"),
        pytest.param({"names": ["a", "a"]}, "names must be distinct", id="twice"),
        pytest.param({"names": []}, "names must be a list, a mapping or a file", id="empty"),
        pytest.param({"labels": "no"}, "labels must be a folder that exists", id="labels"),
    ],
)
def test_false_arguments(tmp_path: Path, arguments: dict[str, Any], words: str) -> None:
    """Arguments are checked when the pool is made."""
    with pytest.raises(InvalidArgumentError, match=words):
        yolo_pool(save_yolo(tmp_path), **arguments)


def test_false_images() -> None:
    """Images are a folder, a yaml or a list."""
    with pytest.raises(
        InvalidArgumentError, match=r"images must be a folder, a data.yaml or a list"
    ):
        yolo_pool(3)


@pytest.mark.parametrize("as_list", [False, True], ids=["folder", "list"])
def test_no_image(tmp_path: Path, as_list: bool) -> None:
    """A pool without images cannot be."""
    with pytest.raises(EmptyPoolError, match="gives no image to draw from"):
        yolo_pool([] if as_list else tmp_path)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=6))
def test_numbers_round_trip(values: list[float]) -> None:
    """Whatever Python prints as a list or tuple of numbers is read back exactly."""
    assert parse_numbers(str(values)) == values
    assert parse_numbers(" ".join(map(repr, values))) == values


def test_numpy_prints_numbers_too() -> None:
    """The text of an array, without commas, is read as well."""
    assert parse_numbers(str(np.array([834.0, 222.5, 56.0]))) == [834.0, 222.5, 56.0]


@given(st.text(max_size=20))
def test_any_text_is_numbers_or_refused(text: str) -> None:
    """No text does anything but give floats or our error."""
    with suppress(InvalidSampleError):
        assert all(isinstance(value, float) for value in parse_numbers(text))


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').getcwd()",
        "[1, 2",
        "1_000",
        "nan",
        "inf",
        "0x10",
        "\u0661",
        "1,,2",
        "[[1]]",
    ],
    ids=["code", "bracket", "underscore", "nan", "inf", "hex", "arabic", "gap", "nested"],
)
def test_what_is_no_number(text: str) -> None:
    """What only Python or a reader of code takes for a number is refused."""
    with pytest.raises(InvalidSampleError, match="must be numbers between commas or spaces"):
        parse_numbers(text)


def test_texts_of_numbers_have_a_limit() -> None:
    """A text that is too long is told as that, with the limit."""
    with pytest.raises(InvalidSampleError, match="must have at most 1000 letters, got 1997"):
        parse_numbers("1 " * 999)
    assert len(parse_numbers("1 " * 500)) == 500


@pytest.mark.parametrize("count", [400_000, 400_001], ids=["polygon", "odd"])
def test_lines_have_a_limit(tmp_path: Path, count: int) -> None:
    """A line that is too long is told as that, not as one that holds no numbers."""
    root = save_yolo(tmp_path, "0 " + "0.5 " * count)
    with pytest.raises(InvalidSampleError, match=r"line 1 must have at most 1048576 letters, got"):
        yolo_pool(root)
