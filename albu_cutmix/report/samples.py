"""The samples of an audit: read as calls of a pipeline, and a pipeline where there is none."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from numbers import Number
from typing import Any

import albumentations as A
import cv2
import numpy as np
from albumentations.augmentations.crops.transforms import CropSizeError

from albu_cutmix.checks import check_image
from albu_cutmix.errors import CutMixError, InvalidSampleError
from albu_cutmix.host.base import MixTransform
from albu_cutmix.host.versions import SampledParams
from albu_cutmix.sample import Donor

__all__ = ["FAILURES", "read_sample", "wrap"]

#: What may go wrong with one sample and leave the others be: readers raise OSError, RuntimeError or
#: LookupError, the host ValueError for rows. TypeError and AttributeError are bugs of a program.
FAILURES = (
    CutMixError, OSError, ValueError, RuntimeError, LookupError, CropSizeError, cv2.error,
)  # fmt: skip
#: Annotated boxes may reach over the edge of their image; the two hosts name it differently.
CLIP = "clip" if SampledParams is None else "clip_bboxes_on_input"
LOOKED_AT = 50  # first samples among which some with rows are sought, to learn their fields
ENOUGH = 10  # of those with rows
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
        InvalidSampleError: If it is neither a donor nor a mapping of strings with an image.
    """
    if callable(getattr(samples, "sample", None)):
        sample = samples.sample(index, bbox_format, keypoint_format)
    else:
        sample = samples[index]
    if isinstance(sample, Donor):
        return sample.to_mapping(bbox_format, keypoint_format)
    if not isinstance(sample, Mapping) or "image" not in sample:
        keys = isinstance(sample, Mapping)
        got = sorted(map(str, sample)) if keys else type(sample).__name__
        raise InvalidSampleError(
            f"a sample must be a mapping of the pipeline's keys with 'image', got {got} as sample "
            f"{index}."
        )
    for key in sample:
        if not isinstance(key, str):
            raise InvalidSampleError(
                f"the keys of a sample must be strings, got {key!r} in sample {index}. Name what "
                "the pipeline takes, and leave the rest out."
            )
    image = sample["image"]
    if not isinstance(image, np.ndarray) or image.ndim not in (2, 3) or not image.size:
        check_image(image, f"sample {index}")  # another dtype a step of the pipeline may convert
    return dict(sample)


def wrap(mix: MixTransform, samples: Any) -> A.Compose:
    """Put a mix into a pipeline for samples with boxes as "pascal_voc" and keypoints as "xy".

    Label fields are those of the first samples that hold rows: of a donor its fields, of mappings
    whatever has one value per row in each of them, boxes first.
    """
    taken = {*NO_FIELDS, *mix._own_keys}
    bboxes = _find_fields(samples, "bboxes", taken)
    keypoints = _find_fields(samples, "keypoints", taken.union(bboxes or ()))
    bbox_params = keypoint_params = None
    if bboxes is not None:
        bbox_params = A.BboxParams("pascal_voc", label_fields=bboxes, **{CLIP: True})
    if keypoints is not None:
        flagged = getattr(mix, "keypoint_mode", "") == "flag"
        keypoint_params = A.KeypointParams(
            "xy", label_fields=keypoints, remove_invisible=not flagged
        )
    return A.Compose([mix], bbox_params=bbox_params, keypoint_params=keypoint_params)


def _find_fields(samples: Any, kind: str, taken: Container[Any]) -> list[str] | None:
    """Return the label fields of a kind of rows; None where the first samples have no such rows."""
    empty: list[str] | None = None  # those of a sample with no row, where no other is found
    found: list[list[str]] = []
    for sample in _read_first(samples):
        donor = isinstance(sample, Donor)
        parts = sample.content if donor else sample
        count = _count_rows(parts.get(kind))
        if count is None:
            continue
        if donor:
            fields = list(parts["fields" if kind == "bboxes" else "keypoint_fields"])
        else:
            columns = (key for key in parts if isinstance(key, str) and key not in taken)
            fields = [key for key in columns if _is_column(parts[key], count)]
        if not count:
            empty = fields if empty is None else empty
            continue
        found.append(fields)
        if donor or len(found) == ENOUGH:
            break
    return [name for name in found[0] if all(name in one for one in found)] if found else empty


def _read_first(samples: Any) -> Iterator[Any]:
    """Yield the first samples that are donors or mappings."""
    for index in range(min(len(samples), LOOKED_AT)):
        try:
            sample = samples[index]
        except FAILURES:  # counted when it is drawn
            continue
        if isinstance(sample, (Donor, Mapping)):
            yield sample


def _count_rows(rows: Any) -> int | None:
    """Return how many rows there are; None for what holds none, refused when it is drawn."""
    try:
        return len(rows)
    except TypeError:
        return None


def _is_column(values: Any, count: int) -> bool:
    """Whether values are plain ones, one per row."""
    if isinstance(values, np.ndarray):
        values = values if values.ndim == 1 else None
    elif isinstance(values, (str, bytes)) or not isinstance(values, Sequence):
        values = None
    if values is None or len(values) != count:
        return False
    return all(isinstance(value, (str, Number, np.generic)) for value in values)
