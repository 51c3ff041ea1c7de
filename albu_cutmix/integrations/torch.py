"""PyTorch: batches of mixed samples, a loss and a metric for mixed labels."""

from __future__ import annotations

from typing import NamedTuple

from albu_cutmix.errors import InvalidArgumentError
from albu_cutmix.integrations.extras import missing

try:
    import torch
    from torch.nn import functional
except ModuleNotFoundError as error:
    raise missing("torch", "PyTorch", "albu_cutmix[torch]") from error

from albu_cutmix.integrations.collate import classification_collate, detection_collate
from albu_cutmix.integrations.mix_collate import MixCollate, unpad
from albu_cutmix.integrations.padding import padded_collate

__all__ = [
    "MixCollate",
    "MixedAccuracy",
    "classification_collate",
    "detection_collate",
    "mixed_accuracy",
    "padded_collate",
    "soft_cross_entropy",
    "unpad",
]


def soft_cross_entropy(
    logits: torch.Tensor,
    targets: torch.Tensor,
    weight: torch.Tensor | None = None,
    reduction: str = "mean",
    *,
    labels_donor: torch.Tensor | None = None,
    lam: torch.Tensor | None = None,
    label_smoothing: float = 0.0,
) -> torch.Tensor:
    """Return the cross entropy of soft labels, of whole labels, or of pairs: all on one scale.

    It is torch's own with probabilities as targets, in float32 at least, so that half precision
    loses nothing. The mean is over rows in every form, with class weights too, where torch divides
    by the summed weights of whole labels.

    Args:
        logits: Shape (B, K).
        targets: Soft labels (B, K), or whole ones (B,).
        weight: A weight per class, (K,).
        reduction: "mean", "sum" or "none".
        labels_donor: The donor's whole labels (B,), where the mix made pairs
            (`label_mode="pair"`); `targets` are then the primary's.
        lam: The primary's share (B,) beside `labels_donor`: `lam` of the record.
        label_smoothing: See torch.

    Raises:
        InvalidArgumentError: If shapes do not match, or half of a pair is missing.

    >>> logits = torch.tensor([[0.0, 0.0]])
    >>> round(float(soft_cross_entropy(logits, torch.tensor([[0.75, 0.25]]))), 4)
    0.6931
    """
    dtype = torch.promote_types(logits.dtype, torch.float32)
    rows = _as_rows(targets, logits, dtype)
    if (labels_donor is None) != (lam is None):
        raise InvalidArgumentError("a pair needs labels_donor and lam, got one of them only.")
    if labels_donor is not None and lam is not None:
        share = lam.to(logits.device, dtype).reshape(-1, 1)
        rows = share * rows + (1 - share) * _as_rows(labels_donor, logits, dtype)
    return functional.cross_entropy(
        logits.to(dtype),
        rows,
        None if weight is None else weight.to(logits.device, dtype),
        reduction=reduction,
        label_smoothing=label_smoothing,
    )


class MixedAccuracy(NamedTuple):
    """What `mixed_accuracy` counts; weight the means of batches by their counts.

    Attributes:
        accuracy: Share of unmixed rows whose class was predicted; NaN where there is none.
        unmixed: How many rows show one class only.
        mass: Mean share of the best possible label mass in mixed rows; NaN where there is none.
        mixed: How many rows show several classes.
    """

    accuracy: float
    unmixed: int
    mass: float
    mixed: int


def mixed_accuracy(logits: torch.Tensor, targets: torch.Tensor) -> MixedAccuracy:
    """Return an accuracy that mixed labels do not distort, and how mixed rows were met.

    `argmax == argmax` misleads on mixed labels: who names the smaller class of a 0.55 : 0.45 mix
    is counted as wrong as who names a class that is not there, and at 0.5 : 0.5 the order of
    classes decides. The curve then falls with the share of patches, not with the model. Here rows
    of one class give the accuracy, and are counted alone; in every other row the mass that the
    label gives to the predicted class is divided by its largest entry: 1 for the class that shows
    most, 0.82 for the other one of 0.55 : 0.45, 0 for a class that is not there.

    Args:
        logits: Shape (B, K).
        targets: Soft labels (B, K), or whole ones (B,). A row without any mass makes `mass` NaN.

    Raises:
        InvalidArgumentError: If shapes do not match.

    >>> logits = torch.tensor([[9.0, 0.0], [9.0, 0.0], [9.0, 0.0]])
    >>> mixed_accuracy(logits, torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.2, 0.8]]))
    MixedAccuracy(accuracy=0.5, unmixed=2, mass=0.25, mixed=1)
    """
    rows = _as_rows(targets, logits, torch.float64)
    met = rows.gather(1, logits.argmax(1, keepdim=True))[:, 0] / rows.amax(1)
    single = (rows != 0).sum(1) == 1
    means = torch.stack([met[single].mean(), single.sum(), met[~single].mean(), (~single).sum()])
    accuracy, unmixed, mass, mixed = means.tolist()  # once: each would wait for the device
    return MixedAccuracy(accuracy, int(unmixed), mass, int(mixed))


def _as_rows(labels: torch.Tensor, logits: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return labels as soft ones, on the device of the logits."""
    if labels.ndim == 1 and not labels.is_floating_point() and logits.ndim == 2:
        labels = functional.one_hot(labels.long(), logits.shape[1])
    if labels.shape != logits.shape or logits.ndim != 2:
        raise InvalidArgumentError(
            "targets must be soft labels of the shape of the logits, (B, K), or whole labels (B,), "
            f"got {labels.dtype} {tuple(labels.shape)} for logits {tuple(logits.shape)}."
        )
    return labels.to(logits.device, dtype)
