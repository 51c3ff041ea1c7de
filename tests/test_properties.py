"""End to end through `A.Compose`: every output is what the oracle says."""

from __future__ import annotations

from dataclasses import replace

import albumentations as A
import numpy as np
import oracle
import oracle_checks
import oracle_objects
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from oracle import Draw, Sample, Settings
from strategies import (
    BBOX_MODES,
    CHANNELS,
    CLASSES,
    DTYPES,
    FITS,
    FORMATS,
    SHAPE,
    Call,
    as_donor,
    as_mapping,
    calls,
    check_call,
    fixed_call,
    inputs_of,
    is_sure,
    make_mix,
    make_pipeline,
    parts_of,
    pixels,
    pool_of,
    run_mix,
    run_untouched,
)

from albu_cutmix import CutMix, InvalidSampleError, MixTargets, geometry

FORMS = ["donors", "mappings", "in call"]
LABELS = ["index", "name", "vector"]


# --- the oracle -----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
@given(st.data())
def test_images_masks_and_labels(form, data):
    """Without boxes: pixels, mask, label and record are the oracle's, however donors come."""
    kind = data.draw(st.sampled_from(LABELS))
    classes = None if kind == "vector" else CLASSES
    call = data.draw(calls(label=kind, classes=classes))
    out = run_mix(call, form=form)
    assume(is_sure(call, out))
    check_call(call, out)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("bbox_mode", BBOX_MODES)
@settings(max_examples=80)
@given(st.data())
def test_boxes_and_fields(bbox_mode, form, data):
    """With boxes: fates, coordinates, order and every label field are the oracle's."""
    visibility_field = data.draw(st.sampled_from([None, "seen"]))
    call = data.draw(calls(boxes=True, bbox_mode=bbox_mode, visibility_field=visibility_field))
    out = run_mix(call, form=form)
    assume(is_sure(call, out))
    check_call(call, out)


@pytest.mark.parametrize("bbox_format", FORMATS)
@pytest.mark.parametrize("fit", FITS)
@settings(max_examples=30)
@given(st.data())
def test_every_fit_in_every_format(fit, bbox_format, data):
    """Each way to fit a donor agrees with the oracle in each box format."""
    call = data.draw(calls(boxes=True, fit=fit, bbox_format=bbox_format))
    out = run_mix(call)
    assume(is_sure(call, out))
    check_call(call, out)


@pytest.mark.parametrize("channels", CHANNELS, ids=["no-axis", "one", "three", "four", "five"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("fit", ["cover", "crop", "whole"])
def test_every_kind_of_image(fit, dtype, channels):
    """Each dtype and channel count comes back as it came, pixels as the oracle says."""
    call = fixed_call(fit, boxes=False)

    def recast(sample, seed):
        full = sample.shape if channels is None else (*sample.shape, channels)
        return replace(sample, image=pixels(seed, full, dtype))

    donors = [recast(donor, seed) for seed, donor in enumerate(call.donors)]
    call = replace(call, primary=recast(call.primary, 9), donors=donors)
    out = run_mix(call)
    assert out["mix"].applied
    check_call(call, out)


@pytest.mark.parametrize(
    ("fit", "placement"),
    [(fit, "inside") for fit in FITS] + [(fit, "paper") for fit in FITS if fit != "whole"],
)
@pytest.mark.parametrize("seed", range(8))
def test_patch_follows_from_the_draw(monkeypatch, placement, fit, seed):
    """Patch and source in the record are those that the drawn numbers lead to, exactly."""
    drawn = []
    real = geometry.draw_patch

    def noted(*args):
        drawn.append(real(*args))
        return drawn[-1]

    monkeypatch.setattr(geometry, "draw_patch", noted)
    call = replace(fixed_call(fit, placement=placement), seed=seed)
    record = run_mix(call)["mix"]
    draw = Draw(*drawn[0])
    assert len(drawn) == 1
    asked, donor_shape = call.settings, call.donors[int(record.donors[0])].shape
    if fit == "whole":
        place = oracle.whole_patch(draw, SHAPE, asked.area_range, donor_shape)
    elif placement == "paper":
        place = oracle.paper_patch(draw, SHAPE)
    else:
        place = oracle.inside_patch(draw, SHAPE, asked.area_range, asked.ratio_range)
    assert place.margin > 1e-9
    assert tuple(record.patches[0]) == (place.patch or (0, 0, 0, 0))
    if fit == "crop" and place.patch:
        source, _ = oracle.crop_source(draw, place.patch, donor_shape)
        assert tuple(record.sources[0]) == source


@pytest.mark.parametrize("fit", FITS)
def test_real_images_of_other_sizes(data_dir, fit):
    """Real photographs and boxes: the mix of two of unequal size is the oracle's."""
    cv2 = pytest.importorskip("cv2")
    paths = sorted((data_dir / "coco_instances" / "images").glob("*.jpg"))
    if len(paths) < 2:
        pytest.skip("the COCO images are not here")
    primary, donor = (
        Sample(cv2.imread(str(path), cv2.IMREAD_REDUCED_COLOR_8), None, [(1, 2, 30, 20)])
        for path in paths[:2]
    )
    if fit == "error":
        donor = replace(donor, image=primary.image[::-1].copy())
    call = Call(primary, [donor], Settings(fit=fit), seed=3)
    out = run_mix(call)
    assert out["mix"].applied
    check_call(call, out)


# --- boxes on the edge ----------------------------------------------------------------------------


def whole_edges(patch_shape):
    """All bands of full rows or full columns as high or wide as a patch."""
    height, width = SHAPE
    return [(0, y, width, y + patch_shape[0]) for y in range(height - patch_shape[0] + 1)] + [
        (x, 0, x + patch_shape[1], height) for x in range(width - patch_shape[1] + 1)
    ]


@pytest.mark.parametrize("bbox_format", FORMATS)
@pytest.mark.parametrize("bbox_mode", BBOX_MODES)
@pytest.mark.parametrize("seed", range(5))
def test_integer_edges_survive_the_hosts_float32(bbox_format, bbox_mode, seed):
    """Boxes whose edges lie exactly on the patch's are judged as integers, jitter snapped away."""
    boxes = whole_edges((6, 15))
    primary = replace(fixed_call().primary, boxes=boxes, fields={})
    donor = replace(primary, boxes=[(0, 0, 29, 13), (3, 3, 9, 9)])
    asked = Settings(
        area_range=(0.25, 0.25),
        ratio_range=(1, 1),
        bbox_mode=bbox_mode,
        min_visibility=0.0,
        bbox_format=bbox_format,
        classes=4,
    )
    call = Call(primary, [donor], asked, clip=True, seed=seed)
    out = run_mix(call)
    x_min, y_min, x_max, y_max = out["mix"].patches[0]
    assert (x_max - x_min, y_max - y_min) == (15, 7)
    check_call(call, out)


@pytest.mark.parametrize(
    ("least", "rows"),
    [
        pytest.param(0.5, 1, id="on-the-threshold"),
        pytest.param(0.5000009, 1, id="within-a-millionth"),
        pytest.param(0.50001, 0, id="above"),
    ],
)
def test_thresholds_hold_to_a_millionth(least, rows):
    """A box of visibility exactly 1/2 stays at a threshold of 1/2 and goes just above it."""
    shape = (11, 17)
    primary = Sample(pixels(0, shape, "uint8"), None, [(0, 0, 17, 11)])
    donor = Sample(pixels(1, shape, "uint8"), None, [])
    for seed in range(60):
        asked = Settings(min_visibility=(least, 0.1), area_range=(0.5, 0.5))
        call = Call(primary, [donor], asked, seed=seed)
        out = run_mix(call)
        x_min, y_min, x_max, y_max = (int(value) for value in out["mix"].patches[0])
        box = half_covered((x_min, y_min, x_max, y_max), shape)
        if box is not None:
            break
    else:
        pytest.fail("no patch leaves room for a box that it covers by half")
    call = replace(call, primary=replace(primary, boxes=[box]))
    out = run_mix(call)
    assert len(out["bboxes"]) == rows
    check_call(call, out)


def half_covered(patch, shape):
    """A box half of which lies under the patch, half beside it; None where there is no room."""
    x_min, y_min, x_max, y_max = patch
    if x_min > 0:
        return (x_min - 1, y_min, x_min + 1, y_max)
    return (x_max - 1, y_min, x_max + 1, y_max) if x_max < shape[1] else None


# --- what never happens ---------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=25)
@given(st.data())
def test_inputs_are_never_written_to(form, data):
    """Primary and donors are read-only, and byte for byte the same after the call."""
    call = data.draw(calls(boxes=True))
    primary = inputs_of(call)
    donors = pool_of(call, "donors" if form == "donors" else "mappings")
    everything = [primary, *map(parts_of, donors)]
    before = oracle.snapshot(everything)
    pool = None if form == "in call" else donors
    pipeline = make_pipeline(call, make_mix(call.settings, pool))
    extra = {"mix_metadata": donors} if form == "in call" else {}
    out = pipeline(**primary, **extra)
    oracle.check_unwritten(before, everything)
    assert not np.shares_memory(out["image"], primary["image"]) or not out["mix"].applied
    for donor in call.donors:
        assert not np.shares_memory(out["image"], donor.image)


@settings(max_examples=40)
@given(st.data())
def test_a_donor_equal_to_the_primary_changes_no_pixel(data):
    """The same image as donor, cut at the same place: image, mask and label are as before."""
    fit = data.draw(st.sampled_from(["cover", "stretch", "error"]))
    call = data.draw(calls(label="index", fit=fit, classes=CLASSES))
    call = replace(call, donors=[call.primary])
    out = run_mix(call)
    oracle.check_array(out["image"], call.primary.image, "image")
    if call.primary.mask is not None:
        oracle.check_array(out["mask"], call.primary.mask, "mask")
    expected = np.zeros(len(CLASSES), np.float32)
    expected[call.primary.label] = 1
    oracle.check_array(out["label"], expected, "label")


def test_a_donor_equal_to_the_primary_keeps_all_it_shows():
    """The same boxes as donor: what the patch hides of a box comes back as a donor box."""
    call = fixed_call(min_visibility=0.0, area_range=(0.25, 0.25))
    call = replace(call, donors=[call.primary])
    out = run_mix(call)
    rows = [oracle.exact(row) for row in out["bboxes"]]
    patch = tuple(int(value) for value in out["mix"].patches[0])
    first, second = oracle_objects.fates(call.primary, call.primary, patch, patch, call.settings)
    seen = sum(fate.kept for fate in first)
    assert len(rows) == seen + sum(fate.kept for fate in second)
    for box in rows[seen:]:
        assert oracle.meet(box, patch) == box


# --- randomness -----------------------------------------------------------------------------------


@pytest.mark.parametrize("fit", FITS)
def test_same_seed_same_output(fit):
    """Two pipelines of one seed agree call for call, in every byte of every output."""
    call = fixed_call(fit)
    pipelines = [make_pipeline(call, make_mix(call.settings, pool_of(call), 0.5)) for _ in "ab"]
    fired = set()
    for _ in range(8):
        one, other = (pipeline(**inputs_of(call)) for pipeline in pipelines)
        oracle.check_same_output(one, other)
        fired.add(one["mix"].applied)
    assert fired == {True, False}


def test_another_seed_another_record():
    """Twenty seeds give many different patches, and both donors."""
    call = fixed_call()
    records = [run_mix(replace(call, seed=seed))["mix"] for seed in range(20)]
    assert len({record.to_json() for record in records}) >= 15
    assert {int(record.donors[0]) for record in records} == {0, 1}


def test_calls_of_one_pipeline_differ():
    """One pipeline draws anew for every call."""
    call = fixed_call()
    pipeline = make_pipeline(call, make_mix(call.settings, pool_of(call)))
    lines = {pipeline(**inputs_of(call))["mix"].to_json() for _ in range(20)}
    assert len(lines) >= 15


@pytest.mark.parametrize("p", [0.25, 0.5, 0.9])
def test_p_is_the_rate(p):
    """The mix fires in a share p of the calls (four standard errors of 800 calls)."""
    call = Call(Sample(pixels(0, SHAPE, "uint8")), [Sample(pixels(1, SHAPE, "uint8"))], Settings())
    pipeline = make_pipeline(call, make_mix(call.settings, pool_of(call), p))
    data = inputs_of(call)
    fired = sum(pipeline(**data)["mix"].applied for _ in range(800))
    assert abs(fired / 800 - p) < 4 * np.sqrt(p * (1 - p) / 800)


def test_donors_are_drawn_evenly():
    """Each of five donors comes in about a fifth of the calls, its own index left out if given."""
    donors = [as_donor(Sample(pixels(k, SHAPE, "uint8"))) for k in range(5)]
    mix = CutMix(donors, p=1)
    mix.set_random_seed(0)
    image = pixels(9, SHAPE, "uint8")
    counts = np.bincount([int(mix(image=image)["mix"].donors[0]) for _ in range(1000)])
    assert (abs(counts - 200) < 4 * np.sqrt(160)).all()
    without = [int(mix(image=image, pool_index=2)["mix"].donors[0]) for _ in range(200)]
    assert set(without) == {0, 1, 3, 4}


def test_only_itself_left():
    """A pool that holds only the primary leaves the sample as it is, and says so."""
    call = replace(fixed_call(), donors=[fixed_call().primary])
    pipeline = make_pipeline(call, make_mix(call.settings, pool_of(call)))
    out = pipeline(**inputs_of(call), pool_index=0)
    oracle_checks.check_unfired(out, call.primary, call.settings, "no_donor", run_untouched(call))


# --- fired or not, the same form ------------------------------------------------------------------


def form_of(value):
    """Type, dtype and shape of an output: what downstream code relies on."""
    if hasattr(value, "_asdict"):
        return {name: form_of(part) for name, part in value._asdict().items()}
    if isinstance(value, np.ndarray):
        rows = value.ndim == 2 and value.shape[1] == 4
        return type(value), value.dtype, value.shape[1:] if rows else value.shape
    return type(value)


@pytest.mark.parametrize("label_mode", ["soft", "pair"])
@pytest.mark.parametrize("label", LABELS)
def test_unfired_calls_have_the_same_form(label, label_mode):
    """A mix with p = 0 gives the keys, types and shapes of p = 1, and the sample as it was."""
    values = {"index": (1, 3), "name": ("bee", "dog"), "vector": np.eye(4, dtype=np.float32)[:2]}
    own, other = values[label]
    call = fixed_call(label=own)
    donors = [replace(donor, label=other) for donor in call.donors]
    asked = replace(call.settings, label_mode=label_mode, classes=CLASSES)
    call = replace(call, donors=donors, settings=asked)
    fired, unfired = run_mix(call), run_mix(call, p=0.0)
    assert fired["mix"].applied
    assert fired.keys() == unfired.keys()
    for key, value in fired.items():
        assert form_of(value) == form_of(unfired[key]), key
    check_call(call, fired)
    oracle_checks.check_unfired(unfired, call.primary, asked, "p", run_untouched(call))


def test_no_patch_is_said():
    """An image in which the share has no pixel comes back as it was, with the reason."""
    primary = Sample(pixels(0, (2, 31), "uint8"), label=1)
    donor = Sample(pixels(1, (2, 31), "uint8"), label=0)
    call = Call(primary, [donor], Settings(area_range=(0.02, 0.02), classes=2))
    oracle_checks.check_unfired(run_mix(call), primary, call.settings, "no_patch")


@pytest.mark.parametrize("label_mode", ["soft", "pair"])
def test_mix_targets_give_the_same_form(label_mode):
    """`MixTargets` alone gives the keys and types of a mix, and changes nothing else."""
    call = fixed_call(label_mode=label_mode)
    targets = MixTargets(classes=len(CLASSES), label_mode=label_mode)
    out = make_pipeline(call, targets)(**inputs_of(call))
    fired = run_mix(call)
    assert out.keys() == fired.keys()
    assert {key: form_of(value) for key, value in out.items()} == {
        key: form_of(value) for key, value in fired.items()
    }
    assert out["mix"].kind == "none"
    record = out["mix"]._replace(kind="cutmix", reason="p")
    oracle_checks.check_unfired(
        {**out, "mix": record}, call.primary, call.settings, "p", run_untouched(call)
    )


# --- labels ---------------------------------------------------------------------------------------


@given(calls(label="index", classes=len(CLASSES)))
def test_soft_labels_sum_to_one(call):
    """A soft label of two class indices sums to one, and is one where both are the same."""
    out = run_mix(call)
    assert out["label"].sum(dtype=np.float64) == pytest.approx(1, abs=2.0**-23)
    donor = call.donors[int(out["mix"].donors[0])] if out["mix"].applied else call.primary
    assert (out["label"].max() == 1) == (donor.label == call.primary.label)


@settings(max_examples=40)
@given(st.data())
def test_rows_keep_their_fields(data):
    """Every row number in the output stands beside the box it was given with."""
    call = data.draw(calls(boxes=True, bbox_mode="keep", fit="error", min_visibility=0.0))

    def numbered(sample, first):
        rows = [float(first + k) for k in range(len(sample.boxes))]
        return replace(sample, fields={"row": rows})

    call = replace(
        call,
        primary=numbered(call.primary, 0),
        donors=[numbered(donor, 100) for donor in call.donors],
    )
    out = run_mix(call)
    rows = list(out["row"])
    own = [row for row in rows if row < 100]
    assert rows[: len(own)] == own == sorted(set(own))
    assert rows[len(own) :] == sorted(set(rows) - set(own))
    for row, box in zip(own, out["bboxes"], strict=False):
        given = oracle.meet(oracle.exact(call.primary.boxes[int(row)]), (0, 0, *sides(call)))
        got = oracle.from_format(box, call.settings.bbox_format, call.primary.shape)
        assert got == pytest.approx([float(value) for value in given], abs=1e-3)


def sides(call):
    """(width, height) of the primary."""
    return call.primary.shape[1], call.primary.shape[0]


@pytest.mark.parametrize("arrays", [False, True], ids=["lists", "arrays"])
@pytest.mark.parametrize(
    ("own", "theirs"),
    [
        pytest.param(["ox"], ["hippopotamus amphibius"], id="longer-unseen-string"),
        pytest.param([], ["ox", "cat"], id="empty-primary"),
        pytest.param(["ox", "cat"], [], id="empty-donor"),
        pytest.param(["zebra", "ant"], ["ant", "mule", "zebra"], id="mixed-order"),
        pytest.param([], [2.0, 0.5], id="empty-primary-numbers"),
        pytest.param([7, 3], [2**24, 5], id="whole-numbers"),
    ],
)
def test_label_fields_come_back_as_given(own, theirs, arrays):
    """No string is cut, no unseen string lost, no number changed; containers stay."""

    def sample(seed, values):
        boxes = [(0, 0, 29, 13)] * len(values)
        return Sample(pixels(seed, SHAPE, "uint8"), None, boxes, {"word": values})

    call = Call(sample(0, own), [sample(1, theirs)], Settings(min_visibility=0.01), arrays=arrays)
    for form in FORMS:
        out = run_mix(call, form=form)
        assert list(out["word"]) == own + theirs
        check_call(call, out)


def test_second_call_starts_anew():
    """Strings of an earlier call neither leak into a later one nor set its width."""
    long, short = ["rhinoceros"], ["ox"]

    def sample(words):
        return Sample(pixels(0, SHAPE, "uint8"), None, [(0, 0, 29, 13)], {"word": words})

    calls_made = [
        Call(sample(short), [sample(long)], Settings(min_visibility=0.01), arrays=True),
        Call(sample(long), [sample(["hippopotamus"])], Settings(min_visibility=0.01), arrays=True),
    ]
    donors = [as_donor(call.donors[0]) for call in calls_made]
    mix = CutMix(None, min_visibility=0.01, p=1)
    pipeline = A.Compose([mix], bbox_params=A.BboxParams("pascal_voc", label_fields=["word"]))
    for call, donor in zip(calls_made, donors, strict=True):
        out = pipeline(**inputs_of(call), mix_metadata=[donor])
        expected = call.primary.fields["word"] + call.donors[0].fields["word"]
        assert out["word"].tolist() == expected


# --- errors ---------------------------------------------------------------------------------------


def broken(name):
    """A call whose donor cannot be mixed truthfully, and the words of the error."""
    call = fixed_call(min_visibility=0.0)
    donor = call.donors[0]
    changed, words = {
        "no-mask": (replace(donor, mask=None), "mask"),
        "no-field": (replace(donor, fields={"seen": [1.0] * 5}), "word"),
        "dtype": (replace(donor, image=donor.image.astype(np.float32)), "float32"),
        "channels": (replace(donor, image=donor.image[:, :, :1]), "channels|shape"),
        "no-label": (replace(donor, label=None), "label"),
        "class": (replace(donor, label=4), "4"),
        "too-large": (
            replace(donor, fields={**donor.fields, "seen": [2.0**24 + 1] * 5}),
            "float32",
        ),
    }[name]
    return replace(call, donors=[changed]), words


@pytest.mark.parametrize(
    "name", ["no-mask", "no-field", "dtype", "channels", "no-label", "class", "too-large"]
)
def test_untrue_mixes_are_refused(name):
    """A donor that would make a target untrue is refused; the error names it and the trouble."""
    call, words = broken(name)
    with pytest.raises(InvalidSampleError, match=words) as caught:
        run_mix(call)
    assert "donor 0" in str(caught.value) or "donor '0'" in str(caught.value)


def test_other_sizes_are_refused_on_request():
    """fit="error" refuses a donor of another size, with both sizes."""
    call = fixed_call()
    call = replace(call, settings=replace(call.settings, fit="error"))
    with pytest.raises(InvalidSampleError, match=r"\(13, 29\)"):
        run_mix(call)


def test_an_index_needs_classes():
    """A class index cannot be mixed without the number of classes; a vector can."""
    call = fixed_call()
    call = replace(call, settings=replace(call.settings, classes=None))
    with pytest.raises(InvalidSampleError, match="classes"):
        run_mix(call)


def test_mappings_and_donors_agree():
    """The same pool as objects, as mappings and in the call gives the same bytes."""
    call = fixed_call()
    outs = [run_mix(call, form=form) for form in FORMS]
    metadata = outs[2].pop("mix_metadata")
    assert [sorted(item) for item in metadata] == [
        sorted(as_mapping(donor, call.settings)) for donor in call.donors
    ]
    oracle.check_same_output(outs[0], outs[1])
    oracle.check_same_output(outs[0], outs[2])
