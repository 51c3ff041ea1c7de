"""A donor through a pipeline of the host, under a seed: what `mapped` does to each draw.

The host carries pixels and coordinates. Every row carries its number in a last column, and what
belongs to a row (its fields, its mask) is picked by that number afterwards: through the host's
label encoders, which remember earlier calls, values would change.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from albumentations.core.composition import BaseCompose

from albu_cutmix.boxes import from_xyxy, round_out, snap, to_xyxy
from albu_cutmix.errors import InvalidArgumentError, InvalidSampleError
from albu_cutmix.host.instances import check_index
from albu_cutmix.host.pipelines import find_mixes
from albu_cutmix.host.rows import host_format
from albu_cutmix.keypoints import keypoint_columns, read_keypoints
from albu_cutmix.sample import Donor

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["copy_pipeline", "map_donor"]

ROWS = (("bboxes", "bbox_params", "BboxParams"), ("keypoints", "keypoint_params", "KeypointParams"))


def copy_pipeline(pipeline: Any) -> Any:
    """Return a pipeline of one's own that carries numbered rows, and no label fields.

    Raises:
        InvalidArgumentError: If it is no pipeline, or holds a mix.
    """
    if not isinstance(pipeline, BaseCompose) or not hasattr(pipeline, "processors"):
        raise InvalidArgumentError(
            f"mapped needs a pipeline, A.Compose([...]), got {type(pipeline).__name__}. Put a "
            "single transform into one."
        )
    if any(True for _ in find_mixes(pipeline)):
        raise InvalidArgumentError(
            "the pipeline of mapped holds a mix, and what was mixed already cannot be mixed "
            "truthfully. Leave the mix to the pipeline that the pool is for."
        )
    own = copy.deepcopy(pipeline)
    for processor in own.processors.values():
        processor.params.label_fields = None
    return own


def map_donor(donor: Donor, pipeline: Any, seed: int, mask_index_field: str | None = None) -> Donor:
    """Return a donor as a pipeline makes it under a seed.

    Boxes are clipped to their image first, since the host takes no others. Masks follow their
    boxes: those of boxes that a crop removed go too, and where a mirrored border shows an object
    several times, each box keeps the part of the mask within it.

    Args:
        donor: The donor; not changed.
        pipeline: What `copy_pipeline` gave; its random streams are set to the seed.
        seed: A whole number of at least 0.
        mask_index_field: A field of boxes that says which row of `masks` each one owns.

    Raises:
        InvalidSampleError: If the pipeline lacks the parameters of a target.
    """
    where = f"donor {donor.id!r}" if donor.id else "a donor"
    _check_targets(donor, pipeline, where)
    # One stream for all steps. Seeds would not do: 2.0.8 gives each step a stream of its own that
    # starts alike, so that they go together, and the other host adds the worker's seed to them.
    pipeline.set_random_state(np.random.default_rng(seed), random.Random(seed))  # noqa: S311
    out = pipeline(**_to_call(donor, pipeline, where))
    shape = out["image"].shape[:2]
    parts: dict[str, Any] = {"image": out["image"], "label": donor.label, "id": donor.id}
    if donor.mask is not None:
        parts["mask"] = out["mask"]
    masks = donor.masks if donor.masks is None else list(out.get("masks", ()))
    if donor.bboxes is not None:
        parts["bboxes"], numbers = _read_boxes(out["bboxes"], pipeline, shape)
        parts["fields"] = _pick(donor.fields, numbers)
        owners = _owners(donor, numbers, mask_index_field, where)
        if masks is not None and owners is not None:
            masks = _follow(masks, owners, parts["bboxes"], shape)
            if mask_index_field is not None:
                parts["fields"][mask_index_field] = np.arange(len(masks))
    if masks is not None:
        parts["masks"] = (
            masks if len(masks) else np.zeros((0, *shape), np.asarray(donor.masks).dtype)
        )
    if donor.keypoints is not None:
        points, numbers = _read_points(out["keypoints"], pipeline)
        parts["keypoints"] = points
        parts["keypoint_fields"] = _pick(donor.keypoint_fields, numbers)
    return Donor(**parts)


def _check_targets(donor: Donor, pipeline: Any, where: str) -> None:
    """Raise unless the pipeline carries every target of a donor."""
    for kind, argument, params in ROWS:
        if getattr(donor, kind) is not None and kind not in pipeline.processors:
            raise InvalidSampleError(
                f"{where} has {kind}, and the pipeline of mapped does not carry them. Give it "
                f"{argument}=A.{params}(...)."
            )
    if donor.aliases:
        raise InvalidSampleError(
            f"{where} has aliases {sorted(donor.aliases)}, which mapped cannot carry. Leave them "
            "out."
        )


def _to_call(donor: Donor, pipeline: Any, where: str) -> dict[str, Any]:
    """Return a donor as keywords of a call, its rows with their numbers in a last column."""
    data: dict[str, Any] = {"image": donor.image, "mask": donor.mask}
    if donor.masks is not None and len(donor.masks):  # not every step takes an empty list
        data["masks"] = donor.masks
    if donor.bboxes is not None:
        height, width = donor.shape
        inside = np.clip(donor.bboxes, 0, [width, height, width, height])
        name = host_format(pipeline.processors["bboxes"])
        data["bboxes"] = _number(from_xyxy(inside, name, donor.shape))
    if donor.keypoints is not None:
        processor = pipeline.processors["keypoints"]
        name = host_format(processor)
        points = donor.points_for(name, where)
        lost = [letter for letter in "zas" if letter not in name]
        if points[:, ["xyzas".index(letter) for letter in lost]].any():
            raise InvalidSampleError(
                f"{where} has keypoints with z, angle or scale, which the pipeline of mapped, with "
                f"the format {name!r}, does not carry. Use a format that does, such as 'xyas'."
            )
        in_degrees = processor.params.angle_in_degrees
        data["keypoints"] = _number(keypoint_columns(points, name, in_degrees=in_degrees))
    return {key: value for key, value in data.items() if value is not None}


def _number(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.hstack([rows, np.arange(len(rows), dtype=np.float64)[:, None]])


def _read_boxes(
    rows: Any, pipeline: Any, shape: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the boxes of a result as xyxy pixels, and their numbers."""
    found = np.asarray(rows, np.float64).reshape(-1, 5)
    bboxes = snap(to_xyxy(found[:, :4], host_format(pipeline.processors["bboxes"]), shape))
    # Crops of 2.0.8 leave boxes of no area where an object was.
    there = (bboxes[:, :2] < bboxes[:, 2:]).all(1)
    return bboxes[there], found[there, 4].astype(np.int64)


def _read_points(rows: Any, pipeline: Any) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the keypoints of a result as points (K, 5), and their numbers."""
    processor = pipeline.processors["keypoints"]
    name = host_format(processor)
    found = np.asarray(rows, np.float64).reshape(-1, len(name) + 1)
    in_degrees = processor.params.angle_in_degrees
    points = read_keypoints(found[:, :-1], name, in_degrees=in_degrees)
    return points, found[:, -1].astype(np.int64)


def _pick(fields: Mapping[str, Any], numbers: NDArray[np.int64]) -> dict[str, Any]:
    """Return the values of some rows, each container as it is."""
    return {
        name: values[numbers] if isinstance(values, np.ndarray) else [values[i] for i in numbers]
        for name, values in fields.items()
    }


def _owners(
    donor: Donor, numbers: NDArray[np.int64], field: str | None, where: str
) -> NDArray[np.int64] | None:
    """Return which row of masks each box owns; None where masks belong to no boxes."""
    masks = 0 if donor.masks is None else len(donor.masks)
    if field is None:
        boxes = 0 if donor.bboxes is None else len(donor.bboxes)
        return numbers if masks == boxes else None
    if field not in donor.fields:
        raise InvalidSampleError(
            f"mask_index_field={field!r} must be a field of boxes, got {sorted(donor.fields)} in "
            f"{where}."
        )
    rows = check_index(donor.fields[field], masks, where)
    return np.array(rows, np.int64)[numbers]


def _follow(
    masks: Sequence[NDArray[Any]],
    owners: NDArray[np.int64],
    bboxes: NDArray[np.float64],
    shape: tuple[int, int],
) -> list[NDArray[Any]]:
    """Return the mask of each box; of one that shows several times, the part within the box."""
    out = []
    twice = np.bincount(owners, minlength=1) > 1
    for owner, rect in zip(owners.tolist(), round_out(bboxes, shape).tolist(), strict=True):
        mask = masks[owner]
        if twice[owner]:
            x_min, y_min, x_max, y_max = rect
            mask = np.zeros_like(mask)
            mask[y_min:y_max, x_min:x_max] = masks[owner][y_min:y_max, x_min:x_max]
        out.append(mask)
    return out
