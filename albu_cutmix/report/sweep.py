"""Try a few settings of a mix on the same samples, and recommend one."""

from __future__ import annotations

from typing import Any, NamedTuple

from albu_cutmix.errors import InvalidArgumentError
from albu_cutmix.host.base import MixTransform
from albu_cutmix.presets import PRESETS
from albu_cutmix.report.figures import Figures
from albu_cutmix.report.settings import SWEPT, change, kind_of, own_arguments, write_code
from albu_cutmix.report.verdict import LEVELS, judge, percent

__all__ = ["Setting", "Tried", "list_settings", "mixes_of", "recommend", "try_setting"]

AREAS = ((0.02, 0.15), (0.02, 0.33))
PLACEMENTS = ("inside", "avoid", "objects")
LEAST_VISIBLE = (0.1, 0.3)
COLUMNS = (
    "applied", "patch_share", "erased", "truncated", "slivers", "donor_slivers", "remnants",
    "seam_on_object",
)  # fmt: skip
_WORDS = list(LEVELS.values())  # from the best to the worst


class Setting(NamedTuple):
    """A setting to try: its name, and the arguments that differ from the mix's own."""

    name: str
    arguments: dict[str, Any]


def mixes_of(n: int) -> int:
    """Return how many mixes each setting gets: a fifth, 100 to 2000, never more than n."""
    return min(n, max(100, min(n // 5, 2000)))


def list_settings(mix: MixTransform) -> list[Setting]:
    """Return the settings to try, one of each kind; those that contradict the mix left out.

    The first is the mix as it stands. All are judged by the mix's own limits, presets too. A blend
    has no patch to place: it stands alone.
    """
    own, plain = own_arguments(mix), own_arguments(kind_of(mix)())
    if "placement" not in own:
        return [Setting("as it is", {})]
    grid = [
        Setting(
            f"{placement}, area {percent(area[0])} to {percent(area[1])}, visible {percent(least)}",
            {"area_range": area, "placement": placement, "min_visibility": least},
        )
        for placement in PLACEMENTS
        for area in AREAS
        for least in LEAST_VISIBLE
    ]
    reset = {name: plain[name] for name in SWEPT if own[name] != plain[name]}
    presets = [
        Setting(f"preset {name!r}", reset | {k: v for k, v in preset.items() if k in SWEPT})
        for name, preset in PRESETS.items()
    ]
    settings, seen = [], [{name: own[name] for name in SWEPT}]
    for setting in (*grid, *presets):
        whole = seen[0] | setting.arguments
        if whole not in seen and _fits(mix, setting.arguments):
            settings.append(setting)
            seen.append(whole)
    return [Setting("as it is", {}), *settings]


def _fits(mix: MixTransform, arguments: dict[str, Any]) -> bool:
    try:
        with change(mix, arguments):
            return True
    except InvalidArgumentError:  # such as fit="whole" with placement="objects"
        return False


class Tried(NamedTuple):
    """A setting that was tried.

    Attributes:
        row: What the page shows of it.
        risk: See `Verdict`.
        judged: Whether any rate could be judged.
    """

    row: dict[str, Any]
    risk: float
    judged: bool = True


def try_setting(mix: MixTransform, setting: Setting, figures: Figures) -> Tried:
    """Return what came of a setting.

    Args:
        mix: The mix.
        setting: Which one.
        figures: Those of mixes made with it.
    """
    summary = figures.summary(mix.p)
    verdict = judge(summary)
    row = {
        "name": setting.name,
        "arguments": write_code(mix, setting.arguments),
        **{key: summary[key] for key in COLUMNS},
        "verdict": verdict.word,
        "recommended": False,
        "why": verdict.reasons[0].text if verdict.reasons else "No rate could be judged.",
    }
    return Tried(row, verdict.risk, bool(verdict.reasons))


def recommend(tried: list[Tried], median_object: float | None) -> list[dict[str, Any]]:
    """Return the rows of all settings, one of them recommended if any could be judged.

    Of those with the best verdict it is the one that replaces most pixels: the greatest mean share
    of a patch times the rate at which the mix is applied. Where all are unsafe it is the one of
    least risk.

    Args:
        tried: The settings.
        median_object: The median object's share of its image; None without objects.
    """
    rows = [one.row for one in tried]
    judged = [one for one in tried if one.row["applied"] and one.judged]
    if not judged:
        return rows
    best = min(_WORDS.index(one.row["verdict"]) for one in judged)
    peers = [one for one in judged if one.row["verdict"] == _WORDS[best]]
    if _WORDS[best] == "unsafe":
        chosen = min(peers, key=lambda one: one.risk).row
        why = "None is safe; this one is nearest to it"
    else:
        chosen = max(peers, key=lambda one: one.row["patch_share"] * one.row["applied"]).row
        why = f"It is {_WORDS[best]}"
        why += f", and of the {len(peers)} that are it replaces most pixels" * (len(peers) > 1)
    why += (
        f": {percent(chosen['patch_share'])} of the image in {percent(chosen['applied'])} of the "
        "calls"
    )
    if chosen["erased"] is not None:
        why += f", with {percent(chosen['erased'])} of the objects erased"
    if median_object is not None:
        why += f"; the median object covers {percent(median_object)} of its image"
    return [row | {"recommended": True, "why": f"{why}."} if row is chosen else row for row in rows]
