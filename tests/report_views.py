"""Views of audits for the tests of the page: one full of drawn mixes, one empty, one hostile."""

from __future__ import annotations

import json
from functools import cache
from io import BytesIO

import albumentations as A
import numpy as np
from PIL import Image

from albu_cutmix import CutMix, draw_mix
from albu_cutmix.scenes import OBJECT_CLASSES, scene_pool

FLAGS = ("ERASED", "TRUNCATED", "SLIVER", "SPLIT", "REMNANT", "SEAM_ON_OBJECT", "LABEL_NOISE")
POOL = 8  # scenes that are mixed
PICKS = ("worst erased", "worst truncated", "worst remnant", "worst seam on object")
RATES = (  # key, label, what it counts, rate, of how many, level
    ("erased", "Erased", "Objects of the primary with no pixel left.", 0.0714, 9204, "care"),
    ("truncated", "Truncated", "Objects that come out, but show under 90 %.", 0.131, 9204, "care"),
    ("slivers", "Slivers", "Boxes under 4 px or over 8 : 1, not so before.", 0.0041, 9204, "safe"),
    ("donor_slivers", "Donor slivers", "The same, of the donor's boxes.", 0.048, 3120, "care"),
    ("splits", "Split boxes", "Boxes that the patch cuts in two.", 0.0233, 9204, "care"),
    ("remnants", "Remnants", "Mixes that show what was dropped.", 0.212, 962, "care"),
    ("seam_on_object", "Seam on an object", "Mixes over the limit of 25 %.", 0.318, 962, "care"),
    ("ghosts", "Ghost labels", "Mixes with label weight for a side that shows no object.",
     0.0094, 962, "safe"),
    ("label_noise", "Label noise", "Mixes whose weight is off by over 0.35.", 0.0, 962, "safe"),
)  # fmt: skip
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</script><script>alert(2)</script>",
    "{{ 7 * 7 }}{% raw %}",
    "מכונית אדומה \u202eגדולה",  # noqa: RUF001
    "a very long name " * 20 + "x" * 300,
)


def wilson(share: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a rate."""
    z = 1.96
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def full_view(cards: int = 24, mixes: int = 962, classes: int = 9) -> dict:
    """A view such as an audit of 2,000 calls gives."""
    rng = np.random.default_rng(0)
    return {
        "title": "CutMix audit of harbour-objects",
        "subtitle": "CutMix(scene_pool(400), area_range=(0.02, 0.33), p=0.5) in a Compose of three",
        "verdict": {"word": "with care", "reasons": reasons()},
        "facts": [
            {"label": "Applied", "value": f"{mixes:,} of 2,000 calls, 48.1 % of p 50 %"},
            {"label": "Objects in those mixes", "value": "9,204"},
            {"label": "Mean patch", "value": "14.2 % of the image"},
            {"label": "Seed", "value": "0"},
            {"label": "Fingerprint", "value": "9f31c07a42d8"},
            {"label": "Pool", "value": "400 samples, 9 classes"},
            {"label": "Versions", "value": "albu_cutmix 0.4.0, albumentations 2.0.8"},
            {"label": "Not applied", "value": "1,021 by p, 17 with no free patch"},
        ],
        "warning": "",
        "rates": rates(),
        "tables": [by_size(), by_class(classes, rng)],
        "series": series(mixes, rng),
        "gallery": gallery(cards, rng),
        "sweep": sweep(),
        "findings": [
            {"text": "Boxes of no area were left out.", "count": 14,
             "examples": ["harbour-003: box 2 has height 0", "reef-118: box 0 has width 0"]},
            {"text": "Crowd regions are ignored by the mix.", "count": 231, "examples": []},
            {"text": "Images whose size differs from the EXIF orientation.", "count": 1,
             "examples": ["city-087.jpg: orientation 6"]},
        ],
        "policy": json.dumps({"kind": "CutMix", "area_range": [0.02, 0.33], "p": 0.5}, indent=2),
        "honest": [
            "These rates are proxies: nothing was trained, and a model may bear more or less.",
            "Only what is annotated counts as an object; a missing box is not noticed.",
            "Objects of one image are not independent, so the intervals are somewhat too narrow.",
            "To be sure, train with and without: three seeds, AP per class and AP small.",
        ],
    }  # fmt: skip


def empty_view() -> dict:
    """A view of an audit in which no mix was applied."""
    nothing = [[0.0] * 24] * 24
    edges = [k / 20 for k in range(21)]
    return {
        **full_view(cards=0),
        "verdict": {"word": "unsafe", "reasons": []},
        "warning": "The mix was applied in 0 % of the calls, not in 50 %: no free place was found.",
        "facts": [],
        "rates": [],
        "tables": [{"name": "By class", "columns": ["Class", "Objects"], "rows": [], "shares": []}],
        "series": {
            "visibility": {"edges": edges, "primary": [0] * 20, "donor": [0] * 20},
            "erased_by_share": {
                "edges": [k / 10 for k in range(11)], "share": [None] * 10, "count": [0] * 10
            },
            "noise": {"lam": [], "lam_object": []},
            "patch_heat": {"values": nothing},
            "lost_heat": {"values": nothing},
        },
        "sweep": [],
        "findings": [],
    }  # fmt: skip


def hostile_view() -> dict:
    """A view whose every text tries to break out of its place."""
    view = full_view(cards=3)
    for k, text in enumerate(HOSTILE):
        view["tables"][1]["rows"].insert(0, [text, 5 + k, 0.1, 0.2, 0.0, None, 1])
        view["findings"].append({"text": text, "count": 1, "examples": [text]})
        view["facts"].append({"label": text[:300], "value": text})
    for key in ("title", "subtitle", "warning", "policy"):
        view[key] = "".join(HOSTILE[:3])
    for card, text in zip(view["gallery"], HOSTILE, strict=False):
        card |= {"caption": text, "record": text, "flags": [text], "picks": [text]}
    view["sweep"][0] |= {"name": HOSTILE[0], "arguments": HOSTILE[2], "why": HOSTILE[1]}
    view["honest"].append(HOSTILE[0])
    return view


def reasons() -> list[dict]:
    """The three rates that decided."""
    words = {
        "erased": "7 of 100 objects vanish under the patch; most of them are small.",
        "seam_on_object": "A third of the mixes cut through objects; smaller patches cut less.",
        "truncated": "One object in eight comes out in part; its box is clipped to what shows.",
    }
    rows = {row["key"]: row for row in rates()}
    keys = ("label", "share", "low", "high", "level")
    return [{**{k: rows[key][k] for k in keys}, "text": text} for key, text in words.items()]


def rates() -> list[dict]:
    """The rates with their intervals."""
    rows = []
    for key, label, what, share, of, level in RATES:
        low, high = wilson(share, of)
        row = {"key": key, "label": label, "what": what, "share": share, "low": low, "high": high}
        rows.append({**row, "count": round(share * of), "of": of, "level": level})
    nothing = dict.fromkeys(("share", "low", "high"))
    what = "Mixes whose masks differ along the seam."
    jump = {"key": "label_jump", "label": "Label jumps", "what": what, "count": 0, "of": 0}
    return [*rows, {**jump, **nothing, "level": ""}]


def by_size() -> dict:
    """The table by COCO size."""
    return {
        "name": "By size (COCO)",
        "columns": ["Size", "Objects", "Erased", "Truncated", "Slivers", "Lost"],
        "rows": [
            ["small, under 32² px", 3122, 0.142, 0.041, 0.009, 0.151],
            ["medium, under 96² px", 4220, 0.046, 0.155, 0.002, 0.061],
            ["large", 1862, 0.009, 0.231, 0.0, 0.021],
        ],
        "shares": [2, 3, 4, 5],
    }


def by_class(count: int, rng: np.random.Generator) -> dict:
    """The table by class."""
    names = list(OBJECT_CLASSES) + [f"class {k:03d}" for k in range(len(OBJECT_CLASSES), count)]
    rows = []
    for name in names[:count]:
        objects, erased, truncated = int(rng.integers(80, 2400)), *rng.uniform(0, 0.25, 2)
        slivers = float(rng.uniform(0, 0.02))
        gained = int(rng.integers(0, 300))
        rows.append([name, objects, float(erased), float(truncated), slivers, None, gained])
    columns = ["Class", "Objects", "Erased", "Truncated", "Slivers", "Lost", "Gained"]
    return {"name": "By class", "columns": columns, "rows": rows, "shares": [2, 3, 4, 5]}


def series(mixes: int, rng: np.random.Generator) -> dict:
    """Histograms, a cloud of label weights, and two maps of the image."""
    edges = [k / 20 for k in range(21)]
    primary = [
        612,
        31,
        28,
        40,
        33,
        45,
        52,
        48,
        61,
        70,
        66,
        84,
        90,
        101,
        120,
        133,
        150,
        171,
        240,
        7069,
    ]
    donor = np.histogram(rng.beta(0.6, 0.6, 3120), 20, (0, 1))[0].tolist()
    lam = 1 - rng.uniform(0.02, 0.33, mixes)
    object_lam = np.clip(lam + rng.normal(0, 0.16, mixes), 0, 1)
    y, x = np.mgrid[0:24, 0:24] / 23 - 0.5
    middle = np.exp(-3 * (x**2 + y**2))
    return {
        "visibility": {"edges": edges, "primary": primary, "donor": donor},
        "erased_by_share": {
            "edges": [k / 10 for k in range(11)],
            "share": [0.021, 0.064, 0.118, 0.171] + [None] * 6,
            "count": [402, 340, 181, 39] + [0] * 6,
        },
        "noise": {"lam": lam.tolist(), "lam_object": object_lam.tolist()},
        "patch_heat": {"values": (0.22 * middle).tolist()},
        "lost_heat": {"values": (0.17 * np.clip(middle * (1 + 1.2 * y), 0, 1)).tolist()},
    }  # fmt: skip


@cache
def drawn_mix(k: int) -> tuple:
    """Mix k of drawn scenes as (sample, record, picture)."""
    transform, index = drawn_pipeline(), k % POOL
    transform.set_random_seed(k)
    sample = transform[0].pool.sample(index)
    del sample["masks"]
    out = transform(**sample, pool_index=index)
    file = BytesIO()
    picture = draw_mix(out, sample, min_side=240, legend=False)
    Image.fromarray(picture).save(file, "JPEG", quality=82)
    return index, out["mix"], file.getvalue()


@cache
def drawn_pipeline() -> A.Compose:
    """A pipeline that mixes drawn scenes."""
    pool = scene_pool(POOL, size=[(240, 320), (200, 320), (320, 240)])
    params = A.BboxParams("pascal_voc", label_fields=["labels"], clip=True)
    return A.Compose([CutMix(pool, p=1.0)], bbox_params=params)


def gallery(count: int, rng: np.random.Generator) -> list[dict]:
    """Cards of drawn mixes; their flags and figures are invented."""
    cards = []
    for k in range(count):
        sample, record, picture = drawn_mix(k)
        flags = [flag for flag in FLAGS if rng.random() < 0.25]
        cards.append({
            "mix": 13 * k + 4,
            "sample": sample,
            "seed": int(rng.integers(2**31)),
            "donor": int(record.donors[0]),
            "flags": flags,
            "lam": float(record.lam),
            "share": 1 - float(record.lam),
            "erased": int("ERASED" in flags) * int(rng.integers(1, 4)),
            "least_visibility": float(rng.uniform(0.1, 0.9)) if "TRUNCATED" in flags else 1.0,
            "remnant_px": int("REMNANT" in flags) * int(rng.integers(1, 4000)),
            "seam_on_object": float(rng.uniform(0, 0.6)),
            "picks": ["random"] if k % 2 else [PICKS[k // 2 % len(PICKS)]],
            "caption": f"sample {sample} with a patch of donor {int(record.donors[0])}",
            "picture": picture,
            "record": record.to_json(),
        })  # fmt: skip
    return cards


def sweep() -> list[dict]:
    """Settings tried, the first as audited, the recommended one among them."""
    shares = {row["key"]: row["share"] for row in rates()}
    keys = ("erased", "truncated", "slivers", "donor_slivers", "remnants", "seam_on_object")
    rows = []
    for name, arguments, applied, share, risk, verdict in (
        ("as it is", "", 1.0, 0.142, 1.0, "with care"),
        ("smaller patches", ", area_range=(0.02, 0.15)", 1.0, 0.081, 0.5, "with care"),
        ("larger patches", ", area_range=(0.1, 0.5)", 1.0, 0.29, 2.1, "unsafe"),
        ("free places", ', placement="avoid"', 0.91, 0.052, 0.0, "safe"),
        ("whole objects", ', placement="objects", min_visibility=0.3', 0.97, 0.112, 0.12, "safe"),
        ("paper", ', placement="paper"', 1.0, 0.38, 2.9, "unsafe"),
    ):
        best = name == "whole objects"
        why = "Of the 2 settings that are safe it replaces most pixels." if best else "See above."
        rows.append({
            "name": name, "arguments": f"CutMix(pool{arguments})", "applied": applied,
            "patch_share": share, **{key: min(shares[key] * risk, 1.0) for key in keys},
            "verdict": verdict, "recommended": best, "why": why,
        })  # fmt: skip
    return rows
