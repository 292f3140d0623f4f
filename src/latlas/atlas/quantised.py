"""Columns as whole numbers of two bytes: what the page reads, four times smaller than doubles."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from latlas.contracts import FloatArray

__all__ = ["STEPS", "bounds", "class_bytes", "class_dtype", "corners", "quantised"]

STEPS = 65_534
MISSING = 65_535


def quantised(values: NDArray[Any], low: Any, high: Any) -> bytes:
    """Numbers [N] or [N, C] as uint16, little-endian.

    q = round(65534 (v - low) / (high - low)), 65535 where v is not finite (for a row of several,
    where any is not); so v is back within (high - low) / 131068. Values outside low..high are
    taken as its end.

    Args:
        values: floats.
        low: what 0 stands for: a number, or one for each of C columns.
        high: what 65534 stands for, above low.
    """
    wide = np.asarray(values, np.float64)
    low, high = np.asarray(low, np.float64), np.asarray(high, np.float64)
    whole = np.isfinite(wide)
    if wide.ndim > 1:
        whole = np.broadcast_to(whole.all(axis=1, keepdims=True), wide.shape)
    share = (np.where(whole, wide, low) - low) / (high - low)
    q = np.rint(share.clip(0, 1) * STEPS)
    return np.where(whole, q, MISSING).astype("<u2").tobytes()


def bounds(values: NDArray[Any]) -> tuple[float, float]:
    """The least and the largest finite value, a little apart in any case; 0 and 1 without one."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    if not high > low:
        room = max(abs(low), 1.0) * 0.5
        return low - room, high + room
    return low, high


def corners(xy: FloatArray) -> tuple[list[float], list[float]]:
    """The corners of a map [N, 2], low and high, of the rows that have a place."""
    there = xy[np.isfinite(xy).all(axis=1)]
    sides = [bounds(there[:, axis]) for axis in (0, 1)]
    return [low for low, _ in sides], [high for _, high in sides]


def class_dtype(count: int) -> str:
    """``"u1"`` or ``"u2"``: the type that holds so many classes and one value for unknown."""
    return "u1" if count <= 255 else "u2"


def class_bytes(values: NDArray[Any], count: int) -> bytes:
    """Class numbers [N], -1 where unknown, as uint8 or uint16; the largest value: unknown."""
    kind = np.dtype(f"<{class_dtype(count)}")
    known = (values >= 0) & (values < count)
    return np.where(known, values, np.iinfo(kind).max).astype(kind).tobytes()
