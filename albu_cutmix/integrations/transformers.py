"""Hugging Face: rows of a data set through a pipeline, and the Trainer's loss, batch and epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.errors import InvalidSampleError
from albu_cutmix.host.workers import rank, stream_seed, worker_seed
from albu_cutmix.integrations.extras import missing
from albu_cutmix.schedule import MixSchedule

try:
    from transformers import TrainerCallback
except ModuleNotFoundError as error:
    raise missing("transformers", "transformers", "transformers[torch]") from error

from albu_cutmix.integrations.torch import classification_collate, soft_cross_entropy

if TYPE_CHECKING:
    import torch

__all__ = ["MixTrainerCallback", "PipelineRows", "image_collate", "soft_label_loss"]


EIGHT_BITS = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "YCbCr")  # modes of Pillow


class MixTrainerCallback(TrainerCallback):  # type: ignore[misc]  # its types are not followed
    """Tell a schedule which epoch runs, before the Trainer asks its loader for batches.

    Args:
        schedule: The schedule of the mix.
    """

    def __init__(self, schedule: MixSchedule) -> None:
        self.schedule = schedule

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """Set the epoch. A run that goes on within an epoch counts as that epoch."""
        self.schedule.set_epoch(int(state.epoch or 0))


class PipelineRows:
    """A pipeline as the function of `dataset.with_transform`, for labelled images.

    Each loader worker gives the whole pipeline random streams of its own, as `seed_worker` does
    elsewhere: the Trainer has no room for a `worker_init_fn`.

    Args:
        pipeline: An `A.Compose`.
        image: Column of the images: PIL images are read as RGB, where that loses nothing; arrays
            as they are.
        label: Column of the class labels.
        index: Column with each row's own index in the pool, so that no row is its own donor.

    >>> train = dataset.with_transform(PipelineRows(pipeline))  # doctest: +SKIP
    """

    def __init__(
        self, pipeline: Any, *, image: str = "image", label: str = "label", index: str | None = None
    ) -> None:
        self.pipeline = pipeline
        self.image, self.label, self.index = image, label, index
        self._seed: int | None = None

    def __call__(self, rows: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
        """Return the pipeline's results: `image`, `label` and its records, a list of each.

        Raises:
            InvalidSampleError: If a column is missing.
        """
        self._follow_worker()
        columns = {"image": self.image, "label": self.label}
        columns |= {} if self.index is None else {"pool_index": self.index}
        lost = sorted(set(columns.values()) - set(rows))
        if lost:
            raise InvalidSampleError(
                f"rows must hold the columns {sorted(columns.values())}, got {sorted(rows)}. In "
                "TrainingArguments set remove_unused_columns=False: the Trainer else drops what "
                "the model does not take."
            )
        calls = [
            dict(zip(columns, values, strict=True))
            for values in zip(*(rows[name] for name in columns.values()), strict=True)
        ]
        outs = [self.pipeline(**{**call, "image": _as_array(call["image"])}) for call in calls]
        kept = [key for key in outs[0] if key != "pool_index"] if outs else list(columns)
        return {key: [out[key] for out in outs] for key in kept}

    def _follow_worker(self) -> None:
        seed = worker_seed()
        if seed is not None and seed != self._seed:
            self._seed = seed
            self.pipeline.set_random_seed(stream_seed(seed, rank()) % 2**32)


def image_collate(
    batch: Sequence[Mapping[str, Any]], *, image_key: str = "image", label_key: str = "label"
) -> dict[str, torch.Tensor]:
    """Collate rows for the Trainer: `pixel_values`, and `labels`, soft or whole.

    Records are left out, as the Trainer gives the model all there is.

    Args:
        batch: Rows as `PipelineRows` returns them; see `classification_collate`.
        image_key: Name of the image.
        label_key: Name of the class label.
    """
    images, labels, _ = classification_collate(batch, image_key=image_key, label_key=label_key)
    return {"pixel_values": images, "labels": labels}


def soft_label_loss(
    outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | int | None = None
) -> torch.Tensor:
    """Return the cross entropy of soft or whole labels: `Trainer(compute_loss_func=...)`.

    Left to themselves, models of transformers take soft labels for several labels at once, and
    train with a binary loss for each class.

    Args:
        outputs: What the model returns, with `logits`, or logits first.
        labels: Soft labels (B, K), or whole ones (B,).
        num_items_in_batch: Entries of `labels` in all batches of one optimizer step, which the
            Trainer counts; the loss is the mean over their rows. None: over this batch.
    """
    logits = outputs["logits"] if isinstance(outputs, Mapping) else outputs[0]
    if num_items_in_batch is None:
        return soft_cross_entropy(logits, labels)
    rows = num_items_in_batch * len(labels) / labels.numel()  # K entries of a soft label are a row
    return soft_cross_entropy(logits, labels, reduction="sum") / rows


def _as_array(image: Any) -> Any:
    """Return a PIL image as an RGB array; anything else as it is.

    Raises:
        InvalidSampleError: If RGB of 8 bits would lose something of it.
    """
    if not hasattr(image, "convert"):
        return image
    clear = (
        image.mode in ("RGBA", "LA", "PA", "P") and image.convert("RGBA").getextrema()[3][0] < 255
    )
    if image.mode not in EIGHT_BITS or clear:
        what = "transparent pixels" if clear else f"the mode {image.mode!r}"
        raise InvalidSampleError(
            f"an image has {what}, which RGB of 8 bits would lose. Convert the column first: "
            "dataset.map(...), or cast it to arrays."
        )
    return np.asarray(image.convert("RGB"))
