"""Autoencoders with deterministic codes: AE, RAE and WAE.

A member of the family is a loss; nets, encoding and decoding are written once, in
``Autoencoder``. Losses are per pixel: the reconstruction term is a mean over pixels in 0..1, and
every other term is divided by the number of pixels P = H * W * C, so that its weight means the
same for every image size.

The reconstruction term of AE, RAE and WAE is the cross-entropy -(x log y + (1 - x) log(1 - y)) of
a pixel x and its reconstruction y. It is least at y = x, like the squared error, but its gradient
does not fade where the sigmoid is nearly 0 or 1. On MNIST it reaches a lower squared error and
better neighbours in the same time, on CIFAR-10 the same (docs/log.md, 2026-11-25).

Any member can be told the label (the scope ``conditional``), and any can learn to tell the labels
apart by its latents (``label_weight``).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, final

import torch
from torch import Tensor, nn

from latlas.contracts import OptionError
from latlas.nn import ConvDecoder, ConvEncoder, dense_decoder, dense_encoder

__all__ = [
    "AE",
    "RAE",
    "WAE",
    "Autoencoder",
    "ModelConfig",
    "default_net",
    "maximum_mean_discrepancy",
    "reconstruction_error",
]

DARKEST = 0.003
FORGOTTEN = 0.1
"""Share of the images whose label a conditional model is not told in training, so that it can
also encode and decode without (as Ho, Salimans, "Classifier-Free Diffusion Guidance", 2022)."""
NETS = ("auto", "dense", "conv")
DENSE_VALUES = {"cpu": 64 * 64 * 3, "accelerator": 32 * 32}
"""Up to this many values per image a dense net is the default.

On a CPU convolutions cost ten times as much for each image as a dense net that reaches a lower
error in the same time; on an accelerator they do not.
"""


@dataclass(frozen=True)
class ModelConfig:
    """What a model is made of: enough to build it again.

    Args:
        shape: image height, width, channels (H, W, C).
        latent_dim: D, length of a latent vector, at least 1.
        width: the one size dial; 1.0 is the default size, 2.0 doubles every hidden layer.
        net: ``"dense"``, ``"conv"`` or ``"auto"``: what suits the image size on a CPU.
        beta: weight of the member's own term (latent L2, KL, MMD); None takes its default.
        classes: K, the number of labels that the model knows; 0: it never looks at labels.
        conditional: encoder and decoder are told the label.
        label_weight: weight of the cross-entropy of a linear classifier on the latents, which
            pulls the classes apart while training; 0 leaves labels out.

    Raises:
        OptionError: a value outside its range.
    """

    shape: tuple[int, int, int]
    latent_dim: int = 16
    width: float = 1.0
    net: str = "auto"
    beta: float | None = None
    classes: int = 0
    conditional: bool = False
    label_weight: float = 0.0

    def __post_init__(self) -> None:
        pixels = math.prod(self.shape)
        if not 1 <= self.latent_dim <= pixels:
            raise OptionError(
                f"latent_dim is {self.latent_dim}; it must lie between 1 and the number of "
                f"values in an image ({pixels} for {self.shape[0]}x{self.shape[1]}x"
                f"{self.shape[2]}). Choose a smaller one, for instance 16."
            )
        if not 0 < self.width <= 64:
            raise OptionError(
                f"width is {self.width}; it must lie above 0 and at most at 64. 1.0 is the "
                "default size, 2.0 doubles it."
            )
        if self.net not in NETS:
            raise OptionError(f"net is {self.net!r}; choose one of {', '.join(NETS)}.")
        if self.beta is not None and not (math.isfinite(self.beta) and self.beta >= 0):
            raise OptionError(f"beta is {self.beta}; it must be a number from 0 upwards.")
        if not (math.isfinite(self.label_weight) and self.label_weight >= 0):
            raise OptionError(
                f"label_weight is {self.label_weight}; it must be a number from 0 upwards."
            )
        if (self.conditional or self.label_weight) and self.classes < 1:
            asked = "the scope conditional" if self.conditional else "label_weight"
            raise OptionError(
                f"{asked} needs labels, but the images have none. Give labelled images (a folder "
                "with a sub-folder for each class, or a labels file), or leave it out."
            )
        if self.net == "conv" and min(self.shape[:2]) < 8:
            raise OptionError(
                f"images of {self.shape[0]}x{self.shape[1]} are too small for a convolutional "
                "net, which needs 8x8. Choose net='dense'."
            )

    @property
    def chosen_net(self) -> str:
        """``"dense"`` or ``"conv"``: what ``net="auto"`` stands for with this shape."""
        if self.net != "auto":
            return self.net
        return default_net(self.shape, "cpu")


def default_net(shape: tuple[int, int, int], device_type: str) -> str:
    """``"dense"`` or ``"conv"``: what suits images of (H, W, C) on a kind of device."""
    most = DENSE_VALUES["cpu" if device_type == "cpu" else "accelerator"]
    small = math.prod(shape) <= most or min(shape[:2]) < 8
    return "dense" if small else "conv"


def _learning_rate(config: ModelConfig) -> float:
    """What trained best by trial; a dense net on larger images takes smaller steps."""
    if config.chosen_net == "conv":
        return 2e-3
    return 8e-3 * min(1.0, 784 / math.prod(config.shape))


def reconstruction_error(x: Tensor, y: Tensor) -> Tensor:
    """Mean squared error of each image: [B, C, H, W] twice -> [B]."""
    return (x - y).float().square().flatten(1).mean(1)


class Autoencoder(nn.Module, ABC):
    """Encoder and decoder nets with a loss that a member of the family defines.

    Args:
        config: what the model is made of.
    """

    name: ClassVar[str]
    default_beta: ClassVar[float] = 0.0
    code_factor: ClassVar[int] = 1
    weight_decay: ClassVar[float] = 0.0
    learning_rate: float
    mean: Tensor
    spread: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.latent_dim = config.latent_dim
        self.beta = self.default_beta if config.beta is None else config.beta
        code_dim = config.latent_dim * self.code_factor
        self.learning_rate = _learning_rate(config)
        known = config.latent_dim + (config.classes if config.conditional else 0)
        if config.chosen_net == "dense":
            narrow, wide = (max(8, round(size * config.width)) for size in (256, 512))
            self.encoder: nn.Module = dense_encoder(config.shape, (wide, narrow), code_dim)
            self.decoder: nn.Module = dense_decoder(config.shape, (wide, wide), known)
        else:
            channels = max(4, round(16 * config.width))
            self.encoder = ConvEncoder(config.shape, channels, code_dim)
            self.decoder = ConvDecoder(config.shape, channels, known)

        height, length, channels = config.shape
        if config.conditional:
            self.offsets = nn.Parameter(torch.zeros(config.classes, channels, height, length))
        if config.label_weight:
            self.head = nn.Linear(config.latent_dim, config.classes)
        self.register_buffer("mean", torch.zeros(channels, height, length))
        self.register_buffer("spread", torch.ones(()))

    @final
    def prepare(self, x: Tensor) -> None:
        """Takes mean and spread of training images [B, C, H, W].

        The encoder sees what differs from the mean image, at unit scale, and the decoder starts
        at the mean image; neither has to learn it.
        """
        self.mean.copy_(x.mean(0))
        self.spread.copy_((x - self.mean).square().mean().sqrt().clamp_min(1e-3))

    @final
    def encode(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images float [B, C, H, W] in 0..1 -> latents [B, D]; for a VAE the mean.

        A conditional model adds what it has learnt of the label to the image that it sees;
        labels, int64 [B], are -1 where unknown.
        """
        return self.code(x, labels)[:, : self.latent_dim]

    @final
    def code(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images [B, C, H, W] -> the encoder's whole output [B, D * code_factor]."""
        seen = (x - self.mean) / self.spread
        if self.config.conditional and labels is not None:
            told = self._one_hot(labels, seen)  # [B, K]
            seen = seen + (told @ self.offsets.flatten(1)).view_as(seen)
        out: Tensor = self.encoder(seen)
        return out

    @final
    def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents [B, D] -> images [B, C, H, W] in 0..1."""
        return torch.sigmoid(self._logits(z, labels))

    def _logits(self, z: Tensor, labels: Tensor | None) -> Tensor:
        if self.config.conditional:
            unknown = torch.full((len(z),), -1, device=z.device)
            z = torch.cat([z, self._one_hot(unknown if labels is None else labels, z)], dim=1)
        out: Tensor = self.decoder(z) + torch.logit(self.mean, eps=DARKEST)
        return out

    def _one_hot(self, labels: Tensor, like: Tensor) -> Tensor:
        """Labels [B] -> [B, K] of 0 and 1 in the precision of ``like``; zeros where unknown."""
        known = torch.arange(self.config.classes, device=labels.device)
        return (labels[:, None] == known).to(like.dtype)

    @final
    def reconstruction(
        self, x: Tensor, z: Tensor, labels: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """How well latents [B, D] decode to images [B, C, H, W] in 0..1.

        Returns:
            Two means over pixels, scalars: the cross-entropy in nats, to train on, and the
            squared error, to report; no gradient flows through the second.
        """
        logits = self._logits(z, labels).float()
        with torch.no_grad():
            mse = reconstruction_error(x, torch.sigmoid(logits)).mean()
        return nn.functional.binary_cross_entropy_with_logits(logits, x), mse

    @final
    def losses(
        self, x: Tensor, generator: torch.Generator, labels: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Images [B, C, H, W] in 0..1 -> scalar losses; see ``contracts.Trainable``."""
        told = labels
        if self.config.conditional and labels is not None:
            kept = torch.rand(len(x), generator=generator, device=x.device) >= FORGOTTEN
            told = torch.where(kept, labels, -1)
        code = self.code(x, told)
        losses = self.terms(x, code, generator, told)
        if self.config.label_weight and labels is not None:
            logits = self.head(code[:, : self.latent_dim]).float()
            # The sum over labelled images, so that a shard without any has none.
            entropy = nn.functional.cross_entropy(logits, labels, ignore_index=-1, reduction="sum")
            losses["label"] = entropy / (labels >= 0).sum().clamp_min(1)
            weight = self.config.label_weight / x[0].numel()
            losses["loss"] = losses["loss"] + weight * losses["label"]
        return losses

    @abstractmethod
    def terms(
        self, x: Tensor, code: Tensor, generator: torch.Generator, labels: Tensor | None
    ) -> dict[str, Tensor]:
        """What a member minimises, as ``"loss"``, and its parts; ``"mse"`` among them.

        Args:
            x: images [B, C, H, W] in 0..1.
            code: the encoder's output for them [B, D * code_factor].
            generator: the source of all randomness.
            labels: int64 [B] that the decoder is told, -1 where unknown.
        """

    @final
    def parameter_groups(self) -> list[dict[str, Any]]:
        """Parameters for the optimiser: weights, which decay, and biases, which do not."""
        return [
            {
                "params": [p for p in self.parameters() if p.ndim > 1],
                "weight_decay": self.weight_decay,
            },
            {"params": [p for p in self.parameters() if p.ndim == 1], "weight_decay": 0.0},
        ]

    @final
    def settings(self) -> dict[str, Any]:
        """The configuration as JSON values."""
        return asdict(self.config)


@final
class AE(Autoencoder):
    """Plain autoencoder: loss = CE(x, decode(encode(x))), cross-entropy per pixel."""

    name = "ae"

    def terms(
        self, x: Tensor, code: Tensor, generator: torch.Generator, labels: Tensor | None
    ) -> dict[str, Tensor]:
        """Only the reconstruction error."""
        loss, mse = self.reconstruction(x, code, labels)
        return {"loss": loss, "mse": mse}


@final
class RAE(Autoencoder):
    """Regularised autoencoder, RAE-L2: loss = CE + beta / P * mean ||z||^2 / 2.

    The weights decay, which keeps the decoder smooth between latents. Source: Ghosh,
    Sajjadi, Vergari, Black, Schölkopf, "From Variational to Deterministic Autoencoders",
    ICLR 2020, https://arxiv.org/abs/1903.12436, equations 10 and 11.
    """

    name = "rae"
    default_beta = 6e-4
    weight_decay = 0.1

    def terms(
        self, x: Tensor, code: Tensor, generator: torch.Generator, labels: Tensor | None
    ) -> dict[str, Tensor]:
        """Reconstruction error and the size of the latents."""
        loss, mse = self.reconstruction(x, code, labels)
        latent = code.float().square().sum(1).mean() / 2
        return {"loss": loss + self.beta / x[0].numel() * latent, "mse": mse, "latent": latent}


@final
class WAE(Autoencoder):
    """Wasserstein autoencoder with a maximum mean discrepancy penalty.

    loss = CE + beta / P * MMD(encode(x), N(0, I)) with the inverse multiquadric kernel
    k(a, b) = sum_s C_s / (C_s + ||a - b||^2), C_s = 2 D s. Source: Tolstikhin, Bousquet, Gelly,
    Schölkopf, "Wasserstein Auto-Encoders", ICLR 2018, https://arxiv.org/abs/1711.01558,
    algorithm 2 and section 4. The discrepancy is taken within each shard of a batch.
    """

    name = "wae"
    default_beta = 40.0
    scales: ClassVar[tuple[float, ...]] = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)

    def terms(
        self, x: Tensor, code: Tensor, generator: torch.Generator, labels: Tensor | None
    ) -> dict[str, Tensor]:
        """Reconstruction error and the distance of the latents from N(0, I)."""
        loss, mse = self.reconstruction(x, code, labels)
        prior = torch.randn(code.shape, generator=generator, device=code.device)
        mmd = maximum_mean_discrepancy(code.float(), prior, self.scales)
        return {"loss": loss + self.beta / x[0].numel() * mmd, "mse": mse, "mmd": mmd}


def maximum_mean_discrepancy(a: Tensor, b: Tensor, scales: tuple[float, ...]) -> Tensor:
    """Unbiased squared MMD of two samples [B, D], B > 1, inverse multiquadric kernel; scalar.

    Source: Gretton et al., "A Kernel Two-Sample Test", JMLR 2012, equation 3. With one row
    there is no unbiased estimate and the result is 0.
    """
    count, dim = a.shape
    if count < 2:
        return a.sum() * 0
    within = _kernel(a, a, dim, scales) + _kernel(b, b, dim, scales)
    within = within - torch.diag(torch.diagonal(within))
    between = _kernel(a, b, dim, scales)
    return within.sum() / (count * (count - 1)) - 2 * between.mean()


def _kernel(a: Tensor, b: Tensor, dim: int, scales: tuple[float, ...]) -> Tensor:
    squared = (a.unsqueeze(1) - b.unsqueeze(0)).square().sum(2)  # [B, B]
    return torch.stack([2 * dim * s / (2 * dim * s + squared) for s in scales]).sum(0)
