"""Bugs that public code for several patches, Cutout and MixUp has had: one test each."""

from __future__ import annotations

import random
from fractions import Fraction

import albumentations as A
import numpy as np
import pytest

from albu_cutmix import CutMix, Cutout, Donor, MixUp

SHAPE = (17, 11)
PIXELS = SHAPE[0] * SHAPE[1]
KINDS = ("cutmix", "cutout", "mixup")


def solid(value, shape=SHAPE, dtype="uint8"):
    """An image of one value, three channels."""
    return np.full((*shape, 3), value, dtype)


def pool_of(count, first=1, shape=SHAPE):
    """Donors of one value and one class each: 10 and class 1, 20 and class 2, and so on."""
    return [Donor(solid(10 * k, shape), label=k) for k in range(first, first + count)]


def family(kind, pool, **rest):
    """A mix of a kind that always fires; Cutout takes no pool and fills with 255."""
    rest = {"p": 1.0, **rest}
    if kind == "cutout":
        return Cutout(fill=255, **rest)
    return {"cutmix": CutMix, "mixup": MixUp}[kind](pool, **rest)


def share(image, value):
    """The exact share of an image's pixels that have a value."""
    return Fraction(int((image[..., 0] == value).sum()), image.shape[0] * image.shape[1])


def lerped(record, labels, classes):
    """The label of the peers: each patch laps over what came before as if none overlapped."""
    label = np.eye(classes)[labels[0]]
    for patch, own in zip(record.patches.tolist(), labels[1:], strict=True):
        part = (patch[2] - patch[0]) * (patch[3] - patch[1]) / PIXELS
        label = (1 - part) * label + part * np.eye(classes)[own]
    return label


# --- labels ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("patches", [2, 3])
def test_known_bug_l07_patches_that_overlap_are_counted_once(patches):
    """The mass of each class is its share of the pixels; chained lerps miss it by over 0.05."""
    rest = {"area_range": (0.3, 0.6), "classes": 4}
    mix = CutMix(pool_of(3), num_patches=patches, p=1.0, **rest)
    pipeline, gaps = A.Compose([mix], seed=0), []
    for _ in range(60):
        out = pipeline(image=solid(0), label=0)
        for label, mass in enumerate(out["label"].tolist()):
            assert abs(mass - float(share(out["image"], 10 * label))) <= 2.0**-24
        order = [0] + [index + 1 for index in out["mix"].donors.tolist()]
        gaps.append(np.abs(lerped(out["mix"], order, 4) - out["label"]).max())
    assert max(gaps) > 0.05
    assert np.mean(gaps) > 0.02


@pytest.mark.parametrize("patches", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_known_bug_l09_one_class_on_all_sides(kind, patches):
    """Contributors of one class give that class 1 exactly: masses add, none is overwritten."""
    more = {} if kind == "mixup" else {"num_patches": patches}
    pool = [Donor(solid(9), label=2) for _ in range(3)]
    pipeline = A.Compose([family(kind, pool, classes=3, **more)], seed=0)
    for _ in range(30):
        assert pipeline(image=solid(0), label=2)["label"].tolist() == [0.0, 0.0, 1.0]


def test_known_bug_l09_pair_of_one_class_under_blend():
    """FFCV's one-hot of a pair of one class summed to lam; here it sums to 1 for every blend."""
    mix = MixUp([Donor(solid(9), label=np.float32([0, 1]))], classes=2, alpha=0.4, p=1.0)
    pipeline = A.Compose([mix], seed=0)
    blends = set()
    for _ in range(20):
        out = pipeline(image=solid(0), label=np.float32([0, 1]))
        blends.add(out["mix"].blend)
        assert out["label"].tolist() == [0.0, 1.0]
    assert len(blends) > 10


@pytest.mark.parametrize("placement", ["inside", "paper", "avoid", "objects"])
@pytest.mark.parametrize("fit", ["cover", "stretch", "crop"])
@pytest.mark.parametrize("patches", [1, 3])
def test_known_bug_l16_lam_is_counted_cutmix(placement, fit, patches):
    """For every placement and fit lam is the share of pixels that no donor gave."""
    blob = np.zeros((13, 19), np.uint8)
    blob[5:8, 7:10] = 1
    pool = [Donor(solid(200, (13, 19)), blob) for _ in range(3)]
    mix = CutMix(pool, placement=placement, fit=fit, num_patches=patches, p=1.0)
    mask = np.zeros(SHAPE, np.uint8)
    mask[2:4, 2:4] = 1
    pipeline, applied = A.Compose([mix], seed=1), 0
    for _ in range(30):
        out = pipeline(image=solid(7), mask=mask)
        assert out["mix"].lam == np.float32(float(share(out["image"], 7)))
        assert sum(out["mix"].owned_px.tolist()) == (out["image"][..., 0] == 200).sum()
        applied += out["mix"].applied
    assert applied > 10


@pytest.mark.parametrize("placement", ["inside", "paper", "avoid"])
@pytest.mark.parametrize("patches", [1, 3])
def test_known_bug_l16_lam_is_counted_cutout(placement, patches):
    """Holes that overlap or are clipped count once: lam is the share of pixels not filled."""
    mix = Cutout(placement=placement, num_patches=patches, fill=255, p=1.0)
    pipeline = A.Compose([mix], seed=1)
    for _ in range(30):
        out = pipeline(image=solid(7), mask=np.zeros(SHAPE, np.uint8))
        assert out["mix"].lam == np.float32(float(share(out["image"], 7)))
        assert out["mix"].lam == np.float32(1 - out["mix"].owned_px.sum() / PIXELS)


def test_known_bug_l16_lam_is_the_blend():
    """MixUp's lam is the weight that the pixels were given, exactly; never another draw."""
    mix = MixUp([Donor(solid(0, dtype="float32"), label=1)], alpha=1.0, classes=2, p=1.0)
    pipeline, seen = A.Compose([mix], seed=0), []
    for _ in range(30):
        out = pipeline(image=solid(1, dtype="float32"), label=0)
        record = out["mix"]
        assert (out["image"] == np.float32(record.blend)).all()
        assert float(record.lam) == record.blend == float(out["label"][0])
        assert float(out["label"][1]) == 1 - record.blend
        seen.append(record.blend)
    assert min(seen) < 0.3 < 0.7 < max(seen)


def test_known_bug_l02_blend_weighs_the_primary():
    """Kornia's lam weighs the second image in one class and the first in another; ours the first.

    The primary is bright and the donor dark: brightness, lam and the primary's mass agree.
    """
    mix = MixUp([Donor(solid(0), label=1)], alpha=0.3, classes=2, p=1.0)
    pipeline, far = A.Compose([mix], seed=2), 0
    for _ in range(30):
        out = pipeline(image=solid(200), label=0)
        blend = Fraction(out["mix"].blend)
        assert (out["image"] == round(blend * 200)).all()
        assert out["label"].tolist() == [float(blend), float(1 - blend)]
        far += abs(blend - Fraction(1, 2)) > Fraction(1, 5)
    assert far > 10


@pytest.mark.parametrize("kind", KINDS)
def test_known_bug_r05_every_call_draws_anew(kind):
    """FFCV reseeded by index, so lam came back each epoch; here three epochs differ."""
    pipeline = A.Compose([family(kind, pool_of(3), classes=4)], seed=0)
    epochs = [
        [float(pipeline(image=solid(0), label=0)["mix"].lam) for _ in range(12)] for _ in range(3)
    ]
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]


@pytest.mark.parametrize("kind", KINDS)
def test_known_bug_r06_only_the_pipeline_seeds(kind):
    """Global generators, seeded otherwise before each run, change nothing."""
    outs = []
    for other in (1, 2):
        np.random.seed(other)  # noqa: NPY002 - the global generator is what must not matter
        random.seed(other)
        pipeline = A.Compose([family(kind, pool_of(3), classes=4)], seed=5)
        outs.append([pipeline(image=solid(0), label=0)["mix"].to_json() for _ in range(5)])
    assert outs[0] == outs[1]


# --- boxes and points -----------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [(0, 0), (0, 3), (2, 0), (4, 2)])
def test_known_bug_b12_boxes_and_labels_stay_rows(rows):
    """Keras' MixUp joined boxes and labels on different axes; here each box has its own label."""
    mine, theirs = (
        [(k, 2 * s, k + 5, 2 * s + 9) for k in range(count)] for s, count in enumerate(rows)
    )
    names = [f"p{k}" for k in range(rows[0])], [f"d{k}" for k in range(rows[1])]
    donor = Donor(
        solid(9), bboxes=np.array(theirs, float).reshape(-1, 4), fields={"name": names[1]}
    )
    params = A.BboxParams("pascal_voc", label_fields=["name"])
    pipeline = A.Compose([MixUp([donor], p=1.0)], bbox_params=params, seed=0)
    out = pipeline(image=solid(0), bboxes=mine, name=names[0])
    assert out["name"] == names[0] + names[1]
    assert np.allclose(np.reshape(out["bboxes"], (-1, 4)), np.reshape(mine + theirs, (-1, 4)))


@pytest.mark.parametrize("fit", ["cover", "crop"])
def test_known_bug_b01_donor_boxes_end_at_the_image(fit):
    """PaddleDetection and YOLOX carry boxes over the edge, or whole; here they end at the image.

    What the fit cuts off is invisible: such a box is clipped, or gone, and its weight says how
    much of it is left.
    """
    boxes = np.array([[0, 0, 40, 20], [0, 0, 6, 20], [16, 5, 24, 15]], float)
    fields = {"name": ["all", "edge", "middle"], "score": [1.0, 1.0, 1.0]}
    donor = Donor(solid(9, (20, 40)), bboxes=boxes, fields=fields)
    params = A.BboxParams("pascal_voc", label_fields=["name", "score"])
    mix = MixUp([donor], fit=fit, visibility_field="score", p=1.0)
    pipeline = A.Compose([mix], bbox_params=params, seed=0)
    for _ in range(10):
        out = pipeline(image=solid(0), bboxes=[], name=[], score=[])
        left = 1 - out["mix"].blend
        assert out["mix"].applied
        for row, name, score in zip(out["bboxes"], out["name"], out["score"], strict=True):
            assert row[0] >= 0
            assert row[1] >= 0
            assert row[2] <= SHAPE[1] + 1e-4
            assert row[3] <= SHAPE[0] + 1e-4
            assert score <= left + 1e-6
            if name == "all":
                assert score < 0.5 * left
        if fit == "cover":
            assert list(out["name"]) == ["all", "middle"]


def test_known_bug_b01_hidden_by_two_patches_together():
    """No patch alone hides half of the box, all of them more than six tenths: the box goes."""
    params = A.BboxParams("pascal_voc", label_fields=["name"])
    donor = Donor(solid(9), bboxes=np.zeros((0, 4)), fields={"name": []})
    rest = {"area_range": (0.15, 0.35), "min_visibility": 0.4}
    mix = CutMix([donor], num_patches=4, p=1.0, **rest)
    pipeline, gone = A.Compose([mix], bbox_params=params, seed=0), 0
    for _ in range(60):
        out = pipeline(image=solid(0), bboxes=[(1, 2, 10, 15)], name=["one"])
        seen = int((out["image"][2:15, 1:10, 0] == 0).sum())
        assert len(out["bboxes"]) == (seen >= 0.4 * 117)
        alone = [
            max(min(x2, 10) - max(x1, 1), 0) * max(min(y2, 15) - max(y1, 2), 0)
            for x1, y1, x2, y2 in out["mix"].patches.tolist()
        ]
        gone += seen < 0.4 * 117 and max(alone) < 0.5 * 117
    assert gone > 3


@pytest.mark.parametrize("own", [[], ["dog"]], ids=["empty-primary", "primary-with-a-box"])
def test_known_bug_b06_words_of_each_donor_stay_their_own(own):
    """Words that no one else has come from three donors: each box keeps its own, none is lost."""
    words = ("ant", "bee", "cow")
    pool = [
        Donor(solid(10 * k), bboxes=np.array([[0.0, 0, 11, 17]]), fields={"name": [word]})
        for k, word in enumerate(words, 1)
    ]
    mix = CutMix(pool, num_patches=3, area_range=(0.05, 0.2), min_visibility=0.0, p=1.0)
    params = A.BboxParams("pascal_voc", label_fields=["name"])
    pipeline, counts = A.Compose([mix], bbox_params=params, seed=0), set()
    for _ in range(20):
        out = pipeline(image=solid(0), bboxes=[(0, 0, 11, 17)] * len(own), name=own)
        order = [words[k] for k in out["mix"].donors.tolist()]
        assert [name for name in [*own, *order] if name in out["name"]] == list(out["name"])
        for box, name in zip(out["bboxes"], out["name"], strict=True):
            x_min, y_min, x_max, y_max = (round(float(v)) for v in box)
            value = 0 if name == "dog" else 10 * (words.index(name) + 1)
            assert (out["image"][y_min:y_max, x_min:x_max, 0] == value).any()
        counts.add(len(out["name"]))
    assert max(counts) > 2


@pytest.mark.parametrize("count", [0, 1])
def test_known_bug_b10_empty_masks_of_one_donor_have_no_dtype(count):
    """Donors without an object beside one with a mask of bool: the empty ones ask for nothing."""
    blob = np.ones((1, *SHAPE), bool)
    pool = [Donor(solid(9), masks=[]), Donor(solid(8), masks=blob), Donor(solid(7), masks=[])]
    pipeline = A.Compose([CutMix(pool, num_patches=3, p=1.0)], seed=0)
    for _ in range(10):
        masks = pipeline(image=solid(0), masks=list(blob[:count]))["masks"]
        assert all(row.dtype == bool for row in masks)


def test_known_bug_b08_blended_boxes_keep_their_fractions():
    """All boxes of the primary come back as they were, quarters of a pixel and all."""
    donor = Donor(solid(9), bboxes=np.array([[0.25, 1.5, 7.75, 9.125]]), fields={"name": ["d"]})
    params = A.BboxParams("pascal_voc", label_fields=["name"])
    pipeline = A.Compose([MixUp([donor], p=1.0)], bbox_params=params, seed=0)
    out = pipeline(image=solid(0), bboxes=[(1.25, 2.5, 6.75, 8.0)], name=["p"])
    assert np.allclose(out["bboxes"], [(1.25, 2.5, 6.75, 8.0), (0.25, 1.5, 7.75, 9.125)], atol=1e-4)


def test_known_bug_b16_points_under_any_patch_are_flagged():
    """A skeleton keeps its rows; each point under one of three patches is told by the field."""
    points = [(x + 0.5, y + 0.5) for y in range(SHAPE[0]) for x in range(SHAPE[1])]
    donor = Donor(solid(9), keypoints=np.zeros((0, 2)), keypoint_fields={"v": []})
    mix = CutMix(
        [donor], num_patches=3, area_range=(0.1, 0.3), keypoint_mode="flag",
        keypoint_visibility_field="v", p=1.0,
    )  # fmt: skip
    params = A.KeypointParams("xy", label_fields=["v"], remove_invisible=False)
    out = A.Compose([mix], keypoint_params=params, seed=0)(
        image=solid(0), keypoints=points, v=[2] * len(points)
    )
    assert len(out["keypoints"]) == len(points)
    assert np.reshape(out["v"], SHAPE).tolist() == (2 * (out["image"][..., 0] == 0)).tolist()


def test_known_bug_albumentations_14_mixup_took_equal_shapes_and_no_rows():
    """MixUp of Albumentations 1.4 refused other sizes, boxes and keypoints; ours takes them all."""
    donor = Donor(
        solid(90, (30, 40)),
        np.full((30, 40), 5, np.int32),
        bboxes=np.array([[15.0, 5.0, 25.0, 25.0]]),
        fields={"name": ["d"]},
        keypoints=np.array([[20.0, 15.0]]),
        keypoint_fields={"joint": ["nose"]},
        label=1,
    )
    pipeline = A.Compose(
        [MixUp([donor], classes=2, p=1.0)],
        bbox_params=A.BboxParams("pascal_voc", label_fields=["name"]),
        keypoint_params=A.KeypointParams("xy", label_fields=["joint"]),
        seed=0,
    )
    out = pipeline(
        image=solid(10), mask=np.full(SHAPE, 3, np.int32), label=0,
        bboxes=[(1, 1, 5, 5)], name=["p"], keypoints=[(2, 2)], joint=["tail"],
    )  # fmt: skip
    assert out["image"].shape == (*SHAPE, 3)
    assert (out["name"], out["joint"]) == (["p", "d"], ["tail", "nose"])
    assert set(np.unique(out["mask"])) <= {3, 5}, "the mask is never lerped"
    # 30 x 40 covers 17 x 11 at 17/30: the point in the middle stays in the middle.
    assert np.allclose(out["keypoints"], [(2, 2), (5.5, 8.5)], atol=0.5)


# --- masks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["heavier", "ignore"])
@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        pytest.param("uint8", (0, 3), id="uint8"),
        pytest.param("int64", (2**33 + 7, 2**33 + 8), id="int64-beyond-float32"),
        pytest.param("int32", (2**24 + 1, 5), id="int32-beyond-float32"),
    ],
)
def test_known_bug_m01_masks_are_never_blended(mode, dtype, values):
    """Keras' and Albumentations' MixUp gave fractional classes; ours gives only given values."""
    mine, theirs = (np.random.default_rng(k).choice(values, SHAPE).astype(dtype) for k in (0, 1))
    more = {"mask_mode": "ignore", "ignore_index": 99} if mode == "ignore" else {}
    pipeline = A.Compose([MixUp([Donor(solid(9), theirs)], alpha=1.0, p=1.0, **more)], seed=0)
    for _ in range(10):
        out = pipeline(image=solid(0), mask=mine)
        got = out["mask"]
        assert (got.dtype, got.shape) == (np.dtype(dtype), SHAPE)
        if mode == "ignore":
            assert np.array_equal(got, np.where(mine == theirs, mine, 99))
        else:
            assert np.array_equal(got, mine if out["mix"].blend >= 0.5 else theirs)


@pytest.mark.parametrize("kind", KINDS)
def test_known_bug_m02_masks_keep_their_shape(kind):
    """Keras' `take` without an axis made (4, 8, 8, 1) into (4, 8, 8, 4); here a shape stays."""
    plane = np.zeros((*SHAPE, 1), np.int64)
    pipeline = A.Compose([family(kind, [Donor(solid(9), plane + 4)])], seed=0)
    out = pipeline(image=solid(0), mask=plane)
    assert (out["mask"].shape, out["mask"].dtype) == (plane.shape, np.int64)


def test_known_bug_m03_image_and_mask_take_the_same_patches():
    """A picture of ids given as image and as mask comes back equal, with three donors too."""
    ids = [np.random.default_rng(k).integers(0, 255, SHAPE, np.uint8) for k in range(4)]
    pool = [Donor(np.stack([one] * 3, -1), one) for one in ids[1:]]
    mix = CutMix(pool, num_patches=3, area_range=(0.1, 0.5), p=1.0)
    pipeline = A.Compose([mix], seed=0)
    for _ in range(20):
        out = pipeline(image=np.stack([ids[0]] * 3, -1), mask=ids[0])
        assert np.array_equal(out["image"][..., 0], out["mask"])


# --- holes, draws and state -----------------------------------------------------------------------


@pytest.mark.parametrize("placement", ["inside", "paper"])
def test_known_bug_g04_holes_reach_every_pixel(placement):
    """The last row and column are cut as the first are; a hole spans all channels."""
    pipeline = A.Compose([family("cutout", None, placement=placement)], seed=0)
    covered = np.zeros((*SHAPE, 3), int)
    for _ in range(1500):
        covered += pipeline(image=solid(0))["image"] == 255
    assert (covered > 0).all()
    assert (covered == covered[..., :1]).all()
    flipped = covered[::-1, ::-1, 0]
    spread = np.sqrt(covered[..., 0] + flipped)
    assert (np.abs(covered[..., 0] - flipped) < 5 * spread).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_known_bug_s01_nothing_is_written_to(kind, dtype):
    """Read-only inputs and donors do; not a byte of them changes."""

    def arrays(k, shape):
        rng = np.random.default_rng(k)
        made = {
            "image": (rng.random((*shape, 3)) * 200).astype(dtype),
            "mask": rng.integers(0, 4, shape),
            "masks": rng.integers(0, 2, (2, *shape), np.uint8),
            "bboxes": np.array([[0, 0, 6, 6], [2, 3, 9, 9.5]], np.float64),
            "keypoints": np.array([[1.0, 2.0], [7.0, 7.0]]),
            "label": np.float32([0.25, 0.75]),
        }
        for array in made.values():
            array.setflags(write=False)
        return made

    inputs, donor = arrays(0, SHAPE), arrays(1, (14, 22))
    before = [{key: array.tobytes() for key, array in part.items()} for part in (inputs, donor)]
    pipeline = A.Compose(
        [family(kind, [Donor(**donor)])],
        bbox_params=A.BboxParams("pascal_voc"),
        keypoint_params=A.KeypointParams("xy"),
        seed=0,
    )
    for _ in range(5):
        out = pipeline(**inputs)
        assert out["mix"].applied
        assert not np.shares_memory(out["image"], inputs["image"])
    after = [{key: array.tobytes() for key, array in part.items()} for part in (inputs, donor)]
    assert before == after


@pytest.mark.parametrize("patches", [1, 2, 5])
@pytest.mark.parametrize("kind", ["cutmix", "mixup"])
def test_known_bug_r03_never_itself(kind, patches):
    """The primary's own index is never drawn, also where donors must repeat; alone: no donor."""
    more = {"num_patches": patches} if kind == "cutmix" else {}
    pipeline = A.Compose([family(kind, pool_of(3, 0), **more)], seed=0)
    for own in [0, 1, 2] * 15:
        record = pipeline(image=solid(0), pool_index=own)["mix"]
        drawn = [index for index in record.donors.tolist() if index >= 0]
        assert drawn
        assert own not in drawn
        assert len(set(drawn)) == min(2, len(drawn))
    alone = A.Compose([family(kind, pool_of(1), **more)], seed=0)(image=solid(0), pool_index=0)
    assert (alone["mix"].applied, alone["mix"].reason) == (False, "no_donor")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
def test_known_bug_r01_p_is_applied_once(kind, p):
    """The rate of mixes is p, not p squared."""
    pipeline = A.Compose([family(kind, pool_of(2), p=p)], seed=0)
    rate = np.mean([pipeline(image=solid(0))["mix"].applied for _ in range(400)])
    assert abs(rate - p) <= 4 * np.sqrt(p * (1 - p) / 400)
