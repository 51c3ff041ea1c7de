"""What people read of an audit: the view of the page, a short text, a small table."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from albu_cutmix.report.cells import SPACE
from albu_cutmix.report.figures import FAINT, SIZES
from albu_cutmix.report.verdict import LEVELS, RATES, judge, level_of, limits_of, percent, warn

if TYPE_CHECKING:
    from albu_cutmix.report.audit import AuditReport

__all__ = ["build_view", "write_html", "write_text"]

HINT = "<code>report.to_html('audit.html')</code> writes the page with charts and pictures."
MOST_CLASSES = 100  # rows of the table of classes
HONEST = """
The figures say what a mix does to targets. No model was trained: they tell where a mix teaches \
something false, not what that costs.
Whether it helps is told by training with and without it: three seeds each, AP per class and of \
small objects, calibration, and the last tenth of the epochs without CutMix.
The intervals take objects as drawn one by one. Objects of one image share its patch, so that the \
truth is somewhat wider.
The limits of the verdict are choices; they stand beside each rate, to be argued with.
Where there are no instance masks an object is its box: what shows of a box need not show the \
object.
Annotations are taken as true: what nobody annotated is in no figure.
""".strip().splitlines()


def build_view(report: AuditReport) -> dict[str, Any]:
    """Return what the page shows of a report; see `page.render`."""
    summary = report.summary
    verdict = judge(summary)
    return {
        "title": f"{_name(report)} audit",
        "subtitle": f"{_mixes(report)} of {report.source}",
        "verdict": {
            "word": verdict.word,
            "reasons": [
                reason._asdict() | {"text": _unbroken(reason.text)} for reason in verdict.reasons
            ],
        },
        "facts": [{"label": label, "value": _unbroken(value)} for label, value in _facts(report)],
        "warning": _unbroken(_warn(report)),
        "rates": list(_rates(report)),
        "tables": [table for table in _tables(report) if table["rows"]],
        "series": report.figures.series(),
        "gallery": report.cards,
        "sweep": report.sweep,
        "findings": report.findings,
        "policy": json.dumps(report.policy, indent=2),
        "honest": HONEST,
    }


def _unbroken(text: str) -> str:
    """Return a text in which no line begins with a sign of percent."""
    return text.replace(" %", f"{SPACE}%")


def _name(report: AuditReport) -> str:
    """Return the name of the mix."""
    return str(report.policy["transform"]).rpartition(".")[2]


def _warn(report: AuditReport) -> str:
    """Return what the figures do not say, "" for nothing."""
    figures, text = report.figures, warn(report.summary)
    if not (figures.faint and figures.has_objects):
        return text
    share = percent(figures.faint / figures.applied)
    return (
        f"{text} In {share} of the blends one side weighs less than {percent(FAINT)}: its objects "
        "can hardly be seen, and stay. No rate judges this; a greater alpha avoids it."
    ).strip()


def _mixes(report: AuditReport) -> str:
    """Return how many mixes were judged, and in how many calls."""
    return f"{report.figures.applied:,} mixes in {report.summary['n']:,} calls"


def _facts(report: AuditReport) -> Iterator[tuple[str, str]]:
    summary = report.summary
    failed = f", {summary['failed']} could not be made" if summary["failed"] else ""
    yield "calls", f"{summary['n']:,}{failed}"
    yield "applied", f"{percent(summary['applied'])} of the calls, p {percent(summary['expected'])}"
    yield "mean patch", f"{percent(summary['patch_share'])} of the image"
    yield "objects", f"{summary['objects']:,}"
    if report.figures.median_object is not None:
        yield "median object", f"{percent(report.figures.median_object)} of its image"
    yield "seed", str(summary["seed"])
    yield "samples", report.source
    yield (
        "pool",
        ", ".join(f"{key} {value}" for key, value in (report.policy["pool"] or {}).items()),
    )
    yield "fingerprint", report.fingerprint or "unknown: a donor of the pool cannot be read"
    yield "versions", ", ".join(f"{name} {version}" for name, version in report.versions.items())


def _rates(report: AuditReport) -> Iterator[dict[str, Any]]:
    """Yield every rate; shares are None where it does not apply, the level "" where it has none."""
    counts, summary = report.figures.counts(), report.summary
    for rate in RATES:
        share = summary[rate.key]
        low, high = summary["intervals"].get(rate.key, (None, None))
        count, of = counts[rate.key]
        yield {
            "key": rate.key,
            "label": rate.label,
            "what": _unbroken(
                f"{rate.what} {_limit_of(report, rate.key)}{limits_of(rate)}".strip()
            ),
            "share": share,
            "low": low,
            "high": high,
            "count": count,
            "of": of,
            "level": level_of(rate, share),
        }


def _limit_of(report: AuditReport, key: str) -> str:
    """Return a sentence on the limit of the mix that a rate depends on, where it has a number."""
    limits = report.figures.limits
    said = {
        "truncated": (limits.truncated, "The limit is {} left. "),
        "remnants": (limits.remnant, "The limit is {} of the image. "),
        "seam_on_object": (limits.seam_on_object, "The limit is {} of the seam. "),
        "label_jump": (limits.label_jump, "The limit is {} of the seam. "),
        "label_noise": (limits.label_noise, "The limit is a gap of {}. "),
    }
    value, words = said.get(key, (None, ""))
    return "" if value is None else words.format(percent(value))


def _tables(report: AuditReport) -> Iterator[dict[str, Any]]:
    summary = report.summary
    columns = ["Objects", "Erased", "Truncated", "Slivers", "Lost"]
    sizes: Mapping[str, Any] = summary["by_size"]
    yield {
        "name": "By size (COCO)",
        "columns": ["Size", *columns],
        "rows": [[size, *_cells(sizes[size])] for size in SIZES if sizes[size]["objects"]],
        "shares": [2, 3, 4, 5],
    }
    classes = sorted(summary["by_class"].items(), key=lambda item: -item[1]["objects"])
    named = [item for item in classes if item[0]]
    more = f", the {MOST_CLASSES} most frequent of {len(named)}"
    yield {
        "name": f"By class{more if len(named) > MOST_CLASSES else ''}",
        "columns": ["Class", *columns, "Gained", "After / before"],
        "rows": [[name, *_cells(group), *_gain(group)] for name, group in named[:MOST_CLASSES]],
        "shares": [2, 3, 4, 5],
    }
    yield {
        "name": "Flags",
        "columns": ["Flag", "Mixes", "Of the applied"],
        "rows": [
            [name.lower().replace("_", " "), count, count / report.figures.applied]
            for name, count in summary["flags"].items()
            if count
        ],
        "shares": [2],
    }


def _cells(group: Mapping[str, Any]) -> list[Any]:
    count = group["objects"]
    rates = [group[key] for key in ("erased", "truncated", "slivers")]
    lost = group["lost"] / count if count else None
    return [count, *rates, lost]


def _gain(group: Mapping[str, Any]) -> list[Any]:
    before = group["objects"]
    after = before - group["lost"] + group["gained"]
    return [group["gained"], f"{after / before:.2f}" if before else "\N{EN DASH}"]


def _lines(report: AuditReport) -> Iterator[str]:
    """Yield a report in sentences."""
    summary = report.summary
    word = summary["verdict"] if summary["verdict"] in LEVELS.values() else ""
    yield f"{_name(report)} audit of {report.source}: {word}"
    yield (
        f"{_mixes(report)} under seed {summary['seed']}: applied in {percent(summary['applied'])} "
        f"of the calls (p {percent(summary['expected'])})."
    )
    if _warn(report):
        yield _warn(report)
    yield from (reason.text for reason in judge(summary).reasons)
    for found in report.findings:
        example = f" Such as: {found['examples'][0]}" if found["examples"] else ""
        yield f"Data: {found['text']}{example}"
    for row in report.sweep:
        if row["recommended"] and row["verdict"] == LEVELS["unsafe"]:
            yield f"No setting that was tried is safe; nearest to it: {row['arguments']}"
        elif row["recommended"]:
            yield f"Recommended: {row['arguments']}"


def write_text(report: AuditReport) -> str:
    """Return a report as a few lines of text."""
    return "\n".join(_lines(report))


def write_html(report: AuditReport) -> str:
    """Return a report as a small table for a notebook; every text is escaped."""
    verdict = judge(report.summary)
    head, *lines = [html.escape(line) for line in _lines(report)]
    rates = "".join(
        f"<tr><td>{html.escape(rate['label'])}</td><td>{percent(rate['share'])}</td>"
        f"<td>{percent(rate['low'])} to {percent(rate['high'])}</td>"
        f"<td>{LEVELS[rate['level']]}</td></tr>"
        for rate in _rates(report)
        if rate["level"]
    )
    told = {html.escape(reason.text) for reason in verdict.reasons}
    rest = "".join(f"<p>{line}</p>" for line in lines if line not in told)
    return (
        f"<div><p><strong>{head}</strong></p><table><thead><tr><th>Rate</th><th>Share</th>"
        f"<th>95 % interval</th><th>Level</th></tr></thead><tbody>{rates}</tbody></table>"
        f"{rest}<p>{HINT}</p></div>"
    )
