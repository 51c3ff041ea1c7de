"""Placements that spare objects: exact against an exhaustive oracle, and uniform."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import search_oracle as oracle
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from albu_cutmix import geometry
from albu_cutmix.geometry import PatchDraw, Rect
from albu_cutmix.search import avoid, clear, objects, place_avoid, place_clear, place_objects

SHAPES = ((9, 13), (13, 9), (11, 17), (7, 11))
RATIOS = ((0.5, 2.0), (1.0, 1.0), (0.25, 4.0), (0.9, 3.0))
# How near a rounding tie two right answers may differ.
TIE = 1e-9
LAST = 1 - 2**-53
KINDS = ("any", "any", "pixel", "edge", "all", "in", "beside")

unit = st.floats(0.0, 1.0, exclude_max=True, allow_subnormal=False)
draws = st.builds(PatchDraw, unit, unit, unit, unit, unit, unit)
shapes = st.sampled_from(SHAPES)
area_ranges = st.tuples(st.integers(1, 40), st.integers(0, 50)).map(
    lambda pair: (pair[0] / 100, (pair[0] + pair[1]) / 100)
)


@st.composite
def obstacle_sets(draw, shape, most=8):
    """Rectangles: single pixels, along a border, the whole image, inside and beside others."""
    height, width = shape
    rects: list[tuple[int, int, int, int]] = []
    for kind in draw(st.lists(st.sampled_from(KINDS), max_size=most)):
        x, y = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
        right, below = draw(st.integers(x + 1, width)), draw(st.integers(y + 1, height))
        if kind == "pixel":
            right, below = x + 1, y + 1
        elif kind == "edge":
            x, right = draw(st.sampled_from([(0, 1), (width - 1, width), (0, width)]))
        elif kind == "all":
            x, y, right, below = 0, 0, width, height
        elif kind == "in" and rects:
            x, y, right, below = draw(st.sampled_from(rects))
            x, y = draw(st.integers(x, right - 1)), draw(st.integers(y, below - 1))
        elif kind == "beside" and rects:
            x = draw(st.sampled_from(rects))[2] % width
            right = draw(st.integers(x + 1, width))
        rects.append((x, y, right, below))
    return rects


def as_array(rects):
    """Rectangles as the package takes them, and as it must leave them."""
    array = np.array(rects, np.int64).reshape(-1, 4)
    array.setflags(write=False)
    return array


def chance(rng, shape, most, side):
    """Up to so many rectangles of up to so long sides."""
    sizes = rng.integers(1, side + 1, (rng.integers(most + 1), 2))
    corners = [rng.integers(0, (shape[1] - w + 1, shape[0] - h + 1)) for w, h in sizes]
    return [
        (x, y, x + w, y + h)
        for (x, y), (w, h) in zip(np.array(corners).tolist(), sizes.tolist(), strict=True)
    ]


def avoid_answer(draw, shape, area_range, ratio_range, rects):
    """What the oracle says of a draw: the size or None, and the margin."""
    share = area_range[0] + (area_range[1] - area_range[0]) * draw.beta
    low, high = max(ratio_range[0], share), min(ratio_range[1], 1 / share)
    ratio = low * (high / low) ** draw.ratio
    drawn = (share * ratio) ** 0.5 * shape[1] + 0.5, (share / ratio) ** 0.5 * shape[0] + 0.5
    if min(drawn) < 1:
        return None, abs(min(drawn) - 1)
    low, high = max(ratio_range[0], area_range[0]), min(ratio_range[1], 1 / area_range[0])
    return oracle.avoid_size(shape, (area_range[0], share), ratio, (low, high), rects)


def check_avoid(patch, size, shape, rects):
    """Assert that a patch has a size, lies in the image and touches nothing."""
    if size is None:
        assert patch is None
        return
    assert patch is not None
    assert (patch.width, patch.height) == size
    assert patch.meet(Rect(0, 0, shape[1], shape[0])) == patch
    assert oracle.is_clear(patch, rects)


def lattice(count):
    """Numbers in [0, 1), evenly spread."""
    return [(k + 0.5) / count for k in range(count)]


def check_uniform(place, expected, rows=24):
    """Assert that a placement gives every expected place, and all equally often.

    As many columns of the lattice as there are places: each gets as many as it has of these, and
    shares *rows* among them up to rounding.
    """
    base = PatchDraw(0.5, 0.5, 0.5, 0.5, 0.5, 0.5)
    counts = Counter(
        place(base._replace(x=x, y=y)) for x in lattice(len(expected)) for y in lattice(rows)
    )
    assert set(counts) == set(expected)
    per_column = Counter(at[0] for at in expected)
    for at, count in counts.items():
        assert abs(count - rows) <= per_column[at[0]]


@settings(max_examples=150)
@given(st.data(), draws, shapes, st.booleans())
def test_clear_place_is_found_where_there_is_one(data, draw, shape, allow_whole):
    """A place is one of the oracle's, and none is found only where the oracle has none."""
    rects = data.draw(obstacle_sets(shape))
    size = data.draw(st.tuples(st.integers(1, shape[1]), st.integers(1, shape[0])))
    expected = oracle.clear_places(shape, size, rects, allow_whole=allow_whole)
    got = place_clear(draw, shape, size, as_array(rects), allow_whole=allow_whole)
    assert got in expected if expected else got is None


def test_too_large_a_rectangle_has_no_place():
    """A rectangle that is longer than the image has no place, not even without objects."""
    draw = PatchDraw(0.5, 0.5, 0.5, 0.5, 0.5, 0.5)
    assert place_clear(draw, (9, 13), (14, 1), as_array([])) is None
    assert place_clear(draw, (9, 13), (1, 10), as_array([])) is None
    assert place_clear(draw, (9, 13), (13, 9), as_array([])) == (0, 0, 13, 9)


SCENES = {
    "none": [],
    "one": [(4, 3, 7, 5)],
    "border": [(0, 0, 1, 9), (12, 2, 13, 3), (0, 8, 13, 9)],
    "nested": [(2, 2, 9, 7), (3, 3, 5, 5), (2, 2, 9, 7), (8, 6, 10, 8)],
}


@pytest.mark.parametrize("allow_whole", [False, True], ids=["apart", "whole"])
@pytest.mark.parametrize("size", [(1, 1), (3, 2), (4, 5)], ids=str)
@pytest.mark.parametrize("name", SCENES)
def test_every_clear_place_is_drawn_equally_often(name, size, allow_whole):
    """Evenly spread numbers give every clear place, each as often as the others."""
    rects = SCENES[name]
    check_uniform(
        lambda draw: place_clear(draw, (9, 13), size, as_array(rects), allow_whole=allow_whole),
        oracle.clear_places((9, 13), size, rects, allow_whole=allow_whole),
    )


@settings(max_examples=200)
@given(st.data(), draws, shapes, area_ranges, st.sampled_from(RATIOS))
@example(None, PatchDraw(LAST, LAST, LAST, LAST, 0, 0), (9, 13), (0.05, 0.6), (0.5, 2.0))
@example(None, PatchDraw(0.0, 0.0, 0.0, 0.0, 0, 0), (9, 13), (0.05, 0.05), (0.25, 4.0))
def test_avoid_is_the_oracles(data, draw, shape, area_range, ratio_range):
    """Size and existence are the oracle's, and the patch touches no obstacle."""
    assume(ratio_range[0] <= 1 / area_range[1] and ratio_range[1] >= area_range[1])
    rects = data.draw(obstacle_sets(shape)) if data else SCENES["nested"]
    size, margin = avoid_answer(draw, shape, area_range, ratio_range, rects)
    assume(margin > TIE)
    patch = place_avoid(draw, shape, area_range, ratio_range, as_array(rects))
    check_avoid(patch, size, shape, rects)


@settings(max_examples=200)
@given(draws, shapes, area_ranges, st.sampled_from(RATIOS))
def test_avoid_without_obstacles_is_inside(draw, shape, area_range, ratio_range):
    """Without obstacles the patch is that of placement "inside", to the pixel."""
    got = place_avoid(draw, shape, area_range, ratio_range, as_array([]))
    assert got == geometry.place_inside(draw, shape, area_range, ratio_range)


@settings(max_examples=200)
@given(st.data(), draws, shapes, area_ranges)
def test_avoid_keeps_the_drawn_size_where_it_fits(data, draw, shape, area_range):
    """A patch that fits somewhere has the size that placement "inside" gives it, tie or not."""
    rects = data.draw(obstacle_sets(shape, most=2))
    drawn = geometry.place_inside(draw, shape, area_range, (0.5, 2.0))
    assume(drawn and oracle.fits(shape, (drawn.width, drawn.height), rects))
    got = place_avoid(draw, shape, area_range, (0.5, 2.0), as_array(rects))
    check_avoid(got, (drawn.width, drawn.height), shape, rects)


def test_avoid_is_uniform():
    """Evenly spread numbers give every free place of the patch, each as often as the others."""
    rects, size = SCENES["one"], (3, 2)
    check_uniform(
        lambda draw: place_avoid(draw, (9, 13), (0.05, 0.05), (1.0, 1.0), as_array(rects)),
        oracle.clear_places((9, 13), size, rects),
    )


@settings(max_examples=100)
@given(st.data(), draws, shapes, area_ranges)
def test_rows_of_a_lattice_say_the_same_as_objects(data, draw, shape, area_range):
    """Gaps counted by rows, as for many objects, are those counted by objects."""
    rects = as_array(data.draw(obstacle_sets(shape)))
    one = place_avoid(draw, shape, area_range, (0.5, 2.0), rects)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(avoid, "MOST_EXACT", -1)
        assert place_avoid(draw, shape, area_range, (0.5, 2.0), rects) == one


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("shape", [(211, 307), (61, 401)], ids=str)
def test_many_obstacles_are_spared(shape, seed):
    """Hundreds of obstacles are widened, and the patch touches none of them."""
    rng = np.random.default_rng(seed)
    low = rng.integers(0, (shape[1] - 7, shape[0] - 7), (300, 2))
    low[:, seed % 2] //= 2  # half of the image stays free
    rects = as_array(np.hstack([low, low + rng.integers(1, 8, (300, 2))]))
    patch = place_avoid(geometry.draw_patch(rng, 1.0), shape, (0.02, 0.33), (0.5, 2.0), rects)
    assert patch is not None
    part = geometry.meet_all(rects, patch)
    assert not (part[:, :2] < part[:, 2:]).all(1).any()


@settings(max_examples=100)
@given(st.integers(65, 200), st.integers(0, 2**31), st.sampled_from([(211, 307), (61, 1000)]))
def test_widened_objects_hold_the_objects(count, seed, shape):
    """Widened objects hold the objects, stay in the image, and have few edges."""
    rng = np.random.default_rng(seed)
    low = rng.integers(0, (shape[1], shape[0]), (count, 2))
    rects = as_array(np.hstack([low, rng.integers(low + 1, (shape[1] + 1, shape[0] + 1))]))
    wide = clear.widened(shape, rects)
    assert (wide[:, :2] <= rects[:, :2]).all()
    assert (wide[:, 2:] >= rects[:, 2:]).all()
    assert wide.min() >= 0
    assert (wide[:, 2:] <= (shape[1], shape[0])).all()
    for axis in (0, 1):
        assert len(np.unique(wide[:, axis::2])) <= clear.MOST_EXACT + 1


def test_objects_on_few_lines_are_not_widened():
    """Edges that already share few lines stay, however many the objects."""
    lines = np.arange(0, 300, 7)
    x, y = (part.ravel() for part in np.meshgrid(lines, lines))
    rects = np.stack([x, y, x + 7, y + 7], axis=1)
    assert (clear.widened((307, 311), rects) == rects).all()


@settings(max_examples=150)
@given(st.data(), draws, shapes, shapes, area_ranges, st.sampled_from(["cover", "stretch", "crop"]))
def test_objects_are_held_whole_or_not_met(data, draw, shape, donor_shape, area_range, fit):
    """Patch and source obey every rule of placement "objects", whatever the two sizes."""
    rects = data.draw(obstacle_sets(shape))
    donor_rects = data.draw(obstacle_sets(donor_shape))
    scale = geometry.scale_of(fit, shape, donor_shape)
    found = place_objects(
        draw, shape, as_array(rects), donor_shape, as_array(donor_rects), area_range, scale
    )
    if found:
        oracle.check_objects(found, shape, rects, donor_shape, donor_rects, area_range, scale)


@settings(max_examples=150)
@given(st.data(), draws, shapes, area_ranges)
def test_a_lone_object_gets_the_drawn_share(data, draw, shape, area_range):
    """An object alone on both sides is found, and comes with the drawn share if that holds it."""
    x, y = data.draw(st.integers(0, shape[1] - 1)), data.draw(st.integers(0, shape[0] - 1))
    right, below = data.draw(st.integers(x + 1, shape[1])), data.draw(st.integers(y + 1, shape[0]))
    total, area = shape[0] * shape[1], (right - x) * (below - y)
    assume(area <= area_range[1] * total)
    alone = as_array([(x, y, right, below)])
    found = place_objects(draw, shape, as_array([]), shape, alone, area_range, (1.0, 1.0))
    assert found
    patch, source = found
    assert source.meet(Rect(x, y, right, below)) == (x, y, right, below)
    share = area_range[0] + (area_range[1] - area_range[0]) * draw.beta
    # The nearest whole number of rows, or of columns, is off by half of one at most.
    assert abs(patch.area - max(share * total, area)) <= max(patch.width, patch.height) / 2


@pytest.mark.parametrize(("count", "side"), [(3, 5), (6, 3), (9, 4)], ids=str)
def test_objects_are_found_where_there_are_any(count, side):
    """In crowded scenes 19 of 20 mixes come out of those that the exhaustive search has."""
    rng, shape, area_range = np.random.default_rng(count), (7, 11), (0.1, 0.4)
    found = possible = 0
    for _ in range(25):
        rects, donor_rects = chance(rng, shape, count, side), chance(rng, shape, count, side)
        case = (as_array(rects), shape, as_array(donor_rects), area_range, (1.0, 1.0))
        if oracle.can_place_objects(shape, rects, donor_rects, area_range):
            possible += 1
            found += place_objects(geometry.draw_patch(rng, 1.0), shape, *case) is not None
    assert possible > 5
    assert found >= 0.95 * possible


def test_every_donor_object_is_as_likely():
    """Evenly spread numbers start at each donor object equally often."""
    donor_rects = [(x, y, x + 2, y + 2) for x in (0, 5, 10) for y in (0, 6)]
    counts: Counter[tuple[int, ...]] = Counter()
    for number in lattice(600):
        draw = PatchDraw(0.0, 0.5, 0.5, 0.5, number, 0.5)
        case = (as_array([]), (9, 13), as_array(donor_rects), (0.04, 0.04), (1.0, 1.0))
        found = place_objects(draw, (9, 13), *case)
        counts[tuple(found[1])] += 1
    assert counts == dict.fromkeys(counts, 100)
    assert len(counts) == 6


def test_the_source_lies_anywhere_around_its_object():
    """Evenly spread numbers give every place of the source around its object equally often."""
    rects, donor_rects = as_array([]), [(4, 3, 7, 5), (9, 0, 10, 9)]
    inside = [
        at
        for at in oracle.clear_places((9, 13), (6, 4), donor_rects, allow_whole=True)
        if oracle.is_clear(at, donor_rects[:1], allow_whole=True)
        and at[2] > 4
        and at[0] < 7
        and at[3] > 3
        and at[1] < 5
    ]

    def place(draw):
        draw = draw._replace(ratio=draw.x, source_y=draw.y, source_x=0.0)
        found = place_objects(
            draw, (9, 13), rects, (9, 13), as_array(donor_rects), (24 / 117, 24 / 117), (1.0, 1.0)
        )
        return found[1]

    check_uniform(place, inside)


@pytest.mark.parametrize(
    ("donor_rects", "area_range"),
    [
        ([], (0.02, 0.33)),
        ([(0, 0, 13, 9)], (0.02, 0.33)),
        ([(1, 1, 9, 8), (8, 2, 13, 3)], (0.1, 0.5)),
    ],
    ids=["none", "too large", "too large together"],
)
def test_no_object_that_can_be_held_gives_no_patch(donor_rects, area_range):
    """Without a donor object that fits the range there is no patch."""
    draw = PatchDraw(0.5, 0.5, 0.5, 0.5, 0.5, 0.5)
    case = (as_array([]), (9, 13), as_array(donor_rects), area_range, (1.0, 1.0))
    assert place_objects(draw, (9, 13), *case) is None


@pytest.mark.parametrize("count", [70, 400])
def test_crowds_on_both_sides_are_bounded_and_uncut(count):
    """Hundreds of objects on both sides are neither cut nor slow to go through."""
    rng, shape = np.random.default_rng(count), (211, 307)
    low = rng.integers(0, (shape[1] - 5, shape[0] - 5), (count, 2))
    rects = np.hstack([low, low + rng.integers(1, 6, (count, 2))])
    found = 0
    for _ in range(10):
        case = (as_array(rects[::2]), shape, as_array(rects[1::2]), (0.005, 0.2), (1.0, 1.0))
        pair = place_objects(geometry.draw_patch(rng, 1.0), shape, *case)
        if pair:
            found += 1
            for rect, others in zip(pair, (rects[::2], rects[1::2]), strict=True):
                part = geometry.meet_all(others, rect)
                met = (part[:, :2] < part[:, 2:]).all(1)
                assert (part[met] == others[met]).all()
    assert found > 5


# --- what is planted ------------------------------------------------------------------------------


def one_too_near(patch):
    """An object forbids a place too few on its left and top."""
    real = clear._axis
    patch.setattr(clear, "_axis", lambda low, *rest: real(low + 1, *rest))


def one_too_far(patch):
    """An object forbids a place too many on its right and bottom."""
    real = clear._axis
    patch.setattr(clear, "_axis", lambda low, high, *rest: real(low, high + 1, *rest))


def gaps_too_tall(patch):
    """Gaps are a pixel taller than they are."""
    real = avoid._tallest_gaps
    patch.setattr(avoid, "_tallest_gaps", lambda *args: real(*args) + 1)


def widest_strips_only(patch):
    """Only the gaps across the whole image are seen."""
    real = avoid._tallest_gaps

    def across(shape, rects, narrowest, widest):
        return real(shape, rects, shape[1], shape[1])

    patch.setattr(avoid, "_tallest_gaps", across)


def greedy_share(patch):
    """The patch shrinks at once to the least share."""
    patch.setattr(avoid, "HALVINGS", 0)


def ratio_kept(patch):
    """No other ratio is tried."""
    patch.setattr(avoid, "_bent", lambda *args: None)


def whole_is_met(patch):
    """An object may be covered as soon as one of its corners is."""
    real = clear.clear_places

    def corner(shape, size, rects, *, allow_whole):
        if allow_whole:
            rects = np.hstack([rects[:, :2], rects[:, :2] + 1])
        return real(shape, size, rects, allow_whole=allow_whole)

    patch.setattr(clear, "clear_places", corner)


def hull_of_one(patch):
    """The source holds its object alone, and cuts what overlaps it."""
    patch.setattr(objects, "_hulls", lambda draw, rects: [Rect(*row) for row in rects.tolist()])


def check_all(rng):
    """Hold both placements against the oracle in a few scenes."""
    shape, area_range = (9, 13), (0.1, 0.4)
    for _ in range(60):
        rects, donor_rects = chance(rng, shape, 9, 5), chance(rng, shape, 5, 6)
        draw = geometry.draw_patch(rng, 1.0)
        size, margin = avoid_answer(draw, shape, area_range, (0.5, 2.0), rects)
        patch = place_avoid(draw, shape, area_range, (0.5, 2.0), as_array(rects))
        if margin > TIE:
            check_avoid(patch, size, shape, rects)
        case = (shape, as_array(rects), shape, as_array(donor_rects), area_range, (1.0, 1.0))
        found = place_objects(draw, *case)
        if found:
            oracle.check_objects(found, shape, rects, shape, donor_rects, area_range, (1.0, 1.0))


def test_nothing_is_noticed_where_nothing_is_planted():
    """The scenes in which faults are planted pass without them."""
    check_all(np.random.default_rng(1))


FAULTS = [
    one_too_near, one_too_far, gaps_too_tall, widest_strips_only, greedy_share, ratio_kept,
    whole_is_met, hull_of_one,
]  # fmt: skip


@pytest.mark.parametrize("plant", FAULTS, ids=lambda plant: plant.__name__)
def test_planted_faults_are_noticed(plant, monkeypatch):
    """Each known mistake makes the checks against the oracle fail."""
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        check_all(np.random.default_rng(1))
