"""Kernels: arrays and a plan in, new arrays out. Inputs are never written to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from albu_cutmix.checks import check_mask
from albu_cutmix.errors import InvalidSampleError
from albu_cutmix.geometry import Rect

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from albu_cutmix.plan import Paste

__all__ = [
    "Piece",
    "cut_mask",
    "fit_image",
    "fit_layers",
    "fit_mask",
    "paste_image",
    "paste_instances",
    "paste_layers",
    "paste_mask",
    "resize_image",
    "resize_mask",
    "source_pixels",
    "whole_mask",
]

#: Where pixels of a mask lie, and its values there.
Piece = tuple[Rect, "NDArray[Any]"]


def paste_image(image: NDArray[Any], pastes: Sequence[Paste], key: str = "image") -> NDArray[Any]:
    """Return the image with the donors' sources in the patches, one over the other.

    Args:
        image: Primary, shape (H, W) or (H, W, C). Not modified.
        pastes: Donors, patches and sources. Of equal size they are copied bit for bit.
        key: "image", or the name of an additional target, of which the donors' data is taken.

    Returns:
        A new array of the image's shape and dtype.

    Raises:
        InvalidSampleError: If dtype or channels of the images differ.
    """
    out = image.copy()
    for paste in pastes:
        out[paste.patch.rows_cols] = fit_image(image, paste, key)
    return out


def paste_mask(mask: NDArray[Any], pastes: Sequence[Paste], key: str = "mask") -> NDArray[Any]:
    """Return the semantic mask with the donors' masks in the patches; any dtype, kept exactly.

    See `paste_image`.

    Raises:
        InvalidSampleError: If a donor has no mask, or one of another dtype or channels.
    """
    out = mask.copy()
    for paste in pastes:
        out[paste.patch.rows_cols] = fit_mask(mask, paste, key)
    return out


def paste_layers(masks: NDArray[Any], pastes: Sequence[Paste]) -> NDArray[Any]:
    """Return masks with row k of the donors' masks in row k; their number stays.

    Args:
        masks: Primary, shape (N, H, W) or (N, H, W, C). Not modified.
        pastes: Donors, patches and sources.

    Raises:
        InvalidSampleError: If a donor has another number of masks, or of another kind.
    """
    out = masks.copy()
    for paste in pastes:
        rows, cols = paste.patch.rows_cols
        for row, layer in enumerate(fit_layers(masks, paste)):
            out[row, rows, cols] = layer
    return out


def fit_image(image: NDArray[Any], paste: Paste, key: str = "image") -> NDArray[Any]:
    """Return the donor's pixels as they fill the patch, (h, w) or (h, w, C).

    See `paste_image`.
    """
    window = _like(image, _donor_array(paste, key), paste, key)[paste.source.rows_cols]
    return resize_image(window, paste.patch.width, paste.patch.height)


def fit_mask(mask: NDArray[Any], paste: Paste, key: str = "mask") -> NDArray[Any]:
    """Return the donor's semantic mask as it fills the patch; see `paste_mask`."""
    window = whole_mask(mask, paste, key)[paste.source.rows_cols]
    return resize_mask(window, paste.patch.width, paste.patch.height)


def fit_layers(masks: NDArray[Any], paste: Paste) -> Iterator[NDArray[Any]]:
    """Yield the donor's masks, row by row, as they fill the patch; see `paste_layers`."""
    donor = paste.donor.masks
    if donor is None or len(donor) != len(masks):
        got = "none" if donor is None else len(donor)
        raise InvalidSampleError(
            f"masks_mode='layers' needs as many masks in the donor as in the primary, "
            f"{len(masks)}, got {got} in {paste.where}. Give every donor the same layers."
        )
    for mask, own in zip(masks, donor, strict=True):
        window = _like(mask, own, paste, "masks")[paste.source.rows_cols]
        yield resize_mask(window, paste.patch.width, paste.patch.height)


def paste_instances(
    planes: Sequence[NDArray[Any]],
    keep: NDArray[np.bool_],
    touched: NDArray[np.bool_],
    covered: Sequence[Rect],
    pieces: Sequence[Piece | None],
    kind: tuple[tuple[int, int], np.dtype[Any]],
) -> NDArray[Any]:
    """Return the instance masks of a mix: kept ones of the primary, then the donors'.

    Args:
        planes: The primary's masks, each (H, W). Not modified.
        keep: Which of them come out, (N,).
        touched: Which of them are hidden in part, (N,).
        covered: Pixels that donors own, as rectangles.
        pieces: Of each donor mask that comes out where its pixels lie and their values; None
            for one without a pixel.
        kind: (H, W) and dtype of the masks.

    Returns:
        Shape (kept + donor masks, H, W), a new array.
    """
    rows = np.flatnonzero(keep).tolist()
    out = np.empty((len(rows) + len(pieces), *kind[0]), kind[1])
    for plane, row in zip(out, rows, strict=False):
        np.copyto(plane, planes[row])
        for rect in covered if touched[row] else ():
            plane[rect.rows_cols] = 0
    out[len(rows) :] = 0
    for plane, piece in zip(out[len(rows) :], pieces, strict=True):
        if piece is not None:
            plane[piece[0].rows_cols] = piece[1]
    return out


def whole_mask(mask: NDArray[Any], paste: Paste, key: str = "mask") -> NDArray[Any]:
    """Return the donor's whole semantic mask in the primary's number of axes; see `paste_mask`."""
    return _like(mask, _donor_array(paste, key), paste, key)


def source_pixels(paste: Paste) -> tuple[Any, Any]:
    """Return the donor's rows and columns that are seen in the patch, one per row and column.

    Slices where nothing is scaled, else int64 arrays: the nearest pixels.
    """
    source, patch = paste.source, paste.patch
    if not paste.is_scaled:
        return source.rows_cols
    rows = source.y_min + _nearest(source.height, patch.height)
    return rows, source.x_min + _nearest(source.width, patch.width)


def cut_mask(mask: NDArray[Any], paste: Paste, where: Rect) -> tuple[Rect, NDArray[Any]]:
    """Return what of a donor's instance mask comes into the patch, nearest pixel, dtype kept.

    Args:
        mask: Shape (H, W), donor pixels.
        paste: Patch and source.
        where: A rectangle that holds all pixels of the mask: only there is looked.

    Returns:
        A rectangle in primary pixels, and its values; outside of it the mask is empty.
    """
    source, patch = paste.source, paste.patch
    near = source.meet(where)
    rows, cols = source_pixels(paste)
    if isinstance(rows, slice):
        place = near.moved(patch.x_min - source.x_min, patch.y_min - source.y_min)
        return place, mask[near.rows_cols]
    top, bottom = np.searchsorted(rows, (near.y_min, near.y_max)).tolist()
    left, right = np.searchsorted(cols, (near.x_min, near.x_max)).tolist()
    place = Rect(left, top, right, bottom).moved(patch.x_min, patch.y_min)
    return place, mask[rows[top:bottom, None], cols[left:right]]


def _donor_array(paste: Paste, key: str) -> NDArray[Any]:
    """Return the donor's data under a key of the call."""
    donor = paste.donor
    if key in ("image", "mask"):
        array = donor.image if key == "image" else donor.mask
    else:
        array = donor.aliases.get(key)
    if array is None:
        what = "a mask" if key == "mask" else f"the additional target {key!r}"
        raise InvalidSampleError(
            f"the primary has {what}, {paste.where} has none. Give every donor of the pool its "
            f"own, or leave {key!r} out of the call."
        )
    if key not in ("image", "mask"):
        check_mask(array, donor.shape, paste.where, key)
    return array


def _like(primary: NDArray[Any], donor: NDArray[Any], paste: Paste, name: str) -> NDArray[Any]:
    """Return the donor's array in the primary's number of axes."""
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
    if donor.ndim == primary.ndim:
        return donor
    return donor[:, :, None] if primary.ndim == 3 else donor[:, :, 0]


def _channels(array: NDArray[Any]) -> int:
    return array.shape[2] if array.ndim == 3 else 1


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
    rows, cols = _nearest(mask.shape[0], height), _nearest(mask.shape[1], width)
    scaled: NDArray[Any] = mask[rows[:, None], cols]
    return scaled


def _nearest(old: int, new: int) -> NDArray[np.int64]:
    """Return the old index of each new one, (new,): the pixel under its centre."""
    return (2 * np.arange(new) + 1) * old // (2 * new)
