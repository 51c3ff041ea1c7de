"""Batches in memory for the kernels, and a slow reference that says what they must hold."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from kernel_shim import ORDERS, Report, Shim

from albu_cutmix.kernels import BLOCK, Frames, Launch, plan_launches, read_frames
from albu_cutmix.memory import Memory

SIDES = (1, 2, 3, 5, 7, 11, 13, 16, 17, 23)
LAYOUTS = ("NCHW", "channels_last", "NHWC", "mask")
COLUMNS = {"NCHW": 3, "channels_last": 3, "NHWC": 2, "mask": 2}
PATCHES = ("any", "empty", "whole", "pixel", "edge")
FILL = 0xA5  # of memory that nothing was written to


class Block(NamedTuple):
    """Memory of its own, and the batch in it: with gaps between its samples, or without."""

    memory: np.ndarray  # bytes, from the first one of the batch to the last
    batch: np.ndarray


class Case(NamedTuple):
    """A batch to be mixed; `images` is (B, H, W, C) whatever the layout."""

    layout: str
    images: np.ndarray
    source_gap: int  # in elements
    target_gap: int
    offset: int  # in elements, of both from an address that 64 divides
    order: np.ndarray
    cycles: int
    patches: np.ndarray


def random_case(seed: int) -> Case:
    """Return one of many small batches: half of them with wide vectors across rows and planes."""
    rng = np.random.default_rng(seed)
    layout, crossing = LAYOUTS[seed % 4], seed // 4 % 2 == 1
    (height, width), channels = rng.choice(SIDES, 2), rng.integers(1, 6)
    itemsize = rng.choice([1, 2, 4, 8])
    gaps, offset = rng.choice([0, 0, 0, 1, 16, 37], 2), rng.choice([0, 0, 1, 2])
    if crossing:
        height, channels, itemsize = rng.choice([2, 4, 16]), rng.choice([1, 4]), rng.choice([1, 2])
        gaps, offset = rng.choice([0, 16], 2), 0
    count = int(rng.integers(1, 13))
    shape = count, height, width, 1 if layout == "mask" else channels
    images = random_images(rng, shape, np.dtype(f"u{itemsize}"))
    patches = np.array([random_patch(rng, height, width) for _ in range(count)])
    order, cycles = rng.permutation(count), int(rng.integers(1, count + 1))
    return Case(layout, images, *gaps, offset, order, cycles, patches)


def random_images(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return pixels whose every byte is random."""
    size = int(np.prod(shape)) * dtype.itemsize
    return rng.integers(0, 256, size, dtype=np.uint8).view(dtype).reshape(shape)


def random_patch(rng: np.random.Generator, height: int, width: int) -> tuple[int, int, int, int]:
    """Return a rectangle, xyxy."""
    kind = rng.choice(PATCHES)
    if kind == "empty":
        return 0, 0, 0, 0
    if kind == "whole":
        return 0, 0, width, height
    if kind == "pixel":
        x, y = rng.integers(width), rng.integers(height)
        return x, y, x + 1, y + 1
    x_min, y_min = rng.integers(width), rng.integers(height)
    if kind == "edge":
        return x_min, y_min, width, height
    return x_min, y_min, rng.integers(x_min, width) + 1, rng.integers(y_min, height) + 1


def place(case: Case, gap: int, images: np.ndarray) -> Block:
    """Put the images of a case in memory, in its layout; the gaps hold `FILL`."""
    images = images[..., 0] if case.layout == "mask" else images
    count, *sample = images.shape
    itemsize = images.itemsize
    if case.layout == "NCHW":
        sample = [sample[2], *sample[:2]]
        images = images.transpose(0, 3, 1, 2)
    size, step = int(np.prod(sample)), int(np.prod(sample)) + int(gap)
    nbytes = ((count - 1) * step + size) * itemsize
    room = np.full(nbytes + 64 + 8 * itemsize, FILL, dtype=np.uint8)
    begin = -room.ctypes.data % 64 + int(case.offset) * itemsize
    memory = room[begin : begin + nbytes]
    strides = [step, *(int(np.prod(sample[axis + 1 :])) for axis in range(len(sample)))]
    strides = [stride * itemsize for stride in strides]
    batch = np.ndarray((count, *sample), images.dtype, memory.data, strides=strides)
    batch[...] = images
    return Block(memory, batch.transpose(0, 3, 1, 2) if case.layout == "channels_last" else batch)


def frames(case: Case, block: Block) -> Frames:
    """Return a batch as the kernels see it."""
    batch = block.batch
    memory = Memory(batch.ctypes.data, batch.shape, batch.strides, batch.itemsize)
    return read_frames(memory, COLUMNS[case.layout], "image")


def expected(case: Case) -> np.ndarray:
    """Return the mixed images, pixel by pixel from the definition."""
    count, height, width, _ = case.images.shape
    donors = np.empty(count, dtype=int)
    for cycle in np.array_split(case.order, case.cycles):
        donors[cycle] = np.roll(cycle, -1)
    y, x = np.mgrid[:height, :width]
    mixed = np.empty_like(case.images)
    for k, (x_min, y_min, x_max, y_max) in enumerate(case.patches):
        inside = (x_min <= x) & (x < x_max) & (y_min <= y) & (y < y_max)
        mixed[k] = np.where(inside[..., None], case.images[donors[k]], case.images[k])
    return mixed


def run(
    kernels: Shim, launches: list[Launch], order: str, source: Block, target: Block
) -> list[Report]:
    """Launch on memory of a case, which alone may be touched."""
    blocks = {id(block.memory): block.memory for block in (source, target)}
    for memory in blocks.values():
        writable = memory is target.memory
        kernels.register(memory.ctypes.data, memory.nbytes, writable=writable)
    try:
        return [kernels.launch(name, grid, (BLOCK,), [job], order) for name, grid, job in launches]
    finally:
        for memory in blocks.values():
            kernels.forget(memory.ctypes.data)


def check(case: Case, kernels: Shim, *, in_place: bool, change=lambda launch: launch) -> None:
    """Mix a case in every order of blocks, and assert that all bytes are right and no access odd.

    Args:
        case: The batch.
        kernels: The shim of the text to run.
        in_place: Whether the target is the source.
        change: Applied to every launch, to plant a fault.
    """
    want = place(case, case.source_gap if in_place else case.target_gap, expected(case))
    for order in ORDERS:
        source = place(case, case.source_gap, case.images)
        target = source
        if not in_place:
            target = place(case, case.target_gap, case.images)
            target.memory[...] = FILL
        here = frames(case, source), frames(case, target)
        launches = plan_launches(*here, case.order, case.cycles, case.patches)
        launches = [change(launch) for launch in launches]
        reports = run(kernels, launches, order, source, target)
        faults = [fault for report in reports for fault in report.faults]
        assert not faults, faults[0]
        np.testing.assert_array_equal(target.memory, want.memory)
        if not in_place:
            stored = sum(report.stored for report in reports)
            assert stored == case.images.nbytes, f"stored {stored} bytes, not each one once"
