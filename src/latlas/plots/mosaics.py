"""One mosaic for all images of a picture.

Every image pixel is a whole number of picture pixels: nothing is resampled, edges stay crisp.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from latlas.contracts import UInt8Array
from latlas.plots.colours import MUTED
from latlas.plots.crisp import fill_axes
from latlas.plots.page import LINE, MARGIN, SIDE, head, new_page, width_for, words, write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["CLOSE", "ROOM", "caption", "mosaic_of", "picture", "sheet"]

ROOM = SIDE - 2 * MARGIN
"""Width of a page between its margins, inches."""
CLOSE = 0.045
"""From an image to its caption, inches."""


def sheet(
    tiles: UInt8Array,
    columns: int,
    captions: Sequence[tuple[str, str]] | None,
    *,
    title: str,
    subtitle: str,
    largest: float,
) -> Figure:
    """Tiles [N, h, w, 3] in rows, each with its caption below.

    ``captions`` are names, shortened where they must be, and values; ``largest``: inches of a tile.
    """
    count, height, width = tiles.shape[:3]
    rows = -(-count // columns)
    inches = min(ROOM / columns * 0.92, largest)
    gap = max(1, round(width * 0.08))
    below = gap if captions is None else max(gap, round((LINE + 0.12) / inches * width))
    full = np.full((rows * columns, height, width, 3), 255, dtype=np.uint8)
    full[:count] = tiles
    mosaic = mosaic_of(full.reshape(rows, columns, height, width, 3), gap, below)
    foot = 0.0 if captions is None else LINE
    figure, axes = picture(
        mosaic, title, subtitle, foot=foot, largest=inches * mosaic.shape[1] / width
    )
    step = (width + gap, height + below)
    first = (width / 2, height + CLOSE * width / inches)
    for n, text in enumerate(captions or ()):
        row, column = divmod(n, columns)
        caption(axes, first[0] + column * step[0], first[1] + row * step[1], *text, inches)
    return figure


def picture(
    mosaic: UInt8Array,
    title: str,
    subtitle: str,
    *,
    sides: tuple[float, float] = (0.0, 0.0),
    foot: float = 0.0,
    largest: float = ROOM,
) -> tuple[Figure, Axes]:
    """A page with one mosaic [H, W, 3] on it, and axes in the mosaic's pixels.

    The page's dots per inch follow the mosaic: one image pixel is a whole number of dots.
    """
    room = min(ROOM - sum(sides), largest)
    height, width = mosaic.shape[:2]
    zoom = max(1, int(np.ceil(160 * room / width)))
    dpi = zoom * width / room
    page_height = 2 * MARGIN + foot + zoom * height / dpi + head(title, subtitle)
    page_width = width_for(title, subtitle, room + sum(sides))
    dots = np.rint(np.array([page_width, page_height]) * dpi)
    figure = new_page(float(dots[0] / dpi), float(dots[1] / dpi), title, subtitle, dpi)
    left, bottom = np.rint(np.array([MARGIN + sides[0], MARGIN + foot]) * dpi) / dots
    axes = figure.add_axes((left, bottom, zoom * width / dots[0], zoom * height / dots[1]))
    axes.set_axis_off()
    fill_axes(axes, mosaic, (0, width, height, 0))
    return figure, axes


def caption(axes: Axes, x: float, y: float, name: str, value: str, inches: float) -> None:
    """Writes ``name value`` centred under ``y``, on at most ``inches``; the name gives way."""
    size = float(np.clip(inches * 10, 5.0, 8.5))
    letters = int((inches + 0.05) * 72 / (size * 0.66))
    name = words(name, longest=max(letters - len(value) - 2, 3))
    text = "  ".join(part for part in (name, value) if part)
    write(axes, x, y, text, size=size, colour=MUTED, ha="center", va="top")


def mosaic_of(tiles: UInt8Array, gap: int, below: int) -> UInt8Array:
    """Tiles [R, C, h, w, 3] as one image, white between: ``gap`` across, ``below`` downwards."""
    R, C, h, w = tiles.shape[:4]
    spaced = np.full((R, h + below, C, w + gap, 3), 255, dtype=np.uint8)
    spaced[:, :h, :, :w] = tiles.transpose(0, 2, 1, 3, 4)
    whole = spaced.reshape(R * (h + below), C * (w + gap), 3)
    return whole[: R * (h + below) - below, : C * (w + gap) - gap]
