"""From where on a mix is unsafe: the flags, their limits, and what is done about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import IntFlag
from typing import Any

from albu_cutmix.arguments import check_choice, is_number, is_whole
from albu_cutmix.errors import InvalidArgumentError

__all__ = ["SafetyFlag", "SafetyLimits", "SafetyRule"]

LABEL_WEIGHTS = ("area", "object")
ON_UNSAFE = ("flag", "resample", "skip", "raise")
COUNTS = ("erased", "slivers", "splits")
SHARES = ("truncated", "remnant", "seam_on_object", "label_jump", "label_noise")


class SafetyFlag(IntFlag):
    """What is unsafe about a mix: bits of `MixRecord.flags`.

    Attributes:
        ERASED: A primary object has no pixel left.
        TRUNCATED: Little is left of a primary object that comes out.
        SLIVER: A box that comes out has become very small or thin.
        SPLIT: The patch cuts a primary's box in two.
        REMNANT: Pixels show an object that was dropped.
        SEAM_ON_OBJECT: Much of the seam runs through objects.
        LABEL_JUMP: The semantic masks differ along much of the seam.
        GHOST: The class label gives weight to a side of which no object shows.
        LABEL_NOISE: The class label's weights are far from the shares of visible objects.
    """

    ERASED = 1
    TRUNCATED = 2
    SLIVER = 4
    SPLIT = 8
    REMNANT = 16
    SEAM_ON_OBJECT = 32
    LABEL_JUMP = 64
    GHOST = 128
    LABEL_NOISE = 256


@dataclass(frozen=True, repr=False)
class SafetyLimits:
    """From where on a mix is unsafe. Every limit but the sliver's sides may be None: never.

    Args:
        erased: Most primary objects without a pixel left.
        truncated: Least visibility of a primary object that comes out.
        slivers: Most boxes that became slivers.
        sliver_side: A box with a side under so many pixels is a sliver,
        sliver_aspect: or one so many times as long as wide; if it was neither before.
        splits: Most primary boxes cut in two.
        remnant: Greatest share of the image's pixels that shows dropped objects.
        seam_on_object: Greatest share of the seam's pairs that cut an object.
        label_jump: Greatest share of the seam's pairs where mask values differ.
        ghosts: Whether a class label of a side that shows no object is unsafe.
        label_noise: Greatest gap between label weight and share of visible objects.

    Raises:
        InvalidArgumentError: If a limit is out of range.

    >>> SafetyLimits(truncated=0.5, remnant=None).truncated
    0.5
    """

    erased: int | None = 0
    truncated: float | None = 0.9
    slivers: int | None = 0
    sliver_side: float = 4.0
    sliver_aspect: float = 8.0
    splits: int | None = 0
    remnant: float | None = 0.0
    seam_on_object: float | None = 0.25
    label_jump: float | None = 0.5
    ghosts: bool | None = True
    label_noise: float | None = 0.35

    def __post_init__(self) -> None:
        """Check every limit once."""
        for name in COUNTS:
            value = getattr(self, name)
            if value is not None and not (is_whole(value) and value >= 0):
                self._refuse(name, "a count >= 0, or None")
        for name in SHARES:
            value = getattr(self, name)
            if value is not None and not (is_number(value) and 0 <= value <= 1):
                self._refuse(name, "a share in [0, 1], or None")
        for name, least in (("sliver_side", 0), ("sliver_aspect", 1)):
            value = getattr(self, name)
            if not (is_number(value) and least <= value < float("inf")):
                self._refuse(name, f"a number >= {least}")
        ghosts: Any = self.ghosts
        if not isinstance(ghosts, (bool, type(None))):
            self._refuse("ghosts", "True, False or None")

    def __repr__(self) -> str:
        """Return what differs from the default, as it would be written."""
        given = [(field.name, getattr(self, field.name), field.default) for field in fields(self)]
        args = ", ".join(f"{name}={value!r}" for name, value, usual in given if value != usual)
        return f"{type(self).__name__}({args})"

    def _refuse(self, name: str, expected: str) -> None:
        raise InvalidArgumentError(
            f"SafetyLimits.{name} must be {expected}, got {getattr(self, name)!r}."
        )

    @classmethod
    def of(cls, limits: Any) -> SafetyLimits:
        """Return limits as they are, or those of a mapping of them, or the default for None."""
        if limits is None:
            return cls()
        if isinstance(limits, cls):
            return limits
        names = [field.name for field in fields(cls)]
        if not isinstance(limits, Mapping) or not set(limits) <= set(names):
            got = sorted(map(str, limits)) if isinstance(limits, Mapping) else repr(limits)
            raise InvalidArgumentError(
                f"limits must be SafetyLimits(...), a mapping of its arguments {names}, or None, "
                f"got {got}."
            )
        return cls(**limits)

    def as_dict(self) -> dict[str, Any]:
        """Return the limits as plain data, which `CutMix(limits=...)` takes as well."""
        return asdict(self)


@dataclass(frozen=True)
class SafetyRule:
    """What is measured, drawn and done; the arguments of `CutMix` of the same names.

    Raises:
        InvalidArgumentError: If a value is out of range.
    """

    seam_width: int = 2
    ignore_index: int | None = None
    background: Any = 0
    label_weight: str = "area"
    limits: SafetyLimits = SafetyLimits()
    on_unsafe: str = "flag"

    def __post_init__(self) -> None:
        """Check every argument once."""
        if isinstance(self.background, list):  # as JSON gives it
            object.__setattr__(self, "background", tuple(self.background))
        check_choice("label_weight", self.label_weight, LABEL_WEIGHTS)
        check_choice("on_unsafe", self.on_unsafe, ON_UNSAFE)
        if not is_whole(self.seam_width) or self.seam_width < 1:
            raise InvalidArgumentError(
                f"seam_width must be a whole number of pixels >= 1, got {self.seam_width!r}."
            )
        if self.ignore_index is not None and not is_whole(self.ignore_index):
            raise InvalidArgumentError(
                f"ignore_index must be a whole number or None, got {self.ignore_index!r}."
            )
        values = self.background if isinstance(self.background, tuple) else (self.background,)
        if not (self.background is None or (values and all(map(is_whole, values)))):
            raise InvalidArgumentError(
                f"background must be a value of mask, a tuple of values, or None, got "
                f"{self.background!r}."
            )
