"""The benchmark of CUDA devices, as far as it can be tested without one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the benchmark of devices needs torch")
import torch

SCRIPT = Path(__file__).parent / "benchmarks" / "gpu.py"


def run_script(*arguments: str) -> str:
    """What the script prints where no CUDA device is seen."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(SCRIPT), *arguments],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def figures(text: str) -> list[str]:
    """The third column of every line of the table."""
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return [row[2] for row in rows[1:]]


@pytest.fixture
def gpu(monkeypatch):
    """The module of the script."""
    monkeypatch.syspath_prepend(SCRIPT.parent)
    import gpu

    return gpu


def test_without_a_device_nothing_is_timed():
    """Without a CUDA device the script says so, prints no figure, and ends well."""
    assert run_script() == "no CUDA device: nothing was timed\n"


def test_a_dry_run_goes_through_without_a_figure():
    """A dry run checks the torch operations, times every kind of batch, and tells no figure."""
    text = run_script("--dry")
    assert "backend 'torch' equals the numpy path" in text
    assert set(figures(text)) == {"dry run: no figure"}
    for kind in ("uint8 NHWC", "float16 NCHW", "float32 NCHW"):
        for row in ("out.copy_(x)", "torch, new output, x copy_", "torch, in place, pairs, host"):
            assert f"256 x 3 x 8 x 8 {kind}: {row} |" in text


def test_a_figure_would_be_noticed(gpu):
    """The look for figures sees a row of a run that is not dry."""
    bench = gpu.Bench(dry=True)
    bench.dry = False
    line = bench.row("copy", 2.0, 1.5, "x")
    assert line == "| copy | <= 2 x | 1.5 x | within |"
    assert figures(f"| what | bound | figure | |\n{line}") == ["1.5 x"]


@pytest.mark.parametrize("key", ["image", "label", "mask", "bboxes", "num_bboxes", "seam"])
def test_another_target_stops_the_run(gpu, key):
    """One target that is not what the numpy path made ends the run before anything is timed."""
    names = ("image", "label", "mask", "bboxes", "num_bboxes", "seam")
    expected = {name: np.zeros(3, np.uint8) for name in names}
    out = {name: torch.zeros(3, dtype=torch.uint8) for name in names}
    gpu.compare(expected, out, "float32 NCHW")
    out[key][1] = 1
    with pytest.raises(SystemExit, match=f"float32 NCHW: {key} differs from the numpy path"):
        gpu.compare(expected, out, "float32 NCHW")


def test_another_plan_stops_the_run(gpu, monkeypatch):
    """A backend that draws another plan than the numpy path is noticed."""
    cutmix, seeds = gpu.BatchCutMix, iter(range(99))
    monkeypatch.setattr(gpu, "BatchCutMix", lambda **kw: cutmix(**{**kw, "seed": next(seeds)}))
    with pytest.raises(SystemExit, match="image differs from the numpy path"):
        gpu.check("cpu", "torch")
