"""The CUDA kernels, run as C++ on this processor with every access checked.

Not run here, for want of a GPU: streams, the driver's launch, device memory, and threads that truly
run at the same time. That they touch no byte of each other is checked instead.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from kernel_cases import Case, check, frames, place, random_case, random_images, random_patch, run
from kernel_shim import shim

from albu_cutmix import InvalidArgumentError, InvalidSampleError
from albu_cutmix.kernels import JOB, ROW, Frames, plan_launches, read_frames
from albu_cutmix.memory import Memory


@pytest.mark.parametrize("in_place", [False, True], ids=["new", "inplace"])
@pytest.mark.parametrize("seed", range(300))
def test_kernels_give_the_bytes_of_the_reference(seed, in_place):
    """Layouts, dtypes, gaps, patches and cycles of all kinds, with blocks in any order."""
    check(random_case(seed), shim(), in_place=in_place)


@pytest.mark.parametrize("in_place", [False, True], ids=["new", "inplace"])
@pytest.mark.parametrize("length", [1, 2, 3, 32, 63])
def test_many_samples_take_several_launches(length, in_place):
    """A batch that one job cannot hold is cut, in place between cycles."""
    rng = np.random.default_rng(length)
    count = 701  # a prime: the cycles are of two lengths
    images = random_images(rng, (count, 5, 3, 2), np.dtype("u2"))
    patches = np.array([random_patch(rng, 5, 3) for _ in range(count)])
    case = Case("NHWC", images, 0, 3, 0, rng.permutation(count), count // length, patches)
    check(case, shim(), in_place=in_place)


def paper_patches(rng, count, side):
    """Return squares of random area and centre, clipped, as the paper draws them."""
    half = (side * np.sqrt(rng.random(count)) / 2).astype(np.int64)
    centre = rng.integers(0, side, (2, count))
    corners = np.concatenate([centre - half, centre + half])
    return np.clip(corners, 0, side).T.astype(np.int64)


BATCHES = [
    pytest.param("NHWC", "u1", id="uint8-NHWC"),
    pytest.param("NCHW", "u1", id="uint8-NCHW"),
    pytest.param("NCHW", "f2", id="float16-NCHW"),
    pytest.param("NCHW", "f4", id="float32-NCHW"),
    pytest.param("channels_last", "f4", id="float32-channels_last"),
]


def moved(layout, dtype, *, in_place):
    """Return the bytes that 8 pictures move, of the batch, and the share of its patches."""
    rng = np.random.default_rng(7)
    images = random_images(rng, (8, 224, 224, 3), np.dtype(dtype))
    patches = paper_patches(rng, 8, 224)
    case = Case(layout, images, 0, 0, 0, rng.permutation(8), 4, patches)
    source = place(case, 0, images)
    target = source if in_place else place(case, 0, images)
    here = frames(case, source), frames(case, target)
    launches = plan_launches(*here, case.order, case.cycles, patches)
    assert [launch.kernel for launch in launches] == [f"mix_{'inplace' if in_place else 'new'}_16"]
    (report,) = run(shim(), launches, "forward", source, target)
    assert not report.faults
    share = np.prod(patches[:, 2:] - patches[:, :2], axis=1).mean() / 224**2
    return report.loaded + report.stored, images.nbytes, share


@pytest.mark.parametrize(("layout", "dtype"), BATCHES)
def test_new_moves_two_bytes_for_each(layout, dtype):
    """Every byte is loaded once and stored once, by edges of patches too (ratio 1.000)."""
    bytes_moved, size, _ = moved(layout, dtype, in_place=False)
    assert 2 * size <= bytes_moved <= 1.02 * 2 * size


@pytest.mark.parametrize(("layout", "dtype"), BATCHES)
def test_in_place_moves_only_patches(layout, dtype):
    """In pairs each byte of a patch is loaded once and stored once (ratio 1.000)."""
    bytes_moved, size, share = moved(layout, dtype, in_place=True)
    assert 0.2 < share < 0.5
    assert bytes_moved == pytest.approx(2 * share * size, rel=0.05)


def test_job_is_laid_out_as_in_c():
    """The dtypes of the host and the structs of the kernels agree byte for byte."""
    for name, dtype in (("job", JOB), ("row", ROW)):
        offsets = [dtype.fields[field][1] for field in dtype.names]
        assert shim().layout(name) == [*offsets, dtype.itemsize]
    assert JOB.itemsize == 3896
    assert shim().parameters("mix_new_16") == (3896,)


ONE = Frames(pointer=4096, count=4, step=768, size=768, run=48, height=16, pixel=3)
OTHER = replace(ONE, pointer=8192)


def launches(source=ONE, target=OTHER, order=None, cycles=2, patches=None):
    """Return launches of a small batch whose patches are whole."""
    order = np.arange(source.count) if order is None else order
    patches = np.tile([0, 0, 16, 16], (source.count, 1)) if patches is None else patches
    return plan_launches(source, target, order, cycles, patches)


@pytest.mark.parametrize(
    ("source", "target", "width"),
    [
        pytest.param({}, {}, 16, id="all"),
        pytest.param({"pointer": 4104}, {}, 8, id="source"),
        pytest.param({}, {"pointer": 8196}, 4, id="target"),
        pytest.param({"step": 770}, {}, 2, id="source-step"),
        pytest.param({}, {"step": 775}, 1, id="target-step"),
        pytest.param({"size": 744, "height": 31}, {"size": 744, "height": 31}, 8, id="size"),
    ],
)
def test_vectors_divide_addresses_and_sizes(source, target, width):
    """The widest of 16, 8, 4, 2 and 1 bytes that divides all of them is taken."""
    (launch,) = launches(replace(ONE, **source), replace(ONE, **{"pointer": 8192} | target))
    assert launch.kernel == f"mix_new_{width}"
    assert launch.grid[0] == -(-int(launch.job["size"][0]) // (256 * width))
    assert launch.grid[1] == 4


def test_nothing_to_write_is_no_launch():
    """Empty batches and samples, and batches in place without a patch, launch nothing."""
    none, thin = replace(ONE, count=0), replace(ONE, size=0, run=0, height=0, pixel=0, step=0)
    assert launches(none, replace(none, pointer=8192)) == []
    assert launches(thin, thin) == []
    assert launches(target=ONE, patches=np.zeros((4, 4), dtype=np.int64)) == []
    assert len(launches(patches=np.zeros((4, 4), dtype=np.int64))) == 1


def test_launches_in_place_leave_out_parts_without_a_patch():
    """Of many samples only those whose part has a patch are launched."""
    many = replace(ONE, count=1000)
    patches = np.zeros((1000, 4), dtype=np.int64)
    patches[999] = 0, 0, 16, 16
    (launch,) = launches(many, many, cycles=500, patches=patches)
    assert 999 in launch.job["rows"][0]["sample"]


def test_jobs_are_read_only():
    """A launch that was planned stays as it was checked."""
    assert not launches()[0].job.flags.writeable


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        pytest.param({"order": np.arange(4, dtype="i4")}, "order must be int64", id="order-dtype"),
        pytest.param({"order": np.array([0, 1, 1, 3])}, "each of 4 samples once", id="twice"),
        pytest.param({"order": np.array([0, 1, -2, 3])}, "each of 4 samples once", id="negative"),
        pytest.param({"order": np.array([0, 1, 2, 4])}, "each of 4 samples once", id="beyond"),
        pytest.param({"order": np.arange(3)}, r"of shape \(4,\), got int64 of \(3,\)", id="short"),
        pytest.param({"cycles": 0}, "cycles must be 1 to 4", id="no-cycle"),
        pytest.param({"cycles": 5}, "cycles must be 1 to 4", id="cycles"),
        pytest.param(
            {"patches": np.full((4, 4), 0.0)}, "patches must be int64", id="patches-dtype"
        ),
        pytest.param({"patches": np.array([[0, 0, 17, 1]] * 4)}, "within .16 16. pixels", id="x"),
        pytest.param({"patches": np.array([[0, 0, 1, 17]] * 4)}, "within .16 16. pixels", id="y"),
        pytest.param(
            {"patches": np.array([[0, -1, 1, 1]] * 4)}, r"got \[ 0 -1  1  1\]", id="minus"
        ),
        pytest.param({"patches": np.array([[0, 65536, 1, 1]] * 4)}, "within", id="wraps"),
        pytest.param({"target": replace(ONE, step=800)}, "lie alike in memory", id="step"),
        pytest.param({"target": replace(OTHER, pixel=1)}, "lie alike in memory", id="layout"),
        pytest.param({"target": replace(OTHER, count=3)}, "lie alike in memory", id="count"),
    ],
)
def test_wrong_plans_are_refused(wrong, words):
    """Numbers that the kernels would follow out of the batch, or that wrap, are an error."""
    with pytest.raises(InvalidArgumentError, match=words):
        launches(**wrong)


def test_cycles_in_place_fit_one_launch():
    """Longer ones are refused; to other memory they need not stay together."""
    many = replace(ONE, count=321)
    with pytest.raises(InvalidSampleError, match=r"at most 320 samples .* got 321: use out='new'"):
        launches(many, many, cycles=1)
    assert len(launches(many, replace(many, pointer=2**20), cycles=1)) == 2


def memory(shape, strides=None, itemsize=4, pointer=4096):
    """Return an array's place; without strides it is contiguous."""
    if strides is None:
        strides = [int(np.prod(shape[axis + 1 :])) * itemsize for axis in range(len(shape))]
    return Memory(pointer, tuple(shape), tuple(strides), itemsize)


@pytest.mark.parametrize(
    ("where", "columns", "frames"),
    [
        pytest.param(memory((2, 3, 5, 7)), 3, (2, 420, 420, 28, 5, 4), id="NCHW"),
        pytest.param(memory((2, 5, 7, 3)), 2, (2, 420, 420, 84, 5, 12), id="NHWC"),
        pytest.param(memory((2, 5, 7)), 2, (2, 140, 140, 28, 5, 4), id="mask"),
        pytest.param(
            memory((2, 3, 5, 7), (420, 4, 84, 12)), 3, (2, 420, 420, 84, 5, 12), id="channels_last"
        ),
        pytest.param(
            memory((2, 5, 7, 3), (420, 28, 4, 140)), 2, (2, 420, 420, 28, 5, 4), id="planes"
        ),
        pytest.param(memory((2, 5, 7), (999, 28, 4)), 2, (2, 999, 140, 28, 5, 4), id="gaps"),
        pytest.param(memory((1, 5, 7), (-8, 28, 4)), 2, (1, 140, 140, 28, 5, 4), id="one"),
        pytest.param(memory((2, 1, 5, 7), (140, 0, 28, 4)), 3, (2, 140, 140, 28, 5, 4), id="C=1"),
        pytest.param(memory((0, 5, 7)), 2, (0, 140, 140, 28, 5, 4), id="none"),
        pytest.param(memory((2, 0, 7), (3, 9, 1)), 2, (2, 0, 0, 28, 0, 4), id="no-rows"),
    ],
)
def test_frames_are_read_from_strides(where, columns, frames):
    """Of either order in memory; strides of axes of length 1 say nothing."""
    assert read_frames(where, columns, "image") == Frames(4096, *frames)


@pytest.mark.parametrize(
    "strides",
    [
        pytest.param((420, 140, -28, 4), id="upside-down"),
        pytest.param((420, 140, 56, 8), id="every-second"),
        pytest.param((420, 28, 84, 4), id="rows-of-planes"),
        pytest.param((-420, 140, 28, 4), id="backwards"),
        pytest.param((0, 140, 28, 4), id="expanded"),
        pytest.param((416, 140, 28, 4), id="overlap"),
        pytest.param((420, 0, 28, 4), id="grey"),
    ],
)
def test_other_strides_are_refused(strides):
    """The error gives the strides, and the way out."""
    words = "mask must be contiguous or channels_last .* got strides .*: call .contiguous()"
    with pytest.raises(InvalidSampleError, match=words):
        read_frames(memory((2, 3, 5, 7), strides), 3, "mask")


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        pytest.param((65_536, 1, 1), "at most 65535 samples, rows and columns", id="samples"),
        pytest.param((1, 65_536, 1), "got 1 samples of 65536 x 1", id="rows"),
        pytest.param((1, 1, 65_536), "got 1 samples of 1 x 65536", id="columns"),
        pytest.param((1, 32_768, 32_768), "at most 4294967040 bytes", id="bytes"),
    ],
)
def test_too_large_batches_are_refused(shape, words):
    """What the numbers of a job cannot hold is an error, not a wrap."""
    with pytest.raises(InvalidSampleError, match=words):
        read_frames(memory(shape), 2, "mask")
