"""`albu-cutmix audit` and `preview`, on real annotations and on scenes written to files."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import cv2
import pytest
from audit_rows import check_summary
from scene_files import write_scenes

from albu_cutmix import PRESETS, CutMix, InvalidArgumentError
from albu_cutmix.cli import main
from albu_cutmix.commands import BOUNDED, read_bounds
from albu_cutmix.report import summarise


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Drawn scenes as COCO, VOC and YOLO files."""
    folder = tmp_path_factory.mktemp("files")
    write_scenes(folder, 4)
    return folder


@pytest.fixture
def source(files, request):
    """The arguments that name a data set."""
    return {
        "coco": ["--coco", str(files / "instances.json"), "--images", str(files / "images")],
        "voc": ["--voc", str(files)],
        "yolo": ["--yolo", str(files / "data.yaml")],
    }[getattr(request, "param", "voc")]


@pytest.mark.parametrize("source", ["coco", "voc", "yolo"], indirect=True)
def test_audit_writes_page_rows_and_verdict(source, tmp_path, capsys):
    """Every kind of file is audited: verdict on stdout, page and rows in files."""
    pytest.importorskip("jinja2", reason="jinja2 is not installed")
    page, rows = tmp_path / "a.html", tmp_path / "a.json"
    arguments = ["audit", *source, "--n", "30", "--seed", "4", "--p", "1", "--no-sweep"]
    assert main([*arguments, "--out", str(page), "--json", str(rows)]) == 0
    printed = capsys.readouterr().out
    assert re.match(r"CutMix audit of FilePool\(4 donors\): (safe|with care|unsafe)\n", printed)
    assert printed.endswith(f"{page}\n{rows}\n")
    written = json.loads(rows.read_text("utf-8"))
    check_summary(written["summary"], written["rows"])
    assert written["summary"]["seed"] == 4
    assert written["summary"]["applied"] == 1.0
    assert "sailboat" in written["summary"]["by_class"]
    assert page.read_text("utf-8").startswith("<!")


def test_instance_masks_are_judged_where_asked(files, tmp_path):
    """With --masks an object is its mask, smaller than its box."""
    areas = []
    for extra in ([], ["--masks"]):
        source = ["--coco", str(files / "instances.json"), "--images", str(files / "images")]
        rows = tmp_path / "a.json"
        arguments = ["audit", *source, *extra, "--n", "4", "--p", "1", "--no-sweep"]
        assert main([*arguments, "--json", str(rows)]) == 0
        written = json.loads(rows.read_text("utf-8"))
        areas.append(sum(one["area"] for row in written["rows"] for one in row["primary"]))
        assert ("masks" in written["rows"][0]["targets"]) is bool(extra)
    assert areas[1] < 0.9 * areas[0]


def test_arguments_reach_the_mix(source, tmp_path):
    """Preset first, then what is named."""
    rows = tmp_path / "a.json"
    arguments = ["audit", *source, "--n", "3", "--no-sweep", "--json", str(rows)]
    assert (
        main([*arguments, "--preset", "segmentation", "--area", "0.05", "0.1", "--p", "0.9"]) == 0
    )
    policy = json.loads(rows.read_text("utf-8"))["policy"]
    preset = CutMix(**PRESETS["segmentation"] | {"area_range": (0.05, 0.1), "p": 0.9})
    named = policy.keys() - {"pool", "classes"}
    assert {name: policy[name] for name in named} == {name: preset.policy()[name] for name in named}
    assert main([*arguments, "--placement", "paper", "--min-visibility", "0.6"]) == 0
    policy = json.loads(rows.read_text("utf-8"))["policy"]
    assert (policy["placement"], policy["min_visibility"], policy["p"]) == ("paper", 0.6, 0.5)


def test_bounds_decide_the_exit_code(source, capsys):
    """A bound that is passed gives 1 and says which, what and by how much; others give 0."""
    arguments = ["audit", *source, "--n", "30", "--no-sweep", "--fail-on"]
    assert main([*arguments, "erased>0.99, applied<0.01"]) == 0
    assert "FAILED" not in capsys.readouterr().out
    assert main([*arguments, "erased>0.99,applied<0.9,patch_share>0.001"]) == 1
    failed = [line for line in capsys.readouterr().out.splitlines() if "FAILED" in line]
    assert re.fullmatch(r"FAILED applied<0\.9: applied is 0\.\d+", failed[0])
    assert re.fullmatch(r"FAILED patch_share>0\.001: patch_share is 0\.\d+", failed[1])
    assert len(failed) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--fail-on", "eraser>0.1"], "names 'eraser', which is no figure of the summary. Known"),
        (["--fail-on", "erased=0.1"], "bounds such as 'erased>0.05,remnants>0.2', with shares"),
        (["--fail-on", "erased>5"], "with shares in [0, 1], got 'erased>5'"),
        (["--fail-on", "erased>0.1,"], "got ''"),
        (["--fail-on", "ghosts>0.1"], "'ghosts', which does not apply to these samples"),
        (["--out", "no/such/folder/a.html"], "'no/such/folder/a.html' cannot be written: No such"),
        (["--json", "."], "cannot be written"),
        (["--n", "0"], "n must be a whole number of at least 1, got 0"),
        (["--placement", "nowhere"], "placement must be one of"),
        (["--area", "0.5", "0.1"], "area_range"),
        (["--masks"], "--masks goes with --coco or --yolo, got --voc"),
        (["--yolo", "a.yaml"], "got --voc and --yolo"),
        (["--images", "a"], "--images goes with --coco, got --voc"),
        (["--names", "a"], "--names goes with --yolo, got --voc"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_run_gives_2(arguments, words, source, capsys):
    """What is wrong is told on stderr, with exit code 2."""
    assert main(["audit", *source, "--n", "4", "--no-sweep", *arguments]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("albu-cutmix audit: ")
    assert words in shown


def test_no_data_set(capsys):
    """Without a data set there is nothing to audit."""
    assert main(["audit"]) == 2
    assert "give one data set" in capsys.readouterr().err


def test_settings_are_checked_before_the_work(tmp_path, capsys):
    """A setting out of its range is told before annotations are looked for."""
    for command in (["audit"], ["preview", "--out", str(tmp_path / "a.png")]):
        assert main([*command, "--voc", str(tmp_path / "missing"), "--p", "3"]) == 2
        assert "p must be a probability" in capsys.readouterr().err


@pytest.mark.filterwarnings("default:pascal_voc_pool left out:UserWarning")
def test_warnings_are_lines(tmp_path, capsys):
    """What a pool left out is one line on stderr, without the place in the code."""
    write_scenes(tmp_path, 2)
    path = next((tmp_path / "Annotations").iterdir())
    flat = "<object><name>car</name><bndbox><xmin>5</xmin><ymin>5</ymin>"
    flat += "<xmax>5</xmax><ymax>9</ymax></bndbox></object></annotation>"
    path.write_text(path.read_text("utf-8").replace("</annotation>", flat), "utf-8")
    assert main(["audit", "--voc", str(tmp_path), "--n", "2", "--no-sweep"]) == 0
    (line, *more) = capsys.readouterr().err.splitlines()
    assert line.startswith("albu-cutmix: pascal_voc_pool left out 1 box")
    assert not [one for one in more if "commands.py" in one or "UserWarning" in one]


def test_outputs_are_checked_before_the_work(tmp_path, capsys):
    """A page that cannot be written is told before annotations are looked for."""
    missing = ["--voc", str(tmp_path / "missing")]
    assert main(["audit", *missing, "--out", str(tmp_path / "no" / "a.html")]) == 2
    assert "cannot be written" in capsys.readouterr().err
    assert main(["audit", *missing, "--out", str(tmp_path / "a.html")]) == 2
    assert "missing" in capsys.readouterr().err
    assert not (tmp_path / "a.html").exists()


def test_unreadable_images(tmp_path, capsys):
    """One damaged image is a finding; with --strict it ends the audit."""
    write_scenes(tmp_path, 4)
    (tmp_path / "images" / "meadow-01.png").write_bytes(b"no image")
    arguments = ["audit", "--voc", str(tmp_path), "--n", "12", "--p", "1", "--no-sweep"]
    assert main(arguments) == 0
    assert re.search(
        r"Data: \d+ of 12 calls could not be made\. Such as: ", capsys.readouterr().out
    )
    assert main([*arguments, "--strict"]) == 2
    assert "meadow-01.png" in capsys.readouterr().err


def test_bounds_name_figures_of_the_summary():
    """Whatever --fail-on may name stands in the summary, a share or None."""
    summary = summarise([])
    assert set(BOUNDED) <= set(summary)
    assert [bound.key for bound in read_bounds("erased>.5,applied<1")] == ["erased", "applied"]
    for text in ("verdict>0.1", "", "  "):  # an empty variable must not switch the guard off
        with pytest.raises(InvalidArgumentError):
            read_bounds(text)


@pytest.mark.parametrize("source", ["coco", "voc", "yolo"], indirect=True)
def test_preview_draws_a_sheet(source, tmp_path, capsys):
    """A contact sheet of the mixes is written as PNG."""
    sheet = tmp_path / "sheet.png"
    assert main(["preview", *source, "--n", "2", "--preset", "paper", "--out", str(sheet)]) == 0
    assert capsys.readouterr().out == f"{sheet}\n"
    picture = cv2.imread(str(sheet))
    assert picture.shape[1] == 1504
    assert picture.shape[0] > 2 * 360
    assert picture.std() > 20


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--n", "0", "--out", "a.png"], "--n must be at least 1, got 0"),
        (["--out", "no/such/a.png"], "cannot be written"),
        (["--out", "a.jpg"], "--out must be a PNG file, got 'a.jpg'"),
    ],
    ids=["n", "folder", "format"],
)
def test_a_preview_that_cannot_be_drawn(arguments, words, source, tmp_path, monkeypatch, capsys):
    """What is wrong is told, and nothing written."""
    monkeypatch.chdir(tmp_path)
    assert main(["preview", *source, *arguments]) == 2
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_command_itself_on_real_annotations(data_dir, tmp_path):
    """As a process: rows in the file, the verdict on stdout, exit code by the bounds."""
    folder = data_dir / "bccd_voc"
    rows = tmp_path / "a.json"
    out = subprocess.run(
        [
            sys.executable, "-c", "import sys; from albu_cutmix.cli import main; sys.exit(main())",
            "audit", "--voc", str(folder), "--n", "60", "--workers", "2", "--no-sweep",
            "--json", str(rows), "--fail-on", "seam_on_object>0.5",
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert out.returncode == 1, out.stderr
    assert "FAILED seam_on_object>0.5: seam_on_object is " in out.stdout
    assert "left out of the annotations" in out.stdout
    written = json.loads(rows.read_text("utf-8"))
    check_summary(written["summary"], written["rows"])
    assert written["summary"]["n"] == 60
