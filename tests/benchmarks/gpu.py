"""Batches on a CUDA device: `python tests/benchmarks/gpu.py [--dry]`.

First every kind of batch is checked against the numpy path: pixels, labels, masks, boxes, seam.
Then times. A call that is timed stands on the stream behind writes that keep the device busy and
its cache empty, so that events around it measure the device alone and the clock the host alone;
rounds in which the device came to the call before the host had left it are told. Labels are class
indices that come out soft, and their time is in ours.

`--dry` goes through the same lines with small batches on the CPU, and prints no figure.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from functools import partial
from importlib.util import find_spec
from itertools import product
from math import ceil
from typing import Any, NamedTuple

import numpy as np
import torch
from batches import CLASSES, make_torchvision
from timing import Call, median

from albu_cutmix import BatchCutMix
from albu_cutmix.errors import MissingExtraError

COPY_BOUND = 1.10  # times `out.copy_(x)`, new output, at the largest batch
HOST_BOUND = 200  # microseconds, at HOST_COUNT
HOST_COUNT = 256
#: Whether 16 bytes are read at a time depends on the shape, so an odd one is checked too.
CHECKED = ((23, 37), (32, 48))


class Kind(NamedTuple):
    """A kind of batch."""

    dtype: torch.dtype
    layout: str

    def __str__(self) -> str:
        return f"{str(self.dtype).removeprefix('torch.')} {self.layout}"


class Scale(NamedTuple):
    """How much is timed."""

    counts: tuple[int, ...]
    side: int
    rounds: int


KINDS = (Kind(torch.uint8, "NHWC"), Kind(torch.float16, "NCHW"), Kind(torch.float32, "NCHW"))
NEW = "new output"
WAYS: dict[str, dict[str, Any]] = {
    NEW: {"out": "new", "pairing": "permutation"},
    "in place, pairs": {"out": "inplace", "pairing": "pairs"},
}
FULL = Scale((64, HOST_COUNT, 1024), 224, 50)
DRY = Scale((4, HOST_COUNT), 8, 2)


class DryEvent:
    """Stands where a CUDA event would, and measures nothing."""

    def record(self) -> None:
        """Do nothing."""

    def query(self) -> bool:
        """Say that the device is still busy."""
        return False

    def elapsed_time(self, other: DryEvent) -> float:
        """Give no time."""
        return 0.0


class Times(NamedTuple):
    """Microseconds of each round, and whether the device came to the call before the host left."""

    device: list[float]
    host: list[float]
    early: list[bool]


class Bench:
    """A device to measure on, or the CPU for a dry run."""

    def __init__(self, *, dry: bool) -> None:
        self.dry = dry
        self.device = "cpu" if dry else "cuda"
        self.scale = DRY if dry else FULL
        self.event: Callable[[], Any] = (
            DryEvent if dry else lambda: torch.cuda.Event(enable_timing=True)
        )
        # 1 GiB takes over 0.2 ms to write on every device of today, and is more than any cache.
        self.scratch = torch.empty(2**10 if dry else 2**30, dtype=torch.uint8, device=self.device)

    def synchronize(self) -> None:
        """Wait for the device."""
        if not self.dry:
            torch.cuda.synchronize()

    def race(self, calls: dict[str, Call]) -> dict[str, Times]:
        """Time all calls in every round, in a new order each."""
        rng = np.random.default_rng(0)
        fills = {name: self.warm(call) for name, call in calls.items()}
        times = {name: Times([], [], []) for name in calls}
        for _ in range(self.scale.rounds):
            for name in rng.permutation(list(calls)).tolist():
                self.time(calls[name], fills[name], times[name])
        return times

    def warm(self, call: Call) -> int:
        """Warm up; return how many writes keep the device busy twice as long as a call takes."""
        whole = []
        for _ in range(5):
            self.synchronize()
            start = time.perf_counter()
            call()
            self.synchronize()
            whole.append((time.perf_counter() - start) * 1e6)
        return min(ceil(min(whole) / 100), 100)

    def time(self, call: Call, fills: int, times: Times) -> None:
        """Add the times of one call behind as many writes."""
        before, after = self.event(), self.event()
        self.synchronize()
        for _ in range(fills):
            self.scratch.zero_()
        before.record()
        start = time.perf_counter()
        call()
        times.host.append((time.perf_counter() - start) * 1e6)
        times.early.append(before.query())
        after.record()
        self.synchronize()
        times.device.append(before.elapsed_time(after) * 1e3)

    def row(self, what: str, bound: float | None, figure: float, unit: str, note: str = "") -> str:
        """A line of the table; a dry run has no figure."""
        limit = "" if bound is None else f"<= {bound:g} {unit}"
        if self.dry:
            return f"| {what} | {limit} | dry run: no figure | |"
        verdict = "" if bound is None else "within" if figure <= bound else "OVER"
        return f"| {what} | {limit} | {figure:.3g} {unit}{note} | {verdict} |"


def make_images(kind: Kind, count: int, height: int, width: int) -> torch.Tensor:
    """Noise on the CPU."""
    shape = (3, height, width) if kind.layout == "NCHW" else (height, width, 3)
    numbers = torch.Generator().manual_seed(0)
    whole = torch.randint(256, (count, *shape), dtype=torch.uint8, generator=numbers)
    return whole.to(kind.dtype)


def make_batch(kind: Kind, count: int, shape: tuple[int, int]) -> dict[str, torch.Tensor]:
    """Every kind of target on the CPU."""
    height, width = shape
    numbers = torch.Generator().manual_seed(1)
    low = torch.rand((count, 5, 2), generator=numbers) * torch.tensor([width - 8, height - 8])
    return {
        "image": make_images(kind, count, height, width),
        "label": torch.randint(CLASSES, (count,), generator=numbers),
        "mask": torch.randint(9, (count, height, width), dtype=torch.uint8, generator=numbers),
        "bboxes": torch.cat([low, low + 8 * torch.rand((count, 5, 2), generator=numbers)], 2),
        "num_bboxes": torch.randint(6, (count,), generator=numbers),
    }


def cutmix(kind: Kind, way: str, backend: str, *, seam: bool = False) -> BatchCutMix:
    """Ours; equal seeds make equal plans."""
    return BatchCutMix(
        classes=CLASSES, layout=kind.layout, backend=backend, seam=seam, seed=7, **WAYS[way]
    )


def check(device: str, backend: str) -> None:
    """Compare two mixes of an odd number of samples of every kind with the numpy path's."""
    for kind, way, shape in product(KINDS, WAYS, CHECKED):
        one, other = (cutmix(kind, way, name, seam=True) for name in ("numpy", backend))
        for _ in range(2):
            batch = make_batch(kind, 47, shape)
            moved = {key: value.to(device, copy=True) for key, value in batch.items()}
            expected = one({key: value.numpy() for key, value in batch.items()})
            compare(expected, other(moved), f"{kind}, {way}, {shape}, backend {backend!r}")


def compare(expected: Mapping[str, Any], out: Mapping[str, Any], what: str) -> None:
    """Stop at the first target that is not what the numpy path made.

    Raises:
        SystemExit: If one differs, with its name.
    """
    for key in ("image", "label", "mask", "bboxes", "num_bboxes", "seam"):
        if not np.array_equal(expected[key], out[key].cpu().numpy()):
            raise SystemExit(f"{what}: {key} differs from the numpy path. Nothing was timed.")


def time_kind(bench: Bench, kind: Kind, count: int, backends: list[str]) -> Iterator[str]:
    """The rows of one kind of batch and one number of samples."""
    side = bench.scale.side
    image = make_images(kind, count, side, side).to(bench.device)
    label = torch.arange(count, device=bench.device) % CLASSES
    given = torch.empty_like(image)
    calls: dict[str, Call] = {"copy_": lambda: given.copy_(image)}
    for backend, way in product(backends, WAYS):
        mix = cutmix(kind, way, backend)
        calls[f"{backend}, {way}"] = partial(mix, {"image": image, "label": label})
    if kind.layout == "NCHW" and find_spec("torchvision"):
        calls["torchvision v2.CutMix"] = make_torchvision(image, label)
    times = bench.race(calls)
    name = f"{count} x 3 x {side} x {side} {kind}"
    copy = times.pop("copy_")
    yield bench.row(f"{name}: out.copy_(x)", None, median(copy.device), "us")
    for peer, some in times.items():
        bounded = peer == f"cupy, {NEW}" and count == bench.scale.counts[-1]
        ratio = median(some.device) / median(copy.device) if not bench.dry else 0.0
        early = sum(some.early)
        note = f" (device early in {early} of {bench.scale.rounds} rounds)" if early else ""
        what = f"{name}: {peer}"
        yield bench.row(f"{what}, x copy_", COPY_BOUND if bounded else None, ratio, "x", note)
        if count == HOST_COUNT:
            limit = HOST_BOUND if peer.startswith("cupy") else None
            yield bench.row(f"{what}, host", limit, median(some.host), "us")


def describe(bench: Bench) -> str:
    """Device, driver, date and versions."""
    if bench.dry:
        return f"dry run on the CPU, torch {torch.__version__}"
    driver = "unknown"
    if shutil.which("nvidia-smi"):
        command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        driver = done.stdout.split()[0]
    cupy = "not installed"
    if find_spec("cupy"):
        import cupy as library

        cupy = library.__version__
    today = datetime.now(timezone.utc).date().isoformat()
    name = torch.cuda.get_device_name()
    return f"{name}, driver {driver}, {today}, torch {torch.__version__}, CuPy {cupy}"


def reason_against(backend: str, device: str) -> str:
    """Check a backend; return why it cannot be measured, "" if it can."""
    try:
        check(device, backend)
    except MissingExtraError as error:
        return str(error)
    return ""


def measure(bench: Bench) -> Iterator[str]:
    """Every line: what was measured on, what was checked, the table."""
    yield describe(bench)
    names = ("torch",) if bench.dry else ("cupy", "torch")
    reasons = {name: reason_against(name, bench.device) for name in names}
    backends = [name for name in names if not reasons[name]]
    for name in backends:
        yield f"backend {name!r} equals the numpy path"
    yield "\n| what | bound | figure | |\n|---|---|---|---|"
    for name in names:
        if reasons[name]:
            yield f"| backend {name!r} | | not measured: {reasons[name]} | |"
    for kind in KINDS:
        for count in bench.scale.counts:
            yield from time_kind(bench, kind, count, backends)
    if not find_spec("torchvision"):
        yield "| torchvision v2.CutMix | | not installed: pip install torchvision | |"


def main(arguments: list[str]) -> None:
    """Measure, if there is what to measure on."""
    dry = "--dry" in arguments
    if not dry and not torch.cuda.is_available():
        print("no CUDA device: nothing was timed")
        return
    for text in measure(Bench(dry=dry)):
        print(text, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
