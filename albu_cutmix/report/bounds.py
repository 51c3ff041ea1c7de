"""Bounds on the figures of an audit, as `--fail-on` has them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from albu_cutmix.errors import InvalidArgumentError
from albu_cutmix.report.verdict import RATES

__all__ = ["BOUNDED", "Bound", "read_bounds"]

#: Keys of the summary that --fail-on may name.
BOUNDED = ("applied", "patch_share", *(rate.key for rate in RATES))


class Bound(NamedTuple):
    """A bound on a figure of the summary, such as "erased>0.05"."""

    key: str
    sign: str
    value: float

    def __str__(self) -> str:
        """Return it as it was written."""
        return f"{self.key}{self.sign}{self.value:g}"

    def is_passed(self, summary: Mapping[str, Any]) -> bool:
        """Whether a summary is beyond the bound.

        Raises:
            InvalidArgumentError: If the samples cannot have such a figure.
        """
        figure = summary[self.key]
        if figure is None and not summary["applied"]:
            raise InvalidArgumentError(
                f"--fail-on names {self.key!r}, and not one of {summary['n']} calls was applied: "
                f"{summary['reasons']}. Raise --p, or give the patch more room: --area."
            )
        if figure is None:
            raise InvalidArgumentError(
                f"--fail-on names {self.key!r}, which does not apply to these samples, or is "
                "switched off by the limits of the mix. Leave it out."
            )
        return bool(figure > self.value if self.sign == ">" else figure < self.value)


def read_bounds(text: str) -> list[Bound]:
    """Return the bounds of --fail-on.

    Raises:
        InvalidArgumentError: If one is no bound on a figure of the summary.

    >>> read_bounds("erased>0.05, applied<0.3")
    [Bound(key='erased', sign='>', value=0.05), Bound(key='applied', sign='<', value=0.3)]
    """
    bounds = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\w+)\s*([<>])\s*(\d*\.?\d+)\s*", part)
        if match is None or float(match[3]) > 1:
            raise InvalidArgumentError(
                "--fail-on must be bounds such as 'erased>0.05,remnants>0.2', with shares in "
                f"[0, 1], got {part!r}."
            )
        if match[1] not in BOUNDED:
            raise InvalidArgumentError(
                f"--fail-on names {match[1]!r}, which is no figure of the summary. Known are "
                f"{', '.join(BOUNDED)}."
            )
        bounds.append(Bound(match[1], match[2], float(match[3])))
    return bounds
