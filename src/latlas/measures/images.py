"""Judges images against the originals, pixel by pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from latlas.contracts import FloatArray, OptionError

__all__ = ["mean_squared_error", "peak_signal_to_noise"]

BLOCK_VALUES = 4_000_000


def mean_squared_error(x: NDArray[Any], y: NDArray[Any]) -> FloatArray:
    """The mean squared difference of each pair of images, per pixel and channel.

    Args:
        x: images [N, ...], uint8 in 0..255 or floats in 0..1.
        y: images of the same shape, of either type.

    Returns:
        float32 [N], with both images in 0..1; its mean is the error of the whole set.

    Raises:
        OptionError: shapes that differ, no images, or another type.
    """
    x, y = np.asarray(x), np.asarray(y)
    if x.shape != y.shape or x.ndim < 2 or x.size == 0:
        raise OptionError(
            f"The images have shapes {list(x.shape)} and {list(y.shape)}; expected two arrays of "
            "one shape [N, ...] with at least one image."
        )
    errors = np.empty(len(x), dtype=np.float32)
    block = max(1, BLOCK_VALUES // x[0].size)
    for start in range(0, len(x), block):
        rows = slice(start, start + block)
        difference = _unit(x[rows]) - _unit(y[rows])
        errors[rows] = np.square(difference).reshape(len(difference), -1).mean(axis=1)
    return errors


def peak_signal_to_noise(x: NDArray[Any], y: NDArray[Any]) -> FloatArray:
    """The ratio of the greatest possible signal to the error, in decibels: 10 log₁₀(1 / MSE).

    Args:
        x: images [N, ...], uint8 in 0..255 or floats in 0..1.
        y: images of the same shape, of either type.

    Returns:
        float32 [N]; infinite for equal images.

    Raises:
        OptionError: shapes that differ, no images, or another type.
    """
    with np.errstate(divide="ignore"):
        decibels: FloatArray = -10 * np.log10(mean_squared_error(x, y))
    return decibels


def _unit(images: NDArray[Any]) -> FloatArray:
    if images.dtype == np.uint8:
        return images.astype(np.float32) / np.float32(255)
    if np.issubdtype(images.dtype, np.floating):
        return images.astype(np.float32)
    raise OptionError(
        f"The images are of type {images.dtype}; expected uint8 in 0..255 or floats in 0..1."
    )
