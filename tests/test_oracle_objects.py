"""The oracle's masks, fates and keypoints against cases worked out by hand, on paper."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import atan2, pi

import numpy as np
import oracle
import oracle_checks
import oracle_objects
import pytest
from oracle import Fate, Sample, Settings

IMAGE = (11, 17)  # height, width
PATCH = (3, 2, 9, 8)
ZERO = Fraction(0)
NEAR = Fraction(1, 2**10)


def drawn(*lines):
    """A mask written as text: a dot is 0, a digit its value."""
    return np.array([[0 if c == "." else int(c) for c in line] for line in lines], np.uint8)


def block(x_min, y_min, x_max, y_max, shape=IMAGE):
    """A mask of one rectangle."""
    row = np.zeros(shape, np.uint8)
    row[y_min:y_max, x_min:x_max] = 1
    return row


# --- pixels of masks ------------------------------------------------------------------------------


def test_every_value_but_0_is_a_pixel():
    """Pixels are (x, y), whatever the value, in any dtype."""
    row = drawn("..3", "1..")
    assert oracle_objects.pixels_of(row) == {(2, 0), (0, 1)}
    assert oracle_objects.pixels_of(row.astype(bool)) == {(2, 0), (0, 1)}
    assert oracle_objects.pixels_of(-row.astype(np.int32)) == {(2, 0), (0, 1)}


def test_rectangles_of_pixels_are_half_open():
    """The pixel at the far corner is outside."""
    pixels = frozenset({(3, 2), (8, 7), (9, 7), (8, 8)})
    assert oracle_objects.in_rectangle(pixels, PATCH) == {(3, 2), (8, 7)}


def test_the_extent_of_one_pixel_is_one_pixel_wide():
    """A mask's box ends one past its last pixel."""
    assert oracle_objects.mask_extent(frozenset({(4, 7)})) == (4, 7, 5, 8)
    assert oracle_objects.mask_extent(frozenset({(4, 7), (6, 1)})) == (4, 1, 7, 8)


def test_masks_are_looked_up_like_semantic_ones():
    """Six source columns to three: 1, 3, 5 are taken; a mask on the others leaves no pixel."""
    patch, source = (0, 0, 3, 1), (2, 0, 8, 1)
    taken = [oracle.source_pixel(x, 0, patch, source) for x in range(3)]
    assert taken == [(3, 0), (5, 0), (7, 0)]
    assert oracle_objects.pasted_pixels(frozenset({(3, 0)}), patch, source) == {(0, 0)}
    assert oracle_objects.pasted_pixels(frozenset({(2, 0), (4, 0)}), patch, source) == set()


def test_rows_of_the_output():
    """A primary row is cleared under the patch, a donor row holds the source there alone."""
    patch, source = (1, 0, 3, 1), (0, 1, 2, 2)
    row = drawn("5678", "1234")
    assert oracle_objects.covered_row(row, patch).tolist() == [[5, 0, 0, 8], [1, 2, 3, 4]]
    pasted = oracle_objects.pasted_row(row, (2, 3), patch, source)
    assert pasted.tolist() == [[0, 1, 2], [0, 0, 0]]
    assert pasted.dtype == np.uint8


# --- fates ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "visibility", "box"),
    [
        pytest.param(block(0, 0, 3, 11), 1, (0, 0, 9, 9), id="beside-though-the-box-is-covered"),
        pytest.param(block(0, 2, 6, 8), Fraction(1, 2), (0, 2, 3, 8), id="right-half-covered"),
        pytest.param(block(0, 0, 6, 4), Fraction(3, 4), (0, 0, 6, 4), id="corner-covered"),
        pytest.param(
            block(2, 4, 10, 5) | block(0, 0, 1, 1), Fraction(1, 3), (0, 0, 10, 5), id="two-parts"
        ),
        pytest.param(
            block(8, 4, 10, 5) | block(4, 4, 5, 5), Fraction(1, 3), (9, 4, 10, 5), id="part-hidden"
        ),
    ],
)
def test_primary_mask_under_the_patch(row, visibility, box):
    """Visibility counts mask pixels, and the box is the extent of those that show."""
    pixels = oracle_objects.pixels_of(row)
    fate = oracle_objects.primary_mask_fate(pixels, (0, 0, 9, 9), PATCH, "clip", ZERO)
    assert fate.kept
    assert (fate.visibility, fate.box) == (visibility, box)
    assert fate.touched == (visibility < 1)
    assert fate.shows(ZERO) == pixels - set(cells(*PATCH))


def cells(x_min, y_min, x_max, y_max):
    """Every pixel of a rectangle."""
    return [(x, y) for x in range(x_min, x_max) for y in range(y_min, y_max)]


@pytest.mark.parametrize(
    ("mode", "least", "ignore", "expected"),
    [
        pytest.param("clip", Fraction(1, 2), False, (True, False), id="clip-on-the-threshold"),
        pytest.param("clip", Fraction(51, 100), False, (False, False), id="clip-below"),
        pytest.param("clip", Fraction(51, 100), True, (True, True), id="clip-below-marked"),
        pytest.param("keep", Fraction(51, 100), True, (True, True), id="keep-below-marked"),
        pytest.param("drop", ZERO, False, (False, False), id="drop-when-touched"),
        pytest.param("drop", ZERO, True, (True, True), id="drop-marked"),
    ],
)
def test_primary_mask_modes(mode, least, ignore, expected):
    """A mask half covered stays down to a threshold of a half; a marked one stays in any case."""
    pixels = oracle_objects.pixels_of(block(0, 2, 6, 8))
    box = (0, 1, 7, 9)
    fate = oracle_objects.primary_mask_fate(pixels, box, PATCH, mode, least, ignore=ignore)
    assert (fate.kept, fate.ignored) == expected
    assert fate.box == ((0, 2, 3, 8) if fate.kept and mode != "keep" else box)
    alike = oracle.primary_fate((0, 2, 6, 8), IMAGE, PATCH, mode, least, ignore=ignore)
    assert (alike.kept, alike.ignored) == expected


def test_hidden_objects_go_even_marked():
    """What has no pixel left is dropped at every threshold, marked or not."""
    pixels = oracle_objects.pixels_of(block(3, 2, 9, 8))
    fate = oracle_objects.primary_mask_fate(pixels, None, PATCH, "clip", ZERO, ignore=True)
    assert not fate.kept
    assert not oracle.primary_fate(PATCH, IMAGE, PATCH, "keep", ZERO, ignore=True).kept


@pytest.mark.parametrize(
    ("row", "visibility", "box"),
    [
        # source (4, 4, 10, 7) onto patch (3, 2, 9, 8): x as it is, y doubled
        pytest.param(block(5, 5, 8, 6), 1, (4, 4, 7, 6), id="whole"),
        pytest.param(block(2, 4, 6, 7), Fraction(1, 2), (3, 2, 5, 8), id="cut-by-the-source"),
        pytest.param(block(0, 0, 4, 11), 0, None, id="outside"),
    ],
)
def test_donor_mask_through_source_and_patch(row, visibility, box):
    """Visibility counts donor pixels in the source, the box is that of output pixels."""
    pixels = oracle_objects.pixels_of(row)
    source = (4, 4, 10, 7)
    fate = oracle_objects.donor_mask_fate(pixels, PATCH, source, "clip", Fraction(1, 2))
    assert fate.visibility == visibility
    assert fate.kept == (box is not None)
    assert fate.box == box


def test_a_donor_mask_lost_in_scaling_shows_nothing():
    """Of a line one pixel wide that no lookup meets, visibility is 0."""
    pixels = frozenset({(4, 0), (4, 1)})
    fate = oracle_objects.donor_mask_fate(pixels, (0, 0, 3, 2), (2, 0, 8, 2), "clip", ZERO)
    assert (fate.kept, fate.visibility, fate.box) == (False, 0, None)


@pytest.mark.parametrize("bbox_mode", ["clip", "keep", "drop"])
def test_a_marked_donor_mask_is_clipped_in_every_mode(bbox_mode):
    """Half of it is in the source: below the threshold it stays, marked, with its visible box."""
    pixels = oracle_objects.pixels_of(block(2, 4, 6, 7))
    rest = (PATCH, (4, 4, 10, 7), bbox_mode, Fraction(9, 10))
    assert not oracle_objects.donor_mask_fate(pixels, *rest).kept
    fate = oracle_objects.donor_mask_fate(pixels, *rest, ignore=True)
    assert (fate.kept, fate.ignored, fate.box) == (True, True, (3, 2, 5, 8))


# --- objects of samples ---------------------------------------------------------------------------

MASKED = Sample(
    np.zeros(IMAGE, np.uint8),
    boxes=[(0, 2, 6, 8), (0, 0, 3, 2), (10, 0, 17, 11), (0, 2, 6, 8)],
    fields={"row": [2, 1, 0, 3]},
    masks=[block(10, 0, 17, 11), block(0, 0, 3, 2), block(0, 2, 5, 8), block(0, 0, 0, 0)],
)


def test_masks_follow_their_index_field():
    """Row 2 of the masks belongs to box 0; without the field row i belongs to box i."""
    settings = Settings(mask_index_field="row")
    objects = oracle_objects.things(MASKED, MASKED, settings)
    assert [np.count_nonzero(thing.row) for thing in objects] == [30, 6, 77, 0]
    objects = oracle_objects.things(MASKED, MASKED, Settings())
    assert [np.count_nonzero(thing.row) for thing in objects] == [77, 6, 30, 0]


def test_more_masks_than_boxes_need_the_index_field():
    """Unnamed rows are no objects; without the field the counts must agree."""
    crop = replace(MASKED, boxes=MASKED.boxes[:2], fields={"row": [2, 1]})
    objects = oracle_objects.things(crop, crop, Settings(mask_index_field="row"))
    assert [np.count_nonzero(thing.row) for thing in objects] == [30, 6]
    with pytest.raises(ValueError, match="zip"):
        oracle_objects.things(crop, crop, Settings())


def test_masks_without_boxes_are_objects():
    """Each row is one; boxes of the donor are then not in play."""
    primary = replace(MASKED, boxes=None, fields={})
    objects = oracle_objects.things(MASKED, primary, Settings())
    assert [(thing.box, np.count_nonzero(thing.row)) for thing in objects] == [
        (None, 77),
        (None, 6),
        (None, 30),
        (None, 0),
    ]


def test_layers_are_no_objects():
    """With layers the boxes are judged alone, and so are they without masks in the call."""
    for primary, settings in (
        (MASKED, Settings(masks_mode="layers")),
        (replace(MASKED, masks=None), Settings()),
    ):
        objects = oracle_objects.things(MASKED, primary, settings)
        assert [thing.box for thing in objects] == MASKED.boxes
        assert all(thing.row is None for thing in objects)


def test_fates_of_a_masked_sample():
    """By hand: 12 of 30 pixels hidden, none, none, and an empty mask judged by its box."""
    settings = Settings(mask_index_field="row", min_visibility=(0.55, 0.1))
    donor = replace(MASKED, boxes=[], masks=[], fields={"row": []})
    first, second = oracle_objects.fates(MASKED, donor, PATCH, PATCH, settings)
    assert [fate.visibility for fate in first] == [Fraction(18, 30), 1, 1, Fraction(1, 2)]
    assert [fate.kept for fate in first] == [True, True, True, False]
    assert first[0].box == (0, 2, 3, 8)
    assert second == []
    rows = oracle_objects.mixed_masks(MASKED, donor, (first, second), PATCH, PATCH, settings)
    assert [int(row.sum()) for row in rows] == [18, 6, 77]


def test_a_mask_without_pixel_and_box():
    """Nothing of a primary's was hidden: it stays; a donor's shows nothing: it does not come."""
    lone = Sample(np.zeros(IMAGE, np.uint8), masks=[block(0, 0, 0, 0)])
    first, second = oracle_objects.fates(lone, lone, PATCH, PATCH, Settings())
    assert [(fate.kept, fate.visibility) for fate in first] == [(True, 1)]
    assert [(fate.kept, fate.visibility) for fate in second] == [(False, 0)]


def test_without_a_patch_every_object_stays():
    """An unfired call has only the primary's objects, all wholly visible."""
    first, second = oracle_objects.fates(MASKED, None, None, None, Settings())
    assert [(fate.kept, fate.visibility, fate.touched) for fate in first] == [(True, 1, False)] * 4
    assert second == []


@pytest.mark.parametrize(
    ("limits", "passes", "near"),
    [
        pytest.param({}, True, False, id="none"),
        pytest.param({"min_width": 5}, True, False, id="wide-enough"),
        pytest.param({"min_width": 7}, False, False, id="too-narrow"),
        pytest.param({"min_height": 3.5}, False, False, id="too-low"),
        pytest.param({"min_area": 17.0}, True, False, id="large-enough"),
        pytest.param({"min_area": 19.0}, False, False, id="too-small"),
        pytest.param({"min_area": 18.0}, True, True, id="on-the-bound"),
        pytest.param({"max_accept_ratio": 1.9}, False, False, id="too-long"),
        pytest.param({"max_accept_ratio": 2.1}, True, False, id="short-enough"),
    ],
)
def test_thresholds_of_the_pipeline(limits, passes, near):
    """A box of 6 x 3 pixels within its image against the pipeline's own thresholds."""
    assert oracle_objects.within_limits((-2, 0, 6, 3), IMAGE, limits) == (passes, near)


def test_thresholds_drop_marked_objects_too():
    """A box that is too narrow after the mix is out, marked or not."""
    settings = Settings(
        min_visibility=0.9, ignore_field="row", bbox_limits={"min_width": 4}, masks_mode="layers"
    )
    first, _ = oracle_objects.fates(MASKED, None, PATCH, None, settings)
    assert [(fate.kept, fate.ignored) for fate in first] == [(False, False)] * 2 + [
        (True, False),
        (False, False),
    ]


# --- remnant --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("box", "slack", "count"),
    [
        pytest.param((0, 0, 2, 3), 0, 6, id="whole-pixels"),
        pytest.param((0.5, 0.5, 2.5, 1.5), 0, 2, id="centres-are-half-open"),
        pytest.param((0.5, 0.5, 2.5, 1.5), NEAR, 6, id="grown"),
        pytest.param((0.5, 0.5, 2.5, 1.5), -NEAR, 0, id="shrunk"),
        pytest.param((0.6, 0, 1.4, 3), 0, 0, id="between-centres"),
    ],
)
def test_pixels_of_a_box_have_their_centre_in_it(box, slack, count):
    """Counted by hand in an image 4 wide, 3 high."""
    exact = tuple(Fraction(value) for value in box)
    assert len(oracle.centres(exact, (0, 0, 4, 3), Fraction(slack))) == count


def fate(kept, visibility, *pixels, also=()):
    """A fate with the pixels that it shows."""
    sure = frozenset(pixels)

    def shows(grown):
        return sure | set(also) if grown > 0 else sure

    return Fate(kept, None, Fraction(visibility), True, False, shows=shows)


A, B, C = (0, 0), (1, 0), (2, 0)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param([fate(False, 0.5, A, B)], [], (2, 2), id="dropped-while-showing"),
        pytest.param([fate(True, 0.5, A, B)], [], (0, 0), id="kept"),
        pytest.param([fate(False, 0, A)], [], (0, 0), id="hidden"),
        pytest.param([fate(False, 1, A)], [], (0, 0), id="untouched-is-no-remnant-of-the-mix"),
        pytest.param([fate(False, 0.5, A, B), fate(True, 1, B)], [], (1, 1), id="under-a-kept-one"),
        pytest.param([fate(False, 0.5, A, B)] * 2, [], (2, 2), id="counted-once"),
        pytest.param([], [fate(False, 0.1, C), fate(True, 1, A)], (1, 1), id="donor-dropped"),
        pytest.param([], [fate(False, 1, A)], (1, 1), id="donor-whole-but-dropped"),
        pytest.param([fate(False, 0.5, A)], [fate(True, 1, A)], (1, 1), id="sides-are-apart"),
        pytest.param([fate(False, 0.5, A, also=[B])], [], (1, 2), id="on-a-centre"),
        pytest.param(
            [fate(False, 0.5, A, B), fate(True, 1, A, also=[B])], [], (0, 1), id="kept-on-a-centre"
        ),
    ],
)
def test_remnant(first, second, expected):
    """Pixels of objects that show but are out, minus those of objects that are in, side by side."""
    assert oracle_objects.remnant((first, second)) == expected


def test_remnant_of_boxes():
    """A box of 6 x 4 with its right half under the patch leaves 12 pixels when it is dropped."""
    sample = Sample(np.zeros(IMAGE, np.uint8), boxes=[(0, 3, 6, 7), (0, 3, 1, 7)])
    donor = replace(sample, boxes=[(0, 3, 4, 7), (4, 3, 5, 4)])
    settings = Settings(min_visibility=0.6)
    rows = oracle_objects.fates(sample, donor, PATCH, PATCH, settings)
    assert [[fate.kept for fate in side] for side in rows] == [[False, True], [False, True]]
    # primary: columns 0 to 2, of which column 0 is the other's; donor: column 3, rows 3 to 6
    assert oracle_objects.remnant(rows) == (12 - 4 + 4,) * 2


# --- keypoints ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keypoint_format", "row"),
    [
        pytest.param("xy", [4, 2], id="xy"),
        pytest.param("yx", [2, 4], id="yx"),
        pytest.param("xya", [4, 2, 90], id="xya"),
        pytest.param("xys", [4, 2, 5], id="xys"),
        pytest.param("xyas", [4, 2, 90, 5], id="xyas"),
        pytest.param("xysa", [4, 2, 5, 90], id="xysa"),
        pytest.param("xyz", [4, 2, 3], id="xyz"),
    ],
)
def test_keypoint_formats(keypoint_format, row):
    """Point x 4, y 2, z 3, a right angle, scale 5, there and back; what a format lacks is 0."""
    point = (4, 2, 3, pi / 2, 5)
    assert oracle_objects.to_keypoint_format(point, keypoint_format) == row
    back = oracle_objects.from_keypoint_format(row, keypoint_format)
    for name, value, whole in zip("xyzas", back, point, strict=True):
        assert value == (whole if name in keypoint_format else 0)


def test_angles_in_radians():
    """Angles pass as they are where the pipeline counts in radians."""
    row = oracle_objects.to_keypoint_format((4, 2, 0, 1.5, 0), "xya", in_degrees=False)
    assert row == [4, 2, 1.5]
    assert oracle_objects.from_keypoint_format(row, "xya", in_degrees=False)[3] == 1.5


@pytest.mark.parametrize(
    ("point", "inside"),
    [
        pytest.param((3, 2), True, id="first-corner"),
        pytest.param((9, 7.9), False, id="right-edge"),
        pytest.param((8.9, 8), False, id="lower-edge"),
        pytest.param((8.999, 7.999), True, id="before-the-edge"),
        pytest.param((2.999, 4), False, id="left-of-it"),
    ],
)
def test_points_are_half_open(point, inside):
    """A point on the far edge of a rectangle is outside."""
    assert oracle_objects.holds(PATCH, point) is inside


def test_a_point_is_mapped():
    """Source (4, 4, 16, 7) onto patch (3, 2, 9, 8): x halved, y doubled."""
    point = oracle_objects.mapped_point((8, 5, 7, 0, 3), PATCH, (4, 4, 16, 7))
    assert point == [5, 4, 7, 0, 6]
    assert oracle_objects.mapped_point((8, 5), PATCH, PATCH) == [8, 5, 0, 0, 0]


@pytest.mark.parametrize(
    ("angle", "expected"),
    [
        pytest.param(0, 0, id="along-x"),
        pytest.param(pi / 2, pi / 2, id="along-y"),
        pytest.param(pi / 4, atan2(4, 1), id="steeper-where-y-grows"),
        pytest.param(5 * pi / 4, atan2(4, 1) + pi, id="the-other-way"),
    ],
)
def test_an_angle_is_mapped_as_a_direction(angle, expected):
    """With x halved and y doubled a direction (1, 1) becomes (1/2, 2)."""
    point = oracle_objects.mapped_point((8, 5, 0, angle, 1), PATCH, (4, 4, 16, 7))
    assert point[3] == pytest.approx(expected)
    alike = oracle_objects.mapped_point((8, 5, 0, angle, 1), PATCH, (4, 4, 10, 10))
    assert alike[3] == angle


def test_points_of_the_output():
    """Four points each side, one of them in patch or source."""
    points = [(3, 2), (0, 0), (9, 8), (16, 10)]
    kept = oracle_objects.point_fates(points, points, PATCH, (9, 8, 15, 10), "remove")
    assert kept == [(0, 1, True), (0, 2, True), (0, 3, True), (1, 2, True)]
    flagged = oracle_objects.point_fates(points, points, PATCH, (9, 8, 15, 10), "flag")
    assert [(side, number) for side, number, _ in flagged] == [
        (side, k) for side in (0, 1) for k in range(4)
    ]
    assert [k for k, point in enumerate(flagged) if not point.shows] == [0, 4, 5, 7]


# --- whole outputs --------------------------------------------------------------------------------


class Record:
    """The record of the mixes below."""

    version, kind, applied, reason = 3, "cutmix", True, ""
    shape = np.array([2, 4])
    donors, seeds = np.array([0]), np.array([-1])
    donor_shapes = np.array([[2, 4]])
    patches = sources = np.array([[2, 0, 4, 1]])
    owned_px = np.array([2])
    lam, blend, remnant_px = np.float32(0.75), 1.0, 0
    # Without a class label shares are not measured. Left of the patch row 2 of the masks is cut;
    # row 1, which goes on below it, is owned by no box.
    lam_object, seam_px, seam_object_px, seam_jump_px = -1.0, 3, 1, 0
    # Box 0 is marked, box 1 untouched; the donor's comes out.
    kept, clipped, dropped, donor_kept, donor_dropped = 1, 1, 0, 1, 0
    least_visibility = 1.0
    flags = 32  # seam on an object


class RemnantRecord(Record):
    """The record of a mix that drops box 0, which shows one pixel."""

    clipped, dropped, remnant_px, flags = 0, 1, 1, 16 + 32


class LayersRecord(Record):
    """The record of a mix without objects."""

    seam_object_px = kept = clipped = donor_kept = flags = 0


class UnfiredRecord(Record):
    """The record of a call in which nothing was pasted."""

    applied, reason = False, "p"
    donors, owned_px = np.array([-1]), np.array([0])
    donor_shapes, patches = np.zeros((1, 2), np.int32), np.zeros((1, 4), np.int32)
    sources, lam = patches, np.float32(1)
    kept = clipped = donor_kept = seam_px = seam_object_px = flags = 0


SETTINGS = Settings(
    area_range=(0.25, 0.25),
    min_visibility=0.5,
    visibility_field="seen",
    ignore_field="crowd",
    mask_index_field="row",
    keypoint_mode="flag",
    keypoint_visibility_field="v",
    keypoint_format="xya",
    aliases={"depth": "mask", "second": "image", "others": "bboxes"},
)

PRIMARY = Sample(
    np.ones((2, 4), np.uint8),
    boxes=[(0, 0, 4, 1), (0, 0, 4, 2)],
    fields={"row": [2, 0], "seen": [1.0, 0.5], "crowd": [0, 0]},
    masks=[drawn("....", ".888"), drawn("1111", "1111"), drawn(".111", "....")],
    keypoints=[(2, 0, 0, 0, 0), (1.5, 0, 0, 0, 0)],
    keypoint_fields={"v": [2, 1]},
    aliases={
        "depth": np.ones((2, 4), np.int64),
        "second": np.ones((2, 4), np.float32),
        "others": [(0, 0, 4, 1)],
    },
)

DONOR = Sample(
    np.full((2, 4), 9, np.uint8),
    boxes=[(0, 0, 4, 2)],
    fields={"row": [0], "seen": [1.0]},
    masks=[drawn("..77", "....")],
    keypoints=[(3, 0.5, 0, pi, 0), (3, 1, 0, 0, 0)],
    keypoint_fields={"v": [2, 2]},
    aliases={
        "depth": np.full((2, 4), 5, np.int64),
        "second": np.zeros((2, 4), np.float32),
        "others": [(2, 0, 3, 1)],
    },
)

UNTOUCHED = {
    "bboxes": [[0.0, 0.0, 4.0, 1.0], [0.0, 0.0, 4.0, 2.0]],
    **PRIMARY.fields,
    "keypoints": [[2.0, 0.0, 0.0], [1.5, 0.0, 0.0]],
    **PRIMARY.keypoint_fields,
    "others": [[0.0, 0.0, 4.0, 1.0]],
    "depth": PRIMARY.aliases["depth"],
    "second": PRIMARY.aliases["second"],
}

# Box 0 (mask row 2) shows 1 of 3 pixels: below a half, it stays marked. Box 1 is untouched.
OUT = {
    "mix": Record(),
    "image": np.array([[1, 1, 9, 9], [1, 1, 1, 1]], np.uint8),
    "bboxes": [[1.0, 0.0, 2.0, 1.0], [0.0, 0.0, 4.0, 2.0], [2.0, 0.0, 4.0, 1.0]],
    "row": [0.0, 1.0, 2.0],
    "seen": [1 / 3, 0.5, 1.0],
    "crowd": [1.0, 0.0, 0.0],
    "masks": [drawn(".1..", "...."), drawn("....", ".888"), drawn("..77", "....")],
    "keypoints": [[2.0, 0.0, 0.0], [1.5, 0.0, 0.0], [3.0, 0.5, 180.0], [3.0, 1.0, 0.0]],
    "v": [0.0, 1.0, 2.0, 0.0],
    "depth": np.array([[1, 1, 5, 5], [1, 1, 1, 1]], np.int64),
    "second": np.array([[1, 1, 0, 0], [1, 1, 1, 1]], np.float32),
    "others": [[0.0, 0.0, 2.0, 1.0], [2.0, 0.0, 3.0, 1.0]],
}


def test_an_output_with_every_target_is_judged_whole():
    """Every target of a small mix, written down by hand, passes `check_mix`."""
    assert oracle_checks.check_mix(OUT, PRIMARY, [DONOR], SETTINGS, UNTOUCHED) is None


CASES = {
    "masks": [
        OUT["masks"][:2],
        OUT["masks"][::-1],
        [row.astype(np.int32) for row in OUT["masks"]],
        np.stack(OUT["masks"]),
        [drawn(".111", "...."), *OUT["masks"][1:]],
        [*OUT["masks"][:2], drawn("..77", "7...")],
    ],
    "row": [[2.0, 0.0, 0.0], [0, 1], (0.0, 1.0, 2.0)],
    "seen": [[0.5, 0.5, 1.0], [1.0, 0.5, 1.0]],
    "crowd": [[0.0, 0.0, 0.0], [1.0, 1.0, 0.0]],
    "bboxes": [
        [[0.0, 0.0, 2.0, 1.0], *OUT["bboxes"][1:]],
        [OUT["bboxes"][0], [0.0, 0.0, 4.0, 2.0001], OUT["bboxes"][2]],
        [*OUT["bboxes"][:2], [2.0, 0.0, 4.0, 2.0]],
    ],
    "keypoints": [
        OUT["keypoints"][:3],
        [[2.0, 0.0, 0.0], [1.5, 0.0, 1e-5], *OUT["keypoints"][2:]],
        [*OUT["keypoints"][:2], [3.0, 0.5, 0.0], OUT["keypoints"][3]],
        [*OUT["keypoints"][:3], [3.0, 1.01, 0.0]],
        np.array(OUT["keypoints"]),
    ],
    "v": [[2.0, 1.0, 2.0, 0.0], [0.0, 1.0, 2.0, 2.0], [0.0, 0.0, 2.0, 0.0]],
    "depth": [np.ones((2, 4), np.int64), OUT["depth"].astype(np.int32)],
    "second": [np.ones((2, 4), np.float32)],
    "others": [[[0.0, 0.0, 4.0, 1.0], [2.0, 0.0, 3.0, 1.0]], [[0.0, 0.0, 2.0, 1.0]]],
}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param(key, value, id=f"{key}-{number}")
        for key, values in CASES.items()
        for number, value in enumerate(values)
    ],
)
def test_every_target_counts(key, value):
    """One part exchanged, and `check_mix` fails."""
    with pytest.raises(AssertionError):
        oracle_checks.check_mix({**OUT, key: value}, PRIMARY, [DONOR], SETTINGS, UNTOUCHED)


def test_the_remnant_counts():
    """Without marks the dropped row leaves one pixel, and a record that says 0 is refused."""
    settings = replace(SETTINGS, ignore_field=None)
    primary = replace(PRIMARY, fields={k: v for k, v in PRIMARY.fields.items() if k != "crowd"})
    rest = {
        **OUT,
        "masks": OUT["masks"][1:],
        "bboxes": OUT["bboxes"][1:],
        "row": [0.0, 1.0],
        "seen": [0.5, 1.0],
    }
    record = RemnantRecord()
    oracle_checks.check_mix({**rest, "mix": record}, primary, [DONOR], settings, UNTOUCHED)
    record.remnant_px = 0
    with pytest.raises(AssertionError, match="remnant"):
        oracle_checks.check_mix({**rest, "mix": record}, primary, [DONOR], settings, UNTOUCHED)


def unfired():
    """The output of a call that did not fire: box i has row i of the masks, the rest as it was."""
    return {
        "mix": UnfiredRecord(),
        "image": PRIMARY.image,
        **UNTOUCHED,
        "row": [0.0, 1.0],
        "masks": [PRIMARY.masks[2], PRIMARY.masks[0]],
    }


def test_an_unfired_output_is_judged_whole():
    """Masks stand in the order of their boxes, every other target is as it was."""
    assert oracle_checks.check_unfired(unfired(), PRIMARY, SETTINGS, "p", UNTOUCHED) is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param("masks", PRIMARY.masks, id="masks-as-they-came"),
        pytest.param("row", [2, 0], id="index-as-it-came"),
        pytest.param("bboxes", [[0.0, 0.0, 4.0, 1.0]], id="box-lost"),
        pytest.param("keypoints", [[2.0, 0.0, 0.0]], id="point-lost"),
        pytest.param("v", [0, 1], id="point-flagged"),
        pytest.param("depth", OUT["depth"], id="alias-mixed"),
        pytest.param("others", [], id="alias-boxes-lost"),
    ],
)
def test_every_target_of_an_unfired_call_counts(key, value):
    """One part exchanged, and `check_unfired` fails."""
    out = {**unfired(), key: value}
    with pytest.raises(AssertionError):
        oracle_checks.check_unfired(out, PRIMARY, SETTINGS, "p", UNTOUCHED)


def test_layers_are_pasted_row_by_row():
    """Row k of the donor goes into row k, and none is filtered."""
    settings = Settings(area_range=(0.25, 0.25), masks_mode="layers")
    primary = Sample(PRIMARY.image, masks=np.stack([drawn("1111", "1111"), drawn("....", "....")]))
    donor = Sample(DONOR.image, masks=np.stack([drawn("2222", "2222"), drawn("3333", "3333")]))
    layers = np.stack([drawn("1122", "1111"), drawn("..33", "....")])
    out = {"mix": LayersRecord(), "image": OUT["image"], "masks": layers}
    oracle_checks.check_mix(out, primary, [donor], settings)
    with pytest.raises(AssertionError):
        oracle_checks.check_mix({**out, "masks": layers[::-1]}, primary, [donor], settings)


@pytest.mark.parametrize(
    ("given", "got", "good"),
    [
        pytest.param([], [], True, id="list-in-list-out"),
        pytest.param(np.zeros((1, 2, 2)), [], True, id="array-in-none-left-list-out"),
        pytest.param(np.zeros((1, 2, 2)), np.zeros((0, 2, 2)), False, id="an-empty-array"),
        pytest.param([np.zeros((2, 2))], np.zeros((0, 2, 2)), False, id="list-in-array-out"),
        pytest.param(np.zeros((0, 2, 2)), np.zeros((0, 2, 2)), True, id="empty-array-as-it-came"),
    ],
)
def test_containers_without_a_row(given, got, good):
    """Nothing left is an empty list, whatever came in."""
    if good:
        oracle_checks.check_masks(got, given, [])
    else:
        with pytest.raises(AssertionError):
            oracle_checks.check_masks(got, given, [])


@pytest.mark.parametrize(
    ("off", "source", "good"),
    [
        pytest.param(5e-7, (0, 0, 2, 2), True, id="scaled-within-a-millionth"),
        pytest.param(5e-6, (0, 0, 2, 2), False, id="scaled-and-off"),
        pytest.param(5e-7, (0, 0, 4, 1), False, id="not-scaled"),
    ],
)
def test_scaled_floats_are_compared_nearly(off, source, good):
    """Only the scaled pixels of a float32 image may differ, and by no more than a millionth."""
    primary, donor = np.zeros((2, 4), np.float32), np.full((2, 4), 0.5, np.float32)
    patch = (0, 0, 4, 1)
    got = oracle.mixed_image(primary, donor, patch, source)
    got[0, 0] += np.float32(off)
    if good:
        oracle_checks.check_image(got, primary, donor, patch, source, "image")
    else:
        with pytest.raises(AssertionError):
            oracle_checks.check_image(got, primary, donor, patch, source, "image")
    got[1, 0] += np.float32(5e-7)
    with pytest.raises(AssertionError):
        oracle_checks.check_image(got, primary, donor, patch, source, "image")
