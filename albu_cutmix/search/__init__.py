"""Placements that look where objects lie: exact searches among integer rectangles, never tries.

Random numbers come in a `PatchDraw`; objects as half-open rectangles in pixels, (N, 4) int64. More
than `clear.MOST_EXACT` of them are widened first where their edges are as many: what is found
touches none of them all the same, but gaps of less than two cells of `MOST_EXACT` a side may be
missed.
"""

from __future__ import annotations

from albu_cutmix.search.avoid import place_avoid
from albu_cutmix.search.clear import place_clear
from albu_cutmix.search.objects import place_objects

__all__ = ["place_avoid", "place_clear", "place_objects"]
