"""Principal components as a model: the linear baseline that every table needs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, final

import numpy as np
import torch
from torch import Tensor, nn

from latlas.batches import to_input
from latlas.contracts import FloatArray, IntArray, OptionError, UInt8Array
from latlas.models.autoencoder import ModelConfig

__all__ = ["PCAModel"]

EXACT_PIXELS = 4096
"""Up to this many values per image the covariance is formed; above, its range is sketched."""
BLOCK = 2048


@final
class PCAModel(nn.Module):
    """Linear autoencoder with the least squared error: z = (x - mean) W.

    The columns of W [P, D] are the leading eigenvectors of the pixels' covariance (Pearson 1901).
    Images of more than 4,096 values use a randomised range finder with two power iterations
    (Halko, Martinsson, Tropp, "Finding Structure with Randomness", SIAM Review 2011, algorithm
    4.4, https://arxiv.org/abs/0909.4061), in blocks, so that no more than a block of images is
    ever held as floats. The largest entry of each component is positive, which fixes the signs.

    Args:
        config: what the model is made of; ``width``, ``net`` and ``beta`` have no effect.
    """

    name = "pca"
    mean: Tensor
    components: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.latent_dim = config.latent_dim
        pixels = math.prod(config.shape)
        self.register_buffer("mean", torch.zeros(pixels))
        self.register_buffer("components", torch.zeros(pixels, config.latent_dim))

    def solve(self, pixels: UInt8Array | FloatArray, rows: IntArray | None = None) -> None:
        """Fits mean and components to images [N, H, W, C], uint8 or float32 in 0..1.

        Args:
            pixels: the images, read in blocks, so a memory map may be larger than memory.
            rows: int64 [M], the images to use; None for all.

        Raises:
            OptionError: fewer images than latent dimensions.
        """
        rows = np.arange(len(pixels)) if rows is None else rows
        if len(rows) < self.latent_dim:
            raise OptionError(
                f"latent_dim is {self.latent_dim}, but there are only {len(rows)} training "
                f"images. PCA needs at least as many images; choose latent_dim <= {len(rows)}."
            )
        total = torch.zeros(self.mean.numel(), dtype=torch.float64)
        for x in _blocks(pixels, rows):
            total += x.sum(0, dtype=torch.float64)
        mean = (total / len(rows)).float()
        if mean.numel() <= EXACT_PIXELS:
            components = _exact(pixels, rows, mean, self.latent_dim)
        else:
            components = _sketched(pixels, rows, mean, self.latent_dim)
        largest = components.abs().argmax(0, keepdim=True)  # [1, D]
        components = components * components.gather(0, largest).sign()
        self.mean.copy_(mean)
        self.components.copy_(components)

    def encode(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images [B, C, H, W] in 0..1 -> latents [B, D]; labels do not matter."""
        return (x.flatten(1) - self.mean) @ self.components

    def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents [B, D] -> images [B, C, H, W]; labels do not matter."""
        height, width, channels = self.config.shape
        return (z @ self.components.T + self.mean).view(-1, channels, height, width)

    def settings(self) -> dict[str, Any]:
        """The configuration as JSON values."""
        return asdict(self.config)


def _blocks(pixels: UInt8Array | FloatArray, rows: IntArray) -> Iterator[Tensor]:
    for start in range(0, len(rows), BLOCK):
        yield to_input(torch.tensor(pixels[rows[start : start + BLOCK]])).flatten(1)  # [b, P]


def _exact(pixels: UInt8Array | FloatArray, rows: IntArray, mean: Tensor, dim: int) -> Tensor:
    covariance = torch.zeros(mean.numel(), mean.numel(), dtype=torch.float64)
    for x in _blocks(pixels, rows):
        centred = x - mean
        covariance += (centred.T @ centred).double()
    vectors = torch.linalg.eigh(covariance).eigenvectors
    out: Tensor = vectors.flip(1)[:, :dim].float()
    return out


def _sketched(
    pixels: UInt8Array | FloatArray, rows: IntArray, mean: Tensor, dim: int, spare: int = 10
) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    rank = min(dim + spare, len(rows), mean.numel())
    basis = torch.randn(mean.numel(), rank, generator=generator)
    for _ in range(3):
        product = torch.zeros_like(basis)
        for x in _blocks(pixels, rows):
            centred = x - mean
            product += centred.T @ (centred @ basis)
        basis = torch.linalg.qr(product).Q
    small = torch.zeros(basis.shape[1], basis.shape[1], dtype=torch.float64)
    for x in _blocks(pixels, rows):
        projected = ((x - mean) @ basis).double()
        small += projected.T @ projected
    rotation: Tensor = torch.linalg.eigh(small).eigenvectors.flip(1)[:, :dim].float()
    out: Tensor = basis @ rotation
    return out
