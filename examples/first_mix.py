"""The first mix in five minutes: boxes, masks and labels of drawn scenes."""

# %% A pool: here drawn scenes; yours may be coco_pool("ann.json", "images").
import albumentations as A

from albu_cutmix import PRESETS, CutMix
from albu_cutmix.scenes import scene_pool

pool = scene_pool(8, size=(240, 320))

# %% A pipeline: the mix comes after the geometry that fixes the size, before ToTensorV2.
transform = A.Compose(
    [
        A.RandomCrop(224, 224),
        CutMix(pool, **PRESETS["detection"], p=0.5),
        A.HorizontalFlip(p=0.5),
    ],
    bbox_params=A.BboxParams("pascal_voc", label_fields=["labels"]),
    seed=1,
)

# %% Every sample of the pool once; its own index keeps it from being its own donor.
for index in range(len(pool)):
    sample = pool.sample(index)
    sample.pop("masks")  # instance masks are refused: they would no longer be true
    out = transform(**sample, pool_index=index)
    record = out["mix"]
    what = f"donor {record.donors[0]}" if record.applied else f"no mix ({record.reason})"
    print(f"{sample['label']:8} {what:12} lam {record.lam:.3f}  {len(out['bboxes'])} boxes")
    print("  label", [round(float(weight), 3) for weight in out["label"]])

# %% The record is one line of JSON: enough for a log.
print(record.to_json())
