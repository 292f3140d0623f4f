"""Priors: densities over latents, for all of them and for each label; images are drawn from them.

To add one, write a class with the methods of ``MixturePrior`` (for a mixture of Gaussians: a
subclass of it that fits one density) and give it a name in ``PRIORS``.
"""

from __future__ import annotations

from latlas.priors.base import MixturePrior
from latlas.priors.gaussian import GaussianPrior, NormalPrior
from latlas.priors.gmm import GMMPrior

__all__ = ["DEFAULT_PRIOR", "PRIORS", "GMMPrior", "GaussianPrior", "NormalPrior"]

PRIORS: dict[str, type[MixturePrior]] = {
    prior.name: prior
    for prior in (
        NormalPrior,
        GaussianPrior,
        GMMPrior,
    )
}
"""Every prior by its name; each is made with ``PRIORS[name](seed=0)``."""

DEFAULT_PRIOR = GMMPrior.name
"""The prior that a space gets when none is named."""
