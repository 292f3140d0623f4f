"""Colours of the pictures: safe for colour-blind readers, and legible when printed in grey."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from latlas.contracts import UInt8Array

__all__ = [
    "ACCENT",
    "CLASS_COLOURS",
    "INK",
    "MUTED",
    "PAPER",
    "RULE",
    "UNKNOWN",
    "as_text",
    "class_colours",
    "darkened",
    "hexadecimal",
    "mixed",
    "ramp",
]

PAPER = "#ffffff"
INK = "#1b2430"
MUTED = "#5f6b7a"
RULE = "#d5dae1"
ACCENT = "#ff961f"
UNKNOWN = (201, 206, 213)
"""The colour of points without a label."""

CLASS_COLOURS = (
    "#063f80",  # navy
    "#ff961f",  # orange
    "#b11338",  # crimson
    "#7ec4ff",  # sky
    "#6c0ec3",  # violet
    "#aa710b",  # ochre
    "#b877d5",  # orchid
    "#1cb38f",  # jade
    "#aedf9a",  # pistachio
    "#5c718d",  # slate
)
"""Ten colours found by annealing the smallest distance between any two of them.

Distances are Euclidean in OKLab (times 100): at least 18.2 to normal sight, 11.2 to deuteranopes
and protanopes, 9.8 to tritanopes, under the simulation of Machado, Oliveira and Fernandes, "A
Physiologically-based Model for Simulation of Color Vision Deficiency", 2009. (The eight colours
of Okabe and Ito reach 7.6, 9.6 and 8.5.) Printed in grey, neighbours in lightness stay at least
5 units of CIE L* apart, between L* 27 and 84.
"""

_RAMP = ("#c3e6cf", "#7ccbb6", "#3aa5b4", "#2a78ab", "#2b4a94", "#251f5c")

# OKLab, Björn Ottosson, "A perceptual color space for image processing", 2020.
_LAB_TO_LMS = np.array(
    [
        [1.0, 0.3963377774, 0.2158037573],
        [1.0, -0.1055613458, -0.0638541728],
        [1.0, -0.0894841775, -1.2914855480],
    ]
)
_LMS_TO_RGB = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)


def class_colours(count: int) -> UInt8Array:
    """One colour for each of K classes; up to ten come from ``CLASS_COLOURS``.

    Above ten, hue walks round the circle by the golden angle while lightness cycles through four
    levels, so that classes with near numbers differ in both.

    Args:
        count: K, at least 0.

    Returns:
        uint8 [K, 3], sRGB.
    """
    if count <= len(CLASS_COLOURS):
        return _parse(CLASS_COLOURS)[:count]
    k = np.arange(count)
    hue = np.deg2rad(255.0 + 137.50776405 * k)
    lightness = np.array([0.44, 0.74, 0.58, 0.84])[k % 4]
    chroma = np.array([0.15, 0.14, 0.17, 0.11])[k % 4]
    # Colours outside sRGB lose chroma, never lightness: grey prints keep their order.
    rgb = _oklch(lightness, chroma, hue)
    for _ in range(24):
        outside = (rgb < 0).any(axis=1) | (rgb > 1).any(axis=1)
        chroma = np.where(outside, chroma * 0.93, chroma)
        rgb = _oklch(lightness, chroma, hue)
    return _to_uint8(rgb)


def ramp(count: int) -> UInt8Array:
    """Colours from few to many: light green to dark blue, lightness falls all the way.

    Args:
        count: number of steps, at least 2.

    Returns:
        uint8 [count, 3], sRGB.
    """
    anchors = _parse(_RAMP).astype(np.float64)
    at = np.linspace(0, len(anchors) - 1, count)
    steps = [np.interp(at, np.arange(len(anchors)), anchors[:, c]) for c in range(3)]
    return np.rint(np.stack(steps, axis=1)).astype(np.uint8)


def mixed(colours: NDArray[Any], other: tuple[int, int, int], share: float) -> UInt8Array:
    """``share`` of each colour uint8 [K, 3] replaced by the colour ``other``."""
    mixture = colours.astype(np.float64) * (1 - share) + np.array(other) * share
    return np.rint(mixture).astype(np.uint8)


def darkened(colours: UInt8Array, luminance: float = 0.06) -> UInt8Array:
    """The same hues uint8 [K, 3], at most so bright; 0.06 gives text a contrast of 9.5 on white."""
    linear = (colours / 255.0) ** 2.2
    bright = linear @ np.array([0.2126, 0.7152, 0.0722])
    return _to_uint8(linear * np.minimum(1, luminance / np.maximum(bright, 1e-9))[:, None])


def as_text(colour: str) -> str:
    """``#rrggbb`` darkened for small text on white."""
    return hexadecimal(darkened(_parse((colour,)), 0.12)[0])


def hexadecimal(colour: NDArray[Any]) -> str:
    """uint8 [3] as ``#rrggbb``."""
    return "#" + "".join(f"{int(channel):02x}" for channel in colour)


def _parse(colours: tuple[str, ...]) -> UInt8Array:
    return np.array([list(bytes.fromhex(colour[1:])) for colour in colours], dtype=np.uint8)


def _oklch(
    lightness: NDArray[np.float64], chroma: NDArray[np.float64], hue: NDArray[np.float64]
) -> NDArray[np.float64]:
    lab = np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=1)
    linear: NDArray[np.float64] = (lab @ _LAB_TO_LMS.T) ** 3 @ _LMS_TO_RGB.T
    return linear


def _to_uint8(linear: NDArray[np.float64]) -> UInt8Array:
    linear = np.clip(linear, 0, 1)
    encoded = np.where(
        linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055
    )
    colours: UInt8Array = np.rint(encoded * 255).astype(np.uint8)
    return colours
