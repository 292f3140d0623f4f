"""Arrays and pictures that a user hands over, brought into one layout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from latlas.contracts import SourceError, UInt8Array
from latlas.data.pixels import (
    SUFFIXES,
    UNIT_SLACK,
    BadImage,
    Frame,
    check_frame_options,
    decode,
    explained,
    frame_image,
    strict_pillow,
)

__all__ = [
    "array_layout",
    "array_to_uint8",
    "as_pixels",
    "frame_array",
    "is_picture",
    "picture_shape",
]


def array_layout(shape: Sequence[int], what: str) -> tuple[str, tuple[int, int, int]]:
    """Finds out how an array of images is laid out.

    Args:
        shape: [N, H, W], [N, H, W, C] or [N, C, H, W] with C = 1, 2 (grey and alpha), 3 or 4
            (RGB and alpha). Where both fit, channels are last.
        what: name of the array for the message.

    Returns:
        ``"NHW"``, ``"NHWC"`` or ``"NCHW"``, and (H, W, C).

    Raises:
        SourceError: no such layout.
    """
    if len(shape) == 3 and min(shape[1:]) > 0:
        return "NHW", (shape[1], shape[2], 1)
    if len(shape) == 4 and min(shape[1:]) > 0:
        if shape[3] in (1, 2, 3, 4):
            return "NHWC", (shape[1], shape[2], shape[3])
        if shape[1] in (1, 2, 3, 4):
            return "NCHW", (shape[2], shape[3], shape[1])
    hint = " Reshape rows of pixels to (N, H, W) first." if len(shape) == 2 else ""
    raise SourceError(
        f"{what} has shape {tuple(shape)}; expected (N, H, W), (N, H, W, C) or (N, C, H, W) "
        f"with 1, 3 or 4 channels.{hint}"
    )


def array_to_uint8(block: NDArray[Any], layout: str, what: str, first: int = 0) -> UInt8Array:
    """A block of an image array as uint8 [M, H, W, C].

    Args:
        block: uint8, bool, other whole numbers in 0..255, or floats in 0..1.
        layout: as ``array_layout`` says.
        what: name of the array for the message.
        first: index of the first image of the block in the whole array.

    Raises:
        SourceError: NaN, infinite or out-of-range values, or another kind of values.
    """
    if layout == "NHW":
        block = block[..., None]
    elif layout == "NCHW":
        block = block.transpose(0, 2, 3, 1)
    kind = block.dtype.kind
    if block.dtype == np.uint8:
        return np.ascontiguousarray(block)
    if kind == "b":
        return np.ascontiguousarray(block.astype(np.uint8) * np.uint8(255))
    if kind not in "fiu":
        raise SourceError(
            f"{what} holds values of type {block.dtype}; expected uint8 (0..255) or floats (0..1)."
        )
    limit = 1.0 + UNIT_SLACK if kind == "f" else 255
    lowest = -UNIT_SLACK if kind == "f" else 0
    good = (block >= lowest) & (block <= limit)  # False where NaN
    if not good.all():
        where = int(np.argmin(good.reshape(len(good), -1).all(axis=1)))
        wrong = block[where][~good[where]][0]
        expected = "floats in 0..1 without NaN" if kind == "f" else "whole numbers in 0..255"
        mend = " Divide pixel values of 0..255 by 255." if kind == "f" and wrong > 1 else ""
        raise SourceError(
            f"{what} holds {wrong} in image {first + where}; expected {expected}.{mend}"
        )
    values = np.clip(np.rint(block * 255.0), 0, 255) if kind == "f" else block
    return np.ascontiguousarray(values.astype(np.uint8))


def frame_array(block: UInt8Array, frame: Frame) -> UInt8Array:
    """Brings uint8 images [M, h, w, c] with c = 1..4 into the frame: uint8 [M, H, W, C]."""
    height, width, channels = block.shape[1:]
    same_size = (height, width) == (frame.height, frame.width)
    if same_size and channels == frame.channels:
        return block
    if same_size and (channels, frame.channels) == (1, 3):
        return np.repeat(block, 3, axis=3)
    framed = np.empty((len(block), frame.height, frame.width, frame.channels), np.uint8)
    for row, pixels in zip(framed, block, strict=True):
        image = Image.fromarray(pixels[..., 0] if channels == 1 else pixels)
        row[...] = np.asarray(frame_image(image, frame)).reshape(row.shape)
    return framed


def as_pixels(images: Any, shape: tuple[int, int, int], resize: str = "crop") -> UInt8Array:
    """Turns what a user hands in into pixels of a model's size.

    Args:
        images: an array or tensor [N, H, W], [N, H, W, C] or [N, C, H, W] (uint8 in 0..255 or
            floats in 0..1), one Pillow image, the path of one image file, or a sequence of
            Pillow images, paths and arrays [H, W] or [H, W, C].
        shape: (H, W, C) of the model, C = 1 or 3.
        resize: ``"crop"`` or ``"pad"``.

    Returns:
        uint8 [N, H, W, C].

    Raises:
        SourceError: the images cannot be understood; the message says which one and why.
        OptionError: ``shape`` or ``resize`` is out of its range.
    """
    check_frame_options((shape[0], shape[1]), shape[2], resize)
    frame = Frame(*shape, resize)
    if isinstance(images, (Image.Image, str, Path)):
        images = [images]
    is_array = hasattr(images, "shape") or not isinstance(images, Sequence)
    if is_array or (images and not isinstance(images[0], (Image.Image, str, Path, np.ndarray))):
        try:
            array = np.asarray(images)
        except (TypeError, ValueError) as error:
            raise SourceError(f"the images cannot be read as one array: {error}") from None
        layout, _ = array_layout(array.shape, "the array")
        return frame_array(array_to_uint8(array, layout, "the array"), frame)
    pixels = np.empty((len(images), *shape), np.uint8)
    with strict_pillow():
        for index, item in enumerate(images):
            pixels[index] = _one_picture(item, index, frame)
    return pixels


def is_picture(path: str | Path) -> bool:
    """Whether this is the name of a file with one picture."""
    place = Path(path).expanduser()
    return place.suffix.lower() in SUFFIXES and not place.is_dir()


def picture_shape(path: str | Path) -> tuple[int, int, int] | None:
    """Height, width and channels (1 or 3) of a picture file; None where it cannot be read."""
    try:
        with strict_pillow(), Image.open(Path(path).expanduser()) as picture:
            channels = 1 if picture.mode in {"1", "L", "LA", "I", "I;16", "F"} else 3
            return picture.height, picture.width, channels
    except (OSError, ValueError, Warning, Image.DecompressionBombError):
        return None


def _one_picture(item: Any, index: int, frame: Frame) -> UInt8Array:
    shape = (frame.height, frame.width, frame.channels)
    try:
        if isinstance(item, Image.Image):
            with explained(b"open"):
                return np.asarray(frame_image(item, frame)).reshape(shape)
        if isinstance(item, (str, Path)):
            data = decode(Path(item).expanduser().read_bytes(), frame)
            return np.frombuffer(data, np.uint8).reshape(shape)
    except (BadImage, OSError) as error:
        raise SourceError(
            f"image {index} ({item}) cannot be used: {getattr(error, 'strerror', None) or error}."
        ) from None
    array = np.asarray(item)[None]
    layout, _ = array_layout(array.shape, f"image {index}")
    return frame_array(array_to_uint8(array, layout, f"image {index}"), frame)[0, ...]
