"""Class labels through chains of mixes: always a sum of one, always what the records say."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import albumentations as A
import numpy as np
import oracle
import pytest
from family_oracle import mix_of
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import Sample

from albu_cutmix import CutMix, Cutout, Donor, MixUp

COUNT = 5
SHAPE = (9, 14)
NAMES = ("ant", "bee", "cow", "dog", "emu")


@dataclass(frozen=True)
class Link:
    """One mix of a chain."""

    kind: str
    patches: int
    p: float

    def build(self, pool: Any, classes: Any, key: str) -> A.BasicTransform:
        """The transform itself."""
        rest = {"classes": classes, "record_key": key, "p": self.p}
        if self.kind == "mixup":
            return MixUp(pool, alpha=1.0, **rest)
        rest |= {"num_patches": self.patches, "area_range": (0.1, 0.6)}
        return Cutout(**rest) if self.kind == "cutout" else CutMix(pool, **rest)


chains = st.lists(
    st.builds(
        Link,
        st.sampled_from(["cutmix", "cutmix", "mixup", "cutout"]),
        st.integers(1, 3),
        st.sampled_from([0.0, 0.5, 1.0, 1.0]),
    ),
    min_size=1,
    max_size=4,
)
rows = st.lists(st.integers(0, 16), min_size=COUNT, max_size=COUNT).filter(any)
soft = rows.map(lambda row: np.array(row, np.float32) / np.float32(sum(row)))
label_forms = {
    "index": st.integers(0, COUNT - 1),
    "numpy index": st.integers(0, COUNT - 1).map(np.int16),
    "name": st.sampled_from(NAMES),
    "vector": soft,
}


def sample(value: int, shape: tuple[int, int], label: Any) -> Sample:
    """An image of one value with a label."""
    return Sample(np.full((*shape, 3), value, np.uint8), label=label)


def expected_label(out: dict[str, Any], primary: Sample, donors: list[Sample], links: int):
    """The label by the records alone: each weighs what came before, and adds its donors."""
    label = [Fraction(value) for value in oracle.label_vector(primary.label, NAMES)]
    for k in range(links):
        record = out[f"mix{k}"]
        if not record.applied:
            continue
        mix = mix_of(record, primary, donors)
        others = [piece.donor.label for piece in mix.pieces if piece.donor is not None]
        vectors = [label, *(oracle.label_vector(one, NAMES) for one in others)]
        columns = zip(*vectors, strict=True)
        weights = mix.area_weights
        label = [sum(w * v for w, v in zip(weights, c, strict=True)) for c in columns]
    return label


def run_chain(chain: list[Link], primary: Sample, donors: list[Sample], seed: int):
    """The output of a chain of mixes, each with its own record."""
    pool = [Donor(one.image, label=one.label) for one in donors]
    classes = list(NAMES) if isinstance(primary.label, str) else COUNT
    mixes = [link.build(pool, classes, f"mix{k}") for k, link in enumerate(chain)]
    return A.Compose(mixes, seed=seed)(image=primary.image, label=primary.label)


@pytest.mark.parametrize("form", sorted(label_forms))
@settings(max_examples=100)
@given(st.data(), chains, st.integers(0, 2**31 - 1))
def test_every_chain_keeps_the_label_true(form, data, chain, seed):
    """After one to four mixes a float32 label sums to 1, and is the product of all weights."""
    make = label_forms[form]
    primary = sample(0, SHAPE, data.draw(make))
    donors = [
        sample(10 + k, shape, data.draw(make)) for k, shape in enumerate([SHAPE, (14, 9), (5, 22)])
    ]
    out = run_chain(chain, primary, donors, seed)
    got = out["label"]
    assert (type(got), got.dtype, got.shape) == (np.ndarray, np.float32, (COUNT,))
    assert abs(float(got.astype(np.float64).sum()) - 1) <= 1e-6
    rule = expected_label(out, primary, donors, len(chain))
    gaps = [abs(Fraction(float(v)) - w) for v, w in zip(got, rule, strict=True)]
    assert max(gaps) <= Fraction(1, 10**6), f"{got} is not {list(map(float, rule))}"
    for value, weight in zip(got.tolist(), rule, strict=True):
        assert (value == 0) == (weight == 0), "no class comes from nowhere, and none is lost"


@settings(max_examples=100)
@given(st.integers(1, 4), st.integers(0, 2**31 - 1))
def test_the_label_is_the_share_of_the_pixels(patches, seed):
    """Each donor has one value and one class: its mass is the share of the pixels of its value."""
    primary = sample(0, SHAPE, 0)
    donors = [sample(10 * k, SHAPE, k) for k in range(1, COUNT)]
    out = run_chain([Link("cutmix", patches, 1.0)], primary, donors, seed)
    for label, mass in enumerate(out["label"].tolist()):
        share = Fraction(int((out["image"][..., 0] == 10 * label).sum()), SHAPE[0] * SHAPE[1])
        assert abs(mass - float(share)) <= 2.0**-24


@pytest.mark.parametrize("kind", ["cutmix", "cutout", "mixup"])
@settings(max_examples=60)
@given(st.lists(st.integers(0, 1), min_size=COUNT, max_size=COUNT), st.integers(0, 2**31 - 1))
def test_a_vector_is_taken_as_it_is(kind, row, seed):
    """A multi-hot label keeps its sum's meaning: no normalising, no clipping to one."""
    vector = np.array(row, np.float32)
    primary, donors = sample(0, SHAPE, vector), [sample(1, SHAPE, vector[::-1].copy())]
    out = run_chain([Link(kind, 2, 1.0)], primary, donors, seed)
    rule = expected_label(out, primary, donors, 1)
    assert np.abs(out["label"] - np.array(rule, float)).max() <= 2.0**-23


def test_weights_of_a_chain_by_hand():
    """A blend of 3/4, then a patch of 1/3: weights 1/2, 1/6 and 1/3."""

    class Fixed:
        """A primary that is 3/4 of the blend and 2/3 of the mix."""

        applied, kind, blend = True, "mixup", 0.75
        donors, sources = np.array([0]), np.array([[0, 0, 14, 9]])
        patches = np.array([[0, 0, 14, 9]])

    class Patch(Fixed):
        """The patch of a third."""

        kind, blend, donors = "cutmix", 1.0, np.array([1])
        patches = sources = np.array([[0, 0, 14, 3]])

    donors = [sample(1, SHAPE, 1), sample(2, SHAPE, 2)]
    out = {"mix0": Fixed, "mix1": Patch}
    label = expected_label(out, sample(0, SHAPE, 0), donors, 2)
    assert label == [Fraction(1, 2), Fraction(1, 6), Fraction(1, 3), 0, 0]


@pytest.mark.parametrize("kind", ["cutmix", "cutout", "mixup"])
def test_an_unfired_mix_converts_the_label_too(kind):
    """At p = 0 an index comes back as a soft label, the same as from a mix that fires."""
    out = run_chain([Link(kind, 1, 0.0)], sample(0, SHAPE, 3), [sample(1, SHAPE, 1)], 0)
    assert out["label"].dtype == np.float32
    assert out["label"].tolist() == [0, 0, 0, 1, 0]


@pytest.mark.parametrize("kind", ["cutmix", "cutout", "mixup"])
def test_pair_mode_gives_both_labels(kind):
    """With "pair" the label stays, the donor's comes beside it; Cutout's is the label again."""
    donors = [Donor(np.zeros((*SHAPE, 3), np.uint8), label=4)]
    rest = {"classes": COUNT, "label_mode": "pair", "p": 1.0}
    builders = {"cutmix": CutMix, "mixup": MixUp}
    mix = Cutout(**rest) if kind == "cutout" else builders[kind](donors, **rest)
    out = A.Compose([mix], seed=1)(image=np.full((*SHAPE, 3), 7, np.uint8), label=2)
    assert out["mix"].applied
    assert (out["label"], out["label_donor"]) == (2, 2 if kind == "cutout" else 4)


def test_cutout_keeps_the_whole_weight():
    """Cutout's label is the primary's, weight 1, however much is cut out: as in its paper."""
    mix = Cutout(area_range=(0.5, 0.5), num_patches=3, classes=COUNT, p=1.0)
    out = A.Compose([mix], seed=0)(image=np.full((*SHAPE, 3), 9, np.uint8), label=1)
    assert out["mix"].lam < 0.6
    assert out["label"].tolist() == [0, 1, 0, 0, 0]


def test_cutout_weighs_by_objects_when_asked():
    """With label_weight="object" the label is what still shows of the objects; it may sum less."""
    mask = np.zeros((20, 20), np.uint8)
    mask[4:16, 4:16] = 1
    mix = Cutout(area_range=(0.2, 0.4), classes=2, label_weight="object", p=1.0)
    pipeline, sums = A.Compose([mix], seed=0), []
    for _ in range(20):
        out = pipeline(image=np.full((20, 20, 3), 9, np.uint8), mask=mask, label=1)
        left = Fraction(int((out["mask"] == 1).sum()), 144)
        assert out["label"].tolist() == [0.0, pytest.approx(float(left), abs=2.0**-24)]
        sums.append(left)
    assert min(sums) < 1
    empty = pipeline(image=np.full((20, 20, 3), 9, np.uint8), mask=mask * 0, label=1)
    assert empty["label"].tolist() == [0.0, 1.0], "without an object it stays as it was"
