"""`cached`: donors drawn last stay in memory, in every process by itself."""

from __future__ import annotations

import multiprocessing
import pickle
import threading
from copy import deepcopy

import albumentations as A
import numpy as np
import pytest
from whole_donors import check_equal

from albu_cutmix import CutMix, Donor, EmptyPoolError, InvalidArgumentError
from albu_cutmix.errors import DonorReadError
from albu_cutmix.formats import pascal_voc_pool
from albu_cutmix.pool import BasePool
from albu_cutmix.scenes import scene_pool
from albu_cutmix.wrappers import cached, mapped, weighted

HUNDRED_KB = (100, 1000)
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork\\(\\):DeprecationWarning")


class Counted(BasePool):
    """A pool that counts how often each donor is read; donor i is full of i."""

    def __init__(self, n: int = 9, shape: tuple[int, ...] = HUNDRED_KB) -> None:
        self.reads, self.shape = [0] * n, shape

    def __len__(self) -> int:
        return len(self.reads)

    def __getitem__(self, index: int) -> Donor:
        self.reads[index] += 1
        return Donor(np.full(self.shape, index, np.uint8), id=str(index), label=index)


def test_a_donor_is_read_once():
    """Later draws are the same object, and are counted as hits."""
    inner = Counted()
    pool = cached(inner)
    assert pool[4] is pool[4] is pool[4 - 9]
    assert inner.reads == [0, 0, 0, 0, 1, 0, 0, 0, 0]
    info = pool.cache_info()
    assert (info.hits, info.misses, info.donors) == (2, 1, 1)
    assert 100_000 <= info.bytes < 103_000


def test_the_donor_drawn_longest_ago_leaves_first():
    """Room for two donors: a hit makes its donor the youngest."""
    inner = Counted()
    pool = cached(inner, megabytes=0.25)
    for index in (0, 1, 0, 2, 0, 1):
        pool[index]
    assert inner.reads[:3] == [1, 2, 1]
    assert pool.cache_info().donors == 2
    assert pool.cache_info().bytes <= 250_000


def test_a_donor_larger_than_the_cache_is_handed_on():
    """It is never kept, and drives nothing else out."""
    pool = cached(Counted(), megabytes=0.09)
    assert pool[3].label == pool[3].label == 3
    assert pool.cache_info() == (0, 2, 0, 0)


def test_every_part_is_counted():
    """Masks, fields, aliases and texts take room too."""
    masks, depth = np.ones((3, 100, 1000), np.uint8), np.ones(HUNDRED_KB, np.float32)
    image, boxes = np.ones(HUNDRED_KB, np.uint8), [[0, 0, 5, 5]] * 3
    fields = {"labels": ["x" * 50_000] * 3, "scores": np.ones(3)}
    donor = Donor(image, masks=masks, bboxes=boxes, fields=fields, aliases={"depth": depth})
    pool = cached([donor])
    pool[0]
    arrays = 100_000 * (1 + 3 + 4) + 3 * 4 * 8 + 3 * 8
    assert arrays + 150_000 <= pool.cache_info().bytes < arrays + 160_000


def test_arrays_are_read_only_and_samples_free():
    """A user's change cannot stay in later draws; the user's own array stays as it was."""
    image = np.zeros(HUNDRED_KB, np.uint8)
    pool = cached([Donor(image, mask=image.copy())])
    for part in (pool[0].image, pool[0].mask):
        with pytest.raises(ValueError, match="read-only"):
            part[0] = 1
    sample = pool.sample(0)
    sample["image"][:] = 1
    assert image.flags.writeable
    assert not pool[0].image.any()
    assert not image.any()


def test_lists_of_a_sample_are_free():
    """Labels that are names come as a list, and a change of it stays in the sample."""
    inner = [Donor(np.zeros((4, 5, 3), np.uint8), bboxes=[[0, 0, 2, 2]], fields={"labels": ["a"]})]
    pool = cached(inner)
    pool.sample(0)["labels"][0] = "b"
    assert pool[0].fields["labels"] == ["a"]


def test_a_pool_with_a_spec_alone_has_a_fingerprint():
    """A pool of the user's may say how it is made, and not what it holds."""

    class Named(list):
        def to_spec(self) -> dict:
            return {"name": "mine"}

    pool = Named([Donor(np.zeros((4, 5, 3), np.uint8))])
    assert CutMix(cached(pool)).fingerprint == CutMix(cached(pool)).fingerprint
    assert cached(pool).digest() == weighted(cached(pool), [1]).pool.digest()


def test_a_view_does_not_keep_a_larger_array():
    """A crop of a large image is copied, so that the rest of it can go."""
    whole = np.zeros((5000, 1000), np.uint8)
    donor = cached([Donor(whole[:100])])[0]
    assert not np.shares_memory(donor.image, whole)
    assert np.shares_memory(cached([Donor(whole)])[0].image, whole)


def test_mappings_are_kept_too():
    """A pool of mappings is handed on as it is, arrays read-only, read by the pipeline."""
    image = np.full((67, 89, 3), 7, np.uint8)
    pool = cached([{"image": image, "label": 1}] * 3)
    assert pool[1] is pool[1]
    assert not pool[1]["image"].flags.writeable
    assert pool.sample(1)["image"].flags.writeable
    out = CutMix(pool, p=1, classes=2)(image=np.zeros_like(image), label=0)
    assert set(np.unique(out["image"])) == {0, 7}


def test_mixes_are_the_same_with_and_without():
    """A cache changes no pixel, and no fingerprint of the data."""
    out = []
    for pool in (scene_pool(5, size=(67, 89)), cached(scene_pool(5, size=(67, 89)))):
        boxes = A.BboxParams("pascal_voc", label_fields=["labels"])
        pipeline = A.Compose([CutMix(pool, p=1)], bbox_params=boxes, seed=3)
        sample = scene_pool(5, size=(67, 89)).sample(0)
        out.append([pipeline(**sample)["image"] for _ in range(9)])
    assert np.array_equal(*out)
    pool = scene_pool(2, size=(67, 89))
    assert cached(pool).digest() == cached(list(pool)).digest()


def test_a_pickle_carries_no_donor():
    """A spawned process begins with an empty cache, whatever was in it."""
    inner = Counted()
    pool = cached(inner, megabytes=3)
    empty = len(pickle.dumps(pool))
    for index in range(9):
        pool[index]
    assert len(pickle.dumps(pool)) == empty < 1000
    again = pickle.loads(pickle.dumps(pool))
    assert again.cache_info() == (0, 0, 0, 0)
    assert again[5].label == 5
    assert again.to_spec() is None  # as that of the pool inside


def test_a_copy_is_the_pool_itself():
    """Copies of a pipeline share one cache."""
    pool = cached(Counted())
    assert deepcopy(pool) is pool


def draw_all(pool) -> tuple:
    """What the cache says after each donor was drawn once."""
    for index in range(len(pool)):
        pool[index]
    return tuple(pool.cache_info())


def test_a_forked_process_begins_with_what_is_there():
    """What was kept before the fork is not read again; the parent sees nothing of it."""
    pool = cached(Counted())
    before = draw_all(pool)
    context = multiprocessing.get_context("fork")
    with context.Pool(1, initializer=setattr, initargs=(draw_all, "pool", pool)) as workers:
        after = workers.apply(_draw_kept)
    assert before[:2] == (0, 9)
    assert after == (9, 9, *before[2:])
    assert tuple(pool.cache_info()) == before


def _draw_kept() -> tuple:
    return draw_all(draw_all.pool)


def test_a_spawned_process_begins_with_nothing():
    """The pool goes to a spawned worker and counts from zero."""
    pool = cached(Counted())
    draw_all(pool)
    with multiprocessing.get_context("spawn").Pool(1) as workers:
        assert workers.apply(draw_all, (pool,))[:2] == (0, 9)


def test_threads_share_one_cache():
    """Draws of several threads lose no count, and the bytes stay within the limit."""
    pool = cached(Counted(shape=(10, 1000)), megabytes=0.05)
    rows = np.random.default_rng(0).integers(9, size=(4, 400)).tolist()
    wrong = []

    def draw(indices: list[int]) -> None:
        wrong.extend(index for index in indices if pool[index].label != index)

    threads = [threading.Thread(target=draw, args=(row,)) for row in rows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    info = pool.cache_info()
    assert not wrong
    assert info.hits + info.misses == 1600
    assert info.bytes <= 50_000
    assert info.bytes == pytest.approx(info.donors * 10_000, rel=0.3)


def test_a_fork_finds_no_lock_held():
    """A process forked while threads draw can draw too."""
    pool, stop = cached(Counted(shape=(1, 1))), threading.Event()

    def draw() -> None:
        while not stop.is_set():
            pool[3]

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        context = multiprocessing.get_context("fork")
        children = [context.Process(target=draw_all, args=(pool,)) for _ in range(8)]
        for child in children:
            child.start()
        for child in children:
            child.join(20)
        assert [child.exitcode for child in children] == [0] * 8
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("megabytes", [0, -1, float("nan"), float("inf"), True, "512", None])
def test_a_size_that_is_none(megabytes):
    """Megabytes are a finite number above 0."""
    with pytest.raises(InvalidArgumentError, match="megabytes must be a finite number above 0"):
        cached(Counted(), megabytes)


def test_what_chance_makes_is_not_kept():
    """A mapped pool, also inside another wrapper, is refused with the way out."""
    pool = mapped(scene_pool(2, size=(67, 89)), A.Compose([A.HorizontalFlip()]))
    for inner in (pool, weighted(pool, [1, 2])):
        with pytest.raises(InvalidArgumentError, match=r"mapped\(cached\(pool\), compose\)"):
            cached(inner)


@pytest.mark.parametrize(
    ("pool", "error"),
    [([], EmptyPoolError), (None, InvalidArgumentError), ("ab", InvalidArgumentError)],
)
def test_what_is_no_pool(pool, error):
    """It is refused when it is wrapped."""
    with pytest.raises(error, match=r"pool must have len|at least one donor"):
        cached(pool)


def test_a_pool_of_files_is_handed_on(data_dir, tmp_path):
    """Length, classes, findings, weights and spec are those of the files; damage is not kept."""
    folder = data_dir / "bccd_voc"
    with pytest.warns(UserWarning, match="left out 2 boxes"):
        files = pascal_voc_pool(folder / "Annotations", folder / "JPEGImages")
    pool = cached(files, 100)
    assert (len(pool), pool.classes, pool.findings) == (len(files), files.classes, files.findings)
    assert (pool.skipped, pool.weights, pool.takes_seed) == (0, None, False)
    assert pool.to_spec() == {"format": "cached", "pool": files.to_spec(), "megabytes": 100}
    assert pool.name_of(3) == files.name_of(3)
    check_equal(pool[3], files[3])
    for found, wanted in zip(pool.class_rows(), files.class_rows(), strict=True):
        check_equal(found, wanted)
    assert len(pickle.dumps(pool)) < 10_000


def test_an_error_is_not_kept():
    """A donor that cannot be read now may be read later."""

    class Flaky(Counted):
        def __getitem__(self, index: int) -> Donor:
            donor = super().__getitem__(index)
            if self.reads[index] == 1:
                raise DonorReadError("busy")
            return donor

    pool = cached(Flaky())
    with pytest.raises(DonorReadError, match="busy"):
        pool[2]
    assert pool[2].label == 2
