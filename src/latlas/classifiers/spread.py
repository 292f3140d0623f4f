"""Few labels spread along the neighbour graph of all latents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from latlas.classifiers.base import (
    Float64Array,
    LatentClassifier,
    neighbour_weights,
    stored_array,
)
from latlas.contracts import FloatArray, IntArray
from latlas.neighbours import approximate_neighbours, nearest, single_threaded

NEIGHBOURS = 15
REACH = 0.99  # α: the share of a row's score that comes from its neighbours
PRECISION = 1e-4  # of the residual, as a share of the right-hand side
MOST_STEPS = 500
COLUMNS = 64  # classes that spread at once
SHARPNESS = 2.0  # what T mends where rows can be held out: it was 0.4 to 0.55 on MNIST without
FLOOR = 1e-6  # the share of a row's score that is the frequencies of the classes


class SpreadClassifier(LatentClassifier):
    """Label spreading: rows without a label tell how those with one hang together.

    F = (I - α S)⁻¹ Y with α = 0.99, Y the known labels as rows of 0 and 1, and S = D^-½ W D^-½
    the normalised weights of a graph with the degrees D (Zhou, Bousquet, Lal, Weston & Schölkopf,
    "Learning with Local and Global Consistency", NIPS 2003). It is found by conjugate gradients.
    W joins rows that are among each other's 15 nearest, each row to its very nearest besides; its
    weights are those of ``neighbour_weights``, the lower of the two directions.

    The columns of F are scaled so that their sums are in the proportions of the known labels
    (class mass normalisation: Zhu, Ghahramani & Lafferty, "Semi-Supervised Learning Using
    Gaussian Fields and Harmonic Functions", ICML 2003, section 4), each count plus one. A latent
    then has the mean, by the same weights, of the rows of F of the 15 rows next to it, and
    s is twice its logarithm, as F is far less sure than it is right. Rows of F are first scaled to
    the sum 1, and are the frequencies of the classes where no label reaches.

    Rows held out for calibration (see ``LatentClassifier``) stay in the graph without their
    label. The state holds the latents of all rows.

    Args and attributes: as in ``LatentClassifier``.
    """

    name: ClassVar[str] = "spread"

    def _learn(self, z: FloatArray, targets: IntArray, folds: Sequence[IntArray]) -> Float64Array:
        K = len(self.classes)
        graph = _Graph.over(z, self.seed)
        scores = [np.empty((0, K))]
        for held in folds:
            masked = targets.copy()
            masked[held] = -1
            scores.append(SHARPNESS * np.log(_shares(graph, masked, K)[held], dtype=np.float64))
        self._z, self._spread = z, _shares(graph, targets, K)
        return np.concatenate(scores)

    def _scores(self, z: FloatArray) -> Float64Array:
        found = nearest(z, self._z, min(NEIGHBOURS, len(self._z)))
        total = np.zeros((len(z), len(self.classes)))
        weights = neighbour_weights(found.distances)
        for weight, rows in zip(weights.T, found.indices.T, strict=True):
            total += weight[:, None] * self._spread[rows]
        scores: Float64Array = SHARPNESS * np.log(total / weights.sum(axis=1, keepdims=True))
        return scores

    def _parts(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        return {}, {"z": self._z, "spread": self._spread}

    def _restore(self, config: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        self._z = stored_array(arrays, "z", np.float32, (None, self.latent_dim))
        shape = (len(self._z), len(self.classes))
        self._spread = stored_array(arrays, "spread", np.float32, shape)
        if not (len(self._z) and (self._spread > 0).all()):
            raise ValueError("the spread labels must be above 0")


def _shares(graph: _Graph, targets: IntArray, K: int) -> FloatArray:
    """F as shares of the classes: float32 [N, K], above 0, rows that sum to 1."""
    counts = np.bincount(targets[targets >= 0], minlength=K) + 1
    frequencies = torch.from_numpy(counts / counts.sum()).float()
    F = torch.cat(
        [graph.spread(targets, block) for block in torch.split(torch.arange(K), COLUMNS)], dim=1
    )
    F *= frequencies / F.sum(dim=0).clamp_min(1e-30)
    sums = F.sum(dim=1, keepdim=True)
    F /= sums.clamp_min(1e-30)
    F = torch.where(sums > 0, F, frequencies)
    F = (1 - FLOOR) * F + FLOOR * frequencies
    shares: FloatArray = F.numpy()
    return shares


@dataclass(frozen=True)
class _Graph:
    """S, symmetric float32 [N, N], as the lists of its rows' entries one after the other."""

    columns: torch.Tensor  # int64 [E]
    weights: torch.Tensor  # float32 [E]
    starts: torch.Tensor  # int64 [N], where each row's entries begin

    @classmethod
    def over(cls, z: FloatArray, seed: int) -> _Graph:
        """The graph of latents float32 [N, D]."""
        N = len(z)
        if N == 1:
            nothing = torch.empty(0)
            return cls(nothing.long(), nothing, torch.zeros(1, dtype=torch.int64))
        found = approximate_neighbours(z, min(NEIGHBOURS, N - 1), seed=seed)
        k = found.indices.shape[1]
        own, other = np.arange(N).repeat(k), found.indices.ravel()
        weight = neighbour_weights(found.distances).ravel()
        ways = own * N + other
        order = ways.argsort()
        back = np.searchsorted(ways, other * N + own, sorter=order).clip(max=len(ways) - 1)
        back = order[back]  # where the other's entry for this row is, if it has one
        mutual = ways[back] == other * N + own
        lone = np.flatnonzero(~mutual & (np.arange(N * k) % k == 0))  # the very nearest
        rows = np.concatenate([own[mutual], own[lone], other[lone]])
        columns = np.concatenate([other[mutual], other[lone], own[lone]])
        least = np.minimum(weight, weight[back])[mutual]
        weights = np.concatenate([least, weight[lone], weight[lone]])
        degrees = np.bincount(rows, weights, minlength=N)
        weights /= np.sqrt(degrees[rows] * degrees[columns])
        order = np.lexsort((columns, rows))
        starts = np.searchsorted(rows[order], np.arange(N))
        return cls(
            torch.from_numpy(columns[order]),
            torch.from_numpy(weights[order]).float(),
            torch.from_numpy(starts),
        )

    def spread(self, targets: IntArray, classes: torch.Tensor) -> torch.Tensor:
        """(I - α S)⁻¹ Y for some classes: float32 [N, C], not below 0."""
        Y = (torch.from_numpy(targets)[:, None] == classes).float()
        F, residual, way = torch.zeros_like(Y), Y.clone(), Y.clone()
        size = first = residual.square().sum(dim=0)
        with single_threaded():
            for _ in range(MOST_STEPS):
                if (size <= PRECISION**2 * first).all():
                    break
                image = way - REACH * self._apply(way)
                step = size / (way * image).sum(dim=0).clamp_min(1e-30)
                F += step * way
                residual -= step * image
                before, size = size, residual.square().sum(dim=0)
                way = residual + size / before.clamp_min(1e-30) * way
        return F.clamp_min(0)

    def _apply(self, F: torch.Tensor) -> torch.Tensor:
        """S F, float32 [N, C]."""
        # A bag is a weighted sum of rows; far quicker here than the product of a sparse matrix.
        return functional.embedding_bag(
            self.columns, F, self.starts, mode="sum", per_sample_weights=self.weights
        )
