# %% [markdown]
"""Keypoints: where are a mouse's snout, ears and tail? With and without CutMix, from 20 images.

Twenty frames of one mouse in a box (Mathis et al. 2018), four points each. That is very little: the
test has six images, and the spread of the figures below is as telling as their means. Each seed has
its own split, the same for both runs. A small net draws a map for each point; its peak is the
answer.

Needs: pip install "albu_cutmix[examples]"
"""

# %%
import csv
import os
from pathlib import Path

import albumentations as A
import cv2
import numpy as np
import torch
from albumentations.pytorch import ToTensorV2
from torch import nn
from torch.utils.data import DataLoader, Dataset

from albu_cutmix import CutMix
from albu_cutmix.scenes import scene_pool

EPOCHS = int(os.environ.get("EXAMPLE_EPOCHS", "60"))
SEEDS = (0, 1, 2)
HEIGHT, WIDTH, STRIDE = 120, 160, 4  # a cell of the map is 4 x 4 pixels
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


folder = find_data("mouse_keypoints")

# %% [markdown]
# Two fields stand beside the points: which joint each one is, and whether it shows (0: no).

# %%
points = A.KeypointParams("xy", label_fields=["joint", "visible"], remove_invisible=False)
shrink = A.Compose([A.Resize(HEIGHT, WIDTH, interpolation=cv2.INTER_AREA)], keypoint_params=points)


def load_mice(folder: Path) -> list[dict]:
    """Read the images of a folder and the table of their points."""
    samples = []
    with (folder / "keypoints.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            file = str(folder / "images" / row["image"])
            image = cv2.cvtColor(cv2.imread(file), cv2.COLOR_BGR2RGB)
            joints = [name[:-2] for name in row if name.endswith("_x")]
            xy = np.array([[row[f"{joint}_{axis}"] for axis in "xy"] for joint in joints], float)
            samples.append(
                shrink(image=image, keypoints=xy, joint=joints, visible=[1] * len(joints))
            )
    return samples


def load_scenes() -> list[dict]:
    """Take the middles of the sides of a scene's largest object as points to be found."""
    samples = []
    for scene in scene_pool(20, size=(HEIGHT, WIDTH)):
        x0, y0, x1, y1 = max(scene.bboxes, key=lambda box: np.prod(box[2:] - box[:2]))
        xy = np.array([[x0, y0 + y1], [2 * x1, y0 + y1], [x0 + x1, 2 * y0]]) / 2
        fields = {"joint": ["left", "right", "top"], "visible": [1, 1, 1]}
        samples.append({"image": scene.image, "keypoints": xy, **fields})
    return samples


samples = load_mice(folder) if folder else load_scenes()
joints = list(samples[0]["joint"])
print(len(samples), "images, of each:", *joints)

# %% [markdown]
# With `keypoint_mode="flag"` every row stays, the primary's first, then the donor's: eight rows for
# two mice. What does a net for one animal do with them? This one draws a map for each joint, so
# each animal that shows is a peak, and every row that shows is used. A covered point is no peak and
# costs nothing. A net that predicts coordinates would take the first four rows, with `visible` as
# weights.


# %%
def draw_maps(out: dict) -> np.ndarray:
    """Return where each joint shows, as probabilities, (joints, h, w); all 0 where it is hidden."""
    maps = np.zeros((len(joints), HEIGHT // STRIDE, WIDTH // STRIDE), np.float32)
    rows, columns = np.indices(maps.shape[1:]) + 0.5
    for (x, y), joint, visible in zip(out["keypoints"], out["joint"], out["visible"], strict=True):
        if visible and 0 <= x < WIDTH and 0 <= y < HEIGHT:  # turned out of the image: hidden too
            away = (columns - x / STRIDE) ** 2 + (rows - y / STRIDE) ** 2
            maps[joints.index(joint)] += np.exp(-away)
    return maps / maps.sum((1, 2), keepdims=True).clip(1e-6)


class Mixed(Dataset):
    """Training images and maps as the net sees them."""

    def __init__(self, train: list[dict], p: float, seed: int) -> None:
        self.train = train
        mix = CutMix(
            train,
            area_range=(0.05, 0.3),
            keypoint_mode="flag",
            keypoint_visibility_field="visible",
            p=p,
        )
        turn = A.Affine(translate_percent=0.1, rotate=(-180, 180), p=1.0)  # a flip swaps the ears
        steps = [turn, mix, A.ToFloat(255), ToTensorV2()]
        self.transform = A.Compose(steps, keypoint_params=points, seed=seed)

    def __len__(self) -> int:
        return len(self.train)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, np.ndarray, bool]:
        out = self.transform(**self.train[index], pool_index=index)
        return out["image"], draw_maps(out), out["mix"].applied


# %%
def block(inputs: int, outputs: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, 3, stride, dilation, dilation, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU())


def make_net() -> nn.Sequential:
    body = [block(3, 16, 2), block(16, 24, 2), block(24, 24, dilation=2), block(24, 24, dilation=4)]
    net = nn.Sequential(*body, nn.Conv2d(24, len(joints), 1))
    return net.to(memory_format=torch.channels_last)


def fit(p: float, seed: int) -> tuple[float, float]:
    """Train one net; return its mean error in pixels, and the share of points within 8 pixels."""
    torch.manual_seed(seed)
    order = np.random.default_rng(seed).permutation(len(samples))
    train, test = ([samples[i] for i in some] for some in (order[6:], order[:6]))
    net, mixed = make_net(), 0
    loader = DataLoader(Mixed(train, p, seed), batch_size=4, shuffle=True, drop_last=True)
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=1e-3)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=EPOCHS * len(loader))
    for _ in range(EPOCHS):
        for images, maps, applied in loader:
            optimizer.zero_grad()
            log_chances = net(images).flatten(2).log_softmax(2)
            loss = -(maps.flatten(2) * log_chances).sum(2).mean()
            loss.backward()
            optimizer.step()
            rate.step()
            mixed += int(applied.sum())
    errors = measure(net.eval(), test)
    mean, near = errors.mean(), (errors <= 8).mean()
    print(f"p={p}  seed {seed}  {mixed:3} images mixed  mean error {mean:4.1f} px  PCK {near:.3f}")
    return mean, near


@torch.no_grad()
def measure(net: nn.Module, test: list[dict]) -> np.ndarray:
    """Return the distance in pixels of every point of the test images."""
    images = torch.from_numpy(np.stack([sample["image"] for sample in test]))
    maps = net(images.permute(0, 3, 1, 2) / 255)
    row, column = np.unravel_index(maps.flatten(2).argmax(2).numpy(), maps.shape[2:])
    found = (np.stack([column, row], 2) + 0.5) * STRIDE
    truth = np.stack([np.asarray(sample["keypoints"]) for sample in test])
    return np.linalg.norm(found - truth, axis=2)


# %%
for name, p in (("without", 0.0), ("with CutMix", 0.5)):
    means, nears = np.array([fit(p, seed) for seed in SEEDS]).T
    print(
        f"{name:12} mean error {means.mean():.1f} ± {means.std(ddof=1):.1f} px, PCK at 8 px "
        f"{nears.mean():.3f} ± {nears.std(ddof=1):.3f} over 3 seeds and splits"
    )

# %% [markdown]
# On the mouse both figures are better with the mix, and both differences are smaller than the
# spread: six test images cannot decide it. With 20 images of your own, compare over many splits
# before you believe in a gain.
