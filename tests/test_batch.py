"""BatchCutMix against the slow oracle, on every way pixels are moved here: slices and torch.

The CUDA kernel has tests of its own (`test_kernels`, `test_batch_kernel`).
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from batch_inputs import as_way
from batch_oracle import IMAGES, MASKS, check_batch, plain, random_batch
from oracle import Draw, inside_patch, paper_patch
from torch.utils.data import default_collate

from albu_cutmix import BatchCutMix, CutMix, InvalidSampleError, MixRecord, SeamFlag
from albu_cutmix.batch.plan import draw_plan, place_rows
from albu_cutmix.geometry import PatchDraw, place_inside, place_paper
from albu_cutmix.patches import PatchRule

SHAPE = (13, 29)
WAYS = ("numpy", "torch", "torch operations", "channels_last")


def run(way: str, batch: dict, **arguments) -> dict:
    """One call by one way."""
    backend = "torch" if way == "torch operations" else "auto"
    return BatchCutMix(backend=backend, **arguments)(batch)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("placement", ["paper", "inside"])
@pytest.mark.parametrize("pairing", ["permutation", "pairs"])
def test_every_target_is_what_the_rules_say(way, placement, pairing):
    """Pixels, masks, labels, boxes, keypoints and seam of every sample agree with the oracle."""
    for seed in range(3):
        batch = random_batch(seed, 7, SHAPE, classes=4)
        out = run(
            way, as_way(batch, way), classes=4, seam=True, seed=seed, p=0.8,
            placement=placement, pairing=pairing,
        )  # fmt: skip
        check_batch(as_way(batch, way), out, "NCHW", 4)


@pytest.mark.parametrize("image", IMAGES)
@pytest.mark.parametrize("mask", MASKS)
def test_dtypes_are_kept_bit_for_bit(image, mask):
    """Every dtype of images, and of masks, comes out as it went in."""
    batch = random_batch(5, 5, SHAPE, image=image, mask=mask)
    for way in WAYS[1:] if image == "bfloat16" else WAYS:
        given = as_way(batch, way, image)
        out = run(way, given, classes=4, seed=1)
        assert (out["image"].dtype, out["mask"].dtype) == (
            given["image"].dtype,
            given["mask"].dtype,
        )
        check_batch(given, out, "NCHW", 4)


@pytest.mark.parametrize("planes", [None, 2])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_layouts(layout, planes):
    """Both orders of axes, and masks with channels, are mixed along the right axes."""
    batch = random_batch(2, 6, SHAPE, layout=layout, planes=planes, channels=5)
    for way in WAYS[:3]:
        out = run(way, as_way(batch, way), classes=4, seed=4, layout=layout, seam=True)
        check_batch(as_way(batch, way), out, layout, 4)


@pytest.mark.parametrize("out", ["new", "reuse", "inplace"])
@pytest.mark.parametrize("pairing", ["permutation", "pairs"])
@pytest.mark.parametrize("size", [2, 3, 5, 64, 67, 131])
def test_all_outputs_are_equal(out, pairing, size):
    """New memory, memory that is used again, and in place give the same bytes, whatever cycles."""
    batch = random_batch(size, size, (7, 11))
    expected = run("numpy", as_way(batch, "numpy"), classes=4, seed=2, seam=True, pairing=pairing)
    for way in ("torch", "torch operations", "channels_last"):
        given = as_way(batch, way)
        got = run(way, given, classes=4, seed=2, seam=True, out=out, pairing=pairing)
        for name in sorted(expected.keys() - {"mix"}):
            assert np.array_equal(plain(got[name]), expected[name]), name
        if out == "inplace":
            assert got["image"] is given["image"]
            assert got["mask"] is given["mask"]


def test_records_are_the_same_on_every_way():
    """One seed gives one record; torch's fields are tensors, NumPy's are arrays."""
    batch = random_batch(3, 9, SHAPE)
    first = run("numpy", as_way(batch, "numpy"), classes=4, seed=8, p=0.7)["mix"]
    for way in WAYS[1:]:
        record = run(way, as_way(batch, way), classes=4, seed=8, p=0.7)["mix"]
        assert isinstance(record.lam, torch.Tensor)
        for name, value in first._asdict().items():
            assert np.array_equal(plain(getattr(record, name)), value), name


def test_a_record_is_what_default_collate_makes():
    """Types and shapes of the fields are those of single records, collated by torch."""
    batch = random_batch(3, 4, SHAPE)
    record = run("torch", as_way(batch, "torch"), classes=4, seed=8)["mix"]
    expected = default_collate([MixRecord.empty("cutmix", "p", SHAPE)] * 4)
    for name, value in expected._asdict().items():
        got = getattr(record, name)
        assert type(got) is type(value), name
        if isinstance(value, torch.Tensor):
            assert (got.dtype, got.shape) == (value.dtype, value.shape), name


def test_a_batch_of_records_comes_apart():
    """`rows` gives single records, of a batch and of what torch collated; each has its line."""
    singles = [MixRecord.empty("cutmix", "p", SHAPE), MixRecord.empty("none", "", (7, 9))]
    assert default_collate(singles).rows() == singles
    for way in WAYS:
        out = run(way, as_way(random_batch(3, 4, SHAPE), way), classes=4, seed=8, p=0.5)
        rows = out["mix"].rows()
        assert [MixRecord.from_json(row.to_json()) for row in rows] == rows
        assert [row.applied for row in rows] == plain(out["mix"].applied).tolist()
    with pytest.raises(InvalidSampleError, match=r"got one record\."):
        rows[0].rows()
    with pytest.raises(InvalidSampleError, match=r"\[row.to_json\(\) for row in record.rows\(\)\]"):
        out["mix"].to_json()


@pytest.mark.parametrize("placement", ["paper", "inside"])
def test_a_row_is_the_single_samples_geometry(placement):
    """The patch of row i is what the single sample draws from the same numbers, and the oracle."""
    rng = np.random.default_rng(0)
    draws = rng.random((4000, 6))
    rule = PatchRule(placement=placement, fit="error")
    for shape in (SHAPE, (224, 224), (31, 7)):
        rows = place_rows(draws, shape, rule)
        for row, numbers in zip(rows.tolist(), draws.tolist(), strict=True):
            one = PatchDraw(*numbers)
            single = (
                place_paper(one, shape)
                if placement == "paper"
                else place_inside(one, shape, rule.shares, rule.ratio_range)
            )
            assert tuple(row) == (single or (0, 0, 0, 0))
        for row, numbers in zip(rows[:200].tolist(), draws.tolist(), strict=False):
            draw = Draw(*numbers)
            place = (
                paper_patch(draw, shape)
                if placement == "paper"
                else inside_patch(draw, shape, rule.shares, rule.ratio_range)
            )
            assert place.margin < 1e-9 or tuple(row) == (place.patch or (0, 0, 0, 0))


@pytest.mark.parametrize("pairing", ["permutation", "pairs"])
def test_donors_are_every_other_sample_alike(pairing):
    """No sample is its own donor, donors are a permutation, and each other one is as likely."""
    rng, counts = np.random.default_rng(1), np.zeros((7, 7), int)
    rule = PatchRule(placement="inside", fit="error")
    for _ in range(6000):
        donors = draw_plan(rng, 7, SHAPE, rule, pairing=pairing).donors
        assert sorted(donors) == list(range(7))
        counts[np.arange(7), donors] += 1
    assert counts.diagonal().sum() == 0
    others = counts[~np.eye(7, dtype=bool)]
    assert abs(others - 1000).max() < 4.5 * np.sqrt(1000 * 5 / 6)


def test_pairs_give_to_each_other():
    """With pairs a donor's donor is the sample itself, but for three where one is left over."""
    rng, rule = np.random.default_rng(1), PatchRule(fit="error", placement="inside")
    for size in (2, 8, 64, 3, 9, 65):
        donors = draw_plan(rng, size, SHAPE, rule, pairing="pairs").donors
        assert (donors[donors] == np.arange(size)).sum() == (size if size % 2 == 0 else size - 3)


def test_a_row_equals_the_transform_on_the_same_mix():
    """What `CutMix` replays from a row's record is what the batch returned for that row."""
    import albumentations as A

    from albu_cutmix import replay

    batch = random_batch(11, 6, (64, 80), image="uint8", layout="NHWC", classes=4)
    out = run("numpy", as_way(batch, "numpy"), classes=4, seed=3, layout="NHWC", placement="inside")
    pool = []
    for row in range(6):
        boxes = batch["bboxes"][row, : batch["num_bboxes"][row]]
        pool.append(
            {
                "image": batch["image"][row],
                "mask": batch["mask"][row],
                "label": int(batch["label"][row]),
                "bboxes": np.clip(boxes[:, :4], 0, [80, 64, 80, 64]),
                "cls": boxes[:, 4].astype(int).tolist(),
            }
        )
    mix = A.Compose(
        [CutMix(pool, classes=4, fit="error")],
        bbox_params=A.BboxParams("pascal_voc", label_fields=["cls"]),
    )
    records = out["mix"].rows()
    for row, primary in enumerate(pool):
        again = replay(records[row], primary, pool, mix)
        assert np.array_equal(again["image"], out["image"][row])
        assert np.array_equal(again["mask"], out["mask"][row])
        assert again["label"].tolist() == out["label"][row].tolist()
        count = out["num_bboxes"][row]
        got = out["bboxes"][row, :count]
        assert len(again["bboxes"]) == count
        limits = np.clip(got[:, :4], 0, [80, 64, 80, 64])
        assert np.allclose(np.reshape(again["bboxes"], (-1, 4)), limits, atol=2e-3)
        assert list(again["cls"]) == got[:, 4].tolist()
        for name in ("dropped", "donor_kept", "donor_dropped", "seam_px", "seam_jump_px"):
            assert getattr(again["mix"], name) == getattr(records[row], name), name


def test_vectors_and_pairs():
    """Vectors are mixed as they are, and a pair keeps both labels with lam in the record."""
    rng = np.random.default_rng(4)
    images, vectors = np.zeros((4, 1, 9, 9), np.uint8), rng.random((4, 3), np.float32)
    out = BatchCutMix(seed=1)({"image": images, "label": vectors})
    lam, donors = out["mix"].lam.astype(float)[:, None], out["mix"].donors[:, 0]
    assert np.allclose(out["label"], lam * vectors + (1 - lam) * vectors[donors], atol=1e-6)
    labels = np.array([3, 1, 2, 0])
    out = BatchCutMix(label_mode="pair", seed=1)({"image": images, "label": labels})
    assert out["label"].tolist() == labels.tolist()
    assert out["label_donor"].tolist() == labels[out["mix"].donors[:, 0]].tolist()
    out = BatchCutMix(label_mode="pair", seed=1, p=0.0)({"image": images, "label": labels})
    assert out["label_donor"].tolist() == labels.tolist()


def test_a_class_mixed_with_itself_stays_whole():
    """Primary and donor of one class give that class exactly 1."""
    labels = np.full(64, 2)
    out = BatchCutMix(classes=5, seed=0)({"image": np.zeros((64, 3, 23, 17)), "label": labels})
    assert (out["label"] == np.eye(5, dtype=np.float32)[labels]).all()


def test_the_seam_of_images_alone():
    """Without a mask the map holds SEAM and nothing else, and jumps are not measured."""
    out = BatchCutMix(seam=True, seed=0)({"image": np.zeros((8, 3, 23, 17), np.uint8)})
    assert set(np.unique(out["seam"])) == {0, int(SeamFlag.SEAM)}
    assert (out["mix"].seam_jump_px == -1).all()
    assert (out["mix"].remnant_px == -1).all()
    assert (out["mix"].seam_px > 0).all()


def test_the_same_seed_repeats_and_the_next_call_differs():
    """A seed gives one sequence of plans; a new seed begins another."""
    images = {"image": np.zeros((16, 3, 23, 17), np.uint8)}
    mix, other = BatchCutMix(seed=5), BatchCutMix(seed=5)
    first, second = (mix(images)["mix"].patches for _ in range(2))
    assert np.array_equal(first, other(images)["mix"].patches)
    assert not np.array_equal(first, second)
    mix.set_random_seed(5)
    assert np.array_equal(mix(images)["mix"].patches, first)
    assert not np.array_equal(BatchCutMix(seed=6)(images)["mix"].patches, first)
    assert not np.array_equal(*(BatchCutMix()(images)["mix"].patches for _ in range(2)))


def test_a_schedule_turns_it_off():
    """The schedule is a factor on p, and says so in the record."""
    mix = BatchCutMix(schedule={"epochs": 4, "stop_last": 1}, placement="inside")
    images = {"image": np.zeros((16, 3, 23, 17), np.uint8)}
    assert mix(images)["mix"].applied.all()
    mix.schedule.set_epoch(3)
    assert mix(images)["mix"].reason == ("schedule",) * 16


def test_it_prints_as_its_call():
    """`repr` is the call that makes it, so that a log can hold it."""
    mix = BatchCutMix(classes=4, placement="inside", schedule={"epochs": 3}, p=0.5, seed=7)
    schedule = "schedule=MixSchedule(3, ramp='constant')"
    assert repr(mix) == f"BatchCutMix(placement='inside', classes=4, {schedule}, p=0.5, seed=7)"
    assert repr(BatchCutMix()) == "BatchCutMix()"
