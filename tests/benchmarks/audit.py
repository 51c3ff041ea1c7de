"""The audit: mixes per second on 640 x 480 with boxes, images cached, and where the time goes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import cycle

from timing import median, race

from albu_cutmix import CutMix, Donor, MemoryPool
from albu_cutmix.report import audit
from albu_cutmix.report.bench import Bench
from albu_cutmix.report.figures import Figures
from albu_cutmix.report.gallery import Gallery
from albu_cutmix.scenes import scene_pool

BOUND = 800  # mixes per second and core
N = 1000  # the digest of the pool is taken once


def rows() -> Iterator[str]:
    """The row of the audit, and its parts per mix."""
    scenes = scene_pool(12, size=(480, 640))
    pool = MemoryPool([Donor(one.image, bboxes=one.bboxes, fields=one.fields) for one in scenes])
    mix = CutMix(pool)
    bench, numbers = Bench(mix, pool, 0), cycle(range(1000))
    samples = [bench.read(index) for index in range(len(pool))]
    texts = [bench.row(number, number % 12) for number in range(100)]
    figures, gallery, read = Figures(), Gallery(0), cycle(map(json.loads, texts))

    def count() -> None:
        row = next(read)
        figures.add(row)
        gallery.add(row)

    whole = race({"audit": lambda: audit(mix, pool, n=N, sweep=False)}, rounds=5, inner=1)
    speed = 1e6 * N / median(whole["audit"])
    boxes = sum(len(one.bboxes) for one in pool) / len(pool)
    name = f"audit, 640 x 480, {boxes:.1f} boxes each side"
    verdict = "within" if speed >= BOUND else "OVER"
    yield f"| {name}: mixes per second | >= {BOUND} | {speed:.0f} | {verdict} |"
    times = race(
        {
            "the pipeline alone": lambda: bench.pipeline(**samples[next(numbers) % 12]),
            "seed, pipeline, observation, row": lambda: bench.row(k := next(numbers), k % 12),
            "reading a row": lambda: json.loads(texts[next(numbers) % 100]),
            "counting a row": count,
        },
        inner=20,
    )
    for part, values in times.items():
        yield f"| {name}: {part} | | {median(values):.0f} us | |"


if __name__ == "__main__":
    for line in rows():
        print(line)
