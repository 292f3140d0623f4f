"""From whatever a picture is to uint8 pixels of one size.

Two ways lead here: encoded files (JPEG, PNG, ...) through Pillow, and arrays of numbers.
Both end in ``Frame``, the height, width and channels that every image of a dataset shares.

What is done to a picture, in this order: turned upright by its EXIF orientation; transparency
laid over white; 16-bit values divided by 257 (never clipped); palette, CMYK and other colour
modes turned into RGB; resized with an antialiased bicubic filter, either filling the frame and
cutting the overhang evenly (``crop``) or fitting inside it on black (``pad``); turned into grey
(ITU-R 601-2 luma) or RGB. Of an animation or a multi-page file the first picture is used.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from latlas.contracts import OptionError, UInt8Array

__all__ = [
    "SUFFIXES",
    "UNIT_SLACK",
    "BadImage",
    "Frame",
    "check_frame_options",
    "decode",
    "explained",
    "flatten",
    "frame_image",
    "look",
    "strict_pillow",
]

RESIZE = ("crop", "pad")

# A fixed list, because Pillow would hand some other formats to outside programs.
FORMATS: tuple[str, ...] = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "PPM", "TIFF", "JPEG2000")
if importlib.util.find_spec("PIL.AvifImagePlugin") is not None:
    FORMATS += ("AVIF",)

SUFFIXES = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".gif", ".bmp", ".dib", ".webp"),
        *(".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k", ".avif"),
    )
)

_ORIENTATION_KEYS = {"exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif"}
UNIT_SLACK = 1e-3
"""How far floats may stray from 0..1 and still count as such."""
_ALPHA_MODES = {"LA", "La", "PA", "RGBA", "RGBa"}


class BadImage(Exception):  # noqa: N818  # it is a finding about one file, not a failure
    """One image that cannot be used; the text says why."""


@dataclass(frozen=True)
class Frame:
    """The one size of all images: height and width in pixels, 1 or 3 channels.

    Attributes:
        height: rows of pixels, 1..4096.
        width: columns of pixels, 1..4096.
        channels: 1 (grey) or 3 (RGB).
        resize: ``"crop"`` fills the frame, ``"pad"`` fits inside it on black.
    """

    height: int
    width: int
    channels: int
    resize: str = "crop"

    @property
    def size(self) -> int:
        """Bytes of one image."""
        return self.height * self.width * self.channels

    def as_json(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return asdict(self)


def check_frame_options(
    image_size: int | Sequence[int] | None, channels: int | None, resize: str
) -> tuple[int, int] | None:
    """Refuses options that no frame can have.

    Returns:
        The height and width that ``image_size`` means, or None.

    Raises:
        OptionError: one of them is out of its range.
    """
    if channels not in (None, 1, 3):
        raise OptionError(f"{channels!r} channels were asked for; choose 1 (grey) or 3 (RGB).")
    if resize not in RESIZE:
        raise OptionError(f"resize {resize!r} is not known; choose one of: {', '.join(RESIZE)}.")
    if image_size is None:
        return None
    sides = tuple(image_size) if isinstance(image_size, Sequence) else (image_size, image_size)
    whole = all(isinstance(side, (int, np.integer)) and 1 <= side <= 4096 for side in sides)
    if not whole or len(sides) != 2:
        raise OptionError(
            f"image size {image_size!r} was given; expected one number of pixels or "
            "(height, width), each from 1 to 4096."
        )
    return int(sides[0]), int(sides[1])


# --- encoded pictures --------------------------------------------------------------------


@contextlib.contextmanager
def strict_pillow() -> Iterator[None]:
    """Makes Pillow refuse decompression bombs and keep its other warnings to itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def decode(data: bytes, frame: Frame) -> bytes:
    """Decodes one encoded picture; call it inside ``strict_pillow``.

    Args:
        data: the bytes of a file.
        frame: the size to bring it to.

    Returns:
        uint8 values [H, W, C] in C order, as ``frame.size`` bytes.

    Raises:
        BadImage: the bytes are no picture, or a broken one.
    """
    with explained(data), _open(data) as image:
        return frame_image(image, frame).tobytes()


def look(data: bytes, content: bool) -> tuple[int, int, bool]:
    """Height, width and greyness of an encoded picture, read cheaply.

    Args:
        data: the bytes of a file.
        content: also decode a picture with colour channels to see whether it is grey after all.

    Returns:
        Height and width in pixels as the picture is shown, and whether it is grey (never claimed
        of a colour picture whose content was not looked at).

    Raises:
        BadImage: the bytes are no picture, or a broken one.
    """
    with explained(data), _open(data) as image:
        width, height = image.size
        if _ORIENTATION_KEYS & image.info.keys() and image.getexif().get(0x0112, 1) >= 5:
            width, height = height, width
        grey = image.mode in ("1", "L", "I", "F", "LA", "La") or image.mode.startswith("I;16")
        if not grey and content:
            image.draft(None, (128, 128))
            red, green, blue = flatten(image).convert("RGB").split()
            grey = red.tobytes() == green.tobytes() == blue.tobytes()
        return height, width, grey


def _open(data: bytes) -> Image.Image:
    if data.startswith(b"\xff\xd8\xff"):  # by far the most usual, and a tenth faster this way
        image: Image.Image = JpegImageFile(io.BytesIO(data))
    else:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and image.width * image.height > limit:
        raise Image.DecompressionBombError
    return image


@contextlib.contextmanager
def explained(data: bytes) -> Iterator[None]:
    """Turns whatever a decoder throws at broken bytes into ``BadImage`` with a plain reason."""
    if not data:
        raise BadImage("the file is empty (0 bytes)")
    try:
        yield
    except BadImage:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise BadImage(
            f"more than {Image.MAX_IMAGE_PIXELS:,} pixels (a decompression bomb?)"
        ) from None
    except UnidentifiedImageError:
        raise BadImage("not an image, or of a format that cannot be read") from None
    except Exception as error:  # decoders raise almost any class on broken bytes
        reason = str(error) or type(error).__name__
        raise BadImage(f"broken image: {reason}") from None


def frame_image(image: Image.Image, frame: Frame) -> Image.Image:
    """Brings an open Pillow image into the frame: mode ``L`` or ``RGB``, exact size."""
    longer = 2 * max(frame.height, frame.width)
    if image.format == "JPEG" and min(image.size) >= 2 * longer:
        # The decoder can shrink by 2, 4 or 8 for next to nothing; twice the frame is kept.
        image.draft(None, (longer, longer))
    image.load()
    if _ORIENTATION_KEYS & image.info.keys():
        image = ImageOps.exif_transpose(image)
    image = _resize(flatten(image), frame)
    mode = "L" if frame.channels == 1 else "RGB"
    return image if image.mode == mode else image.convert(mode)


def flatten(image: Image.Image) -> Image.Image:
    """Any Pillow image as 8-bit ``L`` or ``RGB``, transparency laid over white.

    Raises:
        BadImage: numbers outside what the mode allows.
    """
    mode = image.mode
    if mode in _ALPHA_MODES or "transparency" in image.info:
        canvas = Image.new("RGBA", image.size, "white")
        canvas.alpha_composite(image.convert("RGBA"))
        return canvas.convert("RGB")
    if mode in ("L", "RGB"):
        return image
    if mode == "1":
        return image.convert("L")
    if mode in ("I", "F") or mode.startswith("I;16"):
        return Image.fromarray(_eight_bits(np.asarray(image)))
    return image.convert("RGB")


def _eight_bits(values: NDArray[Any]) -> UInt8Array:
    if values.dtype.kind == "f":
        low, high = float(np.min(values)), float(np.max(values))
        if not (low >= 0.0 and high <= 255.0):  # also catches NaN
            raise BadImage(f"float values from {low:g} to {high:g}, expected 0..1 or 0..255")
        scale = 255.0 if high <= 1.0 + UNIT_SLACK else 1.0
        return np.clip(np.rint(values * scale), 0, 255).astype(np.uint8)
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        raise BadImage(f"whole numbers from {low} to {high}, expected 16 bits (0..65535)")
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _resize(image: Image.Image, frame: Frame) -> Image.Image:
    width, height = image.size
    if (height, width) == (frame.height, frame.width):
        return image
    across, down = frame.width / width, frame.height / height
    if frame.resize == "crop":
        scale = max(across, down)
        kept_width, kept_height = frame.width / scale, frame.height / scale
        left, top = (width - kept_width) / 2, (height - kept_height) / 2
        box = (left, top, left + kept_width, top + kept_height)
        return _scaled(image, (frame.width, frame.height), box)
    scale = min(across, down)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    canvas = Image.new(image.mode, (frame.width, frame.height))
    corner = ((frame.width - inner[0]) // 2, (frame.height - inner[1]) // 2)
    canvas.paste(_scaled(image, inner, (0, 0, width, height)), corner)
    return canvas


def _scaled(
    image: Image.Image, size: tuple[int, int], box: tuple[float, float, float, float]
) -> Image.Image:
    right, bottom = min(box[2], image.width), min(box[3], image.height)  # rounding of floats
    inside = (max(box[0], 0.0), max(box[1], 0.0), right, bottom)
    return image.resize(size, Image.Resampling.BICUBIC, box=inside, reducing_gap=3.0)
