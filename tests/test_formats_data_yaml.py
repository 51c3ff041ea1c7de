"""`data.yaml` files that grow while they are read, lead nowhere, or name classes by no texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hostile_files import save_image

from albu_cutmix.errors import DonorReadError, InvalidArgumentError
from albu_cutmix.formats import yolo_pool

# Each list holds the one before it ten times: 356 bytes, 10**9 values.
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 10)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGES = "a: &a {k: v}\n" + "".join(
    f"{name}: &{name} {{<<: [{', '.join(['*' + before] * 10)}]}}\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.fixture
def save(tmp_path: Path) -> Any:
    """Write a `data.yaml` beside an image and its text, and return its path."""
    save_image(tmp_path / "images" / "a.png")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("0 0.5 0.5 0.5 0.5\n", encoding="utf-8")

    def write(text: str) -> Path:
        (tmp_path / "data.yaml").write_text(text, encoding="utf-8")
        return tmp_path / "data.yaml"

    return write


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"{LAUGHS}names: *i\ntrain: images", id="names"),
        pytest.param(f"{LAUGHS}names: {{0: *i}}\ntrain: images", id="a-name"),
        pytest.param(f"{LAUGHS}train: *i", id="train"),
        pytest.param(f"{LAUGHS}train: [*i]", id="a-folder"),
        pytest.param(f"{LAUGHS}path: *i\ntrain: images", id="path"),
        pytest.param(f"{MERGES}train: images", id="merges"),
        pytest.param("names: &n [*n]\ntrain: images", id="itself"),
        pytest.param("names: [1" + ":1" * 300_000 + "]\ntrain: images", id="base-60"),
        pytest.param("train: " + "[" * 20_000, id="deep"),
    ],
)
def test_what_grows_is_refused(save: Any, text: str) -> None:
    """Some bytes that mean billions of values are refused before they are walked."""
    with pytest.raises(DonorReadError, match=r"data\.yaml: must be YAML, got") as caught:
        yolo_pool(save(text))
    assert len(str(caught.value)) < 500


def test_a_text_may_be_said_twice(save: Any) -> None:
    """An alias of a text is as good as the text."""
    assert len(yolo_pool(save("train: &images images\nval: *images\nnames: [pear]"))) == 1


@pytest.mark.parametrize("tag", ["timestamp x", "bool x", "int ''", "float x", "python/name:os x"])
def test_false_tags(save: Any, tag: str) -> None:
    """A value that is not of the kind it says is an error that names the file."""
    with pytest.raises(DonorReadError, match=r"data\.yaml: must be YAML, got"):
        yolo_pool(save(f"a: !!{tag}"))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('train: "\\0"', id="nul"),
        pytest.param('train: "\\uD800"', id="surrogate"),
        pytest.param(f"train: {'a' * 5000}", id="long"),
        pytest.param(f"path: {'a/' * 5000}\ntrain: b", id="long-path"),
        pytest.param("path: /\ntrain: .", id="elsewhere"),
        pytest.param("path: 5\ntrain: images", id="number"),
        pytest.param("path: [a]\ntrain: images", id="list"),
        pytest.param("train: [images, 5]", id="number-in-list"),
        pytest.param("train: {a: images}", id="mapping"),
    ],
)
def test_folders_that_cannot_be(save: Any, text: str) -> None:
    """Folders are texts that lead inside, whatever letters they hold; the message is short."""
    with pytest.raises(InvalidArgumentError, match=r"data\.yaml: .*must") as caught:
        yolo_pool(save(text))
    assert len(str(caught.value)) < 900


@pytest.mark.parametrize(
    ("names", "got"),
    [
        ("[pear, yes]", "True for class 1"),
        ("[~]", "None for class 0"),
        ("{0: 7}", "7 for class 0"),
        ("[1e3, 1.5]", "1.5 for class 1"),
        ("[2020-01-01]", r"datetime.date\(2020, 1, 1\) for class 0"),
        ("[[pear]]", r"\['pear'\] for class 0"),
    ],
)
def test_names_that_are_no_texts(save: Any, names: str, got: str) -> None:
    """What YAML reads as no text is no name: the message says to quote it."""
    with pytest.raises(InvalidArgumentError, match=f"must be texts, got {got}.*in quotes"):
        yolo_pool(save(f"train: images\nnames: {names}"))
    with pytest.raises(InvalidArgumentError, match=f"must be texts, got {got}"):
        yolo_pool(save("train: images").parent / "images", names=save(f"names: {names}"))


@pytest.mark.parametrize("names", ["{false: a, true: b}", "{0.0: a, 1: b}", "{1: a, 2: b}"])
def test_numbers_of_names(save: Any, names: str) -> None:
    """Names are numbered by whole numbers from 0; false is not 0."""
    with pytest.raises(InvalidArgumentError, match="must number the classes from 0 without gaps"):
        yolo_pool(save(f"train: images\nnames: {names}"))


def test_quoted_names_are_names(save: Any) -> None:
    """Names in quotes are taken as they are written."""
    pool = yolo_pool(save("train: images\nnames: ['yes', '1', 1e3]"))
    assert pool.classes == ("yes", "1", "1e3")
