"""Source and model -> rows for the latent store, block by block.

A block is encoded on all workers, decoded again for its reconstruction error, and handed on
with its thumbnails, so memory stays the same for a thousand images or for millions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from latlas.batches import to_input
from latlas.contracts import (
    FloatArray,
    Images,
    IntArray,
    LatentRows,
    NoProgress,
    OptionError,
    Progress,
    UInt8Array,
)
from latlas.devices import MOST_SHARDS, Workers, allowed_threads
from latlas.models import PerClass
from latlas.thumbnails import thumbnails

__all__ = ["Coder", "Explained", "block_rows", "encode_rows"]

BLOCK_BYTES, MOST_BLOCK = 1 << 26, 8192
BATCH_VALUES, MOST_BATCH = 1 << 20, 512


@dataclass(frozen=True)
class _Coded:
    z: FloatArray
    errors: FloatArray
    told: IntArray


@dataclass(frozen=True)
class Explained:
    """How each of K labels would explain N images.

    Attributes:
        z: float32 [N, K, D], the latents that the encoder gives when it is told each label.
        errors: float32 [N, K], mean squared error per pixel of what the decoder then draws.
    """

    z: FloatArray
    errors: FloatArray


class Coder:
    """A model in use: whole arrays in and out, in batches, on all cores.

    Args:
        model: a trained model with ``encode`` and ``decode``.
        shape: image height, width, channels that the model takes.
        device: where to compute.
        threads: CPU threads; None takes all cores.
    """

    def __init__(
        self,
        model: Any,
        shape: tuple[int, int, int],
        device: torch.device,
        threads: int | None = None,
    ) -> None:
        self._model = model.to(device).eval()
        self._shape, self._device = shape, device
        cores = allowed_threads() if device.type == "cpu" else 1
        self._threads = min(threads or cores, cores, MOST_SHARDS)
        self._batch = max(1, min(MOST_BATCH, BATCH_VALUES // math.prod(shape)))

    def _map(self, function: Any, count: int) -> list[Any]:
        starts = list(range(0, count, self._batch))
        workers = Workers(self._threads, self._threads)
        try:
            with torch.inference_mode():
                return workers.map(torch.inference_mode()(function), starts, self._threads)
        finally:
            workers.close()

    def encode(self, pixels: UInt8Array | FloatArray, labels: IntArray | None = None) -> FloatArray:
        """Images [N, H, W, C], uint8 or float32 in 0..1 -> latents float32 [N, D].

        Args:
            pixels: the images.
            labels: int64 [N], what the encoder is told, -1 where unknown; None: all unknown.
        """
        return self.encode_with_errors(pixels, labels, errors=False).z

    def encode_with_errors(
        self,
        pixels: UInt8Array | FloatArray,
        labels: IntArray | None = None,
        errors: bool = True,
    ) -> _Coded:
        """Latents float32 [N, D], mean squared error per pixel float32 [N], and the labels told.

        A model for each class has decided about the unknown ones of these labels.
        """
        if pixels.shape[1:] != self._shape:
            raise OptionError(
                f"images have shape {pixels.shape[1:]}; the model takes {self._shape} "
                "(height, width, channels)."
            )
        z = np.empty((len(pixels), self._model.latent_dim), np.float32)
        error = np.full(len(pixels), np.nan, np.float32)
        told = np.full(len(pixels), -1, np.int64) if labels is None else labels.astype(np.int64)

        def work(start: int) -> None:
            stop = start + self._batch
            x = to_input(torch.tensor(pixels[start:stop]).to(self._device))
            given = torch.from_numpy(told[start:stop]).to(self._device)
            if isinstance(self._model, PerClass):
                given = self._model.route(x, given)
                told[start:stop] = given.cpu().numpy()
            code: Tensor = self._model.encode(x, given)
            z[start:stop] = code.float().cpu().numpy()
            if errors:
                error[start:stop] = self._errors(x, code, given)

        self._map(work, len(pixels))
        return _Coded(z, error, told)

    def explain(self, pixels: UInt8Array | FloatArray, classes: int) -> Explained:
        """What every label makes of images [N, H, W, C], whichever label they have."""
        z = np.empty((len(pixels), classes, self._model.latent_dim), np.float32)
        errors = np.empty((len(pixels), classes), np.float32)

        def work(start: int) -> None:
            stop = start + self._batch
            x = to_input(torch.tensor(pixels[start:stop]).to(self._device))
            for label in range(classes):
                given = torch.full((len(x),), label, device=self._device)
                code: Tensor = self._model.encode(x, given)
                z[start:stop, label] = code.float().cpu().numpy()
                errors[start:stop, label] = self._errors(x, code, given)

        self._map(work, len(pixels))
        return Explained(z, errors)

    def _errors(self, x: Tensor, code: Tensor, labels: Tensor) -> FloatArray:
        difference = self._model.decode(code, labels).clamp(0, 1).sub_(x)
        errors: FloatArray = difference.square_().flatten(1).mean(1).cpu().numpy()
        return errors

    def decode(self, z: FloatArray, labels: IntArray | None = None) -> UInt8Array:
        """Latents float [N, D] -> images uint8 [N, H, W, C]; labels [N] as in ``encode``."""
        return self._decode(z, labels, np.empty((len(z), *self._shape), np.uint8))

    def decode_floats(self, z: FloatArray, labels: IntArray | None = None) -> FloatArray:
        """Latents float [N, D] -> images float32 [N, H, W, C] in 0..1."""
        return self._decode(z, labels, np.empty((len(z), *self._shape), np.float32))

    def _decode(self, z: FloatArray, labels: IntArray | None, pixels: NDArray[Any]) -> NDArray[Any]:
        vectors = np.ascontiguousarray(z, np.float32)
        if vectors.ndim != 2 or vectors.shape[1] != self._model.latent_dim:
            raise OptionError(
                f"latents have shape {vectors.shape}; expected [N, {self._model.latent_dim}]."
            )
        if not np.isfinite(vectors).all():
            raise OptionError("latents hold values that are not finite; remove NaN and infinity.")
        whole = pixels.dtype == np.uint8
        told = np.full(len(vectors), -1, np.int64) if labels is None else labels.astype(np.int64)

        def work(start: int) -> None:
            code = torch.from_numpy(vectors[start : start + self._batch]).to(self._device)
            given = torch.from_numpy(told[start : start + self._batch]).to(self._device)
            x: Tensor = self._model.decode(code, given).clamp(0, 1).permute(0, 2, 3, 1)
            x = x.mul(255).round().to(torch.uint8) if whole else x.float()
            pixels[start : start + self._batch] = x.cpu().numpy()

        self._map(work, len(vectors))
        return pixels


def block_rows(shape: tuple[int, int, int]) -> int:
    """Images per block: some thousands, or 64 MB of pixels where they are large."""
    return max(1, min(MOST_BLOCK, BLOCK_BYTES // math.prod(shape)))


def encode_rows(
    coder: Coder,
    images: Images,
    first: int = 0,
    first_id: int = 0,
    progress: Progress | None = None,
) -> Iterator[LatentRows]:
    """Encodes a source into rows for the store, in blocks of a few thousand.

    Args:
        coder: the model in use.
        images: decoded images of the model's shape.
        first: row to begin with, for a run that goes on.
        first_id: id of the source's row 0; ids count up from there.
        progress: where to report.
    """
    with (progress or NoProgress()).stage("encoding", len(images), "images") as stage:
        stage.advance(first)
        step = block_rows(images.shape)
        for start in range(first, len(images), step):
            stop = min(start + step, len(images))
            pixels: UInt8Array = np.asarray(images.pixels[start:stop], np.uint8)
            coded = coder.encode_with_errors(pixels, images.labels[start:stop])
            uris: Sequence[str] = images.uris[start:stop]
            yield LatentRows(
                ids=np.arange(first_id + start, first_id + stop, dtype=np.int64),
                uris=uris,
                labels=images.labels[start:stop],
                splits=images.splits[start:stop],
                z=coded.z,
                errors=coded.errors,
                thumbnails=thumbnails(pixels),
                told=coded.told,
            )
            stage.advance(stop - start)
