"""Kernels: arrays and a plan in, new arrays out. Inputs are never written to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from albu_cutmix.errors import InvalidSampleError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from albu_cutmix.geometry import Rect
    from albu_cutmix.plan import Paste

__all__ = ["paste_image", "paste_mask", "resize_image", "resize_mask"]


def paste_image(image: NDArray[Any], paste: Paste) -> NDArray[Any]:
    """Return the image with the donor's source in the patch.

    Args:
        image: Primary, shape (H, W) or (H, W, C). Not modified.
        paste: Donor, patch and source. Of equal size they are copied bit for bit.

    Returns:
        A new array of the image's shape and dtype.

    Raises:
        InvalidSampleError: If dtype or channels of the two images differ.
    """
    window = _window(image, paste.donor.image, paste, "image")
    return _paste(image, resize_image(window, paste.patch.width, paste.patch.height), paste.patch)


def paste_mask(mask: NDArray[Any], paste: Paste) -> NDArray[Any]:
    """Return the semantic mask with the donor's mask in the patch; any dtype, kept exactly.

    See `paste_image`.

    Raises:
        InvalidSampleError: If the donor has no mask, or one of another dtype or channels.
    """
    if paste.donor.mask is None:
        raise InvalidSampleError(
            f"the primary has a mask, {paste.where} has none. Give every donor of the pool a "
            "mask, or leave the mask out of the call."
        )
    window = _window(mask, paste.donor.mask, paste, "mask")
    return _paste(mask, resize_mask(window, paste.patch.width, paste.patch.height), paste.patch)


def _window(primary: NDArray[Any], donor: NDArray[Any], paste: Paste, name: str) -> NDArray[Any]:
    """Return the source's pixels in the primary's number of axes."""
    if primary.dtype != donor.dtype:
        raise InvalidSampleError(
            f"{name} of primary and donor must have one dtype, got {primary.dtype} and "
            f"{donor.dtype} in {paste.where}. Convert one of them; nothing is cast here."
        )
    if _channels(primary) != _channels(donor):
        raise InvalidSampleError(
            f"{name} of primary and donor must have equal channels, got shapes {primary.shape} "
            f"and {donor.shape} in {paste.where}. Read both in one colour mode."
        )
    window = donor[paste.source.rows_cols]
    if window.ndim == primary.ndim:
        return window
    return window[:, :, None] if primary.ndim == 3 else window[:, :, 0]


def _channels(array: NDArray[Any]) -> int:
    return array.shape[2] if array.ndim == 3 else 1


def _paste(array: NDArray[Any], pixels: NDArray[Any], patch: Rect) -> NDArray[Any]:
    out = array.copy()
    out[patch.rows_cols] = pixels
    return out


def resize_image(image: NDArray[Any], width: int, height: int) -> NDArray[Any]:
    """Return an image scaled by area where no axis is enlarged, else bilinearly.

    Args:
        image: Shape (H, W) or (H, W, C), uint8, uint16 or float32, any number of channels.
        width: New width, pixels.
        height: New height, pixels.

    Returns:
        The input itself where it has that size already.
    """
    if image.shape[:2] == (height, width):
        return image
    smaller = width <= image.shape[1] and height <= image.shape[0]
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    image = np.ascontiguousarray(image)
    if _channels(image) <= 4:
        return cv2.resize(image, (width, height), interpolation=how).reshape(
            height, width, *image.shape[2:]
        )
    # OpenCV's limit of channels differs between versions: four at a time always work.
    parts = [
        cv2.resize(np.ascontiguousarray(image[:, :, c : c + 4]), (width, height), interpolation=how)
        for c in range(0, image.shape[2], 4)
    ]
    return np.concatenate([part.reshape(height, width, -1) for part in parts], axis=2)


def resize_mask(mask: NDArray[Any], width: int, height: int) -> NDArray[Any]:
    """Return a mask scaled to the nearest pixel: source index ((2i + 1) * n_src) // (2 * n_dst).

    Own indexing instead of OpenCV, which turns int64 masks into int32.
    """
    if mask.shape[:2] == (height, width):
        return mask
    rows = (2 * np.arange(height) + 1) * mask.shape[0] // (2 * height)
    cols = (2 * np.arange(width) + 1) * mask.shape[1] // (2 * width)
    scaled: NDArray[Any] = mask[rows[:, None], cols]
    return scaled
