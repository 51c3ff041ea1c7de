"""`albu-cutmix pack`, on scenes written to files and on real photographs."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pytest
from scene_files import write_scenes
from whole_donors import check_equal

from albu_cutmix import CutMix
from albu_cutmix.cli import main
from albu_cutmix.formats import coco_pool, folder_pool, pascal_voc_pool, yolo_pool
from albu_cutmix.wrappers import packed


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Drawn scenes as COCO, VOC and YOLO files, and as class folders."""
    folder = tmp_path_factory.mktemp("files")
    write_scenes(folder, 4)
    for number, path in enumerate(sorted((folder / "images").iterdir())):
        target = folder / "classes" / "ab"[number % 2]
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return folder


def sources(files) -> dict:
    """The arguments that name a data set, and the pool that they mean."""
    json, images = files / "instances.json", files / "images"
    coco = ["--coco", str(json), "--images", str(images)]
    return {
        "coco": (coco, coco_pool(json, images, labels="name")),
        "masks": ([*coco, "--masks"], coco_pool(json, images, labels="name", masks=True)),
        "voc": (["--voc", str(files)], pascal_voc_pool(files / "Annotations", images)),
        "yolo": (
            ["--yolo", str(files / "data.yaml")],
            yolo_pool(files / "data.yaml", label_as="name"),
        ),
        "folder": (["--folder", str(files / "classes")], folder_pool(files / "classes")),
    }


@pytest.mark.parametrize("kind", ["coco", "masks", "voc", "yolo", "folder"])
def test_every_kind_of_file_is_packed(files, kind, tmp_path, capsys):
    """Donors come back as the pool reads them; count, size and the line to use are printed."""
    arguments, pool = sources(files)[kind]
    out = tmp_path / "train.pack"
    assert main(["pack", *arguments, "--out", str(out)]) == 0
    found = packed(out)
    assert (len(found), found.classes) == (4, pool.classes)
    for index in range(4):
        check_equal(found[index], pool[index])
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == f"{out}: 4 donors, {out.stat().st_size / 1e6:,.1f} MB"
    names: dict = {}
    exec("\n".join(lines), names)  # the lines as printed
    assert isinstance(eval(lines[-1], names), CutMix)


def test_packed_file_is_a_data_set(files, tmp_path, capsys):
    """What was packed can be looked at, and packed again."""
    out = tmp_path / "train.pack"
    assert main(["pack", "--folder", str(files / "classes"), "--out", str(out)]) == 0
    preview = ["preview", "--packed", str(out), "--n", "1", "--out", str(tmp_path / "a.png")]
    assert main(preview) == 0
    assert main(["pack", "--packed", str(out), "--out", str(tmp_path / "again.pack")]) == 0
    assert (tmp_path / "again.pack").read_bytes() == out.read_bytes()


def test_another_file_is_not_replaced(files, tmp_path, capsys):
    """A slip of the hand must not cost the annotations."""
    notes = tmp_path / "instances.json"
    notes.write_text("{}", "utf-8")
    assert main(["pack", "--folder", str(files / "classes"), "--out", str(notes)]) == 2
    assert "is a file of another kind, and pack takes" in capsys.readouterr().err
    assert notes.read_text("utf-8") == "{}"


def test_keypoints_are_packed_where_asked(data_dir, tmp_path):
    """With --keypoints donors of COCO have keypoints and their visibility."""
    folder = data_dir / "coco_instances"
    source = ["--coco", str(folder / "person_keypoints.json"), "--images", str(folder / "images")]
    assert main(["pack", *source, "--keypoints", "--out", str(tmp_path / "a.pack")]) == 0
    donor = packed(tmp_path / "a.pack")[0]
    assert len(donor.keypoints) == len(donor.keypoint_fields["visible"]) > 0
    assert np.asarray(donor.keypoints).any()


def test_a_failed_write_leaves_the_old_file(files, tmp_path, capsys):
    """A damaged image ends it with exit code 2 and its name; the file that was there stays."""
    out = tmp_path / "train.pack"
    assert main(["pack", "--folder", str(files / "classes"), "--out", str(out)]) == 0
    before = out.read_bytes()
    shutil.copytree(files / "classes", tmp_path / "classes")
    last = sorted((tmp_path / "classes").rglob("*.png"))[-1]
    last.write_bytes(last.read_bytes()[:1000])
    capsys.readouterr()
    assert main(["pack", "--folder", str(tmp_path / "classes"), "--out", str(out)]) == 2
    message = capsys.readouterr().err
    assert message.startswith("albu-cutmix pack: ")
    assert last.name in message
    assert out.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["classes", "train.pack"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give one data set, .*--yolo YAML or --packed FILE, got none"),
        (["--voc", "a", "--folder", "b"], "got --voc and --folder"),
        (["--folder", "b", "--keypoints"], "--keypoints goes with --coco, got --folder"),
        (["--coco", "a.json"], "must be given together"),
        (["--folder", "missing"], "missing"),
        (["--voc", "missing"], "--voc must be a folder with Annotations and JPEGImages, got 'mis"),
        (["--yolo", "/"], "--yolo with a folder needs --names FILE, got the folder '/' alone"),
        (["--packed", "missing"], "missing: cannot be opened"),
    ],
)
def test_arguments_that_name_no_data_set(arguments, message, tmp_path, capsys, monkeypatch):
    """They are refused with exit code 2, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    assert main(["pack", *arguments, "--out", "a.pack"]) == 2
    assert re.search(message, capsys.readouterr().err)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written(files, tmp_path, capsys):
    """A missing folder is told with the way out."""
    out = str(tmp_path / "no" / "a.pack")
    assert main(["pack", "--voc", str(files), "--out", out]) == 2
    assert f"{out!r} cannot be written: No such file or directory" in capsys.readouterr().err
