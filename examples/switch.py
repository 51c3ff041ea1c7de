# %% [markdown]
"""CutMix or MixUp for each image, as timm's recipes switch: one pipeline, one kind of label.

Photos of hands that sign a digit, 32 x 32 pixels, and a small net, as in classify.py. The mixes are
those of DeiT: CutMix with alpha 1.0, MixUp with alpha 0.8, each for half of what is mixed.

Needs: pip install "albu_cutmix[examples]"
"""

# %%
import os
from collections import Counter
from pathlib import Path

import albumentations as A
import numpy as np
import torch
from albumentations.pytorch import ToTensorV2
from torch import nn
from torch.utils.data import DataLoader

from albu_cutmix import CutMix, Donor, MemoryPool, MixSchedule, MixTargets, MixUp
from albu_cutmix.scenes import SCENE_CLASSES, scene_pool

EPOCHS = int(os.environ.get("EXAMPLE_EPOCHS", "12"))
P, SWITCH = 0.8, 0.5  # how often is mixed, and how much of that is CutMix
torch.set_num_threads(1)
torch.manual_seed(0)


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


# %%
if folder := find_data("sign_digits"):
    with np.load(folder / "sign_digits_32.npz") as arrays:
        pairs = [zip(arrays[f"x_{h}"], arrays[f"y_{h}"], strict=True) for h in ("train", "test")]
    train, test = ([Donor(x, label=y) for x, y in half] for half in pairs)
    train, classes = MemoryPool(train[::5]), 10
else:
    scenes, classes = scene_pool(80, size=(64, 64)), len(SCENE_CLASSES)
    donors = [Donor(scene.image, label=SCENE_CLASSES.index(scene.label)) for scene in scenes]
    train, test = MemoryPool(donors[:40]), donors[40:]

# %% [markdown]
# `OneOf` is the switch: the `p` of each mix is its weight, its own `p` says how often one of them
# is called. `MixTargets` gives label and record to the calls in which none is. One schedule stops
# both for the last two epochs.

# %%
schedule = MixSchedule(EPOCHS, stop_last=min(2, EPOCHS - 1))
cutmix = CutMix(train, alpha=1.0, placement="paper", classes=classes, schedule=schedule, p=SWITCH)
mixup = MixUp(train, alpha=0.8, classes=classes, schedule=schedule, p=1 - SWITCH)
switch = A.OneOf([cutmix, mixup], p=P)
transform = A.Compose([MixTargets(classes), switch, A.ToFloat(255), ToTensorV2()], seed=0)

outs = [transform(**train.sample(index), pool_index=index) for index in range(len(train))]
for kind in ("none", "cutmix", "mixup"):
    out = next(out for out in outs if out["mix"].kind == kind)
    print(f"{kind:6} keys {sorted(out)}  label {out['label'].dtype} {out['label'].shape}")

# %% [markdown]
# So batches stack, records too, and one loss takes all of them.

# %%
layers = []
for inputs, outputs in ((3, 16), (16, 32), (32, 64)):
    layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]
    layers += [nn.MaxPool2d(2)]
net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(256, classes))
optimizer = torch.optim.AdamW(net.parameters(), weight_decay=1e-2)
rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, EPOCHS * -(-len(train) // 50))
drawn = Counter()
for epoch in range(EPOCHS):
    schedule.set_epoch(epoch)
    rows = [transform(**train.sample(index), pool_index=index) for index in range(len(train))]
    for batch in DataLoader(rows, batch_size=50, shuffle=True):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(batch["image"]), batch["label"]).backward()
        optimizer.step()
        rate.step()
        drawn.update(row.kind if row.applied else "none" for row in batch["mix"].rows())
print(", ".join(f"{drawn[kind]} {kind}" for kind in ("cutmix", "mixup", "none")))
images = torch.stack([torch.from_numpy(donor.image).permute(2, 0, 1) / 255 for donor in test])
with torch.no_grad():
    right = net.eval()(images).argmax(1) == torch.tensor([int(donor.label) for donor in test])
print(f"test accuracy {right.float().mean():.3f} after {EPOCHS} epochs")
