"""Run lengths and polygons of COCO against pycocotools."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as oracle

from albu_cutmix.errors import InvalidSampleError
from albu_cutmix.formats import coco_pool
from albu_cutmix.formats.segments import Segments, decode_counts, draw_polygon, parse_segment

SHAPE = (11, 17)
SIDE = st.integers(1, 40)
MASKS = st.tuples(SIDE, SIDE).flatmap(
    lambda shape: arrays(np.uint8, shape, elements=st.sampled_from([0, 1]))
)


def decode(segmentation: Any, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """Check, pack and decode one segmentation."""
    packed = Segments.pack([parse_segment(segmentation, shape, 10**6)])
    return packed.decode(range(1), shape, 10**6)[0]


def plain_counts(mask: np.ndarray) -> list[int]:
    """Count by hand, column by column, zeros first."""
    counts, value = [0], 0
    for pixel in mask.T.ravel().tolist():
        if pixel != value:
            counts.append(0)
            value = pixel
        counts[-1] += 1
    return counts


@given(MASKS)
def test_compressed_runs_round_trip(mask: np.ndarray) -> None:
    """What pycocotools compresses, we read to the pixel."""
    rle = oracle.encode(np.asfortranarray(mask))
    np.testing.assert_array_equal(
        decode({"size": list(mask.shape), "counts": rle["counts"].decode()}, mask.shape), mask
    )


@given(MASKS)
def test_plain_runs_round_trip(mask: np.ndarray) -> None:
    """Counts in a list are columns of zeros and ones in turn."""
    rle = {"size": list(mask.shape), "counts": plain_counts(mask)}
    np.testing.assert_array_equal(decode(rle, mask.shape), mask)


def test_long_counts() -> None:
    """Counts of many letters, falling and rising, are read as pycocotools reads them."""
    mask = np.zeros((701, 997), np.uint8)
    mask[300:, 2:500], mask[5, 7], mask[:, 900:] = 1, 1, 1
    rle = oracle.encode(np.asfortranarray(mask))
    counts = rle["counts"].decode()
    np.testing.assert_array_equal(decode_counts(counts), plain_counts(mask))
    np.testing.assert_array_equal(decode({"size": [701, 997], "counts": counts}, (701, 997)), mask)


def test_no_counts() -> None:
    """An empty text holds no count."""
    assert decode_counts("").tolist() == []


def polygons(shape: tuple[int, int]) -> st.SearchStrategy[list[float]]:
    """Polygons of three to eight corners in quarters of a pixel, some over the edge."""
    x = st.integers(-8, 4 * shape[1] + 8).map(lambda n: n / 4)
    y = st.integers(-8, 4 * shape[0] + 8).map(lambda n: n / 4)
    corner = st.tuples(x, y)
    return st.lists(corner, min_size=3, max_size=8).map(lambda p: [v for c in p for v in c])


def distance_to_outline(polygons_: list[list[float]], pixels: np.ndarray) -> np.ndarray:
    """How far the centres of pixels (row, column) are from the outlines, by segment."""
    y, x = pixels[:, 0] + 0.5, pixels[:, 1] + 0.5
    nearest = np.full(len(pixels), np.inf)
    for polygon in polygons_:
        points = np.array(polygon, float).reshape(-1, 2)
        for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, 0), strict=True):
            length = (x1 - x0) ** 2 + (y1 - y0) ** 2
            along = ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length if length else 0.0
            along = np.clip(along, 0, 1)
            away = np.hypot(x - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0))
            nearest = np.minimum(nearest, away)
    return nearest


def inside_by_hand(polygon: list[float]) -> np.ndarray:
    """Pixels whose centre is inside: crossings of the ray to the left, one pixel at a time."""
    points = np.array(polygon).reshape(-1, 2)
    inside = np.zeros(SHAPE, np.uint8)
    for y, x in np.ndindex(SHAPE):
        px, py = x + 0.5, y + 0.5
        for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, 0), strict=True):
            if (y0 < py) != (y1 < py) and x0 + (py - y0) / (y1 - y0) * (x1 - x0) < px:
                inside[y, x] ^= 1
    return inside


@given(polygons(SHAPE))
def test_polygons_hold_the_centres_inside(polygon: list[float]) -> None:
    """A polygon holds the pixels whose centre is inside; where none is, those it touches."""
    ours, inside = decode([polygon]), inside_by_hand(polygon)
    away = distance_to_outline([polygon], np.argwhere(ours != inside))
    # A centre on the outline itself may fall to either side; a touched pixel's is half a diagonal.
    assert away.max(initial=0) < (1e-9 if inside.any() else 0.5**0.5 + 1e-9)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@given(polygons(SHAPE))
@example([3.0, 0.5, 20.0, 10.0, 19.5, 10.5])  # thin, over the right edge
@example([-2.0, 1.0, 0.25, 9.0, -2.0, 9.5])  # nearly all of it left of the image
def test_polygons_are_within_one_pixel_of_pycocotools(polygon: list[float]) -> None:
    """Where our pixels are not those of pycocotools, the outline is less than a pixel away."""
    theirs = oracle.decode(oracle.merge(oracle.frPyObjects([polygon], *SHAPE)))
    pixels = np.argwhere(decode([polygon]) != theirs)
    assert distance_to_outline([polygon], pixels).max(initial=0) < 1


@pytest.fixture(scope="module")
def real(data_dir: Path) -> list[tuple[int, Any, np.ndarray]]:
    """Id, segmentation and our mask of every annotation of real data, crowds too."""
    folder = data_dir / "coco_instances"
    data = json.loads((folder / "instances.json").read_text(encoding="utf-8"))
    by_id = {entry["id"]: entry for entry in data["annotations"]}
    fields = {"labels": "category_id", "iscrowd": "iscrowd", "id": "id"}
    pool = coco_pool(folder / "instances.json", folder / "images", fields=fields, masks=True)
    out = []
    for donor in pool:
        values = (donor.fields[name] for name in ("labels", "iscrowd", "id"))
        for label, crowd, key, mask in zip(*values, donor.masks, strict=True):
            entry = by_id[key]
            assert (label, crowd) == (entry["category_id"], entry["iscrowd"])
            out.append((int(key), entry["segmentation"], mask))
    assert {key for key, _, _ in out} == set(by_id)
    return out


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_real_runs_are_pycocotools_s(real: Any) -> None:
    """All 10 run-length masks of real crowds, carried as rows, are equal to the pixel."""
    runs = [(runs, mask) for _, runs, mask in real if isinstance(runs, dict)]
    assert len(runs) == 10
    for segmentation, mask in runs:
        theirs = oracle.decode(oracle.frPyObjects(segmentation, *segmentation["size"]))
        np.testing.assert_array_equal(mask, theirs)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_real_polygons_are_within_a_quarter_pixel(real: Any) -> None:
    """In all 773, a pixel that is not pycocotools's is nearer than 0.25 to the outline."""
    parts = [(key, parts, mask) for key, parts, mask in real if isinstance(parts, list)]
    assert len(parts) == 773
    worst, differing, pixels = {}, 0, 0
    for key, polygons_, mask in parts:
        theirs = oracle.decode(oracle.merge(oracle.frPyObjects(polygons_, *mask.shape)))
        others = np.argwhere(mask != theirs)
        worst[key] = distance_to_outline(polygons_, others).max(initial=0)
        differing, pixels = differing + len(others), pixels + int(theirs.sum())
    assert max(worst.values()) < 0.25, max(worst, key=worst.get)
    assert differing / pixels < 0.002


def test_a_box_as_polygon_is_exact() -> None:
    """A polygon on pixel edges holds exactly its pixels; `fillPoly` would add a row and column."""
    mask = decode([[2, 3, 6, 3, 6, 8, 2, 8]])
    expected = np.zeros(SHAPE, np.uint8)
    expected[3:8, 2:6] = 1
    np.testing.assert_array_equal(mask, expected)


def test_parts_are_united() -> None:
    """Parts that overlap do not cancel each other."""
    mask = decode([[0, 0, 4, 0, 4, 4, 0, 4], [2, 2, 6, 2, 6, 6, 2, 6]])
    assert mask.sum() == 16 + 16 - 4


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_self_crossing_is_even_odd() -> None:
    """A part that winds twice around its middle leaves it free, as in pycocotools."""
    ring = [0, 0, 9, 0, 9, 9, 0, 9, 0, 0, 3, 3, 6, 3, 6, 6, 3, 6, 3, 3]
    np.testing.assert_array_equal(
        decode([ring]), oracle.decode(oracle.merge(oracle.frPyObjects([ring], *SHAPE)))
    )


def test_thin_polygons_do_not_vanish() -> None:
    """A polygon too thin for a pixel centre still has pixels."""
    assert decode([[2, 3.1, 8, 3.1, 8, 3.2, 2, 3.2]]).sum() == 7


def test_polygons_over_the_edge_are_clipped() -> None:
    """What reaches over the image is cut off."""
    assert decode([[-5, -5, 30, -5, 30, 20, -5, 20]]).all()


RUNS = {"size": [11, 17], "counts": [100, 87]}


@pytest.mark.parametrize(
    ("segmentation", "words"),
    [
        pytest.param(None, "a list of polygons or a run-length mask, got None", id="none"),
        pytest.param([], "a list of polygons or a run-length mask, got", id="empty"),
        pytest.param([1, 2, 3, 4, 5, 6], "must hold lists of numbers, got 1", id="flat"),
        pytest.param([["1"] * 6], "must hold lists of numbers", id="text"),
        pytest.param(
            [[1, 2, 3, 4]], "three points or more in each polygon, got 4", id="two-points"
        ),
        pytest.param([[1, 2, 3, 4, 5, 6, 7]], "got 7 numbers", id="odd"),
        pytest.param([[1, 2, float("nan"), 4, 5, 6]], "must be finite and near", id="nan"),
        pytest.param([[1, 2, 1e12, 4, 5, 6]], "got the point [1000000000000.0, 4.0]", id="far"),
        pytest.param([[1, 2, 10**400, 4, 5, 6]], "must be finite and near", id="huge-int"),
        pytest.param(
            RUNS | {"size": [10**9, 10**9]}, "size [height, width] [11, 17]", id="huge-size"
        ),
        pytest.param(RUNS | {"size": [17, 11]}, "got [17, 11]", id="exchanged-size"),
        pytest.param(RUNS | {"counts": [100]}, "= 187, got 1 counts with the sum 100", id="cut"),
        pytest.param(RUNS | {"counts": [-1, 188]}, "counts from 0", id="negative"),
        pytest.param(RUNS | {"counts": [2**70]}, "counts from 0", id="huge-count"),
        pytest.param(
            RUNS | {"counts": [1.5]}, "a list of whole numbers or a compressed", id="float"
        ),
        pytest.param(
            RUNS | {"counts": None}, "a list of whole numbers or a compressed", id="no-counts"
        ),
        pytest.param(RUNS | {"counts": "ä"}, "not ASCII", id="not-ascii"),
        pytest.param(RUNS | {"counts": "!"}, "a letter outside", id="letter"),
        pytest.param(RUNS | {"counts": "o"}, "end within a number", id="cut-text"),
        pytest.param(RUNS | {"counts": "o" * 9 + "0"}, "more than 35 bits", id="long-count"),
        pytest.param(RUNS | {"counts": "T3"}, "got 1 counts with the sum 100", id="cut-sum"),
    ],
)
def test_false_segmentations_are_refused(segmentation: Any, words: str) -> None:
    """Each false segmentation is refused before anything is allocated, and named."""
    with pytest.raises(InvalidSampleError) as caught:
        parse_segment(segmentation, SHAPE, 10**6)
    assert words in str(caught.value)


def test_masks_of_too_many_pixels_are_refused() -> None:
    """A run-length mask may not have more pixels than an image."""
    with pytest.raises(InvalidSampleError, match="more than max_pixels=100 allows"):
        parse_segment(RUNS, SHAPE, 100)


def test_stacks_of_too_many_pixels_are_refused() -> None:
    """The masks of one image have a bound together."""
    packed = Segments.pack([parse_segment(RUNS, SHAPE, 1000)] * 3)
    with pytest.raises(InvalidSampleError, match=r"3 masks of 17 x 11 pixels .* Raise max_pixels"):
        packed.decode(range(3), SHAPE, 187 * 2)


@pytest.mark.parametrize("what", ["rows", "columns"])
def test_absurd_outlines_are_refused(what: str) -> None:
    """An outline that crosses the image ten thousand times is an attack on memory."""
    zigzag = np.array([[3 + n % 9 / 20, y] for n in range(6000) for y in (0, 999)], np.float32)
    mask = np.zeros((999, 17), np.uint8)
    if what == "columns":  # it lies between two rows of centres, so that columns are asked too
        zigzag, mask = zigzag[:, ::-1], mask.T
    with pytest.raises(InvalidSampleError, match=f"crosses 11988000 pixel {what}, more than"):
        draw_polygon(zigzag, mask)


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No compressed text gives anything but counts or our error."""
    with suppress(InvalidSampleError):
        assert decode_counts(text).dtype == np.int64


def test_fill_poly_is_what_this_replaces() -> None:
    """OpenCV's fill of the same box is larger: the reason for a filling of our own."""
    mask = np.zeros(SHAPE, np.uint8)
    cv2.fillPoly(mask, [np.array([[2, 3], [6, 3], [6, 8], [2, 8]], np.int32)], 1)
    assert mask.sum() == 30 > 20
