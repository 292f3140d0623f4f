"""Priors: densities over latents, for all of them and for each label; images are drawn from them.

To add one, write a class with the methods of ``latlas.contracts.Prior`` and give it a name in
``PRIORS``: for a mixture of Gaussians a subclass of ``MixturePrior`` that fits one density, for a
net trained by gradient a ``Bend`` and a subclass of ``LearnedPrior`` that makes it.
"""

from __future__ import annotations

from typing import Protocol

from latlas.contracts import Prior
from latlas.priors.flow import FlowPrior
from latlas.priors.gaussian import GaussianPrior, NormalPrior
from latlas.priors.gmm import GMMPrior
from latlas.priors.nsf import NSFPrior

__all__ = [
    "DEFAULT_PRIOR",
    "PRIORS",
    "FlowPrior",
    "GMMPrior",
    "GaussianPrior",
    "NSFPrior",
    "NormalPrior",
    "SeededPrior",
]


class SeededPrior(Prior, Protocol):
    """A prior as the table makes it."""

    def __init__(self, *, seed: int = 0) -> None: ...


PRIORS: dict[str, type[SeededPrior]] = {
    prior.name: prior
    for prior in (
        NormalPrior,
        GaussianPrior,
        GMMPrior,
        FlowPrior,
        NSFPrior,
    )
}
"""Every prior by its name; each is made with ``PRIORS[name](seed=0)``."""

DEFAULT_PRIOR = GMMPrior.name
"""The prior that a space gets when none is named."""
