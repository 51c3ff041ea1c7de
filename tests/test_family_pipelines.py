"""MixUp, Cutout and several patches in pipelines: containers, records, replays, odd calls."""

from __future__ import annotations

import json
import re
from functools import partial

import albumentations as A
import numpy as np
import pytest
from whole_samples import ALIASES, assert_true, bits, donor, numbers, pipeline, primary

from albu_cutmix import (
    CutMix,
    Cutout,
    Donor,
    InvalidArgumentError,
    InvalidSampleError,
    MixRecord,
    MixSchedule,
    MixTargets,
    MixUp,
    audit,
    draw_mix,
    replay,
    show,
    weighted,
)

BIG = (23, 31)
POOL = [donor(1000 * k) for k in range(1, 7)]
KINDS = {
    "cutmix": partial(CutMix, POOL, num_patches=(1, 3), classes=2),
    "mixup": partial(MixUp, POOL, classes=2),
    "cutout": partial(Cutout, num_patches=(1, 3), classes=2, fill="noise"),
}
FLAGGED = {"keypoint_mode": "flag", "keypoint_visibility_field": "at"}


@pytest.mark.parametrize("placement", ["inside", "paper", "avoid", "objects"])
def test_several_patches_keep_every_target_true(placement):
    """Each pixel's targets come from one sample, wherever patches overlap."""
    mix = CutMix(POOL, num_patches=4, placement=placement, classes=2, p=1.0)
    run = pipeline(MixTargets(classes=2, num_patches=4), mix, A.HorizontalFlip(p=0.5))
    for _ in range(25):
        out = run(**primary())
        assert_true(out)
        assert out["label"].sum() == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("settings", [{}, {"ignore_field": "crowd"}, {"masks_mode": "layers"}])
def test_records_replay_bit_for_bit(kind, settings):
    """A record that went through JSON makes the same output again, of every target."""
    run = pipeline(KINDS[kind](p=0.8, seam_key="seam", **settings))
    fired = 0
    for _ in range(8):
        call = primary(listed=False)
        out = run(**call)
        line = out["mix"].to_json()
        again = replay(MixRecord.from_json(line), call, None if kind == "cutout" else POOL, run)
        assert bits(again) == bits(out)
        fired += out["mix"].applied
    assert fired > 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("empty", [False, True], ids=["objects", "empty"])
def test_keys_and_types_do_not_depend_on_the_gate(kind, empty):
    """Fired or not, every key is there, of one type, dtype and number of axes."""
    outs = [
        pipeline(KINDS[kind](p=p, seam_key="seam"))(**primary(listed=False, empty=empty))
        for p in (0.0, 1.0)
    ]
    kinds = [
        {key: (type(value), getattr(value, "dtype", None)) for key, value in out.items()}
        for out in outs
    ]
    assert kinds[0].keys() == kinds[1].keys()
    for key in ("image", "mask", "label", "seam", "mix", "depth", "parts"):
        assert kinds[0][key] == kinds[1][key], key
    shapes = [[np.shape(part) for part in out["mix"]] for out in outs]
    assert shapes[0] == shapes[1]
    assert [out["mix"].reason for out in outs] == ["p", ""]


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_written_to(kind):
    """Primary and donors stay as they were, byte for byte."""
    call = primary(listed=False)
    before = bits(call), [bits(one.content) for one in POOL]
    pipeline(KINDS[kind](p=1.0))(**call)
    assert (bits(call), [bits(one.content) for one in POOL]) == before


def test_one_of_behind_mix_targets():
    """Whichever mix a container calls, keys and types are those of the others."""
    steps = [
        MixTargets(classes=2, num_patches=3, seam_key="seam"),
        A.OneOf(
            [
                CutMix(POOL, num_patches=3, seam_key="seam", classes=2),
                MixUp(POOL, seam_key="seam", classes=2),
                Cutout(classes=2, seam_key="seam"),
                A.NoOp(),
            ],
            p=1.0,
        ),
    ]
    run, seen = pipeline(*steps), {}
    for _ in range(60):
        out = run(**primary(listed=False))
        seen.setdefault(out["mix"].kind, out)
        assert out["label"].sum() == pytest.approx(1.0, abs=1e-6)
    assert seen.keys() == {"cutmix", "mixup", "cutout", "none"}
    shapes = {
        kind: [(np.shape(part), np.asarray(part).dtype.kind) for part in out["mix"]]
        for kind, out in seen.items()
    }
    assert len({str(one) for one in shapes.values()}) == 1
    assert len({tuple(sorted(out)) for out in seen.values()}) == 1
    assert {out["label"].dtype for out in seen.values()} == {np.dtype(np.float32)}
    assert {out["seam"].dtype for out in seen.values()} == {np.dtype(np.uint8)}


def test_a_replay_has_the_slots_of_the_record():
    """Behind `MixTargets` a record may have more slots than its mix, and replays with them."""
    run = pipeline(MixTargets(classes=2, num_patches=(1, 4)), MixUp(POOL, classes=2, p=1.0))
    call = primary(listed=False)
    out = run(**call)
    assert replay(out["mix"], call, POOL, run)["mix"] == out["mix"]
    assert len(out["mix"].donors) == 4


def test_small_weights_do_not_drown():
    """Donors are distinct while the pool allows, however little some of them weigh."""
    for weights in ([1, 1e-17, 1e-17], [1e20, 1, 1], [1, 1, 1e20]):
        mix = CutMix(weighted(POOL[:3], np.array(weights)), num_patches=2, classes=2, p=1.0)
        for _ in range(5):
            donors = pipeline(mix)(**primary())["mix"].donors.tolist()
            assert len(set(donors)) == 2
            assert int(np.argmax(weights)) in donors


def test_a_record_without_room_is_an_error():
    """A record that would change its shape with the draw is refused, with the way out."""
    run = A.Compose([MixTargets(num_patches=2), CutMix(POOL, num_patches=(1, 3), p=1.0)])
    words = "room for 2 patches, got up to 3 from CutMix: its shape would depend on the draw. Use"
    with pytest.raises(InvalidSampleError, match=re.escape(words)):
        run(image=numbers(0))


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_mix_multiplies_the_label(kind):
    """The label of two mixes is that of the first, mixed once more."""
    first = KINDS[kind](p=1.0, record_key="first")
    run = pipeline(first, CutMix(POOL, classes=2, p=1.0, record_key="second"))
    out = run(**primary(listed=False))
    own = 1.0 if kind == "cutout" else float(out["first"].lam)
    expected = own * (1 - out["second"].owned_px.sum() / (11 * 17))
    assert out["label"].tolist() == pytest.approx([expected, 1 - expected], abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_schedule_holds_it_back(kind):
    """The factor of the epoch counts, and the record says so."""
    run = pipeline(KINDS[kind](p=1.0, schedule=MixSchedule(4, stop_last=2)))
    mix = run.transforms[0]
    for epoch, reason in ((0, ""), (3, "schedule")):
        mix.schedule.set_epoch(epoch)
        assert run(**primary())["mix"].reason == reason


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_record(kind):
    """A pipeline's own seed decides, and nothing else."""
    lines = []
    for noise in (1, 2):
        np.random.seed(noise)  # noqa: NPY002 - a stream that must not matter
        run = pipeline(KINDS[kind](p=0.7), seed=5)
        lines.append([run(**primary())["mix"].to_json() for _ in range(6)])
    assert lines[0] == lines[1]
    assert len(set(lines[0])) > 3


@pytest.mark.parametrize("kind", KINDS)
def test_audit_draw_and_show(kind):
    """All three are audited, drawn and shown; what the audit says repeats."""
    mix = KINDS[kind](p=1.0)
    reports = [audit(mix, POOL, n=24, seed=3, progress=False) for _ in range(2)]
    assert reports[0].summary == reports[1].summary
    assert reports[0].summary["applied"] == 1.0
    assert reports[0].policy["transform"] == f"albu_cutmix.{type(mix).__name__}"
    if kind == "mixup":
        quiet = ("erased", "truncated", "splits", "seam_on_object", "patch_share")
        assert {reports[0].summary[name] for name in quiet} == {0.0}
    assert show(mix, POOL[0]).width > 400
    call = primary(image=np.zeros((11, 17, 3), np.uint8), depth=None, parts=None)
    given = {key: value for key, value in call.items() if value is not None}
    donors = [Donor(np.zeros((11, 17, 3), np.uint8), **_parts(one)) for one in POOL]
    if kind != "cutout":
        mix.pool = donors
    out = pipeline(mix, additional_targets={})(**given)
    assert draw_mix(out, given, labels="kind").shape[2] == 3


def _parts(one: Donor) -> dict:
    return {key: value for key, value in one.content.items() if key not in ("image", "aliases")}


@pytest.mark.parametrize("kind", KINDS)
def test_pairs(kind):
    """In a pair the label stays, the donor's stands beside it, and lam is its weight."""
    mix = KINDS[kind](p=1.0, label_mode="pair", **({} if kind == "mixup" else {"num_patches": 1}))
    out = pipeline(mix)(**primary())
    assert (out["label"], out["label_donor"]) == (0, 0 if kind == "cutout" else 1)


def test_ignored_holes_do_not_jump():
    """A hole of `ignore_index` teaches nothing: no pair jumps there, and the mix is not refused."""
    mask = np.ones((11, 17), np.uint8)
    for index, jumps in ((None, True), (255, False)):
        cut = Cutout(ignore_index=index, limits={"seam_on_object": None}, seam_key="seam", p=1.0)
        out = A.Compose([cut], seed=1)(image=RGB, mask=mask)
        assert (out["mix"].seam_jump_px > 0) == jumps
        assert bool((out["seam"] & 8).any()) == jumps
        assert bool(out["mix"].flags) == jumps


@pytest.mark.parametrize(("alpha", "told"), [(0.05, True), (1000, False)])
def test_an_audit_tells_of_faint_sides(alpha, told):
    """No rate judges the weights of a blend, so the report says how many are near 0 or 1."""
    report = audit(MixUp(POOL, alpha=alpha, classes=2, p=1.0), POOL, n=20, sweep=False)
    assert ("one side weighs less than 10 %" in report._repr_html_()) == told


def test_where_patches_lie_is_their_union():
    """The heat map of an audit counts each pixel once, however many patches lie on it."""
    mix = CutMix(POOL, num_patches=6, classes=2, area_range=(0.5, 0.9), p=1.0)
    report = audit(mix, POOL, n=20, sweep=False)
    assert 0.9 < np.max(report.figures.series()["patch_heat"]["values"]) <= 1.0 + 1e-9


# Bad arguments and calls -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (partial(CutMix, num_patches=0), "num_patches must be a whole number >= 1, or two of them"),
        (partial(CutMix, num_patches=(3, 2)), "num_patches must be a whole number >= 1"),
        (partial(Cutout, num_patches=10**20), "and at most 100, got 100000000000000000000."),
        (partial(CutMix, alpha=10**400), "alpha must be a number > 0, got 1000"),
        (partial(Cutout, fill=10**400), "fill must be a number"),
        (partial(CutMix, num_patches=1.5), "num_patches must be a whole number >= 1"),
        (partial(CutMix, num_patches=(1, 2, 3)), "num_patches must be a pair of numbers"),
        (partial(CutMix, num_patches=(1, 2), label_mode="pair"), "Use label_mode='soft', which"),
        (
            partial(MixTargets, num_patches=0),
            "num_patches must be a whole number >= 1, or two of them",
        ),
        (
            partial(MixUp, fit="whole"),
            "fit must be one of cover, stretch, crop, error, got 'whole'",
        ),
        (partial(MixUp, alpha=0), "alpha must be a number > 0, got 0."),
        (partial(MixUp, mask_mode="lerp"), "mask_mode must be one of heavier, ignore, got 'lerp'."),
        (partial(MixUp, mask_mode="ignore"), "mask_mode='ignore' and ignore_index go together"),
        (partial(MixUp, ignore_index=255), "or use mask_mode='heavier' without one."),
        (
            partial(Cutout, placement="objects"),
            "placement must be one of inside, paper, avoid, got",
        ),
        (partial(Cutout, placement="paper", ratio_range=(1, 1)), "cuts squares and takes no ratio"),
        (
            partial(Cutout, fill="median"),
            "fill must be a number, a tuple of one number per channel",
        ),
        (partial(Cutout, fill=()), "fill must be a number, a tuple of one number per channel"),
        (partial(Cutout, fill=float("nan")), "fill must be a number"),
        (partial(Cutout, label_weight="area"), "label_weight must be one of keep, object, got"),
    ],
)
def test_arguments_that_are_none(build, words):
    """Each says what was expected, what came, and the way out."""
    with pytest.raises(InvalidArgumentError, match=re.escape(words)):
        build()


RGB = np.zeros((11, 17, 3), np.uint8)


@pytest.mark.parametrize(
    ("mix", "call", "words"),
    [
        (Cutout(fill=256, p=1), {}, "fill=256 must be a value that image can hold, got an image"),
        (Cutout(fill=0.5, p=1), {}, "fill=0.5 must be a value that image can hold"),
        (Cutout(fill=(1, 2), p=1), {}, "one number per channel, got image of 3 channels"),
        (
            Cutout(background=None, p=0),
            {"mask": RGB[..., 0]},
            "a hole in 'mask' needs a value, got background=None and no ignore_index.",
        ),
        (
            Cutout(ignore_index=300, p=0),
            {"mask": RGB[..., 0]},
            "ignore_index=300 must be a value that mask can hold",
        ),
        (
            Cutout(background=-1, p=0),
            {"mask": RGB[..., 0]},
            "holes in 'mask' must hold a value of its dtype, got -1 for a mask of dtype uint8.",
        ),
        (
            Cutout(label_weight="object", classes=2),
            {"label": 1},
            "label_weight='object' needs objects in the call",
        ),
        (
            MixUp([Donor(RGB)], mask_mode="ignore", ignore_index=-1, p=0),
            {"mask": RGB[..., 0]},
            "ignore_index=-1 must be a value that mask can hold",
        ),
        (
            MixUp([Donor(RGB)], mask_mode="ignore", ignore_index=999, masks_mode="layers", p=0),
            {"masks": [RGB[..., 0], RGB[..., 1]]},
            "ignore_index=999 must be a value that mask can hold",
        ),
        (MixUp([Donor(RGB[:5])], fit="error", p=1), {}, "use fit='cover', 'stretch' or 'crop'."),
        (MixUp([Donor(RGB)], p=1), {"mask": RGB[..., 0]}, "the primary has a mask, donor 0 has"),
        (MixUp([Donor(RGB[..., :1])], p=1), {}, "must have equal channels"),
    ],
)
def test_calls_that_cannot_be_mixed(mix, call, words):
    """Nothing is cast, clipped or dropped in silence."""
    with pytest.raises(InvalidSampleError, match=re.escape(words)):
        A.Compose([mix])(image=RGB, **call)


def test_a_seam_map_that_depends_on_the_draw_is_an_error():
    """What a container may leave out must be announced."""
    run = A.Compose([MixTargets(), A.OneOf([CutMix(POOL, seam_key="seam")], p=1.0)])
    with pytest.raises(InvalidSampleError, match=re.escape("Use MixTargets(seam_key='seam').")):
        run(image=numbers(0))


def test_an_audit_of_a_one_of_says_how():
    """Mixes of one record key cannot be told apart by it: the message does not ask for that."""
    run = A.Compose([A.OneOf([CutMix(POOL, classes=2), MixUp(POOL, classes=2)], p=1.0)])
    words = "looks at one mix, got 2 in Compose. Give each by itself, in a pipeline without the"
    with pytest.raises(InvalidArgumentError, match=re.escape(words)):
        audit(run, POOL, n=5)


ARRAYS = ("donors", "seeds", "donor_shapes", "patches", "sources", "owned_px")


def _twice(key: str):
    """Give a record the slots of an array twice."""
    return lambda row: row[key] * 2


def test_a_damaged_record_is_refused():
    """Holes are no donors, and donors no holes; owned pixels must be those of the patches."""
    cutout, cutmix = Cutout(p=1.0), CutMix(POOL, num_patches=2, p=1.0)
    mixup, noise = MixUp(POOL, p=1.0), Cutout(fill="noise", p=1.0)
    for mix, damage in (
        *((mixup, {"blend": blend}) for blend in (-0.5, 0.0, 1.0, 2.0, float("-inf"))),
        *((cutmix, {"blend": blend}) for blend in (2.0, float("nan"))),
        (mixup, {"patches": [[0, 0, 5, 5]]}),
        (noise, {"seeds": [-1]}),
        (cutout, {"seeds": [1]}),
        (cutmix, {"seeds": [5, -1]}),
        (mixup, {key: _twice(key) for key in ARRAYS}),
        (CutMix(POOL, p=1.0), {key: _twice(key) for key in ARRAYS}),
        (cutmix, {"donors": [-1, 2]}),
        (cutmix, {"owned_px": [5, 5]}),
        (cutmix, {"blend": 0.5}),
        (cutout, {"owned_px": [1]}),
        (cutout, {"patches": [[0, 0, 99, 99]]}),
    ):
        record = A.Compose([mix], seed=1)(image=numbers(0))["mix"]
        row = json.loads(record.to_json())
        row |= {key: value(row) if callable(value) else value for key, value in damage.items()}
        line = json.dumps(row)
        with pytest.raises(InvalidSampleError):
            replay(MixRecord.from_json(line), {"image": numbers(0)}, POOL, mix)


def test_cutout_fills_aliases():
    """Images beside the image take the fill, masks the background, whatever their dtype."""
    run = pipeline(Cutout(fill=7, classes=2, area_range=(0.3, 0.3), p=1.0))
    out = run(**primary())
    (x, y, x_end, y_end), *_ = out["mix"].patches.tolist()
    hole = np.s_[y:y_end, x:x_end]
    assert {float(v) for key in ("image", "depth") for v in np.unique(out[key][hole])} == {7.0}
    assert {int(v) for key in ("mask", "parts") for v in np.unique(out[key][hole])} == {0}
    assert set(ALIASES) == {"depth", "parts"}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_noise_is_of_its_seed_alone(dtype):
    """Noise comes from the recorded seed, spans the dtype's range, and differs by channel."""
    image = np.zeros((*BIG, 3), dtype)
    out = A.Compose([Cutout(fill="noise", area_range=(0.5, 0.5), p=1.0)], seed=2)(image=image)
    (x, y, x_end, y_end), (seed,) = out["mix"].patches[0].tolist(), out["mix"].seeds.tolist()
    rng, shape = np.random.default_rng(seed), (y_end - y, x_end - x, 3)
    top = 1.0 if dtype is np.float32 else np.iinfo(dtype).max
    expected = rng.random(shape, dtype=np.float32)
    if dtype is not np.float32:
        expected = np.floor(expected.astype(np.float64) * (top + 1)).astype(dtype)
    noise = out["image"][y:y_end, x:x_end]
    np.testing.assert_array_equal(noise, expected)
    assert noise.max() > 0.98 * top
    assert (noise[..., 0] != noise[..., 1]).mean() > 0.9


def test_the_mean_is_that_of_the_image():
    """Holes hold each channel's mean over the whole primary, rounded half to even."""
    image = np.random.default_rng(0).integers(0, 256, (*BIG, 3), np.uint8)
    out = A.Compose([Cutout(fill="mean", p=1.0)], seed=2)(image=image)
    x, y, *_ = out["mix"].patches[0].tolist()
    assert out["image"][y, x].tolist() == np.rint(image.mean((0, 1), np.float64)).tolist()
