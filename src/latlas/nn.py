"""Layers that the models are made of; shapes in comments.

No layer here keeps running statistics or draws from the global random state, so a batch can be
cut into shards and a step repeated to the bit.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from torch import Tensor, nn

__all__ = ["ConvDecoder", "ConvEncoder", "ResidualBlock", "dense_decoder", "dense_encoder"]

Shape = tuple[int, int, int]
"""Height, width, channels of an image."""


def _mlp(sizes: Sequence[int]) -> list[nn.Module]:
    """Linear layers with SiLU between them, from orthogonal weights and zero biases."""
    layers: list[nn.Module] = []
    for index, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes)):
        if index:
            layers.append(nn.SiLU())
        layer = nn.Linear(fan_in, fan_out)
        hidden = index < len(sizes) - 2
        nn.init.orthogonal_(layer.weight, gain=math.sqrt(2) if hidden else 1.0)
        nn.init.zeros_(layer.bias)
        layers.append(layer)
    return layers


def dense_encoder(shape: Shape, hidden: Sequence[int], code_dim: int) -> nn.Sequential:
    """Multilayer perceptron from images [B, C, H, W] to codes [B, code_dim]."""
    return nn.Sequential(nn.Flatten(), *_mlp([math.prod(shape), *hidden, code_dim]))


def dense_decoder(shape: Shape, hidden: Sequence[int], latent_dim: int) -> nn.Sequential:
    """Multilayer perceptron from latents [B, D] to images [B, C, H, W]."""
    height, width, channels = shape
    return nn.Sequential(
        *_mlp([latent_dim, *hidden, math.prod(shape)]),
        nn.Unflatten(1, (channels, height, width)),
    )


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside an identity: y = x + f(x).

    The last convolution starts at zero, so a deep stack begins as the identity and trains
    without normalisation layers (Zhang, Dauphin, Ma, "Fixup Initialization", ICLR 2019,
    https://arxiv.org/abs/1901.09321, section 3).

    Args:
        channels: number of channels in and out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """Features [B, channels, h, w] -> the same shape."""
        out: Tensor = x + self.second(nn.functional.silu(self.first(nn.functional.silu(x))))
        return out


def _levels(shape: Shape) -> int:
    """How often an image is halved: until its shorter side is at most 7 pixels."""
    side = min(shape[0], shape[1])
    return max(1, math.ceil(math.log2(side / 7)))


def _padded(shape: Shape, levels: int) -> tuple[int, int]:
    """Height and width rounded up to what can be halved ``levels`` times."""
    step = 2**levels
    return -(-shape[0] // step) * step, -(-shape[1] // step) * step


def _channels(width: int, levels: int) -> list[int]:
    """Channels at each resolution, from full to lowest; doubled up to eight times the width."""
    return [min(width * 2**level, width * 8) for level in range(levels + 1)]


class ConvEncoder(nn.Module):
    """Convolutional encoder for images of any size from 8x8.

    Each level halves the resolution with a strided convolution and adds a residual block; the
    last feature map is flattened into a linear layer.

    Args:
        shape: image height, width, channels.
        width: channels at full resolution.
        code_dim: length of the code.
    """

    def __init__(self, shape: Shape, width: int, code_dim: int) -> None:
        super().__init__()
        levels = _levels(shape)
        height, length = _padded(shape, levels)
        self.pad = (0, length - shape[1], 0, height - shape[0])
        sizes = _channels(width, levels)
        layers: list[nn.Module] = []
        for level in range(levels):
            fan_in = shape[2] if level == 0 else sizes[level]
            layers.append(nn.Conv2d(fan_in, sizes[level + 1], 4, stride=2, padding=1))
            layers.append(ResidualBlock(sizes[level + 1]))
        self.features = nn.Sequential(*layers)
        cells = (height >> levels) * (length >> levels)
        self.head = nn.Linear(sizes[-1] * cells, code_dim)

    def forward(self, x: Tensor) -> Tensor:
        """Images [B, C, H, W] -> codes [B, code_dim]."""
        x = nn.functional.pad(x, self.pad, mode="replicate") if any(self.pad) else x
        out: Tensor = self.head(nn.functional.silu(self.features(x)).flatten(1))
        return out


class ConvDecoder(nn.Module):
    """Convolutional decoder, the mirror of ``ConvEncoder``.

    Resolution grows by a convolution to four times the channels and a pixel shuffle, which
    leaves no checkerboard of overlapping kernels (Shi et al., CVPR 2016, arXiv:1609.05158).

    Args:
        shape: image height, width, channels.
        width: channels at full resolution.
        latent_dim: length of the latent vector.
    """

    def __init__(self, shape: Shape, width: int, latent_dim: int) -> None:
        super().__init__()
        levels = _levels(shape)
        height, length = _padded(shape, levels)
        self.shape = shape
        sizes = _channels(width, levels)
        low = (sizes[-1], height >> levels, length >> levels)
        layers: list[nn.Module] = [nn.Linear(latent_dim, math.prod(low)), nn.Unflatten(1, low)]
        for level in reversed(range(levels)):
            fan_out = shape[2] if level == 0 else sizes[level]
            layers.append(ResidualBlock(sizes[level + 1]))
            layers.append(nn.SiLU())
            layers.append(nn.Conv2d(sizes[level + 1], 4 * fan_out, 3, padding=1))
            layers.append(nn.PixelShuffle(2))
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        """Latents [B, D] -> images [B, C, H, W]."""
        out: Tensor = self.layers(z)
        return out[:, :, : self.shape[0], : self.shape[1]]
