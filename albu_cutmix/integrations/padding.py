"""Padded batches for `BatchCutMix`; public in `albu_cutmix.integrations.torch`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from albu_cutmix.batch.door import KEYS
from albu_cutmix.boxes import to_xyxy
from albu_cutmix.checks import LARGEST, as_numbers, bbox_rows, check_fields
from albu_cutmix.errors import InvalidArgumentError, InvalidSampleError
from albu_cutmix.integrations.collate import (
    Classes,
    check_boxes,
    part_of,
    stack_labels,
    to_chw,
    whole_numbers,
)
from albu_cutmix.integrations.mix_collate import CROWD, distinct_names

__all__ = ["padded_collate"]

LAST_EXACT = 2**24  # float32 holds every whole number up to here
PARTS = ("image", "mask", "bboxes", "keypoints")


def padded_collate(
    samples: Sequence[Mapping[str, Any]],
    *,
    bbox_format: str = "pascal_voc",
    label_field: str = "labels",
    fields: Sequence[str] = (),
    classes: Classes | None = None,
    max_boxes: int | None = None,
    label_key: str = "label",
    keep: Sequence[str] = (),
    drop: Collection[str] = (),
) -> dict[str, Any]:
    """Collate results of a pipeline into the mapping that `BatchCutMix` takes.

    What all samples hold is in the batch, what none holds is not. With other arguments than the
    defaults: `partial(padded_collate, bbox_format="coco")`.

    Args:
        samples: Results of an `A.Compose`. Images of one size, (H, W, C) arrays or (C, H, W)
            tensors; masks (H, W), or with channels where the image has them; values and dtype
            stay as they are. Keypoints have x and y first, in pixels; further columns are kept,
            so a third one can say which point it is.
        bbox_format: Format of the pipeline's `BboxParams`.
        label_field: Its label field with the classes: whole numbers, or names of `classes`.
        fields: Names of its further label fields, such as `iscrowd`: numbers that float32 holds
            exactly. Each is a column behind the class, in this order.
        classes: Names in the order of their numbers, or a number for each name.
        max_boxes: Rows for boxes in every batch, so that shapes stay the same. None: as many as
            the fullest sample of the batch needs.
        label_key: Name of the class label: a whole number or a soft vector. With boxes, a key
            that is also `label_field` is theirs.
        keep: Keys that come as a list of what each sample holds, such as `image_id` or `path`.
            `MixCollate` wants them in `carry`, since a mix takes targets only.
        drop: Keys that are left out. Any other key that no batch has a place for is refused.

    Returns:
        `image` (B, C, H, W), `mask` (B, H, W) or (B, C, H, W), `label` (B,) int64 or (B, K)
        float32, `bboxes` (B, M, 5 + fields) float32 xyxy pixels, the class number and `fields`,
        `num_bboxes` (B,) int64, `keypoints` (B, K, 2+) float32 and `num_keypoints` (B,) int64.
        M and K are at least 1; unused rows are zeros.

    Raises:
        InvalidArgumentError: If an argument is of another kind, or `fields` or `keep` name a
            key that has another use.
        InvalidSampleError: If samples contradict each other or themselves; it names the sample.
    """
    _check_arguments(max_boxes, drop, {"label_field": label_field, "label_key": label_key})
    taken = (*KEYS, label_field, label_key, *drop)
    fields = distinct_names("fields", fields, taken)
    keep = distinct_names("keep", keep, (*taken, *fields))
    names = (f"sample {row} of the batch" for row in range(len(samples)))
    parts = {at: _kept(sample, drop, at) for at, sample in zip(names, samples, strict=True)}
    keys = _shared_keys(parts, {*PARTS, *keep}, label_key, {label_field, *fields})
    out: dict[str, Any] = {
        "image": _stack([to_chw(part_of(p, "image", at), at) for at, p in parts.items()])
    }
    shape = int(out["image"].shape[2]), int(out["image"].shape[3])
    if "mask" in keys:
        out["mask"] = _stack([_mask(p["mask"], shape, at) for at, p in parts.items()], "masks")
    if label_key in keys:
        out["label"] = stack_labels([np.asarray(p[label_key]) for p in parts.values()], label_key)
    if "bboxes" in keys:
        rows = [_boxes(p, bbox_format, label_field, classes, shape, at) for at, p in parts.items()]
        rows = [
            torch.cat([boxes, *(_column(p, name, len(boxes), at) for name in fields)], 1)
            for boxes, (at, p) in zip(rows, parts.items(), strict=True)
        ]
        out["bboxes"], out["num_bboxes"] = _padded(rows, max_boxes)
    if "keypoints" in keys:
        points = _same_columns([_points(p["keypoints"], at) for at, p in parts.items()])
        out["keypoints"], out["num_keypoints"] = _padded(points)
    return out | {key: [part_of(p, key, at) for at, p in parts.items()] for key in keep}


def _check_arguments(max_boxes: Any, drop: Any, names: Mapping[str, Any]) -> None:
    if max_boxes is not None and (type(max_boxes) is not int or max_boxes < 1):
        raise InvalidArgumentError(f"max_boxes must be a whole number > 0, got {max_boxes!r}.")
    if isinstance(drop, str) or not isinstance(drop, Collection):
        raise InvalidArgumentError(f"drop must be a collection of keys, got {drop!r}.")
    for argument, name in names.items():
        if not isinstance(name, str):
            raise InvalidArgumentError(
                f"{argument} must be one name, got {name!r}. Further label fields of the boxes are "
                "named in fields=(...)."
            )


def _kept(sample: Any, drop: Collection[str], where: str) -> dict[str, Any]:
    if not isinstance(sample, Mapping):
        raise InvalidSampleError(
            f"{where} must be a mapping as A.Compose returns it, got a {type(sample).__name__}. "
            "For tuples such as (image, label): MixCollate(mix, keys=(...))."
        )
    return {key: part for key, part in sample.items() if part is not None and key not in drop}


def _shared_keys(
    parts: Mapping[str, Mapping[str, Any]], known: set[str], label_key: str, fields: set[str]
) -> set[str]:
    """Return the keys that become parts of the batch, of which every sample has all."""
    if not parts:
        raise InvalidSampleError("a batch must have at least one sample, got none.")
    there = set().union(*parts.values())
    fields = fields if "bboxes" in there else set()
    strange = sorted(map(str, there - known - fields - {label_key}))
    if strange:
        raise InvalidSampleError(
            f"samples hold {', '.join(map(repr, strange))}, which a batch has no place for. For "
            f"label fields of the boxes: partial(padded_collate, fields={strange}). For what goes "
            f"past the mix: keep={strange}, and carry={strange} in MixCollate. Only for what may "
            f"be left out: drop={strange}."
        )
    for where, sample in parts.items():
        if there - set(sample):
            lost = ", ".join(map(repr, sorted(there - set(sample))))
            raise InvalidSampleError(f"{where} has no {lost}, others have.")
    return there - fields


def _stack(rows: Sequence[torch.Tensor], name: str = "images") -> torch.Tensor:
    kinds = sorted({f"{tuple(row.shape)} {row.dtype}" for row in rows})
    if len(kinds) > 1:
        raise InvalidSampleError(
            f"{name} of a batch must have one shape and dtype, got {', '.join(kinds)}. End the "
            "pipeline with a crop or A.Resize."
        )
    return torch.stack(list(rows))


def _mask(mask: Any, shape: tuple[int, int], where: str) -> torch.Tensor:
    """Return a mask as (H, W), or (C, H, W)."""
    if isinstance(mask, np.ndarray):
        mask = torch.from_numpy(np.array(mask if mask.ndim != 3 else mask.transpose(2, 0, 1)))
    got = tuple(getattr(mask, "shape", ()))
    if len(got) not in (2, 3) or got[-2:] != shape:
        raise InvalidSampleError(
            f"mask must have the image's shape {shape}, a tensor with channels (C, H, W), got "
            f"{got or type(mask).__name__} in {where}. ToTensorV2(transpose_mask=True) puts "
            "channels first."
        )
    return mask


def _boxes(
    sample: Mapping[str, Any],
    bbox_format: str,
    label_field: str,
    classes: Classes | None,
    shape: tuple[int, int],
    where: str,
) -> torch.Tensor:
    """Return the boxes of a sample with their class as (N, 5) float32."""
    rows = bbox_rows(sample["bboxes"], where)
    if rows.shape[1] != 4:
        raise InvalidSampleError(
            f"bboxes must have shape (N, 4), got {rows.shape} in {where}. Put the class into a "
            "label field of BboxParams."
        )
    corners = to_xyxy(rows, bbox_format, shape)
    check_boxes(corners.astype(np.float32), shape, bbox_format, where)
    labels = whole_numbers(part_of(sample, label_field, where), classes, where)
    check_fields({label_field: labels}, len(rows), where)
    if ((labels > LAST_EXACT) | (labels < -LAST_EXACT)).any():
        raise InvalidSampleError(
            f"class numbers must be at most 2**24 to be exact in float32, got {labels.tolist()} "
            f"in {where}. Number the classes from 0 or 1."
        )
    return torch.cat([torch.from_numpy(corners), labels[:, None]], 1).float()


def _column(sample: Mapping[str, Any], field: str, count: int, where: str) -> torch.Tensor:
    """Return a further label field of the boxes of a sample as (N, 1) float32."""
    values = _plain(part_of(sample, field, where))
    check_fields({field: values}, count, where)
    column = [_plain(value) for value in values]
    wrong = [value for value in column if not _is_exact(value) or (field == CROWD and value % 1)]
    if wrong:
        raise InvalidSampleError(
            f"field {field!r} must hold {'whole ' * (field == CROWD)}numbers that float32 holds "
            f"exactly, got {wrong[0]!r} in {where}. Number names, and round others by np.float32."
        )
    return torch.tensor(column, dtype=torch.float32).reshape(-1, 1)


def _plain(value: Any) -> Any:
    """Return an array, a tensor or a scalar of one as Python's numbers."""
    return value.tolist() if hasattr(value, "tolist") else value


def _is_exact(value: Any) -> bool:
    number = isinstance(value, (int, float)) and abs(value) < LARGEST
    return number and float(np.float32(value)) == value


def _points(keypoints: Any, where: str) -> torch.Tensor:
    """Return the keypoints of a sample, (K, 2+) float32; none as (0, 2)."""
    expected = "keypoints must be finite numbers of shape (K, 2 or more), x and y first"
    points = as_numbers(keypoints, expected, where)
    points = points if points.size else np.zeros((0, 2))
    if points.ndim != 2 or points.shape[1] < 2 or not (np.abs(points) < LARGEST).all():
        raise InvalidSampleError(f"{expected}, got {points.tolist()} in {where}.")
    return torch.from_numpy(points).float()


def _same_columns(rows: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Return keypoints whose samples without any have as many columns as the others."""
    columns = sorted({row.shape[1] for row in rows if len(row)}) or [2]
    if len(columns) > 1:
        raise InvalidSampleError(
            f"keypoints of a batch must have equally many columns, got {columns}."
        )
    return [row if len(row) else row.new_zeros(0, columns[0]) for row in rows]


def _padded(
    rows: Sequence[torch.Tensor], size: int | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return rows as (B, size, columns), filled up with zeros, and how many each sample has."""
    counts = [len(row) for row in rows]
    if size is not None and max(counts) > size:
        fullest = counts.index(max(counts))
        raise InvalidSampleError(
            f"a sample must have at most max_boxes={size} boxes, got {counts[fullest]} in sample "
            f"{fullest} of the batch. Pass a larger max_boxes, or None."
        )
    out = torch.zeros(len(rows), size or max(1, *counts), rows[0].shape[1])
    for place, row in zip(out, rows, strict=True):
        place[: len(row)] = row
    return out, torch.tensor(counts)
