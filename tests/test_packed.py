"""`pack` and `packed`: one file of decoded donors, equal to those that were written."""

from __future__ import annotations

import multiprocessing
import pickle
from copy import deepcopy

import albumentations as A
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from whole_donors import check_equal, donors

from albu_cutmix import CutMix, Donor, InvalidArgumentError
from albu_cutmix.errors import DonorReadError
from albu_cutmix.formats import coco_pool, pascal_voc_pool
from albu_cutmix.pool import MemoryPool
from albu_cutmix.scenes import scene_pool
from albu_cutmix.wrappers import cached, pack, packed, weighted

PIXEL = np.zeros((7, 11, 3), np.uint8)


@pytest.fixture(scope="module")
def scenes():
    """Four drawn scenes."""
    return scene_pool(4, size=(67, 89))


@pytest.fixture
def file(scenes, tmp_path):
    """The scenes, packed."""
    pack(scenes, tmp_path / "a.pack", progress=False)
    return tmp_path / "a.pack"


@given(st.lists(donors(), min_size=1, max_size=3))
def test_a_donor_is_read_as_it_was_written(tmp_path_factory, found):
    """Every part of every donor comes back bit for bit, in its type, dtype and shape."""
    pool = pack(found, tmp_path_factory.getbasetemp() / "a.pack", progress=False)
    assert len(pool) == len(found)
    for _ in range(2):  # the first read checks, later ones trust
        for index, donor in enumerate(found):
            check_equal(pool[index], donor)


def test_the_comparison_can_fail():
    """The comparison above sees one bit, a dtype, and a tuple for a list."""
    for one, other in [
        (np.array([0.0]), np.array([-0.0])),
        (np.zeros(2, np.int32), np.zeros(2, np.int64)),
        (["a"], ("a",)),
        ({"a": np.float64(0.5)}, {"a": 0.5}),
        (Donor(PIXEL), Donor(PIXEL, id="a")),
    ]:
        with pytest.raises(AssertionError):
            check_equal(one, other)


def test_a_pool_hands_on_what_it_knows(file, scenes):
    """Length, classes and the classes of each donor are those of the pool that was packed."""
    pool = packed(str(file))
    assert (len(pool), pool.classes, pool.weights) == (len(scenes), scenes.classes, None)
    for found, wanted in zip(pool.class_rows(), scenes.class_rows(), strict=True):
        check_equal(found, wanted)
    assert pool.to_spec() == {"format": "packed", "path": str(file)}
    check_equal(pool[-1], scenes[3])
    with pytest.raises(IndexError, match=r"PackedPool\(4 donors\) has no donor 4"):
        pool[4]


def test_images_are_views_that_cannot_be_written(file):
    """Arrays lie on the mapped file: read-only, aligned, nothing copied; a sample is free."""
    image = packed(file)[1].image
    assert not image.flags.writeable
    assert not image.flags.owndata
    assert image.ctypes.data % 64 == 0
    with pytest.raises(ValueError, match="read-only"):
        image[:] = 0
    sample = packed(file).sample(1)
    assert all(part.flags.writeable for part in sample.values() if isinstance(part, np.ndarray))


def test_masks_take_a_bit_for_each_pixel(tmp_path):
    """Masks of 0 and 1 take an eighth of their bytes; others stay as they are."""
    sizes = {}
    for high in (1, 255):
        masks = np.zeros((16, 64, 64), np.uint8)
        masks[:, 9:31, 5:50] = high
        pack([Donor(np.zeros((64, 64), np.uint8), masks=masks)], tmp_path / f"{high}.pack")
        sizes[high] = (tmp_path / f"{high}.pack").stat().st_size
    assert sizes[255] - sizes[1] == pytest.approx(16 * 64 * 64 * 7 / 8, abs=128)


def test_the_digest_follows_the_content(file, scenes, tmp_path):
    """The same donors give the same digest anywhere; one other pixel gives another."""
    image = scenes[0].image.copy()
    image[5, 7] ^= 1
    other = [Donor(**scenes[0].content | {"image": image}), *list(scenes)[1:]]
    again, changed, renamed = (
        pack(MemoryPool(found, classes=classes), tmp_path / f"{number}.pack").digest()
        for number, (found, classes) in enumerate(
            [(list(scenes), scenes.classes), (other, scenes.classes), (list(scenes), 77)]
        )
    )
    assert again == packed(file).digest()
    assert len({again, changed, renamed}) == 3


def test_classes_that_are_no_plain_values(tmp_path):
    """Fields of lists are packed; only `weighted` by classes is refused."""
    donor = Donor(PIXEL, bboxes=[[0, 0, 5, 5]], fields={"outline": [[1, 2]]})
    pool = pack([donor], tmp_path / "a.pack")
    check_equal(pool[0], donor)
    with pytest.raises(InvalidArgumentError, match=r"no plain values. Give `weighted` an array"):
        weighted(pool, "sqrt")


def test_a_mix_from_the_file_is_that_from_the_pool(file, scenes):
    """The same seed gives the same pixels and boxes."""
    out = []
    for pool in (scenes, packed(file)):
        boxes = A.BboxParams("pascal_voc", label_fields=["labels"])
        pipeline = A.Compose([CutMix(pool, p=1)], bbox_params=boxes, seed=3)
        out.append(pipeline(**scenes.sample(0)))
    assert np.array_equal(out[0]["image"], out[1]["image"])
    assert not np.array_equal(out[0]["image"], scenes[0].image)
    assert np.array_equal(out[0]["bboxes"], out[1]["bboxes"])


def read_total(pool, index) -> int:
    """Sum of the pixels of a donor."""
    return int(pool[index].image.sum())


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers_open_the_file_themselves(file, scenes, start):
    """A pool of under 1 kB goes to a worker, which reads the same donors."""
    pool = packed(file)
    assert len(pickle.dumps(pool)) < 1000
    with multiprocessing.get_context(start).Pool(1) as workers:
        found = workers.starmap(read_total, [(pool, index) for index in range(4)])
    assert found == [int(scene.image.sum()) for scene in scenes]


def test_other_content_under_the_same_name_is_an_error(file, scenes):
    """A pickled pool notices that its file was replaced; one that is open keeps what it has."""
    pool, pickled = packed(file), pickle.dumps(packed(file))
    pack(list(scenes)[::-1], file)
    check_equal(pool[0], scenes[0])
    loaded = pickle.loads(pickled)
    with pytest.raises(DonorReadError, match=r"a\.pack: holds other donors than when this pool"):
        loaded[0]
    file.unlink()
    with pytest.raises(DonorReadError, match="cannot be opened"):
        len(pickle.loads(pickled))


def test_a_copy_is_the_pool_itself(file):
    """Copies of parameters do not open the file again."""
    pool = packed(file)
    assert deepcopy(pool) is pool


def test_wrappers_go_around(file, scenes):
    """A packed pool can be kept in memory and weighed."""
    pool = weighted(cached(packed(file)), "inverse")
    assert pool.to_spec() == {
        "format": "weighted",
        "pool": {"format": "cached", "pool": packed(file).to_spec()},
        "weights": "inverse",
    }
    check_equal(pool[2], scenes[2])


@pytest.mark.parametrize("name", ["voc", "coco"])
def test_real_data(name, data_dir, tmp_path):
    """Real photographs with boxes, masks and keypoints come back as the pool reads them."""
    if name == "voc":
        folder = data_dir / "bccd_voc"
        with pytest.warns(UserWarning, match="left out 2 boxes"):
            pool = pascal_voc_pool(folder / "Annotations", folder / "JPEGImages")
    else:
        folder = data_dir / "coco_instances"
        pool = coco_pool(
            folder / "person_keypoints.json", folder / "images", masks=True, keypoints=True
        )
    found = pack(pool, tmp_path / "a.pack", progress=False)
    assert found.classes == pool.classes
    for index in range(0, len(pool), 9):
        check_equal(found[index], pool[index])
    found.verify()
