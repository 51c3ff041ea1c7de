"""Lightning: the epoch of the schedule, the fingerprint in checkpoints, the applied rate."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from albu_cutmix.errors import InvalidArgumentError
from albu_cutmix.host.pipelines import find_mixes
from albu_cutmix.integrations.extras import missing
from albu_cutmix.record import MixRecord
from albu_cutmix.schedule import MixSchedule

try:
    from lightning.pytorch import Callback
except ModuleNotFoundError:
    try:
        from pytorch_lightning import Callback
    except ModuleNotFoundError as error:
        raise missing("lightning", "Lightning", "lightning") from error

__all__ = ["MixCallback"]


class MixCallback(Callback):  # type: ignore[misc]  # Lightning's types are not followed
    """Tell the schedule which epoch runs, and keep beside a checkpoint what was mixed.

    Checkpoints hold the epoch that comes next and the fingerprint of every mix. A run that goes on
    from one begins in that epoch, also in the batches that workers fetch before Lightning's first
    hook of an epoch; another fingerprint than that of the checkpoint is a warning. Where batches
    hold a `MixRecord`, `mix_applied` is logged: the rate of the epoch. It works with the Trainers
    of `lightning` and `pytorch_lightning` alike.

    Args:
        schedule: The schedule; None: those of the mixes in `pipeline`.
        pipeline: The pipeline, or a mix, whose fingerprint goes into checkpoints.
        record_key: Name of the record in batches that are mappings.

    Raises:
        InvalidArgumentError: If there is no mix in the pipeline.

    >>> from albu_cutmix.schedule import MixSchedule
    >>> callback = MixCallback(MixSchedule(30, stop_last=3))
    """

    def __init__(
        self,
        schedule: MixSchedule | None = None,
        pipeline: Any = None,
        *,
        record_key: str = "mix",
    ) -> None:
        self._mixes = list(find_mixes(pipeline))
        if pipeline is not None and not self._mixes:
            raise InvalidArgumentError(
                f"MixCallback found no mix in {type(pipeline).__name__}. Give it the pipeline that "
                "holds the CutMix."
            )
        own = [getattr(mix, "schedule", None) for mix in self._mixes]
        found = own if schedule is None else [schedule]
        self.schedules = [one for one in found if one is not None]
        self.record_key = record_key
        self._next_epoch = 0

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """The fingerprint of each mix under its record key; donors are read for it once."""
        return {mix.record_key: mix.fingerprint for mix in self._mixes if mix.kind != "none"}

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:  # noqa: ARG002
        """Set the epoch before the loader of the first epoch is asked for batches."""
        if stage == "fit":
            self._begin(trainer.current_epoch)

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002
        """Set the epoch where a run goes on from a checkpoint without this callback's state."""
        self._begin(trainer.current_epoch)

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002
        """Set the epoch; all but the first one's iterator are made after this."""
        self._begin(trainer.current_epoch)

    def on_train_batch_end(
        self,
        trainer: Any,
        pl_module: Any,
        outputs: Any,  # noqa: ARG002 - the library's signature
        batch: Any,
        batch_idx: int,  # noqa: ARG002
    ) -> None:
        """Log the applied rate, and note the end of an epoch for a checkpoint made at it."""
        if trainer.is_last_batch:
            self._next_epoch = trainer.current_epoch + 1
        record = self._record_of(batch)
        if record is not None:
            applied: Any = record.applied
            rate = applied.float().mean()
            pl_module.log(
                "mix_applied", rate, on_epoch=True, on_step=False, batch_size=len(applied)
            )

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps: the epoch that comes next, and fingerprints."""
        return {"epoch": self._next_epoch, "fingerprints": self.fingerprints}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on in the epoch of a checkpoint, and warn where another mix made it."""
        self._begin(state_dict["epoch"])
        saved = state_dict["fingerprints"]
        if self.fingerprints and saved != self.fingerprints:
            warnings.warn(
                f"the run goes on with another mix than its checkpoint was made with: fingerprints "
                f"are {self.fingerprints}, the checkpoint has {saved}. Compare policy() of both.",
                stacklevel=2,
            )

    def _begin(self, epoch: int) -> None:
        self._next_epoch = epoch
        for schedule in self.schedules:
            schedule.set_epoch(epoch)

    def _record_of(self, batch: Any) -> MixRecord | None:
        """Return the record of a batch: under its key, or among the parts of a tuple."""
        parts = [batch.get(self.record_key)] if isinstance(batch, Mapping) else batch
        if not isinstance(parts, (list, tuple)):
            return None
        return next((part for part in parts if isinstance(part, MixRecord)), None)
