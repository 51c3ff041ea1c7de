"""Images and masks of a batch: bytes from the donor inside the patch, all else untouched.

Three ways, equal in every byte: slices of host memory, the CUDA kernel, and torch's operations.
Inputs are written to only in place.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.kernels import plan_launches, read_frames

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from albu_cutmix._backends import Library
    from albu_cutmix.batch.plan import BatchPlan

__all__ = ["plan_pixels", "walk_cycles"]


def plan_pixels(
    source: Any, target: Any, plan: BatchPlan, columns: int, library: Library, name: str
) -> Callable[[], None]:
    """Return what writes the mix of a batch into memory of the same shape, once it is called.

    Whatever can be refused is refused before, so that no batch is left half mixed.

    Args:
        source: (B, C, H, W), (B, H, W, C) or (B, H, W), of whole numbers.
        target: Memory apart from it; or the very same array: in place.
        plan: What goes where.
        columns: The axis of W; that of H is the one before.
        library: Of both arrays.
        name: What the array is called in messages.

    Raises:
        InvalidSampleError: If the kernel cannot mix such memory.
    """
    if library.way == "kernel":
        reads, writes = (
            read_frames(library.memory(one), columns, name) for one in (source, target)
        )
        launches = plan_launches(reads, writes, plan.order, plan.cycles, plan.patches)
        return partial(library.launch, launches, target)
    if library.way == "operations":
        return partial(_mix_by_operations, source, target, plan, columns, library)
    if target is source:
        return partial(_mix_in_place, target, plan, columns)
    return partial(_copy_and_paste, source, target, plan, columns)


def _copy_and_paste(
    source: NDArray[Any], target: NDArray[Any], plan: BatchPlan, columns: int
) -> None:
    """Copy sample by sample and paste at once, while the sample is in the processor's cache."""
    between: Any = (slice(None),) * (columns - 2)
    rows = zip(plan.donors.tolist(), plan.patches.tolist(), strict=True)
    for sample, (donor, (x_min, y_min, x_max, y_max)) in enumerate(rows):
        np.copyto(target[sample], source[sample])
        if x_max:
            window = (*between, slice(y_min, y_max), slice(x_min, x_max))
            target[(sample, *window)] = source[(donor, *window)]


def _mix_in_place(batch: NDArray[Any], plan: BatchPlan, columns: int) -> None:
    """Only what the last sample of a cycle takes from the first is kept aside."""
    between: Any = (slice(None),) * (columns - 2)
    windows = [
        (*between, slice(y_min, y_max), slice(x_min, x_max))
        for x_min, y_min, x_max, y_max in plan.patches.tolist()
    ]

    def put(sample: int, pixels: NDArray[Any]) -> None:
        batch[(sample, *windows[sample])] = pixels

    walk_cycles(plan, lambda donor, sample: batch[(donor, *windows[sample])], put)


def walk_cycles(
    plan: BatchPlan,
    take: Callable[[int, int], NDArray[Any]],
    put: Callable[[int, NDArray[Any]], None],
) -> None:
    """Mix in place along each cycle of donors, so that each donor is read before it is written.

    Args:
        plan: Cycles of donors.
        take: Returns what of a donor goes to a sample, a view.
        put: Writes that to the sample.
    """
    for cycle in np.array_split(plan.order, plan.cycles):
        samples = cycle.tolist()
        if samples:
            first, last = samples[0], samples[-1]
            kept = take(first, last).copy()
            for sample, donor in pairwise(samples):
                put(sample, take(donor, sample))
            put(last, kept)


def _mix_by_operations(
    source: Any, target: Any, plan: BatchPlan, columns: int, library: Library
) -> None:
    """Gather whole donors and choose pixel by pixel: it moves 2.5 times the bytes."""
    x_min, y_min, x_max, y_max = (library.put(edge).reshape(-1, 1) for edge in plan.patches.T)
    across, down = (library.put(np.arange(side))[None] for side in plan.shape[::-1])
    inside = ((down >= y_min) & (down < y_max))[:, :, None]
    inside = inside & ((across >= x_min) & (across < x_max))[:, None]
    if source.ndim == 4:
        inside = inside[:, None] if columns == 3 else inside[..., None]
    donors = source[library.put(plan.donors)]
    library.xp.where(inside, donors, source, out=target)
