"""Draws and records of BatchMixUp, its place beside BatchCutMix, and known bugs of others."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from batch_inputs import WAYS, as_way, batch_of, mixed, mixed_up
from batch_oracle import plain, random_batch
from torch.utils.data import DataLoader, default_collate

from albu_cutmix import BatchCutMix, MixRecord
from albu_cutmix.batch import BatchMixUp
from albu_cutmix.batch.plan import draw_plan
from albu_cutmix.blends import round_blend
from albu_cutmix.integrations.torch import MixCollate, padded_collate
from albu_cutmix.patches import BlendRule, PatchRule

SHAPE = (13, 29)


def test_the_blend_is_the_draws_beta():
    """Blends are the plan's draws of Beta(alpha, alpha); all else is the plan of `BatchCutMix`."""
    blends = draw_plan(np.random.default_rng(3), 6, SHAPE, BlendRule(0.4))
    rng = np.random.default_rng(3)
    order = rng.permutation(6)
    assert blends.order.tolist() == order.tolist()
    assert blends.blends.tolist() == round_blend(rng.beta(0.4, 0.4, 6)).tolist()
    rule = PatchRule(0.4, placement="inside", fit="error")
    patches = draw_plan(np.random.default_rng(3), 6, SHAPE, rule)
    assert blends.donors.tolist() == patches.donors.tolist()
    assert blends.patches.tolist() == [[0, 0, 29, 13]] * 6


def test_records_are_the_same_on_every_way():
    """One seed gives one record, of types and shapes that torch's default_collate makes."""
    batch = random_batch(3, 9, SHAPE)
    first = mixed_up("numpy", as_way(batch, "numpy"), seed=8, p=0.7)["mix"]
    for way in WAYS[1:]:
        record = mixed_up(way, as_way(batch, way), seed=8, p=0.7)["mix"]
        single = default_collate([MixRecord.empty("mixup", "p", SHAPE)] * 9)
        for name, value in first._asdict().items():
            got = getattr(record, name)
            assert np.array_equal(plain(got), value), name
            if isinstance(got, torch.Tensor):
                assert (got.dtype, got.shape) == (
                    getattr(single, name).dtype,
                    getattr(single, name).shape,
                ), name
    assert [MixRecord.from_json(row.to_json()) for row in first.rows()] == first.rows()


def test_a_row_equals_the_transform_on_the_same_mix():
    """What `MixUp` replays from a row's record is what the batch returned for that row."""
    import albumentations as A

    from albu_cutmix import MixUp, replay

    batch = random_batch(11, 6, (64, 80), image="uint8", layout="NHWC", classes=4)
    share = np.ones((*batch["bboxes"].shape[:2], 1), np.float32)
    batch["bboxes"] = np.concatenate((batch["bboxes"], share), 2)
    out = mixed_up(
        "numpy", as_way(batch, "numpy"), seed=3, layout="NHWC", alpha=0.4, visibility_column=5
    )
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
                "share": [1.0] * len(boxes),
                "keypoints": batch["keypoints"][row, : batch["num_keypoints"][row], :2],
            }
        )
    mix = A.Compose(
        [MixUp(pool, classes=4, fit="error", visibility_field="share")],
        bbox_params=A.BboxParams("pascal_voc", label_fields=["cls", "share"]),
        keypoint_params=A.KeypointParams("xy", remove_invisible=False),
    )
    records = out["mix"].rows()
    for row, primary in enumerate(pool):
        again = replay(records[row], primary, pool, mix)
        assert np.array_equal(again["image"], out["image"][row])
        assert np.array_equal(again["mask"], out["mask"][row])
        assert again["label"].tolist() == out["label"][row].tolist()
        got = out["bboxes"][row, : out["num_bboxes"][row]]
        limits = np.clip(got[:, :4], 0, [80, 64, 80, 64])
        assert np.allclose(np.reshape(again["bboxes"], (-1, 4)), limits, atol=2e-3)
        assert list(again["cls"]) == got[:, 4].tolist()
        assert np.allclose(again["share"], got[:, 5])
        points = out["keypoints"][row, : out["num_keypoints"][row], :2]
        assert np.array_equal(np.reshape(again["keypoints"], (-1, 2)), points)
        for name in ("kept", "dropped", "donor_kept", "seam_px", "blend", "lam"):
            assert getattr(again["mix"], name) == getattr(records[row], name), name


def test_it_prints_as_its_call_and_pickles():
    """`repr` is the call that makes it; a copy draws on, and leaves memory behind."""
    mix = BatchMixUp(classes=4, mask_mode="ignore", ignore_index=255, visibility_column=5, seed=7)
    words = "mask_mode='ignore', ignore_index=255, classes=4, visibility_column=5, seed=7"
    assert repr(mix) == f"BatchMixUp({words})"
    assert repr(BatchMixUp()) == "BatchMixUp()"
    images = {"image": np.zeros((4, 3, 8, 8), np.uint8)}
    mix(images)
    again = pickle.loads(pickle.dumps(mix))
    assert again(images)["mix"] == mix(images)["mix"]


# Beside BatchCutMix, and in a loader -------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("label_mode", ["soft", "pair"])
def test_either_may_stand_in_the_others_place(way, label_mode):
    """Keys, dtypes and shapes of both results are the same, so they can be switched per batch."""
    results = [
        mixed(batch_of(way), way, kind, label_mode=label_mode) for kind in (BatchCutMix, BatchMixUp)
    ]
    one, other = ({**out.pop("mix")._asdict(), **out} for out in results)
    assert list(one) == list(other)
    for name, value in one.items():
        assert type(value) is type(other[name])
        assert getattr(value, "dtype", "") == getattr(other[name], "dtype", ""), name
        assert len(value) == len(other[name]), name
        assert getattr(value, "shape", "") == getattr(other[name], "shape", ""), name


def test_both_draw_apart_under_one_seed():
    """Two mixes of one seed have streams of their own: a switch would show the same mix twice."""
    images = {"image": np.zeros((16, 3, 23, 17), np.uint8)}
    one, other = (kind(seed=5)(images)["mix"] for kind in (BatchCutMix, BatchMixUp))
    assert one.donors.tolist() != other.donors.tolist()


class Switch:
    """A mix of each batch by one of two; a `collate_fn` that workers can be spawned with."""

    def __init__(self) -> None:
        self.mixes = [BatchCutMix(seed=1, placement="inside"), BatchMixUp(seed=1)]
        self.calls = 0

    def __call__(self, batch: dict) -> dict:
        """Mix by the other one than the last time."""
        self.calls += 1
        return self.mixes[self.calls % 2](batch)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_loader_switches_per_batch(workers):
    """MixCollate and padded_collate take any mix of batches, switched ones too."""
    rows = [
        {
            "image": np.full((16, 16, 3), number, np.float32),
            "bboxes": [[1, 1, 5, 9]] * (number % 3),
            "labels": [number] * (number % 3),
            "visibility": [1.0] * (number % 3),
        }
        for number in range(8)
    ]

    def collate(samples: list) -> dict:
        return padded_collate(samples, fields=("visibility",))

    loader = DataLoader(rows, 4, collate_fn=MixCollate(Switch(), collate), num_workers=workers)
    batches = list(loader)
    assert [batch["mix"].kind[0] for batch in batches] == ["mixup", "cutmix"]
    for batch in batches:
        assert batch["bboxes"].shape == (4, 4, 6)


# Known bugs of others ----------------------------------------------------------------------------


def test_known_bug_b12_labels_go_with_their_boxes():
    """Keras concatenates labels on another axis than boxes: here a class is a column of its box."""
    boxes = np.zeros((4, 6, 5), np.float32)
    boxes[..., 2:4] = 9
    boxes[..., 4] = np.arange(24).reshape(4, 6)
    batch = {"image": np.zeros((4, 3, 16, 16), np.uint8), "bboxes": boxes}
    out = BatchMixUp(seed=1)({**batch, "num_bboxes": np.full(4, 6)})
    donors = out["mix"].donors[:, 0]
    assert out["bboxes"].shape == (4, 12, 5)
    assert out["num_bboxes"].tolist() == [12] * 4
    assert (
        out["bboxes"][..., 4].tolist() == np.hstack([boxes[..., 4], boxes[donors, :, 4]]).tolist()
    )


@pytest.mark.parametrize("mode", ["heavier", "ignore"])
def test_known_bug_m01_masks_stay_whole_numbers(mode):
    """Keras and timm blend class numbers; here only values of both masks come out."""
    masks = np.full((4, 8, 8), 2**33 + 7)
    masks[1:3, 2:] = 2**40 + 1
    rule = {"mask_mode": mode, "ignore_index": 255 if mode == "ignore" else None}
    out = BatchMixUp(seed=1, alpha=100, **rule)({"image": np.zeros((4, 3, 8, 8)), "mask": masks})
    values = {2**33 + 7, 2**40 + 1} | ({255} if mode == "ignore" else set())
    assert out["mask"].dtype == np.int64
    assert set(np.unique(out["mask"]).tolist()) == values


def test_known_bug_m02_masks_keep_their_shape():
    """Keras' MixUp makes (4, 8, 8, 4) of masks (4, 8, 8, 1)."""
    batch = {"image": np.zeros((4, 8, 8, 3)), "mask": np.zeros((4, 8, 8, 1), int)}
    assert BatchMixUp(layout="NHWC")(batch)["mask"].shape == (4, 8, 8, 1)


@pytest.mark.parametrize("way", WAYS)
def test_known_bug_l09_one_class_on_both_sides_stays_whole(way):
    """FFCV overwrites the weight of a class that both sides have; here they add up to exactly 1."""
    batch = {"image": np.zeros((64, 1, 4, 4), np.uint8), "label": np.full(64, 2)}
    out = mixed_up(way, as_way(batch, way), seed=0, classes=5, alpha=0.4)
    assert (plain(out["label"]) == np.eye(5, dtype=np.float32)[batch["label"]]).all()
