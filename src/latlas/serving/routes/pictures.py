"""Pixels on their way out and in: RGBA, base64, PNG; and images that strangers send."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from PIL import Image

from latlas.contracts import SourceError, UInt8Array
from latlas.data.pixels import BadImage, Frame, decode, look, strict_pillow
from latlas.serving.limits import Limits
from latlas.space import Space

__all__ = ["base64_rgba", "grid", "png", "received", "rgba"]


def rgba(images: UInt8Array) -> UInt8Array:
    """Images uint8 [N, H, W, C], C = 1 or 3 -> uint8 [N, H, W, 4], opaque."""
    out = np.full((*images.shape[:3], 4), 255, np.uint8)
    out[..., :3] = images
    return out


def base64_rgba(images: UInt8Array) -> dict[str, Any]:
    """The images as base64 of RGBA bytes, and their shape [N, H, W, 4]."""
    pixels = rgba(images)
    return {"images": base64.b64encode(pixels.tobytes()).decode(), "shape": list(pixels.shape)}


def png(pixels: UInt8Array) -> bytes:
    """One image uint8 [H, W, C] as a PNG file."""
    file = io.BytesIO()
    shown = pixels[..., 0] if pixels.shape[2] == 1 else pixels
    Image.fromarray(np.ascontiguousarray(shown)).save(file, "PNG", compress_level=1)
    return file.getvalue()


def grid(images: UInt8Array) -> bytes:
    """Images uint8 [N, H, W, C] as one PNG, nearly square, row by row."""
    count, height, width, channels = images.shape
    columns = int(np.ceil(np.sqrt(count)))
    lines = -(-count // columns)
    cells = np.zeros((lines * columns, height, width, channels), np.uint8)
    cells[:count] = images
    whole = cells.reshape(lines, columns, height, width, channels).swapaxes(1, 2)
    return png(whole.reshape(lines * height, columns * width, channels))


def received(data: bytes, space: Space, limits: Limits) -> UInt8Array:
    """An image file that was sent, as the space takes it: uint8 [1, H, W, C].

    Raises:
        SourceError: it is no image, a broken one, or has too many pixels.
    """
    try:
        with strict_pillow():
            height, width, _ = look(data, content=False)  # reads the header only
            if height * width > limits.pixels:
                raise BadImage(
                    f"{width} x {height} pixels, and the most that is taken are "
                    f"{limits.pixels:,}: shrink it first"
                )
            pixels = decode(data, Frame(*space.shape, space.resize))
    except BadImage as error:
        raise SourceError(
            f"the image cannot be used: {error}. Send the bytes of one PNG, JPEG, WebP, GIF, BMP "
            "or TIFF file."
        ) from None
    return np.frombuffer(pixels, np.uint8).reshape(1, *space.shape)
