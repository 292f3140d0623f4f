"""The sheet under a map: a small net that gives each place of the map a latent vector.

A map flattens the latent space; a sheet is the way back, a surface in the latent space that
passes as near to all latents as one surface over the map can.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any, Self, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from latlas.contracts import FloatArray, Images, OptionError, Progress
from latlas.neighbours import as_points, single_threaded
from latlas.settings import TrainConfig
from latlas.train import train

__all__ = ["Sheet", "SheetNet", "fit_sheet", "sheet_parameters"]

WIDTH = 128
"""Of the three hidden layers."""
WAVES = 128
"""Waves that the place is written in."""
COARSEST, FINEST, ROWS_APART = 3.0, 10.0, 25
"""Periods of a wave over the side of the map, for few rows and for many, and the number of rows
along a side for each period: finer waves than rows are apart would only learn them by heart."""
ROWS_SEEN, FEWEST_EPOCHS, MOST_EPOCHS = 500_000, 3, 150
BATCH = 1024
BLOCK_ROWS = 16_384


@final
class SheetNet(nn.Module):
    """Places u in 0..1, [B, 2] -> latents [B, D].

    f(u) = m + s g(γ(u)), with γ(u) = (v, sin 2πWv, cos 2πWv), v = 2u - 1, and g a net of three
    hidden layers with SiLU between them. The rows of W are drawn from a Gaussian and stay as they
    are: a net sees only slow changes of its input, and waves turn fast changes into slow ones
    (Tancik et al., "Fourier Features Let Networks Learn High Frequency Functions in Low
    Dimensional Domains", NeurIPS 2020, https://arxiv.org/abs/2006.10739, section 5).

    Args:
        D: the dimension of the latents.
        periods: deviation of the number of periods of a wave over the side of the map.
        seed: of the waves and of the first weights.
    """

    learning_rate = 1e-2
    weight_decay = 1e-2
    waves: Tensor
    middle: Tensor
    scale: Tensor

    def __init__(self, D: int, periods: float = FINEST, seed: int = 0) -> None:
        super().__init__()
        self.latent_dim = D
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            # Half the periods on 2u - 1 are as many on u.
            self.register_buffer("waves", torch.randn(2, WAVES) * periods / 2)
            layers: list[nn.Module] = []
            for fan_in, fan_out in itertools.pairwise(_sizes(D)):
                layer = nn.Linear(fan_in, fan_out)
                nn.init.orthogonal_(layer.weight, gain=math.sqrt(2) if layers else 1.0)
                nn.init.zeros_(layer.bias)
                layers += [layer, nn.SiLU()]
        self.net = nn.Sequential(*layers[:-1])
        self.register_buffer("middle", torch.zeros(D))
        self.register_buffer("scale", torch.ones(D))

    def forward(self, u: Tensor) -> Tensor:
        """Places [B, 2] in 0..1 -> latents [B, D], in their own unit."""
        out: Tensor = self.middle + self.scale * self.unscaled(u)
        return out

    def unscaled(self, u: Tensor) -> Tensor:
        """The same at mean 0 and deviation 1 in each dimension."""
        v = 2 * u - 1
        phase = 2 * math.pi * (v @ self.waves)
        out: Tensor = self.net(torch.cat([v, phase.sin(), phase.cos()], dim=1))
        return out

    def prepare(self, x: Tensor) -> None:
        """Nothing: whoever fits a sheet sets the scale, from all rows."""

    def losses(
        self, x: Tensor, generator: torch.Generator, labels: Tensor | None = None
    ) -> dict[str, Tensor]:
        """The squared error as a share of the variance: a scalar.

        Args:
            x: float [B, 2 + D, 1, 1], a place in 0..1 and its standardised latent vector.
            generator: not used, nothing is random.
            labels: not used.
        """
        x = x.flatten(1)
        return {"loss": (self.unscaled(x[:, :2]) - x[:, 2:]).square().mean()}

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Parameters for the optimiser: weights, which decay, and biases, which do not."""
        weights = [p for p in self.parameters() if p.ndim > 1]
        biases = [p for p in self.parameters() if p.ndim == 1]
        return [
            {"params": weights, "weight_decay": self.weight_decay},
            {"params": biases, "weight_decay": 0.0},
        ]


@final
class Sheet:
    """A fitted sheet.

    Attributes:
        net: the net, on the CPU.
        low, high: float32 [2], the corners of the map: places are (xy - low) / (high - low).
        error: mean squared error over the fitted rows and dimensions, as a share of the variance
            of the latents: 0 passes through all of them, 1 says no more than their mean.
    """

    def __init__(self, net: SheetNet, low: FloatArray, high: FloatArray, error: float) -> None:
        self.net, self.low, self.high, self.error = net.eval(), low, high, error

    @property
    def latent_dim(self) -> int:
        """D."""
        return self.net.latent_dim

    def latents(self, xy: NDArray[Any]) -> FloatArray:
        """Places [N, 2] in the unit of the map -> latents float32 [N, D]."""
        u = (as_points(xy, "places") - self.low) / (self.high - self.low)
        blocks = torch.split(torch.from_numpy(u.astype(np.float32)), BLOCK_ROWS)
        with single_threaded(), torch.inference_mode():
            z: FloatArray = torch.cat([self.net(block) for block in blocks]).numpy()
        return z

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """The sheet as (JSON values, arrays), enough for ``from_state``."""
        arrays = {k: v.detach().cpu().numpy().copy() for k, v in self.net.state_dict().items()}
        config = {"latent_dim": self.latent_dim, "error": self.error}
        return config, {"low": self.low, "high": self.high} | arrays

    @classmethod
    def from_state(cls, config: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Rebuilds a sheet, to the bit.

        Raises:
            ValueError: something is missing, or is not what ``state`` gives.
        """
        try:
            weights = dict(arrays)
            low, high = weights.pop("low"), weights.pop("high")
            net = SheetNet(int(config["latent_dim"]))
            net.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in weights.items()})
            sound = low.shape == high.shape == (2,) and bool((low < high).all())
            if not sound:
                raise ValueError("the corners must be two pairs, low below high")
            return cls(net, low, high, float(config["error"]))
        except (KeyError, TypeError, RuntimeError, AttributeError) as error:
            raise ValueError(
                f"The stored sheet is damaged or of another version: {error}. Fit it again."
            ) from error


def fit_sheet(
    xy: NDArray[Any],
    z: NDArray[Any],
    low: NDArray[Any],
    high: NDArray[Any],
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> Sheet:
    """Fits a sheet to the places and latents of N rows.

    Args:
        xy: floats [N, 2], the places; rows with a place that is not finite are left out.
        z: floats [N, D], the latents.
        low: [2], the lower corner of the map.
        high: [2], the upper corner, above the lower one.
        seed: of weights and order, from 0 on; the same seed gives the same bits.
        progress: where to report.

    Raises:
        OptionError: arrays that do not match, or no row with a place.
        TrainingError: the loss is not a number any more.
    """
    places, latents = np.asarray(xy, np.float32), as_points(z)
    if places.shape != (len(latents), 2):
        raise OptionError(
            f"the places have shape {list(places.shape)}; expected [{len(latents)}, 2], one for "
            "each latent vector."
        )
    there = np.isfinite(places).all(axis=1)
    if not there.any():
        raise OptionError("no row has a place on the map, so nothing lies on a sheet. Map it anew.")
    corners = np.asarray(low, np.float32), np.asarray(high, np.float32)
    u = (places[there] - corners[0]) / (corners[1] - corners[0])
    latents = latents[there]
    periods = min(max(math.sqrt(len(u)) / ROWS_APART, COARSEST), FINEST)
    net = SheetNet(latents.shape[1], periods, seed % 2**32)
    middle, scale = latents.mean(axis=0, dtype=np.float64), latents.std(axis=0, dtype=np.float64)
    scale = np.where(scale > 1e-12, scale, 1.0)
    net.middle.copy_(torch.from_numpy(middle))
    net.scale.copy_(torch.from_numpy(scale))
    pairs = np.concatenate([u, (latents - middle) / scale], axis=1).astype(np.float32)
    images = Images(
        pairs[:, None, None],
        np.full(len(pairs), -1, np.int64),
        (),
        np.zeros(len(pairs), np.uint8),
        (),
        "places",
        digest="",
    )
    train(net, images, _training(len(pairs), seed % 2**32), progress=progress)
    sheet = Sheet(net, *corners, math.nan)
    spread = np.square(latents - middle).mean()
    missed = np.square(sheet.latents(places[there]) - latents, dtype=np.float64).mean()
    sheet.error = float(missed / spread) if spread > 0 else 0.0
    return sheet


def sheet_parameters(D: int) -> int:
    """How many numbers the net of a sheet over D dimensions has."""
    layers = sum((fan_in + 1) * fan_out for fan_in, fan_out in itertools.pairwise(_sizes(D)))
    return layers + 2 * WAVES + 2 * D  # the net is not made, which would take seconds


def _sizes(D: int) -> list[int]:
    return [2 + 2 * WAVES, WIDTH, WIDTH, WIDTH, D]


def _training(rows: int, seed: int) -> TrainConfig:
    epochs = min(max(round(ROWS_SEEN / rows), FEWEST_EPOCHS), MOST_EPOCHS)
    return TrainConfig(
        epochs=epochs,
        batch_size=BATCH,
        patience=epochs,
        seed=seed,
        device="cpu",
        precision="float32",
        threads=1 if torch.get_num_threads() == 1 else None,
    )
