"""The class label of a call: found, converted where nothing was pasted, mixed where it was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from albu_cutmix.errors import InvalidSampleError
from albu_cutmix.host.fields import label_fields
from albu_cutmix.labels import LabelRule, mix_labels

if TYPE_CHECKING:
    from albu_cutmix.plan import Paste

__all__ = ["ClassLabel"]


class ClassLabel(NamedTuple):
    """Where the class label of a call stands, and how it is read and mixed."""

    key: str
    rule: LabelRule

    @property
    def donor_key(self) -> str:
        """Where the donor's label comes in a pair."""
        return f"{self.key}_donor"

    def is_in(self, data: Mapping[str, Any], processors: Iterable[Any]) -> bool:
        """Whether a call holds a class label; a processor's label field is never one."""
        if data.get(self.key) is None:
            return False
        return not any(self.key in label_fields(processor) for processor in processors)

    def convert(self, data: dict[str, Any]) -> None:
        """Write the label as it is where nothing was pasted."""
        label = data[self.key]
        if self.rule.mode == "pair":
            self.rule.check_pair(label, label, "the primary", "the primary")
            data[self.donor_key] = label
        else:
            data[self.key] = mix_labels([self.rule.soften(label, "the primary")], [1.0])

    def mix(self, out: dict[str, Any], paste: Paste, weights: tuple[float, float]) -> None:
        """Write the label of a mix.

        Args:
            out: Holds the primary's label.
            paste: The patch and its donor.
            weights: Of the primary's label and of the donor's.

        Raises:
            InvalidSampleError: If the two labels cannot be mixed.
        """
        label, donor, where, rule = out[self.key], paste.donor.label, paste.where, self.rule
        if donor is None:
            raise InvalidSampleError(
                f"the primary has a class label under {self.key!r}, {where} has none. Give "
                "every donor of the pool a label, or leave the label out of the call."
            )
        if rule.mode == "pair":
            rule.check_pair(label, donor, "the primary", where)
            out[self.donor_key] = donor
            return
        vectors = [rule.soften(label, "the primary"), rule.soften(donor, where)]
        if len(vectors[0]) != len(vectors[1]):
            raise InvalidSampleError(
                f"label vectors must have one length, got {len(vectors[0])} in the primary and "
                f"{len(vectors[1])} in {where}."
            )
        out[self.key] = mix_labels(vectors, weights)
