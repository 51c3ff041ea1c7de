"""What a pool costs: exact bytes of its arrays, and nothing more in any worker."""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from process_memory import ROLLUP, Touching, measure, touch, touch_in_workers
from torch.utils.data import DataLoader

from albu_cutmix.formats import frame_pool
from albu_cutmix.formats.columns import Column, PackedNumbers, narrow

IMAGES, BOXES = 50_000, 7
RUNS = 3
NAME = 26  # letters
needs_linux = pytest.mark.skipif(not ROLLUP.is_file(), reason="only Linux counts a worker's pages")


@pytest.fixture(scope="module")
def pool() -> Any:
    """50,000 images with seven boxes each, in tenths of pixels."""
    rng = np.random.default_rng(0)
    rows = IMAGES * BOXES
    table = pd.DataFrame(rng.integers(1, 6400, (rows, 4)) / 10, columns=list("xywh"))
    table["image"] = np.repeat([f"train2017/{i:012}.jpg" for i in range(IMAGES)], BOXES)
    table["label"] = np.arange(rows) % 80
    return frame_pool(table, bbox=list("xywh"), label="label", root=Path.cwd())


def bytes_of(value: Any) -> int:
    """Bytes of all arrays at any depth."""
    if isinstance(value, np.ndarray):
        return value.nbytes
    parts = value.values() if isinstance(value, dict) else getattr(value, "__dict__", {}).values()
    return sum(map(bytes_of, parts))


def test_bytes_are_exact(pool: Any) -> None:
    """A box costs 8 bytes, a label 1, an image its name and 8: 97 MB for a million images."""
    ends = 4 * (IMAGES + 1)
    no_findings = 1
    assert bytes_of(pool) == IMAGES * BOXES * (4 * 2 + 1) + IMAGES * NAME + 2 * ends + no_findings


def test_pickles_are_small(pool: Any) -> None:
    """A pickle names the file of the tables; a second one names the same file."""
    data = pickle.dumps(pool)
    assert len(data) < 2_000
    assert pickle.dumps(pickle.loads(data)) == pickle.dumps(pool) == data


def check_growth(run: Callable[[], Iterable[Any]], pool: Any) -> None:
    """Assert that workers read every row and do not grow by the tables.

    What else a process does at the same time may cost it some megabytes now and then. A copy costs
    them each time, so that one quiet run of three is enough.
    """
    for _ in range(RUNS):
        found = list(run())
        assert {boxes for boxes, _, _ in found} == {IMAGES * BOXES}
        grown = max(after.dirty - before.dirty for _, before, after in found)
        if grown < bytes_of(pool) / 3:
            return
    assert grown < bytes_of(pool) / 3, f"grown in each of {RUNS} runs"


@needs_linux
@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_workers_have_no_copy(pool: Any, method: str) -> None:
    """Two workers read every row and grow by less than a third of the tables, or a megabyte."""
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system cannot {method}")
    check_growth(lambda: touch_in_workers(pool, method), pool)


@needs_linux
@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_loader_workers_have_no_copy(pool: Any, method: str) -> None:
    """The same holds for the workers of a DataLoader."""
    loader = DataLoader(
        Touching(pool), batch_size=None, num_workers=2, multiprocessing_context=method
    )
    check_growth(lambda: loader, pool)


@needs_linux
def test_copies_share_the_tables(pool: Any) -> None:
    """Four unpickled pools, all read, take less than a third of one: they map one file."""
    data = pickle.dumps(pool)
    before = measure()
    copies = [pickle.loads(data) for _ in range(4)]
    assert {touch(copy) for copy in copies} == {IMAGES * BOXES}
    assert measure().dirty - before.dirty < bytes_of(pool) / 3


class Objects:
    """The tables of a careless pool: a Python object per name and per box."""

    def __init__(self) -> None:
        self.names = [f"{index:012}.jpg" for index in range(IMAGES)]
        bboxes = [[float(index)] * 4 for index in range(IMAGES)]
        offsets = np.arange(IMAGES + 1)
        self._boxes = SimpleNamespace(offsets=offsets, bboxes=bboxes, columns={})
        self.name_of = self.names.__getitem__

    def __len__(self) -> int:
        return IMAGES


@needs_linux
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_the_measure_sees_copies() -> None:
    """A forked worker copies the pages of every Python object that it looks at."""
    for boxes, before, after in touch_in_workers(Objects(), "fork"):
        assert boxes == IMAGES
        assert after.dirty - before.dirty > 5_000_000


@given(st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_whole_numbers_stay_equal(values: list[int]) -> None:
    """Every whole number comes back from the narrow array, and donors get int64."""
    array = np.array(values, np.int64)
    assert narrow(array).tolist() == values
    rows = Column(array).rows(slice(None))
    assert rows.dtype == np.int64
    assert rows.tolist() == values


@pytest.mark.parametrize(
    ("values", "dtype", "scale"),
    [
        pytest.param([0, 255], np.uint8, 1, id="bytes"),
        pytest.param([-1.5, 12.8], np.int16, 10, id="tenths"),
        pytest.param([640.25, 0], np.uint16, 100, id="hundredths"),
        pytest.param([0.510938, 1], np.uint32, 10**6, id="shares"),
        pytest.param([2147.483647], np.uint32, 10**6, id="most"),
        pytest.param([2147.483648], np.float64, 0, id="too-many-digits"),
        pytest.param([1 / 3], np.float64, 0, id="third"),
        pytest.param([0.1 + 0.2], np.float64, 0, id="sum"),
        pytest.param([1e300], np.float64, 0, id="huge"),
        pytest.param([], np.uint8, 1, id="none"),
    ],
)
def test_numbers_take_what_they_need(values: list[float], dtype: Any, scale: int) -> None:
    """The least scale that is exact is taken, in the narrowest integers; else float64."""
    packed = PackedNumbers.pack(np.array(values, np.float64))
    assert (packed.values.dtype, packed.scale) == (dtype, scale)
    assert packed[:].tolist() == values


@given(
    st.lists(
        st.one_of(
            st.floats(allow_nan=False),
            st.decimals(-3000, 3000, places=2).map(float),
            st.integers(-(2**31), 2**31).map(float),
        )
    )
)
def test_numbers_come_back_equal(values: list[float]) -> None:
    """Whatever the form, every number comes back equal, in a new float64 array."""
    packed = PackedNumbers.pack(np.array(values, np.float64))
    out = packed[:]
    assert out.dtype == np.float64
    assert out.tolist() == values
    assert not np.shares_memory(out, packed.values)


def test_many_blocks_are_judged_together() -> None:
    """One number late in a long column decides for all of it."""
    values = np.zeros(200_000)
    values[150_000] = 0.25
    packed = PackedNumbers.pack(values)
    assert (packed.scale, packed[150_000], packed.values.dtype) == (100, 0.25, np.uint8)
    values[199_999] = np.pi
    assert PackedNumbers.pack(values).scale == 0
