"""The pictures of an audit: some mixes at random, and the worst of each kind, made once more."""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image

from albu_cutmix.canvas import to_rgb
from albu_cutmix.draw import Group, draw_groups
from albu_cutmix.fates import EPS
from albu_cutmix.host.observe import Observation
from albu_cutmix.limits import SafetyFlag
from albu_cutmix.report.bench import Bench

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Gallery", "draw_seen", "group_objects"]

RANDOM, WORST, MOST = 12, 6, 60
SIDE, QUALITY = 420, 80  # longest side of a picture, pixels; JPEG


def _erased(row: Mapping[str, Any]) -> int:
    return sum(one["visibility"] <= EPS for one in row["primary"])


def _seam_share(row: Mapping[str, Any]) -> float:
    record = row["record"]
    return float(record["seam_object_px"] / max(record["seam_px"], 1))


def _label_gap(row: Mapping[str, Any]) -> float:
    record = row["record"]
    known = "label" in row["targets"] and record["lam_object"] >= 0
    weight = (
        1.0 if record.get("kind") == "cutout" else record["lam"]
    )  # that of the label, by default
    return abs(weight - record["lam_object"]) if known else 0.0


#: How bad a mix is, by kind; 0 is not bad at all.
METRICS: dict[str, Callable[[Mapping[str, Any]], float]] = {
    "erased": _erased,
    "least visible": lambda row: 1.0 - row["record"]["least_visibility"],
    "slivers": lambda row: sum(one["sliver"] for one in (*row["primary"], *row["donor"])),
    "remnants": lambda row: row["record"]["remnant_px"],
    "seam on object": _seam_share,
    "label noise": _label_gap,
}


class Gallery:
    """Chooses mixes, row by row, and draws them. Memory does not grow with the rows.

    Args:
        seed: Seed of the random choice.
    """

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng([seed, 1])
        # Heaps of (how bad, minus the number, row): the least is thrown out first.
        self._heaps: dict[str, list[tuple[float, int, Any]]] = {}

    def add(self, row: Mapping[str, Any]) -> None:
        """Look at a row."""
        if "error" in row or not row["record"]["applied"]:
            return
        self._offer("random", float(self._rng.random()), row, RANDOM)
        for name, measure in METRICS.items():
            value = float(measure(row))
            if value > 0:
                self._offer(f"worst {name}", value, row, WORST)

    def _offer(self, pick: str, value: float, row: Mapping[str, Any], most: int) -> None:
        heap = self._heaps.setdefault(pick, [])
        item = (value, -row["mix"], row)
        if len(heap) < most:
            heapq.heappush(heap, item)
        elif item[:2] > heap[0][:2]:
            heapq.heapreplace(heap, item)

    def chosen(self) -> list[tuple[Mapping[str, Any], list[str]]]:
        """Return the chosen rows, each with the names under which it was picked."""
        picks: dict[int, list[str]] = {}
        rows: dict[int, Mapping[str, Any]] = {}
        for pick in ("random", *(f"worst {name}" for name in METRICS)):
            for _, _, row in sorted(self._heaps.get(pick, []), key=lambda x: x[:2], reverse=True):
                picks.setdefault(row["mix"], []).append(pick)
                rows[row["mix"]] = row
        return [(rows[number], picks[number]) for number in list(picks)[:MOST]]

    def cards(self, bench: Bench) -> list[dict[str, Any]]:
        """Return what the page shows of each chosen mix; each is made and drawn once more.

        Args:
            bench: The one on which they were made.
        """
        return [_card(bench, row, picks) for row, picks in self.chosen()]


def _card(bench: Bench, row: Mapping[str, Any], picks: list[str]) -> dict[str, Any]:
    record = row["record"]
    flags = [str(flag.name) for flag in SafetyFlag if flag & record["flags"]]
    line = json.dumps(record, separators=(",", ":"))
    picture, note = _make_again(bench, row, line)
    return {
        "mix": row["mix"],
        "sample": row["sample"],
        "seed": row["seed"],
        "donor": _donors(record) or "none",
        "flags": flags,
        "lam": record["lam"],
        "share": sum(record["owned_px"]) / (record["shape"][0] * record["shape"][1]),
        "judged": bool({"bboxes", "masks"} & set(row["targets"])),  # objects have a fate
        "erased": _erased(row),
        "least_visibility": record["least_visibility"],
        "remnant_px": record["remnant_px"],
        "seam_on_object": _seam_share(row),
        "picks": picks,
        "caption": _caption(row) + note,
        "picture": picture,
        "record": line,
    }


def _make_again(bench: Bench, row: Mapping[str, Any], line: str) -> tuple[bytes, str]:
    """Return the picture of a mix, empty where it cannot be made, and what is odd about it."""
    try:
        seen = bench.mix_sample(row["sample"], row["seed"]).seen
    except Exception as error:  # noqa: BLE001 - it was made before, and its figures stand
        return b"", f" It could not be made once more: {type(error).__name__}: {error}"
    same = seen.record.to_json() == line
    odd = " Made once more it came out otherwise: pipeline or samples do not repeat."
    return draw_seen(seen), "" if same else odd


def _caption(row: Mapping[str, Any]) -> str:
    record = row["record"]
    names = ("kept", "clipped", "dropped")
    own = ", ".join(f"{record[name]} {name}" for name in names)
    donors = _donors(record)
    text = f"Sample {row['sample']}" + (f" with donor {donors}" if donors else "")
    if not row["primary"] and not row["donor"]:
        return f"{text}."
    theirs = f", {record['donor_kept']} from the donor" if donors else ""
    return f"{text}: {own}{theirs}."


def _donors(record: Mapping[str, Any]) -> str:
    """Return the numbers of a record's donors, "" for none."""
    return ", ".join(str(number) for number in record["donors"] if number >= 0)


def draw_seen(seen: Observation) -> bytes:
    """Return a picture of a mix with its objects in the colours of their fates, as JPEG."""
    pixels: NDArray[Any] = to_rgb(seen.image)
    factor = min(1.0, SIDE / max(pixels.shape[:2]))
    if factor < 1:  # before drawing: lines and names keep their size
        size = [max(round(side * factor), 1) for side in pixels.shape[1::-1]]
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    patches = np.rint(seen.record.patches * factor).astype(np.int32)
    longest, shortest = max(pixels.shape[:2]), min(pixels.shape[:2])
    seam: NDArray[Any] = cv2.resize(
        seen.draw_seam(max(2, round(2 / factor))),
        pixels.shape[1::-1],
        interpolation=cv2.INTER_NEAREST,
    )
    canvas = draw_groups(
        pixels,
        [
            *group_objects(seen.primary, factor),
            *group_objects(seen.donor, factor, donor=True),
        ],
        seen.record._replace(patches=patches),
        seam=seam,
        min_side=max(SIDE // longest * shortest, SIDE // 4),  # a strip may be longer than that
    )
    out = BytesIO()
    Image.fromarray(canvas).save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def group_objects(
    objects: list[dict[str, Any]], factor: float = 1.0, *, donor: bool = False, now: bool = True
) -> list[Group]:
    """Return objects by the colour of their fate; what a donor did not bring in is not drawn.

    Args:
        objects: Of one side, as an `Observation` has them.
        factor: By which their boxes are scaled.
        donor: Whether they are the donor's.
        now: Whether they are drawn where they are after the mix, or where they were.
    """
    groups = []
    for fate in ("kept", "clipped", "dropped", "ignored"):
        some = [one for one in objects if one["fate"] == fate and (one["after"] or not donor)]
        boxes = np.array([(now and one["after"]) or one["box"] for one in some], np.float64)
        colour = "donor" if donor and fate != "ignored" else fate
        names = [one["class"] for one in some]
        groups.append(Group(colour, boxes.reshape(-1, 4) * factor, names))
    return groups
