"""`MixRecord`: JSON lines, batches, and errors on their words."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import Sample, check_unfired_record
from strategies import as_donor, pixels

from albu_cutmix import CutMix, InvalidSampleError, MixRecord

int32, int64 = st.integers(0, 2**31 - 1), st.integers(-1, 2**63 - 1)
SHAPE = (11, 17)
COUNTS = (
    "kept", "clipped", "dropped", "donor_kept", "donor_dropped", "remnant_px", "seam_px",
    "seam_object_px", "seam_jump_px", "flags",
)  # fmt: skip


@st.composite
def records(draw):
    """A record of one to three patches, with any numbers its fields can hold."""
    slots = draw(st.integers(1, 3))

    def array(values, width, dtype):
        size = slots * (width or 1)
        flat = draw(st.lists(values, min_size=size, max_size=size))
        return np.array(flat, dtype).reshape((slots, width) if width else slots)

    return MixRecord(
        version=3,
        kind=draw(st.sampled_from(["cutmix", "none"])),
        applied=draw(st.booleans()),
        reason=draw(st.sampled_from(["", "p", "no_patch", "no_donor", "unsafe"])),
        shape=np.array([draw(int32), draw(int32)], np.int32),
        donors=array(int64, None, np.int64),
        seeds=array(int64, None, np.int64),
        donor_shapes=array(int32, 2, np.int32),
        patches=array(int32, 4, np.int32),
        sources=array(int32, 4, np.int32),
        owned_px=array(int64, None, np.int64),
        lam=np.float32(draw(st.floats(0, 1, width=32))),
        blend=draw(st.floats(0, 1)),
        lam_object=draw(st.floats(-1, 1)),
        **{name: draw(int32) for name in COUNTS},
        least_visibility=draw(st.floats(0, 1)),
    )


def assert_same(got, expected):
    """Assert two records equal in every field, dtype and type."""
    for name, value in expected._asdict().items():
        assert type(getattr(got, name)) is type(value), name
        if isinstance(value, np.ndarray):
            assert getattr(got, name).dtype == value.dtype, name
            assert getattr(got, name).shape == value.shape, name
        assert np.array_equal(getattr(got, name), value), name


def fired_and_unfired(p):
    """Records of four calls with probability p."""
    donor = as_donor(Sample(pixels(1, (*SHAPE, 3), "uint8")))
    mix = CutMix([donor], p=p)
    mix.set_random_seed(5)
    return [mix(image=pixels(k, (*SHAPE, 3), "uint8"))["mix"] for k in range(4)]


@given(records())
def test_json_round_trip(record):
    """A record comes back from its JSON line with every value, dtype and shape."""
    line = record.to_json()
    assert "\n" not in line
    assert_same(MixRecord.from_json(line), record)


@given(records())
def test_json_holds_every_field_by_name(record):
    """The line is an object with exactly the record's fields, readable without the package."""
    row = json.loads(record.to_json())
    assert tuple(row) == MixRecord._fields
    assert row["patches"] == record.patches.tolist()


@given(records())
def test_equality_is_of_every_field(record):
    """A record equals its copy from JSON, and no record with one other value."""
    again = MixRecord.from_json(record.to_json())
    assert record == again
    assert (record != again) is False
    assert record != again._replace(owned_px=again.owned_px + 1)
    assert record != again._replace(remnant_px=again.remnant_px + 1)
    assert record != "a record"


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0], ids=["never", "sometimes", "always"])
def test_records_of_a_pipeline_round_trip(p):
    """Records that a mix wrote come back from JSON, fired or not."""
    for record in fired_and_unfired(p):
        assert_same(MixRecord.from_json(record.to_json()), record)


@pytest.mark.parametrize("slots", [1, 3], ids=["one-slot", "three-slots"])
def test_empty_record(slots):
    """Unused slots hold -1 or 0, and lam is one."""
    record = MixRecord.empty("cutmix", "p", SHAPE, slots)
    check_unfired_record(record, SHAPE, "p")
    assert len(record.donors) == slots


def test_fired_and_unfired_records_are_of_one_kind():
    """Types, dtypes and shapes of all fields are the same whether or not the mix fired."""

    def kinds(record):
        return [
            (type(value), getattr(value, "dtype", None), getattr(value, "shape", None))
            for value in record
        ]

    fired, unfired = fired_and_unfired(1.0)[0], fired_and_unfired(0.0)[0]
    assert (fired.applied, unfired.applied) == (True, False)
    assert kinds(fired) == kinds(unfired)


def test_default_collate_stacks_records():
    """A batch of fired and unfired records becomes one record of tensors, row by row."""
    data = pytest.importorskip("torch.utils.data")
    records_in = fired_and_unfired(1.0)[:2] + fired_and_unfired(0.0)[:2]
    batch = data.default_collate(records_in)
    assert type(batch) is MixRecord
    assert batch.patches.shape == (4, 1, 4)
    assert batch.lam.shape == (4,)
    assert batch.lam.tolist() == [float(record.lam) for record in records_in]
    assert batch.applied.tolist() == [True, True, False, False]
    assert batch.owned_px.tolist() == [record.owned_px.tolist() for record in records_in]
    assert list(batch.reason) == ["", "", "p", "p"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param("no json", "must be one line of JSON, got 'no json'", id="no-json"),
        pytest.param("[1, 2]", "must be a JSON object of version 3, got version None", id="list"),
        pytest.param("{}", "got version None", id="no-version"),
        pytest.param('{"version": 99}', "got version 99", id="another-version"),
        pytest.param('{"version": 1}', "got version 1", id="older-version"),
        pytest.param('{"version": 3}', "every field once; missing or odd: .*lam", id="fields"),
    ],
)
def test_bad_lines_are_refused(line, words):
    """A line that is no record of this version is refused, and the error says what came."""
    with pytest.raises(InvalidSampleError, match=words):
        MixRecord.from_json(line)


def test_odd_fields_are_refused():
    """A field that this version does not know is named."""
    row = json.loads(MixRecord.empty("cutmix", "p", SHAPE).to_json())
    with pytest.raises(InvalidSampleError, match="weather"):
        MixRecord.from_json(json.dumps({**row, "weather": "fine"}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("patches", [[1.5, 2.0, 9.0, 10.0]], id="fraction"),
        pytest.param("shape", 20, id="shape-of-one-number"),
        pytest.param("shape", [20], id="shape-of-one-side"),
        pytest.param("seeds", [1, 2], id="too-many-seeds"),
        pytest.param("lam", None, id="no-lam"),
        pytest.param("applied", "no", id="text-for-a-truth"),
        pytest.param("remnant_px", "a", id="text-for-a-count"),
        pytest.param("kind", 3, id="number-for-a-kind"),
    ],
)
def test_values_of_another_kind_are_refused(name, value):
    """Nothing in a line is cast: a value of another kind is an error that shows it."""
    row = json.loads(MixRecord.empty("cutmix", "p", SHAPE).to_json())
    with pytest.raises(InvalidSampleError, match="must hold whole numbers in arrays of one length"):
        MixRecord.from_json(json.dumps({**row, name: value}))


@pytest.mark.parametrize("line", [None, "[" * 100_000], ids=["none", "nested"])
def test_what_is_no_line_is_refused(line):
    """No value and a nest of brackets are refused, and the message stays short."""
    with pytest.raises(InvalidSampleError, match="must be one line of JSON") as caught:
        MixRecord.from_json(line)
    assert len(str(caught.value)) < 300
