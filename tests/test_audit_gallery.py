"""The mixes that an audit shows: which are picked, and that their pictures are of them."""

from __future__ import annotations

import json

import albumentations as A
import cv2
import numpy as np
import pytest
from audit_rows import make_rows

from albu_cutmix import CutMix, MixRecord
from albu_cutmix.report import audit
from albu_cutmix.report.gallery import METRICS, Gallery
from albu_cutmix.scenes import scene_pool


def picked(rows) -> dict[str, list[int]]:
    """The numbers of the mixes under each pick."""
    gallery = Gallery(0)
    for row in rows:
        gallery.add(row)
    out: dict[str, list[int]] = {}
    for row, picks in gallery.chosen():
        for pick in picks:
            out.setdefault(pick, []).append(row["mix"])
    return out


def test_the_worst_are_picked():
    """Six of each kind are the worst there are; the first of equal ones."""
    rows = make_rows(200)
    applied = [row for row in rows if row.get("record", {}).get("applied")]
    picks = picked(rows)
    assert len(picks["random"]) == 12
    erased = [sum(one["visibility"] == 0 for one in row["primary"]) for row in applied]
    worst = sorted(zip(erased, applied, strict=True), key=lambda pair: -pair[0])[:6]
    assert sorted(picks["worst erased"]) == sorted(row["mix"] for _, row in worst)
    gaps = [abs(row["record"]["lam"] - row["record"]["lam_object"]) for row in applied]
    first = max(zip(gaps, applied, strict=True), key=lambda pair: pair[0])[1]
    assert first["mix"] in picks["worst label noise"]
    assert {f"worst {name}" for name in METRICS} | {"random"} == set(picks)


def test_harmless_mixes_are_no_worst():
    """A mix with nothing bad is under random alone; one that was not applied nowhere."""
    row = next(row for row in make_rows(20) if row.get("record", {}).get("applied"))
    quiet = {"least_visibility": 1.0, "remnant_px": 0, "seam_object_px": 0, "lam_object": -1.0}
    row = row | {"primary": [], "donor": [], "record": row["record"] | quiet}
    assert picked([row]) == {"random": [row["mix"]]}
    assert picked([row | {"record": row["record"] | {"applied": False}}]) == {}
    assert picked([{"mix": 0, "sample": 0, "seed": 0, "error": "x"}]) == {}


@pytest.fixture(scope="module")
def scenes():
    """Scenes of two sizes, one larger than a picture of the gallery."""
    return scene_pool(4, size=[(90, 70), (500, 640)])


@pytest.fixture(scope="module")
def cards(scenes):
    """Report and cards of a pipeline with a flip behind the mix."""
    steps = [A.HorizontalFlip(p=0.5), CutMix(scenes, p=1.0), A.VerticalFlip(p=1.0)]
    params = A.BboxParams("coco", label_fields=["labels"])
    report = audit(A.Compose(steps, bbox_params=params), scenes, n=30, sweep=False)
    return report, report.cards


def test_cards_say_what_happened(cards):
    """A card holds the figures of its row, and the record as JSON."""
    report, found = cards
    rows = {row["mix"]: row for row in map(json.loads, report.rows)}
    assert 12 <= len(found) <= 30
    assert len({card["mix"] for card in found}) == len(found)
    for card in found:
        row = rows[card["mix"]]
        record = MixRecord.from_json(card["record"])
        assert card["seed"] == row["seed"]
        assert card["lam"] == float(record.lam)
        assert card["share"] == pytest.approx(1 - card["lam"], abs=1e-6)
        assert card["erased"] == sum(one["visibility"] <= 1e-6 for one in row["primary"])
        assert card["caption"].startswith(f"Sample {row['sample']} with donor {card['donor']}: ")
        assert "otherwise" not in card["caption"]


def test_pictures_are_of_the_mix_itself(cards, scenes):
    """A picture shows the patch where the record says, before the flip that follows the mix."""
    report, found = cards
    for card in found[:6]:
        picture = cv2.imdecode(np.frombuffer(card["picture"], np.uint8), cv2.IMREAD_COLOR)
        record = MixRecord.from_json(card["record"])
        height, width = record.shape.tolist()
        assert max(picture.shape) == 420 if width > height else max(picture.shape) == 4 * 90
        seen = report.bench.mix_sample(card["sample"], card["seed"]).seen
        assert seen.record == record
        scale = picture.shape[1] / width
        plain = cv2.resize(
            seen.image[:, :, ::-1], picture.shape[1::-1], interpolation=cv2.INTER_AREA
        )
        near = np.abs(picture.astype(int) - plain).max(2) < 40
        assert near.mean() > 0.5  # the rest is lines and names
        ring = np.zeros(near.shape, np.uint8)
        corners = np.rint(record.patches[0] * scale).astype(int).tolist()
        cv2.rectangle(ring, corners[:2], corners[2:], 1, 3)
        drawn = 1 - near
        assert drawn[ring == 1].mean() > 2 * drawn[ring == 0].mean()


def test_a_pipeline_that_does_not_repeat_is_told(scenes):
    """Where a mix comes out otherwise the second time, its caption says so."""
    count = iter(range(10**6))

    class Restless(list):
        def __getitem__(self, index):
            return scenes[(index + next(count) // 2) % 4]

    report = audit(CutMix(scenes, p=1.0), Restless(scenes), n=8, sweep=False)
    assert any("do not repeat" in card["caption"] for card in report.cards)
