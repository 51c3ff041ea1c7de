# %% [markdown]
"""From a competition's train.csv to a batch: look at the mix, audit it, pack it, load it.

Many detection competitions give a folder of images and a table with one row per box, the box as a
text such as "[834.0, 222.0, 56.0, 36.0]". This cell only makes such a table, here of blood cells;
yours is `pd.read_csv("train.csv")`.

Needs: pip install "albu_cutmix[examples]"
"""

# %%
import os
import tempfile
from functools import partial
from pathlib import Path

import albumentations as A
import cv2
import pandas as pd
from albumentations.pytorch import ToTensorV2
from torch.utils.data import DataLoader, Dataset

from albu_cutmix import PRESETS, CutMix, audit, pack, packed, seed_worker, show, weighted
from albu_cutmix.formats import frame_pool, pascal_voc_pool
from albu_cutmix.integrations.torch import detection_collate
from albu_cutmix.scenes import scene_pool

WORK = Path(tempfile.mkdtemp())  # on Kaggle: Path("/kaggle/working")


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


folder = find_data("bccd_voc")


def make_table(donors, suffix: str) -> pd.DataFrame:
    rows = []
    for donor in donors:
        for (x0, y0, x1, y1), label in zip(donor.bboxes, donor.fields["labels"], strict=True):
            box = f"[{x0}, {y0}, {x1 - x0}, {y1 - y0}]"
            rows.append({"image_id": donor.id.removesuffix(suffix), "bbox": box, "label": label})
    return pd.DataFrame(rows)


if folder:
    root, suffix = folder / "JPEGImages", ".jpg"
    df = make_table(pascal_voc_pool(folder / "Annotations", root), suffix)
else:
    root, suffix, scenes = WORK, ".png", scene_pool(24, size=(240, 320))
    for scene in scenes:
        cv2.imwrite(str(root / f"{scene.id}.png"), cv2.cvtColor(scene.image, cv2.COLOR_RGB2BGR))
    df = make_table(scenes, suffix)
df.head()

# %% [markdown]
# The table becomes a pool: boxes are read and checked now, never evaluated as code; images are
# opened when they are drawn. It is your data set and the pool of donors in one.

# %%
pool = frame_pool(df, image="image_id", bbox="bbox", label="label", root=root, suffix=suffix)
print(len(df), "boxes in", len(pool), "images of", *pool.classes)

# %% [markdown]
# Look before you train. The last line of a cell shows the picture: before, donor, and after.

# %%
mix = CutMix(pool, **PRESETS["detection"], p=1.0)
show(mix, pool[0], seed=1)

# %% [markdown]
# Every donor is decoded once into one file, which all workers share. On Kaggle's two to four cores
# that is what keeps the GPU busy.

# %%
pack(pool, WORK / "donors.pack", progress=False)
donors = packed(WORK / "donors.pack")
print(f"{(WORK / 'donors.pack').stat().st_size / 1e6:.0f} MB packed")

# %% [markdown]
# Is the mix safe on these boxes? The paper's own draw beside the preset, 200 mixes each. "erased"
# is the share of objects that the patch covered wholly; in a notebook `report` alone shows the
# whole page.

# %%
for name in ("paper", "detection"):
    report = audit(CutMix(donors, **PRESETS[name]), donors, 200, sweep=False, progress=False)
    summary = report.summary
    print(f"{name:10} erased {summary['erased']:.3f}  truncated {summary['truncated']:.3f}")

# %% [markdown]
# Images with rare classes give more donors. The mix stands before the tensor; what crops goes
# before the mix, since donors should fill the image that the net sees. `to_spec()` says as plain
# data what the pool is; a mix made of it is saved together with its pool.

# %%
params = A.BboxParams("coco", label_fields=["labels"], min_area=16)
rare_first = weighted(donors, "sqrt").to_spec()
print(rare_first)
transform = A.Compose(
    [
        A.RandomSizedBBoxSafeCrop(256, 256),
        CutMix(rare_first, **PRESETS["detection"], p=0.5),
        A.HorizontalFlip(),
        ToTensorV2(),
    ],
    bbox_params=params,
    seed=0,
)


class Cells(Dataset):
    """Samples as a detector takes them."""

    def __init__(self, transform: A.Compose) -> None:
        self.transform = transform  # seed_worker finds it among the attributes

    def __len__(self) -> int:
        return len(donors)

    def __getitem__(self, index: int) -> dict:
        return self.transform(**donors.sample(index, "coco"), pool_index=index)


# %% [markdown]
# `seed_worker` gives every worker and epoch its own draws in the whole pipeline. The batch is what
# torchvision's detectors take; they want class numbers from 1. The records of the batch say what
# was mixed. (Where workers are spawned, on Windows and macOS, put the data set in a file of its
# own.)

# %%
collate = partial(
    detection_collate,
    bbox_format="coco",
    classes={name: number for number, name in enumerate(pool.classes, 1)},
)
loader = DataLoader(
    Cells(transform),
    batch_size=8,
    shuffle=True,
    num_workers=2,
    worker_init_fn=seed_worker,
    collate_fn=collate,
)
batches = list(loader)  # one epoch
mixed = sum(int(records.applied.sum()) for _, _, records in batches)
print(f"one epoch: {len(batches)} batches, {mixed} of {len(pool)} images mixed")
images, targets, records = batches[0]
print("a batch:", len(images), "images of", tuple(images[0].shape), "with", *targets[0])

# %% [markdown]
# Beside a checkpoint keep what made its images: the pipeline as a readable file, and the packed
# donors that it names. Loaded again, the pipeline has its pool, and the fingerprint of the mix is
# the same: same settings, same donors.

# %%
A.save(transform, WORK / "policy.yaml", data_format="yaml")
again = A.load(WORK / "policy.yaml", data_format="yaml")
before, after = transform.transforms[1].fingerprint, again.transforms[1].fingerprint
print(f"policy.yaml, fingerprint {before}, the same when loaded: {after == before}")
