# %% [markdown]
"""Is the mix safe on my data? Audit two settings, look at one mix, ignore what its seam teaches."""

# %% [markdown]
# A pool of drawn scenes; yours may be coco_pool("ann.json", "images", masks=True).

# %%
import albumentations as A
import numpy as np

from albu_cutmix import PRESETS, CutMix, SafetyFlag, SeamFlag, audit, show
from albu_cutmix.scenes import scene_pool

pool = scene_pool(8, size=(240, 320))

# %% [markdown]
# What does the paper's draw do to the objects, and what does the preset?

# %%
for name in ("paper", "detection"):
    report = audit(CutMix(pool, **PRESETS[name], p=1.0), pool, n=60, sweep=False, progress=False)
    rates = {key: report.summary[key] for key in ("applied", "erased", "remnants", "verdict")}
    print(f"{name:10}", rates)
# report.to_html("audit.html") writes the page, report.to_json("audit.json") every row.

# %% [markdown]
# One mix as a picture: in a notebook the last line of a cell displays it.

# %%
picture = show(CutMix(pool, **PRESETS["paper"], p=1.0), pool[1], seed=1)
print("a picture of", picture.size)

# %% [markdown]
# A seam map beside the image, carried along by later geometry, and an ignore value in the mask.

# %%
mix = CutMix(pool, seam_key="seam", ignore_index=255, p=1.0)
transform = A.Compose([mix, A.HorizontalFlip(p=0.5)], additional_targets={"seam": "mask"}, seed=1)
out = transform(image=pool[0].image, mask=pool[0].mask, pool_index=0)
cut = (out["seam"] & (SeamFlag.PRIMARY_CUT | SeamFlag.DONOR_CUT)) != 0
print("pixels at a cut object:", int(np.count_nonzero(cut)))
print("flags:", [flag.name for flag in SafetyFlag if flag & out["mix"].flags])
