"""A mix is rebuilt from its record bit for bit, and nothing but the record is kept of it."""

from __future__ import annotations

import gc
import json
import pickle
import re
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import albumentations as A
import numpy as np
import pytest
from torch.utils.data import default_collate
from whole_samples import BIG, SHAPE, assert_true, bits, donor, pipeline, primary

from albu_cutmix import (
    CutMix,
    Donor,
    EmptyPoolError,
    InvalidArgumentError,
    InvalidSampleError,
    MemoryPool,
    MixRecord,
    MixTargets,
    replay,
)

FITS = ["cover", "stretch", "crop", "whole", "error"]


def pool_for(fit: str) -> list[Donor]:
    """Three donors, of other sizes unless the fit asks for equal ones."""
    shapes = [SHAPE] * 3 if fit == "error" else [BIG, (9, 14), SHAPE]
    return [donor(1000 * k, shape) for k, shape in enumerate(shapes, 1)]


def mix_of(pool: Any, **settings: Any) -> CutMix:
    """A mix of three classes that always fires."""
    return CutMix(pool, **{"classes": 3, "p": 1.0, **settings})


def read_back(record: MixRecord) -> MixRecord:
    """The record as a log holds it."""
    return MixRecord.from_json(record.to_json())


def check_replay(
    out: dict[str, Any], call: dict[str, Any], pool: Any, transform: Any, key: str = "mix"
) -> None:
    """Assert that the record in *out* rebuilds all of it, every byte and type."""
    again = replay(read_back(out[key]), call, pool, transform)
    assert list(again) == list(out)
    assert bits(again) == bits(out)


# Bit for bit -------------------------------------------------------------------------------------


@pytest.mark.parametrize("empty", [False, True], ids=["objects", "no-objects"])
@pytest.mark.parametrize("listed", [True, False], ids=["lists", "arrays"])
@pytest.mark.parametrize("fit", FITS)
def test_every_target_replays(fit, listed, empty):
    """Image, masks, boxes, fields, keypoints, aliases and label come back equal in every byte."""
    pool, call = pool_for(fit), primary(listed=listed, empty=empty)
    run = pipeline(mix_of(pool, fit=fit), seed=2)
    outs = [run(**call) for _ in range(6)]
    assert len({int(out["mix"].donors[0]) for out in outs}) > 1
    for out in outs:
        assert out["mix"].applied
        check_replay(out, call, pool, run)


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"placement": "paper"}, id="paper"),
        pytest.param({"bbox_mode": "drop", "min_visibility": (0.2, 0.6)}, id="drop"),
        pytest.param({"bbox_mode": "keep", "ignore_field": "crowd"}, id="ignored"),
        pytest.param({"masks_mode": "layers"}, id="layers"),
        pytest.param({"label_mode": "pair"}, id="pair"),
        pytest.param({"visibility_field": "score"}, id="visibility"),
        pytest.param({"mask_index_field": "row"}, id="mask-index"),
        pytest.param(
            {"keypoint_mode": "flag", "keypoint_visibility_field": "at"}, id="flagged-keypoints"
        ),
    ],
)
def test_settings_replay(settings):
    """Whatever the mix was told to do, it does it again."""
    extra = {"score": [0.5] * 3, "row": [2, 0, 1]}
    fields = ["kind", "crowd", *extra]
    pool = pool_for("cover")
    pool = [donor(1000, BIG, fields={**one.fields, **extra}) for one in pool]
    run = pipeline(
        mix_of(pool, **settings),
        bbox_params=A.BboxParams("pascal_voc", label_fields=fields),
        keypoint_params=A.KeypointParams(
            "xy", label_fields=["at"], remove_invisible="keypoint_mode" not in settings
        ),
    )
    call = {**primary(), **extra}
    for _ in range(4):
        check_replay(run(**call), call, pool, run)


@pytest.mark.parametrize(
    ("settings", "call", "reason"),
    [
        pytest.param({"p": 0.0}, {}, "p", id="p"),
        pytest.param({"area_range": (1e-9, 1e-9)}, {}, "no_patch", id="no-patch"),
        pytest.param({}, {"pool_index": 0}, "no_donor", id="no-donor"),
    ],
)
@pytest.mark.parametrize("mode", ["soft", "pair"])
def test_unfired_calls_replay(mode, settings, call, reason):
    """A record that says why nothing was pasted replays to the same untouched targets."""
    pool, whole = [donor(1000)], {**primary(), **call}
    run = pipeline(mix_of(pool, label_mode=mode, mask_index_field="crowd", **settings))
    whole["crowd"] = [2, 0, 1]
    out = run(**whole)
    assert (out["mix"].applied, out["mix"].reason) == (False, reason)
    assert out["crowd"] == [0, 1, 2]
    check_replay(out, whole, pool, run)


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
def test_seldom_fired_calls_replay(p):
    """Fired or not, each record of a run rebuilds its own call: no gate is drawn again."""
    pool = pool_for("cover")
    run = pipeline(mix_of(pool, p=p), seed=4)
    outs = [run(**primary()) for _ in range(8)]
    for out in outs:
        check_replay(out, primary(), pool, run)
    assert 0 <= sum(out["mix"].applied for out in outs) <= 8


def mappings(box_format: str) -> list[dict[str, Any]]:
    """Donors as calls of a pipeline in this format of boxes."""
    return [one.to_mapping(box_format) for one in pool_for("cover")]


@pytest.mark.parametrize("box_format", ["pascal_voc", "coco", "yolo"])
@pytest.mark.parametrize("where", ["pool", "call"])
def test_mappings_replay(where, box_format):
    """Donors as mappings are read in the pipeline's format once more."""
    donors = mappings(box_format)
    params = A.BboxParams(box_format, label_fields=["kind", "crowd"])
    run = pipeline(mix_of(donors if where == "pool" else None), bbox_params=params)
    own = donor(0).to_mapping(box_format)
    call = {**primary(), "bboxes": own["bboxes"]}
    for _ in range(4):
        given = {"mix_metadata": donors} if where == "call" else {}
        out = run(**call, **given)
        out.pop("mix_metadata", None)
        check_replay(out, call, donors, run)


def test_donors_of_the_call_replay():
    """The list of donors that a call held takes the place of the pool."""
    donors, run = pool_for("cover"), pipeline(mix_of(None))
    out = run(**primary(), mix_metadata=donors)
    del out["mix_metadata"]
    check_replay(out, primary(), donors, run)


def test_equal_pools_are_one_pool():
    """The pool of the replay may be another object of the same content."""
    run = pipeline(mix_of(MemoryPool(pool_for("cover"))))
    check_replay(run(**primary()), primary(), MemoryPool(pool_for("cover")), run)


def test_transform_alone_replays():
    """Outside of a pipeline a mix is its own transform."""
    mix, pool = mix_of(pool_for("cover")), pool_for("cover")
    call = {key: primary()[key] for key in ("image", "mask", "label")}
    out = mix(**call)
    check_replay(out, call, pool, mix)


def test_alias_boxes_replay():
    """Boxes under another name are judged by the same patch."""
    pool = [donor(1000, BIG, fields={}, aliases={"ears": np.array([[1.0, 2, 30, 20]])})]
    call = {"image": primary()["image"], "bboxes": primary()["bboxes"]}
    call["ears"] = [[0.0, 0, 17, 11], [2.0, 3, 9, 9]]
    run = A.Compose(
        [mix_of(pool)],
        bbox_params=A.BboxParams("pascal_voc"),
        additional_targets={"ears": "bboxes"},
        seed=3,
    )
    for _ in range(4):
        check_replay(run(**call), call, pool, run)


def test_mix_is_found_in_its_pipeline():
    """Other steps of the pipeline are not run: the primary is what entered the mix."""
    pool = pool_for("cover")
    run = pipeline(
        MixTargets(classes=3), A.OneOf([A.Sequential([mix_of(pool)])], p=1), A.HorizontalFlip(p=1)
    )
    out = run(**primary())
    again = replay(read_back(out["mix"]), primary(), pool, run)
    np.testing.assert_array_equal(again["image"][:, ::-1], out["image"])
    np.testing.assert_array_equal(again["mask"][:, ::-1], out["mask"])
    assert bits(again["label"]) == bits(out["label"])
    assert bits(again["mix"]) == bits(out["mix"])


def test_one_of_two_mixes_is_named_by_its_key():
    """Each of two mixes replays its own record on what entered it."""
    first, second = [donor(1000, BIG)], [donor(2000, BIG)]
    run = pipeline(mix_of(first), mix_of(second, record_key="second", fit="crop"), seed=5)
    out = run(**primary())
    once = replay(read_back(out["mix"]), primary(), first, run, record_key="mix")
    assert bits(once.pop("mix")) == bits(out["mix"])
    twice = replay(read_back(out["second"]), once, second, run, record_key="second")
    assert bits(twice["second"]) == bits(out["second"])
    for key in ("image", "mask", "depth", "parts", "kind", "at"):
        assert bits(twice[key]) == bits(out[key]), key


def test_record_of_mix_targets_replays():
    """The record of MixTargets replays to the sample with a soft label."""
    run = pipeline(MixTargets(classes=3))
    check_replay(run(**primary()), primary(), None, run)


def test_replay_writes_nothing():
    """Primary, donors, record and transform are as they were, its random state included."""
    pool, call = pool_for("cover"), primary()
    run = pipeline(mix_of(pool))
    record = run(**call)["mix"]
    before = bits([call, record, [one.content for one in pool]]), pickle.dumps(run)
    replay(record, call, pool, run)
    assert (bits([call, record, [one.content for one in pool]]), pickle.dumps(run)) == before


# Elsewhere, later --------------------------------------------------------------------------------

ELSEWHERE = """
import json, pickle, sys
from pathlib import Path

import albumentations as A

from albu_cutmix import MixRecord, replay
from whole_samples import bits

folder = Path(sys.argv[1])
call, pool, expected = pickle.loads((folder / "inputs.pickle").read_bytes())
run = A.load(folder / "pipeline.json")
lines = (folder / "records.jsonl").read_text().splitlines()
for line, wanted in zip(lines, expected, strict=True):
    if bits(replay(MixRecord.from_json(line), call, pool, run)) != wanted:
        raise SystemExit(f"differs: {line}")
print(len(lines))
"""


def test_another_process_replays(tmp_path):
    """A saved pipeline, a log of records and the data give the same bytes in a fresh process."""
    pool, call = pool_for("cover"), primary()
    run = pipeline(mix_of(pool, p=0.7), seed=6)
    outs = [run(**call) for _ in range(8)]
    assert {out["mix"].applied for out in outs} == {True, False}
    A.save(run, tmp_path / "pipeline.json")
    (tmp_path / "records.jsonl").write_text("\n".join(out["mix"].to_json() for out in outs))
    inputs = pickle.dumps((call, pool, [bits(out) for out in outs]))
    (tmp_path / "inputs.pickle").write_bytes(inputs)
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(tmp_path)],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "8"), done.stderr


# The host's own replay ---------------------------------------------------------------------------


def test_replay_compose_rebuilds_every_target():
    """What ReplayCompose saved rebuilds all targets of the same primary."""
    run = pipeline(mix_of(pool_for("cover")), compose=A.ReplayCompose)
    out = run(**primary())
    saved = out.pop("replay")
    again = A.ReplayCompose.replay(saved, **primary())
    again.pop("replay", None)
    assert out["mix"].applied
    assert bits(again) == bits(out)


@pytest.mark.parametrize("empty", [False, True], ids=["objects", "no-objects"])
def test_replay_compose_mixes_another_primary(empty):
    """Another primary, of other labels or none, gets the same patch and stays true."""
    run = pipeline(mix_of([donor(1000)], min_visibility=0.0), compose=A.ReplayCompose)
    run.set_random_seed(1)
    out = run(**primary())
    again = A.ReplayCompose.replay(out["replay"], **primary(3000, empty=empty))
    assert_true(again)
    assert bits(again["mix"].patches) == bits(out["mix"].patches)
    x0, y0, x1, y1 = out["mix"].patches[0].tolist()
    np.testing.assert_array_equal(again["image"][y0:y1, x0:x1], out["image"][y0:y1, x0:x1])
    starts = {str(kind).split()[0] for kind in again["kind"]}
    assert starts == ({"1000"} if empty else {"1000", "3000"})


def test_replay_compose_of_an_unfired_mix():
    """A mix that did not fire does not fire when it is replayed either."""
    run = pipeline(mix_of([donor(1000)], p=0.0), compose=A.ReplayCompose)
    out = run(**primary())
    again = A.ReplayCompose.replay(out["replay"], **primary(3000))
    assert again["image"].min() == 3000
    assert again["image"].max() < 4000


# Nothing is kept but the record ------------------------------------------------------------------


def large() -> Donor:
    """A donor of a megabyte."""
    return Donor(np.random.default_rng(0).integers(0, 255, (600, 600, 3)).astype(np.uint8), label=1)


LARGE = {"image": np.zeros((60, 60, 3), np.uint8), "label": 0}


def test_applied_params_hold_the_record_and_no_pixels():
    """The host's list of applied transforms names the mix and holds its record alone."""
    run = A.Compose([mix_of([large()])], save_applied_params=True, seed=1)
    out = run(**LARGE)
    [(name, params)] = out["applied_transforms"]
    assert (name, set(params)) == ("CutMix", {"mix"})
    assert bits(params["mix"]) == bits(out["mix"])
    assert len(pickle.dumps(out["applied_transforms"])) < 3000


def test_transform_keeps_no_donor():
    """After a call neither the transform nor the pipeline keeps the call's donors alive."""
    run = A.Compose([mix_of(None)], seed=1)
    found = weakref.ref(one := large())
    out = run(**LARGE, mix_metadata=[one])
    del one, out["mix_metadata"]
    gc.collect()
    assert out["mix"].applied
    assert found() is None


def test_pickled_transform_holds_no_call():
    """A pickle of the transform is as small after a call as before."""
    run = A.Compose([mix_of(None)], seed=1)
    before = len(pickle.dumps(run))
    run(**LARGE, mix_metadata=[large()])
    assert abs(len(pickle.dumps(run)) - before) < 2000
    assert before < 20_000


def test_pickled_transform_after_an_error_holds_no_call():
    """Nor does it hold the donor of a call that was refused."""
    run = A.Compose([mix_of(None)], seed=1)
    before = len(pickle.dumps(run))
    with pytest.raises(InvalidSampleError, match="outside the 3 classes"):
        run(**{**LARGE, "label": 7}, mix_metadata=[large()])
    assert abs(len(pickle.dumps(run)) - before) < 2000


def test_record_is_small():
    """A line of the log is a few hundred characters, whatever the donor's size."""
    out = A.Compose([mix_of([large()])], seed=1)(**LARGE)
    assert len(out["mix"].to_json()) < 500
    assert len(pickle.dumps(out["mix"])) < 2000


@pytest.mark.parametrize("applied", [False, True], ids=["plain", "applied-params"])
def test_batches_of_results_stack(applied):
    """Fixed targets, records and applied parameters of a batch go through default_collate."""
    pool = [donor(1000, label=[0.0, 1.0, 0.0])]
    run = pipeline(
        mix_of(pool, masks_mode="layers", p=1.0 if applied else 0.5),
        save_applied_params=applied,
        bbox_params=None,
        keypoint_params=None,
    )
    call = primary()
    names = ("image", "mask", "label", "depth", "parts")
    call = {name: call[name] for name in names} | {"masks": np.stack(call["masks"])}
    outs = [run(**call) for _ in range(6)]
    batch = default_collate([{**out, "image": out["image"].astype(np.int32)} for out in outs])
    assert batch["masks"].shape == (6, 3, *SHAPE)
    assert batch["depth"].shape == (6, *SHAPE)
    assert batch["label"].shape == (6, 3)
    assert batch["mix"].remnant_px.tolist() == [out["mix"].remnant_px for out in outs]
    if applied:
        assert list(batch["applied_transforms"][0][0]) == ["CutMix"] * 6


# What is refused ---------------------------------------------------------------------------------

IMAGE = {"image": np.zeros((*SHAPE, 3), np.uint8)}


def plain(value: int = 255, shape: tuple[int, ...] = SHAPE) -> Donor:
    """A donor of one colour."""
    return Donor(np.full((*shape, 3), value, np.uint8), id="d.png")


POOL = [plain()]
RECORD = CutMix(POOL, p=1.0)(**IMAGE)["mix"]
NONE = MixTargets()(**IMAGE)["mix"]
TWO = [CutMix(POOL), CutMix(POOL, record_key="second")]


@pytest.mark.parametrize(
    ("record", "words"),
    [
        pytest.param(
            RECORD._replace(version=1),
            "a record must be of version 3, got 1. Replay it with the release of albu_cutmix that "
            "wrote it.",
            id="older",
        ),
        pytest.param(RECORD._replace(version=4), "must be of version 3, got 4.", id="newer"),
        pytest.param(
            RECORD.to_json(),
            "replay needs one MixRecord, got str. Take one of record.rows(), and read a line of a "
            "log with MixRecord.from_json.",
            id="line",
        ),
        pytest.param(RECORD._asdict(), "replay needs one MixRecord, got dict.", id="mapping"),
        pytest.param(None, "replay needs one MixRecord, got NoneType.", id="none"),
        pytest.param(
            default_collate([RECORD, RECORD]),
            "replay needs one MixRecord, got a batch of them. Take one of record.rows()",
            id="batch",
        ),
        pytest.param(
            RECORD._replace(shape=np.array([17, 11], np.int32)),
            "the record speaks of a primary of [17, 11] (height, width), got an image of [11, 17]. "
            "Give the sample as it entered the mix.",
            id="shape",
        ),
        pytest.param(
            RECORD._replace(donors=np.array([3])),
            "the record speaks of donor 3, got a pool of 1 donors. Give the pool that the mix drew "
            "from.",
            id="donor-beyond-the-pool",
        ),
        pytest.param(
            RECORD._replace(donor_shapes=np.array([[12, 17]], np.int32)),
            "the record speaks of donor 0 as [12, 17] (height, width), got [11, 17]. Give the "
            "pool that the mix drew from.",
            id="donor-of-another-size",
        ),
    ],
)
def test_record_that_does_not_fit(record, words):
    """What the record speaks of is named beside what was given."""
    with pytest.raises(InvalidSampleError, match=re.escape(words)):
        replay(record, IMAGE, POOL, CutMix(POOL))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        pytest.param(
            {}, "a primary of [11, 17] (height, width), got an image of [].", id="nothing"
        ),
        pytest.param(
            {"image": np.zeros((17, 11, 3), np.uint8)},
            "a primary of [11, 17] (height, width), got an image of [17, 11].",
            id="transposed",
        ),
        pytest.param(
            {"image": np.zeros((*SHAPE, 3), np.float32)},
            "image of primary and donor must have one dtype, got float32 and uint8 in donor",
            id="dtype",
        ),
        pytest.param(
            {**IMAGE, "mix": RECORD},
            "the call already holds a record under 'mix'.",
            id="result-instead-of-primary",
        ),
    ],
)
def test_primary_that_does_not_fit(call, words):
    """A sample other than the one that entered the mix is refused."""
    with pytest.raises(InvalidSampleError, match=re.escape(words)):
        replay(RECORD, call, POOL, CutMix(POOL))


def test_pool_of_other_content():
    """Where the transform holds a pool, a pool of other pixels is refused by length and digest."""
    words = "transform or call hold another pool, {'length': 1, 'digest': '"
    with pytest.raises(InvalidSampleError, match=re.escape(words)) as caught:
        replay(RECORD, IMAGE, [plain(254)], CutMix(POOL))
    assert "than the one given, {'length': 1, 'digest': '" in str(caught.value)
    assert "Give the pool that the mix drew from; donors that came in the call" in str(caught.value)


@pytest.mark.parametrize("held", [POOL, None], ids=["transform-with-pool", "without"])
def test_no_pool(held):
    """A record of a paste needs the donors."""
    words = (
        "a record of a pasted patch needs the donors, got None as the pool. Give the pool that the "
        "mix drew from."
    )
    with pytest.raises(InvalidSampleError, match=re.escape(words)):
        replay(RECORD, IMAGE, None, CutMix(held))


def test_donors_of_the_call_beside_a_pool():
    """Donors that came in the call win over the transform's pool, in the replay as well."""
    mix, other = CutMix([plain(254)], p=1.0), [plain(7)]
    call = {**IMAGE, "mix_metadata": other}
    out = mix(**call)
    again = replay(out["mix"], call, other, mix)
    assert again["image"].tobytes() == out["image"].tobytes()


def test_other_donors_than_those_of_the_call():
    """The list in the call is compared with the pool that is given."""
    mix, donors = CutMix(p=1.0), [plain(254), plain(7)]
    call = {**IMAGE, "mix_metadata": donors}
    with pytest.raises(InvalidSampleError, match="transform or call hold another pool"):
        replay(mix(**call)["mix"], call, donors[::-1], mix)


class Narrow(CutMix):
    """A mix of the user's own, with fewer arguments."""

    def __init__(self, pool=None, p=0.5):
        super().__init__(pool, fit="crop", p=p)


def test_subclass_with_fewer_arguments():
    """The mix is copied, not made anew: a subclass may have a constructor of its own."""
    mix = Narrow(POOL, p=1.0)
    out = mix(**IMAGE)
    again = replay(out["mix"], IMAGE, POOL, mix)
    assert again["image"].tobytes() == out["image"].tobytes()
    assert mix.pool is POOL
    assert mix.p == 1.0


def test_empty_or_wrong_pool():
    """A pool is checked as CutMix checks it."""
    with pytest.raises(EmptyPoolError, match="got none in an empty list"):
        replay(RECORD, IMAGE, [], CutMix())
    with pytest.raises(InvalidArgumentError, match=re.escape("pool must have len() and [i], got")):
        replay(RECORD, IMAGE, 5, CutMix())


@pytest.mark.parametrize(
    ("record", "transform", "key", "words"),
    [
        pytest.param(RECORD, A.Compose([A.NoOp()]), None, "'cutmix', got 0 in Compose.", id="none"),
        pytest.param(RECORD, A.Compose([MixTargets()]), None, "got 0 in Compose.", id="targets"),
        pytest.param(
            RECORD,
            A.Compose(TWO),
            None,
            "'cutmix', got 2 in Compose. Give it the pipeline of the record; of several mixes name",
            id="two",
        ),
        pytest.param(RECORD, A.Compose(TWO), "third", "'cutmix', got 0 in", id="unknown-key"),
        pytest.param(
            NONE, CutMix(POOL), None, "one mix of kind 'none', got 0 in CutMix.", id="kind"
        ),
        pytest.param(RECORD, [CutMix(POOL)], None, "'cutmix', got 0 in list.", id="list"),
    ],
)
def test_transform_without_the_mix(record, transform, key, words):
    """The transform must hold exactly one mix of the record's kind."""
    with pytest.raises(InvalidArgumentError, match=re.escape(words)) as caught:
        replay(record, IMAGE, POOL, transform, record_key=key)
    assert str(caught.value).startswith("replay needs a transform that holds one mix of kind")


INSIDE = "must lie inside its image of [11, 17] (height, width), got"


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        pytest.param(
            {"patches": [[0, 0, 99, 99]]},
            f"the patch of a record {INSIDE} [0, 0, 99, 99]. Is the line damaged?",
            id="patch-outside",
        ),
        pytest.param(
            {"sources": [[0, 0, 99, 99]]},
            f"the source of a record {INSIDE} [0, 0, 99, 99].",
            id="source-outside",
        ),
        pytest.param(
            {"patches": [[4, 4, 2, 2]]},
            f"the patch of a record {INSIDE} [4, 4, 2, 2].",
            id="patch-inverted",
        ),
        pytest.param(
            {"donors": [], "patches": [], "sources": []},
            "a record must hold patches and the pixels that each of them owns, got [] and [].",
            id="no-donor",
        ),
    ],
)
def test_damaged_record(damage, words):
    """What no mix writes is refused as such, not met deep inside."""
    row = {**json.loads(RECORD.to_json()), **damage}
    slots = len(row["donors"])
    row |= {key: row[key][:slots] for key in ("seeds", "donor_shapes", "owned_px")}
    with pytest.raises(InvalidSampleError, match=re.escape(words)):
        replay(MixRecord.from_json(json.dumps(row)), IMAGE, POOL, CutMix(POOL))
