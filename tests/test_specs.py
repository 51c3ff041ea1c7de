"""Pools as plain data: into a mix, out of it, through JSON and YAML, and back."""

from __future__ import annotations

import json
from pathlib import Path

import albumentations as A
import cv2
import numpy as np
import pytest
import yaml
from scene_files import write_scenes

from albu_cutmix import (
    CutMix,
    DonorReadError,
    InvalidArgumentError,
    attach_pool,
    cached,
    mapped,
    pack,
    packed,
    weighted,
)
from albu_cutmix.formats import coco_pool, folder_pool, pascal_voc_pool, yolo_pool
from albu_cutmix.scenes import scene_pool
from albu_cutmix.specs import MAKERS, pool_from_spec

BOXES = A.BboxParams("coco", label_fields=["labels"])
TURN = A.Compose([A.HorizontalFlip(p=0.5)], bbox_params=BOXES)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """Scenes as COCO, YOLO, VOC, class folders and a packed file."""
    folder = tmp_path_factory.mktemp("specs")
    write_scenes(folder)
    for scene in scene_pool(6, size=(64, 96)):
        (folder / "classes" / scene.label).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / "classes" / scene.label / f"{scene.id}.png"), scene.image)
    pack(coco_pool(folder / "instances.json", folder / "images"), folder / "scenes.pack")
    return folder


def pools(folder: Path) -> dict:
    """A pool of each kind that plain data can describe, with arguments other than by default."""
    coco = coco_pool(
        folder / "instances.json", folder / "images", labels="name", masks=True, color="bgr"
    )
    plain = coco_pool(folder / "instances.json", folder / "images")
    return {
        "coco": coco,
        "yolo": yolo_pool(folder / "data.yaml", label_as="name", max_pixels=10**6),
        "pascal_voc": pascal_voc_pool(folder / "Annotations", folder / "images", on_error="skip"),
        "folder": folder_pool(folder / "classes", color="gray"),
        "packed": packed(folder / "scenes.pack"),
        "cached": cached(plain, megabytes=3),
        "weighted": weighted(plain, "sqrt"),
        "mapped": mapped(plain, TURN),
        "nested": weighted(mapped(cached(plain), TURN), np.arange(1.0, 7.0)),
    }


KINDS = [*MAKERS, "nested"]


def same(one, other) -> None:
    """Assert that two pools give the same donors with the same chances."""
    assert type(one) is type(other)
    assert len(one) == len(other)
    assert one.classes == other.classes
    assert (one.weights is None) == (other.weights is None)
    if one.weights is not None:
        np.testing.assert_array_equal(one.weights, other.weights)
    for index in range(len(one)):
        mine, theirs = one[index], other[index]
        np.testing.assert_array_equal(mine.image, theirs.image)
        if mine.bboxes is not None:
            np.testing.assert_array_equal(mine.bboxes, theirs.bboxes)
            assert list(mine.fields["labels"]) == list(theirs.fields["labels"])
        assert (mine.masks is None) == (theirs.masks is None)
        assert (mine.label, mine.id) == (theirs.label, theirs.id)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_comes_back(kind, files):
    """`to_spec` holds what JSON holds, and makes the same pool."""
    pool = pools(files)[kind]
    spec = pool.to_spec()
    assert json.loads(json.dumps(spec)) == spec
    assert yaml.safe_load(yaml.safe_dump(spec)) == spec
    again = pool_from_spec(spec)
    same(again, pool)
    assert again.to_spec() == spec


@pytest.mark.parametrize("form", ["dict", "json", "yaml"])
@pytest.mark.parametrize("kind", KINDS)
def test_pipeline_brings_its_pool(kind, form, files, tmp_path):
    """A mix made of plain data is saved with it, loads without help, and mixes the same."""
    params = None if kind == "folder" else BOXES
    mix = CutMix(pools(files)[kind].to_spec(), label_key="unused", p=1.0)
    run = A.Compose([mix], bbox_params=params)
    if form == "dict":
        again = A.from_dict(json.loads(json.dumps(A.to_dict(run))))
    else:
        A.save(run, tmp_path / f"run.{form}", data_format=form)
        again = A.load(tmp_path / f"run.{form}", data_format=form)
    (loaded,) = again.transforms
    assert loaded.fingerprint == mix.fingerprint
    primary = mix.pool.sample(0, "coco")
    primary.pop("label", None)
    outs = []
    for pipeline in (run, again):
        pipeline.set_random_seed(3)
        outs.append(pipeline(**primary))
    assert outs[0]["mix"] == outs[1]["mix"]
    assert outs[0]["mix"].applied
    np.testing.assert_array_equal(outs[0]["image"], outs[1]["image"])


def test_policy_reads_like_code(files):
    """What was written is what is printed and saved, defaults of the pool left out."""
    spec = {
        "format": "coco",
        "json": str(files / "instances.json"),
        "images": str(files / "images"),
        "labels": "name",
    }
    mix = CutMix(spec)
    assert A.to_dict(mix)["transform"]["pool"] == spec
    assert f"pool={spec!r}"[:30] in repr(mix)
    assert mix.policy()["pool"] == {"length": 6, "digest": mix.pool.digest(), "spec": spec}


def test_live_pool_is_not_saved(files):
    """A pool that was given as an object stays out, though it could be written down."""
    mix = CutMix(pools(files)["coco"])
    assert "pool" not in A.to_dict(mix)["transform"]
    assert "instances.json" not in repr(mix)
    assert mix.policy()["pool"]["spec"]["format"] == "coco"


def test_attached_pool_takes_the_place_of_plain_data(files):
    """And plain data can be attached to a pipeline that was loaded without a pool."""
    mix = CutMix(pools(files)["coco"].to_spec())
    live = attach_pool(mix, scene_pool(2))
    assert "pool" not in A.to_dict(live)["transform"]
    loaded = A.from_dict(A.to_dict(A.Compose([CutMix(), CutMix(record_key="other")])))
    attach_pool(loaded, pools(files)["yolo"].to_spec())
    one, other = loaded.transforms
    assert one.pool is other.pool
    assert len(one.pool) == 6


def test_fingerprint_names_the_data_not_the_path(files, tmp_path):
    """The same files elsewhere have the same fingerprint; other boxes have another."""
    (tmp_path / "moved").mkdir()
    for name in ("instances.json", "other.json"):
        text = (files / "instances.json").read_text("utf-8")
        content = json.loads(text)
        if name == "other.json":
            content["annotations"][0]["bbox"][2] -= 1
        (tmp_path / "moved" / name).write_text(json.dumps(content), "utf-8")
    (tmp_path / "moved" / "images").symlink_to(files / "images")

    def fingerprint(folder: Path, name: str) -> str:
        spec = {"format": "coco", "json": str(folder / name), "images": str(folder / "images")}
        return CutMix(spec).fingerprint

    here = fingerprint(files, "instances.json")
    assert here == fingerprint(tmp_path / "moved", "instances.json")
    assert here != fingerprint(tmp_path / "moved", "other.json")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({}, r"must have a 'format' of coco, yolo, .*, got None\."),
        ({"format": "cocoa"}, r"must have a 'format' of .* got 'cocoa'\. Other pools are given"),
        ({"format": ["coco"]}, r"must have a 'format' of .* got \['coco'\]"),
        ({"format": "coco", "json": "a"}, r"\"coco\"\} needs the argument 'images'"),
        (
            {"format": "coco", "json": "a", "image": "b"},
            r"takes no argument 'image'; it takes json",
        ),
        ({"format": "cached", "pool": "coco"}, r"pool must have len\(\) and \[i\], got str"),
        ({"format": "cached", "pool": {"format": "x"}}, r"must have a 'format' of"),
        (
            {"format": "coco", "json": "a", "images": "nowhere"},
            r"images must be a folder .* \(of the pool \{\"format\": \"coco\"\}\)",
        ),
    ],
    ids=lambda value: str(value)[:30] if isinstance(value, dict) else "",
)
def test_plain_data_that_makes_no_pool(spec, message):
    """Each message says what was expected, what came and the way out."""
    with pytest.raises(InvalidArgumentError, match=message):
        CutMix(spec)


def test_file_that_is_gone_is_named(files):
    """A pipeline loaded where its data are not says which file is missing."""
    spec = {"format": "coco", "json": str(files / "gone.json"), "images": str(files)}
    with pytest.raises(DonorReadError, match=r"gone\.json: cannot be read"):
        CutMix(spec)


def test_every_maker_is_among_the_kinds(files):
    """No kind of plain data goes untested."""
    assert set(pools(files)) == set(KINDS)


def nested(depth: int, inner: dict) -> dict:
    """A spec so deep in caches."""
    for _ in range(depth):
        inner = {"format": "cached", "pool": inner}
    return inner


def laughs() -> list:
    """A list that would be 10**9 texts long, as aliases of YAML make it of some bytes."""
    found: list = ["x"] * 10
    for _ in range(8):
        found = [found] * 10
    return found


ITSELF: dict = {"format": "cached"}
ITSELF["pool"] = ITSELF
ENDLESS: list = []
ENDLESS.append(ENDLESS)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        pytest.param({"megabytes": 10**400}, '"cached"', id="megabytes"),
        pytest.param({"format": "weighted", "weights": [10**400]}, '"weighted"', id="weights"),
        pytest.param({"format": "coco", "color": []}, '"coco"', id="color"),
        pytest.param({"format": "coco", "json": None}, '"coco"', id="json"),
        pytest.param({"format": "coco", "images": "a" * 5000}, '"coco"', id="images"),
        pytest.param({"format": "folder", "root": ".", "classes": 5}, '"folder"', id="classes"),
        pytest.param({"format": "folder", "root": ".", "classes": [[]]}, '"folder"', id="a-class"),
        pytest.param({"format": "pascal_voc", "annotations": 5}, '"pascal_voc"', id="annotations"),
        pytest.param({"format": "pascal_voc", "field": []}, '"pascal_voc"', id="field"),
        pytest.param({"format": "mapped", "compose": {"transform": []}}, '"mapped"', id="compose"),
        pytest.param({"format": "coco", "images": laughs()}, "at most 100000 values", id="laughs"),
        pytest.param({"format": "coco", "images": ENDLESS}, "at most 100000 values", id="cycle"),
        pytest.param(ITSELF, "at most 100000 values", id="itself"),
        pytest.param(nested(10_000, {}), "must hold at most 32 others", id="deep"),
        pytest.param({"format": laughs()[0][0][0][0][0][0]}, "must have a 'format'", id="format"),
    ],
)
def test_values_of_a_wrong_type(spec, message, files, monkeypatch):
    """Whatever plain data holds is a pool or our error, which names the format."""
    monkeypatch.setattr("albu_cutmix.specs.MOST_VALUES", 100_000)  # a hundred times faster
    coco = {"format": "coco", "json": str(files / "instances.json"), "images": str(files)}
    defaults = {
        "coco": coco,
        "pascal_voc": {"annotations": [], "images": str(files)},
        "folder": {},
        "cached": {"pool": coco},
        "weighted": {"pool": coco},
        "mapped": {"pool": coco},
    }
    kind = spec.setdefault("format", "cached")
    spec = spec if "pool" in spec else defaults.get(str(kind), {}) | spec
    with pytest.raises(InvalidArgumentError, match=message) as caught:
        pool_from_spec(spec)
    assert len(str(caught.value)) < 600


def test_any_error_of_a_maker_names_the_format(monkeypatch):
    """A raw error of a function that makes pools is told with the format, and stays its cause."""

    def fail() -> None:
        raise OverflowError("too large")

    monkeypatch.setitem(MAKERS, "coco", fail)
    words = r'the pool \{"format": "coco"\} cannot be made .*: OverflowError: too large'
    with pytest.raises(InvalidArgumentError, match=words) as caught:
        pool_from_spec({"format": "coco"})
    assert isinstance(caught.value.__cause__, OverflowError)


def test_pools_may_lie_in_pools(files):
    """Thirty-two are as many as anybody needs."""
    coco = {
        "format": "coco",
        "json": str(files / "instances.json"),
        "images": str(files / "images"),
    }
    assert len(pool_from_spec(nested(32, coco))) == 6
    with pytest.raises(InvalidArgumentError, match="at most 32 others"):
        pool_from_spec(nested(33, coco))
