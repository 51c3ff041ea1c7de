"""Instance masks end to end through `A.Compose`: one keep-list for masks, boxes and fields."""

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
from object_strategies import (
    ROW_DTYPES,
    fixed_masks,
    fixed_objects,
    limits,
    object_calls,
)
from oracle import Sample, Settings
from strategies import (
    BBOX_MODES,
    FITS,
    FORMATS,
    SHAPE,
    Call,
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

from albu_cutmix import CutMix, InvalidArgumentError, InvalidSampleError, MixTargets
from albu_cutmix.safety import NOTHING

FORMS = ["donors", "mappings", "in call"]
OPTIONAL = st.sampled_from([None, "seen"])


# --- the oracle -----------------------------------------------------------------------------------


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("bbox_mode", BBOX_MODES)
@settings(max_examples=20)
@given(st.data())
def test_masks_and_boxes(bbox_mode, fit, data):
    """Rows of masks, boxes and label fields of every fit in every mode are the oracle's."""
    fields = {"visibility_field": data.draw(OPTIONAL)}
    call = data.draw(object_calls(bbox_mode=bbox_mode, fit=fit, **fields))
    out = run_mix(call, form=data.draw(st.sampled_from(FORMS)))
    assume(is_sure(call, out))
    check_call(call, out)


@pytest.mark.parametrize("bbox_mode", BBOX_MODES)
@settings(max_examples=25)
@given(st.data())
def test_masks_without_boxes(bbox_mode, data):
    """Without boxes each row is an object: rows that show too little go, the donor's come."""
    call = data.draw(object_calls(boxes=False, bbox_mode=bbox_mode))
    out = run_mix(call, form=data.draw(st.sampled_from(FORMS)))
    assert "bboxes" not in out
    check_call(call, out)


@pytest.mark.parametrize("bbox_mode", BBOX_MODES)
@settings(max_examples=25)
@given(st.data())
def test_masks_by_an_index_field(bbox_mode, data):
    """Rows in any order, and more of them than boxes: row i belongs to box i after the mix."""
    call = data.draw(object_calls(bbox_mode=bbox_mode, mask_index_field="at"))
    out = run_mix(call, form=data.draw(st.sampled_from(FORMS)))
    assume(is_sure(call, out))
    check_call(call, out)
    assert list(out["at"]) == list(range(len(out["bboxes"])))


@settings(max_examples=25)
@given(object_calls(mask_index_field="at"))
def test_an_index_field_is_renumbered_unfired_too(call):
    """A call that does not fire brings the masks into the order of their boxes all the same."""
    out = run_mix(call, p=0.0)
    check_call(call, out, p=0.0)


@pytest.mark.parametrize("bbox_mode", BBOX_MODES)
@pytest.mark.parametrize("masks", [True, False], ids=["masks", "boxes-alone"])
@settings(max_examples=25)
@given(st.data())
def test_objects_that_still_show_are_marked(masks, bbox_mode, data):
    """With an ignore field what would be dropped stays, in its place, with 1 in that field."""
    least = data.draw(st.sampled_from([0.5, 0.9, (1.0, 0.3)]))
    call = data.draw(object_calls(bbox_mode=bbox_mode, ignore_field="crowd", min_visibility=least))
    if not masks:
        call = replace(call, primary=replace(call.primary, masks=None))
    out = run_mix(call, form=data.draw(st.sampled_from(FORMS)))
    assume(is_sure(call, out))
    check_call(call, out)


@settings(max_examples=25)
@given(st.data())
def test_layers(data):
    """Row k of the donor goes into row k; boxes beside layers are judged as boxes."""
    boxes = data.draw(st.booleans())
    call = data.draw(object_calls(boxes=boxes, layers=True, masks_mode="layers"))
    out = run_mix(call, form=data.draw(st.sampled_from(FORMS)))
    assume(is_sure(call, out))
    check_call(call, out)
    assert len(out["masks"]) == len(call.primary.masks)


@pytest.mark.parametrize("bbox_format", FORMATS)
@pytest.mark.parametrize("masks", [True, False], ids=["masks", "boxes-alone"])
@settings(max_examples=25)
@given(st.data())
def test_thresholds_of_the_pipeline(masks, bbox_format, data):
    """Rows that the pipeline's own thresholds drop leave masks, boxes and fields together."""
    asked = {
        "bbox_format": bbox_format,
        "bbox_limits": data.draw(limits()),
        "ignore_field": data.draw(st.sampled_from([None, "crowd"])),
        "visibility_field": data.draw(OPTIONAL),
        "mask_index_field": data.draw(st.sampled_from([None, "at"])),
    }
    call = data.draw(object_calls(**asked))
    if not masks:
        rest = {k: v for k, v in call.primary.fields.items() if k != "at"}
        call = replace(call, primary=replace(call.primary, masks=None, fields=rest))
        call = replace(call, settings=replace(call.settings, mask_index_field=None))
    out = run_mix(call)
    assume(is_sure(call, out))
    check_call(call, out)


@settings(max_examples=25)
@given(st.data())
def test_thresholds_of_the_pipeline_unfired(data):
    """Where nothing is pasted too, the mask of a box that a threshold drops goes with it."""
    index = data.draw(st.sampled_from([None, "at"]))
    call = data.draw(object_calls(bbox_limits=data.draw(limits()), mask_index_field=index))
    out = run_mix(call, p=0.0)
    assume(is_sure(call, out))
    check_call(call, out, p=0.0)


@settings(max_examples=25)
@given(st.data())
def test_donor_masks_count_only_beside_masks_of_the_call(data):
    """Without masks in the call boxes are judged as boxes, whatever masks the donor has."""
    call = data.draw(object_calls())
    call = replace(call, primary=replace(call.primary, masks=None))
    out = run_mix(call)
    assume(is_sure(call, out))
    check_call(call, out)
    assert "masks" not in out


@settings(max_examples=25)
@given(st.data())
def test_donor_boxes_count_only_beside_boxes_of_the_call(data):
    """Without boxes in the call each row is an object, whatever boxes the donor has."""
    call = data.draw(object_calls())
    call = replace(call, primary=replace(call.primary, boxes=None, fields={}))
    out = run_mix(call)
    check_call(call, out)
    assert "bboxes" not in out


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("channels", [1, 3])
def test_layers_with_channels(channels, form):
    """A layer may have channels; it is pasted like any other."""
    call = fixed_objects(masks_mode="layers")

    def deepened(sample):
        layers = [np.stack([row * (k + 1) for k in range(channels)], -1) for row in sample.masks]
        return replace(sample, masks=layers)

    call = replace(call, primary=deepened(call.primary), donors=list(map(deepened, call.donors)))
    for seed in range(3):
        once = replace(call, seed=seed)
        check_call(once, run_mix(once, form=form))


# --- containers and dtypes ------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("container", [list, np.stack], ids=["list", "array"])
@pytest.mark.parametrize("dtype", [*ROW_DTYPES, "int64", "uint16", "float32"])
def test_every_kind_of_mask(dtype, container, form):
    """Each dtype and container comes back as it came, at several places of the patch."""
    call = fixed_objects(min_visibility=0.01)

    def recast(sample):
        return replace(sample, masks=container([row.astype(dtype) for row in sample.masks]))

    call = replace(call, primary=recast(call.primary), donors=list(map(recast, call.donors)))
    for seed in range(3):
        once = replace(call, seed=seed)
        out = run_mix(once, form=form)
        assert out["mix"].applied
        assert len(out["masks"]) > 3
        check_call(once, out)


@pytest.mark.parametrize(
    "laid",
    [
        pytest.param(np.asfortranarray, id="columns-first"),
        pytest.param(lambda stack: stack[:, ::-1, ::-1], id="reversed-view"),
        pytest.param(lambda stack: np.repeat(stack, 2, 2)[:, :, ::2], id="every-other-column"),
        pytest.param(lambda stack: np.moveaxis(np.stack(stack, -1), -1, 0), id="rows-last"),
    ],
)
@pytest.mark.parametrize("dtype", ["uint8", "bool", "int32"])
def test_masks_in_any_memory_layout(dtype, laid):
    """Views with strides of any kind give what their values say."""
    call = fixed_objects(min_visibility=0.01)

    def relaid(sample):
        return replace(sample, masks=laid(np.stack(sample.masks).astype(dtype)))

    call = replace(call, primary=relaid(call.primary), donors=list(map(relaid, call.donors)))
    for seed in range(3):
        once = replace(call, seed=seed)
        check_call(once, run_mix(once))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("boxes", [True, False], ids=["boxes", "no-boxes"])
@pytest.mark.parametrize(
    "empty",
    [pytest.param([], id="list"), pytest.param(np.zeros((0, *SHAPE), np.uint8), id="array")],
)
def test_a_primary_without_objects(empty, boxes, form):
    """Into an empty primary the donor's objects come; from an empty donor none."""
    call = fixed_objects(min_visibility=0.01)
    bare = {"boxes": [], "fields": {"word": [], "seen": []}} if boxes else {"boxes": None}
    primary = replace(call.primary, masks=empty, **bare)
    if not boxes:
        primary = replace(primary, fields={})
    call = replace(call, primary=primary)
    out = run_mix(call, form=form)
    assert len(out["masks"]) > 0
    check_call(call, out)
    call = replace(call, donors=[replace(donor, masks=[], **bare) for donor in call.donors])
    if not boxes:
        call = replace(call, donors=[replace(donor, fields={}) for donor in call.donors])
    out = run_mix(call, form=form)
    assert len(out["masks"]) == 0
    check_call(call, out)


@pytest.mark.parametrize("boxes", [True, False], ids=["boxes", "no-boxes"])
@pytest.mark.parametrize("container", [list, np.stack], ids=["list", "array"])
def test_nothing_left(container, boxes):
    """Where every object is hidden and none comes, later transforms of the host still work."""
    asked = Settings(area_range=(0.25, 0.25), ratio_range=(1.0, 1.0))
    primary, donor = (Sample(pixels(seed, SHAPE, "uint8")) for seed in (0, 1))
    bare = run_mix(Call(primary, [donor], asked))["mix"]
    x, y = (int(value) for value in bare.patches[0][:2])
    spot = np.zeros(SHAPE, np.uint8)
    spot[y, x] = 1
    primary, donor = replace(primary, masks=container([spot])), replace(donor, masks=[])
    if boxes:
        box = (x, y, x + 1, y + 1)
        primary = replace(primary, boxes=[box], fields={"word": ["ox"]})
        donor = replace(donor, boxes=[], fields={"word": []})
    call = Call(primary, [donor], asked)
    mix = make_mix(asked, pool_of(call))
    out = make_pipeline(call, mix, A.HorizontalFlip(p=1), A.Resize(5, 7))(**inputs_of(call))
    assert out["mix"].patches.tolist() == bare.patches.tolist()
    assert type(out["masks"]) is list
    assert len(out["masks"]) == 0
    assert not boxes or len(out["bboxes"]) == len(out["word"]) == 0


# --- what never happens ---------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=20)
@given(st.data())
def test_inputs_are_never_written_to(form, data):
    """Masks of primary and donors are read-only, byte for byte the same after, and not shared."""
    call = data.draw(object_calls(boxes=data.draw(st.booleans())))
    primary = inputs_of(call)
    donors = pool_of(call, "donors" if form == "donors" else "mappings")
    everything = [primary, *map(parts_of, donors)]
    before = oracle.snapshot(everything)
    pool = None if form == "in call" else donors
    extra = {"mix_metadata": donors} if form == "in call" else {}
    out = make_pipeline(call, make_mix(call.settings, pool))(**primary, **extra)
    oracle.check_unwritten(before, everything)
    if out["mix"].applied:
        given_rows = [*call.primary.masks, *(row for d in call.donors for row in d.masks)]
        for row in out["masks"]:
            assert not any(np.shares_memory(row, other) for other in given_rows)


@pytest.mark.parametrize("boxes", [True, False], ids=["boxes", "no-boxes"])
@settings(max_examples=25)
@given(st.data())
def test_a_donor_equal_to_the_primary_loses_no_pixel(boxes, data):
    """The same sample as donor, cut at the same place: what leaves as primary comes as donor."""
    call = data.draw(object_calls(boxes=boxes, fit="error", bbox_mode="keep", min_visibility=0.0))
    call = replace(call, donors=[call.primary])
    out = run_mix(call)
    before = np.sum([row != 0 for row in call.primary.masks], 0, int)
    after = np.sum([row != 0 for row in out["masks"]], 0, int)
    assert np.array_equal(before, after)
    assert out["mix"].remnant_px == 0


@settings(max_examples=25)
@given(st.data())
def test_marked_objects_leave_no_remnant(data):
    """With an ignore field no object that shows is lost, so that the record counts no pixel."""
    least = data.draw(st.sampled_from([0.3, 0.7, 1.0]))
    call = data.draw(object_calls(ignore_field="crowd", min_visibility=least))
    out = run_mix(call)
    assume(is_sure(call, out))
    judged = [
        oracle_objects.pixels_of(row) for s in (call.primary, *call.donors) for row in s.masks
    ]
    assume(all(judged))
    assert out["mix"].remnant_px == 0


def test_remnants_are_counted():
    """Without one, pixels of dropped objects that still show are counted, those kept left out."""
    counts = []
    for seed in range(12):
        call = replace(fixed_objects(min_visibility=0.8, bbox_mode="keep"), seed=seed)
        primary = replace(
            call.primary, boxes=call.primary.boxes[:2], masks=call.primary.masks[:2],
            fields={name: values[:2] for name, values in call.primary.fields.items()},
        )  # fmt: skip
        call = replace(call, primary=primary)
        out = run_mix(call)
        check_call(call, out)
        counts.append(out["mix"].remnant_px)
    assert len(set(counts)) > 5


# --- the same form, the same draw -----------------------------------------------------------------


def form_of(masks):
    """Type, and dtype and shape of a row."""
    return type(masks), masks[0].dtype, masks[0].shape


@pytest.mark.parametrize("boxes", [True, False], ids=["boxes", "no-boxes"])
@pytest.mark.parametrize("container", [list, np.stack], ids=["list", "array"])
@pytest.mark.parametrize("masks_mode", ["instances", "layers"])
def test_unfired_calls_have_the_same_form(masks_mode, container, boxes):
    """A mix with p = 0 gives the keys and types of p = 1, and the masks as they were."""
    call = fixed_objects(masks_mode=masks_mode, boxes=boxes, min_visibility=0.01)

    def contained(sample):
        return replace(sample, masks=container(sample.masks))

    call = replace(call, primary=contained(call.primary), donors=list(map(contained, call.donors)))
    fired, unfired = run_mix(call), run_mix(call, p=0.0)
    assert fired["mix"].applied
    assert fired.keys() == unfired.keys()
    assert form_of(fired["masks"]) == form_of(unfired["masks"])
    check_call(call, fired)
    check_call(call, unfired, p=0.0)


@pytest.mark.parametrize("reason", ["p", "no_patch", "no_donor"])
def test_masks_are_aligned_whatever_the_reason(reason):
    """Where nothing is pasted, for any reason, row i of the masks is that of box i."""
    asked = {"area_range": (1e-4, 1e-4)} if reason == "no_patch" else {}
    call = fixed_objects(mask_index_field="at", bbox_limits={"min_width": 7}, **asked)
    at = [4, 2, 0, 1, 3]
    masks = [call.primary.masks[at.index(row)] for row in range(5)]
    primary = replace(call.primary, masks=masks, fields={**call.primary.fields, "at": at})
    donors = [replace(d, fields={**d.fields, "at": list(range(5))}) for d in call.donors]
    call = replace(call, primary=primary, donors=donors[: 1 if reason == "no_donor" else 2])
    pipeline = make_pipeline(call, make_mix(call.settings, pool_of(call), float(reason != "p")))
    index = {"pool_index": 0} if reason == "no_donor" else {}
    out = pipeline(**inputs_of(call), **index)
    oracle_checks.check_unfired(out, primary, call.settings, reason, run_untouched(call))
    assert [int(row.max()) for row in out["masks"]] == [1, 4, 0]


def test_the_order_of_the_call_does_not_matter():
    """The host applies targets in the order of the call: masks first or last, the same rows."""
    call = fixed_objects(min_visibility=0.05, visibility_field="seen", bbox_limits={"min_area": 9})
    data = inputs_of(call)
    outs = [
        make_pipeline(call, make_mix(call.settings, pool_of(call)))(**{k: data[k] for k in order})
        for order in (list(data), list(data)[::-1])
    ]
    assert outs[0]["mix"].applied
    oracle.check_same_output(outs[0], {key: outs[1][key] for key in outs[0]})


@pytest.mark.parametrize("container", [list, np.stack], ids=["list", "array"])
def test_mix_targets_give_the_same_form(container):
    """`MixTargets` leaves masks as they are, in the form that a mix gives them."""
    call = fixed_objects()
    call = replace(call, primary=replace(call.primary, masks=container(call.primary.masks)))
    out = make_pipeline(call, MixTargets(classes=4))(**inputs_of(call))
    assert out.keys() == run_mix(call).keys()
    oracle_checks.check_masks(out["masks"], call.primary.masks, list(call.primary.masks))


@pytest.mark.parametrize("fit", FITS)
def test_masks_change_no_draw(fit):
    """The same seed gives the same patch, donor and pixels with and without masks."""
    call = fixed_objects(fit)
    bare = replace(call, primary=replace(call.primary, masks=None))
    with_masks, without = run_mix(call), run_mix(bare)
    oracle.check_array(with_masks["image"], without["image"], "image")
    records = [out["mix"]._replace(**NOTHING._asdict()) for out in (with_masks, without)]
    assert records[0] == records[1]  # but for what is measured
    oracle.check_same_output(with_masks, run_mix(call))


# --- a row and its box ----------------------------------------------------------------------------


def with_ids(sample, first):
    """A sample whose masks hold, and whose boxes carry, the number of the object."""
    rows = [row * np.int32(first + k) for k, row in enumerate(fixed_masks(sample.shape, "int32"))]
    rows[4][2, 3] = first + 4  # the fifth one has one pixel
    ids = [first + k for k in range(5)]
    fields = {"id": ids, "at": list(range(5)), "word": [f"object {k}" for k in ids]}
    return replace(sample, masks=rows, fields=fields)


def numbered(seed, **rest):
    """A call of numbered objects, larger than the usual one so that a crop leaves something."""
    call = fixed_call(**rest)
    primary = replace(call.primary, image=pixels(0, (37, 53, 3), "uint8"), mask=None)
    grown = [(x * 53 / 29, y * 37 / 13, X * 53 / 29, Y * 37 / 13) for x, y, X, Y in primary.boxes]
    primary = with_ids(replace(primary, boxes=grown), 1)
    donors = [with_ids(replace(d, mask=None), 100 * (k + 1)) for k, d in enumerate(call.donors)]
    return replace(call, primary=primary, donors=donors, seed=seed)


THRESHOLDS = [
    pytest.param({}, id="none"),
    pytest.param({"min_area": 20, "min_visibility": 0.3}, id="area-and-visibility"),
    pytest.param({"min_width": 4, "min_height": 3}, id="sides"),
    pytest.param({"max_accept_ratio": 6.0}, id="aspect"),
]


@pytest.mark.parametrize("container", [list, np.stack], ids=["list", "array"])
@pytest.mark.parametrize("limit", THRESHOLDS)
@pytest.mark.parametrize("p", [1.0, 0.0], ids=["fired", "unfired"])
def test_a_number_stays_with_its_mask(p, limit, container):
    """Through resize, crop, mix and flip each box's row of masks has the box's number."""
    seen = set()
    for seed in range(25):
        asked = {"mask_index_field": "at", "min_visibility": 0.05, "bbox_limits": limit}
        call = numbered(seed, **asked)
        call = replace(
            call, primary=replace(call.primary, masks=container(call.primary.masks)), clip=True
        )
        steps = [
            A.Resize(41, 47),
            A.RandomCrop(29, 31),
            make_mix(call.settings, pool_of(call), p),
            A.HorizontalFlip(p=0.5),
        ]
        out = make_pipeline(call, *steps)(**inputs_of(call))
        rows = list(zip(out["id"], out["at"], out["word"], strict=True))
        assert len(rows) == len(out["bboxes"])
        for number, at, word in rows:
            mask = out["masks"][int(at)]
            assert set(np.unique(mask)) <= {0, int(number)}
            assert word == f"object {int(number)}"
        if p:
            assert [at for _, at, _ in rows] == list(range(len(out["masks"])))
        seen |= {int(number) for number, _, _ in rows}
    assert {number for number in seen if number < 100} >= {1, 2, 3, 4}
    assert not p or len({number for number in seen if number >= 100}) > 4


@pytest.mark.parametrize("limit", THRESHOLDS)
def test_a_mix_after_a_mix(limit):
    """Two mixes in a row, and a flip after: row i of the masks has the number of box i."""
    for seed in range(12):
        call = numbered(seed, min_visibility=0.05, bbox_limits=limit)
        second = replace(call.settings, record_key="again")
        steps = [
            make_mix(call.settings, pool_of(call)),
            A.VerticalFlip(p=1),
            make_mix(second, pool_of(call)),
        ]
        out = make_pipeline(call, *steps)(**inputs_of(call))
        assert out["mix"].applied
        assert out["again"].applied
        assert len(out["masks"]) == len(out["bboxes"]) == len(out["id"])
        for number, mask in zip(out["id"], out["masks"], strict=True):
            assert set(np.unique(mask)) <= {0, int(number)}


@pytest.mark.parametrize("limit", [{}, {"min_area": 30}], ids=["no-threshold", "threshold"])
def test_the_box_is_that_of_the_mask(limit):
    """In "clip" the box of every object that the patch touched is the extent of its row."""
    touched = 0
    for seed in range(12):
        call = replace(fixed_objects(min_visibility=0.05, bbox_limits=limit), seed=seed)
        call = replace(
            call,
            donors=[
                replace(
                    d,
                    masks=d.masks[:4],
                    boxes=d.boxes[:4],
                    fields={k: v[:4] for k, v in d.fields.items()},
                )
                for d in call.donors
            ],
        )
        out = run_mix(call)
        x_min, y_min, x_max, y_max = (int(v) for v in out["mix"].patches[0])
        inputs = {int(row.max()): row for row in call.primary.masks}
        for box, mask in zip(out["bboxes"], out["masks"], strict=True):
            before = inputs.get(int(mask.max()))
            if before is None or np.any(before[y_min:y_max, x_min:x_max]):
                ys, xs = np.nonzero(mask)
                if not len(ys):
                    continue
                extent = [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
                assert box == pytest.approx(extent, abs=1e-3)
                touched += 1
    assert touched > 20


# --- errors ---------------------------------------------------------------------------------------


def broken(name):
    """A call whose masks cannot be mixed truthfully, and the words of the error."""
    call = fixed_objects(min_visibility=0.0)
    primary, donor = call.primary, call.donors[0]
    if name.startswith("primary"):
        changed, words = {
            "primary-count": ({"masks": primary.masks[:4]}, "4 masks and 5 boxes"),
            "primary-dtype": (
                {"masks": [row.astype(np.int32) for row in primary.masks]},
                "int32 and uint8",
            ),
        }[name]
        return replace(call, primary=replace(primary, **changed)), words
    changed, words = {
        "donor-count": ({"masks": donor.masks[:3]}, "3 masks and 5 boxes"),
        "donor-without-masks": ({"masks": None}, "has masks, donor 0 has none|none"),
        "donor-dtype": (
            {"masks": [row.astype(bool) for row in donor.masks]},
            "uint8 and bool",
        ),
    }[name]
    return replace(call, donors=[replace(donor, **changed)]), words


@pytest.mark.parametrize(
    "name",
    ["primary-count", "primary-dtype", "donor-count", "donor-without-masks", "donor-dtype"],
)
def test_untrue_masks_are_refused(name):
    """Masks that do not belong to the boxes, or of another dtype, are refused by name."""
    call, words = broken(name)
    with pytest.raises(InvalidSampleError, match=words):
        run_mix(call)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        pytest.param([0, 1, 2, 3, 5], "mask_index_field", id="beyond-the-masks"),
        pytest.param([0, 1, 2, 3, -1], "mask_index_field", id="negative"),
        pytest.param([0, 1, 2, 3, 3], "mask_index_field", id="twice"),
        pytest.param([0, 1, 2, 3, 3.5], "mask_index_field", id="between"),
    ],
)
@pytest.mark.parametrize("side", ["primary", "donor"])
def test_an_index_must_name_a_row(side, values, words):
    """An index field names for each box a row of its own."""
    call = fixed_objects(mask_index_field="at")

    def indexed(sample, at):
        return replace(sample, fields={**sample.fields, "at": at})

    good = list(range(5))
    call = replace(
        call,
        primary=indexed(call.primary, values if side == "primary" else good),
        donors=[indexed(d, values if side == "donor" else good) for d in call.donors],
    )
    with pytest.raises(InvalidSampleError, match=words):
        run_mix(call)


def test_layers_need_equal_counts():
    """Layers are pasted one into one: another number is refused."""
    call = fixed_objects(masks_mode="layers")
    call = replace(call, donors=[replace(d, masks=d.masks[:4]) for d in call.donors])
    with pytest.raises(InvalidSampleError, match="layers"):
        run_mix(call)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param({"masks_mode": "stack"}, id="unknown-mode"),
        pytest.param({"masks_mode": "layers", "mask_index_field": "at"}, id="layers-with-index"),
        pytest.param({"visibility_field": "a", "ignore_field": "a"}, id="one-field-for-two"),
    ],
)
def test_arguments_that_contradict_each_other(arguments):
    """Contradictions are refused when the mix is made."""
    with pytest.raises(InvalidArgumentError, match=next(iter(arguments))):
        CutMix(None, **arguments)
