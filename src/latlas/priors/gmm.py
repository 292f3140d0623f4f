"""A mixture of Gaussians with as many components as held-out rows speak for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from latlas.contracts import FloatArray
from latlas.priors.base import MixturePrior, label_of, name_of
from latlas.priors.em import kmeans, maximise_likelihood
from latlas.priors.mixture import Float64Array, Mixture, shrunk_gaussian

__all__ = ["GMMPrior"]

CANDIDATES = (2, 3, 5, 7, 10, 15, 20, 30, 40, 60, 80)
PATIENCE = 2  # candidates in a row that may be no better before the search ends
ROWS_PER_DIMENSION = 5  # the least that a component needs on average
TRIAL_ROWS = 25_000  # rows that K is chosen on, at most
HELD_OUT = 0.2  # the share of those that is held out


class GMMPrior(MixturePrior):
    """A mixture of K Gaussians with full covariances (``Mixture``), K chosen for each density.

    K grows through 1, 2, 3, 5, 7, 10, 15, 20, 30, 40, 60, 80 while the log likelihood of a
    held-out fifth of at most 25,000 rows grows by more than its standard error (as Breiman,
    Friedman, Olshen & Stone choose the size of trees, "Classification and Regression Trees",
    1984), and while there are at least 5 D rows for each component. The best is then fitted on to
    all rows. A group too small for two components has the Gaussian of ``GaussianPrior``.

    Args: as in ``MixturePrior``; ``seed`` draws the held-out rows and the first centres.

    Attributes:
        held_out: by label (None for everything) and K: mean log likelihood of the held-out rows,
            in nats; no K for a group too small to choose.
    """

    name: ClassVar[str] = "gmm"

    def __init__(self, *, seed: int = 0) -> None:
        super().__init__(seed=seed)
        self.held_out: dict[int | None, dict[int, float]] = {}

    @property
    def chosen(self) -> dict[int | None, int]:
        """The number of components by label, None for everything; empty before ``fit``."""
        return {label: len(density) for label, density in self._densities.items()}

    def _fit_one(self, z: FloatArray, label: int | None, borrowed: Float64Array | None) -> Mixture:
        if label is None:
            self.held_out = {}
        scores = self.held_out[label] = {}
        gaussian = shrunk_gaussian(z, borrowed)
        order = np.random.default_rng(self.seed).permutation(len(z))[:TRIAL_ROWS]
        held, rest = np.split(order, [round(HELD_OUT * len(order))])
        most = len(rest) // (ROWS_PER_DIMENSION * z.shape[1])
        if most < CANDIDATES[0]:
            return gaussian
        x = gaussian.standardise(z)
        best: Mixture | None = None
        best_density = shrunk_gaussian(z[rest], borrowed).log_density(z[held])
        scores[1] = float(best_density.mean())
        worse = 0
        for K in CANDIDATES:
            if most < K or worse == PATIENCE:
                break
            trial = maximise_likelihood(x[rest], kmeans(z[rest], K, self.seed))
            density = gaussian.carry(trial).log_density(z[held])
            scores[K] = float(density.mean())
            gain = density - best_density
            if gain.mean() > gain.std() / math.sqrt(len(held)):
                best, best_density, worse = trial, density, 0
            else:
                worse += 1
        return gaussian if best is None else gaussian.carry(maximise_likelihood(x, best))

    def _report(self) -> dict[str, Any]:
        return {"held_out": {name_of(label): scores for label, scores in self.held_out.items()}}

    def _restore(self, config: Mapping[str, Any]) -> None:
        self.held_out = {
            label_of(name): {int(K): float(score) for K, score in scores.items()}
            for name, scores in config["held_out"].items()
        }
