"""`folder_pool`: class folders, and what a folder may hold besides."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hostile_files import pixels, save_image

from albu_cutmix.errors import (
    DonorReadError,
    EmptyPoolError,
    InvalidArgumentError,
    InvalidSampleError,
)
from albu_cutmix.formats import folder_pool
from albu_cutmix.formats.folder import UNREAD
from albu_cutmix.formats.paths import IMAGE_SUFFIXES

DIGITS = Path(__file__).parents[2] / "shared" / "data" / "sign_digits" / "original_100px"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two classes; the second has a folder in it, and a file that is no image."""
    folder = tmp_path / "train"
    for seed, name in enumerate(("pear/b.png", "fig/z.JPG", "fig/in/a.png", "fig/a.png")):
        save_image(folder / name, pixels(seed))
    (folder / "fig" / "Thumbs.db").write_bytes(b"no image")
    return folder


def test_the_folder_is_the_label(root: Path) -> None:
    """Classes and files come in the order of `ImageFolder`, files without boxes."""
    pool = folder_pool(root)
    assert (pool.classes, pool.findings) == (("fig", "pear"), ())
    assert [(d.id, d.label) for d in pool] == [
        ("fig/a.png", "fig"),
        ("fig/z.JPG", "fig"),
        ("fig/in/a.png", "fig"),
        ("pear/b.png", "pear"),
    ]
    assert pool[0].bboxes is None
    np.testing.assert_array_equal(pool[3].image, pixels(0))


def test_classes_number_the_labels(root: Path) -> None:
    """Names that are given keep their order; one without a folder is a class without donors."""
    pool = folder_pool(root, classes=["pear", "plum", "fig"])
    assert pool.classes == ("pear", "plum", "fig")
    assert [donor.label for donor in pool] == ["fig", "fig", "fig", "pear"]


def test_empty_class_folders(root: Path) -> None:
    """A class folder without images stays a class, so that numbers do not shift, and is told."""
    (root / "ant").mkdir()
    pool = folder_pool(root)
    assert pool.classes == ("ant", "fig", "pear")
    assert pool.findings == (f"{root / 'ant'} holds no image.",)


def test_what_is_hidden(root: Path) -> None:
    """What an editor, a notebook or an archive leaves behind is no class and no donor, and told."""
    hidden = [".ipynb_checkpoints/b.png", "fig/.ipynb_checkpoints/b.png", "pear/._b.png", ".c.png"]
    for name in hidden:
        save_image(root / name)
    (root / ".DS_Store").write_bytes(b"no image")
    pool = folder_pool(root)
    assert (len(pool), pool.classes) == (4, ("fig", "pear"))
    left_out = [str(root / name).removesuffix("/b.png") for name in hidden]
    assert sorted(pool.findings) == sorted(f"{n} is hidden and was left out." for n in left_out)


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_indices_are_those_of_image_folder(root: Path, on_error: str) -> None:
    """GIF and JPEG 2000, which `ImageFolder` does not read, are left out with a warning."""
    folders = pytest.importorskip("torchvision.datasets", reason="torchvision is not installed")
    for name in ("fig/b.gif", "fig/in/B.GIF", "pear/a.jp2", "pear/c.webp", "pear/d.TIFF"):
        save_image(root / name)
    with pytest.warns(UserWarning, match=r"left out 3 images\. .* ImageFolder does not read"):
        pool = folder_pool(root, on_error=on_error)
    theirs = folders.ImageFolder(root)
    names = [(str(root / donor.id), pool.classes.index(donor.label)) for donor in pool]
    assert names == theirs.samples
    assert pool.classes == tuple(theirs.classes)
    assert len(pool.findings) == 3


def test_image_folder_reads_all_others() -> None:
    """What is taken is exactly what `ImageFolder` takes."""
    folder = pytest.importorskip("torchvision.datasets.folder", reason="no torchvision")
    assert set(IMAGE_SUFFIXES) - set(UNREAD) == set(folder.IMG_EXTENSIONS)


class Counted(str):
    """A name that counts how often it is compared."""

    compared = 0

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return str(self) == other

    __hash__ = str.__hash__


def test_classes_are_looked_up_once(root: Path) -> None:
    """A class is sought once for all of its images, not once for each among all classes."""
    for name in range(40):
        (root / "pear" / f"{name}.png").touch()
    Counted.compared = 0
    names = [Counted(f"c{number}") for number in range(100)]
    folder_pool(root, classes=[*names, "fig", "pear"])
    assert Counted.compared < 200


@pytest.mark.parametrize(
    ("harm", "words", "left"),
    [
        pytest.param(
            lambda root: save_image(root / "lost.png"), "lies in no class folder", 4, id="root"
        ),
        pytest.param(
            lambda root: (root / "plum").symlink_to(root / "fig"),
            "is a link to a folder",
            4,
            id="link",
        ),
        pytest.param(
            lambda root: (root / "fig" / "more").symlink_to(root.parent),
            "is a link",
            4,
            id="nested",
        ),
    ],
)
def test_what_has_no_class(root: Path, harm: Any, words: str, left: int) -> None:
    """Loose images and links to folders are errors, or left out and told."""
    harm(root)
    with pytest.raises(InvalidSampleError, match=words):
        folder_pool(root)
    with pytest.warns(UserWarning, match=f"folder_pool left out 1 .*{words}"):
        pool = folder_pool(root, on_error="skip")
    assert len(pool) == left


@pytest.mark.skipif(os.name == "nt", reason="no such paths there")
def test_folders_deeper_than_a_path_can_say(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that no path reaches is told as one that cannot be listed."""
    monkeypatch.chdir(root / "pear")
    for _ in range(22):
        Path("d" * 200).mkdir()
        os.chdir("d" * 200)
    with pytest.raises(DonorReadError, match="the folder cannot be listed: File name too long"):
        folder_pool(root)
    with pytest.warns(UserWarning, match="left out 1 folders"):
        assert len(folder_pool(root, on_error="skip")) == 4


def test_names_that_are_not_listed(root: Path) -> None:
    """A folder that is none of the classes is an error, or left out and told."""
    words = r"fig must be one of the classes \['pear'\], got the folder 'fig' with 3 images"
    with pytest.raises(InvalidSampleError, match=words):
        folder_pool(root, classes=["pear"])
    with pytest.warns(UserWarning, match="left out 1 class folders"):
        pool = folder_pool(root, classes=["pear"], on_error="skip")
    assert [donor.label for donor in pool] == ["pear"]


def test_links_that_leave_the_root(root: Path) -> None:
    """A link to an image elsewhere is refused when it is drawn."""
    save_image(root.parent / "out.png")
    (root / "pear" / "c.png").symlink_to(root.parent / "out.png")
    with pytest.raises(DonorReadError, match=r"leads to .*outside the pool's folder"):
        folder_pool(root)[4]


@pytest.mark.parametrize(
    "classes", ["pear", [], ["a", "a"], [1]], ids=["text", "none", "twice", "number"]
)
def test_false_classes(root: Path, classes: Any) -> None:
    """Classes are distinct names."""
    with pytest.raises(InvalidArgumentError, match="classes must be distinct names"):
        folder_pool(root, classes=classes)


def test_no_image(tmp_path: Path) -> None:
    """A folder without images is no pool, and no folder at all is a false argument."""
    (tmp_path / "fig").mkdir()
    with pytest.raises(EmptyPoolError, match="gives no image to draw from"):
        folder_pool(tmp_path)
    with pytest.raises(InvalidArgumentError, match="root must be a folder that exists"):
        folder_pool(tmp_path / "none")


@pytest.mark.skipif(not DIGITS.is_dir(), reason="the real annotated samples are not here")
def test_sign_digits() -> None:
    """Ten digits of ten photographs each, 100 x 100 pixels."""
    pool = folder_pool(DIGITS)
    assert pool.classes == tuple("0123456789")
    assert {donor.image.shape for donor in pool} == {(100, 100, 3)}
    assert [donor.label for donor in pool] == [str(index // 10) for index in range(100)]
