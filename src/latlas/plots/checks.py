"""What the pictures ask of the arrays that they are given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latlas.contracts import FloatArray, IntArray, OptionError, UInt8Array

__all__ = ["as_images", "as_labels", "as_plane", "same_length"]


def as_images(name: str, images: NDArray[Any], before: str = "N") -> UInt8Array:
    """Grey or RGB images as uint8 [..., H, W, 3].

    Args:
        name: what the caller calls them.
        images: uint8 [..., H, W, C] with C = 1 or 3.
        before: the names of the leading axes, for instance ``"D, S"``.

    Raises:
        OptionError: another shape or type, or no image at all.
    """
    images = np.asarray(images)
    wanted = before.count(",") + 4 if before else 3
    shape = ", ".join(part for part in (before, "H, W, C") if part)
    if images.ndim != wanted or images.dtype != np.uint8 or images.shape[-1] not in (1, 3):
        raise OptionError(
            f"{name} are {images.dtype} {list(images.shape)}; expected uint8 [{shape}] with C = 1 "
            "or 3. Scale floats in 0..1 by 255, round and convert; add an axis for grey images."
        )
    if images.size == 0:
        raise OptionError(f"{name} are empty: {list(images.shape)}. Give at least one image.")
    return np.broadcast_to(images, (*images.shape[:-1], 3))


def as_plane(xy: NDArray[Any]) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Points of a plane as float32 [N, 2], and which of them are finite, bool [N].

    Raises:
        OptionError: another shape, or no finite point.
    """
    xy = np.asarray(xy)
    if xy.ndim != 2 or xy.shape[1] != 2:
        raise OptionError(
            f"The points of a map have shape {list(xy.shape)}; expected [N, 2]. "
            "Project the latents to two dimensions first."
        )
    with np.errstate(over="ignore", invalid="ignore"):
        xy = xy.astype(np.float32)
    finite = np.isfinite(xy).all(axis=1)
    if not finite.any():
        raise OptionError(
            f"There is nothing to draw: {len(xy)} points, none with finite coordinates. "
            "Give at least one point; if training failed, train again with a lower learning rate."
        )
    return xy, finite


def as_labels(labels: NDArray[Any] | None, count: int, classes: Sequence[str]) -> IntArray | None:
    """Labels as int64 [N], or None where not one is known.

    Raises:
        OptionError: another length, or a label without a name.
    """
    if labels is None:
        return None
    labels = np.asarray(labels)
    same_length("labels", len(labels), "points", count)
    labels = labels.astype(np.int64)
    if not count or labels.max() < 0:
        return None
    if labels.max() >= len(classes):
        raise OptionError(
            f"A label is {labels.max()} but there are {len(classes)} class names; expected labels "
            f"below {len(classes)} (-1: unknown). Give one name for each class."
        )
    return labels


def same_length(name: str, count: int, other: str, expected: int) -> None:
    """Raises an ``OptionError`` unless there are as many ``name`` as ``other``."""
    if count != expected:
        raise OptionError(
            f"There are {count} {name} for {expected} {other}; expected as many of each."
        )
