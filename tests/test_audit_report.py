"""The audit end to end: what it counts, that it repeats, what it refuses, what it writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tracemalloc
import warnings

import albumentations as A
import cv2
import numpy as np
import pytest
from audit_rows import check_summary
from scene_files import write_scenes

from albu_cutmix import (
    CutMix,
    Donor,
    DonorReadError,
    EmptyPoolError,
    InvalidArgumentError,
    InvalidSampleError,
    MemoryPool,
    MixRecord,
    MixTargets,
    dataset_pool,
    replay,
)
from albu_cutmix.formats import coco_pool, pascal_voc_pool
from albu_cutmix.report import audit, check_writable, summarise
from albu_cutmix.report.bench import Bench, draw_order
from albu_cutmix.report.runner import Runner
from albu_cutmix.scenes import scene_pool

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")

PARAMS = A.BboxParams("coco", label_fields=["labels"])


@pytest.fixture(scope="module")
def scenes():
    """Six small scenes of two sizes, with masks, boxes and labels."""
    return scene_pool(6, size=[(96, 128), (128, 100)])


@pytest.fixture(scope="module")
def boxes(scenes):
    """Those scenes with boxes alone."""
    return MemoryPool(
        [Donor(one.image, bboxes=one.bboxes, fields=one.fields, id=one.id) for one in scenes]
    )


@pytest.fixture(scope="module")
def report(scenes):
    """An audit of the scenes."""
    return audit(CutMix(scenes, p=0.8), scenes, n=60, seed=3, sweep=False)


def rows_of(report) -> list:
    """Every row of a report."""
    return [json.loads(line) for line in report.rows]


def test_summary_follows_from_the_rows(report):
    """The summary is that of its rows, recomputed by other code, and those are records."""
    rows = rows_of(report)
    check_summary(report.summary, rows)
    assert report.summary["seed"] == 3
    assert report.summary["expected"] == 0.8
    assert [row["mix"] for row in rows] == list(range(60))
    for row in rows:
        record = MixRecord.from_json(json.dumps(row["record"]))
        assert record.kept + record.clipped + record.dropped == len(row["primary"])


def test_the_written_rows_give_the_summary(report, tmp_path):
    """JSON holds all: figures recomputed from the file are those of the report."""
    report.to_json(tmp_path / "audit.json")
    written = json.loads((tmp_path / "audit.json").read_text("utf-8"))
    assert written["summary"] == report.summary
    check_summary(written["summary"], written["rows"])
    assert summarise(written["rows"], None, 0.8, seed=3) == report.summary
    assert written["policy"]["p"] == 0.8
    assert written["fingerprint"] == report.fingerprint != ""
    assert set(written["versions"]) == {
        "albu_cutmix",
        "albumentations",
        "numpy",
        "opencv",
        "python",
    }
    assert written["findings"] == report.findings


def test_objects_are_those_of_the_samples(boxes):
    """A row's objects are the boxes and names of its sample, areas in pixels."""
    for row in rows_of(audit(CutMix(boxes, p=1.0), boxes, n=8, sweep=False)):
        donor = boxes[row["sample"]]
        assert [one["box"] for one in row["primary"]] == donor.bboxes.tolist()
        assert [one["class"] for one in row["primary"]] == list(donor.fields["labels"])
        width, height = (donor.bboxes[:, 2:] - donor.bboxes[:, :2]).T
        assert [one["area"] for one in row["primary"]] == (width * height).tolist()
        assert row["targets"] == ["bboxes"]


def test_a_row_replays(scenes, report):
    """Record, sample and pool of a row rebuild its mix; its own sample is never the donor."""
    mix = CutMix(scenes, p=0.8)
    params = A.BboxParams("pascal_voc", label_fields=["labels"], clip=True)
    pipeline = A.Compose([mix], bbox_params=params)
    row = next(row for row in rows_of(report) if row["record"]["applied"])
    record = MixRecord.from_json(json.dumps(row["record"]))
    out = replay(record, scenes.sample(row["sample"]), scenes, pipeline)
    assert len(out["bboxes"]) == record.kept + record.clipped + record.donor_kept
    applied = [row for row in rows_of(report) if row["record"]["applied"]]
    assert all(row["record"]["donors"] != [row["sample"]] for row in applied)


def test_same_seed_same_report(scenes, report):
    """The same seed gives the same rows, another seed others."""
    again = audit(CutMix(scenes, p=0.8), scenes, n=60, seed=3, sweep=False)
    assert list(again.rows) == list(report.rows)
    assert again.summary == report.summary
    other = audit(CutMix(scenes, p=0.8), scenes, n=60, seed=4, sweep=False)
    assert list(other.rows) != list(report.rows)


@pytest.fixture(scope="module")
def alone(boxes):
    """A small audit with its sweep, made in this process."""
    return audit(CutMix(boxes), boxes, n=40)


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_change_nothing(workers, boxes, alone):
    """Any number of processes gives the same rows, sweep and summary."""
    spread = audit(CutMix(boxes), boxes, n=40, workers=workers)
    assert list(spread.rows) == list(alone.rows)
    assert spread.summary == alone.summary
    assert spread.sweep == alone.sweep


def test_spawned_workers_change_nothing(boxes):
    """Workers that share no memory make the same rows."""
    bench = Bench(CutMix(boxes), boxes, 0)
    with Runner(bench, 0) as here, Runner(bench, 1, "spawn") as there:
        assert list(there.rows(40)) == list(here.rows(40))


def test_workers_need_data_that_can_be_sent(boxes):
    """A function that cannot be pickled is refused for spawned workers, with the way out."""
    pool = dataset_pool(list(boxes), lambda donor: donor)
    with (
        Runner(Bench(CutMix(pool), pool, 0), 1, "spawn") as runner,
        pytest.raises(InvalidArgumentError, match="workers=0"),
    ):
        list(runner.rows(4))


def test_a_worker_that_dies_is_told(boxes):
    """A worker that ends abruptly is an error that says what to do, not an endless wait."""
    pool = dataset_pool(range(3), lambda item: os._exit(1))
    pipeline = A.Compose([CutMix(boxes)], bbox_params=PARAMS)
    with pytest.raises(InvalidArgumentError, match=r"ended abruptly, got workers=1: .*workers=0"):
        audit(pipeline, pool, n=2, workers=1, sweep=False)


def test_errors_of_the_data_set_itself_are_not_hidden(boxes):
    """A bug in the user's code is raised as it is, from workers too."""
    pool = dataset_pool(range(3), lambda item: item + "a")
    pipeline = A.Compose([CutMix(boxes)], bbox_params=PARAMS)
    for workers in (0, 1):
        with pytest.raises(TypeError, match="unsupported operand"):
            audit(pipeline, pool, n=2, workers=workers, sweep=False)


def test_every_sample_before_any_twice():
    """The order is that of permutations, and its beginning does not depend on its length."""
    order = list(draw_order(5, 7, 17))
    assert sorted(order[:7]) == sorted(order[7:14]) == list(range(7))
    assert order[:7] != order[7:14]
    assert len(order) == 17
    assert list(draw_order(5, 7, 3)) == order[:3]


def test_the_transform_is_not_changed(boxes):
    """A copy works: the caller's pipeline goes on as if there had been no audit."""

    def draws(pipeline):
        samples = (boxes.sample(k % 6, "coco") for k in range(4))
        return [pipeline(**sample)["mix"].to_json() for sample in samples]

    plain, audited = (
        A.Compose([CutMix(boxes, p=1.0)], bbox_params=PARAMS, seed=2) for _ in range(2)
    )
    audit(audited, boxes, n=20)
    assert draws(audited) == draws(plain)
    assert audited.transforms[0].tap is None
    assert audited.transforms[0].pool is boxes


def test_a_whole_pipeline_is_judged_at_its_mix(boxes):
    """What reaches the mix counts: a crop before it makes small primaries, one behind it not."""
    crop = A.RandomCrop(40, 50, p=1.0)
    for steps, shapes in (([crop, CutMix(boxes)], {(40, 50)}), ([CutMix(boxes), crop], None)):
        report = audit(A.Compose(steps, bbox_params=PARAMS), boxes, n=20, sweep=False)
        found = {tuple(row["record"]["shape"]) for row in rows_of(report)}
        assert found == (shapes or {(96, 128), (128, 100)})


def test_samples_in_the_formats_of_the_pipeline(boxes):
    """Mappings are taken as they are; a list of donors is read in the pipeline's format."""
    pipeline = A.Compose([CutMix(boxes, p=1.0)], bbox_params=PARAMS)
    mappings = [boxes.sample(index, "coco") for index in range(len(boxes))]
    for samples in (mappings, list(boxes)):
        rows = rows_of(audit(pipeline, samples, n=6, sweep=False))
        assert all(
            np.allclose(
                [one["box"] for one in row["primary"]], boxes[row["sample"]].bboxes, 0, 0.01
            )
            for row in rows
        )


def test_a_bare_mix_and_bare_samples(boxes):
    """Without a pipeline, label fields are read off the samples, empty ones first included."""
    samples = [
        boxes.sample(index) | {"difficult": [0] * len(boxes[index].bboxes)} for index in (0, 1)
    ]
    nothing = {"image": samples[0]["image"], "bboxes": [], "labels": [], "difficult": []}
    report = audit(CutMix(samples, p=1.0), [nothing, *samples], n=9, sweep=False)
    assert report.summary["failed"] == 0
    assert "sailboat" in report.summary["by_class"]
    named = audit(CutMix(samples), samples, n=4, sweep=False, class_field="difficult")
    assert set(named.summary["by_class"]) <= {"0"}


def test_images_alone_are_not_called_safe(boxes):
    """Where nothing can be judged the verdict says so."""
    samples = [{"image": one.image} for one in boxes]
    report = audit(CutMix(samples, p=1.0), samples, n=6, sweep=False)
    assert report.summary["verdict"] == "with care"
    assert report.summary["erased"] is None
    assert "Nothing could be judged" in str(report)


def test_a_container_that_does_not_choose_the_mix(boxes):
    """A call that never reached the mix is counted as that, with or without MixTargets."""
    for first in ([], [MixTargets()]):
        steps = [*first, A.OneOf([CutMix(boxes, p=1.0), A.NoOp(p=1.0)], p=1.0)]
        report = audit(A.Compose(steps, bbox_params=PARAMS), boxes, n=40, sweep=False)
        assert 8 < report.summary["reasons"]["not called"] < 32
        assert report.view()["warning"] == ""


def test_several_mixes_need_a_name(boxes):
    """Of several mixes one is named by its record key."""
    mixes = [CutMix(boxes, p=1.0, record_key=key) for key in ("a", "b")]
    pipeline = A.Compose(mixes, bbox_params=PARAMS)
    with pytest.raises(InvalidArgumentError, match=r"record_key=\.\.\., one of \['a', 'b'\]"):
        audit(pipeline, boxes, n=2)
    report = audit(pipeline, boxes, n=4, sweep=False, record_key="b")
    assert report.summary["applied"] == 1.0


def broken(boxes, bad=(2,)):
    """A pool some of whose donors cannot be read."""

    def read(item):
        if item in bad:
            raise DonorReadError(f"'{item}.jpg' cannot be read: truncated. Copy it anew.")
        return boxes[item]

    return dataset_pool(range(len(boxes)), read)


def test_unreadable_images_are_counted(boxes):
    """A mix that cannot be made is a row with its error, a finding, and no figure."""
    pool = broken(boxes)
    report = audit(CutMix(pool, p=1.0), pool, n=36, sweep=False)
    rows = rows_of(report)
    failed = [row for row in rows if "error" in row]
    assert 6 <= len(failed) == report.summary["failed"] == 36 - report.summary["n"]
    check_summary(report.summary, rows)
    finding = report.findings[0]
    assert finding["text"] == f"{len(failed)} of 36 calls could not be made."
    assert finding["count"] == len(failed)
    assert finding["examples"] == [
        "DonorReadError: '2.jpg' cannot be read: truncated. Copy it anew."
    ]
    assert report.fingerprint == ""
    assert report.policy["pool"] == {"length": 6}


def test_strict_raises_the_first_error(boxes):
    """With strict the first mix that cannot be made ends the audit, in workers too."""
    pool = broken(boxes)
    for workers in (0, 1):
        with pytest.raises(DonorReadError, match=r"'2\.jpg' cannot be read"):
            audit(CutMix(boxes), pool, n=36, sweep=False, strict=True, workers=workers)


def test_no_mix_that_can_be_made(boxes):
    """Where every mix fails the first reason is the error."""
    pool = broken(boxes, range(6))
    with pytest.raises(InvalidSampleError, match=r"none of the 5 mixes could be made\. DonorRead"):
        audit(CutMix(boxes), pool, n=5)


def test_skipped_images_are_told(tmp_path):
    """A pool that gives the next image in place of a damaged one is told of, workers or not."""
    write_scenes(tmp_path, 4)
    (tmp_path / "images" / "meadow-01.png").write_bytes(b"no image")
    for workers in (0, 1):
        pool = coco_pool(
            tmp_path / "instances.json", tmp_path / "images", labels="name", on_error="skip"
        )
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "an image was skipped", UserWarning)
            report = audit(CutMix(pool, p=1.0), pool, n=12, sweep=False, workers=workers)
        assert report.summary["failed"] == 0
        assert "the next one was taken" in report.findings[0]["text"]
        assert report.findings[0]["count"] >= 3


def test_findings_of_real_annotations(data_dir):
    """What a pool left out stands in the report, by kind; so do images without boxes."""
    folder = data_dir / "bccd_voc"
    with pytest.warns(UserWarning, match="left out 2 boxes"):
        pool = pascal_voc_pool(folder / "Annotations", folder / "JPEGImages")
    report = audit(CutMix(pool), pool, n=30, sweep=False)
    finding = report.findings[0]
    assert finding["count"] == 2
    assert finding["text"] == "2 left out of the annotations."
    assert "BloodImage_00338.xml" in finding["examples"][0]
    assert set(report.summary["by_class"]) == {"RBC", "WBC", "Platelets"}
    check_summary(report.summary, rows_of(report))


def test_findings_on_sizes_and_empty_samples(boxes):
    """Several sizes, and samples without a box, are told."""
    empty = Donor(boxes[0].image, bboxes=np.zeros((0, 4)), fields={"labels": []})
    pool = MemoryPool([*boxes, empty])
    texts = [found["text"] for found in audit(CutMix(pool, p=1.0), pool, n=7, sweep=False).findings]
    assert texts[0] == "14.3 % of the samples have no box."
    assert "have 2 sizes, from 128 x 96 to 100 x 128 (width x height)" in texts[1]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({"n": 0}, "n must be a whole number of at least 1, got 0"),
        ({"n": 2.5}, "n must be a whole number of at least 1, got 2.5"),
        ({"n": True}, "n must be a whole number of at least 1, got True"),
        ({"seed": "a"}, "seed must be a whole number of at least 0, got 'a'"),
        ({"seed": -1}, "seed must be a whole number of at least 0, got -1"),
        ({"workers": -1}, "workers must be a whole number of at least 0, got -1"),
        (
            {"class_field": "kind"},
            "class_field must be one of the pipeline's label_fields ['labels']",
        ),
        ({"transform": A.NoOp()}, "a pipeline that holds one, got none in NoOp"),
        ({"record_key": "x"}, "got none with record_key='x' in CutMix"),
        ({"samples": 5}, "samples must have len() and [i], got int"),
    ],
    ids=lambda value: "-".join(map(str, value)) if isinstance(value, dict) else "",
)
def test_arguments_that_make_no_sense(call, words, boxes):
    """What is wrong is named before any mix is made."""
    call = {"transform": CutMix(boxes), "samples": boxes, "n": 2} | call
    with pytest.raises(InvalidArgumentError) as caught:
        audit(**call)
    assert words in str(caught.value)


def test_an_empty_pool(boxes):
    """No sample, no audit."""
    with pytest.raises(EmptyPoolError):
        audit(CutMix(boxes), [], n=2)


def test_samples_that_are_none(boxes):
    """Items without an image are named."""
    with pytest.raises(InvalidSampleError, match="with 'image', got str as sample"):
        audit(CutMix(boxes), ["a", "b"], n=2)


def test_files_are_checked_before_the_work(tmp_path):
    """A path that cannot be written is refused; one that can is left as it was."""
    for path in (tmp_path / "no" / "a.html", tmp_path):
        with pytest.raises(InvalidArgumentError, match="in a folder that exists"):
            check_writable(path)
    check_writable(tmp_path / "new.html")
    assert not (tmp_path / "new.html").exists()
    (tmp_path / "old.html").write_text("old")
    check_writable(tmp_path / "old.html")
    assert (tmp_path / "old.html").read_text() == "old"


def test_a_report_that_cannot_be_written(report, tmp_path):
    """Both writers say so."""
    for write in (report.to_html, report.to_json):
        with pytest.raises(InvalidArgumentError, match="cannot be written"):
            write(tmp_path / "no" / "a")


def test_the_page_is_written(report, tmp_path):
    """The page holds verdict, records and pictures."""
    pytest.importorskip("jinja2", reason="jinja2 is not installed")
    report.to_html(tmp_path / "audit.html")
    text = (tmp_path / "audit.html").read_text("utf-8")
    assert "data:image/jpeg;base64," in text
    assert report.fingerprint in text


def test_texts_of_a_report(report, capsys):
    """Outside a notebook a report prints verdict and reasons."""
    report.show()
    printed = capsys.readouterr().out
    assert printed == f"{report}\n"
    assert printed.startswith("CutMix audit of MemoryPool(6 donors): unsafe\n51 mixes in 60 calls")
    assert repr(report) == "AuditReport('unsafe', 60 mixes)"


def test_the_notebook_table_is_escaped(boxes):
    """Names from the data are text in the notebook's table."""

    class Odd(list):
        pass

    Odd.__name__ = "<script>alert(1)</script>"
    report = audit(CutMix(boxes), Odd(boxes), n=4, sweep=False)
    assert "<script>" not in report._repr_html_()
    assert "&lt;script&gt;" in report._repr_html_()


def test_progress_is_shown_when_asked_for(boxes, capsys):
    """A bar on stderr counts the mixes; by default there is none outside a terminal."""
    pytest.importorskip("tqdm", reason="tqdm is not installed")
    audit(CutMix(boxes), boxes, n=5, sweep=False)
    assert capsys.readouterr().err == ""
    audit(CutMix(boxes), boxes, n=5, sweep=False, progress=True)
    assert "5/5" in capsys.readouterr().err


def test_memory_does_not_grow_with_n():
    """Ten times as many mixes need no more than half as much again."""
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 12, (20, 2))
    tiny = [
        {
            "image": np.zeros((17, 23, 3), np.uint8),
            "bboxes": np.hstack([low, low + 4]),
            "labels": list(range(k, k + 20)),
        }
        for k in range(4)
    ]
    mix = CutMix(tiny, p=1.0)
    audit(mix, tiny, n=50, sweep=False)  # what the first call alone allocates
    peaks = []
    for n in (100, 1000):
        tracemalloc.start()
        audit(mix, tiny, n=n, sweep=False)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


def test_a_mix_without_a_pool(boxes):
    """Donors that come in the call are audited, too."""
    samples = [
        boxes.sample(index) | {"mix_metadata": [boxes.sample(5 - index)]} for index in range(3)
    ]
    params = A.BboxParams("pascal_voc", label_fields=["labels"])
    report = audit(A.Compose([CutMix(p=1.0)], bbox_params=params), samples, n=6, sweep=False)
    assert report.summary["applied"] == 1.0
    assert report.policy["pool"] is None


def test_gray_images_are_drawn():
    """Images of one channel and of uint16 reach the gallery."""
    gray = [
        {"image": np.full((60, 700), value, np.uint16), "bboxes": [[5, 5, 500, 50]], "labels": [1]}
        for value in (9, 60000)
    ]
    report = audit(CutMix(gray, p=1.0), gray, n=3, sweep=False)
    picture = cv2.imdecode(np.frombuffer(report.cards[0]["picture"], np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (36, 420, 3)


THREADED = """
import cv2, numpy as np
from albu_cutmix import CutMix, audit
from albu_cutmix.scenes import scene_pool
cv2.setNumThreads(4)
cv2.GaussianBlur(np.zeros((1500, 1500, 3), np.uint8), (15, 15), 3)  # starts OpenCV's threads
scenes = scene_pool(3, size=(64, 96))
print(audit(CutMix(scenes), scenes, n=8, workers=1, sweep=False).summary["n"], cv2.getNumThreads())
"""


def test_forked_workers_do_not_wait_for_the_threads_of_their_parent():
    """OpenCV's threads do not live on in a forked process; the parent has them back afterwards."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", THREADED], capture_output=True, text=True, timeout=90
    )
    assert done.stdout.split() == ["8", "4"], done.stderr
