"""Cases with a known answer, to measure findings by: wrong labels, copies, foreign images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latlas.contracts import IntArray, OptionError, UInt8Array

__all__ = ["Planted", "plant_copies", "plant_foreign", "plant_labels", "precision_at"]

LEAST_SIDE = 2  # pixels: smaller images have no pattern


@dataclass(frozen=True)
class Planted:
    """M images made to be found.

    Attributes:
        pixels: uint8 [M, H, W, C].
        sources: int64 [M], the row that each was made from; -1 for those drawn from nothing.
    """

    pixels: UInt8Array
    sources: IntArray


def precision_at(ranked: NDArray[Any], planted: NDArray[Any], k: int | None = None) -> float:
    """The share of the first k ranked rows that were planted, 0..1.

    With k the number of planted rows it is the share of these that were found, too. A ranking that
    ends before k counts as if wrong rows followed.

    Args:
        ranked: integers [N], rows, best candidate first.
        planted: integers [M], rows that were planted, in any order.
        k: from 1 on; None takes M.

    Raises:
        OptionError: nothing was planted, or k is below 1.
    """
    known = np.unique(planted)
    count = len(known) if k is None else k
    if len(known) == 0 or count < 1:
        raise OptionError(
            f"There are {len(known)} planted rows and k is {count}; expected 1 or more of both."
        )
    return float(np.isin(np.asarray(ranked)[:count], known).sum() / count)


def plant_labels(
    labels: NDArray[Any], share: float = 0.02, *, seed: int = 0
) -> tuple[IntArray, IntArray]:
    """Gives a share of the labelled rows another of the labels, each of them with equal chance.

    Args:
        labels: integers [N], -1 where unknown, with two labels or more.
        share: of the labelled rows, above 0 and up to 1; at least one row is changed.
        seed: of the draw, from 0 on.

    Returns:
        The labels afterwards, int64 [N], and the rows that were changed, ascending int64 [M].

    Raises:
        OptionError: fewer than two labels, or a number out of its range.
    """
    given = np.asarray(labels).astype(np.int64)
    known = np.flatnonzero(given >= 0)
    classes, codes = np.unique(given[known], return_inverse=True)
    if len(classes) < 2:
        raise OptionError(f"There are {len(classes)} labels; expected 2 or more to choose from.")
    generator = _generator(seed)
    chosen = _draw(generator, len(known), share)
    shift = generator.integers(1, len(classes), len(chosen))
    given[known[chosen]] = classes[(codes[chosen] + shift) % len(classes)]
    return given, known[chosen]


def plant_copies(pixels: UInt8Array, share: float = 0.01, *, seed: int = 0) -> Planted:
    """Copies a share of the images, each a little changed.

    In turn: nothing; brightness by a factor of 0.98 to 1.02; normal noise with a standard deviation
    of 2 of 255 levels; values rounded to multiples of 8, as coarse coding does.

    Args:
        pixels: uint8 [N, H, W, C].
        share: above 0 and up to 1; at least one image is copied.
        seed: of the draw, from 0 on.

    Raises:
        OptionError: no uint8 images [N, H, W, C], or a number out of its range.
    """
    _check_pixels(pixels)
    generator = _generator(seed)
    rows = _draw(generator, len(pixels), share)
    copies = np.empty((len(rows), *pixels.shape[1:]), np.uint8)
    for place, row in enumerate(rows):
        image = np.asarray(pixels[row], np.float64)
        if place % 4 == 1:
            image = image * generator.uniform(0.98, 1.02)
        elif place % 4 == 2:
            image = image + generator.normal(0, 2, image.shape)
        elif place % 4 == 3:
            image = np.round(image / 8) * 8
        copies[place] = np.clip(np.round(image), 0, 255)
    return Planted(copies, rows)


def plant_foreign(pixels: UInt8Array, share: float = 0.01, *, seed: int = 0) -> Planted:
    """Makes images that do not belong to the others, of the same size.

    In turn: noise, stripes, a filled ellipse on a flat ground, a negative of one of the images, and
    one of the images with its quarters exchanged crosswise. The first three are drawn from nothing.

    Args:
        pixels: uint8 [N, H, W, C], the dataset, sides of 2 pixels or more.
        share: their number as a share of N, above 0 and up to 1; at least one is made.
        seed: of the draw, from 0 on.

    Raises:
        OptionError: no uint8 images [N, H, W, C], or a number out of its range.
    """
    _check_pixels(pixels)
    generator = _generator(seed)
    rows = _draw(generator, len(pixels), share)
    made = np.empty((len(rows), *pixels.shape[1:]), np.uint8)
    for place, row in enumerate(rows):
        kind = place % 5
        if kind == 3:
            made[place] = 255 - pixels[row]
        elif kind == 4:
            height, width = pixels.shape[1:3]
            made[place] = np.roll(pixels[row], (height // 2, width // 2), axis=(0, 1))
        else:
            made[place] = _drawn(generator, kind, pixels.shape[1:])
    return Planted(made, np.where(np.arange(len(rows)) % 5 < 3, -1, rows))


def _drawn(generator: np.random.Generator, kind: int, shape: tuple[int, ...]) -> NDArray[Any]:
    """Noise (0), stripes (1) or an ellipse (2), values 0..255 of shape [H, W, C]."""
    height, width, channels = shape
    if kind == 0:
        return generator.integers(0, 256, shape)
    y, x = np.mgrid[0:height, 0:width]
    dark, bright = generator.uniform(0, 90, channels), generator.uniform(160, 255, channels)
    if kind == 1:
        angle, period = generator.uniform(0, np.pi), generator.uniform(3, 8)
        phase = generator.uniform(0, 2 * np.pi)
        wave = np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / period + phase)
        inside = wave > 0
    else:
        centre = generator.uniform(0.35, 0.65, 2) * (height, width)
        radii = generator.uniform(0.2, 0.4, 2) * (height, width)
        inside = ((y - centre[0]) / radii[0]) ** 2 + ((x - centre[1]) / radii[1]) ** 2 < 1
    return np.where(inside[:, :, None], bright, dark)


def _generator(seed: int) -> np.random.Generator:
    if seed < 0:
        raise OptionError(f"seed is {seed}; expected a whole number from 0 on.")
    return np.random.default_rng(seed)


def _draw(generator: np.random.Generator, n: int, share: float) -> IntArray:
    """A share of the rows 0..n-1, at least one, ascending."""
    if not 0 < share <= 1:
        raise OptionError(f"share is {share}; expected a number above 0 and up to 1.")
    rows: IntArray = np.sort(generator.choice(n, max(1, round(share * n)), replace=False))
    return rows


def _check_pixels(pixels: UInt8Array) -> None:
    if pixels.ndim != 4 or pixels.dtype != np.uint8 or min(pixels.shape[:3]) < 1:
        raise OptionError(
            f"pixels are {pixels.dtype} {list(pixels.shape)}; expected uint8 [N, H, W, C] with at "
            "least one image."
        )
    if min(pixels.shape[1:3]) < LEAST_SIDE:
        raise OptionError(
            f"The images have {pixels.shape[1]}x{pixels.shape[2]} pixels; expected sides of "
            f"{LEAST_SIDE} or more."
        )
