"""What the page on safety says of real annotations, on fewer mixes."""

from __future__ import annotations

import warnings

import pytest

from albu_cutmix import PRESETS, CutMix, audit
from albu_cutmix.formats import coco_pool, pascal_voc_pool, yolo_pool


@pytest.fixture(scope="module")
def pools(data_dir):
    """The three sets of the page."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the sets hold some boxes of no area
        voc, coco, pear = (data_dir / name for name in ("bccd_voc", "coco_instances", "pear_yolo"))
        return {
            "bccd": pascal_voc_pool(voc / "Annotations", voc / "JPEGImages"),
            "coco": coco_pool(coco / "instances.json", coco / "images", masks=True),
            "pear": yolo_pool(pear / "images", pear / "labels"),
        }


def rates(pool, **arguments):
    """The summary of some mixes, all applied where there is a place."""
    mix = CutMix(pool, **arguments, p=1.0)
    return audit(mix, pool, n=120, sweep=False, progress=False).summary


@pytest.mark.parametrize("name", ["bccd", "coco", "pear"])
def test_the_papers_draw_erases_and_the_preset_does_not(pools, name):
    """A fifth or more of all objects against none; nearly every call is applied."""
    paper, preset = (rates(pools[name], **PRESETS[key]) for key in ("paper", "detection"))
    assert 0.15 < paper["erased"] < 0.35
    assert paper["verdict"] == "unsafe"
    assert preset["erased"] == preset["truncated"] == preset["slivers"] == preset["splits"] == 0
    assert preset["applied"] > 0.85
    assert preset["verdict"] != "unsafe"


@pytest.mark.parametrize("name", ["bccd", "coco", "pear"])
def test_whole_objects_cut_nothing(pools, name):
    """With "objects" no seam lies on an object, and nothing is left over."""
    found = rates(pools[name], placement="objects")
    assert found["seam_on_object"] == found["remnants"] == found["truncated"] == 0
    assert found["applied"] > 0.5


def test_a_higher_least_visibility_leaves_more_that_shows(pools):
    """Dropping what is half covered teaches that the visible half is background."""
    low, high = (
        rates(pools["bccd"], area_range=(0.02, 0.15), min_visibility=v) for v in (0.1, 0.5)
    )
    assert high["remnants"] >= low["remnants"]
    assert high["by_size"]["large"]["lost"] > low["by_size"]["large"]["lost"]
