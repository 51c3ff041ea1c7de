"""`weighted`: donors of rare classes, or those you name, are drawn more often."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.choice import check_weights
from albu_cutmix.errors import InvalidArgumentError
from albu_cutmix.pool import digest_of
from albu_cutmix.sharing import SharedArrays
from albu_cutmix.wrappers.wrapper import Wrapper

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["WeightedPool", "weighted"]

RULES = ("inverse", "sqrt")


class WeightedPool(SharedArrays, Wrapper):
    """A pool whose donors have chances of their own. See `weighted`."""

    def __init__(self, pool: Any, weights: Any) -> None:
        super().__init__(pool)
        if super().weights is not None:
            raise InvalidArgumentError(
                "weighted got a pool that has weights already. Give one array of weights: "
                "weighted(pool, first * second)."
            )
        self._rule = weights if isinstance(weights, str) else None
        if self._rule is not None and self._rule not in RULES:
            raise InvalidArgumentError(
                f"weights must be 'inverse', 'sqrt' or an array with a number for each donor, got "
                f"{weights!r}."
            )
        rule = self._rule is not None
        self._weights = _rarity(self, weights) if rule else check_weights(weights, len(self))
        self._weights.flags.writeable = False

    @property
    def weights(self) -> NDArray[np.float64]:  # type: ignore[override]
        """Chance of each donor to be drawn, shape (N,), in any scale."""
        return self._weights

    def digest(self) -> str:
        """Return a short hash of what the donors are, and of their weights."""
        return digest_of([super().digest(), self._weights])

    def to_spec(self) -> dict[str, Any] | None:
        """Return plain data that makes the pool anew; None where the inner pool has none."""
        return self._spec("weighted", weights=self._rule or self._weights.tolist())

    def remake(self) -> Callable[[], Any] | None:
        """Return what weighs the pool anew; None where the weights were given as an array."""
        return None if self._rule is None else partial(WeightedPool, self.pool, self._rule)


def _rarity(pool: Wrapper, rule: str) -> NDArray[np.float64]:
    """Return the weight of each donor: that of its rarest class. See `weighted`."""
    offsets, codes, classes = pool.class_rows()
    if not len(codes):
        raise InvalidArgumentError(
            f"weights={rule!r} needs the classes of the donors, and none of the {len(pool)} has a "
            "class label or a label field of boxes. Give an array of weights."
        )
    # A class counts once in a donor, however many of its boxes have it.
    owners = np.repeat(np.arange(len(pool)), np.diff(offsets))
    owners, codes = np.divmod(np.unique(owners * len(classes) + codes), len(classes))
    share = np.bincount(codes, minlength=len(classes)) / len(pool)
    weights = np.zeros(len(pool))
    np.maximum.at(weights, owners, 1 / (share if rule == "inverse" else np.sqrt(share))[codes])
    weights[weights == 0] = weights[weights > 0].min()
    return weights


def weighted(pool: Any, weights: Any) -> WeightedPool:
    """Draw some donors more often than others.

    Args:
        pool: The pool.
        weights: "inverse": the weight of a donor is the largest 1 / f(c) of its classes c, where
            f(c) is the share of donors that have an object of class c. "sqrt": the largest
            1 / sqrt(f(c)), which is gentler. Both are the repeat factors of LVIS (Gupta et al.
            2019, arXiv:1908.03195), who take the root, without its threshold. A donor without
            classes gets the least weight that another has. Or an array, shape (N,): finite
            numbers of at least 0, in any scale.

    Returns:
        The pool, with `weights`: `CutMix` draws donor i with the chance weights[i] / sum(weights).

    Raises:
        InvalidArgumentError: If the weights are no weights, the classes are not known, or the
            pool has weights already.
        EmptyPoolError: If the pool is empty.

    >>> from albu_cutmix import Donor
    >>> pixel = np.zeros((1, 1, 3), np.uint8)
    >>> pool = [Donor(pixel, label=name) for name in ("pear", "pear", "pear", "fig")]
    >>> weighted(pool, "inverse").weights
    array([1.33333333, 1.33333333, 1.33333333, 4.        ])
    """
    return WeightedPool(pool, weights)
