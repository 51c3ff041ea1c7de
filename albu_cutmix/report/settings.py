"""Settings of a mix that a sweep tries: changed on the mix as it stands in its pipeline."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from albu_cutmix.host.base import MixTransform
from albu_cutmix.limits import SafetyLimits

__all__ = ["change", "own_arguments", "write_code"]

#: Arguments that a sweep tries, and the rules of the mix that are made of them.
SWEPT = ("alpha", "area_range", "ratio_range", "placement", "min_visibility")
RULES = ("_patch_rule", "_object_rule")


def own_arguments(mix: MixTransform) -> dict[str, Any]:
    """Return the arguments of a mix but its pool."""
    return {name: getattr(mix, name) for name in (*mix.get_transform_init_args_names(), "p")}


@contextmanager
def change(mix: MixTransform, arguments: dict[str, Any]) -> Iterator[None]:
    """Change arguments of a mix, all of them among `SWEPT`, and change them back.

    The mix stays the object that its pipeline knows, wired to its processors and targets.

    Raises:
        InvalidArgumentError: If the mix does not take them together with its own.
    """
    if not arguments:
        yield
        return
    fresh = type(mix)(mix.pool, **own_arguments(mix) | arguments)
    before = {name: getattr(mix, name) for name in (*SWEPT, *RULES)}
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
    plain = own_arguments(type(mix)(mix.pool))  # type: ignore[call-arg]
    told = {name for name, value in arguments.items() if value is not None}
    parts = [
        f"{name}={_code(value)}"
        for name, value in (own_arguments(mix) | arguments).items()
        if name in told or value != plain[name]
    ]
    return f"{type(mix).__name__}({', '.join(['pool', *parts])})"


def _code(value: Any) -> str:
    """Return a value as Python, strings in double quotes."""
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, SafetyLimits):  # as a mapping, which needs no import
        plain = SafetyLimits().as_dict()
        return _code({k: v for k, v in value.as_dict().items() if v != plain[k]})
    if isinstance(value, (tuple, list)):
        parts = ", ".join(map(_code, value))
        return f"({parts},)" if len(value) == 1 else f"({parts})"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_code(k)}: {_code(v)}" for k, v in value.items()) + "}"
    return repr(value)
