"""Hugging Face: a real Trainer on a data set in memory and a model from a configuration."""

from __future__ import annotations

import os

# Before the first import of either library: nothing is looked up in a network.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"

import albumentations as A
import datasets
import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional
from torch.utils.data import DataLoader
from transformers import ResNetConfig, ResNetForImageClassification, Trainer, TrainingArguments

from albu_cutmix import CutMix, Donor, InvalidSampleError, MixSchedule, MixTargets, dataset_pool
from albu_cutmix.integrations.transformers import (
    MixTrainerCallback,
    PipelineRows,
    image_collate,
    soft_label_loss,
)

pytestmark = [
    # PyTorch on forking a process with threads.
    pytest.mark.filterwarnings("ignore:.*use of fork\\(\\):DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
    # Of pinned memory, without a device to copy it to.
    pytest.mark.filterwarnings("ignore:'pin_memory' argument is set as true:UserWarning"),
]

ROWS, SIDE = 24, 32


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Tiny models wait for threads more than they compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def dataset() -> datasets.Dataset:
    """Pictures of PIL, one grey value each, with a class and the row's own number."""
    pictures = [Image.new("RGB", (SIDE, SIDE), (i, i, i)) for i in range(ROWS)]
    columns = {"image": pictures, "label": [i % 3 for i in range(ROWS)], "row": list(range(ROWS))}
    features = datasets.Features(
        image=datasets.Image(), label=datasets.ClassLabel(3), row=datasets.Value("int64")
    )
    return datasets.Dataset.from_dict(columns, features=features)


def to_donor(item: dict) -> Donor:
    """A row as a donor."""
    return Donor(np.asarray(item["image"].convert("RGB")), label=item["label"])


def pipeline(dataset, schedule: MixSchedule | None = None, p: float = 1.0) -> A.Compose:
    """The pipeline of the recipe: a pool of the same data set."""
    mix = CutMix(
        dataset_pool(dataset, to_donor), classes=3, area_range=(0.25, 0.25), schedule=schedule, p=p
    )
    return A.Compose([mix, A.ToFloat()], seed=5)


def tiny_model() -> ResNetForImageClassification:
    """A ResNet of two thin stages, with weights of its own."""
    torch.manual_seed(0)
    return ResNetForImageClassification(
        ResNetConfig(
            embedding_size=4, hidden_sizes=[4, 8], depths=[1, 1], layer_type="basic", num_labels=3
        )
    )


class Watched(Trainer):
    """A Trainer that notes what its model is given, and the loss that comes of it."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.seen: list[tuple[int, torch.Tensor]] = []
        self.losses: list[tuple[float, float]] = []

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        """Compare the loss with torch's own."""
        labels = inputs["labels"].clone()
        self.seen.append((int(self.state.epoch), labels))
        loss, outputs = super().compute_loss(
            model, inputs, return_outputs=True, num_items_in_batch=num_items_in_batch
        )
        own = functional.cross_entropy(outputs["logits"], labels, reduction="sum")
        self.losses.append((float(loss.detach()), float(own.detach())))
        return (loss, outputs) if return_outputs else loss


def trainer(path, train, *callbacks, **settings) -> Watched:
    """A Trainer on the CPU that prints and reports nothing."""
    arguments = {
        "output_dir": str(path), "use_cpu": True, "report_to": [], "disable_tqdm": True,
        "save_strategy": "no", "logging_strategy": "no", "remove_unused_columns": False,
        "per_device_train_batch_size": 4, "dataloader_pin_memory": False, "seed": 3,
    }  # fmt: skip
    return Watched(
        tiny_model(),
        TrainingArguments(**arguments | settings),
        train_dataset=train,
        data_collator=image_collate,
        compute_loss_func=soft_label_loss,
        callbacks=list(callbacks),
    )


def mixes(run: Watched) -> list[int]:
    """Count the mixed labels, or those of one class with a patch of it, of each epoch."""
    counts = [0] * (1 + max(epoch for epoch, _ in run.seen))
    for epoch, labels in run.seen:
        counts[epoch] += int((labels.amax(1) < 1).sum())
    return counts


@pytest.mark.parametrize("workers", [0, 2], ids=["main-process", "persistent-workers"])
def test_the_schedule_reaches_the_batches(dataset, tmp_path, workers):
    """A warm-up of one epoch and a last one without mixes, in workers that run through."""
    schedule = MixSchedule(3, warmup=1, stop_last=1)
    schedule.set_epoch(2)  # as a run before left it
    rows = PipelineRows(pipeline(dataset, schedule), index="row")
    more = {"dataloader_num_workers": 2, "dataloader_persistent_workers": True}
    run = trainer(
        tmp_path, dataset.with_transform(rows), MixTrainerCallback(schedule),
        num_train_epochs=3, **more if workers else {},
    )  # fmt: skip
    run.train()
    none, some, after = mixes(run)
    assert (none, after) == (0, 0)
    assert 8 < some < ROWS  # a donor of the same class leaves a label of one class
    assert schedule.epoch == 2


def test_the_loss_is_that_of_soft_labels(dataset, tmp_path):
    """A step's loss is the mean cross entropy of its rows, mixed as they are."""
    run = trainer(tmp_path, dataset.with_transform(PipelineRows(pipeline(dataset))), max_steps=3)
    run.train()
    for loss, total in run.losses:
        assert loss == pytest.approx(total / 4, rel=1e-6)
    assert all(torch.equal(labels.sum(1), torch.ones(4)) for _, labels in run.seen)


def test_accumulated_steps_are_one_large_batch(dataset, tmp_path):
    """Six batches of 4 with accumulated gradients train like one batch of 24."""
    weights = []
    for size, steps in ((24, 1), (4, 6)):
        run = trainer(
            tmp_path, dataset.with_transform(PipelineRows(pipeline(dataset, p=0.0))),
            num_train_epochs=1, per_device_train_batch_size=size, optim="sgd", learning_rate=0.5,
            gradient_accumulation_steps=steps, max_grad_norm=0.0,
        )  # fmt: skip
        model = run.model.eval()  # batch statistics would depend on the size of a batch
        model.train = lambda mode=True, model=model: model
        run.train()
        weights.append(torch.cat([one.detach().flatten() for one in run.model.parameters()]))
        assert sum(loss for loss, _ in run.losses) == pytest.approx(
            sum(total for _, total in run.losses) / 24, rel=1e-5
        )
    torch.testing.assert_close(*weights)
    assert not torch.equal(weights[0], torch.cat([w.flatten() for w in tiny_model().parameters()]))


def test_a_validation_set_of_whole_labels_is_measured(dataset, tmp_path):
    """Evaluation takes the same loss and collate, without a mix in its pipeline."""
    plain = dataset.with_transform(PipelineRows(A.Compose([A.ToFloat()])))
    run = trainer(tmp_path, plain)
    model = run.model.eval()
    metrics = run.evaluate(plain)
    batch = image_collate([plain[i] for i in range(ROWS)])
    assert batch["labels"].dtype == torch.int64
    logits = model(pixel_values=batch["pixel_values"])["logits"]
    expected = functional.cross_entropy(logits, batch["labels"]).detach()
    assert metrics["eval_loss"] == pytest.approx(float(expected), rel=1e-5)


def test_a_run_goes_on_in_its_epoch(dataset, tmp_path):
    """A Trainer that resumes tells the schedule where it is."""
    schedule = MixSchedule(3, stop_last=2)
    train = dataset.with_transform(PipelineRows(pipeline(dataset, schedule)))
    trainer(
        tmp_path, train, MixTrainerCallback(schedule), num_train_epochs=1, save_strategy="epoch"
    ).train()
    schedule.set_epoch(0)
    run = trainer(tmp_path, train, MixTrainerCallback(schedule), num_train_epochs=3)
    run.train(resume_from_checkpoint=True)
    assert mixes(run) == [0, 0, 0]
    assert {epoch for epoch, _ in run.seen} == {1, 2}


def test_a_loss_by_hand():
    """Two logits of probability 1/4 and 3/4, from a mapping and from a tuple."""
    logits, labels = torch.log(torch.tensor([[1.0, 3.0]])), torch.tensor([[0.5, 0.5]])
    expected = 0.5 * np.log(4) + 0.5 * np.log(4 / 3)
    assert float(soft_label_loss({"logits": logits}, labels)) == pytest.approx(expected)
    assert float(soft_label_loss((logits,), labels, torch.tensor(8))) == pytest.approx(expected / 4)
    whole = torch.tensor([1])
    assert float(soft_label_loss((logits,), whole, 2)) == pytest.approx(np.log(4 / 3) / 2)


def test_rows_of_workers_differ(dataset):
    """Without a worker_init_fn each worker draws for itself, in every transform of the pipeline."""
    donors = [Donor(np.zeros((SIDE, SIDE, 3), np.uint8), label=0)]
    run = A.Compose(
        [A.RandomBrightnessContrast((-0.3, 0.3), 0, p=1), CutMix(donors, classes=3, p=0.0)], seed=1
    )
    same = dataset.select([20] * 16).with_transform(PipelineRows(run))
    loader = DataLoader(
        same, 4, num_workers=2, collate_fn=image_collate, multiprocessing_context="fork"
    )
    drawn = [tuple(batch["pixel_values"].amax((1, 2, 3)).tolist()) for batch in loader]
    assert drawn[0] != drawn[1]


def test_no_row_is_its_own_donor(dataset):
    """The column with a row's number excludes it from the draw."""
    two = dataset.select([0, 1])
    rows = PipelineRows(pipeline(two), index="row")
    for _ in range(5):
        out = rows(two[:2])
        assert [int(record.donors[0]) for record in out["mix"]] == [1, 0]
    assert set(out) == {"image", "label", "mix"}


def test_columns_that_are_gone_are_named(dataset):
    """A Trainer that removes columns leaves nothing to mix."""
    rows = PipelineRows(pipeline(dataset), index="row")
    with pytest.raises(InvalidSampleError, match=r"got \['label'\].*remove_unused_columns=False"):
        rows({"label": [1]})


def test_arrays_and_other_modes_of_pil(dataset):
    """A grey or palette picture is read as RGB, an array as it stands."""
    run = PipelineRows(A.Compose([MixTargets(classes=3)]))
    grey = Image.new("L", (6, 4), 9)
    out = run({"image": [grey, np.zeros((4, 6), np.uint16)], "label": [0, 1]})
    assert [image.shape for image in out["image"]] == [(4, 6, 3), (4, 6)]
    assert out["image"][1].dtype == np.uint16
    assert run({"image": [], "label": []}) == {"image": [], "label": []}


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (Image.fromarray(np.full((4, 5), 1000, np.uint16)), "the mode 'I;16'"),
        (Image.fromarray(np.full((4, 5), 0.5, np.float32)), "the mode 'F'"),
        (Image.new("RGBA", (5, 4), (1, 2, 3, 100)), "transparent pixels"),
        (Image.new("CMYK", (5, 4)), "the mode 'CMYK'"),
    ],
    ids=["16-bit", "float", "clear", "cmyk"],
)
def test_images_that_rgb_would_spoil_are_refused(image, words):
    """Depth and transparency are not cut off in silence."""
    rows = PipelineRows(A.Compose([A.NoOp()]))
    with pytest.raises(InvalidSampleError, match=f"an image has {words}, which RGB of 8 bits"):
        rows({"image": [image], "label": [0]})


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
def test_images_that_rgb_holds_are_read(mode):
    """Palette, grey and opaque alpha become RGB."""
    image = Image.new("RGB", (5, 4), (255, 255, 255)).convert(mode)
    (found,) = PipelineRows(A.Compose([A.NoOp()]))({"image": [image], "label": [0]})["image"]
    assert found.shape == (4, 5, 3)
    assert (found == 255).all()
