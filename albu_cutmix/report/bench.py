"""The bench on which mixes are made: a copy of the pipeline, the samples, and one row per mix."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from albu_cutmix.errors import EmptyPoolError, InvalidArgumentError
from albu_cutmix.host.base import MixTransform
from albu_cutmix.host.donors import check_pool
from albu_cutmix.host.fields import label_fields
from albu_cutmix.host.observe import Observation
from albu_cutmix.host.pipelines import find_mixes
from albu_cutmix.host.rows import host_format
from albu_cutmix.host.workers import stream_seed
from albu_cutmix.limits import SafetyLimits
from albu_cutmix.record import MixRecord
from albu_cutmix.report.samples import FAILURES, read_sample, wrap

__all__ = ["Bench", "Mixed", "draw_order", "find_mix"]


def draw_order(seed: int, count: int, n: int) -> Iterator[int]:
    """Yield the sample of each of n mixes, every one of *count* before any a second time."""
    rng = np.random.default_rng(seed)
    for start in range(0, n, count):
        yield from rng.permutation(count)[: n - start].tolist()


class Bench:
    """Makes mix k of an audit anywhere, in any order, always the same.

    Args:
        transform: A mix, or a pipeline that holds one. Not changed: a copy works.
        samples: A pool of this package, or a sequence of mappings or donors.
        seed: Of the audit.
        record_key: Of a pipeline with several mixes the one that is audited.
        class_field: Label field of boxes that names their class; None: "labels" if it is one,
            else the first one that the mix does not write.
        strict: Whether a mix that cannot be made is an error; those of other settings never are.

    Raises:
        InvalidArgumentError: If there is not one mix, or no such field.
        EmptyPoolError: If there is no sample, or no donor.
    """

    def __init__(
        self,
        transform: Any,
        samples: Any,
        seed: int,
        *,
        record_key: str | None = None,
        class_field: str | None = None,
        strict: bool = False,
    ) -> None:
        _check_samples(samples)
        theirs = find_mix(transform, record_key)
        # Pools are shared, not copied: they may be large, and `pool_index` speaks of the same one.
        pools = {id(mix.pool): mix.pool for mix in find_mixes(transform)}
        self.pipeline = copy.deepcopy(transform, pools)
        self.mix = find_mix(self.pipeline, record_key)
        self.mix.on_schedule = False  # the mix is looked at as it is in full swing
        if self.pipeline is self.mix:
            self.pipeline = wrap(self.mix, samples)
        self.samples, self.seed, self.strict = samples, seed, strict
        self._own_pool = samples is theirs.pool
        processors: Mapping[str, Any] = self.pipeline.processors
        self._formats = [
            host_format(processors[name]) if name in processors else default
            for name, default in (("bboxes", "pascal_voc"), ("keypoints", "xy"))
        ]
        fields = label_fields(processors.get("bboxes"))
        self.mix.tap_field = _class_field(class_field, fields, self.mix)
        if self.mix.takes_pool and self.mix.pool is None:
            _check_donors(samples, getattr(self.mix, "metadata_key", ""))

    @property
    def limits(self) -> SafetyLimits:
        """The limits of the mix."""
        return self.mix.safety_rule.limits

    @property
    def pools(self) -> list[Any]:
        """Where samples and donors come from; one where both are the same."""
        found = {id(pool): pool for pool in (self.samples, self.mix.pool) if pool is not None}
        return list(found.values())

    def read(self, index: int) -> dict[str, Any]:
        """Return a sample as keywords of the pipeline's call, with an image in it."""
        sample = read_sample(self.samples, index, *self._formats)
        rows = getattr(self.mix, "mask_index_field", None)
        if rows is not None and sample.get("masks") is not None and rows not in sample:
            sample[rows] = list(range(len(sample["masks"])))  # row i of a sample is that of box i
        return sample | {"pool_index": index} if self._own_pool else sample

    def mix_sample(self, index: int, seed: int) -> Mixed:
        """Run the pipeline on a sample under a seed, and look at the mix in it."""
        sample = self.read(index)
        seen: list[Observation] = []
        self.mix.tap = seen.append
        self.pipeline.set_random_seed(seed)
        try:
            self.pipeline(**sample)
        finally:
            self.mix.tap = None
        targets = _targets(self.mix, sample)
        if seen:
            return Mixed(targets, seen[-1])
        image = sample["image"]
        slots = self.mix.most_patches
        record = MixRecord.empty(self.mix.kind, "not called", image.shape[:2], slots)
        return Mixed(targets, Observation(record, [], [], image, before=image))

    def seed_of(self, number: int) -> int:
        """Return the seed of a mix."""
        return stream_seed(self.seed, number) % 2**32

    def row(self, number: int, index: int, *, strict: bool = False) -> str:
        """Make a mix and return its row, one line of JSON; see `figures`.

        Args:
            number: Of the mix.
            index: Of its sample.
            strict: Whether a mix that cannot be made is an error, not a row that tells of it.
        """
        seed = self.seed_of(number)
        head = f'{{"mix":{number},"sample":{index},"seed":{seed},'
        try:
            return f"{head}{self.mix_sample(index, seed).text}}}"
        except FAILURES as error:
            if strict:
                raise
            return f'{head}"error":{json.dumps(f"{type(error).__name__}: {error}")}}}'


class Mixed(NamedTuple):
    """One call of the pipeline, as seen from its mix.

    Attributes:
        targets: Targets of the sample that a mix judges, "label" among them.
        seen: What the mix told; of reason "not called" where a container did not call it.
    """

    targets: list[str]
    seen: Observation

    @property
    def text(self) -> str:
        """The part of a row that says what happened: JSON without braces."""
        record, primary, donor, *_ = self.seen
        return (
            f'"targets":{_dumps(self.targets)},"record":{record.to_json()},'
            f'"primary":{_dumps(primary)},"donor":{_dumps(donor)}'
        )


_dumps = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def _check_samples(samples: Any) -> None:
    """Raise unless there are samples."""
    try:
        check_pool(samples, "samples", InvalidArgumentError, optional=False)
    except EmptyPoolError as error:
        raise EmptyPoolError(
            f"an audit needs at least one sample, got none in an empty {type(samples).__name__}."
        ) from error


def _check_donors(samples: Any, metadata_key: str) -> None:
    """Raise unless the first sample brings the donors that a mix without a pool needs."""
    try:
        there = metadata_key in read_sample(samples, 0)
    except FAILURES:  # told where it is drawn
        return
    if not there:
        raise EmptyPoolError(
            f"a mix needs donors, got one without a pool, and samples without {metadata_key!r}. "
            "Give the mix its pool, or a pipeline that was loaded: attach_pool(pipeline, pool)."
        )


def _targets(mix: MixTransform, sample: Mapping[str, Any]) -> list[str]:
    """Return which targets that a mix judges a sample holds."""
    names = ["mask", "bboxes"] + ["masks"] * (getattr(mix, "masks_mode", "") == "instances")
    found = [name for name in names if sample.get(name) is not None]
    return found + ["label"] * mix.has_label(sample)


def find_mix(transform: Any, record_key: str | None) -> MixTransform:
    """Return the one mix of a pipeline, or the one of a record key.

    Raises:
        InvalidArgumentError: If there is none, or more than one.
    """
    mixes = [mix for mix in find_mixes(transform, record_key) if mix.kind != "none"]
    if len(mixes) == 1:
        return mixes[0]
    which = "" if record_key is None else f" with record_key={record_key!r}"
    if not mixes:
        raise InvalidArgumentError(
            "an audit needs a CutMix, MixUp or Cutout, or a pipeline that holds one, got "
            f"none{which} in {type(transform).__name__}."
        )
    keys = [mix.record_key for mix in mixes]
    way = f"Name one of them: record_key=..., one of {keys!r}."
    if len(set(keys)) < len(keys):  # as those of a OneOf
        way = f"Give each by itself, in a pipeline without the others: all are {keys[0]!r}."
    raise InvalidArgumentError(
        f"an audit looks at one mix, got {len(mixes)}{which} in {type(transform).__name__}. {way}"
    )


def _class_field(name: str | None, fields: list[str], mix: MixTransform) -> str | None:
    """Return the label field that names classes, None where there is none."""
    if name is not None and name not in fields:
        raise InvalidArgumentError(
            f"class_field must be one of the pipeline's label_fields {fields!r}, got {name!r}."
        )
    written = {
        getattr(mix, argument, None)
        for argument in ("visibility_field", "ignore_field", "mask_index_field")
    }
    named = [field for field in fields if field not in written]
    return name or ("labels" if "labels" in named else next(iter(named), None))
