"""The seam map of a call: checked, kept where nothing is pasted, drawn where a patch is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from albu_cutmix.errors import InvalidSampleError
from albu_cutmix.seams import draw_seam, find_edges

if TYPE_CHECKING:
    from albu_cutmix.plan import MixPlan
    from albu_cutmix.safety import Safety

__all__ = ["SeamMap"]


class SeamMap(NamedTuple):
    """Under which key the map comes, and how deep a pair marks it; without a key there is none."""

    key: str | None
    width: int

    def check(self, data: Mapping[str, Any]) -> None:
        """Raise InvalidSampleError where the call holds something else under the key."""
        held = None if self.key is None else data.get(self.key)
        if held is None:
            return
        shape = data["image"].shape[:2]
        if not (isinstance(held, np.ndarray) and held.dtype == np.uint8 and _is_flat(held, shape)):
            got = f"{held.dtype} {held.shape}" if isinstance(held, np.ndarray) else type(held)
            raise InvalidSampleError(
                f"{self.key!r} is the seam map, uint8 of shape {shape}, and the call holds {got} "
                "under it. Leave it out of the call, or choose another name: seam_key=..."
            )

    def keep(self, data: dict[str, Any], shape: tuple[int, int]) -> None:
        """Write an empty map where the call holds none."""
        if self.key is not None and data.get(self.key) is None:
            data[self.key] = np.zeros(shape, np.uint8)

    def add(self, out: dict[str, Any], plan: MixPlan, safety: Safety) -> None:
        """Write the map of a mix; that of an earlier one goes on beside the patches."""
        if self.key is None:
            return
        held = out.get(self.key)
        drawn = draw_seam(safety.edges or find_edges(plan), plan.shape, self.width)
        if held is not None:
            drawn = drawn.reshape(held.shape)
            earlier = held.copy()
            for rect in plan.covered:
                earlier[rect.rows_cols] = 0
            drawn |= earlier
        out[self.key] = drawn


def _is_flat(held: np.ndarray[Any, Any], shape: tuple[int, ...]) -> bool:
    """Whether a map has a shape, also with the channel axis that one host adds."""
    return held.shape in (shape, (*shape, 1))
