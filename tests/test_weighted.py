"""`weighted`: chances of donors by rarity of their classes, or as given."""

from __future__ import annotations

import os
import pickle
from itertools import pairwise

import albumentations as A
import numpy as np
import pytest

from albu_cutmix import Donor, InvalidArgumentError
from albu_cutmix.choice import Chances
from albu_cutmix.formats import coco_pool, pascal_voc_pool
from albu_cutmix.pool import BasePool, MemoryPool, dataset_pool
from albu_cutmix.scenes import scene_pool
from albu_cutmix.wrappers import cached, mapped, weighted

PIXEL = np.zeros((7, 11, 3), np.uint8)


def donor(*names: str) -> Donor:
    """A donor with a box per name."""
    return Donor(PIXEL, bboxes=[[0, 0, 5, 5]] * len(names), fields={"labels": list(names)})


# f: ox 4/5, ant 2/5, bee 1/5; the last donor has no class.
CELLS = [donor("ox", "ox", "ox"), donor("ox", "ant"), donor("ant", "bee", "ox"), donor("ox")]
CELLS += [Donor(PIXEL)]
RARITY = [5 / 4, 5 / 2, 5, 5 / 4, 5 / 4]


@pytest.mark.parametrize("pool", [CELLS, tuple(CELLS), MemoryPool(CELLS)], ids=type)
def test_the_rarest_class_counts(pool):
    """By hand: a class counts once in a donor, a donor without classes has the least weight."""
    found = weighted(pool, "inverse")
    assert found.weights.dtype == np.float64
    np.testing.assert_allclose(found.weights, RARITY, rtol=1e-15)
    np.testing.assert_allclose(weighted(pool, "sqrt").weights, np.sqrt(RARITY), rtol=1e-15)
    assert found[2] is pool[2]
    assert len(found) == 5


def test_class_labels_count_before_boxes():
    """Where donors have a class label, that is their class."""
    pool = [Donor(PIXEL, label=label) for label in (3, 3, 3, 8)]
    np.testing.assert_allclose(weighted(pool, "inverse").weights, [4 / 3, 4 / 3, 4 / 3, 4])


@pytest.mark.parametrize("weights", [[0, 1, 2.5, 0, 7], np.arange(5, dtype=np.float32), (1,) * 5])
def test_weights_as_given(weights):
    """An array is taken as it is, as a copy that cannot be written to."""
    pool = weighted(CELLS, weights)
    assert pool.weights.tolist() == list(map(float, weights))
    assert not pool.weights.flags.writeable
    assert pool.weights is not weights


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("cube", "weights must be 'inverse', 'sqrt' or an array with a number .* got 'cube'"),
        ([1, 2], "weights must be 5 finite numbers"),
        ([[1] * 5], "weights must be 5 finite numbers"),
        ([1, 2, 3, 4, -1], "of at least 0"),
        ([1, 2, 3, 4, np.nan], "finite"),
        ([1, 2, 3, 4, np.inf], "finite"),
        ([0] * 5, "must not all be 0"),
        (None, "weights must be 5 finite numbers"),
        (["a"] * 5, "weights must be 5 finite numbers"),
    ],
)
def test_weights_that_are_none(weights, message):
    """They are refused with what was expected and what came."""
    with pytest.raises(InvalidArgumentError, match=message):
        weighted(CELLS, weights)


@pytest.mark.parametrize("wrap", [lambda pool: pool, cached])
def test_weights_are_given_once(wrap):
    """A pool that has weights, also inside another wrapper, takes no second ones."""
    with pytest.raises(InvalidArgumentError, match="Give one array of weights"):
        weighted(wrap(weighted(CELLS, "sqrt")), "sqrt")


def test_classes_that_are_not_known():
    """Without classes, or before items are read, an array of weights is the way out."""
    with pytest.raises(InvalidArgumentError, match="none of the 2 has a class label"):
        weighted([Donor(PIXEL), donor()], "inverse")
    for pool in (dataset_pool(CELLS), cached(dataset_pool(CELLS)), [{"image": PIXEL}]):
        with pytest.raises(InvalidArgumentError, match="Give `weighted` an array"):
            weighted(pool, "inverse")
        assert weighted(pool, np.ones(len(pool))).weights.all()


def test_fields_that_name_no_class():
    """A first field of lists is told as such."""
    donor = Donor(np.zeros((4, 5, 3), np.uint8), bboxes=[[0, 0, 2, 2]], fields={"a": [[1, [2]]]})
    with pytest.raises(InvalidArgumentError, match="must hold plain values to be classes"):
        weighted([donor], "sqrt")


def test_wrappers_hand_weights_on():
    """A cache or a pipeline around a weighted pool has its weights, and its draws."""
    pool = weighted(scene_pool(3, size=(67, 89)), [1, 0, 2])
    flip = A.Compose([A.HorizontalFlip(p=1)], bbox_params=A.BboxParams("coco", ["labels"]))
    for outer in (cached(pool), mapped(pool, flip)):
        assert outer.weights is pool.weights
    inner = weighted(mapped(scene_pool(3, size=(67, 89)), flip), "sqrt")
    assert inner.takes_seed
    assert np.array_equal(inner.draw(1, 5).image, pool[1].image[:, ::-1])


def test_a_spec_keeps_the_word_or_the_list(tmp_path):
    """A rule stays a rule, an array becomes a list; a pool in memory has no spec."""

    class Known(MemoryPool):
        def to_spec(self) -> dict:
            return {"format": "coco"}

    spec = {"format": "weighted", "pool": {"format": "coco"}}
    assert weighted(Known(CELLS), "sqrt").to_spec() == spec | {"weights": "sqrt"}
    assert weighted(Known(CELLS), range(5)).to_spec() == spec | {"weights": [0, 1, 2, 3, 4]}
    assert weighted(CELLS, "sqrt").to_spec() is None


def test_the_digest_follows_the_weights():
    """Other weights draw other donors: the digest tells them apart, and the data too."""
    pools = [CELLS, CELLS[::-1]]
    found = {weighted(pool, rule).digest() for pool in pools for rule in ("sqrt", "inverse")}
    assert len(found) == 4
    same = weighted(CELLS, weighted(CELLS, "sqrt").weights)
    assert same.digest() == weighted(CELLS, "sqrt").digest()


class Million(BasePool):
    """A million donors of two classes; the first is rare."""

    def __len__(self) -> int:
        return 1_000_000

    def __getitem__(self, index: int) -> Donor:
        return Donor(PIXEL, label=int(index > 0))

    def class_rows(self) -> tuple:
        """Donor 0 has class 0, all others class 1."""
        codes = np.ones(len(self), np.int32)
        codes[0] = 0
        return np.arange(len(self) + 1), codes, (0, 1)


def test_a_million_weights_travel_as_a_file():
    """A pickle is small, and what is loaded maps the weights, read-only."""
    pool = weighted(Million(), "inverse")
    assert pool.weights[0] == 1e6
    data = pickle.dumps(pool)
    assert len(data) < 2000
    loaded = pickle.loads(data)
    assert np.array_equal(loaded.weights, pool.weights)
    assert not loaded.weights.flags.writeable
    assert loaded[5].label == 1


def test_a_lost_file_is_made_anew(monkeypatch, tmp_path):
    """Where the file of the weights is gone, those of a rule are counted again."""
    monkeypatch.setattr("albu_cutmix.sharing._folder", (os.getpid(), tmp_path))
    by_rule, as_given = weighted(Million(), "sqrt"), weighted(Million(), np.ones(1_000_000))
    data = pickle.dumps(by_rule), pickle.dumps(as_given)
    for path in tmp_path.iterdir():
        path.unlink()
    assert np.array_equal(pickle.loads(data[0]).weights, by_rule.weights)
    with pytest.raises(OSError, match="the shared table of a pickled WeightedPool is gone"):
        pickle.loads(data[1])


def shares(pool, weights: np.ndarray) -> dict[str, float]:
    """The chance that a drawn donor has each class, counted donor by donor."""
    out: dict[str, float] = {}
    for index, weight in enumerate(weights / weights.sum()):
        for name in set(pool[index].fields["labels"]):
            out[name] = out.get(name, 0.0) + weight
    return out


def draw_shares(pool, weights: np.ndarray, n: int = 20_000) -> dict[str, float]:
    """The share of draws that have each class."""
    chances, rng = Chances(weights, len(pool)), np.random.default_rng(0)
    counts = np.bincount([chances.draw(rng) for _ in range(n)], minlength=len(pool))
    return shares(pool, counts)


def check_draws(pool, rule: str) -> tuple[dict[str, float], dict[str, float]]:
    """Draws have the classes as often as the weights say; return the shares before and after."""
    weights = weighted(pool, rule).weights
    wanted, found = shares(pool, weights), draw_shares(pool, weights)
    for name, share in wanted.items():
        sigma = np.sqrt(share * (1 - share) / 20_000)
        assert found.get(name, 0.0) == pytest.approx(share, abs=5 * sigma + 1e-12), name
    return shares(pool, np.ones(len(pool))), wanted


@pytest.mark.parametrize(("rule", "after"), [("inverse", 0.6923), ("sqrt", 0.6317)])
def test_blood_cells(data_dir, rule, after):
    """BCCD: platelets, in 57% of the images, are drawn in 69% (inverse) or 63% (sqrt)."""
    folder = data_dir / "bccd_voc"
    with pytest.warns(UserWarning, match="left out 2 boxes"):
        pool = pascal_voc_pool(folder / "Annotations", folder / "JPEGImages")
    before, found = check_draws(cached(pool), rule)
    assert before["Platelets"] == pytest.approx(68 / 120)
    assert found["Platelets"] == pytest.approx(after, abs=1e-4)
    assert min(found["RBC"], found["WBC"]) > 0.97


@pytest.mark.parametrize(("rule", "after"), [("inverse", 0.4179), ("sqrt", 0.2949)])
def test_rare_classes(data_dir, rule, after):
    """COCO: images with a class that no other has are drawn more than twice as often by inverse."""
    folder = data_dir / "coco_instances"
    pool = cached(coco_pool(folder / "instances.json", folder / "images", labels="name"))
    check_draws(pool, rule)
    offsets, codes, classes = pool.class_rows()
    rows = [set(codes[start:end]) for start, end in pairwise(offsets)]
    rare = {code for code in range(len(classes)) if sum(code in row for row in rows) == 1}
    alone = np.array([bool(row & rare) for row in rows])
    weights = weighted(pool, rule).weights
    assert (len(pool), alone.sum()) == (73, 14)
    assert alone.mean() == pytest.approx(0.1918, abs=1e-4)
    assert weights[alone].sum() / weights.sum() == pytest.approx(after, abs=1e-4)
