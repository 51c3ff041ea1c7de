"""What a call of a mix may hold: names of keys, and targets that stay true."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.checks import check_image, check_mask, check_masks
from albu_cutmix.errors import InvalidArgumentError, InvalidSampleError
from albu_cutmix.host.fields import label_fields

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "check_aliases",
    "check_background",
    "check_call",
    "check_ignore_index",
    "check_keys",
    "check_objects",
]

REFUSED = frozenset({"images", "volume", "volumes", "mask3d", "masks3d"})
TARGETS = REFUSED | {"image", "mask", "masks", "bboxes", "keypoints"}
ALIASED = ("image", "mask", "bboxes")
ROWS = (
    ("bboxes", "bbox_params", "BboxParams"),
    ("keypoints", "keypoint_params", "KeypointParams"),
)


def check_keys(named: dict[str, Any]) -> None:
    """Raise InvalidArgumentError unless the arguments name different keys of a call."""
    for argument, key in named.items():
        if not isinstance(key, str) or not key.isidentifier():
            raise InvalidArgumentError(f"{argument} must be a keyword name, got {key!r}.")
        if key in TARGETS:
            raise InvalidArgumentError(
                f"{argument}={key!r} is the name of a target. Choose another name."
            )
    names = [*named.values(), f"{named['label_key']}_donor", "pool_index"]
    if len(set(names)) < len(names):
        raise InvalidArgumentError(
            f"{', '.join(named)}, <label_key>_donor and pool_index must be different names, got "
            f"{names!r}."
        )


def check_aliases(aliases: Mapping[str, str], own_keys: set[str], name: str) -> None:
    """Raise InvalidArgumentError where an additional target has the name of a mix's own key."""
    for key in sorted(own_keys & aliases.keys()):
        raise InvalidArgumentError(
            f"additional target {key!r} is a key of {name} itself. Choose another name, "
            "label_key, record_key or metadata_key."
        )


def check_call(
    data: Mapping[str, Any],
    name: str,
    aliases: Mapping[str, str],
    get_processor: Callable[[str], Any],
) -> None:
    """Raise InvalidSampleError for what cannot be mixed truthfully, fired or not.

    Args:
        data: The call.
        name: Name of the transform, for messages.
        aliases: Kind of each additional target of the pipeline.
        get_processor: Gives the pipeline's processor of a kind of rows.
    """
    check_image(data.get("image"), "the primary")
    shape = data["image"].shape
    if data.get("mask") is not None:
        check_mask(data["mask"], shape, "the primary")
    if data.get("masks") is not None:
        check_masks(data["masks"], shape, "the primary")
    if not REFUSED.isdisjoint(data):
        _refuse(name, sorted(key for key in REFUSED & data.keys() if data[key] is not None))
    if aliases:
        _check_aliases(data, name, aliases)
    for kind, argument, params in ROWS:
        given = [kind] if data.get(kind) is not None else []
        if aliases:
            given += [key for key in aliases if aliases[key] == kind and data.get(key) is not None]
        if not given:
            continue
        processor = get_processor(kind)
        if given != [kind] and label_fields(processor):
            raise InvalidSampleError(
                f"boxes of the additional target {given[-1]!r} have no label fields of their own, "
                f"and the pipeline declares {label_fields(processor)!r}. Leave {given[-1]!r} out "
                "of the call, or pass its boxes among bboxes with a field that tells them apart."
            )
        if processor is None:
            raise InvalidSampleError(
                f"{name} got {given[0]} without their format. Put it into a pipeline with "
                f"{argument}: A.Compose([...], {argument}=A.{params}(...))."
            )


def check_ignore_index(mask: NDArray[Any], index: int | None) -> None:
    """Raise InvalidSampleError unless a mask can hold an index."""
    if index is not None and not _holds(mask, index):
        raise InvalidSampleError(
            f"ignore_index={index} must be a value that mask can hold, got a mask of dtype "
            f"{mask.dtype}. Choose another index, or convert the mask."
        )


def check_background(mask: NDArray[Any], value: int | None, key: str) -> None:
    """Raise InvalidSampleError unless there is a value for the holes of a mask that it can hold."""
    if value is None:
        raise InvalidSampleError(
            f"a hole in {key!r} needs a value, got background=None and no ignore_index. Pass one "
            "of them."
        )
    if not _holds(mask, value):
        raise InvalidSampleError(
            f"holes in {key!r} must hold a value of its dtype, got {value} for a mask of dtype "
            f"{mask.dtype}. Choose another background or ignore_index, or convert the mask."
        )


def check_objects(data: Mapping[str, Any], masks_mode: str, argument: str) -> None:
    """Raise InvalidSampleError where a call has no objects, and an argument asks for them."""
    given = [key for key in ("masks", "mask", "bboxes") if data.get(key) is not None]
    if not given or (given == ["masks"] and masks_mode == "layers"):
        raise InvalidSampleError(
            f"{argument} needs objects in the call: instance masks, mask or bboxes, got "
            f"{'masks as layers' if given else 'none of them'}. Pass them, or leave it out."
        )


def _holds(mask: NDArray[Any], value: int) -> bool:
    """Whether the dtype of a mask holds a whole number exactly."""
    kind: str = mask.dtype.kind
    if kind == "b":
        return value in (0, 1)
    if kind == "f":
        return bool(np.abs(value) <= 2 ** (np.finfo(mask.dtype).nmant + 1))
    limits = np.iinfo(mask.dtype)
    return bool(limits.min <= value <= limits.max)


def _check_aliases(data: Mapping[str, Any], name: str, aliases: Mapping[str, str]) -> None:
    given = [key for key in aliases if data.get(key) is not None]
    _refuse(name, [key for key in given if aliases[key] not in ALIASED])
    for key in given:
        if aliases[key] == "image":
            check_image(data[key], "the primary", key)
        if aliases[key] in ("image", "mask"):
            check_mask(data[key], data["image"].shape, "the primary", key)


def _refuse(name: str, odd: list[str]) -> None:
    if odd:
        raise InvalidSampleError(
            f"{name} mixes image, mask, masks, bboxes, keypoints, additional targets of image, "
            f"mask and bboxes, and a class label; the call also holds {odd}, which would no longer "
            "be true after a mix. Leave them out of the call."
        )
