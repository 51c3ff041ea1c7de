# %% [markdown]
"""Whole batches with `BatchCutMix`: in a loop after the loader, in its workers, and in Lightning.

Every image of a batch takes a rectangle from another one of the same batch. That needs no pool and
no second image to read, and runs where the batch is.

Needs: pip install "albu_cutmix[examples]"
"""

# %%
import logging
import os
from functools import partial
from pathlib import Path

import albumentations as A
import lightning
import numpy as np
import torch
from albumentations.pytorch import ToTensorV2
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from albu_cutmix import BatchCutMix, backend_info
from albu_cutmix.formats import pascal_voc_pool
from albu_cutmix.integrations.torch import MixCollate, mixed_accuracy, padded_collate, unpad
from albu_cutmix.scenes import OBJECT_CLASSES, SCENE_CLASSES, scene_pool

EPOCHS = int(os.environ.get("EXAMPLE_EPOCHS", "8"))
torch.set_num_threads(1)  # two: a third faster on quiet cores, several times slower on busy ones


def find_data(name: str) -> Path | None:
    """Return the folder of a data set, or None where there is none: then scenes are drawn."""
    named = os.environ.get("EXAMPLE_DATA")
    if named and not Path(named).is_dir():
        way_out = "Set it to the folder that holds the data sets, or unset it."
        raise NotADirectoryError(f"EXAMPLE_DATA must be a folder, got {named!r}. {way_out}")
    # From the checkout, as a script is run, and from its examples/, where Jupyter begins.
    places = [named] if named else ["../shared/data", "../../shared/data"]
    folders = [Path(place, name) for place in places]
    found = next((folder for folder in folders if folder.is_dir()), None)
    if found is None:
        print(f"no data in {' or '.join(map(str, folders))}: drawn scenes")
    return found


# %% [markdown]
# What batches can be mixed with on this machine:

# %%
for name, sentence in backend_info().items():
    print(f"{name}: {sentence}")

# %% [markdown]
# ## After the loader
#
# Ten hand signs, 32 x 32 pixels. The loader gives whole labels, the mix makes them soft, and
# `nn.CrossEntropyLoss` takes them. On a CUDA device move the batch there first: then the mix runs
# there too, and waits for nothing. Without the data, scenes of 64 x 64 pixels stand in.


# %%
def load_signs() -> tuple[TensorDataset, int]:
    """Return images (N, 3, H, W) with labels, and the number of classes."""
    folder = find_data("sign_digits")
    if folder:
        with np.load(folder / "sign_digits_32.npz") as arrays:
            images, labels = arrays["x_train"], arrays["y_train"]
        count = 10
    else:
        scenes = list(scene_pool(80, size=(64, 64)))
        images = np.stack([scene.image for scene in scenes])
        labels = np.array([SCENE_CLASSES.index(scene.label) for scene in scenes])
        count = len(SCENE_CLASSES)
    planes = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    return TensorDataset(torch.from_numpy(planes), torch.from_numpy(labels).long()), count


def block(inputs: int, outputs: int) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2))


def make_net(classes: int) -> nn.Sequential:
    head = [nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(256, classes)]
    return nn.Sequential(block(3, 16), block(16, 32), block(32, 64), *head)


signs, classes = load_signs()
device = "cuda" if torch.cuda.is_available() else "cpu"
torch.manual_seed(0)
mix = BatchCutMix(classes=classes, p=0.5, seed=0)
net, loss_of = make_net(classes).to(device), nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(net.parameters(), 3e-3, weight_decay=1e-2)
loader = DataLoader(signs, batch_size=64, shuffle=True, drop_last=True)
for epoch in range(EPOCHS):
    mixed, right, unmixed = 0, 0.0, 0
    for images, labels in loader:
        batch = mix({"image": images.to(device), "label": labels.to(device)})
        logits = net(batch["image"].float() / 255)
        optimizer.zero_grad()
        loss_of(logits, batch["label"]).backward()
        optimizer.step()
        score = mixed_accuracy(logits.detach(), batch["label"])  # of rows that show one class
        right += score.accuracy * score.unmixed if score.unmixed else 0
        unmixed += score.unmixed
        mixed += int(batch["mix"].applied.sum())
    print(f"epoch {epoch}  {mixed} images mixed  accuracy of the others {right / unmixed:.2f}")

# %% [markdown]
# ## In the workers, with boxes
#
# `padded_collate` makes one array of boxes from lists of different lengths, with their counts;
# `MixCollate` then mixes, in the worker that made the batch. Each worker and epoch draws its own.
# With boxes the patches are small and inside: nothing here looks where the objects are.
# `unpad` gives the lists that torchvision's detectors take.

# %%
voc = find_data("bccd_voc")
cells = (
    pascal_voc_pool(voc / "Annotations", voc / "JPEGImages")
    if voc
    else scene_pool(24, size=(240, 320))
)
names = cells.classes if voc else OBJECT_CLASSES


class Boxed(Dataset):
    """Images with boxes, all of one size."""

    transform = A.Compose(
        [A.Resize(240, 320), A.ToFloat(), ToTensorV2()],
        bbox_params=A.BboxParams("pascal_voc", label_fields=["labels"], clip=True),
    )

    def __len__(self) -> int:
        return min(24, len(cells))

    def __getitem__(self, index: int) -> dict:
        sample = cells.sample(index, "pascal_voc")
        return self.transform(**{key: sample[key] for key in ("image", "bboxes", "labels")})


collate = partial(padded_collate, classes={name: number for number, name in enumerate(names, 1)})
box_mix = BatchCutMix(placement="inside", area_range=(0.02, 0.15), seed=0)
boxed = DataLoader(
    Boxed(), batch_size=8, num_workers=2, collate_fn=MixCollate(box_mix, collate),
    multiprocessing_context="fork",  # a script's own classes cannot be spawned without a main guard
)  # fmt: skip
for batch in boxed:
    images, targets = unpad(batch)
    record = batch["mix"]
    print(
        f"boxes of a batch {tuple(batch['bboxes'].shape)}: {int(record.kept.sum())} as they were, "
        f"{int(record.clipped.sum())} clipped, {int(record.dropped.sum())} dropped, "
        f"{int(record.donor_kept.sum())} from donors; the first has {len(targets[0]['boxes'])}"
    )

# %% [markdown]
# ## In Lightning
#
# `on_after_batch_transfer` is called when the batch is on its device. Validation is not mixed.


# %%
class Signs(lightning.LightningModule):
    """A small net that mixes its training batches."""

    def __init__(self) -> None:
        super().__init__()
        self.net, self.mix, self.mixed = make_net(classes), mix, 0

    def on_after_batch_transfer(self, batch: list, dataloader_idx: int) -> dict:  # noqa: ARG002
        named = dict(zip(("image", "label"), batch, strict=True))
        return self.mix(named) if self.trainer.training else named

    def training_step(self, batch: dict) -> torch.Tensor:
        self.mixed += int(batch["mix"].applied.sum())
        return nn.functional.cross_entropy(self.net(batch["image"].float() / 255), batch["label"])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), 3e-3)


logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
quiet = {"enable_progress_bar": False, "enable_model_summary": False, "logger": False}
trainer = lightning.Trainer(
    max_epochs=1, accelerator="cpu", devices=1, enable_checkpointing=False, **quiet
)
module = Signs()
trainer.fit(module, loader)
print(f"Lightning: {module.mixed} of {len(loader) * 64} images mixed")
