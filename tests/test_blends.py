"""Blends of two arrays: exact, whatever the dtype, memory and build of OpenCV."""

from __future__ import annotations

import re

import cv2
import numpy as np
import pytest
from batch_mixup_oracle import blended

from albu_cutmix import InvalidArgumentError, InvalidSampleError, blends
from albu_cutmix.blends import MaskRule, blend_image, blend_mask, round_blend, working_dtype

STEPS = 65536
PAIRS = tuple(grid.astype(np.uint8) for grid in np.indices((256, 256)))
# Ends, both sides of one half, halves at many pixels (few bits set), and any.
BLENDS = [1, 2, 255, 256, 384, 16384, 32767, 32768, 32769, 49152, 65280, 65534, 65535]
BLENDS += np.random.default_rng(0).integers(1, STEPS, 100).tolist()


@pytest.fixture
def half_up(monkeypatch):
    """A build of OpenCV whose addWeighted rounds halves up, as those for some processors do."""

    def add(one, alpha, two, beta, gamma, dst=None):
        out = np.empty_like(one) if dst is None else dst
        out[...] = np.floor(one * alpha + two * beta + gamma + 0.5)
        return out

    monkeypatch.setattr(cv2, "addWeighted", add)
    monkeypatch.setattr(blends, "_rounds_to_even", blends._rounds_to_even.__wrapped__)


@pytest.mark.parametrize("steps", BLENDS)
def test_all_pairs_of_bytes_are_exact(steps):
    """Every pair of uint8 gives what whole numbers give, and so does the formula in float64."""
    exact = blended(*PAIRS, steps)
    blend = steps / STEPS
    assert np.array_equal(blend_image(*PAIRS, blend), exact)
    assert np.array_equal(np.rint(blend * PAIRS[0] + (1 - blend) * PAIRS[1]), exact)


@pytest.mark.parametrize("steps", BLENDS[:13])
def test_a_build_of_opencv_that_rounds_up_is_not_used(steps, half_up):
    """Where OpenCV rounds halves otherwise the same pixels come by another way."""
    assert not blends._rounds_to_even()
    assert np.array_equal(blend_image(*PAIRS, steps / STEPS), blended(*PAIRS, steps))


def test_this_build_of_opencv_is_used():
    """Bytes take OpenCV's way here: the tests above test it, and not the other one."""
    assert blends._rounds_to_even()


def test_rounding_up_would_be_noticed(half_up, monkeypatch):
    """The comparison with whole numbers can fail."""
    monkeypatch.setattr(blends, "_rounds_to_even", lambda: True)
    assert not np.array_equal(blend_image(*PAIRS, 0.5), blended(*PAIRS, STEPS // 2))


@pytest.mark.parametrize("steps", BLENDS[:20])
@pytest.mark.parametrize("dtype", ["int8", "uint16", "int16", "uint32", "int32"])
def test_integers_are_exact_up_to_their_limits(dtype, steps):
    """Integers to both ends of their dtype are rounded once, half to even."""
    limits = np.iinfo(dtype)
    rng = np.random.default_rng(steps)
    ends = np.array([limits.min, limits.min + 1, -1 if limits.min else 1, 0, limits.max], dtype)
    one, two = (grid.ravel() for grid in np.meshgrid(ends, ends))
    free = rng.integers(limits.min, limits.max, (2, 4000), dtype, endpoint=True)
    pair = np.concatenate((one, free[0])), np.concatenate((two, free[1]))
    out = blend_image(*pair, steps / STEPS)
    assert out.dtype == dtype
    assert np.array_equal(out, blended(*pair, steps))


@pytest.mark.parametrize("steps", BLENDS[:20])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_floats_are_two_products_and_a_sum(dtype, steps):
    """Each step is rounded once: no multiply-add, from the smallest to the largest numbers."""
    rng = np.random.default_rng(steps)
    pair = (rng.normal(0, 1, (2, 4000)) * 10.0 ** rng.integers(-8, 5, (2, 4000))).astype(dtype)
    pair[:, :4] = [0, np.finfo(dtype).tiny, np.finfo(dtype).max, -1]
    out = blend_image(*pair, steps / STEPS)
    assert out.dtype == dtype
    assert out.tobytes() == blended(*pair, steps).tobytes()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", ">u2", ">f4"])
@pytest.mark.parametrize(
    "view",
    [
        np.s_[:],
        np.s_[::-1],
        np.s_[::2, 1:-1],
        np.s_[:, ::-1, 1:2],
        np.s_[:, :, ::2],
        np.s_[5:6, 3:4],
        np.s_[..., 0],
    ],
    ids=str,
)
def test_any_memory(view, dtype):
    """Strides of any kind, any channels and the other order of bytes; inputs stay as they are."""
    rng = np.random.default_rng(1)
    whole = rng.integers(0, 256, (2, 37, 41, 5)).astype(dtype)
    whole.flags.writeable = False
    pair = whole[0][view], whole[1][view]
    out = blend_image(*pair, 0.375)
    expected = blended(*(one.astype(one.dtype.newbyteorder("=")) for one in pair), 24576)
    assert out.dtype == dtype
    assert np.array_equal(out, expected)
    assert np.array_equal(blend_image(np.asfortranarray(pair[0]), pair[1], 0.375), expected)


@pytest.mark.parametrize("dtype", ["uint8", "float32", "uint16"])
def test_more_than_a_block(dtype):
    """Arrays larger than what is blended at a time have no gap, in one row or in strides."""
    pair = np.random.default_rng(1).integers(0, 256, (2, 701, 2, 137)).astype(dtype)
    assert np.array_equal(blend_image(*pair, 0.25), blended(*pair, 16384))
    pair = pair[:, ::2, :, 1:]
    assert np.array_equal(blend_image(*pair, 0.25), blended(*pair, 16384))


def test_images_of_no_pixel():
    """Nothing blended with nothing is nothing."""
    assert blend_image(np.zeros((0, 3), np.uint8), np.zeros((0, 3), np.uint8), 0.5).shape == (0, 3)


@pytest.mark.parametrize(
    ("beta", "steps"),
    [(0.0, 1), (1e-9, 1), (1.0, 65535), (1 - 1e-9, 65535), (0.5, 32768), (0.3, 19661)],
)
def test_blends_are_whole_steps(beta, steps):
    """A blend is a whole number of 65,536ths, and leaves something of both sides."""
    assert round_blend(beta) == steps / STEPS
    assert type(round_blend(np.float64(beta))) is float
    assert round_blend(np.array([beta, beta])).tolist() == [steps / STEPS] * 2
    assert float(np.float32(round_blend(beta))) == round_blend(beta)
    assert np.float32(1 - round_blend(beta)) + np.float32(round_blend(beta)) == 1


@pytest.mark.parametrize("dtype", ["uint8", "int64", "uint64", "bool", "float32"])
@pytest.mark.parametrize("blend", [1 / STEPS, 0.5 - 1 / STEPS, 0.5, 1 - 1 / STEPS])
def test_masks_are_chosen(dtype, blend):
    """The heavier side's mask whole, a half being the primary's; or what both agree in."""
    one = np.array([[0, 1, 1], [0, 0, 1]]).astype(dtype)
    two = np.array([[0, 0, 1], [0, 1, 1]]).astype(dtype)
    for pair in ((one, two), (one.T, two.T)):
        before = [mask.tobytes() for mask in pair]
        out = blend_mask(*pair, blend, "heavier")
        assert np.array_equal(out, pair[0] if blend >= 0.5 else pair[1])
        assert not any(np.shares_memory(out, mask) for mask in pair)
        out = blend_mask(*pair, blend, "ignore", 1)
        assert np.array_equal(out, np.where(pair[0] == pair[1], pair[0], np.array(1, dtype)))
        assert out.dtype == dtype
        assert [mask.tobytes() for mask in pair] == before


def test_large_class_numbers_stay():
    """Numbers that no float holds come through both modes."""
    one, two = np.array([2**63 - 1, 2**53 + 1]), np.array([2**63 - 1, 2**53])
    assert blend_mask(one, two, 0.1, "heavier").tolist() == two.tolist()
    assert blend_mask(one, two, 0.1, "ignore", -1).tolist() == [2**63 - 1, -1]


@pytest.mark.parametrize("dtype", ["int64", "uint64", "bool", "complex64"])
def test_dtypes_that_cannot_be_blended(dtype):
    """Integers that float64 cannot hold, and bools, are refused with the way out."""
    words = (
        "images that are blended must be integers of at most 32 bits, or floats of 16, 32 or 64 "
        f"bits, got {dtype}. Convert them before the mix, to float32 for instance."
    )
    with pytest.raises(InvalidSampleError, match=re.escape(words)):
        blend_image(np.zeros(3, dtype), np.zeros(3, dtype), 0.5)
    with pytest.raises(InvalidSampleError, match=re.escape(words)):
        working_dtype(np.dtype(dtype))


@pytest.mark.parametrize("blend", [blend_image, lambda *pair: blend_mask(*pair, "heavier")])
def test_both_sides_are_alike(blend):
    """Nothing is broadcast or cast."""
    words = (
        "what is blended must be of one shape and dtype, got uint8 (2, 3) and uint8 (2, 3, 1).",
        "what is blended must be of one shape and dtype, got uint8 (2, 3) and uint16 (2, 3).",
    )
    others = np.zeros((2, 3, 1), np.uint8), np.zeros((2, 3), np.uint16)
    for other, said in zip(others, words, strict=True):
        with pytest.raises(InvalidSampleError, match=re.escape(said)):
            blend(np.zeros((2, 3), np.uint8), other, 0.5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("lighter",), "mask_mode must be one of heavier, ignore, got 'lighter'."),
        pytest.param(
            ("ignore",),
            "mask_mode='ignore' and ignore_index go together, got 'ignore' and None. Name the "
            "index that marks pixels on which both sides differ, or use mask_mode='heavier' "
            "without one.",
            id="no index",
        ),
        (("heavier", 255), "go together, got 'heavier' and 255. Name"),
        (("ignore", 2.5), "ignore_index must be a whole number or None, got 2.5."),
        (("ignore", True), "ignore_index must be a whole number or None, got True."),
    ],
)
def test_what_a_rule_of_masks_says(arguments, words):
    """Arguments that contradict each other are refused."""
    with pytest.raises(InvalidArgumentError, match=re.escape(words)):
        MaskRule(*arguments)
