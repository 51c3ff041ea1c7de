"""Every figure of an audit, from its rows alone, one row at a time: memory does not grow with n.

A row is what `runner` writes for one mix: "mix", "sample", "seed", "targets", "record" (the fields
of `MixRecord`), "primary" and "donor" (what became of each object); or "error" in place of the
last four where the mix could not be made.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from albu_cutmix.fates import EPS
from albu_cutmix.geometry import Rect, minus
from albu_cutmix.limits import SafetyFlag, SafetyLimits
from albu_cutmix.report.heat import Heat
from albu_cutmix.report.intervals import wilson
from albu_cutmix.report.verdict import judge

__all__ = ["FAINT", "SIZES", "Figures", "summarise"]

SIZES = ("small", "medium", "large")
_SIZE_EDGES = (32**2, 96**2)  # pixels; COCO's
_EDGES = [k / 20 for k in range(21)]
_SHARE_BINS = 100  # of the patch's share; shown ten by ten
_DECADES, _PER_DECADE = 8, 50  # of the object's share of its image: its median within 2.3 %
MOST_POINTS = 2000
FAINT = 0.1  # of the weight in a blend: below it objects can hardly be seen

#: The limit that switches each rate on: what a mix never flags is not judged either.
_LIMITS = {
    "erased": "erased",
    "truncated": "truncated",
    "slivers": "slivers",
    "splits": "splits",
    "donor_slivers": "slivers",
    "remnants": "remnant",
    "seam_on_object": "seam_on_object",
    "label_jump": "label_jump",
    "ghosts": "ghosts",
    "label_noise": "label_noise",
}
#: The flag whose mixes are counted.
_FLAGS = {
    "remnants": SafetyFlag.REMNANT,
    "seam_on_object": SafetyFlag.SEAM_ON_OBJECT,
    "label_jump": SafetyFlag.LABEL_JUMP,
    "ghosts": SafetyFlag.GHOST,
    "label_noise": SafetyFlag.LABEL_NOISE,
}


def summarise(
    rows: Iterable[Mapping[str, Any]],
    limits: SafetyLimits | None = None,
    expected: float = 1.0,
    *,
    seed: int = 0,
) -> dict[str, Any]:
    """Return the summary of an audit from its rows: those of `AuditReport.to_json`.

    Args:
        rows: One per mix.
        limits: Those of the mix; None: the default ones.
        expected: The p of the mix.
        seed: Seed of the audit.
    """
    figures = Figures(limits)
    for row in rows:
        figures.add(row)
    return figures.summary(expected, seed)


class Outcome(NamedTuple):
    """What is counted of a primary object."""

    size: str
    name: str
    erased: bool
    truncated: bool
    slivers: bool
    splits: bool
    lost: bool


class Figures:
    """Counts over rows. Add them in the order of the mixes.

    Args:
        limits: Those of the mix; None: the default ones.
        label_weight: That of the mix.
    """

    def __init__(self, limits: SafetyLimits | None = None, label_weight: str = "area") -> None:
        self.limits = limits or SafetyLimits()
        # What stands in the label, beside what shows of the primary's objects.
        self._weight = {"area": "lam", "object": "lam_object"}.get(label_weight)
        self.reasons: Counter[str] = Counter()  # of mixes that were not applied
        self.shapes: Counter[tuple[int, int]] = Counter()  # (height, width) of the primaries
        self.bare = 0  # applied mixes of primaries with boxes or masks asked for, and none there
        self.failed = self.made = self.applied = self.faint = 0
        self._patch_share = 0.0
        self._targets: Counter[str] = Counter()
        self._flags: Counter[int] = Counter()
        self._objects: Counter[Outcome] = Counter()
        self._gained: Counter[tuple[str, bool, bool]] = Counter()  # class, comes in, sliver
        self._visibility = {"primary": [0] * 20, "donor": [0] * 20}
        self._by_share = [[0, 0] for _ in range(_SHARE_BINS)]  # objects, erased
        self._object_shares = [0] * (_DECADES * _PER_DECADE)
        self._weights, self._shares = array("d"), array("d")
        self._patches, self._lost = Heat(), Heat()

    def add(self, row: Mapping[str, Any]) -> None:
        """Count one row."""
        if "error" in row:
            self.failed += 1
            return
        record = row["record"]
        height, width = record["shape"]
        self.made += 1
        self._targets.update(row["targets"])
        if not record["applied"]:
            self.reasons[record["reason"]] += 1
            return
        self.applied += 1
        self.shapes[height, width] += 1
        self._flags[record["flags"]] += 1
        self.faint += record["blend"] < 1 and abs(record["blend"] - 0.5) > 0.5 - FAINT
        owned = sum(record["owned_px"])
        self._patch_share += owned / (height * width)
        if record["lam_object"] >= 0 and len(self._weights) < MOST_POINTS:
            self._weights.append(1.0 if self._weight is None else record[self._weight])
            self._shares.append(record["lam_object"])
        patches = [Rect(*patch) for patch in record["patches"]]
        for k, pixels in enumerate(record["owned_px"]):
            for part in minus(patches[k], patches[k + 1 :]) if pixels else ():
                self._patches.add(part, (height, width))
        self._add_primary(row["primary"], owned, (height, width))
        for other in row["donor"]:
            self._gained[other["class"], other["fate"] != "dropped", other["sliver"]] += 1
            self._count_visible("donor", other["visibility"])

    def _add_primary(
        self, objects: list[dict[str, Any]], owned: int, shape: tuple[int, int]
    ) -> None:
        pixels = shape[0] * shape[1]
        erased = 0
        for one in objects:
            visibility, area = one["visibility"], one["area"]
            outcome = self._outcome(one)
            self._objects[outcome] += 1
            erased += outcome.erased
            self._count_visible("primary", visibility)
            self._lost.add(one["box"], shape, 1 - visibility)
            place = math.floor(_PER_DECADE * math.log10(max(area / pixels, 1e-9)))
            self._object_shares[min(max(place, -len(self._object_shares)), -1)] += 1
        counts = self._by_share[min(owned * _SHARE_BINS // pixels, _SHARE_BINS - 1)]
        counts[0] += len(objects)
        counts[1] += erased
        self.bare += not objects

    def _outcome(self, one: Mapping[str, Any]) -> Outcome:
        least, visibility, fate = self.limits.truncated, one["visibility"], one["fate"]
        return Outcome(
            SIZES[bisect_right(_SIZE_EDGES, one["area"])],
            one["class"],
            visibility <= EPS,
            least is not None and fate in ("kept", "clipped") and visibility < least - EPS,
            one["sliver"],
            one["split"],
            fate == "dropped",
        )

    def _count_visible(self, side: str, visibility: float) -> None:
        self._visibility[side][min(bisect_right(_EDGES, visibility), 20) - 1] += 1

    def has(self, target: str) -> bool:
        """Whether a sample held a target: "bboxes", "masks", "mask" or "label"."""
        return self._targets[target] > 0

    @property
    def has_objects(self) -> bool:
        """Whether a sample held boxes or instance masks."""
        return self.has("bboxes") or self.has("masks")

    @property
    def median_object(self) -> float | None:
        """The median object's share of its image, within 2.3 %; None without objects."""
        middle, seen = sum(self._object_shares) / 2, 0
        for place, count in enumerate(self._object_shares, -len(self._object_shares)):
            seen += count
            if count and seen >= middle:
                return float(10 ** ((place + 0.5) / _PER_DECADE))
        return None

    def counts(self) -> dict[str, tuple[int, int]]:
        """Return numerator and denominator of each rate; a denominator of 0: does not apply."""
        objects = self._count(self._objects)
        thin = sum(count for (_, _, sliver), count in self._gained.items() if sliver)
        rates = {key: (objects[key], objects["objects"]) for key in Outcome._fields[2:-1]}
        rates["donor_slivers"] = (thin, self._gained.total())
        for key, flag in _FLAGS.items():
            rates[key] = (self._flagged(flag), self.applied if self._speaks(key) else 0)
        out = {"applied": (self.applied, self.made)}
        for key, (count, of) in rates.items():
            limit = getattr(self.limits, _LIMITS[key])
            out[key] = (count, 0 if limit is None or limit is False else of)
        return out

    def _flagged(self, flag: SafetyFlag) -> int:
        return sum(count for bits, count in self._flags.items() if bits & flag)

    def _speaks(self, key: str) -> bool:
        """Whether the samples hold what a flag speaks of."""
        shapes = self.has_objects or self.has("mask")
        need = {"remnants": self.has_objects, "seam_on_object": shapes}
        need["label_jump"] = self.has("mask")
        return need.get(key, shapes and self.has("label"))

    @staticmethod
    def _count(outcomes: Counter[Outcome]) -> dict[str, int]:
        """Return how many objects there are, and how many of each outcome."""
        names = Outcome._fields[2:]
        sums = {name: sum(n for o, n in outcomes.items() if getattr(o, name)) for name in names}
        return {"objects": outcomes.total(), **sums}

    def summary(self, expected: float, seed: int = 0) -> dict[str, Any]:
        """Return the summary; rates that do not apply are None.

        Args:
            expected: The p of the mix.
            seed: Seed of the audit.
        """
        counts = self.counts()
        rates = {key: count / of if of else None for key, (count, of) in counts.items()}
        out: dict[str, Any] = {
            "n": self.made,
            "failed": self.failed,
            "seed": seed,
            "applied": rates.pop("applied"),
            "expected": expected,
            "objects": self._objects.total(),
            **rates,
            "patch_share": self._patch_share / self.applied if self.applied else None,
            "by_size": self._by_size(),
            "by_class": self._by_class(),
            "intervals": {key: list(wilson(*pair)) for key, pair in counts.items() if pair[1]},
            "reasons": dict(sorted(self.reasons.items())),
            "flags": {str(flag.name): self._flagged(flag) for flag in SafetyFlag},
        }
        return out | {"verdict": judge(out).word}

    def _by_size(self) -> dict[str, Any]:
        return {
            size: self._group(Counter({o: n for o, n in self._objects.items() if o.size == size}))
            for size in SIZES
        }

    def _by_class(self) -> dict[str, Any]:
        groups: dict[str, Counter[Outcome]] = {}
        gained: Counter[str] = Counter()
        for outcome, count in self._objects.items():
            groups.setdefault(outcome.name, Counter())[outcome] = count
        for (name, comes, _), count in self._gained.items():
            gained[name] += count * comes
            groups.setdefault(name, Counter())
        return {
            name: self._group(groups[name]) | {"gained": gained[name]} for name in sorted(groups)
        }

    def _group(self, outcomes: Counter[Outcome]) -> dict[str, Any]:
        """Return counts ("objects", "lost") and rates of some objects."""
        counts = self._count(outcomes)
        of = counts["objects"]
        rates = {
            key: counts[key] / of if of else None for key in ("erased", "truncated", "slivers")
        }
        return {"objects": of, **rates, "lost": counts["lost"]}

    def series(self) -> dict[str, Any]:
        """Return what the charts of the page show."""
        tens = max((k // 10 + 1 for k, (n, _) in enumerate(self._by_share) if n), default=1)
        bins = [self._by_share[k * tens : (k + 1) * tens] for k in range(10)]
        sums = [[sum(pair[side] for pair in some) for side in (0, 1)] for some in bins]
        return {
            "visibility": {"edges": list(_EDGES), **self._visibility},
            "erased_by_share": {
                "edges": [k * tens / _SHARE_BINS for k in range(11)],
                "share": [erased / of if of else None for of, erased in sums],
                "count": [of for of, _ in sums],
            },
            "noise": {"lam": list(self._weights), "lam_object": list(self._shares)},
            "patch_heat": {"values": self._patches.share(self.applied)},
            "lost_heat": {"values": self._lost.mean()},
        }
