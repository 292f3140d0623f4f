"""The two plainest priors: the normal distribution as it is, and one fitted Gaussian."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from latlas.contracts import FloatArray
from latlas.priors.base import MixturePrior
from latlas.priors.mixture import Float64Array, Mixture, shrunk_gaussian

__all__ = ["GaussianPrior", "NormalPrior"]


class NormalPrior(MixturePrior):
    """N(0, I) whatever the latents are, for every label too: what a VAE and a WAE aim at.

    Args and attributes: as in ``MixturePrior``.
    """

    name: ClassVar[str] = "normal"

    def _fit_one(self, z: FloatArray, label: int | None, borrowed: Float64Array | None) -> Mixture:
        D = z.shape[1]
        return Mixture(np.ones(1), np.zeros((1, D)), np.eye(D)[None])


class GaussianPrior(MixturePrior):
    """One Gaussian with a full covariance, shrunk so that few rows do no harm.

    The covariance over everything is shrunk towards a multiple of the identity; that of a label
    towards the covariance that all labels have around their means (``shrunk_gaussian``). A label
    with a single row has the latter.

    Args and attributes: as in ``MixturePrior``.
    """

    name: ClassVar[str] = "gaussian"

    def _fit_one(self, z: FloatArray, label: int | None, borrowed: Float64Array | None) -> Mixture:
        return shrunk_gaussian(z, borrowed)
