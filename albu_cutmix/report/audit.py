"""`audit`: what a mix does to a data set, in figures, before it is trained on."""

from __future__ import annotations

import json
import operator
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import albumentations as A
import cv2
import numpy as np

from albu_cutmix.errors import InvalidArgumentError, InvalidSampleError
from albu_cutmix.files import check_writable, write_file
from albu_cutmix.host.base import MixTransform
from albu_cutmix.host.settings import hash_policy
from albu_cutmix.progress import progress_bar
from albu_cutmix.report.bench import Bench
from albu_cutmix.report.figures import Figures
from albu_cutmix.report.findings import Failures, find_all
from albu_cutmix.report.gallery import Gallery
from albu_cutmix.report.page import render
from albu_cutmix.report.runner import Runner, Spool
from albu_cutmix.report.samples import FAILURES
from albu_cutmix.report.sweep import Setting, list_settings, mixes_of, recommend, try_setting
from albu_cutmix.report.view import build_view, write_html, write_text

__all__ = ["AuditReport", "audit"]


def audit(
    transform: Any,
    samples: Any,
    n: int = 1000,
    seed: int = 0,
    workers: int = 0,
    *,
    record_key: str | None = None,
    class_field: str | None = None,
    sweep: bool = True,
    progress: bool | None = None,
    strict: bool = False,
) -> AuditReport:
    """Mix samples as training would, and report what becomes of their objects and labels.

    Mix k depends on `seed` and k alone, so that the figures are the same for any number of
    workers. Memory does not grow with n.

    Args:
        transform: A mix, or a whole pipeline that holds one: what reaches the mix in it is
            what is judged. A bare mix gets a pipeline for boxes as "pascal_voc" and keypoints as
            "xy". Not changed: a copy works.
        samples: A pool of this package, or a sequence of mappings in the pipeline's keys and
            formats. Each is used once before any is used twice. Where it is the mix's own pool,
            no sample is its own donor.
        n: Number of mixes.
        seed: Seed of the audit, 0 or more.
        workers: Number of processes; 0: this one.
        record_key: Of a pipeline with several mixes the one that is audited.
        class_field: Label field of boxes that names their class; None: "labels" if it is one,
            else the first one that the mix does not write.
        sweep: Whether other settings are tried too, with fewer mixes, and one is recommended.
        progress: Whether a bar on stderr shows how far it is; None: on a terminal, after a second.
        strict: Whether the first mix that cannot be made is an error; else it is counted.

    Raises:
        InvalidArgumentError: If an argument is not valid, or there is not one mix.
        EmptyPoolError: If there is no sample or no donor.
        InvalidSampleError: If no mix at all can be made.
        CutMixError: With `strict`, what kept a mix from being made; or an error of reader or host.

    >>> from albu_cutmix import CutMix
    >>> from albu_cutmix.scenes import scene_pool
    >>> scenes = scene_pool(4, size=(90, 120))
    >>> report = audit(CutMix(scenes), scenes, n=20, sweep=False)
    >>> report.summary["n"], report.summary["verdict"]
    (20, 'unsafe')
    """
    n, workers = _check_count("n", n, 1), _check_count("workers", workers, 0)
    bench = Bench(
        transform, samples, _check_count("seed", seed, 0), record_key=record_key,
        class_field=class_field, strict=strict,
    )  # fmt: skip
    settings = list_settings(bench.mix) if sweep else []
    made = _make(bench, n, workers, settings, progress)
    figures = made.figures[0]
    if not figures.made:
        raise InvalidSampleError(
            f"none of the {n} mixes could be made. {made.failures.examples[0]}"
        )
    tried = [
        try_setting(bench.mix, setting, counts)
        for setting, counts in zip(settings, made.figures, strict=False)
    ]
    policy, fingerprint = _name(bench.mix)
    return AuditReport(
        summary=figures.summary(bench.mix.p, seed),
        policy=policy,
        fingerprint=fingerprint,
        versions=_versions(),
        sweep=recommend(tried, figures.median_object),
        findings=find_all(figures, made.failures, made.skipped, bench.pools),
        source=_source(samples),
        figures=figures,
        rows=made.rows,
        gallery=made.gallery,
        bench=bench,
    )


class Made(NamedTuple):
    """What came of all mixes: figures of each setting, and of the first one everything else."""

    figures: list[Figures]
    rows: Spool
    gallery: Gallery
    failures: Failures
    skipped: int


def _make(
    bench: Bench, n: int, workers: int, settings: list[Setting], progress: bool | None
) -> Made:
    """Make every mix and count it."""
    figures = [Figures(bench.limits, bench.mix.label_weight) for _ in range(len(settings) or 1)]
    rows, gallery, failures = Spool(), Gallery(bench.seed), Failures()
    with Runner(bench, workers) as runner:
        total = n + (len(figures) - 1) * mixes_of(n)
        for number, text in progress_bar(
            _run(runner, n, settings), total, progress, what="audit", unit="mix"
        ):
            row = json.loads(text)
            figures[number].add(row)
            if number == 0:
                rows.write(text)
                gallery.add(row)
                failures.add(row)
            elif not figures[0].made:
                break
    return Made(figures, rows, gallery, failures, runner.skipped)


def _run(runner: Runner, n: int, settings: list[Setting]) -> Iterator[tuple[int, str]]:
    """Yield the rows of the mix as it is, then those of each other setting, with its number."""
    yield from ((0, row) for row in runner.rows(n))
    for number, setting in enumerate(settings[1:], 1):
        yield from ((number, row) for row in runner.rows(mixes_of(n), setting.arguments))


@dataclass(frozen=True, eq=False, repr=False)
class AuditReport:
    """What an audit found. `audit` makes it.

    Attributes:
        summary: Plain dict. Rates, None where one does not apply or its limit is None:
            `applied`; `erased`, `truncated`, `slivers`, `splits` (of the primary's objects in
            applied mixes); `donor_slivers` (of the donors' objects that show); `remnants`,
            `seam_on_object`, `label_jump`, `ghosts`, `label_noise` (of the applied mixes);
            `patch_share` (mean). Counts: `n`, `failed`, `objects`, `reasons`, `flags`. Groups
            with `objects`, `lost` and `gained` as counts: `by_size`, `by_class`. Further `seed`;
            `expected`, the p of the mix; `intervals`, 95 %; `verdict`, "safe", "with care" or
            "unsafe".
        policy: All settings of the mix.
        fingerprint: A short hash of them; "" where a donor cannot be read for it.
        versions: Of what made the report.
        sweep: Other settings that were tried, each with its rates and paste-ready arguments.
        findings: What is odd about the data: `text`, `count` and `examples` each.
        source: What the samples are, in words.
        figures: Everything that was counted.
        rows: The row of every mix, JSON lines.
        gallery: The mixes that are shown.
        bench: Where mixes are made again, to be drawn.
    """

    summary: dict[str, Any]
    policy: dict[str, Any]
    fingerprint: str
    versions: dict[str, str]
    sweep: list[dict[str, Any]]
    findings: list[dict[str, Any]]
    source: str
    figures: Figures
    rows: Spool
    gallery: Gallery
    bench: Bench

    @cached_property
    def cards(self) -> list[dict[str, Any]]:
        """The mixes that the page shows, drawn when asked for."""
        return self.gallery.cards(self.bench)

    def view(self) -> dict[str, Any]:
        """Return what the page shows, as plain data and JPEG bytes; see `page.render`."""
        return build_view(self)

    def to_html(self, path: str | Path) -> None:
        """Write the report as one HTML file that works offline.

        Raises:
            MissingExtraError: If jinja2 is not installed.
            InvalidArgumentError: If the file cannot be written.
        """
        check_writable(path)
        write_file(path, [render(self.view())])

    def to_json(self, path: str | Path) -> None:
        """Write the report with the row of every mix, from which all figures can be recomputed.

        Raises:
            InvalidArgumentError: If the file cannot be written.
        """
        check_writable(path)
        write_file(path, self._json())

    def _json(self) -> Iterator[str]:
        parts = ("summary", "policy", "fingerprint", "versions", "sweep", "findings")
        head = json.dumps({name: getattr(self, name) for name in parts}, indent=1)
        yield f'{head[:-2]},\n "rows": ['
        for number, row in enumerate(self.rows):
            yield f"{',' if number else ''}\n{row}"
        yield "\n]}\n"

    def show(self) -> None:
        """Display the report in a notebook, or print it."""
        shell = sys.modules.get("IPython")
        if shell is not None and shell.get_ipython() is not None:
            shell.display.display(self)
        else:
            sys.stdout.write(f"{self}\n")

    def __str__(self) -> str:
        """Return the verdict in a few lines."""
        return write_text(self)

    def __repr__(self) -> str:
        """Return verdict and size."""
        return f"AuditReport({self.summary['verdict']!r}, {self.summary['n']} mixes)"

    def _repr_html_(self) -> str:
        """Return a small table for a notebook."""
        return write_html(self)


def _check_count(name: str, value: Any, least: int) -> int:
    """Return a whole number that is large enough."""
    try:
        number = -1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = -1
    if number < least:
        raise InvalidArgumentError(
            f"{name} must be a whole number of at least {least}, got {value!r}."
        )
    return number


def _name(mix: MixTransform) -> tuple[dict[str, Any], str]:
    """Return policy and fingerprint of a mix; without digest where a donor cannot be read."""
    try:
        policy = mix.policy()
        return policy, hash_policy(policy)
    except FAILURES:
        pool, mix.pool = mix.pool, None
        try:
            return mix.policy() | {"pool": {"length": len(pool)}}, ""
        finally:
            mix.pool = pool


def _source(samples: Any) -> str:
    """Return what samples are, in words."""
    own = type(samples).__module__.startswith("albu_cutmix.")
    return repr(samples) if own else f"{len(samples)} samples ({type(samples).__name__})"


def _versions() -> dict[str, str]:
    """Return the versions of what makes a mix."""
    from albu_cutmix import __version__  # the package is still being imported when this module is

    return {
        "albu_cutmix": __version__,
        "albumentations": str(A.__version__),
        "numpy": np.__version__,
        "opencv": str(cv2.__version__),
        "python": platform.python_version(),
    }
