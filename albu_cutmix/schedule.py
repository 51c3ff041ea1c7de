"""`MixSchedule`: how often to mix as a run goes on."""

from __future__ import annotations

import math
import operator
from typing import Any

from albu_cutmix.errors import InvalidArgumentError
from albu_cutmix.sharing import SharedNumber

__all__ = ["MixSchedule"]

MOST = 2**53  # what JSON holds exactly
RAMPS = ("constant", "linear", "cosine")


class MixSchedule:
    """A factor on the probability of a mix, by epoch: rise, full, off at the end.

    Call `set_epoch` at the start of each epoch. Workers that run already see it at once, however
    they were started, persistent or not. Pickles and deep copies belong to the same run: they see
    the same epoch; where that run has ended, they go on from the epoch of the pickle.

    Args:
        epochs: How many epochs the run has.
        warmup: How many of the first epochs the factor takes to rise to 1.
        stop_last: In how many of the last epochs nothing is mixed, so that the run ends on real
            images.
        ramp: How it rises: "constant" (0 until the warm-up is over), "linear" or "cosine", at
            t = (epoch + 1) / (warmup + 1) the values t and (1 - cos(pi t)) / 2.

    Raises:
        InvalidArgumentError: If an argument is out of range, warm-up and stop leave no epoch
            between them, or a ramp has no warm-up.

    >>> schedule = MixSchedule(6, warmup=2, stop_last=1, ramp="linear")
    >>> [round(schedule.factor(epoch), 2) for epoch in range(6)]
    [0.33, 0.67, 1.0, 1.0, 1.0, 0.0]
    """

    def __init__(
        self, epochs: int, *, warmup: int = 0, stop_last: int = 0, ramp: str = "constant"
    ) -> None:
        self.epochs = _whole("epochs", epochs, 1)
        self.warmup = _whole("warmup", warmup, 0)
        self.stop_last = _whole("stop_last", stop_last, 0)
        if ramp not in RAMPS:
            raise InvalidArgumentError(f"ramp must be one of {', '.join(RAMPS)}, got {ramp!r}.")
        if ramp != "constant" and not self.warmup:
            raise InvalidArgumentError(
                f"ramp={ramp!r} shapes the rise of the warm-up, and warmup is 0. Say in how many "
                "epochs it rises: warmup=5."
            )
        if self.warmup + self.stop_last >= self.epochs:
            raise InvalidArgumentError(
                f"warmup and stop_last must leave an epoch between them, got {warmup} and "
                f"{stop_last} of {epochs} epochs."
            )
        self.ramp = ramp
        self._epoch = SharedNumber()

    @property
    def epoch(self) -> int:
        """The epoch that runs now, from 0."""
        return self._epoch.value

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch begins, from 0; after the last one, the last one's factor stays.

        Raises:
            InvalidArgumentError: If it is no whole number of at least 0.
        """
        self._epoch.value = _whole("epoch", epoch, 0)

    def factor(self, epoch: int | None = None) -> float:
        """Return the factor on p in an epoch, from 0 to 1; None: in the one that runs now."""
        number = min(self.epoch if epoch is None else _whole("epoch", epoch, 0), self.epochs - 1)
        if number >= self.epochs - self.stop_last:
            return 0.0
        if number >= self.warmup:
            return 1.0
        t = (number + 1) / (self.warmup + 1)
        rising = {"constant": 0.0, "linear": t, "cosine": (1.0 - math.cos(math.pi * t)) / 2.0}
        return rising[self.ramp]

    def state_dict(self) -> dict[str, int]:
        """Return the epoch for a checkpoint."""
        return {"epoch": self.epoch}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from the epoch of a checkpoint.

        Raises:
            InvalidArgumentError: If it is no state of a schedule.
        """
        self.set_epoch(state.get("epoch", state))

    def as_dict(self) -> dict[str, Any]:
        """Return the arguments: what a saved pipeline holds; the epoch is none of them."""
        names = ("epochs", "warmup", "stop_last", "ramp")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def of(cls, value: Any) -> MixSchedule | None:
        """Return a schedule, one made of a mapping of its arguments, or None.

        Raises:
            InvalidArgumentError: If it is none of them.
        """
        if value is None or isinstance(value, cls):
            return value
        try:
            return cls(**value)
        except TypeError as error:
            raise InvalidArgumentError(
                "schedule must be a MixSchedule, or a mapping of its arguments such as "
                f"{{'epochs': 50, 'stop_last': 5}}, got {value!r}."
            ) from error

    def __eq__(self, other: object) -> bool:
        """Return whether another schedule has the same arguments, in whatever epoch it is."""
        if not isinstance(other, MixSchedule):
            return NotImplemented
        return self.as_dict() == other.as_dict()

    def __hash__(self) -> int:
        """Return a number that equal schedules share."""
        return hash(tuple(self.as_dict().values()))

    def __repr__(self) -> str:
        """Return the call that makes it."""
        rest = "".join(f", {k}={v!r}" for k, v in self.as_dict().items() if k != "epochs" and v)
        return f"MixSchedule({self.epochs}{rest})"


def _whole(name: str, value: Any, least: int) -> int:
    """Return a whole number, of Python or NumPy."""
    try:
        number = -1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = -1
    if not least <= number <= MOST:
        raise InvalidArgumentError(
            f"{name} must be a whole number of at least {least}, got {value!r}."
        )
    return number
