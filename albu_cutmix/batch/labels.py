"""Class labels of a batch, weighted by exact counts of pixels, or by the blend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.errors import InvalidSampleError

if TYPE_CHECKING:
    from albu_cutmix._backends import Library
    from albu_cutmix.batch.door import Door
    from albu_cutmix.batch.plan import BatchPlan
    from albu_cutmix.labels import LabelRule

__all__ = ["mix_labels"]


def mix_labels(door: Door, plan: BatchPlan, donors: Any, rule: LabelRule) -> dict[str, Any]:
    """Return the label, and in pairs the donor's; nothing where the batch has none.

    Args:
        door: The batch.
        plan: Its plan.
        donors: Those of the plan, in the batch's library.
        rule: Mode and classes.

    Raises:
        InvalidSampleError: If the labels do not fit the classes.
    """
    library, label = door.library, door.arrays.get("label")
    if label is None:
        return {}
    if label.ndim == 1:
        _check_indices(door, rule)
    elif rule.count not in (None, label.shape[1]):
        raise InvalidSampleError(
            f"label vectors must have one value per class, {rule.count}, got {label.shape[1]}."
        )
    if rule.mode == "pair":
        return {"label": label, "label_donor": library.close(library.bits(label)[donors], label)}
    values = library.open(label)
    if label.ndim == 2:
        return {"label": library.close(_soften_vectors(values, donors, plan, library))}
    soft = _soften_indices(values, donors, plan, rule.count or 0, library)
    return {"label": library.close(soft)}


def _check_indices(door: Door, rule: LabelRule) -> None:
    """Raise for class indices that cannot be mixed, or lie outside of the classes."""
    label, library = door.arrays["label"], door.library
    if rule.count is None:
        if rule.mode == "pair":
            return
        raise InvalidSampleError(
            "class indices can be mixed only if the number of classes is known. Pass "
            f"{door.mixer}(classes=<count or names>), or give labels as vectors."
        )
    if library.on_host:
        values = np.asarray(library.open(label))
        wrong = (values < 0) | (values >= rule.count)
        if wrong.any():
            at = int(wrong.argmax())
            raise InvalidSampleError(
                f"class index {values[at]} in sample {at} of the batch is outside the "
                f"{rule.count} classes 0 to {rule.count - 1}."
            )


def _soften_indices(
    labels: Any, donors: Any, plan: BatchPlan, classes: int, library: Library
) -> Any:
    """Return soft labels (B, classes), float32, of class indices (B,).

    An index outside of the classes gives a row of NaN: on a device nobody can wait to be told.
    """
    xp = library.xp
    own, given = plan.weights
    labels = library.cast(labels, "int64")
    good = (labels >= 0) & (labels < classes)
    labels, theirs = labels * good, labels[donors] * good[donors]
    both = np.float64(own) + given  # one class on both sides has all of it
    out = library.zeros((len(own), classes))
    rows = library.put(np.arange(len(own)))
    out[rows, labels] = library.cast(library.put(own), "float32")
    out[rows, theirs] = library.cast(
        xp.where(labels == theirs, library.put(both), library.put(given)), "float32"
    )
    if library.on_host:
        return out
    bad = ~(good & good[donors])
    return xp.where(bad[:, None], float("nan"), out)


def _soften_vectors(labels: Any, donors: Any, plan: BatchPlan, library: Library) -> Any:
    """Return mixed vectors (B, K), float32, of vectors (B, K): float64 until one last cast."""
    own, given = (library.put(weight[:, None]) for weight in plan.weights)
    vectors = library.real(labels)
    return library.cast(own * vectors + given * vectors[donors], "float32")
