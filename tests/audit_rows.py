"""Rows of an audit made up at random, and its figures recomputed with no code of the library."""

from __future__ import annotations

from fractions import Fraction
from math import isclose, sqrt
from statistics import NormalDist

import numpy as np

FLAGS = (
    "ERASED", "TRUNCATED", "SLIVER", "SPLIT", "REMNANT", "SEAM_ON_OBJECT", "LABEL_JUMP", "GHOST",
    "LABEL_NOISE",
)  # fmt: skip
OF_MIXES = {
    "remnants": ("REMNANT", ("bboxes", "masks")),
    "seam_on_object": ("SEAM_ON_OBJECT", ("bboxes", "masks", "mask")),
    "label_jump": ("LABEL_JUMP", ("mask",)),
    "ghosts": ("GHOST", ("label",)),
    "label_noise": ("LABEL_NOISE", ("label",)),
}
OF_OBJECTS = ("erased", "truncated", "slivers", "splits")


def make_rows(
    n: int, seed: int = 0, targets: tuple[str, ...] = ("mask", "bboxes", "label")
) -> list:
    """Rows with every fate, size and reason; visibilities of 0 and 1 among them."""
    rng = np.random.default_rng(seed)
    return [make_row(rng, number, list(targets)) for number in range(n)]


def make_row(rng: np.random.Generator, number: int, targets: list[str]) -> dict:
    """One row, applied in two of three."""
    head = {"mix": number, "sample": number % 7, "seed": number * 11}
    if rng.random() < 0.05:
        return head | {"error": "DonorReadError: a.jpg"}
    height, width = rng.integers(50, 400, 2).tolist()
    applied = bool(rng.random() < 0.67)
    x, y = int(rng.integers(0, width - 20)), int(rng.integers(0, height - 20))
    w, h = int(rng.integers(1, width - x)), int(rng.integers(1, height - y))
    reason = "" if applied else str(rng.choice(["p", "no_patch", "not called"]))
    record = {
        "applied": applied,
        "reason": reason,
        "shape": [height, width],
        "donors": [3],
        "patches": [[x, y, x + w, y + h]],
        "owned_px": [w * h if applied else 0],
        "lam": 1 - w * h / (width * height),
        "blend": 1.0,
        "lam_object": float(rng.random()),
        "least_visibility": float(rng.random()),
        "remnant_px": int(rng.integers(0, 9)),
        "seam_px": 2 * (w + h),
        "seam_object_px": int(rng.integers(0, w + h)),
        "flags": int(rng.integers(0, 512)),
    }
    counts = rng.integers(0, 9, 2).tolist() if applied else [0, 0]
    return head | {
        "targets": targets,
        "record": record,
        "primary": [make_object(rng, width, height) for _ in range(counts[0])],
        "donor": [make_object(rng, width, height) for _ in range(counts[1])],
    }


def make_object(rng: np.random.Generator, width: int, height: int) -> dict:
    """One object of any fate."""
    x, y = rng.uniform(0, [width - 2, height - 2]).tolist()
    w, h = rng.uniform(1, [width - x, height - y]).tolist()
    return {
        "class": str(rng.choice(["cat", "dog", "<b>"])),
        "area": float(rng.choice([9.0, 32**2 - 1, 32**2, 96**2 - 1, 96**2, 1e5])),
        "visibility": float(rng.choice([0.0, 0.2, 0.85, 0.9, 1.0])),
        "fate": str(rng.choice(["kept", "clipped", "dropped", "ignored"])),
        "sliver": bool(rng.random() < 0.2),
        "split": bool(rng.random() < 0.1),
        "box": [x, y, x + w, y + h],
        "before": [w, h],
        "after": None,
    }


def recompute(rows: list, truncated: float = 0.9) -> dict:
    """Numerator and denominator of every rate, by the definitions, one list at a time."""
    made = [row for row in rows if "error" not in row]
    applied = [row for row in made if row["record"]["applied"]]
    primary = [one for row in applied for one in row["primary"]]
    donor = [one for row in applied for one in row["donor"]]
    out = {"applied": (len(applied), len(made)), **objects_of(primary, truncated)}
    out["donor_slivers"] = (sum(one["sliver"] for one in donor), len(donor))
    held = {target for row in made for target in row["targets"]}
    for key, (flag, needs) in OF_MIXES.items():
        bit = 2 ** FLAGS.index(flag)
        count = sum(bool(row["record"]["flags"] & bit) for row in applied)
        known = held & set(needs) and (key not in ("ghosts", "label_noise") or len(held) > 1)
        out[key] = (count, len(applied) if known else 0)
    return out


def objects_of(objects: list, truncated: float) -> dict:
    """Numerator and denominator of what is counted of primary objects."""
    some = {
        "erased": [one for one in objects if one["visibility"] <= 1e-6],
        "truncated": [
            one
            for one in objects
            if one["fate"] in ("kept", "clipped") and one["visibility"] < truncated
        ],
        "slivers": [one for one in objects if one["sliver"]],
        "splits": [one for one in objects if one["split"]],
    }
    return {key: (len(few), len(objects)) for key, few in some.items()}


def bounds(count: int, of: int) -> tuple[float, float]:
    """Wilson's interval as the roots of (p - rate)^2 = z^2 p (1 - p) / n."""
    z2 = NormalDist().inv_cdf(0.975) ** 2
    rate = count / of
    a, b, c = 1 + z2 / of, -(2 * rate + z2 / of), rate * rate
    root = sqrt(max(b * b - 4 * a * c, 0))
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


def check_summary(summary: dict, rows: list, truncated: float = 0.9) -> None:
    """Assert that a summary is that of these rows."""
    made = [row for row in rows if "error" not in row]
    applied = [row for row in made if row["record"]["applied"]]
    assert summary["n"] == len(made)
    assert summary["failed"] == len(rows) - len(made)
    for key, (count, of) in recompute(rows, truncated).items():
        if of == 0:
            assert summary[key] is None, key
            assert key not in summary["intervals"]
            continue
        assert isclose(summary[key], Fraction(count, of)), key
        for mine, theirs in zip(bounds(count, of), summary["intervals"][key], strict=True):
            assert isclose(mine, theirs, abs_tol=1e-9), key
    primary = [one for row in applied for one in row["primary"]]
    assert summary["objects"] == len(primary)
    shares = [sum(row["record"]["owned_px"]) / np.prod(row["record"]["shape"]) for row in applied]
    assert isclose(summary["patch_share"], np.mean(shares))
    for name, least, most in (("small", 0, 32), ("medium", 32, 96), ("large", 96, 1e9)):
        some = [one for one in primary if least**2 <= one["area"] < most**2]
        check_group(summary["by_size"][name], some, truncated)
    donor = [one for row in applied for one in row["donor"]]
    assert set(summary["by_class"]) == {one["class"] for one in (*primary, *donor)}
    for name, group in summary["by_class"].items():
        check_group(group, [one for one in primary if one["class"] == name], truncated)
        gained = [one for one in donor if one["class"] == name and one["fate"] != "dropped"]
        assert group["gained"] == len(gained)
    reasons = [row["record"]["reason"] for row in made if not row["record"]["applied"]]
    assert summary["reasons"] == {reason: reasons.count(reason) for reason in sorted(set(reasons))}
    for place, flag in enumerate(FLAGS):
        flagged = [row for row in applied if row["record"]["flags"] >> place & 1]
        assert summary["flags"][flag] == len(flagged)


def check_group(group: dict, objects: list, truncated: float) -> None:
    """Assert counts and rates of some objects."""
    assert group["objects"] == len(objects)
    assert group["lost"] == sum(one["fate"] == "dropped" for one in objects)
    for key, (count, of) in objects_of(objects, truncated).items():
        if key in group:
            assert group[key] == (count / of if of else None)
