"""What an audit found out about the data themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from albu_cutmix.report.figures import Figures
from albu_cutmix.report.verdict import percent

__all__ = ["Failures", "find_all"]

SHOWN = 3  # examples of a finding


class Failures:
    """Mixes that could not be made: how many, and the first few."""

    def __init__(self) -> None:
        self.count = 0
        self.examples: list[str] = []

    def add(self, row: dict[str, Any]) -> None:
        """Count a row if it tells of an error."""
        if "error" not in row:
            return
        self.count += 1
        if len(self.examples) < SHOWN and row["error"] not in self.examples:
            self.examples.append(row["error"])


def find_all(
    figures: Figures, failures: Failures, skipped: int, pools: Iterable[Any]
) -> list[dict[str, Any]]:
    """Return the findings of an audit: `text`, `count` and `examples` each.

    Args:
        figures: Of all mixes.
        failures: Mixes that could not be made.
        skipped: How often a pool gave the next sample in place of one that it could not read.
        pools: Where samples and donors come from; their `findings` are grouped.
    """
    out = []
    if failures.count:
        text = f"{failures.count} of {figures.made + figures.failed} calls could not be made."
        out.append(_finding(text, failures.count, failures.examples))
    if skipped:
        text = "Images could not be read, and the next one was taken: on_error='skip'."
        out.append(_finding(text, skipped, []))
    for pool in pools:
        out += _group(getattr(pool, "findings", ()))
    if figures.applied and figures.bare and figures.has("bboxes"):
        share = percent(figures.bare / figures.applied)
        out.append(_finding(f"{share} of the samples have no box.", figures.bare, []))
    shapes = sorted(figures.shapes, key=lambda shape: shape[0] * shape[1])
    if len(shapes) > 1:
        (low_h, low_w), (high_h, high_w) = shapes[0], shapes[-1]
        text = (
            f"The images that reach the mix have {len(shapes)} sizes, from {low_w} x {low_h} to "
            f"{high_w} x {high_h} (width x height)."
        )
        out.append(_finding(text, len(shapes), []))
    return out


def _finding(text: str, count: int, examples: list[str]) -> dict[str, Any]:
    return {"text": text, "count": count, "examples": examples}


def _group(findings: Iterable[str]) -> list[dict[str, Any]]:
    """Return the findings of a pool by kind: texts that differ in names and numbers alone."""
    groups: dict[str, list[str]] = {}
    for text in findings:
        groups.setdefault(_kind(text), []).append(text)
    return [
        _finding(f"{len(texts)} left out of the annotations.", len(texts), texts[:SHOWN])
        for kind, texts in groups.items()
    ]


def _kind(text: str) -> str:
    """Return a finding without file, names and numbers."""
    told = re.sub(r"^\S*[/\\.]\S*?[:,]\s", "", text)
    return re.sub(r"'[^']*'|\"[^\"]*\"|\[[^\]]*\]|-?\d[\d.]*", "...", told)
