"""The oracle's seams, shares, counts and flags against cases worked out by hand, on paper."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import oracle_objects
import oracle_safety
import pytest
from oracle import Sample, Settings
from oracle_safety import (
    DONOR_CUT,
    LABEL_JUMP,
    LIMITS,
    PRIMARY_CUT,
    SEAM,
    Pair,
    Rows,
    flag_bits,
    flag_names,
    measure,
    pair_bits,
    regions,
    seam_marks,
    seam_pairs,
)

IMAGE = (11, 17)  # height, width
PATCH = (3, 2, 9, 8)


def drawn(*lines, dtype="uint8"):
    """A mask written as text: a dot is 0, a digit its value."""
    return np.array([[0 if c == "." else int(c) for c in line] for line in lines], dtype)


def sample(shape=IMAGE, **rest):
    """A sample of nothing but zeros and what is given."""
    return Sample(np.zeros(shape, np.uint8), **rest)


def pixels(*rect):
    """Every pixel of a rectangle."""
    return frozenset((x, y) for x in range(rect[0], rect[2]) for y in range(rect[1], rect[3]))


def of_values(mask, background):
    """The regions of a whole mask, in the order of their first pixels."""
    found = regions(mask, background, oracle_safety.whole(mask.shape[:2]))
    return sorted(found, key=lambda region: min((y, x) for x, y in region))


# --- objects as pixels ----------------------------------------------------------------------------

PLANE, ROW, BOX = drawn("1"), [drawn("1")], [(0, 0, 1, 1)]


@pytest.mark.parametrize(
    ("given", "mode", "kind"),
    [
        pytest.param({"masks": ROW, "mask": PLANE, "boxes": BOX}, "instances", "masks", id="all"),
        pytest.param({"masks": [], "mask": PLANE}, "instances", "masks", id="masks-without-a-row"),
        pytest.param({"masks": ROW, "mask": PLANE, "boxes": BOX}, "layers", "mask", id="layers"),
        pytest.param({"masks": ROW, "boxes": BOX}, "layers", "boxes", id="layers-and-boxes"),
        pytest.param({"mask": PLANE, "boxes": BOX}, "instances", "mask", id="mask-before-boxes"),
        pytest.param({"boxes": []}, "instances", "boxes", id="boxes-without-a-row"),
        pytest.param({"masks": ROW}, "layers", None, id="layers-alone"),
        pytest.param({}, "instances", None, id="nothing"),
    ],
)
def test_kinds_of_objects(given, mode, kind):
    """Instance masks count before the semantic mask, and that before boxes."""
    primary = sample((1, 1), **given)
    assert oracle_safety.object_kind(primary, Settings(masks_mode=mode)) == kind


@pytest.mark.parametrize(
    ("background", "expected"),
    [
        pytest.param(0, [{(1, 0), (2, 0), (0, 1)}, {(3, 0)}, {(1, 1)}], id="zero"),
        pytest.param(1, [{(0, 0), (2, 1), (3, 1)}, {(3, 0)}, {(1, 1)}], id="one"),
        pytest.param((0, 2), [{(1, 0), (2, 0), (0, 1)}, {(1, 1)}], id="two-values"),
        pytest.param(
            None,
            [{(0, 0), (2, 1), (3, 1)}, {(1, 0), (2, 0), (0, 1)}, {(3, 0)}, {(1, 1)}],
            id="none",
        ),
        pytest.param((), 4, id="no-value"),
        pytest.param(-1, 4, id="a-value-that-the-mask-cannot-hold"),
    ],
)
def test_regions_of_one_value_are_one_object(background, expected):
    """Each value that is no background is an object, in however many parts."""
    found = of_values(drawn(".112", "13.."), background)
    assert len(found) == expected if isinstance(expected, int) else found == expected


def test_channels_have_their_own_objects():
    """The same value in two channels is two objects; a pixel may belong to both."""
    mask = np.stack([drawn("11."), drawn(".11")], -1)
    assert of_values(mask, 0) == [{(0, 0), (1, 0)}, {(1, 0), (2, 0)}]


def test_only_pixels_that_are_asked_for_are_found():
    """Of a donor those that the patch shows, and those just outside the source."""
    mask = drawn("1111", "1221", "1111")
    some = regions(mask, 0, frozenset({(0, 0), (1, 1), (3, 2)}))
    assert set(some) == {frozenset({(0, 0), (3, 2)}), frozenset({(1, 1)})}
    pairs = seam_pairs((9, 9), (4, 6), (2, 1, 4, 3), (3, 2, 4, 3))
    found = oracle_safety.looked_at(pairs, (2, 1, 4, 3), (3, 2, 4, 3))
    assert found == {(3, 2), (2, 2), (4, 2), (3, 1), (3, 3)}


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        pytest.param((1, 2, 3, 4), pixels(1, 2, 3, 4), id="whole-pixels"),
        pytest.param((0.5, 0.5, 1.5, 1.5), pixels(0, 0, 1, 1), id="the-centre-on-the-near-edge"),
        pytest.param((0.625, 0, 1.375, 9), frozenset(), id="between-two-centres"),
        pytest.param((0.375, 0, 1.625, 1), pixels(0, 0, 2, 1), id="around-two-centres"),
        pytest.param((-3, -2, 1, 1), pixels(0, 0, 1, 1), id="over-the-edge"),
        pytest.param((4.0004, 0, 5.9996, 1), pixels(4, 0, 6, 1), id="a-hair-beside-integers"),
        pytest.param((2, 3, 3, 4), pixels(2, 3, 3, 4), id="one-pixel"),
    ],
)
def test_boxes_are_the_pixels_whose_centre_they_hold(box, expected):
    """Half-open, snapped, and clipped to the image."""
    found = oracle_safety.pixel_objects(
        sample(boxes=[box]), "boxes", Settings(), oracle_safety.whole(IMAGE)
    )
    assert found == [expected]


def test_rows_of_masks_are_objects_with_or_without_a_pixel():
    """Any value but 0 is a pixel of the row; an empty row is an object of no pixel."""
    rows = [drawn(".7"), drawn("..")]
    found = oracle_safety.pixel_objects(
        sample((1, 2), masks=rows), "masks", Settings(), frozenset()
    )
    assert found == [{(1, 0)}, set()]


# --- shares ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "source", "expected"),
    [
        pytest.param([], [], PATCH, (0, 0), id="nothing"),
        pytest.param([pixels(0, 0, 17, 11)], [], PATCH, (187 - 36, 0), id="under-the-patch-no"),
        pytest.param([pixels(0, 0, 4, 3), pixels(0, 0, 4, 3)], [], PATCH, (11, 0), id="once-each"),
        pytest.param([pixels(0, 0, 2, 1), pixels(1, 0, 3, 1)], [], PATCH, (3, 0), id="overlap"),
        pytest.param([], [pixels(0, 0, 4, 4)], PATCH, (0, 2), id="donor-in-the-source"),
        pytest.param([], [pixels(5, 5, 6, 6)], (5, 5, 8, 8), (0, 4), id="twice-as-large"),
        pytest.param([], [pixels(0, 0, 1, 1)], (0, 0, 12, 12), (0, 0), id="lost-by-half"),
        pytest.param([], [pixels(1, 1, 2, 2)], (0, 0, 12, 12), (0, 1), id="found-by-half"),
    ],
)
def test_visible_pixels(first, second, source, expected):
    """The primary's beside the patch, the donor's as the patch shows them; each pixel once."""
    assert oracle_safety.visible((first, second), PATCH, source) == expected


# --- pairs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("patch", "count"),
    [
        pytest.param((2, 1, 5, 4), 12, id="inside"),
        pytest.param((0, 0, 3, 2), 5, id="in-a-corner"),
        pytest.param((4, 3, 7, 5), 5, id="in-the-far-corner"),
        pytest.param((0, 1, 7, 3), 14, id="from-side-to-side"),
        pytest.param((0, 0, 7, 3), 7, id="all-but-below"),
        pytest.param((3, 0, 4, 5), 10, id="one-wide-from-top-to-bottom"),
        pytest.param((3, 2, 4, 3), 4, id="one-pixel"),
        pytest.param((0, 0, 7, 5), 0, id="the-whole-image"),
    ],
)
def test_borders_are_no_seam(patch, count):
    """One pair per pixel of each edge that is not the image's border."""
    assert len(seam_pairs((5, 7), (5, 7), patch, patch)) == count


def by_side(pairs):
    """Pairs by the step from outside to inside."""
    steps = {"left": (1, 0), "right": (-1, 0), "top": (0, 1), "bottom": (0, -1)}
    return {
        name: [pair[:2] + pair[3:] for pair in pairs if pair.step == step]
        for name, step in steps.items()
    }


def test_pairs_of_a_donor_scaled_down():
    """6 x 4 to 2 x 2 shows columns 2, 5 and rows 2, 4; beyond is outside the source, in line."""
    found = by_side(seam_pairs((9, 9), (6, 8), (2, 1, 4, 3), (1, 1, 7, 5)))
    assert found == {
        "left": [((1, 1), (2, 1), (2, 2), (0, 2)), ((1, 2), (2, 2), (2, 4), (0, 4))],
        "right": [((4, 1), (3, 1), (5, 2), (7, 2)), ((4, 2), (3, 2), (5, 4), (7, 4))],
        "top": [((2, 0), (2, 1), (2, 2), (2, 0)), ((3, 0), (3, 1), (5, 2), (5, 0))],
        "bottom": [((2, 3), (2, 2), (2, 4), (2, 5)), ((3, 3), (3, 2), (5, 4), (5, 5))],
    }


def test_pairs_of_a_donor_scaled_up():
    """One pixel to 2 x 2 shows it everywhere, and beyond are its four neighbours."""
    found = by_side(seam_pairs((9, 9), (4, 6), (2, 1, 4, 3), (3, 2, 4, 3)))
    beyond = {name: {pair[2:] for pair in pairs} for name, pairs in found.items()}
    assert beyond == {
        "left": {((3, 2), (2, 2))},
        "right": {((3, 2), (4, 2))},
        "top": {((3, 2), (3, 1))},
        "bottom": {((3, 2), (3, 3))},
    }


def test_nothing_is_beyond_the_border_of_the_donor():
    """A source that ends at its image's border was not cut there."""
    found = by_side(seam_pairs((9, 9), (4, 6), (2, 1, 4, 3), (0, 2, 6, 4)))
    missing = {name: [pair[3] is None for pair in pairs] for name, pairs in found.items()}
    assert missing == {
        "left": [True, True],
        "right": [True, True],
        "top": [False, False],
        "bottom": [True, True],
    }


# --- bits -----------------------------------------------------------------------------------------

PAIR = Pair(outer=(1, 0), inner=(2, 0), step=(1, 0), shown=(3, 0), beyond=(2, 0))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param([], [], SEAM, id="nothing"),
        pytest.param([{(1, 0), (2, 0)}], [], SEAM | PRIMARY_CUT, id="primary-cut"),
        pytest.param([{(0, 0), (1, 0)}, {(2, 0)}], [], SEAM, id="touching"),
        pytest.param([{(2, 0)}, pixels(0, 0, 9, 9)], [], SEAM | PRIMARY_CUT, id="nested"),
        pytest.param([{(1, 0)}], [], SEAM, id="one-pixel-beside"),
        pytest.param([{(2, 0)}], [], SEAM, id="one-pixel-under"),
        pytest.param([], [{(3, 0), (2, 0)}], SEAM | DONOR_CUT, id="donor-cut"),
        pytest.param([], [{(3, 0)}, {(2, 0)}], SEAM, id="donors-touching"),
        pytest.param([], [{(3, 0), (4, 0)}], SEAM, id="donor-inside"),
        pytest.param([{(3, 0), (2, 0)}], [{(1, 0), (2, 0)}], SEAM, id="sides-not-exchanged"),
        pytest.param(
            [{(1, 0), (2, 0)}], [{(3, 0), (2, 0)}], SEAM | PRIMARY_CUT | DONOR_CUT, id="both"
        ),
    ],
)
def test_objects_cut_at_a_pair(first, second, expected):
    """One and the same object on both sides of the seam, or of the source's edge."""
    assert pair_bits(PAIR, (first, second), (None, None)) == expected


def test_nothing_is_cut_at_the_border_of_the_donor():
    """Without a pixel beyond there is no cut, whatever the donor's object."""
    assert pair_bits(PAIR._replace(beyond=None), ([], [pixels(0, 0, 9, 9)]), (None, None)) == SEAM


@pytest.mark.parametrize(
    ("mine", "theirs", "expected"),
    [
        pytest.param(drawn(".5.."), drawn("...5"), SEAM, id="equal"),
        pytest.param(drawn(".5.."), drawn(".53."), SEAM | LABEL_JUMP, id="other-value"),
        pytest.param(drawn("5.55"), drawn("555."), SEAM, id="both-background"),
        pytest.param(
            np.stack([drawn(".1.."), drawn(".2..")], -1),
            np.stack([drawn("...1"), drawn("...3")], -1),
            SEAM | LABEL_JUMP,
            id="one-channel-of-two",
        ),
    ],
)
def test_jumps_of_the_mask(mine, theirs, expected):
    """The primary's value outside against the donor's value shown inside, any channel."""
    assert pair_bits(PAIR, ([], []), (mine, theirs)) == expected


def test_channels_do_not_cut_each_other():
    """Equal values of two channels are no object; equal values of one are, also of the second."""
    apart = of_values(np.stack([drawn(".1.."), drawn("..1.")], -1), 0)
    second = of_values(np.stack([drawn(".12."), drawn(".33.")], -1), 0)
    nothing = of_values(np.stack([drawn(".12."), drawn("....")], -1), 0)
    got = [pair_bits(PAIR, (objects, []), (None, None)) for objects in (apart, second, nothing)]
    assert got == [SEAM, SEAM | PRIMARY_CUT, SEAM]


# --- the map --------------------------------------------------------------------------------------


def marks_of(shape, patch, width, bits=SEAM):
    """The map of a patch whose pairs all hold the same bits."""
    pairs = seam_pairs(shape, shape, patch, patch)
    return seam_marks(shape, patch, pairs, [bits] * len(pairs), width)


@pytest.mark.parametrize(
    ("patch", "width", "expected"),
    [
        pytest.param(
            (2, 2, 5, 4),
            1,
            [".......", "..111..", ".11111.", ".11111.", "..111..", "......."],
            id="one-deep",
        ),
        pytest.param(
            (2, 2, 5, 4),
            2,
            ["..111..", "..111..", "1111111", "1111111", "..111..", "..111.."],
            id="two-deep-corners-unmarked",
        ),
        pytest.param(
            (2, 2, 7, 6),
            1,
            [".......", "..11111", ".111111", ".11....", ".11....", ".11...."],
            id="at-the-border",
        ),
        pytest.param(
            (3, 1, 4, 5),
            3,
            ["...1...", "1111111", "1111111", "1111111", "1111111", "...1..."],
            id="narrower-than-the-seam",
        ),
        pytest.param(
            (0, 0, 7, 2),
            5,
            ["1111111", "1111111", "1111111", "1111111", "1111111", "1111111"],
            id="to-the-border-and-no-further",
        ),
        pytest.param((0, 0, 7, 6), 2, ["......."] * 6, id="the-whole-image"),
    ],
)
def test_marks(patch, width, expected):
    """Each pair marks so many pixels on either side, inside the patch and inside the image."""
    got = marks_of((6, 7), patch, width)
    assert got.dtype == np.uint8
    assert got.tolist() == drawn(*expected).tolist()


def test_bits_go_in_line_and_meet():
    """A cut at one pair marks its own line; where lines of two edges cross, the bits join."""
    shape, patch = (5, 7), (2, 1, 5, 4)
    pairs = seam_pairs(shape, shape, patch, patch)
    bits = [
        SEAM | {((1, 2), (2, 2)): 2, ((3, 0), (3, 1)): 4}.get((pair.outer, pair.inner), 0)
        for pair in pairs
    ]
    assert (
        seam_marks(shape, patch, pairs, bits, 2).tolist()
        == drawn(
            "..151..",  # outside above the cut column, one row only: the image ends
            "1115111",
            "3337111",  # the row that is cut: two outside, two inside; 7 where the column crosses
            "1111111",
            "..111..",
        ).tolist()
    )


def test_an_earlier_map_goes_on_beside_the_patch():
    """Marks of before stay where the primary stays, and join the new ones."""
    earlier = drawn("2222", "2222", "2222")
    marks = drawn("1...", "11..", "....")
    assert oracle_safety.seam_map(marks, (1, 1, 3, 3), earlier).tolist() == [
        [3, 2, 2, 2],
        [3, 1, 0, 2],
        [2, 0, 0, 2],
    ]
    assert oracle_safety.seam_map(marks, (1, 1, 3, 3), None).tolist() == marks.tolist()


def test_the_ignore_value_stands_where_more_than_a_seam_is():
    """SEAM alone leaves the mask; any other bit takes every channel."""
    marks = drawn(".123", "4589")
    mask = np.stack([drawn("1111", "1111"), drawn("2222", "2222")], -1)
    out = oracle_safety.ignored(mask, marks, 9)
    assert out[..., 0].tolist() == [[1, 1, 9, 9], [9, 9, 9, 9]]
    assert out[..., 1].tolist() == [[2, 2, 9, 9], [9, 9, 9, 9]]
    assert oracle_safety.ignored(mask, marks, None).tolist() == mask.tolist()


# --- rows -----------------------------------------------------------------------------------------

BOXES = [
    (0, 0, 17, 2),  # beside the patch: kept
    (0, 0, 5, 4),  # its corner covered, 16 of 20 left, box unchanged: kept
    (0, 2, 6, 8),  # its right half covered: clipped to 3 x 6, a sliver
    (4, 3, 6, 5),  # covered: dropped, erased
    (0, 3, 17, 6),  # cut in two, its hull unchanged: kept, split
    (3, 2, 9, 10),  # 6 x 8, of which 6 x 2 is left: clipped, a sliver, not split
]
DONOR_BOXES = [
    (3, 2, 9, 8),  # the source itself: kept
    (0, 0, 3, 11),  # outside: nothing of it
    (8, 7, 17, 11),  # 1 of 36 shows: dropped
    (5, 0, 8, 11),  # 3 wide before and after: kept, no sliver
    (0, 2, 5, 8),  # 2 of 5 columns show: kept, a sliver
]


def counted(primary, donor, **asked):
    """The counts of two samples, mixed at the same place."""
    settings = Settings(**asked)
    judged = oracle_objects.fates(primary, donor, PATCH, PATCH, settings)
    limits = oracle_safety.limits_of(settings)
    return oracle_safety.count_rows(primary, donor, judged, PATCH, settings, limits)


def test_boxes_counted():
    """Six boxes of the primary and five of the donor, one of each fate."""
    assert counted(sample(boxes=BOXES), sample(boxes=DONOR_BOXES)) == Rows(
        3, 2, 1, 3, 1, Fraction(1, 4), 1, 3, 1
    )


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param(
            {"bbox_mode": "keep"},
            Rows(5, 0, 1, 3, 1, Fraction(1, 4), 1, 1, 1),
            id="keep-changes-no-box",
        ),
        pytest.param(
            {"bbox_mode": "drop"}, Rows(1, 0, 5, 1, 3, Fraction(1), 1, 0, 1), id="drop-all-touched"
        ),
        pytest.param(
            {"min_visibility": (0.5, 0.1)},
            Rows(3, 1, 2, 3, 1, Fraction(1, 2), 1, 2, 1),
            id="dropped-is-not-least",
        ),
        pytest.param(
            {"min_visibility": (0.9, 0.1), "ignore_field": "crowd"},
            # Four are marked, so clipped; the one that stays unmarked is whole. Of the donor's
            # the one of which 1 of 36 shows is marked and comes out; its sliver is unmarked.
            Rows(1, 4, 1, 4, 0, Fraction(1), 1, 1, 1),
            id="marked",
        ),
    ],
)
def test_boxes_counted_otherwise(asked, expected):
    """Modes and thresholds change who comes out; erased and split are of the patch alone."""
    assert counted(sample(boxes=BOXES), sample(boxes=DONOR_BOXES), **asked) == expected


def test_masks_counted():
    """By masks: a hole in the middle is a change, and an empty row beside the patch is none."""
    rows = np.zeros((4, *IMAGE), np.uint8)
    rows[0] = 1  # 187 pixels, 36 of them covered; its extent stays
    rows[1, 3:5, 4:6] = 1  # covered
    rows[2, 0, 0] = 1  # one pixel, beside
    got = counted(sample(masks=list(rows)), sample(masks=list(rows[:2])))
    assert got == Rows(2, 1, 1, 2, 0, Fraction(151, 187), 1, 0, 0)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        pytest.param((3, 0, 9, 11), True, id="as-wide-as-the-patch"),
        pytest.param((4, 1, 8, 9), True, id="narrower"),
        pytest.param((0, 2, 17, 8), True, id="as-high-as-the-patch"),
        pytest.param((2, 0, 9, 11), False, id="a-column-wider"),
        pytest.param((4, 2, 8, 9), False, id="from-its-edge"),
        pytest.param((4, 3, 8, 7), False, id="inside"),
        pytest.param((0, 0, 17, 11), False, id="around"),
        pytest.param((9, 0, 12, 11), False, id="beside"),
        pytest.param(None, False, id="without-a-pixel"),
    ],
)
def test_splits(box, expected):
    """The patch spans one axis and lies strictly inside in the other."""
    assert oracle_safety.is_split(box, PATCH) is expected


@pytest.mark.parametrize(
    ("size", "thin"),
    [
        pytest.param((4, 32), False, id="both-limits"),
        pytest.param((4, 33), True, id="too-long"),
        pytest.param((Fraction(31, 8), 4), True, id="too-short"),
        pytest.param((33, 4), True, id="too-long-across"),
    ],
)
def test_thin_boxes(size, thin):
    """A side under 4, or more than 8 times the other; the limits themselves are allowed."""
    box = (Fraction(0), Fraction(0), Fraction(size[0]), Fraction(size[1]))
    assert oracle_safety.is_thin(box, LIMITS) is thin


# --- flags ----------------------------------------------------------------------------------------


def test_flags_have_the_bits_of_the_contract():
    """In order from 1."""
    assert flag_bits("ERASED") == 1
    assert flag_bits("SLIVER", "REMNANT") == 4 + 16
    assert flag_bits("LABEL_NOISE") == 256
    assert flag_names(2 + 8 + 32 + 64 + 128) == {
        "TRUNCATED", "SPLIT", "SEAM_ON_OBJECT", "LABEL_JUMP", "GHOST",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "limit", "expected"),
    [
        pytest.param(1, 0, True, id="a-count-over"),
        pytest.param(2, 2, False, id="a-count-at-its-limit"),
        pytest.param(9, None, False, id="no-limit"),
        pytest.param(Fraction(1, 4), 0.25, False, id="an-exact-tie"),
        pytest.param(Fraction(9, 10), 0.9, None, id="a-tie-that-floats-cannot-hold"),
        pytest.param(Fraction(91, 100), 0.9, True, id="a-share-over"),
    ],
)
def test_over_a_limit(value, limit, expected):
    """More than the limit; unknown only where rounding decides."""
    assert oracle_safety.over(value, limit) is expected


def judged(shown=(4, 4), counts=(8, 0, 0), remnant_px=0, rows=None, label=1, boxes=(), **asked):
    """The names of the flags of some numbers; the patch is 36 of 187 pixels."""
    primary = sample(boxes=boxes, label=label)
    found = oracle_safety.judge(
        primary, PATCH, rows or Rows(), shown, counts, remnant_px, Settings(**asked)
    )
    return {name for name, value in found.items() if value}


@pytest.mark.parametrize(
    ("numbers", "limits", "flags"),
    [
        pytest.param({}, {}, set(), id="nothing"),
        pytest.param({"rows": Rows(erased=1)}, {}, {"ERASED"}, id="erased"),
        pytest.param({"rows": Rows(erased=1)}, {"erased": 1}, set(), id="erased-allowed"),
        pytest.param(
            {"rows": Rows(least_visibility=Fraction(7, 8))}, {}, {"TRUNCATED"}, id="truncated"
        ),
        pytest.param(
            {"rows": Rows(least_visibility=Fraction(7, 8))}, {"truncated": 0.875}, set(), id="at"
        ),
        pytest.param({"rows": Rows(slivers=2)}, {"slivers": 1}, {"SLIVER"}, id="sliver"),
        pytest.param({"rows": Rows(splits=1)}, {}, {"SPLIT"}, id="split"),
        pytest.param({"rows": Rows(splits=1)}, {"splits": None}, set(), id="split-never"),
        pytest.param({"remnant_px": 1}, {}, {"REMNANT"}, id="remnant"),
        pytest.param({"remnant_px": 18}, {"remnant": 0.1}, set(), id="remnant-under-a-tenth"),
        pytest.param({"remnant_px": 19}, {"remnant": 0.1}, {"REMNANT"}, id="over-a-tenth"),
        pytest.param({"counts": (8, 2, 0)}, {}, set(), id="a-quarter-on-an-object"),
        pytest.param({"counts": (8, 3, 0)}, {}, {"SEAM_ON_OBJECT"}, id="more"),
        pytest.param({"counts": (8, 0, 5)}, {}, {"LABEL_JUMP"}, id="jump"),
        pytest.param({"counts": (0, 0, 0)}, {"label_jump": 0.0}, set(), id="no-seam"),
        pytest.param({"shown": (0, 9)}, {"label_noise": None}, {"GHOST"}, id="ghost-primary"),
        pytest.param({"shown": (9, 0)}, {}, {"GHOST"}, id="ghost-donor"),
        pytest.param({"shown": (9, 0)}, {"ghosts": False}, set(), id="ghosts-allowed"),
        pytest.param({"shown": (0, 0)}, {}, {"GHOST"}, id="no-object-visible"),
        # lam is 151/187 = 0.807..., so that the share of objects may be 0.457... and more.
        pytest.param({"shown": (46, 54)}, {}, set(), id="noise-under"),
        pytest.param({"shown": (45, 55)}, {}, {"LABEL_NOISE"}, id="noise-over"),
    ],
)
def test_flags(numbers, limits, flags):
    """Each flag follows from its own number and limit."""
    assert judged(**numbers, limits=limits) == flags


@pytest.mark.parametrize(
    ("given", "flags"),
    [
        pytest.param({"label": None}, set(), id="no-label"),
        pytest.param({"boxes": None}, set(), id="no-kind-of-object"),
        pytest.param({}, {"GHOST", "LABEL_NOISE"}, id="by-area"),
        pytest.param({"label_weight": "object"}, set(), id="by-objects"),
        pytest.param({"label_weight": "object", "shown": (0, 0)}, {"GHOST"}, id="none-visible"),
    ],
)
def test_flags_of_the_label(given, flags):
    """Ghost and noise need a class label, and weights by objects make neither."""
    assert judged(**{"shown": (0, 9), **given}) == flags


@pytest.mark.parametrize(
    ("weight", "shown", "expected"),
    [
        pytest.param("area", (1, 3), Fraction(3, 5), id="area"),
        pytest.param("object", (1, 3), Fraction(1, 4), id="object"),
        pytest.param("object", (0, 3), Fraction(0), id="donor-alone"),
        pytest.param("object", (0, 0), Fraction(3, 5), id="none-visible"),
    ],
)
def test_label_weights(weight, shown, expected):
    """By area, or in proportion to visible object pixels; by area where none is visible."""
    got = oracle_safety.label_weights(Fraction(3, 5), shown, Settings(label_weight=weight))
    assert got == (expected, 1 - expected)


# --- the whole ------------------------------------------------------------------------------------

PRIMARY = sample((4, 6), mask=drawn("111...", "111...", "......", "....2."), label=1)
DONOR = sample((4, 6), mask=drawn("......", "3333..", "..3...", "..3..."), label=0)
SETTINGS = Settings(seam_width=1)


def test_a_mix_measured():
    """A semantic mask of 4 x 6, patch and source (2, 1, 5, 3), every number by hand."""
    got = measure(PRIMARY, DONOR, (2, 1, 5, 3), (2, 1, 5, 3), SETTINGS)
    # Of region 1 five pixels stay, of region 2 one; of the donor's region (2..3, 1) and (2, 2).
    assert got.lam_object == Fraction(6, 9)
    # left (1,1)|(2,1): 1 goes on under the patch, 3 came from beyond, 1 meets 3.
    # left (1,2)|(2,2): 3 beside background.         right: background on both sides, twice.
    # top (2,0)|(2,1): 1 goes on, 1 meets 3.         top (3,0)|(3,1): 0 meets 3; (4,0): nothing.
    # bottom (2,2)|(2,3): 3 goes on below, 3 beside 0;   (3,2)|(3,3): nothing;   (4,3): 2 beside 0.
    assert (got.seam_px, got.seam_object_px, got.seam_jump_px) == (10, 3, 6)
    assert got.marks.tolist() == [
        [0, 0, 11, 9, 1, 0],
        [0, 15, 15, 9, 1, 1],
        [0, 9, 13, 1, 9, 1],
        [0, 0, 13, 1, 9, 0],
    ]
    assert got.rows == Rows()
    assert got.weights == (Fraction(3, 4), Fraction(1, 4))
    assert flag_names(got.flags) == {"SEAM_ON_OBJECT", "LABEL_JUMP"}
    assert not got.doubtful
    assert not got.unsure


def test_shares_of_objects_need_a_class_label():
    """Without a class label they are not measured."""
    bare = replace(PRIMARY, label=None)
    assert measure(bare, DONOR, (2, 1, 5, 3), (2, 1, 5, 3), SETTINGS).lam_object is None


def test_boxes_on_centres_have_no_one_answer():
    """A box edge on a pixel's centre makes shares unsure, and only there cuts."""
    half = replace(PRIMARY, mask=None, boxes=[(0, 0, 1.5, 4)])
    donor = replace(DONOR, mask=None, boxes=[])
    away = measure(half, donor, (3, 1, 5, 3), (3, 1, 5, 3), SETTINGS)
    assert away.unsure == {"shown"}
    beside = replace(half, boxes=[(0, 0, 2.5, 4)])
    near = measure(beside, donor, (2, 1, 5, 3), (2, 1, 5, 3), SETTINGS)
    assert near.unsure == {"shown", "seam"}
    whole = replace(half, boxes=[(0, 0, 2, 4)])
    assert not measure(whole, donor, (2, 1, 5, 3), (2, 1, 5, 3), SETTINGS).unsure


# --- checks that can fail -------------------------------------------------------------------------


def true_record():
    """What the record of the mix above must say."""
    return {
        "kept": 0, "clipped": 0, "dropped": 0, "donor_kept": 0, "donor_dropped": 0,
        "least_visibility": 1.0, "remnant_px": 0, "seam_px": 10, "seam_object_px": 3,
        "seam_jump_px": 6, "lam_object": 6 / 9, "flags": 32 + 64,
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(true_record()))
def test_each_number_is_checked(name):
    """The true record passes; with one number another, or of another type, it does not."""
    report = measure(PRIMARY, DONOR, (2, 1, 5, 3), (2, 1, 5, 3), SETTINGS)
    true = true_record()
    oracle_safety.check_numbers(SimpleNamespace(**true), report)
    for wrong in (true[name] + 1, np.float32(true[name])):
        with pytest.raises(AssertionError):
            oracle_safety.check_numbers(SimpleNamespace(**{**true, name: wrong}), report)


@pytest.mark.parametrize("name", sorted(true_record()))
def test_each_number_is_checked_where_nothing_was_pasted(name):
    """A call that pasted nothing measured nothing."""
    nothing = {**dict.fromkeys(true_record(), 0), "least_visibility": 1.0, "lam_object": -1.0}
    oracle_safety.check_no_numbers(SimpleNamespace(**nothing, reason="p"))
    with pytest.raises(AssertionError):
        oracle_safety.check_no_numbers(
            SimpleNamespace(**{**nothing, name: nothing[name] + 1}, reason="p")
        )


def test_a_refused_draw_says_why():
    """Flags stand in the record of a skipped mix, and only there."""
    nothing = {**dict.fromkeys(true_record(), 0), "least_visibility": 1.0, "lam_object": -1.0}
    oracle_safety.check_no_numbers(SimpleNamespace(**{**nothing, "flags": 4}, reason="unsafe"))
    with pytest.raises(AssertionError, match="refused"):
        oracle_safety.check_no_numbers(SimpleNamespace(**nothing, reason="unsafe"))


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(lambda got: got.astype(np.int32), id="dtype"),
        pytest.param(lambda got: got & SEAM, id="bits-lost"),
        pytest.param(lambda got: np.roll(got, 1, 1), id="off-by-one"),
        pytest.param(lambda got: got.T.copy(), id="axes-exchanged"),
    ],
)
def test_the_map_is_checked(fault):
    """Any other map than the oracle's is noticed."""
    report = measure(PRIMARY, DONOR, (2, 1, 5, 3), (2, 1, 5, 3), SETTINGS)
    oracle_safety.check_seam(report.marks, report, (2, 1, 5, 3), None)
    with pytest.raises(AssertionError):
        oracle_safety.check_seam(fault(report.marks), report, (2, 1, 5, 3), None)
