"""Print every figure with its bound: `python tests/benchmarks`. One run, ratios, no assertion."""

import os

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import audit
import batches
import cv2
import family
import instances
import placement
import pools
import safety
import transform

if __name__ == "__main__":
    cv2.setNumThreads(1)
    print("| what | bound | figure | |\n|---|---|---|---|")
    tables = (*transform.rows(), instances.instances(), safety.rows(), *placement.rows())
    for rows in (*tables, family.rows(), pools.rows(), audit.rows(), batches.rows()):
        for line in rows:
            print(line, flush=True)
