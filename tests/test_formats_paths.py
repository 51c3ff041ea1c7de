"""Links, pipes and names: files that must not be read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hostile_files import save_image

from albu_cutmix.errors import DonorReadError
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


def test_listings_are_sorted_and_below(tmp_path: Path) -> None:
    """A listing has the suffixes asked for, sorted, and does not follow links to folders."""
    for name in ("b/c.PNG", "b.png", "a.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "loop").symlink_to(tmp_path)
    assert list_files(tmp_path, (".png",)) == ["b.png", "b/c.PNG"]
