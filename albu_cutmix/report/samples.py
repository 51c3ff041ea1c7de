"""The samples of an audit: read as calls of a pipeline, and a pipeline where there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import albumentations as A
import numpy as np

from albu_cutmix.errors import CutMixError, InvalidSampleError
from albu_cutmix.host.base import MixTransform
from albu_cutmix.host.versions import SampledParams
from albu_cutmix.sample import Donor

__all__ = ["FAILURES", "read_sample", "wrap"]

#: What may go wrong with one sample and leave the others be; the host raises ValueError for rows.
FAILURES = (CutMixError, OSError, ValueError)
#: Annotated boxes may reach over the edge of their image; the two hosts name it differently.
CLIP = "clip" if SampledParams is None else "clip_bboxes_on_input"
LOOKED_AT = 50  # first samples that are read to learn which fields there are
NO_FIELDS = ("image", "mask", "masks", "bboxes", "keypoints", "label", "id")


def read_sample(
    samples: Any, index: int, bbox_format: str = "pascal_voc", keypoint_format: str = "xy"
) -> dict[str, Any]:
    """Return sample *index* as keywords of a call in these formats.

    Args:
        samples: A pool of this package, or a sequence of donors, or of mappings in these formats.
        index: Which sample.
        bbox_format: Format of the pipeline's `BboxParams`.
        keypoint_format: Format of its `KeypointParams`.

    Raises:
        InvalidSampleError: If it is neither a mapping with an image nor a donor.
    """
    if callable(getattr(samples, "sample", None)):
        return dict(samples.sample(index, bbox_format, keypoint_format))
    sample = samples[index]
    if isinstance(sample, Donor):
        return sample.to_mapping(bbox_format, keypoint_format)
    if not isinstance(sample, Mapping) or "image" not in sample:
        got = sorted(sample) if isinstance(sample, Mapping) else type(sample).__name__
        raise InvalidSampleError(
            f"a sample must be a mapping of the pipeline's keys with 'image', got {got} as sample "
            f"{index}."
        )
    return dict(sample)


def wrap(mix: MixTransform, samples: Any) -> A.Compose:
    """Put a mix into a pipeline for samples with boxes as "pascal_voc" and keypoints as "xy".

    Label fields are those of the first sample that holds rows: of a donor its fields, of a
    mapping whatever has one value per row.
    """
    bboxes, keypoints = (_find_fields(samples, kind) for kind in ("bboxes", "keypoints"))
    bbox_params = keypoint_params = None
    if bboxes is not None:
        bbox_params = A.BboxParams("pascal_voc", label_fields=bboxes, **{CLIP: True})
    if keypoints is not None:
        flagged = getattr(mix, "keypoint_mode", "") == "flag"
        keypoint_params = A.KeypointParams(
            "xy", label_fields=keypoints, remove_invisible=not flagged
        )
    return A.Compose([mix], bbox_params=bbox_params, keypoint_params=keypoint_params)


def _find_fields(samples: Any, kind: str) -> list[str] | None:
    """Return the label fields of a kind of rows; None where the first samples have no such rows."""
    found: list[str] | None = None
    for index in range(min(len(samples), LOOKED_AT)):
        try:
            sample = samples[index]
        except FAILURES:  # counted when it is drawn
            continue
        donor = isinstance(sample, Donor)
        parts = sample.content if donor else sample if isinstance(sample, Mapping) else {}
        if parts.get(kind) is None:
            continue
        count = len(parts[kind])
        if donor:
            found = list(parts["fields" if kind == "bboxes" else "keypoint_fields"])
        elif count or found is None:
            columns = (key for key in parts if key not in NO_FIELDS)
            found = [key for key in columns if _is_column(parts[key], count)]
        if count:
            break
    return found


def _is_column(values: Any, count: int) -> bool:
    """Whether values are one per row."""
    many = isinstance(values, (Sequence, np.ndarray)) and not isinstance(values, (str, bytes))
    return many and np.ndim(values) == 1 and len(values) == count
