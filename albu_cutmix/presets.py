"""`PRESETS`: arguments of `CutMix` to begin with, one set per task."""

from __future__ import annotations

from typing import Any

__all__ = ["PRESETS"]

# Areas follow the figures on real boxes (coco128, BCCD): patches of up to 15 % erase 6 to 9 % of
# the primary's boxes, the paper's own draw 23 to 24 %.
#: Arguments of `CutMix` by task: `CutMix(pool, **PRESETS["detection"])`.
PRESETS: dict[str, dict[str, Any]] = {
    "detection": {"area_range": (0.02, 0.15), "min_visibility": 0.3},
    "segmentation": {"area_range": (0.1, 0.4)},
    "classification": {"area_range": (0.1, 0.5)},
    "paper": {"placement": "paper", "alpha": 1.0},
}
