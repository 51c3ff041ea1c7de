"""Keypoints end to end through `A.Compose`: which go, which come, and where."""

from __future__ import annotations

from dataclasses import replace
from math import pi

import albumentations as A
import numpy as np
import oracle
import oracle_objects
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from object_strategies import (
    KEYPOINT_FORMATS,
    KEYPOINT_MODES,
    fixed_objects,
    fixed_points,
    lattice,
    point_calls,
)
from oracle import Sample, Settings
from strategies import (
    FITS,
    SHAPE,
    Call,
    check_call,
    inputs_of,
    is_sure,
    make_mix,
    make_pipeline,
    parts_of,
    pixels,
    pool_of,
    run_mix,
)

from albu_cutmix import CutMix, Donor, InvalidArgumentError, InvalidSampleError, MixTargets

FORMS = ["donors", "mappings", "in call"]


# --- the oracle -----------------------------------------------------------------------------------


@pytest.mark.parametrize("keypoint_mode", KEYPOINT_MODES)
@pytest.mark.parametrize("keypoint_format", KEYPOINT_FORMATS)
@settings(max_examples=25)
@given(st.data())
def test_points_and_fields(keypoint_format, keypoint_mode, data):
    """In every format and mode points, their order and their label fields are the oracle's."""
    call = data.draw(point_calls(keypoint_format=keypoint_format, keypoint_mode=keypoint_mode))
    out = run_mix(call, form=data.draw(st.sampled_from(FORMS)))
    check_call(call, out)


@pytest.mark.parametrize("fit", FITS)
@settings(max_examples=25)
@given(st.data())
def test_points_in_every_fit(fit, data):
    """Each way to fit a donor maps points as the oracle does, z, angle and scale too."""
    form = data.draw(st.sampled_from(["xyas", "xysa", "xyz"]))
    call = data.draw(point_calls(fit=fit, keypoint_format=form))
    out = run_mix(call)
    check_call(call, out)


@settings(max_examples=25)
@given(point_calls(objects=True))
def test_points_beside_boxes_and_masks(call):
    """Points follow their own rule, whatever becomes of boxes and masks beside them."""
    out = run_mix(call)
    assume(is_sure(call, out))
    check_call(call, out)


@pytest.mark.parametrize("keypoint_mode", KEYPOINT_MODES)
@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("seed", range(3))
def test_every_whole_pixel(seed, fit, keypoint_mode):
    """A point at every whole pixel, the patch's edges and corners included, both sides."""
    call = replace(fixed_points(fit, keypoint_mode=keypoint_mode), seed=seed)
    out = run_mix(call)
    assert out["mix"].applied
    check_call(call, out)


@pytest.mark.parametrize("seed", range(4))
def test_the_patch_is_exchanged_point_for_point(seed):
    """Of a donor of equal size, as many points come as go: the patch holds the same lattice."""
    call = replace(fixed_points("error"), seed=seed)
    out = run_mix(call)
    covered = int(out["mix"].owned_px[0])
    numbers = np.array(out["number"])
    assert len(numbers) == SHAPE[0] * SHAPE[1]
    assert np.count_nonzero(numbers >= 10_000) == covered
    places = {tuple(point) for point in np.asarray(out["keypoints"]).tolist()}
    assert places == set(lattice(SHAPE))


@pytest.mark.parametrize("seed", range(4))
def test_flags_keep_skeletons_whole(seed):
    """With flags every row stays in order, and exactly the points that do not show get 0."""
    call = replace(fixed_points(keypoint_mode="flag"), seed=seed)
    out = run_mix(call)
    donor = call.donors[int(out["mix"].donors[0])]
    numbers = [*call.primary.keypoint_fields["number"], *donor.keypoint_fields["number"]]
    assert list(out["number"]) == numbers
    patch, source = (tuple(map(int, rows[0])) for rows in (out["mix"].patches, out["mix"].sources))
    shows = [not oracle_objects.holds(patch, point) for point in call.primary.keypoints]
    shows += [oracle_objects.holds(source, point) for point in donor.keypoints]
    assert [value > 0 for value in out["v"]] == shows
    assert not all(shows)


def test_points_beside_the_image_stay():
    """Points outside the image are under no patch: they stay, unflagged."""
    call = fixed_points(keypoint_mode="flag")
    rows = [(-1.0, -1.0), (0.0, -1.0), (29.0, 13.0), (40.0, 5.0)]
    values = {"number": [0, 1, 2, 3], "v": [2, 2, 1, 1]}
    call = replace(call, primary=replace(call.primary, keypoints=rows, keypoint_fields=values))
    out = run_mix(call)
    assert out["v"][:4] == [2, 2, 1, 1]
    check_call(call, out)


@pytest.mark.parametrize("fit", ["error", "stretch", "whole"])
def test_a_point_a_hair_before_the_edge_comes(fit):
    """The host's float32 would put it on the edge, where the host drops it."""
    corner = (29 - 1e-9, 13 - 1e-9)
    primary = Sample(pixels(0, SHAPE, "uint8"), keypoints=[(0.0, 0.0)])
    donor = Sample(pixels(1, SHAPE, "uint8"), keypoints=[corner])
    if fit != "error":
        size = (26, 29)
        corner = (29 - 1e-9, 26 - 1e-9)
        donor = Sample(pixels(1, size, "uint8"), keypoints=[corner])
    asked = Settings(fit=fit, area_range=(1.0, 1.0))
    if fit == "whole":
        donor = replace(donor, image=pixels(1, (39, 87), "uint8"), keypoints=[(87 - 1e-9, 1.0)])
    call = Call(primary, [donor], asked)
    out = run_mix(call)
    assert len(out["keypoints"]) == 1
    check_call(call, out)


@pytest.mark.parametrize(
    ("angle", "expected"),
    [
        pytest.param(0.0, 0.0, id="along-x"),
        pytest.param(90.0, 90.0, id="along-y"),
        pytest.param(45.0, np.degrees(np.arctan(2.0)), id="diagonal"),
        pytest.param(225.0, 180 + np.degrees(np.arctan(2.0)), id="diagonal-backwards"),
    ],
)
def test_an_angle_follows_the_scaling(angle, expected):
    """Stretched to twice the height, a diagonal becomes steeper; its scale takes the larger."""
    primary = Sample(pixels(0, (26, 29), "uint8"), keypoints=[])
    row = (14.5, 6.5, 0.0, angle * pi / 180, 3.0)
    donor = Sample(pixels(1, (13, 29), "uint8"), keypoints=[row])
    asked = Settings(fit="stretch", keypoint_format="xyas", area_range=(1.0, 1.0))
    call = Call(primary, [donor], asked)
    out = run_mix(call)
    assert out["mix"].lam == 0
    assert out["keypoints"] == [pytest.approx([14.5, 13.0, expected, 6.0], abs=1e-4)]
    check_call(call, out)


# --- label fields and containers ------------------------------------------------------------------


@pytest.mark.parametrize("arrays", [False, True], ids=["lists", "arrays"])
@pytest.mark.parametrize(
    ("own", "theirs"),
    [
        pytest.param(["nose"], ["a much longer joint"], id="longer-unseen-string"),
        pytest.param([], ["nose", "ear"], id="empty-primary"),
        pytest.param(["nose", "ear"], [], id="empty-donor"),
        pytest.param([], [], id="both-empty"),
        pytest.param([], [2.0, 0.5], id="empty-primary-numbers"),
        pytest.param([7, 3], [2**24, 5], id="whole-numbers"),
    ],
)
@pytest.mark.parametrize("keypoint_mode", KEYPOINT_MODES)
def test_label_fields_come_back_as_given(keypoint_mode, own, theirs, arrays):
    """No string is cut or lost and no number changed, with and without points."""
    flags = keypoint_mode == "flag"

    def sample(seed, values):
        points = [(0.0, 0.0)] * len(values) if seed == 0 else [(14.0, 6.0)] * len(values)
        fields = {"joint": values, **({"v": [1] * len(values)} if flags else {})}
        return Sample(pixels(seed, SHAPE, "uint8"), keypoints=points, keypoint_fields=fields)

    asked = Settings(
        area_range=(0.6, 0.6),
        keypoint_mode=keypoint_mode,
        keypoint_visibility_field="v" if flags else None,
        remove_invisible=not flags,
    )
    call = Call(sample(0, own), [sample(1, theirs)], asked, arrays=arrays, seed=2)
    for form in FORMS:
        out = run_mix(call, form=form)
        assert list(out["joint"]) == own + theirs
        check_call(call, out)


@pytest.mark.parametrize("arrays", [False, True], ids=["lists", "arrays"])
@pytest.mark.parametrize("keypoint_mode", KEYPOINT_MODES)
def test_unfired_calls_have_the_same_form(keypoint_mode, arrays):
    """A mix with p = 0 gives the keys and types of p = 1, and the points as they were."""
    call = replace(fixed_points(keypoint_mode=keypoint_mode), arrays=arrays)
    fired, unfired = run_mix(call), run_mix(call, p=0.0)
    assert fired["mix"].applied
    assert fired.keys() == unfired.keys()
    for name in ("keypoints", "number"):
        assert type(fired[name]) is type(unfired[name])
        one, other = np.asarray(fired[name]), np.asarray(unfired[name])
        assert (one.dtype, one.shape[1:]) == (other.dtype, other.shape[1:])
    check_call(call, fired)
    check_call(call, unfired, p=0.0)


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=20)
@given(st.data())
def test_inputs_are_never_written_to(form, data):
    """Points of primary and donors are read-only, and byte for byte the same after the call."""
    call = data.draw(point_calls())
    primary = inputs_of(call)
    donors = pool_of(call, "donors" if form == "donors" else "mappings")
    everything = [primary, *map(parts_of, donors)]
    before = oracle.snapshot(everything)
    pool = None if form == "in call" else donors
    extra = {"mix_metadata": donors} if form == "in call" else {}
    make_pipeline(call, make_mix(call.settings, pool))(**primary, **extra)
    oracle.check_unwritten(before, everything)


def test_mix_targets_give_the_same_form():
    """`MixTargets` leaves points as they are, in the form that a mix gives them."""
    call = fixed_points()
    out = make_pipeline(call, MixTargets(classes=4))(**inputs_of(call))
    assert out.keys() == run_mix(call).keys()
    assert out["keypoints"] == [list(point) for point in call.primary.keypoints]


@pytest.mark.parametrize("keypoint_mode", KEYPOINT_MODES)
def test_points_change_no_draw(keypoint_mode):
    """The same seed gives the same patch and pixels with and without points."""
    call = fixed_points(keypoint_mode=keypoint_mode)
    bare = replace(call.primary, keypoints=None, keypoint_fields={})
    asked = replace(call.settings, keypoint_mode="remove", keypoint_visibility_field=None)
    without = run_mix(replace(call, primary=bare, settings=asked))
    out = run_mix(call)
    oracle.check_array(out["image"], without["image"], "image")
    assert out["mix"].to_json() == without["mix"].to_json()
    oracle.check_same_output(out, run_mix(call))


@pytest.mark.parametrize("keypoint_mode", KEYPOINT_MODES)
def test_points_stay_beside_their_numbers(keypoint_mode):
    """Through a crop, a mix and a flip each point lies where its number says."""
    flags = keypoint_mode == "flag"
    for seed in range(8):
        call = replace(fixed_points("error", keypoint_mode=keypoint_mode), seed=seed)
        steps = [make_mix(call.settings, pool_of(call)), A.HorizontalFlip(p=1), A.VerticalFlip(p=1)]
        out = make_pipeline(call, *steps)(**inputs_of(call))
        donor = call.donors[int(out["mix"].donors[0])]
        assert len(out["keypoints"]) == len(out["number"])
        for (x, y), number in zip(out["keypoints"], out["number"], strict=True):
            side, first = (donor, 10_000) if number >= 10_000 else (call.primary, 0)
            given = side.keypoints[int(number) - first]
            assert (28 - x, 12 - y) == pytest.approx(given, abs=1e-3)
        numbers = list(out["number"])
        assert len(numbers) == (
            len(call.primary.keypoints) + len(donor.keypoints) if flags else 377
        )


# --- errors ---------------------------------------------------------------------------------------


def broken(name):
    """A call whose points cannot be mixed truthfully, and the words of the error."""
    call = fixed_points()
    donor = call.donors[0]
    if name == "columns":
        asked = replace(call.settings, keypoint_format="xya")
        rows = [(*point, 0.0, 0.0, 0.0) for point in call.primary.keypoints]
        call = replace(call, settings=asked, primary=replace(call.primary, keypoints=rows))
        return replace(call, donors=[donor]), "angle|\\(K, 5\\)"
    changed, words = {
        "no-points": ({"keypoints": None, "keypoint_fields": {}}, "keypoints"),
        "no-field": ({"keypoint_fields": {}}, "number"),
        "too-large": (
            {"keypoint_fields": {"number": [2**24 + 1] * len(donor.keypoints)}},
            "float32",
        ),
        "strings": ({"keypoint_fields": {"number": ["ox"] * len(donor.keypoints)}}, "'ox'"),
    }[name]
    return replace(call, donors=[replace(donor, **changed)]), words


@pytest.mark.parametrize("name", ["no-points", "no-field", "too-large", "strings", "columns"])
def test_untrue_points_are_refused(name):
    """A donor without points, without a declared field, or with unfit values is refused."""
    call, words = broken(name)
    with pytest.raises(InvalidSampleError, match=words) as caught:
        run_mix(call)
    assert "donor" in str(caught.value)


def test_further_columns_are_refused():
    """Columns of the call's keypoints beyond the format would be lost: refused."""
    call = fixed_points()
    data = inputs_of(call)
    rows = np.hstack([np.asarray(data["keypoints"]), np.ones((len(data["keypoints"]), 1))])
    pipeline = make_pipeline(call, make_mix(call.settings, pool_of(call)))
    with pytest.raises(InvalidSampleError, match="column"):
        pipeline(**{**data, "keypoints": rows})


@pytest.mark.parametrize(
    ("points", "words"),
    [
        pytest.param(np.zeros((2, 3)), r"\(2, 3\)", id="three-columns"),
        pytest.param(np.zeros(4), r"\(4,\)", id="one-axis"),
        pytest.param([[0.0, np.nan]], "finite", id="nan"),
        pytest.param([[np.inf, 0.0]], "finite", id="infinite"),
        pytest.param([["a", "b"]], "numbers", id="words"),
    ],
)
def test_donor_points_are_checked_at_the_door(points, words):
    """A donor's points are finite numbers of two or five columns."""
    with pytest.raises(InvalidSampleError, match=words):
        Donor(pixels(0, SHAPE, "uint8"), keypoints=points)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param({"keypoint_mode": "hide"}, id="unknown-mode"),
        pytest.param({"keypoint_mode": "flag"}, id="flag-without-a-field"),
        pytest.param({"keypoint_visibility_field": "v"}, id="field-without-flag"),
    ],
)
def test_arguments_that_contradict_each_other(arguments):
    """Mode and visibility field go together; anything else is refused when the mix is made."""
    with pytest.raises(InvalidArgumentError, match="keypoint_mode"):
        CutMix(None, **arguments)


def test_flags_need_a_pipeline_that_keeps_rows():
    """With `remove_invisible=True` the host would tear skeletons apart: refused."""
    call = fixed_points(keypoint_mode="flag")
    inside = lattice(SHAPE)
    fields = {"number": list(range(len(inside))), "v": [1] * len(inside)}
    call = replace(
        call,
        settings=replace(call.settings, remove_invisible=True),
        primary=replace(call.primary, keypoints=inside, keypoint_fields=fields),
    )
    with pytest.raises((InvalidSampleError, InvalidArgumentError), match="remove_invisible"):
        run_mix(call)


def test_points_beside_masks_that_are_marked():
    """Objects kept or marked change nothing for the points beside them."""
    call = fixed_objects(min_visibility=0.9)
    points = {"keypoints": lattice(SHAPE), "keypoint_fields": {"number": list(range(377))}}
    call = replace(
        call,
        primary=replace(call.primary, **points),
        donors=[
            replace(d, keypoints=[(3.0, 3.0)], keypoint_fields={"number": [999]})
            for d in call.donors
        ],
    )
    check_call(call, run_mix(call))
