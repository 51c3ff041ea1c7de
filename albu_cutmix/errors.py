"""Every error that albu_cutmix raises on purpose.

```
CutMixError
├── InvalidArgumentError (ValueError)   an argument of a transform, pool or command
├── InvalidSampleError   (ValueError)   a primary or donor that cannot be mixed truthfully
├── DonorReadError       (OSError)      a file of a pool that cannot be read
└── EmptyPoolError       (LookupError)  no donor to draw from
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
