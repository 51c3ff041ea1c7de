"""Additional targets end to end: each takes the donor's data under the same name."""

from __future__ import annotations

from dataclasses import replace

import albumentations as A
import numpy as np
import oracle
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from object_strategies import alias_calls, fixed_aliases, limits
from strategies import (
    BBOX_MODES,
    FITS,
    FORMATS,
    SHAPE,
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

from albu_cutmix import InvalidSampleError

FORMS = ["donors", "mappings", "in call"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("bbox_mode", BBOX_MODES)
@settings(max_examples=25)
@given(st.data())
def test_images_masks_and_boxes_of_other_names(bbox_mode, form, data):
    """Every alias is the oracle's mix of primary and donor under its own name."""
    asked = {"bbox_mode": bbox_mode, "label_mode": "pair", "bbox_limits": data.draw(limits())}
    call = data.draw(alias_calls(**asked))
    out = run_mix(call, form=form)
    assume(is_sure(call, out))
    check_call(call, out)


@pytest.mark.parametrize("bbox_format", FORMATS)
@pytest.mark.parametrize("fit", FITS)
def test_every_fit_in_every_format(fit, bbox_format):
    """Each way to fit a donor goes for its aliases too, their boxes in the pipeline's format."""
    call = fixed_aliases(fit, bbox_format=bbox_format)
    for seed in range(3):
        once = replace(call, seed=seed, clip=bbox_format == "yolo")
        out = run_mix(once, form="mappings" if seed else "donors")
        assert out["mix"].applied
        assert len(out["others"]) > 0
        check_call(once, out)


def test_an_alias_is_not_the_main_target():
    """What the patch shows of an alias is the donor's alias, and of no other target."""
    call = fixed_aliases("error")
    out = run_mix(call)
    x_min, y_min, x_max, y_max = (int(value) for value in out["mix"].patches[0])
    donor = call.donors[int(out["mix"].donors[0])]
    for name, theirs in (("second", donor.aliases["second"]), ("depth", donor.aliases["depth"])):
        patch = out[name][y_min:y_max, x_min:x_max]
        assert np.array_equal(patch, theirs[y_min:y_max, x_min:x_max])


def test_unfired_calls_have_the_same_form():
    """A mix with p = 0 gives the keys and types of p = 1, and every alias as it was."""
    call = fixed_aliases()
    fired, unfired = run_mix(call), run_mix(call, p=0.0)
    assert fired["mix"].applied
    assert fired.keys() == unfired.keys()
    for name in call.primary.aliases:
        assert type(fired[name]) is type(unfired[name])
    check_call(call, fired)
    check_call(call, unfired, p=0.0)


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=20)
@given(st.data())
def test_inputs_are_never_written_to(form, data):
    """Aliases of primary and donors are read-only, and byte for byte the same after the call."""
    call = data.draw(alias_calls(label_mode="pair"))
    primary = inputs_of(call)
    donors = pool_of(call, "donors" if form == "donors" else "mappings")
    everything = [primary, *map(parts_of, donors)]
    before = oracle.snapshot(everything)
    pool = None if form == "in call" else donors
    extra = {"mix_metadata": donors} if form == "in call" else {}
    out = make_pipeline(call, make_mix(call.settings, pool))(**primary, **extra)
    oracle.check_unwritten(before, everything)
    if out["mix"].applied:
        for name, kind in call.settings.aliases.items():
            if kind != "bboxes":
                assert not np.shares_memory(out[name], primary[name])


def test_aliases_change_no_draw():
    """The same seed gives the same patch and pixels with and without aliases."""
    call = fixed_aliases()
    bare = replace(call, primary=replace(call.primary, aliases={}))
    bare = replace(bare, settings=replace(bare.settings, aliases={}))
    bare = replace(bare, donors=[replace(donor, aliases={}) for donor in bare.donors])
    out, without = run_mix(call), run_mix(bare)
    oracle.check_array(out["image"], without["image"], "image")
    assert out["mix"].to_json() == without["mix"].to_json()
    oracle.check_same_output(out, run_mix(call))


def test_an_alias_that_the_call_leaves_out():
    """An alias is mixed where the call holds it; a call without it is none the worse."""
    call = fixed_aliases()
    some = {name: call.primary.aliases[name] for name in ("second", "others")}
    data = inputs_of(replace(call, primary=replace(call.primary, aliases=some)))
    out = make_pipeline(call, make_mix(call.settings, pool_of(call)))(**data)
    assert out["mix"].applied
    assert "depth" not in out


def test_further_boxes_beside_boxes():
    """Boxes and further boxes are judged apart, each against the donor's of its own name."""
    call = fixed_aliases(min_visibility=0.05)
    height, width = SHAPE

    def boxed(sample, box):
        return replace(sample, boxes=[box])

    call = replace(
        call,
        primary=boxed(call.primary, (0, 0, width, height)),
        donors=[boxed(d, (0, 0, d.shape[1], d.shape[0])) for d in call.donors],
    )
    for seed in range(5):
        once = replace(call, seed=seed)
        check_call(once, run_mix(once))


@pytest.mark.parametrize("name", ["second", "depth", "others"])
def test_a_donor_without_the_alias_is_refused(name):
    """Every alias of the call must come with the donor; the error names it and the donor."""
    call = fixed_aliases()
    donors = [
        replace(d, aliases={k: v for k, v in d.aliases.items() if k != name}) for d in call.donors
    ]
    with pytest.raises(InvalidSampleError, match=name) as caught:
        run_mix(replace(call, donors=donors))
    assert "donor" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        pytest.param("second", pixels(0, (31, 19), "uint8"), "uint8", id="image-dtype"),
        pytest.param("second", pixels(0, (31, 19, 3), "float32"), "channels", id="image-channels"),
        pytest.param("second", pixels(0, (30, 19), "float32"), r"\(31, 19\)", id="image-size"),
        pytest.param("depth", pixels(0, (31, 19), "uint8"), "uint8", id="mask-dtype"),
        pytest.param("depth", pixels(0, (31, 18), "int32"), r"\(31, 19\)", id="mask-size"),
        pytest.param("others", [(5, 5, 3, 9)], "box 0", id="inverted-box"),
    ],
)
def test_an_alias_that_does_not_fit_is_refused(name, value, words):
    """An alias of another dtype, channel count or size, or an inverted box, is refused."""
    call = fixed_aliases()
    donor = call.donors[0]
    broken = replace(donor, aliases={**donor.aliases, name: value})
    with pytest.raises(InvalidSampleError, match=words) as caught:
        run_mix(replace(call, donors=[broken]))
    assert name in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        pytest.param("masks", [np.zeros(SHAPE, np.uint8)], id="masks"),
        pytest.param("keypoints", [(1.0, 1.0)], id="keypoints"),
        pytest.param("volume", np.zeros((2, *SHAPE), np.uint8), id="volume"),
        pytest.param("mask3d", np.zeros((2, *SHAPE), np.uint8), id="mask3d"),
    ],
)
def test_aliases_of_other_kinds_are_refused(kind, value):
    """An alias that no rule covers is refused by its name, fired or not."""
    call = fixed_aliases()
    for p in (0.0, 1.0):
        pipeline = A.Compose(
            [make_mix(call.settings, pool_of(call), p)],
            additional_targets={"extra": kind},
            keypoint_params=A.KeypointParams("xy") if kind == "keypoints" else None,
        )
        with pytest.raises(InvalidSampleError, match="extra"):
            pipeline(image=call.primary.image, extra=value)


@pytest.mark.parametrize("name", ["images", "volume", "volumes", "mask3d", "masks3d"])
def test_targets_without_a_rule_are_refused(name):
    """Targets that are not mixed would no longer be true: each is refused by its name."""
    call = fixed_aliases()
    shapes = {"images": (2, *SHAPE, 3), "volume": (2, *SHAPE), "mask3d": (2, *SHAPE)}
    value = np.zeros(shapes.get(name, (1, 2, *SHAPE)), np.uint8)
    pipeline = A.Compose([make_mix(call.settings, pool_of(call))])
    with pytest.raises(InvalidSampleError, match=name):
        pipeline(image=call.primary.image, **{name: value})
