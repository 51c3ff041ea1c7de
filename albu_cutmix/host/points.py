"""Keypoint rows of the host: x, y, z, angle, scale, then one column per label field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.arguments import check_choice
from albu_cutmix.errors import InvalidArgumentError, InvalidSampleError
from albu_cutmix.host.fields import (
    check_declared,
    check_undeclared,
    encode_fields,
    field_column,
    label_fields,
    pick_values,
)
from albu_cutmix.host.rows import host_format
from albu_cutmix.keypoints import in_rect, map_keypoints

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from albu_cutmix.plan import MixPlan, Paste

__all__ = ["KeypointRule", "mix_keypoints"]

COLUMNS = 5  # of a point: x, y, z, angle, scale


@dataclass(frozen=True)
class KeypointRule:
    """What becomes of keypoints; the arguments of `CutMix` of the same names.

    Raises:
        InvalidArgumentError: If a mode is unknown, or mode and field contradict each other.
    """

    keypoint_mode: str = "remove"
    keypoint_visibility_field: str | None = None

    def __post_init__(self) -> None:
        """Check both together."""
        check_choice("keypoint_mode", self.keypoint_mode, ("remove", "flag"))
        if (self.keypoint_mode == "flag") != (self.keypoint_visibility_field is not None):
            raise InvalidArgumentError(
                f"keypoint_mode='flag' and keypoint_visibility_field go together, got "
                f"{self.keypoint_mode!r} and {self.keypoint_visibility_field!r}. Name the label "
                "field that is set to 0 for covered points, or use keypoint_mode='remove'."
            )

    def check(self, processor: Any) -> None:
        """Raise InvalidSampleError unless a pipeline's keypoint processor keeps what is flagged."""
        if self.keypoint_visibility_field is None:
            return
        check_declared(processor, self.keypoint_visibility_field, "keypoint_visibility_field")
        if processor.params.remove_invisible:
            raise InvalidSampleError(
                "keypoint_mode='flag' keeps every row, also of points outside the image, and the "
                "pipeline removes them. Use A.KeypointParams(..., remove_invisible=False)."
            )


def mix_keypoints(
    rows: NDArray[Any], plan: MixPlan, rule: KeypointRule, processor: Any, data: Mapping[str, Any]
) -> NDArray[Any]:
    """Return keypoint rows after a mix (rule 9 of the contract).

    Args:
        rows: The primary's rows, any number of them. Not modified.
        plan: A plan that pastes patches.
        rule: What becomes of points that do not show.
        processor: The pipeline's keypoint processor.
        data: The call, in which an empty primary still has its label fields.

    Raises:
        InvalidSampleError: If a donor has no keypoints, or a field or column is missing.
    """
    width = COLUMNS + len(label_fields(processor))
    if rows.size and rows.shape[1] != width:
        raise InvalidSampleError(
            f"keypoints must have the columns of their format, got {rows.shape[1] - width} more "
            "in the primary. Pass them as label fields."
        )
    own = rows if rows.size else np.zeros((0, width), rows.dtype)
    flag = rule.keypoint_mode == "flag"
    fresh: set[str] | None = None if rows.size else set()
    shown = [~in_rect(own, *plan.covered)]
    parts = [own if flag else own[shown[0]]]
    for paste in plan.pastes:
        added, shows = _donor_points(paste, flag, processor, data, fresh)
        shown.append(shows)
        parts.append(added.astype(own.dtype))
    out = np.concatenate(parts)
    name = rule.keypoint_visibility_field
    if name is not None and len(out):
        column = field_column(
            out, name, processor, "keypoints", "keypoint_visibility_field", "numbers"
        )
        out[~np.concatenate(shown), column] = 0
    return out


def _donor_points(
    paste: Paste, every: bool, processor: Any, data: Mapping[str, Any], fresh: set[str] | None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the points of a donor that come, or every one, as rows, and which of them show."""
    donor = paste.donor
    if donor.keypoints is None:
        raise InvalidSampleError(
            f"the primary has keypoints, {paste.where} has none. Give a donor without points an "
            "empty array (0, 2), or leave keypoints out of the call."
        )
    declared = label_fields(processor)
    check_undeclared(donor.keypoint_fields, declared, data, paste.where)
    points = donor.points_for(host_format(processor), paste.where)
    mapped = map_keypoints(points, paste.source, paste.patch)
    shows = in_rect(points, paste.source) & ~in_rect(mapped, *paste.covered)
    came = np.arange(len(points)) if every else np.flatnonzero(shows)
    out = np.empty((len(came), COLUMNS + len(declared)))
    out[:, :COLUMNS] = mapped[came]
    values = {
        name: pick_values(donor.keypoint_fields, name, came, paste.where, "keypoints")
        for name in declared
        if len(points)  # a donor without points has no value that could be missing
    }
    encoded = encode_fields(processor, "keypoints", values, data, paste.where, fresh)
    for column, codes in enumerate(encoded, COLUMNS):
        out[:, column] = codes
    return out, shows[came]
