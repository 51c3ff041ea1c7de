"""Geometry: exact against the oracle, and in the large as the contract promises."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import oracle
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from oracle import Draw
from strategies import box_sets, draws, rects, shapes

from albu_cutmix import boxes as box_numbers
from albu_cutmix import geometry
from albu_cutmix.geometry import PatchDraw, Rect

# How near a rounding tie two right answers may differ: float64 against exact numbers.
TIE = 1e-9
LARGE = (1009, 2003)
PAPER_MEAN = 77 / 240

area_ranges = st.tuples(st.integers(1, 60), st.integers(0, 40)).map(
    lambda pair: (pair[0] / 100, (pair[0] + pair[1]) / 100)
)
ratio_ranges = st.sampled_from([(0.5, 2.0), (1.0, 1.0), (0.25, 4.0), (0.9, 3.0), (0.3, 1.2)])
pairs = st.tuples(shapes, shapes)


def many(place, count, seed=0):
    """Draw patches as the package does; shape (count, 4)."""
    rng = np.random.default_rng(seed)
    return np.array([place(geometry.draw_patch(rng, 1.0)) for _ in range(count)])


def areas(patches):
    """Areas of many patches."""
    return (patches[:, 2] - patches[:, 0]) * (patches[:, 3] - patches[:, 1])


def at_border(patches, shape):
    """Share of patches that touch the image's border."""
    touch = (patches[:, :2] == 0).any(1)
    touch |= (patches[:, 2] == shape[1]) | (patches[:, 3] == shape[0])
    return touch.mean()


@settings(max_examples=300)
@given(draws, shapes, area_ranges, ratio_ranges)
@example(Draw(0.0, 0.0, 0.0, 0.0), (7, 31), (1.0, 1.0), (0.5, 2.0))
@example(Draw(0.5, 0.5, 1 - 2**-53, 1 - 2**-53), (13, 29), (0.02, 0.33), (0.5, 2.0))
def test_inside_follows_from_the_draw(draw, shape, area_range, ratio_range):
    """Placement "inside" gives exactly the oracle's rectangle for every draw."""
    expected = oracle.inside_patch(draw, shape, area_range, ratio_range)
    assume(expected.margin > TIE)
    assert geometry.place_inside(PatchDraw(*draw), shape, area_range, ratio_range) == expected.patch


@settings(max_examples=300)
@given(draws, pairs, area_ranges)
def test_whole_follows_from_the_draw(draw, pair, area_range):
    """Fit "whole" gives exactly the oracle's rectangle, in the donor's aspect."""
    shape, donor_shape = pair
    expected = oracle.whole_patch(draw, shape, area_range, donor_shape)
    assume(expected.margin > TIE)
    assert geometry.place_whole(PatchDraw(*draw), shape, area_range, donor_shape) == expected.patch


@settings(max_examples=300)
@given(draws, shapes)
@example(Draw(0.0, 0.5, 0.0, 0.999), (11, 17))
@example(Draw(0.75, 0.5, 0.5, 0.5), (13, 29))
def test_paper_follows_from_the_draw(draw, shape):
    """Placement "paper" is the reference procedure to the letter, for every draw."""
    expected = oracle.paper_patch(draw, shape)
    assume(expected.margin > TIE)
    assert geometry.place_paper(PatchDraw(*draw), shape) == expected.patch


@pytest.mark.parametrize("fit", ["cover", "stretch"])
@settings(max_examples=200)
@given(st.data(), pairs)
def test_source_of_a_scaled_donor(fit, data, pair):
    """Sources of "cover" and "stretch" are the oracle's, edge for edge, in whole donor pixels."""
    shape, donor_shape = pair
    patch = data.draw(rects(shape))
    rule = {"cover": oracle.cover_source, "stretch": oracle.stretch_source}[fit]
    got = geometry.fit_source(fit, PatchDraw(*Draw(0.5)), Rect(*patch), shape, donor_shape)
    assert got == rule(patch, shape, donor_shape)


@settings(max_examples=200)
@given(st.data(), pairs, draws)
def test_source_of_a_cropped_donor(data, pair, draw):
    """The source of "crop" is the oracle's window, also where the donor is scaled up."""
    shape, donor_shape = pair
    patch = data.draw(rects(shape))
    expected, margin = oracle.crop_source(draw, patch, donor_shape)
    assume(margin > TIE)
    got = geometry.fit_source("crop", PatchDraw(*draw), Rect(*patch), shape, donor_shape)
    assert got == expected


@pytest.mark.parametrize("fit", ["cover", "stretch", "error"])
@given(st.data(), shapes)
def test_source_of_an_equal_donor_is_the_patch(fit, data, shape):
    """A donor of the primary's size is cut where the patch lies."""
    patch = Rect(*data.draw(rects(shape)))
    assert geometry.fit_source(fit, PatchDraw(*Draw(0.5)), patch, shape, shape) == patch


@given(pairs)
def test_source_of_a_whole_donor_is_all_of_it(pair):
    """Fit "whole" leaves nothing of the donor out."""
    shape, (height, width) = pair
    got = geometry.fit_source("whole", PatchDraw(*Draw(0.5)), Rect(0, 0, 3, 2), shape, pair[1])
    assert got == (0, 0, width, height)


@settings(max_examples=200)
@given(st.data(), shapes)
def test_visible_part_of_boxes(data, shape):
    """Visible share and visible extent of every box are those of its up to four strips."""
    boxes = data.draw(box_sets(shape, outside=True).filter(len))
    patch = data.draw(rects(shape))
    array = np.array(boxes, np.float64)
    array.setflags(write=False)
    shares = box_numbers.visible_fraction(array, Rect(*patch))
    extents = box_numbers.visible_extent(array, Rect(*patch))
    for row, share, got in zip(boxes, shares, extents, strict=True):
        box = tuple(map(Fraction, row))
        parts, whole = oracle.strips(box, patch), oracle.area(box)
        assert abs(share - float(sum(map(oracle.area, parts)) / whole)) < 1e-12
        if parts:
            assert got.tolist() == [float(value) for value in oracle.extent(parts)]
        else:
            assert box_numbers.area(got[None])[0] == 0


@settings(max_examples=100)
@given(st.data(), pairs)
def test_boxes_are_mapped_like_pixels(data, pair):
    """The source's corners land on the patch's corners, and every box keeps its share of it."""
    shape, donor_shape = pair
    source, patch = Rect(*data.draw(rects(donor_shape))), Rect(*data.draw(rects(shape)))
    inner = data.draw(rects(donor_shape))
    got = box_numbers.map_bboxes(np.array([source, inner], np.float64), source, patch)
    assert got[0].tolist() == pytest.approx(list(patch), abs=1e-9)
    share = oracle.area(oracle.exact(inner)) / source.area
    assert box_numbers.area(got)[1] / patch.area == pytest.approx(float(share), rel=1e-9)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(4.0000004, 4.0, id="float32-jitter-above"),
        pytest.param(3.9999996, 4.0, id="float32-jitter-below"),
        pytest.param(4 + 2.0**-9, 4 + 2.0**-9, id="a-real-fraction"),
        pytest.param(4.5, 4.5, id="a-half"),
        pytest.param(-0.0004, 0.0, id="below-zero"),
    ],
)
def test_snap(value, expected):
    """Coordinates within 2**-10 of an integer lie on it, all others stay."""
    assert box_numbers.snap(np.array([[value] * 4])).tolist() == [[expected] * 4]


def test_drawn_share_is_the_real_share():
    """Inside: every patch has the drawn share of the pixels, up to the rounding of its sides."""
    rng = np.random.default_rng(3)
    low, high = 0.02, 0.33
    for _ in range(2000):
        draw = geometry.draw_patch(rng, 1.0)
        patch = geometry.place_inside(draw, (401, 499), (low, high), (0.5, 2.0))
        drawn = (low + (high - low) * draw.beta) * 401 * 499
        assert abs(patch.area - drawn) <= (patch.width + patch.height) / 2 + 1


def test_shares_follow_beta():
    """Inside with alpha = 1: shares are uniform over the range (Kolmogorov-Smirnov, 0.1 %)."""
    count = 4000
    patches = many(lambda draw: geometry.place_inside(draw, LARGE, (0.02, 0.33), (0.5, 2.0)), count)
    shares = np.sort(areas(patches) / (LARGE[0] * LARGE[1]))
    law = np.clip((shares - 0.02) / 0.31, 0, 1)
    steps = np.arange(count + 1) / count
    distance = max(np.abs(law - steps[1:]).max(), np.abs(law - steps[:-1]).max())
    assert distance < 1.95 / np.sqrt(count)


def test_ratios_are_log_uniform():
    """Inside: (w / W) / (h / H) has uniform logarithms, so no side is preferred."""
    patches = many(lambda draw: geometry.place_inside(draw, LARGE, (0.2, 0.2), (0.5, 2.0)), 4000)
    width, height = patches[:, 2] - patches[:, 0], patches[:, 3] - patches[:, 1]
    logs = np.log2((width / LARGE[1]) / (height / LARGE[0]))
    assert abs(logs.mean()) < 0.04
    assert logs.std() == pytest.approx(np.sqrt(1 / 3), rel=0.05)
    assert logs.min() == pytest.approx(-1, abs=0.03)
    assert logs.max() == pytest.approx(1, abs=0.03)


def test_inside_positions_are_uniform():
    """Inside: each of the positions that hold a patch whole is as likely as any other."""
    shape, share = (11, 17), 0.25
    patches = many(lambda draw: geometry.place_inside(draw, shape, (share, share), (1, 1)), 20000)
    counts = np.zeros((11 - 6 + 1, 17 - 9 + 1))
    np.add.at(counts, (patches[:, 1], patches[:, 0]), 1)
    expected = 20000 / counts.size
    chi_square = ((counts - expected) ** 2 / expected).sum()
    freedom = counts.size - 1
    assert (counts > 0).all()
    assert chi_square < freedom + 4 * np.sqrt(2 * freedom)


def test_crop_positions_are_uniform():
    """Crop: each window of the donor is as likely as any other, also the last one."""
    rng = np.random.default_rng(1)
    patch, counts = Rect(2, 3, 7, 6), np.zeros((13 - 3 + 1, 19 - 5 + 1))
    for _ in range(20000):
        draw = geometry.draw_patch(rng, 1.0)
        source = geometry.fit_source("crop", draw, patch, (11, 17), (13, 19))
        counts[source.y_min, source.x_min] += 1
    expected = 20000 / counts.size
    freedom = counts.size - 1
    chi_square = ((counts - expected) ** 2 / expected).sum()
    assert chi_square < freedom + 4 * np.sqrt(2 * freedom)


def test_paper_mean_area():
    """Paper, alpha = 1: the clipped patch covers 77/240 of the image on average."""
    patches = many(lambda draw: geometry.place_paper(draw, LARGE) or Rect(0, 0, 0, 0), 20000)
    mean = areas(patches).mean() / (LARGE[0] * LARGE[1])
    assert mean == pytest.approx(PAPER_MEAN, abs=0.007)


def test_paper_touches_the_border_in_five_of_six():
    """Paper: five patches in six touch the border; inside, hardly one of a large image does."""
    paper = many(lambda draw: geometry.place_paper(draw, LARGE) or Rect(0, 0, 0, 0), 20000)
    inside = many(lambda draw: geometry.place_inside(draw, LARGE, (0.02, 0.33), (0.5, 2)), 5000)
    assert at_border(paper, LARGE) == pytest.approx(5 / 6, abs=0.015)
    assert at_border(inside, LARGE) < 0.02


@pytest.mark.parametrize(
    "alpha",
    [
        pytest.param(0.2, id="mostly-ends"),
        pytest.param(1.0, id="uniform"),
        pytest.param(8.0, id="mostly-middle"),
    ],
)
def test_alpha_shapes_the_draw(alpha):
    """Beta(alpha, alpha) has mean 1/2 and variance 1 / (4 (2 alpha + 1)); the rest is uniform."""
    rng = np.random.default_rng(0)
    numbers = np.array([geometry.draw_patch(rng, alpha) for _ in range(20000)])
    assert numbers[:, 0].mean() == pytest.approx(0.5, abs=0.01)
    assert numbers[:, 0].var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.05)
    assert numbers[:, 1:].mean(0) == pytest.approx([0.5] * 5, abs=0.01)
    assert numbers[:, 1:].var(0) == pytest.approx([1 / 12] * 5, rel=0.03)
    cross = np.corrcoef(numbers.T) - np.eye(6)
    assert np.abs(cross).max() < 0.03
