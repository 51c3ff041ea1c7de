"""Donors with every part that there may be, and their comparison bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from strategies import DTYPES, pixels

from albu_cutmix import Donor

NUMBERS = ("uint8", "bool", "int16", "int32", ">i4", "int64", "float16", "float32", "float64")
WORDS = ("", "ox", "größe", "a\x00b", "\udcff.jpg", 'quote " and \\')

plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False),
    st.sampled_from(WORDS),
    st.sampled_from([np.int64(7), np.float32(0.1), np.bool_(True), np.str_("ox"), np.float64(0.1)]),
)
values = st.recursive(plain, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=4)


@st.composite
def arrays(draw: Any, shape: tuple[int, ...], dtypes: tuple[str, ...] = NUMBERS) -> np.ndarray:
    """Any bits at all: NaN, negative zero and odd memory orders among them."""
    dtype = np.dtype(draw(st.sampled_from(dtypes)))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    size = int(np.prod(shape)) * dtype.itemsize
    bits = rng.integers(0, 2 if dtype.kind == "b" else 256, size, np.uint8)
    out = bits.view(dtype).reshape(shape)
    return out.copy(order="F") if draw(st.booleans()) else out


@st.composite
def columns(draw: Any, rows: int) -> dict[str, Any]:
    """Fields in every form that a donor takes."""
    texts = st.lists(st.sampled_from(WORDS), min_size=rows, max_size=rows)
    form = st.one_of(
        texts,
        texts.map(tuple),
        texts.map(np.array) if rows else st.nothing(),
        texts.map(lambda row: np.array(row, object)),
        st.lists(values, min_size=rows, max_size=rows),
        arrays((rows,)),
        arrays((rows, 2)),
    )
    return draw(st.dictionaries(st.sampled_from(["labels", "größe", "bboxes[4]"]), form))


@st.composite
def instance_masks(draw: Any, rows: int, shape: tuple[int, int]) -> np.ndarray:
    """Masks of 0 and 1, of 0 and 255, or of numbers."""
    if draw(st.booleans()):
        return draw(arrays((rows, *shape), ("uint8", "bool", "int32")))
    bits = np.random.default_rng(draw(st.integers(0, 99))).integers(0, 2, (rows, *shape))
    return bits.astype(draw(st.sampled_from(["uint8", "bool", "int64"])))


@st.composite
def donors(draw: Any) -> Donor:
    """A donor with some parts of all there are."""
    shape = draw(st.sampled_from([(1, 1), (7, 11), (13, 5)]))
    channels = draw(st.sampled_from([(), (1,), (3,), (5,)]))
    rows, points = draw(st.integers(0, 3)), draw(st.integers(0, 2))
    maybe = lambda strategy: draw(st.none() | strategy)  # noqa: E731 - of this draw
    box = st.just(np.tile([0.1, 0.0, 0.7, 1.0 / 3 + 0.5], (rows, 1)))
    bboxes, keypoints = maybe(box), maybe(arrays((points, 5), ("int16",)))
    image = pixels(draw(st.integers(0, 9)), shape + channels, draw(st.sampled_from(DTYPES)))
    return Donor(
        image,
        mask=maybe(arrays(shape) | arrays((*shape, 2))),
        masks=maybe(instance_masks(rows, shape)),
        bboxes=bboxes,
        keypoints=keypoints,
        fields={} if bboxes is None else draw(columns(rows)),
        keypoint_fields={} if keypoints is None else draw(columns(points)),
        label=draw(values | arrays((4,))),
        id=draw(st.sampled_from(WORDS)),
        aliases=draw(st.dictionaries(st.sampled_from(["depth", "ears"]), arrays((*shape, 1)))),
    )


def check_equal(found: Any, wanted: Any, where: str = "") -> None:
    """Two donors, or parts of them, are equal in type, dtype, shape and bits."""
    assert type(found) is type(wanted), (where, type(found), type(wanted))
    if isinstance(wanted, Donor):
        check_equal(found.content, wanted.content)
    elif isinstance(wanted, np.ndarray) and wanted.dtype != object:
        assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape), where
        assert found.dtype.str == wanted.dtype.str, where
        assert found.tobytes() == wanted.tobytes(), where
    elif isinstance(wanted, np.ndarray):
        assert found.shape == wanted.shape, where
        check_equal(list(found.flat), list(wanted.flat), where)
    elif isinstance(wanted, dict):
        assert list(found) == list(wanted), where
        for key in wanted:
            check_equal(found[key], wanted[key], f"{where}/{key}")
    elif isinstance(wanted, (list, tuple)):
        assert len(found) == len(wanted), where
        for row, (one, other) in enumerate(zip(found, wanted, strict=True)):
            check_equal(one, other, f"{where}[{row}]")
    else:
        assert repr(found) == repr(wanted), where
