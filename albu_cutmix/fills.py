"""What fills a hole: a constant, the image's mean, or noise under a seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.arguments import is_finite
from albu_cutmix.errors import InvalidArgumentError, InvalidSampleError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FillRule"]

WORDS = ("mean", "noise")


@dataclass(frozen=True)
class FillRule:
    """How holes are filled; the argument of `Cutout` of the same name.

    Raises:
        InvalidArgumentError: If it is none of a number, numbers, "mean" and "noise".
    """

    fill: float | str | Sequence[float] = 0

    def __post_init__(self) -> None:
        """Check it once."""
        if isinstance(self.fill, str):
            good = self.fill in WORDS
        else:
            values = self.fill if isinstance(self.fill, (tuple, list)) else (self.fill,)
            good = bool(values) and all(map(is_finite, values))
        if not good:
            raise InvalidArgumentError(
                f"fill must be a number, a tuple of one number per channel, 'mean' or 'noise', got "
                f"{self.fill!r}."
            )

    @property
    def is_noise(self) -> bool:
        """Whether a fill takes a seed."""
        return self.fill == "noise"

    def pixels(
        self, image: NDArray[Any], size: tuple[int, int], seed: int, key: str
    ) -> NDArray[Any]:
        """Return what fills a hole.

        Args:
            image: The primary, (H, W) or (H, W, C).
            size: (height, width) of the hole.
            seed: Of noise: uniform over [0, 1) in float32, over all values of an integer dtype.
            key: Name of the image in the call, for messages.

        Returns:
            Shape (h, w) or (h, w, C), of the image's dtype. A mean is that of the whole image,
            channel by channel, rounded half to even where it is no float.

        Raises:
            InvalidSampleError: If a constant does not fit the image.
        """
        shape, dtype = (*size, *image.shape[2:]), image.dtype
        if self.is_noise:
            rng = np.random.default_rng(seed)
            noise = rng.random(shape, dtype=np.float32)  # of one seed alike in every dtype
            if dtype.kind == "f":
                return noise
            noise *= float(np.iinfo(dtype).max + 1)
            return noise.astype(dtype)
        if self.fill == "mean":
            mean = image.mean((0, 1), dtype=np.float64)
            values = (mean if dtype.kind == "f" else np.rint(mean)).astype(dtype)
        else:
            values = self._constant(image, key)
        return np.broadcast_to(values, shape)

    def _constant(self, image: NDArray[Any], key: str) -> NDArray[Any]:
        """Return the constant in the dtype of an image; nothing is rounded or clipped."""
        plain = np.asarray(self.fill, np.float64)
        channels = image.shape[2] if image.ndim == 3 else 1
        if plain.ndim and len(plain) != channels:
            raise InvalidSampleError(
                f"fill={self.fill!r} must hold one number per channel, got {key} of {channels} "
                "channels. Give one number for all of them, or as many as channels."
            )
        with np.errstate(invalid="ignore", over="ignore"):
            values = plain.astype(image.dtype)
        # Fractions are rounded to float32, as everywhere; more than it holds is an error.
        good = np.isfinite(values) if image.dtype.kind == "f" else values == plain
        if not good.all():
            raise InvalidSampleError(
                f"fill={self.fill!r} must be a value that {key} can hold, got an image of dtype "
                f"{image.dtype}. Choose another value, or convert the image."
            )
        return values if image.ndim == 3 else values.reshape(())
