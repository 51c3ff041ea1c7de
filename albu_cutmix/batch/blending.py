"""Images and masks of a batch, blended: whole samples of primary and donor.

Host memory is blended sample by sample, as `blends` does it; on devices, and with torch's own
operations, the same formulas are told for the whole batch. Both are equal in every byte, and a
sample that is not mixed is copied. Inputs are written to only in place.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix._backends import library_of
from albu_cutmix.batch.pixels import walk_cycles
from albu_cutmix.blends import BLOCK, working_dtype, write_image, write_images, write_mask

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from albu_cutmix._backends import Library
    from albu_cutmix.batch.plan import BatchPlan
    from albu_cutmix.blends import MaskRule

    Write = Callable[[NDArray[Any], NDArray[Any], NDArray[Any], float], None]

__all__ = ["plain_dtype", "plan_image", "plan_mask"]

SMALL = 8192  # values of a sample: it is copied sooner than a function is called for it


def plain_dtype(array: Any) -> np.dtype[Any] | None:
    """Return the dtype of an array of any library as one of NumPy's, None for bfloat16."""
    name = str(array.dtype).removeprefix("torch.")
    return None if name == "bfloat16" else np.dtype(name)


def plan_image(
    source: Any, target: Any, given: Any, plan: BatchPlan, library: Library
) -> Callable[[], None]:
    """Return what writes the blend of a batch into memory of the same shape, once it is called.

    Args:
        source: The images as whole numbers, see `Library.bits`.
        target: Memory apart from it; or the very same array: in place.
        given: The images as they came.
        plan: Donors and blends.
        library: Of all of them.
    """
    dtype = plain_dtype(given)
    if library.way != "loops":
        return partial(_blend_by_operations, source, target, given.dtype, plan, library)
    if dtype is None:  # only torch can compute with bfloat16
        source, target = (library.close(array, given) for array in (source, target))
        torch = library_of({"image": given}, "torch")
        return partial(_blend_by_operations, source, target, given.dtype, plan, torch)
    reads = source.view(dtype)
    writes = reads if target is source else target.view(dtype)
    if writes is not reads and 0 < reads[:1].size <= SMALL:
        return partial(_blend_small, reads, writes, plan)
    return partial(_walk_samples, reads, writes, plan, write_image)


def plan_mask(
    source: Any, target: Any, given: Any, plan: BatchPlan, rule: MaskRule, library: Library
) -> Callable[[], None]:
    """Return what writes the masks of a blended batch, once it is called; see `plan_image`."""
    ignored = None
    if rule.ignore_index is not None:
        dtype = plain_dtype(given)
        ignored = np.array([rule.ignore_index]).astype(dtype)
    if library.way != "loops":
        return partial(_mask_by_operations, source, target, ignored, plan, library)
    value = None if ignored is None else ignored.view(source.dtype)[0]

    def write(out: NDArray[Any], mask: NDArray[Any], other: NDArray[Any], blend: float) -> None:
        write_mask(out, mask, other, blend, rule.mask_mode, value)

    return partial(_walk_samples, source, target, plan, write)


def _walk_samples(
    source: NDArray[Any], target: NDArray[Any], plan: BatchPlan, write: Write
) -> None:
    """Blend sample by sample; in place one sample of each cycle of donors is kept aside."""
    axes = _memory_order(source)
    reads = source.transpose(axes)
    writes = reads if target is source else target.transpose(axes)
    blends, applied = plan.blends.tolist(), plan.applied.tolist()

    def put(sample: int, donor: NDArray[Any]) -> None:
        own = reads[sample]
        out = own if target is source else writes[sample]
        if applied[sample]:
            write(out, own, donor, blends[sample])
        elif out is not own:
            np.copyto(out, own)

    if target is source:
        walk_cycles(plan, lambda donor, sample: reads[donor], put)  # noqa: ARG005
        return
    for sample, donor in enumerate(plan.donors.tolist()):
        put(sample, reads[donor])


def _blend_small(source: NDArray[Any], target: NDArray[Any], plan: BatchPlan) -> None:
    """Blend many samples at a time, where a call for each would cost more than its pixels."""
    count = BLOCK // source[:1].size
    for at in range(0, len(source), count):
        part = slice(at, at + count)
        own, donors = source[part], source[plan.donors[part]]
        write_images(target[part], own, donors, plan.blends[part])
        same = ~plan.applied[part]
        target[part][same] = own[same]


def _memory_order(batch: NDArray[Any]) -> list[int]:
    """Return the axes of a batch so that each sample's values lie as they do in memory."""
    return [0, *sorted(range(1, batch.ndim), key=lambda axis: -abs(batch.strides[axis]))]


def _blend_by_operations(
    source: Any, target: Any, dtype: Any, plan: BatchPlan, library: Library
) -> None:
    """Blend the whole batch at once; see `blends.write_image` for the formula."""
    work = working_dtype(dtype)
    rows = (-1, *[1] * (source.ndim - 1))
    own, given = (library.cast(library.put(one).reshape(rows), work) for one in plan.weights)
    donors = source[library.put(plan.donors)]
    total = library.cast(source.view(dtype), work) * own
    total += library.cast(donors.view(dtype), work) * given
    if library.kind(source.view(dtype)) != "f":
        total = total.round()
    mixed = library.cast(total, dtype).view(source.dtype)
    target[...] = library.xp.where(library.put(plan.applied).reshape(rows), mixed, source)


def _mask_by_operations(
    source: Any, target: Any, ignored: NDArray[Any] | None, plan: BatchPlan, library: Library
) -> None:
    """Take the masks of the whole batch at once; see `blends.write_mask`."""
    if ignored is None:
        heavier = np.where(plan.blends < 0.5, plan.donors, np.arange(len(plan.donors)))
        target[...] = source[library.put(heavier)]
        return
    bits = np.dtype(f"i{ignored.itemsize}") if ignored.itemsize > 1 else np.dtype("u1")
    value = library.put(ignored.view(bits))
    donors = source[library.put(plan.donors)]
    target[...] = library.xp.where(source == donors, source, value)
