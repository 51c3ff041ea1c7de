"""Blends of two samples: every pixel weighed, and the whole numbers of masks never mixed.

A blend is the weight of the primary, a multiple of 1/65536. So the products of integers of up to
32 bits with it, and their sums, have no rounding error in float64 (of 8 bits in float32 either),
and the one rounding at the end gives the same pixels on every platform and backend.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, overload

import cv2
import numpy as np

from albu_cutmix.arguments import check_choice, is_whole
from albu_cutmix.errors import InvalidArgumentError, InvalidSampleError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "BLOCK",
    "MaskRule",
    "blend_image",
    "blend_mask",
    "round_blend",
    "working_dtype",
    "write_image",
    "write_images",
    "write_mask",
]

STEPS = 65536  # a blend is a whole number of 1/STEPS
MASK_MODES = ("heavier", "ignore")
#: Values at a time: what is computed stays in the processor's cache.
BLOCK = 65536
#: In which floats values of a dtype are weighed, by the names that all libraries share.
WORKING = {
    **dict.fromkeys(("uint8", "int8", "float16", "bfloat16", "float32"), "float32"),
    **dict.fromkeys(("uint16", "int16", "uint32", "int32", "float64"), "float64"),
}


@dataclass(frozen=True)
class MaskRule:
    """What becomes of masks in a blend; the arguments of `MixUp` of the same names.

    Raises:
        InvalidArgumentError: If a value is another, or contradicts the other.
    """

    mask_mode: str = "heavier"
    ignore_index: int | None = None

    def __post_init__(self) -> None:
        """Check both once."""
        check_choice("mask_mode", self.mask_mode, MASK_MODES)
        if self.ignore_index is not None and not is_whole(self.ignore_index):
            raise InvalidArgumentError(
                f"ignore_index must be a whole number or None, got {self.ignore_index!r}."
            )
        if (self.mask_mode == "ignore") != (self.ignore_index is not None):
            raise InvalidArgumentError(
                f"mask_mode='ignore' and ignore_index go together, got {self.mask_mode!r} and "
                f"{self.ignore_index!r}. Name the index that marks pixels on which both sides "
                "differ, or use mask_mode='heavier' without one."
            )


@overload
def round_blend(beta: float) -> float: ...
@overload
def round_blend(beta: NDArray[np.float64]) -> NDArray[np.float64]: ...
def round_blend(beta: float | NDArray[np.float64]) -> float | NDArray[np.float64]:
    """Return drawn weights as blends: the nearest multiple of 1/65536, neither 0 nor 1.

    >>> round_blend(0.3), round_blend(1.0)
    (0.3000030517578125, 0.9999847412109375)
    """
    steps = np.clip(np.rint(np.multiply(beta, STEPS)), 1, STEPS - 1) / STEPS
    return steps if isinstance(beta, np.ndarray) else float(steps)


def working_dtype(dtype: Any) -> str:
    """Return the name of the floats in which values of a dtype, of any library, are weighed.

    Raises:
        InvalidSampleError: If they cannot be weighed exactly, or have nothing between them.
    """
    name = dtype.name if isinstance(dtype, np.dtype) else str(dtype).removeprefix("torch.")
    if name not in WORKING:
        raise InvalidSampleError(
            "images that are blended must be integers of at most 32 bits, or floats of 16, 32 or "
            f"64 bits, got {dtype}. Convert them before the mix, to float32 for instance."
        )
    return WORKING[name]


def blend_image(image: NDArray[Any], other: NDArray[Any], blend: float) -> NDArray[Any]:
    """Return `blend * image + (1 - blend) * other`.

    Integers are exact and rounded once, half to even. float32 and float64 are two products and a
    sum of their own kind; float16 is computed in float32.

    Args:
        image: Primary, of any shape. Not modified.
        other: Donor, of the same shape and dtype. Not modified.
        blend: See `round_blend`.

    Returns:
        A new array.

    Raises:
        InvalidSampleError: If the two differ in shape or dtype, or cannot be blended.

    >>> blend_image(np.uint8([[1, 200]]), np.uint8([[2, 100]]), 0.5)
    array([[  2, 150]], dtype=uint8)
    """
    _check_alike(image, other)
    out = np.empty_like(image)
    write_image(out, image, other, blend)
    return out


def write_image(out: NDArray[Any], image: NDArray[Any], other: NDArray[Any], blend: float) -> None:
    """Write what `blend_image` returns into *out*, which may be the image itself."""
    work = _work(image.dtype)
    lines = image.flags.c_contiguous and other.flags.c_contiguous and out.flags.c_contiguous
    if lines:
        out, image, other = out.reshape(-1), image.reshape(-1), other.reshape(-1)
    write = (
        _write_bytes if lines and image.dtype == np.uint8 and _rounds_to_even() else _write_floats
    )
    step = max(1, BLOCK * len(out) // max(1, out.size))
    for at in range(0, len(out), step):
        part = slice(at, at + step)
        write(out[part], image[part], other[part], blend, work)


def write_images(
    out: NDArray[Any], images: NDArray[Any], others: NDArray[Any], blends: NDArray[np.float64]
) -> None:
    """Write what `blend_image` returns for each of some small images, (B, ...), (B,), at once."""
    column = blends.reshape(-1, *[1] * (images.ndim - 1))
    _write_floats(out, images, others, column, _work(images.dtype))


def blend_mask(
    mask: NDArray[Any],
    other: NDArray[Any],
    blend: float,
    mode: str,
    ignore_index: int | None = None,
) -> NDArray[Any]:
    """Return a mask for a blend: its values are those of the two masks, whatever the dtype.

    Args:
        mask: That of the primary, of any shape. Not modified.
        other: That of the donor, of the same shape and dtype. Not modified.
        blend: Weight of the primary.
        mode: "heavier": the primary's whole mask where the blend is at least one half, else the
            donor's; "ignore": the value that both hold, and `ignore_index` where they differ.
        ignore_index: A value that the mask can hold.

    Returns:
        A new array.

    Raises:
        InvalidSampleError: If the two differ in shape or dtype.

    >>> blend_mask(np.uint8([1, 2]), np.uint8([1, 3]), 0.25, "ignore", 255)
    array([  1, 255], dtype=uint8)
    """
    _check_alike(mask, other)
    out = np.empty_like(mask)
    write_mask(out, mask, other, blend, mode, ignore_index)
    return out


def write_mask(
    out: NDArray[Any],
    mask: NDArray[Any],
    other: NDArray[Any],
    blend: float,
    mode: str,
    ignore_index: Any = None,
) -> None:
    """Write what `blend_mask` returns into *out*, which may be the mask itself."""
    if mode == "heavier" and blend < 0.5:
        np.copyto(out, other)
        return
    if out is not mask:
        np.copyto(out, mask)
    if mode == "ignore":
        np.copyto(out, out.dtype.type(ignore_index), where=out != other)


def _check_alike(one: NDArray[Any], other: NDArray[Any]) -> None:
    if (one.shape, one.dtype) != (other.shape, other.dtype):
        raise InvalidSampleError(
            f"what is blended must be of one shape and dtype, got {one.dtype} {one.shape} and "
            f"{other.dtype} {other.shape}."
        )


def _write_bytes(
    out: NDArray[Any],
    image: NDArray[Any],
    other: NDArray[Any],
    blend: float,
    work: np.dtype[Any],  # noqa: ARG001 - of the other writer
) -> None:
    """Blend rows of uint8, (N,), by OpenCV: in float32, which holds every product and sum."""
    cv2.addWeighted(image[None], blend, other[None], 1.0 - blend, 0.0, dst=out[None])


def _write_floats(
    out: NDArray[Any],
    image: NDArray[Any],
    other: NDArray[Any],
    blend: Any,
    work: np.dtype[Any],
) -> None:
    """Blend arrays of any strides in floats of the working dtype."""
    own, given = (np.asarray(weight, work) for weight in (blend, 1.0 - blend))
    total = out if out.dtype == work else np.empty(out.shape, work)
    with np.errstate(invalid="ignore"):  # infinities of both signs
        np.multiply(image, own, out=total, dtype=work)
        total += np.multiply(other, given, dtype=work)
    if out.dtype.kind != "f":
        np.rint(total, out=total)
    if total is not out:
        np.copyto(out, total, casting="unsafe")


@cache
def _work(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(working_dtype(dtype))


@cache
def _rounds_to_even() -> bool:
    """Return whether this build of OpenCV rounds halves to even: some for ARM round them up."""
    one, two = (grid.astype(np.uint8) for grid in np.indices((256, 256)))
    exact = np.rint(one * 0.5 + two * 0.5)
    return bool((cv2.addWeighted(one, 0.5, two, 0.5, 0.0) == exact).all())
