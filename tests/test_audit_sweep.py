"""The settings that an audit tries, and the one it recommends."""

from __future__ import annotations

import albumentations as A
import numpy as np
import pytest

from albu_cutmix import PRESETS, CutMix, Donor, MemoryPool
from albu_cutmix.report import audit
from albu_cutmix.report.bench import Bench
from albu_cutmix.report.figures import Figures
from albu_cutmix.report.runner import Runner
from albu_cutmix.report.settings import change, write_code
from albu_cutmix.report.sweep import Setting, Tried, list_settings, mixes_of, recommend, try_setting
from albu_cutmix.scenes import scene_pool


@pytest.fixture(scope="module")
def pool():
    """Small scenes with boxes alone."""
    scenes = scene_pool(5, size=(96, 128))
    return MemoryPool([Donor(one.image, bboxes=one.bboxes, fields=one.fields) for one in scenes])


def test_settings_that_are_tried(pool):
    """Three placements, two areas and two thresholds, and the presets; each setting once."""
    settings = list_settings(CutMix(pool, area_range=(0.3, 0.4)))
    assert settings[0] == Setting("as it is", {})
    grid = {
        (one.arguments["placement"], one.arguments["area_range"], one.arguments["min_visibility"])
        for one in settings[1:13]
    }
    assert len(grid) == 12
    assert {place for place, _, _ in grid} == {"inside", "avoid", "objects"}
    names = [one.name for one in settings[13:]]
    wholes = [
        {"placement": "inside", "min_visibility": 0.1} | preset for preset in PRESETS.values()
    ]
    new = [name for name, whole in zip(PRESETS, wholes, strict=True) if not _in_grid(whole, grid)]
    assert names == [f"preset {name!r}" for name in new]


def _in_grid(whole, grid) -> bool:
    return (whole["placement"], whole.get("area_range"), whole["min_visibility"]) in grid


def test_settings_that_the_mix_does_not_take_are_left_out(pool):
    """A mix whose own arguments contradict a placement is not tried with it."""
    mix = CutMix(pool, placement="paper", ratio_range=(0.5, 2.0))
    assert all(setting.arguments.get("placement") != "paper" for setting in list_settings(mix)[1:])
    assert list_settings(mix)[1:]


def test_number_of_mixes():
    """A fifth of n, at least 100, never more than n or 2000."""
    assert [mixes_of(n) for n in (7, 300, 1000, 100_000)] == [7, 100, 200, 2000]


ARGUMENTS = {"area_range": (0.05, 0.1), "placement": "inside", "min_visibility": 0.6}


def test_a_changed_mix_is_one_made_anew(pool):
    """Mixes of a changed setting equal those of a pipeline built with it, and the change ends."""
    mix, params = CutMix(pool, alpha=0.5), A.BboxParams("pascal_voc", label_fields=["labels"])
    bench = Bench(A.Compose([mix], bbox_params=params), pool, 0)
    fresh = Bench(A.Compose([CutMix(pool, alpha=0.5, **ARGUMENTS)], bbox_params=params), pool, 0)
    with Runner(bench, 0) as runner, Runner(fresh, 0) as anew:
        before = list(runner.rows(20))
        changed = list(runner.rows(20, ARGUMENTS))
        assert changed == list(anew.rows(20))
        assert changed != before == list(runner.rows(20))
    with change(bench.mix, ARGUMENTS):
        assert bench.mix.policy() == fresh.mix.policy()
    assert bench.mix.policy() == mix.policy()


@pytest.mark.parametrize(
    "own",
    [
        {},
        {"p": 1.0, "ignore_field": "crowd", "bbox_mode": "keep"},
        {"limits": {"erased": None}, "min_visibility": (0.2, 0.4), "classes": ["a", 'b"']},
    ],
    ids=["defaults", "own", "nested"],
)
def test_arguments_can_be_pasted(own, pool):
    """The text of a setting makes that very mix."""
    mix = CutMix(pool, **own)
    code = write_code(mix, ARGUMENTS)
    assert code.startswith('CutMix(pool, area_range=(0.05, 0.1), placement="inside", ') or own
    pasted = eval(code, {"CutMix": CutMix, "pool": pool})
    with change(mix, ARGUMENTS):
        assert pasted.policy() == mix.policy()
    assert write_code(CutMix(pool), {}) == "CutMix(pool)"


def test_a_sweep_is_in_the_report(pool):
    """Every setting has its rates and its code; one is recommended, with numbers in the reason."""
    report = audit(CutMix(pool), pool, n=25)
    assert [row["name"] for row in report.sweep] == [
        setting.name for setting in list_settings(CutMix(pool))
    ]
    assert report.sweep[0]["erased"] == report.summary["erased"]
    assert report.sweep[0]["verdict"] == report.summary["verdict"]
    chosen = [row for row in report.sweep if row["recommended"]]
    assert len(chosen) == 1
    assert "% of the image in" in chosen[0]["why"]
    assert f"Recommended: {chosen[0]['arguments']}" in str(report)
    assert audit(CutMix(pool), pool, n=5, sweep=False).sweep == []


def tried(name, verdict, patch_share, applied=0.5, risk=1.0) -> Tried:
    """A setting that came out like that."""
    row = {"name": name, "verdict": verdict, "patch_share": patch_share, "applied": applied}
    return Tried(row | {"erased": 0.01, "recommended": False, "why": ""}, risk)


@pytest.mark.parametrize(
    ("settings", "chosen", "words"),
    [
        (
            [tried("a", "unsafe", 0.3), tried("b", "safe", 0.1), tried("c", "safe", 0.2)],
            "c",
            "It is safe, and of the 2 that are it replaces most pixels: 20 % of the image in 50 %",
        ),
        (
            [tried("a", "safe", 0.3, 0.1), tried("b", "safe", 0.1, 0.5)],
            "b",
            "10 % of the image in 50 % of the calls, with 1 % of the objects erased; the median",
        ),
        ([tried("a", "with care", 0.3), tried("b", "unsafe", 0.4)], "a", "It is with care: 30 %"),
        (
            [tried("a", "unsafe", 0.3, risk=4), tried("b", "unsafe", 0.1, risk=2)],
            "b",
            "None is safe; this one is nearest to it",
        ),
        ([tried("a", "with care", None, 0.0)], None, ""),
        ([], None, ""),
    ],
    ids=["safest", "applied-counts", "with-care", "all-unsafe", "never-applied", "none"],
)
def test_what_is_recommended(settings, chosen, words):
    """The most that is mixed among the safest; the least risk where none is safe."""
    rows = recommend(settings, 0.031)
    assert [row["name"] for row in rows if row["recommended"]] == ([chosen] if chosen else [])
    for row in rows:
        if row["recommended"]:
            assert words in row["why"]
            assert row["why"].endswith("the median object covers 3.1 % of its image.")
    assert not any(one.row["recommended"] for one in settings)


def test_a_setting_without_objects(pool):
    """Where nothing applies rates are None and the reason says so."""
    row = try_setting(CutMix(pool), Setting("x", {}), Figures()).row
    assert row["erased"] is None
    assert row["why"] == "No rate could be judged."
    assert np.isfinite(try_setting(CutMix(pool), Setting("x", {}), Figures()).risk)
