"""Print every figure with its bound: `python tests/benchmarks`. One run, ratios, no assertion."""

import os

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import cv2
import instances
import transform

if __name__ == "__main__":
    cv2.setNumThreads(1)
    print("| what | bound | figure | |\n|---|---|---|---|")
    for rows in (*transform.rows(), instances.instances()):
        for line in rows:
            print(line, flush=True)
