"""Real DataLoader workers: every worker and epoch draws differently, and repeatably."""

from __future__ import annotations

import albumentations as A
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, Subset

from albu_cutmix import CutMix, Donor, InvalidArgumentError, MixRecord, seed_worker

SHAPE = (67, 89, 3)
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*use of fork\\(\\):DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


def make_pipeline(seed: int | None, p: float = 1.0) -> A.Compose:
    """A mix, and a transform of the host whose draw shows in the image."""
    donors = [Donor(np.full(SHAPE, 255, np.uint8), label=1) for _ in range(50)]
    mix = CutMix(donors, classes=3, p=p)
    return A.Compose([A.RandomBrightnessContrast((-0.3, 0.3), 0, p=1), mix], seed=seed)


class Mixed(Dataset):
    """A data set as users write it: the pipeline is an attribute."""

    def __init__(self, pipeline: A.Compose) -> None:
        self.transform = pipeline

    def __len__(self) -> int:
        return 12

    def __getitem__(self, index: int) -> dict:
        image = np.full(SHAPE, 100, np.uint8)
        out = self.transform(image=image, label=index % 3)
        return {**out, "brightness": int(out["image"].min())}


def batches(
    start: str, *, persistent: bool, seed: int | None, p: float = 1.0, init=None, epochs: int = 2
) -> list[dict]:
    """Every batch of some epochs, in order."""
    torch.manual_seed(5)
    loader = DataLoader(
        Mixed(make_pipeline(seed, p)),
        batch_size=3,
        num_workers=2,
        persistent_workers=persistent,
        multiprocessing_context=start,
        worker_init_fn=init,
    )
    return [batch for _ in range(epochs) for batch in loader]


def draws(found: list[dict]) -> list[tuple]:
    """Donor and patch of every sample."""
    return [
        (*batch["mix"].donors[row].tolist(), *batch["mix"].patches[row].ravel().tolist())
        for batch in found
        for row in range(len(batch["image"]))
    ]


@pytest.mark.parametrize("seed", [None, 42], ids=["no-seed", "seed"])
@pytest.mark.parametrize("persistent", [False, True], ids=["restarted", "persistent"])
@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers_and_epochs_differ_and_repeat(start, persistent, seed):
    """Every draw of every worker and epoch is another; equal torch seeds give equal draws."""
    first = draws(batches(start, persistent=persistent, seed=seed))
    assert len(first) == 24
    assert len(set(first)) == 24
    if start == "fork":  # spawned workers take seconds to start; they share this code
        assert first == draws(batches(start, persistent=persistent, seed=seed))


def test_pipeline_seed_matters_in_workers():
    """The seed of the pipeline is part of a worker's stream."""
    one = draws(batches("fork", persistent=False, seed=1, epochs=1))
    assert one != draws(batches("fork", persistent=False, seed=2, epochs=1))


def test_ranks_of_distributed_training_differ(monkeypatch):
    """Processes of equal torch seed draw differently when their launcher numbered them."""
    one = draws(batches("fork", persistent=False, seed=1, epochs=1))
    monkeypatch.setenv("RANK", "1")
    assert one != draws(batches("fork", persistent=False, seed=1, epochs=1))


def test_gate_draws_differ_between_workers():
    """Not only the patch but whether the mix fires is drawn per worker."""
    found = batches("fork", persistent=False, seed=7, p=0.5, epochs=4)
    fired = [tuple(batch["mix"].applied.tolist()) for batch in found]
    assert len(set(fired)) > 3


@pytest.mark.parametrize("persistent", [False, True], ids=["restarted", "persistent"])
def test_seed_worker_cures_the_rest_of_the_pipeline(persistent):
    """Without it 2.0.8 repeats brightness in both workers; with it no worker repeats."""

    def brightness(init) -> list[tuple]:
        found = batches("fork", persistent=persistent, seed=3, p=0.0, init=init, epochs=1)
        return [tuple(batch["brightness"].tolist()) for batch in found]

    repeated, cured = brightness(None), brightness(seed_worker)
    assert repeated[0] == repeated[1]
    assert cured[0] != cured[1]
    assert cured == brightness(seed_worker)


def test_seed_worker_finds_wrapped_pipelines():
    """A pipeline inside a wrapped data set, a list or a closure is found."""
    pipeline = make_pipeline(1)

    class Closed(Dataset):
        def __init__(self) -> None:
            self.calls = [lambda image: pipeline(image=image)]

        def __len__(self) -> int:
            return 4

        def __getitem__(self, index: int) -> torch.Tensor:
            return torch.from_numpy(self.calls[0](np.full(SHAPE, 100, np.uint8))["image"])

    loader = DataLoader(
        Subset(Closed(), range(4)),
        num_workers=2,
        worker_init_fn=seed_worker,
        multiprocessing_context="fork",
    )
    assert len(list(loader)) == 4


def test_seed_worker_finds_a_pipeline_of_the_class():
    """A pipeline may also be an attribute of the data set's class."""

    class Shared(Dataset):
        transform = make_pipeline(1)

        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int) -> torch.Tensor:
            return torch.from_numpy(self.transform(image=np.zeros(SHAPE, np.uint8))["image"])

    loader = DataLoader(
        Shared(), num_workers=1, worker_init_fn=seed_worker, multiprocessing_context="fork"
    )
    assert len(list(loader)) == 2


def test_seed_worker_outside_of_a_worker_says_how_to_use_it():
    """It cannot know a worker's seed in the main process."""
    with pytest.raises(InvalidArgumentError, match="worker_init_fn=seed_worker"):
        seed_worker(0)


class Plain(Dataset):
    """A data set without a pipeline."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> int:
        return index


def test_seed_worker_without_a_pipeline_says_what_to_do():
    """A pipeline that is not found would silently repeat."""
    loader = DataLoader(
        Plain(), num_workers=1, worker_init_fn=seed_worker, multiprocessing_context="fork"
    )
    with pytest.raises(InvalidArgumentError, match=r"found no Albumentations pipeline.*Plain"):
        list(loader)


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
def test_batches_stack_whether_or_not_the_mix_fired(p):
    """Records and soft labels go through default_collate, fired or not."""
    loader = DataLoader(Mixed(make_pipeline(3, p)), batch_size=6)
    batch = next(iter(loader))
    assert isinstance(batch["mix"], MixRecord)
    assert batch["mix"].patches.shape == (6, 1, 4)
    assert batch["mix"].lam.dtype == torch.float32
    assert batch["label"].shape == (6, 3)
    assert torch.equal(batch["label"].sum(1), torch.ones(6))
