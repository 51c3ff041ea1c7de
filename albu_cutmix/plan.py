"""`MixPlan`: everything that is drawn, as numbers, before a pixel moves.

`make_plan` draws donor, patch and source; what becomes of the objects is said in `fates`.
Nothing here touches pixels or knows Albumentations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from albu_cutmix import geometry, search
from albu_cutmix.choice import Chances, draw_index
from albu_cutmix.errors import InvalidArgumentError, InvalidSampleError
from albu_cutmix.geometry import Rect
from albu_cutmix.sample import Donor

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "MixPlan",
    "Outlines",
    "Paste",
    "PatchRule",
    "check_choice",
    "check_pair",
    "is_number",
    "make_plan",
]

PLACEMENTS = ("inside", "paper", "avoid", "objects")
FITS = ("cover", "stretch", "crop", "whole", "error")
RATIO_RANGE = (0.5, 2.0)
AREA_RANGE = (0.02, 0.33)
SEEDS = 2**32  # how many there are: what every library takes, and JSON holds


@dataclass(frozen=True)
class PatchRule:
    """How patch and source are drawn; the arguments of `CutMix` of the same names.

    Raises:
        InvalidArgumentError: If a value is out of range or contradicts another.
    """

    alpha: float = 1.0
    area_range: tuple[float, float] | None = None
    ratio_range: tuple[float, float] = RATIO_RANGE
    placement: str = "inside"
    fit: str = "cover"

    def __post_init__(self) -> None:
        """Check every argument once."""
        check_choice("placement", self.placement, PLACEMENTS)
        check_choice("fit", self.fit, FITS)
        if not (is_number(self.alpha) and 0 < self.alpha < float("inf")):
            raise InvalidArgumentError(f"alpha must be a number > 0, got {self.alpha!r}.")
        if self.area_range is not None:
            low, high = check_pair("area_range", self.area_range)
            if not 0 < low <= high <= 1:
                raise InvalidArgumentError(
                    f"area_range must be shares of the image with 0 < least <= greatest <= 1, got "
                    f"{self.area_range!r}. For patches of 2 to 33 % of the image: (0.02, 0.33)."
                )
        low, high = check_pair("ratio_range", self.ratio_range)
        if not 0 < low <= high < float("inf"):
            raise InvalidArgumentError(
                f"ratio_range must hold 0 < least <= greatest, got {self.ratio_range!r}. "
                "(1, 1) is the image's own aspect."
            )
        self._check_together()

    def _check_together(self) -> None:
        custom_ratio = tuple(self.ratio_range) != RATIO_RANGE
        if self.placement == "paper" and (self.area_range is not None or custom_ratio):
            name = "ratio_range" if self.area_range is None else "area_range"
            raise InvalidArgumentError(
                f"placement='paper' draws the patch by the paper's own procedure and takes no "
                f"{name}. Leave it out, or use placement='inside'."
            )
        if self.fit == "whole" and (self.placement == "paper" or custom_ratio):
            name = "placement='paper'" if self.placement == "paper" else "ratio_range"
            raise InvalidArgumentError(
                f"fit='whole' gives the patch the donor's aspect and cannot be combined with "
                f"{name}. Leave it out, or use another fit."
            )
        if self.placement == "objects" and custom_ratio:
            raise InvalidArgumentError(
                "placement='objects' gives the patch the shape of the donor's objects and takes no "
                "ratio_range. Leave it out, or use placement='avoid'."
            )
        high = self.shares[1]
        if self.ratio_range[0] > 1 / high or self.ratio_range[1] < high:
            raise InvalidArgumentError(
                f"no patch of {high:.2g} of the image has a ratio within "
                f"{tuple(self.ratio_range)!r}: it would reach over the edge. Widen ratio_range "
                "towards 1, or lower area_range."
            )

    @property
    def shares(self) -> tuple[float, float]:
        """Least and greatest share of the patch."""
        return AREA_RANGE if self.area_range is None else (self.area_range[0], self.area_range[1])


class Outlines(Protocol):
    """Where the objects of a call lie, for placements that spare them: (N, 4) int64 rectangles."""

    def primary(self) -> NDArray[np.int64]:
        """Return those of the primary."""

    def donor(self, paste: Paste) -> NDArray[np.int64]:
        """Return those of a donor."""


class Paste(NamedTuple):
    """One patch: which donor, where it lies, what fills it, and the donor's seed; -1: none."""

    number: int
    donor: Donor
    patch: Rect
    source: Rect
    seed: int = -1

    @property
    def where(self) -> str:
        """The donor's name for messages."""
        return f"donor {self.donor.id!r}" if self.donor.id else f"donor {self.number}"


class MixPlan(NamedTuple):
    """What one call of a mix does.

    Args:
        shape: (height, width) of the primary.
        paste: The patch, or None where nothing is pasted.
        reason: Why nothing is pasted: "no_patch", "no_donor", "unsafe" or "schedule".
        flags: `SafetyFlag` of the draw that was refused as unsafe.
    """

    shape: tuple[int, int]
    paste: Paste | None = None
    reason: str = ""
    flags: int = 0

    @property
    def weights(self) -> tuple[float, float]:
        """Shares of output pixels owned by primary and donor, float64 from integer counts."""
        total = self.shape[0] * self.shape[1]
        owned = 0 if self.paste is None else self.paste.patch.area
        return (total - owned) / total, owned / total


def make_plan(
    rng: np.random.Generator,
    shape: tuple[int, int],
    count: int,
    fetch: Callable[[int, int], Donor],
    rule: PatchRule,
    *,
    exclude: int | None = None,
    chances: Chances | None = None,
    seeded: bool = False,
    outlines: Outlines | None = None,
) -> MixPlan:
    """Draw a donor and a patch.

    Args:
        rng: The only source of randomness.
        shape: (height, width) of the primary.
        count: Number of donors.
        fetch: Gives donor *i* under a seed; called once, for the drawn one.
        rule: How the patch lies and the donor fits.
        exclude: Index that is never drawn: the primary itself.
        chances: Weights of the donors; None: all alike.
        seeded: Whether the donor takes a seed; else it is -1.
        outlines: Where objects lie; asked for with placement "avoid" and "objects" only.

    Returns:
        The plan; nothing is pasted where only the primary itself is left (`no_donor`) or the
        patch has no pixel or no place (`no_patch`).

    Raises:
        InvalidSampleError: If fit is "error" and the donor has another size.
    """
    index = draw_index(rng, count, exclude, chances)
    if index is None:
        return MixPlan(shape, reason="no_donor")
    seed = int(rng.integers(SEEDS)) if seeded else -1
    draw = geometry.draw_patch(rng, rule.alpha)
    donor = fetch(index, seed)
    if rule.fit == "error" and donor.shape != shape:
        raise InvalidSampleError(
            f"donor {donor.id or index!r} has size {donor.shape}, the primary {shape} (height, "
            "width), and fit='error' asks for equal sizes. Resize the donor, or use "
            "fit='cover', 'stretch', 'crop' or 'whole'."
        )
    paste = Paste(index, donor, Rect(0, 0, 0, 0), Rect(0, 0, 0, 0), seed)
    if outlines is not None and rule.placement == "objects":
        found = _place_objects(draw, shape, paste, rule, outlines)
    else:
        found = _place(draw, shape, donor.shape, rule, outlines)
    if found is None:
        return MixPlan(shape, reason="no_patch")
    return MixPlan(shape, paste._replace(patch=found[0], source=found[1]))


def _place(
    draw: geometry.PatchDraw,
    shape: tuple[int, int],
    donor_shape: tuple[int, int],
    rule: PatchRule,
    outlines: Outlines | None,
) -> tuple[Rect, Rect] | None:
    """Return a patch, and the source that the fit assigns to it."""
    if outlines is not None and rule.placement == "avoid":
        shares, ratios = rule.shares, rule.ratio_range
        if rule.fit == "whole":
            ratio = donor_shape[1] * shape[0] / (donor_shape[0] * shape[1])
            most = min(shares[1], ratio, 1 / ratio)  # where the donor spans the image
            shares, ratios = (min(shares[0], most), most), (ratio, ratio)
        patch = search.place_avoid(draw, shape, shares, ratios, outlines.primary())
    elif rule.fit == "whole":
        patch = geometry.place_whole(draw, shape, rule.shares, donor_shape)
    elif rule.placement == "paper":
        patch = geometry.place_paper(draw, shape)
    else:
        patch = geometry.place_inside(draw, shape, rule.shares, rule.ratio_range)
    if patch is None:
        return None
    return patch, geometry.fit_source(rule.fit, draw, patch, shape, donor_shape)


def _place_objects(
    draw: geometry.PatchDraw,
    shape: tuple[int, int],
    paste: Paste,
    rule: PatchRule,
    outlines: Outlines,
) -> tuple[Rect, Rect] | None:
    """Return a source that holds whole donor objects, and a patch; neither cuts an object."""
    donor, rects = paste.donor.shape, outlines.donor(paste)
    if not len(rects):
        return None
    if rule.fit == "whole":
        whole = geometry.place_whole(draw, shape, rule.shares, donor)
        size = None if whole is None else (whole.width, whole.height)
        patch = size and search.place_clear(draw, shape, size, outlines.primary(), allow_whole=True)
        return patch and (patch, Rect(0, 0, donor[1], donor[0]))
    scale = geometry.scale_of(rule.fit, shape, donor)
    return search.place_objects(draw, shape, outlines.primary(), donor, rects, rule.shares, scale)


def is_number(value: Any) -> bool:
    """Return whether a value is a number, a bool being none."""
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Raise InvalidArgumentError unless a value is one of the choices."""
    if value not in choices:
        raise InvalidArgumentError(f"{name} must be one of {', '.join(choices)}, got {value!r}.")


def check_pair(name: str, value: Any) -> tuple[float, float]:
    """Return a pair of numbers; raise InvalidArgumentError for anything else."""
    if not (isinstance(value, (tuple, list)) and len(value) == 2 and all(map(is_number, value))):
        raise InvalidArgumentError(f"{name} must be a pair of numbers, got {value!r}.")
    return value[0], value[1]
