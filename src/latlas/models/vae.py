"""The variational family: the encoder gives a Gaussian for each image instead of a point."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from latlas.models.autoencoder import Autoencoder, reconstruction_error

__all__ = ["VAE"]

LOG_VARIANCE_RANGE = (-12.0, 8.0)


@final
class VAE(Autoencoder):
    """Variational autoencoder: loss = (||x - decode(z)||^2 / 2 + beta * KL) / P.

    z = mean + deviation * noise, and KL = sum_d (mean^2 + variance - log variance - 1) / 2 is
    the distance of the encoder's Gaussian from N(0, I); P is the number of pixels. Up to its
    scale this is the evidence lower bound of a decoder whose pixels have variance beta. Pixels
    in 0..1 vary far less than by 1, so beta = 1 lets most dimensions collapse (4 of 16 stay
    active on MNIST); with the default of 0.1 all stay active. Sources: Kingma, Welling,
    "Auto-Encoding Variational Bayes", ICLR 2014, https://arxiv.org/abs/1312.6114, appendix B;
    beta: Higgins et al., "beta-VAE", ICLR 2017, equation 4.
    """

    name = "vae"
    default_beta = 0.1
    code_factor = 2

    def posterior(self, x: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Images [B, C, H, W] -> mean and log variance of q(z | x), each [B, D]."""
        return _gaussian(self.code(x, labels))

    def usage(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """How much each dimension carries, over images [B, C, H, W].

        Returns:
            The mean KL divergence in nats and the variance of the posterior mean, each [D]. A
            dimension whose variance is below 0.01 is called inactive (Burda et al. 2016).
        """
        with torch.no_grad():
            mean, log_variance = self.posterior(x)
        return _divergence(mean, log_variance).mean(0), mean.var(0, unbiased=False)

    def terms(
        self, x: Tensor, code: Tensor, generator: torch.Generator, labels: Tensor | None
    ) -> dict[str, Tensor]:
        """Reconstruction error and KL divergence."""
        mean, log_variance = _gaussian(code)
        noise = torch.randn(mean.shape, generator=generator, device=mean.device)
        z = mean + (log_variance / 2).exp() * noise
        mse = reconstruction_error(x, self.decode(z, labels)).mean()
        kl = _divergence(mean, log_variance).sum(1).mean()
        return {"loss": mse / 2 + self.beta / x[0].numel() * kl, "mse": mse, "kl": kl}


def _gaussian(code: Tensor) -> tuple[Tensor, Tensor]:
    """The encoder's output [B, 2 D] as mean and log variance, each [B, D]."""
    mean, log_variance = code.float().chunk(2, dim=1)
    return mean, log_variance.clamp(*LOG_VARIANCE_RANGE)


def _divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL of a Gaussian from N(0, I) for each image and dimension: [B, D], in nats."""
    return (mean.square() + log_variance.exp() - log_variance - 1) / 2
