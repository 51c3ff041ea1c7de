"""What becomes of every object: how much of it shows, whether it stays, and where.

Rules 4 to 7 of the contract. An object is a box, an instance mask, or both; where it has a mask
that holds a pixel, the mask is the truth, else its box. Nothing here knows Albumentations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from albu_cutmix import boxes, masks
from albu_cutmix.arguments import check_choice, check_pair, is_number
from albu_cutmix.errors import InvalidArgumentError
from albu_cutmix.functional import Piece, cut_mask
from albu_cutmix.geometry import Rect, meet_all

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from albu_cutmix.plan import Paste

__all__ = ["Fates", "ObjectRule", "Verdict", "judge_donor", "judge_primary"]

BBOX_MODES = ("clip", "keep", "drop")
EPS = 1e-6  # the slack with which visibilities are compared


@dataclass(frozen=True)
class ObjectRule:
    """What becomes of objects; the arguments of `CutMix` of the same names.

    Args:
        bbox_mode: See `CutMix`.
        min_visibility: See `CutMix`.
        ignore: Whether objects that would be dropped while they show stay, to be ignored.

    Raises:
        InvalidArgumentError: If a value is out of range.
    """

    bbox_mode: str = "clip"
    min_visibility: float | tuple[float, float] = 0.1
    ignore: bool = False

    def __post_init__(self) -> None:
        """Check every argument once."""
        check_choice("bbox_mode", self.bbox_mode, BBOX_MODES)
        if not all(is_number(value) and 0 <= value <= 1 for value in self.thresholds):
            raise InvalidArgumentError(
                f"min_visibility must be a share in [0, 1], or two of them (primary, donor), got "
                f"{self.min_visibility!r}."
            )

    @property
    def thresholds(self) -> tuple[float, float]:
        """The least visibility of a primary's and of a donor's object."""
        value: Any = self.min_visibility
        if isinstance(value, (tuple, list)):
            return check_pair("min_visibility", value)
        return value, value


class Fates(NamedTuple):
    """What becomes of the N objects of one side.

    Attributes:
        keep: Whether the object comes out, (N,) bool.
        ignored: Whether it comes out only to be ignored, (N,) bool.
        changed: Whether its box has other coordinates than before, (N,) bool.
        visibility: Share of it that can still be seen, (N,) float64.
        before: Where its box lay, own pixels, (N, 4) float64. Without boxes the extent of the
            mask: of the primary's those that the patch touched.
        bboxes: Where its box lies now, primary pixels, (N, 4) float64; of meaning where kept.
        pieces: Of objects judged by their mask the pixels that count: of the donor's those in
            the patch, in primary pixels; of the primary's those that the patch touched, whole.
    """

    keep: NDArray[np.bool_]
    ignored: NDArray[np.bool_]
    changed: NDArray[np.bool_]
    visibility: NDArray[np.float64]
    before: NDArray[np.float64]
    bboxes: NDArray[np.float64]
    pieces: Mapping[int, Piece]


class Verdict(NamedTuple):
    """What becomes of the objects of all sides.

    Attributes:
        primary: Fates of the primary's objects.
        donors: Fates of the donor's, for each patch.
        planes: The instance mask, (H, W), of each object of the primary; None without masks.
        owned: For each patch, which of the donor's masks belongs to each of its objects; None
            without masks.
        remnant_px: Pixels that show an object which does not come out.
    """

    primary: Fates
    donors: Sequence[Fates]
    planes: Sequence[NDArray[Any]] | None = None
    owned: Sequence[Sequence[int]] | None = None
    remnant_px: int = 0

    @property
    def sides(self) -> tuple[Fates, ...]:
        """All of them, in the order in which their objects come out."""
        return self.primary, *self.donors


def judge_primary(
    bboxes: NDArray[np.float64] | None,
    covered: Sequence[Rect],
    shape: tuple[int, int],
    rule: ObjectRule,
    planes: Sequence[NDArray[Any]] | None = None,
) -> Fates:
    """Say what becomes of the primary's objects (rules 4, 6 and 7 of the contract).

    Args:
        bboxes: Shape (N, 4), xyxy primary pixels, snapped; None where there are masks only. Not
            modified.
        covered: Pixels that donors own, as rectangles that share no pixel.
        shape: (height, width) of the primary; boxes are clipped to it first.
        rule: Mode and thresholds.
        planes: The instance mask, (H, W), of each object.
    """
    visibility, pieces = _see_primary(bboxes, covered, shape, planes)
    own = _extents(pieces, len(visibility)) if bboxes is None else bboxes
    keep, ignored = _settle(visibility, rule, 0)
    out, changed = own, np.zeros(len(own), bool)
    # A box that the patch does not touch stays as it came, even over the image's edge. The modes
    # are those of boxes: a mask without one always has the extent of what shows.
    mode = "clip" if bboxes is None else rule.bbox_mode
    shrink = {"clip": keep & (visibility < 1), "drop": ignored}.get(mode)
    if shrink is not None and shrink.any():
        touched = np.flatnonzero(shrink)
        clipped = boxes.clip_bboxes(own[touched], (0, 0, shape[1], shape[0]))
        extent = boxes.visible_extent(clipped, *covered)
        for at, row in enumerate(touched.tolist() if pieces else ()):
            if row in pieces:
                extent[at] = masks.visible_extent(planes[row], covered, pieces[row][0])  # type: ignore[index]
        changed[touched] = (extent != own[touched]).any(1)
        out = own.copy()
        out[touched] = extent
    return Fates(keep, ignored, changed, visibility, own, out, pieces)


def _extents(pieces: Mapping[int, Piece], count: int) -> NDArray[np.float64]:
    """Return the extents of masks of which the pixels are known, (count, 4); others are 0."""
    out = np.zeros((count, 4))
    for row, (where, pixels) in pieces.items():
        extent = masks.extent_of(pixels)
        if extent is not None:
            out[row] = extent.moved(where.x_min, where.y_min)
    return out


def _see_primary(
    bboxes: NDArray[np.float64] | None,
    covered: Sequence[Rect],
    shape: tuple[int, int],
    planes: Sequence[NDArray[Any]] | None,
) -> tuple[NDArray[np.float64], dict[int, Piece]]:
    """Return how much of each object shows, and pieces of those judged by their mask."""
    image = Rect(0, 0, shape[1], shape[0])
    if bboxes is None:
        visibility = np.ones(len(planes or ()))
        hints = np.tile(np.array(image, np.int64), (len(visibility), 1))
    else:
        whole = boxes.covered_area(bboxes, image)  # of the box clipped to its image
        visibility = boxes.share(whole - boxes.covered_area(bboxes, *covered), whole)
        hints = np.zeros((0, 4), np.int64) if planes is None else boxes.round_out(bboxes, shape)
    if planes is None:
        return visibility, {}
    found = masks.find_hidden(planes, covered, hints)
    for row in np.flatnonzero(visibility < 1).tolist():
        if row not in found and masks.has_pixel(planes[row]):
            visibility[row] = 1.0  # the patch covers part of the box, and nothing of the object
    pieces: dict[int, Piece] = {}
    for row, (hidden, total, where) in found.items():
        visibility[row] = 1 - hidden / total
        pieces[row] = where, planes[row][where.rows_cols]
    return visibility, pieces


def judge_donor(
    bboxes: NDArray[np.float64] | None,
    paste: Paste,
    rule: ObjectRule,
    index: Sequence[int] | None = None,
) -> Fates:
    """Say what becomes of the donor's objects (rules 5, 6 and 7 of the contract).

    Boxes are snapped, clipped to the donor's image, judged by the share of them that lies in the
    source, and mapped to the patch. What later patches cover of them there does not show.

    Args:
        bboxes: Shape (N, 4), xyxy donor pixels; None where there are masks only. Not modified.
        paste: Donor, patch and source, and what of the patch it owns.
        rule: Mode and thresholds.
        index: Which of the donor's masks belongs to each object; None: boxes alone are judged.
    """
    donor, source, patch = paste.donor, paste.source, paste.patch
    if bboxes is None:
        own = donor.mask_places[1][list(index or ())].astype(np.float64)
        visibility, out = np.zeros(len(own)), np.zeros((len(own), 4))
    else:
        own = boxes.snap(bboxes)
        whole = boxes.covered_area(own, Rect(0, 0, donor.shape[1], donor.shape[0]))
        visibility = boxes.share(boxes.covered_area(own, source), whole)
        out = boxes.map_bboxes(boxes.clip_bboxes(own, source), source, patch)
        if paste.covered:
            shown = boxes.covered_area(out, *paste.owned)
            visibility *= boxes.share(shown, boxes.area(out))
            out = boxes.extent_in(out, paste.owned)
    pieces: dict[int, Piece] = {}
    if index is not None:
        counts, shares, pieces = _see_donor_masks(paste, index)
        visibility = np.where(counts > 0, shares, visibility)
        for row, (place, _) in pieces.items():
            out[row] = place
    keep, ignored = _settle(visibility, rule, 1)
    return Fates(keep, ignored, keep & (visibility < 1 - EPS), visibility, own, out, pieces)


def _see_donor_masks(
    paste: Paste, index: Sequence[int]
) -> tuple[NDArray[np.int64], NDArray[np.float64], dict[int, Piece]]:
    """Return pixels of each mask, how much of it comes into the patch, and what shows there, tight.

    The share is counted in the donor's own pixels; it is 0 where scaling leaves no pixel. Later
    patches take from it in pixels of the output.
    """
    counts, places = (values[list(index)] for values in paste.donor.mask_places)
    near = meet_all(places, paste.source)
    whole = (near == places).all(1)
    shares, pieces = np.zeros(len(counts)), {}
    copied, covered = not paste.is_scaled, paste.covered
    shows = (counts > 0) & (near[:, 2] > near[:, 0]) & (near[:, 3] > near[:, 1])
    for row in np.flatnonzero(shows).tolist():
        plane, where = paste.donor.masks[index[row]], Rect(*near[row].tolist())  # type: ignore[index]
        place, pixels = cut_mask(plane, paste, where)
        if whole[row] and copied and not covered:  # its extent is known
            shares[row], pieces[row] = 1.0, (place, pixels)
            continue
        left = 1.0
        if covered:
            before, pixels = masks.count(pixels), pixels.copy()
            masks.clear(pixels, covered, place)
            left = masks.count(pixels) / max(before, 1)
        extent = masks.extent_of(pixels)
        if extent is not None:
            seen = counts[row] if whole[row] else masks.count(plane[where.rows_cols])
            shares[row] = seen / counts[row] * left
            pieces[row] = extent.moved(place.x_min, place.y_min), pixels[extent.rows_cols]
    return counts, shares, pieces


def _settle(
    visibility: NDArray[np.float64], rule: ObjectRule, side: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which objects of primary (0) or donor (1) come out, and which only to be ignored."""
    least = 1.0 if rule.bbox_mode == "drop" else rule.thresholds[side]
    keep = visibility > max(least - EPS, EPS)
    if not rule.ignore:
        return keep, np.zeros(len(keep), bool)
    shows = visibility > EPS
    return keep | shows, shows & ~keep
