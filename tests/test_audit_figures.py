"""Figures of an audit against the same figures recomputed by other code, and their verdict."""

from __future__ import annotations

import numpy as np
import pytest
from audit_rows import bounds, check_summary, make_rows, recompute

from albu_cutmix.limits import SafetyLimits
from albu_cutmix.report import figures, summarise
from albu_cutmix.report.figures import Figures
from albu_cutmix.report.heat import GRID
from albu_cutmix.report.intervals import wilson
from albu_cutmix.report.verdict import RATES, judge, percent, warn

TARGETS = {
    "boxes": ("bboxes",),
    "masks-and-label": ("masks", "label"),
    "semantic": ("mask", "label"),
    "everything": ("mask", "masks", "bboxes", "label"),
    "label-alone": ("label",),
}


@pytest.mark.parametrize("targets", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("seed", range(3))
def test_figures_follow_from_the_rows(seed, targets):
    """Every rate, count and interval is that of the definitions."""
    rows = make_rows(120, seed, targets)
    check_summary(summarise(rows), rows)


def test_the_limit_of_truncated_is_the_mixs_own():
    """Another limit gives another rate, no limit none."""
    rows = make_rows(80)
    check_summary(summarise(rows, SafetyLimits(truncated=0.5)), rows, 0.5)
    assert summarise(rows, SafetyLimits(truncated=None))["truncated"] is None


@pytest.mark.parametrize(
    ("limit", "key"),
    [
        ({"erased": None}, "erased"),
        ({"slivers": None}, "donor_slivers"),
        ({"splits": None}, "splits"),
        ({"remnant": None}, "remnants"),
        ({"seam_on_object": None}, "seam_on_object"),
        ({"ghosts": False}, "ghosts"),
        ({"label_noise": None}, "label_noise"),
    ],
    ids=["erased", "slivers", "splits", "remnant", "seam", "ghosts", "noise"],
)
def test_a_limit_that_is_off_gives_no_rate(limit, key):
    """What a mix never flags is not judged over a data set either; 0 % would be a lie."""
    rows = make_rows(40)
    assert summarise(rows)[key] is not None
    assert summarise(rows, SafetyLimits(**limit))[key] is None


def test_no_mix_at_all():
    """Without a row, and without an applied mix, rates are None and nothing is said to be safe."""
    for rows in ([], [row for row in make_rows(60) if not row.get("record", {}).get("applied")]):
        summary = summarise(rows, expected=0.5)
        assert summary["erased"] is None
        assert summary["patch_share"] is None
        assert summary["verdict"] == "with care"
        assert "not" in warn(summary)


FAULTS = {
    "denominator-of-all-mixes": (
        "counts",
        lambda real: (
            lambda self: {
                key: (count, self.made if of == self.applied else of)
                for key, (count, of) in real(self).items()
            }
        ),
    ),
    "dropped-is-erased": (
        "_outcome",
        lambda real: lambda self, one: real(self, one)._replace(erased=one["fate"] == "dropped"),
    ),
    "ignored-is-truncated": (
        "_outcome",
        lambda real: (
            lambda self, one: real(self, {**one, "fate": one["fate"].replace("ignored", "kept")})
        ),
    ),
    "lost-is-erased": (
        "_outcome",
        lambda real: lambda self, one: real(self, one)._replace(lost=one["visibility"] == 0),
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_planted_faults_are_noticed(name, monkeypatch):
    """The check above fails on figures that are counted wrongly."""
    method, plant = FAULTS[name]
    monkeypatch.setattr(Figures, method, plant(getattr(Figures, method)))
    rows = make_rows(60)
    with pytest.raises(AssertionError):
        check_summary(summarise(rows), rows)


def test_a_planted_interval_is_noticed(monkeypatch):
    """The check fails on rate +- 2 standard errors, too."""

    def wald(count, of):
        half = 1.96 * (count / of * (1 - count / of) / of) ** 0.5
        return count / of - half, count / of + half

    monkeypatch.setattr(figures, "wilson", wald)
    rows = make_rows(60)
    with pytest.raises(AssertionError):
        check_summary(summarise(rows), rows)


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    # Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_intervals_as_published(count, of, low, high):
    """Wilson's interval, without correction for continuity, gives the published figures."""
    assert wilson(count, of) == pytest.approx((low, high), abs=5e-5)
    assert wilson(count, of) == pytest.approx(bounds(count, of), abs=1e-9)
    assert wilson(of, of)[1] == 1.0


def test_series_count_what_they_say():
    """Histograms hold every object once; shares of erased objects are by patch share."""
    rows = make_rows(150)
    counted = Figures()
    for row in rows:
        counted.add(row)
    series = counted.series()
    applied = [row for row in rows if row.get("record", {}).get("applied")]
    for side in ("primary", "donor"):
        seen = [one["visibility"] for row in applied for one in row[side]]
        assert (
            series["visibility"][side]
            == np.histogram(seen, series["visibility"]["edges"])[0].tolist()
        )
    by_share = series["erased_by_share"]
    assert sum(by_share["count"]) == sum(len(row["primary"]) for row in applied)
    erased = sum(
        n * (share or 0) for n, share in zip(by_share["count"], by_share["share"], strict=True)
    )
    assert round(erased) == recompute(rows)["erased"][0]
    assert by_share["edges"][0] == 0
    assert len(series["noise"]["lam"]) == len(series["noise"]["lam_object"]) == len(applied)


def test_heat_maps_lie_where_the_patches_lay():
    """A cell holds the mean part of it that patches covered, counted on a finer grid."""
    rows = make_rows(20, 5)
    counted = Figures()
    covered, applied = np.zeros((GRID, GRID)), 0
    for row in rows:
        counted.add(row)
        if not row.get("record", {}).get("applied"):
            continue
        applied += 1
        height, width = row["record"]["shape"]
        x0, y0, x1, y1 = row["record"]["patches"][0]
        sides = []
        for start, end, size in ((y0, y1, height), (x0, x1, width)):
            fine = np.zeros(size * GRID)  # a cell is `size` of these, a pixel GRID
            fine[start * GRID : end * GRID] = 1
            sides.append(fine.reshape(GRID, size).mean(1))
        covered += np.outer(*sides)
    assert np.allclose(counted.series()["patch_heat"]["values"], covered / applied)


def test_lost_heat_is_the_mean_hidden_share():
    """A cell under one object alone holds what of that object is hidden."""
    row = next(row for row in make_rows(20) if row.get("primary"))
    height, width = row["record"]["shape"]
    one = row["primary"][0] | {"box": [0, 0, width / 2, height], "visibility": 0.25}
    counted = Figures()
    counted.add(row | {"primary": [one]})
    values = np.array(counted.series()["lost_heat"]["values"])
    assert np.allclose(values[:, : GRID // 2], 0.75)
    assert np.allclose(values[:, GRID // 2 :], 0)


def test_median_object():
    """The median object's share is found within a few per cent."""
    row = next(row for row in make_rows(20) if len(row.get("primary", ())) > 2)
    height, width = row["record"]["shape"]
    shares = [0.001, 0.03, 0.5]
    objects = [row["primary"][0] | {"area": share * height * width} for share in shares]
    counted = Figures()
    assert counted.median_object is None
    counted.add(row | {"primary": objects})
    assert counted.median_object == pytest.approx(0.03, rel=0.03)


def summary_with(**rates):
    """A summary of a thousand mixes in which these rates apply, and no others."""
    keys = {rate.key: rates.get(rate.key) for rate in RATES}
    intervals = {key: wilson(round(share * 1000), 1000) for key, share in rates.items()}
    base = {"n": 1000, "expected": 0.5, "applied": 0.5, "reasons": {"p": 500}}
    return base | keys | {"intervals": intervals}


@pytest.mark.parametrize(
    ("rates", "word", "first"),
    [
        ({"erased": 0.009, "remnants": 0.03}, "safe", "Objects erased"),
        ({"erased": 0.011, "remnants": 0.0}, "with care", "Objects erased"),
        ({"erased": 0.02, "remnants": 0.21, "seam_on_object": 0.3}, "unsafe", "Remnants"),
        ({"splits": 0.9, "label_jump": 0.9, "slivers": 0.0}, "safe", "Slivers"),
        ({"donor_slivers": 0.05}, "safe", "Donor slivers"),
    ],
    ids=["safe", "care", "unsafe", "told-not-judged", "at-the-limit"],
)
def test_the_worst_rate_decides(rates, word, first):
    """The verdict is the worst level of the rates that apply, and names it first."""
    verdict = judge(summary_with(**rates))
    assert verdict.word == word
    assert verdict.reasons[0].label == first
    assert len(verdict.reasons) == min(3, len(rates.keys() - {"splits", "label_jump"}))


def test_reasons_are_sentences_with_numbers():
    """A reason says rate, interval and limit."""
    reason = judge(summary_with(erased=0.048)).reasons[0]
    assert reason.level == "care"
    assert reason.text == (
        "4.8 % of the primary's objects lose every pixel (95 % interval 3.6 % to 6.3 %); more "
        "than 1 % asks for care."
    )


@pytest.mark.parametrize(
    ("reasons", "words"),
    [
        ({"p": 500}, ""),
        ({"p": 400, "no_patch": 400}, "applied in 20 % of the calls, not in 50 %: in 40 % there"),
        ({"p": 500, "no_patch": 100}, ""),
        ({"not called": 800, "p": 100}, ""),
        ({"not called": 500, "no_donor": 400}, "not in 50 %: in 80 % there was no other donor"),
        ({"unsafe": 1000}, "in 100 % every draw was over the limits"),
    ],
    ids=["as-asked", "no-place", "some", "container", "container-and-no-donor", "refused"],
)
def test_a_mix_that_is_rarely_applied_is_told(reasons, words):
    """A warning stands where half of the expected mixes are missing, not by chance or container."""
    warning = warn(summary_with(erased=0.0) | {"reasons": reasons})
    assert (words in warning) if words else (warning == "")


def test_shares_for_people():
    """One decimal, whole ones none."""
    shares = (None, 0, 0.0042, 0.048, 0.5, 0.9999, 1)
    assert [percent(share) for share in shares] == [
        "\N{EN DASH}", "0 %", "0.4 %", "4.8 %", "50 %", "100 %", "100 %",
    ]  # fmt: skip
