"""Settings of a transform as plain data: what is saved, printed, logged, hashed and pickled."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from albu_cutmix.limits import SafetyLimits
from albu_cutmix.pool import describe_pool
from albu_cutmix.schedule import MixSchedule

__all__ = ["SavedSettings", "as_floats", "as_plain", "hash_policy"]


class SavedSettings:
    """The part of a transform that turns it into plain data."""

    p: float
    pool: Any = None  # where donors come from
    pool_spec: dict[str, Any] | None = None  # the pool as plain data, where it was given so

    def get_transform_init_args_names(self) -> tuple[str, ...]:
        """Return the names of the arguments that are saved and printed: all but pool and p.

        A subclass that takes further keywords hands them on, so they are those of its parent.
        """
        names: dict[str, None] = {}
        for cls in type(self).__mro__:
            if "__init__" in vars(cls):
                parameters = inspect.signature(vars(cls)["__init__"]).parameters.values()
                named = [
                    one.name
                    for one in parameters
                    if one.kind is one.KEYWORD_ONLY or one.kind is one.POSITIONAL_OR_KEYWORD
                ]
                names |= dict.fromkeys(named)
                if not any(one.kind is one.VAR_KEYWORD for one in parameters):
                    break
        return tuple(name for name in names if name not in ("self", "pool", "p"))

    @classmethod
    def get_class_fullname(cls) -> str:
        """Return the name under which pipelines are saved: that of the import, not the module."""
        if cls.__module__.startswith("albu_cutmix."):
            return f"albu_cutmix.{cls.__name__}"
        return str(super().get_class_fullname())  # type: ignore[misc]

    def get_transform_init_args(self) -> dict[str, Any]:
        """Return the arguments that are saved and printed, as plain data; a live pool is none."""
        args = {
            name: as_plain(getattr(self, name)) for name in self.get_transform_init_args_names()
        }
        return args if self.pool_spec is None else {"pool": as_plain(self.pool_spec), **args}

    def policy(self) -> dict[str, Any]:
        """Return all settings as plain data: what a log or a checkpoint keeps.

        Returns:
            A dict for JSON or YAML: the arguments, `p`, the transform's name, and under "pool"
            its length, a digest of its content, and its "spec" where it has one.
        """
        args = self.get_transform_init_args()
        name = self.get_class_fullname()
        return {"transform": name, "p": self.p, **args, "pool": as_plain(describe_pool(self.pool))}

    @property
    def fingerprint(self) -> str:
        """A short hash of `policy()`: equal settings and an equal pool have an equal one."""
        return hash_policy(self.policy())

    def __getstate__(self) -> dict[str, Any]:
        """Return all but the last call's parameters: pixels must not travel to a worker."""
        get = getattr(super(), "__getstate__", None)  # absent before Python 3.11 on one host
        state = get() if get is not None else self.__dict__
        return {**state, "params": {}} if "params" in state else dict(state)


def as_plain(value: Any) -> Any:
    """Return a value in what JSON and YAML both hold: numbers, strings, lists, mappings."""
    if isinstance(value, (SafetyLimits, MixSchedule)):
        return as_plain(value.as_dict())
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(key): as_plain(item) for key, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [as_plain(item) for item in value]
    return value


def hash_policy(policy: Mapping[str, Any]) -> str:
    """Return a short hash of a policy, equal for equal settings on every platform.

    Of a pool its content counts, not the "spec" that says where it lies.
    """
    pool = policy["pool"]
    if pool and "digest" in pool:
        pool = {key: value for key, value in pool.items() if key != "spec"}
    text = json.dumps(as_floats({**policy, "pool": pool}), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def as_floats(value: Any) -> Any:
    """Return plain data with every number as a float: 1 and 1.0 are one setting."""
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, dict):
        return {key: as_floats(item) for key, item in value.items()}
    return [as_floats(item) for item in value] if isinstance(value, list) else value
