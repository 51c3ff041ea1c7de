"""Links, pipes and names: files that must not be read."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hostile_files import save_image, voc

from albu_cutmix.errors import DonorReadError, EmptyPoolError
from albu_cutmix.formats import folder_pool, pascal_voc_pool, yolo_pool
from albu_cutmix.formats.door import Door
from albu_cutmix.formats.paths import list_files, read_bytes, resolve_inside

LIMIT = 10_000


@pytest.mark.parametrize("target", ["file", "folder"])
def test_links_out_of_the_root(tmp_path: Path, target: str) -> None:
    """A link that leads out of the pool's folder is refused."""
    save_image(tmp_path / "secret" / "a.png")
    root = tmp_path / "root"
    root.mkdir()
    if target == "file":
        (root / "a.png").symlink_to(tmp_path / "secret" / "a.png")
    else:
        (root / "sub").symlink_to(tmp_path / "secret")
    with pytest.raises(DonorReadError, match=r"a symbolic link leads to .*secret.*, outside the"):
        resolve_inside(str(root), "a.png" if target == "file" else "sub/a.png")


def test_links_within_the_root(tmp_path: Path) -> None:
    """A link inside the folder is followed."""
    save_image(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to("a.png")
    assert resolve_inside(os.path.realpath(tmp_path), "b.png").name == "a.png"


def test_links_in_a_ring(tmp_path: Path) -> None:
    """Links that lead to each other are an error of reading."""
    (tmp_path / "a.png").symlink_to("b.png")
    (tmp_path / "b.png").symlink_to("a.png")
    with pytest.raises(DonorReadError, match="cannot be read"):
        read_bytes(resolve_inside(os.path.realpath(tmp_path), "a.png"), LIMIT)


def test_names_no_file_can_have(tmp_path: Path) -> None:
    """Letters that the file system cannot write are an error of reading."""
    with pytest.raises(DonorReadError, match="cannot be read"):
        read_bytes(resolve_inside(os.path.realpath(tmp_path), "\ud800.png"), 10)


def test_pipes(tmp_path: Path) -> None:
    """A named pipe is refused and not waited for."""
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(DonorReadError, match="must be a file, got a folder, device or pipe"):
        read_bytes(tmp_path / "a.png", LIMIT)


@pytest.fixture
def lock(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Make a folder one that cannot be listed, for a superuser too."""
    scan = os.scandir

    def lock_folder(folder: Path) -> None:
        def refuse(path: Any) -> Any:
            if Path(path) == folder:
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return scan(path)

        monkeypatch.setattr(os, "scandir", refuse)

    return lock_folder


POOLS = {
    "folder": folder_pool,
    "yolo": lambda root, **options: yolo_pool(root, root, **options),
    "voc": lambda root, **options: pascal_voc_pool(root, root, **options),
}


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("place", ["c/locked", "c"])
def test_folders_that_cannot_be_listed(tmp_path: Path, lock: Any, pool: str, place: str) -> None:
    """They are an error, or left out and told: their images never vanish without a word."""
    for name in ("b/a", "c/b", "c/locked/d"):
        save_image(tmp_path / f"{name}.png")
        (tmp_path / f"{name}.txt").touch()
        text = voc(filename=f"{name}.png")
        (tmp_path / f"{name}.xml").write_text(text, encoding="utf-8")
    assert len(POOLS[pool](tmp_path)) == 3
    lock(tmp_path / place)
    words = f"{tmp_path / place}: the folder cannot be listed: Permission denied"
    with pytest.raises(DonorReadError, match=re.escape(words)):
        POOLS[pool](tmp_path)
    with pytest.warns(UserWarning, match=f"left out 1 folders. {re.escape(words)}"):
        left = POOLS[pool](tmp_path, on_error="skip")
    assert len(left) == (2 if place == "c/locked" else 1)


@pytest.mark.parametrize("pool", POOLS)
def test_a_root_that_cannot_be_listed(tmp_path: Path, lock: Any, pool: str) -> None:
    """Where it is the whole folder nothing is left to draw from."""
    lock(tmp_path)
    with pytest.raises(DonorReadError, match="cannot be listed"):
        POOLS[pool](tmp_path)
    with (
        pytest.warns(UserWarning, match="left out 1 folders"),
        pytest.raises(EmptyPoolError, match="gives no image"),
    ):
        POOLS[pool](tmp_path, on_error="skip")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="may read everything")
def test_folders_without_rights(tmp_path: Path) -> None:
    """The system's own refusal is told in the same way."""
    save_image(tmp_path / "c" / "a.png")
    (tmp_path / "c").chmod(0)
    try:
        with pytest.raises(DonorReadError, match="c: the folder cannot be listed"):
            folder_pool(tmp_path)
    finally:
        (tmp_path / "c").chmod(0o700)


def test_texts_that_cannot_be_reached(tmp_path: Path) -> None:
    """A text that may be there is not taken for one that is not: no object is lost."""
    for name in ("a", "in/b"):
        save_image(tmp_path / "images" / f"{name}.png")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").touch()
    (tmp_path / "labels" / "in").symlink_to("in")
    with pytest.raises(DonorReadError, match=r"in/b\.txt: cannot be read: Too many levels"):
        yolo_pool(tmp_path / "images")
    with pytest.warns(UserWarning, match="left out 1 label files"):
        yolo_pool(tmp_path / "images", on_error="skip")


def test_listings_are_sorted_and_below(tmp_path: Path) -> None:
    """A listing has the suffixes asked for, sorted, and does not follow links to folders."""
    for name in ("b/c.PNG", "b.png", "a.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "loop").symlink_to(tmp_path)
    assert list_files(tmp_path, (".png",), Door("yolo_pool", "raise")) == ["b.png", "b/c.PNG"]
