"""A linear classifier: one plane between every two classes."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from latlas.classifiers.base import (
    Float64Array,
    LatentClassifier,
    best_setting,
    joined,
    stored_array,
    without,
)
from latlas.contracts import FloatArray, IntArray
from latlas.lazily import lazy_import

linear_model = lazy_import("sklearn.linear_model")

STRENGTHS = (1.0, 0.1, 10.0, 100.0)  # the first is taken where no row can be held out
UNRESOLVED = 1e-7  # a spread below this share of the values is the rounding of float32
MOST_STEPS = 300
PARTS = ("means", "deviations", "weights", "offsets")


class LinearClassifier(LatentClassifier):
    """Multinomial logistic regression: s(z) = W (z - μ) / σ + b.

    W and b minimise Σₙ -log p(yₙ | zₙ) + λ/2 |W|² over the known rows; μ and σ are their mean and
    standard deviation, dimension by dimension. λ is chosen among 0.1, 1, 10, 100 by the
    likelihood of held-out rows (see ``LatentClassifier``), and is 1 where there are none.
    The solver is scikit-learn's.

    Args and attributes: as in ``LatentClassifier``.
    """

    name: ClassVar[str] = "linear"

    def _learn(self, z: FloatArray, targets: IntArray, folds: Sequence[IntArray]) -> Float64Array:
        K = len(self.classes)
        trials: list[list[Float64Array]] = [[] for _ in STRENGTHS]
        for held in folds:
            rest = without(targets, held)
            for scores, strength in zip(trials, STRENGTHS, strict=True):
                planes = _separate(z[rest], targets[rest], K, strength)
                scores.append(planes.scores(z[held]))
        blank = np.empty((0, K))
        results = [np.concatenate([blank, *scores]) for scores in trials]
        chosen = best_setting(results, targets[joined(folds)])
        known = without(targets, np.empty(0, dtype=np.int64))
        self._planes = _separate(z[known], targets[known], K, STRENGTHS[chosen])
        return results[chosen]

    def _scores(self, z: FloatArray) -> Float64Array:
        return self._planes.scores(z)

    def _parts(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        return {}, {name: getattr(self._planes, name) for name in PARTS}

    def _restore(self, config: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        K, D = len(self.classes), self.latent_dim
        shapes = ((D,), (D,), (K, D), (K,))
        parts = (
            stored_array(arrays, name, np.float64, shape)
            for name, shape in zip(PARTS, shapes, strict=True)
        )
        self._planes = _Planes(*parts)
        if not (self._planes.deviations > 0).all():
            raise ValueError("the deviations must be above 0")


@dataclass(frozen=True)
class _Planes:
    """s(z) = W (z - μ) / σ + b."""

    means: Float64Array  # μ [D]
    deviations: Float64Array  # σ [D], above 0
    weights: Float64Array  # W [K, D]
    offsets: Float64Array  # b [K]

    def scores(self, z: FloatArray) -> Float64Array:
        """The scores s of float32 [N, D]: float64 [N, K]."""
        s: Float64Array = (z - self.means) / self.deviations @ self.weights.T + self.offsets
        return s


def _separate(z: FloatArray, targets: IntArray, K: int, strength: float) -> _Planes:
    """Fits rows [N, D] whose targets hold each of the K classes, with λ = ``strength``."""
    means = z.mean(axis=0, dtype=np.float64)
    deviations = z.std(axis=0, dtype=np.float64)
    deviations[deviations <= UNRESOLVED * np.abs(means)] = 1  # a constant says nothing
    deviations[deviations == 0] = 1
    if K == 1:
        return _Planes(means, deviations, np.zeros((1, z.shape[1])), np.zeros(1))
    regression = linear_model.LogisticRegression(C=1 / strength, max_iter=MOST_STEPS)
    with warnings.catch_warnings():
        # That steps are left over, which change less than calibration does, or that classes are
        # many for so few rows.
        warnings.simplefilter("ignore", UserWarning)
        regression.fit((z - means) / deviations, targets)
    weights, offsets = regression.coef_, regression.intercept_
    if K == 2:  # there scikit-learn keeps the difference of the two planes
        weights, offsets = np.concatenate([-weights, weights]) / 2, np.r_[-offsets, offsets] / 2
    return _Planes(
        means,
        deviations,
        np.ascontiguousarray(weights, dtype=np.float64),
        np.asarray(offsets, dtype=np.float64),
    )
