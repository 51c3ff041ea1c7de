"""CutMix of several patches, Cutout and MixUp: every target equals the slow oracle."""

from __future__ import annotations

import inspect
from dataclasses import replace
from fractions import Fraction
from functools import partial

import albumentations as A
import family_checks
import family_oracle
import family_report
import numpy as np
import oracle
import pytest
from family_checks import check_fired, check_seam, check_unfired
from family_oracle import (
    Asked,
    Mix,
    Piece,
    box_fate,
    cells,
    mix_of,
    mixed_image,
    mixed_mask,
    owner_map,
)
from family_report import measure
from family_strategies import TARGETS, check_family, family_calls, make_family, run_family, shapes
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from oracle import Sample
from oracle_objects import pixels_of
from safety_strategies import planes
from strategies import CLASSES, Call, inputs_of, make_pipeline, pixels, pool_of, rects, seeds

from albu_cutmix import (
    CutMix,
    Cutout,
    Donor,
    InvalidArgumentError,
    InvalidSampleError,
    MixRecord,
    UnsafeMixError,
    replay,
)

KINDS = ("cutmix", "cutout", "mixup")
EXAMPLES = 60


# --- the oracle itself ----------------------------------------------------------------------------


@pytest.mark.parametrize("module", [family_oracle, family_report, family_checks])
def test_the_oracle_imports_nothing_of_the_package(module):
    """The oracle of the family shares no code with what it judges."""
    lines = [line for line in inspect.getsource(module).splitlines() if "import" in line.split()]
    assert lines
    assert not [line for line in lines if "albu" in line]


@settings(max_examples=60)
@given(st.data(), shapes)
def test_cells_count_what_pixels_count(data, shape):
    """Of a box on whole pixels the area between the edges is the number of its free pixels."""
    box = data.draw(rects(shape))
    holes = data.draw(st.lists(rects(shape), max_size=4))
    owners = owner_map(shape, holes)
    x_min, y_min, x_max, y_max = box
    free = {(x, y) for x in range(x_min, x_max) for y in range(y_min, y_max) if owners[y, x] < 0}
    parts = cells(oracle.exact(box), holes)
    assert sum(map(oracle.area, parts)) == len(free)
    if free:
        row = np.zeros(shape, np.uint8)
        for x, y in free:
            row[y, x] = 1
        assert pixels_of(row) == free
        xs, ys = [x for x, _ in free], [y for _, y in free]
        assert oracle.extent(parts) == (min(xs), min(ys), max(xs) + 1, max(ys) + 1)


def test_the_oracle_sees_the_union():
    """Two patches that overlap hide their union, not their sum; the upper one owns the overlap."""
    image = np.zeros((10, 10, 3), np.uint8)
    sample = Sample(image, boxes=[(0, 0, 10, 10)])
    rows = [(0, 0, 6, 10), (4, 0, 8, 10)]
    pieces = tuple(Piece(k, row, row, sample) for k, row in enumerate(rows))
    mix = Mix("cutmix", sample, pieces)
    fate = box_fate(mix, (0, 0, 10, 10), Asked())
    assert (mix.owned(-1), mix.owned(0), mix.owned(1)) == (20, 40, 40)
    assert (fate.visibility, fate.box) == (Fraction(1, 5), (8, 0, 10, 10))
    assert mix.area_weights == [Fraction(1, 5), Fraction(2, 5), Fraction(2, 5)]
    assert measure(mix, replace(Asked(), classes=2)).seam_px == 20


# --- every target ---------------------------------------------------------------------------------


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=EXAMPLES)
@given(st.data())
def test_everything_equals_the_oracle(kind, target, data):
    """Pixels, labels, rows, points, seams and every number of the record are the oracle's."""
    call = data.draw(family_calls(kind, target))
    check_family(call, run_family(call))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=EXAMPLES)
@given(st.data())
def test_everything_at_once_equals_the_oracle(kind, data):
    """All targets in one call keep to their rules."""
    call = data.draw(family_calls(kind, "objects", "mask", "points"))
    check_family(call, run_family(call))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=30)
@given(st.data())
def test_not_fired_gives_the_same_keys(kind, data):
    """At p = 0 every key, type and dtype is that of a call that fires; the sample is as it was."""
    call = data.draw(family_calls(kind, "objects", "mask", "points", bbox_format="pascal_voc"))
    idle, fired = run_family(call, p=0.0), run_family(call)
    check_family(call, idle, p=0.0)
    assert idle.keys() == fired.keys()
    for key in ("image", "mask", "label"):
        oracle.check_same_kind(idle[key], fired[key], key)
        assert idle[key].shape == fired[key].shape


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=30)
@given(st.data())
def test_same_seed_same_output_and_replay(kind, data):
    """One seed gives one output; the record, read from its own line, rebuilds it bit for bit."""
    call = data.draw(family_calls(kind, "objects", "mask", "points"))
    out, again = run_family(call), run_family(call)
    oracle.check_same_output(out, again)
    record = out[call.settings.record_key]
    line = MixRecord.from_json(record.to_json())
    assert line == record
    assume(record.applied)
    pool = pool_of(call)
    rebuilt = replay(
        line, inputs_of(call), pool, make_pipeline(call, make_family(call.settings, pool))
    )
    oracle.check_array(rebuilt["image"], out["image"], "image of the replay")
    oracle.check_array(rebuilt["mask"], out["mask"], "mask of the replay")
    oracle.check_array(rebuilt["label"], out["label"], "label of the replay")
    assert rebuilt[call.settings.record_key] == record


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=30)
@given(st.data())
def test_unsafe_mixes_are_refused_as_asked(kind, data):
    """What is flagged is raised, skipped or drawn again; what comes of it is true all the same."""
    call = data.draw(family_calls(kind, "objects", "mask"))
    flagged = run_family(call)["mix"]
    for how in ("skip", "resample"):
        once = replace(call, settings=replace(call.settings, on_unsafe=how))
        out = run_family(once)
        check_family(once, out)
        if not flagged.flags:
            assert out["mix"] == flagged
        assert not (out["mix"].applied and out["mix"].flags)
    strict = replace(call, settings=replace(call.settings, on_unsafe="raise"))
    if flagged.flags:
        with pytest.raises(UnsafeMixError):
            run_family(strict)
    else:
        assert run_family(strict)["mix"] == flagged


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40)
@given(st.data())
def test_an_earlier_seam_map_goes_on(kind, data):
    """A map of an earlier mix is kept where the primary still shows, and new marks come to it."""
    call = data.draw(family_calls(kind, "mask", seam_key="seam"))
    earlier = np.random.default_rng(call.seed).choice(np.uint8([0, 1, 3, 9]), call.primary.shape)
    out = run_family(call, seam=earlier)
    record = out["mix"]
    if not record.applied:
        oracle.check_array(out["seam"], earlier, "seam map")
        return
    mix = mix_of(record, call.primary, call.donors)
    check_seam(out["seam"], mix, measure(mix, call.settings), earlier)


# --- donors and patches ---------------------------------------------------------------------------


def tiny_pool(count):
    """Donors of one value each, 6 x 8."""
    return [Donor(np.full((6, 8, 3), 10 + k, np.uint8), label=k) for k in range(count)]


@pytest.mark.parametrize("patches", [1, 2, 3, 4])
@pytest.mark.parametrize("count", [2, 3, 4, 6])
def test_donors_are_distinct_and_never_self(count, patches):
    """Distinct donors while the others suffice; beyond that repeats, never the primary itself."""
    mix = CutMix(tiny_pool(count), num_patches=patches, area_range=(0.2, 0.4), classes=count, p=1.0)
    pipeline, seen = A.Compose([mix], seed=3), set()
    for own in [*range(count)] * 8:
        record = pipeline(image=np.zeros((6, 8, 3), np.uint8), label=own, pool_index=own)["mix"]
        drawn = record.donors.tolist()
        assert record.applied
        assert own not in drawn
        assert len(set(drawn)) == min(patches, count - 1)
        seen |= set(drawn)
    assert seen == set(range(count))


def test_a_range_draws_every_number():
    """`num_patches=(1, 4)` draws 1 to 4 equally often; the record always has four slots."""
    mix = CutMix(tiny_pool(6), num_patches=(1, 4), area_range=(0.2, 0.4), classes=6, p=1.0)
    pipeline, counts = A.Compose([mix], seed=0), np.zeros(5, int)
    for _ in range(800):
        record = pipeline(image=np.zeros((6, 8, 3), np.uint8), label=0)["mix"]
        assert record.donors.shape == (4,)
        counts[(record.donors >= 0).sum()] += 1
    assert counts[0] == 0
    assert ((counts[1:] - 200) ** 2 / 200).sum() < 16.3


@pytest.mark.parametrize("kind", ["cutmix", "cutout"])
def test_patches_without_a_pixel_are_left_out(kind):
    """A share that rounds to no pixel leaves its slot out; where all do, nothing is mixed."""
    asked = Asked(kind=kind, num_patches=3, area_range=(0.0001, 0.02), classes=4)
    pipeline, seen = A.Compose([make_family(asked, tiny_pool(4))], seed=0), set()
    donors = [Sample(donor.image, label=donor.label) for donor in tiny_pool(4)]
    primary = Sample(np.zeros((6, 8, 3), np.uint8), label=0)
    for _ in range(200):
        out = pipeline(image=primary.image, label=0)
        if out["mix"].applied:
            seen.add(len(check_fired(out, primary, donors, asked).pieces))
        else:
            seen.add(0)
            check_unfired(out, primary, asked, "no_patch")
    assert seen == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("kind", "placement"), [("cutmix", "avoid"), ("cutmix", "objects"), ("cutout", "avoid")]
)
@settings(max_examples=50)
@given(st.data(), seeds)
def test_careful_patches_keep_off_each_other(kind, placement, data, seed):
    """Later patches avoid earlier ones, or cut none of them; objects are safe as with one patch."""
    shape = data.draw(st.tuples(st.integers(12, 24), st.integers(12, 24)))
    asked = Asked(
        kind=kind, placement=placement, num_patches=3, classes=CLASSES, area_range=(0.05, 0.15)
    )

    def sample(at, label):
        mask = data.draw(planes(shape, "uint8"))
        return Sample(pixels(at, (*shape, 3), "uint8"), mask, label=label)

    donors = [] if kind == "cutout" else [sample(seed + k, k) for k in range(1, 4)]
    call = Call(sample(seed, 0), donors, asked, seed=seed)
    out = run_family(call)
    if not out["mix"].applied:
        assert out["mix"].reason == "no_patch"
        return
    mix = check_fired(out, call.primary, call.donors, asked)
    objects = call.primary.mask != 0
    for piece in mix.pieces:
        x_min, y_min, x_max, y_max = piece.patch
        area = (x_max - x_min) * (y_max - y_min)
        assert mix.owned(piece.slot) in ({area} if placement == "avoid" else {area, 0})
        if placement == "avoid":
            assert not objects[y_min:y_max, x_min:x_max].any()
    if placement == "objects":
        assert out["mix"].seam_object_px == 0


@pytest.mark.parametrize("patches", [2, (1, 2), (2, 4)])
def test_pair_labels_need_one_patch(patches):
    """Several patches have no pair of labels: the error names "soft"."""
    with pytest.raises(InvalidArgumentError, match="soft"):
        CutMix(tiny_pool(2), num_patches=patches, label_mode="pair")


@pytest.mark.parametrize(
    "patches",
    [
        pytest.param(0, id="none"),
        pytest.param(-1, id="negative"),
        pytest.param(1.5, id="half-a-patch"),
        pytest.param(True, id="a-truth-value"),
        pytest.param((0, 2), id="range-from-none"),
        pytest.param((3, 2), id="turned-range"),
        pytest.param((1, 2, 3), id="three-numbers"),
        pytest.param("2", id="a-word"),
    ],
)
@pytest.mark.parametrize("kind", ["cutmix", "cutout"])
def test_num_patches_is_a_whole_number_or_a_range(kind, patches):
    """Anything else is an error that names the argument."""
    build = Cutout if kind == "cutout" else partial(CutMix, tiny_pool(2))
    with pytest.raises(InvalidArgumentError, match="num_patches"):
        build(num_patches=patches)


# --- fills and further targets --------------------------------------------------------------------


def holes_of(record):
    """Which pixels the holes of a record cover."""
    return owner_map(tuple(record.shape), [tuple(row) for row in record.patches.tolist()]) >= 0


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("patches", [1, 3])
def test_noise_fills_the_holes_alone(dtype, patches):
    """Noise covers the whole range of the dtype in every channel, and comes back on replay."""
    asked = Asked(kind="cutout", fill="noise", num_patches=patches, area_range=(0.3, 0.5))
    image = np.full((40, 30, 3), 1, dtype)
    pipeline = make_pipeline(Call(Sample(image), [], asked), make_family(asked, None))
    top = 1.0 if dtype == "float32" else float(np.iinfo(dtype).max)
    values = []
    for _ in range(6):
        out = pipeline(image=image)
        record, inside = out["mix"], holes_of(out["mix"])
        assert out["image"].dtype == image.dtype
        assert (out["image"][~inside] == 1).all()
        assert (record.seeds >= 0).all()
        values.append(out["image"][inside] / top)
        again = replay(MixRecord.from_json(record.to_json()), {"image": image}, None, pipeline)
        oracle.check_array(again["image"], out["image"], "image of the replay")
    noise = np.concatenate(values)
    assert noise.min() < 0.02
    assert 0.98 < noise.max() <= 1.0
    assert np.abs(noise.mean(0) - 0.5).max() < 0.02
    assert np.abs(np.corrcoef(noise.T) - np.eye(3)).max() < 0.1, "each channel has its own noise"


@pytest.mark.parametrize(
    ("fill", "channels", "dtype"),
    [
        pytest.param(0.5, 3, "uint8", id="half-in-whole-numbers"),
        pytest.param(256, 3, "uint8", id="beyond-the-range"),
        pytest.param(-1, 3, "uint16", id="below-the-range"),
        pytest.param(1e300, 3, "float32", id="beyond-float32"),
        pytest.param((1, 2), 3, "uint8", id="two-values-for-three-channels"),
        pytest.param((1, 2, 0.1), 3, "uint8", id="one-odd-value"),
    ],
)
def test_a_fill_must_be_exact(fill, channels, dtype):
    """Nothing is cast: a fill that the image's dtype cannot hold is an error that names it."""
    asked = Asked(kind="cutout", fill=fill)
    pipeline = A.Compose([make_family(asked, None)])
    with pytest.raises(InvalidSampleError, match="fill"):
        pipeline(image=np.zeros((9, 9, channels), dtype))


@settings(max_examples=40)
@given(st.data(), shapes, seeds)
def test_a_fill_of_one_value_a_channel(data, shape, seed):
    """Each channel takes its own value in every hole."""
    fill = data.draw(st.tuples(*[st.integers(0, 255)] * 3))
    asked = Asked(kind="cutout", fill=fill, num_patches=2, area_range=(0.2, 0.5))
    image = pixels(seed, (*shape, 3), "uint8")
    out = A.Compose([make_family(asked, None)], seed=seed)(image=image)
    rule = np.where(holes_of(out["mix"])[..., None], np.uint8(fill), image)
    oracle.check_array(out["image"], rule, "image")


def test_holes_need_a_value_for_the_mask():
    """With background=None and no ignore_index there is no value for a hole: an error."""
    pipeline = A.Compose([make_family(Asked(kind="cutout", background=None), None)])
    with pytest.raises(InvalidSampleError, match="ignore_index"):
        pipeline(image=np.zeros((9, 9, 3), np.uint8), mask=np.zeros((9, 9), np.uint8))


def test_ignoring_needs_a_value():
    """MixUp with mask_mode="ignore" and no ignore_index is an error that names it."""
    with pytest.raises(InvalidArgumentError, match="ignore_index"):
        make_family(Asked(kind="mixup", mask_mode="ignore"), tiny_pool(1))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40)
@given(st.data(), shapes, seeds)
def test_further_images_and_masks_follow(kind, data, shape, seed):
    """An alias of the image is mixed like it, an alias of the mask like a mask."""
    asked = Asked(kind=kind, num_patches=1 if kind == "mixup" else 3, area_range=(0.1, 0.5))
    asked = replace(asked, aliases={"second": "image", "depth": "mask"}, alpha=1.0)

    def sample(own, at):
        aliases = {"second": pixels(at, own, "uint16"), "depth": pixels(at + 1, own, "int64")}
        return Sample(pixels(at + 2, (*own, 3), "uint8"), aliases=aliases)

    others = [sample(data.draw(shapes), seed + 9 * k) for k in (1, 2, 3)]
    call = Call(sample(shape, seed), [] if kind == "cutout" else others, asked, seed=seed)
    out = run_family(call)
    assume(out["mix"].applied)
    mix = mix_of(out["mix"], call.primary, call.donors)
    theirs = [piece.donor.aliases for piece in mix.pieces if piece.donor is not None]
    mine = call.primary.aliases
    rule = mixed_image(mix, mine["second"], [one["second"] for one in theirs], 0)
    oracle.check_array(out["second"], rule, "second image")
    rule = mixed_mask(mix, mine["depth"], [one["depth"] for one in theirs], asked, hole=0)
    oracle.check_array(out["depth"], rule, "depth map")
