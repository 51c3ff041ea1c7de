"""The suite notices known mistakes: each is planted into the library, or into its output."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import oracle
import oracle_checks
import pytest
from object_strategies import fixed_aliases, fixed_objects, fixed_points
from oracle import Draw, Sample, Settings
from strategies import (
    SHAPE,
    Call,
    as_donor,
    fixed_call,
    inputs_of,
    make_mix,
    make_pipeline,
    pixels,
    pool_of,
    run_mix,
    run_untouched,
)

from albu_cutmix import boxes, functional, geometry, labels, masks
from albu_cutmix.fates import ObjectRule
from albu_cutmix.geometry import Rect
from albu_cutmix.host import class_label, fields, instances, objects, points, rows
from albu_cutmix.plan import MixPlan
from albu_cutmix.transforms import mix

SEEDS = range(12)


def check(call):
    """Run a call under several seeds, and assert every output."""
    for seed in SEEDS:
        once = replace(call, seed=seed)
        out = run_mix(once)
        assert out["mix"].applied
        oracle_checks.check_mix(out, once.primary, once.donors, once.settings, run_untouched(once))


def spanning(**rest):
    """A call whose boxes share edges with every possible patch: 15 x 7 of 29 x 13."""
    boxes = [(0, y, 29, y + 7) for y in range(7)] + [(x, 0, x + 15, 13) for x in range(15)]
    primary = replace(fixed_call().primary, boxes=boxes, fields={})
    donor = replace(primary, boxes=[(0, 0, 29, 13)], image=pixels(4, (*SHAPE, 3), "uint8"))
    asked = Settings(area_range=(0.25, 0.25), ratio_range=(1.0, 1.0), classes=4, **rest)
    return Call(primary, [donor], asked)


def same_size(**rest):
    """The usual call with donors of the primary's size, patches of a quarter."""
    return fixed_call("error", area_range=(0.2, 0.3), **rest)


def near_integers():
    """A box at the corner whose edges lie a hair beside whole pixels."""
    call = same_size()
    box = [(0.0004, 0.0004, 2.0004, 1.9996)]
    return replace(call, primary=replace(call.primary, boxes=box, fields={}))


def longer_words():
    """A donor with longer strings than the primary's, fields as arrays."""
    call = same_size(min_visibility=0.0)
    words = ["hippopotamus amphibius"] * 5
    donors = [replace(donor, fields={**donor.fields, "word": words}) for donor in call.donors]
    return replace(call, donors=donors, arrays=True)


def with_masks(**rest):
    """Objects with masks, donors of the primary's size, fields that a mix writes."""
    call = fixed_objects("error", area_range=(0.2, 0.3), **rest)
    shuffled = [3, 0, 4, 1, 2] if "mask_index_field" in rest else list(range(5))

    def filled(sample):
        rows = [sample.masks[shuffled.index(k)] for k in range(5)]
        own = {"crowd": [0] * 5, "at": shuffled}
        names = [rest[name] for name in ("ignore_field", "mask_index_field") if name in rest]
        more = {name: own[name] for name in names}
        return replace(sample, masks=rows, fields={**sample.fields, **more})

    return replace(call, primary=filled(call.primary), donors=list(map(filled, call.donors)))


def bars():
    """Masks of one row of pixels each, in boxes that are the whole image."""
    call = with_masks(min_visibility=0.0)
    rows = np.zeros((5, *SHAPE), np.uint8)
    for k in range(5):
        rows[k, 3 + k, 3 * k : 3 * k + 14] = 1
    whole = [(0, 0, SHAPE[1], SHAPE[0])] * 5
    return replace(call, primary=replace(call.primary, masks=list(rows), boxes=whole))


def turned():
    """A donor with points of every direction, stretched."""
    call = fixed_points("stretch", keypoint_format="xyas")
    rows = [(x, y, 0.0, 0.3 + x / 5, 1.0) for x, y in call.donors[0].keypoints]
    donor = replace(call.donors[0], keypoints=rows)
    return replace(call, donors=[donor])


def twins():
    """A second image of the kind of the first."""
    call = fixed_call("error", boxes=False, aliases={"second": "image"})

    def twin(sample, seed):
        second = pixels(seed, sample.image.shape, "uint8")
        return replace(sample, aliases={"second": second}, mask=None)

    donors = [twin(donor, 30 + k) for k, donor in enumerate(call.donors)]
    return replace(call, primary=twin(call.primary, 20), donors=donors)


# --- what is planted ------------------------------------------------------------------------------


def lam_inverted(patch):
    """The donor's share is given to the primary."""
    real, share = MixPlan.weights.fget, MixPlan.lam.fget
    patch.setattr(MixPlan, "weights", property(lambda self: real(self)[::-1]))
    patch.setattr(MixPlan, "lam", property(lambda self: 1 - share(self)))


def lam_nominal(patch):
    """The drawn share is reported, not the counted one."""
    patch.setattr(MixPlan, "weights", property(lambda self: (0.75, 0.25)))
    patch.setattr(MixPlan, "lam", property(lambda self: 0.75))


def label_not_mixed(patch):
    """The label keeps the primary's class, whatever shows."""
    patch.setattr(
        class_label, "mix_labels", lambda vectors, weights: labels.mix_labels(vectors, (1, 0))
    )


def sides_swapped(patch):
    """Height and width are exchanged in the draw; the patch is then moved inside the image."""
    real = geometry.place_inside

    def swapped(draw, shape, *ranges):
        x_min, y_min, x_max, y_max = real(draw, shape[::-1], *ranges)
        w, h = min(x_max - x_min, shape[1]), min(y_max - y_min, shape[0])
        x, y = min(x_min, shape[1] - w), min(y_min, shape[0] - h)
        return Rect(x, y, x + w, y + h)

    patch.setattr(geometry, "place_inside", swapped)


def clipped_patch(patch):
    """The patch is shrunk after the source was found: one column short."""
    real = functional.paste_image

    def short(image, pastes, *key):
        out, last = real(image, pastes, *key), pastes[0].patch.x_max - 1
        out[:, last] = image[:, last]
        return out

    patch.setattr(mix, "paste_image", short)


def source_truncated(patch):
    """Source edges are cut down to whole pixels, not rounded."""
    real = geometry.fit_source

    def cut(fit, draw, place, shape, donor_shape):
        x = [int(v * donor_shape[1] / shape[1]) for v in (place.x_min, place.x_max)]
        y = [int(v * donor_shape[0] / shape[0]) for v in (place.y_min, place.y_max)]
        real(fit, draw, place, shape, donor_shape)
        return Rect(x[0], y[0], max(x[1], x[0] + 1), max(y[1], y[0] + 1))

    patch.setattr(geometry, "fit_source", cut)


def mask_skipped(patch):
    """The semantic mask stays the primary's."""
    patch.setattr(mix, "paste_mask", lambda mask, *rest: mask.copy())


def mask_from_image_scaling(patch):
    """The mask is looked up at the pixel's corner, not under its centre."""

    def corner(mask, width, height):
        y, x = (
            np.arange(height) * mask.shape[0] // height,
            np.arange(width) * mask.shape[1] // width,
        )
        return mask[y[:, None], x]

    patch.setattr(functional, "resize_mask", corner)


def donor_box_not_clipped(patch):
    """Donor boxes reach over the patch."""
    real = objects.judge_donor

    def whole(bboxes, paste, *rest):
        mapped = boxes.map_bboxes(bboxes, paste.source, paste.patch)
        return real(bboxes, paste, *rest)._replace(bboxes=mapped)

    patch.setattr(objects, "judge_donor", whole)


def donor_box_not_moved(patch):
    """The offset of source to patch is forgotten."""
    patch.setattr(boxes, "map_bboxes", lambda bboxes, source, patch: bboxes)


def donor_box_kept_unseen(patch):
    """Donor boxes come whatever little of them shows."""
    real = objects.judge_donor

    def lenient(bboxes, paste, rule, *rest):
        return real(bboxes, paste, ObjectRule(rule.bbox_mode, (0.0, 0.0)), *rest)

    patch.setattr(objects, "judge_donor", lenient)


def donor_visibility_of_its_cut(patch):
    """Parts of a donor box that the fit cuts off are left out of the reckoning."""
    real = objects.judge_donor

    def flattering(*args):
        judged = real(*args)
        return judged._replace(visibility=np.ones_like(judged.visibility))

    patch.setattr(objects, "judge_donor", flattering)


def box_cut_at_a_corner(patch):
    """A box is cut wherever the patch reaches into it, also at a corner."""

    def greedy(bboxes, rect):
        out = bboxes.copy()
        into = (bboxes[:, 0] < rect.x_min) & (rect.x_min < bboxes[:, 2])
        out[into, 2] = rect.x_min
        return out

    patch.setattr(boxes, "visible_extent", greedy)


def covered_boxes_stay(patch):
    """Boxes stay whatever little of them shows."""
    real = objects.judge_primary

    def blind(*args):
        judged = real(*args)
        return judged._replace(keep=np.ones_like(judged.keep))

    patch.setattr(objects, "judge_primary", blind)


def jitter_not_snapped(patch):
    """Boxes are judged with the float32 jitter of the host."""
    patch.setattr(rows, "snap", lambda bboxes: bboxes)


def untouched_rows_rewritten(patch):
    """Rows that no patch touched go through pixels and back."""
    real = objects.judge_primary

    def rewritten(*args):
        judged = real(*args)
        return judged._replace(changed=np.ones_like(judged.changed))

    patch.setattr(objects, "judge_primary", rewritten)


def string_cut(patch):
    """Unseen strings are cut to the primary's width, as 2.0.8 does by itself."""
    real = fields._encode

    def kept_dtype(meta, values, *names):
        dtype = meta.dtype
        codes = real(meta, values, *names)
        meta.dtype = dtype
        return codes

    patch.setattr(fields, "_encode", kept_dtype)


def fields_out_of_order(patch):
    """The donor's values come in another order than its boxes."""
    real = rows.pick_values
    patch.setattr(rows, "pick_values", lambda *args: real(*args)[::-1])


def without_name(patch, name):
    """A label field that the mix writes stays as it came."""
    real = mix.mix_bboxes

    def unwritten(bboxes, plan, verdict, names, *rest):
        return real(bboxes, plan, verdict, names._replace(**{name: None}), *rest)

    patch.setattr(mix, "mix_bboxes", unwritten)


def visibility_not_written(patch):
    """The visibility field stays as it came."""
    without_name(patch, "visibility_field")


def mark_forgotten(patch):
    """Objects stay to be ignored, and nothing says so."""
    without_name(patch, "ignore_field")


def index_not_renumbered(patch):
    """The field that names the rows of masks still names those of before."""
    without_name(patch, "mask_index_field")


def index_not_read(patch):
    """Row i of masks is taken for box i, whatever the field says."""
    real = objects.bind_masks
    patch.setattr(
        objects, "bind_masks", lambda planes, rows, _, *rest: real(planes, rows, None, *rest)
    )


def mask_row_shifted(patch):
    """The rows of masks come out one further than their boxes."""
    real = mix.mix_instances
    patch.setattr(mix, "mix_instances", lambda *args: np.roll(real(*args), 1, axis=0))


def mask_not_zeroed(patch):
    """Masks of the primary go on under the patch."""
    real = instances.paste_instances

    def untouched(planes, keep, touched, *rest):
        return real(planes, keep, np.zeros_like(touched), *rest)

    patch.setattr(instances, "paste_instances", untouched)


def donor_mask_of_another_row(patch):
    """The donor's masks are taken from the end."""
    real = objects.bind_donor
    patch.setattr(objects, "bind_donor", lambda *args: real(*args)[::-1])


def mask_not_looked_at(patch):
    """Objects of the primary are judged by their boxes, though they have masks."""
    real = objects.judge_primary
    patch.setattr(objects, "judge_primary", lambda *args: real(*args[:4]))


def mask_box_from_the_box(patch):
    """The box of a cut object is what shows of its box, not of its mask."""

    def hull(mask, rect, where):
        ys, xs = np.nonzero(mask)
        return Rect(xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)

    patch.setattr(masks, "visible_extent", hull)


def mask_off_centre(patch):
    """Scaled masks are looked up at the pixel's corner, not under its centre."""
    patch.setattr(functional, "_nearest", lambda old, new: np.arange(new) * old // new)


def thresholds_forgotten(patch):
    """Masks stay though the pipeline's own thresholds drop their boxes."""
    patch.setattr(objects, "survivors", lambda rows, *rest: np.ones(len(rows), bool))


def remnant_forgotten(patch):
    """Pixels of objects that were dropped while they show are not counted."""
    patch.setattr(objects, "count_remnant", lambda *args, **only: 0)


def remnant_of_one_side(patch):
    """Only the primary's are counted."""
    real = objects.count_remnant

    def primary(*args, **only):
        return real(*args, **only) if only else 0

    patch.setattr(objects, "count_remnant", primary)


def closed_rectangle(patch):
    """A point on the far edge of the patch counts as inside."""

    def closed(rows, *rects):
        x, y = rows[:, 0], rows[:, 1]
        rect = rects[0] if rects else (0, 0, -1, -1)
        return (x >= rect[0]) & (x <= rect[2]) & (y >= rect[1]) & (y <= rect[3])

    patch.setattr(points, "in_rect", closed)


def point_off_by_one(patch):
    """Points of the donor come out one pixel to the right."""
    real = points.map_keypoints
    patch.setattr(points, "map_keypoints", lambda *args: real(*args) + np.array([1, 0, 0, 0, 0]))


def point_by_its_centre(patch):
    """Points are scaled as if whole numbers were centres of pixels."""
    real = points.map_keypoints
    half = np.array([0.5, 0.5, 0, 0, 0])
    patch.setattr(points, "map_keypoints", lambda rows, *rest: real(rows + half, *rest) - half)


def angle_not_mapped(patch):
    """Angles stay though the axes are scaled apart."""
    real = points.map_keypoints

    def stiff(rows, *rest):
        out = real(rows, *rest)
        out[:, 3] = rows[:, 3]
        return out

    patch.setattr(points, "map_keypoints", stiff)


def flag_forgotten(patch):
    """Rows stay, and covered points are not set to 0."""
    real = mix.mix_keypoints

    def unflagged(rows, paste, rule, *rest):
        lax = SimpleNamespace(keypoint_mode="flag", keypoint_visibility_field=None)
        return real(rows, paste, lax, *rest)

    patch.setattr(mix, "mix_keypoints", unflagged)


def alias_from_the_main_image(patch):
    """An alias takes the donor's image, whatever its own name."""
    patch.setattr(functional, "_donor_array", lambda paste, key: paste.donor.image)


def alias_boxes_left_alone(patch):
    """Boxes of an alias stay as they came."""
    patch.setattr(mix, "alias_rows", lambda rows, *rest: rows)


PLANTED = [
    pytest.param(lam_inverted, same_size, id="lam-inverted"),
    pytest.param(lam_nominal, spanning, id="nominal-lam"),
    pytest.param(label_not_mixed, same_size, id="label-not-mixed"),
    pytest.param(sides_swapped, same_size, id="height-and-width-swapped-in-the-draw"),
    pytest.param(clipped_patch, same_size, id="a-column-short"),
    pytest.param(source_truncated, lambda: fixed_call("stretch"), id="source-not-rounded"),
    pytest.param(mask_skipped, same_size, id="mask-skipped"),
    pytest.param(mask_from_image_scaling, lambda: fixed_call("whole"), id="mask-off-centre"),
    pytest.param(donor_box_not_clipped, spanning, id="donor-box-not-clipped"),
    pytest.param(
        donor_box_not_moved, lambda: fixed_call("crop", min_visibility=0.01), id="offset-forgotten"
    ),
    pytest.param(
        donor_box_kept_unseen,
        lambda: same_size(min_visibility=(0.1, 0.9)),
        id="donor-box-below-the-threshold",
    ),
    pytest.param(
        donor_visibility_of_its_cut,
        lambda: same_size(visibility_field="seen"),
        id="visibility-of-what-the-fit-left",
    ),
    pytest.param(box_cut_at_a_corner, same_size, id="box-cut-at-a-corner"),
    pytest.param(
        covered_boxes_stay, lambda: same_size(min_visibility=(0.9, 0.1)), id="covered-box-stays"
    ),
    pytest.param(jitter_not_snapped, spanning, id="float-jitter-not-snapped"),
    pytest.param(untouched_rows_rewritten, near_integers, id="untouched-row-rewritten"),
    pytest.param(string_cut, longer_words, id="label-string-cut"),
    pytest.param(
        fields_out_of_order, lambda: same_size(min_visibility=0.0), id="fields-out-of-order"
    ),
    pytest.param(
        visibility_not_written,
        lambda: same_size(visibility_field="seen"),
        id="visibility-not-written",
    ),
    pytest.param(
        mark_forgotten, lambda: with_masks(ignore_field="crowd", min_visibility=0.9), id="mark"
    ),
    pytest.param(
        index_not_renumbered, lambda: with_masks(mask_index_field="at"), id="index-not-renumbered"
    ),
    pytest.param(index_not_read, lambda: with_masks(mask_index_field="at"), id="index-not-read"),
    pytest.param(mask_row_shifted, with_masks, id="mask-row-shifted"),
    pytest.param(mask_not_zeroed, with_masks, id="mask-not-zeroed"),
    pytest.param(donor_mask_of_another_row, with_masks, id="donor-mask-of-another-row"),
    pytest.param(mask_not_looked_at, with_masks, id="judged-by-boxes"),
    pytest.param(mask_box_from_the_box, bars, id="box-of-the-whole-mask"),
    pytest.param(mask_off_centre, lambda: fixed_objects("whole"), id="instance-mask-off-centre"),
    pytest.param(
        thresholds_forgotten,
        lambda: with_masks(bbox_limits={"min_width": 6.5, "min_height": 4.5}),
        id="thresholds-forgotten",
    ),
    pytest.param(remnant_forgotten, lambda: with_masks(min_visibility=0.9), id="remnant-forgotten"),
    pytest.param(
        remnant_of_one_side,
        lambda: with_masks(min_visibility=(0.0, 0.9)),
        id="remnant-of-the-donor-forgotten",
    ),
    pytest.param(closed_rectangle, fixed_points, id="points-on-the-far-edge"),
    pytest.param(point_off_by_one, fixed_points, id="keypoint-off-by-one"),
    pytest.param(point_by_its_centre, lambda: fixed_points("stretch"), id="keypoint-by-its-centre"),
    pytest.param(angle_not_mapped, turned, id="angle-not-mapped"),
    pytest.param(flag_forgotten, lambda: fixed_points(keypoint_mode="flag"), id="flag-forgotten"),
    pytest.param(alias_from_the_main_image, twins, id="alias-from-the-main-image"),
    pytest.param(alias_boxes_left_alone, fixed_aliases, id="alias-boxes-left-alone"),
]


@pytest.mark.parametrize(("fault", "make_call"), PLANTED)
def test_a_planted_fault_is_noticed(monkeypatch, fault, make_call):
    """The sound library passes the check, and the same check fails with the fault in it."""
    call = make_call()
    check(call)
    fault(monkeypatch)
    with pytest.raises(AssertionError):
        check(call)


# --- faults in the output -------------------------------------------------------------------------


OUTPUT_FAULTS = [
    pytest.param(
        "mix", lambda value: value._replace(lam=np.float32(1 - value.lam)), id="lam-inverted"
    ),
    pytest.param("mix", lambda value: value._replace(lam=np.float32(0.75)), id="lam-nominal"),
    pytest.param(
        "mix", lambda value: value._replace(lam=float(value.lam)), id="lam-of-another-type"
    ),
    pytest.param("mix", lambda value: value._replace(owned_px=value.owned_px + 1), id="count-off"),
    pytest.param("mix", lambda value: value._replace(shape=value.shape[::-1]), id="shape-swapped"),
    pytest.param(
        "mix", lambda value: value._replace(patches=value.patches + 1), id="patch-off-by-one"
    ),
    pytest.param(
        "mix", lambda value: value._replace(sources=value.sources + 1), id="source-off-by-one"
    ),
    pytest.param("mix", lambda value: value._replace(donors=1 - value.donors), id="other-donor"),
    pytest.param("image", lambda value: value[::-1].copy(), id="image-flipped"),
    pytest.param("image", lambda value: value.astype(np.float32), id="image-dtype"),
    pytest.param("image", lambda value: value[:, :, :1], id="image-channels"),
    pytest.param("mask", lambda value: value.astype(np.int32), id="mask-dtype-narrowed"),
    pytest.param("label", lambda value: value[::-1].copy(), id="label-reversed"),
    pytest.param("label", lambda value: value.astype(np.float64), id="label-dtype"),
    pytest.param("bboxes", lambda value: value[1:], id="row-lost"),
    pytest.param("bboxes", lambda value: [*value, value[0]], id="row-twice"),
    pytest.param("bboxes", lambda value: value[::-1], id="rows-in-another-order"),
    pytest.param("bboxes", np.array, id="another-container"),
    pytest.param(
        "bboxes",
        lambda value: [[x + 0.01 for x in row] for row in value],
        id="a-hundredth-of-a-pixel",
    ),
    pytest.param("word", lambda value: [word[:2] for word in value], id="strings-cut"),
    pytest.param("word", lambda value: value[::-1], id="fields-in-another-order"),
    pytest.param("seen", lambda value: [1.0] * len(value), id="visibility-not-written"),
]


@pytest.mark.parametrize(("key", "fault"), OUTPUT_FAULTS)
def test_a_fault_in_the_output_is_noticed(key, fault):
    """One part of a true output altered, and `check_mix` fails."""
    call = replace(same_size(visibility_field="seen", min_visibility=0.0), seed=1)
    out, untouched = run_mix(call), run_untouched(call)
    oracle_checks.check_mix(out, call.primary, call.donors, call.settings, untouched)
    with pytest.raises((AssertionError, IndexError)):
        oracle_checks.check_mix(
            {**out, key: fault(out[key])}, call.primary, call.donors, call.settings, untouched
        )


def shift(rows):
    """Every row one further, the last one first."""
    return [rows[-1], *rows[:-1]]


TARGET_FAULTS = [
    pytest.param("masks", shift, with_masks, id="masks-shifted"),
    pytest.param("masks", lambda rows: rows[:-1], with_masks, id="mask-lost"),
    pytest.param("masks", lambda rows: [row > 0 for row in rows], with_masks, id="mask-dtype"),
    pytest.param("masks", np.stack, with_masks, id="masks-in-another-container"),
    pytest.param(
        "masks", lambda rows: [np.roll(row, 1, 1) for row in rows], with_masks, id="mask-moved"
    ),
    pytest.param(
        "mix",
        lambda record: record._replace(remnant_px=record.remnant_px + 1),
        with_masks,
        id="remnant-off-by-one",
    ),
    pytest.param("keypoints", shift, fixed_points, id="points-shifted"),
    pytest.param("keypoints", lambda rows: rows[:-1], fixed_points, id="point-lost"),
    pytest.param(
        "keypoints",
        lambda rows: [[x + 0.01, y] for x, y in rows],
        fixed_points,
        id="points-a-hundredth-off",
    ),
    pytest.param(
        "keypoints", lambda rows: [[y, x] for x, y in rows], fixed_points, id="x-and-y-exchanged"
    ),
    pytest.param("number", shift, fixed_points, id="values-of-points-shifted"),
    pytest.param("second", lambda value: value[::-1].copy(), fixed_aliases, id="alias-flipped"),
    pytest.param("depth", lambda value: value.astype(np.int64), fixed_aliases, id="alias-dtype"),
    pytest.param("others", lambda rows: rows[:-1], fixed_aliases, id="alias-box-lost"),
]


@pytest.mark.parametrize(("key", "fault", "make_call"), TARGET_FAULTS)
def test_a_fault_in_another_target_is_noticed(key, fault, make_call):
    """Masks, points and aliases: one part of a true output altered, and `check_mix` fails."""
    call = replace(make_call(), seed=3)
    out, untouched = run_mix(call), run_untouched(call)
    rest = call.primary, call.donors, call.settings, untouched
    oracle_checks.check_mix(out, *rest)
    with pytest.raises(AssertionError):
        oracle_checks.check_mix({**out, key: fault(out[key])}, *rest)


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        pytest.param("label", lambda value: 1, id="label-left-hard"),
        pytest.param("mix", lambda value: value._replace(lam=np.float32(0)), id="lam-zero"),
        pytest.param("mix", lambda value: value._replace(applied=True), id="said-to-be-applied"),
        pytest.param("image", lambda value: value + 1, id="image-touched"),
        pytest.param("bboxes", lambda value: value[:-1], id="row-lost"),
    ],
)
def test_a_fault_in_an_unfired_call_is_noticed(key, fault):
    """A call that did not fire is judged as strictly."""
    call = same_size()
    out, untouched = run_mix(call, p=0.0), run_untouched(call)
    oracle_checks.check_unfired(out, call.primary, call.settings, "p", untouched)
    with pytest.raises(AssertionError):
        oracle_checks.check_unfired(
            {**out, key: fault(out[key])}, call.primary, call.settings, "p", untouched
        )


# --- faults that another check sees ---------------------------------------------------------------


def in_place(image, pastes, *key):
    """Paste into the caller's array."""
    paste = pastes[0]
    window = paste.donor.image[paste.source.rows_cols]
    image[paste.patch.rows_cols] = functional.resize_image(
        window, paste.patch.width, paste.patch.height
    )
    return image


def test_written_inputs_are_noticed(monkeypatch):
    """Pasting in place changes the caller's bytes, and the comparison with before says so."""
    call = same_size(label=1)
    donors = pool_of(call)
    data = {**inputs_of(call), "image": call.primary.image.copy()}
    before = oracle.snapshot([data])
    make_pipeline(call, make_mix(call.settings, donors))(**data)
    oracle.check_unwritten(before, [data])
    monkeypatch.setattr(mix, "paste_image", in_place)
    make_pipeline(call, make_mix(call.settings, donors))(**data)
    with pytest.raises(AssertionError, match="image"):
        oracle.check_unwritten(before, [data])


def test_read_only_inputs_stop_a_writer(monkeypatch):
    """Every maker of the suite gives read-only arrays, so that writing cannot pass in silence."""
    call = same_size()
    monkeypatch.setattr(mix, "paste_image", in_place)
    with pytest.raises(ValueError, match="read-only"):
        run_mix(call)


def test_an_ignored_seed_is_noticed(monkeypatch):
    """A draw that does not come from the pipeline's stream differs between equal seeds."""
    call = same_size()
    oracle.check_same_output(run_mix(call), run_mix(call))
    real, stray = geometry.draw_patch, np.random.default_rng(0)
    monkeypatch.setattr(geometry, "draw_patch", lambda rng, alpha: real(stray, alpha))
    with pytest.raises(AssertionError):
        oracle.check_same_output(run_mix(call), run_mix(call))


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(lambda draw: draw._replace(x=draw.y, y=draw.x), id="x-and-y-exchanged"),
        pytest.param(lambda draw: draw._replace(ratio=1 - draw.ratio), id="ratio-inverted"),
        pytest.param(lambda draw: draw._replace(beta=1 - draw.beta), id="share-inverted"),
    ],
)
def test_a_misread_draw_is_noticed(fault):
    """Numbers of the draw put to another use give other rectangles than the oracle's."""
    shape, ranges = (13, 29), ((0.1, 0.3), (0.5, 2.0))
    rng = np.random.default_rng(0)
    drawn = [geometry.draw_patch(rng, 1.0) for _ in SEEDS]
    expected = [oracle.inside_patch(Draw(*draw), shape, *ranges).patch for draw in drawn]
    assert [geometry.place_inside(draw, shape, *ranges) for draw in drawn] == expected
    assert [geometry.place_inside(fault(draw), shape, *ranges) for draw in drawn] != expected


def test_a_fixed_crop_is_noticed(monkeypatch):
    """A crop always taken from the same place of the donor is no uniform draw."""
    donor = as_donor(Sample(pixels(0, (31, 37), "uint8")))
    image = pixels(1, SHAPE, "uint8")

    def sources():
        mix = make_mix(Settings(fit="crop", area_range=(0.2, 0.2)), [donor])
        mix.set_random_seed(3)
        return {tuple(mix(image=image)["mix"].sources[0][:2]) for _ in SEEDS}

    assert len(sources()) > 6
    real = geometry.fit_source

    def cornered(fit, draw, *rest):
        return real(fit, draw._replace(source_x=0.0, source_y=0.0), *rest)

    monkeypatch.setattr(geometry, "fit_source", cornered)
    assert sources() == {(0, 0)}
