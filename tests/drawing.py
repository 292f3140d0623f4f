"""What the tests of the pictures draw, and how they look at it."""

from __future__ import annotations

import numpy as np

from latlas.plots.page import pixels

RNG = np.random.default_rng(0)
START = RNG.bit_generator.state


def start_again():
    """The same numbers in whatever order the tests run."""
    RNG.bit_generator.state = START


def images(*leading, height=6, width=5, channels=1):
    return RNG.integers(0, 256, (*leading, height, width, channels), dtype=np.uint8)


def clusters(classes=10, each=40):
    centres = np.stack(np.unravel_index(np.arange(classes), (8, -(-classes // 8))), axis=1)
    labels = np.repeat(np.arange(classes), each)
    xy = 10.0 * centres[labels] + RNG.normal(0, 0.5, (len(labels), 2))
    return xy.astype(np.float32), labels.astype(np.int64)


def texts(figure):
    """Every text on the page and in its axes."""
    found = [text.get_text() for text in figure.texts]
    for axes in figure.axes:
        found += [text.get_text() for text in axes.texts]
    return [text.strip() for text in found if text.strip()]


def tiles_on(figure, axes, tile, zoom_of):
    """Where a tile [h, w, 3] stands on the drawn page: (row, column) of its upper left dot."""
    drawn = pixels(figure)
    box = axes.bbox
    zoom = round(box.width / zoom_of)
    large = tile.repeat(zoom, axis=0).repeat(zoom, axis=1)
    windows = np.lib.stride_tricks.sliding_window_view(drawn, large.shape)[:, :, 0]
    first = np.argwhere((windows[..., 0, 0, :] == large[0, 0]).all(axis=-1))
    return [tuple(at) for at in first if np.array_equal(windows[tuple(at)], large)]
