"""From which rates on a mix is unsafe for a data set, and the words for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from albu_cutmix.report import cells

__all__ = [
    "LEVELS",
    "RATES",
    "Rate",
    "Reason",
    "Verdict",
    "judge",
    "level_of",
    "limits_of",
    "percent",
    "warn",
]

#: Level of a rate: the word of the verdict. The worst level decides.
LEVELS = {"safe": "safe", "care": "with care", "unsafe": "unsafe"}
_ORDER = list(LEVELS)


class Rate(NamedTuple):
    """A rate of the summary: what it says, and from where on it is a worry.

    Attributes:
        key: Its key.
        label: Its name for people.
        what: What it says, one sentence.
        fact: "<rate> <fact>." is a sentence.
        care: Above it, with care; None: it is told and not judged.
        unsafe: Above it, unsafe.
    """

    key: str
    label: str
    what: str
    fact: str
    care: float | None = None
    unsafe: float | None = None


#: One mix in a hundred that erases an object is noise in training, one in twenty is a habit that
#: is taught; what only weakens a target (cut, thin, a noisy label) may be more frequent.
RATES = (
    Rate(
        "erased",
        "Objects erased",
        "Objects of the primary of which no pixel is left.",
        "of the primary's objects lose every pixel",
        0.01,
        0.05,
    ),
    Rate(
        "truncated",
        "Objects truncated",
        "Objects of the primary that come out with less left to see than the limit.",
        "of the primary's objects come out with little left to see",
        0.10,
        0.25,
    ),
    Rate(
        "slivers",
        "Slivers",
        "Objects of the primary that come out with a very small or thin box.",
        "of the primary's objects become slivers",
        0.01,
        0.05,
    ),
    Rate(
        "donor_slivers",
        "Donor slivers",
        "Objects of the donor that show, and come in with a very small or thin box.",
        "of the donors' objects come in as slivers",
        0.05,
        0.15,
    ),
    Rate(
        "remnants",
        "Remnants",
        "Mixes in which pixels show an object that was dropped: it is taught as background.",
        "of the mixes show pixels of an object that was dropped",
        0.05,
        0.20,
    ),
    Rate(
        "seam_on_object",
        "Seam on objects",
        "Mixes in which much of the patch's edge runs through objects.",
        "of the mixes have much of their seam on objects",
        0.25,
        0.60,
    ),
    Rate(
        "ghosts",
        "Ghost labels",
        "Mixes whose class label gives weight to a side of which no object shows.",
        "of the mixes give label weight to a side that shows no object",
        0.02,
        0.10,
    ),
    Rate(
        "label_noise",
        "Label noise",
        "Mixes whose class label is far from the shares of the objects that show.",
        "of the mixes have a label far from the objects that show",
        0.10,
        0.30,
    ),
    Rate(
        "splits",
        "Objects split",
        "Objects of the primary that the patch cuts in two.",
        "of the primary's objects are cut in two",
    ),
    Rate(
        "label_jump",
        "Label jumps",
        "Mixes in which the semantic masks differ along much of the patch's edge.",
        "of the mixes have masks that differ along the seam",
    ),
)
REASONS = 3
_CAUSES = {
    "no_patch": "there was no place for a patch",
    "no_donor": "there was no other donor to draw",
    "unsafe": "every draw was over the limits",
    "schedule": "the schedule held it back",
}


class Reason(NamedTuple):
    """One of the numbers that decided."""

    label: str
    share: float
    low: float
    high: float
    level: str
    text: str


class Verdict(NamedTuple):
    """The verdict on a data set.

    Attributes:
        word: "safe", "with care" or "unsafe".
        reasons: The numbers that decided, the worst first.
        risk: The worst rate as a multiple of the limit over which it is unsafe.
    """

    word: str
    reasons: list[Reason]
    risk: float


def level_of(rate: Rate, share: float | None) -> str:
    """Return "safe", "care" or "unsafe"; "" where the rate does not apply or has no limit."""
    if share is None or rate.care is None or rate.unsafe is None:
        return ""
    return _ORDER[(share > rate.care) + (share > rate.unsafe)]


def limits_of(rate: Rate) -> str:
    """Return a sentence on the limits of a rate, "" where it has none."""
    if rate.care is None:
        return ""
    return (
        f"More than {percent(rate.care)} asks for care, more than {percent(rate.unsafe)} is unsafe."
    )


def judge(summary: Mapping[str, Any]) -> Verdict:
    """Return the verdict on a summary: the worst level of its rates.

    Where no rate applies, such as without any object, nothing is known, and the verdict is
    "with care".
    """
    found: list[tuple[int, float, Reason]] = []
    for rate in RATES:
        share = summary[rate.key]
        level = level_of(rate, share)
        if level:
            low, high = summary["intervals"][rate.key]
            text = _say(rate, share, low, high, level)
            reason = Reason(rate.label, share, low, high, level, text)
            found.append((_ORDER.index(level), share / (rate.unsafe or 1), reason))
    found.sort(key=lambda item: item[:2], reverse=True)
    worst = found[0][0] if found else 1
    risk = max((times for _, times, _ in found), default=0.0)
    return Verdict(LEVELS[_ORDER[worst]], [reason for _, _, reason in found[:REASONS]], risk)


def _say(rate: Rate, share: float, low: float, high: float, level: str) -> str:
    limit = rate.unsafe if level == "unsafe" else rate.care
    over = {
        "unsafe": f"more than {percent(limit)} is unsafe",
        "care": f"more than {percent(limit)} asks for care",
        "safe": f"up to {percent(limit)} is safe",
    }[level]
    return (
        f"{percent(share)} {rate.fact} (95 % interval {percent(low)} to {percent(high)}); {over}."
    )


def warn(summary: Mapping[str, Any]) -> str:
    """Return a warning where the figures do not say what one would think, "" otherwise.

    That is where the mix was applied in less than half of the calls that its p asks for, and not
    by chance, or where no rate applies.
    """
    count, reasons = summary["n"], summary["reasons"]
    called = count - reasons.get("not called", 0)
    applied = count - sum(reasons.values())
    missed = {key: n for key, n in reasons.items() if key not in ("p", "not called")}
    if missed and applied < summary["expected"] * called / 2:
        why = [
            f"in {percent(n / called)} {_CAUSES.get(key, key)}"
            for key, n in sorted(missed.items(), key=lambda item: -item[1])
        ]
        return (
            f"The mix was applied in {percent(applied / called)} of the calls, not in "
            f"{percent(summary['expected'])}: {', '.join(why)}."
        )
    if not applied:
        return f"Nothing could be judged: the mix was not applied in any of {count} calls."
    if all(level_of(rate, summary[rate.key]) == "" for rate in RATES):
        return "Nothing could be judged: the samples hold no boxes, instance masks or masks."
    if summary.get("objects") == 0 and summary["erased"] is None:
        return "Only seam and label were judged: regions of a mask have no fate of their own."
    return ""


def percent(share: float | None) -> str:
    """Return a share for plain text, such as "4.8 %"; see `cells.percent`."""
    return cells.percent(share).replace(cells.SPACE, " ").replace(".0 %", " %")
