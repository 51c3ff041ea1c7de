"""Files of a report and the command line: nothing is lost, and exit codes mean one thing."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import albumentations as A
import numpy as np
import pytest
from scene_files import write_scenes

from albu_cutmix import CutMix, Donor, InvalidArgumentError, audit
from albu_cutmix import cli as command_line
from albu_cutmix.cli import main
from albu_cutmix.files import check_writable, write_file
from albu_cutmix.scenes import scene_pool


def broken():
    """Text that ends in an error."""
    yield "new"
    raise OSError("no space left")


def test_a_file_that_cannot_be_finished_leaves_the_old_one(tmp_path):
    """What was there stays, and nothing half written lies beside it."""
    path = tmp_path / "a.html"
    path.write_text("old", "utf-8")
    with pytest.raises(InvalidArgumentError, match="cannot be written: no space left"):
        write_file(path, broken())
    assert path.read_text("utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_text_that_utf8_cannot_hold_is_written_as_an_escape(tmp_path):
    """A name with a lone surrogate, which JSON allows, does not cost the report."""
    write_file(tmp_path / "a.html", ["x\ud800y"])
    assert (tmp_path / "a.html").read_bytes() == b"x\\ud800y"


def test_links_and_rights_stay(tmp_path):
    """A link is followed and stays; a file keeps its rights, a new one gets the usual ones."""
    target, link = tmp_path / "target.json", tmp_path / "link.json"
    link.symlink_to(target)
    check_writable(link)
    assert not target.exists()
    assert link.is_symlink()
    write_file(link, ["1"])
    assert link.is_symlink()
    assert stat.S_IMODE(target.stat().st_mode) & 0o044 == 0o044 & ~usual_mask()
    target.chmod(0o640)
    write_file(link, ["2"])
    assert (target.read_text("utf-8"), stat.S_IMODE(target.stat().st_mode)) == ("2", 0o640)


def usual_mask() -> int:
    """The process's mask of rights."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("path", ["a\0b", "no/such/folder/a.html", "", None, b"a.html", "."])
def test_odd_paths_are_refused(path, tmp_path, monkeypatch):
    """Each with the same error, before the work and when writing."""
    monkeypatch.chdir(tmp_path)
    for act in (check_writable, lambda path: write_file(path, ["x"])):
        with pytest.raises(InvalidArgumentError, match="cannot be written"):
            act(path)
    assert list(tmp_path.iterdir()) == []


def test_a_device_is_written_to():
    """What is no file is not replaced by one."""
    write_file(os.devnull, ["x"])
    assert not Path(os.devnull).is_file()


def test_two_reports_need_two_files(tmp_path, capsys):
    """The page is not overwritten by the rows."""
    write_scenes(tmp_path)
    one = str(tmp_path / "a")
    given = ["--coco", str(tmp_path / "instances.json"), "--images", str(tmp_path / "images")]
    assert main(["audit", *given, "--n", "4", "--out", one, "--json", one]) == 2
    assert "--out and --json must be two files" in capsys.readouterr().err
    assert not Path(one).exists()


@pytest.mark.parametrize("command", ["audit", "preview", "demo"])
def test_a_seed_is_no_negative_number(command, capsys):
    """Refused by the parser, with its own exit code."""
    with pytest.raises(SystemExit) as stop:
        main([command, "--seed", "-1", "--out", "x"])
    assert stop.value.code == 2
    assert "must be 0 or more, got -1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "words"),
    [(KeyboardInterrupt(), "albu-cutmix demo: interrupted"), (RuntimeError("bug"), "bug")],
    ids=["interrupted", "bug"],
)
def test_nothing_but_a_bound_exits_with_1(error, words, monkeypatch, tmp_path, capsys):
    """A broken run and a bug exit with 2: a guard in CI must not take them for a finding."""

    def fail(*_args, **_rest):
        raise error

    monkeypatch.setattr(command_line, "run_demo", fail)
    assert main(["demo", "--out", str(tmp_path)]) == 2
    assert words in capsys.readouterr().err


def test_passed_bounds_are_told_before_one_that_does_not_apply(tmp_path, capsys):
    """A bound on ghosts, which detection data cannot have, does not hide the other."""
    write_scenes(tmp_path)
    given = ["--coco", str(tmp_path / "instances.json"), "--images", str(tmp_path / "images")]
    bounds = ["--fail-on", "applied<0.99,ghosts>0"]
    assert main(["audit", *given, "--n", "12", "--p", "0.2", "--no-sweep", *bounds]) == 2
    told = capsys.readouterr()
    assert "FAILED applied<0.99" in told.out
    assert "which does not apply to these samples" in told.err


def test_bounds_where_nothing_was_applied(tmp_path, capsys):
    """The message says that, and not that the samples lack something."""
    write_scenes(tmp_path)
    given = ["--coco", str(tmp_path / "instances.json"), "--images", str(tmp_path / "images")]
    assert main(["audit", *given, "--n", "4", "--p", "0", "--fail-on", "erased>0"]) == 2
    assert "not one of 4 calls was applied: {'p': 4}" in capsys.readouterr().err


# What a first user found --------------------------------------------------------------------------


def test_a_crop_before_the_mix_is_not_charged_to_it():
    """Boxes that a crop took away are no objects of the mix: none erased, dropped or split."""
    scenes = scene_pool(6)
    boxes = A.BboxParams("pascal_voc", label_fields=["labels"])
    run = A.Compose(
        [A.RandomCrop(100, 100), CutMix(scenes, placement="avoid", p=1.0)], bbox_params=boxes
    )
    report = audit(run, scenes, n=40, sweep=False)
    assert report.summary["objects"] > 20
    assert report.summary["erased"] == 0
    assert report.summary["reasons"].get("unsafe", 0) == 0
    records = [row["record"] for row in map(json.loads, report.rows)]
    assert not any(record["dropped"] or record["flags"] & 9 for record in records)


def test_classes_of_primary_and_donor_have_one_name():
    """Numbers are named alike on both sides, and large ones stay apart."""
    image = np.zeros((40, 60, 3), np.uint8)
    for values in ([1.0, 2.0], [1234561, 1234562], [True, False], np.array([3, 4], np.float32)):
        boxes = np.array([[1.0, 1, 20, 20], [30, 10, 50, 35]])
        donors = [Donor(image, bboxes=boxes, fields={"labels": values})] * 2
        summary = audit(CutMix(donors, p=1.0), donors, n=20, sweep=False).summary
        assert len(summary["by_class"]) == 2
        assert sum(group["gained"] for group in summary["by_class"].values()) > 0


def test_masks_that_no_box_owns_are_no_objects_to_spare():
    """Neither side's leftover mask counts: not as an obstacle, not as a whole object."""
    image, full = np.zeros((40, 60, 3), np.uint8), np.ones((40, 60), np.uint8)
    small = np.zeros((40, 60), np.uint8)
    small[5:8, 5:8] = 1
    primary = {"image": image, "masks": [small, full], "bboxes": [[5, 5, 8, 8]], "at": [0]}
    params = A.BboxParams("pascal_voc", label_fields=["at"])
    donor = {"image": image, "masks": [small], "bboxes": np.zeros((0, 4)), "at": []}
    for placement, reason in (("avoid", ""), ("objects", "no_patch")):
        mix = CutMix([donor], placement=placement, mask_index_field="at", p=1.0)
        record = A.Compose([mix], bbox_params=params, seed=1)(**primary)["mix"]
        assert record.reason == reason


def test_masks_of_many_values_are_outlined_in_bounded_time():
    """A map of identities, or floats, takes no minutes."""
    ids = np.arange(200 * 300, dtype=np.int32).reshape(200, 300)
    for mask in (ids, (ids / 7).astype(np.float32)):
        sample = {"image": np.zeros((200, 300, 3), np.uint8), "mask": mask}
        record = CutMix([sample], placement="objects", p=1.0)(**sample)["mix"]
        assert record.reason == "no_patch"
