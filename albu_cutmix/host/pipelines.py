"""Whole pipelines: find the mixes in them, attach a pool, take a mix out with its targets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import albumentations as A
from albumentations.core.composition import BaseCompose

from albu_cutmix.errors import InvalidArgumentError
from albu_cutmix.host.base import MixTransform
from albu_cutmix.host.donors import check_pool

__all__ = ["alone", "attach_pool", "find_mixes"]

Pipeline = TypeVar("Pipeline")


def find_mixes(pipeline: Any, record_key: str | None = None) -> Iterator[MixTransform]:
    """Yield every mix of a pipeline, or those of a key, or itself where it is one."""
    if isinstance(pipeline, MixTransform):
        if record_key in (None, pipeline.record_key):
            yield pipeline
    elif isinstance(pipeline, BaseCompose):
        for step in pipeline.transforms:
            yield from find_mixes(step, record_key)


def attach_pool(pipeline: Pipeline, pool: Any, *, record_key: str | None = None) -> Pipeline:
    """Give the mixes of a pipeline their pool, as after `A.load`: a live pool is not saved.

    Args:
        pipeline: A pipeline, or a mix.
        pool: A pool, or its plain data; see `CutMix`.
        record_key: Of a pipeline with several mixes the one with this key; None: all of them.

    Returns:
        The pipeline itself.

    Raises:
        InvalidArgumentError: If there is no such mix, or the pool is none.
        EmptyPoolError: If the pool is empty.

    >>> import albumentations as A
    >>> from albu_cutmix import CutMix
    >>> from albu_cutmix.scenes import scene_pool
    >>> donors = scene_pool(2)
    >>> saved = A.to_dict(A.Compose([CutMix(donors, p=0.5)]))
    >>> pipeline = attach_pool(A.from_dict(saved), donors)
    """
    mixes = [mix for mix in find_mixes(pipeline, record_key) if mix.takes_pool]
    if not mixes:
        which = "" if record_key is None else f" with record_key={record_key!r}"
        raise InvalidArgumentError(
            f"attach_pool found no mix with donors{which} in {type(pipeline).__name__}. Give it "
            "the pipeline that holds the CutMix or MixUp."
        )
    if pool is None:
        check_pool(pool, "pool", InvalidArgumentError, optional=False)
    mixes[0].pool = pool
    for mix in mixes[1:]:
        mix.pool = mixes[0].pool  # made once where it came as plain data
    return pipeline


def alone(mix: MixTransform, pipeline: Any, aliases: Mapping[str, str]) -> Any:
    """Return a pipeline of one mix in the formats of another pipeline, and with its targets."""
    processors = getattr(pipeline, "processors", None) or {}
    params = {key: processor.params for key, processor in processors.items()}
    return A.Compose(
        [mix],
        bbox_params=params.get("bboxes"),
        keypoint_params=params.get("keypoints"),
        additional_targets=dict(aliases),
    )
