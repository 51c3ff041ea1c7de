"""One test per bug that public CutMix code has shipped; the names carry the ids of the survey.

Letters: L labels, G geometry, B boxes, M masks, R randomness, S state and integration. Images are
17 x 11, 11 x 17 or 8 pixels, so that height and width cannot be exchanged unnoticed.

Bugs without a test here belong to capabilities that are not there yet: several patches (L07);
batches (G09, S03, S05, S06); schedules (R07); padding and seams (M05); Ultralytics (S11). Workers
(R04) are in `test_workers.py`, oriented boxes (B15; refused by name) in `test_both_hosts.py`.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import sqrt

import albumentations as A
import numpy as np
import pytest
from torch.utils.data import default_collate

from albu_cutmix import CutMix, Donor, InvalidSampleError, MixRecord
from albu_cutmix.patches import PatchRule
from albu_cutmix.plan import Donors, make_plan

WIDE, TALL, TINY = (11, 17), (17, 11), (8, 8)
SHAPES = [
    pytest.param(WIDE, id="wide"),
    pytest.param(TALL, id="tall"),
    pytest.param(TINY, id="tiny"),
]
PLACEMENTS = ["inside", "paper"]
FITS = ["cover", "stretch", "crop", "whole"]


def zeros(shape: tuple[int, ...], dtype: str = "uint8") -> np.ndarray:
    """A primary: every pixel 0, read-only."""
    out = np.zeros(shape, dtype)
    out.setflags(write=False)
    return out


def ones(shape: tuple[int, ...], **parts: object) -> Donor:
    """A donor: every pixel 1, read-only, so that the mean of the output is the donor's share."""
    image = np.ones(shape, np.uint8)
    image.setflags(write=False)
    return Donor(image, **parts)


def pipeline(
    donors: list | None, *, seed: int = 1, fields: tuple[str, ...] | None = None, **settings: object
) -> A.Compose:
    """CutMix alone, always on; with boxes where label fields are given."""
    params = None
    if fields is not None:
        params = A.BboxParams(format="pascal_voc", label_fields=list(fields))
    return A.Compose([CutMix(donors, **{"p": 1.0, **settings})], seed=seed, bbox_params=params)


def patch_of(out: dict, key: str = "mix") -> tuple[int, int, int, int]:
    """The patch of a result as x_min, y_min, x_max, y_max."""
    return tuple(out[key].patches[0].tolist())


def foreseen_patch(shape: tuple[int, int], seed: int = 1, **settings: object) -> tuple[int, ...]:
    """The patch that this seed draws: boxes can then be built around it."""
    return patch_of(pipeline([ones(shape)], seed=seed, **settings)(image=zeros(shape)))


def seed_where(fits: Callable[..., bool], shape: tuple[int, int], **settings: object) -> int:
    """The first seed whose patch lies as a test needs it, on either host."""
    return next(seed for seed in range(100) if fits(*foreseen_patch(shape, seed=seed, **settings)))


def ids_image(shape: tuple[int, int], start: int) -> np.ndarray:
    """Every pixel another value."""
    return np.arange(start, start + shape[0] * shape[1], dtype=np.uint16).reshape(shape)


class Script:
    """A generator that returns given numbers: the draw is known, the rest must follow."""

    def __init__(self, beta: float, numbers: list[float]) -> None:
        self._beta, self._numbers = beta, np.array(numbers)

    def integers(self, high: int) -> int:
        """Choose the first donor."""
        return 0

    def beta(self, a: float, b: float) -> float:
        """Return the number of the size."""
        return self._beta

    def random(self, count: int) -> np.ndarray:
        """Return the numbers of ratio and place."""
        assert count == len(self._numbers)
        return self._numbers


# Labels ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize("shape", SHAPES)
def test_known_bug_l01_nominal_lam(shape, placement):
    """The lam of 60 draws, rounded and clipped, agrees with the pixels exactly."""
    run = pipeline([ones(shape)], placement=placement)
    outs = [run(image=zeros(shape)) for _ in range(60)]
    pixels = shape[0] * shape[1]
    kept = [np.float32((pixels - int(out["image"].sum())) / pixels) for out in outs]
    assert [out["mix"].lam for out in outs] == kept


@pytest.mark.parametrize("shape", SHAPES)
def test_known_bug_l02_lam_of_the_other_side(shape):
    """The primary's share is lam: a patch of a tenth leaves about nine tenths."""
    run = pipeline([ones(shape, label=1)], classes=2, area_range=(0.1, 0.1))
    out = run(image=zeros(shape), label=0)
    primary = np.count_nonzero(out["image"] == 0) / (shape[0] * shape[1])
    assert 0.8 < primary < 1.0
    assert out["mix"].lam == np.float32(primary)
    assert out["label"].tolist() == [np.float32(primary), np.float32(1 - primary)]


@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize("shape", SHAPES)
def test_known_bug_l03_fractional_edges(shape, placement):
    """Patches have whole edges, and owned_px counts exactly their pixels."""
    run = pipeline([ones(shape)], placement=placement)
    outs = [run(image=zeros(shape)) for _ in range(60)]
    counts = [int(out["image"].sum()) for out in outs]
    assert [int(out["mix"].owned_px[0]) for out in outs] == counts
    sides = [patch_of(out) for out in outs if out["mix"].applied]
    assert [(x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in sides] == [n for n in counts if n]


@pytest.mark.parametrize("shape", SHAPES)
def test_known_bug_l04_integer_division(shape):
    """Over 100 draws lam takes many values, each strictly between 0 and 1."""
    run = pipeline([ones(shape)])
    lams = np.array([run(image=zeros(shape))["mix"].lam for _ in range(100)])
    assert len(np.unique(lams)) > 8
    assert lams.min() > 0.0
    assert lams.max() < 1.0


@pytest.mark.parametrize("channels", [(), (1,), (3,), (5,)], ids=["2d", "one", "three", "five"])
def test_known_bug_l05_channels_counted_as_pixels(channels):
    """Copies of one image with more channels give the same lam and the same patch."""
    plain = pipeline([ones(WIDE)])(image=zeros(WIDE))["mix"]
    deep = pipeline([ones((*WIDE, *channels))])(image=zeros((*WIDE, *channels)))["mix"]
    assert deep.lam == plain.lam == np.float32(1 - plain.owned_px[0] / 187)
    assert deep.to_json() == plain.to_json()


@pytest.mark.parametrize("shape", SHAPES)
def test_known_bug_l08_label_of_the_donor_alone(shape):
    """A patch of one pixel gives the donor's class the weight of one pixel."""
    share = 1 / (shape[0] * shape[1])
    run = pipeline([ones(shape, label=2)], classes=3, area_range=(share, share), ratio_range=(1, 1))
    out = run(image=zeros(shape), label=0)
    assert int(out["image"].sum()) == 1
    assert out["label"].tolist() == [np.float32(1 - share), 0.0, np.float32(share)]


@pytest.mark.parametrize("label", [1, [0.0, 1.0, 0.0]], ids=["index", "vector"])
def test_known_bug_l09_same_class_overwritten(label):
    """Primary and donor of one class give that class exactly 1.0, in every draw."""
    run = pipeline([ones(WIDE, label=label)], classes=3)
    labels = [run(image=zeros(WIDE), label=label)["label"].tolist() for _ in range(60)]
    assert labels == [[0.0, 1.0, 0.0]] * 60


def test_known_bug_l10_labels_or_ed():
    """A patch of a quarter per cent adds its class with that weight, not with 1."""
    shape = (20, 40)
    run = pipeline([ones(shape, label=1)], classes=2, area_range=(0.0025, 0.0025))
    label = run(image=zeros(shape), label=0)["label"]
    assert label.tolist() == [np.float32(0.9975), np.float32(0.0025)]


@pytest.mark.parametrize("mode", ["soft", "pair"])
def test_known_bug_l11_ids_times_area(mode):
    """No class appears that neither primary nor donor has."""
    run = pipeline([ones(WIDE, label=9)], classes=12, label_mode=mode)
    outs = [run(image=zeros(WIDE), label=5) for _ in range(40)]
    if mode == "soft":
        found = {tuple(np.flatnonzero(out["label"]).tolist()) for out in outs}
    else:
        found = {(out["label"], out["label_donor"]) for out in outs}
    assert found == {(5, 9)}


@pytest.mark.parametrize(("primary", "donor"), [(2049, 4097), (4097, 2049)])
def test_known_bug_l12_half_precision_ids(primary, donor):
    """Ids that float16 rounds survive, as class label and as label field of a box."""
    settings = {"fields": ("ids",), "classes": 5000, "min_visibility": 0.0}
    box = np.array([[0.0, 0.0, 17.0, 11.0]])
    run = pipeline([ones(WIDE, label=donor, bboxes=box, fields={"ids": [donor]})], **settings)
    out = run(image=zeros(WIDE), label=primary, bboxes=box, ids=np.array([primary]))
    assert set(np.flatnonzero(out["label"]).tolist()) == {primary, donor}
    assert out["ids"].tolist() == [primary, donor]


@pytest.mark.parametrize(
    ("label", "vector"),
    [
        pytest.param(1, [0, 1, 0], id="int"),
        pytest.param(np.int64(1), [0, 1, 0], id="numpy-int"),
        pytest.param(np.array(1), [0, 1, 0], id="array-without-axes"),
        pytest.param("bee", [0, 1, 0], id="name"),
        pytest.param(np.array([0, 1, 0]), [0, 1, 0], id="one-hot"),
        pytest.param([0.25, 0.5, 0.25], [0.25, 0.5, 0.25], id="soft"),
        pytest.param([1, 1, 0], [1, 1, 0], id="multi-hot"),
    ],
)
def test_known_bug_l13_label_kinds_accepted(label, vector):
    """Every kind of label is mixed by the same weights, into a float32 vector."""
    donor = ones(WIDE, label=[0.0, 0.0, 1.0])
    out = pipeline([donor], classes=["ant", "bee", "cow"])(image=zeros(WIDE), label=label)
    share = int(out["image"].sum()) / 187
    expected = (1 - share) * np.array(vector) + share * np.array([0, 0, 1.0])
    assert out["label"].dtype == np.float32
    np.testing.assert_array_equal(out["label"], expected.astype(np.float32))


def test_known_bug_l13_one_class():
    """A vector of one value, as binary tasks use it, is mixed like any other."""
    out = pipeline([ones(WIDE, label=[1.0])])(image=zeros(WIDE), label=[0.0])
    assert out["label"].tolist() == [np.float32(out["mix"].owned_px[0] / 187)]


def test_known_bug_l13_one_column_named():
    """A one-column label in a task of three classes is refused by its length."""
    run = pipeline([ones(WIDE, label=0)], classes=3)
    with pytest.raises(InvalidSampleError, match="one value per class, 3, got 1 in the primary"):
        run(image=zeros(WIDE), label=[1])


@pytest.mark.parametrize("donor_shape", [WIDE, (23, 31), (7, 5)], ids=["equal", "larger", "less"])
@pytest.mark.parametrize(
    ("fit", "placement"), [*((fit, "inside") for fit in FITS), ("cover", "paper")]
)
def test_known_bug_l16_drawn_lam_returned(fit, placement, donor_shape):
    """Whatever the fit and the placement, lam is 1 - donor pixels / pixels."""
    run = pipeline([ones(donor_shape)], fit=fit, placement=placement)
    outs = [run(image=zeros(WIDE)) for _ in range(40)]
    expected = [np.float32((187 - int(out["image"].sum())) / 187) for out in outs]
    assert [out["mix"].lam for out in outs] == expected
    assert min(expected) < 1.0


# Geometry ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [WIDE, TALL], ids=["wide", "tall"])
@pytest.mark.parametrize("lam", [0.1, 0.36, 0.5, 0.8])
@pytest.mark.parametrize(("u", "v"), [(0.0, 0.99), (0.5, 0.5), (0.8, 0.2), (0.3, 0.6)])
def test_known_bug_g01_height_and_width_exchanged_in_the_draw(shape, lam, u, v):
    """The paper's patch follows from lam and centre: x and width from W, y and height from H."""
    height, width = shape
    plan = make_plan(
        Script(lam, [0.0, u, v, 0.0, 0.0]),
        shape,
        Donors(1, lambda index, seed: ones(shape)),
        PatchRule(placement="paper"),
    )
    cut_w, cut_h = int(width * sqrt(1 - lam)), int(height * sqrt(1 - lam))
    cx, cy = int(u * width), int(v * height)
    expected = (
        max(cx - cut_w // 2, 0),
        max(cy - cut_h // 2, 0),
        min(cx + cut_w // 2, width),
        min(cy + cut_h // 2, height),
    )
    assert [tuple(paste.patch) for paste in plan.pastes] == [expected]
    owned = (expected[2] - expected[0]) * (expected[3] - expected[1])
    assert plan.weights == ((height * width - owned) / (height * width), owned / (height * width))


@pytest.mark.parametrize("shape", [WIDE, TALL], ids=["wide", "tall"])
@pytest.mark.parametrize(("w", "h"), [(0.6, 0.3), (0.3, 0.6)], ids=["flat", "upright"])
def test_known_bug_g02_xy_and_yx(shape, w, h):
    """A patch of 0.6 W x 0.3 H has those sides, and its pixels lie at its x and y."""
    share, ratio = w * h, w / h
    settings = {"area_range": (share, share), "ratio_range": (ratio, ratio)}
    out = pipeline([Donor(ids_image(shape, 1000))], **settings)(image=ids_image(shape, 0))
    x0, y0, x1, y1 = patch_of(out)
    assert (x1 - x0, y1 - y0) == (int(w * shape[1] + 0.5), int(h * shape[0] + 0.5))
    expected = ids_image(shape, 0)
    expected[y0:y1, x0:x1] = ids_image(shape, 1000)[y0:y1, x0:x1]
    np.testing.assert_array_equal(out["image"], expected)


@pytest.mark.parametrize("shape", [(17, 11, 3), (3, 17, 3), (17, 3, 4)])
def test_known_bug_g03_axes_of_the_channels(shape):
    """Donor pixels fill every channel of the patch and stay out of every channel elsewhere."""
    run = pipeline([ones(shape)], area_range=(0.3, 0.3))
    out = run(image=zeros(shape))
    x0, y0, x1, y1 = patch_of(out)
    expected = np.zeros(shape, np.uint8)
    expected[y0:y1, x0:x1, :] = 1
    np.testing.assert_array_equal(out["image"], expected)
    assert out["image"].any(axis=2).sum() == out["mix"].owned_px[0] > 0


@pytest.mark.parametrize("shape", SHAPES)
def test_known_bug_g04_last_row_and_column(shape):
    """Over 400 draws every pixel is covered, the last row and column too, by odd sides as well."""
    run = pipeline([ones(shape)])
    outs = [run(image=zeros(shape)) for _ in range(400)]
    assert np.sum([out["image"] for out in outs], axis=0, dtype=int).min() > 0
    patches = np.array([patch_of(out) for out in outs])
    assert set(((patches[:, 2] - patches[:, 0]) % 2).tolist()) == {0, 1}
    assert set(((patches[:, 3] - patches[:, 1]) % 2).tolist()) == {0, 1}


def test_known_bug_g04_paper_reaches_the_border():
    """The paper's draw covers the first and last row and column too."""
    run = pipeline([ones(WIDE)], placement="paper")
    cover = np.sum([run(image=zeros(WIDE))["image"] for _ in range(400)], axis=0, dtype=int)
    assert cover.min() > 0


def test_known_bug_g06_argument_grows_the_patch():
    """A greater area_range gives a greater patch, not its complement."""
    shares = [0.05, 0.2, 0.5, 0.8]
    owned = [
        pipeline([ones(WIDE)], area_range=(s, s))(image=zeros(WIDE))["mix"].owned_px[0] / 187
        for s in shares
    ]
    assert owned == sorted(owned)
    np.testing.assert_allclose(owned, shares, atol=0.08)


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"area_range": (1.0, 1.0)}, id="everything"),
        pytest.param({"area_range": (1e-9, 1e-9)}, id="nothing"),
        pytest.param({"area_range": (1e-9, 1.0), "alpha": 1e-3}, id="either"),
        pytest.param({"ratio_range": (3.0, 3.0)}, id="flat"),
        pytest.param({"ratio_range": (1e-3, 1e3)}, id="any-ratio"),
        pytest.param({"placement": "paper", "alpha": 1e-3}, id="paper-extremes"),
    ],
)
def test_known_bug_g06_extremes_stay_inside(settings):
    """Extreme arguments give a patch inside the image, or none and the reason."""
    run = pipeline([ones(WIDE)], **settings)
    outs = [run(image=zeros(WIDE)) for _ in range(60)]
    patches = np.array([patch_of(out) for out in outs])
    fired = np.array([out["mix"].applied for out in outs])
    assert (patches >= 0).all()
    assert (patches[:, 2] <= 17).all()
    assert (patches[:, 3] <= 11).all()
    assert (patches[fired, 0] < patches[fired, 2]).all()
    assert (patches[fired, 1] < patches[fired, 3]).all()
    assert {out["mix"].reason for out in outs if not out["mix"].applied} <= {"no_patch"}


def test_known_bug_g07_border_bias():
    """A patch placed inside has the drawn area everywhere and is uniform over its positions."""
    run = pipeline([ones(WIDE)], area_range=(0.25, 0.25), ratio_range=(1, 1))
    patches = np.array([patch_of(run(image=zeros(WIDE))) for _ in range(2000)])
    width, height = int(17 / 2 + 0.5), int(11 / 2 + 0.5)
    assert (patches[:, 2] - patches[:, 0] == width).all()
    assert (patches[:, 3] - patches[:, 1] == height).all()
    across = np.bincount(patches[:, 0], minlength=17 - width + 1) / 2000
    down = np.bincount(patches[:, 1], minlength=11 - height + 1) / 2000
    np.testing.assert_allclose(across, 1 / (17 - width + 1), atol=0.035)
    np.testing.assert_allclose(down, 1 / (11 - height + 1), atol=0.045)


@pytest.mark.parametrize("shape", SHAPES)
def test_known_bug_g08_down_and_right_only(shape):
    """Top and bottom, left and right are covered alike over 2,000 draws."""
    run = pipeline([ones(shape)])
    cover = np.mean([run(image=zeros(shape))["image"] for _ in range(2000)], axis=0)
    np.testing.assert_allclose(cover, cover[::-1], atol=0.05)
    np.testing.assert_allclose(cover, cover[:, ::-1], atol=0.05)
    assert cover[shape[0] // 2, shape[1] // 2] > cover[0, 0] > 0


@pytest.mark.parametrize("shape", [(64, 64), (1024, 1200), (1536, 2048)], ids=str)
def test_known_bug_g10_cap_whatever_the_image(shape):
    """The share is uniform over (0.02, 0.33) at every size, with no cap."""
    run = pipeline([ones(shape)])
    image = zeros(shape)
    shares = np.sort([1 - float(run(image=image)["mix"].lam) for _ in range(200)])
    expected = 0.02 + 0.31 * (np.arange(200) + 0.5) / 200
    np.testing.assert_allclose(shares, expected, atol=0.31 * 0.13)


# Boxes -------------------------------------------------------------------------------------------


def test_known_bug_b01_hidden_boxes_kept():
    """A primary box under the patch and a donor box outside the source are gone."""
    x0, y0, x1, y1 = foreseen_patch(WIDE, area_range=(0.3, 0.3))
    outside = [x1, y0, 17, y1] if x1 < 17 else [0, y0, x0, y1]
    donor = ones(WIDE, bboxes=np.array([outside], float), fields={"ids": [9]})
    run = pipeline([donor], fields=("ids",), area_range=(0.3, 0.3), min_visibility=0.0)
    out = run(image=zeros(WIDE), bboxes=[[x0, y0, x1, y1]], ids=[1])
    assert out["mix"].applied
    assert (len(out["bboxes"]), out["ids"]) == (0, [])


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("clip", "shrunk"), ("keep", "whole"), ("drop", "gone")],
    ids=["clip", "keep", "drop"],
)
@pytest.mark.parametrize("shape", [WIDE, TALL], ids=["wide", "tall"])
def test_known_bug_b02_half_covered_box(shape, mode, expected):
    """A box of which the patch hides the upper part follows the policy, against the pixels."""
    seed = seed_where(
        lambda x0, y0, x1, y1: y0 < y1 - 2 and y1 + 2 <= shape[0], shape, area_range=(0.25, 0.25)
    )
    x0, y0, x1, y1 = foreseen_patch(shape, area_range=(0.25, 0.25), seed=seed)
    ids = np.zeros(shape, np.uint8)
    ids[y0 + 1 : y1 + 2, x0:x1] = 7
    donor = Donor(np.zeros(shape, np.uint8), bboxes=np.zeros((0, 4)), fields={"ids": []})
    run = pipeline(
        [donor],
        seed=seed,
        fields=("ids",),
        area_range=(0.25, 0.25),
        bbox_mode=mode,
        min_visibility=0,
    )
    out = run(image=ids, bboxes=[[x0, y0 + 1, x1, y1 + 2]], ids=[1])
    rows, cols = np.nonzero(out["image"] == 7)
    boxes = {
        "shrunk": [[cols.min(), rows.min(), cols.max() + 1, rows.max() + 1]],
        "whole": [[x0, y0 + 1, x1, y1 + 2]],
        "gone": [],
    }
    found = np.array(out["bboxes"], float).reshape(-1, 4)
    np.testing.assert_allclose(found, np.array(boxes[expected]).reshape(-1, 4), atol=1e-3)


def test_known_bug_b03_slivers_of_donor_objects():
    """A donor object of which one pixel shows is dropped by default; at 0 it is kept."""
    shape = (67, 89)
    seed = seed_where(
        lambda x0, y0, x1, y1: min(89 - x1, 67 - y1) >= 3, shape, area_range=(0.2, 0.2)
    )
    _, _, x1, y1 = foreseen_patch(shape, area_range=(0.2, 0.2), seed=seed)
    corner = np.array([[x1 - 1, y1 - 1, x1 + 30, y1 + 30]], float)
    donor = ones(shape, bboxes=corner, fields={"ids": [9]})
    settings = {"seed": seed, "fields": ("ids",), "area_range": (0.2, 0.2)}
    call = {"image": zeros(shape), "bboxes": [], "ids": []}
    assert len(pipeline([donor], **settings)(**call)["bboxes"]) == 0
    kept = pipeline([donor], **settings, min_visibility=(0.5, 0.0))(**call)["bboxes"]
    np.testing.assert_allclose(kept, [[x1 - 1, y1 - 1, x1, y1]], atol=1e-3)


def test_known_bug_b03_host_thresholds_hold_for_donor_boxes():
    """The pipeline's own min_width applies to a donor's sliver as to any box."""
    x0, y0, x1, y1 = foreseen_patch(WIDE, area_range=(0.3, 0.3))
    rows = np.array([[x0, y0, x1, y1], [x0, y0, x0 + 1, y1]], float)
    donor = ones(WIDE, bboxes=rows, fields={"ids": [8, 9]})
    params = A.BboxParams(format="pascal_voc", label_fields=["ids"], min_width=2)
    run = A.Compose([CutMix([donor], area_range=(0.3, 0.3), p=1)], seed=1, bbox_params=params)
    assert run(image=zeros(WIDE), bboxes=[], ids=[])["ids"] == [8]


@pytest.mark.parametrize("shape", [WIDE, TALL], ids=["wide", "tall"])
def test_known_bug_b04_largest_free_strip(shape):
    """A corner patch leaves the box its full extent: it still shows to every side."""
    x0, y0, x1, y1 = foreseen_patch(shape, area_range=(0.1, 0.1))
    height, width = shape
    right, low = x1 < width, y1 < height
    box = [
        x0 if right else x0 - 1,
        y0 if low else y0 - 1,
        x1 + 1 if right else x1,
        y1 + 1 if low else y1,
    ]
    donor = ones(shape, bboxes=np.zeros((0, 4)), fields={"ids": []})
    run = pipeline([donor], fields=("ids",), area_range=(0.1, 0.1), min_visibility=0.0)
    out = run(image=zeros(shape), bboxes=[box], ids=[1])
    np.testing.assert_allclose(out["bboxes"], [box], atol=1e-3)


@pytest.mark.parametrize("fit", FITS)
def test_known_bug_b05_object_around_the_patch(fit):
    """A donor object that fills its image gives one box: the patch itself."""
    shape = (23, 31)
    donor = ones(shape, bboxes=np.array([[0.0, 0.0, 31.0, 23.0]]), fields={"ids": [9]})
    run = pipeline([donor], fields=("ids",), fit=fit, min_visibility=0.0)
    out = run(image=zeros(WIDE), bboxes=[], ids=[])
    np.testing.assert_allclose(out["bboxes"], [patch_of(out)], atol=1e-3)
    assert out["ids"] == [9]


def grid(count: int, start: int) -> tuple[np.ndarray, dict[str, list]]:
    """Disjoint boxes on an 8 x 8 grid of 88 x 136 pixels, and fields that follow from the id."""
    cells = [divmod(cell, 8) for cell in range(0, 64, 64 // count)][:count]
    boxes = [[17 * x + 2.0, 11 * y + 1.0, 17 * x + 14.0, 11 * y + 9.0] for y, x in cells]
    ids = list(range(start, start + count))
    fields = {
        "ids": ids,
        "area": [float(i) / 4 for i in ids],
        "iscrowd": [i % 2 for i in ids],
        "name": [f"object {i}" for i in ids],
    }
    return np.array(boxes), fields


GRID = (88, 136)
FIELDS = ("name", "ids", "area", "iscrowd")


@pytest.mark.parametrize("mode", ["clip", "keep", "drop"])
@pytest.mark.parametrize("seed", range(4))
def test_known_bug_b06_labels_out_of_step(seed, mode):
    """Each surviving box lies in the box that carried its id before."""
    before, fields = grid(32, 0)
    theirs, donor_fields = grid(64, 100)
    donor = ones(GRID, bboxes=theirs, fields=donor_fields)
    run = pipeline([donor], seed=seed, fields=FIELDS, bbox_mode=mode)
    out = run(image=zeros(GRID), bboxes=before, **fields)
    ids = np.array(out["ids"], int)
    homes = np.concatenate([before[ids[ids < 100]], theirs[ids[ids >= 100] - 100]])
    found = np.array(out["bboxes"])
    assert len(np.unique(ids)) == len(ids) == len(found) > 10
    assert (found[:, :2] >= homes[:, :2] - 1e-3).all()
    assert (found[:, 2:] <= homes[:, 2:] + 1e-3).all()


@pytest.mark.parametrize("seed", range(4))
def test_known_bug_b07_extra_fields_of_one_side(seed):
    """area, iscrowd and name follow their own row, of primary and donor alike."""
    before, fields = grid(32, 0)
    theirs, donor_fields = grid(64, 100)
    donor = ones(GRID, bboxes=theirs, fields=donor_fields)
    out = pipeline([donor], seed=seed, fields=FIELDS)(image=zeros(GRID), bboxes=before, **fields)
    ids = [int(i) for i in out["ids"]]
    assert max(ids) >= 100 > min(ids)
    assert out["area"] == [i / 4 for i in ids]
    assert out["iscrowd"] == [i % 2 for i in ids]
    assert out["name"] == [f"object {i}" for i in ids]


@pytest.mark.parametrize("shape", [WIDE, TALL], ids=["wide", "tall"])
def test_known_bug_b08_boxes_cast_to_int(shape):
    """Quarter-pixel corners survive in a primary box and in a donor box inside the patch."""
    x0, y0, x1, y1 = foreseen_patch(shape, area_range=(0.3, 0.3))
    mine = [0.25, 0.25, shape[1] - 0.25, shape[0] - 0.75]
    theirs = [x0 + 0.25, y0 + 0.5, x1 - 0.75, y1 - 0.25]
    donor = ones(shape, bboxes=np.array([theirs]), fields={"ids": [2]})
    out = pipeline([donor], fields=("ids",), area_range=(0.3, 0.3))(
        image=zeros(shape), bboxes=[mine], ids=[1]
    )
    np.testing.assert_allclose(out["bboxes"], [mine, theirs], atol=1e-3)


@pytest.mark.parametrize("box", [[3, 3, 3, 6], [3, 3, 6, 3]], ids=["no-width", "no-height"])
def test_known_bug_b09_zero_area_box(box):
    """A donor box of no area never enters: it is named, nothing is divided by zero."""
    item = {"image": np.ones(WIDE, np.uint8), "bboxes": [box], "ids": [1], "id": "a.png"}
    run = pipeline([item], fields=("ids",))
    with pytest.raises(InvalidSampleError, match=r"box 0 of donor 'a.png'.*x_max > x_min"):
        run(image=zeros(WIDE), bboxes=[], ids=[])


def test_known_bug_b09_cut_to_zero_area():
    """Boxes that only touch the patch or the source have no share in it and divide by nothing."""
    x0, y0, x1, y1 = foreseen_patch(WIDE, area_range=(0.3, 0.3))
    beside = [x1, y0, 17, y1] if x1 < 17 else [0, y0, x0, y1]
    donor = ones(WIDE, bboxes=np.array([beside], float), fields={"ids": [2]})
    run = pipeline([donor], fields=("ids",), area_range=(0.3, 0.3), min_visibility=0.0)
    out = run(image=zeros(WIDE), bboxes=[beside], ids=[1])
    assert out["ids"] == [1]
    np.testing.assert_allclose(out["bboxes"], [beside], atol=1e-3)


@pytest.mark.parametrize("donor_rows", [0, 1], ids=["empty-donor", "one-donor-box"])
@pytest.mark.parametrize("rows", [0, 1], ids=["empty-primary", "one-box"])
def test_known_bug_b10_images_without_boxes(rows, donor_rows):
    """Empty sides mix without an error, and the donor is asked for once, never in a loop."""
    asked = []

    class Pool:
        def __len__(self) -> int:
            return 3

        def __getitem__(self, index: int) -> Donor:
            asked.append(index)
            boxes = np.array([[0.0, 0.0, 17.0, 11.0]])[:donor_rows]
            return ones(WIDE, bboxes=boxes, fields={"ids": [2][:donor_rows]})

    run = pipeline(Pool(), fields=("ids",), min_visibility=0.0)
    out = run(image=zeros(WIDE), bboxes=[[0, 0, 17, 11]][:rows], ids=[1][:rows])
    assert out["mix"].applied
    assert out["ids"] == [1][:rows] + [2][:donor_rows]
    assert len(out["bboxes"]) == rows + donor_rows
    assert len(asked) == 1


@pytest.mark.parametrize(
    "values",
    [pytest.param(["ox", "elephant"], id="strings"), pytest.param([3, 40], id="ints")],
)
@pytest.mark.parametrize("container", [list, np.array], ids=["list", "array"])
def test_known_bug_b11_unseen_labels(values, container):
    """Labels of a donor that no primary ever had come through, into an empty primary first."""
    donor = ones(WIDE, bboxes=np.array([[0.0, 0.0, 17.0, 11.0]]), fields={"kind": values[1:]})
    run = pipeline([donor], fields=("kind",), min_visibility=0.0)
    first = run(image=zeros(WIDE), bboxes=np.zeros((0, 4)), kind=container([]))
    second = run(image=zeros(WIDE), bboxes=[[0, 0, 17, 11]], kind=container(values[:1]))
    assert list(first["kind"]) == values[1:]
    assert list(second["kind"]) == values


@pytest.mark.parametrize(("mine", "theirs"), [(4, 8), (8, 4), (0, 8), (8, 0), (1, 64)])
def test_known_bug_b12_rows_and_labels(mine, theirs):
    """There is one value of every field per box, whatever the counts of the two sides."""
    before, fields = grid(max(mine, 1), 0)
    added, donor_fields = grid(max(theirs, 1), 100)
    donor = ones(
        GRID, bboxes=added[:theirs], fields={k: v[:theirs] for k, v in donor_fields.items()}
    )
    run = pipeline([donor], fields=FIELDS, area_range=(0.3, 0.3))
    out = run(image=zeros(GRID), bboxes=before[:mine], **{k: v[:mine] for k, v in fields.items()})
    count = len(out["bboxes"])
    assert [len(out[name]) for name in FIELDS] == [count] * 4
    assert count <= mine + theirs


@pytest.mark.parametrize("donor_shape", [(23, 31), (31, 23), (7, 5), WIDE], ids=str)
@pytest.mark.parametrize("fit", FITS)
def test_known_bug_b13_boxes_of_unequal_sizes(fit, donor_shape):
    """A donor box holds every pixel of its object and nothing but it, at every size and fit."""
    height, width = donor_shape
    x0, y0, x1, y1 = width // 5, height // 5, width - width // 4, height - height // 6
    ids = np.zeros(donor_shape, np.int32)
    ids[y0:y1, x0:x1] = 7
    donor = ones(
        donor_shape, mask=ids, bboxes=np.array([[x0, y0, x1, y1]], float), fields={"ids": [7]}
    )
    run = pipeline(
        [donor], fields=("ids",), fit=fit, area_range=(0.2, 0.6), min_visibility=0.0, seed=2
    )
    outs = [
        run(image=zeros(WIDE), mask=np.zeros(WIDE, np.int32), bboxes=[], ids=[]) for _ in range(40)
    ]
    shown = [out for out in outs if len(out["bboxes"])]
    assert len(shown) > 10
    centres = np.stack(np.meshgrid(np.arange(17) + 0.5, np.arange(11) + 0.5), axis=-1)
    boxes = np.array([out["bboxes"][0] for out in shown])[:, None, None, :]
    # A pixel's centre on the very edge may fall on either side.
    inner = ((centres > boxes[..., :2] + 1e-3) & (centres < boxes[..., 2:] - 1e-3)).all(-1)
    outer = ((centres > boxes[..., :2] - 1e-3) & (centres < boxes[..., 2:] + 1e-3)).all(-1)
    found = np.stack([out["mask"] == 7 for out in shown])
    assert not (inner & ~found).any()
    assert not (found & ~outer).any()


def lower_edge(shape: tuple[int, int]) -> tuple[int, tuple[int, int, int, int]]:
    """A seed whose patch leaves rows below it, and that patch."""
    share = {"area_range": (0.3, 0.3)}
    seed = seed_where(lambda x0, y0, x1, y1: y1 - y0 > 3 and y1 < shape[0], shape, **share)
    return seed, foreseen_patch(shape, seed=seed, **share)


@pytest.mark.parametrize("masked", [False, True], ids=["boxes", "masks"])
@pytest.mark.parametrize("ignored", [False, True], ids=["counted", "ignored"])
@pytest.mark.parametrize("shape", [WIDE, TALL], ids=["wide", "tall"])
def test_known_bug_b14_visible_but_unlabelled(shape, ignored, masked):
    """An object hidden but for one row is counted pixel by pixel, or stays to be ignored."""
    seed, (x0, y0, x1, y1) = lower_edge(shape)
    ids = np.zeros(shape, np.uint8)
    ids[y0 : y1 + 1, x0:x1] = 7
    donor = ones(shape, masks=[], bboxes=np.zeros((0, 4)), fields={"crowd": []})
    settings = {"seed": seed, "fields": ("crowd",), "area_range": (0.3, 0.3), "min_visibility": 0.5}
    run = pipeline([donor], ignore_field="crowd" if ignored else None, **settings)
    call = {"image": ids, "bboxes": [[x0, y0, x1, y1 + 1]], "crowd": [0]}
    out = run(**call, masks=(ids == 7)[None].astype(np.uint8)) if masked else run(**call)
    visible = out["image"] == 7
    assert np.count_nonzero(visible) == x1 - x0
    if ignored:
        np.testing.assert_allclose(out["bboxes"], [[x0, y1, x1, y1 + 1]], atol=1e-3)
        assert (out["crowd"], out["mix"].remnant_px) == ([1], 0)
    else:
        assert (out["crowd"], out["mix"].remnant_px) == ([], np.count_nonzero(visible))
    if masked and ignored:
        np.testing.assert_array_equal(out["masks"][0], visible)


def test_known_bug_b14_visible_part_of_a_donor():
    """Of a donor object cut to a strip the pixels in the patch are counted, or it is ignored."""
    shape = (67, 89)
    x0, y0, x1, y1 = foreseen_patch(shape, area_range=(0.2, 0.2))
    strip = np.array([[x1 - 2, y0, x1 + 40, y1]], float)
    if x1 > 89 - 40:
        strip = np.array([[x0 - 40, y0, x0 + 2, y1]], float)
    donor = ones(shape, bboxes=strip)
    call = {"image": zeros(shape), "bboxes": [], "crowd": []}
    settings = {"fields": ("crowd",), "area_range": (0.2, 0.2), "min_visibility": 0.5}
    counted = pipeline([ones(shape, bboxes=strip, fields={"crowd": [0]})], **settings)(**call)
    assert (counted["crowd"], counted["mix"].remnant_px) == ([], 2 * (y1 - y0))
    ignored = pipeline([donor], ignore_field="crowd", **settings)(**call)
    assert (ignored["crowd"], ignored["mix"].remnant_px) == ([1], 0)


def skeleton(shape: tuple[int, int], count: int = 17) -> list[tuple[float, float]]:
    """Points at pixel centres over the whole image, no two at one place."""
    cells = np.linspace(0, shape[0] * shape[1] - 1, count).astype(int)
    return [(cell % shape[1] + 0.5, cell // shape[1] + 0.5) for cell in cells.tolist()]


@pytest.mark.parametrize("mode", ["flag", "remove"])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shape", [WIDE, TALL], ids=["wide", "tall"])
def test_known_bug_b16_keypoints_forgotten(shape, seed, mode):
    """Points show exactly where the pixels under them do, and flagged skeletons stay whole."""
    mine, theirs = ids_image(shape, 0), ids_image(shape, 1000)
    points = skeleton(shape)
    names = [f"joint {k}" for k in range(17)]
    donor = Donor(theirs, keypoints=points, keypoint_fields={"joint": names, "v": [2] * 17})
    settings = {"keypoint_mode": "flag", "keypoint_visibility_field": "v"}
    run = A.Compose(
        [CutMix([donor], p=1.0, area_range=(0.3, 0.5), **(settings if mode == "flag" else {}))],
        keypoint_params=A.KeypointParams(
            "xy", label_fields=["joint", "v"], remove_invisible=mode == "remove"
        ),
        seed=seed,
    )
    out = run(image=mine, keypoints=points, joint=names, v=[2] * 17)
    value = {(x, y): int(mine[int(y), int(x)]) for x, y in points}
    shows = [value[point] in out["image"] for point in points]
    shows += [value[point] + 1000 in out["image"] for point in points]
    assert True in shows[:17]
    assert False in shows[17:]
    if mode == "flag":
        assert out["joint"] == names * 2
        assert out["v"] == [2 * seen for seen in shows]
        np.testing.assert_allclose(out["keypoints"], points * 2, atol=1e-3)
    else:
        expected = [k for k in range(34) if shows[k]]
        assert out["joint"] == [names[k % 17] for k in expected]
        np.testing.assert_allclose(out["keypoints"], [points[k % 17] for k in expected], atol=1e-3)


@pytest.mark.parametrize("donor_shape", [WIDE, (23, 31), (31, 23), (7, 5)], ids=str)
@pytest.mark.parametrize("fit", FITS)
def test_known_bug_b17_mask_outside_of_its_object(fit, donor_shape):
    """Each instance mask is its object's pixels after the mix, at every size and fit."""
    ring = np.zeros(donor_shape, np.uint8)
    ring[1:-1, 1:-1] = 9
    ring[2 : donor_shape[0] // 2, 2:-2] = 0
    mine = np.zeros(WIDE, np.uint8)
    mine[2:, ::2] = 7
    donor = ones(donor_shape, mask=ring, masks=(ring == 9)[None])
    run = pipeline([donor], fit=fit, area_range=(0.2, 0.6), min_visibility=0.0, seed=2)
    for _ in range(5):
        out = run(image=zeros(WIDE), mask=mine, masks=(mine == 7)[None])
        expected = [out["mask"] == 7, out["mask"] == 9]
        expected = [mask for mask in expected if mask.any()]
        np.testing.assert_array_equal(out["masks"], expected)


def numbered(start: int, count: int = 32) -> tuple[np.ndarray, list, list]:
    """An image of objects on a grid, each of its own value, their masks and boxes."""
    boxes = grid(count, start)[0].astype(int).tolist()
    ids = np.zeros(GRID, np.uint8)
    for number, (x0, y0, x1, y1) in enumerate(boxes, start):
        ids[y0:y1, x0:x1] = number
        ids[y0 : y0 + 2, x0 : x0 + 3] = 0  # an object that is no rectangle
    return ids, [(ids == number).astype(np.uint8) for number in range(start, start + count)], boxes


@pytest.mark.parametrize("min_area", [0.0, 40.0], ids=["no-threshold", "host-threshold"])
@pytest.mark.parametrize("mode", ["clip", "keep", "drop"])
@pytest.mark.parametrize("seed", range(3))
def test_known_bug_m04_masks_and_boxes_drift_apart(seed, mode, min_area):
    """Row i of masks, boxes and fields is one object, the host's own thresholds included."""
    image, masks, boxes = numbered(1)
    theirs, donor_masks, donor_boxes = numbered(101)
    donor = Donor(
        theirs, masks=donor_masks, bboxes=donor_boxes, fields={"ids": list(range(101, 133))}
    )
    params = A.BboxParams("pascal_voc", label_fields=["ids"], min_area=min_area)
    mix = CutMix([donor], p=1.0, bbox_mode=mode, area_range=(0.3, 0.4))
    run = A.Compose([mix], bbox_params=params, seed=seed)
    out = run(image=image, masks=masks, bboxes=boxes, ids=list(range(1, 33)))
    ids = [int(number) for number in out["ids"]]
    assert len(out["masks"]) == len(out["bboxes"]) == len(ids) > 20
    assert min(ids) <= 32 < 101 <= max(ids)
    for number, mask, box in zip(ids, out["masks"], out["bboxes"], strict=True):
        np.testing.assert_array_equal(mask, out["image"] == number)
        rows, cols = np.nonzero(mask)
        tight = [cols.min(), rows.min(), cols.max() + 1, rows.max() + 1]
        if mode == "keep" and number < 100:
            tight = boxes[number - 1]
        np.testing.assert_allclose(box, tight, atol=1e-3)


@pytest.mark.parametrize("name", ["volume", "mask3d"])
def test_known_bug_targets_forgotten(name):
    """A target that is not mixed is refused by name: never passed through untrue."""
    run = A.Compose([CutMix([ones(WIDE)], p=1)])
    with pytest.raises(InvalidSampleError, match=rf"\['{name}'\].*no longer be true"):
        run(image=zeros(WIDE), **{name: np.zeros((2, *WIDE), np.uint8)})


# Masks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("donor_shape", [WIDE, (23, 31), (7, 5)], ids=["equal", "larger", "less"])
@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        pytest.param("uint8", (0, 255), id="uint8"),
        pytest.param("int32", (-1, 2**24 + 1), id="int32"),
        pytest.param("int64", (900_100_000_123, 2**33 + 7), id="int64"),
    ],
)
def test_known_bug_m01_fractional_classes(dtype, values, donor_shape):
    """A mask keeps its dtype and holds no value that neither side had, scaled or not."""
    theirs = np.full(donor_shape, values[1], dtype)
    theirs[::2] = values[0]
    run = pipeline([ones(donor_shape, mask=theirs)], area_range=(0.3, 0.3))
    out = run(image=zeros(WIDE), mask=np.full(WIDE, values[0], dtype))
    assert out["mask"].dtype == dtype
    assert set(np.unique(out["mask"]).tolist()) == set(values)


@pytest.mark.parametrize("donor_shape", [WIDE, (23, 31)], ids=["equal", "larger"])
@pytest.mark.parametrize("channels", [(), (1,), (4,)], ids=["2d", "one", "four"])
def test_known_bug_m02_take_without_axis(channels, donor_shape):
    """Image and mask keep their shape, an axis of one channel included."""
    shape = (*WIDE, *channels)
    donor = ones((*donor_shape, *channels), mask=np.ones((*donor_shape, *channels), np.int64))
    out = pipeline([donor])(image=zeros(shape), mask=np.zeros(shape, np.int64))
    assert out["image"].shape == out["mask"].shape == shape


@pytest.mark.parametrize("fit", ["cover", "stretch", "crop", "error"])
def test_known_bug_m03_mask_of_another_donor(fit):
    """An image of ids given as image and mask comes back equal: same donor, patch and source."""
    shape = (23, 31) if fit == "crop" else WIDE
    theirs = [ids_image(shape, 1000 * k) for k in range(1, 6)]
    run = pipeline([Donor(ids, mask=ids) for ids in theirs], fit=fit)
    mine = ids_image(WIDE, 0)
    outs = [run(image=mine, mask=mine) for _ in range(30)]
    np.testing.assert_array_equal([o["image"] for o in outs], [o["mask"] for o in outs])
    assert len({int(out["mix"].donors[0]) for out in outs}) == 5


# Randomness --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("p", "low", "high"), [(0.0, 0, 0), (0.5, 245, 355), (1.0, 600, 600)])
def test_known_bug_r01_p_applied_twice(p, low, high):
    """Of 600 calls p are mixed, within 4.5 standard deviations; p squared is far outside."""
    run = pipeline([ones(WIDE)], p=p)
    outs = [run(image=zeros(WIDE)) for _ in range(600)]
    fired = sum(out["mix"].applied for out in outs)
    assert low <= fired <= high
    assert fired == sum(out["image"].any() for out in outs)


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_known_bug_r02_seldom_applied(placement):
    """At p = 1 a crowded scene is mixed every time, or the record says why not."""
    before, fields = grid(64, 0)
    donor = ones(GRID, bboxes=before, fields=fields)
    run = pipeline([donor], fields=FIELDS, placement=placement)
    records = [run(image=zeros(GRID), bboxes=before, **fields)["mix"] for _ in range(40)]
    assert {(record.applied, record.reason) for record in records} <= {
        (True, ""),
        (False, "no_patch"),
    }
    assert sum(record.applied for record in records) >= 38


def test_known_bug_r02_tiny_share_names_its_reason():
    """A share under half a pixel pastes nothing and says no_patch."""
    run = pipeline([ones(TINY)], area_range=(0.001, 0.001), ratio_range=(1, 1))
    record = run(image=zeros(TINY))["mix"]
    assert (record.applied, record.reason) == (False, "no_patch")


@pytest.mark.parametrize("index", [0, 2, 4], ids=["first", "middle", "last"])
def test_known_bug_r03_paired_with_itself(index):
    """The primary's own index is never drawn; every other one is."""
    run = pipeline([ones(WIDE) for _ in range(5)])
    drawn = {int(run(image=zeros(WIDE), pool_index=index)["mix"].donors[0]) for _ in range(120)}
    assert drawn == set(range(5)) - {index}


def test_known_bug_r05_same_lam_in_each_epoch():
    """The same index draws another patch in each of three epochs."""
    run = pipeline([ones(GRID)], seed=5)
    epochs = [[patch_of(run(image=zeros(GRID))) for _ in range(10)] for _ in range(3)]
    same = [(a == b) + (b == c) + (a == c) for a, b, c in zip(*epochs, strict=True)]
    assert same == [0] * 10


@pytest.mark.parametrize("seed", [0, 7])
def test_known_bug_r06_global_generators(seed):
    """A seeded run repeats whatever the state of the global generators, and leaves them alone."""

    def records() -> list[str]:
        run = pipeline([ones(GRID) for _ in range(9)], seed=seed, p=0.7)
        return [run(image=zeros(GRID))["mix"].to_json() for _ in range(20)]

    first = records()
    np.random.seed(1)  # noqa: NPY002 - the global generator is what is tested
    random.seed(2)
    before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    second = records()
    after = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    assert first == second
    assert before == after


def test_known_bug_r08_choice_drawn_at_construction():
    """One instance both mixes and leaves alone within 20 calls, and draws new patches."""
    run = pipeline([ones(GRID)], p=0.5)
    records = [run(image=zeros(GRID))["mix"] for _ in range(20)]
    assert {record.applied for record in records} == {True, False}
    assert len({record.patches.tobytes() for record in records if record.applied}) > 3


@pytest.mark.parametrize(
    ("settings", "call", "reason"),
    [
        pytest.param({}, {"pool_index": 0}, "no_donor", id="no-donor"),
        pytest.param({"area_range": (1e-9, 1e-9)}, {}, "no_patch", id="no-patch"),
        pytest.param({"p": 0.0}, {}, "p", id="p"),
    ],
)
def test_known_bug_r09_failure_skips_the_pipeline(settings, call, reason):
    """Where nothing is pasted the rest of the pipeline still runs, and the reason is recorded."""
    mix = CutMix([ones(WIDE, label=1)], classes=2, **{"p": 1.0, **settings})
    run = A.Compose([A.HorizontalFlip(p=1), mix, A.VerticalFlip(p=1)], seed=1)
    image = ids_image(WIDE, 0).astype(np.uint8)
    out = run(image=image, label=0, **call)
    np.testing.assert_array_equal(out["image"], image[::-1, ::-1])
    assert out["mix"].reason == reason
    assert out["label"].tolist() == [1.0, 0.0]


# State and integration ---------------------------------------------------------------------------


@pytest.mark.parametrize("donor_shape", [WIDE, (23, 31)], ids=["equal", "scaled"])
@pytest.mark.parametrize("form", ["donor", "mapping"])
def test_known_bug_s01_inputs_written(form, donor_shape):
    """Read-only inputs mix, their bytes stay, and the output shares no memory with them."""
    box = np.array([[1.0, 1.0, 5.0, 6.0]])
    parts = {
        "image": np.random.default_rng(0).integers(0, 255, donor_shape).astype(np.uint8),
        "mask": np.ones(donor_shape, np.int64),
        "bboxes": box.copy(),
        "label": np.array([0.0, 1.0], np.float32),
        "ids": np.array([4]),
        "masks": np.ones((1, *donor_shape), np.uint8),
        "keypoints": np.array([[3.0, 4.0], [8.0, 5.0]]),
        "extra": np.ones((*donor_shape, 2), np.float32),
    }
    call = {
        "image": np.zeros(WIDE, np.uint8),
        "mask": np.zeros(WIDE, np.int64),
        "bboxes": box.copy(),
        "label": np.array([1.0, 0.0], np.float32),
        "ids": np.array([3]),
        "masks": np.ones((1, *WIDE), np.uint8),
        "keypoints": np.array([[3.0, 4.0], [8.0, 5.0]]),
        "extra": np.zeros((*WIDE, 2), np.float32),
    }
    arrays = [*parts.values(), *call.values()]
    for array in arrays:
        array.setflags(write=False)
    before = [array.tobytes() for array in arrays]
    aliases = {"extra": "image"}
    made = Donor.from_mapping(parts, label_fields=["ids"], aliases=aliases)
    run = A.Compose(
        [CutMix([parts if form == "mapping" else made], p=1.0)],
        seed=1,
        bbox_params=A.BboxParams("pascal_voc", label_fields=["ids"]),
        keypoint_params=A.KeypointParams("xy"),
        additional_targets=aliases,
    )
    outs = [run(**call) for _ in range(10)]
    assert [array.tobytes() for array in arrays] == before
    results = [out[name] for out in outs for name in call]
    assert not any(np.shares_memory(one, two) for one in results for two in arrays)


def test_known_bug_s02_keyword_order():
    """The order of the keywords changes nothing."""
    ids, boxes = ids_image(WIDE, 1000), np.array([[0.0, 0.0, 17.0, 11.0]])
    donor = Donor(ids, mask=ids, bboxes=boxes, fields={"ids": [2]}, label=1)
    call = {
        "image": ids_image(WIDE, 0),
        "mask": ids_image(WIDE, 0),
        "bboxes": boxes,
        "ids": [1],
        "label": 0,
    }
    first = pipeline([donor], fields=("ids",), classes=2)(**call)
    other = pipeline([donor], fields=("ids",), classes=2)(**dict(reversed(call.items())))
    assert first["mix"].to_json() == other["mix"].to_json()
    np.testing.assert_array_equal(first["image"], other["image"])
    np.testing.assert_array_equal(first["mask"], other["mask"])
    np.testing.assert_array_equal(first["bboxes"], other["bboxes"])
    np.testing.assert_array_equal(first["label"], other["label"])
    assert first["ids"] == other["ids"]


def test_known_bug_s02_threads():
    """Calls of one instance from eight threads each agree with their own record."""
    run = pipeline([Donor(ids_image(GRID, 20000), mask=ids_image(GRID, 20000))])
    mine = ids_image(GRID, 0)
    with ThreadPoolExecutor(8) as threads:
        outs = list(threads.map(lambda _: run(image=mine, mask=mine), range(200)))
    foreign = [out["image"] >= 20000 for out in outs]
    expected = np.zeros((200, *GRID), bool)
    for row, out in enumerate(outs):
        x0, y0, x1, y1 = patch_of(out)
        expected[row, y0:y1, x0:x1] = True
    np.testing.assert_array_equal(foreign, expected)
    np.testing.assert_array_equal([o["image"] for o in outs], [o["mask"] for o in outs])


def test_known_bug_s04_prints_and_environment():
    """Importing and mixing print nothing, warn of nothing and change no environment variable."""
    code = (
        "import os, warnings\n"
        "import albumentations as A, numpy as np\n"
        "before = dict(os.environ)\n"
        "warnings.simplefilter('error')\n"
        "from albu_cutmix import CutMix, Donor\n"
        "run = A.Compose([CutMix([Donor(np.ones((11, 17), np.uint8), label=1)], classes=2, p=1)])\n"
        "run(image=np.zeros((11, 17), np.uint8), label=0)\n"
        "raise SystemExit(0 if dict(os.environ) == before else 3)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "NO_ALBUMENTATIONS_UPDATE": "1"},
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_known_bug_s09_record_breaks_json_or_collate():
    """Records of mixed and unmixed calls are JSON, read back equal, and stack into a batch."""
    run = pipeline([ones(WIDE, label=1)], classes=2, p=0.5)
    outs = [run(image=zeros(WIDE), label=0) for _ in range(16)]
    lines = [json.dumps(json.loads(out["mix"].to_json())) for out in outs]
    assert [MixRecord.from_json(x).to_json() for x in lines] == [o["mix"].to_json() for o in outs]
    batch = default_collate([{key: out[key] for key in ("label", "mix")} for out in outs])
    assert batch["mix"].applied.tolist() == [out["mix"].applied for out in outs]
    assert 0 < sum(batch["mix"].applied.tolist()) < 16
    assert batch["label"].shape == (16, 2)


@pytest.mark.parametrize("channels", [(), (1,), (4,)], ids=["2d", "one", "four"])
def test_known_bug_s10_channels_dropped_by_warning(channels):
    """A donor of another channel count raises by name: it is never skipped in silence."""
    run = pipeline([ones((*WIDE, *channels), id="gray.png")])
    with pytest.raises(InvalidSampleError, match=r"equal channels.*in donor 'gray.png'"):
        run(image=zeros((*WIDE, 3)))
