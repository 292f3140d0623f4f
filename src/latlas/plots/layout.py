"""Measured text and crisp tiles: what pages of several parts are laid out with."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from latlas.contracts import UInt8Array
from latlas.plots.crisp import fill_axes
from latlas.plots.page import new_page, words, write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "crisp_dpi",
    "crisp_page",
    "fitted",
    "gap_of",
    "place",
    "shrunk",
    "tile_width",
    "width_of",
    "wrapped",
]

_DPI = 200
"""Dots per inch of a page; at least ``_LEAST`` where tiles ask for whole dots."""
_LEAST = 160


@lru_cache(maxsize=4096)
def width_of(text: str, size: float, weight: str = "normal") -> float:
    """Inches that one line takes at ``size`` points."""
    scratch = new_page(1, 1, "", "", _DPI)
    extent = write(scratch, 0, 0, text, size=size, weight=weight).get_window_extent()
    return float(extent.width) / _DPI


def fitted(
    text: str, inches: float, size: float, weight: str = "normal", *, otherwise: str = ""
) -> str:
    """One printable line of at most ``inches``, shortened in the middle where it must be.

    ``otherwise`` stands for a text whose letters no font here has.
    """
    line = words(text, otherwise, longest=max(len(text), 4))
    wide = width_of(line, size, weight)
    if wide <= inches:
        return line
    for letters in range(min(int(len(line) * inches / wide) + 3, len(line)), 2, -1):
        shorter = words(line, longest=letters)
        if width_of(shorter, size, weight) <= inches:
            return shorter
    return "…"


def wrapped(text: str, inches: float, size: float, weight: str = "normal") -> list[str]:
    """One or two lines of at most ``inches`` each, broken at the space where both are shortest."""
    line = words(text, longest=max(len(text), 4))
    if width_of(line, size, weight) <= inches:
        return [line]
    breaks = [match.start() for match in re.finditer(" ", line)]
    if not breaks:
        return [fitted(line, inches, size, weight)]

    def longer_half(at: int) -> float:
        return max(width_of(part, size, weight) for part in (line[:at], line[at + 1 :]))

    at = min(breaks, key=longer_half)
    return [fitted(part, inches, size, weight) for part in (line[:at], line[at + 1 :])]


def gap_of(pixels: int, share: float) -> int:
    """Pixels between images ``pixels`` wide: a ``share`` of them, at least one."""
    return max(1, int(pixels * share))


def tile_width(pixels: int, count: int, room: float, share: float) -> float:
    """Inches of each of ``count`` images in a row of ``room`` inches, gaps as of ``gap_of``."""
    return room / (count + (count - 1) * max(share, 1 / pixels))


def shrunk(images: UInt8Array, inches: float) -> UInt8Array:
    """Images [..., H, W, 3] with at most ``_DPI`` pixels an inch, if they are ``inches`` wide."""
    height, width = images.shape[-3:-1]
    most = max(1, round(_DPI * inches))
    if width <= most:
        return images
    size = (most, max(1, round(height * most / width)))
    flat = images.reshape(-1, height, width, 3)
    small = [np.asarray(Image.fromarray(each).resize(size, Image.Resampling.BOX)) for each in flat]
    return np.stack(small).reshape(*images.shape[:-3], size[1], size[0], 3)


def crisp_dpi(pixels: int, inches: float) -> tuple[float, int]:
    """Dots per inch at which ``pixels`` fill ``inches`` with whole dots, and dots a pixel."""
    zoom = max(1, int(np.ceil(_LEAST * inches / pixels)))
    return zoom * pixels / inches, zoom


def crisp_page(width: float, height: float, title: str, subtitle: str, dpi: float) -> Figure:
    """A page of whole dots."""
    dots = np.rint(np.array([width, height]) * dpi)
    return new_page(float(dots[0] / dpi), float(dots[1] / dpi), title, subtitle, dpi)


def place(figure: Figure, image: UInt8Array, left: float, top: float, zoom: int) -> Axes:
    """Axes full of an image [H, W, 3], each pixel ``zoom`` dots, in the image's pixels.

    ``left`` and ``top`` are inches from the lower left corner of the page.
    """
    height, width = image.shape[:2]
    dots = np.rint(figure.get_size_inches() * figure.dpi)
    x, y = round(left * figure.dpi), round(top * figure.dpi) - zoom * height
    axes = figure.add_axes(
        (x / dots[0], y / dots[1], zoom * width / dots[0], zoom * height / dots[1])
    )
    axes.set_axis_off()
    fill_axes(axes, image, (0, width, height, 0))
    return axes
