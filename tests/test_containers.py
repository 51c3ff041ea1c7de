"""The mix inside the host's containers, and what its label fields come back as."""

from __future__ import annotations

import pickle
from itertools import permutations
from typing import Any

import albumentations as A
import numpy as np
import pytest
from torch.utils.data import default_collate
from whole_samples import SHAPE, assert_true, bits, pipeline, primary
from whole_samples import donor as whole_donor

from albu_cutmix import CutMix, Donor, MixRecord, MixTargets

BIG = (67, 89)
FULL = [0.0, 0.0, 17.0, 11.0]


def image(value: int = 0, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    """An image of one value, read-only."""
    out = np.full(shape, value, np.uint8)
    out.setflags(write=False)
    return out


def donors(count: int = 1, shape: tuple[int, int] = SHAPE, label: Any = 1) -> list[Donor]:
    """Donors of pixels 255 and one class."""
    return [Donor(image(255, shape), label=label) for _ in range(count)]


def cutmix(**settings: Any) -> CutMix:
    """A mix of three classes that always fires."""
    return CutMix(donors(), **{"classes": 3, "p": 1.0, **settings})


def types(out: dict[str, Any]) -> dict[str, tuple]:
    """Type, dtype and shape of every part of a result; of a record, of its fields."""
    parts = {key: value for key, value in out.items() if not isinstance(value, MixRecord)}
    for key, value in out.items():
        if isinstance(value, MixRecord):
            parts |= {f"{key}.{name}": part for name, part in value._asdict().items()}
    return {
        key: (type(part).__name__, str(getattr(part, "dtype", "")), getattr(part, "shape", None))
        for key, part in parts.items()
    }


def share(out: dict[str, Any], key: str = "mix") -> float:
    """The donor's share of the pixels, from the integer count."""
    height, width = out[key].shape.tolist()
    return int(out[key].owned_px[0]) / (height * width)


# Containers --------------------------------------------------------------------------------------

CONTAINERS = {
    "compose": lambda mix: mix,
    "nested": lambda mix: A.Compose([A.Compose([mix])]),
    "sequential": lambda mix: A.Sequential([A.HorizontalFlip(p=1), mix], p=1),
    "one-of": lambda mix: A.OneOf([mix], p=1),
    "some-of": lambda mix: A.SomeOf([mix, A.NoOp(p=1)], n=2, p=1),
    "one-or-other": lambda mix: A.OneOrOther(mix, mix, p=1),
    "one-of-sequential": lambda mix: A.OneOf([A.Sequential([mix, A.NoOp()], p=1)], p=1),
}


@pytest.mark.parametrize("strict", [False, True], ids=["lenient", "strict"])
@pytest.mark.parametrize("name", CONTAINERS)
def test_mix_works_in_a_container(name, strict):
    """Image, mask, boxes, fields and label are mixed by one patch in every container."""
    pool = [
        Donor(
            image(255),
            mask=np.ones(SHAPE, np.int32),
            bboxes=np.array([FULL]),
            fields={"kind": [2]},
            label=1,
        )
    ]
    mix = CutMix(pool, classes=3, p=1.0, min_visibility=0.0)
    params = A.BboxParams(format="pascal_voc", label_fields=["kind"])
    run = A.Compose([CONTAINERS[name](mix)], bbox_params=params, strict=strict, seed=1)
    out = run(image=image(), mask=np.zeros(SHAPE, np.int32), bboxes=[FULL], kind=[1], label=0)
    x0, y0, x1, y1 = out["mix"].patches[0].tolist()
    expected = np.zeros(SHAPE, np.int32)
    expected[y0:y1, x0:x1] = 1
    np.testing.assert_array_equal(out["mask"], expected)
    np.testing.assert_array_equal(out["image"], 255 * expected)
    np.testing.assert_allclose(out["bboxes"], [FULL, [x0, y0, x1, y1]], atol=1e-3)
    assert out["kind"] == [1, 2]
    assert out["label"].tolist() == [np.float32(1 - share(out)), np.float32(share(out)), 0.0]


@pytest.mark.parametrize("name", CONTAINERS)
def test_mix_targets_works_in_a_container(name):
    """MixTargets softens the label and changes nothing else in every container."""
    run = A.Compose([CONTAINERS[name](MixTargets(classes=3))], seed=1)
    out = run(image=image(7), label=2)
    assert out["label"].tolist() == [0.0, 0.0, 1.0]
    assert out["label"].dtype == np.float32
    assert (out["mix"].kind, out["mix"].applied) == ("none", False)
    np.testing.assert_array_equal(out["image"], image(7))


def test_one_or_other_of_two_mixes():
    """Two mixes of which one is called may share a record key; both are called over time."""
    run = A.Compose(
        [A.OneOrOther(cutmix(), CutMix(donors(label=2), classes=3, p=1.0), p=0.5)], seed=1
    )
    classes = {int(run(image=image(), label=0)["label"][1:].argmax()) for _ in range(40)}
    assert classes == {0, 1}


def test_geometry_after_the_mix_carries_everything():
    """A flip after the mix moves image, mask and boxes alike; label and record stay."""
    pool = [Donor(image(255), bboxes=np.array([FULL]), fields={"kind": [2]}, label=1)]
    params = A.BboxParams(format="pascal_voc", label_fields=["kind"])
    mix = CutMix(pool, classes=2, p=1.0, min_visibility=0.0)
    out = A.Compose([mix, A.HorizontalFlip(p=1)], bbox_params=params, seed=2)(
        image=image(), bboxes=[], kind=[], label=0
    )
    x0, y0, x1, y1 = out["mix"].patches[0].tolist()
    np.testing.assert_allclose(out["bboxes"], [[17 - x1, y0, 17 - x0, y1]], atol=1e-3)
    rows, cols = np.nonzero(out["image"])
    assert (cols.min(), rows.min(), cols.max() + 1, rows.max() + 1) == (17 - x1, y0, 17 - x0, y1)


# Every target at once ----------------------------------------------------------------------------


def whole_mix(start: int = 1000, **settings: Any) -> CutMix:
    """A mix that always fires, of one donor with every target."""
    return CutMix(
        [whole_donor(start)], **{"classes": 3, "p": 1.0, "min_visibility": 0.0, **settings}
    )


@pytest.mark.parametrize("strict", [False, True], ids=["lenient", "strict"])
@pytest.mark.parametrize("listed", [True, False], ids=["lists", "arrays"])
@pytest.mark.parametrize("name", CONTAINERS)
def test_every_target_is_true_in_a_container(name, listed, strict):
    """Masks, keypoints and aliases are mixed by the same patch as the image in every container."""
    run = pipeline(CONTAINERS[name](whole_mix(area_range=(0.3, 0.5))), strict=strict)
    for _ in range(3):
        out = run(**primary(listed=listed))
        assert out["mix"].applied
        assert_true(out)
        assert {str(kind).split()[0] for kind in out["kind"]} == {"0", "1000"}


@pytest.mark.parametrize("empty", [False, True], ids=["objects", "no-objects"])
@pytest.mark.parametrize("mode", ["clip", "drop"])
@pytest.mark.parametrize("seed", range(3))
def test_two_mixes_in_a_row_are_true(seed, mode, empty):
    """A second mix treats what the first pasted as part of the primary, target by target."""
    mixes = [whole_mix(1000, bbox_mode=mode), whole_mix(2000, bbox_mode=mode, record_key="second")]
    run = pipeline(A.HorizontalFlip(p=1), *mixes, A.VerticalFlip(p=1), seed=seed, strict=True)
    for _ in range(4):
        out = run(**primary(empty=empty))
        assert_true(out)
        assert (out["mix"].applied, out["second"].applied) == (True, True)


def kinds_of(out: dict[str, Any]) -> dict[str, tuple]:
    """Type and dtype of every part of a result; strings may be of any length."""
    return {
        key: (type(value).__name__, str(getattr(value, "dtype", "")).rstrip("0123456789"))
        if str(getattr(value, "dtype", "")).startswith("<U")
        else (type(value).__name__, str(getattr(value, "dtype", "")))
        for key, value in out.items()
    }


SETTINGS = [
    pytest.param({}, id="instances"),
    pytest.param({"masks_mode": "layers"}, id="layers"),
    pytest.param({"ignore_field": "crowd"}, id="ignored"),
    pytest.param({"label_mode": "pair"}, id="pair"),
]


@pytest.mark.parametrize("form", [list, np.array], ids=["list", "array"])
def test_second_mix_keeps_the_labels_that_the_first_brought(form):
    """Into an empty primary two mixes bring strings of their own, and both come back."""
    first, second = ([boxed(1, kind=[name])] for name in ("cat", "elephant"))
    settings = {"p": 1.0, "min_visibility": 0.0}
    mixes = [CutMix(first, **settings), CutMix(second, record_key="second", **settings)]
    params = A.BboxParams(format="pascal_voc", label_fields=["kind"])
    run = A.Compose(mixes, bbox_params=params, seed=1)
    for _ in range(2):
        out = run(image=image(), bboxes=[], kind=form([]))
        assert list(out["kind"]) == ["cat", "elephant"]


@pytest.mark.parametrize("listed", [True, False], ids=["lists", "arrays"])
@pytest.mark.parametrize("settings", SETTINGS)
def test_every_target_keeps_its_type(settings, listed):
    """Keys, containers and dtypes of every target are the same whether or not the mix fired."""
    outs = [pipeline(whole_mix(p=p, **settings))(**primary(listed=listed)) for p in (0.0, 1.0)]
    assert [out["mix"].applied for out in outs] == [False, True]
    assert kinds_of(outs[0]) == kinds_of(outs[1])


@pytest.mark.parametrize("settings", [SETTINGS[0], SETTINGS[2], SETTINGS[3]])
def test_empty_targets_keep_their_type(settings):
    """So are they where the primary holds no object and no point."""
    outs = [pipeline(whole_mix(p=p, **settings))(**primary(empty=True)) for p in (0.0, 1.0)]
    assert [len(out["masks"]) > 0 for out in outs] == [False, True]
    assert kinds_of(outs[0]) == kinds_of(outs[1])


def test_order_of_keywords_does_not_matter():
    """All orders of six targets give the same result bit for bit."""
    call = primary()
    names = ("image", "mask", "masks", "bboxes", "keypoints", "depth")
    rest = {key: value for key, value in call.items() if key not in names}
    run = pipeline(whole_mix())
    found = set()
    for order in permutations(names):
        run.set_random_seed(3)
        out = run(**{name: call[name] for name in order}, **rest)
        found.add(str(sorted(bits(out).items())))
    assert len(found) == 1


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        pytest.param(("masks",), ("bbox_params", "keypoint_params"), id="masks"),
        pytest.param(("keypoints", "at"), ("bbox_params",), id="keypoints"),
        pytest.param(("depth",), ("bbox_params", "keypoint_params"), id="alias"),
        pytest.param(("bboxes", "masks", "kind", "crowd"), ("keypoint_params",), id="objects"),
    ],
)
def test_targets_without_the_others(names, missing):
    """A target comes out as it does beside all others, whatever else is declared."""
    call = primary()
    some = {name: call[name] for name in ("image", *names)}
    alone = pipeline(whole_mix(), **dict.fromkeys(missing))(**some)
    together = pipeline(whole_mix())(**call)
    assert bits({name: alone[name] for name in some}) == bits({n: together[n] for n in some})


@pytest.mark.parametrize("form", [list, tuple, np.array], ids=["list", "tuple", "array"])
@pytest.mark.parametrize("mode", ["instances", "layers"])
def test_masks_of_a_direct_call(mode, form):
    """Outside of a pipeline masks are mixed as inside of one, whatever holds them."""
    call = {"image": primary()["image"], "masks": form(primary()["masks"])}
    mix = whole_mix(masks_mode=mode)
    inside = A.Compose([mix], seed=5)(**call)
    mix.set_random_seed(5)
    masks = mix(**call)["masks"]
    assert isinstance(masks, np.ndarray if form is np.array else list)
    np.testing.assert_array_equal(masks, inside["masks"])


@pytest.mark.parametrize("p", [0.0, 1.0], ids=["not-fired", "fired"])
@pytest.mark.parametrize("objects", [0, 2], ids=["no-objects", "objects"])
def test_alias_boxes_ride_along(objects, p):
    """Boxes under another name are mixed as boxes, in every container and in the caller's order."""
    rows = [[0.0, 0.0, 17.0, 11.0], [1.0, 1.0, 4.0, 4.0]][:objects]
    whole = [0.0, 0.0, 17.0, 11.0]
    donor = Donor(image(255), bboxes=np.zeros((0, 4)), aliases={"ears": np.array([whole])})
    mix = CutMix([donor], p=p, min_visibility=0.0)
    run = A.Compose(
        [A.OneOf([A.Sequential([mix])], p=1)],
        seed=1,
        strict=True,
        bbox_params=A.BboxParams("pascal_voc"),
        additional_targets={"ears": "bboxes"},
    )
    out = run(ears=rows, bboxes=[], image=image())
    assert isinstance(out["ears"], list)
    assert len(out["bboxes"]) == 0
    if p:
        np.testing.assert_allclose(out["ears"][-1], out["mix"].patches[0], atol=1e-3)
        assert len(out["ears"]) > 0
    else:
        np.testing.assert_allclose(np.ravel(out["ears"]), np.ravel(rows), atol=1e-3)


# Two mixes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_soft_labels_multiply(seed):
    """Two mixes in a row: the second scales the first's label by its own lam."""
    run = A.Compose(
        [cutmix(), CutMix(donors(label=2), classes=3, p=1.0, record_key="second")], seed=seed
    )
    out = run(image=image(), label=0)
    first, second = share(out), share(out, "second")
    once = np.array([1 - first, first, 0.0]).astype(np.float32).astype(np.float64)
    expected = (1 - second) * once + second * np.array([0.0, 0.0, 1.0])
    np.testing.assert_array_equal(out["label"], expected.astype(np.float32))
    assert abs(float(out["label"].sum()) - 1) < 1e-6


def test_mix_targets_then_a_mix():
    """A label that MixTargets made soft is mixed as if it had been an index."""
    alone = A.Compose([cutmix()], seed=3)(image=image(), label=0)
    after = A.Compose([MixTargets(classes=3), cutmix()], seed=3)(image=image(), label=0)
    assert after["mix"].to_json() == alone["mix"].to_json()
    np.testing.assert_array_equal(after["label"], alone["label"])


def test_two_mixes_draw_differently():
    """Two mixes of one seeded pipeline, equal but for their record key, share no draw."""
    mixes = [
        CutMix(donors(50, BIG), classes=3, p=1.0, record_key=key) for key in ("first", "second")
    ]
    run = A.Compose(mixes, seed=4)
    outs = [run(image=image(shape=BIG), label=0) for _ in range(20)]
    same = [(out["first"].patches == out["second"].patches).all() for out in outs]
    assert same == [False] * 20
    one = {int(out["first"].donors[0]) - int(out["second"].donors[0]) for out in outs}
    assert len(one) > 5


def test_gates_of_two_mixes_are_independent():
    """At p = 0.5 all four outcomes of two mixes come about a quarter of the time."""
    run = A.Compose([cutmix(p=0.5), cutmix(p=0.5, record_key="second")], seed=5)
    outs = [run(image=image(), label=0) for _ in range(400)]
    counts = np.bincount([2 * o["mix"].applied + o["second"].applied for o in outs], minlength=4)
    assert ((counts > 60) & (counts < 140)).all()


@pytest.mark.parametrize("seed", [0, 1, 137])
def test_same_seed_same_record(seed):
    """Equal seeds give equal records, call after call; another seed gives others."""

    def records(chosen: int) -> list[str]:
        run = A.Compose([CutMix(donors(9, BIG), p=0.7)], seed=chosen)
        return [run(image=image(shape=BIG))["mix"].to_json() for _ in range(15)]

    first = records(seed)
    assert first == records(seed)
    assert first != records(seed + 1)


def test_set_random_seed_begins_again():
    """Seeding a pipeline a second time repeats its draws."""
    run = A.Compose([A.OneOf([CutMix(donors(9, BIG), p=1.0)], p=1)], seed=8)
    first = [run(image=image(shape=BIG))["mix"].to_json() for _ in range(5)]
    run.set_random_seed(8)
    assert first == [run(image=image(shape=BIG))["mix"].to_json() for _ in range(5)]


# Whether the mix fires ---------------------------------------------------------------------------


@pytest.mark.parametrize(("p", "low", "high"), [(0.0, 0, 0), (0.5, 245, 355), (1.0, 600, 600)])
def test_rate_of_p(p, low, high):
    """Of 600 calls p are mixed, within 4.5 standard deviations; the others say reason 'p'."""
    run = A.Compose([cutmix(p=p)], seed=6)
    records = [run(image=image(), label=0)["mix"] for _ in range(600)]
    assert low <= sum(record.applied for record in records) <= high
    assert all(record.reason == ("" if record.applied else "p") for record in records)


def test_rate_within_one_of():
    """OneOf gives a mix of p = 1 beside NoOp half of the calls, not a quarter."""
    run = A.Compose([MixTargets(classes=3), A.OneOf([cutmix(p=1.0), A.NoOp(p=1.0)], p=1)], seed=7)
    fired = sum(run(image=image(), label=0)["mix"].applied for _ in range(600))
    assert 245 <= fired <= 355


@pytest.mark.parametrize("mode", ["soft", "pair"])
@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
def test_same_keys_types_and_shapes_at_every_p(p, mode):
    """A call gives the same keys, types and shapes whether or not the mix fires."""
    run = A.Compose([cutmix(p=p, label_mode=mode)], seed=9)
    expected = A.Compose([cutmix(label_mode=mode)], seed=9)(image=image(), label=0)
    outs = [run(image=image(), label=0) for _ in range(30)]
    assert [types(out) for out in outs] == [types(expected)] * 30


@pytest.mark.parametrize("mode", ["soft", "pair"])
@pytest.mark.parametrize(
    "container",
    [
        pytest.param(lambda mix: A.OneOf([mix, A.NoOp()], p=1), id="one-of"),
        pytest.param(lambda mix: A.OneOf([mix, A.NoOp()], p=0.5), id="seldom-one-of"),
        pytest.param(lambda mix: A.SomeOf([mix, A.NoOp(), A.NoOp()], n=1, p=1), id="some-of"),
        pytest.param(lambda mix: A.Sequential([mix], p=0.5), id="sequential"),
    ],
)
def test_mix_targets_beside_a_container(container, mode):
    """With MixTargets first, calls that skip the mix give the same keys, types and shapes."""
    first = MixTargets(classes=3, label_mode=mode)
    run = A.Compose([first, container(cutmix(label_mode=mode))], seed=10)
    outs = [run(image=np.zeros(SHAPE, np.uint8), label=0) for _ in range(60)]
    assert [types(out) for out in outs] == [types(outs[0])] * 60
    assert {out["mix"].kind for out in outs} == {"none", "cutmix"}
    batch = default_collate(outs)
    assert batch["image"].shape == (60, *SHAPE)
    assert batch["label"].shape == ((60, 3) if mode == "soft" else (60,))
    assert batch["mix"].patches.shape == (60, 1, 4)
    assert batch["mix"].applied.tolist() == [out["mix"].applied for out in outs]


def test_compose_that_never_runs():
    """Compose(p=0) hands the call back untouched: that is why MixTargets has its own place."""
    out = A.Compose([cutmix()], p=0, seed=1)(image=image(), label=0)
    assert set(out) == {"image", "label"}
    assert out["label"] == 0
    np.testing.assert_array_equal(out["image"], image())


# Host options ------------------------------------------------------------------------------------


def test_strict_refuses_a_key_that_the_mix_does_not_know():
    """The mix announces its own keys to strict pipelines, and no others."""
    run = A.Compose([cutmix()], strict=True, seed=1)
    out = run(image=image(), label=0, pool_index=None, mix_metadata=donors(3, label=2))
    assert out["label"][2] > 0
    with pytest.raises(ValueError, match="other"):
        run(image=image(), other=1)


def test_save_applied_params_names_the_mix():
    """The host's list of applied transforms names the mix when it fired, and is empty else."""
    fired = A.Compose([cutmix()], save_applied_params=True, seed=1)(image=image(), label=0)
    idle = A.Compose([cutmix(p=0)], save_applied_params=True, seed=1)(image=image(), label=0)
    assert [name for name, _ in fired["applied_transforms"]] == ["CutMix"]
    assert idle["applied_transforms"] == []
    assert fired["mix"].applied
    assert not idle["mix"].applied


def test_replay_compose_mixes_and_replays():
    """What ReplayCompose saved rebuilds image, label and record."""
    out = A.ReplayCompose([cutmix()])(image=image(), label=0)
    again = A.ReplayCompose.replay(out["replay"], image=image(), label=0)
    assert out["image"].any()
    np.testing.assert_array_equal(again["image"], out["image"])
    np.testing.assert_array_equal(again["label"], out["label"])
    assert again["mix"].to_json() == out["mix"].to_json()


@pytest.mark.parametrize("calls", [0, 3], ids=["fresh", "used"])
def test_pickled_pipeline_goes_on(calls):
    """A pipeline comes back from pickle with its pool, its settings and its random state."""
    params = A.BboxParams(format="pascal_voc", label_fields=["kind"])
    pool = [
        Donor(image(255, BIG), bboxes=np.array([[0.0, 0, 89, 67]]), fields={"kind": ["ox"]})
        for _ in range(20)
    ]
    run = A.Compose([CutMix(pool, p=0.7)], bbox_params=params, seed=11)
    call = {"image": image(shape=BIG), "bboxes": [[0, 0, 89, 67]], "kind": ["elephant"]}
    for _ in range(calls):
        run(**call)
    copy = pickle.loads(pickle.dumps(run))
    mine, theirs = [run(**call) for _ in range(10)], [copy(**call) for _ in range(10)]
    assert [o["mix"].to_json() for o in mine] == [o["mix"].to_json() for o in theirs]
    assert [o["kind"] for o in mine] == [o["kind"] for o in theirs]
    np.testing.assert_array_equal([o["image"] for o in mine], [o["image"] for o in theirs])


@pytest.mark.parametrize("kind", ["list", "mappings"])
def test_repr_prints_no_pixels(kind):
    """The repr of a pipeline shows settings, never the pool."""
    pool: list = donors(3)
    if kind == "mappings":
        pool = [{"image": image(255), "label": 1}]
    shown = repr(A.Compose([CutMix(pool, area_range=(0.1, 0.2), p=0.3)]))
    assert "CutMix(p=0.3, alpha=1.0, area_range=[0.1, 0.2]" in shown
    assert "255" not in shown
    assert "array" not in shown
    assert len(shown) < 900


# Label fields ------------------------------------------------------------------------------------


def with_fields(mix: Any, *names: str) -> A.Compose:
    """A pipeline with boxes in pixels and these label fields."""
    params = A.BboxParams(format="pascal_voc", label_fields=list(names))
    return A.Compose([mix], bbox_params=params, seed=1)


def boxed(count: int, **fields: Any) -> Donor:
    """A donor of some boxes, all of which show: each fills the image."""
    return Donor(image(255), bboxes=np.array([FULL] * count).reshape(-1, 4), fields=fields)


def always(*pool: Donor, **settings: Any) -> CutMix:
    """A mix that keeps every box of both sides."""
    return CutMix(list(pool), p=1.0, min_visibility=0.0, area_range=(0.3, 0.3), **settings)


def shown(values: Any) -> tuple:
    """Container, dtype, types of the elements and values of a label field."""
    dtype = getattr(values, "dtype", None)
    return type(values), dtype, [type(value) for value in values], list(values)


def both(mine: Any, theirs: Any) -> Any:
    """The two sides' values in the primary's container and dtype; strings as long as need be."""
    if not isinstance(mine, np.ndarray):
        return type(mine)([*mine, *theirs])
    dtype = None if mine.dtype.kind == "U" else mine.dtype
    return np.array([*mine.tolist(), *theirs], dtype)


FILLED = [
    pytest.param([1, 2], [3, 4], id="ints"),
    pytest.param([0.5], [2.25], id="floats"),
    pytest.param([1, 0.5], [3], id="ints-and-floats"),
    pytest.param((1, 2), [3], id="tuple"),
    pytest.param([np.int64(1), np.int64(2)], [3], id="numpy-ints"),
    pytest.param([np.float64(0.5)], [0.25], id="numpy-floats"),
    pytest.param(["ox", "cow"], ["hippopotamus"], id="strings"),
    pytest.param([np.str_("ox")], ["hippopotamus"], id="numpy-strings"),
    pytest.param(np.array([1, 2]), [3, 2**24], id="int64"),
    pytest.param(np.array([1, 2], np.int32), [-3], id="int32"),
    pytest.param(np.array([1, 255], np.uint8), [0, 7], id="uint8"),
    pytest.param(np.array([1.5, 2], np.float32), [3], id="float32"),
    pytest.param(np.array([1.5, 2]), [0.125], id="float64"),
    pytest.param(np.array(["ox", "cow"]), ["hippopotamus", "ox"], id="string-array"),
    pytest.param(np.array(["elephant"]), ["ox"], id="shorter-strings"),
    pytest.param(np.array(["ox"], object), ["hippopotamus"], id="objects"),
]


@pytest.mark.parametrize("form", [list, np.array], ids=["donor-list", "donor-array"])
@pytest.mark.parametrize(("mine", "theirs"), FILLED)
def test_label_field_comes_back_as_without_the_mix(mine, theirs, form):
    """Container, dtype and elements are those that A.NoOp returns for the rows of both sides."""
    call = {"image": image(), "bboxes": [FULL] * len(mine), "kind": mine}
    out = with_fields(always(boxed(len(theirs), kind=form(theirs))), "kind")(**call)
    rows = both(mine, theirs)
    plain = with_fields(A.NoOp(), "kind")(image=image(), bboxes=[FULL] * len(rows), kind=rows)
    assert shown(out["kind"]) == shown(plain["kind"])


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        pytest.param([], [3, 4], id="ints"),
        pytest.param([], [0.5], id="floats"),
        pytest.param([], ["ox", "hippopotamus"], id="strings"),
        pytest.param(np.array([], np.int64), [3, 4], id="int64"),
        pytest.param(np.array([], np.uint8), [255], id="uint8"),
        pytest.param(np.array([], np.float32), [0.5], id="float32"),
        pytest.param(np.array([], "<U1"), ["ox", "hippopotamus"], id="string-array"),
    ],
)
@pytest.mark.parametrize("boxes", [[], np.zeros((0, 4))], ids=["box-list", "box-array"])
def test_empty_primary_takes_the_donors_labels(boxes, mine, theirs):
    """The first call of a pipeline may be an empty one: its container and dtype hold."""
    out = with_fields(always(boxed(len(theirs), kind=theirs)), "kind")(
        image=image(), bboxes=boxes, kind=mine
    )
    rows = both(mine, theirs)
    plain = with_fields(A.NoOp(), "kind")(image=image(), bboxes=[FULL] * len(rows), kind=rows)
    assert shown(out["kind"]) == shown(plain["kind"])
    assert len(out["bboxes"]) == len(theirs)


@pytest.mark.parametrize(
    "mine",
    [
        pytest.param([1, 2], id="ints"),
        pytest.param(["ox"], id="strings"),
        pytest.param([], id="nothing"),
        pytest.param(np.array([1, 2], np.int32), id="int32"),
        pytest.param(np.array(["ox"]), id="string-array"),
        pytest.param(np.array([], np.int32), id="empty-int32"),
    ],
)
def test_empty_donor_leaves_the_labels(mine):
    """A donor without objects adds nothing, whatever the kind of the field."""
    call = {"image": image(), "bboxes": [FULL] * len(mine), "kind": mine}
    out = with_fields(always(boxed(0, kind=[])), "kind")(**call)
    plain = with_fields(A.NoOp(), "kind")(**call)
    assert shown(out["kind"]) == shown(plain["kind"])
    assert out["mix"].applied


@pytest.mark.parametrize("form", [list, np.array], ids=["list", "array"])
def test_unseen_strings_call_after_call(form):
    """Strings grow longer from donor to donor, and every one comes back whole."""
    words = ["cow", "horse", "elephant", "hippopotamus amphibius"]
    run = with_fields(CutMix(p=1.0, min_visibility=0.0, area_range=(0.3, 0.3)), "kind")
    found = [
        list(
            run(
                image=image(),
                bboxes=[FULL],
                kind=form(["ox"]),
                mix_metadata=[boxed(1, kind=[word])],
            )["kind"]
        )
        for word in words
    ]
    assert found == [["ox", word] for word in words]


def test_several_fields_of_several_kinds():
    """Each of several fields keeps its own container and dtype, and all stay in step."""
    names = ("kind", "row", "score", "crowd")
    mine = {
        "kind": ["ox", "cow"],
        "row": np.array([1, 2], np.int32),
        "score": [0.5, 0.25],
        "crowd": np.array([0, 1], np.uint8),
    }
    theirs = {"crowd": [1], "score": np.array([0.125]), "kind": ["hippopotamus"], "row": [3]}
    out = with_fields(always(boxed(1, **theirs)), *names)(image=image(), bboxes=[FULL] * 2, **mine)
    assert {name: shown(out[name])[:2] for name in names} == {
        "kind": (list, None),
        "row": (np.ndarray, np.dtype("int32")),
        "score": (list, None),
        "crowd": (np.ndarray, np.dtype("uint8")),
    }
    assert {name: list(out[name]) for name in names} == {
        "kind": ["ox", "cow", "hippopotamus"],
        "row": [1, 2, 3],
        "score": [0.5, 0.25, 0.125],
        "crowd": [0, 1, 1],
    }


@pytest.mark.parametrize("p", [0.0, 1.0], ids=["not-fired", "fired"])
def test_label_field_named_label_is_no_class_label(p):
    """A field called 'label' follows the boxes and is never mixed as a class label."""
    donor = Donor(image(255), bboxes=np.array([FULL]), fields={"label": [3]}, label=1)
    run = with_fields(CutMix([donor], p=p, min_visibility=0.0, classes=2), "label")
    out = run(image=image(), bboxes=[FULL], label=np.array([7]))
    assert out["label"].dtype == np.int64
    assert out["label"].tolist() == ([7, 3] if p else [7])
    assert set(out) == {"image", "bboxes", "label", "mix"}


@pytest.mark.parametrize("p", [0.0, 1.0], ids=["not-fired", "fired"])
@pytest.mark.parametrize("mine", [[], np.array([], np.int64)], ids=["list", "array"])
def test_empty_label_field_named_label_is_no_class_label(mine, p):
    """Nor is it one where the primary is empty and the host leaves the field in the call."""
    donor = Donor(image(255), bboxes=np.array([FULL]), fields={"label": [3]}, label=1)
    run = with_fields(CutMix([donor], p=p, min_visibility=0.0, classes=2), "label")
    out = run(image=image(), bboxes=[], label=mine)
    assert list(out["label"]) == ([3] if p else [])
    if p:  # without any box 2.0.8 itself returns an empty list
        assert type(out["label"]) is type(mine)


def test_class_label_beside_a_field_named_label():
    """With another label_key both are there: rows in one, weights in the other."""
    donor = Donor(image(255), bboxes=np.array([FULL]), fields={"label": [3]}, label=1)
    run = with_fields(always(donor, classes=2, label_key="target"), "label")
    out = run(image=image(), bboxes=[FULL], label=[7], target=0)
    assert out["label"] == [7, 3]
    assert out["target"].tolist() == [np.float32(1 - share(out)), np.float32(share(out))]


@pytest.mark.parametrize(
    "boxes",
    [[FULL], (tuple(FULL),), np.array([FULL]), np.array([FULL], np.float32)],
    ids=["lists", "tuples", "float64", "float32"],
)
@pytest.mark.parametrize("p", [0.0, 1.0], ids=["not-fired", "fired"])
def test_boxes_come_back_as_without_the_mix(p, boxes):
    """Container, dtype and rows of the boxes are those that A.NoOp returns."""
    mix = CutMix([boxed(1, kind=[2])], p=p, min_visibility=0.0)
    call = {"image": image(), "bboxes": boxes, "kind": [1]}
    found = with_fields(mix, "kind")(**call)["bboxes"]
    plain = with_fields(A.NoOp(), "kind")(**call)["bboxes"]
    assert shown(found)[:2] == shown(plain)[:2]
    assert {type(row) for row in found} == {type(row) for row in plain}


@pytest.mark.parametrize("p", [0.0, 1.0], ids=["later-not-fired", "later-fired"])
def test_strings_of_a_later_primary_stay_whole(p):
    """A short string of a donor in an empty first call never cuts a later primary's strings."""
    mix = always(boxed(1, kind=["ox"]))
    run = with_fields(mix, "kind")
    run(image=image(), bboxes=[], kind=np.array([], "<U8"))
    mix.p = p
    out = run(image=image(), bboxes=[FULL], kind=np.array(["elephant"]))
    assert out["kind"].tolist()[:1] == ["elephant"]


@pytest.mark.parametrize(
    ("first", "later"),
    [
        pytest.param([], np.array([5]), id="list-then-array"),
        pytest.param(np.array([]), np.array([5]), id="default-dtype-then-ints"),
        pytest.param(np.array([]), [5], id="array-then-list"),
    ],
)
def test_empty_first_call_does_not_fix_the_type(first, later):
    """Later calls come back as A.NoOp returns them, whatever an empty first call was."""
    outs = []
    for mix in (always(boxed(1, kind=[3])), A.NoOp()):
        run = with_fields(mix, "kind")
        run(image=image(), bboxes=[], kind=first)
        outs.append(run(image=image(), bboxes=[FULL], kind=later)["kind"])
    assert shown(outs[0])[:2] == shown(outs[1])[:2]


def test_repr_of_a_donor_prints_no_pixels():
    """A donor is shown by its id and shapes: pixels are never printed."""
    assert "255" not in repr(Donor(image(255), id="d.png"))


def test_boxes_of_a_mapping_are_not_read_without_their_format():
    """A pool written for COCO boxes serves a pipeline of images alone."""
    whole = {"image": image(255), "bboxes": [[9, 8, 5, 3]], "labels": ["ox"], "keypoints": [[1]]}
    out = A.Compose([CutMix([whole], p=1.0)])(image=image())
    assert out["mix"].applied
