"""The Gaussians of a mixture one by one: which of them a row is of, and where it lies in it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from latlas.contracts import FloatArray, IntArray
from latlas.priors.mixture import Float64Array, Mixture

__all__ = ["Components"]

BLOCK_ROWS = 16_384


@dataclass(frozen=True)
class Components:
    """The components of one mixture, numbered 0..K-1 here and from ``start`` on among all.

    Attributes:
        mixture: p(z) = Σₖ πₖ N(z; μₖ, LₖLₖᵀ).
        start: the number of the first one among the components of all densities of a prior.
    """

    mixture: Mixture
    start: int

    def joint(self, z: FloatArray) -> Float64Array:
        """Log πₖ N(z; μₖ, LₖLₖᵀ) at rows float32 [N, D]: float64 [N, K]."""
        D = z.shape[1]
        constants = np.log(self.mixture.weights) - self.volumes() - D / 2 * math.log(2 * math.pi)
        joint = np.empty((len(z), len(constants)))
        for k in range(len(constants)):
            x = self.standardise(z, np.full(len(z), k))
            joint[:, k] = constants[k] - np.square(x).sum(axis=1) / 2
        return joint

    def assign(self, z: FloatArray, seed: int) -> IntArray:
        """Draws a component for each row from p(k | z): int64 [N].

        The largest of log πₖ pₖ(z) plus Gumbel noise is such a draw.
        """
        generator = np.random.default_rng(seed)
        drawn = []
        for start in range(0, len(z), BLOCK_ROWS):
            joint = self.joint(z[start : start + BLOCK_ROWS])
            drawn.append((joint + generator.gumbel(size=joint.shape)).argmax(axis=1))
        return np.concatenate(drawn)

    def draw(self, n: int, seed: int) -> tuple[IntArray, Float64Array]:
        """Components int64 [n] by their weights, and normal noise [n, D]: prefixes of longer ones.

        The streams are those of ``Mixture.sample``, so both start from the same noise.
        """
        which = np.random.default_rng((seed, 0)).random(n)
        noise = np.random.default_rng((seed, 1)).standard_normal((n, self.mixture.means.shape[1]))
        own = np.searchsorted(self.mixture.weights.cumsum()[:-1], which, side="right")
        return own.astype(np.int64), noise

    def standardise(self, z: FloatArray, own: IntArray) -> Float64Array:
        """Rows [N, D] in the frame where the component ``own`` [N] of each is N(0, I)."""
        x = np.empty(z.shape)
        for k in np.unique(own):
            rows = own == k
            x[rows] = (z[rows] - self.mixture.means[k]) @ np.linalg.inv(self.mixture.roots[k]).T
        return x

    def carry(self, x: Float64Array, own: IntArray) -> FloatArray:
        """Rows [N, D] from that frame back to where they are among the latents: float32."""
        z = np.empty(x.shape)
        for k in np.unique(own):
            rows = own == k
            z[rows] = self.mixture.means[k] + x[rows] @ self.mixture.roots[k].T
        return z.astype(np.float32)

    def volumes(self) -> Float64Array:
        """Log det Lₖ: float64 [K]."""
        logs: Float64Array = np.log(np.diagonal(self.mixture.roots, axis1=1, axis2=2)).sum(axis=1)
        return logs
