"""Layers that the models are made of; shapes in comments.

No layer here keeps running statistics or draws from the global random state, so a batch can be
cut into shards and a step repeated to the bit.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = [
    "ConvDecoder",
    "ConvEncoder",
    "ConvFeatures",
    "ResidualBlock",
    "dense_decoder",
    "dense_encoder",
    "warped",
]

Shape = tuple[int, int, int]
"""Height, width, channels of an image."""

TURN, STRETCH, SHEAR, MOVE = math.radians(10), 0.1, 0.1, 1 / 14
"""How far an image is warped at most: radians, two shares, and a share of its side."""


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


class ConvFeatures(nn.Module):
    """Convolutional net that describes an image for a classifier; any size from 1x1.

    Images whose longer side exceeds 64 pixels are averaged down to 64. Blocks of 2x2 pixels
    become channels where the shorter side has 16 pixels or more, so that no layer works at full
    resolution. Each stage is two 3x3 convolutions and a maximum over 2x2, with twice the
    channels of the stage before, until 4x4 cells are left; these go through a linear layer. ReLU
    everywhere, weights from He et al., "Delving Deep into Rectifiers", ICCV 2015, equation 10.

    Args:
        shape: image height, width, channels.
        width: channels of the first stage.
        dim: F, length of the description.
    """

    MOST_SIDE = 64

    def __init__(self, shape: Shape, width: int, dim: int) -> None:
        super().__init__()
        height, length, channels = shape
        shrink = max(1.0, max(height, length) / self.MOST_SIDE)
        self.size = max(1, round(height / shrink)), max(1, round(length / shrink))
        fold = 2 if min(self.size) >= 16 else 1
        rows, columns = (-(-side // fold) for side in self.size)
        self.pad = (0, columns * fold - self.size[1], 0, rows * fold - self.size[0])
        layers: list[nn.Module] = [nn.PixelUnshuffle(fold)] if fold > 1 else []
        fan_in, fan_out = channels * fold**2, width
        while True:
            for fan in (fan_in, fan_out):
                layers += [nn.Conv2d(fan, fan_out, 3, padding=1), nn.ReLU()]
            layers.append(nn.MaxPool2d(2, ceil_mode=True))  # no row or column is left out
            rows, columns = -(-rows // 2), -(-columns // 2)
            if max(rows, columns) <= 4:
                break
            fan_in, fan_out = fan_out, 2 * fan_out
        layers += [nn.Flatten(), nn.Linear(fan_out * rows * columns, dim), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        for layer in layers:
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """Images [B, C, H, W] -> features [B, dim], 0 or above."""
        if x.shape[2:] != self.size:
            x = nn.functional.adaptive_avg_pool2d(x, self.size)
        x = nn.functional.pad(x, self.pad, mode="replicate") if any(self.pad) else x
        out: Tensor = self.layers(x)
        return out


def warped(x: Tensor, generator: torch.Generator, mirror: bool = False) -> Tensor:
    """Each image moved, turned, scaled and sheared by amounts of its own.

    A pixel p of the result, as seen from the centre of the image, is that at A p + t, with A a
    rotation by up to 10 degrees, stretched along each axis by up to 10% and sheared by up to 0.1,
    and t up to 1/14 of each side (2 of 28 pixels); all are uniform. What comes in from outside
    continues the edge.

    Args:
        x: images float32 [B, C, H, W].
        generator: the only source of randomness, on the device of ``x``.
        mirror: also turn half of them left to right.

    Returns:
        Images float32 [B, C, H, W] between the least and the largest value of their own.
    """
    u = torch.rand(7, len(x), generator=generator, device=x.device) * 2 - 1
    turn, wide, high = TURN * u[0], 1 + STRETCH * u[1], 1 + STRETCH * u[2]
    if mirror:
        wide = torch.where(u[6] > 0, wide, -wide)
    cos, sin = torch.cos(turn), torch.sin(turn)
    first = torch.stack([cos * wide, (SHEAR * u[3] - sin) * high, 2 * MOVE * u[4]], 1)
    second = torch.stack([sin * wide, cos * high, 2 * MOVE * u[5]], 1)
    places = nn.functional.affine_grid(
        torch.stack([first, second], 1), list(x.shape), align_corners=False
    )
    return nn.functional.grid_sample(x, places, padding_mode="border", align_corners=False)
