"""Array libraries behind one door: NumPy, torch and CuPy.

A library is met when one of its arrays arrives; until then it is not imported. Small targets
(labels, boxes, keypoints) are computed by the few operations of `Library`, which all three have;
how pixels are moved is told by `Library.way`: loops over host memory, the CUDA kernel, or torch's
own operations.
"""

from albu_cutmix._backends.choose import BACKENDS, backend_info, library_of
from albu_cutmix._backends.cuda import broken_cupy
from albu_cutmix._backends.library import Library

__all__ = ["BACKENDS", "Library", "backend_info", "broken_cupy", "library_of"]
