"""The donors of a call: from the pool, or from the call itself, read in the pipeline's format."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

from albu_cutmix.errors import CutMixError, EmptyPoolError, InvalidSampleError
from albu_cutmix.host.fields import label_fields
from albu_cutmix.host.rows import host_format
from albu_cutmix.sample import Donor

__all__ = ["check_pool", "check_pool_index", "read_donor"]


def check_pool(pool: Any, name: str, error: type[CutMixError], *, optional: bool = True) -> None:
    """Raise unless a pool, or the list of donors in a call, has len() and [i] and is not empty."""
    if pool is None and optional:
        return
    if isinstance(pool, (str, bytes, Mapping)) or not (
        hasattr(pool, "__len__") and hasattr(pool, "__getitem__")
    ):
        raise error(
            f"{name} must have len() and [i], got {type(pool).__name__}. Give a list of donors, or "
            "one of albu_cutmix's pools such as coco_pool(...)."
        )
    if len(pool) == 0:
        raise EmptyPoolError(
            f"CutMix needs at least one donor, got none in an empty {type(pool).__name__}."
        )


def check_pool_index(index: Any, count: int) -> int:
    """Return the index of the primary in a pool of *count* donors."""
    try:
        number = operator.index(index)
    except TypeError:
        number = -1
    if not 0 <= number < count:
        raise InvalidSampleError(
            f"pool_index must be an index of the pool of {count} donors, got {index!r}."
        )
    return number


def read_donor(
    donors: Any,
    index: int,
    processors: Mapping[str, Any],
    label_key: str,
    aliases: Mapping[str, str],
    *,
    seed: int = -1,
) -> Donor:
    """Return donor *index*, checked; a mapping is read like a call of the pipeline.

    Args:
        donors: The pool, or the list of donors of a call.
        index: Which of them.
        processors: The pipeline's processors by kind of rows.
        label_key: Name of the class label.
        aliases: Kind of each additional target.
        seed: The seed under which a pool that takes one gives the donor; -1: none.

    Raises:
        InvalidSampleError: If it is neither a `Donor` nor a mapping that makes one.
    """
    item = donors[index] if seed < 0 else donors.draw(index, seed)
    if isinstance(item, Donor):
        return item
    if not isinstance(item, Mapping):
        raise InvalidSampleError(
            f"donor {index} must be a Donor or a mapping with the key 'image', got "
            f"{type(item).__name__}. For other data sets: dataset_pool(dataset, to_donor)."
        )
    boxes, points = processors.get("bboxes"), processors.get("keypoints")
    # Without a format they cannot be read, and a call cannot hold them.
    unread = {key for key in ("bboxes", "keypoints") if processors.get(key) is None}
    return Donor.from_mapping(
        {key: value for key, value in item.items() if key not in unread},
        bbox_format="pascal_voc" if boxes is None else host_format(boxes),
        label_fields=label_fields(boxes),
        keypoint_format="xy" if points is None else host_format(points),
        keypoint_fields=label_fields(points),
        angle_in_degrees=points is None or points.params.angle_in_degrees,
        label_key=label_key,
        aliases=aliases,
        id=str(item.get("id", index)),
    )
