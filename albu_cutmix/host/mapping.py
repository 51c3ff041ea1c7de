"""A donor through a pipeline of the host, under a seed: what `mapped` does to each draw."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
from albumentations.core.composition import BaseCompose

from albu_cutmix.checks import column_field
from albu_cutmix.errors import InvalidArgumentError, InvalidSampleError
from albu_cutmix.host.fields import label_fields
from albu_cutmix.host.pipelines import find_mixes
from albu_cutmix.host.rows import host_format
from albu_cutmix.sample import Donor

__all__ = ["check_pipeline", "map_donor"]

ROWS = (("bboxes", "BboxParams"), ("keypoints", "KeypointParams"))


def check_pipeline(pipeline: Any) -> None:
    """Raise InvalidArgumentError unless a pipeline can map donors."""
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


def map_donor(donor: Donor, pipeline: Any, seed: int) -> Donor:
    """Return a donor as a pipeline makes it under a seed.

    Boxes are clipped to their image first, since the host takes no others. Masks follow their
    boxes: those of boxes that a crop removed go too.

    Args:
        donor: The donor; not changed.
        pipeline: An `A.Compose`; its random streams are set to the seed.
        seed: A whole number of at least 0.

    Raises:
        InvalidSampleError: If the pipeline lacks the parameters or fields of a target.
    """
    where = f"donor {donor.id!r}" if donor.id else "a donor"
    for kind, params in ROWS:
        _check_rows(donor, pipeline, kind, params, where)
    if donor.aliases:
        raise InvalidSampleError(
            f"{where} has aliases {sorted(donor.aliases)}, which mapped cannot carry. Map the "
            "pipeline's output, or leave them out."
        )
    # One stream for all steps. Seeds would not do: 2.0.8 gives each step a stream of its own that
    # starts alike, so that they go together, and the other host adds the worker's seed to them.
    pipeline.set_random_state(np.random.default_rng(seed), random.Random(seed))  # noqa: S311
    boxes, points = (pipeline.processors.get(kind) for kind, _ in ROWS)
    formats = (
        "pascal_voc" if boxes is None else host_format(boxes),
        "xy" if points is None else host_format(points),
    )
    out = pipeline(**_to_call(donor, pipeline, formats))
    mapped = Donor.from_mapping(
        _follow_boxes(donor, out),
        bbox_format=formats[0],
        label_fields=label_fields(boxes),
        keypoint_format=formats[1],
        keypoint_fields=label_fields(points),
        angle_in_degrees=points is None or points.params.angle_in_degrees,
        id=donor.id,
    )
    return replace(mapped, label=donor.label)


def _to_call(donor: Donor, pipeline: Any, formats: tuple[str, str]) -> dict[str, Any]:
    """Return a donor as keywords of a call; the last column of its boxes numbers them."""
    data = _numbered(replace(donor, label=None)).to_mapping(*formats)
    if donor.masks is not None and not len(donor.masks):
        data.pop("masks")  # nothing to carry, and not every transform takes an empty list
    # The host asks for the label fields of what it could carry, also where there is none of it.
    for kind in (kind for kind, _ in ROWS if getattr(donor, kind) is None):
        if kind in pipeline.processors:
            names = (kind, *label_fields(pipeline.processors[kind]))
            data |= {name: [] for name in names}
    return data


def _follow_boxes(donor: Donor, out: dict[str, Any]) -> dict[str, Any]:
    """Return the result of a call without what the donor has not, and masks as their boxes."""
    out = {key: value for key, value in out.items() if getattr(donor, key, value) is not None}
    if donor.bboxes is not None:
        rows = np.asarray(out["bboxes"], np.float64).reshape(-1, 5 + _extra(donor))
        out["bboxes"] = rows[:, :-1]
        if donor.masks is not None and len(donor.masks) == len(donor.bboxes):
            out["masks"] = [out["masks"][row] for row in rows[:, -1].astype(np.int64)]
    if donor.masks is not None and not len(out.get("masks", ())):
        out["masks"] = np.zeros((0, *out["image"].shape[:2]), np.uint8)
    return out


def _check_rows(donor: Donor, pipeline: Any, kind: str, params: str, where: str) -> None:
    """Raise unless the pipeline carries the rows of a donor, and every field of them."""
    if getattr(donor, kind) is None:
        return
    processor = pipeline.processors.get(kind)
    argument = "bbox_params" if kind == "bboxes" else "keypoint_params"
    if processor is None:
        raise InvalidSampleError(
            f"{where} has {kind}, and the pipeline of mapped does not carry them. Give it "
            f"{argument}=A.{params}(...)."
        )
    fields = donor.fields if kind == "bboxes" else donor.keypoint_fields
    names = {name for name in fields if not name.startswith("bboxes[")}
    declared = set(label_fields(processor))
    if names != declared:
        raise InvalidSampleError(
            f"{where} has the fields {sorted(names)} of {kind}, and the pipeline of mapped "
            f"declares {sorted(declared)}. Give it {argument}=A.{params}(..., label_fields="
            f"{sorted(names)})."
        )


def _extra(donor: Donor) -> int:
    """Return how many columns its boxes have beyond the fourth."""
    count = 0
    while column_field(4 + count) in donor.fields:
        count += 1
    return count


def _numbered(donor: Donor) -> Donor:
    """Return a donor with clipped boxes, and the number of each in a last column."""
    if donor.bboxes is None:
        return donor
    height, width = donor.shape
    boxes = np.clip(donor.bboxes, 0, [width, height, width, height])
    number = {column_field(4 + _extra(donor)): np.arange(len(boxes), dtype=np.float64)}
    return replace(donor, bboxes=boxes, fields={**donor.fields, **number})
