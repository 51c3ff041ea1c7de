"""CutMix for Albumentations that keeps every target true."""

__version__ = "0.1.0"
