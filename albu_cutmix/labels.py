"""Class labels: index, name or vector in; a soft vector or a pair out."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.errors import InvalidArgumentError, InvalidSampleError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LabelRule", "mix_labels"]

LABEL_MODES = ("soft", "pair")


@dataclass(frozen=True)
class LabelRule:
    """How a class label is read and mixed.

    Args:
        mode: "soft" or "pair".
        classes: Number of classes, or their names; None where labels are vectors.

    Raises:
        InvalidArgumentError: If one of them is of another kind.
    """

    mode: str = "soft"
    classes: int | Sequence[str] | None = None

    def __post_init__(self) -> None:
        """Check every argument once."""
        if self.mode not in LABEL_MODES:
            raise InvalidArgumentError(
                f"label_mode must be one of {', '.join(LABEL_MODES)}, got {self.mode!r}."
            )
        if self.classes is None:
            return
        if isinstance(self.classes, (int, np.integer)) and not isinstance(self.classes, bool):
            good = self.classes > 0
        else:
            good = not isinstance(self.classes, (str, bool, float)) and _are_names(self.classes)
        if not good:
            raise InvalidArgumentError(
                "classes must be a count > 0 or a sequence of distinct names, got "
                f"{self.classes!r}."
            )

    @property
    def count(self) -> int | None:
        """Number of classes, None where unknown."""
        if self.classes is None:
            return None
        return len(self.classes) if self._names is not None else operator.index(self.classes)  # type: ignore[arg-type]

    @property
    def _names(self) -> Sequence[str] | None:
        return None if isinstance(self.classes, (int, np.integer)) else self.classes

    def soften(self, label: Any, where: str) -> NDArray[np.float64]:
        """Return a label as a vector, shape (classes,), float64.

        Args:
            label: Class index, class name, or a vector (soft or multi-hot), taken as it is.
            where: Whose label it is, for messages.

        Raises:
            InvalidSampleError: If the label is none of these or does not fit `classes`.
        """
        kind, value = read_label(label, where)
        if kind == "vector":
            if self.count not in (None, len(value)):
                raise InvalidSampleError(
                    f"a label vector must have one value per class, {self.count}, got "
                    f"{len(value)} in {where}."
                )
            return np.array(value, np.float64)
        index = self._index(kind, value, where)
        if self.count is None:
            raise InvalidSampleError(
                f"class index {index} of {where} can be mixed only if the number of classes is "
                "known. Pass classes=<count or names>, or give labels as vectors."
            )
        vector = np.zeros(self.count)
        vector[index] = 1.0
        return vector

    def _index(self, kind: str, value: Any, where: str) -> int:
        if kind == "name":
            if self._names is None:
                raise InvalidSampleError(
                    f"class name {value!r} of {where} can be mixed only if the names are known. "
                    f"Pass classes=[<names>]; it is {self.classes!r}."
                )
            if value not in self._names:
                raise InvalidSampleError(
                    f"class name {value!r} of {where} is not one of the classes "
                    f"{list(self._names)!r}."
                )
            return list(self._names).index(value)
        if value < 0 or (self.count is not None and value >= self.count):
            raise InvalidSampleError(
                f"class index {value} of {where} is outside the {self.count} classes 0 to "
                f"{(self.count or 1) - 1}."
            )
        return int(value)

    def check_pair(self, label: Any, other: Any, where: str, other_where: str) -> None:
        """Raise InvalidSampleError unless two labels can stand beside each other."""
        kinds = []
        for one, whose in ((label, where), (other, other_where)):
            kind, value = read_label(one, whose)
            if kind == "vector":
                kinds.append(f"vector of {len(value)}")
            else:
                kinds.append(kind)
                if self.classes is not None:
                    self._index(kind, value, whose)
        if kinds[0] != kinds[1]:
            raise InvalidSampleError(
                f"label_mode='pair' keeps both labels as they are and needs them of one kind, got "
                f"{kinds[0]} in {where} and {kinds[1]} in {other_where}."
            )


def mix_labels(
    vectors: Sequence[NDArray[np.float64]], weights: Sequence[float]
) -> NDArray[np.float32]:
    """Return the sum of weight times label, float64 until one last cast.

    >>> mix_labels([np.array([1.0, 0.0]), np.array([0.0, 1.0])], [0.75, 0.25])
    array([0.75, 0.25], dtype=float32)
    """
    return np.tensordot(weights, np.stack(vectors), 1).astype(np.float32)


def read_label(label: Any, where: str) -> tuple[str, Any]:
    """Return the kind of a label, "index", "name" or "vector", and its plain value.

    Raises:
        InvalidSampleError: If it is none of them.
    """
    if isinstance(label, str):
        return "name", str(label)
    if getattr(label, "ndim", None) == 0 and hasattr(label, "item"):
        label = label.item()
    if not isinstance(label, bool):
        try:
            return "index", operator.index(label)
        except TypeError:
            pass
        try:
            vector = np.asarray(label)
        except (TypeError, ValueError, RuntimeError):
            vector = np.array(None)
        if vector.ndim == 1 and vector.size and vector.dtype.kind in "biuf":
            if not np.isfinite(vector).all():
                raise InvalidSampleError(
                    f"a label vector must be finite, got {label!r} in {where}."
                )
            return "vector", vector
    raise InvalidSampleError(
        f"a class label must be an index, a name or a vector of numbers, got {label!r} in {where}."
    )


def _are_names(classes: Any) -> bool:
    names = list(classes) if hasattr(classes, "__iter__") else [None]
    return bool(names) and all(isinstance(n, str) for n in names) and len(set(names)) == len(names)
