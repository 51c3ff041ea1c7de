"""`pool.validate()`: every donor is read, and what is wrong becomes a table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hostile_files import coco, exif_turn, pixels, save_coco, save_image, truncate

from albu_cutmix import Donor, MemoryPool, dataset_pool
from albu_cutmix.findings import Finding, Findings
from albu_cutmix.formats import coco_pool, pascal_voc_pool, yolo_pool

DATA = Path(__file__).parents[2] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the real annotated samples are not here")


def donor(seed: int = 0, *bboxes: list[float], name: str = "") -> Donor:
    """A donor of noise, 17 wide and 11 high."""
    return Donor(pixels(seed), bboxes=np.array(bboxes, np.float64).reshape(-1, 4), id=name)


def kinds(findings: Findings) -> list[tuple[int, str]]:
    """Index and kind of every finding."""
    return [(one.index, one.kind) for one in findings]


def test_nothing_is_wrong() -> None:
    """A clean pool says how many donors were read."""
    findings = MemoryPool([donor(0), donor(1)]).validate()
    assert len(findings) == 0
    assert str(findings) == "no findings in 2 donors"
    assert findings._repr_html_() == "<p>no findings in 2 donors</p>"


@pytest.mark.parametrize(
    ("bbox", "kind"),
    [
        pytest.param([0, 0, 18, 11], None, id="one-pixel-over"),
        pytest.param([0, 0, 18.1, 11], "outside", id="right"),
        pytest.param([0, -1.1, 5, 5], "outside", id="top"),
        pytest.param([3, 3, 4, 4], None, id="one-pixel"),
        pytest.param([3, 3, 3.9, 9], "small", id="thin"),
    ],
)
def test_doubtful_boxes(bbox: list[float], kind: str | None) -> None:
    """A box over the border by more than a pixel, or with a side under one, is doubtful."""
    findings = MemoryPool([donor(0, [1, 1, 5, 5], bbox)]).validate()
    assert kinds(findings) == ([] if kind is None else [(0, kind)])
    assert all("box 1 [" in one.message for one in findings)


def test_duplicates() -> None:
    """The same pixels twice are named with the first donor that has them."""
    findings = MemoryPool([donor(0, name="a"), donor(1, name="b"), donor(0, name="c")]).validate()
    assert findings[0] == Finding(2, "c", "duplicate", "has the pixels of donor 0 ('a')")
    assert len(findings) == 1


def test_same_bytes_of_another_shape_are_no_duplicate() -> None:
    """A turned image without content is another image."""
    black = [Donor(np.zeros(shape, np.uint8)) for shape in ((3, 4), (4, 3))]
    assert len(MemoryPool(black).validate()) == 0


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_unreadable_files(tmp_path: Path, on_error: str) -> None:
    """Every file that cannot be read is in the table, also where a draw would skip it."""
    path, images = save_coco(tmp_path)
    truncate(images / "a.png", 0.5)
    (images / "b.png").unlink()
    pool = coco_pool(path, images, on_error=on_error)
    findings = pool.validate()
    assert [one[:3] for one in findings] == [(0, "a.png", "unreadable"), (1, "b.png", "unreadable")]
    assert "is truncated" in findings[0].message
    assert "No such file" in findings[1].message
    assert pool.skipped == 0


def test_contradictions(tmp_path: Path) -> None:
    """An image of another size than annotated is a contradiction, and EXIF is named."""
    path, images = save_coco(tmp_path)
    save_image(images / "a.png", pixels(0, (7, 5, 3)))
    save_image(images / "b.png", exif=exif_turn())
    findings = coco_pool(path, images).validate()
    assert kinds(findings) == [(0, "contradiction"), (1, "contradiction")]
    assert "EXIF orientation" in findings[1].message


def test_what_was_left_out_comes_first(tmp_path: Path) -> None:
    """What the annotations lost is in the table under no index."""
    data = coco()
    data["annotations"][0]["bbox"] = [1, 2, 0, 4]
    with pytest.warns(UserWarning, match="of no area"):
        pool = coco_pool(*save_coco(tmp_path, data))
    findings = pool.validate()
    assert kinds(findings) == [(-1, "left out")]
    assert findings[0].message == pool.findings[0]


def test_any_pool_can_be_looked_at() -> None:
    """A data set that raises, and mappings in place of donors, are looked at too."""
    items: list[Any] = [{"image": pixels(0)}, {"image": pixels(0)}, {"mask": pixels(0)}]
    findings = dataset_pool(items).validate()
    assert kinds(findings) == [(1, "duplicate"), (2, "unreadable")]
    assert findings[1].message == "KeyError: 'image'"


@pytest.mark.parametrize(
    ("image", "words"),
    [
        pytest.param(None, "got NoneType", id="none"),
        pytest.param("a.png", "got str", id="name"),
        pytest.param(np.array([[None]]), "uint8, uint16 or float32, got object", id="objects"),
        pytest.param(np.zeros((0, 0, 3), np.uint8), "at least one pixel", id="empty"),
        pytest.param(np.zeros((4, 4), np.int64), "got int64", id="dtype"),
    ],
)
def test_images_that_are_none(image: Any, words: str) -> None:
    """What no mix could take is in the table, and those after it are looked at."""
    items: list[Any] = [{"image": image}, {"image": pixels(0)}, {"image": pixels(0)}]
    findings = dataset_pool(items).validate()
    assert kinds(findings) == [(0, "unreadable"), (2, "duplicate")]
    assert re.search(f"image must .*{words}.* in donor 0", findings[0].message)


def test_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """It prints aligned, messages wrapped, and no text of a file moves the cursor."""
    monkeypatch.setenv("COLUMNS", "40")
    rows = [Finding(7, "a\x1b[2J.png", "small", "x" * 40), Finding(10, "b", "outside", "y")]
    assert str(Findings(rows, 12)).splitlines() == [
        "2 findings in 12 donors: 1 small, 1 outside",
        "index  donor      kind     message",
        "7      a?[2J.png  small    " + "x" * 30,
        " " * 27 + "x" * 10,
        "10     b          outside  y",
    ]


def test_the_page_escapes() -> None:
    """A notebook shows the text of a file, it does not run it, and long tables are cut."""
    page = Findings([Finding(0, "<script>", "small", "a & b")] * 300, 300)._repr_html_()
    assert "<td>&lt;script&gt;</td><td>small</td><td>a &amp; b</td>" in page
    assert "<script>" not in page
    assert page.count("<tr>") == 201
    assert "... and 100 more; .rows() has all." in page


def test_it_is_a_sequence() -> None:
    """It counts, slices, compares by row, and gives plain rows."""
    rows = [
        Finding(0, "a", "small", "x"),
        Finding(1, "b", "outside", "y"),
        Finding(2, "c", "small", "z"),
    ]
    findings = Findings(rows, 9)
    assert findings.counts == {"small": 2, "outside": 1}
    assert list(findings) == rows
    assert repr(findings[1:]) == "<2 findings in 9 donors: 1 outside, 1 small>"
    assert findings.rows()[0] == {"index": 0, "donor": "a", "kind": "small", "message": "x"}


def test_progress(capsys: pytest.CaptureFixture[str]) -> None:
    """A bar is shown where it is asked for."""
    MemoryPool([donor(0)]).validate(progress=True)
    assert "validate: 100%" in capsys.readouterr().err
    MemoryPool([donor(0)]).validate()
    assert capsys.readouterr().err == ""


@needs_data
def test_bccd() -> None:
    """The two boxes of no area are all that is wrong with 120 blood smears."""
    folder = DATA / "bccd_voc"
    with pytest.warns(UserWarning, match="2 boxes of no area"):
        pool = pascal_voc_pool(folder / "Annotations", folder / "JPEGImages")
    assert pool.validate().counts == {"left out": 2}


@needs_data
def test_pear() -> None:
    """The four boxes of no height are left out of the pears; a box of a quarter pixel is not."""
    folder = DATA / "pear_yolo"
    with pytest.warns(UserWarning, match="4 boxes of no area"):
        findings = yolo_pool(folder / "images").validate()
    assert findings.counts == {"left out": 4, "small": 1}
    assert findings[4][:2] == (39, "DSC_1415_12kv4r20k_9.jpg")
