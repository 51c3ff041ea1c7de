"""Locks that a forked process finds open."""

from __future__ import annotations

import os
import threading

__all__ = ["fork_safe_lock"]


def fork_safe_lock() -> threading.Lock:
    """Return a lock that is held while the process forks.

    So no child begins with what it guards half changed, or with a lock that no thread of its own
    will ever give back. It belongs to a module, not to an object: pickles do not carry it.
    """
    lock = threading.Lock()
    if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
        os.register_at_fork(
            before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release
        )
    return lock
