"""A `collate_fn` that mixes, and lists again; public in `albu_cutmix.integrations.torch`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.utils.data import default_collate

from albu_cutmix.batch.door import KEYS
from albu_cutmix.errors import InvalidArgumentError, InvalidSampleError
from albu_cutmix.integrations.collate import part_of

__all__ = ["CROWD", "MixCollate", "distinct_names", "unpad"]

CROWD = "iscrowd"  # COCO's and torchvision's name of a field of whole numbers
MADE = ("label_donor", "mix", "seam")  # what a mix adds to the batch


class MixCollate:
    """A `collate_fn` that collates, then mixes the batch, in the worker that made it.

    It is pickled with its parts, so workers may also be spawned.

    Args:
        mix: A `BatchCutMix`, a `BatchMixUp`, or any call that takes and returns a batch.
        collate: What makes a batch of samples, such as `padded_collate`.
        keys: Names of the parts, where samples are tuples such as (image, label). Mappings are
            taken as they are.
        carry: Parts of the batch that go past the mix as they are, such as `image_id` or `path`.
            Targets may not: they would be those of the unmixed images. Where samples are tuples,
            `keys` names these parts too; `padded_collate` wants them in `keep`.

    Raises:
        InvalidArgumentError: If an argument is of another kind, or `carry` names a target.

    >>> MixCollate(lambda batch: batch)([(1.0, 4), (2.0, 7)])["label"]
    tensor([4, 7])
    >>> collate = MixCollate(lambda batch: batch, keys=("label", "path"), carry=("path",))
    >>> collate([(4, "a.jpg"), (7, "b.jpg")])["path"]
    ('a.jpg', 'b.jpg')
    """

    def __init__(
        self,
        mix: Callable[[dict[str, Any]], dict[str, Any]],
        collate: Callable[[Any], Any] = default_collate,
        keys: Sequence[str] = ("image", "label"),
        carry: Sequence[str] = (),
    ) -> None:
        for name, value in (("mix", mix), ("collate", collate)):
            if not callable(value):
                raise InvalidArgumentError(f"{name} must be callable, got {value!r}.")
        self.mix, self.collate = mix, collate
        self.keys = distinct_names("keys", keys)
        self.carry = distinct_names("carry", carry, (*KEYS, *MADE))

    def __call__(self, samples: Sequence[Any]) -> dict[str, Any]:
        """Return the mixed batch.

        Raises:
            InvalidSampleError: If the batch is neither a mapping nor has one part for each key,
                or lacks a part of `carry`.
        """
        batch = self._named(self._collated(samples))
        lost = [name for name in self.carry if name not in batch]
        if lost:
            raise InvalidSampleError(
                f"a batch must hold what carry={list(self.carry)} names, got no {lost} among "
                f"{sorted(map(str, batch))}."
            )
        carried = {name: batch.pop(name) for name in self.carry}
        return {**self.mix(batch), **carried}

    def _collated(self, samples: Sequence[Any]) -> Any:
        try:
            return self.collate(samples)
        except RuntimeError as error:
            boxed = isinstance(samples[0], Mapping) and "bboxes" in samples[0]
            if self.collate is not default_collate or not boxed:
                raise
            raise InvalidSampleError(
                f"torch's default_collate cannot stack these samples with boxes: {error}. Boxes of "
                "different numbers are padded: MixCollate(mix, padded_collate)."
            ) from error

    def _named(self, batch: Any) -> dict[str, Any]:
        """Return a batch whose parts have names, as a dict of its own."""
        if isinstance(batch, Mapping):
            return dict(batch)
        if not isinstance(batch, (tuple, list)) or len(batch) != len(self.keys):
            parts = f" of {len(batch)} parts" if isinstance(batch, (tuple, list)) else ""
            raise InvalidSampleError(
                f"a batch must be a mapping, or a tuple of the {len(self.keys)} parts "
                f"{list(self.keys)}, got a {type(batch).__name__}{parts}. Name the parts of your "
                "samples: MixCollate(mix, keys=(...))."
            )
        return dict(zip(self.keys, batch, strict=True))


def unpad(
    batch: Mapping[str, Any], *, fields: Sequence[str] = ()
) -> tuple[list[torch.Tensor], list[dict[str, torch.Tensor]]]:
    """Return the lists that torchvision's detectors take from a padded batch, mixed or not.

    Values are not scaled: end the pipeline with A.ToFloat, or divide uint8 images by 255 after
    the mix. Detectors train on every box they get: take crowds out where `iscrowd` is not 0.

    All stays on its device. The counts are read once, which waits for the device. Images are
    views of the batch. Whatever else the batch holds, such as masks and the record, stays there.

    Args:
        batch: What a mix of layout "NCHW" or `padded_collate` returned, as tensors: with
            `image`, `bboxes` (B, M, 5 + fields) whose fifth column is the class number, and
            `num_bboxes`.
        fields: Names of the further columns of `bboxes`, every one, as in `padded_collate`.

    Returns:
        Images (C, H, W), and targets with `boxes` (N, 4) float32 xyxy pixels, `labels` (N,)
        int64, each of `fields` (N,), `iscrowd` as int64 and any other as float32, and, if the
        batch has them, `keypoints` (K, 2+).

    Raises:
        InvalidArgumentError: If `fields` are no names, or those of other parts of a target.
        InvalidSampleError: If a part is missing or is no tensor, or `bboxes` have other columns.
    """
    fields = distinct_names("fields", fields, ("boxes", "labels", "keypoints"))
    names = ["bboxes", *(["keypoints"] if "keypoints" in batch else [])]
    for key in ("image", *names, *(f"num_{name}" for name in names)):
        if not isinstance(part_of(batch, key, "a batch to unpad"), torch.Tensor):
            raise InvalidSampleError(
                f"unpad takes tensors, got {type(batch[key]).__name__} for {key!r}."
            )
    whole = _box_parts(batch["bboxes"], fields)
    ends = dict.fromkeys(whole, 0) | ({"keypoints": 1} if "keypoints" in batch else {})
    whole |= {name: batch[name] for name in names[1:]}
    counts = _read_counts(batch, names)
    targets = [
        {name: part[row, : count[ends[name]]] for name, part in whole.items()}
        for row, count in enumerate(counts)
    ]
    return list(batch["image"]), targets


def distinct_names(argument: str, value: Any, taken: Sequence[str] = ()) -> tuple[str, ...]:
    """Return an argument that is a tuple or list of names, none of which is taken."""
    good = isinstance(value, (tuple, list)) and all(isinstance(name, str) for name in value)
    if not good or len(set(value)) != len(value):
        raise InvalidArgumentError(
            f"{argument} must be a tuple or list of distinct names, got {value!r}."
        )
    used = [name for name in value if name in taken]
    if used:
        raise InvalidArgumentError(
            f"{argument} must name what has no other use here, such as a target or another "
            f"argument, got {used}. Leave it out, or give that part of the samples another name."
        )
    return tuple(value)


def _read_counts(batch: Mapping[str, Any], names: Sequence[str]) -> list[list[int]]:
    """Return how many rows of each name every image has; one wait for the device."""
    size = len(batch["image"])
    for name in names:
        counts = batch[f"num_{name}"]
        if len(batch[name]) != size or counts.shape != (size,) or counts.is_floating_point():
            raise InvalidSampleError(
                f"{name} and num_{name} must be of the {size} images, got {len(batch[name])} rows "
                f"of {name} and {counts.dtype} counts of shape {tuple(counts.shape)}."
            )
    read: list[list[int]] = torch.stack([batch[f"num_{name}"] for name in names], 1).tolist()
    for row, count in enumerate(read):
        for name, number in zip(names, count, strict=True):
            if not 0 <= number <= batch[name].shape[1]:
                raise InvalidSampleError(
                    f"num_{name} must be 0 to {batch[name].shape[1]}, the rows of {name}, got "
                    f"{number} for image {row}."
                )
    return read


def _box_parts(rows: torch.Tensor, fields: Sequence[str]) -> dict[str, torch.Tensor]:
    """Return the columns of padded boxes under the names that they have in a target."""
    if rows.ndim != 3 or rows.shape[2] != 5 + len(fields):
        raise InvalidSampleError(
            f"bboxes must have shape (B, M, {5 + len(fields)}): xyxy, the class number and "
            f"fields={list(fields)}, got {tuple(rows.shape)}. padded_collate puts the class there; "
            "name every further column: unpad(batch, fields=(...))."
        )
    further = {
        name: rows[..., column].to(torch.int64 if name == CROWD else torch.float32)
        for column, name in enumerate(fields, 5)
    }
    return {
        "boxes": rows[..., :4].float().contiguous(), "labels": rows[..., 4].long(), **further
    }  # fmt: skip
