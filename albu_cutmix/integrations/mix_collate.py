"""A `collate_fn` that mixes; public in `albu_cutmix.integrations.torch`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch.utils.data import default_collate

from albu_cutmix.batch.door import KEYS
from albu_cutmix.errors import InvalidArgumentError, InvalidSampleError

__all__ = ["MixCollate", "distinct_names"]

MADE = ("label_donor", "mix", "seam")  # what a mix adds to the batch


class MixCollate:
    """A `collate_fn` that collates, then mixes the batch, in the worker that made it.

    It is pickled with its parts, so workers may also be spawned.

    Args:
        mix: A `BatchCutMix`.
        collate: What makes a batch of samples, such as `padded_collate`.
        keys: Names of the parts, where samples are tuples such as (image, label). Mappings are
            taken as they are.
        carry: Parts of the batch that go past the mix as they are, such as `image_id` or `path`.
            Where samples are tuples, `keys` names them too. `padded_collate` wants them in `keep`.

    Raises:
        InvalidArgumentError: If an argument is of another kind, or `carry` names a target.

    >>> MixCollate(lambda batch: batch)([(1.0, 4), (2.0, 7)])["label"]
    tensor([4, 7])
    >>> collate = MixCollate(lambda batch: batch, keys=("label", "path"), carry=("path",))
    >>> collate([(4, "a.jpg"), (7, "b.jpg")])["path"]
    ['a.jpg', 'b.jpg']
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
        self.keys, self.carry = distinct_names("keys", keys), distinct_names("carry", carry)
        taken = [name for name in self.carry if name in (*KEYS, *MADE)]
        if taken:
            raise InvalidArgumentError(
                f"carry must name what no mix touches or makes, got {taken}: targets that went "
                "past it would be those of other images. Give other parts another name."
            )

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
                f"torch's default_collate takes no boxes of different numbers: {error}. Pad them: "
                "MixCollate(mix, padded_collate)."
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


def distinct_names(argument: str, value: Any) -> tuple[str, ...]:
    """Return an argument that is a tuple or list of names, as a tuple."""
    if (
        not isinstance(value, (tuple, list))
        or not all(isinstance(name, str) for name in value)
        or len(set(value)) != len(value)
    ):
        raise InvalidArgumentError(
            f"{argument} must be a tuple or list of distinct names, got {value!r}."
        )
    return tuple(value)
