"""Which donor is drawn: frequencies, exclusion, streams, and weights that cannot be."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from albu_cutmix import CutMix, Donor, InvalidArgumentError
from albu_cutmix.choice import Chances, draw_index

IMAGE = np.zeros((11, 17, 3), np.uint8)


def frequencies(weights, exclude=None, n=20_000) -> np.ndarray:
    """How often each donor is drawn, as shares."""
    rng, chances = np.random.default_rng(0), Chances(weights, len(weights))
    drawn = [draw_index(rng, len(weights), exclude, chances) for _ in range(n)]
    return np.bincount(drawn, minlength=len(weights)) / n


@pytest.mark.parametrize(
    "weights",
    [[1, 1, 1], [1, 2, 5], [0, 3, 0, 1, 0], [7], [1e-300, 2e-300], [1e308, 1e308, 1e308]],
    ids=str,
)
def test_donors_are_drawn_by_their_weights(weights):
    """Shares of draws are shares of the weights, in any scale; 0 is never drawn."""
    share = np.array(weights) / max(weights)
    share /= share.sum()
    found = frequencies(weights)
    assert np.abs(found - share).max() < 0.015  # four standard deviations
    assert not found[share == 0].any()


@pytest.mark.parametrize("exclude", range(5))
def test_excluded_donor_is_never_drawn(exclude):
    """The others keep their weights among themselves."""
    weights = np.array([1.0, 0.0, 2.0, 5.0, 1.0])
    left = weights.copy()
    left[exclude] = 0
    found = frequencies(weights, exclude)
    assert found[exclude] == 0
    assert np.abs(found - left / left.sum()).max() < 0.015


@pytest.mark.parametrize("order", [1, -1], ids=["first", "last"])
def test_large_weight_does_not_drown_the_others(order):
    """With the large one excluded, the small ones have their shares."""
    weights = np.array([1e17, 1.0, 1.0, 2.0])[::order]
    found = frequencies(weights, 0 if order == 1 else 3)
    assert np.abs(found - np.array([0, 0.25, 0.25, 0.5])[::order]).max() < 0.015


@pytest.mark.parametrize(("weights", "exclude"), [([3], 0), ([0, 3, 0], 1), ([1, 0], 0)])
def test_nothing_is_left(weights, exclude):
    """Where no other donor has a weight, none is drawn."""
    assert Chances(weights, len(weights)).draw(np.random.default_rng(0), exclude) is None


class Fixed:
    """A generator that gives one number."""

    def __init__(self, value: float) -> None:
        self.value = value

    def random(self) -> float:
        """Return it."""
        return self.value


@given(
    st.lists(st.sampled_from([0.0, 1e-9, 0.1, 1 / 3, 1.0, 1e9]), min_size=1, max_size=9),
    st.floats(0, 1, exclude_max=True),
    st.integers(-1, 8),
)
def test_only_donors_with_a_weight_are_drawn(weights, number, exclude):
    """Whatever the number, also where sums are rounded."""
    if not any(weights):
        weights = [*weights, 1.0]
    exclude = None if not 0 <= exclude < len(weights) else exclude
    index = Chances(weights, len(weights)).draw(Fixed(number), exclude)
    others = [w for i, w in enumerate(weights) if i != exclude]
    if index is None:
        assert exclude is not None
        assert not any(others)
    else:
        assert index != exclude
        assert weights[index] > 0


def test_equal_draws_are_those_of_before():
    """Without weights a seed draws what it always drew."""
    one, other = np.random.default_rng(5), np.random.default_rng(5)
    for _ in range(20):
        assert draw_index(one, 7, None) == other.integers(7)
        index = other.integers(6)
        assert draw_index(one, 7, 2) == index + (index >= 2)


def test_chances_pickle_small():
    """A million weights travel as a file that all workers map, and draw alike."""
    chances = Chances(np.arange(1, 1_000_001), 1_000_000)
    data = pickle.dumps(chances)
    assert len(data) < 2000
    again = pickle.loads(data)
    assert again.draw(np.random.default_rng(1)) == chances.draw(np.random.default_rng(1))


class Weighted(list):
    """A list of donors with weights, as a pool of one's own may have."""

    weights: object = None


def pool(weights) -> Weighted:
    """Three donors, with weights."""
    found = Weighted([Donor(IMAGE, label=1)] * 3)
    found.weights = weights
    return found


def test_mix_draws_by_the_weights_of_its_pool():
    """`weights` of any pool count, and `pool_index` is still never drawn."""
    mix = CutMix(pool([0.0, 1.0, 3.0]), p=1.0)
    mix.set_random_seed(1)
    drawn = [int(mix(image=IMAGE)["mix"].donors[0]) for _ in range(400)]
    assert 0.18 < drawn.count(1) / 400 < 0.32
    assert drawn.count(0) == 0
    assert {int(mix(image=IMAGE, pool_index=2)["mix"].donors[0]) for _ in range(20)} == {1}
    alone = CutMix(pool([0, 0, 1]), p=1.0)(image=IMAGE, pool_index=2)
    assert alone["mix"].reason == "no_donor"


def test_donors_of_the_call_are_drawn_alike():
    """The weights of the pool are not those of a list in the call."""
    mix = CutMix(pool([0.0, 0.0, 1.0]), p=1.0)
    mix.set_random_seed(1)
    listed = [Donor(IMAGE)] * 2
    assert {int(mix(image=IMAGE, mix_metadata=listed)["mix"].donors[0]) for _ in range(20)} == {
        0,
        1,
    }


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, 2], r"must be 3 finite numbers of at least 0, one for each donor, got \[1, 2\]"),
        ([1, -1, 1], r"finite numbers of at least 0.*got \[1, -1, 1\]"),
        ([1, float("nan"), 1], "finite numbers of at least 0"),
        ([1, float("inf"), 1], "finite numbers of at least 0"),
        (["a", "b", "c"], "finite numbers of at least 0"),
        (["1", "2", "3"], "finite numbers of at least 0"),
        ([True, True, False], "finite numbers of at least 0"),
        ([10**400, 1, 1], "finite numbers of at least 0"),
        ([[1, 1, 1]], "finite numbers of at least 0"),
        (np.ones(4), r"got an array of shape \(4,\)"),
        ([0, 0, 0], "must not all be 0: no donor could be drawn"),
    ],
    ids=str,
)
def test_weights_that_cannot_be(weights, message):
    """They are refused when the pool is given."""
    with pytest.raises(InvalidArgumentError, match=message):
        CutMix(pool(weights))
