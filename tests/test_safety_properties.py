"""Seams, shares, counts and flags end to end through `A.Compose`: all as the oracle says."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import albumentations as A
import numpy as np
import oracle
import oracle_checks
import oracle_safety
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from object_strategies import fixed_objects
from oracle import Sample, Settings
from safety_strategies import (
    BACKGROUNDS,
    IGNORE_VALUES,
    KINDS,
    REGION_VALUES,
    safety_calls,
    with_mask,
)
from strategies import (
    CLASSES,
    FITS,
    SHAPE,
    Call,
    check_call,
    fixed_call,
    inputs_of,
    is_sure,
    make_mix,
    make_pipeline,
    pixels,
    pool_of,
    run_mix,
    run_untouched,
)

from albu_cutmix import (
    InvalidSampleError,
    MixTargets,
    SafetyFlag,
    SafetyLimits,
    SeamFlag,
    UnsafeMixError,
    geometry,
)

FORMS = st.sampled_from(["donors", "mappings", "in call"])
CUTS = {"masks": {1, 2, 4, 8}, "mask": {1, 2, 4, 8}, "boxes": {1, 2, 4}, "none": {1}}


def measured(call, out):
    """What the oracle measures of a mix that fired."""
    record = out[call.settings.record_key]
    donor = call.donors[int(record.donors[0])]
    patch, source = (tuple(map(int, rows[0])) for rows in (record.patches, record.sources))
    return oracle_safety.measure(call.primary, donor, patch, source, call.settings)


# --- the oracle -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_every_number_the_map_and_the_mask(kind):
    """Record, seam map, mask and label are the oracle's, and few cases have no one answer."""
    seen, bits = Counter(), set()

    @settings(max_examples=80)
    @given(safety_calls(kind), FORMS)
    def examine(call, form):
        out = run_mix(call, form=form)
        assume(is_sure(call, out))
        check_call(call, out)
        if out["mix"].applied:
            report = measured(call, out)
            seen["sure" if not report.unsure and not report.doubtful else "unsure"] += 1
            bits.update(bit for bit in (1, 2, 4, 8) if (out["seam"] & bit).any())

    examine()
    # Boxes lie on eighths of pixels, so that float32 may tip many an edge.
    assert seen["sure"] > seen["unsure"] / 2, seen
    assert bits == CUTS[kind]


@pytest.mark.parametrize("fit", FITS)
@settings(max_examples=25)
@given(st.data())
def test_every_fit(fit, data):
    """Donors scaled up, down, cut or whole: shown pixels and those beyond are the oracle's."""
    call = data.draw(safety_calls(data.draw(st.sampled_from(KINDS[:3])), fit=fit))
    out = run_mix(call)
    assume(is_sure(call, out))
    check_call(call, out)


@settings(max_examples=40)
@given(st.data())
def test_pairs_of_labels(data):
    """With label_mode="pair" the same is measured, whatever the weight, and labels stay."""
    kind = data.draw(st.sampled_from(KINDS[:3]))
    call = data.draw(safety_calls(kind, label=True, label_mode="pair"))
    out = run_mix(call)
    assume(is_sure(call, out))
    check_call(call, out)


@pytest.mark.parametrize("channels", [None, 1, 2], ids=["no-axis", "one", "two"])
@pytest.mark.parametrize("dtype", sorted(REGION_VALUES))
@settings(max_examples=6)
@given(st.data())
def test_every_kind_of_mask(dtype, channels, data):
    """Each dtype and channel count of `mask`, with the ignore value where it can hold one."""
    call = fixed_call(
        label=1,
        boxes=False,
        seam_key="seam",
        ignore_index=IGNORE_VALUES.get(dtype),
        background=data.draw(st.sampled_from(BACKGROUNDS)),
    )
    call = replace(
        call,
        primary=data.draw(with_mask(call.primary, dtype, channels)),
        donors=[data.draw(with_mask(donor, dtype, channels)) for donor in call.donors],
        seed=data.draw(st.integers(0, 99)),
    )
    check_call(call, run_mix(call))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15)
@given(st.data())
def test_nothing_is_measured_where_nothing_is_pasted(kind, data):
    """With p = 0 numbers and map are empty, whatever was asked for."""
    call = data.draw(safety_calls(kind))
    out = run_mix(call, form=data.draw(FORMS), p=0.0)
    assume(is_sure(call, out))
    check_call(call, out, p=0.0)


def solid(background=0, seed=0, **rest):
    """A call of one big region in the primary and another in the donor, patch of a quarter."""
    primary, donor = (
        Sample(pixels(value, SHAPE, "uint8"), np.full(SHAPE, value, np.uint8), label=value % 2)
        for value in (1, 2)
    )
    asked = Settings(area_range=(0.25, 0.25), background=background, classes=2, **rest)
    return Call(primary, [donor], asked, seed=seed)


@pytest.mark.parametrize(
    ("background", "share", "cuts"),
    [
        pytest.param(0, "lam", {2, 4}, id="both-are-objects"),
        pytest.param(1, 0.0, {4}, id="the-donor-alone"),
        pytest.param(2, 1.0, {2}, id="the-primary-alone"),
        pytest.param((1, 2), -1.0, set(), id="neither"),
        pytest.param((0, 2), 1.0, {2}, id="two-values"),
        pytest.param(None, "lam", {2, 4}, id="every-pixel"),
    ],
)
def test_background(background, share, cuts):
    """Values of the background are no object: neither share nor cut counts them."""
    for seed in range(4):
        call = solid(background, seed, seam_key="seam")
        out = run_mix(call)
        check_call(call, out)
        expected = 1 - int(out["mix"].owned_px[0]) / (13 * 29) if share == "lam" else share
        assert out["mix"].lam_object == expected
        found = {bit for bit in (2, 4) if (out["seam"] & bit).any()}
        assert found <= cuts
        assert (2 in found) == (2 in cuts), "the primary's region is larger than any patch"


def of_kind(kind, shape, rect, value, label):
    """A sample with one rectangle as its object, in one of the kinds."""
    plane = np.zeros(shape, np.uint8)
    plane[rect[1] : rect[3], rect[0] : rect[2]] = value
    given = {"masks": {"masks": [plane]}, "mask": {"mask": plane}, "boxes": {"boxes": [rect]}}
    return Sample(pixels(value, shape, "uint8"), label=label, **given[kind])


@pytest.mark.parametrize("label_mode", ["soft", "pair"])
@pytest.mark.parametrize("kind", KINDS[:3])
@pytest.mark.parametrize(
    "values",
    [
        pytest.param((1, 3), id="index"),
        pytest.param(("bee", "dog"), id="name"),
        pytest.param((np.eye(4, dtype=np.float32)[1], np.full(4, 0.25, np.float32)), id="vector"),
    ],
)
def test_labels_by_objects(values, kind, label_mode):
    """Each form of label is weighted by visible object pixels of each kind."""
    primary = of_kind(kind, SHAPE, (0, 0, 9, 13), 1, values[0])
    donor = of_kind(kind, (11, 17), (3, 2, 17, 6), 2, values[1])
    asked = Settings(label_weight="object", label_mode=label_mode, classes=CLASSES)
    shares = set()
    for seed in range(6):
        call = Call(primary, [donor], asked, seed=seed)
        out = run_mix(call)
        check_call(call, out)
        assert abs(out["mix"].lam_object - out["mix"].lam) > 0.01
        shares.add(out["mix"].lam_object)
    assert len(shares) > 3


def test_a_ghost_gets_its_weight_by_area():
    """Where no object is visible, labels by objects fall back to the area, and that is flagged."""
    call = solid((1, 2), label_weight="object")
    out = run_mix(call)
    check_call(call, out)
    assert out["mix"].flags & SafetyFlag.GHOST
    assert out["label"].max() == out["mix"].lam > 0.7


def test_limits_may_be_an_object():
    """`SafetyLimits` and a mapping of its arguments are the same."""
    call = fixed_objects()
    given = {"truncated": None, "splits": 2, "seam_on_object": 0.9}
    lines = [
        run_mix(replace(call, settings=replace(call.settings, limits=limits)))["mix"].to_json()
        for limits in (given, SafetyLimits(**given))
    ]
    assert lines[0] == lines[1] != run_mix(call)["mix"].to_json()


# --- the map of a call ----------------------------------------------------------------------------


def with_seam(call, earlier):
    """The keywords of a call that already holds a seam map, read-only."""
    earlier.setflags(write=False)
    return {**inputs_of(call), "seam": earlier}


@settings(max_examples=40)
@given(st.data())
def test_an_earlier_map_goes_on(data):
    """Any map in the call stays beside the patch and is cleared under it; it is not written to."""
    call = data.draw(safety_calls(data.draw(st.sampled_from(KINDS))))
    earlier = pixels(data.draw(st.integers(0, 99)), call.primary.shape, "uint8") & np.uint8(15)
    before = earlier.copy()
    p = data.draw(st.sampled_from([1.0, 1.0, 0.0]))
    pipeline = make_pipeline(call, make_mix(call.settings, pool_of(call), p))
    out = pipeline(**with_seam(call, earlier))
    assume(is_sure(call, out))
    untouched, rest = run_untouched(call), (call.settings,)
    if out["mix"].applied:
        oracle_checks.check_mix(out, call.primary, call.donors, *rest, untouched, earlier)
    else:
        reason = out["mix"].reason
        oracle_checks.check_unfired(out, call.primary, *rest, reason, untouched, earlier)
    oracle.check_array(earlier, before, "the map that went in")


@settings(max_examples=30)
@given(st.data())
def test_two_mixes_share_a_map(data):
    """A second mix judges what the first gave, and its patch covers marks of the first."""
    call = data.draw(safety_calls(data.draw(st.sampled_from(["masks", "mask"])), label=True))
    call = replace(call, primary=replace(call.primary, boxes=None, fields={}))
    later = replace(call.settings, record_key="again")
    once, twice = (
        make_pipeline(call, *(make_mix(asked, pool_of(call)) for asked in chain))(**inputs_of(call))
        for chain in ([call.settings], [call.settings, later])
    )
    assert twice["mix"] == once["mix"]
    between = replace(
        call.primary,
        image=once["image"],
        mask=once.get("mask"),
        masks=once.get("masks"),
        label=once["label"],
    )
    if twice["again"].applied:
        oracle_checks.check_mix(
            twice, between, call.donors, later, earlier=np.ascontiguousarray(once["seam"])
        )


@pytest.mark.parametrize(
    "held",
    [
        pytest.param(np.zeros(SHAPE, np.int32), id="dtype"),
        pytest.param(np.zeros(SHAPE[::-1], np.uint8), id="axes-exchanged"),
        pytest.param(np.zeros((*SHAPE, 3), np.uint8), id="channels"),
        pytest.param([[0]], id="no-array"),
    ],
)
@pytest.mark.parametrize("p", [1.0, 0.0])
def test_another_thing_under_the_seam_key_is_refused(p, held):
    """What is no seam map is named, with what was expected, fired or not."""
    call = fixed_call(boxes=False, seam_key="seam")
    pipeline = make_pipeline(call, make_mix(call.settings, pool_of(call), p))
    with pytest.raises(InvalidSampleError, match=r"'seam'.*uint8.*\(13, 29\)"):
        pipeline(**inputs_of(call), seam=held)


# --- the same form --------------------------------------------------------------------------------


def form_of(out):
    """Keys, types, dtypes and shapes, which downstream code relies on."""
    parts = {**out, **out["mix"]._asdict()}
    form = {}
    for key, value in parts.items():
        sized = isinstance(value, np.ndarray) and key not in ("bboxes", "masks")
        form[key] = (type(value), value.dtype, value.shape) if sized else type(value)
    return form


@pytest.mark.parametrize("label_mode", ["soft", "pair"])
def test_the_same_keys_fired_or_not(label_mode):
    """Fired, unfired, refused as unsafe, and `MixTargets` alone: one form, an empty map."""
    call = fixed_objects(seam_key="seam", label_mode=label_mode, ignore_index=-1)
    refused = replace(call, settings=replace(call.settings, on_unsafe="skip"))
    targets = MixTargets(classes=len(CLASSES), label_mode=label_mode, seam_key="seam")
    fired = run_mix(call)
    assert fired["mix"].applied
    assert fired["seam"].any()
    quiet = [
        run_mix(call, p=0.0),
        run_mix(refused),
        make_pipeline(call, targets)(**inputs_of(call)),
    ]
    for out, reason in zip(quiet, ("p", "unsafe", ""), strict=True):
        assert (out["mix"].applied, out["mix"].reason) == (False, reason)
        assert form_of(out) == form_of(fired)
        assert list(out) == list(fired) or set(out) == set(fired)
        oracle.check_array(out["seam"], np.zeros(SHAPE, np.uint8), "seam map")
        oracle_safety.check_no_numbers(out["mix"])


def test_a_container_may_leave_the_mix_out():
    """Behind `MixTargets`, `OneOf` gives a map either way, and a mix draws into it."""
    call = fixed_objects(seam_key="seam")
    targets = MixTargets(classes=len(CLASSES), seam_key="seam")
    either = A.OneOf([make_mix(call.settings, pool_of(call)), A.NoOp(p=1)], p=1)
    pipeline = make_pipeline(call, targets, either)
    outs = [pipeline(**inputs_of(call)) for _ in range(12)]
    assert {out["mix"].kind for out in outs} == {"none", "cutmix"}
    assert len({str(form_of(out)) for out in outs}) == 1
    for out in outs:
        if out["mix"].applied:
            oracle_checks.check_mix(
                out, call.primary, call.donors, call.settings, run_untouched(call)
            )
        else:
            assert not out["seam"].any()


def test_without_a_key_there_is_no_map():
    """Numbers are measured always, the map only where it has a name."""
    call = fixed_objects()
    out, drawn = (
        run_mix(replace(call, settings=replace(call.settings, seam_key=key)))
        for key in (None, "seam")
    )
    assert set(drawn) - set(out) == {"seam"}
    assert out["mix"] == drawn["mix"]
    assert out["mix"].seam_px > 0


# --- geometry after the mix -----------------------------------------------------------------------

GEOMETRY = [
    pytest.param(lambda: A.HorizontalFlip(p=1), id="flip"),
    pytest.param(lambda: A.Transpose(p=1), id="transpose"),
    pytest.param(lambda: A.Crop(3, 2, 24, 11, p=1), id="crop"),
    pytest.param(lambda: A.Resize(26, 43, p=1), id="resize"),
    pytest.param(lambda: A.Rotate((30, 30), p=1), id="rotate"),
    pytest.param(lambda: A.PadIfNeeded(19, 31, p=1), id="pad"),
]


@pytest.mark.parametrize("make_geometry", GEOMETRY)
@pytest.mark.parametrize("first", [False, True], ids=["alone", "behind-mix-targets"])
def test_later_geometry_carries_the_map(first, make_geometry):
    """Registered as a mask, the map goes through geometry like the mask beside it, by flags."""
    carried = set()
    for seed, p in [(0, 1.0), (1, 1.0), (2, 1.0), (3, 0.0)]:
        call = replace(fixed_call(boxes=False, seam_key="seam"), seed=seed)
        mix = make_mix(call.settings, pool_of(call), p)
        start = [MixTargets(classes=len(CLASSES), seam_key="seam")] if first else []
        bare = make_pipeline(call, *start, mix)(**inputs_of(call))
        out = A.Compose(
            [*start, mix, make_geometry()], additional_targets={"seam": "mask"}, seed=seed
        )(**inputs_of(call))
        assert out["mix"] == bare["mix"]
        by_hand = A.Compose([make_geometry()])(image=bare["image"], mask=bare["seam"])
        oracle.check_array(out["seam"], by_hand["mask"], "seam map")
        oracle.check_array(out["image"], by_hand["image"], "image")
        assert out["seam"].any() == (p == 1)
        carried |= set(np.unique(out["seam"]).tolist())
    assert carried <= set(range(16))
    assert len(carried) > 2


def test_flipping_a_map_is_flipping_its_rows():
    """The map after a flip is the map of before, read from the other side."""
    call = fixed_call(boxes=False, seam_key="seam")
    mix = make_mix(call.settings, pool_of(call))
    bare = make_pipeline(call, mix)(**inputs_of(call))["seam"]
    pipeline = A.Compose(
        [mix, A.HorizontalFlip(p=1)], additional_targets={"seam": "mask"}, seed=call.seed
    )
    assert pipeline(**inputs_of(call))["seam"].tolist() == [row[::-1] for row in bare.tolist()]


def test_geometry_before_the_mix_carries_an_empty_map():
    """Behind `MixTargets` and a resize the map has the size that the mix finds."""
    call = solid(seam_key="seam")
    primary = call.primary
    pipeline = A.Compose(
        [
            MixTargets(classes=2, seam_key="seam"),
            A.Resize(17, 23, p=1),
            make_mix(call.settings, pool_of(call)),
        ],
        additional_targets={"seam": "mask"},
        seed=call.seed,
    )
    out = pipeline(**inputs_of(call))
    resized = A.Compose([A.Resize(17, 23, p=1)])(image=primary.image, mask=primary.mask)
    between = replace(primary, image=resized["image"], mask=resized["mask"])
    oracle_checks.check_mix(out, between, call.donors, call.settings)


# --- unsafe mixes ---------------------------------------------------------------------------------


def asked(call, on_unsafe, **rest):
    """The same call with another way to go on with an unsafe mix."""
    return replace(call, settings=replace(call.settings, on_unsafe=on_unsafe, **rest))


@pytest.fixture
def draws(monkeypatch):
    """A list that grows by one with every patch that is drawn."""
    drawn, real = [], geometry.draw_patch

    def noted(*args):
        drawn.append(real(*args))
        return drawn[-1]

    monkeypatch.setattr(geometry, "draw_patch", noted)
    return drawn


@settings(max_examples=40)
@given(st.data())
def test_skip(data):
    """What "flag" would flag is refused with these flags, the sample as it was; the rest stays."""
    call = data.draw(safety_calls(data.draw(st.sampled_from(KINDS))))
    flagged, out = run_mix(call), run_mix(asked(call, "skip"))
    assume(is_sure(call, flagged))
    check_call(asked(call, "skip"), out)
    if flagged["mix"].applied:
        assert out["mix"].flags == flagged["mix"].flags
        assert out["mix"].applied == (flagged["mix"].flags == 0)
        assert out["mix"].applied or out["mix"].reason == "unsafe"
    if out["mix"].applied:
        oracle.check_same_output(flagged, out)


@settings(max_examples=40)
@given(st.data())
def test_resample(data):
    """A mix that comes out keeps every limit; a safe first draw is the one that "flag" takes."""
    call = data.draw(safety_calls(data.draw(st.sampled_from(KINDS))))
    flagged, out = run_mix(call), run_mix(asked(call, "resample"))
    assume(is_sure(call, out))
    check_call(asked(call, "resample"), out)
    record = out["mix"]
    assert record.flags == 0 if record.applied else record.reason in ("unsafe", "no_patch")
    if flagged["mix"].applied and flagged["mix"].flags == 0:
        oracle.check_same_output(flagged, out)


def test_resampling_saves_mixes():
    """Most calls whose first draw is unsafe get a safe one of the ten, with another patch."""
    primary = Sample(pixels(1, SHAPE, "uint8"), boxes=[(0, 0, 9, 13)])
    donor = Sample(pixels(2, SHAPE, "uint8"), boxes=[(9, 0, 29, 13)])
    limits = {"seam_on_object": None, "truncated": 1.0}
    call = Call(primary, [donor], Settings(area_range=(0.05, 0.15), limits=limits))
    outcomes = Counter()
    for seed in range(40):
        once = replace(call, seed=seed)
        first, record = run_mix(once)["mix"], run_mix(asked(once, "resample"))["mix"]
        if first.flags:
            outcomes["saved" if record.applied else record.reason] += 1
            assert record.patches.tolist() != first.patches.tolist()
        else:
            assert record == first
    assert outcomes["saved"] > 10
    assert outcomes["saved"] > 4 * outcomes["unsafe"]


@pytest.mark.parametrize(
    ("on_unsafe", "count"),
    [("flag", 1), ("skip", 1), ("resample", 10)],
)
def test_draws_are_bounded(draws, on_unsafe, count):
    """Where nothing is safe ten draws are the most, and both donors are tried on the way."""
    call = asked(solid(seam_key="seam"), on_unsafe)
    out = run_mix(call)
    assert len(draws) == count
    check_call(call, out)
    assert out["mix"].applied == (on_unsafe == "flag")
    assert oracle_safety.flag_names(out["mix"].flags) == {"SEAM_ON_OBJECT", "LABEL_JUMP"}
    run_mix(call, p=0.0)
    assert len(draws) == count


def test_resampling_draws_another_donor_too():
    """A pool with one good donor of two: ten draws find it, whichever was drawn first."""
    good, bad = (np.zeros(SHAPE, np.uint8), np.full(SHAPE, 3, np.uint8))
    primary = Sample(pixels(1, SHAPE, "uint8"), good)
    donors = [Sample(pixels(k, SHAPE, "uint8"), mask) for k, mask in enumerate((good, bad))]
    call = Call(primary, donors, Settings(on_unsafe="resample"))
    chosen = [int(run_mix(replace(call, seed=seed))["mix"].donors[0]) for seed in range(12)]
    assert chosen == [0] * 12
    first = [int(run_mix(asked(replace(call, seed=s), "flag"))["mix"].donors[0]) for s in range(12)]
    assert set(first) == {0, 1}


def test_raise():
    """An unsafe mix is an error that names its flags and the way out; a safe one passes."""
    call = asked(solid(), "raise")
    words = r"SEAM_ON_OBJECT \| LABEL_JUMP.*donor 0.*limits.*on_unsafe"
    with pytest.raises(UnsafeMixError, match=words):
        run_mix(call)
    loose = {"seam_on_object": None, "label_jump": None}
    oracle.check_same_output(
        run_mix(asked(call, "raise", limits=loose)), run_mix(asked(call, "flag", limits=loose))
    )
    assert run_mix(call, p=0.0)["mix"].reason == "p"


@settings(max_examples=30)
@given(st.data())
def test_raise_names_the_flags(data):
    """The error names every flag that the record would hold, and none besides."""
    call = data.draw(safety_calls(data.draw(st.sampled_from(KINDS[:3]))))
    flagged = run_mix(call)
    names = oracle_safety.flag_names(flagged["mix"].flags)
    if not names:
        oracle.check_same_output(flagged, run_mix(asked(call, "raise")))
        return
    with pytest.raises(UnsafeMixError) as caught:
        run_mix(asked(call, "raise"))
    said = re.search(r"must keep its limits, got ([A-Z_| ]+) with donor", str(caught.value))
    assert said is not None
    assert set(said[1].split(" | ")) == names


# --- names ----------------------------------------------------------------------------------------


def test_public_flags_are_those_of_the_contract():
    """Bits and names of the enums, in their order, are those that the oracle was written with."""
    assert {flag.name: int(flag) for flag in SafetyFlag} == {
        name: oracle_safety.flag_bits(name) for name in oracle_safety.FLAGS
    }
    assert {flag.name: int(flag) for flag in SeamFlag} == {
        "SEAM": 1, "PRIMARY_CUT": 2, "DONOR_CUT": 4, "LABEL_JUMP": 8,
    }  # fmt: skip
    assert vars(SafetyLimits()) == oracle_safety.LIMITS
