"""The k nearest known latents vote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from latlas.classifiers.base import (
    Float64Array,
    LatentClassifier,
    best_setting,
    joined,
    neighbour_weights,
    stored_array,
    stored_number,
    without,
)
from latlas.contracts import FloatArray, IntArray
from latlas.neighbours import Neighbours, nearest

VOTERS = (10, 3, 5, 7, 15, 20, 30, 50)  # the first is taken where no row can be held out


class KNNClassifier(LatentClassifier):
    """s_c(z) = log (k v_c + π_c), v_c the share of the k nearest known latents' votes for class c.

    Votes weigh exp(-4 d² / d_k²), d the Euclidean distance to z and d_k that of the k-th (after
    Dudani, "The Distance-Weighted k-Nearest-Neighbor Rule", IEEE Transactions on Systems, Man,
    and Cybernetics 1976). π_c, the share of the class among all known latents, keeps classes
    without a vote possible. k is chosen among 3, 5, 7, 10, 15, 20, 30, 50 by the likelihood of
    held-out rows (see ``LatentClassifier``), and is 10 where there are none.

    The state holds the known latents themselves.

    Args and attributes: as in ``LatentClassifier``.

    Attributes:
        k: the number of voters; all latents vote where there are fewer.
    """

    name: ClassVar[str] = "knn"
    k: int

    def _learn(self, z: FloatArray, targets: IntArray, folds: Sequence[IntArray]) -> Float64Array:
        K = len(self.classes)
        trials: list[list[Float64Array]] = [[] for _ in VOTERS]
        for held in folds:
            rest = without(targets, held)
            found = nearest(z[held], z[rest], min(max(VOTERS), len(rest)))
            for scores, k in zip(trials, VOTERS, strict=True):
                scores.append(_votes(found, targets[rest], K, k))
        results = [np.concatenate([np.empty((0, K)), *scores]) for scores in trials]
        chosen = best_setting(results, targets[joined(folds)])
        known = without(targets, np.empty(0, dtype=np.int64))
        self.k, self._z, self._targets = VOTERS[chosen], z[known], targets[known]
        return results[chosen]

    def _scores(self, z: FloatArray) -> Float64Array:
        found = nearest(z, self._z, min(self.k, len(self._z)))
        return _votes(found, self._targets, len(self.classes), self.k)

    def _parts(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        return {"k": self.k}, {"z": self._z, "targets": self._targets}

    def _restore(self, config: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        self.k = int(stored_number(config, "k", int, 1))
        self._z = stored_array(arrays, "z", np.float32, (None, self.latent_dim))
        self._targets = stored_array(arrays, "targets", np.int64, (len(self._z),))
        if not np.array_equal(np.unique(self._targets), np.arange(len(self.classes))):
            raise ValueError("the targets must hold each class, and nothing else")


def _votes(found: Neighbours, targets: IntArray, K: int, k: int) -> Float64Array:
    """Scores of M rows, by the k first of their neighbours: float64 [M, K]."""
    M, k = len(found.indices), min(k, found.indices.shape[1])
    weights = neighbour_weights(found.distances[:, :k])
    weights *= k / weights.sum(axis=1, keepdims=True)
    places = np.arange(M)[:, None] * K + targets[found.indices[:, :k]]  # [M, k]
    votes = np.bincount(places.ravel(), weights.ravel(), minlength=M * K).reshape(M, K)
    scores: Float64Array = np.log(votes + np.bincount(targets, minlength=K) / len(targets))
    return scores
