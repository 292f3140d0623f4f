"""The nouns of latlas: start reading here.

Images go in, an encoder turns each into one latent vector ``z`` of dimension D,
a decoder turns vectors back into images. Everything else works on arrays of latents.

    image source -> Images -> Encoder -> Latents -> Projection / scores / pictures

This file holds the contracts between the rooms of the house and nothing that computes.

Errors
------
LatlasError
├── UserError              the user can mend it: exit code 2
│   ├── SourceError        the images cannot be opened as asked
│   ├── OptionError        an argument is out of its range (also a ValueError)
│   ├── SpaceError         not a space, half-written, damaged, or of a newer format
│   └── MissingExtraError  an optional package is not installed
└── RunError               the work itself failed: exit code 1
    ├── TrainingError      the loss left the numbers (NaN or infinite)
    └── StorageError       the disk is full or cannot be written

Every message says what was got, what was expected and what to do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

__all__ = [
    "SPLITS",
    "TEST",
    "TRAIN",
    "Decoder",
    "Encoder",
    "FloatArray",
    "Images",
    "IntArray",
    "LatentRows",
    "Latents",
    "LatlasError",
    "MissingExtraError",
    "NoProgress",
    "OptionError",
    "Progress",
    "Projection",
    "RunError",
    "Score",
    "Skipped",
    "Solvable",
    "SourceError",
    "SpaceError",
    "Stage",
    "StorageError",
    "Trainable",
    "TrainingError",
    "UInt8Array",
    "UserError",
]

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
UInt8Array = NDArray[np.uint8]

SPLITS = ("train", "test")
"""Names of the splits; arrays of splits hold the index into this tuple as uint8."""
TRAIN, TEST = 0, 1


# --- errors ------------------------------------------------------------------------------


class LatlasError(Exception):
    """Base of every error that latlas raises on purpose."""

    exit_code = 1


class UserError(LatlasError):
    """Something that the user can mend; the message says how."""

    exit_code = 2


class SourceError(UserError):
    """An image source that cannot be opened as asked."""


class OptionError(UserError, ValueError):
    """An argument outside its range."""


class SpaceError(UserError):
    """A folder that is not a space, or one that is half-written, damaged or too new."""


class MissingExtraError(UserError):
    """A feature whose optional package is not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs a package that is not installed. "
            f"Install it with: pip install 'latlas[{extra}]'"
        )


class RunError(LatlasError):
    """Work that failed although the request was sound."""


class TrainingError(RunError):
    """Training that cannot go on, for instance because the loss is not a number."""


class StorageError(RunError):
    """A disk that is full or cannot be written."""


# --- named results -----------------------------------------------------------------------


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
    """

    ids: IntArray
    uris: Sequence[str]
    labels: IntArray
    splits: UInt8Array
    z: FloatArray
    errors: FloatArray
    thumbnails: Sequence[bytes]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Latents:
    """The latent vectors of a space with what is known of each image, as columns.

    Attributes: as in ``LatentRows``; ``classes`` names the labels.
    """

    ids: IntArray
    uris: Sequence[str]
    labels: IntArray
    classes: tuple[str, ...]
    splits: UInt8Array
    z: FloatArray
    errors: FloatArray

    def __len__(self) -> int:
        return len(self.ids)


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
    """

    name: str
    value: float
    baseline: float | None = None
    floor: float | None = None
    seed: int = 0
    interval: tuple[float, float] | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


# --- models ------------------------------------------------------------------------------


@runtime_checkable
class Encoder(Protocol):
    """Turns images into latent vectors."""

    latent_dim: int

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """Images float [B, C, H, W] in 0..1 -> latents [B, D] (for a VAE the mean)."""
        ...


@runtime_checkable
class Decoder(Protocol):
    """Turns latent vectors into images."""

    latent_dim: int

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        """Latents float [B, D] -> images [B, C, H, W]; near 0..1, not clamped."""
        ...


@runtime_checkable
class Trainable(Protocol):
    """A model that the training loop can train: a ``torch.nn.Module`` with losses."""

    learning_rate: float
    """The learning rate that suits this net; the loop scales it over the run."""

    def losses(self, x: torch.Tensor, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Images float [B, C, H, W] in 0..1 -> named scalar losses.

        ``"loss"`` is the total that is minimised; ``"mse"`` the mean squared error per pixel.
        All randomness comes from ``generator``, so that a step can be repeated to the bit.
        """
        ...

    def prepare(self, x: torch.Tensor) -> None:
        """Takes a sample of the training images, float [B, C, H, W], before the first step."""
        ...

    def parameter_groups(self) -> list[dict[str, Any]]:
        """``params`` and ``weight_decay`` of each group, as optimisers take them."""
        ...


@runtime_checkable
class Solvable(Protocol):
    """A model with a closed-form solution, which needs no training loop (PCA)."""

    def solve(self, pixels: UInt8Array | FloatArray, rows: IntArray | None = None) -> None:
        """Fits itself to images [N, H, W, C], uint8 or float32 in 0..1; ``rows`` selects some."""
        ...


# --- maps --------------------------------------------------------------------------------


class Projection(Protocol):
    """A map of the latent space: latents [N, D] -> plane [N, 2].

    ``fit`` learns the layout of the given latents and keeps it in ``xy_``; ``transform`` places
    other latents on the same map without moving those that are there.
    """

    name: str
    xy_: FloatArray

    def fit(self, z: FloatArray, progress: Progress | None = None) -> Self:
        """Lays out float32 [N, D]; afterwards ``xy_`` is float32 [N, 2]."""
        ...

    def transform(self, z: FloatArray) -> FloatArray:
        """Places float32 [M, D] on the fitted map: float32 [M, 2]."""
        ...

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """The fitted map as (JSON values, arrays), enough for ``from_state``.

        What the latent store already holds (latents and layout of the fitted rows) is left
        out of the arrays.
        """
        ...

    @classmethod
    def from_state(
        cls,
        config: Mapping[str, Any],
        arrays: Mapping[str, NDArray[Any]],
        z: FloatArray,
        xy: FloatArray,
    ) -> Self:
        """Rebuilds a fitted map; ``z`` [N, D] and ``xy`` [N, 2] are the rows it was fitted on."""
        ...


# --- progress ----------------------------------------------------------------------------


class Stage(Protocol):
    """One running stage of work, for instance one progress bar."""

    def advance(self, amount: float = 1, **fields: float | str) -> None:
        """Moves on by ``amount`` units; ``fields`` are shown beside the bar."""
        ...


class Progress(Protocol):
    """Where long work reports to: a terminal, a log, a page, or nowhere."""

    def stage(
        self, name: str, total: float | None = None, unit: str = ""
    ) -> AbstractContextManager[Stage]:
        """Opens a stage of ``total`` units (None when unknown)."""
        ...

    def note(self, message: str) -> None:
        """Says one plain sentence."""
        ...


class NoProgress:
    """Reports nowhere."""

    def stage(
        self, name: str, total: float | None = None, unit: str = ""
    ) -> AbstractContextManager[Stage]:
        """Opens a stage that shows nothing."""
        return _SilentStage()

    def note(self, message: str) -> None:
        """Says nothing."""


class _SilentStage(AbstractContextManager["_SilentStage"]):
    def __enter__(self) -> _SilentStage:
        return self

    def __exit__(self, *exc: object) -> None:
        return None

    def advance(self, amount: float = 1, **fields: float | str) -> None:
        return None
