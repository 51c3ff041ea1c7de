"""The hooks by which Albumentations 2.0.8 and AlbumentationsX ask for a draw."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from albu_cutmix.fates import Verdict
from albu_cutmix.host.unsafe import draw_safe
from albu_cutmix.host.versions import SampledParams
from albu_cutmix.limits import SafetyRule
from albu_cutmix.plan import MixPlan
from albu_cutmix.safety import Safety
from albu_cutmix.schedule import MixSchedule

__all__ = ["Hooks"]


class Hooks:
    """The sampling hook of the host that is installed, chosen when the class is made.

    AlbumentationsX refuses the old hook's name in the body of a transform, not in a mixin's.
    """

    random_generator: np.random.Generator
    #: Gives the plan of a call in place of a draw, for a replay.
    script: Callable[[Mapping[str, Any]], MixPlan] | None = None
    safety_rule = SafetyRule()
    schedule: MixSchedule | None = None
    #: Whether the schedule counts: an audit looks at the mix in full.
    on_schedule = True

    def draw_plan(self, data: dict[str, Any], rng: np.random.Generator) -> MixPlan:
        """Draw everything that is random in one call."""
        raise NotImplementedError

    def make_plan(self, data: dict[str, Any], rng: np.random.Generator) -> MixPlan:
        """Return the plan of one call."""
        if self.script is not None:
            return self.script(data)
        factor = self.schedule.factor() if self.schedule and self.on_schedule else None
        # The host's gate has let p of the calls through; of these the factor is left.
        if factor is not None and rng.random() >= factor:
            return MixPlan(data["image"].shape[:2], reason="schedule")
        return draw_safe(
            lambda: self.draw_plan(data, rng),
            lambda plan: self.judge(plan, data)[1].metrics.flags,
            self.safety_rule.on_unsafe,
        )

    def judge(self, plan: MixPlan, data: Mapping[str, Any]) -> tuple[Verdict | None, Safety]:
        """Say what becomes of every object of a call, and how safe that is."""
        raise NotImplementedError

    if SampledParams is None:

        def get_params_dependent_on_data(
            self,
            params: dict[str, Any],  # noqa: ARG002 - the host's signature
            data: dict[str, Any],
        ) -> dict[str, Any]:
            """Sample: the hook of 2.0.8."""
            return {"plan": self.make_plan(data, self.random_generator)}

    else:

        def sample_parameters(
            self,
            params: dict[str, Any],  # noqa: ARG002
            data: dict[str, Any],
            targets: Any,  # noqa: ARG002
            sampling: Any,
        ) -> Any:
            """Sample: the hook of AlbumentationsX."""
            return SampledParams(params={"plan": self.make_plan(data, sampling.random_generator)})
