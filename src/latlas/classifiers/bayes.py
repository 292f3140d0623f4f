"""Bayes' rule over a density of each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from latlas.classifiers.base import Float64Array, LatentClassifier, stored_array, without
from latlas.contracts import FloatArray, IntArray
from latlas.priors import GaussianPrior, GMMPrior

ROWS_PER_DIMENSION = 20  # a class with fewer has one Gaussian, which leans on the other classes


class BayesClassifier(LatentClassifier):
    """s_c(z) = log p(z | c) + log π_c, with π_c the share of class c among the known rows.

    p(z | c) is a mixture of Gaussians (``GMMPrior``) where the class has at least 20 D rows, and
    the Gaussian of ``GaussianPrior`` where it has fewer. Densities are far too sure of themselves,
    because they are fitted for z and not for c; the temperature mends that.

    With more than 2,500 labels the densities are not fitted a second time once the rows held out
    have set the temperature, so these add nothing to them.

    Args and attributes: as in ``LatentClassifier``.
    """

    name: ClassVar[str] = "bayes"

    def _learn(self, z: FloatArray, targets: IntArray, folds: Sequence[IntArray]) -> Float64Array:
        K = len(self.classes)
        nothing = np.empty(0, dtype=np.int64)
        scores = [np.empty((0, K))]
        for held in folds:
            rest = without(targets, held)
            self._densities = _Densities.fitted(z[rest], targets[rest], self.seed)
            scores.append(self._densities.scores(z[held]))
        if len(folds) != 1:
            known = without(targets, nothing)
            self._densities = _Densities.fitted(z[known], targets[known], self.seed)
        return np.concatenate(scores)

    def _scores(self, z: FloatArray) -> Float64Array:
        return self._densities.scores(z)

    def _parts(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        return self._densities.parts()

    def _restore(self, config: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        self._densities = _Densities.restored(config, arrays)
        if (self._densities.gaussian.latent_dim, len(self._densities.shares)) != (
            self.latent_dim,
            len(self.classes),
        ):
            raise ValueError("the densities are not those of the classes")


@dataclass(frozen=True)
class _Densities:
    """p(z | c) π_c for the classes 0..K-1."""

    gaussian: GaussianPrior  # of every class
    mixtures: dict[int, GMMPrior]  # of the classes with many rows
    shares: Float64Array  # π [K], above 0, with the sum 1

    @classmethod
    def fitted(cls, z: FloatArray, targets: IntArray, seed: int) -> _Densities:
        """Fits rows [N, D] whose targets hold each class."""
        sizes = np.bincount(targets)
        many = np.flatnonzero(sizes >= ROWS_PER_DIMENSION * z.shape[1]).tolist()
        return cls(
            GaussianPrior(seed=seed).fit(z, targets),
            {c: GMMPrior(seed=seed).fit(z[targets == c]) for c in many},
            sizes / len(targets),
        )

    def scores(self, z: FloatArray) -> Float64Array:
        """Log p(z | c) + log π_c of float32 [N, D]: float64 [N, K]."""
        columns = [
            self.mixtures[c].log_density(z)
            if c in self.mixtures
            else self.gaussian.log_density(z, c)
            for c in range(len(self.shares))
        ]
        scores: Float64Array = np.stack(columns, axis=1) + np.log(self.shares)
        return scores

    def parts(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """As JSON values, and arrays under ``PRIOR/NAME``."""
        config: dict[str, Any] = {}
        arrays: dict[str, NDArray[Any]] = {"shares": self.shares}
        priors = {"gaussian": self.gaussian} | {f"gmm-{c}": p for c, p in self.mixtures.items()}
        for name, prior in priors.items():
            config[name], own = prior.state()
            arrays |= {f"{name}/{key}": array for key, array in own.items()}
        return {"priors": config}, arrays

    @classmethod
    def restored(cls, config: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> _Densities:
        """Takes back what ``parts`` gave."""
        gaussian: GaussianPrior | None = None
        mixtures: dict[int, GMMPrior] = {}
        shares = stored_array(arrays, "shares", np.float64, (None,))
        if not ((shares > 0).all() and abs(shares.sum() - 1) < 1e-6):
            raise ValueError("the shares must be above 0 and have the sum 1")
        for name, values in config["priors"].items():
            start = f"{name}/"
            own = {k.removeprefix(start): a for k, a in arrays.items() if k.startswith(start)}
            if name == "gaussian":
                gaussian = GaussianPrior.from_state(values, own)
            else:
                mixtures[int(name.removeprefix("gmm-"))] = GMMPrior.from_state(values, own)
        if gaussian is None:
            raise ValueError("the Gaussians of the classes are missing")
        sound = all(m.latent_dim == gaussian.latent_dim for m in mixtures.values())
        if not sound or not np.array_equal(gaussian.classes, np.arange(len(shares))):
            raise ValueError("the densities do not belong together")
        return cls(gaussian, mixtures, shares)
