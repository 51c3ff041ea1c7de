"""How patches are drawn: how many, how large, where, and what of a donor fills them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from albu_cutmix import geometry, search
from albu_cutmix.arguments import check_choice, check_pair, is_finite, is_whole
from albu_cutmix.blends import round_blend
from albu_cutmix.errors import InvalidArgumentError
from albu_cutmix.geometry import PatchDraw, Rect

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RATIO_RANGE", "BlendRule", "HoleRule", "PatchRule"]

PLACEMENTS = ("inside", "paper", "avoid", "objects")
FITS = ("cover", "stretch", "crop", "whole", "error")
RATIO_RANGE = (0.5, 2.0)
AREA_RANGE = (0.02, 0.33)
MOST_PATCHES = 100  # each is compared with all others


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
    num_patches: int | tuple[int, int] = 1

    placements: ClassVar[tuple[str, ...]] = PLACEMENTS
    fits: ClassVar[tuple[str, ...]] = FITS

    def __post_init__(self) -> None:
        """Check every argument once."""
        check_choice("placement", self.placement, self.placements)
        check_choice("fit", self.fit, self.fits)
        if not (is_finite(self.alpha) and self.alpha > 0):
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
        least, most = self.counts
        if not (is_whole(least) and is_whole(most) and 1 <= least <= most <= MOST_PATCHES):
            raise InvalidArgumentError(
                "num_patches must be a whole number >= 1, or two of them (least, greatest), and "
                f"at most {MOST_PATCHES}, got {self.num_patches!r}."
            )
        self._check_together()

    def _check_together(self) -> None:
        custom_ratio = self._custom_ratio
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
    def _custom_ratio(self) -> bool:
        return tuple(self.ratio_range) != RATIO_RANGE

    @property
    def shares(self) -> tuple[float, float]:
        """Least and greatest share of the patch."""
        return AREA_RANGE if self.area_range is None else (self.area_range[0], self.area_range[1])

    @property
    def counts(self) -> tuple[int, int]:
        """Least and greatest number of patches."""
        if isinstance(self.num_patches, (tuple, list)):
            least, most = check_pair("num_patches", self.num_patches)
            return least, most  # type: ignore[return-value]  # checked to be whole
        return self.num_patches, self.num_patches

    def draw_count(self, rng: np.random.Generator) -> int:
        """Return how many patches a call tries to have; a fixed number draws nothing."""
        least, most = self.counts
        return least if least == most else int(rng.integers(least, most + 1))

    def place(
        self,
        draw: PatchDraw,
        shape: tuple[int, int],
        donor_shape: tuple[int, int],
        taken: NDArray[np.int64] | None,
    ) -> Rect | None:
        """Return the patch of a draw, None where it has no pixel or no place.

        Args:
            draw: Random numbers.
            shape: (height, width) of the primary.
            donor_shape: That of the donor.
            taken: What placement "avoid" avoids, (N, 4) int64; else not looked at.
        """
        if taken is not None and self.placement == "avoid":
            shares, ratios = self.shares, self.ratio_range
            if self.fit == "whole":
                ratio = donor_shape[1] * shape[0] / (donor_shape[0] * shape[1])
                most = min(shares[1], ratio, 1 / ratio)  # where the donor spans the image
                shares, ratios = (min(shares[0], most), most), (ratio, ratio)
            return search.place_avoid(draw, shape, shares, ratios, taken)
        if self.fit == "whole":
            return geometry.place_whole(draw, shape, self.shares, donor_shape)
        if self.placement == "paper":
            return self._place_paper(draw, shape)
        return geometry.place_inside(draw, shape, self.shares, self.ratio_range)

    def _place_paper(self, draw: PatchDraw, shape: tuple[int, int]) -> Rect | None:
        return geometry.place_paper(draw, shape)

    def blend(self, draw: PatchDraw) -> float:  # noqa: ARG002
        """Return the primary's weight in a blend of all pixels; 1.0: patches replace pixels."""
        return 1.0


@dataclass(frozen=True)
class HoleRule(PatchRule):
    """How holes are drawn; the arguments of `Cutout` of the same names.

    Raises:
        InvalidArgumentError: See `PatchRule`.
    """

    fit: str = "error"

    placements: ClassVar[tuple[str, ...]] = ("inside", "paper", "avoid")

    def _check_together(self) -> None:
        if self.placement != "paper":
            super()._check_together()
        elif self._custom_ratio:
            raise InvalidArgumentError(
                "placement='paper' cuts squares and takes no ratio_range. Leave it out, or use "
                "placement='inside'."
            )

    def _place_paper(self, draw: PatchDraw, shape: tuple[int, int]) -> Rect | None:
        return geometry.place_square(draw, shape, self.shares)


@dataclass(frozen=True)
class BlendRule(PatchRule):
    """How a blend is drawn: one patch, the whole image; the arguments of `MixUp`.

    Raises:
        InvalidArgumentError: See `PatchRule`.
    """

    area_range: tuple[float, float] | None = (1.0, 1.0)

    fits: ClassVar[tuple[str, ...]] = ("cover", "stretch", "crop", "error")

    def blend(self, draw: PatchDraw) -> float:
        """Return the primary's weight: Beta(alpha, alpha), in whole 65,536ths."""
        return round_blend(draw.beta)
