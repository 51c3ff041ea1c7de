"""Batches: `BatchCutMix` and `BatchMixUp` on the CPU against memcpy and their peers, one thread.

Every ratio is told twice, of the medians and of the best times of the same rounds, and both must
be within the bound. memcpy writes into a buffer that was touched before. Labels are class indices
that come out soft, and their time is in ours.

Against peers all take torch tensors. timm writes into its input, and so does ours beside it; the
others return new tensors. torchvision draws one patch, or weight, for the batch, the others one
for each sample. Kornia's labels are two indices and a weight, and Keras is given labels as vectors:
both do less than ours. MixUp of peers takes floats only.
A peer that is not installed is named, and gives no figure.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from typing import NamedTuple

import cv2
import numpy as np
import torch
from timing import Call, median, race

from albu_cutmix.batch import BatchCutMix, BatchMixUp

CLASSES = 1000
BOXES = 20  # of each sample
ROUNDS = 11
ALPHA = 0.4  # of the weights of MixUp
#: Times memcpy of the batch, for 256 x 3 x 224 x 224 float32.
BOUNDS = {"inplace": 1.0, "reuse": 2.1, "new": 3.0}
WORDS = {"inplace": "in place", "reuse": "reused output", "new": "new output"}


class Peer(NamedTuple):
    """Another mix, its bound (ours is that many times faster), and how a call of it is made."""

    package: str
    name: str
    bound: float | None
    make: Callable[[torch.Tensor, torch.Tensor], Call]
    ours: type[BatchCutMix] | type[BatchMixUp] = BatchCutMix


def make_torchvision(images: torch.Tensor, labels: torch.Tensor) -> Call:
    """One patch for the batch, new tensors."""
    from torchvision.transforms import v2

    mix = v2.CutMix(num_classes=CLASSES)
    return lambda: mix(images, labels)


def make_timm(images: torch.Tensor, labels: torch.Tensor) -> Call:
    """One patch for each sample, in place."""
    from timm.data import Mixup

    mix = Mixup(mixup_alpha=0, cutmix_alpha=1, mode="elem", label_smoothing=0, num_classes=CLASSES)
    return lambda: mix(images, labels)


def make_kornia(images: torch.Tensor, labels: torch.Tensor) -> Call:
    """One patch for each sample, new tensors; labels as pairs."""
    from kornia.augmentation import RandomCutMixV2

    mix = RandomCutMixV2(data_keys=["input", "class"], use_correct_lambda=True)
    return lambda: mix(images, labels)


def make_keras(images: torch.Tensor, labels: torch.Tensor) -> Call:
    """One patch for each sample, new tensors; labels are vectors already."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    mix = keras.layers.CutMix(data_format="channels_first")
    batch = {"images": images, "labels": torch.nn.functional.one_hot(labels, CLASSES).float()}

    def call() -> object:
        with keras.device("cpu"):
            return mix(batch, training=True)

    return call


def make_torchvision_mixup(images: torch.Tensor, labels: torch.Tensor) -> Call:
    """One weight for the batch, new tensors."""
    from torchvision.transforms import v2

    mix = v2.MixUp(alpha=ALPHA, num_classes=CLASSES)
    return lambda: mix(images, labels)


def make_timm_mixup(images: torch.Tensor, labels: torch.Tensor) -> Call:
    """One weight for each sample, in place."""
    from timm.data import Mixup

    mix = Mixup(mixup_alpha=ALPHA, mode="elem", label_smoothing=0, num_classes=CLASSES)
    return lambda: mix(images, labels)


def make_kornia_mixup(images: torch.Tensor, labels: torch.Tensor) -> Call:
    """One weight for each sample, new tensors; labels as pairs."""
    from kornia.augmentation import RandomMixUpV2

    mix = RandomMixUpV2(data_keys=["input", "class"])
    return lambda: mix(images, labels)


TORCHVISION = Peer("torchvision", "torchvision v2.CutMix", 4.5, make_torchvision)
KORNIA = Peer("kornia", "kornia RandomCutMixV2", 30, make_kornia)
KERAS = Peer("keras", "keras CutMix, torch backend", None, make_keras)
TIMM = Peer("timm", "timm Mixup, elem", 7, make_timm)
MIXUPS = [
    Peer("torchvision", "torchvision v2.MixUp", None, make_torchvision_mixup, BatchMixUp),
    Peer("kornia", "kornia RandomMixUpV2", None, make_kornia_mixup, BatchMixUp),
]
TIMM_MIXUP = Peer("timm", "timm Mixup, elem", None, make_timm_mixup, BatchMixUp)


def noise(shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """A random batch."""
    whole = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    return whole.astype(dtype, copy=False)


def draw_labels(count: int, classes: int = CLASSES) -> np.ndarray:
    """Class indices."""
    return np.random.default_rng(1).integers(0, classes, count)


def draw_boxes(count: int, side: int) -> dict[str, np.ndarray]:
    """Boxes of 10 to 60 pixels, as a batch holds them."""
    rng = np.random.default_rng(2)
    low = rng.random((count, BOXES, 2), np.float32) * (side - 60)
    high = low + 10 + 50 * rng.random((count, BOXES, 2), np.float32)
    return {
        "bboxes": np.concatenate([low, high], axis=2),
        "num_bboxes": np.full(count, BOXES),
    }


def our_call(
    out: str,
    batch: Mapping[str, object],
    classes: int = CLASSES,
    kind: type[BatchCutMix] | type[BatchMixUp] = BatchCutMix,
) -> Call:
    """Our call on one batch."""
    mix = kind(classes=classes, out=out, seed=0)
    return lambda: mix(batch)


def against_memcpy(
    count: int,
    side: int,
    dtype: type,
    *,
    bounds: dict[str, float],
    inner: int = 1,
    kind: type[BatchCutMix] | type[BatchMixUp] = BatchCutMix,
) -> Iterator[str]:
    """Ours in every way of giving the output, against a copy of the batch."""
    classes = CLASSES if side > 32 else 10  # labels of 1,000 would outweigh such small images
    image = noise((count, 3, side, side), dtype)
    given = image.copy()
    batch = {"image": image, "label": draw_labels(count, classes)}
    times = race(
        {
            "memcpy": lambda: np.copyto(given, image),
            **{out: our_call(out, batch, classes, kind) for out in WORDS},
        },
        rounds=ROUNDS,
        inner=inner,
    )
    name = f"{kind.__name__}, {name_of(count, side, dtype)}"
    for out, words in WORDS.items():
        yield compare(f"{name}, {words}: x memcpy", times, out, "memcpy", most=bounds.get(out))
    yield f"| {name}: memcpy | | {median(times['memcpy']) / 1e3:.3g} ms | |"


def with_boxes(count: int = 256, side: int = 224) -> Iterator[str]:
    """What boxes of every sample cost, beside the same mix without them."""
    image, label = noise((count, 3, side, side), np.float32), draw_labels(count)
    plain = {"image": image, "label": label}
    boxed = {**plain, **draw_boxes(count, side)}
    times = race(
        {"plain": our_call("inplace", plain), "boxed": our_call("inplace", boxed)},
        rounds=ROUNDS,
        inner=1,
    )
    more = [a - b for a, b in zip(times["boxed"], times["plain"], strict=True)]
    share = median(more) / median(times["plain"])
    name = f"{name_of(count, side, np.float32)}, in place: {BOXES} boxes of each sample"
    yield f"| {name} | | + {median(more) / 1e3:.2f} ms ({share:+.0%}) | |"


def against_peer(
    peer: Peer, count: int, dtype: type, *, out: str = "new", bound: bool = False
) -> Iterator[str]:
    """Ours and a peer under one contract, 224 x 224, torch tensors.

    Either is called once untimed before each timed call: right after Kornia, which frees
    gigabytes, a call of ours took up to three times as long as the next.
    """
    name = f"{name_of(count, 224, dtype)}, torch, {WORDS[out]}: {peer.name}"
    if not find_spec(peer.package):
        yield f"| {name} | | not installed: pip install {peer.package} | |"
        return
    images = torch.from_numpy(noise((count, 3, 224, 224), dtype))
    labels = torch.from_numpy(draw_labels(count))
    ours = our_call(out, {"image": images, "label": labels}, kind=peer.ours)
    calls = {"ours": ours, "peer": peer.make(images, labels)}
    times: dict[str, list[float]] = {key: [] for key in calls}
    for number in range(9):
        for key in sorted(calls, reverse=number % 2 == 1):
            times[key] += race({key: calls[key]}, rounds=1, inner=1)[key]
    yield compare(f"{name} x ours", times, "peer", "ours", least=peer.bound if bound else None)
    middle, other = (f"{median(times[key]) / 1e3:.1f}" for key in ("ours", "peer"))
    yield f"| {name}: ours, theirs | | {middle}, {other} ms | |"


def name_of(count: int, side: int, dtype: type) -> str:
    """The batch in words."""
    return f"batch of {count} x 3 x {side} x {side} {np.dtype(dtype)}"


def compare(
    what: str,
    times: dict[str, list[float]],
    one: str,
    other: str,
    *,
    most: float | None = None,
    least: float | None = None,
) -> str:
    """A line of the table: the ratio of medians and that of best times, held to a bound."""
    middle = median(times[one]) / median(times[other])
    best = min(times[one]) / min(times[other])
    bound, verdict = "", ""
    if most is not None:
        bound, verdict = f"<= {most} x", "within" if max(middle, best) <= most else "OVER"
    if least is not None:
        bound, verdict = f">= {least} x", "within" if min(middle, best) >= least else "UNDER"
    return f"| {what} | {bound} | {middle:.3g} x (best {best:.3g} x) | {verdict} |"


def rows() -> Iterator[str]:
    """The rows of batches. Torch keeps to one thread from here on."""
    torch.set_num_threads(1)
    yield from against_memcpy(256, 224, np.float32, bounds=BOUNDS)
    yield from with_boxes()
    for count, dtype in ((256, np.uint8), (64, np.float32), (64, np.uint8)):
        yield from against_memcpy(count, 224, dtype, bounds={})
    for dtype in (np.float32, np.uint8):
        yield from against_memcpy(512, 32, dtype, bounds={}, inner=20)
    for count, dtype in ((64, np.uint8), (64, np.float32), (256, np.uint8)):
        yield from against_peer(TORCHVISION, count, dtype)
    for peer in (TORCHVISION, KERAS, KORNIA):
        yield from against_peer(peer, 256, np.float32, bound=True)
    yield from against_peer(TIMM, 256, np.float32, out="inplace", bound=True)
    yield from mixup_rows()


def mixup_rows() -> Iterator[str]:
    """The rows of `BatchMixUp`; it has no bound but to be no slower than a peer."""
    for dtype in (np.float32, np.uint8):
        yield from against_memcpy(256, 224, dtype, bounds={}, kind=BatchMixUp)
        yield from against_memcpy(512, 32, dtype, bounds={}, inner=20, kind=BatchMixUp)
    for peer in MIXUPS:
        yield from against_peer(peer, 256, np.float32)
    yield from against_peer(TIMM_MIXUP, 256, np.float32, out="inplace")


if __name__ == "__main__":
    cv2.setNumThreads(1)
    for text in rows():
        print(text, flush=True)
