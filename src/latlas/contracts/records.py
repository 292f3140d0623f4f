"""Named results that the rooms of the house hand to each other: images, latents, scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from latlas.contracts.errors import OptionError

__all__ = [
    "SPLITS",
    "TEST",
    "TRAIN",
    "FloatArray",
    "Images",
    "IntArray",
    "LatentRows",
    "Latents",
    "Score",
    "Skipped",
    "UInt8Array",
]

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
UInt8Array = NDArray[np.uint8]

SPLITS = ("train", "test")
"""Names of the splits; arrays of splits hold the index into this tuple as uint8."""
TRAIN, TEST = 0, 1


@dataclass(frozen=True)
class Skipped:
    """One file that could not be used, and why, in words."""

    uri: str
    reason: str

    NO_IMAGE: ClassVar[str] = "not an image by its name"

    @property
    def is_image(self) -> bool:
        """Whether its name is that of an image, so that one is lost with it."""
        return not self.reason.startswith(self.NO_IMAGE)


@dataclass(frozen=True)
class Images:
    """A dataset of N decoded images of one size.

    Attributes:
        pixels: uint8 [N, H, W, C] with C = 1 or 3, values 0..255, usually a memory map; the
            training loop also takes float32 in 0..1.
        labels: int64 [N], index into ``classes``; -1 where the label is unknown.
        classes: the K label names in their natural order; empty without labels.
        splits: uint8 [N], index into ``SPLITS`` (0 train, 1 test).
        uris: N strings, where each image came from.
        source: the source as the user named it.
        digest: hex digest of pixels, labels, classes and of what decided about the splits; a copy
            of the source has the same.
        skipped: files that could not be decoded.
    """

    pixels: UInt8Array | FloatArray
    labels: IntArray
    classes: tuple[str, ...]
    splits: UInt8Array
    uris: Sequence[str]
    source: str
    digest: str
    skipped: tuple[Skipped, ...] = ()

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels (H, W, C) of every image."""
        height, width, channels = self.pixels.shape[1:]
        return int(height), int(width), int(channels)


@dataclass(frozen=True)
class LatentRows:
    """N rows on their way into the latent store.

    Attributes:
        ids: int64 [N], unique within a space, never reused.
        uris: N strings.
        labels: int64 [N], -1 where unknown.
        splits: uint8 [N], index into ``SPLITS``.
        z: float32 [N, D], the latent vectors.
        errors: float32 [N], mean squared reconstruction error per pixel, images in 0..1;
            NaN where there is no decoder.
        thumbnails: N encoded images (PNG bytes), at most 64 pixels on the longer side.
        told: int64 [N], the label that encoder and decoder are told of each row, which matters
            in the scopes per-class and conditional; None: the label itself.
    """

    ids: IntArray
    uris: Sequence[str]
    labels: IntArray
    splits: UInt8Array
    z: FloatArray
    errors: FloatArray
    thumbnails: Sequence[bytes]
    told: IntArray | None = None

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Latents:
    """The latent vectors of a space with what is known of each image, as columns ordered by id.

    Attributes: as in ``LatentRows``; ``classes`` names the labels, and ``told`` is always there.
    """

    ids: IntArray
    uris: Sequence[str]
    labels: IntArray
    classes: tuple[str, ...]
    splits: UInt8Array
    z: FloatArray
    errors: FloatArray
    told: IntArray = field(kw_only=True, default_factory=lambda: np.empty(0, np.int64))

    def __post_init__(self) -> None:
        if len(self.told) != len(self.labels):
            object.__setattr__(self, "told", self.labels)

    def __len__(self) -> int:
        return len(self.ids)

    def find(self, ids: IntArray) -> tuple[IntArray, BoolArray]:
        """The row of each id, int64 [M]; bool [M]: whether it is there, else its row is any."""
        rows = np.minimum(np.searchsorted(self.ids, ids), max(len(self) - 1, 0))
        return rows, self.ids[rows] == ids

    def row(self, number: int) -> int:
        """The row of an id.

        Raises:
            OptionError: there is no such id.
        """
        row = int(np.searchsorted(self.ids, number))
        if row >= len(self) or self.ids[row] != number:
            raise self.absent(number)
        return row

    def absent(self, number: int) -> OptionError:
        """The error that there is no such id."""
        return OptionError(
            f"there is no image with id {number}; ids here run from {self.ids.min()} to "
            f"{self.ids.max()}."
        )


@dataclass(frozen=True)
class Score:
    """One number that judges a space, with what it must be read beside.

    Attributes:
        name: for instance ``"knn_accuracy"``.
        value: the number itself, in the unit that ``name`` implies.
        baseline: the same measure on a simple rival (for instance raw pixels); None if not taken.
        floor: the value that nothing can beat or fall below; None if unknown.
        seed: the seed behind any sampling.
        interval: low and high end of a 95% interval; None if not taken.
        detail: anything else that the reader needs, as JSON values.
        version: of the latlas that took it; filled in when it is stored.
    """

    name: str
    value: float
    baseline: float | None = None
    floor: float | None = None
    seed: int = 0
    interval: tuple[float, float] | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    version: str = ""
