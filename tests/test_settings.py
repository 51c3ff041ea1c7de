"""Settings as plain data: saved and loaded pipelines, pools attached to them, policy and hash."""

from __future__ import annotations

import copy
import inspect
import json
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import albumentations as A
import numpy as np
import pytest
import yaml

from albu_cutmix import (
    CutMix,
    Cutout,
    Donor,
    EmptyPoolError,
    InvalidArgumentError,
    MemoryPool,
    MixSchedule,
    MixTargets,
    MixUp,
    SafetyLimits,
    attach_pool,
)

SHAPE = (11, 17)
FULL = [0.0, 0.0, 17.0, 11.0]

#: Every argument but the pool at a value other than its default, in one of the sets.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "boxes": {
        "alpha": 0.5,
        "area_range": (0.1, 0.25),
        "ratio_range": (0.75, 1.5),
        "fit": "crop",
        "bbox_mode": "keep",
        "min_visibility": (0.25, 0.5),
        "visibility_field": "seen",
        "ignore_field": "crowd",
        "mask_index_field": "row",
        "keypoint_mode": "flag",
        "keypoint_visibility_field": "shown",
        "label_key": "target",
        "classes": ["ant", "bee", "cow"],
        "label_mode": "pair",
        "label_weight": "object",
        "background": (0, 255),
        "seam_key": "seam",
        "seam_width": 3,
        "ignore_index": 255,
        "limits": SafetyLimits(truncated=0.5, erased=None),
        "on_unsafe": "skip",
        "schedule": MixSchedule(9, warmup=2, stop_last=1, ramp="cosine"),
        "record_key": "cut",
        "metadata_key": "donors",
        "p": 0.25,
    },
    "layers": {"placement": "paper", "masks_mode": "layers", "classes": 7, "p": 1.0},
    "several": {"num_patches": (1, 3), "placement": "avoid"},
    "defaults": {},
}
SHARED = {
    **{name: value for name, value in ARGUMENTS["boxes"].items() if name != "bbox_mode"},
    "min_visibility": 0.25,
}
MIXUP: dict[str, Any] = {
    **{
        name: value
        for name, value in SHARED.items()
        if name not in ("area_range", "ratio_range", "seam_width")
    },
    "mask_mode": "ignore",
}
CUTOUT: dict[str, Any] = {
    **{name: value for name, value in SHARED.items() if name not in ("fit", "metadata_key")},
    "bbox_mode": "drop",
    "num_patches": (2, 3),
    "fill": (1, 2, 3),
}
LAYERS = {"masks_mode": "layers", "p": 1.0}
FAMILY = {
    "mixup": (MixUp, [MIXUP, LAYERS]),
    "cutout": (Cutout, [CUTOUT, LAYERS | {"placement": "paper", "fill": "noise"}]),
}
TARGETS = {
    "classes": ["ant", "bee"],
    "label_key": "target",
    "label_mode": "pair",
    "seam_key": "seam",
    "num_patches": 3,
    "record_key": "r",
}


def donor(value: int = 255, **parts: Any) -> Donor:
    """A donor of one value."""
    return Donor(np.full((*SHAPE, 3), value, np.uint8), **{"id": "d.png", **parts})


def image() -> np.ndarray:
    """A black primary."""
    return np.zeros((*SHAPE, 3), np.uint8)


def check_same_args(one: Any, other: Any) -> None:
    """Assert that two mixes have equal settings, as attributes, saved, printed and hashed."""
    assert type(one) is type(other)
    assert one.get_transform_init_args() == other.get_transform_init_args()
    assert (one.p, one.to_dict(), repr(one)) == (other.p, other.to_dict(), repr(other))


def saved(pipeline: Any, form: str, folder: Path) -> Any:
    """The pipeline after a round trip."""
    if form == "dict":
        return A.from_dict(A.to_dict(pipeline))
    if form == "json-text":
        return A.from_dict(json.loads(json.dumps(A.to_dict(pipeline))))
    A.save(pipeline, folder / f"pipeline.{form}", data_format=form)
    return A.load(folder / f"pipeline.{form}", data_format=form)


FORMS = ["dict", "json-text", "json", "yaml"]


# Saved and loaded --------------------------------------------------------------------------------


def test_every_argument_is_among_the_sets():
    """The sets above change every argument of the transforms, so that none can be forgotten."""
    mixes = (CutMix, [*ARGUMENTS.values()]), (MixTargets, [TARGETS])
    for kind, sets in (*mixes, *FAMILY.values()):
        for name, parameter in inspect.signature(kind).parameters.items():
            values = [one[name] for one in sets if name in one]
            if name not in ("pool", "p"):
                assert any(value != parameter.default for value in values), name


@pytest.mark.parametrize("name", ARGUMENTS)
@pytest.mark.parametrize("form", FORMS)
def test_cutmix_round_trip(form, name, tmp_path):
    """A saved pipeline comes back with every argument, in JSON and in YAML."""
    run = A.Compose([CutMix([donor()], **ARGUMENTS[name])])
    again = saved(run, form, tmp_path)
    check_same_args(again.transforms[0], run.transforms[0])
    assert again.transforms[0].pool is None
    for key, value in ARGUMENTS[name].items():
        found = getattr(again.transforms[0], key)
        assert (tuple(found) if isinstance(value, tuple) else found) == value


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", FAMILY)
def test_family_round_trip(name, form, tmp_path):
    """So do MixUp and Cutout, and each argument is an attribute of its name."""
    kind, sets = FAMILY[name]
    for arguments in sets:
        run = A.Compose([kind(**arguments)])
        again = saved(run, form, tmp_path).transforms[0]
        check_same_args(again, run.transforms[0])
        assert again.policy() == run.transforms[0].policy()
        for key, value in arguments.items():
            found = getattr(again, key)
            assert (tuple(found) if isinstance(value, tuple) else found) == value, key


@pytest.mark.parametrize("form", FORMS)
def test_mix_targets_round_trip(form, tmp_path):
    """So does MixTargets."""
    run = A.Compose([MixTargets(**TARGETS)])
    again = saved(run, form, tmp_path).transforms[0]
    check_same_args(again, run.transforms[0])
    for key, value in TARGETS.items():
        assert getattr(again, key) == value, key


@pytest.mark.parametrize("form", FORMS)
def test_nested_round_trip(form, tmp_path):
    """A mix inside of containers mixes the same after saving, loading and attaching its pool."""
    pool = [donor(value, label=value % 3) for value in (100, 150, 200)]
    mix = CutMix(pool, classes=3, fit="stretch", area_range=(0.2, 0.5), p=0.5)
    run = A.Compose([MixTargets(classes=3), A.OneOf([A.Sequential([mix]), A.NoOp()], p=1)])
    again = attach_pool(saved(run, form, tmp_path), pool)
    for pipeline in (run, again):
        pipeline.set_random_seed(3)
    outs = [[p(image=image(), label=0) for _ in range(12)] for p in (run, again)]
    assert [o["mix"].to_json() for o in outs[0]] == [o["mix"].to_json() for o in outs[1]]
    np.testing.assert_array_equal([o["image"] for o in outs[0]], [o["image"] for o in outs[1]])
    np.testing.assert_array_equal([o["label"] for o in outs[0]], [o["label"] for o in outs[1]])
    assert {o["mix"].kind for o in outs[0]} == {"none", "cutmix"}


def test_pool_is_left_out():
    """Neither the saved pipeline nor what is printed speaks of the pool."""
    pool = [donor(123), {"image": image(), "secret": "cat"}]
    run = A.Compose([CutMix(pool)])
    for text in (json.dumps(A.to_dict(run)), repr(run), str(run.transforms[0])):
        assert "pool" not in text
        assert "123" not in text
        assert "secret" not in text
        assert len(text) < 1200


def test_repr_shows_every_setting():
    """What is printed are the arguments as they can be passed, and no others."""
    mix = CutMix([donor()], **ARGUMENTS["boxes"])
    shown = eval(repr(mix), {"CutMix": lambda **settings: settings})
    assert shown == mix.get_transform_init_args() | {"p": 0.25}
    check_same_args(CutMix(**shown), mix)


@pytest.mark.parametrize(
    "classes",
    [["ant", "bee"], ("ant", "bee"), np.array(["ant", "bee"]), {"ant": 0, "bee": 1}.keys()],
    ids=["list", "tuple", "array", "keys"],
)
@pytest.mark.parametrize("form", FORMS)
def test_classes_of_a_pool_survive(form, classes, tmp_path):
    """The classes that a pool named are saved as an argument: a loaded pipeline knows them."""
    run = A.Compose([CutMix(MemoryPool([donor(label="bee")], classes=classes), p=1.0)], seed=1)
    again = saved(run, form, tmp_path)
    again.set_random_seed(1)
    out = again(image=image(), label="ant", mix_metadata=[donor(label="bee")])
    assert out["label"].tolist() == run(image=image(), label="ant")["label"].tolist()
    assert list(again.transforms[0].classes) == ["ant", "bee"]


def test_loaded_pipeline_says_how_to_attach_its_pool():
    """Called without its pool, it names attach_pool and the key for donors of the call."""
    again = A.from_dict(A.to_dict(A.Compose([CutMix([donor()], p=1.0)])))
    words = (
        "CutMix has no pool and the call no 'mix_metadata'. Use CutMix(pool), attach_pool("
        "pipeline, pool) for a pipeline that was loaded, or pass a list of donors in the call: "
        "transform(..., mix_metadata=[...])."
    )
    with pytest.raises(EmptyPoolError, match=re.escape(words)):
        again(image=image())
    assert attach_pool(again, [donor()])(image=image())["mix"].applied


class OwnMix(CutMix):
    """A user's own mix."""


@pytest.mark.parametrize(
    ("kind", "name"),
    [(CutMix, "albu_cutmix.CutMix"), (MixTargets, "albu_cutmix.MixTargets")],
    ids=["CutMix", "MixTargets"],
)
def test_names_in_files_are_pinned(kind, name):
    """Files name the transforms as they are imported, whatever module holds them."""
    assert kind.get_class_fullname() == name
    assert kind().to_dict()["transform"]["__class_fullname__"] == name


def test_subclass_keeps_its_own_name(tmp_path):
    """A user's class is saved, loaded and logged as what it is."""
    name = f"{__name__}.OwnMix"
    run = A.Compose([OwnMix([donor()], fit="crop")])
    assert OwnMix.get_class_fullname() == name
    assert run.transforms[0].policy()["transform"] == name
    again = saved(run, "json", tmp_path).transforms[0]
    assert type(again) is OwnMix
    assert again.fit == "crop"


# Pools attached ----------------------------------------------------------------------------------


def test_attach_pool_reaches_every_mix():
    """All mixes of a pipeline get the pool, MixTargets none, and the pipeline is returned."""
    mixes = [CutMix(), CutMix(record_key="second"), CutMix(record_key="third")]
    first = MixTargets()
    steps = [first, mixes[0], A.OneOf([A.Sequential([mixes[1]]), A.NoOp()], p=1)]
    run = A.Compose([*steps, A.Compose([mixes[2]])])
    pool = [donor()]
    assert attach_pool(run, pool) is run
    assert all(mix.pool is pool for mix in mixes)
    assert first.pool is None


def test_attach_pool_to_one_of_several():
    """A record key names one mix of a pipeline."""
    mixes = [CutMix([donor(1)]), CutMix([donor(2)], record_key="second")]
    before, pool = mixes[0].pool, [donor()]
    attach_pool(A.Compose(mixes), pool, record_key="second")
    assert mixes[0].pool is before
    assert mixes[1].pool is pool


def test_attach_pool_to_a_mix():
    """A mix alone takes a pool, by the function and by its attribute alike."""
    mix, pool = CutMix(p=1.0), [donor()]
    assert attach_pool(mix, pool) is mix
    assert mix.pool is pool
    mix.pool = other = [donor(9)]
    assert mix(image=image())["image"].max() == 9
    assert mix.pool is other


@pytest.mark.parametrize(
    ("own", "expected"),
    [(None, ["ant", "bee"]), (["cow", "ox"], ["cow", "ox"])],
    ids=["unknown", "known"],
)
def test_attached_pool_names_classes_that_are_unknown(own, expected):
    """A pool's classes are taken where none were given, and never replace those that were."""
    mix = attach_pool(
        CutMix(classes=own, p=1.0), MemoryPool([donor(label=1)], classes=["ant", "bee"])
    )
    assert mix.classes == expected
    assert mix(image=image(), label=expected[0])["label"].shape == (2,)


NOTHING = "Give it the pipeline that holds the CutMix or MixUp."


@pytest.mark.parametrize(
    ("pipeline", "key", "words"),
    [
        pytest.param(
            A.Compose([A.NoOp()]),
            None,
            f"attach_pool found no mix with donors in Compose. {NOTHING}",
            id="none",
        ),
        pytest.param(MixTargets(), None, "with donors in MixTargets.", id="mix-targets"),
        pytest.param([CutMix()], None, "found no mix with donors in list.", id="list"),
        pytest.param(
            A.Compose([CutMix()]),
            "second",
            f"attach_pool found no mix with donors with record_key='second' in Compose. {NOTHING}",
            id="other-key",
        ),
    ],
)
def test_attach_pool_without_a_mix(pipeline, key, words):
    """A pipeline that holds no such mix is named."""
    with pytest.raises(InvalidArgumentError, match=re.escape(words)):
        attach_pool(pipeline, [donor()], record_key=key)


@pytest.mark.parametrize(
    ("pool", "error", "words"),
    [
        pytest.param(
            None,
            InvalidArgumentError,
            "pool must have len() and [i], got NoneType. Give a list of donors, or one of",
            id="none",
        ),
        pytest.param(
            "images/", InvalidArgumentError, "pool must have len() and [i], got", id="text"
        ),
        pytest.param(
            [],
            EmptyPoolError,
            "CutMix needs at least one donor, got none in an empty list.",
            id="empty",
        ),
    ],
)
def test_attach_what_is_no_pool(pool, error, words):
    """A pool is checked when it is attached, and the old one stays."""
    mix = CutMix(before := [donor()])
    with pytest.raises(error, match=re.escape(words)):
        attach_pool(A.Compose([mix]), pool)
    assert mix.pool is before


# Policy and fingerprint --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ARGUMENTS)
def test_policy_is_plain(name):
    """Every setting is in the policy, and JSON and YAML hold it without a loss."""
    policy = CutMix([donor()], **ARGUMENTS[name]).policy()
    names = set(inspect.signature(CutMix).parameters)
    assert set(policy) == names | {"transform"}
    assert policy["transform"] == "albu_cutmix.CutMix"
    assert json.loads(json.dumps(policy)) == policy
    assert yaml.safe_load(yaml.safe_dump(policy)) == policy
    for key, value in ARGUMENTS[name].items():
        plain = value.as_dict() if hasattr(value, "as_dict") else value
        assert policy[key] == (list(value) if isinstance(value, tuple) else plain)
    assert policy["pool"]["length"] == 1
    assert re.fullmatch("[0-9a-f]{16}", policy["pool"]["digest"])


def test_policy_of_mix_targets():
    """MixTargets has a policy too, of no pool."""
    policy = MixTargets(**TARGETS).policy()
    assert policy == {"transform": "albu_cutmix.MixTargets", "p": 1.0, **TARGETS, "pool": None}


def test_policy_of_numpy_arguments():
    """Numbers of numpy become plain ones, in the policy and in saved files."""
    settings = {
        "alpha": np.float32(0.5),
        "area_range": (np.float64(0.125), np.float32(0.25)),
        "ratio_range": [np.int64(1), np.float32(2)],
        "min_visibility": np.float16(0.25),
        "classes": np.int32(3),
        "p": np.float32(0.5),
    }
    plain = {
        "alpha": 0.5,
        "area_range": (0.125, 0.25),
        "ratio_range": [1, 2.0],
        "min_visibility": 0.25,
        "classes": 3,
        "p": 0.5,
    }
    mix = CutMix([donor()], **settings)
    policy = mix.policy()
    assert json.loads(json.dumps(policy)) == policy
    assert yaml.safe_load(yaml.safe_dump(policy)) == policy
    assert mix.fingerprint == CutMix([donor()], **plain).fingerprint
    assert json.loads(json.dumps(A.to_dict(mix))) == A.to_dict(CutMix([donor()], **plain))


def test_policy_cannot_change_the_transform():
    """It is a copy: a log may be edited."""
    mix = CutMix([donor()], **ARGUMENTS["boxes"])
    before = mix.fingerprint
    policy = mix.policy()
    policy["area_range"][0] = 0.9
    policy["classes"].clear()
    policy["pool"].clear()
    assert mix.fingerprint == before
    assert list(mix.classes) == ["ant", "bee", "cow"]


def test_fingerprint_is_short_and_repeats():
    """Equal settings and equal pools give one fingerprint, which is twelve hex digits."""
    one, other = (CutMix([donor(), donor(7)], **ARGUMENTS["boxes"]) for _ in range(2))
    assert re.fullmatch("[0-9a-f]{12}", one.fingerprint)
    assert one.fingerprint == other.fingerprint == copy.deepcopy(one).fingerprint
    other(image=image(), target=None)
    assert one.fingerprint == other.fingerprint


CHANGES = {
    "alpha": 0.75,
    "area_range": (0.1, 0.26),
    "ratio_range": (0.75, 1.6),
    "fit": "cover",
    "bbox_mode": "clip",
    "min_visibility": (0.5, 0.25),
    "visibility_field": "crowd2",
    "ignore_field": None,
    "mask_index_field": None,
    "keypoint_visibility_field": "other",
    "label_key": "label",
    "classes": ["bee", "ant", "cow"],
    "label_mode": "soft",
    "record_key": "mix",
    "metadata_key": "others",
    "p": 0.5,
}


@pytest.mark.parametrize("argument", CHANGES)
def test_fingerprint_of_a_changed_argument(argument):
    """Any other argument is another policy."""
    settings = ARGUMENTS["boxes"]
    one = CutMix([donor()], **settings)
    other = CutMix([donor()], **{**settings, argument: CHANGES[argument]})
    assert one.fingerprint != other.fingerprint


@pytest.mark.parametrize("argument", ["placement", "masks_mode", "keypoint_mode"])
def test_fingerprint_of_a_changed_mode(argument):
    """So is another mode."""
    rest = {"keypoint_visibility_field": "v"} if argument == "keypoint_mode" else {}
    value = {"placement": "paper", "masks_mode": "layers", "keypoint_mode": "flag"}[argument]
    assert CutMix(**{argument: value}, **rest).fingerprint != CutMix().fingerprint


WHOLE = {
    "mask": np.zeros(SHAPE, np.int32),
    "masks": np.ones((2, *SHAPE), np.uint8),
    "bboxes": np.array([FULL, FULL]),
    "keypoints": [(1.0, 2.0)],
    "fields": {"ids": [1, 23]},
    "keypoint_fields": {"joint": ["nose"]},
    "label": 1,
    "aliases": {"depth": np.zeros(SHAPE, np.float32)},
}
OTHERS = {
    "mask": np.zeros(SHAPE, np.int64),
    "masks": np.ones((2, *SHAPE), np.uint8) * 2,
    "bboxes": np.array([FULL, [0.0, 0.0, 17.0, 10.0]]),
    "keypoints": [(2.0, 1.0)],
    "fields": {"ids": [12, 3]},
    "keypoint_fields": {"joint": ["eye"]},
    "label": "1",
    "aliases": {"depths": np.zeros(SHAPE, np.float32)},
    "id": "e.png",
}


@pytest.mark.parametrize("part", OTHERS)
def test_fingerprint_of_changed_content(part):
    """Any other content of a donor is another pool."""
    one = CutMix([donor(**WHOLE)])
    other = CutMix([donor(**{**WHOLE, part: OTHERS[part]})])
    assert one.fingerprint != other.fingerprint


@pytest.mark.parametrize(
    "pool",
    [
        pytest.param([donor(254), donor(7)], id="one-pixel-value"),
        pytest.param([donor(7), donor(255)], id="order"),
        pytest.param([donor(255)], id="fewer"),
        pytest.param([donor(255), donor(7), donor(7)], id="more"),
        pytest.param(None, id="none"),
    ],
)
def test_fingerprint_of_another_pool(pool):
    """Pixels, order and number of the donors are part of it."""
    assert CutMix(pool).fingerprint != CutMix([donor(255), donor(7)]).fingerprint


ELSEWHERE = """
import pickle, sys
from albu_cutmix import CutMix
arguments, pools = pickle.loads(sys.stdin.buffer.read())
print(*(CutMix(pool, **arguments).fingerprint for pool in pools))
"""


def test_fingerprint_is_equal_in_every_process():
    """It depends on no address, no hash seed and no order of a mapping."""
    named = {"image": image(), "ids": [1], "bboxes": [FULL], "label": "cat", "id": "m.png"}
    pools = [
        [donor(**WHOLE)],
        [named],
        [dict(reversed(named.items()))],
        MemoryPool([donor()]),
        None,
    ]
    expected = [CutMix(pool, **ARGUMENTS["boxes"]).fingerprint for pool in pools]
    assert expected[1] == expected[2]
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE],
        input=pickle.dumps((ARGUMENTS["boxes"], pools)),
        env={**os.environ, "PYTHONHASHSEED": "1"},
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode().split() == expected


class FilesLike:
    """A pool of files: to read one costs, and to name its content does not."""

    def __len__(self) -> int:
        """Return the number of donors."""
        return 1000

    def __getitem__(self, index: int) -> Donor:
        """Read an image."""
        raise AssertionError("an image was read")


class Digested(FilesLike):
    """A pool that names its content."""

    def __init__(self, text: str) -> None:
        self.text = text

    def digest(self) -> str:
        """Return what names the content."""
        return self.text


class Specified(FilesLike):
    """A pool that can be made anew from plain data."""

    def to_spec(self) -> dict[str, Any]:
        """Return that data, with numbers of numpy in it."""
        return {"kind": "coco", "size": np.int64(640), "root": ("a", "b")}


def test_pool_with_a_digest_reads_no_image():
    """Its own digest stands in the policy, beside its length."""
    mix = CutMix(Digested("abc"))
    assert mix.policy()["pool"] == {"length": 1000, "digest": "abc"}
    assert mix.fingerprint != CutMix(Digested("abd")).fingerprint
    assert "Digested" not in repr(mix)


def test_pool_with_a_spec_reads_no_image():
    """The spec of a pool stands in the policy as plain data."""
    policy = CutMix(Specified()).policy()
    spec = {"kind": "coco", "size": 640, "root": ["a", "b"]}
    assert policy["pool"] == {"length": 1000, "spec": spec}
    assert yaml.safe_load(yaml.safe_dump(policy)) == policy


def test_large_pool_is_sampled():
    """Of many donors some are read, the first and the last among them."""
    read: list[int] = []

    class Counted:
        def __len__(self) -> int:
            return 5000

        def __getitem__(self, index: int) -> Donor:
            read.append(index)
            return donor(index % 256)

    assert CutMix(Counted()).policy()["pool"]["length"] == 5000
    assert len(read) == len(set(read)) == 64
    assert (min(read), max(read)) == (0, 4999)


# Pickles and copies ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "how", [lambda m: pickle.loads(pickle.dumps(m)), copy.deepcopy], ids=["pickle", "copy"]
)
def test_copies_keep_settings_and_pool(how):
    """A pickle and a copy hold settings, pool and random state, and go on alike."""
    mix = CutMix([donor(9), donor(7)], **{**ARGUMENTS["boxes"], "p": 0.7})
    mix.set_random_seed(5)
    mix(image=image())
    again = how(mix)
    check_same_args(again, mix)
    assert again.fingerprint == mix.fingerprint
    mine, theirs = ([m(image=image()) for _ in range(8)] for m in (mix, again))
    assert [o["cut"].to_json() for o in mine] == [o["cut"].to_json() for o in theirs]
    np.testing.assert_array_equal([o["image"] for o in mine], [o["image"] for o in theirs])


def test_pickled_mix_of_a_file_pool_is_small():
    """What travels to a worker is the pool itself, no donor of it."""
    assert len(pickle.dumps(CutMix(Digested("abc")))) < 8000


@pytest.mark.parametrize(
    ("one", "other"),
    [({"alpha": 1}, {"alpha": 1.0}), ({"ratio_range": (1, 1)}, {"ratio_range": [1.0, 1.0]})],
    ids=["number", "pair"],
)
def test_whole_numbers_and_floats_are_one_setting(one, other):
    """1 and 1.0 ask for the same mix, and have one fingerprint."""
    assert CutMix(**one).fingerprint == CutMix(**other).fingerprint


def test_digest_keeps_nested_mappings_apart():
    """The same keys and values in another nest are another content."""
    image = np.zeros((3, 4), np.uint8)
    pools = [[{"image": image, "a": {"b": 1}, "c": 2}], [{"image": image, "a": {"b": 1, "c": 2}}]]
    assert CutMix(pools[0]).fingerprint != CutMix(pools[1]).fingerprint


def test_digest_of_arrays_of_any_kind():
    """Dates and objects in a donor are hashed too."""
    odd = {"when": np.array(["2020-01-01"], "datetime64[D]"), "what": np.array(None, object)}
    pool = [{"image": np.zeros((3, 4), np.uint8), **odd}]
    other = [{**pool[0], "when": np.array(["2021-01-01"], "datetime64[D]")}]
    assert CutMix(pool).fingerprint != CutMix(other).fingerprint


def test_pool_attached_later_brings_its_classes():
    """Another pool brings its own classes; those that were given stay."""
    ants, bees = (MemoryPool([donor()], classes=[name]) for name in ("ant", "bee"))
    mix = attach_pool(CutMix(ants), bees)
    assert list(mix.classes) == ["bee"]
    assert attach_pool(CutMix(ants, classes=["cow"]), bees).classes == ["cow"]


class Narrow(CutMix):
    """A mix with some arguments fixed."""

    def __init__(self, pool: Any = None, *, fit: str = "crop", p: float = 0.5) -> None:
        super().__init__(pool, fit=fit, area_range=(0.1, 0.2), p=p)


class Wide(CutMix):
    """A mix with an argument of its own that hands the others on."""

    def __init__(self, pool: Any = None, *, note: str = "", **rest: Any) -> None:
        self.note = note
        super().__init__(pool, **rest)


@pytest.mark.parametrize("form", FORMS)
def test_subclasses_are_saved_by_their_own_arguments(form, tmp_path):
    """Fewer arguments or more: a subclass needs no further code to be saved and loaded."""
    narrow = saved(A.Compose([Narrow([donor()], fit="stretch", p=0.25)]), form, tmp_path)
    assert (narrow.transforms[0].fit, narrow.transforms[0].p) == ("stretch", 0.25)
    assert narrow.transforms[0].area_range == (0.1, 0.2)
    wide = saved(A.Compose([Wide(note="n", alpha=0.5)]), form, tmp_path)
    assert (wide.transforms[0].note, wide.transforms[0].alpha) == ("n", 0.5)
