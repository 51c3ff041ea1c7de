"""Lightning: real Trainers with persistent workers, checkpoints and resumed runs."""

from __future__ import annotations

import json
import time
import warnings

import albumentations as A
import lightning.pytorch
import numpy as np
import pytest
import pytorch_lightning
import torch
from torch.utils.data import DataLoader, Dataset

from albu_cutmix import CutMix, InvalidArgumentError, MixSchedule, MixTargets
from albu_cutmix.integrations.lightning import MixCallback
from albu_cutmix.integrations.torch import classification_collate, soft_cross_entropy

pytestmark = [
    # PyTorch on forking a process with threads.
    pytest.mark.filterwarnings("ignore:.*use of fork\\(\\):DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
    # Lightning 2.6 with names that PyTorch has replaced since.
    pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning"),
    # The run that goes on does not save again.
    pytest.mark.filterwarnings("ignore:Be aware that when using `ckpt_path`:UserWarning"),
    # Lightning's advice on processors, workers and validation: these runs are small on purpose.
    pytest.mark.filterwarnings("ignore:.*:lightning.fabric.utilities.warnings.PossibleUserWarning"),
    pytest.mark.filterwarnings("ignore:.*:lightning_fabric.utilities.warnings.PossibleUserWarning"),
]

SHAPE = (17, 11, 3)
ROWS = 24


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Tiny models wait for threads more than they compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Pictures(Dataset):
    """Small pictures of three classes, mixed as users do it."""

    def __init__(self, pipeline: A.Compose, rows: int = ROWS) -> None:
        self.transform, self.rows = pipeline, rows

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, index: int) -> dict:
        image = np.full(SHAPE, index, np.uint8)
        return self.transform(image=image, label=index % 3, pool_index=index % 2)


def pipeline(schedule: MixSchedule | None = None, **settings) -> A.Compose:
    """A mix that fires whenever the schedule lets it."""
    donors = [{"image": np.full(SHAPE, 255, np.uint8), "label": i % 3} for i in range(40)]
    return A.Compose([CutMix(donors, classes=3, schedule=schedule, p=1.0, **settings)], seed=4)


def model(package=lightning.pytorch):
    """A linear classifier that notes the records of its batches."""

    class Classifier(package.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(int(np.prod(SHAPE)), 3)
            self.seen: list[tuple[int, list]] = []

        def training_step(self, batch, batch_idx):
            images, labels, records = batch
            draws = [
                (bool(fired), *donors.tolist(), *patches.ravel().tolist())
                for fired, donors, patches in zip(
                    records.applied, records.donors, records.patches, strict=True
                )
            ]
            self.seen.append((self.current_epoch, draws))
            return soft_cross_entropy(self.layer(images.flatten(1).float() / 255), labels)

        def validation_step(self, batch, batch_idx):
            self.log("loss", 1.0)

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.01)

        def mixes(self) -> dict[int, int]:
            """Count the mixes of each epoch."""
            counts: dict[int, int] = {}
            for epoch, draws in self.seen:
                counts[epoch] = counts.get(epoch, 0) + sum(draw[0] for draw in draws)
            return counts

    return Classifier()


def loader(run: A.Compose, workers: int = 2, **settings) -> DataLoader:
    """A loader with persistent workers, which know the schedule only by shared memory."""
    more = {"persistent_workers": True, "multiprocessing_context": "fork"} if workers else {}
    return DataLoader(
        Pictures(run), 4, num_workers=workers, collate_fn=classification_collate, **more | settings
    )


def trainer(path, epochs: int, *callbacks, package=lightning.pytorch, **settings):
    """A Trainer on one CPU that prints nothing."""
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "logger": False}
    return package.Trainer(
        max_epochs=epochs, accelerator="cpu", devices=1, default_root_dir=path,
        callbacks=list(callbacks), **{"enable_checkpointing": False, **quiet, **settings},
    )  # fmt: skip


class Slow(lightning.pytorch.Callback):
    """Time for workers to fetch their first batches before any hook of a train loop."""

    def on_train_start(self, trainer, pl_module):
        """Wait for longer than forked workers take."""
        time.sleep(0.5)


PACKAGES = pytest.mark.parametrize(
    "package", [lightning.pytorch, pytorch_lightning], ids=["lightning", "pytorch_lightning"]
)


@PACKAGES
@pytest.mark.parametrize("workers", [0, 2], ids=["main-process", "persistent-workers"])
def test_the_schedule_reaches_every_batch_of_an_epoch(tmp_path, workers, package):
    """With the last of three epochs off, all pictures of two epochs are mixed, none after."""
    schedule = MixSchedule(3, stop_last=1)
    net = model(package)
    run = trainer(tmp_path, 3, MixCallback(schedule), package=package)
    run.fit(net, loader(pipeline(schedule), workers))
    assert net.mixes() == {0: ROWS, 1: ROWS, 2: 0}
    assert float(run.callback_metrics["mix_applied"]) == 0.0


def test_the_schedule_is_found_in_the_pipeline(tmp_path):
    """A warm-up of one epoch mixes nothing in epoch 0, also in what workers fetch at once."""
    run = pipeline(MixSchedule(3, warmup=1))
    run.transforms[0].schedule.set_epoch(2)  # as a run before left it
    net = model()
    trainer(tmp_path, 3, Slow(), MixCallback(pipeline=run)).fit(net, loader(run))
    assert net.mixes() == {0: 0, 1: ROWS, 2: ROWS}


def test_the_applied_rate_is_logged(tmp_path):
    """The rate of an epoch is that of its records."""
    run, net = pipeline(), model()
    run.transforms[0].p = 0.5
    fit = trainer(tmp_path, 1, MixCallback())
    fit.fit(net, loader(run, 0))
    rate = net.mixes()[0] / ROWS
    assert 0.2 < rate < 0.8
    assert float(fit.callback_metrics["mix_applied"]) == pytest.approx(rate)


SAVES = {
    "epoch-end": {"save_on_train_epoch_end": True},
    "validation-end": {"save_on_train_epoch_end": False},
    "within-an-epoch": {"every_n_train_steps": 3},
    "last-batch": {"every_n_train_steps": 6},
}


@pytest.mark.parametrize("save", SAVES)
def test_a_run_goes_on_in_its_epoch(tmp_path, save):
    """Wherever a checkpoint was made, the run that goes on mixes by the epoch it is in.

    The first iterator is made before any hook of an epoch, so the workers' first batches come
    under the number that the callback itself kept.
    """
    validation = {"val_dataloaders": DataLoader(range(2))}
    save_at = lightning.pytorch.callbacks.ModelCheckpoint(
        tmp_path, filename="{epoch}-{step}", save_top_k=-1, **SAVES[save]
    )
    schedule = MixSchedule(3, stop_last=2)
    run = pipeline(schedule)
    first = trainer(tmp_path, 1, MixCallback(schedule, run), save_at, enable_checkpointing=True)
    first.fit(model(), loader(run), **validation)
    path = sorted(tmp_path.glob("epoch=0*.ckpt"))[0]

    schedule.set_epoch(0)  # a new process begins at 0
    net, after = model(), trainer(tmp_path, 3, Slow(), MixCallback(schedule, run))
    after.fit(net, loader(run), ckpt_path=path, **validation)
    mixed = net.mixes()
    assert mixed.pop(0, 0) == (12 if save == "within-an-epoch" else 0)
    assert mixed == {1: 0, 2: 0}
    assert schedule.epoch == 2


def saved_at_end(tmp_path, run: A.Compose) -> str:
    """Train an epoch with a mix and save a checkpoint."""
    fit = trainer(tmp_path, 1, MixCallback(pipeline=run))
    fit.fit(model(), loader(run, 0))
    path = tmp_path / "end.ckpt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no logger, which Lightning mentions
        fit.save_checkpoint(path)
    return str(path)


def test_a_checkpoint_names_its_mix(tmp_path):
    """The callback's state is the epoch to come and the fingerprint, as plain data."""
    run = pipeline()
    path = saved_at_end(tmp_path, run)
    state = torch.load(path, weights_only=True)["callbacks"]["MixCallback"]
    assert state == {"epoch": 1, "fingerprints": {"mix": run.transforms[0].fingerprint}}
    assert json.loads(json.dumps(state)) == state


def test_going_on_with_another_mix_warns(tmp_path):
    """Other settings are named by both fingerprints; equal ones say nothing."""
    path = saved_at_end(tmp_path, pipeline())
    same = trainer(tmp_path, 2, MixCallback(pipeline=pipeline()))
    same.fit(model(), loader(pipeline(), 0), ckpt_path=path)
    other = pipeline(alpha=0.5)
    again = trainer(tmp_path, 2, MixCallback(pipeline=other))
    with pytest.warns(UserWarning, match=r"goes on with another mix .*fingerprints are"):
        again.fit(model(), loader(other, 0), ckpt_path=path)


def test_a_checkpoint_from_before_the_callback_is_taken(tmp_path):
    """Without a state of its own the callback takes Lightning's epoch when training starts."""
    fit = trainer(tmp_path, 1)
    fit.fit(model(), loader(pipeline(), 0))
    fit.save_checkpoint(tmp_path / "old.ckpt")
    schedule, net = MixSchedule(2, stop_last=1), model()
    after = trainer(tmp_path, 2, MixCallback(schedule))
    after.fit(net, loader(pipeline(schedule), 0), ckpt_path=tmp_path / "old.ckpt")
    assert net.mixes() == {1: 0}


def test_a_pipeline_without_a_mix_is_refused():
    """It would have neither schedule nor fingerprint."""
    with pytest.raises(InvalidArgumentError, match="found no mix in Compose"):
        MixCallback(pipeline=A.Compose([A.HorizontalFlip()]))
    assert MixCallback(pipeline=A.Compose([MixTargets(), *pipeline().transforms])).fingerprints


def test_batches_of_any_shape_are_searched_for_a_record():
    """A mapping is asked by key, a tuple by type; anything else holds none."""
    callback = MixCallback(record_key="mix2")
    record = pipeline()(image=np.zeros(SHAPE, np.uint8), label=0)["mix"]
    assert callback._record_of({"mix2": record}) is record
    assert callback._record_of([torch.zeros(1), record]) is record
    assert callback._record_of({"mix": record}) is None
    assert callback._record_of(torch.zeros(2)) is None


@pytest.mark.parametrize("persistent", [False, True], ids=["restarted", "persistent"])
def test_seed_everything_leaves_every_draw_different(tmp_path, persistent):
    """Under Lightning's own worker seeds no draw of two workers and epochs repeats; runs do."""
    found = []
    for attempt in range(2):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Lightning's own on environment variables
            lightning.pytorch.seed_everything(42, workers=True, verbose=False)
        net = model()
        batches = loader(pipeline(), persistent_workers=persistent)
        trainer(tmp_path / str(attempt), 3).fit(net, batches)
        found.append([draw for _, draws in net.seen for draw in draws])
    assert len(found[0]) == len(set(found[0])) == 3 * ROWS
    assert found[0] == found[1]
