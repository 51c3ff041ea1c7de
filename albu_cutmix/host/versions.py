"""Which host is installed: Albumentations 2.0.8, or AlbumentationsX from the same import."""

from __future__ import annotations

try:  # AlbumentationsX 2.4.4 and later
    from albumentations.core.transform_params import SampledParams
except ImportError:  # Albumentations 2.0.8
    SampledParams = None

__all__ = ["SampledParams"]
