"""`pack`: a file in one go, or none; what cannot be packed is refused."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import albumentations as A
import numpy as np
import pytest
from hostile_files import pixels, save_image, truncate

from albu_cutmix import Donor, EmptyPoolError, InvalidArgumentError, InvalidSampleError
from albu_cutmix.errors import DonorReadError
from albu_cutmix.formats import folder_pool
from albu_cutmix.pool import BasePool
from albu_cutmix.scenes import scene_pool
from albu_cutmix.wrappers import cached, mapped, pack, packed, weighted

PIXEL = np.zeros((7, 11, 3), np.uint8)


def names(folder: Path) -> list[str]:
    """What lies in a folder."""
    return [path.name for path in folder.iterdir()]


@pytest.fixture(scope="module")
def scenes():
    """Four drawn scenes."""
    return scene_pool(4, size=(67, 89))


@pytest.fixture
def file(scenes, tmp_path):
    """The scenes, packed."""
    pack(scenes, tmp_path / "a.pack", progress=False)
    return tmp_path / "a.pack"


class Failing(BasePool):
    """A pool whose third donor raises."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> Donor:
        if index == 2:
            raise self.error
        return Donor(PIXEL)


@pytest.mark.parametrize(
    "error", [DonorReadError("b.jpg is gone"), KeyboardInterrupt(), ZeroDivisionError()]
)
def test_a_failed_write_leaves_the_old_file(file, error):
    """Whatever stops a write, the old file stays as it was, and no other file remains."""
    before = file.read_bytes()
    with pytest.raises(type(error)):
        pack(Failing(error), file)
    assert file.read_bytes() == before
    assert names(file.parent) == ["a.pack"]


def test_a_full_disk_is_told(file, scenes, monkeypatch):
    """Where the disk is full the message says so, and the old file stays."""

    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = file.read_bytes()
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(InvalidArgumentError, match=r"a\.pack' cannot be written: No space left"):
        pack(scenes, file)
    assert file.read_bytes() == before
    assert names(file.parent) == ["a.pack"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_disk_that_fills_up_is_told(scenes, monkeypatch, tmp_path):
    """A write that fails half-way names the file too."""
    full = os.open("/dev/full", os.O_WRONLY)
    name = tmp_path / "half"
    name.touch()
    monkeypatch.setattr("tempfile.mkstemp", lambda **_: (full, str(name)))
    with pytest.raises(InvalidArgumentError, match=r"c\.pack' cannot be written: No space left"):
        pack(scenes, tmp_path / "c.pack")
    assert names(tmp_path) == []


def test_a_link_is_followed_and_rights_stay(file, scenes):
    """The file that a link names is replaced, with the rights it had."""
    file.chmod(0o640)
    link = file.with_name("link")
    link.symlink_to(file)
    pack(list(scenes)[:1], link)
    assert link.is_symlink()
    assert file.stat().st_mode & 0o777 == 0o640
    assert len(packed(file)) == 1


@pytest.mark.parametrize(
    ("path", "why"),
    [
        (".", "it is a folder or a device"),
        ("no/such/a.pack", "No such file or directory"),
        ("a\0b", "null"),
        (5, "expected str"),
    ],
)
def test_a_path_that_cannot_be_written(path, why, tmp_path, monkeypatch):
    """It is told before a donor is read."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidArgumentError, match=f"cannot be written: .*{why}"):
        pack(Failing(ZeroDivisionError()), path)


def test_what_chance_makes_is_not_packed(scenes, tmp_path):
    """Mapped and weighted pools are refused with the way out; nothing is written."""
    pipeline = A.Compose([A.HorizontalFlip()], bbox_params=A.BboxParams("coco", ["labels"]))
    with pytest.raises(InvalidArgumentError, match=r"mapped\(packed\(path\), compose\)"):
        pack(mapped(scenes, pipeline), tmp_path / "a.pack")
    with pytest.raises(InvalidArgumentError, match=r"weighted\(packed\(path\), weights\)"):
        pack(weighted(scenes, "sqrt"), tmp_path / "a.pack")
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("pool", "error", "message"),
    [
        ([], EmptyPoolError, "at least one donor"),
        (5, InvalidArgumentError, r"pool must have len\(\) and \[i\], got int"),
        ([{"image": PIXEL}], InvalidSampleError, "got dict at 0. .*Donor.from_mapping"),
        ([Donor(PIXEL, label=b"x", id="q")], InvalidSampleError, r"got bytes.*\(donor 0, 'q'\)"),
        ([Donor(PIXEL, label={1})], InvalidSampleError, "got set"),
        (
            [Donor(PIXEL, label=np.array(["2000-01-01"], "M8[D]"))],
            InvalidSampleError,
            "got an array of datetime64",
        ),
    ],
)
def test_what_cannot_be_packed(pool, error, message, tmp_path):
    """It is refused by name, and nothing is written."""
    with pytest.raises(error, match=message):
        pack(pool, tmp_path / "a.pack")
    assert names(tmp_path) == []


@pytest.fixture
def damaged(tmp_path):
    """Class folders of five images; those of b, c and e cannot be read."""
    for name in "abcde":
        save_image(tmp_path / "root" / name / f"{name}.png", pixels(ord(name)))
    for name in "bce":
        truncate(tmp_path / "root" / name / f"{name}.png", 0.5)
    return tmp_path / "root"


@pytest.mark.parametrize("wrap", [lambda pool: pool, cached], ids=["bare", "cached"])
def test_donors_that_cannot_be_read_are_left_out(wrap, damaged, tmp_path):
    """No other donor takes their place in the file, and one warning tells of them."""
    pool = folder_pool(damaged, on_error="skip")
    words = f"pack left out 3 of 5 donors that cannot be read. {damaged}/b/b.png: is truncated"
    with pytest.warns(UserWarning, match=re.escape(words)) as caught:
        found = pack(wrap(pool), tmp_path / "a.pack")
    (only,) = caught
    assert only.filename == __file__
    assert [(donor.id, donor.label) for donor in found] == [("a/a.png", "a"), ("d/d.png", "d")]
    assert found.classes == tuple("abcde")
    assert pool.skipped == 0


def test_a_pool_that_skips_nothing_is_packed_whole_or_not(damaged, tmp_path):
    """Where unreadable donors are errors nothing is written."""
    with pytest.raises(DonorReadError, match=r"b\.png: is truncated"):
        pack(folder_pool(damaged), tmp_path / "a.pack")
    assert names(tmp_path) == ["root"]


def test_no_donor_can_be_read(damaged, tmp_path):
    """A file without donors is not written."""
    for name in "ad":
        truncate(damaged / name / f"{name}.png", 0.5)
    pool = folder_pool(damaged, on_error="skip")
    with pytest.raises(DonorReadError, match=r"none of 5 donors can be read\. .*a\.png: is trunc"):
        pack(pool, tmp_path / "a.pack")
    assert names(tmp_path) == ["root"]
