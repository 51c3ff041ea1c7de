"""Parity with the papers: on equal draws the same pixels, labels and statistics.

The references are written from the papers' text, in arrays: a patch is the set of pixels whose
distance from a centre says so, no rectangle is passed on.
"""

from __future__ import annotations

from fractions import Fraction
from math import floor, sqrt

import albumentations as A
import numpy as np
import pytest
from strategies import pixels

from albu_cutmix import CutMix, Cutout, Donor, MixUp, geometry

SHAPE = (17, 11)
CLASSES = 4
DRAWS = 60


class Draws:
    """A generator that gives what the package drew, under the names the papers' code uses."""

    def __init__(self, draw):
        """Take one draw of the package."""
        self.lam = draw.beta
        self.uniforms = iter((draw.x, draw.y))

    def beta(self, *_):
        """The drawn lam."""
        return self.lam

    def integers(self, high):
        """The next uniform whole number below a bound."""
        return floor(next(self.uniforms) * high)


@pytest.fixture
def drawn(monkeypatch):
    """Every draw of a patch that the package makes, in order."""
    made, real = [], geometry.draw_patch

    def draw(rng, alpha):
        made.append(real(rng, alpha))
        return made[-1]

    monkeypatch.setattr(geometry, "draw_patch", draw)
    return made


def near(centre, half, side):
    """Which of a side's pixels lie in [centre - half, centre + half)."""
    steps = np.arange(side) - centre
    return (-half <= steps) & (steps < half)


# --- CutMix, Yun et al. 2019, arXiv:1905.04899, section 3.1 and equation 2 ------------------------


def region(rng, shape):
    """The region of the paper: of the image's aspect, 1 - lam of its area, cut at the border."""
    height, width = shape
    cut = sqrt(1 - rng.beta(1, 1))
    columns = near(rng.integers(width), int(width * cut) // 2, width)
    rows = near(rng.integers(height), int(height * cut) // 2, height)
    return rows[:, None] & columns[None, :]


def reference_cutmix(image, label, others, draws):
    """Patch after patch: M * A + (1 - M) * B, the label by what is left of each image."""
    out, owner = image.copy(), np.zeros(image.shape[:2], int)
    for slot, ((donor, _), draw) in enumerate(zip(others, draws, strict=True), 1):
        inside = region(Draws(draw), image.shape[:2])
        out = np.where(inside[..., None], donor, out)
        owner = np.where(inside, slot, owner)
    shares = [(owner == k).mean() for k in range(len(others) + 1)]
    vectors = [np.eye(CLASSES)[k] for k in (label, *(own for _, own in others))]
    return out, sum(share * vector for share, vector in zip(shares, vectors, strict=True)), owner


def paper_pool():
    """Three donors of the primary's size, classes 1 to 3."""
    return [Donor(pixels(k, (*SHAPE, 3), "uint8"), label=k) for k in (1, 2, 3)]


@pytest.mark.parametrize("patches", [1, 2, 3])
def test_cutmix_is_the_papers(drawn, patches):
    """Placement "paper" gives the pixels, label and lam of the procedure, each patch by it."""
    pool, image = paper_pool(), pixels(9, (*SHAPE, 3), "uint8")
    mix = CutMix(pool, placement="paper", num_patches=patches, classes=CLASSES, p=1.0)
    pipeline, compared = A.Compose([mix], seed=0), 0
    for _ in range(DRAWS):
        drawn.clear()
        out = pipeline(image=image, label=0)
        record = out["mix"]
        inside = [region(Draws(draw), SHAPE).any() for draw in drawn]
        full = [draw for draw, some in zip(drawn, inside, strict=True) if some]
        order = [(pool[k].image, pool[k].label) for k in record.donors.tolist() if k >= 0]
        rule, label, owner = reference_cutmix(image, 0, order, full)
        assert np.array_equal(out["image"], rule)
        assert np.abs(out["label"] - label).max() <= 2.0**-24
        assert record.lam == np.float32((owner == 0).mean())
        compared += record.applied
    assert compared > DRAWS / 2


def coverage(side, cut):
    """The chance of each pixel of a side to lie in a patch of that relative length."""
    return np.mean([near(centre, int(side * cut) // 2, side) for centre in range(side)], axis=0)


@pytest.mark.parametrize("patches", [1, 2])
def test_cutmix_covers_as_the_paper_does(patches):
    """Over many draws the mean lam is that of independent patches of the procedure: a union."""
    lams = (np.arange(4000) + 0.5) / 4000
    chance = np.zeros(SHAPE)
    for cut in np.sqrt(1 - lams):
        chance += coverage(SHAPE[0], cut)[:, None] * coverage(SHAPE[1], cut)[None, :] / len(lams)
    expected = ((1 - chance) ** patches).mean()
    mix = CutMix(paper_pool(), placement="paper", num_patches=patches, p=1.0)
    pipeline = A.Compose([mix], seed=0)
    image = np.zeros((*SHAPE, 3), np.uint8)
    got = np.array([float(pipeline(image=image)["mix"].lam) for _ in range(3000)])
    assert abs(got.mean() - expected) < 4 * got.std() / sqrt(len(got))


# --- mixup, Zhang et al. 2017, arXiv:1710.09412, equation 1 ---------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_mixup_is_the_papers(drawn, dtype):
    """The output is lam * x1 + (1 - lam) * x2, and the label alike, lam being 2**-17 off at most.

    Pixels are those of the lam of the record, to the bit or to the last bit of float32; those of
    the drawn lam are as far off as lam itself.
    """
    image, other = pixels(1, (*SHAPE, 3), dtype), pixels(2, (*SHAPE, 3), dtype)
    mix = MixUp([Donor(other, label=2)], alpha=0.4, classes=CLASSES, p=1.0)
    pipeline, full = A.Compose([mix], seed=0), 1.0 if dtype == "float32" else np.iinfo(dtype).max
    for _ in range(DRAWS):
        out = pipeline(image=image, label=0)
        lam = out["mix"].blend
        exact, nominal = (
            one * image.astype(np.float64) + (1 - one) * other.astype(np.float64)
            for one in (lam, drawn[-1].beta)
        )
        rule = exact if dtype == "float32" else np.rint(exact)
        got = out["image"].astype(np.float64)
        last_bit = 2.0**-22 if dtype == "float32" else 0.0
        assert np.abs(got - rule).max() <= last_bit
        grid = 2.0**-16 if min(drawn[-1].beta, 1 - drawn[-1].beta) < 2.0**-17 else 2.0**-17
        assert abs(lam - drawn[-1].beta) <= grid
        assert np.abs(got - nominal).max() <= full * grid + (0.5 if full > 1 else last_bit)
        assert out["label"].tolist() == [lam, 0, 1 - lam, 0]


@pytest.mark.parametrize("alpha", [0.2, 0.4, 1.0, 8.0])
def test_mixup_draws_from_beta(alpha):
    """The blend has the law Beta(alpha, alpha) on a grid of 2**-16, and never an end of it."""
    image = np.zeros((2, 2, 3), np.uint8)
    pipeline = A.Compose([MixUp([Donor(image)], alpha=alpha, p=1.0)], seed=0)
    got = np.array([pipeline(image=image)["mix"].blend for _ in range(2500)])
    assert (got * 2**16 == np.rint(got * 2**16)).all()
    assert got.min() >= 2.0**-16
    assert got.max() <= 1 - 2.0**-16
    other = np.random.default_rng(7).beta(alpha, alpha, 20000)
    other = np.clip(np.rint(other * 2**16), 1, 2**16 - 1) / 2**16
    points = np.unique(np.concatenate([got, other]))
    laws = [np.searchsorted(np.sort(some), points, "right") / len(some) for some in (got, other)]
    # Kolmogorov and Smirnov, two samples, at one in a thousand.
    bound = 1.95 * sqrt((len(got) + len(other)) / (len(got) * len(other)))
    assert np.abs(laws[0] - laws[1]).max() < bound
    assert got.mean() == pytest.approx(0.5, abs=4 * got.std() / sqrt(len(got)))


# --- Cutout, DeVries and Taylor 2017, arXiv:1708.04552, section 3 ---------------------------------


def reference_cutout(image, lengths, draws):
    """A square of zeros around any pixel, partly outside the image where the pixel is near it."""
    mask = np.ones(image.shape[:2], image.dtype)
    for length, draw in zip(lengths, draws, strict=True):
        rng = Draws(draw)
        columns = near(rng.integers(image.shape[1]), length // 2, image.shape[1])
        rows = near(rng.integers(image.shape[0]), length // 2, image.shape[0])
        mask[rows[:, None] & columns[None, :]] = 0
    return image * mask[..., None]


@pytest.mark.parametrize("holes", [1, 2, 3])
def test_cutout_is_the_papers(drawn, holes):
    """Placement "paper" cuts the squares of the procedure, clipped at the border; label kept."""
    image = pixels(3, (*SHAPE, 3), "uint8") | np.uint8(1)
    share = 0.2
    mix = Cutout(
        placement="paper", area_range=(share, share), num_patches=holes, classes=CLASSES, p=1.0
    )
    length = floor(sqrt(share * SHAPE[0] * SHAPE[1]) + 0.5)
    pipeline = A.Compose([mix], seed=0)
    for _ in range(DRAWS):
        drawn.clear()
        out = pipeline(image=image, label=1)
        rule = reference_cutout(image, [length] * holes, drawn)
        assert np.array_equal(out["image"], rule)
        assert out["label"].tolist() == [0, 1, 0, 0]
        assert out["mix"].lam == np.float32((rule[..., 0] > 0).mean())


@pytest.mark.parametrize("share", [0.05, 0.2, 0.4])
def test_cutout_length_follows_the_share(drawn, share):
    """The square's side is the rounded root of the share, whatever the image's aspect."""
    shape = (40, 13)
    mix = Cutout(placement="paper", area_range=(share, share), p=1.0)
    pipeline = A.Compose([mix], seed=1)
    half = floor(sqrt(Fraction(share) * shape[0] * shape[1]) + 0.5) // 2
    sides = set()
    for _ in range(DRAWS):
        drawn.clear()
        record = pipeline(image=np.zeros((*shape, 1), np.uint8))["mix"]
        x_min, y_min, x_max, y_max = record.patches[0].tolist()
        x, y = (
            floor(u * side) for u, side in zip((drawn[0].x, drawn[0].y), shape[::-1], strict=True)
        )
        assert (x_min, x_max) == (max(x - half, 0), min(x + half, shape[1]))
        assert (y_min, y_max) == (max(y - half, 0), min(y + half, shape[0]))
        sides.add((x_max - x_min, y_max - y_min))
    assert len(sides) > 3, "many squares are clipped"


def test_cutout_covers_as_the_paper_does():
    """Over many draws a pixel is cut as often as by the procedure: corners a quarter as often."""
    side, share = 16, 0.25
    pipeline = A.Compose([Cutout(placement="paper", area_range=(share, share), p=1.0)], seed=0)
    image, count = np.ones((side, side, 1), np.uint8), 3000
    got = (
        sum(1 - pipeline(image=image)["image"][..., 0].astype(float) for _ in range(count)) / count
    )
    one = np.mean([near(centre, 4, side) for centre in range(side)], axis=0)
    rule = one[:, None] * one[None, :]
    assert np.abs(got - rule).max() < 5 * sqrt(0.25 / count)
    assert got[0, 0] == pytest.approx(rule.max() / 4, abs=0.05)
