"""What holds on Albumentations 2.0.8 and on AlbumentationsX alike, in whose terms both agree.

Masks are given as arrays: AlbumentationsX takes no lists.

The suite runs it on 2.0.8. For the other host, in an environment of its own:
`pip install albumentationsx torch opencv-python-headless pillow defusedxml hypothesis` and
`pytest-xdist`, then `pip install --no-deps -e .` and
`python -m pytest -p doctest tests/test_both_hosts.py`.
"""

from __future__ import annotations

import inspect
from collections import deque
from dataclasses import replace as change
from functools import partial

import albumentations as A
import numpy as np
import pytest
from whole_samples import BIG, assert_true, bits, pipeline, primary
from whole_samples import donor as whole_donor

from albu_cutmix import (
    CutMix,
    Cutout,
    Donor,
    EmptyPoolError,
    InvalidSampleError,
    MemoryPool,
    MixRecord,
    MixSchedule,
    MixTargets,
    MixUp,
    SafetyLimits,
    UnsafeMixError,
    attach_pool,
    audit,
    mapped,
    pack,
    replay,
)
from albu_cutmix.scenes import scene_pool

# AlbumentationsX asks for a mapping with every label field of keypoints; flips alone use it.
pytestmark = pytest.mark.filterwarnings("ignore:label_fields are set but label_mapping")

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


FAMILY = {
    "several": lambda pool, **more: CutMix(pool, num_patches=(1, 3), **more),
    "mixup": lambda pool, **more: MixUp(pool, **more),
    "cutout": lambda pool, **more: Cutout(num_patches=(1, 3), fill="noise", classes=2, **more),
}


@pytest.mark.parametrize("kind", FAMILY)
def test_the_family_keeps_to_its_record(kind):
    """Several patches, a blend, holes: the record replays on all targets, bit for bit."""
    pool = MemoryPool([whole_donor(1000 * k) for k in range(1, 4)], classes=2)
    run = pipeline(FAMILY[kind](pool, p=1.0, seam_key="seam"))
    for _ in range(5):
        data = primary(listed=False)
        out = run(**data)
        again = replay(MixRecord.from_json(out["mix"].to_json()), data, pool, run)
        assert bits(again) == bits(out)
        assert out["label"].sum() == pytest.approx(1.0, abs=1e-6)
        if kind == "several":
            assert_true(out)


@pytest.mark.parametrize("kind", FAMILY)
@pytest.mark.parametrize("p", [0.0, 1.0], ids=["not-fired", "fired"])
def test_the_family_behind_mix_targets(donors, kind, p):
    """A container that calls one of them, or none, gives keys and shapes of one kind."""
    mixes = [build(donors, classes=3) for build in (partial(CutMix, num_patches=3), MixUp)]
    mixes = [*mixes, Cutout(classes=3)]
    steps = [MixTargets(classes=3, num_patches=3), A.OneOf(mixes, p=p)]
    params = A.BboxParams("pascal_voc", label_fields=["kind", "score"])
    run = A.Compose(steps, bbox_params=params, seed=list(FAMILY).index(kind))
    out = call(run, [[1, 1, 30, 30]], ["cat"], [0.5])
    assert out["mix"].patches.shape == (3, 4)
    assert out["label"].dtype == np.float32
    assert (out["mix"].kind != "none") == bool(p)


@pytest.mark.parametrize("name", ["volume", "mask3d", "images"])
@pytest.mark.parametrize("p", [0.0, 1.0], ids=["not-fired", "fired"])
def test_other_targets_are_refused_by_name(donors, p, name):
    """A target that would no longer be true is an error."""
    call = {"image": np.zeros((*SHAPE, 3), np.uint8), name: np.zeros((2, *SHAPE), np.uint8)}
    if name == "images":
        call[name] = np.zeros((2, *SHAPE, 3), np.uint8)
    with pytest.raises(InvalidSampleError, match=rf"\['{name}'\].*no longer be true"):
        A.Compose([CutMix(donors, p=p)])(**call)


# Every target at once ----------------------------------------------------------------------------

CONTAINERS = {
    "alone": lambda mix: [mix],
    "one-of": lambda mix: [MixTargets(classes=3), A.OneOf([mix], p=1)],
    "some-of": lambda mix: [A.SomeOf([mix, A.NoOp(p=1)], n=2, p=1)],
    "sequential": lambda mix: [
        A.Sequential([A.HorizontalFlip(p=1), mix, A.VerticalFlip(p=1)], p=1)
    ],
    "nested": lambda mix: [A.Compose([mix])],
}


def whole_mix(pool=None, **settings) -> CutMix:
    """A mix that always fires, of one donor with every target."""
    pool = [whole_donor(1000)] if pool is None else pool
    return CutMix(pool, **{"classes": 3, "p": 1.0, "min_visibility": 0.0, **settings})


@pytest.mark.parametrize("empty", [False, True], ids=["objects", "no-objects"])
@pytest.mark.parametrize("name", CONTAINERS)
def test_every_target_is_true(name, empty):
    """Masks, boxes, fields, keypoints and aliases speak of the pixels that are there."""
    if empty and name == "sequential":
        pytest.skip("2.0.8 itself cannot flip an array without rows")
    run = pipeline(*CONTAINERS[name](whole_mix(area_range=(0.3, 0.5))), strict=True)
    for _ in range(4):
        out = run(**primary(listed=False, empty=empty))
        assert out["mix"].applied
        assert_true(out)
        assert len(out["masks"]) > 0


def test_two_mixes_in_a_row_are_true():
    """A second mix treats what the first pasted as part of the primary."""
    second = whole_mix([whole_donor(2000)], record_key="second")
    run = pipeline(whole_mix(), second, strict=True)
    for _ in range(4):
        assert_true(run(**primary(listed=False)))


@pytest.mark.parametrize("form", [list, np.array], ids=["list", "array"])
def test_second_mix_keeps_the_labels_that_the_first_brought(form):
    """Into an empty primary two mixes bring strings of their own, and both come back."""
    full = np.array([[0.0, 0, SHAPE[1], SHAPE[0]]])
    pools = [
        [Donor(np.ones((*SHAPE, 3), np.uint8), bboxes=full, fields={"kind": [name]})]
        for name in ("cat", "elephant")
    ]
    settings = {"p": 1.0, "min_visibility": 0.0}
    run = A.Compose(
        [CutMix(pools[0], **settings), CutMix(pools[1], record_key="second", **settings)],
        bbox_params=A.BboxParams("pascal_voc", label_fields=["kind"]),
        seed=1,
    )
    out = run(image=np.zeros((*SHAPE, 3), np.uint8), bboxes=np.zeros((0, 4)), kind=form([]))
    assert [str(kind) for kind in out["kind"]] == ["cat", "elephant"]


def test_objects_of_the_pipelines_own_thresholds():
    """What the host's BboxParams drop, leaves masks, boxes and fields together."""
    params = A.BboxParams("pascal_voc", label_fields=["kind", "crowd"], min_area=30)
    run = pipeline(whole_mix(area_range=(0.2, 0.5)), bbox_params=params, strict=True)
    counts = set()
    for _ in range(10):
        out = run(**primary(listed=False))
        assert_true(out)
        counts.add(len(out["masks"]))
    assert len(counts) > 1


def test_no_object_left():
    """Where nothing is left, later transforms and calls go on."""
    pool = [whole_donor(1000, masks=[], bboxes=[], fields={"kind": [], "crowd": []})]
    run = pipeline(whole_mix(pool, bbox_mode="drop", area_range=(0.9, 0.9)), A.HorizontalFlip(p=1))
    out = run(**primary(listed=False))
    assert len(out["masks"]) == len(out["bboxes"]) == len(out["kind"]) == 0
    assert len(run(**primary(listed=False))["masks"]) == 0


def test_fields_of_objects():
    """Ignored objects stay, mask rows are renumbered, and layers are never dropped."""
    params = A.BboxParams("pascal_voc", label_fields=["kind", "crowd", "row"])
    call = {**primary(listed=False), "row": np.array([2, 0, 1])}
    call["bboxes"], call["kind"] = call["bboxes"][[2, 0, 1]], call["kind"][[2, 0, 1]]
    settings = {"ignore_field": "crowd", "mask_index_field": "row", "min_visibility": 0.9}
    run = pipeline(whole_mix(**settings), bbox_params=params)
    out = run(**call)
    assert_true(out)
    assert [int(row) for row in out["row"]] == list(range(len(out["masks"])))
    assert {int(value) for value in out["crowd"]} == {0, 1}
    assert out["mix"].remnant_px == 0
    layers = pipeline(whole_mix(masks_mode="layers"))(**primary(listed=False))
    assert np.asarray(layers["masks"]).shape[0] == 3


def test_flagged_keypoints():
    """Skeletons stay whole, and points that do not show hold 0."""
    params = A.KeypointParams("xy", label_fields=["at", "v"], remove_invisible=False)
    count = len(primary()["at"])
    one = whole_donor(1000)
    fields = {**one.keypoint_fields, "v": [1] * count}
    mix = whole_mix(
        [whole_donor(1000, keypoint_fields=fields)],
        keypoint_mode="flag",
        keypoint_visibility_field="v",
    )
    call = {**primary(listed=False), "v": np.ones(count, np.int64)}
    out = pipeline(mix, keypoint_params=params)(**call)
    shown = set(out["image"].ravel().tolist())
    assert len(out["at"]) == 2 * count
    assert [int(v) for v in out["v"]] == [int(int(at) in shown) for at in out["at"]]


@pytest.mark.parametrize("p", [0.0, 1.0], ids=["not-fired", "fired"])
def test_alias_boxes(p):
    """Boxes under another name are mixed with the donor's boxes of that name."""
    one = Donor(
        np.ones((*SHAPE, 3), np.uint8),
        bboxes=np.zeros((0, 4)),
        aliases={"ears": np.array([[0.0, 0, SHAPE[1], SHAPE[0]]])},
    )
    run = A.Compose(
        [CutMix([one], p=p, min_visibility=0.0)],
        bbox_params=A.BboxParams("pascal_voc"),
        additional_targets={"ears": "bboxes"},
        seed=1,
    )
    own = np.array([[0.0, 0, SHAPE[1], SHAPE[0]]])
    image = np.zeros((*SHAPE, 3), np.uint8)
    out = run(image=image, bboxes=np.zeros((0, 4)), ears=own)
    expected = [*own, *out["mix"].patches] if p else own
    np.testing.assert_allclose(out["ears"], expected, atol=1e-3)


# Replayed, saved and refused ---------------------------------------------------------------------


@pytest.mark.parametrize("fit", ["cover", "stretch", "crop", "whole"])
@pytest.mark.parametrize("empty", [False, True], ids=["objects", "no-objects"])
def test_replay_is_bit_for_bit(fit, empty):
    """A record read from JSON rebuilds every target, fired or not."""
    pool, call = [whole_donor(1000, BIG), whole_donor(2000)], primary(listed=False, empty=empty)
    run = pipeline(whole_mix(pool, fit=fit, p=0.7), seed=2)
    outs = [run(**call) for _ in range(6)]
    assert {out["mix"].applied for out in outs} == {True, False}
    for out in outs:
        again = replay(MixRecord.from_json(out["mix"].to_json()), call, pool, run)
        assert bits(again) == bits(out)


def test_host_replay_is_bit_for_bit():
    """ReplayCompose rebuilds every target of the same primary."""
    run = pipeline(whole_mix([whole_donor(1000, BIG)]), compose=A.ReplayCompose)
    call = primary(listed=False)
    out = run(**call)
    again = A.ReplayCompose.replay(out.pop("replay"), **call)
    again.pop("replay", None)
    assert out["mix"].applied
    assert bits(again) == bits(out)


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_saved_pipeline_goes_on(form, tmp_path):
    """Loaded and given its pool again, a pipeline mixes as it did; without it says what to do."""
    pool, call = [whole_donor(1000, BIG)], primary(listed=False)
    run = pipeline(MixTargets(classes=3), A.OneOf([whole_mix(pool, fit="stretch")], p=1))
    A.save(run, tmp_path / f"pipeline.{form}", data_format=form)
    again = A.load(tmp_path / f"pipeline.{form}", data_format=form)
    with pytest.raises(EmptyPoolError, match="attach_pool"):
        again(**call)
    attach_pool(again, pool)
    for one in (run, again):
        one.set_random_seed(3)
    first, second = run(**call), again(**call)
    assert bits(first) == bits(second)
    assert run.transforms[1].transforms[0].policy() == again.transforms[1].transforms[0].policy()


def test_applied_params_hold_no_pixels():
    """The host's list of applied transforms names the mix and holds no donor."""
    run = pipeline(whole_mix([whole_donor(1000, (400, 400))]), save_applied_params=True)
    out = run(**primary(listed=False))
    [(name, params)] = out["applied_transforms"]
    assert name.split(".")[-1] == "CutMix"
    assert len(str(params)) < 2000


def test_oriented_boxes_are_refused_by_name(donors):
    """A mix that knows no oriented boxes never passes them through as they are."""
    if "bbox_type" not in inspect.signature(A.BboxParams).parameters:
        pytest.skip("Albumentations 2.0.8 has no oriented boxes")
    with pytest.raises(ValueError, match=r"not support OBB bounding boxes: \['CutMix'\]"):
        A.Compose([CutMix(donors)], bbox_params=A.BboxParams("pascal_voc", bbox_type="obb"))


@pytest.mark.parametrize("p", [0.0, 1.0], ids=["not-fired", "fired"])
def test_a_list_of_masks_is_brought_into_the_order_of_its_boxes(p):
    """Rows named by a field come out beside their boxes, as a list, fired or not."""
    masks = [np.zeros(SHAPE, np.uint8) for _ in range(3)]
    masks[2][1:3, 1:3] = masks[0][5:9, 5:9] = 1
    away = [Donor(np.full((*SHAPE, 3), 9, np.uint8), masks=[], bboxes=np.zeros((0, 4)))]
    mix = CutMix(away, area_range=(0.02, 0.02), min_visibility=0.0, mask_index_field="row", p=p)
    params = A.BboxParams("pascal_voc", label_fields=["row"])
    out = A.Compose([mix], bbox_params=params, seed=3)(
        image=np.zeros((*SHAPE, 3), np.uint8),
        masks=masks,
        bboxes=[[1, 1, 3, 3], [5, 5, 9, 9]],
        row=[2, 0],
    )
    assert isinstance(out["masks"], list)
    assert [int(row) for row in out["row"]] == [0, 1]
    assert [int(mask.sum()) for mask in out["masks"]] == [4, 16]


SCENES = scene_pool(6, size=(120, 160))
BOXED = A.BboxParams("pascal_voc", label_fields=["labels"])


def as_call(index: int) -> dict:
    """A scene as keywords, masks as an array."""
    return SCENES.sample(index) | {"pool_index": index}


def seamed(*steps, **mix) -> A.Compose:
    """A pipeline whose seam map later geometry carries along."""
    return A.Compose(
        [CutMix(SCENES, seam_key="seam", p=1.0, **mix), *steps],
        bbox_params=BOXED,
        additional_targets={"seam": "mask"},
        seed=4,
    )


@pytest.mark.parametrize(
    ("step", "turn"),
    [
        pytest.param(A.HorizontalFlip(p=1.0), np.fliplr, id="flip"),
        pytest.param(A.Crop(10, 20, 150, 110, p=1.0), lambda seam: seam[20:110, 10:150], id="crop"),
    ],
)
def test_later_geometry_carries_the_seam_map(step, turn):
    """The map comes as (H, W) uint8, and turns and is cut with the image."""
    for index in range(4):
        plain, turned = seamed()(**as_call(index))["seam"], seamed(step)(**as_call(index))["seam"]
        assert (plain.shape, plain.dtype) == ((120, 160), np.uint8)
        assert plain.any()
        assert np.array_equal(turn(plain), turned.reshape(turn(plain).shape))


def test_seam_maps_are_there_in_every_call():
    """Fired or not, first from `MixTargets` in front of a container."""
    mix = CutMix(SCENES, seam_key="seam", p=0.5)
    run = A.Compose(
        [MixTargets(SCENES.classes, seam_key="seam"), A.OneOf([mix, A.NoOp()], p=1.0)],
        bbox_params=BOXED,
        seed=1,
    )
    outs = [run(**as_call(number % 6)) for number in range(20)]
    assert {out["mix"].applied for out in outs} == {True, False}
    for out in outs:
        assert out["seam"].shape[:2] == (120, 160)
        assert out["seam"].any() == out["mix"].applied


def test_unsafe_mixes_are_refused_as_asked():
    """Skipped, redrawn or raised; what is applied keeps the limits."""
    limits = SafetyLimits(remnant=None, truncated=None, seam_on_object=None)
    for action in ("skip", "resample"):
        mix = CutMix(SCENES, limits=limits, on_unsafe=action, p=1.0)
        run = A.Compose([mix], bbox_params=BOXED, seed=1)
        records = [run(**as_call(number % 6))["mix"] for number in range(12)]
        assert all(record.flags == 0 for record in records if record.applied)
        assert {record.reason for record in records if not record.applied} <= {"unsafe"}
    mix = CutMix(SCENES, placement="paper", on_unsafe="raise", p=1.0)
    run = A.Compose([mix], bbox_params=BOXED, seed=2)
    with pytest.raises(UnsafeMixError, match="a mix must keep its limits"):
        deque(run(**as_call(0)) for _ in range(20))


@pytest.mark.parametrize("placement", ["avoid", "objects"])
def test_placements_cut_no_object(placement):
    """No primary's box is cut, and with "objects" no seam runs through one."""
    run = A.Compose([CutMix(SCENES, placement=placement, p=1.0)], bbox_params=BOXED, seed=2)
    records = [run(**as_call(number % 6))["mix"] for number in range(24)]
    applied = [record for record in records if record.applied]
    assert len(applied) > 10
    assert all(record.clipped == 0 and record.least_visibility == 1 for record in applied)
    if placement == "objects":
        assert not any(record.seam_object_px for record in applied)


def test_an_audit_repeats_itself():
    """The same figures twice, from a pipeline that holds the mix."""
    run = A.Compose([A.HorizontalFlip(p=0.5), CutMix(SCENES, p=0.7)], bbox_params=BOXED)
    first, second = (audit(run, SCENES, n=40, sweep=False, progress=False) for _ in range(2))
    assert first.summary == second.summary
    assert list(first.rows) == list(second.rows)
    assert 0.4 < first.summary["applied"] < 1
    assert first.summary["objects"] > 0


def test_mapped_donors_replay_on_both_hosts():
    """A donor made by chance is made again from the seed in the record."""
    turn = A.Compose(
        [A.HorizontalFlip(p=0.5), A.RandomBrightnessContrast(p=1)],
        bbox_params=A.BboxParams("coco", label_fields=["labels"]),
    )
    donors = [change(scene, masks=None, mask=None) for scene in SCENES]
    pool = mapped(donors, turn)
    boxes = turn.processors["bboxes"].params
    run = A.Compose([CutMix(pool, classes=SCENES.classes, p=1.0)], bbox_params=boxes, seed=1)
    sample = donors[0].to_mapping("coco")
    outs = [run(**sample) for _ in range(6)]
    assert len({int(out["mix"].seeds[0]) for out in outs}) == 6
    for out in outs:
        record = MixRecord.from_json(out["mix"].to_json())
        again = replay(record, sample, mapped(donors, turn), run)
        np.testing.assert_array_equal(again["image"], out["image"])
        np.testing.assert_array_equal(again["bboxes"], out["bboxes"])


def test_schedule_stops_on_both_hosts():
    """In the last epochs nothing is mixed, and the record says why."""
    schedule = MixSchedule(3, stop_last=1)
    run = A.Compose([CutMix(list(SCENES), schedule=schedule, p=1.0)], seed=1)
    image = SCENES[0].image
    assert run(image=image)["mix"].applied
    schedule.set_epoch(2)
    assert run(image=image)["mix"].reason == "schedule"


def test_pool_as_plain_data_is_saved_on_both_hosts(tmp_path):
    """A pipeline brings its pool along."""
    pack(SCENES, tmp_path / "scenes.pack", progress=False)
    spec = {"format": "packed", "path": str(tmp_path / "scenes.pack")}
    run = A.Compose([CutMix(spec, classes=SCENES.classes, p=1.0)])
    (again,) = A.from_dict(A.to_dict(run)).transforms
    assert again.fingerprint == run.transforms[0].fingerprint
    assert len(again.pool) == len(SCENES)
