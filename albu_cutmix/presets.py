"""`PRESETS`: arguments of `CutMix` to begin with, one set per task, and the limits of each."""

from __future__ import annotations

from typing import Any

from albu_cutmix.limits import SafetyLimits

__all__ = ["PRESETS"]

# Settings follow audits of real boxes (docs/safety.md): the paper's own draw erases a fifth to a
# quarter of the primary's objects, patches of up to 15 % a twentieth, "avoid" none; and a higher
# min_visibility drops objects that still show. Limits leave out what a task does not have: a
# detector has no class label per image, a classifier no boxes to truncate.
#: Arguments of `CutMix` by task: `CutMix(pool, **PRESETS["detection"])`.
PRESETS: dict[str, dict[str, Any]] = {
    "detection": {
        "placement": "avoid",
        "area_range": (0.02, 0.33),
        "limits": SafetyLimits(truncated=0.5, remnant=0.005, seam_on_object=0.75, label_jump=None),
    },
    "segmentation": {
        "area_range": (0.1, 0.4),
        "limits": SafetyLimits(truncated=0.5, remnant=0.005, seam_on_object=0.75, label_jump=0.75),
    },
    "classification": {
        "area_range": (0.1, 0.5),
        "limits": SafetyLimits(
            erased=None, truncated=None, slivers=None, splits=None, remnant=None,
            seam_on_object=None, label_jump=None,
        ),
    },
    "paper": {"placement": "paper", "alpha": 1.0, "limits": SafetyLimits()},
}  # fmt: skip
