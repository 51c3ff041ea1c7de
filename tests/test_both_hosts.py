"""What holds on Albumentations 2.0.8 and on AlbumentationsX alike, in whose terms both agree.

The suite runs it on 2.0.8. For the other host, in an environment of its own:
`pip install albumentationsx torch opencv-python-headless pillow defusedxml pytest hypothesis`, then
`pip install --no-deps -e .` and `python -m pytest -p doctest tests/test_both_hosts.py`.
"""

from __future__ import annotations

import albumentations as A
import numpy as np
import pytest

from albu_cutmix import CutMix, Donor, InvalidSampleError, MixTargets

SHAPE = (31, 47)
BOXES = [[5.0, 5.0, 30.0, 30.0], [30.0, 10.0, 60.0, 40.0]]


@pytest.fixture
def donors() -> list[Donor]:
    """One donor of another size with everything."""
    rng = np.random.default_rng(0)
    return [
        Donor(
            rng.integers(1, 256, (40, 60, 3), np.uint8),
            mask=rng.integers(1, 9, (40, 60), np.int64),
            bboxes=np.array(BOXES),
            fields={"kind": ["elephant", "x"], "score": [0.5, 0.25]},
            label=1,
        )
    ]


def call(run: A.Compose, boxes, kinds, scores) -> dict:
    """Mix a black image."""
    image, mask = np.zeros((*SHAPE, 3), np.uint8), np.zeros(SHAPE, np.int64)
    return run(image=image, mask=mask, bboxes=boxes, kind=kinds, score=scores, label=0)


def build(mix, **settings) -> A.Compose:
    """A strict pipeline with boxes, the mix in a container and geometry after it."""
    params = A.BboxParams("pascal_voc", label_fields=["kind", "score"])
    steps = [MixTargets(classes=3), A.OneOf([mix], p=1), A.HorizontalFlip(p=0)]
    return A.Compose(steps, bbox_params=params, strict=True, **settings)


@pytest.mark.parametrize(
    ("boxes", "kinds", "scores"),
    [
        pytest.param([[1, 1, 3, 3]], ["cat"], [0.5], id="lists"),
        pytest.param(np.array([[1, 1, 3, 3.0]]), np.array(["cat"]), np.array([0.5]), id="arrays"),
        pytest.param([], [], [], id="empty"),
        pytest.param(np.zeros((0, 4)), np.array([], "<U2"), np.array([]), id="empty-arrays"),
    ],
)
def test_every_target_follows_the_record(donors, boxes, kinds, scores):
    """Pixels, mask, label, boxes and fields are those that the record's rectangles give."""
    mix = CutMix(donors, classes=3, area_range=(0.3, 0.5), p=1)
    out = call(build(mix, seed=1), boxes, kinds, scores)
    record = out["mix"]
    x, y, x_end, y_end = record.patches[0].tolist()
    inside = np.zeros(SHAPE, bool)
    inside[y:y_end, x:x_end] = True
    assert record.applied
    assert np.array_equal(out["image"].reshape(*SHAPE, 3).any(2), inside)
    assert np.array_equal(out["mask"].reshape(SHAPE) > 0, inside)
    lam = 1 - inside.sum() / inside.size
    assert out["label"].tolist() == pytest.approx([lam, 1 - lam, 0], abs=1e-6)
    found = [str(kind) for kind in out["kind"]]
    kept = [kind for kind in kinds if kind in found]
    assert found[: len(kept)] == list(kept)
    assert set(found[len(kept) :]) <= {"elephant", "x"}
    assert "elephant" in found
    donor_boxes = np.asarray(out["bboxes"], float)[len(kept) :, :4]
    assert len(found) == len(out["score"]) == len(kept) + len(donor_boxes)
    assert (donor_boxes[:, :2] >= np.array([x, y]) - 1e-3).all()
    assert (donor_boxes[:, 2:] <= np.array([x_end, y_end]) + 1e-3).all()


def test_same_seed_same_record(donors):
    """Two pipelines of one seed draw alike, call by call."""
    runs = [build(CutMix(donors, classes=3, p=0.5), seed=5) for _ in range(2)]
    lines = [[call(run, [], [], [])["mix"].to_json() for _ in range(8)] for run in runs]
    assert lines[0] == lines[1]
    assert len(set(lines[0])) > 2


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_keys_and_types_do_not_depend_on_the_gate(donors, p):
    """Label and record are there fired or not."""
    params = A.BboxParams("pascal_voc", label_fields=["kind", "score"])
    run = A.Compose([CutMix(donors, classes=3, p=p)], bbox_params=params, seed=1)
    out = call(run, [], [], [])
    assert out["label"].dtype == np.float32
    assert (out["mix"].kind, out["mix"].reason) == ("cutmix", "" if p else "p")


def test_other_targets_are_refused_by_name(donors):
    """A target that would no longer be true is an error."""
    run = A.Compose([CutMix(donors, p=1)])
    with pytest.raises(InvalidSampleError, match="masks"):
        run(image=np.zeros((*SHAPE, 3), np.uint8), masks=np.zeros((1, *SHAPE), np.uint8))
