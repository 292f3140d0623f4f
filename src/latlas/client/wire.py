"""What goes over the wire: pictures and vectors out, arrays and errors back."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from latlas import contracts
from latlas.contracts import LatlasError, OptionError, RunError, SpaceError, UInt8Array

__all__ = ["Picture", "Vectors", "arrays", "end_of", "file_of", "named", "raise_again"]

Vectors = Sequence[Sequence[float]] | NDArray[Any]
Picture = str | Path | bytes | UInt8Array | Image.Image


def raise_again(status: int, body: bytes) -> NoReturn:
    """The error that the server answered, as the one that it raised there."""
    try:
        told = json.loads(body)
        words, kind = str(told["error"]), str(told.get("kind", ""))
    except (ValueError, KeyError, TypeError):
        words, kind = f"the server answered {status}.", ""
    raise named(kind, SpaceError if status == 503 else RunError if status >= 500 else OptionError)(
        words
    )


def named(kind: str, usual: type[LatlasError]) -> type[LatlasError]:
    """The error of latlas that a server named, ``usual`` where it named none."""
    known: Any = getattr(contracts, kind, usual)
    return known if isinstance(known, type) and issubclass(known, LatlasError) else usual


def arrays(found: dict[str, Any], **kinds: Any) -> dict[str, Any]:
    """The same with lists as arrays of these dtypes; what is None stays so."""
    return found | {
        name: np.array(found[name], dtype)
        for name, dtype in kinds.items()
        if found.get(name) is not None
    }


def end_of(end: int | str | Vectors | None) -> Any:
    """An end of a walk as JSON values."""
    if end is None or isinstance(end, str):
        return end
    return int(end) if isinstance(end, int | np.integer) else np.asarray(end).tolist()


def file_of(image: Picture) -> bytes:
    """Any picture as the bytes of a file.

    Raises:
        OptionError: an array that is no image, or a file that is not there.
    """
    if isinstance(image, bytes):
        return image
    if isinstance(image, str | Path):
        try:
            return Path(image).expanduser().read_bytes()
        except OSError as error:
            raise OptionError(f"{image} cannot be read: {error.strerror}.") from error
    if isinstance(image, np.ndarray):
        pixels = image[..., 0] if image.ndim == 3 and image.shape[2] == 1 else image
        if pixels.dtype != np.uint8 or pixels.ndim not in {2, 3}:
            raise OptionError(
                f"the image is {image.dtype} {list(image.shape)}; expected uint8 [H, W], "
                "[H, W, 1] or [H, W, 3]."
            )
        image = Image.fromarray(pixels)
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
