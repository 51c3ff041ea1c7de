"""`MixPlan`: everything that is drawn, as numbers, before a pixel moves.

`make_plan` draws donors, patches and sources; what becomes of the objects is said in `fates`.
Nothing here touches pixels or knows Albumentations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from albu_cutmix import geometry, search
from albu_cutmix.choice import Chances, draw_index
from albu_cutmix.errors import InvalidSampleError
from albu_cutmix.geometry import Rect, minus
from albu_cutmix.patches import HoleRule, PatchRule
from albu_cutmix.sample import Donor

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Donors", "MixPlan", "Outlines", "Paste", "draw_holes", "make_plan"]

SEEDS = 2**32  # how many there are: what every library takes, and JSON holds


class Donors(NamedTuple):
    """The donors of one call.

    Attributes:
        number: How many there are.
        fetch: Gives donor *i* under a seed; called for drawn ones only.
        exclude: Index that is never drawn: the primary itself.
        chances: Weights; None: all alike.
        seeded: Whether a donor takes a seed; else it is -1.
    """

    number: int
    fetch: Callable[[int, int], Donor]
    exclude: int | None = None
    chances: Chances | None = None
    seeded: bool = False


class Outlines(Protocol):
    """Where the objects of a call lie, for placements that spare them: (N, 4) int64 rectangles."""

    def primary(self) -> NDArray[np.int64]:
        """Return those of the primary."""

    def donor(self, donor: Donor, where: str) -> NDArray[np.int64]:
        """Return those of a donor, which has a name for messages."""


class Paste(NamedTuple):
    """One patch: which donor, where it lies, what fills it.

    Attributes:
        number: Index of the donor; -1 for a blank one, which no pool holds.
        donor: The donor.
        patch: Where it goes, primary pixels.
        source: What of the donor goes there, donor pixels.
        seed: Under which the donor was made; -1: none.
        owned: What of the patch no later patch covers, as rectangles that share no pixel.
    """

    number: int
    donor: Donor
    patch: Rect
    source: Rect
    seed: int = -1
    owned: tuple[Rect, ...] = ()

    @property
    def where(self) -> str:
        """The donor's name for messages."""
        return name_donor(self.donor, self.number)

    @property
    def covered(self) -> tuple[Rect, ...]:
        """What later patches cover of this one, as rectangles that share no pixel."""
        return () if self.owned == (self.patch,) else minus(self.patch, self.owned)

    @property
    def is_scaled(self) -> bool:
        """Whether the source is resized."""
        source, patch = self.source, self.patch
        return (source.width, source.height) != (patch.width, patch.height)


class MixPlan(NamedTuple):
    """What one call of a mix does; see `of`.

    Attributes:
        shape: (height, width) of the primary.
        pastes: The patches, each over the ones before; none where nothing is mixed.
        reason: Why nothing is mixed: "no_patch", "no_donor", "unsafe" or "schedule".
        flags: `SafetyFlag` of the draw that was refused as unsafe.
        blend: Weight of the primary where all pixels are blended with those of one patch, which
            is the whole image; 1.0: patches replace pixels.
        owned_px: Pixels that each patch owns; in a blend 0.
    """

    shape: tuple[int, int]
    pastes: tuple[Paste, ...] = ()
    reason: str = ""
    flags: int = 0
    blend: float = 1.0
    owned_px: tuple[int, ...] = ()

    @classmethod
    def of(cls, shape: tuple[int, int], pastes: Iterable[Paste], blend: float = 1.0) -> MixPlan:
        """Return the plan of some patches, pasted in this order."""
        order = list(pastes)
        later = [paste.patch for paste in order]
        for row, paste in enumerate(order):
            owned = minus(paste.patch, later[row + 1 :])
            if owned != paste.owned:
                order[row] = paste._replace(owned=owned)
        counts = [0 if blend < 1.0 else sum([one.area for one in paste.owned]) for paste in order]
        return cls(shape, tuple(order), "", 0, blend, tuple(counts))

    @property
    def is_blend(self) -> bool:
        """Whether all pixels are blended, so that nobody owns one."""
        return self.blend < 1.0

    @property
    def has_donors(self) -> bool:
        """Whether what fills the patches comes from donors; else they are holes."""
        return bool(self.pastes) and self.pastes[0].number >= 0

    @property
    def covered(self) -> tuple[Rect, ...]:
        """What the primary does not own any more, as rectangles that share no pixel."""
        return () if self.is_blend else tuple(one for paste in self.pastes for one in paste.owned)

    @property
    def lam(self) -> float:
        """Share of the output that is the primary's: of its pixels, or of each pixel in a blend."""
        total = self.shape[0] * self.shape[1]
        return self.blend if self.is_blend else (total - sum(self.owned_px)) / total

    @property
    def weights(self) -> tuple[float, ...]:
        """Weights of the class labels: the primary's, then each patch's donor's.

        Shares of pixels, float64 from integer counts, or the blend. Holes have no label, and
        leave the primary all of the weight.
        """
        if self.is_blend:
            return self.blend, 1.0 - self.blend
        if not self.has_donors:
            return (1.0,)
        total = self.shape[0] * self.shape[1]
        return (self.lam, *[count / total for count in self.owned_px])


def make_plan(
    rng: np.random.Generator,
    shape: tuple[int, int],
    donors: Donors,
    rule: PatchRule,
    outlines: Outlines | None = None,
) -> MixPlan:
    """Draw donors and patches.

    Args:
        rng: The only source of randomness.
        shape: (height, width) of the primary.
        donors: From which is drawn; no donor twice while there are others.
        rule: How many patches there are, how they lie and how donors fit.
        outlines: Where objects lie; asked for with placement "avoid" and "objects" only.

    Returns:
        The plan. A patch without a pixel or a place is left out; nothing is pasted where all are
        (`no_patch`), or where only the primary itself is left (`no_donor`).

    Raises:
        InvalidSampleError: If fit is "error" and a donor has another size.
    """
    pastes: list[Paste] = []
    used: list[int] = []
    taken, blend = None if outlines is None else outlines.primary(), 1.0
    for _ in range(rule.draw_count(rng)):
        index = draw_index(rng, donors.number, donors.exclude, donors.chances, used)
        if index is None:
            return MixPlan(shape, reason="no_donor")
        used.append(index)
        seed = _draw_seed(rng) if donors.seeded else -1
        draw = geometry.draw_patch(rng, rule.alpha)
        blend = rule.blend(draw)
        donor = donors.fetch(index, seed)
        _check_size(donor, index, shape, rule)
        if outlines is not None and taken is not None and rule.placement == "objects":
            rects = outlines.donor(donor, name_donor(donor, index))
            found = _place_objects(draw, shape, donor.shape, rects, rule, taken)
        else:
            patch = rule.place(draw, shape, donor.shape, taken)
            found = patch and (
                patch, geometry.fit_source(rule.fit, draw, patch, shape, donor.shape)
            )  # fmt: skip
        if found:
            pastes.append(Paste(index, donor, *found, seed, found[:1]))
            taken = None if taken is None else np.vstack([taken, found[0]])
    return MixPlan.of(shape, pastes, blend) if pastes else MixPlan(shape, reason="no_patch")


def draw_holes(
    rng: np.random.Generator,
    shape: tuple[int, int],
    rule: HoleRule,
    outlines: Outlines | None = None,
    *,
    seeded: bool,
) -> list[tuple[Rect, int]]:
    """Draw patches without donors: where each lies, and the seed of what fills it, or -1.

    Args:
        rng: The only source of randomness.
        shape: (height, width) of the primary.
        rule: How many there are, and how they lie.
        outlines: See `make_plan`.
        seeded: Whether what fills them takes a seed.
    """
    holes: list[tuple[Rect, int]] = []
    taken = None if outlines is None else outlines.primary()
    for _ in range(rule.draw_count(rng)):
        seed = _draw_seed(rng) if seeded else -1
        patch = rule.place(geometry.draw_patch(rng, rule.alpha), shape, shape, taken)
        if patch is not None:
            holes.append((patch, seed))
            taken = None if taken is None else np.vstack([taken, patch])
    return holes


def name_donor(donor: Donor, index: int) -> str:
    """Return a donor's name for messages."""
    return f"donor {donor.id!r}" if donor.id else f"donor {index}"


def _draw_seed(rng: np.random.Generator) -> int:
    return int(rng.integers(SEEDS))


def _check_size(donor: Donor, index: int, shape: tuple[int, int], rule: PatchRule) -> None:
    if rule.fit == "error" and donor.shape != shape:
        *others, last = (repr(fit) for fit in rule.fits if fit != "error")
        raise InvalidSampleError(
            f"donor {donor.id or index!r} has size {donor.shape}, the primary {shape} (height, "
            "width), and fit='error' asks for equal sizes. Resize the donor, or use "
            f"fit={', '.join(others)} or {last}."
        )


def _place_objects(
    draw: geometry.PatchDraw,
    shape: tuple[int, int],
    donor: tuple[int, int],
    rects: NDArray[np.int64],
    rule: PatchRule,
    taken: NDArray[np.int64],
) -> tuple[Rect, Rect] | None:
    """Return a patch, and a source that holds whole donor objects; neither cuts an object."""
    if not len(rects):
        return None
    if rule.fit == "whole":
        whole = geometry.place_whole(draw, shape, rule.shares, donor)
        size = None if whole is None else (whole.width, whole.height)
        patch = size and search.place_clear(draw, shape, size, taken, allow_whole=True)
        return patch and (patch, Rect(0, 0, donor[1], donor[0]))
    scale = geometry.scale_of(rule.fit, shape, donor)
    return search.place_objects(draw, shape, taken, donor, rects, rule.shares, scale)
