"""The class label of a call: found, converted where nothing was pasted, mixed where it was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from albu_cutmix.errors import InvalidSampleError
from albu_cutmix.host.fields import label_fields
from albu_cutmix.labels import LabelRule, mix_labels

if TYPE_CHECKING:
    from albu_cutmix.plan import MixPlan, Paste

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

    def mix(self, out: dict[str, Any], plan: MixPlan, weights: Sequence[float]) -> None:
        """Write the label of a mix.

        Args:
            out: Holds the primary's label.
            plan: A plan that pastes patches; holes have no label.
            weights: Of the primary's label and of the donors'.

        Raises:
            InvalidSampleError: If the labels cannot be mixed.
        """
        label, rule = out[self.key], self.rule
        donors = [paste for paste in plan.pastes if plan.has_donors]
        for paste in donors:
            self._check(paste)
        if rule.mode == "pair":
            other, where = label, "the primary"
            for paste in donors:  # at most one, see `CutMix`
                other, where = paste.donor.label, paste.where
            rule.check_pair(label, other, "the primary", where)
            out[self.donor_key] = other
            return
        vectors = [rule.soften(label, "the primary")]
        for paste in donors:
            vectors.append(rule.soften(paste.donor.label, paste.where))
            if len(vectors[0]) != len(vectors[-1]):
                raise InvalidSampleError(
                    f"label vectors must have one length, got {len(vectors[0])} in the primary "
                    f"and {len(vectors[-1])} in {paste.where}."
                )
        out[self.key] = mix_labels(vectors, weights)

    def _check(self, paste: Paste) -> None:
        if paste.donor.label is None:
            raise InvalidSampleError(
                f"the primary has a class label under {self.key!r}, {paste.where} has none. Give "
                "every donor of the pool a label, or leave the label out of the call."
            )
