"""`FilePool`: skipping, pickles and worker processes."""

from __future__ import annotations

import multiprocessing
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hostile_files import coco, pixels, save_coco, save_image, truncate
from hypothesis import given
from hypothesis import strategies as st

from albu_cutmix.errors import DonorReadError
from albu_cutmix.formats import coco_pool, frame_pool, pascal_voc_pool, yolo_pool
from albu_cutmix.formats.columns import PackedText


def summary(pool: Any) -> list[Any]:
    """What a worker process sees of a pool."""
    return [(d.id, int(d.image.sum()), d.bboxes.tolist(), list(d.fields["labels"])) for d in pool]


def test_negative_indices_and_length(tmp_path: Path) -> None:
    """An index counts from the end too; beyond is an IndexError."""
    pool = coco_pool(*save_coco(tmp_path))
    assert pool[-1].id == "b.png"
    assert repr(pool) == "FilePool(2 donors)"
    with pytest.raises(IndexError, match="has no donor 2"):
        pool[2]


def test_samples_fit_a_call(tmp_path: Path) -> None:
    """`sample` gives the keywords of a pipeline call, boxes as the file had them."""
    sample = coco_pool(*save_coco(tmp_path), masks=True).sample(0, "coco")
    assert sorted(sample) == ["bboxes", "image", "labels", "masks"]
    assert sample["bboxes"].tolist() == [[2.5, 3, 4, 5], [0, 0, 2, 2]]


def test_no_image_is_opened_before_the_draw(tmp_path: Path) -> None:
    """A pool can be made while its images are elsewhere."""
    path, images = save_coco(tmp_path)
    (images / "a.png").rename(tmp_path / "a.png")
    pool = coco_pool(path, images)
    with pytest.raises(DonorReadError, match=r"a\.png: cannot be read: No such file.*is named by"):
        pool[0]
    (tmp_path / "a.png").rename(images / "a.png")
    np.testing.assert_array_equal(pool[0].image, pixels(0))


@pytest.mark.parametrize("damage", ["missing", "truncated", "size", "link"])
def test_unreadable_images_are_skipped(tmp_path: Path, damage: str) -> None:
    """With on_error="skip" the next image is drawn instead, counted, and told once."""
    path, images = save_coco(tmp_path)
    bad = images / "a.png"
    if damage == "truncated":
        truncate(bad, 0.5)
    elif damage == "size":
        save_image(bad, pixels(0, (7, 5, 3)))
    else:
        bad.unlink()
    if damage == "link":
        save_image(tmp_path / "out.png")
        bad.symlink_to(tmp_path / "out.png")
    pool = coco_pool(path, images, on_error="skip")
    with pytest.warns(UserWarning, match=r"an image was skipped for the next one: .*a\.png") as w:
        assert [pool[0].id, pool[1].id, pool[0].id] == ["b.png"] * 3
    assert len(w) == 1
    assert pool.skipped == 2


def test_skipping_goes_round(tmp_path: Path) -> None:
    """After the last image comes the first."""
    path, images = save_coco(tmp_path)
    (images / "b.png").unlink()
    pool = coco_pool(path, images, on_error="skip")
    with pytest.warns(UserWarning, match="pool.skipped counts further ones"):
        assert pool[1].id == "a.png"


def test_no_readable_image(tmp_path: Path) -> None:
    """Where no image can be read, skipping ends in an error with the first reason."""
    path, images = save_coco(tmp_path)
    for name in ("a.png", "b.png"):
        (images / name).unlink()
    pool = coco_pool(path, images, on_error="skip")
    words = r"none of the 2 images of .*ann\.json can be read. .*b\.png: cannot be read"
    with pytest.warns(UserWarning, match="skipped"), pytest.raises(DonorReadError, match=words):
        pool[1]


def all_pools(folder: Path) -> list[Any]:
    """One pool of each format over the same two images."""
    path, images = save_coco(folder)
    (folder / "labels").mkdir()
    (folder / "labels" / "a.txt").write_text("0 .5 .5 .5 .5", encoding="utf-8")
    (folder / "ann").mkdir()
    (folder / "ann" / "a.xml").write_text(
        "<annotation><object><name>x</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax>"
        "<ymax>4</ymax></bndbox></object></annotation>",
        encoding="utf-8",
    )

    class Series(list):
        to_list = list.copy

    class Table(dict):
        columns = property(list)

    table = Table(image=Series(["a.png"]), bbox=Series(["1 2 3 4"]), label=Series(["x"]))
    return [
        coco_pool(path, images, masks=True, labels="name"),
        yolo_pool(images),
        pascal_voc_pool(folder / "ann", images),
        frame_pool(table, bbox="bbox", label="label", root=images),
    ]


def test_any_table_with_columns_will_do(tmp_path: Path) -> None:
    """`frame_pool` asks for `columns`, `[name]` and `to_list`, and keeps nothing of the table."""
    assert all_pools(tmp_path)[3][0].fields == {"labels": ["x"]}


def test_pickles(tmp_path: Path) -> None:
    """A pool survives pickling whole, and counts anew in its new process."""
    for pool in all_pools(tmp_path):
        data = pickle.dumps(pool)
        assert len(data) < 4_000
        copy = pickle.loads(data)
        assert summary(copy) == summary(pool)
        assert (copy.classes, copy.findings, copy.skipped) == (pool.classes, (), 0)


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_workers(tmp_path: Path, method: str) -> None:
    """Forked and spawned processes draw the same donors."""
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system cannot {method}")
    pools = all_pools(tmp_path)
    with multiprocessing.get_context(method).Pool(1) as workers:
        assert workers.map(summary, pools) == [summary(pool) for pool in pools]


def test_skipped_counts_per_process(tmp_path: Path) -> None:
    """A copy in another process starts at zero and warns for itself."""
    path, images = save_coco(tmp_path)
    (images / "a.png").unlink()
    pool = coco_pool(path, images, on_error="skip")
    for _ in range(2):
        with pytest.warns(UserWarning, match="skipped"):
            assert pool[0].id == "b.png"
        pool = pickle.loads(pickle.dumps(pool))
        assert pool.skipped == 0


def test_pickles_of_many_images_are_small(tmp_path: Path) -> None:
    """Ten thousand images with seven boxes each pickle in some kilobytes and a file of tables."""
    entry = {"image_id": 0, "category_id": 4, "bbox": [1, 2, 3, 4]}
    data = coco(
        images=[
            {"id": i, "file_name": f"{i:012}.jpg", "width": 17, "height": 11} for i in range(10**4)
        ],
        annotations=[entry | {"id": i, "image_id": i % 10**4} for i in range(7 * 10**4)],
    )
    pool = coco_pool(*save_coco(tmp_path, data))
    assert len(pickle.dumps(pool)) < 3_000
    assert pool._index[0].stat().st_size < 10**4 * (16 + 4 + 4 + 2 + 7 * 5) + 10_000


def test_rows_follow_their_image(tmp_path: Path) -> None:
    """Annotations in any order come to their image, in the order of the file."""
    entry = {"category_id": 4, "bbox": [1, 2, 3, 4]}
    order = [3, 7, 3, 7, 7]
    data = coco(annotations=[entry | {"id": i, "image_id": image} for i, image in enumerate(order)])
    pool = coco_pool(*save_coco(tmp_path, data), fields={"labels": "id"})
    assert [donor.fields["labels"].tolist() for donor in pool] == [[1, 3, 4], [0, 2]]


@given(st.lists(st.text()))
def test_packed_texts_round_trip(texts: list[str]) -> None:
    """Texts come out of the buffer as they went in, surrogates too."""
    packed = PackedText([*texts, "\udcff"])
    assert [packed[i] for i in range(len(packed))] == [*texts, "\udcff"]


def test_the_warning_is_short(tmp_path: Path) -> None:
    """A thousand false boxes give one short warning, and a thousand findings."""
    entry = {"image_id": 7, "category_id": 4, "bbox": [1, 2, 0, 4]}
    data = coco(annotations=[entry | {"id": i} for i in range(1000)])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pool = coco_pool(*save_coco(tmp_path, data))
    (warning,) = caught
    assert "left out 1000 boxes of no area" in str(warning.message)
    assert "... and 997 more. pool.findings lists all." in str(warning.message)
    assert len(str(warning.message)) < 2_000
    assert len(pool.findings) == 1000
