"""What a model must do: encode, decode, and be trained or solved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from latlas.contracts.records import FloatArray, IntArray, UInt8Array

if TYPE_CHECKING:
    import torch

__all__ = ["Decoder", "Encoder", "Solvable", "Trainable"]


@runtime_checkable
class Encoder(Protocol):
    """Turns images into latent vectors."""

    latent_dim: int

    def encode(self, x: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        """Images float [B, C, H, W] in 0..1 -> latents [B, D] (for a VAE the mean).

        Models of the scopes conditional and per-class look at labels, int64 [B], -1 where
        unknown; None stands for all unknown.
        """
        ...


@runtime_checkable
class Decoder(Protocol):
    """Turns latent vectors into images."""

    latent_dim: int

    def decode(self, z: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        """Latents float [B, D] -> images [B, C, H, W]; near 0..1, not clamped."""
        ...


@runtime_checkable
class Trainable(Protocol):
    """A model that the training loop can train: a ``torch.nn.Module`` with losses."""

    learning_rate: float
    """The learning rate that suits this net; the loop scales it over the run."""

    def losses(
        self, x: torch.Tensor, generator: torch.Generator, labels: torch.Tensor | None = None
    ) -> dict[str, torch.Tensor]:
        """Images float [B, C, H, W] in 0..1 and labels int64 [B] -> named scalar losses.

        ``"loss"`` is the total that is minimised. All randomness comes from ``generator``, so
        that a step can be repeated to the bit. A label is -1 where it is unknown; most models
        do not look at labels.
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
