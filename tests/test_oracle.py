"""The oracle against cases worked out by hand, on paper."""

from __future__ import annotations

import ast
import inspect
from fractions import Fraction

import numpy as np
import oracle
import oracle_checks
import oracle_objects
import pytest
from oracle import Draw, Sample, Settings

IMAGE = (11, 17)  # height, width
PATCH = (3, 2, 9, 8)


@pytest.mark.parametrize(
    "module", [oracle, oracle_objects, oracle_checks], ids=lambda module: module.__name__
)
def test_the_oracle_imports_nothing_of_the_package(module):
    """The oracle shares no code with what it judges."""
    tree = ast.parse(inspect.getsource(module))
    names = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert "numpy" in names
    assert not {name for name in names if name.startswith(("albu_cutmix", "albumentations", "."))}


def test_inside_quarter_at_the_centre():
    """A quarter of 11 x 17 at the image's aspect is 8.5 -> 9 by 5.5 -> 6, at 9 // 2 and 6 // 2."""
    place = oracle.inside_patch(Draw(0.0), IMAGE, (0.25, 0.25), (1.0, 1.0))
    assert place.patch == (4, 3, 13, 9)


def test_inside_ratio_is_of_shares():
    """Ratio 4 of a share of 1/16 is half the width by an eighth of the height."""
    place = oracle.inside_patch(Draw(0.0, x=0, y=0), (16, 24), (1 / 16, 1 / 16), (4.0, 4.0))
    assert place.patch == (0, 0, 12, 2)


def test_inside_ratio_is_narrowed_to_the_share():
    """A share of one leaves only ratio one: the whole image."""
    place = oracle.inside_patch(Draw(0.0, ratio=0.9), IMAGE, (1.0, 1.0), (0.5, 2.0))
    assert place.patch == (0, 0, 17, 11)


def test_inside_without_a_pixel():
    """A share of a thousandth of 11 x 17 has no row left after rounding."""
    place = oracle.inside_patch(Draw(0.0), IMAGE, (0.001, 0.001), (1.0, 1.0))
    assert place.patch is None


@pytest.mark.parametrize(
    ("draw", "expected"),
    [
        # sqrt(1/4) = 1/2: int(8.5) = 8 wide, int(5.5) = 5 high; halves 4 and 2
        pytest.param(Draw(0.75, x=0.5, y=0.5), (4, 3, 12, 7), id="centre"),
        pytest.param(Draw(0.75, x=0.0, y=0.0), (0, 0, 4, 2), id="corner-is-clipped"),
        pytest.param(Draw(0.0, x=0.5, y=0.5), (0, 0, 16, 10), id="whole-sides-are-halved-down"),
        pytest.param(Draw(0.999, x=0.5, y=0.5), None, id="no-pixel"),
    ],
)
def test_paper_to_the_letter(draw, expected):
    """Sides are int(side * sqrt(1 - lam)), halved by //, around an integer centre, clipped."""
    assert oracle.paper_patch(draw, IMAGE).patch == expected


def test_whole_takes_the_donors_aspect():
    """A quarter of 16 x 36 is 144 px: at aspect 4 that is 24 by 6."""
    place = oracle.whole_patch(Draw(0.0, x=0, y=0), (16, 36), (0.25, 0.25), (5, 20))
    assert place.patch == (0, 0, 24, 6)


def test_whole_shrinks_a_long_donor():
    """At aspect 16 the same 144 px would be 48 by 3: too wide for 36, so 36 by 2.25 -> 2."""
    place = oracle.whole_patch(Draw(0.0, x=0, y=0), (16, 36), (0.25, 0.25), (2, 32))
    assert place.patch == (0, 0, 36, 2)


@pytest.mark.parametrize(
    ("donor_shape", "expected"),
    [
        pytest.param(IMAGE, PATCH, id="equal-size-is-the-same-place"),
        # scale 1/2: x * 2, 34 wide; height 30 of 22: 4 rows off at each end
        pytest.param((30, 34), (6, 8, 18, 20), id="wide-enough-cut-above-and-below"),
        # scale 1/2 by height: y * 2; width 40 of 34: 3 columns off at each end
        pytest.param((22, 40), (9, 4, 21, 16), id="high-enough-cut-left-and-right"),
    ],
)
def test_cover_source(donor_shape, expected):
    """The donor is scaled by one factor until it covers, centred, and cut at the patch."""
    assert oracle.cover_source(PATCH, IMAGE, donor_shape) == expected


def test_stretch_source_rounds_halves_up():
    """17 -> 34 doubles x; 11 -> 5 takes rows 2..8 to 0.909..3.636, that is 1..4."""
    assert oracle.stretch_source(PATCH, IMAGE, (5, 34)) == (6, 1, 18, 4)


def test_source_has_at_least_one_pixel():
    """A patch two columns wide of a donor four times narrower still has a source."""
    assert oracle.stretch_source((16, 0, 17, 11), IMAGE, (11, 2)) == (1, 0, 2, 11)


@pytest.mark.parametrize(
    ("donor_shape", "expected"),
    [
        pytest.param((30, 40), (17, 12, 23, 18), id="large-donor"),
        # 6 x 6 of a donor 12 wide, 3 high: scaled up by 2, so 3 x 3
        pytest.param((3, 12), (5, 0, 8, 3), id="flat-donor-is-scaled-up-just-enough"),
    ],
)
def test_crop_source(donor_shape, expected):
    """The window has the patch's size, at place floor(u * (number of places))."""
    assert oracle.crop_source(Draw(0.0), PATCH, donor_shape)[0] == expected


def test_pixels_and_mask_are_taken_side_by_side():
    """Exactly the patch's pixels come from the source."""
    primary, donor = np.zeros((2, 3), np.uint8), np.arange(1, 7, dtype=np.uint8).reshape(2, 3)
    out = oracle.mixed_image(primary, donor, (1, 0, 3, 1), (0, 1, 2, 2))
    assert out.tolist() == [[0, 4, 5], [0, 0, 0]]
    assert oracle.mixed_mask(primary, donor, (1, 0, 3, 1), (0, 1, 2, 2)).tolist() == out.tolist()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param([1, 2, 3, 4, 5], [1, 3, 5], id="five-to-three"),
        pytest.param([1, 2], [1, 2, 2], id="two-to-three"),
        pytest.param([1, 2, 3, 4], [1, 3, 4], id="four-to-three"),
    ],
)
def test_mask_takes_the_pixel_under_the_centre(source, expected):
    """Pixel i of n is looked up at ((2i + 1) * n_src) // (2n): 5 -> 0, 2, 4; 2 -> 0, 1, 1."""
    donor = np.array([source], np.int64)
    out = oracle.mixed_mask(np.zeros((1, 3), np.int64), donor, (0, 0, 3, 1), (0, 0, len(source), 1))
    assert out.tolist() == [expected]


def test_area_mean_when_nothing_is_enlarged():
    """Two by two pixels become their mean; an enlarged axis is interpolated instead."""
    window = np.array([[0, 4], [8, 12]], np.float32)
    assert oracle.resized(window, 1, 1).tolist() == [[6.0]]
    assert oracle.resized(window[:1], 4, 1).tolist() == [[0.0, 1.0, 3.0, 4.0]]


def test_lam_counts_pixels():
    """A 6 x 6 patch of 11 x 17 leaves 151 of 187 pixels to the primary."""
    assert oracle.lam_of(IMAGE, PATCH) == Fraction(151, 187)
    assert oracle.lam_of(IMAGE, None) == 1


@pytest.mark.parametrize(
    ("primary", "donor", "classes", "expected"),
    [
        pytest.param(0, 2, 3, [Fraction(3, 4), Fraction(0), Fraction(1, 4)], id="indices"),
        pytest.param("b", "a", ("a", "b"), [Fraction(1, 4), Fraction(3, 4)], id="names"),
        pytest.param(1, 1, 2, [Fraction(0), Fraction(1)], id="one-class"),
        pytest.param(
            [1.0, 1.0], [0.5, 0.0], None, [Fraction(7, 8), Fraction(3, 4)], id="multi-hot"
        ),
    ],
)
def test_soft_label(primary, donor, classes, expected):
    """Weights times labels, three quarters to the primary."""
    assert oracle.soft_label(primary, donor, Fraction(3, 4), classes) == expected


@pytest.mark.parametrize(
    ("box", "visibility", "expected"),
    [
        pytest.param((10, 0, 12, 9), Fraction(1), (10, 0, 12, 9), id="beside"),
        pytest.param((9, 2, 12, 8), Fraction(1), (9, 2, 12, 8), id="shares-an-edge"),
        pytest.param((0, 0, 6, 4), Fraction(3, 4), (0, 0, 6, 4), id="corner-covered"),
        pytest.param((0, 2, 6, 8), Fraction(1, 2), (0, 2, 3, 8), id="right-half-covered"),
        pytest.param((5, 3, 13, 7), Fraction(1, 2), (9, 3, 13, 7), id="left-half-covered"),
        pytest.param((4, 0, 8, 8), Fraction(1, 4), (4, 0, 8, 2), id="lower-part-covered"),
        pytest.param((3, 4, 9, 10), Fraction(1, 3), (3, 8, 9, 10), id="upper-part-covered"),
        pytest.param((0, 3, 12, 5), Fraction(1, 2), (0, 3, 12, 5), id="band-in-the-middle"),
        pytest.param((0, 0, 12, 11), Fraction(132 - 36, 132), (0, 0, 12, 11), id="hole"),
        pytest.param((-4, 2, 6, 8), Fraction(1, 2), (0, 2, 3, 8), id="clipped-to-the-image-first"),
        pytest.param((2.9999, 0, 8.0001, 8), Fraction(1, 4), (3, 0, 8, 2), id="jitter-is-snapped"),
        pytest.param((2.5, 2, 9, 8), Fraction(1, 13), (2.5, 2, 3, 8), id="a-sliver-shows"),
    ],
)
def test_primary_box_under_the_patch(box, visibility, expected):
    """Visibility and tightest visible box, patch (3, 2, 9, 8)."""
    fate = oracle.primary_fate(box, IMAGE, PATCH, "clip", Fraction(0))
    assert fate.kept
    assert fate.visibility == visibility
    assert fate.box == expected
    assert fate.touched == (visibility < 1)


@pytest.mark.parametrize(
    ("mode", "least", "kept"),
    [
        pytest.param("clip", Fraction(1, 2), True, id="clip-on-the-threshold"),
        pytest.param("clip", Fraction(51, 100), False, id="clip-below"),
        pytest.param("keep", Fraction(1, 2), True, id="keep-on-the-threshold"),
        pytest.param("keep", Fraction(51, 100), False, id="keep-below"),
        pytest.param("drop", Fraction(0), False, id="drop-when-touched"),
    ],
)
def test_primary_modes(mode, least, kept):
    """A box half covered stays down to a threshold of a half, unless touched ones are dropped."""
    fate = oracle.primary_fate((0, 2, 6, 8), IMAGE, PATCH, mode, least)
    assert fate.kept is kept
    assert fate.box == ((0, 2, 3, 8) if kept and mode == "clip" else (0, 2, 6, 8))


def test_covered_boxes_go_at_threshold_zero():
    """A box with nothing left is dropped whatever the threshold."""
    assert not oracle.primary_fate((4, 3, 8, 7), IMAGE, PATCH, "keep", Fraction(0)).kept


@pytest.mark.parametrize(
    ("box", "visibility", "expected"),
    [
        # source (10, 10, 22, 16) onto patch (3, 2, 9, 8): x halved, y as it is
        pytest.param((12, 11, 16, 13), Fraction(1), (4, 3, 6, 5), id="inside"),
        pytest.param((6, 10, 14, 16), Fraction(1, 2), (3, 2, 5, 8), id="cut-at-the-left"),
        pytest.param((0, 0, 10, 10), Fraction(0), None, id="outside"),
        pytest.param((20, 14, 44, 18), Fraction(1, 10), (8, 6, 9, 8), id="over-the-donors-edge"),
    ],
)
def test_donor_box_through_source_and_patch(box, visibility, expected):
    """Donor boxes are clipped to their image, mapped, and clipped to the patch; donor 19 x 30."""
    fate = oracle.donor_fate(box, (19, 30), PATCH, (10, 10, 22, 16), "clip", Fraction(0))
    assert fate.visibility == visibility
    assert fate.kept is (expected is not None)
    assert expected is None or fate.box == expected


def test_drop_takes_only_whole_donor_boxes():
    """In "drop" a donor box that is not wholly visible goes."""
    fates = [
        oracle.donor_fate(box, IMAGE, PATCH, PATCH, "drop", Fraction(0)).kept
        for box in ((3, 2, 9, 8), (2, 2, 9, 8))
    ]
    assert fates == [True, False]


@pytest.mark.parametrize(
    ("bbox_format", "row"),
    [
        pytest.param("pascal_voc", [4, 2, 10, 5], id="pascal-voc"),
        pytest.param("coco", [4, 2, 6, 3], id="coco"),
        pytest.param("albumentations", [0.25, 0.25, 0.625, 0.625], id="albumentations"),
        pytest.param("yolo", [0.4375, 0.4375, 0.375, 0.375], id="yolo"),
    ],
)
def test_box_formats(bbox_format, row):
    """Box (4, 2, 10, 5) of an image 8 high and 16 wide, there and back."""
    assert oracle.to_format((4, 2, 10, 5), bbox_format, (8, 16)) == row
    assert oracle.from_format(row, bbox_format, (8, 16)) == [4, 2, 10, 5]


def test_an_output_is_judged_whole():
    """Every part of a small mix, written down by hand, passes `check_mix`."""
    primary, out, donor, settings = hand_made()
    assert oracle_checks.check_mix(out, primary, [donor], settings, untouched_of(primary)) is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param("image", np.zeros((2, 4), np.uint8), id="image"),
        pytest.param("mask", np.zeros((2, 4), np.int64), id="mask"),
        pytest.param("label", np.array([0.25, 0.75], np.float32), id="label"),
        pytest.param("bboxes", [[0.0, 0.0, 4.0, 2.0], [2.0, 0.0, 4.0, 1.0]], id="bboxes"),
        pytest.param("word", ["cow", "ox"], id="field"),
    ],
)
def test_every_part_counts(key, value):
    """One part exchanged, and `check_mix` fails."""
    primary, out, donor, settings = hand_made()
    with pytest.raises(AssertionError):
        oracle_checks.check_mix(
            {**out, key: value}, primary, [donor], settings, untouched_of(primary)
        )


class HandRecord:
    """The record of the mix below."""

    version, kind, applied, reason = 3, "cutmix", True, ""
    shape = np.array([2, 4])
    donors, seeds = np.array([0]), np.array([-1])
    donor_shapes = np.array([[2, 4]])
    patches = sources = np.array([[2, 0, 4, 1]])
    owned_px = np.array([2])
    lam, blend, remnant_px = np.float32(0.75), 1.0, 0
    # Masks are one region on either side: 6 pixels stay, 2 come, and every pair cuts and jumps.
    lam_object, seam_px, seam_object_px, seam_jump_px = 0.75, 3, 3, 3
    # Of the primary's two boxes one is halved, one covered; the donor's shows by half.
    kept, clipped, dropped, donor_kept, donor_dropped = 0, 1, 1, 1, 0
    least_visibility = 0.5
    flags = 1 + 2 + 32 + 64  # erased, truncated, seam on an object, label jump


def hand_made():
    """A 2 x 4 image of ones whose upper right corner of 2 x 1 comes from a donor of nines."""
    primary = Sample(
        np.ones((2, 4), np.uint8),
        np.ones((2, 4), np.int32),
        [(0, 0, 4, 1), (2, 0, 4, 1)],
        {"word": ["ox", "hidden"]},
        0,
    )
    donor = Sample(
        np.full((2, 4), 9, np.uint8),
        np.full((2, 4), 5, np.int32),
        [(2, 0, 4, 2)],
        {"word": ["cow"]},
        1,
    )
    out = {
        "image": np.array([[1, 1, 9, 9], [1, 1, 1, 1]], np.uint8),
        "mask": np.array([[1, 1, 5, 5], [1, 1, 1, 1]], np.int32),
        "bboxes": [[0.0, 0.0, 2.0, 1.0], [2.0, 0.0, 4.0, 1.0]],
        "word": ["ox", "cow"],
        "label": np.array([0.75, 0.25], np.float32),
        "mix": HandRecord(),
    }
    settings = Settings(area_range=(0.25, 0.25), classes=2)
    return primary, out, donor, settings


def untouched_of(primary):
    """What the host returns without a mix."""
    return {"bboxes": [[float(v) for v in box] for box in primary.boxes], **primary.fields}
