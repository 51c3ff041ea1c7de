"""The suite notices known mistakes of several patches, Cutout and MixUp: each is planted here."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from family_checks import check_fired
from family_oracle import Asked
from family_strategies import run_family
from object_strategies import fixed_objects, fixed_points, lattice
from strategies import SHAPE, pixels, run_untouched

from albu_cutmix import blends, boxes, choice, fills, functional, keypoints, masks, plan, seams
from albu_cutmix.geometry import minus
from albu_cutmix.host import class_label, objects, points
from albu_cutmix.plan import MixPlan, Paste
from albu_cutmix.transforms import cutmix, mix, mixup

SEEDS = range(8)


# --- calls ----------------------------------------------------------------------------------------


def asked_of(settings, **rest):
    """The settings of a fixed call with the arguments of the family."""
    given = {field.name: getattr(settings, field.name) for field in fields(settings)}
    return Asked(**{**given, **rest})


def pieced(call, kind="cutmix", **rest):
    """A fixed call with a third donor of the primary's size, and patches that overlap."""
    rest = {"num_patches": 3, "area_range": (0.2, 0.5), **rest} if kind != "mixup" else rest
    third = replace(call.primary, image=pixels(77, (*SHAPE, 3), "uint8"), label=2)
    donors = [] if kind == "cutout" else [*call.donors, third]
    asked = asked_of(call.settings, kind=kind, seam_key="seam", **rest)
    return replace(call, donors=donors, settings=asked)


def scene(kind="cutmix", **rest):
    """Five boxes and masks, a mask of ids, a label."""
    return pieced(fixed_objects(visibility_field="seen"), kind, **rest)


def boxed(kind="cutmix", **rest):
    """The same without instance masks."""
    call = scene(kind, **rest)
    bare = [replace(one, masks=None) for one in (call.primary, *call.donors)]
    return replace(call, primary=bare[0], donors=bare[1:])


def pointed(kind="cutmix", **rest):
    """A point at every whole pixel; donors of the primary's size, whose points stay whole."""
    call = fixed_points("error", **rest)
    call = pieced(call, kind, keypoint_mode=call.settings.keypoint_mode)
    rows = lattice(SHAPE)
    values = {name: list(range(len(rows))) for name in call.primary.keypoint_fields}
    third = replace(call.donors[-1], keypoints=rows, keypoint_fields=values)
    return replace(call, donors=[*call.donors[:-1], third])


def pictures(kind="cutmix", **rest):
    """Images, masks and labels alone."""
    call = boxed(kind, visibility_field=None, **rest)
    bare = [replace(one, boxes=None, fields={}) for one in (call.primary, *call.donors)]
    return replace(call, primary=bare[0], donors=bare[1:])


def check(call):
    """Run a call under several seeds, and assert every output."""
    for seed in SEEDS:
        once = replace(call, seed=seed)
        out = run_family(once)
        assert out["mix"].applied
        check_fired(out, once.primary, once.donors, once.settings, run_untouched(once))


# --- what is planted ------------------------------------------------------------------------------


def weights_chained(patch):
    """Each patch laps over what came before, as if none overlapped: the peers' label."""

    def chained(self):
        weights = [1.0]
        for paste in self.pastes:
            share = paste.patch.area / (self.shape[0] * self.shape[1])
            weights = [(1 - share) * weight for weight in weights] + [share]
        return tuple(weights)

    patch.setattr(MixPlan, "weights", property(chained))


def areas_as_owned(patch):
    """The record holds the areas of the patches, covered or not."""
    counted = property(lambda self: tuple(paste.patch.area for paste in self.pastes))
    patch.setattr(MixPlan, "owned_px", counted)


def first_patch_on_top(patch):
    """Later patches are pasted under earlier ones."""
    real = functional.paste_image
    patch.setattr(mix, "paste_image", lambda image, pastes, *key: real(image, pastes[::-1], *key))


def mask_of_first_on_top(patch):
    """The image is right, its mask is pasted in another order."""
    real = functional.paste_mask
    patch.setattr(mix, "paste_mask", lambda mask, pastes, *key: real(mask, pastes[::-1], *key))


def layers_of_last_alone(patch):
    """Of layers only the last patch is pasted."""
    real = functional.paste_layers
    patch.setattr(mix, "paste_layers", lambda rows, pastes: real(rows, pastes[-1:]))


def one_donor_for_all(patch):
    """All patches show the donor of the first."""
    real = functional.paste_image

    def same(image, pastes, *key):
        return real(image, [pastes[0]._replace(patch=p.patch) for p in pastes], *key)

    patch.setattr(mix, "paste_image", same)


def extent_of_one_patch(patch):
    """The visible extent of a box looks at one patch only."""
    real = boxes.visible_extent
    patch.setattr(boxes, "visible_extent", lambda rows, *rects: real(rows, *rects[-1:]))


def share_of_one_patch(patch):
    """The visible share of a box looks at one patch only."""
    real = boxes.covered_area
    patch.setattr(boxes, "covered_area", lambda rows, *rects: real(rows, *rects[:1]))


def overlap_counted_twice(patch):
    """Shares add the areas of patches that overlap."""
    whole = property(lambda self: tuple(paste.patch for paste in self.pastes))
    patch.setattr(MixPlan, "covered", whole)


def donors_never_covered(patch):
    """What later patches cover of a donor is taken to show."""
    patch.setattr(Paste, "covered", property(lambda _: ()))


def donors_covered_by_the_next_alone(patch):
    """Of later patches only the last one covers a donor."""
    real = MixPlan.of.__func__

    def last_only(cls, shape, pastes, blend=1.0):
        order = list(pastes)
        made = real(cls, shape, order, blend)
        settled = [
            paste._replace(owned=minus(paste.patch, [order[-1].patch]))
            if row < len(order) - 1
            else paste
            for row, paste in enumerate(made.pastes)
        ]
        return made._replace(pastes=tuple(settled))

    patch.setattr(MixPlan, "of", classmethod(last_only))


def masks_of_donors_whole(patch):
    """Instance masks of donors are not cut by later patches."""
    patch.setattr(masks, "clear", lambda *_: None)


def points_under_later_patches(patch):
    """Points of donors come although a later patch covers them."""
    real = keypoints.in_rect

    def blind(rows, *rects):
        return real(rows, *rects[:1]) if rows.dtype == np.float64 else real(rows, *rects)

    patch.setattr(points, "in_rect", blind)


def points_of_the_union_by_one(patch):
    """Points of the primary go under the first patch only."""
    real = keypoints.in_rect
    patch.setattr(points, "in_rect", lambda rows, *rects: real(rows, *rects[:1]))


def seam_between_patches_missed(patch):
    """Pairs between two patches are no seam."""
    real = seams.find_edges
    only = lambda plan: [edge for edge in real(plan) if edge.under.number < 0]  # noqa: E731
    for module in ("albu_cutmix.safety", "albu_cutmix.host.seam_map"):
        patch.setattr(f"{module}.find_edges", only)


def lower_side_not_looked_at(patch):
    """At a pair of two patches only the upper one's object is looked at."""
    real = seams.find_edges

    def upper(plan):
        return [
            edge._replace(under=edge.under._replace(beyond=None))
            if edge.under.number >= 0
            else edge
            for edge in real(plan)
        ]

    patch.setattr("albu_cutmix.safety.find_edges", upper)


def seam_around_every_patch(patch):
    """Edges of patches are a seam although a later patch covers them."""

    def all_of(plan, number, upright, across, along):
        yield -1, along

    patch.setattr(seams, "_find_runs", all_of)


def donors_repeat(patch):
    """Donors are drawn as if none had been drawn before: the same for all."""
    real = choice.draw_index
    patch.setattr(plan, "draw_index", lambda rng, *rest: real(rng, *rest) and 0)


def hole_is_empty(patch):
    """Holes are 0, whatever was asked for."""
    real = fills.FillRule.pixels
    patch.setattr(fills.FillRule, "pixels", lambda self, *rest: real(self, *rest) * 0)


def mean_cut_down(patch):
    """The mean of a channel is cut down to a whole number, not rounded."""
    patch.setattr("albu_cutmix.fills.np.rint", np.floor)


def mean_of_the_image(patch):
    """All channels take one mean."""
    real = fills.FillRule.pixels

    def grey(self, image, *rest):
        return real(self, np.full_like(image, round(float(image.mean()))), *rest)

    patch.setattr(fills.FillRule, "pixels", grey)


def label_loses_the_holes(patch):
    """Cutout scales the label by what is left of the pixels."""
    patch.setattr(MixPlan, "weights", property(lambda self: (self.lam,)))


def blend_exchanged(patch):
    """The blend weighs the donor."""
    real = blends.blend_image
    patch.setattr(mixup, "blend_image", lambda one, other, blend: real(one, other, 1 - blend))


def blend_cut_down(patch):
    """Blended values are cut down, not rounded."""

    def cut(one, other, blend):
        return (blend * one.astype(float) + (1 - blend) * other).astype(one.dtype)

    patch.setattr(mixup, "blend_image", cut)


def half_rounded_up(patch):
    """Halves are rounded up, not to even."""

    def up(one, other, blend):
        exact = blend * one.astype(float) + (1 - blend) * other
        return np.floor(exact + 0.5).astype(one.dtype)

    patch.setattr(mixup, "blend_image", up)
    patch.setattr("albu_cutmix.patches.round_blend", lambda _: 0.5)


def blend_not_rounded(patch):
    """The blend is the drawn number, which no float32 holds."""
    patch.setattr("albu_cutmix.patches.round_blend", float)


def lighter_mask(patch):
    """The mask is that of the lighter side."""
    real = blends.blend_mask
    patch.setattr(mixup, "blend_mask", lambda one, other, *rest: real(other, one, *rest))


def mask_blended(patch):
    """The mask is blended as the image is."""

    def lerp(one, other, blend, *_):
        return (blend * one + (1 - blend) * other).astype(one.dtype)

    patch.setattr(mixup, "blend_mask", lerp)


def boxes_not_weighed(patch):
    """`visibility_field` does not hear of the blend."""
    real = objects.mix_bboxes
    patch.setattr(
        mix, "mix_bboxes", lambda rows, plan, *rest: real(rows, plan._replace(blend=1.0), *rest)
    )


def weights_exchanged(patch):
    """`visibility_field` takes the other side's weight."""
    real = objects.mix_bboxes

    def turned(rows, plan, *rest):
        other = plan._replace(blend=1 - plan.blend)
        return real(rows, other, *rest)

    patch.setattr(mix, "mix_bboxes", turned)


def labels_overwritten(patch):
    """Of two labels of one class the later weight wins."""

    def last(vectors, weights):
        out = np.zeros(len(vectors[0]), np.float32)
        for vector, weight in zip(vectors, weights, strict=True):
            out[vector > 0] = weight
        return out

    patch.setattr(class_label, "mix_labels", last)


def ignored_without_a_seam(patch):
    """`ignore_index` is never written."""
    patch.setattr(cutmix, "ignore_cuts", lambda *_: None)


CASES = [
    pytest.param(pictures, {}, weights_chained, "label", id="weights-chained"),
    pytest.param(pictures, {}, areas_as_owned, None, id="areas-as-owned"),
    pytest.param(pictures, {}, first_patch_on_top, "output image", id="first-patch-on-top"),
    pytest.param(pictures, {}, mask_of_first_on_top, "output mask", id="mask-of-first-on-top"),
    pytest.param(pictures, {}, one_donor_for_all, "output image", id="one-donor-for-all"),
    pytest.param(pictures, {}, donors_repeat, "not distinct", id="donors-repeat"),
    pytest.param(boxed, {}, extent_of_one_patch, None, id="extent-of-one-patch"),
    pytest.param(boxed, {}, share_of_one_patch, None, id="share-of-one-patch"),
    pytest.param(boxed, {}, overlap_counted_twice, None, id="overlap-counted-twice"),
    pytest.param(boxed, {}, donors_never_covered, None, id="boxes-of-donors-never-covered"),
    pytest.param(
        boxed, {}, donors_covered_by_the_next_alone, None, id="donors-covered-by-one-alone"
    ),
    pytest.param(scene, {}, donors_never_covered, None, id="masks-of-donors-never-covered"),
    pytest.param(scene, {}, masks_of_donors_whole, None, id="masks-of-donors-whole"),
    pytest.param(pointed, {}, points_under_later_patches, "points", id="points-under-later"),
    pytest.param(pointed, {}, points_of_the_union_by_one, "points", id="points-by-one-patch"),
    pytest.param(
        pointed, {"keypoint_mode": "flag"}, points_under_later_patches, "v:", id="flags-under-later"
    ),
    pytest.param(scene, {}, seam_between_patches_missed, "seam", id="seam-between-patches"),
    pytest.param(pictures, {}, lower_side_not_looked_at, "seam", id="lower-side-not-looked-at"),
    pytest.param(scene, {}, seam_around_every_patch, "seam", id="seam-around-every-patch"),
    pytest.param(
        pictures, {"ignore_index": -1}, ignored_without_a_seam, "output mask", id="not-ignored"
    ),
    pytest.param(
        pictures, {"kind": "cutout", "fill": 9}, hole_is_empty, "output image", id="hole-is-empty"
    ),
    pytest.param(
        pictures, {"kind": "cutout", "fill": "mean"}, mean_cut_down, "image", id="mean-cut-down"
    ),
    pytest.param(
        pictures, {"kind": "cutout", "fill": "mean"}, mean_of_the_image, "image", id="one-mean"
    ),
    pytest.param(
        pictures, {"kind": "cutout"}, label_loses_the_holes, None, id="label-loses-the-holes"
    ),
    pytest.param(boxed, {"kind": "cutout"}, overlap_counted_twice, None, id="holes-counted-twice"),
    pytest.param(pictures, {"kind": "mixup"}, blend_exchanged, "output image", id="exchanged"),
    pytest.param(pictures, {"kind": "mixup"}, blend_cut_down, "output image", id="cut-down"),
    pytest.param(pictures, {"kind": "mixup"}, half_rounded_up, "output image", id="half-up"),
    pytest.param(pictures, {"kind": "mixup"}, blend_not_rounded, None, id="blend-not-rounded"),
    pytest.param(pictures, {"kind": "mixup"}, lighter_mask, "output mask", id="lighter-mask"),
    pytest.param(pictures, {"kind": "mixup"}, mask_blended, "output mask", id="mask-blended"),
    pytest.param(boxed, {"kind": "mixup"}, boxes_not_weighed, "seen", id="boxes-not-weighed"),
    pytest.param(boxed, {"kind": "mixup"}, weights_exchanged, "seen", id="weights-exchanged"),
    pytest.param(pictures, {"kind": "mixup"}, labels_overwritten, "label", id="overwritten"),
]


@pytest.mark.parametrize(("make", "rest", "plant", "message"), CASES)
def test_a_planted_fault_is_noticed(make, rest, plant, message, monkeypatch):
    """The call passes as the library stands, and fails with the fault."""
    call = make(**rest)
    if plant is labels_overwritten:
        same = [replace(donor, label=call.primary.label) for donor in call.donors]
        call = replace(call, donors=same)
    check(call)
    with monkeypatch.context() as patch:
        plant(patch)
        with pytest.raises(AssertionError, match=message):
            check(call)


def test_layers_of_one_patch_are_noticed(monkeypatch):
    """Layers that take the last patch only differ from the oracle's."""
    call = scene(masks_mode="layers")
    check(call)
    layers_of_last_alone(monkeypatch)
    with pytest.raises(AssertionError, match="masks"):
        check(call)
