"""Every error that albu_cutmix raises on purpose.

```
CutMixError
├── InvalidArgumentError (ValueError)   an argument of a transform, pool or command
├── InvalidSampleError   (ValueError)   a primary or donor that cannot be mixed truthfully
├── DonorReadError       (OSError)      a file of a pool that cannot be read
├── EmptyPoolError       (LookupError)  no donor to draw from
├── MissingExtraError    (ImportError)  an optional library that a feature needs
└── UnsafeMixError                      a mix over its limits, with on_unsafe="raise"
```

Messages say what was expected, what came, where, and the way out.
"""

from __future__ import annotations

__all__ = [
    "CutMixError",
    "DonorReadError",
    "EmptyPoolError",
    "InvalidArgumentError",
    "InvalidSampleError",
    "MissingExtraError",
    "UnsafeMixError",
]


class CutMixError(Exception):
    """The root: `except CutMixError` catches everything this package raises on purpose."""


class InvalidArgumentError(CutMixError, ValueError):
    """An argument is out of its range, of the wrong type, or contradicts another."""


class InvalidSampleError(CutMixError, ValueError):
    """A primary or a donor cannot be mixed with every target kept true."""


class DonorReadError(CutMixError, OSError):
    """A file of a pool is missing, damaged, too large or not what it says it is."""


class EmptyPoolError(CutMixError, LookupError):
    """There is no donor to draw from."""


class MissingExtraError(CutMixError, ImportError):
    """A feature needs an optional library that is not installed."""


class UnsafeMixError(CutMixError):
    """A mix is over its `SafetyLimits`, and `on_unsafe="raise"` was asked for."""
