"""Slow results in the cache, each under a digest of everything that it was computed from."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latlas.checkpoint import has_part, read_arrays, write_part
from latlas.contracts import LatlasError, StorageError
from latlas.data.cache import cache_root

__all__ = ["Kept", "digest", "kept", "recall"]

VERSION = 2
"""Raised when something is computed in another way, so that old results are not taken for new."""

Kept = tuple[dict[str, Any], dict[str, NDArray[Any]]]
"""A result as (JSON values, arrays)."""

_GUARD = threading.Lock()
_MAKING: dict[str, threading.Lock] = {}


def digest(*values: Any) -> str:
    """SHA-256 of strings, numbers, None and arrays, with the version of this module; hex."""
    total = hashlib.sha256(str(VERSION).encode())
    for value in values:
        if isinstance(value, np.ndarray):
            head = f"|{value.dtype.str}{value.shape}|"
            total.update(head.encode())
            total.update(np.ascontiguousarray(value).data)
        else:
            total.update(f"|{value!r}|".encode())
    return total.hexdigest()[:32]


def recall(key: str) -> Kept | None:
    """What was kept under a digest; None if nothing was, or if it is damaged."""
    folder = cache_root() / "atlas" / key
    if not has_part(folder):
        return None
    with contextlib.suppress(LatlasError):
        config, arrays = read_arrays(folder)
        return config, arrays
    return None


def kept(key: str, make: Callable[[], Kept]) -> Kept:
    """What was kept under a digest, or else is made now and kept; a full disk is no matter.

    Threads that ask for the same wait for the one that makes it.
    """
    with _lock_of(key):
        known = recall(key)
        if known is not None:
            return known
        config, arrays = make()
        with contextlib.suppress(StorageError):
            write_part(cache_root() / "atlas" / key, config, arrays)
        return config, arrays


def _lock_of(key: str) -> threading.Lock:
    with _GUARD:
        return _MAKING.setdefault(key, threading.Lock())
