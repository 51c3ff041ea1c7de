"""The suite notices known mistakes in seams, shares, counts, flags and what is done about them."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import oracle_checks
import pytest
from object_strategies import fixed_objects
from oracle import Sample, Settings
from strategies import (
    SHAPE,
    Call,
    check_call,
    fixed_call,
    inputs_of,
    make_mix,
    make_pipeline,
    pixels,
    pool_of,
    run_mix,
)

from albu_cutmix import harm, safety, seams, shapes
from albu_cutmix.geometry import Rect
from albu_cutmix.host import hooks, seam_map, unsafe
from albu_cutmix.limits import SafetyFlag, SafetyLimits
from albu_cutmix.seams import SeamFlag
from albu_cutmix.transforms import cutmix, mix

SEEDS = range(8)


def check(call):
    """Run a call under several seeds, and assert every output."""
    for seed in SEEDS:
        once = replace(call, seed=seed)
        check_call(once, run_mix(once))


# --- calls ----------------------------------------------------------------------------------------


def painted(shape, *blocks):
    """A plane with rectangles of a value, each given as x_min, y_min, x_max, y_max, value."""
    plane = np.zeros(shape, np.uint8)
    for x_min, y_min, x_max, y_max, value in blocks:
        plane[y_min:y_max, x_min:x_max] = value
    return plane


PLANE = painted(
    SHAPE,
    (0, 0, 12, 13, 1),
    (12, 0, 21, 13, 2),  # touches the first
    (4, 3, 9, 10, 3),  # nested
    (24, 6, 25, 7, 2),  # one pixel
)
DONOR_PLANE = painted((23, 31), (2, 0, 20, 9, 2), (2, 9, 20, 23, 5), (23, 0, 28, 23, 1))


def semantic(**rest):
    """Touching, nested and one-pixel regions, donors scaled, a class label, the map."""
    given = {"seam_key": "seam", "classes": 2, **rest}
    primary = Sample(pixels(1, SHAPE, "uint8"), PLANE, label=1)
    donor = Sample(pixels(2, DONOR_PLANE.shape, "uint8"), DONOR_PLANE, label=0)
    return Call(primary, [donor], Settings(**given))


def channels():
    """The same with a second channel of one region on either side, and an ignore value."""
    call = semantic(ignore_index=200)

    def deepened(sample):
        second = painted(sample.shape, (0, 0, sample.shape[1], 4, 9))
        return replace(sample, mask=np.stack([sample.mask, second], -1))

    return replace(call, primary=deepened(call.primary), donors=[deepened(call.donors[0])])


def instances(**rest):
    """The regions as rows of masks, without boxes; the seam is judged between touching ones."""
    call = semantic(area_range=(0.1, 0.3), **rest)

    def split(sample):
        values = [value for value in np.unique(sample.mask) if value]
        return replace(sample, masks=[sample.mask == value for value in values], mask=None)

    return replace(call, primary=split(call.primary), donors=[split(call.donors[0])])


def boxes(*rows, donor=((0, 0, 29, 13),), **rest):
    """Boxes alone, donor of the same size, a class label."""
    given = {"seam_key": "seam", "classes": 2, "fit": "error", "area_range": (0.2, 0.3), **rest}
    primary, other = (
        Sample(pixels(k, SHAPE, "uint8"), boxes=[tuple(map(float, row)) for row in some], label=k)
        for k, some in enumerate((rows, donor))
    )
    return Call(primary, [other], Settings(**given))


def bars(**rest):
    """Boxes over the whole height and the whole width, thick and thin."""
    upright = [(x, 0, x + side, 13) for x in range(0, 24, 3) for side in (2, 5)]
    level = [(0, y, 29, y + side) for y in range(0, 9, 2) for side in (2, 4)]
    return boxes(*upright, *level, **rest)


def small(**rest):
    """A lattice of small boxes, many of them wholly under any patch."""
    return boxes(*[(x, y, x + 4, y + 4) for x in range(0, 25, 5) for y in range(0, 9, 4)], **rest)


def centred(**rest):
    """Boxes whose edges lie a quarter or three quarters of a pixel on."""
    return boxes((2.75, 1.25, 14.75, 11.25), donor=[(3.25, 2.75, 22.75, 9.25)], **rest)


# --- what is planted: seams -----------------------------------------------------------------------


def seam_off_by_one(patch):
    """Pairs lie one pixel further inside, where the patch has room."""
    real = seams._find_lines

    def shifted(rect, shape):
        for upright, forward, outer, inner, along in real(rect, shape):
            step = inner - outer if (rect.width if upright else rect.height) > 1 else 0
            yield upright, forward, outer + step, inner + step, along

    patch.setattr(seams, "_find_lines", shifted)


def edge_lost(patch):
    """The last edge of the patch is no seam."""
    real = seams.find_edges
    patch.setattr(safety, "find_edges", lambda *args: real(*args)[:-1])


def border_counts(patch):
    """The image's border counts as a seam: the count of pairs is the patch's whole outline."""
    real = safety.assess

    def outlined(plan, *args, **kwargs):
        found = real(plan, *args, **kwargs)
        outline = 2 * (plan.pastes[0].patch.width + plan.pastes[0].patch.height)
        return found._replace(metrics=found.metrics._replace(seam_px=outline))

    patch.setattr(mix, "assess", outlined)


NOTHING = SimpleNamespace(joined=lambda one, other: np.zeros(1, bool))


def primary_cut_forgotten(patch):
    """Only the donor's objects are cut."""
    real = seams.mark_cuts
    patch.setattr(safety, "mark_cuts", lambda edges, found: real(edges, [NOTHING, *found[1:]]))


def donor_cut_forgotten(patch):
    """Only the primary's objects are cut."""
    real = seams.mark_cuts
    patch.setattr(safety, "mark_cuts", lambda edges, found: real(edges, [found[0], NOTHING]))


def bits_exchanged(patch):
    """A cut of the primary is marked as one of the donor, and the other way round."""
    real = seams.mark_cuts

    def exchanged(edges, *args):
        real(edges, *args)
        for edge in edges:
            low, high = edge.bits & 2, edge.bits & 4
            edge.bits[:] = edge.bits & 9 | low << 1 | high >> 1

    patch.setattr(safety, "mark_cuts", exchanged)


def touching_is_cut(patch):
    """Any object beside any other counts as one that goes on."""

    def joined(self, one, other):
        found = (self.mask[one] != 0) & (self.mask[other] != 0)
        return found if found.ndim == 1 else found.any(-1)

    patch.setattr(shapes.Regions, "joined", joined)


def touching_masks_are_cut(patch):
    """Two instances that touch at the seam count as one."""
    real = shapes.MaskShapes.joined

    def joined(self, one, other):
        either = [[(plane[at] != 0) for plane in self.planes] for at in (one, other)]
        found = [np.any(rows, 0) for rows in either if rows]
        return found[0] & found[1] if found else real(self, one, other)

    patch.setattr(shapes.MaskShapes, "joined", joined)


def one_object_in_all_channels(patch):
    """A region must go on in every channel to be cut."""

    def joined(self, one, other):
        same = (self.mask[one] == self.mask[other]) & (self.mask[one] != 0)
        return same if same.ndim == 1 else same.all(-1)

    patch.setattr(shapes.Regions, "joined", joined)


def beyond_at_the_border(patch):
    """Beside a source at its image's border the last pixel is taken once more."""
    real = seams.find_edges

    def clamped(*args):
        return [
            edge._replace(over=edge.over._replace(beyond=edge.over.beyond or edge.over.seen))
            for edge in real(*args)
        ]

    patch.setattr(safety, "find_edges", clamped)


def beyond_of_another_line(patch):
    """The pixel beyond is looked up in the primary's rows and columns, not in the donor's."""
    real = seams.find_edges

    def misread(plan):
        height, width = plan.pastes[0].donor.shape
        out = []
        for edge in real(plan):
            beyond = edge.over.beyond
            if beyond is not None and edge.upright:
                rows = np.arange(edge.outer[0].start, edge.outer[0].stop) % height
                beyond = (rows, beyond[1])
            elif beyond is not None:
                cols = np.arange(edge.outer[1].start, edge.outer[1].stop) % width
                beyond = (beyond[0], cols)
            out.append(edge._replace(over=edge.over._replace(beyond=beyond)))
        return out

    patch.setattr(safety, "find_edges", misread)


def jump_within_the_primary(patch):
    """The mask under the patch is compared, which nobody sees any more."""

    def own(edges, found):
        for edge in edges:
            differs = found[0][edge.outer] != found[0][edge.inner]
            differs = differs if differs.ndim == 1 else differs.any(-1)
            edge.bits[:] |= differs.view(np.uint8) << 3

    patch.setattr(safety, "mark_jumps", own)


def jump_after_ignore(patch):
    """Jumps are looked for after the ignore value was written: where something is cut, none is."""
    real = safety.assess

    def late(plan, *args, **kwargs):
        found = real(plan, *args, **kwargs)
        for edge in found.edges:
            cut = edge.bits & 6 != 0
            edge.bits[cut] &= 7
        jumps = seams.count_pairs(found.edges)[2]
        return found._replace(metrics=found.metrics._replace(seam_jump_px=jumps))

    patch.setattr(mix, "assess", late)


# --- what is planted: the map and the ignore value ------------------------------------------------


def map_spills_out(patch):
    """Marks go on inward beyond a narrow patch."""
    real = seams.draw_seam

    def spilled(edges, shape, width):
        wide = Rect(0, 0, shape[1], shape[0])
        return real([edge._replace(patch=wide) for edge in edges], shape, width)

    patch.setattr(seam_map, "draw_seam", spilled)


def corners_marked(patch):
    """The squares at the outer corners of the patch are marked too."""
    real = seams.draw_seam

    def squared(edges, shape, width):
        out = real(edges, shape, width)
        if not edges:
            return out
        where = edges[0].patch
        x, y = max(where.x_min - width, 0), max(where.y_min - width, 0)
        frame = out[y : where.y_max + width, x : where.x_max + width]
        frame[frame == 0] = SeamFlag.SEAM
        inner = out[
            where.y_min + width : where.y_max - width, where.x_min + width : where.x_max - width
        ]
        inner[...] = 0
        return out

    patch.setattr(seam_map, "draw_seam", squared)


def width_of_both_sides(patch):
    """The depth is that of both sides together."""
    real = seams.draw_seam
    patch.setattr(seam_map, "draw_seam", lambda *args: real(*args[:2], (args[2] + 1) // 2))


def last_edge_wins(patch):
    """Where two edges meet the later one's bits replace the earlier one's."""

    def overwritten(edges, shape, width):
        out = np.zeros(shape, np.uint8)
        for edge in edges:
            for strip in seams._strips(edge, shape, width):
                out[strip] = edge.bits[:, None] if edge.upright else edge.bits
        return out

    patch.setattr(seam_map, "draw_seam", overwritten)


def ignored_along_the_whole_seam(patch):
    """The ignore value is written wherever there is a seam."""
    real = seams.ignore_cuts

    def everywhere(mask, edges, *rest):
        real(mask, [edge._replace(bits=edge.bits | 2) for edge in edges], *rest)

    patch.setattr(cutmix, "ignore_cuts", everywhere)


def ignored_in_one_channel(patch):
    """Only the first channel of the mask gets the ignore value."""
    real = seams.ignore_cuts
    patch.setattr(cutmix, "ignore_cuts", lambda mask, *rest: real(mask[..., 0], *rest))


def ignored_inside_alone(patch):
    """Only the patch's side of the seam gets the ignore value."""
    real = seams._strips

    def inner(edge, *rest):
        yield next(iter(real(edge, *rest)))

    def inside(*args):
        patch.setattr(seams, "_strips", inner)
        try:
            ignore(*args)
        finally:
            patch.setattr(seams, "_strips", real)

    ignore = seams.ignore_cuts
    patch.setattr(cutmix, "ignore_cuts", inside)


# --- what is planted: shares ----------------------------------------------------------------------


def share_under_the_patch(patch):
    """Objects of the primary count where the patch covers them, too."""
    real = safety.count_seen

    def whole(plan, found):
        own = found[0].fill(Rect(0, 0, plan.shape[1], plan.shape[0]))
        seen = [int(np.count_nonzero(own)), *real(plan, found)[0][1:]]
        return seen, sum(seen)

    patch.setattr(safety, "count_seen", whole)


def share_in_donor_pixels(patch):
    """Objects of the donor count in the source's pixels, not in those that show them."""
    real = safety.count_seen

    def unscaled(plan, found):
        theirs = found[1].fill(plan.pastes[0].source)
        seen = [real(plan, found)[0][0], int(np.count_nonzero(theirs))]
        return seen, sum(seen)

    patch.setattr(safety, "count_seen", unscaled)


def share_of_the_other(patch):
    """The donor's share is given for the primary's."""
    real = safety.count_seen

    def other(*args):
        seen, total = real(*args)
        return seen[::-1], total

    patch.setattr(safety, "count_seen", other)


def centres_rounded_down(patch):
    """A box owns the pixel in which its edge lies, wherever the centre is."""
    real = shapes.BoxShapes.of
    patch.setattr(shapes.BoxShapes, "of", lambda bboxes, *rest: real(np.floor(bboxes), *rest))


def background_forgotten(patch):
    """0 is the background, whatever was asked for."""
    real = safety.find_shapes
    patch.setattr(safety, "find_shapes", lambda *args: real(*args[:4], 0))


def mask_before_masks(patch):
    """The semantic mask counts before instance masks."""
    real = safety.find_shapes

    def wrong(plan, verdict, mask, theirs, background):
        return real(plan, verdict if mask is None else None, mask, theirs, background)

    patch.setattr(safety, "find_shapes", wrong)


# --- what is planted: counts and flags ------------------------------------------------------------


def judged_otherwise(patch, change):
    """Change what `_judge_rows` returns."""
    real = safety._judge_rows

    def wrong(plan, verdict, limits):
        metrics, flags = real(plan, verdict, limits)
        return change(metrics, flags, plan, verdict, limits)

    patch.setattr(safety, "_judge_rows", wrong)


def least_of_the_dropped(patch):
    """Objects that were dropped count for the least visibility."""

    def change(metrics, flags, plan, verdict, limits):
        least = float(verdict.primary.visibility.min(initial=1.0))
        return metrics._replace(least_visibility=least), flags

    judged_otherwise(patch, change)


def least_of_the_ignored(patch):
    """Objects that are marked to be ignored count for the least visibility."""

    def change(metrics, flags, plan, verdict, limits):
        least = float(verdict.primary.visibility[verdict.primary.keep].min(initial=1.0))
        return metrics._replace(least_visibility=least), flags

    judged_otherwise(patch, change)


def erased_is_dropped(patch):
    """Every dropped object counts as erased."""

    def change(metrics, flags, plan, verdict, limits):
        return metrics, flags | (int(SafetyFlag.ERASED) if metrics.dropped else 0)

    judged_otherwise(patch, change)


def kept_is_all(patch):
    """Changed survivors count as kept."""

    def change(metrics, flags, *rest):
        return metrics._replace(kept=metrics.kept + metrics.clipped, clipped=0), flags

    judged_otherwise(patch, change)


def masks_do_not_change(patch):
    """A row whose mask lost pixels and whose box stayed counts as kept."""
    patch.setattr(safety, "find_changed", lambda fates: fates.changed | fates.ignored)


def unseen_donors_dropped(patch):
    """Donor objects outside the source count as dropped."""

    def change(metrics, flags, plan, verdict, limits):
        gone = len(verdict.donors[0].keep) - metrics.donor_kept
        return metrics._replace(donor_dropped=gone), flags

    judged_otherwise(patch, change)


def sliver_without_before(patch):
    """Boxes that were slivers before count, too."""

    def change(metrics, flags, plan, verdict, limits):
        sides = ((verdict.primary, verdict.primary.changed), (verdict.donors[0], True))
        thin = [
            (harm._is_thin(fates.bboxes, limits) & fates.keep & ~fates.ignored & changed).any()
            for fates, changed in sides
        ]
        return metrics, flags | (int(SafetyFlag.SLIVER) if any(thin) else 0)

    judged_otherwise(patch, change)


def sliver_of_one_side(patch):
    """Donor boxes are never slivers."""
    real = safety.find_slivers
    patch.setattr(safety, "find_slivers", lambda *args: real(*args)[:1])


def sliver_by_its_area(patch):
    """A box is a sliver when it is small, however long."""

    def tiny(bboxes, limits):
        sides = bboxes[:, 2:] - bboxes[:, :2]
        return sides.prod(1) < limits.sliver_side**2

    patch.setattr(harm, "_is_thin", tiny)


def split_by_the_other_axis(patch):
    """The axes of the patch are exchanged."""
    real = safety.find_splits

    def exchanged(plan, fates):
        x_min, y_min, x_max, y_max = plan.pastes[0].patch
        place = plan.pastes[0]._replace(patch=Rect(y_min, x_min, y_max, x_max))
        return real(plan._replace(pastes=(place,)), fates)

    patch.setattr(safety, "find_splits", exchanged)


def split_from_the_edge(patch):
    """A cut that reaches the box's end counts as a split."""

    def loose(plan, fates):
        rect, (x_min, y_min, x_max, y_max) = plan.pastes[0].patch, fates.before.T
        over_x = (x_min >= rect.x_min) & (x_max <= rect.x_max)
        over_y = (y_min >= rect.y_min) & (y_max <= rect.y_max)
        return (over_x ^ over_y) & (fates.visibility < 1)

    patch.setattr(safety, "find_splits", loose)


def over_otherwise(patch, name, change):
    """Change the comparison with one limit."""
    real = safety._over

    def wrong(flag, value, limit, whole=1):
        return real(
            flag, *(change(value, limit, whole) if flag.name == name else (value, limit, whole))
        )

    patch.setattr(safety, "_over", wrong)


def remnant_of_the_patch(patch):
    """The remnant's limit is taken of half the image."""
    over_otherwise(patch, "REMNANT", lambda value, limit, whole: (value, limit, whole // 2))


def remnant_in_pixels(patch):
    """The remnant's limit is taken for a number of pixels."""
    over_otherwise(patch, "REMNANT", lambda value, limit, whole: (value, limit, 1))


def seam_share_of_twice_its_pairs(patch):
    """The share of the seam is taken of twice its pairs."""
    over_otherwise(patch, "SEAM_ON_OBJECT", lambda value, limit, whole: (value, limit, 2 * whole))


def jump_at_its_limit(patch):
    """A share at its limit is flagged."""
    over_otherwise(patch, "LABEL_JUMP", lambda value, limit, whole: (value, limit, whole * 0.999))


def noise_by_sign(patch):
    """Only a primary with too large a weight is noise."""
    real = safety.assess

    def signed(plan, *args, **kwargs):
        found = real(plan, *args, **kwargs)
        gap = found.weights[0] - found.metrics.lam_object
        flags = found.metrics.flags & ~int(SafetyFlag.LABEL_NOISE if gap < 0 else 0)
        return found._replace(metrics=found.metrics._replace(flags=flags))

    patch.setattr(mix, "assess", signed)


def ghosts_of_the_donor_alone(patch):
    """A primary of which no object shows is no ghost."""
    real = safety.assess

    def blind(plan, *args, **kwargs):
        found = real(plan, *args, **kwargs)
        off = int(SafetyFlag.GHOST) if found.metrics.lam_object == 0 else 0
        flags = found.metrics.flags & ~off
        return found._replace(metrics=found.metrics._replace(flags=flags))

    patch.setattr(mix, "assess", blind)


def limits_forgotten(patch):
    """The default limits hold, whatever was asked for."""
    patch.setattr(SafetyLimits, "of", classmethod(lambda cls, limits: cls()))


def label_by_area(patch):
    """The label is weighted by area, whatever was asked for."""
    real = safety.assess

    def by_area(plan, *args, **kwargs):
        return real(plan, *args, **kwargs)._replace(weights=plan.weights)

    patch.setattr(mix, "assess", by_area)


def label_by_the_other_side(patch):
    """Weights by objects are exchanged."""
    real = safety.assess

    def exchanged(*args, **kwargs):
        found = real(*args, **kwargs)
        return found._replace(weights=found.weights[::-1])

    patch.setattr(mix, "assess", exchanged)


def unsafe_let_through(patch):
    """What was asked to be skipped is pasted."""
    real = unsafe.draw_safe
    patch.setattr(hooks, "draw_safe", lambda draw, flags_of, _: real(draw, flags_of, "flag"))


def flags_of_the_refused_lost(patch):
    """A refused draw leaves no flags."""
    real = unsafe.draw_safe

    def silent(*args):
        return real(*args)._replace(flags=0)

    patch.setattr(hooks, "draw_safe", silent)


NEVER = dict.fromkeys(["erased", "truncated", "slivers", "splits", "seam_on_object", "label_jump"])

PLANTED = [
    pytest.param(seam_off_by_one, semantic, id="seam-off-by-one"),
    pytest.param(edge_lost, semantic, id="edge-lost"),
    pytest.param(border_counts, lambda: semantic(placement="paper"), id="border-counts-as-a-seam"),
    pytest.param(primary_cut_forgotten, semantic, id="primary-cut-forgotten"),
    pytest.param(primary_cut_forgotten, instances, id="primary-cut-of-masks-forgotten"),
    pytest.param(primary_cut_forgotten, bars, id="primary-cut-of-boxes-forgotten"),
    pytest.param(donor_cut_forgotten, semantic, id="donor-cut-forgotten"),
    pytest.param(donor_cut_forgotten, instances, id="donor-cut-of-masks-forgotten"),
    pytest.param(donor_cut_forgotten, bars, id="donor-cut-of-boxes-forgotten"),
    pytest.param(bits_exchanged, semantic, id="bits-exchanged"),
    pytest.param(touching_is_cut, semantic, id="touching-regions-are-one"),
    pytest.param(touching_masks_are_cut, instances, id="touching-masks-are-one"),
    pytest.param(one_object_in_all_channels, channels, id="all-channels-for-any"),
    pytest.param(beyond_at_the_border, lambda: semantic(fit="whole"), id="beyond-the-donor"),
    pytest.param(beyond_of_another_line, semantic, id="beyond-in-another-line"),
    pytest.param(jump_within_the_primary, semantic, id="jump-within-the-primary"),
    pytest.param(jump_after_ignore, channels, id="jump-after-the-ignore-value"),
    pytest.param(
        map_spills_out, lambda: semantic(seam_width=7, area_range=(0.02, 0.05)), id="map-spills-out"
    ),
    pytest.param(corners_marked, semantic, id="corners-marked"),
    pytest.param(width_of_both_sides, semantic, id="width-of-both-sides"),
    pytest.param(last_edge_wins, semantic, id="last-edge-wins"),
    pytest.param(ignored_along_the_whole_seam, channels, id="ignored-along-the-whole-seam"),
    pytest.param(ignored_in_one_channel, channels, id="ignored-in-one-channel"),
    pytest.param(ignored_inside_alone, channels, id="ignored-inside-alone"),
    pytest.param(share_under_the_patch, semantic, id="share-under-the-patch"),
    pytest.param(share_under_the_patch, instances, id="share-of-masks-under-the-patch"),
    pytest.param(share_in_donor_pixels, semantic, id="share-in-donor-pixels"),
    pytest.param(share_of_the_other, semantic, id="share-of-the-other-side"),
    pytest.param(centres_rounded_down, centred, id="boxes-rounded-down"),
    pytest.param(background_forgotten, lambda: semantic(background=1), id="background-forgotten"),
    pytest.param(mask_before_masks, fixed_objects, id="mask-before-instance-masks"),
    pytest.param(
        least_of_the_dropped, lambda: bars(min_visibility=0.6), id="least-visibility-of-the-dropped"
    ),
    pytest.param(
        least_of_the_ignored,
        lambda: marked(min_visibility=0.9),
        id="least-visibility-of-the-ignored",
    ),
    pytest.param(erased_is_dropped, lambda: bars(min_visibility=0.9), id="erased-is-dropped"),
    pytest.param(kept_is_all, bars, id="clipped-counts-as-kept"),
    pytest.param(masks_do_not_change, instances, id="masks-do-not-change"),
    pytest.param(
        unseen_donors_dropped,
        lambda: boxes(donor=[(0, 0, 1, 1), (0, 0, 29, 13)]),
        id="unseen-donors-dropped",
    ),
    pytest.param(sliver_without_before, bars, id="sliver-without-before"),
    pytest.param(
        sliver_of_one_side,
        lambda: boxes(donor=[(0, 0, 12, 4), (17, 9, 29, 13), (0, 9, 12, 13)], min_visibility=0.0),
        id="sliver-of-the-primary-alone",
    ),
    pytest.param(
        sliver_by_its_area,
        lambda: boxes(
            *[(x, y, x + 10, y + 6) for x in range(0, 19, 3) for y in range(0, 8, 2)],
            min_visibility=0.0,
        ),
        id="sliver-by-its-area",
    ),
    pytest.param(split_by_the_other_axis, bars, id="split-axes-exchanged"),
    pytest.param(
        split_from_the_edge,
        lambda: boxes(*[(x, y, x + 6, y + 3) for x in (0, 23) for y in (0, 5, 10)]),
        id="split-from-the-edge",
    ),
    pytest.param(
        remnant_of_the_patch,
        lambda: bars(min_visibility=0.9, limits={**NEVER, "remnant": 0.9}),
        id="remnant-of-half-the-image",
    ),
    pytest.param(
        remnant_in_pixels,
        lambda: bars(min_visibility=0.9, limits={**NEVER, "remnant": 0.9}),
        id="remnant-in-pixels",
    ),
    pytest.param(
        seam_share_of_twice_its_pairs,
        lambda: semantic(limits={"seam_on_object": 0.5}),
        id="seam-share-of-twice-its-pairs",
    ),
    pytest.param(limits_forgotten, lambda: semantic(limits=NEVER), id="limits-forgotten"),
    pytest.param(
        noise_by_sign,
        lambda: semantic(background=(2, 5), limits={"label_noise": 0.05}),
        id="noise-of-one-sign",
    ),
    pytest.param(
        ghosts_of_the_donor_alone,
        lambda: semantic(background=(0, 1, 2, 3)),
        id="ghost-of-the-donor",
    ),
    pytest.param(label_by_area, lambda: semantic(label_weight="object"), id="label-by-area"),
    pytest.param(
        label_by_the_other_side,
        lambda: semantic(label_weight="object"),
        id="label-weights-exchanged",
    ),
    pytest.param(unsafe_let_through, lambda: semantic(on_unsafe="skip"), id="unsafe-let-through"),
    pytest.param(
        flags_of_the_refused_lost, lambda: semantic(on_unsafe="skip"), id="flags-of-the-refused"
    ),
]


def marked(**rest):
    """The fixed boxes with an ignore field."""
    call = fixed_call("error", ignore_field="crowd", area_range=(0.2, 0.3), **rest)
    fields = {**call.primary.fields, "crowd": [0] * 5}
    return replace(call, primary=replace(call.primary, fields=fields))


@pytest.mark.parametrize(("fault", "make_call"), PLANTED)
def test_a_planted_fault_is_noticed(monkeypatch, fault, make_call):
    """The sound library passes the check, and the same check fails with the fault in it."""
    call = make_call()
    check(call)
    fault(monkeypatch)
    with pytest.raises(AssertionError):
        check(make_call())


# --- faults in the map of a call ------------------------------------------------------------------


def run_with_map(call, p=1.0):
    """The output of a call that holds a map of every bit, and that map."""
    held = np.full(SHAPE, 15, np.uint8)
    return make_pipeline(call, make_mix(call.settings, pool_of(call), p))(
        **inputs_of(call), seam=held
    ), held


def not_cleared(self, out, plan, safety):
    """Marks of an earlier mix stay under the patch."""
    drawn = seams.draw_seam(safety.edges, plan.shape, self.width)
    out[self.key] = drawn | out[self.key]


def not_kept(self, out, plan, safety):
    """The map of an earlier mix is replaced."""
    out[self.key] = seams.draw_seam(safety.edges, plan.shape, self.width)


@pytest.mark.parametrize("fault", [not_cleared, not_kept])
def test_an_earlier_map_gone_wrong_is_noticed(monkeypatch, fault):
    """Two mixes in one pipeline: marks under the later patch, or of the earlier one lost."""
    call = semantic()
    out, held = run_with_map(call)
    oracle_checks.check_mix(out, call.primary, call.donors, call.settings, earlier=held)
    monkeypatch.setattr(seam_map.SeamMap, "add", fault)
    out, held = run_with_map(call)
    with pytest.raises(AssertionError, match="seam map"):
        oracle_checks.check_mix(out, call.primary, call.donors, call.settings, earlier=held)


def emptied(self, data, shape):
    """A call that pastes nothing loses the map that it held."""
    data[self.key] = np.zeros(shape, np.uint8)


@pytest.mark.parametrize(
    ("fault", "holds", "error"),
    [
        pytest.param(emptied, True, AssertionError, id="emptied"),
        pytest.param(lambda *args: None, False, KeyError, id="left-out"),
    ],
)
def test_a_map_lost_where_nothing_is_pasted_is_noticed(monkeypatch, fault, holds, error):
    """Unfired calls keep the map they held, and give an empty one where they held none."""
    call = semantic()

    def examine():
        out, held = run_with_map(call, p=0.0) if holds else (run_mix(call, p=0.0), None)
        oracle_checks.check_unfired(out, call.primary, call.settings, "p", earlier=held)

    examine()
    monkeypatch.setattr(seam_map.SeamMap, "keep", fault)
    with pytest.raises(error):
        examine()


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        pytest.param("seam", lambda value: value & 1, id="bits-of-the-map"),
        pytest.param("seam", lambda value: value.astype(np.int64), id="dtype-of-the-map"),
        pytest.param("mask", lambda value: np.where(value == 200, 0, value), id="ignore-value"),
        pytest.param("label", lambda value: value[::-1].copy(), id="label"),
    ],
)
def test_a_fault_in_the_output_is_noticed(name, wrong):
    """One part of a true output altered, and `check_mix` fails."""
    call = replace(channels(), seed=3)
    out = run_mix(call)
    rest = call.primary, call.donors, call.settings
    oracle_checks.check_mix(out, *rest)
    with pytest.raises(AssertionError):
        oracle_checks.check_mix({**out, name: wrong(out[name])}, *rest)
