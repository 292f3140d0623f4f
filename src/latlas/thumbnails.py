"""Small pictures of images, as PNG bytes, quick enough for whole datasets.

Seventy thousand pictures of 28 × 28 are many tiny files, for which a general encoder spends most
of its time setting itself up. A picture that a browser can show needs four chunks only, written
here after the specification: W3C, Portable Network Graphics (PNG) Specification, third edition,
2025, https://www.w3.org/TR/png-3/, sections 5 (chunks), 9 (filters) and 11.2 (critical chunks).
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

from latlas.contracts import OptionError, SpaceError, UInt8Array

__all__ = ["MOST_SIDE", "read_thumbnails", "thumbnails"]

MOST_SIDE = 64
"""Images of at most so many pixels on the longer side are kept to the bit."""
_BATCH = 4096
_GREY, _RGB = 0, 2
_NO_FILTER, _UP = 0, 2


def thumbnails(pixels: UInt8Array, side: int = 64) -> list[bytes]:
    """Encodes each image as a PNG file of at most ``side`` pixels on the longer side.

    Larger images are shrunk with the aspect kept (antialiased); smaller ones are kept to the bit.

    Args:
        pixels: uint8 [N, H, W, C] with C = 1 or 3, values 0..255.
        side: longest side of a thumbnail in pixels, at least 1.

    Returns:
        N PNG files, 8-bit grey for C = 1 and 8-bit RGB for C = 3.

    Raises:
        OptionError: for another dtype, shape or side.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[3] not in (1, 3):
        raise OptionError(
            f"Thumbnails need uint8 images [N, H, W, 1 or 3]; got {pixels.dtype} "
            f"{list(pixels.shape)}. Convert the images first."
        )
    if side < 1:
        raise OptionError(f"A thumbnail has at least 1 pixel; got side={side}.")
    files: list[bytes] = []
    for start in range(0, len(pixels), _BATCH):
        batch = np.asarray(pixels[start : start + _BATCH])
        files += _encode(_shrink(batch, side) if max(batch.shape[1:3]) > side else batch)
    return files


def read_thumbnails(files: Sequence[bytes]) -> UInt8Array:
    """Decodes PNG files of one size: uint8 [N, h, w, C]; nothing but a small PNG is opened.

    Raises:
        SpaceError: a file that is none.
    """
    images = []
    for data in files:
        try:
            with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
                if max(picture.size) > MOST_SIDE:
                    raise OSError(f"{picture.size[0]} x {picture.size[1]} pixels")
                images.append(np.asarray(picture.convert("L" if picture.mode == "L" else "RGB")))
        except (OSError, ValueError, SyntaxError) as error:
            raise SpaceError(
                f"a thumbnail is damaged or no thumbnail ({error}). Restore the space from a copy, "
                "or fit it again."
            ) from error
    return np.stack([image[..., None] if image.ndim == 2 else image for image in images])


def _shrink(images: UInt8Array, side: int) -> UInt8Array:
    count, height, width, channels = images.shape
    scale = side / max(height, width)
    small_height, small_width = max(1, round(height * scale)), max(1, round(width * scale))
    small = np.empty((count, small_height, small_width, channels), np.uint8)
    for i, image in enumerate(images):
        picture = Image.fromarray(image[:, :, 0] if channels == 1 else image)
        resized = picture.resize((small_width, small_height), Image.Resampling.BILINEAR)
        small[i] = np.asarray(resized).reshape(small_height, small_width, channels)
    return small


def _encode(images: UInt8Array) -> list[bytes]:
    count, height, width, channels = images.shape
    # The difference to the row above shrinks colour photographs by a sixth, but digits grow.
    row_filter = _UP if channels == 3 else _NO_FILTER
    rows = np.empty((count, height, 1 + width * channels), np.uint8)  # [N, H, 1 + W C]
    rows[:, :, 0] = row_filter
    rows[:, :, 1:] = images.reshape(count, height, -1)
    if row_filter == _UP:
        rows[:, 1:, 1:] -= images[:, :-1].reshape(count, height - 1, -1)

    colour = _RGB if channels == 3 else _GREY
    header = b"\x89PNG\r\n\x1a\n" + _chunk(
        b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    )
    end = _chunk(b"IEND", b"")
    return [
        header + _chunk(b"IDAT", zlib.compress(row.data, 1)) + end
        for row in rows.reshape(count, -1)
    ]


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(data, zlib.crc32(kind))
    return b"".join((len(data).to_bytes(4, "big"), kind, data, checksum.to_bytes(4, "big")))
