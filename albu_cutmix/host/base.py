"""`MixTransform`: the hooks of Albumentations 2.0.8 and AlbumentationsX behind one class.

It owns what every mix shares: same keys whether or not it fired, own random streams, targets
refused by name. A subclass says what to draw (`draw_plan`) and what to do with it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from albumentations.core.transforms_interface import DualTransform
from albumentations.core.type_definitions import Targets

from albu_cutmix.errors import InvalidArgumentError, InvalidSampleError
from albu_cutmix.geometry import Rect
from albu_cutmix.host.calls import check_aliases, check_call, check_keys
from albu_cutmix.host.class_label import ClassLabel
from albu_cutmix.host.hooks import Hooks
from albu_cutmix.host.observe import Observation, observe
from albu_cutmix.host.seam_map import SeamMap
from albu_cutmix.host.settings import SavedSettings
from albu_cutmix.host.versions import SampledParams
from albu_cutmix.host.workers import rank, stream_seed, worker_seed
from albu_cutmix.labels import LabelRule
from albu_cutmix.limits import SafetyRule
from albu_cutmix.plan import MixPlan, Paste
from albu_cutmix.record import MixRecord
from albu_cutmix.schedule import MixSchedule

__all__ = ["MixTransform"]

# Only AlbumentationsX names `masks` apart: 2.0.8 takes them wherever it takes a mask.
MASKS = [target for target in Targets if target.name == "MASKS"]


class MixTransform(SavedSettings, Hooks, DualTransform):  # type: ignore[misc]
    """What every mix shares.

    Args:
        label_rule: How the class label is read and mixed.
        label_key: Name of the class label.
        record_key: Name of the record.
        p: Probability.
        metadata_key: Name of a list of donors in the call.
        seam_key: Name of the seam map; None: there is none.
        safety_rule: What is measured, drawn and done.
        schedule: A factor on p by epoch; None: there is none.

    Raises:
        InvalidArgumentError: If p or a key is not valid.
    """

    params: dict[str, Any]
    most_patches = 1
    takes_pool = False
    takes_seed = False  # whether what fills a patch is made under a seed
    _targets = (Targets.IMAGE, Targets.MASK, *MASKS, Targets.BBOXES, Targets.KEYPOINTS)
    kind = "none"

    def __init__(
        self,
        label_rule: LabelRule,
        label_key: str,
        record_key: str,
        p: float,
        *,
        metadata_key: str = "mix_metadata",
        seam_key: str | None = None,
        safety_rule: SafetyRule = SafetyRule(),  # noqa: B008 - frozen
        schedule: MixSchedule | None = None,
    ) -> None:
        if isinstance(p, bool) or not isinstance(p, (int, float, np.floating)) or not 0 <= p <= 1:
            raise InvalidArgumentError(f"p must be a probability in [0, 1], got {p!r}.")
        named = {"label_key": label_key, "record_key": record_key, "metadata_key": metadata_key}
        named |= {} if seam_key is None else {"seam_key": seam_key}
        check_keys(named)
        # Read by set_random_seed, which the host's constructor calls.
        self.label_key, self.record_key = label_key, record_key
        super().__init__(p=float(p))
        self.label_rule, self.safety_rule, self.seam_key = label_rule, safety_rule, seam_key
        self.schedule = schedule
        self._seam = SeamMap(seam_key, safety_rule.seam_width)
        #: Called with the `Observation` of each call, for an audit.
        self.tap: Callable[[Observation], None] | None = None
        self.tap_field: str | None = None  # the label field of boxes that names classes
        self.aliases: dict[str, str] = {}
        self._worker_seed: int | None = None
        # Announced, not registered: registered keys pass through array functions of 2.0.8 that
        # cannot take a string.
        self._own_keys = {*named.values(), self._label.donor_key, "pool_index"}
        self._available_keys |= self._own_keys

    @property
    def row_processors(self) -> dict[str, Any]:
        """The pipeline's processor of each kind of rows; None where it has none."""
        return {name: self.get_processor(name) for name in ("bboxes", "keypoints")}

    @property
    def _label(self) -> ClassLabel:
        return ClassLabel(self.label_key, self.label_rule)

    @property
    def _salt(self) -> tuple[str, str]:
        return type(self).__name__, self.record_key

    if SampledParams is None:

        def set_random_seed(self, seed: int | None) -> None:
            """Seed the streams; salted, since 2.0.8 gives every transform the same seed."""
            super().set_random_seed(None if seed is None else stream_seed(seed, *self._salt))
            self.seed = seed

        def _follow_worker(self) -> None:
            """Take new streams once per DataLoader worker and epoch: 2.0.8 repeats otherwise."""
            seed = worker_seed()
            if seed is not None and seed != self._worker_seed:
                self._worker_seed = seed
                mixed = stream_seed(seed, rank(), self.seed, *self._salt)
                self.set_random_state(np.random.default_rng(mixed), random.Random(mixed))  # noqa: S311

        def __call__(self, *args: Any, force_apply: bool = False, **kwargs: Any) -> Any:
            """Mix one sample. See the class."""
            self._follow_worker()
            self._check_call(kwargs)
            out = self._complete(super().__call__(*args, force_apply=force_apply, **kwargs), kwargs)
            if self.params and not self.replay_mode:
                # The host keeps them until the next call: a record, not the donor's pixels.
                self.params = {self.record_key: out[self.record_key]}
            return out

    else:

        def apply_in_invocation(
            self, invocation: Any, /, *args: Any, force_apply: bool, **kwargs: Any
        ) -> Any:
            """Mix one sample: where every call of AlbumentationsX arrives."""
            self._check_call(kwargs)
            out = super().apply_in_invocation(invocation, *args, force_apply=force_apply, **kwargs)
            return self._complete(out, kwargs)

    def add_targets(self, additional_targets: dict[str, str]) -> None:
        """Take additional targets; each is mixed with the donor's data under the same key."""
        if self.seam_key is not None and additional_targets.get(self.seam_key) == "mask":
            # So that other transforms carry the seam map along; here it is no alias.
            additional_targets = {**additional_targets}
            del additional_targets[self.seam_key]
        check_aliases(additional_targets, self._own_keys, type(self).__name__)
        super().add_targets(additional_targets)
        self.aliases |= additional_targets
        for key in additional_targets.keys() & self._key2func.keys():
            self._key2func[key] = partial(self.apply_to_alias, key)

    def apply_to_alias(self, key: str, value: Any, **params: Any) -> Any:
        """Mix an additional target; the host does not tell a method which key it serves."""
        raise NotImplementedError

    def _complete(self, out: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Return a call's result with every key: the gate is the host's own and adds none."""
        fired = out.get(self.record_key) is not data.get(self.record_key)
        return out if fired else self.unmixed(out, "p")

    def apply_with_params(self, params: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Apply a plan to every target of the call, then add label and record."""
        plan: MixPlan = getattr(params, "params", params)["plan"]
        if not plan.pastes:
            same = {key: _contiguous(kwargs[key]) for key in kwargs}
            return self.unmixed(same, plan.reason, plan.flags)
        shape = kwargs["image"].shape[:2]
        if plan.shape != shape:  # only a replay of the host can bring the plan of another call
            raise InvalidSampleError(
                f"{type(self).__name__} was planned for an image of {plan.shape} (height, width), "
                f"got {shape}. Replay it on an image of that size."
            )
        verdict, safety = self.judge(plan, kwargs)
        known = {"data": kwargs, "verdict": verdict, "safety": safety}
        if SampledParams is None:
            params = {**params, **known}
        else:
            params = replace(params, params={**params.params, **known})
        out: dict[str, Any] = super().apply_with_params(params, *args, **kwargs)
        masks = kwargs.get("masks")
        if SampledParams is None and isinstance(masks, (list, tuple)) and not masks:
            out["masks"] = self.apply_to_masks(masks, **params)  # 2.0.8 leaves out empty lists
        if self.has_label(kwargs):
            self._label.mix(out, plan, safety.weights)
        self._seam.add(out, plan, safety)
        slots = self._slots(kwargs)
        out[self.record_key] = MixRecord.from_plan(self.kind, plan, safety.metrics, slots)
        if self.tap is not None:
            self.tap(observe(self, kwargs, out, plan, verdict, safety))
        return out

    def remake(
        self, data: Mapping[str, Any], number: int, seed: int, patch: Rect, source: Rect
    ) -> Paste:
        """Return a patch as a record has it; see `replay`."""
        raise NotImplementedError

    def align(self, data: dict[str, Any]) -> None:
        """Do to a call in which nothing is pasted what does not depend on a patch."""

    def unmixed(self, data: dict[str, Any], reason: str, flags: int = 0) -> dict[str, Any]:
        """Return the call with label and record as they are where nothing was mixed."""
        self.align(data)
        if self.has_label(data):
            self._label.convert(data)
        shape = data["image"].shape[:2]
        self._seam.keep(data, shape)
        slots = self._slots(data)
        data[self.record_key] = MixRecord.empty(self.kind, reason, shape, slots, flags=flags)
        if self.tap is not None:
            self.tap(observe(self, data, data))
        return data

    def _slots(self, data: Mapping[str, Any]) -> int:
        """Return how many patches the record holds: those that `MixTargets` announced, or own."""
        held = data.get(self.record_key)
        return self.most_patches if held is None else len(held.donors)

    def has_label(self, data: Mapping[str, Any]) -> bool:
        """Whether the call holds a class label."""
        if data.get(self.label_key) is None:
            return False
        return self._label.is_in(data, self.row_processors.values())

    def _check_call(self, data: dict[str, Any]) -> None:
        """Raise InvalidSampleError for what cannot be mixed truthfully, fired or not."""
        check_call(data, type(self).__name__, self.aliases, self.get_processor)
        self.check_fields(data)
        self._seam.check(data)
        self._check_twice(data)

    def check_fields(self, data: Mapping[str, Any]) -> None:
        """Raise InvalidSampleError where the pipeline lacks what a setting asks for."""

    def _check_twice(self, data: dict[str, Any]) -> None:
        """Raise where an earlier mix of the pipeline used the same record or label."""
        record = data.get(self.record_key)
        if record is not None and getattr(record, "kind", "") == "none":
            self._check_announced(record, data)
        elif record is not None:
            raise InvalidSampleError(
                f"the call already holds a record under {self.record_key!r}. Two mixes that can "
                f"both be called need different names: {type(self).__name__}(record_key=...)."
            )
        if self._is_second(data, record) and self.has_label(data):
            raise InvalidSampleError(
                f"the label {self.label_key!r} was mixed before, and a pair cannot be mixed a "
                "second time. Use label_mode='soft' in every mix of the pipeline."
            )

    def _check_announced(self, record: MixRecord, data: Mapping[str, Any]) -> None:
        """Raise where `MixTargets` announces fewer patches than there can be, or no seam map."""
        if len(record.donors) < self.most_patches:
            raise InvalidSampleError(
                f"the record under {self.record_key!r} has room for {len(record.donors)} patches, "
                f"got up to {self.most_patches} from {type(self).__name__}: its shape would "
                f"depend on the draw. Use MixTargets(num_patches={self.most_patches})."
            )
        if self.seam_key is not None and data.get(self.seam_key) is None:
            raise InvalidSampleError(
                f"the call has an empty record and no seam map under {self.seam_key!r}: whether "
                f"there is one would depend on the draw. Use MixTargets(seam_key="
                f"{self.seam_key!r})."
            )

    def _is_second(self, data: dict[str, Any], record: Any) -> bool:
        """Whether a pair would be mixed twice, as a pair or otherwise."""
        paired = self._label.donor_key in data
        if self.label_rule.mode == "soft":
            return paired
        mixed = (isinstance(v, MixRecord) and v.kind != "none" for v in data.values())
        return (paired and record is None) or any(mixed)


def _contiguous(value: Any) -> Any:
    """Return arrays in C order, as the host does for every transform that fires."""
    whole = not isinstance(value, np.ndarray) or value.flags.c_contiguous
    return value if whole else np.ascontiguousarray(value)
