"""Print every figure with its bound: `python tests/benchmarks`. One run, ratios, no assertion."""

import os

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import transform

if __name__ == "__main__":
    transform.main()
