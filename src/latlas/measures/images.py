"""Judges images against the originals, pixel by pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from latlas.contracts import FloatArray, OptionError
from latlas.neighbours import single_threaded

__all__ = ["mean_squared_error", "peak_signal_to_noise", "structural_similarity"]

BLOCK_VALUES = 4_000_000
SSIM_VALUES = 400_000  # of one block of images: with their products, what stays in the cache
WINDOW, DEVIATION = 11, 1.5  # of the Gaussian window, in pixels
LUMINANCE, CONTRAST = 0.01**2, 0.03**2  # C₁ and C₂ of the formula


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
    x, y = _pair(x, y)
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


def structural_similarity(x: NDArray[Any], y: NDArray[Any]) -> FloatArray:
    """The structural similarity of each pair of images (SSIM): 1 for equal images, at least -1.

    SSIM(x, y) = (2 μx μy + C₁)(2 σxy + C₂) / ((μx² + μy² + C₁)(σx² + σy² + C₂)), with means μ,
    variances σ² and covariance σxy under a Gaussian window of 11 × 11 pixels and deviation 1.5,
    C₁ = 0.01², C₂ = 0.03² for images in 0..1. The mean over all places where the window lies
    wholly inside the image, and over the channels, each judged for itself (Wang, Bovik, Sheikh &
    Simoncelli, "Image quality assessment: from error visibility to structural similarity", IEEE
    Transactions on Image Processing 2004, eq. 13 and 17; Wang et al. judge grey images only).

    Images with a side below 11 pixels get the largest window of odd width that fits, of the same
    deviation: their numbers say less, and do not compare with those of larger images.

    Args:
        x: images [N, H, W, C], uint8 in 0..255 or floats in 0..1.
        y: images of the same shape, of either type.

    Returns:
        float32 [N]; its mean judges the whole set.

    Raises:
        OptionError: shapes that differ or are not [N, H, W, C], no images, or another type.
    """
    x, y = _pair(x, y)
    if x.ndim != 4:
        raise OptionError(
            f"The images have shape {list(x.shape)}; expected [N, H, W, C]. Give grey images an "
            "axis of one channel at the end."
        )
    height, width = x.shape[1:3]
    side = min(WINDOW, height, width)
    window = _window(side - 1 + side % 2)
    down, across = _filter(height, window), _filter(width, window).T.contiguous()
    similar = np.empty(len(x), dtype=np.float32)
    block = max(1, SSIM_VALUES // x[0].size)
    for start in range(0, len(x), block):
        rows = slice(start, start + block)
        with single_threaded():
            similar[rows] = _similarity(_planes(x[rows]), _planes(y[rows]), down, across).numpy()
    return similar


def _similarity(
    x: torch.Tensor, y: torch.Tensor, down: torch.Tensor, across: torch.Tensor
) -> torch.Tensor:
    """SSIM of float32 [B, C, H, W], window and places given by the two filters: float32 [B]."""
    # Variances do not change when both images are shifted, and round less when values are small.
    shift = 0.5
    x, y = x - shift, y - shift
    means = [down @ (values @ across) for values in (x, y, x * x, y * y, x * y)]
    mean_x, mean_y, square_x, square_y, product = means  # [B, C, H - S + 1, W - S + 1]
    variances = (square_x - mean_x * mean_x) + (square_y - mean_y * mean_y)
    covariance = product - mean_x * mean_y
    mean_x, mean_y = mean_x + shift, mean_y + shift
    luminance = 2 * (mean_x * mean_y) + LUMINANCE
    luminance = luminance / (mean_x * mean_x + mean_y * mean_y + LUMINANCE)
    structure = (2 * covariance + CONTRAST) / (variances + CONTRAST)
    return (luminance * structure).mean(dim=(1, 2, 3))


def _window(size: int) -> torch.Tensor:
    """The Gaussian window along one side, of odd size: float32 [S] that sums to 1."""
    offsets = torch.arange(size, dtype=torch.float64) - size // 2
    weights = torch.exp(-(offsets**2) / (2 * DEVIATION**2))
    return (weights / weights.sum()).float()


def _filter(length: int, window: torch.Tensor) -> torch.Tensor:
    """The window at each of its places along a side, as a matrix: float32 [L - S + 1, L].

    As a matrix product the filter runs several times quicker than as a convolution.
    """
    places = length - len(window) + 1
    matrix = torch.zeros(places, length)
    for place in range(places):
        matrix[place, place : place + len(window)] = window
    return matrix


def _planes(images: NDArray[Any]) -> torch.Tensor:
    """Images [B, H, W, C] as float32 [B, C, H, W] in 0..1."""
    return torch.from_numpy(_unit(images)).permute(0, 3, 1, 2).contiguous()


def _pair(x: NDArray[Any], y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    x, y = np.asarray(x), np.asarray(y)
    if x.shape != y.shape or x.ndim < 2 or x.size == 0:
        raise OptionError(
            f"The images have shapes {list(x.shape)} and {list(y.shape)}; expected two arrays of "
            "one shape [N, ...] with at least one image."
        )
    return x, y


def _unit(images: NDArray[Any]) -> FloatArray:
    if images.dtype == np.uint8:
        return images.astype(np.float32) / np.float32(255)
    if np.issubdtype(images.dtype, np.floating):
        return images.astype(np.float32)
    raise OptionError(
        f"The images are of type {images.dtype}; expected uint8 in 0..255 or floats in 0..1."
    )
