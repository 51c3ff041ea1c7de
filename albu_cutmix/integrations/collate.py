"""Batches of mixed samples for PyTorch; they are public in `albu_cutmix.integrations.torch`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import default_collate

from albu_cutmix.boxes import to_xyxy
from albu_cutmix.checks import bbox_rows, check_image
from albu_cutmix.errors import InvalidSampleError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "Classes",
    "check_boxes",
    "classification_collate",
    "detection_collate",
    "part_of",
    "stack_labels",
    "to_chw",
    "whole_numbers",
]

Classes = Sequence[str] | Mapping[str, int]


def detection_collate(
    batch: Sequence[Mapping[str, Any]],
    *,
    bbox_format: str = "pascal_voc",
    label_field: str = "labels",
    classes: Classes | None = None,
    mask_index_field: str | None = None,
    record_key: str = "mix",
) -> tuple[list[torch.Tensor], list[dict[str, torch.Tensor]], Any]:
    """Collate results of a detection pipeline into the lists that torchvision's detectors take.

    With other arguments than the defaults: `partial(detection_collate, bbox_format="coco")`.

    Args:
        batch: Results of an `A.Compose` with boxes. Images are (H, W, C) arrays, or (C, H, W)
            tensors as `ToTensorV2` makes them; values and dtype stay as they are.
        bbox_format: Format of the pipeline's `BboxParams`.
        label_field: Its label field with the classes: whole numbers, or names of `classes`.
        classes: Names in the order of their numbers, or a number for each name. Detectors that
            keep 0 for the background, such as Faster R-CNN, want numbers from 1.
        mask_index_field: Label field that says which row of `masks` each box owns, for pipelines
            with a crop: Albumentations drops boxes there, but no masks.
        record_key: Name of the record.

    Returns:
        Images, targets, and the batched `MixRecord` (None without records). A target holds
        `boxes` (N, 4) float32 xyxy pixels, `labels` (N,) int64, `area` (N,) float32, `iscrowd`
        (N,) int64 from the label field of that name, else zeros, and with instance masks `masks`
        (N, H, W) uint8. A picture without boxes has N = 0 in every one.

    Raises:
        InvalidSampleError: If a part is missing or contradicts another; it names the sample.
    """
    images, targets = [], []
    for row, sample in enumerate(batch):
        where = f"sample {row} of the batch"
        image = to_chw(part_of(sample, "image", where), where)
        shape = int(image.shape[-2]), int(image.shape[-1])
        boxes = bbox_rows(part_of(sample, "bboxes", where), where)[:, :4]
        corners = to_xyxy(boxes, bbox_format, shape)
        check_boxes(corners, shape, bbox_format, where)
        target = {
            "boxes": torch.from_numpy(corners.astype(np.float32)),
            "labels": whole_numbers(part_of(sample, label_field, where), classes, where),
        }
        target["iscrowd"] = torch.zeros(len(boxes), dtype=torch.int64)
        if "iscrowd" in sample:
            target["iscrowd"] = whole_numbers(sample["iscrowd"], None, where)
        target["area"] = (target["boxes"][:, 2:] - target["boxes"][:, :2]).prod(1)
        if sample.get("masks") is not None:
            masks = _mask_rows(sample, mask_index_field, shape, where)
            target |= {"masks": masks, "area": masks.sum((1, 2), dtype=torch.float32)}
        _check_rows(target, len(boxes), where)
        images.append(image)
        targets.append(target)
    return images, targets, _records(batch, record_key)


def classification_collate(
    batch: Sequence[Mapping[str, Any]],
    *,
    image_key: str = "image",
    label_key: str = "label",
    record_key: str = "mix",
) -> tuple[torch.Tensor, torch.Tensor, Any]:
    """Collate results of a classification pipeline.

    Args:
        batch: Results of an `A.Compose` with `CutMix(classes=...)` or `MixTargets`. Images of one
            size, (H, W, C) arrays or (C, H, W) tensors; values and dtype stay as they are.
        image_key: Name of the image.
        label_key: Name of the class label.
        record_key: Name of the record.

    Returns:
        Images (B, C, H, W), soft labels (B, K) float32, and the batched `MixRecord` (None without
        records). Where no label is soft, as in a validation set, the labels are (B,) int64.

    Raises:
        InvalidSampleError: If sizes differ, or labels are not of one kind.
    """
    names = [f"sample {row} of the batch" for row in range(len(batch))]
    images = [
        to_chw(part_of(sample, image_key, where), where)
        for sample, where in zip(batch, names, strict=True)
    ]
    if len({(image.shape, image.dtype) for image in images}) > 1:
        shapes = sorted({f"{tuple(image.shape)} {image.dtype}" for image in images})
        raise InvalidSampleError(
            f"images of a batch must have one shape and dtype, got {', '.join(shapes)}. End the "
            "pipeline with a crop or A.Resize."
        )
    labels = [
        np.asarray(part_of(sample, label_key, where))
        for sample, where in zip(batch, names, strict=True)
    ]
    if any(f"{label_key}_donor" in sample for sample in batch):
        raise InvalidSampleError(
            f"classification_collate takes soft labels, got pairs ({label_key!r} and "
            f"'{label_key}_donor'). Collate them with torch's default_collate, and give both to "
            "soft_cross_entropy."
        )
    return torch.stack(images), stack_labels(labels, label_key), _records(batch, record_key)


def part_of(sample: Mapping[str, Any], key: str, where: str) -> Any:
    """Return a part of a sample; raise InvalidSampleError where it has none."""
    if sample.get(key) is None:
        raise InvalidSampleError(f"{where} must hold {key!r}, got {sorted(map(str, sample))}.")
    return sample[key]


def to_chw(image: Any, where: str) -> torch.Tensor:
    """Return an image as a (C, H, W) tensor with memory of its own."""
    if isinstance(image, torch.Tensor):
        if image.ndim != 3:
            raise InvalidSampleError(
                f"an image tensor must have shape (C, H, W), got {tuple(image.shape)} in {where}."
            )
        return image
    check_image(image, where)
    planes = image[None] if image.ndim == 2 else image.transpose(2, 0, 1)
    return torch.from_numpy(np.array(planes, order="C"))


def check_boxes(
    boxes: NDArray[np.float64], shape: tuple[int, int], bbox_format: str, where: str
) -> None:
    """Raise for boxes that are none in this format, as those of another one mostly are."""
    low, high = boxes[:, :2], boxes[:, 2:]
    # A pixel of room: pipelines without clip=True may round beyond the border.
    good = (low < high).all(1) & (low > -1).all(1) & (high < np.array(shape[::-1]) + 1).all(1)
    if not good.all():
        row = int(np.argmin(good))
        raise InvalidSampleError(
            f"box {row} of {where}, read as {bbox_format!r}, must lie in its image of width "
            f"{shape[1]}, height {shape[0]}, got xyxy {boxes[row].round(1).tolist()}. Is it the "
            "format of the pipeline's BboxParams? Pass it: collate_fn=partial(..., "
            "bbox_format=...)."
        )


def whole_numbers(values: Any, classes: Classes | None, where: str) -> torch.Tensor:
    """Return labels of boxes as (N,) int64; names by their number."""
    if classes is not None and not isinstance(classes, Mapping):
        classes = {name: number for number, name in enumerate(classes)}
    out = []
    for value in np.atleast_1d(np.asarray(values)).tolist():
        number = (classes or {}).get(value) if isinstance(value, str) else value
        if not isinstance(number, (int, float)) or not float(number).is_integer():
            known = "no classes were given" if classes is None else f"classes are {list(classes)}"
            raise InvalidSampleError(
                f"labels must be whole numbers or names of classes, got {value!r} in {where}, and "
                f"{known}. Pass them: collate_fn=partial(..., classes={{'cat': 1, 'dog': 2}})."
            )
        out.append(int(number))
    return torch.tensor(out, dtype=torch.int64)


def _mask_rows(
    sample: Mapping[str, Any], field: str | None, shape: tuple[int, int], where: str
) -> torch.Tensor:
    """Return the instance masks in the order of the boxes, (N, H, W) uint8 of 0 and 1."""
    masks = [np.asarray(mask) != 0 for mask in sample["masks"]]
    odd = [mask.shape for mask in masks if mask.shape != shape]
    if odd:
        raise InvalidSampleError(
            f"masks of {where} must have the image's shape {shape}, got {odd[0]}."
        )
    if field is not None:
        rows = whole_numbers(part_of(sample, field, where), None, where).tolist()
        wrong = [row for row in rows if not 0 <= row < len(masks)]
        if wrong:
            raise InvalidSampleError(
                f"mask_index_field={field!r} must name rows of the {len(masks)} masks, got "
                f"{wrong[0]} in {where}."
            )
        masks = [masks[row] for row in rows]
    if not masks:
        return torch.zeros((0, *shape), dtype=torch.uint8)
    return torch.from_numpy(np.stack(masks).astype(np.uint8))


def _check_rows(target: Mapping[str, torch.Tensor], count: int, where: str) -> None:
    """Raise where a part of a target has not a row for each box."""
    odd = [f"{len(rows)} {name}" for name, rows in target.items() if len(rows) != count]
    if odd:
        raise InvalidSampleError(
            f"{where} has {count} boxes, but {', '.join(odd)}. A crop drops boxes and no masks: "
            "give each box its row of masks in a label field, and name it in mask_index_field."
        )


def stack_labels(labels: Sequence[Any], label_key: str) -> torch.Tensor:
    """Return soft labels as (B, K) float32, whole ones as (B,) int64."""
    kinds = {(label.shape, label.dtype.kind in "iu") for label in labels}
    if kinds == {((), True)}:
        return torch.tensor([int(label) for label in labels])
    ((shape, whole), *others) = kinds
    if others or whole or len(shape) != 1 or any(label.dtype.kind != "f" for label in labels):
        got = sorted({f"{label.dtype} {label.shape}" for label in labels})
        raise InvalidSampleError(
            f"labels under {label_key!r} must be float vectors of one length, got "
            f"{', '.join(got)}. Put CutMix(classes=...) into the pipeline, and MixTargets where a "
            "container may not call it."
        )
    return torch.from_numpy(np.stack(labels).astype(np.float32))


def _records(batch: Sequence[Mapping[str, Any]], key: str) -> Any:
    """Return the records of a batch as one, None where there are none."""
    there = [key in sample for sample in batch]
    if any(there) and not all(there):
        raise InvalidSampleError(
            f"sample {there.index(False)} of the batch has no record {key!r}, others have. Put "
            "MixTargets in front of a container that may not call the mix."
        )
    return default_collate([sample[key] for sample in batch]) if all(there) else None
