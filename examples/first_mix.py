# %% [markdown]
"""The first mix in five minutes: boxes, instance masks and labels of drawn scenes."""

# %% [markdown]
# A pool: here drawn scenes; yours may be coco_pool("ann.json", "images", masks=True).

# %%
import albumentations as A

from albu_cutmix import PRESETS, CutMix, MixRecord, replay
from albu_cutmix.scenes import scene_pool

pool = scene_pool(8, size=(240, 320))

# %% [markdown]
# A pipeline: the mix comes after the geometry that fixes the size, before ToTensorV2. A crop
# drops boxes, but no masks: the field "row" remembers which mask each box owns.

# %%
mix = CutMix(pool, **PRESETS["detection"], mask_index_field="row", p=0.5)
transform = A.Compose(
    [A.RandomCrop(224, 224), mix, A.HorizontalFlip(p=0.5)],
    bbox_params=A.BboxParams("pascal_voc", label_fields=["labels", "row"]),
    seed=1,
)

# %% [markdown]
# Every sample of the pool once; its own index keeps it from being its own donor.

# %%
for index in range(len(pool)):
    sample = pool.sample(index)
    out = transform(**sample, row=list(range(len(sample["masks"]))), pool_index=index)
    assert len(out["masks"]) == len(out["bboxes"]) == len(out["labels"])
    record = out["mix"]
    what = f"donor {record.donors[0]}" if record.applied else f"no mix ({record.reason})"
    print(f"{sample['label']:8} {what:12} lam {record.lam:.3f}  {len(out['bboxes'])} objects")
    print("  label", [round(float(weight), 3) for weight in out["label"]])

# %% [markdown]
# The record is one line of JSON: enough for a log, and to see the mix again.

# %%
sample = pool.sample(0)
alone = A.Compose([CutMix(pool, p=1.0)], bbox_params=A.BboxParams("pascal_voc", ["labels"]), seed=2)
out = alone(**sample, pool_index=0)
line = out["mix"].to_json()
again = replay(MixRecord.from_json(line), sample, pool, alone)
print(line)
print("seen again, bit for bit:", bool((again["image"] == out["image"]).all()))
