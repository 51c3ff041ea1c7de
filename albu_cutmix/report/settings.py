"""Settings of a mix that a sweep tries: changed on the mix as it stands in its pipeline."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from albu_cutmix.host.base import MixTransform
from albu_cutmix.limits import SafetyLimits
from albu_cutmix.schedule import MixSchedule
from albu_cutmix.transforms import CutMix, Cutout, MixUp

__all__ = ["change", "kind_of", "own_arguments", "write_code"]

#: Arguments that a sweep tries, and the rules of the mix that are made of them.
SWEPT = ("alpha", "area_range", "ratio_range", "placement", "min_visibility")
RULES = ("_patch_rule", "_object_rule")
KINDS: tuple[type[CutMix | MixUp | Cutout], ...] = (CutMix, MixUp, Cutout)


def kind_of(mix: MixTransform) -> type[CutMix | MixUp | Cutout]:
    """Return the class of this package that a mix is of."""
    return next(kind for kind in KINDS if isinstance(mix, kind))


def _names(mix: MixTransform) -> list[str]:
    """Return the arguments of its class but the pool."""
    return [name for name in inspect.signature(kind_of(mix)).parameters if name != "pool"]


def own_arguments(mix: MixTransform) -> dict[str, Any]:
    """Return the arguments of a mix but its pool: those of its class, then a subclass's own."""
    names = dict.fromkeys((*_names(mix), *mix.get_transform_init_args_names()))
    return {name: getattr(mix, name) for name in names if hasattr(mix, name)}


@contextmanager
def change(mix: MixTransform, arguments: dict[str, Any]) -> Iterator[None]:
    """Change arguments of a mix, all of them among `SWEPT`, and change them back.

    The mix stays the object that its pipeline knows, wired to its processors and targets. A
    subclass need not take these arguments: they are checked as those of its class.

    Raises:
        InvalidArgumentError: If the mix does not take them together with its own.
    """
    if not arguments:
        yield
        return
    given = {name: getattr(mix, name) for name in _names(mix)}
    fresh = kind_of(mix)(**given | arguments)
    before = {name: getattr(mix, name) for name in (*given.keys() & SWEPT, *RULES)}
    try:
        for name in before:
            setattr(mix, name, getattr(fresh, name))
        yield
    finally:
        for name, value in before.items():
            setattr(mix, name, value)


def write_code(mix: MixTransform, arguments: dict[str, Any]) -> str:
    """Return a mix with changed arguments as Python that makes it anew from `pool`.

    Args:
        mix: The mix.
        arguments: Arguments that are written in any case; others where they are no defaults.
    """
    # The pool may bring classes.
    pool = {"pool": mix.pool} if mix.takes_pool else {}
    plain = own_arguments(kind_of(mix)(**pool))
    told = {name for name, value in arguments.items() if value is not None}
    parts = [
        f"{name}={_code(value)}"
        for name, value in (own_arguments(mix) | arguments).items()
        if name in told or name not in plain or value != plain[name]
    ]
    return f"{type(mix).__name__}({', '.join([*pool, *parts])})"


def _code(value: Any) -> str:
    """Return a value as Python, strings in double quotes."""
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, SafetyLimits):  # as a mapping, which needs no import
        plain = SafetyLimits().as_dict()
        return _code({k: v for k, v in value.as_dict().items() if v != plain[k]})
    if isinstance(value, MixSchedule):
        return _code(value.as_dict())
    if isinstance(value, (tuple, list)):
        parts = ", ".join(map(_code, value))
        return f"({parts},)" if len(value) == 1 else f"({parts})"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_code(k)}: {_code(v)}" for k, v in value.items()) + "}"
    return repr(value)
